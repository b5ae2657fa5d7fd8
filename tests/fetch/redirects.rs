//! Redirects: where they lead and what goes along.

use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::{Failure, Hop, Validators};
use gazetted::domain::request::{FetchSettings, RequestSpec};
use gazetted::fetch::{FetchError, FetchRequest, Fetcher, RedirectFault};
use url::Url;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{LIMIT, feed, fetch, fetch_as, moved, ok, permitted, serve, with_secrets};

#[tokio::test]
async fn redirects_are_followed_and_recorded() {
    let server = MockServer::start().await;
    let other = MockServer::start().await;
    let to = |status: u16, location: &str| {
        ResponseTemplate::new(status).insert_header("location", location).set_body_string("moved")
    };
    let last = format!("{}/last", other.uri());
    for (at, reply) in [
        ("/feed", to(301, "/second#fragment")),
        ("/second", to(302, "third?a=b")),
        ("/third", to(303, "/fourth")),
        ("/fourth", to(307, "fifth")),
        ("/fifth", to(308, &last)),
    ] {
        let mock = Mock::given(method("GET")).and(path(at)).respond_with(reply).expect(1);
        mock.mount(&server).await;
    }
    Mock::given(path("/last"))
        .and(header("if-none-match", "\"v1\""))
        .respond_with(ResponseTemplate::new(200).set_body_string("<feed/>"))
        .expect(1)
        .mount(&other)
        .await;
    let url = FeedUrl::parse(&format!("{}/feed", server.uri())).unwrap();
    let validators = Validators {
        etag: Some(b"\"v1\"".to_vec()),
        last_modified: None,
        sent_by: Some(Url::parse(&last).unwrap()),
    };
    let fetcher = Fetcher::new(&permitted()).unwrap();
    let reply = fetcher
        .fetch(FetchRequest::new(&url, &validators, &RequestSpec::default(), LIMIT))
        .await
        .unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"<feed/>".as_slice()));
    assert_eq!(reply.url.as_str(), last);
    // RFC 9110 section 8.8: a validator belongs to the resource that sent it.
    for request in server.received_requests().await.unwrap() {
        assert!(!request.headers.contains_key("if-none-match"), "{}", request.url);
    }
    let here = |path: &str| Url::parse(&server.uri()).unwrap().join(path).unwrap();
    assert_eq!(
        reply.hops,
        [
            Hop { status: 301, to: here("/second") },
            Hop { status: 302, to: here("/third?a=b") },
            Hop { status: 303, to: here("/fourth") },
            Hop { status: 307, to: here("/fifth") },
            Hop { status: 308, to: Url::parse(&last).unwrap() },
        ]
    );
}

#[tokio::test]
async fn secrets_are_not_sent_to_another_site() {
    let (other, seen_by_other) = serve(&[&ok("<rss/>")]).await;
    let target = format!("http://other:password@{other}/feed");
    let (home, seen_at_home) = serve(&[&moved(302, "/again"), &moved(302, &target)]).await;
    let reply = fetch_as(&feed(home), &with_secrets()).await.unwrap();
    assert_eq!(reply.url.as_str(), format!("http://{other}/feed"));
    let secrets = ["authorization:", "cookie:", "x-key:", "text/plain"];
    for head in seen_at_home.await.unwrap() {
        assert!(secrets.iter().all(|secret| head.contains(secret)), "{head}");
    }
    let head = &seen_by_other.await.unwrap()[0];
    assert!(!secrets.iter().any(|secret| head.contains(secret)), "{head}");
    assert!(head.contains("user-agent: gazetted/"), "{head}");
}

/// A redirect that sets cookies, then a page to where it leads.
fn moved_with(status: u16, location: &str, cookies: &[&str]) -> String {
    let fields: String = cookies.iter().map(|cookie| format!("set-cookie: {cookie}\r\n")).collect();
    moved(status, location).replace("\r\n\r\n", &format!("\r\n{fields}\r\n"))
}

fn cookies_of(head: &str) -> Vec<&str> {
    head.lines().filter_map(|line| line.strip_prefix("cookie: ")).collect()
}

#[tokio::test]
async fn a_cookie_is_kept_for_one_chain_of_redirects_and_nowhere_else() {
    let set = moved_with(302, "/feed", &["seen=1; Path=/", "other=2; Path=/elsewhere"]);
    let (address, server) = serve(&[&set, &ok("<rss/>"), &set, &ok("<rss/>")]).await;
    let url = feed(address);
    let fetcher = Fetcher::new(&permitted()).unwrap();
    for _ in 0..2 {
        let (none, spec) = (Validators::default(), RequestSpec::default());
        let request = FetchRequest::new(&url, &none, &spec, LIMIT);
        let reply = fetcher.fetch(request).await.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"<rss/>".as_slice()));
        assert_eq!(reply.url, *url.as_url());
    }
    let heads = server.await.unwrap();
    let sent: Vec<Vec<&str>> = heads.iter().map(|head| cookies_of(head)).collect();
    assert_eq!(sent, [vec![], vec!["seen=1"], vec![], vec!["seen=1"]]);
}

