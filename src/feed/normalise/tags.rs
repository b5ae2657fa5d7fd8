//! Categories.

use crate::feed::parse::model::Category;
use crate::html::to_text::{Markup, plain};

/// Returns the label of each category, else its term. Each is named once, in its first spelling.
pub fn tags(found: &[Category]) -> Vec<String> {
    let mut tags: Vec<String> = Vec::with_capacity(found.len());
    for tag in found {
        let label = tag.label.as_deref().and_then(|label| plain(label, Markup::Doubtful));
        let Some(text) = label.or_else(|| plain(&tag.term, Markup::Doubtful)) else { continue };
        if !tags.iter().any(|known| known.to_lowercase() == text.to_lowercase()) {
            tags.push(text);
        }
    }
    tags
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

    proptest! {
        #[test]
        fn tags_of_tags_are_the_same(terms in prop::collection::vec("[a-cA-C &;<>bé]{0,4}|\\PC{0,6}", 0..8)) {
            let tag = |term: &String| Category::new(term);
            let once = tags(&terms.iter().map(tag).collect::<Vec<_>>());
            prop_assert!(once.len() <= terms.len());
            let lower: std::collections::BTreeSet<String> = once.iter().map(|tag| tag.to_lowercase()).collect();
            prop_assert_eq!(lower.len(), once.len(), "each once");
            prop_assert!(once.iter().all(|tag| tag.trim() == tag && !tag.is_empty()));
        }
    }
}
