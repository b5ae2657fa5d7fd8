//! The keys and types of all JSON output.

use serde_json::Value;

use crate::support::feeds::{Item, item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server};

/// A feed that works and one that does not, polled once.
fn home() -> (Server, Home) {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    let home = Home::new(&format!(
        "[schedule]\nevery = \"1h\"\n[[feeds]]\nurl = \"{}\"\nname = \"Mine\"\ntags = [\"a\"]\n\
         [[feeds]]\nurl = \"{}\"\n",
        server.url("/f"),
        server.url("/missing"),
    ));
    (server, home)
}

/// Fails unless `value` has exactly these keys.
#[track_caller]
fn assert_keys(value: &Value, keys: &[&str]) {
    let mut found: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut keys = keys.to_vec();
    found.sort_unstable();
    keys.sort_unstable();
    assert_eq!(found, keys, "{value:#}");
}

#[test]
fn poll_reports_each_feed() {
    let (_server, home) = home();
    let report = home.poll_with_failures();
    let numbers = ["polled", "with_news", "unchanged", "failed", "left_alone", "added", "edited"];
    assert_keys(&report, &[&numbers[..], &["elapsed_ms", "feeds"]].concat());
    assert_eq!(numbers.map(|key| report[key].as_u64().unwrap()), [2, 1, 0, 1, 0, 2, 0]);
    let of = |failed: bool| {
        let feeds = report["feeds"].as_array().unwrap();
        feeds.iter().find(|feed| feed["failed"] == failed).unwrap()
    };
    let common = [
        "id",
        "name",
        "url",
        "outcome",
        "failed",
        "http_status",
        "bytes",
        "elapsed_ms",
        "added",
        "edited",
        "next_poll",
        "next_because",
    ];
    assert_keys(of(false), &[&common[..], &["entries"]].concat());
    assert_keys(of(true), &[&common[..], &["detail"]].concat());
    assert_eq!((&of(false)["name"], &of(false)["entries"]), (&"Mine".into(), &2.into()));
}

#[test]
fn feeds_shows_the_state_of_each_feed() {
    let (_server, home) = home();
    let new = &home.json(&["feeds", "--json"])[1];
    assert_keys(new, &["name", "url", "tags", "state", "articles"]);
    assert_eq!(new["state"], "new");
    home.poll_with_failures();

    let feeds = home.json(&["feeds", "list", "--json"]);
    let common = [
        "id",
        "name",
        "url",
        "tags",
        "state",
        "outcome",
        "http_status",
        "failures",
        "last_poll",
        "next_poll",
        "next_because",
        "articles",
    ];
    let good = ["title", "home_page_url", "last_success", "newest_article"];
    assert_keys(&feeds[0], &[&common[..], &good].concat());
    assert_keys(&feeds[1], &[&common[..], &["detail", "failing_since"]].concat());
    assert_eq!((&feeds[0]["state"], &feeds[0]["tags"][0]), (&"ok".into(), &"a".into()));
    assert_eq!(feeds[1]["state"], "failing");

    home.configure("");
    assert_eq!(home.json(&["feeds", "--json"]), Value::from(Vec::<Value>::new()));
    let retired = home.json(&["feeds", "--all", "--json"]);
    assert_eq!((&retired[0]["state"], &retired[0]["articles"]), (&"retired".into(), &2.into()));
}

#[test]
fn status_shows_feeds_store_and_daemon() {
    let (_server, home) = home();
    let keys = [
        "version",
        "config",
        "store",
        "store_bytes",
        "schema_version",
        "daemon",
        "feeds",
        "due",
        "lag_seconds",
        "last_poll",
        "next_poll",
        "articles",
        "seq",
        "consumers",
        "unindexed",
    ];
    let before = home.json(&["status", "--json"]);
    assert_keys(&before, &keys);
    assert_eq!((&before["articles"], &before["last_poll"]), (&0.into(), &Value::Null));
    assert_eq!(home.files(), ["gazetted.toml"], "looking leaves nothing behind");
    home.poll_with_failures();
    let after = home.json(&["status", "--json"]);
    assert_keys(&after, &keys);
    assert_eq!(after["feeds"], serde_json::json!({ "ok": 1, "failing": 1 }));
    assert_eq!((&after["articles"], &after["seq"]), (&2.into(), &2.into()));
    assert_eq!((&after["daemon"], &after["due"]), (&Value::Null, &0.into()));
}

#[test]
fn check_and_db_print_their_results() {
    let (_server, home) = home();
    let check = home.json(&["check", "--json"]);
    assert_keys(&check, &["ok", "feeds", "exports", "notes", "host_limits", "diff"]);
    assert_eq!((&check["ok"], &check["feeds"]), (&true.into(), &2.into()));
    home.poll_with_failures();
    assert_eq!(
        home.json(&["db", "check", "--json"]),
        serde_json::json!({ "ok": true, "faults": [] })
    );
    let stats = home.json(&["db", "stats", "--json"]);
    assert_keys(
        &stats,
        &[
            "path",
            "feeds",
            "articles",
            "edited",
            "seq",
            "unindexed",
            "bytes",
            "free_bytes",
            "log_bytes",
            "schema_version",
        ],
    );
    let count = |table: &str| home.number(&format!("SELECT count(*) FROM {table}"));
    assert_eq!(
        (&stats["articles"], &stats["feeds"]),
        (&count("article").into(), &count("feed").into())
    );
}

#[test]
fn inspect_shows_what_would_be_stored_and_stores_nothing() {
    let (server, home) = home();
    let strange = Item { guid: None, link: None, date: None, ..item(1) };
    let chart = "<iframe src=\"https://charts.example/1\"></iframe>".to_owned();
    let chart = Item { text: chart, ..item(3) };
    server.put("/strange", Page::ok(rss("", &[item(2), strange, chart])));
    let url = server.url("/strange");
    let report = home.json(&["inspect", "--json", &url]);
    let keys = [
        "url",
        "http_status",
        "bytes",
        "encoding",
        "repairs",
        "entries",
        "feed",
        "articles",
        "complaints",
    ];
    assert_keys(&report, &keys);
    assert_eq!(report["articles"][0]["title"], "Title 2");
    assert_eq!(report["articles"][0]["content_text"], "Text of number 2.");
    let complaints = report["complaints"].as_array().unwrap();
    let of = |entry: Value| {
        let about = complaints.iter().filter(|complaint| complaint["entry"] == entry);
        about.map(|complaint| complaint["complaint"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of(Value::Null), ["the feed has no title"]);
    assert_eq!(of(1.into()), [""; 0]);
    assert_eq!(of(2.into()).len(), 3, "{complaints:#?}");
    assert_eq!(of(3.into()), ["a frame or player is not shown: a link stands for it"]);
    let text = home.ok(&["inspect", &url]);
    assert!(text.contains("5 complaints") && text.contains("no readable date"), "{text}");

    let page = home.run(&["inspect", &server.url("/missing")]);
    assert_eq!(page.code, Some(1));
    assert!(page.err.contains("404"), "{}", page.err);
    assert_eq!(home.files(), ["gazetted.toml"]);
}

#[test]
fn inspect_works_without_a_configuration_and_on_files() {
    let home = Home::empty();
    std::fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    let report = home.json(&["inspect", "--json", "news.xml"]);
    assert_eq!(report["articles"][0]["guid"], "guid-1");
    assert_eq!(home.files(), ["news.xml"]);
}
