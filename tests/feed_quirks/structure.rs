//! Root elements, nesting, namespaces, identifiers, and the metadata of the feed.

use crate::{atom, check, json, rdf, rss};

#[test]
fn entries_are_found_in_documents_of_every_structure() {
    let item = "<item><title>a</title><link>https://example.org/1</link></item>";
    check(&[
        ("rss without version", format!("<rss><channel>{item}</channel></rss>"), "titles=a | url=https://example.org/1"),
        ("rss 0.91 with a DOCTYPE", format!("<!DOCTYPE rss PUBLIC \"-//Netscape Communications//DTD RSS 0.91//EN\" \"http://my.netscape.com/publish/formats/rss-0.91.dtd\"><rss version=\"0.91\"><channel>{item}</channel></rss>"), "titles=a"),
        ("rss 2", format!("<rss version=\"2\"><channel>{item}</channel></rss>"), "titles=a"),
        ("rss 0.94", format!("<rss version=\"0.94\"><channel>{item}</channel></rss>"), "titles=a"),
        ("an own namespace", format!("<rss version=\"2.0\" xmlns=\"http://nobody.example/ns\"><channel>{item}</channel></rss>"), "titles=a"),
        ("rdf prefix of another name", format!("<r:RDF xmlns:r=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://purl.org/rss/1.0/\"><channel/>{item}</r:RDF>"), "titles=a"),
        ("rss 0.90", format!("<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://channel.netscape.com/rdf/simple/0.9/\"><channel><title>F</title></channel>{item}</rdf:RDF>"), "titles=a | feed.title=F"),
        ("rss 1.1", format!("<Channel xmlns=\"http://purl.org/net/rss1.1#\"><title>F</title><items>{item}</items></Channel>"), "titles=a | feed.title=F"),
        ("prefixed rss", "<rss:rss xmlns:rss=\"http://purl.org/rss/1.0/\"><rss:channel><rss:item><rss:title>a</rss:title></rss:item></rss:channel></rss:rss>".into(), "titles=a"),
        ("atom of a wrong namespace", "<feed xmlns=\"http://www.w3.org/2005/Atom/\"><entry><title>a</title></entry></feed>".into(), "titles=a"),
        ("atom without a namespace", "<feed><entry><title>a</title></entry></feed>".into(), "titles=a"),
        ("items in an atom feed", format!("<feed xmlns=\"http://www.w3.org/2005/Atom\">{item}</feed>"), "titles=a"),
        ("entries in a channel", "<rss><channel><entry><title>a</title></entry></channel></rss>".into(), "titles=a"),
        ("two channels", format!("<rss><channel>{item}</channel><channel>{item}<item><title>b</title></item></channel></rss>"), "titles=a,b"),
        ("an entry within text", "<rss><channel><item><title>a</title><description>&lt;item&gt;</description></item></channel></rss>".into(), "n=1"),
        ("CDF", "<CHANNEL HREF=\"https://example.org/\"><ITEM HREF=\"https://example.org/1\" LASTMOD=\"2004-04-06T23:05:43Z\"><TITLE>a</TITLE></ITEM></CHANNEL>".into(), "titles=a | url=https://example.org/1 | edited=2004-04-06T23:05:43Z"),
        ("a stylesheet before the root", format!("<?xml version=\"1.0\"?><?xml-stylesheet href=\"x\"?><rss><channel>{item}</channel></rss>"), "titles=a"),
        ("a comment before the declaration", format!("<!-- made by x --><?xml version=\"1.0\"?><rss><channel>{item}</channel></rss>"), "titles=a"),
        ("two declarations", format!("<?xml version=\"1.0\"?><?xml version=\"1.0\"?><rss><channel>{item}</channel></rss>"), "titles=a"),
        ("xml 1.1", format!("<?xml version=\"1.1\"?><rss><channel>{item}</channel></rss>"), "titles=a"),
        ("null bytes", format!("<rss>\0<channel>{item}\0</channel></rss>"), "titles=a"),
        ("a form feed", "<rss><channel><item><title>a\u{c}b</title></item></channel></rss>".into(), "titles=ab"),
        ("end tags in the wrong order", "<rss><channel><item><title>a</title><description><b><i>x</b></i></description></item><item><title>b</title></item></channel></rss>".into(), "titles=a,b"),
        ("an end tag too many", "<rss><channel><item><title>a</title></title></item></item><item><title>b</title></item></channel></rss>".into(), "titles=a,b"),
        ("unquoted attributes", "<rss version=2.0><channel><item><title>a</title><enclosure url=https://example.org/a.mp3 length=5 type=audio/mpeg></item></channel></rss>".into(), "titles=a | files=https://example.org/a.mp3 audio/mpeg 5"),
        ("an attribute twice", "<rss version=\"2.0\" version=\"2.0\"><channel><item><title>a</title></item></channel></rss>".into(), "titles=a"),
        ("a GUID twice with other links", "<rss><channel><item><guid>1</guid><link>https://example.org/1</link><title>a</title></item><item><guid>1</guid><link>https://example.org/2</link><title>b</title></item></channel></rss>".into(), "titles=a,b"),
        ("one item twice", format!("<rss><channel>{item}{item}</channel></rss>"), "titles=a"),
        ("an empty feed", "<rss version=\"2.0\"><channel><title>F</title></channel></rss>".into(), "n=0 | feed.title=F"),
        ("an empty atom feed", "<feed xmlns=\"http://www.w3.org/2005/Atom\"/>".into(), "n=0"),
        ("JSON without a version", "{\"items\":[{\"id\":\"1\",\"title\":\"a\"}]}".into(), "titles=a"),
        ("JSON version 1", "{\"version\":\"http://jsonfeed.org/version/1\",\"items\":[{\"id\":\"1\",\"title\":\"a\"}]}".into(), "titles=a"),
        ("JSON, items null", "{\"version\":\"https://jsonfeed.org/version/1\",\"title\":\"F\",\"items\":null}".into(), "n=0"),
    ]);
}

