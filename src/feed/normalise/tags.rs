//! Categories.
//!
//! A single category may hold a whole list (`boats, fog`). Two words with capitals may be a list or one name (`Politics,
//! Argentina`, `Portland, Oregon`). Only the other entries of the document show which: it writes lists if another entry
//! has one that cannot be a name, or if one of the two words is a tag elsewhere.

use std::collections::HashSet;

use crate::feed::parse::model::{Category, ParsedEntry};
use crate::html::to_text::{Markup, plain};

/// What the entries of a document show about lists in a single category.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Whether there is a list that cannot be a name.
    are_written: bool,
    /// The lower-case tags of entries with a single tag. An entry with several has a category for each.
    words: HashSet<String>,
    /// The lower-case first and last words of pairs.
    first: HashSet<String>,
    last: HashSet<String>,
}

impl Lists {
    /// What these entries show.
    pub fn of(entries: &[ParsedEntry]) -> Self {
        let mut lists = Self::default();
        for entry in entries {
            let categories = &entry.entry.categories;
            // Nearly all entries end here.
            if !categories.iter().any(|tag| may_be_list(&tag.term) || tag.label.is_some()) {
                if let [only] = categories.as_slice() {
                    lists.words.insert(only.term.to_lowercase());
                }
                continue;
            }
            let names = names(categories);
            let are_lists = names.iter().all(|name| may_be_list(name));
            for name in &names {
                let parts = if are_lists { split(name) } else { vec![name.as_str()] };
                let pair = pair(name).filter(|_| are_lists);
                lists.are_written |= pair.is_none() && 1 < parts.len();
                if let Some((first, last)) = pair {
                    lists.first.insert(first.to_lowercase());
                    lists.last.insert(last.to_lowercase());
                } else if names.len() == 1 {
                    lists.words.extend(parts.iter().map(|part| part.to_lowercase()));
                }
            }
        }
        lists
    }

    /// Whether two words are a list.
    fn are(&self, (first, last): (&str, &str)) -> bool {
        let (first, last) = (first.to_lowercase(), last.to_lowercase());
        self.are_written
            || self.words.contains(&first)
            || self.words.contains(&last)
            || self.last.contains(&first)
            || self.first.contains(&last)
    }

    /// Whether other entries of the document may decide otherwise about one of these.
    pub fn is_doubtful(&self, entries: &[ParsedEntry]) -> bool {
        !self.last.is_empty()
            && !self.are_written
            && entries.iter().any(|entry| {
                let names = names(&entry.entry.categories);
                names.iter().any(|name| pair(name).is_some_and(|pair| !self.are(pair)))
            })
    }
}

/// Returns the label of each category, else its term. Each is named once, in its first spelling. A hashtag loses its
/// sign. `lists` is what the document shows.
pub fn tags(found: &[Category], lists: &Lists) -> Vec<String> {
    let names = names(found);
    let are_lists = names.iter().all(|name| may_be_list(name));
    let mut tags: Vec<String> = Vec::with_capacity(names.len());
    for name in &names {
        let is_name = !are_lists || pair(name).is_some_and(|pair| !lists.are(pair));
        let parts = if is_name { vec![name.as_str()] } else { split(name) };
        for tag in parts.into_iter().map(without_sign).filter(|tag| !tag.is_empty()) {
            if !tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
                tags.push(tag.to_owned());
            }
        }
    }
    tags
}

fn names(categories: &[Category]) -> Vec<String> {
    categories.iter().filter_map(name).collect()
}

fn may_be_list(name: &str) -> bool {
    name.contains([',', ';', '|', '#', '、', '，', '،'])
}

/// Two words with capitals and a comma between them, which may be one name.
fn pair(name: &str) -> Option<(&str, &str)> {
    let (first, last) = name.split_once(", ")?;
    let (first, last) = (first.trim(), last.trim());
    let is_word = |word: &str| word.starts_with(char::is_uppercase) && !may_be_list(word);
    (is_word(first) && is_word(last)).then_some((first, last))
}

fn name(tag: &Category) -> Option<String> {
    let label = tag.label.as_deref().and_then(|label| plain(label, Markup::Doubtful));
    label.or_else(|| plain(&tag.term, Markup::Doubtful))
}

/// The parts of a list. A name with a comma in it is one part: `Washington, D.C.`, `Food, Drink & Travel`.
fn split(name: &str) -> Vec<&str> {
    /// In characters. A longer part belongs to a sentence.
    const LONGEST: usize = 40;
    if name.split_whitespace().all(|word| word.starts_with('#')) {
        return name.split_whitespace().collect();
    }
    let separators: &[char] =
        if name.contains([';', '|']) { &[';', '|'] } else { &[',', '、', '，', '،'] };
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    // The comma of `1,000` is within a number.
    let within_number = |at: usize, separator: &str| {
        separator == ","
            && is_digit(name.get(..at).and_then(|before| before.chars().next_back()))
            && is_digit(name.get(at + 1..).and_then(|after| after.chars().next()))
    };
    let mut parts: Vec<&str> = Vec::new();
    let mut start = 0;
    for (at, separator) in name.match_indices(separators) {
        if !within_number(at, separator) {
            parts.push(name.get(start..at).unwrap_or_default().trim());
            start = at + separator.len();
        }
    }
    parts.push(name.get(start..).unwrap_or_default().trim());
    let is_abbreviation = |part: &str| {
        part.ends_with('.') || part.len() == 2 && part.bytes().all(|b| b.is_ascii_uppercase())
    };
    let joins = |part: &str| {
        part.contains(" & ")
            || part.contains(" and ")
            || part.starts_with("and ")
            || part.starts_with("& ")
    };
    let is_name = separators.contains(&',')
        && (parts.iter().skip(1).any(|part| is_abbreviation(part))
            || parts.last().is_some_and(|last| joins(last)));
    let is_sentence = parts.iter().any(|part| LONGEST < part.chars().count());
    if is_name || is_sentence { vec![name] } else { parts }
}

