//! The list of feeds, their schedules, and what the commands show of them.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::feed::{FeedId, FeedMeta, FeedRef, FeedSpec, FeedState, FeedUrl, is_stand_in};
use crate::domain::host::Host;
use crate::domain::poll::{
    Health, Move, MovedBy, NewFeedUrl, NextPoll, OutcomeKind, PollHistory, Reason, Validators,
    address_at,
};
use crate::domain::request::Secret;
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::store::database::{self, Connection, Index, OptionalExtension, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{Columns, column, count, decode, time};
use crate::store::sql::{last_document, meta};

/// A configured feed, and a text that differs exactly when the schedule differs.
#[derive(Clone, Debug)]
pub struct FeedSync {
    pub spec: Arc<FeedSpec>,
    pub policy: Arc<str>,
    /// The address of a private feed, for which the URL in `spec` stands. It is not stored.
    pub address: Option<Secret>,
}

/// The data from which the next poll of a known feed is computed.
#[derive(Clone, Debug)]
pub struct Planned {
    pub feed: FeedId,
    pub polled_at: Timestamp,
    /// `min_waits` holds one wait, the longest.
    pub history: PollHistory,
}

const INSERT: &str = "
    INSERT INTO feed (url, name, tags, configured, enabled, added_at) VALUES (?1, ?2, ?3, 1, ?4, ?5)
    RETURNING id";

const UPSERT: &str = "
    INSERT INTO feed (url, name, tags, configured, enabled, added_at, address_hash)
    VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)
    ON CONFLICT (url) DO UPDATE SET name = ?2, tags = ?3, configured = 1, enabled = ?4
    RETURNING id";

/// A new feed is due at once.
const NEW_PLAN: &str = "
    INSERT INTO poll_state (feed_id, active, policy, next_poll_at, because, host)
    VALUES (?1, ?2, ?3, ?4, 'new', ?5)
    ON CONFLICT (feed_id) DO NOTHING";

const OLD_PLAN: &str = "
    SELECT policy, polled_at, failures, failing_since, not_before, next_poll_at, skip_hours,
        skip_days
    FROM poll_state WHERE feed_id = ?1";

/// A permanently redirected feed, and one with a new address to try, keeps the host that its last poll planned to request next.
const SET_PLAN: &str = "
    UPDATE poll_state SET active = ?2, policy = ?3,
        host = CASE WHEN moved_to IS NULL AND try_at IS NULL THEN ?4 ELSE host END
    WHERE feed_id = ?1";

/// The rows that may be those of a feed. A private feed is known by its address first, because names may be swapped;
/// then by the URL that stands for it, because a token in an address may change; then by the address with which it was
/// stored before it was private. Any other feed is known by its URL, or by the address that it had while it was private.
const ROWS_OF: &str = "
    SELECT id, url, address_hash FROM feed WHERE address_hash = ?1 OR url = ?2 OR url = ?3
    ORDER BY CASE WHEN ?3 IS NULL THEN url <> ?2 ELSE address_hash IS DISTINCT FROM ?1 END, url <> ?2, id LIMIT 1";

/// Gives the row of a feed the feed's present URL, if it is stored under another one because `private` or its name was
/// changed. All that belongs to the row stays: articles, consumers' places, the plan. Returns the hash of the address
/// if the feed is private.
pub(super) fn adopt(
    tx: &Connection,
    store_id: &str,
    feed: &FeedSync,
) -> Result<Option<Vec<u8>>, StoreError> {
    const FREE: &str = "UPDATE feed SET url = url || '#' || id WHERE url = ?2 AND id <> ?1";
    const RENAME: &str = "UPDATE feed SET url = ?2, address_hash = ?3 WHERE id = ?1";
    // An address that changed has sent no validators.
    const VALIDATED: &str = "
        UPDATE poll_state SET validated_url = CASE WHEN CAST(?4 AS bigint) = 1 AND validated_url = ?2 THEN ?3 END
        WHERE feed_id = ?1";
    let (own, address) = (feed.spec.url.as_str(), feed.address.as_ref().map(Secret::expose));
    let hash = address_hash(store_id, address.unwrap_or(own));
    let one = |r: &Row<'_>| {
        Ok((r.get::<_, i64>("id")?, r.get("url")?, r.get::<_, Option<Vec<u8>>>("address_hash")?))
    };
    let row: Option<(i64, String, _)> = tx
        .prepare_cached(ROWS_OF)
        .and_then(|mut s| s.query_row(params![hash, own, address], one).optional())
        .context("find a feed")?;
    let wanted = address.is_some().then(|| hash.clone());
    let Some((id, url, stored)) = row else { return Ok(wanted) };
    if url == own && stored == wanted {
        return Ok(wanted);
    }
    let same_address = stored.as_ref().is_none_or(|stored| *stored == hash);
    let action = "rename a feed";
    tx.execute(FREE, params![id, own]).context(action)?;
    tx.execute(RENAME, params![id, own, wanted]).context(action)?;
    tx.execute(VALIDATED, params![id, url, own, same_address]).context(action)?;
    if !same_address {
        tx.execute(FORGET_MOVES, [id]).context(action)?;
        forget_readings(tx, FeedId(id))?;
    }
    if stored.is_none() && wanted.is_some() {
        forget_addresses(tx, id)?;
    }
    Ok(wanted)
}

