//! Translates a query into a statement that reads an index in order and never sorts whole articles.

use serde_json::json;

use crate::domain::query::{Order, Query, When};
use crate::domain::time::Timestamp;
use crate::search::words;
use crate::store::database::{Connection, Value, params_from_iter};
use crate::store::error::{Context, StoreError};
use crate::store::sql::conditions::Where;
use crate::store::sql::feed_lookup::{self, WantedFeeds};
use crate::store::sql::recent_hits::{self, Bounds};
use crate::store::sql::{columns, future, held, meta, stories, text_index};

/// The indexes of up to this many feeds are merged. More feeds have enough articles among the latest of all
/// feeds to be found there.
const MERGED: usize = feed_lookup::LISTED;

/// Up to this many search hits are looked up and sorted. When there are more, a walk through all articles,
/// newest first, meets them soon enough.
const SORTED_HITS: i64 = 2_000;

/// Only this many search hits, the newest, are ranked: a word in half of a million articles must not cost
/// seconds.
const RANKED_HITS: i64 = 10_000;

/// How a statement gets at its articles.
pub(super) enum AccessPath {
    /// Along the index that has the order; that of one feed, if there is only one.
    Index { feed: Option<i64> },
    /// Along the index of each of these feeds, merged.
    MergedIndexes(Vec<i64>),
    /// From the hits of a search with their scores, the best first. The text is the query for the hits.
    RankedHits(String),
    /// One by one, by their ids. Only the keys are sorted, not the articles.
    Ids,
}

/// The condition that a number is one of a list. SQLite uses no index for `+column`.
fn one_of(column: &str, numbers: impl Iterator<Item = i64>) -> String {
    let list = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    // SQLite alone has an empty list.
    if list.is_empty() { "FALSE".to_owned() } else { format!("{column} IN ({list})") }
}

/// The statement that reads `columns` of the articles (`a`) that a query asks for, with its bound values.
pub(super) fn select(
    connection: &Connection,
    columns: &str,
    store_id: &str,
    query: &Query,
    now: Timestamp,
) -> Result<(String, Vec<Value>), StoreError> {
    let mut filter = Where::default();
    let mut path = AccessPath::Index { feed: None };
    for ids in [&query.ids, &query.among].into_iter().filter(|ids| !ids.is_empty()) {
        let rows = ids.iter().filter_map(|id| columns::row_of(store_id, id));
        filter.conditions.push(one_of("a.id", rows));
        path = AccessPath::Ids;
    }
    if !query.stories.is_empty() {
        path = AccessPath::Ids;
    }
    filter_by_time(&mut filter, query, up_to(connection, query)?, now);
    let feeds = feed_lookup::wanted(connection, query)?;
    let chosen = by_content(&mut filter, connection, "a", query, now)?;
    filter.conditions.extend(chosen);
    // A duplicate of an article that is held back is left out all the same: the article will be announced.
    if query.order == Order::Sequence && query.ids.is_empty() {
        filter.conditions.extend(held::condition(connection, "a")?);
    }
    // Articles that are named by their ids were chosen before.
    if query.ids.is_empty() && !query.with_duplicates {
        leave_duplicates_out(&mut filter, connection, feeds.as_ref(), query, now)?;
    }
    if query.one_of_each_story {
        leave_later_of_story_out(&mut filter, connection, feeds.as_ref(), query, now)?;
    }
    let limit = query.limit.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1);
    if let Some(since) = query.seen_since {
        let by_time = arrived(&mut filter, connection, since.resolve(now), query.order)?;
        path = by_time.filter(|_| matches!(path, AccessPath::Index { .. })).unwrap_or(path);
    }
    // Last of all conditions but that on feeds, because it depends on what they leave.
    if let Some(expression) =
        query.search.as_ref().and_then(|search| text_index::expression(connection, search))
    {
        let chosen = (feeds.as_ref(), limit);
        let found = search(&mut filter, connection, expression, query.order, chosen)?;
        path = found.unwrap_or(path);
    }
    if let Some(feeds) = feeds {
        path = filter_by_feeds(&mut filter, feeds, path, query.order);
    }
    // SQLite takes -1 for no limit, PostgreSQL takes none.
    let limit = filter.bind(if limit < 0 { i64::MAX } else { limit });
    let sql = statement(connection, columns, &path, &filter, (query.order, &limit));
    Ok((sql, filter.values))
}

/// The last sequence number that the query may reach. Consumers hear of an article when it is known whether it is a
/// duplicate.
fn up_to(connection: &Connection, query: &Query) -> Result<Option<i64>, StoreError> {
    if query.order != Order::Sequence && query.after_seq.is_none() {
        return Ok(query.up_to_seq);
    }
    let matched = meta::matched_seq(connection)?;
    Ok(Some(query.up_to_seq.map_or(matched, |seq| seq.min(matched))))
}

