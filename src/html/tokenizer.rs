//! Splits XML and HTML into tags and text. No input is an error.
//!
//! A `<` that opens no tag is text. Markup that is not closed ends with the document. All work is linear: the
//! result of each search that may reach the end of the document is kept.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use memchr::{memchr, memchr2, memchr3, memmem};

use crate::html::entities::{Entities, resolve};
use crate::reading_time::is_over;

/// The longest attribute value that is kept, in bytes. Longer values are mostly `data:` addresses.
pub(crate) const LONGEST_VALUE: usize = 64 * 1024;

/// The longest tag, in bytes. Longer ones are text. Real tags of 9,000 bytes exist.
const LONGEST_TAG: usize = 1024 * 1024;

/// The longest name of an element whose end tag is searched, in bytes.
const LONGEST_NAME: usize = 64;

/// HTML elements whose content is code: neither markup nor text.
pub(crate) const CODE: [&str; 2] = ["script", "style"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// In HTML the start tag of a script or style stands for the whole element.
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
    /// Text without references in XML, markup in HTML. It is not `closed` when the document ends in it.
    CData {
        text: &'a str,
        closed: bool,
    },
    Doctype(&'a str),
    /// A comment or an instruction of HTML. Those of XML are skipped.
    Hidden,
}

/// The text of a tag after its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes<'a>(pub(crate) &'a str);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Xml,
    Html,
    /// HTML, or a text that mentions tags. Then a mere `<script>` hides nothing.
    Prose,
}

pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    syntax: Syntax,
    /// The next token and the offset of its end, when the text before it was returned.
    pending: Option<(Token<'a>, usize)>,
    ends: Ends,
    /// The offset of the last end tag of each name, if the end tags were searched.
    last_ends: Option<HashMap<String, usize>>,
    /// The offset after the last character that is typical of code, if it was searched.
    end_of_code: Option<usize>,
    /// How many `<` opened nothing.
    pub(crate) bare: u32,
}

/// For each kind of markup, from which offset its end was searched, and at which offset the end was found.
#[derive(Default)]
struct Ends {
    tag: Cell<Option<(usize, Option<usize>)>>,
    cdata: Cell<Option<(usize, Option<usize>)>>,
    escaped_cdata: Cell<Option<(usize, Option<usize>)>>,
    comment: Cell<Option<(usize, Option<usize>)>>,
    instruction: Cell<Option<(usize, Option<usize>)>>,
}

impl<'a> Tokens<'a> {
    /// The tokens of XML.
    pub(crate) fn new(text: &'a str) -> Self {
        let (syntax, ends, last_ends) = (Syntax::Xml, Ends::default(), None);
        Self { text, at: 0, syntax, pending: None, ends, last_ends, end_of_code: None, bare: 0 }
    }

    /// The tokens of HTML.
    pub(crate) fn html(text: &'a str) -> Self {
        Self { syntax: Syntax::Html, ..Self::new(text) }
    }

