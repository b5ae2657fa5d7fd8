//! The pages in a browser with a small and a large window: a user goes from the latest articles to one article.

use super::{Served, serve, serve_with};
use crate::support::browser::{self, Browser, Visit};
use crate::support::feeds::{Item, item};
use crate::support::server::{Page, Server};
use crate::support::wait_for;

/// The size limits of a page and of its style sheet.
const MOST_BYTES: f64 = 50_000.0;

const PICTURE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='1600' height='900'/>";

/// Articles with content that is wider than the window.
fn articles(media: &Server) -> Vec<Item> {
    let titled = |n: u32, title: &str, text: &str| Item {
        title: title.to_owned(),
        text: format!("<p>{text}</p>"),
        ..item(n)
    };
    let mut items: Vec<_> = (1..=45).map(item).collect();
    let long = "Verylongwordwithoutaspace".repeat(20);
    let address = format!("https://news.example/{}", "path".repeat(200));
    let picture = media.url("/img/wide.svg");
    let cells = "<td>cell</td>".repeat(60);
    items.extend([
        titled(46, &long, &format!("<a href=\"{address}\">{address}</a>")),
        Item { link: Some(address), ..titled(47, "", &long) },
        titled(48, "عاجل: العاصفة تقترب من الميناء", "وصلت العاصفة إلى الميناء مساء اليوم."),
        titled(49, "港湾に嵐が接近", "今夜、嵐が港に到達する見込みです。"),
        titled(
            50,
            "A code and a table",
            &format!("<pre>{long}</pre><table><tr>{cells}</tr></table>"),
        ),
        titled(51, "Storm surge at the pier", &format!("The water rose. <img src=\"{picture}\">")),
    ]);
    items
}

/// Checks that every page must pass at every width.
#[track_caller]
fn check(browser: &mut Browser, width: u32, visit: &Visit, own: &[&str]) {
    let path = browser.value("location.pathname + location.search");
    assert!(visit.errors.is_empty(), "{path}: {:#?}", visit.errors);
    assert!(0.0 < visit.bytes && visit.bytes < MOST_BYTES, "{path}: {}", visit.bytes);
    for request in &visit.requests {
        assert!(own.iter().any(|own| request.starts_with(own)), "{path} asked for {request}");
    }
    let widths = "[document.documentElement.clientWidth, document.documentElement.scrollWidth]";
    let widths = browser.value(widths);
    assert_eq!(widths[0], width, "{path}");
    assert!(widths[1].as_u64() <= widths[0].as_u64(), "{path} is wider than its window: {widths}");
    assert_eq!(browser.value("document.querySelectorAll('h1').length"), 1, "{path}");
}

#[test]
fn a_user_gets_from_the_latest_articles_by_a_search_to_an_article() {
    let Some(name) = browser::installed() else { return };
    let media = Server::start();
    media.put("/img/wide.svg", Page::ok(PICTURE).header("Content-Type", "image/svg+xml"));
    let served = serve(&articles(&media));
    wait_for("the index", || {
        served.site.text("/search?q=storm+surge").contains("<article ").then_some(())
    });
    let mut browser = Browser::start(name);
    for width in [390, 1280] {
        walk(&mut browser, width, &served, &media);
    }
    served.server.put("/f", Page::status(404));
    served.repoll();
    wait_for("the failure", || {
        served.site.text("/feeds?state=failing").contains("backing off").then_some(())
    });
    for width in [390, 1280] {
        browser.resize(width, 844);
        let site = format!("http://{}/", served.site.address);
        let visit = browser.visit(&format!("{site}feeds?state=failing"));
        check(&mut browser, width, &visit, &[&site]);
    }
    assert!(media.all_requests().iter().all(|request| request.path == "/img/wide.svg"));
}

