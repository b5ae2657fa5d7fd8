//! `gazetted explain`.

use std::io;

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, Row};
use serde_json::{Value, json};

use super::address::feed_text;
use super::feeds::{ListedFeed, State, offer, rows};
use super::filters::unknown;
use super::output::{DIM, GREEN, Output, YELLOW, count, data, hanging, json_data, relative, span};
use super::{Context, Exit};
use crate::clock;
use crate::config::{Config, FeedConfig};
use crate::domain::host::Host;
use crate::domain::poll::{Move, MovedBy, NewFeedUrl, OutcomeKind, Reason, address_at};
use crate::domain::time::{Timestamp, Zone, rfc3339};
use crate::polling::reason_text::reason_text;
use crate::polling::schedule::{Candidate, History, candidates};
use crate::present::exact;
use crate::present::terminal::clean_line;
use crate::store::{Facts, FeedRow, PastPoll, PausedHost};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The feed: its name, URL or id
    feed: String,
    /// Show so many of its last polls
    #[arg(long, short = 'n', default_value = "10", value_name = "N")]
    polls: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let name = feed_text(&args.feed, &config)?;
    let feeds = rows(&config)?;
    let Some(feed) = feeds.iter().find(|feed| feed.is_called(&name)) else {
        return Err(unknown("feed", &name, feeds.into_iter().map(|feed| feed.name)));
    };
    let Some(row) = &feed.row else {
        if args.json {
            json_data(
                &json!({ "name": feed.name, "url": feed.url, "state": feed.state.as_str() }),
            )?;
        } else {
            data(|out| writeln!(out, "{}: new, to be polled at the next round", feed.name))?;
        }
        return Ok(Exit::Done);
    };
    let explanation = Explanation::read(&config, feed, row, args.polls)?;
    if args.json {
        json_data(&explanation.json())?;
    } else {
        data(|out| explanation.print(&context.output, out))?;
    }
    Ok(Exit::Done)
}

/// Everything that decides when a feed is polled.
struct Explanation<'a> {
    feed: &'a ListedFeed,
    row: &'a FeedRow,
    facts: Option<Facts>,
    /// The time that each rule demanded after the last poll; empty before the first poll.
    candidates: Vec<Candidate>,
    /// The host of the next request, and its pause.
    host: Option<(Host, Option<PausedHost>)>,
    polls: Vec<PastPoll>,
    now: Timestamp,
    /// The zone of the times that are shown.
    zone: Zone,
}

impl<'a> Explanation<'a> {
    fn read(config: &Config, feed: &'a ListedFeed, row: &'a FeedRow, polls: usize) -> Result<Self> {
        let now = clock::now();
        let reader = config.store.location.reader()?;
        let facts = reader.facts(row.id)?;
        let configured = config.feeds.iter().find(|c| c.spec.url.as_str() == feed.url);
        let candidates = match (&facts, configured, row.polled_at) {
            // No rule demands a time for a feed that is gone.
            (Some(facts), Some(configured), Some(polled_at)) if row.next_poll_at.is_some() => {
                wanted(facts, configured, polled_at)
            }
            _ => Vec::new(),
        };
        let moved = facts.as_ref().and_then(|facts| facts.moved.as_ref());
        let new = facts.as_ref().and_then(|facts| facts.new_feed_url.as_ref());
        let next = row.next_poll_at.or(row.polled_at).unwrap_or(now);
        let url = configured.map(|c| &c.spec.url);
        // The host of a private feed is shown nowhere.
        let url = url.filter(|url| url.shown_host().is_some());
        let asked = url.and_then(|url| Host::of(address_at(url, moved, new, next)));
        let host = match asked {
            Some(asked) => {
                let paused = reader.paused(&asked, now)?;
                Some((asked, paused))
            }
            None => None,
        };
        let polls = reader.polls(row.id, polls)?;
        let zone = config.zone;
        Ok(Self { feed, row, facts, candidates, host, polls, now, zone })
    }

