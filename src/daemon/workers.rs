//! The heartbeats of a worker that shares its store with others: it renews its leases of shards, takes and hands back shards, follows
//! the clock of the server, and learns whether it is the leader, which indexes, exports and delivers for all workers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::config::Config;
use crate::domain::shard::Shard;
use crate::store::{Heartbeat, LEASE, Lock, Store, StoreError, Worker};
use crate::telemetry::events;

/// The time between two heartbeats. A lease outlasts several of them.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// No request is sent in the last part of a lease: what is sent before has reached its host when the lease ends.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a heartbeat may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The time between two looks whether a shard can be handed back, or its requests may begin.
const LOOK: Duration = Duration::from_millis(100);

/// Our clock may differ so much from that of the server before it is reported, in seconds.
const TOLERATED: f64 = 2.0;

/// This process as one of the workers of a store.
pub(super) struct Member {
    worker: Arc<Worker>,
    leadership: watch::Sender<bool>,
    wake: watch::Sender<u64>,
    /// It shows other processes that a daemon runs.
    _lock: Lock,
    heartbeats: JoinSet<()>,
}

impl Member {
    /// Introduces this process to the others, with the fingerprint of its list of feeds. From now on it sends no requests to hosts
    /// of shards that it has not leased.
    pub(super) async fn join(
        store: &Store,
        config: &Config,
        list: i64,
        (wake, lock): (watch::Sender<u64>, Lock),
    ) -> Result<Self, StoreError> {
        store.shards().lease(HashMap::new(), Instant::now());
        let worker = introduction(config, list, store.new_id().await?);
        let mut member = Self {
            worker: Arc::new(worker),
            leadership: watch::Sender::new(false),
            wake,
            _lock: lock,
            heartbeats: JoinSet::new(),
        };
        member.begin(store);
        Ok(member)
    }

    /// Goes on with another configuration.
    pub(super) fn reconfigure(&mut self, store: &Store, config: &Config, list: i64) {
        self.worker = Arc::new(introduction(config, list, self.worker.id.clone()));
        self.begin(store);
    }

    fn begin(&mut self, store: &Store) {
        let heartbeats = Heartbeats {
            store: store.clone(),
            worker: Arc::clone(&self.worker),
            leadership: self.leadership.clone(),
            wake: self.wake.clone(),
        };
        self.heartbeats.abort_all();
        self.heartbeats = JoinSet::new();
        self.heartbeats.spawn(heartbeats.keep());
    }

    /// Whether this worker is the leader, as it changes.
    pub(super) fn leadership(&self) -> watch::Receiver<bool> {
        self.leadership.subscribe()
    }

    /// Hands back all that this worker has. Nothing of it may be in flight any more.
    pub(super) async fn leave(mut self, store: &Store) -> Result<(), StoreError> {
        self.heartbeats.shutdown().await;
        store.leave(self.worker).await
    }
}

fn introduction(config: &Config, feeds_hash: i64, id: String) -> Worker {
    let longest = config.feeds.iter().filter_map(|feed| feed.settings.request.timeout).max();
    Worker {
        id,
        name: format!("{}:{}", host_name(), std::process::id()),
        version: env!("CARGO_PKG_VERSION"),
        feeds_hash,
        longest_request: longest.unwrap_or_default().max(config.fetch.timeout).as_secs_f64(),
        host_delay: config.fetch.host_delay.as_secs_f64(),
    }
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "worker".to_owned())
}

struct Heartbeats {
    store: Store,
    worker: Arc<Worker>,
    leadership: watch::Sender<bool>,
    wake: watch::Sender<u64>,
}

impl Heartbeats {
    async fn keep(self) {
        let mut leased_until = Instant::now();
        loop {
            let began = Instant::now();
            let (mut surplus, mut quiet_until) = (Vec::new(), None);
            match timeout(PATIENCE, self.store.heartbeat(Arc::clone(&self.worker))).await {
                Ok(Ok(heartbeat)) => {
                    leased_until = began + Duration::from_secs_f64(LEASE).saturating_sub(MARGIN);
                    clock::follow(heartbeat.now, began.elapsed());
                    events::clock_differs(clock::difference(), TOLERATED);
                    events::other_list(!heartbeat.has_stored_list);
                    quiet_until = self.lease(&heartbeat, leased_until);
                    surplus = heartbeat.surplus;
                    self.leadership.send_if_modified(|now| {
                        std::mem::replace(now, heartbeat.is_leader) != heartbeat.is_leader
                    });
                }
                Ok(Err(error)) => events::store_error("renew the leases of this worker", &error),
                Err(_) => events::heartbeat_late(PATIENCE),
            }
            while began.elapsed() < HEARTBEAT {
                sleep(LOOK).await;
                self.hand_back(&mut surplus).await;
                if quiet_until.is_some_and(|at| at <= Instant::now()) {
                    quiet_until = None;
                    self.wake.send_modify(|n| *n += 1);
                }
            }
            if leased_until <= Instant::now() {
                self.leadership.send_if_modified(|now| std::mem::replace(now, false));
            }
        }
    }

    /// Takes account of what is leased until then. Returns when the first shard may be used that may not be used yet.
    fn lease(&self, heartbeat: &Heartbeat, until: Instant) -> Option<Instant> {
        let now = Instant::now();
        let kept = heartbeat.shards.iter().filter(|(shard, _)| !heartbeat.surplus.contains(shard));
        let from = kept.map(|(shard, quiet_until)| {
            let wait = Duration::try_from_secs_f64(quiet_until - heartbeat.now).unwrap_or_default();
            (*shard, now + wait)
        });
        let (has_new, next) = self.store.shards().lease(from.collect(), until);
        if has_new {
            self.wake.send_modify(|n| *n += 1);
        }
        next
    }

    /// Hands those of the shards back in which nothing is in flight.
    async fn hand_back(&self, surplus: &mut Vec<Shard>) {
        let is_idle = |shard: &Shard| self.store.shards().are_idle(std::slice::from_ref(shard));
        let idle: Vec<Shard> = surplus.iter().copied().filter(is_idle).collect();
        if idle.is_empty() {
            return;
        }
        surplus.retain(|shard| !idle.contains(shard));
        if let Err(error) = self.store.hand_back(Arc::clone(&self.worker), idle).await {
            events::store_error("hand shards back", &error);
        }
    }
}
