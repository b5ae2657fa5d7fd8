//! The store: a SQLite file, or a schema in a database of PostgreSQL. All SQL of the program is below this folder.
//!
//! [`Store`] is a handle of the only writer thread. Each call is a job, and the thread runs all jobs that
//! are waiting in one transaction (group commit), so that many polls cost few fsyncs. A job that fails is
//! rolled back alone. A call returns after the commit. [`Reader`] is a separate connection that only reads and never
//! waits for the writer (SQLite's WAL mode, snapshots of PostgreSQL).

mod copy;
mod database;
mod error;
mod location;
mod lock;
mod postgres;
mod shards;
mod sql;
mod sqlite;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::domain::article::{ArticleId, StoryId};
use crate::domain::consumer::{ConsumerName, Delivered};
use crate::domain::feed::FeedId;
use crate::domain::feed_health::{HealthChange, ReportedHealth};
use crate::domain::poll::{Applied, Decision, Health, NextPoll};
use crate::domain::shard::Shard;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::store::database::Connection;
use crate::store::sql::duplicates::Recent;
use crate::store::sql::feed_sync::Comparison;
use crate::store::sql::transaction;
use crate::store::sqlite::file::LOST;

pub use crate::domain::location::{Location, ServerUrl};
pub use copy::{Copied, CopyStep};
pub use database::{Interrupter, may_wait};
pub use error::StoreError;
pub use lock::{ConsumerLock, Lock, LockError, Role};
pub use shards::{InFlight, Shards};
pub use sql::address_changes::PlannedChange;
pub use sql::claim_queue::{ClaimQueue, FreeSlots};
pub use sql::claims::{Claim, Claimed};
pub use sql::duplicates::{Matched, NewArticles};
pub use sql::feed_page::{FeedOrder, FeedPage, FeedQuery};
pub use sql::feed_sync::Synced;
pub use sql::feeds::{Facts, FeedName, FeedPlan, FeedRow, FeedSync, Planned};
pub use sql::future::Announced;
pub use sql::history::{PastPoll, PollDay};
pub use sql::hosts::PausedHost;
pub use sql::icons::{IconDone, IconOutcome, KnownIcon};
pub use sql::maintenance::{Check, Stats};
pub use sql::page_queue::{DuePages, PageClaim, PageJob};
pub use sql::pages::{PageDone, PageOutcome, PageStored};
pub use sql::polls::Storing;
pub use sql::prune::{Prune, Pruned, PrunedFeeds};
pub use sql::reader::Reader;
pub use sql::workers::{Heartbeat, KnownWorker, LEASE, Worker};
pub use sqlite::file::{Identity, LogStamp};

/// Sets the function that is called with the path of each copy of an older version's file. Such a copy is made
/// before a migration rewrites rows. Only the first call of a process has an effect.
pub fn on_copy(report: fn(&Path)) {
    sqlite::migrate::on_copy(report);
}

/// The largest number of jobs in one transaction. Batches of more than 500 to 2,000 entries gain nothing
/// (docs/benchmarks.md), and a poll brings about 30.
const GROUP_JOBS: usize = 64;

/// How long the writer waits for more jobs before it begins a transaction: long enough for polls that end
/// together, and too short to be noticed.
const GROUP_LINGER: Duration = Duration::from_millis(20);

/// How many feeds of a changed list are written in one transaction. It takes about a tenth of a second.
const SYNC_STEP: usize = 10_000;

/// As [`SYNC_STEP`], for a store without feeds: no poll waits, and a large transaction writes each page of an index once.
const FIRST_SYNC_STEP: usize = 200_000;

/// How often the list of feeds is compared while other processes store theirs.
const SYNC_ATTEMPTS: usize = 5;

/// The largest number of jobs in the queue. Further callers wait, which bounds the memory of finished polls.
const QUEUE: usize = 128;

/// A job runs in the transaction, or receives the reason why there is none.
type Job = Box<dyn FnOnce(Result<Scope<'_>, &str>) -> Done + Send>;

/// The transaction of a group of jobs.
#[derive(Clone, Copy)]
struct Scope<'a> {
    connection: &'a Connection,
    /// The group has only this job. It needs no savepoint, for which SQLite copies each page that the job changes: the
    /// whole transaction is undone if the job fails.
    is_alone: bool,
}

