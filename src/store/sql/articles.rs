//! Writes articles. Each is stored once and edited in place.

use crate::domain::article::{ArticleDraft, ArticleKey, ContentHash, effective_date};
use crate::domain::feed::FeedId;
use crate::domain::time::{Timestamp, from_unix};
use crate::feed::normalise::edit::{Before, GivenDates, Revised, revise};
use crate::html::sanitise::SanitisedHtml;
use crate::polling::pages::LONGEST_HOLD;
use crate::store::database::{self, Connection, OptionalExtension, Row, ToSql, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::article_keys::{self, Entry};
use crate::store::sql::columns::{decode, time};
use crate::store::sql::{changes, columns, held, matching, meta, page_queue, pages, revisions};

/// The result of storing a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    New,
    Edited,
    Known,
}

/// What all drafts of one poll have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) feed: FeedId,
    pub(super) now: Timestamp,
    /// What orders articles without a date.
    pub(super) undated_at: Timestamp,
    /// Whether consumers hear of new articles.
    pub(super) is_quiet: bool,
    pub(super) keep_revisions: u32,
    /// Whether the pages of new articles are fetched.
    pub(super) full_text: bool,
}

// The parameters of these two statements have the order of `write`. SQLite looks up parameters with names one by one,
// which is a tenth of the work of storing an article.

const INSERT: &str = "
    INSERT INTO article (id, seq, guid, url, external_url, title, image, language, authors, tags, attachments, podcast,
        summary, content_html, revision, published_at, modified_at, order_at, feed_id, first_seen_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 0, ?15, ?16, ?17, ?18, ?19)";

/// Without a sequence number, nobody hears of the change.
const EDIT: &str = "
    UPDATE article SET seq = coalesce(?2, seq), revision = revision + CASE WHEN ?2 IS NULL THEN 0 ELSE 1 END, guid = ?3,
        url = ?4, external_url = ?5, title = ?6, image = ?7, language = ?8, authors = ?9, tags = ?10, attachments = ?11,
        podcast = ?12, summary = ?13, content_html = ?14,
        order_at = CASE WHEN ?15 IS NOT DISTINCT FROM published_at THEN order_at ELSE ?17 END, published_at = ?15,
        modified_at = ?16
    WHERE id = ?1";

