//! The address of the page of an entry.

use crate::{atom, atom03, check, json, rdf, rss};

#[test]
fn an_entrys_address_is_found() {
    check(&[
        ("plain", rss("<link>https://a.example/1</link>"), "url=https://a.example/1"),
        ("white space around", rss("<link>\n  https://a.example/1\n </link>"), "url=https://a.example/1"),
        ("in CDATA", rss("<link><![CDATA[https://a.example/?a=1&b=2]]></link>"), "url=https://a.example/?a=1&b=2"),
        ("bare ampersands", rss("<link>https://a.example/?a=1&b=2</link>"), "url=https://a.example/?a=1&b=2"),
        ("doubly escaped", rss("<link>https://a.example/?a=1&amp;amp;b=2</link>"), "url=https://a.example/?a=1&b=2"),
        ("relative", rss("<link>/1</link>"), "url=https://example.org/1"),
        ("relative to the folder", rss("<link>1</link>"), "url=https://example.org/dir/1"),
        ("without a scheme", rss("<link>//a.example/1</link>"), "url=https://a.example/1"),
        ("spaces inside", rss("<link>https://a.example/a b</link>"), "url=https://a.example/a%20b"),
        ("letters beyond ASCII", rss("<link>https://a.example/é</link>"), "url=https://a.example/%C3%A9"),
        ("a host beyond ASCII", rss("<link>https://bücher.example/1</link>"), "url=https://xn--bcher-kva.example/1"),
        ("tracking parameters", rss("<link>https://a.example/1?utm_source=rss&amp;id=5&amp;utm_medium=x</link>"), "url=https://a.example/1?id=5"),
        ("empty, GUID an address", rss("<link/><guid>https://a.example/g</guid>"), "url=https://a.example/g"),
        ("as an attribute", rss("<link href=\"https://a.example/1\"/>"), "url=https://a.example/1"),
        ("atom:link", rss("<atom:link href=\"https://a.example/1\"/>"), "url=https://a.example/1"),
        ("atom:link of another kind", rss("<atom:link rel=\"replies\" href=\"https://a.example/c\"/><link>https://a.example/1</link>"), "url=https://a.example/1"),
        ("a program", rss("<link>javascript:alert(1)</link>"), "url="),
        ("a mail address", rss("<link>mailto:a@b.example</link>"), "url="),
        ("only comments", rss("<comments>https://a.example/c</comments>"), "url="),
        ("only an enclosure", rss("<enclosure url=\"https://a.example/a.mp3\"/>"), "url=https://a.example/a.mp3"),
        ("feedburner's original", rss("<link>https://feeds.example/~r/1</link><feedburner:origLink>https://a.example/1</feedburner:origLink>"), "guid="),
        ("xml:base", rss("<link xml:base=\"https://b.example/x/\">1</link>"), "url=https://b.example/x/1"),
        ("atom, no rel", atom("<link href=\"https://a.example/1\"/>"), "url=https://a.example/1"),
        ("atom, alternate after others", atom("<link rel=\"self\" href=\"https://a.example/s\"/><link rel=\"edit\" href=\"https://a.example/e\"/><link rel=\"alternate\" href=\"https://a.example/1\"/>"), "url=https://a.example/1"),
        ("atom, rel as an address", atom("<link rel=\"http://www.iana.org/assignments/relation/alternate\" href=\"https://a.example/1\"/>"), "url=https://a.example/1"),
        ("atom, upper-case rel", atom("<link rel=\"ALTERNATE\" href=\"https://a.example/1\"/>"), "url=https://a.example/1"),
        ("atom, a page before a PDF", atom("<link rel=\"alternate\" type=\"application/pdf\" href=\"https://a.example/1.pdf\"/><link rel=\"alternate\" type=\"text/html\" href=\"https://a.example/1\"/>"), "url=https://a.example/1"),
        ("atom, an enclosure and no link", atom("<link rel=\"enclosure\" href=\"https://a.example/1.mp3\"/>"), "url=https://a.example/1.mp3 | files=https://a.example/1.mp3"),
        ("atom, as text", atom("<link>https://a.example/1</link>"), "url=https://a.example/1"),
        ("atom, a base of the entry", "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://b.example/'><entry xml:base='x/'><link href='1'/></entry></feed>".into(), "url=https://b.example/x/1"),
        ("atom, nested bases", "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://b.example/'><entry xml:base='x/'><link xml:base='../y/' href='1'/></entry></feed>".into(), "url=https://b.example/y/1"),
        ("atom 0.3", atom03("<link rel=\"alternate\" type=\"text/html\" href=\"https://a.example/1\"/>"), "url=https://a.example/1"),
        ("rdf", rdf("<item rdf:about=\"urn:x\"><link>https://a.example/1</link></item>"), "url=https://a.example/1"),
        ("rdf, a resource", rdf("<item rdf:about=\"urn:x\"><link rdf:resource=\"https://a.example/1\"/></item>"), "url=https://a.example/1"),
        ("JSON", json("{\"id\":\"1\",\"url\":\"https://a.example/1\",\"external_url\":\"https://e.example/\"}"), "url=https://a.example/1 | external=https://e.example/"),
        ("JSON, only external", json("{\"id\":\"1\",\"external_url\":\"https://e.example/\"}"), "url=https://e.example/"),
        ("JSON, relative", json("{\"id\":\"1\",\"url\":\"/1\"}"), "url=https://example.org/1"),
        ("JSON, the id an address", json("{\"id\":\"https://a.example/1\"}"), "url=https://a.example/1"),
    ]);
}

