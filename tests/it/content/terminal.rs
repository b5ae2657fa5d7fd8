//! Control characters from feeds and servers, on a terminal and in exported files.

use std::fmt::Write as _;
use std::fs;

use serde_json::json;

use crate::support::program::{Home, Ran};
use crate::support::server::{Page, Server};

/// Clears the screen, sets the window's title, links, goes back, turns the text around, starts a line;
/// in seven bits and in eight.
const EVIL: &str = "=HYPERLINK(\"x\")\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}]8;;http://evil.example/\u{1b}\\x\u{9b}31m\u{9d}0;y\u{9c}\
    \u{8}\u{8}\r\nSet-Cookie: a=b\n\u{0}\u{7f}\u{85}\u{90}\u{202e}drow\u{2066}../../etc/passwd";

fn evil_feed(server: &Server) -> String {
    let address = format!("{}/a?{EVIL}", server.url(""));
    json!({
        "version": "https://jsonfeed.org/version/1.1", "title": EVIL, "description": EVIL, "language": EVIL,
        "home_page_url": address,
        "items": [{
            "id": EVIL, "url": address, "external_url": address, "title": EVIL, "summary": EVIL, "image": address,
            "content_html": format!("<p title='{EVIL}'>{EVIL} &#27;[2J&#155;31m<a href='{address}'>x</a></p>"),
            "authors": [{"name": EVIL, "url": address}], "tags": [EVIL], "language": EVIL, "date_published": EVIL,
            "attachments": [{"url": address, "mime_type": EVIL, "title": EVIL}],
        }, {"id": 2, "content_text": EVIL}],
    })
    .to_string()
}

/// An RSS feed with this text in every field.
fn evil_rss() -> String {
    let fields =
        ["title", "link", "guid", "author", "category", "pubDate", "description", "source"];
    let text = EVIL.replace('&', "&amp;").replace('<', "&lt;");
    let item = fields.map(|name| format!("<{name}>{text}</{name}>")).concat();
    format!(
        "<rss><channel><title>{text}</title><language>{text}</language><item>{item}</item></channel></rss>"
    )
}

#[track_caller]
fn is_tame(what: &[&str], ran: &Ran) {
    for (stream, text) in [("stdout", &ran.out), ("stderr", &ran.err)] {
        let wild = |c: char| {
            c.is_control() && !matches!(c, '\n' | '\t')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        // RFC 4180 ends the lines of CSV with both.
        let text = text.replace("\r\n", "\n");
        if let Some(at) = text.find(wild) {
            let start = text.floor_char_boundary(at.saturating_sub(60));
            panic!(
                "{what:?}, {stream}: {:?}",
                text.split_at(start).1.chars().take(80).collect::<String>()
            );
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn no_command_prints_control_characters() {
    let server = Server::start();
    server.put("/json", Page::ok(evil_feed(&server)).header("ETag", "\"\u{9b}2J\u{202e}\""));
    server.put("/rss", Page::ok(evil_rss()).header("Content-Type", "text/\u{9b}2Jxml"));
    server.put(
        "/html",
        Page::ok(format!("<html><title>{EVIL}</title></html>"))
            .header("Content-Type", "text/\u{9b}2Jhtml"),
    );
    server.put(
        "/broken",
        Page::ok(format!("{{\"{EVIL}\": {EVIL}")).header("Content-Type", "\u{9b}2J"),
    );
    server
        .put("/coded", Page::ok(vec![0x80, 1, 2]).header("Content-Encoding", "\u{9b}2J\u{202e}x"));
    server.put("/moved", Page::status(301).header("Location", "/rss?\u{9b}2J\u{202e}"));
    server.put("/away", Page::status(302).header("Location", "\u{9b}2J://\u{202e}x"));
    server.put(
        "/busy",
        Page::status(503).header("Retry-After", "\u{9b}2J").header("cf-mitigated", "\u{9b}"),
    );
    let names = ["json", "rss", "html", "broken", "coded", "moved", "away", "busy"];
    let mut config =
        "[fetch]\nper_host = 100\nhost_delay = \"0s\"\nallow_private = true\n".to_owned();
    for name in names {
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&format!("/{name}"))).unwrap();
    }
    let home = Home::new(&config);
    fs::write(home.path("evil.json"), evil_feed(&server)).unwrap();
    fs::write(home.path("evil.rss"), evil_rss()).unwrap();
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["-v", "poll", "--all"],
        vec!["-v", "--log-format", "json", "poll", "--all", "--force"],
        vec!["poll", "--all", "--json"],
        vec!["feeds"],
        vec!["feeds", "--json"],
        vec!["feeds", "export"],
        vec!["status"],
        vec!["status", "--json"],
        vec!["simulate"],
        vec!["search", "owned"],
        vec!["check", "--diff"],
        vec!["inspect", "evil.json"],
        vec!["inspect", "evil.rss"],
        vec!["inspect", "--json", "evil.json"],
        vec!["inspect", "no\u{1b}[2J\u{9b}such"],
        vec!["explain", "no\u{1b}[2J\u{9b}such"],
        vec!["export", "--feed", "no\u{1b}[2J\u{9b}such"],
    ];
    let urls: Vec<String> = names.iter().map(|name| server.url(&format!("/{name}"))).collect();
    for url in &urls {
        commands.extend([
            vec!["explain", url],
            vec!["explain", "--json", url],
            vec!["inspect", url],
        ]);
    }
    for format in
        ["table", "json", "jsonl", "jsonfeed", "rss", "atom", "csv", "markdown", "html", "opml"]
    {
        commands.push(vec!["export", "--format", format]);
    }
    for command in &commands {
        is_tame(command, &home.run(command));
    }
    assert!(1 < home.articles().len(), "some of it was read");
    let table = home.ok(&["export", "--format", "table"]);
    assert!(table.contains("HYPERLINK"), "{table}");
}

/// OWASP's "CSV injection": a cell that begins like this is a formula to a spreadsheet.
#[test]
fn no_cell_of_csv_is_a_formula() {
    let home = Home::new("[[feeds]]\nurl = \"file:evil.json\"\n");
    let items: Vec<_> = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1", "a\",\"=1"]
        .iter()
        .map(|text| json!({"id": text, "title": text, "summary": text, "tags": [text], "content_text": text, "authors": [{"name": text}]}))
        .collect();
    let feed =
        json!({"version": "https://jsonfeed.org/version/1.1", "title": "=1+1", "items": items});
    fs::write(home.path("evil.json"), feed.to_string()).unwrap();
    home.poll();
    let text = home.ok(&["export", "--format", "csv"]);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let mut cells = 0;
    for row in rows.records() {
        for cell in &row.unwrap() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝']), "{cell:?}");
            cells += 1;
        }
    }
    assert!(100 < cells, "{cells}");
}
