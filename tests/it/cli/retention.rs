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
