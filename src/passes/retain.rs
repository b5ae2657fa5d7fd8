//! Retention: removes articles that are older than the configured age, in small batches.

use crate::domain::time::{TimeDelta, Timestamp};
use crate::store::{Prune, Reader, Store, StoreError};

/// The number of articles in one transaction. It takes about ten milliseconds, in which no poll is written.
const BATCH: usize = 200;

/// Removes the articles that are older than `keep` and no longer in their feeds, and returns how many.
///
/// # Errors
/// When the store fails. Articles that were removed before the error stay removed.
pub async fn prune(store: &Store, keep: TimeDelta, now: Timestamp) -> Result<u64, StoreError> {
    let mut stretch = first(keep, now);
    let mut articles = 0;
    loop {
        let pruned = store.prune(stretch, now).await?;
        articles += pruned.articles;
        if pruned.next.is_none() {
            return Ok(articles);
        }
        stretch.after = pruned.next;
        tokio::task::yield_now().await;
    }
}

/// The number of articles that [`prune`] would remove.
pub fn rehearse(reader: &Reader, keep: TimeDelta, now: Timestamp) -> Result<u64, StoreError> {
    let mut stretch = first(keep, now);
    let mut articles = 0;
    loop {
        let pruned = reader.rehearse_prune(stretch)?;
        articles += pruned.articles;
        if pruned.next.is_none() {
            return Ok(articles);
        }
        stretch.after = pruned.next;
    }
}

fn first(keep: TimeDelta, now: Timestamp) -> Prune {
    let before = now.checked_sub_signed(keep).unwrap_or(Timestamp::MIN_UTC);
    Prune { before, after: None, limit: BATCH }
}
