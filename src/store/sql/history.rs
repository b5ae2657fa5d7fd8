//! The last polls of each feed, and the number of polls by day.

use crate::domain::feed::FeedId;
use crate::domain::poll::{Applied, Decision, OutcomeKind, Reason};
use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{self, Connection, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{count, time};

/// The number of polls that are kept of each feed: two days with one poll each hour, one day with two.
const SLOTS: i64 = 50;

const RECORD: &str = "
    INSERT INTO poll (feed_id, slot, polled_at, conditional, outcome, status, bytes,
        elapsed_ms, added, edited, detail, next_poll_at, because)
    SELECT feed_id, polls % ?2, ?3, ?4, outcome, status, ?5, ?6, ?7, ?8, detail, next_poll_at, because
    FROM poll_state WHERE feed_id = ?1
    ON CONFLICT (feed_id, slot) DO UPDATE SET polled_at = excluded.polled_at, conditional = excluded.conditional,
        outcome = excluded.outcome, status = excluded.status, bytes = excluded.bytes, elapsed_ms = excluded.elapsed_ms,
        added = excluded.added, edited = excluded.edited, detail = excluded.detail,
        next_poll_at = excluded.next_poll_at, because = excluded.because";

/// Replaces the oldest poll in the history by this one. Some columns are copied from `poll_state`, which
/// this transaction has just written.
pub(super) fn record(tx: &Connection, d: &Decision, applied: Applied) -> Result<(), StoreError> {
    let observed = &d.observed;
    let row = params![
        d.feed.0,
        SLOTS,
        d.polled_at.timestamp(),
        observed.transfer.conditional,
        i64::try_from(observed.transfer.bytes).unwrap_or(i64::MAX),
        i64::try_from(observed.transfer.elapsed.as_millis()).unwrap_or(i64::MAX),
        applied.added,
        applied.edited,
    ];
    tx.prepare_cached(RECORD).and_then(|mut s| s.execute(row)).context("record a poll")?;
    let day = d.polled_at.timestamp().div_euclid(DAY);
    let failed = observed.outcome.kind().is_failure();
    tx.prepare_cached(COUNT)
        .and_then(|mut s| s.execute(params![d.feed.0, day, failed]))
        .and_then(|_| tx.prepare_cached(FORGET))
        .and_then(|mut s| s.execute([d.feed.0, day - DAYS]))
        .map(|_| ())
        .context("count a poll")
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The number of days for which polls are counted.
const DAYS: i64 = 31;

const COUNT: &str = "
    INSERT INTO poll_day (feed_id, day, polls, failed) VALUES (?1, ?2, 1, ?3)
    ON CONFLICT (feed_id, day) DO UPDATE SET polls = poll_day.polls + 1, failed = poll_day.failed + excluded.failed";

const FORGET: &str = "DELETE FROM poll_day WHERE feed_id = ?1 AND day < ?2";

/// The number of polls of a feed on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollDay {
    /// Days since 1970, UTC.
    pub day: i64,
    pub polls: u64,
    /// The number of these polls that failed.
    pub failed: u64,
}

pub(super) fn polls_by_day(
    connection: &Connection,
    feed: FeedId,
) -> Result<Vec<PollDay>, StoreError> {
    let one = |r: &Row<'_>| {
        Ok(PollDay { day: r.get("day")?, polls: count(r, "polls")?, failed: count(r, "failed")? })
    };
    connection
        .prepare_cached("SELECT day, polls, failed FROM poll_day WHERE feed_id = ?1 ORDER BY day")
        .and_then(|mut s| s.query_map([feed.0], one)?.collect())
        .context("count a feed's polls")
}

pub(super) fn articles_by_day(
    connection: &Connection,
    feed: FeedId,
    since: Timestamp,
) -> Result<Vec<(i64, u64)>, StoreError> {
    // Dates before 1970 count to the day after theirs; no chart goes back that far.
    const BY_DAY: &str = "
        SELECT order_at / 86400 AS day, count(*) AS articles FROM article
        WHERE feed_id = ?1 AND ?2 <= order_at GROUP BY day ORDER BY day";
    let one = |r: &Row<'_>| Ok((r.get("day")?, count(r, "articles")?));
    connection
        .prepare_cached(BY_DAY)
        .and_then(|mut s| s.query_map([feed.0, since.timestamp()], one)?.collect())
        .context("count a feed's articles")
}

/// A poll in the history of a feed.
#[derive(Clone, Debug)]
pub struct PastPoll {
    pub polled_at: Timestamp,
    pub conditional: bool,
    /// `None` for an outcome of a later version.
    pub outcome: Option<OutcomeKind>,
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
        .context("read a feed's polls")
}

fn past(r: &Row<'_>) -> database::Result<PastPoll> {
    let status: Option<u16> = r.get("status")?;
    Ok(PastPoll {
        polled_at: from_unix(r.get("polled_at")?),
        conditional: r.get("conditional")?,
        outcome: OutcomeKind::with_status(r.get_ref("outcome")?.as_str()?, status),
        status,
        bytes: count(r, "bytes")?,
        elapsed_ms: count(r, "elapsed_ms")?,
        added: r.get("added")?,
        edited: r.get("edited")?,
        detail: r.get("detail")?,
        next_poll_at: time(r, "next_poll_at")?,
        because: Reason::parse(r.get_ref("because")?.as_str()?),
    })
}
