//! The TOML configuration file, checked as a whole.
//!
//! [`find()`] locates the file, and [`load()`] reads it with all files that it includes. `syntax` parses the
//! text to a tree that knows the place of each value, `reader` reads the tree key by key (`keys` is the
//! table of known keys), and `sections`, `feeds`, `full_text`, `exports`, `hooks`, `server` and `json_map` turn each table
//! into values. A fault stops nothing: all faults are collected and shown together (`fault`), with
//! asterisks in the place of secrets (`redact`).
//!
//! A new key needs an entry in `keys`, a line where its table is read, and a line in
//! `config/gazetted.example.toml`; tests fail if one of the last two is missing.

pub mod edit;
#[cfg(test)]
mod example_tests;
mod exports;
mod fault;
mod feed_lists;
mod feeds;
mod find;
mod full_text;
mod hooks;
mod json_map;
mod keys;
mod lines;
mod list_lines;
mod load;
mod reader;
mod redact;
pub mod reference;
mod secrets;
mod sections;
mod server;
pub mod starter;
mod syntax;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::article_page::model::{Mode, SiteRules};
use crate::domain::feed::FeedSpec;
use crate::domain::hook::Hook;
use crate::domain::json_map::JsonMap;
use crate::domain::location::Location;
use crate::domain::named_enum::named_enum;
use crate::domain::query::Query;
use crate::domain::request::{FetchSettings, RequestSpec, Secret};
use crate::domain::time::{TimeDelta, Zone};
use crate::export::Shape;
use crate::feed::entry_filter::EntryFilter;
use crate::polling::schedule::{Cadence, Policy};

pub use fault::{ConfigErrors, Fault};
pub use find::{NotFound, find};
pub use load::{load, load_without_lists};
pub use secrets::secret_in;

/// The default of `store.path`, in the folder of the configuration file.
pub const DEFAULT_STORE: &str = "gazetted.db";

/// The default of `max_entries`: far more entries than feeds contain, and few enough to parse quickly.
pub const DEFAULT_MAX_ENTRIES: usize = 2000;

/// The default of `keep_revisions`: more versions than a reader looks at, and few enough for an article that
/// changes at every poll.
pub const DEFAULT_KEEP_REVISIONS: u32 = 20;

/// The default limit of a scheduled export, in articles. Without a limit the file would grow for ever.
pub const DEFAULT_LIMIT: u64 = 200;

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Absolute path of the main file.
    pub path: PathBuf,
    pub store: StoreConfig,
    pub fetch: FetchSettings,
    pub full_text: FullTextConfig,
    /// `None` means that no server is started.
    pub server: Option<ServerConfig>,
    /// The rules of the top level. Each feed's filter contains them already.
    pub entry_filter: EntryFilter,
    /// The time zone of everything that is shown to people.
    pub zone: Zone,
    /// Whether articles that are dated ahead are left out until their time has come.
    pub hide_future: bool,
    /// The files of the configuration, if the daemon reloads it when one of them changes.
    pub watched: Option<Vec<PathBuf>>,
    /// Those of the `[[feeds]]` tables, then those of the lists.
    pub feeds: Arc<[FeedConfig]>,
    pub notes: Vec<Note>,
    pub exports: Vec<ExportConfig>,
}

/// `[store]`.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The path of a file is absolute.
    pub location: Location,
    /// The number of earlier versions that are kept of an edited article.
    pub keep_revisions: u32,
    /// How long articles are kept; `None` means for ever.
    pub keep: Option<TimeDelta>,
}

/// `[server]`. In a value of this type, `listen` is a loopback address, or there is a token, or `public` is
/// true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    /// Visible ASCII characters without spaces.
    pub token: Option<Secret>,
    /// Whether reading requires no token. Commands (reload, poll) require it in any case.
    pub public: bool,
    /// The `WebSub` hub that exports name; an `http` or `https` URL. gazetted itself does not publish to it.
    pub hub: Option<String>,
    /// The path that a proxy serves it below, with a slash at both ends; `/` for none.
    pub base: String,
    /// How the pages show lists of articles, unless a request says otherwise.
    pub view: ListView,
    /// Whether the pages have a script with keyboard shortcuts. Without it they have no script.
    pub shortcuts: bool,
    /// Whether the icons of the sites of feeds are requested and shown.
    pub favicons: bool,
    /// The time zone of the pages.
    pub zone: Zone,
}

named_enum! {
    /// How a page shows a list of articles.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum ListView {
        /// Title, feed, time, the beginning of the text and a small picture, one article below the other.
        #[default]
        List = "list",
        /// One line for each article: time, feed and title.
        Compact = "compact",
        /// A grid of cards: picture, title and the beginning of the text.
        Cards = "cards",
    }
}

