//! What a server sees of us.

use std::time::{Duration, Instant};

use chrono::{Datelike, TimeDelta, Timelike};

use crate::support::feeds::{item, rss};
use crate::support::now;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

fn feed(url: &str, more: &str) -> String {
    format!("[[feeds]]\nurl = \"{url}\"\n{more}\n")
}

/// RFC 9110 section 8.8: a validator belongs to the resource that sent it, whatever leads there.
#[test]
fn validators_go_to_the_address_that_sent_them_and_no_other() {
    let (door, house) = (Server::start(), Server::start());
    let target = house.url("/feed");
    door.put("/f", Page::status(302).header("Location", target));
    house.put("/feed", Page::ok(rss("F", &[item(1)])).header("ETag", "\"v1\""));
    let home = Home::with_feeds(&[door.url("/f")]);
    home.poll();
    house.put("/feed", Page::status(304));
    let report = home.poll();
    assert_eq!(report["feeds"][0]["outcome"], "not_modified");
    assert!(door.all_requests().iter().all(|request| request.header("if-none-match").is_none()));
    let sent: Vec<_> = house
        .all_requests()
        .iter()
        .map(|r| r.header("if-none-match").map(<[u8]>::to_vec))
        .collect();
    assert_eq!(sent, [None, Some(b"\"v1\"".to_vec())]);
}

/// RFC 3229: a 226 carries only what is new; what it leaves out is not gone.
#[test]
fn a_delta_forgets_nothing() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("F", &[item(1), item(2)])).header("ETag", "\"v1\""));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    let delta = rss("F", &[item(3)]);
    server.put("/f", Page::status(226).header("IM", "feed").header("ETag", "\"v2\"").body(delta));
    assert_eq!(home.poll()["added"], 1);
    assert_eq!(server.requests("/f")[1].header("a-im"), Some(&b"feed"[..]));
    let seq = home.seq();
    server.put("/f", Page::ok(rss("F", &[item(3), item(1), item(2)])).header("ETag", "\"v3\""));
    assert_eq!(home.poll()["added"], 0);
    assert_eq!((home.seq(), home.articles().len()), (seq, 3));
}

/// Some servers answer 304 for ever; so a feed is asked in full after eight days without a body.
#[test]
fn a_feed_without_a_body_for_eight_days_is_asked_in_full() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("F", &[item(1)])).header("ETag", "\"v1\""));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    for (days, conditional) in [(7, true), (9, false), (0, true)] {
        home.age_last_body(days * 86_400);
        home.poll();
        let requests = server.requests("/f");
        let last = requests.last().unwrap();
        assert_eq!(last.header("if-none-match").is_some(), conditional, "{days} days");
    }
}

#[test]
fn each_wait_of_a_server_has_its_name_in_the_schedule() {
    let skip = (0..23).map(|hour| format!("<hour>{hour}</hour>")).collect::<Vec<_>>().concat();
    for (headers, channel, more, because) in [
        (vec![("Cache-Control", "max-age=7200")], "", "", "max_age"),
        (vec![("Cache-Control", "max-age=7200")], "", "obey_cache = false", "interval"),
        (vec![("Cache-Control", "max-age=60")], "", "", "interval"),
        (vec![], "<ttl>120</ttl>", "", "ttl"),
        (
            vec![],
            "<x:updatePeriod xmlns:x=\"http://purl.org/rss/1.0/modules/syndication/\">daily</x:updatePeriod>",
            "",
            "update_period",
        ),
    ] {
        let server = Server::start();
        let body = rss("F", &[item(1)]).replace("<item>", &format!("{channel}<item>"));
        let page =
            headers.iter().fold(Page::ok(body), |page, (name, value)| page.header(name, *value));
        server.put("/f", page);
        let home = Home::new(&feed(&server.url("/f"), &format!("every = \"10m\"\n{more}")));
        home.poll();
        assert_eq!(home.feed()["next_because"], because, "{headers:?} {channel} {more}");
    }
    let server = Server::start();
    let skips = format!("<skipHours>{skip}</skipHours><item>");
    server.put("/f", Page::ok(rss("F", &[item(1)]).replace("<item>", &skips)));
    let home = Home::new(&feed(&server.url("/f"), "every = \"10m\""));
    home.poll();
    let feed = home.feed();
    let hour = feed["next_poll"].as_str().unwrap().get(11..13).unwrap().to_owned();
    assert_eq!(hour, "23", "the only hour left: {feed:#}");
}

