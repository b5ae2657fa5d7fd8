//! Claims feeds for polling: a claim is a lease, so that no other process polls the feed meanwhile.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};
use serde_json::json;

use crate::domain::feed::{FeedId, FeedMeta, FeedUrl};
use crate::domain::host::Host;
use crate::domain::poll::{Hints, KeyPolicy, PollJob, Remembered};
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::polling::schedule::Policy;
use crate::store::error::{Context, StoreError};
use crate::store::sqlite::columns::{Columns, column, time};
use crate::store::sqlite::feeds;
use crate::store::sqlite::last_document::Items;

/// A request for feeds to poll.
#[derive(Clone, Debug)]
pub struct Claim {
    pub now: Timestamp,
    pub limit: usize,
    /// How long no other process gets these feeds: longer than any poll can take.
    pub lease: TimeDelta,
    /// Only these feeds, due or not; `None` claims the feeds that are due.
    pub only: Option<Vec<FeedId>>,
    /// The largest number of feeds of one host.
    pub per_host: usize,
    /// Hosts of which fewer feeds may be claimed now, and how many.
    pub free_slots: HashMap<Host, usize>,
    /// Whether feeds of paused hosts are claimed too.
    pub paused_too: bool,
}

/// The answer to a [`Claim`].
#[derive(Clone, Debug)]
pub struct Claimed {
    pub jobs: Vec<PollJob>,
    /// When the next feed that was not claimed is due, with leases taken into account; `None` when no feed will be
    /// due.
    pub next_due: Option<Timestamp>,
    /// The same for feeds that were not due yet; feeds that were due wait for a free request slot.
    pub next_to_come: Option<Timestamp>,
}

/// What is read of each feed that is claimed.
const JOB: Columns<27> = Columns([
    ("feed_id", "p.feed_id"),
    ("url", "f.url"),
    ("etag", "p.etag"),
    ("last_modified", "p.last_modified"),
    ("validated_url", "p.validated_url"),
    ("failures", "p.failures"),
    ("failing_since", "p.failing_since"),
    ("planned_at", "min(coalesce(p.next_poll_at, p.polled_at, ?1), ?1)"),
    ("policy", "p.policy"),
    ("body_hash", "m.body_hash"),
    ("key_policy", "m.key_policy"),
    ("items", "m.items"),
    ("full_at", "p.full_at"),
    ("ttl", "p.ttl"),
    ("update_period", "p.update_period"),
    ("skip_hours", "p.skip_hours"),
    ("skip_days", "p.skip_days"),
    ("strikes", "h.strikes"),
    ("moved_to", "p.moved_to"),
    ("moved_at", "p.moved_at"),
    ("recheck_at", "p.recheck_at"),
    ("moved_by", "p.moved_by"),
    ("new_feed_url", "p.new_feed_url"),
    ("named_at", "p.named_at"),
    ("try_at", "p.try_at"),
    ("title", "iif(p.try_at IS NULL, NULL, f.title)"),
    ("home_page_url", "iif(p.try_at IS NULL, NULL, f.home_page_url)"),
]);

const MOVED: [usize; 4] =
    [column!(JOB.moved_to), column!(JOB.moved_at), column!(JOB.recheck_at), column!(JOB.moved_by)];
const NEW_FEED_URL: [usize; 3] =
    [column!(JOB.new_feed_url), column!(JOB.named_at), column!(JOB.try_at)];

/// No pause is longer than seven days. One that ends later was set while the clock was ahead, and does not count. A
/// minute is added for a clock that was set back a little.
const FROM: &str = "
    FROM candidate c JOIN poll_state p ON p.feed_id = c.feed_id JOIN feed f ON f.id = p.feed_id
        LEFT JOIN last_document m ON m.feed_id = p.feed_id
        LEFT JOIN host h ON h.host = p.host
        LEFT JOIN free_slots ON free_slots.host = p.host
    WHERE c.rank <= coalesce(free_slots.slots, ?3) AND (?5 OR coalesce(h.paused_until, 0) NOT BETWEEN ?1 + 1 AND ?1 + 604860)
    ORDER BY p.next_poll_at LIMIT ?2";

