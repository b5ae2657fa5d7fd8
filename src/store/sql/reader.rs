//! A connection that only reads. In WAL mode it never waits for the writer.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::domain::article::{
    Article, ArticleId, Change, DateSource, Edit, EditKey, Merge, MergedArticle, Position,
    Sighting, StoryId, StoryRef, Version, Wording,
};
use crate::domain::consumer::{Consumer, ConsumerName};
use crate::domain::feed::{FeedId, FeedRef, FeedState};
use crate::domain::feed_health::{FeedObservation, HealthChange};
use crate::domain::host::Host;
use crate::domain::icon::Icon;
use crate::domain::location::{Location, ServerUrl};
use crate::domain::query::{Order, Query};
use crate::domain::story::Story;
use crate::domain::time::{Timestamp, from_unix};
use crate::html::sanitise::SanitisedHtml;
use crate::store::database::{self, Connection, Interrupter, Row, Statement, params_from_iter};
use crate::store::error::{Context, StoreError};
use crate::store::postgres;
use crate::store::sql::changes;
use crate::store::sql::columns::{self, Columns, column, decode};
use crate::store::sql::consumers;
use crate::store::sql::duplicates::{self, NewArticles};
use crate::store::sql::feed_lookup::{self, FeedRefs};
use crate::store::sql::feed_page::{self, FeedPage, FeedQuery};
use crate::store::sql::feed_sync::{self, Comparison};
use crate::store::sql::feeds::{self, Facts, FeedName, FeedPlan, FeedRow, FeedSync, Planned};
use crate::store::sql::history::{self, PastPoll, PollDay};
use crate::store::sql::hosts::{self, PausedHost};
use crate::store::sql::icons::{self, KnownIcon};
use crate::store::sql::maintenance::{self, Check, Stats};
use crate::store::sql::page_queue::{self, DuePages, PageClaim};
use crate::store::sql::prune::{self, Prune, Pruned};
use crate::store::sql::story_list::StoryReader;
use crate::store::sql::workers::KnownWorker;
use crate::store::sql::{
    edits, feed_health, future, held, meta, pages, revisions, select, sightings, stories,
    text_index, workers,
};
use crate::store::sqlite::file;
use crate::store::sqlite::open::open_for_reading;

/// What is read of each article.
const ARTICLE: Columns<24> = Columns([
    ("id", "a.id"),
    ("seq", "a.seq"),
    ("feed_id", "a.feed_id"),
    ("order_at", "a.order_at"),
    ("first_seen_at", "a.first_seen_at"),
    ("published_at", "a.published_at"),
    ("modified_at", "a.modified_at"),
    ("revision", "a.revision"),
    ("guid", "a.guid"),
    ("url", "a.url"),
    ("external_url", "a.external_url"),
    ("title", "a.title"),
    ("image", "a.image"),
    ("language", "a.language"),
    ("authors", "a.authors"),
    ("tags", "a.tags"),
    ("attachments", "a.attachments"),
    ("podcast", "a.podcast"),
    ("summary", "a.summary"),
    ("content_html", "a.content_html"),
    ("original_id", "(SELECT d.original_id FROM article_duplicate d WHERE d.article_id = a.id)"),
    ("story_id", "(SELECT m.story_id FROM story_article m WHERE m.article_id = a.id)"),
    ("is_original", "EXISTS (SELECT 1 FROM article_duplicate d WHERE d.original_id = a.id)"),
    ("page", pages::SHOWN),
]);

/// The stories of the articles that were read last, so that a story is not counted anew for each of its articles.
type StoryRefs = HashMap<i64, Option<StoryRef>>;

/// The most stories in [`StoryRefs`]. All articles of a story are close to each other in most queries.
const MOST_STORY_REFS: usize = 1_000;

/// A read-only connection. Each call sees one state of the store.
#[derive(Debug)]
pub struct Reader {
    pub(in crate::store) location: Location,
    connection: Connection,
    store_id: String,
}

