//! The queue of article pages, and what comes of each: the text of an article, or the reason why there is none.
//!
//! `article_page` has a row for each article whose feed has `full_text`. Which parts of an article are shown as its page
//! has them is decided in `article_page::merge`; what the feed said in their place is in `feed_version`.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use url::Url;

use crate::article_page::merge::{Merged, Part, Parts, is_plausible, merge};
use crate::article_page::model::{ArticlePage, Engine};
use crate::domain::article::{ArticleDraft, FullText, FullTextState, effective_date};
use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::poll::{HostWait, Validators};
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::feed::normalise::edit::Before;
use crate::feed::normalise::noise::{is_same_html, is_same_text};
use crate::html::sanitise::SanitisedHtml;
use crate::html::to_text::html_to_text;
use crate::polling::pages::{
    OUTAGE_WAIT, RECENT, asked_again_at, postponed_to, refresh_at, retry_at, unnamed_pause,
};
use crate::store::error::{Context, StoreError};
use crate::store::sqlite::columns::{self, decode, time};
use crate::store::sqlite::duplicates::{self, Recent};
use crate::store::sqlite::own_page::{NotOwnPage, not_own_page};
use crate::store::sqlite::{article_keys, feeds, held, meta, revisions};

/// A request for pages to fetch.
#[derive(Clone, Debug)]
pub struct PageClaim {
    pub now: Timestamp,
    pub limit: usize,
    /// Only pages of these feeds.
    pub feeds: HashSet<FeedId>,
    /// How many pages of a host may be claimed.
    pub per_host: usize,
    /// Hosts of which fewer pages may be claimed now, or more, and how many.
    pub slots: HashMap<Host, usize>,
    /// How many pages a host may be asked for on one day.
    pub per_day: u64,
    /// No page of a host is claimed if one of its feeds is due within this time, because polls come first. `None`: the
    /// polls have been.
    pub before_poll: Option<TimeDelta>,
    /// Hosts whose pages do not wait for polls.
    pub exempt: HashSet<Host>,
}

/// A page to fetch.
#[derive(Clone, Debug)]
pub struct PageJob {
    /// The row of the article.
    pub article: i64,
    pub feed: FeedId,
    /// The title of the article.
    pub title: Option<String>,
    pub url: Url,
    pub host: Host,
    pub validators: Validators,
    /// Why there is nothing to request.
    pub not_own: Option<NotOwnPage>,
}

/// The pages that may be fetched now.
#[derive(Clone, Debug, Default)]
pub struct DuePages {
    pub jobs: Vec<PageJob>,
    /// Articles whose page is not fetched, because they are duplicates of one whose page is.
    pub settled: Vec<i64>,
    /// Whether pages are due that wait only for another request to their host, or for a search for duplicates.
    pub waits_shortly: bool,
    /// When the next page is due.
    pub next_at: Option<Timestamp>,
}

/// What came of a request for a page.
#[derive(Clone, Debug)]
pub enum PageOutcome {
    Fetched(Box<ArticlePage>, Validators),
    /// The page is as it was.
    NotModified,
    /// There is no text, and the page is not requested again.
    Refused {
        state: FullTextState,
        reason: String,
    },
    /// The request failed and counts as an attempt.
    Failed {
        reason: String,
    },
    /// The request does not count, and is repeated after this time; `None` for that of the pause.
    Postponed {
        wait: Option<TimeDelta>,
        reason: String,
    },
}

impl PageOutcome {
    /// The name for logs and metrics, and the reason.
    pub fn name_and_reason(&self) -> (&'static str, &str) {
        match self {
            Self::Fetched(..) => ("fetched", ""),
            Self::NotModified => ("not_modified", ""),
            Self::Refused { state, reason } => (state.as_str(), reason),
            Self::Failed { reason } => ("failed", reason),
            Self::Postponed { reason, .. } => ("postponed", reason),
        }
    }
}

/// A request for a page that has ended.
#[derive(Clone, Debug)]
pub struct PageDone {
    pub article: i64,
    pub outcome: PageOutcome,
    pub now: Timestamp,
    /// The time after which young articles are requested again.
    pub refresh: TimeDelta,
    pub keep_revisions: u32,
    /// The host that asked to be left alone, and for how long.
    pub pause: Option<(Host, HostWait)>,
}

/// What a finished request has changed in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageStored {
    /// Consumers can hear of a change.
    pub changed: bool,
    pub edited: bool,
}

/// The day of a time, in days since 1970 (UTC).
fn day(now: Timestamp) -> i64 {
    now.timestamp().div_euclid(86_400)
}

