//! Articles about one event: the list of stories, their pages, their feed, and what users change by hand.

use std::fmt::Write as _;

use chrono::TimeDelta;
use serde_json::Value;

use crate::support::feeds::{Item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{now, wait_for};

/// For each feed the titles of its articles, the newest first. Three feeds have the harbour, two the library.
const TITLES: [&[&str]; 4] = [
    &["Bremen harbour stays closed as waves break over wall", "How to bake bread without a scale"],
    &["Waves close the harbour of Bremen, boats taken upriver", "The best pencils for artists"],
    &[
        "A library that lends tools opens in Leipzig",
        "Harbour of Bremen closed after nine metre waves",
    ],
    &["An old bridge is measured by drones", "Leipzig gets its first library for tools"],
];

/// The articles of a feed: one each hour, the first an hour ago.
fn items(feed: usize) -> Vec<Item> {
    let item = |(n, title): (i32, &&str)| Item {
        guid: Some(format!("{feed}-{n}")),
        link: Some(format!("https://paper{feed}.example/{n}")),
        title: (*title).to_owned(),
        date: Some((now() - TimeDelta::hours(i64::from(n) + 1)).to_rfc2822()),
        text: String::new(),
    };
    (0..).zip(TITLES[feed]).map(item).collect()
}

fn document(feed: usize, items: &[Item]) -> String {
    rss(&format!("Paper {feed}"), items).replace(
        "<link>https://news.example/</link>",
        &format!("<link>https://paper{feed}.example/</link><language>en</language>"),
    )
}

/// A store with all articles, and the server of their feeds.
pub(crate) fn polled(tail: &str) -> (Server, Home) {
    polled_in(Home::empty(), tail)
}

/// As [`polled`], in an empty folder.
pub(crate) fn polled_in(home: Home, tail: &str) -> (Server, Home) {
    let server = Server::start();
    let feeds = (0..TITLES.len()).map(|feed| {
        server.put(&format!("/{feed}"), Page::ok(document(feed, &items(feed))));
        let url = server.url(&format!("/{feed}"));
        format!("[[feeds]]\nurl = \"{url}\"\nname = \"Paper {feed}\"\ntags = [\"t{feed}\"]\n")
    });
    let feeds: String = feeds.collect();
    home.configure(&format!("{feeds}{tail}"));
    home.poll();
    (server, home)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(home: &Home) -> Vec<Value> {
    home.json(&["stories", "--json"]).as_array().unwrap().clone()
}

/// The story whose title has this word.
fn about(home: &Home, word: &str) -> Value {
    let mut stories = list(home);
    stories.retain(|story| text(&story["title"]).contains(word));
    stories.pop().unwrap()
}

fn sources(stories: &[Value]) -> Vec<u64> {
    stories.iter().map(|story| story["sources"].as_u64().unwrap()).collect()
}

#[test]
fn the_events_of_the_day_are_listed_with_their_sources_and_words() {
    let (_server, home) = polled("");
    let stories = list(&home);
    assert_eq!(sources(&stories), [3, 2], "{stories:#?}");
    let harbour = &stories[0];
    assert_eq!(harbour["size"], 3);
    assert!(harbour["words"].as_array().unwrap().contains(&"Bremen".into()));
    let articles = harbour["articles"].as_array().unwrap();
    assert_eq!(
        (&articles[0]["reason"], &articles[1]["reason"]),
        (&"first".into(), &"similar".into())
    );
    assert!(0.25 < articles[1]["score"].as_f64().unwrap());
    // A record has its story; one that is alone has none.
    let of: Vec<Option<String>> = home
        .ok(&["export", "--format", "jsonl"])
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            Some(text(record.get("story")?.get("id")?).to_owned())
        })
        .collect();
    assert_eq!(of.iter().flatten().count(), 5);
    let id = text(&harbour["id"]);
    assert_eq!(of.iter().flatten().filter(|story| *story == id).count(), 3);
    // For people, in 80 columns.
    let table = home.ok(&["stories"]);
    assert!(table.contains("SOURCES") && table.contains("Bremen"), "{table}");
    let short = id.rsplit('-').next().unwrap();
    for id in [id, short] {
        assert_eq!(home.ok(&["export", "--format", "jsonl", "--story", id]).lines().count(), 3);
    }
    assert_eq!(list_of(&home, &["stories", "--since", "90m", "--json"]), 2);
    assert_eq!(list_of(&home, &["stories", "--since", "1m", "--json"]), 0);
    assert_eq!(list_of(&home, &["stories", "-n", "1", "--json"]), 1);
    let refused = home.run(&["export", "--story", "fffff"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("there is no story `fffff`"), "{}", refused.err);
}

fn list_of(home: &Home, arguments: &[&str]) -> usize {
    home.json(arguments).as_array().unwrap().len()
}

/// Two papers have the weather of many towns by one template each, and the close of the markets.
#[test]
fn articles_of_one_template_form_no_stories() {
    let towns = [
        "Aachen", "Berlin", "Celle", "Dresden", "Erfurt", "Fulda", "Gera", "Halle", "Jena", "Kiel",
    ];
    let server = Server::start();
    let home = Home::empty();
    let weather = |feed: usize, n: usize| {
        let town = towns[(n + feed * 5) % towns.len()];
        let (high, low, rain) = (11 + n * 3 + feed, 31 + n * 2 + feed, 51 + n * 4 + feed);
        let text = format!(
            "Das Wetter in {town} bleibt heute wechselhaft. Die Temperaturen steigen auf {high} Grad, in der Nacht sinken \
             sie auf {low} Grad. Der Wind weht schwach aus Nord. Die Wahrscheinlichkeit für Regen liegt bei {rain} Prozent, \
             die Sonne geht um 07:{} Uhr auf und um 16:{} Uhr unter.",
            10 + n,
            20 + n
        );
        (format!("Wetter in {town}: {high} Grad"), text)
    };
    let market = |feed: usize, n: usize| {
        let day = 2 * n + feed;
        let title = format!("{} an der Börse", ["Gewinne", "Verluste", "Ruhe"][(n + feed) % 3]);
        let text = format!(
            "Der Index stand zum Ende des Handels bei {} Punkten, das sind {} Punkte mehr als am Tag davor. Der Euro \
             kostete {} Cent. Ein Fass Öl kostete {} Dollar und eine Unze Gold {} Dollar.",
            15_000 + day * 137,
            100 + day * 7,
            101 + day,
            71 + day,
            1_900 + day * 13
        );
        (title, text)
    };
    let mut feeds = String::new();
    for feed in 0..2 {
        let texts = (0..5).map(|n| weather(feed, n)).chain((0..5).map(|n| market(feed, n)));
        let own = items(feed).into_iter().next();
        let series = (0_i32..).zip(texts).map(|(n, (title, text))| Item {
            guid: Some(format!("{feed}-w{n}")),
            link: Some(format!("https://paper{feed}.example/w{n}")),
            title,
            date: Some((now() - TimeDelta::minutes(i64::from(n) + 1)).to_rfc2822()),
            text: format!("<p>{text}</p>"),
        });
        let all: Vec<Item> = own.into_iter().chain(series).collect();
        server.put(&format!("/{feed}"), Page::ok(document(feed, &all)));
        writeln!(feeds, "[[feeds]]\nurl = \"{}\"", server.url(&format!("/{feed}"))).unwrap();
    }
    home.configure(&feeds);
    home.poll();
    assert_eq!(home.json(&["merges", "list", "--json"]), Value::from(Vec::<Value>::new()));
    let stories = list(&home);
    // What both have about the harbour is one. The first of each series is an article as any other.
    let sizes: Vec<_> =
        stories.iter().map(|story| story["articles"].as_array().unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size == 2) && sizes.len() <= 3, "{sizes:?}");
    assert!(text(&about(&home, "Bremen")["words"][0]).len() > 1);
}

