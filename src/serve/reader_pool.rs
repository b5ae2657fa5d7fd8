//! A small pool of connections to the store. Every use of one has a deadline, and none lasts as long as a
//! client takes to read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

use crate::store::{Reader, StoreError};

/// The most requests that read at the same time. SQLite reads at memory speed, so that more readers would only
/// compete for the cores.
const MAX_READERS: usize = 8;

/// Further connections for the probes, which are answered however busy the server is.
const PROBE_READERS: usize = 2;

/// The longest wait for a free connection.
const WAIT: Duration = Duration::from_secs(5);

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
    path: PathBuf,
    places: Arc<Semaphore>,
    probe_places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Reader>>>,
}

/// A connection that returns to the pool when it is dropped.
pub(super) struct Loan {
    reader: Option<Reader>,
    idle: Arc<Mutex<Vec<Reader>>>,
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
            locked(&self.idle).push(reader);
        }
    }
}

fn locked(idle: &Mutex<Vec<Reader>>) -> MutexGuard<'_, Vec<Reader>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ReaderPool {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            places: Arc::new(Semaphore::new(MAX_READERS)),
            probe_places: Arc::new(Semaphore::new(PROBE_READERS)),
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
        let idle = locked(&self.idle).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.path)?,
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
