//! The server below a path: behind a proxy that passes the prefix on, and behind one that strips it.

use std::collections::BTreeSet;
use std::fs;

use crate::support::feeds::{item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};

fn daemon(server: &str) -> (Home, Running, Site) {
    let home = Home::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ntoken = \"t0ken-t0ken\"\npublic = true\n{server}\n\
         [[feeds]]\nurl = \"file:news.xml\"\nname = \"News\"\ntags = [\"sea\"]\n"
    ));
    let items: Vec<_> = (1..=60).map(item).collect();
    fs::write(home.path("news.xml"), rss("News", &items)).unwrap();
    home.poll();
    let daemon = Running::daemon(&home);
    let site = Site::of(&daemon);
    (home, daemon, site)
}

/// The addresses in attributes of a page that lead to this server, with their entities decoded.
fn links(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for attribute in [" href=\"", " action=\"", " src=\""] {
        for rest in page.split(attribute).skip(1) {
            let address = rest.split('"').next().unwrap().replace("&amp;", "&");
            if !address.starts_with('#') && !address.contains("://") {
                found.insert(address);
            }
        }
    }
    found
}

/// Every page that can be reached from `/`, as a browser asks for it through a proxy that turns `outer` into
/// `inner`. Asserts that no link leads out of the prefix.
#[track_caller]
fn crawl(site: &Site, outer: &str, inner: &str, headers: &[(&str, &str)]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![format!("{outer}/")];
    while let Some(address) = waiting.pop() {
        if !seen.insert(address.clone()) || 400 < seen.len() {
            continue;
        }
        let rest = address.strip_prefix(outer).unwrap_or_else(|| panic!("{address} leads out"));
        assert!(rest.starts_with('/') && !rest.starts_with("//"), "{address}");
        let answer = site.ask("GET", &format!("{inner}{rest}"), headers);
        assert_eq!(answer.status, 200, "{address}");
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
            && !rest.starts_with("/export")
        {
            waiting.extend(links(&answer.text()));
        }
    }
    seen
}

#[test]
fn every_link_stays_below_the_prefix_with_and_without_a_proxy_that_strips_it() {
    let (_home, _daemon, site) = daemon("base = \"/news\"");
    let forwarded = [("x-forwarded-prefix", "/news/")];
    let other = [("x-forwarded-prefix", "/a/b")];
    let unstripped = crawl(&site, "/news", "/news", &[]);
    for part in [
        "/style.css?",
        "/icon.svg",
        "/feeds",
        "/search",
        "/articles/",
        "/export.atom",
        "/?feed=",
        "/?tag=",
        "before=",
    ] {
        assert!(unstripped.iter().any(|link| link.contains(part)), "{part}: {unstripped:?}");
    }
    assert_eq!(crawl(&site, "/news", "", &[]), unstripped, "stripped");
    assert_eq!(crawl(&site, "/news", "", &forwarded), unstripped, "stripped and said so");
    assert_eq!(crawl(&site, "/news", "/news", &forwarded), unstripped, "said so only");
    assert_eq!(crawl(&site, "/a/b", "", &other).len(), unstripped.len());
    assert_eq!(crawl(&site, "/a/b/news", "/news", &other).len(), unstripped.len());

    let (_home, _daemon, site) = daemon("");
    assert_eq!(crawl(&site, "", "", &[]).len(), unstripped.len());
    assert_eq!(crawl(&site, "/a/b", "", &other).len(), unstripped.len());
    for evil in
        ["//evil.example", "/\\evil.example", "https://evil.example", "/\"><script>", "evil", "/.."]
    {
        assert_eq!(crawl(&site, "", "", &[("x-forwarded-prefix", evil)]).len(), unstripped.len());
    }
}

#[test]
fn redirects_exports_events_commands_and_errors_know_the_prefix() {
    let (_home, _daemon, site) = daemon("base = \"/news/\"");
    for (path, to) in [("/news", "/news/"), ("/news?tag=sea", "/news/?tag=sea")] {
        let answer = site.get(path);
        assert_eq!((answer.status, answer.header("location")), (308, Some(to)));
    }
    assert_eq!(site.get("/newspaper").status, 404);
    let origin = format!("http://{}", site.address);
    let forwarded = [("x-forwarded-prefix", "/b"), ("x-forwarded-proto", "https")];
    let secure = format!("https://{}", site.address);
    for (path, headers, prefix) in [
        ("/news/export", &[][..], format!("{origin}/news")),
        ("/export", &[], format!("{origin}/news")),
        ("/export", &forwarded, format!("{secure}/b")),
    ] {
        let answer = site.ask("GET", &format!("{path}.jsonfeed?limit=2&tag=sea"), headers);
        let feed: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
        let expected = format!("{prefix}/export.jsonfeed?limit=2&tag=sea");
        assert_eq!(feed["feed_url"], expected);
        assert_eq!(feed["home_page_url"], format!("{prefix}/?limit=2&tag=sea"));
        let next = feed["next_url"].as_str().unwrap();
        assert!(next.starts_with(&format!("{expected}&before=")), "{next}");
        assert!(answer.header("link").unwrap().starts_with(&format!("<{next}>")), "{answer:?}");
        let atom = site.ask("GET", &format!("{path}.atom"), headers).text();
        assert!(atom.contains(&format!("href=\"{prefix}/export.atom\"")), "{atom}");
        let tag =
            site.ask("GET", &format!("{path}.rss"), headers).header("etag").unwrap().to_owned();
        let again = [headers, &[("if-none-match", tag.as_str())]].concat();
        assert_eq!(site.ask("GET", &format!("{path}.rss"), &again).status, 304);
    }
    for path in ["/news/healthz", "/healthz", "/news/readyz", "/news/metrics"] {
        assert_eq!(site.get(path).status, 200, "{path}");
    }
    let token = [("authorization", "Bearer t0ken-t0ken")];
    assert_eq!(site.ask("POST", "/news/-/reload", &token).status, 200);
    assert_eq!(site.ask("POST", "/news/-/poll?all=true", &token).status, 202);
    let missing = site.ask("GET", "/news/nothing/here", &[("accept", "text/html")]);
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("href=\"/news/\""), "{}", missing.text());
    let mut stream = site.connect();
    std::io::Write::write_all(
        &mut stream,
        b"GET /news/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .unwrap();
    let mut begun = [0; 512];
    let read = std::io::Read::read(&mut stream, &mut begun).unwrap();
    assert!(String::from_utf8_lossy(&begun[..read]).starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn a_base_that_is_no_path_is_a_fault() {
    let home = Home::empty();
    for base in ["news", "https://example.org/news/", "/a b/", "/a/../b/", "/a//b/", "", "/a?b"] {
        home.configure(&format!("[server]\nbase = \"{base}\"\n"));
        let ran = home.run(&["check"]);
        assert_eq!(ran.code, Some(78), "{base}: {}", ran.err);
        assert!(ran.err.contains("server.base") || base.is_empty(), "{base}: {}", ran.err);
    }
    for base in ["/", "/news", "/news/", "/a/b-c_d.e~f/"] {
        home.configure(&format!("[server]\nbase = \"{base}\"\n"));
        assert_eq!(home.run(&["check"]).code, Some(0), "{base}");
    }
}