/// Puts a new article in the queue, if it has a link.
pub(super) fn enqueue(
    tx: &Connection,
    (article, feed, order_at): (i64, FeedId, i64),
    draft: &ArticleDraft,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const PUT: &str = "
        INSERT OR IGNORE INTO article_page (article_id, feed_id, order_at, host, url, state, next_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6)";
    let Some((host, url)) = page_of(draft.url.as_deref().or(draft.external_url.as_deref())) else {
        return Ok(false);
    };
    tx.prepare_cached(PUT)
        .and_then(|mut s| {
            s.execute(params![article, feed.0, order_at, host.as_str(), url, now.timestamp()])
        })
        .map(|_| true)
        .context("queue an article page")
}

/// The host and the address of a page.
fn page_of(url: Option<&str>) -> Option<(Host, &str)> {
    let url = url?;
    Some((Host::of(&Url::parse(url).ok()?)?, url))
}

/// Makes the queue that of the feeds with `full_text`: puts their recent articles in it, and removes the pages of other
/// feeds. Articles that were held back for these are announced.
pub(in crate::store) fn sync(
    tx: &Connection,
    wanted: &[FeedId],
    now: Timestamp,
) -> Result<(), StoreError> {
    const OTHERS: &str = " FROM article_page
        WHERE next_at IS NOT NULL AND feed_id NOT IN (SELECT value FROM json_each(?1))";
    const RECENT_OF: &str = "
        SELECT a.id, a.order_at, coalesce(a.url, a.external_url) AS url FROM article a
        WHERE a.feed_id = ?1 AND ?2 <= a.order_at AND coalesce(a.url, a.external_url) IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM article_page p WHERE p.article_id = a.id)";
    let action = "bring the queue of article pages up to date";
    let ids = json!(wanted.iter().map(|feed| feed.0).collect::<Vec<_>>()).to_string();
    let held: Vec<i64> = tx
        .prepare_cached(&format!("SELECT article_id{OTHERS}"))
        .and_then(|mut s| s.query_map([&ids], |row| row.get(0))?.collect())
        .context(action)?;
    held::release(tx, &held)?;
    tx.execute(&format!("DELETE{OTHERS} AND state = 'pending'"), [&ids]).context(action)?;
    tx.execute(
        "UPDATE article_page SET next_at = NULL
         WHERE next_at IS NOT NULL AND feed_id NOT IN (SELECT value FROM json_each(?1))",
        [&ids],
    )
    .context(action)?;
    let since = (now - RECENT).timestamp();
    for feed in wanted {
        let recent: Vec<(i64, i64, String)> = tx
            .prepare_cached(RECENT_OF)
            .and_then(|mut s| {
                let one = |r: &Row<'_>| Ok((r.get("id")?, r.get("order_at")?, r.get("url")?));
                s.query_map([feed.0, since], one)?.collect()
            })
            .context(action)?;
        for (article, order_at, url) in recent {
            let Some((host, url)) = page_of(Some(&url)) else { continue };
            tx.prepare_cached(
                "INSERT INTO article_page (article_id, feed_id, order_at, host, url, state, next_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6)",
            )
            .and_then(|mut s| {
                s.execute(params![article, feed.0, order_at, host.as_str(), url, now.timestamp()])
            })
            .context(action)?;
        }
    }
    Ok(())
}

/// The pages to fetch next, without leasing them: those that were never fetched first, and among them those of the newest
/// articles.
pub(super) fn due(connection: &Connection, claim: &PageClaim) -> Result<DuePages, StoreError> {
    const QUEUE: &str = "
        SELECT article_id, next_at, leased_until, host, feed_id FROM article_page
        WHERE next_at IS NOT NULL
        ORDER BY is_fetched, order_at DESC, article_id DESC";
    let action = "look at the queue of article pages";
    let now = claim.now.timestamp();
    let matched = meta::matched_seq(connection)?;
    let mut hosts = Hosts::new(connection, claim)?;
    let mut found = DuePages::default();
    let mut queue = connection.prepare_cached(QUEUE).context(action)?;
    let mut rows = queue.query([]).context(action)?;
    while let Some(row) = rows.next().context(action)? {
        let article: i64 = row.get(0).context(action)?;
        let leased_until: i64 = row.get(2).context(action)?;
        let at = row.get::<_, i64>(1).context(action)?.max(leased_until);
        if now < at {
            let at = from_unix(at);
            found.next_at = Some(found.next_at.map_or(at, |next| next.min(at)));
            continue;
        }
        if !claim.feeds.contains(&FeedId(row.get(4).context(action)?)) {
            continue;
        }
        let host = row.get_ref(3).and_then(|value| Ok(value.as_str()?)).context(action)?;
        let slots = hosts.slots(connection, host)?;
        if matched < article || slots == Slots::Busy {
            found.waits_shortly = true;
            continue;
        }
        if slots == Slots::Closed {
            continue;
        }
        if is_settled_by_original(connection, article)? {
            found.settled.push(article);
            continue;
        }
        if let Some(job) = job(connection, article)? {
            hosts.take(host);
            found.jobs.push(job);
        }
        if claim.limit <= found.jobs.len() {
            found.waits_shortly = true;
            break;
        }
    }
    Ok(found)
}

