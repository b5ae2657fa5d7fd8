//! Earlier versions of edited articles.

use crate::html::sanitise::SanitisedHtml;

use crate::domain::article::Version;
use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{Connection, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::time;

/// A version was first seen when the version before it was replaced; the first version, when the article was
/// first seen.
const KEEP: &str = "
    INSERT INTO article_revision
        (article_id, revision, hash, seen_at, replaced_at, title, url, summary, content_html)
    SELECT id, revision, ?2,
        CASE WHEN revision = 0 THEN first_seen_at ELSE (SELECT replaced_at FROM article_revision r
            WHERE r.article_id = a.id AND r.revision = a.revision - 1) END,
        ?3, title, url, summary, content_html
    FROM article a WHERE id = ?1";

const DROP: &str = "
    DELETE FROM article_revision
    WHERE article_id = ?1 AND revision <= (SELECT revision FROM article WHERE id = ?1) - ?2";

/// Copies an article before it is edited, and keeps at most `most` of its versions.
pub(super) fn keep(
    tx: &Connection,
    article: i64,
    hash: i64,
    most: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let action = "keep a version of an article";
    if most != 0 {
        tx.prepare_cached(KEEP)
            .and_then(|mut s| s.execute(params![article, hash, now.timestamp()]))
            .context(action)?;
    }
    tx.prepare_cached(DROP).and_then(|mut s| s.execute(params![article, most])).context(action)?;
    Ok(())
}

/// The versions of an article, latest first.
pub(super) fn list(connection: &Connection, article: i64) -> Result<Vec<Version>, StoreError> {
    const LIST: &str = "
        SELECT revision, seen_at, replaced_at, title, url, summary, content_html
        FROM article_revision WHERE article_id = ?1 ORDER BY revision DESC";
    let one = |r: &Row<'_>| {
        Ok(Version {
            revision: r.get("revision")?,
            seen_at: time(r, "seen_at")?,
            replaced_at: from_unix(r.get("replaced_at")?),
            title: r.get("title")?,
            url: r.get("url")?,
            summary: r.get("summary")?,
            content_html: r
                .get::<_, Option<String>>("content_html")?
                .map(SanitisedHtml::from_store),
        })
    };
    connection
        .prepare_cached(LIST)
        .and_then(|mut s| s.query_map([article], one)?.collect())
        .context("read the versions of an article")
}
