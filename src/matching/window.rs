//! The articles of the last days in memory, by the keys under which articles of other feeds find them.
//!
//! An article takes about 30 bytes for each key. What is compared of a candidate is not in memory: the caller reads it.

use std::cmp::Reverse;
use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};

use crate::matching::features::Key;

/// The articles that arrived in this time, in seconds, are compared with a new one: a week. An agency's text is printed
/// within hours, and a weekly paper repeats what a daily one had.
pub const SPAN: i64 = 7 * 86_400;

/// The most articles in the window.
pub const MOST: usize = 100_000;

/// The most articles that are followed under one key, the latest first. What more articles have is a phrase.
const MOST_SHARING: usize = 64;

/// The most candidates for one article.
const MOST_CANDIDATES: usize = 24;

/// A common page counts for more than all passages together.
const PAGE: u32 = 1_000;

/// No posting.
const NONE: u32 = u32::MAX;

/// An article in the list of a key.
#[derive(Clone, Copy, Debug)]
struct Posting {
    /// The place of the article in the order of insertion.
    place: u32,
    /// The posting of an earlier article with the same key.
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    article: i64,
    seen_at: i64,
}

/// An index of articles. They are inserted in the order of their numbers and leave it in the same order.
#[derive(Debug)]
pub struct Window {
    entries: VecDeque<Entry>,
    /// The place of the first entry. The postings of articles before it are ignored.
    first: u32,
    latest: HashMap<Key, u32>,
    postings: Vec<Posting>,
    most: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self::with_most(MOST)
    }
}

