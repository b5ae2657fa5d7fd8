//! `gazetted export`: every format has the same articles, and a file is replaced completely or not at all.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, STORE};
use crate::support::wait_for;

/// Articles with texts that could break a format.
fn hostile() -> Vec<Item> {
    let titled = |n, title: &str| Item { title: title.to_owned(), ..item(n) };
    let undated = Item { date: None, ..item(5) };
    let text = "<p>]]&gt; &amp;amp; <b>bold</b> \u{1F5DE} \"quoted\", semi;colon</p>\n<p>x</p>";
    vec![
        titled(1, "=HYPERLINK(\"http://x\")"),
        titled(2, "A, \"B\" & <C> ]]> 'D'"),
        titled(3, "多言語 שלום \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}"),
        Item { text: text.to_owned(), ..item(4) },
        undated,
    ]
}

fn home(items: &[Item]) -> Home {
    let home = Home::new("[[feeds]]\nurl = \"file:news.xml\"\nname = \"News & more\"\n");
    fs::write(home.path("news.xml"), rss("News", items)).unwrap();
    home.poll();
    home
}

/// The values that are equal in all formats: link, title (as in CSV), HTML, date.
type Read4 = (String, String, String, Option<String>);

fn from_json(article: &Value) -> Read4 {
    let text = |key: &str| article[key].as_str().unwrap_or_default().to_owned();
    let date = article["date_published"].as_str().map(str::to_owned);
    (text("url"), text("title"), text("content_html"), date)
}

fn from_feed(document: &str) -> Vec<Read4> {
    let feed = feed_rs::parser::Builder::new().build().parse(document.as_bytes()).unwrap();
    let entries = feed.entries.into_iter();
    entries
        .map(|entry| {
            let rfc3339 = |at: chrono::DateTime<chrono::Utc>| at.format("%FT%TZ").to_string();
            let content = entry.content.and_then(|content| content.body).unwrap_or_default();
            let title = entry.title.unwrap().content;
            (entry.links[0].href.clone(), title, content, entry.published.map(rfc3339))
        })
        .collect()
}

#[test]
fn every_format_carries_the_same_articles() {
    let home = home(&hostile());
    let export = |format: &str| home.ok(&["export", "--format", format]);
    let expected: Vec<Read4> = home.articles().iter().map(from_json).collect();
    assert_eq!(expected.len(), 5);
    assert!(expected.iter().any(|article| article.1.starts_with('=')));

    let json: Value = serde_json::from_str(&export("json")).unwrap();
    let read: Vec<Read4> = json.as_array().unwrap().iter().map(from_json).collect();
    assert_eq!(read, expected, "json");

    let jsonfeed: Value = serde_json::from_str(&export("jsonfeed")).unwrap();
    assert_eq!(jsonfeed["version"], "https://jsonfeed.org/version/1.1");
    let read: Vec<Read4> = jsonfeed["items"].as_array().unwrap().iter().map(from_json).collect();
    assert_eq!(read, expected, "jsonfeed");

    for format in ["atom", "rss"] {
        let read = from_feed(&export(format));
        let dated = |articles: &[Read4]| -> Vec<Read4> {
            articles.iter().filter(|article| article.1 != "Title 5").cloned().collect()
        };
        assert_eq!(dated(&read), dated(&expected), "{format}");
        assert_eq!(read.len(), expected.len(), "{format}");
    }

    let csv = export("csv");
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let header = rows.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|other| other == name).unwrap();
    let read: Vec<Read4> = rows
        .records()
        .map(|row| {
            let row = row.unwrap();
            let cell = |name: &str| row[column(name)].to_owned();
            let date = Some(cell("date_published")).filter(|text| !text.is_empty());
            (cell("url"), cell("title"), cell("content_html"), date)
        })
        .collect();
    let safe = expected.iter().cloned().map(|mut article| {
        if article.1.starts_with('=') {
            article.1.insert(0, '\'');
        }
        article
    });
    assert_eq!(read, safe.collect::<Vec<_>>(), "csv");

    let table = export("table");
    assert_eq!(table.lines().count(), 6);
    for (line, (_, title, _, _)) in table.lines().skip(1).zip(&expected) {
        let id = line.split_whitespace().next().unwrap();
        assert!(home.ok(&["show", id]).contains("News & more"), "{id}: {table}");
        let start: String = title.chars().take(5).collect();
        assert!(line.contains(&start) && line.contains("News & more"), "{table}");
    }
}

