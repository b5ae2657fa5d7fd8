//! The task that requests the icons of sites, with `[server] favicons = true`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::passes::icons::IconFetcher;
use crate::passes::poll::Poller;
use crate::store::Store;
use crate::telemetry::events;

/// The shortest wait between two looks for icons that are due.
const PAUSE: Duration = Duration::from_secs(10);

/// The longest one. A poll that stores something ends it, because a new feed may have a new site.
const LONGEST: Duration = Duration::from_mins(10);

pub(super) fn start(
    tasks: &mut JoinSet<()>,
    config: &Config,
    store: &Store,
    poller: &Arc<Poller>,
    changes: &watch::Sender<u64>,
) {
    if config.server.as_ref().is_some_and(|server| server.favicons) {
        let fetcher = IconFetcher::new(store.clone(), Arc::clone(poller), config);
        tasks.spawn(fetch_icons(fetcher, changes.subscribe()));
    }
}

async fn fetch_icons(fetcher: IconFetcher, mut news: watch::Receiver<u64>) {
    loop {
        news.borrow_and_update();
        if let Err(error) = fetcher.catch_up().await {
            events::store_error("request icons", &error);
        }
        sleep(PAUSE).await;
        timeout(LONGEST, news.changed()).await.ok();
    }
}
