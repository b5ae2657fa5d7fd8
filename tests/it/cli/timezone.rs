//! `timezone`: in which zone times are shown. Records of articles stay in UTC.

use std::fs;

use crate::support::feeds::{Item, item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};

/// An article of 22:30 UTC, which is the next day in Berlin.
fn home(timezone: &str) -> Home {
    let home = Home::new(&format!(
        "{timezone}\n[server]\nlisten = \"127.0.0.1:0\"\n\
         [[exports]]\npath = \"digest.md\"\nformat = \"markdown\"\nevery = \"1h\"\n\
         [[feeds]]\nurl = \"file:news.xml\"\nname = \"News\"\n"
    ));
    let late = Item { date: Some("Tue, 20 Aug 2024 22:30:00 GMT".to_owned()), ..item(1) };
    fs::write(home.path("news.xml"), rss("News", &[late])).unwrap();
    home.poll();
    home
}

#[test]
fn everything_that_is_shown_is_in_the_zone_and_records_are_in_utc() {
    for (timezone, day, time, zone) in [
        ("", "Tuesday, 20 August 2024", "22:30", "UTC"),
        ("timezone = \"Europe/Berlin\"", "Wednesday, 21 August 2024", "00:30", "Europe/Berlin"),
        ("timezone = \"Asia/Kolkata\"", "Wednesday, 21 August 2024", "04:00", "Asia/Kolkata"),
    ] {
        let home = home(timezone);
        let markdown = home.ok(&["export", "--format", "markdown"]);
        assert!(markdown.contains(&format!("## {day}\n")), "{markdown}");
        assert!(markdown.contains(&format!("News · {time}\n")), "{markdown}");
        let html = home.ok(&["export", "--format", "html"]);
        assert!(html.contains(&format!("<h2>{day}</h2>")), "{html}");
        assert!(
            html.contains(&format!("datetime=\"2024-08-20T22:30:00Z\">{time}</time>")),
            "{html}"
        );
        fs::write(
            home.path("t.txt.j2"),
            "{% for a in articles %}{{ a.date_published | date('%d %H:%M') }}{% endfor %}",
        )
        .unwrap();
        let filled = home.ok(&["export", "--template", "t.txt.j2"]);
        assert!(filled.ends_with(time), "{filled}");
        let date = if time == "22:30" { "Aug 20  2024" } else { "Aug 21  2024" };
        for command in [&["export", "--format", "table"][..], &["search", "title"]] {
            let table = home.ok(command);
            assert!(table.contains(date), "{table}");
        }
        assert_eq!(home.each("date_published"), ["2024-08-20T22:30:00Z"]);
        let rss = home.ok(&["export", "--format", "rss"]);
        assert!(rss.contains("Tue, 20 Aug 2024 22:30:00 GMT"), "{rss}");

        let daemon = Running::daemon(&home);
        let page = Site::of(&daemon).text("/");
        assert!(page.contains(day) && page.contains(&format!(">{time}</time>")), "{page}");
        assert!(page.contains(&format!("Times are {zone}.")), "{page}");
        let digest = crate::support::wait_for("the digest", || {
            fs::read_to_string(home.path("digest.md")).ok()
        });
        assert!(digest.contains(day), "{digest}");
    }
}

#[test]
fn a_date_begins_at_midnight_of_the_zone_on_the_command_line_in_exports_and_over_http() {
    // The article is of the 20th in UTC, and of the 21st in Berlin.
    for (timezone, since_the_21st) in [("UTC", 0), ("Europe/Berlin", 1)] {
        let home = home(&format!("timezone = \"{timezone}\""));
        home.configure(&format!(
            "timezone = \"{timezone}\"\n[schedule]\ntimezone = \"Asia/Tokyo\"\n\
             [server]\nlisten = \"127.0.0.1:0\"\n\
             [[exports]]\npath = \"since.jsonl\"\nformat = \"jsonl\"\nevery = \"1h\"\nsince = \"2024-08-21\"\n\
             [[feeds]]\nurl = \"file:news.xml\"\nname = \"News\"\n"
        ));
        let count = |text: &str| text.lines().count();
        let since = home.ok(&["export", "--format", "jsonl", "--since", "2024-08-21"]);
        let until = home.ok(&["export", "--format", "jsonl", "--until", "2024-08-21"]);
        assert_eq!((count(&since), count(&until)), (since_the_21st, 1 - since_the_21st));
        let daemon = Running::daemon(&home);
        let site = Site::of(&daemon);
        assert_eq!(count(&site.text("/export.jsonl?since=2024-08-21")), since_the_21st);
        let file = crate::support::wait_for("the export", || {
            fs::read_to_string(home.path("since.jsonl")).ok()
        });
        assert_eq!(count(&file), since_the_21st, "{timezone}");
        let shown = home.ok(&["show", "1"]);
        let local =
            if timezone == "UTC" { "2024-08-20 22:30:00 UTC" } else { "2024-08-21 00:30:00 CEST" };
        assert!(shown.contains(local), "{shown}");
    }
}

#[test]
fn the_environment_names_the_zone_of_the_machine() {
    let home = home("");
    let mut command = home.command(&["export", "--format", "markdown"]);
    command.env("TZ", "America/New_York");
    let ran = crate::support::program::finish(command);
    assert!(ran.out.contains("News · 18:30\n"), "{}", ran.out);
}
