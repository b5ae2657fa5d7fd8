//! What all tests share: feeds as text, a server that serves them, and the program in its own folder.

pub(crate) mod browser;
pub(crate) mod disk;
pub(crate) mod feeds;
pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod program;
#[path = "../../support/secure_server.rs"]
pub(crate) mod secure_server;
pub(crate) mod server;
#[path = "../../support/skip.rs"]
mod skip;
pub(crate) mod store;

use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound as _, Utc};

pub(crate) use postgres::store_is_file;
pub(crate) use skip::skip;

/// The longest wait for anything; the slowest machine needs less.
const DEADLINE: Duration = Duration::from_mins(1);

/// Waits until `look` returns something.
///
/// # Panics
/// At the deadline; the message contains `what`.
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

/// The time of the machine, in whole seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "tests compare what the program writes with the clock"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(0)
}

/// A fixed series of well-mixed numbers: tests that choose at random choose the same in every run.
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
