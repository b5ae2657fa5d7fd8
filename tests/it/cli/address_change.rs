//! `feeds move`: another address, the same feed.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::feeds::{Item, date, item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

/// The same articles under other GUIDs and links.
fn renamed(n: u32) -> Item {
    let text = format!("<p>Text of number {n}.</p>");
    Item {
        guid: Some(format!("urn:x:{}", n * 31)),
        link: Some(format!("https://other.example/artikel/{}", n * 31)),
        text,
        ..item(n)
    }
}

fn config(home: &Home) -> String {
    home.config()
}

/// What consumers have heard of: new and edited articles.
fn announced(home: &Home) -> i64 {
    home.seq()
}

fn counts(report: &Value) -> (i64, i64) {
    (report["added"].as_i64().unwrap(), report["edited"].as_i64().unwrap())
}

#[test]
fn a_feed_keeps_its_articles_and_its_history_and_nothing_is_announced_again() {
    let server = Server::start();
    let first = Page::ok(rss("News", &[item(3), item(2), item(1)])).header("ETag", "\"old\"");
    server.put("/old", first);
    let before = format!(
        "# Mine.\n[fetch]\nallow_private = true\n\n# The one.\n[[feeds]] # a feed\nurl   =   '{}' # here\ntags = ['x']\n",
        server.url("/old")
    );
    let home = Home::new(&before);
    home.poll();
    home.ok(&["export", "--consumer", "chat"]);
    let (id, articles, seq) = (home.feed()["id"].clone(), home.articles(), announced(&home));

    let new = server.url("/new");
    let dry = home.json(&["feeds", "move", "News", &new, "--dry-run", "--json"]);
    assert_eq!((dry["articles_kept"].as_i64(), dry["url"].as_str()), (Some(3), Some(&*new)));
    assert_eq!(
        (config(&home), home.feed()["url"].as_str()),
        (before.clone(), Some(&*server.url("/old")))
    );

    let out = home.ok(&["feeds", "move", "News", &new]);
    assert!(out.contains("its 3 articles stay with it"), "{out}");
    let after = before.replace(&format!("'{}'", server.url("/old")), &format!("\"{new}\""));
    assert_eq!(config(&home), after);
    assert_eq!((&home.feed()["id"], &home.feed()["url"]), (&id, &new.clone().into()));
    assert_eq!(home.json(&["feeds", "--all", "--json"]).as_array().unwrap().len(), 1);

    let renamed: Vec<Item> = [3, 2, 1].map(renamed).to_vec();
    server.put("/new", Page::ok(rss("Other title", &renamed)));
    assert_eq!(counts(&home.poll()), (0, 0));
    assert_eq!(announced(&home), seq, "consumers hear of nothing");
    assert_eq!(home.ok(&["export", "--consumer", "chat"]), "");
    let ids =
        |articles: &[Value]| -> Vec<Value> { articles.iter().map(|a| a["id"].clone()).collect() };
    assert_eq!(ids(&home.articles()), ids(&articles));
    assert_eq!(home.each("feed").len(), 3);
    let asked = server.requests("/new");
    assert_eq!((asked.len(), asked[0].header("if-none-match")), (1, None));
    let explained = home.json(&["explain", "Other title", "--json"]);
    assert_eq!(explained["last_polls"].as_array().map(Vec::len), Some(2), "{explained}");

    server.put("/new", Page::ok(rss("Other title", &[item(4), renamed[0].clone()])));
    assert_eq!(counts(&home.poll()), (1, 0));
    assert_eq!(server.requests("/old").len(), 1);
}

#[test]
fn a_feed_of_an_included_file_or_of_an_inline_list_is_changed_in_its_place() {
    let home = Home::new(
        "include = [\"more.toml\"]\nfeeds = [\n  { url = 'file:a.xml', name = 'A' }, # a\n]\n",
    );
    let more = "# The other.\n[[feeds]]\nurl = \"file:b.xml\"\n\n# The third.\n[[feeds]]\nurl = \"file:c.xml\"\n";
    fs::write(home.path("more.toml"), more).unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        fs::write(home.path(&format!("{name}.xml")), rss(name, &[item(1)])).unwrap();
    }
    home.poll();
    let main = config(&home);
    home.ok(&["feeds", "move", "b", "file:d.xml"]);
    let left = fs::read_to_string(home.path("more.toml")).unwrap();
    let written = format!("file://{}", home.path("d.xml").canonicalize().unwrap().display());
    assert!(
        [more.replace("file:b.xml", "file:d.xml"), more.replace("file:b.xml", &written)]
            .contains(&left),
        "{left}"
    );
    assert_eq!(config(&home), main);
    home.ok(&["feeds", "move", "A", "e.xml"]);
    assert!(config(&home).contains("name = 'A' }, # a\n"), "{}", config(&home));
    assert_eq!(counts(&home.poll()), (0, 0));
    assert_eq!(home.articles().len(), 3);
}

