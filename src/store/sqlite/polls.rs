//! Claims feeds for polling, and stores what polls have decided.

use std::collections::HashMap;

use rusqlite::{Connection, Row, named_params, params};
use serde_json::json;
use url::Url;

use crate::domain::feed::{FeedId, FeedMeta, FeedUrl};
use crate::domain::host::Host;
use crate::domain::poll::{
    Applied, Decision, Document, Health, Hints, KeyPolicy, NextPoll, PollJob, PollOutcome,
    Remembered,
};
use crate::domain::time::{TimeDelta, Timestamp, from_unix, rounded_up};
use crate::polling::schedule::Policy;
use crate::store::error::{Context, StoreError};
use crate::store::sqlite::articles::{self, Arrival, Stored};
use crate::store::sqlite::columns::{Columns, column, time};
use crate::store::sqlite::last_document::{Items, encode, is_first};
use crate::store::sqlite::{address_changes, feeds, future, history, hosts, matching, meta};

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

/// How the articles of a poll are stored.
#[derive(Clone, Copy, Debug)]
pub struct Storing {
    /// The number of earlier versions that are kept of an edited article.
    pub keep_revisions: u32,
    /// Whether new articles that are dated ahead are hidden until their time has come.
    pub hide_future: bool,
    /// Whether the pages of new articles are fetched.
    pub full_text: bool,
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

/// Reverts polls that do not count: sets the health and the next poll of their feeds.
pub(in crate::store) fn revert(
    tx: &Connection,
    feeds: &[(FeedId, Health)],
    next: NextPoll,
) -> Result<(), StoreError> {
    const REVERT: &str = "
        UPDATE poll_state SET failures = ?2, failing_since = ?3, next_poll_at = ?4, because = ?5,
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
            .context("revert a poll")?;
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

const PLAN: &str = "
    UPDATE poll_state SET next_poll_at = :next_poll_at, because = :because, not_before = :not_before,
        leased_until = 0, polled_at = :polled_at, outcome = :outcome, status = :status,
        detail = :detail, failures = :failures, failing_since = :failing_since,
        succeeded_at = CASE WHEN :failures = 0 THEN :polled_at ELSE succeeded_at END,
        full_at = CASE WHEN :full THEN :polled_at ELSE full_at END, asks = :asks,
        polls = polls + 1, host = :host, moved_to = :moved_to, moved_at = :moved_at,
        recheck_at = :recheck_at, moved_by = :moved_by, new_feed_url = :new_feed_url,
        named_at = :named_at, try_at = :try_at, offers = :offers
    WHERE feed_id = :feed_id";

const VALIDATORS: &str = "
    UPDATE poll_state SET etag = ?2, last_modified = ?3, validated_url = ?4
    WHERE feed_id = ?1 AND (etag, last_modified, validated_url) IS NOT (?2, ?3, ?4)";

const HINTS: &str = "
    UPDATE poll_state SET ttl = ?2, update_period = ?3, skip_hours = ?4, skip_days = ?5
    WHERE feed_id = ?1
        AND (ttl, update_period, skip_hours, skip_days) IS NOT (?2, ?3, ?4, ?5)";

/// Stores everything that a poll has decided. Validators and entries belong together: had the validators been
/// stored without the entries, a 304 would hide the entries forever.
pub(in crate::store) fn apply(
    tx: &Connection,
    d: &Decision,
    storing: Storing,
) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    if let Some(document) = d.observed.outcome.document() {
        let before = meta::sequence(tx)?;
        applied = store_document(tx, d.feed, document, storing, d.polled_at)?;
        if storing.hide_future && applied.added != 0 {
            future::hide(tx, before, d.polled_at)?;
        }
    }
    if address_changes::forget_if_changed(tx, d.feed, d.url.as_str())? {
        // What the former address has sent means nothing to the new one.
        let next_host = feeds::host_at(tx, d.feed, d.next.at)?;
        let d = Decision { moved: None, new_feed_url: None, next_host, ..d.clone() };
        store_plan(tx, &d)?;
    } else {
        store_instructions(tx, d)?;
        store_plan(tx, d)?;
    }
    history::record(tx, d, applied)?;
    hosts::settle(tx, d)?;
    Ok(applied)
}

/// Stores what the next request needs: validators, and the hints of the document.
fn store_instructions(tx: &Connection, d: &Decision) -> Result<(), StoreError> {
    if let Some(validators) = &d.observed.instructions.validators {
        let sent_by = validators.sent_by.as_ref().map(Url::as_str);
        tx.prepare_cached(VALIDATORS)
            .and_then(|mut s| {
                s.execute(params![d.feed.0, validators.etag, validators.last_modified, sent_by])
            })
            .context("store validators")?;
    }
    if let Some(hints) = d.observed.instructions.hints {
        let seconds = |span: Option<TimeDelta>| span.map(|span| span.num_seconds());
        let (ttl, period) = (seconds(hints.ttl), seconds(hints.update_period));
        tx.prepare_cached(HINTS)
            .and_then(|mut s| {
                s.execute(params![d.feed.0, ttl, period, hints.skip_hours, hints.skip_days])
            })
            .context("store a feed's hints")?;
    }
    Ok(())
}

/// Stores when the feed is polled next, and how this poll went.
fn store_plan(tx: &Connection, d: &Decision) -> Result<(), StoreError> {
    let observed = &d.observed;
    let longest = d.min_waits.iter().map(|(_, wait)| *wait).max();
    let not_before = longest.map(|wait| rounded_up(d.polled_at + wait).timestamp());
    let min_waits: Vec<_> =
        d.min_waits.iter().map(|(by, wait)| json!([by.as_str(), wait.num_seconds()])).collect();
    let min_waits = (!min_waits.is_empty()).then(|| json!(min_waits).to_string());
    let offers: Vec<&str> = observed.message.offers.iter().map(Url::as_str).collect();
    let offers = (!offers.is_empty()).then(|| json!(offers).to_string());
    let detail = Some(observed.message.detail.as_str()).filter(|text| !text.is_empty());
    let full = observed.transfer.status != Some(226)
        && matches!(
            observed.outcome,
            PollOutcome::Fresh(_) | PollOutcome::Cut(_) | PollOutcome::SameBody
        );
    tx.prepare_cached(PLAN)
        .and_then(|mut s| {
            s.execute(named_params! {
                ":feed_id": d.feed.0,
                ":next_poll_at": d.next.at.map(|at| at.timestamp()),
                ":because": d.next.because.as_str(),
                ":not_before": not_before,
                ":polled_at": d.polled_at.timestamp(),
                ":outcome": observed.outcome.as_str(),
                ":status": observed.transfer.status,
                ":detail": detail,
                ":failures": d.health.failures,
                ":failing_since": d.health.failing_since.map(|at| at.timestamp()),
                ":full": full,
                ":asks": min_waits,
                ":host": d.next_host.as_ref().map(Host::as_str),
                ":moved_to": d.moved.as_ref().map(|moved| moved.to.as_str()),
                ":moved_at": d.moved.as_ref().map(|moved| moved.at.timestamp()),
                ":recheck_at": d
                    .moved
                    .as_ref()
                    .and_then(|moved| moved.recheck_at)
                    .map(|at| at.timestamp()),
                ":moved_by": d.moved.as_ref().map(|moved| moved.by.as_str()),
                ":new_feed_url": d.new_feed_url.as_ref().map(|new| new.to.as_str()),
                ":named_at": d.new_feed_url.as_ref().map(|new| new.named_at.timestamp()),
                ":try_at": d.new_feed_url.as_ref().and_then(|new| new.try_at).map(|at| at.timestamp()),
                ":offers": offers,
            })
        })
        .map(|_| ())
        .context("store a plan")
}

const REMEMBER: &str = "
    INSERT INTO last_document (feed_id, body_hash, key_policy, items) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (feed_id) DO UPDATE SET body_hash = ?2, key_policy = ?3, items = ?4";

fn store_document(
    tx: &Connection,
    feed: FeedId,
    document: &Document,
    storing: Storing,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    feeds::describe(tx, feed, &document.meta)?;
    let is_first = is_first(tx, feed)?;
    let arrival = Arrival {
        feed,
        now,
        undated_at: Some(now).filter(|_| !is_first).unwrap_or_else(|| dated_at(document, now)),
        is_quiet: is_first && document.listing.quiet_start,
        keep_revisions: storing.keep_revisions,
        full_text: storing.full_text,
    };
    let mut found = Vec::with_capacity(document.drafts.len());
    for draft in &document.drafts {
        found.push(articles::find(tx, feed, draft)?);
    }
    if !is_first {
        matching::part(tx, feed, &document.drafts, &mut found)?;
        matching::complete(tx, feed, document, &mut found)?;
    }
    let mut applied = Applied::default();
    let before = meta::sequence(tx)?;
    let mut seq = before;
    // The order of insertion orders articles without a date: the newest entry is stored last.
    let mut drafts: Vec<_> = document.drafts.iter().zip(found).collect();
    if !document.listing.oldest_first {
        drafts.reverse();
    }
    for (draft, found) in drafts {
        match articles::store(tx, &arrival, draft, found, &mut seq)? {
            Stored::New => applied.added += 1,
            Stored::Edited => applied.edited += 1,
            Stored::Known => {}
        }
    }
    meta::advance_sequence(tx, before, seq)?;
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
        .context("remember a document")?;
    Ok(applied)
}

/// The date of a document: its own, else that of its newest entry; `now` when it has neither. A date to come is none.
fn dated_at(document: &Document, now: Timestamp) -> Timestamp {
    let newest = || {
        let dates = document.drafts.iter().filter_map(|draft| draft.published);
        dates.filter(|at| *at <= now).max()
    };
    document.listing.dated_at.filter(|at| *at <= now).or_else(newest).unwrap_or(now)
}
