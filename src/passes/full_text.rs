//! The pass that fetches the pages of articles: it takes pages from the queue of the store, requests them, extracts their
//! articles and stores what came of it.
//!
//! Polls come first: a page is requested only when no feed of its host is due soon, it waits for the delay of the host
//! like a poll, and takes none of the request slots of polls.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use url::Url;

use crate::article_page::model::{ArticlePage, MOST_BYTES, NotExtracted};
use crate::article_page::reservation::TOKEN;
use crate::article_page::robots::{RobotsReply, product_token};
use crate::clock;
use crate::config::{Config, FeedConfig, FullTextConfig};
use crate::domain::article::FullTextState;
use crate::domain::feed::{FeedId, FeedUrl};
use crate::domain::host::Host;
use crate::domain::poll::{Failure, HostWait, Reply, Validators};
use crate::domain::request::RequestSpec;
use crate::domain::scrub::Sent;
use crate::domain::shard::Shard;
use crate::domain::time::TimeDelta;
use crate::feed::unpack::{UnpackError, unpack};
use crate::fetch::{self, FetchError, FetchRequest, Wanted};
use crate::matching::across_feeds::is_one_publisher;
use crate::matching::canonical_url::CanonicalUrl;
use crate::passes::extraction::{ExtractionError, LONGEST, Page, extracted};
use crate::passes::other_page::is_other_page;
use crate::passes::poll::Poller;
use crate::passes::robots_cache::{Forbidden, RobotsCache, allows};
use crate::polling::freshness::host_wait;
use crate::polling::pages::OUTAGE_WAIT;
use crate::store::{
    DuePages, FreeSlots, PageClaim, PageDone, PageJob, PageOutcome, PageStored, Reader, Store,
    StoreError,
};
use crate::telemetry::events;

/// The time for which a page is leased beyond the time limits of its two requests: it has to wait for its turn at the host,
/// and to be extracted.
const LEASE_SLACK: TimeDelta = TimeDelta::minutes(5);

/// The wait before another look at the queue, when pages wait only for other requests.
const SHORTLY: Duration = Duration::from_millis(200);

/// The longest wait before another look at the queue. Hosts are free again when their polls are done.
const LATER: Duration = Duration::from_secs(5);

/// The wait before another attempt to take the next start of a request to a host.
const TURN: Duration = Duration::from_millis(50);

/// A feed that is due within this time, in addition to the delay of its host, is polled before a page is requested.
const BEFORE_POLL: TimeDelta = TimeDelta::seconds(1);

/// The most bytes of a `robots.txt`. The parser reads 500 KiB of it (RFC 9309, section 2.5).
const ROBOTS_BYTES: u64 = 1024 * 1024;

/// Fetches pages. A change of the configuration makes a new one.
pub struct PageFetcher {
    store: Store,
    poller: Arc<Poller>,
    config: FullTextConfig,
    keep_revisions: u32,
    host_delay: TimeDelta,
    lease: TimeDelta,
    user_agent: String,
    /// The feeds whose pages are fetched.
    feeds: HashMap<FeedId, FeedConfig>,
    /// Their ids, which each look at the queue needs.
    ids: Arc<HashSet<FeedId>>,
    robots: RobotsCache,
    /// A permit for each page that is extracted: as many as there are cores.
    extractions: Arc<Semaphore>,
    /// The hosts of the pages in flight, and the crawl delays of sites. The lock is never held across an await.
    hosts: Mutex<PageHosts>,
    /// The connection of the last look at the queue.
    reader: Mutex<Option<Reader>>,
}

#[derive(Default)]
struct PageHosts {
    in_flight: HashMap<Host, usize>,
    /// When the next page of a site may be requested that demands a longer delay than ours.
    not_before: HashMap<Host, Instant>,
}

/// The result of one page, for reports.
#[derive(Clone, Debug)]
pub struct PageReport {
    pub stored: PageStored,
    /// Whether a text was found.
    pub is_fetched: bool,
}

/// What a request for a page has given.
struct Answer {
    outcome: PageOutcome,
    pause: Option<(Host, HostWait)>,
}

