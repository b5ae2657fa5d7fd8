//! What a page states for programs: JSON-LD and meta elements.
//!
//! JSON-LD is read as publishers write it: with comments around it, line breaks in strings, and everything in one
//! `@graph` whose nodes refer to each other by `@id`. Where the JSON is damaged, the values of a few keys are found by a
//! pattern.

use std::sync::LazyLock;

use dom_query::Document;
use regex::Regex;
use serde_json::{Map, Value};

use crate::article_page::tree::{all, names};
use crate::html::chars::collapse;
use crate::html::to_text::{Markup, plain};

type Object = Map<String, Value>;

/// The JSON-LD and the meta elements of a page.
pub(super) struct StructuredData {
    /// The JSON-LD objects at the top, in arrays, in `@graph` and in `mainEntity`.
    objects: Vec<Object>,
    /// JSON-LD that is no JSON.
    damaged: Vec<String>,
    /// Names as [`squeezed`] leaves them, and contents.
    metas: Vec<(String, String)>,
}

impl StructuredData {
    pub(super) fn of(page: &Document) -> Self {
        let mut data = Self { objects: Vec::new(), damaged: Vec::new(), metas: metas(page) };
        for script in all(page, "script") {
            let kind = script.attr("type").unwrap_or_default().to_lowercase();
            if !kind.contains("ld+json") {
                continue;
            }
            let text = script.text();
            match parse(&text) {
                Some(value) => collect(value, &mut data.objects),
                None => data.damaged.push(text.to_string()),
            }
        }
        data
    }

    /// The objects of an article type. The first one is about the article of the page, unless another one has the
    /// headline `title`.
    pub(super) fn articles(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| is_article(object))
    }

    /// The first text of a key in articles, else in the damaged JSON-LD.
    pub(super) fn text_of_article(&self, key: &str) -> Option<String> {
        let found = self.articles().find_map(|article| text(article.get(key)?));
        found.or_else(|| self.damaged.iter().find_map(|json| by_pattern(json, key)))
    }

    /// The first text of a key in any object.
    pub(super) fn text_of_any(&self, key: &str) -> Option<String> {
        self.objects.iter().find_map(|object| text(object.get(key)?))
    }

    /// The object that another one refers to, if the value is a reference.
    pub(super) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(object) = value.as_object() else { return value };
        let is_reference =
            |object: &Object| object.keys().all(|key| key == "@id" || key == "@type");
        let id = object.get("@id").filter(|_| is_reference(object));
        // An object does not know that it is in a `Value`, so its name is what is returned.
        id.and_then(|id| {
            self.objects.iter().find(|other| other.get("@id") == Some(id) && !is_reference(other))
        })
        .and_then(|other| other.get("name"))
        .unwrap_or(value)
    }

    /// The content of the first meta element that has one of these names, by the order of the names.
    pub(super) fn meta(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.meta_all(&[name]).next())
    }

    /// The contents of all meta elements whose name is one of these.
    pub(super) fn meta_all(&self, names: &[&str]) -> impl Iterator<Item = &str> {
        let names: Vec<String> = names.iter().map(|name| squeezed(name)).collect();
        let found = self.metas.iter().filter(move |(name, _)| names.contains(name));
        found.map(|(_, content)| content.as_str())
    }

    /// The name of the site.
    pub(super) fn site_name(&self) -> Option<String> {
        let meta = self.meta(&["og:site_name", "application-name", "al:android:app_name"]);
        let publisher = || {
            let value = self.articles().find_map(|article| article.get("publisher"))?;
            text(self.resolve(value))
        };
        let website =
            || self.objects.iter().find(|o| types(o).any(|t| t == "WebSite"))?.get("name");
        meta.map(collapse).or_else(publisher).or_else(|| text(website()?))
    }
}

/// Whether an object is of an article type of schema.org.
pub(super) fn is_article(object: &Object) -> bool {
    types(object).any(|kind| {
        kind.ends_with("Article")
            || kind.ends_with("Posting") && kind != "JobPosting"
            || kind == "Report"
    })
}

fn types(object: &Object) -> impl Iterator<Item = &str> {
    let values = match object.get("@type") {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    };
    values
        .into_iter()
        .filter_map(Value::as_str)
        .map(|kind| kind.rsplit(['/', '#', ':']).next().unwrap_or(kind))
}

/// The text of a value: itself, the name of an object, or that of the first member of an array.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => plain(text, Markup::Doubtful),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(values) => values.iter().find_map(text),
        Value::Object(object) => {
            ["@value", "name", "url", "@id"].iter().find_map(|key| text(object.get(*key)?))
        }
        Value::Null | Value::Bool(_) => None,
    }
}

