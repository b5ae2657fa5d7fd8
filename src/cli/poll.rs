//! `gazetted poll`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::address::feed_text;
use super::feeds::{State, rows};
use super::filters::unknown;
use super::output::{DIM, Output, Progress, RED, count, data, json_data, width, without_nulls};
use super::{Context, Exit, run::runtime};
use crate::clock;
use crate::config::Config;
use crate::domain::feed::FeedId;
use crate::domain::poll::{NextPoll, Reason};
use crate::domain::query::Query;
use crate::domain::time::{Timestamp, Zone, rfc3339};
use crate::export::{Format, Shape, TableStyle};
use crate::passes::duplicates::{self, DuplicateSearch};
use crate::passes::export::write;
use crate::passes::full_text::{PageFetcher, PageReport};
use crate::passes::future::announce;
use crate::passes::index::add_keys;
use crate::passes::poll::{CLAIM_ROUNDS, PollError, Polled, Poller, Wanted};
use crate::passes::sync::{Feeds, sync};
use crate::present::relative_in_words;
use crate::present::terminal::clean_line;
use crate::store::{ClaimQueue, LEASE, LockError, Reader, Role, Store, StoreError};

/// How long article pages are fetched after the polls. The rest waits for the next run.
const LONGEST_FOR_PAGES: Duration = Duration::from_mins(2);

/// Articles shown at the end.
const SHOWN: u64 = 10;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Only these, due or not: names, URLs or ids
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    /// Every enabled feed, due or not
    #[arg(long, conflicts_with = "feeds")]
    all: bool,
    /// Also feeds of hosts that asked to be left alone (`Retry-After`)
    #[arg(long)]
    force: bool,
    /// Print a JSON report instead of the latest articles
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    runtime()?.block_on(poll(args, &config, context))
}

