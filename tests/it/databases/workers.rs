//! Several workers on one database.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::postgres;
use crate::support::program::{Home, Running};
use crate::support::wait_for;

/// The hosts are addresses of this machine, 127.1.0.1 and so on.
const HOSTS: usize = 24;
const FEEDS_OF_A_HOST: usize = 2;
const DELAY: Duration = Duration::from_secs(1);

/// A request, from its arrival to the end of the reply.
#[derive(Clone, Debug)]
struct Visit {
    host: String,
    path: String,
    from: Instant,
    to: Instant,
}

/// A server under the addresses of all hosts. Each reply has one article more than the last one of its feed.
struct ManyHosts {
    port: u16,
    visits: Arc<Mutex<Vec<Visit>>>,
}

impl ManyHosts {
    fn start() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits: Arc<Mutex<Vec<Visit>>> = Arc::default();
        let seen = Arc::clone(&visits);
        // It ends with the process of the tests.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(&connection, &seen));
            }
        });
        Self { port, visits }
    }

    fn urls(&self) -> impl Iterator<Item = String> {
        let feeds = (1..=HOSTS).flat_map(|host| (0..FEEDS_OF_A_HOST).map(move |feed| (host, feed)));
        feeds.map(|(host, feed)| format!("http://127.1.0.{host}:{}/{feed}", self.port))
    }

    fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }

    /// The feeds that were requested at this time or later.
    fn since(&self, time: Instant) -> BTreeSet<(String, String)> {
        let visits = self.visits();
        let later = visits.into_iter().filter(|visit| time <= visit.from);
        later.map(|visit| (visit.host, visit.path)).collect()
    }
}

fn serve(mut connection: &TcpStream, seen: &Mutex<Vec<Visit>>) {
    let host = connection.local_addr().unwrap().ip().to_string();
    let mut lines = BufReader::new(connection).lines();
    while let Some(Ok(first)) = lines.next() {
        let from = Instant::now();
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        thread::sleep(Duration::from_millis(20));
        let visit = Visit { host: host.clone(), path: path.clone(), from, to: Instant::now() };
        let mut seen = seen.lock().unwrap();
        let before = seen.iter().filter(|v| (&v.host, &v.path) == (&host, &path)).count();
        seen.push(visit);
        drop(seen);
        let mut items = String::new();
        for n in 0..=before {
            write!(
                items,
                "<item><guid>{host}{path}-{n}</guid><title>Number {n} of {host}{path}</title></item>"
            )
            .unwrap();
        }
        let body = format!("<rss><channel><title>{host}{path}</title>{items}</channel></rss>");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        if connection.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// What `status` says of the workers that are there.
fn workers(home: &Home) -> Vec<Value> {
    let status = home.json(&["status", "--json"]);
    let all = status["workers"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|worker| worker["silent_seconds"].as_f64().unwrap() < 20.0).collect()
}

fn worker_of<'w>(workers: &'w [Value], process: &Running) -> Option<&'w Value> {
    let ending = format!(":{}", process.id());
    workers.iter().find(|worker| worker["name"].as_str().unwrap().ends_with(&ending))
}

/// Waits until so many workers share all shards.
fn wait_for_shards(home: &Home, number: usize) -> Vec<Value> {
    wait_for("the shards", || {
        let workers = workers(home);
        let shards = workers.iter().map(|worker| worker["shards"].as_u64().unwrap());
        let (shards, part) = (shards.collect::<Vec<_>>(), 256 / number as u64);
        let is_shared = shards.len() == number && shards.iter().all(|n| part <= *n + 2);
        (is_shared && shards.iter().sum::<u64>() == 256).then_some(workers)
    })
}

