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