/// Whether an article is the same as one of another feed whose page is fetched too.
fn is_settled_by_original(connection: &Connection, article: i64) -> Result<bool, StoreError> {
    const SETTLED: &str = "
        SELECT EXISTS (SELECT 1 FROM article_duplicate d JOIN article_page p ON p.article_id = d.original_id
            WHERE d.article_id = ?1 AND p.state IN ('pending', 'page', 'feed'))";
    connection
        .prepare_cached(SETTLED)
        .and_then(|mut s| s.query_row([article], |row| row.get(0)))
        .context("look for the page of an original")
}

fn job(connection: &Connection, article: i64) -> Result<Option<PageJob>, StoreError> {
    const JOB: &str = "
        SELECT p.feed_id, a.title, p.url, p.etag, p.last_modified, p.validated_url
        FROM article_page p JOIN article a ON a.id = p.article_id WHERE p.article_id = ?1";
    let one = |r: &Row<'_>| -> rusqlite::Result<Option<PageJob>> {
        let url = Url::parse(r.get_ref("url")?.as_str()?).ok();
        let Some((url, host)) = url.and_then(|url| Some((url.clone(), Host::of(&url)?))) else {
            return Ok(None);
        };
        Ok(Some(PageJob {
            article,
            feed: FeedId(r.get("feed_id")?),
            title: r.get("title")?,
            url,
            host,
            validators: feeds::validators(
                r.get("etag")?,
                r.get("last_modified")?,
                r.get("validated_url")?,
            ),
            not_own: None,
        }))
    };
    let job = connection
        .prepare_cached(JOB)
        .and_then(|mut s| s.query_row([article], one).optional())
        .context("read an article page")?;
    let Some(mut job) = job.flatten() else { return Ok(None) };
    job.not_own = not_own_page(connection, job.feed, article, &job.url)?;
    Ok(Some(job))
}

/// How many more pages a host may be asked for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slots {
    Free(usize),
    /// The time of other requests has to pass.
    Busy,
    /// The host is paused, was asked for all pages of the day, or is about to be polled.
    Closed,
}

/// What is known of the hosts during one look at the queue.
struct Hosts<'a> {
    claim: &'a PageClaim,
    /// Hosts with a feed that is due soon or is being polled.
    before_poll: HashSet<String>,
    known: HashMap<String, Slots>,
}

impl<'a> Hosts<'a> {
    fn new(connection: &Connection, claim: &'a PageClaim) -> Result<Self, StoreError> {
        const SOON: &str = "
            SELECT DISTINCT host FROM poll_state WHERE active = 1 AND next_poll_at <= ?1 AND host IS NOT NULL";
        let mut before_poll = HashSet::new();
        if let Some(span) = claim.before_poll {
            before_poll = connection
                .prepare_cached(SOON)
                .and_then(|mut s| {
                    s.query_map([(claim.now + span).timestamp()], |row| row.get(0))?.collect()
                })
                .context("look for hosts that are polled soon")?;
        }
        for host in &claim.exempt {
            before_poll.remove(host.as_str());
        }
        Ok(Self { claim, before_poll, known: HashMap::new() })
    }

    fn slots(&mut self, connection: &Connection, host: &str) -> Result<Slots, StoreError> {
        if let Some(known) = self.known.get(host) {
            return Ok(*known);
        }
        let slots = self.look_up(connection, host)?;
        self.known.insert(host.to_owned(), slots);
        Ok(slots)
    }

