//! Updates the feeds in the store to those of the configuration.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Config, FeedConfig, FeedSettings};
use crate::domain::feed::FeedId;
use crate::domain::time::Timestamp;
use crate::polling::schedule::{History, replanned};
use crate::store::{FeedSync, Store, StoreError};

/// The configured feeds by their ids. A copy shares everything with its original.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    list: Arc<[FeedConfig]>,
    /// The place of each feed in the list.
    places: Arc<HashMap<FeedId, u32>>,
}

impl Feeds {
    /// `ids` are those of the feeds in `list`, in the same order.
    fn new(list: Arc<[FeedConfig]>, ids: &[FeedId]) -> Self {
        Self { list, places: Arc::new(ids.iter().copied().zip(0..).collect()) }
    }

    pub fn get(&self, id: FeedId) -> Option<&FeedConfig> {
        self.list.get(usize::try_from(*self.places.get(&id)?).ok()?)
    }

    pub fn ids(&self) -> impl Iterator<Item = FeedId> {
        self.places.keys().copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (FeedId, &FeedConfig)> {
        self.ids().filter_map(|id| Some((id, self.get(id)?)))
    }
}

/// The result of [`sync`].
#[derive(Clone, Debug, Default)]
pub struct Synced {
    pub feeds: Feeds,
    pub added: usize,
    pub retired: usize,
    /// The fingerprint of the list.
    pub list: i64,
}

/// The descriptions of policies, one for all feeds that share their settings.
#[derive(Default)]
struct Policies(HashMap<*const FeedSettings, Arc<str>>);

impl Policies {
    fn of(&mut self, settings: &Arc<FeedSettings>) -> Arc<str> {
        let text = self.0.entry(Arc::as_ptr(settings));
        Arc::clone(text.or_insert_with(|| settings.policy.describe().into()))
    }
}

/// How many next polls are computed and stored at once.
const REPLANNED: usize = 1_000;

/// Adds, updates and retires feeds, and computes the next poll of those whose schedule changed.
pub async fn sync(store: &Store, config: &Config, now: Timestamp) -> Result<Synced, StoreError> {
    let synced = store.sync_feeds(list(config), now).await?;
    let feeds = Feeds::new(Arc::clone(&config.feeds), &synced.ids);
    for stale in synced.stale.chunks(REPLANNED) {
        let stale = store.reader()?.planned(stale)?;
        let plans: Vec<_> = stale
            .iter()
            .filter_map(|stale| {
                let feed = feeds.get(stale.feed)?;
                let history = History::of(&feed.spec.url, &stale.history);
                let next = replanned(&feed.settings.policy, history, stale.polled_at, now);
                Some((stale.feed, next))
            })
            .collect();
        store.replan(plans).await?;
    }
    Ok(Synced { feeds, added: synced.added, retired: synced.retired, list: synced.list })
}

/// The configured feeds as the store needs them.
fn list(config: &Config) -> Vec<FeedSync> {
    let mut policies = Policies::default();
    let one = |feed: &FeedConfig| FeedSync {
        spec: Arc::clone(&feed.spec),
        policy: policies.of(&feed.settings),
        address: feed.settings.request.address.clone(),
    };
    config.feeds.iter().map(one).collect()
}