#[test]
fn a_file_gets_the_format_of_its_name_and_the_same_bytes_each_time() {
    let home = home(&hostile());
    for (name, format) in [
        ("a.json", "json"),
        ("a.jsonl", "jsonl"),
        ("deep/er/a.atom", "atom"),
        ("a.xml", "rss"),
        ("a.csv", "csv"),
    ] {
        let ran = home.run(&["export", "--output", name]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert_eq!(ran.out, "");
        assert!(ran.err.contains("wrote 5 articles"), "{}", ran.err);
        let written = fs::read_to_string(home.path(name)).unwrap();
        assert_eq!(written, home.ok(&["export", "--format", format]), "{name}");
    }
    let ran = home.run(&["export", "--output", "a.opml"]);
    assert!(ran.err.contains("wrote 1 feed to a.opml"), "{}", ran.err);
}

#[test]
fn a_name_that_says_no_format_is_refused_with_the_list_of_endings() {
    let home = home(&hostile());
    for name in ["a.txt", "latest", "a.json.gz", ".csv"] {
        for more in [&[][..], &["--consumer", "c"], &["--after", "0", "--events"]] {
            let ran = home.run(&[&["export", "--output", name], more].concat());
            assert_eq!(ran.code, Some(2), "{ran:?}");
            assert!(
                ran.err.starts_with("error: the name ") && ran.err.contains(".opml"),
                "{ran:?}"
            );
            assert!(!home.path(name).exists());
        }
    }
    let lines = home.ok(&["export"]);
    home.ok(&["export", "--output", "a.txt", "--format", "jsonl"]);
    assert_eq!(fs::read_to_string(home.path("a.txt")).unwrap(), lines);
    assert_eq!(home.ok(&["export", "--output", "/dev/stdout"]), lines);
    fs::write(home.path("t.j2"), "a template").unwrap();
    home.ok(&["export", "--output", "count.txt", "--template", "t.j2"]);
}

#[test]
fn a_failing_export_leaves_the_old_file() {
    let home = home(&hostile());
    fs::write(home.path("out.jsonl"), "old\n").unwrap();
    for arguments in [&["--feed", "nobody"][..], &["--tag", "nothing"]] {
        let ran = home.run(&[&["export", "--output", "out.jsonl"], arguments].concat());
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert!(ran.err.contains("there is no"), "{}", ran.err);
    }
    // In the middle of the work: the last article's feed is not there.
    home.execute(if home.store_url(STORE).is_none() {
        "PRAGMA foreign_keys = OFF;
         UPDATE article SET feed_id = 99, order_at = 0 WHERE title = 'Title 4';"
    } else {
        "ALTER TABLE article DROP CONSTRAINT article_feed_id_fkey;
         UPDATE article SET feed_id = 99, order_at = 0 WHERE title = 'Title 4';"
    });
    let ran = home.run(&["export", "--output", "out.jsonl"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("could not read articles"), "{}", ran.err);
    let cut = home.run(&["export", "--format", "jsonl"]);
    assert_eq!((cut.code, cut.out.lines().count()), (Some(1), 4), "{cut:#?}");

    assert_eq!(fs::read_to_string(home.path("out.jsonl")).unwrap(), "old\n");
    assert_eq!(home.leftovers(), [""; 0]);
    let check = home.run(&["db", "check"]);
    assert_eq!(check.code, Some(1), "{check:#?}");
    assert!(check.out.contains("damaged"), "{}", check.out);
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_error() {
    let long = |n| Item { text: "lorem ipsum ".repeat(200), ..item(n) };
    let home = home(&(1..=300).map(long).collect::<Vec<_>>());
    for format in ["jsonl", "json", "atom", "rss", "csv"] {
        let mut command = home.command(&["export", "--format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::with_capacity(64, child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        drop(out);
        let status = wait_for("the end of the export", || child.try_wait().unwrap());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn an_export_before_the_first_poll_says_what_to_do() {
    let home = Home::new("[[feeds]]\nurl = \"https://a.example/\"\n");
    let ran = home.run(&["export"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("gazetted poll"), "{}", ran.err);
    assert_eq!(home.files(), ["gazetted.toml"]);
}