const INSERT_ENTRY: &str = "
    INSERT INTO feed_entry (feed_id, key, article_id, hash, published_at, modified_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const EDIT_ENTRY: &str = "
    UPDATE feed_entry SET hash = ?3, published_at = ?4, modified_at = ?5
    WHERE feed_id = ?1 AND key = ?2";

const FIND_SAME_LINK: &str = "
    SELECT s.article_id, s.hash FROM feed_entry s JOIN article a ON a.id = s.article_id
    WHERE s.feed_id = ?1 AND s.key = ?2 AND a.url IS NOT DISTINCT FROM ?3";

/// Stores a draft under the next sequence number, unless the store has the same content already. `found` is its
/// article, if there is one.
pub(super) fn store(
    tx: &Connection,
    arrival: &Arrival,
    draft: &ArticleDraft,
    found: Option<Entry>,
    seq: &mut i64,
) -> Result<Stored, StoreError> {
    match found {
        Some(entry) if entry.hash == draft.hash.0.cast_signed() => Ok(Stored::Known),
        Some(entry) => update(tx, arrival, draft, entry, seq),
        None if changes::is_buried(tx, arrival.feed, key(draft.key))? => Ok(Stored::Known),
        None => {
            *seq += 1;
            insert(tx, arrival, *seq, draft)?;
            Ok(Stored::New)
        }
    }
}

/// Finds the article of a draft by its key, else by the key that the draft has under an earlier rule; that key is then
/// replaced.
pub(super) fn find(
    tx: &Connection,
    feed: FeedId,
    draft: &ArticleDraft,
) -> Result<Option<Entry>, StoreError> {
    let found = article_keys::by_key(tx, feed, key(draft.key))?;
    let Some(former) = draft.former_key.filter(|_| found.is_none()) else {
        return Ok(found);
    };
    let found = tx
        .prepare_cached(FIND_SAME_LINK)
        .and_then(|mut s| {
            s.query_row(params![feed.0, key(former), draft.url], Entry::of_row).optional()
        })
        .context("look up an article by its former key")?;
    if found.is_some() {
        matching::rekey(tx, feed, key(former), draft.key)?;
    }
    Ok(found)
}

fn insert(
    tx: &Connection,
    arrival: &Arrival,
    seq: i64,
    draft: &ArticleDraft,
) -> Result<(), StoreError> {
    let order_at = match draft.published {
        Some(_) => effective_date(draft.published, arrival.now),
        None => arrival.undated_at,
    };
    let (published, modified) = given(draft);
    let (order_at, now) = (order_at.timestamp(), arrival.now.timestamp());
    let first_seen = params![published, modified, order_at, arrival.feed.0, now];
    write(tx, INSERT, (seq, Some(seq)), draft, first_seen).context("store an article")?;
    tx.prepare_cached(INSERT_ENTRY)
        .and_then(|mut s| {
            let hash = draft.hash.0.cast_signed();
            s.execute(params![arrival.feed.0, key(draft.key), seq, hash, published, modified])
        })
        .context("store the entry of a feed")?;
    article_keys::put(tx, arrival.feed, seq, draft)?;
    if arrival.is_quiet {
        changes::silence(tx, seq)?;
    }
    if arrival.full_text
        && page_queue::enqueue(tx, (seq, arrival.feed, order_at), draft, arrival.now)?
        && !arrival.is_quiet
    {
        held::hold(tx, seq, arrival.now + LONGEST_HOLD)?;
    }
    Ok(())
}

/// Stores what has changed in an article: an edit with its earlier version and the next sequence number, noise and
/// details without.
fn update(
    tx: &Connection,
    arrival: &Arrival,
    draft: &ArticleDraft,
    entry: Entry,
    seq: &mut i64,
) -> Result<Stored, StoreError> {
    let mut before = before(tx, arrival.feed, draft, entry.article)?;
    let kept = pages::kept(tx, entry.article, &mut before, draft)?;
    let shown = kept.as_ref().map_or(draft, |kept| &kept.shown);
    let revised = revise(&before, shown, arrival.now);
    let is_edited_entry = match &kept {
        Some(kept) => revise(&kept.of_feed, draft, arrival.now).is_edit,
        None => revised.is_edit,
    };
    let Revised { is_edit, published, modified } = if entry.hash == meta::READ_BY_OTHER_RULES {
        // Nobody can tell what the publisher changed from what is read better now.
        let modified = before.article.modified.or(draft.modified);
        Revised { is_edit: false, modified, ..revised }
    } else {
        revised
    };
    if is_edit {
        revisions::keep(tx, entry.article, entry.hash, arrival.keep_revisions, arrival.now)?;
        changes::unsilence(tx, entry.article)?;
        *seq += 1;
    }
    let order_at = effective_date(published, before.first_seen).timestamp();
    let seconds = |at: Option<Timestamp>| at.map(|at| at.timestamp());
    let dates = params![seconds(published), seconds(modified), order_at];
    write(tx, EDIT, (entry.article, is_edit.then_some(*seq)), shown, dates)
        .context("edit an article")?;
    if let Some(kept) = &kept {
        kept.store(tx, entry.article, draft)?;
    }
    if is_edited_entry && entry.hash != meta::READ_BY_OTHER_RULES {
        page_queue::ask_again(tx, entry.article, draft, arrival.now)?;
    }
    article_keys::put(tx, arrival.feed, entry.article, draft)?;
    let (published, modified) = given(draft);
    tx.prepare_cached(EDIT_ENTRY)
        .and_then(|mut s| {
            let hash = draft.hash.0.cast_signed();
            s.execute(params![arrival.feed.0, key(draft.key), hash, published, modified])
        })
        .context("edit the entry of a feed")?;
    Ok(if is_edit { Stored::Edited } else { Stored::Known })
}

/// The dates that the feed gives, as stored.
fn given(draft: &ArticleDraft) -> (Option<i64>, Option<i64>) {
    (draft.published.map(|at| at.timestamp()), draft.modified.map(|at| at.timestamp()))
}

/// Reads an article to compare it with its entry in a new document.
fn before(
    tx: &Connection,
    feed: FeedId,
    draft: &ArticleDraft,
    article: i64,
) -> Result<Before, StoreError> {
    const BEFORE: &str = "
        SELECT a.guid, a.url, a.external_url, a.title, a.summary, a.content_html, a.image, a.authors,
            a.tags, a.language, a.published_at, a.modified_at, a.attachments, a.podcast, a.first_seen_at,
            e.published_at AS given_published, e.modified_at AS given_modified
        FROM article a LEFT JOIN feed_entry e ON e.feed_id = ?1 AND e.key = ?2 WHERE a.id = ?3";
    let one = |r: &Row<'_>| -> database::Result<Before> {
        let list = |column: &str| r.get::<_, Option<String>>(column);
        let article = ArticleDraft {
            key: draft.key,
            former_key: None,
            hash: ContentHash(0),
            guid: r.get("guid")?,
            url: r.get("url")?,
            external_url: r.get("external_url")?,
            title: r.get("title")?,
            summary: r.get("summary")?,
            content_html: list("content_html")?.map(SanitisedHtml::from_store),
            image: r.get("image")?,
            authors: decode::persons(list("authors")?.as_deref()),
            tags: decode::texts(list("tags")?.as_deref()),
            language: r.get("language")?,
            published: time(r, "published_at")?,
            modified: time(r, "modified_at")?,
            attachments: decode::attachments(list("attachments")?.as_deref()),
            podcast: decode::podcast(list("podcast")?.as_deref()),
        };
        let given = GivenDates {
            published: time(r, "given_published")?,
            modified: time(r, "given_modified")?,
        };
        // Before version 8, what the feed gave was not stored.
        let known = given != GivenDates::default();
        let given = if known { given } else { GivenDates::of(&article) };
        Ok(Before { article, first_seen: from_unix(r.get("first_seen_at")?), given })
    };
    tx.prepare_cached(BEFORE)
        .and_then(|mut s| s.query_row(params![feed.0, key(draft.key), article], one))
        .context("read an article that has changed")
}

/// Writes the content of a draft by [`INSERT`] or [`EDIT`]; `more` are the values of the parameters after the 14th.
fn write(
    tx: &Connection,
    sql: &str,
    (id, seq): (i64, Option<i64>),
    draft: &ArticleDraft,
    more: &[&dyn ToSql],
) -> database::Result<usize> {
    let content = params![
        id,
        seq,
        draft.guid,
        draft.url,
        draft.external_url,
        draft.title,
        draft.image,
        draft.language,
        columns::persons(&draft.authors),
        columns::texts(&draft.tags),
        columns::attachments(&draft.attachments),
        columns::podcast(draft.podcast.as_ref()),
        draft.summary,
        draft.content_html.as_deref(),
    ];
    tx.prepare_cached(sql)?.execute(&[content, more].concat()[..])
}

fn key(key: ArticleKey) -> i64 {
    key.0.cast_signed()
}
