//! How feeds are asked for: what the configuration says and the fetcher needs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A password or token. Never printed: `Debug` shows that there is one and no more.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The one way to the text; call it where the request is built and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// RFC 7617.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BasicAuth {
    pub user: String,
    pub password: Option<Secret>,
}

/// What one feed adds to every request for it. The default adds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestSpec {
    /// The address of a private feed. The feed's [`FeedUrl`](crate::domain::feed::FeedUrl) only stands for it.
    pub address: Option<Secret>,
    /// Name and value; the value may hold a token. Names are valid header names, values valid values.
    pub headers: Vec<(String, Secret)>,
    pub basic_auth: Option<BasicAuth>,
    pub user_agent: Option<String>,
    /// `http`, `https`, `socks5` or `socks5h` URL; may hold a password.
    pub proxy: Option<Secret>,
    /// For the whole reply.
    pub timeout: Option<Duration>,
    /// Whether the feed's own host, and no other, may be in a network that is not public.
    pub allow_private: bool,
}

/// `[fetch]`: what holds for every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSettings {
    /// Requests in flight at once, at least 1.
    pub concurrency: usize,
    /// Of them to one host, at least 1.
    pub per_host: usize,
    /// Between the starts of two requests to one host.
    pub host_delay: Duration,
    /// Whether the two do not hold for servers on this machine: so by default, for they spare others.
    pub exempt_this_machine: bool,
    /// For the whole reply, from connecting to the last byte.
    pub timeout: Duration,
    pub connect_timeout: Duration,
    /// Bytes of a body after decompression.
    pub max_body: u64,
    pub max_redirects: usize,
    pub user_agent: String,
    pub proxy: Option<Secret>,
    /// PEM certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether any request may go to an address that is not public.
    pub allow_private: bool,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            concurrency: 64,
            per_host: 2,
            host_delay: Duration::from_secs(1),
            exempt_this_machine: true,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_body: 16 * 1024 * 1024,
            max_redirects: 5,
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
