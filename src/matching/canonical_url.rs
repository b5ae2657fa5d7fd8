//! Canonical URLs: what remains of an address when everything is removed that leads to the same page without it. The
//! rules are tables.
//!
//! The work is done in three steps. Redirects that carry their target in the address are followed. The address is
//! written in one spelling, without what only tracks readers. Keys are derived from it, by which addresses are
//! compared: `http` and `https`, with and without `www.` and with and without a slash at the end are one. An AMP page
//! or a page for mobile phones has a second key, that of the page it is a variant of.
//!
//! The home page of a site and its sections identify no article, so they have no keys.
//!
//! Not done here: fetching anything. The addresses behind redirects and `rel=canonical` have to be passed in as
//! addresses of their own.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::feed::normalise::tracking;
use crate::html::web_address::{absolute_web_url, has_web_scheme, is_within};

/// A canonical URL and its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalUrl {
    /// The address to show: with its scheme, `www.` and slash, without tracking parameters, session and fragment.
    pub url: String,
    /// Addresses with a common key lead to the same page. The first key is that of the address itself, a second one
    /// that of the page of which the address is a variant for AMP or mobile phones. There is none for a home page or
    /// a section.
    pub keys: Vec<String>,
    /// Path and query, which stay when a site moves to another host. It is meant for articles of one feed only.
    pub hostless: Option<String>,
}

/// Parameters that track readers if they have one of the [`TRACKING_VALUES`]. Otherwise they may identify a page.
const TRACKING_BY_VALUE: [&str; 15] = [
    "ref", "source", "src", "from", "cid", "mod", "feed", "track", "output", "via", "campaign",
    "medium", "referrer", "ref_src", "origin",
];

/// Values that say how a reader came to the page.
const TRACKING_VALUES: [&str; 13] = [
    "feed",
    "atom",
    "twitter",
    "facebook",
    "google_news",
    "googlenews",
    "newsletter",
    "linkedin",
    "email",
    "flipboard",
    "feedburner",
    "syndication",
    "mastodon",
];

/// Beginnings of such values.
const TRACKING_VALUE_STARTS: [&str; 3] = ["rss", "feedburner", "newsletter"];

/// Parameters that hold a session whatever their value is.
const SESSIONS: [&str; 8] = [
    "jsessionid",
    "phpsessid",
    "aspsessionid*",
    "asp.net_sessionid",
    "sessionid",
    "session_id",
    "cfid",
    "cftoken",
];

/// Parameters that hold a session if their value is a long code.
const SESSIONS_BY_SHAPE: [&str; 6] = ["sid", "s", "session", "sess", "osCsid", "zenid"];

