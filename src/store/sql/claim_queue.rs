//! The feeds that wait to be claimed, in memory.
//!
//! A claim reads due feeds in the order of an index, each of them once. Those whose host has no free request slot stay in the
//! queue, so that the next claim finds them without reading them again: its work does not grow with the number of feeds that
//! wait. Nothing depends on what the queue holds: each feed is looked up before it is claimed, and the queue of due feeds is
//! read anew after [`LONGEST_READING`] and whenever [`ClaimQueue::read_again`] is called.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::shard::{Shard, ShardSet};
use crate::domain::time::{TimeDelta, Timestamp};

/// How long due feeds are kept that wait for their hosts. A feed that another process made due earlier than those that were
/// read is claimed after this time at the latest.
const LONGEST_READING: TimeDelta = TimeDelta::minutes(5);

/// A list of feeds to claim that is kept from one claim to the next. Clones share it.
#[derive(Clone, Debug)]
pub struct ClaimQueue(Arc<Mutex<Waiting>>);

impl ClaimQueue {
    /// All feeds that are due.
    pub fn of_due() -> Self {
        Self::new(Source::Due(Reading::default()))
    }

    /// These feeds, due or not, each once.
    pub fn of_named(feeds: Vec<FeedId>) -> Self {
        Self::new(Source::Named { unread: feeds.into(), polled_elsewhere: 0 })
    }

    fn new(source: Source) -> Self {
        let waiting = Waiting {
            source,
            last_number: 0,
            by_host: HashMap::new(),
            order: BTreeSet::new(),
            paused: BTreeSet::new(),
        };
        Self(Arc::new(Mutex::new(waiting)))
    }

    /// The number of feeds that were not claimed: of named feeds all others, of due feeds those that were read.
    pub fn len(&self) -> usize {
        let waiting = self.lock();
        let unclaimed = match &waiting.source {
            Source::Due(_) => 0,
            Source::Named { unread, polled_elsewhere } => unread.len() + polled_elsewhere,
        };
        unclaimed + waiting.by_host.values().map(VecDeque::len).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Has the next claim read all due feeds anew. It must be called after a change that can make a feed due at an earlier time
    /// than that of the last claim. Named feeds stay.
    pub fn read_again(&self) {
        self.lock().read_again();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many requests may start now at each host.
#[derive(Clone, Debug, Default)]
pub struct FreeSlots {
    /// Of hosts with requests in flight, or whose delay has not passed.
    pub busy: HashMap<Host, usize>,
    /// Of every other host.
    pub idle: usize,
    /// The hosts that the configured limits do not apply to.
    pub exempt: Arc<HashSet<Host>>,
    /// Of every other one of these.
    pub idle_exempt: usize,
    /// The shards whose hosts may be requested by this process; `None` for all.
    pub shards: Option<ShardSet>,
}

impl FreeSlots {
    pub fn of(&self, host: &Host) -> usize {
        if !self.allows(|| Shard::of_host(host)) {
            return 0;
        }
        let idle = || if self.exempt.contains(host) { self.idle_exempt } else { self.idle };
        self.busy.get(host).copied().unwrap_or_else(idle)
    }

    /// Whether this process may send requests to hosts of a shard.
    pub fn allows(&self, shard: impl FnOnce() -> Shard) -> bool {
        self.shards.is_none_or(|shards| shards.contains(shard()))
    }

    /// Takes up to `slots` of a host.
    pub fn take(&mut self, host: &Host, slots: usize) {
        let left = self.of(host).saturating_sub(slots);
        self.busy.insert(host.clone(), left);
    }
}

/// Where the feeds of a queue come from.
#[derive(Debug)]
pub(super) enum Source {
    Due(Reading),
    Named {
        unread: VecDeque<FeedId>,
        /// The number of feeds that were leased when they were to be claimed.
        polled_elsewhere: usize,
    },
}

/// How far the index of claimable feeds was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// When it was begun; `None` before the first claim.
    began: Option<Timestamp>,
    /// The last feed that was read.
    pub(super) last: Option<Position>,
}

/// A place in the index of claimable feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) claimable_at: i64,
    pub(super) next_poll_at: i64,
    pub(super) feed: FeedId,
}

/// The number of a feed in the order in which feeds were added.
type Number = u64;

/// What the claims of a queue share.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) source: Source,
    last_number: Number,
    /// The feeds of each host in the order in which they were added; never an empty list. Feeds without a host, which are files,
    /// wait for nothing.
    by_host: HashMap<Option<Host>, VecDeque<(Number, FeedId)>>,
    /// The hosts that are not paused, each with the number of its first feed.
    order: BTreeSet<(Number, Option<Host>)>,
    /// The paused hosts, each with the end of its pause (Unix time).
    paused: BTreeSet<(i64, Host)>,
}

