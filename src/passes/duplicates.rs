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

/// The wait of [`DuplicateSearch::keep_up`] when nothing is left to decide.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks for duplicates in batches. What is compared is computed from the articles before the store's writer is needed.
pub struct DuplicateSearch {
    store: Store,
    /// The connection of the last batch, while more articles may be left. To open one takes as long as to compare a
    /// dozen articles.
    reader: Option<Reader>,
}

impl DuplicateSearch {
    pub fn new(store: Store) -> Self {
        Self { store, reader: None }
    }

    /// Looks for duplicates in one batch.
    ///
    /// # Errors
    /// When the store fails. Nothing of the batch is stored then.
    pub async fn advance(&mut self) -> Result<Matched, StoreError> {
        self.advance_by(BATCH).await
    }

    async fn advance_by(&mut self, limit: usize) -> Result<Matched, StoreError> {
        let reader = self.reader.take();
        let path = self.store.path().to_owned();
        let read = spawn_blocking(move || {
            let reader = reader.map_or_else(|| Reader::open(&path), Ok)?;
            let new = reader.new_articles(limit, words_of)?;
            Ok::<_, StoreError>((reader, new))
        });
        let (reader, new) = read.await.map_err(|_| StoreError::ReaderStopped)??;
        if new.is_empty() {
            return Ok(Matched::default());
        }
        let matched = self.store.match_articles(new, clock::now()).await?;
        self.reader = Some(reader).filter(|_| matched.has_more);
        Ok(matched)
    }

    /// Looks for duplicates while articles are stored, until the future is dropped or the store fails.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_up(mut self) -> Result<Infallible, StoreError> {
        loop {
            if !self.advance().await?.has_more {
                sleep(PAUSE).await;
            }
        }
    }
}

/// Looks for duplicates until no article is left.
///
/// # Errors
/// When the store fails.
pub async fn catch_up(store: &Store) -> Result<(), StoreError> {
    let mut search = DuplicateSearch::new(store.clone());
    while search.advance_by(LARGE_BATCH).await?.has_more {}
    Ok(())
}