/// How a redirect carries its target.
#[derive(Clone, Copy)]
enum Target {
    /// In the first of these parameters.
    Query(&'static [&'static str]),
    /// In the path behind this text, without scheme. `s/` before the host means `https`.
    AmpPath(&'static str),
    /// In the path behind this text, with its scheme.
    Path(&'static str),
}

/// Addresses that only lead to another one, which they name: the host (`*.` means any subdomain, `.*` at the end any
/// top-level domain), the beginning of the path, and the place of the target.
const REDIRECTS: [(&str, &str, Target); 30] = [
    // AMP caches (amp.dev, "AMP Cache URL format").
    ("*.cdn.ampproject.org", "/c/", Target::AmpPath("/c/")),
    ("*.cdn.ampproject.org", "/v/", Target::AmpPath("/v/")),
    ("*.bing-amp.com", "/c/", Target::AmpPath("/c/")),
    ("google.*", "/amp/", Target::AmpPath("/amp/")),
    // Google's redirects of search, news, alerts and feeds.
    ("google.*", "/url", Target::Query(&["q", "url"])),
    ("google.*", "/imgres", Target::Query(&["imgrefurl"])),
    ("news.google.*", "/news/url", Target::Query(&["url"])),
    ("news.url.google.*", "/", Target::Query(&["url", "q"])),
    ("feedproxy.google.*", "/", Target::Path("/http")),
    ("feeds.feedburner.com", "/", Target::Path("/http")),
    ("feeds2.feedburner.com", "/", Target::Path("/http")),
    ("feedproxy.google.*", "/", Target::Query(&["url", "u"])),
    ("feeds.feedburner.com", "/", Target::Query(&["url", "u"])),
    // Yahoo's, with the target behind an asterisk, or between RU= and RK=.
    ("*.rd.yahoo.com", "/", Target::Path("/*http")),
    ("rd.yahoo.com", "/", Target::Path("/*http")),
    ("r.search.yahoo.com", "/", Target::Path("/RU=http")),
    // Social networks and services that count clicks.
    ("l.facebook.com", "/l.php", Target::Query(&["u"])),
    ("lm.facebook.com", "/l.php", Target::Query(&["u"])),
    ("l.instagram.com", "/", Target::Query(&["u"])),
    ("out.reddit.com", "/", Target::Query(&["url"])),
    ("t.umblr.com", "/redirect", Target::Query(&["z"])),
    ("youtube.com", "/redirect", Target::Query(&["q"])),
    ("vk.com", "/away.php", Target::Query(&["to"])),
    ("getpocket.com", "/redirect", Target::Query(&["url"])),
    ("bing.com", "/news/apiclick.aspx", Target::Query(&["url"])),
    ("duckduckgo.com", "/l/", Target::Query(&["uddg"])),
    ("go.redirectingat.com", "/", Target::Query(&["url"])),
    ("go.skimresources.com", "/", Target::Query(&["url"])),
    ("redirect.viglink.com", "/", Target::Query(&["u"])),
    ("*.safelinks.protection.outlook.com", "/", Target::Query(&["url"])),
];

/// Parameters of which the value shows that the page is a variant for AMP.
const AMP_PARAMETERS: [(&str, &[&str]); 5] = [
    ("amp", &["", "1", "true", "yes"]),
    ("outputtype", &["amp"]),
    ("output", &["amp"]),
    ("format", &["amp"]),
    ("view", &["amp"]),
];

/// First labels of hosts with variants of pages. `m` is also found as the second label (`en.m.example.org`).
const VARIANT_HOSTS: [&str; 4] = ["amp", "m", "mobile", "touch"];

/// Names of files that are the index of their folder.
const INDEX_FILES: [&str; 9] = [
    "index.html",
    "index.htm",
    "index.php",
    "index.shtml",
    "index.xhtml",
    "index.asp",
    "index.aspx",
    "index.jsp",
    "default.aspx",
];

/// Paths of one segment that are sections of a site, or its feeds.
const SECTIONS: [&str; 24] = [
    "news",
    "blog",
    "feed",
    "feeds",
    "rss",
    "atom",
    "home",
    "archive",
    "archives",
    "articles",
    "posts",
    "podcast",
    "podcasts",
    "events",
    "press",
    "rss.xml",
    "feed.xml",
    "atom.xml",
    "index.xml",
    "feed.json",
    "latest",
    "aktuell",
    "actualites",
    "noticias",
];

/// The most redirects within an address that are followed.
const MOST_REDIRECTS: usize = 4;

impl CanonicalUrl {
    /// The canonical form of an absolute address; `None` unless it is `http` or `https`.
    pub fn of(address: &str) -> Option<Self> {
        let mut url = parsed(address)?;
        for _ in 0..MOST_REDIRECTS {
            let Some(target) = target(&url) else { break };
            url = target;
        }
        tidy(&mut url);
        let path = key_path(url.path());
        let query = url.query().unwrap_or_default();
        let host = key_host(&url)?;
        let (page_host, page_path, page_query) =
            (page_of(&host), page_path(&path), page_query(query));
        let mut keys = Vec::with_capacity(2);
        let mut hostless = None;
        let anchor = url.fragment().map(|hashbang| format!("#{hashbang}")).unwrap_or_default();
        if !is_section(&page_path, &page_query) || !anchor.is_empty() {
            let joined = |host: &str, path: &str, query: &str| {
                let mark = if query.is_empty() { "" } else { "?" };
                [host, path, mark, query, &anchor].concat()
            };
            keys.push(joined(&host, &path, query));
            let page = joined("", &page_path, &page_query);
            let variant = [&*page_host, &page].concat();
            if keys.first() != Some(&variant) {
                keys.push(variant);
            }
            hostless = Some(page);
        }
        Some(Self { url: url.into(), keys, hostless })
    }

    /// Whether two addresses lead to the same page.
    pub fn is_same_page(&self, other: &Self) -> bool {
        self.keys.iter().any(|key| other.keys.contains(key))
    }

    /// Whether the address is that of a home page or of a section, and of no article.
    pub fn is_section(&self) -> bool {
        self.keys.is_empty()
    }

    /// The host of the page without `www.`; empty for a home page.
    pub fn host(&self) -> &str {
        let page = self.keys.last().map_or("", String::as_str);
        page.split(['/', ':']).next().unwrap_or_default()
    }

    /// Whether the last part of the path is one that only an article has: a number of at least four digits, or at
    /// least three words.
    pub fn is_article_like(&self) -> bool {
        let Some(page) = self.hostless.as_deref() else { return false };
        let last = page.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let mut digits = 0;
        let longest = last
            .bytes()
            .map(|b| {
                digits = if b.is_ascii_digit() { digits + 1 } else { 0 };
                digits
            })
            .max();
        let words = last.split(['-', '_', '+']).filter(|word| 2 <= word.chars().count()).count();
        4 <= longest.unwrap_or_default() || 3 <= words
    }
}

/// The address with its usual damage repaired.
fn parsed(address: &str) -> Option<Url> {
    let address = address.trim();
    if !has_web_scheme(address) {
        return None;
    }
    // Programs that escape an address for a pattern leave backslashes in it.
    let unescaped = if address.contains('\\') {
        Cow::Owned(address.replace("\\?", "?").replace("\\&", "&").replace("\\=", "="))
    } else {
        Cow::Borrowed(address)
    };
    absolute_web_url(&unescaped)
}

/// The target of a redirect that carries it.
fn target(url: &Url) -> Option<Url> {
    let host = url.host_str()?.trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    let path = url.path();
    let fits = |(pattern, start, _): &&(&str, &str, Target)| {
        is_host(host, pattern) && path.starts_with(start)
    };
    REDIRECTS.iter().filter(fits).find_map(|(_, _, place)| {
        let found = match place {
            Target::Query(names) => names.iter().find_map(|wanted| {
                url.query_pairs()
                    .find(|(name, _)| name == wanted)
                    .map(|(_, value)| value.into_owned())
            })?,
            Target::AmpPath(start) => {
                let rest = with_query(path.strip_prefix(start)?, url);
                match rest.strip_prefix("s/") {
                    Some(rest) => format!("https://{rest}"),
                    None => format!("http://{rest}"),
                }
            }
            Target::Path(mark) => {
                let (before, _) = path.split_once(mark)?;
                let start = before.len() + mark.len() - "http".len();
                let rest = path.get(start..)?.split("/RK=").next()?;
                let rest = with_query(rest, url);
                percent_decode_once(&rest)
            }
        };
        parsed(&found).filter(|target| target.host_str().is_some_and(|host| host.contains('.')))
    })
}

fn with_query(path: &str, url: &Url) -> String {
    url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

/// Decodes an address of which the colon is encoded.
fn percent_decode_once(address: &str) -> String {
    if address.contains("://") {
        return address.to_owned();
    }
    percent_decode_str(address).decode_utf8_lossy().into_owned()
}

/// Whether a host fits a pattern of [`REDIRECTS`].
fn is_host(host: &str, pattern: &str) -> bool {
    if let Some(domain) = pattern.strip_prefix("*.") {
        return is_within(host, domain);
    }
    match pattern.strip_suffix('*') {
        // `google.com` and `google.co.uk`, but not `google.example.org`.
        Some(start) => host.strip_prefix(start).is_some_and(|rest| {
            let rest =
                rest.strip_prefix("co.").or_else(|| rest.strip_prefix("com.")).unwrap_or(rest);
            (2..=3).contains(&rest.len()) && !rest.contains('.')
        }),
        None => host == pattern,
    }
}

/// Removes what leads to the same page without it.
fn tidy(url: &mut Url) {
    if url.fragment().is_some_and(|fragment| !fragment.starts_with('!')) {
        url.set_fragment(None);
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    let plain = host.trim_end_matches('.');
    // These fail for addresses without host only, which `parsed` refuses; then nothing is removed.
    if plain.len() < host.len() && url.set_host(Some(plain)).is_err() {
        return;
    }
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user && (url.set_username("").is_err() || url.set_password(None).is_err()) {
        return;
    }
    if url.path().contains(['%', ';']) {
        let path = spelled(url.path());
        url.set_path(&without_session(&path));
    }
    if let Some(query) = url.query() {
        let mut pairs: Vec<String> = query
            .split('&')
            .map(|pair| pair.strip_prefix("amp;").unwrap_or(pair))
            .filter(|pair| !pair.is_empty() && is_kept(pair))
            .map(spelled)
            .collect();
        pairs.sort_by(|a, b| name_of(a).cmp(name_of(b)));
        let sorted = pairs.join("&");
        url.set_query(Some(sorted.as_str()).filter(|query| !query.is_empty()));
    }
}

/// The path without matrix parameters that hold a session: `/page;jsessionid=1A2B`.
fn without_session(path: &str) -> Cow<'_, str> {
    if !path.contains(';') {
        return Cow::Borrowed(path);
    }
    let segments = path.split('/').map(|segment| {
        let mut parts = segment.split(';');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.filter(|part| !is_session(part)).fold(first, |kept, part| kept + ";" + part)
    });
    Cow::Owned(segments.collect::<Vec<_>>().join("/"))
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or(pair)
}

fn is_listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *known,
    })
}

