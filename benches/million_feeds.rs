//! Measures the program with a list of very many feeds, most of which are not due. See docs/benchmarks.md.
//!
//! `cargo bench --bench million_feeds -- FOLDER --feeds 1000000` makes the list, the configuration and the store in FOLDER and
//! prints a table of figures beside their targets. Without a folder it does nothing, so that `cargo bench` continues. It
//! needs Linux: the feeds are on addresses of 127.0.0.0/8, and memory and CPU time are read from /proc.
#![expect(clippy::print_stdout, reason = "the report is what it is for")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use gazetted::config::{Config, load};
use gazetted::domain::poll::{NextPoll, Reason};
use gazetted::domain::time::{TimeDelta, Timestamp};
use gazetted::passes::poll::{Poller, Wanted};
use gazetted::passes::sync::sync;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often a feed is claimed.
const CLAIMS: u32 = 200;

/// The longest wait for the daemon.
const DEADLINE: Duration = Duration::from_mins(5);

#[derive(Parser)]
struct Args {
    /// An empty folder, or one that does not exist
    folder: Option<PathBuf>,
    #[arg(long, default_value_t = 1_000_000)]
    feeds: u64,
    /// The part of the feeds, in hundredths, that is due within the next hour. The others are due in a day
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    due: u64,
    /// How long the CPU time of the daemon is measured
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let Some(folder) = &args.folder else { return Ok(()) };
    fs::create_dir_all(folder)?;
    ensure!(fs::read_dir(folder)?.next().is_none(), "{} is not empty", folder.display());
    let feeds = serve()?;
    let pages = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let bench = Bench { config: folder.join("gazetted.toml"), folder: folder.clone(), pages };
    let text = format!(
        "[schedule]\nevery = \"1d\"\n[fetch]\nallow_private = true\nper_host = 2\n\
         [server]\nlisten = \"127.0.0.1:{pages}\"\n[[feed_lists]]\nfile = \"feeds.csv\"\n"
    );
    fs::write(&bench.config, text)?;
    write_list(&folder.join("feeds.csv"), args.feeds, feeds)?;
    println!("{} feeds, {} % of them due within an hour\n", args.feeds, args.due);
    println!("{:<44}{:>12}{:>12}", "", "measured", "target");
    bench.measure(&args)
}

/// The files of the benchmark.
struct Bench {
    folder: PathBuf,
    config: PathBuf,
    /// The port of the pages.
    pages: u16,
}

fn row(name: &str, measured: &str, target: &str) {
    println!("{name:<44}{measured:>12}{target:>12}");
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", 1_000.0 * time.as_secs_f64())
}

impl Bench {
    fn measure(&self, args: &Args) -> Result<()> {
        let (took, peak) = self.run(&["check"])?;
        row("check", &seconds(took), "10 s");
        row("  peak memory", &mebibytes(peak), "1024 MiB");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let took = runtime.block_on(self.fill(args.due))?;
        row("the list into an empty store", &seconds(took), "10 s");
        let began = Instant::now();
        let mut daemon = self.start()?;
        row("start until ready", &seconds(began.elapsed()), "10 s");
        row("  peak memory", &mebibytes(daemon.memory("VmHWM")?), "1024 MiB");
        thread::sleep(Duration::from_secs(10)); // The first claims and the passes at the start.
        row("memory 10 s later", &mebibytes(daemon.memory("VmRSS")?), "1024 MiB");
        let (before, began) = (daemon.cpu()?, Instant::now());
        thread::sleep(Duration::from_secs(args.seconds));
        let (cpu, elapsed) = (daemon.cpu()? - before, began.elapsed().as_secs_f64());
        row("CPU of the daemon", &format!("{:.2} %", 100.0 * cpu / elapsed), "");
        let due_an_hour = u32::try_from(args.feeds * args.due / 100)?;
        let polls = f64::from(due_an_hour) * elapsed / 3_600.0;
        row("  for each feed that was due meanwhile", &format!("{:.2} ms", 1e3 * cpu / polls), "");
        row("memory of the idle daemon", &mebibytes(daemon.memory("VmRSS")?), "1024 MiB");
        row("/", &milliseconds(median(9, || self.get("/"))?), "20 ms");
        row("/feeds", &milliseconds(median(3, || self.get("/feeds"))?), "20 ms");
        row("status", &seconds(self.run(&["status"])?.0), "");
        let took = self.reload(&daemon)?;
        row("reload with one more feed", &seconds(took), "10 s");
        row("  peak memory", &mebibytes(daemon.memory("VmHWM")?), "1024 MiB");
        daemon.stop()?;
        let (wall, cpu) = runtime.block_on(self.claim())?;
        row("a claim, with the wait of the writer", &milliseconds(wall), "");
        row("  its CPU time", &milliseconds(cpu), "2 ms");
        Ok(())
    }