/// A job that has run.
struct Done {
    /// Whether the transaction may be committed.
    may_commit: bool,
    /// Runs after the commit and receives the result of that.
    finish: Box<dyn FnOnce(Result<(), String>) + Send>,
}

/// A handle for writing. Clones share one thread. Dropping the last handle waits for the thread, so that the
/// file is closed properly when the process ends.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Arc<Writer>,
    location: Location,
    /// `None` for a store that is no file.
    identity: Option<Arc<Identity>>,
    recent: Arc<Mutex<Recent>>,
    shards: Shards,
}

/// The queue and the writer thread. Both are `Some` until the value is dropped.
#[derive(Debug)]
struct Writer {
    jobs: Option<tokio::sync::mpsc::Sender<JobSlot>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // A panic was reported when it happened.
        }
    }
}

struct JobSlot(Job);

impl std::fmt::Debug for JobSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Store {
    /// Opens the file and starts the writer. A file that does not exist is created (mode 0600); an older one is
    /// migrated.
    ///
    /// # Errors
    /// When the file cannot be opened, belongs to another program, or is of a newer version.
    fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = sqlite::open::open_for_writing(path)?;
        let create = |source| StoreError::Create { path: path.to_owned(), source };
        let identity = Identity::of(path).map_err(create)?;
        Self::start(connection, Location::file(path), Some(identity))
    }

    /// Opens the store of a database and starts the writer. A store that does not exist is created; an older one is
    /// migrated.
    ///
    /// # Errors
    /// When the server cannot be reached, or its store is of a newer version.
    fn open_in(url: &ServerUrl) -> Result<Self, StoreError> {
        Self::start(postgres::open::for_writing(url)?, Location::Server(url.clone()), None)
    }

    /// Starts the writer.
    fn start(
        connection: Connection,
        location: Location,
        identity: Option<Arc<Identity>>,
    ) -> Result<Self, StoreError> {
        let file = identity.clone();
        let start = |source| StoreError::Thread { source };
        let (jobs, queue) = tokio::sync::mpsc::channel(QUEUE);
        let (ready, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || match Builder::new_current_thread().enable_time().build() {
                Ok(timer) => {
                    ready.send(Ok(())).ok();
                    write_until_closed(connection, queue, &timer, file.as_deref());
                }
                Err(error) => {
                    ready.send(Err(error)).ok();
                }
            })
            .map_err(start)?;
        started.recv().map_err(|_| StoreError::Stopped)?.map_err(start)?;
        let writer = Writer { jobs: Some(jobs), thread: Some(thread) };
        Ok(Self {
            writer: Arc::new(writer),
            location,
            identity,
            recent: Arc::default(),
            shards: Shards::default(),
        })
    }

    /// Where the store is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The file, for the tests of its rows.
    #[cfg(test)]
    fn path(&self) -> &Path {
        self.location.local_file().unwrap()
    }

    /// The file as it was when it was opened. When it is no longer in place, all writes fail.
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.clone()
    }

    /// Whether the file, if it is one, is still where it was opened.
    pub fn is_in_place(&self) -> bool {
        is_in_place(self.identity.as_deref())
    }

    /// Opens another connection, for reading.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        self.location.reader()
    }

    /// Makes the stored list of feeds equal to the configured one: adds new feeds (due now), updates names and
    /// tags, and retires feeds that are no longer configured. Returns, among others, the feeds whose schedule
    /// has changed; see [`Reader::planned`] and [`Store::replan`]. Only feeds that differ are written; many of them in several
    /// transactions, between which others can write. When one fails, the next call does the rest.
    ///
    /// # Errors
    /// When the store fails, or another process keeps storing another list.
    pub async fn sync_feeds(
        &self,
        feeds: Vec<FeedSync>,
        now: Timestamp,
    ) -> Result<Synced, StoreError> {
        let feeds = Arc::new(feeds);
        // What an attempt has written stays written when the next one begins.
        let mut synced = Synced::default();
        for _ in 0..SYNC_ATTEMPTS {
            let mut comparison = self.compare_feeds(&feeds).await?;
            let list = comparison.configured;
            if comparison.has_address_changes {
                let list = Arc::clone(&feeds);
                self.write(move |tx| sql::address_changes::carry_out(tx, &list, now)).await?;
                comparison = self.compare_feeds(&feeds).await?;
            }
            let mut is_done = comparison.is_equal();
            let mut is_outdated = false;
            let most = if comparison.is_first { FIRST_SYNC_STEP } else { SYNC_STEP };
            while !is_done && !is_outdated {
                let (step, is_last) = comparison.next_step(most);
                let feeds = Arc::clone(&feeds);
                let work = move |tx: &Connection| sql::feed_sync::write(tx, &feeds, &step, now);
                match self.write(work).await? {
                    Some(written) => comparison.add(written, &mut synced),
                    None => is_outdated = true,
                }
                is_done = is_last;
            }
            if let (false, Some(ids)) = (is_outdated, comparison.into_ids()) {
                return Ok(Synced { ids, list, ..synced });
            }
        }
        Err(StoreError::OtherList)
    }

    /// Compares the lists of feeds on a thread that may wait for the disk.
    async fn compare_feeds(&self, feeds: &Arc<Vec<FeedSync>>) -> Result<Comparison, StoreError> {
        let (location, feeds) = (self.location.clone(), Arc::clone(feeds));
        tokio::task::spawn_blocking(move || location.reader()?.compare_feeds(&feeds))
            .await
            .unwrap_or(Err(StoreError::ReaderStopped))
    }

    /// Plans that the feed at `old` keeps its identity under the address `new`. The next [`Store::sync_feeds`] with a
    /// configuration that has `new` and not `old` carries it out.
    pub async fn plan_address_change(
        &self,
        (old, new): (String, String),
        now: Timestamp,
    ) -> Result<PlannedChange, StoreError> {
        self.write(move |tx| sql::address_changes::plan(tx, (&old, &new), now)).await
    }

    /// Removes a plan of [`Store::plan_address_change`].
    pub async fn cancel_address_change(
        &self,
        (old, new): (String, String),
    ) -> Result<(), StoreError> {
        self.write(move |tx| sql::address_changes::cancel(tx, (&old, &new))).await
    }

    /// Sets the next polls of feeds without polling them.
    pub async fn replan(&self, plans: Vec<(FeedId, NextPoll)>) -> Result<(), StoreError> {
        self.write(move |tx| sql::feeds::replan(tx, &plans)).await
    }

    /// Forgets what the servers of these feeds have sent: validators, the last document, failures, permanent
    /// redirects and requested waits. The feeds are due at `now`. With `hosts`, the pauses of their hosts end
    /// too. Articles are kept.
    pub async fn reset(
        &self,
        feeds: Vec<FeedId>,
        hosts: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sql::feeds::reset(tx, &feeds, hosts, now)).await
    }

    /// Claims up to `claim.limit` feeds of its queue; of each host the longest overdue come first. No other process gets
    /// them until the lease ends or a decision is applied. A process that dies leaves nothing but leases.
    ///
    /// # Errors
    /// When the store fails. The queue of due feeds is read anew then; one of named feeds may have lost some.
    pub async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let queue = claim.queue.clone();
        let claimed = self.write(move |tx| sql::claims::claim(tx, claim)).await;
        if claimed.is_err() {
            queue.read_again();
        }
        claimed
    }

    /// Ends the leases of a shared store that a failed claim may have made all the same: those that end at `lease`.
    pub async fn release_unanswered(&self, lease: Timestamp) -> Result<(), StoreError> {
        let Some(shards) = self.shards.allowed() else { return Ok(()) };
        let in_flight = self.shards.polls_in_flight().into_iter().map(|(feed, _)| feed).collect();
        self.write(move |tx| sql::workers::release_unanswered(tx, lease, &shards, &in_flight)).await
    }

    /// Makes feeds due whose last poll lies in the future, and lets no lease last longer than `lease`: the clock was set
    /// back.
    pub async fn correct_for_clock(
        &self,
        now: Timestamp,
        lease: TimeDelta,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sql::claims::correct_for_clock(tx, now, lease)).await
    }

    /// Ends the leases of feeds that were claimed but not polled.
    pub async fn release(&self, feeds: Vec<FeedId>) -> Result<(), StoreError> {
        self.write(move |tx| sql::claims::release(tx, &feeds)).await
    }

    /// Ends leases of this process, each of which ends at a time. A later lease of another process stays.
    pub async fn release_claimed(&self, feeds: Vec<(FeedId, Timestamp)>) -> Result<(), StoreError> {
        self.write(move |tx| sql::claims::release_claimed(tx, &feeds)).await
    }

    /// Ends the leases of feeds whose polls do not count, and sets their health and next poll.
    pub async fn revert(
        &self,
        feeds: Vec<(FeedId, Health)>,
        next: NextPoll,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sql::polls::revert(tx, &feeds, next)).await
    }

    /// Ends all leases. The caller must know that no other process is polling.
    pub async fn release_all(&self) -> Result<(), StoreError> {
        self.write(sql::claims::release_all).await
    }

    /// Writes everything that a poll has decided in one transaction: entries, validators, the hashes of the
    /// document, and the next poll. `storing` says how articles are stored.
    pub async fn apply(
        &self,
        decision: Arc<Decision>,
        storing: Storing,
    ) -> Result<Applied, StoreError> {
        self.write(move |tx| sql::polls::apply(tx, &decision, storing)).await
    }

    /// Adds articles to the full-text index and returns how many: up to `limit`, and as many as a short transaction holds. 0
    /// means that the index is complete. `text` converts stored HTML into plain text.
    pub async fn index_text(
        &self,
        limit: usize,
        text: fn(&str) -> String,
    ) -> Result<usize, StoreError> {
        self.write(move |tx| sql::text_index::advance(tx, limit, text)).await
    }

    /// Gives keys to up to `limit` articles that an earlier version stored, and returns how many got them; 0 means that
    /// all articles have their keys.
    pub async fn add_keys(&self, limit: usize) -> Result<usize, StoreError> {
        self.write(move |tx| sql::article_keys::advance(tx, limit)).await
    }

    /// Stores which articles that [`Reader::new_articles`] has read are duplicates of articles of other feeds.
    pub async fn match_articles(
        &self,
        new: NewArticles,
        now: Timestamp,
    ) -> Result<Matched, StoreError> {
        let recent = Arc::clone(&self.recent);
        self.write(move |tx| {
            let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
            sql::duplicates::decide_all(tx, &mut recent, &new, now)
        })
        .await
    }

    /// Makes a duplicate an article of its own, for good. Returns `false` when the article is no duplicate.
    pub async fn undo_merge(&self, id: ArticleId) -> Result<bool, StoreError> {
        self.write(move |tx| {
            let row = sql::duplicates::row(tx, &id)?;
            row.map_or(Ok(false), |row| sql::duplicates::undo(tx, row))
        })
        .await
    }

    /// Moves articles, with their duplicates, to a story of their own, for good. Returns the id of the story.
    pub async fn split_story(&self, articles: Vec<ArticleId>) -> Result<StoryId, StoreError> {
        self.write(move |tx| {
            let rows = articles.iter().map(|id| sql::duplicates::row(tx, id));
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let rows: Vec<i64> = rows.into_iter().flatten().collect();
            let story = sql::story_changes::split(tx, &rows)?;
            sql::stories::id(tx, story)
        })
        .await
    }

    /// Moves all articles of the second story to the first, for good. Returns `false` when one of them is not there, or
    /// both are the same.
    pub async fn merge_stories(&self, into: StoryId, from: StoryId) -> Result<bool, StoreError> {
        self.write(move |tx| {
            let numbers = sql::stories::number(tx, &from)?.zip(sql::stories::number(tx, &into)?);
            let Some((from, into)) = numbers.filter(|(from, into)| from != into) else {
                return Ok(false);
            };
            sql::story_changes::merge(tx, from, into).map(|()| true)
        })
        .await
    }

    /// Announces the hidden articles whose time has come, or `all`.
    pub async fn announce(&self, all: bool, now: Timestamp) -> Result<Announced, StoreError> {
        self.write(move |tx| sql::future::announce(tx, all, now)).await
    }

    /// Puts the recent articles of these feeds, whose article pages are fetched, in the queue, and removes those of others.
    pub async fn sync_pages(&self, feeds: Vec<FeedId>, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |tx| sql::page_queue::sync(tx, &feeds, now)).await
    }

    /// Leases pages of [`Reader::due_pages`] for `lease`, so that no other process requests them, and counts the requests
    /// of their hosts. Returns the pages that are leased.
    pub async fn lease_pages(
        &self,
        due: DuePages,
        lease: TimeDelta,
        now: Timestamp,
    ) -> Result<Vec<PageJob>, StoreError> {
        self.write(move |tx| {
            sql::page_queue::settle(tx, &due.settled)?;
            sql::page_queue::lease(tx, due.jobs, lease, now)
        })
        .await
    }

    /// Ends the leases of all pages. The caller must know that no other process fetches pages.
    pub async fn release_pages(&self) -> Result<(), StoreError> {
        self.write(sql::page_queue::release_all).await
    }

    /// Stores what came of the request for a page in one transaction: the text of its article, and the next request.
    pub async fn apply_page(&self, done: PageDone) -> Result<PageStored, StoreError> {
        let recent = Arc::clone(&self.recent);
        self.write(move |tx| {
            let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
            sql::pages::apply(tx, &mut recent, &done)
        })
        .await
    }

    /// Stores what came of the request for the icon of a site.
    pub async fn apply_icon(&self, done: IconDone) -> Result<(), StoreError> {
        self.write(move |tx| sql::icons::apply(tx, &done)).await
    }

    /// Removes the icons of all sites but these.
    pub async fn retain_icons(&self, sites: HashSet<String>) -> Result<(), StoreError> {
        self.write(move |tx| sql::icons::retain(tx, &sites)).await
    }

    /// Lets consumers hear of articles that have waited long enough for their page, or of `all` that wait. Returns whether
    /// there were some, and when the time of the next one comes.
    pub async fn release_held(
        &self,
        all: bool,
        now: Timestamp,
    ) -> Result<(bool, Option<Timestamp>), StoreError> {
        self.write(move |tx| sql::held::release_due(tx, all, now)).await
    }

    /// Stores the health of the feeds whose health has changed, and the changes for consumers.
    pub async fn report_feed_health(
        &self,
        reported: Vec<(FeedId, ReportedHealth)>,
        changes: Vec<HealthChange>,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sql::feed_health::report(tx, &reported, &changes)).await
    }

    /// Removes the articles of one batch that are old and no longer in the documents of their feeds.
    pub async fn prune(&self, stretch: Prune, now: Timestamp) -> Result<Pruned, StoreError> {
        self.write(move |tx| sql::prune::prune(tx, &stretch, now)).await
    }

    /// Creates a consumer with its cursor at `seq`. A consumer of this name that exists is not changed.
    pub async fn register_consumer(
        &self,
        name: ConsumerName,
        seq: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sql::consumers::register(tx, &name, seq, now)).await
    }

    /// Moves the cursor of a consumer and clears its delivery error. Returns `false` and changes nothing when the
    /// cursor is no longer at `delivered.from`, because it was reset or removed meanwhile.
    pub async fn advance_consumer(
        &self,
        name: ConsumerName,
        delivered: Delivered,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| sql::consumers::advance(tx, &name, &delivered, now)).await
    }

    /// Stores that a delivery has failed, the reason, and the time of the next attempt; `None` means that a user
    /// must act first. Returns `false` and changes nothing when the cursor is no longer at `from`.
    pub async fn fail_consumer(
        &self,
        name: ConsumerName,
        from: i64,
        error: String,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| sql::consumers::fail(tx, &name, from, (&error, retry_at), now)).await
    }

    /// Resets the cursor and clears the stored delivery error. Returns `false` when there is no such consumer.
    pub async fn reset_consumer(&self, name: String, seq: i64) -> Result<bool, StoreError> {
        self.write(move |tx| sql::consumers::reset(tx, &name, seq)).await
    }

    /// Removes a consumer. Returns `false` when there is none of this name.
    pub async fn remove_consumer(&self, name: String) -> Result<bool, StoreError> {
        self.write(move |tx| sql::consumers::remove(tx, &name)).await
    }

    /// The shards of hosts that this process may send requests to.
    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// Whether other workers may share the store.
    pub fn is_shared(&self) -> bool {
        self.location.local_file().is_none()
    }

    /// An id that no other process has.
    ///
    /// # Errors
    /// When the store is no shared one.
    pub async fn new_id(&self) -> Result<String, StoreError> {
        self.write(sql::workers::new_id).await
    }

    /// Renews the leases of a worker of a shared store, and leases its part of the shards that nobody has.
    pub async fn heartbeat(&self, worker: Arc<Worker>) -> Result<Heartbeat, StoreError> {
        self.write(move |tx| sql::workers::heartbeat(tx, &worker)).await
    }

    /// Hands shards back in which nothing is in flight.
    pub async fn hand_back(
        &self,
        worker: Arc<Worker>,
        shards: Vec<Shard>,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sql::workers::hand_back(tx, &worker, &shards)).await
    }

    /// Hands back all that a worker has, as its last act.
    pub async fn leave(&self, worker: Arc<Worker>) -> Result<(), StoreError> {
        self.write(move |tx| sql::workers::leave(tx, &worker)).await
    }

    /// Writes without changing anything, as proof that the writer and its disk work.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.write(sql::meta::ping).await
    }

    /// The state of SQLite's log. It differs after each write of any process. `None` for a store that has no such log.
    pub fn log_stamp(&self) -> Option<LogStamp> {
        self.location.local_file().map(LogStamp::of)
    }

    /// A number that changes when another process has written to the store.
    pub async fn data_version(&self) -> Result<i64, StoreError> {
        self.write(sql::meta::data_version).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |scope| {
            let is_alone = scope.is_ok_and(|scope| scope.is_alone);
            let result = match scope {
                Ok(Scope { connection, is_alone: true }) => work(connection),
                Ok(Scope { connection, is_alone: false }) => {
                    transaction::in_savepoint(connection, work)
                }
                Err(reason) => Err(StoreError::Commit { reason: reason.to_owned() }),
            };
            let may_commit = !is_alone || result.is_ok();
            let finish = Box::new(move |committed| {
                let outcome = match committed {
                    Ok(()) => result,
                    Err(reason) => Err(StoreError::Commit { reason }),
                };
                // The caller may be gone, such as an abandoned poll.
                answer.send(outcome).ok();
            });
            Done { may_commit, finish }
        });
        let jobs = self.writer.jobs.as_ref().ok_or(StoreError::Stopped)?;
        jobs.send(JobSlot(job)).await.map_err(|_| StoreError::Stopped)?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }
}

