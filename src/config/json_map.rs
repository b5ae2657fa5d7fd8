//! Reads `[feeds.map]`, which maps a JSON document or a web page to entries.

use url::Url;

use crate::config::keys::MAP;
use crate::config::reader::{Reader, Table};
use crate::domain::json_map::{ElementPath, JsonMap, JsonPath, PageMap};
use crate::feed::page_map::is_selector;
use crate::html::web_address::is_web;

impl Reader<'_> {
    pub(super) fn map(&mut self, feed: &Table<'_>) -> Option<JsonMap> {
        let field = feed.get("map")?;
        let table = self.table(&field, &MAP)?;
        let map = JsonMap {
            items: self.json_path(&table, "items").unwrap_or_default(),
            id: self.json_path(&table, "id"),
            url: self.json_path(&table, "url"),
            title: self.json_path(&table, "title"),
            summary: self.json_path(&table, "summary"),
            content: self.json_path(&table, "content"),
            date: self.json_path(&table, "date"),
            author: self.json_path(&table, "author"),
            image: self.json_path(&table, "image"),
            tags: self.json_path(&table, "tags"),
            base: self.base_url(&table),
            page: page_map(&table),
        };
        if ["title", "url", "id", "content"].iter().all(|key| table.get(key).is_none()) {
            let hint = "write at least title = \"…\" or url = \"…\", the path to it in an entry";
            let message = "tells entries apart by nothing";
            self.fault(&field.key, &field.key_span, message, Some(hint.to_owned()));
        }
        Some(map)
    }

    /// Reads a path of names separated by dots.
    fn json_path(&mut self, table: &Table<'_>, key: &str) -> Option<JsonPath> {
        let field = table.get(key)?;
        let text = self.label(&field)?;
        let text = text.strip_prefix("$.").unwrap_or(text);
        let steps: Vec<String> = text.split('.').map(str::to_owned).collect();
        if steps.iter().any(|step| step.trim().is_empty() || step.contains(['[', ']', '*'])) {
            if is_element_path(text) {
                return None; // For a web page only.
            }
            let hint = "names with dots between, places in a list by number: \"images.0.url\"; for a web page a CSS \
                        selector: \"h2 > a@href\"";
            return self.refuse(&field, "is no path", Some(hint.to_owned()));
        }
        Some(JsonPath(steps))
    }

    fn base_url(&mut self, table: &Table<'_>) -> Option<Url> {
        let field = table.get("base")?;
        let text = self.string(&field)?;
        let url = Url::parse(text.trim()).ok();
        let url =
            url.filter(|url| is_web(url) && url.username().is_empty() && url.password().is_none());
        if url.is_none() {
            let hint = "write \"https://…/\", where the relative addresses of the document start";
            self.hide_password(&field, text);
            let message = "not an http or https URL";
            self.fault(&field.key, &field.span, message, Some(hint.to_owned()));
        }
        url
    }
}

fn is_element_path(text: &str) -> bool {
    ElementPath::parse(text).selector.is_none_or(|selector| is_selector(&selector))
}

/// The keys of the table as selectors; `None` if one of them is no selector.
fn page_map(table: &Table<'_>) -> Option<PageMap> {
    let text = |key: &str| table.get(key).and_then(|field| field.value.as_str().map(str::to_owned));
    let keys = ["id", "url", "title", "summary", "content", "date", "author", "image", "tags"];
    let items = text("items").filter(|items| is_selector(items))?;
    if !keys.into_iter().filter_map(text).all(|text| is_element_path(&text)) {
        return None;
    }
    let path = |key: &str| text(key).map(|text| ElementPath::parse(&text));
    Some(PageMap {
        items,
        id: path("id"),
        url: path("url"),
        title: path("title"),
        summary: path("summary"),
        content: path("content"),
        date: path("date"),
        author: path("author"),
        image: path("image"),
        tags: path("tags"),
    })
}