    fn look_up(&self, connection: &Connection, host: &str) -> Result<Slots, StoreError> {
        const REQUESTS: &str = "
            SELECT iif(day = ?2, requests, 0) FROM page_host WHERE host = ?1";
        // No pause is longer than seven days; see `polls`.
        const PAUSED: &str = "
            SELECT EXISTS (SELECT 1 FROM host WHERE host = ?1 AND paused_until BETWEEN ?2 + 1 AND ?2 + 604860)
                OR EXISTS (SELECT 1 FROM page_host WHERE host = ?1 AND paused_until BETWEEN ?2 + 1 AND ?2 + 604860)";
        let action = "look at the host of an article page";
        if self.before_poll.contains(host) {
            return Ok(Slots::Closed);
        }
        let now = self.claim.now;
        let paused: bool = connection
            .prepare_cached(PAUSED)
            .and_then(|mut s| s.query_row(params![host, now.timestamp()], |row| row.get(0)))
            .context(action)?;
        let requests: Option<i64> = connection
            .prepare_cached(REQUESTS)
            .and_then(|mut s| s.query_row(params![host, day(now)], |row| row.get(0)).optional())
            .context(action)?;
        let left = self.claim.per_day.saturating_sub(requests.unwrap_or_default().cast_unsigned());
        if paused || left == 0 {
            return Ok(Slots::Closed);
        }
        let free = self.claim.slots.get(&Host::stored(host.to_owned())).copied();
        let free = free.unwrap_or(self.claim.per_host);
        let free = free.min(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(if free == 0 { Slots::Busy } else { Slots::Free(free) })
    }

    fn take(&mut self, host: &str) {
        if let Some(Slots::Free(left)) = self.known.get(host).copied() {
            let next = if left <= 1 { Slots::Busy } else { Slots::Free(left - 1) };
            self.known.insert(host.to_owned(), next);
        }
    }
}

/// Removes articles from the queue whose page is not fetched.
pub(in crate::store) fn settle(tx: &Connection, articles: &[i64]) -> Result<(), StoreError> {
    const SETTLE: &str = "DELETE FROM article_page WHERE article_id = ?1 AND state = 'pending'";
    held::release(tx, articles)?;
    for article in articles {
        tx.prepare_cached(SETTLE)
            .and_then(|mut s| s.execute([article]))
            .context("remove an article page from the queue")?;
    }
    Ok(())
}

/// Leases pages that are about to be requested, and counts the requests. Returns those that are leased: another process
/// may have some of them.
pub(in crate::store) fn lease(
    tx: &Connection,
    jobs: Vec<PageJob>,
    lease: TimeDelta,
    now: Timestamp,
) -> Result<Vec<PageJob>, StoreError> {
    const LEASE: &str = "
        UPDATE article_page SET leased_until = ?2, tried_at = coalesce(tried_at, ?3)
        WHERE article_id = ?1 AND next_at <= ?3 AND leased_until <= ?3";
    const COUNT: &str = "
        INSERT INTO page_host (host, day, requests) VALUES (?1, ?2, 1)
        ON CONFLICT (host) DO UPDATE SET requests = iif(day = ?2, requests, 0) + 1, day = ?2";
    let action = "lease an article page";
    let until = (now + lease).timestamp();
    let mut leased = Vec::with_capacity(jobs.len());
    for job in jobs {
        let found = tx
            .prepare_cached(LEASE)
            .and_then(|mut s| s.execute(params![job.article, until, now.timestamp()]))
            .context(action)?;
        if found == 1 {
            tx.prepare_cached(COUNT)
                .and_then(|mut s| s.execute(params![job.host.as_str(), day(now)]))
                .context(action)?;
            leased.push(job);
        }
    }
    Ok(leased)
}

/// Ends all leases. The caller must know that no other process fetches pages.
pub(in crate::store) fn release_all(tx: &Connection) -> Result<(), StoreError> {
    tx.execute("UPDATE article_page SET leased_until = 0 WHERE leased_until <> 0", [])
        .map(|_| ())
        .context("release all article pages")
}

/// Stores what came of a request. Consumers hear of the article now, if it was held back for its page.
pub(in crate::store) fn apply(
    tx: &Connection,
    recent: &mut Recent,
    done: &PageDone,
) -> Result<PageStored, StoreError> {
    let pause = settle_host(tx, done)?;
    let Some(row) = page_row(tx, done.article)? else { return Ok(PageStored::default()) };
    let mut stored = PageStored::default();
    match &done.outcome {
        PageOutcome::Fetched(page, validators) => {
            let shown = show(tx, done, &row, page)?;
            note_fetched(tx, done, &row, (page, validators, &shown.merged))?;
            if !row.is_fetched {
                duplicates::add_page(tx, recent, done.article, done.now)?;
            }
            stored = shown.stored;
        }
        PageOutcome::NotModified => {
            plan(tx, done, refresh_at(row.first_seen, done.refresh, done.now), None)?;
        }
        PageOutcome::Refused { state, reason } => fail(tx, done, &row, (*state, reason), None)?,
        PageOutcome::Failed { reason } => {
            let next = retry_at(row.attempts + 1, done.now);
            fail(tx, done, &row, (FullTextState::Failed, reason), next)?;
        }
        PageOutcome::Postponed { wait, reason } => {
            let wait = wait.or(pause).unwrap_or(OUTAGE_WAIT);
            let next = postponed_to(row.tried_at, wait, done.now);
            if next.is_some() {
                plan(tx, done, next, Some(reason))?;
                return Ok(stored); // An article that is held back goes on waiting.
            }
            fail(tx, done, &row, (FullTextState::Failed, reason), None)?;
        }
    }
    stored.changed |= held::release(tx, &[done.article])?;
    Ok(stored)
}

/// What is known of a page before its request has ended.
struct PageRow {
    feed: FeedId,
    state: FullTextState,
    attempts: u32,
    tried_at: Option<Timestamp>,
    is_fetched: bool,
    first_seen: Timestamp,
}

fn page_row(tx: &Connection, article: i64) -> Result<Option<PageRow>, StoreError> {
    const ROW: &str = "
        SELECT p.feed_id, p.state, p.attempts, p.tried_at, p.is_fetched, a.first_seen_at
        FROM article_page p JOIN article a ON a.id = p.article_id WHERE p.article_id = ?1";
    let one = |r: &Row<'_>| {
        Ok(PageRow {
            feed: FeedId(r.get("feed_id")?),
            state: FullTextState::parse(r.get_ref("state")?.as_str()?)
                .unwrap_or(FullTextState::Pending),
            attempts: r.get("attempts")?,
            tried_at: time(r, "tried_at")?,
            is_fetched: r.get("is_fetched")?,
            first_seen: from_unix(r.get("first_seen_at")?),
        })
    };
    tx.prepare_cached(ROW)
        .and_then(|mut s| s.query_row([article], one).optional())
        .context("read an article page")
}

