//! The request budget of each host: how many requests are in flight, and when the next one may start.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::host::Host;

/// The request budgets of all hosts. All times are of the monotonic clock.
#[derive(Debug)]
pub struct HostBudgets {
    per_host: usize,
    delay: Duration,
    busy: HashMap<Host, Busy>,
}

/// A host that has a request in flight, or whose delay has not passed yet.
#[derive(Debug)]
struct Busy {
    /// The number of polls that were claimed and have not finished.
    claimed: usize,
    /// The earliest time of the next claim.
    next_start: Instant,
    /// The earliest time of the next request; `None` before the first request.
    next_request: Option<Instant>,
}

impl HostBudgets {
    /// `delay` is the minimum time between the starts of two requests to one host. `per_host` is the maximum number
    /// of requests to one host that are in flight at the same time.
    pub fn new(per_host: usize, delay: Duration) -> Self {
        Self { per_host: per_host.max(1), delay, busy: HashMap::new() }
    }

    /// The number of feeds of an idle host that may be claimed at once. If there is a delay, this is one feed.
    pub fn per_host_limit(&self) -> usize {
        if self.delay.is_zero() { self.per_host } else { 1 }
    }

    /// The number of free request slots of each host that is not idle.
    pub fn free_slots(&mut self, now: Instant) -> HashMap<Host, usize> {
        self.busy.retain(|_, host| 0 < host.claimed || now < host.next_start);
        let limit = self.per_host_limit();
        let left = |host: &Busy| {
            if now < host.next_start {
                0
            } else {
                limit.min(self.per_host.saturating_sub(host.claimed))
            }
        };
        self.busy.iter().map(|(name, host)| (name.clone(), left(host))).collect()
    }

    /// Records that a feed of this host was claimed.
    pub fn claimed(&mut self, host: &Host, now: Instant) {
        let next_start = now + self.delay;
        let busy = self.busy.entry(host.clone());
        let host = busy.or_insert(Busy { claimed: 0, next_start, next_request: None });
        host.claimed += 1;
        host.next_start = next_start;
    }

    /// Records that a request is about to start, and returns how long it must wait. The wait is usually zero. It is
    /// longer when a claimed poll had to wait for a request slot and would start too soon after another request.
    pub fn starts(&mut self, host: &Host, now: Instant) -> Duration {
        let Some(busy) = self.busy.get_mut(host) else { return Duration::ZERO };
        let start = busy.next_request.map_or(now, |next| next.max(now));
        busy.next_request = Some(start + self.delay);
        busy.next_start = busy.next_start.max(start + self.delay);
        start - now
    }

    /// Records that a poll of this host has ended.
    pub fn finished(&mut self, host: &Host) {
        if let Some(host) = self.busy.get_mut(host) {
            host.claimed = host.claimed.saturating_sub(1);
        }
    }

    /// Takes the next start of a request for a page of this host, if one may start now. The page takes no slot of a poll:
    /// polls keep their distance from it, and wait for nothing else.
    pub fn page_starts(&mut self, host: &Host, now: Instant) -> bool {
        let idle = Busy { claimed: 0, next_start: now, next_request: None };
        let busy = self.busy.entry(host.clone()).or_insert(idle);
        if now < busy.next_start || busy.next_request.is_some_and(|next| now < next) {
            return false;
        }
        busy.next_start = now + self.delay;
        busy.next_request = Some(now + self.delay);
        true
    }

    /// The earliest time at which a host that waits only for its delay may receive the next request.
    pub fn next_free_at(&self, now: Instant) -> Option<Instant> {
        let waiting = self.busy.values().filter(|host| host.claimed < self.per_host);
        waiting.map(|host| host.next_start.max(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(1);

    fn host(name: &str) -> Host {
        Host::of(&format!("http://{name}/").parse().unwrap()).unwrap()
    }

    #[test]
    fn requests_to_a_host_keep_their_distance_and_number() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut hosts = HostBudgets::new(2, DELAY);
        assert_eq!(hosts.free_slots(at(0)), HashMap::new());
        hosts.claimed(&host("a"), at(0));
        assert_eq!(hosts.free_slots(at(0))[&host("a")], 0, "within the delay");
        assert_eq!(hosts.free_slots(at(1))[&host("a")], 1, "the second of two");
        hosts.claimed(&host("a"), at(1));
        assert_eq!(hosts.free_slots(at(5))[&host("a")], 0, "two in flight");
        hosts.finished(&host("a"));
        assert_eq!(hosts.free_slots(at(5))[&host("a")], 1);
        hosts.finished(&host("a"));
        assert_eq!(hosts.free_slots(at(5)), HashMap::new(), "an idle host is forgotten");
    }

    #[test]
    fn polls_that_were_held_up_do_not_start_together() {
        let now = Instant::now();
        let mut hosts = HostBudgets::new(2, DELAY);
        hosts.claimed(&host("a"), now);
        hosts.claimed(&host("a"), now + DELAY);
        let late = now + 5 * DELAY;
        assert_eq!(hosts.starts(&host("a"), late), Duration::ZERO);
        assert_eq!(hosts.starts(&host("a"), late), DELAY);
        assert_eq!(hosts.starts(&host("elsewhere"), late), Duration::ZERO);
    }

    #[test]
    fn pages_keep_their_distance_and_take_no_slot_of_a_poll() {
        let now = Instant::now();
        let mut hosts = HostBudgets::new(1, DELAY);
        assert!(hosts.page_starts(&host("a"), now));
        assert!(!hosts.page_starts(&host("a"), now), "within the delay");
        assert!(hosts.page_starts(&host("b"), now));
        assert_eq!(hosts.free_slots(now)[&host("a")], 0, "polls wait for the delay");
        assert_eq!(hosts.free_slots(now + DELAY), HashMap::new(), "and for nothing else");
        hosts.claimed(&host("a"), now + DELAY);
        assert!(!hosts.page_starts(&host("a"), now + DELAY), "a poll was claimed");
        assert!(hosts.page_starts(&host("a"), now + 2 * DELAY));
    }

    #[test]
    fn without_a_delay_only_the_number_counts() {
        let now = Instant::now();
        let mut hosts = HostBudgets::new(3, Duration::ZERO);
        assert_eq!(hosts.per_host_limit(), 3);
        hosts.claimed(&host("a"), now);
        hosts.claimed(&host("b"), now);
        hosts.claimed(&host("b"), now);
        assert_eq!(hosts.free_slots(now), HashMap::from([(host("a"), 2), (host("b"), 1)]));
    }

    #[test]
    fn the_next_look_is_when_a_delay_ends() {
        let now = Instant::now();
        let mut hosts = HostBudgets::new(1, DELAY);
        assert_eq!(hosts.next_free_at(now), None);
        hosts.claimed(&host("a"), now);
        assert_eq!(hosts.next_free_at(now), None, "its poll has to end first");
        hosts.finished(&host("a"));
        assert_eq!(hosts.next_free_at(now), Some(now + DELAY));
    }
}
