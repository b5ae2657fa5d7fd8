//! From a query to a statement that reads an index in order, and never sorts whole articles.

use std::collections::HashSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::domain::query::{Order, Query};
use crate::domain::time::Timestamp;
use crate::search::query::expression;
use crate::search::words;
use crate::store::error::{Context, StoreError};
use crate::store::sqlite::{columns, feeds};

/// Feeds whose indexes are merged; of more, enough are among the latest of all to find them there.
const MERGED: usize = 100;

/// Search hits that are looked up and put in order. More are met soon enough on the way through all
/// articles, newest first.
const SORTED_HITS: i64 = 2_000;

/// Search hits that are ranked, the newest: a word that half of a million articles have must not cost
/// seconds.
const RANKED_HITS: i64 = 10_000;

/// How a statement comes by its articles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Through the index that has the order.
    Walk,
    /// Through that of each feed, merged.
    Merge,
    /// Through the hits of a search, the best first.
    Rank,
    /// One by one, as rows that are then sorted by their keys alone.
    Look,
}

/// A statement in the making. Parameters are numbered, so that a condition may stand in several arms.
struct Select {
    conditions: Vec<String>,
    values: Vec<Value>,
    /// The hits of a search with their scores, for [`Way::Rank`].
    ranked: String,
}

impl Select {
    /// The place of a new parameter.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// Looks for words. Answers with the way there, if it matters.
    fn search(
        &mut self,
        connection: &Connection,
        expression: String,
        order: Order,
    ) -> Result<Option<Way>, StoreError> {
        let few = order == Order::Newest && hits(connection, &expression)? <= SORTED_HITS;
        let expression = self.bind(expression);
        if order == Order::Relevance {
            // A word in a title counts for four in the text.
            self.ranked = format!(
                "SELECT rowid AS id, bm25(article_text, 4.0, 1.0) AS score FROM article_text
                 WHERE article_text MATCH {expression} ORDER BY rowid DESC LIMIT {RANKED_HITS}"
            );
            return Ok(Some(Way::Rank));
        }
        let plus = if few { "" } else { "+" }; // It keeps SQLite on the index that gives the order.
        self.conditions.push(format!(
            "{plus}a.id IN (SELECT rowid FROM article_text WHERE article_text MATCH {expression})"
        ));
        Ok(few.then_some(Way::Look))
    }

    fn any(&mut self, alternatives: &[String]) {
        if !alternatives.is_empty() {
            self.conditions.push(format!("({})", alternatives.join(" OR ")));
        }
    }

    fn all<'a>(&'a self, also: Option<&'a str>) -> String {
        let all: Vec<&str> = also.into_iter().chain(self.conditions.iter().map(|c| &**c)).collect();
        if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
    }
}

