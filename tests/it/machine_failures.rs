//! A machine that fails: full disks, damaged files, too few of everything.

mod clock;
mod disk;
mod resource_limits;
mod store_file;
mod upgrade;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, Ran, Running, finish};
use crate::support::server::{Page, Server};
use crate::support::store_is_file;

/// A feed that takes some 2 MB in the store.
fn large() -> String {
    let text = |n: u32| (0..2_000).map(|word| format!("{n}x{word}")).collect::<Vec<_>>().join(" ");
    let items: Vec<Item> = (1..=100).map(|n| Item { text: text(n), ..item(n) }).collect();
    rss("News", &items)
}

/// With one small article, polled.
fn polled() -> (Server, Home) {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])).header("ETag", "\"1\""));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    (server, home)
}

/// Under a limit of the shell's, such as `-n 64`. Files that grow too large are an error to the
/// program, not its end.
fn limited(home: &Home, limits: &str, arguments: &[&str]) -> Ran {
    let program = home.command(arguments);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit {limits} && exec \"$0\" \"$@\""));
    command.arg(program.get_program()).args(program.get_args());
    command.current_dir(home.folder()).env_clear().env("TZ", "UTC").env("HOME", home.folder());
    finish(command)
}

#[track_caller]
fn is_one_clear_error(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    assert!(words.iter().any(|words| ran.err.contains(words)), "{words:?}: {}", ran.err);
}

const FULL: &[&str] = &["disk I/O error", "disk is full", "File too large", "too large"];

#[test]
fn a_poll_that_finds_the_disk_full_loses_nothing_and_is_made_up_for() {
    if !store_is_file() {
        return;
    }
    let (server, home) = polled();
    let before = home.articles();
    server.put("/f", Page::ok(large()).header("ETag", "\"2\""));
    let ran = limited(&home, "-f 600", &["poll", "--all", "--json"]);
    is_one_clear_error(&ran, FULL);
    home.ok(&["db", "check"]);
    assert_eq!(home.articles(), before);
    // The tag of entries that were not stored was not stored either.
    assert_eq!(home.poll()["added"], 99);
    assert_eq!(server.requests("/f").last().unwrap().header("if-none-match"), Some(&b"\"1\""[..]));
    home.ok(&["db", "check"]);
}

#[test]
fn an_export_or_backup_that_finds_the_disk_full_leaves_the_old_file() {
    let (server, home) = polled();
    server.put("/f", Page::ok(large()));
    home.poll();
    fs::write(home.path("news.json"), "old").unwrap();
    // Readers may leave the side files of SQLite.
    let files = || {
        let mut names = home.files();
        names.retain(|name| !name.starts_with("gazetted.db-"));
        names
    };
    let before = files();
    for arguments in [
        &["export", "--format", "json", "--output", "news.json", "--limit", "1000"][..],
        &["db", "backup", "copy.db"],
    ] {
        if arguments[0] == "db" && !store_is_file() {
            continue;
        }
        let ran = limited(&home, "-f 200", arguments);
        is_one_clear_error(&ran, FULL);
        assert!(ran.err.contains("news.json") || ran.err.contains("copy.db"), "{}", ran.err);
        assert_eq!(fs::read_to_string(home.path("news.json")).unwrap(), "old");
        assert_eq!(files(), before, "{arguments:?}");
    }
    if fs::exists("/dev/full").unwrap() {
        for command in ["export --format json", "feeds", "status", "db stats"] {
            let program = home.command(&[]);
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("\"$0\" {command} > /dev/full"));
            shell.arg(program.get_program()).current_dir(home.folder());
            is_one_clear_error(&finish(shell), &["No space left"]);
        }
    }
}

#[test]
fn a_store_that_cannot_be_begun_for_want_of_room_is_begun_later() {
    if !store_is_file() {
        return;
    }
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let home = Home::with_feeds(&[server.url("/f")]);
    // In the middle of the migrations.
    for blocks in ["-f 8", "-f 100", "-f 160"] {
        is_one_clear_error(&limited(&home, blocks, &["poll"]), FULL);
    }
    assert_eq!(home.poll()["added"], 1);
    home.ok(&["db", "check"]);
}

