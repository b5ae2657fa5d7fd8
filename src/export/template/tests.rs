use crate::html::sanitise::SanitisedHtml;
use std::sync::atomic::{AtomicUsize, Ordering};

use pulldown_cmark::{Event, Parser};

use super::*;
use crate::domain::article::{ArticleId, DateSource, Person};
use crate::domain::feed::FeedRef;
use crate::domain::time::{Zone, from_unix};
use crate::export::TableStyle;

const PLANET: &str = include_str!("../../../config/templates/planet.html.j2");
const DIGEST: &str = include_str!("../../../config/templates/digest.md.j2");

fn channel() -> Channel {
    Channel {
        title: "Planet <X>".to_owned(),
        home_page_url: None,
        next_url: None,
        hub_url: None,
        feed_url: None,
        description: None,
        updated: from_unix(0),
        table: TableStyle { width: None, color: false, zone: Zone::UTC, now: from_unix(0) },
        feeds: Vec::new(),
    }
}

fn bare() -> Article {
    Article {
        id: ArticleId("a".to_owned()),
        seq: 1,
        feed: Arc::new(FeedRef {
            name: "Feed & co".to_owned(),
            url: "https://e.example/feed".to_owned(),
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
        first_seen: from_unix(0),
        order_at: from_unix(0),
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

fn hostile() -> Article {
    let some = |text: &str| Some(text.to_owned());
    Article {
        title: some("</a><script>alert(1)</script> [x](http://evil.example) # \u{202e}"),
        url: some("https://e.example/?a=\"><b>&(c)"),
        summary: some("1 < 2\n\n# no heading\n<b>no markup</b>"),
        content_html: some("<p>All <b>of</b> it</p>").map(SanitisedHtml::from_store),
        authors: vec![Person { name: some("<A>"), url: None, email: None }],
        published: Some(from_unix(86_400)),
        order_at: from_unix(86_400),
        ..bare()
    }
}

fn filled(name: &str, source: &str, articles: Vec<Article>) -> io::Result<String> {
    let mut out = Vec::new();
    Template::parse(name, source).unwrap().write(&channel(), articles.into_iter(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn the_planet_page_shows_articles_and_no_foreign_markup() {
    let page = filled("planet.html.j2", PLANET, vec![hostile(), bare()]).unwrap();
    assert!(page.contains("<title>Planet &lt;X&gt;</title>"), "{page}");
    assert!(page.contains("<p>All <b>of</b> it</p>"), "{page}");
    assert!(page.contains("2 January 1970, 00:00</time>"), "{page}");
    assert!(!page.contains("<script") && !page.contains("<b>&"), "{page}");
    let empty = filled("planet.html.j2", PLANET, Vec::new()).unwrap();
    assert!(empty.contains("Nothing yet."), "{empty}");
}

#[test]
fn the_digest_is_a_list_of_links_and_their_text() {
    let digest = filled("digest.md.j2", DIGEST, vec![hostile(), bare()]).unwrap();
    let (mut links, mut text) = (Vec::new(), String::new());
    for event in Parser::new(&digest) {
        match event {
            Event::Start(pulldown_cmark::Tag::Link { dest_url, .. }) => links.push(dest_url),
            Event::Text(part) => text.push_str(&part),
            Event::Html(html) | Event::InlineHtml(html) => panic!("{html} in\n{digest}"),
            _ => {}
        }
    }
    assert_eq!(links.len(), 1, "{digest}");
    assert!(links[0].starts_with("https://e.example/?a="), "{digest}");
    assert!(text.contains("<script>alert(1)</script> [x](http://evil.example) #"), "{text}");
    assert!(text.contains("# no heading <b>no markup</b>"), "{text}");
    assert!(text.contains("Untitled · Feed & co"), "{text}");
}

#[test]
fn what_is_unknown_is_nothing_and_what_nothing_has_is_an_error() {
    let all = |line: &str| format!("{{% for a in articles %}}{line}{{% endfor %}}");
    for (name, line, expected) in [
        ("t.txt", "{{ a.title }}|{{ a.tags | length }}", Ok("|0")),
        ("t.txt", "{{ a.feed.name }}", Ok("Feed & co")),
        ("t.html.j2", "{{ a.feed.name }}", Ok("Feed &amp; co")),
        ("t.HTML", "{{ a.feed.name }}", Ok("Feed &amp; co")),
        ("t.json.jinja", "{{ a.feed.name }}", Ok("\"Feed & co\"")),
        ("t.txt", "{{ a.date_first_seen | date('%Y') }}", Ok("1970")),
        ("t.txt", "{{ a.date_published | date('%Y') }}", Ok("")),
        ("t.txt", "{{ a.titel }}", Err("undefined value: a.titel")),
        ("t.txt", "{{ a.date_first_seen | date('%Q%!') }}", Err("strftime")),
        ("t.txt", "\n{{ a.seq | date('%Y') }}", Err("t.txt, line 2")),
    ] {
        match (filled(name, &all(line), vec![bare()]), expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected, "{line}"),
            (Err(error), Err(expected)) => {
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                assert!(error.to_string().contains(expected), "{line}: {error}");
            }
            (found, _) => panic!("{line}: {found:?}"),
        }
    }
    let fault = Template::parse("x.html", "a\n{% for %}").unwrap_err();
    assert!(fault.to_string().starts_with("x.html, line 2: syntax error"), "{fault}");
}

/// Articles leave while the next are still being read.
#[test]
fn articles_are_taken_as_the_loop_asks() {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    struct Slow(usize);
    impl io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += usize::from(bytes.contains(&b';'));
            // The loop looks one ahead, to know its last round.
            assert!(TAKEN.load(Ordering::Relaxed) <= self.0 + 3);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let articles = (0..1_000).map(|_| {
        TAKEN.fetch_add(1, Ordering::Relaxed);
        bare()
    });
    let template = Template::parse("t", "{% for a in articles %}{{ a.id }};{% endfor %}").unwrap();
    template.write(&channel(), articles, &mut Slow(0)).unwrap();
    assert_eq!(TAKEN.load(Ordering::Relaxed), 1_000);
}

#[test]
fn a_closed_pipe_is_still_one() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let template = Template::parse("t", "x").unwrap();
    let error = template.write(&channel(), std::iter::empty(), &mut Closed).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