/// Stores the pause of a host and returns its length, or ends the series of pauses of a host that answered well.
fn settle_host(tx: &Connection, done: &PageDone) -> Result<Option<TimeDelta>, StoreError> {
    const STRIKES: &str = "SELECT strikes FROM page_host WHERE host = ?1";
    const PAUSE: &str = "
        INSERT INTO page_host (host, day, requests, paused_until, strikes) VALUES (?1, ?2, 0, ?3, ?4)
        ON CONFLICT (host) DO UPDATE SET paused_until = max(?3, paused_until), strikes = strikes + ?4";
    const FORGIVE: &str = "
        UPDATE page_host SET strikes = 0
        WHERE 0 < strikes AND host = (SELECT host FROM article_page WHERE article_id = ?1)";
    let action = "pause a host for article pages";
    let Some((host, wait)) = &done.pause else {
        if matches!(done.outcome, PageOutcome::Fetched(..) | PageOutcome::NotModified) {
            tx.prepare_cached(FORGIVE)
                .and_then(|mut s| s.execute([done.article]))
                .context(action)?;
        }
        return Ok(None);
    };
    let strikes: Option<u32> = tx
        .prepare_cached(STRIKES)
        .and_then(|mut s| s.query_row([host.as_str()], |row| row.get(0)).optional())
        .context(action)?;
    let (wait, strike) = match wait {
        HostWait::Named(wait) => (*wait, 0),
        HostWait::Unnamed => (unnamed_pause(strikes.unwrap_or_default()), 1),
    };
    let until = (done.now + wait).timestamp();
    tx.prepare_cached(PAUSE)
        .and_then(|mut s| s.execute(params![host.as_str(), day(done.now), until, strike]))
        .context(action)?;
    Ok(Some(wait))
}

/// Stores the time of the next request, and nothing else but perhaps a reason.
fn plan(
    tx: &Connection,
    done: &PageDone,
    next: Option<Timestamp>,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    const PLAN: &str = "
        UPDATE article_page SET next_at = ?2, leased_until = 0, reason = coalesce(?3, reason)
        WHERE article_id = ?1";
    let next = next.map(|at| at.timestamp());
    tx.prepare_cached(PLAN)
        .and_then(|mut s| s.execute(params![done.article, next, reason]))
        .map(|_| ())
        .context("plan an article page")
}

/// Stores that there is no text. A page that was fetched before keeps its state.
fn fail(
    tx: &Connection,
    done: &PageDone,
    row: &PageRow,
    (state, reason): (FullTextState, &str),
    next: Option<Timestamp>,
) -> Result<(), StoreError> {
    const FAIL: &str = "
        UPDATE article_page SET state = ?2, reason = ?3, attempts = attempts + 1, next_at = ?4, leased_until = 0
        WHERE article_id = ?1";
    if row.is_fetched {
        let refreshed = refresh_at(row.first_seen, done.refresh, done.now);
        return plan(tx, done, refreshed, None);
    }
    let next = next.map(|at| at.timestamp());
    // While there is a next attempt, it is not known yet what comes of the page.
    let state = if next.is_some() { row.state } else { state };
    tx.prepare_cached(FAIL)
        .and_then(|mut s| s.execute(params![done.article, state.as_str(), reason, next]))
        .map(|_| ())
        .context("store why an article page was not fetched")
}

