//! The task that compares the health of feeds with what was reported, if an export reports it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::clock;
use crate::config::{Config, Target};
use crate::domain::hook::HookSubject;
use crate::passes::feed_health::observe;
use crate::store::Store;
use crate::telemetry::events;

/// The time between two comparisons: short enough for consumers, and long enough to cost next to nothing.
const INTERVAL: Duration = Duration::from_secs(5);

pub(super) fn start(
    tasks: &mut JoinSet<()>,
    config: &Config,
    store: &Store,
    changes: &watch::Sender<u64>,
) {
    let is_of_health = |target: &Target| matches!(target, Target::Hook(hook) if hook.subject == HookSubject::FeedHealth);
    if config.exports.iter().any(|export| is_of_health(&export.target)) {
        tasks.spawn(watch_health(store.clone(), changes.clone()));
    }
}

async fn watch_health(store: Store, changes: watch::Sender<u64>) {
    loop {
        match observe(&store, clock::now()).await {
            Ok(0) => {}
            Ok(_) => changes.send_modify(|n| *n += 1),
            Err(error) => events::store_error("look at the health of feeds", &error),
        }
        sleep(INTERVAL).await;
    }
}
