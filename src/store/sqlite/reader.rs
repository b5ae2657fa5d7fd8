//! Reading: a connection of its own, which WAL never lets wait for the writer.

use crate::html::sanitise::SanitisedHtml;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, InterruptHandle, OptionalExtension, Row, params_from_iter};

use crate::domain::article::{Article, ArticleId, Change, DateSource, Sighting, Version};
use crate::domain::consumer::{Consumer, ConsumerName};
use crate::domain::feed::{FeedId, FeedRef};
use crate::domain::query::{Order, Position, Query};
use crate::domain::time::{Timestamp, from_unix};
use crate::store::error::{Doing, StoreError};
use crate::store::sqlite::articles::decode;
use crate::store::sqlite::changes;
use crate::store::sqlite::consumers;
use crate::store::sqlite::feed_list;
use crate::store::sqlite::feeds::{self, Facts, FeedName, FeedRow};
use crate::store::sqlite::history::{self, PastPoll, PollDay};
use crate::store::sqlite::hosts::{self, PausedHost};
use crate::store::sqlite::maintenance::{self, Check, Stats};
use crate::store::sqlite::prune::{self, Prune, Pruned};
use crate::store::sqlite::{open_for_reading, revisions, select, text_index};

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

    /// The file.
    pub fn path(&self) -> &Path {
        Path::new(self.connection.path().unwrap_or_default())
    }

    /// Hands articles to `consume`, in the query's order, read row by row: memory does not grow with
    /// their number. The first error ends the articles; the caller must not take them for all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn articles<T>(
        &self,
        query: &Query,
        now: Timestamp,
        consume: impl FnOnce(&mut dyn Iterator<Item = Result<Article, StoreError>>) -> T,
    ) -> Result<T, StoreError> {
        self.in_one_moment(|| {
            let feeds = self.feed_refs()?;
            self.select(query, now, &feeds, |rows| {
                consume(&mut rows.map(|row| row.map(|(_, article)| article)))
            })
        })
    }

    /// Where the articles of a query stand, in its order: as much as tells them and their edits apart,
    /// read off an index.
    pub fn positions(&self, query: &Query, now: Timestamp) -> Result<Vec<Position>, StoreError> {
        let doing = "read the places of articles";
        let (sql, values) = select::select_positions(&self.connection, &self.store_id, query, now)?;
        let one = |r: &Row<'_>| Ok(Position { order_at: r.get(0)?, seq: r.get(1)? });
        let mut statement = self.connection.prepare(&sql).doing(doing)?;
        let positions = statement.query_map(params_from_iter(values), one).doing(doing)?;
        positions.collect::<Result<_, _>>().doing(doing)
    }

    /// A number that differs when the configured feeds, their names or their tags do.
    pub fn feeds_version(&self) -> Result<i64, StoreError> {
        feed_list::version(&self.connection)
    }

    /// The languages that configured feeds say they are in, without their regions; sorted.
    pub fn feed_languages(&self) -> Result<Vec<String>, StoreError> {
        feed_list::languages(&self.connection)
    }

    /// One article by its public id.
    pub fn article(&self, id: &ArticleId) -> Result<Option<Article>, StoreError> {
        let query = Query { ids: vec![id.clone()], ..Query::default() };
        self.articles(&query, Timestamp::UNIX_EPOCH, |rows| rows.next().transpose())?
    }

    /// Hands what happened since `query.after_seq` (`None`: ever) to `consume`, oldest first. Whoever
    /// has consumed a change goes on after its [`Change::seq`]. Articles pass the query's filters;
    /// removals pass those by feed and tag, as nothing else is known of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes<T>(
        &self,
        query: &Query,
        now: Timestamp,
        consume: impl FnOnce(&mut dyn Iterator<Item = Result<Change, StoreError>>) -> T,
    ) -> Result<T, StoreError> {
        let after = query.after_seq.unwrap_or(0);
        let up_to = query.up_to_seq.unwrap_or(i64::MAX);
        let limit = query.limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let query = Query { order: Order::Sequence, after_seq: Some(after), ..query.clone() };
        self.in_one_moment(|| {
            let feeds = self.feed_refs()?;
            let mut removals = changes::removals(&self.connection, &query)?;
            let mut removed = removals.between((after, up_to), &self.store_id, &feeds)?.peekable();
            self.select(&query, now, &feeds, |rows| {
                let changes = rows.map(|row| {
                    // The row's id is the sequence number of its insert.
                    row.map(|(inserted, article)| {
                        if after < inserted {
                            Change::New(article)
                        } else {
                            Change::Edited(article)
                        }
                    })
                });
                let mut changes = changes.peekable();
                let mut merged = std::iter::from_fn(|| {
                    let seq = |change: Option<&Result<Change, StoreError>>| {
                        // An error comes first: what follows it would not be all.
                        change.map(|change| change.as_ref().map_or(i64::MIN, Change::seq))
                    };
                    match (seq(changes.peek()), seq(removed.peek())) {
                        (Some(change), Some(removal)) if removal < change => removed.next(),
                        (None, _) => removed.next(),
                        (Some(_), _) => changes.next(),
                    }
                });
                consume(&mut merged.by_ref().take(limit))
            })
        })
    }

    /// The public id that a user means: all of it, or what stands behind its dash.
    pub fn id(&self, text: &str) -> ArticleId {
        let text = text.trim();
        let whole = text.contains('-');
        ArticleId(if whole { text.to_owned() } else { format!("{}-{text}", self.store_id) })
    }

    /// Articles that a search would not find yet.
    pub fn unindexed(&self) -> Result<u64, StoreError> {
        text_index::behind(&self.connection)
    }

    /// The earlier versions of an article that are kept, latest first.
    pub fn versions(&self, id: &ArticleId) -> Result<Vec<Version>, StoreError> {
        let row = select::row_of(&self.store_id, id);
        row.map_or(Ok(Vec::new()), |row| revisions::list(&self.connection, row))
    }

    /// The feeds that an article was seen in.
    pub fn sightings(&self, id: &ArticleId) -> Result<Vec<Sighting>, StoreError> {
        let Some(row) = select::row_of(&self.store_id, id) else { return Ok(Vec::new()) };
        let feeds = self.feed_refs()?;
        let found = changes::sightings(&self.connection, row)?;
        let one = |(feed, key)| Some(Sighting { feed: feeds.get(&feed).cloned()?, key });
        Ok(found.into_iter().filter_map(one).collect())
    }

    /// Articles of a feed by the day of their effective date (days since 1970, UTC), from `since` on;
    /// days without any are not there.
    pub fn articles_by_day(
        &self,
        feed: FeedId,
        since: Timestamp,
    ) -> Result<Vec<(i64, u64)>, StoreError> {
        history::articles_by_day(&self.connection, feed, since)
    }

    /// Polls of a feed by day (days since 1970, UTC), some 30 days back: all, and those that failed.
    pub fn polls_by_day(&self, feed: FeedId) -> Result<Vec<PollDay>, StoreError> {
        history::polls_by_day(&self.connection, feed)
    }

    /// All feeds by their names, retired ones included; cheap.
    pub fn feed_names(&self) -> Result<Vec<FeedName>, StoreError> {
        feeds::named(&self.connection)
    }

    pub fn feeds(&self) -> Result<Vec<FeedRow>, StoreError> {
        feeds::list(&self.connection)
    }

    /// Those who follow, by name.
    pub fn consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        consumers::list(&self.connection)
    }

    pub fn consumer(&self, name: &ConsumerName) -> Result<Option<Consumer>, StoreError> {
        consumers::find(&self.connection, name)
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

    /// What [`Store::prune`](crate::store::Store::prune) would remove.
    pub fn rehearse_prune(&self, stretch: Prune) -> Result<Pruned, StoreError> {
        prune::rehearse(&self.connection, stretch)
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

    /// How far a query of changes may be trusted to skip nothing: to the end, unless it looks for words,
    /// which the text index does not have of the latest.
    pub fn sequence_for(&self, query: &Query) -> Result<i64, StoreError> {
        let sequence = self.sequence()?;
        if query.search.is_none() {
            return Ok(sequence);
        }
        // Read second: it never lies behind what it was when the sequence was read.
        Ok(text_index::complete_up_to(&self.connection)?.map_or(sequence, |seq| seq.min(sequence)))
    }

    /// So that all that `read` reads is of one moment.
    fn in_one_moment<T>(
        &self,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !self.connection.is_autocommit() {
            return read(); // Asked from within a reading: its moment it is.
        }
        let moment = self.connection.unchecked_transaction().doing("begin to read")?;
        let result = read();
        moment.finish().doing("end to read")?;
        result
    }

    fn select<T>(
        &self,
        query: &Query,
        now: Timestamp,
        feeds: &HashMap<i64, Arc<FeedRef>>,
        consume: impl FnOnce(&mut dyn Iterator<Item = Result<(i64, Article), StoreError>>) -> T,
    ) -> Result<T, StoreError> {
        let doing = "read articles";
        let (sql, values) = select::select(&self.connection, &self.store_id, query, now)?;
        let mut statement = self.connection.prepare(&sql).doing(doing)?;
        let mut rows = statement.query(params_from_iter(values)).doing(doing)?;
        let next = || {
            let row = rows.next()?;
            row.map(|row| Ok((row.get(0)?, self.article_of(row, feeds)?))).transpose()
        };
        let mut articles = std::iter::repeat_with(next)
            .map_while(Result::transpose)
            .map(|article| article.doing(doing));
        Ok(consume(&mut articles))
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

    fn article_of(
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
            id: select::id_of(&self.store_id, r.get(0)?),
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
            content_html: r.get::<_, Option<String>>(17)?.map(SanitisedHtml::from_store),
            content_text: None,
        })
    }
}
