//! Titles, summaries and content.

use crate::{atom, atom03, check, json, rdf, rss};

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn titles_are_one_line_of_plain_text() {
    check(&[
        ("escaped markup", rss("<title>a &lt;b&gt;b&lt;/b&gt; c</title>"), "title=a b c"),
        ("markup", rss("<title>a <b>b</b> c</title>"), "title=a b c"),
        ("in CDATA", rss("<title><![CDATA[a & b]]></title>"), "title=a & b"),
        (
            "references in CDATA",
            rss("<title><![CDATA[a &amp; b &#8217;]]></title>"),
            "title=a & b ’",
        ),
        ("doubly escaped", rss("<title>a &amp;amp; b</title>"), "title=a & b"),
        ("HTML's entities", rss("<title>caf&eacute;&nbsp;&mdash; x</title>"), "title=café — x"),
        ("a name of two bytes", rss("<title>&alpha; &oelig; &Scaron;</title>"), "title=α œ Š"),
        (
            "a name that looked like a tag",
            rss("<title>the area &pi;r&sup2;</title>"),
            "title=the area πr²",
        ),
        ("twice escaped", rss("<title>&amp;beta; blockers</title>"), "title=β blockers"),
        (
            "an old name without semicolon",
            rss("<title>Caf&eacute au lait</title>"),
            "title=Café au lait",
        ),
        (
            "a query that looks like a name",
            rss("<title>x?a=1&copy=2</title>"),
            "title=x?a=1&copy=2",
        ),
        ("a bare ampersand", rss("<title>AT&T</title>"), "title=AT&T"),
        ("a bare less-than", rss("<title>1 < 2</title>"), "title=1 < 2"),
        ("an escaped less-than", rss("<title>1 &lt; 2</title>"), "title=1 < 2"),
        ("line breaks", rss("<title>\n a\n\tb </title>"), "title=a b"),
        ("a number beyond Unicode", rss("<title>a&#x110000;b</title>"), "title=ab"),
        ("halves of a pair", rss("<title>&#xD83D;&#xDE00;</title>"), "title=😀"),
        ("null", rss("<title>a&#0;b</title>"), "title=ab"),
        ("twice", rss("<title>a</title><title>b</title>"), "title=a"),
        ("media's beside its own", rss("<media:title>m</media:title><title>a</title>"), "title=a"),
        ("media's alone", rss("<media:title>m</media:title>"), "title=m"),
        ("dc's alone", rss("<dc:title>d</dc:title>"), "title=d"),
        (
            "itunes's beside its own",
            rss("<itunes:title>i</itunes:title><title>a</title>"),
            "title=a",
        ),
        ("two CDATA sections", rss("<title><![CDATA[a]]> <![CDATA[b]]></title>"), "title=a b"),
        (
            "none: from the text",
            rss("<description>&lt;p&gt;Hello world.&lt;/p&gt;</description>"),
            "html=<p>Hello world.</p>",
        ),
        (
            "atom, html",
            atom("<title type=\"html\">a &amp;lt;b&amp;gt; &lt;i&gt;c&lt;/i&gt;</title>"),
            "title=a <b> c",
        ),
        ("atom, text", atom("<title>1 &lt; 2 &amp;amp; 3</title>"), "title=1 < 2 & 3"),
        (
            "atom, xhtml",
            atom(
                "<title type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\">a <b>b</b> &lt;c&gt;</div></title>",
            ),
            "title=a b <c>",
        ),
        ("atom, an odd type", atom("<title type=\"text/plain\">a &amp; b</title>"), "title=a & b"),
        (
            "atom 0.3, escaped",
            atom03("<title type=\"text/html\" mode=\"escaped\">a &lt;b&gt;b&lt;/b&gt;</title>"),
            "title=a b",
        ),
        (
            "atom 0.3, base64",
            atom03("<title type=\"text/html\" mode=\"base64\">YSA8Yj5iPC9iPg==</title>"),
            "title=a b",
        ),
        ("JSON, markup", json("{\"id\":\"1\",\"title\":\"a <b>b</b> &amp; c\"}"), "title=a b & c"),
        (
            "JSON, null",
            json("{\"id\":\"1\",\"title\":null,\"content_text\":\"x\"}"),
            "html=<p>x</p>",
        ),
    ]);
}

