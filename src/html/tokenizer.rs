//! Splits XML and HTML into tags and text. No input is an error.
//!
//! A `<` that opens no tag is text. Markup that is not closed ends with the document.

use std::borrow::Cow;
use std::cell::Cell;

use memchr::{memchr, memchr2, memchr3, memmem};

use crate::html::entities::{Entities, resolve};

/// The longest attribute value that is kept, in bytes. Longer values are mostly `data:` addresses.
pub(crate) const LONGEST_VALUE: usize = 64 * 1024;

/// The longest tag, in bytes. Longer ones are text. Real tags of 9,000 bytes exist.
const LONGEST_TAG: usize = 1024 * 1024;

/// HTML elements whose content is code: neither markup nor text.
pub(crate) const CODE: [&str; 2] = ["script", "style"];

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
    /// Text whose references are not resolved yet.
    Text(&'a str),
    /// Text without references. It is not `closed` when the document ends in it.
    CData {
        text: &'a str,
        closed: bool,
    },
    Doctype(&'a str),
}

/// The text of a tag after its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes<'a>(pub(crate) &'a str);

pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    ends: Ends,
    /// How many `<` opened nothing.
    pub(crate) bare: u32,
}

/// For each kind of markup, from which offset its end was searched, and at which offset the end was found.
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

    /// Continues at another offset, which must be inside the last token.
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

    /// The offset of the next `end`. The result is kept, because otherwise a document with a million beginnings
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

    /// The offset of the `>` that ends the start tag at `start`. `None` when it is no tag, because another `<` comes
    /// first or no `>` follows.
    fn tag_end(&self, start: usize) -> Option<usize> {
        let simple = self.close(start)?;
        let mut at = start + 1;
        loop {
            let close = self.close(at).filter(|close| close - start < LONGEST_TAG)?;
            let between = self.text.as_bytes().get(at..close)?;
            // Only a quoted value may contain a `<`.
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

    /// The markup that begins with the `<` at `at`, and the offset of its end. `None` when it is not markup.
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
            b'!' => self.declaration(at, rest),
            b'?' => self.instruction(at),
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

    /// The comment, CDATA section, document type or other declaration at `at`; `rest` is the text from there.
    fn declaration(&self, at: usize, rest: &'a str) -> Option<(Option<Token<'a>>, usize)> {
        if rest.starts_with("<![CDATA[") {
            let end = self.find(&self.ends.cdata, at + 9, b"]]>");
            let text = self.text.get(at + 9..end.unwrap_or(self.text.len()))?;
            let after = end.map_or(self.text.len(), |end| end + 3);
            return Some((Some(Token::CData { text, closed: end.is_some() }), after));
        }
        if rest.starts_with("<!--") {
            // An unclosed comment ends at the next `>`, so that the rest of the feed is not lost.
            let end = self.find(&self.ends.comment, at + 4, b"-->").map(|end| end + 3);
            return Some((None, end.or_else(|| Some(self.close(at)? + 1))?));
        }
        if rest.get(2..9).is_some_and(|word| word.eq_ignore_ascii_case("doctype")) {
            let length = doctype_length(rest, self.close(at)? - at)?;
            return Some((Some(Token::Doctype(rest.get(9..length)?)), at + length));
        }
        rest.as_bytes().get(2).filter(|byte| byte.is_ascii_alphabetic() || **byte == b'[')?;
        Some((None, self.close(at)? + 1))
    }

    /// The processing instruction at `at`, which is no token.
    fn instruction(&self, at: usize) -> Option<(Option<Token<'a>>, usize)> {
        let close = self.close(at)? + 1;
        let end = self.find(&self.ends.instruction, at + 2, b"?>").map(|end| end + 2);
        // An `<?xml …>` without its question mark must not extend to the next instruction.
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
    /// The next token after markup that is no token, such as a comment.
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

/// The length of the document type declaration that a text begins with. Its inner subset is looked for in the
/// first bytes only, as it may never end.
fn doctype_length(text: &str, close: usize) -> Option<usize> {
    if memchr(b'[', text.as_bytes().get(..close)?).is_none() {
        return Some(close + 1);
    }
    let window = text.as_bytes().get(..text.len().min(LONGEST_VALUE))?;
    let end = memmem::find_iter(window, b"]").find_map(|end| {
        let rest = text.get(end + 1..)?;
        let after = rest.trim_start().strip_prefix('>')?;
        Some(text.len() - after.len())
    });
    Some(end.unwrap_or(close + 1))
}

/// An attribute at the beginning of a text, as HTML reads it (13.2.5.32 to 39).
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    /// As written, without its quotes; empty when there is none.
    pub(crate) value: &'a str,
    pub(crate) is_quoted: bool,
    pub(crate) rest: &'a str,
    /// Whether the attribute ends before the text does.
    pub(crate) is_complete: bool,
}

impl Attribute<'_> {
    /// Whether the quotation mark that closes the value seems to be that of another value: the value contains
    /// a `>`, and more of the same word follows.
    pub(crate) fn seems_unclosed(&self) -> bool {
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>');
        self.is_quoted && self.value.contains('>') && !self.rest.starts_with(ends)
    }
}

/// The next attribute of a tag; `None` at the `>` that ends the tag, or at the end of the text.
pub(crate) fn attribute(text: &str) -> Option<Attribute<'_>> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
    if text.is_empty() || text.starts_with('>') {
        return None;
    }
    // The first character belongs to the name, even if it is an equals sign.
    let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>' | b'=');
    let length = text.bytes().skip(1).position(ends).map_or(text.len(), |length| 1 + length);
    let (name, after) = text.split_at(length);
    let Some(value) = after.trim_ascii_start().strip_prefix('=') else {
        let is_complete = !after.is_empty();
        return Some(Attribute { name, value: "", is_quoted: false, rest: after, is_complete });
    };
    let value = value.trim_ascii_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let quoted = quote.and_then(|quote| value.get(1..)?.split_once(quote));
    if let Some((value, rest)) = quoted {
        return Some(Attribute { name, value, is_quoted: true, rest, is_complete: true });
    }
    let end = value.bytes().position(|b| b.is_ascii_whitespace() || b == b'>');
    let (value, rest) = value.split_at(end.unwrap_or(value.len()));
    let is_complete = quote.is_none() && end.is_some();
    Some(Attribute { name, value, is_quoted: false, rest, is_complete })
}

