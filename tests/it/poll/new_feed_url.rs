//! `itunes:new-feed-url`: the address that a feed names as its new one.

use std::fs;

use chrono::TimeDelta;

use crate::support::feeds::{Item, item, rss};
use crate::support::now;
use crate::support::program::Home;
use crate::support::server::{Page, Server};

const DAY: i64 = 86_400;

/// A feed is configured at `old`, and names an address of `new`. The two servers are two hosts.
struct Servers {
    old: Server,
    new: Server,
    home: Home,
}

impl Servers {
    fn with_feed(feed: &str) -> Self {
        let (old, new) = (Server::start(), Server::start());
        let config = format!("[[feeds]]\nurl = \"{}\"\nevery = \"1h\"\n{feed}\n", old.url("/old"));
        Self { home: Home::new(&config), old, new }
    }

    fn start() -> Self {
        Self::with_feed("")
    }

    /// An address of the new server, under another host name than the old one has.
    fn at_new(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.new.address().port())
    }

    fn serve_old(&self, title: &str, items: &[Item], names: Option<&str>) {
        self.old.put("/old", Page::ok(document(title, items, names)));
    }

    fn serve_new(&self, title: &str, items: &[Item], names: Option<&str>) {
        self.new.put("/new", Page::ok(document(title, items, names)));
    }

    /// Lets time pass, polls as if that had been planned, and returns the numbers of requests that the old and the
    /// new server got.
    fn poll_after(&self, seconds: i64) -> (usize, usize) {
        let before = (self.old.total(), self.new.total());
        if self.home.has_store() {
            self.home.age_polls(seconds);
            let now = now().timestamp();
            self.home.execute(&format!("UPDATE poll_state SET next_poll_at = {now}"));
        }
        self.home.run(&["poll"]);
        (self.old.total() - before.0, self.new.total() - before.1)
    }

    fn poll(&self) -> (usize, usize) {
        self.poll_after(3_700)
    }

    fn explain(&self) -> (serde_json::Value, String) {
        let name = self.old.url("/old");
        (self.home.json(&["explain", &name, "--json"]), self.home.ok(&["explain", &name]))
    }

    fn titles(&self) -> Vec<String> {
        self.home.each("title")
    }
}

fn document(title: &str, items: &[Item], names: Option<&str>) -> String {
    let tag = names.map(|url| format!("<itunes:new-feed-url>{url}</itunes:new-feed-url>"));
    rss(title, items)
        .replacen("<rss ", "<rss xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" ", 1)
        .replacen("<description>", &format!("{}<description>", tag.unwrap_or_default()), 1)
}

fn items(numbers: &[u32]) -> Vec<Item> {
    numbers.iter().copied().map(item).collect()
}

const OLD_ASKED: (usize, usize) = (1, 0);
const NEW_ASKED: (usize, usize) = (0, 1);

#[test]
fn a_feed_moves_to_the_address_that_it_names_once_this_serves_it() {
    let servers = Servers::start();
    let to = servers.at_new("/new");
    servers.serve_old("Show", &items(&[1]), Some(&to));
    servers.serve_new("Show", &items(&[1, 2]), Some(&to));
    assert_eq!(servers.poll(), OLD_ASKED);
    let (json, text) = servers.explain();
    assert_eq!(
        (json["new_feed_url"].as_str(), &json["moved_to"]),
        (Some(to.as_str()), &serde_json::Value::Null)
    );
    assert!(
        text.contains("itunes:new-feed-url") && text.contains("tried at the next poll"),
        "{text}"
    );
    assert_eq!(json["host"], "localhost", "the host of the next request");
    assert_eq!(servers.poll(), NEW_ASKED);
    assert_eq!(servers.titles(), ["Title 2", "Title 1"]);
    let (json, text) = servers.explain();
    assert_eq!(
        (json["moved_to"].as_str(), json["moved_by"].as_str()),
        (Some(to.as_str()), Some("new_feed_url"))
    );
    assert!(text.contains("as its itunes:new-feed-url says"), "{text}");
    assert_eq!(servers.poll(), NEW_ASKED);
    // The configured address is asked again after a day and then weekly for a month, as after a redirect.
    assert_eq!(servers.poll_after(DAY), OLD_ASKED);
    let mut rechecks = 0;
    for _ in 0..40 {
        rechecks += servers.poll_after(DAY).0;
    }
    assert_eq!(rechecks, 4);
    assert_eq!(servers.titles().len(), 2);
}

#[test]
fn a_stale_address_does_not_stop_a_feed() {
    // One page shows the plan of a month, the others its beginning.
    for (page, days, expected) in [
        (Page::status(404), 40, 4),
        (Page::status(410), 8, 1),
        (Page::ok("<html>Parked</html>"), 8, 1),
        (Page::status(429), 8, 1),
    ] {
        let servers = Servers::start();
        let to = servers.at_new("/new");
        servers.new.put("/new", page);
        servers.serve_old("Show", &items(&[1]), Some(&to));
        assert_eq!(servers.poll(), OLD_ASKED);
        assert_eq!(servers.poll(), NEW_ASKED);
        let feed = servers.home.feed();
        assert_eq!((&feed["state"], &feed["failures"]), (&"ok".into(), &0.0.into()), "{feed}");
        servers.serve_old("Show", &items(&[1, 2]), Some(&to));
        assert_eq!(servers.poll(), OLD_ASKED, "at the usual time");
        assert_eq!(servers.titles().len(), 2);
        let mut tried = 0;
        for _ in 0..days {
            let (old, new) = servers.poll_after(DAY);
            assert_eq!(old + new, 1);
            tried += new;
        }
        assert_eq!(tried, expected, "weekly for a month");
        let (_, text) = servers.explain();
        assert_eq!(text.contains("not tried any more"), days == 40, "{text}");
    }
}

#[test]
fn nothing_is_stored_of_what_is_not_the_feed_that_moved() {
    for (name, title, numbers, expected) in [
        ("another feed", "Other show", vec![8, 9], 1),
        ("the title alone", "show", vec![9], 2),
        ("an entry alone", "Renamed", vec![1, 9], 2),
    ] {
        let servers = Servers::start();
        let to = servers.at_new("/new");
        servers.serve_old("Show", &items(&[1]), Some(&to));
        let page = document(title, &items(&numbers), None)
            .replace("https://news.example/<", "https://other.example/<");
        servers.new.put("/new", Page::ok(page));
        assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, NEW_ASKED), "{name}");
        assert_eq!(servers.titles().len(), expected, "{name}");
        let asked = if expected == 1 { OLD_ASKED } else { NEW_ASKED };
        assert_eq!(servers.poll(), asked, "{name}");
    }
}

