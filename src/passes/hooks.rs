//! Handing on: a batch of what comes after a consumer's cursor goes to a webhook or a program, and the cursor
//! moves when that has taken it. What failed is tried again later, and what is known of it is in the store.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::spawn_blocking;

use crate::clock;
use crate::deliver::command;
use crate::deliver::signature;
use crate::domain::consumer::{Consumer, Delivered};
use crate::domain::hook::{CommandSpec, Hook, HookTarget, WebhookSpec};
use crate::domain::query::Query;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::fetch::{Fetcher, PostError};
use crate::passes::changes::{Batch, Hearing, read_batch};
use crate::passes::index;
use crate::polling::freshness::retry_after;
use crate::store::{ConsumerLock, LockError, Reader, Store, StoreError};
use crate::telemetry::events;

/// While somebody else delivers to this consumer, such as `export --consumer`.
const BUSY_WAIT: TimeDelta = TimeDelta::seconds(1);

/// Characters of a reason that are stored.
const MAX_REASON: usize = 500;

/// A hook with all that a delivery needs.
#[derive(Clone)]
pub struct Courier {
    pub hook: Hook,
    /// Its limit is that of a delivery.
    pub query: Query,
    pub store: Store,
    pub fetcher: Arc<Fetcher>,
}

/// How it stands after all was delivered that could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is left.
    Done,
    /// Not before then.
    Wait(Timestamp),
    /// Not before somebody has seen to it.
    Stopped,
}

/// Why a batch did not arrive.
struct Setback {
    reason: String,
    /// Before that it need not be tried.
    asked: Option<TimeDelta>,
    /// The receiver says that there is no more.
    gone: bool,
}

impl From<String> for Setback {
    fn from(reason: String) -> Self {
        Self { reason, asked: None, gone: false }
    }
}

/// What the store says before a delivery.
enum Turn {
    Busy,
    NotYet(Standing),
    /// With the lock, which is held until the cursor has moved.
    Batch(ConsumerLock, Consumer, Batch),
}