impl Window {
    /// A window of at most so many articles.
    pub fn with_most(most: usize) -> Self {
        let entries = VecDeque::new();
        Self { entries, first: 0, latest: HashMap::new(), postings: Vec::new(), most }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes that the window takes in memory, approximately.
    pub fn bytes(&self) -> usize {
        let of_map = self.latest.capacity() * (size_of::<(Key, u32)>() + 1);
        let of_postings = self.postings.capacity() * size_of::<Posting>();
        of_map + of_postings + self.entries.capacity() * size_of::<Entry>()
    }

    /// The number of the earliest article.
    pub fn earliest(&self) -> Option<i64> {
        self.entries.front().map(|entry| entry.article)
    }

    /// Adds an article that arrived at `seen_at` (Unix seconds). Its number is higher than all before.
    pub fn insert(&mut self, article: i64, seen_at: i64, keys: &[Key]) {
        let place = self.first.saturating_add(u32::try_from(self.entries.len()).unwrap_or(NONE));
        for key in keys {
            let Ok(posting) = u32::try_from(self.postings.len()) else { return };
            let next = self.latest.insert(*key, posting).unwrap_or(NONE);
            self.postings.push(Posting { place, next });
        }
        self.entries.push_back(Entry { article, seen_at });
    }

    /// Drops the articles that arrived before `before` (Unix seconds) and those that are too many. Returns whether there
    /// were any.
    pub fn expire(&mut self, before: i64) -> bool {
        let count = self.entries.len();
        while let Some(entry) = self.entries.front() {
            if before <= entry.seen_at && self.entries.len() <= self.most {
                break;
            }
            self.entries.pop_front();
            self.first += 1;
        }
        // Postings of dropped articles are removed when they are as many as the others.
        if self.entries.len() < usize::try_from(self.first).unwrap_or(usize::MAX) {
            self.compact();
        }
        self.entries.len() < count
    }

    /// Removes the postings of articles that were dropped.
    fn compact(&mut self) {
        let mut places = vec![NONE; self.postings.len()];
        let mut kept = Vec::with_capacity(self.postings.len());
        for (old, posting) in self.postings.iter().enumerate() {
            if posting.place < self.first {
                continue;
            }
            let next = usize::try_from(posting.next).ok().and_then(|next| places.get(next));
            let next = next.copied().unwrap_or(NONE);
            if let (Some(slot), Ok(place)) = (places.get_mut(old), u32::try_from(kept.len())) {
                *slot = place;
            }
            kept.push(Posting { place: posting.place - self.first, next });
        }
        self.latest.retain(|_, posting| {
            let place = usize::try_from(*posting).ok().and_then(|old| places.get(old));
            *posting = place.copied().unwrap_or(NONE);
            *posting != NONE
        });
        self.latest.shrink_to_fit();
        kept.shrink_to_fit();
        (self.postings, self.first) = (kept, 0);
    }

    /// The articles with most keys in common, in the order of their numbers.
    pub fn candidates(&self, keys: &[Key]) -> Vec<i64> {
        let mut shared: HashMap<u32, u32> = HashMap::new();
        for key in keys {
            let weight = if key.is_page() { PAGE } else { 1 };
            let mut next = self.latest.get(key).copied().unwrap_or(NONE);
            for _ in 0..MOST_SHARING {
                let Some(posting) =
                    usize::try_from(next).ok().and_then(|next| self.postings.get(next))
                else {
                    break;
                };
                if posting.place < self.first {
                    break; // All others are earlier.
                }
                *shared.entry(posting.place).or_default() += weight;
                next = posting.next;
            }
        }
        let mut ranked: Vec<(Reverse<u32>, u32)> =
            shared.into_iter().map(|(place, count)| (Reverse(count), place)).collect();
        ranked.sort_unstable();
        ranked.truncate(MOST_CANDIDATES);
        let article = |place: u32| {
            let index = usize::try_from(place - self.first).ok()?;
            self.entries.get(index).map(|entry| entry.article)
        };
        let mut found: Vec<i64> =
            ranked.into_iter().filter_map(|(_, place)| article(place)).collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::features::KeyKind;

    fn page(hash: u64) -> Key {
        Key { kind: KeyKind::Page, hash }
    }

    fn passage(hash: u64) -> Key {
        Key { kind: KeyKind::Passage, hash }
    }

    #[test]
    fn articles_are_found_by_any_key_until_they_leave_the_window() {
        let mut window = Window::with_most(3);
        for article in 1..=5_i64 {
            let own = passage(article.unsigned_abs());
            window.insert(article, article * 10, &[own, passage(99), page(article.unsigned_abs())]);
            window.expire(0);
        }
        assert_eq!((window.len(), window.earliest()), (3, Some(3)));
        assert_eq!(window.candidates(&[passage(99)]), [3, 4, 5]);
        assert_eq!(window.candidates(&[passage(2), page(2)]), [0; 0], "out of the window");
        assert_eq!(window.candidates(&[page(4), page(9)]), [4]);
        assert!(window.expire(45) && !window.expire(45));
        assert_eq!(window.candidates(&[passage(99), passage(3)]), [5]);
        window.insert(8, 80, &[passage(99)]);
        assert_eq!(window.candidates(&[passage(99)]), [5, 8]);
    }

    #[test]
    fn the_articles_with_most_keys_in_common_are_the_candidates() {
        let mut window = Window::default();
        for article in 1..=60 {
            let keys: Vec<Key> = (0..if article % 3 == 0 { 4 } else { 2 }).map(passage).collect();
            window.insert(article, 0, &keys);
        }
        window.insert(61, 0, &[page(7)]);
        let keys: Vec<Key> = (0..4).map(passage).chain([page(7)]).collect();
        let found = window.candidates(&keys);
        assert_eq!(found.len(), MOST_CANDIDATES);
        assert!(found.contains(&61), "a common page");
        assert_eq!(found.iter().filter(|n| **n % 3 == 0).count(), 20, "all with four passages");
    }

    /// The window is as large as what is in it, however many articles pass through.
    #[test]
    fn what_has_left_the_window_takes_no_memory() {
        let mut window = Window::with_most(1_000);
        let mut largest = 0;
        for article in 0..20_000_u64 {
            let keys: Vec<Key> = (0..10).map(|n| passage(article * 10 + n)).collect();
            window.insert(article.cast_signed(), 0, &keys);
            window.expire(0);
            largest = largest.max(window.postings.len());
        }
        assert!(largest <= 25_000, "{largest}");
        assert_eq!(window.candidates(&[passage(199_995)]), [19_999]);
        assert_eq!(window.candidates(&[passage(190_005)]), [19_000]);
        assert_eq!(window.candidates(&[passage(189_995)]), [0; 0]);
    }
}
