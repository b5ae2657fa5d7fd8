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

/// The number of hashes of a stored article under which it is found.
pub const INDEXED: usize = 8;

/// The number of words in a shingle.
const SHINGLE: usize = 4;

/// The number of hashes of numbers that are kept. They tell templates apart; see [`Overlap::same_numbers`]. A single
/// digit is in many texts and does not count.
const NUMBERS: usize = 16;

/// So many numbers tell by themselves whether two texts are of one template.
pub const MANY_NUMBERS: usize = 5;

/// Words of a text that are read. No article is longer; the rest of a longer text is ignored, which bounds the work.
const LONGEST: usize = 50_000;

/// At least this resemblance means nearly the same text.
pub const RESEMBLANCE: f64 = 0.4;

/// At least this containment means that one text is a part of the other.
pub const CONTAINMENT: f64 = 0.6;

/// Two texts of one template (weather, markets) share a smaller part of their numbers.
pub const SAME_NUMBERS: f64 = 0.4;

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
    /// Sampled numbers that both texts have.
    pub shared_numbers: usize,
    /// Sampled numbers of the text with fewer numbers.
    pub numbers: usize,
}

impl Sketch {
    pub fn of(text: &str) -> Self {
        let mut window = [0_u64; SHINGLE];
        let mut read = 0;
        let mut passages = Smallest::<SIZE>::default();
        let mut numbers = Smallest::<NUMBERS>::default();
        for_each_word(text, |word| {
            if 1 < word.len() && word.bytes().any(|b| b.is_ascii_digit()) {
                // A number counts only behind the same word. Otherwise two texts with many numbers share some by chance.
                let [.., before] = window;
                numbers.push(upper_half(xxh3_64_with_seed(word.as_bytes(), before)));
            }
            let [_, second, third, last] = window;
            window = [second, third, last, xxh3_64(word.as_bytes())];
            read += 1;
            if SHINGLE <= read {
                passages.push(hashed(window));
            }
            read < LONGEST
        });
        if 0 < read && read < SHINGLE {
            passages.push(hashed(window));
        }
        Self { passages: passages.finish(), numbers: numbers.finish() }
    }