    fn print(&self, output: &Output, out: &mut dyn io::Write) -> io::Result<()> {
        let (row, now) = (self.row, self.now);
        writeln!(out, "{}", output.styled(GREEN, &clean_line(&self.feed.name)))?;
        let mut line = |name: &str, text: &str| {
            writeln!(out, "  {} {}", output.styled(DIM, &format!("{name:<11}")), hanging(text, 14))
        };
        line("address", &self.feed.url)?;
        line("state", &self.state())?;
        for url in self.feed.offers() {
            line("offered", &offer(url))?;
        }
        line("articles", &self.articles())?;
        if let Some((host, paused)) = &self.host {
            line("host", &say_host(host, paused.as_ref(), (now, self.zone)))?;
        }
        if let Some(facts) = &self.facts {
            line("validators", &validators(facts, now))?;
            if let Some(moved) = &facts.moved {
                line("moved", &say_moved(moved, now))?;
            }
            if let Some(new) = &facts.new_feed_url {
                line("new address", &say_new_feed_url(new, now))?;
            }
        }
        line("next poll", &self.next())?;
        if !self.candidates.is_empty() {
            writeln!(out, "\nWhat each rule wanted after the last poll; the latest wins:")?;
            for candidate in &self.candidates {
                let wins = row.because == Some(candidate.because);
                let text = self.candidate(candidate);
                let text = if wins { output.styled(YELLOW, &text) } else { text };
                writeln!(out, "  {} {text}", if wins { ">" } else { " " })?;
            }
            let is_later = |first: &Candidate| {
                row.because == Some(first.because)
                    && row.next_poll_at.is_some_and(|at| first.at < at)
            };
            if self.candidates.first().is_some_and(is_later) {
                let text = "then a little later: feeds that wait equally long are spread";
                writeln!(out, "  > {}", output.styled(YELLOW, text))?;
            }
            if let Some(because @ (Reason::SkipHours | Reason::SkipDays)) = row.because {
                let text =
                    format!("then moved out of the times in {}", reason_text(because).clause);
                writeln!(out, "  > {}", output.styled(YELLOW, &text))?;
            }
        }
        self.print_polls(output, out)
    }

    fn print_polls(&self, output: &Output, out: &mut dyn io::Write) -> io::Result<()> {
        const HEADER: [&str; 8] =
            ["POLLED", "OUTCOME", "HTTP", "ASKED", "BYTES", "MS", "NEWS", "THEN WAITED FOR"];
        if self.polls.is_empty() {
            return Ok(());
        }
        let mut table = output.table(&HEADER, &[1]);
        for poll in &self.polls {
            let number = |n: u64| Cell::new(n).set_alignment(CellAlignment::Right);
            let outcome = poll.outcome.map_or("-", OutcomeKind::as_str);
            let detail = poll.detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default();
            let mut cells = Row::from(vec![
                Cell::new(relative(poll.polled_at, self.now)),
                Cell::new(clean_line(&format!("{outcome}{detail}"))),
                Cell::new(poll.status.map_or("-".to_owned(), |status| status.to_string())),
                Cell::new(if poll.conditional { "if changed" } else { "in full" }),
                number(poll.bytes),
                number(poll.elapsed_ms),
                Cell::new(news(poll)),
                Cell::new(poll.because.map_or("-", |because| reason_text(because).word)),
            ]);
            cells.max_height(1);
            table.add_row(cells);
        }
        writeln!(out, "\nThe last {}:", count(self.polls.len() as u64, "poll"))?;
        writeln!(out, "{}", table.trim_fmt())
    }

    fn state(&self) -> String {
        let said = self.row.detail.as_deref();
        match (self.feed.state, said) {
            (State::Ok, _) => "ok".to_owned(),
            (State::New, _) => "new, not polled yet".to_owned(),
            (State::Failing, said) => {
                let since = self.row.failing_since.map(|at| relative(at, self.now));
                format!(
                    "failing since {} ({} by weight): {}",
                    since.unwrap_or_default(),
                    self.row.failures,
                    said.unwrap_or("no reason given")
                )
            }
            (State::Gone, _) => {
                "the server said 410, gone for good: not polled any more".to_owned()
            }
            (State::Disabled, _) => "disabled in the configuration".to_owned(),
            (State::Retired, _) => "no longer in the configuration; its articles stay".to_owned(),
        }
    }

    fn articles(&self) -> String {
        let newest =
            self.row.newest_at.map(|at| format!(", the newest {}", relative(at, self.now)));
        format!("{}{}", count(self.row.articles, "article"), newest.unwrap_or_default())
    }

    fn next(&self) -> String {
        match (self.feed.state, self.row.next_poll_at) {
            (State::Disabled | State::Retired, _) | (_, None) => "never".to_owned(),
            (_, Some(at)) if at <= self.now => format!("due since {}", relative(at, self.now)),
            (_, Some(at)) => {
                let because = self.row.because.map_or("", |because| reason_text(because).clause);
                format!("{}, at {}: {because}", relative(at, self.now), exact(at, self.zone))
            }
        }
    }

    fn candidate(&self, candidate: &Candidate) -> String {
        let from = self.row.polled_at.unwrap_or(self.now);
        let wait = span(candidate.at - from);
        let start = format!("{}  {wait:>8} after it  ", exact(candidate.at, self.zone));
        // The line begins with a mark.
        let clause = hanging(reason_text(candidate.because).clause, start.len() + 4);
        format!("{start}{clause}")
    }

