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
            "type parameters",
            rss("<title>List&lt;Boat&gt; and Vec&lt;T&gt;</title>"),
            "title=List<Boat> and Vec<T>",
        ),
        (
            "a CDATA section that was escaped",
            rss("<title>&lt;![CDATA[A &amp; B]]&gt;</title>"),
            "title=A & B",
        ),
        ("comparisons", rss("<title>if a&lt;b and c&gt;d</title>"), "title=if a<b and c>d"),
        ("a heart", rss("<title>I &lt;3 boats</title>"), "title=I <3 boats"),
        (
            "an address in brackets",
            rss("<title>Bob &lt;bob@example.org&gt;</title>"),
            "title=Bob <bob@example.org>",
        ),
        ("a mentioned tag", rss("<title>The &lt;em&gt; element</title>"), "title=The <em> element"),
        (
            "markup escaped twice",
            rss("<title>&amp;lt;i&amp;gt;Dune&amp;lt;/i&amp;gt;, a review</title>"),
            "title=Dune, a review",
        ),
        (
            "a mentioned tag, escaped twice",
            rss("<title>The &amp;lt;em&amp;gt; element</title>"),
            "title=The <em> element",
        ),
        (
            "a mentioned reference",
            rss("<title>What &amp;amp;lt; is for</title>"),
            "title=What &lt; is for",
        ),
        (
            "atom, type parameters",
            atom("<title type=\"html\">Vec&lt;T&gt;</title>"),
            "title=Vec<T>",
        ),
        (
            "JSON, type parameters",
            json("{\"id\":\"1\",\"title\":\"Vec<T> & co\"}"),
            "title=Vec<T> & co",
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

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn plain_text_stays_text() {
    check(&[
        (
            "lines",
            rss("<description>one\ntwo\n\nthree</description>"),
            "html=<p>one<br>two</p><p>three</p>",
        ),
        (
            "lines of content:encoded",
            rss("<content:encoded><![CDATA[one\r\n\r\ntwo & three]]></content:encoded>"),
            "html=<p>one</p><p>two &amp; three</p>",
        ),
        ("one line", rss("<description>one two</description>"), "html=one two"),
        (
            "references",
            rss("<description>caf&amp;eacute;\ntwo</description>"),
            "html=<p>café<br>two</p>",
        ),
        (
            "type parameters",
            rss("<description>A List&lt;Boat&gt; or Vec&lt;T&gt;, as in a &lt; b.</description>"),
            "html=A List&lt;Boat&gt; or Vec&lt;T&gt;, as in a &lt; b.",
        ),
        (
            "type parameters in a summary",
            rss(
                "<description>A List&lt;Boat&gt;</description><content:encoded>&lt;p&gt;x&lt;/p&gt;</content:encoded>",
            ),
            "summary=A List<Boat>",
        ),
        (
            "comparisons",
            rss("<description>x&lt;y and y&gt;z, a&lt;b and c&gt;d</description>"),
            "html=x&lt;y and y&gt;z, a&lt;b and c&gt;d",
        ),
        (
            "an address in brackets",
            rss("<description>Mail Bob &lt;bob@example.org&gt;\nor call.</description>"),
            "html=<p>Mail Bob &lt;bob@example.org&gt;<br>or call.</p>",
        ),
        (
            "a mentioned tag",
            rss("<description>Use &lt;b&gt; for bold.</description>"),
            "html=Use &lt;b&gt; for bold.",
        ),
        (
            "markup joins lines",
            rss("<description>one\n&lt;b&gt;two&lt;/b&gt;</description>"),
            "html=one\n<b>two</b>",
        ),
        (
            "atom, html joins lines",
            atom("<content type=\"html\">one\ntwo</content>"),
            "html=one\ntwo",
        ),
        (
            "atom, text with references",
            atom("<summary type=\"text\">A.&amp;nbsp;B&amp;#8217;s &amp;amp; C</summary>"),
            "html=<p>A.&nbsp;B’s &amp; C</p>",
        ),
        (
            "atom, text with escaped brackets",
            atom("<summary>Write &amp;lt; for less</summary>"),
            "html=<p>Write &amp;lt; for less</p>",
        ),
        (
            "escaped twice",
            rss(
                "<description>See &amp;lt;a href=\"https://a.example/\"&amp;gt;it&amp;lt;/a&amp;gt;.</description>",
            ),
            "html=See <a href=\"https://a.example/\" rel=\"noopener noreferrer\">it</a>.",
        ),
        (
            "escaped twice, in a summary",
            rss(
                "<description>See &amp;lt;a href=\"https://a.example/\"&amp;gt;it&amp;lt;/a&amp;gt;.</description><content:encoded>&lt;p&gt;x&lt;/p&gt;</content:encoded>",
            ),
            "summary=See it.",
        ),
        (
            "escaped twice, in a tag",
            rss("<category>&amp;lt;b&amp;gt;A&amp;lt;/b&amp;gt;</category>"),
            "tags=A",
        ),
        (
            "escaped twice, in a name",
            rss("<dc:creator>&amp;lt;a href=\"/x\"&amp;gt;Ada&amp;lt;/a&amp;gt;</dc:creator>"),
            "authors=Ada",
        ),
        (
            "about HTML",
            rss(
                "<description>Write &amp;lt;b&amp;gt;bold&amp;lt;/b&amp;gt; like this.</description>",
            ),
            "html=Write &lt;b&gt;bold&lt;/b&gt; like this.",
        ),
    ]);
}

#[test]
fn a_summary_has_the_words_of_its_text_and_no_others() {
    let summary = |html: &str| {
        rss(&format!(
            "<description><![CDATA[{html}]]></description><content:encoded>&lt;p&gt;x&lt;/p&gt;</content:encoded>"
        ))
    };
    check(&[
        ("paragraphs", summary("one</p><p>two"), "summary=one two"),
        ("line breaks", summary("one<br>two<br/>three"), "summary=one two three"),
        ("cells", summary("<table><tr><td>one</td><td>two</td></tr></table>"), "summary=one two"),
        ("items", summary("<ul><li>one</li><li>two</li></ul>"), "summary=one two"),
        (
            "forms and menus",
            summary(
                "<main>one</main><nav>two</nav><address>three</address><details><summary>four</summary>five</details>",
            ),
            "summary=one two three four five",
        ),
        ("inline elements", summary("o<b>n</b>e<wbr>x"), "summary=onex"),
        (
            "video",
            summary("one<video src=\"v\"><p>Your browser plays none.</p></video>two"),
            "summary=one two",
        ),
        ("audio", summary("one <audio controls>No audio.</audio> two"), "summary=one two"),
        ("noscript", summary("one <noscript>Turn it on.</noscript> two"), "summary=one two"),
        ("template", summary("one <template><p>x</p></template> two"), "summary=one two"),
        (
            "object in object",
            summary("one <object><object>x</object>y</object> two"),
            "summary=one two",
        ),
        ("iframe", summary("one <iframe src=\"x\">No frames.</iframe> two"), "summary=one two"),
        ("a video that is not closed", summary("one <video src=\"v\"> two"), "summary=one two"),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn an_atom_content_of_other_xml_is_data() {
    let data = |attributes: &str, inner: &str| {
        atom(&format!("<summary>s</summary><content{attributes}>{inner}</content>"))
    };
    check(&[
        (
            "XML",
            data(
                " type=\"application/xml\"",
                "<d:properties xmlns:d=\"urn:d\"><d:Title>x</d:Title></d:properties>",
            ),
            "html=<p>s</p>",
        ),
        (
            "XML of a default namespace",
            data(" type=\"text/xml\"", "<report xmlns=\"urn:r\"><title>x</title></report>"),
            "html=<p>s</p>",
        ),
        (
            "no type",
            data(
                "",
                "<georss:point xmlns:georss=\"http://www.georss.org/georss\">1 2</georss:point>",
            ),
            "html=<p>s</p>",
        ),
        (
            "SVG",
            data(
                " type=\"image/svg+xml\"",
                "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>x</text></svg>",
            ),
            "html=<p>s</p>",
        ),
        (
            "MathML",
            data(
                " type=\"application/mathml+xml\"",
                "<math xmlns=\"http://www.w3.org/1998/Math/MathML\"><mi>x</mi></math>",
            ),
            "html=<p>s</p>",
        ),
        (
            "escaped XML",
            data(" type=\"application/xml\"", "&lt;report&gt;x&lt;/report&gt;"),
            "html=<p>s</p>",
        ),
        (
            "XHTML",
            data(
                " type=\"application/xhtml+xml\"",
                "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x</p></div>",
            ),
            "html=<p>x</p>",
        ),
        (
            "XHTML that is called XML",
            data(
                " type=\"application/xml\"",
                "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x</p></div>",
            ),
            "html=<p>x</p>",
        ),
        ("no type, XHTML", data("", "<p>x</p>"), "html=<p>x</p>"),
        (
            "SVG in XHTML",
            data(
                " type=\"xhtml\"",
                "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x</p><svg xmlns=\"http://www.w3.org/2000/svg\"><text>y</text></svg></div>",
            ),
            "html=<p>x</p>",
        ),
    ]);
}
