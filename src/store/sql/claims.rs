//! Claims feeds for polling: a claim is a lease, so that no other process polls the feed meanwhile.

use crate::domain::feed::{FeedId, FeedMeta, FeedUrl};
use crate::domain::host::Host;
use crate::domain::poll::{Hints, KeyPolicy, PollJob, Remembered};
use crate::domain::shard::Shard;
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::polling::schedule::Policy;
use crate::store::database::{self, Connection, OptionalExtension, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::claim_queue::{ClaimQueue, FreeSlots, Position, Reading, Source, Waiting};
use crate::store::sql::columns::{Columns, column};
use crate::store::sql::last_document::Items;
use crate::store::sql::{feeds, hosts};

/// A request for feeds to poll.
#[derive(Clone, Debug)]
pub struct Claim {
    pub now: Timestamp,
    pub limit: usize,
    /// How long no other process gets these feeds: longer than any poll can take.
    pub lease: TimeDelta,
    /// The feeds that may be claimed.
    pub queue: ClaimQueue,
    pub free_slots: FreeSlots,
    /// Whether feeds of paused hosts are claimed too.
    pub paused_too: bool,
}

/// The answer to a [`Claim`].
#[derive(Clone, Debug)]
pub struct Claimed {
    pub jobs: Vec<PollJob>,
    /// Whether more feeds may be claimed as soon as there are free request slots.
    pub has_more: bool,
    /// Whether the claim did not look at all of them, because it reads a limited number: there may be free slots for
    /// the rest.
    pub has_unread: bool,
    /// When the next feed is due that was not due yet, with leases and pauses taken into account. `None` when no feed will
    /// be due, and for named feeds.
    pub next_to_come: Option<Timestamp>,
}

/// The number of feeds that are read at once.
const BATCH: usize = 1_024;

/// The number of batches that one claim reads, so that it is short however many feeds wait for their hosts.
const BATCHES: usize = 8;

/// What is read of each feed that is claimed. `?1` is the time, `?2` the feed, `?3` the host that is requested.
const JOB: Columns<30> = Columns([
    ("feed_id", "p.feed_id"),
    ("url", "f.url"),
    ("etag", "p.etag"),
    ("last_modified", "p.last_modified"),
    ("validated_url", "p.validated_url"),
    ("failures", "p.failures"),
    ("failing_since", "p.failing_since"),
    (
        "planned_at",
        "CASE WHEN coalesce(p.next_poll_at, p.polled_at) < ?1
            THEN coalesce(p.next_poll_at, p.polled_at) ELSE ?1 END",
    ),
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
    ("title", "CASE WHEN p.try_at IS NOT NULL THEN f.title END"),
    ("home_page_url", "CASE WHEN p.try_at IS NOT NULL THEN f.home_page_url END"),
    ("host", "p.host"),
    ("paused_until", "h.paused_until"),
    ("claimable_at", "p.claimable_at"),
]);

const MOVED: [usize; 4] =
    [column!(JOB.moved_to), column!(JOB.moved_at), column!(JOB.recheck_at), column!(JOB.moved_by)];
const NEW_FEED_URL: [usize; 3] =
    [column!(JOB.new_feed_url), column!(JOB.named_at), column!(JOB.try_at)];

const FROM: &str = "
    FROM poll_state p JOIN feed f ON f.id = p.feed_id
        LEFT JOIN last_document m ON m.feed_id = p.feed_id
        LEFT JOIN host h ON h.host = ?3
    WHERE p.feed_id = ?2 AND p.leased_until <= ?1";

/// Claims feeds of the queue, one lookup each.
pub(in crate::store) fn claim(tx: &Connection, mut claim: Claim) -> Result<Claimed, StoreError> {
    let queue = claim.queue.clone();
    let mut queue = queue.lock();
    queue.begin(claim.now);
    let (mut jobs, mut from) = (Vec::new(), 0);
    let (mut batches, mut is_all_read) = (0, false);
    loop {
        while jobs.len() < claim.limit
            && let Some((host, feed)) = queue.next(&mut from, &claim.free_slots)
        {
            jobs.extend(take(tx, &mut claim, &mut queue, host.as_ref(), feed)?);
        }
        if claim.limit <= jobs.len() || is_all_read || batches == BATCHES {
            break;
        }
        is_all_read = read(tx, &mut queue, &claim)? < BATCH;
        batches += 1;
    }
    let has_unread = !is_all_read && has_unread(tx, &queue, claim.now)?;
    if !has_unread {
        queue.all_read();
    }
    Ok(Claimed {
        has_more: has_unread || queue.is_waiting(),
        has_unread: has_unread && jobs.len() < claim.limit,
        jobs,
        next_to_come: next_to_come(tx, &queue, claim.now)?,
    })
}

/// The feeds that are claimable, behind all of one time. `claimable_at` and `host` are read from the index as well.
pub(super) const DUE: &str = "
    SELECT claimable_at, next_poll_at, feed_id, host FROM poll_state
    WHERE claimable_at <= ?1 AND (claimable_at, next_poll_at) > (?2, ?3)
    ORDER BY claimable_at, next_poll_at, feed_id LIMIT ?4";

/// The other feeds of that time. They are a query of their own, because SQLite does not search for the end of the row value
/// `(claimable_at, next_poll_at, feed_id)`, and many feeds may be due at one time.
pub(super) const DUE_TOGETHER: &str = "
    SELECT claimable_at, next_poll_at, feed_id, host FROM poll_state
    WHERE claimable_at = ?1 AND next_poll_at = ?2 AND ?3 < feed_id
    ORDER BY feed_id LIMIT ?4";

/// The next claimable feeds with their hosts, at most so many.
fn due(
    tx: &Connection,
    reading: &Reading,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<(Position, Option<Host>)>, StoreError> {
    let one = |r: &Row<'_>| {
        let (claimable_at, next_poll_at, feed) = (r.get(0)?, r.get(1)?, FeedId(r.get(2)?));
        let host = r.get::<_, Option<String>>(3)?.map(Host::stored);
        Ok((Position { claimable_at, next_poll_at, feed }, host))
    };
    let list = |sql: &str, values: [i64; 4]| {
        tx.prepare_cached(sql)
            .and_then(|mut s| s.query_map(values, one)?.collect::<Result<Vec<_>, _>>())
            .context("read the feeds that are due")
    };
    let (now, limit) = (now.timestamp(), i64::try_from(limit).unwrap_or(i64::MAX));
    let Some(Position { claimable_at, next_poll_at, feed }) = reading.last else {
        return list(DUE, [now, i64::MIN, i64::MIN, limit]);
    };
    let mut found = list(DUE_TOGETHER, [claimable_at, next_poll_at, feed.0, limit])?;
    let left = limit - i64::try_from(found.len()).unwrap_or(limit);
    if 0 < left {
        found.extend(list(DUE, [now, claimable_at, next_poll_at, left])?);
    }
    Ok(found)
}

/// Adds the next batch of feeds to the queue and returns their number.
fn read(tx: &Connection, queue: &mut Waiting, claim: &Claim) -> Result<usize, StoreError> {
    let now = claim.now;
    match &mut queue.source {
        Source::Due(reading) => {
            let found = due(tx, reading, now, BATCH)?;
            reading.last = found.last().map(|(position, _)| *position).or(reading.last);
            let number = found.len();
            for (position, host) in found {
                if claim.free_slots.allows(|| Shard::of(host.as_ref(), position.feed)) {
                    queue.add(host, position.feed);
                }
            }
            Ok(number)
        }
        Source::Named { unread, .. } => {
            let batch: Vec<FeedId> = unread.drain(..unread.len().min(BATCH)).collect();
            let mut found = Vec::with_capacity(batch.len());
            for feed in &batch {
                found.extend(named(tx, *feed, now)?.map(|plan| (plan, *feed)));
            }
            found.sort_by_key(|((next_poll_at, _), _)| *next_poll_at);
            for ((_, host), feed) in found {
                queue.add(host, feed);
            }
            Ok(batch.len())
        }
    }
}

/// The time of the next poll, and the host of a poll now.
type NamedPlan = (Option<i64>, Option<Host>);

/// When a named feed is polled next, and the host that a poll now requests. Its stored host is that of the next poll. It
/// is another one when the recheck of the configured address, or the trial of a new one, is due with that poll, but not yet.
fn named(tx: &Connection, feed: FeedId, now: Timestamp) -> Result<Option<NamedPlan>, StoreError> {
    const NAMED: &str = "
        SELECT next_poll_at, host,
            coalesce(?2 < recheck_at AND recheck_at <= next_poll_at, FALSE)
                OR coalesce(?2 < try_at AND try_at <= next_poll_at, FALSE) AS is_early
        FROM poll_state WHERE feed_id = ?1";
    let one = |r: &Row<'_>| {
        let host = r.get::<_, Option<String>>("host")?.map(Host::stored);
        Ok((r.get("next_poll_at")?, host, r.get::<_, bool>("is_early")?))
    };
    let found = tx
        .prepare_cached(NAMED)
        .and_then(|mut s| s.query_row([feed.0, now.timestamp()], one).optional())
        .context("look up a feed to poll")?;
    let Some((next_poll_at, host, is_early)) = found else { return Ok(None) };
    let host = if is_early { feeds::host_at(tx, feed, Some(now))? } else { host };
    Ok(Some((next_poll_at, host)))
}

