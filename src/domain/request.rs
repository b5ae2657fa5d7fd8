//! The configuration of requests.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A password or token. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text. Call it only where the request is built.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// User and password of the Basic authentication scheme (RFC 7617).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BasicAuth {
    pub user: String,
    pub password: Option<Secret>,
}

/// The proxy that a feed configures for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyChoice {
    /// No proxy, not even that of `[fetch]`.
    Direct,
    /// An `http`, `https`, `socks5` or `socks5h` URL; may hold a password.
    Via(Secret),
}

/// A program that gives a feed or receives articles. No shell is involved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSpec {
    /// A name that is searched for in `PATH`, or an absolute path.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// The working directory of the program.
    pub folder: PathBuf,
    /// The time limit for one document or one batch.
    pub timeout: Duration,
}

/// The request settings of one feed. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestSpec {
    /// The address of a private feed. The feed's [`FeedUrl`](crate::domain::feed::FeedUrl) only stands for it.
    pub address: Option<Secret>,
    /// The program that prints the feed. Nothing is requested then, and the feed's URL only stands for it.
    pub command: Option<CommandSpec>,
    /// Name and value; the value may hold a token. Names are valid header names, values valid values.
    pub headers: Vec<(String, Secret)>,
    pub basic_auth: Option<BasicAuth>,
    pub user_agent: Option<String>,
    /// `None` for the proxy of `[fetch]`, if there is one.
    pub proxy: Option<ProxyChoice>,
    /// The time-out for the whole reply.
    pub timeout: Option<Duration>,
    /// Whether the address of the feed's own host, but of no other, may be not public.
    pub allow_private: bool,
}

/// The memory for bodies where the configuration names none and the memory of the machine is not known.
pub const DEFAULT_MEMORY: u64 = 64 * 1024 * 1024;

/// The table `[fetch]`: the settings of all requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSettings {
    /// The maximum number of requests in flight, at least 1.
    pub concurrency: usize,
    /// The maximum number of requests in flight to one host, at least 1.
    pub per_host: usize,
    /// The maximum number of hosts whose connections are kept for requests that are expected soon. It is no key of the configuration: the
    /// program lowers it where it may open only few files. With 0 no connection is kept.
    pub kept_hosts: usize,
    /// The minimum time between the starts of two requests to one host.
    pub host_delay: Duration,
    /// Whether `per_host` and `host_delay` do not apply to servers on this machine.
    pub exempt_this_machine: bool,
    /// The time-out from connecting to the last byte of the reply.
    pub timeout: Duration,
    pub connect_timeout: Duration,
    /// Bytes of a body after decompression.
    pub max_body: u64,
    /// Bytes that the bodies of all polls may take together, from the socket until what they say is stored; `None` for
    /// [`DEFAULT_MEMORY`].
    pub memory: Option<u64>,
    pub max_redirects: usize,
    /// The time that a thread may work on one document.
    pub read_timeout: Duration,
    pub user_agent: String,
    /// An `http`, `https`, `socks5` or `socks5h` URL; may hold a password.
    pub proxy: Option<Secret>,
    /// A file with PEM certificates that are trusted in addition to those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether requests may go to addresses that are not public.
    pub allow_private: bool,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            concurrency: 64,
            per_host: 2,
            kept_hosts: 256,
            host_delay: Duration::from_secs(1),
            exempt_this_machine: true,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_body: 16 * 1024 * 1024,
            memory: None,
            max_redirects: 5,
            read_timeout: Duration::from_secs(10),
            user_agent: default_user_agent(),
            proxy: None,
            ca_file: None,
            allow_private: false,
        }
    }
}

/// `gazetted/VERSION (+URL)`. The URL is the home page or else the repository of this build, as Cargo.toml
/// names it. Without one the name is `gazetted/VERSION` alone: the operator's `user_agent` is the place for an
/// address at which publishers reach a person.
pub fn default_user_agent() -> String {
    let name = concat!("gazetted/", env!("CARGO_PKG_VERSION"));
    let urls = [env!("CARGO_PKG_HOMEPAGE"), env!("CARGO_PKG_REPOSITORY")];
    match urls.into_iter().find(|url| !url.is_empty()) {
        Some(url) => format!("{name} (+{url})"),
        None => name.to_owned(),
    }
}
