//! SIGHUP: the changed configuration is applied completely or not at all.

use nix::sys::signal::Signal;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

fn config(server: &Server, paths: &[&str]) -> String {
    let feeds = paths.iter().map(|path| format!("[[feeds]]\nurl = \"{}\"\n", server.url(path)));
    "[schedule]\nevery = \"1s\"\n".to_owned() + &feeds.collect::<String>()
}

fn server() -> Server {
    let server = Server::start();
    for path in ["/a", "/b", "/c"] {
        server.put(path, Page::ok(rss(path, &[item(1)])));
    }
    server
}

/// Waits until `path` was asked twice more: whatever happens before that has happened by then.
#[track_caller]
fn wait_for_two_polls(server: &Server, path: &str) {
    let before = server.requests(path).len();
    wait_for("two polls", || (before + 2 <= server.requests(path).len()).then_some(()));
}

#[test]
fn a_reload_applies_a_changed_list_of_feeds() {
    let server = server();
    let home = Home::new(&config(&server, &["/a", "/b"]));
    let daemon = Running::daemon(&home);
    wait_for_two_polls(&server, "/a");
    home.configure(&config(&server, &["/b", "/c"]));
    daemon.signal(Signal::SIGHUP);
    let event = daemon.wait_for_event("configuration reloaded");
    assert_eq!(event["feeds"], 2);
    let asked = server.requests("/a").len();
    wait_for_two_polls(&server, "/c");
    wait_for_two_polls(&server, "/b");
    // One poll may have been in progress.
    assert!(server.requests("/a").len() <= asked + 1);
    let mut names: Vec<String> = home
        .articles()
        .iter()
        .map(|article| article["feed"]["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["/a", "/b", "/c"], "what left keeps its articles");
    let retired = &home.json(&["feeds", "--all", "--json"])[2];
    assert_eq!((&retired["name"], &retired["state"]), (&"/a".into(), &"retired".into()));
}

#[test]
fn a_faulty_configuration_changes_nothing_and_is_reported() {
    let server = server();
    let home = Home::new(&config(&server, &["/a"]));
    let daemon = Running::daemon(&home);
    wait_for_two_polls(&server, "/a");
    home.configure(&(config(&server, &["/b"]) + "evry = \"5m\"\n[[feeds]\n"));
    daemon.signal(Signal::SIGHUP);
    let rejected = daemon.wait_for_event(
        "the new configuration has faults, the old one stays in force; see `gazetted check`",
    );
    assert_eq!(rejected["level"], "ERROR");
    let first = rejected["error"].as_str().unwrap();
    assert!(
        first.contains("gazetted.toml:5:1: ") && first.ends_with("(2 faults in 1 file)"),
        "{rejected}"
    );
    assert!(!first.contains('\n'), "{rejected}");
    wait_for_two_polls(&server, "/a");
    assert_eq!(server.requests("/b").len(), 0);

    home.configure(&config(&server, &["/b"]));
    daemon.signal(Signal::SIGHUP);
    wait_for_two_polls(&server, "/b");
}

#[test]
fn another_store_needs_a_restart() {
    let server = server();
    let home = Home::new(&config(&server, &["/a"]));
    let daemon = Running::daemon(&home);
    wait_for_two_polls(&server, "/a");
    home.configure(&("[store]\npath = \"other.db\"\n".to_owned() + &config(&server, &["/b"])));
    daemon.signal(Signal::SIGHUP);
    wait_for("the refusal", || daemon.log().contains("that takes a restart").then_some(()));
    wait_for_two_polls(&server, "/a");
    assert_eq!(server.requests("/b").len(), 0);
    assert!(!home.path("other.db").exists());
}

#[test]
fn a_feed_that_is_disabled_and_enabled_keeps_its_state() {
    let server = server();
    let home = Home::new(&config(&server, &["/a", "/b"]));
    let daemon = Running::daemon(&home);
    wait_for_two_polls(&server, "/a");
    home.configure(&(config(&server, &["/b", "/a"]) + "enabled = false\n"));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_event("configuration reloaded");
    let asked = server.requests("/a").len();
    wait_for_two_polls(&server, "/b");
    assert!(server.requests("/a").len() <= asked + 1);
    server.put("/a", Page::ok(rss("/a", &[item(2), item(1)])));
    home.configure(&config(&server, &["/a", "/b"]));
    daemon.signal(Signal::SIGHUP);
    wait_for("the new article", || (home.articles().len() == 3).then_some(()));
}

#[test]
fn a_changed_file_is_applied_without_a_signal_if_the_configuration_says_so() {
    let server = server();
    let watched = |paths: &[&str]| format!("reload_on_change = true\n{}", config(&server, paths));
    let home = Home::new(&watched(&["/a"]));
    let daemon = Running::daemon(&home);
    wait_for_two_polls(&server, "/a");
    home.configure("reload_on_change = maybe\n");
    let refused =
        "the new configuration has faults, the old one stays in force; see `gazetted check`";
    daemon.wait_for_event(refused);
    wait_for_two_polls(&server, "/a");
    home.configure(&watched(&["/a", "/b"]));
    let event = daemon.wait_for_event("configuration reloaded");
    assert_eq!(event["feeds"], 2);
    wait_for_two_polls(&server, "/b");
    let faults = daemon.events().iter().filter(|event| event["message"] == refused).count();
    assert_eq!(faults, 1);
}
