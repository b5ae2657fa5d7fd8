//! The parse pool: a fixed number of threads that parse documents.
//!
//! The blocking pool of tokio starts and ends threads as it likes. A thread's stack and its arena of the
//! allocator keep the most memory that they ever held, and the author of a document decides how much that is:
//! with twenty threads taking turns, a daemon among malicious feeds held three times what it needed
//! (docs/decisions/0019).
//!
//! Hosts take turns, and the documents of one host never hold all threads: others are read while a host sends documents
//! that take as long as they may. Documents that are known to take long never hold all threads either, from however many
//! hosts they come.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::domain::host::Host;

/// Bytes of stack for each thread. The author of a document decides how deep the parser recurses.
const STACK: usize = 16 * 1024 * 1024;

type Work = Box<dyn FnOnce() + Send>;

/// The threads. They end when the pool is dropped and their work is done.
pub(super) struct ParsePool {
    work: Sender<Work>,
    reservations: Arc<Mutex<Reservations>>,
}

/// What is known of a document before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Reading it will not take long.
    Short,
    /// Reading it may take as long as the configuration permits.
    Long,
}

/// A thread of the pool that is reserved for one piece of work.
pub(super) struct ParseSlot<'a> {
    pool: &'a ParsePool,
    reserved: Option<Reserved>,
}

/// Which documents hold threads, and which wait for one. Files have no host and no limit.
struct Reservations {
    threads: usize,
    free: usize,
    /// The number of threads that the documents of each host hold.
    held: HashMap<Host, usize>,
    /// The number of threads that long documents hold.
    held_by_long: usize,
    /// The documents that wait. The first source that may have a thread gets the next one.
    waiting: VecDeque<(Source, VecDeque<oneshot::Sender<Reserved>>)>,
}

/// Where documents come from, which take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    host: Option<Host>,
    length: Length,
}

/// A reserved thread, free again when this is dropped.
struct Reserved {
    reservations: Arc<Mutex<Reservations>>,
    source: Source,
}

impl Reservations {
    fn may_have_one(&self, Source { host, length }: &Source) -> bool {
        let held = host.as_ref().and_then(|host| self.held.get(host)).copied().unwrap_or(0);
        // A single thread is for all documents.
        let of_host = held + 1 < self.threads || self.threads == 1 || host.is_none();
        let long = *length == Length::Short || self.held_by_long < (self.threads / 2).max(1);
        0 < self.free && of_host && long
    }

    fn take(&mut self, Source { host, length }: &Source) {
        self.free -= 1;
        self.held_by_long += usize::from(*length == Length::Long);
        if let Some(host) = host {
            *self.held.entry(host.clone()).or_default() += 1;
        }
    }

    fn give_back(&mut self, Source { host, length }: &Source) {
        self.free += 1;
        self.held_by_long -= usize::from(*length == Length::Long);
        if let Some(host) = host
            && let Some(held) = self.held.get_mut(host)
        {
            *held -= 1;
            if *held == 0 {
                self.held.remove(host);
            }
        }
    }

    fn wait(&mut self, source: Source, sender: oneshot::Sender<Reserved>) {
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == source) {
            Some((_, senders)) => senders.push_back(sender),
            None => self.waiting.push_back((source, VecDeque::from([sender]))),
        }
    }

    /// Takes a thread for the next document that waits, if one is free. Its source goes to the end of the queue.
    fn next(&mut self) -> Option<(Source, oneshot::Sender<Reserved>)> {
        let place = self.waiting.iter().position(|(source, _)| self.may_have_one(source))?;
        let (source, mut senders) = self.waiting.remove(place)?;
        let sender = senders.pop_front()?;
        if !senders.is_empty() {
            self.waiting.push_back((source.clone(), senders));
        }
        self.take(&source);
        Some((source, sender))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut reservations = lock(&self.reservations);
        reservations.give_back(&self.source);
        let next = reservations.next();
        drop(reservations);
        if let Some((source, sender)) = next {
            let reserved = Reserved { reservations: Arc::clone(&self.reservations), source };
            // A poll that was cancelled gives the thread back by dropping it.
            drop(sender.send(reserved));
        }
    }
}

