//! The file `urls` of newsboat: one feed a line, with its tags.

use std::collections::HashSet;
use std::iter::Peekable;
use std::str::Chars;

use crate::feed::charset::{decide, decode};
use crate::feed::opml::{Outline, Settings};

/// The schemes of addresses in such a file. The last three are newsboat's own: a search in its articles, a program that prints
/// a feed, and a program that changes one.
const SCHEMES: [&str; 6] = ["http:", "https:", "file:", "query:", "exec:", "filter:"];

/// Reads the feeds of such a file, in its order. `None` if the document is no such file, because its first line with content does
/// not begin with an address.
///
/// Words in quotation marks after the address are tags. One that begins with `~` is the title, and one that begins with `!` hides
/// the feed.
pub fn newsboat(body: &[u8]) -> Option<Vec<Outline>> {
    let (text, _) = decode(body, decide(body, None).charset);
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let mut words = words(text).into_iter();
        let Some(url) = words.next() else { continue };
        let is_address = SCHEMES.iter().any(|scheme| url.starts_with(scheme));
        if found.is_empty() && !is_address {
            return None;
        }
        let (mut name, mut tags, mut seen) = (None, Vec::new(), HashSet::new());
        for word in words {
            let word: String = word.chars().filter(|c| !c.is_control()).collect();
            match word.strip_prefix('~') {
                Some(title) => name = Some(title.trim().to_owned()).filter(|name| !name.is_empty()),
                None if word.starts_with('!') || word.trim().is_empty() => {}
                None => {
                    tags.extend(
                        Some(word.trim().to_owned()).filter(|tag| seen.insert(tag.clone())),
                    );
                }
            }
        }
        found.push(Outline { line, name, url: Some(url), tags, settings: Settings::default() });
    }
    (!found.is_empty()).then_some(found)
}

/// The words of a line up to a comment. A word in quotation marks may have spaces, and `\"` in it.
fn words(line: &str) -> Vec<String> {
    let mut chars = line.chars().peekable();
    let mut words = Vec::new();
    loop {
        while chars.next_if(|c| c.is_whitespace() || *c == '\u{feff}').is_some() {}
        match chars.peek() {
            None | Some('#') => return words,
            Some('"') => {
                chars.next();
                words.push(quoted(&mut chars));
            }
            Some(_) => {
                words.push(std::iter::from_fn(|| chars.next_if(|c| !c.is_whitespace())).collect());
            }
        }
    }
}

/// The text up to the next quotation mark, or to the end of the line.
fn quoted(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_read_as_newsboat_reads_them() {
        for (text, expected) in [
            ("https://a/ news \"world news\"\n", "1:=https://a/[news,world news]"),
            ("\n# mine\n https://a/f#x \"~The Title\"  # why\n", "3:The Title=https://a/f#x[]"),
            (
                "https://a/ \"~T \\\"q\\\"\" \"!hidden\" x x \"\" \"open",
                "1:T \"q\"=https://a/[x,open]",
            ),
            ("\u{feff}http://a/\r\nb\r\n", "1:=http://a/[] 2:=b[]"),
            (
                "\"exec:~/bin/feed --x\" t\n\"query:New:unread = \\\"yes\\\"\"",
                "1:=exec:~/bin/feed --x[t] 2:=query:New:unread = \"yes\"[]",
            ),
            ("# nothing\n", "no list"),
            ("<opml/>", "no list"),
            ("name,url\nA,https://a/", "no list"),
            ("", "no list"),
        ] {
            let show = |o: Outline| {
                let (name, url) = (o.name.unwrap_or_default(), o.url.unwrap_or_default());
                format!("{}:{name}={url}[{}]", o.line, o.tags.join(","))
            };
            let found = newsboat(text.as_bytes()).map_or_else(
                || "no list".to_owned(),
                |found| found.into_iter().map(show).collect::<Vec<_>>().join(" "),
            );
            assert_eq!(found, expected, "{text}");
        }
    }
}
