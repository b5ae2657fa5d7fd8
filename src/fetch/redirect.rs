//! Redirects (RFC 9110 section 15.4). reqwest follows none; these rules do.

use reqwest::header::{HeaderMap, HeaderValue, LOCATION};
use url::Url;

use crate::domain::poll::Hop;
use crate::fetch::cookies::Cookies;
use crate::html::web_address::is_web;

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    #[error("more than {0} redirects; raise [fetch] max_redirects if that is right")]
    TooMany(usize),
    #[error("the redirects lead in a circle, back to {0}")]
    Loop(String),
    #[error("a redirect to `{0}:` is not followed, only http and https are")]
    Scheme(String),
    #[error("the redirect's Location `{0}` is no URL")]
    Syntax(String),
}

/// A chain of redirects.
#[derive(Debug)]
pub(super) struct Chain {
    /// The configured address. Only its origin receives the secrets of the feed.
    configured: Url,
    start: Url,
    hops: Vec<Hop>,
    max: usize,
    cookies: Cookies,
    /// The requests that were answered by a redirect: address and `Cookie` field.
    sent: Vec<(Url, Option<HeaderValue>)>,
}

impl Chain {
    /// Starts a chain of at most `max` redirects at `start`.
    pub(super) fn new(configured: Url, start: Url, max: usize) -> Self {
        let (hops, cookies, sent) = (Vec::new(), Cookies::default(), Vec::new());
        Self { configured, start, hops, max, cookies, sent }
    }

    /// The address of the next request.
    pub(super) fn at(&self) -> &Url {
        self.hops.last().map_or(&self.start, |hop| &hop.to)
    }

    /// Whether the configured headers and password may be sent to the current address.
    pub(super) fn is_at_origin(&self) -> bool {
        is_same_origin(&self.configured, self.at())
    }

    /// The `Cookie` field of the next request, if replies of this chain have set cookies for its address.
    pub(super) fn cookies(&self) -> Option<HeaderValue> {
        self.cookies.field(self.at())
    }

    /// Follows a redirect. `None` when the reply is not a redirect, so that the chain ends.
    pub(super) fn next(
        &mut self,
        status: u16,
        headers: &HeaderMap,
    ) -> Option<Result<(), RedirectFault>> {
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = headers.get(LOCATION)?.as_bytes();
        let location = String::from_utf8_lossy(location.trim_ascii());
        if location.is_empty() {
            return None; // It would lead to the same address again.
        }
        let from = self.at().clone();
        let with = self.cookies();
        self.cookies.keep(headers, &from);
        self.sent.push((from, with));
        Some(self.step(status, &location))
    }

    fn step(&mut self, status: u16, location: &str) -> Result<(), RedirectFault> {
        let to = resolve(self.at(), location)?;
        if self.max <= self.hops.len() {
            return Err(RedirectFault::TooMany(self.max));
        }
        let cookies = self.cookies.field(&to);
        if self.sent.iter().any(|(url, with)| *url == to && *with == cookies) {
            return Err(RedirectFault::Loop(to.into())); // The reply would be the same.
        }
        self.hops.push(Hop { status, to });
        Ok(())
    }

    /// The last address, and the redirects that led there.
    pub(super) fn into_parts(self) -> (Url, Vec<Hop>) {
        (self.at().clone(), self.hops)
    }
}

/// Resolves a `Location` against the address that sent it. Fragment, user name and password are removed: the
/// server must not choose the user that we log in as, and a password would appear in logs.
fn resolve(from: &Url, location: &str) -> Result<Url, RedirectFault> {
    let syntax = || {
        let shown: String = location.chars().take(200).flat_map(char::escape_debug).collect();
        RedirectFault::Syntax(shown)
    };
    let mut to = from.join(location).map_err(|_| syntax())?;
    if !is_web(&to) {
        return Err(RedirectFault::Scheme(to.scheme().chars().take(20).collect()));
    }
    to.set_fragment(None);
    if to.set_username("").and_then(|()| to.set_password(None)).is_err() {
        return Err(syntax());
    }
    Ok(to)
}

/// Whether secrets for `home` may be sent to `other`: scheme, host and port are equal, or `other` is the
/// same host with https instead of http, both on their default ports.
fn is_same_origin(home: &Url, other: &Url) -> bool {
    let upgraded = (home.scheme(), other.scheme()) == ("http", "https")
        && (home.port(), other.port()) == (None, None);
    home.host() == other.host()
        && (upgraded
            || (home.scheme() == other.scheme()
                && home.port_or_known_default() == other.port_or_known_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_location_is_resolved_against_the_address_that_sent_it() {
        for (location, expected) in [
            ("/b", Ok("http://example.org/b")),
            ("c?d=1", Ok("http://example.org/dir/c?d=1")),
            ("//other.example/b", Ok("http://other.example/b")),
            ("https://example.org/a#top", Ok("https://example.org/a")),
            ("HTTPS://EXAMPLE.org", Ok("https://example.org/")),
            ("http://me:secret@example.org/", Ok("http://example.org/")),
            ("/ü b", Ok("http://example.org/%C3%BC%20b")),
            ("file:///etc/passwd", Err(RedirectFault::Scheme("file".into()))),
            ("javascript:alert(1)", Err(RedirectFault::Scheme("javascript".into()))),
            ("http://", Err(RedirectFault::Syntax("http://".into()))),
            ("http://[\u{1b}", Err(RedirectFault::Syntax("http://[\\u{1b}".into()))),
        ] {
            let found = resolve(&url("http://example.org/dir/a"), location);
            assert_eq!(found, expected.map(url), "{location}");
        }
    }

    #[test]
    fn secrets_stay_with_the_site_they_were_configured_for() {
        for (home, other, expected) in [
            ("http://a.example/x", "http://a.example/y", true),
            ("http://a.example/", "http://a.example:80/", true),
            ("http://a.example/", "https://a.example/", true),
            ("https://a.example/", "http://a.example/", false), // In the clear.
            ("http://a.example:8080/", "https://a.example:8443/", false),
            ("http://a.example:8080/", "https://a.example/", false),
            ("http://a.example/", "http://a.example:8080/", false),
            ("http://a.example/", "http://b.a.example/", false),
            ("http://a.example/", "http://a.example.evil.example/", false),
        ] {
            assert_eq!(is_same_origin(&url(home), &url(other)), expected, "{home} {other}");
        }
    }
}
