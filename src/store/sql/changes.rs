//! The feeds that articles were seen in, and the removal of articles.

use crate::domain::article::{ArticleKey, Change, Removal};
use crate::domain::feed::FeedId;
use crate::domain::query::Query;
use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{
    Connection, OptionalExtension, Row, Statement, Value, params, params_from_iter,
};
use crate::store::error::{Context, StoreError};
use crate::store::sql::conditions::Where;
use crate::store::sql::feed_lookup::{self, FeedRefs};
use crate::store::sql::{columns, duplicates, meta, stories};

/// The feeds that an article was seen in, each with the key of the article there.
pub(super) fn sightings(
    connection: &Connection,
    article: i64,
) -> Result<Vec<(i64, ArticleKey)>, StoreError> {
    const SIGHTINGS: &str =
        "SELECT feed_id, key FROM feed_entry WHERE article_id = ?1 ORDER BY feed_id, key";
    let one = |r: &Row<'_>| Ok((r.get("feed_id")?, ArticleKey(columns::count(r, "key")?)));
    connection
        .prepare_cached(SIGHTINGS)
        .and_then(|mut s| s.query_map([article], one)?.collect())
        .context("read the sightings of an article")
}

/// Whether an article with this key was removed. Such an article is not stored again.
pub(super) fn is_buried(tx: &Connection, feed: FeedId, key: i64) -> Result<bool, StoreError> {
    tx.prepare_cached("SELECT 1 FROM tombstone WHERE feed_id = ?1 AND key = ?2")
        .and_then(|mut s| s.query_row([feed.0, key], |_| Ok(())).optional())
        .map(|found| found.is_some())
        .context("look up a removed article")
}

/// Makes an entry one that is not stored again, because its article was removed.
pub(super) fn bury(tx: &Connection, feed: FeedId, key: ArticleKey) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO tombstone (feed_id, key) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .and_then(|mut s| s.execute([feed.0, key.0.cast_signed()]))
        .map(|_| ())
        .context("mark a removed article")
}

/// Marks a new article that consumers do not hear of.
pub(super) fn silence(tx: &Connection, article: i64) -> Result<(), StoreError> {
    write_mark(tx, "INSERT INTO quiet_article (article_id) VALUES (?1)", article)
}

/// From now on consumers hear of an article.
pub(super) fn unsilence(tx: &Connection, article: i64) -> Result<(), StoreError> {
    write_mark(tx, "DELETE FROM quiet_article WHERE article_id = ?1", article)
}

fn write_mark(tx: &Connection, sql: &str, article: i64) -> Result<(), StoreError> {
    tx.prepare_cached(sql)
        .and_then(|mut s| s.execute([article]))
        .map(|_| ())
        .context("mark an article that nobody hears of")
}

/// Removes articles with all that belongs to them. It keeps their keys, and for each a removal with a sequence
/// number. Returns the number of articles that existed.
pub(super) fn remove(tx: &Connection, articles: &[i64], now: Timestamp) -> Result<u64, StoreError> {
    let action = "remove an article";
    let before = meta::sequence(tx)?;
    let mut seq = before;
    for article in articles {
        seq += 1;
        let event = tx
            .prepare_cached(
                "INSERT INTO removed (seq, article_id, feed_id, removed_at)
                 SELECT ?1, id, feed_id, ?3 FROM article WHERE id = ?2",
            )
            .and_then(|mut s| s.execute(params![seq, article, now.timestamp()]))
            .context(action)?;
        if event == 0 {
            seq -= 1;
            continue;
        }
        duplicates::leave(tx, *article)?;
        stories::leave(tx, *article)?;
        for sql in [
            "INSERT INTO tombstone (feed_id, key)
             SELECT feed_id, key FROM feed_entry WHERE article_id = ?1 ON CONFLICT DO NOTHING",
            "DELETE FROM feed_entry WHERE article_id = ?1",
            "DELETE FROM future_article WHERE article_id = ?1",
            "DELETE FROM article_revision WHERE article_id = ?1",
            tx.choose(
                "DELETE FROM article_text WHERE rowid = ?1",
                "DELETE FROM article_text WHERE id = ?1",
            ),
            "DELETE FROM quiet_article WHERE article_id = ?1",
            "DELETE FROM article_page WHERE article_id = ?1",
            "DELETE FROM page_key WHERE article_id = ?1",
            "DELETE FROM feed_version WHERE article_id = ?1",
            "DELETE FROM held_article WHERE article_id = ?1",
            "DELETE FROM article WHERE id = ?1",
        ] {
            tx.prepare_cached(sql).and_then(|mut s| s.execute([article])).context(action)?;
        }
    }
    meta::advance_sequence(tx, before, seq)?;
    Ok((seq - before).cast_unsigned())
}

/// The statement that reads removals. It must live as long as the rows that it returns.
pub(super) struct Removals<'c> {
    statement: Statement<'c>,
    values: Vec<Value>,
}

/// Prepares the statement for the removals after a sequence number and up to another that pass the filters of a query.
pub(super) fn removals<'c>(
    connection: &'c Connection,
    query: &Query,
    (after, up_to): (i64, i64),
) -> Result<Removals<'c>, StoreError> {
    let mut filter = Where::default();
    let (after, up_to) = (filter.bind(after), filter.bind(up_to));
    let feeds = feed_lookup::wanted(connection, query)?
        .map(|feeds| format!(" AND {}", feeds.condition("r.feed_id", |value| filter.bind(value))));
    let sql = format!(
        "SELECT r.seq, r.article_id, r.feed_id, r.removed_at FROM removed r
         WHERE {after} < r.seq AND r.seq <= {up_to}{} ORDER BY r.seq",
        feeds.unwrap_or_default()
    );
    let statement = connection.prepare_cached(&sql).context("read what was removed")?;
    Ok(Removals { statement, values: filter.values })
}

impl Removals<'_> {
    /// The removals, oldest first.
    pub(super) fn read<'s>(
        &'s mut self,
        store_id: &'s str,
        feeds: &'s FeedRefs<'_>,
    ) -> Result<impl Iterator<Item = Result<Change, StoreError>> + 's, StoreError> {
        let action = "read what was removed";
        let one = move |r: &Row<'_>| {
            Ok(Change::Removed(Removal {
                seq: r.get("seq")?,
                id: columns::id_of(store_id, r.get("article_id")?),
                feed: feeds.of(r.get("feed_id")?)?,
                removed_at: from_unix(r.get("removed_at")?),
            }))
        };
        let values = params_from_iter(&self.values);
        let rows = self.statement.query_map(values, one).context(action)?;
        Ok(rows.map(move |row| row.context(action)))
    }
}
