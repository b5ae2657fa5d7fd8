//! The pass that requests the icons of the sites of feeds: `/favicon.ico`, else what the home page names.
//!
//! It makes one request at a time. Polls come first: no icon is requested from a host with a feed that is due soon or with a
//! pause, and requests keep the delay of the host. A site is asked once a week at most, conditionally, and more rarely
//! while it has no icon.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use url::Url;

use crate::clock;
use crate::config::{Config, FeedConfig};
use crate::domain::feed::FeedUrl;
use crate::domain::host::Host;
use crate::domain::icon::{Icon, MOST_BYTES, home_of, site_of};
use crate::domain::poll::{Failure, HostWait, Reply, Validators};
use crate::domain::request::RequestSpec;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::feed::autodiscovery::icon_link::icon_link;
use crate::feed::unpack::unpack;
use crate::fetch::{FetchRequest, Wanted};
use crate::passes::full_text::request_of;
use crate::passes::poll::Poller;
use crate::passes::sync::Feeds;
use crate::polling::freshness::host_wait;
use crate::store::{IconDone, IconOutcome, KnownIcon, Reader, Store, StoreError};
use crate::telemetry::events;

/// The time between two requests for an icon that was found, and after the first failure. Each further failure doubles it.
const WEEK: TimeDelta = TimeDelta::days(7);

/// The longest time between two requests after failures.
const LONGEST: TimeDelta = TimeDelta::days(28);

/// The wait after a request that does not count.
const LATER: TimeDelta = TimeDelta::minutes(10);

/// A feed that is due within this time, in addition to the delay of its host, is polled before.
const BEFORE_POLL: TimeDelta = TimeDelta::seconds(10);

/// The wait before another attempt to take the next start of a request to a host.
const TURN: Duration = Duration::from_millis(50);

/// The bytes of a home page that are read: the head is at its beginning.
const PAGE_BYTES: u64 = 64 * 1024;

/// The most bytes of them after decompression.
const MOST_PAGE_BYTES: u64 = 1024 * 1024;

/// Requests icons. A change of the configuration makes a new one.
pub struct IconFetcher {
    store: Store,
    poller: Arc<Poller>,
    host_delay: TimeDelta,
}

/// A site whose icon is due.
struct Site {
    name: String,
    home: Url,
    known: Option<KnownIcon>,
    /// One of its feeds, whose proxy and user agent are used.
    feed: FeedConfig,
}

/// Why the search for an icon ends without one.
enum Stop {
    Store(StoreError),
    /// There is no icon, and the server demands a wait.
    Failed(TimeDelta),
    /// The request does not count, or was not made.
    Later,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IconFetcher {
    pub fn new(store: Store, poller: Arc<Poller>, config: &Config) -> Self {
        let host_delay = TimeDelta::from_std(config.fetch.host_delay).unwrap_or_default();
        Self { store, poller, host_delay }
    }

    /// Requests the icons that are due, one after the other, and forgets those of sites without a feed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let feeds = self.poller.feeds().clone();
        let (sites, known) =
            self.read(move |reader| Ok((sites(reader, &feeds)?, reader.known_icons()?))).await?;
        if known.keys().any(|name| !sites.contains_key(name)) {
            self.store.retain_icons(sites.keys().cloned().collect::<HashSet<_>>()).await?;
        }
        let now = clock::now();
        for (name, (home, feed)) in sites {
            let known = known.get(&name).cloned();
            if Host::of(&home).is_some_and(|host| !self.poller.may_request(&host)) {
                continue; // Another worker requests it.
            }
            if known.as_ref().is_none_or(|known| is_due(known, now)) {
                self.fetch(Site { name, home, known, feed }).await?;
            }
        }
        Ok(())
    }

