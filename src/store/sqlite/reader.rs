//! Reading: a connection of its own, which WAL never lets wait for the writer.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, InterruptHandle, OptionalExtension, Row, params_from_iter};

use crate::domain::article::{Article, ArticleId, DateSource};
use crate::domain::feed::{FeedId, FeedRef};
use crate::domain::query::Query;
use crate::domain::time::{Timestamp, from_unix};
use crate::store::error::{Doing, StoreError};
use crate::store::sqlite::articles::decode;
use crate::store::sqlite::feeds::{self, Facts, FeedRow};
use crate::store::sqlite::history::{self, PastPoll};
use crate::store::sqlite::hosts::{self, PausedHost};
use crate::store::sqlite::maintenance::{self, Check, Stats};
use crate::store::sqlite::open_for_reading;

/// A read-only connection. Each call sees one moment of the store.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    store_id: String,
}

/// Ends what a [`Reader`] is doing, with an error; what it does next is not affected.
pub struct Interrupter(InterruptHandle);

impl Interrupter {
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

const COLUMNS: &str = "
    SELECT a.id, a.seq, a.feed_id, a.first_seen_at, a.published_at, a.modified_at, a.revision,
        a.guid, a.url, a.external_url, a.title, a.image, a.language, a.authors, a.tags,
        a.attachments, a.summary, a.content_html
    FROM article a";

impl Reader {
    /// # Errors
    /// When there is no such file, or it is no store of this or an older version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = open_for_reading(path)?;
        let store_id = connection
            .query_row("SELECT value FROM meta WHERE key = 'store_id'", [], |row| row.get(0))
            .doing("read the store's id")?;
        Ok(Self { connection, store_id })
    }

