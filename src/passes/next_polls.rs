//! When the other feeds of a host are polled next, so that a connection is kept only for a request that comes soon.
//!
//! Only hosts with several feeds are known here, and only by what this process stored: a plan that another process changes
//! costs a connection, or keeps one in vain.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::fetch::KEPT_FOR;

/// The plans of the feeds of each host that has several. The lock is never held across an await.
#[derive(Debug, Default)]
pub(super) struct NextPolls(Mutex<HashMap<Host, Plans>>);

/// The plans of the feeds of one host.
#[derive(Debug, Default)]
struct Plans {
    of_feed: HashMap<FeedId, Timestamp>,
    /// The same in their order, so that a host with many feeds costs no more.
    ordered: BTreeSet<(Timestamp, FeedId)>,
}

impl Plans {
    fn insert(&mut self, feed: FeedId, at: Timestamp) {
        self.remove(feed);
        self.of_feed.insert(feed, at);
        self.ordered.insert((at, feed));
    }

    fn remove(&mut self, feed: FeedId) {
        if let Some(at) = self.of_feed.remove(&feed) {
            self.ordered.remove(&(at, feed));
        }
    }
}

impl NextPolls {
    /// The plans of all feeds. Those of hosts with one feed are left out.
    pub(super) fn new(plans: impl Iterator<Item = (FeedId, Host, Timestamp)>) -> Self {
        let mut hosts: HashMap<Host, Plans> = HashMap::new();
        for (feed, host, at) in plans {
            hosts.entry(host).or_default().insert(feed, at);
        }
        hosts.retain(|_, plans| 1 < plans.of_feed.len());
        Self(Mutex::new(hosts))
    }

    /// Notes that the request for a feed starts. Returns whether one for another feed of its host is expected so soon that
    /// the connection is kept for it.
    pub(super) fn starts(&self, feed: FeedId, host: &Host, now: Timestamp) -> bool {
        let mut hosts = self.lock();
        let Some(plans) = hosts.get_mut(host) else { return false };
        plans.remove(feed);
        plans.ordered.first().is_some_and(|(at, _)| is_soon(*at - now))
    }

    /// Notes when a feed is polled next, and at which host.
    pub(super) fn planned(&self, feed: FeedId, host: &Host, at: Option<Timestamp>) {
        if let (Some(plans), Some(at)) = (self.lock().get_mut(host), at) {
            plans.insert(feed, at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Host, Plans>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request after this time can use a connection that is kept for it.
pub(super) fn is_soon(wait: TimeDelta) -> bool {
    wait.to_std().map_or(true, |wait| wait < KEPT_FOR) // A negative one is over.
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::from_unix;

    fn host(name: &str) -> Host {
        Host::of(&format!("http://{name}/").parse().unwrap()).unwrap()
    }

    #[test]
    fn a_connection_is_kept_while_another_feed_of_its_host_is_due_soon() {
        let (many, one, now) = (host("many.example"), host("one.example"), from_unix(1_000_000));
        let at = |seconds| now + TimeDelta::seconds(seconds);
        let plans =
            [(1, &many, at(-60)), (2, &many, at(0)), (3, &many, at(3600)), (4, &one, at(0))];
        let plans = plans.map(|(feed, host, at)| (FeedId(feed), host.clone(), at));
        let next = NextPolls::new(plans.into_iter());
        assert!(!next.starts(FeedId(4), &one, now), "its only feed");
        assert!(next.starts(FeedId(1), &many, now), "the second feed is due");
        assert!(!next.starts(FeedId(2), &many, now), "the first one is being polled");
        next.planned(FeedId(1), &many, Some(at(1800)));
        next.planned(FeedId(2), &many, None);
        assert!(!next.starts(FeedId(3), &many, now));
        assert!(!next.starts(FeedId(3), &many, at(1800 - 90)), "the server closes it before");
        assert!(next.starts(FeedId(3), &many, at(1800 - 89)));
        next.planned(FeedId(4), &one, Some(now));
        assert!(!next.starts(FeedId(5), &one, now), "hosts with one feed are not remembered");
    }
}
