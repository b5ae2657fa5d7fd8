//! Finds the articles that another feed had before, in the order of their sequence numbers.
//!
//! `meta.matched_seq` says how far this has come. What new articles are compared with is in `article_sketch`; the keys
//! under which they are found are also in memory ([`Recent`]). Which articles are the same is decided in
//! `matching::across_feeds`.

use std::collections::{HashMap, HashSet};

use url::Url;

use crate::domain::article::ArticleId;
use crate::domain::feed::FeedId;
use crate::domain::time::{Timestamp, from_unix};
use crate::matching::across_feeds::{Duplicate, Sighted, duplicate, publisher};
use crate::matching::features::{Features, Fields, keys_from_bytes, keys_to_bytes};
use crate::matching::series;
use crate::matching::sketch::Sketch;
use crate::matching::window::{SPAN, Window};
use crate::store::database::{self, Connection, OptionalExtension, Row, params, params_from_iter};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{Columns, column, decode, time};
use crate::store::sql::stories::{self, OpenStories};
use crate::store::sql::{columns, feeds, meta};

/// The articles of the last days in memory. After an error, or when another process has looked for duplicates, it is read
/// again from the store.
#[derive(Debug, Default)]
pub(in crate::store) struct Recent {
    /// The `matched_seq` to which the window belongs; `None` when it has not been read.
    matched_seq: Option<i64>,
    window: Window,
    /// Candidates that were read before. One text in many feeds is compared with the same articles again and again.
    candidates: HashMap<i64, Candidate>,
    stories: OpenStories,
}

/// The most candidates that are kept in memory. One takes about 2 KiB.
const MOST_KEPT: usize = 1_000;

/// A candidate, with the sequence number of its last edit when it was read.
#[derive(Debug)]
struct Candidate {
    seq: i64,
    arrived: Arrived,
}

/// Articles that are to be compared with earlier ones.
#[derive(Debug)]
pub struct NewArticles {
    /// The `matched_seq` after which they were stored.
    after: i64,
    /// All articles up to this number are among them.
    up_to: i64,
    articles: Vec<Arrived>,
    /// The same articles, as they join stories.
    for_stories: Vec<stories::NewArticle>,
    has_more: bool,
}

impl NewArticles {
    /// Whether there is nothing to decide, not even that of all changes it is known that they are no duplicates.
    pub fn is_empty(&self) -> bool {
        self.after == self.up_to
    }

    /// The `matched_seq` when these articles are decided.
    pub fn up_to(&self) -> i64 {
        self.up_to
    }

    /// Whether more articles may be left.
    pub fn has_more(&self) -> bool {
        self.has_more
    }
}

/// The result of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Whether consumers can hear of more than before.
    pub advanced: bool,
    /// Whether more articles may be left.
    pub has_more: bool,
    /// All articles up to this number are decided.
    pub up_to: i64,
}

/// An article as it is compared, with the time at which it arrived.
#[derive(Debug)]
struct Arrived {
    sighted: Sighted,
    seen_at: i64,
}

/// The next `limit` articles after the sequence number `after`, or of which it is not decided yet, in the order in which they
/// were stored. `text` converts stored HTML into plain text.
pub(super) fn new_articles(
    connection: &Connection,
    after: Option<i64>,
    limit: usize,
    text: fn(&str) -> String,
) -> Result<NewArticles, StoreError> {
    let after = after.map_or_else(|| meta::matched_seq(connection), Ok)?;
    let sequence = meta::sequence(connection)?;
    if after == sequence {
        return Ok(NewArticles {
            after,
            up_to: after,
            articles: Vec::new(),
            for_stories: Vec::new(),
            has_more: false,
        });
    }
    let (articles, for_stories) = arrived(connection, after, limit, text)?;
    let has_more = articles.len() == limit;
    // An article that was edited meanwhile has a higher sequence number than id; the ids are in the order of arrival.
    let last = articles.last().map(|article| article.sighted.article);
    let up_to = if has_more {
        last.unwrap_or(sequence)
    } else {
        last.max(Some(sequence)).unwrap_or(sequence)
    };
    Ok(NewArticles { after, up_to, articles, for_stories, has_more })
}

