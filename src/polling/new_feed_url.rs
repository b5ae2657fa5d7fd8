//! `itunes:new-feed-url`: the address that a feed's own document names as its new one.
//!
//! It counts as a permanent redirect, but a document can carry a stale or wrong one for years. So one poll tries the
//! address first. The feed moves there only if this poll finds the same feed, with the latest articles, and if that
//! document does not name the old address in turn. Else the feed is polled where it was, and the address is tried again
//! weekly for a month. After the move, the configured address is requested again as after a redirect. Its articles
//! decide then: if it has news that the new address lacks, the feed goes back.

use std::collections::HashSet;

use url::Url;

use crate::domain::article::ArticleKey;
use crate::domain::poll::{
    Document, Failure, Move, MovedBy, NewFeedUrl, Observed, PollJob, PollOutcome,
    ServerInstructions,
};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::polling::permanent_redirect;

/// The time between two trials of an address, and for how long it is tried.
const RETRY: TimeDelta = TimeDelta::days(7);
const TRIED_FOR: TimeDelta = TimeDelta::days(30);

/// A new address that is named at an address where the feed has just moved to is tried a day later, so that addresses
/// which name each other in a circle cause no more than a move a day.
const SETTLING_TIME: TimeDelta = TimeDelta::days(1);

/// How much older than the latest known article the newest entry at a new address may be. Two servers may state the
/// same date in different time zones.
const MAY_BE_BEHIND: TimeDelta = TimeDelta::days(1);

/// Where a feed is requested after a poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    pub moved: Option<Move>,
    pub new_feed_url: Option<NewFeedUrl>,
}

/// What a poll means that was made at an address which a document has named. An answer that does not show the feed
/// there is an ordinary failure, from which nothing is stored: also a 410, a document that breaks off and another feed.
pub fn judge(job: &PollJob, observed: Observed) -> Observed {
    if !job.is_trial() {
        let at_named = job.moved.as_ref().is_some_and(|moved| moved.by == MovedBy::NewFeedUrl);
        let is_gone = observed.outcome == PollOutcome::Gone && (at_named || job.is_recheck());
        // The feed has another address.
        let outcome =
            if is_gone { PollOutcome::Failed(Failure::Status(410)) } else { observed.outcome };
        return Observed { outcome, ..observed };
    }
    let (failure, what) = match &observed.outcome {
        PollOutcome::Fresh(document) => match difference(job, document) {
            None => return observed,
            Some(difference) => (Failure::NotAFeed, difference.to_owned()),
        },
        PollOutcome::Cut(_) | PollOutcome::SameBody | PollOutcome::NotModified => {
            (Failure::NotAFeed, "it returns no whole document".to_owned())
        }
        PollOutcome::Gone => (Failure::Status(410), observed.message.detail.clone()),
        PollOutcome::Failed(failure) => (*failure, observed.message.detail.clone()),
    };
    let mut message = observed.message;
    message.offers.clear();
    message.detail = format!("{} is named as the new address of this feed: {what}", job.address());
    let instructions = ServerInstructions {
        host_wait: observed.instructions.host_wait,
        ..ServerInstructions::default()
    };
    let outcome = PollOutcome::Failed(failure);
    Observed { outcome, instructions, message, transfer: observed.transfer }
}

/// Why a document at a new address is not the feed that has moved; `None` when it is.
fn difference(job: &PollJob, document: &Document) -> Option<&'static str> {
    let names_old = document.new_feed_url.as_ref().is_some_and(|names| {
        is_same(names, job.settled_address()) || is_same(names, job.url.as_url())
    });
    if names_old {
        return Some("it names the old address as the new one in turn");
    }
    if !is_same_feed(job, document) {
        return Some("it serves another feed");
    }
    let dates = document.drafts.iter().filter_map(|draft| draft.published.or(draft.modified));
    let is_behind = match (dates.max(), job.recent.first()) {
        (Some(newest), Some(known)) => newest + MAY_BE_BEHIND < *known,
        _ => false,
    };
    is_behind.then_some("it lacks the latest articles")
}

/// Whether a document has an entry, the title or the home page of the known feed. Anything may be a feed that had no
/// entries.
fn is_same_feed(job: &PollJob, document: &Document) -> bool {
    let known: HashSet<ArticleKey> = job.remembered.items.iter().map(|item| item.key).collect();
    let equal = |one: &Option<String>, other: &Option<String>| match (one, other) {
        (Some(one), Some(other)) => one.trim().to_lowercase() == other.trim().to_lowercase(),
        _ => false,
    };
    known.is_empty()
        || document.remembered.items.iter().any(|item| known.contains(&item.key))
        || equal(&document.meta.title, &job.known_as.title)
        || equal(&document.meta.home_page_url, &job.known_as.home_page_url)
}

