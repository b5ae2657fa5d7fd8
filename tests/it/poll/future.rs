//! `hide_future`: articles that are dated ahead are left out until their time has come.

use std::fs;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::support::feeds::{Item, item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::{now, wait_for};

fn dated(n: u32, at: DateTime<Utc>) -> Item {
    Item { date: Some(at.to_rfc2822()), ..item(n) }
}

fn configure(home: &Home, hide: bool, more: &str) {
    home.configure(&format!(
        "hide_future = {hide}\n[schedule]\nevery = \"1h\"\n{more}\n[[feeds]]\nurl = \"file:news.xml\"\nname = \"News\"\n"
    ));
}

fn titles(lines: &str) -> Vec<String> {
    let title = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["title"].as_str().unwrap().trim_start_matches("Title ").to_owned()
    };
    lines.lines().map(title).collect()
}

#[test]
fn what_is_dated_ahead_is_nowhere_until_its_time_has_come_and_is_then_heard_of() {
    let home = Home::empty();
    configure(&home, true, "");
    let soon = now() + TimeDelta::seconds(6);
    let later = now() + TimeDelta::days(400);
    let items = [dated(3, later), dated(2, soon), dated(1, now() - TimeDelta::hours(1))];
    fs::write(home.path("news.xml"), rss("News", &items)).unwrap();
    home.poll();
    assert_eq!(home.each("title"), ["Title 1"]);
    assert_eq!(titles(&home.ok(&["export", "--consumer", "mail"])), ["1"]);
    assert_eq!(home.ok(&["export", "--consumer", "mail"]), "");
    assert_eq!(titles(&home.ok(&["export", "--after", "0", "--events"])), ["1"]);
    assert_eq!(home.json(&["search", "title", "--json"]).as_array().unwrap().len(), 1);

    // An edit of a hidden article is no event either.
    let edited = Item { title: "Title 2b".to_owned(), ..dated(2, soon) };
    fs::write(home.path("news.xml"), rss("News", &[dated(3, later), edited, items[2].clone()]))
        .unwrap();
    home.ok(&["poll", "--all"]);
    assert_eq!(home.ok(&["export", "--consumer", "mail"]), "");

    wait_for("its time", || (soon <= now()).then_some(()));
    thread::sleep(Duration::from_secs(1));
    assert_eq!(home.each("title"), ["Title 2b", "Title 1"]);
    let heard = home.ok(&["export", "--consumer", "mail", "--events"]);
    assert_eq!(titles(&heard), ["2b"]);
    let event: Value = serde_json::from_str(&heard).unwrap();
    assert_eq!(event["event"], "new", "{event}");
    assert_eq!(home.ok(&["export", "--consumer", "mail"]), "");
    let again = home.ok(&["export", "--after", "0", "--events"]);
    assert_eq!(titles(&again), ["1", "2b"]);
    assert_eq!(
        titles(&home.ok(&["export", "--seen-since", "2s"])),
        ["2b"],
        "it arrives with its time"
    );

    // What comes after that is an edit.
    let edited = Item { title: "Title 2c".to_owned(), ..dated(2, soon) };
    fs::write(home.path("news.xml"), rss("News", &[dated(3, later), edited, items[2].clone()]))
        .unwrap();
    home.ok(&["poll", "--all"]);
    let event: Value =
        serde_json::from_str(&home.ok(&["export", "--consumer", "mail", "--events"])).unwrap();
    assert_eq!((&event["event"], &event["title"]), (&"edited".into(), &"Title 2c".into()));

    // Without the key, all is shown, and the consumer hears of it.
    configure(&home, false, "");
    home.ok(&["poll", "--all"]);
    assert_eq!(home.articles().len(), 3);
    assert_eq!(titles(&home.ok(&["export", "--consumer", "mail"])), ["3"]);
    home.ok(&["db", "check"]);
}

#[test]
fn without_the_key_articles_are_shown_whatever_their_date_is() {
    let home = Home::empty();
    configure(&home, false, "");
    let items = [dated(2, now() + TimeDelta::days(400)), dated(1, now() + TimeDelta::hours(1))];
    fs::write(home.path("news.xml"), rss("News", &items)).unwrap();
    home.poll();
    assert_eq!(home.articles().len(), 2);
    // What consumers have heard of is not taken back.
    configure(&home, true, "");
    home.ok(&["poll", "--all"]);
    assert_eq!(home.articles().len(), 2);
}

#[test]
fn the_daemon_tells_exports_pages_and_hooks_when_the_time_has_come() {
    let home = Home::empty();
    let script = home.path("heard").display().to_string();
    let more = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[exports]]\npath = \"all.jsonl\"\nformat = \"jsonl\"\non_change = true\n\
         [[exports]]\ncommand = [\"sh\", \"-c\", \"cat >> {script}\"]\nconsumer = \"hook\"\non_change = true\n"
    );
    configure(&home, true, &more);
    let soon = now() + TimeDelta::seconds(8);
    let items = [dated(2, soon), dated(1, now() - TimeDelta::hours(1))];
    fs::write(home.path("news.xml"), rss("News", &items)).unwrap();
    let daemon = Running::daemon(&home);
    let site = Site::of(&daemon);
    let hook = || titles(&fs::read_to_string(home.path("heard")).unwrap_or_default());
    let file = || titles(&fs::read_to_string(home.path("all.jsonl")).unwrap_or_default());
    wait_for("the first article", || (hook() == ["1"] && file() == ["1"]).then_some(()));
    let row = home
        .rows("SELECT m.value, a.id FROM meta m, article a WHERE m.key = 'store_id' AND a.title = 'Title 2'")
        .concat();
    let number: i64 = row[1].as_ref().unwrap().parse().unwrap();
    let id = format!("{}-{number:x}", row[0].as_ref().unwrap());
    if now() < soon - TimeDelta::seconds(1) {
        for path in ["/", "/export.json", "/search?q=title", "/export.rss"] {
            assert!(!site.text(path).contains("Title 2"), "{path}");
        }
        assert_eq!(site.get(&format!("/articles/{id}")).status, 404);
    }
    wait_for("the second article", || (hook() == ["1", "2"] && file() == ["2", "1"]).then_some(()));
    assert!(soon <= now());
    assert!(site.text("/").contains("Title 2"));
    assert!(site.text("/").contains(&format!("/articles/{id}")), "{id}");
    assert_eq!(site.get(&format!("/articles/{id}")).status, 200);
}
