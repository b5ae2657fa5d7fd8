//! The task that removes old articles, if an age is configured.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;
use crate::config::Config;
use crate::passes::retain::{Retention, prune};
use crate::store::Store;
use crate::telemetry::events;

/// The time between two runs: short, so that the articles of a day are not removed all at once, and long enough
/// to cost nothing.
const INTERVAL: Duration = Duration::from_hours(1);

pub(super) fn start(
    tasks: &mut JoinSet<()>,
    config: &Config,
    store: &Store,
    changes: &watch::Sender<u64>,
) {
    let ages = Retention::of(config, None);
    if !ages.is_forever() {
        tasks.spawn(keep_pruned(store.clone(), ages, changes.clone()));
    }
}

async fn keep_pruned(store: Store, ages: Retention, changes: watch::Sender<u64>) {
    loop {
        match prune(&store, &ages, clock::now()).await {
            Ok(0) => {}
            Ok(articles) => {
                events::pruned(articles);
                changes.send_modify(|n| *n += 1);
            }
            Err(error) => events::store_error("prune articles", &error),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
