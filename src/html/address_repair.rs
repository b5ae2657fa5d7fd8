//! Repairs addresses that were written by hand or put together by a program that did not look at its parts.

use std::borrow::Cow;

use memchr::memchr;

/// The address without the usual damage: white space and quotation marks around it, line breaks in it,
/// ampersands that were escaped twice (no address means a parameter `amp;b`), a scheme that is there twice or lacks its colon or slashes (`http://https://`, `https//`), a second address
/// glued to the host of the first (`https://a.examplehttps://b.example/`), and `www.` without a scheme. Any
/// other text is returned as it is.
pub(super) fn repaired(text: &str) -> Cow<'_, str> {
    /// One is enough but for addresses that nobody writes.
    const ROUNDS: usize = 4;
    if sound_host(text).is_some() {
        return Cow::Borrowed(text);
    }
    let mut found = repaired_once(text);
    for _ in 0..ROUNDS {
        let Cow::Owned(changed) = &found else { break };
        match repaired_once(changed) {
            again if again == *changed => break,
            again => found = Cow::Owned(again.into_owned()),
        }
    }
    found
}

/// The host of an address of which one look at each byte shows that it needs no repair: most addresses are sound. The
/// host has letters, digits, `-` and `.` only. `None` if it is not certain.
pub(super) fn sound_host(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_rare = |b: u8| !b.is_ascii_graphic() || matches!(b, b'"' | b'<' | b'>' | b'\\');
    let is_of_host = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    let length = rest.bytes().position(|b| !is_of_host(&b)).unwrap_or(rest.len());
    let (host, path) = rest.split_at(length);
    let bytes = path.as_bytes();
    // A scheme without its colon looks like a host without a dot.
    let is_sound = host.contains('.')
        && matches!(bytes.first(), None | Some(b'/' | b'?' | b'#'))
        && !bytes.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"/http"))
        // The loop has no branch, so that the compiler makes it compare many bytes at once.
        && !bytes.iter().fold(false, |found, b| found | is_rare(*b))
        && !(memchr(b'&', bytes).is_some() && ESCAPED.iter().any(|escaped| path.contains(escaped)));
    is_sound.then_some(host)
}

fn repaired_once(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(is_padding);
    if text.contains(['\n', '\r']) || ESCAPED.iter().any(|escaped| text.contains(escaped)) {
        let line: String = text.lines().map(str::trim).collect();
        let line = ESCAPED.iter().fold(line, |line, escaped| line.replace(escaped, "&"));
        return Cow::Owned(repaired_line(&line).into_owned());
    }
    repaired_line(text)
}

const ESCAPED: [&str; 3] = ["&amp;", "&#038;", "&#38;"];

fn repaired_line(text: &str) -> Cow<'_, str> {
    let mut start = text;
    while let Some(rest) = start.strip_prefix("%20") {
        start = rest.trim_matches(is_padding);
    }
    if has_prefix(start, "www.") && is_host(authority(start)) {
        return Cow::Owned(format!("//{start}"));
    }
    let bare = start.trim_start_matches(':');
    if bare.len() < start.len() && bare.starts_with("//") {
        return Cow::Owned(bare.to_owned());
    }
    let bare = start.trim_start_matches(['/', ':']);
    let relative = || start.starts_with("//").then(|| glued(bare))?;
    let Some((scheme, rest)) = last_scheme(bare).or_else(relative) else {
        return Cow::Borrowed(start);
    };
    let host = authority(rest);
    let path = rest.get(host.len()..).unwrap_or_default();
    let host = host.trim();
    let whole = text.strip_prefix(scheme).and_then(|text| text.strip_prefix("://"));
    if whole == Some(rest) && host.len() + path.len() == rest.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{scheme}://{host}{path}"))
}

/// The scheme that counts when a text begins with one or several, and what follows its slashes.
fn last_scheme(text: &str) -> Option<(&'static str, &str)> {
    let (mut scheme, mut rest) = split_scheme(text)?;
    loop {
        // `http:8080` is a host with a port.
        let nested = split_scheme(rest).filter(|(scheme, _)| {
            let after = rest.get(scheme.len()..).unwrap_or_default().trim_start_matches(':');
            after.trim_start().starts_with(['/', '\\'])
        });
        let Some(inner) = nested.or_else(|| glued(rest)) else { return Some((scheme, rest)) };
        (scheme, rest) = inner;
    }
}

/// The address that follows another one without a separator, or follows an address of the same host.
fn glued(rest: &str) -> Option<(&'static str, &str)> {
    let host = authority(rest);
    let path = rest.get(host.len()..)?;
    for scheme in ["https", "http"] {
        let before = host.strip_suffix(':').and_then(|host| host.strip_suffix(scheme));
        if before.is_some_and(|before| !before.is_empty()) && path.starts_with("//") {
            return Some((scheme, path.trim_start_matches('/')));
        }
    }
    let inner = path.strip_prefix('/').filter(|inner| has_prefix(inner, "http"))?;
    split_scheme(inner).filter(|(_, rest)| authority(rest).eq_ignore_ascii_case(host))
}

