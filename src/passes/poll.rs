//! The polling pass: claims feeds, requests their documents, and stores what the rules of polling decide.
//!
//! Each poll goes through the same steps: request, read and decide, discount an outage, store, report.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock;
use crate::config::{Config, FeedConfig, FeedSettings};
use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::poll::{
    Applied, Decision, Failure, Health, NextPoll, Observed, OutcomeKind, PollJob, PollOutcome,
    Reason, Reply,
};
use crate::domain::request::{DEFAULT_MEMORY, RequestSpec};
use crate::domain::scrub::{OwnAddress, Sent};
use crate::domain::shard::Shard;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::feed::unpack::expected_length;
use crate::fetch::{self, FetchError, FetchRequest, Fetcher, MemoryBudget, MemoryShare};
use crate::passes::host_budget::HostBudgets;
use crate::passes::next_polls::{NextPolls, is_soon};
use crate::passes::no_contact::NoContacts;
use crate::passes::own_address;
use crate::passes::parse_pool::{Length, NoParseThreads, ParsePool, ParseSlot, ParserPanicked};
use crate::passes::slow_feeds::{SlowFeeds, USUAL, USUAL_LENGTH};
use crate::passes::source::obtain;
use crate::passes::sync::Feeds;
use crate::polling::decide::decide;
use crate::polling::outage::{NoContact, OutageDetector, Past, StoredFailure, Verdict, reached};
use crate::polling::reply::{NoReply, Parsing, Requested, read};
use crate::polling::request;
use crate::polling::schedule::Cadence;
use crate::reading_time::ReadingTime;
use crate::store::{Claim, ClaimQueue, Claimed, FreeSlots, Store, StoreError, Storing};
use crate::telemetry::events;

/// A poll that takes longer than its time-out by this much is taken for dead, and its lease ends.
const LEASE_SLACK: TimeDelta = TimeDelta::seconds(60);

/// Claims beyond the requests in flight, as a multiple of them; they wait for a request slot. It is small
/// enough that a lease outlasts the wait behind the slowest servers.
pub const CLAIM_ROUNDS: usize = 8;
const LEASED_ROUNDS: i32 = 9;

/// The time until the next poll of a feed whose poll did not count because our network was down. It is short
/// because in a fleet of few feeds, all polled at once, some must be due for the next probe.
const OUTAGE_WAIT: TimeDelta = TimeDelta::seconds(15);

/// The wait for a feed that was left for later because this machine has no network, while no outage was detected.
const OFFLINE_WAIT: TimeDelta = TimeDelta::minutes(2);

/// The waits before a request is made again that this machine had no resources for. Other requests end meanwhile.
const RESOURCE_RETRIES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// The time until the next poll of a feed for which there were still no resources.
const RESOURCE_WAIT: TimeDelta = TimeDelta::seconds(30);

/// The time within which another host must have been reached, so that a page whose server was not reached counts as
/// failed.
const LATELY: Duration = Duration::from_mins(10);

/// Everything that polling needs. A change of the configuration makes a new one; polls in flight keep the
/// old one.
pub struct Poller {
    store: Store,
    fetcher: Arc<Fetcher>,
    feeds: Feeds,
    max_body: u64,
    read_timeout: Duration,
    storing: Storing,
    lease: TimeDelta,
    /// The due feeds that wait for their hosts.
    due: ClaimQueue,
    /// Hosts that the configured limits do not apply to: this machine, unless the configuration says otherwise.
    exempt: Arc<HashSet<Host>>,
    /// The request budgets of the exempt hosts. The lock is never held across an await.
    exempt_hosts: Mutex<HostBudgets>,
    /// The request budget of each host. The lock is never held across an await.
    hosts: Mutex<HostBudgets>,
    /// Whether our own network is down. The lock is never held across an await.
    outages: Mutex<OutageDetector>,
    left: Mutex<HashSet<FeedId>>,
    /// The ends of the leases of claims that have failed, but may have been carried out by a server that was lost then.
    unanswered: Mutex<Vec<Timestamp>>,
    no_contact: NoContacts,
    next_polls: NextPolls,
    /// No second host is configured.
    is_only_host: bool,
    /// A permit for each request in flight.
    requests: Semaphore,
    /// What the bodies in flight may take, until what they say is stored.
    memory: MemoryBudget,
    /// One thread more than there are cores, so that one host can use all cores and others are read beside it.
    /// More would only hold more memory.
    parsers: ParsePool,
    slow: SlowFeeds,
    /// A permit for each slow feed whose document is requested or waits for a thread. They are fewer than `requests`, so that
    /// other feeds are requested meanwhile.
    slow_requests: Semaphore,
}

