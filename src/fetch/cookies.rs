//! The cookies of one chain of redirects (RFC 6265). Some servers set a cookie in a redirect and send the feed only to
//! a request that returns it.
//!
//! A chain starts without cookies, and its cookies end with it, so that no server recognises us at the next poll.
//! `cookie_store` decides on domain, path and expiry. Two rules are stricter here: a `Secure` cookie is set and sent
//! over https only, also on loopback, and a `Domain` that is a public suffix is refused (section 5.3).

use cookie_store::{CookieStore, RawCookie};
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

/// The most cookies of a chain (RFC 6265 section 6.1: at least 50 for each domain).
const MOST_COOKIES: usize = 50;

/// The most bytes of a `Set-Cookie` field (RFC 6265 section 6.1).
const LONGEST_COOKIE: usize = 4096;

/// The most bytes of the `Cookie` field of a request. Many servers refuse fields of more than 8 KiB.
const LONGEST_FIELD: usize = 8 * 1024;

#[derive(Debug, Default)]
pub(super) struct Cookies(CookieStore);

impl Cookies {
    /// Keeps the cookies of a reply from `url`.
    pub(super) fn keep(&mut self, headers: &HeaderMap, url: &Url) {
        for field in headers.get_all(SET_COOKIE) {
            if MOST_COOKIES <= self.0.iter_any().count() {
                return;
            }
            if field.len() <= LONGEST_COOKIE
                && let Ok(text) = str::from_utf8(field.as_bytes())
                && let Ok(cookie) = RawCookie::parse(text)
                && let Some(cookie) = permitted(cookie, url)
            {
                self.0.insert_raw(&cookie, url).ok(); // A cookie for another domain is refused.
            }
        }
    }

    /// The `Cookie` field of a request for `url`; `None` without cookies. Cookies of longer paths come first (RFC 6265
    /// section 5.4).
    pub(super) fn field(&self, url: &Url) -> Option<HeaderValue> {
        let mut cookies = self.0.matches(url);
        cookies.retain(|cookie| url.scheme() == "https" || cookie.secure() != Some(true));
        cookies.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.name()));
        let mut field = String::new();
        for cookie in cookies {
            let (name, value) = cookie.name_value();
            let separator = if field.is_empty() { "" } else { "; " };
            if field.len() + separator.len() + name.len() + 1 + value.len() <= LONGEST_FIELD {
                field.extend([separator, name, "=", value]);
            }
        }
        let mut field = HeaderValue::from_bytes(field.as_bytes()).ok().filter(|f| !f.is_empty())?;
        field.set_sensitive(true);
        Some(field)
    }
}

