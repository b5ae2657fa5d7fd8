//! `gazetted search` and `gazetted show`.

use std::fs;

use serde_json::Value;

use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, STORE};

fn titled(n: u32, title: &str, text: &str) -> Item {
    Item { title: title.to_owned(), text: format!("<p>{text}</p>"), ..item(n) }
}

fn home() -> Home {
    let home = Home::new(
        "[[feeds]]\nurl = \"file:a.xml\"\nname = \"A\"\ntags = [\"x\"]\n\
         [[feeds]]\nurl = \"file:b.xml\"\nname = \"B\"\n",
    );
    let a = [
        titled(1, "Élection tomorrow", "Voters go to the polls."),
        titled(2, "Weather", "Rain on the day of the election, and after the election too."),
        titled(3, "北京大学发布新手机", "详情请看这里。"),
    ];
    fs::write(home.path("a.xml"), rss("A", &a)).unwrap();
    let b = [titled(4, "Sports", "No election here: football.")];
    fs::write(home.path("b.xml"), rss("B", &b)).unwrap();
    home.poll();
    home
}

#[track_caller]
fn found(home: &Home, arguments: &[&str]) -> Vec<String> {
    let found = home.json(&[&["search", "--json"], arguments].concat());
    let title = |article: &Value| article["title"].as_str().unwrap().to_owned();
    found.as_array().unwrap().iter().map(title).collect()
}