/// Adds the conditions on the times and the sequence number of an article.
pub(super) fn filter_by_time(
    filter: &mut Where,
    query: &Query,
    up_to: Option<i64>,
    now: Timestamp,
) {
    let at = |when: When| when.resolve(now).timestamp();
    filter.compare("a.order_at >=", query.since.map(at));
    filter.compare("a.order_at <", query.until.map(at));
    if let Some(position) = query.before {
        let (at, seq) = (filter.bind(position.order_at), filter.bind(position.seq));
        filter.conditions.push(format!("(a.order_at, a.seq) < ({at}, {seq})"));
    }
    filter.compare("a.seq >", query.after_seq);
    filter.compare("a.seq <=", up_to);
}

/// The conditions on language and authors, and on what is shown at all, of the table `article` under the name `table`.
fn by_content(
    filter: &mut Where,
    connection: &Connection,
    table: &str,
    query: &Query,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let mut conditions = Vec::new();
    if query.order == Order::Sequence {
        conditions.push(format!(
            "NOT EXISTS (SELECT 1 FROM quiet_article q WHERE q.article_id = {table}.id)"
        ));
    }
    conditions.extend(filter.any(&query.languages, |filter, language| {
        let below = format!("{language}-");
        let length = below.chars().count();
        let (same, below) = (filter.bind(language.to_owned()), filter.bind(below));
        format!("{table}.language = {same} OR substr({table}.language, 1, {length}) = {below}")
    }));
    if connection.is_sqlite() {
        conditions.extend(filter.any(&query.authors, |filter, author| {
            let forms = words::name_forms(author).into_iter().map(|form| {
                let form = filter.bind(form);
                format!("0 < instr(name_forms(p.value ->> 'name'), {form})")
            });
            let is_one = forms.collect::<Vec<_>>().join(" OR ");
            format!("EXISTS (SELECT 1 FROM json_each({table}.authors) p WHERE {is_one})")
        }));
    } else if !query.authors.is_empty() {
        let names = filter.bind(json!(names_of(connection, &query.authors)?).to_string());
        conditions.push(format!(
            "EXISTS (SELECT 1 FROM json_each({table}.authors) p
                WHERE (p.value::json ->> 'name') IN (SELECT value FROM json_each({names})))"
        ));
    }
    if !query.stories.is_empty() {
        let numbers = query.stories.iter().map(|id| stories::number(connection, id));
        let numbers = numbers.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
        let of = one_of("m.story_id", numbers);
        conditions
            .push(format!("{table}.id IN (SELECT m.article_id FROM story_article m WHERE {of})"));
    }
    if query.ids.is_empty() {
        let hidden = future::condition(connection, table, query.order == Order::Sequence, now)?;
        conditions.extend(hidden);
    }
    Ok(conditions)
}

/// The names of authors that match one of these, as they are written in articles. PostgreSQL does not know how words are
/// compared, so that the names are compared here.
fn names_of(connection: &Connection, authors: &[String]) -> Result<Vec<String>, StoreError> {
    const NAMES: &str = "
        SELECT DISTINCT p.value::json ->> 'name' AS name FROM article a, json_each(a.authors) p
        WHERE p.value::json ->> 'name' IS NOT NULL";
    let mut names: Vec<String> = connection
        .prepare_cached(NAMES)
        .and_then(|mut s| s.query_map([], |row| row.get("name"))?.collect())
        .context("read the names of authors")?;
    let wanted: Vec<String> = authors.iter().flat_map(|author| words::name_forms(author)).collect();
    names.retain(|name| {
        let forms = words::name_forms(name).join("\n");
        wanted.iter().any(|form| forms.contains(form.as_str()))
    });
    Ok(names)
}

/// The conditions that the query chooses another article (`o`), whatever its time is.
pub(super) fn other_is_chosen(
    filter: &mut Where,
    connection: &Connection,
    feeds: Option<&WantedFeeds>,
    query: &Query,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let mut chosen = by_content(filter, connection, "o", query, now)?;
    chosen.extend(feeds.map(|feeds| feeds.condition("o.feed_id", |value| filter.bind(value))));
    if let Some(expression) =
        query.search.as_ref().and_then(|search| text_index::expression(connection, search))
    {
        let expression = filter.bind(expression);
        chosen.push(format!(
            "EXISTS (SELECT 1 FROM article_text WHERE {} AND {} = o.id)",
            text_index::matches(connection, &expression),
            text_index::id_column(connection)
        ));
    }
    Ok(chosen)
}

