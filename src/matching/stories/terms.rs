//! The terms of an article: the words of its title and of the beginning of its text.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::search::words::{fold, pairs, pieces};

/// Characters of the title and of the text that are read. The beginning of a news item says what happened.
const READ: usize = 300;

/// Characters of a word that are kept.
const STEM: usize = 6;

/// Characters of a number that are kept.
const LONGEST_NUMBER: usize = 12;

/// How often a word of the title counts.
const IN_TITLE: u32 = 2;

/// A term of one article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// The folded word, cut.
    pub(super) name: String,
    /// The first word with this term, as written.
    pub(super) word: String,
    /// How often it is used.
    pub(super) count: u32,
}

/// The terms of an article, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms(pub(super) Vec<Term>);

impl Terms {
    /// The terms of a title and of the beginning of a plain text. No more than 300 characters of each are read.
    pub fn of(title: &str, text: &str) -> Self {
        Self(terms(title, text))
    }

    /// The words of the article for the names of its terms, as written.
    pub(super) fn words(&self, names: &[Arc<str>]) -> Vec<String> {
        let word = |name: &Arc<str>| {
            let place = self.0.binary_search_by(|term| term.name.as_str().cmp(name)).ok()?;
            self.0.get(place).map(|term| term.word.clone())
        };
        names.iter().filter_map(word).collect()
    }
}

fn terms(title: &str, text: &str) -> Vec<Term> {
    let mut found: BTreeMap<String, Term> = BTreeMap::new();
    for (text, weight) in [(title, IN_TITLE), (text, 1)] {
        let end = text.char_indices().nth(READ).map_or(text.len(), |(at, _)| at);
        let text = text.get(..end).unwrap_or_default();
        for piece in pieces(text) {
            let word = text.get(piece.range).unwrap_or_default();
            let folded = fold(word);
            let mut add = |name: &str, word: &str| {
                let new = || Term { name: name.to_owned(), word: word.to_owned(), count: 0 };
                found.entry(name.to_owned()).or_insert_with(new).count += weight;
            };
            if piece.paired {
                pairs(&folded).for_each(|pair| add(pair, pair));
            } else if 1 < folded.chars().count() {
                add(cut(&folded), word);
            }
        }
    }
    found.into_values().collect()
}

fn cut(folded: &str) -> &str {
    let is_number = folded.starts_with(|c: char| c.is_ascii_digit());
    let most = if is_number { LONGEST_NUMBER } else { STEM };
    let end = folded.char_indices().nth(most).map_or(folded.len(), |(at, _)| at);
    folded.get(..end).unwrap_or(folded)
}