#[test]
fn identifiers_are_kept_as_they_are() {
    check(&[
        ("rss", rss("<guid isPermaLink=\"false\"> x-1 </guid>"), "guid=x-1 | url="),
        (
            "rss, an address",
            rss("<guid>https://example.org/1</guid>"),
            "guid=https://example.org/1 | url=https://example.org/1",
        ),
        (
            "rss, an address that is none",
            rss(
                "<guid isPermaLink=\"FALSE\">https://example.org/g</guid><link>https://example.org/1</link>",
            ),
            "guid=https://example.org/g | url=https://example.org/1",
        ),
        ("rss, in CDATA", rss("<guid><![CDATA[a&b]]></guid>"), "guid=a&b"),
        ("rss, empty", rss("<guid/><link>https://example.org/1</link>"), "guid="),
        ("rss, an atom id", rss("<atom:id>tag:x</atom:id>"), "guid=tag:x"),
        ("atom", atom("<id>urn:uuid:1</id>"), "guid=urn:uuid:1 | url="),
        (
            "atom, an address and no link",
            atom("<id>https://example.org/1</id>"),
            "url=https://example.org/1",
        ),
        (
            "rdf",
            rdf("<item rdf:about=\"https://example.org/1\"><title>a</title></item>"),
            "guid=https://example.org/1 | url=https://example.org/1",
        ),
        (
            "rdf, about and link",
            rdf("<item rdf:about=\"urn:1\"><link>https://example.org/1</link></item>"),
            "guid=urn:1 | url=https://example.org/1",
        ),
        ("dc:identifier", rss("<dc:identifier>doi:1</dc:identifier>"), "guid=doi:1"),
        ("JSON, a number", json("{\"id\":17}"), "guid=17"),
        (
            "JSON, a large number",
            json("{\"id\":12345678901234567890}"),
            "guid=12345678901234567890",
        ),
        (
            "JSON, none",
            json("{\"url\":\"https://example.org/1\"}"),
            "guid= | url=https://example.org/1",
        ),
    ]);
}

