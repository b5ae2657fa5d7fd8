//! Tells servers that cannot be reached from a network that is gone: ours.
//!
//! When most of the hosts that were well until now cannot be reached at the same moment, none of them is
//! at fault. Their feeds are not charged, and until one host answers, only a few are asked.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::poll::{Failure, Health, Observed, PollOutcome};

/// "At the same moment": results older than this say nothing about now.
const WINDOW: Duration = Duration::from_mins(2);

/// Fewer hosts than this fail together by accident.
const MIN_HOSTS: usize = 4;

/// After an answer, hosts that still fail are charged for a while. Else those that went down together,
/// with a provider of theirs, would look like our own fault for ever.
const QUIET: Duration = Duration::from_mins(10);

/// What recent polls say about the network. Times are those of a clock that only runs forwards.
#[derive(Debug, Default)]
pub struct Network {
    /// By host: when it was last asked, and whether it was reached.
    latest: HashMap<Host, (Instant, bool)>,
    /// Failures that count here and are stored already, with the health from before.
    charged: Vec<(Instant, FeedId, Health)>,
    down: bool,
    quiet_until: Option<Instant>,
}

/// What to do with a poll.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It counts as it is.
    Counts,
    /// It counts, and the network is back.
    Back,
    /// It does not count. `Some` when that was found out just now: the number of hosts that failed.
    Spared(Option<usize>),
}

impl Network {
    pub fn is_down(&self) -> bool {
        self.down
    }

    /// Takes note of what came of asking `host` for a feed.
    /// `was_well`: it has been read before, and not failed since.
    pub fn note(&mut self, host: &Host, reached: bool, was_well: bool, now: Instant) -> Verdict {
        if reached {
            self.latest.insert(host.clone(), (now, true));
            if !self.down {
                return Verdict::Counts;
            }
            *self = Self { quiet_until: Some(now + QUIET), ..Self::default() };
            return Verdict::Back;
        }
        if self.down {
            return Verdict::Spared(None);
        }
        if !was_well || self.quiet_until.is_some_and(|until| now < until) {
            return Verdict::Counts;
        }
        self.latest.insert(host.clone(), (now, false));
        self.latest.retain(|_, (at, _)| now.duration_since(*at) < WINDOW);
        let failed = self.latest.values().filter(|(_, reached)| !reached).count();
        if failed < MIN_HOSTS || failed * 2 <= self.latest.len() {
            return Verdict::Counts;
        }
        self.down = true;
        Verdict::Spared(Some(failed))
    }

    /// A failure that could be part of an outage was stored; `before` is the health it changed. False when
    /// the outage was found in the meantime, so that it has to be taken back at once.
    pub fn charged(&mut self, feed: FeedId, before: Health, now: Instant) -> bool {
        if !self.down {
            self.charged.retain(|(at, ..)| now.duration_since(*at) < WINDOW);
            self.charged.push((now, feed, before));
        }
        !self.down
    }

    /// Feeds that were charged for an outage before it was known as one, and their health before.
    pub fn wronged(&mut self) -> Vec<(FeedId, Health)> {
        self.charged.drain(..).map(|(_, feed, health)| (feed, health)).collect()
    }
}

/// Whether a server was there to answer. `None`: nobody was asked.
pub fn reached(observed: &Observed) -> Option<bool> {
    match observed.outcome {
        PollOutcome::Failed(Failure::Dns | Failure::Connect | Failure::Timeout) => Some(false),
        PollOutcome::Failed(Failure::Private | Failure::File | Failure::Request) => None,
        PollOutcome::Fresh(_)
        | PollOutcome::SameBody
        | PollOutcome::NotModified
        | PollOutcome::Gone
        | PollOutcome::Failed(_) => Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host::of(&format!("http://{name}/").parse().unwrap()).unwrap()
    }

    const CLEAN: Health = Health { failures: 0.0, failing_since: None };

    #[test]
    fn most_hosts_at_once_are_an_outage_and_fewer_are_not() {
        let now = Instant::now();
        for (reached, failed, minutes_apart, well, down) in [
            (0, 4, 0, true, true),
            (3, 4, 0, true, true),
            (4, 4, 0, true, false), // Half is not most.
            (100, 40, 0, true, false),
            (40, 100, 0, true, true),
            (0, 3, 0, true, false),   // By accident.
            (0, 40, 3, true, false),  // One after the other.
            (0, 40, 0, false, false), // They have failed before, or never worked.
        ] {
            let mut network = Network::default();
            for n in 0..reached {
                let verdict = network.note(&host(&format!("good{n}")), true, true, now);
                assert_eq!(verdict, Verdict::Counts);
            }
            for n in 0..failed {
                let at = now + Duration::from_secs(60 * minutes_apart * n);
                network.note(&host(&format!("bad{n}")), false, well, at);
            }
            let case = (reached, failed, minutes_apart, well);
            assert_eq!(network.is_down(), down, "{case:?}");
        }
    }

    #[test]
    fn one_host_with_many_feeds_is_one_host() {
        let (mut network, now) = (Network::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(network.note(&host("bad"), false, true, now), Verdict::Counts);
        }
    }

    #[test]
    fn who_was_charged_before_it_was_known_is_named_once() {
        let (mut network, now) = (Network::default(), Instant::now());
        for n in 0..3 {
            network.note(&host(&format!("bad{n}")), false, true, now);
            assert!(network.charged(FeedId(n), CLEAN, now));
        }
        assert_eq!(network.note(&host("bad3"), false, true, now), Verdict::Spared(Some(4)));
        assert!(!network.charged(FeedId(9), CLEAN, now), "stored too late");
        let wronged: Vec<i64> = network.wronged().iter().map(|(feed, _)| feed.0).collect();
        assert_eq!(wronged, [0, 1, 2]);
        assert_eq!(network.wronged(), []);
    }

    #[test]
    fn one_answer_ends_it_and_who_still_fails_is_charged() {
        let (mut network, now) = (Network::default(), Instant::now());
        let all = |network: &mut Network, at| {
            for n in 0..9 {
                network.note(&host(&format!("h{n}")), false, true, at);
            }
            network.is_down()
        };
        assert!(all(&mut network, now));
        assert_eq!(network.note(&host("h0"), false, false, now), Verdict::Spared(None));
        assert_eq!(network.note(&host("h1"), true, true, now), Verdict::Back);
        assert!(!all(&mut network, now + Duration::from_mins(1)));
        assert!(all(&mut network, now + QUIET + WINDOW));
    }
}
