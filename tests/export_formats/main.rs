//! Tests of every export format: reviewed snapshots, and parsing by an independent parser.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod articles;

use std::io;

use gazetted::html::sanitise::SanitisedHtml;
use std::sync::Arc;

use feed_rs::model::{Entry, Feed};
use gazetted::domain::article::{Article, Attachment, Person, effective_date};
use gazetted::domain::feed::FeedRef;
use gazetted::domain::time::from_unix;
use gazetted::export::{Channel, Format, TableStyle, write};
use proptest::prelude::*;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use self::articles::{all, bare, channel, full, hostile};

fn written(format: Format, channel: &Channel, articles: &[Article]) -> String {
    let mut out = Vec::new();
    let count =
        write(format, channel, articles.iter().cloned().map(io::Result::Ok), &mut out).unwrap();
    let expected = if format == Format::Opml { channel.feeds.len() } else { articles.len() };
    assert_eq!(count, expected as u64);
    String::from_utf8(out).unwrap()
}

fn parsed(document: &str) -> Feed {
    feed_rs::parser::Builder::new().build().parse(document.as_bytes()).unwrap()
}

#[test]
fn each_format_looks_as_reviewed() {
    for format in Format::ALL {
        let document = written(format, &channel(), &all());
        // Carriage returns are part of CSV, and lost in a snapshot file.
        insta::assert_snapshot!(format.as_str(), document.replace("\r\n", "␍\n"));
    }
}

#[test]
fn an_export_of_nothing_is_a_valid_document() {
    let channel = Channel {
        title: "Nothing".to_owned(),
        home_page_url: None,
        feed_url: None,
        description: None,
        ..channel()
    };
    let [json, jsonl, jsonfeed, atom, rss, csv, table, markdown, html, _] =
        Format::ALL.map(|format| written(format, &channel, &[]));
    assert!(markdown == "# Nothing\n" && html.ends_with("</html>\n"));
    assert_eq!((json.as_str(), jsonl.as_str()), ("[]\n", ""));
    for document in [&jsonfeed, &atom, &rss] {
        assert_eq!(parsed(document).title.unwrap().content, "Nothing", "{document}");
    }
    assert_eq!((csv.lines().count(), table.lines().count()), (1, 1));
    assert_eq!(parsed(&atom).id, "urn:gazetted:feed:Nothing");
}

/// The values that all feed formats contain, as feed-rs reads them.
fn assert_same(entry: &Entry, article: &Article, format: Format) {
    let text = |text: &Option<String>| text.clone().map(|text| text.trim().to_owned());
    assert_eq!(entry.title.as_ref().map(|title| &title.content), text(&article.title).as_ref());
    let body = entry.content.as_ref().and_then(|content| content.body.clone());
    assert_eq!(body.as_deref(), article.content_html.as_deref(), "{format:?}");
    assert_eq!(entry.published, article.published, "{format:?}");
    assert_eq!(entry.updated, article.modified, "{format:?}");
    let tags: Vec<_> = entry.categories.iter().map(|category| category.term.clone()).collect();
    assert_eq!(tags, article.tags, "{format:?}");
    assert!(entry.links.iter().any(|link| Some(&link.href) == article.url.as_ref()), "{format:?}");
    assert_eq!(entry.authors.first().unwrap().name.as_deref(), Some("Ada Example"), "{format:?}");
}

#[test]
fn feed_rs_reads_every_field() {
    let article = full();
    for format in [Format::Atom, Format::Rss, Format::JsonFeed] {
        let feed = parsed(&written(format, &channel(), std::slice::from_ref(&article)));
        assert_eq!(feed.title.unwrap().content, "Latest & greatest");
        assert!(feed.links.iter().any(|link| link.href == "https://news.example/"), "{format:?}");
        let [entry] = feed.entries.as_slice() else { panic!("{format:?}: one entry") };
        assert_same(entry, &article, format);
    }
}

