//! The memory budget: how many bytes the bodies of polls may take, from the socket until what they say is stored.
//!
//! A body waits for its share before it is read, so that the server, and not this program, holds what does not fit. Small bodies
//! have one half of the budget and large ones the other, so that no number of large documents delays the small ones. A
//! body that is larger than its half takes all of that half. A body whose length the server does not say begins as a small one and
//! may become a large one. If it turns out to be longer still, the rest is read while no other such body is.
//!
//! No deadlock is possible: a body waits for the small half, then for the large half, then to be the only one, and for
//! each of them once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one permit.
const UNIT: u64 = 1024;

/// A share up to this size is taken from the half for small bodies, a larger one from the other half.
const SMALL: u64 = 1024 * 1024;

/// The share of a body whose length is not known: first, and when more of it has arrived than the first share is for.
const UNKNOWN: u64 = 512 * 1024;
const UNKNOWN_LARGE: u64 = 2 * 1024 * 1024;

/// The bytes that a document takes for each byte of its body: the body, the text, its items and its articles.
const PER_BYTE: u64 = 4;
/// The same for each byte of a compressed body. Feeds are compressed to a fifth or a quarter.
const PER_PACKED_BYTE: u64 = 16;

/// The memory that all bodies share. A clone is the same budget.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    small: Half,
    large: Half,
    /// One permit, for a body that turns out to be longer than its share is for.
    only: Arc<Semaphore>,
}

#[derive(Clone, Debug)]
struct Half {
    permits: Arc<Semaphore>,
    size: u32,
}

impl Half {
    fn new(bytes: u64) -> Self {
        let size = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let size = size.min(most);
        Self { permits: Arc::new(Semaphore::new(size as usize)), size }
    }

    /// The permits for so many bytes, at most all.
    fn permits_of(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.size)
    }
}

impl MemoryBudget {
    pub fn new(bytes: u64) -> Self {
        Self {
            small: Half::new(bytes / 2),
            large: Half::new(bytes / 2),
            only: Arc::new(Semaphore::new(1)),
        }
    }

    /// The share of one poll, which has nothing yet.
    pub fn share(&self) -> MemoryShare {
        MemoryShare { budget: self.clone(), state: Mutex::default() }
    }
}

/// What one poll has of the budget. It is given back when this is dropped.
#[derive(Debug)]
pub struct MemoryShare {
    budget: MemoryBudget,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Vec<OwnedSemaphorePermit>,
    level: Level,
    /// The length of the body that the share is enough for.
    enough_for: u64,
    waited: Duration,
    waits_since: Option<Instant>,
}

/// What a body has waited for, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    #[default]
    Small,
    Large,
    Only,
}

impl MemoryShare {
    /// Waits for the share of a body. `announced` is its length, if the server says it.
    pub(super) async fn reserve(&self, announced: Option<u64>, is_packed: bool) {
        let bytes = announced.map_or(UNKNOWN, |length| length.saturating_mul(per_byte(is_packed)));
        let level = if bytes <= SMALL { Level::Small } else { Level::Large };
        self.take(level, bytes).await;
        self.state().enough_for = announced.unwrap_or(UNKNOWN / per_byte(is_packed));
    }

    /// Waits for more when so much of the body has arrived that its share is not enough.
    pub(super) async fn grow(&self, arrived: u64, is_packed: bool) {
        let (level, enough_for) = {
            let state = self.state();
            (state.level, state.enough_for)
        };
        if arrived <= enough_for {
            return;
        }
        let enough_for = match level {
            Level::Small => {
                self.take(Level::Large, UNKNOWN_LARGE).await;
                UNKNOWN_LARGE / per_byte(is_packed)
            }
            Level::Large | Level::Only => {
                self.take(Level::Only, 0).await;
                u64::MAX
            }
        };
        self.state().enough_for = enough_for;
    }

    /// Gives back what a body of this length does not need, now that all of it has arrived.
    pub(super) fn settle(&self, length: u64, is_packed: bool) {
        let needed = length.saturating_mul(per_byte(is_packed)).div_ceil(UNIT);
        let mut needed = usize::try_from(needed).unwrap_or(usize::MAX);
        let mut state = self.state();
        if state.level == Level::Only {
            return; // It has less than it needs.
        }
        for held in state.held.iter_mut().rev() {
            let unneeded = held.num_permits().saturating_sub(needed);
            needed = needed.saturating_sub(held.num_permits());
            drop(held.split(unneeded));
        }
    }

