//! Edits of articles with their word differences, as JSON and as Atom.

use std::io;

use serde_json::{Value, json};

use crate::domain::article::{Edit, Wording};
use crate::export::record::FeedRecord;
use crate::export::word_diff::{Kind, Part, word_diff};
use crate::export::xml::{Xml, language};
use crate::export::{Channel, atom, date, headline, present};
use crate::html::escape::push_text;
use crate::html::to_text::html_to_text;
use crate::present::line;

/// What an edit changed in one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDiff {
    /// `title`, `summary` or `text`.
    pub name: &'static str,
    pub parts: Vec<Part>,
}

/// The fields whose words an edit changed. There are none when it changed links, images, tags or the like. A summary is
/// compared only if the text has not changed, because it repeats the text in most feeds.
pub fn differences(edit: &Edit) -> Vec<FieldDiff> {
    let Edit { before, after, .. } = edit;
    let title = |wording: &Wording| wording.title.clone().unwrap_or_default();
    let summary = |wording: &Wording| wording.summary.clone().unwrap_or_default();
    let text =
        |wording: &Wording| wording.content_html.as_deref().map(html_to_text).unwrap_or_default();
    let mut fields = vec![
        FieldDiff { name: "title", parts: word_diff(&title(before), &title(after)) },
        FieldDiff { name: "text", parts: word_diff(&text(before), &text(after)) },
    ];
    if fields.last().is_some_and(|text| text.parts.is_empty()) {
        let parts = word_diff(&summary(before), &summary(after));
        fields.push(FieldDiff { name: "summary", parts });
    }
    fields.retain(|field| !field.parts.is_empty());
    fields
}

/// The record of an edit: the article in short, and the parts of each field that differ.
pub fn record(edit: &Edit) -> Value {
    let Edit { article, at, revision, .. } = edit;
    let part = |part: &Part| json!({ "kind": part.kind.as_str(), "text": part.text });
    let fields = differences(edit).into_iter();
    let changes = fields.map(|field| {
        json!({ "field": field.name, "parts": field.parts.iter().map(part).collect::<Value>() })
    });
    let mut record = json!({
        "id": article.id.0,
        "feed": FeedRecord::of(&article.feed),
        "revision": revision,
        "changes": changes.collect::<Value>(),
    });
    let texts = [
        ("url", present(article.url.as_deref()).map(str::to_owned)),
        ("title", present(edit.after.title.as_deref()).map(str::to_owned)),
        ("language", present(article.language.as_deref()).map(str::to_owned)),
        ("date_published", article.published.and_then(date)),
        ("date_edited", date(*at)),
    ];
    if let Some(record) = record.as_object_mut() {
        let known =
            texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into())));
        record.extend(known);
    }
    record
}

/// Writes the edits as an Atom feed. Each edit is an entry of its own.
///
/// # Errors
/// Those of `edits`, and those of `out`.
pub fn write_atom<E: From<io::Error>>(
    channel: &Channel,
    edits: &mut dyn Iterator<Item = Result<Edit, E>>,
    out: &mut dyn io::Write,
) -> Result<(), E> {
    let mut xml = Xml::begin(out)?;
    xml.open("feed", &[("xmlns", "http://www.w3.org/2005/Atom")])?;
    atom::head(&mut xml, channel)?;
    for edit in edits {
        entry(&mut xml, &edit?)?;
    }
    xml.close("feed")?;
    Ok(xml.finish()?)
}

fn entry(xml: &mut Xml<'_>, edit: &Edit) -> io::Result<()> {
    let Edit { article, at, revision, .. } = edit;
    match language(article) {
        Some(tag) => xml.open("entry", &[("xml:lang", tag)])?,
        None => xml.open("entry", &[])?,
    }
    xml.text("id", &format!("{}:{revision}", atom::urn("edit:", &article.id.0)))?;
    let own = edit.after.title.as_deref().and_then(line);
    let title = own.unwrap_or_else(|| headline(article));
    xml.element("title", &[("type", "text")], &title)?;
    xml.text("updated", &date(*at).unwrap_or_default())?;
    if let Some(url) = present(article.url.as_deref()) {
        xml.empty("link", &[("rel", "alternate"), ("href", url)])?;
    }
    for person in &article.authors {
        atom::author(xml, person)?;
    }
    atom::source(xml, &article.feed, article.authors.is_empty())?;
    xml.element("content", &[("type", "html")], &html(&differences(edit)))?;
    xml.close("entry")
}

/// The differences as HTML, with `del` and `ins`.
fn html(fields: &[FieldDiff]) -> String {
    if fields.is_empty() {
        return "<p>Links, images, tags or the like were changed.</p>".to_owned();
    }
    let mut out = String::new();
    for field in fields {
        out.push_str(if field.name == "title" { "<p><strong>" } else { "<p>" });
        for part in &field.parts {
            let tag = match part.kind {
                Kind::Same => None,
                Kind::Deleted => Some("del"),
                Kind::Inserted => Some("ins"),
            };
            if let Some(tag) = tag {
                out.extend(["<", tag, ">"]);
            }
            for (n, line) in part.text.split('\n').enumerate() {
                if 0 < n {
                    out.push_str("<br>");
                }
                push_text(&mut out, line);
            }
            if let Some(tag) = tag {
                out.extend(["</", tag, ">"]);
            }
        }
        out.push_str(if field.name == "title" { "</strong></p>" } else { "</p>" });
    }
    out
}
