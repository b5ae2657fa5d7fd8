//! What a store does whichever database it is in. Run with and without `GAZETTED_TEST_POSTGRES`.

mod outages;
mod workers;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::feeds::{Item, item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};

/// The titles that a command finds, in its order.
#[track_caller]
fn titles(home: &Home, arguments: &[&str]) -> Vec<String> {
    let lines = home.ok(&[&["export", "--format", "jsonl"], arguments].concat());
    let title = |line| {
        let article: Value = serde_json::from_str(line).unwrap();
        article["title"].as_str().unwrap().to_owned()
    };
    lines.lines().map(title).collect()
}

/// A JSON Feed with these items.
fn json_feed(title: &str, language: &str, items: &Value) -> String {
    json!({
        "version": "https://jsonfeed.org/version/1.1", "title": title, "language": language,
        "items": items,
    })
    .to_string()
}

#[test]
fn characters_that_mean_something_to_a_database_are_characters() {
    let tags = ["50%", "a_b", "a\\b", "it's", "\"x\"", "?1", "$1", "{y}", "Ä"];
    let listed = tags.map(|tag| json!(tag).to_string()).join(",");
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"file:a.json\"\nname = \"100%_\\\\'?1\"\ntags = [{listed}]\n\
         [[feeds]]\nurl = \"file:b.json\"\nname = \"100 xx\"\ntags = [\"500\", \"axb\", \"ä\"]\n"
    ));
    let one = |id: &str, author: &str| {
        json!([{"id": id, "title": id, "content_text": id, "tags": tags,
            "authors": [{"name": author}], "url": format!("https://{}.example/?a=$1&b=%27", author.len())}])
    };
    fs::write(home.path("a.json"), json_feed("A", "en", &one("it's ?1 100%_", "O'Neil_%")))
        .unwrap();
    fs::write(home.path("b.json"), json_feed("B", "en", &one("other", "ONeilxx"))).unwrap();
    home.poll();
    for tag in tags {
        assert_eq!(titles(&home, &["--tag", tag]), ["it's ?1 100%_"], "{tag}");
    }
    assert_eq!(titles(&home, &["--feed", "100%_\\'?1"]), ["it's ?1 100%_"]);
    assert_eq!(titles(&home, &["--author", "O'Neil_%"]), ["it's ?1 100%_"]);
    assert_eq!(home.articles().len(), 2);
    let kept = home.articles().into_iter().find(|article| article["title"] != "other").unwrap();
    assert_eq!(kept["tags"], json!(tags));
    assert_eq!(kept["url"], "https://8.example/?a=$1&b=%27");
}

/// SQLite's texts hold U+0000, those of PostgreSQL do not, nor does its JSON hold the escape.
#[test]
fn a_null_character_in_a_feed_or_a_name_is_no_obstacle() {
    let home = Home::new("[[feeds]]\nurl = \"file:a.json\"\ntags = [\"t\"]\n");
    let items = json!([{"id": "1\u{0}", "title": "A\u{0}B", "content_text": "x\u{0}y",
        "url": "https://news.example/\u{0}1", "tags": ["a\u{0}b", "c"], "language": "e\u{0}n",
        "authors": [{"name": "Ann\u{0}Lee"}], "attachments": [{"url": "https://news.example/\u{0}.mp3",
        "mime_type": "audio/\u{0}mpeg", "title": "\u{0}"}], "summary": "\u{0}", "image": "\u{0}"}]);
    fs::write(home.path("a.json"), json_feed("N\u{0}ews", "\u{0}", &items)).unwrap();
    assert_eq!(home.poll()["added"], 1);
    assert_eq!(home.poll()["edited"], 0, "nothing has changed");
    for arguments in [&["--author", "Lee"][..], &["--tag", "t"], &["--search", "x*"]] {
        assert_eq!(titles(&home, arguments).len(), 1, "{arguments:?}");
    }
    home.ok(&["feeds", "--json"]);
    let site = "[server]\nlisten = \"127.0.0.1:0\"\n";
    home.configure(&format!("[[feeds]]\nurl = \"file:a.json\"\ntags = [\"t\"]\n{site}"));
    let daemon = Running::daemon(&home);
    let web = Site::of(&daemon);
    for path in [
        "/",
        "/?q=x%00y",
        "/?tag=%00",
        "/?feed=a%00",
        "/?author=%00",
        "/feeds?q=%00",
        "/search?q=%00x",
    ] {
        let answer = web.get(path);
        assert!(answer.status < 500, "{path}: {}", answer.text());
    }
    for arguments in [&["search", "B"][..], &["explain", "1"], &["db", "check"]] {
        home.ok(arguments);
    }
}

