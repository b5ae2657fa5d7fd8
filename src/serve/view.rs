//! How a client sees this server: below which path, with which origin, with times of which zone, and with which view of
//! lists.
//!
//! A proxy may serve us below a path (`https://example.org/news/`). Either it passes the whole path on, or it strips
//! the prefix. `[server] base` names the prefix for both cases; a proxy that strips it may name it in
//! `X-Forwarded-Prefix` instead, as Traefik and Caddy do. A prefix becomes a part of links and nothing else.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{HOST, HeaderMap, HeaderName, HeaderValue, LOCATION};
use axum::http::uri::PathAndQuery;
use axum::http::{Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::Render;
use url::form_urlencoded;

use crate::config::{ListView, ServerConfig};
use crate::domain::icon::{home_of, site_of};
use crate::domain::time::Zone;
use crate::serve::reader_pool::ReaderPool;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The query parameter that names the view of a list.
pub(super) const LIST_VIEW: &str = "view";

/// The time limit for reading the names of icons.
const DEADLINE: Duration = Duration::from_secs(10);

/// The longest prefix that is believed, in bytes. It occurs in each link of a page.
const MAX_PREFIX: usize = 200;

/// The path before all paths of this server: empty, or with a slash at its start and none at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Base(String);

/// What the pages of a response depend on besides the articles.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) base: Base,
    /// The time zone of the times that are shown.
    pub(super) zone: Zone,
    /// How lists of articles are shown.
    list: ListView,
    /// How they are shown if a request does not say it.
    default_list: ListView,
    /// Whether pages have the script with keyboard shortcuts.
    pub(super) shortcuts: bool,
    /// Whether the icons of sites are shown.
    favicons: bool,
    /// The names of the icons of the sites of this page, once [`View::with_icons`] has read them.
    icons: Arc<HashMap<String, String>>,
}

impl View {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            base: Base::new(&config.base),
            zone: config.zone,
            list: config.view,
            default_list: config.view,
            shortcuts: config.shortcuts,
            favicons: config.favicons,
            icons: Arc::default(),
        }
    }

    /// Reads which of the sites of these feeds have an icon, if icons are shown. A feed is given by its URL and the address
    /// of its home page.
    ///
    /// # Errors
    /// The error response.
    pub(super) async fn with_icons<'a>(
        self,
        reader_pool: &ReaderPool,
        feeds: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, Response> {
        if !self.favicons {
            return Ok(self);
        }
        let site = |(url, home): (&str, Option<&str>)| Some(site_of(&home_of(url, home)?));
        let sites: HashSet<String> = feeds.filter_map(site).collect();
        let icons = reader_pool.read(DEADLINE, move |reader| reader.icon_names(sites)).await;
        Ok(Self { icons: Arc::new(icons.map_err(IntoResponse::into_response)?), ..self })
    }

    /// The address of the icon of a feed.
    pub(super) fn icon(&self, url: &str, home_page_url: Option<&str>) -> Option<String> {
        if self.icons.is_empty() {
            return None;
        }
        let name = self.icons.get(&site_of(&home_of(url, home_page_url)?))?;
        Some(format!("{}/icons/{name}", self.base.0))
    }

    pub(super) fn has_icons(&self) -> bool {
        self.favicons
    }

    /// How lists of articles are shown.
    pub(super) fn list(&self) -> ListView {
        self.list
    }

    /// Takes the view of lists that the request names, if it names one.
    ///
    /// # Errors
    /// A message for the user, if there is no such view.
    pub(super) fn choose(&mut self, uri: &Uri) -> Result<(), String> {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        for (_, name) in pairs.filter(|(key, value)| key == LIST_VIEW && !value.is_empty()) {
            let list = ListView::parse(&name);
            let others = || format!("view: {}", ListView::NAMES.join(", "));
            self.list = list.ok_or_else(others)?;
        }
        Ok(())
    }

    /// `view=…`, if lists are shown in another view than the configured one. Links to lists repeat it.
    pub(super) fn chosen_list(&self) -> Option<ListView> {
        Some(self.list).filter(|list| *list != self.default_list)
    }

    /// The address of a list in a view. `address` is without a view.
    pub(super) fn list_in(&self, list: ListView, address: &str) -> String {
        if list == self.default_list {
            return address.to_owned();
        }
        let mark = if address.contains('?') { '&' } else { '?' };
        format!("{address}{mark}{LIST_VIEW}={}", list.as_str())
    }

    /// The address of a list in the view of this page.
    pub(super) fn list_at(&self, address: &str) -> String {
        self.list_in(self.list, address)
    }
}

