//! CSV (RFC 4180) with a header line, CRLF line ends, in UTF-8 without a byte order mark. Cells that a
//! spreadsheet would evaluate as formulas are prefixed.
//!
//! The columns are the keys of the [`Record`]; `feed`, `story` and `full_text` become two columns each. Lists are joined with `; `.

use std::borrow::Cow;
use std::io;

use crate::domain::article::{Article, Person};
use crate::export::record::{KEYS, Record};
use crate::export::without_controls;

/// The columns that replace the key `feed`.
const FEED_COLUMNS: [&str; 2] = ["feed_name", "feed_url"];

/// The columns that replace the key `story`.
const STORY_COLUMNS: [&str; 2] = ["story_id", "story_size"];

/// The columns that replace the key `full_text`.
const FULL_TEXT_COLUMNS: [&str; 2] = ["full_text_state", "full_text_word_count"];

const COLUMNS: usize =
    KEYS.len() - 3 + FEED_COLUMNS.len() + STORY_COLUMNS.len() + FULL_TEXT_COLUMNS.len();

pub(super) fn write<E: From<io::Error>>(
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<(), E> {
    let mut rows = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    rows.write_record(header()).map_err(into_io)?;
    for article in articles {
        let article = article?;
        let row = row(&article);
        rows.write_record(row.iter().map(|cell| cell.as_bytes())).map_err(into_io)?;
    }
    Ok(rows.flush()?)
}

fn header() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .flat_map(|key| match *key {
            "feed" => &FEED_COLUMNS[..],
            "story" => &STORY_COLUMNS[..],
            "full_text" => &FULL_TEXT_COLUMNS[..],
            _ => std::slice::from_ref(key),
        })
        .copied()
}

/// The cells in the order of the header.
fn row(article: &Article) -> [Cow<'_, str>; COLUMNS] {
    let record = Record::of(article);
    [
        safe(record.id),
        record.seq.to_string().into(),
        safe(record.feed.name),
        safe(record.feed.url),
        optional(record.guid),
        optional(record.url),
        optional(record.external_url),
        optional(record.title),
        optional(record.summary),
        optional(record.content_html.map(|html| &**html)),
        optional(record.content_text),
        optional(record.image),
        list(article.authors.iter().filter_map(Person::display_name)),
        list(record.tags.iter().map(String::as_str)),
        optional(record.language),
        record.date_published.unwrap_or_default().into(),
        record.date_modified.unwrap_or_default().into(),
        record.date_first_seen.unwrap_or_default().into(),
        record.date_source.into(),
        list(record.attachments.iter().map(|attachment| attachment.url)),
        podcast(article),
        record.revision.to_string().into(),
        optional(record.duplicate_of),
        optional(record.story.map(|story| story.id)),
        record.story.map(|story| story.size.to_string()).unwrap_or_default().into(),
        list(record.also_in.iter().map(String::as_str)),
        record.full_text.map(|text| text.state).unwrap_or_default().into(),
        record
            .full_text
            .and_then(|text| text.word_count)
            .map(|n| n.to_string())
            .unwrap_or_default()
            .into(),
    ]
}

/// A JSON object in one cell.
fn podcast(article: &Article) -> Cow<'static, str> {
    let object = article.podcast.as_ref().and_then(|podcast| serde_json::to_string(podcast).ok());
    Cow::Owned(object.map_or_else(String::new, |object| safe(&object).into_owned()))
}

fn optional(text: Option<&str>) -> Cow<'_, str> {
    text.map(safe).unwrap_or_default()
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> Cow<'static, str> {
    let joined = items.collect::<Vec<_>>().join("; ");
    Cow::Owned(safe(&joined).into_owned())
}

/// Adds an apostrophe before a cell that a spreadsheet could evaluate as a formula (OWASP, "CSV Injection"). Such
/// a cell begins with a tab, with a line break, or with one of the signs, also after white space. The full-width
/// forms of the signs are included, because some spreadsheets convert them.
fn safe(text: &str) -> Cow<'_, str> {
    const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let text = without_controls(text);
    if text.trim_start().starts_with(SIGNS) || text.starts_with(['\t', '\r', '\n']) {
        return Cow::Owned(format!("'{text}"));
    }
    text
}

/// Keeps the kind of the error. The conversion of the crate would turn a closed pipe into `ErrorKind::Other`.
fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::Person;
    use crate::domain::feed::FeedRef;
    use crate::export::record::tests::full;

    /// Every field says its own name, so that a value in the wrong column shows.
    #[test]
    fn each_value_is_in_the_column_of_its_key() {
        let mut article = full();
        for (field, name) in [
            (&mut article.guid, "guid"),
            (&mut article.url, "url"),
            (&mut article.external_url, "external_url"),
            (&mut article.title, "title"),
            (&mut article.summary, "summary"),
            (&mut article.content_text, "content_text"),
            (&mut article.image, "image"),
            (&mut article.language, "language"),
        ] {
            *field = Some(name.to_owned());
        }
        article.tags = vec!["a".to_owned(), "b".to_owned()];
        article.also_in = article.tags.clone();
        article.authors = vec![
            Person { name: Some("Ada".to_owned()), ..Person::default() },
            Person { email: Some("b@c.example".to_owned()), ..Person::default() },
        ];
        let (name, url) = ("feed_name".to_owned(), "feed_url".to_owned());
        article.feed = std::sync::Arc::new(FeedRef { name, url, ..(*article.feed).clone() });
        let mut out = Vec::new();
        write(&mut std::iter::once(io::Result::Ok(article)), &mut out).unwrap();
        let mut rows = csv::Reader::from_reader(&out[..]);
        let header = rows.headers().unwrap().clone();
        let row = rows.records().next().unwrap().unwrap();
        assert_eq!(header.len(), COLUMNS);
        for (column, value) in header.iter().zip(&row) {
            let expected = match column {
                "id" | "content_html" | "attachments" | "duplicate_of" | "story_id" => "x",
                "story_size" => "2",
                "full_text_state" => "page",
                "podcast" => "{\"season\":1}",
                "seq" | "full_text_word_count" => "1",
                "revision" => "0",
                "tags" | "also_in" => "a; b",
                "authors" => "Ada; b@c.example",
                "date_published" | "date_modified" | "date_first_seen" => "1970-01-01T00:00:00Z",
                "date_source" => "feed",
                column => column,
            };
            assert_eq!(value, expected, "{column}");
        }
    }

    #[test]
    fn a_cell_that_could_be_a_formula_gets_an_apostrophe() {
        for (text, cell) in [
            ("plain", "plain"),
            ("", ""),
            ("1-2=3", "1-2=3"),
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-5 °C", "'-5 °C"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\rx", "'\rx"),
            ("  =1", "'  =1"),
            ("\u{1}=1", "'=1"),
            ("＝1", "'＝1"),
            ("'=1", "'=1"),
        ] {
            assert_eq!(safe(text), cell, "{text:?}");
        }
    }

    #[test]
    fn a_closed_pipe_is_still_one() {
        let closed = csv::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(into_io(closed).kind(), io::ErrorKind::BrokenPipe);
    }
}
