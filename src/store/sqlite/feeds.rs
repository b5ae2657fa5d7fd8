//! The list of feeds, and what `feeds` and `status` show of them.

use std::collections::HashMap;
use std::hash::Hasher;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use url::Url;
use xxhash_rust::xxh3::Xxh3;

use crate::domain::feed::{FeedId, FeedMeta, FeedRef, FeedSpec, FeedState, FeedUrl};
use crate::domain::host::Host;
use crate::domain::poll::{
    Health, Move, NextPoll, OutcomeKind, PollHistory, Reason, Validators, address_at,
};
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::store::error::{Doing, StoreError};
use crate::store::sqlite::articles::decode;

/// A configured feed, and a text that differs exactly when its schedule does.
#[derive(Clone, Debug)]
pub struct FeedSync {
    pub spec: FeedSpec,
    pub policy: String,
}

/// What a change of the configuration came to.
#[derive(Clone, Debug, Default)]
pub struct Synced {
    /// In the order of the feeds given.
    pub ids: Vec<FeedId>,
    pub added: usize,
    pub retired: usize,
    /// Feeds that were polled before under another schedule: their plan is stale.
    pub stale: Vec<Planned>,
}

/// What a new plan for a known feed is computed from.
#[derive(Clone, Debug)]
pub struct Planned {
    pub feed: FeedId,
    pub polled_at: Timestamp,
    /// Whatever server and feed asked for is one wish here: no poll before the longest wait has passed.
    pub history: PollHistory,
}

const UPSERT: &str = "
    INSERT INTO feed (url, name, tags, configured, enabled, added_at) VALUES (?1, ?2, ?3, 1, ?4, ?5)
    ON CONFLICT (url) DO UPDATE SET name = ?2, tags = ?3, configured = 1, enabled = ?4
    RETURNING id";

/// A new feed is due at once.
const NEW_PLAN: &str = "
    INSERT INTO plan (feed_id, active, policy, next_poll_at, because, host)
    VALUES (?1, ?2, ?3, ?4, 'new', ?5)
    ON CONFLICT (feed_id) DO NOTHING";

const OLD_PLAN: &str = "
    SELECT policy, polled_at, failures, failing_since, not_before, next_poll_at, skip_hours,
        skip_days
    FROM plan WHERE feed_id = ?1";

/// A feed that has moved keeps the host that its last poll planned to ask next.
const SET_PLAN: &str = "
    UPDATE plan SET active = ?2, policy = ?3, host = iif(moved_to IS NULL, ?4, host)
    WHERE feed_id = ?1";

const RETIRE: &str = "
    UPDATE plan SET active = 0
    WHERE active = 1 AND feed_id NOT IN (SELECT id FROM feed WHERE configured = 1)";

/// Makes the stored list the configured one. Nothing is written when it is that already.
pub(in crate::store) fn sync(
    tx: &Connection,
    feeds: &[FeedSync],
    now: Timestamp,
) -> Result<Synced, StoreError> {
    let fingerprint = fingerprint(feeds);
    let last: Option<i64> = tx
        .query_row("SELECT value FROM meta WHERE key = 'feeds_hash'", [], |row| row.get(0))
        .optional()
        .doing("read the hash of the feed list")?;
    if last == Some(fingerprint) {
        return Ok(Synced { ids: ids_of(tx, feeds)?, ..Synced::default() });
    }
    let mut synced = Synced::default();
    tx.execute("UPDATE feed SET configured = 0", []).doing("retire feeds")?;
    for feed in feeds {
        let (id, planned) = sync_one(tx, feed, now)?;
        synced.ids.push(id);
        match planned {
            Change::Added => synced.added += 1,
            Change::Same => {}
            Change::Stale(planned) => synced.stale.push(planned),
        }
    }
    synced.retired = tx.execute(RETIRE, []).doing("retire feeds")?;
    tx.execute("INSERT OR REPLACE INTO meta VALUES ('feeds_hash', ?1)", [fingerprint])
        .doing("store the hash of the feed list")?;
    Ok(synced)
}

