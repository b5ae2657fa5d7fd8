//! A clock that is set a day forward or back, for the program and under it.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::support::feeds::{item, rss};
use crate::support::postgres::store_is_file;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{skip, wait_for};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

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
        home.age_everything(days * DAY);
        // Once, not once for each hour of the day that there never was.
        for _ in 0..3 {
            home.ok(&["poll"]);
        }
        let requests = server.requests("/f");
        assert_eq!(requests.len(), 2, "{name}");
        assert_eq!(requests[1].header("if-none-match"), Some(&b"\"1\""[..]), "{name}");
        assert_eq!(home.each("id"), before, "{name}");
        let ahead = home.wait_for_next_poll();
        assert!((1..=DAY).contains(&ahead), "{name}: {ahead}");
        assert!(rhythm.is_empty() || ahead <= 2 * HOUR, "{name}: {ahead}");
        home.ok(&["db", "check"]);
    }
}

/// Makes a program believe in another time.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    let library = files.find(|file| file.exists());
    if library.is_none() {
        skip("libfaketime");
    }
    library
}

#[test]
fn a_daemon_whose_clock_jumps_says_so_and_polls_on() {
    if !store_is_file() {
        return; // With a server, its clock is followed.
    }
    let Some(library) = library() else { return };
    let server = Server::start();
    for path in ["/hourly", "/often"] {
        server.put(path, Page::ok(rss(path, &[item(1)])));
    }
    let feed = |path: &str, every: &str| {
        format!("[[feeds]]\nurl = \"{}\"\nevery = \"{every}\"\n", server.url(path))
    };
    let home = Home::new(
        &(feed("/hourly", "1h") + &feed("/often", "1s") + "[fetch]\nhost_delay = \"0s\"\n"),
    );
    // Renamed into place, so that nobody reads half of it.
    let set = |time: &str| {
        fs::write(home.path("time.new"), time).unwrap();
        fs::rename(home.path("time.new"), home.path("time")).unwrap();
    };
    set("+0\n");
    let mut command = home.command(&["--log-format", "json", "-v", "run"]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", home.path("time"));
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mut daemon = Running::daemon_as(command);
    let polled = |path: &str, least: usize| {
        wait_for(path, || (least <= server.requests(path).len()).then_some(()));
    };
    // Stored, too: a poll that is under way when the clock jumps is of the time after it.
    polled("/often", 2);
    wait_for("the first polls", || (home.articles().len() == 2).then_some(()));
    for (n, (time, seconds)) in
        [("+1d\n", DAY), ("+0\n", -DAY), ("-1d\n", -DAY)].into_iter().enumerate()
    {
        set(time);
        wait_for("a jump", || {
            let jumps = daemon.events().into_iter().filter_map(|event| event["seconds"].as_i64());
            let jumped: Vec<i64> = jumps.filter(|jump| HOUR < jump.abs()).collect();
            let last = jumped.get(n)?;
            assert!((last - seconds).abs() < 60, "{last} instead of {seconds}");
            Some(())
        });
        polled("/hourly", n + 2);
        polled("/often", server.requests("/often").len() + 2);
    }
    assert_eq!(server.requests("/hourly").len(), 4, "{}", daemon.log());
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    assert_eq!(home.articles().len(), 2);
    home.ok(&["db", "check"]);
}
