use proptest::prelude::*;

use super::*;
use crate::feed::charset::decide;
use crate::feed::parse::model::ParsedEntry;

fn base() -> Url {
    Url::parse("https://example.org/dir/feed").unwrap()
}

fn read(body: &[u8]) -> Result<ParsedFeed, NotAFeed> {
    parse(body, &base(), decide(body, None), None)
}

fn feed(text: &str) -> ParsedFeed {
    read(text.as_bytes()).unwrap()
}

fn titles(feed: &ParsedFeed) -> Vec<&str> {
    let titles = feed.entries.iter().map(|parsed| parsed.entry.title.as_ref());
    titles.map(|title| title.map_or("", |title| title.content.as_str())).collect()
}

#[test]
fn no_id_is_invented() {
    let feed = feed("<rss version='2.0'><channel><item><title>a</title></item></channel></rss>");
    assert_eq!(feed.entries[0].entry.id, "");
}

/// feed-rs alone loses the entries of each of these documents, in most cases without an error.
#[test]
fn every_dialect_and_damage_yields_its_entries() {
    let item = "<item><title>a</title></item>";
    for (name, text, expected) in [
        ("no version", format!("<rss><channel>{item}</channel></rss>"), "a"),
        ("version 0.93", format!("<rss version='0.93'><channel>{item}</channel></rss>"), "a"),
        ("userland namespace", format!("<rss version='2.0' xmlns='http://backend.userland.com/rss2'><channel>{item}</channel></rss>"), "a"),
        ("items outside channel", format!("<rss version='2.0'><channel/>{item}</rss>"), "a"),
        ("no channel", format!("<rss version='2.0'>{item}</rss>"), "a"),
        ("channel alone", format!("<channel>{item}</channel>"), "a"),
        ("rdf", format!("<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'><channel/>{item}</rdf:RDF>"), "a"),
        ("rdf, items in channel", format!("<rdf:RDF xmlns='http://my.netscape.com/rdf/simple/0.9/'><channel>{item}</channel></rdf:RDF>"), "a"),
        ("atom 0.3", "<feed version='0.3' xmlns='http://purl.org/atom/ns#'><entry><title>a</title></entry></feed>".into(), "a"),
        ("atom over https", "<feed xmlns='https://www.w3.org/2005/Atom'><entry><title>a</title></entry></feed>".into(), "a"),
        ("prefixed atom", "<atom:feed xmlns:atom='http://www.w3.org/2005/Atom'><atom:entry><atom:title>a</atom:title></atom:entry></atom:feed>".into(), "a"),
        ("entry document", "<entry xmlns='http://www.w3.org/2005/Atom'><title>a</title></entry>".into(), "a"),
        ("upper-case tags", "<RSS VERSION='2.0'><CHANNEL><ITEM><TITLE>a</TITLE></ITEM></CHANNEL></RSS>".into(), "a"),
        ("PHP warning first", format!("<br />\n<b>Warning</b>: x in <b>y</b><rss version='2.0'><channel>{item}</channel></rss>"), "a"),
        ("white space first", format!("\n\n<?xml version='1.0'?><rss version='2.0'><channel>{item}</channel></rss>"), "a"),
        ("junk after", format!("<rss version='2.0'><channel>{item}</channel></rss><script>x</script>"), "a"),
        ("missing end tag of an item", "<rss><channel><item><title>a</title><item><title>b</title></item></channel></rss>".into(), "a b"),
        ("unclosed element before the items", format!("<rss><channel><itunes:category text='x'>{item}{item}</channel></rss>"), "a a"),
        ("missing end tag of a title", "<rss><channel><item><title>a<guid>1</guid></item></channel></rss>".into(), "a"),
        ("cut off between items", format!("<rss version='2.0'><channel>{item}<item><ti"), "a"),
        ("cut off in an item that has no name yet", format!("<rss><channel>{item}<item><title>b"), "a"),
        ("cut off in a named item", format!("<rss><channel>{item}<item><guid>2</guid><title>b</title><description>c"), "a"),
        ("cut off after the identifier", "<rss><channel><item><guid>htt".to_owned(), ""),
        ("cut off at once", "<rss><channel><item>".to_owned(), ""),
        ("an entry that is the document", "<entry xmlns='http://www.w3.org/2005/Atom'><title>b</title>".to_owned(), ""),
        ("unclosed CDATA", format!("<rss><channel><item><title><![CDATA[a</title></item>{item}</channel></rss>"), "a a"),
        ("bare ampersand and less-than", "<rss><channel><item><title>AT&T <3 1 < 2</title></item></channel></rss>".into(), "AT&T <3 1 < 2"),
        ("markup in a title", "<rss><channel><item><title>a <b>b</b> c</title></item></channel></rss>".into(), "a <b>b</b> c"),
        ("undeclared prefix", "<rss><channel><item><title>a</title><media:title>x</media:title></item></channel></rss>".into(), "a"),
        ("media title alone", "<rss><channel><item><media:title>a</media:title></item></channel></rss>".into(), "a"),
        ("empty media description", format!("<rss><channel><item><media:description/><title>a</title></item>{item}</channel></rss>"), "a a"),
        ("declared entity", "<!DOCTYPE rss [<!ENTITY me 'a'>]><rss><channel><item><title>&me;</title></item></channel></rss>".into(), "a"),
        ("news sitemap", "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' xmlns:news='http://www.google.com/schemas/sitemap-news/0.9'><url><loc>https://a.example/1</loc><news:news><news:title>a</news:title></news:news></url><url><loc>https://a.example/2</loc></url></urlset>".into(), "a"),
        ("JSON with halves of characters", r#"{"items":[{"id":"\ud83d\ude00","title":"\ud800\\ud800\udfff\ud83d\ude00"}]}"#.into(), "\u{FFFD}\\ud800\u{FFFD}😀"),
        ("JSON with all wrong types", "\u{feff} {\"items\":[null,{\"id\":5,\"title\":\"a\",\"tags\":\"x\",\"author\":\"b\",\"attachments\":[{\"url\":\"/x\",\"size_in_bytes\":1.5}]}]} x".into(), "a"),
    ] {
        let feed = read(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(titles(&feed).join(" "), expected, "{name}");
    }
}

#[test]
fn repairs_are_counted() {
    for (text, expected) in [
        ("<rss version='2.0'><channel><item><title>a</title></item></channel></rss>", &[][..]),
        ("<rss><channel><item><title>a & b</title></item></channel></rss>", &[("amp", 1)]),
        (
            "<?xml version='1.0' encoding='koi8-r'?><rss><channel><title>é</title></channel></rss>",
            &[("label", 1)],
        ),
        (
            "<rss><channel><item><title>a</title><pubDate>2021-01-01</pubDate></channel></rss>",
            &[("unclosed", 1)],
        ),
        ("<rss><channel><title>a\u{1}</title>", &[("bytes", 1), ("truncated", 1)]),
        ("<rss><channel><item><pubDate>yesterday</pubDate></item></channel></rss>", &[("date", 1)]),
    ] {
        let repairs = feed(text).extension.repairs;
        let repairs: Vec<_> = repairs.iter().map(|repair| (repair.kind, repair.count)).collect();
        assert_eq!(repairs, expected, "{text}");
    }
}

/// Documents on which feed-rs panics, overflows the stack or allocates gigabytes.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[test]
fn no_document_is_too_much() {
    let rss = |inside: &str| {
        format!(
            "<rss version='2.0' xmlns:media='http://search.yahoo.com/mrss/' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'><channel><item><title>a</title>{inside}</item></channel></rss>"
        )
    };
    let nested = |name: &str, levels: usize| {
        rss(&(format!("<{name}>").repeat(levels) + &format!("</{name}>").repeat(levels)))
    };
    let crowded = "<media:thumbnail url='/t'/>".repeat(5_000)
        + &"<media:group><media:content url='/c'/></media:group>".repeat(2_000);
    let bindings: Vec<String> = (0..20_000).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
    let bindings = bindings.concat();
    let long = "x".repeat(100);
    let lol = (1..10).fold("<!ENTITY l0 'lol'>".to_owned(), |all, n| {
        format!("{all}<!ENTITY l{n} '{}'>", format!("&l{};", n - 1).repeat(10))
    });
    for (name, text) in [
        (
            "encoding named late",
            format!("<!-- {long} --><?xml version='1.0' encoding='iso-8859-1'?>{}", rss("")),
        ),
        (
            "declaration in a description",
            rss("<description><?xml version='1.0' encoding='koi8-r'?></description>"),
        ),
        (
            "declaration of 100 blanks",
            format!("<?xml version='1.0'{}encoding='iso-8859-1'?>{}", " ".repeat(100), rss("")),
        ),
        ("duration", rss("<itunes:duration>99999999999999999999</itunes:duration>")),
        ("author", rss("<author>a@b.example（名）</author><author>“a@b.example”</author>")),
        ("groups in groups", nested("media:group", 100_000)),
        ("categories in categories", nested("itunes:category", 100_000)),
        (
            "markup in markup",
            rss(&format!("<description>{}</description>", "<div>".repeat(100_000))),
        ),
        ("pictures times groups", rss(&crowded)),
        (
            "many prefixes",
            format!("<rss{bindings}><channel><item><title>a</title></item></channel></rss>"),
        ),
        (
            "billion laughs",
            format!("<!DOCTYPE x [{lol}]>{}", rss("<description>&l9;</description>")),
        ),
        (
            "outside entity",
            format!(
                "<!DOCTYPE x [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{}",
                rss("<description>&x;</description>")
            ),
        ),
    ] {
        let feed = read(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(titles(&feed), ["a"], "{name}");
    }
    let expanded = format!(
        "<!DOCTYPE x [<!ENTITY a '{}'>]>{}",
        "x".repeat(1000),
        rss(&format!("<description>{}</description>", "&a;".repeat(20_000)))
    );
    let text = feed(&expanded).entries[0].entry.summary.as_ref().unwrap().content.len();
    assert!(text < 4 * expanded.len() + 2 * 1024 * 1024, "{text}");
    let utf16 = |text: &str| {
        [b"\xFE\xFF".to_vec(), text.encode_utf16().flat_map(u16::to_be_bytes).collect()].concat()
    };
    let wide = utf16(&format!("<?xml version='1.0' encoding='utf-16'?>{}", rss("")));
    assert_eq!(titles(&read(&wide).unwrap()), ["a"]);
    // Each of these was searched to its end for every beginning in it.
    for unclosed in
        ["<a ", "<!--", "<![CDATA[", "<?x ", "<a b='", "</a ", "<!x ", "<a b=\"'", "<a a a a a"]
    {
        let text = rss(&unclosed.repeat(200_000));
        assert!(read(text.as_bytes()).is_ok(), "{unclosed}");
    }
    let many = format!("<rss><channel>{}</channel></rss>", "<item/>".repeat(200_000));
    assert_eq!(feed(&many).entries.len(), tree::MAX_ITEMS);
    let deep = format!("{{\"items\":{}", "[".repeat(100_000));
    assert!(feed(&deep).entries.is_empty());
}

/// Found by property tests.
#[test]
fn a_missing_end_tag_does_not_lose_a_category() {
    for (text, expected) in [
        ("<rdf:RDF><item><category>&amp; <item>", "&"),
        ("<rss><channel><item><category> &amp;</category></item>", "&"),
        ("<rss><channel><item><media:category label=' l'> a &amp;<item>", "a &"),
    ] {
        assert_eq!(feed(text).entries[0].entry.categories[0].term, expected, "{text}");
    }
}

/// What every reader of a [`ParsedFeed`] relies on.
fn check(text: &str) -> Result<(), TestCaseError> {
    let Ok(found) = read(text.as_bytes()) else { return Ok(()) };
    prop_assert!(found.feed.entries.is_empty());
    for ParsedEntry { entry, .. } in &found.entries {
        let texts = [&entry.title, &entry.summary].into_iter().flatten().map(|text| &text.content);
        let body = entry.content.as_ref().and_then(|content| content.body.as_ref());
        let terms = entry.categories.iter().map(|category| &category.term);
        for text in texts.chain(body).chain(terms).chain([&entry.id]) {
            prop_assert_eq!(text.trim(), text);
        }
        for person in &entry.authors {
            prop_assert!(person.name.is_some() || person.uri.is_some() || person.email.is_some());
        }
        for date in [entry.published, entry.updated].into_iter().flatten() {
            prop_assert_eq!(date.timestamp_subsec_nanos(), 0);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body: Vec<u8>) {
        let _result = read(&body);
    }

    #[test]
    fn any_markup_is_read_or_refused(
        root in prop::sample::select(vec!["<rss><channel>", "<feed>", "<rdf:RDF>", "<urlset>", "<rss xmlns='x'>", ""]),
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<item>", "</item>", "<entry>", "</entry>", "<title>", "</title>", "<title type='xhtml'>", "<link>", "<link href='a&b'/>",
                "</link>", "<guid>", "</guid>", "<description>", "</description>", "<content:encoded>", "<content type='x/y'>",
                "</content>", "<author>", "<name>", "</author>", "<category>", "<category term='\"'>", "</category>", "<media:group>",
                "<media:content url='x' duration='1'>", "<pubDate>", "2021-01-01", "</pubDate>", "<![CDATA[", "]]>", "<br>", "<p a=b>", "</p>",
                "&amp;", "&lt;", "&", "<", ">", "text", "é", " ", "\u{0}", "</channel>", "</rss>", "<xhtml:body>", "<svg:x>", "<url>", "<loc>",
                "<news:news>", "<news:title>", "xml:base='http://['", "<entry xml:base='/x'>", "]]&gt;", "<dc:creator>", "<a:b/>",
            ]),
            0..30,
        ),
    ) {
        check(&format!("{root}{}", parts.concat()))?;
    }

    #[test]
    fn any_json_is_read_or_refused(text in "\\{\"items\":\\[(\\{\"(id|title|tags|authors|url|attachments|date_published)\":(1|\"x\"|null|\\[1,\"y\"\\]|\\{\"name\":2\\}|true)\\},?){0,4}\\]?\\}?") {
        check(&text)?;
    }
}
