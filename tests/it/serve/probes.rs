//! The endpoints for monitoring: health, readiness, metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use super::{config, serve, serve_with};
use crate::support::feeds::{item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server};
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

/// The names of metrics in a text, without the endings of histograms.
fn metric_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    // `gazetted_` alone is the beginning of a file name.
    let ours = words.filter(|word| {
        let rest = word.strip_prefix("gazetted_").or_else(|| word.strip_prefix("process_"));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    });
    let base = |word: &str| {
        let endings = ["_bucket", "_sum", "_count"];
        endings.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
    };
    ours.map(base).collect()
}

#[test]
fn alerts_dashboard_and_documents_name_only_metrics_that_exist() {
    let served = serve_with(
        &[item(1)],
        "token = 'token-of-a-test'\npublic = true\n\
         [[exports]]\npath = 'x.json'\nformat = 'json'\non_change = true\n\
         [[exports]]\ncommand = ['false']\nconsumer = 'chat'\non_change = true\n",
    );
    served.server.put("/f", Page::ok(rss("Harbour News", &[item(1), item(2)])));
    served.repoll();
    served.daemon.wait_for_event("delivery failed");
    served.daemon.wait_for_event("export written");
    let text = served.site.text("/metrics");
    let existing = metric_names(&text);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut named = BTreeSet::new();
    for folder in [docs.clone(), docs.join("monitoring")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                named.extend(metric_names(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(10 < named.len(), "{named:?}");
    let unknown: Vec<&String> = named.difference(&existing).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not in\n{text}");
    let value = |series: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap_or_else(|| panic!("{series}: {text}")).trim().parse().unwrap()
    };
    assert!(1.0 <= value("gazetted_delivery_failures_total{consumer=\"chat\"}"));
    assert!(1.0 <= value("gazetted_consumer_failures{consumer=\"chat\"}"));
    for series in
        ["process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds"]
    {
        assert!(0.0 < value(series), "{series}");
    }
}