#[test]
fn keys_move_among_articles_and_to_the_search_unless_the_user_types() {
    let Some(name) = browser::installed() else { return };
    let items: Vec<_> = (1..=45).map(item).collect();
    let served = serve_with(&items, "shortcuts = true\npublic = true");
    let site = format!("http://{}", served.site.address);
    let mut browser = Browser::start(name);
    browser.resize(390, 844);
    let focused = "document.activeElement.innerText";
    for path in ["/", "/?view=compact", "/feeds/1?view=cards"] {
        let visit = browser.visit(&format!("{site}{path}"));
        check(&mut browser, 390, &visit, &[&site]);
        for (key, title) in
            [("j", "Title 45"), ("j", "Title 44"), ("n", "Title 43"), ("k", "Title 44")]
        {
            browser.press(key, 0);
            assert_eq!(browser.value(focused), title, "{path} {key}");
        }
        browser.value("window.open = (...all) => { window.opened = all }; 0");
        browser.press("o", 0);
        let opened = browser.value("opened");
        let expected = ["https://news.example/44", "_blank", "noopener,noreferrer"];
        assert_eq!(opened, serde_json::json!(expected), "{path}");
    }
    // At the end of a page is the next page.
    browser.visit(&site);
    browser.value("[...document.querySelectorAll('h3 a')].at(-1).focus()");
    browser.press("j", 0);
    let visit = browser.arrive();
    check(&mut browser, 390, &visit, &[&site]);
    browser.press("j", 0);
    assert_eq!(browser.value(focused), "Title 5");
    browser.press("Enter", 13);
    browser.arrive();
    for (key, title) in [("j", "Title 4"), ("k", "Title 5"), ("k", "Title 6")] {
        browser.press(key, 0);
        browser.arrive();
        assert_eq!(browser.value("document.querySelector('h1').innerText"), title, "{key}");
    }
    // Keys that are not for us have no effect.
    let unused = "(init, target) => document.querySelector(target).dispatchEvent(new KeyboardEvent(\
        'keydown', { bubbles: true, cancelable: true, ...init }))";
    for (init, target, is_unused) in [
        ("{key: 'j', ctrlKey: true}", "body", true),
        ("{key: 'k', metaKey: true}", "body", true),
        ("{key: '/', altKey: true}", "body", true),
        ("{key: '/'}", "#q", true),
        ("{key: '?', isComposing: true}", "body", true),
        ("{key: 'x'}", "body", true),
        ("{key: 'о', code: 'KeyJ', ctrlKey: true}", "body", true),
        ("{key: '.', code: 'Slash'}", "body", true),
        ("{key: '?'}", "body", false),
        ("{key: 'j'}", "dialog", true),
    ] {
        let result = browser.value(&format!("({unused})({init}, '{target}')"));
        assert_eq!(result, is_unused, "{init} {target}");
    }
    assert_eq!(browser.value("document.querySelector('#keys').open"), true);
    browser.value("document.querySelector('#keys').close()");
    browser.press("/", 0);
    assert_eq!(browser.value("document.activeElement.id"), "q");
    browser.press("j", 0);
    assert_eq!(browser.value("document.activeElement.id"), "q");
}

fn walk(browser: &mut Browser, width: u32, served: &Served, media: &Server) {
    let site = format!("http://{}", served.site.address);
    let own = [&*format!("{site}/"), &*media.url("/img/")];
    browser.resize(width, 844);
    let visit = browser.visit(&site);
    check(browser, width, &visit, &own);
    // The first element in the tab order skips the header, and it is visible.
    browser.press("Tab", 9);
    let skip =
        "[document.activeElement.hash, document.activeElement.getBoundingClientRect().x >= 0]";
    assert_eq!(browser.value(skip), serde_json::json!(["#main", true]));

    browser.click("#q");
    browser.write("storm surge");
    browser.press("Enter", 13);
    let visit = browser.arrive();
    check(browser, width, &visit, &own);
    assert_eq!(browser.value("location.search"), "?q=storm+surge");
    assert_eq!(browser.value("document.querySelectorAll('article').length"), 1);

    browser.click("article h3 a");
    let visit = browser.arrive();
    check(browser, width, &visit, &own);
    assert_eq!(browser.value("document.querySelector('h1').innerText"), "Storm surge at the pier");
    let text = browser.value("document.querySelector('main').innerText");
    assert!(text.as_str().unwrap().contains("The water rose."), "{text}");
    let picture = browser.value("document.querySelector('main img').naturalWidth");
    assert_eq!(picture, 1600, "the picture is shown");

    browser.click("nav a[href='/feeds']");
    let visit = browser.arrive();
    check(browser, width, &visit, &own);
    assert_eq!(browser.value("document.querySelector('td .name').innerText"), "Harbour News");
    // And every article that tries to break out.
    for id in served.home.each("id").iter().take(6) {
        let visit = browser.visit(&format!("{site}/articles/{id}"));
        check(browser, width, &visit, &own);
    }
}