fn is_kept(pair: &str) -> bool {
    let name = name_of(pair);
    let has_tracking_value = || {
        let value = pair.split_once('=').map_or("", |(_, value)| value).to_ascii_lowercase();
        TRACKING_VALUES.contains(&&*value)
            || TRACKING_VALUE_STARTS.iter().any(|start| value.starts_with(start))
    };
    !(tracking::is_tracking(pair)
        || TRACKING_BY_VALUE.iter().any(|known| known.eq_ignore_ascii_case(name))
            && has_tracking_value()
        || is_session(pair))
}

fn is_session(pair: &str) -> bool {
    let name = name_of(pair).to_ascii_lowercase();
    let value = pair.split_once('=').map_or("", |(_, value)| value);
    is_listed(&SESSIONS, &name)
        || SESSIONS_BY_SHAPE.iter().any(|known| name.eq_ignore_ascii_case(known))
            && is_session_code(value)
}

/// Whether a value can only be the code of a session: at least 16 letters and digits, both among them.
fn is_session_code(value: &str) -> bool {
    16 <= value.len()
        && value.bytes().all(|b| b.is_ascii_alphanumeric())
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
}

/// One spelling of percent-encoding (RFC 3986 section 6.2.2): unreserved characters are decoded, and the digits of
/// others are in upper case.
fn spelled(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let rest = part.get(2..);
        let (Some(byte), Some(rest)) = (byte.filter(|_| !part.starts_with('+')), rest) else {
            out.extend(["%", part]);
            continue;
        };
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(["%", &format!("{byte:02X}")]);
        }
        out.push_str(rest);
    }
    out
}

