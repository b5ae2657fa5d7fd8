//! Names that a publisher gives to one article after the other: one GUID for whatever the feed has at the time, or one page
//! that has another text every day.
//!
//! An entry with the GUID of a stored article, or without GUID and with its link, is taken for an edit. It is another article
//! only if nothing but the name is left: another date and another text, and either another link or a link that is no
//! article's. Otherwise the new article would replace the one of before, which would be lost.

use crate::domain::time::Timestamp;
use crate::matching::canonical_url::CanonicalUrl;
use crate::matching::features::Features;
use crate::matching::title::TitleLikeness;

/// Texts that share more are two versions of one text.
const SHARED: f64 = 0.25;

/// A page is updated during a day, and has another text on the next one. In seconds.
const NEXT_ISSUE: i64 = 18 * 3_600;

/// Whether an entry with the name of a stored article is another article.
pub fn is_another(entry: &Features, old: &Features) -> bool {
    if !may_be_another(entry.published, old.published) {
        return false;
    }
    let gap = entry.published.zip(old.published).map(|(a, b)| (a - b).num_seconds().abs());
    match (&entry.guid, &old.guid) {
        (Some(guid), Some(known)) if guid.raw == known.raw => {
            // Without dates, the titles must differ too.
            (gap.is_some() || is_of_another_title(entry, old))
                && is_on_another_page(entry, old)
                && has_other_content(entry, old)
        }
        (None, None) => {
            gap.is_some_and(|gap| NEXT_ISSUE <= gap)
                && is_on_a_common_page(entry, old)
                && has_other_text(entry, old)
        }
        _ => false,
    }
}

/// Whether the dates of an entry and of the article of its name leave open that they are two: if they differ, or if neither
/// has one.
pub fn may_be_another(entry: Option<Timestamp>, old: Option<Timestamp>) -> bool {
    entry.is_none() == old.is_none() && (entry != old || entry.is_none())
}

/// Whether the links lead to different pages. Without any link but that of the site, the titles must not be alike.
fn is_on_another_page(entry: &Features, old: &Features) -> bool {
    let page = |features: &Features| features.link.clone().filter(|link| link.hostless.is_some());
    match (page(entry), page(old)) {
        (Some(a), Some(b)) => !a.is_same_page(&b),
        (None, None) => is_of_another_title(entry, old),
        _ => false,
    }
}

/// Whether the link is one that many articles can have, such as that of a section.
fn is_on_a_common_page(entry: &Features, old: &Features) -> bool {
    let is_common = |link: &CanonicalUrl| !link.is_article_like();
    match (&entry.link, &old.link) {
        (Some(a), Some(b)) => a.is_same_page(b) && is_common(a),
        _ => false,
    }
}

fn is_of_another_title(entry: &Features, old: &Features) -> bool {
    let likeness = entry.title.likeness(&old.title);
    matches!(likeness, TitleLikeness::Different | TitleLikeness::Series)
}

/// Whether title and text are those of another article. Under a similar title, a text may have been written anew.
fn has_other_content(entry: &Features, old: &Features) -> bool {
    if is_of_another_title(entry, old) {
        let says_nothing = entry.sketch.is_empty() && old.sketch.is_empty();
        return says_nothing || shares_little(entry, old) || has_other_media(entry, old);
    }
    entry.title == old.title && has_other_text(entry, old)
}

/// Whether both texts are long enough to be compared, and differ.
fn has_other_text(entry: &Features, old: &Features) -> bool {
    let are_short = entry.sketch.is_short() || old.sketch.is_short();
    !are_short && shares_little(entry, old)
}

fn shares_little(entry: &Features, old: &Features) -> bool {
    let are_there = !entry.sketch.is_empty() && !old.sketch.is_empty();
    let overlap = entry.sketch.overlap(&old.sketch);
    are_there && overlap.resemblance() < SHARED && overlap.containment() < SHARED
}

