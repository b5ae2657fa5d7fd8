//! The store file: permissions, backups, and files of other programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running, STORE, finish};
use crate::support::server::{Page, Server};
use crate::support::{store_is_file, wait_for};

fn home() -> Home {
    let home = Home::new("[[feeds]]\nurl = \"file:news.xml\"\n");
    fs::write(home.path("news.xml"), rss("News", &[item(2), item(1)])).unwrap();
    home
}

#[test]
fn before_the_first_poll_and_when_nothing_is_due_each_command_says_what_to_do() {
    let home = home();
    for arguments in [&["export"][..], &["search", "x"], &["show", "1"]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert!(ran.err.starts_with("error: there is no store at "), "{}", ran.err);
        assert!(ran.err.contains("`gazetted poll`") && !ran.err.contains("code 14"), "{}", ran.err);
    }
    let status = home.json(&["status", "--json"]);
    assert_eq!((&status["due"], &status["feeds"]["new"]), (&1.into(), &1.into()), "{status}");
    assert_eq!(home.json(&["feeds", "--json"])[0]["state"], "new");
    home.poll();
    let again = home.run(&["poll"]);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert!(again.err.contains("No feed is due: the next one in "), "{}", again.err);
    assert!(again.err.contains("gazetted poll --all"), "{}", again.err);
}

#[test]
fn lists_without_feeds_say_so() {
    let home = Home::new("");
    let none = home.run(&["feeds"]);
    assert!(none.code == Some(0) && none.err.contains("gazetted feeds add URL"), "{none:#?}");
    assert!(home.ok(&["status"]).lines().any(|line| line == "feeds     none"));
    assert_eq!(home.json(&["feeds", "--json"]), serde_json::json!([]));
    let failing = self::home().run(&["feeds", "--failing"]);
    assert!(failing.code == Some(0) && failing.err.contains("No feed fails."), "{failing:#?}");
}

