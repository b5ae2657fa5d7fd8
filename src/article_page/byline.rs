//! The authors of the article.

use std::sync::LazyLock;

use dom_query::Document;
use regex::Regex;
use serde_json::Value;

use crate::article_page::head::Head;
use crate::article_page::structured_data::{StructuredData, microdata, text};
use crate::article_page::tree::{all, has_word, line, names, spaced};
use crate::feed::normalise::furniture::{date_in, is_byline, normal, without_dates};
use crate::html::chars::collapse;
use crate::html::web_address::has_web_scheme;

/// Names of authors, and the rule that found them.
pub(super) struct Byline {
    pub(super) names: Vec<String>,
    pub(super) rule: &'static str,
}

const METAS: [&str; 12] = [
    "author",
    "article:author",
    "article:author_name",
    "dc.creator",
    "dcterms.creator",
    "dc.author",
    "parsely-author",
    "sailthru.author",
    "byl",
    "citation_author",
    "cxenseparse:author",
    "twitter:data1",
];

pub(super) fn byline(page: &Document, data: &StructuredData, head: &Head<'_>) -> Option<Byline> {
    let site = data.site_name();
    let names = |rule, found: Vec<String>| {
        let mut names: Vec<String> = Vec::new();
        for name in found.iter().flat_map(|text| cleaned(text, site.as_deref())) {
            if !names.iter().any(|known| normal(known) == normal(&name)) {
                names.push(name);
            }
        }
        (!names.is_empty()).then_some(Byline { names, rule })
    };
    let json = data.articles().find_map(|article| {
        let found = people(article.get("author").or_else(|| article.get("creator"))?, data);
        names("JSON-LD author", found)
    });
    let metas = || {
        METAS
            .iter()
            .filter(|name| **name != "twitter:data1")
            .find_map(|name| names("meta author", data.meta_all(&[name]).map(collapse).collect()))
    };
    let written_by = || {
        let label = data.meta(&["twitter:label1"]).unwrap_or_default().to_lowercase();
        let is_label =
            ["written by", "author", "verfasst von", "écrit par", "escrito por"].contains(&&*label);
        names(
            "twitter:data1",
            data.meta(&["twitter:data1"]).filter(|_| is_label).map(collapse).into_iter().collect(),
        )
    };
    let rel = || {
        let found: Vec<_> =
            all(page, "a[rel~=author]").iter().map(line).filter(|t| is_name(t)).collect();
        names("rel=author", found.into_iter().take(4).collect())
    };
    let micro = || {
        names(
            "microdata author",
            microdata(page, "author").into_iter().filter(|t| is_name(t)).take(4).collect(),
        )
    };
    json.or_else(metas)
        .or_else(written_by)
        .or_else(micro)
        .or_else(rel)
        .or_else(|| names("element named as byline", of_class(page)))
        .or_else(|| {
            let lines = head.lines.iter().map(|(_, text)| text);
            names(
                "line below the title",
                lines.filter(|text| is_byline(text)).take(1).cloned().collect(),
            )
        })
}

fn people(value: &Value, data: &StructuredData) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(|value| people(value, data)).collect(),
        Value::Object(object) if matches!(object.get("name"), Some(Value::Array(_))) => {
            object.get("name").map(|name| people(name, data)).unwrap_or_default()
        }
        _ => text(data.resolve(value)).into_iter().collect(),
    }
}

/// The first element that is named as a byline and holds little else.
fn of_class(page: &Document) -> Vec<String> {
    const NAMES: [&str; 8] =
        ["author", "byline", "authors", "autor", "auteur", "autore", "writer", "verfasser"];
    let skipped: &[&str] = &[
        "bio", "comment", "comments", "related", "image", "avatar", "box", "card", "footer",
        "social",
    ];
    all(page, "[class], [id]")
        .iter()
        .filter(|node| {
            let names = names(node);
            has_word(&names, &NAMES) && !has_word(&names, skipped)
        })
        .filter(|node| {
            !node.ancestors_it(None).any(|above| {
                has_word(&names(&above), &["comment", "comments", "related", "footer"])
            })
        })
        .map(spaced)
        .find(|text| is_name(text))
        .into_iter()
        .collect()
}

/// Whether a text is short enough for the names of some people.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 100 && text.split_whitespace().count() <= 14
}

/// The names in a text: without "By", dates, addresses and the name of the site.
fn cleaned(text: &str, site: Option<&str>) -> Vec<String> {
    static BY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)^\s*(?:(?:written|posted|published|reported|story|words|text|texte|texto|testo|article)\s+)?(?:by|von|par|por|di|door|av|af|przez|автор|автора|от|oleh|yazan|بقلم|كتب|द्वारा|作者|記者|文|文／|기자)\s*[:：]?\s+").ok()
    });
    static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)^\s*(?:authors?|autor(?:in|es|a)?|auteurs?|autore|автор|tekst|text|作者|記者|文)\s*[:：]\s*").ok()
    });
    static BETWEEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"\s*(?:,?\s+(?:and|und|et|y|e|en|och|og|i|и|with)\s+|\s&\s|;|\||•|·|、|，)\s*")
            .ok()
    });
    let (Some(by), Some(label), Some(between)) = (BY.as_ref(), LABEL.as_ref(), BETWEEN.as_ref())
    else {
        return Vec::new();
    };
    let text = without_dates(text);
    let text = label.replace(&text, "");
    let text = by.replace(&text, "");
    let is_site = |name: &str| site.is_some_and(|site| normal(site) == normal(name));
    let parts = between.split(&text).flat_map(|part| {
        // Commas separate names of two words and more; a title follows one name.
        let all_names = part.split(", ").all(|name| 2 <= name.split_whitespace().count());
        let parts: Vec<&str> = if all_names { part.split(", ").collect() } else { vec![part] };
        parts
    });
    let is_name = |name: &&str| {
        !has_web_scheme(name)
            && !name.starts_with(['@', '#', '/'])
            && name.chars().any(char::is_alphabetic)
            && name.chars().count() <= 80
            && !is_site(name)
            && date_in(name, false).is_none()
            && !["admin", "administrator", "editor", "guest", "staff", "author", "by"]
                .contains(&&*name.to_lowercase())
    };
    let names = parts.map(|name| name.trim_matches([' ', ',', '-', '–', '—', '/', '.', ':']));
    names.filter(is_name).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_out_of_bylines() {
        for (text, expected) in [
            ("By Ada Lovelace", &["Ada Lovelace"][..]),
            ("Von Ada Lovelace und Grace Hopper", &["Ada Lovelace", "Grace Hopper"]),
            (
                "Ada Lovelace, Grace Hopper and Jean Bartik",
                &["Ada Lovelace", "Grace Hopper", "Jean Bartik"],
            ),
            ("Ada Lovelace, Ph.D.", &["Ada Lovelace, Ph.D"]),
            ("Автор: Ада Лавлейс", &["Ада Лавлейс"]),
            ("The Gazette", &[]),
            ("https://example.org/ada", &[]),
            ("By Ada Lovelace | 20 May 2024", &["Ada Lovelace"]),
            ("Ada Lovelace December 17, 2025", &["Ada Lovelace"]),
        ] {
            assert_eq!(cleaned(text, Some("The Gazette")), expected, "{text}");
        }
    }
}
