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

/// The same as [`char::is_alphanumeric`], found faster for the letters of the scripts that most texts are in.
pub fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() && (is_frequent_letter(c) || c.is_alphanumeric())
}

/// The same as [`char::is_alphabetic`], found faster for the letters of the scripts that most texts are in.
pub fn is_alphabetic(c: char) -> bool {
    c.is_ascii_alphabetic() || !c.is_ascii() && (is_frequent_letter(c) || c.is_alphabetic())
}

/// The same as [`char::is_numeric`], found faster for the letters of the scripts that most texts are in.
pub fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || !c.is_ascii() && !is_frequent_letter(c) && c.is_numeric()
}

/// Whether a character is one of the letters beyond ASCII that most texts are in: Latin, Cyrillic, Japanese, Chinese and
/// Korean ones. The properties of other characters are looked up in tables of Unicode, which takes far longer.
fn is_frequent_letter(c: char) -> bool {
    matches!(
        c,
        '\u{c0}'..='\u{d6}'
            | '\u{d8}'..='\u{f6}'
            | '\u{f8}'..='\u{24f}'
            | '\u{400}'..='\u{481}'
            | '\u{48a}'..='\u{52f}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fa}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
    )
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

/// The text without the characters of [`is_forbidden_in_xml`].
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches, many bytes are compared at once"
)]
pub fn without_forbidden_in_xml(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let second = bytes.get(1..).unwrap_or_default();
    let third = bytes.get(2..).unwrap_or_default();
    // Three loops without a branch, so that the compiler makes them compare sixteen bytes at once.
    let one = bytes.iter().fold(false, |any, &a| {
        any | ((a < 0x20) & (a != b'\t') & (a != b'\n') & (a != b'\r')) | (a == 0x7f)
    });
    // U+0080 to U+009F.
    let two =
        bytes.iter().zip(second).fold(false, |any, (&a, &b)| any | ((a == 0xc2) & (b < 0xa0)));
    // U+FFFE and U+FFFF.
    let three = bytes
        .iter()
        .zip(second)
        .zip(third)
        .fold(false, |any, ((&a, &b), &c)| any | ((a == 0xef) & (b == 0xbf) & (0xbe <= c)));
    if one | two | three { without(text, is_forbidden_in_xml) } else { Cow::Borrowed(text) }
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
    collapsed(text).into_owned()
}

/// The same as [`collapse`], without a copy of a text that has nothing to change but the spaces at its ends.
pub fn collapsed(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    if is_collapsed(trimmed) {
        return Cow::Borrowed(trimmed);
    }
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    let mut rest = text;
    loop {
        let (run, after) = rest.split_at(collapsed_length(rest));
        let shown = run.strip_suffix(' ').unwrap_or(run);
        if !shown.is_empty() {
            if space && !out.is_empty() {
                out.push(' ');
            }
            space = false;
            out.push_str(shown);
        }
        space |= shown.len() < run.len();
        let mut after = after.chars();
        let Some(c) = after.next() else { return Cow::Owned(out) };
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

/// The length of the beginning of a text that [`collapse`] certainly leaves as it is: shown characters with single spaces
/// between and behind them.
pub(crate) fn collapsed_length(text: &str) -> usize {
    /// Bytes that are looked at together.
    const CHUNK: usize = 64;
    /// Bytes of a character that may begin with the last byte of a chunk, and the space after a space.
    const AFTER: usize = 2;
    let bytes = text.as_bytes();
    let mut length = 0;
    while let Some(chunk) = bytes.get(length..length + CHUNK + AFTER)
        && is_shown_or_single_space(chunk)
        && !(length == 0 && text.starts_with(' '))
    {
        length += CHUNK;
    }
    // The next step looks at whole characters.
    length = text.floor_char_boundary(length);
    let mut after_space =
        text.get(..length).is_none_or(|before| before.is_empty() || before.ends_with(' '));
    let rest = bytes.get(length..).unwrap_or_default();
    let ends = |byte: &u8| {
        let is_space = *byte == b' ';
        let stays = is_certainly_shown(*byte) || is_space && !after_space;
        after_space = is_space;
        !stays
    };
    length + rest.iter().position(ends).unwrap_or(rest.len())
}

/// Whether a byte belongs to a character that is neither a space nor a control character, if it does not follow a byte for
/// which this is false. Other characters that begin with the other bytes are looked at one by one.
fn is_certainly_shown(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0x80..=0xbf | 0xc3..=0xe0 | 0xe4..=0xee | 0xf0..=0xf4)
}

/// Whether [`collapse`] certainly leaves a text as it is.
fn is_collapsed(text: &str) -> bool {
    is_shown_or_single_space(text.as_bytes()) && !text.starts_with(' ') && !text.ends_with(' ')
}

/// Whether a text has single spaces and no other white space, and nothing that [`collapse`] removes. The text may begin or
/// end within a character, which is not looked at.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches, many bytes are compared at once"
)]
fn is_shown_or_single_space(text: &[u8]) -> bool {
    // Loops without a branch, so that the compiler makes them compare sixteen bytes at once.
    let second = text.get(1..).unwrap_or_default();
    let third = text.get(2..).unwrap_or_default();
    let (one, rare) = text.iter().fold((false, false), |(any, rare), &a| {
        (any | (a < 0x20) | (a == 0x7f), rare | within(a, 0xe1, 0xe3) | (a == 0xef))
    });
    let two = text.iter().zip(second).fold(false, |any, (&a, &b)| {
        // Two spaces; U+0080 to U+00A0.
        any | ((a == b' ') & (b == b' ')) | ((a == 0xc2) & (b <= 0xa0))
    });
    // Characters of three bytes that are removed or become a space. Most texts have none that begins so.
    let three = || {
        text.iter().zip(second).zip(third).fold(false, |any, ((&a, &b), &c)| {
            let spaces_and_marks = (c <= 0x8a) | within(c, 0xa8, 0xaf); // U+2000 to U+200A, U+2028 to U+202F
            let space_and_isolates = (c == 0x9f) | within(c, 0xa6, 0xa9); // U+205F, U+2066 to U+2069
            any | ((a == 0xe2) & (b == 0x80) & spaces_and_marks)
                | ((a == 0xe2) & (b == 0x81) & space_and_isolates)
                | ((a == 0xe1) & (b == 0x9a) & (c == 0x80)) // U+1680
                | ((a == 0xe3) & (b == 0x80) & (c == 0x80)) // U+3000
                | ((a == 0xef) & (b == 0xbb) & (c == 0xbf)) // U+FEFF
        })
    };
    !(one || two || rare && three())
}

