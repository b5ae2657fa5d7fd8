//! What reading from a large store costs: commands of the program, each as a whole process, and requests to the daemon.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use gazetted::store::Location;
use rusqlite::{Connection, OpenFlags};

use crate::measure::{self, Cost};

const PROGRAM: &str = env!("CARGO_BIN_EXE_gazetted");

/// How often a short command is run. The median counts.
const RUNS: usize = 7;

/// How often an address is requested.
const REQUESTS: usize = 31;

/// A command with the most CPU time that it should take, in milliseconds, if there is an aim.
const COMMANDS: &[(&str, &[&str], Option<f64>)] = &[
    ("latest 20, table", &["export", "--format", "table", "--limit", "20"], Some(15.0)),
    ("latest 20, JSON lines", &["export", "--format", "jsonl", "--limit", "20"], Some(15.0)),
    ("latest 100, JSON lines", &["export", "--format", "jsonl", "--limit", "100"], None),
    (
        "latest 100 of one tag",
        &["export", "--format", "jsonl", "--limit", "100", "--tag", "world"],
        None,
    ),
    (
        "latest 100 of one feed",
        &["export", "--format", "jsonl", "--limit", "100", "--feed", "Feed 7"],
        None,
    ),
    (
        "latest 100 in one language",
        &["export", "--format", "jsonl", "--limit", "100", "--language", "de"],
        None,
    ),
    (
        "rare word, newest first",
        &["export", "--format", "jsonl", "--limit", "20", "--search", RARE],
        Some(10.0),
    ),
    (
        "common words, newest first",
        &["export", "--format", "jsonl", "--limit", "20", "--search", COMMON],
        Some(10.0),
    ),
    ("rare word, ranked", &["search", RARE], Some(50.0)),
    ("common words, ranked", &["search", "ba", "ce"], Some(50.0)),
    ("status", &["status"], Some(10.0)),
    ("feeds", &["feeds", "--json"], None),
    ("db stats", &["db", "stats"], None),
];

/// A word in one of 500 articles.
pub(crate) const RARE: &str = "quorum";
/// Two words that most articles have.
const COMMON: &str = "ba ce";

/// An address with the most milliseconds that a request should take.
const ADDRESSES: &[(&str, Option<f64>)] = &[
    ("/", Some(20.0)),
    ("/?tag=world", Some(20.0)),
    ("/export.json?limit=100", Some(2.0)),
    ("/export.atom?limit=50", None),
    ("/search?q=ba+ce", Some(50.0)),
    ("/search?q=ba+ce&sort=newest", Some(10.0)),
    ("/feeds", Some(10.0)),
    ("/metrics", Some(10.0)),
];

/// Exports of all articles: at least this many MB for each second of CPU time, in at most so many MiB.
const WHOLE: &[(&str, Option<f64>, f64)] = &[("jsonl", Some(250.0), 32.0), ("rss", None, 32.0)];