/// Stores which articles are duplicates, unless another process has done so since they were read.
pub(in crate::store) fn decide_all(
    tx: &Connection,
    recent: &mut Recent,
    new: &NewArticles,
    now: Timestamp,
) -> Result<Matched, StoreError> {
    let from = meta::matched_seq(tx)?;
    if from != new.after {
        return Ok(Matched { advanced: true, has_more: true, up_to: from });
    }
    recent.catch_up(tx, from)?;
    // If this fails, what is in memory is more than what is stored.
    recent.matched_seq = None;
    let mut publishers = Publishers::default();
    let mut of_series = HashSet::new();
    for article in &new.articles {
        if decide(tx, recent, article, &mut publishers, now)? {
            of_series.insert(article.sighted.article);
        }
    }
    if let Some(newest) = new.articles.last()
        && recent.window.expire(newest.seen_at - SPAN)
    {
        forget(tx, recent.window.earliest().unwrap_or(i64::MAX))?;
    }
    let (stories, articles) = (&mut recent.stories, &new.for_stories);
    stories::join_all(tx, stories, (from, new.up_to), (articles, &of_series), now)?;
    meta::set_matched_seq(tx, new.up_to)?;
    recent.matched_seq = Some(new.up_to);
    Ok(Matched { advanced: true, has_more: new.has_more, up_to: new.up_to })
}

/// A row of `article_sketch`. All of them are read when a process starts.
const SKETCH: Columns<3> =
    Columns([("article_id", "article_id"), ("seen_at", "seen_at"), ("keys", "keys")]);

impl Recent {
    /// Reads what other processes have decided since the last call, or everything.
    fn catch_up(&mut self, tx: &Connection, from: i64) -> Result<(), StoreError> {
        let since = format!(
            "SELECT {} FROM article_sketch WHERE ?1 < article_id ORDER BY article_id",
            SKETCH.list()
        );
        let action = "read the articles of the last days";
        let known = self.matched_seq.filter(|known| *known <= from);
        if known == Some(from) {
            return Ok(());
        }
        if known.is_none() {
            let stories = std::mem::take(&mut self.stories);
            *self = Self { stories, ..Self::default() };
        }
        let mut read = tx.prepare_cached(&since).context(action)?;
        let mut rows = read.query([known.unwrap_or(i64::MIN)]).context(action)?;
        while let Some(row) = rows.next().context(action)? {
            let keys = row.get_ref(column!(SKETCH.keys)).and_then(|value| Ok(value.as_blob()?));
            let keys = keys_from_bytes(keys.context(action)?);
            let article = row.get(column!(SKETCH.article_id)).context(action)?;
            let seen_at = row.get(column!(SKETCH.seen_at)).context(action)?;
            self.window.insert(article, seen_at, &keys);
        }
        Ok(())
    }

    /// Reads the candidates with these ids that are not in memory as they are stored.
    fn read_candidates(
        &mut self,
        tx: &Connection,
        ids: &[i64],
        publishers: &mut Publishers,
    ) -> Result<(), StoreError> {
        let action = "look at what an article may be the same as";
        if MOST_KEPT < self.candidates.len() + ids.len() {
            self.candidates.clear();
        }
        let mut edited =
            tx.prepare_cached("SELECT seq FROM article WHERE id = ?1").context(action)?;
        for id in ids {
            let seq: Option<i64> =
                edited.query_row([id], |row| row.get(0)).optional().context(action)?;
            if self.candidates.get(id).map(|known| known.seq) == seq {
                continue;
            }
            let found = match seq {
                Some(seq) => {
                    candidate(tx, *id, publishers)?.map(|arrived| Candidate { seq, arrived })
                }
                None => None,
            };
            match found {
                Some(found) => self.candidates.insert(*id, found),
                None => self.candidates.remove(id),
            };
        }
        Ok(())
    }
}

