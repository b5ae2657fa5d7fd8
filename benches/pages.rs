//! Runs the daemon with feeds whose article pages are fetched, at the default settings of `[full_text]`, and measures how
//! many pages it reads in a second, how much memory it takes, and how late polls are meanwhile. See docs/benchmarks.md.
//!
//! `cargo bench --bench pages -- --feeds 50 --pages 5000`

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, Utc};
use clap::Parser;
use gazetted::clock::now_precise;
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;

/// Measures how fast the daemon reads article pages.
#[derive(Parser)]
struct Args {
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    feeds: u32,
    /// Article pages of all feeds together
    #[arg(long, default_value_t = 5000)]
    pages: u32,
    /// Interval of each feed, in seconds
    #[arg(long, default_value_t = 5)]
    every: u64,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// A poll is late when its request comes this much later than planned.
const LATE: Duration = Duration::from_secs(1);

/// A run that takes longer has failed.
const LONGEST: Duration = Duration::from_hours(1);

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let requests = Arc::<Mutex<HashMap<String, Vec<SystemTime>>>>::default();
    let port = serve(args.pages / args.feeds, &requests)?;
    let config = folder.path().join("gazetted.toml");
    fs::write(&config, configuration(args, port)?)?;
    let log = folder.path().join("log");
    let began = Instant::now();
    let mut daemon = Daemon::start(&config, &log)?;
    let wanted = args.pages / args.feeds * args.feeds;
    let (states, peak) = loop {
        thread::sleep(Duration::from_millis(500));
        if let Some(status) = daemon.0.try_wait()? {
            bail!("the daemon ended by itself: {status}");
        }
        ensure!(began.elapsed() < LONGEST, "the pages were not read in an hour");
        let peak = peak_kib(daemon.0.id())?;
        let states = states(&folder.path().join("gazetted.db"));
        let done: u32 = states.iter().filter(|(state, _)| state != "pending").map(|(_, n)| n).sum();
        if wanted <= done {
            break (states, peak);
        }
    };
    let took = began.elapsed();
    thread::sleep(Duration::from_secs(args.every)); // The requests that the last plans have led to.
    drop(daemon);
    let lags = lags(&fs::read_to_string(&log)?, &requests)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let (rate, per_core) = {
        let rate = f64::from(wanted) / took.as_secs_f64();
        (rate, rate / cores as f64)
    };
    let latest = lags.last().copied().unwrap_or_default();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{wanted} pages of {} feeds in {:.1} s: {states:?}",
        args.feeds,
        took.as_secs_f64()
    )?;
    writeln!(out, "{rate:.1} pages/s, {per_core:.1} for each of {cores} cores")?;
    writeln!(out, "peak RSS: {} MiB", peak / 1024)?;
    writeln!(out, "{} polls, the latest {} ms after its time", lags.len(), latest.as_millis())?;
    ensure!(!lags.is_empty(), "no feed was polled twice");
    ensure!(latest <= LATE, "a poll was more than a second late");
    Ok(())
}

fn configuration(args: &Args, port: u16) -> anyhow::Result<String> {
    let mut config = String::from(
        "[store]\npath = \"gazetted.db\"\n[fetch]\nallow_private = true\n[full_text]\nall = true\n",
    );
    for feed in 1..=args.feeds {
        let url = format!("http://127.3.0.{feed}:{port}/feed/{feed}");
        write!(config, "[[feeds]]\nurl = \"{url}\"\nevery = \"{}s\"\n", args.every)?;
    }
    Ok(config)
}

/// The states of article pages, each with its number. None before the store is there.
fn states(path: &Path) -> Vec<(String, u32)> {
    let read = || -> rusqlite::Result<Vec<(String, u32)>> {
        let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut states = store
            .prepare("SELECT state, count(*) FROM article_page GROUP BY state ORDER BY state")?;
        let rows = states.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    read().unwrap_or_default()
}

fn peak_kib(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.split_whitespace().next().context("no value")?.parse()?)
}

/// A log event of a poll that has ended.
#[derive(Deserialize)]
struct Polled {
    timestamp: DateTime<Utc>,
    #[serde(rename = "feed.url")]
    url: String,
    next_at: DateTime<Utc>,
}

