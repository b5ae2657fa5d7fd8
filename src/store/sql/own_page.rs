//! What it takes to decide whether the link of an article leads to a page of its own, which `matching::own_page` does.

use url::Url;

use crate::domain::feed::FeedId;
use crate::matching::features::{Fields, Key};
use crate::matching::fingerprint::Fingerprint;
use crate::matching::own_page::{self, NotOwnPage};
use crate::store::database::{Connection, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::feeds;

/// The most other articles that are compared.
const MOST_OTHERS: i64 = 20;

/// Why the page of an article is not its own; `None` if it is.
pub(super) fn not_own_page(
    connection: &Connection,
    feed: FeedId,
    article: i64,
    page: &Url,
) -> Result<Option<NotOwnPage>, StoreError> {
    let addresses = feeds::addresses(connection, feed)?;
    let addresses: Vec<Url> = addresses.iter().filter_map(|url| Url::parse(url).ok()).collect();
    let others = others(connection, feed, article, page)?;
    Ok(own_page::not_own_page(article, page, &addresses, &others))
}

/// Other articles of the feed that have an address in common with this page.
fn others(
    connection: &Connection,
    feed: FeedId,
    article: i64,
    page: &Url,
) -> Result<Vec<(i64, Url)>, StoreError> {
    const SHARING: &str = "
        SELECT a.id, coalesce(a.url, a.external_url) AS url FROM article_key k JOIN article a ON a.id = k.article_id
        WHERE k.feed_id = ?1 AND k.key = ?2 AND k.article_id <> ?3 AND coalesce(a.url, a.external_url) IS NOT NULL
        ORDER BY k.article_id LIMIT ?4";
    let fields = Fields { url: Some(page.as_str()), ..Fields::default() };
    let mut found: Vec<(i64, String)> = Vec::new();
    for key in Key::of(&fields, Fingerprint::default()) {
        let one = |r: &Row<'_>| Ok((r.get("id")?, r.get("url")?));
        let sharing: Vec<(i64, String)> = connection
            .prepare_cached(SHARING)
            .and_then(|mut s| {
                s.query_map(params![feed.0, key.stored(), article, MOST_OTHERS], one)?.collect()
            })
            .context("look for articles with the same page")?;
        found.extend(sharing);
    }
    found.sort_unstable();
    found.dedup();
    let parsed = |(id, url): (i64, String)| Some((id, Url::parse(&url).ok()?));
    Ok(found.into_iter().filter_map(parsed).collect())
}
