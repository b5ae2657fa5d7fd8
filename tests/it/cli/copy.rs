//! `db copy`: a store of which nothing is lost on its way into another database and back.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::stories;
use crate::support::feeds::{Item, item, rss};
use crate::support::postgres::{self, Databases};
use crate::support::program::{Home, Ran, Running};
use crate::support::server::{Page, Server};
use crate::support::{now, wait_for};

/// A number from the store in a database; 0 as long as there is none.
fn number(url: &str, sql: &str) -> i64 {
    let rows = postgres::run(url, sql).unwrap_or_default();
    rows.first().and_then(|row| row.first()?.as_ref()?.parse().ok()).unwrap_or_default()
}

fn recent(n: u32, title: &str) -> Item {
    let date = (now() - TimeDelta::hours(i64::from(n))).to_rfc2822();
    Item { title: title.to_owned(), date: Some(date), ..item(n) }
}

/// Rows for the tables that the polls of a test leave empty.
const MORE_ROWS: &str = "
    INSERT INTO refused_duplicate SELECT max(id), min(id), 3, 4 FROM article;
    INSERT INTO merged_story VALUES (7, 5);
    INSERT OR IGNORE INTO quiet_article SELECT min(id) FROM article;
    INSERT OR IGNORE INTO article_page (article_id, feed_id, order_at, host, url, state, reason, etag, last_modified)
        SELECT id, feed_id, order_at, 'news.example', 'https://news.example/ü', 'failed', 'it — failed', x'00ff22', x''
        FROM article;
    INSERT INTO feed_version (article_id, from_page, summary) SELECT min(id), '[\"image\"]', 'ü' FROM article;
    INSERT INTO held_article SELECT min(id), 1700000000, 2 FROM article;
    INSERT OR IGNORE INTO host VALUES ('slow.example', 1700000000, 2, 429);
    INSERT INTO page_host VALUES ('news.example', 19700, 12, 0, 1);
    INSERT INTO page_key SELECT 1 - (1 << 62), id FROM article;
    INSERT INTO site_icon (site, next_at, hash, mime_type, bytes)
        VALUES ('https://news.example', 1800000000, 'abc', 'image/png', x'89504e4700ff');
    INSERT OR IGNORE INTO feed_health VALUES (1, 'failing', 0);
    INSERT OR IGNORE INTO feed_health_event VALUES (1000000, 1, 1700000000, 'silent', NULL, NULL, NULL, NULL, NULL, 5, 6);
    UPDATE poll_state SET failures = failures + 1.0 / 3, etag = x'22ff00' WHERE feed_id = 1;
    INSERT INTO consumer (name, seq, created_at, failures, error, failed_at, retry_at)
        VALUES ('chat', 3, 1700000000, 2, 'it refused the batch: 503', 1700000001, 1700000300);
    INSERT INTO meta VALUES ('address_changes', '[[\"https://a.example/\",\"https://b.example/\"]]');";

/// A store with something in every table: edited, merged, removed and hidden articles, stories, failures, redirects, consumers.
fn full() -> (Server, Home) {
    let (server, home) = stories::polled_in(Home::in_files(), "");
    let mut config =
        format!("hide_future = true\n{}", fs::read_to_string(home.path("gazetted.toml")).unwrap());
    for path in ["news", "same", "moved", "broken"] {
        write!(config, "[[feeds]]\nurl = \"{}\"\n", server.url(&format!("/{path}"))).unwrap();
    }
    home.configure_exactly(&config);
    let ahead = Item {
        date: Some((now() + TimeDelta::days(400)).to_rfc2822()),
        guid: Some("ahead".to_owned()),
        ..recent(9, "Written ahead of its time")
    };
    let news = |title: &str, last: &[Item]| {
        let first = [ahead.clone(), recent(1, title), recent(2, "Second piece of news")];
        Page::ok(rss("News", &[&first, last].concat())).header("etag", "\"v\"")
    };
    server.put("/news", news("First — piece of news", &[item(3), item(4)]));
    server.put("/same", Page::ok(rss("Same", &[recent(2, "Second piece of news")])));
    server.put("/moved", Page::status(301).header("location", "/there"));
    server.put("/there", Page::ok(rss("There", &[recent(5, "A piece from there")])));
    server.put("/broken", Page::status(500));
    home.poll_with_failures();
    home.ok(&["export", "--consumer", "mail"]);
    server.put("/news", news("First piece of news, edited", &[]).header("etag", "\"w\""));
    home.poll_with_failures();
    home.ok(&["db", "prune", "--older-than", "30d"]);
    home.sql().execute_batch(MORE_ROWS).unwrap();
    (server, home)
}

