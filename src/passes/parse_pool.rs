//! The parse pool: a fixed number of threads that parse documents.
//!
//! The blocking pool of tokio starts and ends threads as it likes. A thread's stack and its arena of the
//! allocator keep the most memory that they ever held, and the author of a document decides how much that is:
//! with twenty threads taking turns, a daemon among malicious feeds held three times what it needed
//! (docs/decisions/0019).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of stack for each thread. The author of a document decides how deep the parser recurses.
const STACK: usize = 16 * 1024 * 1024;

type Work = Box<dyn FnOnce() + Send>;

/// The threads. They end when the pool is dropped and their work is done.
pub(super) struct ParsePool {
    work: Sender<Work>,
    free: Semaphore,
}

/// A thread of the pool that is reserved for one piece of work.
pub(super) struct ParseSlot<'a> {
    pool: &'a ParsePool,
    _reserved: Option<SemaphorePermit<'a>>,
}

/// The work panicked: a fault of this program, which the panic hook has reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parser panicked")]
pub struct ParserPanicked;

/// The threads of the parse pool could not be started.
#[derive(Debug, thiserror::Error)]
#[error("could not start the threads that read documents")]
pub struct NoParseThreads(#[source] io::Error);

impl ParsePool {
    /// # Errors
    /// When the system grants no more threads.
    pub(super) fn new(threads: usize) -> Result<Self, NoParseThreads> {
        let (work, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name("parser".to_owned()).stack_size(STACK);
            let started = thread.spawn(move || {
                while let Some(work) = next(&queue) {
                    // The panic hook reports a panic. It ends the work and not the thread.
                    catch_unwind(AssertUnwindSafe(work)).ok();
                }
            });
            started.map_err(NoParseThreads)?;
        }
        Ok(Self { work, free: Semaphore::new(threads) })
    }

    /// Waits until a thread is free and reserves it.
    pub(super) async fn slot(&self) -> ParseSlot<'_> {
        // The semaphore is never closed.
        ParseSlot { pool: self, _reserved: self.free.acquire().await.ok() }
    }
}

impl ParseSlot<'_> {
    /// Runs `work` on the thread.
    ///
    /// # Errors
    /// When the work panicked.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ParserPanicked> {
        let (answer, answered) = oneshot::channel();
        let work = move || {
            // The caller may have been cancelled.
            answer.send(work()).ok();
        };
        self.pool.work.send(Box::new(work)).ok();
        answered.await.map_err(|_| ParserPanicked)
    }
}

fn next(queue: &Mutex<Receiver<Work>>) -> Option<Work> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn all_work_runs_on_the_same_few_threads() {
        let pool = ParsePool::new(2).unwrap();
        let mut seen = HashSet::new();
        for n in 0..200 {
            let work = move || (n, thread::current().id());
            let (answer, by) = pool.slot().await.run(work).await.unwrap();
            assert_eq!(answer, n);
            seen.insert(by);
        }
        assert!(seen.len() <= 2, "{seen:?}");
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_work_and_no_other() {
        let pool = ParsePool::new(1).unwrap();
        let died = pool.slot().await.run(|| -> u8 { panic!("part of a test") }).await;
        assert_eq!(died, Err(ParserPanicked));
        assert_eq!(pool.slot().await.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn no_more_work_begins_than_there_are_threads() {
        let pool = ParsePool::new(1).unwrap();
        let slot = pool.slot().await;
        let second = pool.slot();
        tokio::pin!(second);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), &mut second).await;
        assert!(waits.is_err());
        assert_eq!(slot.run(|| 1).await, Ok(1));
        assert_eq!(second.await.run(|| 2).await, Ok(2));
    }
}
