//! The task that notices what other processes write to the store, such as `gazetted poll` and `gazetted db prune`.

use std::time::Duration;

use tokio::sync::watch;

use super::trigger::STORE_RETRY;
use crate::store::{LogStamp, Store};

/// The time between two looks. With the waits of the exports, what another process has stored is exported within two seconds.
const INTERVAL: Duration = Duration::from_millis(400);

/// Reports changes of other processes as changes, so that exports, hooks, events and the index take them up. `wake` is told as
/// well: feeds may be due that were not.
///
/// A look only reads the size and time of SQLite's log. The writer is asked whose changes they were when the log has changed
/// since the last look, or before that one: the times of files are not exact.
pub(super) async fn watch_loop(
    store: Store,
    changes: watch::Sender<u64>,
    wake: watch::Sender<u64>,
) {
    let mut last = None;
    let mut seen: [Option<LogStamp>; 2] = [None; 2];
    loop {
        let stamp = store.log_stamp();
        if last.is_some() && stamp.is_some() && seen == [stamp; 2] {
            tokio::time::sleep(INTERVAL).await;
            continue;
        }
        match store.data_version().await {
            Ok(version) => {
                seen = [seen[1], stamp];
                if last.replace(version).is_some_and(|last| last != version) {
                    changes.send_modify(|n| *n += 1);
                    wake.send_modify(|n| *n += 1);
                }
                tokio::time::sleep(INTERVAL).await;
            }
            // Whoever writes something reports the failure.
            Err(_) => tokio::time::sleep(STORE_RETRY).await,
        }
    }
}
