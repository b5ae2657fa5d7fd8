//! Delivery to hooks: the records after a consumer's cursor are sent in batches to a webhook or a program, and
//! the cursor is advanced when a batch was acknowledged. A failed delivery is stored and retried later.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::spawn_blocking;

use crate::clock;
use crate::deliver::command;
use crate::deliver::signature;
use crate::domain::consumer::{Consumer, Delivered};
use crate::domain::hook::{Hook, HookSubject, HookTarget, WebhookSpec};
use crate::domain::query::Query;
use crate::domain::request::CommandSpec;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::fetch::{Fetcher, PostError};
use crate::passes::changes::{Batch, RecordKind, read_batch};
use crate::passes::duplicates;
use crate::passes::feed_health;
use crate::passes::index;
use crate::polling::freshness::retry_after;
use crate::store::{ConsumerLock, LockError, Store, StoreError};
use crate::telemetry::events;

/// The wait while another process delivers to this consumer, such as `export --consumer`.
const BUSY_WAIT: TimeDelta = TimeDelta::seconds(1);

/// The most characters of a failure's reason that are stored.
const MAX_REASON: usize = 500;

/// A hook with everything that a delivery needs.
#[derive(Clone)]
pub struct Deliverer {
    pub hook: Hook,
    /// Its limit is the size of a batch.
    pub query: Query,
    pub store: Store,
    pub fetcher: Arc<Fetcher>,
}

/// The state of a consumer after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Everything was delivered.
    Done,
    /// The next attempt is not before this time.
    Wait(Timestamp),
    /// There are no more attempts until a person acts or the daemon restarts.
    Stopped,
}

/// Why a batch was not acknowledged.
struct DeliveryFailure {
    reason: String,
    /// The wait that the receiver asked for (`Retry-After`).
    retry_after: Option<TimeDelta>,
    /// The receiver no longer exists (410 Gone).
    gone: bool,
}

impl From<String> for DeliveryFailure {
    fn from(reason: String) -> Self {
        Self { reason, retry_after: None, gone: false }
    }
}

/// Whether a delivery can be attempted now.
enum Attempt {
    /// Another process holds the lock of the consumer.
    Busy,
    /// Nothing can be sent now.
    None(DeliveryStatus),
    /// A batch, with the lock, which is held until the cursor has been advanced.
    Batch(ConsumerLock, Consumer, Batch),
}

