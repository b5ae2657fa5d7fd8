//! When the daemon polls.

use std::fmt::Write as _;

use nix::sys::signal::Signal;

use crate::support::feeds::{Item, item, rss};
use crate::support::postgres::store_is_file;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

fn feed(server: &Server, path: &str, every: &str) -> String {
    format!("[[feeds]]\nurl = \"{}\"\nevery = \"{every}\"\n", server.url(path))
}

#[track_caller]
fn wait_for_requests(server: &Server, path: &str, count: usize) {
    wait_for("requests", || (count <= server.requests(path).len()).then_some(()));
}

#[test]
fn it_polls_again_and_again_and_stores_what_is_new() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])).header("ETag", "\"1\""));
    server.put("/g", Page::status(500));
    let home = Home::new(&(feed(&server, "/f", "1s") + &feed(&server, "/g", "1s")));
    let daemon = Running::daemon(&home);
    wait_for_requests(&server, "/f", 2);
    assert_eq!(home.each("title"), ["Title 1"]);
    let edited = Item { title: "Edited".to_owned(), ..item(1) };
    server.put("/f", Page::ok(rss("News", &[item(2), edited])).header("ETag", "\"2\""));
    wait_for("the news", || (home.each("title") == ["Title 2", "Edited"]).then_some(()));
    wait_for("the index", || {
        (home.json(&["db", "stats", "--json"])["unindexed"] == 0).then_some(())
    });
    let sent = |request: &crate::support::server::Request| {
        request.header("if-none-match").map(<[u8]>::to_vec)
    };
    let tags: Vec<_> = server.requests("/f").iter().map(sent).collect();
    assert_eq!(tags[..2], [None, Some(b"\"1\"".to_vec())]);
    drop(daemon);
    home.ok(&["db", "check"]);
}

#[test]
fn a_restart_polls_only_what_is_due() {
    let server = Server::start();
    for path in ["/often", "/seldom"] {
        server.put(path, Page::ok(rss(path, &[item(1)])));
    }
    let home = Home::new(&(feed(&server, "/often", "1s") + &feed(&server, "/seldom", "1h")));
    for round in 1..=2 {
        let asked = server.requests("/often").len();
        let mut daemon = Running::daemon(&home);
        wait_for_requests(&server, "/often", asked + 2);
        assert_eq!(server.requests("/seldom").len(), 1, "round {round}");
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait(), Some(0));
    }
    assert_eq!(home.json(&["feeds", "--json"])[1]["next_because"], "interval");
}

#[test]
fn polls_in_flight_at_a_kill_are_repeated_by_the_next_daemon() {
    let server = Server::start();
    server.put("/f", Page::stalled());
    let home = Home::new(&feed(&server, "/f", "1h"));
    let mut daemon = Running::daemon(&home);
    wait_for_requests(&server, "/f", 1);
    daemon.kill();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let _daemon = Running::daemon(&home);
    wait_for("the article", || (home.articles().len() == 1).then_some(()));
}

#[test]
fn a_second_daemon_names_the_first() {
    if !store_is_file() {
        return; // Several daemons share a database.
    }
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let home = Home::new(&feed(&server, "/f", "1h"));
    let first = Running::daemon(&home);
    wait_for("the article", || (home.articles().len() == 1).then_some(()));
    let second = home.run(&["run"]);
    let holder = format!("pid {}, run", first.id());
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains(&holder), "{}", second.err);
    assert!(second.err.contains(&home.store_name()), "{}", second.err);
    assert_eq!(home.json(&["status", "--json"])["daemon"], holder.as_str());
    assert_eq!(home.ok(&["status", "--ready"]), "");
    assert_eq!(server.total(), 1);

    // Beside it one may still poll.
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    assert_eq!(home.poll()["added"], 1);
    drop(first);
    assert_eq!(home.json(&["status", "--json"])["daemon"], serde_json::Value::Null);
    let ran = home.run(&["status", "--ready"]);
    assert!(ran.code == Some(1) && ran.err.contains("no daemon runs"), "{ran:?}");
}

#[test]
fn a_daemon_is_ready_when_it_has_taken_up_the_whole_configuration() {
    let home = Home::new("[[feeds]]\nurl = \"file:a.xml\"\n");
    std::fs::write(home.path("a.xml"), rss("News", &[item(1)])).unwrap();
    let daemon = Running::daemon(&home);
    home.ok(&["status", "--ready"]);
    home.configure("[[feeds]]\nurl = \"file:a.xml\"\n[[feeds]]\nurl = \"file:b.xml\"\n");
    let ran = home.run(&["status", "--ready"]);
    assert!(ran.code == Some(1) && ran.err.contains("1 feed of the configuration"), "{ran:?}");
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    wait_for("the reload", || (home.run(&["status", "--ready"]).code == Some(0)).then_some(()));
}

#[test]
fn more_feeds_than_requests_at_once_are_all_polled() {
    const FEEDS: usize = 30;
    let server = Server::start();
    let mut config = "[fetch]\nconcurrency = 2\n[schedule]\nevery = \"1h\"\n".to_owned();
    for n in 0..FEEDS {
        let path = format!("/{n}");
        server.put(&path, Page::ok(rss(&path, &[item(1)])));
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&path)).unwrap();
    }
    let home = Home::new(&config);
    let _daemon = Running::daemon(&home);
    wait_for("all articles", || (home.articles().len() == FEEDS).then_some(()));
    assert_eq!(server.total(), FEEDS);
}