/// The writer thread. `timer` is a runtime for the deadlines of groups.
fn write_until_closed(
    connection: Connection,
    mut queue: Receiver<JobSlot>,
    timer: &Runtime,
    file: Option<&Identity>,
) {
    while let Some(first) = queue.blocking_recv() {
        let group = timer.block_on(collect(first, &mut queue));
        if !is_in_place(file) {
            for job in group {
                (job.0(Err(LOST)).finish)(Err(LOST.to_owned()));
            }
            continue;
        }
        let mut done: Vec<Done> = Vec::with_capacity(group.len());
        let committed = transaction::in_transaction(&connection, |transaction| {
            let is_alone = group.len() == 1;
            let scope = transaction.as_deref().map_err(String::as_str);
            let scope = scope.map(|connection| Scope { connection, is_alone });
            done.extend(group.into_iter().map(|job| job.0(scope)));
            done.iter().all(|job| job.may_commit)
        });
        for job in done {
            (job.finish)(committed.clone());
        }
    }
    if is_in_place(file) {
        sqlite::open::close(connection);
    } else {
        // SQLite would remove the log beside the path, which may be that of another store by now.
        std::mem::forget(connection);
    }
}

fn is_in_place(file: Option<&Identity>) -> bool {
    file.is_none_or(Identity::is_in_place)
}

