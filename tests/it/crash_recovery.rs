//! Kills the program in the middle of its work, many times, and checks each time that nothing that was stored is
//! lost and nothing is stored twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::feeds::{Item, date, item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{Series, wait_for};

/// The default number of kills; `GAZETTED_KILLS` changes it.
const KILLS: u32 = 50;
const FEEDS: usize = 40;

/// The number of articles in a feed at the start. Each has a different day.
const ENTRIES: u32 = 5;

/// The articles published so far, by feed, oldest first.
struct World {
    server: Server,
    feeds: Vec<Vec<Item>>,
    random: Series,
}

impl World {
    fn new() -> Self {
        let feeds = (0..FEEDS).map(|_| (1..=ENTRIES).map(item).collect()).collect();
        let world = Self { server: Server::start(), feeds, random: Series::new(17) };
        (0..FEEDS).for_each(|feed| world.publish(feed));
        world
    }

    fn url(&self, feed: usize) -> String {
        self.server.url(&format!("/{feed}"))
    }

    fn publish(&self, feed: usize) {
        let items: Vec<Item> = self.feeds[feed].iter().rev().cloned().collect();
        let document = rss(&format!("Feed {feed}"), &items);
        // The tag tells one version from the other: a 304 for entries that were never stored would
        // lose them.
        let edits: usize = items.iter().map(|item| item.title.len()).sum();
        let page = Page::ok(document).header("ETag", format!("\"{}-{edits}\"", items.len()));
        let delay = Duration::from_millis(u64::try_from(feed % 5).unwrap() * 3);
        self.server.put(&format!("/{feed}"), page.after(delay));
    }

    /// News in every third feed or so, an edit in some.
    fn move_on(&mut self) {
        for feed in 0..FEEDS {
            match self.random.next(6) {
                0 | 1 => {
                    let n = u32::try_from(self.feeds[feed].len()).unwrap() + 1;
                    self.feeds[feed].push(Item { date: Some(date(n)), ..item(n) });
                }
                2 => {
                    let entries = u64::try_from(self.feeds[feed].len()).unwrap();
                    let which = usize::try_from(self.random.next(entries)).unwrap();
                    self.feeds[feed][which].title.push('!');
                }
                _ => continue,
            }
            self.publish(feed);
        }
    }

    fn config(&self) -> String {
        let feeds = (0..FEEDS).map(|feed| format!("[[feeds]]\nurl = \"{}\"\n", self.url(feed)));
        let head = "[schedule]\nevery = \"1s\"\n[fetch]\nconcurrency = 8\n".to_owned();
        head + &feeds.collect::<String>()
    }

    /// All published articles: feed and GUID, with the latest title.
    fn published(&self) -> BTreeMap<(String, String), String> {
        let named = |feed: usize| {
            let url = self.url(feed);
            let items = self.feeds[feed].iter();
            items.map(move |item| ((url.clone(), item.guid.clone().unwrap()), item.title.clone()))
        };
        (0..FEEDS).flat_map(named).collect()
    }
}

/// The articles in the store: id and revision by feed and GUID.
type Stored = BTreeMap<(String, String), (String, u64)>;

/// All articles by feed and GUID. Fails if one occurs twice.
#[track_caller]
fn stored(articles: &[Value]) -> Stored {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named = articles.iter().map(|article| {
        let name = (text(&article["feed"]["url"]), text(&article["guid"]));
        (name, (text(&article["id"]), article["revision"].as_u64().unwrap()))
    });
    let stored: Stored = named.collect();
    assert_eq!(stored.len(), articles.len(), "an article was stored twice");
    stored
}

/// The number of articles by feed that the log reports as added or edited. They must be in the store.
fn reported(log: &str) -> BTreeMap<String, u64> {
    let mut reported = BTreeMap::new();
    for line in log.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["message"] == "polled" {
            let changes = event["added"].as_u64().unwrap() + event["edited"].as_u64().unwrap();
            *reported.entry(event["feed.url"].as_str().unwrap().to_owned()).or_default() += changes;
        }
    }
    reported
}

