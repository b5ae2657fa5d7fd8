//! Who may read, and who may give orders.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::{Site, error_response};
use crate::config::ServerConfig;
use crate::domain::request::Secret;

/// What the configuration says of it.
#[derive(Clone)]
pub(super) struct Access {
    token: Option<Secret>,
    public: bool,
    hub: Option<String>,
}

impl Access {
    pub(super) fn of(config: &ServerConfig) -> Self {
        let (token, hub) = (config.token.clone(), config.hub.clone());
        Self { token, public: config.public, hub }
    }

    /// Whom exports name as their hub (`WebSub`, section 4).
    pub(super) fn hub(&self) -> Option<&str> {
        self.hub.as_deref()
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the request carries the token: `Authorization: Bearer` (RFC 6750), or the password of
    /// `Basic` (RFC 7617), which browsers ask their user for; the user name does not matter.
    pub(super) fn shown(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return false };
        let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let Some(space) = value.iter().position(|&b| b == b' ') else { return false };
        let (scheme, rest) = value.split_at(space);
        let rest = rest.trim_ascii();
        let same = |given: &[u8]| bool::from(given.ct_eq(token.expose().as_bytes()));
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return same(rest);
        }
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return false;
        }
        let Ok(pair) = STANDARD.decode(rest) else { return false };
        let colon = pair.iter().position(|&b| b == b':');
        colon.and_then(|colon| pair.get(colon + 1..)).is_some_and(same)
    }
}

/// Lets through what may read. Where there is a token, everything but `/healthz` wants it, unless all
/// may read.
///
/// Where neither is configured, which only a listener on this machine may do, the request must also name
/// this machine: else a page of any web site could have a name of its own point here, and read along in
/// the browser of whoever sits at it (DNS rebinding).
pub(super) async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let access = site.access();
    if request.uri().path() == "/healthz" || access.public || access.shown(request.headers()) {
        return next.run(request).await;
    }
    if access.has_token() {
        return asking_for_token();
    }
    if names_this_machine(request.headers()) {
        return next.run(request).await;
    }
    error_response::refusal(
        StatusCode::FORBIDDEN,
        "this server is for its own machine: ask it by 127.0.0.1 or localhost, or write \
         public = true in [server] if it stands behind a proxy",
    )
}

pub(super) fn asking_for_token() -> Response {
    let mut response = error_response::refusal(
        StatusCode::UNAUTHORIZED,
        "send the token as `Authorization: Bearer TOKEN`, or as the password in a browser",
    );
    let challenge = HeaderValue::from_static("Basic realm=\"gazetted\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// Whether a page of another site sent this: a browser would add the password of its own accord.
pub(super) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let own = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.map(|(_, host)| host) != own
}

/// An address is no name that somebody could point elsewhere, and `localhost` always means here. A
/// request without `Host` (HTTP/1.0) comes from no browser.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_token_is_taken_as_bearer_and_as_any_users_password() {
        let token = Some(Secret::new("s3cret-token".to_owned()));
        let access = Access { token, public: false, hub: None };
        for (value, shown) in [
            ("Bearer s3cret-token", true),
            ("bearer  s3cret-token", true),
            ("Bearer s3cret-toke", false),
            ("Bearer s3cret-token2", false),
            ("Bearer", false),
            ("Bearer ", false),
            ("Token s3cret-token", false),
            ("Basic bWU6czNjcmV0LXRva2Vu", true), // me:s3cret-token
            ("basic OnMzY3JldC10b2tlbg==", true), // :s3cret-token
            ("Basic czNjcmV0LXRva2Vu", false),    // without a colon
            ("Basic !!!", false),
            ("", false),
        ] {
            let headers = headers(&[("authorization", value)]);
            assert_eq!(access.shown(&headers), shown, "{value}");
        }
        assert!(!access.shown(&HeaderMap::new()));
        let none = Access { token: None, public: false, hub: None };
        assert!(!none.shown(&headers(&[("authorization", "Bearer ")])));
    }

    #[test]
    fn names_that_others_give_are_not_this_machine() {
        for (host, own) in [
            ("127.0.0.1:7878", true),
            ("localhost", true),
            ("LOCALHOST:80", true),
            ("gazetted.localhost", true),
            ("[::1]:7878", true),
            ("[::1]", true),
            ("evil.example:7878", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(names_this_machine(&headers(&[("host", host)])), own, "{host}");
        }
    }

    #[test]
    fn an_order_comes_from_our_own_pages_or_from_no_page() {
        for (pairs, elsewhere) in [
            (&[("host", "a.example:1")][..], false),
            (&[("host", "a.example:1"), ("origin", "https://a.example:1")], false),
            (&[("host", "a.example:1"), ("origin", "https://a.example")], true),
            (&[("host", "a.example"), ("origin", "https://evil.example")], true),
            (&[("host", "a.example"), ("origin", "null")], true),
        ] {
            assert_eq!(is_from_elsewhere(&headers(pairs)), elsewhere, "{pairs:?}");
        }
    }
}