/// The part of the requests in flight that slow feeds may have.
const SLOW_PART: usize = 4;

/// The most requests in flight to a host that the configured limits do not apply to.
const EXEMPT_PER_HOST: usize = 32;

fn exempt(config: &Config) -> HashSet<Host> {
    if !config.fetch.exempt_this_machine {
        return HashSet::new();
    }
    let here = config.feeds.iter().filter(|feed| feed.spec.url.is_on_this_machine());
    here.filter_map(|feed| feed.spec.url.host()).collect()
}

/// Whether all enabled feeds that are requested from a server have the same host.
fn is_only_host(config: &Config) -> bool {
    let feeds = config.feeds.iter().filter(|feed| feed.spec.enabled);
    let mut hosts = feeds.filter_map(|feed| feed.spec.url.host());
    hosts.next().is_some_and(|first| hosts.all(|host| host == first))
}

/// Why there can be no [`Poller`].
#[derive(Debug, thiserror::Error)]
pub enum NoPoller {
    #[error(transparent)]
    Fetcher(#[from] FetchError),
    #[error(transparent)]
    ParsePool(#[from] NoParseThreads),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a poll has no result.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Parser(#[from] ParserPanicked),
    /// Another worker polls the feeds of this host by now.
    #[error("the host belongs to another worker by now")]
    NotAllowed,
}

/// Which feeds to claim.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub limit: usize,
    /// Only these feeds, due or not; `None` for all that are due.
    pub named: Option<ClaimQueue>,
    /// Also the feeds of paused hosts.
    pub paused_too: bool,
}

/// The result of one poll, for reports.
#[derive(Clone, Debug)]
pub struct Polled {
    pub feed: FeedId,
    /// The configured name, else the title, else the address.
    pub name: String,
    pub url: String,
    pub outcome: OutcomeKind,
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
    /// When the fetcher cannot be set up, as with an unreadable `ca_file`, no thread can be started, or the store fails.
    pub fn new(store: Store, config: &Config, feeds: Feeds) -> Result<Self, NoPoller> {
        let longest = config.feeds.iter().filter_map(|feed| feed.settings.request.timeout).max();
        let timeout = longest.unwrap_or_default().max(config.fetch.timeout);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            next_polls: next_polls(&store)?,
            store,
            fetcher: Arc::new(Fetcher::new(&config.fetch)?),
            feeds,
            max_body: config.fetch.max_body,
            read_timeout: config.fetch.read_timeout,
            storing: Storing {
                keep_revisions: config.store.keep_revisions,
                hide_future: config.hide_future,
                full_text: false,
                leased_until: None,
            },
            lease: TimeDelta::from_std(timeout).unwrap_or(TimeDelta::hours(1)) * LEASED_ROUNDS
                + LEASE_SLACK,
            exempt: Arc::new(exempt(config)),
            due: ClaimQueue::of_due(),
            exempt_hosts: Mutex::new(HostBudgets::new(EXEMPT_PER_HOST, Duration::ZERO)),
            hosts: Mutex::new(HostBudgets::new(config.fetch.per_host, config.fetch.host_delay)),
            outages: Mutex::default(),
            left: Mutex::default(),
            unanswered: Mutex::default(),
            no_contact: NoContacts::default(),
            is_only_host: is_only_host(config),
            requests: Semaphore::new(config.fetch.concurrency),
            memory: MemoryBudget::new(config.fetch.memory.unwrap_or(DEFAULT_MEMORY)),
            parsers: ParsePool::new(cores + 1)?,
            slow: SlowFeeds::default(),
            slow_requests: Semaphore::new((config.fetch.concurrency / SLOW_PART).max(1)),
        })
    }

    /// Takes the place of `before`: with these feeds, and with its connections if nothing about requests has changed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn succeed(self, before: &Self, feeds: Feeds) -> Result<Self, StoreError> {
        let is_same = self.fetcher.is_same_as(&before.fetcher);
        let fetcher = if is_same { Arc::clone(&before.fetcher) } else { self.fetcher };
        Ok(Self { feeds, fetcher, next_polls: next_polls(&self.store)?, ..self })
    }

    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// Claims up to `limit` feeds that are due, or of the named ones, as far as the budgets of their hosts
    /// allow requests now.
    pub async fn claim(&self, wanted: Wanted, now: Timestamp) -> Result<Claimed, StoreError> {
        let Wanted { limit, named, paused_too } = wanted;
        let (free_slots, lease) = (self.free_slots(), self.lease);
        let queue = named.unwrap_or_else(|| self.due.clone());
        self.release_unanswered().await?;
        let claim = Claim { now, limit, lease, queue, free_slots, paused_too };
        let claimed = self.store.claim(claim).await;
        if claimed.is_err() && self.store.is_shared() {
            self.unanswered().push(now + lease);
        }
        let mut claimed = claimed?;
        for job in &mut claimed.jobs {
            if let Some(feed) = self.feeds.get(job.feed) {
                job.url = feed.spec.url.clone(); // The store does not know the host of a private feed's URL.
            }
        }
        for host in claimed.jobs.iter().filter_map(PollJob::host) {
            self.budget_of(&host).claimed(&host, Instant::now());
        }
        Ok(claimed)
    }

    /// Ends the leases of claims whose answers were lost.
    async fn release_unanswered(&self) -> Result<(), StoreError> {
        let leases = std::mem::take(&mut *self.unanswered());
        for (done, lease) in leases.iter().enumerate() {
            if let Err(error) = self.store.release_unanswered(*lease).await {
                self.unanswered().extend(leases.iter().skip(done));
                return Err(error);
            }
        }
        Ok(())
    }

    fn unanswered(&self) -> MutexGuard<'_, Vec<Timestamp>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the next claim read all due feeds anew; see [`ClaimQueue::read_again`].
    pub fn read_due_again(&self) {
        self.due.read_again();
    }

    /// Makes feeds due that were planned before the clock was set back. Costs a look at each feed.
    pub async fn correct_for_clock(&self, now: Timestamp) -> Result<(), StoreError> {
        self.due.read_again();
        self.store.correct_for_clock(now, self.lease).await
    }

    /// Says that these feeds are polled now, due or not, so that the connections of their hosts are kept for them.
    pub fn expect<'a>(&self, feeds: impl Iterator<Item = &'a FeedId>) {
        for (id, feed) in feeds.filter_map(|id| Some((id, self.feeds.get(*id)?))) {
            if let Some(host) = feed.spec.url.host() {
                self.next_polls.planned(*id, &host, Some(clock::now()));
            }
        }
    }

    /// Whether our own network is down. Then only a few feeds are polled, to find out whether it is back.
    pub fn is_cut_off(&self) -> bool {
        self.outages().is_down()
    }

    /// The feeds whose last poll did not count, because nobody could be reached from here.
    pub fn left_for_later(&self) -> MutexGuard<'_, HashSet<FeedId>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outages(&self) -> MutexGuard<'_, OutageDetector> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What requests for pages share with polls.
    pub(super) fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// What one page may take of the memory for bodies, which pages share with polls.
    pub(super) fn memory_share(&self) -> MemoryShare {
        self.memory.share()
    }

    /// The hosts that the configured limits do not apply to.
    pub(super) fn exempt(&self) -> &HashSet<Host> {
        &self.exempt
    }

    /// The number of requests that may start now at each host.
    pub(super) fn free_slots(&self) -> FreeSlots {
        let mut hosts = self.hosts();
        let mut busy = hosts.free_slots(Instant::now());
        busy.extend(self.exempt_hosts().free_slots(Instant::now()));
        let (idle, exempt) = (hosts.per_host_limit(), Arc::clone(&self.exempt));
        let shards = self.store.shards().allowed();
        FreeSlots { busy, idle, exempt, idle_exempt: EXEMPT_PER_HOST, shards }
    }

    /// Whether this process may send requests to a host, of which each worker has its own.
    pub(super) fn may_request(&self, host: &Host) -> bool {
        self.store.shards().may_request(Shard::of_host(host))
    }

    /// Takes the next start of a request for a page of this host, if one may start now.
    pub(super) fn page_starts(&self, host: &Host) -> bool {
        self.budget_of(host).page_starts(host, Instant::now())
    }

    /// Notes that the server of a page was reached, which may end an outage.
    pub(super) fn page_reached(&self, host: &Host) {
        if self.outages().note(host, true, Past::Failing, Instant::now()) == Verdict::Back {
            events::network_back();
        }
    }

    /// Whether a page whose server was not reached counts as failed: not if no host was reached lately, because our own
    /// network may be down.
    pub(super) fn unreachable_counts(&self, host: &Host) -> bool {
        let outages = self.outages();
        host.is_this_machine()
            || !outages.is_down() && outages.was_reached_within(LATELY, Instant::now())
    }

    /// When the delay between two requests ends at the next host that waits for nothing else.
    pub fn next_free_at(&self) -> Option<Instant> {
        self.hosts().next_free_at(Instant::now())
    }

    /// The budgets that a host belongs to.
    fn budget_of(&self, host: &Host) -> MutexGuard<'_, HostBudgets> {
        if self.exempt.contains(host) { self.exempt_hosts() } else { self.hosts() }
    }

    fn exempt_hosts(&self) -> MutexGuard<'_, HostBudgets> {
        self.exempt_hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hosts(&self) -> MutexGuard<'_, HostBudgets> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls one feed, from the request to the stored articles. `None` when the feed is not configured any
    /// more, or is being polled already.
    ///
    /// # Errors
    /// When the store fails or the parser panics; the lease keeps the feed for a later poll then. Whatever
    /// the publisher's server does is an outcome, and is stored.
    pub async fn poll(&self, job: PollJob) -> Result<Option<Polled>, PollError> {
        let (host, feed, lease) = (job.host(), job.feed, job.leased_until);
        let _in_flight = self.store.shards().begin_poll(&job);
        let polled = match self.feeds.get(feed).cloned() {
            Some(feed) => self.poll_one(&feed, job).await,
            // The feed left the configuration after the claim.
            None => self.store.release(vec![feed]).await.map(|()| None).map_err(PollError::from),
        };
        let polled = match polled {
            Err(PollError::NotAllowed) => {
                let claimed = lease.map(|lease| (feed, lease)).into_iter().collect();
                self.store.release_claimed(claimed).await.map(|()| None).map_err(PollError::from)
            }
            Err(PollError::Store(StoreError::LeaseLost)) => {
                events::lease_lost(feed);
                Ok(None)
            }
            other => other,
        };
        if let Some(host) = host {
            self.budget_of(&host).finished(&host);
        }
        polled
    }

    async fn poll_one(&self, feed: &FeedConfig, job: PollJob) -> Result<Option<Polled>, PollError> {
        let suspect = Suspect::of(&job);
        let memory = self.memory.share();
        let decision = if self.slow.is_slow(job.feed, Instant::now()) {
            let Some(_polled) = self.slow.begin(job.feed) else { return Ok(None) };
            self.decide_on_slow(feed, job, &memory).await?
        } else {
            self.decide_on_usual(feed, job, &memory).await?
        };
        let decision = Arc::new(decision);
        if is_out_of_resources(&decision.observed) {
            let next = self.put_off(decision.feed, suspect.health).await?;
            let stored = Stored { applied: Applied::default(), next, counts: false };
            return Ok(Some(report(suspect.name_of(feed, &decision), feed, &decision, &stored)));
        }
        // A host that is reached meanwhile waits until this failure is stored or reverted, and then judges it.
        let unsettled = if is_no_contact(&decision.observed) {
            Some(self.no_contact.begin(&suspect.name_of(feed, &decision), &decision).await)
        } else {
            None
        };
        let verdict = self.judge(&suspect, &decision.observed);
        let stored = self.store(&decision, &suspect, verdict).await?;
        drop(unsettled);
        let is_elsewhere = suspect.host.as_ref().is_some_and(|host| !host.is_this_machine());
        if is_elsewhere && reached(&decision.observed) == Some(true) {
            self.charge_failures_beside(&decision.observed).await?;
        }
        Ok(Some(report(suspect.name_of(feed, &decision), feed, &decision, &stored)))
    }

    /// Requests the document of a feed that is not known to be slow, and reads it if it is no longer than usual and takes no
    /// longer. Otherwise it is read once more, as that of a slow feed.
    async fn decide_on_usual(
        &self,
        feed: &FeedConfig,
        job: PollJob,
        memory: &MemoryShare,
    ) -> Result<Decision, PollError> {
        let in_flight = self.requests.acquire().await.ok();
        let requested = self.request(feed, &job, memory).await?;
        if !requested.has_document() {
            return Ok(self.decide_without_document(feed, job, requested));
        }
        let host = host_of(&requested, &job);
        if is_long(&requested) {
            return self.decide_as_slow(feed, job, requested, in_flight).await;
        }
        let usual = Reading { limit: self.read_timeout.min(USUAL), longest: Some(USUAL_LENGTH) };
        // The request slot stays taken until the document is read: it bounds the bodies in memory.
        let slot = self.parsers.slot(host.clone(), Length::Short).await;
        let (decision, _) =
            self.read_and_decide(slot, requested.clone(), job.clone(), feed, usual).await?;
        if !is_read_timeout(&decision.observed) {
            return Ok(decision);
        }
        self.decide_as_slow(feed, job, requested, in_flight).await
    }

    /// Reads the document of a feed that turned out to be slow. `in_flight` is the permit of its request.
    async fn decide_as_slow(
        &self,
        feed: &FeedConfig,
        job: PollJob,
        requested: Requested,
        in_flight: Option<SemaphorePermit<'_>>,
    ) -> Result<Decision, PollError> {
        self.slow.note(job.feed, Instant::now());
        let as_slow = self.slow_requests.try_acquire();
        let in_flight = in_flight.filter(|_| as_slow.is_err());
        let slot = self.parsers.slot(host_of(&requested, &job), Length::Long).await;
        drop((as_slow, in_flight));
        let (decision, _) =
            self.read_and_decide(slot, requested, job, feed, self.whole_reading()).await?;
        Ok(decision)
    }

    /// Requests the document of a slow feed when one of the few request slots for such feeds is free.
    async fn decide_on_slow(
        &self,
        feed: &FeedConfig,
        job: PollJob,
        memory: &MemoryShare,
    ) -> Result<Decision, PollError> {
        let as_slow = self.slow_requests.acquire().await;
        let in_flight = self.requests.acquire().await;
        let requested = self.request(feed, &job, memory).await?;
        drop(in_flight);
        if !requested.has_document() {
            return Ok(self.decide_without_document(feed, job, requested));
        }
        let slot = self.parsers.slot(host_of(&requested, &job), Length::Long).await;
        drop(as_slow);
        let id = job.feed;
        let (decision, took) =
            self.read_and_decide(slot, requested, job, feed, self.whole_reading()).await?;
        if USUAL < took {
            self.slow.note(id, Instant::now());
        }
        Ok(decision)
    }

    /// All that the configuration permits.
    fn whole_reading(&self) -> Reading {
        Reading { limit: self.read_timeout, longest: None }
    }

    /// Requests the document when the host's delay has passed.
    ///
    /// # Errors
    /// [`PollError::NotAllowed`] when another worker has taken over the host.
    async fn request(
        &self,
        feed: &FeedConfig,
        job: &PollJob,
        memory: &MemoryShare,
    ) -> Result<Requested, PollError> {
        if let Some(host) = job.host() {
            let wait = self.budget_of(&host).starts(&host, Instant::now());
            tokio::time::sleep(wait).await;
        }
        if !self.store.shards().may_request(job.shard) {
            return Err(PollError::NotAllowed);
        }
        let validators = request::validators(job, clock::now());
        let conditional = !validators.is_empty();
        let (spec, max_body) = (&feed.settings.request, self.max_body);
        let request = FetchRequest::new(&job.url, &validators, spec, max_body);
        let more_follow = self.more_follow(feed, job);
        let memory = Some(memory);
        let request = FetchRequest { at: job.address(), more_follow, memory, ..request };
        let mut reply = obtain(&self.fetcher, request).await;
        for wait in RESOURCE_RETRIES {
            let Some(detail) = out_of_resources(&reply) else { break };
            events::resources_exhausted(detail, fetch::limit_of_open_files());
            tokio::time::sleep(wait).await;
            reply = obtain(&self.fetcher, request).await;
        }
        Ok(Requested { reply, conditional, ended_at: clock::now() })
    }

    /// Decides on a reply that needs no thread of the parse pool.
    fn decide_without_document(
        &self,
        feed: &FeedConfig,
        job: PollJob,
        requested: Requested,
    ) -> Decision {
        read_and_decide(requested, job, &feed.settings, self.max_body, self.whole_reading())
    }

    /// Whether another request to the host of this feed is expected while the connection would be kept.
    fn more_follow(&self, feed: &FeedConfig, job: &PollJob) -> bool {
        let others =
            job.host().is_some_and(|host| self.next_polls.starts(job.feed, &host, clock::now()));
        others
            || matches!(feed.settings.policy.cadence, Cadence::Every(interval) if is_soon(interval))
    }

    /// Parses the document on a thread of the pool and decides there on everything that is stored. Also returns the
    /// computing time.
    async fn read_and_decide(
        &self,
        slot: ParseSlot<'_>,
        requested: Requested,
        job: PollJob,
        feed: &FeedConfig,
        reading: Reading,
    ) -> Result<(Decision, Duration), ParserPanicked> {
        let (settings, max_body) = (Arc::clone(&feed.settings), self.max_body);
        let work = move || {
            let began = clock::work_of_this_thread();
            let decision = read_and_decide(requested, job, &settings, max_body, reading);
            (decision, clock::work_of_this_thread().saturating_sub(began))
        };
        slot.run(work).await
    }

    /// Asks the outage detector whether this poll counts.
    fn judge(&self, suspect: &Suspect, observed: &Observed) -> Verdict {
        let Some(host) = &suspect.host else { return Verdict::Counts };
        let now = Instant::now();
        if is_no_contact(observed) {
            let is_unknown_name = observed.outcome.kind() == OutcomeKind::Failed(Failure::Dns);
            let (past, is_only_host) = (suspect.past, self.is_only_host);
            let failed = NoContact { host, is_unknown_name, past, is_only_host };
            return self.outages().note_no_contact(failed, now);
        }
        match reached(observed) {
            Some(reached) => self.outages().note(host, reached, suspect.past, now),
            None => Verdict::Counts,
        }
    }

    /// Charges the feeds that were left for later while this host could be reached: their failures are theirs.
    async fn charge_failures_beside(&self, reached: &Observed) -> Result<(), StoreError> {
        for (name, decision) in self.no_contact.beside(reached.transfer.elapsed).await {
            if !self.left_for_later().remove(&decision.feed) {
                continue;
            }
            let applied = self.store.apply(Arc::clone(&decision), self.storing).await?;
            if let Some(feed) = self.feeds.get(decision.feed) {
                events::poll_ended(&name, &feed.spec.url, &decision, applied);
            }
        }
        Ok(())
    }

    /// Stores a poll that counts, and plans one that does not count anew.
    async fn store(
        &self,
        decision: &Arc<Decision>,
        suspect: &Suspect,
        verdict: Verdict,
    ) -> Result<Stored, StoreError> {
        let feed = decision.feed;
        match verdict {
            Verdict::Discounted(found) => {
                let next = self.revert(feed, suspect.health, found).await?;
                return Ok(Stored { applied: Applied::default(), next, counts: false });
            }
            Verdict::Back => events::network_back(),
            Verdict::Counts => {}
        }
        let full_text = self.feeds.get(feed).is_some_and(|feed| feed.settings.full_text);
        let storing = Storing { full_text, leased_until: suspect.leased_until, ..self.storing };
        let applied = self.store.apply(Arc::clone(decision), storing).await?;
        if let Some(host) = &decision.next_host {
            self.next_polls.planned(feed, host, decision.next.at);
        }
        self.left_for_later().remove(&feed);
        let is_no_contact = is_no_contact(&decision.observed);
        let unreachable = suspect.past == Past::Well && reached(&decision.observed) == Some(false);
        let failure = StoredFailure { feed, before: suspect.health, is_no_contact };
        if (unreachable || is_no_contact) && !self.outages().stored(failure, Instant::now()) {
            let next = self.revert(feed, suspect.health, None).await?;
            return Ok(Stored { applied, next, counts: false });
        }
        Ok(Stored { applied, next: decision.next, counts: true })
    }

    /// Plans a feed anew for whose request this machine had no resources.
    async fn put_off(&self, feed: FeedId, before: Health) -> Result<NextPoll, StoreError> {
        let at = Some(clock::now() + RESOURCE_WAIT);
        let next = NextPoll { at, because: Reason::Resources };
        self.left_for_later().insert(feed);
        self.store.revert(vec![(feed, before)], next).await?;
        Ok(next)
    }

    /// Plans a feed anew whose poll does not count, and reverts the failures that were stored before the
    /// outage was detected. `found` is the number of unreachable hosts when it was detected just now.
    async fn revert(
        &self,
        feed: FeedId,
        before: Health,
        found: Option<usize>,
    ) -> Result<NextPoll, StoreError> {
        let wait = if self.is_cut_off() { OUTAGE_WAIT } else { OFFLINE_WAIT };
        let next = NextPoll { at: Some(clock::now() + wait), because: Reason::Outage };
        let mut feeds = self.outages().take_stored();
        feeds.push((feed, before));
        self.left_for_later().extend(feeds.iter().map(|(feed, _)| *feed));
        self.store.revert(feeds, next).await?;
        if let Some(hosts) = found {
            events::network_down(hosts);
        }
        Ok(next)
    }
}