/// Removes the addresses that the server of a former address has named.
const FORGET_MOVES: &str = "
    UPDATE poll_state SET moved_to = NULL, moved_at = NULL, recheck_at = NULL, moved_by = NULL,
        new_feed_url = NULL, named_at = NULL, try_at = NULL
    WHERE feed_id = ?1";

/// Removes the addresses that the store knows of a feed that has become private.
fn forget_addresses(tx: &Connection, feed: i64) -> Result<(), StoreError> {
    const STATE: &str = "UPDATE poll_state SET detail = NULL, offers = NULL WHERE feed_id = ?1";
    let action = "forget the addresses of a private feed";
    tx.execute(FORGET_MOVES, [feed]).context(action)?;
    tx.execute(STATE, [feed]).context(action)?;
    tx.execute("UPDATE poll SET detail = NULL WHERE feed_id = ?1", [feed]).context(action)?;
    tx.execute("UPDATE feed SET home_page_url = NULL WHERE id = ?1", [feed]).context(action)?;
    Ok(())
}

/// The hash by which a private address is recognised. The id of the store makes it useless elsewhere.
pub(super) fn address_hash(store_id: &str, address: &str) -> Vec<u8> {
    Sha256::new()
        .chain_update(store_id)
        .chain_update("\0")
        .chain_update(address)
        .finalize()
        .to_vec()
}

/// What [`sync_one`] has done.
pub(super) enum Change {
    Added,
    Same,
    /// It was polled before under another schedule.
    Stale,
}

/// Stores a feed whose row no stored feed can be.
pub(super) fn add_new(
    tx: &Connection,
    feed: &FeedSync,
    now: Timestamp,
) -> Result<FeedId, StoreError> {
    let spec = &feed.spec;
    let tags = json!(spec.tags[..]).to_string();
    let row = params![spec.url.as_str(), spec.name, tags, spec.enabled, now.timestamp()];
    let id = tx
        .prepare_cached(INSERT)
        .and_then(|mut s| s.query_row(row, |row| row.get(0)))
        .context("store a feed")?;
    plan_new(tx, id, feed, now)?;
    tag_new(tx, id, &spec.tags)?;
    Ok(FeedId(id))
}

/// Makes a feed due that has no plan, and returns whether it had none.
fn plan_new(tx: &Connection, id: i64, feed: &FeedSync, now: Timestamp) -> Result<bool, StoreError> {
    let FeedSync { spec, policy, .. } = feed;
    let host = spec.url.host();
    let plan = params![id, spec.enabled, policy, now.timestamp(), host.as_ref().map(Host::as_str)];
    let added = tx.prepare_cached(NEW_PLAN).and_then(|mut s| s.execute(plan));
    Ok(added.context("plan a new feed")? == 1)
}

/// Stores the tags of a new feed. Those of a stored feed are kept by triggers.
fn tag_new(tx: &Connection, id: i64, tags: &[String]) -> Result<(), StoreError> {
    const TAG: &str = "INSERT INTO feed_tag (tag, feed_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    for tag in tags {
        let tagged = tx.prepare_cached(TAG).and_then(|mut s| s.execute(params![tag, id]));
        tagged.context("store the tags of a feed")?;
    }
    Ok(())
}

