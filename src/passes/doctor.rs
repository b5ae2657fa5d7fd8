//! The checks of `gazetted doctor`: whether this machine has what the daemon needs. Nothing is stored.

use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use crate::config::{Config, FeedConfig, Target};
use crate::domain::named_enum::named_enum;
use crate::domain::time::{TimeDelta, Timestamp, rfc3339};
use crate::passes::preview::Previewer;
use crate::store::{Location, StoreError};

named_enum! {
    /// The result of a check.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Verdict {
        Ok = "ok",
        /// There was nothing to check, as with a port when there is no `[server]`.
        Skipped = "skipped",
        Failed = "failed",
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it; `None` unless the check failed.
    pub remedy: Option<&'static str>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), remedy: None }
    }

    fn skipped(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Skipped, found: found.into(), remedy: None }
    }

    fn failed(name: &'static str, found: impl Into<String>, remedy: &'static str) -> Self {
        Self { name, verdict: Verdict::Failed, found: found.into(), remedy: Some(remedy) }
    }
}

/// Less free space than this is a failure, in bytes. SQLite's log of one large poll needs some of it.
const LEAST_FREE: u64 = 100 << 20;

/// No clock is right that shows a time before this program was written, in Unix seconds: 1 January 2025.
const EARLIEST: i64 = 1_735_689_600;

/// Where systems keep their certificates.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
];

/// Makes all checks, those of this machine first. `daemon` is the process that holds the store, if there is one.
pub async fn checks(config: &Config, daemon: Option<&str>, now: Timestamp) -> Vec<Check> {
    let feed = sample(config);
    let mut checks = vec![
        time(config, now),
        name_server(feed),
        certificates(config),
        free_space(&config.store.location),
        permissions(config),
        store(&config.store.location, daemon),
        port(config, daemon),
    ];
    checks.push(one_feed(config, feed).await);
    checks
}

/// The feed of the last check: the first one on another machine, else the first.
fn sample(config: &Config) -> Option<&FeedConfig> {
    let enabled = || config.feeds.iter().filter(|feed| feed.spec.enabled);
    enabled().find(|feed| feed.spec.url.shown_host().is_some()).or_else(|| enabled().next())
}

fn time(config: &Config, now: Timestamp) -> Check {
    const REMEDY: &str =
        "set the clock, and let systemd-timesyncd or another NTP client keep it right";
    let shown = rfc3339(now);
    if now.timestamp() < EARLIEST {
        return Check::failed("clock", format!("it shows {shown}, which is in the past"), REMEDY);
    }
    let last = config.store.location.reader().and_then(|reader| reader.feeds());
    let last = last.ok().and_then(|feeds| feeds.iter().filter_map(|feed| feed.polled_at).max());
    match last {
        Some(last) if now + TimeDelta::minutes(5) < last => {
            let last = rfc3339(last);
            Check::failed(
                "clock",
                format!("it shows {shown}, but a poll was made at {last}"),
                REMEDY,
            )
        }
        _ => Check::ok("clock", format!("it shows {shown}")),
    }
}

fn name_server(feed: Option<&FeedConfig>) -> Check {
    let host = feed.and_then(|feed| feed.spec.url.shown_host());
    let Some(host) = host else { return Check::skipped("DNS", "no feed names a host") };
    match (host.as_str(), 443).to_socket_addrs().map(Iterator::count) {
        Ok(count) if 0 < count => Check::ok("DNS", format!("{host} resolves")),
        Ok(_) => Check::failed("DNS", format!("{host} has no address"), "check the feed's address"),
        Err(error) => Check::failed(
            "DNS",
            format!("{host} does not resolve: {error}"),
            "check /etc/resolv.conf and the network; if other names resolve, check the feed's address",
        ),
    }
}

fn certificates(config: &Config) -> Check {
    if let Some(file) = config.fetch.ca_file.as_ref().filter(|file| !file.is_file()) {
        let found = format!("there is no file {}", file.display());
        return Check::failed("TLS roots", found, "correct [fetch] ca_file");
    }
    match BUNDLES.iter().find(|bundle| Path::new(bundle).exists()) {
        Some(bundle) => Check::ok("TLS roots", *bundle),
        None => Check::failed(
            "TLS roots",
            "this machine has no CA certificates",
            "install the package ca-certificates, or set [fetch] ca_file",
        ),
    }
}