#[tokio::test]
async fn a_cookie_is_not_sent_to_another_host() {
    let (other, seen_by_other) =
        serve(&[&moved_with(302, "/b", &["theirs=1"]), &ok("<rss/>")]).await;
    let target = format!("http://localhost:{}/a", other.port());
    let (home, seen_at_home) = serve(&[
        &moved_with(302, "/again", &["mine=1; Path=/", "all=1; Domain=localhost"]),
        &moved(302, &target),
    ])
    .await;
    fetch(&feed(home)).await.unwrap();
    let heads = seen_at_home.await.unwrap();
    assert_eq!(cookies_of(&heads[1]), ["mine=1"]);
    let heads = seen_by_other.await.unwrap();
    assert_eq!((cookies_of(&heads[0]), cookies_of(&heads[1])), (vec![], vec!["theirs=1"]));
}

#[tokio::test]
async fn a_configured_cookie_is_sent_beside_those_of_the_server() {
    let (address, server) =
        serve(&[&moved_with(302, "/again", &["seen=1; Path=/"]), &ok("<rss/>")]).await;
    fetch_as(&feed(address), &with_secrets()).await.unwrap();
    let heads = server.await.unwrap();
    assert_eq!(cookies_of(&heads[0]), ["session=s3cret"]);
    assert_eq!(cookies_of(&heads[1]), ["seen=1; session=s3cret"]);
}

#[tokio::test]
async fn a_circle_in_which_no_cookie_changes_is_left_at_once() {
    let same = moved_with(302, "/feed", &["a=1; Path=/"]);
    let (address, server) = serve(&[&same, &same]).await;
    let error = fetch(&feed(address)).await.unwrap_err();
    let FetchError::Redirect { source, .. } = error else { panic!("{error}") };
    assert!(matches!(*source, RedirectFault::Loop(_)), "{source}");
    assert_eq!(server.await.unwrap().len(), 2);
    let counted: Vec<String> =
        (0..6).map(|n| moved_with(302, "/feed", &[&format!("n={n}; Path=/")])).collect();
    let counted: Vec<&str> = counted.iter().map(String::as_str).collect();
    let (address, server) = serve(&counted).await;
    let error = fetch(&feed(address)).await.unwrap_err();
    let FetchError::Redirect { source, .. } = error else { panic!("{error}") };
    assert!(matches!(*source, RedirectFault::TooMany(5)), "{source}");
    assert_eq!(server.await.unwrap().len(), 6);
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_allowed_is_an_error() {
    for (locations, expected) in [
        (vec!["file:///etc/passwd"], "Scheme(\"file\")"),
        (vec!["ftp://example.org/"], "Scheme(\"ftp\")"),
        (vec!["http://"], "Syntax(\"http://\")"),
        (vec!["/feed"], "Loop("),
        (vec!["/a", "/b", "/a"], "Loop("),
        (vec!["/1", "/2", "/3", "/4", "/5", "/6"], "TooMany(5)"),
    ] {
        let replies: Vec<String> = locations.iter().map(|to| moved(302, to)).collect();
        let replies: Vec<&str> = replies.iter().map(String::as_str).collect();
        let (address, server) = serve(&replies).await;
        let error = fetch(&feed(address)).await.unwrap_err();
        assert_eq!(Failure::from(&error), Failure::Redirect, "{locations:?}");
        let FetchError::Redirect { source, .. } = error else { panic!("{error:?}") };
        assert!(format!("{source:?}").starts_with(expected), "{locations:?}: {source:?}");
        assert_eq!(server.await.unwrap().len(), locations.len()); // Not one request more.
    }
}

#[tokio::test]
async fn no_redirect_may_be_followed_where_none_is_allowed() {
    let (address, _server) = serve(&[&moved(301, "/a")]).await;
    let settings = FetchSettings { max_redirects: 0, ..permitted() };
    let fetcher = Fetcher::new(&settings).unwrap();
    let spec = RequestSpec::default();
    let error = fetcher
        .fetch(FetchRequest::new(&feed(address), &Validators::default(), &spec, LIMIT))
        .await;
    let Err(FetchError::Redirect { source, .. }) = error else { panic!("{error:?}") };
    assert_eq!(*source, RedirectFault::TooMany(0));
}

#[tokio::test]
async fn a_redirect_without_a_target_is_the_reply() {
    let (address, _server) =
        serve(&["HTTP/1.1 301 Moved\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]).await;
    let reply = fetch(&feed(address)).await.unwrap();
    assert_eq!((reply.status, reply.hops.len()), (301, 0));
}
