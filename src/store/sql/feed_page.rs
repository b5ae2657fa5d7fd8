//! A page of the list of feeds, and the numbers of feeds in each state. Only the feeds of the page are read as a whole.

use crate::domain::feed::FeedState;
use crate::domain::named_enum::named_enum;
use crate::store::database::{self, Connection, Value};
use crate::store::error::{Context, StoreError};
use crate::store::sql::conditions::Where;
use crate::store::sql::feeds::{self, FeedRow, IS_ACTIVE, IS_FAILING, IS_GONE};

named_enum! {
    /// The order of a list of feeds. Feeds that are equal in it are ordered by their names.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum FeedOrder {
        /// Feeds that need attention (failing or gone) first.
        #[default]
        State = "state",
        Name = "name",
        /// By the effective date of the newest article, the latest first.
        Newest = "newest",
        /// By the number of articles, most first.
        Articles = "articles",
        /// By the time of the next poll, the earliest first; feeds that are not polled any more are last.
        NextPoll = "next",
    }
}

/// Which feeds a page shows.
#[derive(Clone, Debug, Default)]
pub struct FeedQuery {
    /// `None`: all but retired feeds.
    pub state: Option<FeedState>,
    /// What name, URL or a tag contain, in lower case.
    pub words: String,
    pub order: FeedOrder,
    /// The number of feeds before the page.
    pub skip: usize,
    /// The number of feeds on the page.
    pub limit: usize,
}

/// A page of a list of feeds.
#[derive(Clone, Debug)]
pub struct FeedPage {
    pub feeds: Vec<FeedRow>,
    /// The number of feeds on all pages.
    pub total: u64,
}

const TABLES: &str = "FROM feed f JOIN poll_state p ON p.feed_id = f.id";

/// The condition that a feed is in a state. It is the rule of [`FeedRow::state`].
fn condition(state: FeedState) -> String {
    match state {
        FeedState::Retired => "f.configured = 0".to_owned(),
        FeedState::Disabled => "f.configured = 1 AND f.enabled = 0".to_owned(),
        FeedState::Gone => format!("{IS_ACTIVE} AND {IS_GONE}"),
        FeedState::Failing => format!("{IS_ACTIVE} AND NOT ({IS_GONE}) AND {IS_FAILING}"),
        FeedState::Ok | FeedState::New => {
            let not = if state == FeedState::Ok { " NOT" } else { "" };
            format!(
                "{IS_ACTIVE} AND p.succeeded_at IS{not} NULL AND NOT ({IS_FAILING}) AND NOT ({IS_GONE})"
            )
        }
    }
}

/// The number of feeds in each state.
pub(super) fn counts(connection: &Connection) -> Result<Vec<(FeedState, u64)>, StoreError> {
    let columns =
        FeedState::ALL.map(|state| format!("count(*) FILTER (WHERE {})", condition(state)));
    let action = "count the feeds";
    let mut statement = connection
        .prepare_cached(&format!("SELECT {} {TABLES}", columns.join(", ")))
        .context(action)?;
    let numbers = |row: &database::Row<'_>| {
        let number =
            |(n, state): (usize, &FeedState)| Ok((*state, row.get::<_, i64>(n)?.cast_unsigned()));
        FeedState::ALL.iter().enumerate().map(number).collect()
    };
    statement.query_row([], numbers).context(action)
}

/// The feeds of a page, as a whole.
pub(super) fn read(connection: &Connection, query: &FeedQuery) -> Result<FeedPage, StoreError> {
    let action = "list feeds";
    let number = |n: usize| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    let mut filter = Where::default();
    filter.add(query.state.map_or_else(|| "f.configured = 1".to_owned(), condition));
    if !query.words.is_empty() {
        let words = filter.bind(query.words.clone());
        filter.add(format!(
            "(0 < instr(lower_case({NAME}), {words}) OR 0 < instr(lower_case(f.url), {words})
                OR EXISTS (SELECT 1 FROM json_each(f.tags) t WHERE 0 < instr(lower_case(t.value), {words})))"
        ));
    }
    let clause = filter.clause(None);
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) {TABLES}{clause}"))
        .and_then(|mut s| s.query_row(database::params_from_iter(&filter.values), |r| r.get(0)))
        .context(action)?;
    let (totals, order) = match query.order {
        FeedOrder::State => ("", format!("({IS_ACTIVE} AND ({IS_FAILING} OR {IS_GONE})) DESC, ")),
        FeedOrder::Name => ("", String::new()),
        FeedOrder::Newest => (TOTALS, "t.newest_at DESC NULLS LAST, ".to_owned()),
        FeedOrder::Articles => (TOTALS, "coalesce(t.articles, 0) DESC, ".to_owned()),
        FeedOrder::NextPoll => ("", "p.next_poll_at NULLS LAST, ".to_owned()),
    };
    let (limit, skip) = (filter.bind(number(query.limit)), filter.bind(number(query.skip)));
    let sql = format!(
        "SELECT f.id {TABLES}{totals}{clause}
         ORDER BY {order}lower({NAME}), f.id LIMIT {limit} OFFSET {skip}"
    );
    let ids: Vec<i64> = connection
        .prepare_cached(&sql)
        .and_then(|mut s| {
            s.query_map(database::params_from_iter(&filter.values), |r| r.get(0))?.collect()
        })
        .context(action)?;
    let mut found = Vec::new();
    for id in ids {
        found.extend(feeds::find(connection, id)?);
    }
    Ok(FeedPage { feeds: found, total: total.cast_unsigned() })
}

/// What a feed is called, as [`FeedRow::display_name`].
const NAME: &str = "coalesce(f.name, f.title, f.url)";

const TOTALS: &str = " LEFT JOIN feed_totals t ON t.feed_id = f.id";
