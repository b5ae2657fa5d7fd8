//! Feeds whose content attacks a browser, a terminal or a spreadsheet.

mod page;
mod terminal;
mod vectors;

use serde_json::json;

/// A JSON Feed with these texts as the HTML of its items, which are called 0, 1, 2, …
fn feed_of(texts: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = texts
        .enumerate()
        .map(|(n, html)| json!({"id": n.to_string(), "title": n.to_string(), "content_html": html}))
        .collect();
    json!({"version": "https://jsonfeed.org/version/1.1", "title": "Evil", "items": items})
        .to_string()
}
