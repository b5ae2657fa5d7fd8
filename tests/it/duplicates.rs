//! Articles that several feeds have: each is kept and announced once, whatever order the feeds arrive in.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::feeds::{Item, date, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{Series, wait_for};

/// The number of kills, unless `GAZETTED_KILLS` sets another one.
const KILLS: u32 = 25;

/// Words without meaning, the same for the same seed.
fn prose(seed: u32, words: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "de", "fi", "go", "ha", "ke", "li", "mo", "nu", "pa", "re", "si", "to", "vu", "we",
        "za",
    ];
    let mut random = Series::new(u64::from(seed) * 7_919 + 1);
    let mut word = || -> String {
        (0..3).map(|_| SYLLABLES[usize::try_from(random.next(16)).unwrap()]).collect()
    };
    (0..words).map(|_| word()).collect::<Vec<_>>().join(" ")
}

/// An article as the publisher `host` has it.
pub(super) fn story(host: &str, n: u32) -> Item {
    Item {
        guid: Some(format!("{host}-{n}")),
        link: Some(format!(
            "https://{host}.example/2024/08/{}",
            prose(n + 5_000, 3).replace(' ', "-")
        )),
        title: prose(n + 9_000, 6),
        date: Some(date(n)),
        text: format!("<p>{}</p>", prose(n, 120)),
    }
}

/// A document of a publisher with this host.
pub(super) fn document(host: &str, items: &[Item]) -> String {
    rss(host, items)
        .replace("https://news.example/</link>", &format!("https://{host}.example/</link>"))
}

/// Feeds with the names `f0`, `f1` and so on, and an optional tail of the configuration.
fn configured(server: &Server, feeds: usize, tail: &str) -> Home {
    let home = Home::empty();
    let feeds = (0..feeds).map(|n| {
        let tag = if n == 0 { "first" } else { "other" };
        format!(
            "[[feeds]]\nurl = \"{}\"\nname = \"f{n}\"\ntags = [\"{tag}\"]\n",
            server.url(&format!("/{n}"))
        )
    });
    home.configure(&format!("{}{tail}", feeds.collect::<String>()));
    home
}

