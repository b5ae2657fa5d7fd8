//! Character references of HTML (13.2.5.72 to 80) and of the XML that feeds are written in.
//!
//! All names come from one table, that of html5ever. The syntax decides what else is a reference: XML wants
//! the semicolon and knows the entities that the document declares; HTML reads 106 old names without it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use memchr::memchr;
use web_atoms::NAMED_ENTITIES;

/// The longest name is `CounterClockwiseContourIntegral`, with 31 characters.
const LONGEST_NAME: usize = 31;

/// The longest names that need no semicolon, such as `Aacute`, have 6 characters.
const LONGEST_OLD_NAME: usize = 6;

const MOST_ENTITIES: usize = 200;
const LONGEST_ENTITY: usize = 1024;

/// The most bytes that the declared entities of one document may expand to. Without a limit a few bytes
/// of reference would become a kilobyte each.
const MOST_EXPANDED: usize = 1024 * 1024;

/// The characters of bytes 128 to 159 in windows-1252. The five unassigned bytes map to themselves.
pub(crate) const WINDOWS_1252_C1: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The entities that a document type declares: short texts without markup, one level deep, and never
/// external ones.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    declared: HashMap<String, String>,
    expanded: Cell<usize>,
}

impl Entities {
    /// Reads the `<!ENTITY name "text">` of a document type.
    pub(crate) fn declared(doctype: &str) -> Self {
        let mut found = HashMap::new();
        for declaration in doctype.split("<!ENTITY").skip(1).take(MOST_ENTITIES) {
            let declaration = declaration.trim_start();
            let Some((name, rest)) = declaration.split_once(char::is_whitespace) else { continue };
            let rest = rest.trim_start();
            let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
                continue;
            };
            let value = rest.get(1..).and_then(|rest| rest.split_once(quote));
            if let Some((value, _)) = value
                && value.len() <= LONGEST_ENTITY
                && !value.contains('<')
            {
                let value = resolve(value, &Self::default()).0.into_owned();
                found.entry(name.to_owned()).or_insert(value);
            }
        }
        Self { declared: found, expanded: Cell::new(0) }
    }

    /// The text of a declared entity. `None` when the document has used up its share.
    fn expand(&self, name: &str) -> Option<&str> {
        let text = self.declared.get(name)?;
        let expanded = self.expanded.get() + text.len();
        self.expanded.set(expanded);
        (expanded <= MOST_EXPANDED).then_some(text)
    }
}

/// The place of a text, which decides what counts as a reference in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Context<'a> {
    /// XML with these declared entities. The five names of XML and the declared ones come before those of
    /// HTML. Characters that no document may hold are dropped.
    Xml(&'a Entities),
    /// Text of HTML.
    Text,
    /// Text that may be HTML or plain: as `Text`, but `?a=1&copy=2` holds no reference.
    MaybePlain,
    /// An attribute value of HTML: a name without semicolon, followed by `=`, a letter or a digit, is no
    /// reference.
    Attribute,
}

/// The text with the references of an XML document resolved, and how many `&` begin none.
pub(crate) fn resolve<'a>(text: &'a str, entities: &Entities) -> (Cow<'a, str>, u32) {
    replace_references(text, Context::Xml(entities))
}

/// The text with the references of HTML resolved. What is no reference stays as it is.
pub(crate) fn decode<'a>(text: &'a str, context: Context<'_>) -> Cow<'a, str> {
    replace_references(text, context).0
}

fn replace_references<'a>(text: &'a str, context: Context<'_>) -> (Cow<'a, str>, u32) {
    let Some(first) = memchr(b'&', text.as_bytes()) else { return (Cow::Borrowed(text), 0) };
    let mut out = String::with_capacity(text.len());
    let (before, mut rest) = text.split_at(first);
    out.push_str(before);
    let mut bare = 0;
    while let Some(after) = rest.strip_prefix('&') {
        rest = push_reference(&mut out, after, context).unwrap_or_else(|| {
            bare += 1;
            out.push('&');
            after
        });
        let next = memchr(b'&', rest.as_bytes()).unwrap_or(rest.len());
        let (before, following) = rest.split_at(next);
        out.push_str(before);
        rest = following;
    }
    (Cow::Owned(out), bare)
}

