//! Floor 4: the process that runs for months. It owns the clock's ticks, the signals and the tasks; what
//! is to be done at a tick is decided further down.

mod exports;
mod hooks;
mod retain;
mod server;
mod service;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock;
use crate::config::Config;
use crate::domain::poll::{Applied, NextPoll};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::passes::index;
use crate::passes::poll::{CLAIM_ROUNDS, PollError, Polled, Poller, Wanted};
use crate::passes::sync::{Feeds, sync};
use crate::serve::Order;
use crate::store::{Lock, Role, Store};
use crate::telemetry::events;

use exports::Exports;
use server::Server;

/// The longest sleep between two looks at the clock: a machine that slept, or whose clock was set, is
/// back to its plan within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// How long to wait for more polls to end before looking for others to start.
const GATHER: Duration = Duration::from_millis(50);

/// While our own network is down: so many feeds are asked, so often.
const PROBES: usize = 4;
const PROBE_EVERY: Duration = Duration::from_secs(15);

/// After the store failed: time for a disk to be cleared or a lock to go.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// How long polls in flight may go on after SIGTERM. With the rest, the end comes within 5 s.
const GRACE: Duration = Duration::from_secs(4);

/// Orders over HTTP that may wait.
const ORDERS: usize = 4;

/// Reads the configuration again; the error is for the log, rendered.
pub type Load<'a> = &'a dyn Fn() -> Result<Config, String>;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start: no lock, no store, no signals. Once it runs it stays, whatever fails.
pub async fn run(config: Config, load: Load<'_>) -> Result<()> {
    let mut signals = Signals::listen()?;
    let _lock = tokio::select! {
        lock = lock(&config.store.path) => lock?,
        _ = signals.terminate.recv() => return Ok(()),
        _ = signals.interrupt.recv() => return Ok(()),
    };
    let store = Store::open(&config.store.path)?;
    store.release_all().await?; // The lock is ours: whoever held a lease is dead.
    let (changes, news) = watch::channel(0_u64);
    let (orders, mut ordered) = mpsc::channel(ORDERS);
    let server = Server::start(config.server.as_ref(), &store, orders, news.clone())?;
    let mut state = State::start(config, store, changes, server).await?;
    let background = service::start(&state.store, news);
    events::daemon_started(
        &state.config.path,
        &state.config.store.path,
        state.config.feeds.len(),
        state.config.exports.len(),
        clock::now(),
    );
    service::ready(&state.config);
    let because = loop {
        tokio::select! {
            () = sleep_until(state.wake) => state.tick().await,
            Some(polled) = state.polls.join_next() => state.finished(polled),
            _ = signals.reload.recv() => { state.reload(load).await.ok(); }
            Some(order) = ordered.recv() => state.obey(order, load).await,
            _ = signals.terminate.recv() => break "SIGTERM",
            _ = signals.interrupt.recv() => break "SIGINT",
        }
    };
    service::stopping();
    drop(background);
    state.stop(because, &mut signals).await;
    Ok(())
}

