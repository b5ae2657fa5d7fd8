//! `gazetted export`.

mod following;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};

use super::filters::{Filters, checked, indexed};
use super::output::{count, width};
use super::{Context, Exit};
use crate::clock;
use crate::deliver;
use crate::domain::consumer::ConsumerName;
use crate::export::{Format, Shape, TableStyle, Template};
use crate::passes::export::write;
use crate::search::filter;
use crate::store::Reader;

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
    /// Write a file, as a whole or not at all, instead of standard output
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
    let table = to_terminal && !args.events;
    let otherwise = if table { Format::Table } else { Format::JsonLines };
    let format = args.format.or(guessed).unwrap_or(otherwise);
    let as_table = format == Format::Table && args.template.is_none();
    let follows = args.consumer.is_some() || args.after.is_some();
    let limit = args.limit.unwrap_or(if as_table && !follows { 50 } else { 0 });
    let shape = match &args.template {
        Some(path) => Shape::Template(template(path)?),
        None => Shape::Format(format),
    };
    let mut query = args.filters.query(&reader)?;
    query.limit = Some(limit).filter(|n| *n != 0);
    if let Some(words) = &args.search {
        filter::set(&mut query, "search", words, clock::now()).map_err(|fault| anyhow!(fault))?;
        indexed(&reader, &config, context)?;
    }
    let style = TableStyle {
        width: width(),
        color: args.output.is_none() && context.output.stdout_color(),
        now: clock::now(),
    };
    if follows {
        let wanted = following::Wanted { query, shape, style, store: &config.store.path };
        return following::run(args, &reader, &wanted, context);
    }
    let produce = |out: &mut dyn std::io::Write| write(&reader, &query, &shape, style, out);
    let Some(path) = &args.output else {
        deliver::to_stdout(produce)?;
        return Ok(Exit::Done);
    };
    let written = deliver::to_file(path, produce)?;
    if !context.quiet {
        let articles = count(written.records, "article");
        context.output.note(&format!("wrote {articles} to {}", path.display()));
    }
    Ok(Exit::Done)
}

fn template(path: &Path) -> Result<Template> {
    let source = std::fs::read_to_string(path)
        .with_context(|| format!("could not read the template {}", path.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    Ok(Template::parse(&name, &source)?)
}
