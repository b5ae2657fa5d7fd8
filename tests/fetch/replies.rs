//! What comes back: header fields, bodies, and what is missing of them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::{Failure, Validators};
use gazetted::domain::request::RequestSpec;
use gazetted::fetch::{FetchRequest, Fetcher, advice};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{failure, feed, fetch, fetch_as, impatient, ok, permitted, serve, stall};

#[tokio::test]
async fn the_headers_of_a_reply_are_handed_on_as_sent() {
    let (address, _server) = serve(&["HTTP/1.1 503 Busy\r\nETag: W/\"x\"\r\n\
         last-modified: long ago\r\ncontent-type: text/xml; charset=x\r\n\
         cache-control: no-cache\r\ncache-control:  max-age=60 \r\nexpires: -1\r\nage: 5\r\n\
         date: today\r\nretry-after: 120\r\ncontent-length: 4\r\n\r\nbusy"])
    .await;
    let reply = fetch(&feed(address)).await.unwrap();
    assert_eq!(reply.status, 503);
    assert_eq!(reply.body, b"busy");
    let headers = reply.headers;
    assert_eq!(headers.etag.as_deref(), Some(&b"W/\"x\""[..]));
    assert_eq!(headers.last_modified.as_deref(), Some(&b"long ago"[..]));
    let texts = [
        (headers.content_type, "text/xml; charset=x"),
        (headers.cache_control, "no-cache, max-age=60"),
        (headers.expires, "-1"),
        (headers.age, "5"),
        (headers.date, "today"),
        (headers.retry_after, "120"),
    ];
    for (found, expected) in texts {
        assert_eq!(found.as_deref(), Some(expected));
    }
    assert_eq!(headers.content_encoding, None);
}

#[tokio::test]
async fn a_server_that_is_too_slow_is_a_timeout() {
    for beginning in [
        "",
        "HTTP/1.1 200 OK\r\nx-slow:",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n<rss>",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n<rss>\r\n",
    ] {
        let url = feed(stall(beginning).await);
        let error = fetch_as(&url, &impatient()).await.unwrap_err();
        assert_eq!(Failure::from(&error), Failure::Timeout, "{beginning:?}: {error:?}");
        assert!(advice(&error).contains("200ms"), "{}", advice(&error));
    }
}

#[tokio::test]
async fn a_status_is_reported_though_its_page_never_ends() {
    let beginning = "HTTP/1.1 429 Slow down\r\nretry-after: 7\r\ncontent-length: 99\r\n\r\nno";
    let reply = fetch(&feed(stall(beginning).await)).await.unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (429, b"no".as_slice()));
    assert_eq!(reply.headers.retry_after.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_and_not_a_byte_further() {
    let chunked = |body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
             {length:x}\r\n{body}\r\n0\r\n\r\n"
        )
    };
    let (fits, over) = ("x".repeat(1000), "x".repeat(1001));
    for (reply, expected) in [
        (ok(&fits), Ok(1000)),
        (chunked(&fits), Ok(1000)),
        (ok(&over), Err(Failure::TooLarge)),
        (chunked(&over), Err(Failure::TooLarge)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".into(), Err(Failure::TooLarge)),
    ] {
        let (address, _server) = serve(&[&reply]).await;
        let fetcher = Fetcher::new(&permitted()).unwrap();
        let (none, spec) = (Validators::default(), RequestSpec::default());
        let found = fetcher.fetch(FetchRequest::new(&feed(address), &none, &spec, 1000)).await;
        let found = found.map(|reply| reply.body.len()).map_err(|error| Failure::from(&error));
        assert_eq!(found, expected, "{}", reply.lines().nth(1).unwrap());
    }
}

#[tokio::test]
async fn the_page_of_an_error_is_not_read_to_its_end() {
    let page = "x".repeat(200_000);
    let (address, _server) = serve(&[&ok(&page).replace("200 OK", "404 No")]).await;
    let reply = fetch(&feed(address)).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (404, 64 * 1024));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_marked_as_cut() {
    for reply in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n<rss>",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n<rss>\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n<rss>\r\nrubbish\r\n",
    ] {
        let (address, _server) = serve(&[reply]).await;
        let got = fetch(&feed(address)).await.unwrap();
        assert_eq!((got.body.as_slice(), got.cut), (&b"<rss>"[..], true), "{reply}");
    }
    let (address, _server) = serve(&["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"]).await;
    assert_eq!(failure(&feed(address)).await, Failure::CutOff);
}

#[tokio::test]
async fn compressed_bytes_come_through_untouched() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"<rss/>").unwrap();
    let packed = encoder.finish().unwrap();
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("content-encoding", "gzip")
                .set_body_bytes(packed.clone()),
        )
        .mount(&server)
        .await;
    let reply = fetch(&FeedUrl::parse(&server.uri()).unwrap()).await.unwrap();
    assert_eq!(reply.headers.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(reply.body, packed);
}
