//! Documents that made parsers panic, overflow the stack, or use gigabytes of memory and minutes of time. Each
//! is read or refused with at most 32 MiB plus four times its size of memory, on a stack of 2 MiB.
//!
//! This binary has one test only, because the test counts all allocations of the process.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::time::{Duration, Instant};

use gazetted::domain::poll::{Document, Remembered};
use gazetted::feed::document::document;
use gazetted::html::to_text::html_to_text;
use peak_alloc::PeakAlloc;
use url::Url;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;

/// The stack of a thread of tokio or std, in bytes.
const STACK: usize = 2 * MIB;

/// Ten times the duration of the slowest case in a debug build. Quadratic work would take hours.
const LONG: Duration = Duration::from_mins(5);

/// The expected result of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Read {
    /// A feed with this number of entries.
    Entries(usize),
    Refused,
}
use Read::{Entries, Refused};

fn rss(inside: &str) -> String {
    format!(
        "<rss version='2.0' xmlns:media='http://search.yahoo.com/mrss/' \
         xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'><channel><title>t</title>{inside}</channel></rss>"
    )
}

fn item(inside: &str) -> String {
    rss(&format!("<item><title>a</title>{inside}</item>"))
}

fn html(inside: &str) -> String {
    item(&format!("<description><![CDATA[{inside}]]></description>"))
}

fn nested(name: &str, levels: usize) -> String {
    format!("<{name}>").repeat(levels) + &format!("</{name}>").repeat(levels)
}

fn laughs() -> String {
    let all = (1..10).fold("<!ENTITY l0 'lol'>".to_owned(), |all, n| {
        format!("{all}<!ENTITY l{n} '{}'>", format!("&l{};", n - 1).repeat(10))
    });
    format!("<!DOCTYPE x [{all}]>{}", item("<description>&l9;&l8;&l1;</description>"))
}

fn utf16(text: &str) -> Vec<u8> {
    [b"\xFE\xFF".to_vec(), text.encode_utf16().flat_map(u16::to_be_bytes).collect()].concat()
}

