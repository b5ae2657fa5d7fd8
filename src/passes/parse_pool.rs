//! The threads that read documents: a fixed few.
//!
//! A pool that starts and ends threads as it likes would do the work as well. But a thread's stack and its part
//! of the allocator keep the most that they ever held, and a stranger decides how much that is: with twenty
//! threads taking turns, a daemon among hostile feeds held three times what it needed (docs/benchmarks.md).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot::{self, error::RecvError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Deep, because documents of strangers decide how deep a parser goes.
const STACK: usize = 16 * 1024 * 1024;

type Work = Box<dyn FnOnce() + Send>;

/// The threads; they end when this is dropped and their work is done.
pub(super) struct Crew {
    work: Sender<Work>,
    free: Semaphore,
}

/// A thread that waits for work.
pub(super) struct Hand<'a> {
    crew: &'a Crew,
    _place: Option<SemaphorePermit<'a>>,
}

impl Crew {
    /// # Errors
    /// When the system grants no more threads.
    pub(super) fn new(hands: usize) -> io::Result<Self> {
        let (work, orders) = channel();
        let orders = Arc::new(Mutex::new(orders));
        for _ in 0..hands {
            let orders = Arc::clone(&orders);
            thread::Builder::new().name("reader".to_owned()).stack_size(STACK).spawn(
                move || {
                    while let Some(work) = next(&orders) {
                        // A panic is told where it happens, and ends the work, not the thread.
                        catch_unwind(AssertUnwindSafe(work)).ok();
                    }
                },
            )?;
        }
        Ok(Self { work, free: Semaphore::new(hands) })
    }

    /// Waits until a thread is free.
    pub(super) async fn hand(&self) -> Hand<'_> {
        // The semaphore is never closed.
        Hand { crew: self, _place: self.free.acquire().await.ok() }
    }
}

impl Hand<'_> {
    /// Has the thread do it.
    ///
    /// # Errors
    /// When it panicked.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RecvError> {
        let (answer, answered) = oneshot::channel();
        let work = move || {
            // Whoever asked may have gone.
            answer.send(work()).ok();
        };
        self.crew.work.send(Box::new(work)).ok();
        answered.await
    }
}

fn next(orders: &Mutex<Receiver<Work>>) -> Option<Work> {
    orders.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn all_work_is_done_by_the_same_few_threads() {
        let crew = Crew::new(2).unwrap();
        let mut seen = HashSet::new();
        for n in 0..200 {
            let work = move || (n, thread::current().id());
            let (answer, by) = crew.hand().await.run(work).await.unwrap();
            assert_eq!(answer, n);
            seen.insert(by);
        }
        assert!(seen.len() <= 2, "{seen:?}");
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_work_only() {
        let crew = Crew::new(1).unwrap();
        let died = crew.hand().await.run(|| -> u8 { panic!("part of a test") }).await;
        assert!(died.is_err());
        assert_eq!(crew.hand().await.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn no_more_is_begun_than_there_are_threads() {
        let crew = Crew::new(1).unwrap();
        let hand = crew.hand().await;
        let second = crew.hand();
        tokio::pin!(second);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), &mut second).await;
        assert!(waits.is_err());
        assert_eq!(hand.run(|| 1).await, Ok(1));
        assert_eq!(second.await.run(|| 2).await, Ok(2));
    }
}
