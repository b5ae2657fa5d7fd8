//! Polls: claimed, applied.

use std::collections::HashMap;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row, params};
use serde_json::json;
use url::Url;

use crate::domain::article::ArticleKey;
use crate::domain::feed::{FeedId, FeedUrl};
use crate::domain::host::Host;
use crate::domain::poll::{
    Applied, Decision, Document, Health, Hints, KeyPolicy, KnownItem, NextPoll, PollJob,
    PollOutcome, Remembered, Validators,
};
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::polling::schedule::Policy;
use crate::store::error::{Doing, StoreError};
use crate::store::sqlite::articles::{self, Stored};
use crate::store::sqlite::{feeds, history, hosts};

/// A request for work.
#[derive(Clone, Debug)]
pub struct Claim {
    pub now: Timestamp,
    pub limit: usize,
    /// How long nobody else gets these feeds. Longer than any poll can take.
    pub lease: TimeDelta,
    /// These feeds, due or not; else whichever are due.
    pub only: Option<Vec<FeedId>>,
    /// Feeds of one host that may be claimed at once.
    pub per_host: usize,
    /// Hosts that may have fewer now, and how many.
    pub free_slots: HashMap<Host, usize>,
    /// Also feeds of hosts that asked to be left alone.
    pub paused_too: bool,
}

/// The answer to a [`Claim`].
#[derive(Clone, Debug)]
pub struct Claimed {
    pub jobs: Vec<PollJob>,
    /// When the next feed is due that was not claimed, leases included; `None` when none ever is.
    pub next_due: Option<Timestamp>,
    /// The same of those that were not due yet: the others wait for room.
    pub next_to_come: Option<Timestamp>,
}

const COLUMNS: &str = "
    SELECT p.feed_id, f.url, p.etag, p.last_modified, p.failures, p.failing_since,
        min(coalesce(p.next_poll_at, p.polled_at, ?1), ?1), p.policy, m.body_hash, m.key_policy, m.items,
        p.validated_url, p.full_at, p.ttl, p.update_period, p.skip_hours, p.skip_days,
        h.strikes, p.moved_to, p.moved_at, p.recheck_at
    FROM turn JOIN plan p ON p.feed_id = turn.feed_id JOIN feed f ON f.id = p.feed_id
        LEFT JOIN memory m ON m.feed_id = p.feed_id
        LEFT JOIN host h ON h.host = p.host
        LEFT JOIN room ON room.host = p.host
    WHERE turn.n <= coalesce(room.places, ?3) AND (?5 OR coalesce(h.paused_until, 0) <= ?1)
    ORDER BY p.next_poll_at LIMIT ?2";

/// Whose turn it is, the longest overdue of each host first. A file is its own host. The rooms are
/// materialised, so that SQLite looks them up by an index of its own instead of one by one.
const TURN: &str = "
    WITH room AS MATERIALIZED (
        SELECT CAST(key AS TEXT) AS host, value AS places FROM json_each(?4)
    ), turn AS (
        SELECT feed_id, row_number() OVER
            (PARTITION BY coalesce(host, feed_id) ORDER BY next_poll_at, feed_id) AS n
        FROM plan WHERE ";

/// A poll that the clock says lies in the future was made before the clock was set back: what it
/// planned cannot be trusted, and neither can a lease of more than an hour.
const DUE: &str = "
    active = 1 AND (next_poll_at <= ?1 OR ?1 + 60 < polled_at)
    AND leased_until NOT BETWEEN ?1 + 1 AND ?1 + 3600)";

const NAMED: &str = "
    feed_id IN (SELECT value FROM json_each(?6))
    AND leased_until NOT BETWEEN ?1 + 1 AND ?1 + 3600)";

