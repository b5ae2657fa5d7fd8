//! The article filters of `gazetted export`.

use std::fs;

use crate::support::feeds::{Item, item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::wait_for;

/// Two feeds: `Odd` of tag `a` has articles 1 and 3, the other of tags `a` and `b` 2 and 4.
fn home() -> Home {
    let home = Home::new(
        "[[feeds]]\nurl = \"file:odd.xml\"\nname = \"Odd\"\ntags = [\"a\"]\n\
         [[feeds]]\nurl = \"file:even.xml\"\ntags = [\"a\", \"b\"]\n",
    );
    fs::write(home.path("odd.xml"), rss("Odd ones", &[item(3), item(1)])).unwrap();
    fs::write(home.path("even.xml"), rss("Even ones", &[item(4), item(2)])).unwrap();
    home.poll();
    home
}

/// The numbers of the exported articles, newest first.
#[track_caller]
fn exported(home: &Home, arguments: &[&str]) -> Vec<String> {
    let lines = home.ok(&[&["export", "--format", "jsonl"], arguments].concat());
    let titles = lines.lines().map(|line| {
        let article: serde_json::Value = serde_json::from_str(line).unwrap();
        article["title"].as_str().unwrap().trim_start_matches("Title ").to_owned()
    });
    titles.collect()
}

#[test]
fn filters_choose_and_combine() {
    let home = home();
    let even = url::Url::from_file_path(home.path("even.xml")).unwrap().to_string();
    for (arguments, expected) in [
        (&[][..], &["4", "3", "2", "1"][..]),
        (&["--limit", "2"], &["4", "3"]),
        (&["--limit", "0"], &["4", "3", "2", "1"]),
        (&["--feed", "Odd"], &["3", "1"]),
        (&["--feed", "Even ones"], &["4", "2"]),
        (&["--feed", &even], &["4", "2"]),
        (&["--feed", "Odd", "--feed", &even, "-n", "3"], &["4", "3", "2"]),
        (&["--tag", "a"], &["4", "3", "2", "1"]),
        (&["--tag", "b"], &["4", "2"]),
        (&["--tag", "a", "--tag", "b"], &["4", "3", "2", "1"]),
        (&["--tag", "b", "--feed", "Odd"], &[]),
        (&["--since", "2024-08-20T00:02:00Z"], &["4", "3", "2"]),
        (&["--until", "2024-08-20T00:02:00Z"], &["1"]),
        (&["--since", "2024-08-20T00:02:00Z", "--until", "2024-08-20T02:04:00+02:00"], &["3", "2"]),
        (&["--since", "2024-08-20"], &["4", "3", "2", "1"]),
        (&["--since", "2024-08-21"], &[]),
        (&["--since", "1h"], &[]),
        (&["--until", "1h"], &["4", "3", "2", "1"]),
        (&["--tag", "a", "--since", "2024-08-20", "--limit", "1"], &["4"]),
    ] {
        assert_eq!(exported(&home, arguments), expected, "{arguments:?}");
    }
}

#[test]
fn a_span_counts_back_from_now() {
    let home = Home::new("[[feeds]]\nurl = \"file:news.xml\"\n");
    let undated = Item { date: None, ..item(1) };
    fs::write(home.path("news.xml"), rss("News", &[item(2)])).unwrap();
    home.poll();
    // An article without a date that comes after the first poll is ordered by its arrival.
    fs::write(home.path("news.xml"), rss("News", &[undated, item(2)])).unwrap();
    home.poll();
    assert_eq!(exported(&home, &["--since", "1h"]), ["1"]);
    assert_eq!(exported(&home, &["--until", "1h"]), ["2"]);
}

#[test]
fn what_arrived_late_is_found_by_its_arrival() {
    let home = home();
    home.execute("UPDATE article SET first_seen_at = first_seen_at - 86400");
    let new = rss("Odd ones", &[item(5), item(3), item(1)]); // Its date is that of years ago.
    fs::write(home.path("odd.xml"), new).unwrap();
    home.poll();
    for (arguments, expected) in [
        (&["--seen-since", "1h"][..], &["5"][..]),
        (&["--seen-since", "2d"], &["5", "4", "3", "2", "1"]),
        (&["--seen-since", "2d", "--limit", "2"], &["5", "4"]),
        (&["--seen-since", "2d", "--feed", "Odd", "--until", "2024-08-20T00:04:00Z"], &["3", "1"]),
        (&["--seen-since", "2d", "--tag", "b"], &["4", "2"]),
        (&["--seen-since", "2d", "--search", "title"], &["5", "4", "3", "2", "1"]),
        (&["--seen-since", "1h", "--search", "title"], &["5"]),
        (&["--seen-since", "1h", "--after", "0"], &["5"]),
        (&["--since", "1h"], &[]),
        (&["--since", "1h", "--seen-since", "1h"], &[]),
    ] {
        assert_eq!(exported(&home, arguments), expected, "{arguments:?}");
    }
    home.configure(
        "[[exports]]\npath = \"digest.jsonl\"\nformat = \"jsonl\"\nevery = \"1d\"\nseen_since = \"1h\"\n\
         [server]\nlisten = \"127.0.0.1:0\"\n",
    );
    let daemon = Running::daemon(&home);
    let digest = wait_for("the digest", || fs::read_to_string(home.path("digest.jsonl")).ok());
    assert!(digest.lines().count() == 1 && digest.contains("Title 5"), "{digest}");
    let site = Site::of(&daemon);
    for name in ["seen-since", "seen_since"] {
        let shown = site.text(&format!("/export.jsonl?{name}=1h"));
        assert!(shown.lines().count() == 1 && shown.contains("Title 5"), "{shown}");
        let page = site.text(&format!("/?{name}=1h"));
        assert!(page.contains("Title 5") && !page.contains("Title 4"), "{page}");
        assert!(page.contains("Filters in force") && page.contains(": <bdi>1h"), "{page}");
    }
}

#[test]
fn an_invalid_filter_is_an_error_that_names_it() {
    let home = home();
    for (arguments, code, expected) in [
        (&["--since", "yesterday"][..], 2, "yesterday"),
        (&["--limit", "few"], 2, "--limit"),
        (&["--format", "yaml"], 2, "jsonfeed"),
        (&["--tag", "c"], 1, "there is no tag `c`"),
        (&["--feed", "Od"], 1, "did you mean `Odd`?"),
    ] {
        let ran = home.run(&[&["export"], arguments].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:#?}");
        assert!(ran.err.contains(expected), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn feeds_that_left_the_configuration_are_still_exported() {
    let home = home();
    home.configure("[[feeds]]\nurl = \"file:even.xml\"\n");
    home.poll();
    assert_eq!(exported(&home, &[]), ["4", "3", "2", "1"]);
    assert_eq!(exported(&home, &["--feed", "Odd"]), ["3", "1"]);
}
