//! Too little of everything else: no name server, files that may not grow, little memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::limited;
use crate::malicious_servers::measured;
use crate::support::disk::copy;
use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, Ran, Running, finish};
use crate::support::secure_server::SecureServer;
use crate::support::server::{Page, Server};
use crate::support::{skip, store_is_file, wait_for};

/// In a network of its own with nothing in it, not even a name server.
fn without_network(home: &Home, arguments: &[&str]) -> Option<Ran> {
    let program = home.command(arguments);
    let mut command = Command::new("unshare");
    command.arg("-rn").arg(program.get_program()).args(program.get_args());
    command.current_dir(home.folder()).env_clear().env("TZ", "UTC").env("HOME", home.folder());
    let possible = Command::new("unshare").args(["-rn", "true"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        skip("network namespace (unshare -rn)");
        return None;
    }
    Some(finish(command))
}

#[test]
fn without_a_name_server_no_feed_is_charged_and_the_poll_ends() {
    let mut config =
        "[fetch]\nconnect_timeout = \"5s\"\ntimeout = \"5s\"\nhost_delay = \"0s\"\n".to_owned();
    for n in 0..40 {
        writeln!(config, "[[feeds]]\nurl = \"http://host{n}.example/f\"").unwrap();
    }
    let home = Home::new(&config);
    if without_network(&home, &["poll", "--all"]).is_none() {
        return;
    }
    // As though all of them had been read an hour ago.
    home.make_healthy();
    let began = Instant::now();
    let Some(ran) = without_network(&home, &["poll", "--all", "--json"]) else { return };
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    let charged = home.failures().into_iter().filter(|failures| 0.0 < *failures).count();
    assert_eq!(charged, 0, "{ran:#?}");
}

#[test]
fn a_first_start_without_a_network_leaves_feeds_for_later_and_reads_what_is_here() {
    for (own, config) in [
        (0, "[[feeds]]\nurl = \"https://one.example/f\"\n"),
        (
            0,
            "[[feeds]]\nurl = \"http://93.184.216.34/f\"\n[[feeds]]\nurl = \"https://two.example/f\"\n",
        ),
        (1, "[[feeds]]\nurl = \"file:here.xml\"\n[[feeds]]\nurl = \"https://one.example/f\"\n"),
    ] {
        let home = Home::new(config);
        std::fs::write(home.path("here.xml"), rss("Here", &[item(1)])).unwrap();
        let feeds = config.matches("[[feeds]]").count();
        let Some(ran) = without_network(&home, &["poll"]) else { return };
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let later = feeds - own;
        let line = format!("Left {later} feed");
        assert_eq!(ran.err.matches(&line).count(), 1, "{ran:#?}");
        assert!(ran.err.contains("in a few minutes") && !ran.err.contains("failed"), "{ran:#?}");
        assert!(ran.out.contains("Title 1") == (own == 1), "{ran:#?}");
        assert!(home.failures().iter().all(|failures| *failures == 0.0));
        let all = home.json(&["feeds", "--json"]);
        let now = crate::support::now();
        for feed in
            all.as_array().unwrap().iter().filter(|feed| feed["url"] != all[0]["url"] || own == 0)
        {
            assert_ne!(feed["state"], "failing", "{feed}");
            let next: chrono::DateTime<chrono::Utc> =
                feed["next_poll"].as_str().unwrap().parse().unwrap();
            assert!(next <= now + chrono::TimeDelta::minutes(5), "{feed}");
        }
        let Some(json) = without_network(&home, &["poll", "--all", "--json"]) else { return };
        let json: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(
            (&json["left_for_later"], &json["failed"]),
            (&later.into(), &0.into()),
            "{json}"
        );
    }
}

/// Where a name server answers for every name but `working.example` that it does not exist.
fn with_unknown_names(home: &Home, arguments: &[&str]) -> Option<Ran> {
    std::fs::write(home.path("nsswitch.conf"), "hosts: files\n").unwrap();
    std::fs::write(home.path("hosts"), "127.0.0.1 localhost working.example\n").unwrap();
    let script =
        "for f in nsswitch.conf hosts; do mount --bind $f /etc/$f || exit 99; done; exec \"$@\"";
    let program = home.command(arguments);
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(program.get_program());
    command.args(program.get_args()).current_dir(home.folder()).env_clear().env("TZ", "UTC");
    command.env("HOME", home.folder()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let ran = finish(command);
    if ran.code == Some(99) || ran.err.contains("unshare") {
        skip("mount namespace (unshare -rm)");
        return None;
    }
    Some(ran)
}

#[test]
fn where_no_name_resolves_nobody_is_charged_and_an_unknown_name_among_others_is() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let working = server.url("/f").replace("127.0.0.1", "working.example");
    let here = server.url("/f");
    let name = |n: u32| format!("http://unknown{n}.example/f");
    for (case, urls, failed, later) in [
        ("a first start with one feed", vec![name(1)], 0, 1),
        ("a first start", vec![name(1), name(2), name(3)], 0, 3),
        ("beside a feed of this machine", vec![here.clone(), name(1), name(2)], 0, 2),
        ("one name beside a feed of this machine", vec![here, name(1)], 1, 0),
        ("one name beside a host that works", vec![name(1), working.clone()], 1, 0),
        ("two names beside it", vec![name(1), name(2), working], 2, 0),
    ] {
        let home = Home::with_feeds(&urls);
        let Some(ran) = with_unknown_names(&home, &["poll", "--json"]) else { return };
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let expected = if failed == 0 { 0 } else { 3 };
        assert_eq!(ran.code, Some(expected), "{case}: {ran:#?}");
        assert_eq!(report["failed"], failed, "{case}: {report}");
        assert_eq!(report["left_for_later"].as_u64().unwrap_or(0), later, "{case}: {report}");
        let because = if failed == 0 { "outage" } else { "backoff" };
        let states = home.json(&["feeds", "--json"]);
        let mut charged = 0;
        for reported in report["feeds"].as_array().unwrap() {
            let feed = states.as_array().unwrap().iter().find(|row| row["id"] == reported["id"]);
            let feed = feed.unwrap();
            if reported["outcome"] == "dns" {
                assert_eq!(reported["next_because"], because, "{case}: {report}");
                assert_eq!(feed["next_because"], because, "{case}: {feed}");
                charged += u64::from(feed["state"] == "failing");
                assert!(feed["state"] == "failing" || feed["state"] == "new", "{case}: {feed}");
            }
        }
        assert_eq!(charged, failed, "{case}");
    }
}

/// Keeps a process from opening more files than this, from now on. False where `prlimit` is missing.
fn allow_open_files(process: &Running, files: u32) -> bool {
    let mut command = Command::new("prlimit");
    command.arg(format!("--pid={}", process.id())).arg(format!("--nofile={files}:"));
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn a_daemon_that_may_open_no_more_files_charges_nobody_and_polls_later() {
    const TOLD: &str =
        "this machine has too few resources for a request, no feed is charged for it";
    let server = Server::start();
    let mut config = "[schedule]\nevery = \"1s\"\n".to_owned();
    for n in 0..3 {
        let path = format!("/{n}");
        server.put(&path, Page::ok(rss(&path, &[item(1)])));
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&path)).unwrap();
    }
    let home = Home::new(&config);
    let daemon = Running::daemon(&home);
    wait_for("the first polls", || (6 <= server.total()).then_some(()));
    if !allow_open_files(&daemon, 3) {
        return skip("prlimit");
    }
    let event = daemon.wait_for_event(TOLD);
    assert_eq!(event["level"], "WARN");
    let detail = event["detail"].as_str().unwrap();
    assert!(detail.contains("Too many open files") && detail.contains("LimitNOFILE="), "{event}");
    assert_eq!(event["limit_of_open_files"], 3);
    wait_for("all feeds to be put off", || {
        let feeds = home.json(&["feeds", "--json"]);
        let mut feeds = feeds.as_array().unwrap().iter();
        feeds.all(|feed| feed["next_because"] == "resources").then_some(())
    });
    assert!(home.failures().iter().all(|failures| *failures == 0.0), "{:?}", home.failures());
    let is_told = |event: &&Value| event["message"] == TOLD && event["level"] == "WARN";
    assert_eq!(daemon.events().iter().filter(is_told).count(), 1);
    let before = server.total();
    assert!(allow_open_files(&daemon, 1024));
    wait_for("polls after that", || (before + 6 <= server.total()).then_some(()));
    assert!(home.failures().iter().all(|failures| *failures == 0.0));
    assert!(!daemon.log().contains("poll failed"), "{}", daemon.log());
}

