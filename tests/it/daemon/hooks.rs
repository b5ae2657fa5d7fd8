//! Exports that are delivered to a webhook or to a program.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Request, Server, nobody};
use crate::support::{Series, wait_for};

const KEY: &str = "a key of enough bytes";

/// One feed, polled every second, and one webhook on the same server.
fn home(server: &Server, more: &str) -> Home {
    let (feed, hook) = (server.url("/f"), server.url("/hook/s3cr3t"));
    Home::new(&format!(
        "[[feeds]]\nurl = \"{feed}\"\nevery = \"1s\"\nallow_private = true\n\
         [[exports]]\nwebhook = \"{hook}\"\nconsumer = \"chat\"\non_change = true\n{more}"
    ))
}

fn news(server: &Server, items: &[Item]) {
    server.put("/f", Page::ok(rss("News", items)));
}

fn deliveries(server: &Server) -> Vec<Request> {
    server.requests("/hook/s3cr3t")
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn titles(request: &Request) -> Vec<String> {
    let body = body(request);
    let items = body["items"].as_array().unwrap();
    items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

fn field<'a>(request: &'a Request, name: &str) -> &'a str {
    str::from_utf8(request.header(name).unwrap()).unwrap()
}

fn consumer(home: &Home) -> Value {
    home.json(&["consumers", "list", "--json"])[0].clone()
}

/// RFC 2104 written out, for keys of at most a block.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let padded = |byte: u8| -> Vec<u8> {
        (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ byte).collect()
    };
    let inner = Sha256::digest([&padded(0x36), message].concat());
    STANDARD.encode(Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()))
}

#[test]
fn a_webhook_gets_each_article_once_and_each_edit_signed() {
    let server = Server::start();
    news(&server, &[item(2), item(1)]);
    server.put("/hook/s3cr3t", Page::status(204));
    let more = format!(
        "allow_private = true\nevents = true\nsecret = \"{KEY}\"\nheaders = {{ X-Room = \"news\" }}\n"
    );
    let home = home(&server, &more);
    let daemon = Running::daemon(&home);
    let first = wait_for("a delivery", || deliveries(&server).into_iter().next());
    assert_eq!(first.method, "POST");
    assert_eq!(field(&first, "content-type"), "application/json");
    assert_eq!(field(&first, "x-room"), "news");
    assert!(field(&first, "user-agent").starts_with("gazetted/"));
    let seen = body(&first);
    assert_eq!(
        (&seen["consumer"], &seen["from"], &seen["to"]),
        (&"chat".into(), &0.into(), &2.into())
    );
    let mut found = titles(&first);
    found.sort_unstable();
    assert_eq!(found, ["Title 1", "Title 2"]);
    assert_eq!(seen["items"][0]["event"], "new");
    let (id, at) = (field(&first, "webhook-id"), field(&first, "webhook-timestamp"));
    let signed = [format!("{id}.{at}.").as_bytes(), &first.body].concat();
    let expected = format!("v1,{}", hmac(KEY.as_bytes(), &signed));
    assert_eq!(field(&first, "webhook-signature"), expected);

    news(&server, &[item(3), Item { title: "Another title".to_owned(), ..item(1) }]);
    let second = wait_for("the edit", || deliveries(&server).into_iter().nth(1));
    let items = body(&second)["items"].clone();
    let mut events: Vec<_> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["event"].to_string(), item["title"].to_string()))
        .collect();
    events.sort_unstable();
    let expected = [("\"edited\"", "\"Another title\""), ("\"new\"", "\"Title 3\"")];
    assert_eq!(events, expected.map(|(event, title)| (event.to_owned(), title.to_owned())));
    let event = daemon.wait_for_event("delivered");
    assert_eq!((&event["consumer"], &event["records"]), (&"chat".into(), &2.into()));
    let chat = wait_for("the cursor", || Some(consumer(&home)).filter(|chat| chat["records"] == 4));
    assert_eq!(
        (&chat["behind"], &chat["batches"], &chat["failures"]),
        (&0.into(), &2.into(), &0.into())
    );
    let log = daemon.log();
    assert!(!log.contains("s3cr3t") && !log.contains(KEY), "{log}");
}

