//! Feeds: how they are named, addressed and described.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use url::Url;

use crate::domain::host::Host;
use crate::domain::named_enum::named_enum;

/// The id of a feed in the store. It does not change while the address of the feed is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedId(pub i64);

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The configured address of a feed: an absolute `http`, `https` or `file` URL without user name, password
/// and fragment. It contains no secret that must not be printed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedUrl {
    url: Url,
    /// The host of a private feed, which its URL does not name. Requests are counted and paused by it; it is never
    /// shown.
    hidden_host: Option<Box<Host>>,
}

/// The host in the URLs that stand for private feeds. RFC 6761 section 6.4: no such name ever resolves.
pub(super) const PRIVATE_HOST: &str = "private-feed.invalid";

/// The beginning of the URLs that stand for programs. A file has no host, and neither has a program.
const COMMAND: &str = "file:///command-feed/";

/// Whether `url` stands for a program that prints the feed.
pub fn is_command(url: &str) -> bool {
    url.starts_with(COMMAND)
}

/// Whether `url` only stands for the address of a private feed or for a program, so that nobody can request it.
pub fn is_stand_in(url: &str) -> bool {
    let rest = url.strip_prefix("https://").and_then(|rest| rest.strip_prefix(PRIVATE_HOST));
    rest.is_some_and(|rest| rest.starts_with('/'))
        || url.starts_with("file:///private-feed/")
        || is_command(url)
}

/// Why a text is not a [`FeedUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFeedUrl {
    #[error("not an absolute URL")]
    Syntax(#[source] url::ParseError),
    #[error("feeds are fetched over http, https or file, not `{0}`")]
    Scheme(String),
    #[error("the URL names no host")]
    NoHost,
    #[error("a user name or password does not belong here")]
    Credentials,
}

impl FeedUrl {
    /// Parses an address.
    ///
    /// # Errors
    /// When the text is not such an address as the type describes.
    pub fn parse(text: &str) -> Result<Self, InvalidFeedUrl> {
        let url = Url::parse(text.trim()).map_err(InvalidFeedUrl::Syntax)?;
        Self::from_url(url)
    }

    /// As [`FeedUrl::parse`], for an address that is a [`Url`] already.
    ///
    /// # Errors
    /// As [`FeedUrl::parse`].
    pub fn from_url(mut url: Url) -> Result<Self, InvalidFeedUrl> {
        match url.scheme() {
            "http" | "https" if url.host_str().is_none_or(str::is_empty) => {
                return Err(InvalidFeedUrl::NoHost);
            }
            "http" | "https" | "file" => {}
            other => return Err(InvalidFeedUrl::Scheme(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidFeedUrl::Credentials); // They would appear in the log.
        }
        url.set_fragment(None); // Never sent to a server (RFC 3986 section 3.5).
        Ok(Self { url, hidden_host: None })
    }

    /// The URL that stands for this one wherever a private feed is stored or shown: it contains the feed's name alone.
    /// The host is kept beside it, so that the request budget and the pauses of the server apply.
    #[must_use]
    pub fn stand_in(&self, name: &str) -> Self {
        let hidden_host = self.host().map(Box::new);
        let mut url = self.url.clone();
        url.set_query(None);
        // None of these fails for the schemes of a feed's address.
        let folder = if self.is_file() { Some("private-feed") } else { None };
        if folder.is_none() {
            url.set_host(Some(PRIVATE_HOST)).ok();
            url.set_port(None).ok();
            url.set_scheme("https").ok();
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(folder).push(name);
        }
        Self { url, hidden_host }
    }

    /// The URL that stands for a program and its arguments: the same words are the same feed. It contains the name of
    /// the program and a hash of all words, because an argument may be a secret.
    ///
    /// # Errors
    /// Never in practice: every such text is an address.
    pub fn of_command(words: &[String]) -> Result<Self, InvalidFeedUrl> {
        let mut hasher = Sha256::new();
        for word in words {
            hasher.update(word.len().to_le_bytes());
            hasher.update(word.as_bytes());
        }
        let digest = hasher.finalize();
        let hash: Vec<String> = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let mut url = Url::parse(COMMAND).map_err(InvalidFeedUrl::Syntax)?;
        let program = words.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&hash.concat()).push(program);
        }
        Self::from_url(url)
    }

    pub fn as_url(&self) -> &Url {
        &self.url
    }

    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Whether the feed is a file on this machine.
    pub fn is_file(&self) -> bool {
        self.url.scheme() == "file"
    }

    /// The host that is asked for this feed; `None` for a file.
    pub fn host(&self) -> Option<Host> {
        self.hidden_host.as_deref().cloned().or_else(|| Host::of(&self.url))
    }

    /// Whether the feed is requested from a server on the machine that the program runs on; see [`Host::is_this_machine`].
    pub fn is_on_this_machine(&self) -> bool {
        if let Some(hidden) = &self.hidden_host {
            return hidden.is_this_machine();
        }
        match self.url.host() {
            Some(url::Host::Domain(name)) => !self.is_file() && name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The host of this address, if it may be shown.
    pub fn shown_host(&self) -> Option<Host> {
        self.host().filter(|_| self.hidden_host.is_none())
    }

    /// The host of `at`, which is this address or another that its server named.
    pub fn host_at(&self, at: &Url) -> Option<Host> {
        if *at == self.url { self.host() } else { Host::of(at) }
    }
}

impl fmt::Display for FeedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The configuration of a feed without its request settings and its schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedSpec {
    pub url: FeedUrl,
    /// The user's name for it; without one the feed's own title is shown.
    pub name: Option<String>,
    /// Feeds with the same tags may share them.
    pub tags: Arc<[String]>,
    pub enabled: bool,
}

/// The metadata of a feed in its document. `None` means that the document does not contain it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedMeta {
    pub title: Option<String>,
    pub home_page_url: Option<String>,
    pub description: Option<String>,
    /// A language tag (BCP 47).
    pub language: Option<String>,
}

/// The feed of an article, as exports show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRef {
    /// The configured name, else the feed's title, else its URL. Never empty.
    pub name: String,
    pub url: String,
    pub title: Option<String>,
    pub home_page_url: Option<String>,
    pub tags: Vec<String>,
}

named_enum! {
    /// The state of a feed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum FeedState {
        Ok = "ok",
        /// In the configuration, never polled.
        New = "new",
        Failing = "failing",
        /// The server said 410.
        Gone = "gone",
        Disabled = "disabled",
        /// No longer in the configuration.
        Retired = "retired",
    }
}
