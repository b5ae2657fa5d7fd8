//! The body in the state of a script, for pages whose text only a browser would show.
//!
//! Frameworks put what they show into the page as JSON: `__NEXT_DATA__`, `__NUXT__`, `window.__STATE__ = {…}`, or
//! JSON-LD with an `articleBody`. The body is the text under a key such as `body` or `content` that is longest: HTML, plain
//! text, or a list of blocks that each have a text.

use dom_query::Document;
use serde_json::Value;

use crate::article_page::structured_data::{StructuredData, parse};
use crate::article_page::tree::all;
use crate::html::escape::{push_attribute, push_text};
use crate::html::recognise::has_markup;

/// The JSON values of the state, apart from JSON-LD.
pub(super) fn states(page: &Document) -> Vec<Value> {
    /// A shorter script holds no article.
    const SHORTEST: usize = 300;
    let mut found = Vec::new();
    for script in all(page, "script") {
        let kind = script.attr("type").unwrap_or_default().to_lowercase();
        let text = script.text();
        if text.len() < SHORTEST || kind.contains("ld+json") {
            continue;
        }
        let json = if kind.contains("json") {
            Some(&*text)
        } else {
            // `window.__INITIAL_STATE__ = {…};`
            text.split_once('=')
                .filter(|(name, _)| name.len() < 80 && name.contains("__"))
                .map(|(_, json)| json.trim())
        };
        found.extend(json.filter(|json| json.starts_with(['{', '['])).and_then(parse));
    }
    found
}

/// The longest body in the states or the JSON-LD, as HTML.
pub(super) fn body(states: &[Value], data: &StructuredData) -> Option<String> {
    let mut best =
        data.articles().find_map(|article| article.get("articleBody")?.as_str()).map(as_html);
    for state in states {
        search(state, "", &mut best);
    }
    best
}

/// The first text of one of these keys in an object that also has a body.
pub(super) fn text_beside_body(states: &[Value], keys: &[&str]) -> Option<String> {
    fn walk(value: &Value, keys: &[&str]) -> Option<String> {
        match value {
            Value::Object(object) => {
                let has_body = object.iter().any(|(key, value)| {
                    is_body(key)
                        && (value.is_array() || value.as_str().is_some_and(|t| 200 < t.len()))
                });
                let own = || {
                    keys.iter().find_map(|key| object.get(*key)?.as_str().map(ToOwned::to_owned))
                };
                has_body
                    .then(own)
                    .flatten()
                    .or_else(|| object.values().find_map(|value| walk(value, keys)))
            }
            Value::Array(values) => values.iter().find_map(|value| walk(value, keys)),
            _ => None,
        }
    }
    states.iter().find_map(|state| walk(state, keys))
}

fn is_body(key: &str) -> bool {
    const KEYS: [&str; 17] = [
        "body",
        "content",
        "articlebody",
        "html",
        "bodyhtml",
        "contenthtml",
        "body_html",
        "content_html",
        "text",
        "fulltext",
        "story",
        "blocks",
        "paragraphs",
        "components",
        "rendered",
        "articletext",
        "elements",
    ];
    KEYS.contains(&&*key.to_lowercase())
}

/// Keeps the longest body. The depth of the JSON is bounded by its parser.
fn search(value: &Value, key: &str, best: &mut Option<String>) {
    /// In bytes. A shorter text is a teaser.
    const SHORTEST: usize = 300;
    let mut offer = |html: String| {
        if SHORTEST <= html.len() && best.as_ref().is_none_or(|best| best.len() < html.len()) {
            *best = Some(html);
        }
    };
    match value {
        Value::String(text) if is_body(key) => offer(as_html(text)),
        Value::Array(values) => {
            if is_body(key) {
                offer(blocks(values));
            }
            for value in values {
                search(value, key, best);
            }
        }
        Value::Object(object) => {
            for (key, value) in object {
                search(value, key, best);
            }
        }
        _ => {}
    }
}

/// A list of blocks as HTML: strings, or objects with a text.
fn blocks(values: &[Value]) -> String {
    let mut html = String::new();
    for value in values {
        let object = value.as_object();
        let of = |keys: &[&str]| {
            object.and_then(|object| keys.iter().find_map(|key| object.get(*key)?.as_str()))
        };
        let kind = of(&["type", "kind", "__typename", "name", "component"])
            .unwrap_or_default()
            .to_lowercase();
        let text =
            value.as_str().or_else(|| of(&["text", "content", "html", "value", "body", "data"]));
        if let Some(address) = of(&["src", "url", "imageUrl"])
            .filter(|_| kind.contains("image") || kind.contains("photo"))
        {
            html.push_str("<img src=\"");
            push_attribute(&mut html, address);
            html.push_str("\">");
        }
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { continue };
        let element = if kind.contains("head") || kind.contains("subtitle") {
            "h2"
        } else if kind.contains("quote") {
            "blockquote"
        } else {
            "p"
        };
        if has_markup(text) && text.trim_start().starts_with('<') {
            html.push_str(text);
            continue;
        }
        html.extend(["<", element, ">"]);
        if has_markup(text) {
            html.push_str(text);
        } else {
            push_text(&mut html, text);
        }
        html.extend(["</", element, ">"]);
    }
    html
}

fn as_html(text: &str) -> String {
    if has_markup(text) {
        return text.to_owned();
    }
    let mut html = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        html.push_str("<p>");
        push_text(&mut html, line);
        html.push_str("</p>");
    }
    html
}
