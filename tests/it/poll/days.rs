//! Weeks of polling against a scripted server, a new process for each poll.
//!
//! Time passes by setting every moment in the store back; to the program that is the same. At each visit
//! the server must see nothing before the plan says so, and then exactly what the rules allow.

use chrono::{DateTime, TimeDelta, Utc};

use crate::support::feeds::{item, rss};
use crate::support::now;
use crate::support::program::Home;
use crate::support::server::{Page, Request, Server};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// One feed, `/f`, and what its server has been asked so far.
struct Timeline {
    server: Server,
    home: Home,
    seen: usize,
    /// Seconds passed by [`Timeline::pass`]; the few that really pass do not count.
    now: i64,
}

impl Timeline {
    fn new(every: &str, first: Page) -> Self {
        let server = Server::start();
        server.put("/f", first);
        let feed = format!("[[feeds]]\nurl = \"{}\"\nevery = \"{every}\"\n", server.url("/f"));
        let mut timeline = Self { server, home: Home::new(&feed), seen: 0, now: 0 };
        assert_eq!(timeline.poll().len(), 1, "a new feed is due");
        timeline
    }

    /// All moments in the store are so much longer ago.
    fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        self.home.age_polls(seconds);
    }

    /// Polls what is due; answers the requests of that.
    fn poll(&mut self) -> Vec<Request> {
        let ran = self.home.run(&["poll", "--json"]);
        assert!(matches!(ran.code, Some(0 | 3)), "{ran:#?}");
        let new = self.server.all_requests().split_off(self.seen);
        self.seen += new.len();
        new
    }

    /// Seconds until the next poll.
    fn wait(&self) -> i64 {
        let next = self.home.feed()["next_poll"].as_str().unwrap().to_owned();
        (next.parse::<DateTime<Utc>>().unwrap() - now()).num_seconds()
    }

    /// The poll that comes next, at its time and not before.
    #[track_caller]
    fn visit(&mut self) -> Vec<Request> {
        self.pass(self.wait() - 30);
        assert_eq!(self.poll().len(), 0, "half a minute early");
        self.pass(31);
        let requests = self.poll();
        assert_eq!(self.poll().len(), 0, "the next process asks again");
        requests
    }

    /// A visit of one request for `path`; answers its validators.
    #[track_caller]
    fn asks(&mut self, path: &str) -> (Option<String>, Option<String>) {
        let requests = self.visit();
        let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
        assert_eq!(paths, [path]);
        for never in ["referer", "cookie", "from"] {
            assert_eq!(requests[0].header(never), None, "{never}");
        }
        let tag = text(&requests[0], "if-none-match");
        assert_eq!(text(&requests[0], "a-im").is_some(), tag.is_some(), "A-IM goes with a tag");
        (tag, text(&requests[0], "if-modified-since"))
    }

    fn because(&self) -> String {
        self.home.feed()["next_because"].as_str().unwrap().to_owned()
    }
}