impl Render for Base {
    fn render_to(&self, buffer: &mut String) {
        self.0.render_to(buffer);
    }
}

impl Base {
    /// A configured path, which was checked.
    pub(super) fn new(path: &str) -> Self {
        Self(path.trim_end_matches('/').to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The prefix that a proxy names. Each client can send the header, so that nothing but a path is believed: two
    /// slashes would make another host of each link.
    fn forwarded(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(FORWARDED_PREFIX)?.to_str().ok()?;
        let path = text.split(',').next().unwrap_or_default().trim().trim_end_matches('/');
        let is_plain = |part: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            !matches!(part, "" | "." | "..") && part.bytes().all(plain)
        };
        let is_path = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_plain));
        (path.len() <= MAX_PREFIX && is_path).then(|| Self(path.to_owned()))
    }
}

/// Takes the configured prefix off the path of a request, and adds the [`View`] for the response. Returns
/// the response, if the request is for the prefix without its last slash.
pub(super) fn locate<B>(view: &View, request: &mut Request<B>) -> Option<Response> {
    let configured = &view.base;
    let forwarded = Base::forwarded(request.headers());
    let base = match below(request.uri(), configured) {
        Below::Root(uri) => return Some(moved(&uri)),
        Below::Path(uri) => {
            *request.uri_mut() = uri;
            // A proxy before the one that passes the prefix on may have stripped another.
            match forwarded {
                Some(outer) if outer != *configured => Base(outer.0 + configured.as_str()),
                Some(_) | None => configured.clone(),
            }
        }
        Below::Nothing => forwarded.unwrap_or_else(|| configured.clone()),
    };
    request.extensions_mut().insert(View { base, ..view.clone() });
    None
}

/// Where a request is, seen from the configured prefix.
enum Below {
    /// At the prefix without its last slash; the address with it.
    Root(Uri),
    /// Below it; the address without it.
    Path(Uri),
    /// Elsewhere: there is no prefix, or a proxy has stripped it.
    Nothing,
}

fn below(uri: &Uri, base: &Base) -> Below {
    let rest = Some(uri.path()).filter(|_| !base.0.is_empty());
    let Some(rest) = rest.and_then(|path| path.strip_prefix(base.as_str())) else {
        return Below::Nothing;
    };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    if rest.is_empty() {
        let whole = Uri::from_str(&format!("{}/{query}", base.0));
        return whole.map_or(Below::Nothing, Below::Root);
    }
    // `/newspaper` is not below `/news`.
    let rest = PathAndQuery::from_str(&format!("{rest}{query}"));
    match rest {
        Ok(rest) if rest.path().starts_with('/') => Below::Path(Uri::from(rest)),
        _ => Below::Nothing,
    }
}