/// Where a feed is requested after a poll, which [`judge`] has seen.
pub fn after(job: &PollJob, observed: &Observed, now: Timestamp) -> Whereabouts {
    let moved_to = observed.instructions.moved_to.as_ref();
    if job.is_trial() {
        return after_trial(job, observed, moved_to, now);
    }
    if let Some(moved) = job.moved.as_ref().filter(|moved| moved.by == MovedBy::NewFeedUrl)
        && job.is_recheck()
        && moved_to.is_none()
    {
        match at_configured_address(job, observed, moved) {
            Recheck::Redirect => {}
            Recheck::StillNamed => {
                let recheck_at = permanent_redirect::next_recheck(moved.at, now);
                let moved = Some(Move { recheck_at, ..moved.clone() });
                return Whereabouts { moved, new_feed_url: None };
            }
            Recheck::Wrong { retry } => {
                let try_at = if retry { retry_at(moved.at, now) } else { None };
                let new_feed_url =
                    Some(NewFeedUrl { to: moved.to.clone(), named_at: moved.at, try_at });
                return Whereabouts { moved: None, new_feed_url };
            }
        }
    }
    let moved = permanent_redirect::after(job, moved_to, &observed.outcome, now);
    let new_feed_url = match observed.outcome.document() {
        None => job.new_feed_url.clone(),
        Some(document) => named(job, document, observed).map(|to| {
            let known = job.new_feed_url.clone().filter(|known| known.to == to);
            let settled_at = moved.as_ref().map_or(now, |moved| moved.at + SETTLING_TIME);
            let try_at = Some(settled_at.max(now));
            known.unwrap_or(NewFeedUrl { to, named_at: now, try_at })
        }),
    };
    Whereabouts { moved, new_feed_url }
}

fn after_trial(
    job: &PollJob,
    observed: &Observed,
    moved_to: Option<&Url>,
    now: Timestamp,
) -> Whereabouts {
    let to = moved_to.unwrap_or(job.address());
    let Some(document) = observed.outcome.document() else {
        let retry =
            |new: &NewFeedUrl| NewFeedUrl { try_at: retry_at(new.named_at, now), ..new.clone() };
        return Whereabouts {
            moved: job.moved.clone(),
            new_feed_url: job.new_feed_url.as_ref().map(retry),
        };
    };
    let recheck_at = permanent_redirect::first_recheck(job, to, now);
    let moved = Move { to: to.clone(), at: now, recheck_at, by: MovedBy::NewFeedUrl };
    let new_feed_url = named(job, document, observed).filter(|names| !is_same(names, to));
    let try_at = Some(now + SETTLING_TIME);
    let new_feed_url = new_feed_url.map(|to| NewFeedUrl { to, named_at: now, try_at });
    Whereabouts { moved: Some(moved), new_feed_url }
}

fn retry_at(named_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    Some(now + RETRY).filter(|at| *at <= named_at + TRIED_FOR)
}

/// What a recheck of the configured address says about a move that its document has caused.
enum Recheck {
    /// What it says about a permanent redirect.
    Redirect,
    StillNamed,
    Wrong {
        retry: bool,
    },
}

fn at_configured_address(job: &PollJob, observed: &Observed, moved: &Move) -> Recheck {
    let document = match &observed.outcome {
        PollOutcome::Fresh(document) | PollOutcome::Cut(document) => document,
        // The new address has failed, and the old one works.
        PollOutcome::SameBody | PollOutcome::NotModified if 0.0 < job.health.failures => {
            return Recheck::Wrong { retry: true };
        }
        PollOutcome::SameBody | PollOutcome::NotModified => return Recheck::StillNamed,
        PollOutcome::Gone | PollOutcome::Failed(_) => return Recheck::Redirect,
    };
    if document.new_feed_url.as_ref() != Some(&moved.to) {
        return Recheck::Redirect;
    }
    if 0.0 < job.health.failures {
        return Recheck::Wrong { retry: true };
    }
    let known: HashSet<ArticleKey> = job.remembered.items.iter().map(|item| item.key).collect();
    let has_news = document.drafts.iter().any(|draft| {
        draft.published.is_some_and(|at| moved.at < at) && !known.contains(&draft.key)
    });
    if has_news { Recheck::Wrong { retry: false } } else { Recheck::StillNamed }
}

/// The new address that a document names, if it may be followed from here. A feed that is private, a file or printed by
/// a program stays where its user put it.
fn named(job: &PollJob, document: &Document, observed: &Observed) -> Option<Url> {
    let is_public =
        matches!(job.url.as_url().scheme(), "http" | "https") && job.url.shown_host().is_some();
    let to = document.new_feed_url.clone().filter(|_| is_public)?;
    let answered_by = observed
        .instructions
        .validators
        .as_ref()
        .and_then(|validators| validators.sent_by.as_ref());
    let here = [
        Some(job.url.as_url()),
        Some(job.address()),
        answered_by,
        observed.instructions.moved_to.as_ref(),
    ];
    let is_here = here.into_iter().flatten().any(|address| is_same(address, &to));
    let has_password = !to.username().is_empty() || to.password().is_some();
    (!is_here && !has_password).then_some(to)
}

/// Whether two addresses are ways to write one: `http` beside `https`, with and without `www.`, a slash at the end or a
/// fragment.
fn is_same(one: &Url, other: &Url) -> bool {
    let parts = |url: &Url| {
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_prefix("www.").unwrap_or(host).to_owned();
        let port = url.port();
        (host, port, url.path().trim_end_matches('/').to_owned(), url.query().map(str::to_owned))
    };
    parts(one) == parts(other)
}
