//! The daemon: one event loop that owns the timer, the signals and the tasks. What has to be done at a
//! wake-up is decided by the passes.
//!
//! The loop owns one `State`; every event is one call of one of its methods, and nothing else changes it.

mod deadline;
mod duplicates;
mod exports;
mod file_watch;
mod full_text;
mod future;
mod health;
mod hooks;
mod icons;
mod index;
mod other_processes;
mod retain;
mod server;
mod service;
mod trigger;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock;
use crate::config::{Config, ConfigErrors};
use crate::domain::feed::FeedId;
use crate::domain::poll::{Applied, NextPoll};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::passes::poll::{CLAIM_ROUNDS, PollError, Polled, Poller, Wanted};
use crate::passes::sync::{Feeds, sync};
use crate::serve::{Command, ReloadError};
use crate::store::{Location, Lock, LockError, Role, Store};
use crate::telemetry::events;

pub use deadline::end_in_time;
use exports::Exports;
use file_watch::FileWatch;
use server::Server;
use trigger::{CLOCK_CHECK_INTERVAL, STORE_RETRY};
use workers::Member;

/// How long to wait for more polls to end before new ones are claimed.
const CLAIM_DEBOUNCE: Duration = Duration::from_millis(50);

/// While our own network is down, this many feeds are requested at this interval.
const PROBES: usize = 4;
const PROBE_EVERY: Duration = Duration::from_secs(15);

/// How long polls in flight may continue after SIGTERM. With this the daemon ends within 5 s.
const GRACE_PERIOD: Duration = Duration::from_secs(4);

/// How long the store may take to end the leases of abandoned polls. They expire by themselves.
const RELEASE_TIMEOUT: Duration = Duration::from_millis(300);

/// Both for a store that other workers write to as well, and which takes longer to take back what this one has leased.
const SHARED_GRACE_PERIOD: Duration = Duration::from_millis(2_800);
const HANDOVER_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The length of the queue of commands over HTTP.
const COMMAND_QUEUE: usize = 4;

/// Reads the configuration again. The error is text for the log.
pub type Load = Arc<dyn Fn() -> Result<Config, ConfigErrors> + Send + Sync>;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start: no lock, no store, no signals. Once it runs, no failure ends it.
pub async fn run(config: Config, load: &Load) -> Result<()> {
    let mut signals = Signals::listen()?;
    let lock = tokio::select! {
        lock = lock(&config.store.location) => lock?,
        _ = signals.terminate.recv() => return Ok(()),
        _ = signals.interrupt.recv() => return Ok(()),
    };
    let store = config.store.location.open()?;
    service::sweep(&config);
    if !store.is_shared() {
        store.release_all().await?; // We hold the lock, so the owners of all leases are dead.
    }
    let (changes, news) = watch::channel(0_u64);
    let (commands, mut received) = mpsc::channel(COMMAND_QUEUE);
    let server = Server::start(config.server.as_ref(), &store, commands, news.clone())?;
    let (wake, mut woken) = watch::channel(0_u64);
    let mut state = State::start(config, store, changes, server, (wake.clone(), lock)).await?;
    let mut leadership = state.leadership();
    let background = service::start(&state.store, &state.changes, wake);
    events::daemon_started(
        &state.config.path,
        &state.config.store.location,
        state.config.feeds.len(),
        state.config.exports.len(),
        clock::now(),
    );
    service::ready(&state.config);
    let mut looks = tokio::time::interval(file_watch::INTERVAL);
    let because = loop {
        tokio::select! {
            _ = looks.tick(), if state.config.watched.is_some() => {
                if state.files.has_settled_change() {
                    state.reload(load).await.ok();
                }
            }
            () = sleep_until(state.next_claim_at) => state.claim().await,
            Ok(()) = woken.changed(), if !state.poller.is_cut_off() => state.plans_changed(),
            Ok(()) = leadership.changed() => state.leadership_changed(*leadership.borrow_and_update()),
            Some(polled) = state.polls.join_next() => state.poll_finished(polled),
            _ = signals.reload.recv() => { state.reload(load).await.ok(); }
            Some(command) = received.recv() => state.handle_command(command, load).await,
            _ = signals.terminate.recv() => break "SIGTERM",
            _ = signals.interrupt.recv() => break "SIGINT",
        }
    };
    service::stopping();
    drop(background);
    state.stop(because, &mut signals).await;
    Ok(())
}

