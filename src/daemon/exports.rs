//! The scheduled exports: a task each.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;
use crate::config::{Config, ExportConfig, Trigger};
use crate::domain::query::When;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::passes::export::{ExportError, write_file};
use crate::rules::schedule::Cadence;
use crate::store::Reader;
use crate::telemetry::events;

/// What arrives together is exported together.
const GATHER: Duration = Duration::from_secs(1);

/// As in the daemon: a clock that was set is noticed within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// Starts all exports of a configuration; they end when the set is dropped.
pub(super) fn start(config: &Config, changes: &watch::Sender<u64>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for export in &config.exports {
        let store = config.store.path.clone();
        tasks.spawn(keep_exported(store, export.clone(), changes.subscribe()));
    }
    tasks
}

/// Writes at once, so that whoever reads the file finds one, then whenever it is time.
async fn keep_exported(store: PathBuf, export: ExportConfig, mut changes: watch::Receiver<u64>) {
    let mut last = None;
    loop {
        last = write(&store, &export, last).await.or(last);
        match &export.trigger {
            Trigger::OnChange => {
                if changes.changed().await.is_err() {
                    return;
                }
                tokio::time::sleep(GATHER).await;
            }
            Trigger::Cadence(cadence) => {
                sleep_until(next(cadence, clock::now())).await;
            }
        }
    }
}

fn next(cadence: &Cadence, now: Timestamp) -> Timestamp {
    match cadence {
        Cadence::Every(interval) => now + *interval,
        Cadence::Cron(cron) => cron.next_after(now).unwrap_or(now + TimeDelta::days(1)),
        Cadence::Adaptive => now + TimeDelta::hours(1), // The configuration has no such export.
    }
}

async fn sleep_until(at: Timestamp) {
    while let Ok(wait) = (at - clock::now_precise()).to_std()
        && !wait.is_zero()
    {
        tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
    }
}

/// Writes the file, unless it would come out as it is; answers how far the store had come.
async fn write(store: &Path, export: &ExportConfig, last: Option<i64>) -> Option<i64> {
    let (path, job) = (store.to_owned(), export.clone());
    let began = Instant::now();
    let written = tokio::task::spawn_blocking(move || -> Result<_, ExportError> {
        let reader = Reader::open(&path)?;
        let sequence = reader.sequence()?;
        let moving = [job.query.since, job.query.until]
            .iter()
            .any(|bound| matches!(bound, Some(When::Ago(_))));
        if last == Some(sequence) && !moving && job.path.exists() {
            return Ok((sequence, None));
        }
        let articles = write_file(&reader, &job)?;
        let bytes = std::fs::metadata(&job.path).map_or(0, |file| file.len());
        Ok((sequence, Some((articles, bytes))))
    });
    match written.await {
        Ok(Ok((sequence, None))) => Some(sequence),
        Ok(Ok((sequence, Some((articles, bytes))))) => {
            let format = export.shape.as_str();
            events::export_written(&export.path, format, articles, bytes, began.elapsed());
            Some(sequence)
        }
        Ok(Err(error)) => {
            events::export_failed(&export.path, &error);
            None
        }
        Err(died) => {
            events::task_died("export", &died);
            None
        }
    }
}