/// Stores a feed as it is configured.
pub(super) fn sync_one(
    tx: &Connection,
    feed: &FeedSync,
    address_hash: Option<&[u8]>,
    now: Timestamp,
) -> Result<(FeedId, Change), StoreError> {
    let FeedSync { spec, policy, .. } = feed;
    let row = params![
        spec.url.as_str(),
        spec.name,
        json!(spec.tags[..]).to_string(),
        spec.enabled,
        now.timestamp(),
        address_hash
    ];
    let id: i64 = tx
        .prepare_cached(UPSERT)
        .and_then(|mut s| s.query_row(row, |row| row.get(0)))
        .context("store a feed")?;
    if plan_new(tx, id, feed, now)? {
        tag_new(tx, id, &spec.tags)?;
        return Ok((FeedId(id), Change::Added));
    }
    let host = spec.url.host();
    let host = host.as_ref().map(Host::as_str);
    let (stored_policy, planned) = tx
        .prepare_cached(OLD_PLAN)
        .and_then(|mut s| {
            s.query_row([id], |r| Ok((r.get::<_, String>("policy")?, planned(r, FeedId(id))?)))
        })
        .context("read a plan")?;
    tx.prepare_cached(SET_PLAN)
        .and_then(|mut s| s.execute(params![id, spec.enabled, policy, host]))
        .context("update a plan")?;
    let change = match planned {
        Some(_) if stored_policy != **policy => Change::Stale,
        _ => Change::Same,
    };
    Ok((FeedId(id), change))
}

/// What the next polls of these feeds are computed from, without those for which there is none to compute.
pub(super) fn planned_of(
    connection: &Connection,
    feeds: &[FeedId],
) -> Result<Vec<Planned>, StoreError> {
    let action = "read a plan";
    let mut found = Vec::with_capacity(feeds.len());
    for feed in feeds {
        let plan = connection
            .prepare_cached(OLD_PLAN)
            .and_then(|mut s| s.query_row([feed.0], |r| planned(r, *feed)).optional())
            .context(action)?;
        if let Some(mut plan) = plan.flatten() {
            plan.history.recent = recent_dates(connection, *feed)?;
            found.push(plan);
        }
    }
    Ok(found)
}

/// `None` for a feed that was never polled, and for one whose polling has ended (410): that stays so until
/// someone resets the feed.
fn planned(r: &Row<'_>, feed: FeedId) -> database::Result<Option<Planned>> {
    let (Some(polled_at), Some(_)) = (time(r, "polled_at")?, time(r, "next_poll_at")?) else {
        return Ok(None);
    };
    let wait = |not_before: Timestamp| (Reason::ServerAsked, not_before - polled_at);
    Ok(Some(Planned {
        feed,
        polled_at,
        history: PollHistory {
            health: health(r.get("failures")?, r.get("failing_since")?),
            recent: Vec::new(),
            min_waits: time(r, "not_before")?.map(wait).into_iter().collect(),
            skip_hours: r.get("skip_hours")?,
            skip_days: r.get("skip_days")?,
        },
    }))
}

pub(in crate::store) fn replan(
    tx: &Connection,
    plans: &[(FeedId, NextPoll)],
) -> Result<(), StoreError> {
    const REPLAN: &str =
        "UPDATE poll_state SET next_poll_at = ?2, because = ?3, host = ?4 WHERE feed_id = ?1";
    for (feed, next) in plans {
        let host = host_at(tx, *feed, next.at)?;
        let (at, host) = (next.at.map(|at| at.timestamp()), host.as_ref().map(Host::as_str));
        tx.prepare_cached(REPLAN)
            .and_then(|mut s| s.execute(params![feed.0, at, next.because.as_str(), host]))
            .context("change a plan")?;
    }
    Ok(())
}

const MOVED: [&str; 4] = ["moved_to", "moved_at", "recheck_at", "moved_by"];
const NEW_FEED_URL: [&str; 3] = ["new_feed_url", "named_at", "try_at"];

/// Stores the host that a poll at `at` requests.
pub(super) fn set_host(tx: &Connection, feed: FeedId, at: Timestamp) -> Result<(), StoreError> {
    let host = host_at(tx, feed, Some(at))?;
    tx.prepare_cached("UPDATE poll_state SET host = ?2 WHERE feed_id = ?1")
        .and_then(|mut s| s.execute(params![feed.0, host.as_ref().map(Host::as_str)]))
        .map(|_| ())
        .context("store a feed's host")
}

/// The address of the home page of a feed, if it is known, and then its own; empty if there is no such feed.
pub(super) fn addresses(connection: &Connection, feed: FeedId) -> Result<Vec<String>, StoreError> {
    const ADDRESSES: &str = "SELECT home_page_url, url FROM feed WHERE id = ?1";
    let found: Option<[Option<String>; 2]> = connection
        .prepare_cached(ADDRESSES)
        .and_then(|mut s| {
            s.query_row([feed.0], |r| Ok([r.get("home_page_url")?, r.get("url")?])).optional()
        })
        .context("read the addresses of a feed")?;
    Ok(found.into_iter().flatten().flatten().collect())
}