enum Change {
    Added,
    Same,
    Stale(Planned),
}

fn sync_one(
    tx: &Connection,
    FeedSync { spec, policy }: &FeedSync,
    now: Timestamp,
) -> Result<(FeedId, Change), StoreError> {
    let row = params![
        spec.url.as_str(),
        spec.name,
        json!(spec.tags).to_string(),
        spec.enabled,
        now.timestamp()
    ];
    let id: i64 = tx
        .prepare_cached(UPSERT)
        .and_then(|mut s| s.query_row(row, |row| row.get(0)))
        .doing("store a feed")?;
    let host = spec.url.host();
    let host = host.as_ref().map(Host::as_str);
    let added = tx
        .prepare_cached(NEW_PLAN)
        .and_then(|mut s| s.execute(params![id, spec.enabled, policy, now.timestamp(), host]))
        .doing("plan a new feed")?;
    if added == 1 {
        return Ok((FeedId(id), Change::Added));
    }
    let (stored_policy, planned) = tx
        .prepare_cached(OLD_PLAN)
        .and_then(|mut s| {
            s.query_row([id], |r| Ok((r.get::<_, String>(0)?, planned(r, FeedId(id))?)))
        })
        .doing("read a plan")?;
    tx.prepare_cached(SET_PLAN)
        .and_then(|mut s| s.execute(params![id, spec.enabled, policy, host]))
        .doing("update a plan")?;
    let change = match planned {
        Some(mut planned) if stored_policy != *policy => {
            planned.history.recent = recent_dates(tx, FeedId(id))?;
            Change::Stale(planned)
        }
        _ => Change::Same,
    };
    Ok((FeedId(id), change))
}

/// `None` for a feed that was never polled, and for one whose polling has ended (410): that stays so until
/// someone resets the feed.
fn planned(r: &Row<'_>, feed: FeedId) -> rusqlite::Result<Option<Planned>> {
    let time = |index: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(r.get::<_, Option<i64>>(index)?.map(from_unix))
    };
    let (Some(polled_at), Some(_)) = (time(1)?, time(5)?) else { return Ok(None) };
    Ok(Some(Planned {
        feed,
        polled_at,
        history: PollHistory {
            health: Health { failures: r.get(2)?, failing_since: time(3)? },
            recent: Vec::new(),
            asks: time(4)?.map(|at| (Reason::ServerAsked, at - polled_at)).into_iter().collect(),
            skip_hours: r.get(6)?,
            skip_days: r.get(7)?,
        },
    }))
}

fn ids_of(tx: &Connection, feeds: &[FeedSync]) -> Result<Vec<FeedId>, StoreError> {
    let mut statement =
        tx.prepare("SELECT url, id FROM feed WHERE configured = 1").doing("list feeds")?;
    let ids: HashMap<String, i64> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .doing("list feeds")?;
    Ok(feeds
        .iter()
        .filter_map(|feed| ids.get(feed.spec.url.as_str()).copied().map(FeedId))
        .collect())
}

fn fingerprint(feeds: &[FeedSync]) -> i64 {
    let mut hash = Xxh3::new();
    hash.write_u8(2); // What sync writes, by version: 2 brought the host.
    for FeedSync { spec, policy } in feeds {
        // Lengths keep neighbouring fields apart.
        let mut field = |text: &str| {
            hash.write_usize(text.len());
            hash.write(text.as_bytes());
        };
        field(spec.url.as_str());
        field(spec.name.as_deref().unwrap_or_default());
        field(&spec.tags.join("\0"));
        field(if spec.enabled { "enabled" } else { "disabled" });
        field(policy);
    }
    hash.finish().cast_signed()
}