/// Reads JSON as publishers embed it into HTML.
pub(super) fn parse(text: &str) -> Option<Value> {
    let text = text.trim();
    let text = text.strip_prefix("<!--").unwrap_or(text).trim_start();
    let text = text.strip_prefix("//").unwrap_or(text).trim_start();
    let text = text.strip_prefix("<![CDATA[").unwrap_or(text);
    let text = text.trim_end_matches(|c: char| {
        c.is_whitespace() || ";]>-/".contains(c) && !text.starts_with('[') && c != ']'
    });
    let read = |text: &str| serde_json::from_str(text).ok();
    read(text).or_else(|| {
        static COMMA: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r",\s*([}\]])").ok());
        // A line break in a string is the most frequent fault, a comma after the last member the second.
        let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let repaired = COMMA.as_ref()?.replace_all(&spaced, "$1");
        read(&repaired).or_else(|| {
            // More than one value, or text after it.
            let mut values = serde_json::Deserializer::from_str(&repaired).into_iter();
            values.next()?.ok()
        })
    })
}

/// Collects the objects that describe the page itself, and not what it only mentions. The depth of the JSON is
/// bounded by its parser.
fn collect(value: Value, objects: &mut Vec<Object>) {
    /// A page has a handful.
    const MOST: usize = 500;
    if MOST <= objects.len() {
        return;
    }
    match value {
        Value::Array(values) => values.into_iter().for_each(|value| collect(value, objects)),
        Value::Object(mut object) => {
            let inner = ["@graph", "mainEntity", "mainEntityOfPage", "about"].map(|key| {
                match object.get(key) {
                    Some(Value::Object(inner)) if inner.len() <= 2 => None, // A reference.
                    Some(Value::String(_)) | None => None,
                    Some(_) if key == "about" && is_article(&object) => None,
                    Some(_) => object.remove(key),
                }
            });
            objects.push(object);
            inner.into_iter().flatten().for_each(|value| collect(value, objects));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The text of a key in JSON that cannot be parsed.
fn by_pattern(json: &str, key: &str) -> Option<String> {
    let pattern = Regex::new(&format!(r#""{key}"\s*:\s*"((?:[^"\\]|\\.){{1,2000}})""#)).ok()?;
    let found = pattern.captures(json)?.get(1)?.as_str();
    let unescaped = serde_json::from_str::<String>(&format!("\"{found}\""));
    plain(&unescaped.unwrap_or_else(|_| found.to_owned()), Markup::Doubtful)
}

/// A name in lower case and without the marks between its words, which publishers choose freely.
fn squeezed(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

fn metas(page: &Document) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for meta in all(page, "meta") {
        let Some(content) = meta.attr("content").filter(|content| !content.trim().is_empty())
        else {
            continue;
        };
        for attribute in ["property", "name", "itemprop", "http-equiv"] {
            if let Some(name) = meta.attr(attribute) {
                found.push((squeezed(name.trim()), content.trim().to_owned()));
            }
        }
    }
    found
}

/// The value of a microdata property, outside of meta elements.
pub(super) fn microdata(page: &Document, property: &str) -> Vec<String> {
    let elements = all(page, &format!("[itemprop~=\"{property}\"]"));
    let values = elements.iter().filter(|node| !names(node).contains("comment")).map(|node| {
        let attribute = ["content", "datetime"].iter().find_map(|name| node.attr(name));
        let value = attribute.map(|value| value.to_string());
        value.unwrap_or_else(|| super::tree::line(node))
    });
    values.filter(|value| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> StructuredData {
        let page = format!("<script type='application/ld+json'>{json}</script>");
        StructuredData::of(&Document::from(page))
    }

    #[test]
    fn the_article_is_found_wherever_json_ld_has_it() {
        for json in [
            r#"{"@type":"NewsArticle","headline":"A b"}"#,
            r#"[{"@type":"WebSite","headline":"x"},{"@type":["BlogPosting"],"headline":"A b"}]"#,
            r#"{"@graph":[{"@type":"Organization"},{"@type":"https://schema.org/Article","headline":"A b"}]}"#,
            r##"{"@type":"WebPage","headline":"x","mainEntity":{"@type":"Article","@id":"#a","headline":"A b"}}"##,
            "<!-- {\"@type\":\"Article\",\"headline\":\"A\nb\",} -->",
            "//<![CDATA[\n{\"@type\":\"Article\",\"headline\":\"A b\"}\n//]]>",
            r#"{"@type":"Article","headline":"A b","text":"a "b" c"}"#,
            r#"{"@type":"Article","headline":"A &amp;#98; "};"#,
        ] {
            assert_eq!(data(json).text_of_article("headline").as_deref(), Some("A b"), "{json}");
        }
    }

    #[test]
    fn a_reference_leads_to_the_name_of_its_object() {
        let data = data(
            r##"{"@graph":[{"@type":"Article","author":{"@id":"#p"}},{"@type":"Person","@id":"#p","name":"Ada"}]}"##,
        );
        let author = data.articles().find_map(|article| article.get("author")).unwrap();
        assert_eq!(text(data.resolve(author)).as_deref(), Some("Ada"));
    }

    #[test]
    fn deep_json_is_refused_and_not_followed() {
        assert_eq!(data(&"[".repeat(100_000)).text_of_any("headline"), None);
    }
}