/// Documents that broke feed-rs alone, and documents that were made to break this parser.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn cases() -> Vec<(&'static str, Vec<u8>, Read)> {
    let koi8 = "<?xml version='1.0' encoding='koi8-r'?>";
    let text = |name, text: String, read| (name, text.into_bytes(), read);
    let unclosed = |one: &str| html(&one.repeat(500_000));
    let numbered = |n: usize, one: fn(usize) -> String| (0..n).map(one).collect::<String>();
    vec![
        // A panic: "set_encoding() called after prefix buffer was drained".
        text("encoding behind a comment", format!("<!--{}-->{koi8}{}", "x".repeat(100), item("")), Entries(1)),
        text("a declaration in a text", item(&format!("<description>{koi8}</description>")), Entries(1)),
        text("a late encoding", format!("<?xml version='1.0'{}encoding='koi8-r'?>{}", " ".repeat(100), item("")), Entries(1)),
        ("UTF-16 big-endian", utf16(&format!("<?xml version='1.0' encoding='utf-16'?>{}", item(""))), Entries(1)),
        ("UTF-16 called UTF-8", utf16(&format!("<?xml version='1.0' encoding='utf-8'?>{}", item(""))), Entries(1)),
        // A panic: an integer overflow.
        text("a long duration", item("<itunes:duration>99999999999999999999</itunes:duration>"), Entries(1)),
        // A panic: a string was sliced inside a character.
        text("an author beside a wide parenthesis", item("<author>a@b.example（名）</author><author>“a@b.example”</author>"), Entries(1)),
        // A panic: a parser was used again after an error. The first document fails, the second must not.
        text("no feed", "<html><p>x".to_owned(), Refused),
        text("a feed after it", item(""), Entries(1)),
        // Stack overflows.
        text("groups in groups", item(&nested("media:group", 100_000)), Entries(1)),
        text("categories in categories", rss(&nested("itunes:category", 100_000)), Entries(0)),
        text("elements in elements", item(&nested("x", 100_000)), Entries(1)),
        text("elements never closed", item(&"<x>".repeat(100_000)), Entries(1)),
        text("elements in XHTML", format!("<feed><entry><title>a</title><content type='xhtml'>{}</content></entry></feed>", nested("div", 100_000)), Entries(1)),
        text("HTML in HTML", html(&nested("div", 100_000)), Entries(1)),
        text("HTML never closed", html(&"<div><b>".repeat(50_000)), Entries(1)),
        text("lists in lists, each with a line", html(&("<ul>".repeat(50_000) + &"<li>x".repeat(50_000))), Entries(1)),
        text("quotes in quotes, each with a line", html(&("<blockquote>".repeat(50_000) + &"x<br>".repeat(50_000))), Entries(1)),
        text("tables in tables", html(&"<table><tr><td>".repeat(50_000)), Entries(1)),
        text("SVG in MathML", html(&"<svg><foreignObject><math><mtext>".repeat(20_000)), Entries(1)),
        text("templates and forms", html(&"<template><form><select>".repeat(20_000)), Entries(1)),
        text("lists in JSON", format!("{{\"items\":{}", "[".repeat(100_000)), Entries(0)),
        text("objects in JSON", format!("{{\"version\":\"\",\"items\":[{{\"id\":\"1\",\"_x\":{}1{}}}]}}", "{\"a\":".repeat(100_000), "}".repeat(100_000)), Entries(1)),
        // This document once took 2.7 GB of memory.
        text("pictures times groups", item(&("<media:thumbnail url='/t'/>".repeat(5_000) + &"<media:group><media:content url='/c'/></media:group>".repeat(2_000))), Entries(1)),
        // This document once took 1.5 GB of memory and 7 seconds.
        text("two million empty items", rss(&"<item/>".repeat(2_000_000)), Entries(10_000)),
        text("200,000 items", rss(&numbered(200_000, |n| format!("<item><guid>{n}</guid><title>{n}</title></item>"))), Entries(10_000)),
        text("200,000 items of JSON", format!("{{\"version\":\"\",\"items\":[{}{{}}]}}", numbered(200_000, |n| format!("{{\"id\":{n}}},"))), Entries(10_000)),
        text("20,000 prefixes", format!("<rss{}><channel><item><title>a</title></item></channel></rss>", numbered(20_000, |n| format!(" xmlns:n{n}='urn:{n}'"))), Entries(1)),
        // Entities.
        text("a billion laughs", laughs(), Entries(1)),
        text("one long entity many times", format!("<!DOCTYPE x [<!ENTITY a '{}'>]>{}", "x".repeat(1000), item(&format!("<description>{}</description>", "&a;".repeat(20_000)))), Entries(1)),
        text("an outside entity", format!("<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'><!ENTITY % b SYSTEM 'http://127.0.0.1:1/'>%b;]>{}", item("<description>&a;</description>")), Entries(1)),
        // Documents that are only large.
        text("160,000 items in 16 MB", rss(&numbered(160_000, |n| format!("<item><guid>{n}</guid><description>{}</description></item>", "word ".repeat(10)))), Entries(10_000)),
        text("one entry of 50 MB", html(&"plain words, ".repeat(4_000_000)), Entries(1)),
        text("a title of 10 MB", rss(&format!("<item><title>{}</title></item>", "long ".repeat(2_000_000))), Entries(1)),
        text("an address of 4 MB", item(&format!("<link>https://a.example/{}</link>", "x".repeat(4_000_000))), Entries(1)),
        text("300,000 tags", item(&"<category>x</category>".repeat(300_000)), Entries(1)),
        // Documents that took quadratic time in an earlier version.
        text("tags never ended", unclosed("<a "), Entries(1)),
        text("names never ended", unclosed("<a"), Entries(1)),
        text("comments never ended", unclosed("<!--"), Entries(1)),
        text("values never ended", unclosed("<a b='"), Entries(1)),
        text("references never ended", unclosed("&"), Entries(1)),
        text("scripts never ended", unclosed("<script>"), Entries(1)),
        text("images never ended", unclosed("<img data-src='"), Entries(1)),
        text("sections never ended", item(&"<![CDATA[".repeat(200_000)), Entries(1)),
        text("one tag of 300,000 attributes", html(&format!("<p{}>", numbered(300_000, |n| format!(" a{n}")))), Entries(1)),
        text("paragraphs that reopen 200 elements", html(&(numbered(200, |n| format!("<b a={n}>")) + &"<p>x".repeat(300_000))), Entries(1)),
        text("relative addresses and a long base", format!("<rss><channel><item xml:base='https://a.example/{}/'><title>a</title><description><![CDATA[{}]]></description></item></channel></rss>", "x".repeat(100_000), "<a href=b>c</a>".repeat(20_000)), Entries(1)),
        text("escape sequences never ended", item(&format!("<description>{}</description>", "&#27;]".repeat(200_000))), Entries(1)),
        // Bytes that are not text, and unusual characters.
        ("nothing but NUL", vec![0; MIB], Refused),
        ("nothing at all", Vec::new(), Refused),
        ("a mebibyte of 0xFF", vec![0xFF; MIB], Refused),
        ("bytes that are no UTF-8", [rss("<item><title>").into_bytes(), vec![0xC3; MIB]].concat(), Entries(1)),
        text("control characters and lone surrogates", item("<description>\u{0}\u{1b}\u{9b}&#0;&#27;&#xD800;&#xDFFF;&#x110000;\u{202e}\u{fffe}</description>"), Entries(1)),
        text("surrogates in JSON", "{\"version\":\"\",\"items\":[{\"id\":\"\\ud800\",\"title\":\"\\udfff\\ud83d\\ude00\"}]}".to_owned(), Entries(1)),
        text("absurd dates", item("<pubDate>Mon, 99 Foo 99999999999 99:99:99 +9999</pubDate><dc:date>-292277022399-01-01T00:00:00Z</dc:date>"), Entries(1)),
    ]
}

fn read(body: &[u8]) -> Result<Document, String> {
    let base = Url::parse("https://example.org/feed").unwrap();
    let now = "2026-11-25T00:00:00Z".parse().unwrap();
    let known = Remembered::default();
    let document =
        document(body, &base, None, &known, 2_000, now).map_err(|error| error.to_string())?;
    for draft in &document.drafts {
        html_to_text(draft.content_html.as_deref().unwrap_or_default());
    }
    Ok(document)
}

#[test]
fn no_document_takes_more_than_four_times_its_size() {
    let mut wrong = Vec::new();
    for (name, body, expected) in cases() {
        let (length, started) = (body.len(), Instant::now());
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let thread = std::thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn(move || match read(&body) {
            Ok(document) => (Entries(document.entries), String::new()),
            Err(detail) => (Refused, detail),
        });
        let (found, detail) = thread.unwrap().join().unwrap();
        let used = MEMORY.peak_usage().saturating_sub(before);
        let time = started.elapsed();
        println!("{name}: {length} bytes, {used} more at the peak, {time:?}, {found:?} {detail}");
        let good = found == expected && !detail.contains("a fault of");
        if !good || 4 * length + 32 * MIB < used || LONG < time {
            wrong.push(format!("{name}: {found:?} {detail}, {used} bytes for {length}, {time:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
