//! Checks sanitised HTML with an independent parser and in a browser.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;

use scraper::Html;
use serde_json::Value;
use url::Url;

use super::feed_of;
use super::vectors::VECTORS;
use crate::support::browser::{self, Browser};
use crate::support::program::Home;
use crate::support::server::{Page, Server};

/// A store that has polled all vectors, each of them an article.
fn polled(host: &str) -> Home {
    let home = Home::new("[[feeds]]\nurl = \"file:evil.json\"\n");
    let texts =
        VECTORS.iter().map(|vector| format!("before {} after", vector.replace("HOST", host)));
    fs::write(home.path("evil.json"), feed_of(texts)).unwrap();
    home.poll();
    home
}

/// Each vector with its sanitised HTML.
fn sanitised(home: &Home) -> Vec<(usize, String)> {
    let html = |article: &Value| {
        let n = article["guid"].as_str().unwrap().parse().unwrap();
        Some((n, article["content_html"].as_str()?.to_owned()))
    };
    let found: Vec<_> = home.articles().iter().filter_map(html).collect();
    assert_eq!(found.len(), VECTORS.len(), "the text before an attack stays");
    found
}

/// Elements that run no script and load only images and media.
const ELEMENTS: &str = "html head body a abbr acronym area article aside b bdi bdo blockquote br caption center \
    cite code col colgroup data dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 \
    header hgroup hr i iframe img ins kbd li map mark nav ol p picture pre q rp rt rtc ruby s samp section \
    small source span strike strong sub summary sup table tbody td th thead time tr tt u ul var video wbr audio";

const ATTRIBUTES: &str = "abbr align alt axis cite char charoff charset checked cols colspan compact controls \
    coords dir datetime height href hreflang headers lang media name nohref open poster rel reversed rows \
    rowspan rules scope shape size sizes span src srcset start summary tabindex title type valign value width \
    allowfullscreen";

/// The tree of the page is checked, and again the tree of its serialised text, because a mutation shows only in the
/// second one.
#[test]
fn no_attack_leaves_a_script_or_a_request_in_the_page() {
    assert!(100 < VECTORS.len());
    let elements: HashSet<&str> = ELEMENTS.split_whitespace().collect();
    let attributes: HashSet<&str> = ATTRIBUTES.split_whitespace().collect();
    for (n, html) in sanitised(&polled("http://127.0.0.1:9")) {
        let vector = VECTORS[n];
        assert!(
            !html.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')),
            "{vector:?}"
        );
        let first = Html::parse_document(&html);
        for tree in [Html::parse_document(&first.html()), Html::parse_fragment(&html), first] {
            assert!(tree.root_element().text().collect::<String>().contains("before"), "{vector}");
            for element in tree.tree.values().filter_map(|node| node.as_element()) {
                assert!(elements.contains(element.name()), "{vector}: {html}");
                for (name, value) in element.attrs() {
                    assert!(attributes.contains(name), "{name} in {vector}: {html}");
                    let address = matches!(name, "href" | "src" | "poster" | "cite");
                    if address && let Err(scheme) = judge(element.name(), value) {
                        panic!("{scheme} in {vector}: {html}");
                    }
                }
                let safe_link = element.attr("rel") == Some("noopener noreferrer");
                assert!(element.name() != "a" || safe_link, "{vector}: {html}");
            }
        }
    }
}

fn judge(element: &str, value: &str) -> Result<(), String> {
    let url = Url::parse(value).map_err(|error| format!("{error}"))?;
    let video = ["www.youtube.com", "player.vimeo.com"];
    match (url.scheme(), element) {
        ("http" | "https", "iframe") => {
            let host = url.host_str().unwrap_or_default().to_owned();
            if video.contains(&&*host) { Ok(()) } else { Err(host) }
        }
        ("http" | "https", _) | ("mailto" | "tel", "a") => Ok(()),
        (scheme, _) => Err(scheme.to_owned()),
    }
}

/// The tree of the page after it was loaded and after its scripts had time to run.
fn open(browser: &mut Browser, url: &str) -> String {
    browser.visit(url);
    browser.let_time_pass(5_000);
    browser.value("document.documentElement.outerHTML").as_str().unwrap().to_owned()
}

/// The function that an attack calls.
const RAN: &str = "<script>function ran() { document.title = 'it ran'; }</script>";

fn head() -> String {
    let icon = "<link rel=icon href='data:,'>"; // Else the browser asks for one.
    format!(
        "<!DOCTYPE html><html><head><meta charset=utf-8><title>quiet</title>{icon}{RAN}</head><body>"
    )
}

#[test]
fn a_browser_runs_no_script_and_requests_only_images_and_media() {
    let Some(name) = browser::installed() else { return };
    let mut browser = Browser::start(name);
    let server = Server::start();
    let host = server.url("");
    let home = polled(&host);
    let mut page = head();
    for (n, html) in sanitised(&home) {
        writeln!(page, "<div id=v{n}>{html}</div>").unwrap();
    }
    server.put("/page", Page::ok(page + "<p>the end</p>").header("Content-Type", "text/html"));
    let naked = format!(
        "{}<img src=x onerror=setTimeout(ran,3000)><script src='{host}/x.js'></script>",
        head()
    );
    server.put("/naked", Page::ok(naked).header("Content-Type", "text/html"));
    let mut pages = vec!["/page"];
    let exported = home.run(&["export", "--format", "html", "--limit", "1000"]);
    if exported.code == Some(0) {
        let html = exported.out.replacen("<head>", &format!("<head>{RAN}"), 1);
        server.put("/exported", Page::ok(html).header("Content-Type", "text/html"));
        pages.push("/exported");
    }
    for path in pages {
        let before = server.total();
        let dom = open(&mut browser, &server.url(path));
        assert!(dom.contains("after"), "{path} was loaded: {dom}");
        assert!(!dom.contains("<title>it ran</title>"), "{path}: something ran");
        for request in server.all_requests().split_off(before) {
            let allowed = ["/img/", "/media/"].iter().any(|start| request.path.starts_with(start));
            let own = [path, "/favicon.ico"].contains(&&*request.path); // Asked for by the browser.
            assert!(allowed || own, "{path} asked for {}", request.path);
        }
    }
    // The same page detects a script that runs and a request.
    let dom = open(&mut browser, &server.url("/naked"));
    assert!(dom.contains("<title>it ran</title>"), "the test can see what runs: {dom}");
    assert!(!server.requests("/x.js").is_empty(), "and what is fetched");
}