/// The plans of the hosts with several feeds.
fn next_polls(store: &Store) -> Result<NextPolls, StoreError> {
    Ok(NextPolls::new(store.reader()?.plans_of_shared_hosts()?.into_iter()))
}

/// The host that the document is from. A redirect may have led to another than that of the feed.
fn host_of(requested: &Requested, job: &PollJob) -> Option<Host> {
    requested.reply.as_ref().ok().and_then(Reply::host).or_else(|| job.host())
}

/// Whether the document seems to be longer than usual.
fn is_long(requested: &Requested) -> bool {
    let body = requested.reply.as_ref().map_or(&[][..], |reply| &reply.body);
    USUAL_LENGTH < usize::try_from(expected_length(body)).unwrap_or(usize::MAX)
}

fn is_read_timeout(observed: &Observed) -> bool {
    matches!(observed.outcome, PollOutcome::Failed(Failure::ReadTimeout))
}

/// Reads a reply and decides on everything that is stored.
fn read_and_decide(
    requested: Requested,
    mut job: PollJob,
    settings: &FeedSettings,
    max_body: u64,
    Reading { limit, longest }: Reading,
) -> Decision {
    let ended_at = requested.ended_at;
    let parsing = Parsing {
        max_body,
        max_entries: settings.max_entries,
        time: ReadingTime { limit, clock: clock::work_of_this_thread },
        longest,
        map: settings.map.as_ref(),
        quiet_start: settings.quiet_start,
        filter: Some(&settings.entry_filter),
    };
    settings.entry_filter.mix_into_hashes(&mut job.remembered);
    let mut observed = read(requested, &job, parsing);
    conceal(&mut observed, &settings.request);
    decide(&job, observed, &settings.policy, ended_at)
}

