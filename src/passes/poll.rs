//! Polling: the pass that brings articles in.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::clock;
use crate::config::{Config, FeedConfig};
use crate::domain::feed::FeedId;
use crate::domain::poll::{
    Applied, Decision, Failure, Health, NextPoll, Observed, PollJob, PollOutcome, Reason,
};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::fetch::{self, FetchError, Fetcher};
use crate::passes::host_budget::Hosts;
use crate::passes::outage::{Network, Verdict, reached};
use crate::passes::parse_pool::Crew;
use crate::passes::sync::Feeds;
use crate::polling::decide::decide;
use crate::polling::reply::{Limits, NoReply, read};
use crate::polling::request;
use crate::store::{Claim, Claimed, Store, StoreError};
use crate::telemetry::events;

/// A poll that takes longer than its timeout by this much has died.
const LEASE_SLACK: TimeDelta = TimeDelta::seconds(60);

/// Claims beyond the requests in flight, as a multiple: they wait for a free place. Few enough that a
/// lease outlasts the wait behind the slowest servers.
pub const CLAIM_ROUNDS: usize = 8;
const LEASED_ROUNDS: i32 = 9;

/// When a feed that was asked in vain while our network was down may be asked again. Those overdue for
/// longer go first anyway; but of a few feeds, all asked at once, there must be some for the next probe.
const OUTAGE_WAIT: TimeDelta = TimeDelta::seconds(15);

/// All that polling needs. Made anew when the configuration changes; polls in flight keep the old one.
pub struct Poller {
    store: Store,
    fetcher: Fetcher,
    feeds: Feeds,
    max_body: u64,
    keep_revisions: u32,
    lease: TimeDelta,
    /// Hosts without a budget: this machine, unless the configuration gives one.
    unlimited: HashSet<String>,
    /// What each host may be asked for; the lock is held for moments only.
    hosts: Mutex<Hosts>,
    /// Whether anybody can be reached; the lock is held for moments only.
    reach: Mutex<Network>,
    /// Requests in flight.
    network: Arc<Semaphore>,
    /// Documents being read: as many as there are cores. More would only hold more memory.
    readers: Crew,
}

fn unlimited(config: &Config) -> HashSet<String> {
    if !config.fetch.exempt_this_machine {
        return HashSet::new();
    }
    let hosts = config.feeds.iter().filter_map(|feed| feed.spec.url.host());
    hosts.filter(|host| is_this_machine(host)).map(str::to_owned).collect()
}

/// Whether a host is the machine that this program runs on.
pub(super) fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Which feeds to claim.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub limit: usize,
    /// These, due or not; else whichever are due.
    pub only: Option<Vec<FeedId>>,
    /// Also those of hosts that asked to be left alone.
    pub paused_too: bool,
}

/// What one poll came to, for whoever reports it.
#[derive(Clone, Debug)]
pub struct Polled {
    pub feed: FeedId,
    /// The configured name, else the address.
    pub name: String,
    pub url: String,
    /// As `PollOutcome::as_str` has it.
    pub outcome: &'static str,
    pub failed: bool,
    pub detail: String,
    pub status: Option<u16>,
    pub bytes: u64,
    pub elapsed: Duration,
    /// Entries in the document; `None` when there was none to read.
    pub entries: Option<usize>,
    pub applied: Applied,
    pub next: NextPoll,
}

