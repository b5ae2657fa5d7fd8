//! HTML link discovery: the feed links of a web page, in its head and in its text.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::domain::address_origin::AddressOrigin;
use crate::html::entities::Entities;
use crate::html::tokenizer::{Token, Tokens};
use crate::html::web_address::{is_web, is_within};

/// The most feed links of a page that are returned. Some pages have one for each of a hundred sections.
pub(super) const MOST_FEEDS: usize = 5;

/// The media types of feed links. `application/json` is not one: that is the API of `WordPress`.
pub(super) const FEED_TYPES: [&str; 12] = [
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/rss",
    "application/atom",
    "application/x-rss+xml",
    "application/x-atom+xml",
    "application/xml",
    "text/xml",
    "text/rss+xml",
    "text/rss",
];

/// The more certain kinds come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The page declares that it is a feed.
    Declared,
    /// As above, for the comments on the page.
    Comments,
    /// A link in the text with a scheme for feed readers, such as `feed:`.
    ForReaders,
    /// A link in the text to an address on this site that looks like a feed's.
    Address,
    /// As above, on another site.
    AddressElsewhere,
    /// A link in the text whose words name a feed.
    Words,
}

/// Returns the feed links of a page, the most certain ones first, else in the order of the page.
///
/// A declared feed link has `rel=alternate` and the media type of a feed (HTML, 4.6.7.2), or `rel=feed` with any type
/// or none, which was in drafts of HTML 5 and is still in some pages. Other links may lead to a feed: those with an
/// address like `/rss.xml`, and those with a text like `RSS`.
pub(crate) fn feed_links(text: &str, base: &Url) -> Vec<Url> {
    let origin = AddressOrigin::Document(base);
    let page = base;
    let mut base = base.clone();
    let entities = Entities::default();
    let mut found: Vec<(Kind, Url)> = Vec::new();
    let mut add = |kind: Kind, url: Url| {
        if origin.admits(&url) && url != *page && found.len() < MOST_LINKS {
            found.push((kind, url));
        }
    };
    let mut script = false;
    // The link whose text is being read.
    let mut open: Option<Url> = None;
    for token in Tokens::new(text) {
        let (name, attributes) = match token {
            Token::Start { name, attributes, .. } if !script => (name, attributes),
            Token::End { name } => {
                script &= !name.eq_ignore_ascii_case("script");
                if name.eq_ignore_ascii_case("a") {
                    open = None;
                }
                continue;
            }
            Token::Text(words) if !script && names_a_feed(words) => {
                open.take().into_iter().for_each(|url| add(Kind::Words, url));
                continue;
            }
            _ => continue,
        };
        script = name.eq_ignore_ascii_case("script");
        let value = |name: &str| attributes.get(name, &entities).unwrap_or_default().into_owned();
        if name.eq_ignore_ascii_case("base")
            && let Ok(own) = base.join(&value("href"))
        {
            base = own;
        }
        let is_a = name.eq_ignore_ascii_case("a");
        if !is_a && !name.eq_ignore_ascii_case("link") {
            // A picture inside of a link may be its text.
            if names_a_feed(&value("alt")) || names_a_feed(&value("title")) {
                open.take().into_iter().for_each(|url| add(Kind::Words, url));
            }
            continue;
        }
        let href = value("href");
        let for_readers = without_reader_scheme(&href, &base);
        let Ok(url) = base.join(for_readers.as_deref().unwrap_or(&href)) else { continue };
        match kind_of(is_a, &value, &url, page, for_readers.is_some()) {
            Some(kind) => add(kind, url),
            None if is_a => open = (!href.is_empty() && !href.starts_with('#')).then_some(url),
            None => {}
        }
    }
    found.sort_by_key(|(kind, _)| *kind);
    let mut seen = HashSet::new();
    found.retain(|(_, url)| seen.insert(url.clone()));
    found.truncate(MOST_FEEDS);
    found.into_iter().map(|(_, url)| url).collect()
}

/// What an element says about the feed that it may link to; `None` for other links. `value` returns its attributes, and
/// `url` is the address that it links to.
fn kind_of(
    is_a: bool,
    value: &impl Fn(&str) -> String,
    url: &Url,
    page: &Url,
    for_readers: bool,
) -> Option<Kind> {
    let has = |name: &str, known: &[&str]| {
        let value = value(name).to_ascii_lowercase();
        value.split([' ', ';', ',']).any(|word| known.contains(&word))
    };
    if has("rel", &["feed"]) || has("rel", &["alternate"]) && has("type", &FEED_TYPES) {
        let comments = value("title").to_ascii_lowercase().contains("comment")
            || url.path().contains("/comments/");
        return Some(if comments { Kind::Comments } else { Kind::Declared });
    }
    if !is_a {
        return None;
    }
    if for_readers {
        Some(Kind::ForReaders)
    } else if is_feed_address(url) {
        let here = url.host() == page.host();
        Some(if here { Kind::Address } else { Kind::AddressElsewhere })
    } else {
        let named = ["title", "aria-label"].iter().any(|name| names_a_feed(&value(name)));
        named.then_some(Kind::Words)
    }
}

