//! The outage detector distinguishes unreachable servers from an outage of our own network.
//!
//! When most of the hosts that were well until now cannot be reached at the same time, our own network is
//! down. The failures of their feeds do not count, and only a few feeds are polled until one host answers.
//! Failures that were stored in the two minutes before the outage was detected are reverted. They are not
//! held back until then, because that would delay the report of every server that is really down.
//!
//! While no host of the internet was reached, less is needed: a machine that says itself that it has no network, or a
//! name server that knows none of the names of two hosts. Some networks without access to the internet answer every
//! question for a name with NXDOMAIN. When a host is reached at about the same time after all, the failures of the others are theirs.

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
    /// Stored failures that may turn out to be part of an outage.
    stored: Vec<(Instant, StoredFailure)>,
    down: bool,
    /// When a host that is not this machine was last reached.
    reached_at: Option<Instant>,
    /// Hosts that could not be contacted at all, while no host of the internet was reached.
    unresolved: HashMap<Host, Instant>,
    /// Polls were discounted because this machine had no network, and no host was reached since.
    offline: bool,
    quiet_until: Option<Instant>,
}

/// What is known of a feed before its poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It was never read, and has not failed.
    New,
    /// It has been read before and has not failed since.
    Well,
    Failing,
}

impl Past {
    /// `was_read` says whether a document of the feed was ever read.
    pub fn of(health: Health, was_read: bool) -> Self {
        match (health == Health::default(), was_read) {
            (false, _) => Self::Failing,
            (true, true) => Self::Well,
            (true, false) => Self::New,
        }
    }
}

/// A poll that failed before any server could be contacted.
#[derive(Clone, Copy, Debug)]
pub struct NoContact<'a> {
    pub host: &'a Host,
    /// The name server answered that the name does not exist. Otherwise this machine itself says that it has no network.
    pub is_unknown_name: bool,
    pub past: Past,
    /// No other host is configured.
    pub is_only_host: bool,
}

