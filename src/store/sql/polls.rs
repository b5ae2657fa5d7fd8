//! Stores what polls have decided.

use serde_json::json;
use url::Url;

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::poll::{Applied, Decision, Document, Health, KeyPolicy, NextPoll, PollOutcome};
use crate::domain::time::{TimeDelta, Timestamp, rounded_up};
use crate::store::database::{Connection, OptionalExtension, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::articles::{self, Arrival, Stored};
use crate::store::sql::last_document::{encode, is_first};
use crate::store::sql::{address_changes, feeds, future, history, hosts, matching, meta};

/// How the articles of a poll are stored.
#[derive(Clone, Copy, Debug)]
pub struct Storing {
    /// The number of earlier versions that are kept of an edited article.
    pub keep_revisions: u32,
    /// Whether new articles that are dated ahead are hidden until their time has come.
    pub hide_future: bool,
    /// Whether the pages of new articles are fetched.
    pub full_text: bool,
    /// The end of the lease under which the feed was polled, if that has to be the present one: of workers that share a store,
    /// another may have polled the feed since. `None`: it does not matter.
    pub leased_until: Option<Timestamp>,
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

const PLAN: &str = "
    UPDATE poll_state SET next_poll_at = ?2, because = ?3, not_before = ?4,
        leased_until = 0, polled_at = ?5, outcome = ?6, status = ?7,
        detail = ?8, failures = ?9, failing_since = ?10,
        succeeded_at = CASE WHEN CAST(?9 AS double precision) = 0 THEN ?5 ELSE succeeded_at END,
        full_at = CASE WHEN CAST(?11 AS bigint) = 1 THEN ?5 ELSE full_at END, asks = ?12,
        polls = polls + 1, host = ?13, moved_to = ?14, moved_at = ?15,
        recheck_at = ?16, moved_by = ?17, new_feed_url = ?18,
        named_at = ?19, try_at = ?20, offers = ?21
    WHERE feed_id = ?1";

const VALIDATORS: &str = "
    UPDATE poll_state SET etag = ?2, last_modified = ?3, validated_url = ?4
    WHERE feed_id = ?1 AND (etag, last_modified, validated_url) IS DISTINCT FROM (?2, ?3, ?4)";

const HINTS: &str = "
    UPDATE poll_state SET ttl = ?2, update_period = ?3, skip_hours = ?4, skip_days = ?5
    WHERE feed_id = ?1
        AND (ttl, update_period, skip_hours, skip_days) IS DISTINCT FROM (?2, ?3, ?4, ?5)";

/// Stores everything that a poll has decided. Validators and entries belong together: had the validators been
/// stored without the entries, a 304 would hide the entries forever.
pub(in crate::store) fn apply(
    tx: &Connection,
    d: &Decision,
    storing: Storing,
) -> Result<Applied, StoreError> {
    if let Some(lease) = storing.leased_until
        && !tx.is_sqlite()
        && !is_leased_until(tx, d.feed, lease)?
    {
        return Err(StoreError::LeaseLost);
    }
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

/// Whether the present lease of a feed is the one that ends then. No later lease of a feed ends at the same time.
fn is_leased_until(tx: &Connection, feed: FeedId, lease: Timestamp) -> Result<bool, StoreError> {
    const LEASE: &str = "SELECT leased_until FROM poll_state WHERE feed_id = ?1";
    let found: Option<i64> = tx
        .prepare_cached(LEASE)
        .and_then(|mut s| s.query_row([feed.0], |row| row.get(0)).optional())
        .context("look up the lease of a feed")?;
    Ok(found == Some(lease.timestamp()))
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
            s.execute(params![
                d.feed.0,
                d.next.at.map(|at| at.timestamp()),
                d.next.because.as_str(),
                not_before,
                d.polled_at.timestamp(),
                observed.outcome.as_str(),
                observed.transfer.status,
                detail,
                d.health.failures,
                d.health.failing_since.map(|at| at.timestamp()),
                full,
                min_waits,
                d.next_host.as_ref().map(Host::as_str),
                d.moved.as_ref().map(|moved| moved.to.as_str()),
                d.moved.as_ref().map(|moved| moved.at.timestamp()),
                d.moved.as_ref().and_then(|moved| moved.recheck_at).map(|at| at.timestamp()),
                d.moved.as_ref().map(|moved| moved.by.as_str()),
                d.new_feed_url.as_ref().map(|new| new.to.as_str()),
                d.new_feed_url.as_ref().map(|new| new.named_at.timestamp()),
                d.new_feed_url.as_ref().and_then(|new| new.try_at).map(|at| at.timestamp()),
                offers,
            ])
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
    if applied.added != 0 {
        add_to_totals(tx, feed, applied.added)?;
    }
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

/// Counts the articles that a poll has added. Removals and new dates are counted by triggers.
fn add_to_totals(tx: &Connection, feed: FeedId, added: u32) -> Result<(), StoreError> {
    const ADD: &str = "
        INSERT INTO feed_totals (feed_id, articles, newest_at)
        VALUES (?1, ?2, (SELECT max(order_at) FROM article WHERE feed_id = ?1))
        ON CONFLICT (feed_id) DO UPDATE SET articles = feed_totals.articles + excluded.articles,
            newest_at = excluded.newest_at";
    tx.prepare_cached(ADD)
        .and_then(|mut s| s.execute([feed.0, i64::from(added)]))
        .map(|_| ())
        .context("count the articles of a feed")
}

/// The date of a document: its own, else that of its newest entry; `now` when it has neither. A date to come is none.
fn dated_at(document: &Document, now: Timestamp) -> Timestamp {
    let newest = || {
        let dates = document.drafts.iter().filter_map(|draft| draft.published);
        dates.filter(|at| *at <= now).max()
    };
    document.listing.dated_at.filter(|at| *at <= now).or_else(newest).unwrap_or(now)
}
