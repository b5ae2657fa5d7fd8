//! A feed whose publisher gives articles other GUIDs and links: each article stays one, and different articles stay two.

use std::collections::HashMap;

use crate::domain::time::TimeDelta;
use crate::store::sql::arrival_tests::{self, Home};
use crate::store::{Prune, PrunedFeeds};

/// How the publisher's program writes GUIDs and links at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Period {
    /// `http`, a numbered GUID on the site.
    First,
    /// The GUID is `https` now.
    GuidIsHttps,
    /// Links are `https` and without `www.`, GUIDs as before.
    LinksAreHttps,
    /// There are no GUIDs any more.
    NoGuids,
    /// The GUIDs are `urn:uuid:` now.
    Uuids,
    /// The site moves to another host.
    OtherHost,
    /// Another program: other GUIDs, other paths.
    OtherProgram,
}

const PERIODS: [Period; 7] = [
    Period::First,
    Period::GuidIsHttps,
    Period::LinksAreHttps,
    Period::NoGuids,
    Period::Uuids,
    Period::OtherHost,
    Period::OtherProgram,
];

const PLACES: [&str; 10] = [
    "harbour", "library", "market", "station", "theatre", "museum", "hospital", "stadium",
    "airport", "school",
];
const EVENTS: [&str; 9] = [
    "closed by waves",
    "opens on Monday",
    "wins a prize",
    "gets new windows",
    "loses its roof",
    "is for sale",
    "hires two cooks",
    "celebrates 100 years",
    "bans plastic cups",
];

/// The title of an article. No two of a year are the same.
fn title(n: usize) -> String {
    let (place, event) = (PLACES[n % PLACES.len()], EVENTS[n / PLACES.len() % EVENTS.len()]);
    format!("The {place} {event} in ward {}", n / (PLACES.len() * EVENTS.len()) + 1)
}

/// Words that no other article has.
fn text(n: usize) -> String {
    let word = |k: usize| format!("w{}x{}", n, k * 7 % 101);
    (0..60).map(word).collect::<Vec<_>>().join(" ")
}

fn slug(text: &str) -> String {
    text.to_lowercase().replace(' ', "-")
}