    /// Stores the list, and plans the polls, of which `due` of a hundred are within an hour.
    async fn fill(&self, due: u64) -> Result<Duration> {
        let config = self.load()?;
        let store = config.store.location.open()?;
        let (began, now) = (Instant::now(), now()?);
        let synced = sync(&store, &config, now).await?;
        let took = began.elapsed();
        let plan = |n: u64| {
            let (within, after) = if n % 100 < due { (3_600, 60) } else { (86_400, 86_400) };
            let wait = i64::try_from(after + n.wrapping_mul(0x9E37_79B9) % within)?;
            anyhow::Ok(NextPoll {
                at: Some(now + TimeDelta::seconds(wait)),
                because: Reason::Interval,
            })
        };
        let plans: Result<Vec<_>> =
            synced.feeds.ids().zip(0..).map(|(id, n)| Ok((id, plan(n)?))).collect();
        for plans in plans?.chunks(10_000) {
            store.replan(plans.to_vec()).await?;
        }
        Ok(took)
    }

    /// The median time of a claim of one feed, and the mean CPU time of this process for it.
    async fn claim(&self) -> Result<(Duration, Duration)> {
        let config = self.load()?;
        let store = config.store.location.open()?;
        let synced = sync(&store, &config, now()?).await?;
        let poller = Poller::new(store, &config, synced.feeds)?;
        let mut times = Vec::new();
        let before = cpu("self")?;
        for _ in 0..CLAIMS {
            let began = Instant::now();
            poller.claim(Wanted { limit: 1, ..Wanted::default() }, now()?).await?;
            times.push(began.elapsed());
        }
        let mean = Duration::from_secs_f64((cpu("self")? - before) / f64::from(CLAIMS));
        times.sort_unstable();
        Ok((times.get(times.len() / 2).copied().context("no claim")?, mean))
    }

