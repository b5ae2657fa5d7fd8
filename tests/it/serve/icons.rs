//! The icons of the sites of feeds, with `favicons = true`.

use crate::support::feeds::{item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{now, wait_for};

const ICON: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,";

/// A server with a feed whose home page is there, too.
fn site(pages: &[(&str, Page)]) -> Server {
    let server = Server::start();
    let feed = rss("Harbour News", &[item(1)])
        .replace("https://news.example/<", &format!("{}<", server.url("/")));
    server.put("/f", Page::ok(feed));
    for (path, page) in pages {
        server.put(path, page.clone());
    }
    server
}

/// A store with the feed, and a daemon with these lines of `[server]`.
fn daemon(server: &Server, more: &str, feed: &str) -> (Home, Running) {
    let home = Home::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic = true\n{more}\n[schedule]\nevery = \"1h\"\n\
         [[feeds]]\nurl = \"{}\"\n{feed}\n",
        server.url("/f"),
    ));
    home.ok(&["poll", "--all"]);
    let daemon = Running::daemon(&home);
    (home, daemon)
}

fn requested(server: &Server) -> Vec<String> {
    server
        .all_requests()
        .into_iter()
        .map(|request| request.path)
        .filter(|path| path != "/f")
        .collect()
}

/// The address of the icon on the front page.
fn icon_of(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<img class=\"icon\" src=\"")?;
    Some(rest.split('"').next()?.to_owned())
}

#[test]
fn the_icon_of_a_site_is_shown_beside_its_feed() {
    let server = site(&[("/favicon.ico", Page::ok(ICON).header("Content-Type", "text/html"))]);
    let headers = "headers = { Authorization = \"Bearer secret-of-the-feed\" }";
    let (home, daemon) = daemon(&server, "favicons = true", headers);
    let web = Site::of(&daemon);
    let address = wait_for("the icon", || icon_of(&web.text("/")));
    let article = format!("/articles/{}", home.each("id")[0]);
    for path in ["/?view=compact", "/feeds", "/feeds/1", &article] {
        assert_eq!(icon_of(&web.text(path)).as_ref(), Some(&address), "{path}");
    }
    let icon = web.get(&address);
    assert_eq!((icon.status, &*icon.body), (200, ICON));
    assert_eq!(
        icon.header("content-type"),
        Some("image/gif"),
        "what the server says does not count"
    );
    assert_eq!(icon.header("x-content-type-options"), Some("nosniff"));
    assert!(icon.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(web.get("/icons/0").status, 404);
    assert_eq!(requested(&server), ["/favicon.ico"]);
    // No credentials of the feed are sent, and it says what it wants.
    let requests = server.all_requests();
    let request = requests.iter().find(|request| request.path == "/favicon.ico").unwrap();
    assert_eq!(request.header("authorization"), None);
    assert!(request.header("accept").unwrap().starts_with(b"image/png"));
}

#[test]
fn without_an_image_at_the_usual_address_the_home_page_names_the_icon() {
    let page = "<html><head><link rel=icon type=image/svg+xml href=/i.svg><link rel='shortcut icon' href=/i.gif>";
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let server =
        site(&[("/favicon.ico", Page::ok(svg)), ("/", Page::ok(page)), ("/i.gif", Page::ok(ICON))]);
    let (_home, daemon) = daemon(&server, "favicons = true", "");
    let web = Site::of(&daemon);
    let address = wait_for("the icon", || icon_of(&web.text("/")));
    assert_eq!(web.get(&address).body, ICON);
    assert_eq!(requested(&server), ["/favicon.ico", "/", "/i.gif"]);
}

/// Counts the sites that are asked again in a week and of which this is true.
fn waiting_a_week(condition: &str) -> String {
    let minute_ago = now().timestamp() - 60;
    format!(
        "SELECT count(*) FROM site_icon WHERE (next_at - {minute_ago}) / 86400 = 7 AND {condition}"
    )
}

#[test]
fn a_known_icon_is_requested_again_conditionally() {
    let server = site(&[("/favicon.ico", Page::ok(ICON).header("ETag", "\"1\""))]);
    let (home, first) = daemon(&server, "favicons = true", "");
    let address = wait_for("the icon", || icon_of(&Site::of(&first).text("/")));
    drop(first);
    home.execute("UPDATE site_icon SET next_at = 0");
    let again = Running::daemon(&home);
    wait_for("the next request", || {
        (home.number(&waiting_a_week("failures = 0")) == 1).then_some(())
    });
    let requests = server.all_requests();
    let of_icon: Vec<_> = requests.iter().filter(|request| request.path != "/f").collect();
    let sent: Vec<_> = of_icon.iter().map(|request| request.header("if-none-match")).collect();
    assert_eq!(sent, [None, Some(&b"\"1\""[..])]);
    assert_eq!(icon_of(&Site::of(&again).text("/")), Some(address));
}

#[test]
fn a_site_without_an_icon_is_left_alone_for_a_week() {
    let busy = Page::status(503).header("Retry-After", "1209600");
    let large = Page::ok([ICON, &vec![0; 70_000]].concat());
    let servers = [Page::status(404), busy, large].map(|page| site(&[("/favicon.ico", page)]));
    let [first, others @ ..] = &servers;
    let others =
        others.each_ref().map(|other| format!("[[feeds]]\nurl = \"{}\"\n", other.url("/f")));
    let (home, daemon) = daemon(first, "favicons = true", &others.concat());
    wait_for("the attempts", || {
        (home.number(&waiting_a_week("failures = 1 AND hash IS NULL")) == 3).then_some(())
    });
    assert_eq!(icon_of(&Site::of(&daemon).text("/feeds")), None);
    let all = servers.each_ref().map(requested);
    // The server that demands a wait receives no second request.
    assert_eq!(all, [vec!["/favicon.ico", "/"], vec!["/favicon.ico"], vec!["/favicon.ico", "/"]]);
}

#[test]
fn no_icon_is_requested_unless_that_is_configured() {
    let server = site(&[("/favicon.ico", Page::ok(ICON))]);
    let (_home, daemon) = daemon(&server, "", "");
    let web = Site::of(&daemon);
    let page = web.text("/");
    assert!(icon_of(&page).is_none() && !page.contains("/icons/"), "{page}");
    assert_eq!(web.get("/icons/0").status, 404);
    assert_eq!(requested(&server), [""; 0]);
}

#[test]
fn the_sites_of_private_and_disabled_feeds_are_not_asked() {
    let [server, private, disabled] = [(); 3].map(|()| site(&[("/favicon.ico", Page::ok(ICON))]));
    let more = format!(
        "[[feeds]]\nurl = \"{}\"\nprivate = true\nname = \"Paid\"\n\
         [[feeds]]\nurl = \"{}\"\nenabled = false\nname = \"Off\"",
        private.url("/f"),
        disabled.url("/f"),
    );
    let (home, daemon) = daemon(&server, "favicons = true", &more);
    // On the front page the article may be that of another feed, because it is the same in all of them.
    wait_for("the icon", || icon_of(&Site::of(&daemon).text("/feeds")));
    assert_eq!((requested(&private), requested(&disabled)), (Vec::new(), Vec::new()));
    assert_eq!(home.number("SELECT count(*) FROM site_icon"), 1);
}