/// Collects the first job and those that arrive before the deadline of the group. No transaction is open yet.
async fn collect(first: JobSlot, queue: &mut Receiver<JobSlot>) -> Vec<JobSlot> {
    let deadline = Instant::now() + GROUP_LINGER;
    let mut group = vec![first];
    while group.len() < GROUP_JOBS {
        match timeout_at(deadline, queue.recv()).await {
            Ok(Some(job)) => group.push(job),
            Ok(None) | Err(_) => break,
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails instead of waiting forever.
    async fn soon<T>(work: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(20), work).await.expect("no answer")
    }

    #[tokio::test]
    async fn a_panic_of_the_writer_is_an_error_for_its_callers_and_loses_no_earlier_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let store = Store::open(&path).unwrap();
        let name = ConsumerName::parse("chat").unwrap();
        soon(store.register_consumer(name.clone(), 7, Timestamp::UNIX_EPOCH)).await.unwrap();
        let panics = store.write(|tx| -> Result<(), StoreError> {
            tx.execute("UPDATE consumer SET seq = 8", []).unwrap();
            panic!("part of a test")
        });
        let waits = store.reset_consumer("chat".to_owned(), 9);
        let (panicked, waited) = soon(async { tokio::join!(panics, waits) }).await;
        assert!(matches!(panicked, Err(StoreError::Stopped)), "{panicked:?}");
        assert!(matches!(waited, Err(StoreError::Stopped)), "{waited:?}");
        let later = soon(store.ping()).await;
        assert!(matches!(later, Err(StoreError::Stopped)), "{later:?}");
        drop(store);
        let store = Store::open(&path).unwrap();
        soon(store.ping()).await.unwrap();
        assert_eq!(store.reader().unwrap().consumer(&name).unwrap().unwrap().seq, 7);
    }

    /// Alone, a job has no savepoint; beside others it has one.
    #[tokio::test]
    async fn a_job_that_fails_undoes_its_own_changes_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("x.db")).unwrap();
        let name = ConsumerName::parse("chat").unwrap();
        soon(store.register_consumer(name.clone(), 7, Timestamp::UNIX_EPOCH)).await.unwrap();
        let fails = || {
            store.write(|tx| -> Result<(), StoreError> {
                tx.execute("UPDATE consumer SET seq = seq + 100", []).unwrap();
                Err(StoreError::Stopped)
            })
        };
        let seq = || store.reader().unwrap().consumer(&name).unwrap().unwrap().seq;
        soon(fails()).await.unwrap_err();
        assert_eq!(seq(), 7);
        let resets = store.reset_consumer("chat".to_owned(), 9);
        let (first, reset, last) = soon(async { tokio::join!(fails(), resets, fails()) }).await;
        assert!(first.is_err() && reset.unwrap() && last.is_err());
        assert_eq!(seq(), 9);
        soon(store.reset_consumer("chat".to_owned(), 10)).await.unwrap();
        assert_eq!(seq(), 10);
    }

    #[tokio::test]
    async fn jobs_that_arrive_together_are_one_group_and_a_lone_job_waits_for_the_deadline() {
        let (jobs, mut queue) = tokio::sync::mpsc::channel(QUEUE);
        let job = || JobSlot(Box::new(|_| Done { may_commit: true, finish: Box::new(|_| ()) }));
        for _ in 0..=GROUP_JOBS {
            jobs.send(job()).await.unwrap();
        }
        let first = queue.recv().await.unwrap();
        assert_eq!(collect(first, &mut queue).await.len(), GROUP_JOBS);
        let began = Instant::now();
        let first = queue.recv().await.unwrap();
        assert_eq!(collect(first, &mut queue).await.len(), 1);
        assert!(GROUP_LINGER <= began.elapsed());
    }
}
