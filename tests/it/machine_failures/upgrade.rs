//! Stores of older versions: each is brought up to date with all that is in it, on a disk that works, is full, or
//! may not be written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::{FULL, is_one_clear_error, limited};
use crate::support::program::{Home, Running};
use crate::support::store_is_file;

/// The migrations in their order. A store of version 2 has run the first two.
fn migrations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// A store as the program of an earlier version would have left it: a feed and its articles, of some 6 KB each.
pub(super) fn of_version(version: usize, articles: i64) -> Home {
    let home = Home::new("[[feeds]]\nurl = \"http://127.0.0.1:9/f\"\nenabled = false\n");
    let old = Connection::open(home.store()).unwrap();
    old.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL").unwrap();
    for file in migrations().iter().take(version) {
        old.execute_batch(&fs::read_to_string(file).unwrap()).unwrap();
    }
    old.execute_batch(&format!(
        "PRAGMA application_id = 0x677a7464; PRAGMA user_version = {version};
         BEGIN;
         INSERT INTO feed (id, url, tags, configured, enabled, title, added_at)
             VALUES (1, 'http://127.0.0.1:9/f', '[]', 1, 0, 'Old', 1);
         UPDATE meta SET value = 300 WHERE key = 'seq';"
    ))
    .unwrap();
    let plan = "(feed_id, active, policy, because, failures) VALUES (1, 0, '', 'interval', 1.5)";
    insert(&old, &["plan", "poll_state"], plan);
    insert(&old, &["memory", "last_document"], "VALUES (1, 5, 0, x'')");
    for n in 1..=articles {
        old.execute(
            "INSERT INTO article (id, seq, feed_id, order_at, first_seen_at, revision, guid, title, content_html)
             VALUES (?1, ?1, 1, ?1, ?1, 0, 'g' || ?1, 'Title ' || ?1, ?2)",
            params![n, text(n)],
        )
        .unwrap();
        insert(
            &old,
            &["sighting", "feed_entry"],
            &format!("(feed_id, key, article_id, hash) VALUES (1, {n}, {n}, 0)"),
        );
    }
    if 3 <= version {
        old.execute_batch(
            "UPDATE article SET revision = 1 WHERE id = 2;
             INSERT INTO article_revision (article_id, revision, hash, replaced_at, title)
                 VALUES (2, 0, 1, 60, 'Earlier title');",
        )
        .unwrap();
    }
    if 4 <= version {
        old.execute_batch("INSERT INTO consumer (name, seq, created_at) VALUES ('chat', 2, 60)")
            .unwrap();
    }
    if 21 <= version {
        old.execute_batch(
            "INSERT INTO feed_totals (feed_id, articles, newest_at)
             SELECT feed_id, count(*), max(order_at) FROM article GROUP BY feed_id",
        )
        .unwrap();
    }
    old.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    old.close().unwrap();
    fs::set_permissions(home.store(), fs::Permissions::from_mode(0o600)).unwrap();
    home
}

/// Inserts a row into the one of these tables that exists: tables were renamed in the course of time.
fn insert(store: &Connection, names: &[&str], row: &str) {
    let exists = |name: &&&str| store.table_exists(None, **name).unwrap();
    let table = names.iter().find(exists).unwrap();
    store.execute(&format!("INSERT INTO {table} {row}"), []).unwrap();
}

fn text(n: i64) -> String {
    format!("{n} words ").repeat(700)
}