    /// The time for which the body has waited, now as well. It is none of the server's.
    pub(super) fn waited(&self) -> Duration {
        let state = self.state();
        state.waited + state.waits_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    async fn take(&self, level: Level, bytes: u64) {
        let MemoryBudget { small, large, only } = &self.budget;
        let (permits, number) = match level {
            Level::Small => (&small.permits, small.permits_of(bytes)),
            Level::Large => (&large.permits, large.permits_of(bytes)),
            Level::Only => (only, 1),
        };
        let began = Instant::now();
        self.state().waits_since = Some(began);
        let permit = Arc::clone(permits).acquire_many_owned(number).await;
        let mut state = self.state();
        state.waits_since = None;
        state.waited += began.elapsed();
        state.held.extend(permit);
        state.level = level;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn per_byte(is_packed: bool) -> u64 {
    if is_packed { PER_PACKED_BYTE } else { PER_BYTE }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    const MIB: u64 = 1024 * 1024;
    fn is_done(future: Pin<&mut impl Future<Output = ()>>) -> bool {
        matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[test]
    fn large_bodies_wait_for_each_other_and_small_ones_for_none_of_them() {
        let budget = MemoryBudget::new(32 * MIB);
        let [first, second, third] = [(); 3].map(|()| budget.share());
        // Each takes 8 MiB of the 16 MiB for large ones.
        assert!(is_done(pin!(first.reserve(Some(2 * MIB), false))));
        assert!(is_done(pin!(second.reserve(Some(2 * MIB), false))));
        let mut waits = pin!(third.reserve(Some(2 * MIB), false));
        assert!(!is_done(waits.as_mut()));
        let small: Vec<_> = (0..20).map(|_| budget.share()).collect();
        for share in &small {
            assert!(is_done(pin!(share.reserve(Some(40_000), true))));
        }
        first.settle(2 * MIB, false);
        assert!(!is_done(waits.as_mut()), "it is read, and stays in memory");
        assert!(Duration::ZERO < third.waited());
        drop(first);
        assert!(is_done(waits));
    }

    #[test]
    fn a_body_larger_than_the_budget_is_read_while_no_other_large_one_is() {
        let budget = MemoryBudget::new(4 * MIB);
        let (first, second) = (budget.share(), budget.share());
        assert!(is_done(pin!(first.reserve(Some(16 * MIB), false))));
        let mut waits = pin!(second.reserve(Some(16 * MIB), false));
        assert!(!is_done(waits.as_mut()));
        drop(first);
        assert!(is_done(waits));
    }

    #[test]
    fn bodies_of_unknown_length_that_grow_never_wait_for_each_other_for_ever() {
        let budget = MemoryBudget::new(8 * MIB);
        // They hold all of the small half, and then all of them want more.
        let mut shares: Vec<_> = (0..8).map(|_| budget.share()).collect();
        for share in &shares {
            assert!(is_done(pin!(share.reserve(None, false))));
            assert!(is_done(pin!(share.grow(UNKNOWN / 4, false))), "the share is enough");
        }
        let late = budget.share();
        let mut waits = pin!(late.reserve(None, false));
        assert!(!is_done(waits.as_mut()));
        while !shares.is_empty() {
            let can_grow = shares.iter().position(|share| {
                let is_large = is_done(pin!(share.grow(MIB / 4, false)));
                is_large
                    && is_done(pin!(share.grow(MIB, false)))
                    && is_done(pin!(share.grow(16 * MIB, false)))
            });
            let can_grow = can_grow.expect("one of them can go on");
            shares[can_grow].settle(16 * MIB, false);
            shares.remove(can_grow);
        }
        assert!(is_done(waits));
    }

    #[test]
    fn what_a_body_does_not_need_is_given_back_when_it_has_arrived() {
        let budget = MemoryBudget::new(8 * MIB);
        let free = || {
            let halves = [&budget.small, &budget.large];
            halves.map(|half| half.permits.available_permits() as u64 * UNIT)
        };
        let share = budget.share();
        assert!(is_done(pin!(share.reserve(None, false))));
        assert_eq!(free(), [4 * MIB - UNKNOWN, 4 * MIB]);
        assert!(is_done(pin!(share.grow(UNKNOWN / 4 + 1, false))));
        assert_eq!(free(), [4 * MIB - UNKNOWN, 2 * MIB]);
        share.settle(MIB / 4, false);
        assert_eq!(free(), [4 * MIB, 3 * MIB]);
        drop(share);
        assert_eq!(free(), [4 * MIB, 4 * MIB]);
    }
}
