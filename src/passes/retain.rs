//! Retention: removes articles that are older than the configured age, in small batches.

use std::collections::BTreeMap;

use crate::config::{Config, Keep};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::store::{Prune, PrunedFeeds, Reader, Store, StoreError};

/// The number of articles in one transaction. It takes about ten milliseconds, in which no poll is written.
const BATCH: usize = 200;

/// How long the articles of each feed are kept.
#[derive(Clone, Debug)]
pub struct Retention(Vec<(TimeDelta, PrunedFeeds)>);

impl Retention {
    /// The ages in the configuration. `older_than` takes the place of `[store] keep`, but not of a feed's own `keep`.
    /// Feeds that left the configuration are those without a `keep` of their own.
    pub fn of(config: &Config, older_than: Option<TimeDelta>) -> Self {
        let mut groups: BTreeMap<TimeDelta, Vec<String>> = BTreeMap::new();
        let mut own = Vec::new();
        for feed in config.feeds.iter() {
            let Some(keep) = feed.settings.keep else { continue };
            own.push(feed.spec.url.to_string());
            if let Keep::For(keep) = keep {
                groups.entry(keep).or_default().push(feed.spec.url.to_string());
            }
        }
        let others = older_than.or(config.store.keep).map(|keep| (keep, PrunedFeeds::AllBut(own)));
        let groups = groups.into_iter().map(|(keep, urls)| (keep, PrunedFeeds::Only(urls)));
        Self(groups.chain(others).collect())
    }

    /// Whether the articles of all feeds are kept for ever.
    pub fn is_forever(&self) -> bool {
        self.0.is_empty()
    }

    fn first_batches(&self, now: Timestamp) -> impl Iterator<Item = Prune> {
        self.0.iter().map(move |(keep, feeds)| {
            let before = now.checked_sub_signed(*keep).unwrap_or(Timestamp::MIN_UTC);
            Prune { feeds: feeds.clone(), before, after: None, limit: BATCH }
        })
    }
}

/// Removes the articles that are older than they are kept and no longer in their feeds, and returns how many.
///
/// # Errors
/// When the store fails. Articles that were removed before the error stay removed.
pub async fn prune(store: &Store, ages: &Retention, now: Timestamp) -> Result<u64, StoreError> {
    let mut articles = 0;
    for mut batch in ages.first_batches(now) {
        loop {
            let pruned = store.prune(batch.clone(), now).await?;
            articles += pruned.articles;
            batch.after = pruned.next;
            if batch.after.is_none() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    Ok(articles)
}

/// The number of articles that [`prune`] would remove.
pub fn rehearse(reader: &Reader, ages: &Retention, now: Timestamp) -> Result<u64, StoreError> {
    let mut articles = 0;
    for mut batch in ages.first_batches(now) {
        loop {
            let pruned = reader.rehearse_prune(&batch)?;
            articles += pruned.articles;
            batch.after = pruned.next;
            if batch.after.is_none() {
                break;
            }
        }
    }
    Ok(articles)
}
