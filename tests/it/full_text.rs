//! Feeds with `full_text`: the pages of their articles are fetched, and articles show what their pages say.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::feeds::{Item, item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{now, wait_for};

const TEASER: &str = "<p>The ferry to the island sails again.</p>";

/// A sentence of the article `n`.
fn sentence(n: u32) -> String {
    format!("After nine years the ferry number {n} to the island sails again, every morning.")
}

/// The page of an article with a text of `paragraphs` paragraphs.
fn article(n: u32, paragraphs: usize) -> String {
    let text = format!(
        "<p>{} The harbour was full of people who had waited for the first ship since the early hours.</p>",
        sentence(n)
    );
    format!(
        "<!doctype html><html lang=en><head><title>Title {n} - News</title>\
         <meta property='og:title' content='Title {n}'>\
         <meta property='article:published_time' content='2024-08-19T05:00:00Z'>\
         <meta name=author content='Maria Lind'>\
         <meta property='og:image' content='/{n}.jpg'></head>\
         <body><nav><a href=/>Home</a></nav><article><h1>Title {n}</h1>\
         <p class=standfirst>The island is reached from the harbour once more.</p>{}</article></body></html>",
        text.repeat(paragraphs)
    )
}

/// An entry with a teaser whose link leads to `/n` of the server.
fn teaser(server: &Server, n: u32) -> Item {
    Item { link: Some(server.url(&format!("/{n}"))), text: TEASER.to_owned(), ..item(n) }
}

/// A server with one feed of these entries, each with a page.
fn site(entries: &[u32]) -> Server {
    let server = Server::start();
    let items: Vec<Item> = entries.iter().map(|n| teaser(&server, *n)).collect();
    server.put("/feed", Page::ok(rss("News", &items)));
    for n in entries {
        server.put(&format!("/{n}"), Page::ok(article(*n, 3)).header("ETag", format!("\"{n}\"")));
    }
    server
}

fn home(server: &Server, feed: &str, tail: &str) -> Home {
    Home::new(&format!(
        "[[feeds]]\nurl = \"{}\"\nname = \"News\"\n{feed}\n{tail}",
        server.url("/feed")
    ))
}

fn full_text(server: &Server) -> Home {
    home(server, "full_text = true", "")
}

/// The only article.
fn only(home: &Home) -> Value {
    let articles = home.articles();
    let [article] = articles.as_slice() else { panic!("{articles:?}") };
    article.clone()
}

fn state(home: &Home) -> String {
    only(home)["full_text"]["state"].as_str().unwrap_or_default().to_owned()
}

fn text(article: &Value) -> &str {
    article["content_text"].as_str().unwrap_or_default()
}

/// Has the pages requested that are due within this time.
fn later(home: &Home, seconds: i64) -> Value {
    home.age_pages(seconds);
    home.poll()
}

#[test]
fn the_text_of_the_page_is_shown_and_what_the_feed_said_stays_readable() {
    let server = site(&[1]);
    let undated = Item { date: None, ..teaser(&server, 1) };
    server.put("/feed", Page::ok(rss("News", &[undated])));
    let home = full_text(&server);
    let polled = home.poll();
    assert_eq!(polled["pages"], serde_json::json!({ "requested": 1, "fetched": 1 }));
    let article = only(&home);
    assert_eq!(text(&article).matches(&sentence(1)).count(), 3, "{article}");
    assert_eq!(article["summary"], "The island is reached from the harbour once more.");
    assert_eq!(article["authors"][0]["name"], "Maria Lind");
    assert_eq!(article["image"], server.url("/1.jpg"));
    assert_eq!(article["date_published"], "2024-08-19T05:00:00Z");
    assert_eq!(article["date_source"], "page");
    assert_eq!(article["revision"], 0);
    let page = &article["full_text"];
    assert_eq!((&page["state"], &page["engine"]), (&"page".into(), &"dom_smoothie".into()));
    assert!(40 < page["word_count"].as_u64().unwrap(), "{page}");
    let id = article["id"].as_str().unwrap();
    let of_feed = home.json(&["show", id, "--feed-version", "--json"]);
    assert_eq!(of_feed["content_html"], TEASER);
    assert_eq!(of_feed["date_source"], "first_seen");
    assert_eq!(of_feed.get("authors"), None);
    assert!(home.ok(&["show", id, "--feed-version"]).contains("The ferry to the island sails"));
    let shown = home.ok(&["show", id]);
    assert!(
        shown.contains("After nine years the ferry number 1") && shown.contains("of the page"),
        "{shown}"
    );
    assert_eq!(home.json(&["search", "harbour", "--json"]).as_array().unwrap().len(), 1);
    home.poll();
    assert_eq!(server.requests("/1").len(), 1, "a page is requested once");
    assert_eq!(server.requests("/robots.txt").len(), 1);
    let accept = String::from_utf8(server.requests("/1")[0].header("accept").unwrap().to_vec());
    assert!(accept.unwrap().starts_with("text/html"));
}

