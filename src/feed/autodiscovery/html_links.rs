//! HTML link discovery: the feed links in the head of a web page.

use url::Url;

use crate::domain::address_origin::AddressOrigin;
use crate::html::entities::Entities;
use crate::html::tokenizer::{Token, Tokens};

/// The most feed links of a page that are returned. Some pages have one for each of a hundred sections.
const MOST_FEEDS: usize = 5;

/// The media types of feed links. `application/json` is not one: that is the API of `WordPress`.
const TYPES: [&str; 12] = [
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

/// Returns the feed links of a page in the order of the page, those to comment feeds last.
///
/// A feed link has `rel=alternate` and the media type of a feed (HTML, 4.6.7.2), or `rel=feed` with any type
/// or none, which was in drafts of HTML 5 and is still in some pages.
pub(crate) fn announced(text: &str, base: &Url) -> Vec<Url> {
    let origin = AddressOrigin::Document(base);
    let mut base = base.clone();
    let entities = Entities::default();
    let mut found: Vec<(bool, Url)> = Vec::new();
    let mut script = false;
    for token in Tokens::new(text) {
        let (name, attributes) = match token {
            Token::Start { name, attributes, .. } if !script => (name, attributes),
            Token::End { name } if name.eq_ignore_ascii_case("script") => {
                script = false;
                continue;
            }
            _ => continue,
        };
        script = name.eq_ignore_ascii_case("script");
        if name.eq_ignore_ascii_case("base")
            && let Some(own) =
                attributes.get("href", &entities).and_then(|own| base.join(&own).ok())
        {
            base = own;
        }
        if !["link", "a"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
            continue;
        }
        let value =
            |name: &str| attributes.get(name, &entities).unwrap_or_default().to_ascii_lowercase();
        let has = |name: &str, known: &[&str]| {
            let value = value(name);
            value.split([' ', ';', ',']).any(|word| known.contains(&word))
        };
        let is_feed = has("rel", &["feed"]) || has("rel", &["alternate"]) && has("type", &TYPES);
        if is_feed
            && let Some(href) = attributes.get("href", &entities)
            && let Ok(url) = base.join(strip_feed(&href))
            && origin.admits(&url)
            && !found.iter().any(|(_, known)| *known == url)
        {
            let comments = value("title").contains("comment") || url.path().contains("/comments/");
            found.push((comments, url));
        }
        if MOST_FEEDS * 4 <= found.len() {
            break;
        }
    }
    found.sort_by_key(|(comments, _)| *comments);
    found.truncate(MOST_FEEDS);
    found.into_iter().map(|(_, url)| url).collect()
}

/// `feed:https://…` is an address for a feed reader and means the address after the colon.
fn strip_feed(href: &str) -> &str {
    match href.get(..5) {
        Some(start) if start.eq_ignore_ascii_case("feed:") => {
            let rest = href.get(5..).unwrap_or_default();
            if rest.starts_with("http") { rest } else { href }
        }
        _ => href,
    }
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
            (
                "a script's",
                format!("<script>document.write(\"<link rel=alternate {rss} href=/f>\")</script>"),
                "",
            ),
            ("a comment's", format!("<!-- <link rel=alternate {rss} href=/f> -->"), ""),
            ("a program's", format!("<link rel=alternate {rss} href='javascript:x'>"), ""),
        ] {
            let found: Vec<String> = announced(&page, &base).into_iter().map(Into::into).collect();
            assert_eq!(found.join(" "), expected, "{name}");
        }
    }
}