async fn poll(args: Args, config: &Config, context: &Context) -> Result<Exit> {
    // A daemon may run at the same time: the leases prevent that both poll the same feed.
    let lock = match config.store.location.lock(Role::Once) {
        Ok(lock) => Some(lock),
        Err(LockError::Held { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let store = config.store.location.open()?;
    if lock.is_some() && !(store.is_shared() && has_workers(&store)?) {
        store.release_all().await?; // They belong to processes that died.
    }
    add_keys(&store).await?;
    let synced = sync(&store, config, clock::now()).await?;
    let only = wanted(&args, &synced.feeds, &store, config)?;
    let poller = Arc::new(Poller::new(store.clone(), config, synced.feeds)?);
    poller.correct_for_clock(clock::now()).await?; // It may have been set back since the last run.
    let began = Instant::now();
    let pages = PageFetcher::new(store.clone(), Arc::clone(&poller), config);
    pages.sync().await?;
    let mut round = Round::new(poller, only, &args, config);
    let (polls_ended, ended) = watch::channel(false);
    let mut matching = JoinSet::new();
    matching.spawn(DuplicateSearch::new(store.clone()).keep_up(ended));
    let progress = context.output.progress(round.expected(), "feeds", !context.quiet && !args.json);
    let interrupted = tokio::select! {
        result = round.finish(&progress) => { result?; false }
        _ = tokio::signal::ctrl_c() => true,
    };
    drop(progress);
    if interrupted {
        round.abandon(&store).await?;
    }
    announce(&store, config, clock::now()).await?;
    let mut reports = Vec::new();
    if interrupted {
        matching.shutdown().await;
    } else {
        polls_ended.send_replace(true);
        matching.join_next().await.transpose()?.transpose()?;
        reports = fetch_pages(pages, &store, lock.is_some()).await?;
    }
    let pages = Pages::of(&reports);
    let reader = store.reader()?;
    round.correct_plans(&reader)?;
    let summary = Summary { pages, ..Summary::of(&round, began.elapsed()) };
    report(&summary, &round, &reader, (config, context), args.json)?;
    Ok(match (interrupted, summary.failed) {
        (true, _) => Exit::Failed,
        (false, 0) => Exit::Done,
        (false, _) => Exit::SomeFeedsFailed,
    })
}

/// Whether workers of a shared store have leases.
fn has_workers(store: &Store) -> Result<bool, StoreError> {
    let workers = store.reader()?.workers()?;
    Ok(workers.iter().any(|worker| worker.silent_for < LEASE))
}

/// Prints what was polled, and the latest articles or what to do next.
fn report(
    summary: &Summary,
    round: &Round,
    reader: &Reader,
    (config, context): (&Config, &Context),
    json: bool,
) -> Result<()> {
    let titles = if json || summary.failed != 0 { titles(reader)? } else { HashMap::new() };
    if json {
        return Ok(json_data(&summary.json(round, &titles))?);
    }
    if round.done.is_empty() && round.named.is_none() && !context.quiet {
        say_what_is_next(config, &context.output)?;
    } else {
        summary.print(round, &titles, context);
    }
    if !context.quiet {
        show_latest(reader, config.zone, &context.output)?;
    }
    Ok(())
}

/// Fetches the article pages that are due, for a limited time, and announces the articles that have waited for them. If no
/// daemon runs, none is left waiting.
async fn fetch_pages(pages: PageFetcher, store: &Store, is_alone: bool) -> Result<Vec<PageReport>> {
    if is_alone {
        store.release_pages().await?; // They belong to processes that died.
    }
    let reports = tokio::select! {
        reports = Arc::new(pages).catch_up(LONGEST_FOR_PAGES) => reports?,
        _ = tokio::signal::ctrl_c() => Vec::new(),
    };
    if is_alone {
        store.release_pages().await?; // An interrupt has ended requests.
    }
    store.release_held(is_alone, clock::now()).await?;
    duplicates::catch_up(store).await?;
    Ok(reports)
}

/// The feeds that the arguments name, or all enabled ones that are not gone (410); `None` for those that are due.
fn wanted(
    args: &Args,
    feeds: &Feeds,
    store: &Store,
    config: &Config,
) -> Result<Option<Vec<FeedId>>> {
    if args.all {
        let gone = store.reader()?.gone_feeds()?;
        let polled = feeds.iter().filter(|(id, feed)| feed.spec.enabled && !gone.contains(id));
        let mut all: Vec<FeedId> = polled.map(|(id, _)| id).collect();
        all.sort_unstable();
        return Ok(Some(all));
    }
    if args.feeds.is_empty() {
        return Ok(None);
    }
    let rows = store.reader()?.feed_names()?;
    let mut wanted = Vec::new();
    for text in &args.feeds {
        let text = feed_text(text, config)?;
        let before = wanted.len();
        let called = rows.iter().filter(|row| feeds.get(row.id).is_some() && row.is_called(&text));
        wanted.extend(called.map(|row| row.id));
        if wanted.len() == before {
            let names = rows.iter().map(|row| row.display_name().to_owned());
            return Err(unknown("feed", &text, names));
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    Ok(Some(wanted))
}

/// Says when the next feed is due, when none is.
fn say_what_is_next(config: &Config, output: &Output) -> Result<()> {
    let now = clock::now();
    let plans = rows(config)?.into_iter().filter(|feed| feed.state != State::Disabled);
    let next = plans.filter_map(|feed| feed.row?.next_poll_at).filter(|at| now < *at).min();
    let next = next.map(|at| format!("the next one {}; ", relative_in_words(at, now)));
    let next = next.unwrap_or_default();
    output.note(&format!("No feed is due: {next}gazetted poll --all polls every feed now."));
    Ok(())
}

/// One round of polls.
struct Round {
    poller: Arc<Poller>,
    /// The named feeds that are still to be claimed; `None` for those that are due.
    named: Option<ClaimQueue>,
    concurrency: usize,
    /// Also feeds of hosts that asked to be left alone.
    paused_too: bool,
    polls: JoinSet<Result<Option<Polled>, PollError>>,
    done: Vec<Polled>,
}

impl Round {
    fn new(poller: Arc<Poller>, only: Option<Vec<FeedId>>, args: &Args, config: &Config) -> Self {
        let (concurrency, paused_too) = (config.fetch.concurrency, args.force);
        poller.expect(only.iter().flatten());
        let named = only.map(ClaimQueue::of_named);
        Self { poller, named, concurrency, paused_too, polls: JoinSet::new(), done: Vec::new() }
    }

    fn expected(&self) -> u64 {
        self.named.as_ref().map_or(0, |feeds| feeds.len() as u64)
    }

    /// Claims and polls until no feed is left that may be polled.
    async fn finish(&mut self, progress: &Progress<'_>) -> Result<()> {
        // A feed that becomes due again during the round waits for the next round.
        let started = clock::now();
        let mut more = true;
        loop {
            let mut got = 0;
            if more && self.polls.len() <= self.concurrency {
                (got, more) = self.claim(started, progress).await?;
            }
            let next_free_at = self.poller.next_free_at().filter(|_| more);
            if got == 0 && self.polls.is_empty() && next_free_at.is_none() {
                return Ok(());
            }
            let host_is_free = sleep_until(next_free_at.unwrap_or_else(Instant::now).into());
            tokio::select! {
                Some(polled) = self.polls.join_next() => self.finished(polled??, progress),
                () = host_is_free, if next_free_at.is_some() => {}
            }
            while let Some(polled) = self.polls.try_join_next() {
                self.finished(polled??, progress);
            }
        }
    }

    fn finished(&mut self, polled: Option<Polled>, progress: &Progress<'_>) {
        if let Some(polled) = polled {
            progress.step(&polled.name);
            self.done.push(polled);
        }
    }

    /// Starts the polls that are allowed now. Returns their number, and whether more feeds are left.
    async fn claim(
        &mut self,
        started: Timestamp,
        progress: &Progress<'_>,
    ) -> Result<(usize, bool)> {
        let limit = (CLAIM_ROUNDS * self.concurrency).saturating_sub(self.polls.len());
        let named = self.named.clone();
        let wanted = Wanted { limit, named, paused_too: self.paused_too };
        // Named feeds are claimed with the current time, due ones with the time of the start.
        let now = if self.named.is_some() { clock::now() } else { started };
        let mut claimed = self.poller.claim(wanted.clone(), now).await?;
        while claimed.jobs.is_empty() && claimed.has_unread {
            claimed = self.poller.claim(wanted.clone(), now).await?;
        }
        let got = claimed.jobs.len();
        let more = if let Some(left) = &self.named {
            !left.is_empty() // A pause of a host may end during the round.
        } else {
            progress.lengthen(got as u64);
            claimed.has_more
        };
        for job in claimed.jobs {
            let poller = Arc::clone(&self.poller);
            self.polls.spawn(async move { poller.poll(job).await });
        }
        Ok((got, more))
    }

    /// Reads the next poll of the feeds again that were left for later, or were to be until a host was reached.
    fn correct_plans(&mut self, reader: &Reader) -> Result<()> {
        let later = self.poller.left_for_later().clone();
        let is_stale =
            |polled: &Polled| later.contains(&polled.feed) || polled.next.because == Reason::Outage;
        if !self.done.iter().any(is_stale) {
            return Ok(());
        }
        let plans = reader.feeds()?.into_iter();
        let plans = plans.filter_map(|row| Some((row.id, (row.next_poll_at, row.because?))));
        let plans: HashMap<FeedId, _> = plans.collect();
        for polled in self.done.iter_mut().filter(|polled| is_stale(polled)) {
            if let Some(&(at, because)) = plans.get(&polled.feed) {
                polled.next = NextPoll { at, because };
            }
        }
        Ok(())
    }

    /// The number of named feeds that were not polled, because their host is paused or another process polls
    /// them.
    fn left(&self) -> u64 {
        self.named.as_ref().map_or(0, |left| left.len() as u64)
    }

    /// Ends the polls in flight. Nothing of them is stored, and their feeds stay due.
    async fn abandon(&mut self, store: &Store) -> Result<()> {
        self.polls.shutdown().await;
        let polled: Vec<FeedId> = self.done.iter().map(|polled| polled.feed).collect();
        let held = self.poller.feeds().ids().filter(|id| !polled.contains(id));
        store.release(held.collect()).await?;
        Ok(())
    }
}

/// The counts of one round.
struct Summary {
    polled: u64,
    news: u64,
    unchanged: u64,
    failed: u64,
    added: u64,
    edited: u64,
    left: u64,
    pages: Pages,
    /// Feeds that do not count, because nobody could be reached from here.
    for_later: HashSet<FeedId>,
    elapsed: Duration,
}

/// The counts of article pages.
#[derive(Clone, Copy, Debug, Default)]
struct Pages {
    requested: u64,
    fetched: u64,
}

impl Pages {
    fn of(reports: &[PageReport]) -> Self {
        let fetched = reports.iter().filter(|page| page.is_fetched).count() as u64;
        Self { requested: reports.len() as u64, fetched }
    }
}

impl Summary {
    fn of(round: &Round, elapsed: Duration) -> Self {
        let for_later = round.poller.left_for_later().clone();
        let count = |test: &dyn Fn(&&Polled) -> bool| round.done.iter().filter(test).count() as u64;
        let is_later = |polled: &Polled| for_later.contains(&polled.feed);
        let later = count(&|polled| is_later(polled));
        let failed = count(&|polled| polled.outcome.is_failure() && !is_later(polled));
        let news = count(&|polled| polled.applied.added + polled.applied.edited != 0);
        let polled = round.done.len() as u64 - later;
        Self {
            polled,
            news,
            unchanged: polled - failed - news,
            failed,
            added: round.done.iter().map(|polled| u64::from(polled.applied.added)).sum(),
            edited: round.done.iter().map(|polled| u64::from(polled.applied.edited)).sum(),
            left: round.left(),
            pages: Pages::default(),
            for_later,
            elapsed,
        }
    }

    /// Prints a line for each feed that failed, then the summary.
    fn print(&self, round: &Round, titles: &HashMap<FeedId, String>, context: &Context) {
        let output = &context.output;
        for polled in round.done.iter().filter(|polled| self.has_failed(polled)) {
            let failed = output.styled_err(RED, "failed:");
            let name = titles.get(&polled.feed).unwrap_or(&polled.name);
            let (name, detail) = (clean_line(name), clean_line(&polled.detail));
            let place =
                if *name == polled.url { String::new() } else { format!(" <{}>", polled.url) };
            output.note(&format!("{failed} {name}{place}: {detail}"));
        }
        if context.quiet {
            return;
        }
        if !self.for_later.is_empty() {
            let later = count(self.for_later.len() as u64, "feed");
            let first = round.done.iter().find(|polled| self.for_later.contains(&polled.feed));
            let why = first.map(|polled| format!(" ({})", clean_line(&polled.detail)));
            let is_ours = first.is_some_and(|polled| polled.next.because == Reason::Resources);
            let what = if is_ours {
                "this machine has too few resources"
            } else {
                "nobody can be reached from here"
            };
            output.note(&format!(
                "Left {later} for later: {what}{}. No feed is charged for it, and they are tried again in a few minutes.",
                why.unwrap_or_default()
            ));
            if self.polled + self.left == 0 {
                return;
            }
        }
        let mut parts = vec![format!("{} with news", self.news)];
        parts.push(format!("{} unchanged", self.unchanged));
        if self.failed != 0 {
            parts.push(output.styled_err(RED, &format!("{} failed", self.failed)));
        }
        if self.left != 0 {
            let why = "left alone: their host asked for it, or another process is at them";
            parts.push(format!("{} {why}", self.left));
        }
        output.note(&format!(
            "Polled {} in {:.1} s: {}. {}, {} edited.",
            count(self.polled, "feed"),
            self.elapsed.as_secs_f64(),
            parts.join(", "),
            count(self.added, "new article"),
            self.edited,
        ));
        if let Some(line) = self.page_line() {
            output.note(&line);
        }
    }

    /// What came of article pages, if some were requested.
    fn page_line(&self) -> Option<String> {
        let Pages { requested, fetched } = self.pages;
        let requested = Some(requested).filter(|requested| *requested != 0)?;
        let requested = count(requested, "article page");
        Some(format!("Requested {requested}: {fetched} with an article."))
    }

    fn has_failed(&self, polled: &Polled) -> bool {
        polled.outcome.is_failure() && !self.for_later.contains(&polled.feed)
    }

    fn json(&self, round: &Round, titles: &HashMap<FeedId, String>) -> Value {
        let feeds: Vec<Value> = round
            .done
            .iter()
            .map(|polled| {
                without_nulls(json!({
                    "id": polled.feed.0,
                    "name": titles.get(&polled.feed).unwrap_or(&polled.name),
                    "url": polled.url,
                    "outcome": polled.outcome.as_str(),
                    "failed": self.has_failed(polled),
                    "left_for_later": self.for_later.contains(&polled.feed).then_some(true),
                    "detail": Some(&polled.detail).filter(|text| !text.is_empty()),
                    "http_status": polled.status,
                    "bytes": polled.bytes,
                    "elapsed_ms": millis(polled.elapsed),
                    "entries": polled.entries,
                    "added": polled.applied.added,
                    "edited": polled.applied.edited,
                    "next_poll": polled.next.at.map(rfc3339),
                    "next_because": polled.next.because.as_str(),
                }))
            })
            .collect();
        without_nulls(json!({
            "polled": self.polled, "with_news": self.news, "unchanged": self.unchanged,
            "failed": self.failed, "left_alone": self.left, "left_for_later": Some(self.for_later.len()).filter(|n| *n != 0), "added": self.added,
            "edited": self.edited, "pages": (self.pages.requested != 0).then(|| json!({
                "requested": self.pages.requested, "fetched": self.pages.fetched,
            })), "elapsed_ms": millis(self.elapsed), "feeds": feeds,
        }))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The names as `gazetted feeds` shows them. A title may be new since this poll.
fn titles(reader: &Reader) -> Result<HashMap<FeedId, String>> {
    let feeds = reader.feed_names()?;
    Ok(feeds.into_iter().map(|feed| (feed.id, feed.display_name().to_owned())).collect())
}

/// Prints the latest articles and the next commands.
fn show_latest(reader: &Reader, zone: Zone, output: &Output) -> Result<()> {
    let query = Query { limit: Some(SHOWN), ..Query::default() };
    let style =
        TableStyle { width: width(), color: output.stdout_color(), zone, now: clock::now() };
    let mut table = Vec::new();
    if write(reader, &query, &Shape::Format(Format::Table), style, &mut table)?.records == 0 {
        return Ok(());
    }
    data(|out| out.write_all(&table))?;
    let next = "More: gazetted export --limit 50, gazetted export --format jsonfeed --output news.json. \
                To keep polling: gazetted run.";
    output.note(&output.styled_err(DIM, next));
    Ok(())
}