/// Prints a table of all reads.
pub(crate) fn report(store: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = folder.path().join("gazetted.toml");
    // The schema is raised first, so that no command is measured with it.
    drop(Location::file(store).open().context("open the store")?);
    fs::write(&config, configuration(store, port)?)?;
    let open_files = measure::raise_open_files()?;
    let log = folder.path().join("log");
    println!("{:<32}{:>10}{:>10}{:>10}{:>10}", "command", "CPU ms", "wall ms", "MiB", "aim ms");
    for (name, arguments, aim) in COMMANDS {
        let command = command(&config, arguments);
        let mut costs = (0..RUNS)
            .map(|_| measure::run(&command, open_files, &log))
            .collect::<anyhow::Result<Vec<Cost>>>()?;
        costs.sort_by_key(|cost| cost.cpu);
        let cost = costs[RUNS / 2];
        row(name, cost.cpu, Some(cost.wall), Some(cost.peak_rss_bytes), *aim);
    }
    let daemon = Daemon::start(&config, port)?;
    let began = daemon.memory().ok();
    for (address, aim) in ADDRESSES {
        let mut times =
            (0..REQUESTS).map(|_| get(port, address)).collect::<anyhow::Result<Vec<Duration>>>()?;
        times.sort();
        row(address, times[REQUESTS / 2], None, daemon.memory().ok(), *aim);
    }
    if let (Some(began), Ok(after)) = (began, daemon.memory()) {
        println!("memory of the daemon: {} MiB at first, {} MiB now", began >> 20, after >> 20);
    }
    drop(daemon);
    for (format, speed, memory) in WHOLE {
        let command = command(&config, &["export", "--format", format]);
        let cost = measure::run(&command, open_files, &log)?;
        let bytes = length(&command)?;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = bytes as f64 / 1e6 / cost.cpu.as_secs_f64();
        let aim = speed.map(|speed| format!(", aim {speed} MB/s")).unwrap_or_default();
        println!(
            "all articles as {format}: {} MB, {rate:.0} MB for each CPU second{aim}; {} MiB, aim {memory} MiB",
            bytes / 1_000_000,
            cost.peak_rss_bytes >> 20
        );
    }
    Ok(())
}

fn row(name: &str, cpu: Duration, wall: Option<Duration>, memory: Option<u64>, aim: Option<f64>) {
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    let memory = memory.map(|bytes| (bytes >> 20).to_string());
    println!(
        "{name:<32}{:>10}{:>10}{:>10}{:>10}",
        ms(cpu),
        wall.map(ms).unwrap_or_default(),
        memory.unwrap_or_default(),
        aim.map(|aim| aim.to_string()).unwrap_or_default()
    );
}

/// A configuration with the feeds of the store. They are disabled, so that nothing is requested.
fn configuration(store: &Path, port: u16) -> anyhow::Result<String> {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut feeds = connection.prepare("SELECT url, name, tags FROM feed ORDER BY id")?;
    let path = store.canonicalize()?;
    let mut text = format!(
        "[store]\npath = {:?}\n[server]\nlisten = \"127.0.0.1:{port}\"\n",
        path.display().to_string()
    );
    let mut rows = feeds.query([])?;
    while let Some(row) = rows.next()? {
        let (url, name, tags): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        writeln!(
            text,
            "[[feeds]]\nurl = {url:?}\nname = {name:?}\ntags = {tags}\nenabled = false"
        )?;
    }
    Ok(text)
}

fn command(config: &Path, arguments: &[&str]) -> Vec<OsString> {
    let first = [OsString::from(PROGRAM), "--quiet".into(), "--config".into(), config.into()];
    first.into_iter().chain(arguments.iter().map(OsString::from)).collect()
}

/// The number of bytes that a command prints.
fn length(command: &[OsString]) -> anyhow::Result<u64> {
    let [program, arguments @ ..] = command else { bail!("no command") };
    let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().context("the output of the command")?;
    let bytes = std::io::copy(&mut BufReader::new(out), &mut std::io::sink())?;
    ensure!(child.wait()?.success(), "the command failed");
    Ok(bytes)
}

/// A running daemon, which ends when the value is dropped.
struct Daemon(Child);

impl Daemon {
    fn start(config: &PathBuf, port: u16) -> anyhow::Result<Self> {
        let mut child = Command::new(PROGRAM);
        child.args(["--quiet", "--config"]).arg(config).arg("run").stderr(Stdio::null());
        let daemon = Self(child.spawn()?);
        let began = Instant::now();
        while get(port, "/readyz").is_err() {
            ensure!(began.elapsed() < Duration::from_mins(1), "the daemon does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(daemon)
    }

    /// The resident memory in bytes, where the system tells it.
    fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Requests an address of the daemon, and returns how long that took.
fn get(port: u16, address: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut status = String::new();
    reader.read_line(&mut status)?;
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest)?;
    ensure!(status.contains(" 200 "), "{address}: {status}");
    Ok(began.elapsed())
}
