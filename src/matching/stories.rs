//! Stories: articles about one event. Articles join stories one by one, in the order of the store, and never move.
//!
//! The method is online clustering by average link over tf-idf vectors, after Miranda et al., "Multilingual clustering of
//! streaming news" (2018) and Staykovski et al., "Dense vs. sparse representations for news stream clustering" (2019),
//! simplified. A term is a word cut to six characters, which replaces a stemmer in all alphabets. The similarity of an
//! article to a story is the mean of its similarities to the members; the threshold falls as the story grows.
//!
//! Only articles of one language are compared. An article that states none is taken for one of the language of its function
//! words. The same articles in the same order give the same stories on every
//! platform: weights are integers, and ties are broken by the text of terms and the numbers of stories. What is in memory
//! is a function of what [`Stories::restore`] is given, so that a restart changes nothing.

mod collection;
mod name;
mod terms;

use std::collections::BTreeMap;

use crate::domain::story::Reason;
use crate::feed::function_words::Counts;
use crate::matching::stories::collection::{Collection, Counted, Weighted};
use crate::matching::stories::name::Name;

pub use terms::Terms;

/// Seconds after the arrival of its last article until a story is closed. An article also joins a story only if its date is
/// no further from those of the story.
pub const WINDOW: i64 = 3 * 86_400;

/// The most articles that count. The earliest leave before their time if there are more.
pub const MOST: usize = 100_000;

/// The number of words that explain a membership.
pub const EXPLAINED: usize = 5;

/// An article that is to join a story. It is no duplicate.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The number of the article in the store. It is also the number of the story if the article begins one.
    pub article: i64,
    /// When the article was published, at the latest when it arrived, in Unix seconds.
    pub at: i64,
    /// When it arrived, in Unix seconds.
    pub seen_at: i64,
    /// BCP 47.
    pub language: Option<&'a str>,
    pub terms: &'a Terms,
}

/// The story of an article, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    pub story: i64,
    pub reason: Reason,
    /// The similarity to the members of before, 0 to 1.
    pub score: f64,
    /// The words of the article that tie it to the story, the most important first; at most [`EXPLAINED`].
    pub shared: Vec<String>,
    /// What is to be stored for [`Stories::restore`] until [`Stories::take_closed`] names the article.
    pub counted: Stored,
}

/// What is restored of an article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub article: i64,
    pub story: i64,
    /// [`Entry::at`].
    pub at: i64,
    /// When the article arrived, at the earliest when all before it did.
    pub seen_at: i64,
    /// The language of the articles that are compared with it.
    pub language: String,
    /// Its terms with their weights.
    pub vector: Vec<u8>,
}

/// The stories that are open, in memory.
#[derive(Debug)]
pub struct Stories {
    /// The latest arrival of an article so far.
    now: i64,
    /// One for each language.
    collections: BTreeMap<String, Collection>,
    most: usize,
}

impl Default for Stories {
    fn default() -> Self {
        Self::with_most(MOST)
    }
}

impl Stories {
    /// Stories of which at most so many articles count.
    pub fn with_most(most: usize) -> Self {
        Self { now: i64::MIN, collections: BTreeMap::new(), most }
    }

    /// Adds an article to the story that it belongs to, or begins one.
    pub fn join(&mut self, entry: &Entry<'_>) -> Membership {
        let seen_at = self.advance(entry.seen_at);
        let language = entry.language.map(primary);
        let language = language.unwrap_or_else(|| self.likely_language(entry));
        let collection = self.collection(&language);
        let vector = collection.vector(entry.terms);
        let similar = collection.similar(&vector, entry.at);
        let story = similar.as_ref().map_or(entry.article, |similar| similar.story);
        let (article, at) = (entry.article, entry.at);
        let ends = seen_at.saturating_add(WINDOW);
        collection.add(story, &Counted { article, vector: &vector, at, ends });
        self.drop_surplus();
        let vector = to_bytes(&vector);
        let counted = Stored { article, story, at, seen_at, language, vector };
        match similar {
            Some(similar) => Membership {
                story,
                reason: Reason::Similar,
                score: similar.score,
                shared: entry.terms.words(&similar.shared),
                counted,
            },
            None => {
                Membership { story, reason: Reason::First, score: 0.0, shared: Vec::new(), counted }
            }
        }
    }

