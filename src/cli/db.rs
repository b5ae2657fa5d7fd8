//! `gazetted db`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::output::{GREEN, RED, count, data, json_data};
use super::{Context, Exit};
use crate::store::Reader;

#[derive(clap::Subcommand, Debug)]
pub(super) enum Verb {
    /// Reads the whole store and checks it
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes a consistent copy of the store, also while the daemon runs
    Backup {
        /// The copy; must not exist yet
        file: PathBuf,
    },
    /// Shows counts and sizes
    Stats {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(verb: &Verb, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let path = &config.store.path;
    let reader = Reader::open(path)?;
    match verb {
        Verb::Check { json } => check(&reader, path, *json, context),
        Verb::Backup { file } => backup(&reader, file, context),
        Verb::Stats { json } => stats(&reader, path, *json),
    }
}

fn check(reader: &Reader, path: &std::path::Path, json: bool, context: &Context) -> Result<Exit> {
    let check = reader.check()?;
    let output = &context.output;
    if json {
        json_data(&json!({ "ok": check.faults.is_empty(), "faults": check.faults }))?;
    } else if check.faults.is_empty() {
        let ok = output.styled(GREEN, "sound");
        data(|out| writeln!(out, "{}: {ok}", path.display()))?;
    } else {
        let bad = output.styled(RED, "damaged");
        data(|out| {
            writeln!(out, "{}: {bad}", path.display())?;
            check.faults.iter().try_for_each(|fault| writeln!(out, "  {fault}"))
        })?;
        output.note("Stop the daemon, keep this file, and restore the latest backup.");
    }
    Ok(if check.faults.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Copied beside the target, brought to the disk, then renamed: a backup is whole or not there.
fn backup(reader: &Reader, file: &std::path::Path, context: &Context) -> Result<Exit> {
    if file.exists() {
        bail!("{} exists already; name a new file", file.display());
    }
    let mut part = file.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    let copied = reader.copy_to(&part).map_err(anyhow::Error::from).and_then(|()| {
        std::fs::File::open(&part)?.sync_all()?;
        Ok(std::fs::hard_link(&part, file)?) // Unlike a rename, never over a file.
    });
    std::fs::remove_file(&part).ok();
    copied.with_context(|| format!("could not write {}", file.display()))?;
    if !context.quiet {
        context.output.note(&format!("wrote {}", file.display()));
    }
    Ok(Exit::Done)
}

fn stats(reader: &Reader, path: &std::path::Path, json: bool) -> Result<Exit> {
    let stats = reader.stats()?;
    let bytes = stats.pages * stats.page_bytes;
    let free = stats.free_pages * stats.page_bytes;
    let side = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(name).map_or(0, |file| file.len())
    };
    let log = side("-wal");
    if json {
        json_data(&json!({
            "path": path, "feeds": stats.feeds, "articles": stats.articles,
            "edited": stats.edited, "seq": stats.seq, "unindexed": stats.unindexed,
            "bytes": bytes, "free_bytes": free, "log_bytes": log,
            "schema_version": stats.schema_version,
        }))?;
        return Ok(Exit::Done);
    }
    let mib = |bytes: u64| format!("{}.{} MiB", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024);
    data(|out| {
        writeln!(out, "store      {}", path.display())?;
        writeln!(
            out,
            "contents   {}, {}",
            count(stats.articles, "article"),
            count(stats.feeds, "feed")
        )?;
        writeln!(out, "edited     {}", count(stats.edited, "article"))?;
        writeln!(out, "unindexed  {}", count(stats.unindexed, "article"))?;
        writeln!(out, "size       {} ({} free), log {}", mib(bytes), mib(free), mib(log))?;
        writeln!(out, "schema     {}", stats.schema_version)
    })?;
    Ok(Exit::Done)
}
