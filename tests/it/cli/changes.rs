//! `gazetted changes`: which articles were edited, and the words that changed.

use serde_json::Value;

use crate::support::feeds::{Item, item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server};

fn worded(n: u32, title: &str, text: &str) -> Item {
    Item { title: title.to_owned(), text: text.to_owned(), ..item(n) }
}

/// A store in which two articles of one feed and one of another were edited, the last one twice.
fn edited() -> (Server, Home) {
    let server = Server::start();
    let put = |path: &str, items: &[Item]| server.put(path, Page::ok(rss(path, items)));
    let home = Home::with_feeds(&[server.url("/a"), server.url("/b")]);
    put("/a", &[worded(1, "Harbour closed on Monday", "<p>Six ships wait.</p>"), item(2), item(3)]);
    put("/b", &[worded(5, "Storm", "<p>It is <b>over</b>.</p>")]);
    home.poll();
    put(
        "/a",
        &[worded(1, "Harbour closed on Tuesday", "<p>Nine ships wait.</p>"), item(2), item(3)],
    );
    home.poll();
    put("/b", &[worded(5, "Storm", "<p>It is <i>nearly</i> over.</p>")]);
    home.poll();
    put("/b", &[worded(5, "Storm & flood", "<p>It is <i>nearly</i> over.</p>")]);
    put(
        "/a",
        &[
            worded(1, "Harbour  closed on Tuesday ", "<p>Nine ships\nwait.</p>"),
            worded(2, "Title 2", ""),
        ],
    );
    home.poll();
    (server, home)
}

fn text(change: &Value) -> String {
    let part = |part: &Value| match part["kind"].as_str().unwrap() {
        "same" => part["text"].as_str().unwrap().to_owned(),
        kind => format!("<{}:{}>", kind.split_at(3).0, part["text"].as_str().unwrap()),
    };
    let parts: String = change["parts"].as_array().unwrap().iter().map(part).collect();
    format!("{}: {parts}", change["field"].as_str().unwrap())
}

fn changes(list: &Value) -> Vec<String> {
    let edits = list.as_array().unwrap().iter();
    let mut all: Vec<String> =
        edits.flat_map(|edit| edit["changes"].as_array().unwrap().iter().map(text)).collect();
    all.sort();
    all
}

#[test]
fn each_edit_is_listed_with_the_words_that_changed_and_noise_is_not() {
    let (_server, home) = edited();
    let list = home.json(&["changes", "--json"]);
    let expected = [
        "text: <del:Six><ins:Nine> ships wait.",
        "text: It is <ins:nearly> over.",
        "text: <del:Text of number 2.>",
        "title: Harbour closed on <del:Monday><ins:Tuesday>",
        "title: Storm <ins:& flood>",
    ];
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(changes(&list), expected);
    let storm: Vec<&Value> =
        list.as_array().unwrap().iter().filter(|edit| edit["feed"]["name"] == "/b").collect();
    let revisions: Vec<&Value> = storm.iter().map(|edit| &edit["revision"]).collect();
    assert_eq!(revisions, [2, 1], "the latest is first");
    assert_eq!([&storm[0]["title"], &storm[1]["title"]], ["Storm & flood", "Storm"]);
    assert_eq!(storm[0]["id"], storm[1]["id"]);
    assert!(storm[0]["date_edited"].is_string() && storm[0]["date_published"].is_string());
}

#[test]
fn the_marks_of_git_are_used_in_a_pipe_and_colours_when_they_are_wanted() {
    let (_server, home) = edited();
    let plain = home.ok(&["changes"]);
    assert!(plain.contains("  Harbour closed on [-Monday-]{+Tuesday+}\n"), "{plain}");
    assert!(plain.contains("  It is {+nearly+} over.\n"), "{plain}");
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let coloured = home.ok(&["--color", "always", "changes"]);
    assert!(coloured.contains("\u{1b}[32mTuesday\u{1b}[0m"), "{coloured}");
    assert!(!coloured.contains("[-Monday-]"), "{coloured}");
}

#[test]
fn filters_and_the_time_of_the_edit_choose() {
    let (_server, home) = edited();
    let number = |arguments: &[&str]| {
        let all = [&["changes", "--json"], arguments].concat();
        home.json(&all).as_array().unwrap().len()
    };
    for (arguments, expected) in [
        (&[][..], 4),
        (&["--feed", "/b"], 2),
        (&["--feed", "/a"], 2),
        (&["--since", "1h"], 4),
        (&["--until", "1h"], 0),
        (&["--since", "2024-08-20", "--until", "2024-08-21"], 0),
        (&["--search", "flood"], 2),
        (&["--search", "nothing"], 0),
        (&["--limit", "1"], 1),
        (&["--limit", "0"], 4),
    ] {
        assert_eq!(number(arguments), expected, "{arguments:?}");
    }
    let wrong = home.run(&["changes", "--feed", "nobody"]);
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
}

#[test]
fn removed_articles_and_versions_that_are_not_kept_are_not_listed() {
    let (server, home) = edited();
    home.configure(&format!(
        "[store]\nkeep_revisions = 1\n[[feeds]]\nurl = \"{}\"\n[[feeds]]\nurl = \"{}\"\n",
        server.url("/a"),
        server.url("/b")
    ));
    server.put(
        "/b",
        Page::ok(rss("/b", &[worded(5, "Storm over", "<p>It is <i>nearly</i> over.</p>")])),
    );
    home.poll();
    assert_eq!(
        changes(&home.json(&["changes", "--json", "--feed", "/b"])),
        ["title: Storm <del:& flood><ins:over>"]
    );
    server.put("/a", Page::ok(rss("/a", &[item(9)])));
    home.poll();
    home.ok(&["db", "prune", "--older-than", "30d"]);
    assert_eq!(home.json(&["changes", "--json", "--feed", "/a"]), serde_json::json!([]));
}

#[test]
fn foreign_text_cannot_control_the_terminal() {
    let server = Server::start();
    let home = Home::with_feeds(&[server.url("/a")]);
    server.put("/a", Page::ok(rss("A", &[worded(1, "One", "x")])));
    home.poll();
    server.put("/a", Page::ok(rss("A", &[worded(1, "One \u{9b}31m two \u{202e}red", "x")])));
    home.poll();
    let out = home.ok(&["changes"]);
    assert!(!out.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{out:?}");
    assert!(out.contains("{+"), "{out}");
}
