//! `gazetted feeds import` and `gazetted feeds export`.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;

use super::super::output::{count, data, json_data};
use super::super::{Context, Exit};
use super::add::without_scheme;
use super::change::{apply, line, note_reload};
use super::{State, rows};
use crate::article_page::extract::is_selector;
use crate::config::Config;
use crate::config::edit::{Edit, NewFeed, without_variables};
use crate::domain::feed::{FeedRef, FeedUrl, InvalidFeedUrl};
use crate::export::opml::write;
use crate::feed::newsboat::newsboat;
use crate::feed::opml::{Outline, Settings, opml};
use crate::present::terminal::clean_line;
use crate::search::filter::without_user_info;

/// The maximum size of an OPML file.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(clap::Args, Debug)]
pub(super) struct Import {
    /// An OPML file that another reader exported, or the file `urls` of newsboat; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Give all of them this tag too; may be repeated
    #[arg(long = "tag", short, value_name = "TAG")]
    tags: Vec<String>,
    /// Say what would be added and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn import(args: &Import, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let body = bytes(&args.file)?;
    let outlines = newsboat(&body).map_or_else(|| opml(&body), Ok);
    let outlines = outlines.map_err(|error| {
        let file = args.file.display();
        anyhow!("{file}: {error}; name what another reader exports as OPML, or newsboat's `urls`")
    })?;
    let sorted = Sorted::of(outlines, &args.tags, &config);
    if !sorted.new.is_empty() && !args.dry_run {
        let mut edit = Edit::default();
        edit.add(&config.path, &sorted.new)?;
        apply(&edit, &config, context)?;
    }
    if args.json {
        let invalid = sorted.invalid.iter();
        json_data(&json!({
            "added": sorted.new.iter().map(|feed| feed.url.as_str()).collect::<Vec<_>>(),
            "known": sorted.known,
            "left_out": sorted.left_out.iter().map(|(line, settings)| json!({ "line": line, "settings": settings })).collect::<Vec<_>>(),
            "invalid": invalid.map(|(line, why)| json!({ "line": line, "message": why })).collect::<Vec<_>>(),
        }))?;
    } else {
        data(|out| {
            sorted.new.iter().try_for_each(|feed| {
                let name = feed.name.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
                line(out, "+", &format!("{name}{}", feed.url))
            })
        })?;
    }
    let at = |line: &usize, text: &str| {
        context.output.note(&clean_line(&format!("{}:{line}: {text}", args.file.display())));
    };
    sorted.invalid.iter().for_each(|(line, why)| at(line, why));
    for (line, settings) in &sorted.left_out {
        at(line, &format!("added without {}", settings.join(", ")));
    }
    if !context.quiet {
        let verb = if args.dry_run { "would be added" } else { "added" };
        context.output.note(&format!(
            "{} {verb}, {} there already, {} invalid",
            count(sorted.new.len() as u64, "feed"),
            sorted.known,
            sorted.invalid.len()
        ));
    }
    if !sorted.new.is_empty() && !args.dry_run {
        note_reload(context);
    }
    Ok(if sorted.new.is_empty() && sorted.known == 0 { Exit::Failed } else { Exit::Done })
}

fn bytes(file: &Path) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(MAX_BYTES).read_to_end(&mut body)
    } else {
        fs::File::open(file).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut body))
    };
    read.with_context(|| format!("could not read {}", file.display()))?;
    Ok(body)
}

/// The outlines of an OPML file, sorted by what is done with them.
#[derive(Default)]
struct Sorted {
    new: Vec<NewFeed>,
    /// The number of feeds that are configured already or occur twice in the file.
    known: usize,
    /// The line of each invalid outline, and the reason.
    invalid: Vec<(usize, String)>,
    /// The lines of new feeds that have settings which are not taken over, and their names.
    left_out: Vec<(usize, Vec<String>)>,
}

