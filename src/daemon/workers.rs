//! The beats of a worker that shares its store with others: it renews its leases of shards, takes and hands back shards, follows
//! the clock of the server, and learns whether it does what is done once for all workers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::config::Config;
use crate::domain::shard::Shard;
use crate::store::{Beat, LEASE, Lock, Store, StoreError, Worker};
use crate::telemetry::events;

/// The time between two beats. A lease outlasts several of them.
const BEAT: Duration = Duration::from_secs(5);

/// No request is sent in the last part of a lease: what is sent before has reached its host when the lease ends.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a beat may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The time between two looks whether a shard can be handed back, or its requests may begin.
const LOOK: Duration = Duration::from_millis(100);

/// Our clock may differ so much from that of the server before it is reported, in seconds.
const TOLERATED: f64 = 2.0;

/// This process as one of the workers of a store.
pub(super) struct Member {
    worker: Arc<Worker>,
    does_once: watch::Sender<bool>,
    wake: watch::Sender<u64>,
    /// It shows other processes that a daemon runs.
    _lock: Lock,
    beats: JoinSet<()>,
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
            does_once: watch::Sender::new(false),
            wake,
            _lock: lock,
            beats: JoinSet::new(),
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
        let beats = Beats {
            store: store.clone(),
            worker: Arc::clone(&self.worker),
            does_once: self.does_once.clone(),
            wake: self.wake.clone(),
        };
        self.beats.abort_all();
        self.beats = JoinSet::new();
        self.beats.spawn(beats.keep());
    }

    /// Whether this worker does what is done once for all workers.
    pub(super) fn does_once(&self) -> watch::Receiver<bool> {
        self.does_once.subscribe()
    }

    /// Hands back all that this worker has. Nothing of it may be in flight any more.
    pub(super) async fn leave(mut self, store: &Store) -> Result<(), StoreError> {
        self.beats.shutdown().await;
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

struct Beats {
    store: Store,
    worker: Arc<Worker>,
    does_once: watch::Sender<bool>,
    wake: watch::Sender<u64>,
}

impl Beats {
    async fn keep(self) {
        let mut leased_until = Instant::now();
        loop {
            let began = Instant::now();
            let (mut surplus, mut quiet_until) = (Vec::new(), None);
            match timeout(PATIENCE, self.store.beat(Arc::clone(&self.worker))).await {
                Ok(Ok(beat)) => {
                    leased_until = began + Duration::from_secs_f64(LEASE).saturating_sub(MARGIN);
                    clock::follow(beat.now, began.elapsed());
                    events::clock_differs(clock::difference(), TOLERATED);
                    events::other_list(!beat.has_stored_list);
                    quiet_until = self.lease(&beat, leased_until);
                    surplus = beat.surplus;
                    self.does_once.send_if_modified(|now| {
                        std::mem::replace(now, beat.does_once) != beat.does_once
                    });
                }
                Ok(Err(error)) => events::store_error("renew the leases of this worker", &error),
                Err(_) => events::beat_late(PATIENCE),
            }
            while began.elapsed() < BEAT {
                sleep(LOOK).await;
                self.hand_back(&mut surplus).await;
                if quiet_until.is_some_and(|at| at <= Instant::now()) {
                    quiet_until = None;
                    self.wake.send_modify(|n| *n += 1);
                }
            }
            if leased_until <= Instant::now() {
                self.does_once.send_if_modified(|now| std::mem::replace(now, false));
            }
        }
    }

    /// Takes account of what is leased until then. Returns when the first shard may be used that may not be used yet.
    fn lease(&self, beat: &Beat, until: Instant) -> Option<Instant> {
        let now = Instant::now();
        let kept = beat.shards.iter().filter(|(shard, _)| !beat.surplus.contains(shard));
        let from = kept.map(|(shard, quiet_until)| {
            let wait = Duration::try_from_secs_f64(quiet_until - beat.now).unwrap_or_default();
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