#[test]
fn a_search_ranks_filters_and_takes_anything() {
    let home = home();
    assert_eq!(found(&home, &["election"])[0], "Élection tomorrow", "a title counts more");
    for (arguments, expected) in [
        (&["--newest", "election"][..], &["Sports", "Weather", "Élection tomorrow"][..]),
        (&["election", "--feed", "B"], &["Sports"]),
        (&["election", "--tag", "x", "--newest", "-n", "1"], &["Weather"]),
        (&["election -football", "--tag", "x", "--", "-rain"], &["Élection tomorrow"]),
        (&["\"day of the election\""], &["Weather"]),
        (&["foot*"], &["Sports"]),
        (&["手机"], &["北京大学发布新手机"]),
        (&["nothing", "like", "it"], &[]),
        (&["election) OR (x", "AND"], &[]),
        (&["title:", "\"weather"], &[]),
        (&["election", "--until", "2024-08-20T00:02:00Z"], &["Élection tomorrow"]),
    ] {
        assert_eq!(found(&home, arguments), expected, "{arguments:?}");
    }
    for arguments in [&["--", "-only"][..], &["!!!"], &["election", "--feed", "C"]] {
        let ran = home.run(&[&["search"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments:?}: {ran:#?}");
    }
}

#[test]
fn a_word_is_found_in_each_of_its_spellings() {
    let home = Home::new("[[feeds]]\nurl = \"file:a.xml\"\n");
    let spellings = [
        ("臺灣的總統府", &["台湾", "台灣", "总统", "總統", "臺灣的总统府"][..]),
        ("鉄道と国会", &["鐵道", "国会", "國會"]),
        (
            "Köln am Rhein",
            &["Koeln", "koln", "KÖLN", "\"köln am rhein\"", "\"koeln am rhein\"", "koel*"],
        ),
        ("Muenchen heute", &["München", "MÜNCHEN", "muenchen"]),
        ("Ny bro i Ålesund", &["Aalesund", "alesund", "ålesund"]),
        ("Straße und Fluß", &["strasse", "STRASSE", "fluss"]),
        ("Søren Kierkegård", &["soren", "soeren", "kierkegaard"]),
        ("الكِتَاب الأول في مدرسة", &["الكتاب", "الاول", "مدرسه", "فی"]),
        ("سال ۱۴۰۳ خورشیدی", &["1403", "١٤٠٣", "خورشيدي"]),
        ("Bundes\u{ad}tag und Zero\u{200b}width", &["bundestag", "zerowidth", "zero\u{200d}width"]),
    ];
    let items: Vec<_> = (1..).zip(spellings).map(|(n, (title, _))| titled(n, title, "-")).collect();
    fs::write(home.path("a.xml"), rss("A", &items)).unwrap();
    home.poll();
    let titles = home.each("title");
    for (title, words) in spellings {
        for word in words {
            let one = found(&home, &[word]);
            assert_eq!(one.len(), 1, "{word}: {one:?}");
            let first = title.chars().next().unwrap();
            assert!(one[0].starts_with(first) && titles.contains(&one[0]), "{word}: {one:?}");
        }
    }
    assert_eq!(found(&home, &["poet"]), [""; 0]);
}

#[test]
fn a_store_that_was_indexed_by_older_rules_is_indexed_anew() {
    let home = Home::new("[[feeds]]\nurl = \"file:a.xml\"\n");
    fs::write(home.path("a.xml"), rss("A", &[titled(1, "臺灣", "x"), titled(2, "b", "x")]))
        .unwrap();
    home.poll();
    assert_eq!(found(&home, &["台湾"]), ["臺灣"]);
    // The index as version 2 of the rules wrote it.
    home.execute("UPDATE meta SET value = 2 WHERE key = 'index_rules'");
    home.execute(if home.store_url(STORE).is_none() {
        "INSERT OR REPLACE INTO article_text (rowid, title, body)
         SELECT id, '臺灣 灣', 'x' FROM article WHERE title = '臺灣'"
    } else {
        "UPDATE article_text SET words = '臺灣:1A 灣:2A x:10'
         WHERE id = (SELECT id FROM article WHERE title = '臺灣')"
    });
    assert_eq!(found(&home, &["台湾"]), ["臺灣"]);
    assert_eq!(found(&home, &["x", "--newest"]).len(), 2);
}

#[test]
fn a_search_shows_where_it_hit() {
    let home = home();
    let plain = home.ok(&["search", "election", "--newest"]);
    let lines: Vec<&str> = plain.lines().collect();
    assert!(lines[0].starts_with("ID") && lines[1].ends_with("Sports"), "{plain}");
    assert_eq!(lines[2], "    No election here: football.");
    let colored = home.ok(&["--color", "always", "search", "election", "--feed", "B"]);
    assert!(colored.contains("\u{1b}[1m\u{1b}[33melection\u{1b}[0m"), "{colored:?}");
    let json = home.json(&["search", "--json", "election", "--feed", "B"]);
    let parts = json[0]["snippet"].as_array().unwrap();
    assert_eq!((&parts[1]["text"], &parts[1]["hit"]), (&"election".into(), &true.into()));
    let none = home.run(&["search", "absent"]);
    assert_eq!((none.code, none.out.as_str(), none.err.trim()), (Some(0), "", "nothing found"));
}

#[test]
fn show_numbers_the_links_of_an_article_and_lists_their_addresses() {
    let home = Home::new("[[feeds]]\nurl = \"file:a.xml\"\nname = \"A\"\n");
    let text = "<p>After <a href=\"https://law.example/7?a=1&amp;b=2\">the ruling</a>, all <a href=\"/more\">appeal</a>.</p>";
    fs::write(home.path("a.xml"), rss("A", &[titled(1, "Ruling", text)])).unwrap();
    home.poll();
    let shown = home.ok(&["show", "1"]);
    assert!(shown.contains("\nAfter the ruling [1], all appeal [2].\n"), "{shown}");
    assert_eq!(shown.matches("After the ruling").count(), 1, "the summary is the text: {shown}");
    let list = "\n\n[1] https://law.example/7?a=1&b=2\n[2] https://news.example/more\n\nSeen in\n";
    assert!(shown.contains(list), "{shown}");
}

#[test]
fn an_edit_is_found_and_shown() {
    let home = home();
    let edited = [titled(4, "Sports today", "No election here: handball.")];
    fs::write(home.path("b.xml"), rss("B", &edited)).unwrap();
    home.poll();
    assert_eq!(found(&home, &["football"]), [""; 0]);
    assert_eq!(found(&home, &["handball"]), ["Sports today"]);
    let id = home.json(&["search", "--json", "handball"])[0]["id"].as_str().unwrap().to_owned();
    let article = home.json(&["show", "--json", &id]);
    assert_eq!((&article["title"], &article["revision"]), (&"Sports today".into(), &1.into()));
    assert_eq!(article["sightings"][0]["feed"]["name"], "B");
    let version = &article["versions"][0];
    assert_eq!((&version["title"], &version["revision"]), (&"Sports".into(), &0.into()));
    assert!(version["date_seen"].is_string() && version["date_replaced"].is_string());

    let short = id.split_once('-').unwrap().1;
    let text = home.ok(&["show", short]);
    for expected in [
        "Sports today\n",
        "feed       B\n",
        "https://news.example/4",
        "No election here: handball.",
        "    title: Sports {+today+}\n",
        "football",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let ran = home.run(&["show", "ffff"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("there is no article `ffff`"), "{}", ran.err);
}

#[test]
fn versions_are_kept_as_the_configuration_says() {
    let home = Home::new("[store]\nkeep_revisions = 0\n[[feeds]]\nurl = \"file:a.xml\"\n");
    for title in ["one", "two", "three"] {
        fs::write(home.path("a.xml"), rss("A", &[titled(1, title, "text")])).unwrap();
        home.poll();
    }
    let id = home.each("id").remove(0);
    assert_eq!(home.json(&["show", "--json", &id])["versions"], serde_json::json!([]));
    assert!(home.ok(&["show", &id]).contains("2 times; those versions are not kept"));
}

#[test]
fn exports_take_words_languages_and_authors() {
    let home = home();
    let of = |arguments: &[&str]| {
        home.ok(&[&["export", "--format", "jsonl"], arguments].concat()).lines().count()
    };
    assert_eq!(of(&["--search", "election"]), 3);
    assert_eq!(of(&["--search", "election -football", "--tag", "x"]), 2);
    assert_eq!(of(&["--language", "de"]), 0);
    assert_eq!(of(&["--author", "ann"]), 0);
    for arguments in [["--search", "-x"], ["--language", "English"], ["--author", "-"]] {
        let ran = home.run(&["export", &format!("{}={}", arguments[0], arguments[1])]);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:#?}");
    }
    home.configure(
        "[[feeds]]\nurl = \"file:a.xml\"\n[[exports]]\npath = \"x.json\"\nformat = \"json\"\n\
         every = \"1h\"\nlanguage = \"German\"\nauthor = [\"a\", \"-\"]\nsearch = \"-x\"\n",
    );
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, Some(78));
    for fault in ["is no language", "has letters", "only says what is not wanted"] {
        assert!(ran.err.contains(fault) || ran.out.contains(fault), "{fault}: {ran:#?}");
    }
}
