//! Stories: articles about one event. Articles join stories one by one, in the order of the store, and never move.
//!
//! The method is online clustering by average link over tf-idf vectors, after Miranda et al., "Multilingual clustering of
//! streaming news" (2018) and Staykovski et al., "Dense vs. sparse representations for news stream clustering" (2019),
//! simplified. A term is a word cut to six characters, which replaces a stemmer in all alphabets. The similarity of an
//! article to a story is the mean of its similarities to the members; the threshold falls as the story grows.
//!
//! Only articles of one language are compared. The same articles in the same order give the same stories on every
//! platform: weights are integers, and ties are broken by the text of terms and the numbers of stories.

mod collection;
mod function_words;
mod terms;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::matching::stories::collection::{Collection, Vector};
use crate::matching::stories::terms::{Term, terms};

/// How long articles count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Seconds after its last article until a story is closed.
    pub window: i64,
    /// The same for an article of a feed with few articles.
    pub slow_window: i64,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: i64 = 86_400;
        Self { window: 3 * DAY, slow_window: 7 * DAY }
    }
}

/// An article that is to join a story.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The number of the article in the store. It is also the number of the story if the article begins one.
    pub article: i64,
    /// When the article was published, at the latest when it was first seen, in Unix seconds.
    pub at: i64,
    /// BCP 47.
    pub language: Option<&'a str>,
    pub title: &'a str,
    /// The beginning of the plain text of the content, else the summary.
    pub text: &'a str,
    /// Whether the feed has few articles, so that a story may wait longer for the next one.
    pub is_slow: bool,
    /// The article of which this one is a duplicate.
    pub duplicate_of: Option<i64>,
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
    /// What is to be stored of the article, for [`Stories::restore`].
    pub vector: Vec<u8>,
}

/// Why an article is in its story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the first article of the story.
    First,
    /// It is similar to the other articles.
    Similar,
    /// It is a duplicate of one of them.
    Duplicate,
}

/// A stored membership.
#[derive(Clone, Debug)]
pub struct Stored {
    pub article: i64,
    pub story: i64,
    pub at: i64,
    pub language: Option<String>,
    pub is_slow: bool,
    /// [`Membership::vector`].
    pub vector: Vec<u8>,
}

/// The number of words that explain a membership.
pub const EXPLAINED: usize = 5;

/// The stories that are open, in memory.
#[derive(Debug)]
pub struct Stories {
    settings: Settings,
    /// The latest time of an article so far.
    now: i64,
    /// One for each language.
    collections: BTreeMap<String, Collection>,
}

impl Stories {
    pub fn new(settings: Settings) -> Self {
        Self { settings, now: i64::MIN, collections: BTreeMap::new() }
    }

    /// Adds an article to the story it belongs to, or begins one. An article that is older than the window begins a
    /// story of its own, which no other article joins: an archive is no news.
    pub fn join(&mut self, entry: &Entry<'_>) -> Membership {
        self.advance(entry.at);
        let alone = |vector| Membership {
            story: entry.article,
            reason: Reason::First,
            score: 0.0,
            shared: Vec::new(),
            vector,
        };
        if let Some(story) = entry.duplicate_of.and_then(|article| self.story_of(article)) {
            let language = self.language_of_story(story).unwrap_or_default();
            self.add(
                &language,
                entry.article,
                story,
                &Vector::new(),
                self.ends(entry.at, entry.is_slow),
            );
            let vector = Vec::new();
            return Membership {
                story,
                reason: Reason::Duplicate,
                score: 1.0,
                shared: Vec::new(),
                vector,
            };
        }
        let ends = self.ends(entry.at, entry.is_slow);
        if ends < self.now {
            return alone(Vec::new());
        }
        let language = primary(entry.language);
        let terms = terms(entry.title, entry.text);
        let collection = self.collections.entry(language.clone()).or_default();
        let vector = collection.vector(&terms, &language);
        let similar = collection.similar(&vector);
        let story = similar.as_ref().map_or(entry.article, |similar| similar.story);
        collection.add(entry.article, story, &vector, ends);
        let Some(similar) = similar else { return alone(to_bytes(&vector)) };
        Membership {
            story,
            reason: Reason::Similar,
            score: similar.score,
            shared: words(&terms, &similar.shared),
            vector: to_bytes(&vector),
        }
    }

