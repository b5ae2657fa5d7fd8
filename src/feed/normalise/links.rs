//! Addresses: absolute, `http` or `https`, or none.

use url::Url;

use crate::feed::parse::model::{Link, LinkRole, ParsedEntry};
use crate::html::web_address::{has_web_scheme, is_web, web};

/// In bytes. Every relative address of an entry becomes as long as its base.
pub(super) const LONGEST_BASE: usize = 512;

/// What relative addresses in an entry start from: its own `xml:base`, else the document's, each
/// resolved against the next, the last being where the document came from.
pub fn base_of(entry: &ParsedEntry, document: &Url) -> Url {
    let own = entry.base.as_deref().map(str::trim);
    let own = own.filter(|base| !base.is_empty() && base.len() <= LONGEST_BASE);
    own.and_then(|own| document.join(own).ok()).unwrap_or_else(|| document.clone())
}

/// Where an entry can be read: its link, else a GUID that is an address, else its `external_url`, else
/// its first enclosure.
pub fn article_url(entry: &ParsedEntry, base: &Url) -> Option<String> {
    let guid = || {
        let guid = entry.guid.as_deref().filter(|guid| is_address(guid));
        guid.and_then(|guid| web(guid, base))
    };
    // A GUID that says it is no link is still better than a file.
    let named = || Some(()).filter(|()| !entry.guid_is_no_link).and_then(|()| guid());
    let file = || entry.media.iter().flat_map(|media| &media.files).find(|file| is_web(&file.url));
    page(&entry.links, base)
        .or_else(named)
        .or_else(|| of_role(&entry.links, LinkRole::External, base))
        .or_else(guid)
        .or_else(|| of_role(&entry.links, LinkRole::Enclosure, base))
        .or_else(|| file().map(|file| file.url.to_string()))
}

/// What a link blog points at.
pub fn external_url(entry: &ParsedEntry, base: &Url) -> Option<String> {
    of_role(&entry.links, LinkRole::External, base)
}

/// The feed's web site: a link of its own that is not the feed.
pub fn home_page(links: &[Link], base: &Url) -> Option<String> {
    page(links, base).filter(|url| url != base.as_str())
}

/// Among several, a page beats a JSON or PDF rendition of it.
fn page(links: &[Link], base: &Url) -> Option<String> {
    let is_html = |link: &&Link| link.mime_type.as_deref().is_none_or(|mime| mime.contains("html"));
    let pages = || links.iter().filter(|link| link.role == LinkRole::Page);
    let resolve = |link: &Link| web(&link.url, base);
    pages().filter(is_html).find_map(resolve).or_else(|| pages().find_map(resolve))
}

fn of_role(links: &[Link], role: LinkRole, base: &Url) -> Option<String> {
    links.iter().filter(|link| link.role == role).find_map(|link| web(&link.url, base))
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

    fn link(role: LinkRole, url: &str, mime_type: Option<&str>) -> Link {
        Link {
            role,
            url: url.into(),
            mime_type: mime_type.map(Into::into),
            title: None,
            size: None,
        }
    }

    #[test]
    fn an_entry_is_read_at_its_link_else_its_guid_else_its_enclosure() {
        use LinkRole::{Enclosure, External, Other, Page};
        let json = Some("application/json");
        for (name, links, guid, expected) in [
            (
                "link",
                vec![link(Page, "a", None)],
                "https://g.example/",
                Some("https://example.org/blog/a"),
            ),
            (
                "page before rendition",
                vec![link(Page, "a.json", json), link(Page, "/a", Some("text/html"))],
                "",
                Some("https://example.org/a"),
            ),
            (
                "only rendition",
                vec![link(Page, "/a.json", json)],
                "",
                Some("https://example.org/a.json"),
            ),
            (
                "guid",
                vec![link(Other, "a", None)],
                " HTTPS://g.example/1 ",
                Some("https://g.example/1"),
            ),
            (
                "unsafe link",
                vec![link(Page, "javascript:x", None)],
                "https://g.example/1",
                Some("https://g.example/1"),
            ),
            (
                "opaque guid",
                vec![link(External, "https://e.example/", None)],
                "tag:g,1",
                Some("https://e.example/"),
            ),
            (
                "enclosure",
                vec![link(Enclosure, "a.mp3", None)],
                "1",
                Some("https://example.org/blog/a.mp3"),
            ),
            ("nothing", vec![], "1", None),
        ] {
            let entry = ParsedEntry { links, guid: Some(guid.into()), ..ParsedEntry::default() };
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
            let entry = ParsedEntry { base: own.map(Into::into), ..ParsedEntry::default() };
            assert_eq!(base_of(&entry, &base()).as_str(), expected);
        }
    }
}