#[test]
fn show_names_the_story_and_its_other_articles() {
    let (_server, home) = polled("");
    let harbour = about(&home, "arbour");
    let article = text(&harbour["articles"][0]["id"]).to_owned();
    let shown = home.ok(&["show", &article]);
    assert!(shown.contains("(3 sources, 3 articles)"), "{shown}");
    for other in &harbour["articles"].as_array().unwrap()[1..] {
        assert!(shown.contains(text(&other["title"])), "{shown}");
    }
    let json = home.json(&["show", &article, "--json"]);
    assert_eq!(json["story"], harbour);
}

#[test]
fn what_is_split_and_merged_by_hand_stays_so_when_more_articles_come() {
    let (server, home) = polled("");
    let harbour = about(&home, "arbour");
    let story = text(&harbour["id"]).to_owned();
    let mut articles = harbour["articles"].as_array().unwrap().iter();
    let article = articles.find(|article| article["feed"]["name"] == "Paper 2").unwrap();
    let article = text(&article["id"]);
    home.ok(&["stories", "split", article]);
    assert_eq!(sources(&list(&home)), [2, 2]);
    let alone = home.json(&["show", article, "--json"]);
    assert_eq!(alone.get("story"), None, "it is alone");
    let again = home.run(&["stories", "split", article]);
    assert!(again.err.contains("is in no story with other articles"), "{}", again.err);
    // The story of the library joins what is left, under the id of the first.
    let library = text(&about(&home, "library")["id"]).to_owned();
    home.ok(&["stories", "merge", &story, &library]);
    assert_eq!(sources(&list(&home)), [4]);
    let again = home.run(&["stories", "merge", &story, &library]);
    assert!(again.err.contains("both are story"), "{}", again.err);
    let mut more = items(3);
    more.insert(
        0,
        Item {
            guid: Some("later".to_owned()),
            title: "Tool library in Leipzig looks for helpers".to_owned(),
            ..more[0].clone()
        },
    );
    server.put("/3", Page::ok(document(3, &more)));
    home.ok(&["poll", "--all"]);
    let stories = list(&home);
    assert_eq!(stories.len(), 1, "{stories:#?}");
    assert_eq!((&stories[0]["id"], &stories[0]["size"]), (&story.as_str().into(), &5.into()));
    assert_eq!(list_of(&home, &["export", "--format", "json", "--story", &library]), 5);
    let unknown = home.run(&["stories", "merge", &story, "fffff"]);
    assert!(unknown.err.contains("there is no story `fffff`"), "{}", unknown.err);
    let check = home.ok(&["db", "check"]);
    assert!(!check.contains("refers"), "{check}");
}

