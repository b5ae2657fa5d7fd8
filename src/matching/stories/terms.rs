//! The terms of an article: the words of its title and of the beginning of its text.

use std::ops::Range;

use crate::feed::function_words;
use crate::search::words::{pairs, pieces, push_folded};

/// Characters of the title and of the text that are read. The beginning of a news item says what happened.
const READ: usize = 300;

/// Characters of a word that are kept.
const STEM: usize = function_words::CUT;

/// Characters of a number that are kept.
const LONGEST_NUMBER: usize = 12;

/// How often a word of the title counts.
const IN_TITLE: u32 = 2;

/// A term of one article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term<'a> {
    /// The folded word, cut.
    pub(super) name: &'a str,
    /// How often it is used.
    pub(super) count: u32,
}

/// The terms of an article, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What was read of the article.
    text: String,
    /// The folded words.
    folded: String,
    uses: Vec<Uses>,
}

/// The uses of a term, in bytes of the two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Uses {
    name: Range<usize>,
    /// The first word with this term, as written; `None` for a pair of characters, which is its name.
    word: Option<Range<usize>>,
    count: u32,
}

impl Terms {
    /// The terms of a title and of the beginning of a plain text. No more than 300 characters of each are read.
    pub fn of(title: &str, text: &str) -> Self {
        let mut terms = Self::default();
        terms.read(beginning(title), IN_TITLE);
        terms.read(beginning(text), 1);
        let folded = &terms.folded;
        let name = |uses: &Uses| folded.get(uses.name.clone()).unwrap_or_default();
        // Most names differ in their first bytes, which are compared as one number.
        let mut uses: Vec<(u64, Uses)> =
            terms.uses.into_iter().map(|uses| (first_bytes(name(&uses)), uses)).collect();
        // The sort is stable, so that the first word with a term stays the first.
        uses.sort_by(|(a, first), (b, second)| {
            a.cmp(b).then_with(|| name(first).cmp(name(second)))
        });
        uses.dedup_by(|(a, later), (b, first)| {
            let is_same = a == b && name(later) == name(first);
            first.count += if is_same { later.count } else { 0 };
            is_same
        });
        terms.uses = uses.into_iter().map(|(_, uses)| uses).collect();
        terms
    }

    fn read(&mut self, text: &str, weight: u32) {
        let start = self.text.len();
        self.text.push_str(text);
        for piece in pieces(text) {
            let from = self.folded.len();
            let word = text.get(piece.range.clone()).unwrap_or_default();
            push_folded(&mut self.folded, word);
            let folded = self.folded.get(from..).unwrap_or_default();
            if piece.paired {
                let mut at = from;
                for pair in pairs(folded) {
                    let name = at..at + pair.len();
                    at += pair.chars().next().map_or(0, char::len_utf8);
                    self.uses.push(Uses { name, word: None, count: weight });
                }
            } else if folded.chars().nth(1).is_some() {
                let name = from..from + cut(folded).len();
                let word = start + piece.range.start..start + piece.range.end;
                self.uses.push(Uses { name, word: Some(word), count: weight });
            }
        }
    }

    /// The terms in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = Term<'_>> {
        self.uses.iter().map(|uses| Term { name: self.name(uses), count: uses.count })
    }

    fn name(&self, uses: &Uses) -> &str {
        self.folded.get(uses.name.clone()).unwrap_or_default()
    }

    /// The words of the article for the names of its terms, as written.
    pub(super) fn words<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
        let word = |name: &str| {
            let place = self.uses.binary_search_by(|uses| self.name(uses).cmp(name)).ok()?;
            let uses = self.uses.get(place)?;
            let word = uses.word.clone().and_then(|word| self.text.get(word));
            Some(word.unwrap_or(self.name(uses)).to_owned())
        };
        names.into_iter().filter_map(word).collect()
    }
}

/// The first eight bytes, in the order of the names. A shorter name is filled with zeros.
fn first_bytes(name: &str) -> u64 {
    let mut first = [0; 8];
    for (place, byte) in first.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    u64::from_be_bytes(first)
}

fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(READ).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

fn cut(folded: &str) -> &str {
    let is_number = folded.starts_with(|c: char| c.is_ascii_digit());
    let most = if is_number { LONGEST_NUMBER } else { STEM };
    let end = folded.char_indices().nth(most).map_or(folded.len(), |(at, _)| at);
    folded.get(..end).unwrap_or(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_are_written_as_terms() {
        for (language, words) in function_words::WORDS {
            for word in words.split(' ') {
                let terms = Terms::of(word, "");
                let found: Vec<&str> = terms.iter().map(|term| term.name).collect();
                assert_eq!(found, [word], "{language}");
            }
        }
    }

    #[test]
    fn terms_are_counted_and_know_their_first_word() {
        let terms = Terms::of("Harbours of 東京都", "The HARBOUR, harbours; a 1234567890123 x");
        let found: Vec<_> = terms.iter().map(|term| (term.name, term.count)).collect();
        let expected =
            [("123456789012", 1), ("harbou", 4), ("of", 2), ("the", 1), ("东京", 2), ("京都", 2)];
        assert_eq!(found, expected);
        assert_eq!(terms.words(["harbou", "东京", "none"]), ["Harbours", "东京"]);
    }
}
