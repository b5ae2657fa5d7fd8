//! Updates the full-text index after the polls.

use crate::html::to_text::html_to_text;
use crate::store::{Store, StoreError};

/// The most articles in one transaction. The store ends it earlier if it takes long.
const INDEXED: usize = 2_000;

/// The number of articles that get their keys in one transaction. It takes a few milliseconds, in which no poll is written.
const KEYED: usize = 100;

/// Indexes one batch. Returns whether there may be more articles to index.
pub async fn advance(store: &Store) -> Result<bool, StoreError> {
    let indexed = store.index_text(INDEXED, html_to_text).await?;
    let keyed = store.add_keys(KEYED).await?;
    Ok(indexed != 0 || keyed == KEYED)
}

/// Gives all articles of earlier versions their keys, before a poll compares them with new entries.
pub async fn add_keys(store: &Store) -> Result<(), StoreError> {
    while store.add_keys(KEYED).await? != 0 {}
    Ok(())
}

/// Indexes all articles, before a search that must be complete.
pub async fn catch_up(store: &Store) -> Result<(), StoreError> {
    while advance(store).await? {}
    Ok(())
}
