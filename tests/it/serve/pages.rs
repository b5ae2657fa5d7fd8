//! The pages.

use super::{Served, serve, serve_with};
use crate::support::feeds::{Item, item, rss};
use crate::support::server::Page;
use crate::support::wait_for;

/// The text without tags.
fn text(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn article_path(served: &Served, n: usize) -> String {
    format!("/articles/{}", served.home.each("id")[n])
}

#[test]
fn a_page_has_one_heading_of_the_first_level() {
    let headed =
        Item { text: "<h1 id=\"x\">Within</h1><p>1 &lt;h1&gt; 2</p>".to_owned(), ..item(1) };
    let served = serve(&[headed]);
    for path in ["/", "/feeds", "/search", "/search?q=title", &article_path(&served, 0)] {
        assert_eq!(served.site.text(path).matches("<h1").count(), 1, "{path}");
    }
    let page = served.site.text(&article_path(&served, 0));
    assert!(page.contains(">Within</h2>") && page.contains("1 &lt;h1&gt; 2"), "{page}");
}

fn nasty() -> Item {
    Item {
        title: "<script>alert('title')</script> & \"quotes\"".to_owned(),
        text: "<p onclick=\"x()\">Text<script>alert(1)</script> <a href=\"javascript:x()\">a</a> \
               <img src=\"https://news.example/picture.png\" onerror=\"x()\"></p>"
            .to_owned(),
        ..item(7)
    }
}

#[test]
fn the_start_page_shows_the_latest_articles_by_day_and_links_to_older_ones() {
    let items: Vec<_> = (1..=50).map(item).collect();
    let served = serve(&items);
    let page = served.site.text("/");
    assert!(page.contains("<h2 id=\"d20240820\">Tuesday, 20 August 2024</h2>"), "{page}");
    assert_eq!(page.matches("<article ").count(), 40);
    assert!(text(&page).contains("Title 50 Harbour News · 00:50 Text of number 50."), "{page}");
    let (_, rest) = page.split_once("<a rel=\"next\" href=\"").unwrap();
    let next = rest.split('"').next().unwrap().replace("&amp;", "&");
    let older = served.site.text(&next);
    assert_eq!(older.matches("<article ").count(), 10);
    assert!(older.contains(">Title 1</a>") && !older.contains("rel=\"next\""), "{older}");
}

#[test]
fn filters_and_search_restrict_the_latest_articles() {
    let mut storm = item(3);
    storm.text = "<p>A storm surge at the pier.</p>".to_owned();
    let served = serve(&[item(1), item(2), storm]);
    for (path, articles) in [
        ("/?tag=sea", 3),
        ("/?tag=sea&feed=Harbour+News&limit=2", 2),
        ("/?feed=&tag=&language=", 3),
        ("/?since=2024-08-20T00:03:00Z", 1),
        ("/?until=2024-08-20", 0),
    ] {
        let page = served.site.text(path);
        assert_eq!(page.matches("<article ").count(), articles, "{path}");
        assert!(0 < articles || page.contains("There is nothing here yet"), "{page}");
    }
    assert!(served.site.text("/?tag=sea").contains("href=\"/export.atom?tag=sea\""));
    let found = wait_for("the index", || {
        let page = served.site.text("/search?q=storm+%22surge+at%22");
        page.contains("<article ").then_some(page)
    });
    assert_eq!(found.matches("<article ").count(), 1, "{found}");
    assert!(text(&found).contains("A storm surge at the pier."), "{found}");
    assert!(found.contains("<mark>storm</mark>"), "{found}");
    let newest = served.site.text("/search?q=storm&sort=newest");
    assert!(newest.contains("Tuesday, 20 August 2024</h2>"), "{newest}");
    assert_eq!(served.site.get("/search?q=storm&sort=worst").status, 400);
    assert!(found.contains("value=\"storm &quot;surge at&quot;\""), "{found}");
    // From the title to the articles no level of headings is left out.
    assert!(found.contains("<h2 class=\"sr\" id=\"best\">"), "{found}");
    let nothing = served.site.text("/search?q=nothing+like+it");
    assert!(
        nothing.contains("Nothing was found") && !nothing.contains("matches first"),
        "{nothing}"
    );
    assert!(served.site.text("/search").contains("Type words"));
}

#[test]
fn setting_one_filter_keeps_the_others() {
    let served = serve(&[item(1)]);
    let page = served.site.text("/?tag=sea&language=en-GB&author=Ann&since=2024-01-01&limit=7");
    assert!(page.contains("<option selected>sea</option>"), "{page}");
    for (name, value) in
        [("author", "Ann"), ("since", "2024-01-01"), ("limit", "7"), ("language", "en-GB")]
    {
        let kept = format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
        assert!(page.contains(&kept), "{kept}: {page}");
    }
    // A language that no feed names itself by is in the list while it is asked for.
    let feed =
        rss("Harbour News", &[item(2)]).replace("<link>", "<language>en-GB</language><link>");
    served.server.put("/f", Page::ok(feed));
    served.repoll();
    wait_for("the list", || {
        let page = served.site.text("/?language=en-GB");
        let listed = page.contains("<option>en</option><option selected>en-GB</option>");
        listed.then_some(())
    });
    // One feed is no choice.
    assert!(!page.contains("<select name=\"feed\">"), "{page}");
}

#[test]
fn right_to_left_names_do_not_reorder_the_text_around_them() {
    let served = serve(&[item(1)]);
    let feed = rss("جريدة الميناء", &[item(1)]).replace("<guid", "<author>سارة</author><guid");
    served.server.put("/f", Page::ok(feed));
    served.repoll();
    let page = wait_for("the name", || {
        let page = served.site.text("/");
        page.contains("dir=\"auto\">جريدة الميناء</a>").then_some(page)
    });
    assert!(page.contains("<h3 dir=\"auto\">"), "{page}");
    let page = served.site.text(&article_path(&served, 0));
    assert!(page.contains("<b dir=\"auto\">سارة</b>"), "{page}");
}

#[test]
fn an_article_is_shown_with_its_earlier_versions() {
    let served = serve(&[item(1)]);
    let path = article_path(&served, 0);
    let page = served.site.text(&path);
    assert!(page.contains("<p>Text of number 1.</p>"), "{page}");
    assert!(text(&page).contains("Read at news.example"), "{page}");
    assert!(page.contains(
        "<time lang=\"en\" datetime=\"2024-08-20T00:01:00Z\">20 August 2024, 00:01</time>"
    ));
    assert!(!page.contains("Earlier versions"), "{page}");
    let mut edited = item(1);
    edited.title = "Title 1, corrected".to_owned();
    served.server.put("/f", Page::ok(rss("Harbour News", &[edited])));
    served.repoll();
    let page = wait_for("the edit", || {
        let page = served.site.text(&path);
        page.contains("corrected").then_some(page)
    });
    assert!(text(&page).contains("edited 1 time"), "{page}");
    assert!(text(&page).contains("Earlier versions Until"), "{page}");
    assert!(page.contains(": <bdi>Title 1</bdi></summary>"), "{page}");
}

#[test]
fn text_from_a_feed_stays_text() {
    let served = serve(&[nasty()]);
    for path in ["/", &article_path(&served, 0), "/search?q=quotes"] {
        let page = served.site.text(path);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("javascript:") && !page.contains("onclick"), "{page}");
    }
    assert!(served.site.text("/").contains("&amp; &quot;quotes&quot;</a>"));
    let page = served.site.text("/search?q=%22%3E%3Cb%3E+x");
    assert!(page.contains("&quot;&gt;&lt;b&gt; x") && !page.contains("\"><b>"), "{page}");
}