impl Deliverer {
    /// The consumer and the sequence number of the store. A consumer that does not exist is registered and
    /// gets what is stored from now on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn consumer(&self) -> Result<(Consumer, i64), StoreError> {
        loop {
            let name = self.hook.consumer.clone();
            let location = self.store.location().clone();
            let read = spawn_blocking(move || {
                let reader = location.reader()?;
                Ok((reader.consumer(&name)?, reader.sequence()?))
            });
            match read.await.map_err(|_| StoreError::ReaderStopped)?? {
                (Some(consumer), sequence) => return Ok((consumer, sequence)),
                (None, sequence) => {
                    let name = self.hook.consumer.clone();
                    self.store.register_consumer(name, sequence, clock::now()).await?;
                }
            }
        }
    }

    /// Delivers batch after batch until none is left, one fails, or `closing` returns true. With `retry_now`
    /// the first attempt ignores that the consumer was stopped or that its next attempt is later.
    ///
    /// # Errors
    /// When the store fails. A failure of the receiver is no error: it is stored and logged.
    pub async fn deliver(
        &self,
        mut retry_now: bool,
        closing: &(dyn Fn() -> bool + Sync),
    ) -> Result<DeliveryStatus, StoreError> {
        while !closing() {
            duplicates::catch_up(&self.store).await?;
            if self.query.search.is_some() {
                index::catch_up(&self.store).await?;
            }
            let (lock, consumer, batch) = match self.attempt(retry_now).await? {
                Attempt::Busy => return Ok(DeliveryStatus::Wait(clock::now() + BUSY_WAIT)),
                Attempt::None(status) => return Ok(status),
                Attempt::Batch(lock, consumer, batch) => (lock, consumer, batch),
            };
            retry_now = false;
            let Batch { records, delivered } = batch;
            if records.is_empty() {
                if delivered.from < delivered.to {
                    self.advance(delivered).await?;
                }
                return Ok(DeliveryStatus::Done);
            }
            let began = Instant::now();
            let sent = match &self.hook.to {
                HookTarget::Webhook(webhook) => self.post(webhook, &delivered, &records).await,
                HookTarget::Command(command) => run(command, &records).await,
            };
            let status = match sent {
                Ok(()) => {
                    let name = self.hook.consumer.as_str();
                    events::delivered(name, &self.hook.to, &delivered, began.elapsed());
                    self.advance(delivered).await?;
                    None // There may be more batches.
                }
                Err(failure) => Some(self.failed(&consumer, failure).await?),
            };
            drop(lock);
            if let Some(status) = status {
                return Ok(status);
            }
        }
        Ok(DeliveryStatus::Done)
    }

    async fn attempt(&self, retry_now: bool) -> Result<Attempt, StoreError> {
        let (consumer, sequence) = self.consumer().await?;
        if sequence <= consumer.seq {
            return Ok(Attempt::None(DeliveryStatus::Done));
        }
        if let Some(trouble) = &consumer.trouble
            && !retry_now
        {
            match trouble.retry_at {
                None => return Ok(Attempt::None(DeliveryStatus::Stopped)),
                Some(at) if clock::now() < at => {
                    return Ok(Attempt::None(DeliveryStatus::Wait(at)));
                }
                Some(_) => {}
            }
        }
        let lock = match self.store.location().consumer_lock(&self.hook.consumer) {
            Ok(lock) => lock,
            Err(LockError::Delivering { .. } | LockError::Held { .. }) => return Ok(Attempt::Busy),
            Err(LockError::Forbidden(error)) => return Err(error),
            Err(LockError::Io { path, source }) => {
                return Err(StoreError::Create { path, source });
            }
        };
        let (location, query, name) =
            (self.store.location().clone(), self.query.clone(), self.hook.consumer.clone());
        let subject = self.hook.subject;
        let read = spawn_blocking(move || {
            let reader = location.reader()?;
            // Read again: the previous holder of the lock may have advanced the cursor.
            let consumer = reader.consumer(&name)?.unwrap_or(consumer);
            let (from, now) = (consumer.seq, clock::now());
            let batch = match subject {
                HookSubject::Articles { events } => {
                    let kind = if events { RecordKind::Events } else { RecordKind::Articles };
                    read_batch(&reader, &query, from, kind, now)?
                }
                HookSubject::FeedHealth => feed_health::read_batch(&reader, &query, from)?,
            };
            Ok((consumer, batch))
        });
        let (consumer, batch) = read.await.map_err(|_| StoreError::ReaderStopped)??;
        Ok(Attempt::Batch(lock, consumer, batch))
    }

    async fn post(
        &self,
        webhook: &WebhookSpec,
        delivered: &Delivered,
        records: &[Vec<u8>],
    ) -> Result<(), DeliveryFailure> {
        let body = signature::body(self.hook.consumer.as_str(), delivered, records);
        let now = clock::now();
        let fields = signature::header_fields(webhook.key.as_ref(), now.timestamp(), &body);
        let posted = self.fetcher.post(webhook, &fields, body).await;
        let posted = posted.map_err(|error| match error {
            PostError::Setup(error) => DeliveryFailure::from(crate::fetch::advice(&error)),
            other => DeliveryFailure::from(other.to_string()),
        })?;
        match posted.status {
            200..=299 => Ok(()),
            300..=399 => Err(DeliveryFailure::from(format!(
                "{}; redirects are not followed, write the new address into the configuration",
                posted.said
            ))),
            410 => Err(DeliveryFailure { reason: posted.said, retry_after: None, gone: true }),
            _ => {
                let retry_after = retry_after(&posted.headers, now);
                Err(DeliveryFailure { reason: posted.said, retry_after, gone: false })
            }
        }
    }

    async fn advance(&self, delivered: Delivered) -> Result<bool, StoreError> {
        self.store.advance_consumer(self.hook.consumer.clone(), delivered, clock::now()).await
    }

    async fn failed(
        &self,
        consumer: &Consumer,
        failure: DeliveryFailure,
    ) -> Result<DeliveryStatus, StoreError> {
        let failures = 1 + consumer.trouble.as_ref().map_or(0, |trouble| trouble.failures);
        let now = clock::now();
        let retry_at =
            (!failure.gone).then(|| now + signature::wait(failures, failure.retry_after));
        let reason: String = failure.reason.chars().take(MAX_REASON).collect();
        let name = self.hook.consumer.clone();
        let stored =
            self.store.fail_consumer(name, consumer.seq, reason.clone(), retry_at, now).await;
        let name = self.hook.consumer.as_str();
        events::delivery_failed(name, &self.hook.to, &reason, failures, retry_at);
        stored?;
        Ok(retry_at.map_or(DeliveryStatus::Stopped, DeliveryStatus::Wait))
    }
}

/// Hands the records to the program, one per line.
async fn run(command: &CommandSpec, records: &[Vec<u8>]) -> Result<(), DeliveryFailure> {
    let mut input = records.join(&b'\n');
    input.push(b'\n');
    command::run(command, &input)
        .await
        .map_err(|error| DeliveryFailure::from(command::in_words(&error)))
}
