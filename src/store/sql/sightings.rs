//! Articles whose sightings have changed: another feed brought the same article, or a merge was undone. Only consumers that ask
//! for it hear of them, as of an edit.

use crate::domain::query::{Order, Query};
use crate::domain::time::Timestamp;
use crate::store::database::{Connection, Value};
use crate::store::error::StoreError;
use crate::store::sql::conditions::Where;
use crate::store::sql::select;
use crate::store::sql::{feed_lookup, held};

/// The statement that reads `columns`, and behind them the number of the last change, of the articles whose sightings have
/// changed after `after` and up to `up_to`, in the order of these numbers. What of the same feeds the query chooses stands
/// for an original that it leaves out. An article that was edited later than `after` is not among them, because the edit is
/// a change with a number of its own, and its record has all sightings.
pub(super) fn select(
    connection: &Connection,
    columns: &str,
    query: &Query,
    (after, up_to): (i64, i64),
    now: Timestamp,
) -> Result<(String, Vec<Value>), StoreError> {
    let mut filter = Where::default();
    let query = Query { order: Order::Sequence, ids: Vec::new(), ..query.clone() };
    let feeds = feed_lookup::wanted(connection, &query)?;
    let mut chosen = select::other_is_chosen(&mut filter, connection, feeds.as_ref(), &query, now)?;
    chosen.extend(held::condition(connection, "o")?);
    chosen.push("TRUE".to_owned());
    let chosen = chosen.join(" AND ");
    let (first, last) = (filter.bind(after), filter.bind(up_to));
    let unheard = format!("a.seq <= {first}");
    select::filter_by_time(&mut filter, &Query { after_seq: None, ..query.clone() }, None, now);
    if let Some(since) = query.seen_since {
        select::arrived(&mut filter, connection, since.resolve(now), Order::Sequence)?;
    }
    let clause = filter.clause(Some(&unheard));
    let limit = query.limit.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1);
    let limit = filter.bind(if limit < 0 { i64::MAX } else { limit });
    let sql = format!(
        "WITH change AS (
            SELECT article_id, original_id, seq FROM article_duplicate d
            WHERE {first} < seq AND seq <= {last}
                AND NOT EXISTS (SELECT 1 FROM quiet_article q WHERE q.article_id = d.article_id)
            UNION ALL
            SELECT article_id, original_id, original_seq FROM refused_duplicate
            WHERE {first} < original_seq AND original_seq <= {last}
        ), heard AS (
            SELECT seq, coalesce(
                (SELECT o.id FROM article o WHERE o.id = c.original_id AND {chosen}),
                (SELECT min(o.id) FROM article_duplicate e CROSS JOIN article o
                    WHERE o.id = e.article_id AND e.original_id = c.original_id AND e.article_id < c.article_id AND {chosen})) AS id
            FROM change c
        )
        SELECT {columns}, k.seq FROM (
            SELECT id, max(seq) AS seq FROM heard WHERE id IS NOT NULL GROUP BY id
        ) k CROSS JOIN article a{clause} AND a.id = k.id
        ORDER BY k.seq LIMIT {limit}"
    );
    Ok((sql, filter.values))
}
