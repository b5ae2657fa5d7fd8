use std::collections::{BTreeMap, HashMap};

use url::Url;

use super::*;
use crate::domain::poll::Remembered;
use crate::domain::time::from_unix;
use crate::feed::document::document;
use crate::html::to_text::words_of;
use crate::matching::features::Fields;
use crate::matching::sketch::Sketch;
use crate::matching::window::Window;
use crate::test_support::captured_feeds;

const TIME: i64 = 1_790_000_030;
const DAY: i64 = 86_400;

/// A sighting of which a case changes some values.
#[derive(Clone)]
struct Case {
    feed: i64,
    publisher: &'static str,
    url: String,
    title: String,
    date: i64,
    text: String,
    media: Option<&'static str>,
    language: Option<&'static str>,
}

fn base() -> Case {
    Case {
        feed: 1,
        publisher: "one.example",
        url: "https://one.example/2026/harbour-closed".to_owned(),
        title: "Harbour closed by high waves".to_owned(),
        date: TIME,
        text: prose(1, 120),
        media: None,
        language: None,
    }
}

/// The same article as another publisher prints it.
fn copy() -> Case {
    let url = "https://two.example/news/waves-at-the-harbour".to_owned();
    Case { url, ..copy_of(&base()) }
}

fn sighted(article: i64, case: &Case) -> Sighted {
    let fields = Fields {
        guid: None,
        url: Some(&case.url),
        title: Some(&case.title),
        published: Some(from_unix(case.date)),
        media: case.media,
    };
    Sighted {
        article,
        feed: case.feed,
        publisher: Some(case.publisher.to_owned()),
        language: case.language.map(str::to_owned),
        features: Features::new(&fields, Sketch::of(&case.text)),
    }
}

/// Numbers without order, the same at each run.
fn number(seed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&seed.to_le_bytes())
}

/// Sentences of invented words with punctuation. Texts with other seeds share words, but no sequences of words.
fn prose(seed: u64, words: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "de", "fi", "go", "ha", "ke", "li", "mo", "nu", "pa", "re", "si", "to", "vu", "we",
        "za",
    ];
    let word = |n: u64| {
        let mut left = number(seed * 1_000_003 + n) % 4_096;
        let mut word = String::new();
        for _ in 0..3 {
            word += SYLLABLES[usize::try_from(left % 16).unwrap()];
            left /= 16;
        }
        match n % 23 {
            0 => format!("\"{word}\""),
            7 => format!("{word}'s"),
            11 => format!("{word} - and"),
            17 => (1_000 + number(seed * 7 + n) % 9_000).to_string(),
            22 => format!("{word}."),
            _ => word,
        }
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

fn typography(text: &str) -> String {
    let mut open = false;
    let quotes = text.chars().map(|c| match c {
        '"' => {
            open = !open;
            if open { '“' } else { '”' }
        }
        '\'' => '’',
        '-' => '–',
        other => other,
    });
    quotes.collect::<String>().replace(". ", ".\u{a0} ")
}

fn edited(text: &str, seed: u64) -> String {
    let words = text.split(' ').zip(0_u64..);
    let edit = |(word, n): (&str, u64)| match number(seed * 31 + n) % 20 {
        0 => "changed".to_owned(),
        _ => word.to_owned(),
    };
    words.map(edit).collect::<Vec<_>>().join(" ")
}

fn updated(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let kept = words[..words.len() * 9 / 10].join(" ");
    format!(
        "Updated at 15:30: officials have raised the number of those concerned. {kept} More is expected today."
    )
}

type Edit = fn(&str, u64) -> String;

/// What happens to a text on its way to another publisher.
const EDITS: [(&str, Edit); 6] = [
    ("equal", |text, _| text.to_owned()),
    ("typography", |text, _| typography(text)),
    ("agency framing", |text, _| {
        format!(
            "BERLIN (agency) - {text} This report was published by the agency. All rights reserved."
        )
    }),
    ("edits of 5 %", edited),
    ("update", |text, _| updated(text)),
    ("page noise", |text, _| {
        format!(
            "Home News Sport Weather Log in Menu Share this {text} Read also: ten things to know today. Subscribe to our newsletter. Copyright Imprint Privacy"
        )
    }),
];

#[test]
fn copies_are_found_whatever_their_titles_are() {
    const TEXTS: u64 = 200;
    for (name, edit) in EDITS {
        let mut found = 0;
        for seed in 0..TEXTS {
            let text = prose(seed, 80 + seed);
            let title = prose(seed + 1_000, 7);
            let one = sighted(1, &Case { title: title.clone(), text: text.clone(), ..base() });
            let title = if seed % 2 == 0 { title } else { prose(seed + 2_000, 6) };
            let two = sighted(2, &Case { title, text: edit(&text, seed), ..copy() });
            found += u64::from(duplicate(&two, &[one]).is_some_and(|found| found.of == 1));
        }
        assert!(TEXTS * 99 <= found * 100, "{name}: {found} of {TEXTS}");
    }
}

/// The articles of captured feeds, one of each text. Shorter ones than half a paragraph are found by their titles only.
fn captured() -> Vec<Case> {
    let Some(folder) = captured_feeds() else { return Vec::new() };
    let base = Url::parse("https://one.example/feed").unwrap();
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut articles = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = std::fs::read(file).unwrap();
        let now = from_unix(TIME + DAY);
        let Ok(read) = document(&bytes, &base, None, &Remembered::default(), 2_000, now) else {
            continue;
        };
        for article in read.drafts {
            let text = article.content_html.as_deref().map(words_of).unwrap_or_default();
            if !(30..20_000).contains(&text.split_whitespace().count()) {
                continue;
            }
            let date = article.published.map_or(TIME, |at| at.timestamp());
            let title = article.title.unwrap_or_default();
            let url = article.url.unwrap_or_else(|| "https://one.example/1".to_owned());
            articles.insert(text.clone(), Case { url, title, date, text, ..self::base() });
        }
    }
    articles.into_values().collect()
}

