//! Documents of some 5 MB that compress to a few kB and that take as long to read as one of that size can: one pattern,
//! repeated in one field. Some are quadratic for a reader that looks ahead without remembering what it found, and the
//! last ones need the tree of a browser for every entry.

use std::sync::LazyLock;

use crate::faults::gzip;

/// The bytes of a document before compression.
const SIZE: usize = 5_000_000;

/// The compressed documents. A document that could not be compressed is empty.
pub(crate) static SLOW: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| documents().map(|text| gzip(text.as_bytes()).unwrap_or_default()).collect());

/// The text before the pattern, the pattern, and the text after it.
const ONE_FIELD: &[(&str, &str, &str)] = &[
    ("<description><![CDATA[", "<a b=' > ' ", "]]></description>"),
    ("<description><![CDATA[", "<math/>", "</math>]]></description>"),
    ("<description><![CDATA[", "<svg><path/></svg>", "]]></description>"),
    ("<description><![CDATA[", "<p>a&amp; <b>", "]]></description>"),
    ("<description><![CDATA[", "<!--", "]]></description>"),
    ("<description><![CDATA[", "<img srcset='a 1x, b 2x' src=x ", "]]></description>"),
    ("<description>", "&amp;lt;a&amp;gt; ", "</description>"),
    ("<description>", "\u{6c34}\u{6c34} ", "</description>"),
    ("<title>", "&lt;script&gt; ", "</title>"),
    ("<title><![CDATA[", "<script> ", "]]></title>"),
    ("<title>", "&amp;", "</title>"),
    ("<link>", "../a b", "</link>"),
    ("<category>", "a, ", "</category>"),
    ("<pubDate>", "20 Aug 2024 ", "</pubDate>"),
    ("", "<category>a</category>", ""),
    ("", "<media:content url='a'/>", ""),
    ("", "<x y='z'>", ""),
    ("", "<![CDATA[", ""),
];

/// Articles that each need the tree of a browser, whose levels are looked through again and again.
fn entry(inside: &str) -> String {
    format!(
        "<item><guid isPermaLink='false'>x</guid><description><![CDATA[{inside}]]></description></item>"
    )
}

fn documents() -> impl Iterator<Item = String> {
    let of_one_field = ONE_FIELD.iter().map(|(before, pattern, after)| {
        let item = format!("<item><guid>g</guid>{before}");
        format!("<rss><channel><title>Slow</title>{item}{}{after}</item>", filled(pattern))
    });
    let of_entries = [
        "<table><td>".repeat(200),
        "<a href=x>&amp;".repeat(200),
        "<b><i><p>".repeat(100),
        "<math><mi>x</mi></math><p>&amp;".repeat(500),
    ];
    let of_entries = of_entries
        .into_iter()
        .map(|inside| format!("<rss><channel><title>Slow</title>{}", filled(&entry(&inside))));
    let others = [
        ("<feed><entry><title>x</title><content type='xhtml'>", "<p><b>"),
        ("{\"version\":\"\",\"items\":[", "{\"id\":\"1\",\"tags\":[\"a\"]},"),
        ("<!doctype html><title>Slow</title>", "<link rel=alternate "),
    ];
    let others = others.into_iter().map(|(before, pattern)| before.to_owned() + &filled(pattern));
    of_one_field.chain(of_entries).chain(others)
}

fn filled(pattern: &str) -> String {
    pattern.repeat(SIZE / pattern.len())
}
