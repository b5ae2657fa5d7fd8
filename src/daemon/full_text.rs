//! The task that fetches the pages of articles.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::trigger::STORE_RETRY;
use crate::config::Config;
use crate::passes::full_text::PageFetcher;
use crate::passes::poll::Poller;
use crate::store::Store;
use crate::telemetry::events;

/// Starts the task. It also runs without a feed whose pages are fetched, to announce articles that were held back before
/// the configuration was changed.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    config: &Config,
    store: &Store,
    poller: &Arc<Poller>,
    changes: &watch::Sender<u64>,
) {
    let fetcher = PageFetcher::new(store.clone(), Arc::clone(poller), config);
    tasks.spawn(fetch_pages(Arc::new(fetcher), store.clone(), changes.clone()));
}

async fn fetch_pages(fetcher: Arc<PageFetcher>, store: Store, changes: watch::Sender<u64>) {
    loop {
        // The leases are those of a task that was ended with an earlier configuration, or of a process that died.
        let ready = async {
            if !store.is_shared() {
                store.release_pages().await?;
            }
            fetcher.sync().await
        };
        match ready.await {
            Ok(()) => break,
            Err(error) => {
                events::store_error("look at the queue of article pages", &error);
                sleep(STORE_RETRY).await;
            }
        }
    }
    fetcher.keep_up(changes).await;
}
