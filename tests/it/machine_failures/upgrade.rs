//! A store of an older version, brought up to date on a disk that is sound, full, or not ours to write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;

use super::{FULL, is_one_clear_error, limited};
use crate::support::program::{Home, Running};

/// As the second version would have left it: a feed and its articles, of some 6 KB each.
pub(super) fn of_version_2(articles: i64) -> Home {
    let home = Home::new("[[feeds]]\nurl = \"http://127.0.0.1:9/f\"\nenabled = false\n");
    let old = Connection::open(home.store()).unwrap();
    old.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL").unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    for step in ["0001_initial.sql", "0002_politeness.sql"] {
        old.execute_batch(&fs::read_to_string(folder.join(step)).unwrap()).unwrap();
    }
    old.execute_batch(
        "INSERT INTO feed VALUES (1, 'http://127.0.0.1:9/f', NULL, '[]', 1, 0, 'Old', NULL, NULL, NULL, 1);
         INSERT INTO plan (feed_id, active, policy, because) VALUES (1, 0, '', 'interval');
         PRAGMA application_id = 0x677a7464; PRAGMA user_version = 2;",
    )
    .unwrap();
    old.execute_batch("BEGIN").unwrap();
    for n in 1..=articles {
        let text = format!("{n} words ").repeat(700);
        old.execute(
            "INSERT INTO article (id, seq, feed_id, order_at, first_seen_at, revision, guid, title, content_html)
             VALUES (?1, ?1, 1, ?1, ?1, 0, 'g' || ?1, 'Title ' || ?1, ?2)",
            rusqlite::params![n, text],
        )
        .unwrap();
        old.execute("INSERT INTO sighting VALUES (1, ?1, ?1, 0)", [n]).unwrap();
    }
    old.execute_batch("UPDATE meta SET value = 300 WHERE key = 'seq'; COMMIT").unwrap();
    old.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    old.close().unwrap();
    fs::set_permissions(home.store(), fs::Permissions::from_mode(0o600)).unwrap();
    home
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
    let home = of_version_2(300);
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
    let home = of_version_2(300);
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
