//! The scheduled exports: a task each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::hooks::keep_delivering;
use crate::clock;
use crate::config::{Config, FileTarget, Target, Trigger};
use crate::domain::query::{Query, When};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::fetch::{FetchError, Fetcher};
use crate::passes::export::{ExportError, write_file};
use crate::passes::hooks::Courier;
use crate::polling::schedule::Cadence;
use crate::store::{Reader, Store, StoreError};
use crate::telemetry::events;

/// What arrives together is exported together.
pub(super) const GATHER: Duration = Duration::from_secs(1);

/// As in the daemon: a clock that was set is noticed within this time.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// All exports of a configuration, at work. Those that are not finished end with the value.
pub(super) struct Exports {
    tasks: JoinSet<()>,
    closing: watch::Sender<bool>,
}

impl Exports {
    /// # Errors
    /// When no HTTP client can be made.
    pub(super) fn start(
        config: &Config,
        store: &Store,
        changes: &watch::Sender<u64>,
    ) -> Result<Self, FetchError> {
        let (closing, closed) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let fetcher = Arc::new(Fetcher::new(&config.fetch)?);
        for export in &config.exports {
            let news = changes.subscribe();
            match &export.target {
                Target::File(file) => {
                    let job = FileJob {
                        store: store.path().to_owned(),
                        file: file.clone(),
                        query: export.query.clone(),
                    };
                    tasks.spawn(keep_exported(job, export.trigger.clone(), news, closed.clone()));
                }
                Target::Hook(hook) => {
                    let courier = Courier {
                        hook: hook.clone(),
                        query: export.query.clone(),
                        store: store.clone(),
                        fetcher: Arc::clone(&fetcher),
                    };
                    let trigger = export.trigger.clone();
                    tasks.spawn(keep_delivering(Arc::new(courier), trigger, news, closed.clone()));
                }
            }
        }
        Ok(Self { tasks, closing })
    }

    /// Makes the consumers that are new: what is stored from now on is theirs.
    pub(super) async fn register(config: &Config, store: &Store) -> Result<(), StoreError> {
        let sequence = store.reader()?.sequence()?;
        for export in &config.exports {
            if let Target::Hook(hook) = &export.target {
                let name = hook.consumer.clone();
                store.register_consumer(name, sequence, clock::now()).await?;
            }
        }
        Ok(())
    }

    /// Starts nothing more, and ends with what is under way.
    pub(super) async fn finish(mut self) {
        self.closing.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// A file, and what goes into it.
#[derive(Clone)]
struct FileJob {
    store: PathBuf,
    file: FileTarget,
    query: Query,
}

/// Writes at once, so that whoever reads the file finds one, then whenever it is time.
async fn keep_exported(
    job: FileJob,
    trigger: Trigger,
    mut changes: watch::Receiver<u64>,
    mut closing: watch::Receiver<bool>,
) {
    let mut last = None;
    loop {
        last = write(&job, last).await.or(last);
        let time = async {
            match &trigger {
                Trigger::OnChange => {
                    if changes.changed().await.is_err() {
                        return false;
                    }
                    tokio::time::sleep(GATHER).await;
                }
                Trigger::Cadence(cadence) => sleep_until(next(cadence, clock::now())).await,
            }
            true
        };
        tokio::select! {
            come = time => if !come { return },
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

pub(super) fn next(cadence: &Cadence, now: Timestamp) -> Timestamp {
    match cadence {
        Cadence::Every(interval) => now + *interval,
        Cadence::Cron(cron) => cron.next_after(now).unwrap_or(now + TimeDelta::days(1)),
        Cadence::Adaptive => now + TimeDelta::hours(1), // The configuration has no such export.
    }
}

pub(super) async fn sleep_until(at: Timestamp) {
    while let Ok(wait) = (at - clock::now_precise()).to_std()
        && !wait.is_zero()
    {
        tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
    }
}

/// Writes the file, unless it would come out as it is; answers how far the store had come.
async fn write(job: &FileJob, last: Option<i64>) -> Option<i64> {
    let began = Instant::now();
    let FileTarget { path, shape } = &job.file;
    let format = shape.as_str();
    let job = job.clone();
    let written = tokio::task::spawn_blocking(move || -> Result<_, ExportError> {
        let reader = Reader::open(&job.store)?;
        let sequence = reader.sequence()?;
        let moving = [job.query.since, job.query.until]
            .iter()
            .any(|bound| matches!(bound, Some(When::Ago(_))));
        if last == Some(sequence) && !moving && job.file.path.exists() {
            return Ok((sequence, None));
        }
        let articles = write_file(&reader, &job.file, &job.query)?.records;
        let bytes = std::fs::metadata(&job.file.path).map_or(0, |file| file.len());
        Ok((sequence, Some((articles, bytes))))
    });
    match written.await {
        Ok(Ok((sequence, None))) => Some(sequence),
        Ok(Ok((sequence, Some((articles, bytes))))) => {
            events::export_written(path, format, articles, bytes, began.elapsed());
            Some(sequence)
        }
        Ok(Err(error)) => {
            events::export_failed(path, &error);
            None
        }
        Err(died) => {
            events::task_died("export", &died);
            None
        }
    }
}
