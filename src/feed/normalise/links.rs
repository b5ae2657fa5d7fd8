//! The addresses of an entry. They are absolute and `http` or `https`; any other address is dropped.

use url::Url;

use crate::feed::parse::model::{Link, ParsedEntry};
use crate::html::web_address::{has_web_scheme, is_web, web};

/// In bytes. Each relative address of an entry becomes as long as its base.
pub(super) const LONGEST_BASE: usize = 512;

/// The base of relative addresses in an entry: its own `xml:base`, resolved against `document`, else
/// `document`, which is the base of the document.
pub fn base_of(entry: &ParsedEntry, document: &Url) -> Url {
    let own = entry.entry.base.as_deref().map(str::trim);
    let own = own.filter(|base| !base.is_empty() && base.len() <= LONGEST_BASE);
    own.and_then(|own| document.join(own).ok()).unwrap_or_else(|| document.clone())
}

/// The page of an entry: its link, else a GUID that is an address, else its `external_url`, else its first
/// enclosure.
pub fn article_url(parsed: &ParsedEntry, base: &Url) -> Option<String> {
    let ParsedEntry { entry, extension } = parsed;
    let guid = || Some(&entry.id).filter(|id| is_address(id)).and_then(|id| web(id, base));
    let enclosure = || entry.links.iter().filter(|link| is_enclosure(link));
    let file = || extension.files.iter().find(|file| is_web(&file.url));
    page(&entry.links, base)
        .or_else(|| if extension.guid_is_not_a_link { None } else { guid() })
        .or_else(|| external_url(parsed, base))
        // A GUID that denies that it is a link is still better than a file.
        .or_else(guid)
        .or_else(|| enclosure().find_map(|link| web(&link.href, base)))
        .or_else(|| file().map(|file| file.url.to_string()))
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
            assert_eq!(base_of(&entry, &base()).as_str(), expected);
        }
    }
}
