//! The files that the daemon writes.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

/// The titles in a JSON Feed; `None` while there is no such file.
fn titles(home: &Home, name: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(home.path(name)).ok()?;
    let feed: Value = serde_json::from_str(&text).unwrap(); // Whole, whenever one looks.
    let items = feed["items"].as_array().unwrap();
    Some(items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn exports_are_written_on_schedule_and_on_change() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    let url = server.url("/f");
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"{url}\"\nevery = \"1s\"\n\
         [[exports]]\npath = \"out/clock.json\"\nformat = \"jsonfeed\"\nevery = \"1s\"\n\
         [[exports]]\npath = \"news.json\"\nformat = \"jsonfeed\"\non_change = true\n\
         [[exports]]\npath = \"one.csv\"\nformat = \"csv\"\non_change = true\nlimit = 1\n"
    ));
    let daemon = Running::daemon(&home);
    let both = ["out/clock.json", "news.json"];
    for name in both {
        let expected = ["Title 2", "Title 1"];
        wait_for(name, || (titles(&home, name)? == expected).then_some(()));
    }
    server.put("/f", Page::ok(rss("News", &[item(3), item(2)])));
    for name in both {
        let expected = ["Title 3", "Title 2", "Title 1"];
        wait_for(name, || (titles(&home, name)? == expected).then_some(()));
    }
    let csv = wait_for("the newest article", || {
        fs::read_to_string(home.path("one.csv")).ok().filter(|text| text.contains("Title 3"))
    });
    assert_eq!(csv::Reader::from_reader(csv.as_bytes()).records().count(), 1);
    let event = daemon.wait_for_event("export written");
    for key in ["path", "format", "articles", "bytes", "elapsed_ms"] {
        assert!(event.get(key).is_some(), "{key}: {event}");
    }
    // Without a change, nothing is written.
    let seen = fs::metadata(home.path("out/clock.json")).unwrap().modified().unwrap();
    let asked = server.total();
    wait_for("three more polls", || (asked + 3 <= server.total()).then_some(()));
    assert_eq!(fs::metadata(home.path("out/clock.json")).unwrap().modified().unwrap(), seen);
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn an_export_that_cannot_be_written_is_logged_and_stops_nothing() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let url = server.url("/f");
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"{url}\"\nevery = \"1s\"\n\
         [[exports]]\npath = \"file/x.json\"\nformat = \"json\"\nevery = \"1s\"\n\
         [[exports]]\npath = \"good.json\"\nformat = \"jsonfeed\"\nevery = \"1s\"\n"
    ));
    fs::write(home.path("file"), "not a folder").unwrap();
    let daemon = Running::daemon(&home);
    let failed = daemon.wait_for_event("export failed");
    assert_eq!(failed["level"], "ERROR");
    assert!(failed["path"].as_str().unwrap().ends_with("file/x.json"), "{failed}");
    wait_for("the other", || (titles(&home, "good.json")? == ["Title 1"]).then_some(()));
    fs::remove_file(home.path("file")).unwrap();
    wait_for("the file", || fs::read(home.path("file/x.json")).ok());
}

#[test]
fn an_export_has_the_heading_that_is_configured_or_one_that_names_its_filters() {
    let heading = "title = \"World news\"\nhome_page_url = \"https://example.org/\"\n\
                   self = \"https://example.org/FILE\"\n";
    let mut config = "[server]\nlisten = \"127.0.0.1:0\"\nhub = \"https://hub.example/\"\n\
                      [[feeds]]\nurl = \"file:f.xml\"\ntags = [\"sea\"]\n"
        .to_owned();
    for (path, format) in [("a.atom", "atom"), ("r.rss", "rss"), ("j.json", "jsonfeed")] {
        let heading = heading.replace("FILE", path);
        write!(config, "[[exports]]\npath = \"{path}\"\nformat = \"{format}\"\non_change = true\n")
            .unwrap();
        config += &heading;
    }
    config += "[[exports]]\npath = \"plain.json\"\nformat = \"jsonfeed\"\non_change = true\n\
               tags = [\"sea\"]\nlanguage = \"de\"\nauthor = \"Doe\"\nsearch = \"'high tide' -gale\"\n";
    let home = Home::new(&config.replace('\'', "\\\""));
    fs::write(home.path("f.xml"), rss("News", &[item(1)])).unwrap();
    let _daemon = Running::daemon(&home);
    let read = |name: &str| wait_for(name, || fs::read_to_string(home.path(name)).ok());
    for (name, expected) in [
        (
            "a.atom",
            [
                "<title type=\"text\">World news</title>",
                "<link rel=\"self\" type=\"application/atom+xml\" href=\"https://example.org/a.atom\"/>",
                "<link rel=\"alternate\" href=\"https://example.org/\"/>",
                "<link rel=\"hub\" href=\"https://hub.example/\"/>",
            ],
        ),
        (
            "r.rss",
            [
                "<title>World news</title>",
                "<atom:link href=\"https://example.org/r.rss\" rel=\"self\"",
                "<link>https://example.org/</link>",
                "<atom:link rel=\"hub\" href=\"https://hub.example/\"/>",
            ],
        ),
        (
            "j.json",
            [
                "\"title\":\"World news\"",
                "\"feed_url\":\"https://example.org/j.json\"",
                "\"home_page_url\":\"https://example.org/\"",
                "\"hubs\":[{\"type\":\"WebSub\",\"url\":\"https://hub.example/\"}]",
            ],
        ),
    ] {
        let text = read(name);
        for part in expected {
            assert!(text.contains(part), "{name} lacks {part}: {text}");
        }
    }
    let plain: Value = serde_json::from_str(&read("plain.json")).unwrap();
    assert_eq!(plain["title"], "gazetted: sea, in de, by Doe, about \"high tide\" -gale");
    assert_eq!(plain.get("hubs"), None, "a hub without an address to subscribe to");
}
