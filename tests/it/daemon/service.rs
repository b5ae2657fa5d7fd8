//! Notifications to systemd, and the format of the log.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

fn home(server: &Server) -> Home {
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    Home::new(&format!(
        "[schedule]\nevery = \"1h\"\n[[feeds]]\nurl = \"{}\"\n[[feeds]]\nurl = \"{}\"\n",
        server.url("/f"),
        server.url("/missing"),
    ))
}

/// The other end of `$NOTIFY_SOCKET`, as `sd_notify(3)` has it.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn listen(home: &Home) -> Self {
        let socket = UnixDatagram::bind(home.path("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { socket, told: Vec::new() }
    }

    /// Waits until a message has this line.
    #[track_caller]
    fn wait_for(&mut self, line: &str) {
        loop {
            let mut buffer = [0; 4096];
            let length = self.socket.recv(&mut buffer);
            let length = length.unwrap_or_else(|error| panic!("{line}: {error}, {:?}", self.told));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.told.extend(message.lines().map(str::to_owned));
            if message.lines().any(|other| other == line) {
                return;
            }
        }
    }

    fn has_told(&self, line: &str) -> bool {
        self.told.iter().any(|other| other == line)
    }
}

#[test]
fn systemd_is_notified_of_start_reload_watchdog_and_stop() {
    let server = Server::start();
    let home = home(&server);
    let mut manager = Manager::listen(&home);
    let mut command = home.command(&["--log-format", "json", "run"]);
    command.env("NOTIFY_SOCKET", home.path("notify")).env("WATCHDOG_USEC", "600000");
    let mut daemon = Running::daemon_as(command);
    manager.wait_for("READY=1");
    assert!(
        manager.told.iter().any(|line| line.starts_with("STATUS=2 feeds")),
        "{:?}",
        manager.told
    );
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    assert!(!manager.has_told("RELOADING=1") && !manager.has_told("STOPPING=1"));
    daemon.signal(Signal::SIGHUP);
    manager.wait_for("RELOADING=1");
    // Type=notify-reload requires the time at which the reload began.
    assert!(manager.told.iter().any(|line| line.starts_with("MONOTONIC_USEC=")));
    manager.wait_for("READY=1");
    daemon.signal(Signal::SIGTERM);
    manager.wait_for("STOPPING=1");
    assert_eq!(daemon.wait(), Some(0));
}

#[test]
fn without_a_watchdog_none_is_notified() {
    let server = Server::start();
    let home = home(&server);
    let mut manager = Manager::listen(&home);
    let mut command = home.command(&["--log-format", "json", "run"]);
    command.env("NOTIFY_SOCKET", home.path("notify"));
    let mut daemon = Running::daemon_as(command);
    manager.wait_for("READY=1");
    daemon.signal(Signal::SIGTERM);
    manager.wait_for("STOPPING=1");
    assert!(!manager.has_told("WATCHDOG=1"));
    assert_eq!(daemon.wait(), Some(0));
}

#[test]
fn each_line_of_a_json_log_is_an_object_with_stable_fields() {
    let server = Server::start();
    let home = home(&server);
    let mut daemon = Running::daemon(&home);
    let polled = daemon.wait_for_event("polled");
    let failed = daemon.wait_for_event("poll failed");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    assert!(daemon.log().ends_with('\n'));
    let events = daemon.events(); // Each line parses.
    for event in &events {
        for key in ["timestamp", "level", "target", "message"] {
            assert!(event[key].is_string(), "{key}: {event}");
        }
        let at = event["timestamp"].as_str().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(at).is_ok(), "{at}");
    }
    let messages: Vec<_> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!(messages.first(), Some(&"started"));
    assert_eq!(messages.last(), Some(&"stopped"));

    let keys = |event: &Value| -> Vec<String> {
        let own =
            |key: &&String| !["timestamp", "level", "target", "message"].contains(&key.as_str());
        event.as_object().unwrap().keys().filter(own).cloned().collect()
    };
    let common = [
        "bytes",
        "elapsed_ms",
        "feed.id",
        "feed.name",
        "feed.url",
        "http.status",
        "next_at",
        "next_because",
        "outcome",
    ];
    let with = |more: &[&str]| {
        let mut keys: Vec<String> = common.iter().chain(more).map(|&key| key.to_owned()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&polled), with(&["added", "edited"]));
    assert_eq!(keys(&failed), with(&["detail", "failures"]));
    assert_eq!((&polled["level"], &failed["level"]), (&"INFO".into(), &"WARN".into()));
    assert_eq!((&polled["added"], &failed["http.status"]), (&1.into(), &404.into()));
    assert_eq!(keys(&events[0]), ["config", "exports", "feeds", "store", "version"]);
}

#[test]
fn journald_gets_the_priority_of_each_line() {
    let server = Server::start();
    let home = home(&server);
    let mut command = home.command(&["run"]);
    command.env("JOURNAL_STREAM", "8:12345");
    let daemon = Running::start(command);
    wait_for("both polls", || {
        let log = daemon.log();
        (log.contains("poll failed") && log.contains("added=1")).then_some(())
    });
    for line in daemon.log().lines() {
        let priority = if line.contains("poll failed") { "<4>" } else { "<6>" };
        assert!(line.starts_with(priority), "{line}");
    }
}
