//! The terms of an article: the words of its title and of the beginning of its text.

use crate::feed::function_words;
use crate::html::chars::first_characters;
use crate::matching::stories::name::Name;
use crate::search::words::{for_each_folded, pairs};

/// Characters of the title and of the text that are read. The beginning of a news item says what happened.
const READ: usize = 300;

/// Characters of a word that are kept.
const STEM: usize = function_words::CUT;

/// Characters of a number that are kept.
const LONGEST_NUMBER: usize = 12;

/// How often a word of the title counts.
const IN_TITLE: u32 = 2;

/// The terms of an article, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What was read of the article.
    text: String,
    terms: Vec<Term>,
}

/// A term of one article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) name: Name,
    /// How often it is used.
    pub(super) count: u32,
    /// The first word with this term, as written, in bytes of the text; empty for a pair of characters, which is its name.
    word: (u32, u32),
}

impl Terms {
    /// The terms of a title and of the beginning of a plain text. No more than 300 characters of each are read.
    pub fn of(title: &str, text: &str) -> Self {
        let mut terms = Self::default();
        terms.read(first_characters(title, READ), IN_TITLE);
        terms.read(first_characters(text, READ), 1);
        terms.terms.sort_unstable_by_key(|term| (term.name, term.word));
        terms.terms.dedup_by(|later, first| {
            let is_same = later.name == first.name;
            first.count += if is_same { later.count } else { 0 };
            is_same
        });
        terms
    }

    fn read(&mut self, text: &str, weight: u32) {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let start = self.text.len();
        self.text.push_str(text);
        let terms = &mut self.terms;
        for_each_folded(text, |piece, folded| {
            let from = place(start + piece.range.start);
            if piece.paired {
                let term = |pair| Term { name: Name::of(pair), count: weight, word: (from, from) };
                terms.extend(pairs(folded).map(term));
            } else if folded.chars().nth(1).is_some() {
                let word = (from, place(start + piece.range.end));
                terms.push(Term { name: Name::of(cut(folded)), count: weight, word });
            }
            true
        });
    }

    /// The terms in the order of their names.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Term> {
        self.terms.iter()
    }

    /// The words of the article for the names of its terms, as written.
    pub(super) fn words(&self, names: &[Name]) -> Vec<String> {
        let word = |name: &Name| {
            let place = self.terms.binary_search_by_key(name, |term| term.name).ok()?;
            let (from, to) = self.terms.get(place)?.word;
            let word = self.text.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)?;
            Some(if word.is_empty() { name.with_text(str::to_owned) } else { word.to_owned() })
        };
        names.iter().filter_map(word).collect()
    }
}

fn cut(folded: &str) -> &str {
    let is_number = folded.starts_with(|c: char| c.is_ascii_digit());
    let most = if is_number { LONGEST_NUMBER } else { STEM };
    first_characters(folded, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_are_written_as_terms() {
        for (language, words) in function_words::WORDS {
            for word in words.split(' ') {
                let terms = Terms::of(word, "");
                let found: Vec<Name> = terms.iter().map(|term| term.name).collect();
                assert_eq!(found, [Name::of(word)], "{language}");
            }
        }
    }

    #[test]
    fn terms_are_counted_and_know_their_first_word() {
        let terms = Terms::of("Harbours of 東京都", "The HARBOUR, harbours; a 1234567890123 x");
        let found: Vec<_> = terms.iter().map(|term| (term.name, term.count)).collect();
        let expected =
            [("123456789012", 1), ("harbou", 4), ("of", 2), ("the", 1), ("东京", 2), ("京都", 2)];
        assert_eq!(found, expected.map(|(name, count)| (Name::of(name), count)));
        let names = ["harbou", "东京", "none"].map(Name::of);
        assert_eq!(terms.words(&names), ["Harbours", "东京"]);
    }
}