/// The places of texts in a page, in the order of the page.
fn in_order<'a>(page: &str, texts: &[&'a str]) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> =
        texts.iter().filter_map(|text| Some((page.find(*text)?, *text))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn feeds_have_the_same_order_in_each_database() {
    // By bytes, but the letters of ASCII without regard to case.
    let names =
        ["Zoo 1", "apple 2", "Birch 3", "_low 4", "Äpfel 5", "éclair 6", "日本 7", "ärger 8"];
    let mut config = "[server]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    let server = Server::start();
    for (n, name) in (1..).zip(names) {
        writeln!(
            config,
            "[[feeds]]\nurl = \"{}\"\nname = \"{name}\"",
            server.url(&format!("/{n}"))
        )
        .unwrap();
        let page = match n {
            2 => Page::ok(rss("F", &[])),
            4 => Page::status(410),
            _ => Page::ok(rss("F", &[item(100 - n)])),
        };
        server.put(&format!("/{n}"), page);
    }
    let home = Home::new(&config);
    home.poll_with_failures();
    let daemon = Running::daemon(&home);
    let web = Site::of(&daemon);
    let by_name =
        ["_low 4", "apple 2", "Birch 3", "Zoo 1", "Äpfel 5", "ärger 8", "éclair 6", "日本 7"];
    assert_eq!(in_order(&web.text("/feeds?sort=name"), &names), by_name);
    let newest = web.text("/feeds?sort=newest");
    // Those without articles are last, by name.
    assert_eq!(
        in_order(&newest, &names),
        ["Zoo 1", "Birch 3", "Äpfel 5", "éclair 6", "日本 7", "ärger 8", "_low 4", "apple 2"]
    );
    let next = web.text("/feeds?sort=next");
    assert_eq!(
        in_order(&next, &names).last(),
        Some(&"_low 4"),
        "what is never polled again is last"
    );
    assert_eq!(in_order(&web.text("/feeds"), &names).first(), Some(&"_low 4"));
    let found = web.text("/feeds?q=%C3%84RGER");
    assert_eq!(in_order(&found, &names), ["ärger 8"], "case makes no difference");
}

#[test]
fn languages_and_authors_choose_the_same_articles_in_each_database() {
    let home = Home::new("[[feeds]]\nurl = \"file:a.json\"\n");
    let one = |id: &str, language: Option<&str>, authors: &[&str]| {
        let authors: Vec<Value> = authors.iter().map(|name| json!({"name": name})).collect();
        json!({"id": id, "title": id, "content_text": "-", "language": language, "authors": authors})
    };
    let items = json!([
        one("1", Some("en"), &["Ann Lee"]),
        one("2", Some("en-GB"), &["ann lee", "Bo Ek"]),
        one("3", Some("enm"), &["Anne Leeds"]),
        one("4", Some("de-AT"), &["Jörg Müller"]),
        one("5", Some("de"), &[]),
        one("6", None, &["Joerg Mueller"]),
    ]);
    fs::write(home.path("a.json"), json_feed("A", "", &items)).unwrap();
    home.poll();
    for (arguments, expected) in [
        (&["--language", "en"][..], &["1", "2"][..]),
        (&["--language", "en-GB"], &["2"]),
        (&["--language", "de"], &["4", "5"]),
        (&["--language", "de", "--language", "enm"], &["3", "4", "5"]),
        (&["--author", "Bo Ek"], &["2"]),
        (&["--author", "ANN LEE"], &["1", "2"]),
        (&["--author", "müller"], &["4", "6"]),
        (&["--author", "nobody"], &[]),
        (&["--author", "Ann Lee", "--language", "en-GB"], &["2"]),
    ] {
        let found: BTreeSet<String> = titles(&home, arguments).into_iter().collect();
        assert_eq!(found, expected.iter().copied().map(str::to_owned).collect(), "{arguments:?}");
    }
}

/// A value of PostgreSQL's full-text type has at most 1 MiB, and a word in it 2 KiB.
#[test]
fn a_very_long_article_is_stored_and_found() {
    let home = Home::new("[[feeds]]\nurl = \"file:a.xml\"\n");
    let words = |count: usize, word: fn(usize) -> String| {
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    };
    let many = words(30_000, |n| format!("word{n}"));
    let text = format!("<p>first sentence here {many} {many} {} lastword</p>", "q".repeat(9_000));
    assert!(500_000 < text.len());
    let long = Item { title: "Long".to_owned(), text, ..item(1) };
    let numbers = words(200_000, |n| format!("{n:x}"));
    let longer =
        Item { title: "Longer".to_owned(), text: format!("<p>beginning {numbers}</p>"), ..item(2) };
    let after = Item { title: "After".to_owned(), text: "<p>short</p>".to_owned(), ..item(3) };
    fs::write(home.path("a.xml"), rss("A", &[after, longer, long])).unwrap();
    assert_eq!(home.poll()["added"], 3);
    for (search, expected) in [
        ("\"first sentence here word0 word1\"", "Long"),
        ("word16000", "Long"),
        ("word29999", "Long"),
        ("lastword", "Long"),
        ("\"word9 word8\"", ""),
        ("beginning", "Longer"),
        ("short", "After"),
    ] {
        assert_eq!(titles(&home, &["--search", search]).concat(), expected, "{search}");
    }
    let stored = home.articles().into_iter().find(|article| article["title"] == "Long").unwrap();
    assert!(stored["content_html"].as_str().unwrap().ends_with("lastword</p>"));
    assert_eq!(home.json(&["db", "stats", "--json"])["unindexed"], 0);
}

#[test]
fn several_processes_that_write_at_once_leave_no_gap() {
    const FEEDS: u32 = 24;
    let mut config = String::new();
    for feed in 0..FEEDS {
        writeln!(config, "[[feeds]]\nurl = \"file:{feed}.xml\"\nname = \"f{feed}\"").unwrap();
    }
    let home = Home::new(&config);
    let publish = |from: u32, to: u32| {
        for feed in 0..FEEDS {
            let own = |n: u32| Item {
                guid: Some(format!("{feed}-{n}")),
                link: Some(format!("https://{feed}.example/{n}")),
                title: format!("Title {n} of feed {feed}"),
                ..item(n)
            };
            let items: Vec<Item> = (from..to).map(own).collect();
            fs::write(home.path(&format!("{feed}.xml")), rss(&format!("{feed}"), &items)).unwrap();
        }
    };
    for round in 0..3 {
        publish(5 * round, 5 * round + 5);
        let start = |()| Running::start(home.command(&["poll", "--all", "--json"]));
        for mut poll in [(); 4].map(start) {
            assert_eq!(poll.wait(), Some(0), "{:?}", poll.said());
        }
    }
    let seqs = home.rows("SELECT seq FROM article ORDER BY seq").concat();
    let expected: Vec<Option<String>> = (1..=15 * FEEDS).map(|n| Some(n.to_string())).collect();
    assert_eq!(seqs, expected);
    assert_eq!(home.seq(), i64::from(15 * FEEDS));
    // A consumer that followed them has missed none.
    let heard = home.ok(&["export", "--after", "0", "--with-duplicates", "--format", "jsonl"]);
    assert_eq!(heard.lines().count(), seqs.len());
    home.ok(&["db", "check"]);
}

#[test]
fn a_long_export_shows_one_state_while_others_write() {
    const ARTICLES: u32 = 700;
    let home = Home::new("[[feeds]]\nurl = \"file:a.xml\"\n");
    let publish = |mark: &str, last: u32| {
        let one = |n: u32| Item {
            title: format!("{mark} {n}"),
            text: format!("<p>{}</p>", format!("{mark} number {n} ").repeat(60)),
            ..item(n)
        };
        let items: Vec<Item> = (1..=last).map(one).collect();
        fs::write(home.path("a.xml"), rss("A", &items)).unwrap();
        home.poll();
    };
    publish("old", ARTICLES);
    let mut command =
        home.command(&["export", "--with-duplicates", "--limit", "0", "--format", "jsonl"]);
    let mut export = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(export.stdout.take().unwrap()).lines();
    // The export has begun, and waits for its reader.
    let first = lines.next().unwrap().unwrap();
    publish("new", ARTICLES + 5);
    let lines: Vec<String> = std::iter::once(first).chain(lines.map(Result::unwrap)).collect();
    assert!(export.wait().unwrap().success());
    let old = lines.iter().filter(|line| line.contains("\"old ")).count();
    assert_eq!((lines.len(), old), (700, 700));
    assert_eq!(titles(&home, &["--limit", "1"]), ["new 705"]);
}
