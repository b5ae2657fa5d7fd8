//! Counts the instructions of the program, and compares the counts with recorded ones.
//!
//! The program runs under `valgrind --tool=callgrind`. Counts do not depend on what else the machine does, so that a
//! difference of a few per cent shows. They depend on the compiler and on the profile, so that both are recorded, too.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::num::NonZero;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

/// Largest difference of a poll from its recorded count, in per cent.
const TOLERANCE: f64 = 5.0;

/// The same for requests, in per cent. What the daemon does beside them is counted, too.
const TOLERANCE_OF_REQUESTS: f64 = 15.0;

/// The requests of which the mean is counted. The first requests of a process cost more, so some are made before.
const REQUESTS: u32 = 20;
const REQUESTS_BEFORE: u32 = 3;

/// How long the daemon may take to start under valgrind.
const LONGEST_START: Duration = Duration::from_mins(2);

/// The counts of one run, in millions of instructions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// The version of the compiler that built the program.
    pub compiler: String,
    /// The profile that the program was built with, as far as it matters.
    pub profile: String,
    pub feeds: u32,
    /// How many times as small as those of real feeds the documents are.
    pub shrink: NonZero<usize>,
    /// The name of what was counted, and the count.
    pub all: Vec<Count>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    pub of: String,
    pub millions: f64,
}

impl Count {
    /// Largest difference from the recorded count, in per cent.
    fn tolerance(&self) -> f64 {
        match self.of.as_str() {
            "page" | "search" => TOLERANCE_OF_REQUESTS,
            _ => TOLERANCE,
        }
    }
}

impl Counts {
    pub(crate) fn new(feeds: u32, shrink: NonZero<usize>) -> anyhow::Result<Self> {
        let compiler = Command::new("rustc").arg("--version").output().context("run rustc")?;
        let compiler = String::from_utf8(compiler.stdout)?.trim().to_owned();
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        Ok(Self { compiler, profile: profile.to_owned(), feeds, shrink, all: Vec::new() })
    }

    pub(crate) fn add(&mut self, of: &str, instructions: u64) -> io::Result<()> {
        let millions = millions(instructions);
        writeln!(io::stderr(), "{of}: {millions} million instructions")?;
        self.all.push(Count { of: of.to_owned(), millions });
        Ok(())
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Prints each count beside the recorded one.
    ///
    /// # Errors
    /// When a count differs by more than its tolerance, or the recorded counts are of something else.
    pub(crate) fn compare(&self, path: &Path) -> anyhow::Result<()> {
        let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let recorded: Self =
            serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))?;
        let made_by = |counts: &Self| (counts.profile.clone(), counts.feeds, counts.shrink);
        ensure!(
            made_by(self) == made_by(&recorded),
            "{} has counts of the profile {} with --feeds {} --shrink {}",
            path.display(),
            recorded.profile,
            recorded.feeds,
            recorded.shrink
        );
        if self.compiler != recorded.compiler {
            return Ok(writeln!(
                io::stdout(),
                "SKIPPED for want of {}: the recorded counts are of programs that it built",
                recorded.compiler
            )?);
        }
        let mut outside = String::new();
        writeln!(io::stdout(), "{:<14}{:>12}{:>12}{:>9}", "millions of", "recorded", "now", "")?;
        for count in &self.all {
            let Count { of, millions } = count;
            let known = recorded.all.iter().find(|known| known.of == *of);
            let known = known.with_context(|| format!("{} lacks {of}", path.display()))?;
            let change = (millions / known.millions - 1.0) * 100.0;
            writeln!(
                io::stdout(),
                "{of:<14}{:>12.1}{millions:>12.1}{change:>+8.1}%",
                known.millions
            )?;
            if count.tolerance() < change.abs() {
                write!(outside, " {of} ({change:+.1} %)")?;
            }
        }
        ensure!(
            outside.is_empty(),
            "more than {TOLERANCE} % ({TOLERANCE_OF_REQUESTS} % for requests) from {}:{outside}; if that is meant, or the \
             change made it cheaper, record the counts again with --save",
            path.display()
        );
        Ok(())
    }
}

