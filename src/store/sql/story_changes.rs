//! Stories that users split and merge.

use crate::domain::story::Reason;
use crate::store::database::{Connection, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::{duplicates, meta};

/// Moves articles, with those that are the same, to a story of their own, for good. Returns the number of the story.
pub(in crate::store) fn split(tx: &Connection, articles: &[i64]) -> Result<i64, StoreError> {
    const MOVE: &str = "
        UPDATE story_article SET story_id = ?2, reason = ?3, score = 0, shared = NULL WHERE article_id = ?1";
    let action = "split a story";
    let before = meta::sequence(tx)?;
    let story = before + 1;
    for article in articles {
        let original = duplicates::original_of(tx, *article)?.unwrap_or(*article);
        for (same, _) in duplicates::same(tx, original).context(action)? {
            let reason = if same == original { Reason::ByHand } else { Reason::Duplicate };
            tx.prepare_cached(MOVE)
                .and_then(|mut s| s.execute(params![same, story, reason.as_str()]))
                .context(action)?;
            tx.prepare_cached("UPDATE open_story_article SET story_id = ?2 WHERE article_id = ?1")
                .and_then(|mut s| s.execute([same, story]))
                .context(action)?;
        }
    }
    meta::advance_sequence(tx, before, story)?;
    meta::count_story_change(tx)?;
    Ok(story)
}

/// Moves all articles of the story `from` to the story `into`, for good. New articles are compared with both as before.
pub(in crate::store) fn merge(tx: &Connection, from: i64, into: i64) -> Result<(), StoreError> {
    let before = meta::sequence(tx)?;
    for sql in [
        "UPDATE story_article SET story_id = ?2, reason = CASE reason WHEN 'first' THEN 'by_hand' ELSE reason END
         WHERE story_id = ?1",
        "UPDATE merged_story SET into_id = ?2 WHERE into_id = ?1",
        "INSERT INTO merged_story (story_id, into_id) VALUES (?1, ?2)
         ON CONFLICT (story_id) DO UPDATE SET into_id = excluded.into_id",
    ] {
        tx.prepare_cached(sql).and_then(|mut s| s.execute([from, into])).context("merge stories")?;
    }
    meta::advance_sequence(tx, before, before + 1) // Exports that name stories are written again.
}
