//! Which host a request counts against, and which host is left alone after a refusal.
//!
//! One machine is two hosts here, `127.0.0.1` and `localhost`: a host is told from another by its name.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::support::feeds::{item, rss};
use crate::support::now;
use crate::support::program::Home;
use crate::support::server::{Page, Server};

/// Feeds of two hosts. `moved` is configured at the old host, which redirects it to the new host; `old`
/// and `new` are feeds that stay where they are.
struct Hosts {
    old: Server,
    new: Server,
    home: Home,
}

impl Hosts {
    /// All three feeds were polled once. `redirect` is the status of the redirect.
    fn start(host_delay: &str, redirect: u16) -> Self {
        let (old, new) = (Server::start(), Server::start());
        let at_new = |path: &str| format!("http://localhost:{}{path}", new.address().port());
        old.put("/moved", Page::status(redirect).header("Location", at_new("/moved")));
        for (server, path) in [(&old, "/old"), (&new, "/new"), (&new, "/moved")] {
            server.put(path, Page::ok(rss("News", &[item(1)])));
        }
        let mut config = format!("[fetch]\nper_host = 1\nhost_delay = \"{host_delay}\"\n");
        // After the first poll the next comes at least 25 hours later: then the recheck is due.
        for (name, url) in
            [("moved", old.url("/moved")), ("old", old.url("/old")), ("new", at_new("/new"))]
        {
            let feed = format!("[[feeds]]\nname = \"{name}\"\nurl = \"{url}\"\nevery = \"50h\"\n");
            config.push_str(&feed);
        }
        let home = Home::new(&config);
        home.poll();
        Self { old, new, home }
    }

    /// Moves every time in the store back, so that all feeds are due and the recheck with them.
    fn until_all_are_due(&self) {
        let feeds = self.home.json(&["feeds", "--json"]);
        let next = feeds
            .as_array()
            .unwrap()
            .iter()
            .map(|feed| feed["next_poll"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap());
        let seconds = (next.max().unwrap() - now()).num_seconds() + 1;
        self.home.age_plans(seconds);
    }

    fn requests(&self) -> (usize, usize) {
        (self.old.total(), self.new.total())
    }

    fn explain(&self, feed: &str) -> (String, bool) {
        let told = self.home.json(&["explain", feed, "--json"]);
        let host = told["host"].as_str().unwrap().to_owned();
        (host, told["host_paused_until"].is_string())
    }
}

const REFUSAL: &str = "7200";

fn refuses() -> Page {
    Page::status(429).header("Retry-After", REFUSAL)
}

#[test]
fn a_refusal_of_a_recheck_pauses_the_host_that_was_asked() {
    let hosts = Hosts::start("0s", 301);
    hosts.until_all_are_due();
    hosts.old.put("/moved", refuses());
    let before = hosts.requests();
    assert_eq!(hosts.explain("moved").0, "127.0.0.1", "the recheck is due");
    assert_eq!(hosts.home.run(&["poll", "moved"]).code, Some(3));
    assert_eq!(hosts.requests(), (before.0 + 1, before.1), "the configured address was asked");
    assert_eq!(hosts.explain("old"), ("127.0.0.1".to_owned(), true));
    assert_eq!(hosts.explain("new"), ("localhost".to_owned(), false));
    assert_eq!(hosts.explain("moved"), ("localhost".to_owned(), false), "asked there next");
    let report = hosts.home.json(&["poll", "--all", "--json"]);
    assert_eq!((&report["polled"], &report["left_alone"]), (&2.into(), &1.into()));
    assert_eq!(hosts.requests(), (before.0 + 1, before.1 + 2), "the new host refused nothing");
}

#[test]
fn a_recheck_waits_while_the_configured_host_is_paused() {
    let hosts = Hosts::start("0s", 301);
    hosts.until_all_are_due();
    hosts.old.put("/old", refuses());
    assert_eq!(hosts.home.run(&["poll", "old"]).code, Some(3));
    let before = hosts.requests();
    assert_eq!(hosts.explain("moved"), ("127.0.0.1".to_owned(), true));
    let report = hosts.home.json(&["poll", "--json"]);
    assert_eq!(report["polled"], 1, "only the feed of the new host: {report:#}");
    assert_eq!(hosts.requests(), (before.0, before.1 + 1));
}

#[test]
fn explain_shows_the_pause_of_the_host_that_a_feed_moved_to() {
    let hosts = Hosts::start("0s", 308);
    hosts.new.put("/new", refuses());
    // Sooner than the recheck.
    hosts.home.advance_rechecks(-864_000);
    assert_eq!(hosts.home.run(&["poll", "new"]).code, Some(3));
    assert_eq!(hosts.explain("moved"), ("localhost".to_owned(), true));
    assert_eq!(hosts.explain("old"), ("127.0.0.1".to_owned(), false));
}

#[test]
fn a_feed_that_is_asked_for_before_its_recheck_waits_for_the_host_it_moved_to() {
    let hosts = Hosts::start("0s", 301);
    hosts.new.put("/new", refuses());
    assert_eq!(hosts.home.run(&["poll", "new"]).code, Some(3));
    let before = hosts.requests();
    let report = hosts.home.json(&["poll", "moved", "old", "--json"]);
    assert_eq!((&report["polled"], &report["left_alone"]), (&1.into(), &1.into()));
    assert_eq!(hosts.requests(), (before.0 + 1, before.1), "only the old host's own feed");
    assert_eq!(hosts.explain("moved"), ("127.0.0.1".to_owned(), false), "the plan is as before");
}

#[test]
fn a_recheck_keeps_the_delay_of_the_configured_host() {
    let hosts = Hosts::start("2s", 301);
    hosts.until_all_are_due();
    let began = Instant::now();
    assert_eq!(hosts.home.json(&["poll", "moved", "old", "--json"])["polled"], 2);
    // The clock of the test is another than that of the program: a distance can only be too long.
    assert!(Duration::from_secs(2) <= began.elapsed(), "{:?}", began.elapsed());
}

#[test]
fn a_refusal_behind_a_temporary_redirect_pauses_the_host_that_refused() {
    let hosts = Hosts::start("0s", 302);
    hosts.new.put("/moved", refuses());
    assert_eq!(hosts.home.run(&["poll", "moved"]).code, Some(3));
    assert_eq!(hosts.explain("moved"), ("127.0.0.1".to_owned(), false));
    assert_eq!(hosts.explain("old"), ("127.0.0.1".to_owned(), false));
    assert_eq!(hosts.explain("new"), ("localhost".to_owned(), true));
}

/// Its clock was ahead by a month when the host refused.
#[test]
fn a_pause_that_ends_in_a_month_does_not_count() {
    let server = Server::start();
    server.put("/f", refuses());
    let home = Home::new(&format!("[[feeds]]\nurl = \"{}\"\n", server.url("/f")));
    home.run(&["poll"]);
    home.make_due(1);
    home.run(&["poll"]);
    assert_eq!(server.total(), 1, "the host is paused");
    home.age_polls(-30 * 24 * 3600);
    home.make_due(1);
    home.run(&["poll"]);
    assert_eq!(server.total(), 2);
}
