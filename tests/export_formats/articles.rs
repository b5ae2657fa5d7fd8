//! The articles that the tests export.

use gazetted::html::sanitise::SanitisedHtml;
use std::sync::Arc;

use gazetted::domain::article::{Article, ArticleId, Attachment, DateSource, Person};
use gazetted::domain::feed::FeedRef;
use gazetted::domain::time::from_unix;
use gazetted::export::{Channel, TableStyle};

/// 2026-08-20 06:18:00 UTC.
const NOW: i64 = 1_787_206_680;

pub(crate) fn channel() -> Channel {
    Channel {
        title: "Latest & greatest".to_owned(),
        home_page_url: Some("https://news.example/".to_owned()),
        feed_url: Some("https://news.example/latest?a=1&b=2".to_owned()),
        next_url: None,
        hub_url: None,
        description: Some("All <feeds> at once".to_owned()),
        updated: from_unix(NOW),
        table: TableStyle {
            width: Some(80),
            color: false,
            zone: gazetted::domain::time::Zone::UTC,
            now: from_unix(NOW),
        },
        feeds: all().iter().map(|article| (*article.feed).clone()).collect(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it shortens the fixtures")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// An article with the required values only.
pub(crate) fn bare(id: &str) -> Article {
    Article {
        id: ArticleId(id.to_owned()),
        seq: 1,
        feed: Arc::new(FeedRef {
            name: "https://bare.example/feed".to_owned(),
            url: "https://bare.example/feed".to_owned(),
            title: None,
            home_page_url: None,
            tags: Vec::new(),
        }),
        guid: None,
        url: None,
        external_url: None,
        title: None,
        summary: None,
        content_html: None,
        content_text: None,
        image: None,
        authors: Vec::new(),
        tags: Vec::new(),
        language: None,
        published: None,
        modified: None,
        first_seen: from_unix(NOW - 60),
        order_at: from_unix(NOW - 60),
        date_source: DateSource::FirstSeen,
        attachments: Vec::new(),
        podcast: None,
        revision: 0,
        duplicate_of: None,
        story: None,
        also_in: Vec::new(),
        full_text: None,
    }
}

pub(crate) fn full() -> Article {
    let attachment = |url: &str, kind: Option<&str>| Attachment {
        url: url.to_owned(),
        mime_type: kind.map(str::to_owned),
        title: None,
        size_in_bytes: None,
        duration_in_seconds: None,
    };
    Article {
        seq: 42,
        feed: Arc::new(FeedRef {
            name: "Example World".to_owned(),
            url: "https://example.org/world.xml?a=1&b=2".to_owned(),
            title: some("Example: World News"),
            home_page_url: some("https://example.org/"),
            tags: vec!["world".to_owned(), "en".to_owned()],
        }),
        guid: some("tag:example.org,2026:1"),
        url: some("https://example.org/1?x=1&y=2"),
        external_url: some("https://elsewhere.example/story"),
        title: some("Elections: a \"surprise\" & what <b>it</b> means"),
        summary: some("In short: 1 < 2 & <script> is a word"),
        content_html: some("<p>All of it, <em>at length</em> ]]&gt; &amp; more.</p>")
            .map(SanitisedHtml::from_store),
        content_text: some("All of it, at length ]]> & more."),
        image: some("https://example.org/1.jpg"),
        authors: vec![
            Person {
                name: some("Ada Example"),
                url: some("https://example.org/ada"),
                email: some("ada@example.org"),
            },
            Person { name: None, url: None, email: some("desk@example.org") },
            Person { name: None, url: some("https://example.org/team"), email: None },
        ],
        tags: vec!["politics".to_owned(), "R&D".to_owned()],
        language: some("en-GB"),
        published: Some(from_unix(NOW - 7_200)),
        order_at: from_unix(NOW - 7_200),
        modified: Some(from_unix(NOW - 3_600)),
        date_source: DateSource::Feed,
        attachments: vec![
            Attachment {
                url: "https://example.org/1.mp3?a=1&b=2".to_owned(),
                mime_type: some("audio/mpeg"),
                title: some("Listen"),
                size_in_bytes: Some(123_456),
                duration_in_seconds: Some(61),
            },
            attachment("https://example.org/1.bin", None),
        ],
        revision: 2,
        ..bare("a1")
    }
}

/// An article with texts that could break a format.
pub(crate) fn hostile() -> Article {
    Article {
        url: some("https://evil.example/\"'<>"),
        title: some("=HYPERLINK(\"x\")\u{1b}[31m\0\u{9b}2J ]]> </title>\r\n\u{202e}gnp.exe"),
        summary: some("-1, \"quoted\"\nsecond line\u{fffe}\u{ffff}"),
        content_html: some("<p>]]> &lt;/content> \u{8} <!-- --> <![CDATA[x]]></p>")
            .map(SanitisedHtml::from_store),
        authors: vec![Person { name: some("@cmd|' /C calc'!A0"), ..Person::default() }],
        tags: vec!["+1".to_owned(), "a;b".to_owned(), "שלום 👩‍👩‍👧".to_owned()],
        language: some("not a language"),
        published: Some(from_unix(253_402_300_800)), // The year 10000.
        modified: Some(from_unix(NOW - 86_400 * 400)),
        attachments: vec![Attachment {
            url: "https://evil.example/x".to_owned(),
            mime_type: some("nonsense"),
            title: None,
            size_in_bytes: None,
            duration_in_seconds: None,
        }],
        ..bare("id with spaces/ü")
    }
}

/// Posts of this kind have no title; this one no link either.
fn note() -> Article {
    Article {
        content_html: some("<p>Just a\nthought.</p>").map(SanitisedHtml::from_store),
        content_text: some("Just a\nthought."),
        date_source: DateSource::Feed,
        published: Some(from_unix(NOW - 86_400 * 365)),
        order_at: from_unix(NOW - 86_400 * 365),
        modified: Some(from_unix(NOW - 86_400 * 366)), // Before it was published.
        ..bare("note")
    }
}

pub(crate) fn all() -> Vec<Article> {
    let summary_only = Article { summary: some("Only <this>"), ..bare("summary") };
    let link_only = Article { url: some("https://bare.example/1"), ..bare("link") };
    let title_only = Article {
        title: some("日本語のとても長い題名".repeat(6).as_str()),
        ..bare("title")
    };
    vec![full(), hostile(), note(), summary_only, link_only, title_only, bare("bare")]
}