pub(in crate::store) fn claim(tx: &Connection, claim: &Claim) -> Result<Claimed, StoreError> {
    let now = claim.now.timestamp();
    let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
    let per_host = i64::try_from(claim.per_host).unwrap_or(i64::MAX);
    let rooms = json!(
        claim.free_slots.iter().map(|(host, n)| (host.as_str(), n)).collect::<HashMap<_, _>>()
    )
    .to_string();
    let early = early_rechecks(tx, claim)?;
    for (feed, _) in &early {
        feeds::set_host(tx, *feed, claim.now)?;
    }
    let found = match &claim.only {
        None => tx.prepare_cached(&format!("{TURN}{DUE}{COLUMNS}")).and_then(|mut s| {
            s.query_map(params![now, limit, per_host, rooms, claim.paused_too], job)?
                .collect::<Result<Vec<_>, _>>()
        }),
        Some(feeds) => tx.prepare_cached(&format!("{TURN}{NAMED}{COLUMNS}")).and_then(|mut s| {
            s.query_map(params![now, limit, per_host, rooms, claim.paused_too, ids(feeds)], job)?
                .collect::<Result<Vec<_>, _>>()
        }),
    };
    let mut jobs: Vec<(PollJob, bool)> =
        found.doing("claim feeds")?.into_iter().flatten().collect();
    for (feed, planned_at) in early {
        feeds::set_host(tx, feed, planned_at)?;
    }
    let until = (claim.now + claim.lease).timestamp();
    for (job, adaptive) in &mut jobs {
        tx.prepare_cached("UPDATE plan SET leased_until = ?2 WHERE feed_id = ?1")
            .and_then(|mut s| s.execute([job.feed.0, until]))
            .doing("lease a feed")?;
        if *adaptive {
            job.recent = feeds::recent_dates(tx, job.feed)?;
        }
    }
    let (next_due, next_to_come) = next_due(tx, now)?;
    Ok(Claimed { jobs: jobs.into_iter().map(|(job, _)| job).collect(), next_due, next_to_come })
}

/// Moved feeds that are asked for by name before their plan, and whose recheck is due with the plan but not
/// yet: the stored host is not the one that is asked now. With the time of the plan.
fn early_rechecks(tx: &Connection, claim: &Claim) -> Result<Vec<(FeedId, Timestamp)>, StoreError> {
    const EARLY: &str = "
        SELECT feed_id, next_poll_at FROM plan
        WHERE feed_id IN (SELECT value FROM json_each(?1))
            AND ?2 < recheck_at AND recheck_at <= next_poll_at";
    let Some(feeds) = &claim.only else { return Ok(Vec::new()) };
    let one = |r: &Row<'_>| Ok((FeedId(r.get(0)?), from_unix(r.get(1)?)));
    tx.prepare_cached(EARLY)
        .and_then(|mut s| s.query_map(params![ids(feeds), claim.now.timestamp()], one)?.collect())
        .doing("find rechecks that are not due yet")
}

/// As a JSON array.
fn ids(feeds: &[FeedId]) -> String {
    json!(feeds.iter().map(|feed| feed.0).collect::<Vec<_>>()).to_string()
}

/// `None` for an address that only an older version could have stored.
fn job(r: &Row<'_>) -> rusqlite::Result<Option<(PollJob, bool)>> {
    let Ok(url) = FeedUrl::parse(r.get_ref(1)?.as_str()?) else { return Ok(None) };
    let body_hash: Option<i64> = r.get(8)?;
    let key_policy: Option<i64> = r.get(9)?;
    let items: Option<Items> = r.get(10)?;
    let validated_url: Option<String> = r.get(11)?;
    let span = |index: usize| -> rusqlite::Result<Option<TimeDelta>> {
        Ok(r.get::<_, Option<i64>>(index)?.map(TimeDelta::seconds))
    };
    let job = PollJob {
        feed: FeedId(r.get(0)?),
        url,
        validators: Validators {
            etag: r.get(2)?,
            last_modified: r.get(3)?,
            sent_by: validated_url.and_then(|url| Url::parse(&url).ok()),
        },
        health: Health {
            failures: r.get(4)?,
            failing_since: r.get::<_, Option<i64>>(5)?.map(from_unix),
        },
        planned_at: from_unix(r.get(6)?),
        remembered: Remembered {
            body_hash: body_hash.map(i64::cast_unsigned),
            items: items.unwrap_or_default().0,
            key_policy: if key_policy == Some(1) {
                KeyPolicy::Careful
            } else {
                KeyPolicy::Trusting
            },
        },
        recent: Vec::new(),
        full_at: r.get::<_, Option<i64>>(12)?.map(from_unix),
        hints: Hints {
            ttl: span(13)?,
            update_period: span(14)?,
            skip_hours: r.get(15)?,
            skip_days: r.get(16)?,
        },
        strikes: r.get(17)?,
        moved: feeds::moved(r, 18)?,
    };
    Ok(Some((job, Policy::is_adaptive(r.get_ref(7)?.as_str()?))))
}

pub(in crate::store) fn release(tx: &Connection, feeds: &[FeedId]) -> Result<(), StoreError> {
    for feed in feeds {
        tx.prepare_cached("UPDATE plan SET leased_until = 0 WHERE feed_id = ?1")
            .and_then(|mut s| s.execute([feed.0]))
            .doing("release a feed")?;
    }
    Ok(())
}