/// Appends the characters of the reference that follows an `&`. Returns the rest of the text, or `None`
/// when there is no reference.
pub(crate) fn push_reference<'a>(
    out: &mut String,
    after: &'a str,
    context: Context<'_>,
) -> Option<&'a str> {
    if let Some(number) = after.strip_prefix('#') {
        return push_numeric(out, number, context);
    }
    // The most frequent names, which no document can define otherwise (XML 1.0, 4.6).
    for (name, character) in [("lt;", '<'), ("gt;", '>'), ("amp;", '&'), ("quot;", '"')] {
        if let Some(rest) = after.strip_prefix(name) {
            out.push(character);
            return Some(rest);
        }
    }
    if let Context::Xml(entities) = context {
        let window = after.as_bytes();
        let window = window.get(..window.len().min(LONGEST_NAME + 1)).unwrap_or_default();
        let (name, rest) = after.split_at(memchr(b';', window)?);
        let predefined = matches!(name, "amp" | "lt" | "gt" | "quot" | "apos");
        if let Some(text) =
            Some(name).filter(|_| !predefined).and_then(|name| entities.expand(name))
        {
            out.push_str(text);
            return rest.get(1..);
        }
    }
    let run = after.bytes().take(LONGEST_NAME + 1).take_while(u8::is_ascii_alphanumeric).count();
    if after.as_bytes().get(run) == Some(&b';') {
        let found = after.get(..=run).and_then(|name| push_named(out, name));
        if found.is_some() {
            return after.get(run + 1..);
        }
    }
    let shortest_that_stands_alone = match context {
        Context::Xml(_) => return None,
        // The name of a parameter in a query.
        Context::Attribute | Context::MaybePlain if after.as_bytes().get(run) == Some(&b'=') => {
            return None;
        }
        Context::Attribute => run.max(2),
        Context::Text | Context::MaybePlain => 2,
    };
    (shortest_that_stands_alone..=run.min(LONGEST_OLD_NAME)).rev().find_map(|length| {
        let (name, rest) = after.split_at_checked(length)?;
        push_named(out, name).map(|()| rest)
    })
}

/// Appends the characters of a name of HTML, which includes its semicolon if it has one.
fn push_named(out: &mut String, name: &str) -> Option<()> {
    // The table also holds the beginnings of names, with 0.
    let (first, second) = match name {
        "nbsp;" => (0xA0, 0),
        name => *NAMED_ENTITIES.get(name).filter(|(first, _)| 0 < *first)?,
    };
    out.push(char::from_u32(first)?);
    out.extend(Some(second).filter(|second| 0 < *second).and_then(char::from_u32));
    Some(())
}

/// Appends the character of the numeric reference that follows an `&#`.
fn push_numeric<'a>(out: &mut String, number: &'a str, context: Context<'_>) -> Option<&'a str> {
    let (code, closed, rest) = code_point(number)?;
    let is_xml = matches!(context, Context::Xml(_));
    if is_xml && (!closed || code == u32::MAX) {
        return None;
    }
    if is_xml
        && (0xD800..0xDC00).contains(&code)
        && let Some((low, true, rest)) = rest.strip_prefix("&#").and_then(code_point)
        && (0xDC00..0xE000).contains(&low)
    {
        // The two halves of a UTF-16 pair, one reference each, as some old Java programs write them.
        out.extend(char::from_u32(0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00)));
        return Some(rest);
    }
    out.extend(match code {
        0x80..=0x9F => WINDOWS_1252_C1.get(usize::try_from(code - 0x80).ok()?).copied(),
        0x09 | 0x0A | 0x0D => char::from_u32(code),
        0..0x20 | 0xFFFE | 0xFFFF if is_xml => None,
        0 => Some('\u{FFFD}'),
        code if is_xml => char::from_u32(code),
        code => Some(char::from_u32(code).unwrap_or('\u{FFFD}')),
    });
    Some(rest)
}

