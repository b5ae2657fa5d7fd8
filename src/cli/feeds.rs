//! `gazetted feeds`: the list, and the verbs that change it.

mod add;
mod address_change;
mod change;
mod opml;
mod remove;

use std::collections::HashMap;
use std::io;

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, Color, Row};
use serde_json::{Value, json};

use super::output::{Output, cell, data, hanging, json_data, relative, span, without_nulls};
use super::{Context, Exit};
use crate::clock;
use crate::config::Config;
pub(super) use crate::domain::feed::FeedState as State;
use crate::domain::poll::{OutcomeKind, Reason};
use crate::domain::time::{Timestamp, rfc3339};
use crate::matching::likely_address::Known;
use crate::polling::reason_text::reason_text;
use crate::present::terminal::clean_line;
use crate::store::{FeedRow, StoreError};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// A line a feed: health, last poll, next poll and why (the default)
    List(List),
    /// Finds the feed behind each address, tries it, and writes it into the configuration
    Add(add::Args),
    /// Takes feeds out of the configuration; their articles stay
    Remove(remove::Remove),
    /// Adds the feeds of an OPML file; folders become tags
    Import(opml::Import),
    /// Prints the feeds as OPML 2.0
    Export,
    /// Gives a feed another address in the configuration; it stays the same feed, with its articles
    Move(address_change::Args),
    /// Forgets what the server said (validators, failures, moves) and makes the feed due now
    Reset(remove::Reset),
}

#[derive(clap::Args, Debug)]
struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also feeds that left the configuration; their articles are kept
    #[arg(long)]
    all: bool,
    /// Only feeds whose last poll failed, or that are gone (410)
    #[arg(long)]
    failing: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let Args { verb, list } = args;
    let list = match verb {
        Some(Verb::List(list)) => list,
        Some(Verb::Add(args)) => return add::run(args, context),
        Some(Verb::Remove(args)) => return remove::remove(args, context),
        Some(Verb::Import(args)) => return opml::import(args, context),
        Some(Verb::Export) => return opml::export(context),
        Some(Verb::Move(args)) => return address_change::run(args, context),
        Some(Verb::Reset(args)) => return remove::reset(args, context),
        None => list,
    };
    let config = context.load()?;
    let mut feeds = rows(&config)?;
    feeds.retain(|feed| list.all || feed.state != State::Retired);
    if list.failing {
        feeds.retain(|feed| matches!(feed.state, State::Failing | State::Gone));
    }
    let now = clock::now();
    if list.json {
        let feeds: Vec<Value> = feeds.iter().map(ListedFeed::json).collect();
        json_data(&Value::from(feeds))?;
    } else {
        print(&feeds, now, &context.output)?;
        if feeds.is_empty() && !context.quiet {
            let none = if config.feeds.is_empty() {
                "No feed is configured: gazetted feeds add URL finds the feed of a page and adds it."
            } else {
                "No feed fails."
            };
            context.output.note(none);
        }
    }
    Ok(Exit::Done)
}

/// A feed that is configured, stored, or both.
#[derive(Clone)]
pub(super) struct ListedFeed {
    pub(super) state: State,
    pub(super) url: String,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    /// `None` when it is not stored yet.
    pub(super) row: Option<FeedRow>,
}

/// The configured feeds in their order, then retired ones. A store that does not exist yet is empty.
pub(super) fn rows(config: &Config) -> Result<Vec<ListedFeed>, StoreError> {
    let stored = if config.store.location.is_missing() {
        Vec::new()
    } else {
        config.store.location.reader()?.feeds()?
    };
    let mut stored: HashMap<String, FeedRow> =
        stored.into_iter().map(|row| (row.url.clone(), row)).collect();
    let mut listed: Vec<ListedFeed> = Vec::new();
    for feed in config.feeds.iter() {
        let row = stored.remove(feed.spec.url.as_str());
        let title = row.as_ref().and_then(|row| row.title.clone());
        listed.push(ListedFeed {
            state: if feed.spec.enabled {
                row.as_ref().map_or(State::New, FeedRow::polling_state)
            } else {
                State::Disabled
            },
            url: feed.spec.url.to_string(),
            name: feed.spec.name.clone().or(title).unwrap_or_else(|| feed.spec.url.to_string()),
            tags: feed.spec.tags.to_vec(),
            row,
        });
    }
    let mut retired: Vec<FeedRow> = stored.into_values().collect();
    retired.sort_by_key(|row| row.id);
    listed.extend(retired.into_iter().map(|row| ListedFeed {
        state: State::Retired,
        url: row.url.clone(),
        name: row.display_name().to_owned(),
        tags: row.tags.clone(),
        row: Some(row),
    }));
    Ok(listed)
}

impl ListedFeed {
    /// Whether `text` is the name, the URL or the id of this feed.
    pub(super) fn is_called(&self, text: &str) -> bool {
        let is_called = |row: &FeedRow| row.is_called(text);
        self.name == text || self.url == text || self.row.as_ref().is_some_and(is_called)
    }

