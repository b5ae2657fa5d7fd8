//! Updates the feeds in the store to those of the configuration.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Config, FeedConfig};
use crate::domain::feed::FeedId;
use crate::domain::time::Timestamp;
use crate::polling::schedule::{History, replanned};
use crate::store::{FeedSync, Store, StoreError};

/// The configured feeds by their ids.
pub type Feeds = HashMap<FeedId, Arc<FeedConfig>>;

/// The result of [`sync`].
#[derive(Clone, Debug, Default)]
pub struct Synced {
    pub feeds: Feeds,
    pub added: usize,
    pub retired: usize,
}

/// Adds, updates and retires feeds, and computes the next poll of those whose schedule changed.
pub async fn sync(store: &Store, config: &Config, now: Timestamp) -> Result<Synced, StoreError> {
    let list = config
        .feeds
        .iter()
        .map(|feed| FeedSync {
            spec: feed.spec.clone(),
            policy: feed.policy.describe(),
            address: feed.request.address.clone(),
        })
        .collect();
    let synced = store.sync_feeds(list, now).await?;
    let feeds: Feeds = synced
        .ids
        .iter()
        .copied()
        .zip(config.feeds.iter().map(|feed| Arc::new(feed.clone())))
        .collect();
    let plans: Vec<_> = synced
        .stale
        .iter()
        .filter_map(|stale| {
            let feed = feeds.get(&stale.feed)?;
            let history = History::of(&feed.spec.url, &stale.history);
            Some((stale.feed, replanned(&feed.policy, history, stale.polled_at, now)))
        })
        .collect();
    if !plans.is_empty() {
        store.replan(plans).await?;
    }
    Ok(Synced { feeds, added: synced.added, retired: synced.retired })
}
