//! Snippets of search results: a few words around the first hits in a text, with the hits marked.

use std::ops::Range;

use crate::domain::query::{Search, Term};
use crate::search::words::{Piece, fold, pieces, umlauts_as_two_letters};

/// The most bytes of a text that are searched for hits.
const MAX_BYTES: usize = 200_000;

/// The number of words before the first hit in a snippet.
const BEFORE: usize = 6;

/// A part of a text that is a hit, or a part between hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    pub hit: bool,
}

/// The words of a search, prepared for finding them in texts.
#[derive(Clone, Debug)]
pub struct Hits {
    /// Words, and whether each is a prefix.
    words: Vec<(String, bool)>,
    /// The characters of words in scripts without spaces.
    runs: Vec<Vec<String>>,
}

impl Hits {
    /// Prepares the wanted words. The words of a phrase are marked one by one.
    pub fn of(search: &Search) -> Self {
        let mut hits = Self { words: Vec::new(), runs: Vec::new() };
        for Term { text, prefix } in &search.wanted {
            let mut pieces = pieces(text).peekable();
            while let Some(piece) = pieces.next() {
                let word = text.get(piece.range).unwrap_or_default();
                if piece.paired {
                    hits.runs.push(folded_parts(word).into_iter().map(|(_, part)| part).collect());
                } else {
                    let is_prefix = *prefix && pieces.peek().is_none();
                    hits.words.extend(forms(word).into_iter().map(|form| (form, is_prefix)));
                }
            }
        }
        hits
    }

    /// Splits a whole text at the beginnings and ends of hits.
    pub fn mark(&self, text: &str) -> Vec<Part> {
        let mut ranges = Vec::new();
        for piece in pieces(text) {
            self.find(text, &piece, &mut ranges);
        }
        parts(text, 0..text.len(), &ranges)
    }

    /// About `length` characters around the first hit, with `…` where text was cut; the beginning of the text if it
    /// has no hit. The second value says whether there is a hit.
    pub fn snippet(&self, text: &str, length: usize) -> (Vec<Part>, bool) {
        let end = text.floor_char_boundary(MAX_BYTES.min(text.len()));
        let text = text.get(..end).unwrap_or_default();
        let mut ranges = Vec::new();
        let mut starts = Vec::new();
        let mut first = None;
        for piece in pieces(text) {
            starts.push(piece.range.start);
            self.find(text, &piece, &mut ranges);
            let hit = ranges.first().map(|range: &Range<usize>| range.start);
            first = first.or(hit.map(|at| (starts.len() - 1, at)));
            let from = first.map_or(0, |(_, at)| at);
            if first.is_some() && from + 4 * length < piece.range.start {
                break; // A character has at most four bytes, so later pieces are not shown.
            }
        }
        let start = first.map_or(0, |(piece, at)| {
            let word = starts.get(piece.saturating_sub(BEFORE)).copied().unwrap_or(0);
            let lead = text.floor_char_boundary(at.saturating_sub(length / 2));
            if piece <= BEFORE && lead == 0 {
                0
            } else if lead <= word {
                word
            } else {
                // The words are long, or a run begins far before the hit.
                starts.iter().copied().find(|start| (lead..=at).contains(start)).unwrap_or(lead)
            }
        });
        let rest = text.get(start..).unwrap_or_default();
        let cut = rest.char_indices().nth(length).map(|(at, _)| at);
        let stop = cut.map_or(text.len(), |at| {
            let words = rest.get(..at).unwrap_or_default();
            let space = words.rfind(char::is_whitespace).filter(|space| at / 2 < *space);
            start + space.unwrap_or(at)
        });
        let mut parts = parts(text, start..stop, &ranges);
        if 0 < start
            && let Some(first) = parts.first_mut()
        {
            first.text.insert(0, '…');
        }
        if cut.is_some()
            && let Some(last) = parts.last_mut()
        {
            last.text.push('…');
        }
        (parts, first.is_some())
    }

    fn find(&self, text: &str, piece: &Piece, ranges: &mut Vec<Range<usize>>) {
        let word = text.get(piece.range.clone()).unwrap_or_default();
        if !piece.paired {
            let is = |form: &String| {
                let mut wanted = self.words.iter();
                wanted.any(|(word, prefix)| form == word || *prefix && form.starts_with(word))
            };
            if forms(word).iter().any(is) {
                ranges.push(piece.range.clone());
            }
            return;
        }
        if self.runs.is_empty() {
            return;
        }
        let chars: Vec<(usize, String)> = folded_parts(word)
            .into_iter()
            .map(|(at, folded)| (piece.range.start + at, folded))
            .collect();
        let mut at = 0;
        while let Some(rest) = chars.get(at..).filter(|rest| !rest.is_empty()) {
            let begins = |run: &&Vec<String>| {
                run.len() <= rest.len() && run.iter().zip(rest).all(|(a, (_, b))| a == b)
            };
            let Some(run) = self.runs.iter().filter(begins).max_by_key(|run| run.len()) else {
                at += 1;
                continue;
            };
            let start = rest.first().map_or(piece.range.end, |(start, _)| *start);
            at += run.len();
            let end = chars.get(at).map_or(piece.range.end, |(end, _)| *end);
            ranges.push(start..end);
        }
    }
}

/// The forms of a word in the index.
fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![fold(word)];
    forms.extend(umlauts_as_two_letters(word).map(|word| fold(&word)));
    forms
}

