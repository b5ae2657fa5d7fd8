//! `gazetted export`: the articles that match the filters, or with `--consumer` and `--after` what is new
//! since the last run.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::error::ErrorKind;

use super::filters::{Filters, checked, indexed, matched};
use super::output::{count, width};
use super::run::runtime;
use super::{Context, Exit, reader};
use crate::clock;
use crate::config::Config;
use crate::deliver;
use crate::domain::consumer::{ConsumerName, Delivered};
use crate::domain::query::Query;
use crate::export::{Format, Shape, TableStyle, Template};
use crate::passes::changes::{RecordKind, write_after};
use crate::passes::duplicates;
use crate::passes::export::write;
use crate::passes::future::announce;
use crate::search::filter;
use crate::store::{Reader, Store};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// json, jsonl, jsonfeed, atom, rss, csv, table, markdown, html or opml (the feeds) [default: by the
    /// name of --output, else table on a terminal, else jsonl]
    #[arg(long, short, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// A template to fill (Jinja 2); what is printed is escaped by its name: page.html.j2, digest.md.j2
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    template: Option<PathBuf>,
    /// At most so many articles; 0 for all [default: 50 as a table, else all]
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    filters: Filters,
    /// Only with these words in title or text, as in `gazetted search`
    #[arg(long, value_name = "WORDS", value_parser = |text: &str| checked("search", text))]
    search: Option<String>,
    /// Write a file, as a whole or not at all, instead of standard output; its ending chooses the format
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What is new or edited since this consumer's last successful run, oldest first. {seq} in the name of
    /// --output makes each run that has something a file of its own
    #[arg(long, value_name = "NAME", group = "cursor", value_parser = ConsumerName::parse)]
    consumer: Option<ConsumerName>,
    /// The same after a sequence number, and nothing is remembered
    #[arg(long, value_name = "SEQ", group = "cursor", value_parser = clap::value_parser!(i64).range(0..))]
    after: Option<i64>,
    /// Records of what happened (`event`: new, edited or removed), as jsonl or json
    #[arg(long, requires = "cursor", conflicts_with = "template")]
    events: bool,
    /// Also articles that another feed has brought too since then, as edited ones; `also_in` names the feed
    #[arg(long, requires = "cursor", conflicts_with = "with_duplicates")]
    sightings: bool,
}

fn format(text: &str) -> Result<Format, String> {
    Format::parse(text).ok_or_else(|| format!("the formats are {}", Format::NAMES.join(", ")))
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load_without_lists()?;
    let reader = reader(&config)?;
    let to_terminal = args.output.is_none() && io::stdout().is_terminal();
    let format = chosen_format(args, to_terminal)?;
    let as_table = format == Format::Table && args.template.is_none();
    let follows = args.consumer.is_some() || args.after.is_some();
    let limit = args.limit.unwrap_or(if as_table && !follows { 50 } else { 0 });
    let shape = match &args.template {
        Some(path) => Shape::Template(template(path)?),
        None => Shape::Format(format),
    };
    let mut query = args.filters.query(&reader, &config, context)?;
    query.limit = Some(limit).filter(|n| *n != 0);
    query.sightings = args.sightings;
    if let Some(words) = &args.search {
        filter::set(&mut query, "search", words, (clock::now(), config.zone))
            .map_err(|fault| anyhow!(fault))?;
        indexed(&reader, &config, context)?;
    }
    let style = TableStyle {
        width: width(),
        color: args.output.is_none() && context.output.stdout_color(),
        zone: config.zone,
        now: clock::now(),
    };
    if follows {
        let job = Job { query, shape, style, config: &config };
        return export_changes(args, &reader, &job, context);
    }
    let produce = |out: &mut dyn io::Write| write(&reader, &query, &shape, style, out);
    let Some(path) = &args.output else {
        deliver::to_stdout(produce)?;
        return Ok(Exit::Done);
    };
    let written = deliver::to_file(path, produce)?;
    if !context.quiet {
        let noun = if shape == Shape::Format(Format::Opml) { "feed" } else { "article" };
        let records = count(written.records, noun);
        context.output.note(&format!("wrote {records} to {}", path.display()));
    }
    Ok(Exit::Done)
}

/// The format of `--format`, else the one that belongs to the name of the file, else the one of standard output.
///
/// # Errors
/// Wrong usage when the name of the file says nothing about the format. A device or a pipe, such as `/dev/stdout`, has no
/// such name and gets the format of standard output.
fn chosen_format(args: &Args, to_terminal: bool) -> Result<Format> {
    let table = to_terminal && !args.events;
    let otherwise = if table { Format::Table } else { Format::JsonLines };
    let named = match &args.output {
        Some(path) if args.format.is_none() && args.template.is_none() => {
            let is_device = fs::metadata(path).is_ok_and(|found| !found.is_file())
                || path == Path::new("/dev/stdout")
                || path.starts_with("/dev/fd");
            match Format::from_path(path) {
                None if !is_device => return Err(unknown_ending(path).into()),
                found => found,
            }
        }
        _ => None,
    };
    Ok(args.format.or(named).unwrap_or(otherwise))
}