/// The store of a service belongs to a user of its own, and other users have the configuration.
#[test]
fn a_store_that_this_user_may_not_read_is_no_missing_store() {
    if !store_is_file() {
        return;
    }
    let home = Home::new("[store]\npath = \"hidden/s.db\"\n[[feeds]]\nurl = \"file:news.xml\"\n");
    fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    home.poll();
    // Root may read everything as long as it has its capabilities.
    let is_root = nix::unistd::geteuid().is_root();
    for (path, mode) in [("hidden", 0o000), ("hidden/s.db", 0o000)] {
        let path = home.path(path);
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [
            &["export"][..],
            &["poll"],
            &["run"],
            &["status"],
            &["status", "--ready"],
            &["feeds"],
            &["search", "x"],
            &["consumers", "list"],
            &["consumers", "reset", "x"],
            &["db", "stats"],
            &["db", "prune"],
            &["doctor"],
        ] {
            let command = home.command(arguments);
            let mut without_capabilities = Command::new("setpriv");
            without_capabilities
                .args(["--bounding-set=-all", "--inh-caps=-all"])
                .arg(command.get_program())
                .args(arguments)
                .current_dir(home.folder())
                .stdin(Stdio::null());
            let ran = finish(if is_root { without_capabilities } else { command });
            assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:#?}");
            let said = format!("{}{}", ran.out, ran.err);
            assert!(said.contains("as the user of the daemon"), "{arguments:?}: {said}");
            assert!(!said.contains("Error code"), "{arguments:?}: {said}");
        }
        fs::set_permissions(&path, before).unwrap();
    }
    assert_eq!(home.articles().len(), 1);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_its_owner_may_read_a_store() {
    if !store_is_file() {
        return;
    }
    let home = home();
    home.configure("[store]\npath = \"data/news.db\"\n[[feeds]]\nurl = \"file:news.xml\"\n");
    let _daemon = Running::daemon(&home);
    for name in ["news.db", "news.db-wal", "news.db-shm", "news.db.lock"] {
        assert_eq!(mode(&home.path("data").join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_backup_of_a_store_in_use_is_a_valid_store() {
    if !store_is_file() {
        return;
    }
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(3), item(2), item(1)])));
    let url = server.url("/f");
    let feeds = format!("[[feeds]]\nurl = \"{url}\"\nevery = \"1s\"\n");
    let home = Home::new(&feeds);
    let daemon = Running::daemon(&home);
    wait_for("three articles", || (home.articles().len() == 3).then_some(()));
    let ran = home.run(&["db", "backup", "copy.db"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:#?}");
    // Stories are decided a moment after the articles are stored.
    let fields = |home: &Home| ["id", "title", "content_html"].map(|field| home.each(field));
    let articles = fields(&home);
    drop(daemon);

    let bytes = fs::read(home.path("copy.db")).unwrap();
    let again = home.run(&["db", "backup", "copy.db"]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("copy.db exists already"), "{}", again.err);
    assert_eq!(fs::read(home.path("copy.db")).unwrap(), bytes);
    assert_eq!(home.leftovers(), [""; 0]);

    home.configure(&format!("[store]\npath = \"copy.db\"\n{feeds}"));
    home.ok(&["db", "check"]);
    assert_eq!(fields(&home), articles);
    server.put("/f", Page::ok(rss("News", &[item(4), item(3)])));
    assert_eq!(home.poll()["added"], 1, "and it goes on from there");
}

#[test]
fn a_file_of_another_program_is_refused_untouched() {
    if !store_is_file() {
        return;
    }
    let home = home();
    let other = Connection::open(home.store()).unwrap();
    other
        .execute_batch("CREATE TABLE contacts (name TEXT); INSERT INTO contacts VALUES ('x')")
        .unwrap();
    drop(other);
    let ours_no_more = fs::read(home.store()).unwrap();
    for content in [ours_no_more, b"Dear diary, this is no database. ".repeat(40)] {
        fs::write(home.store(), &content).unwrap();
        for command in [&["poll"][..], &["run"], &["export"], &["feeds"], &["db", "check"]] {
            let ran = home.run(command);
            assert_eq!(ran.code, Some(1), "{command:?}: {ran:#?}");
            assert!(ran.err.contains(home.store().to_str().unwrap()), "{command:?}: {}", ran.err);
        }
        assert_eq!(fs::read(home.store()).unwrap(), content);
        assert!(!home.files().iter().any(|name| name.ends_with("-wal")), "{:?}", home.files());
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_untouched() {
    let home = home();
    home.poll();
    home.execute(if home.store_url(STORE).is_none() {
        "PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)"
    } else {
        "UPDATE schema_version SET version = 99"
    });
    // The file is compared byte by byte; in a database, what no command may leave as it is.
    let content = || match home.store_url(STORE) {
        None => fs::read(home.store()).unwrap(),
        Some(_) => format!("{:?}", home.rows("SELECT * FROM poll_state, meta ORDER BY key")).into(),
    };
    let before = content();
    for command in [&["poll", "--all"][..], &["run"], &["export"], &["status"], &["db", "stats"]] {
        let ran = home.run(command);
        assert_eq!(ran.code, Some(1), "{command:?}: {ran:#?}");
        assert!(ran.err.contains("newer gazetted (schema 99"), "{command:?}: {}", ran.err);
    }
    assert!(content() == before);
}

#[test]
fn a_store_that_cannot_be_made_is_named() {
    if !store_is_file() {
        return;
    }
    let home = home();
    home.configure("[store]\npath = \"news.xml/x.db\"\n[[feeds]]\nurl = \"file:news.xml\"\n");
    let ran = home.run(&["poll"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("news.xml/x.db"), "{}", ran.err);
}

#[test]
fn articles_and_the_store_keep_their_ids() {
    let (one, other) = (home(), home());
    one.poll();
    other.poll();
    let (first, second) = (one.each("id"), other.each("id"));
    assert!(first.iter().all(|id| !second.contains(id)), "{first:?} {second:?}");
    one.poll();
    assert_eq!(one.each("id"), first);
}
