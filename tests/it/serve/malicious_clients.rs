//! Clients that attack the server or do not speak HTTP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::Signal;

use tokio::net::TcpSocket;

use super::{Served, serve};
use crate::support::feeds::{Item, item};
use crate::support::wait_for;

#[test]
fn what_is_no_request_is_answered_with_400_or_not_at_all() {
    let served = serve(&[item(1)]);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "A: b\r\n".repeat(500));
    for (bytes, statuses) in [
        // The start of a TLS handshake.
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &["400", ""][..]),
        (b"GET / HTTP/9.9\r\n\r\n", &["400", "505"]),
        (b"GET\0/ HTTP/1.1\r\n\r\n", &["400"]),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", &["400"]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &["400", "505", ""]),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", &["400"]),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: a\r\nConnection: close\r\n\r\n", &["400"]),
        (b"GET /healthz HTTP/1.0\r\n\r\n", &["200"]),
        (long.as_bytes(), &["414", "431", "400"]),
        (many.as_bytes(), &["431"]),
        (b"GET /%ff%00%zz?%ff&&==&limit=%00 HTTP/1.0\r\n\r\n", &["404", "400"]),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", &["404", "405"]),
        (b"DELETE /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", &["405"]),
    ] {
        let said = String::from_utf8_lossy(&served.site.raw(bytes)).into_owned();
        let status = said.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{:?}: {said:?}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(served.site.get("/healthz").status, 200);
}

/// Far more than there are places: 10,000, or as many as this process may hold open.
#[test]
fn silent_connections_are_closed_and_do_not_block_others() {
    let served = serve(&[item(1)]);
    let mut silent: Vec<TcpStream> = Vec::new();
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let many = files.saturating_sub(300).min(10_000);
    for n in 0..many {
        let Ok(mut stream) = TcpStream::connect(&served.site.address) else { break };
        if n % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap(); // And never the rest.
        }
        silent.push(stream);
    }
    assert!(600 < silent.len(), "{}", silent.len());
    assert_eq!(served.site.get("/healthz").status, 200);
    // The last ones are there still, and go when their time is over.
    for stream in silent.iter_mut().rev().take(3) {
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).ok();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
}

/// Slowloris: the client sends one byte after another and never completes the request.
#[test]
fn a_client_that_sends_one_byte_at_a_time_is_disconnected() {
    let served = serve(&[item(1)]);
    let mut slow = [
        &b"GET / HTTP/1.1\r\nA: "[..],
        b"POST /-/poll HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
    ]
    .map(|begin| {
        let mut stream = served.site.connect();
        stream.write_all(begin).unwrap();
        stream
    });
    let began = Instant::now();
    // Writing fails once the server has closed.
    while slow.iter_mut().any(|stream| stream.write_all(b"a").is_ok()) {
        assert!(began.elapsed() < Duration::from_secs(50));
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(served.site.get("/healthz").status, 200);
}

#[test]
fn a_connection_that_stays_open_does_not_hold_up_the_end() {
    let mut served = serve(&[item(1)]);
    let _silent = served.site.connect();
    let mut kept = served.site.connect();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 12];
    kept.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    served.daemon.signal(Signal::SIGTERM);
    assert_eq!(served.daemon.wait(), Some(0));
}

/// More than the server has places for.
const CROWD: usize = 540;

/// The usual address of clients in tests, and another one.
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const LARGE: &str = "/export.json?limit=10000";

/// A store whose export is larger than what server and system hold for a client that does not read.
fn serve_much() -> Served {
    let text = "<p>Words, and words, and more words.</p>".repeat(600);
    let items: Vec<Item> = (1..=120).map(|n| Item { text: text.clone(), ..item(n) }).collect();
    serve(&items)
}

/// Sends a request from an address of this machine, with a small receive buffer.
fn ask_from(served: &Served, address: Ipv4Addr, path: &str, headers: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        socket.bind((address, 0).into()).unwrap();
        socket.connect(served.site.address.parse().unwrap()).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    (&stream).write_all(request.as_bytes()).unwrap();
    stream
}

/// The status of the answer; 0 when the connection was closed.
fn status(mut stream: &TcpStream) -> u16 {
    let mut head = [0; 12];
    match stream.read_exact(&mut head) {
        Ok(()) => str::from_utf8(&head).unwrap().rsplit(' ').next().unwrap().parse().unwrap(),
        Err(_) => 0,
    }
}

