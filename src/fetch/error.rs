//! The errors of a request without a complete reply: their failure kind, and their text for users.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::feed::FeedUrl;
use crate::domain::poll::Failure;
use crate::fetch::guard::Refused;
use crate::fetch::redirect::RedirectFault;
use crate::fetch::resources::is_exhausted;

/// The reason why no complete reply arrived. A reply with an error status is not such an error.
///
/// `Display` names what failed without its source; [`advice`] returns the whole text in one line. Neither
/// contains a password: the URLs are [`FeedUrl`]s, and those in errors of reqwest are removed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The request cannot be built, because a setting is invalid.
    #[error("{what}")]
    Setup {
        what: String,
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    #[error("could not get {url}")]
    Send {
        url: FeedUrl,
        #[source]
        source: reqwest::Error,
    },
    #[error("could not read the body of {url}")]
    Body {
        url: FeedUrl,
        #[source]
        source: reqwest::Error,
    },
    #[error("the body of {url} is larger than {limit_bytes} bytes")]
    TooLarge { url: FeedUrl, limit_bytes: u64 },
    #[error("{url} did not answer completely within {limit:?}")]
    Timeout { url: FeedUrl, limit: Duration },
    #[error("{url} redirects where we do not follow")]
    Redirect {
        url: FeedUrl,
        #[source]
        source: Box<RedirectFault>,
    },
    /// `own` is true when the configured address itself is not public, and false for the target of a redirect.
    #[error("{url} was not asked")]
    Private {
        url: FeedUrl,
        #[source]
        source: Box<Refused>,
        own: bool,
    },
    #[error("could not read {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("no certificate of {url} can be checked: this machine has no CA certificates")]
    NoTrustAnchors { url: FeedUrl },
}

impl FetchError {
    pub(super) fn setup(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Setup { what: what.into(), source: Some(source.into()) }
    }

    pub(super) fn send(url: &FeedUrl, source: reqwest::Error) -> Self {
        Self::Send { url: url.clone(), source: source.without_url() }
    }

    pub(super) fn body(url: &FeedUrl, source: reqwest::Error) -> Self {
        Self::Body { url: url.clone(), source: source.without_url() }
    }
}

impl From<&FetchError> for Failure {
    fn from(error: &FetchError) -> Self {
        match error {
            FetchError::Setup { .. } => Self::Request,
            FetchError::Send { source, .. } if source.is_builder() => Self::Request,
            FetchError::Send { source, .. } | FetchError::Body { source, .. }
                if causes(source).any(is_out_of_resources) =>
            {
                Self::Resources
            }
            FetchError::File { source, .. } if is_exhausted(source) => Self::Resources,
            FetchError::Send { source, .. } if is_offline(source) => Self::Offline,
            FetchError::Send { source, .. } if source.is_dns() => Self::Dns,
            FetchError::Send { source, .. } if source.is_timeout() => Self::Timeout,
            FetchError::Send { source, .. } if is_tls(source) => Self::Tls,
            FetchError::Send { .. } => Self::Connect,
            FetchError::Body { source, .. } if source.is_timeout() => Self::Timeout,
            FetchError::Body { .. } => Self::CutOff,
            FetchError::TooLarge { .. } => Self::TooLarge,
            FetchError::Timeout { .. } => Self::Timeout,
            FetchError::Redirect { .. } => Self::Redirect,
            FetchError::Private { .. } => Self::Private,
            FetchError::File { .. } => Self::File,
            FetchError::NoTrustAnchors { .. } => Self::Tls,
        }
    }
}

/// One line for the user: what failed, each cause that adds information, and the setting that helps, if there
/// is one.
pub fn advice(error: &FetchError) -> String {
    described(error, hint(error))
}

/// As [`advice`], for the page of an article: it leaves out the settings that are for feeds only.
pub fn page_advice(error: &FetchError) -> String {
    let is_of_feeds = matches!(Failure::from(error), Failure::TooLarge | Failure::Private);
    described(error, hint(error).filter(|_| !is_of_feeds))
}

