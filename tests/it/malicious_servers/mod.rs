//! Polls many malicious servers at once. Each poll ends in time with a reason, within its share of memory, and changes
//! nothing that was stored.

mod attacks;
mod tls;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use self::attacks::{ATTACKS, Attack};
use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Ran, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

const MAX_BODY: u64 = 1 << 20;

/// The time for an answer is long, so that a busy machine does not turn every attack into one on time.
const FETCH: &str = "[fetch]\ntimeout = \"2m\"\nconnect_timeout = \"10s\"\nmax_body = \"1MiB\"\nallow_private = true\n";

/// The line of a feed that ends only when its time does, so that the test need not wait longer.
fn time_limit(outcomes: &[&str]) -> &'static str {
    if outcomes.contains(&"timeout") { "timeout = \"20s\"\n" } else { "" }
}

/// A server that answers every path with a feed until it turns malicious; then the path selects the attack.
struct Villain {
    address: SocketAddr,
    bad: Arc<AtomicBool>,
}

impl Villain {
    fn start() -> Self {
        attacks::prepare();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bad = Arc::<AtomicBool>::default();
        let turned = Arc::clone(&bad);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let turned = Arc::clone(&turned);
                // Writing fails as soon as the client has had enough.
                thread::spawn(move || answer(&mut stream, turned.load(Ordering::SeqCst)).ok());
            }
        });
        Self { address, bad }
    }

    fn url(&self, attack: &Attack) -> String {
        format!("http://{}/{}", self.address, attack.name)
    }

    fn turn(&self, bad: bool) {
        self.bad.store(bad, Ordering::SeqCst);
    }
}

fn answer(stream: &mut TcpStream, bad: bool) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let name = head.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
    if bad {
        return (ATTACKS.iter().find(|attack| attack.name == name).unwrap().act)(stream);
    }
    let document = rss(&name, &[item(2), item(1)]);
    let length = document.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nETag: \"{name}\"\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{document}"
    )
}

/// Runs a command to its end. Returns the peak of its memory in bytes too, without the pages of the program itself: those of a
/// build for tests are three times as many as those of a release.
pub(crate) fn measured(home: &Home, arguments: &[&str]) -> (Ran, u64) {
    let mut running = Running::start(home.command(arguments));
    let path = format!("/proc/{}/status", running.id());
    let mut peak = 0;
    wait_for("the end", || {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            kib.unwrap_or_default() * 1024
        };
        let at_worst = bytes("VmHWM:").saturating_sub(bytes("RssFile:"));
        peak = peak.max(at_worst).max(bytes("RssAnon:"));
        running.has_ended().then_some(())
    });
    let code = running.wait();
    let (out, err) = running.said();
    (Ran { code, out, err }, peak)
}

fn row<'a>(report: &'a Value, url: &str) -> &'a Value {
    report["feeds"].as_array().unwrap().iter().find(|feed| feed["url"] == url).unwrap()
}

#[test]
fn no_attack_outlasts_its_time_or_touches_what_is_stored() {
    let villain = Villain::start();
    let healthy = Server::start();
    healthy.put("/healthy", Page::ok(rss("Healthy", &[item(1)])));
    let mut config = FETCH.to_owned();
    for attack in ATTACKS {
        writeln!(config, "[[feeds]]\nurl = \"{}\"", villain.url(attack)).unwrap();
        config.push_str(time_limit(attack.outcomes));
    }
    writeln!(config, "[[feeds]]\nurl = \"{}\"", healthy.url("/healthy")).unwrap();
    let home = Home::new(&config);
    let poll = ["poll", "--all", "--json"];
    let (ran, calm) = measured(&home, &poll);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let (articles, stored) = (home.articles(), home.validators());

    villain.turn(true);
    healthy.put("/healthy", Page::ok(rss("Healthy", &[item(9), item(1)])));
    let (ran, peak) = measured(&home, &poll);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let mut cut_off = Vec::new();
    for attack in ATTACKS {
        let feed = row(&report, &villain.url(attack));
        if feed["outcome"] == "cut_off" {
            cut_off.push(villain.url(attack));
        }
        let (outcome, detail) = (feed["outcome"].as_str().unwrap(), feed["detail"].as_str());
        assert!(attack.outcomes.contains(&outcome), "{}: {feed:#}", attack.name);
        let detail = detail.unwrap_or_default();
        assert!(!detail.is_empty() && detail.contains(attack.says), "{}: {feed:#}", attack.name);
    }
    let well = row(&report, &healthy.url("/healthy"));
    assert_eq!((&well["outcome"], &well["added"]), (&"fresh".into(), &1.into()));
    let growth = peak.saturating_sub(calm);
    let allowed = 2 * MAX_BODY * u64::try_from(ATTACKS.len()).unwrap();
    assert!(growth < allowed, "{growth} bytes more than without attacks, {allowed} allowed");
    let mut after = home.articles();
    after.retain(|article| article["title"] != "Title 9");
    let seen = |articles: &[Value]| {
        let mut ids: Vec<String> = articles.iter().map(ToString::to_string).collect();
        ids.sort();
        ids
    };
    assert_eq!(seen(&after), seen(&articles));
    for (found, before) in home.validators().iter().zip(&stored) {
        // After a body that breaks off, a 304 would hide what is missing.
        let dropped = cut_off.iter().any(|url| found == &[Some(url.clone()), None, None]);
        assert!(dropped || found == before, "{found:?} {before:?}");
    }

    villain.turn(false);
    let report = home.poll();
    assert_eq!((&report["failed"], &report["added"]), (&0.into(), &0.into()));
}

#[test]
fn one_bomb_costs_less_than_twice_the_limit() {
    let villain = Villain::start();
    let bombs = ATTACKS.iter().filter(|attack| attack.name.contains("bomb"));
    for attack in bombs {
        let config = FETCH.replace("1MiB", "16MiB");
        let home = Home::new(&format!("{config}[[feeds]]\nurl = \"{}\"\n", villain.url(attack)));
        villain.turn(false);
        let (_, calm) = measured(&home, &["poll", "--all", "--json"]);
        villain.turn(true);
        let (ran, peak) = measured(&home, &["poll", "--all", "--json"]);
        assert!(ran.out.contains("too_large"), "{}: {ran:#?}", attack.name);
        let growth = peak.saturating_sub(calm);
        assert!(growth < 2 * (16 << 20), "{}: {growth} bytes", attack.name);
    }
}
