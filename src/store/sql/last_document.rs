//! The last document of each feed, as hashes.

use crate::domain::article::ArticleKey;
use crate::domain::feed::FeedId;
use crate::domain::poll::KnownItem;
use crate::store::database::{
    Connection, FromSql, FromSqlError, FromSqlResult, OptionalExtension, ValueRef,
};
use crate::store::error::{Context, StoreError};

/// The items of the last document of a feed; `None` when no document was stored yet.
pub(super) fn items(tx: &Connection, feed: FeedId) -> Result<Option<Items>, StoreError> {
    tx.prepare_cached("SELECT items FROM last_document WHERE feed_id = ?1")
        .and_then(|mut s| s.query_row([feed.0], |row| row.get(0)).optional())
        .context("read what is in a feed")
}

/// The hash of an item that is read again at the next poll, whatever its bytes.
pub(super) const FORGOTTEN: u64 = 0;

/// Whether no document of a feed was stored yet.
pub(super) fn is_first(tx: &Connection, feed: FeedId) -> Result<bool, StoreError> {
    tx.prepare_cached("SELECT 1 FROM last_document WHERE feed_id = ?1")
        .and_then(|mut s| s.query_row([feed.0], |_| Ok(())).optional())
        .map(|found| found.is_none())
        .context("look up the last document of a feed")
}

/// The items of the last document of a feed, as stored.
#[derive(Default)]
pub(super) struct Items(pub(super) Vec<KnownItem>);

impl Items {
    /// The keys of its articles, as stored in `feed_entry`.
    pub(super) fn keys(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.iter().map(|item| item.key.0.cast_signed())
    }

    /// Whether the feed was reset, or has another address, since its last document.
    pub(super) fn are_forgotten(&self) -> bool {
        self.0.iter().all(|item| item.hash == FORGOTTEN)
    }
}

pub(super) fn encode(items: &[KnownItem]) -> Vec<u8> {
    items
        .iter()
        .flat_map(|item| [item.hash.to_le_bytes(), item.key.0.to_le_bytes()])
        .flatten()
        .collect()
}

impl FromSql for Items {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let (chunks, rest) = value.as_blob()?.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(FromSqlError::InvalidType);
        }
        let number = |half: &[u8]| half.iter().rev().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let item = |chunk: &[u8; 16]| {
            let (hash, key) = chunk.split_at(8);
            KnownItem { hash: number(hash), key: ArticleKey(number(key)) }
        };
        Ok(Self(chunks.iter().map(item).collect()))
    }
}