fn text(request: &Request, name: &str) -> Option<String> {
    request.header(name).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn both(tag: &str, date: &str) -> (Option<String>, Option<String>) {
    (Some(tag.to_owned()), Some(date.to_owned()))
}

fn news(n: u32) -> Page {
    Page::ok(rss("News", &(1..=n).rev().map(item).collect::<Vec<_>>()))
}

/// RFC 9110 sections 8.8, 13.1 and 15.4.5.
#[test]
fn validators_are_those_of_the_last_answer_that_had_some() {
    const MONDAY: &str = "Mon, 23 Nov 2026 10:00:00 GMT";
    const ODD: &str = "yesterday, more or less"; // No date, but theirs: sent back as it came.
    let mut timeline =
        Timeline::new("1h", news(1).header("ETag", "\"1\"").header("Last-Modified", MONDAY));

    timeline.server.put("/f", news(2).header("ETag", "W/\"2\"").header("Last-Modified", ODD));
    assert_eq!(timeline.asks("/f"), both("\"1\"", MONDAY));

    // A 304 replaces the validators that it carries, and sets the plan like any answer.
    let page = Page::status(304).header("ETag", "\"3\"").header("Cache-Control", "max-age=7200");
    timeline.server.put("/f", page);
    assert_eq!(timeline.asks("/f"), both("W/\"2\"", ODD));
    assert_eq!(timeline.because(), "max_age");
    assert!((7_190..=7_920).contains(&timeline.wait()), "{}", timeline.wait());

    // An unchanged body refreshes them as well: the bytes of the second poll under a fourth tag.
    timeline.server.put("/f", news(2).header("ETag", "\"4\""));
    assert_eq!(timeline.asks("/f"), both("\"3\"", ODD));

    // And so does an answer that has none.
    timeline.server.put("/f", news(3));
    assert_eq!(timeline.asks("/f"), (Some("\"4\"".to_owned()), None), "the date was dropped");
    assert_eq!(timeline.asks("/f"), (None, None), "nothing is invented");

    assert_eq!(timeline.home.articles().len(), 3);
    assert_eq!(timeline.home.each("revision"), ["", "", ""], "nothing was edited");
}

/// RFC 9110 section 15.4.2: five weeks behind a 301, on a server that never says more than 304.
#[test]
fn a_moved_feed_costs_one_request_a_poll_and_a_recheck_now_and_then() {
    let moved = Page::status(301).header("Location", "/new");
    let server_page = || news(1).header("ETag", "\"n\"");
    let mut timeline = Timeline::new("24h", server_page());
    timeline.server.put("/f", moved);
    timeline.server.put("/new", server_page());
    let first = timeline.visit();
    assert_eq!(first.iter().map(|r| r.path.as_str()).collect::<Vec<_>>(), ["/f", "/new"]);
    assert_eq!(text(&first[1], "if-none-match"), None, "the tag is of another address");

    let moved_at = timeline.now;
    let (mut recheck_at, mut in_full_at) = (Some(moved_at + DAY), moved_at);
    let (mut rechecks, mut in_full) = (0, 0);
    while timeline.now < moved_at + 36 * DAY {
        let requests = timeline.visit();
        let now = timeline.now;
        let paths: Vec<_> = requests.iter().map(|r| r.path.as_str()).collect();
        if recheck_at.is_some_and(|at| at <= now) {
            assert_eq!(paths, ["/f", "/new"], "after {} h", (now - moved_at) / HOUR);
            recheck_at = Some(now + 7 * DAY).filter(|at| *at <= moved_at + 30 * DAY);
            rechecks += 1;
        } else {
            assert_eq!(paths, ["/new"], "after {} h", (now - moved_at) / HOUR);
        }
        let unconditional = text(requests.last().unwrap(), "if-none-match").is_none();
        assert_eq!(unconditional, 8 * DAY <= now - in_full_at, "{} h", (now - moved_at) / HOUR);
        if unconditional {
            in_full_at = now;
            in_full += 1;
        }
    }
    assert!((4..=5).contains(&rechecks), "a day after, then weekly for a month: {rechecks}");
    assert!((3..=4).contains(&in_full), "once in eight days: {in_full}");
    assert_eq!(timeline.home.articles().len(), 1);
}

/// RFC 9110 section 15.4.3 and 15.4.8.
#[test]
fn a_temporary_redirect_is_asked_for_again_each_time() {
    let mut timeline = Timeline::new("1h", news(1));
    timeline.server.put("/here", news(1).header("ETag", "\"h\""));
    for status in [302, 303, 307] {
        timeline.server.put("/f", Page::status(status).header("Location", "/here"));
        let requests = timeline.visit();
        assert_eq!(requests.iter().map(|r| r.path.as_str()).collect::<Vec<_>>(), ["/f", "/here"]);
    }
}

/// RFC 9110 section 10.2.3, RFC 6585 section 4.
#[test]
fn a_refusal_is_waited_out_whichever_way_it_is_said() {
    let in_three_hours = || {
        let at = now() + TimeDelta::hours(3);
        at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    let mut timeline = Timeline::new("1h", news(1).header("ETag", "\"1\""));
    for (status, wait, low, high) in [
        // Later by a tenth at most, and by an hour at most.
        (429, Some("7200".to_owned()), 7_190, 7_920),
        (503, Some(in_three_hours()), 3 * HOUR - 10, 3 * HOUR + 1_080),
        (404, Some("90000".to_owned()), 89_990, 90_000 + HOUR),
        (429, None, HOUR, DAY),
        (503, None, HOUR, DAY),
        (500, None, HOUR, DAY),
    ] {
        let page = Page::status(status);
        timeline.server.put(
            "/f",
            match &wait {
                Some(wait) => page.header("Retry-After", wait.as_str()),
                None => page,
            },
        );
        let (tag, _) = timeline.asks("/f");
        assert_eq!(tag.as_deref(), Some("\"1\""), "a failure forgets no validator");
        assert!((low..=high).contains(&timeline.wait()), "{status} {wait:?}: {}", timeline.wait());
        let because = timeline.because();
        assert_eq!(because, if wait.is_some() { "retry_after" } else { "backoff" }, "{status}");
        // The next case starts from a healthy feed.
        timeline.server.put("/f", news(1).header("ETag", "\"1\""));
        timeline.asks("/f");
        assert_eq!(timeline.home.feed()["failures"], 0.0, "a 304 resets the failures");
    }
}

/// RFC 9111 section 5.3; RSS 2.0, `ttl`.
#[test]
fn freshness_is_waited_for_up_to_a_day() {
    let date = |hours: i64| {
        let at = now() + TimeDelta::hours(hours);
        at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    let ttl = || {
        let body = rss("News", &[item(1)]).replace("<item>", "<ttl>300</ttl><item>");
        Page::ok(body)
    };
    let mut timeline = Timeline::new("1h", news(1));
    for (page, because, wait) in [
        (news(2).header("Cache-Control", "max-age=10800"), "max_age", 3 * HOUR),
        (news(3).header("Expires", date(4)), "expires", 4 * HOUR),
        (news(4).header("Expires", date(400)), "expires", DAY),
        (
            news(5).header("Cache-Control", "max-age=9000").header("Expires", date(20)),
            "max_age",
            9_000,
        ),
        (ttl(), "ttl", 5 * HOUR),
    ] {
        timeline.server.put("/f", page);
        assert_eq!(timeline.visit().len(), 1);
        assert_eq!(timeline.because(), because);
        // The server's wait began up to ten seconds ago; a tenth and an hour bound what is added.
        let longest = wait + (wait / 10).min(HOUR);
        assert!((wait - 10..=longest).contains(&timeline.wait()), "{because}: {}", timeline.wait());
    }
}

/// RFC 9110 section 15.5.11.
#[test]
fn a_feed_that_is_gone_is_never_asked_again() {
    let mut timeline = Timeline::new("1h", news(1));
    timeline.server.put("/f", Page::status(410));
    assert_eq!(timeline.visit().len(), 1);
    for _ in 0..5 {
        timeline.pass(40 * DAY);
        assert_eq!(timeline.poll().len(), 0);
    }
    assert_eq!(timeline.home.articles().len(), 1, "articles stay");
}

/// A failing feed is asked less and less often, and never given up: after a month once a week.
#[test]
fn a_feed_that_fails_for_months_is_asked_once_a_week() {
    let mut timeline = Timeline::new("6h", news(1));
    timeline.server.put("/f", Page::status(404));
    let mut waits = Vec::new();
    for _ in 0..40 {
        assert_eq!(timeline.visit().len(), 1);
        waits.push(timeline.wait());
    }
    // To a few seconds, which go by between the poll and the look at its plan.
    assert!(waits.is_sorted_by(|a, b| *a <= b + 10), "{waits:?}");
    assert!((DAY - 10..=DAY).contains(&waits[10]), "{waits:?}");
    assert!((7 * DAY - 10..=7 * DAY).contains(waits.last().unwrap()), "{waits:?}");
}
