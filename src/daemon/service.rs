//! Notifications to systemd (`sd_notify(3)`), the background tasks, and the removal of left-overs. Without systemd the notifications do
//! nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{Config, Target};
use crate::deliver::leftovers;
use crate::store::Store;
use crate::telemetry::events;

/// Starts the loop that notices other processes and, if systemd asks for it, the watchdog. Dropping the value aborts them.
pub(super) fn start(
    store: &Store,
    changes: &watch::Sender<u64>,
    wake: watch::Sender<u64>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(super::other_processes::watch_loop(store.clone(), changes.clone(), wake));
    #[cfg(target_os = "linux")]
    if std::process::id() == 1 {
        tasks.spawn(super::deadline::reap_orphans());
    }
    if let Some(limit) = sd_notify::watchdog_enabled() {
        tasks.spawn(watchdog(store.clone(), limit));
    }
    tasks
}

/// Starts the loops that only the leader of the processes that share a store runs. Dropping the value aborts them.
pub(super) fn start_leader(store: &Store, changes: &watch::Sender<u64>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(super::duplicates::match_loop(store.clone(), changes.clone()));
    tasks.spawn(super::index::index_loop(store.clone(), changes.subscribe()));
    tasks
}

/// Removes what killed processes have left beside the store, the exports and the configuration.
pub(super) fn sweep(config: &Config) {
    let files = config.exports.iter().filter_map(|export| match &export.target {
        Target::File(file) => Some(&file.path),
        Target::Hook(_) => None,
    });
    let of_files = files.chain([&config.path]).flat_map(|path| leftovers::sweep_temporary(path));
    let of_store = config.store.location.local_file().map(leftovers::sweep_copies);
    for path in of_store.into_iter().flatten().chain(of_files) {
        events::leftover_removed(&path);
    }
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
/// and a restart may help. A store on a server only has to give an answer.
async fn watchdog(store: Store, limit: Duration) {
    let interval = limit / 3;
    loop {
        let began = Instant::now();
        match timeout(interval, store.ping()).await {
            Ok(Ok(())) => notify(&[NotifyState::Watchdog]),
            Ok(Err(error)) => {
                events::store_error("answer the watchdog", &error);
                // A restart does not bring a server back, and systemd gives up after a few.
                if store.is_shared() {
                    notify(&[NotifyState::Watchdog]);
                }
            }
            Err(_) => events::watchdog_withheld(began.elapsed()),
        }
        tokio::time::sleep(interval.saturating_sub(began.elapsed())).await;
    }
}

/// Errors are ignored: the daemon can run without its service manager.
fn notify(states: &[NotifyState<'_>]) {
    sd_notify::notify(states).ok();
}