#[test]
fn a_change_of_schedule_keeps_the_hours_and_days_that_a_feed_skips() {
    let in_three_hours = now() + TimeDelta::hours(3);
    let hours = (0..24).filter(|hour| *hour != in_three_hours.hour());
    let today = in_three_hours.weekday();
    let days = ["Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun"]
        .into_iter()
        .enumerate()
        .filter(|(n, _)| *n != today.num_days_from_monday() as usize);
    let skips = format!(
        "<skipHours>{}</skipHours><skipDays>{}</skipDays><item>",
        hours.map(|hour| format!("<hour>{hour}</hour>")).collect::<Vec<_>>().concat(),
        days.map(|(_, day)| format!("<day>{day}day</day>")).collect::<Vec<_>>().concat(),
    );
    let server = Server::start();
    server.put("/f", Page::ok(rss("F", &[item(1)]).replace("<item>", &skips)));
    let home = Home::new(&feed(&server.url("/f"), "every = \"10m\""));
    home.poll();
    let before = home.feed()["next_poll"].clone();
    home.configure(&feed(&server.url("/f"), "every = \"20m\""));
    assert_eq!(home.json(&["poll", "--json"])["polled"], 0);
    let after = home.feed();
    assert_eq!((&after["next_poll"], &after["next_because"]), (&before, &"skip_hours".into()));
}

/// A refusal counts for the host: its other feeds are left alone too, by the next process as well.
#[test]
fn a_host_that_refuses_is_left_alone_with_all_its_feeds() {
    let server = Server::start();
    server.put("/a", Page::status(429).header("Retry-After", "900"));
    server.put("/b", Page::ok(rss("B", &[item(1)])));
    let config = format!(
        "[fetch]\nper_host = 1\nhost_delay = \"1s\"\n{}{}",
        feed(&server.url("/a"), "name = \"a\""),
        feed(&server.url("/b"), "name = \"b\"")
    );
    let home = Home::new(&config);
    assert_eq!(home.run(&["poll", "a", "--json"]).code, Some(3));
    let report = home.json(&["poll", "--all", "--json"]);
    assert_eq!((&report["polled"], &report["left_alone"]), (&0.into(), &2.into()));
    assert_eq!(server.total(), 1, "{:#?}", server.all_requests().len());
    let told = home.ok(&["explain", "b"]);
    assert!(told.contains("answered 429") && told.contains("left alone until"), "{told}");
    assert_eq!(home.run(&["poll", "b", "--json", "--force"]).code, Some(0));
    assert_eq!(server.requests("/b").len(), 1);
}

#[test]
fn two_requests_to_a_host_keep_their_distance() {
    let server = Server::start();
    let mut config = "[fetch]\nper_host = 1\nhost_delay = \"1s\"\n".to_owned();
    for n in 0..3 {
        server.put(&format!("/{n}"), Page::ok(rss("F", &[item(n)])));
        config.push_str(&feed(&server.url(&format!("/{n}")), ""));
    }
    let home = Home::new(&config);
    let began = Instant::now();
    assert_eq!(home.poll()["polled"], 3);
    // The clock of the test is another than that of the program: a distance can only be too long.
    assert!(Duration::from_secs(2) <= began.elapsed(), "{:?}", began.elapsed());
}

