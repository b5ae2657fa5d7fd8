//! `gazetted extract`: the article of one page, without a store.

use std::fs;

use crate::support::program::Home;
use crate::support::server::{Page, Server};

const PAGE: &str = "<!doctype html><html lang='en'><head><title>The ferry returns to the island | Gazette</title>\
    <meta name='author' content='Ada Hartley'></head><body><h1>The ferry returns to the island</h1>\
    <p class='standfirst'>From Monday a boat links the island with the mainland again.</p>\
    <div>August 20 2024 , 06:18 AM&nbsp; •&nbsp; 982 views</div><div class='text'>\
    <p>After nine years without a regular connection, the ferry to the island sails again every morning at six.</p>\
    <p><img src='/ferry.jpg' alt=''></p><p>Image</p>\
    <p class='house-line'>A line that only this site has, about something else.</p>\
    <p>The school in the village, which had closed for lack of pupils, will open its doors again in September.</p>\
    </div><div class='rest'>Another text of the page</div></body></html>";

fn home() -> Home {
    let home = Home::empty();
    fs::write(home.path("page.html"), PAGE).unwrap();
    home
}

#[test]
fn a_page_comes_out_in_every_format() {
    let home = home();
    let url = "https://news.example.org/ferry";
    let found = home.json(&["extract", "page.html", "--format", "json", "--url", url]);
    assert_eq!(found["title"], "The ferry returns to the island", "{found}");
    assert_eq!(found["summary"], "From Monday a boat links the island with the mainland again.");
    assert_eq!(found["date_published"], "2024-08-20T06:18:00");
    assert_eq!(found["authors"][0]["name"], "Ada Hartley");
    assert_eq!(found["language"], "en");
    assert_eq!(found["url"], url);
    assert_eq!(found["image"], "https://news.example.org/ferry.jpg");
    assert_eq!(found["full_text"]["state"], "complete");
    assert!(found.get("explain").is_none());
    let text = found["content_text"].as_str().unwrap();
    for absent in ["982 views", "Image", "The ferry returns to the island", "From Monday"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    // No store and no configuration was made or needed.
    assert_eq!(home.files(), ["page.html"]);
    for (format, beginning) in [
        ("html", "<article>\n<h1>The ferry returns to the island</h1>"),
        ("text", "The ferry returns to the island\n\nFrom Monday"),
        ("markdown", "# The ferry returns to the island\n\nFrom Monday"),
    ] {
        let out = home.ok(&["extract", "page.html", "--format", format]);
        assert!(out.starts_with(beginning), "{format}: {out}");
        assert_eq!(out.matches("The ferry returns to the island").count(), 1, "{format}: {out}");
        assert!(out.contains("every morning at six"), "{format}: {out}");
    }
}

#[test]
fn explain_names_the_rules_and_what_was_removed() {
    let home = home();
    let found = home.json(&["extract", "page.html", "--format", "json", "--explain"]);
    let explained = &found["explain"];
    let rule = |what: &str| {
        let all = explained["found"].as_array().unwrap();
        all.iter().find(|f| f["what"] == what).map(|f| f["rule"].as_str().unwrap().to_owned())
    };
    assert_eq!(rule("title").as_deref(), Some("h1 that the stated title confirms"), "{explained}");
    assert_eq!(rule("authors").as_deref(), Some("meta author"), "{explained}");
    assert!(explained["removed"].to_string().contains("placeholder"), "{explained}");
    let shown = home.run(&["extract", "page.html", "--format", "text", "--explain"]);
    assert!(shown.err.contains("h1 that the stated title confirms"), "{shown:#?}");
    assert!(!shown.out.contains("h1 that the stated title confirms"), "{shown:#?}");
    let inspected = home.ok(&["inspect", "page.html", "--page"]);
    assert!(inspected.contains("h1 that the stated title confirms"), "{inspected}");
    assert_eq!(home.json(&["inspect", "page.html", "--page", "--json"])["explain"], *explained);
}

#[test]
fn explain_says_what_the_header_fields_reserve() {
    let server = Server::start();
    for (header, value, rule) in [
        ("X-Robots-Tag", "noarchive", "noarchive in X-Robots-Tag"),
        ("TDM-Reservation", "1", "tdm-reservation in the header fields"),
    ] {
        server.put("/ferry", Page::ok(PAGE).header(header, value));
        let home = Home::new("");
        let url = server.url("/ferry");
        let found = home.json(&["extract", &url, "--format", "json", "--explain"]);
        assert!(found["explain"]["found"].to_string().contains(rule), "{found}");
        assert!(found["content_text"].to_string().contains("every morning at six"), "{found}");
        assert!(home.ok(&["inspect", &url, "--page"]).contains(rule), "{rule}");
    }
}

#[test]
fn selectors_of_the_user_come_first() {
    let home = home();
    let extract = |more: &[&str]| {
        let args = [&["extract", "page.html", "--format", "json"], more].concat();
        home.json(&args)
    };
    assert!(extract(&[])["content_text"].to_string().contains("only this site has"));
    let removed = extract(&["--remove", ".house-line"]);
    assert!(!removed["content_text"].to_string().contains("only this site has"), "{removed}");
    let selected = extract(&["--select", ".rest"]);
    assert_eq!(selected["content_text"], "Another text of the page", "{selected}");
    assert_eq!(selected["full_text"]["engine"], "selector");
    let wrong = home.run(&["extract", "page.html", "--select", "p["]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("`p[` is not a CSS selector"), "{wrong:#?}");
}

#[test]
fn a_page_without_an_article_says_why() {
    let home = home();
    fs::write(home.path("wall.html"), "<title>Just a moment…</title><script src='/cdn-cgi/challenge-platform/x.js'></script><p>Checking").unwrap();
    fs::write(home.path("deep.html"), "<div>".repeat(5_000)).unwrap();
    fs::write(home.path("plain.txt"), "no markup here").unwrap();
    for (file, reason) in [
        ("wall.html", "bot wall (Cloudflare)"),
        ("deep.html", "nests them too deeply"),
        ("plain.txt", "is not HTML"),
        ("absent.html", "neither a file here nor the address of a page"),
    ] {
        let found = home.run(&["extract", file]);
        assert_eq!((found.code, found.out.as_str()), (Some(1), ""), "{file}");
        assert!(found.err.contains(reason), "{file}: {found:#?}");
    }
}
