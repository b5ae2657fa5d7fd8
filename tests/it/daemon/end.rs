//! The end of the daemon after a signal.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

/// Less than a request may take, and more than the five seconds that the specification grants: a machine that
/// does much else is no fault of the daemon.
const GRANTED: Duration = Duration::from_secs(15);

#[test]
fn sigterm_ends_it_in_time_though_a_server_does_not_answer() {
    let server = Server::start();
    server.put("/stalled", Page::stalled());
    server.put("/slow", Page::ok(rss("Slow", &[item(1)])).after(Duration::from_secs(1)));
    let home = Home::with_feeds(&[server.url("/stalled"), server.url("/slow")]);
    let mut daemon = Running::daemon(&home);
    wait_for("both requests", || (server.total() == 2).then_some(()));
    let told = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    let took = told.elapsed();
    assert!(took < GRANTED, "{took:?}");

    let events = daemon.events();
    let of = |message: &str| events.iter().find(|event| event["message"] == message).unwrap();
    assert_eq!(of("stopping")["because"], "SIGTERM");
    assert_eq!(of("stopped")["abandoned"], 1);
    // The one that could still end was stored, the other is due.
    assert_eq!(home.each("title"), ["Title 1"]);
    server.put("/stalled", Page::ok(rss("Stalled", &[item(2)])));
    assert_eq!(home.json(&["poll", "--json"])["polled"], 1);
}

#[test]
fn an_idle_daemon_ends_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = Server::start();
        server.put("/f", Page::ok(rss("News", &[item(1)])));
        let home = Home::with_feeds(&[server.url("/f")]);
        let mut daemon = Running::daemon(&home);
        wait_for("the article", || (home.articles().len() == 1).then_some(()));
        daemon.signal(signal);
        assert_eq!(daemon.wait(), Some(0), "{signal}");
        assert_eq!(daemon.events().last().unwrap()["message"], "stopped");
    }
}

#[test]
fn a_second_sigint_ends_the_daemon_at_once() {
    let server = Server::start();
    server.put("/f", Page::stalled());
    let home = Home::with_feeds(&[server.url("/f")]);
    let mut daemon = Running::daemon(&home);
    wait_for("the request", || (server.total() == 1).then_some(()));
    let told = Instant::now();
    daemon.signal(Signal::SIGINT);
    daemon.wait_for_event("stopping");
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.wait(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(4), "it did not wait for the server");
}

#[test]
fn an_interrupted_poll_keeps_what_it_has_and_gives_back_the_rest() {
    let server = Server::start();
    server.put("/stalled", Page::stalled());
    server.put("/good", Page::ok(rss("Good", &[item(1)])));
    let home = Home::with_feeds(&[server.url("/stalled"), server.url("/good")]);
    let mut poll = Running::start(home.command(&["poll", "--json"]));
    wait_for("both requests", || (server.total() == 2).then_some(()));
    wait_for("the article", || (home.articles().len() == 1).then_some(()));
    poll.signal(Signal::SIGINT);
    assert_eq!(poll.wait(), Some(1));
    let report: serde_json::Value = serde_json::from_str(&poll.said().0).unwrap();
    assert_eq!((&report["polled"], &report["added"]), (&1.into(), &1.into()));
    assert_eq!(home.leases(), 0);
}