fn names(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The articles that are shown, newest first.
fn shown(home: &Home) -> Vec<Value> {
    let lines = home.ok(&["export", "--format", "jsonl"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn merges(home: &Home) -> Vec<Value> {
    home.json(&["merges", "list", "--limit", "0", "--json"]).as_array().unwrap().clone()
}

/// The groups of articles that are the same, each as the links of its articles.
fn groups(home: &Home) -> BTreeSet<BTreeSet<String>> {
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in home.articles() {
        let original = record.get("duplicate_of").unwrap_or(&record["id"]);
        let group = groups.entry(original.as_str().unwrap().to_owned()).or_default();
        group.insert(record["guid"].as_str().unwrap().to_owned());
    }
    groups.into_values().collect()
}

#[test]
fn five_feeds_of_one_publisher_have_each_article_once() {
    let server = Server::start();
    let home = configured(&server, 5, "");
    for feed in 0..5 {
        let items = (0..30_u32).map(|n| {
            let own = story("paper", n);
            let link = own.link.as_ref().map(|link| format!("{link}?utm_source=feed{feed}"));
            Item { guid: Some(format!("{feed}-{n}")), link, ..own }
        });
        server.put(&format!("/{feed}"), Page::ok(document("paper", &items.collect::<Vec<_>>())));
    }
    home.poll();
    let articles = shown(&home);
    assert_eq!(articles.len(), 30);
    for article in &articles {
        let mut feeds = names(&article["also_in"]);
        assert_eq!(feeds.len(), 4, "{article}");
        feeds.push(article["feed"]["name"].as_str().unwrap().to_owned());
        feeds.sort();
        assert_eq!(feeds, ["f0", "f1", "f2", "f3", "f4"]);
    }
    assert_eq!(merges(&home).len(), 4 * 30);
    assert_eq!(home.ok(&["export", "--consumer", "c", "--events"]).lines().count(), 30);
    // The article page and `show` name all feeds, of the original and of a duplicate.
    let merge = &merges(&home)[0];
    for one in ["duplicate", "original"] {
        let shown = home.json(&["show", merge[one]["id"].as_str().unwrap(), "--json"]);
        assert_eq!(shown["sightings"].as_array().unwrap().len(), 5, "{shown}");
    }
}

#[test]
fn twenty_feeds_that_print_one_agency_have_its_articles_once() {
    let server = Server::start();
    let home = configured(&server, 20, "");
    for feed in 0..20_u32 {
        let host = format!("paper{feed}");
        let printed = |n: u32| {
            let own = story(&host, n);
            let text = match (feed + n) % 4 {
                0 => format!("<p>BERLIN (agency) – {}</p>", prose(n, 120)),
                1 => format!(
                    "<p>{}</p><p>Read more on our pages about {}.</p>",
                    prose(n, 120),
                    prose(feed + 400, 5)
                ),
                2 => format!("<p>By our own staff.</p><p>{}</p>", prose(n, 112)),
                _ => format!("<p><b>{}</b></p><div>{}</div>", prose(feed + 700, 8), prose(n, 120)),
            };
            let title =
                if feed.is_multiple_of(3) { own.title.clone() } else { prose(feed * 100 + n, 7) };
            Item { title, text, ..own }
        };
        // Each paper leaves some out, and has one of its own.
        let mut items: Vec<Item> =
            (0..12).filter(|n| !(n + feed).is_multiple_of(6)).map(printed).collect();
        items.push(story(&host, 1_000 + feed));
        server.put(&format!("/{feed}"), Page::ok(document(&host, &items)));
    }
    home.poll();
    let articles = shown(&home);
    let own = articles.iter().filter(|article| article.get("also_in").is_none()).count();
    assert_eq!((articles.len(), own), (12 + 20, 20));
}

/// Weather, markets and episodes with one description differ in a few words and numbers only.
#[test]
fn unrelated_articles_and_texts_of_one_template_stay_apart() {
    let server = Server::start();
    let home = configured(&server, 6, "");
    let text = |feed: u32, n: u32| {
        let number = |k: u32| (feed * 31 + n * 17 + k * 7) % 40;
        match feed / 2 {
            0 => format!(
                "The day begins with {} degrees in the north and {} in the south. Towards noon there will be \
                 clouds in most places, with wind from the west at up to {} kilometres an hour. In the evening \
                 temperatures fall to {} degrees, and rain is possible above {} metres. The sun rises at 6.{}.",
                number(1), number(2), 10 + number(3), number(4), 100 + 10 * number(5), 10 + number(6)
            ),
            1 => format!(
                "The index closed at {} points, up {} percent from the day before, and {} stocks gained. Traders \
                 spoke of a quiet session with a volume of {} million shares. The euro was at {} dollars, gold \
                 rose by {} to {} dollars an ounce, and a barrel of oil cost {} dollars.",
                18_000 + 13 * number(1), number(2), 100 + number(3), 300 + number(4), number(5), number(6),
                2_000 + 3 * number(7), 60 + number(8)
            ),
            _ => "In each episode we speak with someone who works with their hands. Write to us, tell us who should \
                  come next, and leave five stars where you hear us. The music is by a friend of ours, and the \
                  sound was mixed in a kitchen. Support us with a small sum each month, if you can."
                .to_owned(),
        }
    };
    for feed in 0..6_u32 {
        let host = format!("site{feed}");
        let items = (0..10_u32).map(|n| {
            let title = match feed / 2 {
                0 => "The weather for the whole country".to_owned(),
                1 => format!("Markets on day {}", feed * 10 + n),
                _ => prose(feed * 50 + n, 5),
            };
            let date = format!("{:02} Aug 2024 06:{:02}:00 GMT", 1 + n * 2 + feed % 2, feed);
            let link = Some(format!("https://{host}.example/some-page-{n}"));
            Item { title, link, date: Some(date), text: text(feed, n), ..story(&host, n) }
        });
        server.put(&format!("/{feed}"), Page::ok(document(&host, &items.collect::<Vec<_>>())));
    }
    home.poll();
    assert_eq!(merges(&home), [Value::Null; 0]);
    assert_eq!(shown(&home).len(), 60);
}

#[test]
fn a_merge_that_is_undone_stays_undone() {
    let server = Server::start();
    let home = configured(&server, 2, "");
    server.put("/0", Page::ok(document("one", &[story("one", 1)])));
    server.put("/1", Page::ok(document("two", &[story("two", 1)])));
    home.ok(&["poll", "f0"]);
    home.ok(&["poll", "f1"]);
    home.ok(&["export", "--consumer", "c", "--events"]);
    let merge = merges(&home).remove(0);
    assert_eq!(merge["reason"], "text");
    assert_eq!(merge["original"]["feed"]["name"], "f0");
    assert!(merge["score"].as_f64().unwrap() > 0.9);
    let table = home.ok(&["merges", "list"]);
    let line = table.lines().nth(1).unwrap();
    let duplicate = line.split_whitespace().next().unwrap();
    assert!(merge["duplicate"]["id"].as_str().unwrap().ends_with(duplicate), "{table}");
    let original = merge["original"]["id"].as_str().unwrap();
    let refused = home.run(&["merges", "undo", original]);
    assert!(refused.code == Some(1) && refused.err.contains(duplicate), "{}", refused.err);
    let asking = ["export", "--consumer", "asks", "--sightings", "--format", "csv"];
    home.ok(&asking);
    home.ok(&["merges", "undo", duplicate]);
    assert_eq!(home.ok(&asking).lines().count(), 3, "the original and the article");
    assert_eq!(home.ok(&asking).lines().count(), 1, "the head");
    let heard = home.ok(&["export", "--consumer", "c", "--events"]);
    assert!(heard.lines().count() == 1 && heard.contains("\"event\":\"new\""), "{heard}");
    for n in 0..3 {
        for (feed, host) in ["one", "two"].into_iter().enumerate() {
            let own = story(host, 1);
            let text = format!("{} Update {n}.", own.text);
            let items = [story(host, 20 + n), Item { text, ..own }];
            server.put(&format!("/{feed}"), Page::ok(document(host, &items)));
        }
        home.ok(&["poll", "--all"]);
        assert_eq!(
            shown(&home).iter().filter(|one| one["guid"].as_str().unwrap().ends_with("-1")).count(),
            2
        );
    }
    assert_eq!(merges(&home).len(), 3, "the other articles");
    assert_eq!(home.run(&["merges", "undo", duplicate]).code, Some(1));
}

#[test]
fn exports_pages_and_parameters_show_an_article_once() {
    let server = Server::start();
    let home = configured(
        &server,
        2,
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[exports]]\npath = \"all.jsonl\"\nformat = \"jsonl\"\non_change = true\nwith_duplicates = true\n\
         [[exports]]\npath = \"once.jsonl\"\nformat = \"jsonl\"\non_change = true\n\
         [[exports]]\ncommand = [\"sh\", \"-c\", \"cat >> heard.jsonl\"]\nconsumer = \"c\"\non_change = true\n",
    );
    server.put("/0", Page::ok(document("one", &[story("one", 1)])));
    server.put("/1", Page::ok(document("two", &[story("two", 1), story("two", 2)])));
    let daemon = Running::daemon(&home);
    let lines = |name: &str| {
        let text = std::fs::read_to_string(home.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    wait_for("the exports", || {
        let counts =
            (lines("all.jsonl").len(), lines("once.jsonl").len(), lines("heard.jsonl").len());
        (counts == (3, 2, 2)).then_some(())
    });
    assert_eq!(lines("all.jsonl").iter().filter(|line| line.contains("duplicate_of")).count(), 1);
    wait_for("the names of the other feeds", || {
        (lines("once.jsonl").iter().filter(|line| line.contains("also_in")).count() == 1)
            .then_some(())
    });
    let http = Site::of(&daemon);
    let count = |path: &str| {
        let records: Vec<Value> = serde_json::from_str(&http.text(path)).unwrap();
        records.len()
    };
    assert_eq!(count("/export.json"), 2);
    assert_eq!(count("/export.json?with-duplicates=true"), 3);
    assert_eq!(count("/export.json?tag=other"), 2);
    assert_eq!(count("/export.json?feed=f0"), 1);
    assert!(http.text("/").contains("also in"));
    assert!(home.ok(&["export", "--format", "markdown"]).contains("· also in "));
    let table = home.ok(&["export", "--format", "csv", "--with-duplicates"]);
    let mut rows = table.lines();
    assert!(rows.next().unwrap().ends_with(",also_in,full_text_state,full_text_word_count"));
    assert_eq!(rows.filter(|row| row.ends_with(",f0,,") || row.ends_with(",f1,,")).count(), 1);
    // An export says that it has changed when only another feed has brought its article.
    let tagged = http.get("/export.json?feed=f1");
    let etag = tagged.header("etag").unwrap().to_owned();
    server.put("/0", Page::ok(document("one", &[story("one", 2), story("one", 1)])));
    home.ok(&["poll", "f0"]);
    let again = http.ask("GET", "/export.json?feed=f1", &[("if-none-match", &etag)]);
    assert_eq!(again.status, 200);
    sleep(Duration::from_millis(2_500));
    assert_eq!(lines("heard.jsonl").len(), 2, "a duplicate is not announced");
}

/// The same articles are found to be the same, whatever order the feeds arrive in.
#[test]
fn the_order_of_parallel_polls_changes_no_group() {
    let mut found = Vec::new();
    for order in [[0, 40, 80, 120], [120, 80, 40, 0], [60, 0, 120, 30]] {
        let server = Server::start();
        let home = configured(&server, 4, "");
        for (feed, delay) in order.into_iter().enumerate() {
            let host = format!("paper{feed}");
            let items: Vec<Item> = (0..20_u32).map(|n| story(&host, n)).collect();
            let page = Page::ok(document(&host, &items));
            server.put(&format!("/{feed}"), page.after(Duration::from_millis(delay)));
        }
        home.poll();
        found.push(groups(&home));
        assert_eq!(shown(&home).len(), 20);
    }
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Whether articles are stored of which it is not decided whether they are duplicates.
fn is_behind(home: &Home) -> bool {
    let is_behind =
        "SELECT count(*) FROM meta m, meta s WHERE m.key = 'matched_seq' AND s.key = 'seq'
        AND CAST(m.value AS bigint) < CAST(s.value AS bigint)";
    home.has_store() && home.number(is_behind) == 1
}

/// Kills `poll` at any moment, also while it looks for duplicates. In the end the decisions are those of the order in
/// which the articles were stored.
#[test]
#[expect(clippy::disallowed_methods, reason = "how often is for whoever runs it to say")]
fn polls_that_are_killed_lose_no_decision_and_make_none_twice() {
    let kills = std::env::var("GAZETTED_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    let server = Server::start();
    let home = configured(&server, 6, "");
    let mut random = Series::new(4);
    let mut in_between = 0;
    let document_of = |feed: u32, round: u32| {
        let host = format!("paper{feed}");
        let first = round * 8;
        let items: Vec<Item> = (first..first + 60)
            .filter(|n| !(n + feed).is_multiple_of(7))
            .map(|n| story(&host, n))
            .collect();
        document(&host, &items)
    };
    for round in 0..kills {
        for feed in 0..6 {
            server.put(&format!("/{feed}"), Page::ok(document_of(feed, round)));
        }
        let mut command = home.command(&["poll", "--all", "--quiet"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut poll = Running::start(command);
        sleep(Duration::from_millis(60 + random.next(900)));
        // On a busy machine a poll takes longer than all of these waits: every other kill waits for the pass.
        let end = Instant::now() + Duration::from_secs(if round % 2 == 0 { 0 } else { 3 });
        while !is_behind(&home) && Instant::now() < end && !poll.has_ended() {
            sleep(Duration::from_millis(2));
        }
        poll.kill();
        in_between += u32::from(is_behind(&home));
    }
    // Otherwise the kills came too early or too late to prove anything.
    assert!(0 < in_between, "no kill came between a poll and its decisions");
    home.ok(&["poll", "--all"]);
    let decisions = |home: &Home| {
        let read = |table: &str, column: &str| {
            home.rows(&format!("SELECT article_id, {column} FROM {table} ORDER BY 1"))
        };
        (
            read("article_duplicate", "original_id"),
            read("story_article", "story_id"),
            read("open_story_article", "story_id"),
        )
    };
    let found = decisions(&home);
    assert!(!found.0.is_empty());
    assert_eq!(found.1.len(), home.articles().len(), "each article has one story");
    let articles = shown(&home).len();
    // The same articles, compared at once.
    home.execute(
        "DELETE FROM article_duplicate; DELETE FROM article_sketch;
         DELETE FROM story_article; DELETE FROM open_story_article;
         UPDATE meta SET value = 0 WHERE key = 'matched_seq'",
    );
    home.ok(&["export", "--after", "0"]);
    assert_eq!(decisions(&home), found);
    assert_eq!(shown(&home).len(), articles);
    assert!(home.ok(&["db", "check"]).contains("sound"));
}
