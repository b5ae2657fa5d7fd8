//! The last reported health of each feed, and the changes that consumers receive.

use crate::domain::feed::FeedId;
use crate::domain::feed_health::{FeedObservation, HealthChange, HealthEvent, ReportedHealth};
use crate::domain::poll::Reason;
use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{Connection, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::time;
use crate::store::sql::meta;

/// The number of dates that the rhythm of a feed is taken from.
const DATES: u32 = 1000;

/// The feeds that are polled. A feed that has ended (410) is among them.
pub(super) fn observations(connection: &Connection) -> Result<Vec<FeedObservation>, StoreError> {
    const OBSERVE: &str = "
        SELECT p.feed_id, p.failures, p.failing_since, p.because, p.polled_at, p.succeeded_at,
            p.outcome, p.status, p.detail, h.trouble, coalesce(h.silent, 0) AS silent,
            (SELECT max(order_at) FROM article a WHERE a.feed_id = p.feed_id) AS newest_at
        FROM poll_state p LEFT JOIN feed_health h ON h.feed_id = p.feed_id WHERE p.active = 1
        ORDER BY p.feed_id";
    let one = |r: &Row<'_>| {
        let trouble: Option<String> = r.get("trouble")?;
        Ok(FeedObservation {
            feed: FeedId(r.get("feed_id")?),
            failures: r.get("failures")?,
            failing_since: time(r, "failing_since")?,
            gone: r.get_ref("because")?.as_str()? == Reason::Gone.as_str(),
            polled_at: time(r, "polled_at")?,
            succeeded_at: time(r, "succeeded_at")?,
            outcome: r.get("outcome")?,
            status: r.get("status")?,
            detail: r.get("detail")?,
            newest_at: time(r, "newest_at")?,
            reported: ReportedHealth {
                trouble: trouble.as_deref().and_then(HealthEvent::parse),
                silent: r.get("silent")?,
            },
        })
    };
    connection
        .prepare_cached(OBSERVE)
        .and_then(|mut s| s.query_map([], one)?.collect())
        .context("read the health of feeds")
}

/// The effective dates of the latest articles of a feed, newest first.
pub(super) fn dates(connection: &Connection, feed: FeedId) -> Result<Vec<Timestamp>, StoreError> {
    const LATEST: &str =
        "SELECT order_at FROM article WHERE feed_id = ?1 ORDER BY order_at DESC LIMIT ?2";
    connection
        .prepare_cached(LATEST)
        .and_then(|mut s| {
            s.query_map(params![feed.0, DATES], |row| row.get(0).map(from_unix))?.collect()
        })
        .context("read the dates of a feed")
}

/// Stores the reported health of feeds, and the changes for consumers.
pub(in crate::store) fn report(
    tx: &Connection,
    reported: &[(FeedId, ReportedHealth)],
    changes: &[HealthChange],
) -> Result<(), StoreError> {
    const SET: &str = "INSERT INTO feed_health (feed_id, trouble, silent) VALUES (?1, ?2, ?3)
         ON CONFLICT (feed_id) DO UPDATE SET trouble = excluded.trouble, silent = excluded.silent";
    const ADD: &str = "
        INSERT INTO feed_health_event (seq, feed_id, at, event, was, since, outcome, status, detail,
            succeeded_at, newest_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let action = "store the health of feeds";
    for (feed, reported) in reported {
        let trouble = reported.trouble.map(HealthEvent::as_str);
        tx.prepare_cached(SET)
            .and_then(|mut s| s.execute(params![feed.0, trouble, reported.silent]))
            .context(action)?;
    }
    let before = meta::sequence(tx)?;
    let mut seq = before;
    let seconds = |at: Option<Timestamp>| at.map(|at| at.timestamp());
    for change in changes {
        seq += 1;
        let values = params![
            seq,
            change.feed.0,
            change.at.timestamp(),
            change.event.as_str(),
            change.was.map(HealthEvent::as_str),
            seconds(change.since),
            change.outcome,
            change.status,
            change.detail,
            seconds(change.succeeded_at),
            seconds(change.newest_at),
        ];
        tx.prepare_cached(ADD).and_then(|mut s| s.execute(values)).context(action)?;
    }
    meta::advance_sequence(tx, before, seq)
}

/// The changes after a sequence number and up to another, oldest first, with their numbers.
pub(super) fn changes(
    connection: &Connection,
    (after, up_to): (i64, i64),
) -> Result<Vec<(i64, HealthChange)>, StoreError> {
    const CHANGES: &str = "
        SELECT seq, feed_id, at, event, was, since, outcome, status, detail, succeeded_at, newest_at
        FROM feed_health_event WHERE ?1 < seq AND seq <= ?2 ORDER BY seq";
    let event = |text: Option<String>| text.as_deref().and_then(HealthEvent::parse);
    let one = |r: &Row<'_>| {
        Ok((
            r.get("seq")?,
            HealthChange {
                feed: FeedId(r.get("feed_id")?),
                at: from_unix(r.get("at")?),
                // An event of a later version is shown as the one that it is nearest to.
                event: event(r.get("event")?).unwrap_or(HealthEvent::Recovered),
                was: event(r.get("was")?),
                since: time(r, "since")?,
                outcome: r.get("outcome")?,
                status: r.get("status")?,
                detail: r.get("detail")?,
                succeeded_at: time(r, "succeeded_at")?,
                newest_at: time(r, "newest_at")?,
            },
        ))
    };
    connection
        .prepare_cached(CHANGES)
        .and_then(|mut s| s.query_map([after, up_to], one)?.collect())
        .context("read the changes of health")
}
