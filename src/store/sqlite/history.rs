//! The last polls of each feed, for `explain`.

use rusqlite::{Connection, Row, params};

use crate::domain::feed::FeedId;
use crate::domain::poll::{Applied, Decision, OutcomeKind, Reason};
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
    tx.prepare_cached(RECORD).and_then(|mut s| s.execute(row)).doing("record a poll")?;
    let day = d.polled_at.timestamp().div_euclid(DAY);
    let failed = observed.outcome.kind().is_failure();
    tx.prepare_cached(COUNT)
        .and_then(|mut s| s.execute(params![d.feed.0, day, failed]))
        .and_then(|_| tx.prepare_cached(FORGET))
        .and_then(|mut s| s.execute([d.feed.0, day - DAYS]))
        .map(|_| ())
        .doing("count a poll")
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Days of which polls are counted.
const DAYS: i64 = 31;

const COUNT: &str = "
    INSERT INTO poll_day (feed_id, day, polls, failed) VALUES (?1, ?2, 1, ?3)
    ON CONFLICT (feed_id, day) DO UPDATE SET polls = polls + 1, failed = failed + ?3";

const FORGET: &str = "DELETE FROM poll_day WHERE feed_id = ?1 AND day < ?2";

/// How often a feed was polled on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollDay {
    /// Days since 1970, UTC.
    pub day: i64,
    pub polls: u64,
    /// Of them.
    pub failed: u64,
}

pub(super) fn polls_by_day(
    connection: &Connection,
    feed: FeedId,
) -> Result<Vec<PollDay>, StoreError> {
    let one = |r: &Row<'_>| {
        let number = |index: usize| r.get::<_, i64>(index).map(i64::cast_unsigned);
        Ok(PollDay { day: r.get(0)?, polls: number(1)?, failed: number(2)? })
    };
    connection
        .prepare_cached("SELECT day, polls, failed FROM poll_day WHERE feed_id = ?1 ORDER BY day")
        .and_then(|mut s| s.query_map([feed.0], one)?.collect())
        .doing("count a feed's polls")
}

pub(super) fn articles_by_day(
    connection: &Connection,
    feed: FeedId,
    since: Timestamp,
) -> Result<Vec<(i64, u64)>, StoreError> {
    // Dates before 1970 count to the day after theirs; no chart goes back that far.
    const BY_DAY: &str = "
        SELECT order_at / 86400 AS day, count(*) FROM article
        WHERE feed_id = ?1 AND ?2 <= order_at GROUP BY day ORDER BY day";
    let one = |r: &Row<'_>| Ok((r.get(0)?, r.get::<_, i64>(1)?.cast_unsigned()));
    connection
        .prepare_cached(BY_DAY)
        .and_then(|mut s| s.query_map([feed.0, since.timestamp()], one)?.collect())
        .doing("count a feed's articles")
}

/// A poll that was.
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
        .doing("read a feed's polls")
}

fn past(r: &Row<'_>) -> rusqlite::Result<PastPoll> {
    let status: Option<u16> = r.get(3)?;
    Ok(PastPoll {
        polled_at: from_unix(r.get(0)?),
        conditional: r.get(1)?,
        outcome: OutcomeKind::parse(r.get_ref(2)?.as_str()?, status),
        status,
        bytes: r.get::<_, i64>(4)?.cast_unsigned(),
        elapsed_ms: r.get::<_, i64>(5)?.cast_unsigned(),
        added: r.get(6)?,
        edited: r.get(7)?,
        detail: r.get(8)?,
        next_poll_at: r.get::<_, Option<i64>>(9)?.map(from_unix),
        because: Reason::parse(r.get_ref(10)?.as_str()?),
    })
}