/// Whether feeds that may be claimed are not in the queue yet.
fn has_unread(tx: &Connection, queue: &Waiting, now: Timestamp) -> Result<bool, StoreError> {
    match &queue.source {
        Source::Due(reading) => Ok(!due(tx, reading, now, 1)?.is_empty()),
        Source::Named { unread, .. } => Ok(!unread.is_empty()),
    }
}

/// Claims a feed of the queue, unless it is not claimable any more or its host is paused.
fn take(
    tx: &Connection,
    claim: &mut Claim,
    queue: &mut Waiting,
    host: Option<&Host>,
    feed: FeedId,
) -> Result<Option<PollJob>, StoreError> {
    let now = claim.now.timestamp();
    let found = tx
        .prepare_cached(&format!("SELECT {} {FROM}", JOB.list()))
        .and_then(|mut s| {
            s.query_row(params![now, feed.0, host.map(Host::as_str)], found).optional()
        })
        .context("claim a feed")?;
    match (&mut queue.source, &found) {
        (Source::Named { polled_elsewhere, .. }, None) => *polled_elsewhere += 1,
        (Source::Due(_), Some(found)) if found.claimable_at.is_none_or(|at| now < at) => {
            return Ok(None);
        }
        (Source::Due(_), Some(found)) if found.host.as_ref() != host => {
            queue.add(found.host.clone(), feed); // The plan has changed since it was read.
            return Ok(None);
        }
        _ => {}
    }
    let Some(found) = found else { return Ok(None) };
    if let (Some(host), Some(until)) = (host, hosts::pause_end(found.paused_until, claim.now))
        && !claim.paused_too
    {
        queue.set_aside(host.clone(), feed, until);
        return Ok(None);
    }
    let Some((mut job, is_adaptive)) = found.job else { return Ok(None) };
    tx.prepare_cached("UPDATE poll_state SET leased_until = ?2 WHERE feed_id = ?1")
        .and_then(|mut s| s.execute([feed.0, (claim.now + claim.lease).timestamp()]))
        .context("lease a feed")?;
    if is_adaptive || job.new_feed_url.is_some() {
        job.recent = feeds::recent_dates(tx, feed)?;
    }
    if let Some(host) = host {
        claim.free_slots.take(host, 1);
    }
    job.shard = Shard::of(host, feed);
    job.leased_until = Some(claim.now + claim.lease);
    Ok(Some(job))
}