/// Stores whether one article is a duplicate, and what later articles are compared with. Returns whether it is none, and is
/// one of a series.
fn decide(
    tx: &Connection,
    recent: &mut Recent,
    article: &Arrived,
    publishers: &mut Publishers,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // The article may have been removed since it was read.
    const SKETCH: &str = "
        INSERT INTO article_sketch (article_id, seen_at, keys, sketch)
        SELECT id, ?2, ?3, ?4 FROM article WHERE id = ?1
        ON CONFLICT (article_id) DO UPDATE SET seen_at = excluded.seen_at, keys = excluded.keys, sketch = excluded.sketch";
    let Arrived { sighted, seen_at } = article;
    let Earlier { found, of_series } = earlier(tx, recent, article, publishers)?;
    let keys = sighted.features.keys_across_feeds();
    let is_there = tx
        .prepare_cached(SKETCH)
        .and_then(|mut s| {
            let sketch = sighted.features.sketch.to_bytes();
            s.execute(params![sighted.article, seen_at, keys_to_bytes(&keys), sketch])
        })
        .context("store the sketch of an article")?;
    if is_there == 0 {
        return Ok(false);
    }
    if let Some(found) = found {
        merge(tx, sighted, &found, sighted.article, now)?;
    }
    recent.window.insert(sighted.article, *seen_at, &keys);
    Ok(of_series)
}

/// What the earlier articles say about an article.
struct Earlier {
    /// The one that it is the same as.
    found: Option<Duplicate>,
    /// It is the same as none, and of one series with some.
    of_series: bool,
}

/// Compares an article with earlier ones.
fn earlier(
    tx: &Connection,
    recent: &mut Recent,
    article: &Arrived,
    publishers: &mut Publishers,
) -> Result<Earlier, StoreError> {
    let Arrived { sighted, seen_at } = article;
    let mut ids = recent.window.candidates(&sighted.features.lookup_across_feeds());
    ids.extend(by_page(tx, &sighted.features)?);
    ids.retain(|id| *id < sighted.article);
    ids.sort_unstable();
    ids.dedup();
    recent.read_candidates(tx, &ids, publishers)?;
    let candidates = ids.iter().filter_map(|id| recent.candidates.get(id));
    let candidates = candidates.filter(|other| seen_at - SPAN <= other.arrived.seen_at);
    let candidates: Vec<&Sighted> =
        candidates.map(|candidate| &candidate.arrived.sighted).collect();
    let found = duplicate(sighted, candidates.iter().copied());
    let of_series = found.is_none() && series::is_one(sighted, candidates);
    Ok(Earlier { found, of_series })
}

/// The articles whose page names an address of this article as its canonical one.
fn by_page(tx: &Connection, features: &Features) -> Result<Vec<i64>, StoreError> {
    // No more articles are followed under one key.
    const BY_PAGE: &str =
        "SELECT article_id FROM page_key WHERE key = ?1 ORDER BY article_id DESC LIMIT 8";
    let action = "look for articles by their pages";
    let mut by_page = tx.prepare_cached(BY_PAGE).context(action)?;
    let mut found = Vec::new();
    for key in features.stored_page_keys() {
        let rows = by_page.query_map([key], |row| row.get::<_, i64>(0)).context(action)?;
        for article in rows {
            found.push(article.context(action)?);
        }
    }
    Ok(found)
}

