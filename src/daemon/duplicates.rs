//! The task that looks for new articles that another feed had before.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::trigger::{CLOCK_CHECK_INTERVAL, STORE_RETRY};
use crate::passes::duplicates::DuplicateSearch;
use crate::store::{Matched, Store};
use crate::telemetry::events;

/// The wait after a change. It is shorter than that of exports and hooks, which hear only of what was decided.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// Decides in batches whenever something was stored, and then reports it as another change. A process beside the daemon
/// may store articles as well.
pub(super) async fn match_loop(store: Store, changes: watch::Sender<u64>) {
    let mut news = changes.subscribe();
    let mut search = DuplicateSearch::new(store);
    loop {
        match search.advance().await {
            Ok(Matched { advanced, has_more, .. }) => {
                if advanced {
                    changes.send_modify(|n| *n += 1);
                    news.mark_unchanged();
                }
                if has_more || advanced {
                    // A poll may have stored something before its change was marked as seen.
                    tokio::task::yield_now().await;
                    continue;
                }
                if let Ok(Err(_)) = timeout(CLOCK_CHECK_INTERVAL, news.changed()).await {
                    return;
                }
                tokio::time::sleep(DEBOUNCE).await;
            }
            Err(error) => {
                events::store_error("look for duplicates", &error);
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}
