//! `private = true`: the address of a feed is shown nowhere, and it stays the same feed.

use std::fs;
use std::net::TcpListener;

use crate::support::feeds::{item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

const PATH: &str = "/t0ken/feed.xml?key=k3y";

fn config(server: &Server, private: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[schedule]\nevery = \"1s\"\n\
         [[exports]]\npath = \"all.opml\"\nformat = \"opml\"\non_change = true\n\
         [[feeds]]\nurl = \"{}\"\n{private}\n",
        server.url(PATH)
    )
}

/// The feed's own home page and its links are those of its server, as publishers write them.
fn document(server: &Server, items: &[u32]) -> String {
    let items: Vec<_> = items.iter().copied().map(item).collect();
    rss("Title", &items).replacen("https://news.example/", &server.url("/"), 1)
}

/// No text contains the address of the feed or a part of it.
#[track_caller]
fn assert_hidden(server: &Server, what: &str, text: &str) {
    let address = server.address();
    for part in [address.to_string(), format!(":{}", address.port()), "t0ken".into(), "k3y".into()]
    {
        assert!(!text.contains(&part), "{what} has {part}: {text}");
    }
}

const NAMED: &str = "name = \"Members\"\nprivate = true";

#[test]
fn a_feed_that_becomes_private_stays_the_same_feed() {
    let server = Server::start();
    server.put(PATH, Page::ok(document(&server, &[1, 2])).header("ETag", "\"1\""));
    let home = Home::new(&config(&server, "name = \"Public\""));
    home.poll();
    home.ok(&["export", "--consumer", "mail"]);
    let before = (home.feed()["id"].clone(), home.each("id"), home.seq());
    for change in [
        NAMED,
        "name = \"Other name\"\nprivate = true",
        NAMED,
        "name = \"Public again\"",
        "private = false",
        NAMED,
    ] {
        home.configure(&config(&server, change));
        home.ok(&["poll", "--all"]);
        assert_eq!((home.feed()["id"].clone(), home.each("id"), home.seq()), before, "{change}");
        assert_eq!(home.ok(&["export", "--consumer", "mail"]), "", "{change}");
        let last = server.all_requests().pop().unwrap();
        assert_eq!(last.header("if-none-match"), Some(&b"\"1\""[..]), "{change}");
    }
    // A token that was replaced: the name says that it is the same feed.
    server.put("/new-token", Page::ok(document(&server, &[1, 2, 3])));
    home.configure(&config(&server, NAMED).replace(PATH, "/new-token"));
    home.ok(&["poll", "--all"]);
    assert_eq!(home.feed()["id"], before.0);
    assert_eq!(home.articles().len(), 3);
    assert_eq!(server.requests("/new-token")[0].header("if-none-match"), None);
}

#[test]
fn names_of_private_feeds_may_be_swapped() {
    let server = Server::start();
    server.put("/a", Page::ok(rss("A", &[item(1)])));
    server.put("/b", Page::ok(rss("B", &[item(2)])));
    let config = |a: &str, b: &str| {
        let feed = |path: &str, name: &str| {
            format!(
                "[[feeds]]\nurl = \"{}\"\nname = \"{name}\"\nprivate = true\n",
                server.url(path)
            )
        };
        feed("/a", a) + &feed("/b", b)
    };
    let home = Home::new(&config("One", "Two"));
    home.poll();
    let seq = home.seq();
    home.configure(&config("Two", "One"));
    home.ok(&["poll", "--all"]);
    assert_eq!(home.seq(), seq);
    let of = |title: &str| {
        let articles = home.articles();
        let article = articles.iter().find(|article| article["title"] == title).unwrap();
        article["feed"]["name"].clone()
    };
    assert_eq!((of("Title 1"), of("Title 2")), ("Two".into(), "One".into()));
}

