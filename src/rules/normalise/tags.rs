//! Categories.

use crate::rules::parse::model::Tag;
use crate::rules::text::{Markup, plain};

/// The label for people, else the term; each once, the first spelling kept.
pub fn tags(found: &[Tag]) -> Vec<String> {
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
    use super::*;

    #[test]
    fn a_tag_is_named_once_by_its_label() {
        let tag = |term: &str, label: Option<&str>| Tag {
            term: term.into(),
            label: label.map(Into::into),
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
}