impl Poller {
    /// # Errors
    /// When the fetcher cannot be set up, as with an unreadable `ca_file`.
    pub fn new(store: Store, config: &Config, feeds: Feeds) -> Result<Self, FetchError> {
        let longest = config.feeds.iter().filter_map(|feed| feed.request.timeout).max();
        let timeout = longest.unwrap_or_default().max(config.fetch.timeout);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            store,
            fetcher: Fetcher::new(&config.fetch)?,
            feeds,
            max_body: config.fetch.max_body,
            keep_revisions: config.store.keep_revisions,
            lease: TimeDelta::from_std(timeout).unwrap_or(TimeDelta::hours(1)) * LEASED_ROUNDS
                + LEASE_SLACK,
            unlimited: unlimited(config),
            hosts: Mutex::new(Hosts::new(config.fetch.per_host, config.fetch.host_delay)),
            reach: Mutex::default(),
            network: Arc::new(Semaphore::new(config.fetch.concurrency)),
            readers: Crew::new(cores).map_err(|error| FetchError::Setup {
                what: "could not start the threads that read documents".to_owned(),
                source: Some(error.into()),
            })?,
        })
    }

    #[must_use]
    pub fn with_feeds(self, feeds: Feeds) -> Self {
        Self { feeds, ..self }
    }

    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// Takes up to `limit` feeds that are due, or of these, as far as their hosts may be asked now.
    pub async fn claim(&self, wanted: Wanted, now: Timestamp) -> Result<Claimed, StoreError> {
        let Wanted { limit, only, paused_too } = wanted;
        let (per_host, rooms) = {
            let mut hosts = self.hosts();
            let spared = self.unlimited.iter().map(|host| (host.clone(), usize::MAX));
            (hosts.room(), hosts.rooms(Instant::now()).into_iter().chain(spared).collect())
        };
        let lease = self.lease;
        let claim = Claim { now, limit, lease, only, per_host, rooms, paused_too };
        let claimed = self.store.claim(claim).await?;
        let mut hosts = self.hosts();
        for job in &claimed.jobs {
            if let Some(host) = self.budgeted(job) {
                hosts.claimed(host, Instant::now());
            }
        }
        drop(hosts);
        Ok(claimed)
    }

    /// Whether our own network is down: then a few feeds are asked now and then, to see if it is back.
    pub fn is_cut_off(&self) -> bool {
        self.reach().is_down()
    }

    fn reach(&self) -> MutexGuard<'_, Network> {
        self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a host that is left alone between two requests may be asked again.
    pub fn next_room(&self) -> Option<Instant> {
        self.hosts().next_room(Instant::now())
    }

    /// The host whose budget a poll uses.
    fn budgeted<'a>(&self, job: &'a PollJob) -> Option<&'a str> {
        job.host().filter(|host| !self.unlimited.contains(*host))
    }

    fn hosts(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One feed, from request to stored articles.
    ///
    /// # Errors
    /// Only when the store fails. Whatever the publisher's server does is an outcome, and is stored.
    pub async fn poll(&self, job: PollJob) -> Result<Option<Polled>, StoreError> {
        let host = self.budgeted(&job).map(str::to_owned);
        let polled = match self.feeds.get(&job.feed).cloned() {
            Some(feed) => self.poll_one(&feed, job).await.map(Some),
            // It left the configuration after the claim.
            None => self.store.release(vec![job.feed]).await.map(|()| None),
        };
        if let Some(host) = host {
            self.hosts().finished(&host);
        }
        polled
    }

    async fn poll_one(&self, feed: &Arc<FeedConfig>, job: PollJob) -> Result<Polled, StoreError> {
        let in_flight = self.network.acquire().await;
        if let Some(host) = self.budgeted(&job) {
            let wait = self.hosts().starts(host, Instant::now());
            tokio::time::sleep(wait).await;
        }
        let asked = request::address(&job, clock::now()).clone();
        let validators = request::validators(&job, clock::now());
        let conditional = !validators.is_empty();
        let reply = self
            .fetcher
            .fetch_at(&job.url, &asked, &validators, &feed.request, self.max_body)
            .await
            .map_err(|error| NoReply {
                failure: Failure::from(&error),
                detail: fetch::advice(&error),
            });
        let now = clock::now();
        let reader = self.readers.hand().await;
        drop(in_flight); // Held until here: it bounds the bodies that wait.
        let id = job.feed;
        let (before, host) = (job.health, job.host().map(str::to_owned));
        let was_well = job.full_at.is_some() && before == Health::default();
        let (max_body, feed_of) = (self.max_body, Arc::clone(feed));
        let decided = reader.run(move || {
            let mut job = job;
            let (entries, map) = (feed_of.max_entries, feed_of.map.as_ref());
            let limits = Limits { body: max_body, entries, map };
            feed_of.sieve.mask(&mut job.remembered);
            let mut observed = Observed { conditional, ..read(reply, &job, limits, now) };
            feed_of.sieve.sift(&mut observed);
            decide(&job, &asked, observed, &feed_of.policy, now)
        });
        let decision = match decided.await {
            Ok(decision) => Arc::new(decision),
            Err(died) => {
                // Cannot happen as far as we know; the lease keeps the feed for a later try.
                events::task_died("read", &died);
                return Err(StoreError::Stopped);
            }
        };
        let observed = &decision.observed;
        let verdict = match (&host, reached(observed)) {
            (Some(host), Some(reached)) => {
                self.reach().note(host, reached, was_well, Instant::now())
            }
            _ => Verdict::Counts,
        };
        let (applied, spared) = match verdict {
            Verdict::Spared(found) => {
                (Applied::default(), Some(self.spare(id, before, found).await?))
            }
            Verdict::Counts | Verdict::Back => {
                if verdict == Verdict::Back {
                    events::network_back();
                }
                self.apply(&decision, before, was_well).await?
            }
        };
        if spared.is_none() {
            events::poll_ended(&feed.spec.url, &decision, applied);
        }
        Ok(Polled {
            feed: id,
            name: feed.spec.name.clone().unwrap_or_else(|| feed.spec.url.to_string()),
            url: feed.spec.url.to_string(),
            outcome: observed.outcome.as_str(),
            failed: matches!(observed.outcome, PollOutcome::Failed(_) | PollOutcome::Gone),
            detail: observed.detail.clone(),
            status: observed.status,
            bytes: observed.bytes,
            elapsed: observed.elapsed,
            entries: match &observed.outcome {
                PollOutcome::Fresh(document) => Some(document.entries),
                PollOutcome::SameBody
                | PollOutcome::NotModified
                | PollOutcome::Gone
                | PollOutcome::Failed(_) => None,
            },
            applied,
            next: spared.unwrap_or(decision.next),
        })
    }

    /// Stores a poll that counts, as far as is known. `Some` when it was taken back at once: the plan then.
    async fn apply(
        &self,
        decision: &Arc<Decision>,
        before: Health,
        was_well: bool,
    ) -> Result<(Applied, Option<NextPoll>), StoreError> {
        let applied = self.store.apply(Arc::clone(decision), self.keep_revisions).await?;
        let suspect = was_well && reached(&decision.observed) == Some(false);
        if suspect && !self.reach().charged(decision.feed, before, Instant::now()) {
            return Ok((applied, Some(self.spare(decision.feed, before, None).await?)));
        }
        Ok((applied, None))
    }

    /// Takes back a poll that does not count, and those that should not have.
    async fn spare(
        &self,
        feed: FeedId,
        before: Health,
        found: Option<usize>,
    ) -> Result<NextPoll, StoreError> {
        let next = NextPoll { at: Some(clock::now() + OUTAGE_WAIT), because: Reason::Outage };
        let mut feeds = self.reach().wronged();
        feeds.push((feed, before));
        self.store.spare(feeds, next).await?;
        if let Some(hosts) = found {
            events::network_down(hosts);
        }
        Ok(next)
    }
}
