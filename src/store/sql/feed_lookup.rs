//! Finds feeds by their ids, names, tags and languages, without reading all feeds: a page costs what it shows.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::feed::FeedRef;
use crate::domain::query::Query;
use crate::store::database::{self, Connection, OptionalExtension, Row, Value};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::decode;
use crate::store::sql::feeds::{self, FeedName};

/// The most feeds that [`FeedRefs`] keeps. An export of all articles meets all feeds, in turns.
const MOST_REFS: usize = 10_000;

/// Up to this many feeds with the tags of a query are listed by their ids. More feeds are a condition of the statement.
pub(super) const LISTED: usize = 100;

/// The feeds of the articles that a call reads, each read on first use. A value must not outlive the transaction of the
/// call, because it does not notice changes.
pub(super) struct FeedRefs<'c> {
    connection: &'c Connection,
    known: RefCell<HashMap<i64, Option<Arc<FeedRef>>>>,
}

impl<'c> FeedRefs<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, known: RefCell::default() }
    }

    /// The feed with this id, if there is one.
    pub(super) fn get(&self, id: i64) -> database::Result<Option<Arc<FeedRef>>> {
        if let Some(known) = self.known.borrow().get(&id) {
            return Ok(known.clone());
        }
        let feed = read(self.connection, id)?.map(Arc::new);
        let mut known = self.known.borrow_mut();
        if known.len() == MOST_REFS {
            known.clear();
        }
        known.insert(id, feed.clone());
        Ok(feed)
    }

    /// The feed of a row that refers to it.
    ///
    /// # Errors
    /// When there is no such feed, which the foreign keys exclude.
    pub(super) fn of(&self, id: i64) -> database::Result<Arc<FeedRef>> {
        self.get(id)?.ok_or(database::Error::NO_ROW)
    }
}

const REF: &str = "SELECT url, name, title, home_page_url, tags FROM feed WHERE id = ?1";

fn read(connection: &Connection, id: i64) -> database::Result<Option<FeedRef>> {
    let one = |r: &Row<'_>| {
        let (url, title): (String, Option<String>) = (r.get("url")?, r.get("title")?);
        let name: Option<String> = r.get("name")?;
        Ok(FeedRef {
            name: name.or_else(|| title.clone()).unwrap_or_else(|| url.clone()),
            url,
            title,
            home_page_url: r.get("home_page_url")?,
            tags: decode::texts(Some(r.get_ref("tags")?.as_str()?)),
        })
    };
    connection.prepare_cached(REF)?.query_row([id], one).optional()
}

/// The feeds that a query chooses by their names and tags.
pub(super) enum WantedFeeds {
    /// These, by their ids.
    Listed(Vec<i64>),
    /// All feeds with one of these tags: more than [`LISTED`].
    Tagged(Vec<String>),
}

impl WantedFeeds {
    /// The condition that the feed with the id `column` is one of them. `bind` binds a value and returns its parameter.
    /// SQLite uses no index for `+column`.
    pub(super) fn condition(&self, column: &str, mut bind: impl FnMut(Value) -> String) -> String {
        match self {
            // SQLite alone has an empty list.
            Self::Listed(ids) if ids.is_empty() => "FALSE".to_owned(),
            Self::Listed(ids) => {
                let ids = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
                format!("{column} IN ({ids})")
            }
            Self::Tagged(tags) => {
                let tags = tags.iter().map(|tag| bind(tag.clone().into()));
                let tags = tags.collect::<Vec<_>>().join(",");
                format!(
                    "EXISTS (SELECT 1 FROM feed_tag ft WHERE ft.tag IN ({tags}) AND ft.feed_id = {column})"
                )
            }
        }
    }

