//! Text to tags and text, whatever stands in it: nothing is an error.
//!
//! A `<` that opens no tag is text; what is not closed ends with the document.

use std::borrow::Cow;
use std::cell::Cell;

use memchr::{memchr, memchr2, memchr3, memmem};

use crate::html::entities::{Entities, resolve};

/// Longer attribute values are left out: data addresses, mostly.
pub(crate) const LONGEST_VALUE: usize = 64 * 1024;

/// A tag longer than this is text. A real one of 9,000 bytes was seen.
const LONGEST_TAG: usize = 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Start {
        name: &'a str,
        attributes: Attributes<'a>,
        empty: bool,
    },
    End {
        name: &'a str,
    },
    /// References unresolved.
    Text(&'a str),
    /// Literal; `closed` unless the document ends in it.
    CData {
        text: &'a str,
        closed: bool,
    },
    Doctype(&'a str),
}

/// The inside of a tag after its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes<'a>(pub(crate) &'a str);

pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    ends: Ends,
    /// `<` that open nothing.
    pub(crate) bare: u32,
}

/// Where each kind of markup next ends: from where it was searched, and what was found.
#[derive(Default)]
struct Ends {
    tag: Cell<Option<(usize, Option<usize>)>>,
    cdata: Cell<Option<(usize, Option<usize>)>>,
    comment: Cell<Option<(usize, Option<usize>)>>,
    instruction: Cell<Option<(usize, Option<usize>)>>,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, ends: Ends::default(), bare: 0 }
    }

    /// Where the next token begins, in bytes.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// Steps back (or forth) to a place inside the last token.
    pub(crate) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    fn from(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    /// The next `>`.
    fn close(&self, at: usize) -> Option<usize> {
        self.find(&self.ends.tag, at, b">")
    }

    /// Where `end` next is. What was found is kept: without that, a document of a million beginnings
    /// and no end would be searched a million times.
    fn find(
        &self,
        known: &Cell<Option<(usize, Option<usize>)>>,
        at: usize,
        end: &[u8],
    ) -> Option<usize> {
        if let Some((from, found)) = known.get()
            && from <= at
            && found.is_none_or(|found| at <= found)
        {
            return found;
        }
        let found = memmem::find(self.from(at).as_bytes(), end).map(|found| at + found);
        known.set(Some((at, found)));
        found
    }

    /// Where the `>` of the start tag at `start` is. None if it is no tag: another `<` comes first, or
    /// none ends it.
    fn tag_end(&self, start: usize) -> Option<usize> {
        let simple = self.close(start)?;
        let mut at = start + 1;
        loop {
            let close = self.close(at).filter(|close| close - start < LONGEST_TAG)?;
            let between = self.text.as_bytes().get(at..close)?;
            // A value may hold a `<`, the tag outside of its values may not.
            let Some(found) = memchr3(b'<', b'"', b'\'', between) else { return Some(close) };
            let quote = *between.get(found).filter(|byte| **byte != b'<')?;
            let found = at + found;
            at = found + 1;
            if self.text.as_bytes().get(start..found)?.trim_ascii_end().ends_with(b"=") {
                let value = self.from(at).as_bytes();
                let value = value.get(..value.len().min(LONGEST_TAG))?;
                match memchr(quote, value) {
                    Some(length) => at += length + 1,
                    None => return Some(simple), // Never closed.
                }
            }
        }
    }

    /// The markup at `at`, where there is a `<`, and where it ends. None when it opens nothing.
    fn markup(&self, at: usize) -> Option<(Option<Token<'a>>, usize)> {
        let rest = self.from(at);
        let upto = |end: usize| at + end;
        match rest.as_bytes().get(1)? {
            b'/' => {
                let end =
                    memchr2(b'>', b'<', rest.as_bytes().get(1..)?).map_or(rest.len(), |n| n + 1);
                let name = rest.get(2..end)?;
                let name = name.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or(name);
                if !name.starts_with(begins_a_name) {
                    return None;
                }
                // `</a <b>`: the end tag was not closed.
                let closed = usize::from(rest.as_bytes().get(end) == Some(&b'>'));
                Some((Some(Token::End { name }), upto(end + closed)))
            }
            b'!' => {
                if rest.starts_with("<![CDATA[") {
                    let end = self.find(&self.ends.cdata, at + 9, b"]]>");
                    let text = self.text.get(at + 9..end.unwrap_or(self.text.len()))?;
                    let after = end.map_or(self.text.len(), |end| end + 3);
                    return Some((Some(Token::CData { text, closed: end.is_some() }), after));
                }
                if rest.starts_with("<!--") {
                    // An unclosed comment ends at the next `>`: better stray text than a lost feed.
                    let end = self.find(&self.ends.comment, at + 4, b"-->").map(|end| end + 3);
                    return Some((None, end.or_else(|| Some(self.close(at)? + 1))?));
                }
                if rest.get(2..9).is_some_and(|word| word.eq_ignore_ascii_case("doctype")) {
                    let length = doctype_length(rest)?;
                    return Some((Some(Token::Doctype(rest.get(9..length)?)), upto(length)));
                }
                rest.as_bytes()
                    .get(2)
                    .filter(|byte| byte.is_ascii_alphabetic() || **byte == b'[')?;
                Some((None, self.close(at)? + 1))
            }
            b'?' => {
                let close = self.close(at)? + 1;
                let end = self.find(&self.ends.instruction, at + 2, b"?>").map(|end| end + 2);
                // `<?xml …>` without its question mark would swallow all up to the next one.
                let end = end.filter(|end| {
                    let limit = at.saturating_add(LONGEST_VALUE);
                    *end < limit
                        && memchr(
                            b'<',
                            self.from(at + 1).get(..end - at - 1).unwrap_or_default().as_bytes(),
                        )
                        .is_none()
                });
                Some((None, end.unwrap_or(close)))
            }
            byte if byte.is_ascii_alphabetic() || *byte == b'_' || 0x80 <= *byte => {
                let end = self.tag_end(at)? - at;
                let inside = rest.get(1..end)?;
                let (inside, empty) = match inside.strip_suffix('/') {
                    Some(inside) => (inside, true),
                    None => (inside, false),
                };
                let name_end = inside
                    .bytes()
                    .position(|byte| byte.is_ascii_whitespace() || byte == b'/')
                    .unwrap_or(inside.len());
                let (name, attributes) = inside.split_at(name_end);
                let attributes = Attributes(attributes);
                Some((Some(Token::Start { name, attributes, empty }), upto(end + 1)))
            }
            _ => None,
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        let mut search = start;
        loop {
            let Some(found) = memchr(b'<', self.from(search).as_bytes()) else {
                self.at = self.text.len();
                return self.text.get(start..).filter(|text| !text.is_empty()).map(Token::Text);
            };
            let at = search + found;
            match self.markup(at) {
                None => {
                    self.bare += 1;
                    search = at + 1;
                }
                Some(_) if start < at => {
                    self.at = at;
                    return self.text.get(start..at).map(Token::Text);
                }
                Some((token, end)) => {
                    self.at = end;
                    match token {
                        Some(token) => return Some(token),
                        None => return self.next_after_nothing(),
                    }
                }
            }
        }
    }
}

impl<'a> Tokens<'a> {
    /// After a comment: a loop instead of a recursion.
    fn next_after_nothing(&mut self) -> Option<Token<'a>> {
        while self.from(self.at).starts_with('<') {
            match self.markup(self.at) {
                Some((None, end)) => self.at = end,
                Some((Some(token), end)) => {
                    self.at = end;
                    return Some(token);
                }
                None => break,
            }
        }
        let start = self.at;
        let rest = self.from(start);
        if rest.is_empty() {
            return None;
        }
        // At least one character, then up to the next `<`.
        let skip = usize::from(rest.starts_with('<'));
        self.bare += u32::from(rest.starts_with('<'));
        let tail = rest.as_bytes().get(skip..).unwrap_or_default();
        let end = memchr(b'<', tail).map_or(rest.len(), |found| skip + found);
        self.at = start + end;
        rest.get(..end).map(Token::Text)
    }
}