#[test]
fn an_atom_entry_keeps_identity_source_and_people() {
    let feed = parsed(&written(Format::Atom, &channel(), &[full(), hostile()]));
    let [entry, escaped] = feed.entries.as_slice() else { panic!("two entries") };
    assert_eq!(feed.id, "https://news.example/latest?a=1&b=2");
    assert_eq!(entry.id, "urn:gazetted:a1");
    assert_eq!(escaped.id, "urn:gazetted:id+with+spaces%2F%C3%BC");
    assert_eq!(entry.summary.as_ref().unwrap().content, full().summary.unwrap());
    let people: Vec<_> = entry
        .authors
        .iter()
        .map(|p| (p.name.as_deref().unwrap(), p.uri.as_deref(), p.email.as_deref()))
        .collect();
    assert_eq!(
        people,
        [
            ("Ada Example", Some("https://example.org/ada"), Some("ada@example.org")),
            ("desk@example.org", None, Some("desk@example.org")),
            ("https://example.org/team", Some("https://example.org/team"), None),
        ]
    );
    let enclosures: Vec<_> = entry
        .links
        .iter()
        .filter(|link| link.rel.as_deref() == Some("enclosure"))
        .map(|link| (link.href.as_str(), link.media_type.as_deref(), link.length))
        .collect();
    assert_eq!(
        enclosures,
        [
            ("https://example.org/1.mp3?a=1&b=2", Some("audio/mpeg"), Some(123_456)),
            ("https://example.org/1.bin", None, None),
        ]
    );
}

#[test]
fn an_rss_item_keeps_its_enclosure_and_a_summary_that_is_no_html() {
    let feed = parsed(&written(Format::Rss, &channel(), &[full()]));
    let entry = feed.entries.first().unwrap();
    assert_eq!(entry.id, "a1");
    let summary = &entry.summary.as_ref().unwrap().content;
    assert_eq!(summary, "In short: 1 &lt; 2 &amp; &lt;script&gt; is a word");
    let content = entry.media.first().unwrap().content.first().unwrap();
    assert_eq!(content.url.as_ref().unwrap().as_str(), "https://example.org/1.mp3?a=1&b=2");
    assert_eq!(
        (content.size, content.content_type.as_ref().unwrap().as_str()),
        (Some(123_456), "audio/mpeg")
    );
}

/// Calls `check` with every value in a JSON document.
fn visit(value: &Value, check: &mut impl FnMut(&Value)) {
    check(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(item, check)),
        Value::Object(members) => members.values().for_each(|member| visit(member, check)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_record_has_no_null_and_nothing_empty() {
    let records: Vec<Value> =
        serde_json::from_str(&written(Format::Json, &channel(), &all())).unwrap();
    for record in &records {
        visit(record, &mut |value| {
            let empty = [Value::Null, "".into(), Value::Array(Vec::new())].contains(value);
            assert!(!empty, "{record}");
        });
    }
    let keys = |record: &Value| record.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(records.last().unwrap()),
        ["date_first_seen", "date_source", "feed", "id", "revision", "seq"]
    );
    assert_eq!(records.first().unwrap()["title"], full().title.unwrap());
    let lines: Vec<Value> = written(Format::JsonLines, &channel(), &all())
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, records);
}

#[test]
fn a_json_feed_item_has_what_the_standard_requires() {
    let feed: Value = serde_json::from_str(&written(Format::JsonFeed, &channel(), &all())).unwrap();
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    for item in feed["items"].as_array().unwrap() {
        assert!(item["id"].is_string(), "{item}");
        assert!(item["content_html"].is_string() || item["content_text"].is_string(), "{item}");
        for attachment in item["attachments"].as_array().into_iter().flatten() {
            assert!(attachment["url"].is_string() && attachment["mime_type"].is_string(), "{item}");
        }
    }
}