#[test]
fn only_feeds_with_full_text_have_their_pages_fetched() {
    for (feed, tail, is_fetched) in [
        ("", "", false),
        ("full_text = false", "[full_text]\nall = true", false),
        ("", "[full_text]\nall = true", true),
        ("tags = [\"whole\"]", "[full_text]\ntags = [\"whole\"]", true),
        ("tags = [\"other\"]", "[full_text]\ntags = [\"whole\"]", false),
    ] {
        let server = site(&[1]);
        let home = home(&server, feed, tail);
        home.poll();
        assert_eq!(server.requests("/1").len(), usize::from(is_fetched), "{feed} {tail}");
        let article = only(&home);
        assert_eq!(article.get("full_text").is_some(), is_fetched, "{article}");
    }
}

#[test]
fn the_longer_text_is_shown_and_selectors_help() {
    let server = site(&[1]);
    let long = format!("<p>{}</p>", "The feed has the whole text by itself. ".repeat(60));
    let item = Item { text: long, ..teaser(&server, 1) };
    server.put("/feed", Page::ok(rss("News", &[item])));
    let home = full_text(&server);
    home.poll();
    let article = only(&home);
    assert_eq!(article["full_text"]["state"], "feed", "{article}");
    assert!(text(&article).starts_with("The feed has the whole text"));
    assert_eq!(article["authors"][0]["name"], "Maria Lind", "gaps are filled all the same");
    let server = site(&[1]);
    let page = article_with(
        &"<div class=ours>Our text is here, and it is quite long enough.</div>".repeat(3),
    );
    server.put("/1", Page::ok(page));
    let rules = "[[full_text.sites]]\nhost = \"127.0.0.1\"\nselect = \".ours\"";
    let home = self::home(&server, "full_text = true", rules);
    home.poll();
    let article = only(&home);
    assert_eq!(article["full_text"]["engine"], "selector");
    assert_eq!(text(&article).matches("Our text").count(), 3, "{article}");
}

fn article_with(more: &str) -> String {
    article(1, 3).replace("</article>", &format!("{more}</article>"))
}

#[test]
fn a_page_that_fails_is_tried_three_times_over_a_day_and_says_why() {
    let server = site(&[1]);
    server.put("/1", Page::status(500));
    let home = full_text(&server);
    home.poll();
    assert_eq!((state(&home).as_str(), server.requests("/1").len()), ("pending", 1));
    home.poll();
    assert_eq!(server.requests("/1").len(), 1, "not before an hour has passed");
    later(&home, 3_600);
    later(&home, 3_600);
    assert_eq!((state(&home).as_str(), server.requests("/1").len()), ("pending", 2));
    later(&home, 86_400);
    let article = only(&home);
    assert_eq!((state(&home).as_str(), server.requests("/1").len()), ("failed", 3));
    assert_eq!(article["full_text"]["reason"], "the server answered with status 500");
    assert_eq!(article["content_html"], TEASER);
    let shown = home.ok(&["show", article["id"].as_str().unwrap()]);
    assert!(shown.contains("failed: the server answered with status 500"), "{shown}");
    later(&home, 5 * 86_400);
    assert_eq!(server.requests("/1").len(), 3);
}

