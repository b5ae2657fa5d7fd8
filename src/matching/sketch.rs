//! Nearly equal texts: a *bottom-k sketch* of the sequences of four words ("shingles") of a text (Broder, "On the
//! resemblance and containment of documents", 1997).
//!
//! Of the hashes of all shingles, a sketch keeps the 128 smallest. Of two texts, the share of shingles that both have
//! (resemblance) and the share of the smaller text that the other one has (containment) are estimated from their
//! sketches. The eight smallest hashes are index keys: two texts that are nearly equal share at least one of those
//! with the other's sketch.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::matching::words::for_each_word;

/// The number of hashes in a sketch.
pub const SIZE: usize = 128;

/// The number of words in a shingle.
const SHINGLE: usize = 4;

/// The number of hashes of numbers that are kept. They tell templates apart; see [`Overlap::numbers`].
const NUMBERS: usize = 16;

/// Fewer numbers tell nothing about a text.
const FEW_NUMBERS: usize = 3;

/// Words of a text that are read. No article is longer; the rest of a longer text is ignored, which bounds the work.
const LONGEST: usize = 50_000;

/// At least this resemblance means nearly the same text.
pub const RESEMBLANCE: f64 = 0.4;

/// At least this containment means that one text is a part of the other.
pub const CONTAINMENT: f64 = 0.6;

/// Two texts of one template (weather, markets) share a smaller part of their numbers.
pub const SAME_NUMBERS: f64 = 0.34;

/// Containment counts only if so many shingles are shared.
const SHARED: usize = 6;

/// A text with fewer shingles is short: several articles may have it ("Read more on our page").
pub const SHORT: usize = 24;

/// The sketch of a text: hashes in ascending order. A text without words has an empty sketch.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sketch {
    passages: Vec<u32>,
    numbers: Vec<u32>,
}

/// What two sketches have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overlap {
    /// Sampled passages that both texts have.
    pub shared: usize,
    /// Sampled passages of the smaller text.
    pub smaller: usize,
    /// Sampled passages of both texts together.
    pub union: usize,
    /// The share of the numbers of the text with fewer numbers that the other text has. `None` if one of the texts has
    /// too few numbers. Copies of one article have the same numbers, and texts of one template have different ones.
    pub numbers: Option<f64>,
}

impl Sketch {
    pub fn of(text: &str) -> Self {
        let mut window = [0_u64; SHINGLE];
        let mut read = 0;
        let mut passages = Vec::new();
        let mut numbers = Vec::new();
        for_each_word(text, |word| {
            if word.bytes().any(|b| b.is_ascii_digit()) {
                numbers.push(upper_half(xxh3_64_with_seed(word.as_bytes(), 1)));
            }
            window.rotate_left(1);
            if let Some(last) = window.last_mut() {
                *last = xxh3_64(word.as_bytes());
            }
            read += 1;
            if SHINGLE <= read {
                passages.push(hashed(window));
            }
            read < LONGEST
        });
        if 0 < read && read < SHINGLE {
            passages.push(hashed(window));
        }
        Self { passages: smallest(passages, SIZE), numbers: smallest(numbers, NUMBERS) }
    }

    pub fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }

    /// Whether the text is so short that several articles may have it.
    pub fn is_short(&self) -> bool {
        self.passages.len() < SHORT
    }

    /// What two texts have in common.
    pub fn overlap(&self, other: &Self) -> Overlap {
        let (a, b) = comparable(&self.passages, &other.passages, SIZE);
        let shared = common(a, b);
        let (own, others) = comparable(&self.numbers, &other.numbers, NUMBERS);
        let fewer = own.len().min(others.len());
        let numbers = (FEW_NUMBERS <= fewer).then(|| ratio(common(own, others), fewer));
        Overlap {
            shared,
            smaller: a.len().min(b.len()),
            union: a.len() + b.len() - shared,
            numbers,
        }
    }
}

/// The parts of two lists of smallest hashes up to the hash to which both are complete. A list with room for more
/// hashes has all.
fn comparable<'a>(a: &'a [u32], b: &'a [u32], size: usize) -> (&'a [u32], &'a [u32]) {
    let complete_to = |list: &[u32]| list.get(size - 1).copied().unwrap_or(u32::MAX);
    let bound = complete_to(a).min(complete_to(b));
    let below = |list: &'a [u32]| {
        list.get(..list.partition_point(|hash| *hash <= bound)).unwrap_or_default()
    };
    (below(a), below(b))
}

impl Overlap {
    /// The share of the passages of both texts that both have.
    pub fn resemblance(&self) -> f64 {
        ratio(self.shared, self.union)
    }

    /// The share of the passages of the smaller text that the other one has; 0 if too few are shared to tell.
    pub fn containment(&self) -> f64 {
        if self.shared < SHARED { 0.0 } else { ratio(self.shared, self.smaller) }
    }

    /// Whether this much in common is found in nearly equal texts only.
    pub fn is_near(&self) -> bool {
        RESEMBLANCE <= self.resemblance() || CONTAINMENT <= self.containment()
    }

    /// Whether the texts are nearly equal and not two texts of one template.
    pub fn is_near_text(&self) -> bool {
        self.is_near() && self.numbers.is_none_or(|share| SAME_NUMBERS <= share)
    }
}

#[expect(clippy::cast_precision_loss, reason = "both numbers are at most a few hundred")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn upper_half(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn hashed(window: [u64; SHINGLE]) -> u32 {
    let mut bytes = [0; 8 * SHINGLE];
    for (place, hash) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(window) {
        *place = hash.to_le_bytes();
    }
    upper_half(xxh3_64(&bytes))
}

/// The smallest different hashes, in ascending order.
fn smallest(mut hashes: Vec<u32>, most: usize) -> Vec<u32> {
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(most);
    hashes.shrink_to_fit();
    hashes
}

/// The number of hashes that are in two ascending lists.
fn common(mut a: &[u32], mut b: &[u32]) -> usize {
    let mut found = 0;
    while let (Some((first, rest)), Some((second, others))) = (a.split_first(), b.split_first()) {
        if first <= second {
            a = rest;
        }
        if second <= first {
            b = others;
        }
        found += usize::from(first == second);
    }
    found
}
