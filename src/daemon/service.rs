//! Notifications to systemd (`sd_notify(3)`) and the background tasks. Without systemd the notifications do
//! nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::Config;
use crate::store::Store;
use crate::telemetry::events;

/// Starts the index loop and, if systemd asks for it, the watchdog. Dropping the value aborts them.
pub(super) fn start(store: &Store, changed: watch::Receiver<u64>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(super::index::index_loop(store.clone(), changed));
    if let Some(limit) = sd_notify::watchdog_enabled() {
        tasks.spawn(watchdog(store.clone(), limit));
    }
    tasks
}

pub(super) fn ready(config: &Config) {
    let status = format!("{} feeds, {} exports", config.feeds.len(), config.exports.len());
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

pub(super) fn reloading() {
    // systemd 253 and later require the time at which the reload began.
    match NotifyState::monotonic_usec_now() {
        Ok(began) => notify(&[NotifyState::Reloading, began]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Notifies the watchdog only while the store accepts writes: a daemon that cannot store anything is useless,
/// and a restart may help.
async fn watchdog(store: Store, limit: Duration) {
    let interval = limit / 3;
    loop {
        let began = Instant::now();
        match timeout(interval, store.ping()).await {
            Ok(Ok(())) => notify(&[NotifyState::Watchdog]),
            Ok(Err(error)) => events::store_error("answer the watchdog", &error),
            Err(_) => events::watchdog_withheld(began.elapsed()),
        }
        tokio::time::sleep(interval.saturating_sub(began.elapsed())).await;
    }
}

/// Errors are ignored: the daemon can run without its service manager.
fn notify(states: &[NotifyState<'_>]) {
    sd_notify::notify(states).ok();
}
