//! Categories.

use crate::feed::parse::model::Category;
use crate::html::to_text::{Markup, plain};

/// Returns the label of each category, else its term. Each is named once, in its first spelling.
///
/// A single category may hold a whole list (`boats, fog`), and a hashtag loses its sign.
pub fn tags(found: &[Category]) -> Vec<String> {
    let names: Vec<String> = found.iter().filter_map(name).collect();
    let are_lists = names.iter().all(|name| name.contains([',', ';', '|', '#', '、', '，', '،']));
    let mut tags: Vec<String> = Vec::with_capacity(names.len());
    for name in &names {
        let parts = if are_lists { split(name) } else { vec![name.as_str()] };
        for tag in parts.into_iter().map(without_sign).filter(|tag| !tag.is_empty()) {
            if !tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
                tags.push(tag.to_owned());
            }
        }
    }
    tags
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
    let parts: Vec<&str> = name.split(separators).map(str::trim).collect();
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
        assert_eq!(tags(&found), ["News", "R&D", "term"]);
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
            (&["C#"], &["C#"]),
            (&["#1"], &["#1"]),
            (&["News/World"], &["News/World"]),
        ] {
            let found: Vec<_> = terms.iter().map(|term| Category::new(term)).collect();
            assert_eq!(tags(&found), expected, "{terms:?}");
        }
    }

    proptest! {
        #[test]
        fn tags_of_tags_are_the_same(terms in prop::collection::vec("[a-cA-C &;,#<>bé]{0,4}|\\PC{0,6}", 0..8)) {
            let tag = |term: &String| Category::new(term);
            let once = tags(&terms.iter().map(tag).collect::<Vec<_>>());
            let lower: std::collections::BTreeSet<String> = once.iter().map(|tag| tag.to_lowercase()).collect();
            prop_assert_eq!(lower.len(), once.len(), "each once");
            prop_assert!(once.iter().all(|tag| tag.trim() == tag && !tag.is_empty()));
        }
    }
}
