//! Access control and the commands over HTTP.

use nix::sys::signal::Signal;

use super::{config, serve, serve_with};
use crate::support::feeds::{item, rss};
use crate::support::http::Site;
use crate::support::server::Page;
use crate::support::wait_for;

const TOKEN: &str = "token-of-a-test";
const BEARER: (&str, &str) = ("Authorization", "Bearer token-of-a-test");

#[test]
fn with_a_token_everything_except_the_health_check_requires_it() {
    let served = serve_with(&[item(1)], &format!("token = '{TOKEN}'"));
    let site = &served.site;
    for path in ["/metrics", "/readyz", "/nothing", "/-/reload"] {
        let refused = site.get(path);
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Basic "), "{path}");
    }
    assert_eq!(site.get("/healthz").status, 200);
    assert_eq!(site.ask("GET", "/metrics", &[BEARER]).status, 200);
    // anyone:token-of-a-test
    let basic = ("Authorization", "Basic YW55b25lOnRva2VuLW9mLWEtdGVzdA==");
    assert_eq!(site.ask("GET", "/metrics", &[basic]).status, 200);
    assert_eq!(site.ask("GET", "/metrics", &[("Authorization", "Bearer wrong")]).status, 401);
    assert!(!served.daemon.log().contains(TOKEN));
}

#[test]
fn a_public_server_can_be_read_but_takes_no_commands() {
    let served = serve_with(&[item(1)], &format!("token = '{TOKEN}'\npublic = true"));
    let site = &served.site;
    assert_eq!(site.ask("GET", "/metrics", &[("Host", "news.example")]).status, 200);
    assert_eq!(site.ask("POST", "/-/poll", &[]).status, 401);
    let elsewhere = [BEARER, ("Origin", "https://evil.example")];
    assert_eq!(site.ask("POST", "/-/poll", &elsewhere).status, 403);
    assert_eq!(site.ask("GET", "/-/poll", &[BEARER]).status, 405);
    assert_eq!(site.ask("POST", "/-/poll?feed=Nobody", &[BEARER]).status, 404);
    assert_eq!(site.ask("POST", "/-/poll?feeds=x", &[BEARER]).status, 400);
}

#[test]
fn without_a_token_there_are_no_commands_and_no_foreign_host_names() {
    let served = serve_with(&[item(1)], "");
    let site = &served.site;
    for path in ["/-/poll", "/-/reload"] {
        let refused = site.ask("POST", path, &[BEARER]);
        assert_eq!(refused.status, 403);
        assert!(refused.text().contains("token_file"), "{}", refused.text());
    }
    assert_eq!(site.ask("GET", "/metrics", &[("Host", "evil.example")]).status, 403);
    assert_eq!(site.ask("GET", "/metrics", &[("Host", "localhost:99")]).status, 200);
}

#[test]
fn a_poll_command_polls_the_feeds() {
    let served = serve_with(&[item(1)], &format!("token = '{TOKEN}'"));
    served.server.put("/f", Page::ok(rss("Harbour News", &[item(1), item(2)])));
    let ordered = served.site.ask("POST", "/-/poll?feed=Harbour%20News", &[BEARER]);
    assert_eq!((ordered.status, ordered.text().as_str()), (202, "{\"feeds\":1}"));
    served.daemon.wait_for_event("polled");
    assert_eq!(served.home.each("title"), ["Title 2", "Title 1"]);
}

#[test]
fn a_reload_command_returns_the_faults() {
    let served = serve_with(&[item(1)], &format!("token = '{TOKEN}'"));
    let good = std::fs::read_to_string(served.home.path("gazetted.toml")).unwrap();
    served.home.configure(&format!("{good}\nsecrt = 'hunter2-hunter2'\n"));
    let refused = served.site.ask("POST", "/-/reload", &[BEARER]);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("secrt: unknown key"), "{}", refused.text());
    let json = served.site.ask("POST", "/-/reload", &[BEARER, ("Accept", "application/json")]);
    assert_eq!(json.status, 422);
    assert!(json.text().starts_with(r#"{"faults":[{"#), "{}", json.text());
    assert!(json.text().contains(r#""message":"unknown key""#), "{}", json.text());
    let said = [refused.text(), json.text(), served.daemon.log()].concat();
    assert!(!said.contains("hunter2"), "{said}");
    let metrics = || served.site.ask("GET", "/metrics", &[BEARER]).text();
    assert!(metrics().contains("gazetted_config_last_reload_successful 0\n"));
    served.home.configure(&good);
    assert_eq!(served.site.ask("POST", "/-/reload", &[BEARER]).status, 200);
    assert!(metrics().contains("gazetted_config_last_reload_successful 1\n"));
}

#[test]
fn a_reload_applies_another_token_another_address_and_no_server() {
    let served = serve_with(&[item(1)], &format!("token = '{TOKEN}'"));
    let reload = |config: &str| {
        let before = served.daemon.log().matches("configuration reloaded").count();
        served.home.configure(config);
        served.daemon.signal(Signal::SIGHUP);
        wait_for("the reload", || {
            (before < served.daemon.log().matches("configuration reloaded").count()).then_some(())
        });
    };
    reload(&config(&served.server, "token = 'another-token'"));
    assert_eq!(served.site.ask("GET", "/metrics", &[BEARER]).status, 401);
    let other = ("Authorization", "Bearer another-token");
    assert_eq!(served.site.ask("GET", "/metrics", &[other]).status, 200);

    reload(&config(&served.server, "").replace("127.0.0.1:0", "[::1]:0"));
    let events = served.daemon.events();
    let last = events.iter().rev().find(|event| event["message"] == "listening").unwrap();
    let moved = Site { address: last["address"].as_str().unwrap().to_owned() };
    assert!(moved.address.starts_with("[::1]"), "{moved:?}");
    assert_eq!(moved.get("/readyz").status, 200);
    wait_for("the old listener's end", || {
        std::net::TcpStream::connect(&served.site.address).is_err().then_some(())
    });

    reload(&format!("[[feeds]]\nurl = \"{}\"\n", served.server.url("/f")));
    wait_for("the listener's end", || {
        std::net::TcpStream::connect(&moved.address).is_err().then_some(())
    });
}

#[test]
fn a_new_address_in_use_changes_nothing() {
    let served = serve(&[item(1)]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    served.home.configure(&config(&served.server, "").replace("127.0.0.1:0", &address));
    served.daemon.signal(Signal::SIGHUP);
    let log = wait_for("the rejection", || {
        let log = served.daemon.log();
        log.contains("the old one stays in force").then_some(log)
    });
    assert!(log.contains("Address already in use"), "{log}");
    assert_eq!(served.site.get("/readyz").status, 200);
}
