//! Earlier versions of edited articles.

use crate::html::sanitise::SanitisedHtml;
use rusqlite::{Connection, Row, params};

use crate::domain::article::Version;
use crate::domain::time::{Timestamp, from_unix};
use crate::store::error::{Doing, StoreError};

/// The version was first seen when the one before it was replaced; the very first one with the article.
const KEEP: &str = "
    INSERT INTO article_revision
        (article_id, revision, hash, seen_at, replaced_at, title, url, summary, content_html)
    SELECT id, revision, ?2,
        iif(revision = 0, first_seen_at, (SELECT replaced_at FROM article_revision r
            WHERE r.article_id = a.id AND r.revision = a.revision - 1)),
        ?3, title, url, summary, content_html
    FROM article a WHERE id = ?1";

const DROP: &str = "
    DELETE FROM article_revision
    WHERE article_id = ?1 AND revision <= (SELECT revision FROM article WHERE id = ?1) - ?2";

/// Keeps an article as it is, before an edit, and no more than `most` of its versions.
pub(super) fn keep(
    tx: &Connection,
    article: i64,
    hash: i64,
    most: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = "keep a version of an article";
    if most != 0 {
        tx.prepare_cached(KEEP)
            .and_then(|mut s| s.execute(params![article, hash, now.timestamp()]))
            .doing(doing)?;
    }
    tx.prepare_cached(DROP).and_then(|mut s| s.execute(params![article, most])).doing(doing)?;
    Ok(())
}

/// The versions of an article, latest first.
pub(super) fn list(connection: &Connection, article: i64) -> Result<Vec<Version>, StoreError> {
    const LIST: &str = "
        SELECT revision, seen_at, replaced_at, title, url, summary, content_html
        FROM article_revision WHERE article_id = ?1 ORDER BY revision DESC";
    let one = |r: &Row<'_>| {
        Ok(Version {
            revision: r.get(0)?,
            seen_at: r.get::<_, Option<i64>>(1)?.map(from_unix),
            replaced_at: from_unix(r.get(2)?),
            title: r.get(3)?,
            url: r.get(4)?,
            summary: r.get(5)?,
            content_html: r.get::<_, Option<String>>(6)?.map(SanitisedHtml::from_store),
        })
    };
    connection
        .prepare_cached(LIST)
        .and_then(|mut s| s.query_map([article], one)?.collect())
        .doing("read the versions of an article")
}
