//! Connections: kept, lost, refused.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::{Failure, Validators};
use gazetted::domain::request::{FetchSettings, RequestSpec};
use gazetted::fetch::{FetchRequest, Fetcher, advice};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::secure_server::SecureServer;
use crate::support::{LIMIT, feed, fetch, head, nobody, permitted, serve};

#[tokio::test]
async fn no_connection_is_told_from_no_name_and_from_no_tls() {
    let (hung_up, _server) = serve(&[""]).await;
    let talker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let no_tls = talker.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = talker.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Speak plainly\r\n\r\n").await.unwrap();
        stream.read_u8().await.ok();
    });
    // A label of 64 letters (RFC 1035 allows 63) fails without any name server being asked.
    let no_name = format!("http://{}.invalid/feed", "a".repeat(64));
    for (url, expected, words) in [
        (feed(nobody()).to_string(), Failure::Connect, "Connection refused"),
        (feed(nobody()).to_string(), Failure::Connect, "no answer from 127.0.0.1"),
        (feed(hung_up).to_string(), Failure::Connect, "connection closed"),
        (no_name, Failure::Dns, "does not resolve"),
        (format!("https://{no_tls}/feed"), Failure::Tls, "no secure connection"),
    ] {
        let error = fetch(&FeedUrl::parse(&url).unwrap()).await.unwrap_err();
        let line = advice(&error);
        assert_eq!(Failure::from(&error), expected, "{line}");
        assert!(line.contains(words), "{line}");
        assert!(!line.contains(&url), "whoever prints it has named the address: {line}");
    }
}

/// A connection goes back to its pool a moment after its reply has been read, so a request that follows
/// at once may open another now and then; without a pool each of them would.
#[tokio::test]
async fn a_connection_is_used_for_the_next_request() {
    const ROUNDS: usize = 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = feed(listener.local_addr().unwrap());
    let connections = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                loop {
                    let reply = if head(&mut stream).await.starts_with("GET /there ") {
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"
                    } else {
                        "HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 5\r\n\r\nmoved"
                    };
                    stream.write_all(reply.as_bytes()).await.unwrap();
                }
            });
        }
    });
    let fetcher = Fetcher::new(&permitted()).unwrap();
    let (none, spec) = (Validators::default(), RequestSpec::default());
    for _ in 0..ROUNDS {
        assert_eq!(
            fetcher.fetch(FetchRequest::new(&url, &none, &spec, LIMIT)).await.unwrap().body,
            b"ab"
        );
    }
    let connections = connections.load(Ordering::SeqCst);
    assert!(connections <= ROUNDS / 2, "{connections} for {} requests", 2 * ROUNDS);
}

#[tokio::test]
async fn a_connection_that_was_closed_in_the_meantime_is_opened_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = feed(listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab").await.unwrap();
            stream.shutdown().await.unwrap();
            stream.read_u8().await.unwrap_err(); // Until the client has noticed.
        }
    });
    let fetcher = Fetcher::new(&permitted()).unwrap();
    let (none, spec) = (Validators::default(), RequestSpec::default());
    for _ in 0..3 {
        assert_eq!(
            fetcher.fetch(FetchRequest::new(&url, &none, &spec, LIMIT)).await.unwrap().status,
            200
        );
    }
    server.await.unwrap();
}

