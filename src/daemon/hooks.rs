//! Deliveries to webhooks and commands, one task for each consumer. Nothing else waits for these tasks.

use std::sync::Arc;

use tokio::sync::watch;

use super::trigger::{CLOCK_CHECK_INTERVAL, STORE_RETRY, change_or_check, next, sleep_until};
use crate::clock;
use crate::config::Trigger;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::passes::hooks::{Deliverer, DeliveryStatus};
use crate::polling::schedule::Cadence;
use crate::telemetry::events;

/// Delivers whenever the trigger fires, until `closing` is true. A delivery in progress is finished first.
pub(super) async fn delivery_loop(
    deliverer: Arc<Deliverer>,
    trigger: Trigger,
    mut changes: watch::Receiver<u64>,
    mut closing: watch::Receiver<bool>,
) {
    // Failed deliveries are retried at the start, because the configuration may have changed.
    let mut retry_now = true;
    let mut due = first(&deliverer, &trigger).await;
    loop {
        let stop = closing.clone();
        tokio::select! {
            () = wait(due, &mut changes) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
        let status = deliverer.deliver(retry_now, &|| *stop.borrow()).await;
        retry_now = false;
        let now = clock::now();
        due = match (status, &trigger) {
            (Ok(DeliveryStatus::Done), Trigger::OnChange) => None,
            (Ok(DeliveryStatus::Done), Trigger::Cadence(cadence)) => Some(next(cadence, now)),
            // The cursor is read in between, because `consumers reset` ends a wait.
            (Ok(DeliveryStatus::Wait(at)), _) => Some(at.min(now + check_interval())),
            (Ok(DeliveryStatus::Stopped), _) => Some(now + check_interval()),
            (Err(error), _) => {
                events::store_error("deliver to a consumer", &error);
                Some(now + TimeDelta::from_std(STORE_RETRY).unwrap_or_default())
            }
        };
    }
}

fn check_interval() -> TimeDelta {
    TimeDelta::from_std(CLOCK_CHECK_INTERVAL).unwrap_or_default()
}

/// The time of the first delivery: at once if one was due while no daemon ran.
async fn first(deliverer: &Deliverer, trigger: &Trigger) -> Option<Timestamp> {
    let now = clock::now();
    match (deliverer.consumer().await, trigger) {
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

/// Waits until the delivery is due. Without a time it waits for a change, or for a while: the cursor may have
/// been reset.
async fn wait(due: Option<Timestamp>, changes: &mut watch::Receiver<u64>) {
    match due {
        Some(at) => sleep_until(at).await,
        None => change_or_check(changes).await,
    }
}
