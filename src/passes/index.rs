//! Keeps the full-text index up to date, behind the polls.

use crate::html::to_text::html_to_text;
use crate::store::{Store, StoreError};

/// Articles indexed in one transaction: some ten milliseconds in which no poll is written.
const BATCH: usize = 100;

/// Indexes one batch; whether there may be more.
pub async fn advance(store: &Store) -> Result<bool, StoreError> {
    let indexed = store.index_text(BATCH, html_to_text).await?;
    Ok(indexed == BATCH)
}

/// Indexes all there is, before a search that must not miss anything.
pub async fn catch_up(store: &Store) -> Result<(), StoreError> {
    while advance(store).await? {}
    Ok(())
}
