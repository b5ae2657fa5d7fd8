//! Makes text from feeds safe for a terminal: one line without control characters, cut to a number of columns.

use std::borrow::Cow;
use std::str::Chars;

use crate::html::chars::is_control;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text as one line without escape sequences and control characters. Bidirectional overrides and isolates are
/// removed too, because they would reorder the text around them. White space, including line breaks, becomes one
/// space between words and is removed at both ends.
pub fn clean_line(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    let mut gap = false;
    let mut rest = Rest { chars: text.chars(), terminated: true };
    while let Some(c) = rest.chars.next() {
        match c {
            '\u{1b}' => rest.skip_escape(),
            '\u{9b}' => rest.skip_control_sequence(),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => rest.skip_string(),
            c if c.is_whitespace() => gap = true,
            c if is_control(c) => {}
            c => {
                if gap && !line.is_empty() {
                    line.push(' ');
                }
                gap = false;
                line.push(c);
            }
        }
    }
    Cow::Owned(line)
}

/// The longest beginning of `line` that fits into the columns, with `…` in the last column if it is cut.
///
/// `line` is the result of [`clean_line`]. Columns are counted by East Asian Width (Unicode Annex 11), as most
/// terminals do. Many combining marks on one letter are cut too: they take no column, but cover other lines.
pub fn fit(line: &str, columns: usize) -> Cow<'_, str> {
    let most_chars = columns.saturating_mul(8);
    let is_short = line.len() <= columns || line.chars().nth(most_chars).is_none();
    if is_short && line.width() <= columns {
        return Cow::Borrowed(line);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut used = 0;
    let kept = line.char_indices().take(most_chars).take_while(|&(_, c)| {
        used += columns_at_most(c);
        used <= room
    });
    let end = kept.last().map_or(0, |(at, c)| at + c.len_utf8());
    // The end may be in the middle of an ellipsis, or after one.
    let beginning = line.get(..end).unwrap_or_default().trim_end_matches([' ', '.', '…']);
    Cow::Owned(format!("{beginning}…"))
}

/// Wraps a line between words into lines of at most this many columns. An empty line stays, and a word that is longer has a
/// line of its own.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in clean_line(text).split(' ') {
        let wide = word.width();
        if used != 0 && columns < used + 1 + wide {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used != 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += wide;
        }
    }
    lines
}

/// An upper bound of the columns of a character. Sequences of characters never take more columns than the sum of
/// these bounds. U+FE0F is counted because it can make the character before it wider.
fn columns_at_most(c: char) -> usize {
    if c == '\u{fe0f}' { 1 } else { c.width().unwrap_or(0) }
}

fn is_clean(text: &str) -> bool {
    let mut after_space = true;
    for c in text.chars() {
        let is_space = c == ' ';
        if is_space && after_space || c.is_whitespace() && !is_space || is_control(c) {
            return false;
        }
        after_space = is_space;
    }
    text.is_empty() || !after_space
}

/// The rest of a text after an escape character (ECMA-48 sections 5.3 to 5.6).
struct Rest<'a> {
    chars: Chars<'a>,
    /// Whether a string terminator may still follow. Without this flag, each of many openings would cause a search
    /// to the end of the text.
    terminated: bool,
}

impl Rest<'_> {
    fn skip_escape(&mut self) {
        let Some(kind) = self.peek() else { return };
        match kind {
            '[' => {
                self.chars.next();
                self.skip_control_sequence();
            }
            ']' | 'P' | 'X' | '^' | '_' => {
                self.chars.next();
                self.skip_string();
            }
            _ => {
                self.skip_while(|c| matches!(c, ' '..='/'));
                self.skip_if(|c| matches!(c, '0'..='~'));
            }
        }
    }

    fn skip_control_sequence(&mut self) {
        self.skip_while(|c| matches!(c, ' '..='?'));
        self.skip_if(|c| matches!(c, '@'..='~'));
    }

    /// Skips to the end of the string terminator, or of BEL, which xterm accepts too. If there is none, nothing is
    /// skipped, so that a title is garbled but not lost.
    fn skip_string(&mut self) {
        let mut ahead = self.chars.clone();
        while let Some(c) = self.terminated.then(|| ahead.next()).flatten() {
            let mut next = ahead.clone();
            let ends =
                matches!(c, '\u{7}' | '\u{9c}') || c == '\u{1b}' && next.next() == Some('\\');
            if ends {
                self.chars = if c == '\u{1b}' { next } else { ahead };
                return;
            }
        }
        self.terminated = false;
    }

    fn peek(&self) -> Option<char> {
        self.chars.clone().next()
    }

    fn skip_if(&mut self, is_skipped: impl Fn(char) -> bool) -> bool {
        let skip = self.peek().is_some_and(is_skipped);
        if skip {
            self.chars.next();
        }
        skip
    }

    fn skip_while(&mut self, is_skipped: impl Fn(char) -> bool) {
        while self.skip_if(&is_skipped) {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_is_left() {
        for (text, line) in [
            ("", ""),
            ("one line", "one line"),
            ("  two\r\n\t lines \u{2028}", "two lines"),
            ("no\u{a0}break", "no break"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{9b}2Jgone", "gone"),
            ("\u{1b}]0;window title\u{7}text", "text"),
            ("\u{1b}]8;;https://example.org/\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}Pq#0\u{9c}sixel", "sixel"),
            ("\u{1b}]0;never ended", "0;never ended"),
            ("\u{1b}(Bcharset", "charset"),
            ("\u{1b}cReset", "Reset"),
            ("end\u{1b}", "end"),
            ("end\u{1b}[31", "end"),
            ("a\u{8}\u{8}b\0c\u{7f}d", "abcd"),
            ("\u{202e}evil\u{202c} \u{2066}x\u{2069}", "evil x"),
            ("שלום\u{200f} 👩‍👩‍👧", "שלום\u{200f} 👩‍👩‍👧"),
        ] {
            assert_eq!(clean_line(text), line, "{text:?}");
        }
    }

    #[test]
    fn what_is_clean_is_not_copied() {
        assert!(matches!(clean_line("Zwölf Boxkämpfer, 日本語"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_is_cut_by_columns_not_characters() {
        for (line, columns, cut) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("two words", 5, "two…"),
            ("and so… on", 8, "and so…"),
            ("and so... on", 8, "and so…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e\u{301}", 3, "e\u{301}e\u{301}e\u{301}"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(fit(line, columns), cut, "{line:?} in {columns}");
        }
        let heap = format!("a{}b", "\u{301}".repeat(100_000));
        assert!(fit(&heap, 10).chars().count() <= 81);
    }

    #[test]
    fn lines_are_cut_between_words() {
        for (text, lines) in [
            ("", &[""][..]),
            ("one two three", &["one two", "three"]),
            ("a verylongword b", &["a", "verylongword", "b"]),
            ("日本語 日本語", &["日本語", "日本語"]),
        ] {
            assert_eq!(wrapped(text, 8), lines, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked_nor_holds_a_control(text in "\\PC*|.*", columns in 0_usize..60) {
            let line = clean_line(&text);
            prop_assert!(!line.contains(is_control), "{line:?}");
            prop_assert_eq!(clean_line(&line), &*line);
            prop_assert!(fit(&line, columns).width() <= columns, "{:?}", fit(&line, columns));
        }
    }
}