/// Splits `https://rest`, also where the colon or some slashes are missing or white space is between them.
fn split_scheme(text: &str) -> Option<(&'static str, &str)> {
    /// A letter is missing, doubled, or two have changed places.
    const MISSPELT: [(&str, &str); 10] = [
        ("htps", "https"),
        ("htp", "http"),
        ("ttps", "https"),
        ("ttp", "http"),
        ("htttps", "https"),
        ("htttp", "http"),
        ("hhttps", "https"),
        ("hhttp", "http"),
        ("htpps", "https"),
        ("hptt", "http"),
    ];
    let mut schemes = [("https", "https"), ("http", "http")].into_iter().chain(MISSPELT);
    let (found, scheme) = schemes.find(|(found, _)| has_prefix(text, found))?;
    let rest = text.get(found.len()..)?;
    if found != scheme && !rest.starts_with("://") {
        return None;
    }
    let slash = |c: char| matches!(c, '/' | '\\') || c.is_whitespace();
    if let Some(rest) = rest.trim_start().strip_prefix(':') {
        return Some((scheme, rest.trim_start_matches(slash)));
    }
    rest.starts_with("//").then(|| (scheme, rest.trim_start_matches(slash)))
}

fn authority(text: &str) -> &str {
    text.split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

fn is_host(text: &str) -> bool {
    let labels = || text.split('.');
    2 < labels().count()
        && labels().all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_padding(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' | '"' | '<' | '>')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::repaired;

    #[test]
    fn damaged_addresses_are_repaired_and_sound_ones_stay() {
        for (text, expected) in [
            ("https://a.example/x y", "https://a.example/x y"),
            (" https://a.example/x\u{200B}", "https://a.example/x"),
            ("\"https://a.example/x\"", "https://a.example/x"),
            ("<https://a.example/x>", "https://a.example/x"),
            ("%20https://a.example/x", "https://a.example/x"),
            ("https://a.example/?a&amp;b&#038;c", "https://a.example/?a&b&c"),
            ("https://a.example/x\n   /y", "https://a.example/x/y"),
            ("http://http://a.example/x", "http://a.example/x"),
            ("http://https://a.example/x", "https://a.example/x"),
            ("https://https//a.example/x", "https://a.example/x"),
            ("https:https://a.example/x", "https://a.example/x"),
            ("https//a.example/x", "https://a.example/x"),
            ("https:///a.example/x", "https://a.example/x"),
            ("https:/a.example/x", "https://a.example/x"),
            ("http:a.example/x", "http://a.example/x"),
            ("http: //a.example/x", "http://a.example/x"),
            ("https:// a.example /x", "https://a.example/x"),
            ("://a.example/x", "//a.example/x"),
            ("//https://a.example/x", "https://a.example/x"),
            ("/https://a.example/x", "https://a.example/x"),
            ("https://www.a.examplehttps://b.example/x", "https://b.example/x"),
            ("https://a.example/https://a.example/x", "https://a.example/x"),
            ("www.a.example/x", "//www.a.example/x"),
            ("ttps://a.example/x", "https://a.example/x"),
            ("htp://a.example/x", "http://a.example/x"),
            ("hhttps://a.example/x", "https://a.example/x"),
            // These are right as they are.
            ("ttp/x", "ttp/x"),
            ("HTTPS://A.example/x", "https://A.example/x"),
            (
                "https://web.example/2020/https://a.example/x",
                "https://web.example/2020/https://a.example/x",
            ),
            (
                "https://proxy.example/https://a.example/x",
                "https://proxy.example/https://a.example/x",
            ),
            ("http://http:8080/x", "http://http:8080/x"),
            ("https://a.example/?u=https://b.example", "https://a.example/?u=https://b.example"),
            ("http", "http"),
            ("httpd/x", "httpd/x"),
            ("www.html", "www.html"),
            ("/x", "/x"),
            ("//a.example/x", "//a.example/x"),
            ("#fn1", "#fn1"),
            ("?p=1", "?p=1"),
            ("mailto:a@a.example", "mailto:a@a.example"),
            ("javascript:x", "javascript:x"),
            ("", ""),
        ] {
            assert_eq!(repaired(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_repaired_address_needs_no_repair(
            text in "( |http|https|:|/|www\\.|[a-z.]{1,3}|\\?|%20|\n|\\PC){0,12}"
        ) {
            let once = repaired(&text).into_owned();
            prop_assert_eq!(repaired(&once), &*once);
        }
    }
}