impl Waiting {
    /// Prepares for a claim at `now`.
    pub(super) fn begin(&mut self, now: Timestamp) {
        if let Source::Due(Reading { began, .. }) = &mut self.source {
            let is_current = |began: Timestamp| (began..began + LONGEST_READING).contains(&now);
            if !began.is_some_and(is_current) {
                self.read_again();
                self.source = Source::Due(Reading { began: Some(now), last: None });
            }
        }
        while let Some((until, _)) = self.paused.first()
            && *until <= now.timestamp()
            && let Some((_, host)) = self.paused.pop_first()
        {
            self.list(Some(host));
        }
    }

    /// Ends a claim that has read all due feeds: if none waits, the next one reads from the beginning.
    pub(super) fn all_read(&mut self) {
        if let Source::Due(_) = self.source
            && self.by_host.is_empty()
        {
            self.read_again();
        }
    }

    fn read_again(&mut self) {
        if let Source::Due(reading) = &mut self.source {
            *reading = Reading::default();
            self.by_host.clear();
            self.order.clear();
            self.paused.clear();
        }
    }

    /// Adds a feed behind all others.
    pub(super) fn add(&mut self, host: Option<Host>, feed: FeedId) {
        self.last_number += 1;
        let feeds = self.by_host.entry(host.clone()).or_default();
        feeds.push_back((self.last_number, feed));
        if feeds.len() == 1 {
            self.order.insert((self.last_number, host));
        }
    }

    /// Removes the first feed with a number from `from` on whose host has a free request slot, and sets `from` behind it.
    /// Skips at most one feed of each host.
    pub(super) fn next(
        &mut self,
        from: &mut Number,
        slots: &FreeSlots,
    ) -> Option<(Option<Host>, FeedId)> {
        let has_slot = |host: &Option<Host>| host.as_ref().is_none_or(|host| slots.of(host) != 0);
        let first = self.order.range((*from, None)..).find(|(_, host)| has_slot(host))?.clone();
        self.order.remove(&first);
        let (number, host) = first;
        *from = number + 1;
        let feeds = self.by_host.get_mut(&host)?;
        let (_, feed) = feeds.pop_front()?;
        if feeds.is_empty() {
            self.by_host.remove(&host);
        } else {
            self.list(host.clone());
        }
        Some((host, feed))
    }

    /// Puts a feed back in front of the others of its host, and sets them all aside until the pause of the host ends.
    pub(super) fn set_aside(&mut self, host: Host, feed: FeedId, until: Timestamp) {
        let feeds = self.by_host.entry(Some(host.clone())).or_default();
        if let Some((number, _)) = feeds.front() {
            self.order.remove(&(*number, Some(host.clone())));
        }
        let number = feeds.front().map_or(self.last_number, |(number, _)| number - 1);
        feeds.push_front((number, feed));
        self.paused.insert((until.timestamp(), host));
    }

    /// Adds a host to the order.
    fn list(&mut self, host: Option<Host>) {
        if let Some((number, _)) = self.by_host.get(&host).and_then(VecDeque::front) {
            self.order.insert((*number, host));
        }
    }

