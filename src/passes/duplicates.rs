//! Finds the articles that another feed had before, behind the polls and in the order in which they were stored.
//!
//! The order makes the result the same whatever polls run in parallel. Consumers hear of an article after this pass,
//! so that they hear of no duplicate.

use std::convert::Infallible;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::clock;
use crate::html::to_text::words_of;
use crate::store::{Matched, Reader, Store, StoreError};

/// The number of articles in one transaction. It takes a few milliseconds, in which no poll is written.
const BATCH: usize = 100;

/// The same when no polls are written: the wait for the disk at the end of each batch is longer than the work.
const LARGE_BATCH: usize = 1_000;

/// The wait of [`keep_up`] when nothing is left to decide.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks for duplicates in one batch. What is compared is computed from the articles before the store's writer is needed.
///
/// # Errors
/// When the store fails. Nothing of the batch is stored then.
pub async fn advance(store: &Store) -> Result<Matched, StoreError> {
    advance_by(store, BATCH).await
}

async fn advance_by(store: &Store, limit: usize) -> Result<Matched, StoreError> {
    let path = store.path().to_owned();
    let read = spawn_blocking(move || Reader::open(&path)?.new_articles(limit, words_of));
    let new = read.await.map_err(|_| StoreError::ReaderStopped)??;
    if new.is_empty() {
        return Ok(Matched::default());
    }
    store.match_articles(new, clock::now()).await
}

/// Looks for duplicates while articles are stored, until the future is dropped or the store fails.
///
/// # Errors
/// When the store fails.
pub async fn keep_up(store: Store) -> Result<Infallible, StoreError> {
    loop {
        if !advance(&store).await?.has_more {
            sleep(PAUSE).await;
        }
    }
}

/// Looks for duplicates until no article is left.
///
/// # Errors
/// When the store fails.
pub async fn catch_up(store: &Store) -> Result<(), StoreError> {
    while advance_by(store, LARGE_BATCH).await?.has_more {}
    Ok(())
}