#[test]
fn two_hundred_feeds_are_polled_over_tls_with_64_open_files() {
    let server = SecureServer::start(ONE_ARTICLE, true, Duration::from_millis(2));
    let mut config = "[fetch]\nca_file = \"ca.pem\"\n".to_owned();
    for n in 0..200 {
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&format!("/{n}"))).unwrap();
    }
    let home = Home::empty();
    std::fs::write(home.path("ca.pem"), &server.pem).unwrap();
    home.configure(&config);
    let ran = limited(&home, "-n 64", &["poll", "--all", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["polled"], &report["failed"]), (&200.into(), &0.into()), "{report}");
    assert!(home.failures().iter().all(|failures| *failures == 0.0));
    assert_eq!(home.articles().len(), 200);
}

#[test]
fn too_few_open_files_to_open_the_store_are_named_as_the_reason() {
    let home = Home::with_feeds(&["http://127.0.0.1:9/f".to_owned()]);
    for files in [10, 12] {
        let ran = limited(&home, &format!("-n {files}"), &["poll"]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        let expected = format!("only {files} open files: raise LimitNOFILE=");
        assert!(ran.err.contains(&expected), "{ran:#?}");
    }
}

const ONE_ARTICLE: &str = "<rss version=\"2.0\"><channel><title>News</title><item><title>One</title>\
    <link>https://news.example/1</link></item></channel></rss>";

/// Articles that the log says were added or edited, by feed.
fn told(log: &str) -> BTreeMap<String, u64> {
    let mut told = BTreeMap::new();
    for line in log.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        if event["message"] == "polled" {
            let feed = event["feed.url"].as_str().unwrap().to_owned();
            told.insert(feed, event["added"].as_u64().unwrap());
        }
    }
    told
}