/// The host without `www.`, with a port that is not the default one.
fn key_host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let host = host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(host);
    Some(match url.port() {
        // The default port of the other scheme is there when somebody replaced only the scheme.
        Some(port) if !matches!(port, 80 | 443) => format!("{host}:{port}"),
        _ => host.to_owned(),
    })
}

/// The path without repeated slashes, the name of an index file, and a slash at the end.
fn key_path(path: &str) -> String {
    let mut kept = String::with_capacity(path.len());
    let mut last = 0;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        last = kept.len();
        kept.push('/');
        kept.push_str(segment);
    }
    let name = kept.get(last + 1..).unwrap_or_default();
    if INDEX_FILES.iter().any(|file| file.eq_ignore_ascii_case(name)) {
        kept.truncate(last);
    }
    if kept.is_empty() {
        kept.push('/');
    }
    kept
}

/// The host of the page of which a page on this host is a variant.
fn page_of(host: &str) -> Cow<'_, str> {
    let Some((first, rest)) = host.split_once('.') else { return Cow::Borrowed(host) };
    if VARIANT_HOSTS.contains(&first) && rest.contains('.') {
        return Cow::Borrowed(rest.strip_prefix("www.").unwrap_or(rest));
    }
    match rest.split_once('.') {
        Some(("m", domain)) if domain.contains('.') => Cow::Owned(format!("{first}.{domain}")),
        _ => Cow::Borrowed(host),
    }
}