/// Reverts polls that do not count: these feeds have the health from before and a new plan.
pub(in crate::store) fn revert(
    tx: &Connection,
    feeds: &[(FeedId, Health)],
    next: NextPoll,
) -> Result<(), StoreError> {
    const REVERT: &str = "
        UPDATE plan SET failures = ?2, failing_since = ?3, next_poll_at = ?4, because = ?5,
            host = ?6, leased_until = 0
        WHERE feed_id = ?1";
    for (feed, health) in feeds {
        let since = health.failing_since.map(|at| at.timestamp());
        let host = feeds::host_at(tx, *feed, next.at)?;
        let (at, host) = (next.at.map(|at| at.timestamp()), host.as_ref().map(Host::as_str));
        tx.prepare_cached(REVERT)
            .and_then(|mut s| {
                s.execute(params![feed.0, health.failures, since, at, next.because.as_str(), host])
            })
            .doing("revert a poll")?;
    }
    Ok(())
}

pub(in crate::store) fn release_all(tx: &Connection) -> Result<(), StoreError> {
    tx.execute("UPDATE plan SET leased_until = 0 WHERE leased_until <> 0", [])
        .map(|_| ())
        .doing("release all feeds")
}

/// When the next feed is due, and when the next after `now`.
fn next_due(
    tx: &Connection,
    now: i64,
) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    const NEXT: &str = "
        SELECT min(at), min(at) FILTER (WHERE ?1 < at) FROM (
            SELECT max(next_poll_at, leased_until, coalesce(paused_until, 0)) AS at
            FROM plan LEFT JOIN host USING (host) WHERE active = 1)";
    let both = |row: &Row<'_>| -> rusqlite::Result<_> {
        let at = |index| row.get::<_, Option<i64>>(index).map(|at| at.map(from_unix));
        Ok((at(0)?, at(1)?))
    };
    tx.prepare_cached(NEXT)
        .and_then(|mut s| s.query_row([now], both))
        .doing("find the next due feed")
}

const PLAN: &str = "
    UPDATE plan SET next_poll_at = ?2, because = ?3, not_before = ?4, leased_until = 0,
        polled_at = ?5, outcome = ?6, status = ?7, detail = ?8, failures = ?9, failing_since = ?10,
        succeeded_at = CASE WHEN ?9 = 0 THEN ?5 ELSE succeeded_at END,
        full_at = CASE WHEN ?11 THEN ?5 ELSE full_at END, asks = ?12, polls = polls + 1,
        host = ?13, moved_to = ?14, moved_at = ?15, recheck_at = ?16, offers = ?17
    WHERE feed_id = ?1";

const VALIDATORS: &str = "
    UPDATE plan SET etag = ?2, last_modified = ?3, validated_url = ?4
    WHERE feed_id = ?1 AND (etag, last_modified, validated_url) IS NOT (?2, ?3, ?4)";

const HINTS: &str = "
    UPDATE plan SET ttl = ?2, update_period = ?3, skip_hours = ?4, skip_days = ?5
    WHERE feed_id = ?1
        AND (ttl, update_period, skip_hours, skip_days) IS NOT (?2, ?3, ?4, ?5)";

