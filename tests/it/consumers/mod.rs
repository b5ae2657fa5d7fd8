//! `gazetted export --consumer`: no change is skipped, and a crash repeats at most one batch.

mod killed;

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, Running, finish};
use crate::support::store_is_file;

fn home(items: &[Item]) -> Home {
    let home = Home::new(
        "[store]\nkeep = \"365d\"\n\
         [[feeds]]\nurl = \"file:news.xml\"\nname = \"News\"\ntags = [\"t\"]\nevery = \"1s\"\n\
         [[feeds]]\nurl = \"file:other.xml\"\nname = \"Other\"\n",
    );
    fs::write(home.path("other.xml"), rss("Other", &[])).unwrap();
    publish(&home, items);
    home
}

/// The items, oldest first. A poll stores them in this order.
fn publish(home: &Home, items: &[Item]) {
    let newest_first: Vec<Item> = items.iter().rev().cloned().collect();
    fs::write(home.path("news.xml"), rss("News", &newest_first)).unwrap();
    home.poll();
}

fn edited(n: u32) -> Item {
    Item { title: format!("Edited {n}"), ..item(n) }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn seqs(text: &str) -> Vec<i64> {
    lines(text).iter().map(|record| record["seq"].as_i64().unwrap()).collect()
}

fn each(text: &str, field: &str) -> Vec<String> {
    lines(text).iter().map(|record| record[field].as_str().unwrap().to_owned()).collect()
}

/// The output of the next run of a consumer.
fn next(home: &Home, name: &str) -> String {
    home.ok(&["export", "--consumer", name])
}

/// A consumer in the output of `consumers list`; `Null` if it does not exist.
fn consumer(home: &Home, name: &str) -> Value {
    let all = home.json(&["consumers", "list", "--json"]);
    let found = all.as_array().unwrap().iter().find(|consumer| consumer["name"] == name);
    found.cloned().unwrap_or_default()
}

fn cursor(home: &Home, name: &str) -> i64 {
    consumer(home, name)["seq"].as_i64().unwrap_or(0)
}

#[test]
fn a_consumer_gets_what_is_new_or_edited_once_and_oldest_first() {
    let home = home(&[item(1), item(2)]);
    assert_eq!(seqs(&next(&home, "a")), [1, 2]);
    assert_eq!(next(&home, "a"), "");
    publish(&home, &[edited(1), item(2), item(3)]);
    let news = next(&home, "a");
    assert_eq!(seqs(&news), [3, 4]);
    let mut titles = each(&news, "title");
    titles.sort();
    assert_eq!(titles, ["Edited 1", "Title 3"]);
    // Another consumer starts at the beginning, and the first is unchanged.
    assert_eq!(seqs(&next(&home, "b")), [2, 3, 4]);
    assert_eq!(next(&home, "a"), "");
    assert_eq!((cursor(&home, "a"), cursor(&home, "b")), (4, 4));
}

#[test]
fn after_exports_the_same_without_a_stored_cursor() {
    let home = home(&[item(1), item(2), item(3)]);
    for (arguments, expected) in [
        (&["--after", "0"][..], &[1, 2, 3][..]),
        (&["--after", "2"], &[3]),
        (&["--after", "1", "--limit", "1"], &[2]),
        (&["--after", "3"], &[]),
        (&["--after", "99"], &[]),
    ] {
        let arguments = [&["export"], arguments].concat();
        for _ in 0..2 {
            assert_eq!(seqs(&home.ok(&arguments)), expected, "{arguments:?}");
        }
    }
    assert_eq!(home.json(&["consumers", "list", "--json"]), Value::Array(Vec::new()));
    for arguments in [&["--after", "-1"][..], &["--after", "1", "--consumer", "a"], &["--events"]] {
        assert_eq!(home.run(&[&["export"], arguments].concat()).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn a_limit_delivers_the_oldest_and_the_next_run_the_rest() {
    let home = home(&[item(1), item(2), item(3), item(4), item(5)]);
    let limited = ["export", "--consumer", "a", "--limit", "2"];
    for expected in [&[1, 2][..], &[3, 4], &[5], &[]] {
        assert_eq!(seqs(&home.ok(&limited)), expected);
    }
}

/// Excluded changes are not read again by the next run; `consumers reset` delivers them.
#[test]
fn the_cursor_passes_changes_that_the_filter_excludes() {
    let home = home(&[item(1), item(2), item(3)]);
    let other = ["export", "--consumer", "a", "--feed", "Other"];
    assert_eq!(home.ok(&other), "");
    assert_eq!(cursor(&home, "a"), 3);
    fs::write(home.path("other.xml"), rss("Other", &[item(9)])).unwrap();
    publish(&home, &[item(1), item(2), item(3), item(4)]);
    assert_eq!(each(&home.ok(&other), "title"), ["Title 9"]);
    // The limit counts matching records. The cursor stops at the last of them.
    let one = ["export", "--consumer", "b", "--search", "number", "--limit", "1"];
    for n in 1..=5 {
        assert_eq!(seqs(&home.ok(&one)), [n]);
    }
    assert_eq!(home.ok(&one), "");
}

#[test]
fn a_search_finds_what_a_poll_has_just_brought_in() {
    let home = home(&[item(1), item(2)]);
    let search = ["export", "--consumer", "a", "--search", "edited"];
    assert_eq!(home.ok(&search), "");
    publish(&home, &[edited(1), item(2)]);
    assert_eq!(each(&home.ok(&search), "title"), ["Edited 1"]);
}

#[test]
fn events_name_the_kind_of_change() {
    let home = home(&[item(1), item(2), item(3)]);
    let events = |name: &str| home.ok(&["export", "--consumer", name, "--events"]);
    let kinds = |name: &str| each(&events(name), "event");
    assert_eq!(kinds("a"), ["new", "new", "new"]);
    publish(&home, &[edited(1), item(3)]);
    assert_eq!(each(&next(&home, "c"), "title"), ["Title 2", "Title 3", "Edited 1"]);
    let edit = events("a");
    assert_eq!(
        (each(&edit, "event"), each(&edit, "title")),
        (vec!["edited".into()], vec!["Edited 1".into()])
    );
    assert_eq!(kinds("a"), [""; 0]);
    // Retention removes the old article that is no longer in its feed.
    home.ok(&["db", "prune"]);
    let removal = lines(&home.ok(&["export", "--after", "4", "--events"]));
    assert_eq!((&removal[0]["event"], &removal[0]["seq"]), (&"removed".into(), &5.into()));
    assert_eq!(removal[0]["feed"]["name"], "News");
    assert!(removal[0]["id"].as_str().unwrap().ends_with("-2"), "{removal:?}");
    assert!(removal[0]["date_removed"].is_string());
    assert_eq!(kinds("a"), ["removed"]);
    // The cursor of a consumer of articles passes a removal.
    assert_eq!(next(&home, "c"), "");
    assert_eq!(cursor(&home, "c"), 5);
    let array = home.json(&["export", "--after", "0", "--events", "--format", "json"]);
    let kinds: Vec<&Value> =
        array.as_array().unwrap().iter().map(|event| &event["event"]).collect();
    assert_eq!(kinds, ["new", "new", "removed"]);
    let slip = home.run(&["export", "--after", "0", "--events", "--format", "rss"]);
    assert_eq!(slip.code, Some(1));
    assert!(slip.err.contains("--events are written as jsonl or json"), "{}", slip.err);
}

#[test]
fn consumers_are_listed_reset_and_removed() {
    let home = home(&[item(1), item(2), item(3)]);
    home.ok(&["export", "--consumer", "chat", "--limit", "2"]);
    let table = home.ok(&["consumers", "list"]);
    assert!(table.contains("CONSUMER") && table.contains("chat"), "{table}");
    let listed = consumer(&home, "chat");
    for (key, expected) in
        [("seq", 2), ("behind", 1), ("batches", 1), ("records", 2), ("failures", 0)]
    {
        assert_eq!(listed[key], expected, "{key}");
    }
    assert!(listed["date_delivered"].is_string() && listed["error"].is_null(), "{listed}");
    home.ok(&["consumers", "reset", "chat", "--to", "1"]);
    assert_eq!(seqs(&next(&home, "chat")), [2, 3]);
    home.ok(&["consumers", "reset", "chat"]);
    assert_eq!(cursor(&home, "chat"), 0);
    let now = home.json(&["consumers", "reset", "chat", "--to", "now", "--json"]);
    assert_eq!(now["seq"], 3);
    assert_eq!(next(&home, "chat"), "");
    for verb in ["reset", "remove"] {
        let slip = home.run(&["consumers", verb, "chta"]);
        assert_eq!(slip.code, Some(1));
        let expected = "there is no consumer `chta`; did you mean `chat`?";
        assert!(slip.err.contains(expected), "{}", slip.err);
    }
    home.ok(&["consumers", "remove", "chat", "--json"]);
    assert_eq!(home.json(&["consumers", "list", "--json"]), Value::Array(Vec::new()));
    assert_eq!(seqs(&next(&home, "chat")), [1, 2, 3]);
}

#[test]
fn before_the_first_poll_there_is_no_consumer() {
    let home = Home::new("");
    assert_eq!(home.json(&["consumers", "list", "--json"]), Value::Array(Vec::new()));
    for arguments in [&["consumers", "reset", "a"][..], &["export", "--consumer", "a"]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(1), "{ran:?}");
    }
    assert!(!home.has_store());
    let slip = home.run(&["export", "--consumer", "a/b"]);
    assert_eq!(slip.code, Some(2));
    assert!(slip.err.contains("a consumer's name has 1 to 64"), "{}", slip.err);
}

#[test]
fn a_file_is_replaced_completely_or_each_batch_has_its_own() {
    let home = home(&[item(1), item(2)]);
    let to_file = ["export", "--consumer", "a", "--output", "out/a.jsonl"];
    let file = || seqs(&fs::read_to_string(home.path("out/a.jsonl")).unwrap());
    home.ok(&to_file);
    assert_eq!(file(), [1, 2]);
    publish(&home, &[item(1), item(2), item(3)]);
    home.ok(&to_file);
    assert_eq!(file(), [3]);
    home.ok(&to_file);
    assert_eq!(file(), [0; 0]);

    let to_batches = ["export", "--consumer", "b", "--limit", "2", "--output", "b/{seq}.atom"];
    for _ in 0..4 {
        home.ok(&to_batches);
    }
    let mut names: Vec<_> = fs::read_dir(home.path("b"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["000000000000.atom", "000000000002.atom"]);

    // The cursor stays if the output cannot be written.
    fs::write(home.path("full"), "").unwrap();
    let ran = home.run(&["export", "--consumer", "c", "--output", "full/a.jsonl"]);
    assert_eq!((ran.code, cursor(&home, "c")), (Some(1), 0), "{ran:?}");
}

/// The cursor stays if the reader closes the pipe or the disk is full.
#[test]
fn a_failed_delivery_does_not_advance_the_cursor() {
    let items: Vec<Item> = (1..=500).map(item).collect();
    let home = home(&items);
    let mut command = home.command(&["export", "--consumer", "a"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut part = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut part).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "a closed pipe is success");
    assert_eq!(cursor(&home, "a"), 0);
    if let Ok(full) = OpenOptions::new().write(true).open("/dev/full") {
        let mut command = home.command(&["export", "--consumer", "a"]);
        assert_eq!(command.stdout(full).stderr(Stdio::null()).status().unwrap().code(), Some(1));
        assert_eq!(cursor(&home, "a"), 0);
    }
    let file = File::create(home.path("all.jsonl")).unwrap();
    let mut command = home.command(&["export", "--consumer", "a"]);
    assert!(command.stdout(file).status().unwrap().success());
    assert_eq!(seqs(&fs::read_to_string(home.path("all.jsonl")).unwrap()).len(), 500);
    assert_eq!(cursor(&home, "a"), 500);
}

/// Without a lock, the second run would deliver the batch of the first.
#[test]
fn the_second_of_two_simultaneous_runs_names_the_first() {
    let items: Vec<Item> = (1..=500).map(item).collect();
    let home = home(&items);
    // The first waits for its reader: a pipe holds less than 500 articles.
    let mut command = home.command(&["export", "--consumer", "a"]);
    let mut first = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = first.stdout.take().unwrap();
    let mut part = [0; 100];
    pipe.read_exact(&mut part).unwrap();
    let second = home.run(&["export", "--consumer", "a"]);
    assert_eq!((second.code, second.out.as_str()), (Some(1), ""));
    let expected =
        format!("error: another run is delivering to consumer a: pid {}, delivering\n", first.id());
    assert_eq!(second.err, expected);
    // Other consumers are not affected.
    assert_eq!(seqs(&next(&home, "b")).len(), 500);
    let mut rest = String::new();
    pipe.read_to_string(&mut rest).unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(next(&home, "a"), "");
    assert_eq!(home.files().iter().filter(|name| name.ends_with(".consumer")).count(), 0);
}

/// A reset is valid even if a batch is being delivered.
#[test]
fn a_reset_during_a_run_is_not_undone_by_its_end() {
    let items: Vec<Item> = (1..=500).map(item).collect();
    let home = home(&items);
    home.ok(&["export", "--consumer", "a", "--limit", "5"]);
    for (verb, expected) in [("reset", 0), ("remove", 0)] {
        let mut command = home.command(&["export", "--consumer", "a"]);
        let mut run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut pipe = run.stdout.take().unwrap();
        pipe.read_exact(&mut [0; 100]).unwrap();
        home.ok(&["consumers", verb, "a"]);
        pipe.read_to_end(&mut Vec::new()).unwrap();
        assert!(run.wait().unwrap().success());
        assert_eq!(cursor(&home, "a"), expected, "{verb}");
        assert_eq!(consumer(&home, "a").is_null(), verb == "remove");
    }
}

#[test]
fn a_cursor_is_stored_beside_a_running_daemon() {
    let home = home(&[item(1)]);
    let daemon = Running::daemon(&home);
    assert_eq!(seqs(&next(&home, "a")), [1]);
    fs::write(home.path("news.xml"), rss("News", &[item(1), item(2)])).unwrap();
    let news = crate::support::wait_for("the news", || {
        std::thread::sleep(Duration::from_millis(50));
        Some(next(&home, "a")).filter(|text| !text.is_empty())
    });
    assert_eq!(seqs(&news), [2]);
    home.ok(&["consumers", "reset", "a"]);
    assert_eq!(seqs(&next(&home, "a")), [1, 2]);
    assert!(daemon.events().iter().all(|event| event["level"] != "ERROR"));
}

#[test]
fn a_backup_contains_the_consumers() {
    if !store_is_file() {
        return;
    }
    let home = home(&[item(1), item(2)]);
    home.ok(&["export", "--consumer", "a", "--limit", "1"]);
    home.ok(&["db", "backup", "copy.db"]);
    home.configure("[store]\npath = \"copy.db\"\n[[feeds]]\nurl = \"file:news.xml\"\n");
    assert_eq!(seqs(&finish(home.command(&["export", "--consumer", "a"])).out), [2]);
}