/// The host of the address that a poll planned for `at` requests. It changes with the plan, because a plan
/// may or may not reach the recheck of a moved feed's configured address.
pub(super) fn host_at(
    tx: &Connection,
    feed: FeedId,
    at: Option<Timestamp>,
) -> Result<Option<Host>, StoreError> {
    const ADDRESSES: &str = "
        SELECT f.url, p.host, p.moved_to, p.moved_at, p.recheck_at, p.moved_by, p.new_feed_url,
            p.named_at, p.try_at
        FROM feed f JOIN poll_state p ON p.feed_id = f.id WHERE f.id = ?1";
    let one = |r: &Row<'_>| {
        let host: Option<String> = r.get("host")?;
        Ok((r.get::<_, String>("url")?, host, moved(r, MOVED)?, new_feed_url(r, NEW_FEED_URL)?))
    };
    let (url, host, moved, new_feed_url) = tx
        .prepare_cached(ADDRESSES)
        .and_then(|mut s| s.query_row([feed.0], one))
        .context("read a feed's addresses")?;
    if is_stand_in(&url) {
        return Ok(host.map(Host::stored)); // Only the configuration knows the address.
    }
    let (Ok(url), Some(at)) = (FeedUrl::parse(&url), at) else { return Ok(None) };
    Ok(Host::of(address_at(&url, moved.as_ref(), new_feed_url.as_ref(), at)))
}

/// The rule for identifiers (`last_document.key_policy`) is kept: a less careful rule would store articles
/// twice.
pub(in crate::store) fn reset(
    tx: &Connection,
    feeds: &[FeedId],
    hosts: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    const PAUSE: &str =
        "DELETE FROM host WHERE host = (SELECT host FROM poll_state WHERE feed_id = ?1)";
    const PLAN: &str = "
        UPDATE poll_state SET next_poll_at = ?2, because = 'new', not_before = NULL, etag = NULL,
            last_modified = NULL, validated_url = NULL, full_at = NULL, failures = 0,
            failing_since = NULL, asks = NULL, ttl = NULL, update_period = NULL, skip_hours = 0,
            skip_days = 0, moved_to = NULL, moved_at = NULL, recheck_at = NULL, moved_by = NULL,
            new_feed_url = NULL, named_at = NULL, try_at = NULL, host = coalesce(?3, host)
        WHERE feed_id = ?1";
    for feed in feeds {
        let action = "reset a feed";
        if hosts {
            tx.execute(PAUSE, [feed.0]).context(action)?;
        }
        let url: String = tx
            .query_row("SELECT url FROM feed WHERE id = ?1", [feed.0], |row| row.get(0))
            .context(action)?;
        let url = FeedUrl::parse(&url).ok().filter(|url| !is_stand_in(url.as_str()));
        let host = url.and_then(|url| url.host());
        forget_document(tx, *feed)?;
        tx.execute(PLAN, params![feed.0, now.timestamp(), host.as_ref().map(Host::as_str)])
            .context(action)?;
    }
    Ok(())
}

/// Has all items of the next document read. The keys of the last document's articles stay: they keep old articles from
/// being removed that are still in the feed.
pub(super) fn forget_document(tx: &Connection, feed: FeedId) -> Result<(), StoreError> {
    const FORGET: &str = "UPDATE last_document SET body_hash = NULL, items = ?2 WHERE feed_id = ?1";
    let mut items = last_document::items(tx, feed)?.unwrap_or_default().0;
    for item in &mut items {
        item.hash = last_document::FORGOTTEN;
    }
    tx.prepare_cached(FORGET)
        .and_then(|mut s| s.execute(params![feed.0, last_document::encode(&items)]))
        .map(|_| ())
        .context("forget a document")
}

/// Has the articles of a feed read anew without an announcement, because its next document comes from another address,
/// and may have other links and texts.
pub(super) fn forget_readings(tx: &Connection, feed: FeedId) -> Result<(), StoreError> {
    forget_document(tx, feed)?;
    tx.prepare_cached("UPDATE feed_entry SET hash = ?2 WHERE feed_id = ?1")
        .and_then(|mut s| s.execute([feed.0, meta::READ_BY_OTHER_RULES]))
        .map(|_| ())
        .context("have a feed read anew")
}

