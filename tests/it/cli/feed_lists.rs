//! Feeds of lists (`[[feed_lists]]`): in each command that shows or changes feeds, and in the daemon.

use std::fs;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

const MAIN: &str = "reload_on_change = true\n[fetch]\nallow_private = true\n\
    [[feed_lists]]\nfile = \"list.csv\"\ntags = [\"listed\"]\n";

fn served() -> (Server, Home) {
    let server = Server::start();
    for path in ["/a", "/b", "/c"] {
        server.put(path, Page::ok(rss(path, &[item(1)])));
    }
    let home = Home::new(MAIN);
    let list = format!("url,name,tags\n{},One,x\n{},,y\n", server.url("/a"), server.url("/b"));
    fs::write(home.path("list.csv"), list).unwrap();
    (server, home)
}

#[test]
fn all_commands_know_the_feeds_of_a_list() {
    let (server, home) = served();
    let diff = home.json(&["check", "--diff", "--json"]);
    assert_eq!(
        (&diff["feeds"], diff["diff"]["added"].as_array().map(Vec::len)),
        (&2.into(), Some(2))
    );
    home.poll();
    assert_eq!(home.articles().len(), 2);
    let feeds = home.json(&["feeds", "--json"]);
    assert_eq!((&feeds[0]["name"], &feeds[0]["state"]), (&"One".into(), &"ok".into()));
    assert_eq!(feeds[0]["tags"], serde_json::json!(["listed", "x"]));
    assert!(home.ok(&["explain", "One"]).contains(&server.url("/a")));
    assert!(home.ok(&["feeds", "export"]).contains("text=\"One\""));
    assert_eq!(home.json(&["simulate", "--days", "1", "--json"])["feeds"], 2);
    let again = home.json(&["feeds", "add", &server.url("/b"), "--json"]);
    assert_eq!(again[0]["result"], "known");
    home.ok(&["feeds", "reset", "One"]);
    let list = fs::read_to_string(home.path("list.csv")).unwrap();
    fs::write(home.path("list.csv"), format!("{list}{},,new\n", server.url("/c"))).unwrap();
    assert_eq!(home.ok(&["export", "--tag", "new", "--format", "json"]).trim(), "[]");
    assert_eq!(home.run(&["export", "--tag", "nowhere"]).code, Some(1));
    home.ok(&["check", "--online"]);
}

#[test]
fn a_list_is_not_edited_and_its_line_is_named() {
    let (server, home) = served();
    let before = fs::read_to_string(home.path("list.csv")).unwrap();
    let other = server.url("/c");
    for arguments in [&["feeds", "remove", "One"][..], &["feeds", "move", "One", &other]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(1));
        assert!(ran.err.contains("list.csv:2"), "{}", ran.err);
        assert!(ran.err.contains("[[feeds]] table"), "{}", ran.err);
    }
    assert_eq!(fs::read_to_string(home.path("list.csv")).unwrap(), before);
    let table =
        format!("[[feeds]]\nurl = \"{}\"\nname = \"Mine\"\nenabled = false\n", server.url("/a"));
    home.configure(&format!("{MAIN}{table}"));
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, Some(0));
    let note = "list.csv:2: is left out: the feed is that of a [[feeds]] table";
    assert!(ran.err.contains(note), "{}", ran.err);
    assert_eq!(home.json(&["check", "--json"])["notes"][0]["line"], 2);
    let ran = home.run(&["feeds", "move", "Mine", &other]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("list.csv:2 has this feed as well"), "{}", ran.err);
    assert!(home.json(&["feeds", "--json"])[0]["name"] == "Mine", "nothing was written");
    let removed = home.json(&["feeds", "remove", "Mine", "--json"]);
    let place = removed[0]["still_at"].as_str().unwrap();
    assert!(place.ends_with("list.csv:2"), "{place}");
    assert!(
        home.json(&["feeds", "--json"])[0]["name"] == "One",
        "the line of the list is used now"
    );
}

#[test]
fn a_fault_in_a_list_names_its_line_and_no_credentials() {
    let (_server, home) = served();
    fs::write(home.path("list.csv"), "https://me:s3cret@a.example/f,A,x,soon\n").unwrap();
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, Some(78));
    assert!(ran.err.contains("list.csv:1:"), "{}", ran.err);
    assert!(!ran.err.contains("s3cret"), "{}", ran.err);
    let faults = home.run(&["check", "--json"]);
    assert!(faults.out.contains("\"key\": \"every\""), "{}", faults.out);
    assert!(!faults.out.contains("s3cret"), "{}", faults.out);
}

#[test]
fn the_daemon_applies_a_changed_list_or_keeps_the_old_one() {
    let (server, home) = served();
    let daemon = Running::daemon(&home);
    wait_for("a poll", || (!server.requests("/b").is_empty()).then_some(()));
    let refused =
        "the new configuration has faults, the old one stays in force; see `gazetted check`";
    for (list, times) in [("no address\n", 1), ("url,name\n", 2)] {
        fs::write(home.path("list.csv"), list).unwrap();
        wait_for("the refusal", || {
            let events = daemon.events();
            let refusals = events.iter().filter(|event| event["message"] == refused).count();
            (refusals == times).then_some(())
        });
    }
    fs::write(home.path("list.csv"), format!("{}\n{}\n", server.url("/b"), server.url("/c")))
        .unwrap();
    let event = daemon.wait_for_event("configuration reloaded");
    assert_eq!(event["feeds"], 2);
    wait_for("a poll", || (!server.requests("/c").is_empty()).then_some(()));
}

#[test]
fn a_host_with_too_many_feeds_for_its_delay_is_named() {
    let home = Home::new("[schedule]\nevery = \"30m\"\n[[feed_lists]]\nfile = \"list.csv\"\n");
    let lines: Vec<String> = (0..3_600).map(|n| format!("https://large.example/{n}")).collect();
    fs::write(home.path("list.csv"), lines.join("\n")).unwrap();
    for command in ["check", "simulate"] {
        let day: &[&str] = if command == "simulate" { &["--days", "1"] } else { &[] };
        let ran = home.run(&[&[command], day].concat());
        let note = "large.example: its 3600 feeds cannot be polled more often than every 1h, though 30m is configured";
        let said = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(note) && said.contains("`host_delay`"), "{command}: {}", ran.err);
        let limits = &home.json(&[&[command, "--json"], day].concat())["host_limits"];
        assert_eq!(limits[0]["round_seconds"], 3_600, "{command}");
    }
}
