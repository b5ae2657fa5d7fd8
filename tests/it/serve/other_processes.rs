//! What another process writes to the store reaches the exports, events and pages of the daemon within two seconds.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::events::Listener;
use crate::support::feeds::{item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::wait_for;

/// What is promised. Starting a process and reading a file on a busy machine come on top.
const PROMISED: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(3);

fn titles(home: &Home) -> Option<Vec<String>> {
    let feed: Value = serde_json::from_slice(&fs::read(home.path("news.json")).ok()?).ok()?;
    let items = feed["items"].as_array()?;
    Some(items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn what_another_process_stores_is_exported_served_and_sent_within_two_seconds() {
    let home = Home::new(
        "[server]\nlisten = \"127.0.0.1:0\"\n[schedule]\nevery = \"1d\"\n\
         [[feeds]]\nname = \"a\"\nurl = \"file:a.xml\"\n[[feeds]]\nname = \"b\"\nurl = \"file:b.xml\"\n\
         [[exports]]\npath = \"news.json\"\nformat = \"jsonfeed\"\non_change = true\n",
    );
    let publish = |name: &str, items: &[u32]| {
        let items: Vec<_> = items.iter().copied().map(item).collect();
        fs::write(home.path(&format!("{name}.xml")), rss(name, &items)).unwrap();
    };
    publish("a", &[1]);
    publish("b", &[1]);
    home.ok(&["poll", "a"]);
    home.ok(&["poll", "b"]);
    let daemon = Running::daemon(&home);
    let site = Site::of(&daemon);
    let mut listener = Listener::start(&site, "/events", "");
    listener.paragraph().unwrap(); // The start.
    wait_for("the first export", || (titles(&home)? == ["Title 1"]).then_some(()));

    // The article of the other feed is the same, until that is taken back.
    let merges = home.json(&["merges", "list", "--json"]);
    let duplicate = merges[0]["duplicate"]["id"].as_str().unwrap();
    for (arguments, event, exported) in [
        (&["poll", "a"][..], "new", &["Title 2", "Title 1"][..]),
        (&["merges", "undo", duplicate], "new", &["Title 2", "Title 1", "Title 1"]),
        (&["db", "prune", "--older-than", "1d"], "removed", &["Title 2"]),
    ] {
        match arguments[0] {
            "poll" => publish("a", &[2, 1]),
            "db" => {
                publish("a", &[2]);
                publish("b", &[3]);
                home.ok(&["poll", "--all"]);
                publish("b", &[]);
                home.ok(&["poll", "--all"]);
            }
            _ => {}
        }
        home.ok(arguments);
        let since = Instant::now();
        wait_for(arguments[0], || (titles(&home)? == exported).then_some(()));
        let waited = since.elapsed();
        assert!(waited < PROMISED + SLACK, "{arguments:?}: {waited:?}");
        let served: Vec<Value> = serde_json::from_str(&site.get("/export.json").text()).unwrap();
        let served: Vec<&str> = served.iter().map(|one| one["title"].as_str().unwrap()).collect();
        assert_eq!(served, exported, "{arguments:?}");
        let heard = std::iter::from_fn(|| listener.next()).find(|heard| heard.kind == event);
        assert!(heard.is_some(), "{arguments:?}");
    }
}
