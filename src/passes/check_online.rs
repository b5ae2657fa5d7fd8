//! Asks for every configured feed once, to see which would fail. Stores nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::{Config, FeedConfig};
use crate::domain::host::Host;
use crate::domain::poll::{Observed, PollOutcome, Remembered};
use crate::fetch::FetchError;
use crate::passes::preview::Looker;

/// Asks for all enabled feeds: hosts side by side, the feeds of one host one after the other. Answers
/// what was seen, by the feed's place in the configuration; `told` hears of each as it comes.
///
/// # Errors
/// When the fetcher cannot be set up.
pub async fn survey(
    config: &Config,
    mut told: impl FnMut(&FeedConfig),
) -> Result<BTreeMap<usize, Observed>, FetchError> {
    let looker = Looker::new(&config.fetch)?;
    let room = Arc::new(Semaphore::new(config.fetch.concurrency));
    let mut hosts: BTreeMap<Option<Host>, Vec<(usize, FeedConfig)>> = BTreeMap::new();
    for (place, feed) in config.feeds.iter().enumerate().filter(|(_, feed)| feed.spec.enabled) {
        hosts.entry(feed.spec.url.host()).or_default().push((place, feed.clone()));
    }
    let (tell, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut asking = JoinSet::new();
    for feeds in hosts.into_values() {
        let (mut looker, room, tell) = (looker.clone(), Arc::clone(&room), tell.clone());
        asking.spawn(async move {
            for (place, feed) in feeds {
                let taken = room.acquire().await;
                let url = &feed.spec.url;
                let mut seen = looker.look(url, &feed.request, feed.max_entries, feed.map).await;
                drop(taken);
                if let PollOutcome::Fresh(document) = &mut seen.outcome {
                    document.drafts = Vec::new(); // Nobody asks for the articles of a whole fleet.
                    document.remembered = Remembered::default();
                }
                tell.send((place, seen)).ok(); // Nobody listens any more: the command was ended.
            }
        });
    }
    drop(tell);
    let mut found = BTreeMap::new();
    while let Some((place, observed)) = seen.recv().await {
        if let Some(feed) = config.feeds.get(place) {
            told(feed);
        }
        found.insert(place, observed);
    }
    Ok(found)
}