#[test]
fn a_webhook_that_fails_is_tried_again_with_the_same_batch_and_stops_nothing() {
    let server = Server::start();
    news(&server, &[item(1)]);
    server.put("/hook/s3cr3t", Page::status(503).body("overloaded\nhere"));
    let home = home(&server, "allow_private = true\n");
    let mut daemon = Running::daemon(&home);
    let event = daemon.wait_for_event("delivery failed");
    assert_eq!(event["level"], "WARN");
    assert!(
        event["error"].as_str().unwrap().contains("503") && event["retry_at"].is_string(),
        "{event}"
    );
    let failing = consumer(&home);
    assert_eq!((&failing["failures"], &failing["records"]), (&1.into(), &0.into()));
    let status = home.ok(&["status"]);
    assert!(status.contains("chat: 1 failure, again") && status.contains("overloaded"), "{status}");
    let polls = server.requests("/f").len();
    wait_for("polls meanwhile", || (polls + 2 <= server.requests("/f").len()).then_some(()));
    server.put("/hook/s3cr3t", Page::ok("thanks"));
    wait_for("the cursor", || (consumer(&home)["records"] == 1).then_some(()));
    let all = deliveries(&server);
    let ids: Vec<_> = all.iter().map(|request| field(request, "webhook-id")).collect();
    assert!(2 <= ids.len() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(all.iter().all(|request| titles(request) == ["Title 1"]));
    assert!(all[0].header("webhook-signature").is_none());
    daemon.kill();

    // A restart has nothing to deliver.
    let _daemon = Running::daemon(&home);
    let polls = server.requests("/f").len();
    wait_for("polls after it", || (polls + 2 <= server.requests("/f").len()).then_some(()));
    assert_eq!(deliveries(&server).len(), all.len());
}

/// The delivery of a sighting fails, and the daemon is killed before it is repeated.
#[test]
fn a_webhook_that_asks_for_it_hears_of_each_sighting_once() {
    let server = Server::start();
    let long = (0..60).map(|n| format!("word{}", n * 7 % 61)).collect::<Vec<_>>().join(" ");
    let article = Item { text: format!("<p>{long}</p>"), ..item(1) };
    news(&server, std::slice::from_ref(&article));
    let other = |link: &str, items: &[Item]| {
        let items = items.iter().map(|item| Item { link: Some(link.to_owned()), ..item.clone() });
        Page::ok(rss("Others", &items.collect::<Vec<_>>()))
    };
    server.put("/g", other("https://other.example/x", &[item(9)]));
    server.put("/hook/s3cr3t", Page::status(204));
    let second = format!(
        "[[feeds]]\nurl = \"{}\"\nname = \"Others\"\nevery = \"1s\"\nallow_private = true\n",
        server.url("/g")
    );
    let home =
        home(&server, &format!("allow_private = true\nevents = true\nsightings = true\n{second}"));
    let mut daemon = Running::daemon(&home);
    wait_for("the articles", || (consumer(&home)["records"] == 2).then_some(()));
    let heard = deliveries(&server).len();
    server.put("/hook/s3cr3t", Page::status(503));
    server.put("/g", other("https://other.example/y", &[article]));
    daemon.wait_for_event("delivery failed");
    daemon.kill();
    server.put("/hook/s3cr3t", Page::status(204));
    let _daemon = Running::daemon(&home);
    wait_for("the sighting", || (consumer(&home)["records"] == 3).then_some(()));
    let polls = server.requests("/g").len();
    wait_for("polls after it", || (polls + 2 <= server.requests("/g").len()).then_some(()));
    let all = deliveries(&server);
    let told: Vec<Value> = all.iter().skip(heard).map(body).collect();
    assert!(2 <= told.len() && told.iter().all(|batch| *batch == told[0]), "{told:?}");
    let items = told[0]["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0]["event"], &items[0]["title"]), (&"edited".into(), &"Title 1".into()));
    assert_eq!(items[0]["also_in"], Value::from(vec!["Others"]));
}

#[test]
fn a_webhook_that_never_answers_delays_neither_polls_nor_the_other_nor_the_end() {
    let server = Server::start();
    news(&server, &[item(1)]);
    server.put("/hook/s3cr3t", Page::stalled());
    let other = server.url("/other");
    server.put("/other", Page::ok(""));
    let home = home(
        &server,
        &format!(
            "allow_private = true\n[[exports]]\nwebhook = \"{other}\"\nconsumer = \"b\"\n\
             allow_private = true\non_change = true\n"
        ),
    );
    let mut daemon = Running::daemon(&home);
    wait_for("the request", || (deliveries(&server).len() == 1).then_some(()));
    for n in 2..4 {
        news(&server, &[item(n), item(1)]);
        let title = format!("Title {n}");
        wait_for("the other", || {
            server.requests("/other").iter().find(|seen| titles(seen).contains(&title)).cloned()
        });
    }
    let told = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(15), "{:?}", told.elapsed());
    assert_eq!(deliveries(&server).len(), 1);
}

#[test]
fn a_webhook_that_is_not_allowed_is_reported() {
    let away = Server::start();
    for (page, more, says) in [
        (
            Page::status(307).header("Location", away.url("/x")),
            "allow_private = true\n",
            "redirects are not followed",
        ),
        (Page::status(429).header("Retry-After", "3600"), "allow_private = true\n", "429"),
        (Page::ok(""), "", "allow_private = true for this export"),
        (
            Page::ok("").after(Duration::from_secs(3)),
            "allow_private = true\ntimeout = \"1s\"\n",
            "within 1s",
        ),
    ] {
        let server = Server::start();
        news(&server, &[item(1)]);
        server.put("/hook/s3cr3t", page);
        let home = home(&server, more);
        let daemon = Running::daemon(&home);
        let event = daemon.wait_for_event("delivery failed");
        assert!(event["error"].as_str().unwrap().contains(says), "{says}: {event}");
        let at: DateTime<Utc> = event["retry_at"].as_str().unwrap().parse().unwrap();
        let wait = at - event["timestamp"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        let hour = (3_590..=3_600).contains(&wait.num_seconds());
        assert_eq!(hour, says == "429", "{says}: {wait}"); // Its Retry-After.
        assert!(!daemon.log().contains("s3cr3t"), "{}", daemon.log());
        if more.is_empty() {
            assert_eq!(deliveries(&server).len(), 0);
        }
    }
    assert_eq!(away.total(), 0);
    // No server listens.
    let server = Server::start();
    news(&server, &[item(1)]);
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"{}\"\nallow_private = true\n[[exports]]\nwebhook = \"http://{}/s3cr3t\"\nconsumer = \"a\"\n\
         on_change = true\nallow_private = true\n",
        server.url("/f"),
        nobody()
    ));
    let daemon = Running::daemon(&home);
    let event = daemon.wait_for_event("delivery failed");
    assert!(event["error"].as_str().unwrap().contains("refused"), "{event}");
    assert!(!daemon.log().contains("s3cr3t"));
}

