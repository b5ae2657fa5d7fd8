//! Measures what polling many feeds costs, compared with a baseline ([`bare`]). See docs/benchmarks.md.
//!
//! `cargo bench --bench end_to_end -- --feeds 1000 --modes cold,churn`

mod bare;
mod corpus;
mod count;
mod formats;
mod measure;
mod plan;
mod report;
mod server;
mod text;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use postgres::{Client, NoTls};
use rusqlite::{Connection, OpenFlags};

use corpus::{Corpus, Document};
use report::Sample;
use server::{Hosts, Replies, Server};

/// What the server responds with. Each store is polled in these modes, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[repr(u8)]
pub enum Mode {
    /// Nothing is known. This mode is always run first, because the others need a filled store.
    Cold,
    /// The response to every conditional request is 304.
    NotModified,
    /// The same bodies again, from a server without validators.
    SameBody,
    /// Every feed has some new entries and some edited ones; most entries are unchanged.
    Churn,
}

impl Mode {
    pub const ALL: [Self; 4] = [Self::Cold, Self::NotModified, Self::SameBody, Self::Churn];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::NotModified => "not-modified",
            Self::SameBody => "same-body",
            Self::Churn => "churn",
        }
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    Gazetted,
    Fetch,
    Parse,
    Insert,
}

impl Subject {
    pub const ALL: [Self; 4] = [Self::Gazetted, Self::Fetch, Self::Parse, Self::Insert];

    pub fn name(self) -> &'static str {
        match self {
            Self::Gazetted => "gazetted",
            Self::Fetch => "bare fetch",
            Self::Parse => "bare parse",
            Self::Insert => "bare insert",
        }
    }

    fn depth(self) -> Option<&'static str> {
        match self {
            Self::Gazetted => None,
            Self::Fetch => Some("fetch"),
            Self::Parse => Some("parse"),
            Self::Insert => Some("insert"),
        }
    }

    fn store(self) -> Option<&'static str> {
        match self {
            Self::Gazetted => Some("gazetted.db"),
            Self::Fetch | Self::Parse => None,
            Self::Insert => Some("bare.db"),
        }
    }
}

/// Polls many local feeds with gazetted and with the baseline, and compares what they cost.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// How many feeds
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    feeds: u32,
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Mode::ALL)]
    modes: Vec<Mode>,
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Subject::ALL)]
    subjects: Vec<Subject>,
    /// Number of rounds; the table shows medians
    #[arg(long, default_value_t = 3)]
    runs: u32,
    #[arg(long, value_enum, default_value_t = Hosts::Each)]
    hosts: Hosts,
    /// Requests in flight
    #[arg(long, default_value_t = 64)]
    concurrency: u32,
    /// The mean time in milliseconds that the server takes before a response
    #[arg(long, default_value_t = 0, value_name = "MS", conflicts_with = "count")]
    latency: u32,
    /// Have gazetted store in this database of PostgreSQL, whose schema `gazetted` is emptied before each round
    #[arg(long, value_name = "URL", conflicts_with = "count")]
    postgres: Option<String>,
    /// Documents are so many times as small as those of real feeds
    #[arg(long, default_value_t = NonZero::<usize>::MIN)]
    shrink: NonZero<usize>,
    /// Another seed, other feeds
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the stores and the configuration of the last round here
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Count the instructions of gazetted, one round, and those of a page and a search (wants valgrind)
    #[arg(long, conflicts_with_all = ["subjects", "runs", "keep"])]
    count: bool,
    /// Write the counts to this file
    #[arg(long, value_name = "FILE", requires = "count")]
    save: Option<PathBuf>,
    /// Compare the counts with those in this file
    #[arg(long, value_name = "FILE", requires = "count")]
    compare: Option<PathBuf>,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The subcommands with which this program starts itself.