/// A hashtag without its sign. `#1` is no hashtag.
fn without_sign(tag: &str) -> &str {
    let word = tag.strip_prefix('#').filter(|word| word.starts_with(char::is_alphabetic));
    word.unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tag_is_named_once_by_its_label() {
        let tag = |term: &str, label: Option<&str>| Category {
            label: label.map(Into::into),
            ..Category::new(term)
        };
        let found = [
            tag(" News ", None),
            tag("news", None),
            tag("x:1", Some("R&amp;D")),
            tag("term", Some(" ")),
            tag("", None),
        ];
        assert_eq!(tags(&found, &Lists::default()), ["News", "R&D", "term"]);
    }

    #[test]
    fn a_list_in_one_category_is_split() {
        for (terms, expected) in [
            (&["boats, fog"][..], &["boats", "fog"][..]),
            (&["Boats,Fog, ,boats"], &["Boats", "Fog"]),
            (&["\n  boats,\n  fog\n"], &["boats", "fog"]),
            (&["boats; fog, thick"], &["boats", "fog, thick"]),
            (&["boats | fog"], &["boats", "fog"]),
            (&["船、霧"], &["船", "霧"]),
            (&["#boats #fog"], &["boats", "fog"]),
            (&["#boats", "#fog", "Boats"], &["boats", "fog"]),
            (&["a, b", "c, d"], &["a", "b", "c", "d"]),
            (&["Washington, D.C."], &["Washington, D.C."]),
            (&["Portland, OR"], &["Portland, OR"]),
            (&["Food, Drink & Travel"], &["Food, Drink & Travel"]),
            (&["Arts, Culture, and Life"], &["Arts, Culture, and Life"]),
            (&["London, England", "News"], &["London, England", "News"]),
            (&["Portland, Oregon"], &["Portland, Oregon"]),
            (&["Lovelace, Ada", "Hopper, Grace"], &["Lovelace, Ada", "Hopper, Grace"]),
            (&["Boats, fog"], &["Boats", "fog"]),
            (&["Boats,Fog"], &["Boats", "Fog"]),
            (&["Boats, Fog, Harbour"], &["Boats", "Fog", "Harbour"]),
            (&["Порт, Туман"], &["Порт, Туман"]),
            (&["Порт, Туман, Лодка"], &["Порт", "Туман", "Лодка"]),
            (&["Boats; Fog"], &["Boats", "Fog"]),
            (&["Boats | Fog"], &["Boats", "Fog"]),
            (&["1,000 places"], &["1,000 places"]),
            (&["fog, 1,000 places"], &["fog", "1,000 places"]),
            (&["C#"], &["C#"]),
            (&["#1"], &["#1"]),
            (&["News/World"], &["News/World"]),
        ] {
            let found: Vec<_> = terms.iter().map(|term| Category::new(term)).collect();
            let found: Vec<Category> = found;
            assert_eq!(tags(&found, &Lists::of(&[entry(terms)])), expected, "{terms:?}");
        }
    }

    fn entry(terms: &[&str]) -> ParsedEntry {
        let mut entry = ParsedEntry::default();
        entry.entry.categories = terms.iter().map(|term| Category::new(term)).collect();
        entry
    }

    #[test]
    fn other_entries_show_whether_two_words_are_a_list() {
        for (others, expected, is_doubtful) in [
            (&[][..], &["Politics, Argentina"][..], true),
            (&[&["Fishing, Fog, Boats"][..]], &["Politics", "Argentina"], false),
            (&[&["life, writing"]], &["Politics", "Argentina"], false),
            (&[&["Argentina"]], &["Politics", "Argentina"], false),
            (&[&["Politics"]], &["Politics", "Argentina"], false),
            (&[&["Weather, Politics"]], &["Politics", "Argentina"], false),
            (&[&["News", "Politics"]], &["Politics, Argentina"], true),
            (&[&["Ushuaia, Argentina"]], &["Politics, Argentina"], true),
            (&[&["Food, Drink & Travel"]], &["Politics, Argentina"], true),
        ] {
            let mut entries: Vec<_> = others.iter().map(|terms| entry(terms)).collect();
            entries.push(entry(&["Politics, Argentina"]));
            let lists = Lists::of(&entries);
            let found = tags(&entries.last().unwrap().entry.categories, &lists);
            assert_eq!(found, expected, "{others:?}");
            assert_eq!(lists.is_doubtful(&entries), is_doubtful, "{others:?}");
        }
    }

    proptest! {
        #[test]
        fn tags_of_tags_are_the_same(terms in prop::collection::vec("[a-cA-C &;,#<>bé]{0,4}|\\PC{0,6}", 0..8)) {
            let tag = |term: &String| Category::new(term);
            let once = tags(&terms.iter().map(tag).collect::<Vec<_>>(), &Lists::default());
            let lower: std::collections::BTreeSet<String> = once.iter().map(|tag| tag.to_lowercase()).collect();
            prop_assert_eq!(lower.len(), once.len(), "each once");
            prop_assert!(once.iter().all(|tag| tag.trim() == tag && !tag.is_empty()));
        }
    }
}
