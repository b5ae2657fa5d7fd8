//! `gazetted check`.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::feeds::{ListedFeed, State, quoted, rows};
use super::output::{GREEN, count, data, hanging, json_data, without_nulls};
use super::simulate::{host_limits, limit_as_json, note_host_limits};
use super::{Context, Exit, run::runtime};
use crate::config::{Config, FeedConfig};
use crate::fetch::Fetcher;
use crate::matching::likely_address::{Known, likely};
use crate::passes::check_online::check_online;
use crate::present::terminal::clean_line;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Show what it would change against the store
    #[arg(long)]
    diff: bool,
    /// Also ask for every enabled feed once, and say which would fail
    #[arg(long)]
    online: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let path = context.config_path()?;
    let config = match context.load_from(&path) {
        Ok(config) => config,
        Err(errors) if args.json => {
            let faults: Vec<_> = errors
                .faults()
                .iter()
                .map(|fault| {
                    json!({
                        "file": fault.file, "line": fault.line, "column": fault.column,
                        "key": fault.key, "message": fault.message, "hint": fault.hint,
                    })
                })
                .collect();
            json_data(&json!({ "ok": false, "faults": faults }))?;
            return Ok(Exit::BadConfig);
        }
        Err(errors) => return Err(errors.into()),
    };
    Fetcher::new(&config.fetch)?; // This finds invalid certificates and proxies.
    let diff = if args.diff { Some(diff(&config)?) } else { None };
    let online = if args.online { Some(ask(&config, args.json, context)?) } else { None };
    let fine = online.as_ref().is_none_or(|seen| seen.iter().all(|one| one.fine));
    let exit = if fine { Exit::Done } else { Exit::Failed };
    if args.json {
        let mut answer = json!({
            "ok": fine, "feeds": config.feeds.len(), "exports": config.exports.len(),
            "notes": config.notes, "diff": diff,
            "host_limits": host_limits(&config).iter().map(limit_as_json).collect::<Vec<Value>>(),
        });
        if let (Some(online), Some(answer)) = (&online, answer.as_object_mut()) {
            answer.insert("online".to_owned(), online.iter().map(Seen::json).collect());
        }
        json_data(&answer)?;
        return Ok(exit);
    }
    let ok = context.output.styled(GREEN, "ok");
    let (feeds, exports) = (config.feeds.len() as u64, config.exports.len() as u64);
    data(|out| {
        let path = config.path.display();
        writeln!(out, "{path}: {ok}, {}, {}", count(feeds, "feed"), count(exports, "export"))?;
        diff.iter().flat_map(Diff::lines).try_for_each(|line| writeln!(out, "  {line}"))?;
        let Some(online) = &online else { return Ok(()) };
        for one in online.iter().filter(|one| !one.fine || one.moved_to.is_some()) {
            writeln!(out, "  {}", hanging(&one.line(), 4))?;
        }
        let failed = online.iter().filter(|one| !one.fine).count() as u64;
        let asked = count(online.len() as u64, "feed");
        match failed {
            0 => writeln!(out, "{asked} asked, all can be read"),
            failed => writeln!(out, "{asked} asked, {failed} would fail"),
        }
    })?;
    if !context.quiet {
        config.notes.iter().for_each(|note| context.output.note(&clean_line(&note.to_string())));
        note_host_limits(&config, context);
    }
    Ok(exit)
}

/// The result of the online check of one feed.
struct Seen {
    name: String,
    url: String,
    fine: bool,
    outcome: &'static str,
    detail: String,
    status: Option<u16>,
    entries: Option<usize>,
    moved_to: Option<String>,
    offers: Vec<String>,
}

fn ask(config: &Config, quiet: bool, context: &Context) -> Result<Vec<Seen>> {
    let enabled = config.feeds.iter().filter(|feed| feed.spec.enabled).count() as u64;
    let progress = context.output.progress(enabled, "feeds", !context.quiet && !quiet);
    let on_result = |feed: &FeedConfig| progress.step(feed.spec.url.as_str());
    let found = runtime()?.block_on(check_online(config, on_result))?;
    drop(progress);
    let seen = found.into_iter().filter_map(|(place, seen)| {
        let spec = &config.feeds.get(place)?.spec;
        let entries = seen.outcome.document().map(|document| document.entries);
        Some(Seen {
            name: spec.name.clone().unwrap_or_else(|| spec.url.to_string()),
            url: spec.url.to_string(),
            fine: entries.is_some(),
            outcome: seen.outcome.as_str(),
            detail: seen.message.detail,
            status: seen.transfer.status,
            entries,
            moved_to: seen.instructions.moved_to.map(String::from),
            offers: seen.message.offers.into_iter().map(String::from).collect(),
        })
    });
    Ok(seen.collect())
}

