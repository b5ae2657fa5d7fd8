//! Authors, tags and languages.

use crate::{atom, check, json, rdf, rss};

#[test]
fn authors_are_read_from_every_element_that_names_one() {
    check(&[
        ("mail and name", rss("<author>a@a.example (Ada)</author>"), "authors=Ada/a@a.example"),
        ("name and mail", rss("<author>Ada &lt;a@a.example&gt;</author>"), "authors=Ada/a@a.example"),
        ("mail", rss("<author>a@a.example</author>"), "authors=a@a.example"),
        ("name", rss("<author>Ada</author>"), "authors=Ada"),
        ("dc:creator", rss("<dc:creator>Ada</dc:creator>"), "authors=Ada"),
        ("dc:creator twice", rss("<dc:creator>Ada</dc:creator><dc:creator>Bob</dc:creator>"), "authors=Ada,Bob"),
        ("the same in two places", rss("<author>Ada</author><dc:creator>ada</dc:creator>"), "authors=Ada"),
        ("itunes:author", rss("<itunes:author>Ada</itunes:author>"), "authors=Ada"),
        ("atom:author", rss("<atom:author><atom:name>Ada</atom:name><atom:uri>https://a.example/</atom:uri></atom:author>"), "authors=Ada/https://a.example/"),
        ("media:credit", rss("<media:credit role=\"author\">Ada</media:credit>"), "authors=Ada"),
        ("media:credit of a photographer", rss("<media:credit role=\"photographer\">Ada</media:credit>"), "authors="),
        ("media:credit of a picture", rss("<media:content url=\"/i.jpg\" medium=\"image\"><media:credit role=\"author\">Ada</media:credit></media:content>"), "authors="),
        ("media:credit without a role", rss("<media:content url=\"/i.jpg\" type=\"image/jpeg\"/><media:credit scheme=\"urn:ebu\">Ada/Agency</media:credit>"), "authors="),
        ("media:credit of a video", rss("<media:group><media:content url=\"/v.mp4\" medium=\"video\"><media:credit role=\"author\">Ada</media:credit></media:content></media:group>"), "authors=Ada"),
        ("the channel's beside media:credit", "<rss><channel><managingEditor>Ed</managingEditor><item><media:content url='/i.jpg' medium='image'><media:credit>Ada</media:credit></media:content></item></channel></rss>".into(), "authors=Ed"),
        ("in CDATA with markup", rss("<dc:creator><![CDATA[<a href=\"x\">Ada</a> &amp; Bob]]></dc:creator>"), "authors=Ada & Bob"),
        ("empty", rss("<author/><dc:creator> </dc:creator>"), "authors="),
        ("the channel's", "<rss><channel><managingEditor>e@e.example (Ed)</managingEditor><item><title>a</title></item></channel></rss>".into(), "authors=Ed/e@e.example"),
        ("the channel's itunes:author", "<rss><channel><itunes:author>Ed</itunes:author><item><title>a</title></item></channel></rss>".into(), "authors=Ed"),
        ("atom", atom("<author><name>Ada</name><email>a@a.example</email><uri>/ada</uri></author><author><name>Bob</name></author>"), "authors=Ada/a@a.example/https://example.org/ada,Bob"),
        ("atom, an address alone", atom("<author><uri>https://a.example/</uri></author>"), "authors=https://a.example/"),
        ("atom, a mail address alone", atom("<author><email>a@a.example</email></author>"), "authors=a@a.example"),
        ("atom, as text", atom("<author>Ada</author>"), "authors=Ada"),
        ("atom, the source's", atom("<source><author><name>Src</name></author></source>"), "authors=Src"),
        ("atom, contributors are none", atom("<contributor><name>C</name></contributor>"), "authors="),
        ("atom, the feed's", "<feed xmlns='http://www.w3.org/2005/Atom'><author><name>Ed</name></author><entry><title>a</title></entry></feed>".into(), "authors=Ed"),
        ("rdf", rdf("<item><dc:creator>Ada (mailto:a@a.example)</dc:creator></item>"), "authors=Ada/a@a.example"),
        ("JSON 1.1", json("{\"id\":\"1\",\"authors\":[{\"name\":\"Ada\",\"url\":\"https://a.example/\"},{\"name\":\"Bob\"}]}"), "authors=Ada/https://a.example/,Bob"),
        ("JSON 1.0", json("{\"id\":\"1\",\"author\":{\"name\":\"Ada\"}}"), "authors=Ada"),
        ("JSON, a string", json("{\"id\":\"1\",\"author\":\"Ada\"}"), "authors=Ada"),
        ("JSON, a list of strings", json("{\"id\":\"1\",\"authors\":[\"Ada\",\"Bob\"]}"), "authors=Ada,Bob"),
        ("JSON, the feed's", "{\"version\":\"https://jsonfeed.org/version/1.1\",\"authors\":[{\"name\":\"Ed\"}],\"items\":[{\"id\":\"1\"}]}".into(), "authors=Ed"),
    ]);
}