impl From<PageOutcome> for Answer {
    fn from(outcome: PageOutcome) -> Self {
        Self { outcome, pause: None }
    }
}

fn refused(state: FullTextState, reason: impl Into<String>) -> PageOutcome {
    PageOutcome::Refused { state, reason: reason.into() }
}

fn failed(reason: impl Into<String>) -> PageOutcome {
    PageOutcome::Failed { reason: reason.into() }
}

impl PageFetcher {
    pub fn new(store: Store, poller: Arc<Poller>, config: &Config) -> Self {
        let feeds = poller.feeds().iter();
        let feeds = feeds.filter(|(_, feed)| feed.settings.full_text && feed.spec.enabled);
        let feeds: HashMap<FeedId, _> = feeds.map(|(id, feed)| (id, feed.clone())).collect();
        let longest = config.feeds.iter().filter_map(|feed| feed.settings.request.timeout).max();
        let timeout = longest.unwrap_or_default().max(config.fetch.timeout);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            store,
            poller,
            config: config.full_text.clone(),
            keep_revisions: config.store.keep_revisions,
            host_delay: TimeDelta::from_std(config.fetch.host_delay).unwrap_or_default(),
            lease: TimeDelta::from_std(timeout).unwrap_or_default() * 2 + LEASE_SLACK,
            user_agent: config.fetch.user_agent.clone(),
            ids: Arc::new(feeds.keys().copied().collect()),
            feeds,
            robots: RobotsCache::default(),
            extractions: Arc::new(Semaphore::new(cores)),
            hosts: Mutex::default(),
            reader: Mutex::default(),
        }
    }

    /// Whether no feed has `full_text`.
    pub fn is_idle(&self) -> bool {
        self.feeds.is_empty()
    }

    /// Makes the queue that of the configured feeds.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sync(&self) -> Result<(), StoreError> {
        self.store.sync_pages(self.feeds.keys().copied().collect(), clock::now()).await
    }

    /// Fetches pages as they come into the queue, and announces articles that have waited long enough for theirs, until the
    /// future is dropped; without a feed that has `full_text`, until no article waits. `changes` is bumped when consumers can hear
    /// of a change; a bump by others wakes this up.
    pub async fn keep_up(self: Arc<Self>, changes: watch::Sender<u64>) {
        let mut news = changes.subscribe();
        let report = || changes.send_modify(|n| *n += 1);
        let is_news = |done| ended(done).is_some_and(|page| page.stored.changed);
        let mut round = Round::new(Arc::clone(&self), Some(self.host_delay + BEFORE_POLL));
        let mut released_at: Option<Instant> = None;
        loop {
            while let Some(done) = round.pages.try_join_next() {
                if is_news(done) {
                    report();
                }
            }
            if released_at.is_none_or(|at| LATER <= at.elapsed()) {
                match self.store.release_held(false, clock::now()).await {
                    Ok((false, None)) if self.is_idle() => return, // Nothing will be held back.
                    Ok((true, _)) => report(),
                    Ok((false, _)) => {}
                    Err(error) => events::store_error("announce articles", &error),
                }
                released_at = Some(Instant::now());
            }
            // The look at the queue takes all changes until now into account, those that were reported here as well.
            news.borrow_and_update();
            let wait = match round.advance().await {
                Ok(wait) => wait,
                Err(error) => {
                    events::store_error("fetch article pages", &error);
                    LATER
                }
            };
            tokio::select! {
                Some(done) = round.pages.join_next() => {
                    if is_news(done) {
                        report();
                    }
                }
                () = sleep(wait) => {}
                Ok(()) = news.changed() => sleep(SHORTLY).await,
            }
        }
    }

    /// Fetches the pages that are due now, for at most this time, and returns what came of them. The rest stays in the
    /// queue. Polls must not run meanwhile.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn catch_up(self: Arc<Self>, limit: Duration) -> Result<Vec<PageReport>, StoreError> {
        let deadline = Instant::now() + limit;
        let mut round = Round::new(self, None);
        let mut reports = Vec::new();
        loop {
            let is_late = deadline <= Instant::now();
            let wait = if is_late { SHORTLY } else { round.advance().await? };
            if round.pages.is_empty() && (is_late || wait != SHORTLY) {
                return Ok(reports);
            }
            tokio::select! {
                Some(done) = round.pages.join_next() => reports.extend(ended(done)),
                () = sleep(wait) => {}
            }
        }
    }

    fn hosts(&self) -> MutexGuard<'_, PageHosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many pages of each host may be requested.
    fn slots(&self) -> FreeSlots {
        let mut free = self.poller.free_slots();
        let now = Instant::now();
        let mut hosts = self.hosts();
        hosts.not_before.retain(|_, at| now < *at);
        for (host, pages) in &hosts.in_flight {
            free.take(host, *pages);
        }
        free.busy.extend(hosts.not_before.keys().map(|host| (host.clone(), 0)));
        free
    }

    /// Looks at the queue, on a thread that may wait for the disk.
    async fn due(self: &Arc<Self>, claim: PageClaim) -> Result<DuePages, StoreError> {
        let this = Arc::clone(self);
        let look = move || {
            let mut kept = this.reader.lock().unwrap_or_else(PoisonError::into_inner);
            let reader = kept.take().map_or_else(|| this.store.reader(), Ok)?;
            let due = reader.due_pages(&claim)?;
            *kept = Some(reader);
            Ok(due)
        };
        spawn_blocking(look).await.map_err(|_| StoreError::ReaderStopped)?
    }

    /// Requests one page and stores what came of it.
    async fn fetch(self: Arc<Self>, job: PageJob) -> Result<PageReport, StoreError> {
        let _in_flight = self.store.shards().begin(Shard::of_host(&job.host));
        let answer = match self.feeds.get(&job.feed) {
            Some(feed) => self.answer(feed, &job).await,
            None => failed("its feed is no longer configured").into(),
        };
        let is_fetched = matches!(answer.outcome, PageOutcome::Fetched(..));
        let (name, reason) = answer.outcome.name_and_reason();
        events::page_ended(&job.url, name, reason);
        let done = PageDone {
            article: job.article,
            outcome: answer.outcome,
            now: clock::now(),
            refresh: self.config.refresh,
            keep_revisions: self.keep_revisions,
            pause: answer.pause,
        };
        let stored = self.store.apply_page(done).await;
        let mut hosts = self.hosts();
        if let Some(pages) = hosts.in_flight.get_mut(&job.host) {
            *pages = pages.saturating_sub(1);
        }
        hosts.in_flight.retain(|_, pages| 0 < *pages);
        Ok(PageReport { stored: stored?, is_fetched })
    }

    async fn answer(&self, feed: &FeedConfig, job: &PageJob) -> Answer {
        let Ok(url) = FeedUrl::from_url(job.url.clone()) else {
            return refused(FullTextState::Failed, "the address has a user name").into();
        };
        if let Some(reason) = job.not_own {
            return refused(FullTextState::Failed, reason.to_string()).into();
        }
        let spec = request_of(feed, &url);
        if let Err(outcome) = self.check_robots(&job.url, &spec).await {
            return outcome.into();
        }
        self.turn(&job.host).await;
        if !self.poller.may_request(&job.host) {
            return failed("another worker requests the pages of this host by now").into();
        }
        let request = FetchRequest::new(&url, &job.validators, &spec, MOST_BYTES as u64);
        let memory = self.poller.memory_share(); // Until the article is extracted.
        // New articles are seldom alone.
        let request = FetchRequest {
            wanted: Wanted::Page,
            more_follow: true,
            memory: Some(&memory),
            ..request
        };
        let reply = self.poller.fetcher().fetch(request).await;
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return self.no_reply(&error, &job.host, &spec).into(),
        };
        if let Some(host) = reply.host() {
            self.poller.page_reached(&host);
        }
        let is_elsewhere = reply.url.origin() != job.url.origin();
        if is_elsewhere && let Err(outcome) = self.check_robots(&reply.url, &spec).await {
            return outcome.into();
        }
        if is_front_page_instead(&job.url, &reply.url) {
            return failed("the server redirects to the front page of the site").into();
        }
        if reply.status == 304 && !job.validators.is_empty() {
            return PageOutcome::NotModified.into();
        }
        self.read(feed, &spec, reply, job.title.as_deref()).await
    }

    /// Waits until another request to the host may start, and takes its start.
    async fn turn(&self, host: &Host) {
        while !self.poller.page_starts(host) {
            sleep(TURN).await;
        }
    }

    /// Whether the site of a page allows to request it.
    async fn check_robots(&self, page: &Url, spec: &RequestSpec) -> Result<(), PageOutcome> {
        if !self.config.obey_robots {
            return Ok(());
        }
        let reply = self.robots.of_page(page, |file| self.request_robots(file, spec)).await;
        if let (Some(delay), Some(host)) = (reply.crawl_delay(), Host::of(page)) {
            self.hosts().not_before.insert(host, Instant::now() + delay);
        }
        match allows(&reply, page) {
            Ok(()) => Ok(()),
            Err(Forbidden::ByRule(rule)) => {
                let reason = format!("robots.txt: Disallow: {rule}");
                Err(refused(FullTextState::Robots, reason.trim_end()))
            }
            Err(Forbidden::Unreachable) => {
                let reason = "the server does not say in its robots.txt what it allows".to_owned();
                let counts =
                    Host::of(page).is_none_or(|host| self.poller.unreachable_counts(&host));
                let wait = Some(OUTAGE_WAIT);
                Err(if counts { failed(reason) } else { PageOutcome::Postponed { wait, reason } })
            }
        }
    }

    /// Requests the `robots.txt` of a site. Also returns whether the answer is one of the site, and not of our own network.
    async fn request_robots(&self, file: Url, spec: &RequestSpec) -> (RobotsReply, bool) {
        let token = self.token(spec);
        let (Ok(url), Some(host)) = (FeedUrl::from_url(file.clone()), Host::of(&file)) else {
            return (RobotsReply::Unavailable, true);
        };
        self.turn(&host).await;
        // What a feed sends to its own site is not sent to others.
        let spec = RequestSpec { headers: Vec::new(), basic_auth: None, ..spec.clone() };
        let validators = Validators::default();
        let request = FetchRequest::new(&url, &validators, &spec, ROBOTS_BYTES);
        // The page follows.
        let request = FetchRequest { wanted: Wanted::Beginning, more_follow: true, ..request };
        let reply = match self.poller.fetcher().fetch(request).await {
            Ok(reply) => {
                self.poller.page_reached(&host);
                let coding = reply.headers.content_encoding;
                match unpack(reply.body, coding.as_deref(), ROBOTS_BYTES) {
                    Ok(unpacked) => RobotsReply::read(Some(reply.status), &unpacked.body, token),
                    // What cannot be read allows nothing.
                    Err(_) => RobotsReply::read(None, b"", token),
                }
            }
            // RFC 9309, section 2.3.1.2: a redirect that leads nowhere means that there is no file.
            Err(FetchError::Redirect { .. }) => RobotsReply::read(Some(302), b"", token),
            // The request for the page is refused for the same reason.
            Err(FetchError::Private { .. }) => RobotsReply::Unavailable,
            Err(error) => {
                let reply = RobotsReply::read(None, b"", token);
                let is_ours = Failure::from(&error) == Failure::Resources;
                return (reply, !is_ours && self.poller.unreachable_counts(&host));
            }
        };
        (reply, true)
    }

    /// The name by which publishers address this program.
    fn token<'a>(&'a self, spec: &'a RequestSpec) -> &'a str {
        let token = product_token(spec.user_agent.as_ref().unwrap_or(&self.user_agent));
        if token.is_empty() { TOKEN } else { token }
    }

    fn no_reply(&self, error: &FetchError, host: &Host, spec: &RequestSpec) -> PageOutcome {
        let reason = Sent::for_feed(spec).removed_from(&fetch::page_advice(error));
        match Failure::from(error) {
            Failure::Offline | Failure::Dns | Failure::Connect | Failure::Timeout => {
                if self.poller.unreachable_counts(host) {
                    return failed(reason);
                }
                PageOutcome::Postponed { wait: Some(OUTAGE_WAIT), reason }
            }
            Failure::Resources => PageOutcome::Postponed { wait: Some(OUTAGE_WAIT), reason },
            Failure::Private | Failure::TooLarge | Failure::Request => {
                refused(FullTextState::Failed, reason)
            }
            Failure::Tls
            | Failure::Status(_)
            | Failure::Redirect
            | Failure::Body
            | Failure::CutOff
            | Failure::ReadTimeout
            | Failure::NotAFeed
            | Failure::File
            | Failure::Internal => failed(reason),
        }
    }

    /// Reads a reply: its status, then the article in its page.
    async fn read(
        &self,
        feed: &FeedConfig,
        spec: &RequestSpec,
        reply: Reply,
        title: Option<&str>,
    ) -> Answer {
        let wait = host_wait(reply.status, &reply.headers, clock::now());
        let pause = reply.host().zip(wait);
        let (status, is_cut) = (reply.status, reply.cut);
        let is_challenge = reply.headers.challenge.is_some();
        if is_challenge {
            return refused(FullTextState::Blocked, "a bot wall (Cloudflare)").into();
        }
        let validators = Validators {
            etag: reply.headers.etag.clone(),
            last_modified: reply.headers.last_modified.clone(),
            sent_by: Some(reply.url.clone()),
        };
        let found = self.extracted(feed, spec, reply).await;
        if let Err(ExtractionError::Refused(NotExtracted::BotWall(name))) = &found {
            return refused(FullTextState::Blocked, format!("a bot wall ({name})")).into();
        }
        let outcome = match status {
            200 | 203 if is_cut => failed("the page breaks off"),
            200 | 203 => self.judge(found, validators, title),
            402 => refused(FullTextState::Paywall, "the server demands a payment (status 402)"),
            410 | 451 => refused(FullTextState::Failed, answered(status)),
            _ if pause.is_some() => PageOutcome::Postponed { wait: None, reason: answered(status) },
            _ => failed(answered(status)),
        };
        Answer { outcome, pause }
    }

    /// What is stored of a page that was received.
    fn judge(
        &self,
        found: Result<ArticlePage, ExtractionError>,
        validators: Validators,
        title: Option<&str>,
    ) -> PageOutcome {
        match found {
            Ok(page) => match page.reservation.as_ref().filter(|_| self.config.obey_robots) {
                Some(reserved) => refused(FullTextState::Robots, reserved.to_string()),
                None if title.is_some_and(|title| is_other_page(title, &page)) => {
                    failed("the page is short and has no word of the title of the article")
                }
                None => PageOutcome::Fetched(Box::new(page), validators),
            },
            // The text of a page may appear later.
            Err(error @ ExtractionError::Refused(NotExtracted::NoArticle)) => {
                failed(error.to_string())
            }
            Err(error @ ExtractionError::Thread(_)) => failed(error.to_string()),
            Err(
                error @ (ExtractionError::Refused(_)
                | ExtractionError::TookTooLong(_)
                | ExtractionError::Panicked),
            ) => refused(FullTextState::Failed, error.to_string()),
        }
    }

    /// Extracts the article of a page on a thread of its own, when a core is free for it.
    async fn extracted(
        &self,
        feed: &FeedConfig,
        spec: &RequestSpec,
        reply: Reply,
    ) -> Result<ArticlePage, ExtractionError> {
        let rules = self.config.rules_for(&feed.settings, reply.url.host_str().unwrap_or_default());
        let (mode, token) = (self.config.mode, self.token(spec).to_owned());
        let permit = Arc::clone(&self.extractions).acquire_owned().await.ok();
        let now = clock::now();
        let work = move || {
            let _permit = permit;
            let headers = reply.headers;
            let coding = headers.content_encoding.as_deref();
            let unpacked = unpack(reply.body, coding, MOST_BYTES as u64)
                .map_err(|error| ExtractionError::Refused(not_unpacked(&error)))?;
            let page = Page {
                body: unpacked.body,
                content_type: headers.content_type,
                address: reply.url,
                mode,
                rules,
                robots_tags: headers.robots_tags,
                tdm_reservation: headers.tdm_reservation,
                token,
                now,
            };
            extracted(page, LONGEST)
        };
        spawn_blocking(work).await.unwrap_or(Err(ExtractionError::Panicked))
    }
}

