//! Classes of characters, and what every text from outside loses: controls, and runs of white space.

use std::borrow::Cow;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use memchr::memchr2_iter;

/// Whether a character must not reach a reader: a control character, or one that starts or ends an
/// embedding, an override or an isolate of the text direction (Unicode Annex 9, table 4). The direction would
/// also change for the text that follows.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether XML 1.0 forbids a character (section 2.2) or discourages it. These are the controls apart from
/// tab, line feed and carriage return, and U+FFFE and U+FFFF.
pub fn is_forbidden_in_xml(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// The value of a decimal digit of any script. Unicode keeps the ten digits of a script together, in order and from
/// zero.
pub fn digit_value(c: char) -> Option<u32> {
    const SETS: u32 = 5; // The mathematical digits are five sets in a row.
    let is_digit = |c: char| {
        CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::DecimalNumber
    };
    if c.is_ascii() || !is_digit(c) {
        return c.to_digit(10);
    }
    let before = (1..10 * SETS).map_while(|n| char::from_u32(u32::from(c).checked_sub(n)?));
    u32::try_from(before.take_while(|c| is_digit(*c)).count() % 10).ok()
}

/// The text without control characters, line breaks and tabs included (see [`is_control`]).
pub fn without_controls(text: &str) -> Cow<'_, str> {
    without(text, is_control)
}

/// The text without the characters of a class.
pub fn without(text: &str, class: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.contains(&class) {
        return Cow::Owned(text.chars().filter(|c| !class(*c)).collect());
    }
    Cow::Borrowed(text)
}

/// Removes control characters (see [`is_control`]) from HTML, apart from line feeds and tabs: terminals obey them,
/// and no page shows them. HTML has `dir` and `bdi` for the direction of text.
pub(crate) fn remove_controls(html: Cow<'_, str>) -> Cow<'_, str> {
    let bytes = html.as_bytes();
    let next = |n: usize| bytes.get(n).copied().unwrap_or_default();
    let other = |byte: u8| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\t');
    // The loop has no branch, so that the compiler makes it compare sixteen bytes at once.
    let ascii = bytes.iter().fold(false, |found, &byte| found | other(byte));
    let doubtful = |n: usize| match next(n) {
        0xC2 => next(n + 1) < 0xA0, // U+0080 to U+009F.
        _ => matches!((next(n + 1), next(n + 2)), (0x80, 0xAA..=0xAE) | (0x81, 0xA6..=0xA9)),
    };
    if ascii || memchr2_iter(0xC2, 0xE2, bytes).any(doubtful) {
        let kept = |c: &char| matches!(c, '\n' | '\t') || !is_control(*c);
        return Cow::Owned(html.chars().filter(kept).collect());
    }
    html
}

/// The text on one line: each run of white space is a single space, there is none at the ends, and control
/// characters (see [`is_control`]) and byte order marks are gone.
pub fn collapse(text: &str) -> String {
    if is_collapsed(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    let mut rest = text;
    loop {
        // A word of ASCII is copied as it is.
        let length = rest.bytes().position(|b| !b.is_ascii_graphic()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let mut after = after.chars();
        let next = after.next();
        if !word.is_empty() {
            if space && !out.is_empty() {
                out.push(' ');
            }
            space = false;
            out.push_str(word);
        }
        let Some(c) = next else { return out };
        rest = after.as_str();
        if c.is_whitespace() {
            space = true;
        } else if !is_control(c) && c != '\u{FEFF}' {
            if space && !out.is_empty() {
                out.push(' ');
            }
            space = false;
            out.push(c);
        }
    }
}

/// Whether a text is of ASCII and [`collapse`] leaves it as it is.
fn is_collapsed(text: &str) -> bool {
    let mut after_space = true;
    for byte in text.bytes() {
        let is_space = byte == b' ';
        if !(byte.is_ascii_graphic() || is_space && !after_space) {
            return false;
        }
        after_space = is_space;
    }
    !after_space || text.is_empty()
}

/// The first `n` characters of a text at most, cut between words, with `…` at the end if it was cut.
pub fn excerpt(text: &str, n: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(n) else { return Cow::Borrowed(text) };
    let head = text.get(..end).unwrap_or_default();
    let words = head.rfind(char::is_whitespace).and_then(|space| head.get(..space));
    let kept = words.filter(|words| end / 2 < words.len()).unwrap_or(head);
    Cow::Owned(format!("{}…", kept.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_ends_between_words() {
        for (text, n, expected) in [
            ("short", 5, "short"),
            ("one two three", 9, "one two…"),
            ("Donaudampfschiff", 5, "Donau…"),
            ("é è ê", 3, "é è…"),
        ] {
            assert_eq!(excerpt(text, n), expected, "{text} {n}");
        }
    }
}
