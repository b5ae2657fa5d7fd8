//! Floor 2: the one SQLite file. All SQL of the program is below this folder.
//!
//! [`Store`] is a handle on the one writer thread: each call is a job, and the thread runs all jobs that
//! wait in one transaction (group commit), so that a fleet of polls costs few fsyncs. A job that fails
//! is rolled back alone. A caller hears of success only after the commit.
//! [`Reader`] is a connection of its own that only reads; WAL lets it never wait for the writer.

mod error;
mod lock;
mod sqlite;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::domain::consumer::{ConsumerName, Delivered};
use crate::domain::feed::FeedId;
use crate::domain::poll::{Applied, Decision, Health, NextPoll};
use crate::domain::time::Timestamp;

pub use error::StoreError;
pub use lock::{ConsumerLock, Lock, LockError, Role};
pub use sqlite::feeds::{Facts, FeedName, FeedRow, FeedSync, Planned, Synced};
pub use sqlite::history::{PastPoll, PollDay};
pub use sqlite::hosts::PausedHost;
pub use sqlite::maintenance::{Check, Stats};
pub use sqlite::polls::{Claim, Claimed};
pub use sqlite::prune::{Prune, Pruned};
pub use sqlite::reader::{Interrupter, Reader};

/// From now on `hears` is told the path of each copy that is made of an older version's file before a
/// migration rewrites what is in it. Once a process.
pub fn tell_copies(hears: fn(&Path)) {
    sqlite::tell_copies(hears);
}

/// Jobs in one transaction at most. 500 to 2,000 entries a commit is where batching stops paying
/// (docs/benchmarks.md); a poll brings some 30.
const GROUP_JOBS: usize = 64;

/// How long the writer waits for company before it commits. Long enough for polls that finish
/// together, short enough that nobody notices.
const GROUP_LINGER: Duration = Duration::from_millis(20);

/// Jobs that may wait; beyond it callers do. Bounds the memory that finished polls hold.
const QUEUE: usize = 128;

/// Runs inside the transaction, or hears why there is none; what it returns runs after the commit,
/// with how that went.
type Job = Box<dyn FnOnce(Result<&Connection, &str>) -> Finish + Send>;
type Finish = Box<dyn FnOnce(Result<(), String>) + Send>;

/// The writing side. Cloning shares the thread. Dropping the last handle waits for the thread, so that a
/// process that ends leaves the file tidy.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Arc<Writer>,
    path: PathBuf,
}