    /// Whether feeds wait for a free request slot of their host.
    pub(super) fn is_waiting(&self) -> bool {
        !self.order.is_empty()
    }

    /// When the first pause of a host ends.
    pub(super) fn first_pause_ends(&self) -> Option<i64> {
        self.paused.first().map(|(until, _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host::stored(name.to_owned())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    /// A queue of named feeds that were read.
    fn queue(feeds: &[(&str, i64)]) -> ClaimQueue {
        let queue = ClaimQueue::of_named(Vec::new());
        for (name, feed) in feeds {
            queue.lock().add(Some(host(name)), FeedId(*feed));
        }
        queue
    }

    /// All feeds that can be claimed with so many free slots of each host, in their order.
    fn claimed(queue: &ClaimQueue, mut slots: FreeSlots) -> Vec<i64> {
        let (mut from, mut claimed) = (0, Vec::new());
        while let Some((host, feed)) = queue.lock().next(&mut from, &slots) {
            if let Some(host) = host {
                slots.take(&host, 1);
            }
            claimed.push(feed.0);
        }
        claimed
    }

    fn slots(idle: usize) -> FreeSlots {
        FreeSlots { idle, ..FreeSlots::default() }
    }

    #[test]
    fn the_longest_overdue_is_first_and_no_host_holds_up_another() {
        let queue = queue(&[("a", 1), ("a", 2), ("b", 3), ("a", 4), ("c", 5), ("b", 6)]);
        assert_eq!(claimed(&queue, slots(1)), [1, 3, 5]);
        let busy = FreeSlots { busy: HashMap::from([(host("a"), 0)]), ..slots(2) };
        queue.lock().add(None, FeedId(7));
        queue.lock().add(None, FeedId(8));
        assert_eq!(claimed(&queue, busy), [6, 7, 8], "files wait for nothing");
        assert_eq!(queue.len(), 2);
        assert_eq!(claimed(&queue, slots(5)), [2, 4]);
        assert!(queue.is_empty());
    }

    #[test]
    fn the_feeds_of_a_paused_host_are_set_aside_together_and_keep_their_order() {
        let queue = queue(&[("a", 1), ("a", 2), ("b", 3)]);
        let taken = queue.lock().next(&mut 0, &slots(1));
        assert_eq!(taken, Some((Some(host("a")), FeedId(1))));
        queue.lock().set_aside(host("a"), FeedId(1), at(100));
        queue.lock().add(Some(host("a")), FeedId(4));
        assert_eq!(claimed(&queue, slots(5)), [3]);
        assert!(!queue.lock().is_waiting());
        assert_eq!(queue.lock().first_pause_ends(), Some(100));
        queue.lock().begin(at(99));
        assert_eq!(claimed(&queue, slots(5)), [0; 0]);
        queue.lock().begin(at(100));
        assert_eq!(claimed(&queue, slots(5)), [1, 2, 4]);
        assert_eq!(queue.lock().first_pause_ends(), None);
    }

    #[test]
    fn due_feeds_are_read_anew_after_a_while_and_after_the_clock_was_set_back() {
        for (seconds, kept) in [(0, true), (299, true), (300, false), (-1, false)] {
            let queue = ClaimQueue::of_due();
            queue.lock().begin(at(0));
            queue.lock().add(Some(host("a")), FeedId(1));
            queue.lock().begin(at(seconds));
            assert_eq!(queue.lock().is_waiting(), kept, "{seconds}");
        }
    }

    #[test]
    fn an_exempt_host_has_its_own_number_of_slots() {
        let exempt = Arc::new(HashSet::from([host("a")]));
        let mut slots = FreeSlots { exempt, idle_exempt: 32, ..slots(2) };
        assert_eq!((slots.of(&host("a")), slots.of(&host("b"))), (32, 2));
        slots.take(&host("a"), 2);
        slots.take(&host("b"), 3);
        assert_eq!((slots.of(&host("a")), slots.of(&host("b"))), (30, 0));
    }
}