/// Stores the canonical address that the page of an article names. Later articles of other feeds find the article by it,
/// and it may show that the article is one that another feed had before.
pub(in crate::store) fn add_page(
    tx: &Connection,
    recent: &mut Recent,
    article: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    const HAS_DUPLICATES: &str =
        "SELECT EXISTS (SELECT 1 FROM article_duplicate WHERE original_id = ?1)";
    let action = "store the canonical address of a page";
    let mut publishers = Publishers::default();
    let Some(arrived) = candidate(tx, article, &mut publishers)? else { return Ok(()) };
    for key in arrived.sighted.features.stored_page_keys() {
        tx.prepare_cached(
            "INSERT INTO page_key (key, article_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )
        .and_then(|mut s| s.execute([key, article]))
        .context(action)?;
    }
    let is_original: bool = tx
        .prepare_cached(HAS_DUPLICATES)
        .and_then(|mut s| s.query_row([article], |row| row.get(0)))
        .context(action)?;
    // What is in memory may be that of another state of the store.
    let is_known = recent.matched_seq == Some(meta::matched_seq(tx)?);
    if is_original || !is_known || original_of(tx, article)?.is_some() {
        return Ok(());
    }
    match earlier(tx, recent, &arrived, &mut publishers)?.found {
        Some(found) => {
            // Consumers may have heard of the article itself.
            let before = meta::sequence(tx)?;
            if merge(tx, &arrived.sighted, &found, before + 1, now)? {
                meta::advance_sequence(tx, before, before + 1)?;
            }
            Ok(())
        }
        None => Ok(()),
    }
}

/// Stores that an article is the same as an earlier one, unless a user has said that they are two, or the feed of the
/// article has one of them already: a feed that has two articles does not lose one. `seq` is the number of this change.
/// Returns whether it was stored.
fn merge(
    tx: &Connection,
    article: &Sighted,
    found: &Duplicate,
    seq: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const MERGE: &str = "
        INSERT INTO article_duplicate (article_id, original_id, reason, score, decided_at, seq)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    const IS_TWO: &str = "
        SELECT EXISTS (SELECT 1 FROM refused_duplicate WHERE article_id = ?1 AND original_id = ?2)
            OR EXISTS (SELECT 1 FROM article WHERE id = ?2 AND feed_id = ?3)
            OR EXISTS (SELECT 1 FROM article_duplicate d JOIN article a ON a.id = d.article_id
                WHERE d.original_id = ?2 AND a.feed_id = ?3)";
    let action = "store a duplicate";
    let original = original_of(tx, found.of)?.unwrap_or(found.of);
    let is_two: bool = tx
        .prepare_cached(IS_TWO)
        .and_then(|mut s| s.query_row([article.article, original, article.feed], |row| row.get(0)))
        .context(action)?;
    if is_two {
        return Ok(false);
    }
    let (reason, now) = (found.reason.as_str(), now.timestamp());
    tx.prepare_cached(MERGE)
        .and_then(|mut s| {
            s.execute(params![article.article, original, reason, found.score, now, seq])
        })
        .map(|_| true)
        .context(action)
}

/// The original of a duplicate; `None` for an article that is none.
pub(super) fn original_of(
    connection: &Connection,
    article: i64,
) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached("SELECT original_id FROM article_duplicate WHERE article_id = ?1")
        .and_then(|mut s| s.query_row([article], |row| row.get(0)).optional())
        .context("look up the original of an article")
}

/// The articles that were stored after the sequence number `from`, in the order in which they were stored.
fn arrived(
    tx: &Connection,
    from: i64,
    limit: usize,
    text: fn(&str) -> String,
) -> Result<(Vec<Arrived>, Vec<stories::NewArticle>), StoreError> {
    let sql = format!(
        "SELECT {}, feed_id, first_seen_at AS seen_at, coalesce(url, external_url) AS url, published_at,
            attachments, summary, content_html
        FROM article WHERE ?1 < id ORDER BY id LIMIT ?2",
        stories::NewArticle::COLUMNS
    );
    let action = "read new articles";
    let mut new = tx.prepare_cached(&sql).context(action)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = new.query([from, limit]).context(action)?;
    let mut publishers = Publishers::default();
    let (mut found, mut for_stories) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().context(action)? {
        let read = |column: &str| row.get_ref(column).and_then(|v| Ok(v.as_str_or_null()?));
        let summary = read("summary").context(action)?;
        let content = read("content_html").context(action)?.map(text);
        let text = content.as_deref().or(summary).unwrap_or_default();
        for_stories.push(stories::NewArticle::of(&row, text).context(action)?);
        found.push(compared(tx, &row, Sketch::of(text), &mut publishers)?);
    }
    Ok((found, for_stories))
}

