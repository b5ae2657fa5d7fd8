//! When a task of the daemon runs next. All waiting is by the wall clock, which can be set while a task
//! sleeps.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::polling::schedule::Cadence;

/// The wait after a change, so that changes in quick succession are exported together.
pub(super) const DEBOUNCE: Duration = Duration::from_secs(1);

/// The longest sleep between two readings of the clock: after a suspend, or after the clock was set, the
/// schedule is right again within this time.
pub(super) const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// The wait after a failure of the store, for a disk to be cleared or a lock to be released.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(5);

/// The first time after `now` at which the cadence is due.
pub(super) fn next(cadence: &Cadence, now: Timestamp) -> Timestamp {
    match cadence {
        Cadence::Every(interval) => now + *interval,
        Cadence::Cron(cron) => cron.next_after(now).unwrap_or(now + TimeDelta::days(1)),
        Cadence::Adaptive => now + TimeDelta::hours(1), // The configuration has no such export.
    }
}

pub(super) async fn sleep_until(at: Timestamp) {
    while let Ok(wait) = (at - clock::now_precise()).to_std()
        && !wait.is_zero()
    {
        tokio::time::sleep(wait.min(CLOCK_CHECK_INTERVAL)).await;
    }
}

/// Waits for a change and for those that follow it closely; at most [`CLOCK_CHECK_INTERVAL`].
pub(super) async fn change_or_check(changes: &mut watch::Receiver<u64>) {
    match timeout(CLOCK_CHECK_INTERVAL, changes.changed()).await {
        Ok(Ok(())) => tokio::time::sleep(DEBOUNCE).await,
        Ok(Err(_)) => tokio::time::sleep(CLOCK_CHECK_INTERVAL).await,
        Err(_) => {}
    }
}
