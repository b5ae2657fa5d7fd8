//! Finds a feed from an address that a user gave: a feed, a page that links to one, or a known site.

use url::Url;

use crate::domain::address_origin::AddressOrigin;
use crate::domain::feed::FeedUrl;
use crate::domain::poll::{Document, Failure, Observed, PollOutcome};
use crate::domain::request::RequestSpec;
use crate::domain::time::Timestamp;
use crate::feed::autodiscovery::guesses::{by_site, guesses};
use crate::passes::preview::Previewer;

/// A feed that was found and parsed.
#[derive(Clone, Debug)]
pub struct Found {
    /// The address to poll: the target of a permanent redirect, if there is one.
    pub url: FeedUrl,
    pub title: Option<String>,
    pub entries: usize,
    /// The date of the newest entry.
    pub newest: Option<Timestamp>,
    pub found_by: FoundBy,
    /// Other feeds that the page links to.
    pub also: Vec<Url>,
}

/// How a feed was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// The given address is that of the feed.
    Given,
    /// The page links to it.
    HtmlLink,
    /// The site is one whose feed addresses are known.
    KnownSite,
    /// It is at one of the usual addresses below the site.
    Guess,
}

impl FoundBy {
    /// As shown in JSON; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::HtmlLink => "announced",
            Self::KnownSite => "site",
            Self::Guess => "guessed",
        }
    }
}

/// No feed was found. `detail` says what is at the given address instead.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no feed at {url}: {detail}")]
pub struct NoFeed {
    pub url: String,
    pub detail: String,
    /// Whether no request was made because the address is not public.
    pub private: bool,
}

/// Finds the feed of `page`. Tries, in this order: the addresses known for the site, the page itself, the
/// feeds that the page links to, and the usual addresses of feeds. It makes at most a dozen requests, with
/// the same delays as polling.
///
/// `any_scheme` says that the user typed no scheme: if no server speaks `https`, `http` is tried.
///
/// # Errors
/// When none of these is a feed.
pub async fn discover(
    previewer: &mut Previewer,
    page: Url,
    any_scheme: bool,
    request: &RequestSpec,
    entries: usize,
) -> Result<Found, NoFeed> {
    let mut page = page;
    let mut empty = None;
    for feed in by_site(&page) {
        if let Some(found) = attempt(previewer, &feed, FoundBy::KnownSite, request, entries).await {
            if 0 < found.entries {
                return Ok(found);
            }
            empty = empty.or(Some(found)); // For example the releases of a project without releases.
        }
    }
    if let Some(found) = empty {
        return Ok(found);
    }
    let mut observed = preview(previewer, &page, request, entries).await?;
    if any_scheme && is_unreachable(&observed) && page.set_scheme("http").is_ok() {
        observed = preview(previewer, &page, request, entries).await?;
    }
    if let Some(document) = observed.outcome.document() {
        return found(&page, &observed, document, FoundBy::Given)
            .ok_or_else(|| none(&page, &observed));
    }
    let origin = AddressOrigin::Document(&page);
    let offers = &observed.message.offers;
    for (i, offer) in offers.iter().enumerate().filter(|(_, offer)| origin.admits(offer)) {
        let allow_private = origin.may_be_private(offer, request.allow_private);
        let request = RequestSpec { allow_private, ..request.clone() };
        if let Some(mut found) =
            attempt(previewer, offer, FoundBy::HtmlLink, &request, entries).await
        {
            let others = offers.iter().enumerate().filter(|(other, _)| *other != i);
            found.also = others.map(|(_, url)| url.clone()).collect();
            return Ok(found);
        }
    }
    // Guesses make no sense for a server that does not answer, and are impolite for one that refuses.
    if matches!(observed.outcome, PollOutcome::Failed(Failure::NotAFeed | Failure::Status(404))) {
        for guess in guesses(&page, observed.message.places) {
            if let Some(found) = attempt(previewer, &guess, FoundBy::Guess, request, entries).await
            {
                return Ok(found);
            }
        }
    }
    Err(none(&page, &observed))
}

async fn preview(
    previewer: &mut Previewer,
    url: &Url,
    request: &RequestSpec,
    entries: usize,
) -> Result<Observed, NoFeed> {
    let url = FeedUrl::from_url(url.clone()).map_err(|error| NoFeed {
        url: String::new(),
        detail: error.to_string(),
        private: false,
    })?;
    Ok(previewer.preview(&url, request, entries, None).await)
}

async fn attempt(
    previewer: &mut Previewer,
    url: &Url,
    found_by: FoundBy,
    request: &RequestSpec,
    entries: usize,
) -> Option<Found> {
    let observed = preview(previewer, url, request, entries).await.ok()?;
    found(url, &observed, observed.outcome.document()?, found_by)
}

fn found(
    requested: &Url,
    observed: &Observed,
    document: &Document,
    found_by: FoundBy,
) -> Option<Found> {
    let origin = AddressOrigin::Document(requested);
    let moved = observed.instructions.moved_to.clone().filter(|to| origin.admits(to));
    let url = moved.unwrap_or_else(|| requested.clone());
    Some(Found {
        url: FeedUrl::from_url(url).ok()?,
        title: document.meta.title.clone(),
        entries: document.entries,
        newest: document.drafts.iter().filter_map(|draft| draft.published.or(draft.modified)).max(),
        found_by,
        also: Vec::new(),
    })
}

fn is_unreachable(observed: &Observed) -> bool {
    matches!(observed.outcome, PollOutcome::Failed(Failure::Connect | Failure::Tls))
}

fn none(page: &Url, observed: &Observed) -> NoFeed {
    let detail = match observed.outcome {
        PollOutcome::Failed(Failure::NotAFeed) if observed.message.offers.is_empty() => {
            format!("{}; none is at the usual places either", observed.message.detail)
        }
        _ => observed.message.detail.clone(),
    };
    let private = matches!(observed.outcome, PollOutcome::Failed(Failure::Private));
    NoFeed { url: page.to_string(), detail, private }
}
