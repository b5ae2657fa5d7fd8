//! Which entries are the same article.

use crate::support::feeds::{Item, item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server};

/// What polling one document after the other adds and edits.
#[track_caller]
fn changes(documents: &[Vec<Item>]) -> (Home, Vec<(u64, u64)>) {
    let server = Server::start();
    let home = Home::with_feeds(&[server.url("/f")]);
    let changes = documents.iter().map(|items| {
        server.put("/f", Page::ok(rss("News", items)));
        let report = home.poll();
        (report["added"].as_u64().unwrap(), report["edited"].as_u64().unwrap())
    });
    let changes = changes.collect();
    (home, changes)
}

#[test]
fn without_a_guid_the_link_tells() {
    let bare = Item { guid: None, ..item(1) };
    let edited = Item { title: "Another title".to_owned(), ..bare.clone() };
    let (home, changes) = changes(&[vec![bare], vec![edited]]);
    assert_eq!(changes, [(1, 0), (0, 1)]);
    assert_eq!(home.each("title"), ["Another title"]);
    assert_eq!(home.articles()[0]["revision"], 1);
}

#[test]
fn without_a_guid_a_link_that_is_resolved_otherwise_is_no_new_article() {
    let at = |n, link: &str| Item { guid: None, link: Some(link.to_owned()), ..item(n) };
    let (home, changes) = changes(&[
        vec![at(2, "https://news.example/feed/b.html"), at(1, "https://news.example/feed/a.html")],
        vec![at(2, "https://news.example/b.html"), at(1, "https://news.example/a.html")],
        vec![at(3, "https://news.example/c.html"), at(1, "https://www.news.example/a.html")],
    ]);
    assert_eq!(changes, [(2, 0), (0, 2), (1, 1)]);
    let mut links = home.each("url");
    links.sort();
    let expected = [
        "https://news.example/b.html",
        "https://news.example/c.html",
        "https://www.news.example/a.html",
    ];
    assert_eq!(links, expected);
}

#[test]
fn a_feed_that_begins_and_ceases_to_give_guids_stores_nothing_twice() {
    let bare = |n| Item { guid: None, ..item(n) };
    let (home, changes) = changes(&[vec![bare(1)], vec![item(2), item(1)], vec![bare(2), bare(1)]]);
    assert_eq!(changes, [(1, 0), (1, 0), (0, 0)]);
    assert_eq!(home.each("title"), ["Title 2", "Title 1"]);
}

#[test]
fn without_guid_and_link_title_and_date_tell() {
    let bare = |n| Item { guid: None, link: None, ..item(n) };
    let edited = Item { text: "<p>Another text.</p>".to_owned(), ..bare(1) };
    let (home, changes) = changes(&[vec![bare(1)], vec![bare(2), edited]]);
    assert_eq!(changes, [(1, 0), (1, 1)]);
    assert_eq!(home.each("title"), ["Title 2", "Title 1"]);
}

#[test]
fn a_guid_that_all_items_share_hides_none_of_them() {
    let same = |n| Item { guid: Some("same".to_owned()), ..item(n) };
    let (home, changes) = changes(&[
        vec![same(1)], // Nothing wrong with it yet.
        vec![same(3), same(2), same(1)],
        vec![same(4), same(3), same(2), same(1)],
        vec![same(4), same(3)],
    ]);
    assert_eq!(changes, [(1, 0), (2, 0), (1, 0), (0, 0)]);
    assert_eq!(home.each("title"), ["Title 4", "Title 3", "Title 2", "Title 1"]);
}

/// Nothing in one document shows that the name is common to all.
#[test]
fn what_has_the_name_of_another_article_does_not_replace_it() {
    let text = |n: u32| {
        let word = |w: u32| format!("w{}", (w * 7 + n * 1_000) % 4_001);
        format!("<p>{}</p>", (0..60).map(word).collect::<Vec<_>>().join(" "))
    };
    let day = |n: u32| Some(format!("2024-08-{:02}T06:00:00Z", 10 + n));
    let same = |n| Item { guid: Some("same".into()), text: text(n), date: day(n), ..item(n) };
    let issue = |n| Item {
        guid: None,
        link: Some("https://news.example/briefing".into()),
        title: "Daily briefing".into(),
        ..same(n)
    };
    let (home, found) = changes(&[
        vec![same(1)],
        vec![same(2)],
        vec![same(3)],
        vec![same(1)], // It comes back.
        vec![same(3), same(2)],
        vec![same(4), same(3), same(2), same(1)],
    ]);
    assert_eq!(found, [(1, 0), (1, 0), (1, 0), (0, 0), (0, 0), (1, 0)]);
    assert_eq!(home.articles().len(), 4);
    let home_page = |n| Item { link: Some("https://news.example/".into()), ..same(n) };
    let titles =
        ["", "Fog in the harbour", "A bridge is built", "Who paints the wall", "Trains run late"];
    let named = |n: u32| Item { title: titles[usize::try_from(n).unwrap()].into(), ..home_page(n) };
    let (home, found) = changes(&[vec![named(1)], vec![named(2)], vec![named(3)], vec![named(1)]]);
    assert_eq!(found, [(1, 0), (1, 0), (1, 0), (0, 0)]);
    assert_eq!(home.articles().len(), 3);
    for documents in [
        (1..=4).map(|n| vec![issue(n)]).collect::<Vec<_>>(),
        (1..=4).map(|n| vec![issue(n + 1), issue(n)]).collect(),
    ] {
        let (home, found) = changes(&documents);
        let new = found.iter().map(|(added, _)| *added).sum::<u64>();
        assert_eq!(
            (new, home.articles().len()),
            (home.articles().len() as u64, documents.len() + documents[0].len() - 1)
        );
    }
}

