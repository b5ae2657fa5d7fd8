use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::html::to_text::html_to_text;
use crate::test_support::captured_feeds;

/// Unlimited, and in the fixtures' time.
fn read(body: &[u8], remembered: &Remembered) -> Result<Document, NotAFeed> {
    read_some(body, remembered, usize::MAX)
}

fn read_some(
    body: &[u8],
    remembered: &Remembered,
    max_entries: usize,
) -> Result<Document, NotAFeed> {
    let base = Url::parse("https://feeds.example/dir/feed.xml").unwrap();
    let now = "2024-09-01T00:00:00Z".parse().unwrap();
    document(body, &base, Some("application/xml"), remembered, max_entries, now)
}

fn fresh(body: &str) -> Document {
    read(body.as_bytes(), &Remembered::default()).unwrap()
}

fn rss(items: &[&str]) -> String {
    format!("<rss version='2.0'><channel><title>t</title>{}</channel></rss>", items.concat())
}

fn item(guid: &str, link: &str, title: &str) -> String {
    format!(
        "<item><guid isPermaLink='false'>{guid}</guid><link>{link}</link><title>{title}</title></item>"
    )
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/feeds")
}

#[test]
fn every_dialect_is_normalised() {
    for file in files(&fixtures()) {
        let found = read(&fs::read(&file).unwrap(), &Remembered::default()).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        insta::assert_debug_snapshot!(name, (found.meta, found.hints, found.drafts));
    }
}

