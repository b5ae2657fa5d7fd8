//! What all tests share: feeds as text, a server that hands them out, the program in a folder of its own.

pub(crate) mod browser;
pub(crate) mod disk;
pub(crate) mod feeds;
pub(crate) mod http;
pub(crate) mod program;
pub(crate) mod server;
pub(crate) mod store;

use std::thread;
use std::time::{Duration, Instant};

/// Long after everything that is waited for has happened on the slowest machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// Waits until `look` finds something.
///
/// # Panics
/// At the deadline, naming `what` was waited for.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Tells whoever runs a test what it cannot do here.
#[expect(clippy::print_stdout, reason = "it is what tests print")]
pub(crate) fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// A number of a fixed, well-mixed series: tests that scatter do so the same way every time.
pub(crate) struct Series(u64);

impl Series {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `bound`.
    pub(crate) fn next(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX constants; the low bits of such a series are poor.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