/// Inserts and edits, by feed.
fn changes(stored: &Stored) -> BTreeMap<String, u64> {
    let mut changes = BTreeMap::new();
    for ((feed, _), (_, revision)) in stored {
        *changes.entry(feed.clone()).or_default() += 1 + revision;
    }
    changes
}

/// Measures how long a poll of all feeds takes on this machine.
fn whole_poll(world: &World) -> Duration {
    let home = Home::new(&world.config());
    let began = Instant::now();
    let report = home.poll();
    assert_eq!(report["added"].as_u64().unwrap(), u64::try_from(world.published().len()).unwrap());
    began.elapsed()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how often is for whoever runs it to say")]
#[expect(clippy::too_many_lines, reason = "one scenario from start to end")]
fn kills_at_any_moment_lose_nothing_and_store_nothing_twice() {
    let mut world = World::new();
    let whole = whole_poll(&world);
    let home = Home::new(&world.config());
    let mut before = Stored::new();
    let mut in_between = BTreeSet::new();
    let kills = std::env::var("GAZETTED_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    for round in 0..kills {
        // Every third time it is the daemon; its feeds, polled every second, are due.
        let arguments: &[&str] = match round % 3 {
            0 => &["--log-format", "json", "-v", "run"],
            _ => &["--log-format", "json", "-v", "poll", "--all", "--json"],
        };
        let requests = world.server.total();
        let mut program = Running::start(home.command(arguments));
        if round % 5 == 4 {
            // At any moment: while it starts, migrates or reads the list of feeds.
            let whole = u64::try_from(whole.as_millis()).unwrap();
            std::thread::sleep(Duration::from_millis(world.random.next(whole)));
        } else {
            // After a number of requests, on any machine: while some polls are stored and others are not.
            let many = usize::try_from(1 + world.random.next(40)).unwrap();
            wait_for("requests", || {
                let enough = requests + many <= world.server.total() || program.has_ended();
                enough.then_some(())
            });
            std::thread::sleep(Duration::from_millis(world.random.next(40)));
        }
        program.kill();
        let (_, log) = program.said();

        // The program may have been killed before it created the store.
        if home.has_store() && home.run(&["export", "--limit", "1"]).code == Some(0) {
            home.ok(&["db", "check"]);
            let after = stored(&home.articles());
            for (name, (id, revision)) in &before {
                let Some((same, later)) = after.get(name) else { panic!("{name:?} is lost") };
                assert_eq!(id, same, "{name:?}");
                assert!(revision <= later, "{name:?} lost an edit");
            }
            let (old, new) = (changes(&before), changes(&after));
            for (feed, told) in reported(&log) {
                let there = new[&feed] - old.get(&feed).copied().unwrap_or_default();
                assert!(told <= there, "{feed}: {told} reported, {there} stored");
            }
            let published = world.published();
            if before.len() < after.len() && after.len() < published.len() {
                in_between.insert(round);
            }
            before = after;
        } else {
            assert!(before.is_empty(), "the store is gone");
        }
        world.move_on();
    }
    // With fewer, the kills came too early or too late to prove anything.
    assert!(5 <= in_between.len(), "only {in_between:?} of the kills came in mid-poll");

    home.poll();
    let articles = home.articles();
    let complete = stored(&articles);
    assert!(before.iter().all(|(name, (id, _))| complete[name].0 == *id));
    let titles: BTreeMap<(String, String), String> = articles
        .iter()
        .map(|article| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let name = (text(&article["feed"]["url"]), text(&article["guid"]));
            (name, text(&article["title"]))
        })
        .collect();
    let published = world.published();
    let differ = |name: &&(String, String)| titles.get(*name) != published.get(*name);
    let wrong: Vec<_> = titles.keys().chain(published.keys()).filter(differ).collect();
    assert!(wrong.is_empty(), "lost, stale or of nowhere: {wrong:#?}");
    let again = home.poll();
    assert_eq!((&again["added"], &again["edited"]), (&0.into(), &0.into()));
    home.ok(&["db", "check"]);
}
