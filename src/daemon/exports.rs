//! The entries of `[[exports]]`, each in a task of its own.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::hooks::delivery_loop;
use super::trigger::{DEBOUNCE, next, sleep_until};
use crate::clock;
use crate::config::{Config, FileTarget, Target, Trigger};
use crate::deliver::DeliverError;
use crate::domain::query::{Query, When};
use crate::domain::time::Zone;
use crate::fetch::{FetchError, Fetcher};
use crate::passes::export::{ExportError, write_file};
use crate::passes::hooks::Deliverer;
use crate::store::{Location, Store, StoreError};
use crate::telemetry::events;

/// The running exports of a configuration. Dropping the value aborts them.
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
                        store: store.location().clone(),
                        file: file.clone(),
                        query: export.query.clone(),
                        zone: config.zone,
                        hub: config.server.as_ref().and_then(|server| server.hub.clone()),
                    };
                    tasks.spawn(export_loop(job, export.trigger.clone(), news, closed.clone()));
                }
                Target::Hook(hook) => {
                    let deliverer = Deliverer {
                        hook: hook.clone(),
                        query: export.query.clone(),
                        store: store.clone(),
                        fetcher: Arc::clone(&fetcher),
                    };
                    let trigger = export.trigger.clone();
                    tasks.spawn(delivery_loop(Arc::new(deliverer), trigger, news, closed.clone()));
                }
            }
        }
        Ok(Self { tasks, closing })
    }

    /// No exports: another worker has them.
    pub(super) fn none() -> Self {
        Self { tasks: JoinSet::new(), closing: watch::channel(false).0 }
    }

    /// Registers consumers that are new. They get the articles that are stored from now on.
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

    /// Starts no more exports and waits for those in progress.
    pub(super) async fn finish(mut self) {
        self.closing.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// A file and the query for its articles.
#[derive(Clone)]
struct FileJob {
    store: Location,
    file: FileTarget,
    query: Query,
    zone: Zone,
    hub: Option<String>,
}

/// Writes the file at once, so that it exists, and then whenever the trigger fires.
async fn export_loop(
    job: FileJob,
    trigger: Trigger,
    mut changes: watch::Receiver<u64>,
    mut closing: watch::Receiver<bool>,
) {
    let mut last = None;
    loop {
        last = write(&job, last, closing.clone()).await.or(last);
        let due = async {
            match &trigger {
                Trigger::OnChange => {
                    if changes.changed().await.is_err() {
                        return false;
                    }
                    tokio::time::sleep(DEBOUNCE).await;
                }
                Trigger::Cadence(cadence) => sleep_until(next(cadence, clock::now())).await,
            }
            true
        };
        tokio::select! {
            is_due = due => if !is_due { return },
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

/// The sequence number of the store, and that up to which duplicates were known.
type Sequence = (i64, i64);

/// Writes the file unless its content would be the same. Returns the sequence numbers of the store at that
/// time, or `None` if the export failed.
async fn write(
    job: &FileJob,
    last: Option<Sequence>,
    closing: watch::Receiver<bool>,
) -> Option<Sequence> {
    let began = Instant::now();
    let FileTarget { path, shape, .. } = &job.file;
    let format = shape.as_str();
    let job = job.clone();
    let written = tokio::task::spawn_blocking(move || -> Result<_, ExportError> {
        let reader = job.store.reader()?;
        let sequence = (reader.sequence()?, reader.announced_sequence()?);
        let is_relative = [job.query.since, job.query.until, job.query.seen_since]
            .iter()
            .any(|bound| matches!(bound, Some(When::Ago(_))));
        if last == Some(sequence) && !is_relative && job.file.path.exists() {
            return Ok((sequence, None));
        }
        let give_up = || *closing.borrow() || closing.has_changed().is_err();
        let articles =
            write_file(&reader, &job.file, &job.query, (job.zone, job.hub.as_deref()), &give_up)?
                .records;
        let bytes = std::fs::metadata(&job.file.path).map_or(0, |file| file.len());
        Ok((sequence, Some((articles, bytes))))
    });
    match written.await {
        Ok(Ok((sequence, None))) => Some(sequence),
        Ok(Ok((sequence, Some((articles, bytes))))) => {
            events::export_written(path, format, articles, bytes, began.elapsed());
            Some(sequence)
        }
        // It waited for a reader until the end of the daemon, or of this configuration.
        Ok(Err(ExportError::Deliver(DeliverError::NoReader { .. }))) => None,
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