#[test]
fn texts_are_found_and_kept_whole() {
    check(&[
        ("description", rss("<description>&lt;p&gt;x&lt;/p&gt;</description>"), "html=<p>x</p>"),
        ("description in CDATA", rss("<description><![CDATA[<p>x</p>]]></description>"), "html=<p>x</p>"),
        ("unescaped markup", rss("<description><p>x</p><p>y <b>z</b></p></description>"), "html=<p>x</p><p>y <b>z</b></p>"),
        ("content:encoded", rss("<description>s</description><content:encoded><![CDATA[<p>x</p>]]></content:encoded>"), "html=<p>x</p> | summary=s"),
        ("content:encoded first", rss("<content:encoded><![CDATA[<p>x</p>]]></content:encoded><description>s</description>"), "html=<p>x</p> | summary=s"),
        ("content:encoded, undeclared", "<rss><channel><item><content:encoded>&lt;p&gt;x&lt;/p&gt;</content:encoded></item></channel></rss>".into(), "html=<p>x</p>"),
        ("content:encoded, empty", rss("<description>s</description><content:encoded/>"), "html=s"),
        ("description and summary", rss("<description>A long description.</description><summary>Short.</summary>"), "summary=Short. | html=A long description."),
        ("xhtml:body", rss("<body xmlns=\"http://www.w3.org/1999/xhtml\"><p>x</p></body>"), "html=<p>x</p>"),
        ("body", rss("<body><p>x</p></body>"), "html=<p>x</p>"),
        ("fullitem", rss("<fullitem>&lt;p&gt;x&lt;/p&gt;</fullitem>"), "html=<p>x</p>"),
        ("dc:description", rss("<dc:description>x</dc:description>"), "html=x"),
        ("itunes:summary alone", rss("<itunes:summary>x</itunes:summary>"), "html=<p>x</p>"),
        ("media:description alone", rss("<media:description type=\"html\">&lt;p&gt;x&lt;/p&gt;</media:description>"), "html=<p>x</p>"),
        ("two CDATA sections", rss("<description><![CDATA[a]]><![CDATA[b]]></description>"), "html=ab"),
        ("an end of CDATA inside", rss("<description><![CDATA[a]]]]><![CDATA[>b]]></description>"), "html=a]]&gt;b"),
        ("relative addresses", rss("<description>&lt;a href=\"/x\"&gt;y&lt;/a&gt;</description>"), "html=<a href=\"https://example.org/x\" rel=\"noopener noreferrer\">y</a>"),
        ("atom, content", atom("<summary>s</summary><content type=\"html\">&lt;p&gt;x&lt;/p&gt;</content>"), "html=<p>x</p> | summary=s"),
        ("atom, xhtml content", atom("<content type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x &amp; y</p></div></content>"), "html=<p>x &amp; y</p>"),
        ("atom, prefixed xhtml", atom("<content type=\"xhtml\" xmlns:h=\"http://www.w3.org/1999/xhtml\"><h:div><h:p>x</h:p></h:div></content>"), "html=<p>x</p>"),
        ("atom, text", atom("<content type=\"text\">a &lt; b\n\nc</content>"), "html=<p>a &lt; b</p><p>c</p>"),
        ("atom, base64", atom("<content type=\"application/octet-stream\">PHA+eDwvcD4=</content>"), "html=<p>x</p>"),
        ("atom, elsewhere", atom("<content type=\"text/html\" src=\"https://a.example/c\"/><summary>s</summary>"), "html=<p>s</p>"),
        ("atom, a base of the content", atom("<content type=\"html\" xml:base=\"https://b.example/\">&lt;a href=\"x\"&gt;y&lt;/a&gt;</content>"), "html=<a href=\"https://b.example/x\" rel=\"noopener noreferrer\">y</a>"),
        ("atom, an empty content", atom("<content/><summary>s</summary>"), "html=<p>s</p>"),
        ("atom, upper-case type", atom("<content type=\"HTML\">&lt;p&gt;x&lt;/p&gt;</content>"), "html=<p>x</p>"),
        ("rdf", rdf("<item><content:encoded><![CDATA[<p>x</p>]]></content:encoded></item>"), "html=<p>x</p>"),
        ("JSON, both", json("{\"id\":\"1\",\"content_html\":\"<p>x</p>\",\"content_text\":\"y\",\"summary\":\"s\"}"), "html=<p>x</p> | summary=s"),
        ("JSON, text", json("{\"id\":\"1\",\"content_text\":\"a < b\"}"), "html=<p>a &lt; b</p>"),
    ]);
}