/// Stores what a document says about its feed. A value stays when the document no longer has it.
pub(super) fn describe(tx: &Connection, feed: FeedId, meta: &FeedMeta) -> Result<(), StoreError> {
    const DESCRIBE: &str = "
        UPDATE feed SET title = coalesce(?2, title), home_page_url = coalesce(?3, home_page_url),
            description = coalesce(?4, description), language = coalesce(?5, language)
        WHERE id = ?1 AND (title, home_page_url, description, language) IS DISTINCT FROM
            (coalesce(?2, title), coalesce(?3, home_page_url), coalesce(?4, description),
             coalesce(?5, language))";
    tx.prepare_cached(DESCRIBE)
        .and_then(|mut s| {
            s.execute(params![
                feed.0,
                meta.title,
                meta.home_page_url,
                meta.description,
                meta.language
            ])
        })
        .context("describe a feed")?;
    Ok(())
}

/// What is read of each article to find the rhythm of its feed. All of it is in the index `article_latest_of_feed`.
const DATES: Columns<3> = Columns([
    ("order_at", "order_at"),
    ("first_seen_at", "first_seen_at"),
    ("is_dated", "order_at IS NOT DISTINCT FROM published_at AND order_at < first_seen_at - 60"),
]);

/// The dates of the latest articles of a feed, newest first, as far as they show its rhythm. Articles that are ordered
/// by the poll that found them count as one for each poll, because it found them all at once: those without a date,
/// and those of feeds that give the time of the request as date.
pub(super) fn recent_dates(tx: &Connection, feed: FeedId) -> Result<Vec<Timestamp>, StoreError> {
    const ENOUGH: usize = 20;
    let action = "read a feed's history";
    let recent = format!(
        "SELECT {} FROM article WHERE feed_id = ?1 ORDER BY order_at DESC, seq DESC LIMIT 2000",
        DATES.list()
    );
    let mut statement = tx.prepare_cached(&recent).context(action)?;
    let mut rows = statement.query([feed.0]).context(action)?;
    let (mut dates, mut batches) = (Vec::with_capacity(ENOUGH), HashSet::new());
    while let Some(row) = rows.next().context(action)?
        && dates.len() < ENOUGH
    {
        let is_dated: bool = row.get(column!(DATES.is_dated)).context(action)?;
        let seen_at: i64 = row.get(column!(DATES.first_seen_at)).context(action)?;
        if is_dated || batches.insert(seen_at) {
            dates.push(from_unix(row.get(column!(DATES.order_at)).context(action)?));
        }
    }
    Ok(dates)
}

/// A stored feed with its state, for the commands.
#[derive(Clone, Debug)]
pub struct FeedRow {
    pub id: FeedId,
    pub url: String,
    pub name: Option<String>,
    pub title: Option<String>,
    pub home_page_url: Option<String>,
    pub tags: Vec<String>,
    pub configured: bool,
    pub enabled: bool,
    pub next_poll_at: Option<Timestamp>,
    pub because: Option<Reason>,
    pub polled_at: Option<Timestamp>,
    pub succeeded_at: Option<Timestamp>,
    /// `None` before the first poll.
    pub outcome: Option<OutcomeKind>,
    pub status: Option<u16>,
    pub detail: Option<String>,
    /// Feed links found in the HTML page that the server returned instead of a feed.
    pub offers: Vec<String>,
    pub failures: f64,
    pub failing_since: Option<Timestamp>,
    pub articles: u64,
    /// Effective date of the newest article.
    pub newest_at: Option<Timestamp>,
}

impl FeedRow {
    /// The configured name, else the title, else the URL.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().or(self.title.as_deref()).unwrap_or(&self.url)
    }

    /// The description of this feed that its articles have.
    pub fn into_ref(self) -> FeedRef {
        let name = self.display_name().to_owned();
        let Self { url, title, home_page_url, tags, .. } = self;
        FeedRef { name, url, title, home_page_url, tags }
    }

    /// The state of this feed, as far as the store knows the configuration.
    pub fn state(&self) -> FeedState {
        match (self.configured, self.enabled) {
            (false, _) => FeedState::Retired,
            (true, false) => FeedState::Disabled,
            (true, true) => self.polling_state(),
        }
    }

    /// The state of polling, also when the feed is no longer polled.
    pub fn polling_state(&self) -> FeedState {
        let is_gone = self.because == Some(Reason::Gone);
        polling_state(is_gone, 0.0 < self.failures, self.succeeded_at.is_some())
    }

    /// Whether `text` is the name, title, URL or id of the feed, as a user may type it for FEED.
    pub fn is_called(&self, text: &str) -> bool {
        is_called(self.id, &self.url, [&self.name, &self.title], text)
    }
}