    /// Where the next token begins, in bytes.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// What follows the last token.
    pub(crate) fn rest(&self) -> &'a str {
        self.from(self.at)
    }

    /// Continues at another offset, which must be inside the last token.
    pub(crate) fn seek(&mut self, at: usize) {
        self.at = at;
        self.pending = None;
    }

    fn from(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    /// The next `>`.
    fn close(&self, at: usize) -> Option<usize> {
        self.find(&self.ends.tag, at, |rest| memchr(b'>', rest))
    }

    /// The offset of the next end of a kind of markup. The result is kept, because otherwise a document with a million beginnings
    /// and no end would be searched a million times.
    fn find(
        &self,
        known: &Cell<Option<(usize, Option<usize>)>>,
        at: usize,
        end: impl Fn(&[u8]) -> Option<usize>,
    ) -> Option<usize> {
        if let Some((from, found)) = known.get()
            && from <= at
            && found.is_none_or(|found| at <= found)
        {
            return found;
        }
        let found = end(self.from(at).as_bytes()).map(|found| at + found);
        known.set(Some((at, found)));
        found
    }

    /// The offset of the `>` that ends the start tag at `start`, or of the next tag that begins after a quoted value.
    /// `None` when it is no tag, because another `<` comes first or no `>` follows.
    fn tag_end(&self, start: usize) -> Option<usize> {
        let simple = self.close(start)?;
        let mut at = start + 1;
        loop {
            let close = self.close(at).filter(|close| close - start < LONGEST_TAG)?;
            let between = self.text.as_bytes().get(at..close)?;
            // Only a quoted value may contain a `<`.
            let Some(found) = memchr3(b'<', b'"', b'\'', between) else { return Some(close) };
            let quote = *between.get(found)?;
            let found = at + found;
            if quote == b'<' {
                let before = self.text.as_bytes().get(start..found)?.trim_ascii_end();
                let is_cut = before.ends_with(b"\"") || before.ends_with(b"'");
                return Some(found).filter(|_| is_cut && self.syntax != Syntax::Xml);
            }
            at = found + 1;
            if self.text.as_bytes().get(start..found)?.trim_ascii_end().ends_with(b"=") {
                let rest = self.from(at).as_bytes();
                let rest = rest.get(..rest.len().min(LONGEST_TAG))?;
                match memchr(quote, rest).map(|length| rest.split_at(length)) {
                    Some((value, after)) if !closes_another(value, after.get(1)) => {
                        at += value.len() + 1;
                    }
                    _ => return Some(simple), // Never closed.
                }
            }
        }
    }

    /// The markup that begins with the `<` at `at`, and the offset of its end. `None` when it is not markup.
    fn markup(&mut self, at: usize) -> Option<(Token<'a>, usize)> {
        let is_xml = self.syntax == Syntax::Xml;
        match *self.from(at).as_bytes().get(1)? {
            b'/' => self.end_tag(at),
            b'!' => self.declaration(at),
            b'?' => self.instruction(at),
            byte if byte.is_ascii_alphabetic() || is_xml && (byte == b'_' || 0x80 <= byte) => {
                self.start_tag(at)
            }
            _ => None,
        }
    }

    /// The name of a tag without attributes, which begins at `at`. `None` when anything but a `>` follows it. Most tags are
    /// of this form, and no search is needed for them.
    fn bare_name(&self, at: usize) -> Option<&'a str> {
        let rest = self.text.as_bytes().get(at..)?;
        let mut length = 0;
        while rest.get(length).is_some_and(u8::is_ascii_alphanumeric) {
            length += 1;
        }
        let is_bare = rest.get(length) == Some(&b'>') && rest.first()?.is_ascii_alphabetic();
        is_bare.then(|| self.text.get(at..at + length))?
    }

    fn end_tag(&self, at: usize) -> Option<(Token<'a>, usize)> {
        if let Some(name) = self.bare_name(at + 2) {
            return Some((Token::End { name }, at + 3 + name.len()));
        }
        let rest = self.from(at);
        let end = memchr2(b'>', b'<', rest.as_bytes().get(1..)?).map_or(rest.len(), |n| n + 1);
        let name = rest.get(2..end)?;
        let name = name.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or(name);
        if name.is_empty() && self.syntax == Syntax::Html {
            return Some((Token::Hidden, self.close(at)? + 1)); // `</ br>`, `</>`.
        }
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return None;
        }
        // `</a <b>`: the end tag was not closed.
        let closed = usize::from(rest.as_bytes().get(end) == Some(&b'>'));
        Some((Token::End { name }, at + end + closed))
    }

    fn start_tag(&mut self, at: usize) -> Option<(Token<'a>, usize)> {
        let is_code = |name: &str| CODE.iter().any(|code| name.eq_ignore_ascii_case(code));
        if let Some(name) = self.bare_name(at + 1).filter(|name| !is_code(name)) {
            let (attributes, empty) = (Attributes::default(), false);
            return Some((Token::Start { name, attributes, empty }, at + 2 + name.len()));
        }
        let end = self.tag_end(at)?;
        let inside = self.text.get(at + 1..end)?;
        let shorter = inside.strip_suffix('/');
        let is_xml = self.syntax == Syntax::Xml;
        // In HTML the slash may belong to a value without quotes.
        let inside = shorter.filter(|_| is_xml).unwrap_or(inside);
        let name_end = inside.bytes().position(|b| b.is_ascii_whitespace() || b == b'/');
        let (name, attributes) = inside.split_at(name_end.unwrap_or(inside.len()));
        let (attributes, empty) = (Attributes(attributes), shorter.is_some());
        let code = CODE.iter().find(|code| !is_xml && name.eq_ignore_ascii_case(code));
        let end = end + usize::from(self.text.as_bytes().get(end) == Some(&b'>'));
        let after = match code {
            Some(code) => self.after_code(code, attributes, empty, end)?,
            None => end,
        };
        Some((Token::Start { name, attributes, empty }, after))
    }

    /// The comment, CDATA section, document type or other declaration at `at`.
    fn declaration(&self, at: usize) -> Option<(Token<'a>, usize)> {
        let (rest, length) = (self.from(at), self.text.len());
        if rest.starts_with("<![CDATA[") {
            let from = at + 9;
            let end = self
                .find(&self.ends.cdata, from, |rest| memmem::find(rest, b"]]>"))
                .map(|end| (end, end + 3));
            // Some publishers escape the end of the section.
            let escaped =
                || self.find(&self.ends.escaped_cdata, from, |rest| memmem::find(rest, b"]]&gt;"));
            let is_xml = self.syntax == Syntax::Xml;
            let end = end.or_else(|| escaped().filter(|_| !is_xml).map(|end| (end, end + 6)));
            let (to, after) = match end {
                Some(end) => end,
                None if is_xml => (length, length),
                None => return Some((Token::Hidden, from)),
            };
            return Some((
                Token::CData { text: self.text.get(from..to)?, closed: end.is_some() },
                after,
            ));
        }
        if let Some(comment) = rest.strip_prefix("<!--") {
            let abrupt = ["->", ">"].into_iter().find(|end| comment.starts_with(end));
            let end = abrupt.map(|end| at + 4 + end.len());
            let end = end.or_else(|| {
                Some(self.find(&self.ends.comment, at + 4, |rest| memmem::find(rest, b"-->"))? + 3)
            });
            // An unclosed comment ends at the next `>`, so that the rest of the feed is not lost.
            let end = end.or_else(|| Some(self.close(at)? + 1));
            return Some((Token::Hidden, end.unwrap_or(length)));
        }
        if rest.get(2..9).is_some_and(|word| word.eq_ignore_ascii_case("doctype")) {
            let length = doctype_length(rest, self.close(at)? - at)?;
            return Some((Token::Doctype(rest.get(9..length)?), at + length));
        }
        // `<![endif]>`, `<!- a comment ->`.
        rest.as_bytes().get(2).filter(|b| b.is_ascii_alphabetic() || matches!(b, b'[' | b'-'))?;
        Some((Token::Hidden, self.close(at)? + 1))
    }

    /// The processing instruction at `at`.
    fn instruction(&self, at: usize) -> Option<(Token<'a>, usize)> {
        let close = self.close(at)? + 1;
        let end = self
            .find(&self.ends.instruction, at + 2, |rest| memmem::find(rest, b"?>"))
            .map(|end| end + 2);
        // An `<?xml …>` without its question mark must not extend to the next instruction.
        let end = end.filter(|end| {
            let inside = self.text.as_bytes().get(at + 1..*end).unwrap_or_default();
            inside.len() < LONGEST_VALUE && memchr(b'<', inside).is_none()
        });
        Some((Token::Hidden, end.unwrap_or(close)))
    }

    /// Whether an end tag of an element of HTML follows. The name is in lower case.
    pub(crate) fn is_closed(&mut self, name: &str) -> bool {
        self.is_closed_after(name, self.at)
    }

    fn is_closed_after(&mut self, name: &str, at: usize) -> bool {
        let text = self.text;
        let ends = self.last_ends.get_or_insert_with(|| {
            let mut ends = HashMap::new();
            for at in memmem::find_iter(text.as_bytes(), "</") {
                let name = text.get(at + 2..).unwrap_or_default();
                let length = name.bytes().take(LONGEST_NAME).position(ends_a_name);
                if let Some(name) = length.and_then(|length| name.get(..length)) {
                    ends.insert(name.to_ascii_lowercase(), at);
                }
            }
            ends
        });
        ends.get(name).is_some_and(|last| at <= *last)
    }

    /// Skips the element whose start tag was the last token, and returns the text in it. `None` when it has no end
    /// tag of its own. In XML an element of the form `<script/>` has none.
    pub(crate) fn skip_element(&mut self, name: &str, empty: bool) -> Option<&'a str> {
        let (inside, after) = self.content(name, empty, self.at)?;
        self.seek(after);
        Some(inside)
    }

    /// The text up to the end tag of an element, and the offset after that tag.
    fn content(&mut self, name: &str, empty: bool, at: usize) -> Option<(&'a str, usize)> {
        if !self.is_closed_after(name, at) || empty && self.opens_again(name, at) {
            return None;
        }
        let mut ends = memmem::find_iter(self.from(at).as_bytes(), "</");
        let end = at + ends.find(|end| self.is_end_of(name, at + end))?;
        Some((self.text.get(at..end)?, self.close(end)? + 1))
    }

    /// Whether a start tag of the element comes before an end tag.
    fn opens_again(&self, name: &str, at: usize) -> bool {
        let mut tags = memmem::find_iter(self.from(at).as_bytes(), "<").map(|tag| at + tag);
        tags.find(|tag| self.is_tag_of(name, tag + 1) || self.is_end_of(name, *tag))
            .is_some_and(|tag| !self.is_end_of(name, tag))
    }

    /// Whether the end tag of an element is at this offset.
    fn is_end_of(&self, name: &str, at: usize) -> bool {
        self.is_tag_of(name, at + 2)
    }

    /// Whether the name of a tag at this offset is that of an element.
    fn is_tag_of(&self, name: &str, at: usize) -> bool {
        let found = self.text.get(at..at + name.len());
        let next = self.text.as_bytes().get(at + name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name))
            && next.is_some_and(|b| ends_a_name(*b))
    }

    /// The offset after a script or style whose start tag ends at `at`. `None` when the text only mentions one.
    fn after_code(
        &mut self,
        name: &str,
        attributes: Attributes<'a>,
        empty: bool,
        at: usize,
    ) -> Option<usize> {
        if let Some((_, after)) = self.content(name, empty, at) {
            return Some(after);
        }
        let after = self.from(at);
        let is_mentioned = self.syntax == Syntax::Prose
            && attributes.0.is_empty()
            && (after.is_empty()
                || after.starts_with(|c: char| c.is_whitespace() || ".,;:!?)".contains(c)));
        let text = self.text;
        let mut end_of_code = || {
            let last = || text.rfind(['(', '{', '=', '[']).map_or(0, |last| last + 1);
            *self.end_of_code.get_or_insert_with(last)
        };
        // What follows is words when there is no such character in it.
        if is_mentioned && end_of_code() <= at {
            return None;
        }
        Some(if empty { at } else { text.len() })
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let start = self.at;
            let mut search = start;
            let (token, end) = loop {
                if is_over() {
                    return None;
                }
                if let Some(pending) = self.pending.take() {
                    break pending;
                }
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
                    Some(markup) if start < at => {
                        self.pending = Some(markup);
                        self.at = at;
                        return self.text.get(start..at).map(Token::Text);
                    }
                    Some(markup) => break markup,
                }
            };
            self.at = end;
            if token != Token::Hidden || self.syntax != Syntax::Xml {
                return Some(token);
            }
        }
    }
}