/// Adds the condition that no article of the same story arrived before and is chosen too. Times count, so that a story of
/// yesterday is there with what is new today. Articles of a single feed are not left out: it may be a series.
fn leave_later_of_story_out(
    filter: &mut Where,
    connection: &Connection,
    feeds: Option<&WantedFeeds>,
    query: &Query,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut chosen = other_is_chosen(filter, connection, feeds, query, now)?;
    for (comparison, when) in [
        ("o.order_at >=", query.since),
        ("o.order_at <", query.until),
        ("o.first_seen_at >=", query.seen_since),
    ] {
        if let Some(when) = when {
            let at = filter.bind(when.resolve(now).timestamp());
            chosen.push(format!("{comparison} {at}"));
        }
    }
    chosen.push(
        "NOT EXISTS (SELECT 1 FROM article_duplicate d WHERE d.article_id = o.id)".to_owned(),
    );
    let chosen = chosen.join(" AND ");
    let other = |which: &str| {
        format!(
            "EXISTS (SELECT 1 FROM story_article m
                CROSS JOIN story_article n
                CROSS JOIN article o
                WHERE m.article_id = a.id AND n.story_id = m.story_id AND o.id = n.article_id
                    AND {which} AND {chosen})"
        )
    };
    let (earlier, elsewhere) = (other("n.article_id < a.id"), other("o.feed_id <> a.feed_id"));
    filter.conditions.push(format!("NOT ({earlier} AND {elsewhere})"));
    Ok(())
}

/// Adds the condition that an article is no duplicate of one that the query chooses. What the filters leave out cannot
/// stand for its duplicate: a reader of one feed wants its article although another feed had it first. Times do not count,
/// because an article that came yesterday is not news today.
fn leave_duplicates_out(
    filter: &mut Where,
    connection: &Connection,
    feeds: Option<&WantedFeeds>,
    query: &Query,
    now: Timestamp,
) -> Result<(), StoreError> {
    let chosen = other_is_chosen(filter, connection, feeds, query, now)?;
    let shown = if chosen.is_empty() {
        String::new()
    } else {
        let chosen = chosen.join(" AND ");
        format!(
            " AND (EXISTS (SELECT 1 FROM article o WHERE o.id = d.original_id AND {chosen})
                OR EXISTS (SELECT 1 FROM article_duplicate e CROSS JOIN article o
                    WHERE o.id = e.article_id AND e.original_id = d.original_id AND e.article_id < d.article_id AND {chosen}))"
        )
    };
    filter.conditions.push(format!(
        "NOT EXISTS (SELECT 1 FROM article_duplicate d WHERE d.article_id = a.id{shown})"
    ));
    Ok(())
}

/// Adds the condition that an article matches a full-text expression. Returns the access path, if the
/// search decides it. `feeds` and `limit` are those of the query.
fn search(
    filter: &mut Where,
    connection: &Connection,
    expression: String,
    order: Order,
    (feeds, limit): (Option<&WantedFeeds>, i64),
) -> Result<Option<AccessPath>, StoreError> {
    let found = if order == Order::Newest { hits(connection, &expression)? } else { 0 };
    let few = order == Order::Newest && found <= SORTED_HITS;
    let expression = filter.bind(expression);
    let (id, matches) =
        (text_index::id_column(connection), text_index::matches(connection, &expression));
    if order == Order::Relevance {
        let rank = text_index::rank(connection, &expression);
        return Ok(Some(AccessPath::RankedHits(format!(
            "SELECT {id} AS id, {rank} AS score FROM article_text
             WHERE {matches} ORDER BY {id} DESC LIMIT {RANKED_HITS}"
        ))));
    }
    if order == Order::Newest {
        let mut trial = filter.clone();
        let by_feed = feeds.map(|feeds| feeds.condition("+a.feed_id", |value| trial.bind(value)));
        trial.conditions.extend(by_feed);
        for bounds in Bounds::of(limit).into_iter().filter(|bounds| bounds.hits < found) {
            let recent =
                recent_hits::condition(connection, &mut trial, &expression, limit, bounds)?;
            if let Some(recent) = recent {
                filter.values = trial.values;
                filter.conditions.push(recent);
                return Ok(Some(AccessPath::Ids));
            }
        }
    }
    let plus = if few { "" } else { "+" }; // It keeps SQLite on the index that has the order.
    filter
        .conditions
        .push(format!("{plus}a.id IN (SELECT {id} FROM article_text WHERE {matches})"));
    Ok(few.then_some(AccessPath::Ids))
}