/// A server that closes each connection when it has received a request on it for the second time, without an answer.
/// With `silent` it does so for the first one. Returns the number of requests that it has received.
async fn closing(silent: bool) -> (FeedUrl, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = feed(listener.local_addr().unwrap());
    let requests = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                head(&mut stream).await;
                counted.fetch_add(1, Ordering::SeqCst);
                if silent {
                    return;
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab").await.unwrap();
                head(&mut stream).await;
                counted.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    (url, requests)
}

#[tokio::test]
async fn a_request_on_a_connection_that_is_closed_under_it_is_sent_again() {
    let (url, requests) = closing(false).await;
    let fetcher = Fetcher::new(&permitted()).unwrap();
    let (none, spec) = (Validators::default(), RequestSpec::default());
    for expected in [1, 3, 5] {
        let request = FetchRequest::new(&url, &none, &spec, LIMIT);
        let reply = fetcher.fetch(FetchRequest { more_follow: true, ..request }).await.unwrap();
        assert_eq!(reply.body, b"ab");
        assert_eq!(requests.load(Ordering::SeqCst), expected);
        tokio::time::sleep(PAUSE).await; // The connection goes back to its pool a moment after the reply was read.
    }
}

#[tokio::test]
async fn a_server_that_closes_a_new_connection_is_not_asked_again() {
    let (url, requests) = closing(true).await;
    let fetcher = Fetcher::new(&permitted()).unwrap();
    let (none, spec) = (Validators::default(), RequestSpec::default());
    for expected in [1, 2] {
        let request = FetchRequest::new(&url, &none, &spec, LIMIT);
        let error = fetcher.fetch(FetchRequest { more_follow: true, ..request }).await.unwrap_err();
        assert_eq!(Failure::from(&error), Failure::Connect);
        assert_eq!(requests.load(Ordering::SeqCst), expected);
    }
}

/// A fetcher that trusts the server, and keeps the connections of so many hosts.
fn trusting(server: &SecureServer, kept_hosts: usize) -> Fetcher {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    fs::write(&ca_file, &server.pem).unwrap();
    let settings = FetchSettings { ca_file: Some(ca_file), kept_hosts, ..permitted() };
    Fetcher::new(&settings).unwrap()
}

async fn request(fetcher: &Fetcher, server: &SecureServer, more_follow: bool) {
    let url = FeedUrl::parse(&server.url("/feed")).unwrap();
    let (none, spec) = (Validators::default(), RequestSpec::default());
    let request = FetchRequest::new(&url, &none, &spec, LIMIT);
    let reply = fetcher.fetch(FetchRequest { more_follow, ..request }).await.unwrap();
    assert_eq!(reply.body, b"ab");
}

/// Waits until the server has no connection.
async fn all_are_closed(server: &SecureServer) {
    let began = Instant::now();
    while 0 < server.count(|counts| &counts.open) {
        assert!(began.elapsed() < Duration::from_secs(10), "a connection stays open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Longer than a connection stays open for a redirect.
const PAUSE: Duration = Duration::from_millis(400);

#[tokio::test]
async fn a_connection_is_kept_for_requests_that_follow_and_closed_after_the_last() {
    for http2 in [false, true] {
        for (case, kept_hosts, more_follow, connections) in [
            ("three feeds of a host", 8, &[true, true, false][..], 1),
            ("two hosts with one feed", 8, &[false, false], 2),
            ("a host with one feed, then one with two", 8, &[false, true, false], 2),
            ("too few files to keep connections", 0, &[true, true, false], 3),
        ] {
            let server = SecureServer::start("ab", http2, Duration::ZERO);
            let fetcher = trusting(&server, kept_hosts);
            for more_follow in more_follow {
                request(&fetcher, &server, *more_follow).await;
                tokio::time::sleep(PAUSE).await;
                let open = server.count(|counts| &counts.open);
                assert_eq!(open == 1, *more_follow && 0 < kept_hosts, "{case}, HTTP/2: {http2}");
            }
            all_are_closed(&server).await;
            assert_eq!(server.count(|counts| &counts.connections), connections, "{case}");
            assert_eq!(server.count(|counts| &counts.resumed), connections - 1, "{case}");
            assert_eq!(server.count(|counts| &counts.http2) == connections, http2, "{case}");
        }
    }
}

#[tokio::test]
async fn requests_at_the_same_time_share_a_connection_of_http_2() {
    const FEEDS: usize = 40;
    let server = SecureServer::start("ab", true, Duration::from_millis(5));
    let fetcher = trusting(&server, 8);
    tokio::join!(request(&fetcher, &server, true), request(&fetcher, &server, true));
    assert!(server.count(|counts| &counts.connections) <= 2, "both had to open one");
    let requests = (0..FEEDS).map(|n| request(&fetcher, &server, n + 1 < FEEDS));
    futures_util::future::join_all(requests).await;
    assert_eq!(server.count(|counts| &counts.requests), FEEDS + 2);
    assert!(server.count(|counts| &counts.connections) <= 2);
    all_are_closed(&server).await;
}
