//! The words in which two texts differ.
//!
//! A word is a run of letters and digits. Each other character that is no white space is a word as well, and so is each
//! character of a script without spaces. White space makes no difference. `imara-diff` finds the edit script with an
//! algorithm whose work is bounded for all texts.

use imara_diff::{Algorithm, Diff, InternedInput};
use unicode_width::UnicodeWidthChar;

use crate::search::words::pieces;

/// The most words of each text that are compared; what follows is left out. 10,000 words take 2 ms, and 0.15 s if they are
/// of two kinds only.
const MOST_WORDS: usize = 10_000;

/// The number of equal words that are shown before and after a change.
const CONTEXT: usize = 15;

/// Whether a part of a text is in both, or in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Same,
    Deleted,
    Inserted,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Deleted => "deleted",
            Self::Inserted => "inserted",
        }
    }
}

/// A part of the difference of two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: Kind,
    pub text: String,
}

/// A word, and the white space before it.
#[derive(Clone, Copy)]
struct Word<'t> {
    space: &'t str,
    text: &'t str,
}

/// The parts of two texts in their order, with the equal words far from a change replaced by `…`. It is empty when the
/// texts have the same words.
pub fn word_diff(old: &str, new: &str) -> Vec<Part> {
    let (old, new) = (words(old), words(new));
    let mut input = InternedInput::default();
    input.update_before(old.iter().map(|word| word.text));
    input.update_after(new.iter().map(|word| word.text));
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_no_heuristic(&input);
    let range = |range: std::ops::Range<u32>| range.start as usize..range.end as usize;
    let mut parts = Parts::default();
    let mut done = 0;
    for hunk in diff.hunks() {
        let (deleted, inserted) = (range(hunk.before), range(hunk.after));
        parts.same(new.get(done..inserted.start).unwrap_or_default(), false);
        parts.changed(
            old.get(deleted).unwrap_or_default(),
            new.get(inserted.clone()).unwrap_or_default(),
        );
        done = inserted.end;
    }
    if parts.0.is_empty() {
        return Vec::new();
    }
    parts.same(new.get(done..).unwrap_or_default(), true);
    parts.0
}

#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn push(&mut self, kind: Kind, text: &str) {
        match self.0.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Part { kind, text: text.to_owned() }),
        }
    }

    /// Adds equal words. Only those near a change are shown.
    fn same(&mut self, words: &[Word<'_>], is_last: bool) {
        let lead = if self.0.is_empty() { 0 } else { CONTEXT };
        let trail = if is_last { 0 } else { CONTEXT };
        if words.len() <= lead + trail + 1 {
            self.push(Kind::Same, &joined(words));
            return;
        }
        let (before, rest) = words.split_at(lead);
        let (_, after) = rest.split_at(rest.len() - trail);
        let space = |words: &[Word<'_>]| if words.is_empty() { "" } else { " " };
        let gap = format!("{}{}…{}", joined(before), space(before), space(after));
        self.push(Kind::Same, &gap);
        self.push(Kind::Same, joined(after).trim_start());
    }

    /// Adds a change. The white space before it belongs to the equal words.
    fn changed(&mut self, deleted: &[Word<'_>], inserted: &[Word<'_>]) {
        let first = inserted.first().or(deleted.first());
        self.push(Kind::Same, first.map_or("", |word| word.space));
        self.push(Kind::Deleted, joined(deleted).trim_start());
        self.push(Kind::Inserted, joined(inserted).trim_start());
    }
}

fn joined(words: &[Word<'_>]) -> String {
    words.iter().flat_map(|word| [word.space, word.text]).collect()
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    for piece in pieces(text) {
        others(text, at..piece.range.start, &mut words);
        let space = space_before(text, piece.range.start);
        let piece_text = text.get(piece.range.clone()).unwrap_or_default();
        if piece.paired {
            let mut space = space;
            for text in characters(piece_text) {
                words.push(Word { space, text });
                space = "";
            }
        } else {
            words.push(Word { space, text: piece_text });
        }
        at = piece.range.end;
        if MOST_WORDS <= words.len() {
            words.truncate(MOST_WORDS);
            return words;
        }
    }
    others(text, at..text.len(), &mut words);
    words.truncate(MOST_WORDS);
    words
}

/// The characters of a text, each with the marks that are written above or below it.
fn characters(text: &str) -> impl Iterator<Item = &str> {
    let is_own = |c: char| c.width().is_some_and(|columns| 0 < columns);
    let starts = text.char_indices().filter(move |(at, c)| *at == 0 || is_own(*c));
    let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    let ends: Vec<usize> = starts.iter().copied().skip(1).chain([text.len()]).collect();
    starts.into_iter().zip(ends).filter_map(move |(start, end)| text.get(start..end))
}

/// Adds the characters between two runs of letters and digits, except white space.
fn others<'t>(text: &'t str, range: std::ops::Range<usize>, words: &mut Vec<Word<'t>>) {
    let start = range.start;
    let between = text.get(range).unwrap_or_default();
    for (offset, c) in between.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let at = start + offset;
        let own = text.get(at..at + c.len_utf8()).unwrap_or_default();
        words.push(Word { space: space_before(text, at), text: own });
    }
}

