//! What a failing server changes, and above all what it does not.

use serde_json::Value;

use crate::support::feeds::{item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server, nobody};

const HTML: &str =
    "<!doctype html><html><head><title>Log in</title></head><body>Hello</body></html>";

/// A feed of two articles, polled once.
fn polled(every: &str) -> (Server, Home) {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])).header("ETag", "\"good\""));
    let url = server.url("/f");
    let home = Home::new(&format!("[[feeds]]\nurl = \"{url}\"\nevery = \"{every}\"\n"));
    home.poll();
    (server, home)
}

fn outcome(report: &Value) -> &str {
    report["feeds"][0]["outcome"].as_str().unwrap()
}

#[test]
fn a_feed_that_turns_into_a_page_keeps_articles_and_validators() {
    let (server, home) = polled("1h");
    let before = home.articles();
    server.put("/f", Page::ok(HTML).header("ETag", "\"page\""));
    for _ in 0..2 {
        assert_eq!(outcome(&home.poll_with_failures()), "not_a_feed");
    }
    assert_eq!(home.articles(), before);
    let feed = home.feed();
    assert_eq!((&feed["state"], &feed["articles"]), (&"failing".into(), &2.into()));
    assert!(feed["detail"].as_str().unwrap().contains("web page"), "{feed}");

    // The tag of the page is never sent, so the feed is recognised when it is back.
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])).header("ETag", "\"good\""));
    assert_eq!(outcome(&home.poll()), "not_modified");
    let tags: Vec<_> = server
        .requests("/f")
        .iter()
        .skip(1)
        .map(|request| request.header("if-none-match").map(<[u8]>::to_vec))
        .collect();
    assert_eq!(tags, vec![Some(b"\"good\"".to_vec()); 3]);
    assert_eq!(home.feed()["state"], "ok");
}

#[test]
fn the_feed_links_of_a_page_do_not_depend_on_the_wording_of_the_error() {
    let (server, home) = polled("1h");
    let page = "<!doctype html><link rel=alternate type=application/rss+xml href=/new>\
                <link rel=alternate type=application/atom+xml href=/atom>";
    server.put("/f", Page::ok(page));
    home.poll_with_failures();
    home.reword_details("a page, which links to feeds");
    let links = serde_json::json!([server.url("/new"), server.url("/atom")]);
    assert_eq!(home.feed()["offers"], links);
    assert_eq!(home.json(&["explain", "1", "--json"])["offers"], links);
    // They are forgotten with the page.
    server.put("/f", Page::status(404));
    home.poll_with_failures();
    assert_eq!(home.feed().get("offers"), None);
}

#[test]
fn a_feed_that_is_gone_is_left_alone_and_keeps_its_articles() {
    let (server, home) = polled("1h");
    let before = home.articles();
    server.put("/f", Page::status(410));
    assert_eq!(outcome(&home.poll_with_failures()), "gone");
    let feed = home.feed();
    assert_eq!((&feed["state"], &feed["http_status"]), (&"gone".into(), &410.into()));
    assert_eq!((feed.get("next_poll"), &feed["next_because"]), (None, &"gone".into()));
    assert_eq!(home.json(&["status", "--json"])["feeds"]["gone"], 1);
    assert!(home.ok(&["feeds"]).contains("never"));
    assert_eq!(home.articles(), before);

    let requests = server.total();
    assert_eq!(home.json(&["poll", "--json"])["polled"], 0);
    assert_eq!(server.total(), requests);
    // Who asks for it by name asks the server.
    server.put("/f", Page::ok(rss("News", &[item(3)])));
    assert_eq!(home.json(&["poll", "--json", &server.url("/f")])["added"], 1);
    assert_eq!(home.feed()["state"], "ok");
}

