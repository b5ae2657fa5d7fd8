//! Finds the articles that another feed had before, behind the polls and in the order in which they were stored.
//!
//! The order makes the result the same whatever polls run in parallel. Consumers hear of an article after this pass,
//! so that they hear of no duplicate.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::clock;
use crate::html::to_text::words_of;
use crate::store::{Matched, NewArticles, Reader, Store, StoreError};

/// The number of articles in one transaction of the daemon. It takes a few milliseconds, in which no poll is written.
const BATCH: usize = 100;

/// The same when nobody waits for a single poll: the wait for the disk at the end of a small batch is longer than the work.
const LARGE_BATCH: usize = 1_000;

/// The wait of [`DuplicateSearch::keep_up`] when nothing is left to decide.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks for duplicates in batches. What is compared is computed from the articles before the store's writer is needed; while
/// it decides one batch, the next one is read.
pub struct DuplicateSearch {
    store: Store,
    /// The connection of the last batch. To open one takes as long as to compare a dozen articles.
    reader: Option<Reader>,
    /// The batch that follows the last one, while it is being read.
    ahead: Option<Batch>,
}

/// A batch that is being read, and the reader, for the next one.
type Batch = JoinHandle<Result<(Reader, NewArticles), StoreError>>;

impl DuplicateSearch {
    pub fn new(store: Store) -> Self {
        Self { store, reader: None, ahead: None }
    }

    /// Looks for duplicates in one batch.
    ///
    /// # Errors
    /// When the store fails. Nothing of the batch is stored then.
    pub async fn advance(&mut self) -> Result<Matched, StoreError> {
        self.advance_by(BATCH).await
    }

    async fn advance_by(&mut self, limit: usize) -> Result<Matched, StoreError> {
        let batch = if let Some(batch) = self.ahead.take() {
            batch
        } else {
            let reader = self.reader.take().filter(|_| self.store.is_in_place());
            self.read(reader, None, limit)
        };
        let (reader, new) = batch.await.map_err(|_| StoreError::ReaderStopped)??;
        self.reader = Some(reader);
        if new.is_empty() {
            return Ok(Matched::default());
        }
        let after = new.up_to();
        let next = if new.has_more() {
            let reader = self.reader.take();
            Some(self.read(reader, Some(after), limit))
        } else {
            None
        };
        let matched = self.store.match_articles(new, clock::now()).await?;
        // Another process may have decided the batch, or more.
        self.ahead = next.filter(|_| matched.up_to == after);
        Ok(matched)
    }

    /// Begins to read the articles after the sequence number `after`, or those of which it is not decided yet.
    fn read(&self, reader: Option<Reader>, after: Option<i64>, limit: usize) -> Batch {
        let location = self.store.location().clone();
        spawn_blocking(move || {
            let reader = reader.map_or_else(|| location.reader(), Ok)?;
            let new = reader.new_articles(after, limit, words_of)?;
            Ok((reader, new))
        })
    }

    /// Looks for duplicates while polls store articles, until they have ended and no article is left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_up(
        mut self,
        mut polls_ended: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        loop {
            // What the last polls have stored is in the batch that is read from now on.
            let is_last = *polls_ended.borrow();
            if self.advance_by(LARGE_BATCH).await?.has_more {
                continue;
            }
            if is_last {
                return Ok(());
            }
            // The error of the time-out says that the polls go on, that of the channel that their result is not waited for.
            timeout(PAUSE, polls_ended.wait_for(|ended| *ended)).await.ok();
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