/// Runs as somebody who may not do everything. Root is refused nothing; so it steps down.
fn as_anybody(home: &Home, arguments: &[&str]) -> Ran {
    let mut command = home.command(arguments);
    if nix::unistd::geteuid().is_root() {
        // Where that user cannot reach the program, its copy in the folder will do.
        let copy = home.path("program");
        fs::copy(env!("CARGO_BIN_EXE_gazetted"), &copy).unwrap();
        command = Command::new(copy);
        command.args(arguments).current_dir(home.folder()).env_clear().env("TZ", "UTC");
        command.uid(65_534).gid(65_534);
    }
    finish(command)
}

#[test]
fn a_store_that_may_not_be_written_is_named() {
    if !store_is_file() {
        return;
    }
    let (_server, home) = polled();
    home.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mode = |name: &str, mode| {
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let before = fs::read(home.store()).unwrap();
    for name in home.files() {
        mode(&name, 0o444);
    }
    mode(".", 0o555);
    for command in [&["poll"][..], &["run"]] {
        let ran = as_anybody(&home, command);
        is_one_clear_error(&ran, &[home.store().to_str().unwrap()]);
    }
    mode(".", 0o755);
    assert_eq!(fs::read(home.store()).unwrap(), before);
}

#[test]
fn a_damaged_store_is_told_with_what_to_do_and_left_as_it_is() {
    if !store_is_file() {
        return;
    }
    let (server, home) = polled();
    server.put("/f", Page::ok(large()));
    home.poll();
    home.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let sound = fs::read(home.store()).unwrap();
    let page = 8192;
    // Everything after the first page, the first page but for its head, and a file cut off.
    let scribbled = |from: usize| {
        let mut bytes = sound.clone();
        bytes.iter_mut().skip(from).for_each(|byte| *byte = 0xa5);
        bytes
    };
    let cut: Vec<u8> = sound.iter().copied().take(3 * page).collect();
    for (name, damaged) in
        [("pages", scribbled(page)), ("first page", scribbled(100)), ("cut", cut)]
    {
        fs::write(home.store(), &damaged).unwrap();
        for command in
            [&["poll", "--all"][..], &["run"], &["export"], &["status"], &["db", "check"]]
        {
            let ran = home.run(command);
            assert_eq!(ran.code, Some(1), "{name}, {command:?}: {ran:#?}");
            assert!(!ran.err.contains("panicked"), "{name}, {command:?}: {}", ran.err);
            let told = ran.out.contains("damaged")
                || (ran.err.contains("gazetted db check") && ran.err.contains("backup"));
            assert!(told, "{name}, {command:?}: {ran:#?}");
        }
        assert!(fs::read(home.store()).unwrap() == damaged, "{name}: the file was changed");
    }
}

#[test]
fn a_store_that_another_process_holds_is_waited_for_and_read() {
    let (server, home) = polled();
    server.put("/f", Page::ok(rss("News", &[item(2), item(1)])));
    let other = home.keep_from_writing();
    let mut poll = Running::start(home.command(&["poll", "--all", "--json"]));
    assert_eq!(home.articles().len(), 1, "readers do not wait");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!poll.has_ended());
    drop(other);
    assert_eq!(poll.wait(), Some(0), "{:?}", poll.said());
    assert_eq!(home.articles().len(), 2);
}

#[test]
fn five_hundred_feeds_are_polled_with_64_open_files() {
    let server = Server::start();
    let mut config = String::new();
    for n in 0..500 {
        let path = format!("/{n}");
        server.put(&path, Page::ok(rss(&path, &[item(1)])).after(Duration::from_millis(5)));
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(&path)).unwrap();
    }
    let home = Home::new(&config);
    let ran = limited(&home, "-n 64", &["poll", "--all", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(home.articles().len(), 500);
}

#[test]
fn only_its_owner_may_read_a_store_whatever_the_umask() {
    if !store_is_file() {
        return;
    }
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let home = Home::with_feeds(&[server.url("/f")]);
    let program = home.command(&[]);
    let script =
        "umask 000; \"$0\" -q poll --all && \"$0\" -q db backup copy.db && exec \"$0\" run";
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).arg(program.get_program()).current_dir(home.folder());
    let _daemon = Running::start(shell);
    let wal = home.path("gazetted.db-wal");
    crate::support::wait_for("the daemon", || wal.exists().then_some(()));
    crate::support::wait_for("the backup", || home.path("copy.db").exists().then_some(()));
    for name in home.files() {
        if name.contains(".db") {
            let mode = fs::metadata(home.path(&name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name}");
        }
    }
}
