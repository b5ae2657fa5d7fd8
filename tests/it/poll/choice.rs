//! Which feeds are polled, and by whom.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};

/// Three feeds, the first of which has a name.
fn three() -> (Server, Home) {
    let server = Server::start();
    for n in 1..=3 {
        server.put(&format!("/{n}"), Page::ok(rss(&format!("Feed {n}"), &[item(n)])));
    }
    let [one, two, three] = ["/1", "/2", "/3"].map(|path| server.url(path));
    let home = Home::new(&format!(
        "[schedule]\nevery = \"1h\"\n[[feeds]]\nurl = \"{one}\"\nname = \"The first\"\n\
         [[feeds]]\nurl = \"{two}\"\n[[feeds]]\nurl = \"{three}\"\n"
    ));
    (server, home)
}

fn paths(server: &Server) -> Vec<String> {
    server.all_requests().into_iter().map(|request| request.path).collect()
}

#[test]
fn a_feed_is_named_by_name_title_url_or_id() {
    let (server, home) = three();
    home.poll();
    let [before, url] = [paths(&server).len().to_string(), server.url("/3")];
    let id = home.json(&["feeds", "--json"])[1]["id"].to_string();
    for (text, path) in [("The first", "/1"), ("Feed 2", "/2"), (&id, "/2"), (&url, "/3")] {
        let report = home.json(&["poll", "--json", text]);
        assert_eq!(report["polled"], 1, "{text}");
        assert_eq!(paths(&server).last().unwrap(), path, "{text}");
    }
    let both = home.json(&["poll", "--json", "The first", &url, "The first"]);
    assert_eq!(both["polled"], 2);
    assert_eq!(paths(&server).len(), before.parse::<usize>().unwrap() + 6);
}

#[test]
fn a_name_that_is_no_feed_is_an_error_with_the_nearest_that_is() {
    let (server, home) = three();
    home.poll();
    let requests = server.total();
    for (text, expected) in [
        ("The frist", "there is no feed `The frist`; did you mean `The first`?"),
        ("feed 2", "did you mean `Feed 2`?"),
        ("something else entirely", "`gazetted feeds` lists them"),
    ] {
        let ran = home.run(&["poll", text]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
    assert_eq!(server.total(), requests, "and nothing is polled");
}

#[test]
fn poll_asks_only_for_what_is_due() {
    let (server, home) = three();
    assert_eq!(home.json(&["poll", "--json"])["polled"], 3);
    assert_eq!(home.json(&["poll", "--json"])["polled"], 0);
    assert_eq!(server.total(), 3);
    home.make_due(2);
    let report = home.json(&["poll", "--json"]);
    assert_eq!((&report["polled"], &report["feeds"][0]["id"]), (&1.into(), &2.into()));
    assert_eq!(paths(&server).last().unwrap(), "/2");
}

#[test]
fn a_disabled_feed_is_not_polled() {
    let (server, home) = three();
    let url = server.url("/1");
    home.configure(&format!("[[feeds]]\nurl = \"{url}\"\nenabled = false\n"));
    assert_eq!(home.poll()["polled"], 0);
    assert_eq!((server.total(), &home.feed()["state"]), (0, &"disabled".into()));
}

#[test]
fn a_feed_that_is_gone_is_polled_only_if_it_is_named() {
    let (server, home) = three();
    server.put("/2", Page::status(410));
    let all = ["poll", "--all", "--json"];
    assert_eq!(home.run(&all).code, Some(3));
    assert_eq!(home.json(&all)["polled"], 2);
    assert_eq!(server.requests("/2").len(), 1);
    home.run(&["poll", &server.url("/2")]);
    assert_eq!(server.requests("/2").len(), 2);
}

#[test]
fn two_polls_at_once_store_each_article_once() {
    const FEEDS: u32 = 12;
    let server = Server::start();
    let urls: Vec<String> = (0..FEEDS).map(|n| server.url(&format!("/{n}"))).collect();
    let home = Home::with_feeds(&urls);
    // A store that neither of them finds, and feeds that take long enough for both to be at it.
    for round in 1..=3_u32 {
        for n in 0..FEEDS {
            let items: Vec<_> = (1..=round * 3).rev().map(item).collect();
            let page = Page::ok(rss(&format!("Feed {n}"), &items));
            server.put(&format!("/{n}"), page.after(Duration::from_millis(u64::from(n % 4) * 10)));
        }
        let start = || Running::start(home.command(&["poll", "--all", "--json"]));
        let reports = [start(), start()].map(|mut poll| {
            let code = poll.wait();
            let (out, err) = poll.said();
            assert_eq!(code, Some(0), "{err}");
            serde_json::from_str::<Value>(&out).unwrap()
        });
        let added: u64 = reports.iter().map(|report| report["added"].as_u64().unwrap()).sum();
        assert_eq!(added, u64::from(FEEDS * 3), "round {round}");
        let articles = home.articles();
        let names: HashSet<String> = articles
            .iter()
            .map(|article| format!("{} {}", article["feed"]["url"], article["guid"]))
            .collect();
        assert_eq!((articles.len(), names.len()), (36 * round as usize, 36 * round as usize));
    }
    home.ok(&["db", "check"]);
}

#[test]
fn a_poll_beside_a_poll_leaves_it_its_feeds() {
    let server = Server::start();
    server.put("/slow", Page::stalled());
    server.put("/good", Page::ok(rss("Good", &[item(1)])));
    let home = Home::with_feeds(&[server.url("/slow"), server.url("/good")]);
    let first = Running::start(home.command(&["poll", "--all"]));
    crate::support::wait_for("both requests", || (server.total() == 2).then_some(()));
    crate::support::wait_for("the good feed", || (home.articles().len() == 1).then_some(()));
    let second = home.poll();
    assert_eq!((&second["polled"], &second["left_alone"]), (&1.into(), &1.into()));
    assert_eq!(server.requests("/slow").len(), 1);
    drop(first);
    // Its lease died with it, and whoever has the store for itself knows that.
    server.put("/slow", Page::ok(rss("Slow", &[item(2)])));
    assert_eq!(home.poll()["polled"], 2);
}