/// Waits for a `poll` that is under way, but not for another daemon.
async fn lock(store: &Path) -> Result<Lock> {
    let mut said = false;
    loop {
        match Lock::take(store, Role::Daemon) {
            Err(crate::store::LockError::Held { role: Some(Role::Once), holder, .. }) => {
                if !said {
                    events::waiting_for_lock(store, &holder);
                    said = true;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            other => return Ok(other?),
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("could not listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            reload: listen(SignalKind::hangup())?,
        })
    }
}

/// The daemon between two events.
struct State {
    config: Config,
    store: Store,
    poller: Arc<Poller>,
    polls: JoinSet<Result<Option<Polled>, PollError>>,
    exports: Exports,
    /// Of earlier configurations, with a last delivery under way.
    leaving: JoinSet<()>,
    retention: JoinSet<()>,
    server: Server,
    /// Bumped whenever a poll stored something.
    changes: watch::Sender<u64>,
    wake: Instant,
    /// More feeds are due than there was room for.
    backlog: bool,
    /// Our own network was down when the last poll ended.
    cut_off: bool,
    /// The last look at both clocks, to notice that one of them jumped.
    seen: (Instant, Timestamp),
}

impl State {
    async fn start(
        config: Config,
        store: Store,
        changes: watch::Sender<u64>,
        server: Server,
    ) -> Result<Self> {
        let now = clock::now();
        let synced = sync(&store, &config, now).await?;
        let poller = Arc::new(Poller::new(store.clone(), &config, synced.feeds)?);
        Exports::register(&config, &store).await?; // Before the first poll, which is theirs.
        let exports = Exports::start(&config, &store, &changes)?;
        let retention = retain::start(&config, &store, &changes);
        server.set_ready();
        Ok(Self {
            config,
            store,
            poller,
            polls: JoinSet::new(),
            exports,
            leaving: JoinSet::new(),
            retention,
            server,
            changes,
            wake: Instant::now(),
            backlog: false,
            cut_off: false,
            seen: (Instant::now(), now),
        })
    }

    /// Claims what is due, as far as there is room, and sleeps until more is.
    async fn tick(&mut self) {
        let now = clock::now();
        self.notice_jump(now);
        let cut_off = self.poller.is_cut_off();
        let room = if cut_off { PROBES } else { self.room() };
        let wanted = Wanted { limit: room, ..Wanted::default() };
        match self.poller.claim(wanted, now).await {
            Ok(claimed) => {
                self.backlog = claimed.next_due.is_some_and(|at| at <= now);
                for job in claimed.jobs {
                    let poller = Arc::clone(&self.poller);
                    self.polls.spawn(async move { poller.poll(job).await });
                }
                // Feeds that wait for their host do not keep those of other hosts waiting.
                self.wake = Instant::now() + until(claimed.next_to_come);
                if self.backlog {
                    self.wake = self.wake.min(self.next_room());
                }
                if cut_off {
                    self.wake = Instant::now() + PROBE_EVERY;
                }
            }
            Err(error) => {
                events::store_error("claim feeds", &error);
                self.wake = Instant::now() + STORE_RETRY;
            }
        }
    }

    /// Polls that may be added.
    fn room(&self) -> usize {
        (CLAIM_ROUNDS * self.config.fetch.concurrency).saturating_sub(self.polls.len())
    }

    /// When a host that is spared between two requests may be asked again; a poll that ends before that
    /// makes room as well.
    fn next_room(&self) -> Instant {
        let next = self.poller.next_free_at().map(Instant::from_std);
        next.unwrap_or_else(|| Instant::now() + LONGEST_SLEEP)
    }

    fn finished(
        &mut self,
        polled: Result<Result<Option<Polled>, PollError>, tokio::task::JoinError>,
    ) {
        match polled {
            Ok(Ok(Some(polled))) => {
                if polled.applied != Applied::default() {
                    self.changes.send_modify(|n| *n += 1);
                }
                // When the feeds were claimed, this one was leased and its next poll not yet planned.
                if polled.next.at.is_some() {
                    self.wake = self.wake.min(Instant::now() + until(polled.next.at));
                }
            }
            Ok(Ok(None)) => {}
            // The lease runs out and the feed is polled again.
            Ok(Err(PollError::Store(error))) => events::store_error("store a poll", &error),
            Ok(Err(PollError::Parser(error))) => events::task_died("parse", &error),
            Err(error) => events::task_died("poll", &error),
        }
        if self.poller.is_cut_off() {
            self.cut_off = true;
            return; // The next look is when the next probes are due.
        }
        if std::mem::take(&mut self.cut_off) {
            self.wake = Instant::now();
        }
        // Many polls end together: one look serves them all.
        if self.backlog && self.config.fetch.concurrency <= self.room() {
            self.wake = self.wake.min(self.next_room()).min(Instant::now() + GATHER);
        }
    }

    fn notice_jump(&mut self, now: Timestamp) {
        let (instant, wall) = self.seen;
        let expected = wall + TimeDelta::from_std(instant.elapsed()).unwrap_or_default();
        let jump = (now - expected).num_seconds();
        if 60 < jump.abs() {
            events::clock_jumped(jump);
        }
        self.seen = (Instant::now(), now);
    }

    /// Takes up the changed configuration as a whole, or leaves everything as it is.
    async fn reload(&mut self, load: Load<'_>) -> Result<(), String> {
        service::reloading();
        let reloaded = self.reloaded(load).await;
        match &reloaded {
            Ok(()) => events::config_reloaded(
                &self.config.path,
                self.config.feeds.len(),
                self.config.exports.len(),
                clock::now(),
            ),
            Err(reason) => events::config_rejected(&self.config.path, reason),
        }
        service::ready(&self.config);
        reloaded
    }

    /// What came over HTTP. Whoever asked may be gone by the time of the answer.
    async fn obey(&mut self, order: Order, load: Load<'_>) {
        match order {
            Order::Reload(answer) => {
                answer.send(self.reload(load).await).ok();
            }
            Order::Poll(feeds, answer) => {
                let now = clock::now();
                let plans = feeds
                    .into_iter()
                    .map(|(feed, because)| (feed, NextPoll { at: Some(now), because }))
                    .collect();
                let planned = self.store.replan(plans).await;
                self.wake = Instant::now();
                answer.send(planned.map_err(|error| error.to_string())).ok();
            }
        }
    }

    async fn reloaded(&mut self, load: Load<'_>) -> Result<(), String> {
        let config = load()?;
        if config.store.path != self.config.store.path {
            return Err("[store] path changed: that takes a restart".to_owned());
        }
        let chain = |error: anyhow::Error| format!("{error:#}");
        // What can fail comes first: a fetcher that cannot be made must not leave half a change.
        Poller::new(self.store.clone(), &config, Feeds::default())
            .map_err(|error| chain(error.into()))?;
        let server = self.server.prepare(config.server.as_ref());
        let server = server.map_err(|error| chain(error.into()))?;
        let synced =
            sync(&self.store, &config, clock::now()).await.map_err(|error| chain(error.into()))?;
        Exports::register(&config, &self.store).await.map_err(|error| chain(error.into()))?;
        let poller = Poller::new(self.store.clone(), &config, synced.feeds)
            .map_err(|error| chain(error.into()))?;
        self.poller = Arc::new(poller);
        self.server.change(server, config.server.as_ref(), &self.store);
        let exports = Exports::start(&config, &self.store, &self.changes)
            .map_err(|error| chain(error.into()))?;
        let before = std::mem::replace(&mut self.exports, exports);
        self.leaving.spawn(before.finish());
        while self.leaving.try_join_next().is_some() {}
        self.retention = retain::start(&config, &self.store, &self.changes);
        self.config = config;
        self.wake = Instant::now();
        Ok(())
    }

    /// Lets polls in flight finish for a while, then lets go of them.
    async fn stop(mut self, because: &str, signals: &mut Signals) {
        events::daemon_stopping(because, self.polls.len());
        let server = self.server.stop();
        let all = async {
            while let Some(polled) = self.polls.join_next().await {
                if let Ok(Err(PollError::Store(error))) = polled {
                    events::store_error("store a poll", &error);
                }
            }
        };
        let (exports, mut leaving) = (self.exports.finish(), self.leaving);
        let hooks = async { while leaving.join_next().await.is_some() {} };
        let all = async { tokio::join!(all, server, exports, hooks) };
        tokio::select! {
            _ = timeout(GRACE, all) => {}
            _ = signals.interrupt.recv() => {} // Impatience.
        }
        let abandoned = self.polls.len();
        self.polls.shutdown().await;
        // The last word to the store: what was written before it is committed.
        if let Err(error) = self.store.release_all().await {
            events::store_error("release feeds", &error);
        }
        events::daemon_stopped(abandoned);
    }
}

fn until(next_due: Option<Timestamp>) -> Duration {
    let wait = next_due.map(|at| at - clock::now_precise());
    wait.and_then(|wait| wait.max(TimeDelta::zero()).to_std().ok())
        .unwrap_or(LONGEST_SLEEP)
        .min(LONGEST_SLEEP)
}

/// Brings the text index up to date whenever something was stored, a batch at a time.
async fn keep_indexed(store: Store, mut changed: watch::Receiver<u64>) {
    loop {
        match index::advance(&store).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => {
                if changed.changed().await.is_err() {
                    return;
                }
                // What arrives together is indexed together.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => {
                events::store_error("index articles", &error);
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}
