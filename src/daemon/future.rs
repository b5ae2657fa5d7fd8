//! The task that announces articles whose date was ahead, when their time has come.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::config::Config;
use crate::passes::future::announce;
use crate::store::{Announced, Store};
use crate::telemetry::events;

/// The longest wait. The clock may be set, and a process beside the daemon may store articles.
const LONGEST: Duration = Duration::from_mins(1);

pub(super) fn start(
    tasks: &mut JoinSet<()>,
    config: &Config,
    store: &Store,
    changes: &watch::Sender<u64>,
) {
    tasks.spawn(announce_in_time(store.clone(), config.clone(), changes.clone()));
}

async fn announce_in_time(store: Store, config: Config, changes: watch::Sender<u64>) {
    let mut news = changes.subscribe();
    loop {
        match announce(&store, &config, clock::now()).await {
            Ok(Announced { articles, next }) => {
                if articles != 0 {
                    changes.send_modify(|n| *n += 1);
                }
                news.mark_unchanged();
                let wait = next.map(|next| next - clock::now_precise());
                let wait = wait.and_then(|wait| wait.to_std().ok()).unwrap_or(LONGEST);
                // Each poll may have stored an article whose time comes sooner.
                timeout(wait.min(LONGEST), news.changed()).await.ok();
            }
            Err(error) => {
                events::store_error("announce articles", &error);
                sleep(LONGEST).await;
            }
        }
    }
}