    /// Puts back an article that joined its story before. The articles of all open stories must come in the order in
    /// which they joined; more articles than these do no harm.
    pub fn restore(&mut self, stored: &Stored) {
        self.advance(stored.at);
        let ends = self.ends(stored.at, stored.is_slow);
        let vector = from_bytes(&stored.vector);
        if self.now <= ends {
            let language = self.language_of_story(stored.story);
            let language = language.unwrap_or_else(|| primary(stored.language.as_deref()));
            self.add(&language, stored.article, stored.story, &vector, ends);
        }
    }

    /// Moves all articles of one open story to another, as the user decided. Nothing happens unless both are open and of
    /// one language; the caller changes the stored memberships in any case.
    pub fn merge(&mut self, from: i64, into: i64) {
        for collection in self.collections.values_mut() {
            if from != into && collection.has(from) && collection.has(into) {
                let articles = collection.members_of(from);
                collection.move_to(&articles, into);
            }
        }
    }

    /// Moves articles of open stories to a story of their own, whose number the caller chooses.
    pub fn split(&mut self, articles: &[i64], into: i64) {
        for collection in self.collections.values_mut() {
            let own: Vec<i64> = articles
                .iter()
                .copied()
                .filter(|article| collection.story_of(*article).is_some())
                .collect();
            if !own.is_empty() {
                collection.move_to(&own, into);
            }
        }
    }

    /// The open story of an article.
    pub fn story_of(&self, article: i64) -> Option<i64> {
        self.collections.values().find_map(|collection| collection.story_of(article))
    }

    fn language_of_story(&self, story: i64) -> Option<String> {
        let found = self.collections.iter().find(|(_, collection)| collection.has(story));
        found.map(|(language, _)| language.clone())
    }

    fn add(&mut self, language: &str, article: i64, story: i64, vector: &Vector, ends: i64) {
        self.collections.entry(language.to_owned()).or_default().add(article, story, vector, ends);
    }

    fn ends(&self, at: i64, is_slow: bool) -> i64 {
        let window = if is_slow { self.settings.slow_window } else { self.settings.window };
        at.saturating_add(window)
    }

    fn advance(&mut self, at: i64) {
        self.now = self.now.max(at);
        for collection in self.collections.values_mut() {
            collection.advance(self.now);
        }
        self.collections.retain(|_, collection| !collection.is_empty());
    }
}

/// The words of an article, as written, for the names of its terms.
fn words(terms: &[Term], names: &[Arc<str>]) -> Vec<String> {
    let word = |name: &Arc<str>| {
        let place = terms.binary_search_by(|term| term.name.as_str().cmp(name)).ok()?;
        terms.get(place).map(|term| term.word.clone())
    };
    names.iter().filter_map(word).collect()
}

/// The primary language subtag, in lower case; `und` for none.
fn primary(language: Option<&str>) -> String {
    let first = language.unwrap_or("und").split('-').next().unwrap_or_default();
    first.to_ascii_lowercase()
}

/// For each term: the number of bytes of its name, the name, and the weight in two bytes, the more significant first.
fn to_bytes(vector: &Vector) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, weight) in vector {
        let Ok(length) = u8::try_from(name.len()) else { continue };
        bytes.push(length);
        bytes.extend(name.as_bytes());
        bytes.extend(weight.to_be_bytes());
    }
    bytes
}

/// Reads what [`to_bytes`] wrote; damaged bytes end the vector.
fn from_bytes(mut bytes: &[u8]) -> Vector {
    let mut vector = Vector::new();
    while let Some((length, rest)) = bytes.split_first() {
        let Some((name, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
        let Some((weight, rest)) = rest.split_first_chunk::<2>() else { break };
        let Ok(name) = std::str::from_utf8(name) else { break };
        vector.push((name.to_owned(), u16::from_be_bytes(*weight)));
        bytes = rest;
    }
    vector
}