/// The state of the polling of a feed.
fn polling_state(is_gone: bool, is_failing: bool, has_succeeded: bool) -> FeedState {
    match (is_gone, is_failing, has_succeeded) {
        (true, _, _) => FeedState::Gone,
        (_, true, _) => FeedState::Failing,
        (_, _, true) => FeedState::Ok,
        // Not polled, or left for later because nobody could be reached.
        (false, false, false) => FeedState::New,
    }
}

/// Whether a feed (`f`) with its state (`p`) is polled.
pub(super) const IS_ACTIVE: &str = "f.configured = 1 AND f.enabled = 1";
/// Whether the server has said that the feed is gone for good (410).
pub(super) const IS_GONE: &str = "p.because = 'gone'";
/// Whether the last polls have failed.
pub(super) const IS_FAILING: &str = "0 < p.failures";

/// When a feed was polled and is polled next, for `status`. It is cheaper to read than a [`FeedRow`].
#[derive(Clone, Debug)]
pub struct FeedPlan {
    pub url: String,
    /// As [`FeedRow::polling_state`].
    pub polling_state: FeedState,
    pub polled_at: Option<Timestamp>,
    pub next_poll_at: Option<Timestamp>,
}

/// The plans of all feeds, with those of retired feeds.
pub(super) fn plans(connection: &Connection) -> Result<Vec<FeedPlan>, StoreError> {
    let sql = format!(
        "SELECT f.url, {IS_GONE}, {IS_FAILING}, p.succeeded_at IS NOT NULL, p.polled_at, p.next_poll_at
         FROM feed f JOIN poll_state p ON p.feed_id = f.id"
    );
    let one = |r: &Row<'_>| {
        Ok(FeedPlan {
            url: r.get(0)?,
            polling_state: polling_state(r.get(1)?, r.get(2)?, r.get(3)?),
            polled_at: time(r, 4)?,
            next_poll_at: time(r, 5)?,
        })
    };
    connection
        .prepare_cached(&sql)
        .and_then(|mut s| s.query_map([], one)?.collect())
        .context("read the plans of feeds")
}

/// When the feed that is polled next is due, or has been due.
pub(super) fn first_due(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    connection
        .prepare_cached("SELECT min(next_poll_at) FROM poll_state WHERE active = 1")
        .and_then(|mut s| s.query_row([], |row| time(row, 0)))
        .context("read the next plan")
}

fn is_called(id: FeedId, url: &str, names: [&Option<String>; 2], text: &str) -> bool {
    names.into_iter().any(|name| name.as_deref() == Some(text))
        || url == text
        || text.parse() == Ok(id.0)
}

/// The names and tags of a feed. Unlike a [`FeedRow`] it counts nothing and is cheap to read.
#[derive(Clone, Debug)]
pub struct FeedName {
    pub id: FeedId,
    pub url: String,
    pub name: Option<String>,
    pub title: Option<String>,
    pub tags: Vec<String>,
}

impl FeedName {
    /// As [`FeedRow::display_name`].
    pub fn display_name(&self) -> &str {
        self.name.as_deref().or(self.title.as_deref()).unwrap_or(&self.url)
    }

    /// As [`FeedRow::is_called`].
    pub fn is_called(&self, text: &str) -> bool {
        is_called(self.id, &self.url, [&self.name, &self.title], text)
    }
}

/// The names of all feeds, with those of retired feeds.
pub(super) fn named(connection: &Connection) -> Result<Vec<FeedName>, StoreError> {
    let one = |r: &Row<'_>| {
        Ok(FeedName {
            id: FeedId(r.get("id")?),
            url: r.get("url")?,
            name: r.get("name")?,
            title: r.get("title")?,
            tags: decode::texts(Some(r.get_ref("tags")?.as_str()?)),
        })
    };
    connection
        .prepare_cached("SELECT id, url, name, title, tags FROM feed ORDER BY id")
        .and_then(|mut s| s.query_map([], one)?.collect())
        .context("list the names of feeds")
}

/// What is read of each feed for a list.
const FEED: Columns<20> = Columns([
    ("id", "f.id"),
    ("url", "f.url"),
    ("name", "f.name"),
    ("title", "f.title"),
    ("home_page_url", "f.home_page_url"),
    ("tags", "f.tags"),
    ("configured", "f.configured"),
    ("enabled", "f.enabled"),
    ("next_poll_at", "p.next_poll_at"),
    ("because", "p.because"),
    ("polled_at", "p.polled_at"),
    ("succeeded_at", "p.succeeded_at"),
    ("outcome", "p.outcome"),
    ("status", "p.status"),
    ("detail", "p.detail"),
    ("offers", "p.offers"),
    ("failures", "p.failures"),
    ("failing_since", "p.failing_since"),
    ("articles", "coalesce(t.articles, 0)"),
    ("newest_at", "t.newest_at"),
]);

