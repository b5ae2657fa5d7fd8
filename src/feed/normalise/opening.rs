//! How lines begin: most lines are told from those of web pages by their first letters, without a search of the tables.

use std::sync::LazyLock;

use foldhash::HashSet;

use crate::feed::normalise::furniture::{known_texts, normal_chars};

/// Characters that are compared.
const LENGTH: usize = 3;

/// The first letters and digits of a line, in lower case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Opening {
    /// With `\0` behind the last one of a shorter line.
    characters: [char; LENGTH],
    length: usize,
}

impl Opening {
    /// Reads the next part of the line.
    pub fn read(&mut self, text: &str) {
        if self.is_complete() {
            return;
        }
        for c in normal_chars(text) {
            let Some(place) = self.characters.get_mut(self.length) else { return };
            *place = c;
            self.length += 1;
        }
    }

    /// Whether what follows does not matter.
    pub fn is_complete(&self) -> bool {
        self.length == LENGTH
    }

    /// Whether the line may be a placeholder or lead to another article. For other lines, both
    /// [`is_placeholder`](super::furniture::is_placeholder) and [`other_article`](super::furniture::other_article) find
    /// nothing.
    pub fn is_known(&self) -> bool {
        static KNOWN: LazyLock<HashSet<Opening>> =
            LazyLock::new(|| known_texts().map(Opening::of).collect());
        // The button "X" is shorter, and may stand before any other one.
        self.characters.first() == Some(&'x') || KNOWN.contains(self)
    }

    fn of(text: &str) -> Self {
        let mut opening = Self::default();
        opening.read(text);
        opening
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::normalise::furniture::{is_placeholder, other_article};

    #[test]
    fn lines_that_the_tables_know_have_a_known_opening() {
        for text in known_texts() {
            assert!(Opening::of(text).is_known(), "{text}");
            for line in [text.to_uppercase(), format!("→ {text} x"), format!("{text}: x")] {
                let is_found = is_placeholder(&line) || other_article(&line).is_some();
                assert!(Opening::of(&line).is_known() || !is_found, "{line}");
            }
        }
        for line in
            ["X Facebook", "x x", "[Ad]", "— Share on X", "Read also: The old mill", "Related"]
        {
            assert!(is_placeholder(line) || other_article(line).is_some(), "{line}");
            assert!(Opening::of(line).is_known(), "{line}");
        }
    }

    #[test]
    fn other_lines_have_none() {
        for line in ["", "•", "The ferry returns", "A mill", "Ads", "In 2024", "渡船"] {
            assert!(!Opening::of(line).is_known(), "{line}");
        }
    }

    #[test]
    fn a_line_is_read_in_parts() {
        let mut opening = Opening::default();
        for part in ["“", "R", "é", "ad also"] {
            opening.read(part);
        }
        assert_eq!(opening, Opening::of("réa"));
    }
}
