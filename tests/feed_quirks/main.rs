//! Quirks of real feeds, one for each case: what the document contains, and what a reader expects of it.
//!
//! An expectation is `field=value`, and ` | ` separates several. An empty value means that the field must be
//! absent. The address of each document is `https://example.org/dir/feed`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bodies;
mod damage;
mod dates;
mod encodings;
mod links;
mod media;
mod people;
mod structure;

use gazetted::domain::poll::{Document, Remembered};
use gazetted::domain::time::{from_unix, rfc3339};
use gazetted::feed::document::document;
use url::Url;

/// 1 January 2026.
const NOW: i64 = 1_767_225_600;

fn read(body: &[u8], content_type: Option<&str>) -> Result<Document, String> {
    let base = Url::parse("https://example.org/dir/feed").unwrap();
    let known = Remembered::default();
    document(body, &base, content_type, &known, 2_000, from_unix(NOW)).map_err(|e| e.to_string())
}

/// The text of a field. `feed.…`, `n` (the number of entries), `titles` and `guids` are of the document; the others are
/// of its first entry.
fn field(document: &Document, name: &str) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    match name {
        "n" => return document.entries.to_string(),
        "feed.title" => return text(&document.meta.title),
        "feed.home" => return text(&document.meta.home_page_url),
        "feed.about" => return text(&document.meta.description),
        "feed.language" => return text(&document.meta.language),
        "titles" => {
            let titles = document.drafts.iter().map(|draft| text(&draft.title));
            return titles.collect::<Vec<_>>().join(",");
        }
        "guids" => {
            let guids = document.drafts.iter().map(|draft| text(&draft.guid));
            return guids.collect::<Vec<_>>().join(",");
        }
        _ => {}
    }
    let Some(draft) = document.drafts.first() else { return "no entry".to_owned() };
    match name {
        "title" => text(&draft.title),
        "url" => text(&draft.url),
        "external" => text(&draft.external_url),
        "guid" => text(&draft.guid),
        "summary" => text(&draft.summary),
        "html" => draft.content_html.as_deref().unwrap_or_default().to_owned(),
        "image" => text(&draft.image),
        "language" => text(&draft.language),
        "date" => draft.published.map(rfc3339).unwrap_or_default(),
        "edited" => draft.modified.map(rfc3339).unwrap_or_default(),
        "tags" => draft.tags.join(","),
        "authors" => {
            let one = |p: &gazetted::domain::article::Person| {
                let parts = [&p.name, &p.email, &p.url];
                parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("/")
            };
            draft.authors.iter().map(one).collect::<Vec<_>>().join(",")
        }
        "podcast" => {
            draft.podcast.as_ref().map(|it| serde_json::to_string(it).unwrap()).unwrap_or_default()
        }
        "files" => {
            let one = |a: &gazetted::domain::article::Attachment| {
                let size = a.size_in_bytes.map(|n| n.to_string());
                let length = a.duration_in_seconds.map(|n| format!("{n}s"));
                let parts = [Some(a.url.clone()), a.mime_type.clone(), size, length];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            };
            draft.attachments.iter().map(one).collect::<Vec<_>>().join(",")
        }
        other => panic!("there is no field {other}"),
    }
}

/// Checks all cases, and fails with every expectation that was not met.
#[track_caller]
fn check<B: AsRef<[u8]>>(cases: &[(&str, B, &str)]) {
    let mut faults = Vec::new();
    for (name, body, expected) in cases {
        match read(body.as_ref(), None) {
            Err(error) => faults.push(format!("{name}: {error}")),
            Ok(document) => {
                for (field_name, wanted) in expected.split(" | ").filter_map(|e| e.split_once('='))
                {
                    let found = field(&document, field_name);
                    if found != wanted {
                        faults.push(format!(
                            "{name}: {field_name}\n   want {wanted}\n    got {found}"
                        ));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// An item of RSS 2.0 with the usual namespaces declared.
fn rss(item: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:media=\"http://search.yahoo.com/mrss/\" \
         xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" xmlns:atom=\"http://www.w3.org/2005/Atom\" \
         xmlns:dcterms=\"http://purl.org/dc/terms/\"><channel><title>F</title><item>{item}</item></channel></rss>"
    )
}

fn atom(entry: &str) -> String {
    format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>F</title><entry>{entry}</entry></feed>"
    )
}

fn atom03(entry: &str) -> String {
    format!(
        "<feed version=\"0.3\" xmlns=\"http://purl.org/atom/ns#\"><title>F</title><entry>{entry}</entry></feed>"
    )
}

fn rdf(item: &str) -> String {
    format!(
        "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://purl.org/rss/1.0/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\">\
         <channel rdf:about=\"https://example.org/\"><title>F</title></channel>{item}</rdf:RDF>"
    )
}

fn json(item: &str) -> String {
    format!(
        "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"F\",\"items\":[{item}]}}"
    )
}
