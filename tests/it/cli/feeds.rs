//! `feeds add`, `remove`, `import`, `export`, `reset`: the list of feeds from the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};

const KEPT: &str = "# My feeds.\n[schedule]\nevery = \"30m\" # often enough\n\n\
    [fetch]\nallow_private = true\n";

fn page(head: &str) -> Page {
    Page::ok(format!("<!doctype html><html><head>{head}</head><body>Hello</body></html>"))
}

fn server() -> Server {
    let server = Server::start();
    server.put("/f", Page::ok(rss("Found", &[item(1), item(2)])));
    server.put("/", page("<link rel=alternate type='application/rss+xml' href=/gone><link rel=alternate type='application/rss+xml' href='/f'>"));
    server.put("/about", page(""));
    server.put("/rss.xml", Page::ok(rss("Guessed", &[item(1)])));
    server.put("/text", page("<p><a href='/f'>Our feed</a>"));
    server.put(
        "/header",
        page("").header("Link", "</f>; rel=alternate; type=\"application/rss+xml\""),
    );
    server.put("/@me", page(""));
    server.put("/@me.rss", Page::ok(rss("Me", &[item(1)])));
    server.put("/old", Page::status(301).header("Location", "/f"));
    server
}

fn config(home: &Home) -> String {
    home.config()
}

