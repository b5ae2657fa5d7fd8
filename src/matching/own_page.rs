//! Whether the link of an article leads to a page of its own.
//!
//! Entries without a page link to the front page of their site, or all to one page. Its text is not that of the article.

use url::Url;

use crate::matching::across_feeds::is_one_publisher;
use crate::matching::canonical_url::CanonicalUrl;

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

/// Why the page of an article is not its own; `None` if it is. `addresses` are those of the feed and of its home page;
/// `others` are the numbers and the links of other articles of the feed, in the order of their arrival. Later articles have higher
/// numbers.
pub fn not_own_page(
    article: i64,
    page: &Url,
    addresses: &[Url],
    others: &[(i64, Url)],
) -> Option<NotOwnPage> {
    let canonical = CanonicalUrl::of(page.as_str())?;
    if canonical.is_section() {
        let is_front = addresses.iter().any(|own| is_one_publisher(own, page));
        return is_front.then_some(NotOwnPage::FrontPage);
    }
    let is_same =
        |url: &Url| CanonicalUrl::of(url.as_str()).is_some_and(|url| url.is_same_page(&canonical));
    let same: Vec<&(i64, Url)> = others.iter().filter(|(_, url)| is_same(url)).collect();
    if same.iter().any(|(_, url)| are_parts(url, page)) {
        return Some(NotOwnPage::Shared);
    }
    // Two entries may be one article that was sent again, whose later entry says what the page says.
    match same.as_slice() {
        [] => None,
        [(other, _)] => (article < *other).then_some(NotOwnPage::Later),
        _ => Some(NotOwnPage::Shared),
    }
}

/// Whether two addresses of one page name different parts of it. A fragment with an equals sign counts visits.
fn are_parts(one: &Url, other: &Url) -> bool {
    fn part(url: &Url) -> Option<&str> {
        url.fragment().filter(|part| !part.is_empty() && !part.contains('='))
    }
    part(one).zip(part(other)).is_some_and(|(one, other)| one != other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_site_or_of_several_entries_are_no_pages_of_an_article() {
        let url = |text: &str| -> Url { text.parse().unwrap() };
        let site = [url("https://a.example/"), url("https://feeds.a.example/rss")];
        let page = "https://a.example/2024/ferry-returns";
        for (link, others, expected) in [
            ("https://a.example/", &[][..], Some(NotOwnPage::FrontPage)),
            ("https://www.a.example/news/", &[], Some(NotOwnPage::FrontPage)),
            ("https://b.example/", &[], None),
            (page, &[], None),
            (page, &[(1, "https://a.example/2024/other-article")], None),
            (page, &[(1, page)], None),
            (page, &[(9, "http://www.a.example/2024/ferry-returns/")], Some(NotOwnPage::Later)),
            (page, &[(1, page), (2, page)], Some(NotOwnPage::Shared)),
            (
                "https://a.example/changes/list#v2",
                &[(1, "https://a.example/changes/list#v1")],
                Some(NotOwnPage::Shared),
            ),
            (
                "https://a.example/changes/list#xtor=2",
                &[(1, "https://a.example/changes/list#xtor=1")],
                None,
            ),
        ] {
            let others: Vec<(i64, Url)> = others.iter().map(|(n, text)| (*n, url(text))).collect();
            assert_eq!(not_own_page(5, &url(link), &site, &others), expected, "{link} {others:?}");
        }
    }
}
