//! Feeds whose documents took long to read. Only some of the parse threads read their documents, so that those of other
//! feeds do not wait for them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::feed::FeedId;

/// The computing time that reading a document usually takes at most.
pub(super) const USUAL: Duration = Duration::from_millis(100);

/// The bytes that a document usually has at most. Few are longer, and these take so long that the work for the first
/// attempt is saved.
pub(super) const USUAL_LENGTH: usize = 1024 * 1024;

/// How long a feed counts as slow after it was. Its documents may alternate between slow and quick ones.
const REMEMBERED: Duration = Duration::from_hours(1);

/// The slow feeds. The lock is never held across an await.
#[derive(Default)]
pub(super) struct SlowFeeds(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// When each feed was slow last.
    slow: HashMap<FeedId, Instant>,
    /// The slow feeds that are being polled.
    polled: HashSet<FeedId>,
}

/// The poll of a slow feed, until this is dropped.
pub(super) struct SlowPoll<'a> {
    feeds: &'a SlowFeeds,
    feed: FeedId,
}

impl SlowFeeds {
    /// Records that reading a document of this feed took longer than usual.
    pub(super) fn note(&self, feed: FeedId, now: Instant) {
        let mut inner = self.lock();
        inner.slow.retain(|_, since| now.saturating_duration_since(*since) < REMEMBERED);
        inner.slow.insert(feed, now);
    }

    pub(super) fn is_slow(&self, feed: FeedId, now: Instant) -> bool {
        let since = self.lock().slow.get(&feed).copied();
        since.is_some_and(|since| now.saturating_duration_since(since) < REMEMBERED)
    }

    /// Begins the poll of a slow feed. `None` if it is being polled: the poll may wait for longer than its lease, and the
    /// feed is claimed again then.
    pub(super) fn begin(&self, feed: FeedId) -> Option<SlowPoll<'_>> {
        let is_new = self.lock().polled.insert(feed);
        is_new.then(|| SlowPoll { feeds: self, feed })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SlowPoll<'_> {
    fn drop(&mut self) {
        self.feeds.lock().polled.remove(&self.feed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_slow_for_an_hour_after_it_was() {
        let now = Instant::now();
        let minutes = |n| now + Duration::from_mins(n);
        let feeds = SlowFeeds::default();
        assert!(!feeds.is_slow(FeedId(1), now));
        feeds.note(FeedId(1), now);
        feeds.note(FeedId(2), minutes(30));
        for (minute, expected) in [(0, [true, true]), (59, [true, true]), (60, [false, true])] {
            let found = [1, 2].map(|feed| feeds.is_slow(FeedId(feed), minutes(minute)));
            assert_eq!(found, expected, "{minute}");
        }
        feeds.note(FeedId(2), minutes(80));
        assert!(feeds.is_slow(FeedId(2), minutes(100)));
        assert_eq!(feeds.lock().slow.len(), 1, "others are forgotten");
    }

    #[test]
    fn a_slow_feed_is_polled_once_at_a_time() {
        let feeds = SlowFeeds::default();
        let poll = feeds.begin(FeedId(1));
        assert!(poll.is_some() && feeds.begin(FeedId(1)).is_none());
        assert!(feeds.begin(FeedId(2)).is_some());
        drop(poll);
        assert!(feeds.begin(FeedId(1)).is_some());
    }
}
