//! Addresses that are not public: refused at every hop, unless the configuration allows them.

use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::{Failure, Validators};
use gazetted::domain::request::{FetchSettings, RequestSpec, Secret};
use gazetted::fetch::{FetchRequest, Fetcher, advice};
use tokio::net::TcpListener;
use url::Url;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{LIMIT, moved, ok, permitted, serve};

fn guarded() -> Fetcher {
    Fetcher::new(&FetchSettings::default()).unwrap()
}

fn own() -> RequestSpec {
    RequestSpec { allow_private: true, ..RequestSpec::default() }
}

fn url(text: &str) -> FeedUrl {
    FeedUrl::parse(text).unwrap()
}

/// What a fetch that must fail failed with, and what it tells a person.
async fn refusal(fetcher: &Fetcher, at: &str, spec: &RequestSpec) -> (Failure, String) {
    let asked =
        fetcher.fetch(FetchRequest::new(&url(at), &Validators::default(), spec, LIMIT)).await;
    let error = asked.map(|reply| reply.status).unwrap_err();
    (Failure::from(&error), advice(&error))
}

#[tokio::test]
async fn without_permission_nothing_on_this_machine_is_even_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let fetcher = guarded();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ] {
        let at = format!("http://{host}:{port}/feed");
        let (failure, advice) = refusal(&fetcher, &at, &RequestSpec::default()).await;
        assert_eq!(failure, Failure::Private, "{host}: {advice}");
        assert!(
            advice.starts_with("not asked: ") && advice.contains(" not public but "),
            "{advice}"
        );
        assert!(advice.contains("write allow_private = true for this feed"), "{advice}");
    }
    let waited = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept());
    assert!(waited.await.is_err(), "somebody connected");
}

#[tokio::test]
async fn a_feeds_permission_ends_at_its_own_host() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    for target in [
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("//2130706434:{port}/"),
        "http://10.0.0.1/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let (address, server) = serve(&[&moved(302, &target)]).await;
        let (failure, advice) = refusal(&guarded(), &format!("http://{address}/"), &own()).await;
        assert_eq!(failure, Failure::Private, "{target}: {advice}");
        assert!(advice.contains("redirected there; allow_private = true in [fetch]"), "{advice}");
        server.await.unwrap();
    }
    let waited = tokio::time::timeout(std::time::Duration::from_millis(50), other.accept());
    assert!(waited.await.is_err(), "a redirect was followed");
}

#[tokio::test]
async fn a_permission_covers_what_it_says() {
    let (last, _last) = serve(&[&ok("a"), &ok("b")]).await;
    let to_last = moved(302, &format!("http://{last}/"));
    let (address, _server) = serve(&[&to_last]).await;
    let (none, at) = (Validators::default(), url(&format!("http://{address}/")));
    let reply = guarded().fetch(FetchRequest::new(&at, &none, &own(), LIMIT)).await.unwrap();
    assert_eq!(reply.body, b"a", "the same host, at another port");

    let elsewhere = moved(302, &format!("http://localhost:{}/", last.port()));
    let (address, _server) = serve(&[&elsewhere]).await;
    let all = Fetcher::new(&permitted()).unwrap();
    let at = url(&format!("http://{address}/"));
    let reply =
        all.fetch(FetchRequest::new(&at, &none, &RequestSpec::default(), LIMIT)).await.unwrap();
    assert_eq!(reply.body, b"b", "[fetch] allows every host");
}

#[tokio::test]
async fn a_feed_that_moved_has_no_permission_for_its_new_host() {
    let home = url("http://127.0.0.1:9/feed");
    let moved_to = Url::parse("http://localhost:9/feed").unwrap();
    let asked = guarded()
        .fetch(FetchRequest {
            at: &moved_to,
            ..FetchRequest::new(&home, &Validators::default(), &own(), LIMIT)
        })
        .await;
    assert_eq!(Failure::from(&asked.unwrap_err()), Failure::Private);
}

#[tokio::test]
async fn an_open_connection_is_not_lent_to_a_feed_without_permission() {
    let server = MockServer::start().await; // Keeps connections open.
    let page = ResponseTemplate::new(200).set_body_string("x");
    Mock::given(path("/feed")).respond_with(page).expect(1).mount(&server).await;
    let (fetcher, at) = (guarded(), format!("{}/feed", server.uri()));
    fetcher
        .fetch(FetchRequest::new(&url(&at), &Validators::default(), &own(), LIMIT))
        .await
        .unwrap();
    let (failure, _) = refusal(&fetcher, &at, &RequestSpec::default()).await;
    assert_eq!(failure, Failure::Private);
}

#[tokio::test]
async fn the_proxy_may_be_anywhere_but_what_it_is_asked_for_may_not() {
    let (address, proxy) = serve(&[&ok("1"), &ok("2")]).await;
    let through = |proxy: String| {
        let settings =
            FetchSettings { proxy: Some(Secret::new(proxy)), ..FetchSettings::default() };
        Fetcher::new(&settings).unwrap()
    };
    let none = Validators::default();
    let spec = RequestSpec::default();
    let by_name = format!("http://localhost:{}", address.port());
    for (proxy, body) in [(format!("http://{address}"), "1"), (by_name.clone(), "2")] {
        let at = url("http://feeds.invalid/feed");
        let reply =
            through(proxy).fetch(FetchRequest::new(&at, &none, &spec, LIMIT)).await.unwrap();
        assert_eq!(reply.body, body.as_bytes());
    }
    proxy.await.unwrap();
    for (proxy, target) in [
        (by_name.clone(), "http://127.0.0.1/"),
        (by_name.clone(), "https://[::1]/"),
        (by_name, "http://localhost/"),
        (format!("http://{address}"), "http://169.254.169.254/"),
        (format!("socks5h://{address}"), "http://10.0.0.1/"),
        (format!("socks5://{address}"), "http://localhost/"), // Resolved by us.
        (format!("socks5://localhost:{}", address.port()), "http://localhost/"),
    ] {
        let (failure, advice) = refusal(&through(proxy.clone()), target, &spec).await;
        assert_eq!(failure, Failure::Private, "{target} through {proxy}: {advice}");
    }
}

#[tokio::test]
async fn a_file_is_never_the_end_of_a_redirect() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret.xml");
    std::fs::write(&file, "<rss/>").unwrap();
    let target = Url::from_file_path(&file).unwrap();
    let (address, _server) = serve(&[&moved(301, target.as_str())]).await;
    let at = format!("http://{address}/");
    let fetcher = Fetcher::new(&permitted()).unwrap();
    let (failure, advice) = refusal(&fetcher, &at, &RequestSpec::default()).await;
    assert_eq!(failure, Failure::Redirect, "{advice}");
    // Nor where a feed can be said to have moved to.
    let asked = fetcher
        .fetch(FetchRequest {
            at: &target,
            ..FetchRequest::new(&url(&at), &Validators::default(), &own(), LIMIT)
        })
        .await;
    assert!(asked.is_err());
}