/// The number of a reference (`u32::MAX` when it is larger), whether a semicolon ends it, and what follows.
fn code_point(number: &str) -> Option<(u32, bool, &str)> {
    let (radix, digits) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (16, hex),
        None => (10, number),
    };
    let rest = digits.trim_start_matches(|c: char| c.is_digit(radix));
    let digits = digits.get(..digits.len() - rest.len()).filter(|digits| !digits.is_empty())?;
    let code = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
    match rest.strip_prefix(';') {
        Some(rest) => Some((code, true, rest)),
        None => Some((code, false, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_other_text_is_kept() {
        let doctype = "rss [<!ENTITY me \"M &amp; Co\"><!ENTITY tag '<b>'>\
                       <!ENTITY ext SYSTEM \"file:///etc/passwd\"><!ENTITY lol \"&me;&me;\">]";
        let entities = Entities::declared(doctype);
        for (text, expected, bare) in [
            ("a &amp; b &lt;c&gt; &quot;&apos;", "a & b <c> \"'", 0),
            ("&nbsp;&copy;&hellip;&Aacute;", "\u{A0}©…Á", 0),
            ("AT&T, R&D; ?a=1&b=2 &", "AT&T, R&D; ?a=1&b=2 &", 4),
            ("&#65;&#x41;&#X41;", "AAA", 0),
            ("&#146;&#x96;", "’–", 0),
            ("a&#0;&#x1F;&#xFFFF;&#xD800;b", "ab", 0),
            ("&#xD83D;&#xDE00;&#55357;&#56832;", "😀😀", 0),
            ("&#99999999999;&#x;&#1 ;", "&#99999999999;&#x;&#1 ;", 3),
            ("&me; &tag; &ext; &lol;", "M & Co &tag; &ext; &me;&me;", 2),
            ("&averyveryveryveryveryverylongname;", "&averyveryveryveryveryverylongname;", 1),
            ("é&é;", "é&é;", 1),
        ] {
            assert_eq!(resolve(text, &entities), (Cow::Borrowed(expected), bare), "{text}");
        }
    }

    #[test]
    fn a_declared_entity_comes_before_the_name_of_html() {
        let entities = Entities::declared("rss [<!ENTITY copy '(c)'><!ENTITY amp 'and'>]");
        assert_eq!(resolve("&copy; &amp; &reg;", &entities).0, "(c) & ®");
    }

    fn contexts(entities: &Entities) -> [Context<'_>; 4] {
        [Context::Xml(entities), Context::Text, Context::MaybePlain, Context::Attribute]
    }

    /// All names of the HTML standard, with the text that each means.
    fn names() -> Vec<(&'static str, String)> {
        let mut names: Vec<_> = NAMED_ENTITIES
            .entries()
            .filter(|(_, (first, _))| 0 < *first)
            .map(|(name, (first, second))| {
                let codes = [*first, *second].into_iter().filter(|code| 0 < *code);
                (*name, codes.map(|code| char::from_u32(code).unwrap()).collect())
            })
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_name_with_a_semicolon_is_read_in_every_context() {
        let entities = Entities::default();
        let names: Vec<_> = names().into_iter().filter(|(name, _)| name.ends_with(';')).collect();
        assert_eq!(names.len(), 2125);
        for (name, meaning) in &names {
            for context in contexts(&entities) {
                let text = format!("a&{name}b;");
                assert_eq!(decode(&text, context), format!("a{meaning}b;"), "{name} {context:?}");
            }
        }
        // Some names are checked independently of the table.
        let hand =
            "&alpha;&oelig;&Scaron;&pi;&phi;&NotEqualTilde;&CounterClockwiseContourIntegral;&zwnj;";
        assert_eq!(decode(hand, Context::Text), "αœŠπφ≂\u{338}∳\u{200C}");
    }

    #[test]
    fn every_old_name_is_read_without_a_semicolon_as_a_browser_reads_it() {
        let entities = Entities::default();
        let names: Vec<_> = names().into_iter().filter(|(name, _)| !name.ends_with(';')).collect();
        assert_eq!(names.len(), 106);
        for (name, meaning) in &names {
            for (tail, in_attributes) in
                [("", true), (" x", true), ("é", true), ("=1", false), ("Z", false)]
            {
                let text = format!("&{name}{tail}");
                let read = format!("{meaning}{tail}");
                assert_eq!(decode(&text, Context::Text), read, "{text}");
                let in_attribute = if in_attributes { &read } else { &text };
                assert_eq!(decode(&text, Context::Attribute), **in_attribute, "{text}");
                let plain = if tail == "=1" { &text } else { &read };
                assert_eq!(decode(&text, Context::MaybePlain), **plain, "{text}");
                assert_eq!(resolve(&text, &entities), (Cow::Borrowed(&*text), 1), "{text}");
            }
        }
    }

    #[test]
    fn the_longest_matching_name_is_used() {
        for (text, in_text, in_attribute) in [
            ("&notit;", "¬it;", "&notit;"),
            ("&notin;", "∉", "∉"),
            ("&notin", "¬in", "&notin"),
            ("&ampamp;", "&amp;", "&ampamp;"),
            ("&frac12x", "½x", "&frac12x"),
            ("?a=1&copy=2&reg", "?a=1©=2®", "?a=1&copy=2®"),
            ("&copy_1", "©_1", "©_1"),
            ("AT&T &b & &; &a", "AT&T &b & &; &a", "AT&T &b & &; &a"),
        ] {
            assert_eq!(decode(text, Context::Text), in_text, "{text}");
            assert_eq!(decode(text, Context::Attribute), in_attribute, "{text}");
        }
        let query = "x?a=1&copy=2&section=3&lt 4";
        assert_eq!(decode(query, Context::MaybePlain), "x?a=1&copy=2&section=3< 4");
    }

    #[test]
    fn numeric_references_are_read_as_in_a_browser() {
        for (text, expected) in [
            ("&#65;&#x41;&#X41;&#65&#x41", "AAAAA"),
            ("&#128;&#x92;&#159;&#146", "€’Ÿ’"),
            ("&#129;", "\u{81}"),
            ("&#0;&#x0;", "\u{FFFD}\u{FFFD}"),
            ("&#xD800;&#xDFFF;", "\u{FFFD}\u{FFFD}"),
            ("&#xD83D;&#xDE00;", "\u{FFFD}\u{FFFD}"),
            ("&#x110000;&#99999999999;", "\u{FFFD}\u{FFFD}"),
            ("&#x10FFFF;&#xFFFE;", "\u{10FFFF}\u{FFFE}"),
            ("&#;&#x;&#y;&#+1;", "&#;&#x;&#y;&#+1;"),
        ] {
            for context in [Context::Text, Context::MaybePlain, Context::Attribute] {
                assert_eq!(decode(text, context), expected, "{text} {context:?}");
            }
        }
        for code in 0x80..=0x9F_u8 {
            let byte = [code];
            let (expected, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte);
            assert_eq!(decode(&format!("&#{code};"), Context::Text), *expected);
        }
    }
}
