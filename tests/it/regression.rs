//! One test for each bug that was found from outside; each says what happened.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use chrono::DateTime;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server, nobody};
use crate::support::{store_is_file, wait_for};

/// Of several polls that started together before there was a store, all but one ended with "table meta
/// already exists": each had read the schema version before it waited for the others.
#[test]
fn a_store_can_be_created_by_several_processes_at_once() {
    for _ in 0..5 {
        let home = Home::new("[[feeds]]\nurl = \"file:news.xml\"\n");
        fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
        let start = |()| Running::start(home.command(&["poll", "--all", "--json"]));
        for mut poll in [(); 4].map(start) {
            let code = poll.wait();
            assert_eq!(code, Some(0), "{:?}", poll.said());
        }
        assert_eq!(home.articles().len(), 1);
        home.ok(&["db", "check"]);
    }
}

/// `db backup` always failed: `SQLite` takes the copy for a write, and the connection was closed to writes.
/// And the copy would have been readable by everybody, which the store is not.
#[test]
fn a_backup_is_made_and_as_private_as_the_store() {
    if !store_is_file() {
        return;
    }
    let home = Home::new("[[feeds]]\nurl = \"file:news.xml\"\n");
    fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    home.poll();
    home.ok(&["db", "backup", "copy.db"]);
    let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("gazetted.db"), mode("copy.db")), (0o600, 0o600));
}

/// A process that ended took its writer thread with it before that could close the file, so the log was
/// never folded in and lay beside the store for good.
#[test]
fn a_process_that_ends_leaves_one_file() {
    if !store_is_file() {
        return;
    }
    let home = Home::new("[[feeds]]\nurl = \"file:news.xml\"\n");
    fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    home.poll();
    assert_eq!(home.files(), ["gazetted.db", "gazetted.db.lock", "gazetted.toml", "news.xml"]);
    let mut daemon = Running::daemon(&home);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    assert_eq!(home.files(), ["gazetted.db", "gazetted.db.lock", "gazetted.toml", "news.xml"]);
}

/// The password of a URL on the command line came back in the error; and the address of a feed was not
/// found when it was typed as it stands in the configuration, with its password.
#[test]
fn a_password_on_the_command_line_is_not_repeated() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let [address, closed] = [server.address(), nobody()];
    let home = Home::new(&format!("[[feeds]]\nurl = \"http://me:hunter2@{address}/f\"\n"));
    let typed = format!("http://me:hunter2@{address}/f");
    assert_eq!(home.json(&["poll", "--json", &typed])["added"], 1);
    assert_eq!(home.ok(&["export", "--feed", &typed]).lines().count(), 1);
    let unknown = format!("http://me:hunter2@{closed}/");
    for arguments in [
        &["poll", &unknown][..],
        &["export", "--feed", &unknown],
        &["inspect", &typed],
        &["inspect", "http://me:hun/ter2@host/"],
        &["inspect", "http://me:hunter2@:80/"],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        let said = ran.out + &ran.err;
        assert!(!said.contains("hunter2") && !said.contains("ter2"), "{said}");
    }
}

/// A daemon that waited for a `poll` to finish heard no SIGTERM until then.
#[test]
fn a_daemon_that_waits_for_the_store_can_be_ended() {
    let server = Server::start();
    server.put("/f", Page::stalled());
    let home = Home::with_feeds(&[server.url("/f")]);
    let mut poll = Running::start(home.command(&["poll"]));
    wait_for("the request", || (server.total() == 1).then_some(()));
    let mut daemon = Running::start(home.command(&["--log-format", "json", "run"]));
    let waiting = daemon.wait_for_event("waiting for the store");
    assert_eq!(waiting["holder"], format!("pid {}, poll", poll.id()));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    assert!(!poll.has_ended());
}

/// The daemon slept until the next look at the clock, up to 15 s, though a poll had ended meanwhile and
/// planned its next for sooner.
#[test]
fn a_feed_is_polled_when_its_plan_says_so() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let url = server.url("/f");
    let home = Home::new(&format!("[[feeds]]\nurl = \"{url}\"\nevery = \"2s\"\n"));
    let daemon = Running::daemon(&home);
    let polls = wait_for("four polls", || {
        let mut events = daemon.events();
        events.retain(|event| event["feed.url"] == url.as_str());
        (4 <= events.len()).then_some(events)
    });
    let at = |text: &Value| DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap();
    for pair in polls.windows(2) {
        let late = at(&pair[1]["timestamp"]) - at(&pair[0]["next_at"]);
        assert!(late.num_seconds() < 8, "{late} after its time: {polls:#?}");
    }
}

/// The first command after an upgrade may be one that only reads.
#[test]
fn a_store_of_an_older_version_is_brought_up_to_date_by_a_reader() {
    if !store_is_file() {
        return;
    }
    let home = Home::new("[[feeds]]\nurl = \"file:news.xml\"\n");
    let first = include_str!("../../migrations/sqlite/0001_initial.sql");
    let old = rusqlite::Connection::open(home.store()).unwrap();
    old.execute_batch(first).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    home.ok(&["feeds"]);
    fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    home.poll();
    home.ok(&["explain", "1"]);
}