/// The path of the page of which an AMP page is a variant. The path is that of [`key_path`].
fn page_path(path: &str) -> Cow<'_, str> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if !folder.is_empty() {
        if name.eq_ignore_ascii_case("amp") {
            return without_amp_ending(folder);
        }
        if let Some(rest) = path.strip_prefix("/amp/") {
            return Cow::Owned(without_amp_ending(&["/", rest].concat()).into_owned());
        }
    }
    without_amp_ending(path)
}

fn without_amp_ending(path: &str) -> Cow<'_, str> {
    match path.strip_suffix(".amp.html") {
        Some(name) => Cow::Owned([name, ".html"].concat()),
        None => Cow::Borrowed(path.strip_suffix(".amp").unwrap_or(path)),
    }
}

/// The query of the page of which an AMP page is a variant.
fn page_query(query: &str) -> Cow<'_, str> {
    let is_amp = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        AMP_PARAMETERS.iter().any(|(known, values)| {
            name.eq_ignore_ascii_case(known)
                && values.iter().any(|known| value.eq_ignore_ascii_case(known))
        })
    };
    if !query.split('&').any(|pair| is_amp(&pair)) {
        return Cow::Borrowed(query);
    }
    Cow::Owned(query.split('&').filter(|pair| !is_amp(pair)).collect::<Vec<_>>().join("&"))
}