/// The first feed that is not claimable yet.
pub(super) const NEXT: &str = "SELECT min(claimable_at) FROM poll_state WHERE ?1 < claimable_at";

/// When the next feed is due that is not due yet.
fn next_to_come(
    tx: &Connection,
    queue: &Waiting,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    if let Source::Named { .. } = queue.source {
        return Ok(None);
    }
    let next: Option<i64> = tx
        .prepare_cached(NEXT)
        .and_then(|mut s| s.query_row([now.timestamp()], |row| row.get(0)))
        .context("find the next due feed")?;
    Ok(next.into_iter().chain(queue.first_pause_ends()).min().map(from_unix))
}

/// What was found of a feed that is to be claimed.
struct Found {
    /// The job, and whether its interval is adaptive. `None` for a URL that only an older version can have stored.
    job: Option<(PollJob, bool)>,
    host: Option<Host>,
    paused_until: Option<i64>,
    claimable_at: Option<i64>,
}

fn found(r: &Row<'_>) -> database::Result<Found> {
    Ok(Found {
        job: job(r)?,
        host: r.get::<_, Option<String>>(column!(JOB.host))?.map(Host::stored),
        paused_until: r.get(column!(JOB.paused_until))?,
        claimable_at: r.get(column!(JOB.claimable_at))?,
    })
}

