//! Damaged documents. A fault must not lose the text behind it, other items, or the whole feed.

use crate::{atom, check, json, rdf, rss};

/// A feed with an item whose description is this HTML.
fn html(html: &str) -> String {
    rss(&format!("<description><![CDATA[{html}]]></description>"))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn damaged_markup_does_not_lose_text() {
    let link = |address: &str| {
        format!("<a href=\"https://a.example/{address}\" rel=\"noopener noreferrer\">")
    };
    let frame = "<a href=\"https://f.example/\" rel=\"noopener noreferrer\">";
    check(&[
        (
            "an unclosed frame",
            html("a<iframe src=\"https://f.example/\"> <b>b</b>"),
            &format!("html=a<p>{frame}f.example</a></p> <b>b</b>"),
        ),
        (
            "a frame that goes",
            html("a<iframe src=\"https://f.example/\"><b>b</b></iframe>c"),
            &format!("html=a<p>{frame}f.example</a></p><b>b</b>c"),
        ),
        (
            "a video of a kept host, unclosed",
            html("<iframe src=\"https://www.youtube.com/embed/x\">a"),
            "html=<iframe src=\"https://www.youtube.com/embed/x\"></iframe>a",
        ),
        ("an unclosed object", html("a<object classid=\"x\"> <b>b</b>"), "html=a <b>b</b>"),
        ("an object's other form", html("<object><p>a</p></object>"), "html=<p>a</p>"),
        ("an unclosed drawing", html("a <svg width=\"1\"><b>b</b> c"), "html=a <b>b</b> c"),
        ("a drawing", html("a <svg><text>x</text></svg>b"), "html=a b"),
        ("an unclosed noscript", html("a <noscript>b"), "html=a b"),
        ("an unclosed select", html("a <select><p>b</p>"), "html=a <p>b</p>"),
        ("an unclosed textarea", html("a <textarea>b <i>c</i>"), "html=a b <i>c</i>"),
        ("an unclosed title", html("<title>a <p>b</p>"), "html=a <p>b</p>"),
        (
            "a whole page",
            html("<html><head><title>a</title><style>b{}</style></head><body>c</body></html>"),
            "html=<p>a</p>c",
        ),
        ("an unclosed template", html("a <template>b"), "html=a b"),
        ("plaintext", html("a <plaintext>b <i>c</i>"), "html=a b <i>c</i>"),
        ("an unclosed script", html("a <script>b()</p>c"), "html=a"),
        ("an unclosed style", html("a <style>b{}"), "html=a"),
        ("a script closed as in XML", html("a <script src=\"x\"/>b"), "html=a b"),
        ("two of them", html("a <script src=\"x\"/>b <script>c()</script>d"), "html=a b d"),
        (
            "a script in a frame",
            html("<iframe src=\"data:x\"><script>a()</script>b</iframe>"),
            "html=b",
        ),
        ("an unclosed comment", html("a <!-- b ><p>c</p>"), "html=a <p>c</p>"),
        (
            "CDATA in CDATA",
            rss("<description>&lt;![CDATA[a &lt;b&gt;b&lt;/b&gt;]]&gt;</description>"),
            "html=a <b>b</b>",
        ),
        ("a formula", html("<math><mi>a</mi><mo>+</mo><mi>b</mi></math> c"), "html=a+b c"),
        ("a formula with words", html("<math alttext=\"a/b\"><mi>x</mi></math>"), "html=a/b"),
        (
            "a formula drawn as well",
            html("<i><math><mi>a</mi></math></i><i aria-hidden=\"true\">a</i>"),
            "html=<i></i><i>a</i>",
        ),
        ("an end tag of nothing", html("a</ br>b</>c"), "html=abc"),
        ("a heart, broken", html("I </3 you > me"), "html=I &lt;/3 you &gt; me"),
        ("a declaration of nothing", html("a <! b> c"), "html=a &lt;! b&gt; c"),
        ("a cut tag", html("a <a href=\"https://a.example/"), "html=a"),
        ("a cut end tag", html("<b>a</"), "html=<b>a&lt;/</b>"),
        ("a less-than before a word", html("if a <b then c"), "html=if a &lt;b then c"),
        (
            "an unclosed value",
            html("<a href=\"https://a.example/1>a</a> b <a href=\"https://a.example/2\">c</a>"),
            &*format!("html={}a</a> b {}c</a>", link("1"), link("2")),
        ),
        ("a sign in a value", html("<i title=\"1 > 0\">a</i>"), "html=<i title=\"1 &gt; 0\">a</i>"),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn html_that_was_escaped_twice_is_unescaped_but_text_about_html_is_not() {
    let twice = |text: &str| rss(&format!("<description>{text}</description>"));
    check(&[
        ("one paragraph", twice("&amp;lt;p&amp;gt;a&amp;lt;/p&amp;gt;"), "html=<p>a</p>"),
        (
            "several elements",
            twice(
                "&amp;lt;p&amp;gt;a &amp;amp;amp; b&amp;lt;/p&amp;gt; &amp;lt;p&amp;gt;c&amp;lt;/p&amp;gt;",
            ),
            "html=<p>a &amp; b</p> <p>c</p>",
        ),
        (
            "in CDATA",
            twice("<![CDATA[&lt;div&gt;&lt;b&gt;a&lt;/b&gt; b&lt;/div&gt;]]>"),
            "html=<div><b>a</b> b</div>",
        ),
        (
            "talk of one tag",
            twice("Use &amp;lt;b&amp;gt; for bold."),
            "html=Use &lt;b&gt; for bold.",
        ),
        ("a tag alone", twice("&amp;lt;b&amp;gt;"), "html=&lt;b&gt;"),
        (
            "talk of a pair",
            twice("&amp;lt;p&amp;gt; begins a paragraph, and it ends with &amp;lt;/p&amp;gt;"),
            "html=&lt;p&gt; begins a paragraph, and it ends with &lt;/p&gt;",
        ),
        (
            "an example in an article",
            twice(
                "&lt;p&gt;Write &lt;code&gt;&amp;lt;p&amp;gt;a&amp;lt;/p&amp;gt;&lt;/code&gt;&lt;/p&gt;",
            ),
            "html=<p>Write <code>&lt;p&gt;a&lt;/p&gt;</code></p>",
        ),
        ("generics", twice("&amp;lt;T&amp;gt;a&amp;lt;/T&amp;gt;"), "html=&lt;T&gt;a&lt;/T&gt;"),
        ("an escaped ampersand", twice("a &amp;amp; b"), "html=a &amp; b"),
        (
            "atom, plain text",
            atom("<content type=\"text\">Use &lt;b&gt; for bold</content>"),
            "html=<p>Use &lt;b&gt; for bold</p>",
        ),
        (
            "atom, html called text",
            atom("<content type=\"text\">&lt;p&gt;a &lt;b&gt;b&lt;/b&gt;&lt;/p&gt;</content>"),
            "html=<p>a <b>b</b></p>",
        ),
        (
            "atom, an unknown element",
            atom("<content type=\"text\">the &lt;blink&gt; tag</content>"),
            "html=<p>the &lt;blink&gt; tag</p>",
        ),
        ("a title about a tag", rss("<title>The &lt;br&gt; tag</title>"), "title=The <br> tag"),
        (
            "a title about two",
            rss("<title>&lt;b&gt; and &lt;strong&gt;</title>"),
            "title=<b> and <strong>",
        ),
        (
            "a title about scripts",
            rss("<title>How &lt;script&gt; works</title>"),
            "title=How <script> works",
        ),
        (
            "a title in markup",
            rss("<title>&lt;b&gt;Bold&lt;/b&gt; news</title>"),
            "title=Bold news",
        ),
        (
            "a title with a script",
            rss("<title>a&lt;script&gt;b()&lt;/script&gt;c</title>"),
            "title=ac",
        ),
        ("a title with a break", rss("<title>a&lt;br/&gt;b</title>"), "title=a b"),
        (
            "JSON, text about HTML",
            json("{\"id\":\"1\",\"content_text\":\"Use <b> for bold\"}"),
            "html=<p>Use &lt;b&gt; for bold</p>",
        ),
    ]);
}

#[test]
fn one_fault_does_not_lose_the_feed() {
    let two = |inside: &str| {
        format!(
            "<rss version=\"2.0\"><channel><item><title>a</title>{inside}</item><item><title>b</title></item></channel></rss>"
        )
    };
    check(&[
        ("a bare ampersand", two("<link>https://a.example/?a=1&b=2</link>"), "titles=a,b"),
        ("control characters", two("<description>&#x1F;&#0;&#X41;&#55357;</description>"), "titles=a,b | html=A"),
        ("a break unclosed", two("<description>a<br>b</description>"), "titles=a,b | html=a<br>b"),
        ("a description unclosed", two("<description>x"), "titles=a,b"),
        ("an item unclosed", "<rss><channel><item><title>a</title><item><title>b</title></item></channel></rss>".into(), "titles=a,b"),
        ("CDATA unclosed", two("<description><![CDATA[x</description>"), "titles=a,b | html=x"),
        ("cut off", "<rss><channel><item><title>a</title></item><item><title>b</title><guid>2</guid><desc".into(), "titles=a"),
        ("a warning before the root", format!("<br />\n<b>Warning</b>: x in <b>y.php</b>\n{}", two("")), "titles=a,b"),
        ("junk after the root", two("") + "<script>x</script> junk", "titles=a,b"),
        ("upper case", "<RSS><CHANNEL><ITEM><TITLE>a</TITLE></ITEM></CHANNEL></RSS>".into(), "titles=a"),
        ("media, empty", two("<media:title/><media:description/><media:content/>"), "titles=a,b"),
        ("media, an odd type", two("<media:description type=\"text/x\">x</media:description>"), "titles=a,b | html=<p>x</p>"),
        ("a huge duration", two("<enclosure url=\"https://a.example/a.mp3\" type=\"audio/mpeg\"/><itunes:duration>99999999999999999999</itunes:duration>"), "titles=a,b"),
        ("an author in wide brackets", two("<author>a@a.example（アダ）</author>"), "titles=a,b"),
        ("a base that is none", two("<link xml:base=\"https://[/\">https://a.example/1</link>"), "titles=a,b | url=https://a.example/1"),
        ("an unknown role", two("<podcast:person role=\"x\">Ada</podcast:person>"), "titles=a,b"),
        ("a date nobody reads after one", two("<pubDate>Thu, 01 Jan 2004 19:48:21 GMT</pubDate><dc:date>soon</dc:date>"), "date=2004-01-01T19:48:21Z"),
        ("items outside the channel", "<rss><channel><title>F</title></channel><item><title>a</title></item></rss>".into(), "titles=a"),
        ("rdf, items in the channel", "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://purl.org/rss/1.0/\"><channel><item><title>a</title></item></channel></rdf:RDF>".into(), "titles=a"),
        ("rdf, no link", rdf("<item rdf:about=\"https://a.example/1\"><title>a</title></item>"), "titles=a | guid=https://a.example/1"),
        ("atom, an empty content of a picture", atom("<title>a</title><content type=\"image/svg+xml\"/>"), "titles=a"),
        ("atom, content elsewhere and here", atom("<content type=\"html\" src=\"https://a.example/\">x</content>"), "html=x"),
        ("an entity of the document's own", "<!DOCTYPE rss [<!ENTITY name \"Ada\">]><rss><channel><item><title>&name; &nbsp;&bogus;</title></item></channel></rss>".into(), "title=Ada &bogus;"),
        ("a mark and white space", format!("\u{FEFF}\n\n {}", two("")), "titles=a,b"),
        ("JSON, a mark", format!("\u{FEFF}{}", json("{\"id\":\"1\",\"title\":\"a\"}")), "titles=a"),
        ("JSON, an item that is none", json("null,{\"id\":1.5,\"title\":\"a\"},[]"), "titles=a"),
        ("JSON, something after it", json("{\"id\":\"1\",\"title\":\"a\"}") + "\n<!-- x -->", "titles=a"),
        ("JSON, a size with a point", json("{\"id\":\"1\",\"attachments\":[{\"url\":\"https://a.example/a.mp3\",\"size_in_bytes\":12.0}]}"), "files=https://a.example/a.mp3 12"),
    ]);
}