/// The cookie as it may be kept. `None` for a `Secure` cookie that came without encryption, and for a `Domain` that is a
/// public suffix (`co.uk`) of the host. A public suffix that is the host itself stands for this host only.
fn permitted<'a>(mut cookie: RawCookie<'a>, url: &Url) -> Option<RawCookie<'a>> {
    if cookie.secure() == Some(true) && url.scheme() != "https" {
        return None;
    }
    let Some(domain) = cookie.domain().map(str::to_ascii_lowercase) else { return Some(cookie) };
    let domain = domain.trim_end_matches('.').as_bytes();
    if psl::suffix(domain).is_some_and(|suffix| suffix.as_bytes() == domain) {
        if url.host_str().map(str::as_bytes) != Some(domain) {
            return None;
        }
        cookie.unset_domain();
    }
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cookies that a request for `to` has after a reply from `from`.
    fn sent(from: &str, fields: &[&str], to: &str) -> String {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(SET_COOKIE, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        let mut cookies = Cookies::default();
        cookies.keep(&headers, &Url::parse(from).unwrap());
        let field = cookies.field(&Url::parse(to).unwrap());
        field.map_or_else(String::new, |field| String::from_utf8_lossy(field.as_bytes()).into())
    }

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn a_cookie_goes_only_where_it_belongs() {
        let http = "http://www.a.example/x/feed";
        let https = "https://www.a.example/x/feed";
        for (name, from, fields, to, expected) in [
            ("the same address", http, &["a=1"][..], http, "a=1"),
            ("another port", http, &["a=1"], "http://www.a.example:8080/x/feed", "a=1"),
            ("with encryption", http, &["a=1"], https, "a=1"),
            ("two", http, &["b=2", "a=1"], http, "a=1; b=2"),
            ("replaced", http, &["a=1", "a=2"], http, "a=2"),
            ("another host", http, &["a=1"], "http://b.example/x/feed", ""),
            ("a sister", http, &["a=1"], "http://m.a.example/x/feed", ""),
            ("the parent", http, &["a=1"], "http://a.example/x/feed", ""),
            ("a child", http, &["a=1"], "http://x.www.a.example/x/feed", ""),
            ("of the domain", http, &["a=1; Domain=a.example"], "http://m.a.example/x/", "a=1"),
            ("with a dot", http, &["a=1; Domain=.A.example"], "http://a.example/x/", "a=1"),
            (
                "of the domain elsewhere",
                http,
                &["a=1; Domain=a.example"],
                "http://b.example/x/",
                "",
            ),
            ("a similar name", http, &["a=1; Domain=a.example"], "http://na.example/x/", ""),
            ("of a foreign domain", http, &["a=1; Domain=b.example"], "http://b.example/x/", ""),
            ("of a child", http, &["a=1; Domain=x.www.a.example"], "http://x.www.a.example/x/", ""),
            ("of all", http, &["a=1; Domain=example"], http, ""),
            (
                "of a public suffix",
                "http://a.co.uk/",
                &["a=1; Domain=co.uk"],
                "http://b.co.uk/",
                "",
            ),
            (
                "of a registry of users",
                "http://a.github.io/",
                &["a=1; Domain=.github.io"],
                "http://b.github.io/",
                "",
            ),
            (
                "of a public suffix itself",
                "http://github.io/",
                &["a=1; Domain=github.io"],
                "http://github.io/",
                "a=1",
            ),
            (
                "an IP address",
                "http://10.0.0.1/",
                &["a=1; Domain=10.0.0.1"],
                "http://10.0.0.1/",
                "a=1",
            ),
            ("a part of one", "http://10.0.0.1/", &["a=1; Domain=0.0.1"], "http://9.0.0.1/", ""),
            ("below the path", http, &["a=1"], "http://www.a.example/x/y/z", "a=1"),
            ("beside the path", http, &["a=1"], "http://www.a.example/y", ""),
            ("for all paths", http, &["a=1; Path=/"], "http://www.a.example/y", "a=1"),
            ("for a path", http, &["a=1; Path=/login"], http, ""),
            ("the longer path first", http, &["a=1; Path=/", "b=2; Path=/x"], http, "b=2; a=1"),
            ("secure", https, &["a=1; Secure"], https, "a=1"),
            ("secure, then in the clear", https, &["a=1; Secure"], http, ""),
            ("secure, set in the clear", http, &["a=1; Secure"], https, ""),
            ("secure on loopback", "http://127.0.0.1/", &["a=1; Secure"], "http://127.0.0.1/", ""),
            ("expired", http, &["a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], http, ""),
            ("deleted", http, &["a=1", "a=; Max-Age=0"], http, ""),
            ("for a day", http, &["a=1; Max-Age=86400"], http, "a=1"),
            ("for scripts not", http, &["a=1; HttpOnly; SameSite=Strict"], http, "a=1"),
            ("in quotation marks", http, &["a=\"1 2\""], http, "a=\"1 2\""),
            ("no cookie", http, &["", "=", ";"], http, ""),
        ] {
            assert_eq!(sent(from, fields, to), expected, "{name}");
        }
    }

    #[test]
    fn a_server_cannot_make_requests_large() {
        let long = format!("a={}", "x".repeat(LONGEST_COOKIE));
        assert_eq!(sent("http://a.example/", &[&long], "http://a.example/"), "");
        let many: Vec<String> = (0..200).map(|n| format!("n{n}={}", "x".repeat(1000))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let field = sent("http://a.example/", &many, "http://a.example/");
        assert!((LONGEST_FIELD - 1_100..=LONGEST_FIELD).contains(&field.len()), "{}", field.len());
    }
}