#[test]
fn a_csv_row_reads_back_and_starts_no_formula() {
    let document = written(Format::Csv, &channel(), &all());
    let mut reader = csv::Reader::from_reader(document.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), all().len());
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
    }
    let cell = |row: usize, name: &str| {
        rows[row].get(header.iter().position(|column| column == name).unwrap()).unwrap()
    };
    assert_eq!(cell(0, "title"), full().title.unwrap());
    assert_eq!(cell(0, "tags"), "politics; R&D");
    assert_eq!(cell(0, "authors"), "Ada Example; desk@example.org; https://example.org/team");
    assert_eq!(cell(0, "date_published"), "2026-08-20T04:18:00Z");
    assert_eq!(cell(1, "summary"), "'-1, \"quoted\"\nsecond line");
    assert_eq!(cell(1, "date_published"), "");
}

#[test]
fn a_table_fits_its_width_and_is_coloured_only_when_asked() {
    for width in [1, 20, 35, 44, 60, 80, 100, 250] {
        let table = TableStyle { width: Some(width), ..channel().table };
        let plain = written(Format::Table, &Channel { table, ..channel() }, &all());
        for line in plain.lines() {
            assert!(line.width() <= width.into(), "{width}: {line:?}");
        }
        assert_eq!(plain.lines().count(), all().len() + 1, "{width}");
        assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{width}");
        let table = TableStyle { color: true, ..table };
        let coloured = written(Format::Table, &Channel { table, ..channel() }, &all());
        assert!(coloured.contains('\u{1b}'));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    }
}

#[test]
fn a_title_of_100_kilobytes_is_only_cut_in_the_table() {
    let title = "Ein langer Titel ".repeat(6_000).trim().to_owned();
    let article = Article { title: Some(title.clone()), ..full() };
    for format in [Format::Atom, Format::Rss, Format::JsonFeed] {
        let feed = parsed(&written(format, &channel(), std::slice::from_ref(&article)));
        assert_eq!(feed.entries.first().unwrap().title.as_ref().unwrap().content, title);
    }
    let table = written(Format::Table, &channel(), &[article]);
    assert!(table.len() < 300, "{} bytes", table.len());
}

/// A closed pipe is success for the commands, so its kind must survive every writer.
#[test]
fn a_closed_pipe_is_reported_as_one() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for format in Format::ALL {
        let error = write(format, &channel(), all().into_iter().map(io::Result::Ok), &mut Closed)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
    }
}

/// A document without all its articles must not have its end.
#[test]
fn an_error_of_the_articles_ends_the_document_and_is_returned() {
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Opml) {
        let whole = written(format, &channel(), &[full()]);
        let articles = [Ok(full()), Err(io::Error::other("the disk is gone")), Ok(full())];
        let mut out = Vec::new();
        let error = write(format, &channel(), articles.into_iter(), &mut out).unwrap_err();
        assert_eq!(error.to_string(), "the disk is gone", "{format:?}");
        assert!(out.len() <= whole.len() && whole.as_bytes().starts_with(&out), "{format:?}");
        if matches!(format, Format::Json | Format::JsonFeed | Format::Atom | Format::Rss) {
            assert!(out.len() < whole.len(), "{format:?} is complete");
        }
    }
}

/// Rows must leave while the next are still being read, or memory would grow with their number.
#[test]
fn articles_are_taken_one_at_a_time() {
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Opml) {
        let alive = Arc::new(FeedRef { name: "shared".to_owned(), ..(*full().feed).clone() });
        let articles = (0..1_000).map(|_| {
            // Us and the article in hand, which is dropped before the next is asked for.
            assert!(Arc::strong_count(&alive) <= 2, "{format:?} holds articles");
            io::Result::Ok(Article { feed: Arc::clone(&alive), ..full() })
        });
        assert_eq!(write(format, &channel(), articles, &mut io::sink()).unwrap(), 1_000);
    }
}