fn note_fetched(
    tx: &Connection,
    done: &PageDone,
    row: &PageRow,
    (page, validators, merged): (&ArticlePage, &Validators, &Merged),
) -> Result<(), StoreError> {
    const FETCHED: &str = "
        UPDATE article_page SET state = ?2, engine = ?3, words = ?4, canonical_url = ?5, dates_article = ?6,
            etag = ?7, last_modified = ?8, validated_url = ?9, next_at = ?10, fetched_at = ?11, is_fetched = 1, reason = ?12,
            attempts = 0, leased_until = 0
        WHERE article_id = ?1";
    let is_from_page = merged.from_page.contains(&Part::Content);
    let (state, reason) = match (page.is_paywalled, is_from_page) {
        (true, _) => (FullTextState::Paywall, Some("the page shows only a part of the article")),
        (false, true) => (FullTextState::Page, None),
        (false, false) => (FullTextState::Feed, Some("the text of the feed is the longer one")),
    };
    let words = match &merged.parts.content_html {
        Some(_) if is_from_page => page.words,
        Some(html) => html_to_text(html).split_whitespace().count(),
        None => merged.parts.summary.as_deref().unwrap_or_default().split_whitespace().count(),
    };
    let next = refresh_at(row.first_seen, done.refresh, done.now);
    tx.prepare_cached(FETCHED)
        .and_then(|mut s| {
            s.execute(params![
                done.article,
                state.as_str(),
                page.engine.filter(|_| is_from_page).map(Engine::name),
                i64::try_from(words).unwrap_or(i64::MAX),
                page.url,
                merged.from_page.contains(&Part::Date),
                validators.etag,
                validators.last_modified,
                validators.sent_by.as_ref().map(Url::as_str),
                next.map(|at| at.timestamp()),
                done.now.timestamp(),
                reason,
            ])
        })
        .map(|_| ())
        .context("store an article page")
}

/// What an article shows after its page was merged.
struct Shown {
    merged: Merged,
    stored: PageStored,
}

/// An article as far as its page may change it.
struct ArticleRow {
    title: Option<String>,
    parts: Parts,
    modified: Option<Timestamp>,
}

const PARTS: &str = "image, language, authors, published_at, summary, content_html";

fn parts(r: &Row<'_>) -> rusqlite::Result<Parts> {
    let text = |column: &str| r.get::<_, Option<String>>(column);
    Ok(Parts {
        summary: text("summary")?,
        content_html: text("content_html")?.map(SanitisedHtml::from_store),
        image: text("image")?,
        authors: decode::persons(text("authors")?.as_deref()),
        language: text("language")?,
        published: time(r, "published_at")?,
    })
}

/// Merges the page into its article. Consumers hear of what is new; a text that changed since the page was fetched the last
/// time is an edit of the article.
fn show(
    tx: &Connection,
    done: &PageDone,
    row: &PageRow,
    page: &ArticlePage,
) -> Result<Shown, StoreError> {
    let action = "read the article of a page";
    let one = |r: &Row<'_>| {
        Ok(ArticleRow {
            title: r.get("title")?,
            parts: parts(r)?,
            modified: time(r, "modified_at")?,
        })
    };
    let before = tx
        .prepare_cached(&format!("SELECT title, modified_at, {PARTS} FROM article WHERE id = ?1"))
        .and_then(|mut s| s.query_row([done.article], one))
        .context(action)?;
    let of_feed = feed_version(tx, done.article)?.map(|(parts, _)| parts);
    let of_feed = of_feed.unwrap_or_else(|| before.parts.clone());
    let merged = merge(&of_feed, page, row.first_seen);
    put_feed_version(tx, done.article, &of_feed, &merged.from_page)?;
    let is_same = merged.parts == before.parts;
    let is_edit = row.is_fetched && !is_seen_alike(&before.parts, &merged.parts);
    if !is_same {
        let seq = meta::sequence(tx)?;
        // A detail of a page that was fetched before is no news.
        let is_news = is_edit || !row.is_fetched;
        if is_edit {
            let hash = entry_hash(tx, row.feed, done.article)?;
            revisions::keep(tx, done.article, hash, done.keep_revisions, done.now)?;
        }
        let modified = if is_edit { Some(done.now) } else { before.modified };
        let change = Change { seq: is_news.then_some(seq + 1), is_edit, modified };
        write(tx, done.article, &merged.parts, row.first_seen, change)?;
        if is_news {
            meta::advance_sequence(tx, seq, seq + 1)?;
        }
    }
    let title = before.title.as_deref();
    article_keys::put_page(tx, row.feed, done.article, (page.url.as_deref(), title))?;
    let stored = PageStored { changed: !is_same, edited: is_edit };
    Ok(Shown { merged, stored })
}

