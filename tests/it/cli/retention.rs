//! Retention: which articles are removed.

use std::fs;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::wait_for;

/// Articles of 2024; the first two have left their feed.
fn home(keep: &str) -> Home {
    let home = Home::new(&format!("[store]\n{keep}\n[[feeds]]\nurl = \"file:news.xml\"\n"));
    fs::write(home.path("news.xml"), rss("News", &[item(3), item(2), item(1)])).unwrap();
    home.poll();
    fs::write(home.path("news.xml"), rss("News", &[item(3)])).unwrap();
    home.poll();
    home
}

#[test]
fn nothing_is_removed_unless_asked_for() {
    let home = home("");
    let ran = home.run(&["db", "prune"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("kept for ever"), "{}", ran.err);
    assert_eq!(home.ok(&["db", "prune", "--older-than", "36000d"]), "removed 0 articles\n");
    assert_eq!(home.each("title"), ["Title 3", "Title 2", "Title 1"]);
}

#[test]
fn pruning_keeps_articles_that_are_still_in_their_feed() {
    let home = home("keep = \"30d\"");
    assert_eq!(home.ok(&["db", "prune", "--dry-run"]), "would remove 2 articles\n");
    assert_eq!(home.articles().len(), 3);
    let report = home.json(&["db", "prune", "--json"]);
    assert_eq!(report, serde_json::json!({ "articles": 2, "dry_run": false }));
    assert_eq!(home.each("title"), ["Title 3"]);
    let seq = home.seq();
    fs::write(home.path("news.xml"), rss("News", &[item(3), item(2), item(1)])).unwrap();
    let report = home.poll();
    assert_eq!(report["added"], 0, "what was removed is no news");
    assert_eq!((home.articles().len(), home.seq()), (1, seq));
    home.ok(&["db", "check"]);
    home.ok(&["db", "vacuum"]);
    home.ok(&["db", "check"]);
    assert_eq!(home.each("title"), ["Title 3"]);
}

#[test]
fn pruning_keeps_articles_that_are_still_in_a_json_feed() {
    let home = Home::new("[[feeds]]\nurl = \"file:feed.json\"\n");
    let feed = |ids: &[u32]| {
        let items: Vec<_> = ids
            .iter()
            .map(|n| {
                serde_json::json!({ "id": n.to_string(), "title": format!("Title {n}"),
                    "content_text": "x", "date_published": "2024-08-20T00:00:00Z" })
            })
            .collect();
        let version = "https://jsonfeed.org/version/1.1";
        let feed = serde_json::json!({ "version": version, "title": "J", "items": items });
        fs::write(home.path("feed.json"), feed.to_string()).unwrap();
    };
    feed(&[1, 2]);
    home.poll();
    feed(&[2, 3]);
    home.poll();
    assert_eq!(home.ok(&["db", "prune", "--older-than", "30d"]), "removed 1 article\n");
    let mut titles = home.each("title");
    titles.sort();
    assert_eq!(titles, ["Title 2", "Title 3"]);
}

#[test]
fn the_daemon_prunes_by_itself() {
    let home = home("keep = \"30d\"");
    let daemon = Running::daemon(&home);
    let event = daemon.wait_for_event("pruned");
    assert_eq!(event["articles"], 2);
    wait_for("the articles to go", || (home.articles().len() == 1).then_some(()));
}

#[test]
fn a_feed_may_keep_its_articles_for_another_time() {
    let home = Home::new("");
    let config = |store: &str, a: &str, b: &str| {
        home.configure(&format!(
            "[store]\n{store}\n[[feeds]]\nurl = \"file:a.xml\"\n{a}\n[[feeds]]\nurl = \"file:b.xml\"\n{b}\n\
             [[feeds]]\nurl = \"file:c.xml\"\n"
        ));
    };
    config("", "", "");
    for items in [&[item(2), item(1)][..], &[item(2)]] {
        for name in ["a.xml", "b.xml", "c.xml"] {
            fs::write(home.path(name), rss(name, items)).unwrap();
        }
        home.poll();
    }
    let left = || {
        let mut left: Vec<String> = home
            .articles()
            .iter()
            .map(|article| {
                let (feed, title) = (&article["feed"]["name"], &article["title"]);
                let (feed, title) = (feed.as_str().unwrap(), title.as_str().unwrap());
                feed.trim_end_matches(".xml").to_owned() + title.trim_start_matches("Title ")
            })
            .collect();
        left.sort();
        left.join(" ")
    };
    let would = |arguments: &[&str]| {
        home.json(&[&["db", "prune", "--dry-run", "--json"], arguments].concat())["articles"]
            .clone()
    };
    assert_eq!(left(), "a1 a2 b1 b2 c1 c2");
    config("keep = \"30d\"", "keep = \"36000d\"", "keep = \"forever\"");
    assert_eq!(would(&[]), 1, "only those of the feed without a keep of its own");
    assert_eq!(would(&["--older-than", "36000d"]), 0);
    config("keep = \"forever\"", "keep = \"60d\"", "keep = \"forever\"");
    assert_eq!(would(&[]), 1);
    assert_eq!(home.ok(&["db", "prune"]), "removed 1 article\n");
    assert_eq!(left(), "a2 b1 b2 c1 c2");
    let daemon = {
        config("keep = \"30d\"", "keep = \"60d\"", "keep = \"90d\"");
        Running::daemon(&home)
    };
    wait_for("the daemon", || (left() == "a2 b2 c2").then_some(()));
    drop(daemon);
    config("", "keep = \"1h\"", "keep = 3");
    assert_eq!(home.run(&["check"]).code, Some(78));
}
