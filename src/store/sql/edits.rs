//! Which articles were edited, and when. An edit is known as long as the version before it is kept.

use std::collections::HashSet;

use crate::domain::article::EditKey;
use crate::domain::query::Query;
use crate::domain::time::Timestamp;
use crate::store::database::{Connection, Row, params, params_from_iter};
use crate::store::error::{Context, StoreError};
use crate::store::sql::{columns, select};

/// The number of edits that are compared with the filters at once.
const BATCH: usize = 500;

/// The most edits that are compared with the filters. It bounds the time in which a filter finds nothing.
const MOST_COMPARED: usize = 20_000;

/// The edits that match a query, the latest first. `since` and `until` are about the time of the edit; all other filters
/// apply to the article as it is now.
pub(super) fn keys(
    connection: &Connection,
    store_id: &str,
    query: &Query,
    now: Timestamp,
) -> Result<Vec<EditKey>, StoreError> {
    let seconds = |at: Timestamp| at.timestamp();
    let since = query.since.map_or(i64::MIN, |since| seconds(since.resolve(now)));
    let until = query.until.map_or(i64::MAX, |until| seconds(until.resolve(now)));
    let limit = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let (mut found, mut compared): (Vec<EditKey>, usize) = (Vec::new(), 0);
    let mut before = (until, i64::MAX, i64::MAX);
    while found.len() < limit && compared < MOST_COMPARED {
        let batch = batch(connection, since, before)?;
        let Some((at, row, revision)) = batch.last().copied() else { break };
        before = (at, row, revision);
        compared += batch.len();
        let ids = batch.iter().map(|(_, row, _)| columns::id_of(store_id, *row));
        let wanted =
            Query { among: ids.collect(), since: None, until: None, limit: None, ..query.clone() };
        let wanted = matching(connection, store_id, &wanted, now)?;
        let edits = batch.iter().filter(|(_, row, _)| wanted.contains(row));
        found.extend(edits.map(|(at, row, revision)| EditKey {
            at: *at,
            article: columns::id_of(store_id, *row),
            revision: u32::try_from(*revision).unwrap_or(u32::MAX),
        }));
        if batch.len() < BATCH {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// The edits before another one in the order of [`keys`]: time, row id of the article, revision that was replaced.
fn batch(
    connection: &Connection,
    since: i64,
    before: (i64, i64, i64),
) -> Result<Vec<(i64, i64, i64)>, StoreError> {
    let action = "list what was edited";
    let sql = format!(
        "SELECT r.replaced_at, r.article_id, r.revision FROM article_revision r
         WHERE ?1 <= r.replaced_at AND (r.replaced_at, r.article_id, r.revision) < (?2, ?3, ?4)
         ORDER BY r.replaced_at DESC, r.article_id DESC, r.revision DESC LIMIT {BATCH}"
    );
    let one = |r: &Row<'_>| Ok((r.get("replaced_at")?, r.get("article_id")?, r.get("revision")?));
    let values = params![since, before.0, before.1, before.2];
    let mut statement = connection.prepare_cached(&sql).context(action)?;
    statement.query_map(values, one).and_then(Iterator::collect).context(action)
}

/// The row ids of the articles that a query finds.
fn matching(
    connection: &Connection,
    store_id: &str,
    query: &Query,
    now: Timestamp,
) -> Result<HashSet<i64>, StoreError> {
    let action = "choose among what was edited";
    let (sql, values) = select::select(connection, "a.id", store_id, query, now)?;
    let mut statement = connection.prepare(&sql).context(action)?;
    let rows = statement.query_map(params_from_iter(values), |row| row.get("id"));
    rows.and_then(Iterator::collect).context(action)
}
