//! The outage detector distinguishes unreachable servers from an outage of our own network.
//!
//! When most of the hosts that were well until now cannot be reached at the same time, our own network is
//! down. The failures of their feeds do not count, and only a few feeds are polled until one host answers.
//! Failures that were stored in the two minutes before the outage was detected are reverted. They are not
//! held back until then, because that would delay the report of every server that is really down.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::poll::{Failure, Health, Observed, PollOutcome};

/// Older results say nothing about the present state of the network.
const WINDOW: Duration = Duration::from_mins(2);

/// The minimum number of unreachable hosts; fewer may fail together by accident.
const MIN_HOSTS: usize = 4;

/// When no host of the internet was reached for so long, a machine that says itself that it has no network is believed.
const SILENCE: Duration = Duration::from_mins(10);

/// After an outage, failures count for at least this long. Otherwise hosts that went down together, such as
/// those of one provider, would look like an outage of ours for ever.
const QUIET: Duration = Duration::from_mins(10);

/// What recent polls say about our own network. Times are those of the monotonic clock.
#[derive(Debug, Default)]
pub struct OutageDetector {
    /// When each host was last asked, and whether it was reached.
    latest: HashMap<Host, (Instant, bool)>,
    /// Stored failures that may turn out to be part of an outage, with the health before them.
    stored: Vec<(Instant, FeedId, Health)>,
    down: bool,
    /// When a host that is not this machine was last reached.
    reached_at: Option<Instant>,
    /// Polls were discounted because this machine had no network, and no host was reached since.
    offline: bool,
    quiet_until: Option<Instant>,
}

/// Whether a poll counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It counts.
    Counts,
    /// It counts, and it ends an outage.
    Back,
    /// It does not count. `Some` with the number of unreachable hosts when the outage was detected just now.
    Discounted(Option<usize>),
}

impl OutageDetector {
    pub fn is_down(&self) -> bool {
        self.down
    }

    /// Whether a host of the internet was reached within this time.
    pub fn was_reached_within(&self, span: Duration, now: Instant) -> bool {
        self.reached_at.is_some_and(|at| now.duration_since(at) < span)
    }

    /// Notes whether `host` was reached for a feed. `was_well` says that the feed has been read before and
    /// has not failed since.
    pub fn note(&mut self, host: &Host, reached: bool, was_well: bool, now: Instant) -> Verdict {
        if reached {
            self.latest.insert(host.clone(), (now, true));
            let is_elsewhere = !host.is_this_machine();
            if is_elsewhere {
                self.reached_at = Some(now);
            }
            let back = self.down || self.offline && is_elsewhere;
            if self.down {
                let reached_at = self.reached_at;
                *self = Self { quiet_until: Some(now + QUIET), reached_at, ..Self::default() };
            }
            self.offline &= !is_elsewhere;
            return if back { Verdict::Back } else { Verdict::Counts };
        }
        if self.down {
            return Verdict::Discounted(None);
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
        Verdict::Discounted(Some(failed))
    }

    /// Notes a poll that failed because this machine says that it has no network. It does not count when nobody was reached
    /// for `SILENCE`, be it the first poll ever or the only feed. Otherwise it is like that of any unreachable host: a
    /// name server that answers for other names is no sign of an outage.
    pub fn note_offline(&mut self, host: &Host, was_well: bool, now: Instant) -> Verdict {
        let was_reached = self.reached_at.is_some_and(|at| now.duration_since(at) < SILENCE);
        if was_reached || self.down {
            return self.note(host, false, was_well, now);
        }
        let first = !self.offline;
        self.offline = true;
        Verdict::Discounted(first.then_some(1))
    }

    /// Notes that a failure which may be part of an outage was stored; `before` is the health before it. False
    /// when the outage was detected in the meantime, so that the failure has to be reverted at once.
    pub fn stored(&mut self, feed: FeedId, before: Health, now: Instant) -> bool {
        if !self.down {
            self.stored.retain(|(at, ..)| now.duration_since(*at) < WINDOW);
            self.stored.push((now, feed, before));
        }
        !self.down
    }

    /// The feeds whose failures were stored before the outage was detected, and their health before.
    pub fn take_stored(&mut self) -> Vec<(FeedId, Health)> {
        self.stored.drain(..).map(|(_, feed, health)| (feed, health)).collect()
    }
}

/// Whether a server answered. `None` when no server was asked.
pub fn reached(observed: &Observed) -> Option<bool> {
    match observed.outcome {
        PollOutcome::Failed(
            Failure::Offline | Failure::Dns | Failure::Connect | Failure::Timeout,
        ) => Some(false),
        PollOutcome::Failed(
            Failure::Private | Failure::File | Failure::Request | Failure::Internal,
        ) => None,
        PollOutcome::Fresh(_)
        | PollOutcome::Cut(_)
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
            let mut detector = OutageDetector::default();
            for n in 0..reached {
                let verdict = detector.note(&host(&format!("good{n}")), true, true, now);
                assert_eq!(verdict, Verdict::Counts);
            }
            for n in 0..failed {
                let at = now + Duration::from_secs(60 * minutes_apart * n);
                detector.note(&host(&format!("bad{n}")), false, well, at);
            }
            let case = (reached, failed, minutes_apart, well);
            assert_eq!(detector.is_down(), down, "{case:?}");
        }
    }

