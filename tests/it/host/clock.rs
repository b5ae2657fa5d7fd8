//! A clock that is set a day forward or back.

use crate::support::feeds::{item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Sets all moments of the store back: to the program, its clock went forward by as much.
fn set_clock(home: &Home, forward: i64) {
    home.sql()
        .execute_batch(&format!(
            "UPDATE plan SET next_poll_at = next_poll_at - {forward}, not_before = not_before - {forward},
                polled_at = polled_at - {forward}, succeeded_at = succeeded_at - {forward},
                full_at = full_at - {forward};
             UPDATE article SET order_at = order_at - {forward}, first_seen_at = first_seen_at - {forward};"
        ))
        .unwrap();
}

#[test]
fn a_clock_that_jumps_by_a_day_costs_one_poll_and_no_article() {
    for (rhythm, days) in [
        ("every = \"1h\"", 1),
        ("every = \"1h\"", -1),
        ("cron = \"0 * * * *\"", 1),
        ("cron = \"0 * * * *\"", -1),
        ("", 1),
        ("", -1),
    ] {
        let name = format!("{rhythm}, {days} d");
        let server = Server::start();
        server.put("/f", Page::ok(rss("News", &[item(1)])).header("ETag", "\"1\""));
        let home = Home::new(&format!("[[feeds]]\nurl = \"{}\"\n{rhythm}\n", server.url("/f")));
        home.ok(&["poll"]);
        let before = home.each("id");
        set_clock(&home, days * DAY);
        // Once, not once for each hour of the day that there never was.
        for _ in 0..3 {
            home.ok(&["poll"]);
        }
        let requests = server.requests("/f");
        assert_eq!(requests.len(), 2, "{name}");
        assert_eq!(requests[1].header("if-none-match"), Some(&b"\"1\""[..]), "{name}");
        assert_eq!(home.each("id"), before, "{name}");
        let ahead: i64 = home
            .sql()
            .query_row("SELECT next_poll_at - polled_at FROM plan", [], |row| row.get(0))
            .unwrap();
        assert!((1..=DAY).contains(&ahead), "{name}: {ahead}");
        assert!(rhythm.is_empty() || ahead <= 2 * HOUR, "{name}: {ahead}");
        home.ok(&["db", "check"]);
    }
}
