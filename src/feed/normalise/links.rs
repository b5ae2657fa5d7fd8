//! The addresses of an entry. They are absolute and `http` or `https`; any other address is dropped.

use url::Url;

use crate::feed::normalise::tracking;
use crate::feed::parse::model::{FeedType, Link, ParsedEntry, ParsedFeed};
use crate::html::web_address::{has_web_scheme, is_within, web, web_url};

/// In bytes. Each relative address of an entry becomes as long as its base.
const LONGEST_BASE: usize = 512;

/// Services that republish feeds, and send readers on to the pages. Neither the address of such a document
/// nor that of such a link says where a relative address leads.
const REPUBLISHERS: [&str; 7] = [
    "feedblitz.com",
    "feedburner.com",
    "feedpress.com",
    "feedpress.me",
    "feedproxy.google.com",
    "feedsportal.com",
    "follow.it",
];

/// Where the relative addresses of a document start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    url: Url,
    /// An `xml:base`, or the address of an Atom document (RFC 4287, 2, and RFC 3986, 5.1.3). It holds for all
    /// addresses. Otherwise `url` is the site or, if that is unknown, the document, and each entry starts from
    /// its own page.
    is_stated: bool,
}

impl Origin {
    /// `document` is the address of the document, after redirects.
    pub fn of(parsed: &ParsedFeed, document: &Url) -> Self {
        let stated = parsed.extension.base.as_deref().and_then(|base| joined(base, document));
        if let Some(url) = stated {
            return Self { url, is_stated: true };
        }
        if parsed.feed.feed_type == FeedType::Atom && !is_republished(document) {
            return Self { url: document.clone(), is_stated: true };
        }
        let pages = parsed.feed.links.iter().filter(|link| is_page(link));
        let site = pages.filter(|link| has_web_scheme(link.href.trim_start())).find_map(|link| {
            let site =
                web_url(&link.href, document).filter(|url| url.as_str().len() <= LONGEST_BASE);
            site.filter(|url| !is_republished(url))
        });
        Self { url: site.unwrap_or_else(|| document.clone()), is_stated: false }
    }

    /// The base of the link of an entry and of other addresses that do not belong to its text.
    pub fn of_links(&self, entry: &ParsedEntry) -> Url {
        self.own(entry).unwrap_or_else(|| self.url.clone())
    }

    /// The base of the text of an entry and of its files. `links` is the base of its links.
    /// `page` is its page.
    pub fn of_text(&self, entry: &ParsedEntry, links: &Url, page: Option<&Url>) -> Url {
        let page = page.filter(|_| !self.is_stated && self.own(entry).is_none());
        page.unwrap_or(links).clone()
    }

    fn own(&self, entry: &ParsedEntry) -> Option<Url> {
        joined(entry.entry.base.as_deref()?, &self.url)
    }

    /// The page that holds the text of an entry, into which its fragments (`#fn1`) point.
    pub fn page_of(&self, parsed: &ParsedEntry, links: &Url) -> Option<Url> {
        let ParsedEntry { entry, extension } = parsed;
        let url = |address: &str| {
            let url = without_tracking(web_url(address, links)?)?;
            (url.as_str().len() <= LONGEST_BASE && !is_republished(&url)).then_some(url)
        };
        let is_link = extension.guid_is_link;
        let is_page = |id: &&String| is_address(id) || is_link == Some(true) && is_path(id);
        let guid = || {
            let guid = Some(&entry.id).filter(is_page).filter(|_| is_link != Some(false));
            guid.and_then(|id| url(id))
        };
        let link = extension.original_link.as_deref().and_then(url);
        let Some(link) = link.or_else(|| url(&page(&entry.links, links)?)) else { return guid() };
        let is_own = |url: &Url| url.host_str() == self.url.host_str();
        // The links of a link blog lead to other sites, and its GUIDs to its own pages.
        if self.is_stated || is_own(&link) {
            return Some(link);
        }
        Some(guid().filter(is_own).unwrap_or(link))
    }
}

fn without_tracking(url: Url) -> Option<Url> {
    if url.query().is_none() {
        return Some(url);
    }
    Url::parse(&tracking::without(url.into())).ok()
}

fn joined(base: &str, outer: &Url) -> Option<Url> {
    let base = base.trim();
    (!base.is_empty() && base.len() <= LONGEST_BASE).then(|| outer.join(base).ok())?
}

fn is_republished(url: &Url) -> bool {
    url.host_str().is_some_and(|host| REPUBLISHERS.iter().any(|domain| is_within(host, domain)))
}