#[test]
fn a_failure_counts_for_nothing_while_nobody_can_be_reached() {
    let server = Server::start();
    let item = Item { link: Some("http://news.invalid/1".to_owned()), ..teaser(&server, 1) };
    server.put("/feed", Page::ok(rss("News", &[item])));
    let home = full_text(&server);
    home.poll();
    assert_eq!(consumed(&home).len(), 1, "`poll` leaves nothing waiting");
    for _ in 0..5 {
        later(&home, 120);
        assert_eq!(state(&home), "pending");
    }
    later(&home, 3 * 86_400);
    assert_eq!(state(&home), "failed", "after two days");
}

#[test]
fn what_can_never_be_read_is_not_tried_again() {
    let wall = "<html><head><title>Just a moment...</title></head><body>\
                <script src='/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1'></script></body></html>";
    for (page, state, reason) in [
        (Page::status(410), "failed", "status 410"),
        (Page::status(402), "paywall", "payment"),
        (Page::status(403).header("cf-mitigated", "challenge"), "blocked", "Cloudflare"),
        (Page::status(403).body(wall), "blocked", "bot wall"),
        (Page::ok(article(1, 3)).header("X-Robots-Tag", "noarchive"), "robots", "noarchive"),
        (Page::ok("%PDF-1.7"), "failed", "not HTML"),
        (Page::ok(vec![b' '; 6 * 1024 * 1024]), "failed", ""),
    ] {
        let server = site(&[1]);
        server.put("/1", page);
        let home = full_text(&server);
        home.poll();
        let full_text = only(&home)["full_text"].clone();
        assert_eq!(full_text["state"], state, "{full_text}");
        assert!(full_text["reason"].as_str().unwrap().contains(reason), "{full_text}");
        for _ in 0..3 {
            later(&home, 4 * 86_400);
        }
        assert_eq!(server.requests("/1").len(), 1, "{state} {reason}");
    }
}

#[test]
fn a_paywalled_page_is_marked_and_its_free_part_is_shown() {
    let paid = article(1, 2).replace(
        "</head>",
        "<script type='application/ld+json'>{\"@type\":\"NewsArticle\",\"isAccessibleForFree\":false}</script></head>",
    );
    let server = site(&[1]);
    server.put("/1", Page::ok(paid));
    let home = full_text(&server);
    home.poll();
    let article = only(&home);
    assert_eq!(article["full_text"]["state"], "paywall");
    assert!(text(&article).contains(&sentence(1)), "{article}");
}

#[test]
fn robots_txt_is_requested_once_and_obeyed_unless_the_user_says_otherwise() {
    let server = site(&[1, 2]);
    let rules = "User-agent: gazetted\nDisallow: /1\n";
    server.put("/robots.txt", Page::ok(rules));
    let home = full_text(&server);
    home.poll();
    assert_eq!((server.requests("/1").len(), server.requests("/2").len()), (0, 1));
    assert_eq!(server.requests("/robots.txt").len(), 1);
    let articles = home.articles();
    let forbidden = articles.iter().find(|article| article["guid"] == "guid-1").unwrap();
    assert_eq!(forbidden["full_text"]["state"], "robots");
    assert_eq!(forbidden["full_text"]["reason"], "robots.txt: Disallow: /1");
    // A server that fails says nothing: nothing is requested for now.
    let server = site(&[1]);
    server.put("/robots.txt", Page::status(503));
    let home = full_text(&server);
    home.poll();
    assert_eq!((server.requests("/1").len(), state(&home).as_str()), (0, "pending"));
    server.put("/robots.txt", Page::status(404));
    later(&home, 3_600);
    assert_eq!((server.requests("/1").len(), state(&home).as_str()), (1, "page"));
    let server = site(&[1]);
    server.put("/robots.txt", Page::ok("User-agent: *\nDisallow: /"));
    let home = self::home(&server, "full_text = true", "[full_text]\nobey_robots = false");
    home.poll();
    assert_eq!((server.requests("/1").len(), server.requests("/robots.txt").len()), (1, 0));
}

