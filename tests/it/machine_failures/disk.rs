//! Disks that are full at every moment of every kind of work: the room for it is swept from none to enough.

use std::collections::BTreeSet;
use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::is_one_clear_error;
use super::upgrade::of_version;
use crate::support::disk::{SmallDisk, copy, kib};
use crate::support::feeds::{Item, item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server};
use crate::support::{store_is_file, wait_for};

const FULL: &[&str] = &["disk is full", "disk I/O error", "No space left"];

const FEEDS: usize = 8;

/// Feeds of `items` articles each.
fn publish(server: &Server, items: u32) {
    for feed in 0..FEEDS {
        let text = |n: u32| format!("<p>{n} of {feed}, at some length.</p>").repeat(60);
        let items: Vec<Item> = (1..=items).map(|n| Item { text: text(n), ..item(n) }).collect();
        let page = Page::ok(rss(&format!("Feed {feed}"), &items));
        server.put(&format!("/{feed}"), page.header("ETag", format!("\"{}\"", items.len())));
    }
}

/// Polled with two articles a feed; six more a feed are published since.
fn polled() -> (Server, Home) {
    let server = Server::start();
    publish(&server, 2);
    let urls: Vec<String> = (0..FEEDS).map(|n| server.url(&format!("/{n}"))).collect();
    let home = Home::with_feeds(&urls);
    home.poll();
    home.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    publish(&server, 8);
    (server, home)
}

fn ids(home: &Home) -> BTreeSet<String> {
    home.each("id").into_iter().collect()
}

/// Runs `command` on copies of `home` on disks of more and more room, until there is enough. Answers
/// how often there was not.
fn sweep(
    home: &Home,
    command: &[&str],
    step_kib: u64,
    check: impl Fn(&Home, bool),
) -> Option<usize> {
    let base = kib(home);
    for n in 0..120 {
        let here = copy(home);
        // -shm takes 32 KiB as soon as the store is opened.
        let ran = SmallDisk::of(base + 40 + n * step_kib)?.run(&here, command);
        if ran.code != Some(0) {
            is_one_clear_error(&ran, FULL);
        }
        here.ok(&["db", "check"]);
        check(&here, ran.code == Some(0));
        if ran.code == Some(0) {
            return Some(usize::try_from(n).unwrap());
        }
    }
    panic!("{command:?} never had enough");
}

#[test]
fn a_poll_that_finds_the_disk_full_at_any_page_loses_nothing_and_is_made_up_for() {
    if !store_is_file() {
        return;
    }
    let (_server, home) = polled();
    let before = ids(&home);
    let poll = ["poll", "--all", "--json"];
    let failed = sweep(&home, &poll, 20, |home, done| {
        let kept = ids(home);
        assert!(before.is_subset(&kept));
        assert!(!done || kept.len() == 8 * FEEDS);
        assert_eq!(home.poll()["failed"], 0);
        assert_eq!(home.articles().len(), 8 * FEEDS);
    });
    assert!(failed.is_none_or(|failed| 3 < failed), "{failed:?}");
}

#[test]
fn upkeep_that_finds_the_disk_full_at_any_page_leaves_the_store_whole() {
    if !store_is_file() {
        return;
    }
    let (_server, home) = polled();
    home.poll();
    let before = ids(&home);
    for (command, step) in [
        (&["db", "vacuum"][..], 64),
        (&["db", "backup", "copy.db"], 48),
        (&["export", "--with-duplicates", "--format", "json", "--output", "all.json"], 48),
    ] {
        let failed = sweep(&home, command, step, |home, done| {
            assert_eq!(ids(home), before, "{command:?}");
            let made = ["copy.db", "all.json"].iter().any(|name| home.path(name).exists());
            assert_eq!(made, done && command != ["db", "vacuum"], "{command:?}");
            assert!(home.leftovers().is_empty(), "{command:?}: {:?}", home.files());
        });
        assert!(failed.is_none_or(|failed| 0 < failed), "{command:?}: {failed:?}");
    }
}

#[test]
fn a_search_on_a_full_disk_finds_what_is_indexed() {
    if !store_is_file() {
        return;
    }
    let (_server, home) = polled();
    let search = ["search", "length", "-n", "100", "--with-duplicates", "--json"];
    let found = |text: &str| {
        let found: Value = serde_json::from_str(text).unwrap();
        found.as_array().unwrap().len()
    };
    assert_eq!(found(&home.ok(&search)), 2 * FEEDS);
    home.poll();
    home.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let Some(disk) = SmallDisk::of(kib(&home) + 48) else { return };
    let ran = disk.run(&copy(&home), &search);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(found(&ran.out), 2 * FEEDS);
    assert!(ran.err.contains("could not be indexed: 48 articles"), "{}", ran.err);
    assert_eq!(found(&home.ok(&search)), 8 * FEEDS);
}

#[test]
fn a_migration_that_finds_the_disk_full_at_any_page_is_undone_and_made_up_for() {
    if !store_is_file() {
        return;
    }
    let home = of_version(2, 3);
    let failed = sweep(&home, &["poll"], 8, |home, _| {
        assert_eq!(home.articles().len(), 3);
    });
    assert!(failed.is_none_or(|failed| 5 < failed), "{failed:?}");
}

/// Each feed has a rhythm of its own, so that not all of them are in flight when the disk is full: what is
/// keeps its lease, which is a minute's rest.
fn of_many_rhythms(server: &Server) -> String {
    let feed = |n: usize| {
        format!("[[feeds]]\nurl = \"{}\"\nevery = \"{}s\"\n", server.url(&format!("/{n}")), n + 1)
    };
    (0..FEEDS).map(feed).collect()
}

#[test]
fn a_daemon_lives_through_a_full_disk_and_goes_on_when_there_is_room_again() {
    if !store_is_file() {
        return;
    }
    let server = Server::start();
    publish(&server, 2);
    let home = Home::new(&of_many_rhythms(&server));
    home.poll();
    fs::write(home.path("filler"), vec![0; 8 << 20]).unwrap();
    // SQLite's log takes more than that before it would be folded in.
    let Some(disk) = SmallDisk::of(kib(&home) + 400) else { return };
    let (mut daemon, seen) = disk.daemon(&home);
    let failures = || daemon.events().iter().filter(|event| is_full(event)).count();
    wait_for("a disk that its own log has filled", || (0 < failures()).then_some(()));
    // Then the log is folded in at once, and where nothing is new there is room enough.
    let before = daemon.events().len();
    wait_for("polls on a full disk", || {
        let polled = |event: &&Value| event["outcome"] == "not_modified";
        let polls = daemon.events().iter().skip(before).filter(polled).count();
        (5 < polls).then_some(())
    });

    let before = failures();
    publish(&server, 30);
    wait_for("a disk too small for the news", || (before < failures()).then_some(()));
    fs::remove_file(seen.join("filler")).unwrap();
    let before = daemon.events().len();
    wait_for("news", || {
        let added = |event: &Value| event["added"] == 28;
        daemon.events().iter().skip(before).any(added).then_some(())
    });
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    let check = disk.beside(&daemon, &home, &["db", "check"]);
    assert_eq!(check.code, Some(0), "{check:#?}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
}

fn is_full(event: &Value) -> bool {
    event["error"].as_str().is_some_and(|error| FULL.iter().any(|words| error.contains(words)))
}