/// The white space that ends at a place.
fn space_before(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    before.get(before.trim_end().len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(parts: &[Part]) -> String {
        let one = |part: &Part| match part.kind {
            Kind::Same => part.text.clone(),
            Kind::Deleted => format!("[-{}-]", part.text),
            Kind::Inserted => format!("{{+{}+}}", part.text),
        };
        parts.iter().map(one).collect()
    }

    #[test]
    fn words_are_compared_and_not_lines_or_characters() {
        for (old, new, expected) in [
            ("", "", ""),
            ("The same  words", "The same\nwords ", ""),
            ("", "All new", "{+All new+}"),
            ("All gone", "", "[-All gone-]"),
            (
                "Harbour closed on Monday",
                "Harbour closed on Tuesday",
                "Harbour closed on [-Monday-]{+Tuesday+}",
            ),
            ("Six dead, says mayor", "Nine dead, says mayor", "[-Six-]{+Nine+} dead, says mayor"),
            ("a b c", "a c", "a [-b-] c"),
            ("a c", "a b c", "a {+b+} c"),
            (
                "It costs 5,000 euros.",
                "It costs 6,000 euros!",
                "It costs [-5-]{+6+},000 euros[-.-]{+!+}",
            ),
            ("東京で地震", "大阪で地震", "[-東京-]{+大阪+}で地震"),
            ("กรุงเทพ ฝนตก", "กรุงเทพ แดดออก", "กรุงเทพ [-ฝนต-]{+แดดออ+}ก"),
            ("<b> & \"x\"", "<b> & \"y\"", "<b> & \"[-x-]{+y+}\""),
        ] {
            assert_eq!(marked(&word_diff(old, new)), expected, "{old} / {new}");
        }
    }

    #[test]
    fn equal_words_far_from_a_change_are_left_out() {
        let many = |range: std::ops::Range<usize>| {
            range.map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ")
        };
        let (start, middle, end) = (many(0..100), many(100..200), many(200..300));
        let old = format!("{start} old {middle} gone {end}");
        let new = format!("{start} new {middle} {end}");
        let expected = format!(
            "…{} [-old-]{{+new+}} {} … {} [-gone-] {} …",
            many(85..100),
            many(100..115),
            many(185..200),
            many(200..215),
        );
        let found = marked(&word_diff(&old, &new));
        assert_eq!(found.replace("… w85", "…w85"), expected);
    }

    #[test]
    fn long_texts_are_compared_up_to_a_number_of_words_whatever_is_in_them() {
        let text = |factor: usize, different: usize| {
            let word = |n: usize| format!("w{}", n * n / factor % different);
            (0..30_000).map(word).collect::<Vec<_>>().join(" ")
        };
        for different in [2, 50, 5_000, 1_000_003] {
            let (old, new) = (text(7, different), text(11, different));
            let parts = word_diff(&old, &new);
            let deleted = parts.iter().filter(|part| part.kind == Kind::Deleted);
            let words: usize = deleted.map(|part| part.text.split(' ').count()).sum();
            assert!((1..=MOST_WORDS).contains(&words), "{different}: {words}");
        }
    }

    proptest! {
        #[test]
        fn what_is_not_deleted_is_the_new_text(old in "[ab 東.]{0,30}", new in "[ab 東.]{0,30}") {
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            let parts = word_diff(&old, &new);
            let of = |unwanted: Kind| -> String {
                parts.iter().filter(|part| part.kind != unwanted).map(|part| bare(&part.text)).collect()
            };
            if parts.is_empty() {
                prop_assert_eq!(bare(&old), bare(&new));
            } else {
                prop_assert_eq!(of(Kind::Deleted), bare(&new));
                prop_assert_eq!(of(Kind::Inserted), bare(&old));
            }
        }
    }
}