pub(in crate::store) fn replan(
    tx: &Connection,
    plans: &[(FeedId, NextPoll)],
) -> Result<(), StoreError> {
    const REPLAN: &str =
        "UPDATE plan SET next_poll_at = ?2, because = ?3, host = ?4 WHERE feed_id = ?1";
    for (feed, next) in plans {
        let host = host_at(tx, *feed, next.at)?;
        let (at, host) = (next.at.map(|at| at.timestamp()), host.as_ref().map(Host::as_str));
        tx.prepare_cached(REPLAN)
            .and_then(|mut s| s.execute(params![feed.0, at, next.because.as_str(), host]))
            .doing("change a plan")?;
    }
    Ok(())
}

/// Stores the host that a poll at `at` asks.
pub(super) fn set_host(tx: &Connection, feed: FeedId, at: Timestamp) -> Result<(), StoreError> {
    let host = host_at(tx, feed, Some(at))?;
    tx.prepare_cached("UPDATE plan SET host = ?2 WHERE feed_id = ?1")
        .and_then(|mut s| s.execute(params![feed.0, host.as_ref().map(Host::as_str)]))
        .map(|_| ())
        .doing("store a feed's host")
}

/// The host of the address that a poll planned for `at` requests. It changes with the plan, because a plan
/// may or may not reach the recheck of a moved feed's configured address.
pub(super) fn host_at(
    tx: &Connection,
    feed: FeedId,
    at: Option<Timestamp>,
) -> Result<Option<Host>, StoreError> {
    const ADDRESSES: &str = "
        SELECT f.url, p.moved_to, p.moved_at, p.recheck_at
        FROM feed f JOIN plan p ON p.feed_id = f.id WHERE f.id = ?1";
    let (url, moved) = tx
        .prepare_cached(ADDRESSES)
        .and_then(|mut s| s.query_row([feed.0], |r| Ok((r.get::<_, String>(0)?, moved(r, 1)?))))
        .doing("read a feed's addresses")?;
    let (Ok(url), Some(at)) = (FeedUrl::parse(&url), at) else { return Ok(None) };
    Ok(Host::of(address_at(&url, moved.as_ref(), at)))
}

/// The identifiers' rule (`memory.key_policy`) stays: to trust again what once misled would make twins.
pub(in crate::store) fn reset(
    tx: &Connection,
    feeds: &[FeedId],
    hosts: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    const PAUSE: &str = "DELETE FROM host WHERE host = (SELECT host FROM plan WHERE feed_id = ?1)";
    const MEMORY: &str = "UPDATE memory SET body_hash = NULL, items = x'' WHERE feed_id = ?1";
    const PLAN: &str = "
        UPDATE plan SET next_poll_at = ?2, because = 'new', not_before = NULL, etag = NULL,
            last_modified = NULL, validated_url = NULL, full_at = NULL, failures = 0,
            failing_since = NULL, asks = NULL, ttl = NULL, update_period = NULL, skip_hours = 0,
            skip_days = 0, moved_to = NULL, moved_at = NULL, recheck_at = NULL, host = ?3
        WHERE feed_id = ?1";
    for feed in feeds {
        let doing = "reset a feed";
        if hosts {
            tx.execute(PAUSE, [feed.0]).doing(doing)?;
        }
        let url: String = tx
            .query_row("SELECT url FROM feed WHERE id = ?1", [feed.0], |row| row.get(0))
            .doing(doing)?;
        let host = FeedUrl::parse(&url).ok().and_then(|url| url.host());
        tx.execute(MEMORY, [feed.0]).doing(doing)?;
        tx.execute(PLAN, params![feed.0, now.timestamp(), host.as_ref().map(Host::as_str)])
            .doing(doing)?;
    }
    Ok(())
}

/// What a document says of its feed; kept when the document no longer says it.
pub(super) fn describe(tx: &Connection, feed: FeedId, meta: &FeedMeta) -> Result<(), StoreError> {
    const DESCRIBE: &str = "
        UPDATE feed SET title = coalesce(?2, title), home_page_url = coalesce(?3, home_page_url),
            description = coalesce(?4, description), language = coalesce(?5, language)
        WHERE id = ?1 AND (title, home_page_url, description, language) IS NOT
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
        .doing("describe a feed")?;
    Ok(())
}

