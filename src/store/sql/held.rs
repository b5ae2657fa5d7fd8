//! New articles that consumers do not hear of before their page was requested, so that they hear of them once, with the
//! whole text.

use std::collections::HashMap;

use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{Connection, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::meta;

/// What is held back, as a subquery.
const HELD: &str = "SELECT article_id FROM held_article WHERE announced_seq IS NULL";

/// Holds an article back until its page was requested, or until this time.
pub(super) fn hold(tx: &Connection, article: i64, until: Timestamp) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO held_article (article_id, until) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )
    .and_then(|mut s| s.execute(params![article, until.timestamp()]))
    .map(|_| ())
    .context("hold an article back")
}

/// Lets consumers hear of these articles, as far as they were held back: each gets a new sequence number. Returns whether
/// one was.
pub(super) fn release(tx: &Connection, articles: &[i64]) -> Result<bool, StoreError> {
    const MARK: &str = "
        UPDATE held_article SET announced_seq = ?2 WHERE article_id = ?1 AND announced_seq IS NULL";
    let action = "announce an article that was held back";
    let before = meta::sequence(tx)?;
    let mut seq = before;
    for article in articles {
        let marked = tx
            .prepare_cached(MARK)
            .and_then(|mut s| s.execute([*article, seq + 1]))
            .context(action)?;
        if marked == 1 {
            seq += 1;
            tx.prepare_cached("UPDATE article SET seq = ?2 WHERE id = ?1")
                .and_then(|mut s| s.execute([*article, seq]))
                .context(action)?;
        }
    }
    meta::advance_sequence(tx, before, seq)?;
    Ok(seq != before)
}

/// Announces the articles that have waited long enough, or `all`. Returns whether there were some, and when the time of
/// the next one comes.
pub(in crate::store) fn release_due(
    tx: &Connection,
    all: bool,
    now: Timestamp,
) -> Result<(bool, Option<Timestamp>), StoreError> {
    let action = "look for articles that were held back";
    let until = if all { i64::MAX } else { now.timestamp() };
    let due: Vec<i64> = tx
        .prepare_cached(&format!("{HELD} AND until <= ?1 ORDER BY until, article_id"))
        .and_then(|mut s| s.query_map([until], |row| row.get(0))?.collect())
        .context(action)?;
    let released = release(tx, &due)?;
    let next: Option<i64> = tx
        .prepare_cached("SELECT min(until) FROM held_article WHERE announced_seq IS NULL")
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .context(action)?;
    Ok((released, next.map(from_unix)))
}

/// The condition by which a query for changes leaves articles out that are held back; `None` when there are none. `table`
/// is the name of the table `article` in the query.
pub(super) fn condition(
    connection: &Connection,
    table: &str,
) -> Result<Option<String>, StoreError> {
    let any: bool = connection
        .prepare_cached(&format!("SELECT EXISTS ({HELD})"))
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .context("look for articles that are held back")?;
    Ok(any.then(|| format!("{table}.id NOT IN ({HELD})")))
}

/// The sequence numbers after `after` under which articles that were stored before were announced, by the row ids of
/// these.
pub(super) fn announced(
    connection: &Connection,
    after: i64,
) -> Result<HashMap<i64, i64>, StoreError> {
    const ANNOUNCED: &str = "
        SELECT article_id, announced_seq FROM held_article WHERE ?1 < announced_seq AND article_id <= ?1";
    let one = |r: &Row<'_>| Ok((r.get("article_id")?, r.get("announced_seq")?));
    connection
        .prepare_cached(ANNOUNCED)
        .and_then(|mut s| s.query_map([after], one)?.collect())
        .context("read what was announced")
}