    /// Whether the feed is one of them.
    pub(super) fn has(&self, connection: &Connection, feed: i64) -> Result<bool, StoreError> {
        match self {
            Self::Listed(ids) => Ok(ids.contains(&feed)),
            Self::Tagged(tags) => {
                for tag in tags {
                    if has_tag(connection, feed, tag)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// The feeds that the query names or that have its tags; `None` when it restricts neither.
pub(super) fn wanted(
    connection: &Connection,
    query: &Query,
) -> Result<Option<WantedFeeds>, StoreError> {
    if query.feeds.is_empty() && query.tags.is_empty() {
        return Ok(None);
    }
    let mut ids = BTreeSet::new();
    if query.feeds.is_empty() {
        for tag in &query.tags {
            ids.extend(tagged(connection, tag, LISTED + 1)?);
        }
        if LISTED < ids.len() {
            return Ok(Some(WantedFeeds::Tagged(query.tags.clone())));
        }
    } else {
        for text in &query.feeds {
            ids.extend(called(connection, text)?);
        }
        if !query.tags.is_empty() {
            let with_tags = WantedFeeds::Tagged(query.tags.clone());
            let mut both = BTreeSet::new();
            for id in ids {
                if with_tags.has(connection, id)? {
                    both.insert(id);
                }
            }
            ids = both;
        }
    }
    Ok(Some(WantedFeeds::Listed(ids.into_iter().collect())))
}

const CALLED: &str = "
    SELECT id FROM feed WHERE name = ?1
    UNION SELECT id FROM feed WHERE title = ?1
    UNION SELECT id FROM feed WHERE url = ?1
    UNION SELECT id FROM feed WHERE id = ?2
    ORDER BY id";

/// The feeds with this name, title, URL or id, as a user may type it for FEED.
pub(super) fn called(connection: &Connection, text: &str) -> Result<Vec<i64>, StoreError> {
    let id: Option<i64> = text.parse().ok();
    connection
        .prepare_cached(CALLED)
        .and_then(|mut s| s.query_map((text, id), |row| row.get(0))?.collect())
        .context("look for a feed")
}

const TAGGED: &str = "SELECT feed_id FROM feed_tag WHERE tag = ?1 ORDER BY feed_id LIMIT ?2";

/// Up to `limit` feeds with this tag.
pub(super) fn tagged(
    connection: &Connection,
    tag: &str,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(TAGGED)
        .and_then(|mut s| s.query_map((tag, limit), |row| row.get(0))?.collect())
        .context("look for the feeds with a tag")
}

fn has_tag(connection: &Connection, feed: i64, tag: &str) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM feed_tag WHERE tag = ?1 AND feed_id = ?2)")
        .and_then(|mut s| s.query_row((tag, feed), |row| row.get(0)))
        .context("look for a tag of a feed")
}

const TAGS: &str = "
    WITH RECURSIVE known (tag) AS (
        SELECT min(tag) FROM feed_tag
        UNION ALL
        SELECT (SELECT min(tag) FROM feed_tag WHERE tag > known.tag) FROM known WHERE known.tag IS NOT NULL)
    SELECT tag FROM known WHERE tag IS NOT NULL";

/// The tags of all feeds, with those of retired feeds, sorted. Each step looks up the next tag, so that the work grows with
/// the number of tags and not of feeds.
pub(super) fn tags(connection: &Connection) -> Result<Vec<String>, StoreError> {
    connection
        .prepare_cached(TAGS)
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
        .context("list the tags of feeds")
}

const LANGUAGES: &str = "
    WITH RECURSIVE known (language) AS (
        SELECT min(language) FROM feed WHERE language IS NOT NULL
        UNION ALL
        SELECT (SELECT min(f.language) FROM feed f WHERE f.language IS NOT NULL AND f.language > known.language)
        FROM known WHERE known.language IS NOT NULL)
    SELECT language FROM known WHERE language IS NOT NULL
        AND EXISTS (SELECT 1 FROM feed f WHERE f.language = known.language AND f.configured = 1)";

/// The primary languages (BCP 47) of the configured feeds, sorted.
pub(super) fn languages(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let primary = |r: &Row<'_>| {
        let language: String = r.get("language")?;
        Ok(language.split('-').next().unwrap_or_default().to_owned())
    };
    let found: BTreeSet<String> = connection
        .prepare_cached(LANGUAGES)
        .and_then(|mut s| s.query_map([], primary)?.collect())
        .context("list the languages of feeds")?;
    Ok(found.into_iter().collect())
}

/// The names of all feeds, with those of retired feeds, if there are at most so many.
pub(super) fn few_names(
    connection: &Connection,
    most: usize,
) -> Result<Option<Vec<FeedName>>, StoreError> {
    const MORE: &str = "SELECT EXISTS (SELECT 1 FROM feed LIMIT 1 OFFSET ?1)";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let is_more: bool = connection
        .prepare_cached(MORE)
        .and_then(|mut s| s.query_row([most], |row| row.get(0)))
        .context("count the feeds")?;
    if is_more { Ok(None) } else { feeds::named(connection).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feed::{FeedSpec, FeedUrl};
    use crate::domain::time::Timestamp;
    use crate::store::sqlite::open::open_for_reading;
    use crate::store::{FeedSync, Store};

    /// A feed and its tags.
    fn sync(n: u32, tags: &[&str]) -> FeedSync {
        FeedSync {
            spec: Arc::new(FeedSpec {
                url: FeedUrl::parse(&format!("https://example.org/{n}")).unwrap(),
                name: Some(format!("feed {n}")),
                tags: tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>().into(),
                enabled: true,
            }),
            policy: "every 60s".into(),
            address: None,
        }
    }

    async fn store(feeds: Vec<FeedSync>) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("x.db")).unwrap();
        store.sync_feeds(feeds, Timestamp::UNIX_EPOCH).await.unwrap();
        (folder, store)
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[tokio::test]
    async fn feeds_are_found_by_what_they_are_called_and_by_their_tags() {
        let feeds = vec![sync(1, &["a", "b", "a"]), sync(2, &["b"]), sync(3, &[])];
        let (_folder, store) = store(feeds).await;
        let connection = open_for_reading(store.path()).unwrap();
        for (text, expected) in [
            ("feed 2", &[2][..]),
            ("https://example.org/3", &[3]),
            ("1", &[1]),
            ("feed", &[]),
            ("9", &[]),
        ] {
            assert_eq!(called(&connection, text).unwrap(), expected, "{text}");
        }
        for (feeds, tags, expected) in [
            (&[][..], &["a"][..], Some(&[1][..])),
            (&[], &["a", "b"], Some(&[1, 2])),
            (&["feed 1", "feed 3"], &[], Some(&[1, 3])),
            (&["feed 1", "feed 3"], &["b"], Some(&[1])),
            (&["feed 3"], &["b"], Some(&[])),
            (&[], &["c"], Some(&[])),
            (&[], &[], None),
        ] {
            let query = Query { feeds: texts(feeds), tags: texts(tags), ..Query::default() };
            let found = wanted(&connection, &query).unwrap().map(|wanted| match wanted {
                WantedFeeds::Listed(ids) => ids,
                WantedFeeds::Tagged(tags) => panic!("{tags:?}"),
            });
            assert_eq!(found.as_deref(), expected, "{query:?}");
        }
        assert_eq!(tags(&connection).unwrap(), ["a", "b"]);
        // A changed tag is known at once, and one that no feed has any more is not.
        store
            .sync_feeds(vec![sync(1, &["c"]), sync(2, &["b"])], Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        assert_eq!(tags(&connection).unwrap(), ["b", "c"]);
        assert_eq!(store.reader().unwrap().check().unwrap().faults, [""; 0]);
    }

    #[tokio::test]
    async fn many_feeds_with_a_tag_are_a_condition_and_not_a_list() {
        let number = u32::try_from(LISTED).unwrap() + 1;
        let (_folder, store) = store((0..number).map(|n| sync(n, &["a"])).collect()).await;
        let connection = open_for_reading(store.path()).unwrap();
        let query = Query { tags: texts(&["a"]), ..Query::default() };
        let found = wanted(&connection, &query).unwrap().unwrap();
        assert!(matches!(found, WantedFeeds::Tagged(_)));
        assert!(found.has(&connection, 1).unwrap() && !found.has(&connection, 0).unwrap());
        let mut values = Vec::new();
        let condition = found.condition("feed.id", |value| {
            values.push(value);
            format!("?{}", values.len())
        });
        let sql = format!("SELECT count(*) FROM feed WHERE {condition}");
        let count: u32 =
            connection.query_row(&sql, database::params_from_iter(values), |r| r.get(0)).unwrap();
        assert_eq!(count, number);
    }

    #[tokio::test]
    async fn no_look_up_reads_all_feeds() {
        let (_folder, store) = store(vec![sync(1, &["a"])]).await;
        let connection = open_for_reading(store.path()).unwrap();
        for (sql, parameters) in [(REF, 1), (CALLED, 2), (TAGGED, 2), (TAGS, 0), (LANGUAGES, 0)] {
            let values = vec![database::Null; parameters];
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap()
                .query_map(database::params_from_iter(values), |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let scans = |line: &&String| line.starts_with("SCAN f");
            assert_eq!(plan.iter().find(scans), None, "{sql}: {plan:#?}");
        }
    }

    #[tokio::test]
    async fn each_primary_language_of_configured_feeds_is_named_once() {
        let (_folder, store) = store((1..=4).map(|n| sync(n, &[])).collect()).await;
        let writer = database::Connection::open(store.path()).unwrap();
        for (id, language) in [(1, "de-AT"), (2, "de"), (3, "en-GB"), (4, "fr")] {
            writer
                .execute(
                    "UPDATE feed SET language = ?2, configured = ?1 <> 4 WHERE id = ?1",
                    (id, language),
                )
                .unwrap();
        }
        assert_eq!(languages(&writer).unwrap(), ["de", "en"]);
    }
}