    /// Reads the store on a thread that may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let location = self.store.location().clone();
        let read = spawn_blocking(move || work(&location.reader()?));
        read.await.map_err(|_| StoreError::ReaderStopped)?
    }

    /// Requests the icon of a site and stores what came of it.
    async fn fetch(&self, site: Site) -> Result<(), StoreError> {
        let (outcome, wait) = match self.find(&site).await {
            Ok(outcome) => (outcome, TimeDelta::zero()),
            Err(Stop::Failed(wait)) => (IconOutcome::Failed, wait),
            Err(Stop::Later) => (IconOutcome::Postponed, TimeDelta::zero()),
            Err(Stop::Store(error)) => return Err(error),
        };
        let failures = site.known.as_ref().map_or(0, |known| known.failures);
        let planned = match outcome {
            IconOutcome::Found(..) | IconOutcome::NotModified => WEEK,
            IconOutcome::Failed => wait_after(failures + 1),
            IconOutcome::Postponed => LATER,
        };
        events::icon_requested(&site.name, name_of(&outcome));
        let next_at = clock::now() + planned.max(wait);
        self.store.apply_icon(IconDone { site: site.name, next_at, outcome }).await
    }

    /// Looks for the icon: where it was before, at the usual address, and where the home page says.
    async fn find(&self, site: &Site) -> Result<IconOutcome, Stop> {
        let none = Validators::default();
        let known = site.known.as_ref().map_or(&none, |known| &known.validators);
        let usual = site.home.join("/favicon.ico").ok();
        let places = known.sent_by.iter().chain(&usual);
        let mut seen = HashSet::new();
        for address in places.filter(|address| seen.insert((*address).clone())) {
            if let Some(outcome) = self.icon_at(site, address, known).await? {
                return Ok(outcome);
            }
        }
        let page = self.get(site, &site.home, &none, (Wanted::Beginning, PAGE_BYTES)).await?;
        let page = page.filter(|page| matches!(page.status, 200 | 203));
        let named = page.and_then(|page| {
            let coding = page.headers.content_encoding.as_deref();
            let page_text = unpack(page.body, coding, MOST_PAGE_BYTES).ok()?.body;
            icon_link(&String::from_utf8_lossy(&page_text), &page.url)
        });
        let found = match named.filter(|address| !seen.contains(address)) {
            Some(address) => self.icon_at(site, &address, &none).await?,
            None => None,
        };
        Ok(found.unwrap_or(IconOutcome::Failed))
    }

    /// The icon at an address; `None` if there is none.
    async fn icon_at(
        &self,
        site: &Site,
        address: &Url,
        validators: &Validators,
    ) -> Result<Option<IconOutcome>, Stop> {
        let limit = MOST_BYTES as u64;
        let Some(reply) = self.get(site, address, validators, (Wanted::Icon, limit)).await? else {
            return Ok(None);
        };
        if reply.status == 304 && !validators.is_empty() {
            return Ok(Some(IconOutcome::NotModified));
        }
        if !matches!(reply.status, 200 | 203) || reply.cut {
            return Ok(None);
        }
        let headers = reply.headers;
        let body = unpack(reply.body, headers.content_encoding.as_deref(), limit);
        let icon = body.ok().and_then(|unpacked| Icon::new(unpacked.body));
        let (etag, last_modified) = (headers.etag, headers.last_modified);
        let validators = Validators { etag, last_modified, sent_by: Some(reply.url) };
        Ok(icon.map(|icon| IconOutcome::Found(icon, validators)))
    }

    /// Makes one request when the host is free for it; `None` if the server cannot give this document.
    async fn get(
        &self,
        site: &Site,
        address: &Url,
        validators: &Validators,
        (wanted, limit): (Wanted, u64),
    ) -> Result<Option<Reply>, Stop> {
        let (Some(host), Ok(url)) = (Host::of(address), FeedUrl::from_url(address.clone())) else {
            return Ok(None);
        };
        if self.is_busy(&host).await? {
            return Err(Stop::Later);
        }
        while !self.poller.page_starts(&host) {
            sleep(TURN).await;
        }
        // An icon needs no credentials, not even at the site of the feed.
        let spec = request_of(&site.feed, &url);
        let spec = RequestSpec { headers: Vec::new(), basic_auth: None, ..spec };
        let request = FetchRequest::new(&url, validators, &spec, limit);
        let reply = self.poller.fetcher().fetch(FetchRequest { wanted, ..request }).await;
        match reply {
            Ok(reply) => {
                self.poller.page_reached(&host);
                match host_wait(reply.status, &reply.headers, clock::now()) {
                    Some(HostWait::Named(wait)) => Err(Stop::Failed(wait)),
                    Some(HostWait::Unnamed) => Err(Stop::Failed(TimeDelta::zero())),
                    None => Ok(Some(reply)),
                }
            }
            Err(error) => match Failure::from(&error) {
                Failure::Resources => Err(Stop::Later),
                Failure::Offline | Failure::Dns | Failure::Connect | Failure::Timeout => {
                    let counts = self.poller.unreachable_counts(&host);
                    Err(if counts { Stop::Failed(TimeDelta::zero()) } else { Stop::Later })
                }
                _ => Ok(None),
            },
        }
    }

    /// Whether a request now would be in the way of a poll, or during a pause of the host.
    async fn is_busy(&self, host: &Host) -> Result<bool, StoreError> {
        if self.poller.exempt().contains(host) {
            return Ok(false);
        }
        if self.poller.free_slots().of(host) == 0 {
            return Ok(true);
        }
        let (host, now) = (host.clone(), clock::now());
        let soon = now + self.host_delay + BEFORE_POLL;
        self.read(move |reader| reader.is_host_busy(&host, now, soon)).await
    }
}

/// The sites of the feeds, each with its home page and one of its feeds.
fn sites(
    reader: &Reader,
    feeds: &Feeds,
) -> Result<BTreeMap<String, (Url, FeedConfig)>, StoreError> {
    let mut sites = BTreeMap::new();
    for (id, url, home_page_url) in reader.feed_homes()? {
        let Some(feed) = feeds.get(id).filter(|feed| feed.spec.enabled) else { continue };
        if let Some(home) = home_of(&url, home_page_url.as_deref()) {
            sites.entry(site_of(&home)).or_insert_with(|| (home, feed.clone()));
        }
    }
    Ok(sites)
}

/// Whether the time of the next request has come. A time that is too far away was stored while the clock was ahead.
fn is_due(known: &KnownIcon, now: Timestamp) -> bool {
    known.next_at <= now || now + LONGEST + WEEK < known.next_at
}

/// The wait after so many failures in a row.
fn wait_after(failures: u32) -> TimeDelta {
    let doubled = WEEK.checked_mul(1 << failures.saturating_sub(1).min(8));
    doubled.map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// The outcome for logs.
fn name_of(outcome: &IconOutcome) -> &'static str {
    match outcome {
        IconOutcome::Found(..) => "found",
        IconOutcome::NotModified => "not_modified",
        IconOutcome::Failed => "none",
        IconOutcome::Postponed => "postponed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::from_unix;

    #[test]
    fn a_site_is_asked_once_a_week_and_more_rarely_without_an_icon() {
        let days = |failures| wait_after(failures).num_days();
        assert_eq!([1, 2, 3, 4, 100, u32::MAX].map(days), [7, 14, 28, 28, 28, 28]);
        let now = from_unix(1_000_000_000);
        for (next, due) in
            [(-1, true), (0, true), (60, false), (28 * 86_400, false), (40 * 86_400, true)]
        {
            let next_at = now + TimeDelta::seconds(next);
            let known = KnownIcon { next_at, failures: 0, validators: Validators::default() };
            assert_eq!(is_due(&known, now), due, "{next}");
        }
    }
}