#[test]
fn the_metadata_of_the_feed_is_read() {
    let rss = |channel: &str| {
        format!(
            "<rss version=\"2.0\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" xmlns:atom=\"http://www.w3.org/2005/Atom\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><channel>{channel}</channel></rss>"
        )
    };
    let atom = |feed: &str| {
        format!("<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"de-AT\">{feed}</feed>")
    };
    check(&[
        ("rss", rss("<title>A &amp; B</title><link>https://example.org/</link><description>d</description><language>en-us</language>"), "feed.title=A & B | feed.home=https://example.org/ | feed.about=d | feed.language=en-US"),
        ("rss, doubly escaped", rss("<title>A &amp;amp; B &lt;i&gt;c&lt;/i&gt;</title>"), "feed.title=A & B c"),
        ("rss, relative", rss("<link>/</link>"), "feed.home=https://example.org/"),
        ("rss, self first", rss("<atom:link rel=\"self\" href=\"https://example.org/dir/feed\"/><link>https://example.org/</link>"), "feed.home=https://example.org/"),
        ("rss, image title", rss("<image><title>wrong</title><link>https://wrong.example/</link><url>x</url></image><title>right</title><link>https://example.org/</link>"), "feed.title=right | feed.home=https://example.org/"),
        ("rss, text input", rss("<textInput><title>wrong</title><link>https://wrong.example/</link></textInput><title>right</title>"), "feed.title=right"),
        ("dc:language", rss("<dc:language>fr</dc:language>"), "feed.language=fr"),
        ("itunes alone", rss("<itunes:summary>s</itunes:summary>"), "feed.about=s"),
        ("atom", atom("<title type=\"html\">A &amp;lt; B</title><subtitle>s</subtitle><link href=\"https://example.org/\"/><link rel=\"self\" href=\"/feed\"/>"), "feed.title=A < B | feed.about=s | feed.home=https://example.org/ | feed.language=de-AT"),
        ("atom 0.3", "<feed version=\"0.3\" xmlns=\"http://purl.org/atom/ns#\"><title>t</title><tagline>s</tagline><link rel=\"alternate\" href=\"https://example.org/\"/></feed>".into(), "feed.title=t | feed.about=s | feed.home=https://example.org/"),
        ("JSON", "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"A & B\",\"home_page_url\":\"/\",\"description\":\"d\",\"language\":\"en\",\"items\":[]}".into(), "feed.title=A & B | feed.home=https://example.org/ | feed.about=d | feed.language=en"),
    ]);
}

#[test]
fn what_a_feed_says_of_itself_is_found_in_every_vocabulary() {
    let channel = |inside: &str| {
        format!(
            "<rss version=\"2.0\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><channel>{inside}<item><title>a</title></item></channel></rss>"
        )
    };
    check(&[
        ("itunes:subtitle", channel("<itunes:subtitle>s</itunes:subtitle>"), "feed.about=s"),
        (
            "itunes:summary first",
            channel("<itunes:subtitle>s</itunes:subtitle><itunes:summary>l</itunes:summary>"),
            "feed.about=l",
        ),
        (
            "its own description first",
            channel("<itunes:summary>l</itunes:summary><description>d</description>"),
            "feed.about=d",
        ),
        (
            "an empty description",
            channel("<description> </description><itunes:subtitle>s</itunes:subtitle>"),
            "feed.about=s",
        ),
        (
            "its own title first",
            channel("<itunes:title>i</itunes:title><title>t</title>"),
            "feed.title=t",
        ),
        ("an empty title", channel("<title/><itunes:title>i</itunes:title>"), "feed.title=i"),
        (
            "the site of its image",
            channel("<image><url>/i.png</url><link>https://a.example/</link></image>"),
            "feed.home=https://a.example/",
        ),
        (
            "its own link first",
            channel(
                "<image><link>https://b.example/</link></image><link>https://a.example/</link>",
            ),
            "feed.home=https://a.example/",
        ),
        (
            "the owner",
            channel(
                "<itunes:owner><itunes:name>Ada</itunes:name><itunes:email>a@a.example</itunes:email></itunes:owner>",
            ),
            "authors=Ada/a@a.example",
        ),
        (
            "the author before the owner",
            channel(
                "<itunes:owner><itunes:name>Ltd</itunes:name></itunes:owner><itunes:author>Ada</itunes:author>",
            ),
            "authors=Ada",
        ),
        (
            "the language",
            channel("<dc:language>de</dc:language>"),
            "feed.language=de | language=de",
        ),
    ]);
}