/// Enough to see how often a feed publishes.
pub(super) fn recent_dates(tx: &Connection, feed: FeedId) -> Result<Vec<Timestamp>, StoreError> {
    const RECENT: &str = "
        SELECT order_at FROM article WHERE feed_id = ?1 ORDER BY order_at DESC, seq DESC LIMIT 20";
    tx.prepare_cached(RECENT)
        .and_then(|mut s| s.query_map([feed.0], |row| row.get(0))?.collect::<Result<Vec<_>, _>>())
        .map(|seconds| seconds.into_iter().map(from_unix).collect())
        .doing("read a feed's history")
}

/// A feed as the store knows it, for people and programs.
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
    /// The configured name, else the title, else the address.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().or(self.title.as_deref()).unwrap_or(&self.url)
    }

    /// As an article carries it.
    pub fn into_ref(self) -> FeedRef {
        let name = self.display_name().to_owned();
        let Self { url, title, home_page_url, tags, .. } = self;
        FeedRef { name, url, title, home_page_url, tags }
    }

    /// How it is doing, as far as the store knows the configuration.
    pub fn state(&self) -> FeedState {
        match (self.configured, self.enabled) {
            (false, _) => FeedState::Retired,
            (true, false) => FeedState::Disabled,
            (true, true) => self.polling_state(),
        }
    }

    /// How polling it goes, whether it is polled now or not.
    pub fn polling_state(&self) -> FeedState {
        if self.because == Some(Reason::Gone) {
            FeedState::Gone
        } else if 0.0 < self.failures {
            FeedState::Failing
        } else if self.polled_at.is_some() {
            FeedState::Ok
        } else {
            FeedState::New
        }
    }

    /// Whether `text` is the feed's name, title, address or id: what a user may type for FEED.
    pub fn is_called(&self, text: &str) -> bool {
        is_called(self.id, &self.url, [&self.name, &self.title], text)
    }
}

fn is_called(id: FeedId, url: &str, names: [&Option<String>; 2], text: &str) -> bool {
    names.into_iter().any(|name| name.as_deref() == Some(text))
        || url == text
        || text.parse() == Ok(id.0)
}

/// As little of a feed as it takes to name it: unlike a [`FeedRow`] it counts nothing.
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

/// All feeds by their names, retired ones included.
pub(super) fn named(connection: &Connection) -> Result<Vec<FeedName>, StoreError> {
    let one = |r: &Row<'_>| {
        Ok(FeedName {
            id: FeedId(r.get(0)?),
            url: r.get(1)?,
            name: r.get(2)?,
            title: r.get(3)?,
            tags: decode::texts(Some(r.get_ref(4)?.as_str()?)),
        })
    };
    connection
        .prepare_cached("SELECT id, url, name, title, tags FROM feed ORDER BY id")
        .and_then(|mut s| s.query_map([], one)?.collect())
        .doing("list the names of feeds")
}

const LIST: &str = "
    SELECT f.id, f.url, f.name, f.title, f.home_page_url, f.tags, f.configured, f.enabled,
        p.next_poll_at, p.because, p.polled_at, p.succeeded_at, p.outcome, p.status, p.detail,
        p.failures, p.failing_since,
        (SELECT count(*) FROM article a WHERE a.feed_id = f.id),
        (SELECT max(order_at) FROM article a WHERE a.feed_id = f.id), p.offers
    FROM feed f JOIN plan p ON p.feed_id = f.id
    ORDER BY f.configured DESC, coalesce(f.name, f.title, f.url) COLLATE NOCASE, f.id";

pub(super) fn list(connection: &Connection) -> Result<Vec<FeedRow>, StoreError> {
    connection
        .prepare_cached(LIST)
        .and_then(|mut s| s.query_map([], row)?.collect())
        .doing("list feeds")
}