/// The rows of all tables of a file but the text index and its place, each as a text, in order.
fn rows(file: &Path) -> Vec<(String, Vec<String>)> {
    const TABLES: &str = "
        SELECT name FROM sqlite_schema
        WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'article_text%' ORDER BY name";
    let store = Connection::open(file).unwrap();
    let mut tables = store.prepare(TABLES).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let read = |table: String| {
        let mut rows = store.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let rows = rows.query_map([], |row| {
            let values = (0..columns).map(|column| row.get::<_, Value>(column));
            Ok(format!("{:?}", values.map(Result::unwrap).collect::<Vec<_>>()))
        });
        let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
        rows.retain(|row| !row.contains("\"indexed_seq\""));
        rows.sort();
        (table, rows)
    };
    tables.map(Result::unwrap).map(read).collect()
}

/// Fails with the table, because all rows of a store are too many to show.
#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (rows(one), rows(other));
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
}

/// A configuration beside the usual one, of another store.
fn configure_other(home: &Home, store: &str) {
    let config = fs::read_to_string(home.path("gazetted.toml")).unwrap();
    fs::write(home.path("other.toml"), format!("{config}\n[store]\n{store}\n")).unwrap();
}

fn with_other<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["--config", "other.toml"], arguments].concat()
}

/// All exports of the store of the configuration and of the other one.
fn assert_same_exports(home: &Home) {
    for arguments in [
        &["export", "--format", "jsonl"][..],
        &["export", "--format", "jsonl", "--with-duplicates"],
        &["export", "--format", "atom"],
        &["export", "--format", "csv"],
        &["export", "--after", "0", "--events"],
        &["changes", "--json"],
        &["stories", "--json"],
        &["feeds", "--json"],
        &["consumers", "list", "--json"],
    ] {
        let (one, other) = (home.ok(arguments), home.ok(&with_other(arguments)));
        assert_eq!(one, other, "{arguments:?}");
        assert!(10 < one.len(), "{arguments:?}: {one}");
    }
    let (own, copied) = (home.seq(), home.json(&with_other(&["db", "stats", "--json"])));
    assert_eq!(copied["seq"], own);
    let more = ["export", "--consumer", "mail"];
    let (one, other) = (home.ok(&more), home.ok(&with_other(&more)));
    assert_eq!(one, other);
    assert!(one.contains("First piece of news, edited"), "{one}");
}

#[track_caller]
fn refused(ran: &Ran, why: &str) {
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains(why), "{ran:#?}");
}

#[test]
fn a_copy_into_another_file_has_all_rows_and_exports_the_same() {
    let (_server, home) = full();
    for (table, rows) in rows(&home.store()) {
        assert!(!rows.is_empty(), "the store of this test has nothing in {table}");
    }
    let out = home.ok(&["db", "copy", "--to", "copy.db"]);
    assert!(out.starts_with("copied 1") && out.contains(" articles of 8 feeds in "), "{out}");
    assert_same(&home.store(), &home.path("copy.db"));
    configure_other(&home, "path = \"copy.db\"");
    assert_same_exports(&home);
    assert!(home.json(&with_other(&["db", "check", "--json"]))["faults"].is_array());
}

#[test]
fn a_copy_into_postgresql_and_back_has_all_rows_and_exports_the_same() {
    if !postgres::is_given() {
        return;
    }
    let databases = Databases::default();
    let url = databases.url("copy").unwrap();
    let (server, home) = full();
    fs::write(home.path("url"), format!("{url}\n")).unwrap();
    let copied = home.json(&["db", "copy", "--to-file", "url", "--json"]);
    assert_eq!((&copied["feeds"], &copied["continued"]), (&8.into(), &false.into()));
    configure_other(&home, "url_file = \"url\"");
    home.ok(&with_other(&["db", "copy", "--to", "back.db"]));
    assert_same(&home.store(), &home.path("back.db"));
    assert_same_exports(&home);

    // The copy goes on as the store would: with new feeds, articles and words.
    let mut config = fs::read_to_string(home.path("other.toml")).unwrap();
    write!(config, "[[feeds]]\nurl = \"{}\"\n", server.url("/later")).unwrap();
    fs::write(home.path("other.toml"), config).unwrap();
    server.put("/later", Page::ok(rss("Later", &[recent(1, "Quokkas were seen later")])));
    let ran = home.run(&with_other(&["poll", "--all"]));
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let found = home.json(&with_other(&["search", "quokkas", "--json"]));
    assert_eq!(found.as_array().unwrap().len(), 1);
    let newest = number(&url, "SELECT max(id) FROM feed");
    assert_eq!(
        newest,
        1 + home
            .sql()
            .query_row("SELECT max(id) FROM feed", [], |row| row.get::<_, i64>(0))
            .unwrap()
    );
}