impl Seen {
    fn line(&self) -> String {
        match &self.moved_to {
            Some(to) if self.fine => format!("~ {}: has moved for good to {to}", self.name),
            _ => format!("! {}: {}", self.name, self.detail),
        }
    }

    fn json(&self) -> Value {
        without_nulls(json!({
            "name": self.name, "url": self.url, "ok": self.fine, "outcome": self.outcome,
            "detail": Some(&self.detail).filter(|detail| !detail.is_empty()),
            "http_status": self.status, "entries": self.entries, "moved_to": self.moved_to,
            "offers": Some(&self.offers).filter(|offers| !offers.is_empty()),
        }))
    }
}

/// The changes of the list of feeds since the store was last used.
#[derive(Default, Serialize)]
struct Diff {
    added: Vec<String>,
    /// The address and the number of articles, which are kept.
    removed: Vec<(String, u64)>,
    enabled: Vec<String>,
    disabled: Vec<String>,
    /// The address, the old name and the new name.
    renamed: Vec<(String, String, String)>,
    /// The old and the new address of feeds that are likely to be the same.
    moved: Vec<(String, String)>,
}

fn diff(config: &Config) -> Result<Diff> {
    let rows = rows(config)?;
    let mut diff = Diff { moved: moved(&rows), ..Diff::default() };
    for feed in rows {
        match (&feed.row, feed.state) {
            (None, _) => diff.added.push(feed.url),
            (Some(row), State::Retired) if row.configured => {
                diff.removed.push((feed.url, row.articles));
            }
            (Some(_), State::Retired) => {}
            (Some(row), _) if !row.configured => diff.added.push(feed.url),
            (Some(row), state) => {
                match (row.enabled, state != State::Disabled) {
                    (false, true) => diff.enabled.push(feed.url.clone()),
                    (true, false) => diff.disabled.push(feed.url.clone()),
                    (true, true) | (false, false) => {}
                }
                let old = row.display_name();
                if old != feed.name {
                    diff.renamed.push((feed.url, old.to_owned(), feed.name));
                }
            }
        }
    }
    Ok(diff)
}

/// Feeds that left the configuration, with the new ones that are likely to be the same under another address. A new feed
/// that has articles cannot be the same any more.
fn moved(rows: &[ListedFeed]) -> Vec<(String, String)> {
    let articles = |feed: &ListedFeed| feed.row.as_ref().map_or(0, |row| row.articles);
    let is_old = |feed: &&ListedFeed| feed.state == State::Retired && articles(feed) != 0;
    let is_new = |feed: &&ListedFeed| feed.state != State::Retired && articles(feed) == 0;
    let old: Vec<&ListedFeed> = rows.iter().filter(is_old).collect();
    let new: Vec<&ListedFeed> = rows.iter().filter(is_new).collect();
    let [old_known, new_known]: [Vec<Known<'_>>; 2] =
        [&old, &new].map(|feeds| feeds.iter().map(|feed| feed.known()).collect());
    likely(&old_known, &new_known)
        .into_iter()
        .filter_map(|pair| Some((old.get(pair.old)?.url.clone(), new.get(pair.new)?.url.clone())))
        .collect()
}

impl Diff {
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.added.iter().map(|url| format!("+ {url}")));
        lines.extend(
            self.removed.iter().map(|(url, articles)| {
                format!("- {url} (keeps its {})", count(*articles, "article"))
            }),
        );
        lines.extend(self.enabled.iter().map(|url| format!("~ {url} is polled again")));
        lines.extend(self.disabled.iter().map(|url| format!("~ {url} is no longer polled")));
        let renamed = self.renamed.iter();
        lines.extend(renamed.map(|(url, old, new)| format!("~ {url} is called {new}, was {old}")));
        lines.extend(self.moved.iter().map(|(old, new)| {
            let command = format!("gazetted feeds move {} {}", quoted(old), quoted(new));
            format!(
                "> {new} is likely {old} under another address; to keep it the same feed: {command}"
            )
        }));
        if lines.is_empty() {
            lines.push("the store has the same feeds".to_owned());
        }
        lines
    }
}