    fn load(&self) -> Result<Config> {
        Ok(load(&self.config, &|_| None, now()?)?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gazetted"));
        command.arg("--config").arg(&self.config).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end. Returns its time and its peak memory in KiB, which is looked at each 5 ms.
    fn run(&self, arguments: &[&str]) -> Result<(Duration, u64)> {
        let began = Instant::now();
        let child = self.command(arguments).stdout(Stdio::null()).spawn()?;
        let mut process = Process(child);
        let mut peak = 0;
        loop {
            peak = process.memory("VmHWM").unwrap_or_default().max(peak);
            if let Some(status) = process.0.try_wait()? {
                ensure!(status.success(), "{arguments:?} ended with {status}");
                return Ok((began.elapsed(), peak));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the daemon and waits until it is ready.
    fn start(&self) -> Result<Process> {
        let log = File::create(self.folder.join("log"))?;
        let mut command = self.command(&["--log-format", "json", "run"]);
        let mut daemon = Process(command.stdout(Stdio::null()).stderr(log).spawn()?);
        let began = Instant::now();
        while !self.get("/readyz").is_ok_and(|reply| reply.starts_with("HTTP/1.1 200")) {
            ensure!(daemon.0.try_wait()?.is_none(), "the daemon has ended: see the log");
            ensure!(began.elapsed() < DEADLINE, "the daemon does not get ready");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(daemon)
    }

    /// Adds a feed and has the daemon read the configuration again. Returns the time until it is in force.
    fn reload(&self, daemon: &Process) -> Result<Duration> {
        let mut list = File::options().append(true).open(self.folder.join("feeds.csv"))?;
        writeln!(list, "http://127.0.0.1:9/added,,,")?;
        let began = Instant::now();
        kill(daemon.id()?, Signal::SIGHUP)?;
        while began.elapsed() < DEADLINE {
            let log = BufReader::new(File::open(self.folder.join("log"))?);
            for line in log.lines() {
                if line?.contains("configuration reloaded") {
                    return Ok(began.elapsed());
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the daemon does not reload")
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.pages))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        Ok(String::from_utf8_lossy(&reply).into_owned())
    }
}

/// A running program.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Process {
    fn id(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.0.id())?))
    }

    fn stop(&mut self) -> Result<()> {
        kill(self.id()?, Signal::SIGTERM)?;
        self.0.wait()?;
        Ok(())
    }

    /// A value of /proc/PID/status in KiB.
    fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = value.and_then(|value| value.split_whitespace().next()).context("no memory")?;
        Ok(value.parse()?)
    }

    /// User and system time in seconds.
    fn cpu(&self) -> Result<f64> {
        cpu(&self.0.id().to_string())
    }
}

/// The CPU time of a process, in seconds.
fn cpu(process: &str) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program, in parentheses, is the second field.
    let (_, rest) = stat.rsplit_once(')').context("no times")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("no times")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0) // 100 ticks a second on Linux.
}

fn mebibytes(kibibytes: u64) -> String {
    format!("{} MiB", kibibytes / 1_024)
}

#[expect(clippy::disallowed_methods, reason = "the daemon compares the plans with the clock")]
fn now() -> Result<Timestamp> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Timestamp::from_timestamp(i64::try_from(since.as_secs())?, 0).context("no such time")
}

fn median<T>(times: usize, mut work: impl FnMut() -> Result<T>) -> Result<Duration> {
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        work()?;
        taken.push(began.elapsed());
    }
    taken.sort_unstable();
    taken.get(times / 2).copied().context("nothing was measured")
}

/// Writes the list: three tenths of the feeds are on a hundred large hosts, the others on hosts of one to four feeds.
fn write_list(path: &Path, feeds: u64, port: u16) -> Result<()> {
    const TAGS: [&str; 5] = ["news", "blog", "news;en", "", "science"];
    let mut list = BufWriter::new(File::create(path)?);
    writeln!(list, "url,name,tags,every")?;
    for n in 0..feeds {
        let host = if n % 10 < 3 {
            1 + n / 10 % 100
        } else {
            0x1_0000 + n * 2_654_435_761 % (feeds / 2 + 1)
        };
        let [_, a, b, c] = u32::try_from(host % 0x00FF_FFFF)?.to_be_bytes();
        let tags = TAGS.get(usize::try_from(n % 7)?).copied().unwrap_or_default();
        let every = if n.is_multiple_of(10) { "6h" } else { "" };
        writeln!(
            list,
            "http://127.{a}.{b}.{c}:{port}/feeds/{n}.xml,Feed number {n},{tags},{every}"
        )?;
    }
    Ok(list.flush()?)
}

/// Serves one small feed at all addresses of 127.0.0.0/8. Returns the port.
fn serve() -> Result<u16> {
    const FEED: &str = "<rss version=\"2.0\"><channel><title>A feed</title><link>https://example.org/</link>\
        <description>d</description><item><guid>1</guid><title>One</title></item></channel></rss>";
    let listener = TcpListener::bind("0.0.0.0:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, FEED));
        }
    });
    Ok(port)
}

fn answer(mut stream: TcpStream, feed: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? != 0 && line != "\r\n" {
        line.clear();
    }
    let length = feed.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{feed}"
    )
}
