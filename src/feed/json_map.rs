//! Turns a JSON document or a web page into a JSON Feed by a map that the configuration has.

use serde_json::{Map, Value, json};
use url::Url;

use crate::domain::json_map::{JsonMap, JsonPath};
use crate::feed::charset::{decide, decode};
use crate::feed::page_map::entries;
use crate::feed::parse::NotAFeed;
use crate::feed::parse::cut_json::complete_elements;
use crate::feed::parse::json_repair::read_damaged;

/// The most members of an object that a message names when a path leads nowhere.
const NAMED: usize = 12;

/// Converts a document to JSON Feed. Also returns whether the document breaks off; then the result has its complete
/// entries.
///
/// # Errors
/// When it is neither JSON nor a page that is mapped, or when its list is not where the map says. The message says what is there.
pub fn mapped(
    body: &[u8],
    content_type: Option<&str>,
    map: &JsonMap,
) -> Result<(Vec<u8>, bool), NotAFeed> {
    let (text, _) = decode(body, decide(body, content_type).charset);
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('<')
        && let Some(page) = &map.page
    {
        let items = entries(text, page, map.base.as_ref())?;
        return Ok((json_feed(&items), false));
    }
    let mut parsed: Result<Value, _> = serde_json::from_str(text);
    let mut cut = parsed.as_ref().is_err_and(serde_json::Error::is_eof);
    if cut && let Some(part) = complete_elements(text, map.items.0.len() + 1) {
        parsed = serde_json::from_str(&part);
    }
    if let Err(error) = &parsed
        && !error.is_eof()
        && let Some(repaired) = read_damaged(text, map.items.0.len() + 1)
    {
        (parsed, cut) = (Ok(repaired.value), cut || repaired.cut);
    }
    let document = parsed
        .map_err(|error| NotAFeed::because(format!("this is not well-formed JSON: {error}")))?;
    let items = match at(&document, &map.items) {
        Ok(Value::Array(items)) => items.iter().collect(),
        // The entries are the members of an object, under their ids.
        Ok(Value::Object(members)) if members.values().all(Value::is_object) => {
            members.values().collect::<Vec<_>>()
        }
        Ok(other) => {
            let path = shown(&map.items);
            return Err(NotAFeed::because(format!(
                "the map's items, {path}, are no list but {}",
                kind(other)
            )));
        }
        Err((found, missing)) => {
            let path = shown(&map.items);
            return Err(NotAFeed::because(format!(
                "the map's items are not at {path}: there is no `{missing}` in {}",
                kind(found)
            )));
        }
    };
    let items: Vec<Value> =
        items.into_iter().filter(|item| item.is_object()).map(|item| entry(item, map)).collect();
    Ok((json_feed(&items), cut))
}

fn json_feed(items: &[Value]) -> Vec<u8> {
    let feed = json!({ "version": "https://jsonfeed.org/version/1.1", "items": items });
    feed.to_string().into_bytes()
}

fn entry(item: &Value, map: &JsonMap) -> Value {
    let mut entry = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        entry.extend(value.map(|value| (key.to_owned(), value)));
    };
    put("id", get(item, map.id.as_ref()).and_then(single));
    put("url", get(item, map.url.as_ref()).and_then(|value| address(value, map.base.as_ref())));
    put("title", get(item, map.title.as_ref()).and_then(single));
    put("summary", get(item, map.summary.as_ref()).and_then(single));
    put("content_html", get(item, map.content.as_ref()).and_then(single));
    put("date_published", get(item, map.date.as_ref()).and_then(single));
    put("authors", get(item, map.author.as_ref()).map(people));
    put("image", get(item, map.image.as_ref()).and_then(|value| address(value, map.base.as_ref())));
    put("tags", get(item, map.tags.as_ref()).map(words));
    Value::Object(entry)
}

/// The text that an entry has at a path.
fn get<'v>(item: &'v Value, path: Option<&JsonPath>) -> Option<&'v Value> {
    let found = at(item, path?).ok()?;
    Some(found).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// The value at a path. The error is the last value on the path and the member that it lacks.
fn at<'v, 'p>(value: &'v Value, path: &'p JsonPath) -> Result<&'v Value, (&'v Value, &'p str)> {
    let mut value = value;
    for step in &path.0 {
        let next = match value {
            Value::Object(members) => members.get(step),
            Value::Array(items) => step.parse::<usize>().ok().and_then(|place| items.get(place)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        value = next.ok_or((value, step.as_str()))?;
    }
    Ok(value)
}

/// A text or number as text. A list counts as its first value, an object as the member that usually holds
/// its text.
fn single(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) | Value::Number(_) => Some(value.clone()),
        Value::Array(items) => items.iter().find_map(single),
        Value::Object(members) => {
            ["rendered", "url", "src", "href", "name", "title", "text", "value"]
                .iter()
                .find_map(|name| members.get(*name).and_then(single))
        }
        Value::Null | Value::Bool(_) => None,
    }
}

