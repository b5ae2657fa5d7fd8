//! One feed over time.

use crate::support::feeds::{Item, date, exported_date, item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server};

/// Anything may stand in a tag: here a quote, two blanks, and a byte that is no UTF-8.
const TAG: &[u8] = b"W/\"v1  a'b \xe9\"";

/// Servers send what is no date of RFC 9110, and want that very text back.
const MODIFIED: &[u8] = b"Tue, 20 Aug 2024 8:00:00 +0200";

#[test]
fn validators_go_back_byte_for_byte_and_a_304_changes_nothing() {
    let server = Server::start();
    let page = Page::ok(rss("News", &[item(2), item(1)]));
    server.put("/f", page.header("ETag", TAG).header("Last-Modified", MODIFIED));
    let home = Home::with_feeds(&[server.url("/f")]);

    let first = home.poll();
    assert_eq!((&first["added"], &first["feeds"][0]["outcome"]), (&2.into(), &"fresh".into()));
    assert_eq!(home.each("title"), ["Title 2", "Title 1"]);
    let before = home.articles();

    let second = home.poll();
    assert_eq!(second["feeds"][0]["outcome"], "not_modified");
    assert_eq!((&second["added"], &second["edited"]), (&0.into(), &0.into()));
    assert_eq!(second["unchanged"], 1);
    assert_eq!((home.articles(), home.seq()), (before, 2));

    let [unconditional, conditional] = server.requests("/f").try_into().unwrap();
    assert_eq!(unconditional.header("if-none-match"), None);
    assert_eq!(unconditional.header("if-modified-since"), None);
    assert_eq!(conditional.header("if-none-match"), Some(TAG));
    assert_eq!(conditional.header("if-modified-since"), Some(MODIFIED));
}

#[test]
fn a_server_that_drops_its_validators_gets_none_back() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])).header("ETag", "\"1\""));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    home.poll();
    home.poll();
    let sent: Vec<_> = server
        .requests("/f")
        .iter()
        .map(|request| request.header("if-none-match").map(<[u8]>::to_vec))
        .collect();
    assert_eq!(sent, [None, Some(b"\"1\"".to_vec()), None]);
    assert_eq!(home.each("title"), ["Title 2", "Title 1"]);
}

#[test]
fn the_same_bytes_again_are_not_written_again() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    let (articles, seq) = (home.articles(), home.seq());
    let again = home.poll();
    assert_eq!(again["feeds"][0]["outcome"], "same_body");
    assert_eq!((home.articles(), home.seq()), (articles, seq));
}

#[test]
fn the_same_entries_in_other_bytes_are_not_written_again() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    let (articles, seq) = (home.articles(), home.seq());
    server.put("/f", Page::ok(rss("News", &[item(1), item(2)])));
    let again = home.poll();
    assert_eq!(again["feeds"][0]["outcome"], "fresh");
    assert_eq!((&again["added"], &again["edited"]), (&0.into(), &0.into()));
    assert_eq!((home.articles(), home.seq()), (articles, seq));
}

#[test]
fn what_a_newer_version_reads_otherwise_is_no_edit() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    // The mark of a store whose entries an older version has read.
    home.execute("UPDATE meta SET value = 0 WHERE key = 'reading_rules'");
    let titled = |title: &str| Item { title: title.to_owned(), ..item(1) };
    for (title, edited) in [("Read better", 0), ("Edited", 1)] {
        server.put("/f", Page::ok(rss("News", &[titled(title)])));
        let polled = home.poll();
        assert_eq!((&polled["added"], &polled["edited"]), (&0.into(), &edited.into()), "{title}");
        assert_eq!(home.each("title"), [title]);
    }
}

#[test]
fn another_date_of_an_entry_is_an_edit() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    let touched = Item { date: Some(date(700)), ..item(2) };
    server.put("/f", Page::ok(rss("News", &[touched, item(1)])));
    let again = home.poll();
    assert_eq!((&again["added"], &again["edited"]), (&0.into(), &1.into()));
    let article =
        home.articles().into_iter().find(|article| article["title"] == "Title 2").unwrap();
    assert_ne!(article["date_modified"], article["date_published"]);
}

