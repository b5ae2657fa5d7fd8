//! Runs the daemon for a long time against many good feeds and some malicious ones. It checks that the memory does
//! not grow, that every good feed is polled on time, and that every article is stored. See docs/benchmarks.md.
//!
//! `cargo bench --bench soak -- --feeds 2000 --minutes 30`

mod faults;
mod server;
mod slow;
mod watch;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::{Connection, OpenFlags};

use server::Site;
use slow::SLOW;
use watch::{Footprint, lateness};

/// Runs the daemon against many local feeds, some of them malicious, and watches it.
#[derive(Parser)]
struct Args {
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    feeds: u32,
    /// How many of the feeds misbehave at every other request
    #[arg(long, default_value_t = 400)]
    malicious: u32,
    /// How many of the malicious feeds send documents that take long to read
    #[arg(long, default_value_t = 40)]
    slow: u32,
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Minutes at the start in which growth is not measured
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Interval of each feed, in seconds
    #[arg(long, default_value_t = 30)]
    every: u64,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match soak(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn soak(args: &Args) -> anyhow::Result<()> {
    ensure!(args.warm_up < args.minutes, "--warm-up must be shorter than --minutes");
    ensure!(args.malicious < args.feeds, "--malicious must be less than --feeds");
    let slow = args.slow.min(args.malicious);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let site = Arc::new(Site::new(args.feeds as usize, args.malicious as usize, slow as usize));
    LazyLock::force(&SLOW); // Otherwise the first request would wait for all documents.
    let port = server::start(Arc::clone(&site))?;
    let config = folder.path().join("gazetted.toml");
    fs::write(&config, configuration(args, port)?)?;
    let log = folder.path().join("log");

    let mut daemon = Daemon::start(&config, &log)?;
    let footprints = watch_over(&mut daemon, args, &site)?;
    let (ended, took) = daemon.stop()?;

    site.behave();
    let last = program(&config, &["--quiet", "poll", "--all", "--force"])
        .stderr(Stdio::null())
        .status()?;
    let sound = program(&config, &["db", "check"]).output()?;
    let log = fs::read_to_string(&log)?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} feeds, {} of them malicious, {slow} of these slow to read, every {} s",
        args.feeds, args.malicious, args.every
    )?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    writeln!(out, "load of the machine: {}", load.trim())?;
    writeln!(out, "replies: {}", site.replies())?;
    watch::table(&mut out, &footprints)?;
    let lateness = lateness(&log, &site)?;
    writeln!(out, "{lateness}")?;
    writeln!(out, "SIGTERM: {ended} in {:.2} s", took.as_secs_f64())?;

    let mut faults = watch::growth(&footprints, Duration::from_mins(args.warm_up));
    faults.extend(lateness.faults(site.good()));
    faults.extend(store_faults(&folder.path().join("gazetted.db"), &site)?);
    let mut expect = |right: bool, fault: String| faults.extend((!right).then_some(fault));
    expect(ended.success(), format!("the daemon ended with {ended}"));
    expect(!log.contains("panicked"), "something panicked".to_owned());
    expect(last.success(), format!("the last poll of all feeds, all well-behaved by then: {last}"));
    let said = String::from_utf8_lossy(&sound.stdout);
    expect(sound.status.success(), format!("db check: {said}"));
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(writeln!(out, "Flat, on time, and the store holds exactly what was offered.")?)
}

fn configuration(args: &Args, port: u16) -> anyhow::Result<String> {
    let mut config = String::from(
        "[store]\npath = \"gazetted.db\"\n\n[fetch]\nallow_private = true\nmax_body = \"6MiB\"\n\
         timeout = \"5s\"\nconcurrency = 128\n",
    );
    for feed in 0..args.feeds {
        let [high, low] = [feed / 250, feed % 250 + 1];
        write!(
            config,
            "\n[[feeds]]\nurl = \"http://127.1.{high}.{low}:{port}/{feed}\"\nevery = \"{}s\"\n",
            args.every
        )?;
    }
    Ok(config)
}

fn program(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gazetted"));
    command.arg("--config").arg(config).args(arguments).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().to_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}

/// Takes a measurement every five seconds until the time is over.
fn watch_over(daemon: &mut Daemon, args: &Args, site: &Site) -> anyhow::Result<Vec<Footprint>> {
    let begun = Instant::now();
    let mut footprints = Vec::new();
    while begun.elapsed() < Duration::from_mins(args.minutes) {
        thread::sleep(Duration::from_secs(5));
        if let Some(status) = daemon.child.try_wait()? {
            bail!("the daemon ended by itself: {status}");
        }
        let seen = Footprint::of(daemon.child.id(), begun.elapsed())?;
        if footprints.len() % 12 == 0 {
            writeln!(io::stderr(), "{seen}, {}", site.replies())?;
        }
        footprints.push(seen);
    }
    Ok(footprints)
}

/// The articles that are missing in the store, and those in the store that no feed contained.
fn store_faults(path: &Path, site: &Site) -> anyhow::Result<Vec<String>> {
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut query = store.prepare(
        "SELECT feed.url, count(article.id) FROM feed LEFT JOIN article ON article.feed_id = feed.id \
         GROUP BY feed.id",
    )?;
    let counts =
        query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?)))?;
    let mut faults = Vec::new();
    for count in counts {
        let (url, found) = count?;
        let feed = url.rsplit('/').next().and_then(|feed| feed.parse().ok());
        let feed = feed.context("a feed of another test")?;
        let offered = site.offered(feed);
        // Some documents of the malicious feeds can be read as feeds.
        if found < offered || (found > offered && !site.is_malicious(feed)) {
            faults.push(format!("{url}: {offered} articles offered, {found} in the store"));
        }
    }
    Ok(faults)
}

/// The daemon. It is killed on drop, so that a failed soak leaves no process behind.
struct Daemon {
    child: Child,
}

impl Daemon {
    fn start(config: &Path, log: &Path) -> anyhow::Result<Self> {
        let mut command = program(config, &["-v", "--log-format", "json", "run"]);
        let child = command.stdout(Stdio::null()).stderr(File::create(log)?).spawn()?;
        Ok(Self { child })
    }

    fn stop(&mut self) -> anyhow::Result<(ExitStatus, Duration)> {
        let begun = Instant::now();
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        Ok((self.child.wait()?, begun.elapsed()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