/// All that one poll decided. Validators and entries together: had the one been stored without the
/// other, a 304 would hide the entries for good.
pub(in crate::store) fn apply(
    tx: &Connection,
    d: &Decision,
    keep_revisions: u32,
) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    if let PollOutcome::Fresh(document) = &d.observed.outcome {
        applied = store_document(tx, d.feed, document, keep_revisions, d.polled_at)?;
    }
    let observed = &d.observed;
    if let Some(validators) = &observed.validators {
        let sent_by = validators.sent_by.as_ref().map(Url::as_str);
        tx.prepare_cached(VALIDATORS)
            .and_then(|mut s| {
                s.execute(params![d.feed.0, validators.etag, validators.last_modified, sent_by])
            })
            .doing("store validators")?;
    }
    if let Some(hints) = observed.hints {
        let seconds = |span: Option<TimeDelta>| span.map(|span| span.num_seconds());
        let (ttl, period) = (seconds(hints.ttl), seconds(hints.update_period));
        tx.prepare_cached(HINTS)
            .and_then(|mut s| {
                s.execute(params![d.feed.0, ttl, period, hints.skip_hours, hints.skip_days])
            })
            .doing("store a feed's hints")?;
    }
    let longest = d.asks.iter().map(|(_, wait)| *wait).max();
    let not_before = longest.map(|wait| (d.polled_at + wait).timestamp());
    let asks: Vec<_> =
        d.asks.iter().map(|(by, wait)| json!([by.as_str(), wait.num_seconds()])).collect();
    let asks = (!asks.is_empty()).then(|| json!(asks).to_string());
    let offers: Vec<&str> = observed.offers.iter().map(Url::as_str).collect();
    let offers = (!offers.is_empty()).then(|| json!(offers).to_string());
    let detail = Some(observed.detail.as_str()).filter(|text| !text.is_empty());
    let full = observed.status != Some(226)
        && matches!(observed.outcome, PollOutcome::Fresh(_) | PollOutcome::SameBody);
    tx.prepare_cached(PLAN)
        .and_then(|mut s| {
            s.execute(params![
                d.feed.0,
                d.next.at.map(|at| at.timestamp()),
                d.next.because.as_str(),
                not_before,
                d.polled_at.timestamp(),
                observed.outcome.as_str(),
                observed.status,
                detail,
                d.health.failures,
                d.health.failing_since.map(|at| at.timestamp()),
                full,
                asks,
                d.next_host.as_ref().map(Host::as_str),
                d.moved.as_ref().map(|moved| moved.to.as_str()),
                d.moved.as_ref().map(|moved| moved.at.timestamp()),
                d.moved.as_ref().and_then(|moved| moved.recheck_at).map(|at| at.timestamp()),
                offers,
            ])
        })
        .doing("store a plan")?;
    history::record(tx, d, applied)?;
    hosts::settle(tx, d)?;
    Ok(applied)
}

const REMEMBER: &str = "
    INSERT INTO memory (feed_id, body_hash, key_policy, items) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (feed_id) DO UPDATE SET body_hash = ?2, key_policy = ?3, items = ?4";

fn store_document(
    tx: &Connection,
    feed: FeedId,
    document: &Document,
    keep_revisions: u32,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    feeds::describe(tx, feed, &document.meta)?;
    let mut applied = Applied::default();
    let before = sequence(tx)?;
    let mut seq = before;
    // Documents list the newest first; among articles without a date the order of arrival decides.
    for draft in document.drafts.iter().rev() {
        match articles::store(tx, feed, draft, &mut seq, keep_revisions, now)? {
            Stored::New => applied.added += 1,
            Stored::Edited => applied.edited += 1,
            Stored::Known => {}
        }
    }
    advance_sequence(tx, before, seq)?;
    let remembered = &document.remembered;
    tx.prepare_cached(REMEMBER)
        .and_then(|mut s| {
            s.execute(params![
                feed.0,
                remembered.body_hash.map(u64::cast_signed),
                remembered.key_policy == KeyPolicy::Careful,
                encode(&remembered.items),
            ])
        })
        .doing("remember a document")?;
    Ok(applied)
}

/// The last sequence number given out. Read in the transaction: another process may write between ours.
pub(super) fn sequence(tx: &Connection) -> Result<i64, StoreError> {
    tx.prepare_cached("SELECT value FROM meta WHERE key = 'seq'")
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .doing("read the sequence")
}

/// Nothing is written when none was given out.
pub(super) fn advance_sequence(tx: &Connection, before: i64, seq: i64) -> Result<(), StoreError> {
    if seq != before {
        tx.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'seq'")
            .and_then(|mut s| s.execute([seq]))
            .doing("advance the sequence")?;
    }
    Ok(())
}

/// What is in a feed's last document, as stored.
#[derive(Default)]
pub(super) struct Items(Vec<KnownItem>);

impl Items {
    /// The keys of its articles, as stored with their sightings.
    pub(super) fn keys(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.iter().map(|item| item.key.0.cast_signed())
    }
}

fn encode(items: &[KnownItem]) -> Vec<u8> {
    items
        .iter()
        .flat_map(|item| [item.slice.to_le_bytes(), item.key.0.to_le_bytes()])
        .flatten()
        .collect()
}

impl FromSql for Items {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let (chunks, rest) = value.as_blob()?.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(FromSqlError::InvalidType);
        }
        let number = |half: &[u8]| half.iter().rev().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let item = |chunk: &[u8; 16]| {
            let (slice, key) = chunk.split_at(8);
            KnownItem { slice: number(slice), key: ArticleKey(number(key)) }
        };
        Ok(Self(chunks.iter().map(item).collect()))
    }
}