#[test]
fn a_server_that_fails_is_asked_less_often() {
    let (server, home) = polled("2h");
    server.put("/f", Page::status(500));
    let report = home.poll_with_failures();
    let failed = &report["feeds"][0];
    assert_eq!((outcome(&report), &failed["http_status"]), ("http_status", &500.into()));
    assert_eq!(failed["next_because"], "backoff");
    let waits: Vec<i64> = (0..3)
        .map(|_| {
            home.poll_with_failures();
            let feed = home.feed();
            assert_eq!(feed["next_because"], "backoff");
            seconds(&feed["next_poll"]) - seconds(&feed["last_poll"])
        })
        .collect();
    assert!(waits.is_sorted_by(|a, b| a < b), "{waits:?}");
    assert_eq!(home.feed()["failures"], 2.0);

    let requests = server.total();
    assert_eq!(home.json(&["poll", "--json"])["polled"], 0);
    assert_eq!(server.total(), requests, "what is not due is not asked");

    server.put("/f", Page::ok(rss("News", &[item(3)])));
    home.poll();
    let feed = home.feed();
    assert_eq!((&feed["failures"], &feed["next_because"]), (&0.0.into(), &"interval".into()));
    assert_eq!(feed.get("failing_since"), None);
}

#[test]
fn retry_after_is_obeyed() {
    let (server, home) = polled("10m");
    server.put("/f", Page::status(503).header("Retry-After", "86400"));
    home.poll_with_failures();
    let feed = home.feed();
    assert_eq!(feed["next_because"], "retry_after");
    let wait = seconds(&feed["next_poll"]) - seconds(&feed["last_poll"]);
    assert!((86_400..=86_400 + 3_600).contains(&wait), "{wait}");
}

#[test]
fn a_failing_feed_is_named_and_the_others_are_stored() {
    let server = Server::start();
    server.put("/good", Page::ok(rss("Good", &[item(1)])));
    server.put("/page", Page::ok(HTML));
    server
        .put("/cut", Page::ok("<rss version=\"2.0\"><channel><title>Cut").header("ETag", "\"x\""));
    let refused = format!("http://{}/", nobody());
    let urls = ["/good", "/page", "/missing"].map(|path| server.url(path));
    let home = Home::with_feeds(&[&urls[..], std::slice::from_ref(&refused)].concat());

    let ran = home.run(&["poll"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for (url, cause) in [(&urls[1], "web page"), (&urls[2], "404"), (&refused, "refused")] {
        let line = ran.err.lines().find(|line| line.starts_with("failed:") && line.contains(url));
        assert!(line.is_some_and(|line| line.contains(cause)), "{url}: {}", ran.err);
    }
    assert!(ran.err.contains("Polled 4 feeds"), "{}", ran.err);
    assert!(ran.err.contains("1 with news, 0 unchanged, 3 failed. 1 new article,"), "{}", ran.err);
    assert!(ran.out.contains("Title 1"), "{}", ran.out);

    let report = home.poll_with_failures();
    assert_eq!((&report["polled"], &report["failed"]), (&4.into(), &3.into()));
    assert_eq!(home.each("title"), ["Title 1"]);
}

#[test]
fn a_slow_server_fails_by_itself() {
    let server = Server::start();
    server.put("/slow", Page::stalled());
    server.put("/good", Page::ok(rss("Good", &[item(1)])));
    let (slow, good) = (server.url("/slow"), server.url("/good"));
    let home = Home::new(&format!(
        "[fetch]\ntimeout = \"1s\"\n[[feeds]]\nurl = \"{slow}\"\n[[feeds]]\nurl = \"{good}\"\n"
    ));
    let report = home.poll_with_failures();
    assert_eq!((&report["failed"], &report["added"]), (&1.into(), &1.into()));
    let feeds = home.json(&["feeds", "--json"]);
    assert_eq!((&feeds[0]["outcome"], &feeds[1]["outcome"]), (&"timeout".into(), &"fresh".into()));
}

#[test]
fn nothing_a_failure_says_moves_the_terminal() {
    let server = Server::start();
    let title = "Evil \u{9b}31m\u{202e}gnp";
    let mut evil = item(1);
    evil.title = "A\u{9b}2Jb".to_owned();
    server.put("/f", Page::ok(rss(title, &[evil])));
    let home = Home::with_feeds(&[server.url("/f")]);
    let ran = home.run(&["poll"]);
    server.put("/f", Page::ok("\u{1b}[2J<html>\u{1b}]0;owned\u{7}"));
    let failed = home.run(&["-vv", "poll", "--all"]);
    for text in [ran.out, ran.err, failed.out, failed.err, home.ok(&["feeds"])] {
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{text:?}");
    }
}

fn seconds(at: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(at.as_str().unwrap()).unwrap().timestamp()
}
