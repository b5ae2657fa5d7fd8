//! The daemon's side of systemd (`sd_notify(3)`), and the tasks that run beside the polls. Everything here
//! is silent on a machine without systemd.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::Config;
use crate::store::Store;
use crate::telemetry::events;

/// Starts the index keeper and, where systemd watches, the watchdog. They end with the value.
pub(super) fn start(store: &Store, changed: watch::Receiver<u64>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(super::keep_indexed(store.clone(), changed));
    if let Some(limit) = sd_notify::watchdog_enabled() {
        tasks.spawn(watchdog(store.clone(), limit));
    }
    tasks
}

pub(super) fn ready(config: &Config) {
    let status = format!("{} feeds, {} exports", config.feeds.len(), config.exports.len());
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

pub(super) fn reloading() {
    // Newer systemd wants to know when the reload began.
    match NotifyState::monotonic_usec_now() {
        Ok(began) => tell(&[NotifyState::Reloading, began]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Feeds the watchdog only while the store takes writes: a daemon that cannot store is of no use, and a
/// restart may help.
async fn watchdog(store: Store, limit: Duration) {
    let interval = limit / 3;
    loop {
        let began = Instant::now();
        match timeout(interval, store.ping()).await {
            Ok(Ok(())) => tell(&[NotifyState::Watchdog]),
            Ok(Err(error)) => events::store_error("answer the watchdog", &error),
            Err(_) => events::watchdog_withheld(began.elapsed()),
        }
        tokio::time::sleep(interval.saturating_sub(began.elapsed())).await;
    }
}

/// A service manager that cannot be told is no reason to stop.
fn tell(states: &[NotifyState<'_>]) {
    sd_notify::notify(states).ok();
}