fn answered(status: u16) -> String {
    format!("the server answered with status {status}")
}

fn not_unpacked(error: &UnpackError) -> NotExtracted {
    match error {
        UnpackError::TooLarge(_) => NotExtracted::TooLong,
        UnpackError::Corrupt(_) | UnpackError::Unknown(_) => NotExtracted::NotHtml,
    }
}

/// Whether a redirect leads from an article to the front page of its site, as sites answer for an article that is gone.
fn is_front_page_instead(asked: &Url, answered: &Url) -> bool {
    let is_section = |url: &Url| CanonicalUrl::of(url.as_str()).is_some_and(|url| url.is_section());
    is_section(answered) && !is_section(asked) && is_one_publisher(asked, answered)
}

/// How the page of a feed is requested: with the credentials of the feed at the site of the feed only.
pub(super) fn request_of(feed: &FeedConfig, page: &FeedUrl) -> RequestSpec {
    let private =
        feed.settings.request.address.as_ref().and_then(|url| Url::parse(url.expose()).ok());
    let home = private.as_ref().unwrap_or(feed.spec.url.as_url());
    let page = page.as_url();
    let is_same_origin = home.origin() == page.origin();
    let spec = &feed.settings.request;
    RequestSpec {
        address: None,
        command: None,
        headers: if is_same_origin { spec.headers.clone() } else { Vec::new() },
        basic_auth: spec.basic_auth.clone().filter(|_| is_same_origin),
        allow_private: spec.allow_private && home.host() == page.host(),
        ..spec.clone()
    }
}