/// The folder, or the nearest one above it that exists.
fn existing(path: &Path) -> PathBuf {
    let mut folders = path.ancestors().skip(1);
    folders.find(|folder| folder.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn free_space(store: &Location) -> Check {
    let Some(file) = store.local_file() else {
        return Check::skipped("disk", "the store is no file of this machine");
    };
    let folder = existing(file);
    match statvfs(&folder) {
        Ok(system) => {
            #[expect(clippy::useless_conversion, reason = "some systems have smaller types here")]
            let free = u64::from(system.blocks_available()) * u64::from(system.fragment_size());
            let found = format!("{} MiB free below {}", free >> 20, folder.display());
            if free < LEAST_FREE {
                let remedy =
                    "free some space; [store] keep and `gazetted db vacuum` make the store smaller";
                return Check::failed("disk", found, remedy);
            }
            Check::ok("disk", found)
        }
        Err(error) => {
            Check::failed("disk", format!("{}: {error}", folder.display()), "check [store] path")
        }
    }
}

fn permissions(config: &Config) -> Check {
    let files = config.exports.iter().filter_map(|export| match &export.target {
        Target::File(file) => Some(file.path.as_path()),
        Target::Hook(_) => None,
    });
    let store = config.store.location.local_file();
    let unusable =
        store.and_then(|store| match access(store, AccessFlags::R_OK | AccessFlags::W_OK) {
            Err(Errno::ENOENT) | Ok(()) => None,
            Err(error) => Some(error),
        });
    if let Some(error) = unusable {
        let found = format!("{} cannot be read and written: {error}", config.store.location);
        return Check::failed("permissions", found, "run as the user of the daemon, or as root");
    }
    let flags = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    let mut folders: Vec<PathBuf> = store.into_iter().chain(files).map(existing).collect();
    folders.dedup();
    for folder in &folders {
        if let Err(error) = access(folder, flags) {
            let found = format!("{} cannot be written: {error}", folder.display());
            let remedy = "run as the user of the daemon, or give that user the folder (ReadWritePaths= in the unit)";
            return Check::failed("permissions", found, remedy);
        }
    }
    Check::ok("permissions", "the folders of the store and of all exports can be written")
}

fn store(location: &Location, daemon: Option<&str>) -> Check {
    let held = daemon.map(|holder| format!(", used by {holder}")).unwrap_or_default();
    if location.is_missing() {
        return Check::skipped("store", format!("{location} is not there yet"));
    }
    match location.reader().and_then(|reader| reader.stats()) {
        Ok(stats) => {
            let found = format!("{location}, {} articles{held}", stats.articles);
            Check::ok("store", found)
        }
        Err(StoreError::Forbidden { .. }) => {
            Check::skipped("store", format!("{location}: see permissions"))
        }
        Err(error) => Check::failed(
            "store",
            format!("{location}: {error}"),
            "`gazetted db check` reads all of it; a backup replaces it while the daemon is stopped",
        ),
    }
}

/// With a daemon, whether somebody listens; without one, whether the address is free.
fn port(config: &Config, daemon: Option<&str>) -> Check {
    const PATIENCE: Duration = Duration::from_secs(5);
    let Some(server) = &config.server else {
        return Check::skipped("port", "there is no [server]");
    };
    let address = server.listen;
    if daemon.is_some_and(|holder| holder.ends_with(", run")) {
        return match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => Check::ok("port", format!("{address} answers")),
            Err(error) => Check::failed(
                "port",
                format!("the daemon does not answer at {address}: {error}"),
                "reload or restart the daemon, and read its log",
            ),
        };
    }
    match TcpListener::bind(address) {
        Ok(_) => Check::ok("port", format!("{address} is free")),
        Err(error) => Check::failed(
            "port",
            format!("{address} cannot be used: {error}"),
            "another program or the daemon of another user listens there, or the address is not of this machine: change [server] listen",
        ),
    }
}

/// Requests and reads one feed, as a first poll does.
async fn one_feed(config: &Config, feed: Option<&FeedConfig>) -> Check {
    const NAME: &str = "one feed";
    let Some(feed) = feed else {
        return Check::skipped(
            NAME,
            "the configuration has no enabled feed; `gazetted feeds add` adds one",
        );
    };
    let url = &feed.spec.url;
    let mut previewer = match Previewer::new(&config.fetch) {
        Ok(previewer) => previewer,
        Err(error) => return Check::failed(NAME, error.to_string(), "correct [fetch]"),
    };
    let settings = &feed.settings;
    let map = settings.map.clone();
    let observed = previewer.preview(url, &settings.request, settings.max_entries, map).await;
    match observed.outcome.document() {
        Some(document) => Check::ok(NAME, format!("{url}: {} entries", document.entries)),
        None => Check::failed(
            NAME,
            format!("{url}: {}", observed.message.detail),
            "if the checks above are in order, the fault is the feed's; `gazetted check --online` requests all feeds",
        ),
    }
}
