//! Removes old articles, except those that are still in the last documents of their feeds: a feed that is polled
//! must not lose what is in it.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use crate::domain::article::Position;
use crate::domain::feed::FeedId;
use crate::domain::time::Timestamp;
use crate::store::database::{self, Connection, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::{changes, last_document};

/// A batch of articles to examine, oldest first.
#[derive(Clone, Debug)]
pub struct Prune {
    pub feeds: PrunedFeeds,
    /// Articles with an effective date before this are old.
    pub before: Timestamp,
    /// The end of the last batch.
    pub after: Option<Position>,
    /// The largest number of articles to examine, so that each transaction is short.
    pub limit: usize,
}

/// The feeds whose articles are removed, by their URLs.
#[derive(Clone, Debug)]
pub enum PrunedFeeds {
    AllBut(Vec<String>),
    Only(Vec<String>),
}

/// The result of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The number of articles that are old and no longer in the documents of their feeds.
    pub articles: u64,
    /// Where the next batch begins; `None` when no old article is left.
    pub next: Option<Position>,
}

pub(in crate::store) fn prune(
    tx: &Connection,
    stretch: &Prune,
    now: Timestamp,
) -> Result<Pruned, StoreError> {
    let (rows, next) = candidates(tx, stretch)?;
    Ok(Pruned { articles: changes::remove(tx, &rows, now)?, next })
}

/// Counts what [`prune`] would remove.
pub(super) fn rehearse(connection: &Connection, stretch: &Prune) -> Result<Pruned, StoreError> {
    let (rows, next) = candidates(connection, stretch)?;
    Ok(Pruned { articles: u64::try_from(rows.len()).unwrap_or(u64::MAX), next })
}

/// The row ids of the articles to remove, and where the next batch begins.
fn candidates(
    connection: &Connection,
    stretch: &Prune,
) -> Result<(Vec<i64>, Option<Position>), StoreError> {
    const OLD: &str = "
        SELECT id, order_at, seq FROM article
        WHERE order_at < ?1 AND (?2, ?3) < (order_at, seq)
            AND CASE WHEN feed_id IN (SELECT id FROM feed WHERE url IN (SELECT value FROM json_each(?5)))
                THEN 1 ELSE 0 END = CAST(?6 AS bigint)
        ORDER BY order_at, seq LIMIT ?4";
    const KEYS: &str = "SELECT feed_id, key FROM feed_entry WHERE article_id = ?1";
    let action = "find old articles";
    let after = stretch.after.unwrap_or(Position { order_at: i64::MIN, seq: i64::MIN });
    let limit = i64::try_from(stretch.limit).unwrap_or(i64::MAX);
    let one = |r: &Row<'_>| -> database::Result<(i64, Position)> {
        Ok((r.get("id")?, Position { order_at: r.get("order_at")?, seq: r.get("seq")? }))
    };
    let old: Vec<(i64, Position)> = connection
        .prepare_cached(OLD)
        .and_then(|mut s| {
            let (urls, only) = match &stretch.feeds {
                PrunedFeeds::AllBut(urls) => (urls, false),
                PrunedFeeds::Only(urls) => (urls, true),
            };
            let (before, urls) = (stretch.before.timestamp(), json!(urls).to_string());
            let values = params![before, after.order_at, after.seq, limit, urls, only];
            s.query_map(values, one)?.collect()
        })
        .context(action)?;
    let next = old.last().filter(|_| old.len() == stretch.limit).map(|(_, position)| *position);
    let mut shown = Shown { connection, feeds: HashMap::new() };
    let mut rows = Vec::new();
    let mut keys = connection.prepare_cached(KEYS).context(action)?;
    for (row, _) in old {
        let sightings: Vec<(i64, i64)> = keys
            .query_map([row], |r| Ok((r.get("feed_id")?, r.get("key")?)))
            .and_then(Iterator::collect)
            .context(action)?;
        let mut still = false;
        for (feed, key) in sightings {
            still |= shown.by(feed)?.contains(&key);
        }
        if !still {
            rows.push(row);
        }
    }
    Ok((rows, next))
}

/// The keys of the articles in the last documents of feeds, read on first use.
struct Shown<'c> {
    connection: &'c Connection,
    feeds: HashMap<i64, HashSet<i64>>,
}

impl Shown<'_> {
    fn by(&mut self, feed: i64) -> Result<&HashSet<i64>, StoreError> {
        if !self.feeds.contains_key(&feed) {
            let items = last_document::items(self.connection, FeedId(feed))?;
            self.feeds.insert(feed, items.unwrap_or_default().keys().collect());
        }
        Ok(self.feeds.entry(feed).or_default())
    }
}
