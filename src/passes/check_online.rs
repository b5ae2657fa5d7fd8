//! The online check: requests each configured feed once, to find those that would fail. Stores nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::{Config, FeedConfig};
use crate::domain::host::Host;
use crate::domain::poll::{Observed, Remembered};
use crate::fetch::FetchError;
use crate::passes::preview::Previewer;

/// Requests all enabled feeds, several hosts at once but the feeds of one host one after the other. Returns
/// the results by the index of the feed in the configuration. `on_result` is called after each feed.
///
/// # Errors
/// When the fetcher cannot be set up.
pub async fn check_online(
    config: &Config,
    mut on_result: impl FnMut(&FeedConfig),
) -> Result<BTreeMap<usize, Observed>, FetchError> {
    let previewer = Previewer::new(&config.fetch)?;
    let slots = Arc::new(Semaphore::new(config.fetch.concurrency));
    let mut hosts: BTreeMap<Option<Host>, Vec<(usize, FeedConfig)>> = BTreeMap::new();
    for (index, feed) in config.feeds.iter().enumerate().filter(|(_, feed)| feed.spec.enabled) {
        hosts.entry(feed.spec.url.host()).or_default().push((index, feed.clone()));
    }
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for feeds in hosts.into_values() {
        let (mut previewer, slots, sender) =
            (previewer.clone(), Arc::clone(&slots), sender.clone());
        tasks.spawn(async move {
            for (index, feed) in feeds {
                let slot = slots.acquire().await;
                let (url, settings) = (&feed.spec.url, &feed.settings);
                let map = settings.map.clone();
                let mut observed =
                    previewer.preview(url, &settings.request, settings.max_entries, map).await;
                drop(slot);
                if let Some(document) = observed.outcome.document_mut() {
                    document.drafts = Vec::new(); // The articles of all feeds would need much memory.
                    document.remembered = Remembered::default();
                }
                sender.send((index, observed)).ok(); // Fails when the command was ended.
            }
        });
    }
    drop(sender);
    let mut results = BTreeMap::new();
    while let Some((index, observed)) = receiver.recv().await {
        if let Some(feed) = config.feeds.get(index) {
            on_result(feed);
        }
        results.insert(index, observed);
    }
    Ok(results)
}
