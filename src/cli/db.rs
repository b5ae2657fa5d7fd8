//! `gazetted db`.

mod copy;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::output::{GREEN, RED, count, data, json_data};
use super::run::runtime;
use super::{Context, Exit};
use crate::clock;
use crate::domain::time::TimeDelta;
use crate::domain::units;
use crate::passes::retain::{self, Retention};
use crate::store::{Location, Reader};

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
    /// Copies the whole store into another one, such as from a file into PostgreSQL and back. The daemon must be stopped. After an
    /// interruption the same command goes on
    Copy(copy::Args),
    /// Removes articles that are older than `keep` of their feed or of [store] and no longer in their feed, as the
    /// daemon does
    Prune {
        /// Another age than that of [store], such as 365d
        #[arg(long, value_name = "DURATION", value_parser = units::duration)]
        older_than: Option<TimeDelta>,
        /// Only say how many it would be
        #[arg(long)]
        dry_run: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Gives the space of removed articles back; polls wait meanwhile
    Vacuum,
    /// Shows counts and sizes
    Stats {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(verb: &Verb, context: &Context) -> Result<Exit> {
    let config = match verb {
        Verb::Prune { .. } => context.load()?, // A feed may say how long its articles are kept.
        Verb::Check { .. }
        | Verb::Backup { .. }
        | Verb::Copy(_)
        | Verb::Vacuum
        | Verb::Stats { .. } => context.load_without_lists()?,
    };
    let location = &config.store.location;
    let reader = location.reader()?;
    match verb {
        Verb::Check { json } => check(&reader, location, *json, context),
        Verb::Backup { file } => backup(&reader, file, context),
        Verb::Copy(args) => copy::run(args, location, context),
        Verb::Prune { older_than, dry_run, json } => {
            let ages = Retention::of(&config, *older_than);
            if ages.is_forever() {
                bail!("articles are kept for ever: set [store] keep, or say --older-than 365d");
            }
            prune(&reader, location, &ages, *dry_run, *json)
        }
        Verb::Vacuum => vacuum(reader, location, context),
        Verb::Stats { json } => stats(&reader, location, *json),
    }
}

fn check(reader: &Reader, location: &Location, json: bool, context: &Context) -> Result<Exit> {
    let check = reader.check()?;
    let output = &context.output;
    if json {
        json_data(&json!({ "ok": check.faults.is_empty(), "faults": check.faults }))?;
    } else if check.faults.is_empty() {
        let ok = output.styled(GREEN, "sound");
        data(|out| writeln!(out, "{location}: {ok}"))?;
    } else {
        let bad = output.styled(RED, "damaged");
        data(|out| {
            writeln!(out, "{location}: {bad}")?;
            check.faults.iter().try_for_each(|fault| writeln!(out, "  {fault}"))
        })?;
        output.note("Stop the daemon, keep this file, and restore the latest backup.");
    }
    Ok(if check.faults.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Writes the copy beside the target, flushes it to the disk, and then links it to its name, so that no incomplete
/// backup has that name.
fn backup(reader: &Reader, file: &Path, context: &Context) -> Result<Exit> {
    if file.exists() {
        bail!("{} exists already; name a new file", file.display());
    }
    let mut part = file.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    let copied = reader.copy_to(&part).map_err(anyhow::Error::from).and_then(|()| {
        std::fs::File::open(&part)?.sync_all()?;
        Ok(std::fs::hard_link(&part, file)?) // Unlike a rename, this never replaces a file.
    });
    std::fs::remove_file(&part).ok();
    copied.with_context(|| format!("could not write {}", file.display()))?;
    if !context.quiet {
        context.output.note(&format!("wrote {}", file.display()));
    }
    Ok(Exit::Done)
}

fn prune(
    reader: &Reader,
    location: &Location,
    ages: &Retention,
    dry_run: bool,
    json: bool,
) -> Result<Exit> {
    let now = clock::now();
    let articles = if dry_run {
        retain::rehearse(reader, ages, now)?
    } else {
        let store = location.open()?;
        runtime()?.block_on(retain::prune(&store, ages, now))?
    };
    if json {
        json_data(&json!({ "articles": articles, "dry_run": dry_run }))?;
    } else {
        let done = if dry_run { "would remove" } else { "removed" };
        data(|out| writeln!(out, "{done} {}", count(articles, "article")))?;
    }
    Ok(Exit::Done)
}

fn vacuum(reader: Reader, location: &Location, context: &Context) -> Result<Exit> {
    drop(reader);
    let size = || location.local_file().map_or(0, file_size);
    let before = size();
    location.vacuum()?;
    if !context.quiet {
        let (before, now) = (mib(before), mib(size()));
        context.output.note(&format!("{location}: {before} before, {now} now"));
    }
    Ok(Exit::Done)
}

/// The size of a file in bytes; 0 if it cannot be found out.
fn file_size(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |file| file.len())
}

fn mib(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024)
}

fn stats(reader: &Reader, location: &Location, json: bool) -> Result<Exit> {
    let stats = reader.stats()?;
    let bytes = stats.pages * stats.page_bytes;
    let free = stats.free_pages * stats.page_bytes;
    let log = location.local_file().map_or(0, |file| {
        let mut name = file.as_os_str().to_owned();
        name.push("-wal");
        file_size(Path::new(&name))
    });
    if json {
        json_data(&json!({
            "path": location.to_string(), "feeds": stats.feeds, "articles": stats.articles,
            "edited": stats.edited, "seq": stats.seq, "unindexed": stats.unindexed,
            "bytes": bytes, "free_bytes": free, "log_bytes": log,
            "schema_version": stats.schema_version,
        }))?;
        return Ok(Exit::Done);
    }
    data(|out| {
        writeln!(out, "store      {location}")?;
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
