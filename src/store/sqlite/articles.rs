//! Articles: stored once, edited in place.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::domain::article::{ArticleDraft, ArticleKey, Attachment, Person, effective_date};
use crate::domain::feed::FeedId;
use crate::domain::time::Timestamp;
use crate::store::error::{Doing, StoreError};
use crate::store::sqlite::{changes, revisions};

/// What storing one draft came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    New,
    Edited,
    Known,
}

const FIND: &str = "SELECT article_id, hash FROM sighting WHERE feed_id = ?1 AND key = ?2";

const INSERT: &str = "
    INSERT INTO article (id, seq, feed_id, order_at, first_seen_at, published_at, modified_at,
        revision, guid, url, external_url, title, image, language, authors, tags, attachments,
        summary, content_html)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

const SIGHT: &str = "INSERT INTO sighting (feed_id, key, article_id, hash) VALUES (?1, ?2, ?3, ?4)";

/// `published_at`, and with it the order, never changes after the first sighting.
const EDIT: &str = "
    UPDATE article SET seq = ?2, revision = revision + 1, modified_at = coalesce(?3, modified_at),
        guid = ?4, url = ?5, external_url = ?6, title = ?7, image = ?8, language = ?9, authors = ?10,
        tags = ?11, attachments = ?12, summary = ?13, content_html = ?14
    WHERE id = ?1";

const RESIGHT: &str = "UPDATE sighting SET hash = ?3 WHERE feed_id = ?1 AND key = ?2";

const FIND_SAME_LINK: &str = "
    SELECT s.article_id, s.hash FROM sighting s JOIN article a ON a.id = s.article_id
    WHERE s.feed_id = ?1 AND s.key = ?2 AND a.url IS ?3";

const REKEY: &str = "UPDATE sighting SET key = ?3 WHERE feed_id = ?1 AND key = ?2";

/// Stores a draft under the next sequence number, unless the very same content is there already.
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

/// The stored article and its content hash, under the draft's key, or under the key that an earlier
/// rule gave it; that one is then replaced.
fn find(
    tx: &Connection,
    feed: FeedId,
    draft: &ArticleDraft,
) -> Result<Option<(i64, i64)>, StoreError> {
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let found = tx
        .prepare_cached(FIND)
        .and_then(|mut s| s.query_row(params![feed.0, key(draft.key)], pair).optional())
        .doing("look up an article")?;
    let Some(former) = draft.former_key.filter(|_| found.is_none()) else {
        return Ok(found);
    };
    let found = tx
        .prepare_cached(FIND_SAME_LINK)
        .and_then(|mut s| s.query_row(params![feed.0, key(former), draft.url], pair).optional())
        .doing("look up an article by its former key")?;
    if found.is_some() {
        tx.prepare_cached(REKEY)
            .and_then(|mut s| s.execute(params![feed.0, key(former), key(draft.key)]))
            .doing("give an article its new key")?;
    }
    Ok(found)
}

fn insert(
    tx: &Connection,
    feed: FeedId,
    seq: i64,
    d: &ArticleDraft,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = params![
        seq,
        feed.0,
        effective_date(d.published, now).timestamp(),
        now.timestamp(),
        d.published.map(|at| at.timestamp()),
        d.modified.map(|at| at.timestamp()),
        d.guid,
        d.url,
        d.external_url,
        d.title,
        d.image,
        d.language,
        persons(&d.authors),
        texts(&d.tags),
        attachments(&d.attachments),
        d.summary,
        d.content_html.as_deref(),
    ];
    tx.prepare_cached(INSERT).and_then(|mut s| s.execute(row)).doing("store an article")?;
    tx.prepare_cached(SIGHT)
        .and_then(|mut s| s.execute(params![feed.0, key(d.key), seq, d.hash.0.cast_signed()]))
        .doing("store a sighting")?;
    Ok(())
}

fn edit(
    tx: &Connection,
    feed: FeedId,
    article: i64,
    seq: i64,
    d: &ArticleDraft,
) -> Result<(), StoreError> {
    let row = params![
        article,
        seq,
        d.modified.map(|at| at.timestamp()),
        d.guid,
        d.url,
        d.external_url,
        d.title,
        d.image,
        d.language,
        persons(&d.authors),
        texts(&d.tags),
        attachments(&d.attachments),
        d.summary,
        d.content_html.as_deref(),
    ];
    tx.prepare_cached(EDIT).and_then(|mut s| s.execute(row)).doing("edit an article")?;
    tx.prepare_cached(RESIGHT)
        .and_then(|mut s| s.execute(params![feed.0, key(d.key), d.hash.0.cast_signed()]))
        .doing("edit a sighting")?;
    Ok(())
}

fn key(key: ArticleKey) -> i64 {
    key.0.cast_signed()
}

fn texts(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| json!(list).to_string())
}

fn persons(list: &[Person]) -> Option<String> {
    let one = |p: &Person| json!({ "name": p.name, "url": p.url, "email": p.email });
    (!list.is_empty()).then(|| Value::from(list.iter().map(one).collect::<Vec<_>>()).to_string())
}

fn attachments(list: &[Attachment]) -> Option<String> {
    let one = |a: &Attachment| {
        json!({
            "url": a.url, "mime_type": a.mime_type, "title": a.title,
            "size": a.size_in_bytes, "duration": a.duration_in_seconds,
        })
    };
    (!list.is_empty()).then(|| Value::from(list.iter().map(one).collect::<Vec<_>>()).to_string())
}

/// The inverses, for the reader. What cannot be read is left out: it was written by the functions above.
pub(super) mod decode {
    use serde_json::Value;

    use crate::domain::article::{Attachment, Person};

    pub(in crate::store::sqlite) fn texts(column: Option<&str>) -> Vec<String> {
        column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub(in crate::store::sqlite) fn persons(column: Option<&str>) -> Vec<Person> {
        let one = |v: &Value| Person {
            name: text(v, "name"),
            url: text(v, "url"),
            email: text(v, "email"),
        };
        values(column).iter().map(one).collect()
    }

    pub(in crate::store::sqlite) fn attachments(column: Option<&str>) -> Vec<Attachment> {
        let one = |v: &Value| {
            Some(Attachment {
                url: text(v, "url")?,
                mime_type: text(v, "mime_type"),
                title: text(v, "title"),
                size_in_bytes: v["size"].as_u64(),
                duration_in_seconds: v["duration"].as_u64(),
            })
        };
        values(column).iter().filter_map(one).collect()
    }

    fn values(column: Option<&str>) -> Vec<Value> {
        column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    fn text(value: &Value, key: &str) -> Option<String> {
        value[key].as_str().map(str::to_owned)
    }
}
