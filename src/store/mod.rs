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
use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::domain::consumer::{ConsumerName, Delivered};
use crate::domain::feed::FeedId;
use crate::domain::poll::{Applied, Decision, Health, NextPoll};
use crate::domain::time::Timestamp;
use crate::store::sqlite::transaction;

pub use error::StoreError;
pub use lock::{ConsumerLock, Lock, LockError, Role};
pub use sqlite::feeds::{Facts, FeedName, FeedRow, FeedSync, Planned, Synced};
pub use sqlite::history::{PastPoll, PollDay};
pub use sqlite::hosts::PausedHost;
pub use sqlite::maintenance::{Check, Stats};
pub use sqlite::polls::{Claim, Claimed};
pub use sqlite::prune::{Prune, Pruned};
pub use sqlite::reader::{Interrupter, Reader};

/// Sets the function that is called with the path of each copy of an older version's file. Such a copy is made
/// before a migration rewrites rows. Only the first call of a process has an effect.
pub fn on_copy(report: fn(&Path)) {
    sqlite::migrate::on_copy(report);
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
        let connection = sqlite::open::open_for_writing(path)?;
        let (jobs, queue) = tokio::sync::mpsc::channel(QUEUE);
        let (ready, started) = mpsc::sync_channel(1);
        let create = |source| StoreError::Create { path: path.to_owned(), source };
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || match Builder::new_current_thread().enable_time().build() {
                Ok(timer) => {
                    ready.send(Ok(())).ok();
                    write_until_closed(connection, queue, &timer);
                }
                Err(error) => {
                    ready.send(Err(error)).ok();
                }
            })
            .map_err(create)?;
        started.recv().map_err(|_| StoreError::Stopped)?.map_err(create)?;
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

    /// Gives up claims whose poll did not count, and takes back what earlier ones charged: the feeds have
    /// this health and plan.
    pub async fn spare(
        &self,
        feeds: Vec<(FeedId, Health)>,
        next: NextPoll,
    ) -> Result<(), StoreError> {
        self.write(move |tx| sqlite::polls::spare(tx, &feeds, next)).await
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
        self.write(sqlite::meta::ping).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = match connection {
                Ok(connection) => transaction::in_savepoint(connection, work),
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

/// The writer thread. `timer` is a runtime for the deadlines of groups.
fn write_until_closed(mut connection: Connection, mut queue: Receiver<JobSlot>, timer: &Runtime) {
    while let Some(first) = queue.blocking_recv() {
        let group = timer.block_on(collect(first, &mut queue));
        let mut finishes: Vec<Finish> = Vec::with_capacity(group.len());
        let committed = transaction::in_transaction(&mut connection, |transaction| {
            let transaction = transaction.as_deref().map_err(String::as_str);
            finishes.extend(group.into_iter().map(|job| job.0(transaction)));
        });
        for finish in finishes {
            finish(committed.clone());
        }
    }
    sqlite::open::close(connection);
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

    #[tokio::test]
    async fn jobs_that_arrive_together_are_one_group_and_a_lone_job_waits_for_the_deadline() {
        let (jobs, mut queue) = tokio::sync::mpsc::channel(QUEUE);
        let job = || JobSlot(Box::new(|_| Box::new(|_| ())));
        for _ in 0..GROUP_JOBS + 1 {
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
