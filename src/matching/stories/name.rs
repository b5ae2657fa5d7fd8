//! Names of terms.

use std::hash::{Hash, Hasher};

/// The most bytes of a name.
const LONGEST: usize = 24;

/// The name of a term: a folded word, cut. It has no zero byte and is filled with zeros, so that names are compared and
/// hashed as three numbers. There are too many names in memory to allocate each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name([u64; 3]);

impl Name {
    /// The name that a text begins with: characters of at most 24 bytes.
    pub(super) fn of(text: &str) -> Self {
        let end = text.floor_char_boundary(LONGEST);
        Self::from_bytes(text.as_bytes().get(..end).unwrap_or_default())
    }

    /// A name from its bytes. Those after the longest name are ignored.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut filled = [0; LONGEST];
        let length = bytes.len().min(LONGEST);
        if let (Some(to), Some(from)) = (filled.get_mut(..length), bytes.get(..length)) {
            to.copy_from_slice(from);
        }
        let mut numbers = [0; 3];
        for (number, bytes) in numbers.iter_mut().zip(filled.as_chunks::<8>().0) {
            *number = u64::from_be_bytes(*bytes);
        }
        Self(numbers)
    }

    /// Calls `read` with the text.
    pub(super) fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        let mut bytes = [0; LONGEST];
        for (bytes, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *bytes = number.to_be_bytes();
        }
        let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let text = bytes.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        read(text.unwrap_or_default())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for number in self.0 {
            state.write_u64(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_order_and_the_text_of_words() {
        let words = ["", "1234567890ab", "a", "ab", "abcdefgh", "abcdefgha", "été", "за", "北京"];
        for pair in words.windows(2) {
            assert!(Name::of(pair[0]) < Name::of(pair[1]), "{pair:?}");
        }
        for word in words {
            assert_eq!(Name::of(word).with_text(str::to_owned), word);
            assert_eq!(Name::from_bytes(word.as_bytes()), Name::of(word));
        }
        let long = "1абвгдежзиклмн";
        assert_eq!(Name::of(long).with_text(str::to_owned), "1абвгдежзикл");
    }
}