#[test]
fn an_export_of_the_feed_by_its_address_follows() {
    let server = Server::start();
    for path in ["/old", "/new"] {
        server.put(path, Page::ok(rss("News", &[item(1)])));
    }
    let (old, new) = (server.url("/old"), server.url("/new"));
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"{old}\"\n\n[[exports]]\npath = \"out.jsonl\"\nformat = \"jsonl\"\n\
         every = \"1h\"\nfeeds = [ '{old}', \"Other\" ] # mine\n"
    ));
    home.poll();
    home.ok(&["feeds", "move", "News", &new]);
    let expected = format!("feeds = [ \"{new}\", \"Other\" ] # mine\n");
    assert!(config(&home).contains(&expected), "{}", config(&home));
}

#[test]
fn a_move_that_cannot_be_made_changes_nothing() {
    let server = Server::start();
    for path in ["/a", "/b", "/c"] {
        server.put(path, Page::ok(rss(path, &[item(1)])));
    }
    let [a, b, c] = ["/a", "/b", "/c"].map(|path| server.url(path));
    let home = Home::with_feeds(&[a.clone(), c.clone()]);
    home.poll();
    home.configure(&format!(
        "[[feeds]]\nurl = \"{a}\"\n[[feeds]]\nurl = \"{b}\"\n[[feeds]]\ncommand = [\"true\"]\nname = \"P\"\n"
    ));
    let (before, feeds) = (config(&home), home.json(&["feeds", "--all", "--json"]));
    for (old, new, said) in [
        ("/a", &*b, "is configured already"),
        ("/a", &*c, "is stored as a feed of its own, with 1 article"),
        ("/a", &*a, "is the address of `/a` already"),
        ("nobody", &*c, "there is no feed `nobody`"),
        ("P", "https://x.example/", "is a program"),
        ("/a", "https://me:hunter2@x.example/", "user name or password"),
        ("/a", "https://x.example/${TOKEN}", "TOKEN"),
        ("/a", "ftp://x.example/", "http, https or file"),
        ("/c", "https://x.example/", "has left the configuration"),
    ] {
        let ran = home.run(&["feeds", "move", old, new]);
        assert!(matches!(ran.code, Some(1 | 78)) && ran.err.contains(said), "{old} {new}: {ran:?}");
        assert!(!ran.err.contains("hunter2"), "{ran:?}");
        assert_eq!(config(&home), before, "{old} {new}");
        assert_eq!(home.json(&["feeds", "--all", "--json"]), feeds, "{old} {new}");
    }
}

#[test]
fn a_feed_that_was_replaced_by_hand_is_moved_until_the_new_one_has_articles() {
    for synced in [false, true] {
        let server = Server::start();
        server.put("/old", Page::ok(rss("News", &[item(2), item(1)])));
        let home = Home::with_feeds(&[server.url("/old")]);
        home.poll();
        let id = home.feed()["id"].clone();
        home.configure(&format!("[[feeds]]\nurl = \"{}\"\n", server.url("/new")));
        if synced {
            home.poll_with_failures();
            assert_eq!(home.json(&["feeds", "--all", "--json"]).as_array().unwrap().len(), 2);
        }
        let before = config(&home);
        home.ok(&["feeds", "move", "News", &server.url("/new")]);
        assert_eq!(config(&home), before);
        server.put("/new", Page::ok(rss("News", &[renamed(2), renamed(1)])));
        assert_eq!(counts(&home.poll()), (0, 0), "{synced}");
        let feeds = home.json(&["feeds", "--all", "--json"]);
        assert_eq!((feeds.as_array().unwrap().len(), &feeds[0]["id"]), (1, &id), "{synced}");
    }
}

