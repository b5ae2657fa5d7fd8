//! Clients that attack the server or do not speak HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::Signal;

use super::serve;
use crate::support::feeds::item;

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
    let mut slow =
        [&b"GET / HTTP/1.1\r\nA: "[..], b"POST /-/poll HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"]
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
