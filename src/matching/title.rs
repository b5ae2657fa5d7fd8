//! Titles as they are compared: by their words.

use std::collections::BTreeSet;

use crate::matching::words::words;

/// A title. An entry without title has one without words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title(Vec<String>);

/// How two titles are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TitleLikeness {
    /// One of the two is missing.
    Unknown,
    /// The same words in the same order.
    Same,
    /// One begins or ends with the other, or they share more than half of their words. Each word that only one of
    /// the two has may have been edited.
    Similar,
    /// Alike, but each has a number that the other lacks, or one or two words stand for others in a sentence that is
    /// otherwise the same: `Episode 12` and `Episode 13`, `Weather in Berlin` and `Weather in Hamburg`. These are
    /// titles of a series more often than edits.
    Series,
    /// Different titles.
    Different,
}

/// Titles of fewer words ("Open thread") are common to several articles.
pub const DISTINCTIVE: usize = 3;

impl Title {
    pub fn of(title: Option<&str>) -> Self {
        Self(words(title.unwrap_or_default()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the title has so many words that several articles with it are unlikely.
    pub fn is_distinctive(&self) -> bool {
        DISTINCTIVE <= self.0.len()
    }

    /// The words with single spaces between them.
    pub fn normal(&self) -> String {
        self.0.join(" ")
    }

    pub fn likeness(&self, other: &Self) -> TitleLikeness {
        let (a, b) = (&self.0, &other.0);
        if a.is_empty() || b.is_empty() {
            return TitleLikeness::Unknown;
        }
        if a == b {
            return TitleLikeness::Same;
        }
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        let ones: BTreeSet<&str> = short.iter().map(String::as_str).collect();
        let others: BTreeSet<&str> = long.iter().map(String::as_str).collect();
        let shared = ones.intersection(&others).count();
        let only: Vec<&str> = ones.difference(&others).copied().collect();
        let added: Vec<&str> = others.difference(&ones).copied().collect();
        let is_number = |word: &&&str| word.bytes().any(|b| b.is_ascii_digit());
        let numbers = |words: &[&str]| words.iter().filter(is_number).count();
        let alike = ones.len() + others.len() <= 4 * shared;
        if alike && 0 < numbers(&only) && 0 < numbers(&added) {
            return TitleLikeness::Series;
        }
        if alike && (1..=2).contains(&only.len()) && (1..=2).contains(&added.len()) {
            return TitleLikeness::Series;
        }
        let framed =
            DISTINCTIVE < short.len() && (long.starts_with(short) || long.ends_with(short));
        let close = DISTINCTIVE <= shared && ones.len() + others.len() < 3 * shared;
        if framed || close { TitleLikeness::Similar } else { TitleLikeness::Different }
    }
}
