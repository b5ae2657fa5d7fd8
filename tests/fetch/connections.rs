//! Connections: kept, lost, refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::{Failure, Validators};
use gazetted::domain::request::RequestSpec;
use gazetted::fetch::{FetchRequest, Fetcher, advice};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

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