fn address(value: &Value, base: Option<&Url>) -> Option<Value> {
    let found = single(value)?;
    let text = found.as_str()?;
    match base {
        Some(base) => base.join(text).ok().map(|url| Value::String(url.into())),
        None => Some(found),
    }
}

fn people(value: &Value) -> Value {
    let person = |value: &Value| match value {
        Value::Object(_) => Some(value.clone()),
        _ => single(value).map(|name| json!({ "name": name })),
    };
    match value {
        Value::Array(items) => items.iter().filter_map(person).collect(),
        one => person(one).into_iter().collect(),
    }
}

/// The values of a list, or the parts of a text between commas.
fn words(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().filter_map(single).collect(),
        Value::String(text) => text.split(',').map(str::trim).collect(),
        other => single(other).into_iter().collect(),
    }
}

fn shown(path: &JsonPath) -> String {
    if path.0.is_empty() {
        "the whole document".to_owned()
    } else {
        format!("`{}`", path.0.join("."))
    }
}

/// Describes a value for a message; an object with the names of its members.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(members) => {
            let clean = |name: &String| {
                name.chars().filter(|c| !c.is_control()).take(40).collect::<String>()
            };
            let names: Vec<String> = members.keys().take(NAMED).map(clean).collect();
            let more = if NAMED < members.len() { ", …" } else { "" };
            format!("an object of {}{more}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> JsonPath {
        JsonPath(text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    fn map(items: &str) -> JsonMap {
        let some = |text| Some(path(text));
        JsonMap {
            items: path(items),
            id: some("id"),
            url: some("link"),
            title: some("title"),
            summary: some("lead"),
            content: some("body"),
            date: some("meta.date"),
            author: some("by"),
            image: some("images.0"),
            tags: some("tags"),
            base: Url::parse("https://a.example/x/").ok(),
            page: None,
        }
    }

    #[test]
    fn a_list_becomes_a_feed() {
        for (name, items, document, expected) in [
            (
                "all of it",
                "data.list",
                r#"{"data":{"list":[{"id":7,"link":"1","title":"T","lead":"s","body":"<p>b</p>","meta":{"date":"2021-01-01"},"by":"Ada","images":[{"src":"/i.jpg"}],"tags":"a, b"}]}}"#,
                r#"[{"authors":[{"name":"Ada"}],"content_html":"<p>b</p>","date_published":"2021-01-01","id":7,"image":"https://a.example/i.jpg","summary":"s","tags":["a","b"],"title":"T","url":"https://a.example/x/1"}]"#,
            ),
            (
                "the document itself",
                "",
                r#"[{"title":"T"},null,5,{"title":""}]"#,
                r#"[{"title":"T"},{}]"#,
            ),
            (
                "cut off",
                "data.list",
                r#"{"data":{"list":[{"title":"A","by":[{}]},{"title":"B","by":[{"#,
                r#"[{"authors":[{}],"title":"A"}]"#,
            ),
            (
                "entries under ids",
                "posts",
                r#"{"posts":{"a":{"title":"A"},"b":{"title":"B"}}}"#,
                r#"[{"title":"A"},{"title":"B"}]"#,
            ),
            (
                "a list within a list",
                "0.items",
                r#"[{"items":[{"title":"T"}]}]"#,
                r#"[{"title":"T"}]"#,
            ),
            (
                "texts in objects",
                "",
                r#"[{"title":{"rendered":"T"},"by":[{"name":"A","url":"u"},"B"],"tags":[{"name":"t"},3]}]"#,
                r#"[{"authors":[{"name":"A","url":"u"},{"name":"B"}],"tags":["t",3],"title":"T"}]"#,
            ),
            ("an empty list", "", "[]", "[]"),
        ] {
            let (feed, cut) = mapped(document.as_bytes(), None, &map(items)).unwrap();
            assert_eq!(cut, name == "cut off", "{name}");
            let feed: Value = serde_json::from_slice(&feed).unwrap();
            let expected: Value = serde_json::from_str(expected).unwrap();
            assert_eq!(feed["items"], expected, "{name}");
        }
    }

    #[test]
    fn a_missing_list_is_reported_with_what_is_there() {
        for (items, document, expected) in [
            (
                "data.x",
                r#"{"data":{"list":[],"n":1}}"#,
                "the map's items are not at `data.x`: there is no `x` in an object of list, n",
            ),
            (
                "list",
                "[1,2]",
                "the map's items are not at `list`: there is no `list` in a list of 2",
            ),
            ("n", r#"{"n":1}"#, "the map's items, `n`, are no list but a number"),
            (
                "",
                r#"{"n":1}"#,
                "the map's items, the whole document, are no list but an object of n",
            ),
            ("", "<html>", "this is not well-formed JSON: expected value at line 1 column 1"),
        ] {
            let error = mapped(document.as_bytes(), None, &map(items)).unwrap_err();
            assert_eq!(error.detail, expected);
        }
    }
}
