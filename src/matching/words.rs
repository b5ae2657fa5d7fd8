//! Texts as sequences of words in the form that is compared: folded as for the full-text search, so that letter case,
//! diacritics, typographic punctuation, composed characters and variants of Han characters make no difference. In scripts without spaces, a pair
//! of neighbouring characters is a word.

use crate::search::words::{for_each_folded, pairs};

/// Calls `each` with the words of a text in their order, until `each` returns `false`.
pub fn for_each_word(text: &str, mut each: impl FnMut(&str) -> bool) {
    for_each_folded(text, |piece, folded| {
        if piece.paired { paired(folded, &mut each) } else { folded.is_empty() || each(folded) }
    });
}

/// A run of a script without spaces. A single character is a word.
fn paired(folded: &str, each: &mut impl FnMut(&str) -> bool) -> bool {
    let mut alone = true;
    for pair in pairs(folded) {
        alone = false;
        if !each(pair) {
            return false;
        }
    }
    !alone || folded.is_empty() || each(folded)
}

/// The words of a short text.
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for_each_word(text, |word| {
        found.push(word.to_owned());
        true
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typography_makes_no_difference_to_words() {
        for (text, expected) in [
            ("The “Café” isn’t OPEN – yet…", "the cafe isn t open yet"),
            ("the \"Cafe\u{301}\" isn't open - yet...", "the cafe isn t open yet"),
            // The index takes the variants of a Han character for one.
            ("東京タワー 水", "东京 京タ タワ ワー 水"),
            (" … ", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }
}