/// Whether a reader sees no difference.
fn is_seen_alike(a: &Parts, b: &Parts) -> bool {
    is_same_html(a.content_html.as_deref(), b.content_html.as_deref())
        && is_same_text(a.summary.as_deref(), b.summary.as_deref())
        && a.published == b.published
}

/// How a change of an article is noted.
#[derive(Clone, Copy)]
struct Change {
    /// The sequence number under which consumers hear of it.
    seq: Option<i64>,
    is_edit: bool,
    modified: Option<Timestamp>,
}

fn write(
    tx: &Connection,
    article: i64,
    parts: &Parts,
    first_seen: Timestamp,
    change: Change,
) -> Result<(), StoreError> {
    const WRITE: &str = "
        UPDATE article SET seq = coalesce(?2, seq), revision = revision + ?3, modified_at = ?4, image = ?5,
            language = ?6, authors = ?7, summary = ?8, content_html = ?9,
            order_at = iif(?10 IS published_at, order_at, ?11), published_at = ?10
        WHERE id = ?1";
    let order_at = effective_date(parts.published, first_seen).timestamp();
    tx.prepare_cached(WRITE)
        .and_then(|mut s| {
            s.execute(params![
                article,
                change.seq,
                change.is_edit,
                change.modified.map(|at| at.timestamp()),
                parts.image,
                parts.language,
                columns::persons(&parts.authors),
                parts.summary,
                parts.content_html.as_deref(),
                parts.published.map(|at| at.timestamp()),
                order_at,
            ])
        })
        .map(|_| ())
        .context("store the text of an article page")
}

fn entry_hash(tx: &Connection, feed: FeedId, article: i64) -> Result<i64, StoreError> {
    tx.prepare_cached("SELECT hash FROM feed_entry WHERE article_id = ?2 AND feed_id = ?1")
        .and_then(|mut s| s.query_row([feed.0, article], |row| row.get(0)).optional())
        .map(Option::unwrap_or_default)
        .context("look up the entry of an article")
}

/// What the feed said where the article shows its page, and the parts that are from the page.
pub(super) fn feed_version(
    connection: &Connection,
    article: i64,
) -> Result<Option<(Parts, Vec<Part>)>, StoreError> {
    let one = |r: &Row<'_>| {
        let names = decode::texts(Some(r.get_ref("from_page")?.as_str()?));
        Ok((parts(r)?, names.iter().filter_map(|name| Part::parse(name)).collect()))
    };
    connection
        .prepare_cached(&format!(
            "SELECT from_page, {PARTS} FROM feed_version WHERE article_id = ?1"
        ))
        .and_then(|mut s| s.query_row([article], one).optional())
        .context("read what the feed said of an article")
}

fn put_feed_version(
    tx: &Connection,
    article: i64,
    of_feed: &Parts,
    from_page: &[Part],
) -> Result<(), StoreError> {
    const PUT: &str = "
        INSERT OR REPLACE INTO feed_version
            (article_id, from_page, image, language, authors, published_at, summary, content_html)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let action = "store what the feed said of an article";
    if from_page.is_empty() {
        return tx
            .prepare_cached("DELETE FROM feed_version WHERE article_id = ?1")
            .and_then(|mut s| s.execute([article]))
            .map(|_| ())
            .context(action);
    }
    let names: Vec<&str> = from_page.iter().map(|part| part.as_str()).collect();
    tx.prepare_cached(PUT)
        .and_then(|mut s| {
            s.execute(params![
                article,
                json!(names).to_string(),
                of_feed.image,
                of_feed.language,
                columns::persons(&of_feed.authors),
                of_feed.published.map(|at| at.timestamp()),
                of_feed.summary,
                of_feed.content_html.as_deref(),
            ])
        })
        .map(|_| ())
        .context(action)
}

/// An entry of a feed that has changed, while its article shows parts of its page.
pub(super) struct Kept {
    /// The article as the feed gave it before.
    pub(super) of_feed: Before,
    /// The new entry with the parts of the page in place of its own.
    pub(super) shown: ArticleDraft,
    from_page: Vec<Part>,
}