#[test]
fn each_entry_of_a_long_document_and_of_one_with_a_single_entry_is_known_again() {
    for number in [1_u32, 700] {
        let titled = |n: u32, item: Item| Item {
            title: format!("Ward {n} opens its new harbour"),
            date: Some(date(n)),
            text: (0..60).map(|k| format!("word{n}x{k}")).collect::<Vec<_>>().join(" "),
            ..item
        };
        let all = |of: fn(u32) -> Item| -> Vec<Item> {
            (1..=number).rev().map(|n| titled(n, of(n))).collect()
        };
        let server = Server::start();
        server.put("/old", Page::ok(rss("News", &all(item))));
        server.put("/new", Page::ok(rss("News", &all(renamed))));
        let home = Home::with_feeds(&[server.url("/old")]);
        assert_eq!(home.poll()["added"], number);
        home.ok(&["feeds", "move", "News", &server.url("/new")]);
        assert_eq!(counts(&home.poll()), (0, 0), "{number}");
    }
}

#[test]
fn links_that_are_resolved_otherwise_at_the_new_address_are_no_edits() {
    let relative = |n: u32| Item {
        link: Some(format!("/articles/{n}")),
        text: format!("<p>Text of number {n}. <a href='/more/{n}'>More</a></p>"),
        ..item(n)
    };
    let server = Server::start();
    let document = |base: &str| {
        let channel = format!("<link>{base}</link>");
        rss("News", &[relative(2), relative(1)])
            .replace("<link>https://news.example/</link>", &channel)
    };
    server.put("/old", Page::ok(document("https://old.example/")));
    server.put("/new", Page::ok(document("https://new.example/")));
    let home = Home::with_feeds(&[server.url("/old")]);
    home.poll();
    home.ok(&["feeds", "move", "News", &server.url("/new")]);
    assert_eq!(counts(&home.poll()), (0, 0));
    assert_eq!(home.articles().len(), 2);
    assert!(home.articles().iter().all(|article| article["revision"] == 0));
    assert!(home.each("content_html")[0].contains("https://new.example/more/2"));
}

#[test]
fn what_was_removed_stays_removed() {
    let server = Server::start();
    let kept = Item { date: Some("Tue, 20 Aug 2999 00:00:00 GMT".to_owned()), ..item(9) };
    server.put("/old", Page::ok(rss("News", &[kept.clone(), item(1)])));
    let home = Home::with_feeds(&[server.url("/old")]);
    home.poll();
    server.put("/old", Page::ok(rss("News", std::slice::from_ref(&kept))));
    home.poll();
    home.ok(&["db", "prune", "--older-than", "30d"]);
    assert_eq!(home.articles().len(), 1);
    home.ok(&["feeds", "move", "News", &server.url("/new")]);
    server.put("/new", Page::ok(rss("News", &[kept, item(1)])));
    assert_eq!(counts(&home.poll()), (0, 0));
    assert_eq!(home.articles().len(), 1);
}

#[test]
fn old_articles_of_a_moved_feed_are_not_pruned_before_its_next_poll() {
    let server = Server::start();
    server.put("/old", Page::ok(rss("News", &[item(2), item(1)])));
    let home = Home::with_feeds(&[server.url("/old")]);
    home.poll();
    for change in [&["feeds", "move", "News", &server.url("/new")][..], &["feeds", "reset", "News"]]
    {
        home.ok(change);
        home.ok(&["db", "prune", "--older-than", "30d"]);
        assert_eq!(home.articles().len(), 2, "{change:?}");
    }
}