    /// Hands articles to `consume`, newest first, read row by row: memory does not grow with their
    /// number. The first error ends the articles; the caller must not take them for all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn articles<T>(
        &self,
        query: &Query,
        now: Timestamp,
        consume: impl FnOnce(&mut dyn Iterator<Item = Result<Article, StoreError>>) -> T,
    ) -> Result<T, StoreError> {
        let doing = "read articles";
        let feeds = self.feed_refs()?;
        let (sql, values) = self.select(query, now)?;
        let mut statement = self.connection.prepare(&sql).doing(doing)?;
        let mut rows = statement.query(params_from_iter(values)).doing(doing)?;
        let next =
            || rows.next().and_then(|row| row.map(|row| self.article(row, &feeds)).transpose());
        let mut articles = std::iter::repeat_with(next)
            .map_while(Result::transpose)
            .map(|article| article.doing(doing));
        Ok(consume(&mut articles))
    }

    pub fn feeds(&self) -> Result<Vec<FeedRow>, StoreError> {
        feeds::list(&self.connection)
    }

    /// The latest polls of a feed, newest first.
    pub fn polls(&self, feed: FeedId, limit: usize) -> Result<Vec<PastPoll>, StoreError> {
        history::latest(&self.connection, feed, limit)
    }

    /// The pause of a host that is in force.
    pub fn paused(&self, host: &str, now: Timestamp) -> Result<Option<PausedHost>, StoreError> {
        hosts::paused(&self.connection, host, now)
    }

    /// How many hosts are paused.
    pub fn paused_hosts(&self, now: Timestamp) -> Result<u64, StoreError> {
        hosts::count_paused(&self.connection, now)
    }

    /// Bytes of the store, without its log.
    pub fn size(&self) -> Result<u64, StoreError> {
        maintenance::size(&self.connection)
    }

    /// For another thread to end a call of this one that takes too long.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.connection.get_interrupt_handle())
    }

    /// What the next poll of a feed was computed from.
    pub fn facts(&self, feed: FeedId) -> Result<Option<Facts>, StoreError> {
        feeds::facts(&self.connection, feed)
    }

    pub fn stats(&self) -> Result<Stats, StoreError> {
        maintenance::stats(&self.connection)
    }

    /// Reads the whole file.
    pub fn check(&self) -> Result<Check, StoreError> {
        maintenance::check(&self.connection)
    }

    /// Writes a consistent, compact copy to `target`, which must not exist yet.
    pub fn copy_to(&self, target: &Path) -> Result<(), StoreError> {
        maintenance::copy(&self.connection, target)
    }

    /// The sequence number of the newest insert or edit: has anything changed since I looked?
    pub fn sequence(&self) -> Result<i64, StoreError> {
        self.connection
            .query_row("SELECT value FROM meta WHERE key = 'seq'", [], |row| row.get(0))
            .optional()
            .map(Option::unwrap_or_default)
            .doing("read the sequence")
    }

    /// The statement for a query. The feeds it asks for are looked up first, so that SQLite walks the
    /// index of one feed, or the index of all in order, and never sorts.
    fn select(&self, query: &Query, now: Timestamp) -> Result<(String, Vec<i64>), StoreError> {
        let mut values = Vec::new();
        let mut conditions = Vec::new();
        if let Some(wanted) = self.wanted_feeds(query)? {
            match wanted.as_slice() {
                [one] => {
                    conditions.push("a.feed_id = ?".to_owned());
                    values.push(*one);
                }
                many => {
                    let list = many.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
                    // The plus keeps SQLite on the index that gives the order.
                    conditions.push(format!("+a.feed_id IN ({list})"));
                }
            }
        }
        for (bound, condition) in
            [(query.since, "a.order_at >= ?"), (query.until, "a.order_at < ?")]
        {
            if let Some(bound) = bound {
                conditions.push(condition.to_owned());
                values.push(bound.resolve(now).timestamp());
            }
        }
        let mut sql = COLUMNS.to_owned();
        if !conditions.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&conditions.join(" AND "));
        }
        sql.push_str(" ORDER BY a.order_at DESC, a.seq DESC LIMIT ?");
        values.push(query.limit.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1));
        Ok((sql, values))
    }

    /// The feeds that names and tags stand for; `None` when the query names neither.
    fn wanted_feeds(&self, query: &Query) -> Result<Option<Vec<i64>>, StoreError> {
        if query.feeds.is_empty() && query.tags.is_empty() {
            return Ok(None);
        }
        let tags: HashSet<&str> = query.tags.iter().map(String::as_str).collect();
        let wanted = self.feeds()?.into_iter().filter(|feed| {
            let named =
                query.feeds.is_empty() || query.feeds.iter().any(|text| feed.is_called(text));
            let tagged = tags.is_empty() || feed.tags.iter().any(|t| tags.contains(t.as_str()));
            named && tagged
        });
        Ok(Some(wanted.map(|feed| feed.id.0).collect()))
    }

    fn feed_refs(&self) -> Result<HashMap<i64, Arc<FeedRef>>, StoreError> {
        const REFS: &str = "SELECT id, url, name, title, home_page_url, tags FROM feed";
        let one = |r: &Row<'_>| -> rusqlite::Result<(i64, Arc<FeedRef>)> {
            let (url, title): (String, Option<String>) = (r.get(1)?, r.get(3)?);
            let name: Option<String> = r.get(2)?;
            let feed = FeedRef {
                name: name.or_else(|| title.clone()).unwrap_or_else(|| url.clone()),
                url,
                title,
                home_page_url: r.get(4)?,
                tags: decode::texts(Some(r.get_ref(5)?.as_str()?)),
            };
            Ok((r.get(0)?, Arc::new(feed)))
        };
        self.connection
            .prepare_cached(REFS)
            .and_then(|mut s| s.query_map([], one)?.collect())
            .doing("list feeds")
    }

    fn article(
        &self,
        r: &Row<'_>,
        feeds: &HashMap<i64, Arc<FeedRef>>,
    ) -> rusqlite::Result<Article> {
        let time = |index: usize| -> rusqlite::Result<Option<Timestamp>> {
            Ok(r.get::<_, Option<i64>>(index)?.map(from_unix))
        };
        let feed = feeds.get(&r.get(2)?).ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let published = time(4)?;
        Ok(Article {
            id: self.article_id(r.get(0)?),
            seq: r.get(1)?,
            feed: Arc::clone(feed),
            first_seen: from_unix(r.get(3)?),
            published,
            modified: time(5)?,
            date_source: if published.is_some() { DateSource::Feed } else { DateSource::FirstSeen },
            revision: r.get(6)?,
            guid: r.get(7)?,
            url: r.get(8)?,
            external_url: r.get(9)?,
            title: r.get(10)?,
            image: r.get(11)?,
            language: r.get(12)?,
            authors: decode::persons(r.get_ref(13)?.as_str_or_null()?),
            tags: decode::texts(r.get_ref(14)?.as_str_or_null()?),
            attachments: decode::attachments(r.get_ref(15)?.as_str_or_null()?),
            summary: r.get(16)?,
            content_html: r.get(17)?,
            content_text: None,
        })
    }

    /// The store's own random id makes a row number unique among all stores.
    fn article_id(&self, row: i64) -> ArticleId {
        ArticleId(format!("{}-{row:x}", self.store_id))
    }
}
