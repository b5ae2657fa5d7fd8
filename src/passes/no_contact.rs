//! Polls that could not contact any server, and were left for later because the network seemed to be down.
//!
//! When a host is reached at the same time after all, the network was there, and these polls failed for reasons of their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockReadGuard};

use crate::domain::poll::Decision;

/// A host that is reached by a request which began at most this long after another one failed shows that the network was
/// there at that time. Longer, and it may just have come back.
const BESIDE: Duration = Duration::from_secs(5);

/// The name of a feed, and what was decided on its poll.
type Named = (String, Arc<Decision>);

/// How long a poll is kept here: requests rarely take longer.
const KEPT: Duration = Duration::from_mins(1);

/// The polls of the last moments that could not contact any server, in case that a host turns out to have been in reach.
#[derive(Default)]
pub(super) struct NoContacts {
    recent: Mutex<Vec<(Instant, Named)>>,
    /// Held for reading while such a poll is judged and stored.
    unsettled: RwLock<()>,
}

impl NoContacts {
    /// Notes such a poll. A host that is reached meanwhile waits for the end of the guard, so that it finds the poll stored or
    /// reverted.
    pub(super) async fn begin(
        &self,
        name: &str,
        decision: &Arc<Decision>,
    ) -> RwLockReadGuard<'_, ()> {
        let guard = self.unsettled.read().await;
        let mut recent = self.recent();
        let feed = decision.feed;
        recent.retain(|(at, (_, earlier))| at.elapsed() < KEPT && earlier.feed != feed);
        recent.push((Instant::now(), (name.to_owned(), Arc::clone(decision))));
        guard
    }

    /// Takes the polls that failed before or during a request of this duration that has just ended, or shortly before it.
    pub(super) async fn beside(&self, elapsed: Duration) -> Vec<Named> {
        if self.recent().is_empty() {
            return Vec::new();
        }
        let _all_are_settled = self.unsettled.write().await;
        let taken = std::mem::take(&mut *self.recent());
        let is_beside = |at: &Instant| at.elapsed() <= elapsed + BESIDE;
        taken.into_iter().filter(|(at, _)| is_beside(at)).map(|(_, named)| named).collect()
    }

    fn recent(&self) -> MutexGuard<'_, Vec<(Instant, Named)>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