/// A stored article as it is compared; `None` when it was removed.
fn candidate(
    tx: &Connection,
    article: i64,
    publishers: &mut Publishers,
) -> Result<Option<Arrived>, StoreError> {
    const ONE: &str = "
        SELECT a.id, a.feed_id, s.seen_at, coalesce(a.url, a.external_url) AS url, a.title, a.language, a.published_at,
            a.attachments, s.sketch, (SELECT p.canonical_url FROM article_page p WHERE p.article_id = a.id) AS page
        FROM article_sketch s JOIN article a ON a.id = s.article_id WHERE s.article_id = ?1";
    let action = "read what an article may be the same as";
    let mut one = tx.prepare_cached(ONE).context(action)?;
    let mut rows = one.query([article]).context(action)?;
    let Some(row) = rows.next().context(action)? else { return Ok(None) };
    let sketch = row.get_ref("sketch").and_then(|value| Ok(value.as_blob()?)).context(action)?;
    let sketch = Sketch::from_bytes(sketch).unwrap_or_default();
    let mut arrived = compared(tx, &row, sketch, publishers)?;
    let page = row.get_ref("page").and_then(|value| Ok(value.as_str_or_null()?)).context(action)?;
    if let Some(page) = page {
        arrived.sighted.features = arrived.sighted.features.with_page(page);
    }
    Ok(Some(arrived))
}

fn compared(
    tx: &Connection,
    row: &Row<'_>,
    sketch: Sketch,
    publishers: &mut Publishers,
) -> Result<Arrived, StoreError> {
    let action = "read an article to compare it";
    let read = |column: &str| {
        row.get_ref(column).and_then(|value| Ok(value.as_str_or_null()?)).context(action)
    };
    let attachments = decode::attachments(read("attachments")?);
    let fields = Fields {
        guid: None,
        url: read("url")?,
        title: read("title")?,
        published: time(row, "published_at").context(action)?,
        media: attachments.first().map(|file| file.url.as_str()),
    };
    let feed = row.get("feed_id").context(action)?;
    let sighted = Sighted {
        article: row.get("id").context(action)?,
        feed,
        publisher: publishers.of(tx, feed)?,
        language: read("language")?.map(str::to_owned),
        features: Features::new(&fields, sketch),
    };
    Ok(Arrived { sighted, seen_at: row.get("seen_at").context(action)? })
}

/// The publishers of feeds, read on first use.
#[derive(Debug, Default)]
pub(super) struct Publishers(HashMap<i64, Option<String>>);

impl Publishers {
    pub(super) fn of(&mut self, tx: &Connection, feed: i64) -> Result<Option<String>, StoreError> {
        if let Some(known) = self.0.get(&feed) {
            return Ok(known.clone());
        }
        let owner = |address: &String| Url::parse(address).ok()?.host_str().and_then(publisher);
        let found = feeds::addresses(tx, FeedId(feed))?.iter().find_map(owner);
        self.0.insert(feed, found.clone());
        Ok(found)
    }
}

/// Removes what articles before `earliest` were compared by.
fn forget(tx: &Connection, earliest: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM article_sketch WHERE article_id < ?1",
        "DELETE FROM page_key WHERE article_id < ?1",
    ] {
        tx.prepare_cached(sql)
            .and_then(|mut s| s.execute([earliest]))
            .context("remove old sketches")?;
    }
    Ok(())
}

/// Removes an article that is going to be removed from its duplicates: the earliest one becomes the original.
pub(super) fn leave(tx: &Connection, article: i64) -> Result<(), StoreError> {
    const NEXT: &str = "SELECT min(article_id) FROM article_duplicate WHERE original_id = ?1";
    let action = "choose another original";
    let next: Option<i64> = tx
        .prepare_cached(NEXT)
        .and_then(|mut s| s.query_row([article], |row| row.get(0)))
        .context(action)?;
    let ids: &[Option<i64>] = &[Some(article), next];
    for (sql, ids) in [
        ("DELETE FROM article_sketch WHERE article_id = ?1", &ids[..1]),
        ("DELETE FROM article_duplicate WHERE article_id IN (?1, ?2)", ids),
        ("UPDATE article_duplicate SET original_id = ?2 WHERE original_id = ?1", ids),
    ] {
        tx.prepare_cached(sql)
            .and_then(|mut s| s.execute(params_from_iter(ids)))
            .context(action)?;
    }
    Ok(())
}

