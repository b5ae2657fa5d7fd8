//! The shards of hosts that this process may send requests to, in memory.
//!
//! A store in a file has one daemon, which has all shards. Workers that share a store in PostgreSQL lease shards there; see
//! `sql::workers`. A lease is taken for ended here a while before it ends in the store, by a clock that cannot be set, so that a
//! process that was stopped for a while sends no request under a lease that it has lost meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::domain::feed::FeedId;
use crate::domain::poll::PollJob;
use crate::domain::shard::{Shard, ShardSet};
use crate::domain::time::Timestamp;

/// The shards of this process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Shards(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// `None`: all shards, for good.
    leased: Option<Leased>,
    /// How many polls and pages are in flight in each shard.
    in_flight: HashMap<Shard, usize>,
    /// The feeds of the polls in flight, with the ends of their leases.
    polls: HashMap<FeedId, Timestamp>,
}

#[derive(Debug)]
struct Leased {
    /// The shards, each with the time from which on requests are allowed.
    from: HashMap<Shard, Instant>,
    until: Instant,
}

impl State {
    fn may_request(&self, shard: Shard, now: Instant) -> bool {
        let Some(leased) = &self.leased else { return true };
        now < leased.until && leased.from.get(&shard).is_some_and(|from| *from <= now)
    }
}

impl Shards {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request may be sent to a host of this shard now.
    pub fn may_request(&self, shard: Shard) -> bool {
        self.state().may_request(shard, Instant::now())
    }

    /// The shards in which requests may be sent now; `None` for all.
    pub fn allowed(&self) -> Option<ShardSet> {
        let (state, now) = (self.state(), Instant::now());
        let leased = state.leased.as_ref()?;
        let shards = leased.from.keys().copied();
        Some(shards.filter(|shard| state.may_request(*shard, now)).collect())
    }

    /// Sets what is leased: each shard with the time from which on requests are allowed. Returns whether shards are new, and the
    /// first of these times that is still to come.
    pub fn lease(&self, from: HashMap<Shard, Instant>, until: Instant) -> (bool, Option<Instant>) {
        let mut state = self.state();
        let before = state.leased.as_ref().map(|leased| &leased.from);
        let is_new = |shard| !before.is_some_and(|before| before.contains_key(shard));
        let has_new = from.keys().any(is_new);
        let now = Instant::now();
        let next = from.values().copied().filter(|at| now < *at).min();
        state.leased = Some(Leased { from, until });
        (has_new, next)
    }

    /// Notes that a poll is in flight, until the value is dropped.
    pub fn begin_poll(&self, job: &PollJob) -> InFlight {
        let poll = job.leased_until.map(|lease| (job.feed, lease));
        self.state().polls.extend(poll);
        let mut in_flight = self.begin(job.shard);
        in_flight.feed = Some(job.feed);
        in_flight
    }

    /// Notes that a request for something else is in flight at a host of this shard, until the value is dropped.
    pub fn begin(&self, shard: Shard) -> InFlight {
        *self.state().in_flight.entry(shard).or_default() += 1;
        InFlight { shards: self.clone(), shard, feed: None }
    }

    /// The feeds of the polls in flight, with the ends of their leases.
    pub fn polls_in_flight(&self) -> Vec<(FeedId, Timestamp)> {
        self.state().polls.iter().map(|(feed, lease)| (*feed, *lease)).collect()
    }

    /// Whether nothing is in flight in these shards.
    pub fn are_idle(&self, shards: &[Shard]) -> bool {
        let state = self.state();
        shards.iter().all(|shard| !state.in_flight.contains_key(shard))
    }
}

/// A poll or a page that is in flight.
#[derive(Debug)]
pub struct InFlight {
    shards: Shards,
    shard: Shard,
    /// The feed of a poll.
    feed: Option<FeedId>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.shards.state();
        if let Some(feed) = self.feed {
            state.polls.remove(&feed);
        }
        if let Some(number) = state.in_flight.get_mut(&self.shard) {
            *number -= 1;
            if *number == 0 {
                state.in_flight.remove(&self.shard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_lease_allows_its_shards_from_their_times_until_its_end() {
        let (shards, now) = (Shards::default(), Instant::now());
        assert!(shards.may_request(Shard(7)) && shards.allowed().is_none());
        let (past, later) = (now, now + Duration::from_hours(1));
        let leased = HashMap::from([(Shard(1), past), (Shard(2), later)]);
        assert_eq!(shards.lease(leased.clone(), later), (true, Some(later)));
        let allowed = |n| shards.may_request(Shard(n));
        assert_eq!([allowed(1), allowed(2), allowed(7)], [true, false, false]);
        assert_eq!(shards.lease(leased.clone(), later), (false, Some(later)));
        shards.lease(leased, past);
        assert!(!allowed(1), "the lease has ended");
        assert_eq!(shards.allowed(), Some(ShardSet::default()));
    }

    #[test]
    fn a_shard_is_idle_when_all_that_was_begun_has_ended() {
        let shards = Shards::default();
        let (one, two) = (shards.begin(Shard(1)), shards.begin(Shard(1)));
        drop(one);
        assert!(!shards.are_idle(&[Shard(0), Shard(1)]) && shards.are_idle(&[Shard(0)]));
        drop(two);
        assert!(shards.are_idle(&[Shard(1)]));
    }
}
