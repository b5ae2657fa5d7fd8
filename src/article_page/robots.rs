//! `robots.txt` (RFC 9309): which pages of a site a crawler may request.
//!
//! robotxt parses the file and matches the rules. Three things are added here. The value of a `User-agent` line is cut to
//! its product token, because publishers write `User-agent: gazetted/1.0`. A `Crawl-delay` line does not end the list of
//! user agents of a group (section 2.2.4). And a reply has a meaning (section 2.3.1), which includes Google's exception
//! for status 429: it is a server that is busy, and not one without a file.

use std::time::Duration;

use robotxt::{BYTE_LIMIT, Robots, robots_url};
use url::{Position, Url};

use crate::html::chars::collapse;

/// What the reply to the request for `/robots.txt` says (RFC 9309, section 2.3.1).
#[derive(Clone, Debug)]
pub enum RobotsReply {
    /// A file with rules.
    File(RobotsFile),
    /// The site has no file, or does not show it: everything is allowed.
    Unavailable,
    /// The server failed or did not reply: nothing is allowed for now. A caller may go on with the file that it received
    /// before (section 2.4).
    Unreachable,
}

impl RobotsReply {
    /// How long a file, or its absence, is valid. RFC 9309 allows at most 24 hours.
    const VALID: Duration = Duration::from_hours(24);

    /// After how long the file is requested again when the server failed.
    const RETRY: Duration = Duration::from_hours(1);

    /// The most redirects that are followed for the file. RFC 9309 demands at least five.
    pub const MAX_REDIRECTS: usize = 5;

    /// Reads the reply. `status` is the HTTP status code after redirects, `None` when there was no reply. A status of 3xx
    /// means that there were too many redirects, or one that leads nowhere. `token` is the product token of the crawler
    /// ([`product_token`]).
    pub fn read(status: Option<u16>, body: &[u8], token: &str) -> Self {
        match status {
            Some(200..300) => Self::File(RobotsFile::parse(body, token)),
            Some(429) => Self::Unreachable,
            Some(300..500) => Self::Unavailable,
            _ => Self::Unreachable,
        }
    }

    /// Whether the page may be requested. The URL must be one of the site that sent the reply.
    pub fn allows(&self, page: &Url) -> bool {
        match self {
            Self::File(file) => file.allows(page),
            Self::Unavailable => true,
            Self::Unreachable => is_robots_file(page),
        }
    }

    /// The wait between two requests that the site demands.
    pub fn crawl_delay(&self) -> Option<Duration> {
        match self {
            Self::File(file) => file.crawl_delay(),
            Self::Unavailable | Self::Unreachable => None,
        }
    }

    /// How long this answer is used before the file is requested again.
    pub fn valid_for(&self) -> Duration {
        match self {
            Self::File(_) | Self::Unavailable => Self::VALID,
            Self::Unreachable => Self::RETRY,
        }
    }
}

/// The rules of a `robots.txt` that apply to one crawler.
#[derive(Clone, Debug)]
pub struct RobotsFile {
    rules: Robots,
    crawl_delay: Option<Duration>,
}

impl RobotsFile {
    /// The longest wait between two requests that a site can demand. Bing reads no value above 30 seconds; a longer wait
    /// than this would be a ban.
    pub const LONGEST_CRAWL_DELAY: Duration = Duration::from_mins(5);

    /// Reads the groups for `token`, or those for `*` if there are none. Any bytes give a result. Only the whole lines in
    /// the first 500 KiB are read (RFC 9309, section 2.5).
    pub fn parse(body: &[u8], token: &str) -> Self {
        let lines = lines(body);
        let rules = lines.iter().filter(|line| !begins(line, "crawl"));
        let rules = Robots::parse(&joined(rules), token);
        let delay = Robots::parse(&joined(lines.iter()), token).crawl_delay();
        Self { rules, crawl_delay: delay.map(|delay| delay.min(Self::LONGEST_CRAWL_DELAY)) }
    }

    /// Whether the page may be requested: by the rule with the longest pattern that matches its path and query, and by
    /// `Allow` if two are of the same length (RFC 9309, section 2.2.2). The URL must be one of the site that sent the file.
    pub fn allows(&self, page: &Url) -> bool {
        self.rules.is_url_allowed(page)
    }

    /// The pattern of the `Disallow` rule that forbids the page.
    pub fn rule_against(&self, page: &Url) -> Option<&str> {
        let rule = self.rules.matching_rule(&page[Position::BeforePath..Position::AfterQuery])?;
        (!self.allows(page)).then(|| rule.pattern())
    }