/// No host was requested by two at once, or sooner than its delay allows.
fn assert_politeness(visits: &[Visit]) {
    let mut of_hosts: BTreeMap<&str, Vec<&Visit>> = BTreeMap::new();
    for visit in visits {
        of_hosts.entry(&visit.host).or_default().push(visit);
    }
    assert_eq!(of_hosts.len(), HOSTS);
    for visits in of_hosts.values_mut() {
        visits.sort_by_key(|visit| visit.from);
        for pair in visits.windows(2) {
            let (first, next) = (pair[0], pair[1]);
            assert!(first.to <= next.from, "at once: {first:?} {next:?}");
            // Both times are taken when a request arrives, which may be a moment after it was sent.
            let apart = next.from - first.from + Duration::from_millis(60);
            assert!(DELAY <= apart, "{apart:?}: {first:?} {next:?}");
        }
    }
}

#[test]
fn workers_share_the_hosts_and_one_that_ends_or_is_killed_is_replaced() {
    if !postgres::is_given() {
        return;
    }
    let server = ManyHosts::start();
    let mut config =
        format!("[fetch]\ntimeout = \"2s\"\nper_host = 1\nhost_delay = \"{}s\"\n", DELAY.as_secs());
    for url in server.urls() {
        writeln!(config, "[[feeds]]\nurl = \"{url}\"\nevery = \"2s\"").unwrap();
    }
    let home = Home::new(&config);
    let feeds = HOSTS * FEEDS_OF_A_HOST;
    let mut processes: Vec<Running> = (0..3).map(|_| Running::daemon(&home)).collect();
    let found = wait_for_shards(&home, 3);
    let is_leader = |worker: &Value| worker["is_leader"] == true;
    assert_eq!(found.iter().filter(|worker| is_leader(worker)).count(), 1, "{found:?}");
    let shared = Instant::now();
    wait_for("polls by all", || (server.since(shared).len() == feeds).then_some(()));

    // The leader is killed: the others take over when its leases have ended.
    let leader =
        processes.iter().position(|process| worker_of(&found, process).is_some_and(is_leader));
    processes.remove(leader.unwrap()).kill();
    let found = wait_for_shards(&home, 2);
    wait_for("a leader", || workers(&home).iter().any(is_leader).then_some(()));
    let taken = Instant::now();
    wait_for("polls by two", || (server.since(taken).len() == feeds).then_some(()));

    // One that ends hands over at once.
    let mut ending = processes.remove(0);
    assert!(worker_of(&found, &ending).is_some());
    ending.signal(Signal::SIGTERM);
    assert_eq!(ending.wait(), Some(0));
    let ended = Instant::now();
    wait_for_shards(&home, 1);
    assert!(ended.elapsed() < Duration::from_secs(25), "{:?}", ended.elapsed());
    wait_for("polls by one", || (server.since(ended).len() == feeds).then_some(()));
    drop(processes);

    assert_politeness(&server.visits());
    let mut guids = home.each("guid");
    guids.sort();
    let unique: BTreeSet<&String> = guids.iter().collect();
    assert_eq!(guids.len(), unique.len(), "each article is there once");
    home.ok(&["db", "check"]);
}

#[test]
fn a_worker_with_another_list_of_feeds_polls_nothing_until_it_has_the_stored_one() {
    if !postgres::is_given() {
        return;
    }
    let server = ManyHosts::start();
    let urls: Vec<String> = server.urls().collect();
    let config = |feeds: &[String]| {
        feeds.iter().fold(String::new(), |text, url| {
            text + &format!("[[feeds]]\nurl = \"{url}\"\nevery = \"2s\"\n")
        })
    };
    let home = Home::new(&config(&urls[..1]));
    let first = Running::daemon(&home);
    wait_for_shards(&home, 1);
    home.configure(&config(&urls[..2]));
    let second = Running::daemon(&home);
    let has_list = |process: &Running| {
        let workers = workers(&home);
        worker_of(&workers, process).map(|worker| worker["has_stored_list"] == true)
    };
    wait_for("the other list", || {
        (has_list(&first) == Some(false) && has_list(&second) == Some(true)).then_some(())
    });
    first.wait_for_event(
        "another worker has stored another list of feeds: this one polls nothing until it has the same list; \
         give all workers the same configuration and reload them",
    );
    first.signal(Signal::SIGHUP);
    wait_for_shards(&home, 2);
    assert_eq!([has_list(&first), has_list(&second)], [Some(true), Some(true)]);
}