    /// The form in which a sketch is stored: the number of passages in one byte, then all hashes as four bytes each,
    /// the most significant byte first, in ascending order. It is the same on every platform.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 4 * (self.passages.len() + self.numbers.len()));
        bytes.push(u8::try_from(self.passages.len()).unwrap_or(u8::MAX));
        for hash in self.passages.iter().chain(&self.numbers) {
            bytes.extend(hash.to_be_bytes());
        }
        bytes
    }

    /// Reads what [`Sketch::to_bytes`] wrote; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first()?;
        let (hashes, []) = rest.as_chunks::<4>() else { return None };
        let all: Vec<u32> = hashes.iter().copied().map(u32::from_be_bytes).collect();
        let (passages, numbers) = all.split_at_checked(usize::from(*count))?;
        let sketch = Self { passages: passages.to_vec(), numbers: numbers.to_vec() };
        let ascending =
            |list: &[u32], most: usize| list.len() <= most && list.is_sorted_by(|a, b| a < b);
        (ascending(passages, SIZE) && ascending(numbers, NUMBERS)).then_some(sketch)
    }

    /// The hashes under which a stored article is indexed.
    pub fn index_keys(&self) -> &[u32] {
        self.passages.get(..INDEXED).unwrap_or(&self.passages)
    }

    /// The hashes by which a new article looks for stored ones.
    pub fn lookup_keys(&self) -> &[u32] {
        &self.passages
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
        Overlap {
            shared,
            smaller: a.len().min(b.len()),
            union: a.len() + b.len() - shared,
            shared_numbers: common(own, others),
            numbers: own.len().min(others.len()),
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

    /// The share of the numbers of the text with fewer numbers that the other text has, if there are at least `most`
    /// numbers. Copies of one article have the same numbers, and texts of one template have different ones.
    pub fn same_numbers(&self, most: usize) -> Option<f64> {
        (most <= self.numbers).then(|| ratio(self.shared_numbers, self.numbers))
    }

    /// Whether the texts are nearly equal and not two texts of one template.
    pub fn is_near_text(&self) -> bool {
        self.is_near() && self.same_numbers(MANY_NUMBERS).is_none_or(|share| SAME_NUMBERS <= share)
    }

    /// The larger one of resemblance and containment, 0 to 1.
    pub fn score(&self) -> f64 {
        self.resemblance().max(self.containment())
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

/// The `N` smallest different hashes of those that were added.
///
/// Sorting all hashes of a long text takes longer than computing them. So they are collected in a list of four times
/// `N`, which is reduced to the smallest whenever it is full; from then on most hashes are too large to be added.
struct Smallest<const N: usize> {
    hashes: Vec<u32>,
    /// Hashes above this are not among the smallest.
    most: u32,
}

impl<const N: usize> Default for Smallest<N> {
    fn default() -> Self {
        Self { hashes: Vec::new(), most: u32::MAX }
    }
}

impl<const N: usize> Smallest<N> {
    fn push(&mut self, hash: u32) {
        if self.most < hash {
            return;
        }
        self.hashes.push(hash);
        if self.hashes.len() == 4 * N {
            self.reduce();
        }
    }

    /// Keeps the smallest hashes, in ascending order.
    fn reduce(&mut self) {
        // To find the smallest takes less time than to sort all. A few more than `N` are found, because some may be equal.
        let part = N + N / 4;
        if part < self.hashes.len() {
            self.hashes.select_nth_unstable(part);
        }
        let smallest = self.hashes.get_mut(..part);
        if smallest.is_some_and(|smallest| N <= sort_and_count(smallest)) {
            self.hashes.truncate(part);
        } else {
            self.hashes.sort_unstable();
        }
        self.hashes.dedup();
        self.hashes.truncate(N);
        if let Some(largest) = self.hashes.get(N - 1) {
            self.most = *largest;
        }
    }

    /// In ascending order.
    fn finish(mut self) -> Vec<u32> {
        self.reduce();
        self.hashes.shrink_to_fit();
        self.hashes
    }
}

/// Sorts hashes, and returns how many different ones there are.
fn sort_and_count(hashes: &mut [u32]) -> usize {
    hashes.sort_unstable();
    hashes.chunk_by(|a, b| a == b).count()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words that are different for different numbers.
    fn text(words: std::ops::Range<usize>) -> String {
        let letter = |digit: usize| char::from(b'a' + u8::try_from(digit % 10).unwrap());
        let word = |n: usize| [n, n / 10, n / 100, n / 1_000].map(letter).into_iter().collect();
        words.map(word).collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn what_two_texts_share_is_estimated() {
        for (name, one, other, resemblance, containment) in [
            ("equal", text(0..2_000), text(0..2_000), 1.0, 1.0),
            ("unlike", text(0..2_000), text(3_000..5_000), 0.0, 0.0),
            ("two thirds", text(0..2_000), text(400..2_400), 0.666, 0.8),
            ("a part", text(0..2_000), text(0..1_000), 0.5, 1.0),
            ("short", text(0..20), text(5..25), 0.545, 0.706),
        ] {
            let overlap = Sketch::of(&one).overlap(&Sketch::of(&other));
            let tolerance = 0.12;
            assert!((overlap.resemblance() - resemblance).abs() < tolerance, "{name}: {overlap:?}");
            assert!((overlap.containment() - containment).abs() < tolerance, "{name}: {overlap:?}");
        }
    }

    /// Stored sketches are compared with those of later versions.
    #[test]
    fn a_sketch_is_the_same_on_every_platform() {
        let sketch = Sketch::of("In 2026 the harbour was closed for 12 days.");
        let expected = "0602d4e40814def001c6ade9a7d77cf6c3e6c3bffcfdbc2d112aec76fa978f5a65";
        let hex =
            sketch.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, expected);
    }

    #[test]
    fn short_texts_and_scripts_without_spaces_have_sketches() {
        assert!(Sketch::of(" … ").is_empty());
        let two = Sketch::of("Listen now");
        assert_eq!(two.lookup_keys().len(), 1);
        assert_eq!(two, Sketch::of("LISTEN — now!"));
        assert!(two.is_short());
        let chinese = "港口在周一关闭，因为九米高的海浪越过了外墙，停在后面的船只被带到上游的旧码头。没有人受伤。";
        assert!(!Sketch::of(chinese).is_short());
        let edited = chinese.replace("周一", "星期二");
        assert!(Sketch::of(chinese).overlap(&Sketch::of(&edited)).is_near());
    }

    #[test]
    fn numbers_tell_whether_texts_are_of_one_template() {
        let market = |numbers: [u32; 6]| {
            let words = text(0..40);
            let labels = ["points", "percent", "volume", "shares", "dollars", "days"];
            let parts = labels.iter().zip(numbers).map(|(label, number)| {
                let long = if matches!(*label, "percent" | "shares") { &*words } else { "" };
                format!("{label} {number} {long}")
            });
            format!("{words} {}", parts.collect::<Vec<_>>().join(" "))
        };
        let one = Sketch::of(&market([18_234, 12, 455, 991, 73, 108]));
        let other = Sketch::of(&market([18_911, 15, 470, 812, 75, 109]));
        let overlap = one.overlap(&other);
        assert!(overlap.is_near() && !overlap.is_near_text(), "{overlap:?}");
        assert!(one.overlap(&one).is_near_text());
    }

    #[test]
    fn the_smallest_hashes_of_a_long_text_are_kept() {
        let mut smallest = Smallest::<8>::default();
        let hashes = (0..5_000_u32).map(|n| n.wrapping_mul(2_654_435_761) % 4_099);
        let all: std::collections::BTreeSet<u32> = hashes.clone().collect();
        hashes.for_each(|hash| smallest.push(hash));
        assert_eq!(smallest.finish(), all.into_iter().take(8).collect::<Vec<_>>());
    }

    #[test]
    fn damaged_bytes_are_no_sketch() {
        let bytes = Sketch::of(&text(0..300)).to_bytes();
        let long = [bytes.as_slice(), &[0, 0, 0, 1]].concat();
        let unsorted = [&[2_u8][..], &[0, 0, 0, 2], &[0, 0, 0, 1]].concat();
        for damaged in [&[][..], &bytes[..bytes.len() - 1], &[3, 0, 0, 0, 1], &unsorted, &[255]] {
            assert_eq!(Sketch::from_bytes(damaged), None, "{damaged:?}");
        }
        assert!(Sketch::from_bytes(&long).is_none_or(|sketch| sketch != Sketch::of(&text(0..300))));
    }

    proptest! {
        #[test]
        fn sketches_are_read_back_and_comparing_is_symmetric(one in "\\PC{0,200}|([a-z]{1,3} |[0-9]{1,3} ){0,300}", other in "([a-c] |1[0-9] ){0,300}") {
            let (a, b) = (Sketch::of(&one), Sketch::of(&other));
            prop_assert_eq!(Sketch::from_bytes(&a.to_bytes()), Some(a.clone()));
            prop_assert_eq!(a.overlap(&b), b.overlap(&a));
            let own = a.overlap(&a);
            prop_assert_eq!(own.shared, own.union);
            prop_assert!(a.index_keys().len() <= INDEXED && a.lookup_keys().len() <= SIZE);
        }
    }
}