#[test]
fn young_articles_are_requested_again_conditionally_and_a_changed_text_is_an_edit() {
    let server = site(&[1]);
    let home = full_text(&server);
    home.poll();
    assert_eq!(home.ok(&["export", "--consumer", "c", "--events"]).lines().count(), 1);
    let before = only(&home);
    later(&home, 6 * 3_600);
    let requests = server.requests("/1");
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("if-none-match"), Some(b"\"1\"".as_slice()));
    assert_eq!(only(&home), before, "304");
    server.put("/1", Page::ok(article(1, 5)).header("ETag", "\"1b\""));
    later(&home, 6 * 3_600);
    let edited = only(&home);
    assert_eq!(edited["revision"], 1);
    assert_eq!(text(&edited).matches(&sentence(1)).count(), 5);
    let events = home.ok(&["export", "--consumer", "c", "--events"]);
    assert!(events.contains("\"edited\"") && events.lines().count() == 1, "{events}");
    let shown = home.json(&["show", edited["id"].as_str().unwrap(), "--json"]);
    assert_eq!(shown["versions"][0]["content_html"], before["content_html"]);
    later(&home, 6 * 3_600);
    home.age_everything(3 * 86_400);
    later(&home, 6 * 3_600);
    let requests = server.requests("/1").len();
    later(&home, 6 * 3_600);
    assert_eq!(server.requests("/1").len(), requests, "the article is no longer young");
}

#[test]
fn an_edited_entry_keeps_the_text_of_its_page_and_has_the_page_requested_again() {
    let server = site(&[1]);
    let home = full_text(&server);
    home.poll();
    let before = only(&home);
    // An entry that is sent again without a change leaves the text alone.
    let other = teaser(&server, 2);
    server.put("/2", Page::ok(article(2, 3)));
    server.put("/feed", Page::ok(rss("News", &[other.clone(), teaser(&server, 1)])));
    home.poll();
    let find = |guid: &str| home.articles().into_iter().find(|a| a["guid"] == guid).unwrap();
    assert_eq!(find("guid-1"), before);
    let edited = Item {
        title: "Another title".to_owned(),
        text: "<p>Another teaser, which is short.</p>".to_owned(),
        ..teaser(&server, 1)
    };
    server.put("/feed", Page::ok(rss("News", &[other, edited])));
    home.poll();
    let after = find("guid-1");
    assert_eq!((&after["title"], &after["revision"]), (&"Another title".into(), &1.into()));
    assert_eq!(after["content_html"], before["content_html"]);
    let id = after["id"].as_str().unwrap();
    let of_feed = home.json(&["show", id, "--feed-version", "--json"]);
    assert_eq!(of_feed["content_html"], "<p>Another teaser, which is short.</p>");
    let requests = server.requests("/1").len();
    later(&home, 3_600);
    assert_eq!(server.requests("/1").len(), requests + 1);
    assert_eq!(find("guid-1")["full_text"]["state"], "page");
}

#[test]
fn switching_it_on_fetches_the_pages_of_recent_articles_only_and_off_ends_it() {
    let server = site(&[1, 2]);
    let recent = Item { date: Some(now().to_rfc2822()), ..teaser(&server, 2) };
    server.put("/feed", Page::ok(rss("News", &[recent, teaser(&server, 1)])));
    let home = home(&server, "", "");
    home.poll();
    let on = std::fs::read_to_string(home.path("gazetted.toml")).unwrap();
    let on = on.replace("name = \"News\"", "name = \"News\"\nfull_text = true");
    home.configure(&on);
    home.poll();
    assert_eq!((server.requests("/1").len(), server.requests("/2").len()), (0, 1));
    home.configure(&on.replace("full_text = true", ""));
    later(&home, 6 * 3_600);
    assert_eq!(server.requests("/2").len(), 1);
    let states: Vec<Value> =
        home.articles().iter().map(|a| a["full_text"]["state"].clone()).collect();
    assert_eq!(states, [Value::from("page"), Value::Null], "what was fetched stays");
}