#[test]
fn tags_are_read_from_all_elements_without_duplicates() {
    check(&[
        ("category", rss("<category>A</category><category domain=\"x\">B</category>"), "tags=A,B"),
        ("the same twice", rss("<category>A</category><category>a</category>"), "tags=A"),
        ("in CDATA", rss("<category><![CDATA[R & D]]></category>"), "tags=R & D"),
        ("doubly escaped", rss("<category>R &amp;amp; D</category>"), "tags=R & D"),
        ("empty", rss("<category/><category> </category>"), "tags="),
        ("dc:subject", rss("<dc:subject>A</dc:subject>"), "tags=A"),
        ("itunes:keywords", rss("<itunes:keywords>a, b ,c,</itunes:keywords>"), "tags=a,b,c"),
        (
            "itunes:category",
            rss(
                "<itunes:category text=\"Technology\"><itunes:category text=\"Gadgets\"/></itunes:category>",
            ),
            "tags=Technology,Gadgets",
        ),
        ("media:category", rss("<media:category scheme=\"x\">A</media:category>"), "tags=A"),
        ("media:keywords", rss("<media:keywords>a,b</media:keywords>"), "tags=a,b"),
        ("tags", rss("<tags>tag one, tag two</tags>"), "tags=tag one,tag two"),
        ("atom, label before term", atom("<category term=\"t\" label=\"L\"/>"), "tags=L"),
        ("atom, term", atom("<category term=\"t\"/>"), "tags=t"),
        ("atom, as text", atom("<category>t</category>"), "tags=t"),
        ("JSON", json("{\"id\":\"1\",\"tags\":[\"a\",\"b\",null,3]}"), "tags=a,b,3"),
        ("JSON, a string", json("{\"id\":\"1\",\"tags\":\"a\"}"), "tags=a"),
        ("JSON, a list in a string", json("{\"id\":\"1\",\"tags\":\"a, b\"}"), "tags=a,b"),
        ("a list in one category", rss("<category>\n a,\n b , c</category>"), "tags=a,b,c"),
        (
            "wrapped",
            rss("<category>\n  tag\n  one </category><category>B</category>"),
            "tags=tag one,B",
        ),
        ("hashtags", rss("<category>#a</category><category>#b</category>"), "tags=a,b"),
        (
            "atom, a kind",
            atom(
                "<category scheme=\"http://schemas.google.com/g/2005#kind\" term=\"http://schemas.google.com/blogger/2008/kind#post\"/><category scheme=\"http://www.blogger.com/atom/ns#\" term=\"a\"/>",
            ),
            "tags=a",
        ),
    ]);
}

#[test]
fn languages_are_inherited_and_normalised() {
    check(&[
        ("of the channel", "<rss><channel><language>en_us</language><item><title>a</title></item></channel></rss>".into(), "language=en-US"),
        ("of the item", rss("<dc:language>fr</dc:language>"), "language=fr"),
        ("xml:lang of the feed", "<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='de'><entry><title>a</title></entry></feed>".into(), "language=de"),
        ("xml:lang of the entry", "<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='de'><entry xml:lang='fr'><title>a</title></entry></feed>".into(), "language=fr"),
        ("JSON", json("{\"id\":\"1\",\"language\":\"pt-br\"}"), "language=pt-BR"),
        ("xml:lang of the title", rss("<title xml:lang=\"de\">a</title>"), "language=de"),
        ("xml:lang of the content before the title's", rss("<title xml:lang=\"de\">a</title><content:encoded xml:lang=\"fr\">b</content:encoded>"), "language=fr"),
        ("xml:lang of the entry before the title's", "<feed xmlns='http://www.w3.org/2005/Atom'><entry xml:lang='fr'><title xml:lang='de'>a</title></entry></feed>".into(), "language=fr"),
        ("an empty xml:lang", "<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='de'><entry xml:lang=''><title>a</title></entry></feed>".into(), "language="),
        ("nonsense", "<rss><channel><language>not a language</language><item><title>a</title></item></channel></rss>".into(), "language="),
    ]);
}
