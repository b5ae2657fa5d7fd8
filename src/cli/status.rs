//! `gazetted status`.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::consumers::{in_words, to_json};
use super::feeds::State;
use super::output::{count, data, json_data, relative, span};
use super::{Context, Exit};
use crate::clock;
use crate::config::{Config, FeedConfig};
use crate::domain::consumer::Consumer;
use crate::domain::time::{TimeDelta, Timestamp, rfc3339};
use crate::store::{FeedPlan, KnownWorker, LEASE, Location, Reader, Stats, StoreError};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print nothing if a daemon runs and its store has all feeds of the configuration; else the reason, with exit code 1
    #[arg(long, conflicts_with = "json")]
    ready: bool,
}

/// What the command shows.
struct Status {
    store: Location,
    /// `None` before the store exists.
    stats: Option<Stats>,
    consumers: Vec<Consumer>,
    /// The holder of the lock, such as `pid 17, run`.
    daemon: Option<String>,
    /// Of a store that several workers share.
    workers: Vec<KnownWorker>,
    /// The number of feeds in each state, without those that left the configuration.
    health: BTreeMap<State, u64>,
    /// The number of feeds that are due, and for how long the longest overdue has been.
    due: usize,
    lag: Option<TimeDelta>,
    last_poll: Option<Timestamp>,
    next_poll: Option<Timestamp>,
}

/// Works with and without a running daemon, and before the store exists.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let now = clock::now();
    if args.ready {
        check_readiness(&config)?;
        return Ok(Exit::Done);
    }
    let status = Status::read(&config, now)?;
    if args.json {
        json_data(&status.to_json(&config.path))?;
    } else {
        data(|out| status.write(out, &config.path, now))?;
    }
    Ok(Exit::Done)
}

/// As `/readyz`, for a machine without a listener.
///
/// # Errors
/// The reason why the daemon is not ready.
fn check_readiness(config: &Config) -> Result<()> {
    let store = &config.store.location;
    store.refuse_forbidden()?;
    match store.holder() {
        Some(holder) if holder.ends_with(", run") => {}
        Some(holder) => bail!("no daemon runs on {store}, but {holder} does"),
        None => bail!("no daemon runs on {store}; `gazetted run` starts it"),
    }
    let reader = reader(config)?;
    let known = reader.as_ref().map(plans).transpose()?.unwrap_or_default();
    let is_missing = |feed: &&FeedConfig| !known.contains_key(feed.spec.url.as_str());
    let missing = config.feeds.iter().filter(is_missing).count();
    if missing != 0 {
        let missing = count(missing as u64, "feed");
        bail!("the daemon has not taken up {missing} of the configuration; a reload applies it");
    }
    Ok(())
}

/// The store, unless it does not exist yet.
fn reader(config: &Config) -> Result<Option<Reader>, StoreError> {
    let store = &config.store.location;
    if store.is_missing() { Ok(None) } else { store.reader().map(Some) }
}

/// The plans of the feeds in the store, by their URLs.
fn plans(reader: &Reader) -> Result<HashMap<String, FeedPlan>, StoreError> {
    Ok(reader.feed_plans()?.into_iter().map(|plan| (plan.url.clone(), plan)).collect())
}

impl Status {
    fn read(config: &Config, now: Timestamp) -> Result<Self> {
        let store = config.store.location.clone();
        let reader = reader(config)?;
        let plans = reader.as_ref().map(plans).transpose()?.unwrap_or_default();
        let mut health: BTreeMap<State, u64> = BTreeMap::new();
        let mut planned = Vec::new();
        for feed in config.feeds.iter() {
            let plan = plans.get(feed.spec.url.as_str());
            let state = if feed.spec.enabled {
                planned.extend(plan.map_or(Some(now), |plan| plan.next_poll_at));
                plan.map_or(State::New, |plan| plan.polling_state)
            } else {
                State::Disabled
            };
            *health.entry(state).or_default() += 1;
        }
        let due: Vec<Timestamp> = planned.iter().copied().filter(|at| *at <= now).collect();
        Ok(Self {
            stats: reader.as_ref().map(Reader::stats).transpose()?,
            consumers: reader.as_ref().map(Reader::consumers).transpose()?.unwrap_or_default(),
            workers: reader.as_ref().map(Reader::workers).transpose()?.unwrap_or_default(),
            daemon: store.holder(),
            store,
            health,
            due: due.len(),
            lag: due.iter().min().map(|oldest| now - *oldest),
            last_poll: plans.values().filter_map(|plan| plan.polled_at).max(),
            next_poll: planned.into_iter().min(),
        })
    }