fn begins_a_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn doctype_length(text: &str) -> Option<usize> {
    let close = memchr(b'>', text.as_bytes())?;
    if memchr(b'[', text.as_bytes().get(..close)?).is_none() {
        return Some(close + 1);
    }
    let ends = memmem::find_iter(text.as_bytes(), b"]").find_map(|end| {
        let rest = text.get(end + 1..)?;
        let blank = rest.len() - rest.trim_start().len();
        rest.trim_start().starts_with('>').then_some(end + 1 + blank + 1)
    });
    Some(ends.unwrap_or(close + 1))
}

impl<'a> Attributes<'a> {
    /// Name and raw value of each, in order; a name without value has an empty one.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            rest =
                rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || "/\"',".contains(c));
            let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=');
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            let after_blank = after.trim_start();
            let Some(value) = after_blank.strip_prefix('=') else {
                rest = after;
                return (!name.is_empty()).then_some((name, ""));
            };
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
            let quoted = quote.and_then(|quote| value.get(1..)?.split_once(quote));
            let (value, after) = quoted.unwrap_or_else(|| {
                let end = value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len());
                value.split_at(end)
            });
            rest = after;
            Some((name, value))
        })
        .filter(|(name, _)| !name.is_empty())
    }

    /// The raw value of the first attribute of that name, any case.
    pub(crate) fn raw(self, name: &str) -> Option<&'a str> {
        if self.0.len() < name.len() {
            return None;
        }
        let (_, value) = self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        (value.len() <= LONGEST_VALUE).then_some(value)
    }

    /// The value of the first attribute of that name, trimmed; none when it is empty.
    pub(crate) fn get(self, name: &str, entities: &Entities) -> Option<Cow<'a, str>> {
        let value = self.raw(name)?.trim();
        (!value.is_empty()).then(|| resolve(value, entities).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<String> {
        Tokens::new(text)
            .map(|token| match token {
                Token::Start { name, attributes, empty } => {
                    format!("<{name}|{}{}>", attributes.0.trim(), if empty { "|/" } else { "" })
                }
                Token::End { name } => format!("</{name}>"),
                Token::Text(text) => text.to_owned(),
                Token::CData { text, closed } => format!("[{text}|{closed}]"),
                Token::Doctype(text) => format!("!{text}"),
            })
            .collect()
    }

    #[test]
    fn tags_and_text_are_told_apart() {
        for (text, expected) in [
            ("<a b='>'>x</a >", &["<a|b='>'>", "x", "</a>"][..]),
            ("<a/><b />", &["<a||/>", "<b||/>"]),
            ("1 < 2 <b>", &["1 < 2 ", "<b|>"]),
            ("a<3 & b", &["a<3 & b"]),
            ("x <y and <b>", &["x <y and ", "<b|>"]),
            ("<!-- <a> -->t<!---->", &["t"]),
            ("<?php warning ?><?xml version='1.0'><a>", &["<a|>"]),
            ("<![CDATA[<a>]]>x", &["[<a>|true]", "x"]),
            ("<![CDATA[<a>", &["[<a>|false]"]),
            ("<!DOCTYPE rss [<!ENTITY a 'b]c'> ] >t", &["! rss [<!ENTITY a 'b]c'> ] >", "t"]),
            ("<a b=\"x>y</a>", &["<a|b=\"x>", "y", "</a>"]),
            ("<a title=it's><b>", &["<a|title=it's>", "<b|>"]),
            ("</a<b>", &["</a>", "<b|>"]),
            ("<", &["<"]),
            ("<a", &["<a"]),
            ("<!", &["<!"]),
            ("</>", &["</>"]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn attributes_are_read_however_written() {
        for (text, expected) in [
            (" a='1' b = \"2\" c=3", &[("a", "1"), ("b", "2"), ("c", "3")][..]),
            (" checked a=''", &[("checked", ""), ("a", "")]),
            (" a='1'b='2'", &[("a", "1"), ("b", "2")]),
            (" href=http://x/?a=b/ ", &[("href", "http://x/?a=b/")]),
            (" a=\"1", &[("a", "\"1")]),
            (" = ' ", &[]),
        ] {
            let found: Vec<_> = Attributes(text).iter().collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_character_is_read_and_the_end_is_reached(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "<a>", "</a>", "<!--", "-->", "<![CDATA[", "]]>", "<?x ?>", "é", " b='", "'", "\"", ">", "<",
                    "</", "<!", "<?", "&amp;", "<!DOCTYPE", "[", "]", "=", "/", " ",
                ]),
                0..40,
            ),
        ) {
            let text = parts.concat();
            let mut tokens = Tokens::new(&text);
            let mut last = 0;
            while let Some(token) = tokens.next() {
                prop_assert!(last < tokens.offset());
                last = tokens.offset();
                if let Token::Start { attributes, .. } = token {
                    let _all: Vec<_> = attributes.iter().collect();
                }
            }
            prop_assert!(tokens.offset() == text.len());
        }
    }
}
