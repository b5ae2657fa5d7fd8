//! Consumers and their cursors.
//!
//! Changes after the cursor are still to be delivered. A cursor skips no change, because sequence numbers become
//! visible in their order: they are assigned within immediate transactions, of which SQLite runs one at a
//! time, and each continues from the last committed number. A reader that sees one number sees every lower one.

use crate::domain::consumer::{Consumer, ConsumerName, Delivered, Trouble};
use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{self, Connection, OptionalExtension, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{count, time};

const COLUMNS: &str = "
    SELECT name, seq, batches, records, created_at, moved_at, failures, error, failed_at, retry_at
    FROM consumer";

const REGISTER: &str = "INSERT INTO consumer (name, seq, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING";

/// Changes nothing when the cursor was reset or the consumer was removed during the delivery.
const MOVE: &str = "
    UPDATE consumer SET seq = ?3, batches = batches + CASE WHEN 0 < CAST(?4 AS bigint) THEN 1 ELSE 0 END,
        records = records + ?4, moved_at = ?5, failures = 0, error = NULL, failed_at = NULL, retry_at = NULL
    WHERE name = ?1 AND seq = ?2";

const FAIL: &str = "
    UPDATE consumer SET failures = failures + 1, error = ?3, failed_at = ?4, retry_at = ?5
    WHERE name = ?1 AND seq = ?2";

const RESET: &str = "
    UPDATE consumer SET seq = ?2, failures = 0, error = NULL, failed_at = NULL, retry_at = NULL
    WHERE name = ?1";

pub(super) fn list(connection: &Connection) -> Result<Vec<Consumer>, StoreError> {
    connection
        .prepare_cached(&format!("{COLUMNS} ORDER BY name"))
        .and_then(|mut s| s.query_map([], one)?.collect())
        .context("list consumers")
}

pub(super) fn find(
    connection: &Connection,
    name: &ConsumerName,
) -> Result<Option<Consumer>, StoreError> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE name = ?1"))
        .and_then(|mut s| s.query_row([name.as_str()], one).optional())
        .context("look up a consumer")
}

fn one(r: &Row<'_>) -> database::Result<Consumer> {
    let trouble = match (r.get("error")?, time(r, "failed_at")?) {
        (Some(error), Some(failed_at)) => Some(Trouble {
            failures: r.get("failures")?,
            error,
            failed_at,
            retry_at: time(r, "retry_at")?,
        }),
        (None, _) | (_, None) => None,
    };
    Ok(Consumer {
        name: r.get("name")?,
        seq: r.get("seq")?,
        batches: count(r, "batches")?,
        records: count(r, "records")?,
        created_at: from_unix(r.get("created_at")?),
        moved_at: time(r, "moved_at")?,
        trouble,
    })
}

pub(super) fn waiting_since(
    connection: &Connection,
    consumer: &Consumer,
) -> Result<Option<Timestamp>, StoreError> {
    const OLDEST: &str = "SELECT first_seen_at FROM article WHERE ?1 < seq ORDER BY seq LIMIT 1";
    let oldest = connection
        .prepare_cached(OLDEST)
        .and_then(|mut s| s.query_row([consumer.seq], |row| row.get(0)).optional())
        .context("find what a consumer has not received")?;
    let delivered_at = consumer.moved_at.unwrap_or(consumer.created_at);
    Ok(oldest.map(|at| from_unix(at).max(delivered_at)))
}

pub(in crate::store) fn register(
    tx: &Connection,
    name: &ConsumerName,
    seq: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.prepare_cached(REGISTER)
        .and_then(|mut s| s.execute(params![name.as_str(), seq, now.timestamp()]))
        .map(|_| ())
        .context("store a new consumer")
}

pub(in crate::store) fn advance(
    tx: &Connection,
    name: &ConsumerName,
    delivered: &Delivered,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Delivered { from, to, records } = delivered;
    let values = params![name.as_str(), from, to, records.cast_signed(), now.timestamp()];
    changed(tx, MOVE, values, "move a consumer's cursor")
}

pub(in crate::store) fn fail(
    tx: &Connection,
    name: &ConsumerName,
    from: i64,
    (error, retry_at): (&str, Option<Timestamp>),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let retry_at = retry_at.map(|at| at.timestamp());
    let values = params![name.as_str(), from, error, now.timestamp(), retry_at];
    changed(tx, FAIL, values, "store a failed delivery")
}

pub(in crate::store) fn reset(tx: &Connection, name: &str, seq: i64) -> Result<bool, StoreError> {
    changed(tx, RESET, params![name, seq], "reset a consumer")
}

pub(in crate::store) fn remove(tx: &Connection, name: &str) -> Result<bool, StoreError> {
    changed(tx, "DELETE FROM consumer WHERE name = ?1", params![name], "remove a consumer")
}

fn changed(
    tx: &Connection,
    sql: &str,
    values: &[&dyn database::ToSql],
    action: &'static str,
) -> Result<bool, StoreError> {
    tx.prepare_cached(sql).and_then(|mut s| s.execute(values)).map(|rows| rows == 1).context(action)
}