fn has_other_media(entry: &Features, old: &Features) -> bool {
    entry.media.as_ref().zip(old.media.as_ref()).is_some_and(|(a, b)| a != b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::from_unix;
    use crate::matching::features::Fields;
    use crate::matching::sketch::Sketch;

    #[derive(Clone, Copy)]
    struct Case {
        guid: Option<&'static str>,
        url: Option<&'static str>,
        title: &'static str,
        date: i64,
        text: u32,
        words: u32,
        media: Option<&'static str>,
    }

    const DAY: i64 = 86_400;

    const BASE: Case = Case {
        guid: Some("current"),
        url: Some("https://a.example/2026/harbour-closed-by-waves"),
        title: "Harbour closed by high waves",
        date: 1_790_000_030,
        text: 1,
        words: 80,
        media: None,
    };

    /// Nothing but the GUID stays.
    const OTHER: Case = Case {
        url: Some("https://a.example/2026/a-library-of-tools"),
        title: "The city lends drills",
        date: BASE.date + DAY,
        text: 2,
        ..BASE
    };

    /// The text of a page that has another one each day.
    const ISSUE: Case = Case {
        guid: None,
        url: Some("https://a.example/briefing"),
        title: "Daily briefing",
        ..BASE
    };

    const NEXT: Case = Case { date: BASE.date + DAY, text: 2, ..ISSUE };

    fn features(case: &Case) -> Features {
        let fields = Fields {
            guid: case.guid,
            url: case.url,
            title: Some(case.title),
            published: Some(from_unix(case.date)).filter(|_| case.date != 0),
            media: case.media,
        };
        let word = |n| format!("w{}", (n * 7 + case.text * 1_000) % 4_001);
        let text = (0..case.words).map(word).collect::<Vec<_>>().join(" ");
        Features::new(&fields, Sketch::of(&text))
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn an_entry_is_another_article_only_if_nothing_but_its_name_stays() {
        for (name, old, new, expected) in [
            ("nothing stays", BASE, OTHER, true),
            ("the same link", BASE, Case { url: BASE.url, ..OTHER }, false),
            ("the same date", BASE, Case { date: BASE.date, ..OTHER }, false),
            ("no date any more", BASE, Case { date: 0, ..OTHER }, false),
            ("no dates", Case { date: 0, ..BASE }, Case { date: 0, ..OTHER }, true),
            (
                "no dates, and one title",
                Case { date: 0, ..BASE },
                Case { date: 0, title: BASE.title, ..OTHER },
                false,
            ),
            ("no dates on one page", Case { date: 0, ..ISSUE }, Case { date: 0, ..NEXT }, false),
            ("the same text", BASE, Case { text: BASE.text, ..OTHER }, false),
            (
                "an edited title",
                BASE,
                Case { title: "Harbour closed by high waves again", ..OTHER },
                false,
            ),
            ("the same title", BASE, Case { title: BASE.title, ..OTHER }, true),
            ("another GUID", BASE, Case { guid: Some("x"), ..OTHER }, false),
            ("short texts", Case { words: 9, ..BASE }, Case { words: 9, ..OTHER }, true),
            (
                "short texts under one title",
                Case { words: 9, ..BASE },
                Case { words: 9, title: BASE.title, ..OTHER },
                false,
            ),
            ("no texts", Case { words: 0, ..BASE }, Case { words: 0, ..OTHER }, true),
            ("no text any more", BASE, Case { words: 0, ..OTHER }, false),
            (
                "the link of the site",
                Case { url: Some("https://a.example/"), ..BASE },
                Case { url: Some("https://a.example/"), ..OTHER },
                true,
            ),
            ("no links", Case { url: None, ..BASE }, Case { url: None, ..OTHER }, true),
            (
                "the next episode with one description",
                Case {
                    media: Some("https://a.example/1.mp3"),
                    title: "Episode 1 of a show",
                    ..BASE
                },
                Case {
                    media: Some("https://a.example/2.mp3"),
                    title: "Episode 2 of a show",
                    text: BASE.text,
                    ..OTHER
                },
                true,
            ),
            ("the next issue", ISSUE, NEXT, true),
            ("a page that is updated", ISSUE, Case { date: BASE.date + 3_600, ..NEXT }, false),
            ("a text that is dated anew", ISSUE, Case { text: ISSUE.text, ..NEXT }, false),
            (
                "an issue with a GUID",
                Case { guid: BASE.guid, ..ISSUE },
                Case { guid: BASE.guid, ..NEXT },
                false,
            ),
            (
                "an article that is written anew",
                Case { guid: None, ..BASE },
                Case { url: BASE.url, ..NEXT },
                false,
            ),
        ] {
            assert_eq!(is_another(&features(&new), &features(&old)), expected, "{name}");
            assert_eq!(is_another(&features(&old), &features(&new)), expected, "{name}, reversed");
        }
    }
}