/// How late each poll was requested after its planned time, in ascending order.
fn lags(
    log: &str,
    requests: &Mutex<HashMap<String, Vec<SystemTime>>>,
) -> anyhow::Result<Vec<Duration>> {
    let requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lags = Vec::new();
    for polled in log.lines().filter_map(|line| serde_json::from_str::<Polled>(line).ok()) {
        let path = polled.url.rsplit_once("/feed").context("no feed")?.1;
        let of_feed =
            requests.get(&format!("/feed{path}")).context("a feed that was not requested")?;
        let said: SystemTime = polled.timestamp.into();
        let next = of_feed.iter().find(|at| said < **at);
        lags.extend(next.map(|at| at.duration_since(polled.next_at.into()).unwrap_or_default()));
    }
    lags.sort_unstable();
    Ok(lags)
}

/// Serves feeds of `entries` entries and their pages on all addresses of this machine. Returns the port.
fn serve(
    entries: u32,
    requests: &Arc<Mutex<HashMap<String, Vec<SystemTime>>>>,
) -> anyhow::Result<u16> {
    let listener = TcpListener::bind("0.0.0.0:0")?;
    let port = listener.local_addr()?.port();
    let requests = Arc::clone(requests);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let requests = Arc::clone(&requests);
            thread::spawn(move || answer(stream, port, entries, &requests).ok());
        }
    });
    Ok(port)
}

fn answer(
    mut stream: TcpStream,
    port: u16,
    entries: u32,
    requests: &Mutex<HashMap<String, Vec<SystemTime>>>,
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer)?;
    let head = String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = match path.strip_prefix("/feed/") {
        Some(feed) => {
            let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
            requests.entry(path.clone()).or_default().push(now_precise().into());
            (200, document(feed, port, entries))
        }
        None if path == "/robots.txt" => (404, String::new()),
        None => (200, page(&path)),
    };
    write!(
        stream,
        "HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn document(feed: &str, port: u16, entries: u32) -> String {
    let mut items = String::new();
    for n in 0..entries {
        write!(
            items,
            "<item><guid isPermaLink='false'>{feed}-{n}</guid><title>Title {n} of {feed}</title>\
             <link>http://127.3.0.{feed}:{port}/{feed}/{n}</link><description>A teaser.</description></item>"
        )
        .ok();
    }
    format!("<rss version='2.0'><channel><title>{feed}</title>{items}</channel></rss>")
}

/// A page of about 60 kB, most of which is not the article, as on the sites of newspapers.
fn page(path: &str) -> String {
    let mut menu = String::new();
    for n in 0..150 {
        write!(menu, "<li class=menu-item><a href='/section/{n}'>Section {n}</a></li>").ok();
    }
    let mut teasers = String::new();
    for n in 0..60 {
        write!(
            teasers,
            "<div class=teaser><a href='/other/{n}'><img src='/{n}.jpg' alt=''><h3>Another article {n}</h3></a>\
             <p>What the other article is about, in a sentence or two.</p></div>"
        )
        .ok();
    }
    let mut text = String::new();
    for n in 0..25 {
        write!(
            text,
            "<p>Paragraph {n} of {path}. After nine years the ferry to the island sails again, every morning and \
             every evening, and the harbour is full of people who have waited for it. The council says that \
             {n} further ships will follow, if the money is there.</p>"
        )
        .ok();
    }
    let script = format!("<script>{}</script>", "var state = {\"a\": [1, 2, 3]};".repeat(600));
    format!(
        "<!doctype html><html lang=en><head><title>Title of {path} - News</title>{script}\
         <meta property='article:published_time' content='2024-08-20T06:18:00Z'></head><body><header><ul>{menu}</ul></header>\
         <main><article><h1>Title of {path}</h1><p class=byline>By Maria Lind</p>{text}</article>\
         <aside>{teasers}</aside></main><footer><ul>{menu}</ul></footer></body></html>"
    )
}

/// The daemon. It is killed on drop.
struct Daemon(Child);

impl Daemon {
    fn start(config: &Path, log: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gazetted"));
        command.arg("--config").arg(config).args(["-v", "--log-format", "json", "run"]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log)?)
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
