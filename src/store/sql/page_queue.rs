//! The queue of article pages: which are requested next, and the requests in flight.
//!
//! `article_page` has a row for each article whose feed has `full_text`; `next_at` is the time of its next request. What comes of
//! a request is stored by [`pages`](super::pages).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;
use url::Url;

use crate::domain::article::ArticleDraft;
use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::poll::Validators;
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::matching::own_page::NotOwnPage;
use crate::polling::pages::{RECENT, asked_again_at};
use crate::store::database::{self, Connection, OptionalExtension, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::claim_queue::FreeSlots;
use crate::store::sql::own_page::not_own_page;
use crate::store::sql::{feeds, held, meta};

/// A request for pages to fetch.
#[derive(Clone, Debug)]
pub struct PageClaim {
    pub now: Timestamp,
    pub limit: usize,
    /// Only pages of these feeds.
    pub feeds: Arc<HashSet<FeedId>>,
    /// How many pages of each host may be claimed now. Those of hosts that the limits do not apply to do not wait for polls.
    pub slots: FreeSlots,
    /// How many pages a host may be asked for on one day.
    pub per_day: u64,
    /// No page of a host is claimed if one of its feeds is due within this time, because polls come first. `None`: the
    /// polls have been.
    pub before_poll: Option<TimeDelta>,
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

/// The day of a time, in days since 1970 (UTC).
pub(super) fn day(now: Timestamp) -> i64 {
    now.timestamp().div_euclid(86_400)
}

/// Puts a new article in the queue, if it has a link. Returns whether it has one.
pub(super) fn enqueue(
    tx: &Connection,
    article: (i64, FeedId, i64),
    draft: &ArticleDraft,
    now: Timestamp,
) -> Result<bool, StoreError> {
    put(tx, article, draft.url.as_deref().or(draft.external_url.as_deref()), now)
}

/// Puts an article in the queue that has the feed and the time by which articles are ordered, if its link is the address of a page.
fn put(
    tx: &Connection,
    (article, feed, order_at): (i64, FeedId, i64),
    url: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const PUT: &str = "
        INSERT INTO article_page (article_id, feed_id, order_at, host, url, state, next_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6) ON CONFLICT DO NOTHING";
    let Some((host, url)) = page_of(url) else { return Ok(false) };
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
        WHERE next_at IS NOT NULL AND feed_id NOT IN (SELECT CAST(value AS bigint) FROM json_each(?1))";
    const RECENT_OF: &str = "
        SELECT a.id, a.order_at, coalesce(a.url, a.external_url) AS url FROM article a
        WHERE a.feed_id = ?1 AND ?2 <= a.order_at AND coalesce(a.url, a.external_url) IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM article_page p WHERE p.article_id = a.id)";
    let action = "bring the queue of article pages up to date";
    let ids = json!(wanted.iter().map(|feed| feed.0).collect::<Vec<_>>()).to_string();
    let mut held: Vec<i64> = tx
        .prepare_cached(&format!("SELECT article_id{OTHERS}"))
        .and_then(|mut s| s.query_map([&ids], |row| row.get(0))?.collect())
        .context(action)?;
    held.sort_unstable(); // They get their numbers in this order.
    held::release(tx, &held)?;
    tx.execute(&format!("DELETE{OTHERS} AND state = 'pending'"), [&ids]).context(action)?;
    tx.execute(
        "UPDATE article_page SET next_at = NULL
         WHERE next_at IS NOT NULL AND feed_id NOT IN (SELECT CAST(value AS bigint) FROM json_each(?1))",
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
            put(tx, (article, *feed, order_at), Some(&url), now)?;
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
    let one = |r: &Row<'_>| -> database::Result<Option<PageJob>> {
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
        for host in claim.slots.exempt.iter() {
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
            SELECT CASE WHEN day = ?2 THEN requests ELSE 0 END FROM page_host WHERE host = ?1";
        // No pause is longer than seven days; see `polls`.
        const PAUSED: &str = "
            SELECT EXISTS (SELECT 1 FROM host WHERE host = ?1 AND ?2 < paused_until AND paused_until - 604860 <= ?2)
            OR EXISTS (SELECT 1 FROM page_host WHERE host = ?1 AND ?2 < paused_until AND paused_until - 604860 <= ?2)";
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
        let free = self.claim.slots.of(&Host::stored(host.to_owned()));
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
        ON CONFLICT (host) DO UPDATE SET day = excluded.day,
            requests = CASE WHEN page_host.day = excluded.day THEN page_host.requests ELSE 0 END + 1";
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
