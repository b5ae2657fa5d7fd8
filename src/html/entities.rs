//! Character and entity references of a document's text and attribute values.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use memchr::memchr;

/// The longest name that HTML has is 31 characters.
const LONGEST_NAME: usize = 32;

const MOST_ENTITIES: usize = 200;
const LONGEST_ENTITY: usize = 1024;

/// Bytes that one document's own entities may become in all: a few bytes of reference would else
/// become a kilobyte each.
const MOST_EXPANDED: usize = 1024 * 1024;

/// What a document type declares: short texts without markup, one level, never from outside.
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

    fn own(&self, name: &str) -> Option<&str> {
        let text = self.declared.get(name)?;
        let expanded = self.expanded.get() + text.len();
        self.expanded.set(expanded);
        (expanded <= MOST_EXPANDED).then_some(text)
    }

    /// What `&name;` stands for: XML's five, HTML's 2,231, the document's own.
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "amp" => Some("&"),
            "lt" => Some("<"),
            "gt" => Some(">"),
            "quot" => Some("\""),
            "apos" => Some("'"),
            "nbsp" => Some("\u{A0}"),
            _ => quick_xml::escape::resolve_html5_entity(name).or_else(|| self.own(name)),
        }
    }
}

/// The text with its references resolved; what is no reference stays as it is. And how many `&` were
/// none.
pub(crate) fn resolve<'a>(text: &'a str, entities: &Entities) -> (Cow<'a, str>, u32) {
    let Some(first) = memchr(b'&', text.as_bytes()) else { return (Cow::Borrowed(text), 0) };
    let mut out = String::with_capacity(text.len());
    let (before, mut rest) = text.split_at(first);
    out.push_str(before);
    let mut bare = 0;
    while let Some(after) = rest.strip_prefix('&') {
        let window = after.as_bytes();
        let window = window.get(..window.len().min(LONGEST_NAME)).unwrap_or_default();
        let name = memchr(b';', window).and_then(|end| after.get(..end));
        rest = if let Some(rest) = name.and_then(|name| one(name, after, entities, &mut out)) {
            rest
        } else {
            bare += 1;
            out.push('&');
            after
        };
        let next = memchr(b'&', rest.as_bytes()).unwrap_or(rest.len());
        let (before, following) = rest.split_at(next);
        out.push_str(before);
        rest = following;
    }
    (Cow::Owned(out), bare)
}

/// Resolves the reference `name` at the start of `after`; what follows it. None if it is no reference.
fn one<'a>(name: &str, after: &'a str, entities: &Entities, out: &mut String) -> Option<&'a str> {
    let rest = after.get(name.len() + 1..)?;
    let Some(number) = name.strip_prefix('#') else {
        out.push_str(entities.get(name)?);
        return Some(rest);
    };
    let code = code_point(number)?;
    if (0xD800..0xDC00).contains(&code)
        && let Some((low, rest)) = rest.strip_prefix("&#").and_then(|rest| rest.split_once(';'))
        && let Some(low) = code_point(low).filter(|low| (0xDC00..0xE000).contains(low))
    {
        // Two halves of a UTF-16 pair, one reference each: written by old Java programs.
        out.extend(char::from_u32(0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00)));
        return Some(rest);
    }
    out.extend(character(code));
    Some(rest)
}

fn code_point(number: &str) -> Option<u32> {
    match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if number.bytes().all(|digit| digit.is_ascii_digit()) => number.parse().ok(),
        None => None,
    }
}

/// None for what no document may hold. 128 to 159 mean windows-1252, as in every browser (HTML, 13.2.5.80).
fn character(code: u32) -> Option<char> {
    match code {
        0x09 | 0x0A | 0x0D => char::from_u32(code),
        0..0x20 | 0xFFFE | 0xFFFF => None,
        0x80..=0x9F => {
            let byte = [u8::try_from(code).ok()?];
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte);
            text.chars().next()
        }
        code => char::from_u32(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_the_rest_stays() {
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
}