    fn json(&self) -> Value {
        let (row, facts) = (self.row, self.facts.as_ref());
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let paused = self.host.as_ref().and_then(|(_, paused)| paused.as_ref());
        json!({
            "id": row.id.0, "name": self.feed.name, "url": self.feed.url,
            "state": self.feed.state.as_str(), "detail": row.detail, "offers": self.feed.offers(),
            "failures": row.failures, "failing_since": row.failing_since.map(rfc3339),
            "polls": facts.map(|f| f.polls),
            "etag": facts.and_then(|f| text(&f.validators.etag)),
            "last_modified": facts.and_then(|f| text(&f.validators.last_modified)),
            "validated_url": facts.and_then(|f| f.validators.sent_by.as_ref().map(url::Url::as_str)),
            "moved_to": facts.and_then(|f| f.moved.as_ref().map(|moved| moved.to.as_str())),
            "moved_by": facts.and_then(|f| f.moved.as_ref().map(|moved| moved.by.as_str())),
            "new_feed_url": facts.and_then(|f| f.new_feed_url.as_ref().map(|new| new.to.as_str())),
            "last_full_answer": facts.and_then(|f| f.full_at.map(rfc3339)),
            "host": self.host.as_ref().map(|(host, _)| host.as_str()),
            "host_paused_until": paused.map(|p| rfc3339(p.until)),
            "next_poll": row.next_poll_at.map(rfc3339),
            "next_because": row.because.map(Reason::as_str),
            "candidates": self.candidates.iter().map(|c| json!({
                "at": rfc3339(c.at), "because": c.because.as_str(),
            })).collect::<Vec<_>>(),
            "last_polls": self.polls.iter().map(|p| json!({
                "polled": rfc3339(p.polled_at), "conditional": p.conditional,
                "outcome": p.outcome.map(OutcomeKind::as_str), "http_status": p.status, "bytes": p.bytes,
                "elapsed_ms": p.elapsed_ms, "added": p.added, "edited": p.edited,
                "detail": p.detail, "next_poll": p.next_poll_at.map(rfc3339),
                "next_because": p.because.map(Reason::as_str),
            })).collect::<Vec<_>>(),
        })
    }
}

fn wanted(facts: &Facts, feed: &FeedConfig, polled_at: Timestamp) -> Vec<Candidate> {
    let history = History::of(&feed.spec.url, &facts.history);
    let mut wanted = candidates(&feed.settings.policy, history, polled_at);
    wanted.sort_by_key(|candidate| std::cmp::Reverse(candidate.at));
    wanted
}

fn say_host(host: &Host, paused: Option<&PausedHost>, (now, zone): (Timestamp, Zone)) -> String {
    match paused {
        None => host.to_string(),
        Some(PausedHost { until, status, .. }) => format!(
            "{host} answered {status}: all its feeds are left alone until {} ({})",
            exact(*until, zone),
            relative(*until, now)
        ),
    }
}

fn say_moved(moved: &Move, now: Timestamp) -> String {
    let again = match moved.recheck_at {
        Some(at) => format!("the configured address is asked again {}", relative(at, now)),
        None => "for good".to_owned(),
    };
    let by = match moved.by {
        MovedBy::Redirect => "",
        MovedBy::NewFeedUrl => " as its itunes:new-feed-url says",
    };
    format!("to {} {}{by}; {again}", moved.to, relative(moved.at, now))
}

fn say_new_feed_url(new: &NewFeedUrl, now: Timestamp) -> String {
    let tried = match new.try_at {
        Some(at) if at <= now => "to be tried at the next poll".to_owned(),
        Some(at) => format!("to be tried {}", relative(at, now)),
        None => "not tried any more, because it did not serve this feed".to_owned(),
    };
    let named = relative(new.named_at, now);
    format!("{}, which the feed names as itunes:new-feed-url since {named}; {tried}", new.to)
}

fn validators(facts: &Facts, now: Timestamp) -> String {
    let given =
        [("ETag", &facts.validators.etag), ("Last-Modified", &facts.validators.last_modified)];
    let given = given.into_iter().filter_map(|(name, bytes)| {
        Some(format!("{name} {}", String::from_utf8_lossy(bytes.as_ref()?)))
    });
    let given = given.collect::<Vec<_>>().join(", ");
    let given = if given.is_empty() { "none".to_owned() } else { given };
    match facts.full_at {
        Some(at) => format!("{given}; last answer with a body {}", relative(at, now)),
        None => given,
    }
}

fn news(poll: &PastPoll) -> String {
    match (poll.added, poll.edited) {
        (0, 0) => "-".to_owned(),
        (added, 0) => format!("{added} new"),
        (0, edited) => format!("{edited} edited"),
        (added, edited) => format!("{added} new, {edited} edited"),
    }
}