/// Whether a byte is in a range, without a branch.
fn within(byte: u8, first: u8, last: u8) -> bool {
    byte.wrapping_sub(first) <= last - first
}

/// The first `n` characters of a text, or all of it if it has fewer.
pub fn first_characters(text: &str, n: usize) -> &str {
    if text.len() <= n {
        return text; // No character is shorter than a byte.
    }
    let end = text.char_indices().nth(n).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

/// The first `n` characters of a text at most, cut between words, with `…` at the end if it was cut.
pub fn excerpt(text: &str, n: usize) -> Cow<'_, str> {
    let head = first_characters(text, n);
    let end = head.len();
    if end == text.len() {
        return Cow::Borrowed(text);
    }
    let words = head.rfind(char::is_whitespace).and_then(|space| head.get(..space));
    let kept = words.filter(|words| end / 2 < words.len()).unwrap_or(head);
    Cow::Owned(format!("{}…", kept.trim_end()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_has_the_class_of_the_standard_library() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_alphanumeric(c), c.is_alphanumeric(), "{c:?}");
            assert_eq!(is_alphabetic(c), c.is_alphabetic(), "{c:?}");
            assert_eq!(is_numeric(c), c.is_numeric(), "{c:?}");
        }
    }

    #[test]
    fn every_character_is_collapsed_by_its_class() {
        for c in '\0'..=char::MAX {
            let expected = match c {
                _ if c.is_whitespace() => "a b".to_owned(),
                '\u{FEFF}' => "ab".to_owned(),
                _ if is_control(c) => "ab".to_owned(),
                _ => format!("a{c}b"),
            };
            assert_eq!(collapse(&format!("a{c}b")), expected, "{c:?}");
        }
    }

    #[test]
    fn every_character_is_kept_in_xml_by_its_class() {
        for c in '\0'..=char::MAX {
            let text = format!("é{c}é");
            let expected = if is_forbidden_in_xml(c) { "éé" } else { &*text };
            assert_eq!(without_forbidden_in_xml(&text), expected, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_collapsed_as_by_its_definition(text in "[ab é\u{a0}\u{2028}\u{FEFF}\u{202E}\t\n\u{7}]{0,40}") {
            let shown = text.replace(|c: char| c == '\u{FEFF}' || is_control(c) && !c.is_whitespace(), "");
            let expected = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(collapse(&text), expected);
        }
    }

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