/// The attributes of the tag whose name ends where `tail` begins, and what follows the tag. `None` when the
/// tag does not end, or a quotation mark in it is missing.
///
/// Each failure reduces `look_ahead` by the bytes that were read. When it is used up, every tag with attributes
/// fails. So a text of tags that do not end is read in linear time.
pub(crate) fn split_tag<'a>(
    tail: &'a str,
    look_ahead: &mut usize,
) -> Option<(Attributes<'a>, &'a str)> {
    let mut rest = tail;
    while let Some(found) = attribute(rest) {
        if !found.is_complete || found.seems_unclosed() || *look_ahead == 0 {
            let seen = tail.len() - if found.is_complete { found.rest.len() } else { 0 };
            *look_ahead = look_ahead.saturating_sub(seen);
            return None;
        }
        rest = found.rest;
    }
    let end = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
    let Some(after) = end.strip_prefix('>') else {
        *look_ahead = look_ahead.saturating_sub(tail.len());
        return None;
    };
    Some((Attributes(tail.get(..tail.len() - end.len())?), after))
}

/// How many bytes [`split_tag`] may read without success in a text of this length.
pub(crate) fn look_ahead(length: usize) -> usize {
    4 * length + 1024
}

impl<'a> Attributes<'a> {
    /// Name and raw value of each attribute, in order. Quotes and commas between attributes are skipped.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let found = attribute(rest)?;
            rest = found.rest;
            Some((found.name.trim_start_matches(['"', '\'', ',']), found.value))
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

/// A tag of HTML, or the text between two tags.
pub(crate) enum HtmlToken<'a> {
    /// Text whose references are not resolved yet.
    Text(&'a str),
    Tag(Tag<'a>),
    /// A comment, a declaration, or a whole script or style.
    Hidden,
}

pub(crate) struct Tag<'a> {
    /// The name as it is written.
    pub(crate) name: &'a str,
    pub(crate) attributes: Attributes<'a>,
    pub(crate) closing: bool,
}

impl Tag<'_> {
    pub(crate) fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }

    /// The name in lower case.
    pub(crate) fn lower_name(&self) -> Cow<'_, str> {
        if self.name.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(self.name.to_ascii_lowercase());
        }
        Cow::Borrowed(self.name)
    }
}

/// Splits HTML into tags and text. A tag that does not end is text.
pub(crate) struct HtmlTokens<'a> {
    html: &'a str,
    rest: &'a str,
    look_ahead: usize,
    /// Whether a `>`, the end of a comment, and the end of a script or style may still follow. Otherwise the end of
    /// the text would be searched for each of many beginnings.
    tags_end: bool,
    comments_end: bool,
    code_ends: [bool; 2],
    /// Whether the text may be prose that mentions scripts. Then a mere `<script>` hides nothing.
    is_prose: bool,
    /// The offset after the last character that is typical of code, if it was searched.
    end_of_code: Option<usize>,
}

impl<'a> HtmlTokens<'a> {
    pub(crate) fn new(html: &'a str) -> Self {
        let (tags_end, comments_end, code_ends) = (true, true, [true; 2]);
        let (look_ahead, end_of_code) = (look_ahead(html.len()), None);
        let (rest, is_prose) = (html, false);
        Self { html, rest, look_ahead, tags_end, comments_end, code_ends, is_prose, end_of_code }
    }

    pub(crate) fn of_prose(text: &'a str) -> Self {
        Self { is_prose: true, ..Self::new(text) }
    }

