//! Redacts secrets in excerpts of the configuration: asterisks replace passwords and tokens.

use std::ops::Range;

use crate::config::keys::sounds_secret;

/// Replaces every secret in `text` by asterisks. The length in bytes stays the same, so that spans stay valid.
///
/// `secrets` are the spans that the reader found. `broken` are the spans of syntax errors. The tree is only a
/// guess near them, so a whole line that could contain a secret is replaced.
pub(super) fn redact(text: &str, secrets: &[Range<usize>], broken: &[Range<usize>]) -> String {
    let mut hidden: Vec<Range<usize>> = secrets.iter().map(|span| unquoted(text, span)).collect();
    hidden.extend(user_info(text));
    hidden.extend(broken.iter().filter_map(|error| doubtful(text, error.start)));
    let shown = references(text);
    hidden.sort_by_key(|range| range.start);
    let (mut next, mut end) = (hidden.iter().peekable(), 0);
    let mut shown = shown.iter().peekable();
    let mut masked = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        while let Some(range) = next.next_if(|range| range.start <= at) {
            end = end.max(range.end);
        }
        while shown.next_if(|range| range.end <= at).is_some() {}
        let open = shown.peek().is_some_and(|range| range.contains(&at));
        if at < end && !open && !matches!(c, '\n' | '\r') {
            masked.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else {
            masked.push(c);
        }
    }
    masked
}

/// The byte range of the line that contains byte `at`, without its line break.
pub(super) fn line_at(text: &str, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len());
    let (before, after) = bytes.split_at(at);
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let end = after.iter().position(|b| *b == b'\n').map_or(bytes.len(), |newline| at + newline);
    start..end
}

/// The span of a TOML string without its quotes; any other span unchanged.
fn unquoted(text: &str, span: &Range<usize>) -> Range<usize> {
    let quotes = text.get(span.clone()).map_or(0, |value| {
        let quoted = |quote: &str| {
            value.len() >= 2 * quote.len() && value.starts_with(quote) && value.ends_with(quote)
        };
        match () {
            () if quoted("\"\"\"") || quoted("'''") => 3,
            () if quoted("\"") || quoted("'") => 1,
            () => 0,
        }
    });
    span.start + quotes..span.end - quotes
}

/// The passwords of all URLs in the text, comments included. A user name without a password counts as one,
/// because it is often an access token. A password may contain `/` or `@`, so it ends at the last `@` of the
/// word.
fn user_info(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, separator) in text.match_indices("://") {
        let start = at + separator.len();
        let word = text.get(start..).unwrap_or_default();
        let end = word
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'))
            .unwrap_or(word.len());
        let word = word.get(..end).unwrap_or_default();
        let (Some(last), Some(first)) = (word.rfind('@'), word.find('@')) else { continue };
        let path = word.find(['/', '?', '#']).unwrap_or(word.len());
        match word.find(':') {
            Some(colon) if colon < last => found.push(start + colon + 1..start + last),
            _ if first < path => found.push(start..start + last.min(path)),
            _ => {}
        }
    }
    found
}

/// The text after the `=` of a line that is not valid TOML, if its key or its table sounds secret.
fn doubtful(text: &str, at: usize) -> Option<Range<usize>> {
    let line = line_at(text, at);
    let content = text.get(line.clone())?;
    let header = text.get(..line.start)?.lines().rev().find(|line| line.trim().starts_with('['));
    if !sounds_secret(content) && !header.is_some_and(sounds_secret) {
        return None;
    }
    let value = content.find('=').map_or(0, |equals| equals + 1);
    Some(line.start + value..line.end)
}

/// The spans of every `${NAME}`, which names a secret but does not reveal it.
fn references(text: &str) -> Vec<Range<usize>> {
    let reference = |(at, _)| {
        let name = text.get(at + 2..)?.split_once('}')?.0;
        let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        valid.then(|| at..at + 2 + name.len() + 1)
    };
    text.match_indices("${").filter_map(reference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_become_stars_of_the_same_width() {
        for (text, expected) in [
            ("url = 'https://me:s3cret@a.example/f'", "url = 'https://me:******@a.example/f'"),
            ("url = 'https://me:s/@x@a.example/f'", "url = 'https://me:****@a.example/f'"),
            ("# https://t0ken@a.example/", "# https://*****@a.example/"),
            ("x = https://u:pw@h/ y", "x = https://u:**@h/ y"),
            ("u = 'https://u:${PW}@h/'", "u = 'https://u:${PW}@h/'"),
            ("u = 'https://social.example/@me'", "u = 'https://social.example/@me'"),
            ("u = 'https://a.example:8080/f'", "u = 'https://a.example:8080/f'"),
            ("u = 'socks5://u:é@h'", "u = 'socks5://u:**@h'"),
        ] {
            assert_eq!(redact(text, &[], &[]), expected);
        }
    }

    #[test]
    fn spans_keep_their_quotes_and_references() {
        for (text, expected) in [
            ("'abc'", "'***'"),
            ("\"Bearer ${TOKEN} x\"", "\"*******${TOKEN}**\""),
            ("\"\"\"a\nb\"\"\"", "\"\"\"*\n*\"\"\""),
            ("12345", "*****"),
            ("\"a${not a name}\"", "\"**************\""),
        ] {
            assert_eq!(redact(text, std::slice::from_ref(&(0..text.len())), &[]), expected);
        }
    }

    #[test]
    fn a_broken_line_shows_nothing_that_could_be_secret() {
        for (text, expected) in [
            ("password = abc", "password =****"),
            ("a = 1\n[feeds.headers]\nX = abc\n", "a = 1\n[feeds.headers]\nX =****\n"),
            ("name = abc", "name = abc"),
        ] {
            let at = text.find("abc").unwrap();
            assert_eq!(redact(text, &[], std::slice::from_ref(&(at..at + 1))), expected);
        }
    }
}
