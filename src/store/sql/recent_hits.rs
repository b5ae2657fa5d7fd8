//! Finds the newest articles of a search that has very many hits, without reading all of them.
//!
//! The text index can return the hits that arrived last first. The newest articles among these give a date: of all
//! other articles only those with that date or a later one can belong to the result. Few articles that arrived earlier have
//! such a date, so that each of them can be looked up in the text index.

use crate::store::database::{Connection, OptionalExtension, Statement, params_from_iter};
use crate::store::error::{Context, StoreError};
use crate::store::sql::conditions::Where;
use crate::store::sql::text_index;

/// What a search reads at most before it reads all hits.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// The number of hits that arrived last.
    pub(super) hits: i64,
    /// The number of earlier articles that are looked up in the text index. One look-up takes as long as reading several hundred
    /// hits.
    pub(super) earlier: i64,
}

impl Bounds {
    /// The bounds of two attempts to find `limit` articles. The first attempt is enough when articles arrive soon after their
    /// dates and the other filters leave most of them.
    pub(super) fn of(limit: i64) -> [Self; 2] {
        let hits = |times: i64| limit.saturating_mul(times).clamp(200, 2_000);
        [Self { hits: hits(10), earlier: 50 }, Self { hits: hits(50), earlier: 100 }]
    }
}

/// The condition on the ids of the articles `a` under which the first `limit` articles that `filter` chooses, newest first,
/// are the same as those of all hits. `None` when there is no such condition that is cheap: when other filters leave too few
/// of the last hits, or when the dates of the articles are not in the order of their arrival.
///
/// `expression` is the parameter of the full-text expression.
pub(super) fn condition(
    connection: &Connection,
    filter: &mut Where,
    expression: &str,
    limit: i64,
    bounds: Bounds,
) -> Result<Option<String>, StoreError> {
    if limit < 1 {
        return Ok(None);
    }
    let id = text_index::id_column(connection);
    let matches = text_index::matches(connection, expression);
    let hits = format!("SELECT {id} AS id FROM article_text WHERE {matches}");
    let most = filter.bind(bounds.hits);
    let first = format!("SELECT min(id) FROM ({hits} ORDER BY {id} DESC LIMIT {most}) h");
    let Some(first) = number(connection, &first, filter)? else { return Ok(None) };
    let first = filter.bind(first);
    let last_hits = format!("{hits} AND {first} <= {id}");
    let last = filter.bind(limit - 1);
    let oldest = format!(
        "SELECT a.order_at FROM article a{} ORDER BY a.order_at DESC, a.seq DESC LIMIT 1 OFFSET {last}",
        filter.clause(Some(&format!("a.id IN ({last_hits})"))),
    );
    let Some(oldest) = number(connection, &oldest, filter)? else { return Ok(None) };
    let oldest = filter.bind(oldest);
    let earlier = format!("FROM article e WHERE {oldest} <= e.order_at AND e.id < {first}");
    let most = filter.bind(bounds.earlier + 1);
    let count = format!("SELECT count(*) FROM (SELECT 1 {earlier} LIMIT {most}) e");
    let count = number(connection, &count, filter)?;
    Ok(count.filter(|count| *count <= bounds.earlier).map(|_| {
        format!(
            "a.id IN ({last_hits} UNION ALL SELECT e.id {earlier} AND EXISTS ({hits} AND {id} = e.id))"
        )
    }))
}

/// The only number of the first row; `None` without a row or for `NULL`. The last parameter of `sql` is the last one of `filter`.
fn number(connection: &Connection, sql: &str, filter: &Where) -> Result<Option<i64>, StoreError> {
    let row = |s: &mut Statement<'_>| {
        s.query_row(params_from_iter(&filter.values), |row| row.get(0)).optional()
    };
    let number = connection.prepare_cached(sql).and_then(|mut s| row(&mut s));
    number.map(Option::flatten).context("search the articles")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The articles with the dates, of which those with `true` are hits. Their ids are 1, 2 and so on.
    fn store(articles: &[(i64, bool)]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        let tables = "CREATE TABLE article (id INTEGER PRIMARY KEY, order_at INTEGER, seq INTEGER);
            CREATE VIRTUAL TABLE article_text USING fts5(title, body, content='', contentless_delete=1);";
        connection.execute_batch(tables).unwrap();
        for (id, (order_at, is_hit)) in (1_i64..).zip(articles) {
            let sql = "INSERT INTO article VALUES (?1, ?2, ?1)";
            connection.execute(sql, [id, *order_at]).unwrap();
            let sql = "INSERT INTO article_text (rowid, title, body) VALUES (?1, '', ?2)";
            connection.execute(sql, (id, if *is_hit { "ferry" } else { "harbour" })).unwrap();
        }
        connection
    }

    /// The ids of the first `limit` hits, newest first, by the condition of this module if there are bounds.
    fn newest(connection: &Connection, limit: i64, bounds: Option<Bounds>) -> Option<Vec<i64>> {
        let mut filter = Where::default();
        filter.add("a.id % 5 <> 0".to_owned());
        let expression = filter.bind("ferry".to_owned());
        let all = "a.id IN (SELECT rowid FROM article_text WHERE article_text MATCH ?1)".to_owned();
        let condition = bounds.map_or(Some(all), |bounds| {
            condition(connection, &mut filter, &expression, limit, bounds).unwrap()
        });
        filter.add(condition?);
        let limit = filter.bind(limit);
        let clause = filter.clause(None);
        let sql = format!(
            "SELECT a.id FROM article a{clause} ORDER BY a.order_at DESC, a.seq DESC LIMIT {limit}"
        );
        let mut statement = connection.prepare(&sql).unwrap();
        let ids = statement.query_map(params_from_iter(&filter.values), |row| row.get(0)).unwrap();
        Some(ids.map(Result::unwrap).collect())
    }

    #[test]
    fn hits_that_arrived_before_the_last_ones_are_found_by_their_dates() {
        let mut articles: Vec<_> = (1..=100).map(|n| (n, n % 2 == 0)).collect();
        articles[3].0 = 200;
        articles[4].0 = 199; // No hit.
        let bounds = Bounds { hits: 10, earlier: 2 };
        let connection = store(&articles);
        assert_eq!(newest(&connection, 4, Some(bounds)).unwrap(), [4, 98, 96, 94]);
        let fewer = Bounds { earlier: 1, ..bounds };
        assert_eq!(
            newest(&connection, 4, Some(fewer)),
            None,
            "two earlier articles have late dates"
        );
        assert_eq!(
            newest(&connection, 9, Some(bounds)),
            None,
            "two of ten hits are left out by the filter"
        );
        assert_eq!(newest(&store(&[(1, false)]), 4, Some(bounds)), None);
    }

    proptest! {
        #[test]
        fn the_newest_are_those_of_all_hits(
            articles in prop::collection::vec((0..60_i64, prop::bool::weighted(0.7)), 0..60),
            shift in 0..4_i64,
            (limit, hits, earlier) in (0..8_i64, 1..30_i64, 0..40_i64),
        ) {
            let dated = articles.iter().zip(0..).map(|((date, is_hit), n)| (date + shift * n, *is_hit));
            let connection = store(&dated.collect::<Vec<_>>());
            if let Some(found) = newest(&connection, limit, Some(Bounds { hits, earlier })) {
                prop_assert_eq!(Some(found), newest(&connection, limit, None));
            }
        }
    }
}