fn described(error: &FetchError, hint: Option<&str>) -> String {
    let mut line = what_failed(error);
    let causes: Vec<String> = causes(error).map(ToString::to_string).collect();
    // Of a failed connection only the last cause adds information; the others name layers of libraries.
    let layers = if matches!(error, FetchError::Send { .. }) { causes.len().max(1) - 1 } else { 0 };
    for text in causes.iter().skip(layers) {
        let text = text.strip_prefix(LOOKUP).unwrap_or(text);
        // Most libraries repeat the text of the source in their own.
        if !line.contains(text) && !EMPTY_WORDS.contains(&text) {
            line.push_str(": ");
            line.push_str(text);
        }
    }
    if let Some(hint) = hint {
        line.push_str(" (");
        line.push_str(hint);
        line.push(')');
    }
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The text of the error itself. It leaves out the address where the caller prints that anyway.
fn what_failed(error: &FetchError) -> String {
    if matches!(error, FetchError::Private { .. }) {
        return "not asked".to_owned();
    }
    let FetchError::Send { url, source } = error else { return error.to_string() };
    let host = url.shown_host().map_or("the server".to_owned(), |host| host.to_string());
    match Failure::from(error) {
        Failure::Offline if source.is_dns() => format!("the name {host} does not resolve"),
        Failure::Dns => format!("the name {host} does not resolve"),
        Failure::Offline => format!("no network to reach {host}"),
        Failure::Resources => format!("this machine cannot connect to {host}"),
        Failure::Tls => format!("no secure connection to {host}"),
        Failure::Timeout => format!("no connection to {host} in time"),
        Failure::Request => "the request cannot be built".to_owned(),
        Failure::Connect
        | Failure::Status(_)
        | Failure::Redirect
        | Failure::Private
        | Failure::Body
        | Failure::CutOff
        | Failure::TooLarge
        | Failure::ReadTimeout
        | Failure::NotAFeed
        | Failure::File
        | Failure::Internal => format!("no answer from {host}"),
    }
}

/// How the standard library begins an error of `getaddrinfo`. The texts above say it better.
const LOOKUP: &str = "failed to lookup address information: ";

/// Texts of wrapping errors that add no information.
const EMPTY_WORDS: [&str; 5] = [
    "error sending request",
    "request or response body error",
    "error reading a body from connection",
    "client error (Connect)",
    "client error (SendRequest)",
];

fn hint(error: &FetchError) -> Option<&'static str> {
    match Failure::from(error) {
        Failure::Tls if causes(error).any(is_unknown_issuer) => Some(
            "if the server does not send its intermediate certificate, or its authority is your own, write \
                 that certificate to a PEM file and name the file in [fetch] ca_file",
        ),
        Failure::Tls if matches!(error, FetchError::NoTrustAnchors { .. }) => {
            Some("install the ca-certificates package, or set [fetch] ca_file")
        }
        Failure::Resources => Some(
            "if it may open too few files, raise LimitNOFILE= in the unit of the service, or `ulimit -n` in the shell",
        ),
        Failure::TooLarge => Some("raise [fetch] max_body if that is right"),
        Failure::Timeout if matches!(error, FetchError::Timeout { .. }) => {
            Some("raise the feed's timeout if the server is just slow")
        }
        Failure::Private if matches!(error, FetchError::Private { own: true, .. }) => {
            Some("if it is meant, write allow_private = true for this feed, or in [fetch] for all")
        }
        Failure::Private => {
            Some("the feed was redirected there; allow_private = true in [fetch] allows that")
        }
        Failure::Offline
        | Failure::Dns
        | Failure::Connect
        | Failure::Tls
        | Failure::Timeout
        | Failure::Status(_)
        | Failure::Redirect
        | Failure::Body
        | Failure::CutOff
        | Failure::ReadTimeout
        | Failure::NotAFeed
        | Failure::File
        | Failure::Request
        | Failure::Internal => None,
    }
}

/// The sources of an error, outermost first. It includes errors inside an [`io::Error`], which `source` skips.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(next_cause(error), |cause| next_cause(*cause))
}

fn next_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
}