fn unknown_ending(path: &Path) -> clap::Error {
    let path = path.display();
    let endings = Format::EXTENSIONS;
    let message = format!(
        "the name {path} says no format: the endings are {endings}; or name the format with --format\n"
    );
    clap::Error::raw(ErrorKind::ValueValidation, message)
}

fn template(path: &Path) -> Result<Template> {
    let source = fs::read_to_string(path)
        .with_context(|| format!("could not read the template {}", path.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    Ok(Template::parse(&name, &source)?)
}

/// The placeholder in a file name for the cursor at which the batch starts.
const SEQ: &str = "{seq}";

/// What to export and how.
struct Job<'a> {
    query: Query,
    shape: Shape,
    style: TableStyle,
    config: &'a Config,
}

/// Exports what comes after the cursor of a consumer, or after a given sequence number.
fn export_changes(args: &Args, reader: &Reader, job: &Job<'_>, context: &Context) -> Result<Exit> {
    let as_json = [Format::Json, Format::JsonLines].map(Shape::Format).contains(&job.shape);
    if args.events && !as_json {
        bail!("--events are written as jsonl or json");
    }
    if job.shape == Shape::Format(Format::Opml) {
        bail!("opml holds feeds, and a consumer follows articles; choose another format");
    }
    let Some(consumer) = &args.consumer else {
        if let Err(error) = matched(reader, job.config) {
            // For example because the disk is full. The articles of which it is decided are exported nevertheless.
            let note = "the latest articles are left out, because they may be duplicates";
            context.output.error(&format!("{error:#}\n{note}"));
        }
        deliver_batch(args, reader, job, args.after.unwrap_or(0))?;
        return Ok(Exit::Done);
    };
    // Held to the end: two runs that start from one cursor would deliver the same records twice.
    let location = &job.config.store.location;
    let _lock = location.consumer_lock(consumer)?;
    let known = reader.consumer(consumer)?;
    let store = location.open()?;
    let runtime = runtime()?;
    runtime.block_on(announce(&store, job.config, clock::now()))?;
    runtime.block_on(duplicates::catch_up(&store))?;
    if known.is_none() {
        runtime.block_on(store.register_consumer(consumer.clone(), 0, clock::now()))?;
    }
    let from = known.map_or(0, |consumer| consumer.seq);
    let Some(delivered) = deliver_batch(args, reader, job, from)? else {
        context.output.note(&format!("the reader went away; {consumer} stays where it was"));
        return Ok(Exit::Done);
    };
    if args.output.is_some() && !context.quiet {
        let records = count(delivered.records, "record");
        context.output.note(&format!("{consumer}: {records}, now at {}", delivered.to));
    }
    if delivered.from < delivered.to && !runtime.block_on(advance(&store, consumer, delivered))? {
        context.output.note(&format!("{consumer} was reset meanwhile and stays where it was put"));
    }
    Ok(Exit::Done)
}

async fn advance(store: &Store, consumer: &ConsumerName, delivered: Delivered) -> Result<bool> {
    Ok(store.advance_consumer(consumer.clone(), delivered, clock::now()).await?)
}

/// Delivers a batch. Returns `None` when the reader of standard output closed the pipe.
fn deliver_batch(
    args: &Args,
    reader: &Reader,
    job: &Job<'_>,
    from: i64,
) -> Result<Option<Delivered>> {
    let Job { query, shape, style, .. } = job;
    let kind = if args.events { RecordKind::Events } else { RecordKind::Articles };
    let produce =
        |out: &mut dyn io::Write| write_after(reader, query, from, (kind, shape), *style, out);
    let Some(path) = &args.output else { return Ok(deliver::to_stdout_synced(produce)?) };
    let delivered = match own_file(path, from) {
        Some(path) => deliver::to_file_if(&path, produce, |batch| batch.records != 0)?,
        None => deliver::to_file(path, produce)?,
    };
    Ok(Some(delivered))
}

/// The file for this batch alone, if the name has the placeholder. It is named by the cursor, so that a batch
/// that is repeated after a crash replaces itself.
fn own_file(output: &Path, from: i64) -> Option<PathBuf> {
    let text = output.to_str().filter(|text| text.contains(SEQ))?;
    Some(text.replace(SEQ, &format!("{from:012}")).into())
}