#[test]
fn the_page_of_feeds_shows_their_states() {
    let served = serve(&[item(1), item(2)]);
    let page = served.site.text("/feeds");
    let shown = text(&page);
    assert!(shown.contains("Harbour News news.example · sea ok"), "{shown}");
    assert!(shown.contains("2 in all") && shown.contains("its interval"), "{shown}");
    assert!(page.contains("Last 30 days: 0 articles, 1 poll, 0 of them failed"), "{page}");
    served.server.put("/f", Page::status(404));
    served.repoll();
    let page = wait_for("the failure", || {
        let page = served.site.text("/feeds?state=failing");
        page.contains("there is no such feed on the server").then_some(page)
    });
    assert!(text(&page).contains("backing off after failures"), "{page}");
    assert_eq!(served.site.get("/feeds?state=ill").status, 400);
}

#[test]
fn a_browser_that_has_a_page_gets_304_and_keeps_the_stylesheet() {
    let served = serve(&[item(1)]);
    let first = served.site.get("/");
    let etag = first.header("etag").unwrap().to_owned();
    let again = served.site.ask("GET", "/", &[("If-None-Match", &etag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    let date = first.header("last-modified").unwrap();
    let again = served.site.ask("GET", "/", &[("If-Modified-Since", date)]);
    assert_eq!((again.status, again.header("last-modified")), (304, Some(date)));
    assert_eq!(served.site.ask("GET", "/?limit=1", &[("If-None-Match", &etag)]).status, 200);
    let page = first.text();
    let (_, rest) = page.split_once("<link rel=\"stylesheet\" href=\"").unwrap();
    let style = served.site.get(rest.split('"').next().unwrap());
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(style.header("cache-control").unwrap().contains("immutable"));
    assert!(!page.contains("<script") && !page.contains(" style="), "{page}");
    for part in ["<main ", "<nav ", "<header ", "<footer ", "href=\"#main\"", "lang=\"en\""] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_list_has_a_compact_view_and_cards_and_its_links_keep_the_view() {
    let items: Vec<_> = (1..=45).map(item).collect();
    let served = serve(&items);
    let site = &served.site;
    for (query, lines, cards, section) in [
        ("", 0, 40, "class=\"day\""),
        ("?view=list", 0, 40, "class=\"day\""),
        ("?view=compact", 40, 0, "class=\"day\""),
        ("?view=cards", 0, 40, "class=\"day cards\""),
    ] {
        let page = site.text(&format!("/{query}"));
        assert_eq!(page.matches("<article class=\"line\"").count(), lines, "{query}");
        assert_eq!(page.matches("<article class=\"card").count(), cards, "{query}");
        assert!(page.contains(section), "{query}: {page}");
    }
    let page = site.text("/?view=compact&tag=sea");
    assert!(text(&page).contains("00:45 Harbour News Title 45 00:44 Harbour News"), "{page}");
    for link in [
        "href=\"/?view=compact&amp;tag=sea&amp;before=",
        "<input type=\"hidden\" name=\"view\" value=\"compact\">",
        "href=\"/?view=compact\">tag: ",
        "href=\"/?tag=sea&amp;view=cards\">Cards</a>",
        "href=\"/?tag=sea&amp;view=compact\" aria-current=\"true\">Compact</a>",
        "href=\"/?tag=sea\">List</a>",
        "href=\"/export.atom?tag=sea\"",
        "&amp;view=compact\" dir=\"auto\">Harbour News</a>",
    ] {
        assert!(page.contains(link), "{link}: {page}");
    }
    // The form for a search and the form for filters both have it.
    assert_eq!(page.matches("name=\"view\" value=\"compact\"").count(), 2, "{page}");
    // Another view of an older page is of the same articles.
    let (_, rest) = page.split_once("<a rel=\"next\" href=\"").unwrap();
    let older = site.text(&rest.split('"').next().unwrap().replace("&amp;", "&"));
    assert_eq!(older.matches("<article class=\"line\"").count(), 5, "{older}");
    let (before, _) = older.split_once("\">Cards</a>").unwrap();
    let (_, cards) = before.rsplit_once("href=\"").unwrap();
    let cards = site.text(&cards.replace("&amp;", "&"));
    assert_eq!(cards.matches("<article class=\"card").count(), 5, "{cards}");
    let feed = site.text("/feeds/1?view=compact");
    assert_eq!(feed.matches("<article class=\"line\"").count(), 20, "{feed}");
    assert!(feed.contains("href=\"/feeds/1?view=cards\""), "{feed}");
    for path in ["/?view=grid", "/feeds/1?view=grid", "/export.atom?view=compact"] {
        assert_eq!(site.get(path).status, 400, "{path}");
    }
}

#[test]
fn the_configuration_names_the_view_of_lists() {
    let served = serve_with(&[item(1)], "view = 'cards'\npublic = true");
    let page = served.site.text("/");
    assert!(page.contains("class=\"day cards\"") && page.contains("href=\"/\" aria-current"));
    assert!(page.contains("href=\"/?view=list\">List</a>"), "{page}");
    assert!(served.site.text("/?view=compact").contains("<article class=\"line\""));
}

/// The attributes that run a script, as they are written in HTML.
fn handlers(page: &str) -> Vec<&str> {
    let tags = page.split('<').filter_map(|piece| piece.split_once('>')).map(|(tag, _)| tag);
    tags.flat_map(str::split_whitespace).filter(|word| word.starts_with("on")).collect()
}

#[test]
fn pages_have_no_script_except_that_for_shortcuts_where_it_is_configured() {
    for (more, scripts) in [("public = true", 0), ("public = true\nshortcuts = true", 1)] {
        let served = serve_with(&[nasty(), item(1)], more);
        let article = article_path(&served, 0);
        let html = ("Accept", "text/html");
        for path in
            ["/", "/?view=compact", "/search", "/stories", "/feeds", "/feeds/1", &article, "/none"]
        {
            let answer = served.site.ask("GET", path, &[html]);
            let page = answer.text();
            assert_eq!(page.matches("<script").count(), scripts, "{path}: {page}");
            let own = "<script src=\"/shortcuts.js?v=";
            assert_eq!(page.matches(own).count(), scripts, "{path}: {page}");
            assert!(scripts == 1 || !page.contains("data-original"), "{path}: {page}");
            assert_eq!(handlers(&page), [""; 0], "{path}: {page}");
            let policy = answer.header("content-security-policy").unwrap();
            let allowed: Vec<_> =
                policy.split("; ").filter(|rule| rule.starts_with("script")).collect();
            assert_eq!(allowed, ["script-src 'self'"; 1][..scripts], "{path}");
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        }
        // What is no page runs no script.
        for path in ["/export.html", "/export.json", "/style.css", "/healthz", "/shortcuts.js"] {
            let answer = served.site.get(path);
            assert!(!answer.header("content-security-policy").unwrap().contains("script-src"));
        }
        let script = served.site.get("/shortcuts.js");
        assert_eq!(script.status, if scripts == 0 { 404 } else { 200 });
        if scripts == 1 {
            assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
            assert!(script.header("cache-control").unwrap().contains("immutable"));
            assert!(script.text().len() < 3_000 && !script.text().contains("innerHTML"));
        }
    }
}

#[test]
fn a_missing_page_is_a_page_for_browsers_and_a_line_for_programs() {
    let served = serve(&[item(1)]);
    let html = ("Accept", "text/html,application/xhtml+xml");
    for (path, status, title) in [
        ("/nothing/here", 404, "Not found"),
        ("/articles/none", 404, "Not found"),
        ("/?tag=land", 404, "Not found"),
        ("/?limit=x", 400, "That was not understood"),
        ("/?limit=5000", 400, "That was not understood"),
        ("/search?q=-x", 400, "That was not understood"),
        ("/feeds?page=0", 400, "That was not understood"),
    ] {
        let page = served.site.ask("GET", path, &[html]);
        assert_eq!(page.status, status, "{path}");
        assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{path}: {}", page.text());
        let line = served.site.get(path);
        assert_eq!((line.status, line.text().lines().count()), (status, 1), "{path}");
    }
}

#[test]
fn a_full_page_is_small() {
    let items: Vec<_> = (1..=100)
        .map(|n| Item {
            title: format!("{n}: {}", "a title of ordinary length ".repeat(3)),
            text: format!("<p>{}</p>", "Words and more words. ".repeat(200)),
            ..item(n)
        })
        .collect();
    let served = serve(&items);
    for path in ["/", "/feeds", &article_path(&served, 0)] {
        let size = served.site.text(path).len();
        assert!(size < 50_000, "{path}: {size}");
    }
    let style = served.site.text("/style.css").len();
    assert!(style < 15_000, "{style}");
}

#[test]
fn a_feed_has_a_page_with_its_articles_and_polls_and_the_list_can_be_searched_and_sorted() {
    let served = serve(&[item(1), item(2)]);
    let site = &served.site;
    let list = site.text("/feeds");
    assert!(list.contains("href=\"/feeds/1\""), "{list}");
    let page = site.text("/feeds/1");
    for part in ["<h1 dir=\"auto\">Harbour News</h1>", "Title 2", "Latest polls", "fresh", "200"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for missing in ["/feeds/2", "/feeds/x", "/feeds/-1"] {
        assert_eq!(site.get(missing).status, 404, "{missing}");
    }
    for (query, shown) in [("q=harbour", true), ("q=SEA&sort=name", true), ("q=desert", false)] {
        let found = site.text(&format!("/feeds?{query}"));
        assert_eq!(found.contains("Harbour News</a>"), shown, "{query}: {found}");
    }
    assert_eq!(site.get("/feeds?sort=colour").status, 400);
    // An article leads to its neighbours and back.
    let [newest, oldest] = [0, 1].map(|n| article_path(&served, n));
    let (first, second) = (site.text(&newest), site.text(&oldest));
    assert!(first.contains(&format!("rel=\"next\" href=\"{oldest}\"")), "{first}");
    assert!(second.contains(&format!("rel=\"prev\" href=\"{newest}\"")), "{second}");
    assert!(!first.contains("rel=\"prev\"") && !second.contains("rel=\"next\""));
}