#[test]
fn the_content_of_a_store_of_each_earlier_version_is_complete_after_the_upgrade() {
    if !store_is_file() {
        return;
    }
    let latest = migrations().len();
    for old in 1..=latest {
        let home = of_version(old, 3);
        // A command that only reads brings the store up to date as well.
        let articles = home.articles();
        assert_eq!(version(&home.store()), i64::try_from(latest).unwrap(), "version {old}");
        let expected: Vec<_> =
            (1..=3).rev().map(|n| (format!("Title {n}"), format!("g{n}"), text(n))).collect();
        let field = |article: &serde_json::Value, name: &str| {
            article[name].as_str().unwrap_or_default().to_owned()
        };
        let found: Vec<_> = articles
            .iter()
            .map(|a| (field(a, "title"), field(a, "guid"), field(a, "content_html")))
            .collect();
        assert_eq!(found, expected, "version {old}");
        assert!(articles.iter().all(|article| article["feed"]["title"] == "Old"), "version {old}");
        assert_eq!(home.seq(), 300, "version {old}");
        let hits = home.json(&["search", "words", "--json"]);
        assert_eq!(hits.as_array().unwrap().len(), 3, "version {old}: {hits}");
        let shown = home.json(&["show", articles[1]["id"].as_str().unwrap(), "--json"]);
        let versions = shown["versions"].as_array().unwrap();
        assert_eq!(versions.len(), usize::from(3 <= old), "version {old}: {shown}");
        assert_eq!(shown["sightings"].as_array().unwrap().len(), 1, "version {old}: {shown}");
        let consumers = home.json(&["consumers", "list", "--json"]);
        let consumers = consumers.as_array().unwrap();
        assert_eq!(consumers.len(), usize::from(4 <= old), "version {old}: {consumers:?}");
        assert_eq!(home.json(&["feeds", "--all", "--json"])[0]["failures"], 1.5, "version {old}");
        home.ok(&["db", "check"]);
    }
}

fn version(store: &Path) -> i64 {
    let store = Connection::open(store).unwrap();
    store.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn copies(home: &Home) -> Vec<String> {
    let mut names = home.files();
    names.retain(|name| name.contains(".schema-"));
    names
}

#[test]
fn a_store_is_copied_before_a_migration_rewrites_it() {
    if !store_is_file() {
        return;
    }
    let home = of_version(2, 300);
    let daemon = Running::daemon(&home);
    let told = daemon.wait_for_event("the store is of an older version; it was copied first");
    let copy = home.path("gazetted.db.schema-2");
    assert_eq!(told["path"], copy.to_str().unwrap());
    drop(daemon);
    assert_eq!(copies(&home), ["gazetted.db.schema-2"]);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(version(&copy), 2);
    let kept = Connection::open(&copy).unwrap();
    let all: i64 = kept.query_row("SELECT count(*) FROM article", [], |row| row.get(0)).unwrap();
    assert_eq!(all, 300);
    drop(kept);
    assert!(2 < version(&home.store()));
    home.ok(&["db", "check"]);
    assert_eq!(home.articles().len(), 300);

    // Restored, it is as good as it was, and whoever only reads brings it up to date as well.
    fs::rename(&copy, home.store()).unwrap();
    for side in ["gazetted.db-wal", "gazetted.db-shm"] {
        fs::remove_file(home.path(side)).ok();
    }
    assert_eq!(home.articles().len(), 300);
    assert_eq!(copies(&home), ["gazetted.db.schema-2"]);
    // A store that is up to date is not copied.
    fs::remove_file(&copy).unwrap();
    home.ok(&["db", "check"]);
    home.ok(&["poll"]);
    assert!(copies(&home).is_empty());
}

#[test]
fn without_room_for_the_copy_the_store_stays_of_its_version() {
    if !store_is_file() {
        return;
    }
    let home = of_version(2, 300);
    let before = fs::read(home.store()).unwrap();
    // What an earlier try may have left is neither in the way nor taken for a copy.
    fs::write(home.path("gazetted.db.schema-2.part"), "rubbish").unwrap();
    for command in [&["run"][..], &["poll"], &["export"], &["db", "backup", "copy.db"]] {
        let ran = limited(&home, "-f 1000", command);
        is_one_clear_error(&ran, FULL);
        assert!(ran.err.contains("gazetted.db.schema-2"), "{command:?}: {}", ran.err);
        assert!(fs::read(home.store()).unwrap() == before, "{command:?}");
        assert!(copies(&home).is_empty(), "{command:?}: {:?}", copies(&home));
    }
    home.ok(&["poll"]);
    assert_eq!(home.articles().len(), 300);
}
