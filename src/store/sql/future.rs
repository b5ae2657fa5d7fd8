//! Articles that are dated ahead of their time, and left out until it has come (`hide_future`).

use std::collections::HashMap;

use crate::domain::article::ArticleId;
use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{Connection, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::{columns, meta};

/// What is hidden at a time, as a subquery. The publisher may have corrected the date since the article was stored.
const HIDDEN: &str = "
    SELECT f.article_id FROM future_article f JOIN article a ON a.id = f.article_id
    WHERE f.announced_seq IS NULL";

/// The result of announcing the articles whose time has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    pub articles: u64,
    /// When the time of the next article comes; `None` when none is hidden.
    pub next: Option<Timestamp>,
}

/// Hides the articles that were inserted after the sequence number `before` and are dated ahead.
pub(super) fn hide(tx: &Connection, before: i64, now: Timestamp) -> Result<(), StoreError> {
    const HIDE: &str = "
        INSERT INTO future_article (article_id)
        SELECT id FROM article WHERE ?1 < id AND ?2 < published_at";
    tx.prepare_cached(HIDE)
        .and_then(|mut s| s.execute([before, now.timestamp()]))
        .map(|_| ())
        .context("hide an article")
}

/// Gives the articles whose time has come a new sequence number each, so that every consumer hears of them. With `all`,
/// nothing stays hidden.
pub(in crate::store) fn announce(
    tx: &Connection,
    all: bool,
    now: Timestamp,
) -> Result<Announced, StoreError> {
    const DUE: &str = " AND (CAST(?2 AS bigint) = 1 OR coalesce(a.published_at, 0) <= ?1)
        ORDER BY a.published_at NULLS FIRST, a.id";
    const NEXT: &str = "
        SELECT min(a.published_at) FROM future_article f JOIN article a ON a.id = f.article_id
        WHERE f.announced_seq IS NULL";
    // An article that was more than a day ahead was ordered by its first sighting.
    const SHOW: &str = "
        UPDATE article SET seq = ?2, order_at = CASE WHEN published_at <= ?3 THEN published_at ELSE order_at END
        WHERE id = ?1";
    const MARK: &str =
        "UPDATE future_article SET announced_seq = ?2, announced_at = ?3 WHERE article_id = ?1";
    let (action, at) = ("announce an article", now.timestamp());
    let due: Vec<i64> = tx
        .prepare_cached(&format!("{HIDDEN}{DUE}"))
        .and_then(|mut s| s.query_map(params![at, all], |row| row.get(0))?.collect())
        .context(action)?;
    let before = meta::sequence(tx)?;
    let mut seq = before;
    for article in &due {
        seq += 1;
        for sql in [SHOW, MARK] {
            tx.prepare_cached(sql)
                .and_then(|mut s| s.execute([*article, seq, at]))
                .context(action)?;
        }
    }
    meta::advance_sequence(tx, before, seq)?;
    let next: Option<i64> = tx
        .prepare_cached(NEXT)
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .context(action)?;
    Ok(Announced { articles: due.len() as u64, next: next.map(from_unix) })
}

/// The condition by which a query leaves hidden articles out; `None` when there are none. A query for changes leaves out
/// all that were not announced yet; others only those whose time has not come. `table` is the name of the table `article`
/// in the query.
pub(super) fn condition(
    connection: &Connection,
    table: &str,
    is_of_changes: bool,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let any: bool = connection
        .prepare_cached(&format!("SELECT EXISTS ({HIDDEN})"))
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .context("look for hidden articles")?;
    let due = format!(" AND {} < a.published_at", now.timestamp());
    let due = if is_of_changes { "" } else { &due };
    Ok(any.then(|| format!("{table}.id NOT IN ({HIDDEN}{due})")))
}

/// Whether an article is hidden at this time.
pub(super) fn is_hidden(
    connection: &Connection,
    store_id: &str,
    id: &ArticleId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = columns::row_of(store_id, id);
    connection
        .prepare_cached(&format!(
            "SELECT EXISTS ({HIDDEN} AND f.article_id = ?1 AND ?2 < a.published_at)"
        ))
        .and_then(|mut s| s.query_row(params![row, now.timestamp()], |row| row.get(0)))
        .context("look for a hidden article")
}

/// The sequence numbers after `after` under which articles were announced, by the row ids of these.
pub(super) fn announced(
    connection: &Connection,
    after: i64,
) -> Result<HashMap<i64, i64>, StoreError> {
    connection
        .prepare_cached(
            "SELECT article_id, announced_seq FROM future_article WHERE ?1 < announced_seq",
        )
        .and_then(|mut s| {
            s.query_map([after], |row| Ok((row.get("article_id")?, row.get("announced_seq")?)))?
                .collect()
        })
        .context("read what was announced")
}