/// The page of an entry: its link, else a GUID that is an address, else its `external_url`, else its first
/// enclosure.
pub fn article_url(parsed: &ParsedEntry, base: &Url) -> Option<String> {
    let ParsedEntry { entry, extension } = parsed;
    let is_link = extension.guid_is_link;
    let is_guid = |id: &&String| is_address(id) || is_link == Some(true) && is_path(id);
    let guid = || Some(&entry.id).filter(is_guid).and_then(|id| web(id, base));
    let enclosure = || entry.links.iter().filter(|link| is_enclosure(link));
    let file = || extension.files.iter().find_map(|file| web(&file.url, base));
    page(&entry.links, base)
        .or_else(|| if is_link == Some(false) { None } else { guid() })
        .or_else(|| external_url(parsed, base))
        // A GUID that denies that it is a link is still better than a file.
        .or_else(guid)
        .or_else(|| enclosure().find_map(|link| web(&link.href, base)))
        .or_else(file)
}

/// The page that an entry of a link blog is about.
pub fn external_url(parsed: &ParsedEntry, base: &Url) -> Option<String> {
    parsed.extension.external_url.as_deref().and_then(|url| web(url, base))
}

/// Whether a link leads to the page itself: the only link of RSS, Atom's `alternate`, JSON Feed's `url`.
fn is_page(link: &Link) -> bool {
    link.rel.as_deref().is_none_or(|rel| rel == "alternate")
}

/// Whether a link leads to a file that comes with the entry (RFC 4287, 4.2.7.2).
pub(super) fn is_enclosure(link: &Link) -> bool {
    link.rel.as_deref() == Some("enclosure")
}

/// The web site of a feed: the first of its links that is not the address of the feed.
pub fn home_page(links: &[Link], base: &Url) -> Option<String> {
    page(links, base).filter(|url| url != base.as_str())
}

/// The first link to a page. HTML comes before a JSON or PDF rendition.
fn page(links: &[Link], base: &Url) -> Option<String> {
    let is_html =
        |link: &&Link| link.media_type.as_deref().is_none_or(|mime| mime.contains("html"));
    let pages = || links.iter().filter(|link| is_page(link));
    let resolve = |link: &Link| web(&link.href, base);
    pages().filter(is_html).find_map(resolve).or_else(|| pages().find_map(resolve))
}

/// Whether a GUID that is said to be a link is a relative address, and no number or other name.
fn is_path(text: &str) -> bool {
    text.contains(['/', '?', '.'])
        && !text.contains(char::is_whitespace)
        && !text.split(['/', '?']).next().is_some_and(|start| start.contains(':'))
}

fn is_address(text: &str) -> bool {
    let text = text.trim();
    has_web_scheme(text) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://example.org/blog/feed.xml").unwrap()
    }

    fn link(rel: &str, href: &str, media_type: Option<&str>) -> Link {
        Link {
            rel: Some(rel.to_owned()),
            href: href.to_owned(),
            media_type: media_type.map(Into::into),
            target: None,
            href_lang: None,
            title: None,
            length: None,
        }
    }

    #[test]
    fn an_entry_is_read_at_its_link_else_its_guid_else_its_enclosure() {
        let json = Some("application/json");
        for (name, links, guid, expected) in [
            (
                "link",
                vec![link("alternate", "a", None)],
                "https://g.example/",
                Some("https://example.org/blog/a"),
            ),
            (
                "page before rendition",
                vec![link("alternate", "a.json", json), link("alternate", "/a", Some("text/html"))],
                "",
                Some("https://example.org/a"),
            ),
            (
                "only rendition",
                vec![link("alternate", "/a.json", json)],
                "",
                Some("https://example.org/a.json"),
            ),
            (
                "guid",
                vec![link("self", "a", None)],
                " HTTPS://g.example/1 ",
                Some("https://g.example/1"),
            ),
            (
                "unsafe link",
                vec![link("alternate", "javascript:x", None)],
                "https://g.example/1",
                Some("https://g.example/1"),
            ),
            ("opaque guid", vec![], "tag:g,1", Some("https://e.example/")),
            (
                "enclosure",
                vec![link("enclosure", "a.mp3", None)],
                "1",
                Some("https://example.org/blog/a.mp3"),
            ),
            ("nothing", vec![], "1", None),
        ] {
            let mut entry = ParsedEntry::default();
            entry.entry.links = links;
            entry.entry.id = guid.to_owned();
            entry.extension.external_url =
                (name == "opaque guid").then(|| "https://e.example/".to_owned());
            assert_eq!(article_url(&entry, &base()).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_base_is_resolved_against_where_the_document_came_from() {
        for (own, expected) in [
            (None, "https://example.org/blog/feed.xml"),
            (Some("/posts/"), "https://example.org/posts/"),
            (Some("http://other.example/x/"), "http://other.example/x/"),
            (Some("http://["), "https://example.org/blog/feed.xml"),
        ] {
            let mut entry = ParsedEntry::default();
            entry.entry.base = own.map(Into::into);
            let origin = Origin { url: base(), is_stated: true };
            assert_eq!(origin.of_links(&entry).as_str(), expected);
        }
    }
}