#[derive(Subcommand)]
#[command(hide = true)]
enum Inner {
    Bare(bare::Task),
    Measured {
        #[arg(long)]
        open_files: u64,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.inner {
        Some(Inner::Bare(task)) => bare::run(task),
        Some(Inner::Measured { open_files, command }) => measure::measured(command, *open_files)
            .and_then(|cost| Ok(serde_json::to_writer(io::stdout(), &cost)?)),
        None if args.count => count_instructions(&args),
        None => compare(&args),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    drop(writeln!(io::stderr(), "error: {error:#}"));
    ExitCode::FAILURE
}

fn compare(args: &Args) -> anyhow::Result<()> {
    let open_files = measure::raise_open_files()?;
    let corpus =
        Arc::new(corpus::generate(args.seed, usize::try_from(args.feeds)?, args.shrink.get())?);
    report::describe(&corpus, args.seed)?;
    let latency = Duration::from_millis(args.latency.into());
    let server = Server::start(Arc::clone(&corpus), args.hosts, latency)?;
    let urls = server.urls();
    let (mut samples, mut faults) = (Vec::new(), Vec::new());
    for round in 1..=args.runs {
        let kept = args.keep.as_ref().filter(|_| round == args.runs);
        let temporary = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let folder = match kept {
            Some(folder) => {
                fs::create_dir(folder).context("--keep wants a folder that does not exist yet")?;
                folder.canonicalize()?
            }
            None => temporary.path().to_owned(),
        };
        let bench = Bench { args, corpus: &corpus, urls: &urls, folder: &folder, open_files };
        if let Some(url) = &args.postgres {
            Client::connect(url, NoTls)?.batch_execute("DROP SCHEMA IF EXISTS gazetted CASCADE")?;
        }
        let chosen = |mode: &Mode| *mode == Mode::Cold || args.modes.contains(mode);
        for mode in Mode::ALL.into_iter().filter(chosen) {
            for subject in bench.subjects(mode, round) {
                server.set(mode);
                let sample = bench.sample(mode, subject)?;
                let label = format!("round {round}, {}, {}", mode.name(), subject.name());
                writeln!(io::stderr(), "{label}: {:.3} s CPU", sample.cost.cpu.as_secs_f64())?;
                let found = bench.check(mode, subject, server.replies())?;
                faults.extend(found.into_iter().map(|fault| format!("{label}: {fault}")));
                samples.push(sample);
            }
        }
    }
    writeln!(io::stdout())?;
    report::table(&samples, &corpus)?;
    if 0 < args.latency {
        report::waiting(&samples, server.sum_of_latencies() / args.concurrency.max(1))?;
    }
    ensure!(faults.is_empty(), "the figures count for nothing:\n{}", faults.join("\n"));
    Ok(writeln!(io::stdout(), "\nEvery store holds exactly what the server offered.")?)
}

/// Counts the instructions of gazetted in each mode, and those of requests to its server.
fn count_instructions(args: &Args) -> anyhow::Result<()> {
    let open_files = measure::raise_open_files()?;
    let corpus =
        Arc::new(corpus::generate(args.seed, usize::try_from(args.feeds)?, args.shrink.get())?);
    let server = Server::start(Arc::clone(&corpus), args.hosts, Duration::ZERO)?;
    let urls = server.urls();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let bench = Bench { args, corpus: &corpus, urls: &urls, folder: folder.path(), open_files };
    let mut counts = count::Counts::new(args.feeds, args.shrink)?;
    for mode in Mode::ALL {
        server.set(mode);
        counts.add(mode.name(), count::whole_run(&bench.gazetted()?, folder.path())?)?;
        let faults = bench.check(mode, Subject::Gazetted, server.replies())?;
        ensure!(faults.is_empty(), "the count of {} counts for nothing: {faults:?}", mode.name());
    }
    let (config, store) = (folder.path().join(CONFIG), folder.path().join("gazetted.db"));
    for (name, path) in [("page", "/"), ("search", "/search?q=people+harbour")] {
        counts.add(name, count::requests(&config, &store, path, folder.path())?)?;
    }
    if let Some(path) = &args.save {
        counts.write(path)?;
    }
    args.compare.as_ref().map_or(Ok(()), |path| counts.compare(path))
}

/// The configuration of gazetted, in the folder of a round.
const CONFIG: &str = "gazetted.toml";

/// One round: a folder with the store of each subject.
struct Bench<'a> {
    args: &'a Args,
    corpus: &'a Corpus,
    urls: &'a [String],
    folder: &'a Path,
    open_files: u64,
}

impl Bench<'_> {
    /// The order rotates with each round, so that no subject always runs first. In a mode without bodies there is
    /// nothing to parse.
    fn subjects(&self, mode: Mode, round: u32) -> Vec<Subject> {
        let asked = |subject: &Subject| {
            let idle = mode == Mode::NotModified && *subject == Subject::Parse;
            !idle && self.args.subjects.contains(subject)
        };
        let mut subjects: Vec<_> = Subject::ALL.into_iter().filter(asked).collect();
        if round.is_multiple_of(2) {
            subjects.reverse();
        }
        subjects
    }

    fn sample(&self, mode: Mode, subject: Subject) -> anyhow::Result<Sample> {
        let command = match subject.depth() {
            Some(depth) => self.bare(mode, depth)?,
            None => self.gazetted()?,
        };
        let log = format!("{}-{}.log", subject.name(), mode.name()).replace(' ', "-");
        let log = self.folder.join(log);
        let cost = measure::run(&command, self.open_files, &log)?;
        let file = subject.store().filter(|_| !self.is_on_server(subject));
        let store_bytes = file.map(|name| self.size(name)).transpose()?;
        Ok(Sample { mode, subject, cost, store_bytes })
    }

