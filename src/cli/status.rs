//! `gazetted status`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use super::consumers::{in_words, to_json};
use super::feeds::{Listed, State, rows};
use super::output::{count, data, json_data, relative, span};
use super::{Context, Exit};
use crate::clock;
use crate::domain::time::{Timestamp, rfc3339};
use crate::store::{Lock, LockError, Reader, Role};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Works with and without a running daemon, and before the store exists.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let now = clock::now();
    let path = &config.store.path;
    let feeds = rows(&config)?;
    let reader = if path.exists() { Some(Reader::open(path)?) } else { None };
    let stats = reader.as_ref().map(Reader::stats).transpose()?;
    let consumers = reader.as_ref().map(Reader::consumers).transpose()?.unwrap_or_default();
    let daemon = daemon(path);
    let mut health: BTreeMap<State, u64> = BTreeMap::new();
    for feed in feeds.iter().filter(|feed| feed.state != State::Retired) {
        *health.entry(feed.state).or_default() += 1;
    }
    let last_poll = feeds.iter().filter_map(|feed| feed.row.as_ref()?.polled_at).max();
    let active =
        feeds.iter().filter(|feed| !matches!(feed.state, State::Disabled | State::Retired));
    let plan = |feed: &Listed| feed.row.as_ref().and_then(|row| row.next_poll_at);
    let due: Vec<Timestamp> = active.clone().filter_map(plan).filter(|at| *at <= now).collect();
    let next = active.filter_map(plan).min();
    let lag = due.iter().min().map(|oldest| now - *oldest);
    let bytes = stats.as_ref().map_or(0, |s| s.pages * s.page_bytes);
    if args.json {
        json_data(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "config": config.path,
            "store": path,
            "store_bytes": bytes,
            "schema_version": stats.as_ref().map(|s| s.schema_version),
            "daemon": daemon,
            "feeds": health.iter().map(|(s, n)| (s.as_str(), *n)).collect::<BTreeMap<_, _>>(),
            "due": due.len(),
            "lag_seconds": lag.map_or(0, |lag| lag.num_seconds()),
            "last_poll": last_poll.map(rfc3339),
            "next_poll": next.map(rfc3339),
            "articles": stats.as_ref().map_or(0, |s| s.articles),
            "seq": stats.as_ref().map_or(0, |s| s.seq),
            "consumers": consumers
                .iter()
                .map(|consumer| to_json(consumer, stats.as_ref().map_or(0, |s| s.seq)))
                .collect::<Vec<_>>(),
            "unindexed": stats.as_ref().map_or(0, |s| s.unindexed),
        }))?;
        return Ok(Exit::Done);
    }
    let health: Vec<String> = health.iter().map(|(s, n)| format!("{n} {}", s.as_str())).collect();
    let when = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| relative(at, now));
    data(|out| {
        writeln!(out, "gazetted  {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "config    {}", config.path.display())?;
        match &stats {
            Some(stats) => {
                let articles = count(stats.articles, "article");
                writeln!(out, "store     {}, {articles}, {} MiB", path.display(), bytes >> 20)?;
            }
            None => writeln!(out, "store     {} (not there yet)", path.display())?,
        }
        let daemon =
            daemon.as_deref().map_or("not running".to_owned(), |d| format!("running, {d}"));
        writeln!(out, "daemon    {daemon}")?;
        writeln!(out, "feeds     {}", health.join(", "))?;
        let lag = lag.map(|lag| format!(", the longest for {}", span(lag))).unwrap_or_default();
        writeln!(out, "due       {}{lag}", count(due.len() as u64, "feed"))?;
        writeln!(out, "polled    {}", when(last_poll))?;
        writeln!(out, "next      {}", when(next))?;
        if !consumers.is_empty() {
            writeln!(out, "consumers {}", consumers.len())?;
        }
        for (consumer, trouble) in
            consumers.iter().filter_map(|consumer| Some((consumer, consumer.trouble.as_ref()?)))
        {
            writeln!(out, "          {}: {}", consumer.name, in_words(trouble, now))?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

/// The process that holds the lock of the store, such as `pid 17, run`; `None` when there is none.
fn daemon(store: &std::path::Path) -> Option<String> {
    if !store.exists() {
        return None; // An attempt to take the lock would create a lock file.
    }
    match Lock::take(store, Role::Once) {
        Err(LockError::Held { holder, .. }) => Some(holder),
        Ok(_) | Err(LockError::Io { .. } | LockError::Delivering { .. }) => None,
    }
}
