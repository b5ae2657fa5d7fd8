//! Finds the feed behind an address that a person gave.

use url::Url;

use crate::domain::address_origin::AddressOrigin;
use crate::domain::feed::FeedUrl;
use crate::domain::poll::{Document, Failure, Observed, PollOutcome};
use crate::domain::request::RequestSpec;
use crate::domain::time::Timestamp;
use crate::feed::autodiscovery::guesses::{by_site, guesses};
use crate::passes::preview::Looker;

/// A feed that was found and read.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it is to be polled: behind a permanent redirect, if there is one.
    pub url: FeedUrl,
    pub title: Option<String>,
    pub entries: usize,
    /// Of its newest entry.
    pub newest: Option<Timestamp>,
    pub how: How,
    /// Others that the page announces.
    pub also: Vec<Url>,
}

/// What led to a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is what was given.
    Given,
    /// The page names it.
    Announced,
    /// The site is known to have it there.
    Site,
    /// Feeds are often there.
    Guessed,
}

impl How {
    /// As shown in JSON; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Announced => "announced",
            Self::Site => "site",
            Self::Guessed => "guessed",
        }
    }
}

/// Nothing was found, and what was seen at the address itself.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no feed at {url}: {detail}")]
pub struct NoFeed {
    pub url: String,
    pub detail: String,
    /// Whether it was not asked because it is not public.
    pub private: bool,
}

/// The feed at `page`: what is there itself, what the page announces, where the site has it, where
/// feeds commonly are. At most a dozen requests, spaced as in polling.
///
/// `any_scheme` says that nobody typed `https`: if there is no such server, `http` is asked.
///
/// # Errors
/// When none of those is a feed.
pub async fn discover(
    looker: &mut Looker,
    page: Url,
    any_scheme: bool,
    request: &RequestSpec,
    entries: usize,
) -> Result<Found, NoFeed> {
    let mut page = page;
    let mut empty = None;
    for feed in by_site(&page) {
        if let Some(found) = attempt(looker, &feed, How::Site, request, entries).await {
            if 0 < found.entries {
                return Ok(found);
            }
            empty = empty.or(Some(found)); // Such as the releases of a project that has none.
        }
    }
    if let Some(found) = empty {
        return Ok(found);
    }
    let mut seen = look(looker, &page, request, entries).await?;
    if any_scheme && is_unreachable(&seen) && page.set_scheme("http").is_ok() {
        seen = look(looker, &page, request, entries).await?;
    }
    if let PollOutcome::Fresh(document) = &seen.outcome {
        return found(&page, &seen, document, How::Given).ok_or_else(|| none(&page, &seen));
    }
    let origin = AddressOrigin::Document(&page);
    for (i, offer) in seen.offers.iter().enumerate() {
        let allow_private = origin.may_be_private(offer, request.allow_private);
        let request = RequestSpec { allow_private, ..request.clone() };
        let admitted = origin.admits(offer);
        if admitted
            && let Some(mut found) = attempt(looker, offer, How::Announced, &request, entries).await
        {
            let others = seen.offers.iter().enumerate().filter(|(other, _)| *other != i);
            found.also = others.map(|(_, url)| url.clone()).collect();
            return Ok(found);
        }
    }
    // Of a server that does not answer nothing can be guessed; of one that refuses, nothing more asked.
    if matches!(seen.outcome, PollOutcome::Failed(Failure::NotAFeed | Failure::Status(404))) {
        for guess in guesses(&page) {
            if let Some(found) = attempt(looker, &guess, How::Guessed, request, entries).await {
                return Ok(found);
            }
        }
    }
    Err(none(&page, &seen))
}

async fn look(
    looker: &mut Looker,
    url: &Url,
    request: &RequestSpec,
    entries: usize,
) -> Result<Observed, NoFeed> {
    let url = FeedUrl::from_url(url.clone()).map_err(|error| NoFeed {
        url: String::new(),
        detail: error.to_string(),
        private: false,
    })?;
    Ok(looker.look(&url, request, entries, None).await)
}

async fn attempt(
    looker: &mut Looker,
    url: &Url,
    how: How,
    request: &RequestSpec,
    entries: usize,
) -> Option<Found> {
    let seen = look(looker, url, request, entries).await.ok()?;
    match &seen.outcome {
        PollOutcome::Fresh(document) => found(url, &seen, document, how),
        PollOutcome::SameBody
        | PollOutcome::NotModified
        | PollOutcome::Gone
        | PollOutcome::Failed(_) => None,
    }
}

fn found(asked: &Url, seen: &Observed, document: &Document, how: How) -> Option<Found> {
    let origin = AddressOrigin::Document(asked);
    let moved = seen.moved_to.clone().filter(|to| origin.admits(to));
    let url = moved.unwrap_or_else(|| asked.clone());
    Some(Found {
        url: FeedUrl::from_url(url).ok()?,
        title: document.meta.title.clone(),
        entries: document.entries,
        newest: document.drafts.iter().filter_map(|draft| draft.published.or(draft.modified)).max(),
        how,
        also: Vec::new(),
    })
}

fn is_unreachable(seen: &Observed) -> bool {
    matches!(seen.outcome, PollOutcome::Failed(Failure::Connect | Failure::Tls))
}

fn none(page: &Url, seen: &Observed) -> NoFeed {
    let detail = match seen.outcome {
        PollOutcome::Failed(Failure::NotAFeed) if seen.offers.is_empty() => {
            format!("{}; none is at the usual places either", seen.detail)
        }
        _ => seen.detail.clone(),
    };
    let private = matches!(seen.outcome, PollOutcome::Failed(Failure::Private));
    NoFeed { url: page.to_string(), detail, private }
}