    /// What tells whether it is likely another feed under a new address.
    pub(super) fn known(&self) -> Known<'_> {
        let row = self.row.as_ref();
        let name = Some(self.name.as_str()).filter(|name| *name != self.url);
        Known { url: &self.url, names: [name, row.and_then(|row| row.title.as_deref())] }
    }

    /// Feed links found in the HTML page that the server returns instead of this feed.
    pub(super) fn offers(&self) -> &[String] {
        let failing = self.row.as_ref().filter(|_| self.state == State::Failing);
        failing.map(|row| row.offers.as_slice()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        let row = self.row.as_ref();
        let time = |at: Option<Timestamp>| at.map(rfc3339);
        without_nulls(json!({
            "id": row.map(|r| r.id.0),
            "name": self.name,
            "url": self.url,
            "title": row.and_then(|r| r.title.as_deref()),
            "home_page_url": row.and_then(|r| r.home_page_url.as_deref()),
            "tags": self.tags,
            "state": self.state.as_str(),
            "outcome": row.and_then(|r| r.outcome).map(OutcomeKind::as_str),
            "http_status": row.and_then(|r| r.status),
            "detail": row.and_then(|r| r.detail.as_deref()),
            "failures": row.map(|r| r.failures),
            "failing_since": row.and_then(|r| time(r.failing_since)),
            "last_poll": row.and_then(|r| time(r.polled_at)),
            "last_success": row.and_then(|r| time(r.succeeded_at)),
            "next_poll": row.and_then(|r| time(r.next_poll_at)),
            "next_because": row.and_then(|r| r.because).map(Reason::as_str),
            "offers": Some(self.offers()).filter(|offers| !offers.is_empty()),
            "articles": row.map_or(0, |r| r.articles),
            "newest_article": row.and_then(|r| time(r.newest_at)),
        }))
    }
}

fn print(feeds: &[ListedFeed], now: Timestamp, output: &Output) -> io::Result<()> {
    const HEADER: [&str; 7] = ["ID", "FEED", "STATE", "ARTICLES", "NEWEST", "POLLED", "NEXT POLL"];
    let mut table = output.table(&HEADER, &[1]);
    for feed in feeds {
        let row = feed.row.as_ref();
        let when = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| relative(at, now));
        let mut cells = Row::from(vec![
            Cell::new(row.map_or("-".to_owned(), |r| r.id.to_string())),
            Cell::new(clean_line(&feed.name)),
            cell(feed.state.as_str(), color(feed.state)),
            Cell::new(row.map_or(0, |r| r.articles)).set_alignment(CellAlignment::Right),
            Cell::new(when(row.and_then(|r| r.newest_at))),
            Cell::new(when(row.and_then(|r| r.polled_at))),
            Cell::new(next(feed, now)),
        ]);
        cells.max_height(1);
        table.add_row(cells);
    }
    data(|out| {
        writeln!(out, "{}", table.trim_fmt())?;
        print_failures(feeds, now, out)?;
        feeds.iter().flat_map(|feed| feed.offers().iter().map(move |url| (feed, url))).try_for_each(
            |(feed, url)| {
                writeln!(out, "{}", hanging(&format!("{}: {}", feed.name, offer(url)), 2))
            },
        )
    })
}

/// The command that adds a feed link of a page.
pub(super) fn offer(url: &str) -> String {
    let quoted = quoted(url);
    format!("the page announces {}: gazetted feeds add {quoted}", quoted.trim_matches('\''))
}

/// A URL for a shell. An apostrophe is the only character of a URL that would end the quotation, so it is escaped.
pub(super) fn quoted(url: &str) -> String {
    format!("'{}'", url.replace('\'', "%27"))
}

fn color(state: State) -> Option<Color> {
    match state {
        State::Ok => Some(Color::Green),
        State::Failing => Some(Color::Red),
        State::Gone => Some(Color::Yellow),
        State::New | State::Disabled | State::Retired => None,
    }
}

/// Prints below the table why each failing feed fails, in lines as wide as the terminal.
fn print_failures(feeds: &[ListedFeed], now: Timestamp, out: &mut dyn io::Write) -> io::Result<()> {
    for feed in feeds.iter().filter(|feed| feed.state == State::Failing) {
        let Some(row) = &feed.row else { continue };
        let Some(detail) = &row.detail else { continue };
        let since = row.failing_since.map(|at| format!(" for {}", span(now - at)));
        let since = since.unwrap_or_default();
        let text = format!("{} {}, failing{since}: {detail}", row.id, feed.name);
        writeln!(out, "{}", hanging(&text, 2))?;
    }
    Ok(())
}

/// When, and which rule says so.
fn next(feed: &ListedFeed, now: Timestamp) -> String {
    let plan = feed.row.as_ref().and_then(|row| Some((row.next_poll_at?, row.because?)));
    match (feed.state, plan) {
        (State::Disabled | State::Retired, _) => "-".to_owned(),
        (_, Some((at, _))) if at <= now => "due".to_owned(),
        (_, Some((at, because))) => {
            format!("{} ({})", relative(at, now), reason_text(because).word)
        }
        (State::Gone, None) => "never".to_owned(),
        (_, None) => "due".to_owned(),
    }
}
