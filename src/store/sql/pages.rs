//! What comes of the page of an article: its text, or the reason why there is none.
//!
//! Which parts of an article are shown as its page has them is decided in `article_page::merge`; what the feed said in
//! their place is in `feed_version`. Which pages are requested is in [`page_queue`](super::page_queue).

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
use crate::polling::pages::{OUTAGE_WAIT, postponed_to, refresh_at, retry_at, unnamed_pause};
use crate::store::database::{self, Connection, OptionalExtension, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{self, decode, time};
use crate::store::sql::duplicates::{self, Recent};
use crate::store::sql::page_queue::day;
use crate::store::sql::{article_keys, held, meta, revisions};

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
        ON CONFLICT (host) DO UPDATE SET strikes = page_host.strikes + excluded.strikes,
            paused_until = CASE WHEN page_host.paused_until < excluded.paused_until THEN excluded.paused_until
                ELSE page_host.paused_until END";
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

fn parts(r: &Row<'_>) -> database::Result<Parts> {
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
            order_at = CASE WHEN ?10 IS NOT DISTINCT FROM published_at THEN order_at ELSE ?11 END, published_at = ?10
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
    tx.prepare_cached(
        "SELECT hash FROM feed_entry WHERE article_id = ?2 AND feed_id = ?1 ORDER BY key LIMIT 1",
    )
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
        INSERT INTO feed_version
            (article_id, from_page, image, language, authors, published_at, summary, content_html)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (article_id) DO UPDATE SET from_page = excluded.from_page, image = excluded.image,
            language = excluded.language, authors = excluded.authors, published_at = excluded.published_at,
            summary = excluded.summary, content_html = excluded.content_html";
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

/// What is read of a page with each article, as a JSON array.
pub(super) const SHOWN: &str = "
    (SELECT json_array(p.state, p.words, p.engine, p.reason, p.dates_article)
     FROM article_page p WHERE p.article_id = a.id)";

/// As [`SHOWN`], for PostgreSQL, whose `json_array` leaves out what is NULL.
pub(super) const SHOWN_IN_POSTGRES: &str = "
    (SELECT CAST(json_build_array(p.state, p.words, p.engine, p.reason, p.dates_article) AS text)
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