/// Runs a command to its end and returns how many instructions it took, in all of its threads.
pub(crate) fn whole_run(command: &[OsString], folder: &Path) -> anyhow::Result<u64> {
    let counted = folder.join("callgrind.out");
    let log = folder.join("callgrind.log");
    let status = under_valgrind(command, &counted, true)
        .stderr(File::create(&log)?)
        .status()
        .context("start valgrind")?;
    if !status.success() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        bail!("{} failed; it said:\n{said}", command.join(" ".as_ref()).display());
    }
    total(&counted)
}

/// Starts the daemon and returns how many instructions it takes to answer one request.
pub(crate) fn requests(
    config: &Path,
    store: &Path,
    path: &str,
    folder: &Path,
) -> anyhow::Result<u64> {
    let counted = folder.join("callgrind.out");
    // Another process may take the port before the daemon does; then the daemon fails, and so does the benchmark.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let with_server = folder.join("with-server.toml");
    let section = format!("\n[server]\nlisten = \"127.0.0.1:{port}\"\n");
    fs::write(&with_server, fs::read_to_string(config)? + &section)?;
    let command = [
        env!("CARGO_BIN_EXE_gazetted").into(),
        "--config".into(),
        with_server.into_os_string(),
        "-q".into(),
        "run".into(),
    ];
    let log = folder.join("callgrind.log");
    let mut daemon = under_valgrind(&command, &counted, false)
        .stderr(File::create(&log)?)
        .spawn()
        .context("start valgrind")?;
    let asked = ask(&daemon, port, store, path);
    kill(Pid::from_raw(i32::try_from(daemon.id())?), Signal::SIGTERM)?;
    daemon.wait()?;
    asked.with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
    Ok(total(&counted)? / u64::from(REQUESTS))
}

/// Makes the requests, of which only the last ones are counted.
fn ask(daemon: &Child, port: u16, store: &Path, path: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    while request(port, "/readyz").is_err() || !is_indexed(store)? {
        ensure!(began.elapsed() < LONGEST_START, "the daemon did not start and index the articles");
        sleep(Duration::from_millis(100));
    }
    for _ in 0..REQUESTS_BEFORE {
        request(port, path)?;
    }
    count(daemon, "on")?;
    for _ in 0..REQUESTS {
        request(port, path)?;
    }
    count(daemon, "off")
}

/// Whether the text index holds every article. The work of the daemon on the index would be counted with the requests.
fn is_indexed(store: &Path) -> anyhow::Result<bool> {
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let behind = "SELECT NOT EXISTS (
        SELECT 1 FROM article WHERE seq > (SELECT value FROM meta WHERE key = 'indexed_seq'))";
    Ok(store.query_row(behind, [], |row| row.get(0))?)
}

/// Switches counting on or off.
fn count(daemon: &Child, state: &str) -> anyhow::Result<()> {
    let output = Command::new("callgrind_control")
        .arg(format!("--instr={state}"))
        .arg(daemon.id().to_string())
        .output()
        .context("start callgrind_control, which belongs to valgrind")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && said.contains("OK"), "callgrind_control said: {said}");
    Ok(())
}

/// Requests a page, which must be there.
fn request(port: u16, path: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let first = reply.split(|byte| *byte == b'\r').next().unwrap_or_default();
    ensure!(first == b"HTTP/1.1 200 OK", "{path}: {}", String::from_utf8_lossy(first));
    Ok(())
}

fn under_valgrind(command: &[OsString], counted: &Path, from_start: bool) -> Command {
    let mut valgrind = Command::new("valgrind");
    let mut out = OsString::from("--callgrind-out-file=");
    out.push(counted);
    valgrind.args(["--quiet", "--tool=callgrind"]).arg(out);
    valgrind.arg(format!("--instr-atstart={}", if from_start { "yes" } else { "no" }));
    // A thread runs for so long before another one does. Without it, threads that wait for each other take turns at random.
    valgrind.arg("--fair-sched=yes");
    valgrind.args(command).stdin(Stdio::null()).stdout(Stdio::null());
    valgrind
}

/// The sum that callgrind has written.
fn total(counted: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(counted).context("callgrind wrote no counts")?;
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    Ok(line.context("callgrind wrote no totals")?.trim().parse()?)
}

/// Millions with one digit behind the point.
#[expect(clippy::cast_precision_loss, reason = "a count of one run is far below 2^53")]
fn millions(instructions: u64) -> f64 {
    (instructions as f64 / 1e5).round() / 10.0
}
