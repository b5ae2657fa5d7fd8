//! Updates the full-text index after the polls.

use crate::html::to_text::html_to_text;
use crate::store::{Store, StoreError};

/// The number of articles in one transaction. It takes about ten milliseconds, in which no poll is written.
const BATCH: usize = 100;

/// Indexes one batch. Returns whether there may be more articles to index.
pub async fn advance(store: &Store) -> Result<bool, StoreError> {
    let indexed = store.index_text(BATCH, html_to_text).await?;
    let keyed = store.add_keys(BATCH).await?;
    Ok(indexed == BATCH || keyed == BATCH)
}

/// Gives all articles of earlier versions their keys, before a poll compares them with new entries.
pub async fn add_keys(store: &Store) -> Result<(), StoreError> {
    while store.add_keys(BATCH).await? != 0 {}
    Ok(())
}

/// Indexes all articles, before a search that must be complete.
pub async fn catch_up(store: &Store) -> Result<(), StoreError> {
    while advance(store).await? {}
    Ok(())
}
