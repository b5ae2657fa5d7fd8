//! The last polls of each feed, for `explain`.

use rusqlite::{Connection, Row, params};

use crate::domain::feed::FeedId;
use crate::domain::poll::{Applied, Decision, Reason};
use crate::domain::time::{Timestamp, from_unix};
use crate::store::error::{Doing, StoreError};

/// Polls kept of a feed: two days at one an hour, a day at two.
const SLOTS: i64 = 50;

const RECORD: &str = "
    INSERT OR REPLACE INTO poll (feed_id, slot, polled_at, conditional, outcome, status, bytes,
        elapsed_ms, added, edited, detail, next_poll_at, because)
    SELECT ?1, polls % ?2, ?3, ?4, outcome, status, ?5, ?6, ?7, ?8, detail, next_poll_at, because
    FROM plan WHERE feed_id = ?1";

/// Copies what the plan just took up, beside what only this poll knows, over the oldest entry.
pub(super) fn record(tx: &Connection, d: &Decision, applied: Applied) -> Result<(), StoreError> {
    let observed = &d.observed;
    let row = params![
        d.feed.0,
        SLOTS,
        d.polled_at.timestamp(),
        observed.conditional,
        i64::try_from(observed.bytes).unwrap_or(i64::MAX),
        i64::try_from(observed.elapsed.as_millis()).unwrap_or(i64::MAX),
        applied.added,
        applied.edited,
    ];
    tx.prepare_cached(RECORD).and_then(|mut s| s.execute(row)).map(|_| ()).doing("record a poll")
}

/// A poll that was.
#[derive(Clone, Debug)]
pub struct PastPoll {
    pub polled_at: Timestamp,
    pub conditional: bool,
    /// As `PollOutcome::as_str` has it.
    pub outcome: String,
    pub status: Option<u16>,
    pub bytes: u64,
    pub elapsed_ms: u64,
    pub added: u32,
    pub edited: u32,
    pub detail: Option<String>,
    pub next_poll_at: Option<Timestamp>,
    pub because: Option<Reason>,
}

/// The latest polls of a feed, newest first.
pub(super) fn latest(
    connection: &Connection,
    feed: FeedId,
    limit: usize,
) -> Result<Vec<PastPoll>, StoreError> {
    const LATEST: &str = "
        SELECT polled_at, conditional, outcome, status, bytes, elapsed_ms, added, edited, detail,
            next_poll_at, because
        FROM poll WHERE feed_id = ?1 ORDER BY polled_at DESC, slot DESC LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(LATEST)
        .and_then(|mut s| s.query_map([feed.0, limit], past)?.collect())
        .doing("read a feed's polls")
}

fn past(r: &Row<'_>) -> rusqlite::Result<PastPoll> {
    Ok(PastPoll {
        polled_at: from_unix(r.get(0)?),
        conditional: r.get(1)?,
        outcome: r.get(2)?,
        status: r.get(3)?,
        bytes: r.get::<_, i64>(4)?.cast_unsigned(),
        elapsed_ms: r.get::<_, i64>(5)?.cast_unsigned(),
        added: r.get(6)?,
        edited: r.get(7)?,
        detail: r.get(8)?,
        next_poll_at: r.get::<_, Option<i64>>(9)?.map(from_unix),
        because: Reason::parse(r.get_ref(10)?.as_str()?),
    })
}
