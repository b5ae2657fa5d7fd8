//! The words of an article as a value of PostgreSQL's type `tsvector` (section 8.11 of its documentation).

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The highest position that a `tsvector` holds. All words beyond [`LAST_IN_ORDER`] have it: they are found, but not as parts
/// of a phrase.
const LAST_POSITION: usize = 16_383;

/// The highest position of a word that a phrase can contain. The next one is left out, for each word with [`LAST_POSITION`] would
/// follow it.
const LAST_IN_ORDER: usize = LAST_POSITION - 2;

/// The most positions that a `tsvector` holds of one word.
const MOST_POSITIONS: usize = 255;

/// The most bytes of words and positions. A `tsvector` has at most 1 MiB; words beyond this are not found.
const MOST_BYTES: usize = 900_000;

/// How many positions lie between the title and the body, so that no phrase goes across.
const GAP: usize = 2;

/// The text of a `tsvector` with the tokens of a title and a body, each separated by spaces. Those of the title have the
/// weight A, those of the body D.
pub fn vector(title: &str, body: &str) -> String {
    let title: Vec<&str> = title.split(' ').filter(|token| !token.is_empty()).collect();
    let body = body.split(' ').filter(|token| !token.is_empty());
    let titled = title.iter().enumerate().map(|(at, token)| (*token, at + 1, "A"));
    let begin = title.len() + GAP;
    let others = body.enumerate().map(|(at, token)| (token, at + begin, ""));
    let mut words: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    let mut bytes = 0;
    for (token, position, weight) in titled.chain(others) {
        let is_new = !words.contains_key(token);
        bytes += if is_new { token.len() + 8 } else { 0 };
        if MOST_BYTES < bytes {
            break;
        }
        let positions = words.entry(token).or_default();
        let is_in_order = position <= LAST_IN_ORDER;
        if is_new || (is_in_order && positions.len() < MOST_POSITIONS) {
            bytes += 2;
            positions.push((if is_in_order { position } else { LAST_POSITION }, weight));
        }
    }
    let mut text = String::new();
    for (word, positions) in words {
        write!(text, "'{word}'").ok();
        for (number, (position, weight)) in positions.into_iter().enumerate() {
            let before = if number == 0 { ':' } else { ',' };
            write!(text, "{before}{position}{weight}").ok();
        }
        text.push(' ');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_positions_and_no_phrase_goes_from_the_title_into_the_body() {
        assert_eq!(vector("a b", "b c b"), "'a':1A 'b':2A,4,6 'c':5 ");
        assert_eq!(vector("", "x"), "'x':2 ");
        assert_eq!(vector("", ""), "");
    }

    #[test]
    fn long_texts_keep_within_the_bounds_of_the_type() {
        let often = vector("", &"a ".repeat(1_000));
        assert_eq!(often.matches(',').count(), MOST_POSITIONS - 1);
        let words: Vec<String> = (0..20_000).map(|n| format!("w{n}")).collect();
        let many = vector("", &words.join(" "));
        assert!(many.contains("'w0':2 ") && many.contains("'w19999':16383 "), "{}", many.len());
        let words: Vec<String> = (0..200_000).map(|n| format!("word{n}")).collect();
        assert!(vector("", &words.join(" ")).matches('\'').count() < 200_000);
    }
}