    /// Whether the store of a subject is in a database of PostgreSQL.
    fn is_on_server(&self, subject: Subject) -> bool {
        matches!(subject, Subject::Gazetted) && self.args.postgres.is_some()
    }

    fn gazetted(&self) -> anyhow::Result<Vec<OsString>> {
        let path = self.folder.join(CONFIG);
        let store = match &self.args.postgres {
            Some(url) => format!("url = \"{url}\""),
            None => "path = \"gazetted.db\"".to_owned(),
        };
        let mut config = format!(
            "[store]\n{store}\n\n[fetch]\nallow_private = true\nconcurrency = {}\n",
            self.args.concurrency
        );
        for url in self.urls {
            write!(config, "\n[[feeds]]\nurl = \"{url}\"\n")?;
        }
        fs::write(&path, config)?;
        let program = env!("CARGO_BIN_EXE_gazetted").into();
        Ok(vec![
            program,
            "--config".into(),
            path.into(),
            "-q".into(),
            "poll".into(),
            "--all".into(),
        ])
    }

    fn bare(&self, mode: Mode, depth: &str) -> anyhow::Result<Vec<OsString>> {
        let list = self.folder.join(format!("bare-{depth}.list"));
        let mut text = String::new();
        for (feed, url) in self.corpus.feeds.iter().zip(self.urls) {
            let Document { etag, hash, .. } = &feed.first;
            match mode {
                Mode::Cold => writeln!(text, "{url}\t\t")?,
                Mode::NotModified | Mode::SameBody => writeln!(text, "{url}\t{etag}\t{hash:x}")?,
                Mode::Churn => writeln!(text, "{url}\t\t{hash:x}")?,
            }
        }
        fs::write(&list, text)?;
        let program = env::current_exe()?.into_os_string();
        let concurrency = self.args.concurrency.to_string();
        let mut command = vec![program, "bare".into(), "--depth".into(), depth.into()];
        command.extend(["--concurrency".into(), concurrency.into(), "--list".into(), list.into()]);
        command.extend(["--store".into(), self.folder.join("bare.db").into()]);
        if self.args.hosts == Hosts::One {
            command.push("--one-host".into());
        }
        Ok(command)
    }

    /// The size of a database and its journal, in bytes.
    fn size(&self, name: &str) -> anyhow::Result<u64> {
        let database = fs::metadata(self.folder.join(name)).context("the subject left no store")?;
        let journal = fs::metadata(self.folder.join(format!("{name}-wal")));
        Ok(database.len() + journal.map_or(0, |file| file.len()))
    }

    /// Faults that make a measurement worthless: requests that were not made, and entries that were lost, stored
    /// twice or not updated.
    /// A number of articles in the store of a subject.
    fn count(&self, subject: Subject, name: &str, what: &str) -> anyhow::Result<usize> {
        let number: i64 = match &self.args.postgres {
            Some(url) if self.is_on_server(subject) => {
                let sql = format!("SELECT {what} FROM gazetted.article");
                Client::connect(url, NoTls)?.query_one(&sql, &[])?.get(0)
            }
            _ => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
                let store = Connection::open_with_flags(self.folder.join(name), flags)?;
                store.query_row(&format!("SELECT {what} FROM article"), [], |row| row.get(0))?
            }
        };
        Ok(usize::try_from(number)?)
    }

    fn check(&self, mode: Mode, subject: Subject, replies: Replies) -> anyhow::Result<Vec<String>> {
        let feeds = self.corpus.feeds.len();
        let expected = match mode {
            Mode::NotModified => Replies { whole: 0, not_modified: feeds, refused: 0 },
            Mode::Cold | Mode::SameBody | Mode::Churn => {
                Replies { whole: feeds, not_modified: 0, refused: 0 }
            }
        };
        let mut faults = Vec::new();
        if replies != expected {
            faults.push(format!("the server answered {replies:?}, expected {expected:?}"));
        }
        let Some(name) = subject.store() else { return Ok(faults) };
        let count = |what: &str| self.count(subject, name, what);
        let feeds = &self.corpus.feeds;
        let (mut articles, mut edited) = (feeds.iter().map(|feed| feed.first.entries).sum(), 0);
        if mode == Mode::Churn {
            articles += feeds.iter().map(|feed| feed.added).sum::<usize>();
            edited = feeds.iter().map(|feed| feed.edited).sum();
        }
        for (what, found, wanted) in [
            ("articles", count("count(*)")?, articles),
            ("edited articles", count("count(*) FILTER (WHERE 0 < revision)")?, edited),
        ] {
            if found != wanted {
                faults.push(format!("the store holds {found} {what}, expected {wanted}"));
            }
        }
        Ok(faults)
    }
}
