//! Finds the feeds that fail for long, fall silent or recover, and reads the changes that consumers receive.

use tokio::task::spawn_blocking;

use crate::domain::consumer::Delivered;
use crate::domain::feed::FeedId;
use crate::domain::feed_health::{HealthChange, ReportedHealth};
use crate::domain::query::Query;
use crate::domain::time::Timestamp;
use crate::export::feed_health::record;
use crate::passes::changes::Batch;
use crate::polling::feed_health::{SHORTEST_SILENCE, changes, patience};
use crate::store::{Reader, Store, StoreError};

/// Compares the health of all feeds with what was reported last, stores the changes, and returns their number.
///
/// # Errors
/// When the store fails.
pub async fn observe(store: &Store, now: Timestamp) -> Result<usize, StoreError> {
    let location = store.location().clone();
    let compared = spawn_blocking(move || compare(&location.reader()?, now));
    let (reported, changes) = compared.await.map_err(|_| StoreError::ReaderStopped)??;
    let count = changes.len();
    if !reported.is_empty() {
        store.report_feed_health(reported, changes).await?;
    }
    Ok(count)
}

/// The health of the feeds whose health has changed, and the changes that are reported.
type Compared = (Vec<(FeedId, ReportedHealth)>, Vec<HealthChange>);

fn compare(reader: &Reader, now: Timestamp) -> Result<Compared, StoreError> {
    let (mut reported, mut all) = (Vec::new(), Vec::new());
    for seen in reader.feed_observations()? {
        // The dates of a feed with a recent article need not be read.
        let is_old = seen.newest_at.is_some_and(|newest| SHORTEST_SILENCE < now - newest);
        let patience = if is_old { patience(&reader.feed_dates(seen.feed)?) } else { None };
        let (health, changes) = changes(&seen, patience, now);
        if health != seen.reported {
            reported.push((seen.feed, health));
        }
        all.extend(changes);
    }
    Ok((reported, all))
}

/// Reads the changes after a cursor, oldest first, of the feeds that the query chooses.
///
/// # Errors
/// When the store cannot be read.
pub fn read_batch(reader: &Reader, query: &Query, from: i64) -> Result<Batch, StoreError> {
    let up_to = reader.sequence()?.max(from);
    let limit = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let (mut records, mut to) = (Vec::new(), up_to);
    for (seq, change, feed) in reader.feed_health_changes((from, up_to), query)? {
        if limit <= records.len() {
            to = seq - 1;
            break;
        }
        records.push(record(seq, &change, &feed));
    }
    let delivered = Delivered { from, to, records: records.len() as u64 };
    Ok(Batch { records, delivered })
}