fn ends_a_name(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>')
}

/// Whether the quotation mark after a value seems to be that of another value: the value contains a `>`, and more
/// of the same word follows, or it ends where the value of an attribute begins.
fn closes_another(value: &[u8], next: Option<&u8>) -> bool {
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>' | b'?');
    let begins_there = value.trim_ascii_end().ends_with(b"=") && memchr(b'<', value).is_some();
    memchr(b'>', value).is_some() && (begins_there || next.is_some_and(|next| !ends(next)))
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

/// An attribute at the beginning of a text, as HTML reads it (13.2.5.32 to 39): its name, its value as written
/// without quotes, and the text after it. `None` at a `>`, or at the end of the text.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
    if text.is_empty() || text.starts_with('>') {
        return None;
    }
    // The first character belongs to the name, even if it is an equals sign.
    let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>' | b'=');
    let length = text.bytes().skip(1).position(ends).map_or(text.len(), |length| 1 + length);
    let (name, after) = text.split_at(length);
    let Some(value) = after.trim_ascii_start().strip_prefix('=') else {
        return Some((name, "", after));
    };
    let value = value.trim_ascii_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some((value, rest)) = quote.and_then(|quote| value.get(1..)?.split_once(quote)) {
        return Some((name, value, rest));
    }
    // Without its second quotation mark a value ends like one without any.
    let bare = value.strip_prefix(['"', '\'']).unwrap_or(value);
    let end = bare.bytes().position(|b| b.is_ascii_whitespace() || b == b'>');
    let (found, rest) = bare.split_at(end.unwrap_or(bare.len()));
    let is_quoted = bare.len() < value.len();
    Some((name, if is_quoted { found.trim_end_matches(['"', '\'']) } else { found }, rest))
}

