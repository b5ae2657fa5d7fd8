//! Reads `[feeds.map]`, which maps a JSON document to entries.

use url::Url;

use crate::config::keys::MAP;
use crate::config::reader::{Reader, Table};
use crate::domain::json_map::{JsonMap, JsonPath};
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
            let hint = "names with dots between, places in a list by number: \"images.0.url\"";
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
