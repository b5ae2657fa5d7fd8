//! Writes articles. Each is stored once and edited in place.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, params};

use crate::domain::article::{ArticleDraft, ArticleKey, effective_date};
use crate::domain::feed::FeedId;
use crate::domain::time::Timestamp;
use crate::store::error::{Context, StoreError};
use crate::store::sqlite::{changes, columns, revisions};

/// The result of storing a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    New,
    Edited,
    Known,
}

const FIND: &str = "SELECT article_id, hash FROM feed_entry WHERE feed_id = ?1 AND key = ?2";

const INSERT: &str = "
    INSERT INTO article (id, seq, feed_id, order_at, first_seen_at, published_at, modified_at,
        revision, guid, url, external_url, title, image, language, authors, tags, attachments, podcast,
        summary, content_html)
    VALUES (:id, :seq, :feed_id, :order_at, :first_seen_at, :published_at, :modified_at,
        0, :guid, :url, :external_url, :title, :image, :language, :authors, :tags, :attachments, :podcast,
        :summary, :content_html)";

/// The publication date, and with it the order, never changes after the article was first seen.
const EDIT: &str = "
    UPDATE article SET seq = :seq, revision = revision + 1,
        modified_at = coalesce(:modified_at, modified_at), guid = :guid, url = :url,
        external_url = :external_url, title = :title, image = :image, language = :language,
        authors = :authors, tags = :tags, attachments = :attachments,
        podcast = :podcast, summary = :summary,
        content_html = :content_html
    WHERE id = :id";

const INSERT_ENTRY: &str =
    "INSERT INTO feed_entry (feed_id, key, article_id, hash) VALUES (?1, ?2, ?3, ?4)";

const EDIT_ENTRY: &str = "UPDATE feed_entry SET hash = ?3 WHERE feed_id = ?1 AND key = ?2";

const FIND_SAME_LINK: &str = "
    SELECT s.article_id, s.hash FROM feed_entry s JOIN article a ON a.id = s.article_id
    WHERE s.feed_id = ?1 AND s.key = ?2 AND a.url IS ?3";

const REKEY_ENTRY: &str = "UPDATE feed_entry SET key = ?3 WHERE feed_id = ?1 AND key = ?2";

/// Stores a draft under the next sequence number, unless the store has the same content already.
pub(super) fn store(
    tx: &Connection,
    feed: FeedId,
    draft: &ArticleDraft,
    seq: &mut i64,
    keep_revisions: u32,
    now: Timestamp,
) -> Result<Stored, StoreError> {
    match find(tx, feed, draft)? {
        Some((_, hash)) if hash == draft.hash.0.cast_signed() => Ok(Stored::Known),
        Some((article, hash)) => {
            revisions::keep(tx, article, hash, keep_revisions, now)?;
            *seq += 1;
            edit(tx, feed, article, *seq, draft)?;
            Ok(Stored::Edited)
        }
        None if changes::is_buried(tx, feed, key(draft.key))? => Ok(Stored::Known),
        None => {
            *seq += 1;
            insert(tx, feed, *seq, draft, now)?;
            Ok(Stored::New)
        }
    }
}

/// Finds the row id and the content hash of the stored article by the key of the draft, else by the key that
/// the draft has under an earlier rule; that key is then replaced.
fn find(
    tx: &Connection,
    feed: FeedId,
    draft: &ArticleDraft,
) -> Result<Option<(i64, i64)>, StoreError> {
    let pair = |row: &Row<'_>| Ok((row.get("article_id")?, row.get("hash")?));
    let found = tx
        .prepare_cached(FIND)
        .and_then(|mut s| s.query_row(params![feed.0, key(draft.key)], pair).optional())
        .context("look up an article")?;
    let Some(former) = draft.former_key.filter(|_| found.is_none()) else {
        return Ok(found);
    };
    let found = tx
        .prepare_cached(FIND_SAME_LINK)
        .and_then(|mut s| s.query_row(params![feed.0, key(former), draft.url], pair).optional())
        .context("look up an article by its former key")?;
    if found.is_some() {
        tx.prepare_cached(REKEY_ENTRY)
            .and_then(|mut s| s.execute(params![feed.0, key(former), key(draft.key)]))
            .context("give an article its new key")?;
    }
    Ok(found)
}

fn insert(
    tx: &Connection,
    feed: FeedId,
    seq: i64,
    draft: &ArticleDraft,
    now: Timestamp,
) -> Result<(), StoreError> {
    let first_seen = named_params! {
        ":feed_id": feed.0,
        ":order_at": effective_date(draft.published, now).timestamp(),
        ":first_seen_at": now.timestamp(),
        ":published_at": draft.published.map(|at| at.timestamp()),
    };
    write(tx, INSERT, (seq, seq), draft, first_seen).context("store an article")?;
    tx.prepare_cached(INSERT_ENTRY)
        .and_then(|mut s| {
            s.execute(params![feed.0, key(draft.key), seq, draft.hash.0.cast_signed()])
        })
        .context("store the entry of a feed")?;
    Ok(())
}

fn edit(
    tx: &Connection,
    feed: FeedId,
    article: i64,
    seq: i64,
    draft: &ArticleDraft,
) -> Result<(), StoreError> {
    write(tx, EDIT, (article, seq), draft, &[]).context("edit an article")?;
    tx.prepare_cached(EDIT_ENTRY)
        .and_then(|mut s| s.execute(params![feed.0, key(draft.key), draft.hash.0.cast_signed()]))
        .context("edit the entry of a feed")?;
    Ok(())
}

/// Writes the content of a draft by [`INSERT`] or [`EDIT`]; `more` are the parameters that only one of
/// them has.
fn write(
    tx: &Connection,
    sql: &str,
    (id, seq): (i64, i64),
    draft: &ArticleDraft,
    more: &[(&str, &dyn ToSql)],
) -> rusqlite::Result<usize> {
    let content = named_params! {
        ":id": id,
        ":seq": seq,
        ":modified_at": draft.modified.map(|at| at.timestamp()),
        ":guid": draft.guid,
        ":url": draft.url,
        ":external_url": draft.external_url,
        ":title": draft.title,
        ":image": draft.image,
        ":language": draft.language,
        ":authors": columns::persons(&draft.authors),
        ":tags": columns::texts(&draft.tags),
        ":attachments": columns::attachments(&draft.attachments),
        ":podcast": columns::podcast(draft.podcast.as_ref()),
        ":summary": draft.summary,
        ":content_html": draft.content_html.as_deref(),
    };
    tx.prepare_cached(sql)?.execute(&[content, more].concat()[..])
}

fn key(key: ArticleKey) -> i64 {
    key.0.cast_signed()
}