/// The feeds that may be claimed, ranked within their host: the longest overdue is first. Each file is a host
/// of its own. `free_slots` is materialised, so that SQLite builds an index for the look-ups in it.
const CANDIDATES: &str = "
    WITH free_slots AS MATERIALIZED (
        SELECT CAST(key AS TEXT) AS host, value AS slots FROM json_each(?4)
    ), candidate AS (
        SELECT feed_id, row_number() OVER
            (PARTITION BY coalesce(host, feed_id) ORDER BY next_poll_at, feed_id) AS rank
        FROM poll_state WHERE ";

/// Feeds that are due and not leased. A poll that lies in the future was made before the clock was set back:
/// then neither the time of the next poll nor a lease of more than an hour can be trusted.
const DUE: &str = "
    active = 1 AND (next_poll_at <= ?1 OR ?1 + 60 < polled_at)
    AND leased_until NOT BETWEEN ?1 + 1 AND ?1 + 3600)";

/// Feeds that were named, due or not, and that are not leased.
const NAMED: &str = "
    feed_id IN (SELECT value FROM json_each(?6))
    AND leased_until NOT BETWEEN ?1 + 1 AND ?1 + 3600)";

pub(in crate::store) fn claim(tx: &Connection, claim: &Claim) -> Result<Claimed, StoreError> {
    let now = claim.now.timestamp();
    let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
    let per_host = i64::try_from(claim.per_host).unwrap_or(i64::MAX);
    let free_slots = json!(
        claim.free_slots.iter().map(|(host, n)| (host.as_str(), n)).collect::<HashMap<_, _>>()
    )
    .to_string();
    let early = early_rechecks(tx, claim)?;
    for (feed, _) in &early {
        feeds::set_host(tx, *feed, claim.now)?;
    }
    let columns = JOB.list();
    let found = match &claim.only {
        None => tx.prepare_cached(&format!("{CANDIDATES}{DUE} SELECT {columns} {FROM}")).and_then(
            |mut s| {
                s.query_map(params![now, limit, per_host, free_slots, claim.paused_too], job)?
                    .collect::<Result<Vec<_>, _>>()
            },
        ),
        Some(feeds) => tx
            .prepare_cached(&format!("{CANDIDATES}{NAMED} SELECT {columns} {FROM}"))
            .and_then(|mut s| {
                s.query_map(
                    params![now, limit, per_host, free_slots, claim.paused_too, ids(feeds)],
                    job,
                )?
                .collect::<Result<Vec<_>, _>>()
            }),
    };
    let mut jobs: Vec<(PollJob, bool)> =
        found.context("claim feeds")?.into_iter().flatten().collect();
    for (feed, planned_at) in early {
        feeds::set_host(tx, feed, planned_at)?;
    }
    let until = (claim.now + claim.lease).timestamp();
    for (job, adaptive) in &mut jobs {
        tx.prepare_cached("UPDATE poll_state SET leased_until = ?2 WHERE feed_id = ?1")
            .and_then(|mut s| s.execute([job.feed.0, until]))
            .context("lease a feed")?;
        if *adaptive || job.new_feed_url.is_some() {
            job.recent = feeds::recent_dates(tx, job.feed)?;
        }
    }
    let (next_due, next_to_come) = next_due(tx, now)?;
    Ok(Claimed { jobs: jobs.into_iter().map(|(job, _)| job).collect(), next_due, next_to_come })
}

/// The claimed feeds that are named before their plan, and whose recheck, or trial of a new address, is due with the plan
/// but not yet: their stored host is not the one that is requested now. Returned with the time of the plan.
fn early_rechecks(tx: &Connection, claim: &Claim) -> Result<Vec<(FeedId, Timestamp)>, StoreError> {
    const EARLY: &str = "
        SELECT feed_id, next_poll_at FROM poll_state
        WHERE feed_id IN (SELECT value FROM json_each(?1))
            AND (?2 < recheck_at AND recheck_at <= next_poll_at
                OR ?2 < try_at AND try_at <= next_poll_at)";
    let Some(feeds) = &claim.only else { return Ok(Vec::new()) };
    let one = |r: &Row<'_>| Ok((FeedId(r.get("feed_id")?), from_unix(r.get("next_poll_at")?)));
    tx.prepare_cached(EARLY)
        .and_then(|mut s| s.query_map(params![ids(feeds), claim.now.timestamp()], one)?.collect())
        .context("find rechecks that are not due yet")
}