/// 308 to the address with the slash, from which the proxy and the browser see the same path.
fn moved(to: &Uri) -> Response {
    match HeaderValue::from_str(&to.to_string()) {
        Ok(to) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, to)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// `http://host:port` of this server as the client knows it; `https` if a proxy says so.
pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if host.is_empty() || !host.bytes().all(plain) {
        return None;
    }
    let forwarded = headers.get(FORWARDED_PROTO).map(HeaderValue::as_bytes);
    let scheme = if forwarded == Some(b"https") { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_a_view_that_is_not_the_configured_one_is_in_addresses() {
        use ListView::{Cards, Compact, List};
        for (configured, query, list, here, there) in [
            (List, "", List, "/?tag=a", "/?tag=a&view=compact"),
            (List, "?view=compact", Compact, "/?tag=a&view=compact", "/?tag=a&view=compact"),
            (List, "?view=list", List, "/?tag=a", "/?tag=a&view=compact"),
            (Compact, "", Compact, "/?tag=a", "/?tag=a"),
            (Compact, "?view=", Compact, "/?tag=a", "/?tag=a"),
            (Compact, "?view=cards&x=y", Cards, "/?tag=a&view=cards", "/?tag=a"),
        ] {
            let mut view = View { list: configured, default_list: configured, ..View::default() };
            view.choose(&format!("/{query}").parse().unwrap()).unwrap();
            assert_eq!(view.list(), list, "{configured:?} {query}");
            assert_eq!(view.list_at("/?tag=a"), here, "{configured:?} {query}");
            assert_eq!(view.list_in(Compact, "/?tag=a"), there, "{configured:?} {query}");
            assert_eq!(view.list_in(Cards, "/") == "/", configured == Cards);
        }
        let error = View::default().choose(&"/?view=grid".parse().unwrap()).unwrap_err();
        assert_eq!(error, "view: list, compact, cards");
    }

    #[test]
    fn the_origin_is_that_of_the_request() {
        for (pairs, expected) in [
            (&[("host", "a.example:80")][..], Some("http://a.example:80")),
            (&[("host", "[::1]:80"), ("x-forwarded-proto", "https")], Some("https://[::1]:80")),
            (&[("host", "a\"><b"), ("x-forwarded-proto", "https")], None),
            (&[], None),
        ] {
            assert_eq!(origin(&headers(pairs)).as_deref(), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_forwarded_prefix_is_a_path_or_nothing() {
        for (value, expected) in [
            ("/news", Some("/news")),
            ("/news/", Some("/news")),
            ("/a/b-c_d.e~f", Some("/a/b-c_d.e~f")),
            ("/outer, /inner", Some("/outer")),
            ("/", None),
            ("", None),
            ("news", None),
            ("//evil.example", None),
            ("/\\evil.example", None),
            ("/a//b", None),
            ("/a/../b", None),
            ("/a\"><script>", None),
            ("/a?b", None),
            ("https://evil.example/", None),
        ] {
            let found = Base::forwarded(&headers(&[("x-forwarded-prefix", value)]));
            assert_eq!(found.as_ref().map(Base::as_str), expected, "{value}");
        }
        let long = format!("/{}", "a".repeat(MAX_PREFIX));
        assert_eq!(Base::forwarded(&headers(&[("x-forwarded-prefix", &long)])), None);
    }

    #[test]
    fn the_prefix_is_taken_off_paths_below_it_only() {
        for (uri, base, expected) in [
            ("/news/feeds?x=/news/", "/news/", "path /feeds?x=/news/"),
            ("/news/", "/news/", "path /"),
            ("/news?q=1", "/news/", "root /news/?q=1"),
            ("/news", "/news/", "root /news/"),
            ("/newspaper", "/news/", "nothing"),
            ("/feeds", "/news/", "nothing"),
            ("/news/news/", "/news/", "path /news/"),
            ("/news//evil.example", "/news/", "path //evil.example"),
            ("/feeds", "/", "nothing"),
        ] {
            let found = match below(&uri.parse().unwrap(), &Base::new(base)) {
                Below::Root(uri) => format!("root {uri}"),
                Below::Path(uri) => format!("path {uri}"),
                Below::Nothing => "nothing".to_owned(),
            };
            assert_eq!(found, expected, "{uri} {base}");
        }
    }
}
