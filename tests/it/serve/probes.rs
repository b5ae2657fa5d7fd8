//! The endpoints for monitoring: health, readiness, metrics.

use nix::sys::signal::Signal;

use super::{config, serve, serve_with};
use crate::support::feeds::item;
use crate::support::program::Home;
use crate::support::server::Server;
use crate::support::wait_for;

#[test]
fn a_daemon_that_serves_is_alive_and_ready() {
    let mut served = serve(&[item(1)]);
    assert_eq!(served.site.text("/healthz"), "ok\n");
    wait_for("readiness", || (served.site.get("/readyz").status == 200).then_some(()));
    let metrics = served.site.get("/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = metrics.text();
    for line in [
        "gazetted_feeds{state=\"ok\"} 1",
        "gazetted_feeds{state=\"failing\"} 0",
        "gazetted_store_sequence 1",
        "gazetted_config_last_reload_successful 1",
        "gazetted_http_requests_total{code=\"200\",route=\"/healthz\"} 1",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    served.daemon.signal(Signal::SIGTERM);
    assert_eq!(served.daemon.wait(), Some(0));
}

#[test]
fn polls_are_counted_by_outcome() {
    let served = serve_with(&[item(1), item(2)], "token = 'token-of-a-test'");
    let token = ("Authorization", "Bearer token-of-a-test");
    assert_eq!(served.site.ask("POST", "/-/poll?all=true", &[token]).status, 202);
    served.daemon.wait_for_event("polled, nothing new");
    let text = served.site.ask("GET", "/metrics", &[token]).text();
    for line in [
        "gazetted_fetches_total{outcome=\"same_body\"} 1",
        "gazetted_fetch_conditional_total{result=\"unconditional\"} 1",
        "gazetted_fetch_duration_seconds_count 1",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_port_in_use_is_reported_once_and_ends_the_daemon() {
    let server = Server::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new(&config(&server, "").replace("127.0.0.1:0", &address));
    let ran = home.run(&["run"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let said = format!("could not listen on {address} ([server] listen): Address already in use");
    assert!(ran.err.contains(&said) && ran.err.lines().count() == 1, "{ran:#?}");
}

#[test]
fn without_a_server_table_nothing_listens() {
    let server = Server::start();
    let home = Home::with_feeds(&[server.url("/f")]);
    let daemon = crate::support::program::Running::daemon(&home);
    assert!(!daemon.log().contains("listening"), "{}", daemon.log());
}
