//! Floor 2: the TOML file, checked as a whole.
//!
//! [`find()`] says where the file is, [`load()`] reads it with all that it includes. The way through: text
//! to a tree with places (`syntax`), the tree key by key (`reader`, with the table of `keys`), each
//! table into its values (`sections`, `feeds`, `exports`). Nothing stops at a fault: they are gathered
//! as findings and shown together (`fault`), with secrets starred out (`mask`).
//!
//! A new key is a word in `keys`, a line where its table is read, and one in
//! `config/gazetted.example.toml`; tests ask for the last two.

pub mod edit;
#[cfg(test)]
mod example_tests;
mod exports;
mod fault;
mod feeds;
mod find;
mod hooks;
mod json_map;
mod keys;
mod load;
mod reader;
mod redact;
mod secrets;
mod sections;
mod server;
mod syntax;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::domain::feed::FeedSpec;
use crate::domain::hook::Hook;
use crate::domain::json_map::JsonMap;
use crate::domain::query::Query;
use crate::domain::request::{FetchSettings, RequestSpec, Secret};
use crate::domain::time::TimeDelta;
use crate::export::Shape;
use crate::feed::entry_filter::EntryFilter;
use crate::polling::schedule::{Cadence, Policy};

pub use fault::{ConfigErrors, Fault};
pub use find::{NotFound, find};
pub use load::load;

/// The configuration that `gazetted init` writes: short, commented, without a fault.
pub const STARTER: &str = include_str!("../../config/starter.toml");

/// Where the store is without `store.path`: beside the configuration file.
pub const DEFAULT_STORE: &str = "gazetted.db";

/// Entries read of one document: far more than feeds carry, and few enough to parse in a moment.
pub const DEFAULT_MAX_ENTRIES: usize = 2000;

/// Earlier versions kept of an edited article: more than a reader looks at, and few enough for a page
/// that differs at every poll.
pub const DEFAULT_KEEP_REVISIONS: u32 = 20;

/// Articles of a scheduled export that names no limit. Without one the file would grow for ever.
pub const DEFAULT_LIMIT: u64 = 200;

/// A configuration without a fault.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from; absolute.
    pub path: PathBuf,
    pub store: StoreConfig,
    pub fetch: FetchSettings,
    /// `None`: nothing listens.
    pub server: Option<ServerConfig>,
    pub feeds: Vec<FeedConfig>,
    pub exports: Vec<ExportConfig>,
}

/// `[store]`.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Absolute.
    pub path: PathBuf,
    /// Earlier versions kept of an edited article.
    pub keep_revisions: u32,
    /// How long articles are kept; `None`: for ever.
    pub keep: Option<TimeDelta>,
}

/// `[server]`. To hold one is proof that whoever reads from beyond this machine needs the token, or that
/// everybody may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    /// Visible ASCII without a space.
    pub token: Option<Secret>,
    /// Whether everybody may read. Commands want the token all the same.
    pub public: bool,
    /// The `WebSub` hub that exports are announced to by somebody; an `http` or `https` URL.
    pub hub: Option<String>,
}

/// One of `[[feeds]]`, with the defaults of `[schedule]` and `[fetch]` applied.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    pub spec: FeedSpec,
    pub policy: Policy,
    pub request: RequestSpec,
    /// Entries read of one document, newest kept.
    pub max_entries: usize,
    /// Which of them are kept.
    pub entry_filter: EntryFilter,
    /// How to read a JSON document that is no feed.
    pub map: Option<JsonMap>,
    pub origin: Origin,
}

/// Where a feed stands in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Absolute.
    pub file: PathBuf,
    /// Among the feeds of that file, from 0.
    pub index: usize,
}

/// One of `[[exports]]`.
#[derive(Clone, Debug)]
pub struct ExportConfig {
    pub target: Target,
    pub trigger: Trigger,
    /// Its limit is that of the file, or of one delivery.
    pub query: Query,
}

/// Where a scheduled export goes.
#[derive(Clone, Debug)]
pub enum Target {
    File(FileTarget),
    Hook(Hook),
}

/// A file that is replaced as a whole.
#[derive(Clone, Debug)]
pub struct FileTarget {
    /// Absolute.
    pub path: PathBuf,
    pub shape: Shape,
}

/// When a scheduled export is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// Every so often or at the firings of a cron expression; never `Adaptive`.
    Cadence(Cadence),
    /// Whenever a poll brought something new, at most once a second.
    OnChange,
}