#[test]
fn a_private_feed_gets_another_address_and_shows_neither() {
    let server = Server::start();
    server.put("/old?t=1", Page::ok(rss("News", &[item(2), item(1)])));
    server.put("/new?t=2", Page::ok(rss("News", &[renamed(2), renamed(1)])));
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"{}\"\nprivate = true\nname = \"Mine\"\n",
        server.url("/old?t=1")
    ));
    home.poll();
    let ran = home.run(&["feeds", "move", "Mine", &server.url("/new?t=2")]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!format!("{ran:?}").contains("t=2"), "{ran:?}");
    assert!(config(&home).contains("/new?t=2"));
    assert_eq!(counts(&home.poll()), (0, 0));
    assert_eq!(home.json(&["feeds", "--all", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_login_in_the_address_stays() {
    let home = Home::new("[[feeds]]\nurl = \"https://me:${PW}@a.example/f\"\nname = \"A\"\n");
    let mut command = home.command(&["feeds", "move", "A", "https://b.example/g"]);
    command.env("PW", "hunter2");
    let ran = crate::support::program::finish(command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("are sent to b.example from now on"), "{ran:?}");
    assert!(
        config(&home).contains("url = \"https://me:${PW}@b.example/g\"\n"),
        "{}",
        config(&home)
    );
}

#[test]
fn a_running_daemon_takes_a_move_up_when_it_is_reloaded() {
    let server = Server::start();
    server.put("/old", Page::ok(rss("News", &[item(2), item(1)])));
    server.put("/new", Page::ok(rss("News", &[renamed(2), renamed(1)])));
    let home = Home::new(&format!(
        "[schedule]\nevery = \"1s\"\n[[feeds]]\nurl = \"{}\"\n",
        server.url("/old")
    ));
    let daemon = Running::daemon(&home);
    wait_for("the articles", || (home.articles().len() == 2).then_some(()));
    let seq = announced(&home);
    home.ok(&["feeds", "move", "News", &server.url("/new")]);
    let asked = server.requests("/old").len();
    // Until it is reloaded it polls the old address, and stores what it finds there.
    server.put("/old", Page::ok(rss("News", &[item(3), item(2)])));
    wait_for("a poll", || (asked + 2 <= server.requests("/old").len()).then_some(()));
    wait_for("the new article", || (home.articles().len() == 3).then_some(()));
    daemon.signal(Signal::SIGHUP);
    wait_for("two polls", || (2 <= server.requests("/new").len()).then_some(()));
    let asked = server.requests("/old").len();
    wait_for("two more polls", || (4 <= server.requests("/new").len()).then_some(()));
    assert_eq!(server.requests("/old").len(), asked);
    assert_eq!((home.articles().len(), announced(&home)), (3, seq + 1));
    assert_eq!(home.json(&["feeds", "--all", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_poll_of_the_old_address_that_ends_after_the_move_leads_nowhere_else() {
    let server = Server::start();
    server.put("/old", Page::ok(rss("News", &[item(2), item(1)])));
    server.put("/else", Page::ok(rss("Else", &[item(2), item(1)])).header("ETag", "\"else\""));
    server.put("/new", Page::ok(rss("News", &[renamed(2), renamed(1)])));
    let home = Home::with_feeds(&[server.url("/old")]);
    home.poll();
    let slow =
        Page::status(301).header("Location", server.url("/else")).after(Duration::from_secs(2));
    server.put("/old", slow);
    let mut poll = Running::start(home.command(&["poll", "--all"]));
    wait_for("the request", || (server.requests("/old").len() == 2).then_some(()));
    home.ok(&["feeds", "move", "News", &server.url("/new")]);
    assert_eq!(poll.wait(), Some(0));
    assert_eq!(server.requests("/else").len(), 1);
    assert_eq!(counts(&home.poll()), (0, 0));
    let asked = server.requests("/new");
    assert_eq!((asked.len(), asked[0].header("if-none-match")), (1, None));
    assert_eq!(server.requests("/else").len(), 1);
}

#[test]
fn check_names_feeds_that_are_likely_the_same_until_they_are_moved() {
    let server = Server::start();
    for path in ["/old", "/blog/feed", "/third"] {
        server.put(path, Page::ok(rss(path, &[item(1)])));
    }
    let [old, blog, third] = ["/old", "/blog/feed", "/third"].map(|path| server.url(path));
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"{old}\"\nname = \"Harbour\"\n[[feeds]]\nurl = \"{blog}\"\n[[feeds]]\nurl = \"{third}\"\n"
    ));
    home.poll();
    let [new, atom, other] = ["/new", "/blog/atom.xml", "/other"].map(|path| server.url(path));
    home.configure(&format!(
        "[[feeds]]\nurl = \"{new}\"\nname = \"harbour\"\n[[feeds]]\nurl = \"{atom}\"\n[[feeds]]\nurl = \"{other}\"\n"
    ));
    let expected = serde_json::json!([[&old, &new], [&blog, &atom]]);
    let diff = home.json(&["check", "--diff", "--json"]);
    assert_eq!(diff["diff"]["moved"], expected);
    let out = home.ok(&["check", "--diff"]);
    assert!(out.contains(&format!("gazetted feeds move '{old}' '{new}'")), "{out}");
    assert!(out.contains(&format!("- {third} (keeps its 1 article)")), "{out}");
    // Also after a synchronisation, as long as the new feed has no articles.
    home.poll_with_failures();
    assert_eq!(home.json(&["check", "--diff", "--json"])["diff"]["moved"], expected);
    server.put("/blog/atom.xml", Page::ok(rss("/blog/feed", &[item(1)])));
    home.ok(&["feeds", "move", &old, &new]);
    home.poll_with_failures();
    let diff = home.json(&["check", "--diff", "--json"]);
    assert_eq!(diff["diff"]["moved"], serde_json::json!([]));
    assert_eq!(home.articles().len(), 4, "what left the configuration keeps its articles");
}
