//! Conditional requests (RFC 9110 section 13).
//!
//! Entity tags are weak, because the same document may be sent with different content codings.

use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use xxhash_rust::xxh3::Xxh3;

use crate::domain::time::{TimeDelta, Timestamp, from_unix};

/// The most addresses whose last change is kept in memory.
const REMEMBERED: usize = 1024;

/// The validators of a response.
#[derive(Clone, Debug)]
pub(super) struct Version {
    etag: String,
    last_modified: Option<Timestamp>,
}

impl Version {
    /// Takes a hash of everything that decides the content of the response.
    pub(super) fn of(hash: u64) -> Self {
        Self { etag: format!("W/\"{hash:016x}\""), last_modified: None }
    }

    /// Whether the client already has this version. `If-Modified-Since` is ignored if there is an
    /// `If-None-Match` (section 13.1.3).
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        if let Some(known) = headers.get(IF_NONE_MATCH) {
            let bare = self.etag.trim_start_matches("W/");
            let known = known.to_str().unwrap_or_default();
            return known.split(',').map(str::trim).any(|tag| {
                // Weak comparison (section 8.8.3.2). A proxy may have marked the tag.
                tag == "*" || tag.trim_start_matches("W/") == bare
            });
        }
        let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
        let since = since.and_then(|text| httpdate::parse_http_date(text).ok());
        match (self.last_modified, since) {
            (Some(changed), Some(since)) => changed <= Timestamp::from(since),
            (None, _) | (_, None) => false,
        }
    }

    /// Adds `ETag` and `Last-Modified`; and `Vary`, which a 304 must have as well (section 15.4.5).
    pub(super) fn stamp(&self, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(ETAG, etag);
        }
        if let Some(at) = self.last_modified
            && let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(at.into()))
        {
            headers.insert(LAST_MODIFIED, date);
        }
    }

    /// 304, with the headers that the 200 would have had.
    pub(super) fn not_modified(&self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        self.stamp(response.headers_mut());
        response
    }
}

/// The time of the last change of each address, as far as this process has seen it.
///
/// The articles have no time of their last edit that could be used for this. An address therefore counts as
/// changed at its first request, and then whenever its tag differs. After a restart a client may get a
/// document that it has, but no change is ever hidden from it.
#[derive(Default)]
pub(super) struct Changes(Mutex<HashMap<u64, (String, Timestamp)>>);

impl Changes {
    /// Adds the time of the last change. `address` is a hash of the address.
    pub(super) fn date(&self, address: u64, version: Version, now: Timestamp) -> Version {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match known.get(&address) {
            Some((etag, at)) if *etag == version.etag => *at,
            // Two versions within one second must differ in their dates.
            Some((_, at)) => now.max(*at + TimeDelta::seconds(1)),
            None => now,
        };
        let at = from_unix(at.timestamp());
        if REMEMBERED <= known.len() && !known.contains_key(&address) {
            known.clear();
        }
        known.insert(address, (version.etag.clone(), at));
        Version { last_modified: Some(at), ..version }
    }
}

/// A hash over parts, lengths included.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let mut hash = Xxh3::new();
    for part in parts {
        hash.write_usize(part.len());
        hash.write(part);
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_client_that_has_it_is_recognised() {
        let changes = Changes::default();
        let at = from_unix(784_111_777);
        let version = changes.date(1, Version::of(0xabc), at);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (pairs, known) in [
            (&[("if-none-match", "W/\"0000000000000abc\"")][..], true),
            (&[("if-none-match", "\"0000000000000abc\"")], true),
            (&[("if-none-match", "\"x\", W/\"0000000000000abc\"")], true),
            (&[("if-none-match", "*")], true),
            (&[("if-none-match", "W/\"0000000000000abd\"")], false),
            (&[("if-none-match", "W/\"x\""), ("if-modified-since", date)], false),
            (&[("if-modified-since", date)], true),
            (&[("if-modified-since", "Sun, 06 Nov 1994 08:49:38 GMT")], true),
            (&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], false),
            (&[("if-modified-since", "yesterday")], false),
            (&[], false),
        ] {
            assert_eq!(version.is_known(&headers(pairs)), known, "{pairs:?}");
        }
        let answer = version.not_modified();
        assert_eq!(answer.headers()[LAST_MODIFIED], date);
        assert_eq!(answer.headers()[ETAG], "W/\"0000000000000abc\"");
    }

    #[test]
    fn another_version_has_a_later_date() {
        let changes = Changes::default();
        let at = from_unix(1000);
        let date = |hash, now| changes.date(1, Version::of(hash), now).last_modified;
        assert_eq!(date(1, at), Some(at));
        assert_eq!(date(1, from_unix(2000)), Some(at));
        assert_eq!(date(2, at), Some(from_unix(1001)));
        assert_eq!(date(3, from_unix(3000)), Some(from_unix(3000)));
        for address in 2..3000 {
            changes.date(address, Version::of(1), at);
        }
        assert!(changes.0.lock().unwrap().len() <= REMEMBERED);
    }
}