    /// The size of the store, without its log.
    fn bytes(&self) -> u64 {
        self.stats.as_ref().map_or(0, |stats| stats.pages * stats.page_bytes)
    }

    fn to_json(&self, config: &Path) -> Value {
        let seq = self.stats.as_ref().map_or(0, |stats| stats.seq);
        let consumers: Vec<Value> =
            self.consumers.iter().map(|consumer| to_json(consumer, seq)).collect();
        let mut data = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "config": config,
            "store": self.store.to_string(),
            "store_bytes": self.bytes(),
            "schema_version": self.stats.as_ref().map(|stats| stats.schema_version),
            "daemon": self.daemon,
            "feeds": self.health.iter().map(|(s, n)| (s.as_str(), *n)).collect::<BTreeMap<_, _>>(),
            "due": self.due,
            "lag_seconds": self.lag.map_or(0, |lag| lag.num_seconds()),
            "last_poll": self.last_poll.map(rfc3339),
            "next_poll": self.next_poll.map(rfc3339),
            "articles": self.stats.as_ref().map_or(0, |stats| stats.articles),
            "seq": seq,
            "consumers": consumers,
            "unindexed": self.stats.as_ref().map_or(0, |stats| stats.unindexed),
        });
        if !self.workers.is_empty() {
            data["workers"] = self.workers.iter().map(worker_to_json).collect();
        }
        data
    }

    fn write(&self, out: &mut dyn Write, config: &Path, now: Timestamp) -> io::Result<()> {
        let when = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| relative(at, now));
        writeln!(out, "gazetted  {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "config    {}", config.display())?;
        let store = &self.store;
        match &self.stats {
            Some(stats) => {
                let articles = count(stats.articles, "article");
                writeln!(out, "store     {store}, {articles}, {} MiB", self.bytes() >> 20)?;
            }
            None => writeln!(out, "store     {store} (not there yet)")?,
        }
        let daemon = self.daemon.as_deref();
        let daemon = daemon.map_or("not running".to_owned(), |holder| format!("running, {holder}"));
        writeln!(out, "daemon    {daemon}")?;
        for (number, worker) in self.workers.iter().enumerate() {
            let label = if number == 0 { "workers" } else { "" };
            writeln!(out, "{label:<8}  {}", worker_in_words(worker))?;
        }
        let health: Vec<String> =
            self.health.iter().map(|(state, n)| format!("{n} {}", state.as_str())).collect();
        let health = if health.is_empty() { "none".to_owned() } else { health.join(", ") };
        writeln!(out, "feeds     {health}")?;
        let lag = self.lag.map(|lag| format!(", the longest for {}", span(lag)));
        writeln!(out, "due       {}{}", count(self.due as u64, "feed"), lag.unwrap_or_default())?;
        writeln!(out, "polled    {}", when(self.last_poll))?;
        writeln!(out, "next      {}", when(self.next_poll))?;
        if !self.consumers.is_empty() {
            writeln!(out, "consumers {}", self.consumers.len())?;
        }
        for consumer in &self.consumers {
            if let Some(trouble) = &consumer.trouble {
                writeln!(out, "          {}: {}", consumer.name, in_words(trouble, now))?;
            }
        }
        Ok(())
    }
}

/// How long a worker may be silent before it is taken for dead: as long as its leases last.
fn is_silent(worker: &KnownWorker) -> bool {
    LEASE < worker.silent_for
}

fn worker_in_words(worker: &KnownWorker) -> String {
    let KnownWorker { name, version, .. } = worker;
    let mut line = format!("{name}, {version}, {}", count(worker.shards, "shard"));
    if worker.is_leader {
        line.push_str(", exports and delivers");
    }
    if is_silent(worker) {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a day")]
        let silent = TimeDelta::seconds(worker.silent_for as i64);
        line = format!("{line}, silent for {}", span(silent));
    } else if !worker.has_stored_list {
        line.push_str(", has another list of feeds and polls nothing");
    }
    line
}

fn worker_to_json(worker: &KnownWorker) -> Value {
    json!({
        "name": worker.name,
        "version": worker.version,
        "shards": worker.shards,
        "is_leader": worker.is_leader,
        "has_stored_list": worker.has_stored_list,
        "silent_seconds": worker.silent_for.max(0.0).floor(),
    })
}
