//! The standfirst: the text below the title that sums the article up.

use dom_query::Document;

use crate::article_page::head::{Head, is_sentence};
use crate::article_page::structured_data::StructuredData;
use crate::article_page::tree::{all, has_word, line, names};
use crate::feed::normalise::furniture::normal;
use crate::html::chars::collapse;

/// A standfirst, and the rule that found it.
pub(super) struct Standfirst {
    pub(super) text: String,
    pub(super) rule: &'static str,
    /// Whether the page shows it apart from the body, so that the body must not repeat it.
    pub(super) is_shown: bool,
}

/// Names that publishers give to standfirsts.
const NAMES: [&str; 17] = [
    "standfirst",
    "dek",
    "deck",
    "subtitle",
    "subhead",
    "subheadline",
    "subheading",
    "lede",
    "sapo",
    "chapo",
    "vorspann",
    "anriss",
    "catenaccio",
    "entradilla",
    "bajada",
    "ingress",
    "manchet",
];

/// In characters. A longer text is a part of the article.
const LONGEST: usize = 700;

pub(super) fn standfirst(
    page: &Document,
    data: &StructuredData,
    head: &Head<'_>,
) -> Option<Standfirst> {
    let stated =
        data.meta(&["og:description", "description", "twitter:description", "dc.description"]);
    let stated = stated.map(collapse).or_else(|| data.text_of_article("description"));
    let stated = stated.filter(|text| !text.is_empty());
    let shown = |text: String, rule| Standfirst { text, rule, is_shown: true };
    let named = all(page, "[class], [itemprop], [id]").into_iter().find_map(|node| {
        let names = names(&node);
        let is_named = has_word(&names, &NAMES)
            || [
                "sub-title",
                "sub_title",
                "article-lead",
                "article__lead",
                "article-summary",
                "article__summary",
                "article-intro",
            ]
            .iter()
            .any(|name| names.contains(name));
        let text = Some(line(&node)).filter(|text| is_named && is_sentence(text))?;
        let is_card = node.ancestors_it(Some(6)).any(|above| {
            has_word(
                &super::tree::names(&above),
                &["related", "card", "sidebar", "footer", "recommended", "nav"],
            )
        });
        (text.chars().count() <= LONGEST && !is_card).then_some(text)
    });
    if let Some(text) = named {
        return Some(shown(text, "element that is named as one"));
    }
    // The description that the page shows between the title and the date.
    let end = head.furniture.unwrap_or(2).min(head.lines.len());
    let repeated = head.lines.iter().take(end).find(|(_, text)| {
        stated.as_ref().is_some_and(|stated| normal(stated) == normal(text)) && is_sentence(text)
    });
    if let Some((_, text)) = repeated.filter(|_| head.furniture.is_some()) {
        return Some(shown(text.clone(), "description that is shown before the date"));
    }
    if let Some((_, text)) = head.before_furniture()
        && text.chars().count() <= LONGEST
    {
        return Some(shown(text.clone(), "line between title and date"));
    }
    Some(Standfirst { text: stated?, rule: "description", is_shown: false })
}
