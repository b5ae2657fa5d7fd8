//! A server of PostgreSQL that is slow, or killed and started again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::feeds::{Item, item, rss};
use crate::support::http::Site;
use crate::support::postgres;
use crate::support::program::{Home, Running, STORE};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

#[test]
fn a_page_that_waits_too_long_for_the_database_is_an_error_and_the_next_one_is_none() {
    if !postgres::is_given() {
        return;
    }
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let home = Home::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[feeds]]\nurl = \"{}\"\n",
        server.url("/f")
    ));
    home.poll();
    let daemon = Running::daemon(&home);
    let web = Site::of(&daemon);
    assert_eq!(web.get("/").status, 200);
    let url = home.store_url(STORE).unwrap();
    let mut other = ::postgres::Client::connect(&url, ::postgres::NoTls).unwrap();
    other.batch_execute("BEGIN; LOCK TABLE gazetted.article IN ACCESS EXCLUSIVE MODE").unwrap();
    let began = Instant::now();
    let answer = web.get("/");
    assert!(matches!(answer.status, 500..=504), "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // Nothing of it runs on in the server.
    wait_for("the end of the query", || {
        let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock' AND query LIKE 'SELECT%'";
        postgres::run(&url, waiting).unwrap().is_empty().then_some(())
    });
    other.batch_execute("ROLLBACK").unwrap();
    wait_for("the page", || (web.get("/").status == 200).then_some(()));
}

/// A server of PostgreSQL of this test alone.
struct OwnServer {
    url: String,
    folder: PathBuf,
}

/// Runs `.ci/postgres`.
fn script(arguments: &[&str]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/postgres");
    let ran = Command::new(script).args(arguments).output().unwrap();
    ran.status.success().then(|| String::from_utf8(ran.stdout).unwrap().trim().to_owned())
}

impl OwnServer {
    fn start() -> Self {
        let url = script(&[]).unwrap();
        let folder = url.split_once("host=").unwrap().1.split('&').next().unwrap().into();
        Self { url, folder }
    }

    /// SIGKILL for the first process of the server, upon which the others end by themselves.
    fn kill(&self) {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        kill(Pid::from_raw(file.lines().next().unwrap().parse().unwrap()), Signal::SIGKILL)
            .unwrap();
    }

    fn start_again(&self) {
        // As long as a process of the killed one is there, the server refuses to start.
        wait_for("the server", || script(&["start", self.folder.to_str().unwrap()]));
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        script(&["stop", self.folder.to_str().unwrap()]);
    }
}

/// An article of a feed, which no other feed has.
fn article(feed: u32, n: u32) -> Item {
    Item {
        guid: Some(format!("{feed}-{n}")),
        link: Some(format!("https://{feed}.example/{n}")),
        title: format!("Title {n} of feed {feed}"),
        ..item(n)
    }
}

#[test]
fn a_server_that_is_killed_under_the_daemon_and_started_again_costs_nothing() {
    const FEEDS: u32 = 4;
    if !postgres::is_given() {
        return;
    }
    let database = OwnServer::start();
    let server = Server::start();
    let publish = |last: u32| {
        for feed in 0..FEEDS {
            let items: Vec<Item> = (1..=last).map(|n| article(feed, n)).collect();
            server.put(&format!("/{feed}"), Page::ok(rss(&format!("Feed {feed}"), &items)));
        }
    };
    let mut config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"{}\"\n[fetch]\nhost_delay = \"0s\"\n\
         [[exports]]\npath = \"all.jsonl\"\nformat = \"jsonl\"\nlimit = 1000\non_change = true\n",
        database.url
    );
    for feed in 0..FEEDS {
        writeln!(
            config,
            "[[feeds]]\nurl = \"{}\"\nevery = \"1s\"",
            server.url(&format!("/{feed}"))
        )
        .unwrap();
    }
    let home = Home::new(&config);
    publish(1);
    let mut daemon = Running::daemon(&home);
    let web = Site::of(&daemon);
    let exported =
        || fs::read_to_string(home.path("all.jsonl")).unwrap_or_default().lines().count();
    let count = |last: u32| usize::try_from(FEEDS * last).unwrap();
    wait_for("the first articles", || (exported() == count(1)).then_some(()));
    for round in 2..=3 {
        database.kill();
        publish(round);
        // Polls go on, or fail, while nothing can be stored.
        std::thread::sleep(Duration::from_secs(3));
        assert!(!daemon.has_ended());
        database.start_again();
        wait_for("the articles of the outage", || (exported() == count(round)).then_some(()));
        wait_for("the page", || (web.get("/").status == 200).then_some(()));
        // It is still the only daemon of this store.
        wait_for("the lock", || {
            let holder = home.json(&["status", "--json"])["daemon"].clone();
            (holder == format!("pid {}, run", daemon.id())).then_some(())
        });
    }
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    assert_eq!(home.articles().len(), count(3));
    home.ok(&["db", "check"]);
}
