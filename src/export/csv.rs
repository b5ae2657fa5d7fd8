//! CSV (RFC 4180): a header, CRLF, UTF-8 without a byte order mark; safe to open in a spreadsheet.
//!
//! Columns are the keys of the record, `feed` being two; lists are joined with `; `.

use std::borrow::Cow;
use std::io;

use crate::domain::article::Article;
use crate::export::record::display_name;
use crate::export::{date, without_controls};

const HEADER: [&str; 21] = [
    "id",
    "seq",
    "feed_name",
    "feed_url",
    "guid",
    "url",
    "external_url",
    "title",
    "summary",
    "content_html",
    "content_text",
    "image",
    "authors",
    "tags",
    "language",
    "date_published",
    "date_modified",
    "date_first_seen",
    "date_source",
    "attachments",
    "revision",
];

pub(super) fn write<E: From<io::Error>>(
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<u64, E> {
    let mut rows = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    rows.write_record(HEADER).map_err(into_io)?;
    let mut count = 0;
    for article in articles {
        let article = article?;
        let row = row(&article);
        rows.write_record(row.iter().map(|cell| cell.as_bytes())).map_err(into_io)?;
        count += 1;
    }
    rows.flush()?;
    Ok(count)
}

fn row(article: &Article) -> [Cow<'_, str>; HEADER.len()] {
    let feed = &article.feed;
    let urls = article.attachments.iter().map(|attachment| attachment.url.as_str());
    [
        safe(&article.id.0),
        article.seq.to_string().into(),
        safe(&feed.name),
        safe(&feed.url),
        optional(article.guid.as_deref()),
        optional(article.url.as_deref()),
        optional(article.external_url.as_deref()),
        optional(article.title.as_deref()),
        optional(article.summary.as_deref()),
        optional(article.content_html.as_deref()),
        optional(article.content_text.as_deref()),
        optional(article.image.as_deref()),
        list(article.authors.iter().filter_map(display_name)),
        list(article.tags.iter().map(String::as_str)),
        optional(article.language.as_deref()),
        article.published.and_then(date).unwrap_or_default().into(),
        article.modified.and_then(date).unwrap_or_default().into(),
        date(article.first_seen).unwrap_or_default().into(),
        article.date_source.as_str().into(),
        list(urls),
        article.revision.to_string().into(),
    ]
}

fn optional(text: Option<&str>) -> Cow<'_, str> {
    text.map(safe).unwrap_or_default()
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> Cow<'a, str> {
    let joined = items.collect::<Vec<_>>().join("; ");
    Cow::Owned(safe(&joined).into_owned())
}

/// A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): one that begins with a
/// formula's sign, if only after white space, or with a tab or line break, gets an apostrophe in
/// front. The signs' full-width forms count, as some spreadsheets fold them.
fn safe(text: &str) -> Cow<'_, str> {
    const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let text = without_controls(text);
    if text.trim_start().starts_with(SIGNS) || text.starts_with(['\t', '\r', '\n']) {
        return Cow::Owned(format!("'{text}"));
    }
    text
}

/// The crate's own conversion would hide a closed pipe behind `ErrorKind::Other`.
fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