impl Reader {
    /// # Errors
    /// When the file does not exist, or is not a store of this or an older version.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        file::refuse_forbidden(path)?;
        file::refuse_replaced(path)?;
        let connection = open_for_reading(path)?;
        let store_id = meta::store_id(&connection)?;
        Ok(Self { location: Location::file(path), connection, store_id })
    }

    /// # Errors
    /// When the server cannot be reached, or has no store of this or an older version.
    pub(in crate::store) fn open_in(url: &ServerUrl) -> Result<Self, StoreError> {
        let connection = postgres::open::for_reading(url)?;
        let store_id = meta::store_id(&connection)?;
        Ok(Self { location: Location::Server(url.clone()), connection, store_id })
    }

    /// Passes articles to `consume` in the order of the query. They are read row by row, so that memory does not
    /// grow with their number. After an error there are no more articles; the caller must not treat them as
    /// complete.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn articles<T>(
        &self,
        query: &Query,
        now: Timestamp,
        consume: impl FnOnce(&mut dyn Iterator<Item = Result<Article, StoreError>>) -> T,
    ) -> Result<T, StoreError> {
        self.in_one_snapshot(|| {
            let feeds = FeedRefs::new(&self.connection);
            self.select(query, now, &feeds, |rows| {
                let mut rows = rows.map(|row| row.map(|(_, article)| article));
                if !query.sightings || query.order != Order::Sequence {
                    return Ok(consume(&mut rows));
                }
                self.newly_sighted(query, now, &feeds, |sightings| {
                    let limit = limit_of(query);
                    let seq = |article: &Article| article.seq;
                    consume(&mut in_order(&mut rows, sightings, seq).take(limit))
                })
            })?
        })
    }

    /// The positions of the articles of a query, in its order, each with the number of its duplicates, the number of its
    /// story and the number of articles there. They are read from indexes alone, and they differ when the articles, their
    /// edits, their duplicates or their stories differ.
    pub fn positions(
        &self,
        query: &Query,
        now: Timestamp,
    ) -> Result<Vec<(Position, [i64; 3])>, StoreError> {
        const COLUMNS: &str = "a.order_at, a.seq, (
            SELECT count(*) FROM article_duplicate d
            WHERE d.original_id = coalesce(
                (SELECT e.original_id FROM article_duplicate e WHERE e.article_id = a.id), a.id)
            ) AS duplicates,
            coalesce((SELECT m.story_id FROM story_article m WHERE m.article_id = a.id), 0) AS story,
            (SELECT count(*) FROM story_article n
                WHERE n.story_id = (SELECT m.story_id FROM story_article m WHERE m.article_id = a.id)) AS size";
        let action = "read the places of articles";
        let (sql, values) = select::select(&self.connection, COLUMNS, &self.store_id, query, now)?;
        let one = |r: &Row<'_>| {
            let position = Position { order_at: r.get("order_at")?, seq: r.get("seq")? };
            Ok((position, [r.get("duplicates")?, r.get("story")?, r.get("size")?]))
        };
        let mut statement = self.connection.prepare_cached(&sql).context(action)?;
        let positions = statement.query_map(params_from_iter(values), one).context(action)?;
        positions.collect::<Result<_, _>>().context(action)
    }

    /// The ids of the articles of a query, in its order.
    pub fn ids(&self, query: &Query, now: Timestamp) -> Result<Vec<ArticleId>, StoreError> {
        let action = "read the ids of articles";
        let (sql, values) = select::select(&self.connection, "a.id", &self.store_id, query, now)?;
        let one = |r: &Row<'_>| Ok(columns::id_of(&self.store_id, r.get("id")?));
        let mut statement = self.connection.prepare(&sql).context(action)?;
        let ids = statement.query_map(params_from_iter(values), one).context(action)?;
        ids.collect::<Result<_, _>>().context(action)
    }

    /// A number that differs when the configured feeds, their names or their tags do.
    pub fn feeds_version(&self) -> Result<i64, StoreError> {
        Ok(meta::feeds_hash(&self.connection)?.unwrap_or_default())
    }

    /// The languages of the configured feeds, without regions, sorted.
    pub fn feed_languages(&self) -> Result<Vec<String>, StoreError> {
        feed_lookup::languages(&self.connection)
    }

    /// One article by its public id.
    pub fn article(&self, id: &ArticleId) -> Result<Option<Article>, StoreError> {
        let query = Query { ids: vec![id.clone()], ..Query::default() };
        self.articles(&query, Timestamp::UNIX_EPOCH, |rows| rows.next().transpose())?
    }

    /// Passes the changes since `query.after_seq` (`None`: all changes) to `consume`, oldest first. A caller that
    /// has consumed a change continues after its [`Change::seq`]. All filters of the query apply to articles;
    /// only those by feed and tag apply to removals, because nothing else is known of a removed article.
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
        let up_to = query.up_to_seq.unwrap_or(i64::MAX).min(self.announced_sequence()?);
        let limit = limit_of(query);
        let query = Query {
            order: Order::Sequence,
            after_seq: Some(after),
            up_to_seq: Some(up_to),
            ..query.clone()
        };
        self.in_one_snapshot(|| {
            let feeds = FeedRefs::new(&self.connection);
            let mut announced = future::announced(&self.connection, after)?;
            announced.extend(duplicates::undone(&self.connection, after)?);
            announced.extend(held::announced(&self.connection, after)?);
            let mut removals = changes::removals(&self.connection, &query, (after, up_to))?;
            let mut removed = removals.read(&self.store_id, &feeds)?;
            self.select(&query, now, &feeds, |rows| {
                let mut changes = rows.map(|row| {
                    // The row's id is the sequence number of its insert. An article that was hidden is heard of later.
                    row.map(|(inserted, article)| {
                        if after < inserted || announced.contains_key(&inserted) {
                            Change::New(article)
                        } else {
                            Change::Edited(article)
                        }
                    })
                });
                let mut changes = in_order(&mut removed, &mut changes, Change::seq);
                if !query.sightings {
                    return Ok(consume(&mut changes.take(limit)));
                }
                self.newly_sighted(&query, now, &feeds, |sightings| {
                    let mut sightings = sightings.map(|row| row.map(Change::Edited));
                    let all = in_order(&mut changes, &mut sightings, Change::seq);
                    consume(&mut all.take(limit))
                })
            })?
        })
    }

    /// What is known about the health of the feeds that are polled.
    pub fn feed_observations(&self) -> Result<Vec<FeedObservation>, StoreError> {
        feed_health::observations(&self.connection)
    }

    /// The effective dates of the latest articles of a feed, newest first.
    pub fn feed_dates(&self, feed: FeedId) -> Result<Vec<Timestamp>, StoreError> {
        feed_health::dates(&self.connection, feed)
    }

    /// The changes of health after a sequence number and up to another, oldest first, with their numbers and feeds. Of
    /// the filters of the query, those by feed and tag apply.
    pub fn feed_health_changes(
        &self,
        span: (i64, i64),
        query: &Query,
    ) -> Result<Vec<(i64, HealthChange, Arc<FeedRef>)>, StoreError> {
        self.in_one_snapshot(|| {
            let feeds = FeedRefs::new(&self.connection);
            let wanted = feed_lookup::wanted(&self.connection, query)?;
            let mut found = Vec::new();
            for (seq, change) in feed_health::changes(&self.connection, span)? {
                let id = change.feed.0;
                if let Some(wanted) = &wanted
                    && !wanted.has(&self.connection, id)?
                {
                    continue;
                }
                let feed = feeds.get(id).context("read the feed of a change")?;
                found.extend(feed.map(|feed| (seq, change, feed)));
            }
            Ok(found)
        })
    }

    /// Whether an article is left out of pages and exports, because its date is ahead.
    pub fn is_hidden(&self, id: &ArticleId, now: Timestamp) -> Result<bool, StoreError> {
        future::is_hidden(&self.connection, &self.store_id, id, now)
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

    /// The id of a story that a user means: all of it, or what stands behind its dash. A story that was merged into another
    /// one is the latter. `None` if there is no such story.
    pub fn story_id(&self, id: &StoryId) -> Result<Option<StoryId>, StoreError> {
        let number = stories::number_of(&self.connection, &self.store_id, id)?;
        Ok(number.map(|number| stories::id_of(&self.store_id, number)))
    }

    /// A story by its id, also one of a single article.
    pub fn story(&self, id: &StoryId, now: Timestamp) -> Result<Option<Story>, StoreError> {
        self.in_one_snapshot(|| {
            let number = stories::number_of(&self.connection, &self.store_id, id)?;
            let mut read = StoryReader::new(&self.connection, &self.store_id, now)?;
            number.map(|number| read.story(number)).transpose()
        })
    }

    /// The stories of at least two articles with an article of this date or later: those of most sources first, then those
    /// with the newest article.
    pub fn stories(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Story>, StoreError> {
        self.in_one_snapshot(|| {
            StoryReader::new(&self.connection, &self.store_id, now)?.since(since)
        })
    }

    /// The article as its feed gives it, without what its page has said; the article itself if it shows nothing of a page.
    pub fn feed_version(&self, article: Article) -> Result<Article, StoreError> {
        let row = columns::row_of(&self.store_id, &article.id);
        let found =
            row.map(|row| pages::feed_version(&self.connection, row)).transpose()?.flatten();
        let Some((parts, _)) = found else { return Ok(article) };
        let date_source =
            if parts.published.is_some() { DateSource::Feed } else { DateSource::FirstSeen };
        Ok(Article {
            summary: parts.summary,
            content_html: parts.content_html,
            image: parts.image,
            authors: parts.authors,
            language: parts.language,
            published: parts.published,
            date_source,
            ..article
        })
    }

    /// The pages that may be fetched now. They are not leased yet; see
    /// [`Store::lease_pages`](crate::store::Store::lease_pages).
    pub fn due_pages(&self, claim: &PageClaim) -> Result<DuePages, StoreError> {
        self.in_one_snapshot(|| page_queue::due(&self.connection, claim))
    }

    /// The number of article pages that were not fetched yet, of which some may be tried again.
    pub fn pending_pages(&self) -> Result<u64, StoreError> {
        page_queue::pending(&self.connection)
    }

    /// The earlier versions of an article that are kept, latest first.
    pub fn versions(&self, id: &ArticleId) -> Result<Vec<Version>, StoreError> {
        let row = columns::row_of(&self.store_id, id);
        row.map_or(Ok(Vec::new()), |row| revisions::list(&self.connection, row))
    }

    /// The edits that match a query, the latest first. `since` and `until` are about the time of the edit; all other
    /// filters apply to the article as it is now. At most 20,000 edits are compared with the filters.
    pub fn edit_keys(&self, query: &Query, now: Timestamp) -> Result<Vec<EditKey>, StoreError> {
        self.in_one_snapshot(|| edits::keys(&self.connection, &self.store_id, query, now))
    }

    /// An edit; `None` when the article or the version before the edit was removed.
    pub fn edit(&self, key: &EditKey) -> Result<Option<Edit>, StoreError> {
        self.in_one_snapshot(|| {
            let Some(article) = self.article(&key.article)? else { return Ok(None) };
            let mut versions: HashMap<u32, Version> = self
                .versions(&key.article)?
                .into_iter()
                .map(|version| (version.revision, version))
                .collect();
            let wording = |version: Version| {
                let Version { title, summary, content_html, .. } = version;
                Wording { title, summary, content_html }
            };
            let Some(before) = versions.remove(&key.revision) else { return Ok(None) };
            let current = || Wording {
                title: article.title.clone(),
                summary: article.summary.clone(),
                content_html: article.content_html.clone(),
            };
            Ok(Some(Edit {
                at: before.replaced_at,
                revision: key.revision.saturating_add(1),
                before: wording(before),
                after: versions
                    .remove(&(key.revision.saturating_add(1)))
                    .map_or_else(current, wording),
                article,
            }))
        })
    }

    /// The feeds in which an article or one that is the same was seen, the original first.
    pub fn sightings(&self, id: &ArticleId) -> Result<Vec<Sighting>, StoreError> {
        let Some(row) = columns::row_of(&self.store_id, id) else { return Ok(Vec::new()) };
        self.in_one_snapshot(|| {
            let feeds = FeedRefs::new(&self.connection);
            let original = duplicates::original_of(&self.connection, row)?.unwrap_or(row);
            let same = duplicates::same(&self.connection, original).context("list duplicates")?;
            let mut found = Vec::new();
            for (row, _) in same {
                let article = columns::id_of(&self.store_id, row);
                for (feed, key) in changes::sightings(&self.connection, row)? {
                    let feed = feeds.get(feed).context("read the feed of a sighting")?;
                    let article = article.clone();
                    found.extend(feed.map(|feed| Sighting { article, feed, key }));
                }
            }
            Ok(found)
        })
    }

    /// The numbers of articles of a feed by the day of their effective date (days since 1970, UTC), from `since`
    /// on. Days without articles are left out.
    pub fn articles_by_day(
        &self,
        feed: FeedId,
        since: Timestamp,
    ) -> Result<Vec<(i64, u64)>, StoreError> {
        history::articles_by_day(&self.connection, feed, since)
    }

    /// The numbers of polls of a feed by day (days since 1970, UTC), for about 30 days.
    pub fn polls_by_day(&self, feed: FeedId) -> Result<Vec<PollDay>, StoreError> {
        history::polls_by_day(&self.connection, feed)
    }

    /// The feeds with this name, title, URL or id, as a user may type it for FEED.
    pub fn feeds_called(&self, text: &str) -> Result<Vec<FeedId>, StoreError> {
        let found = feed_lookup::called(&self.connection, text)?;
        Ok(found.into_iter().map(FeedId).collect())
    }

    /// Whether a feed has this tag, or a retired feed had it.
    pub fn has_tag(&self, tag: &str) -> Result<bool, StoreError> {
        Ok(!feed_lookup::tagged(&self.connection, tag, 1)?.is_empty())
    }

    /// The tags of all feeds, with those of retired feeds, sorted.
    pub fn feed_tags(&self) -> Result<Vec<String>, StoreError> {
        feed_lookup::tags(&self.connection)
    }

    /// The names of all feeds, with those of retired feeds, if there are at most so many.
    pub fn few_feed_names(&self, most: usize) -> Result<Option<Vec<FeedName>>, StoreError> {
        feed_lookup::few_names(&self.connection, most)
    }

    /// The names of all feeds, with those of retired feeds. The work grows with the number of feeds.
    pub fn feed_names(&self) -> Result<Vec<FeedName>, StoreError> {
        feeds::named(&self.connection)
    }

    /// One feed by its id.
    pub fn feed(&self, id: FeedId) -> Result<Option<FeedRow>, StoreError> {
        feeds::find(&self.connection, id.0)
    }

    /// A page of the list of feeds.
    pub fn feed_page(&self, query: &FeedQuery) -> Result<FeedPage, StoreError> {
        self.in_one_snapshot(|| feed_page::read(&self.connection, query))
    }

    /// The number of feeds in each state.
    pub fn feed_counts(&self) -> Result<Vec<(FeedState, u64)>, StoreError> {
        feed_page::counts(&self.connection)
    }

    /// When each feed was polled and is polled next, with retired feeds.
    pub fn feed_plans(&self) -> Result<Vec<FeedPlan>, StoreError> {
        feeds::plans(&self.connection)
    }

    /// When the feed that is polled next is due, or has been due.
    pub fn first_due(&self) -> Result<Option<Timestamp>, StoreError> {
        feeds::first_due(&self.connection)
    }

    pub fn feeds(&self) -> Result<Vec<FeedRow>, StoreError> {
        feeds::list(&self.connection)
    }

    /// The feeds whose servers said that they are gone for good (410).
    pub fn gone_feeds(&self) -> Result<HashSet<FeedId>, StoreError> {
        feeds::gone(&self.connection)
    }

    /// When each feed is polled next, and at which host, for hosts that have several feeds.
    pub fn plans_of_shared_hosts(&self) -> Result<Vec<(FeedId, Host, Timestamp)>, StoreError> {
        feeds::plans_of_shared_hosts(&self.connection)
    }

    /// All consumers, by name.
    pub fn consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        consumers::list(&self.connection)
    }

    pub fn consumer(&self, name: &ConsumerName) -> Result<Option<Consumer>, StoreError> {
        consumers::find(&self.connection, name)
    }

    /// Since when the oldest article that the consumer has not received has waited for it; `None` when it has received all.
    /// The time of an edit is not stored: it counts from the last delivery.
    pub fn waiting_since(&self, consumer: &Consumer) -> Result<Option<Timestamp>, StoreError> {
        consumers::waiting_since(&self.connection, consumer)
    }

    /// The latest polls of a feed, newest first.
    pub fn polls(&self, feed: FeedId, limit: usize) -> Result<Vec<PastPoll>, StoreError> {
        history::latest(&self.connection, feed, limit)
    }

    /// The pause of a host that is in force.
    pub fn paused(&self, host: &Host, now: Timestamp) -> Result<Option<PausedHost>, StoreError> {
        hosts::paused(&self.connection, host, now)
    }

    /// What is known of the icons of sites.
    pub fn known_icons(&self) -> Result<HashMap<String, KnownIcon>, StoreError> {
        icons::known(&self.connection)
    }

    /// The name of the icon of each of these sites that has one.
    pub fn icon_names(
        &self,
        sites: HashSet<String>,
    ) -> Result<HashMap<String, String>, StoreError> {
        icons::names(&self.connection, sites)
    }

    /// The icon of this name.
    pub fn icon(&self, name: &str) -> Result<Option<Icon>, StoreError> {
        icons::find(&self.connection, name)
    }

    /// The id, address and home page of each feed.
    pub fn feed_homes(&self) -> Result<Vec<(FeedId, String, Option<String>)>, StoreError> {
        icons::homes(&self.connection)
    }

    /// Whether a host is paused, or has a feed that is due until `soon`.
    pub fn is_host_busy(
        &self,
        host: &Host,
        now: Timestamp,
        soon: Timestamp,
    ) -> Result<bool, StoreError> {
        icons::is_host_busy(&self.connection, host, now, soon)
    }

    /// The workers that share the store, and were there in the last day; none of a store in a file.
    pub fn workers(&self) -> Result<Vec<KnownWorker>, StoreError> {
        if self.connection.is_sqlite() { Ok(Vec::new()) } else { workers::list(&self.connection) }
    }

    /// How many hosts are paused.
    pub fn paused_hosts(&self, now: Timestamp) -> Result<u64, StoreError> {
        hosts::count_paused(&self.connection, now)
    }

    /// Bytes of the store, without its log.
    pub fn size(&self) -> Result<u64, StoreError> {
        maintenance::size(&self.connection)
    }

    /// A handle with which another thread can end a call of this reader.
    pub fn interrupter(&self) -> Interrupter {
        self.connection.interrupter()
    }

    /// Compares the configured list of feeds with the stored one.
    pub(in crate::store) fn compare_feeds(
        &self,
        feeds: &[FeedSync],
    ) -> Result<Comparison, StoreError> {
        self.in_one_snapshot(|| feed_sync::compare(&self.connection, feeds))
    }

    /// What the next polls of these feeds are computed from when their schedule changes. Feeds that were never polled, and
    /// those whose polling has ended, are left out.
    pub fn planned(&self, feeds: &[FeedId]) -> Result<Vec<Planned>, StoreError> {
        feeds::planned_of(&self.connection, feeds)
    }

    /// The data from which the next poll of a feed was computed.
    pub fn facts(&self, feed: FeedId) -> Result<Option<Facts>, StoreError> {
        feeds::facts(&self.connection, feed)
    }

    /// What [`Store::prune`](crate::store::Store::prune) would remove.
    pub fn rehearse_prune(&self, stretch: &Prune) -> Result<Pruned, StoreError> {
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
    ///
    /// # Errors
    /// When the copy cannot be written, or the store is no file.
    pub fn copy_to(&self, target: &Path) -> Result<(), StoreError> {
        match &self.location {
            Location::File(_) => file::copy(&self.connection, target),
            Location::Server(url) => Err(StoreError::NoFile { store: url.clone() }),
        }
    }

    /// The sequence number of the last change. It grows with every insert, edit and removal.
    pub fn sequence(&self) -> Result<i64, StoreError> {
        meta::sequence(&self.connection)
    }

    /// The sequence number up to which consumers can hear of changes. It is known of all articles up to it whether they
    /// are duplicates.
    pub fn announced_sequence(&self) -> Result<i64, StoreError> {
        meta::matched_seq(&self.connection)
    }

    /// Whether duplicates may be left to find.
    pub fn is_unmatched(&self) -> Result<bool, StoreError> {
        Ok(self.announced_sequence()? < self.sequence()?)
    }

    /// The next `limit` articles after the sequence number `after`, or of which it is not decided whether they are
    /// duplicates. `text` converts stored HTML into plain text.
    pub fn new_articles(
        &self,
        after: Option<i64>,
        limit: usize,
        text: fn(&str) -> String,
    ) -> Result<NewArticles, StoreError> {
        duplicates::new_articles(&self.connection, after, limit, text)
    }

    /// The merges, newest first.
    pub fn merges(&self, limit: Option<u64>) -> Result<Vec<Merge>, StoreError> {
        self.in_one_snapshot(|| {
            let feeds = FeedRefs::new(&self.connection);
            let article = |row: i64, feed: i64, title| -> Result<MergedArticle, StoreError> {
                let feed = feeds.of(feed).context("read the feed of a merged article")?;
                Ok(MergedArticle { id: columns::id_of(&self.store_id, row), feed, title })
            };
            let merges = duplicates::list(&self.connection, limit)?.into_iter().map(|merge| {
                Ok(Merge {
                    duplicate: article(merge.article, merge.feed, merge.title)?,
                    original: article(merge.original, merge.original_feed, merge.original_title)?,
                    reason: merge.reason,
                    score: merge.score,
                    decided_at: merge.decided_at,
                })
            });
            merges.collect()
        })
    }

    /// The sequence number up to which a query of changes is complete: that of [`Self::announced_sequence`], unless the
    /// query is a search, and the text index does not hold the latest articles yet.
    pub fn sequence_for(&self, query: &Query) -> Result<i64, StoreError> {
        let sequence = self.announced_sequence()?;
        if query.search.is_none() {
            return Ok(sequence);
        }
        // This is read second, because the index only grows.
        Ok(text_index::complete_up_to(&self.connection)?.map_or(sequence, |seq| seq.min(sequence)))
    }

    /// Runs `read` in one transaction, so that it sees one state of the store.
    fn in_one_snapshot<T>(
        &self,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _moment = self.connection.begin_to_read().context("begin to read")?;
        read()
    }

    fn select<T>(
        &self,
        query: &Query,
        now: Timestamp,
        feeds: &FeedRefs<'_>,
        consume: impl FnOnce(&mut dyn Iterator<Item = Result<(i64, Article), StoreError>>) -> T,
    ) -> Result<T, StoreError> {
        let action = "read articles";
        let (sql, values) =
            select::select(&self.connection, &self.article_columns(), &self.store_id, query, now)?;
        // A list of ids makes each statement another one, of which none is used again.
        let (mut kept, mut once);
        let statement: &mut Statement<'_> = if query.ids.is_empty() && query.among.is_empty() {
            kept = self.connection.prepare_cached(&sql).context(action)?;
            &mut kept
        } else {
            once = self.connection.prepare(&sql).context(action)?;
            &mut once
        };
        let mut rows = statement.query_in_pieces(params_from_iter(values)).context(action)?;
        let mut stories = StoryRefs::new();
        let next = || -> database::Result<Option<(i64, Article)>> {
            let Some(row) = rows.next()? else { return Ok(None) };
            let inserted = row.get(column!(ARTICLE.id))?;
            let story = self.story_ref(&row, &mut stories)?;
            let article = self.article_of(&row, query.with_duplicates, feeds)?;
            Ok(Some((inserted, Article { story, ..article })))
        };
        let mut articles = std::iter::repeat_with(next)
            .map_while(Result::transpose)
            .map(|article| article.context(action));
        Ok(consume(&mut articles))
    }

    /// The columns of [`ARTICLE`] in the language of the database.
    fn article_columns(&self) -> String {
        let columns = ARTICLE.list();
        if self.connection.is_sqlite() {
            return columns;
        }
        columns.replace(pages::SHOWN, pages::SHOWN_IN_POSTGRES)
    }

    /// Passes the articles whose sightings have changed to `consume`, each under the number of the last change.
    fn newly_sighted<T>(
        &self,
        query: &Query,
        now: Timestamp,
        feeds: &FeedRefs<'_>,
        consume: impl FnOnce(&mut dyn Iterator<Item = Result<Article, StoreError>>) -> T,
    ) -> Result<T, StoreError> {
        let action = "read the sightings of articles";
        let after = query.after_seq.unwrap_or(0);
        let up_to = query.up_to_seq.unwrap_or(i64::MAX).min(self.announced_sequence()?);
        let columns = self.article_columns();
        let (sql, values) =
            sightings::select(&self.connection, &columns, query, (after, up_to), now)?;
        let mut statement = self.connection.prepare(&sql).context(action)?;
        let mut stories = StoryRefs::new();
        let one = |row: &Row<'_>| {
            let story = self.story_ref(row, &mut stories)?;
            let seq = row.get(ARTICLE.0.len())?;
            Ok(Article { seq, story, ..self.article_of(row, query.with_duplicates, feeds)? })
        };
        let rows = statement.query_map(params_from_iter(values), one).context(action)?;
        Ok(consume(&mut rows.map(|row| row.context(action))))
    }

    /// The names of the feeds that have the article or one that is the same, except its own feed.
    fn also_in(
        &self,
        original: i64,
        own: i64,
        feeds: &FeedRefs<'_>,
    ) -> database::Result<Vec<String>> {
        let mut known = HashSet::from([own]);
        let same = duplicates::same(&self.connection, original)?.into_iter();
        let others = same.filter(|(_, feed)| known.insert(*feed));
        let mut names = Vec::new();
        for (_, feed) in others {
            names.extend(feeds.get(feed)?.map(|feed| feed.name.clone()));
        }
        Ok(names)
    }

    /// The story of an article for its record; `None` if it has no other article.
    fn story_ref(&self, r: &Row<'_>, known: &mut StoryRefs) -> database::Result<Option<StoryRef>> {
        const SIZE: &str = "
            SELECT count(*), count(*) FILTER (
                WHERE NOT EXISTS (SELECT 1 FROM article_duplicate d WHERE d.article_id = m.article_id))
            FROM story_article m WHERE m.story_id = ?1";
        let Some(number) = r.get(column!(ARTICLE.story_id))? else { return Ok(None) };
        if let Some(known) = known.get(&number) {
            return Ok(known.clone());
        }
        let mut statement = self.connection.prepare_cached(SIZE)?;
        let (all, size): (i64, i64) =
            statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let id = stories::id_of(&self.store_id, number);
        let story = (1 < all).then(|| StoryRef { id, size: size.cast_unsigned() });
        if known.len() == MOST_STORY_REFS {
            known.clear();
        }
        known.insert(number, story.clone());
        Ok(story)
    }

    fn article_of(
        &self,
        r: &Row<'_>,
        with_duplicates: bool,
        feeds: &FeedRefs<'_>,
    ) -> database::Result<Article> {
        let time = |index: usize| -> database::Result<Option<Timestamp>> {
            Ok(r.get::<_, Option<i64>>(index)?.map(from_unix))
        };
        let text = |index: usize| r.get_ref(index).and_then(|value| Ok(value.as_str_or_null()?));
        let feed: i64 = r.get(column!(ARTICLE.feed_id))?;
        let (row, original): (i64, Option<i64>) =
            (r.get(column!(ARTICLE.id))?, r.get(column!(ARTICLE.original_id))?);
        let is_original: bool = r.get(column!(ARTICLE.is_original))?;
        let also_in = match original {
            // The original has them, and a list for each duplicate would grow with the square of their number.
            Some(_) if with_duplicates => Vec::new(),
            Some(original) => self.also_in(original, feed, feeds)?,
            None if is_original => self.also_in(row, feed, feeds)?,
            None => Vec::new(),
        };
        let feed = feeds.of(feed)?;
        let published = time(column!(ARTICLE.published_at))?;
        let (full_text, is_dated_by_page) = pages::shown(text(column!(ARTICLE.page))?);
        Ok(Article {
            id: columns::id_of(&self.store_id, row),
            seq: r.get(column!(ARTICLE.seq))?,
            feed,
            first_seen: from_unix(r.get(column!(ARTICLE.first_seen_at))?),
            order_at: from_unix(r.get(column!(ARTICLE.order_at))?),
            published,
            modified: time(column!(ARTICLE.modified_at))?,
            date_source: match published {
                Some(_) if is_dated_by_page => DateSource::Page,
                Some(_) => DateSource::Feed,
                None => DateSource::FirstSeen,
            },
            revision: r.get(column!(ARTICLE.revision))?,
            guid: r.get(column!(ARTICLE.guid))?,
            url: r.get(column!(ARTICLE.url))?,
            external_url: r.get(column!(ARTICLE.external_url))?,
            title: r.get(column!(ARTICLE.title))?,
            image: r.get(column!(ARTICLE.image))?,
            language: r.get(column!(ARTICLE.language))?,
            authors: decode::persons(text(column!(ARTICLE.authors))?),
            tags: decode::texts(text(column!(ARTICLE.tags))?),
            attachments: decode::attachments(text(column!(ARTICLE.attachments))?),
            podcast: decode::podcast(text(column!(ARTICLE.podcast))?),
            summary: r.get(column!(ARTICLE.summary))?,
            content_html: r
                .get::<_, Option<String>>(column!(ARTICLE.content_html))?
                .map(SanitisedHtml::from_store),
            content_text: None,
            duplicate_of: original.map(|row| columns::id_of(&self.store_id, row)),
            story: None,
            also_in,
            full_text,
        })
    }
}

fn limit_of(query: &Query) -> usize {
    query.limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
}

/// Two lists in the order of their numbers as one. An error comes first: what follows it would not be all. Of two with one
/// number, that of `second` comes first.
fn in_order<'a, T>(
    first: &'a mut dyn Iterator<Item = Result<T, StoreError>>,
    second: &'a mut dyn Iterator<Item = Result<T, StoreError>>,
    number: impl Fn(&T) -> i64 + 'a,
) -> impl Iterator<Item = Result<T, StoreError>> + 'a {
    let (mut first, mut second) = (first.peekable(), second.peekable());
    std::iter::from_fn(move || {
        let of = |next: Option<&Result<T, StoreError>>| {
            next.map(|next| next.as_ref().map_or(i64::MIN, &number))
        };
        match (of(first.peek()), of(second.peek())) {
            (Some(one), Some(other)) if one < other => first.next(),
            (_, None) => first.next(),
            (_, Some(_)) => second.next(),
        }
    })
}
