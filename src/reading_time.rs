//! How long reading one document may take.
//!
//! A thread cannot be stopped from outside. Therefore loops over a publisher's text call [`is_over`] at each step, and stop
//! when it is true, as if the text had ended. [`ReadingTime::bound`] then drops all that was read. The time is a
//! property of the thread, because otherwise every function that reads a part of a document would have to pass it on
//! (docs/decisions/0021).

use std::cell::Cell;
use std::io::{self, Read};
use std::time::Duration;

/// The clock is read once in as many steps. A step takes a microsecond at most, apart from those that ask
/// [`is_over_now`].
const STEPS: u32 = 256;

/// The time that reading may take, and the clock that measures it.
#[derive(Clone, Copy, Debug)]
pub struct ReadingTime {
    pub limit: Duration,
    /// The time that the calling thread has worked.
    pub clock: fn() -> Duration,
}

/// Reading a document took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reading it took more than {} of computing time (raise [fetch] read_timeout if that is right)", text(self.0))]
pub struct TookTooLong(pub Duration);

fn text(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

/// Work whose time is measured.
#[derive(Clone, Copy)]
struct Running {
    clock: fn() -> Duration,
    end: Duration,
    is_over: bool,
}

thread_local! {
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
    /// Steps until the clock is read. They are counted apart from the rest, because a step takes few instructions.
    static STEPS_LEFT: Cell<u32> = const { Cell::new(0) };
}

/// Ends the measuring, also when the work panics.
struct Outer(Option<Running>);

impl Drop for Outer {
    fn drop(&mut self) {
        RUNNING.set(self.0);
        STEPS_LEFT.set(0);
    }
}

impl ReadingTime {
    /// Does the work, whose loops ask [`is_over`].
    ///
    /// # Errors
    /// When the time was over before the work was done.
    pub fn bound<T>(self, work: impl FnOnce() -> T) -> Result<T, TookTooLong> {
        let Self { limit, clock } = self;
        let end = clock().saturating_add(limit);
        let running = Running { clock, end, is_over: false };
        let outer = Outer(RUNNING.replace(Some(running)));
        STEPS_LEFT.set(STEPS);
        let done = work();
        let over = is_over_now();
        drop(outer);
        if over { Err(TookTooLong(limit)) } else { Ok(done) }
    }
}

/// Counts one step, and says whether the time is over. It never is outside [`ReadingTime::bound`].
#[inline]
pub fn is_over() -> bool {
    match STEPS_LEFT.get() {
        0 => is_over_now(),
        left => {
            STEPS_LEFT.set(left - 1);
            false
        }
    }
}

/// Whether the time is over, for steps that may take long.
pub fn is_over_now() -> bool {
    let is_over = RUNNING.get().is_some_and(|running| {
        let is_over = running.is_over || running.end < (running.clock)();
        RUNNING.set(Some(Running { is_over, ..running }));
        is_over
    });
    // Once the time is over, each step asks here.
    STEPS_LEFT.set(if is_over { 0 } else { STEPS });
    is_over
}

/// Ends a stream when the time for reading is over.
pub struct Bounded<R>(pub R);

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if is_over_now() { Ok(0) } else { self.0.read(buffer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static TICKS: Cell<u64> = const { Cell::new(0) };
    }

    /// A clock that advances by a second whenever it is read.
    fn ticking() -> Duration {
        Duration::from_secs(TICKS.replace(TICKS.get() + 1))
    }

    fn steps() -> usize {
        (0..100_000).take_while(|_| !is_over()).count()
    }

    #[test]
    fn work_ends_when_its_time_is_over() {
        let time = ReadingTime { limit: Duration::from_secs(3), clock: ticking };
        let mut done = 0;
        let ended = time.bound(|| done = steps());
        assert_eq!(ended, Err(TookTooLong(time.limit)));
        assert_eq!(done, 4 * (STEPS as usize + 1) - 1);
        assert_eq!(
            ended.unwrap_err().to_string(),
            "reading it took more than 3 s of computing time (raise [fetch] read_timeout if that is right)"
        );
        // It stays over.
        let again = time.bound(|| {
            let first = steps();
            (first, steps())
        });
        assert!(again.is_err());
    }

    #[test]
    fn quick_work_is_done_and_nothing_is_measured_after_it() {
        let time = ReadingTime { limit: Duration::from_secs(3), clock: ticking };
        assert_eq!(time.bound(is_over), Ok(false));
        assert_eq!(steps(), 100_000);
        let panicked = std::panic::catch_unwind(|| time.bound(|| panic!("part of a test")));
        assert!(panicked.is_err());
        assert_eq!(steps(), 100_000, "a panic ends the measuring");
    }
}