#[test]
fn an_address_without_the_latest_articles_is_a_stale_one() {
    let servers = Servers::start();
    let to = servers.at_new("/new");
    let latest = Item { date: Some((now() - TimeDelta::days(2)).to_rfc2822()), ..item(2) };
    servers.serve_old("Show", &[latest, item(1)], Some(&to));
    servers.serve_new("Show", &items(&[1]), None);
    assert_eq!((servers.poll(), servers.poll(), servers.poll()), (OLD_ASKED, NEW_ASKED, OLD_ASKED));
}

#[test]
fn addresses_that_name_each_other_leave_the_feed_where_it_is() {
    let servers = Servers::start();
    let (to, back) = (servers.at_new("/new"), servers.old.url("/old"));
    servers.serve_old("Show", &items(&[1]), Some(&to));
    servers.serve_new("Show", &items(&[1]), Some(&back));
    assert_eq!((servers.poll(), servers.poll(), servers.poll()), (OLD_ASKED, NEW_ASKED, OLD_ASKED));
}

#[test]
fn a_second_move_is_followed_a_day_after_the_first() {
    let servers = Servers::start();
    let (second, third) = (servers.at_new("/new"), servers.at_new("/third"));
    servers.serve_old("Show", &items(&[1]), Some(&second));
    servers.serve_new("Show", &items(&[1]), Some(&third));
    servers.new.put("/third", Page::ok(document("Show", &items(&[1, 2]), Some(&third))));
    assert_eq!((servers.poll(), servers.poll(), servers.poll()), (OLD_ASKED, NEW_ASKED, NEW_ASKED));
    assert_eq!(servers.poll_after(DAY), NEW_ASKED);
    assert_eq!(servers.explain().0["moved_to"].as_str(), Some(third.as_str()));
    assert_eq!(servers.titles().len(), 2);
}

#[test]
fn a_new_address_that_fails_later_is_left() {
    for page in [Page::status(404), Page::status(410)] {
        let servers = Servers::start();
        let to = servers.at_new("/new");
        servers.serve_old("Show", &items(&[1]), Some(&to));
        servers.serve_new("Show", &items(&[1]), None);
        assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, NEW_ASKED));
        servers.new.put("/new", page);
        servers.serve_old("Show", &items(&[1, 2]), Some(&to));
        assert_eq!((servers.poll(), servers.poll_after(DAY)), (NEW_ASKED, OLD_ASKED));
        assert_eq!(servers.titles().len(), 2);
        assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, OLD_ASKED));
        assert_eq!(servers.home.feed()["state"], "ok");
    }
}