#[test]
fn a_host_that_asks_to_be_left_alone_and_one_that_was_asked_enough_get_no_more_requests() {
    let server = site(&[1, 2, 3]);
    server.put("/3", Page::status(429).header("Retry-After", "3600"));
    let home = home(&server, "full_text = true", "[full_text]\nconcurrency = 1");
    home.poll();
    assert_eq!(server.requests("/3").len(), 1, "the newest first");
    assert_eq!((server.requests("/1").len(), server.requests("/2").len()), (0, 0));
    let polls = server.requests("/feed").len();
    home.poll();
    assert_eq!(server.requests("/feed").len(), polls + 1, "feeds are polled all the same");
    server.put("/3", Page::ok(article(3, 3)));
    later(&home, 3_600);
    for page in ["/1", "/2"] {
        assert_eq!(server.requests(page).len(), 1);
    }
    assert_eq!(server.requests("/3").len(), 2, "a pause is no failed attempt");
    let server = site(&[1, 2, 3]);
    let few = "[full_text]\nper_host_per_day = 2";
    let home = self::home(&server, "full_text = true", few);
    home.poll();
    home.poll();
    let pages = ["/1", "/2", "/3"].map(|page| server.requests(page).len());
    assert_eq!(pages, [0, 1, 1]);
}

#[test]
fn a_duplicate_has_no_page_of_its_own() {
    let server = site(&[1]);
    let same = Item { guid: Some("other".to_owned()), ..teaser(&server, 1) };
    server.put("/other", Page::ok(rss("Other", &[same])));
    let feeds = ["/feed", "/other"]
        .map(|path| format!("[[feeds]]\nurl = \"{}\"\nfull_text = true\n", server.url(path)));
    let home = Home::new(&feeds.concat());
    home.poll();
    assert_eq!(server.requests("/1").len(), 1);
    assert_eq!(home.articles().len(), 2);
    assert_eq!(home.ok(&["export", "--consumer", "c"]).lines().count(), 1);
}

#[test]
fn the_canonical_address_of_a_page_shows_that_two_articles_are_one() {
    for is_first in [true, false] {
        let server = Server::start();
        let long = (0..60).map(|n| format!("word{n} of the harbour")).collect::<Vec<_>>().join(" ");
        let link = "https://paper.example/2024/08/ferry-sails-again-to-the-island";
        let page = article(1, 3).replace(
            "</head>",
            &format!(
                "<link rel=canonical href='{}'></head>",
                server.url("/2024/08/ferry-sails-again")
            ),
        );
        server.put("/r/81", Page::ok(page));
        let redirector = Item { link: Some(server.url("/r/81")), ..teaser(&server, 1) };
        let own = Item {
            guid: Some("own".to_owned()),
            link: Some(server.url("/2024/08/ferry-sails-again")),
            text: format!("<p>{long} {link}</p>"),
            ..item(1)
        };
        server.put("/wire", Page::ok(rss("Wire", &[redirector])));
        server.put("/paper", Page::ok(rss("Paper", &[own])));
        let (wire, paper) = (server.url("/wire"), server.url("/paper"));
        let home = Home::new(&format!(
            "[[feeds]]\nurl = \"{wire}\"\nname = \"Wire\"\nfull_text = true\n[[feeds]]\nurl = \"{paper}\"\nname = \"Paper\"\n"
        ));
        let order = if is_first { ["Wire", "Paper"] } else { ["Paper", "Wire"] };
        for feed in order {
            home.ok(&["poll", feed]);
        }
        let shown = home.ok(&["export", "--format", "jsonl"]);
        assert_eq!(shown.lines().count(), 1, "{order:?} {shown}");
        assert_eq!(home.ok(&["export", "--consumer", "c"]).lines().count(), 1);
    }
}