    /// The language of an article that says none: that of its function words, else that of the story which is most like it,
    /// else that of most articles.
    fn likely_language(&mut self, entry: &Entry<'_>) -> String {
        let mut words = Counts::default();
        entry.terms.iter().for_each(|term| term.name.with_text(|name| words.add(name)));
        if let Some(found) = words.leading().filter(|found| found.next < found.count) {
            return found.language.to_owned();
        }
        let mut best: Option<(f64, String)> = None;
        for (language, collection) in &mut self.collections {
            let vector = collection.vector(entry.terms);
            if let Some(similar) = collection.similar(&vector, entry.at)
                && best.as_ref().is_none_or(|(score, _)| *score < similar.score)
            {
                best = Some((similar.score, language.clone()));
            }
        }
        if let Some((_, language)) = best {
            return language;
        }
        // Of several of one size the first, in the order of their names.
        let collections = self.collections.iter().rev();
        let collections = collections.filter(|(_, collection)| 0 < collection.counted());
        let largest = collections.max_by_key(|(_, collection)| collection.counted());
        largest.map_or_else(|| "und".to_owned(), |(language, _)| language.clone())
    }

    /// Puts back an article that joined its story before. All that is stored must come in the order of the articles.
    pub fn restore(&mut self, stored: &Stored) {
        let ends = self.advance(stored.seen_at).saturating_add(WINDOW);
        let vector = from_bytes(&stored.vector);
        let counted = Counted { article: stored.article, vector: &vector, at: stored.at, ends };
        self.collection(&stored.language).add(stored.story, &counted);
        self.drop_surplus();
    }

    /// The articles of the stories that were closed since the last call. They need not be restored any more.
    pub fn take_closed(&mut self) -> Vec<i64> {
        let closed = self.collections.values_mut().flat_map(Collection::take_closed).collect();
        self.collections.retain(|_, collection| !collection.is_empty());
        closed
    }

    fn collection(&mut self, language: &str) -> &mut Collection {
        if !self.collections.contains_key(language) {
            self.collections.insert(language.to_owned(), Collection::new(language));
        }
        self.collections.entry(language.to_owned()).or_default()
    }

    /// Closes what is over when an article arrives. Returns the time of the arrival, which is never before an earlier one.
    fn advance(&mut self, seen_at: i64) -> i64 {
        self.now = self.now.max(seen_at);
        for collection in self.collections.values_mut() {
            collection.advance(self.now);
        }
        self.now
    }

    fn drop_surplus(&mut self) {
        while self.most < self.collections.values().map(Collection::counted).sum() {
            let collections = self.collections.values_mut();
            let earliest = collections
                .filter_map(|collection| Some((collection.earliest()?, collection)))
                .min_by_key(|(article, _)| *article);
            let Some((_, collection)) = earliest else { return };
            collection.drop_earliest();
        }
    }
}

/// The primary language subtag, in lower case. Bokmål and Nynorsk are compared as Norwegian.
fn primary(language: &str) -> String {
    let first = language.split('-').next().unwrap_or_default();
    match first.to_ascii_lowercase().as_str() {
        "no" | "nn" => "nb".to_owned(),
        other => other.to_owned(),
    }
}

/// For each term: the number of bytes of its name, the name, and the weight in two bytes, the more significant first.
fn to_bytes(vector: &[Weighted]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10 * vector.len());
    for Weighted { name, weight, .. } in vector {
        name.with_text(|name| {
            bytes.push(u8::try_from(name.len()).unwrap_or_default());
            bytes.extend_from_slice(name.as_bytes());
        });
        bytes.extend_from_slice(&weight.to_be_bytes());
    }
    bytes
}

/// Reads what [`to_bytes`] wrote; damaged bytes end the vector.
fn from_bytes(mut bytes: &[u8]) -> Vec<Weighted> {
    let mut vector = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let Some((name, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
        let Some((weight, rest)) = rest.split_first_chunk::<2>() else { break };
        let weight = u16::from_be_bytes(*weight);
        vector.push(Weighted { name: Name::from_bytes(name), weight, id: None });
        bytes = rest;
    }
    vector
}

#[cfg(test)]
mod quality_tests;
#[cfg(test)]
mod tests;