#[test]
fn a_daemon_asks_a_host_for_no_more_at_once_than_allowed() {
    let (slow, quick) = (Server::start(), Server::start());
    let mut config =
        "[fetch]\nper_host = 2\nhost_delay = \"0s\"\n[schedule]\nevery = \"1h\"\n".to_owned();
    for n in 0..6 {
        let page = Page::ok(rss("S", &[item(n)])).after(Duration::from_millis(300));
        slow.put(&format!("/{n}"), page);
        config.push_str(&feed(&slow.url(&format!("/{n}")), ""));
    }
    // Another name of this machine is another host.
    quick.put("/q", Page::ok(rss("Q", &[item(9)])));
    let elsewhere = format!("http://localhost:{}/q", quick.address().port());
    config.push_str(&feed(&elsewhere, ""));
    let home = Home::new(&config);
    let _daemon = Running::daemon(&home);
    wait_for("the other host's feed", || (quick.total() == 1).then_some(()));
    assert!(slow.total() <= 2, "{}", slow.total());
    wait_for("all feeds", || (home.articles().len() == 7).then_some(()));
    assert_eq!(slow.total(), 6);
}

#[test]
fn explain_tells_the_winner_and_the_history() {
    let server = Server::start();
    let page = Page::ok(rss("F", &[item(1)])).header("Cache-Control", "max-age=7200");
    server.put("/f", page.header("ETag", "\"v1\""));
    let home = Home::new(&feed(&server.url("/f"), "every = \"10m\""));
    home.poll();
    server.put("/f", Page::status(304));
    home.poll();
    let told = home.json(&["explain", "1", "--json"]);
    assert_eq!((&told["etag"], &told["polls"]), (&"\"v1\"".into(), &2.into()));
    let polls: Vec<_> = told["last_polls"].as_array().unwrap().iter().collect();
    let outcomes: Vec<_> =
        polls.iter().map(|poll| (&poll["outcome"], &poll["conditional"])).collect();
    assert_eq!(
        outcomes,
        [(&"not_modified".into(), &true.into()), (&"fresh".into(), &false.into())]
    );
    assert_eq!(told["candidates"][0]["because"], "interval");
    let text = home.ok(&["explain", "1"]);
    for words in ["not_modified", "if changed", "in full", "configured interval", "1 new"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// RFC 9110 section 15.4.2. The configured address stays on record and takes over again.
#[test]
fn a_permanent_move_is_followed_from_then_on_and_undone() {
    let (old, new) = (Server::start(), Server::start());
    old.put("/f", Page::status(301).header("Location", new.url("/feed")));
    new.put("/feed", Page::ok(rss("F", &[item(1)])).header("ETag", "\"v1\""));
    let config = format!("{}headers = {{ X-Key = \"s3cret\" }}\n", feed(&old.url("/f"), ""));
    let home = Home::new(&config);
    home.poll();
    home.poll();
    assert_eq!((old.total(), new.total()), (1, 2), "straight to the new address");
    let at_new = new.all_requests();
    assert!(at_new.iter().all(|request| request.header("x-key").is_none()), "of another site");
    assert_eq!(at_new[1].header("if-none-match"), Some(&b"\"v1\""[..]));
    // A day later the old address is asked, and serves the feed itself again.
    old.put("/f", Page::ok(rss("F", &[item(1), item(2)])));
    home.advance_rechecks(90_000);
    home.poll();
    home.poll();
    assert_eq!((old.total(), new.total()), (3, 2));
    assert_eq!(home.each("title").len(), 2, "one feed, whatever its address");
}

#[test]
fn a_move_that_is_temporary_or_leads_to_no_feed_is_not_kept() {
    for (status, page) in [
        (302, Page::ok(rss("F", &[item(1)]))),
        (307, Page::ok(rss("F", &[item(1)]))),
        (301, Page::ok("<!doctype html><title>Log in</title>")),
        (308, Page::status(404)),
    ] {
        let server = Server::start();
        server.put("/f", Page::status(status).header("Location", "/there"));
        server.put("/there", page);
        let home = Home::with_feeds(&[server.url("/f")]);
        home.run(&["poll", "--all"]);
        home.run(&["poll", "--all"]);
        assert_eq!(server.requests("/f").len(), 2, "{status}");
    }
}
