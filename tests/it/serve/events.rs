//! Server-sent events.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Served, serve, serve_with};
use crate::support::feeds::{Item, item, rss};
use crate::support::http::Site;
use crate::support::server::Page;

/// The lines of an event that are not data, and the data.
#[derive(Debug)]
pub(super) struct Heard {
    id: String,
    pub(super) kind: String,
    data: Value,
}

pub(super) struct Listener(BufReader<TcpStream>);

impl Listener {
    pub(super) fn start(site: &Site, path: &str, header: &str) -> Self {
        let mut stream = site.connect();
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut listener = Self(BufReader::new(stream));
        let head = listener.paragraph().unwrap();
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.contains(&"content-type: text/event-stream".to_owned()), "{head:?}");
        listener
    }

    /// Lines up to an empty one; `None` at the end.
    pub(super) fn paragraph(&mut self) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end() {
                "" => return Some(lines),
                line => lines.push(line.to_owned()),
            }
        }
    }

    /// The next event with data.
    pub(super) fn next(&mut self) -> Option<Heard> {
        loop {
            let lines = self.paragraph()?;
            let field = |name: &str| {
                let line = lines.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")));
                line.unwrap_or_default().to_owned()
            };
            if !field("data").is_empty() {
                let data = serde_json::from_str(&field("data")).unwrap();
                return Some(Heard { id: field("id"), kind: field("event"), data });
            }
        }
    }
}

fn publish(served: &Served, title: &str, n: u32) {
    let mut changed = item(1);
    title.clone_into(&mut changed.title);
    let mut items = vec![changed];
    items.extend((2..=n).map(item));
    served.server.put("/f", Page::ok(rss("Harbour News", &items)));
    served.repoll();
}

#[test]
fn new_and_edited_articles_are_sent_as_events() {
    let mut served = serve(&[item(1)]);
    let mut listener = Listener::start(&served.site, "/events", "");
    // The start is told without an event, so that nothing is missed from here on.
    let hello = listener.paragraph().unwrap();
    assert!(hello.contains(&"id: 1".to_owned()), "{hello:?}");
    publish(&served, "Title 1", 2);
    let heard = listener.next().unwrap();
    assert_eq!((heard.id.as_str(), heard.kind.as_str()), ("2", "new"));
    assert_eq!(heard.data["title"], "Title 2");
    assert_eq!(heard.data["seq"], 2);
    publish(&served, "Title 1, corrected", 2);
    let heard = listener.next().unwrap();
    assert_eq!((heard.id.as_str(), heard.kind.as_str()), ("3", "edited"));
    assert_eq!(heard.data["title"], "Title 1, corrected");
    // The daemon ends without waiting for connected clients.
    served.daemon.signal(Signal::SIGTERM);
    assert!(listener.next().is_none());
    assert_eq!(served.daemon.wait(), Some(0));
}

#[test]
fn a_client_that_reconnects_continues_after_the_last_event() {
    let items: Vec<_> = (1..=120).map(item).collect();
    let served = serve(&items);
    let mut listener = Listener::start(&served.site, "/events", "Last-Event-ID: 20\r\n");
    for seq in 21..=120 {
        assert_eq!(listener.next().unwrap().id, seq.to_string());
    }
    let mut listener = Listener::start(&served.site, "/events?after=119&tag=sea", "");
    assert_eq!(listener.next().unwrap().id, "120");
    assert_eq!(served.site.get("/events?tag=land").status, 404);
    for wrong in ["after=x", "limit=5", "sort=newest", "before=1.1", "colour=red"] {
        let refused = served.site.get(&format!("/events?{wrong}"));
        let name = wrong.split('=').next().unwrap();
        assert!(
            refused.status == 400 && refused.text().contains(name),
            "{wrong}: {}",
            refused.text()
        );
    }
}

#[test]
fn a_number_from_the_future_hides_nothing() {
    let served = serve(&[item(1)]);
    for (path, header) in [("/events", "Last-Event-ID: 4711\r\n"), ("/events?after=4711", "")] {
        let mut listener = Listener::start(&served.site, path, header);
        let hello = listener.paragraph().unwrap();
        assert!(hello.contains(&"id: 1".to_owned()), "{hello:?}");
    }
    let mut listener = Listener::start(&served.site, "/events", "Last-Event-ID: 4711\r\n");
    publish(&served, "Title 1", 2);
    assert_eq!(listener.next().unwrap().data["title"], "Title 2");
}

#[test]
fn the_number_of_event_clients_is_limited() {
    let served = serve_with(&[item(1)], "");
    let mut listeners: Vec<_> =
        (0..256).map(|_| Listener::start(&served.site, "/events", "")).collect();
    let refused = served.site.get("/events");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    listeners.pop();
    crate::support::wait_for("a free place", || {
        let mut stream = served.site.connect();
        stream.write_all(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.contains(" 200 ").then_some(())
    });
    assert_eq!(served.site.get("/healthz").status, 200);
}

/// More than the buffers of a connection hold is waiting for a client that reads nothing.
#[test]
fn a_client_that_stops_reading_delays_nobody_and_misses_nothing() {
    const ITEMS: u32 = 120;
    let long = |n: u32| Item { text: format!("<p>{}</p>", "word ".repeat(12_000)), ..item(n) };
    let items: Vec<_> = (1..=ITEMS).map(long).collect();
    let mut served = serve(&items);
    let connect = || {
        let mut stream = served.site.connect();
        stream.write_all(b"GET /events?after=0 HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        stream
    };
    let (stalled, never_read) = (connect(), connect());
    let mut listener = Listener::start(&served.site, "/events", "");
    let mut edited = items;
    edited[0].title = "Title 1, corrected".to_owned();
    served.server.put("/f", Page::ok(rss("Harbour News", &edited)));
    served.repoll();
    let heard = listener.next().unwrap();
    assert_eq!(
        (heard.kind.as_str(), &heard.data["title"]),
        ("edited", &edited[0].title.as_str().into())
    );
    // Now the stalled client reads all of it: the article that was edited comes last.
    let mut stalled = Listener(BufReader::new(stalled));
    let (mut last, mut articles) = (0, BTreeSet::new());
    while last != ITEMS + 1 {
        let heard = stalled.next().unwrap();
        let seq = heard.id.parse().unwrap();
        assert!(last < seq, "{seq} after {last}");
        last = seq;
        articles.insert(heard.data["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(articles.len(), ITEMS as usize);
    served.daemon.signal(Signal::SIGTERM);
    assert_eq!(served.daemon.wait(), Some(0));
    drop(never_read);
}