/// The ids of feeds as a JSON array.
fn ids(feeds: &[FeedId]) -> String {
    json!(feeds.iter().map(|feed| feed.0).collect::<Vec<_>>()).to_string()
}

/// Reads a job, and whether its interval is adaptive. `None` for a URL that only an older version can have
/// stored.
fn job(r: &Row<'_>) -> rusqlite::Result<Option<(PollJob, bool)>> {
    let url = r.get_ref(column!(JOB.url))?.as_str()?;
    let Ok(url) = FeedUrl::parse(url) else { return Ok(None) };
    let job = PollJob {
        feed: FeedId(r.get(column!(JOB.feed_id))?),
        url,
        validators: feeds::validators(
            r.get(column!(JOB.etag))?,
            r.get(column!(JOB.last_modified))?,
            r.get(column!(JOB.validated_url))?,
        ),
        health: feeds::health(r.get(column!(JOB.failures))?, r.get(column!(JOB.failing_since))?),
        planned_at: from_unix(r.get(column!(JOB.planned_at))?),
        remembered: remembered(r)?,
        recent: Vec::new(),
        full_at: r.get::<_, Option<i64>>(column!(JOB.full_at))?.map(from_unix),
        hints: Hints {
            ttl: span(r.get(column!(JOB.ttl))?),
            update_period: span(r.get(column!(JOB.update_period))?),
            skip_hours: r.get(column!(JOB.skip_hours))?,
            skip_days: r.get(column!(JOB.skip_days))?,
        },
        strikes: r.get(column!(JOB.strikes))?,
        moved: feeds::moved(r, MOVED)?,
        new_feed_url: feeds::new_feed_url(r, NEW_FEED_URL)?,
        known_as: FeedMeta {
            title: r.get(column!(JOB.title))?,
            home_page_url: r.get(column!(JOB.home_page_url))?,
            ..FeedMeta::default()
        },
    };
    Ok(Some((job, Policy::is_adaptive(r.get_ref(column!(JOB.policy))?.as_str()?))))
}

fn remembered(r: &Row<'_>) -> rusqlite::Result<Remembered> {
    let body_hash: Option<i64> = r.get(column!(JOB.body_hash))?;
    let key_policy: Option<i64> = r.get(column!(JOB.key_policy))?;
    let items: Option<Items> = r.get(column!(JOB.items))?;
    Ok(Remembered {
        body_hash: body_hash.map(i64::cast_unsigned),
        items: items.unwrap_or_default().0,
        key_policy: if key_policy == Some(1) { KeyPolicy::Careful } else { KeyPolicy::Trusting },
    })
}

fn span(seconds: Option<i64>) -> Option<TimeDelta> {
    seconds.map(TimeDelta::seconds)
}

pub(in crate::store) fn release(tx: &Connection, feeds: &[FeedId]) -> Result<(), StoreError> {
    for feed in feeds {
        tx.prepare_cached("UPDATE poll_state SET leased_until = 0 WHERE feed_id = ?1")
            .and_then(|mut s| s.execute([feed.0]))
            .context("release a feed")?;
    }
    Ok(())
}

pub(in crate::store) fn release_all(tx: &Connection) -> Result<(), StoreError> {
    tx.execute("UPDATE poll_state SET leased_until = 0 WHERE leased_until <> 0", [])
        .map(|_| ())
        .context("release all feeds")
}

/// When the next feed is due, and when the next one after `now`.
fn next_due(
    tx: &Connection,
    now: i64,
) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    const NEXT: &str = "
        SELECT min(at) AS next_due, min(at) FILTER (WHERE ?1 < at) AS next_to_come FROM (
            SELECT max(next_poll_at, leased_until,
                CASE WHEN paused_until <= ?1 + 604860 THEN paused_until ELSE 0 END) AS at
            FROM poll_state LEFT JOIN host USING (host) WHERE active = 1)";
    let both = |row: &Row<'_>| Ok((time(row, "next_due")?, time(row, "next_to_come")?));
    tx.prepare_cached(NEXT)
        .and_then(|mut s| s.query_row([now], both))
        .context("find the next due feed")
}