impl Courier {
    /// The consumer, and how far the store has come. A consumer that is not there is made, and gets what
    /// comes from now on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn consumer(&self) -> Result<(Consumer, i64), StoreError> {
        loop {
            let name = self.hook.consumer.clone();
            let path = self.store.path().to_owned();
            let look = spawn_blocking(move || {
                let reader = Reader::open(&path)?;
                Ok((reader.consumer(&name)?, reader.sequence()?))
            });
            match look.await.map_err(|_| StoreError::ReaderStopped)?? {
                (Some(consumer), sequence) => return Ok((consumer, sequence)),
                (None, sequence) => {
                    let name = self.hook.consumer.clone();
                    self.store.register_consumer(name, sequence, clock::now()).await?;
                }
            }
        }
    }

    /// Delivers batch after batch until nothing is left, one fails, or `closing` says to stop. `again`: also
    /// if it was stopped or the time of the next try has not come, as after a start.
    ///
    /// # Errors
    /// When the store fails. What the receiver does is stored and told.
    pub async fn deliver(
        &self,
        mut again: bool,
        closing: &(dyn Fn() -> bool + Sync),
    ) -> Result<Standing, StoreError> {
        while !closing() {
            if self.query.search.is_some() {
                index::catch_up(&self.store).await?;
            }
            let (lock, consumer, batch) = match self.turn(again).await? {
                Turn::Busy => return Ok(Standing::Wait(clock::now() + BUSY_WAIT)),
                Turn::NotYet(standing) => return Ok(standing),
                Turn::Batch(lock, consumer, batch) => (lock, consumer, batch),
            };
            again = false;
            let Batch { records, delivered } = batch;
            if records.is_empty() {
                if delivered.from < delivered.to {
                    self.advance(delivered).await?;
                }
                return Ok(Standing::Done);
            }
            let began = Instant::now();
            let sent = match &self.hook.to {
                HookTarget::Webhook(webhook) => self.post(webhook, &delivered, &records).await,
                HookTarget::Command(command) => run(command, &records).await,
            };
            let standing = match sent {
                Ok(()) => {
                    let name = self.hook.consumer.as_str();
                    events::delivered(name, &self.hook.to, &delivered, began.elapsed());
                    self.advance(delivered).await?;
                    None // There may be more.
                }
                Err(setback) => Some(self.failed(&consumer, setback).await?),
            };
            drop(lock);
            if let Some(standing) = standing {
                return Ok(standing);
            }
        }
        Ok(Standing::Done)
    }

    async fn turn(&self, again: bool) -> Result<Turn, StoreError> {
        let (consumer, sequence) = self.consumer().await?;
        if sequence <= consumer.seq {
            return Ok(Turn::NotYet(Standing::Done));
        }
        if let Some(trouble) = &consumer.trouble
            && !again
        {
            match trouble.retry_at {
                None => return Ok(Turn::NotYet(Standing::Stopped)),
                Some(at) if clock::now() < at => return Ok(Turn::NotYet(Standing::Wait(at))),
                Some(_) => {}
            }
        }
        let lock = match ConsumerLock::take(self.store.path(), &self.hook.consumer) {
            Ok(lock) => lock,
            Err(LockError::Delivering { .. } | LockError::Held { .. }) => return Ok(Turn::Busy),
            Err(LockError::Io { path, source }) => {
                return Err(StoreError::Create { path, source });
            }
        };
        let (path, query, name) =
            (self.store.path().to_owned(), self.query.clone(), self.hook.consumer.clone());
        let hearing = if self.hook.events { Hearing::Events } else { Hearing::Articles };
        let read = spawn_blocking(move || {
            let reader = Reader::open(&path)?;
            // Read again: whoever held the lock before may have moved it.
            let consumer = reader.consumer(&name)?.unwrap_or(consumer);
            let batch = read_batch(&reader, &query, consumer.seq, hearing, clock::now())?;
            Ok((consumer, batch))
        });
        let (consumer, batch) = read.await.map_err(|_| StoreError::ReaderStopped)??;
        Ok(Turn::Batch(lock, consumer, batch))
    }

    async fn post(
        &self,
        webhook: &WebhookSpec,
        delivered: &Delivered,
        records: &[Vec<u8>],
    ) -> Result<(), Setback> {
        let body = signature::body(self.hook.consumer.as_str(), delivered, records);
        let now = clock::now();
        let (id, at) = (signature::delivery_id(&body), now.timestamp());
        let mut fields = vec![("webhook-id", id.clone()), ("webhook-timestamp", at.to_string())];
        let signature =
            webhook.key.as_ref().and_then(|key| signature::signature(key, &id, at, &body));
        fields.extend(signature.map(|signature| ("webhook-signature", signature)));
        let posted = self.fetcher.post(webhook, &fields, body).await;
        let posted = posted.map_err(|error| match error {
            PostError::Setup(error) => Setback::from(crate::fetch::advice(&error)),
            other => Setback::from(other.to_string()),
        })?;
        match posted.status {
            200..=299 => Ok(()),
            300..=399 => Err(Setback::from(format!(
                "{}; redirects are not followed, write the new address into the configuration",
                posted.said
            ))),
            410 => Err(Setback { reason: posted.said, asked: None, gone: true }),
            _ => {
                let asked = retry_after(&posted.headers, now);
                Err(Setback { reason: posted.said, asked, gone: false })
            }
        }
    }

    async fn advance(&self, delivered: Delivered) -> Result<bool, StoreError> {
        self.store.advance_consumer(self.hook.consumer.clone(), delivered, clock::now()).await
    }

    async fn failed(&self, consumer: &Consumer, setback: Setback) -> Result<Standing, StoreError> {
        let failures = 1 + consumer.trouble.as_ref().map_or(0, |trouble| trouble.failures);
        let now = clock::now();
        let retry_at = (!setback.gone).then(|| now + signature::wait(failures, setback.asked));
        let reason: String = setback.reason.chars().take(MAX_REASON).collect();
        let name = self.hook.consumer.clone();
        let stored =
            self.store.fail_consumer(name, consumer.seq, reason.clone(), retry_at, now).await;
        let name = self.hook.consumer.as_str();
        events::delivery_failed(name, &self.hook.to, &reason, failures, retry_at);
        stored?;
        Ok(retry_at.map_or(Standing::Stopped, Standing::Wait))
    }
}

/// Hands the records to the program, one per line.
async fn run(command: &CommandSpec, records: &[Vec<u8>]) -> Result<(), Setback> {
    let mut input = records.join(&b'\n');
    input.push(b'\n');
    command::run(command, &input).await.map_err(|error| Setback::from(command::in_words(&error)))
}