#[test]
fn a_feed_goes_back_when_its_configured_address_has_news_that_the_new_one_lacks() {
    let servers = Servers::start();
    let to = servers.at_new("/new");
    servers.serve_old("Show", &items(&[1]), Some(&to));
    servers.serve_new("Show", &items(&[1]), None);
    assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, NEW_ASKED));
    let news = Item { date: Some((now() - TimeDelta::hours(1)).to_rfc2822()), ..item(2) };
    servers.serve_old("Show", &[news, item(1)], Some(&to));
    assert_eq!(servers.poll_after(DAY + 60), OLD_ASKED, "the recheck");
    assert_eq!(servers.titles(), ["Title 2", "Title 1"]);
    assert_eq!((servers.poll(), servers.poll_after(10 * DAY)), (OLD_ASKED, OLD_ASKED));
}

#[test]
fn a_tag_that_disappears_ends_the_move() {
    let servers = Servers::start();
    let to = servers.at_new("/new");
    servers.serve_old("Show", &items(&[1]), Some(&to));
    servers.serve_new("Show", &items(&[1]), None);
    assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, NEW_ASKED));
    servers.serve_old("Show", &items(&[1, 2]), None);
    assert_eq!((servers.poll_after(DAY + 60), servers.poll()), (OLD_ASKED, OLD_ASKED));
    assert_eq!(servers.explain().0["moved_to"], serde_json::Value::Null);
}

#[test]
fn only_public_addresses_are_tried_unless_the_host_is_allowed() {
    let servers = Servers::with_feed("allow_private = true");
    servers.serve_old("Show", &items(&[1]), Some(&servers.at_new("/new")));
    servers.serve_new("Show", &items(&[1, 2]), None);
    assert_eq!((servers.poll(), servers.poll(), servers.poll()), (OLD_ASKED, (0, 0), OLD_ASKED));
    assert_eq!(servers.home.feed()["state"], "ok");
}

#[test]
fn secrets_of_the_feed_are_not_sent_to_the_address_that_it_names() {
    let servers = Servers::with_feed("headers = { Authorization = \"Bearer s3cret\" }");
    servers.serve_old("Show", &items(&[1]), Some(&servers.at_new("/new")));
    servers.serve_new("Show", &items(&[1, 2]), None);
    assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, NEW_ASKED));
    assert!(
        servers.old.all_requests().iter().all(|request| request.header("authorization").is_some())
    );
    assert!(
        servers.new.all_requests().iter().all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn private_feeds_programs_and_files_stay_where_they_are() {
    let servers = Servers::with_feed("name = \"Members\"\nprivate = true");
    let to = servers.at_new("/new?key=t0ken");
    servers.serve_old("Show", &items(&[1]), Some(&to));
    servers.new.put("/new?key=t0ken", Page::ok(document("Show", &items(&[1, 2]), None)));
    assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, OLD_ASKED));
    assert!(!servers.home.ok(&["explain", "Members", "--json"]).contains("t0ken"));
    for source in ["command = [\"cat\", \"feed.xml\"]", "url = \"feed.xml\""] {
        let source =
            source.replace("\"feed.xml\"", &format!("{:?}", servers.home.path("feed.xml")));
        let source = source.replace("url = \"/", "url = \"file:///");
        servers.home.configure(&format!("[[feeds]]\n{source}\nevery = \"1h\"\n"));
        fs::write(servers.home.path("feed.xml"), document("Show", &items(&[1]), Some(&to)))
            .unwrap();
        assert_eq!((servers.poll(), servers.poll()), ((0, 0), (0, 0)), "{source}");
        assert_eq!(servers.titles().len(), 1 + usize::from(source.starts_with("url")) + 1);
    }
}

#[test]
fn a_link_to_itself_and_another_spelling_of_the_address_are_no_move() {
    let servers = Servers::start();
    let own = servers.old.url("/old");
    for names in [
        own.clone(),
        format!("{own}/"),
        own.replace("http:", "https:"),
        format!("{own}#x"),
        "no address".into(),
    ] {
        servers.serve_old("Show", &items(&[1]), Some(&names));
        assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, OLD_ASKED), "{names}");
    }
    let atom = format!(
        "<feed xmlns='http://www.w3.org/2005/Atom'><title>Show</title><id>urn:x</id>\
         <link rel='self' href='{}'/><entry><id>a</id><title>A</title></entry></feed>",
        servers.at_new("/new")
    );
    servers.old.put("/old", Page::ok(atom));
    assert_eq!((servers.poll(), servers.poll()), (OLD_ASKED, OLD_ASKED));
}