/// The parts of a word that are folded one by one, and where each of them begins: a character with its marks, with
/// characters that are not displayed, and with those that it is composed with (the letters of a Hangul syllable).
fn folded_parts(word: &str) -> Vec<(usize, String)> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    for (at, c) in word.char_indices() {
        let alone = fold(c.encode_utf8(&mut [0; 4]));
        let Some((start, before)) =
            parts.last_mut().filter(|(start, _)| at - start < LONGEST_PART && !stays_alone(c))
        else {
            parts.push((at, alone));
            continue;
        };
        let together = word.get(*start..at + c.len_utf8()).map(fold).unwrap_or_default();
        if together.len() == before.len() + alone.len()
            && together.starts_with(&**before)
            && together.ends_with(&*alone)
            && !alone.is_empty()
        {
            parts.push((at, alone));
        } else {
            *before = together;
        }
    }
    parts
}

/// The most bytes of a part of a word that is folded as a whole. More marks are on no character.
const LONGEST_PART: usize = 64;

/// Whether a character is never composed with the one before it. Most characters of runs are such.
fn stays_alone(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Splits a range of a text at the beginnings and ends of the hits in it.
fn parts(text: &str, within: Range<usize>, hits: &[Range<usize>]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut push = |range: Range<usize>, hit: bool| {
        let text = text.get(range).unwrap_or_default();
        if !text.is_empty() {
            parts.push(Part { text: text.to_owned(), hit });
        }
    };
    let mut at = within.start;
    for hit in hits {
        let (start, end) = (hit.start.max(at), hit.end.min(within.end));
        if start < end {
            push(at..start, false);
            push(start..end, true);
            at = end;
        }
    }
    push(at..within.end, false);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::search::query;

    fn told(parts: &[Part]) -> String {
        let told = parts
            .iter()
            .map(|part| if part.hit { format!("[{}]", part.text) } else { part.text.clone() });
        told.collect()
    }

    #[test]
    fn hits_are_marked() {
        for (words, text, marked) in [
            ("fox", "The quick Fox, foxes.", "The quick [Fox], foxes."),
            ("fox*", "The quick Fox, foxes.", "The quick [Fox], [foxes]."),
            ("élection", "ELECTION day", "[ELECTION] day"),
            ("köln", "Köln, Koeln und Koln", "[Köln], [Koeln] und [Koln]"),
            ("koeln", "Köln, Koeln und Koln", "[Köln], [Koeln] und Koln"),
            ("\"Koelner Dom\"", "Der Kölner Dom", "Der [Kölner] [Dom]"),
            ("台湾", "在臺灣的台灣人", "在[臺灣]的[台灣]人"),
            ("臺灣", "在台湾", "在[台湾]"),
            ("カ\u{3099}ス", "ガスとｶﾞｽ", "[ガス]と[ｶﾞｽ]"),
            ("ガス", "カ\u{3099}スと", "[カ\u{3099}ス]と"),
            ("한국", "\u{1112}\u{1161}\u{11ab}국", "[\u{1112}\u{1161}\u{11ab}국]"),
            ("ข่าว", "ข่า\u{200b}ว", "[ข่า\u{200b}ว]"),
            ("كتاب", "كِتَابٌ", "[كِتَابٌ]"),
            ("bundestag", "Bundes\u{ad}tag", "[Bundes\u{ad}tag]"),
            ("ا", "أإآٱ ا", "أإآٱ [ا]"),
            ("۲۰۲۴", "Im Jahr 2024", "Im Jahr [2024]"),
            ("\"b c\" -d", "a b c d", "a [b] [c] d"),
            ("大学", "北京大学的大学生", "北京[大学]的[大学]生"),
            ("机", "手机iPhone机", "手[机]iPhone[机]"),
            ("ข่าว", "อ่านข่าววันนี้", "อ่าน[ข่าว]วันนี้"),
            ("x", "", ""),
        ] {
            let hits = Hits::of(&query::parse(words).unwrap());
            assert_eq!(told(&hits.mark(text)), marked, "{words}");
        }
    }

    #[test]
    fn a_snippet_is_cut_around_its_first_hit() {
        let text = "one two three four five six seven eight nine ten eleven twelve";
        for (words, length, expected) in [
            ("two", 20, "one [two] three four…"),
            ("ten", 24, "…eight nine [ten] eleven…"),
            ("ten", 60, "…five six seven eight nine [ten] eleven twelve"),
            ("twelve", 80, "…six seven eight nine ten eleven [twelve]"),
            ("zero", 12, "one two…"),
        ] {
            let hits = Hits::of(&query::parse(words).unwrap());
            let (parts, _) = hits.snippet(text, length);
            assert_eq!(told(&parts), expected, "{words} {length}");
        }
        let run = format!("{}大学{}", "北".repeat(100), "京".repeat(100));
        let (parts, found) = Hits::of(&query::parse("大学").unwrap()).snippet(&run, 12);
        assert!(found);
        assert!(told(&parts).contains("[大学]"), "{}", told(&parts));
    }

    proptest! {
        #[test]
        fn marking_changes_no_text(text in "\\PC*", words in "[a-z水大 ]{1,9}") {
            let Ok(search) = query::parse(&words) else { return Ok(()) };
            let hits = Hits::of(&search);
            let again: String = hits.mark(&text).into_iter().map(|part| part.text).collect();
            prop_assert_eq!(again, text.clone());
            hits.snippet(&text, 10);
        }
    }
}