impl<'a> Attributes<'a> {
    /// Name and raw value of each attribute, in order. Quotes and commas between attributes are skipped.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut text = self.0;
        std::iter::from_fn(move || {
            let (name, value, rest) = attribute(text)?;
            text = rest;
            Some((name.trim_start_matches(['"', '\'', ',']), value))
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
        lower(self.name)
    }
}

/// The name of an element in lower case.
pub(crate) fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

/// The tokens of HTML as those need them who only read its text.
pub(crate) struct HtmlTokens<'a>(Tokens<'a>);

impl<'a> HtmlTokens<'a> {
    pub(crate) fn new(html: &'a str) -> Self {
        Self(Tokens::html(html))
    }

    /// Reads HTML, or a text that mentions tags.
    pub(crate) fn of_prose(text: &'a str) -> Self {
        Self(Tokens { syntax: Syntax::Prose, ..Tokens::new(text) })
    }

    /// What follows the last token.
    pub(crate) fn rest(&self) -> &'a str {
        self.0.rest()
    }

    /// Whether an end tag of this name, which is in lower case, follows.
    pub(crate) fn is_closed(&mut self, name: &str) -> bool {
        self.0.is_closed(name)
    }
}

impl<'a> Iterator for HtmlTokens<'a> {
    type Item = HtmlToken<'a>;

    fn next(&mut self) -> Option<HtmlToken<'a>> {
        let tag = match self.0.next()? {
            Token::Text(text) | Token::CData { text, .. } => return Some(HtmlToken::Text(text)),
            Token::Doctype(_) | Token::Hidden => return Some(HtmlToken::Hidden),
            Token::Start { name, attributes, .. } => Tag { name, attributes, closing: false },
            Token::End { name } => Tag { name, attributes: Attributes(""), closing: true },
        };
        let is_code = !tag.closing && tag.is(&CODE);
        Some(if is_code { HtmlToken::Hidden } else { HtmlToken::Tag(tag) })
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
                Token::Hidden => "-".to_owned(),
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
            (" a=\"1 b", &[("a", "1"), ("b", "")]),
            (" a='1\" b", &[("a", "1"), ("b", "")]),
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
            assert!(Tokens::html(&text).count() <= 40_000, "{beginning}");
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