/// The statement for a query, with its parameters.
pub(super) fn select(
    connection: &Connection,
    columns: &str,
    store_id: &str,
    query: &Query,
    now: Timestamp,
) -> Result<(String, Vec<Value>), StoreError> {
    let mut select = Select { conditions: Vec::new(), values: Vec::new(), ranked: String::new() };
    let mut way = Way::Walk;
    let by_seq = query.order == Order::Sequence;
    if !query.ids.is_empty() {
        let rows = query.ids.iter().filter_map(|id| columns::row_of(store_id, id));
        let list = rows.map(|row| row.to_string()).collect::<Vec<_>>().join(",");
        select.conditions.push(format!("a.id IN ({list})"));
        way = Way::Look;
    }
    for (bound, comparison) in [(query.since, ">="), (query.until, "<")] {
        if let Some(bound) = bound {
            let at = select.bind(bound.resolve(now).timestamp());
            select.conditions.push(format!("a.order_at {comparison} {at}"));
        }
    }
    if let Some(position) = query.before {
        let (at, seq) = (select.bind(position.order_at), select.bind(position.seq));
        select.conditions.push(format!("(a.order_at, a.seq) < ({at}, {seq})"));
    }
    for (bound, comparison) in [(query.after_seq, ">"), (query.up_to_seq, "<=")] {
        if let Some(bound) = bound {
            let seq = select.bind(bound);
            select.conditions.push(format!("a.seq {comparison} {seq}"));
        }
    }
    let languages = query.languages.iter().map(|language| {
        let (same, below) = (select.bind(language.clone()), select.bind(format!("{language}-*")));
        format!("a.language = {same} OR a.language GLOB {below}")
    });
    let languages: Vec<String> = languages.collect();
    select.any(&languages);
    let authors = query.authors.iter().map(|author| {
        let name = select.bind(words::indexable(author));
        format!(
            "EXISTS (SELECT 1 FROM json_each(a.authors) p
                WHERE instr(indexable(p.value ->> 'name'), {name}))"
        )
    });
    let authors: Vec<String> = authors.collect();
    select.any(&authors);
    if let Some(expression) = query.search.as_ref().and_then(expression) {
        way = select.search(connection, expression, query.order)?.unwrap_or(way);
    }
    let feeds = wanted_feeds(connection, query)?;
    let arms = feeds.as_deref().unwrap_or_default();
    let mut own = None;
    match arms {
        _ if feeds.is_none() => {}
        [one] if !by_seq && way == Way::Walk => own = Some(format!("a.feed_id = {one}")),
        [_, _, ..] if !by_seq && way == Way::Walk && arms.len() <= MERGED => way = Way::Merge,
        many => {
            let list = many.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            select.conditions.push(format!("+a.feed_id IN ({list})"));
        }
    }
    let limit = query.limit.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1);
    let limit = select.bind(limit);
    let order = if by_seq { "seq" } else { "order_at DESC, seq DESC" };
    let keys = |own: Option<&str>| {
        format!("SELECT a.id, a.order_at, a.seq FROM article a{}", select.all(own))
    };
    // The keys of what is wanted, in order, drive the look-up of the rows; CROSS keeps it so.
    let through = |keys: String| {
        format!(
            "SELECT {columns} FROM ({keys} ORDER BY {order} LIMIT {limit}) k CROSS JOIN article a ON a.id = k.id"
        )
    };
    let sql = match way {
        Way::Walk => {
            let order = if by_seq { "a.seq" } else { "a.order_at DESC, a.seq DESC" };
            let all = select.all(own.as_deref());
            format!("SELECT {columns} FROM article a{all} ORDER BY {order} LIMIT {limit}")
        }
        Way::Look => through(keys(None)),
        Way::Rank => {
            let (hits, all) = (&select.ranked, select.all(None));
            format!(
                "SELECT {columns} FROM (SELECT a.id, h.score FROM ({hits}) h
                    CROSS JOIN article a ON a.id = h.id{all}
                    ORDER BY h.score, a.order_at DESC, a.seq DESC LIMIT {limit}) k
                 CROSS JOIN article a ON a.id = k.id"
            )
        }
        Way::Merge => {
            let arms = arms.iter().map(|feed| keys(Some(&format!("a.feed_id = {feed}"))));
            through(arms.collect::<Vec<_>>().join(" UNION ALL "))
        }
    };
    Ok((sql, select.values))
}

/// How many articles an expression finds, up to a bound.
fn hits(connection: &Connection, expression: &str) -> Result<i64, StoreError> {
    const HITS: &str = "
        SELECT count(*) FROM
            (SELECT rowid FROM article_text WHERE article_text MATCH ?1 LIMIT ?2)";
    connection
        .prepare_cached(HITS)
        .and_then(|mut s| {
            let values = [Value::from(expression.to_owned()), Value::from(SORTED_HITS + 1)];
            s.query_row(params_from_iter(values), |row| row.get(0))
        })
        .context("search the articles")
}

/// The feeds that names and tags stand for; `None` when the query names neither.
pub(super) fn wanted_feeds(
    connection: &Connection,
    query: &Query,
) -> Result<Option<Vec<i64>>, StoreError> {
    if query.feeds.is_empty() && query.tags.is_empty() {
        return Ok(None);
    }
    let tags: HashSet<&str> = query.tags.iter().map(String::as_str).collect();
    let wanted = feeds::named(connection)?.into_iter().filter(|feed| {
        let named = query.feeds.is_empty() || query.feeds.iter().any(|text| feed.is_called(text));
        let tagged = tags.is_empty() || feed.tags.iter().any(|t| tags.contains(t.as_str()));
        named && tagged
    });
    Ok(Some(wanted.map(|feed| feed.id.0).collect()))
}