/// The refusal of the address guard, if that is why there was no connection.
pub(super) fn refused(error: &(dyn Error + 'static)) -> Option<Refused> {
    causes(error).find_map(|cause| cause.downcast_ref::<Refused>().cloned())
}

/// The text of the innermost cause of an error.
pub(super) fn last_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

/// Whether this machine has no network. `getaddrinfo` says `EAI_AGAIN` when no name server answers, in the words of glibc or
/// of musl; a name server that answers with SERVFAIL cannot be told from that.
fn is_offline(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{HostUnreachable, NetworkDown, NetworkUnreachable};
    causes(error).any(|cause| {
        let kind = cause.downcast_ref().map(io::Error::kind);
        let no_route = kind
            .is_some_and(|kind| matches!(kind, NetworkDown | NetworkUnreachable | HostUnreachable));
        let text = cause.to_string();
        let is_lookup = text.starts_with(LOOKUP);
        let again = ["Temporary failure in name resolution", "Try again"];
        no_route || is_lookup && again.iter().any(|words| text.ends_with(words))
    })
}

fn is_out_of_resources(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref().is_some_and(is_exhausted)
}

fn is_tls(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        cause.is::<rustls::Error>() || cause.to_string() == "tls handshake eof" // tokio-rustls has no type for it.
    })
}

fn is_unknown_issuer(cause: &(dyn Error + 'static)) -> bool {
    matches!(
        cause.downcast_ref(),
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
    )
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    fn wrapped(inner: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
        io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner))
    }

    #[test]
    fn a_tls_error_is_found_wherever_it_is_wrapped() {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = wrapped(unknown);
        assert!(is_tls(&error));
        assert!(causes(&error).any(is_unknown_issuer));
        assert!(is_tls(&wrapped("tls handshake eof")));
        assert!(!is_tls(&wrapped("something else")));
    }

    #[test]
    fn a_machine_without_a_network_is_told_from_a_name_that_does_not_exist() {
        for (error, offline) in [
            (io::Error::other(format!("{LOOKUP}Temporary failure in name resolution")), true),
            (io::Error::other(format!("{LOOKUP}Try again")), true),
            (io::Error::other(format!("{LOOKUP}Name or service not known")), false),
            (io::ErrorKind::NetworkUnreachable.into(), true),
            (io::ErrorKind::HostUnreachable.into(), true),
            (io::ErrorKind::ConnectionRefused.into(), false),
            (io::ErrorKind::TimedOut.into(), false),
        ] {
            assert_eq!(is_offline(&wrapped(error)), offline);
        }
    }

    #[test]
    fn want_of_files_ports_and_memory_is_no_failure_of_a_server() {
        for (number, exhausted) in [
            (Errno::EMFILE, true),
            (Errno::ENFILE, true),
            (Errno::ENOMEM, true),
            (Errno::ENOBUFS, true),
            (Errno::EADDRNOTAVAIL, true),
            (Errno::ECONNREFUSED, false),
            (Errno::EACCES, false),
        ] {
            let error = io::Error::from_raw_os_error(number as i32);
            assert!(causes(&wrapped(error)).any(is_out_of_resources) == exhausted, "{number}");
            let source = io::Error::from_raw_os_error(number as i32);
            let error = FetchError::File { path: "/feed.xml".into(), source };
            let expected = if exhausted { Failure::Resources } else { Failure::File };
            assert_eq!(Failure::from(&error), expected, "{number}");
            assert_eq!(advice(&error).contains("LimitNOFILE="), exhausted, "{number}");
        }
    }

    #[test]
    fn advice_gives_each_cause_once_and_on_one_line() {
        let source = io::Error::other(io::Error::other("inner\ncause"));
        let error = FetchError::File { path: "/nowhere/feed.xml".into(), source };
        assert_eq!(advice(&error), "could not read /nowhere/feed.xml: inner cause");
    }

    #[test]
    fn advice_says_which_setting_to_change() {
        let url = FeedUrl::parse("https://example.org/feed").unwrap();
        for (error, expected) in [
            (
                FetchError::TooLarge { url: url.clone(), limit_bytes: 9 },
                "the body of https://example.org/feed is larger than 9 bytes \
                 (raise [fetch] max_body if that is right)",
            ),
            (
                FetchError::NoTrustAnchors { url: url.clone() },
                "no certificate of https://example.org/feed can be checked: \
                 this machine has no CA certificates \
                 (install the ca-certificates package, or set [fetch] ca_file)",
            ),
            (
                FetchError::Timeout { url: url.clone(), limit: Duration::from_secs(30) },
                "https://example.org/feed did not answer completely within 30s \
                 (raise the feed's timeout if the server is just slow)",
            ),
            (
                FetchError::Redirect {
                    url,
                    source: Box::new(RedirectFault::Scheme("file".into())),
                },
                "https://example.org/feed redirects where we do not follow: \
                 a redirect to `file:` is not followed, only http and https are",
            ),
        ] {
            assert_eq!(advice(&error), expected);
        }
    }
}