#[test]
fn the_text_of_a_news_article_is_complete() {
    let body = fs::read(fixtures().join("news.xml")).unwrap();
    let found = read(&body, &Remembered::default()).unwrap();
    let article = &found.drafts[0];
    assert_eq!(article.title.as_deref(), Some("Ferry line ‘Heron’ returns after eleven years"));
    assert!(
        article.summary.as_deref().unwrap().starts_with("The crossing that the town voted away")
    );
    insta::assert_snapshot!(html_to_text(article.content_html.as_deref().unwrap()), @"
    The crossing that the town voted away in 2013 opens again on Sunday, with two boats and a lower fare.

    August 20 2024 , 06:18 AM • 982 views

    The Heron at pier 4. Photo: J. Lind

    Eleven years after the last crossing, the ferry line Heron will again connect the old harbour with the north bank.

    The first boat leaves at 06:40; tickets cost 2 euros, half of what they did. See the timetable.

    > “We should never have let it go.”

    The second boat, built in 1987, joins in October.
    ");
}

#[test]
fn an_unchanged_item_is_not_read_again() {
    let (a, b, c) = (item("1", "/1", "a"), item("2", "/2", "b"), item("3", "/3", "c"));
    let first = fresh(&rss(&[&a, &b]));
    assert_eq!((first.drafts.len(), first.entries, first.remembered.items.len()), (2, 2, 2));
    let edited = item("2", "/2", "b, edited");
    let second = read(rss(&[&c, &a, &edited]).as_bytes(), &first.remembered).unwrap();
    let titles: Vec<_> = second.drafts.iter().filter_map(|draft| draft.title.as_deref()).collect();
    assert_eq!(titles, ["c", "b, edited"]);
    assert_eq!((second.entries, second.remembered.items.len()), (3, 3));
    assert_eq!(second.drafts[1].key, first.drafts[1].key);
    assert_ne!(second.drafts[1].hash, first.drafts[1].hash);
    let third = read(rss(&[&c, &a, &edited, "\n"]).as_bytes(), &second.remembered).unwrap();
    assert_eq!((third.drafts.len(), third.entries), (0, 3));
    assert_ne!(third.remembered.body_hash, second.remembered.body_hash);
}

#[test]
fn a_guid_used_twice_makes_the_key_policy_careful_for_ever() {
    let (a, b) = (item("x", "/1", "a"), item("x", "/2", "b"));
    let first = fresh(&rss(&[&a]));
    assert_eq!(first.remembered.key_policy, KeyPolicy::Trusting);
    // The old item is known by its bytes: only both together show what the GUID is worth.
    let second = read(rss(&[&a, &b]).as_bytes(), &first.remembered).unwrap();
    assert_eq!(second.remembered.key_policy, KeyPolicy::Careful);
    assert_eq!(second.drafts.len(), 2);
    assert_eq!(second.drafts[0].former_key, Some(first.drafts[0].key));
    assert_ne!(second.drafts[0].key, second.drafts[1].key);
    let third = read(rss(&[&b, &item("y", "/3", "c")]).as_bytes(), &second.remembered).unwrap();
    assert_eq!(third.remembered.key_policy, KeyPolicy::Careful);
    assert_eq!(third.drafts.len(), 1);
    assert!(third.drafts[0].former_key.is_some());
}

/// An item of a feed in which all items share GUID and link.
fn sharing(title: &str, day: u32, text: &str) -> String {
    let title = if title.is_empty() { String::new() } else { format!("<title>{title}</title>") };
    let date = if day == 0 { String::new() } else { format!("<pubDate>{day} Jul 2024</pubDate>") };
    format!(
        "<item><guid isPermaLink='false'>g</guid><link>/1</link>{title}{date}<description>{text}</description></item>"
    )
}

#[test]
fn of_two_entries_of_one_article_the_newer_is_kept() {
    for (name, first, second, kept) in [
        ("re-dated", sharing("a", 1, "x"), sharing("a", 2, "x"), 2),
        ("re-dated, in the other order", sharing("a", 2, "x"), sharing("a", 1, "x"), 2),
        ("rewritten", sharing("a", 2, "x"), sharing("a", 2, "y"), 2),
        ("rewritten without a date", sharing("a", 0, "x"), sharing("a", 0, "y"), 0),
        ("without title", sharing("", 1, "x"), sharing("", 1, "y"), 1),
        ("listed twice", sharing("a", 1, "x"), sharing("a", 1, "x"), 1),
    ] {
        let found = fresh(&rss(&[&first, &second]));
        let days: Vec<_> = found
            .drafts
            .iter()
            .map(|d| d.published.map_or(0, |at| chrono::Datelike::day(&at)))
            .collect();
        assert_eq!(days, [kept], "{name}");
        assert!(found.drafts[0].content_html.as_deref().unwrap().contains('x'), "{name}");
        assert_eq!((found.entries, found.remembered.items.len()), (2, 2));
        assert_eq!(found.remembered.key_policy, KeyPolicy::Trusting);
    }
}

#[test]
fn entries_that_share_guid_and_link_are_told_apart() {
    for (name, items, articles) in [
        ("titles", vec![sharing("a", 1, "x"), sharing("b", 1, "x"), sharing("c", 0, "")], 3),
        ("date and text", vec![sharing("a", 1, "x"), sharing("a", 2, "y")], 2),
        ("date and text, no titles", vec![sharing("", 1, "x"), sharing("", 2, "y")], 2),
        ("text alone, no titles, no dates", vec![sharing("", 0, "x"), sharing("", 0, "y")], 2),
        (
            "one of them twice",
            vec![sharing("a", 1, "x"), sharing("b", 2, "y"), sharing("a", 1, "x")],
            2,
        ),
        (
            "one title twice",
            vec![sharing("a", 1, "x"), sharing("a", 2, "y"), sharing("b", 3, "z")],
            3,
        ),
    ] {
        let mut items: Vec<&str> = items.iter().map(String::as_str).collect();
        let keys = |items: &[&str]| {
            let found = fresh(&rss(items));
            found.drafts.iter().map(|draft| draft.key).collect::<HashSet<_>>()
        };
        let found = keys(&items);
        assert_eq!(found.len(), articles, "{name}");
        items.reverse();
        assert_eq!(keys(&items), found, "{name}, in another order");
    }
    let alone = fresh(&rss(&[&sharing("a", 1, "x")]));
    let both =
        read(rss(&[&sharing("b", 2, "y"), &sharing("a", 1, "x")]).as_bytes(), &alone.remembered);
    // Both are read, although the bytes of the old one are known.
    let both = both.unwrap();
    assert_eq!(both.drafts.len(), 2);
    let third = read(
        rss(&[&sharing("c", 3, "z"), &sharing("b", 2, "y"), &sharing("a", 1, "x")]).as_bytes(),
        &both.remembered,
    );
    let keys = |document: &Document| document.drafts.iter().map(|d| d.key).collect::<HashSet<_>>();
    assert!(keys(&both).is_subset(&keys(&third.unwrap())), "keys stay when an entry comes");
}

#[test]
fn of_too_many_entries_the_newest_are_kept() {
    let dated: Vec<String> = [3, 1, 2]
        .map(|day| {
            format!(
                "<item><guid>{day}</guid><pubDate>0{day} Jul 2024 00:00:00 GMT</pubDate></item>"
            )
        })
        .into();
    let undated: Vec<String> = [3, 1, 2].map(|n| format!("<item><guid>{n}</guid></item>")).into();
    for (name, items, kept) in [("dated", dated, ["3", "2"]), ("undated", undated, ["3", "1"])] {
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let found = read_some(rss(&items).as_bytes(), &Remembered::default(), 2).unwrap();
        let guids: Vec<_> = found.drafts.iter().filter_map(|draft| draft.guid.as_deref()).collect();
        assert_eq!(guids, kept, "{name}");
        assert_eq!((found.entries, found.remembered.items.len()), (3, 3), "{name}");
        // A higher limit reads them all again.
        let again = read_some(rss(&items).as_bytes(), &found.remembered, 3).unwrap();
        assert_eq!(again.drafts.len(), 3, "{name}");
    }
}

#[test]
fn a_feed_without_entries_is_a_feed() {
    assert_eq!(fresh(&rss(&[])).entries, 0);
}

#[test]
fn a_description_alone_is_the_content_and_if_short_the_summary() {
    let long = "word ".repeat(101);
    for (name, description, content, summary) in [
        ("short", "A &lt;b&gt;b&lt;/b&gt;.", Some("A <b>b</b>."), Some("A b.")),
        ("long", long.trim(), Some(long.trim()), None),
        ("empty", " ", None, None),
    ] {
        let found = fresh(&rss(&[&format!(
            "<item><guid>1</guid><description>{description}</description></item>"
        )]));
        assert_eq!(found.drafts[0].content_html.as_deref(), content, "{name}");
        assert_eq!(found.drafts[0].summary.as_deref(), summary, "{name}");
    }
}

#[test]
fn an_entry_made_from_a_page_comes_out_clean() {
    let lines = [
        "The ferry returns to the island",
        "From Monday a boat links the island with the mainland again.",
        "August 20 2024 , 06:18 AM\u{a0} •\u{a0} 982 views",
        "The ferry returns to the island",
        "After nine years without a regular connection, the ferry to the island sails again every morning.",
        "Image",
        "“We waited nine years for this morning, and nobody was dry-eyed.”",
        "Ruth Calder, captain of the ferry",
        "The school in the village, which had closed for lack of pupils, will open its doors again in September.",
    ];
    let html = lines.map(|line| format!("&lt;p&gt;{line}&lt;/p&gt;")).concat();
    for (name, description) in [
        ("paragraphs", html.clone()),
        ("line breaks", lines.join("&lt;br&gt;")),
        ("plain text", lines.join("\n\n")),
        ("plain lines", lines.join("\n")),
    ] {
        let found = fresh(&rss(&[&format!(
            "<item><guid>1</guid><title>The ferry returns to the island</title><description>{description}</description></item>"
        )]));
        let draft = &found.drafts[0];
        let [_, standfirst, _, _, first, _, quote, speaker, last] = lines;
        let quotation = format!("<blockquote><p>{quote}</p><p>{speaker}</p></blockquote>");
        let expected = match name {
            "line breaks" => format!("{first}{quotation}{last}"),
            _ => format!("<p>{first}</p>{quotation}<p>{last}</p>"),
        };
        assert_eq!(draft.content_html.as_deref(), Some(&*expected), "{name}");
        assert_eq!(draft.summary.as_deref(), Some(standfirst), "{name}");
        assert_eq!(draft.published, Some("2024-08-20T06:18:00Z".parse().unwrap()), "{name}");
    }
    let found = fresh(&rss(&[&format!(
        "<item><guid>1</guid><title>The ferry returns to the island</title><pubDate>Mon, 19 Aug 2024 10:00:00 GMT</pubDate>\
         <description>The school opens.</description><content:encoded xmlns:content='http://purl.org/rss/1.0/modules/content/'>{html}</content:encoded></item>"
    )]));
    let draft = &found.drafts[0];
    assert_eq!(draft.summary.as_deref(), Some("The school opens."));
    assert_eq!(draft.published, Some("2024-08-19T10:00:00Z".parse().unwrap()));
    assert!(!draft.content_html.as_deref().unwrap().contains("982 views"));
}

/// Checks that a document read in two steps, some of its items first, gives the same as when read whole.
fn check_in_two_steps(file: &Path, rounds: u64) -> bool {
    let body = fs::read(file).unwrap();
    let Some(shape) = find_items(&body, usize::MAX as u64) else { return false };
    let Ok(whole) = read(&body, &Remembered::default()) else { return false };
    if whole.remembered.items.len() != shape.items.len() {
        return false;
    }
    let mut seed = xxh3_64(&body);
    for round in 1..=rounds {
        let known: HashSet<u64> = shape
            .items
            .iter()
            .map(|item| item.hash)
            .filter(|hash| {
                seed = xxh3_64(&[seed, *hash, round].map(u64::to_le_bytes).concat());
                seed % 3 < round
            })
            .collect();
        let others: HashSet<u64> =
            shape.items.iter().map(|item| item.hash).filter(|hash| !known.contains(hash)).collect();
        let document_of_known =
            drop_known(&body, &shape, |hash| others.contains(&hash)).document.into_owned();
        let older = Remembered { key_policy: whole.remembered.key_policy, ..Remembered::default() };
        let first = read(&document_of_known, &older).unwrap();
        let second = read(&body, &first.remembered).unwrap();
        // As the store does it: an article that comes again replaces what it was.
        let drafts = first.drafts.iter().chain(&second.drafts);
        let merged: BTreeMap<ArticleKey, &ArticleDraft> =
            drafts.map(|draft| (draft.key, draft)).collect();
        let expected: BTreeMap<ArticleKey, &ArticleDraft> =
            whole.drafts.iter().map(|draft| (draft.key, draft)).collect();
        assert_eq!(merged, expected, "{}", file.display());
        assert_eq!(second.entries, whole.entries, "{}", file.display());
        assert_eq!(second.meta, whole.meta, "{}", file.display());
    }
    true
}

#[test]
fn reading_only_new_items_finds_what_reading_all_does() {
    let checked = files(&fixtures()).iter().filter(|file| check_in_two_steps(file, 2)).count();
    assert_eq!(checked, 6, "all fixtures but the JSON Feed");
}

#[test]
fn captured_feeds_read_in_two_steps_are_as_read_whole() {
    let Some(folder) = captured_feeds() else { return };
    let captured = files(&folder);
    let (mut feeds, mut found_in) = (0, 0);
    for file in &captured {
        match read(&fs::read(file).unwrap(), &Remembered::default()) {
            Ok(_) => feeds += 1,
            Err(error) => println!("{}: {error}", file.file_name().unwrap().to_string_lossy()),
        }
        found_in += usize::from(check_in_two_steps(file, 1));
    }
    println!("{feeds} of {} are feeds, the items of {found_in} were found", captured.len());
    assert!(captured.len() * 8 < feeds * 10, "{feeds} of {}", captured.len());
    assert!(feeds * 8 < found_in * 10, "{found_in} of {feeds}");
}

proptest! {
    /// A GUID names an article whatever becomes of it; without one its link does.
    #[test]
    fn an_edited_article_stays_the_same(
        guid in "[a-z0-9:/#-]{1,20}",
        link in "[a-z0-9]{1,10}",
        titles in prop::array::uniform2("[a-zA-Z<>&; ]{0,30}"),
        texts in prop::array::uniform2("(?s)(<(p|b|img src='x'|script|svg)>|.){0,30}"),
        named: bool,
    ) {
        let feed = |title: &str, text: &str| {
            let mut item = serde_json::json!({"url": format!("/{link}"), "title": title, "content_html": text});
            if named {
                item["id"] = guid.as_str().into();
            }
            serde_json::json!({"version": "https://jsonfeed.org/version/1.1", "items": [item]}).to_string()
        };
        let [before, after] = [0, 1].map(|n| fresh(&feed(&titles[n], &texts[n])));
        prop_assert_eq!(before.drafts[0].key, after.drafts[0].key);
        prop_assert_eq!(fresh(&feed(&titles[0], &texts[0])), before, "the same twice");
    }

    #[test]
    fn any_bytes_are_a_feed_or_none_and_read_alike_twice(
        root in prop::sample::select(vec!["<rss><channel>", "<feed>", "{\"version\":\"\",\"items\":[", ""]),
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<item>", "</item>", "<entry>", "</entry>", "<title>a", "</title>", "<guid>1</guid>", "<link>/a</link>",
                "<description><![CDATA[<p>x<li>y</p>]]></description>", "{\"id\":1},", "{\"content_html\":\"<b>\"}", "]}",
                "<pubDate>1 Jan 2020</pubDate>", "&", "<", "\u{1b}", "é",
            ]),
            0..20,
        ),
    ) {
        let body = format!("{root}{}", parts.concat());
        let read = || read(body.as_bytes(), &Remembered::default());
        let first = read();
        if let Ok(first) = &first {
            let again = read_some(body.as_bytes(), &first.remembered, usize::MAX).unwrap();
            prop_assert_eq!(again.entries, first.entries);
        }
        prop_assert_eq!(read(), first);
    }
}