/// Each article is compared with all those that the store would compare it with.
#[test]
fn copies_of_captured_articles_are_found_among_all_others() {
    let articles = captured();
    let mut window = Window::default();
    let mut stored = HashMap::new();
    for (article, case) in (1_i64..).zip(&articles) {
        let one = sighted(article, case);
        window.insert(article, case.date, &one.features.keys_across_feeds());
        stored.insert(article, one);
    }
    for (name, edit) in EDITS {
        let (mut missed, mut wrong) = (Vec::new(), 0);
        for (article, case) in (1_i64..).zip(&articles) {
            let seed = article.unsigned_abs();
            let title = if seed % 2 == 0 { case.title.clone() } else { prose(seed, 6) };
            let url = format!("https://two.example/news/{article}");
            let text = edit(&case.text, seed);
            let new = sighted(i64::MAX, &Case { url, title, text, ..copy_of(case) });
            let ids = window.candidates(&new.features.lookup_across_feeds());
            let title = &stored[&article].features.title;
            match duplicate(&new, ids.iter().filter_map(|id| stored.get(id))) {
                // Feeds of one publisher have some articles with a few other words.
                Some(other) if stored[&other.of].features.title == *title => {}
                Some(_) => wrong += 1,
                None => missed.push(seed % 2),
            }
        }
        let half = articles.len() / 2;
        let under_same_title = missed.iter().filter(|half| **half == 0).count();
        let under_other = missed.len() - under_same_title;
        eprintln!(
            "{name}: of {half} each, {under_same_title} missed under the same title and {under_other} \
             under another, {wrong} taken for another article"
        );
        assert!(under_same_title * 100 <= half && wrong * 100 <= half, "{name}");
        // Under another title, the texts of a series (show notes, release notes) are left alone.
        assert!(under_other * 40 <= half, "{name}");
    }
}

/// The article as another publisher prints it an hour later.
fn copy_of(case: &Case) -> Case {
    Case { feed: 2, publisher: "two.example", date: case.date + 3_600, ..case.clone() }
}

