//! Connections to hosts with many feeds: used again, shared over HTTP/2, and closed when no feed is due.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::program::{Home, Running};
use crate::support::secure_server::SecureServer;
use crate::support::wait_for;

const FEED: &str = "<rss version=\"2.0\"><channel><title>News</title><item><title>One</title>\
    <link>https://news.example/1</link></item></channel></rss>";

/// `feeds` feeds of the server.
fn home(server: &SecureServer, feeds: usize, every: &str) -> Home {
    let mut config = format!(
        "[fetch]\nca_file = \"ca.pem\"\nper_host = 2\nhost_delay = \"0s\"\n[schedule]\nevery = \"{every}\"\n"
    );
    for n in 0..feeds {
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&format!("/{n}"))).unwrap();
    }
    let home = Home::empty();
    fs::write(home.path("ca.pem"), &server.pem).unwrap();
    home.configure(&config);
    home
}

#[test]
fn the_feeds_of_one_host_share_few_connections() {
    const FEEDS: usize = 40;
    for (http2, most) in [(false, FEEDS / 4), (true, 4)] {
        let server = SecureServer::start(FEED, http2, Duration::from_millis(3));
        let home = home(&server, FEEDS, "1h");
        for poll in 1..=2 {
            let report = home.json(&["poll", "--all", "--json"]);
            assert_eq!(report["failed"], 0, "{report}");
            assert_eq!(server.count(|counts| &counts.requests), poll * FEEDS);
            let connections = server.count(|counts| &counts.connections);
            assert!(connections <= poll * most, "{connections} in poll {poll}, HTTP/2: {http2}");
            assert_eq!(server.count(|counts| &counts.http2) == connections, http2);
            assert!(server.count(|counts| &counts.most_in_flight) <= 2, "per_host, {http2}");
        }
    }
}

#[test]
fn a_daemon_keeps_the_connections_of_feeds_that_are_due_soon_and_no_others() {
    let often = SecureServer::start(FEED, false, Duration::ZERO);
    let seldom = SecureServer::start(FEED, false, Duration::ZERO);
    let home = home(&often, 1, "1s");
    let config = fs::read_to_string(home.path("gazetted.toml")).unwrap();
    // Another host, by its name.
    let other = seldom.url("/other").replace("127.0.0.1", "localhost");
    let other = format!("[[feeds]]\nurl = \"{other}\"\nevery = \"1h\"\n");
    fs::write(home.path("ca.pem"), format!("{}{}", often.pem, seldom.pem)).unwrap();
    home.configure(&(config + &other));
    let daemon = Running::daemon(&home);
    let polled = |times: usize| {
        wait_for("polls", || (times <= often.count(|counts| &counts.requests)).then_some(()));
    };
    polled(3);
    assert_eq!(often.count(|counts| &counts.connections), 1);
    assert_eq!(seldom.count(|counts| &counts.connections), 1);
    wait_for("the end of the connection", || {
        (seldom.count(|counts| &counts.open) == 0).then_some(())
    });
    // A reload that changes nothing about requests keeps the connection.
    let changed = fs::read_to_string(home.path("gazetted.toml")).unwrap() + "tags = [\"news\"]\n";
    home.configure(&changed);
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_event("configuration reloaded");
    let before = often.count(|counts| &counts.requests);
    polled(before + 3);
    assert_eq!(often.count(|counts| &counts.connections), 1);
    assert_eq!(often.count(|counts| &counts.open), 1);
}