#[test]
fn the_feed_behind_an_address_is_found_tried_and_written() {
    let server = server();
    for (given, found, how, title) in [
        ("/f", "/f", "given", "Found"),
        ("/", "/f", "announced", "Found"),
        ("/about", "/rss.xml", "guessed", "Guessed"),
        ("/text", "/f", "announced", "Found"),
        ("/header", "/f", "announced", "Found"),
        ("/@me", "/@me.rss", "site", "Me"),
        ("/old", "/f", "given", "Found"),
    ] {
        let home = Home::new(KEPT);
        fs::set_permissions(home.path("gazetted.toml"), fs::Permissions::from_mode(0o640)).unwrap();
        let said = home.json(&["feeds", "add", &server.url(given), "--tag", "x", "--json"]);
        let url = server.url(found);
        let one = &said[0];
        assert_eq!(
            (&one["result"], &one["url"]),
            (&"added".into(), &url.clone().into()),
            "{given}"
        );
        assert_eq!((&one["found"], &one["title"]), (&how.into(), &title.into()), "{given}");
        let written =
            format!("{KEPT}\n[[feeds]]\nurl = \"{url}\"\nname = \"{title}\"\ntags = [\"x\"]\n");
        assert_eq!(config(&home), written, "{given}");
        let mode = fs::metadata(home.path("gazetted.toml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(home.leftovers().is_empty());
        home.poll();
    }
}

#[test]
fn feeds_add_prints_what_was_found() {
    let server = server();
    let home = Home::new(KEPT);
    let out = home.ok(&["feeds", "add", &server.url("/"), "--name", "Mine"]);
    for part in ["+ Found: ", "2 entries, newest ", "the page announces it", "also announces"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(config(&home).contains("name = \"Mine\""));
    let again = home.run(&["feeds", "add", &server.url("/f"), &server.url("/")]);
    assert_eq!(again.code, Some(0));
    assert_eq!(again.out.matches("is in the configuration already").count(), 2, "{again:?}");
    assert_eq!(config(&home).matches("[[feeds]]").count(), 1);
}

#[test]
fn every_command_knows_an_added_feed_by_its_title_before_its_first_poll() {
    let server = server();
    server.put("/other", Page::ok(rss("Other", &[item(3)])));
    server.put("/same", Page::ok(rss("Other", &[item(4)])));
    let home = Home::new(&format!("{KEPT}[[feeds]]\nurl = \"{}\"\n", server.url("/rss.xml")));
    home.poll();
    home.ok(&["feeds", "add", &server.url("/f")]);
    assert_eq!(home.ok(&["export", "--feed", "Found"]), "");
    assert!(home.ok(&["explain", "Found"]).contains("new"));
    let polled = home.json(&["poll", "Found", "--json"]);
    assert_eq!(polled["polled"], 1, "{polled}");
    home.ok(&["feeds", "add", &server.url("/other"), "--tag", "later"]);
    assert_eq!(home.ok(&["search", "title", "--feed", "Other", "--tag", "later"]), "");
    home.ok(&["feeds", "reset", "Other"]);
    // A name is only given once.
    let out = home.ok(&["feeds", "add", &server.url("/same")]);
    assert!(out.contains("another feed has this name"), "{out}");
    assert_eq!(config(&home).matches("name = \"Other\"").count(), 1);
    home.ok(&["feeds", "remove", "Other"]);
    assert!(!config(&home).contains("/other"));
    home.ok(&["check"]);
}

#[test]
fn relative_file_addresses_start_at_the_current_folder_or_the_configuration() {
    let home = Home::new(KEPT);
    fs::create_dir_all(home.path("conf/lists")).unwrap();
    for (n, name) in (0_u32..).zip(["here.xml", "conf/beside.xml", "conf/lists/a b.xml"]) {
        fs::write(home.path(name), rss(name, &[item(n)])).unwrap();
    }
    let toml = "[[feeds]]\nurl = \"file:beside.xml\"\n[[feeds]]\nurl = \"file:lists/a%20b.xml\"\n";
    fs::write(home.path("conf/gazetted.toml"), toml).unwrap();
    let folder = home.folder().canonicalize().unwrap().display().to_string();
    let run =
        |arguments: &[&str]| home.ok(&[&["--config", "conf/gazetted.toml"], arguments].concat());
    let out = run(&["feeds", "add", "file:here.xml"]);
    assert!(out.contains(&format!("file://{folder}/here.xml")), "{out}");
    let out = run(&["inspect", "file:conf/beside.xml"]);
    assert!(out.contains(&format!("file://{folder}/conf/beside.xml")), "{out}");
    // As in the configuration, and from here.
    for text in ["file:beside.xml", "file:conf/beside.xml", "FILE:lists/a%20b.xml", "file:here.xml"]
    {
        let polled: serde_json::Value =
            serde_json::from_str(&run(&["poll", text, "--json"])).unwrap();
        assert_eq!(polled["polled"], 1, "{text}: {polled}");
        run(&["explain", text]);
        assert!(!run(&["export", "--with-duplicates", "--feed", text]).is_empty(), "{text}");
    }
    assert!(run(&["feeds", "remove", "file:beside.xml"]).contains("conf/beside.xml"));
    let ran = home.run(&["inspect", "file:none.xml"]);
    assert!(ran.err.contains(&format!("file://{folder}/none.xml")), "{ran:?}");
}

#[test]
fn failing_feeds_are_listed_with_the_whole_reason_below_the_table() {
    let server = server();
    let home = Home::with_feeds(&[server.url("/f"), server.url("/about"), server.url("/none")]);
    home.poll_with_failures();
    let out = home.ok(&["feeds"]);
    let (table, reasons) = out.split_at(out.find("\n2 http").unwrap());
    assert!(!table.contains('…') && table.lines().count() == 4, "{out}");
    for part in ["/about, failing for ", ": this is a web page", "\n3 http", "/none, failing"] {
        assert!(reasons.contains(part), "{part}: {out}");
    }
    let failing = home.json(&["feeds", "--failing", "--json"]);
    assert_eq!(failing.as_array().unwrap().len(), 2, "{failing}");
    assert!(!home.ok(&["feeds", "list", "--failing"]).contains("Found"));
}

#[test]
fn nothing_is_written_for_an_address_without_a_feed() {
    let server = Server::start();
    server.put("/", page(""));
    let home = Home::new(KEPT);
    let asked = server.url("/");
    let ran = home.run(&["feeds", "add", &asked]);
    assert_eq!((ran.code, config(&home).as_str()), (Some(1), KEPT));
    assert!(ran.err.contains("this is a web page") && ran.err.contains("usual places"), "{ran:?}");
    assert!(server.total() <= 12, "{}", server.total());
    // An existing feed is written anyway.
    server.put("/f", Page::ok(rss("Found", &[item(1)])));
    let both = home.run(&["feeds", "add", &asked, &server.url("/f")]);
    assert_eq!(both.code, Some(1));
    assert!(config(&home).contains(&server.url("/f")));
}

#[test]
fn a_private_address_needs_an_option() {
    let server = server();
    let home = Home::empty();
    home.configure_exactly("[store]\npath = \"a.db\"\n");
    let url = server.url("/f");
    let refused = home.run(&["feeds", "add", &url]);
    assert!(refused.code == Some(1) && refused.err.contains("--allow-private"), "{refused:?}");
    assert_eq!(server.total(), 0);
    home.ok(&["feeds", "add", &url, "--allow-private"]);
    let added = format!("url = \"{url}\"\nname = \"Found\"\nallow_private = true\n");
    assert!(config(&home).ends_with(&added), "{}", config(&home));
    home.poll();
}

#[test]
fn a_page_cannot_name_a_file_or_another_private_host() {
    let server = server();
    let home = Home::empty();
    let before = "[store]\npath = \"a.db\"\n";
    home.configure_exactly(before);
    fs::write(home.path("feed.xml"), rss("Secret", &[item(1)])).unwrap();
    let file = format!("file://{}", home.path("feed.xml").display());
    let elsewhere = server.url("/f").replace("127.0.0.1", "127.0.0.2");
    for named in [file, elsewhere] {
        let link = format!("<link rel=alternate type='application/rss+xml' href='{named}'>");
        server.put("/page", Page::ok(format!("<html><head>{link}")));
        let asked = server.total();
        let ran = home.run(&["feeds", "add", &server.url("/page"), "--allow-private"]);
        assert!(!config(&home).contains(&named), "{named}: {ran:?}");
        assert!(!ran.out.contains("Secret"), "{named}: {ran:?}");
        assert!(asked < server.total());
        home.configure_exactly(before);
    }
    let two = [server.url("/f"), server.url("/g")];
    let ran = home.run(&["feeds", "add", &two[0], &two[1], "--allow-private"]);
    assert!(ran.err.contains("one address"), "{ran:?}");
}

#[test]
fn passwords_are_refused_and_not_repeated() {
    let home = Home::new(KEPT);
    let ran = home.run(&["feeds", "add", "https://me:hunter2@a.example/f"]);
    assert_eq!((ran.code, config(&home).as_str()), (Some(1), KEPT));
    assert!(ran.err.contains("basic_auth") && !ran.err.contains("hunter2"), "{}", ran.err);
    let list =
        "<opml><body><outline text='A' xmlUrl='https://me:hunter2@a.example/f'/></body></opml>";
    fs::write(home.path("a.opml"), list).unwrap();
    let ran = home.run(&["feeds", "import", "a.opml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("a.opml:1:") && !ran.err.contains("hunter2"), "{}", ran.err);
}

#[test]
fn a_configuration_that_would_have_faults_is_not_written() {
    let before = format!("{KEPT}\n[[feeds]]\nurl = \"https://a.example/\"\nname = \"A\"\n");
    let home = Home::new(&before);
    let ran = home.run(&["feeds", "add", "https://b.example/", "--untried", "--name", "A"]);
    assert_eq!((ran.code, config(&home)), (Some(78), before));
    assert!(ran.err.contains("another feed has this name"), "{}", ran.err);
}

#[test]
fn a_removed_feed_keeps_its_articles_and_its_neighbours_their_comments() {
    let home =
        Home::new("include = [\"more.toml\"]\n\n# The one.\n[[feeds]]\nurl = \"file:a.xml\"\n");
    let more = "# The other.\n[[feeds]]\nurl = \"file:b.xml\"\n\n# The third.\n[[feeds]]\nurl = \"file:c.xml\"\n";
    fs::write(home.path("more.toml"), more).unwrap();
    for (name, n) in [("a", 1), ("b", 2), ("c", 3)] {
        fs::write(home.path(&format!("{name}.xml")), rss(name, &[item(n)])).unwrap();
    }
    home.poll();
    let out = home.ok(&["feeds", "remove", "b"]);
    assert!(out.contains("its 1 article stay"), "{out}");
    let left = fs::read_to_string(home.path("more.toml")).unwrap();
    assert_eq!(left, "# The third.\n[[feeds]]\nurl = \"file:c.xml\"\n");
    home.poll();
    assert_eq!(home.articles().len(), 3);
    let ran = home.run(&["feeds", "remove", "b"]);
    assert!(ran.code == Some(1) && ran.err.contains("already"), "{ran:?}");
    let ran = home.run(&["feeds", "remove", "nonsense"]);
    assert!(ran.code == Some(1) && ran.err.contains("there is no feed"), "{ran:?}");
}

#[test]
fn a_list_of_feeds_is_exported_and_imported() {
    let home = Home::new(KEPT);
    let list = "<?xml version='1.0'?>\n<opml version='2.0'><body>\n<outline text='News'>\n\
        <outline text='A &amp; B' type='rss' xmlUrl='https://a.example/f?x=1&amp;y=2'/>\n\
        <outline text='World'><outline text='C' xmlUrl='https://c.example/'/></outline>\n</outline>\n\
        <outline text='again' xmlUrl='http://c.example'/>\n<outline text='none' type='rss'/>\n\
        <outline text='C' xmlUrl='https://d.example/'/>\n<outline text='x' xmlUrl='ftp://e.example/'/>\n</body></opml>";
    fs::write(home.path("in.opml"), list).unwrap();
    let dry = home.json(&["feeds", "import", "in.opml", "--dry-run", "--json"]);
    assert_eq!((dry["added"].as_array().unwrap().len(), config(&home).as_str()), (3, KEPT));
    let ran = home.run(&["feeds", "import", "in.opml", "--tag", "in"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for part in [
        "3 feeds added, 1 there already, 2 invalid",
        "in.opml:8: the outline `none` has no xmlUrl",
        "in.opml:10: ",
    ] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    let feeds = home.json(&["feeds", "--json"]);
    let shown: Vec<String> = feeds
        .as_array()
        .unwrap()
        .iter()
        .map(|feed| format!("{}={} {}", feed["name"], feed["url"], feed["tags"]).replace('"', ""))
        .collect();
    assert_eq!(
        shown,
        [
            "A & B=https://a.example/f?x=1&y=2 [News,in]",
            "C=https://c.example/ [News,World,in]",
            "https://d.example/=https://d.example/ [in]",
        ]
    );
    let exported = home.ok(&["feeds", "export"]);
    fs::write(home.path("out.opml"), &exported).unwrap();
    home.configure(KEPT);
    home.ok(&["feeds", "import", "out.opml"]);
    assert_eq!(home.json(&["feeds", "--json"]), feeds);
    let again = home.run(&["feeds", "import", "out.opml"]);
    assert!(
        again.code == Some(0) && again.err.contains("0 feeds added, 3 there already"),
        "{again:?}"
    );
}

#[test]
fn a_reset_feed_is_requested_without_validators() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("F", &[item(1)])).header("ETag", "\"1\""));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll();
    home.poll();
    home.ok(&["feeds", "reset", "F"]);
    home.json(&["poll", "--json"]); // Due without being named.
    let asked = server.requests("/f");
    let conditional: Vec<bool> =
        asked.iter().map(|r| r.header("if-none-match").is_some()).collect();
    assert_eq!(conditional, [false, true, false]);
    assert_eq!(home.articles().len(), 1);
}

#[test]
fn a_reset_ends_the_pause_of_a_host_only_with_the_option() {
    let server = Server::start();
    server.put("/f", Page::status(429).header("Retry-After", "86400"));
    let home = Home::with_feeds(&[server.url("/f")]);
    home.poll_with_failures();
    server.put("/f", Page::ok(rss("F", &[item(1)])));
    let url = server.url("/f");
    home.ok(&["feeds", "reset", &url]);
    home.run(&["poll"]);
    assert_eq!(server.total(), 1);
    home.ok(&["feeds", "reset", &url, "--host"]);
    home.ok(&["poll"]);
    assert_eq!((server.total(), home.articles().len()), (2, 1));
}

#[test]
fn json_that_is_no_feed_is_read_by_a_map() {
    let home = Home::new(
        "[[feeds]]\nurl = \"file:a.json\"\nname = \"A\"\n[feeds.map]\nitems = \"data.list\"\nid = \"id\"\ntitle = \"head\"\n\
         url = \"path\"\ndate = \"at\"\nauthor = \"by.name\"\nimage = \"pics.0\"\ntags = \"topics\"\ncontent = \"text\"\n\
         base = \"https://a.example/\"\n",
    );
    let list = |title: &str| {
        format!(
            "{{\"data\":{{\"list\":[{{\"id\":7,\"head\":\"{title}\",\"path\":\"/1\",\"at\":1072986501,\"by\":{{\"name\":\"Ada\"}},\
             \"pics\":[\"/i.jpg\"],\"topics\":\"x, y\",\"text\":\"<p>b</p>\"}}]}}}}"
        )
    };
    fs::write(home.path("a.json"), list("One")).unwrap();
    let seen = home.json(&["inspect", "a.json", "--json"]);
    let article = &seen["articles"][0];
    for (key, expected) in [
        ("guid", "\"7\""),
        ("title", "\"One\""),
        ("url", "\"https://a.example/1\""),
        ("date_published", "\"2004-01-01T19:48:21Z\""),
        ("image", "\"https://a.example/i.jpg\""),
        ("tags", "[\"x\",\"y\"]"),
        ("authors", "[{\"name\":\"Ada\"}]"),
    ] {
        assert_eq!(article[key].to_string(), expected, "{key}");
    }
    home.poll();
    fs::write(home.path("a.json"), list("Two")).unwrap();
    home.poll();
    assert_eq!(home.each("title"), ["Two"]); // An edit, as it has the same id.
    fs::write(home.path("a.json"), "{\"data\":{\"items\":[]}}").unwrap();
    let failed = home.run(&["inspect", "a.json"]);
    assert!(failed.err.contains("there is no `list` in an object of items"), "{}", failed.err);
}

#[test]
fn a_fault_in_a_map_is_reported_with_its_place() {
    let home = Home::new(
        "[[feeds]]\nurl = \"https://a.example/\"\nmap = { items = \"a..b\", titel = \"x\", base = \"ftp://b.example/\" }\n",
    );
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, Some(78));
    for part in [
        "is no path",
        "did you mean `title`?",
        "tells entries apart by nothing",
        "not an http or https URL",
    ] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}

#[test]
fn a_news_sitemap_is_inspected_like_any_feed() {
    let home = Home::empty();
    let sitemap = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/feeds/news.xml");
    let seen = home.json(&["inspect", sitemap, "--json"]);
    let articles = seen["articles"].as_array().unwrap();
    assert!(1 < articles.len(), "{seen}");
    for article in articles {
        for key in ["title", "url", "date_published"] {
            assert!(article[key].is_string(), "{key}: {article}");
        }
    }
}

#[test]
fn a_page_instead_of_a_feed_offers_its_feeds() {
    let server = server();
    let home = Home::with_feeds(&[server.url("/")]);
    home.poll_with_failures();
    let wanted = format!("gazetted feeds add '{}'", server.url("/f"));
    for arguments in [&["feeds"][..], &["explain", "1"], &["inspect", &server.url("/")]] {
        let ran = home.run(arguments);
        assert!(format!("{}{}", ran.out, ran.err).contains(&wanted), "{arguments:?}: {ran:?}");
    }
    let offers = home.json(&["feeds", "--json"])[0]["offers"].clone();
    assert_eq!(offers, serde_json::json!([server.url("/gone"), server.url("/f")]));
}

#[test]
fn check_online_says_which_feeds_would_fail_and_stores_nothing() {
    let server = server();
    let urls = ["/f", "/old", "/none", "/"].map(|path| server.url(path));
    let home = Home::with_feeds(&urls);
    let ran = home.run(&["check", "--online"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in
        ["4 feeds asked, 2 would fail", "has moved for good to", "no such feed", "it announces"]
    {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
    assert_eq!(server.total(), 5); // One each, and the redirect's target.
    assert!(!home.has_store());
    let json = home.run(&["check", "--online", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let fine: Vec<_> = report["online"].as_array().unwrap().iter().map(|one| &one["ok"]).collect();
    assert_eq!(fine, [true, true, false, false]);
    let good = Home::with_feeds(&urls[..1]);
    assert!(good.ok(&["check", "--online"]).contains("1 feed asked, all can be read"));
}

#[test]
fn a_web_page_is_read_by_the_selectors_of_the_map() {
    let server = Server::start();
    let card = |n: u8| {
        format!(
            "<article class=card><h2><a href='/n/{n}'>Title {n}</a></h2><time datetime='2024-08-20T0{n}:00:00Z'>x</time>\
             <div class=body><p>Text {n}</p><script>x</script></div></article>"
        )
    };
    server.put("/news", page(&(card(1) + &card(2))));
    let home = Home::new(&format!(
        "[[feeds]]\nurl = \"{}\"\nmap = {{ items = \"article.card\", title = \"h2\", url = \"h2 > a@href\", \
         date = \"time@datetime\", content = \".body\" }}\n",
        server.url("/news")
    ));
    home.poll();
    let articles = home.articles();
    let shown: Vec<_> = articles
        .iter()
        .map(|article| {
            let text = |key: &str| article[key].as_str().unwrap_or_default().to_owned();
            [text("title"), text("url"), text("date_published"), text("content_html")]
        })
        .collect();
    let expected = |n: u8| {
        [
            format!("Title {n}"),
            server.url(&format!("/n/{n}")),
            format!("2024-08-20T0{n}:00:00Z"),
            format!("<p>Text {n}</p>"),
        ]
    };
    assert_eq!(shown, [expected(2), expected(1)]);
}

/// The lists as the source of these readers writes them: folders, attributes of their own, and outlines that are no feeds.
const LISTS: [(&str, &str); 5] = [
    (
        "newsboat's urls",
        "https://sea.example/rss News \"~Sea\"\n\n# hills\nhttps://hill.example/atom \"far away\" \"!\"\n\
         \"query:Unread:unread = \\\"yes\\\"\"\n",
    ),
    (
        "newsboat",
        "<?xml version=\"1.0\"?>\n<opml version=\"1.0\">\n  <head>\n    <title>newsboat - Exported Feeds</title>\n  </head>\n\
         <body><outline type=\"rss\" xmlUrl=\"https://sea.example/rss\" htmlUrl=\"https://sea.example/\" title=\"Sea\"/>\n\
         <outline type=\"rss\" xmlUrl=\"https://hill.example/atom\" htmlUrl=\"\" title=\"\"/></body></opml>",
    ),
    (
        "miniflux",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml version=\"2.0\" xmlns:miniflux=\"https://miniflux.app/opml\">\n    \
         <head>\n        <title>Miniflux</title>\n        <dateCreated>Sat, 28 Nov 2026 10:00:00 UTC</dateCreated>\n    \
         </head>\n    <body>\n        <outline text=\"News\">\n            <outline title=\"Sea\" text=\"Sea\" type=\"rss\" \
         xmlUrl=\"https://sea.example/rss\" htmlUrl=\"https://sea.example/\" miniflux:scraperRules=\"article .text\" \
         miniflux:blocklistRules=\"(?i)lotto\" miniflux:crawler=\"true\"></outline>\n        </outline>\n        \
         <outline text=\"All\"><outline title=\"Hill\" text=\"Hill\" type=\"rss\" xmlUrl=\"https://hill.example/atom\" \
         miniflux:disabled=\"true\"></outline></outline>\n    </body>\n</opml>",
    ),
    (
        "FreshRSS",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml xmlns:frss=\"https://freshrss.org/opml\" version=\"2.0\">\n  <head>\
         <title>FreshRSS</title><dateCreated>Sat, 28 Nov 2026 10:00:00 +0100</dateCreated></head>\n  <body>\
         <outline text=\"Uncategorized\"/><outline text=\"News\"><outline text=\"Sea\" type=\"rss\" \
         xmlUrl=\"https://sea.example/rss\" htmlUrl=\"https://sea.example/\" description=\"A &amp; B\" \
         frss:priority=\"important\" frss:ttl=\"7200\" frss:cssFullContent=\"article .text\" \
         frss:cssContentFilter=\".ad, aside\" frss:CURLOPT_PROXY=\"proxy.example:1080\"/></outline><outline text=\"All\">\
         <outline text=\"Hill\" type=\"rss\" xmlUrl=\"https://hill.example/atom\" frss:ttl=\"-7200\"/>\
         <outline text=\"Page\" type=\"HTML+XPath\" xmlUrl=\"https://page.example/\" frss:xPathItem=\"//article\"/></outline>\
         </body>\n</opml>",
    ),
    (
        "Tiny Tiny RSS",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<opml version=\"1.0\">\n  <head>\n    <dateCreated>Sat, 28 Nov 2026 10:00:00 \
         +0000</dateCreated>\n    <title>Tiny Tiny RSS Feed Export</title>\n  </head>\n  <body>\n    <outline text=\"News\" \
         ttrssSortOrder=\"0\">\n      <outline type=\"rss\" text=\"Sea\" xmlUrl=\"https://sea.example/rss\" ttrssSortOrder=\"0\" \
         ttrssPurgeInterval=\"0\" ttrssUpdateInterval=\"0\" htmlUrl=\"https://sea.example/\"/>\n    </outline>\n    \
         <outline type=\"rss\" text=\"Hill\" xmlUrl=\"https://hill.example/atom\" ttrssSortOrder=\"0\" ttrssPurgeInterval=\"0\" \
         ttrssUpdateInterval=\"-1\"/>\n    <outline text=\"Empty\" ttrssSortOrder=\"0\"/>\n    <outline text=\"tt-rss-prefs\" \
         schema-version=\"151\"><outline pref-name=\"USER_TIMEZONE\" value=\"UTC\"/></outline><outline text=\"tt-rss-labels\" \
         schema-version=\"151\"><outline label-name=\"later\" label-fg-color=\"\" label-bg-color=\"\"/></outline>\
         <outline text=\"tt-rss-filters\" schema-version=\"151\"><outline filter-type=\"2\"><![CDATA[{\"enabled\":true,\"rules\":[\
         {\"reg_exp\":\"<outline xmlUrl='https://no.example/'>\"}]}]]></outline></outline>\n  </body>\n</opml>\n",
    ),
];

#[test]
fn the_lists_of_other_readers_are_imported_with_their_folders_as_tags_and_their_settings_as_keys() {
    let pages = "full_text = true\nselect = \"article .text\"\n";
    let sea = "[[feeds]]\nurl = \"https://sea.example/rss\"\nname = \"Sea\"\n";
    let hill = "\n[[feeds]]\nurl = \"https://hill.example/atom\"\n";
    let off = format!("{hill}name = \"Hill\"\ntags = [\"All\"]\nenabled = false\n");
    let remove = "remove = [\".ad, aside\"]\n";
    let news = format!("{sea}tags = [\"News\"]\n");
    let freshrss = ["added without frss:CURLOPT_PROXY", "`Page` is no feed", "1 invalid"];
    let query = ["list.opml:5: ", "a search is no feed", "1 invalid"];
    for ((reader, list), (expected, notes)) in LISTS.into_iter().zip([
        (format!("{news}{hill}tags = [\"far away\"]\n"), &query[..]),
        (format!("{sea}{hill}"), &["0 invalid"]),
        (format!("{news}{pages}{off}"), &["added without miniflux:blocklistRules", "0 invalid"]),
        (format!("{news}{pages}{remove}{off}"), &freshrss),
        (format!("{news}{hill}name = \"Hill\"\nenabled = false\n"), &["0 invalid"]),
    ]) {
        let home = Home::empty();
        home.configure_exactly("");
        fs::write(home.path("list.opml"), list).unwrap();
        let ran = home.run(&["feeds", "import", "list.opml"]);
        assert_eq!(ran.code, Some(0), "{reader}: {ran:#?}");
        assert_eq!(home.config(), expected, "{reader}");
        for note in notes {
            assert!(ran.err.contains(note), "{reader}: {note}: {}", ran.err);
        }
        home.ok(&["check"]);
        let again = home.run(&["feeds", "import", "list.opml"]);
        assert!(again.err.contains("0 feeds added, 2 there already"), "{reader}: {again:#?}");
    }
}

#[test]
fn what_a_list_says_cannot_reach_the_environment_or_make_the_configuration_faulty() {
    let home = Home::empty();
    home.configure_exactly("");
    let list = "<opml><body><outline text=\"A ${HOME}\" xmlUrl=\"https://a.example/?k=${HOME}\" \
        frss:cssFullContent=\"p[[\" frss:cssContentFilter=\".ad&#10;, \t.b\"/></body></opml>";
    fs::write(home.path("list.opml"), list).unwrap();
    let ran = home.run(&["feeds", "import", "list.opml"]);
    assert!(ran.err.contains("added without the selector of the text"), "{ran:#?}");
    let feeds = home.json(&["feeds", "--json"]);
    assert_eq!(feeds[0]["url"], "https://a.example/?k=$%7BHOME}");
    assert_eq!(feeds[0]["name"], "A ${HOME}");
    let again = home.run(&["feeds", "import", "list.opml"]);
    assert!(again.err.contains("0 feeds added, 1 there already"), "{again:#?}");
}

#[test]
fn a_page_cannot_send_a_variable_of_the_environment_to_a_server() {
    let server = server();
    server
        .put("/page", page("<link rel=alternate type='application/rss+xml' href='/v?k=${HOME}'>"));
    for path in ["/v?k=${HOME}", "/v?k=$%7BHOME}"] {
        server.put(path, Page::ok(rss("Found", &[item(1)])));
    }
    let home = Home::new("");
    home.ok(&["feeds", "add", &server.url("/page")]);
    assert!(config(&home).contains("/v?k=$%7BHOME}\""), "{}", config(&home));
    assert_eq!(home.poll()["added"], 1);
}

#[test]
fn a_change_of_the_list_names_the_daemon_only_if_one_runs_and_says_how_it_hears_of_it() {
    let feed = "[[feeds]]\nurl = \"file:news.xml\"\nname = \"News\"\n";
    for (top, running, expected) in [
        ("", false, None),
        ("", true, Some("applies this when it is reloaded: SIGHUP")),
        ("reload_on_change = true\n", true, Some("applies this within seconds")),
    ] {
        let home = Home::new(&format!("{top}{feed}"));
        fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
        let _daemon = running.then(|| Running::daemon(&home));
        let ran = home.run(&["feeds", "remove", "News"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        match expected {
            Some(words) => assert!(ran.err.contains(words), "{}", ran.err),
            None => assert!(!ran.err.contains("daemon"), "{}", ran.err),
        }
    }
}