#[test]
fn a_page_on_this_machine_is_not_requested_for_a_feed_elsewhere() {
    let server = Server::start();
    let own = teaser(&server, 1);
    let other =
        Item { link: own.link.clone().map(|url| url.replace("127.0.0.1", "localhost")), ..item(2) };
    server.put("/feed", Page::ok(rss("News", &[own, other])));
    server.put("/1", Page::ok(article(1, 3)));
    let home = Home::empty();
    home.configure_exactly(&format!(
        "[[feeds]]\nurl = \"{}\"\nfull_text = true\nallow_private = true\nheaders = {{ X-Token = \"s3cret\" }}\n",
        server.url("/feed")
    ));
    home.poll();
    let requests = server.requests("/1");
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("x-token"), Some(b"s3cret".as_slice()), "the feed's own site");
    assert!(server.requests("/robots.txt").iter().all(|file| file.header("x-token").is_none()));
    let articles = home.articles();
    let refused = articles.iter().find(|article| article["guid"] == "guid-2").unwrap();
    assert_eq!(refused["full_text"]["state"], "failed", "{refused}");
    // The feed and its pages are of one host, but another port is another site.
    let elsewhere = Server::start();
    elsewhere.put("/1", Page::ok(article(1, 3)));
    server.put("/feed", Page::ok(rss("News", &[teaser(&elsewhere, 3)]).replace("/3<", "/1<")));
    home.poll();
    let requests = elsewhere.requests("/1");
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("x-token"), None);
}

