//! What is sent, and through whom.

use std::fmt::Write as _;
use std::fs;

use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::{Failure, Validators};
use gazetted::domain::request::{
    FetchSettings, ProxyChoice, RequestSpec, Secret, default_user_agent,
};
use gazetted::fetch::{FetchRequest, Fetcher, advice};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{
    LIMIT, feed, fetch, fetch_as, moved, nobody, ok, permitted, serve, with_secrets,
};

#[tokio::test]
async fn a_request_says_who_asks_and_what_is_understood_and_no_more() {
    let (address, server) = serve(&[&ok("<rss/>")]).await;
    let reply = fetch(&feed(address)).await.unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"<rss/>".as_slice()));
    let heads = server.await.unwrap();
    let mut lines: Vec<&str> = heads[0].trim_end().lines().collect();
    lines[1..].sort_unstable();
    let host = format!("host: {address}");
    let agent = format!("user-agent: {}", default_user_agent());
    assert_eq!(
        lines,
        [
            "GET /feed HTTP/1.1",
            "accept-encoding: gzip, br, zstd, deflate",
            "accept: application/atom+xml, application/rss+xml, application/feed+json, \
             application/rdf+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, \
             application/json;q=0.7, */*;q=0.1",
            &host,
            &agent,
        ]
    );
}

#[tokio::test]
async fn validators_go_back_byte_for_byte() {
    for (etag, last_modified) in [
        (&b"W/\"a\""[..], &b"Tue, 01 Jan 2030 00:00:00 GMT"[..]),
        (b"no-quotes", b"yesterday, about noon"),
        (b"\"\xe4\xf6\"", b"0"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = feed(listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 304 Not Modified\r\netag: \"n\"\r\n\r\n").await.unwrap();
            head
        });
        let validators = Validators {
            etag: Some(etag.into()),
            last_modified: Some(last_modified.into()),
            sent_by: Some(url.as_url().clone()),
        };
        let fetcher = Fetcher::new(&permitted()).unwrap();
        let reply = fetcher
            .fetch(FetchRequest::new(&url, &validators, &RequestSpec::default(), LIMIT))
            .await
            .unwrap();
        assert_eq!((reply.status, reply.body.len()), (304, 0));
        assert_eq!(reply.headers.etag.as_deref(), Some(&b"\"n\""[..]));
        let head = server.await.unwrap();
        for (name, value) in [("if-none-match", etag), ("if-modified-since", last_modified)] {
            let line = [b"\r\n", name.as_bytes(), b": ", value, b"\r\n"].concat();
            assert!(head.windows(line.len()).any(|part| part == line), "{name}: {value:?}");
        }
        // RFC 3229: only what is new since that version is enough.
        assert!(head.windows(14).any(|part| part == b"\r\na-im: feed\r\n"));
    }
}