#[test]
fn pages_feed_and_parameters_show_stories() {
    let (_server, home) = polled(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[exports]]\npath = \"all.csv\"\nformat = \"csv\"\non_change = true\n",
    );
    let harbour = about(&home, "arbour");
    let id = text(&harbour["id"]);
    let daemon = Running::daemon(&home);
    let http = Site::of(&daemon);
    // The front page has one card for each story.
    let front = http.text("/");
    assert_eq!(front.matches("<h3").count(), 8 - 3, "{front}");
    assert!(front.contains(&format!("/stories/{id}\">2 more sources</a>")), "{front}");
    assert!(front.contains("\">1 more source</a>"));
    // A filter that leaves the first article out shows the next.
    for feed in ["t0", "t1", "t2"] {
        let page = http.text(&format!("/?tag={feed}"));
        assert_eq!(page.matches("<h3").count(), 2, "{feed}");
        assert!(page.contains("2 more sources"), "{feed}");
    }
    let list = http.text("/stories");
    let (first, second) = (list.find("Bremen").unwrap(), list.find("Leipzig").unwrap());
    assert!(first < second && list.contains("<b>3 sources</b>"), "{list}");
    assert!(!http.text("/stories?since=1m").contains("<h3"));
    assert_eq!(http.get("/stories?colour=red").status, 400);
    let page = http.text(&format!("/stories/{id}"));
    for article in harbour["articles"].as_array().unwrap() {
        assert!(page.contains(text(&article["title"])), "{page}");
    }
    assert!(page.contains("similarity 0."), "{page}");
    let short = http.get(&format!("/stories/{}", id.rsplit('-').next().unwrap()));
    assert_eq!((short.status, short.header("location")), (307, Some(&*format!("/stories/{id}"))));
    assert_eq!(http.get("/stories/fffff").status, 404);
    assert_eq!(http.get("/export.json?story=fffff").status, 404);
    let article = text(&harbour["articles"][0]["id"]);
    assert!(http.text(&format!("/articles/{article}")).contains("3 articles about this event"));
    let found: Vec<Value> =
        serde_json::from_str(&http.text(&format!("/export.json?story={id}"))).unwrap();
    assert_eq!(found.len(), 3);
    let feed = http.get("/stories.atom");
    assert_eq!(feed.header("content-type"), Some("application/atom+xml"));
    let body = feed.text();
    assert_eq!(body.matches("<entry").count(), 2, "{body}");
    assert!(body.contains(&format!("<id>urn:gazetted:story:{id}</id>")), "{body}");
    assert!(body.contains("3 sources, 3 articles"), "{body}");
    let etag = feed.header("etag").unwrap().to_owned();
    assert_eq!(http.ask("GET", "/stories.atom", &[("if-none-match", &etag)]).status, 304);
    let export = wait_for("the export", || std::fs::read_to_string(home.path("all.csv")).ok());
    assert_eq!(export.lines().filter(|line| line.contains(&format!("{id},3,"))).count(), 3);
}

/// An export says that it has changed when only the story of its article has grown.
#[test]
fn an_article_that_joins_a_story_changes_the_exports_of_the_others() {
    let (server, home) = polled("[server]\nlisten = \"127.0.0.1:0\"\n");
    let daemon = Running::daemon(&home);
    let http = Site::of(&daemon);
    let before = http.get("/export.json?feed=Paper+0");
    let etag = before.header("etag").unwrap().to_owned();
    let mut more = items(3);
    more.insert(
        0,
        Item {
            guid: Some("later".to_owned()),
            title: "After the waves: harbour in Bremen opens again".to_owned(),
            ..more[0].clone()
        },
    );
    server.put("/3", Page::ok(document(3, &more)));
    home.ok(&["poll", "Paper 3"]);
    let again = http.ask("GET", "/export.json?feed=Paper+0", &[("if-none-match", &etag)]);
    assert_eq!(again.status, 200);
    assert!(again.text().contains("\"size\":4"), "{}", again.text());
}