    /// The wait between two requests that the site demands, at most [`Self::LONGEST_CRAWL_DELAY`]. `Crawl-delay` is not in
    /// RFC 9309; Bing and others read it.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }
}

/// The address of the file for a page: `/robots.txt` at the root of its scheme, host and port.
pub fn address(page: &Url) -> Option<Url> {
    robots_url(page).ok()
}

/// The product token of a user agent, by which files name it: the letters, `-` and `_` at its beginning (RFC 9309, section
/// 2.2.1). `gazetted/1.0 (+https://example.org)` has the token `gazetted`.
pub fn product_token(user_agent: &str) -> &str {
    let is_token = |c: char| c.is_ascii_alphabetic() || c == '-' || c == '_';
    let user_agent = user_agent.trim_start();
    user_agent.split(|c: char| !is_token(c)).next().unwrap_or_default()
}

fn is_robots_file(page: &Url) -> bool {
    page.path() == "/robots.txt" && page.query().is_none()
}

/// The whole lines in the first 500 KiB, with user agents cut to their product tokens.
fn lines(body: &[u8]) -> Vec<String> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let whole = match body.get(..=BYTE_LIMIT) {
        Some(window) => {
            window.iter().rposition(is_end).and_then(|end| window.get(..end)).unwrap_or_default()
        }
        None => body,
    };
    whole.split(|byte| is_end(byte)).filter(|line| !line.is_empty()).map(line).collect()
}

/// A line as text. Bytes that are no UTF-8 are percent-encoded, so that they still match the URL that has them.
fn line(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("%{byte:02X}")));
    }
    if !begins(&text, "user") {
        return text;
    }
    let Some((key, value)) = text.split_once(':') else { return text };
    let value = collapse(value);
    let token = product_token(&value);
    if token.is_empty() || key.contains('#') { text } else { format!("{key}: {token}") }
}

fn begins(line: &str, key: &str) -> bool {
    line.trim_start().get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key))
}

