//! The authors of the article.

use std::sync::LazyLock;

use dom_query::{Document, NodeRef};
use regex::Regex;
use serde_json::Value;

use crate::article_page::head::Head;
use crate::article_page::structured_data::{StructuredData, microdata, text};
use crate::article_page::tree::{all, has_word, line, named, names, spaced};
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
    let names_but = |site: Option<&str>, rule, found: Vec<String>| {
        let mut names: Vec<String> = Vec::new();
        for name in found.iter().flat_map(|text| cleaned(text, site)) {
            if !names.iter().any(|known| normal(known) == normal(&name)) {
                names.push(name);
            }
        }
        (!names.is_empty()).then_some(Byline { names, rule })
    };
    let names = |rule, found: Vec<String>| names_but(site.as_deref(), rule, found);
    let json = data.articles().find_map(|article| {
        let author = article.get("author").or_else(|| article.get("creator"))?;
        // A site may have the name of the person who writes it.
        let site = site.as_deref().filter(|_| !is_person(author));
        names_but(site, "JSON-LD author", people(author, data))
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
        names_but(
            None,
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
        .or_else(|| names("link to an author's page", of_link(page)))
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

/// Whether an author is a person, and not an organisation.
fn is_person(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(is_person),
        Value::Object(object) => object.get("@type").and_then(Value::as_str) == Some("Person"),
        _ => false,
    }
}

/// The first link that leads to the page of an author and has a name as its text.
fn of_link(page: &Document) -> Vec<String> {
    const FOLDERS: [&str; 10] = [
        "/author/",
        "/authors/",
        "/autor/",
        "/autoren/",
        "/auteur/",
        "/autore/",
        "/writers/",
        "/contributors/",
        "/journalist/",
        "?author=",
    ];
    let links = all(page, "a[href]");
    let mut own = links.iter().filter(|link| {
        let href = link.attr("href").unwrap_or_default().to_lowercase();
        FOLDERS.iter().any(|folder| href.contains(folder)) && !is_of_another(link)
    });
    own.find_map(|link| {
        let text = line(link);
        let words = text.split_whitespace().count();
        ((2..=6).contains(&words) && text.chars().next().is_some_and(char::is_uppercase))
            .then_some(text)
    })
    .into_iter()
    .collect()
}

/// Whether an element is in a comment, beside another article, or at the end of the page.
fn is_of_another(node: &NodeRef<'_>) -> bool {
    node.ancestors_it(None).any(|above| {
        !named(&above, &["body", "html"])
            && (has_word(&names(&above), &["comment", "comments", "related", "footer"]))
    })
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
        .filter(|node| !is_of_another(node))
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
        Regex::new(r"(?i)^\s*(?:(?:written|posted|published|reported|story|words|text|texte|texto|testo|article|view all posts|all posts|posts|articles|more)\s+)?(?:by|von|par|por|di|door|av|af|przez|автор|автора|от|oleh|yazan|بقلم|كتب|द्वारा|作者|記者|文|文／|기자)\s*[:：]?\s+").ok()
    });
    static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)^\s*(?:authors?|autor(?:in|es|a)?|auteurs?|autore|автор|tekst|text|作者|記者|文)\s*[:：]\s*").ok()
    });
    static BETWEEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"\s*(?:,?\s+(?:and|und|et|y|e|en|och|og|i|и|with)\s+|\s&\s|;|\||•|·|、|，)\s*")
            .ok()
    });
    // The word before a date, of which a bar is left.
    static ON: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)\s+(?:on|am|le|el|il|op|den)\s*\|").ok());
    let (Some(by), Some(label), Some(between), Some(on)) =
        (BY.as_ref(), LABEL.as_ref(), BETWEEN.as_ref(), ON.as_ref())
    else {
        return Vec::new();
    };
    let text = without_dates(text);
    let text = on.replace(&text, " | ");
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
    fn authors_are_found_where_pages_name_them() {
        for html in [
            "<body class='no-footer'><span class='author vcard'><a>Ada Lovelace</a></span>",
            "<p>By <a href='/author/ada'>Ada Lovelace</a></p><div class=related><a href='/author/b'>Grace Hopper</a></div>",
            "<a href='/blog?author=12'>Ada Lovelace</a>",
            "<meta property='og:site_name' content='Ada Lovelace'><script type='application/ld+json'>{\"@type\":\"Article\",\"author\":[{\"@type\":\"Person\",\"name\":\"Ada Lovelace\"}]}</script>",
            "<meta property='og:site_name' content='Ada Lovelace'><meta name='twitter:label1' content='Written by'><meta name='twitter:data1' content='Ada Lovelace'>",
            "<a rel=author href='/a'>Ada Lovelace</a>",
        ] {
            let page = Document::from(html);
            let data = StructuredData::of(&page);
            let found = byline(&page, &data, &Head::after(None, "")).map(|byline| byline.names);
            assert_eq!(found, Some(vec!["Ada Lovelace".to_owned()]), "{html}");
        }
        let page = Document::from(
            "<meta property='og:site_name' content='The Gazette'><meta name=author content='The Gazette'><div class=related><a href='/author/b'>Grace Hopper</a></div>",
        );
        assert!(byline(&page, &StructuredData::of(&page), &Head::after(None, "")).is_none());
    }

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
            ("By Ada Lovelace on 04-Aug-2021", &["Ada Lovelace"]),
            ("View all posts by Ada Lovelace", &["Ada Lovelace"]),
        ] {
            assert_eq!(cleaned(text, Some("The Gazette")), expected, "{text}");
        }
    }
}