/// The item of article `n` in the document of a day.
fn item(n: usize, day: usize, period: Period) -> String {
    let slug = slug(&title(n));
    let (guid, link) = match period {
        Period::First => (
            format!("http://www.a.example/?p={n}"),
            format!("http://www.a.example/news/{n}/{slug}/"),
        ),
        Period::GuidIsHttps => (
            format!("https://www.a.example/?p={n}"),
            format!("http://www.a.example/news/{n}/{slug}/"),
        ),
        Period::LinksAreHttps => {
            (format!("https://www.a.example/?p={n}"), format!("https://a.example/news/{n}/{slug}"))
        }
        Period::NoGuids => (String::new(), format!("https://a.example/news/{n}/{slug}")),
        Period::Uuids => (
            format!("urn:uuid:1225c695-cfb8-4ebb-aaaa-{n:012x}"),
            format!("https://a.example/news/{n}/{slug}"),
        ),
        Period::OtherHost => (
            format!("urn:uuid:1225c695-cfb8-4ebb-aaaa-{n:012x}"),
            format!("https://news.b.example/news/{n}/{slug}"),
        ),
        Period::OtherProgram => {
            (format!("b-{}", n * 31 + 5), format!("https://news.b.example/artikel/{}", n * 31 + 5))
        }
    };
    // One in twenty has a GUID that is random at each fetch, and one in ten gets another headline on its second day.
    let guid = if n % 20 == 3 {
        format!("{:016x}", (day * 7919 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    } else {
        guid
    };
    let age = day - n / 2;
    let title = if n % 10 == 4 && 0 < age { format!("{} (updated)", title(n)) } else { title(n) };
    // One in fifteen is dated anew.
    let dated = if n % 15 == 7 && 2 <= age { n / 2 + 1 } else { n / 2 };
    let date = crate::domain::time::from_unix(
        1_724_127_480 + i64::try_from(dated * 3_600 + n % 2 * 60).unwrap(),
    );
    let guid =
        if guid.is_empty() { guid } else { format!("<guid isPermaLink=\"false\">{guid}</guid>") };
    format!(
        "<item>{guid}<link>{link}</link><title>{title}</title><pubDate>{}</pubDate><description>&lt;p&gt;{}&lt;/p&gt;</description></item>",
        date.to_rfc2822(),
        text(n),
    )
}

/// Two articles a day, of which the document lists the latest twenty.
#[tokio::test]
async fn a_year_of_changes_has_each_article_once() {
    const DAYS: usize = 364;
    let home = Home::new().await;
    for day in 0..DAYS {
        let period = PERIODS[day * PERIODS.len() / DAYS];
        let last = day * 2 + 1;
        let items: Vec<String> =
            (last.saturating_sub(19)..=last).rev().map(|n| item(n, day, period)).collect();
        home.poll(&items).await;
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    for article in home.articles() {
        let title = article.title.unwrap_or_default();
        *counts.entry(title.trim_end_matches(" (updated)").to_owned()).or_default() += 1;
    }
    let wrong: Vec<_> = (0..DAYS * 2)
        .map(|n| (n, counts.remove(&title(n)).unwrap_or_default()))
        .filter(|(_, count)| *count != 1)
        .collect();
    assert_eq!(wrong, [], "articles that are not there exactly once");
    assert!(counts.is_empty(), "{counts:?}");
    let announced = home.heard().iter().filter(|told| told.starts_with('+')).count();
    assert!(
        DAYS * 2 - DAYS / 4 <= announced,
        "edited articles are heard of as edited: {announced}"
    );
}

/// An item of a feed that moves from one host and program to another. The link stays the same without its host.
fn moved_item(n: usize, host: &str, guid: &str) -> String {
    let link = format!("https://{host}/2024/{n}/{}", slug(&title(n)));
    let date = format!("Mon, 19 Aug 2024 0{n}:00:00 GMT");
    let text = format!("<description>{}</description>", text(n));
    arrival_tests::item(&format!("{guid}{n}"), &link, &title(n), &date, &text)
}

#[tokio::test]
async fn removed_articles_stay_removed_when_their_feed_moves() {
    let home = Home::new().await;
    let items = |host: &str, guid: &str, range: std::ops::Range<usize>| -> Vec<String> {
        range.rev().map(|n| moved_item(n, host, guid)).collect()
    };
    assert_eq!(home.poll(&items("a.example", "a-", 0..4)).await, (4, 0));
    assert_eq!(home.poll(&items("a.example", "a-", 2..6)).await, (2, 0));
    let before = home.now() + TimeDelta::days(1);
    let all = Prune { feeds: PrunedFeeds::AllBut(Vec::new()), before, after: None, limit: 100 };
    assert_eq!(home.store.prune(all, home.now()).await.unwrap().articles, 2);
    // The new program lists the removed ones once more.
    assert_eq!(home.poll(&items("www.b.example", "b-", 0..7)).await, (1, 0));
    assert_eq!(home.articles().len(), 5);
}

#[tokio::test]
async fn articles_that_share_a_title_stay_different_ones() {
    let home = Home::new().await;
    let photo = |n: usize| {
        let link = format!("https://a.example/photo/{n}");
        let date = format!("Mon, 19 Aug 2024 {:02}:{:02}:00 GMT", n / 60, n % 60);
        arrival_tests::item(&format!("p-{n}"), &link, "Photo of the day", &date, "")
    };
    // Each document has ten new ones, and none of those of the document before.
    for first in (0..100).step_by(10) {
        let items: Vec<String> = (first..first + 10).rev().map(photo).collect();
        assert_eq!(home.poll(&items).await, (10, 0), "from {first}");
    }
    assert_eq!(home.articles().len(), 100);
}

#[tokio::test]
async fn a_change_of_platform_is_found_in_a_document_of_any_size() {
    let home = Home::new().await;
    let items = |link: &str, guid: &str, range: std::ops::Range<usize>| -> Vec<String> {
        let one = |n: usize| {
            let link = format!("https://a.example/{link}/{n}");
            let date = format!("Mon, 19 Aug 2024 {:02}:{:02}:00 GMT", n / 60, n % 60);
            arrival_tests::item(&format!("{guid}{n}"), &link, &title(n), &date, "")
        };
        range.rev().map(one).collect()
    };
    assert_eq!(home.poll(&items("news", "a-", 0..320)).await, (320, 0));
    assert_eq!(home.poll(&items("node", "b-", 0..323)).await, (3, 0));
    assert_eq!(home.articles().len(), 323);
}

#[tokio::test]
async fn an_article_that_is_still_in_the_document_is_not_another_entry_as_well() {
    let home = Home::new().await;
    let item = |guid: &str| {
        let date = "Mon, 19 Aug 2024 10:30:00 GMT";
        arrival_tests::item(guid, "https://a.example/2024/harbour", "The harbour", date, "")
    };
    assert_eq!(home.poll(&[item("https://a.example/2024/harbour")]).await, (1, 0));
    let both = [item("https://a.example/2024/harbour"), item("https://a.example/?p=7")];
    assert_eq!(home.poll(&both).await, (1, 0));
    assert_eq!(home.articles().len(), 2);
}
