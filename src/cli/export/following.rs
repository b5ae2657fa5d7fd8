//! `gazetted export --consumer NAME` and `--after SEQ`.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::super::output::count;
use super::super::run::runtime;
use super::super::{Context, Exit};
use super::Args;
use crate::clock;
use crate::deliver;
use crate::domain::consumer::{ConsumerName, Delivered};
use crate::domain::query::Query;
use crate::export::{Format, Shape, TableStyle};
use crate::passes::changes::{Hearing, write_after};
use crate::store::{ConsumerLock, Reader, Store};

/// In the name of a file: the cursor that a batch starts from.
const SEQ: &str = "{seq}";

pub(super) struct Wanted<'a> {
    pub(super) query: Query,
    pub(super) shape: Shape,
    pub(super) style: TableStyle,
    pub(super) store: &'a Path,
}

pub(super) fn run(
    args: &Args,
    reader: &Reader,
    wanted: &Wanted<'_>,
    context: &Context,
) -> Result<Exit> {
    let as_json = [Format::Json, Format::JsonLines].map(Shape::Format).contains(&wanted.shape);
    if args.events && !as_json {
        bail!("--events are written as jsonl or json");
    }
    if wanted.shape == Shape::Format(Format::Opml) {
        bail!("opml holds feeds, and a consumer follows articles; choose another format");
    }
    let Some(consumer) = &args.consumer else {
        deliver(args, reader, wanted, args.after.unwrap_or(0))?;
        return Ok(Exit::Done);
    };
    // Held to the end: two runs that read from one cursor would both deliver what comes after it.
    let _lock = ConsumerLock::take(wanted.store, consumer)?;
    let known = reader.consumer(consumer)?;
    let store = Store::open(wanted.store)?;
    let runtime = runtime()?;
    if known.is_none() {
        runtime.block_on(store.register_consumer(consumer.clone(), 0, clock::now()))?;
    }
    let from = known.map_or(0, |consumer| consumer.seq);
    let Some(delivered) = deliver(args, reader, wanted, from)? else {
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

/// Brings a batch to where it shall be, for good. `None` when nobody took it.
fn deliver(
    args: &Args,
    reader: &Reader,
    wanted: &Wanted<'_>,
    from: i64,
) -> Result<Option<Delivered>> {
    let Wanted { query, shape, style, .. } = wanted;
    let hearing = if args.events { Hearing::Events } else { Hearing::Articles };
    let produce =
        |out: &mut dyn io::Write| write_after(reader, query, from, (hearing, shape), *style, out);
    let Some(path) = &args.output else { return Ok(deliver::to_stdout_synced(produce)?) };
    let delivered = match own_file(path, from) {
        Some(path) => deliver::to_file_if(&path, produce, |batch| batch.records != 0)?,
        None => deliver::to_file(path, produce)?,
    };
    Ok(Some(delivered))
}

/// A file for this batch alone, named by the cursor that it starts from: a batch that is repeated after a
/// crash replaces itself.
fn own_file(output: &Path, from: i64) -> Option<PathBuf> {
    let text = output.to_str().filter(|text| text.contains(SEQ))?;
    Some(text.replace(SEQ, &format!("{from:012}")).into())
}
