//! Reads the clock. No other module does; all others get the time as an argument named `now`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use chrono::SubsecRound;
use nix::time::{ClockId, clock_gettime};

use crate::domain::time::{TimeDelta, Timestamp};

/// The current time in whole seconds, as the store keeps it. It is cut off, not rounded, so it is never in the future.
pub fn now() -> Timestamp {
    now_precise().trunc_subsecs(0)
}

/// The current time with its fraction of a second, for timers. With whole seconds, a poll could start up to a second
/// late.
///
/// The clock can jump (time synchronisation, an operator, a laptop that wakes up). Durations are measured with
/// [`std::time::Instant`], which cannot jump but stops while the machine sleeps. A jump shows as a difference
/// between the two.
pub fn now_precise() -> Timestamp {
    own() + TimeDelta::milliseconds(AHEAD.load(Ordering::Relaxed))
}

/// The clock of this machine.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn own() -> Timestamp {
    SystemTime::now().into()
}

/// How far the clock that is followed is ahead of that of this machine, in milliseconds.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// A difference of two clocks below this is taken for the time that the question took, in seconds.
const TOLERANCE: f64 = 0.25;

/// Follows another clock from now on, such as that of a server that several machines share. `seconds` since 1970 is what it
/// showed at some time while the question took so long. Durations do not change.
pub fn follow(seconds: f64, took: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
    let own = own().timestamp_millis() as f64 / 1e3;
    if let Some(ahead) = new_difference(own, (seconds, took.as_secs_f64()), difference()) {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
        AHEAD.store((ahead * 1e3) as i64, Ordering::Relaxed);
    }
}

/// How far another clock is ahead that showed `shown` at some time in the `took` seconds before `own`. `None` if it may as well
/// be as far ahead as is known.
fn new_difference(own: f64, (shown, took): (f64, f64), known: f64) -> Option<f64> {
    let ahead = shown - (own - took / 2.0);
    (took + TOLERANCE < (ahead - known).abs()).then_some(ahead)
}

/// How far the clock that is followed is ahead of that of this machine, in seconds.
pub fn difference() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    let ahead = AHEAD.load(Ordering::Relaxed) as f64;
    ahead / 1e3
}

/// The time that the calling thread has worked. It stands still while the thread waits, for other programs too, so that a
/// busy machine makes no document slow.
pub fn work_of_this_thread() -> Duration {
    // Every system that this program runs on has this clock.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_a_thread_is_measured() {
        let before = work_of_this_thread();
        let mut sum = 0_u64;
        while work_of_this_thread() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(before < work_of_this_thread());
    }

    #[test]
    fn another_clock_is_followed_when_it_certainly_differs() {
        assert_eq!(new_difference(1_000.0, (1_000.1, 0.0), 0.0), None);
        assert_eq!(new_difference(1_000.0, (4_600.0, 2.0), 0.0), Some(3_601.0));
        assert_eq!(new_difference(1_000.0, (1_000.9, 2.0), 0.0), None, "the answer was slow");
        assert_eq!(new_difference(1_000.0, (1_000.0, 0.0), 3_600.0), Some(0.0), "ours was set");
    }

    #[test]
    fn now_has_no_fraction_and_is_not_in_the_future() {
        let cut = now();
        let precise = now_precise();
        assert_eq!(cut.timestamp_subsec_nanos(), 0);
        assert!(cut <= precise, "{cut} {precise}");
    }
}