const FEED_TABLES: &str = "
    feed f JOIN poll_state p ON p.feed_id = f.id LEFT JOIN feed_totals t ON t.feed_id = f.id";

/// One feed by its id.
pub(super) fn find(connection: &Connection, id: i64) -> Result<Option<FeedRow>, StoreError> {
    let one = format!("SELECT {} FROM {FEED_TABLES} WHERE f.id = ?1", FEED.list());
    connection
        .prepare_cached(&one)
        .and_then(|mut s| s.query_row([id], row).optional())
        .context("read a feed")
}

pub(super) fn list(connection: &Connection) -> Result<Vec<FeedRow>, StoreError> {
    let list = format!(
        "SELECT {} FROM {FEED_TABLES}
         ORDER BY f.configured DESC, lower(coalesce(f.name, f.title, f.url)), f.id",
        FEED.list()
    );
    connection
        .prepare_cached(&list)
        .and_then(|mut s| s.query_map([], row)?.collect())
        .context("list feeds")
}

/// The feeds whose servers said that they are gone for good (410).
pub(super) fn gone(connection: &Connection) -> Result<HashSet<FeedId>, StoreError> {
    connection
        .prepare_cached("SELECT feed_id FROM poll_state WHERE because = ?1")
        .and_then(|mut s| {
            s.query_map([Reason::Gone.as_str()], |row| row.get(0).map(FeedId))?.collect()
        })
        .context("list the feeds that are gone")
}

/// When each feed is polled next, and at which host, for hosts that have several feeds. Which hosts have is found by the hashes
/// of their names here, because SQLite would sort all names. Two hosts whose names have the same hash count as one host.
pub(super) fn plans_of_shared_hosts(
    connection: &Connection,
) -> Result<Vec<(FeedId, Host, Timestamp)>, StoreError> {
    const PLANS: &str = "
        SELECT feed_id, host, next_poll_at FROM poll_state
        WHERE active = 1 AND next_poll_at IS NOT NULL AND host IS NOT NULL";
    let action = "read the plans of hosts with several feeds";
    let name = |r: &Row<'_>| Ok(xxh3_64(r.get_ref("host")?.as_str()?.as_bytes()));
    let mut statement = connection.prepare_cached(PLANS).context(action)?;
    let hashes = statement.query_map([], name).and_then(Iterator::collect);
    let mut hashes: Vec<u64> = hashes.context(action)?;
    hashes.sort_unstable();
    let shared: HashSet<u64> =
        hashes.windows(2).filter(|two| two.first() == two.last()).map(|two| two[0]).collect();
    drop(hashes);
    let one = |r: &Row<'_>| {
        let is_shared = shared.contains(&name(r)?);
        let plan = || {
            let host = Host::stored(r.get("host")?);
            Ok((FeedId(r.get("feed_id")?), host, from_unix(r.get("next_poll_at")?)))
        };
        is_shared.then(plan).transpose()
    };
    let plans = statement.query_map([], one).context(action)?;
    plans.filter_map(Result::transpose).collect::<Result<_, _>>().context(action)
}

fn row(r: &Row<'_>) -> database::Result<FeedRow> {
    let outcome: Option<String> = r.get(column!(FEED.outcome))?;
    let status: Option<u16> = r.get(column!(FEED.status))?;
    Ok(FeedRow {
        id: FeedId(r.get(column!(FEED.id))?),
        url: r.get(column!(FEED.url))?,
        name: r.get(column!(FEED.name))?,
        title: r.get(column!(FEED.title))?,
        home_page_url: r.get(column!(FEED.home_page_url))?,
        tags: decode::texts(Some(r.get_ref(column!(FEED.tags))?.as_str()?)),
        configured: r.get(column!(FEED.configured))?,
        enabled: r.get(column!(FEED.enabled))?,
        next_poll_at: time(r, column!(FEED.next_poll_at))?,
        because: Reason::parse(r.get_ref(column!(FEED.because))?.as_str()?),
        polled_at: time(r, column!(FEED.polled_at))?,
        succeeded_at: time(r, column!(FEED.succeeded_at))?,
        outcome: outcome.as_deref().and_then(|text| OutcomeKind::with_status(text, status)),
        status,
        detail: r.get(column!(FEED.detail))?,
        failures: r.get(column!(FEED.failures))?,
        failing_since: time(r, column!(FEED.failing_since))?,
        articles: count(r, column!(FEED.articles))?,
        newest_at: time(r, column!(FEED.newest_at))?,
        offers: decode::texts(r.get_ref(column!(FEED.offers))?.as_str_or_null()?),
    })
}

