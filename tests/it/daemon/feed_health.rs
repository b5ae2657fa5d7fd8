//! `[[exports]] on = "feed_health"`: who is told when a feed dies, falls silent or recovers.

use std::fs;

use chrono::TimeDelta;
use serde_json::Value;

use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{now, wait_for};

/// A feed with an article at each of so many hours, the last one `ago` hours before now.
fn hourly(count: u32, gap: i64, ago: i64) -> String {
    let items: Vec<Item> = (0..count)
        .map(|n| {
            let at = now() - TimeDelta::hours(ago + i64::from(n) * gap);
            Item { date: Some(at.to_rfc2822()), ..item(n + 1) }
        })
        .collect();
    rss("Feed", &items)
}

fn config(server: &Server, feeds: &[&str], export: &str) -> String {
    let feed = |name: &&str| {
        let url = server.url(&format!("/{name}"));
        format!("[[feeds]]\nurl = \"{url}\"\nname = \"{name}\"\ntags = [\"{name}\"]\n")
    };
    let feeds: Vec<String> = feeds.iter().map(feed).collect();
    let feeds = feeds.concat();
    format!(
        "[schedule]\nevery = \"1s\"\n\
         [[exports]]\ncommand = [\"sh\", \"-c\", \"cat >> told\"]\nconsumer = \"health\"\non = \"feed_health\"\n{export}\n{feeds}"
    )
}

/// The records so far, each as its event, what it ends, and its feed.
fn told(home: &Home) -> Vec<String> {
    let text = fs::read_to_string(home.path("told")).unwrap_or_default();
    let short = |record: &Value| {
        let was = record["was"].as_str().map(|was| format!(" from {was}")).unwrap_or_default();
        format!(
            "{} {}{was}",
            record["feed"]["name"].as_str().unwrap(),
            record["event"].as_str().unwrap()
        )
    };
    let mut told: Vec<String> =
        text.lines().map(|line| short(&serde_json::from_str(line).unwrap())).collect();
    told.sort();
    told
}

#[track_caller]
fn wait_until_told(home: &Home, expected: &[&str]) {
    wait_for(&format!("{expected:?}"), || (told(home) == expected).then_some(()));
}

#[test]
fn each_change_is_told_once_also_after_a_restart() {
    let server = Server::start();
    server.put("/hourly", Page::ok(hourly(30, 1, 50)));
    server.put("/weekly", Page::ok(hourly(10, 168, 50)));
    server.put("/gone", Page::status(410));
    server.put("/broken", Page::status(404).body("it was never here"));
    server.put("/well", Page::ok(hourly(30, 1, 0)));
    let home = Home::new(&config(&server, &["hourly", "weekly", "gone", "broken", "well"], ""));
    let mut daemon = Running::daemon(&home);
    let first = ["broken failing", "gone gone", "hourly silent"];
    wait_until_told(&home, &first);

    let text = fs::read_to_string(home.path("told")).unwrap();
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| records.iter().find(|record| record["feed"]["name"] == name).unwrap();
    let broken = of("broken");
    assert_eq!((&broken["status"], &broken["outcome"]), (&404.into(), &"http_status".into()));
    assert!(broken["detail"].as_str().unwrap().contains("404"), "{broken}");
    assert!(broken["since"].is_string() && broken["date"].is_string(), "{broken}");
    assert_eq!(broken["feed"]["tags"], serde_json::json!(["broken"]));
    assert_eq!(broken.get("last_success"), None);
    let hourly_record = of("hourly");
    assert_eq!(hourly_record["since"], hourly_record["last_article"]);
    assert!(hourly_record["last_success"].is_string(), "{hourly_record}");
    assert!(hourly_record["seq"].as_i64().unwrap() > 0);

    // Nothing is told again by another daemon.
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait();
    drop(daemon);
    let _daemon = Running::daemon(&home);
    let new = Item { date: Some(now().to_rfc2822()), ..item(99) };
    server.put("/hourly", Page::ok(rss("Feed", &[new])));
    server.put("/broken", Page::ok(hourly(30, 1, 0)));
    home.execute("UPDATE poll_state SET next_poll_at = 0 WHERE next_poll_at IS NOT NULL");
    let second = [
        "broken failing",
        "broken recovered from failing",
        "gone gone",
        "hourly recovered from silent",
        "hourly silent",
    ];
    wait_until_told(&home, &second);
    wait_for("the receipt", || {
        (home.json(&["consumers", "list", "--json"])[0]["records"] == 5).then_some(())
    });
    assert_eq!(told(&home), second);
}

#[test]
fn filters_choose_feeds_and_articles_are_not_told() {
    let server = Server::start();
    server.put("/a", Page::status(410));
    server.put("/b", Page::status(410));
    server.put("/c", Page::ok(hourly(30, 1, 0)));
    let home = Home::new(&config(&server, &["a", "b", "c"], "tags = [\"a\", \"c\"]\nlimit = 1"));
    let _daemon = Running::daemon(&home);
    wait_until_told(&home, &["a gone"]);
    wait_for("the cursor", || {
        (home.json(&["consumers", "list", "--json"])[0]["seq"] == home.seq()).then_some(())
    });
    assert_eq!(told(&home), ["a gone"]);
}

#[test]
fn a_webhook_is_told_as_of_articles() {
    let server = Server::start();
    server.put("/a", Page::status(410));
    server.put("/hook", Page::ok(""));
    let config = config(&server, &["a"], "").replace(
        "command = [\"sh\", \"-c\", \"cat >> told\"]",
        &format!("webhook = \"{}\"\nallow_private = true", server.url("/hook")),
    );
    let home = Home::new("");
    home.configure_exactly(&format!("{config}\nallow_private = true\n"));
    let _daemon = Running::daemon(&home);
    let body = wait_for("a delivery", || {
        let request = server.requests("/hook").pop()?;
        Some(serde_json::from_slice::<Value>(&request.body).unwrap())
    });
    assert_eq!(body["consumer"], "health");
    assert_eq!(body["items"][0]["event"], "gone");
    assert_eq!(body["items"][0]["feed"]["name"], "a");
}

#[test]
fn an_export_of_health_has_no_article_filters_and_goes_to_no_file() {
    let home = Home::empty();
    for (export, said) in [
        (
            "path = \"x.json\"\nformat = \"json\"\non = \"feed_health\"",
            "`webhook` or `command` only",
        ),
        (
            "command = [\"cat\"]\nconsumer = \"a\"\non = \"feed_health\"\nsearch = \"x\"",
            "goes with articles",
        ),
        (
            "command = [\"cat\"]\nconsumer = \"a\"\non = \"feed_health\"\nevents = true",
            "goes with articles",
        ),
        ("command = [\"cat\"]\nconsumer = \"a\"\non = \"health\"", "not something to tell of"),
    ] {
        home.configure(&format!("[[exports]]\n{export}\n"));
        let ran = home.run(&["check"]);
        assert_eq!(ran.code, Some(78), "{export}");
        assert!(ran.err.contains(said), "{export}: {}", ran.err);
    }
    for export in [
        "on = \"feed_health\"",
        "on = \"feed_health\"\nevery = \"1d\"",
        "on = \"articles\"\nevery = \"1d\"",
    ] {
        home.configure(&format!("[[exports]]\ncommand = [\"cat\"]\nconsumer = \"a\"\n{export}\n"));
        assert_eq!(home.run(&["check"]).code, Some(0), "{export}");
    }
}
