//! The exports that are handed on: a task each, which nothing else waits for.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use super::STORE_RETRY;
use super::exports::{GATHER, LONGEST_SLEEP, next, sleep_until};
use crate::clock;
use crate::config::Trigger;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::passes::hooks::{Courier, Standing};
use crate::polling::schedule::Cadence;
use crate::telemetry::events;

/// Delivers whenever it is time, until `closing`; the delivery under way is finished first.
pub(super) async fn keep_delivering(
    courier: Arc<Courier>,
    trigger: Trigger,
    mut changes: watch::Receiver<u64>,
    mut closing: watch::Receiver<bool>,
) {
    // A start is a good moment to try what has failed: the configuration may be another.
    let mut again = true;
    let mut due = first(&courier, &trigger).await;
    loop {
        let stop = closing.clone();
        tokio::select! {
            () = wait(due, &mut changes) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
        let standing = courier.deliver(again, &|| *stop.borrow()).await;
        again = false;
        let now = clock::now();
        due = match (standing, &trigger) {
            (Ok(Standing::Done), Trigger::OnChange) => None,
            (Ok(Standing::Done), Trigger::Cadence(cadence)) => Some(next(cadence, now)),
            // Looked at in between: `consumers reset` ends a wait.
            (Ok(Standing::Wait(at)), _) => Some(at.min(now + look())),
            (Ok(Standing::Stopped), _) => Some(now + look()),
            (Err(error), _) => {
                events::store_error("deliver to a consumer", &error);
                Some(now + TimeDelta::from_std(STORE_RETRY).unwrap_or_default())
            }
        };
    }
}

fn look() -> TimeDelta {
    TimeDelta::from_std(LONGEST_SLEEP).unwrap_or_default()
}

/// When it is delivered first: what was due while nobody ran is made up for at once.
async fn first(courier: &Courier, trigger: &Trigger) -> Option<Timestamp> {
    let now = clock::now();
    match (courier.consumer().await, trigger) {
        (Ok((consumer, _)), Trigger::Cadence(cadence)) => {
            let last = consumer.moved_at.unwrap_or(consumer.created_at);
            let missed = match cadence {
                Cadence::Every(_) | Cadence::Cron(_) => next(cadence, last),
                Cadence::Adaptive => now,
            };
            Some(missed.max(now))
        }
        (Ok(_), Trigger::OnChange) => Some(now),
        (Err(error), _) => {
            events::store_error("store a consumer", &error);
            Some(now)
        }
    }
}

/// Until then; without a time until something was stored, or for a while: a cursor may have been reset.
async fn wait(due: Option<Timestamp>, changes: &mut watch::Receiver<u64>) {
    match due {
        Some(at) => sleep_until(at).await,
        None => match timeout(LONGEST_SLEEP, changes.changed()).await {
            Ok(Ok(())) => tokio::time::sleep(GATHER).await,
            Ok(Err(_)) => tokio::time::sleep(LONGEST_SLEEP).await,
            Err(_) => {}
        },
    }
}
