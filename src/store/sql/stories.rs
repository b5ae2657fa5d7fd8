//! Which story each article belongs to, decided in the order of the sequence numbers.
//!
//! The open stories are in memory ([`OpenStories`]) and in `open_story_article`, from which they are read when a process
//! starts, when another process has decided meanwhile, and after a user has split a story. Which story an article
//! joins is decided in `matching::stories`.

use std::collections::HashSet;

use serde_json::json;

use crate::domain::article::StoryId;
use crate::domain::story::Reason;
use crate::domain::time::Timestamp;
use crate::matching::stories::{Entry, Membership, Stored, Stories, Terms};
use crate::store::database::{self, Connection, OptionalExtension, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{Columns, column};
use crate::store::sql::meta;

/// An article that is to join a story, as far as it can be computed outside of the writer's transaction.
#[derive(Debug)]
pub(super) struct NewArticle {
    article: i64,
    at: i64,
    seen_at: i64,
    language: Option<String>,
    terms: Terms,
}

impl NewArticle {
    /// The columns that [`Self::of`] reads.
    pub(super) const COLUMNS: &'static str = "id, order_at, first_seen_at, language, title";

    /// A row with [`Self::COLUMNS`], and the plain text of the article, of which the beginning is used.
    pub(super) fn of(row: &Row<'_>, text: &str) -> database::Result<Self> {
        let seen_at: i64 = row.get("first_seen_at")?;
        let title = row.get_ref("title")?.as_str_or_null()?.unwrap_or_default();
        Ok(Self {
            article: row.get("id")?,
            at: seen_at.min(row.get("order_at")?),
            seen_at,
            language: row.get("language")?,
            terms: Terms::of(title, text),
        })
    }
}

/// The open stories in memory.
#[derive(Debug, Default)]
pub(super) struct OpenStories {
    /// The `matched_seq` and the `story_changes` to which they belong; `None` when they have not been read.
    known: Option<(i64, i64)>,
    stories: Stories,
}

impl OpenStories {
    /// Reads what other processes have decided since the last call, or everything.
    fn catch_up(&mut self, tx: &Connection, from: i64, changes: i64) -> Result<(), StoreError> {
        let since = format!(
            "SELECT {} FROM open_story_article WHERE ?1 < article_id ORDER BY article_id",
            OPEN_ARTICLE.list()
        );
        let action = "read the open stories";
        let known = self.known.filter(|(seq, known)| *seq <= from && *known == changes);
        let known = known.map(|(seq, _)| seq);
        if known == Some(from) {
            return Ok(());
        }
        if known.is_none() {
            *self = Self::default();
        }
        let mut read = tx.prepare_cached(&since).context(action)?;
        let mut rows = read.query([known.unwrap_or(i64::MIN)]).context(action)?;
        while let Some(row) = rows.next().context(action)? {
            self.stories.restore(&stored(&row).context(action)?);
        }
        self.stories.take_closed(); // Their rows were removed when they were closed.
        Ok(())
    }
}

/// A row of `open_story_article`. All of them are read when a process starts.
const OPEN_ARTICLE: Columns<6> = Columns([
    ("article_id", "article_id"),
    ("story_id", "story_id"),
    ("language", "language"),
    ("at", "at"),
    ("seen_at", "seen_at"),
    ("terms", "terms"),
]);

fn stored(row: &Row<'_>) -> database::Result<Stored> {
    Ok(Stored {
        article: row.get(column!(OPEN_ARTICLE.article_id))?,
        story: row.get(column!(OPEN_ARTICLE.story_id))?,
        at: row.get(column!(OPEN_ARTICLE.at))?,
        seen_at: row.get(column!(OPEN_ARTICLE.seen_at))?,
        language: row.get(column!(OPEN_ARTICLE.language))?,
        vector: row.get(column!(OPEN_ARTICLE.terms))?,
    })
}

/// Stores the stories of the articles between two values of `matched_seq`. It is known which of them are duplicates, and which
/// are of a series.
pub(super) fn join_all(
    tx: &Connection,
    open: &mut OpenStories,
    (from, up_to): (i64, i64),
    (articles, of_series): (&[NewArticle], &HashSet<i64>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let changes = meta::story_changes(tx)?;
    open.catch_up(tx, from, changes)?;
    // If this fails, what is in memory is more than what is stored.
    open.known = None;
    for article in articles {
        let stories = (!of_series.contains(&article.article)).then_some(&mut open.stories);
        join(tx, stories, article, now)?;
    }
    let action = "close stories";
    let mut close = tx
        .prepare_cached("DELETE FROM open_story_article WHERE article_id = ?1")
        .context(action)?;
    for article in open.stories.take_closed() {
        close.execute([article]).context(action)?;
    }
    open.known = Some((up_to, changes));
    Ok(())
}

/// Stores the story of one article. A duplicate is in the story of its original, and ties nothing else to it. Without `stories`,
/// the article is one of a series, and stays alone.
fn join(
    tx: &Connection,
    stories: Option<&mut Stories>,
    new: &NewArticle,
    now: Timestamp,
) -> Result<(), StoreError> {
    // The article may have been removed since it was read.
    const KIND: &str = "
        SELECT s.story_id FROM article a
        LEFT JOIN article_duplicate d ON d.article_id = a.id
        LEFT JOIN story_article s ON s.article_id = d.original_id
        WHERE a.id = ?1";
    const JOIN: &str = "
        INSERT INTO story_article (article_id, story_id, reason, score, shared, decided_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (article_id) DO UPDATE SET story_id = excluded.story_id, reason = excluded.reason,
            score = excluded.score, shared = excluded.shared, decided_at = excluded.decided_at";
    const OPEN: &str = "
        INSERT INTO open_story_article (article_id, story_id, language, at, seen_at, terms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (article_id) DO UPDATE SET story_id = excluded.story_id, language = excluded.language,
            at = excluded.at, seen_at = excluded.seen_at, terms = excluded.terms";
    let action = "store the story of an article";
    let is_there: Option<Option<i64>> = tx
        .prepare_cached(KIND)
        .and_then(|mut s| s.query_row([new.article], |row| row.get(0)).optional())
        .context(action)?;
    let Some(of_original) = is_there else { return Ok(()) };
    let mut row = tx.prepare_cached(JOIN).context(action)?;
    let at = now.timestamp();
    if let Some(story) = of_original {
        let reason = Reason::Duplicate.as_str();
        row.execute(params![new.article, story, reason, 1.0, None::<String>, at])
            .context(action)?;
        return Ok(());
    }
    let Some(stories) = stories else {
        let reason = Reason::First.as_str();
        row.execute(params![new.article, new.article, reason, 0.0, None::<String>, at])
            .context(action)?;
        return Ok(());
    };
    let Membership { story, reason, score, shared, counted } = stories.join(&Entry {
        article: new.article,
        at: new.at,
        seen_at: new.seen_at,
        language: new.language.as_deref(),
        terms: &new.terms,
    });
    let story = match reason {
        Reason::Similar => merged_into(tx, story)?.unwrap_or(story),
        Reason::First | Reason::Duplicate | Reason::ByHand => story,
    };
    let shared = (!shared.is_empty()).then(|| json!(shared).to_string());
    row.execute(params![new.article, story, reason.as_str(), score, shared, at]).context(action)?;
    let Stored { article, story, at, seen_at, language, vector } = counted;
    tx.prepare_cached(OPEN)
        .and_then(|mut s| s.execute(params![article, story, language, at, seen_at, vector]))
        .map(|_| ())
        .context(action)
}

/// The public id of a story.
pub(super) fn id_of(store_id: &str, story: i64) -> StoryId {
    StoryId(format!("{store_id}-{story:x}"))
}

/// The number of a story from its public id, or from what stands behind the dash; of a story that was merged into another
/// one that of the latter. `None` if there is no such story.
pub(super) fn number_of(
    connection: &Connection,
    store_id: &str,
    id: &StoryId,
) -> Result<Option<i64>, StoreError> {
    const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM story_article WHERE story_id = ?1)";
    let action = "look up a story";
    let (store, number) = id.0.trim().split_once('-').unwrap_or((store_id, id.0.trim()));
    let number = i64::from_str_radix(number, 16).ok().filter(|n| store == store_id && 0 < *n);
    let Some(number) = number else { return Ok(None) };
    let number = merged_into(connection, number)?.unwrap_or(number);
    let is_there: bool = connection
        .prepare_cached(IS_THERE)
        .and_then(|mut s| s.query_row([number], |row| row.get(0)))
        .context(action)?;
    Ok(is_there.then_some(number))
}

/// The story that a user has merged this one into.
fn merged_into(connection: &Connection, story: i64) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached("SELECT into_id FROM merged_story WHERE story_id = ?1")
        .and_then(|mut s| s.query_row([story], |row| row.get(0)).optional())
        .context("look for a merged story")
}

/// [`id_of`] with the id of this store.
pub(in crate::store) fn id(connection: &Connection, story: i64) -> Result<StoryId, StoreError> {
    Ok(id_of(&meta::store_id(connection)?, story))
}

/// [`number_of`] with the id of this store.
pub(in crate::store) fn number(
    connection: &Connection,
    id: &StoryId,
) -> Result<Option<i64>, StoreError> {
    number_of(connection, &meta::store_id(connection)?, id)
}

/// Removes an article from its story. The story keeps its number.
pub(super) fn leave(tx: &Connection, article: i64) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM story_article WHERE article_id = ?1")
        .and_then(|mut s| s.execute([article]))
        .map(|_| ())
        .context("remove an article from its story")
}