#[test]
fn a_receiver_that_answers_410_gets_nothing_until_the_daemon_restarts() {
    let server = Server::start();
    news(&server, &[item(1)]);
    server.put("/hook/s3cr3t", Page::status(410));
    let home = home(&server, "allow_private = true\n");
    let mut daemon = Running::daemon(&home);
    let event = daemon.wait_for_event("delivery failed");
    assert!(event.get("retry_at").is_none(), "{event}");
    assert!(home.ok(&["consumers", "list"]).contains("stopped"));
    news(&server, &[item(2), item(1)]);
    wait_for("the news", || (home.articles().len() == 2).then_some(()));
    daemon.kill();
    assert_eq!(deliveries(&server).len(), 1);
    server.put("/hook/s3cr3t", Page::ok(""));
    let _daemon = Running::daemon(&home);
    let sent = wait_for("both", || deliveries(&server).into_iter().nth(1));
    assert_eq!(titles(&sent).len(), 2);
}

#[test]
fn a_command_gets_json_lines_and_acknowledges_by_exit_code() {
    let server = Server::start();
    news(&server, &[item(1)]);
    // Fails until there is a file `open`; runs in the folder of the configuration.
    let script = "test -e open || { echo closed today >&2; exit 3; }; cat >> out.jsonl";
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"{}\"\nevery = \"1s\"\n[[exports]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n\
         consumer = \"file\"\nevery = \"1s\"\n",
        server.url("/f")
    ));
    let daemon = Running::daemon(&home);
    let event = daemon.wait_for_event("delivery failed");
    let error = event["error"].as_str().unwrap();
    assert!(error.contains("exit status: 3: closed today"), "{event}");
    assert_eq!(event["receiver"], "sh");
    fs::write(home.path("open"), "").unwrap();
    wait_for("the cursor", || (consumer(&home)["records"] == 1).then_some(()));
    news(&server, &[item(2), item(1)]);
    wait_for("the second", || (consumer(&home)["records"] == 2).then_some(()));
    let text = fs::read_to_string(home.path("out.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let titles: Vec<_> = lines.iter().map(|line| line["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Title 1", "Title 2"]);
}

#[test]
fn a_daemon_that_is_killed_in_mid_delivery_repeats_a_batch_and_skips_none() {
    const KILLS: usize = 12;
    const BATCH: usize = 5;
    let server = Server::start();
    let mut items: Vec<Item> = (1..=30).map(item).collect();
    news(&server, &items);
    server.put("/hook/s3cr3t", Page::ok("").after(Duration::from_millis(50)));
    let script = "cat >> out.jsonl; sleep 0.05";
    let home = home(
        &server,
        &format!(
            "allow_private = true\nlimit = {BATCH}\n[[exports]]\n\
             command = [\"sh\", \"-c\", \"{script}\"]\nconsumer = \"file\"\non_change = true\n\
             limit = {BATCH}\n"
        ),
    );
    let mut random = Series::new(7);
    for kill in 0..KILLS {
        let mut daemon = Running::daemon(&home);
        std::thread::sleep(Duration::from_millis(random.next(600)));
        daemon.kill();
        let next = 31 + 3 * u32::try_from(kill).unwrap();
        items.extend((next..next + 3).map(item));
        news(&server, &items);
    }
    let _daemon = Running::daemon(&home);
    wait_for("the rest", || {
        // In this order: an article may come between two looks.
        let stored = home.articles().len() == items.len();
        let seen = home.json(&["consumers", "list", "--json"]);
        let all = seen.as_array().unwrap().iter().all(|consumer| consumer["behind"] == 0);
        (stored && all).then_some(())
    });
    let lines = fs::read_to_string(home.path("out.jsonl")).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let posted = deliveries(&server);
    let posted = posted.iter().flat_map(|seen| body(seen)["items"].as_array().unwrap().clone());
    for (receiver, records) in [("sh", lines), ("webhook", posted.collect::<Vec<Value>>())] {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for record in &records {
            *times.entry(record["title"].as_str().unwrap()).or_default() += 1;
        }
        assert_eq!(times.len(), items.len(), "{receiver}: {times:?}");
        let repeated = records.len() - times.len();
        assert!(repeated <= KILLS * BATCH, "{receiver}: {repeated} repeated");
        let last = records.iter().filter_map(|record| record["seq"].as_i64()).max();
        assert_eq!(last, Some(home.seq()), "{receiver}");
    }
}