#[test]
fn connections_that_never_read_what_they_asked_for_keep_nobody_out() {
    let served = serve_much();
    let _deaf: Vec<TcpStream> = (0..CROWD).map(|_| ask_from(&served, HERE, LARGE, "")).collect();
    for (address, path) in [(HERE, "/healthz"), (HERE, "/metrics"), (ELSEWHERE, "/"), (HERE, "/")] {
        let began = Instant::now();
        assert_eq!(status(&ask_from(&served, address, path, "")), 200, "{address}{path}");
        assert!(
            began.elapsed() < Duration::from_secs(40),
            "{address}{path}: {:?}",
            began.elapsed()
        );
    }
    // A client at another address gets an export as well.
    wait_for("an export", || {
        (status(&ask_from(&served, ELSEWHERE, LARGE, "")) == 200).then_some(())
    });
}

#[test]
fn connections_that_ask_for_the_health_check_now_and_then_keep_nobody_out() {
    let served = serve(&[item(1)]);
    let kept: Vec<TcpStream> =
        (0..CROWD).map(|_| ask_from(&served, HERE, "/healthz", "")).collect();
    let answered = kept.iter().filter(|stream| status(stream) == 200).count();
    assert!(500 < answered, "{answered}");
    for address in [HERE, ELSEWHERE] {
        assert_eq!(status(&ask_from(&served, address, "/", "")), 200);
    }
}

#[test]
fn slow_readers_of_a_large_export_use_no_connection_to_the_store() {
    let served = serve_much();
    let slow: Vec<TcpStream> = (0..24).map(|_| ask_from(&served, HERE, LARGE, "")).collect();
    assert!(slow.iter().all(|stream| status(stream) == 200));
    for path in ["/", "/feeds", "/export.jsonl?limit=1", "/healthz"] {
        assert_eq!(status(&ask_from(&served, HERE, path, "")), 200, "{path}");
    }
    // What they get in the end is whole.
    let mut rest = String::new();
    (&slow[0]).take(100).read_to_string(&mut rest).unwrap();
    assert_eq!(served.site.get(LARGE).text(), served.home.ok(&["export", "--format", "json"]));
}

#[test]
fn a_client_that_reads_nothing_is_disconnected() {
    let served = serve_much();
    let mut deaf = ask_from(&served, HERE, LARGE, "");
    assert_eq!(status(&deaf), 200);
    let began = Instant::now();
    let connections = || {
        let files = std::fs::read_dir(format!("/proc/{}/fd", served.daemon.id())).unwrap();
        let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    };
    let open = connections();
    wait_for("the end of the connection", || (connections() < open).then_some(()));
    assert!(Duration::from_secs(5) < began.elapsed(), "{:?}", began.elapsed());
    let mut said = Vec::new();
    deaf.read_to_end(&mut said).ok();
    assert!(!said.ends_with(b"0\r\n\r\n"), "a part looks like the whole");
}

#[test]
fn compressed_exports_do_not_delay_the_health_check() {
    let served = serve_much();
    let address = served.site.clone();
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let site = address.clone();
            thread::spawn(move || site.ask("GET", LARGE, &[("Accept-Encoding", "gzip")]).status)
        })
        .collect();
    let mut longest = Duration::ZERO;
    while readers.iter().any(|reader| !reader.is_finished()) {
        let began = Instant::now();
        assert_eq!(served.site.get("/healthz").status, 200);
        longest = longest.max(began.elapsed());
    }
    assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 200));
    assert!(longest < Duration::from_secs(3), "{longest:?}");
}

#[test]
fn event_streams_are_shared_by_address() {
    let served = serve(&[item(1)]);
    let open = || Some(ask_from(&served, HERE, "/events", "")).filter(|it| status(it) == 200);
    let streams: Vec<TcpStream> = std::iter::from_fn(open).take(400).collect();
    assert!((100..400).contains(&streams.len()), "{}", streams.len());
    assert_eq!(status(&ask_from(&served, ELSEWHERE, "/events", "")), 200);
    assert_eq!(status(&ask_from(&served, HERE, "/", "")), 200);
}
