//! What to tell the owner of a document that is no feed: in plain words, and what to do.

use url::Url;

use crate::feed::autodiscovery::html_links::feed_links;
use crate::feed::autodiscovery::systems::places;
use crate::feed::parse::NotAFeed;
use crate::feed::parse::json_feed::NotJsonFeed;
use crate::feed::parse::root::Rootless;

pub(crate) fn about_json(error: &NotJsonFeed) -> NotAFeed {
    NotAFeed::because(match error {
        NotJsonFeed::Malformed(error) => format!("this is not well-formed JSON: {error}"),
        NotJsonFeed::Other => {
            "this is JSON, but no JSON Feed: it has no list of items and names no jsonfeed.org version"
                .to_owned()
        }
    })
}

pub(crate) fn about_xml(
    text: &str,
    base: &Url,
    content_type: Option<&str>,
    rootless: &Rootless<'_>,
) -> NotAFeed {
    NotAFeed::because(match rootless {
        Rootless::WebPage => return web_page(text, base),
        Rootless::Other(name) if is_of_html(name) => return web_page(text, base),
        _ if text.trim().is_empty() => "the document is empty".to_owned(),
        Rootless::Other("urlset") => {
            "this is a sitemap without news; give the address of a news sitemap or a feed"
                .to_owned()
        }
        Rootless::Other(name) if name.eq_ignore_ascii_case("sitemapindex") => {
            "this is a list of sitemaps; give the address of the news sitemap in it".to_owned()
        }
        Rootless::Other(name) => {
            format!("this is XML, but no feed: its root element is <{}>", shown(name))
        }
        Rootless::Nothing if text.contains("<?xml") => "this XML has no root element".to_owned(),
        Rootless::Nothing => {
            let said = content_type.map(|said| format!(" (the server calls it `{}`)", shown(said)));
            format!("this is neither XML nor JSON{}", said.unwrap_or_default())
        }
    })
}

/// A page's source may begin anywhere.
fn is_of_html(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "head", "body", "div", "p", "br", "a", "b", "h1", "meta", "script", "title", "center",
        "table", "span",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn web_page(text: &str, base: &Url) -> NotAFeed {
    let (offers, places) = (feed_links(text, base), places(text));
    if offers.is_empty() {
        let detail = "this is a web page, not a feed; give the address of the page's feed instead";
        return NotAFeed { places, ..NotAFeed::because(detail) };
    }
    let named: Vec<&str> = offers.iter().map(Url::as_str).collect();
    let detail = format!("this is a web page, not a feed; it announces {}", named.join(" and "));
    NotAFeed { offers, places, ..NotAFeed::because(detail) }
}

/// Text from outside inside a message: short, and without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use crate::feed::charset::decide;
    use crate::feed::parse::parse;

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn a_document_that_is_no_feed_is_told_why() {
        let base = Url::parse("https://example.org/a/").unwrap();
        let page = "this is a web page, not a feed; give the address of the page's feed instead";
        for (name, body, expected) in [
            ("nothing", "", "the document is empty"),
            ("blank", " \n", "the document is empty"),
            ("web page", "<!DOCTYPE html>\n<html><body><p>hi<br></body></html>", page),
            (
                "strict web page",
                "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><body/></html>",
                page,
            ),
            ("piece of a page", "<p>Not found</p>", page),
            (
                "page with feeds",
                "<!doctype html><link rel=\"alternate\" type=\"application/rss+xml\" href=\"/feed\">\
                 <LINK REL=alternate TYPE=application/atom+xml HREF=atom.xml><link rel=stylesheet href=x>\
                 <link rel=alternate hreflang=de href=/de>",
                "this is a web page, not a feed; it announces https://example.org/feed and https://example.org/a/atom.xml",
            ),
            (
                "text",
                "not found",
                "this is neither XML nor JSON (the server calls it `text/plain`)",
            ),
            (
                "other JSON",
                "{\"a\":1}",
                "this is JSON, but no JSON Feed: it has no list of items and names no jsonfeed.org version",
            ),
            (
                "plain JSON list",
                "[{\"a\":1}]",
                "this is JSON, but no JSON Feed: it has no list of items and names no jsonfeed.org version",
            ),
            (
                "broken JSON",
                "{\"a\":",
                "this is not well-formed JSON: EOF while parsing a value at line 1 column 5",
            ),
            (
                "other XML",
                "<opml version='2.0'/>",
                "this is XML, but no feed: its root element is <opml>",
            ),
            ("no element", "<?xml version='1.0'?>", "this XML has no root element"),
            (
                "sitemap",
                "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>https://a.example/</loc></url></urlset>",
                "this is a sitemap without news; give the address of a news sitemap or a feed",
            ),
        ] {
            let body = body.as_bytes();
            let error = parse(body, &base, decide(body, None), Some("text/plain")).unwrap_err();
            assert_eq!(error.detail, expected, "{name}");
            let offered: Vec<&str> = error.offers.iter().map(Url::as_str).collect();
            let expected: &[&str] = match name {
                "page with feeds" => {
                    &["https://example.org/feed", "https://example.org/a/atom.xml"]
                }
                _ => &[],
            };
            assert_eq!(offered, expected, "{name}");
        }
    }
}
