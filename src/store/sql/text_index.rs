//! The full-text index. It is updated after the polls, in batches.

use std::time::{Duration, Instant};

use crate::domain::query::Search;
use crate::search::query::{self, Language};
use crate::search::vector::vector;
use crate::search::words::indexable;
use crate::store::database::{Connection, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::meta;

/// How long one call works at most. No poll is written meanwhile. A commit, with its fsync and its part of the index, is
/// dear, so that it should hold many articles: with 1,000 in place of 100, an article costs a fifth less CPU time.
const MOST_TIME: Duration = Duration::from_millis(50);

/// How many bytes of text one call indexes at most, apart from the last article. They bound the memory of the writer.
const MOST_BYTES: usize = 8 << 20;

const BEHIND: &str = "
    SELECT id, seq, title, summary, content_html FROM article
    WHERE seq > (SELECT CAST(value AS bigint) FROM meta WHERE key = 'indexed_seq') ORDER BY seq LIMIT ?1";

/// An edited article has a new `seq`, so it is indexed again and replaces its old row.
const PUT: &str = "INSERT OR REPLACE INTO article_text (rowid, title, body) VALUES (?1, ?2, ?3)";
const PUT_VECTOR: &str = "
    INSERT INTO article_text (id, words) VALUES (?1, CAST(CAST(?2 AS text) AS tsvector))
    ON CONFLICT (id) DO UPDATE SET words = excluded.words";

/// The condition that a row of `article_text` matches the full-text expression in a parameter.
pub(super) fn matches(connection: &Connection, parameter: &str) -> String {
    if connection.is_sqlite() {
        format!("article_text MATCH {parameter}")
    } else {
        format!("article_text.words @@ {}", vector_query(parameter))
    }
}

fn vector_query(parameter: &str) -> String {
    format!("CAST(CAST({parameter} AS text) AS tsquery)")
}

/// The column of `article_text` with the id of the article.
pub(super) fn id_column(connection: &Connection) -> &'static str {
    connection.choose("article_text.rowid", "article_text.id")
}

/// The rank of a row of `article_text`, of which the best is the lowest. A word in a title counts for four in the text.
pub(super) fn rank(connection: &Connection, parameter: &str) -> String {
    if connection.is_sqlite() {
        "bm25(article_text, 4.0, 1.0)".to_owned()
    } else {
        format!("-ts_rank('{{0.25, 0.5, 0.75, 1}}', words, {})", vector_query(parameter))
    }
}

/// The full-text expression of a search, in the language of the database; `None` if no word is wanted.
pub(super) fn expression(connection: &Connection, search: &Search) -> Option<String> {
    query::expression(search, connection.choose(Language::Fts5, Language::Tsquery))
}

/// Indexes the next articles that are new or edited since the last call, and returns how many: up to `limit`, and no more
/// than a call may take in time and bytes. 0 means that there is none.
pub(in crate::store) fn advance(
    tx: &Connection,
    limit: usize,
    text: fn(&str) -> String,
) -> Result<usize, StoreError> {
    let action = "bring the text index up to date";
    let mut behind = tx.prepare_cached(BEHIND).context(action)?;
    let mut put = tx.prepare_cached(tx.choose(PUT, PUT_VECTOR)).context(action)?;
    let mut rows = behind.query([i64::try_from(limit).unwrap_or(i64::MAX)]).context(action)?;
    let (mut count, mut last, mut bytes) = (0, 0_i64, 0);
    let began = Instant::now();
    while bytes < MOST_BYTES
        && (count == 0 || began.elapsed() < MOST_TIME)
        && let Some(row) = rows.next().context(action)?
    {
        let read = |column: &str| row.get_ref(column).and_then(|v| Ok(v.as_str_or_null()?));
        let title = read("title").context(action)?.map(indexable);
        let summary = read("summary").context(action)?.unwrap_or_default();
        let content = read("content_html").context(action)?.map(text).unwrap_or_default();
        let body = indexable(&format!("{summary}\n{content}"));
        bytes += body.len();
        let id: i64 = row.get("id").context(action)?;
        if tx.is_sqlite() {
            put.execute(params![id, title, body]).context(action)?;
        } else {
            put.execute(params![id, vector(&title.unwrap_or_default(), &body)]).context(action)?;
        }
        last = row.get("seq").context(action)?;
        count += 1;
    }
    if count != 0 {
        meta::set_indexed_seq(tx, last)?;
    }
    Ok(count)
}

/// The last sequence number up to which the index holds every article; `None` when it holds all articles.
pub(super) fn complete_up_to(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let indexed = meta::indexed_seq(connection)?;
    let is_behind: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM article WHERE seq > ?1)")
        .and_then(|mut s| s.query_row([indexed], |row| row.get(0)))
        .context("look at the text index")?;
    Ok(is_behind.then_some(indexed))
}

/// The number of articles that the index does not hold yet.
pub(super) fn behind(connection: &Connection) -> Result<u64, StoreError> {
    let indexed = meta::indexed_seq(connection)?;
    connection
        .prepare_cached("SELECT count(*) FROM article WHERE seq > ?1")
        .and_then(|mut s| s.query_row([indexed], |row| row.get::<_, i64>(0)))
        .map(i64::cast_unsigned)
        .context("look at the text index")
}
