//! The command line. The manual page and the shell completions are generated from the definitions here.

mod address;
mod changes;
mod check;
mod consumers;
mod db;
mod doctor;
mod examples;
mod explain;
mod export;
mod extract;
mod feeds;
mod filters;
mod init;
mod inspect;
mod limits;
mod man;
mod merges;
mod output;
mod poll;
mod run;
mod search;
mod show;
mod simulate;
mod status;
mod stories;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{ArgAction, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::clock;
use crate::config::{self, Config, ConfigErrors};
use crate::html::chars::without_controls;
use crate::store::{self, Reader};
use crate::telemetry::{self, LogFormat, LogSettings, events};
use output::{Output, data};

/// The exit codes. 78 is `EX_CONFIG` of sysexits.h, after which systemd does not restart the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    WrongUsage = 2,
    /// `poll` finished, but some feeds failed.
    SomeFeedsFailed = 3,
    BadConfig = 78,
}

/// The heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// Collects news: polls the feeds named in one TOML file, keeps each article once in SQLite or PostgreSQL,
/// and hands the latest on.
#[derive(Parser, Debug)]
#[command(name = "gazetted", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration [default: $GAZETTED_CONFIG, else ./gazetted.toml, else
    /// ~/.config/gazetted/gazetted.toml, else /etc/gazetted/gazetted.toml]
    #[arg(long, short, global = true, help_heading = GLOBAL, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Log more; given twice: log everything
    #[arg(long, short, global = true, help_heading = GLOBAL, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Log only warnings and errors
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    quiet: bool,
    /// How log lines are written
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value = "auto", value_name = "FORMAT")]
    log_format: LogFormatArg,
    /// Whether to use colours; auto obeys `NO_COLOR`
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value = "auto", value_name = "WHEN")]
    color: ColorArg,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormatArg {
    Auto,
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ColorArg {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// The daemon: polls on schedule, writes the scheduled exports, serves HTTP; stays in the foreground
    Run,
    /// Polls once, now: the feeds that are due, or those named
    Poll(poll::Args),
    /// Writes the latest articles, newest first
    Export(export::Args),
    /// Finds articles by words, the best first
    Search(search::Args),
    /// Shows one article: its text, the feeds it was seen in, its story, and its earlier versions
    Show(show::Args),
    /// Shows which articles were edited, the latest edit first, and the words that changed
    Changes(changes::Args),
    /// Shows the events that several articles are about, those of most sources first; splits and merges them
    Stories(stories::Args),
    /// Lists the articles that several feeds have, which are shown once, and takes that back
    #[command(subcommand)]
    Merges(merges::Verb),
    /// Lists and resets consumers, the programs that read each article once (`export --consumer`)
    #[command(subcommand)]
    Consumers(consumers::Verb),
    /// Shows the feeds and how they are doing; adds, removes, imports, exports and resets them
    Feeds(feeds::Args),
    /// Shows when a feed is polled next, which rule decided it, and how its last polls went
    Explain(explain::Args),
    /// Fetches one document and shows all that would be stored of it; writes nothing
    Inspect(inspect::Args),
    /// Extracts the article of one web page: title, authors, dates, image and text; writes nothing
    Extract(extract::Args),
    /// Validates the configuration: all faults at once
    Check(check::Args),
    /// Computes how many requests this configuration would send to each host, without sending any
    Simulate(simulate::Args),
    /// Shows the state of store and daemon
    Status(status::Args),
    /// Maintains the store: backup, check, sizes, pruning
    #[command(subcommand)]
    Db(db::Verb),
    /// Checks clock, DNS, certificates, disk, permissions, store, port and one feed, and says what to do
    Doctor(doctor::Args),
    /// Writes a commented configuration to start with
    Init(init::Args),
    /// Prints a completion script
    Completions {
        /// The shell to write it for
        shell: clap_complete::Shell,
    },
    /// Prints the manual page, or writes a file for each page
    Man(man::Args),
}

/// The global options and the environment, which all commands use.
struct Context {
    config: Option<PathBuf>,
    environment: fn(&str) -> Option<String>,
    output: Output,
    quiet: bool,
}

impl Context {
    fn config_path(&self) -> Result<PathBuf> {
        let cwd = std::env::current_dir().context("could not find the current folder")?;
        Ok(config::find(self.config.as_deref(), &self.environment, &cwd)?)
    }

    /// Loads the configuration.
    fn load(&self) -> Result<Config> {
        Ok(self.load_from(&self.config_path()?)?)
    }

    /// Loads the configuration without the feeds of `[[feed_lists]]`, for commands that only read the store.
    fn load_without_lists(&self) -> Result<Config> {
        Ok(config::load_without_lists(&self.config_path()?, &self.environment, clock::now())?)
    }

    fn load_from(&self, path: &Path) -> Result<Config, ConfigErrors> {
        load_from(path, self.environment)
    }
}

fn load_from(path: &Path, environment: fn(&str) -> Option<String>) -> Result<Config, ConfigErrors> {
    let mut config = config::load(path, &environment, clock::now())?;
    limits::choose_memory(&mut config.fetch);
    limits::bound(&mut config.fetch, config.server.is_some());
    Ok(config)
}

/// Opens the store for reading.
///
/// # Errors
/// When it cannot be opened, or when nothing has been polled yet.
fn reader(config: &Config) -> Result<Reader> {
    let location = &config.store.location;
    if location.is_missing() {
        bail!(
            "there is no store at {location} yet; `gazetted poll` makes it and collects articles"
        );
    }
    Ok(location.reader()?)
}

/// Runs a command line. Usage errors, `--help` and `--version` have the exit codes of clap.
pub fn main(
    arguments: impl Iterator<Item = OsString>,
    environment: fn(&str) -> Option<String>,
) -> std::process::ExitCode {
    let parsed = examples::command().try_get_matches_from(arguments);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(usage) => {
            usage.print().ok();
            return u8::try_from(usage.exit_code()).unwrap_or(2).into();
        }
    };
    let output = Output::new(match cli.color {
        ColorArg::Auto => anstream::ColorChoice::Auto,
        ColorArg::Always => anstream::ColorChoice::Always,
        ColorArg::Never => anstream::ColorChoice::Never,
    });
    limits::prepare();
    store::on_copy(events::store_kept);
    let context = Context { config: cli.config.clone(), environment, output, quiet: cli.quiet };
    let exit = start_logging(&cli, &context).and_then(|()| dispatch(cli.command, &context));
    (exit.unwrap_or_else(|error| report(&error, &context.output)) as u8).into()
}