#[test]
fn the_address_of_a_private_feed_is_on_no_page_in_no_export_and_in_no_log() {
    let server = Server::start();
    server.put(PATH, Page::ok(document(&server, &[1])));
    let home = Home::new(&config(&server, "name = \"Public\""));
    home.poll();
    home.configure(&config(&server, NAMED));
    let daemon = Running::daemon(&home);
    let site = Site::of(&daemon);
    wait_for("a poll", || (2 < server.total()).then_some(()));
    let look = || {
        for path in ["/", "/feeds", "/search?q=title", "/metrics", "/export.rss", "/export.atom"] {
            assert_hidden(&server, path, &site.text(path));
        }
        for format in ["json", "jsonfeed", "csv", "markdown", "html", "opml"] {
            assert_hidden(&server, format, &site.text(&format!("/export.{format}")));
            let printed = home.ok(&["export", "--format", format]);
            assert_hidden(&server, format, &printed);
        }
        for command in [
            &["feeds", "list"][..],
            &["feeds", "list", "--json"],
            &["feeds", "export"],
            &["explain", "Members"],
            &["explain", "Members", "--json"],
            &["status"],
            &["simulate", "--days", "1"],
        ] {
            assert_hidden(&server, command[0], &home.ok(command));
        }
        assert_hidden(&server, "the file", &fs::read_to_string(home.path("all.opml")).unwrap());
    };
    server.put(PATH, Page::ok(document(&server, &[1, 2])));
    wait_for("the export", || home.path("all.opml").exists().then_some(()));
    look();
    let page =
        "<html><head><link rel=alternate type=application/rss+xml href=/t0ken/other></head></html>";
    for (page, outcome) in [
        (Page::ok(page), "not_a_feed"),
        (Page::status(404).body("no /t0ken/feed.xml"), "http_status"),
        (Page::status(302).header("Location", PATH), "redirect"),
        (Page::status(301).header("Location", "ftp://t0ken/"), "redirect"),
    ] {
        server.put(PATH, page);
        wait_for(outcome, || {
            let is = |event: &serde_json::Value| event["outcome"] == outcome;
            daemon.events().iter().any(is).then_some(())
        });
        look();
    }
    let log = daemon.log();
    assert!(log.contains("private-feed.invalid/Members"), "{log}");
    assert_hidden(&server, "the log", &log);
}

#[test]
fn a_document_that_repeats_the_address_of_its_private_feed_does_not_tell_it() {
    let server = Server::start();
    let address = server.url(PATH).replace("k3y", "k3y&a=b");
    let written = address.replace('&', "&amp;");
    let twice = written.replace('&', "&amp;");
    let item = |n: u32, inside: &str| {
        format!(
            "<item><guid isPermaLink=\"false\">{n}</guid><title>Title {n}</title>{inside}</item>"
        )
    };
    let items = [
        item(1, &format!("<link>{written}</link>")),
        item(
            2,
            &format!(
                "<description>&lt;p&gt;Here: &lt;a href=\"{twice}\"&gt;{twice}&lt;/a&gt;&lt;/p&gt;</description>"
            ),
        ),
        item(
            3,
            &format!(
                "<enclosure url=\"{written}\" type=\"audio/mpeg\" length=\"1\"/><category>{written}</category>"
            ),
        ),
        item(4, &format!("<author>{written}</author><description>Feed: {written}.</description>")),
        format!("<item><guid>{written}</guid><title>Title 5, {written}</title></item>"),
    ];
    let document = format!(
        "<rss><channel><title>Title of {written}</title>{}</channel></rss>",
        items.concat()
    );
    server.put(&PATH.replace("k3y", "k3y&a=b"), Page::ok(document));
    let home = Home::new(&config(&server, NAMED).replace("k3y", "k3y&a=b"));
    assert_hidden(&server, "the report", &home.poll().to_string());
    for format in ["json", "jsonfeed", "csv", "markdown", "html", "opml", "rss", "atom"] {
        assert_hidden(&server, format, &home.ok(&["export", "--format", format]));
    }
    for command in [&["feeds", "list", "--json"][..], &["search", "title"]] {
        assert_hidden(&server, command[0], &home.ok(command));
    }
    let html =
        |n: &str| home.articles().iter().find(|a| a["guid"] == n).unwrap()["content_html"].clone();
    let link = "<p>Here: <a href=\"http://private-feed.invalid/\" rel=\"noopener noreferrer\">http://private-feed.invalid/</a></p>";
    assert_eq!(html("2"), link);
    assert_eq!(home.articles().len(), 5);
    // The same document is no news.
    let seq = home.seq();
    home.ok(&["poll", "--all"]);
    assert_eq!(home.seq(), seq);
}

#[test]
fn a_private_server_that_cannot_be_reached_is_not_named() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(); // It is closed at once.
    let feed = |url: &str, name: &str, more: &str| {
        format!("[[feeds]]\nurl = \"{url}\"\nname = \"{name}\"\nprivate = true\n{more}\n")
    };
    let home = Home::new("");
    home.configure_exactly(
        &[
            feed(&format!("http://{address}/f"), "Refused", "allow_private = true"),
            feed("http://no-such-host.invalid:8443/f", "Name", ""),
            feed("http://10.1.2.3:8443/f", "Not public", ""),
            feed("file:///no/such/t0ken.xml", "File", ""),
        ]
        .concat(),
    );
    let ran = home.run(&["poll"]);
    let listed = home.run(&["feeds", "list", "--json", "--failing"]);
    let shown = [ran.out, ran.err, listed.out].concat();
    for part in [&address.to_string(), "no-such-host", "8443", "10.1.2.3", "t0ken"] {
        assert!(!shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains("not public") && shown.contains("does not resolve"), "{shown}");
}