/// A configured feed, with the defaults of `[schedule]` and `[fetch]` applied. A copy shares everything with its original.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    pub spec: Arc<FeedSpec>,
    /// Feeds that are configured alike share one value.
    pub settings: Arc<FeedSettings>,
    pub origin: Origin,
}

/// How a feed is polled and read: all that many feeds have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedSettings {
    pub policy: Policy,
    pub request: RequestSpec,
    /// The largest number of entries that are read from one document; the newest are kept.
    pub max_entries: usize,
    /// Whether consumers hear only of what comes after the first poll.
    pub quiet_start: bool,
    /// Which entries are kept.
    pub entry_filter: EntryFilter,
    /// How long its articles are kept, if not as `[store]` says.
    pub keep: Option<Keep>,
    /// How to read a JSON document that is not a JSON Feed.
    pub map: Option<JsonMap>,
    /// Whether the pages of its articles are fetched.
    pub full_text: bool,
    /// The feed's own rules for its article pages.
    pub page_rules: SiteRules,
}

/// `[full_text]`: how the pages of articles are fetched and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTextConfig {
    /// The maximum number of pages that are requested at the same time, at least 1.
    pub concurrency: usize,
    /// The maximum number of pages that one host is asked for on one day (UTC).
    pub per_host_per_day: u64,
    pub mode: Mode,
    /// The time after which the page of a young article is requested again.
    pub refresh: TimeDelta,
    /// Whether robots.txt and what a page says to robots are obeyed.
    pub obey_robots: bool,
    pub sites: Vec<SitePages>,
}

impl Default for FullTextConfig {
    fn default() -> Self {
        Self {
            concurrency: 8,
            per_host_per_day: 500,
            mode: Mode::Best,
            refresh: TimeDelta::hours(6),
            obey_robots: true,
            sites: Vec::new(),
        }
    }
}

impl FullTextConfig {
    /// The rules for a page of `feed` on this host: those of the feed, else those of the host or of the nearest domain
    /// above it.
    pub fn rules_for(&self, feed: &FeedSettings, host: &str) -> SiteRules {
        if feed.page_rules != SiteRules::default() {
            return feed.page_rules.clone();
        }
        let is_below = |site: &&SitePages| {
            let above = host.strip_suffix(site.host.as_str());
            above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
        };
        let nearest = self.sites.iter().filter(is_below).max_by_key(|site| site.host.len());
        nearest.map(|site| site.rules.clone()).unwrap_or_default()
    }
}

/// One of `[[full_text.sites]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePages {
    /// In lower case. The hosts below it are meant as well.
    pub host: String,
    pub rules: SiteRules,
}

/// How long articles are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Forever,
    For(TimeDelta),
}

/// The place of a feed in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Absolute.
    pub file: Arc<Path>,
    pub place: OriginPlace,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            OriginPlace::Table(_) => write!(f, "{}", self.file.display()),
            OriginPlace::Line(line) => write!(f, "{}:{line}", self.file.display()),
        }
    }
}

/// The place of a feed in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginPlace {
    /// Position among the `[[feeds]]` tables, from 0.
    Table(u32),
    /// The line of a list (`[[feed_lists]]`), from 1.
    Line(u32),
}

/// What the user of a valid configuration may not expect.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Path of the file as it was given.
    pub file: String,
    /// From 1; absent when the note concerns the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    pub message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, message } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}: {message}"),
            None => write!(f, "{file}: {message}"),
        }
    }
}

/// One of `[[exports]]`.
#[derive(Clone, Debug)]
pub struct ExportConfig {
    pub target: Target,
    pub trigger: Trigger,
    /// The articles to export. Its limit applies to the whole file, or to one delivery.
    pub query: Query,
}

/// Where a scheduled export goes.
#[derive(Clone, Debug)]
pub enum Target {
    File(FileTarget),
    Hook(Hook),
}

/// A file that each export replaces as a whole.
#[derive(Clone, Debug)]
pub struct FileTarget {
    /// Absolute.
    pub path: PathBuf,
    pub shape: Shape,
    pub heading: ExportHeading,
}

/// What a feed or page that is exported says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportHeading {
    /// `None` for a title that names the filters.
    pub title: Option<String>,
    /// The web page that shows the same articles.
    pub home_page_url: Option<String>,
    /// The address at which the file is published.
    pub feed_url: Option<String>,
}

/// When a scheduled export is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// At an interval or by a cron expression; never `Adaptive`.
    Cadence(Cadence),
    /// After each poll that found something new, at most once a second.
    OnChange,
}