/// A site starts again, and its program counts from one.
#[test]
fn numbers_that_a_new_program_gives_again_are_those_of_new_articles() {
    let text = |n: u32| {
        let word = |w: u32| format!("w{}", (w * 7 + n * 1_000) % 4_001);
        format!("<p>{}</p>", (0..60).map(word).collect::<Vec<_>>().join(" "))
    };
    let post = |number: u32, n: u32| Item {
        guid: Some(format!("https://news.example/?p={number}")),
        link: Some(format!("https://news.example/the-words-of-number-{n}")),
        title: ["Fog", "Rails", "Walls", "Bread", "Lamps", "Doors"][usize::try_from(n).unwrap()]
            .into(),
        text: text(n),
        ..item(n)
    };
    let old = || (0..3).map(|n| post(n, n)).collect::<Vec<_>>();
    let new = || (0..3).map(|n| post(n, n + 3)).collect::<Vec<_>>();
    let (home, found) = changes(&[old(), new(), old(), new()]);
    assert_eq!(found, [(3, 0), (3, 0), (0, 0), (0, 0)]);
    assert_eq!(home.articles().len(), 6);
}

/// What happens to one thing has the page of the thing as its link, and all events have one title.
#[test]
fn events_with_one_link_and_one_title_do_not_replace_each_other() {
    let event = |n: u32| Item {
        guid: None,
        link: Some("https://news.example/issues/5".into()),
        title: "Comment on issue 5".into(),
        text: format!(
            "<p>{}</p>",
            (0..40).map(|w| format!("w{n}x{w}")).collect::<Vec<_>>().join(" ")
        ),
        ..item(n * 60)
    };
    let document = |first: u32| (first..first + 4).map(event).collect::<Vec<_>>();
    let (home, found) = changes(&[document(1), document(2), document(3)]);
    assert_eq!(found, [(4, 0), (1, 0), (1, 0)]);
    assert_eq!(home.articles().len(), 6);
}

#[test]
fn a_guid_and_no_link_that_all_items_share_hides_none_of_them() {
    let same = |n| Item { guid: Some("same".to_owned()), link: None, ..item(n) };
    let (home, changes) = changes(&[vec![same(2), same(1)], vec![same(3), same(2), same(1)]]);
    assert_eq!(changes, [(2, 0), (1, 0)]);
    assert_eq!(home.each("title"), ["Title 3", "Title 2", "Title 1"]);
}

#[test]
fn an_entry_that_stands_twice_in_a_document_is_one_article() {
    let (home, changes) = changes(&[vec![item(1), item(1)], vec![item(1), item(2), item(1)]]);
    assert_eq!(changes, [(1, 0), (1, 0)]);
    assert_eq!(home.articles().len(), 2);
}

#[test]
fn one_guid_in_two_feeds_is_two_articles() {
    let server = Server::start();
    server.put("/1", Page::ok(rss("One", &[item(1)])));
    server.put("/2", Page::ok(rss("Two", &[item(1)])));
    let home = Home::with_feeds(&[server.url("/1"), server.url("/2")]);
    assert_eq!(home.poll()["added"], 2);
    assert_eq!(home.poll()["added"], 0);
    assert_eq!(home.articles().len(), 2);
}

#[test]
fn entries_without_a_date_come_in_the_order_of_the_document() {
    let undated = |n| Item { date: None, ..item(n) };
    let (home, changes) = changes(&[
        vec![undated(2), undated(1)],
        vec![undated(3), undated(2), undated(1)],
        vec![Item { date: Some("yesterday, or so".to_owned()), ..item(4) }, undated(3)],
    ]);
    assert_eq!(changes, [(2, 0), (1, 0), (1, 0)]);
    assert_eq!(home.each("title"), ["Title 4", "Title 3", "Title 2", "Title 1"]);
    for article in home.articles() {
        assert_eq!(article.get("date_published"), None, "{article}");
        assert_eq!(article["date_source"], "first_seen");
        assert!(article["date_first_seen"].is_string());
    }
}

#[test]
fn a_date_far_ahead_does_not_lead_the_list_for_years() {
    let ahead = Item { date: Some("Fri, 20 Aug 2077 06:00:00 GMT".to_owned()), ..item(1) };
    let (home, _) = changes(&[vec![ahead], vec![Item { date: None, ..item(2) }]]);
    let articles = home.articles();
    assert_eq!(home.each("title"), ["Title 2", "Title 1"]);
    assert_eq!(articles[1]["date_published"], "2077-08-20T06:00:00Z");
}

#[test]
fn an_entry_that_comes_back_is_known() {
    let (home, changes) = changes(&[vec![item(2), item(1)], vec![item(3)], vec![item(1)]]);
    assert_eq!(changes, [(2, 0), (1, 0), (0, 0)]);
    assert_eq!(home.articles().len(), 3);
}