    /// What follows the last token.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    /// The tag or comment that the rest begins with, and what follows it.
    fn markup(&mut self) -> Option<(HtmlToken<'a>, &'a str)> {
        let inner = self.rest.strip_prefix('<')?;
        if let Some(comment) = inner.strip_prefix("!--") {
            let end = self.comments_end.then(|| memmem::find(comment.as_bytes(), b"-->")).flatten();
            self.comments_end = end.is_some();
            return Some((HtmlToken::Hidden, comment.get(end? + 3..)?));
        }
        let (closing, inner) = match inner.strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?')
            || !self.tags_end
        {
            return None;
        }
        let Some(end) = memchr(b'>', inner.as_bytes()) else {
            self.tags_end = false;
            return None;
        };
        let (tag, after) = (inner.get(..end)?, inner.get(end + 1..)?);
        if tag.starts_with(['!', '?']) {
            return Some((HtmlToken::Hidden, after));
        }
        let length = tag.bytes().position(|b| b.is_ascii_whitespace() || b == b'/');
        let (name, attributes) = tag.split_at(length.unwrap_or(tag.len()));
        // Only a quoted value can contain a `>`.
        let split = memchr(b'=', attributes.as_bytes())
            .and_then(|_| split_tag(inner.get(name.len()..)?, &mut self.look_ahead));
        let (attributes, after) = split.unwrap_or((Attributes(attributes), after));
        let tag = Tag { name, attributes, closing };
        if !closing && tag.is(&CODE) {
            return Some((HtmlToken::Hidden, self.after_code(&tag, after)?));
        }
        Some((HtmlToken::Tag(tag), after))
    }

    /// What follows a script or style. `None` when the text only mentions one.
    fn after_code(&mut self, tag: &Tag<'a>, after: &'a str) -> Option<&'a str> {
        let ends = self.code_ends.get_mut(CODE.iter().position(|name| tag.is(&[name]))?)?;
        let is_end = |at: &usize| {
            let name = after.get(at + 2..at + 2 + tag.name.len());
            name.is_some_and(|name| name.eq_ignore_ascii_case(tag.name))
        };
        let end = ends.then(|| memmem::find_iter(after.as_bytes(), "</").find(is_end)).flatten();
        *ends = end.is_some();
        if let Some(at) = end {
            return Some(after.get(at..)?.split_once('>').map_or("", |(_, after)| after));
        }
        let is_mentioned = self.is_prose
            && tag.attributes.0.is_empty()
            && (after.is_empty()
                || after.starts_with(|c: char| c.is_whitespace() || ".,;:!?)".contains(c)));
        if !is_mentioned {
            return Some("");
        }
        let html = self.html;
        let end_of_code = *self
            .end_of_code
            .get_or_insert_with(|| html.rfind(['(', '{', '=', '[']).map_or(0, |last| last + 1));
        // What follows is words when there is no such character in it.
        (html.len() - after.len() < end_of_code).then_some("")
    }
}

impl<'a> Iterator for HtmlTokens<'a> {
    type Item = HtmlToken<'a>;

    fn next(&mut self) -> Option<HtmlToken<'a>> {
        let rest = self.rest;
        if rest.is_empty() {
            return None;
        }
        let start = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        if start == 0
            && let Some((token, after)) = self.markup()
        {
            self.rest = after;
            return Some(token);
        }
        let end = if start == 0 {
            // A `<` that opens nothing is text, up to the next one.
            let next = rest.get(1..).and_then(|rest| memchr(b'<', rest.as_bytes()));
            next.map_or(rest.len(), |found| found + 1)
        } else {
            start
        };
        let (text, after) = rest.split_at(end);
        self.rest = after;
        Some(HtmlToken::Text(text))
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
    fn tags_are_distinguished_from_text() {
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
    fn attributes_are_read_in_every_notation() {
        for (text, expected) in [
            (" a='1' b = \"2\" c=3", &[("a", "1"), ("b", "2"), ("c", "3")][..]),
            (" checked a=''", &[("checked", ""), ("a", "")]),
            (" a='1'b='2'", &[("a", "1"), ("b", "2")]),
            (" href=http://x/?a=b/ ", &[("href", "http://x/?a=b/")]),
            (" a=\"1", &[("a", "\"1")]),
            (" = ' ", &[("=", "")]),
            (" a='1',b='2' \"c=3", &[("a", "1"), ("b", "2"), ("c", "3")]),
        ] {
            let found: Vec<_> = Attributes(text).iter().collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn repeated_beginnings_of_markup_take_linear_time() {
        for beginning in [
            "<a b=' > ' ",
            "<a b=\"c\" b=\"c\" ",
            "<a b='",
            "<a ",
            "<a =",
            "<script> ",
            "<![CDATA[",
            "<!--",
            "<!DOCTYPE [",
            "<?",
            "</",
            "<",
            "&",
        ] {
            let text = beginning.repeat(20_000);
            assert!(Tokens::new(&text).count() <= 40_000, "{beginning}");
            assert!(HtmlTokens::new(&text).count() <= 40_000, "{beginning}");
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
