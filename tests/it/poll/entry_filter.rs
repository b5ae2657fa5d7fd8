//! `include` and `exclude`: which articles of a feed are kept.

use std::fs;

use crate::support::feeds::{item, rss};
use crate::support::program::Home;

fn configure(home: &Home, rules: &str) {
    home.configure(&format!("[[feeds]]\nurl = \"file:news.xml\"\nname = \"News\"\n{rules}"));
}

#[test]
fn only_what_the_rules_want_is_stored_and_the_rest_is_counted() {
    let home = Home::empty();
    configure(&home, "include = [\"title:/title [123]/i\"]\nexclude = [\"content:number 2\"]\n");
    fs::write(home.path("news.xml"), rss("News", &[item(4), item(3), item(2), item(1)])).unwrap();
    let report = home.poll();
    assert_eq!((&report["added"], &report["feeds"][0]["entries"]), (&2.into(), &4.into()));
    assert_eq!(report["feeds"][0]["detail"], "2 of 4 left out by include and exclude");
    assert_eq!(home.each("title"), ["Title 3", "Title 1"]);
    let explained = home.ok(&["explain", "News"]);
    assert!(explained.contains("2 of 4 left out"), "{explained}");

    let inspected = home.ok(&["inspect", "news.xml"]);
    assert!(inspected.contains("left out: exclude content:number 2"), "{inspected}");
    assert!(inspected.contains("left out: no include matches"), "{inspected}");
    assert!(inspected.contains("2 articles left out"), "{inspected}");
    let json = home.json(&["inspect", "--json", "news.xml"]);
    assert_eq!(json["articles"][0]["left_out"], "no include matches");
    assert_eq!(json["articles"][1]["left_out"], serde_json::Value::Null);

    // Known entries are not read again, a new one is.
    fs::write(home.path("news.xml"), rss("News", &[item(13), item(4), item(3), item(2)])).unwrap();
    let report = home.poll();
    assert_eq!((&report["added"], &report["feeds"][0]["detail"]), (&1.into(), &().into()));
}

#[test]
fn other_rules_read_the_same_document_anew() {
    let home = Home::empty();
    configure(&home, "exclude = [\"title:2\"]\n");
    fs::write(home.path("news.xml"), rss("News", &[item(2), item(1)])).unwrap();
    home.poll();
    assert_eq!(home.each("title"), ["Title 1"]);
    configure(&home, "");
    home.ok(&["feeds", "reset", "News"]);
    home.poll();
    assert_eq!(home.each("title"), ["Title 2", "Title 1"]);
    configure(&home, "exclude = [\"title:1\"]\n");
    fs::write(home.path("news.xml"), rss("News", &[item(3), item(2), item(1)])).unwrap();
    home.poll();
    assert_eq!(home.each("title"), ["Title 3", "Title 2", "Title 1"], "what is stored stays");
}

#[test]
fn a_faulty_rule_is_told_with_its_place_and_a_hint() {
    let home = Home::empty();
    configure(&home, "include = [\"title:(\"]\nexclude = [\"headline:x\", \"any:ok\"]\n");
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, Some(78), "{ran:#?}");
    for part in ["include[0]", "unclosed group", "exclude[0]", "the fields are title, url"] {
        assert!(ran.err.contains(part) || ran.out.contains(part), "{part}: {ran:#?}");
    }
}

#[test]
fn rules_of_the_top_level_hold_for_all_feeds_and_join_those_of_each() {
    let home = Home::new("");
    fs::write(
        home.path("more.toml"),
        "[[feeds]]\nurl = \"file:b.xml\"\ninclude = [\"title:1$\"]\n",
    )
    .unwrap();
    for name in ["a.xml", "b.xml"] {
        let items: Vec<_> = (1..=13).map(item).collect();
        fs::write(home.path(name), rss(name, &items)).unwrap();
    }
    let own = "[[feeds]]\nurl = \"file:a.xml\"\nexclude = [\"title:13\"]\n";
    home.configure(&format!(
        "include = [\"more.toml\", \"title:/TITLE 1[23]/i\"]\nexclude = [\"title:11\"]\n{own}"
    ));
    home.poll();
    let of = |feed: &str| {
        let mut titles: Vec<String> = home
            .articles()
            .iter()
            .filter(|article| article["feed"]["name"] == feed)
            .map(|article| article["title"].as_str().unwrap().to_owned())
            .collect();
        titles.sort();
        titles
    };
    assert_eq!(of("a.xml"), ["Title 12"]);
    assert_eq!(of("b.xml"), ["Title 1", "Title 12", "Title 13"]);
    let inspected = home.ok(&["inspect", "a.xml"]);
    assert!(inspected.contains("left out: exclude title:11"), "{inspected}");
    // A document that is in no configuration, too.
    fs::copy(home.path("a.xml"), home.path("c.xml")).unwrap();
    let inspected = home.ok(&["inspect", "c.xml"]);
    assert!(inspected.contains("left out: exclude title:11"), "{inspected}");

    home.configure(&format!("include = [\"title:(\", \"titel:x\"]\nexclude = [3]\n{own}"));
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, Some(78), "{ran:#?}");
    for said in ["not a regular expression", "cannot read", "expected a string"] {
        assert_eq!(ran.err.matches(said).count(), 1, "{said}: {}", ran.err);
    }
}