fn job(r: &Row<'_>) -> database::Result<Option<(PollJob, bool)>> {
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
        shard: Shard::default(),
        leased_until: None,
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

fn remembered(r: &Row<'_>) -> database::Result<Remembered> {
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

/// Ends the leases of feeds, each if it is the one that ends at that time.
pub(in crate::store) fn release_claimed(
    tx: &Connection,
    feeds: &[(FeedId, Timestamp)],
) -> Result<(), StoreError> {
    const RELEASE: &str =
        "UPDATE poll_state SET leased_until = 0 WHERE feed_id = ?1 AND leased_until = ?2";
    for (feed, lease) in feeds {
        tx.prepare_cached(RELEASE)
            .and_then(|mut s| s.execute([feed.0, lease.timestamp()]))
            .context("release a feed")?;
    }
    Ok(())
}

pub(in crate::store) fn release_all(tx: &Connection) -> Result<(), StoreError> {
    tx.execute("UPDATE poll_state SET leased_until = 0 WHERE leased_until <> 0", [])
        .map(|_| ())
        .context("release all feeds")
}

/// Corrects the plans after the clock was set back. Feeds whose last poll lies in the future were planned by the other time;
/// they are due now. No lease ends later than one that begins now.
pub(in crate::store) fn correct_for_clock(
    tx: &Connection,
    now: Timestamp,
    lease: TimeDelta,
) -> Result<(), StoreError> {
    const FUTURE: &str = "?1 < polled_at - 60 AND ?1 < next_poll_at";
    const LEASES: &str = "UPDATE poll_state SET leased_until = ?1 WHERE ?1 < leased_until";
    let action = "correct plans for the clock";
    let at = now.timestamp();
    // Their hosts depend on the time of the poll.
    let moved = format!(
        "SELECT feed_id FROM poll_state WHERE {FUTURE} AND (recheck_at IS NOT NULL OR try_at IS NOT NULL)"
    );
    let moved: Vec<FeedId> = tx
        .prepare(&moved)
        .and_then(|mut s| s.query_map([at], |row| row.get(0).map(FeedId))?.collect())
        .context(action)?;
    tx.execute(&format!("UPDATE poll_state SET next_poll_at = ?1 WHERE {FUTURE}"), [at])
        .context(action)?;
    for feed in moved {
        feeds::set_host(tx, feed, now)?;
    }
    tx.execute(LEASES, [(now + lease).timestamp()]).map(|_| ()).context(action)
}