/// Both are there until the drop.
#[derive(Debug)]
struct Writer {
    jobs: Option<tokio::sync::mpsc::Sender<JobSlot>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // If it panicked, that was told when it did.
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
    /// Opens the file, creating it (mode 0600) and migrating it as needed, and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be opened, is not ours, or is newer than this program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = sqlite::open_for_writing(path)?;
        let (jobs, queue) = tokio::sync::mpsc::channel(QUEUE);
        let (ready, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                ready.send(()).ok();
                write_until_closed(connection, queue);
            })
            .map_err(|source| StoreError::Create { path: path.to_owned(), source })?;
        started.recv().map_err(|_| StoreError::Stopped)?;
        let writer = Writer { jobs: Some(jobs), thread: Some(thread) };
        Ok(Self { writer: Arc::new(writer), path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another connection, for reading.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }

    /// Makes the store's list of feeds the configuration's: adds new ones (due now), updates names and
    /// tags, retires what is gone. Answers with the feeds whose schedule changed; see [`Store::replan`].
    pub async fn sync_feeds(
        &self,
        feeds: Vec<FeedSync>,
        now: Timestamp,
    ) -> Result<Synced, StoreError> {
        self.write(move |tx| sqlite::feeds::sync(tx, &feeds, now)).await
    }

    /// Sets new plans without polling.
    pub async fn replan(&self, plans: Vec<(FeedId, NextPoll)>) -> Result<(), StoreError> {
        self.write(move |tx| sqlite::feeds::replan(tx, &plans)).await
    }

    /// Forgets of these feeds what servers said: validators, the last document's bytes, failures, moves,
    /// wishes; all are due at `now`. With `hosts` also the pauses of their hosts. Articles stay.
    pub async fn reset(
        &self,
        feeds: Vec<FeedId>,
        hosts: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sqlite::feeds::reset(tx, &feeds, hosts, now)).await
    }

    /// Takes up to `claim.limit` feeds whose turn it is, longest overdue first. Until the lease ends or
    /// a decision is applied nobody else gets them; a process that dies leaves nothing but a lease.
    pub async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.write(move |tx| sqlite::polls::claim(tx, &claim)).await
    }

    /// Gives up claims that were not polled after all.
    pub async fn release(&self, feeds: Vec<FeedId>) -> Result<(), StoreError> {
        self.write(move |tx| sqlite::polls::release(tx, &feeds)).await
    }

    /// Reverts failures that do not count: the feeds get this health and plan, and their leases end.
    pub async fn revert(
        &self,
        feeds: Vec<(FeedId, Health)>,
        next: NextPoll,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sqlite::polls::revert(tx, &feeds, next)).await
    }

    /// Ends every lease. Only for a process that knows that no other one is polling.
    pub async fn release_all(&self) -> Result<(), StoreError> {
        self.write(sqlite::polls::release_all).await
    }

    /// Writes all that one poll decided: entries, validators, memory and plan, all or nothing. Of an
    /// edited article, `keep_revisions` earlier versions are kept.
    pub async fn apply(
        &self,
        decision: Arc<Decision>,
        keep_revisions: u32,
    ) -> Result<Applied, StoreError> {
        self.write(move |tx| sqlite::polls::apply(tx, &decision, keep_revisions)).await
    }

    /// Brings up to `limit` articles into the full-text index. Answers how many; 0 means up to date.
    /// `text` turns stored HTML into plain text.
    pub async fn index_text(
        &self,
        limit: usize,
        text: fn(&str) -> String,
    ) -> Result<usize, StoreError> {
        self.write(move |tx| sqlite::text_index::advance(tx, limit, text)).await
    }

    /// Removes the old articles of one stretch that their feeds no longer show.
    pub async fn prune(&self, stretch: Prune, now: Timestamp) -> Result<Pruned, StoreError> {
        self.write(move |tx| sqlite::prune::prune(tx, stretch, now)).await
    }

    /// Gives the space of removed articles back to the file system. Others read meanwhile, but nobody
    /// writes.
    ///
    /// # Errors
    /// When somebody else is writing for too long, or the disk has no room for a copy.
    pub fn vacuum(path: &Path) -> Result<(), StoreError> {
        sqlite::maintenance::vacuum(path)
    }

    /// Makes a consumer who stands at `seq`; one of this name who is there already stays as it is.
    pub async fn register_consumer(
        &self,
        name: ConsumerName,
        seq: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sqlite::consumers::register(tx, &name, seq, now)).await
    }

    /// Moves the cursor of a consumer, whose trouble is over. `false`, and nothing changed, when it does
    /// not stand at `delivered.from` any more: somebody has set it or removed it meanwhile.
    pub async fn advance_consumer(
        &self,
        name: ConsumerName,
        delivered: Delivered,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| sqlite::consumers::advance(tx, &name, &delivered, now)).await
    }

    /// Remembers that a delivery failed, why, and when it is tried again; `None`: not by itself. `false`,
    /// and nothing changed, when the cursor does not stand at `from` any more.
    pub async fn fail_consumer(
        &self,
        name: ConsumerName,
        from: i64,
        error: String,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| sqlite::consumers::fail(tx, &name, from, (&error, retry_at), now))
            .await
    }

    /// Sets a cursor; trouble is forgotten. `false`: there is no such consumer.
    pub async fn reset_consumer(&self, name: String, seq: i64) -> Result<bool, StoreError> {
        self.write(move |tx| sqlite::consumers::reset(tx, &name, seq)).await
    }

    /// Forgets a consumer. `false`: there is none of this name.
    pub async fn remove_consumer(&self, name: String) -> Result<bool, StoreError> {
        self.write(move |tx| sqlite::consumers::remove(tx, &name)).await
    }

    /// A write that changes nothing: proof that the writer and its disk answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.write(sqlite::maintenance::ping).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = match connection {
                Ok(connection) => sqlite::in_savepoint(connection, work),
                Err(reason) => Err(StoreError::Commit { reason: reason.to_owned() }),
            };
            Box::new(move |committed| {
                let outcome = match committed {
                    Ok(()) => result,
                    Err(reason) => Err(StoreError::Commit { reason }),
                };
                // A caller that went away, such as an abandoned poll, does not miss the answer.
                answer.send(outcome).ok();
            })
        });
        let jobs = self.writer.jobs.as_ref().ok_or(StoreError::Stopped)?;
        jobs.send(JobSlot(job)).await.map_err(|_| StoreError::Stopped)?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }
}

/// The writer thread.
fn write_until_closed(mut connection: Connection, mut queue: tokio::sync::mpsc::Receiver<JobSlot>) {
    while let Some(first) = queue.blocking_recv() {
        let group = collect(first, &mut queue);
        let mut finishes: Vec<Finish> = Vec::with_capacity(group.len());
        let committed = sqlite::in_transaction(&mut connection, |transaction| {
            let transaction = transaction.as_deref().map_err(String::as_str);
            finishes.extend(group.into_iter().map(|job| job.0(transaction)));
        });
        for finish in finishes {
            finish(committed.clone());
        }
    }
    sqlite::close(connection);
}

/// The first job and those that arrive while it is worth waiting for them. No transaction is open yet.
fn collect(first: JobSlot, queue: &mut tokio::sync::mpsc::Receiver<JobSlot>) -> Vec<JobSlot> {
    let deadline = Instant::now() + GROUP_LINGER;
    let mut group = vec![first];
    while group.len() < GROUP_JOBS {
        match queue.try_recv() {
            Ok(job) => group.push(job),
            Err(_) if Instant::now() < deadline && !queue.is_closed() => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(_) => break,
        }
    }
    group
}
