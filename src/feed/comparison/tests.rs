use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn compared(body: &[u8]) -> Comparison {
    let base = Url::parse("https://feeds.example/dir/feed.xml").unwrap();
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    compare(body, &base, None, now)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Returns how many documents feed-rs reads and how many it refuses.
fn check(files: &[PathBuf]) -> (usize, usize) {
    let (mut read, mut refused) = (0, 0);
    let mut reasons: BTreeMap<(&str, Reason), usize> = BTreeMap::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy();
        let Comparison { reference, ours, differences } = compared(&fs::read(file).unwrap());
        let Ok(reference) = reference else {
            refused += 1;
            continue;
        };
        read += 1;
        let ours = ours.unwrap_or_else(|error| panic!("{name}: only feed-rs reads it: {error}"));
        assert!(reference.len() <= ours.len(), "{name}: {} of {}", ours.len(), reference.len());
        for difference in differences {
            let reason = difference.reason.unwrap_or_else(|| panic!("{name}: {difference:?}"));
            *reasons.entry((difference.field, reason)).or_default() += 1;
        }
    }
    println!("feed-rs reads {read} documents and refuses {refused}; differences: {reasons:#?}");
    (read, refused)
}

#[test]
fn fixtures_are_read_as_feed_rs_reads_them_but_for_the_listed_reasons() {
    assert_eq!(check(&files("tests/feeds")), (7, 0));
}

#[test]
fn captured_feeds_are_read_as_feed_rs_reads_them_but_for_the_listed_reasons() {
    let captured = files("../shared/feeds/captured");
    if captured.is_empty() {
        println!("skipped: there are no captured feeds in ../shared/feeds/captured");
        return;
    }
    let (read, refused) = check(&captured);
    assert!(read * 9 > captured.len() * 8, "{read} read, {refused} refused");
}

/// A clean document shows no difference, so the comparison does not hide what it should find.
#[test]
fn a_difference_without_a_reason_is_found() {
    let draft = |title: &str, tags: &[&str]| {
        let tags: Vec<_> = tags.iter().map(|tag| serde_json::json!(tag)).collect();
        let feed = serde_json::json!({
            "version": "https://jsonfeed.org/version/1.1", "title": "t",
            "items": [{"id": "1", "title": title, "tags": tags}],
        });
        compared(feed.to_string().as_bytes()).ours.unwrap()
    };
    for (name, theirs, ours, expected) in [
        ("the same", draft("a", &[]), draft("a", &[]), None),
        ("another title", draft("a", &[]), draft("b", &[]), Some(None)),
        ("a lost category", draft("a", &["x", "y"]), draft("a", &["x"]), Some(None)),
        ("one more", draft("a", &["x"]), draft("a", &["x", "y"]), Some(Some(Reason::PartlyRead))),
        ("the first", draft("a", &[]), draft("a", &["x"]), Some(Some(Reason::NotRead))),
        ("twice", draft("F\u{c3}\u{bc}nf 1", &[]), draft("Fünf 1", &[]), None),
        ("a dash", draft("a - b", &[]), draft("a – b", &[]), Some(Some(Reason::Characters))),
    ] {
        let found = differences(&theirs, &ours);
        assert_eq!(found.first().map(|difference| difference.reason), expected, "{name}");
    }
}

proptest! {
    /// feed-rs refuses much, but whatever it reads we read as well.
    #[test]
    fn a_document_that_feed_rs_reads_is_read(
        root in prop::sample::select(vec![
            "<rss version='2.0'><channel>", "<rss version='0.91'><channel>",
            "<feed xmlns='http://www.w3.org/2005/Atom'>",
            "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'>",
        ]),
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<item><title>a</title></item>", "<entry><id>1</id><title>b</title></entry>",
                "<item><guid>2</guid><description>c", "</description></item>", "<item>", "</item>", "<entry>",
                "</entry>", "<title>", "</title>", "<link>/a</link>", "<link href='b'/>", "&amp;", "text",
                "<![CDATA[<p>]]>", "<br/>", "<content:encoded>", "</content:encoded>", "</channel>", "<x:y/>",
            ]),
            0..12,
        ),
        closed: bool,
    ) {
        let mut text = format!("{root}{}", parts.concat());
        if closed {
            let end = if root.starts_with("<feed") { "</feed>" } else if root.starts_with("<rdf") { "</rdf:RDF>" } else { "</channel></rss>" };
            text.push_str(end);
        }
        let found = compared(text.as_bytes());
        if let Ok(reference) = found.reference {
            let ours = found.ours.unwrap();
            prop_assert!(reference.len() <= ours.len(), "{} of {} in {text}", ours.len(), reference.len());
        }
    }
}