fn joined<'a>(lines: impl Iterator<Item = &'a String>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse("https://example.org").unwrap().join(path).unwrap()
    }

    fn allows(file: &[u8], path: &str) -> bool {
        RobotsFile::parse(file, "ExampleBot").allows(&url(path))
    }

    #[test]
    fn a_pattern_matches_as_the_standard_says() {
        // RFC 9309, sections 2.2.2 and 2.2.3, and the examples of Google's documentation.
        for (pattern, matched, other) in [
            ("/", &["/", "/fish", "/?a=b"][..], &[][..]),
            (
                "/fish",
                &["/fish", "/fish.html", "/fish/salmon", "/fish?id=1"],
                &["/Fish", "/catfish", "/?fish"],
            ),
            ("/fish/", &["/fish/", "/fish/?id=1", "/fish/salmon"], &["/fish", "/fish.html"]),
            ("/fish*", &["/fish", "/fishheads/yummy.html"], &["/catfish", "/desert/fish"]),
            ("/*.php", &["/index.php", "/a/b.php?x", "/a.php.html"], &["/", "/windows.PHP"]),
            (
                "/*.php$",
                &["/index.php", "/a/b.php"],
                &["/index.php?x", "/index.php5", "/index.php/"],
            ),
            ("/fish*.php", &["/fish.php", "/fishheads/catfish.php?x"], &["/Fish.PHP"]),
            ("*.gif$", &["/a.gif", "/b/c.gif"], &["/a.gif?b"]),
            ("/this/*/exactly", &["/this/path/exactly", "/this/a/b/exactly/x"], &["/this/exactly"]),
            ("/allow-this-$", &["/allow-this-"], &["/allow-this-too"]),
            ("/a$b", &["/a$b", "/a$bc"], &["/a", "/ab"]),
            ("/$", &["/"], &["/a", "/?a"]),
            ("/a?b=c", &["/a?b=c", "/a?b=cd"], &["/a", "/a?x&b=c"]),
            ("/*?", &["/a?b", "/?b"], &["/a"]),
            ("/foo/bar?baz=quz", &["/foo/bar?baz=quz"], &["/foo/bar"]),
            ("/foo/bar?baz=http://foo.bar", &["/foo/bar?baz=http://foo.bar"], &[]),
            ("/foo/bar/\u{30c4}", &["/foo/bar/%E3%83%84", "/foo/bar/\u{30c4}"], &["/foo/bar/%E3"]),
            ("/foo/bar/%e3%83%84", &["/foo/bar/%E3%83%84"], &[]),
            ("/foo/bar/%62%61%7A", &["/foo/bar/baz"], &["/foo/bar/b"]),
            ("/a%3cd.html", &["/a%3Cd.html", "/a%3cd.html"], &["/a"]),
            ("/a%2fb", &["/a%2Fb"], &["/a/b"]),
            (
                "/path/file-with-a-%2A.html",
                &["/path/file-with-a-%2A.html"],
                &["/path/file-with-a-b.html"],
            ),
            ("/a b", &["/a b", "/a%20b"], &["/a"]),
        ] {
            let file = format!("User-agent: *\nDisallow: {pattern}\n");
            for path in matched {
                assert!(!allows(file.as_bytes(), path), "{pattern} matches {path}");
            }
            for path in other {
                assert!(allows(file.as_bytes(), path), "{pattern} does not match {path}");
            }
        }
    }

    #[test]
    fn the_longest_rule_decides_and_allow_wins_a_tie() {
        for (rules, path, expected) in [
            // The examples of RFC 9309, section 5.
            (
                "Allow: /example/page/\nDisallow: /example/page/disallowed.gif",
                "/example/page/",
                true,
            ),
            (
                "Allow: /example/page/\nDisallow: /example/page/disallowed.gif",
                "/example/page/disallowed.gif",
                false,
            ),
            (
                "Disallow: *.gif$\nDisallow: /example/\nAllow: /publications/",
                "/publications/a",
                true,
            ),
            ("Disallow: *.gif$\nDisallow: /example/\nAllow: /publications/", "/a.gif", false),
            ("Allow: /p\nDisallow: /", "/page", true),
            ("Disallow: /\nAllow: /p", "/page", true),
            ("Allow: /folder\nDisallow: /folder", "/folder/page", true),
            ("Disallow: /folder\nAllow: /folder", "/folder/page", true),
            ("Allow: /page\nDisallow: /*.htm", "/page.htm", false),
            ("Allow: /page\nDisallow: /*.ph", "/page.php5", true),
            ("Allow: /$\nDisallow: /", "/", true),
            ("Allow: /$\nDisallow: /", "/page.htm", false),
            // An empty rule says nothing.
            ("Disallow:", "/a", true),
            ("Disallow: /\nAllow:", "/a", false),
            ("Disallow: /a # because", "/a", false),
            ("disallow:/a", "/a", false),
            ("  DISALLOW :\t/a  ", "/a", false),
            ("Disallow: /", "/robots.txt", true),
            ("Disallow: /a", "/a#part", false),
        ] {
            let file = format!("User-agent: *\n{rules}\n");
            assert_eq!(allows(file.as_bytes(), path), expected, "{rules:?} {path}");
        }
    }

    #[test]
    fn the_groups_of_the_crawler_are_one() {
        for (file, expected) in [
            ("User-agent: *\nDisallow: /x", true),
            ("User-agent: *\nDisallow: /a", false),
            // A group of its own, and not the one for all.
            ("User-agent: *\nDisallow: /a\n\nUser-agent: ExampleBot\nDisallow: /x", true),
            ("User-agent: examplebot\nDisallow: /a\n\nUser-agent: *\nAllow: /", false),
            ("User-agent: EXAMPLEBOT/2.1\nDisallow: /a", false),
            ("User-agent: ExampleBot (news) # ours\nDisallow: /a", false),
            (
                "User-agent: ExampleBot\nDisallow: /x\nUser-agent: b\nDisallow: /y\nUser-agent: ExampleBot\nDisallow: /a",
                false,
            ),
            ("User-agent: a\nUser-agent: ExampleBot\nUser-agent: b\nDisallow: /a", false),
            (
                "User-agent: a\n\n# note\nSitemap: https://example.org/s\n\nUser-agent: ExampleBot\nDisallow: /a",
                false,
            ),
            ("User-agent: ExampleBot\nCrawl-delay: 1\nUser-agent: b\nDisallow: /a", false),
            ("User-agent: ExampleBot\nAllow: /\nUser-agent: b\nDisallow: /a", true),
            ("User-agent: ExampleBotNews\nDisallow: /a", true),
            ("User-agent: Example\nDisallow: /a", true),
            ("User-agent: ExampleBot\n\nUser-agent: *\nDisallow: /a", false),
            ("Disallow: /a", true),
            ("Disallow: /a\nUser-agent: *\nDisallow: /x", true),
            ("\u{feff}User-agent: *\nDisallow: /a", false),
            ("User-agent: *\r\nDisallow: /a\r\n", false),
            ("User-agent: *\rDisallow: /a\r", false),
            ("<!doctype html><p>Not found</p>", true),
            ("", true),
        ] {
            assert_eq!(allows(file.as_bytes(), "/a"), expected, "{file:?}");
        }
    }

    #[test]
    fn the_file_may_be_any_bytes() {
        assert!(!allows(b"User-agent: *\nDisallow: /caf\xe9", "/caf%E9"));
        assert!(!allows(b"\xff\xfe\0\nUser-agent: *\0Disallow: /a\0", "/a"));
        for file in
            [&b"\xff\xfe\xfd"[..], b"\n\n\n", b":::", b"User-agent", b"User-agent:\nDisallow: /"]
        {
            assert!(allows(file, "/a"), "{file:?}");
        }
    }

    #[test]
    fn only_whole_lines_of_the_first_500_kib_count() {
        let file = |length: usize, end: &str| {
            let start = "User-agent: *\nDisallow: /a\n#";
            format!("{start}{}\n{end}\n", "-".repeat(length - start.len() - 1))
        };
        assert!(!allows(file(BYTE_LIMIT - 100, "Disallow: /b").as_bytes(), "/b"));
        assert!(allows(file(BYTE_LIMIT, "Disallow: /b").as_bytes(), "/b"));
        assert!(!allows(file(BYTE_LIMIT, "Disallow: /b").as_bytes(), "/a"));
        // `Disallow: /b` is cut to `Disallow: /`, which would forbid everything.
        assert!(allows(file(BYTE_LIMIT - 11, "Disallow: /b").as_bytes(), "/c"));
    }

    #[test]
    fn a_crawl_delay_is_read_and_bounded() {
        let seconds = |value: &str| {
            let file = format!("User-agent: *\nCrawl-delay: {value}\nDisallow: /x\n");
            RobotsFile::parse(file.as_bytes(), "ExampleBot").crawl_delay().map(|d| d.as_secs_f64())
        };
        for (value, expected) in [
            ("10", Some(10.0)),
            ("0.5", Some(0.5)),
            ("0", Some(0.0)),
            ("86400", Some(300.0)),
            ("1e300", None),
            ("-1", None),
            ("inf", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(seconds(value), expected, "{value}");
        }
        let other = RobotsFile::parse(b"User-agent: b\nCrawl-delay: 9", "ExampleBot");
        assert_eq!(other.crawl_delay(), None);
    }

    #[test]
    fn the_status_of_the_reply_says_what_is_allowed() {
        let body = b"User-agent: *\nDisallow: /a";
        for (status, a, b) in [
            (Some(200), false, true),
            (Some(206), false, true),
            (Some(301), true, true),
            (Some(401), true, true),
            (Some(403), true, true),
            (Some(404), true, true),
            (Some(410), true, true),
            (Some(429), false, false),
            (Some(500), false, false),
            (Some(503), false, false),
            (None, false, false),
        ] {
            let reply = RobotsReply::read(status, body, "ExampleBot");
            assert_eq!((reply.allows(&url("/a")), reply.allows(&url("/b"))), (a, b), "{status:?}");
            assert!(reply.valid_for() <= Duration::from_hours(24), "{status:?}");
        }
    }

    #[test]
    fn a_refusal_names_its_rule() {
        let file = RobotsFile::parse(b"User-agent: *\nDisallow: /private\nAllow: /private/a", "x");
        assert_eq!(file.rule_against(&url("/private/b")), Some("/private"));
        assert_eq!(file.rule_against(&url("/private/a")), None);
        assert_eq!(file.rule_against(&url("/public")), None);
    }

    #[test]
    fn the_file_is_at_the_root_of_the_site() {
        let page = Url::parse("https://user:pass@example.org:8443/a/b?c#d").unwrap();
        assert_eq!(address(&page).unwrap().as_str(), "https://example.org:8443/robots.txt");
        assert_eq!(address(&Url::parse("data:text/plain,a").unwrap()), None);
    }

    #[test]
    fn a_product_token_is_the_name_of_the_program() {
        for (agent, token) in [
            ("gazetted/1.0 (+https://example.org)", "gazetted"),
            ("My-News_Reader 2", "My-News_Reader"),
            (" Mozilla/5.0 (compatible)", "Mozilla"),
            ("", ""),
        ] {
            assert_eq!(product_token(agent), token);
        }
    }
}