#[test]
fn an_edit_is_a_revision_of_the_same_article_under_its_old_date() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    let before = home.articles();

    let edited = Item { title: "Title 1, corrected".to_owned(), date: Some(date(90)), ..item(1) };
    server.put("/f", Page::ok(rss("News", &[edited, item(2)])));
    let report = home.poll();
    assert_eq!((&report["added"], &report["edited"]), (&0.into(), &1.into()));

    let after = home.articles();
    assert_eq!(home.each("title"), ["Title 2", "Title 1, corrected"]);
    let (old, new) = (&before[1], &after[1]);
    assert_eq!(old["id"], new["id"]);
    assert_eq!((&old["revision"], &new["revision"]), (&0.into(), &1.into()));
    assert_eq!(new["date_published"], exported_date(1));
    assert_eq!(old["date_first_seen"], new["date_first_seen"]);
    let newest = before.iter().map(|article| article["seq"].as_i64().unwrap()).max().unwrap();
    assert_eq!(new["seq"], newest + 1);
    assert_eq!(home.seq(), newest + 1);
    assert_eq!(before[0], after[0], "its neighbour was not touched");
}

#[test]
fn a_new_entry_is_one_new_article() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    let before = home.articles();
    // An old one has left the document; it stays here.
    server.put("/f", Page::ok(rss("News", &[item(3), item(2)])));
    let report = home.poll();
    assert_eq!((&report["added"], &report["edited"]), (&1.into(), &0.into()));
    let after = home.articles();
    assert_eq!(home.each("title"), ["Title 3", "Title 2", "Title 1"]);
    assert_eq!(after[1..], before);
}

#[test]
fn a_file_is_a_feed_like_any_other() {
    let home = Home::new("[[feeds]]\nurl = \"file:news.xml\"\nname = \"Local\"\n");
    std::fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    assert_eq!(home.poll()["added"], 1);
    assert_eq!(home.poll()["feeds"][0]["outcome"], "not_modified");
    std::fs::write(home.path("news.xml"), rss("News", &[item(2), item(1)])).unwrap();
    assert_eq!(home.poll()["added"], 1);
    assert_eq!(home.each("title"), ["Title 2", "Title 1"]);

    std::fs::remove_file(home.path("news.xml")).unwrap();
    let gone = home.poll_with_failures();
    assert_eq!(gone["feeds"][0]["outcome"], "file");
    let detail = gone["feeds"][0]["detail"].as_str().unwrap();
    assert!(detail.contains(home.path("news.xml").to_str().unwrap()), "{detail}");
    assert_eq!(home.articles().len(), 2);
}

#[test]
fn each_format_of_feeds_is_read() {
    let server = Server::start();
    let atom = "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>A</title><id>urn:a</id>\
        <updated>2024-08-20T06:00:00Z</updated><entry><id>urn:a:1</id><title>Of Atom</title>\
        <updated>2024-08-20T06:00:00Z</updated><link href=\"/1\"/></entry></feed>";
    let json = r#"{"version":"https://jsonfeed.org/version/1.1","title":"J","items":
        [{"id":"1","title":"Of JSON","content_text":"x","date_published":"2024-08-20T05:00:00Z"}]}"#;
    server.put("/a", Page::ok(atom).header("Content-Type", "application/atom+xml"));
    server.put("/j", Page::ok(json).header("Content-Type", "application/feed+json"));
    server.put("/r", Page::ok(rss("R", &[item(1)])).header("Content-Type", "text/html"));
    let home = Home::with_feeds(&["/a", "/j", "/r"].map(|path| server.url(path)));
    assert_eq!(home.poll()["added"], 3);
    assert_eq!(home.each("title"), ["Of Atom", "Of JSON", "Title 1"]);
    assert_eq!(home.articles()[0]["url"], server.url("/1"));
    assert_eq!(home.articles()[0]["feed"]["name"], "A");
}

#[test]
fn articles_of_a_feed_without_a_language_get_theirs_and_an_upgrade_announces_none() {
    const GERMAN: &str = "<p>Der Hafen wurde am Montag gesperrt, nachdem neun Meter hohe Wellen über die äußere Mauer \
        geschlagen waren, und die Boote dahinter wurden in das alte Becken gebracht.</p>";
    let german = |n: u32| Item { text: GERMAN.to_owned(), ..item(n) };
    let server = Server::start();
    let bare = rss("Nachrichten aus dem Hafen und von den Schiffen", &[german(2), german(1)]);
    server.put("/f", Page::ok(bare.replace("<description>All of it</description>", "")));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    assert_eq!(home.each("language"), ["de", "de"]);
    assert_eq!(home.ok(&["export", "--language", "de"]).lines().count(), 2);
    // As an older version has stored them.
    home.execute("UPDATE article SET language = NULL");
    home.execute("UPDATE meta SET value = 6 WHERE key = 'reading_rules'");
    let seq = home.seq();
    let touched = bare.replace("<description>All of it</description>", "<ttl>60</ttl>");
    server
        .put("/f", Page::ok(touched.replace("<title>Title 1</title>", "<title> Title 1</title>")));
    home.poll();
    assert!(home.each("language").contains(&"de".to_owned()), "{:?}", home.each("language"));
    assert_eq!(home.seq(), seq);
}
