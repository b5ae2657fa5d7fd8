//! Redacts excerpts of the configuration: asterisks replace everything that is not known to be harmless.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::keys::{harmless, is_known, sounds_secret};
use crate::config::lines::Lines;

/// The keys and values of a file, as far as its text could be parsed.
#[derive(Debug, Default)]
pub(super) struct Parts {
    keys: Vec<Range<usize>>,
    /// Each value that is neither a list nor a table, and whether it may be shown.
    values: Vec<(Range<usize>, bool)>,
}

impl Parts {
    /// Collects the parts of a tree. Only the values of the keys that [`harmless`] names may be shown.
    pub(super) fn of(root: &DeTable<'_>) -> Self {
        let mut parts = Self::default();
        parts.table(root, "", false);
        parts
    }

    /// `path` is the dotted path of the table without the places in lists. With `private` the address of the feed
    /// is hidden.
    fn table(&mut self, table: &DeTable<'_>, path: &str, private: bool) {
        let says_private = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            name == "private" && value.get_ref().as_bool() != Some(false)
        };
        let private = private || table.iter().any(says_private);
        for (name, value) in table {
            self.keys.push(name.span());
            let key = name.get_ref();
            let shown = harmless(path).contains(&key.as_ref()) && !(private && key == "url");
            let inner = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
            self.value(value, &inner, shown, private);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str, shown: bool, private: bool) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, path, private),
            DeValue::Array(items) => {
                items.iter().for_each(|item| self.value(item, path, shown, private));
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => self.values.push((value.span(), shown)),
        }
    }
}

/// Which bytes of a text are shown.
struct Redaction<'a> {
    text: &'a str,
    shown: Vec<bool>,
}

impl Redaction<'_> {
    fn set(&mut self, range: &Range<usize>, shown: bool) {
        if let Some(bytes) = self.shown.get_mut(range.clone()) {
            bytes.fill(shown);
        }
    }

    /// Hides a value, but not the quotes around it.
    fn hide(&mut self, span: &Range<usize>) {
        self.set(span, true);
        self.set(&unquoted(self.text, span), false);
    }
}

/// Replaces by asterisks all that is not known to be harmless: values of unknown keys and of keys that may hold a
/// secret, comments, and text that is no TOML. The length in bytes stays the same, so that spans stay valid.
///
/// `secrets` are spans that the reader found, hidden whatever their key is. `broken` are the spans of syntax errors.
/// The parts are only a guess near them, so they are not used for such a line.
pub(super) fn redact(
    text: &str,
    parts: &Parts,
    secrets: &[Range<usize>],
    broken: &[Range<usize>],
    lines: &Lines,
) -> String {
    let structure = |b: u8| b.is_ascii_whitespace() || b"[]{}=,.#".contains(&b);
    let mut redaction = Redaction { text, shown: text.bytes().map(structure).collect() };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if is_header(line) {
            redaction.set(&(start..start + line.len()), true);
        }
        start += line.len();
    }
    parts.keys.iter().for_each(|span| redaction.set(span, true));
    for (span, shown) in &parts.values {
        if *shown { redaction.set(span, true) } else { redaction.hide(span) }
    }
    // A line may have many errors.
    let broken: BTreeMap<usize, Range<usize>> =
        broken.iter().map(|error| lines.at(error.start)).map(|line| (line.start, line)).collect();
    for line in broken.values() {
        redaction.set(line, false);
        redaction.set(&(line.start..line.start + harmless_start(text, lines, line)), true);
    }
    for span in secrets {
        redaction.hide(span);
    }
    for span in &user_info(text) {
        redaction.set(span, false);
    }
    for span in &references(text) {
        redaction.set(span, true);
    }
    let mut redacted = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if matches!(c, '\n' | '\r') || redaction.shown.get(at) == Some(&true) {
            redacted.push(c);
        } else {
            redacted.extend(std::iter::repeat_n('*', c.len_utf8()));
        }
    }
    redacted
}