/// How much reading one document may cost.
struct Reading {
    /// The computing time.
    limit: Duration,
    /// The bytes of the document.
    longest: Option<usize>,
}

/// What the outage detector has to know about a feed before its poll.
struct Suspect {
    host: Option<Host>,
    health: Health,
    past: Past,
    title: Option<String>,
    leased_until: Option<Timestamp>,
}

impl Suspect {
    fn of(job: &PollJob) -> Self {
        let past = Past::of(job.health, job.full_at.is_some());
        let title = job.known_as.title.clone();
        let leased_until = job.leased_until;
        Self { host: job.host(), health: job.health, past, title, leased_until }
    }

    /// The name of the feed as `feeds` shows it after this poll: the configured one, else the title, else the address.
    fn name_of(&self, feed: &FeedConfig, decision: &Decision) -> String {
        let document = decision.observed.outcome.document();
        let title = document.and_then(|document| document.meta.title.as_ref());
        let name = feed.spec.name.as_ref().or(title).or(self.title.as_ref());
        name.cloned().unwrap_or_else(|| feed.spec.url.to_string())
    }
}

/// The text of a failure for which this machine had no resources.
fn out_of_resources(reply: &Result<Reply, NoReply>) -> Option<&str> {
    let no_reply = reply.as_ref().err()?;
    (no_reply.failure == Failure::Resources).then_some(&no_reply.detail)
}

