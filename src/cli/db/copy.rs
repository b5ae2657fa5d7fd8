//! `gazetted db copy`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::cli::output::{count, data, json_data};
use crate::cli::{Context, Exit};
use crate::config::secret_in;
use crate::store::{CopyStep, Location, Lock, LockError, Role, ServerUrl};

#[derive(clap::Args, Debug)]
pub(in crate::cli) struct Args {
    /// The other store: a URL of PostgreSQL, or a new file for SQLite
    #[arg(long, value_name = "URL", required_unless_present = "to_file")]
    to: Option<String>,
    /// A file that holds the URL, because other users can see the arguments of a command
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    to_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Copies the store. Both are locked meanwhile.
pub(super) fn run(args: &Args, location: &Location, context: &Context) -> Result<Exit> {
    let target = target(args)?;
    let _held = [lock(location)?, lock_target(&target)?];
    let began = Instant::now();
    let progress = context.output.progress(0, "articles", !context.quiet && !args.json);
    let mut done = 0;
    let copied = location.copy_to(&target, &mut |step: CopyStep| {
        done = if step.table == "article" { step.rows } else { done };
        progress.set(done, step.articles, format!("{}: {}", step.table, count(step.rows, "row")));
    })?;
    drop(progress);
    let seconds = (began.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    if args.json {
        json_data(&json!({
            "to": target.to_string(), "feeds": copied.feeds, "articles": copied.articles,
            "rows": copied.rows, "continued": copied.is_continued, "seconds": seconds,
        }))?;
    } else {
        let (articles, feeds) = (count(copied.articles, "article"), count(copied.feeds, "feed"));
        data(|out| writeln!(out, "copied {articles} of {feeds} in {seconds:.1} s"))?;
    }
    Ok(Exit::Done)
}

/// The other store. No error shows a URL, which may hold a password.
fn target(args: &Args) -> Result<Location> {
    let text = match (&args.to, &args.to_file) {
        (_, Some(file)) => secret_in(file).map_err(anyhow::Error::msg).with_context(|| {
            format!("could not read the URL of the other store from {}", file.display())
        })?,
        (Some(text), None) => text.clone(),
        (None, None) => bail!("name the other store by --to or --to-file"),
    };
    if !text.contains("://") {
        return Ok(Location::file(text));
    }
    let url = ServerUrl::parse(text.trim()).map_err(anyhow::Error::msg);
    Ok(Location::Server(url.context("could not read the URL of the other store")?))
}

/// Locks the store of the configuration, which no daemon may change meanwhile.
fn lock(location: &Location) -> Result<Lock> {
    match location.lock(Role::Once) {
        Err(error @ LockError::Held { .. }) => bail!("{error}: stop it first"),
        other => Ok(other?),
    }
}

/// Locks the other store, after the first one.
fn lock_target(target: &Location) -> Result<Lock> {
    let own = format!("pid {},", std::process::id());
    match target.lock(Role::Once) {
        Err(LockError::Held { holder, .. }) if holder.starts_with(&own) => {
            bail!("{target} is the store of the configuration itself: name another one");
        }
        Err(error @ LockError::Held { .. }) => bail!("{error}: stop it first"),
        other => Ok(other?),
    }
}