/// Keeps what an article shows of its page when its entry changes. `None` when it shows nothing of a page.
pub(super) fn kept(
    tx: &Connection,
    article: i64,
    before: &mut Before,
    draft: &ArticleDraft,
) -> Result<Option<Kept>, StoreError> {
    let Some((parts, mut from_page)) = feed_version(tx, article)? else { return Ok(None) };
    let mut of_feed = before.clone();
    let now = &before.article;
    let old = &mut of_feed.article;
    (old.summary, old.content_html, old.image) = (parts.summary, parts.content_html, parts.image);
    (old.authors, old.language, old.published) = (parts.authors, parts.language, parts.published);
    let mut shown = draft.clone();
    let dated = draft.published.is_some_and(|at| is_plausible(at, before.first_seen));
    from_page.retain(|part| *part != Part::Date || !dated);
    for part in &from_page {
        match part {
            Part::Summary => shown.summary.clone_from(&now.summary),
            Part::Content => shown.content_html.clone_from(&now.content_html),
            Part::Image => shown.image.clone_from(&now.image),
            Part::Authors => shown.authors.clone_from(&now.authors),
            Part::Language => shown.language.clone_from(&now.language),
            Part::Date => shown.published = None,
        }
    }
    if dated && of_feed.article.published != before.article.published {
        before.article.published = None; // The date of the page gives way.
    }
    Ok(Some(Kept { of_feed, shown, from_page }))
}

impl Kept {
    /// Stores the new entry as the version of the feed.
    pub(super) fn store(
        &self,
        tx: &Connection,
        article: i64,
        draft: &ArticleDraft,
    ) -> Result<(), StoreError> {
        let of_feed = Parts {
            summary: draft.summary.clone(),
            content_html: draft.content_html.clone(),
            image: draft.image.clone(),
            authors: draft.authors.clone(),
            language: draft.language.clone(),
            published: draft.published,
        };
        put_feed_version(tx, article, &of_feed, &self.from_page)?;
        tx.prepare_cached("UPDATE article_page SET dates_article = ?2 WHERE article_id = ?1")
            .and_then(|mut s| s.execute(params![article, self.from_page.contains(&Part::Date)]))
            .map(|_| ())
            .context("store who dates an article")
    }
}

/// Has the page of an article requested again, because its entry was edited. A page that programs shall not fetch is left
/// alone.
pub(super) fn ask_again(
    tx: &Connection,
    article: i64,
    draft: &ArticleDraft,
    now: Timestamp,
) -> Result<(), StoreError> {
    const FETCHED: &str = "
        SELECT fetched_at FROM article_page WHERE article_id = ?1 AND state NOT IN ('blocked', 'robots')";
    const AGAIN: &str = "
        UPDATE article_page SET next_at = ?2, attempts = 0, tried_at = NULL, host = ?3, url = ?4 WHERE article_id = ?1";
    let action = "have an article page requested again";
    let fetched_at: Option<Option<i64>> = tx
        .prepare_cached(FETCHED)
        .and_then(|mut s| s.query_row([article], |row| row.get(0)).optional())
        .context(action)?;
    let page = page_of(draft.url.as_deref().or(draft.external_url.as_deref()));
    let (Some(fetched_at), Some((host, url))) = (fetched_at, page) else { return Ok(()) };
    let at = asked_again_at(fetched_at.map(from_unix), now).timestamp();
    tx.prepare_cached(AGAIN)
        .and_then(|mut s| s.execute(params![article, at, host.as_str(), url]))
        .map(|_| ())
        .context(action)
}

/// What is read of a page with each article, as a JSON array.
pub(super) const SHOWN: &str = "
    (SELECT json_array(p.state, p.words, p.engine, p.reason, p.dates_article)
     FROM article_page p WHERE p.article_id = a.id)";

/// What the record of an article says of its page, and whether its date is from there; from the value of [`SHOWN`].
pub(super) fn shown(column: Option<&str>) -> (Option<FullText>, bool) {
    type Row = (String, Option<u64>, Option<String>, Option<String>, i64);
    let row = column.and_then(|text| serde_json::from_str::<Row>(text).ok());
    let Some((state, words, engine, reason, dates_article)) = row else { return (None, false) };
    let full_text =
        FullTextState::parse(&state).map(|state| FullText { state, words, engine, reason });
    (full_text, dates_article != 0)
}

/// The number of pages that were not fetched yet, and will be requested.
pub(super) fn pending(connection: &Connection) -> Result<u64, StoreError> {
    const PENDING: &str = "
        SELECT count(*) FROM article_page WHERE next_at IS NOT NULL AND is_fetched = 0";
    connection
        .prepare_cached(PENDING)
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .map(i64::cast_unsigned)
        .context("count article pages")
}