/// The data from which the next poll of a feed was computed, for `explain`.
#[derive(Clone, Debug)]
pub struct Facts {
    pub polls: u64,
    pub history: PollHistory,
    pub validators: Validators,
    /// When the server last sent a body.
    pub full_at: Option<Timestamp>,
    pub moved: Option<Move>,
    pub new_feed_url: Option<NewFeedUrl>,
}

pub(super) fn facts(connection: &Connection, feed: FeedId) -> Result<Option<Facts>, StoreError> {
    const FACTS: &str = "
        SELECT polls, failures, failing_since, asks, skip_hours, skip_days, etag, last_modified,
            validated_url, full_at, moved_to, moved_at, recheck_at, moved_by, new_feed_url, named_at,
            try_at
        FROM poll_state WHERE feed_id = ?1";
    let row = |r: &Row<'_>| {
        let min_waits: Option<String> = r.get("asks")?;
        Ok(Facts {
            polls: count(r, "polls")?,
            history: PollHistory {
                health: health(r.get("failures")?, r.get("failing_since")?),
                recent: Vec::new(),
                min_waits: min_waits.as_deref().map(decode_min_waits).unwrap_or_default(),
                skip_hours: r.get("skip_hours")?,
                skip_days: r.get("skip_days")?,
            },
            validators: validators(
                r.get("etag")?,
                r.get("last_modified")?,
                r.get("validated_url")?,
            ),
            full_at: time(r, "full_at")?,
            moved: moved(r, MOVED)?,
            new_feed_url: new_feed_url(r, NEW_FEED_URL)?,
        })
    };
    let mut found = connection
        .prepare_cached(FACTS)
        .and_then(|mut s| s.query_row([feed.0], row).optional())
        .context("read what is known of a feed")?;
    if let Some(facts) = &mut found {
        facts.history.recent = recent_dates(connection, feed)?;
    }
    Ok(found)
}

/// The permanent redirect of a feed; `None` when there is none. The columns are `moved_to`, `moved_at`, `recheck_at` and
/// `moved_by`.
pub(super) fn moved<I: Index>(
    r: &Row<'_>,
    [to, at, recheck_at, by]: [I; 4],
) -> database::Result<Option<Move>> {
    let Some(to) = address(r, to)? else { return Ok(None) };
    let recheck_at = r.get::<_, Option<i64>>(recheck_at)?.map(from_unix);
    let by = r.get_ref(by)?.as_str_or_null()?.and_then(MovedBy::parse).unwrap_or_default();
    let at: Option<i64> = r.get(at)?;
    Ok(at.map(|at| Move { to, at: from_unix(at), recheck_at, by }))
}

/// The new address that the document of a feed names; `None` when there is none. The columns are `new_feed_url`,
/// `named_at` and `try_at`.
pub(super) fn new_feed_url<I: Index>(
    r: &Row<'_>,
    [to, named_at, try_at]: [I; 3],
) -> database::Result<Option<NewFeedUrl>> {
    let Some(to) = address(r, to)? else { return Ok(None) };
    let try_at = r.get::<_, Option<i64>>(try_at)?.map(from_unix);
    let named_at: Option<i64> = r.get(named_at)?;
    Ok(named_at.map(|at| NewFeedUrl { to, named_at: from_unix(at), try_at }))
}

fn address<I: Index>(r: &Row<'_>, column: I) -> database::Result<Option<Url>> {
    Ok(r.get_ref(column)?.as_str_or_null()?.and_then(|url| Url::parse(url).ok()))
}

/// The health of a feed, from its columns.
pub(super) fn health(failures: f64, failing_since: Option<i64>) -> Health {
    Health { failures, failing_since: failing_since.map(from_unix) }
}

/// The validators for the next request to a feed, from their columns.
pub(super) fn validators(
    etag: Option<Vec<u8>>,
    last_modified: Option<Vec<u8>>,
    sent_by: Option<String>,
) -> Validators {
    let sent_by = sent_by.and_then(|url| Url::parse(&url).ok());
    Validators { etag, last_modified, sent_by }
}

fn decode_min_waits(text: &str) -> Vec<(Reason, TimeDelta)> {
    let pairs: Vec<(String, i64)> = serde_json::from_str(text).unwrap_or_default();
    let one = |(by, wait): (String, i64)| Some((Reason::parse(&by)?, TimeDelta::seconds(wait)));
    pairs.into_iter().filter_map(one).collect()
}