/// Articles that take several transactions.
const MANY: &str = "
    INSERT INTO feed (id, url, tags, configured, enabled, added_at) VALUES (50, 'file:many.xml', '[]', 0, 0, 1);
    INSERT INTO poll_state (feed_id, active, policy, because) VALUES (50, 0, '', 'new');
    WITH RECURSIVE n (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM n WHERE n < 21000)
    INSERT INTO article (id, seq, feed_id, order_at, first_seen_at, revision, title, content_html)
        SELECT n, n, 50, 1700000000 + n, 1700000000, 0, 'Title ' || n, hex(zeroblob(1000)) || n FROM n;
    INSERT INTO feed_totals SELECT 50, count(*), max(order_at) FROM article WHERE feed_id = 50;
    INSERT INTO feed_entry SELECT feed_id, id, id, id, NULL, NULL FROM article WHERE feed_id = 50;
    INSERT INTO article_key SELECT feed_id, -id, id FROM article WHERE feed_id = 50;
    UPDATE meta SET value = 21000 WHERE key = 'seq';";

#[test]
fn a_killed_copy_is_refused_until_the_same_command_has_finished_it() {
    if !postgres::is_given() {
        return;
    }
    let databases = Databases::default();
    let url = databases.url("copy").unwrap();
    let home = Home::in_files();
    home.configure("[[feeds]]\nurl = \"file:news.xml\"\n");
    fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    home.poll();
    home.sql().execute_batch(MANY).unwrap();
    let mut copying = Running::start(home.command(&["db", "copy", "--to", &url]));
    let there = wait_for("a part of the articles", || {
        let count = number(&url, "SELECT count(*) FROM article");
        (count != 0).then_some(count)
    });
    copying.kill();
    configure_other(&home, &format!("url = \"{url}\""));
    for arguments in [&["export"][..], &["poll", "--all"], &["run"], &["db", "stats"]] {
        refused(&home.run(&with_other(arguments)), "copy that was not finished");
    }
    let copied = home.json(&["db", "copy", "--to", &url, "--json"]);
    assert_eq!(copied["continued"], true);
    let all: usize = rows(&home.store()).iter().map(|(_, rows)| rows.len()).sum();
    assert!(copied["rows"].as_u64().unwrap() <= all as u64 + 1 - there.cast_unsigned(), "{copied}");
    home.ok(&with_other(&["db", "copy", "--to", "back.db"]));
    assert_same(&home.store(), &home.path("back.db"));
    refused(&home.run(&["db", "copy", "--to", &url]), "is a store already");
}

#[test]
fn only_a_store_at_rest_is_copied_and_only_into_a_new_one() {
    let home = Home::in_files();
    home.configure("[[feeds]]\nurl = \"file:news.xml\"\n");
    fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    refused(&home.run(&["db", "copy", "--to", "copy.db"]), "could not open the store");
    home.poll();
    assert_eq!(home.run(&["db", "copy"]).code, Some(2));
    refused(&home.run(&["db", "copy", "--to", "gazetted.db"]), "is the store of the configuration");
    let ran = home.run(&["db", "copy", "--to", "mysql://ann:secret@db/news"]);
    refused(&ran, "not a URL of PostgreSQL");
    assert!(!ran.err.contains("secret"), "{ran:#?}");
    fs::write(home.path("url"), "postgres://db/news\nmore\n").unwrap();
    refused(&home.run(&["db", "copy", "--to-file", "url"]), "single line");
    let daemon = Running::daemon(&home);
    refused(&home.run(&["db", "copy", "--to", "copy.db"]), "stop it first");
    drop(daemon);
    assert!(!home.path("copy.db").exists());
    home.ok(&["db", "copy", "--to", "copy.db"]);
    refused(
        &home.run(&["db", "copy", "--to", "copy.db"]),
        "copy.db is a store already (feeds: 1, articles: 1)",
    );
}