/// A failure that was stored and may turn out to be part of an outage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredFailure {
    pub feed: FeedId,
    /// The health before it.
    pub before: Health,
    /// No server could be contacted, see [`NoContact`].
    pub is_no_contact: bool,
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

    /// Notes whether `host` was reached for a feed with this past.
    pub fn note(&mut self, host: &Host, reached: bool, past: Past, now: Instant) -> Verdict {
        if reached {
            self.latest.insert(host.clone(), (now, true));
            let is_elsewhere = !host.is_this_machine();
            if is_elsewhere {
                self.reached_at = Some(now);
                self.unresolved.clear();
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
        if past != Past::Well || self.quiet_until.is_some_and(|until| now < until) {
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

    /// Notes a poll that failed because the name of its host does not resolve or no route leads to it. When nobody was
    /// reached for `SILENCE`, this machine is offline if it says so itself, if it is so for two hosts whose feeds have not
    /// failed before, or for the only host before it was ever reached. Otherwise the poll is like that of any unreachable host.
    pub fn note_no_contact(&mut self, failed: NoContact<'_>, now: Instant) -> Verdict {
        let NoContact { host, is_unknown_name, past, is_only_host } = failed;
        // A server on this machine that redirects to an unknown name says nothing about the network.
        if self.down || self.was_reached(now) || host.is_this_machine() {
            return self.note(host, false, past, now);
        }
        if self.offline {
            return Verdict::Discounted(None);
        }
        if past != Past::Failing {
            self.unresolved.insert(host.clone(), now);
        }
        self.unresolved.retain(|_, at| now.duration_since(*at) < WINDOW);
        let hosts = self.unresolved.len();
        if is_unknown_name && hosts < 2 && !(is_only_host && past == Past::New) {
            return Verdict::Counts;
        }
        self.offline = true;
        Verdict::Discounted(Some(hosts.max(1)))
    }

    /// Whether a host of the internet was reached of late.
    fn was_reached(&self, now: Instant) -> bool {
        self.reached_at.is_some_and(|at| now.duration_since(at) < SILENCE)
    }

    /// Notes that a failure which may be part of an outage was stored. False when the outage was detected in the meantime, so
    /// that the failure has to be reverted at once.
    pub fn stored(&mut self, failure: StoredFailure, now: Instant) -> bool {
        if self.is_part(&failure) {
            return false;
        }
        self.stored.retain(|(at, _)| now.duration_since(*at) < WINDOW);
        self.stored.push((now, failure));
        true
    }

    /// The feeds whose failures were stored before the outage was detected, and their health before.
    pub fn take_stored(&mut self) -> Vec<(FeedId, Health)> {
        let stored = std::mem::take(&mut self.stored);
        let (part, other): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|(_, failure)| self.is_part(failure));
        self.stored = other;
        part.into_iter().map(|(_, failure)| (failure.feed, failure.before)).collect()
    }

    /// Whether the failure is part of the outage that was detected.
    fn is_part(&self, failure: &StoredFailure) -> bool {
        self.down || self.offline && failure.is_no_contact
    }
}

/// Whether a server answered. `None` when no server was asked.
pub fn reached(observed: &Observed) -> Option<bool> {
    match observed.outcome {
        PollOutcome::Failed(
            Failure::Offline | Failure::Dns | Failure::Connect | Failure::Timeout,
        ) => Some(false),
        PollOutcome::Failed(
            Failure::Resources
            | Failure::Private
            | Failure::File
            | Failure::Request
            | Failure::Internal,
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

    fn no_contact(host: &Host, is_unknown_name: bool, past: Past) -> NoContact<'_> {
        NoContact { host, is_unknown_name, past, is_only_host: false }
    }

    const CLEAN: Health = Health { failures: 0.0, failing_since: None };

    fn stored(n: i64) -> StoredFailure {
        StoredFailure { feed: FeedId(n), before: CLEAN, is_no_contact: false }
    }

    #[test]
    fn most_hosts_at_once_are_an_outage_and_fewer_are_not() {
        let now = Instant::now();
        for (reached, failed, minutes_apart, past, down) in [
            (0, 4, 0, Past::Well, true),
            (3, 4, 0, Past::Well, true),
            (4, 4, 0, Past::Well, false), // Half is not most.
            (100, 40, 0, Past::Well, false),
            (40, 100, 0, Past::Well, true),
            (0, 3, 0, Past::Well, false),  // By accident.
            (0, 40, 3, Past::Well, false), // One after the other.
            (0, 40, 0, Past::Failing, false),
            (0, 40, 0, Past::New, false), // They never worked.
        ] {
            let mut detector = OutageDetector::default();
            for n in 0..reached {
                let verdict = detector.note(&host(&format!("good{n}")), true, Past::Well, now);
                assert_eq!(verdict, Verdict::Counts);
            }
            for n in 0..failed {
                let at = now + Duration::from_secs(60 * minutes_apart * n);
                detector.note(&host(&format!("bad{n}")), false, past, at);
            }
            let case = (reached, failed, minutes_apart, past);
            assert_eq!(detector.is_down(), down, "{case:?}");
        }
    }

    #[test]
    fn a_machine_without_a_network_charges_nobody_until_a_host_is_reached() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        let offline = |detector: &mut OutageDetector, at| {
            detector.note_no_contact(no_contact(&host("a"), false, Past::Failing), at)
        };
        assert_eq!(offline(&mut detector, now), Verdict::Discounted(Some(1)));
        assert_eq!(offline(&mut detector, now), Verdict::Discounted(None), "told once");
        assert!(!detector.is_down());
        // A server on this machine says nothing about the network.
        assert_eq!(detector.note(&host("localhost"), true, Past::Well, now), Verdict::Counts);
        assert_eq!(offline(&mut detector, now), Verdict::Discounted(None));
        assert_eq!(detector.note(&host("b"), true, Past::Failing, now), Verdict::Back);
        assert_eq!(offline(&mut detector, now + SILENCE / 2), Verdict::Counts);
        assert_eq!(offline(&mut detector, now + SILENCE), Verdict::Discounted(Some(1)));
    }

    #[test]
    fn a_name_server_that_knows_no_name_is_an_outage_and_one_unknown_name_is_not() {
        use Past::{Failing, New, Well};
        let now = Instant::now();
        let minute = Duration::from_mins(1);
        for (case, only_host, failures, offline) in [
            ("two hosts", false, &[("a", Well, now), ("b", Well, now + minute)][..], true),
            ("two hosts at the first start", false, &[("a", New, now), ("b", New, now)], true),
            ("two feeds of one host", false, &[("a", Well, now), ("a", Well, now)], false),
            ("one name of many", false, &[("a", New, now)], false),
            ("one after the other", false, &[("a", Well, now), ("b", Well, now + WINDOW)], false),
            ("names that failed before", false, &[("a", Failing, now), ("b", Failing, now)], false),
            ("the only host, never reached", true, &[("a", New, now)], true),
            ("the only host, reached before", true, &[("a", Well, now)], false),
            ("this machine", false, &[("localhost", Well, now), ("127.0.0.1", Well, now)], false),
        ] {
            let mut detector = OutageDetector::default();
            for (name, past, at) in failures {
                let host = host(name);
                let failed = no_contact(&host, true, *past);
                detector.note_no_contact(NoContact { is_only_host: only_host, ..failed }, *at);
            }
            assert_eq!(detector.offline, offline, "{case}");
            let verdict = detector.note(&host("c"), true, Failing, now);
            assert_eq!(verdict, if offline { Verdict::Back } else { Verdict::Counts }, "{case}");
        }
    }

    #[test]
    fn unknown_names_beside_a_host_that_was_reached_are_failures() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        assert_eq!(detector.note(&host("good"), true, Past::New, now), Verdict::Counts);
        for name in ["a", "b", "c"] {
            let host = host(name);
            let verdict = detector.note_no_contact(no_contact(&host, true, Past::New), now);
            assert_eq!(verdict, Verdict::Counts, "{name}");
        }
    }

    #[test]
    fn an_offline_machine_reverts_only_failures_without_contact() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        let failure = |n, is_no_contact| StoredFailure { is_no_contact, ..stored(n) };
        assert!(detector.stored(failure(1, true), now));
        assert!(
            detector.stored(failure(2, false), now),
            "a server that refuses, say on this machine"
        );
        for name in ["a", "b"] {
            detector.note_no_contact(no_contact(&host(name), true, Past::New), now);
        }
        assert_eq!(detector.take_stored(), [(FeedId(1), CLEAN)]);
        assert!(detector.stored(failure(3, false), now));
        assert!(!detector.stored(failure(4, true), now), "stored too late");
    }

    #[test]
    fn one_host_with_many_feeds_is_one_host() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(detector.note(&host("bad"), false, Past::Well, now), Verdict::Counts);
        }
    }

    #[test]
    fn failures_stored_before_the_outage_was_detected_are_named_once() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        for n in 0..3 {
            detector.note(&host(&format!("bad{n}")), false, Past::Well, now);
            assert!(detector.stored(stored(n), now));
        }
        assert_eq!(
            detector.note(&host("bad3"), false, Past::Well, now),
            Verdict::Discounted(Some(4))
        );
        assert!(!detector.stored(stored(9), now), "stored too late");
        let reverted: Vec<i64> = detector.take_stored().iter().map(|(feed, _)| feed.0).collect();
        assert_eq!(reverted, [0, 1, 2]);
        assert_eq!(detector.take_stored(), []);
    }

    #[test]
    fn one_answer_ends_an_outage_and_later_failures_count() {
        let (mut detector, now) = (OutageDetector::default(), Instant::now());
        let all = |detector: &mut OutageDetector, at| {
            for n in 0..9 {
                detector.note(&host(&format!("h{n}")), false, Past::Well, at);
            }
            detector.is_down()
        };
        assert!(all(&mut detector, now));
        assert_eq!(
            detector.note(&host("h0"), false, Past::Failing, now),
            Verdict::Discounted(None)
        );
        assert_eq!(detector.note(&host("h1"), true, Past::Well, now), Verdict::Back);
        assert!(!all(&mut detector, now + Duration::from_mins(1)));
        assert!(all(&mut detector, now + QUIET + WINDOW));
    }
}
