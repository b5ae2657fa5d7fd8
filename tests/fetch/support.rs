//! Small servers with scripted replies, and the fetcher as the tests use it.
//!
//! `tests/it` has a server with pages instead: its tests say what a path returns, these say which bytes a connection
//! sends, and when it stops.

#[path = "../support/loopback.rs"]
mod loopback;
#[path = "../support/secure_server.rs"]
pub(crate) mod secure_server;

use std::net::SocketAddr;
use std::time::Duration;

use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::{Failure, Reply, Validators};
use gazetted::domain::request::{BasicAuth, FetchSettings, RequestSpec, Secret};
use gazetted::fetch::{FetchError, FetchRequest, Fetcher};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) use loopback::nobody;

pub(crate) const LIMIT: u64 = 1024 * 1024;

/// A server that sends one of `replies` on each connection, and then returns the request heads that it received.
pub(crate) async fn serve(replies: &[&str]) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let replies: Vec<Vec<u8>> = replies.iter().map(|reply| reply.as_bytes().to_vec()).collect();
    let server = tokio::spawn(async move {
        let mut heads = Vec::new();
        for reply in replies {
            let (mut stream, _) = listener.accept().await.unwrap();
            heads.push(head(&mut stream).await);
            stream.write_all(&reply).await.unwrap();
        }
        heads
    });
    (address, server)
}

/// Reads a request up to the empty line. Header names are in lower case, because hyper sends them so.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A server that receives a request, sends `beginning`, and then neither sends more nor closes the connection.
pub(crate) async fn stall(beginning: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    address
}

pub(crate) fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

pub(crate) fn moved(status: u16, location: &str) -> String {
    format!(
        "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n"
    )
}

pub(crate) fn feed(address: SocketAddr) -> FeedUrl {
    FeedUrl::parse(&format!("http://{address}/feed")).unwrap()
}

/// The servers of these tests are on loopback.
pub(crate) fn permitted() -> FetchSettings {
    FetchSettings { allow_private: true, ..FetchSettings::default() }
}

pub(crate) async fn fetch_as(url: &FeedUrl, spec: &RequestSpec) -> Result<Reply, FetchError> {
    let fetcher = Fetcher::new(&permitted()).unwrap();
    fetcher.fetch(FetchRequest::new(url, &Validators::default(), spec, LIMIT)).await
}

pub(crate) async fn fetch(url: &FeedUrl) -> Result<Reply, FetchError> {
    fetch_as(url, &RequestSpec::default()).await
}

pub(crate) async fn failure(url: &FeedUrl) -> Failure {
    Failure::from(&fetch(url).await.unwrap_err())
}

/// A request with a timeout that the server exceeds, so that the tests wait for the timeout only.
pub(crate) fn impatient() -> RequestSpec {
    RequestSpec { timeout: Some(Duration::from_millis(200)), ..RequestSpec::default() }
}

pub(crate) fn with_secrets() -> RequestSpec {
    RequestSpec {
        headers: vec![
            ("X-Key".to_owned(), Secret::new("k3y".to_owned())),
            ("Cookie".to_owned(), Secret::new("session=s3cret".to_owned())),
            ("Accept".to_owned(), Secret::new("text/plain".to_owned())),
        ],
        basic_auth: Some(BasicAuth {
            user: "me".to_owned(),
            password: Some(Secret::new("p:w".to_owned())),
        }),
        ..RequestSpec::default()
    }
}