impl Sorted {
    fn of(outlines: Vec<Outline>, tags: &[String], config: &Config) -> Self {
        let mut sorted = Self::default();
        let mut addresses: HashSet<String> =
            config.feeds.iter().map(|feed| without_scheme(feed.spec.url.as_url())).collect();
        let mut names: HashSet<String> =
            config.feeds.iter().filter_map(|feed| feed.spec.name.clone()).collect();
        for outline in outlines {
            let url = match address(&outline) {
                Ok(url) => url,
                Err(why) => {
                    sorted.invalid.push((outline.line, why));
                    continue;
                }
            };
            if !addresses.insert(without_scheme(url.as_url())) {
                sorted.known += 1;
                continue;
            }
            // Names must be unique. A feed without a name is shown by its title.
            let name = outline.name.filter(|name| !names.contains(name) && *name != url.as_str());
            names.extend(name.clone());
            let mut all = outline.tags;
            all.extend(tags.iter().filter(|tag| !all.contains(tag)).cloned().collect::<Vec<_>>());
            let (feed, left_out) = with_settings(NewFeed::new(url), outline.settings);
            sorted.new.push(NewFeed { name, tags: all, ..feed });
            if !left_out.is_empty() {
                sorted.left_out.push((outline.line, left_out));
            }
        }
        sorted
    }
}

/// Takes over the settings for which there are keys, and returns the names of the others.
fn with_settings(feed: NewFeed, settings: Settings) -> (NewFeed, Vec<String>) {
    let mut others = settings.others;
    let mut selector = |selector: Option<String>, name: &str| {
        let valid = selector.as_deref().is_none_or(is_selector);
        others.extend((!valid).then(|| format!("the selector {name}")));
        selector.filter(|_| valid)
    };
    let select = selector(settings.select, "of the text");
    let remove = selector(settings.remove, "of what is removed");
    let feed = NewFeed {
        is_disabled: settings.is_disabled,
        full_text: settings.full_text,
        select,
        remove,
        ..feed
    };
    (feed, others)
}

fn address(outline: &Outline) -> Result<FeedUrl, String> {
    let called = outline.name.as_deref().map(|name| format!("`{name}` ")).unwrap_or_default();
    if outline.settings.is_scraped {
        return Err(format!(
            "the outline {called}is no feed, but a document that is read by XPath or dot notation; add it \
             with a map (docs/feeds.md)"
        ));
    }
    let Some(text) = &outline.url else { return Err(format!("the outline {called}has no xmlUrl")) };
    let text = match text.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("feed:") => {
            let rest = text.get(5..).unwrap_or_default();
            if rest.starts_with("//") { format!("https:{rest}") } else { rest.to_owned() }
        }
        _ => text.clone(),
    };
    match FeedUrl::parse(&text) {
        // Such a file is on another machine, or the author of the list wants to read files of ours.
        Ok(url) if url.is_file() => Err(format!("the outline {called}names a file")),
        Ok(url) => Ok(without_variables(url)),
        Err(InvalidFeedUrl::Credentials) => Err(format!(
            "{}: a user name or password does not belong in the address; add the feed with basic_auth",
            without_user_info(&text)
        )),
        Err(InvalidFeedUrl::Scheme(scheme)) if matches!(scheme.as_str(), "exec" | "filter") => Err(
            format!("{text}: a program is no address; write it as `command` in a [[feeds]] table"),
        ),
        Err(InvalidFeedUrl::Scheme(scheme)) if scheme == "query" => {
            Err(format!("{text}: a search is no feed; `gazetted export` takes filters"))
        }
        Err(error) => Err(format!("{}: {error}", without_user_info(&text))),
    }
}

/// The feeds of the configuration, as OPML on standard output.
pub(super) fn export(context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let feeds: Vec<FeedRef> = rows(&config)?
        .into_iter()
        .filter(|feed| feed.state != State::Retired)
        .map(|feed| FeedRef {
            name: feed.name,
            url: feed.url,
            title: feed.row.as_ref().and_then(|row| row.title.clone()),
            home_page_url: feed.row.and_then(|row| row.home_page_url),
            tags: feed.tags,
        })
        .collect();
    data(|out| write(&feeds, out).map(|_| ()))?;
    Ok(Exit::Done)
}