fn lock(reservations: &Mutex<Reservations>) -> MutexGuard<'_, Reservations> {
    reservations.lock().unwrap_or_else(PoisonError::into_inner)
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
        let reservations = Reservations {
            threads,
            free: threads,
            held: HashMap::new(),
            held_by_long: 0,
            waiting: VecDeque::new(),
        };
        Ok(Self { work, reservations: Arc::new(Mutex::new(reservations)) })
    }

    /// Waits until a thread is free for a document of this host, and reserves it.
    pub(super) async fn slot(&self, host: Option<Host>, length: Length) -> ParseSlot<'_> {
        let source = Source { host, length };
        let (sender, reserved) = oneshot::channel();
        {
            let mut reservations = lock(&self.reservations);
            if reservations.may_have_one(&source) {
                // The sources that wait hold as many threads as they may.
                reservations.take(&source);
                let reserved = Reserved { reservations: Arc::clone(&self.reservations), source };
                return ParseSlot { pool: self, reserved: Some(reserved) };
            }
            reservations.wait(source, sender);
        }
        // The sender is kept until it is used.
        ParseSlot { pool: self, reserved: reserved.await.ok() }
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
        let reserved = self.reserved;
        let work = move || {
            let done = work();
            // The thread is free, also when the caller has been cancelled.
            drop(reserved);
            answer.send(done).ok();
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
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::Length::{Long, Short};
    use super::*;

    #[tokio::test]
    async fn all_work_runs_on_the_same_few_threads() {
        let pool = ParsePool::new(2).unwrap();
        let mut seen = HashSet::new();
        for n in 0..200 {
            let work = move || (n, thread::current().id());
            let (answer, by) = pool.slot(None, Short).await.run(work).await.unwrap();
            assert_eq!(answer, n);
            seen.insert(by);
        }
        assert!(seen.len() <= 2, "{seen:?}");
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_work_and_no_other() {
        let pool = ParsePool::new(1).unwrap();
        let died = pool.slot(None, Short).await.run(|| -> u8 { panic!("part of a test") }).await;
        assert_eq!(died, Err(ParserPanicked));
        assert_eq!(pool.slot(None, Short).await.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn no_more_work_begins_than_there_are_threads() {
        let pool = ParsePool::new(1).unwrap();
        let slot = pool.slot(None, Short).await;
        let second = pool.slot(None, Short);
        tokio::pin!(second);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), &mut second).await;
        assert!(waits.is_err());
        assert_eq!(slot.run(|| 1).await, Ok(1));
        assert_eq!(second.await.run(|| 2).await, Ok(2));
    }

    fn host(name: &str) -> Option<Host> {
        crate::domain::feed::FeedUrl::parse(&format!("https://{name}/")).unwrap().host()
    }

    /// The slot, if a thread was reserved for it.
    fn granted<S: Future>(slot: &mut Pin<Box<S>>) -> Option<S::Output> {
        match slot.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(slot) => Some(slot),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn documents_of_one_host_never_hold_all_threads() {
        for threads in [2, 3, 8] {
            let pool = ParsePool::new(threads).unwrap();
            let mut held = Vec::new();
            for _ in 1..threads {
                held.push(pool.slot(host("slow.example"), Short).await);
            }
            let mut waits = Box::pin(pool.slot(host("slow.example"), Short));
            assert!(granted(&mut waits).is_none(), "the last of {threads} threads is for others");
            for name in ["a.example", "b.example", "slow.example.org"] {
                assert_eq!(pool.slot(host(name), Short).await.run(|| 1).await, Ok(1), "{name}");
            }
            assert_eq!(pool.slot(None, Short).await.run(|| 2).await, Ok(2));
            assert!(granted(&mut waits).is_none());
            drop(held.pop());
            assert_eq!(waits.await.run(|| 3).await, Ok(3));
        }
    }

    #[tokio::test]
    async fn hosts_take_turns_however_many_documents_each_has() {
        let pool = ParsePool::new(2).unwrap();
        let (first, second) =
            (pool.slot(host("x.example"), Short).await, pool.slot(None, Short).await);
        let mut waiting = Vec::new();
        for name in ["a.example", "a.example", "a.example", "b.example", "c.example", "b.example"] {
            let mut slot = Box::pin(pool.slot(host(name), Short));
            assert!(granted(&mut slot).is_none());
            waiting.push((name, slot));
        }
        let mut order = Vec::new();
        drop(first); // `second` stays: one thread serves all.
        while !waiting.is_empty() {
            let next = waiting.iter_mut().position(|(name, slot)| {
                granted(slot).is_some_and(|_thread| {
                    order.push(*name);
                    true
                })
            });
            drop(waiting.remove(next.expect("the free thread is given to one that waits")));
        }
        assert_eq!(
            order,
            ["a.example", "b.example", "c.example", "a.example", "b.example", "a.example"]
        );
        drop(second);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_holds_nothing() {
        let pool = ParsePool::new(2).unwrap();
        let held =
            [pool.slot(host("a.example"), Short).await, pool.slot(host("b.example"), Short).await];
        let mut waiting = Box::pin(pool.slot(host("c.example"), Short));
        assert!(granted(&mut waiting).is_none());
        drop(waiting);
        let mut last = Box::pin(pool.slot(host("d.example"), Short));
        assert!(granted(&mut last).is_none());
        drop(held);
        drop(last); // It was granted and never looked at.
        let both =
            (pool.slot(host("e.example"), Short).await, pool.slot(host("f.example"), Short).await);
        drop(both);
    }

    #[tokio::test]
    async fn long_documents_of_however_many_hosts_leave_threads_for_others() {
        for (threads, long) in [(2, 1), (3, 1), (9, 4)] {
            let pool = ParsePool::new(threads).unwrap();
            let mut held = Vec::new();
            for n in 0..long {
                held.push(pool.slot(host(&format!("slow{n}.example")), Long).await);
            }
            let mut waiting: Vec<_> = (0..40)
                .map(|n| Box::pin(pool.slot(host(&format!("also-slow{n}.example")), Long)))
                .collect();
            assert!(waiting.iter_mut().all(|slot| granted(slot).is_none()), "{threads} threads");
            for name in ["a.example", "b.example", "also-slow1.example"] {
                assert_eq!(pool.slot(host(name), Short).await.run(|| 1).await, Ok(1), "{name}");
            }
            assert!(waiting.iter_mut().all(|slot| granted(slot).is_none()));
            drop(held.pop());
            let next = waiting.iter_mut().filter_map(granted).count();
            assert_eq!(next, 40, "each has its turn when the one before has ended");
        }
        let single = ParsePool::new(1).unwrap();
        assert_eq!(single.slot(host("a.example"), Long).await.run(|| 2).await, Ok(2));
    }
}
