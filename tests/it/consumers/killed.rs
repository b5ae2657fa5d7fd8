//! A consumer is killed many times while articles are stored, edited and removed. In the end it has the same
//! articles as the store.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{cursor, lines};
use crate::support::Series;
use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, Running};

/// The number of kills, unless `GAZETTED_KILLS` sets another one.
const KILLS: u32 = 30;

const BATCH: usize = 40;

/// A consumer whose output is a pipe, and one whose batches are files.
const PIPE: &[&str] =
    &["export", "--events", "--format", "jsonl", "--limit", "40", "--consumer", "pipe"];
const FILE: &[&str] = &[
    "export",
    "--events",
    "--format",
    "jsonl",
    "--limit",
    "40",
    "--consumer",
    "file",
    "--output",
    "batches/{seq}.jsonl",
];

/// The titles by id that a client has after applying the events.
#[derive(Debug, Default, PartialEq)]
struct Mirror(BTreeMap<String, String>);

impl Mirror {
    fn believe(&mut self, events: &[Value]) {
        for event in events {
            self.believe_one(event);
        }
    }

    fn believe_one(&mut self, event: &Value) {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        match event["event"].as_str().unwrap() {
            "removed" => self.0.remove(&text("id")),
            _ => self.0.insert(text("id"), text("title")),
        };
    }
}

/// The feeds, which change during the test.
struct World {
    items: Vec<Item>,
    next: u32,
    random: Series,
}

impl World {
    /// Adds and edits articles. From time to time the oldest ones leave the feed.
    fn move_on(&mut self, home: &Home, round: u32) {
        for _ in 0..12 {
            let bound = u64::try_from(self.items.len()).unwrap();
            let at = usize::try_from(self.random.next(bound)).unwrap();
            self.items[at].title.push('!');
        }
        self.items.extend((self.next..self.next + 4).map(item));
        self.next += 4;
        if round % 10 == 9 {
            self.items.drain(..20);
        }
        self.publish(home);
        if round % 10 == 4 {
            home.ok(&["db", "prune"]);
        }
    }

    fn publish(&self, home: &Home) {
        fs::write(home.path("new.xml"), rss("News", &self.items)).unwrap();
        fs::rename(home.path("new.xml"), home.path("news.xml")).unwrap();
    }
}

/// Kills a process after a while. Returns whether it was still running, and its output.
fn kill_after(mut command: Command, wait: Duration) -> (bool, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || std::io::read_to_string(&mut out).unwrap());
    std::thread::sleep(wait);
    child.kill().ok(); // SIGKILL; it may have ended.
    let killed = child.wait().unwrap().signal().is_some();
    (killed, reading.join().unwrap())
}

/// The events of a run. An incomplete line is ignored.
fn complete(text: &str) -> Vec<Value> {
    lines(text.rsplit_once('\n').map_or("", |(complete, _)| complete))
}

fn seq(event: &Value) -> i64 {
    event["seq"].as_i64().unwrap()
}

fn how_long(home: &Home, name: &str) -> Duration {
    let began = Instant::now();
    home.ok(&["export", "--events", "--format", "jsonl", "--limit", "40", "--consumer", name]);
    began.elapsed()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how often is for whoever runs it to say")]
#[expect(clippy::too_many_lines, reason = "the steps of one scenario")]
fn a_consumer_that_is_killed_again_and_again_misses_nothing() {
    let kills = std::env::var("GAZETTED_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    let home =
        Home::new("[store]\nkeep = \"30d\"\n[[feeds]]\nurl = \"file:news.xml\"\nevery = \"1s\"\n");
    let mut world =
        World { items: (1..=400).map(item).collect(), next: 401, random: Series::new(23) };
    world.publish(&home);
    home.poll();
    let daemon = Running::daemon(&home);
    let whole = (0..3).map(|_| how_long(&home, "warm-up")).max().unwrap();
    let whole = u64::try_from(whole.as_micros()).unwrap() * 5 / 4;

    let mut known = Mirror::default();
    let (mut killed, mut arrived_all_the_same, mut repeated) = (0, 0, 0);
    let (mut round, mut highest) = (0, 0);
    while killed < kills {
        assert!(round < 20 * kills, "only {killed} of {round} kills came before the end");
        world.move_on(&home, round);
        let to_pipe = round % 2 == 0;
        let (name, arguments) = if to_pipe { ("pipe", PIPE) } else { ("file", FILE) };
        let before = cursor(&home, name);
        let wait = Duration::from_micros(world.random.next(whole));
        let (early, out) = kill_after(home.command(arguments), wait);
        killed += u32::from(early);
        let after = cursor(&home, name);
        assert!(before <= after, "round {round}: {name} went back");
        let got = if to_pipe {
            complete(&out)
        } else {
            complete(&fs::read_to_string(batch(&home, before)).unwrap_or_default())
        };
        // The batch starts after the cursor and is in order, so only the last batch can come twice.
        let seqs: Vec<i64> = got.iter().map(seq).collect();
        assert!(
            seqs.is_sorted() && seqs.iter().all(|seq| before < *seq),
            "round {round}: {seqs:?}"
        );
        assert!(got.len() <= BATCH, "round {round}: {} events", got.len());
        if before < after {
            assert!(seqs.last().is_none_or(|last| *last <= after), "round {round}");
            assert!(got.len() < BATCH || seqs.last() == Some(&after), "round {round}: {after}");
            arrived_all_the_same += u32::from(early);
        }
        if to_pipe {
            repeated += seqs.iter().filter(|seq| **seq <= highest).count();
            highest = highest.max(seqs.last().copied().unwrap_or_default());
            known.believe(&got);
        }
        round += 1;
    }
    println!(
        "{killed} kills in {round} runs; {arrived_all_the_same} came after the cursor had moved, \
         {repeated} events were repeated"
    );

    // The feeds no longer change, and both consumers read to the end.
    drop(daemon);
    home.poll();
    let end = home.seq();
    while cursor(&home, "pipe") < end {
        known.believe(&complete(&home.ok(PIPE)));
    }
    while cursor(&home, "file") < end {
        home.ok(FILE);
    }
    let mut from_files = Mirror::default();
    let mut files: Vec<_> =
        fs::read_dir(home.path("batches")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    for file in files {
        from_files.believe(&lines(&fs::read_to_string(file).unwrap()));
    }
    let mut stored = Mirror::default();
    for article in home.articles() {
        let text = |key: &str| article[key].as_str().unwrap().to_owned();
        stored.0.insert(text("id"), text("title"));
    }
    assert!(400 < stored.0.len());
    assert!(known == stored, "the pipe's reader knows something else");
    assert!(from_files == stored, "the files' reader knows something else");
    home.ok(&["db", "check"]);
}

fn batch(home: &Home, from: i64) -> std::path::PathBuf {
    home.path(&format!("batches/{from:012}.jsonl"))
}