fn row(r: &Row<'_>) -> rusqlite::Result<FeedRow> {
    let time = |index: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(r.get::<_, Option<i64>>(index)?.map(from_unix))
    };
    let (outcome, status): (Option<String>, Option<u16>) = (r.get(12)?, r.get(13)?);
    Ok(FeedRow {
        id: FeedId(r.get(0)?),
        url: r.get(1)?,
        name: r.get(2)?,
        title: r.get(3)?,
        home_page_url: r.get(4)?,
        tags: decode::texts(Some(r.get_ref(5)?.as_str()?)),
        configured: r.get(6)?,
        enabled: r.get(7)?,
        next_poll_at: time(8)?,
        because: Reason::parse(r.get_ref(9)?.as_str()?),
        polled_at: time(10)?,
        succeeded_at: time(11)?,
        outcome: outcome.as_deref().and_then(|text| OutcomeKind::parse(text, status)),
        status,
        detail: r.get(14)?,
        failures: r.get(15)?,
        failing_since: time(16)?,
        articles: r.get::<_, i64>(17)?.cast_unsigned(),
        newest_at: time(18)?,
        offers: decode::texts(r.get::<_, Option<String>>(19)?.as_deref()),
    })
}

/// What a feed's next poll was computed from, for `explain`.
#[derive(Clone, Debug)]
pub struct Facts {
    pub polls: u64,
    pub history: PollHistory,
    pub validators: Validators,
    /// When the server last sent a body.
    pub full_at: Option<Timestamp>,
    pub moved: Option<Move>,
}

pub(super) fn facts(connection: &Connection, feed: FeedId) -> Result<Option<Facts>, StoreError> {
    const FACTS: &str = "
        SELECT polls, failures, failing_since, asks, skip_hours, skip_days, etag, last_modified,
            validated_url, full_at, moved_to, moved_at, recheck_at
        FROM plan WHERE feed_id = ?1";
    let row = |r: &Row<'_>| {
        let asks: Option<String> = r.get(3)?;
        let sent_by: Option<String> = r.get(8)?;
        Ok(Facts {
            polls: r.get::<_, i64>(0)?.cast_unsigned(),
            history: PollHistory {
                health: Health {
                    failures: r.get(1)?,
                    failing_since: r.get::<_, Option<i64>>(2)?.map(from_unix),
                },
                recent: Vec::new(),
                asks: asks.as_deref().map(decode_asks).unwrap_or_default(),
                skip_hours: r.get(4)?,
                skip_days: r.get(5)?,
            },
            validators: Validators {
                etag: r.get(6)?,
                last_modified: r.get(7)?,
                sent_by: sent_by.and_then(|url| Url::parse(&url).ok()),
            },
            full_at: r.get::<_, Option<i64>>(9)?.map(from_unix),
            moved: moved(r, 10)?,
        })
    };
    let mut found = connection
        .prepare_cached(FACTS)
        .and_then(|mut s| s.query_row([feed.0], row).optional())
        .doing("read what is known of a feed")?;
    if let Some(facts) = &mut found {
        facts.history.recent = recent_dates(connection, feed)?;
    }
    Ok(found)
}

/// From three columns that begin at `first`.
pub(super) fn moved(r: &Row<'_>, first: usize) -> rusqlite::Result<Option<Move>> {
    let to: Option<String> = r.get(first)?;
    let at: Option<i64> = r.get(first + 1)?;
    let recheck_at = r.get::<_, Option<i64>>(first + 2)?.map(from_unix);
    let to = to.and_then(|to| Url::parse(&to).ok());
    Ok(to.zip(at).map(|(to, at)| Move { to, at: from_unix(at), recheck_at }))
}

fn decode_asks(text: &str) -> Vec<(Reason, TimeDelta)> {
    let pairs: Vec<(String, i64)> = serde_json::from_str(text).unwrap_or_default();
    let one = |(by, wait): (String, i64)| Some((Reason::parse(&by)?, TimeDelta::seconds(wait)));
    pairs.into_iter().filter_map(one).collect()
}
