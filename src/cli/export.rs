//! `gazetted export`.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use url::Url;

use super::output::{count, width};
use super::{Context, Exit};
use crate::clock;
use crate::config::value;
use crate::deliver;
use crate::domain::query::{Query, When};
use crate::export::{Format, TableStyle};
use crate::passes::export::{ExportError, write};
use crate::store::Reader;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// json, jsonl, jsonfeed, atom, rss, csv or table [default: by the name of --output, else table on a
    /// terminal, else jsonl]
    #[arg(long, short, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// At most so many articles; 0 for all [default: 50 as a table, else all]
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    filters: Filters,
    /// Write a file, as a whole or not at all, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Filters that every command on articles shares.
#[derive(clap::Args, Debug)]
pub(super) struct Filters {
    /// Only of this feed: its name, URL or id; may be given more than once
    #[arg(long, value_name = "FEED")]
    feed: Vec<String>,
    /// Only of feeds with this tag; may be given more than once
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Not older: a span such as 24h or 7d, a date, or an RFC 3339 time
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
    /// Older than this
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<When>,
}

fn when(text: &str) -> Result<When, String> {
    value::when(text, clock::now())
}

fn format(text: &str) -> Result<Format, String> {
    Format::parse(text).ok_or_else(|| format!("the formats are {}", Format::NAMES.join(", ")))
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let reader = Reader::open(&config.store.path)
        .context("nothing to export yet; `gazetted poll` collects articles")?;
    let to_terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let guessed = args.output.as_deref().and_then(Format::from_path);
    let otherwise = if to_terminal { Format::Table } else { Format::JsonLines };
    let format = args.format.or(guessed).unwrap_or(otherwise);
    let limit = args.limit.unwrap_or(if format == Format::Table { 50 } else { 0 });
    let query = Query {
        limit: Some(limit).filter(|n| *n != 0),
        since: args.filters.since,
        until: args.filters.until,
        feeds: args.filters.feed.iter().map(|feed| without_user_info(feed).into()).collect(),
        tags: args.filters.tag.clone(),
    };
    known(&reader, &query)?;
    let style = TableStyle {
        width: width(),
        color: args.output.is_none() && context.output.stdout_color(),
        now: clock::now(),
    };
    // A failure of the store inside a writer travels around it.
    let mut failed = None;
    let mut produce = |out: &mut dyn std::io::Write| {
        write(&reader, &query, format, style, out).map_err(|error| match error {
            ExportError::Write(error) => error,
            other => {
                failed = Some(other);
                std::io::Error::other("the store could not be read")
            }
        })
    };
    let written = match &args.output {
        Some(path) => deliver::to_file(path, &mut produce).map(Some),
        None => deliver::to_stdout(&mut produce),
    };
    if let Some(error) = failed {
        return Err(error.into());
    }
    let articles = written?;
    if let (Some(path), Some(articles)) = (&args.output, articles)
        && !context.quiet
    {
        context.output.note(&format!("wrote {} to {}", count(articles, "article"), path.display()));
    }
    Ok(Exit::Done)
}

/// A filter that names nothing known is a slip, not an empty result.
fn known(reader: &Reader, query: &Query) -> Result<()> {
    let feeds = reader.feeds()?;
    for name in &query.feeds {
        if !feeds.iter().any(|feed| feed.is_called(name)) {
            let names = feeds.iter().map(|feed| feed.display_name().to_owned());
            return Err(unknown("feed", name, names));
        }
    }
    for tag in &query.tags {
        if !feeds.iter().any(|feed| feed.tags.contains(tag)) {
            return Err(unknown("tag", tag, feeds.iter().flat_map(|feed| feed.tags.clone())));
        }
    }
    Ok(())
}

/// "There is no …", with the nearest that there is.
pub(super) fn unknown(
    what: &str,
    name: &str,
    known: impl Iterator<Item = String>,
) -> anyhow::Error {
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let nearest = known.min_by_key(|other| distance(other));
    match nearest.filter(|other| distance(other) <= 1 + name.chars().count() / 3) {
        Some(nearest) => anyhow!("there is no {what} `{name}`; did you mean `{nearest}`?"),
        None => anyhow!("there is no {what} `{name}`; `gazetted feeds` lists them"),
    }
}

/// What a user typed as a feed, without the user name and password of a URL: feeds are known without
/// them, and no message may repeat them.
pub(super) fn without_user_info(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let end = match Url::parse(text) {
        Ok(_) => rest.find(['/', '?', '#']).unwrap_or(rest.len()),
        Err(_) => rest.len(), // No URL: its password may hold anything.
    };
    match rest.get(..end).and_then(|part| part.rfind('@')).and_then(|at| rest.get(at + 1..)) {
        Some(rest) => format!("{scheme}://{rest}").into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_name_and_password_are_taken_off() {
        for (text, expected) in [
            ("https://me:secret@example.org/f", "https://example.org/f"),
            ("https://token@example.org/f", "https://example.org/f"),
            ("https://me:se/cr@et@example.org/f", "https://example.org/f"),
            ("https://me:secret@", "https://"),
            ("https://social.example:8080/@me", "https://social.example:8080/@me"),
            ("https://example.org/f?a=b@c", "https://example.org/f?a=b@c"),
            ("a name @ home", "a name @ home"),
        ] {
            assert_eq!(without_user_info(text), expected);
        }
    }
}