/// The result of a page whose task has ended; failures are logged.
fn ended(
    done: Result<Result<PageReport, StoreError>, tokio::task::JoinError>,
) -> Option<PageReport> {
    match done {
        Ok(Ok(report)) => Some(report),
        Ok(Err(error)) => {
            events::store_error("store an article page", &error);
            None
        }
        Err(error) => {
            events::task_died("page", &error);
            None
        }
    }
}

/// The pages in flight.
struct Round {
    fetcher: Arc<PageFetcher>,
    before_poll: Option<TimeDelta>,
    pages: JoinSet<Result<PageReport, StoreError>>,
}

impl Round {
    fn new(fetcher: Arc<PageFetcher>, before_poll: Option<TimeDelta>) -> Self {
        Self { fetcher, before_poll, pages: JoinSet::new() }
    }

    /// Starts the requests that are allowed now, and returns how long to wait before the next call.
    async fn advance(&mut self) -> Result<Duration, StoreError> {
        let fetcher = &self.fetcher;
        let limit = fetcher.config.concurrency.saturating_sub(self.pages.len());
        if limit == 0 || fetcher.is_idle() || fetcher.poller.is_cut_off() {
            return Ok(LATER);
        }
        let now = clock::now();
        let claim = PageClaim {
            now,
            limit,
            feeds: Arc::clone(&fetcher.ids),
            slots: fetcher.slots(),
            per_day: fetcher.config.per_host_per_day,
            before_poll: self.before_poll,
        };
        let due = fetcher.due(claim).await?;
        let wait = match due.next_at {
            _ if due.waits_shortly => SHORTLY,
            Some(at) => (at - now).to_std().unwrap_or_default().clamp(SHORTLY, LATER),
            None => LATER,
        };
        if due.jobs.is_empty() && due.settled.is_empty() {
            return Ok(wait);
        }
        for job in fetcher.store.lease_pages(due, fetcher.lease, now).await? {
            *fetcher.hosts().in_flight.entry(job.host.clone()).or_default() += 1;
            self.pages.spawn(Arc::clone(fetcher).fetch(job));
        }
        Ok(wait)
    }
}
