//! Authorisation: which requests may read, and which may give commands.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::view::View;
use super::{Site, error_response};
use crate::config::ServerConfig;
use crate::domain::request::Secret;

/// The settings of `[server]` that decide access.
#[derive(Clone)]
pub(super) struct Access {
    token: Option<Secret>,
    public: bool,
    hub: Option<String>,
    view: View,
}

impl Access {
    pub(super) fn of(config: &ServerConfig) -> Self {
        let (token, hub) = (config.token.clone(), config.hub.clone());
        let view = View::new(config);
        Self { token, public: config.public, hub, view }
    }

    /// How clients see this server, as far as it is configured.
    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// The hub that exports announce (`WebSub`, section 4).
    pub(super) fn hub(&self) -> Option<&str> {
        self.hub.as_deref()
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the request has the token: as `Authorization: Bearer` (RFC 6750), or as the password of `Basic`
    /// (RFC 7617) with any user name, for which a browser asks the user.
    pub(super) fn has_valid_token(&self, headers: &HeaderMap) -> bool {
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

/// Passes on requests that may read. If a token is configured, all routes except `/healthz` require it, unless
/// `public` is set.
///
/// Without both, which is allowed for a listener on this machine only, the `Host` of the request must be this
/// machine. Otherwise a web site could make a name of its own point to this address and read the articles in
/// the browser of a local user (DNS rebinding).
pub(super) async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let access = site.access();
    if request.uri().path() == "/healthz"
        || access.public
        || access.has_valid_token(request.headers())
    {
        return next.run(request).await;
    }
    if access.has_token() {
        return token_required();
    }
    if names_this_machine(request.headers()) {
        return next.run(request).await;
    }
    error_response::with_status(
        StatusCode::FORBIDDEN,
        "this server is for its own machine: ask it by 127.0.0.1 or localhost, or write \
         public = true in [server] if it stands behind a proxy",
    )
}

/// Refuses a request of HTTP/1.1 that does not have exactly one `Host` field (RFC 9112 section 3.2), because two programs
/// may understand such a request differently.
pub(super) async fn require_host(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11) {
        return next.run(request).await;
    }
    let why = format!("a request has exactly one Host header, and this has {hosts}");
    error_response::with_status(StatusCode::BAD_REQUEST, &why)
}

pub(super) fn token_required() -> Response {
    let mut response = error_response::with_status(
        StatusCode::UNAUTHORIZED,
        "send the token as `Authorization: Bearer TOKEN`, or as the password in a browser",
    );
    let challenge = HeaderValue::from_static("Basic realm=\"gazetted\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// Whether a page of another site sent the request. Browsers add a stored password to such requests too.
pub(super) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let own = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.map(|(_, host)| host) != own
}

/// Whether `Host` is an IP address or `localhost`, which cannot be redirected by DNS. A request without `Host`
/// (HTTP/1.0) does not come from a browser.
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
        let access = Access { token, public: false, hub: None, view: View::default() };
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
            assert_eq!(access.has_valid_token(&headers), shown, "{value}");
        }
        assert!(!access.has_valid_token(&HeaderMap::new()));
        let none = Access { token: None, public: false, hub: None, view: View::default() };
        assert!(!none.has_valid_token(&headers(&[("authorization", "Bearer ")])));
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