    #[test]
    fn a_machine_without_a_network_charges_nobody_until_a_host_is_reached() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        let offline =
            |detector: &mut OutageDetector, at| detector.note_offline(&host("a"), false, at);
        assert_eq!(offline(&mut detector, now), Verdict::Discounted(Some(1)));
        assert_eq!(offline(&mut detector, now), Verdict::Discounted(None), "told once");
        assert!(!detector.is_down());
        // A server on this machine says nothing about the network.
        assert_eq!(detector.note(&host("localhost"), true, true, now), Verdict::Counts);
        assert_eq!(offline(&mut detector, now), Verdict::Discounted(None));
        assert_eq!(detector.note(&host("b"), true, false, now), Verdict::Back);
        assert_eq!(offline(&mut detector, now + SILENCE / 2), Verdict::Counts);
        assert_eq!(offline(&mut detector, now + SILENCE), Verdict::Discounted(Some(1)));
    }

    #[test]
    fn one_host_with_many_feeds_is_one_host() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(detector.note(&host("bad"), false, true, now), Verdict::Counts);
        }
    }

    #[test]
    fn failures_stored_before_the_outage_was_detected_are_named_once() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        for n in 0..3 {
            detector.note(&host(&format!("bad{n}")), false, true, now);
            assert!(detector.stored(FeedId(n), CLEAN, now));
        }
        assert_eq!(detector.note(&host("bad3"), false, true, now), Verdict::Discounted(Some(4)));
        assert!(!detector.stored(FeedId(9), CLEAN, now), "stored too late");
        let reverted: Vec<i64> = detector.take_stored().iter().map(|(feed, _)| feed.0).collect();
        assert_eq!(reverted, [0, 1, 2]);
        assert_eq!(detector.take_stored(), []);
    }

    #[test]
    fn one_answer_ends_an_outage_and_later_failures_count() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        let all = |detector: &mut OutageDetector, at| {
            for n in 0..9 {
                detector.note(&host(&format!("h{n}")), false, true, at);
            }
            detector.is_down()
        };
        assert!(all(&mut detector, now));
        assert_eq!(detector.note(&host("h0"), false, false, now), Verdict::Discounted(None));
        assert_eq!(detector.note(&host("h1"), true, true, now), Verdict::Back);
        assert!(!all(&mut detector, now + Duration::from_mins(1)));
        assert!(all(&mut detector, now + QUIET + WINDOW));
    }
}
