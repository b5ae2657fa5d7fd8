//! `gazetted check`.

use anyhow::Result;
use serde_json::json;

use super::feeds::{State, rows};
use super::output::{GREEN, count, data, json_data};
use super::{Context, Exit};
use crate::config::Config;
use crate::fetch::Fetcher;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Show what it would change against the store
    #[arg(long)]
    diff: bool,
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
    Fetcher::new(&config.fetch)?; // Certificates and proxies are what the daemon would stumble over.
    let diff = if args.diff { Some(diff(&config)?) } else { None };
    if args.json {
        json_data(&json!({
            "ok": true, "feeds": config.feeds.len(), "exports": config.exports.len(),
            "diff": diff.map(|d| json!({
                "added": d.added, "removed": d.removed, "enabled": d.enabled,
                "disabled": d.disabled, "renamed": d.renamed,
            })),
        }))?;
        return Ok(Exit::Done);
    }
    let ok = context.output.styled(GREEN, "ok");
    let (feeds, exports) = (config.feeds.len() as u64, config.exports.len() as u64);
    data(|out| {
        let path = config.path.display();
        writeln!(out, "{path}: {ok}, {}, {}", count(feeds, "feed"), count(exports, "export"))?;
        diff.iter().flat_map(Diff::lines).try_for_each(|line| writeln!(out, "  {line}"))
    })?;
    Ok(Exit::Done)
}

/// What the configuration would change in the store.
struct Diff {
    added: Vec<String>,
    /// With the number of articles that stay.
    removed: Vec<(String, u64)>,
    enabled: Vec<String>,
    disabled: Vec<String>,
    /// Address, old name, new name.
    renamed: Vec<(String, String, String)>,
}

fn diff(config: &Config) -> Result<Diff> {
    let mut diff = Diff {
        added: Vec::new(),
        removed: Vec::new(),
        enabled: Vec::new(),
        disabled: Vec::new(),
        renamed: Vec::new(),
    };
    for feed in rows(config)? {
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
        if lines.is_empty() {
            lines.push("the store has the same feeds".to_owned());
        }
        lines
    }
}