/// A limit that moves up by a page, so that the writes of the store fail one after the other, be it to the file itself or to
/// SQLite's log. It moves faster while the store is made.
#[test]
fn whichever_write_of_the_store_fails_what_was_told_is_stored_and_the_rest_made_up_for() {
    const FEEDS: usize = 4;
    if !store_is_file() {
        return;
    }
    let server = Server::start();
    let publish = |items: u32| {
        for feed in 0..FEEDS {
            let items: Vec<Item> = (1..=items).map(item).collect();
            let page = Page::ok(rss(&format!("Feed {feed}"), &items));
            server.put(&format!("/{feed}"), page.header("ETag", format!("\"{}\"", items.len())));
        }
    };
    publish(2);
    let urls: Vec<String> = (0..FEEDS).map(|n| server.url(&format!("/{n}"))).collect();
    for grown in [false, true] {
        let home = Home::with_feeds(&urls);
        publish(2);
        if grown {
            home.poll();
            publish(6);
        }
        let mut failed = 0;
        // Blocks of 512 bytes; pages are of 8 KiB, and in the log a little more.
        let step = if grown { 16 } else { 40 };
        for blocks in (0..2_000).step_by(step) {
            let here = copy(&home);
            let ran = limited(
                &here,
                &format!("-f {blocks}"),
                &["--log-format", "json", "-v", "poll", "--all"],
            );
            if ran.code == Some(0) {
                break;
            }
            failed += 1;
            assert!(matches!(ran.code, Some(1)), "{blocks}: {ran:#?}");
            assert!(!ran.err.contains("panicked"), "{blocks}: {}", ran.err);
            let told = told(&ran.err);
            if here.store().exists() && here.run(&["status"]).code == Some(0) {
                here.ok(&["db", "check"]);
                let mut stored: BTreeMap<String, u64> = BTreeMap::new();
                for article in here.articles() {
                    *stored
                        .entry(article["feed"]["url"].as_str().unwrap().to_owned())
                        .or_default() += 1;
                }
                for (feed, told) in told {
                    let there = stored.get(&feed).copied().unwrap_or_default();
                    assert!(told <= there, "{blocks}, {feed}: {told} told, {there} stored");
                }
            } else {
                assert!(told.is_empty() && !grown, "{blocks}");
            }
            here.poll();
            assert_eq!(here.articles().len(), FEEDS * if grown { 6 } else { 2 }, "{blocks}");
            here.ok(&["db", "check"]);
        }
        assert!(8 < failed, "only {failed}");
    }
}

/// What it holds at its worst moment. With the program itself, whose pages the system can drop, this is less than 64 MiB.
#[test]
fn five_hundred_feeds_are_polled_in_less_than_48_mib_of_memory() {
    let server = Server::start();
    let mut config = "[fetch]\nper_host = 16\nhost_delay = \"0s\"\n".to_owned();
    let items: Vec<Item> = (1..=30).map(item).collect();
    for n in 0..500 {
        let path = format!("/{n}");
        server.put(&path, Page::ok(rss(&path, &items)));
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&path)).unwrap();
    }
    let home = Home::new(&config);
    let (ran, peak) = measured(&home, &["poll", "--all", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(peak < 48 << 20, "{peak} bytes");
    assert_eq!(home.articles().len(), 500 * 30);
    // Where a process may not even have that, it ends: with a line, and without harm.
    for kib in [12_288, 24_576] {
        let ran = limited(&home, &format!("-d {kib}"), &["poll", "--all", "--json"]);
        assert!(ran.code == Some(0) || !ran.err.is_empty(), "{kib}: {ran:#?}");
        home.ok(&["db", "check"]);
        assert_eq!(home.articles().len(), 500 * 30, "{kib}");
    }
}

/// Without a budget, the bodies of all feeds would be in memory at the same time.
#[test]
fn large_documents_are_read_within_the_memory_budget_and_small_ones_beside_them() {
    const LARGE: usize = 24;
    let server = Server::start();
    let mut config = "[fetch]\nmemory = \"16MiB\"\n".to_owned();
    let padding = format!("<!-- {} -->", "x".repeat(5 << 20));
    for n in 0..LARGE {
        let document = rss(&format!("Large {n}"), &[item(1)]) + &padding;
        server.put(&format!("/large/{n}"), Page::ok(document));
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&format!("/large/{n}"))).unwrap();
        server.put(&format!("/small/{n}"), Page::ok(rss(&format!("Small {n}"), &[item(1)])));
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&format!("/small/{n}"))).unwrap();
    }
    let home = Home::new(&config);
    let (ran, peak) = measured(&home, &["poll", "--all", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(home.articles().len(), 2 * LARGE);
    // Two of the large ones would not fit into half of the budget.
    assert!(peak < 80 << 20, "{peak} bytes");
}
