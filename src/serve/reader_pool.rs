//! A small pool of connections to the store. Every use of one has a deadline, and none lasts as long as a
//! client takes to read.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

use crate::store::{Location, Reader, StoreError};

/// The most requests that read at the same time. SQLite reads at memory speed, so that more readers would only
/// compete for the cores.
const MAX_READERS: usize = 8;

/// Further connections for the probes, which are answered however busy the server is.
const PROBE_READERS: usize = 2;

/// The longest wait for a free connection.
const WAIT: Duration = Duration::from_secs(5);

/// How long a connection is kept that is not in use. Each has a cache of pages and statements of its own, some megabytes.
const IDLE: Duration = Duration::from_secs(30);

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("all connections to the store are in use")]
    Busy,
    #[error("the query took too long")]
    TimedOut,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the request's task died")]
    Died(#[source] JoinError),
}

#[derive(Clone)]
pub(super) struct ReaderPool {
    store: Location,
    places: Arc<Semaphore>,
    probe_places: Arc<Semaphore>,
    /// Searches hold the hits of the whole store in memory, so that no more of them run than there are cores to run them.
    search_places: Arc<Semaphore>,
    idle: Arc<Idle>,
}

/// The connections that are not in use.
#[derive(Default)]
struct Idle {
    /// Each with the time since which it is not in use, the longest unused first.
    readers: Mutex<Vec<(Reader, Instant)>>,
    /// Whether a task closes those that stay unused.
    is_watched: AtomicBool,
}

impl Idle {
    fn readers(&self) -> MutexGuard<'_, Vec<(Reader, Instant)>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the connection that was in use last, because its caches are the warmest.
    fn take(&self) -> Option<Reader> {
        self.readers().pop().map(|(reader, _)| reader)
    }

    fn put(&self, reader: Reader) {
        self.readers().push((reader, Instant::now()));
    }

    /// Closes the connections that were not in use for `idle`. Returns whether others are left.
    fn close_unused(&self, idle: Duration) -> bool {
        let mut readers = self.readers();
        readers.retain(|(_, since)| since.elapsed() < idle);
        !readers.is_empty()
    }
}

/// A connection that returns to the pool when it is dropped.
pub(super) struct Loan {
    reader: Option<Reader>,
    idle: Arc<Idle>,
    _place: OwnedSemaphorePermit,
}

impl Loan {
    pub(super) fn reader(&self) -> Option<&Reader> {
        self.reader.as_ref()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // A connection whose thread panicked is not used again.
        if let Some(reader) = self.reader.take()
            && !std::thread::panicking()
        {
            self.idle.put(reader);
        }
    }
}

impl ReaderPool {
    pub(super) fn new(store: Location) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            store,
            places: Arc::new(Semaphore::new(MAX_READERS)),
            probe_places: Arc::new(Semaphore::new(PROBE_READERS)),
            search_places: Arc::new(Semaphore::new(cores.clamp(2, MAX_READERS))),
            idle: Arc::default(),
        }
    }

    /// Runs `work` on this thread, which must be a blocking one. It waits for a connection as long as it takes.
    pub(super) fn read_here<T, E: From<StoreError>>(
        &self,
        runtime: &Handle,
        work: impl FnOnce(&Reader) -> Result<T, E>,
    ) -> Result<T, E> {
        let place = runtime.block_on(Arc::clone(&self.places).acquire_owned());
        let loan = self.lend(place.map_err(|_| StoreError::ReaderStopped)?)?;
        work(loan.reader().ok_or(StoreError::ReaderStopped)?)
    }

    fn lend(&self, place: OwnedSemaphorePermit) -> Result<Loan, StoreError> {
        let reader = match self.idle.take() {
            Some(reader) => reader,
            None => self.store.reader()?,
        };
        Ok(Loan { reader: Some(reader), idle: Arc::clone(&self.idle), _place: place })
    }

    /// Runs `work` on a blocking thread. At the deadline the query is interrupted.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadError> {
        self.read_at(&self.places, deadline, work).await
    }

    /// Runs `work`, which searches, as [`ReaderPool::read`] does.
    pub(super) async fn search<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let place = tokio::time::timeout(WAIT, self.search_places.acquire()).await;
        let _place = place.ok().and_then(Result::ok).ok_or(ReadError::Busy)?;
        self.read(deadline, work).await
    }

    /// Closes the connections that stay unused, for as long as there are some. Otherwise those of a busy minute, with their
    /// caches, would stay until the daemon ends.
    fn watch(&self) {
        if self.idle.is_watched.swap(true, Ordering::AcqRel) {
            return;
        }
        let idle = Arc::clone(&self.idle);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                if idle.close_unused(IDLE) {
                    continue;
                }
                idle.is_watched.store(false, Ordering::Release);
                // One may have been returned just before, while this task still seemed to watch.
                if idle.readers().is_empty() || idle.is_watched.swap(true, Ordering::AcqRel) {
                    break;
                }
            }
        });
    }

    /// Runs `work` as [`ReaderPool::read`] does, with a connection that is reserved for the probes.
    pub(super) async fn probe<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadError> {
        self.read_at(&self.probe_places, deadline, work).await
    }

    async fn read_at<T: Send + 'static>(
        &self,
        places: &Arc<Semaphore>,
        deadline: Duration,
        work: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let place = tokio::time::timeout(WAIT, Arc::clone(places).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or(ReadError::Busy)?;
        self.watch();
        let reader_pool = self.clone();
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut task = tokio::task::spawn_blocking(move || {
            let loan = reader_pool.lend(place)?;
            let Some(reader) = loan.reader() else { return Err(StoreError::ReaderStopped) };
            tell.send(reader.interrupter()).ok();
            work(reader)
        });
        if let Ok(answer) = tokio::time::timeout(deadline, &mut task).await {
            return Ok(answer.map_err(ReadError::Died)??);
        }
        if let Ok(interrupter) = told.await {
            interrupter.interrupt();
        }
        // The thread ends before the request does; its result is discarded.
        drop(task.await);
        Err(ReadError::TimedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_that_stay_unused_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Location::file(folder.path().join("x.db")).open().unwrap();
        let pool = ReaderPool::new(store.location().clone());
        let deadline = Duration::from_mins(1);
        pool.read(deadline, Reader::sequence).await.unwrap();
        pool.read(deadline, Reader::sequence).await.unwrap();
        assert_eq!(pool.idle.readers().len(), 1, "one after the other use one connection");
        assert!(pool.idle.close_unused(deadline), "it is still young");
        assert!(!pool.idle.close_unused(Duration::ZERO));
        assert_eq!(pool.search(deadline, Reader::sequence).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn no_more_searches_run_than_have_places() {
        let folder = tempfile::tempdir().unwrap();
        let store = Location::file(folder.path().join("x.db")).open().unwrap();
        let pool = ReaderPool::new(store.location().clone());
        let deadline = Duration::from_mins(1);
        let all = u32::try_from(pool.search_places.available_permits()).unwrap();
        let taken = pool.search_places.acquire_many(all).await.unwrap();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.search(deadline, Reader::sequence).await.unwrap() }
        });
        // Other requests do not wait for searches.
        pool.read(deadline, Reader::sequence).await.unwrap();
        assert!(!waiting.is_finished());
        drop(taken);
        assert_eq!(waiting.await.unwrap(), 0);
    }
}
