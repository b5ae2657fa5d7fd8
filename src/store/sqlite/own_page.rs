//! Whether the link of an article leads to a page of its own.
//!
//! Entries without a page link to the front page of their site, or all to one page. Its text is not that of the article.

use rusqlite::{Connection, OptionalExtension, Row, params};
use url::Url;

use crate::domain::feed::FeedId;
use crate::matching::across_feeds::is_one_publisher;
use crate::matching::canonical_url::CanonicalUrl;
use crate::matching::features::{Fields, Key};
use crate::matching::fingerprint::Fingerprint;
use crate::store::error::{Context, StoreError};

/// The most other articles that are compared.
const MOST_OTHERS: i64 = 20;

/// Why the page that an article links to is not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOwnPage {
    #[error("the link leads to the front page of the site, and not to an article")]
    FrontPage,
    #[error("several entries of the feed link to this page")]
    Shared,
    #[error("a later entry of the feed links to this page")]
    Later,
}

/// Why the page of an article is not its own; `None` if it is.
pub(super) fn not_own_page(
    connection: &Connection,
    feed: FeedId,
    article: i64,
    page: &Url,
) -> Result<Option<NotOwnPage>, StoreError> {
    let Some(canonical) = CanonicalUrl::of(page.as_str()) else { return Ok(None) };
    if canonical.is_section() {
        let is_front = addresses(connection, feed)?.iter().any(|own| is_one_publisher(own, page));
        return Ok(is_front.then_some(NotOwnPage::FrontPage));
    }
    let mut same = Vec::new();
    for (id, url) in others(connection, feed, article, page)? {
        let Ok(other) = Url::parse(&url) else { continue };
        if CanonicalUrl::of(&url).is_some_and(|url| url.is_same_page(&canonical)) {
            if are_parts(&other, page) {
                return Ok(Some(NotOwnPage::Shared));
            }
            same.push(id);
        }
    }
    // Two entries may be one article that was sent again, whose later entry says what the page says.
    Ok(match same.as_slice() {
        [] => None,
        [other] => (article < *other).then_some(NotOwnPage::Later),
        _ => Some(NotOwnPage::Shared),
    })
}

/// The addresses of a feed and of its home page.
fn addresses(connection: &Connection, feed: FeedId) -> Result<Vec<Url>, StoreError> {
    const ADDRESSES: &str = "SELECT home_page_url, url FROM feed WHERE id = ?1";
    let found: Option<(Option<String>, String)> = connection
        .prepare_cached(ADDRESSES)
        .and_then(|mut s| {
            s.query_row([feed.0], |r| Ok((r.get("home_page_url")?, r.get("url")?))).optional()
        })
        .context("read the addresses of a feed")?;
    let found = found.into_iter().flat_map(|(home_page, url)| [home_page, Some(url)]);
    Ok(found.flatten().filter_map(|url| Url::parse(&url).ok()).collect())
}

/// Other articles of the feed that have an address in common with this page.
fn others(
    connection: &Connection,
    feed: FeedId,
    article: i64,
    page: &Url,
) -> Result<Vec<(i64, String)>, StoreError> {
    const SHARING: &str = "
        SELECT a.id, coalesce(a.url, a.external_url) AS url FROM article_key k JOIN article a ON a.id = k.article_id
        WHERE k.feed_id = ?1 AND k.key = ?2 AND k.article_id <> ?3 AND coalesce(a.url, a.external_url) IS NOT NULL
        LIMIT ?4";
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
    Ok(found)
}

/// Whether two addresses of one page name different parts of it. A fragment with an equals sign counts visits.
fn are_parts(one: &Url, other: &Url) -> bool {
    fn part(url: &Url) -> Option<&str> {
        url.fragment().filter(|part| !part.is_empty() && !part.contains('='))
    }
    part(one).zip(part(other)).is_some_and(|(one, other)| one != other)
}