#[tokio::test]
async fn a_configured_header_takes_the_place_of_ours() {
    let (address, server) = serve(&[&ok("")]).await;
    let spec = RequestSpec { user_agent: Some("mine/1".to_owned()), ..with_secrets() };
    fetch_as(&feed(address), &spec).await.unwrap();
    let head = &server.await.unwrap()[0];
    for line in [
        "accept: text/plain",
        "authorization: Basic bWU6cDp3",
        "cookie: session=s3cret",
        "user-agent: mine/1",
        "x-key: k3y",
    ] {
        assert_eq!(head.lines().filter(|found| *found == line).count(), 1, "{line} in {head}");
    }
    assert_eq!(head.matches("accept:").count(), 1, "{head}");
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_address() {
    let (general, _unused) = serve(&[&ok("wrong")]).await;
    let (address, proxy) = serve(&[&ok("through"), &ok("again")]).await;
    let settings =
        FetchSettings { proxy: Some(Secret::new(format!("http://{general}"))), ..permitted() };
    let fetcher = Fetcher::new(&settings).unwrap();
    let spec = RequestSpec {
        proxy: Some(ProxyChoice::Via(Secret::new(format!("http://user:pa55@{address}")))),
        ..RequestSpec::default()
    };
    let url = FeedUrl::parse("http://feeds.invalid/feed").unwrap();
    for body in ["through", "again"] {
        let reply = fetcher
            .fetch(FetchRequest::new(&url, &Validators::default(), &spec, LIMIT))
            .await
            .unwrap();
        assert_eq!(reply.body, body.as_bytes());
    }
    for head in proxy.await.unwrap() {
        assert!(head.starts_with("GET http://feeds.invalid/feed HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nproxy-authorization: Basic dXNlcjpwYTU1\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_feed_can_go_past_the_proxy_of_all() {
    let (general, proxy) = serve(&[&ok("through"), &ok("through")]).await;
    let (address, server) = serve(&[&ok("direct")]).await;
    let settings =
        FetchSettings { proxy: Some(Secret::new(format!("http://{general}"))), ..permitted() };
    let fetcher = Fetcher::new(&settings).unwrap();
    let (url, none) = (feed(address), Validators::default());
    for (choice, expected) in
        [(None, "through"), (Some(ProxyChoice::Direct), "direct"), (None, "through")]
    {
        let spec = RequestSpec { proxy: choice, ..RequestSpec::default() };
        let reply = fetcher.fetch(FetchRequest::new(&url, &none, &spec, LIMIT)).await.unwrap();
        assert_eq!(reply.body, expected.as_bytes());
    }
    assert!(server.await.unwrap()[0].starts_with("GET /feed HTTP/1.1\r\n"));
    assert_eq!(proxy.await.unwrap().len(), 2);
}

#[tokio::test]
async fn no_error_repeats_a_password() {
    let closed = nobody();
    let url = FeedUrl::parse("http://feeds.invalid/feed").unwrap();
    for proxy in [
        format!("http://user:pa55@{closed}"),
        format!("socks5h://user:pa55@{closed}"),
        "user:pa55@proxy".to_owned(),
        "ftp://user:pa55@proxy/".to_owned(),
        "http://user:pa55@:99999/".to_owned(),
    ] {
        let spec = RequestSpec {
            proxy: Some(ProxyChoice::Via(Secret::new(proxy.clone()))),
            ..with_secrets()
        };
        let error = fetch_as(&url, &spec).await.unwrap_err();
        for text in [format!("{error:?}"), error.to_string(), advice(&error)] {
            assert!(!text.contains("pa55") && !text.contains("k3y"), "{proxy}: {text}");
        }
    }
    let name = "X-Key".to_owned();
    let headers = vec![(name, Secret::new("k3y\nX-Other: 1".to_owned()))];
    let spec = RequestSpec { headers, ..RequestSpec::default() };
    let error = fetch_as(&url, &spec).await.unwrap_err();
    assert_eq!(Failure::from(&error), Failure::Request);
    let line = advice(&error);
    assert!(line.contains("`X-Key`") && !line.contains("k3y"), "{line}");
}

#[tokio::test]
async fn a_ca_file_must_hold_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "no certificate\n").unwrap();
    for ca_file in [folder.path().join("missing.pem"), empty] {
        let name = ca_file.display().to_string();
        let settings = FetchSettings { ca_file: Some(ca_file), ..permitted() };
        let error = Fetcher::new(&settings).err().unwrap();
        assert!(advice(&error).contains(&name), "{}", advice(&error));
    }
}

#[tokio::test]
async fn no_reply_or_error_contains_a_private_address() {
    let elsewhere = moved(301, "/m0ved?key=k3y");
    let tagged =
        "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx";
    let (address, server) =
        serve(&[tagged, tagged, &elsewhere, tagged, &moved(302, "/s3cret?key=k3y")]).await;
    let hidden = format!("http://{address}/s3cret?key=k3y");
    let url = FeedUrl::parse(&hidden).unwrap().stand_in("name");
    let spec = RequestSpec { address: Some(Secret::new(hidden)), ..RequestSpec::default() };
    let fetcher = Fetcher::new(&permitted()).unwrap();
    let mut validators = Validators::default();
    let mut shown = String::new();
    for etag in [Some(&b"\"1\""[..]), Some(b"\"1\""), None] {
        let reply =
            fetcher.fetch(FetchRequest::new(&url, &validators, &spec, LIMIT)).await.unwrap();
        assert_eq!((&reply.url, reply.headers.etag.as_deref()), (url.as_url(), etag));
        assert!(reply.hops.is_empty());
        assert_eq!(reply.base().as_str(), format!("http://{address}/"));
        write!(shown, "{reply:?}").unwrap();
        validators.etag = reply.headers.etag;
        validators.sent_by = Some(reply.url);
    }
    let error =
        fetcher.fetch(FetchRequest::new(&url, &validators, &spec, LIMIT)).await.unwrap_err();
    write!(shown, "{error} {error:?} {}", gazetted::fetch::advice(&error)).unwrap();
    assert!(!shown.contains("k3y") && !shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("in a circle"), "{shown}");
    let heads = server.await.unwrap();
    assert!(heads[0].starts_with("GET /s3cret?key=k3y ") && !heads[0].contains("if-none-match"));
    assert!(heads[1].contains("if-none-match: \"1\""), "{}", heads[1]);
    assert!(!heads[3].contains("if-none-match"), "{}", heads[3]);
}