/// A channel of RSS 2.0 with its link, and one item.
fn site(link: &str, item: &str) -> String {
    format!(
        "<rss version=\"2.0\" xmlns:feedburner=\"http://rssnamespace.org/feedburner/ext/1.0\"><channel><item>{item}</item><link>{link}</link></channel></rss>"
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_relative_address_starts_from_the_article_else_from_the_site() {
    let text = "<description><![CDATA[<a href=\"#n\">x</a><img src=\"c.png\">]]></description>";
    let at = |page: &str, folder: &str| {
        format!(
            "html=<a href=\"{page}#n\" rel=\"noopener noreferrer\">x</a><img src=\"{folder}c.png\">"
        )
    };
    let both = |page: &str| at(page, page);
    let (home, post) = ("https://a.example/", "https://a.example/p/1/");
    let feed = |bases: &str, link: &str, content: &str| {
        format!(
            "<feed xmlns='http://www.w3.org/2005/Atom'{bases}><link href='{home}'/><entry>{link}<content type='html'>{content}</content></entry></feed>"
        )
    };
    let escaped = "&lt;a href=\"#n\"&gt;x&lt;/a&gt;&lt;img src=\"c.png\"&gt;";
    let linked = format!("<link href='{post}'/>");
    for (name, body, expected) in [
        ("Atom", feed("", &linked, escaped), at(post, "https://example.org/dir/")),
        (
            "Atom, xml:base",
            feed(" xml:base='https://b.example/x/'", &linked, escaped),
            at(post, "https://b.example/x/"),
        ),
        (
            "Atom, no link",
            feed("", "", escaped),
            at("https://example.org/dir/feed", "https://example.org/dir/"),
        ),
        ("the article's link", site(home, &format!("<link>{post}</link>{text}")), both(post)),
        (
            "the article's link, relative",
            site(home, &format!("<link>p/1/</link>{text}")),
            both(post),
        ),
        ("the GUID", site(home, &format!("<guid>{post}</guid>{text}")), both(post)),
        (
            "a GUID that is a path",
            site(home, &format!("<guid isPermaLink=\"true\">/p/1/</guid>{text}")),
            both(post),
        ),
        ("the site", site(home, text), both(home)),
        (
            "a site that is relative is none",
            site("/blog/", text),
            at("https://example.org/dir/feed", "https://example.org/dir/"),
        ),
        (
            "the original of a republished link",
            site(
                home,
                &format!(
                    "<link>https://feedproxy.google.com/~r/1</link><feedburner:origLink>{post}</feedburner:origLink>{text}"
                ),
            ),
            both(post),
        ),
        (
            "a republished link",
            site(home, &format!("<link>https://feedproxy.google.com/~r/1</link>{text}")),
            both(home),
        ),
        (
            "a link blog",
            site(
                home,
                &format!(
                    "<link>https://b.example/</link><guid isPermaLink=\"true\">{post}</guid>{text}"
                ),
            ),
            both(post),
        ),
        (
            "an enclosure is no page",
            site(home, &format!("<enclosure url=\"https://b.example/1.mp3\"/>{text}")),
            both(home),
        ),
        ("tracking", site(home, &format!("<link>{post}?utm_source=rss</link>{text}")), both(post)),
        (
            "xml:base",
            format!(
                "<rss xml:base='https://b.example/x/'><channel><item><link>{post}</link>{text}</item></channel></rss>"
            ),
            at(post, "https://b.example/x/"),
        ),
        (
            "JSON",
            format!(
                "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"home_page_url\":\"{home}\",\"items\":[{{\"id\":\"1\",\"url\":\"/p/1/\",\"content_html\":\"<a href='#n'>x</a><img src='c.png'>\"}}]}}"
            ),
            both(post),
        ),
        (
            "JSON about another page",
            format!(
                "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"home_page_url\":\"{home}\",\"items\":[{{\"id\":\"1\",\"external_url\":\"https://b.example/\",\"content_html\":\"<a href='#n'>x</a><img src='c.png'>\"}}]}}"
            ),
            both(home),
        ),
    ] {
        check(&[(name, body, &*expected)]);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn links_and_files_start_from_the_site() {
    let home = "https://a.example/blog/";
    check(&[
        ("a link", site(home, "<link>1</link>"), "url=https://a.example/blog/1"),
        ("a link from the root", site(home, "<link>/1</link>"), "url=https://a.example/1"),
        (
            "a file beside its page",
            site(home, "<link>1/</link><enclosure url=\"x.mp3\"/>"),
            "files=https://a.example/blog/1/x.mp3",
        ),
        ("a file", site(home, "<enclosure url=\"x.mp3\"/>"), "files=https://a.example/blog/x.mp3"),
        (
            "a thumbnail",
            site(home, "<media:thumbnail url=\"/t.jpg\"/>"),
            "image=https://a.example/t.jpg",
        ),
        (
            "a GUID that is a path",
            site(home, "<guid isPermaLink=\"true\">/1</guid>"),
            "url=https://a.example/1",
        ),
        (
            "a GUID that is a query",
            site("/blog", "<guid isPermaLink=\"true\">?p=2</guid>"),
            "url=https://example.org/dir/feed?p=2",
        ),
        (
            "a GUID that is a file",
            site(home, "<guid isPermaLink=\" TRUE \">posts/1.html</guid>"),
            "url=https://a.example/blog/posts/1.html",
        ),
        ("a GUID that is a number", site(home, "<guid isPermaLink=\"true\">4711</guid>"), "url="),
        (
            "a GUID that is a name",
            site(home, "<guid isPermaLink=\"true\">tag:a.example,2024:/1</guid>"),
            "url=",
        ),
        ("a GUID that says nothing", site(home, "<guid>/1</guid>"), "url="),
        ("a GUID that is no link", site(home, "<guid isPermaLink=\"false\">/1</guid>"), "url="),
        (
            "a damaged link",
            rss("<link>http://https://a.example/1</link>"),
            "url=https://a.example/1",
        ),
        (
            "a damaged file",
            rss("<enclosure url=\" https: //a.example/x y.mp3 \"/>"),
            "files=https://a.example/x%20y.mp3",
        ),
        (
            "a damaged image",
            rss("<media:thumbnail url=\"https://a.examplehttps://b.example/t.jpg\"/>"),
            "image=https://b.example/t.jpg",
        ),
        (
            "a link without a scheme",
            rss("<link>www.a.example/1</link>"),
            "url=https://www.a.example/1",
        ),
        (
            "a file escaped twice",
            rss("<enclosure url=\"https://a.example/x?a=1&amp;amp;b=2\"/>"),
            "files=https://a.example/x?a=1&b=2",
        ),
        (
            "a GUID escaped twice",
            rss("<guid>https://a.example/?a=1&amp;#038;b=2</guid>"),
            "url=https://a.example/?a=1&b=2",
        ),
    ]);
}