/// Texts of a template: most words are the same, and some words and numbers are filled in.
fn filled(template: &str, seed: u64) -> String {
    const WORDS: [&str; 8] = ["rain", "sun", "clouds", "fog", "snow", "hail", "showers", "wind"];
    let mut n = 0;
    let pieces = template.split('#').map(|piece| {
        n += 1;
        let drawn = number(seed * 101 + n);
        let value = match n % 3 {
            0 => WORDS[usize::try_from(drawn % 8).unwrap()].to_owned(),
            _ => (drawn % 100).to_string(),
        };
        format!("{piece}{value}")
    });
    pieces.collect()
}

const WEATHER: &str = "The day begins with # degrees in the north and # in the south. Towards noon there will be # in \
    most places, with wind from the west at up to # kilometres an hour. In the evening temperatures fall to # degrees, \
    and # is possible above # metres. The sun rises at 6.# and sets at 18.#, and the outlook for tomorrow is #.";

const MARKETS: &str = "The index closed at # points, up # percent from the day before, and # stocks gained. Traders spoke \
    of a quiet session with a volume of # million shares. The euro was at # dollars, gold rose by # to # dollars an ounce, \
    and a barrel of oil cost # dollars. The yield of bonds of ten years fell to # percent after # days of gains.";

#[test]
fn unrelated_articles_and_texts_of_one_template_are_no_copies() {
    for (name, template, title, publisher) in [
        ("weather of one title", WEATHER, "The weather for the whole country", "two.example"),
        ("weather with the day", WEATHER, "The weather on Monday the #", "two.example"),
        ("weather of one publisher", WEATHER, "The weather for the whole country", "one.example"),
        ("markets", MARKETS, "Stocks rise at the end of the week", "two.example"),
        ("markets under other titles", MARKETS, "Report # of our traders", "two.example"),
    ] {
        let case =
            |seed: u64| Case { text: filled(template, seed), title: filled(title, seed), ..base() };
        let older: Vec<Sighted> =
            (0..100).zip(1..).map(|(seed, n)| sighted(n, &case(seed))).collect();
        let newer = (100..200).map(|seed| Case {
            publisher,
            url: format!("https://{publisher}/w/{seed}"),
            feed: 2,
            ..case(seed)
        });
        let wrong: usize = newer
            .map(|case| {
                let new = sighted(999, &case);
                let is_wrong =
                    |one: &&Sighted| duplicate(&new, std::slice::from_ref(*one)).is_some();
                older.iter().filter(is_wrong).count()
            })
            .sum();
        // Of ten thousand pairs.
        assert!(wrong <= 5, "{name}: {wrong}");
    }
    let all: Vec<Sighted> = (0..200_u64)
        .zip(1..)
        .map(|(seed, n)| {
            let title = prose(seed + 5_000, 6);
            sighted(
                n,
                &Case {
                    feed: n % 2,
                    text: prose(seed + 9_000, 150),
                    title,
                    url: format!("https://{seed}.example/x"),
                    ..base()
                },
            )
        })
        .collect();
    assert!(all.iter().all(|one| duplicate(one, &all).is_none()));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn an_address_counts_only_if_title_or_text_agree_or_the_publisher_owns_it() {
    let other_text = || prose(77, 120);
    let other_title = || "What I think of breakwaters".to_owned();
    let page = || base().url;
    for (name, article, expected) in [
        ("the same title", Case { url: page(), text: other_text(), ..copy() }, Some("address")),
        (
            "title with the name of the site",
            Case {
                url: page(),
                text: other_text(),
                title: "Harbour closed by high waves | One".into(),
                ..copy()
            },
            Some("address"),
        ),
        ("the same text", Case { url: page(), title: other_title(), ..copy() }, Some("address")),
        (
            "another comment on it",
            Case { url: page(), text: other_text(), title: other_title(), ..copy() },
            None,
        ),
        (
            "a link alone",
            Case { url: page(), text: String::new(), title: String::new(), ..copy() },
            Some("address"),
        ),
        (
            "text without title",
            Case { url: page(), text: other_text(), title: String::new(), ..copy() },
            None,
        ),
        (
            "AMP page",
            Case { url: page() + "/amp?utm_source=x", text: other_text(), ..copy() },
            Some("address"),
        ),
        (
            "another feed of the publisher",
            Case {
                url: page(),
                text: other_text(),
                title: other_title(),
                publisher: "one.example",
                ..copy()
            },
            Some("publisher_address"),
        ),
        (
            "a translation at the same address",
            Case {
                url: page(),
                text: other_text(),
                title: other_title(),
                publisher: "one.example",
                language: Some("de-AT"),
                ..copy()
            },
            None,
        ),
        (
            "the same text in a feed of another language",
            Case { url: page(), language: Some("de"), ..copy() },
            Some("address"),
        ),
        (
            "two feeds of one blogger about a page of others",
            Case {
                url: page(),
                text: other_text(),
                title: other_title(),
                publisher: "two.example",
                ..copy()
            },
            None,
        ),
        (
            "another anchor",
            Case {
                url: page() + "#2",
                text: other_text(),
                title: other_title(),
                publisher: "one.example",
                ..copy()
            },
            Some("publisher_address"),
        ),
        (
            "the next of a series",
            Case {
                url: page(),
                text: other_text(),
                title: "Harbour closed by high winds".into(),
                ..copy()
            },
            None,
        ),
        ("another page", Case { text: other_text(), ..copy() }, None),
        ("the same feed", Case { feed: 1, ..base() }, None),
    ] {
        let first = Case { language: Some("en"), ..base() };
        let found = duplicate(&sighted(2, &article), &[sighted(1, &first)]);
        assert_eq!(found.map(|found| found.reason.as_str()), expected, "{name}");
    }
    let home = |case: Case| Case { url: "https://one.example/".into(), ..case };
    let other =
        home(Case { text: other_text(), title: other_title(), publisher: "one.example", ..copy() });
    assert_eq!(duplicate(&sighted(2, &other), &[sighted(1, &home(base()))]), None, "home page");
}

/// A digest has the texts of several articles, and none of them may disappear behind it, whichever comes first.
#[test]
fn a_digest_is_none_of_its_articles() {
    let articles: Vec<Case> = (0..4_i64)
        .map(|n| Case {
            url: format!("https://one.example/{n}-of-the-day"),
            title: prose(n.unsigned_abs() + 900, 5),
            text: prose(n.unsigned_abs() + 800, 60),
            ..base()
        })
        .collect();
    let texts: Vec<&str> = articles.iter().map(|article| &*article.text).collect();
    let digest = Case { title: "What the day was about".into(), text: texts.join(" "), ..copy() };
    let digest = sighted(9, &digest);
    let all: Vec<Sighted> = (1..).zip(&articles).map(|(n, case)| sighted(n, case)).collect();
    assert_eq!(duplicate(&digest, &all), None);
    for article in &all {
        assert_eq!(duplicate(&digest, [article]), None, "one at a time");
        assert_eq!(duplicate(article, [&digest]), None, "the digest was first");
    }
    let half = Case { text: texts[..2].join(" "), title: "Half of it".into(), feed: 7, ..base() };
    assert!(duplicate(&sighted(10, &half), [&digest]).is_some(), "half of a text");
}

#[test]
fn a_page_of_several_articles_of_a_feed_is_no_address() {
    let overview = |n: i64, feed, title: &str| {
        let title = title.to_owned();
        sighted(n, &Case { feed, title, text: prose(n.unsigned_abs() + 50, 90), ..base() })
    };
    let stored =
        [overview(1, 1, "On the first of all days"), overview(2, 1, "Something else came later")];
    assert_eq!(duplicate(&overview(3, 2, "A third and last remark"), &stored), None);
    assert!(duplicate(&overview(3, 2, "A third and last remark"), &stored[..1]).is_some());
}

#[test]
fn texts_that_several_articles_of_a_feed_have_are_templates() {
    let episode = |n: i64, feed, title: &str, media| {
        let title = title.to_owned();
        let url = format!("https://{feed}.example/episode/{n}");
        let publisher = if feed == 1 { "one.example" } else { "two.example" };
        sighted(n, &Case { feed, publisher, url, title, media, ..base() })
    };
    let audio = |name| Some(name);
    let stored = [
        episode(1, 1, "On harbours and their walls", audio("https://one.example/1.mp3")),
        episode(2, 1, "What libraries lend today", audio("https://one.example/2.mp3")),
    ];
    for (name, title, media, expected) in [
        ("the next episode", "Why it snows in valleys", audio("https://two.example/3.mp3"), None),
        ("an episode without file", "Why it snows in valleys", None, None),
        (
            "the same episode",
            "What libraries lend today",
            audio("https://two.example/2.mp3"),
            Some(2),
        ),
    ] {
        let found = duplicate(&episode(3, 2, title, media), &stored);
        assert_eq!(found.map(|found| found.of), expected, "{name}");
        let found = duplicate(&episode(3, 2, title, media), &stored[1..]);
        let alone = if media.is_none() { Some(2) } else { expected };
        assert_eq!(found.map(|found| found.of), alone, "{name}, with one episode stored");
    }
    let bulletin = |n, feed, date, media| {
        let url = format!("https://{feed}.example/b/{n}");
        sighted(
            n,
            &Case {
                feed,
                url,
                date,
                media: Some(media),
                title: "News of the hour, briefly".into(),
                ..base()
            },
        )
    };
    let first = bulletin(1, 1, TIME, "https://one.example/7.mp3");
    let next = bulletin(2, 2, TIME + 3_600, "https://two.example/8.mp3");
    assert_eq!(duplicate(&next, &[first]), None, "bulletins of one title");
}

#[test]
fn short_and_late_texts_need_the_same_title() {
    let short = "Waves of nine metres have closed the harbour, and nobody was hurt.";
    let other = "A sea too rough for boats";
    for (name, text, title, date, expected) in [
        ("short with the title", short, None, TIME, true),
        ("short with another title", short, Some(other), TIME, false),
        ("short, with a title of two words", short, Some("Harbour closed"), TIME, false),
        ("short and late", short, None, TIME + 9 * DAY, false),
        ("equal and late", "", None, TIME + 9 * DAY, true),
    ] {
        let text = if text.is_empty() { prose(1, 120) } else { text.to_owned() };
        let title = title.map_or_else(|| base().title, str::to_owned);
        let one = sighted(1, &Case { text: text.clone(), ..base() });
        let two = sighted(2, &Case { title, date, text, ..copy() });
        assert_eq!(duplicate(&two, &[one]).is_some(), expected, "{name}");
    }
    let half = prose(1, 70);
    let one = sighted(1, &base());
    let late = sighted(2, &Case { text: half.clone(), date: TIME + 9 * DAY, ..copy() });
    assert_eq!(duplicate(&late, std::slice::from_ref(&one)), None, "a part, and late");
    assert!(duplicate(&sighted(2, &Case { text: half, ..copy() }), &[one]).is_some());
}

#[test]
fn the_best_candidate_is_chosen_whatever_the_order_is() {
    let other_title = || "Boats were taken to the old dock".to_owned();
    let stored = [
        sighted(
            5,
            &Case {
                url: "https://five.example/a-b".into(),
                title: other_title(),
                feed: 5,
                ..base()
            },
        ),
        sighted(
            3,
            &Case {
                url: "https://three.example/a-b".into(),
                title: other_title(),
                feed: 3,
                ..base()
            },
        ),
        sighted(4, &Case { url: copy().url, text: prose(8, 90), feed: 4, ..copy() }),
    ];
    let article = sighted(9, &copy());
    let mut reversed = stored.to_vec();
    reversed.reverse();
    let found = duplicate(&article, &stored).unwrap();
    assert_eq!(Some(&found), duplicate(&article, &reversed).as_ref());
    assert_eq!((found.of, found.reason.as_str()), (3, "text"));
    assert_eq!(found.reason.to_string(), "127 of 127 sampled passages shared");
}

#[test]
fn a_publisher_is_a_registrable_domain() {
    for (host, expected) in [
        ("feeds.example.co.uk", Some("example.co.uk")),
        ("WWW.Example.org.", Some("example.org")),
        ("one.github.io", Some("one.github.io")),
        ("co.uk", None),
        ("", None),
    ] {
        assert_eq!(publisher(host).as_deref(), expected, "{host}");
    }
}