fn is_out_of_resources(observed: &Observed) -> bool {
    matches!(observed.outcome, PollOutcome::Failed(Failure::Resources))
}

/// Whether no server could be contacted: the name does not resolve, or no route leads to it.
fn is_no_contact(observed: &Observed) -> bool {
    matches!(observed.outcome, PollOutcome::Failed(Failure::Offline | Failure::Dns))
}

/// What was stored of a poll.
struct Stored {
    applied: Applied,
    next: NextPoll,
    /// Whether the poll counts: false for a failure during an outage of our own network.
    counts: bool,
}

/// Removes what was sent to the server from what it answered, the host of a private feed from what is stored of the feed
/// itself, and its address from its entries.
pub(super) fn conceal(observed: &mut Observed, request: &RequestSpec) {
    let sent = Sent::for_feed(request);
    observed.message.detail = sent.removed_from(&observed.message.detail);
    if request.address.is_none() {
        return;
    }
    observed.message.offers.clear(); // They are addresses of the same server.
    if let PollOutcome::Fresh(document) | PollOutcome::Cut(document) = &mut observed.outcome {
        document.meta.home_page_url.take_if(|url| sent.removed_from(url) != *url);
        if let Some(own) = OwnAddress::of(request) {
            own_address::remove(&own, document);
        }
    }
}

/// Logs and counts a poll that counts, and sums it up for the caller.
fn report(name: String, feed: &FeedConfig, decision: &Decision, stored: &Stored) -> Polled {
    let &Stored { applied, next, counts } = stored;
    if counts {
        events::poll_ended(&name, &feed.spec.url, decision, applied);
    }
    let observed = &decision.observed;
    Polled {
        feed: decision.feed,
        name,
        url: feed.spec.url.to_string(),
        outcome: observed.outcome.kind(),
        detail: observed.message.detail.clone(),
        status: observed.transfer.status,
        bytes: observed.transfer.bytes,
        elapsed: observed.transfer.elapsed,
        entries: observed.outcome.document().map(|document| document.entries),
        applied,
        next,
    }
}