/// Takes the lock of the store. Waits for a running `gazetted poll`, but not for another daemon.
async fn lock(store: &Location) -> Result<Lock> {
    let mut logged = false;
    loop {
        match store.lock(Role::Daemon) {
            Err(LockError::Held { role: Some(Role::Once), holder, .. }) => {
                if !logged {
                    events::waiting_for_lock(store, &holder);
                    logged = true;
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

/// A feed that was claimed, with the end of its lease.
type Claimed = Option<(FeedId, Timestamp)>;

/// Everything that the daemon knows between two events.
struct State {
    config: Config,
    store: Store,
    poller: Arc<Poller>,
    polls: JoinSet<(Claimed, Result<Option<Polled>, PollError>)>,
    /// Feeds whose polls could not be stored because the store's file, or its server, was gone. Their leases end when it is back.
    unstored: Vec<(FeedId, Timestamp)>,
    exports: Exports,
    /// This process among those that share the store; `None` if it has the store for itself.
    member: Option<Member>,
    /// The lock of a store that this process has for itself.
    _own_lock: Option<Lock>,
    /// The loops that only the leader of the processes that share the store runs; `None` if another one is.
    leader_tasks: Option<JoinSet<()>>,
    /// Exports of earlier configurations that finish their last delivery.
    finishing_exports: JoinSet<()>,
    /// The tasks that fetch article pages, remove old articles, announce those whose time has come, and look at the health of feeds.
    upkeep: JoinSet<()>,
    server: Server,
    /// Bumped whenever a poll stored something.
    changes: watch::Sender<u64>,
    /// When feeds are claimed next.
    next_claim_at: Instant,
    /// More feeds are due than could be claimed.
    has_backlog: bool,
    /// Whether our own network was down when the last poll ended.
    cut_off: bool,
    /// The files of the configuration in force, if they are watched.
    files: FileWatch,
    /// The last readings of the monotonic and the wall clock, to detect that the latter was set.
    last_clock_reading: (Instant, Timestamp),
    /// Whether the wall clock was set back, and plans have to be corrected. So it may have been before the start.
    was_set_back: bool,
}

impl State {
    async fn start(
        config: Config,
        store: Store,
        changes: watch::Sender<u64>,
        server: Server,
        (wake, lock): (watch::Sender<u64>, Lock),
    ) -> Result<Self> {
        let now = clock::now();
        let synced = sync(&store, &config, now).await?;
        let poller = Arc::new(Poller::new(store.clone(), &config, synced.feeds)?);
        Exports::register(&config, &store).await?; // Before the first poll: they get its articles.
        let (mut member, mut own_lock) = (None, Some(lock));
        if store.is_shared()
            && let Some(lock) = own_lock.take()
        {
            member = Some(Member::join(&store, &config, synced.list, (wake, lock)).await?);
        }
        let is_leader = member.is_none();
        let leader_tasks = is_leader.then(|| service::start_leader(&store, &changes));
        let exports =
            if is_leader { Exports::start(&config, &store, &changes)? } else { Exports::none() };
        let upkeep = upkeep(&config, &store, &poller, &changes, is_leader);
        server.set_ready();
        let files = FileWatch::of(config.watched.as_ref());
        Ok(Self {
            config,
            store,
            poller,
            polls: JoinSet::new(),
            unstored: Vec::new(),
            exports,
            member,
            _own_lock: own_lock,
            leader_tasks,
            finishing_exports: JoinSet::new(),
            upkeep,
            server,
            changes,
            next_claim_at: Instant::now(),
            has_backlog: false,
            cut_off: false,
            files,
            last_clock_reading: (Instant::now(), now),
            was_set_back: true,
        })
    }

    /// Whether this process is the leader of those that share the store, as it changes. One that has the store for itself always is.
    fn leadership(&self) -> watch::Receiver<bool> {
        let constant = || watch::channel(true).1;
        self.member.as_ref().map_or_else(constant, Member::leadership)
    }

    /// Begins or ends what only the leader does.
    fn leadership_changed(&mut self, is_leader: bool) {
        if is_leader == self.leader_tasks.is_some() {
            return;
        }
        events::leadership_changed(is_leader);
        self.leader_tasks = is_leader.then(|| service::start_leader(&self.store, &self.changes));
        self.exports = Exports::none(); // What was begun under an earlier lease ends at once.
        if is_leader {
            match Exports::start(&self.config, &self.store, &self.changes) {
                Ok(exports) => self.exports = exports,
                Err(error) => events::exports_not_started(&error),
            }
        }
        self.upkeep = upkeep(&self.config, &self.store, &self.poller, &self.changes, is_leader);
    }

    /// Claims feeds that are due, as many as may be polled, and schedules the next claim.
    async fn claim(&mut self) {
        let now = clock::now();
        self.check_clock(now).await;
        if !self.store.is_in_place() {
            // What a poll brings could not be stored.
            events::store_lost(self.store.location());
            self.next_claim_at = Instant::now() + CLOCK_CHECK_INTERVAL;
            return;
        }
        events::store_in_place(self.store.location());
        self.release_unstored().await;
        let cut_off = self.poller.is_cut_off();
        let limit = if cut_off { PROBES } else { self.free_slots() };
        let wanted = Wanted { limit, ..Wanted::default() };
        match self.poller.claim(wanted, now).await {
            Ok(claimed) => {
                self.has_backlog = claimed.has_more;
                for job in claimed.jobs {
                    let poller = Arc::clone(&self.poller);
                    let claimed = job.leased_until.map(|lease| (job.feed, lease));
                    self.polls.spawn(async move { (claimed, poller.poll(job).await) });
                }
                // Feeds that wait for their host do not delay those of other hosts.
                self.next_claim_at = Instant::now() + until(claimed.next_to_come);
                if self.has_backlog {
                    self.next_claim_at = self.next_claim_at.min(self.next_free_at());
                }
                if claimed.has_unread {
                    self.next_claim_at = Instant::now();
                }
                if cut_off {
                    self.next_claim_at = Instant::now() + PROBE_EVERY;
                }
            }
            Err(error) => {
                events::store_error("claim feeds", &error);
                self.next_claim_at = Instant::now() + STORE_RETRY;
            }
        }
    }

    /// Claims at once, because feeds may be due that were not.
    fn plans_changed(&mut self) {
        self.poller.read_due_again();
        self.next_claim_at = Instant::now();
    }

    /// Makes the feeds due again whose polls could not be stored while the store's file was gone.
    async fn release_unstored(&mut self) {
        if self.unstored.is_empty() {
            return;
        }
        match self.store.release_claimed(self.unstored.clone()).await {
            Ok(()) => {
                self.unstored.clear();
                self.poller.read_due_again();
            }
            Err(error) => events::store_error("release feeds", &error),
        }
    }

    /// The number of polls that may be started.
    fn free_slots(&self) -> usize {
        (CLAIM_ROUNDS * self.config.fetch.concurrency).saturating_sub(self.polls.len())
    }

    /// When the next host accepts a request again. The end of a poll can make a host free before that.
    fn next_free_at(&self) -> Instant {
        let next = self.poller.next_free_at().map(Instant::from_std);
        next.unwrap_or_else(|| Instant::now() + CLOCK_CHECK_INTERVAL)
    }

    /// Takes account of the end of one poll.
    fn poll_finished(
        &mut self,
        polled: Result<(Claimed, Result<Option<Polled>, PollError>), tokio::task::JoinError>,
    ) {
        match polled {
            Ok((_, Ok(Some(polled)))) => {
                if polled.applied != Applied::default() {
                    self.changes.send_modify(|n| *n += 1);
                }
                // The last claim did not see the next poll of this feed, because the feed was leased.
                if let Some(at) = polled.next.at {
                    self.next_claim_at =
                        self.next_claim_at.min(Instant::now() + until(polled.next.at));
                    if at <= self.last_clock_reading.1 {
                        self.poller.read_due_again();
                    }
                }
            }
            // For the latter, another worker polls it.
            Ok((_, Ok(None) | Err(PollError::NotAllowed))) => {}
            // The lease expires and the feed is polled again, not sooner: publishers do not suffer from a full disk.
            Ok((claimed, Err(PollError::Store(error)))) => {
                events::store_error("store a poll", &error);
                // Without its server nothing is claimed, and so nothing is polled too often.
                if !self.store.is_in_place() || self.store.is_shared() {
                    self.unstored.extend(claimed);
                }
            }
            Ok((_, Err(PollError::Parser(error)))) => events::task_died("parse", &error),
            Err(error) => events::task_died("poll", &error),
        }
        if self.poller.is_cut_off() {
            self.cut_off = true;
            return; // The next claim is that of the next probes.
        }
        if std::mem::take(&mut self.cut_off) {
            self.next_claim_at = Instant::now();
        }
        // Many polls end together; one claim is enough for all of them.
        if self.has_backlog && self.config.fetch.concurrency <= self.free_slots() {
            self.next_claim_at =
                self.next_claim_at.min(self.next_free_at()).min(Instant::now() + CLAIM_DEBOUNCE);
        }
    }

    /// Logs a change of the wall clock by more than a minute. If it was set back, plans are corrected.
    async fn check_clock(&mut self, now: Timestamp) {
        let (instant, wall) = self.last_clock_reading;
        let expected = wall + TimeDelta::from_std(instant.elapsed()).unwrap_or_default();
        let jump = (now - expected).num_seconds();
        if 60 < jump.abs() {
            events::clock_jumped(jump);
        }
        self.last_clock_reading = (Instant::now(), now);
        self.was_set_back |= jump < -60;
        if self.was_set_back {
            match self.poller.correct_for_clock(now).await {
                Ok(()) => self.was_set_back = false,
                Err(error) => events::store_error("correct plans for the clock", &error),
            }
        }
    }

    /// Applies the changed configuration completely, or not at all.
    async fn reload(&mut self, load: &Load) -> Result<(), ReloadError> {
        service::reloading();
        let reloaded = self.apply_configuration(load).await;
        match &reloaded {
            Ok(()) => events::config_reloaded(
                &self.config.path,
                self.config.feeds.len(),
                self.config.exports.len(),
                clock::now(),
            ),
            Err(reason) => events::config_rejected(&self.config.path, &reason.brief()),
        }
        service::ready(&self.config);
        reloaded
    }

    /// Handles a command that came over HTTP. Its sender may be gone by the time of the reply.
    async fn handle_command(&mut self, command: Command, load: &Load) {
        match command {
            Command::Reload(reply) => {
                reply.send(self.reload(load).await).ok();
            }
            Command::Poll(feeds, reply) => {
                let now = clock::now();
                self.poller.expect(feeds.iter().map(|(feed, _)| feed));
                let plans = feeds
                    .into_iter()
                    .map(|(feed, because)| (feed, NextPoll { at: Some(now), because }))
                    .collect();
                let planned = self.store.replan(plans).await;
                self.plans_changed();
                reply.send(planned.map_err(|error| error.to_string())).ok();
            }
        }
    }

    async fn apply_configuration(&mut self, load: &Load) -> Result<(), ReloadError> {
        // A long list takes seconds to read, and polls and pages go on meanwhile.
        let load = Arc::clone(load);
        let loaded = tokio::task::spawn_blocking(move || load()).await;
        let config = loaded.map_err(|error| ReloadError::Failed(error.to_string()))??;
        if config.store.location != self.config.store.location {
            let why = "[store] names another store: that takes a restart".to_owned();
            return Err(ReloadError::Refused(why));
        }
        let chain = |error: anyhow::Error| ReloadError::Failed(format!("{error:#}"));
        // All that can fail is done before anything is replaced.
        let poller = Poller::new(self.store.clone(), &config, Feeds::default())
            .map_err(|error| chain(error.into()))?;
        let server = self.server.prepare(config.server.as_ref());
        let server = server.map_err(|error| chain(error.into()))?;
        let synced =
            sync(&self.store, &config, clock::now()).await.map_err(|error| chain(error.into()))?;
        Exports::register(&config, &self.store).await.map_err(|error| chain(error.into()))?;
        let poller = poller.succeed(&self.poller, synced.feeds);
        self.poller = Arc::new(poller.map_err(|error| chain(error.into()))?);
        self.server.change(server, config.server.as_ref(), &self.store);
        let is_leader = self.leader_tasks.is_some();
        let exports = if is_leader {
            Exports::start(&config, &self.store, &self.changes)
                .map_err(|error| chain(error.into()))?
        } else {
            Exports::none()
        };
        if let Some(member) = &mut self.member {
            member.reconfigure(&self.store, &config, synced.list);
        }
        let before = std::mem::replace(&mut self.exports, exports);
        self.finishing_exports.spawn(before.finish());
        while self.finishing_exports.try_join_next().is_some() {}
        self.upkeep = upkeep(&config, &self.store, &self.poller, &self.changes, is_leader);
        self.files = FileWatch::of(config.watched.as_ref());
        self.config = config;
        self.next_claim_at = Instant::now();
        Ok(())
    }

    /// Waits up to [`GRACE_PERIOD`] for polls and deliveries in flight, then aborts them.
    async fn stop(mut self, because: &str, signals: &mut Signals) {
        events::daemon_stopping(because, self.polls.len());
        let (grace_period, release_timeout) = if self.member.is_some() {
            (SHARED_GRACE_PERIOD, HANDOVER_TIMEOUT)
        } else {
            (GRACE_PERIOD, RELEASE_TIMEOUT)
        };
        let server = self.server.stop();
        let all = async {
            while let Some(polled) = self.polls.join_next().await {
                if let Ok((_, Err(PollError::Store(error)))) = polled {
                    events::store_error("store a poll", &error);
                }
            }
        };
        let (exports, mut finishing) = (self.exports.finish(), self.finishing_exports);
        let hooks = async { while finishing.join_next().await.is_some() {} };
        let all = async { tokio::join!(all, server, exports, hooks) };
        tokio::select! {
            _ = timeout(grace_period, all) => {}
            _ = signals.interrupt.recv() => {} // A second signal: do not wait.
        }
        let abandoned = self.polls.len();
        let unfinished = self.store.shards().polls_in_flight();
        self.polls.shutdown().await;
        let store = &self.store;
        let release = async {
            match self.member.take() {
                // The last job of the writer; all jobs before it are committed by then.
                None => store.release_all().await,
                Some(member) => {
                    drop((self.upkeep, self.leader_tasks));
                    store.release_claimed(unfinished).await?;
                    member.leave(store).await
                }
            }
        };
        if let Ok(Err(error)) = timeout(release_timeout, release).await {
            events::store_error("release feeds", &error);
        }
        events::daemon_stopped(abandoned);
    }
}

fn upkeep(
    config: &Config,
    store: &Store,
    poller: &Arc<Poller>,
    changes: &watch::Sender<u64>,
    is_leader: bool,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if is_leader {
        retain::start(&mut tasks, config, store, changes);
        future::start(&mut tasks, config, store, changes);
        health::start(&mut tasks, config, store, changes);
    }
    full_text::start(&mut tasks, config, store, poller, changes);
    icons::start(&mut tasks, config, store, poller, changes);
    tasks
}

/// The time until then, at most [`CLOCK_CHECK_INTERVAL`].
fn until(next_due: Option<Timestamp>) -> Duration {
    let wait = next_due.map(|at| at - clock::now_precise());
    wait.and_then(|wait| wait.max(TimeDelta::zero()).to_std().ok())
        .unwrap_or(CLOCK_CHECK_INTERVAL)
        .min(CLOCK_CHECK_INTERVAL)
}