/// Whether a path and query lead to the home page or to a section, which is no article.
fn is_section(path: &str, query: &str) -> bool {
    if !query.is_empty() {
        return false;
    }
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let Some(first) = segments.next() else { return true };
    let is_language = |text: &str| {
        let (language, region) = text.split_once(['-', '_']).unwrap_or((text, "xx"));
        let letters = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
        letters(language) && letters(region)
    };
    let is_name = |text: &str| SECTIONS.iter().any(|name| name.eq_ignore_ascii_case(text));
    match segments.next() {
        None => is_language(first) || is_name(first),
        Some(second) => is_language(first) && is_name(second) && segments.next().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(address: &str) -> CanonicalUrl {
        CanonicalUrl::of(address).unwrap()
    }

    #[test]
    fn addresses_of_one_page_have_a_common_key() {
        const PAGE: &str = "https://example.org/2026/storm-hits-coast";
        for (name, other) in [
            ("scheme", "http://example.org/2026/storm-hits-coast"),
            ("www", "https://www.example.org/2026/storm-hits-coast"),
            ("slash", "https://example.org/2026/storm-hits-coast/"),
            ("slashes", "https://example.org//2026//storm-hits-coast"),
            ("index file", "https://example.org/2026/storm-hits-coast/index.html"),
            ("case of scheme and host", "HTTPS://Example.ORG/2026/storm-hits-coast"),
            ("default port", "https://example.org:443/2026/storm-hits-coast"),
            ("port of the other scheme", "http://example.org:443/2026/storm-hits-coast"),
            ("trailing dot", "https://example.org./2026/storm-hits-coast"),
            ("fragment", "https://example.org/2026/storm-hits-coast#comments"),
            ("user", "https://me:secret@example.org/2026/storm-hits-coast"),
            ("white space", "  https://example.org/2026/storm-hits-coast\n"),
            ("dot segments", "https://example.org/x/../2026/./storm-hits-coast"),
            ("percent-encoding", "https://example.org/%32026/storm%2Dhits%2dcoast"),
            ("tracking", "https://example.org/2026/storm-hits-coast?utm_source=rss&fbclid=1"),
            ("escaped", "https://example.org/2026/storm-hits-coast?utm_a=1&amp;utm_medium=rss"),
            ("escaped alone", "https://example.org/2026/storm-hits-coast?amp;utm_medium=rss"),
            (
                "backslash",
                "https://example.org/2026/storm-hits-coast\\?utm_source\\=rss\\&ref\\=rss",
            ),
            ("empty query", "https://example.org/2026/storm-hits-coast?"),
            ("session in the path", "https://example.org/2026/storm-hits-coast;jsessionid=1A2B3C"),
            ("session", "https://example.org/2026/storm-hits-coast?PHPSESSID=abcdef0123456789"),
            ("session by shape", "https://example.org/2026/storm-hits-coast?sid=0f3a9c27b1d84e65"),
            ("AMP at the end", "https://example.org/2026/storm-hits-coast/amp"),
            ("AMP folder", "https://example.org/2026/storm-hits-coast/amp/"),
            ("AMP at the start", "https://www.example.org/amp/2026/storm-hits-coast"),
            ("AMP ending", "https://example.org/2026/storm-hits-coast.amp"),
            ("AMP host", "https://amp.example.org/2026/storm-hits-coast"),
            ("AMP parameter", "https://example.org/2026/storm-hits-coast?amp=1"),
            ("AMP parameter alone", "https://example.org/2026/storm-hits-coast?amp"),
            ("AMP output", "https://example.org/2026/storm-hits-coast?outputType=amp"),
            ("mobile host", "http://m.example.org/2026/storm-hits-coast/"),
            ("longer mobile host", "https://mobile.example.org/2026/storm-hits-coast"),
            (
                "AMP cache",
                "https://www-example-org.cdn.ampproject.org/c/s/www.example.org/2026/storm-hits-coast",
            ),
            (
                "redirect in a redirect",
                "https://www.google.com/url?q=https%3A%2F%2Fl.facebook.com%2Fl.php%3Fu%3Dhttps%253A%252F%252Fexample.org%252F2026%252Fstorm-hits-coast",
            ),
        ] {
            assert!(of(PAGE).is_same_page(&of(other)), "{name}: {:?}", of(other));
            let (one, two) = (of(PAGE).hostless, of(other).hostless);
            assert_eq!(one, two, "{name}");
        }
    }

    #[test]
    fn addresses_of_different_pages_have_no_common_key() {
        for (name, one, other) in [
            ("path", "https://a.example/x-1", "https://a.example/x-2"),
            ("case of the path", "https://a.example/watch/aB", "https://a.example/watch/Ab"),
            ("host", "https://a.example/x", "https://b.example/x"),
            ("subdomain", "https://one.a.example/x", "https://two.a.example/x"),
            ("port", "https://a.example:8080/x", "https://a.example/x"),
            ("id", "https://a.example/?p=1", "https://a.example/?p=2"),
            ("story", "https://a.example/x?story=1", "https://a.example/x?story=2"),
            ("article", "https://a.example/x?article=1", "https://a.example/x?article=2"),
            ("page", "https://a.example/x?page=1", "https://a.example/x?page=2"),
            ("video", "https://a.example/watch?v=a", "https://a.example/watch?v=b"),
            ("short sid", "https://a.example/x?sid=04/11/1", "https://a.example/x?sid=04/11/2"),
            ("source", "https://a.example/x?source=a", "https://a.example/x?source=b"),
            ("hashbang", "https://a.example/#!/x", "https://a.example/#!/y"),
            ("encoded slash", "https://a.example/x%2Fy", "https://a.example/x/y"),
            ("a word that ends in amp", "https://a.example/news/camp", "https://a.example/news/c"),
            ("matrix parameter", "https://a.example/x;v=1", "https://a.example/x;v=2"),
            (
                "not Google's redirect",
                "https://www.google.example.org/url?q=https://a.example/x",
                "https://a.example/x",
            ),
            (
                "opaque proxies",
                "http://feedproxy.google.com/~r/blog/~3/aBcD/",
                "http://feedproxy.google.com/~r/blog/~3/eFgH/",
            ),
        ] {
            assert!(!of(one).is_same_page(&of(other)), "{name}: {:?} {:?}", of(one), of(other));
            assert!(!of(one).keys.is_empty() && !of(other).keys.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_canonical_address_is_shown_without_what_leads_nowhere() {
        for (address, expected) in [
            ("HTTP://WWW.Example.org:80/A/?b=2&a=1#x", "http://www.example.org/A/?a=1&b=2"),
            ("https://example.org/x?a=2&a=1", "https://example.org/x?a=2&a=1"),
            ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
            ("https://example.org/%7euser/%e4", "https://example.org/~user/%E4"),
            ("https://example.org/100%", "https://example.org/100%"),
            ("https://example.org/#!/x", "https://example.org/#!/x"),
            ("https://me@example.org./x", "https://example.org/x"),
            ("https://amp.example.org/x", "https://amp.example.org/x"),
            ("https://a.example/x?q=a%20b&x=%c3%bc", "https://a.example/x?q=a%20b&x=%C3%BC"),
        ] {
            assert_eq!(of(address).url, expected, "{address}");
        }
    }

    #[test]
    fn keys_are_short_forms_and_a_variant_has_two() {
        for (address, keys) in [
            ("http://www.example.org/x/", &["example.org/x"][..]),
            ("https://example.org:8080/x", &["example.org:8080/x"]),
            ("https://www.org/x", &["www.org/x"]),
            ("https://m.example.org/x", &["m.example.org/x", "example.org/x"]),
            ("https://en.m.example.org/x", &["en.m.example.org/x", "en.example.org/x"]),
            ("https://m.org/x", &["m.org/x"]),
            ("https://a.example/b/amp?x=1", &["a.example/b/amp?x=1", "a.example/b?x=1"]),
            ("https://a.example/amp", &["a.example/amp"]),
            ("https://a.example/b.amp.html", &["a.example/b.amp.html", "a.example/b.html"]),
            ("https://a.example/b?x=1&amp=1", &["a.example/b?amp=1&x=1", "a.example/b?x=1"]),
            ("https://a.example/b?output=amp", &["a.example/b?output=amp", "a.example/b"]),
            ("https://a.example/?p=5", &["a.example/?p=5"]),
        ] {
            assert_eq!(of(address).keys, keys, "{address}");
        }
    }

    #[test]
    fn home_pages_and_sections_are_no_articles() {
        for address in [
            "https://example.org",
            "https://www.example.org/?utm_source=rss",
            "https://example.org/index.php",
            "https://example.org/#top",
            "https://example.org/en/",
            "https://example.org/de-AT/",
            "https://example.org/en/news/",
            "https://example.org/blog",
            "https://example.org/feed.xml",
            "https://example.org/amp/news/",
            "https://m.example.org/",
        ] {
            let found = of(address);
            assert!(found.keys.is_empty() && found.hostless.is_none(), "{found:?}");
        }
    }

    /// Each row of the table is used by at least one address.
    #[test]
    fn redirects_that_carry_their_target_are_followed() {
        const TARGET: &str = "a.example/2026/storm?id=7";
        const ENCODED: &str = "https%3A%2F%2Fa.example%2F2026%2Fstorm%3Fid%3D7";
        for (pattern, start, place) in REDIRECTS {
            let host = pattern.replace("*.", "sub.").replace(".*", ".co.uk");
            let addresses = match place {
                Target::Query(names) => names
                    .iter()
                    .map(|name| format!("https://{host}{start}?x=1&{name}={ENCODED}&y=2"))
                    .collect(),
                Target::AmpPath(mark) => vec![
                    format!("https://{host}{mark}s/{TARGET}"),
                    format!("https://www.{host}{mark}{TARGET}"),
                ],
                Target::Path(mark) => vec![
                    format!(
                        "https://{host}{start}abc{}",
                        mark.replace("http", &format!("https://{TARGET}"))
                    ),
                    format!("https://{host}{start}abc{}/RK=2", mark.replace("http", ENCODED)),
                ],
            };
            for address in addresses {
                assert_eq!(of(&address).keys, [TARGET], "{address}");
            }
        }
    }

    #[test]
    fn a_parameter_that_may_identify_a_page_is_removed_only_for_its_value() {
        for name in TRACKING_BY_VALUE {
            for value in
                TRACKING_VALUES.iter().chain(&TRACKING_VALUE_STARTS).chain(&["RSS2", "rss-main"])
            {
                let address = format!("https://a.example/x?{name}={value}");
                assert_eq!(of(&address).url, "https://a.example/x", "{address}");
            }
            let address = format!("https://a.example/x?{name}=17");
            assert_eq!(of(&address).url, address);
        }
    }

    #[test]
    fn sessions_are_removed_and_short_values_stay() {
        for name in SESSIONS {
            let name = name.replace('*', "QQ").to_ascii_uppercase();
            let address = format!("https://a.example/x?id=1&{name}=zzz");
            assert_eq!(of(&address).url, "https://a.example/x?id=1", "{address}");
            let address = format!("https://a.example/x;{name}=zzz?id=1");
            assert_eq!(of(&address).url, "https://a.example/x?id=1", "{address}");
        }
        for name in SESSIONS_BY_SHAPE {
            let address = format!("https://a.example/x?{name}=5f1c2a9b7d3e4f60");
            assert_eq!(of(&address).url, "https://a.example/x", "{address}");
            for value in
                ["12345678901234567890", "a-word-of-some-words-1", "abc1", "abcdefabcdefabcdef"]
            {
                let address = format!("https://a.example/x?{name}={value}");
                assert_eq!(of(&address).url, address);
            }
        }
    }

    #[test]
    fn what_is_no_address_of_the_web_has_no_canonical_form() {
        for address in
            ["", "x", "/x", "mailto:a@b.example", "ftp://a.example/", "http://", "https:///"]
        {
            assert_eq!(CanonicalUrl::of(address), None, "{address}");
        }
    }

    #[test]
    fn the_address_of_an_article_has_a_number_or_several_words_at_its_end() {
        for (address, expected) in [
            ("https://a.example/news/storm-hits-coast", true),
            ("https://a.example/news/article10234.html", true),
            ("https://a.example/?p=10234", true),
            ("https://a.example/weather", false),
            ("https://a.example/weather/berlin", false),
            ("https://a.example/a-b-c", false),
            ("https://a.example/", false),
        ] {
            assert_eq!(of(address).is_article_like(), expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_address_is_its_own_canonical_form(
            address in "https?://(www\\.|m\\.|amp\\.)?[a-z]{1,3}\\.(example|org)(:[0-9]{2,4})?/([a-z%;=?&#!./A-F0-9]|amp|utm_a=1|sid=|index\\.html|%7e|\\PC){0,20}"
        ) {
            if let Some(found) = CanonicalUrl::of(&address) {
                let again = CanonicalUrl::of(&found.url);
                prop_assert_eq!(again, Some(found));
            }
        }
    }
}
