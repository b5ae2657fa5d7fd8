//! Retention: articles older than the configuration keeps them go, a few at a time.

use crate::domain::time::{TimeDelta, Timestamp};
use crate::store::{Prune, Reader, Store, StoreError};

/// Articles looked at in one transaction: some ten milliseconds in which no poll is written.
const BATCH: usize = 200;

/// Removes what is older than `keep` and no longer in its feed; answers how many articles that were.
///
/// # Errors
/// When the store fails. What was removed until then stays removed.
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

/// How many articles [`prune`] would remove.
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