fn consumed(home: &Home) -> Vec<Value> {
    let events = home.ok(&["export", "--consumer", "c", "--events"]);
    events.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn consumers_hear_of_an_article_once_and_with_its_text() {
    let server = site(&[1]);
    server.put("/1", Page::ok(article(1, 3)).after(Duration::from_secs(2)));
    let home = home(&server, "full_text = true\nevery = \"1s\"", "");
    let daemon = Running::daemon(&home);
    wait_for("the article", || (!home.articles().is_empty()).then_some(()));
    let mut events = Vec::new();
    wait_for("the announcement", || {
        events.extend(consumed(&home));
        (!events.is_empty()).then_some(())
    });
    assert_eq!(text(&events[0]).matches(&sentence(1)).count(), 3, "{events:?}");
    assert_eq!(events[0]["event"], "new", "{events:?}");
    server.put("/2", Page::status(404));
    server.put("/feed", Page::ok(rss("News", &[teaser(&server, 2), teaser(&server, 1)])));
    wait_for("the article whose page fails", || {
        events.extend(consumed(&home));
        (events.len() == 2).then_some(())
    });
    assert_eq!(
        (text(&events[1]), &events[1]["event"]),
        ("The ferry to the island sails again.", &"new".into())
    );
    drop(daemon);
}

#[test]
fn a_duplicate_is_not_announced_while_its_original_waits_for_its_page() {
    let server = site(&[1]);
    server.put("/1", Page::ok(article(1, 3)).after(Duration::from_secs(3)));
    let same = Item { guid: Some("other".to_owned()), ..teaser(&server, 1) };
    let other = Page::ok(rss("Other", &[same])).after(Duration::from_secs(1));
    server.put("/other", other);
    let feeds = [("/feed", "full_text = true"), ("/other", "")].map(|(path, more)| {
        format!("[[feeds]]\nurl = \"{}\"\nname = \"{path}\"\n{more}\n", server.url(path))
    });
    let home = Home::new(&feeds.concat());
    let daemon = Running::daemon(&home);
    let mut events = Vec::new();
    wait_for("the page", || {
        events.extend(consumed(&home));
        let articles = home.articles();
        articles.iter().any(|article| article["full_text"]["state"] == "page").then_some(())
    });
    wait_for("the duplicate", || (home.articles().len() == 2).then_some(()));
    wait_for("the announcement", || {
        events.extend(consumed(&home));
        (!events.is_empty()).then_some(())
    });
    drop(daemon);
    events.extend(consumed(&home));
    let guids: Vec<&Value> = events.iter().map(|event| &event["guid"]).collect();
    assert_eq!(guids, ["guid-1"], "{events:?}");
}

#[test]
fn polls_do_not_wait_for_pages_that_never_answer() {
    let server = site(&(1..=20).collect::<Vec<_>>());
    for n in 1..=20 {
        server.put(&format!("/{n}"), Page::stalled());
    }
    let home = home(&server, "full_text = true\nevery = \"1s\"", "[full_text]\nconcurrency = 4");
    let daemon = Running::daemon(&home);
    let pages = || (17..=20).map(|n| server.requests(&format!("/{n}")).len()).sum::<usize>();
    wait_for("pages", || (4 <= pages()).then_some(()));
    let polls = server.requests("/feed").len();
    wait_for("polls", || (polls + 5 <= server.requests("/feed").len()).then_some(()));
    assert_eq!(server.total(), server.requests("/feed").len() + 5, "all four pages and robots.txt");
    drop(daemon);
}

#[test]
fn a_kill_loses_no_page_and_announces_nothing_twice() {
    let entries: Vec<u32> = (1..=12).collect();
    let server = site(&entries);
    for n in &entries {
        let page = Page::ok(article(*n, 3)).after(Duration::from_millis(150));
        server.put(&format!("/{n}"), page);
    }
    let home = home(&server, "full_text = true", "[full_text]\nconcurrency = 2");
    let mut heard: Vec<String> = Vec::new();
    let mut hear = |home: &Home| {
        for event in consumed(home) {
            assert_eq!(event["event"], "new");
            heard.push(event["guid"].as_str().unwrap().to_owned());
        }
    };
    for kill in 0..6 {
        let mut daemon = Running::daemon(&home);
        let before = server.total();
        wait_for("pages", || (before + 1 + kill % 3 <= server.total()).then_some(()));
        daemon.kill();
        hear(&home);
    }
    let daemon = Running::daemon(&home);
    wait_for("all pages", || {
        let articles = home.articles();
        let done = articles.iter().filter(|article| article["full_text"]["state"] == "page");
        (done.count() == entries.len()).then_some(())
    });
    daemon.signal(Signal::SIGTERM);
    drop(daemon);
    home.poll();
    hear(&home);
    let all = heard.len();
    heard.sort();
    heard.dedup();
    assert_eq!((heard.len(), all), (entries.len(), entries.len()));
}

/// What an article with this GUID says of its page: state and reason.
fn page_of(home: &Home, guid: &str) -> (String, String) {
    let articles = home.articles();
    let found = articles.iter().find(|article| article["guid"] == guid).unwrap();
    let part = |name: &str| found["full_text"][name].as_str().unwrap_or_default().to_owned();
    (part("state"), part("reason"))
}

#[test]
fn entries_without_a_page_of_their_own_keep_the_text_of_the_feed() {
    let server = site(&[1, 2]);
    let link = |n: u32, path: &str| Item { link: Some(server.url(path)), ..teaser(&server, n) };
    let counted = ["/2#from=feed", "/2#from=mail"];
    let items = [
        teaser(&server, 1),
        link(3, "/"),
        link(4, "/changes#v1"),
        link(5, "/changes#v2"),
        link(6, "/episodes"),
        link(7, "/episodes"),
        link(8, "/episodes"),
        link(9, counted[0]),
        link(10, counted[1]),
        link(11, "/gone"),
    ];
    for path in ["/", "/changes", "/episodes"] {
        server.put(path, Page::ok(article(99, 5)));
    }
    server.put("/gone", Page::status(302).header("Location", "/"));
    server.put("/feed", Page::ok(rss("News", &items)));
    let home = full_text(&server);
    home.poll();
    assert_eq!(page_of(&home, "guid-1").0, "page");
    assert_eq!(server.requests("/").len(), 1, "only after the redirect");
    assert!(server.requests("/changes").is_empty() && server.requests("/episodes").is_empty());
    for (n, state, reason) in [
        (3, "failed", "front page"),
        (4, "failed", "several entries"),
        (5, "failed", "several entries"),
        (6, "failed", "several entries"),
        (8, "failed", "several entries"),
        (11, "pending", "redirects to the front page"),
    ] {
        let found = page_of(&home, &format!("guid-{n}"));
        assert!(found.0 == state && found.1.contains(reason), "{n}: {found:?}");
    }
    let both = [9, 10].map(|n| page_of(&home, &format!("guid-{n}")));
    let states = both.each_ref().map(|(state, _)| state.as_str());
    assert!(matches!(states, ["page", "failed"] | ["failed", "page"]), "{both:?}");
    assert_eq!(server.requests("/2").len(), 1, "an article that was sent twice");
    assert_eq!(consumed(&home).len(), items.len(), "all are announced");
}

#[test]
fn a_robots_txt_of_any_size_is_obeyed_and_one_that_cannot_be_read_allows_nothing() {
    let mut long = b"User-agent: *\nDisallow: /1\n".to_vec();
    long.resize(3 * 1024 * 1024, b'#');
    for (robots, state, reason) in [
        (Page::ok(long), "robots", "Disallow: /1"),
        (Page::ok("not packed").header("Content-Encoding", "gzip"), "pending", "robots.txt"),
        (Page::status(302).header("Location", "/robots.txt"), "page", ""),
    ] {
        let server = site(&[1]);
        server.put("/robots.txt", robots);
        let home = full_text(&server);
        home.poll();
        let found = page_of(&home, "guid-1");
        assert!(found.0 == state && found.1.contains(reason), "{found:?}");
    }
}

#[test]
fn a_page_without_the_article_is_tried_again_and_one_that_is_too_large_says_so() {
    const GONE: &str = "<!doctype html><html lang=en><head><title>Page not found</title></head><body><main>\
        <h1>Page not found</h1><p>Sorry, the page you are looking for does not exist or has been moved. Please try the \
        search, or go to the home page.</p></main></body></html>";
    for (page, state, reason) in [
        (Page::ok(""), "pending", "no article text"),
        (Page::ok(GONE), "pending", "no word of the title"),
        (Page::ok("x".repeat(6 << 20)), "failed", "larger than 5242880 bytes"),
    ] {
        let server = site(&[1]);
        server.put("/1", page);
        let home = full_text(&server);
        home.poll();
        let found = page_of(&home, "guid-1");
        assert!(found.0 == state && found.1.contains(reason), "{found:?}");
        assert!(!found.1.contains("max_body"), "a setting for feeds: {found:?}");
    }
}

#[test]
fn the_page_of_an_article_shows_its_figures_its_date_and_where_the_text_is_from() {
    let server = site(&[1, 2]);
    let undated = |n| Item { date: None, ..teaser(&server, n) };
    server.put("/feed", Page::ok(rss("News", &[undated(1), undated(2)])));
    let figure = "<figure><img src='/ship.jpg' alt='A ship'><figcaption>The ship at noon.</figcaption></figure>";
    let page = article(1, 20).replacen("</p><p>After", &format!("</p>{figure}<p>After"), 1);
    server.put("/1", Page::ok(page));
    server.put("/2", Page::status(404));
    let home = home(&server, "full_text = true", "[server]\nlisten = \"127.0.0.1:0\"");
    home.poll();
    let daemon = Running::daemon(&home);
    let site = Site::of(&daemon);
    let articles = home.articles();
    let page = |guid: &str| {
        let found = articles.iter().find(|article| article["guid"] == guid).unwrap();
        site.text(&format!("/articles/{}", found["id"].as_str().unwrap()))
    };
    let whole = page("guid-1");
    for expected in [
        "The ship at noon.</figcaption>",
        &server.url("/ship.jpg"),
        "19 August 2024",
        "3 min read",
        "Text of the page, ",
        "found by dom_smoothie.",
    ] {
        assert!(whole.contains(expected), "{expected}: {whole}");
    }
    assert_eq!(whole.matches(&sentence(1)).count(), 20);
    let teaser = page("guid-2");
    let expected = "Text of the feed; page pending: the server answered with status 404.";
    assert!(teaser.contains(expected) && !teaser.contains("min read"), "{teaser}");
}