/// The most links of a page that are compared.
const MOST_LINKS: usize = 1_000;

/// Schemes of links for feed readers and podcast programs. They stand before an address or in place of its scheme.
const READER_SCHEMES: [&str; 6] = ["feed:", "feeds:", "rss:", "itpc:", "pcast:", "podcast:"];

/// The address that a link for feed readers means; `None` for other links. `feed:https://a.example/f` means the address
/// after the colon, `feed://a.example/f` one with the scheme of the page.
fn without_reader_scheme(href: &str, base: &Url) -> Option<String> {
    let href = href.trim();
    let is_scheme = |scheme: &&&str| {
        href.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let scheme = READER_SCHEMES.iter().find(is_scheme)?;
    let rest = href.get(scheme.len()..)?.trim_start_matches('/');
    let decoded = percent_decode_str(rest).decode_utf8().ok()?;
    let has_scheme = |text: &str| {
        text.split_once(':').is_some_and(|(scheme, path)| {
            path.starts_with('/') && scheme.bytes().all(|b| b.is_ascii_alphabetic())
        })
    };
    if has_scheme(rest) {
        return Some(rest.to_owned());
    }
    if has_scheme(&decoded) {
        return Some(decoded.into_owned());
    }
    Some(format!("{}://{rest}", if base.scheme() == "http" { "http" } else { "https" }))
}

/// Whether an address looks like that of a feed: by the last part of its path, or by its query.
fn is_feed_address(url: &Url) -> bool {
    const NAMES: [&str; 14] = [
        "feed",
        "feeds",
        "rss",
        "rss2",
        "atom",
        "rdf",
        "index.xml",
        "index.rdf",
        "backend.php",
        "feed.json",
        "backend",
        "rss.php",
        "feed.php",
        "rss.aspx",
    ];
    if !is_web(url)
        || SUBSCRIBERS
            .iter()
            .any(|domain| url.host_str().is_some_and(|host| is_within(host, domain)))
    {
        return false;
    }
    let last = url
        .path()
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let (stem, ending) = last.rsplit_once('.').unwrap_or((&last, ""));
    let has_word =
        || stem.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| FEED_WORDS.contains(&word));
    let by_path = NAMES.contains(&last.as_str())
        || matches!(ending, "rss" | "atom" | "rdf")
        || matches!(ending, "xml" | "json" | "php") && has_word();
    by_path
        || url.query_pairs().any(|(key, value)| {
            let value = value.to_ascii_lowercase();
            match key.to_ascii_lowercase().as_str() {
                "feed" | "format" | "type" | "output" | "alt" => {
                    FEED_WORDS.contains(&value.as_str())
                }
                "page" => value == "backend", // SPIP.
                _ => false,
            }
        })
}

/// Words that name a feed, in an address or in the text of a link.
const FEED_WORDS: [&str; 7] = ["rss", "rss2", "atom", "feed", "feeds", "rdf", "jsonfeed"];

/// Services to which a page links so that a reader subscribes there; the address of the feed is a part of theirs.
const SUBSCRIBERS: [&str; 9] = [
    "feedly.com",
    "inoreader.com",
    "newsblur.com",
    "netvibes.com",
    "theoldreader.com",
    "my.yahoo.com",
    "bloglovin.com",
    "google.com",
    "subtome.com",
];

