//! The faults of the malicious feeds, each with a name.

use std::io::{self, Write as _};
use std::sync::LazyLock;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::slow::SLOW;

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// Sends these bytes and closes the connection.
    Says(&'static [u8]),
    /// Sends this head, then the document as the body.
    Sends(&'static str, fn() -> &'static [u8]),
    /// Sends these bytes, then nothing for as long as the client waits.
    Stalls(&'static [u8]),
    /// Sends these bytes, then one byte each second.
    Drips(&'static [u8]),
    /// Sends these bytes, then more without end.
    Floods(&'static [u8]),
    /// Resets the connection in the middle of the body.
    Resets,
}

/// Sends one of the documents that take long to read.
pub(crate) async fn send_slow(stream: TcpStream, which: usize) -> io::Result<()> {
    let body = SLOW.get(which % SLOW.len()).map_or(&[][..], Vec::as_slice);
    send(stream, "Content-Encoding: gzip\r\n", body).await
}

async fn send(mut stream: TcpStream, head: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\n{head}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await
}

pub(crate) const FAULTS: &[Fault] = &[
    Fault::Says(b""),
    Fault::Says(b"\x00\x01\x02 garbage \xff\xfe\r\n\r\n"),
    Fault::Says(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"),
    Fault::Says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    Fault::Says(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 40\r\nContent-Length: 0\r\n\r\n"),
    Fault::Says(b"HTTP/1.1 302 Found\r\nLocation: ?again\r\nContent-Length: 0\r\n\r\n"),
    Fault::Says(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\n\r\n"),
    Fault::Says(b"HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
    Fault::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    Fault::Says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    Fault::Says(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\n<rss>"),
    Fault::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<rss><channel><item><title>Cut"),
    Fault::Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n<rss>"),
    Fault::Says(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    ),
    Fault::Says(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html><title>Log in</title>",
    ),
    Fault::Stalls(b""),
    Fault::Stalls(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<rss><channel>"),
    Fault::Drips(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    Fault::Drips(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<rss>"),
    Fault::Floods(b"HTTP/1.1 200 OK\r\nX-Long: "),
    Fault::Floods(b"HTTP/1.1 200 OK\r\n\r\n<rss><channel>"),
    Fault::Sends("Content-Encoding: gzip\r\n", || &BOMB),
    Fault::Sends("", || &LAUGHS),
    Fault::Sends("", || &DEEP),
    Fault::Sends("", || &NESTED_HTML),
    Fault::Sends("", || &CROWD),
    Fault::Resets,
];

static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&vec![b' '; 64 << 20]).unwrap_or_default());
static LAUGHS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let levels = (1..30).map(|level| {
        let last = level - 1;
        format!("<!ENTITY l{level} \"&l{last};&l{last};&l{last};\">")
    });
    let mut text = String::from("<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY l0 \"ha\">");
    text.extend(levels);
    text += "]><rss version=\"2.0\"><channel><title>&l29;</title></channel></rss>";
    text.into_bytes()
});
static DEEP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    [b"<rss version=\"2.0\"><channel><title>x</title>".as_slice(), &b"<a>".repeat(200_000)].concat()
});
static NESTED_HTML: LazyLock<Vec<u8>> = LazyLock::new(|| {
    [
        b"<rss version=\"2.0\"><channel><title>x</title><item><guid>n</guid><description><![CDATA["
            .as_slice(),
        &b"<div><b>".repeat(50_000),
        b"]]></description></item>",
    ]
    .concat()
});
static CROWD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    [b"<rss version=\"2.0\"><channel><title>x</title>".as_slice(), &b"<item>".repeat(200_000)]
        .concat()
});

pub(crate) fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes)?;
    packer.finish()
}

impl Fault {
    pub(crate) async fn commit(self, mut stream: TcpStream) -> io::Result<()> {
        match self {
            Self::Says(bytes) => {
                stream.write_all(bytes).await?;
                stream.shutdown().await
            }
            Self::Sends(head, body) => send(stream, head, body()).await,
            Self::Stalls(bytes) => {
                stream.write_all(bytes).await?;
                sleep(Duration::from_mins(1)).await;
                Ok(())
            }
            Self::Drips(bytes) => {
                stream.write_all(bytes).await?;
                loop {
                    stream.write_all(b"a").await?;
                    sleep(Duration::from_secs(1)).await;
                }
            }
            Self::Floods(bytes) => {
                stream.write_all(bytes).await?;
                loop {
                    stream.write_all(&[b'a'; 0x4000]).await?;
                }
            }
            Self::Resets => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<rss>").await?;
                // Bytes that are still unsent are dropped, and the client receives a reset.
                stream.set_zero_linger()
            }
        }
    }
}