/// Adds the condition that an article arrived at or after a time. Returns the access path, if few articles did.
pub(super) fn arrived(
    filter: &mut Where,
    connection: &Connection,
    since: Timestamp,
    order: Order,
) -> Result<Option<AccessPath>, StoreError> {
    const ARRIVED: &str = "
        SELECT count(*) FROM (SELECT 1 FROM article WHERE ?1 <= first_seen_at LIMIT ?2) a";
    // A hidden article arrives for its readers when it is announced.
    const ANNOUNCED: &str = "SELECT article_id FROM future_article WHERE announced_at >=";
    let count: i64 = connection
        .prepare_cached(ARRIVED)
        .and_then(|mut s| s.query_row([since.timestamp(), SORTED_HITS + 1], |row| row.get(0)))
        .context("count what has arrived")?;
    let few = order == Order::Newest && count <= SORTED_HITS;
    let since = filter.bind(since.timestamp());
    filter.conditions.push(if few {
        format!(
            "a.id IN (SELECT id FROM article WHERE {since} <= first_seen_at UNION {ANNOUNCED} {since})"
        )
    } else {
        // The plus keeps SQLite on the index that has the order.
        format!("({since} <= +a.first_seen_at OR a.id IN ({ANNOUNCED} {since}))")
    });
    Ok(few.then_some(AccessPath::Ids))
}

/// Restricts the articles to these feeds: by the indexes of the feeds, if there are few and nothing else
/// decides the access path; else by a condition.
fn filter_by_feeds(
    filter: &mut Where,
    feeds: WantedFeeds,
    path: AccessPath,
    order: Order,
) -> AccessPath {
    let by_index = order != Order::Sequence && matches!(path, AccessPath::Index { .. });
    match feeds {
        WantedFeeds::Listed(ids) if by_index && ids.len() == 1 => {
            AccessPath::Index { feed: ids.first().copied() }
        }
        WantedFeeds::Listed(ids) if by_index && (2..=MERGED).contains(&ids.len()) => {
            AccessPath::MergedIndexes(ids)
        }
        feeds => {
            let condition = feeds.condition("+a.feed_id", |value| filter.bind(value));
            filter.conditions.push(condition);
            path
        }
    }
}

fn statement(
    connection: &Connection,
    columns: &str,
    path: &AccessPath,
    filter: &Where,
    (order, limit): (Order, &str),
) -> String {
    let order = if order == Order::Sequence { "a.seq" } else { "a.order_at DESC, a.seq DESC" };
    // SQLite keeps the order of the keys and would sort whole articles. PostgreSQL promises no order.
    let again = |order: &str| connection.choose(String::new(), format!(" ORDER BY {order}"));
    let of_feed = |feed: i64| filter.clause(Some(&format!("a.feed_id = {feed}")));
    let keys = |clause: String| format!("SELECT a.id, a.order_at, a.seq FROM article a{clause}");
    // The keys of the articles, in order, drive the look-up of the rows; CROSS prevents another order in SQLite.
    let through = |keys: String| {
        let of_keys = order.replace("a.", "");
        format!(
            "SELECT {columns} FROM ({keys} ORDER BY {of_keys} LIMIT {limit}) k
             CROSS JOIN article a WHERE a.id = k.id{}",
            again(&order.replace("a.", "k."))
        )
    };
    match path {
        AccessPath::Index { feed } => {
            let clause = feed.map_or_else(|| filter.clause(None), of_feed);
            format!("SELECT {columns} FROM article a{clause} ORDER BY {order} LIMIT {limit}")
        }
        AccessPath::MergedIndexes(feeds) => {
            let arms: Vec<String> = feeds.iter().map(|feed| keys(of_feed(*feed))).collect();
            through(arms.join(" UNION ALL "))
        }
        AccessPath::Ids => through(keys(filter.clause(None))),
        AccessPath::RankedHits(hits) => {
            let clause = filter.clause(Some("a.id = h.id"));
            format!(
                "SELECT {columns} FROM (SELECT a.id, a.order_at, a.seq, h.score FROM ({hits}) h
                    CROSS JOIN article a{clause}
                    ORDER BY h.score, a.order_at DESC, a.seq DESC LIMIT {limit}) k
                 CROSS JOIN article a WHERE a.id = k.id{}",
                again("k.score, k.order_at DESC, k.seq DESC")
            )
        }
    }
}

/// How many articles an expression finds, up to a bound.
fn hits(connection: &Connection, expression: &str) -> Result<i64, StoreError> {
    let matches = text_index::matches(connection, "?1");
    let hits =
        format!("SELECT count(*) FROM (SELECT 1 FROM article_text WHERE {matches} LIMIT ?2) h");
    connection
        .prepare_cached(&hits)
        .and_then(|mut s| {
            let values = [Value::from(expression.to_owned()), Value::from(SORTED_HITS + 1)];
            s.query_row(params_from_iter(values), |row| row.get(0))
        })
        .context("search the articles")
}
