//! The store's file is deleted or replaced while it is open, and files are left by killed processes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::feeds::{item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{store_is_file, wait_for};

#[test]
fn a_store_that_is_replaced_under_the_daemon_is_noticed_and_nothing_is_polled() {
    if !store_is_file() {
        return;
    }
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let home = Home::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[feeds]]\nurl = \"{}\"\nevery = \"1s\"\n",
        server.url("/f")
    ));
    let mut daemon = Running::daemon(&home);
    let site = Site::of(&daemon);
    wait_for("the article", || (home.articles().len() == 1).then_some(()));
    assert_eq!(site.get("/readyz").status, 200);

    let (store, away) = (home.store(), home.path("away.db"));
    fs::rename(&store, &away).unwrap();
    fs::copy(&away, &store).unwrap();
    assert_eq!(site.get("/readyz").status, 503);
    let lost = |event: &serde_json::Value| {
        let message = event["message"].as_str().unwrap_or_default();
        event["level"] == "ERROR" && message.starts_with("the store's file was deleted or replaced")
    };
    wait_for("the loss", || daemon.events().iter().any(lost).then_some(()));
    server.put("/f", Page::ok(rss("News", &[item(2)])));
    std::thread::sleep(Duration::from_secs(1)); // A poll in flight ends.
    let polls = server.total();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(server.total(), polls);
    fs::remove_file(&store).unwrap();
    assert_eq!(site.get("/readyz").status, 503);

    // The file that was there comes back.
    fs::rename(&away, &store).unwrap();
    assert_eq!(site.get("/readyz").status, 200);
    wait_for("the news", || (home.articles().len() == 2).then_some(()));
    daemon.kill();
    assert_eq!(home.ok(&["db", "check"]).lines().count(), 1);
}

#[test]
fn a_poll_that_ends_while_the_store_is_gone_is_made_again_when_the_store_is_back() {
    if !store_is_file() {
        return;
    }
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])).after(Duration::from_secs(2)));
    let home = Home::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[feeds]]\nurl = \"{}\"\nevery = \"1s\"\n",
        server.url("/f")
    ));
    let daemon = Running::daemon(&home);
    wait_for("the request", || (server.total() == 1).then_some(()));

    let (store, away) = (home.store(), home.path("away.db"));
    fs::rename(&store, &away).unwrap();
    let refused =
        |event: &serde_json::Value| event["message"] == "the store could not store a poll";
    wait_for("the refusal", || daemon.events().iter().any(refused).then_some(()));
    fs::rename(&away, &store).unwrap();
    wait_for("the article", || (home.articles().len() == 1).then_some(()));
}

#[test]
fn what_killed_processes_have_left_is_removed_at_the_start() {
    if !store_is_file() {
        return;
    }
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let (dead, alive) = (ended.id(), std::process::id());
    let home = Home::new("[[exports]]\npath = \"out.json\"\nformat = \"json\"\nevery = \"1h\"\n");
    let of_the_dead = [
        format!(".out.json.{dead}.0.tmp"),
        format!(".gazetted.toml.{dead}.3.tmp"),
        "gazetted.db.schema-2.part".to_owned(),
        format!("copy.db.{dead}.part"),
    ];
    let of_others = [
        format!(".out.json.{alive}.0.tmp"),
        format!(".other.json.{dead}.0.tmp"),
        format!("copy.db.{alive}.part"),
        format!("film.{dead}.part"),
    ];
    for name in of_the_dead.iter().chain(&of_others) {
        let text = if name.starts_with("film") { "of another program" } else { "" };
        fs::write(home.path(name), text).unwrap();
    }
    let _daemon = Running::daemon(&home);
    let mut kept = home.leftovers();
    // The export that is being written right now.
    kept.retain(|name| !name.starts_with(".out.json.") || of_others.contains(name));
    let mut expected = of_others.to_vec();
    expected.sort();
    assert_eq!(kept, expected);
}