/// Replaces what may be a secret in a line of a list of feeds: the user name, the password and secret parameters of an
/// address, also of one that is damaged. The length in bytes stays the same.
pub(super) fn redact_line(line: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ',' | ';');
    let mut hidden = user_info(line);
    for (at, _) in line.match_indices('@') {
        let before = line.get(..at).unwrap_or_default();
        // The host may be missing, and so may the colon after the scheme.
        let start = before.rfind(is_end).map_or(0, |end| end + 1);
        hidden.push(start..at);
    }
    let is_hidden = |at: usize| hidden.iter().any(|span| span.contains(&at));
    let mut redacted = String::with_capacity(line.len());
    for (at, c) in line.char_indices() {
        if is_hidden(at) {
            redacted.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else {
            redacted.push(c);
        }
    }
    redacted
}

/// Whether a line is the header of a table, and nothing else.
fn is_header(line: &str) -> bool {
    let line = line.trim();
    let name = line.trim_start_matches('[').trim_end_matches(']');
    line.starts_with('[') && line.ends_with(']') && bare(name.trim())
}

/// Whether a text can be a dotted key without quotes.
fn bare(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// How many bytes at the start of a line that is not valid TOML may be shown: all of it if its only key is
/// harmless, else no more than the key.
fn harmless_start(text: &str, lines: &Lines, line: &Range<usize>) -> usize {
    let content = text.get(line.clone()).unwrap_or_default();
    let header = lines.header_before(line.start).and_then(|header| text.get(header)).unwrap_or("");
    let table = header.trim().trim_start_matches('[').split([']', '#']).next().unwrap_or("").trim();
    if content.trim_start().starts_with('[') {
        let name = content.trim().trim_start_matches('[').trim_end_matches(']');
        return if bare(name) { content.len() } else { 0 };
    }
    let Some((key, value)) = content.split_once('=') else {
        let word = content.split_whitespace().next().unwrap_or("");
        let indent = content.len() - content.trim_start().len();
        return if is_known(word) { indent + word.len() } else { 0 };
    };
    let one_key = !value.contains(['=', '#']);
    if one_key && key.trim() != "url" && harmless(table).contains(&key.trim()) {
        return content.len();
    }
    if bare(key.trim()) { key.len() + 1 } else { 0 }
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

/// The secrets in all URLs of the text: passwords, and query parameters such as `token`. A user name without a password counts as one,
/// because it is often an access token. A password may contain `/` or `@`, so it ends at the last `@` of the
/// word.
fn user_info(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut word = Word::default();
    for (at, separator) in text.match_indices("://") {
        let start = at + separator.len();
        if word.end < start {
            word = Word::at(text, start);
            found.extend(secret_parameters(text, start..word.end));
        }
        let Some(last) = word.last_at.filter(|last| start <= *last) else { continue };
        // Both searches end at the next `://` at the latest.
        let rest = text.get(start..word.end).unwrap_or_default();
        let path = start + rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let secret = match rest.find(':') {
            Some(colon) if start + colon < last => start + colon + 1..last,
            _ if text.get(start..path).is_some_and(|host| host.contains('@')) => {
                start..last.min(path)
            }
            _ => continue,
        };
        // A part of the last one adds nothing.
        if found.last().is_none_or(|known| secret.start < known.start || known.end < secret.end) {
            found.push(secret);
        }
    }
    found
}

/// A part of a text up to white space or a quotation mark.
#[derive(Default)]
struct Word {
    end: usize,
    /// Where its last `@` is.
    last_at: Option<usize>,
}

impl Word {
    fn at(text: &str, start: usize) -> Self {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'))
            .unwrap_or(rest.len());
        let last_at = rest.get(..length).and_then(|word| word.rfind('@'));
        Self { end: start + length, last_at: last_at.map(|at| start + at) }
    }
}

/// The values of the query parameters of a URL whose names sound like secrets. `url` is its span in the text.
fn secret_parameters(text: &str, url: Range<usize>) -> Vec<Range<usize>> {
    let query = text.get(url.clone()).and_then(|url| url.split_once('?')).map_or("", |(_, q)| q);
    let mut start = url.end - query.len();
    let mut found = Vec::new();
    for parameter in query.split('&') {
        // A value may be such a parameter again. What sounds like a secret still does so with more text after it.
        let signs: Vec<usize> = parameter.match_indices('=').map(|(at, _)| at).collect();
        let harmless =
            |sign: &usize| parameter.get(..*sign).is_some_and(|name| !sounds_secret(name));
        if let Some(sign) = signs.get(signs.partition_point(harmless)) {
            found.push(start + sign + 1..start + parameter.len());
        }
        start += parameter.len() + 1;
    }
    found
}

/// The spans of every `${NAME}`, which names a secret but does not reveal it.
fn references(text: &str) -> Vec<Range<usize>> {
    let reference = |(at, _)| {
        let rest = text.get(at + 2..)?;
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
        (0 < length && rest.get(length..)?.starts_with('}')).then(|| at..at + 2 + length + 1)
    };
    text.match_indices("${").filter_map(reference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Redacts a text with the parts that the parser finds in it.
    fn shown(text: &str) -> String {
        let (repaired, errors) = crate::config::syntax::repair(text);
        let (tree, _) = DeTable::parse_recoverable(&repaired);
        let broken: Vec<Range<usize>> = errors.into_iter().map(|error| error.span).collect();
        redact(text, &Parts::of(tree.get_ref()), &[], &broken, &Lines::of(text))
    }

    #[test]
    fn passwords_of_urls_become_stars_of_the_same_width() {
        for (url, expected) in [
            ("https://me:s3cret@a.example/f", "https://me:******@a.example/f"),
            ("https://me:s/@x@a.example/f", "https://me:****@a.example/f"),
            ("https://t0ken@a.example/", "https://*****@a.example/"),
            ("https://u:${PW}@h/", "https://u:${PW}@h/"),
            ("https://social.example/@me", "https://social.example/@me"),
            ("https://a.example:8080/f", "https://a.example:8080/f"),
            ("socks5://u:é@h", "socks5://u:**@h"),
            ("https://h/f?a=1&api_key=abc&b=2", "https://h/f?a=1&api_key=***&b=2"),
            ("https://h/f?a=token=abc=d&b=2", "https://h/f?a=token=*****&b=2"),
            ("https://h/f?u=https://me:s3cret@i/", "https://h/f?u=https:***********@i/"),
        ] {
            let text = |url| format!("[[feeds]]\nurl = '{url}'\n");
            assert_eq!(shown(&text(url)), text(expected));
        }
    }

    #[test]
    fn a_line_of_a_list_shows_no_credentials() {
        for (line, expected) in [
            ("https://h/f,A,x", "https://h/f,A,x"),
            ("https://me:s3cret@h/f,A", "*****************@h/f,A"),
            ("https://me:s3;c,r@h/f", "https://me:******@h/f"),
            ("me:s3cret@h/f,A", "*********@h/f,A"),
            ("https://h/f?token=abc,A", "https://h/f?token=*****"),
            (r#"{"url":"https://me:x@h/","evry":1}"#, r#"{"url":"************@h/","evry":1}"#),
        ] {
            assert_eq!(redact_line(line), expected);
        }
    }

    #[test]
    fn only_values_of_harmless_keys_are_shown() {
        for (text, expected) in [
            ("secrt = 'abc'", "secrt = '***'"),
            ("pin = 12345", "pin = *****"),
            ("[[feeds]]\nname = 'n' # abc", "[[feeds]]\nname = 'n' # ***"),
            ("[[feed]]\nname = 'n'", "[[feed]]\nname = '*'"),
            ("[[feeds]]\ntags = ['a', 'b']", "[[feeds]]\ntags = ['a', 'b']"),
            ("[[feeds]]\nheaders = { name = 'n' }", "[[feeds]]\nheaders = { name = '*' }"),
            ("[feeds.headers]\nurl = 'a'", "[feeds.headers]\nurl = '*'"),
            ("[[exports]]\nwebhok = 'https://h/x'", "[[exports]]\nwebhok = '***********'"),
            ("[server]\ntoken_file = 'abc'", "[server]\ntoken_file = '***'"),
            (
                "[[feeds]]\nurl = 'https://h/'\nprivate = true",
                "[[feeds]]\nurl = '**********'\nprivate = true",
            ),
            (
                "[[feeds]]\nheaders.A = 'Bearer ${TOKEN} x'",
                "[[feeds]]\nheaders.A = '*******${TOKEN}**'",
            ),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_broken_line_shows_nothing_that_could_be_secret() {
        for (text, expected) in [
            ("password = abc", "password =****"),
            ("[feeds.headers]\nname = abc\n", "[feeds.headers]\nname =****\n"),
            ("[[feeds]]\nname = abc", "[[feeds]]\nname = abc"),
            ("[[feeds]]\nname = { b = 'abc'", "[[feeds]]\nname =************"),
            ("abc def", "*******"),
            ("max_entries 7", "max_entries**"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