fn dispatch(command: Command, context: &Context) -> Result<Exit> {
    match command {
        Command::Run => run::run(context),
        Command::Poll(args) => poll::run(args, context),
        Command::Export(args) => export::run(&args, context),
        Command::Search(args) => search::run(&args, context),
        Command::Show(args) => show::run(&args, context),
        Command::Changes(args) => changes::run(&args, context),
        Command::Stories(args) => stories::run(&args, context),
        Command::Merges(verb) => merges::run(&verb, context),
        Command::Consumers(verb) => consumers::run(&verb, context),
        Command::Feeds(args) => feeds::run(&args, context),
        Command::Explain(args) => explain::run(&args, context),
        Command::Inspect(args) => inspect::run(&args, context),
        Command::Extract(args) => extract::run(args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Simulate(args) => simulate::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Db(verb) => db::run(&verb, context),
        Command::Doctor(args) => doctor::run(&args, context),
        Command::Init(args) => init::run(&args, context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut examples::command(), "gazetted", &mut script);
            data(|out| out.write_all(&script))?;
            Ok(Exit::Done)
        }
        Command::Man(args) => man::run(&args, context),
    }
}

fn start_logging(cli: &Cli, context: &Context) -> Result<()> {
    let daemon = matches!(cli.command, Command::Run);
    // All commands except the daemon print their errors themselves and log only with --verbose.
    let silent = if daemon { -1 } else { -2 };
    let verbosity = match (cli.quiet, cli.verbose) {
        (true, _) => silent,
        (false, 0) => {
            if daemon {
                0
            } else {
                silent
            }
        }
        (false, n) => i8::try_from(n).unwrap_or(i8::MAX) - i8::from(!daemon),
    };
    let filter = (context.environment)("GAZETTED_LOG");
    let settings = LogSettings {
        format: match cli.log_format {
            LogFormatArg::Auto => LogFormat::Auto,
            LogFormatArg::Text => LogFormat::Text,
            LogFormatArg::Json => LogFormat::Json,
        },
        verbosity,
        color: context.output.stderr_color(),
        under_journald: (context.environment)("JOURNAL_STREAM").is_some(),
        env_filter: filter.as_deref(),
    };
    telemetry::init(&settings, context.output.log_writer())?;
    Ok(())
}

/// Prints the error: the faults of a configuration, or the chain of causes of another error.
fn report(error: &anyhow::Error, output: &Output) -> Exit {
    let pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(pipe) {
        return Exit::Done; // The reader closed the pipe, as in `gazetted export | head`.
    }
    if let Some(faults) = error.downcast_ref::<ConfigErrors>() {
        output.note(&faults.render(output.stderr_color()));
        return Exit::BadConfig;
    }
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        let text = usage.render().to_string();
        output.error(&without_controls(text.trim_start_matches("error: ").trim_end()));
        return Exit::WrongUsage;
    }
    // The error may contain text from a feed or a server.
    let lines: Vec<String> =
        format!("{error:#}").lines().map(|line| without_controls(line).into_owned()).collect();
    output.error(&lines.join("\n"));
    if let Some(advice) = limits::advice() {
        output.note(&advice);
    }
    if error.downcast_ref::<config::NotFound>().is_some() { Exit::BadConfig } else { Exit::Failed }
}