/// Whether a short text has a word that names a feed.
fn names_a_feed(text: &str) -> bool {
    const LONGEST: usize = 60;
    text.len() <= LONGEST
        && text.split(|c: char| !c.is_alphanumeric()).any(|word| {
            word.len() <= 8 && FEED_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn the_feeds_of_a_page_are_found_however_it_names_them() {
        let base = Url::parse("https://example.org/a/page").unwrap();
        let rss = "type='application/rss+xml'";
        for (name, page, expected) in [
            ("none", "<link rel=stylesheet href=x>".to_owned(), ""),
            (
                "a file on this machine",
                format!(
                    "<link rel=alternate {rss} href=file:///etc/passwd><base href=file:///etc/><link rel=alternate {rss} href=passwd>"
                ),
                "",
            ),
            (
                "two",
                format!(
                    "<link rel=alternate {rss} href=/f><LINK REL='ALTERNATE' TYPE=application/atom+xml HREF=g>"
                ),
                "https://example.org/f https://example.org/a/g",
            ),
            (
                "JSON Feed",
                "<link rel='alternate' type='application/feed+json' href='f.json'>".to_owned(),
                "https://example.org/a/f.json",
            ),
            (
                "a programming interface",
                "<link rel=alternate type=application/json href=/wp-json/>".to_owned(),
                "",
            ),
            ("embedding", "<link rel=alternate type='text/xml+oembed' href=/o>".to_owned(), ""),
            ("another language", "<link rel=alternate hreflang=de href=/de>".to_owned(), ""),
            ("rel=feed", "<a rel=feed href=/f>Feed</a>".to_owned(), "https://example.org/f"),
            (
                "a type with a charset",
                "<link rel=alternate type='application/rss+xml; charset=utf-8' href=/f>".to_owned(),
                "https://example.org/f",
            ),
            (
                "comments first",
                format!(
                    "<link rel=alternate {rss} title='Comments on x' href=/c><link rel=alternate {rss} href=/f>"
                ),
                "https://example.org/f https://example.org/c",
            ),
            (
                "twice",
                format!("<link rel=alternate {rss} href=/f><link rel=alternate {rss} href=/f>"),
                "https://example.org/f",
            ),
            (
                "a base",
                format!("<base href='https://b.example/x/'><link rel=alternate {rss} href=f>"),
                "https://b.example/x/f",
            ),
            (
                "references in the address",
                format!("<link rel=alternate {rss} href='/f?a=1&amp;b=2'>"),
                "https://example.org/f?a=1&b=2",
            ),
            (
                "feed:",
                format!("<link rel=alternate {rss} href='feed:https://e.example/f'>"),
                "https://e.example/f",
            ),
            ("feed: alone", "<a href='feed:https://e.example/f'>x</a>".to_owned(), "https://e.example/f"),
            ("feed: with a host", "<a href='feed://e.example/f'>x</a>".to_owned(), "https://e.example/f"),
            (
                "feed: and an address in full",
                "<a href='feed://https://e.example/f'>x</a>".to_owned(),
                "https://e.example/f",
            ),
            ("a podcast's", "<a href='itpc://e.example/f'>x</a>".to_owned(), "https://e.example/f"),
            ("feed: of a file", "<a href='feed:file:///etc/passwd'>x</a>".to_owned(), ""),
            ("in the text", "<p><a href=/blog/rss.xml>x</a>".to_owned(), "https://example.org/blog/rss.xml"),
            (
                "in the text, by its path",
                "<a href='/feed/'>x</a><a href=/blog.atom>x</a><a href=news-feed.xml>x</a>".to_owned(),
                "https://example.org/feed/ https://example.org/blog.atom https://example.org/a/news-feed.xml",
            ),
            (
                "in the text, by its query",
                "<a href='/?feed=rss2'>x</a><a href='/?format=feed&amp;type=rss'>x</a><a href='spip.php?page=backend'>x</a>"
                    .to_owned(),
                "https://example.org/?feed=rss2 https://example.org/?format=feed&type=rss https://example.org/a/spip.php?page=backend",
            ),
            ("by its words", "<a href=/syndication>RSS feed</a>".to_owned(), "https://example.org/syndication"),
            ("by its picture", "<a href=/x><img src=i alt=RSS></a>".to_owned(), "https://example.org/x"),
            ("by its label", "<a href=/x aria-label='Atom feed'><svg/></a>".to_owned(), "https://example.org/x"),
            (
                "the most certain first",
                format!(
                    "<a href=/s>RSS</a><a href=https://f.example/rss>x</a><a href=/rss>x</a><link rel=alternate {rss} href=/f>"
                ),
                "https://example.org/f https://example.org/rss https://f.example/rss https://example.org/s",
            ),
            ("a service", "<a href='https://feedly.com/i/feed/https://example.org/rss'>x</a>".to_owned(), ""),
            (
                "not a service",
                "<a href='https://notfeedly.com/rss'>x</a>".to_owned(),
                "https://notfeedly.com/rss",
            ),
            ("a sitemap", "<a href=/sitemap.xml>Sitemap</a>".to_owned(), ""),
            ("other words", "<a href=/feedback>Feedback</a><a href=/a>Atomic</a>".to_owned(), ""),
            ("words beside a link", "<a href=/x>More</a> RSS".to_owned(), ""),
            ("the page itself", "<a href=#rss>RSS</a><a href=page>RSS</a>".to_owned(), ""),
            (
                "a script's",
                format!("<script>document.write(\"<link rel=alternate {rss} href=/f>\")</script>"),
                "",
            ),
            ("a comment's", format!("<!-- <link rel=alternate {rss} href=/f> -->"), ""),
            ("a program's", format!("<link rel=alternate {rss} href='javascript:x'>"), ""),
        ] {
            let found: Vec<String> = feed_links(&page, &base).into_iter().map(Into::into).collect();
            assert_eq!(found.join(" "), expected, "{name}");
        }
    }
}