fn any_article() -> impl Strategy<Value = Article> {
    // Anything at all, or a dense mix of what the formats give a meaning to.
    let text = || {
        proptest::option::of("(?s).{0,40}|([<>&;,\"'=+@!\\[\\]-]|]]>|<!--|[\\s\\x00-\\x9f]){0,20}")
    };
    let texts = (text(), text(), text(), text(), text(), text(), text(), text(), text());
    let dates = (any::<Option<i64>>(), any::<Option<i64>>(), any::<u64>());
    (texts, dates).prop_map(|(texts, (published, modified, size))| {
        let (title, summary, html, plain, url, name, email, language, other) = texts;
        Article {
            guid: other.clone(),
            url: url.clone(),
            external_url: other.clone(),
            title,
            summary,
            content_html: html.map(SanitisedHtml::from_store),
            content_text: plain,
            image: url.clone(),
            tags: other.clone().into_iter().collect(),
            authors: vec![Person { name, url, email }],
            language: language.clone(),
            published: published.map(from_unix),
            order_at: effective_date(published.map(from_unix), full().first_seen),
            modified: modified.map(from_unix),
            attachments: vec![Attachment {
                url: other.clone().unwrap_or_default(),
                mime_type: language,
                title: other.clone(),
                size_in_bytes: Some(size),
                duration_in_seconds: Some(size),
            }],
            ..bare(&other.unwrap_or_default())
        }
    })
}

/// Without what the XML formats and CSV drop, as documented there; feed-rs trims besides.
fn kept(text: Option<&String>) -> String {
    let dropped =
        |c: &char| c.is_control() && !"\t\r\n".contains(*c) || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.map(|text| text.chars().filter(|c| !dropped(c)).collect()).unwrap_or_default()
}

proptest! {
    #[test]
    fn whatever_the_texts_hold_every_reader_finds_all_entries_and_titles(
        articles in proptest::collection::vec(any_article(), 0..4)
    ) {
        let raw: Vec<_> = articles.iter().map(|a| a.title.clone().unwrap_or_default()).collect();
        let kept: Vec<_> = articles.iter().map(|a| kept(a.title.as_ref())).collect();
        let trimmed: Vec<_> = kept.iter().map(|title| title.trim().to_owned()).collect();

        for format in [Format::Atom, Format::Rss] {
            prop_assert_eq!(&titles(&parsed(&written(format, &channel(), &articles))), &trimmed);
        }
        let jsonfeed = titles(&parsed(&written(Format::JsonFeed, &channel(), &articles)));
        prop_assert_eq!(jsonfeed, raw.iter().map(|title| title.trim()).collect::<Vec<_>>());

        let json: Vec<Value> =
            serde_json::from_str(&written(Format::Json, &channel(), &articles)).unwrap();
        let found: Vec<_> = json.iter().map(|r| r["title"].as_str().unwrap_or_default()).collect();
        prop_assert_eq!(found, raw);
        prop_assert_eq!(
            written(Format::JsonLines, &channel(), &articles).split_terminator('\n').count(),
            articles.len()
        );

        let document = written(Format::Csv, &channel(), &articles);
        let found: Vec<_> = csv::Reader::from_reader(document.as_bytes())
            .records()
            .map(|row| row.unwrap().get(7).unwrap().to_owned())
            .collect();
        prop_assert_eq!(found.len(), kept.len());
        for (found, kept) in found.iter().zip(&kept) {
            prop_assert_eq!(found.strip_prefix('\'').filter(|_| found != kept).unwrap_or(found), kept);
        }

        let table = written(Format::Table, &channel(), &articles);
        prop_assert_eq!(table.split_terminator('\n').count(), articles.len() + 1);
    }
}

fn titles(feed: &Feed) -> Vec<String> {
    feed.entries
        .iter()
        .map(|entry| entry.title.as_ref().map(|title| title.content.clone()).unwrap_or_default())
        .collect()
}
