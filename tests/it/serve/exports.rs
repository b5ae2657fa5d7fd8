//! Exports over HTTP.

use serde_json::Value;

use super::{serve, serve_with};
use crate::support::feeds::{item, rss};
use crate::support::http::Answer;
use crate::support::server::Page;
use crate::support::wait_for;

fn titles(answer: &Answer) -> Vec<String> {
    let lines = answer.text();
    let title = |line: &str| serde_json::from_str::<Value>(line).unwrap()["title"].clone();
    lines.lines().map(|line| title(line).as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_format_has_its_media_type_and_the_bytes_of_the_command() {
    let served = serve(&[item(1), item(2)]);
    for (format, kind) in [
        ("json", "application/json"),
        ("jsonl", "application/x-ndjson"),
        ("csv", "text/csv; charset=utf-8; header=present"),
        ("markdown", "text/markdown; charset=utf-8; variant=CommonMark"),
        ("html", "text/html; charset=utf-8"),
        ("opml", "text/x-opml; charset=utf-8"),
    ] {
        let answer = served.site.get(&format!("/export.{format}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
        assert_eq!(answer.text(), served.home.ok(&["export", "--format", format]));
    }
    for (format, kind) in [
        ("atom", "application/atom+xml"),
        ("rss", "application/rss+xml"),
        ("jsonfeed", "application/feed+json"),
    ] {
        let answer = served.site.get(&format!("/export.{format}?tag=sea"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
        let itself = format!("http://{}/export.{format}?tag=sea", served.site.address);
        assert!(answer.text().contains(&itself), "{}", answer.text());
        assert!(answer.text().contains("Title 2"), "{}", answer.text());
    }
}

#[test]
fn filters_are_those_of_the_command_line() {
    let served = serve(&[item(1), item(2), item(3)]);
    for (query, expected) in [
        ("?limit=2", &["Title 3", "Title 2"][..]),
        ("?tag=sea&since=2024-08-20T00:02:00Z", &["Title 3", "Title 2"]),
        ("?feed=Harbour+News&until=2024-08-20T00:02:00Z", &["Title 1"]),
        ("?since=1h", &[]),
    ] {
        let answer = served.site.get(&format!("/export.jsonl{query}"));
        assert_eq!((answer.status, titles(&answer).as_slice()), (200, &expected.map_to()[..]));
    }
    for (path, status, said) in [
        ("/export.pdf", 404, "there is no format `pdf`"),
        ("/export.atom?tag=land", 404, "there is no tag `land`"),
        ("/export.atom?feed=%3Cb%3E", 404, "there is no feed `<b>`"),
        ("/export.atom?limit=0", 400, "from 1 to 10000"),
        ("/export.atom?limit=1000000", 400, "from 1 to 10000"),
        ("/export.atom?until=x", 400, "is no duration"),
        ("/export.atom?format=rss", 400, "the filters are"),
    ] {
        let refused = served.site.get(path);
        assert_eq!(refused.status, status, "{path}");
        assert!(refused.text().contains(said), "{path}: {}", refused.text());
        assert!(refused.header("content-type").unwrap().starts_with("text/"), "{path}");
    }
}

trait MapTo {
    fn map_to(&self) -> Vec<String>;
}

impl MapTo for &[&str] {
    fn map_to(&self) -> Vec<String> {
        self.iter().map(|&text| text.to_owned()).collect()
    }
}

#[test]
fn a_poller_gets_304_until_there_is_something_new() {
    let served = serve(&[item(1)]);
    let first = served.site.get("/export.atom");
    let etag = first.header("etag").unwrap().to_owned();
    let date = first.header("last-modified").unwrap().to_owned();
    let by_tag = ("If-None-Match", etag.as_str());
    let by_date = ("If-Modified-Since", date.as_str());
    for conditions in [&[by_tag][..], &[by_date], &[by_tag, by_date]] {
        let again = served.site.ask("GET", "/export.atom", conditions);
        assert_eq!((again.status, again.body.len()), (304, 0), "{conditions:?}");
        assert_eq!(again.header("etag"), Some(etag.as_str()));
    }
    // Another format and other filters have other validators.
    assert_eq!(served.site.ask("GET", "/export.rss", &[by_tag]).status, 200);
    assert_eq!(served.site.ask("GET", "/export.atom?limit=1", &[by_tag]).status, 200);
    let head = served.site.ask("HEAD", "/export.atom", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), Some(etag.as_str()));
    let unchanged = served.site.ask("HEAD", "/export.atom", &[by_tag]);
    assert_eq!((unchanged.status, unchanged.header("vary")), (304, Some("accept-encoding")));

    served.server.put("/f", Page::ok(rss("Harbour News", &[item(1), item(2)])));
    served.repoll();
    wait_for("the news", || {
        (served.site.ask("GET", "/export.atom", &[by_tag]).status == 200).then_some(())
    });
    assert_eq!(served.site.ask("GET", "/export.atom", &[by_date]).status, 200);
    // An edit changes the validators too.
    let etag = served.site.get("/export.atom").header("etag").unwrap().to_owned();
    let mut edited = item(1);
    edited.title = "Title 1, corrected".to_owned();
    served.server.put("/f", Page::ok(rss("Harbour News", &[edited, item(2)])));
    served.repoll();
    wait_for("the edit", || {
        let answer = served.site.ask("GET", "/export.atom", &[("If-None-Match", &etag)]);
        (answer.status == 200).then_some(())
    });
}

/// RFC 9110 section 9.3.2: the same header fields, but for those that are known only with the content.
#[test]
fn head_returns_the_headers_of_get_without_a_body() {
    let served = serve(&[item(1), item(2)]);
    let id = &served.home.each("id")[0];
    for path in [
        "/",
        "/search?q=x",
        &format!("/articles/{id}"),
        "/style.css",
        "/export.atom",
        "/export.csv?limit=1",
        "/changes.atom",
        "/healthz",
        "/nothing",
    ] {
        for encoding in ["identity", "gzip"] {
            let asked = |method| {
                let mut answer = served.site.ask(method, path, &[("Accept-Encoding", encoding)]);
                answer
                    .headers
                    .retain(|(name, _)| !["date", "transfer-encoding"].contains(&&**name));
                answer.headers.sort();
                answer
            };
            let (got, headed) = (asked("GET"), asked("HEAD"));
            assert_eq!(
                (headed.status, headed.headers),
                (got.status, got.headers),
                "{path} {encoding}"
            );
            assert!(headed.body.is_empty() && !got.body.is_empty(), "{path} {encoding}");
        }
    }
}

/// RFC 9111 section 3.2: a cache puts the header fields of a 304 in the place of those it has.
#[test]
fn a_304_says_nothing_else_than_the_200_did() {
    let served = serve(&[item(1)]);
    let article = format!("/articles/{}", served.home.each("id")[0]);
    for path in ["/", &article, "/export.html", "/export.atom"] {
        let whole = served.site.get(path);
        let etag = whole.header("etag").unwrap();
        let again = served.site.ask("GET", path, &[("If-None-Match", etag)]);
        assert_eq!(again.status, 304, "{path}");
        for (name, value) in again.headers.iter().filter(|(name, _)| name != "date") {
            assert_eq!(whole.header(name), Some(value.as_str()), "{path}: {name}");
        }
    }
}

#[test]
fn the_pages_contain_every_article_once() {
    let items: Vec<_> = (1..=25).map(item).collect();
    let served = serve(&items);
    let mut path = "/export.jsonl?limit=10&tag=sea".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = served.site.get(&path);
        seen.extend(titles(&page));
        if seen.len() == 10 {
            // What comes in between comes before the pages that are left.
            let more: Vec<_> = (1..=28).map(item).collect();
            served.server.put("/f", Page::ok(rss("Harbour News", &more)));
            served.repoll();
            wait_for("more articles", || (served.home.seq() == 28).then_some(()));
        }
        let Some(link) = page.header("link") else { break };
        let url = link.strip_prefix('<').and_then(|link| link.split_once(">; rel=\"next\""));
        path =
            url.unwrap().0.strip_prefix(&format!("http://{}", served.site.address)).unwrap().into();
    }
    let expected: Vec<_> = (1..=25).rev().map(|n| format!("Title {n}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(served.home.articles().len(), 28);
    for format in ["atom", "rss", "jsonfeed"] {
        let page = served.site.text(&format!("/export.{format}?limit=10"));
        assert!(
            page.contains("limit=10&amp;before=") || page.contains("limit=10&before="),
            "{page}"
        );
        let last = served.site.text(&format!("/export.{format}?limit=28"));
        assert!(!last.contains("before="), "{last}");
    }
}

#[test]
fn a_client_that_unpacks_gets_it_compressed() {
    let items: Vec<_> = (1..=50).map(item).collect();
    let served = serve(&items);
    let plain = served.site.get("/export.atom").body;
    for (accepts, encoding) in [
        ("gzip", Some("gzip")),
        ("br", None),
        ("br, gzip", Some("gzip")),
        ("zstd, gzip;q=0.5", Some("zstd")),
        ("", None),
    ] {
        let answer = served.site.ask("GET", "/export.atom", &[("Accept-Encoding", accepts)]);
        assert_eq!(answer.header("content-encoding"), encoding);
        if encoding.is_some() {
            assert!(answer.body.len() * 3 < plain.len(), "{encoding:?}: {}", answer.body.len());
            assert!(answer.header("vary").unwrap().contains("accept-encoding"));
        } else {
            assert_eq!(answer.body, plain);
        }
    }
}

#[test]
fn every_response_has_the_security_headers() {
    let served = serve(&[item(1)]);
    for path in ["/export.atom", "/export.pdf", "/healthz", "/nothing"] {
        let answer = served.site.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
    }
}

#[test]
fn a_hub_is_named_where_a_subscriber_looks_for_it() {
    let served = serve_with(&[item(1)], "hub = 'https://hub.example/?a=1&b=2'");
    let itself = |format: &str| format!("http://{}/export.{format}", served.site.address);
    for (format, says) in [
        ("atom", "<link rel=\"hub\" href=\"https://hub.example/?a=1&amp;b=2\"/>"),
        ("rss", "<atom:link rel=\"hub\" href=\"https://hub.example/?a=1&amp;b=2\"/>"),
        ("jsonfeed", "\"hubs\":[{\"type\":\"WebSub\",\"url\":\"https://hub.example/?a=1&b=2\"}]"),
        ("csv", ""),
    ] {
        let answer = served.site.get(&format!("/export.{format}"));
        assert!(answer.text().contains(says), "{format}: {}", answer.text());
        let expected = [
            "<https://hub.example/?a=1&b=2>; rel=\"hub\"".to_owned(),
            format!("<{}>; rel=\"self\"", itself(format)),
        ];
        assert_eq!(answer.all("link"), expected, "{format}");
    }
    let served = serve(&[item(1)]);
    let answer = served.site.get("/export.atom");
    assert!(answer.header("link").is_none() && !answer.text().contains("rel=\"hub\""));
}

#[test]
fn edits_are_an_atom_feed_with_the_words_that_changed() {
    let served = serve(&[item(1), item(2)]);
    let empty = served.site.get("/changes.atom");
    assert_eq!((empty.status, empty.header("content-type")), (200, Some("application/atom+xml")));
    assert!(!empty.text().contains("<entry"), "{}", empty.text());
    let etag = empty.header("etag").unwrap().to_owned();
    let by_tag = ("If-None-Match", etag.as_str());
    assert_eq!(served.site.ask("GET", "/changes.atom", &[by_tag]).status, 304);
    assert_eq!(served.site.ask("HEAD", "/changes.atom", &[by_tag]).status, 304);
    // A new article is no edit.
    served.server.put("/f", Page::ok(rss("Harbour News", &[item(1), item(2), item(3)])));
    served.repoll();
    wait_for("the new article", || (served.home.articles().len() == 3).then_some(()));
    assert_eq!(served.site.ask("GET", "/changes.atom", &[by_tag]).status, 304);

    let mut edited = item(1);
    edited.title = "Title <1> & more".to_owned();
    edited.text = "<p>Text of letter 1.</p>".to_owned();
    served.server.put("/f", Page::ok(rss("Harbour News", &[edited, item(2), item(3)])));
    served.repoll();
    wait_for("the edit", || {
        (served.site.ask("GET", "/changes.atom", &[by_tag]).status == 200).then_some(())
    });
    let feed = served.site.get("/changes.atom");
    assert!(feed.header("last-modified").is_some() && feed.header("etag") != Some(&etag));
    let document = feed_rs::parser::parse(&feed.body[..]).unwrap();
    assert_eq!(document.entries.len(), 1);
    let entry = &document.entries[0];
    assert!(entry.id.starts_with("urn:gazetted:edit:") && entry.id.ends_with(":1"), "{}", entry.id);
    assert_eq!(entry.title.as_ref().unwrap().content, "Title <1> & more");
    assert_eq!(
        entry.content.as_ref().unwrap().body.as_deref().unwrap(),
        "<p><strong>Title <ins>&lt;</ins>1<ins>&gt; &amp; more</ins></strong></p>\
         <p>Text of <del>number</del><ins>letter</ins> 1.</p>"
    );
    for (path, status) in [
        ("/changes.atom?feed=Harbour+News&since=1h&limit=5", 200),
        ("/changes.atom?feed=nobody", 404),
        ("/changes.atom?limit=0", 400),
        ("/changes.atom?before=5.3", 400),
        ("/changes.atom?sort=newest", 400),
        ("/changes.atom?colour=red", 400),
    ] {
        assert_eq!(served.site.get(path).status, status, "{path}");
    }
    assert!(!served.site.get("/changes.atom?until=1h").text().contains("<entry"));
}