/// The row of an article by its public id.
pub(in crate::store) fn row(tx: &Connection, id: &ArticleId) -> Result<Option<i64>, StoreError> {
    Ok(columns::row_of(&meta::store_id(tx)?, id))
}

/// Makes a duplicate an article of its own, for good, under a new sequence number, so that consumers hear of it. The number
/// before that one is the change of the original. Returns `false` when the article is no duplicate.
pub(in crate::store) fn undo(tx: &Connection, article: i64) -> Result<bool, StoreError> {
    let action = "undo a merge";
    let Some(original) = original_of(tx, article)? else { return Ok(false) };
    let before = meta::sequence(tx)?;
    let seq = before + 2;
    for (sql, values) in [
        ("DELETE FROM article_duplicate WHERE article_id = ?1", &[article][..]),
        (
            "INSERT INTO refused_duplicate (article_id, original_id, seq, original_seq)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (article_id, original_id) DO UPDATE SET seq = excluded.seq, original_seq = excluded.original_seq",
            &[article, original, seq, seq - 1],
        ),
        ("UPDATE article SET seq = ?2 WHERE id = ?1", &[article, seq]),
        ("DELETE FROM quiet_article WHERE article_id = ?1", &[article]),
    ] {
        tx.prepare_cached(sql)
            .and_then(|mut s| s.execute(params_from_iter(values)))
            .context(action)?;
    }
    meta::advance_sequence(tx, before, seq)?;
    Ok(true)
}

/// The articles that are the same, each with its feed: the original, then its duplicates in the order of their arrival.
pub(super) fn same(connection: &Connection, original: i64) -> database::Result<Vec<(i64, i64)>> {
    const SAME: &str = "
        SELECT id, feed_id FROM article WHERE id = ?1
        UNION ALL
        SELECT a.id, a.feed_id FROM article_duplicate d CROSS JOIN article a
        WHERE a.id = d.article_id AND d.original_id = ?1
        ORDER BY id";
    let one = |r: &Row<'_>| Ok((r.get("id")?, r.get("feed_id")?));
    connection.prepare_cached(SAME)?.query_map([original], one)?.collect()
}

/// A duplicate and its original.
pub(super) struct MergeRow {
    pub(super) article: i64,
    pub(super) feed: i64,
    pub(super) title: Option<String>,
    pub(super) original: i64,
    pub(super) original_feed: i64,
    pub(super) original_title: Option<String>,
    pub(super) reason: String,
    pub(super) score: f64,
    pub(super) decided_at: Timestamp,
}

/// The latest merges, newest first.
pub(super) fn list(
    connection: &Connection,
    limit: Option<u64>,
) -> Result<Vec<MergeRow>, StoreError> {
    const LIST: &str = "
        SELECT d.article_id, a.feed_id, a.title, d.original_id, o.feed_id AS original_feed, o.title AS original_title,
            d.reason, d.score, d.decided_at
        FROM article_duplicate d JOIN article a ON a.id = d.article_id JOIN article o ON o.id = d.original_id
        ORDER BY d.article_id DESC LIMIT ?1";
    let one = |r: &Row<'_>| {
        Ok(MergeRow {
            article: r.get("article_id")?,
            feed: r.get("feed_id")?,
            title: r.get("title")?,
            original: r.get("original_id")?,
            original_feed: r.get("original_feed")?,
            original_title: r.get("original_title")?,
            reason: r.get("reason")?,
            score: r.get("score")?,
            decided_at: from_unix(r.get("decided_at")?),
        })
    };
    let limit = limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(LIST)
        .and_then(|mut s| s.query_map([limit], one)?.collect())
        .context("list duplicates")
}

/// The articles after the sequence number `after` that consumers hear of because a merge was undone, with their numbers.
pub(super) fn undone(connection: &Connection, after: i64) -> Result<HashMap<i64, i64>, StoreError> {
    connection
        .prepare_cached("SELECT article_id, seq FROM refused_duplicate WHERE ?1 < seq")
        .and_then(|mut s| {
            s.query_map([after], |row| Ok((row.get("article_id")?, row.get("seq")?)))?.collect()
        })
        .context("read undone merges")
}
