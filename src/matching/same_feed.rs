//! Which new entries of a document are articles that the feed had before, under another GUID or link.
//!
//! An entry is new when the store finds no article of the feed by its key. Candidates are the stored articles that share
//! one of its [`Key::of`](crate::matching::features::Key::of). An article that is still in the document under its own key must not be given as a
//! candidate, because a publisher lists an article once.
//!
//! Each pair of entry and candidate has at most one [`Reason`], which is certain or likely. Pairs are decided from the
//! strongest reason to the weakest, the certain ones first. An entry with several candidates for one reason, or a
//! candidate with several entries, is left alone: the entry becomes a new article. Weak reasons count only if half of the
//! document changed in the same way.
//!
//! Entries that differ in nothing but the GUID are one group, and so are such candidates: a feed whose GUID is new at each
//! fetch may have stored an article several times before.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::time::Timestamp;
use crate::matching::canonical_url::CanonicalUrl;
use crate::matching::features::Features;
use crate::matching::reused_name::is_another;
use crate::matching::sketch::Sketch;
use crate::matching::title::TitleLikeness;

/// A stored article that shares a key with a new entry.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The number of the article in the store; a later article has a higher one.
    pub article: i64,
    pub features: Features,
}

/// The sizes of two documents, known entries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Entries of the new document.
    pub entries: usize,
    /// Entries of the document before.
    pub previous: usize,
}

/// A new entry that is an article of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The place of the entry among the new ones.
    pub entry: usize,
    pub article: i64,
    pub reason: Reason,
}

/// Why an entry is an article of before, from the strongest reason to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The GUID is written in another form.
    GuidForm,
    /// The link is written in another form, and there is no GUID.
    LinkForm,
    /// The entry has a GUID now, or none any more, and the link stays.
    GuidAddedOrDropped,
    /// The GUID is new, and the link stays.
    NewGuid,
    /// GUID or link are the same on another host.
    Moved,
    /// GUID and link are new; title, date and text stay.
    Renamed,
    /// As half of the document, the entry has another GUID and link, but title, date or text of an article of before.
    Platform,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GuidForm => "the GUID is the same in another form",
            Self::LinkForm => "the link is the same in another form",
            Self::GuidAddedOrDropped => "the link is the same, and the GUID was added or dropped",
            Self::NewGuid => "the link is the same, and only the GUID is new",
            Self::Moved => "the address is the same on another host",
            Self::Renamed => "GUID and link are new, but title, date and text are the same",
            Self::Platform => {
                "GUIDs and links of half of the document are new, but not what it says"
            }
        })
    }
}

/// The order in which pairs are decided: first by whether the reason is only likely.
type Level = (bool, Reason);

/// The new entries that are articles of before, and those that are so by [`Reason::Platform`] alone, of which
/// [`keep_platform`] decides. The result is sorted by entry, and does not depend on the order of `new` and `candidates`.
pub fn pairs(new: &[Features], candidates: &[Candidate]) -> Vec<Match> {
    let mut groups = Groups::new(new, candidates);
    let levels: Vec<Level> = groups.pairs.keys().copied().collect();
    let (platform, alone): (Vec<Level>, Vec<Level>) =
        levels.into_iter().partition(|(_, reason)| *reason == Reason::Platform);
    for level in alone {
        groups.decide(level);
    }
    for level in platform {
        groups.decide(level);
    }
    groups.found.sort_unstable();
    groups.found
}

/// Removes the pairs that count only if half of the document changed in the same way, unless it did.
pub fn keep_platform(found: &mut Vec<Match>, sizes: Sizes) {
    if !is_change_of_platform(found, sizes) {
        found.retain(|found| found.reason != Reason::Platform);
    }
}

/// Whether half of the document was found again under other names.
pub fn is_change_of_platform(found: &[Match], sizes: Sizes) -> bool {
    let smaller = sizes.entries.min(sizes.previous);
    FEWEST_OF_A_PLATFORM <= found.len() && smaller <= 2 * found.len()
}

/// Fewer entries are no sign of a change of platform, though they may be half of a document.
const FEWEST_OF_A_PLATFORM: usize = 2;

/// Groups of equal entries and of equal candidates, and what is decided of them.
struct Groups<'a> {
    new: Vec<Vec<usize>>,
    /// Articles of each group, the newest first.
    old: Vec<Vec<&'a Candidate>>,
    /// Pairs of groups by level.
    pairs: BTreeMap<Level, Vec<(usize, usize)>>,
    decided_new: BTreeSet<usize>,
    decided_old: BTreeSet<usize>,
    found: Vec<Match>,
}

impl<'a> Groups<'a> {
    fn new(new: &[Features], candidates: &'a [Candidate]) -> Self {
        let mut entries: BTreeMap<Sameness<'_>, Vec<usize>> = BTreeMap::new();
        for (n, entry) in new.iter().enumerate() {
            entries.entry(Sameness::of(entry)).or_default().push(n);
        }
        let guid =
            |n: &usize| new.get(*n).and_then(|entry| entry.guid.as_ref()).map(|guid| &guid.raw);
        for group in entries.values_mut() {
            group.sort_by_key(guid);
        }
        let mut articles: BTreeMap<Sameness<'_>, Vec<&Candidate>> = BTreeMap::new();
        for old in candidates {
            articles.entry(Sameness::of(&old.features)).or_default().push(old);
        }
        for group in articles.values_mut() {
            group.sort_by_key(|old| Reverse(old.article));
        }
        let groups = Self {
            new: entries.into_values().collect(),
            old: articles.into_values().collect(),
            pairs: BTreeMap::new(),
            decided_new: BTreeSet::new(),
            decided_old: BTreeSet::new(),
            found: Vec::new(),
        };
        Self { pairs: groups.compare(new), ..groups }
    }

    fn compare(&self, new: &[Features]) -> BTreeMap<Level, Vec<(usize, usize)>> {
        let mut pairs: BTreeMap<Level, Vec<(usize, usize)>> = BTreeMap::new();
        for (n, entries) in self.new.iter().enumerate() {
            for (o, articles) in self.old.iter().enumerate() {
                let entries = entries.iter().filter_map(|n| new.get(*n));
                let levels = entries.flat_map(|entry| {
                    articles.iter().filter_map(move |old| level(entry, &old.features))
                });
                if let Some(level) = levels.min() {
                    pairs.entry(level).or_default().push((n, o));
                }
            }
        }
        pairs
    }

    fn decide(&mut self, level: Level) {
        let mut pairs = self.pairs.remove(&level).unwrap_or_default();
        pairs.retain(|(n, o)| !self.decided_new.contains(n) && !self.decided_old.contains(o));
        let mut of_new: BTreeMap<usize, usize> = BTreeMap::new();
        let mut of_old: BTreeMap<usize, usize> = BTreeMap::new();
        for (n, o) in &pairs {
            *of_new.entry(*n).or_default() += 1;
            *of_old.entry(*o).or_default() += 1;
        }
        for (n, o) in pairs {
            self.decided_new.insert(n);
            self.decided_old.insert(o);
            let is_alone = of_new.get(&n) == Some(&1) && of_old.get(&o) == Some(&1);
            if let (true, Some(entries), Some(articles)) =
                (is_alone, self.new.get(n), self.old.get(o))
            {
                let matched = entries.iter().zip(articles);
                self.found.extend(matched.map(|(entry, old)| Match {
                    entry: *entry,
                    article: old.article,
                    reason: level.1,
                }));
            }
        }
    }
}

/// All that is compared except the GUID.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Sameness<'a> {
    url: Option<&'a str>,
    title: String,
    published: Option<Timestamp>,
    media: Option<&'a str>,
    sketch: Sketch,
}

impl<'a> Sameness<'a> {
    fn of(features: &'a Features) -> Self {
        let link = features.link.as_ref().and_then(|link| link.keys.first());
        Self {
            url: link.or(features.url.as_ref()).map(String::as_str),
            title: features.title.normal(),
            published: features.published,
            media: features.media.as_deref(),
            sketch: features.sketch.clone(),
        }
    }
}

/// The reason for which an entry may be an article of before.
fn level(entry: &Features, old: &Features) -> Option<Level> {
    if is_another(entry, old) {
        return None;
    }
    let pair = Pair::of(entry, old);
    let found = |reason: Reason, is_certain: bool| Some((!is_certain, reason));
    let same_page = matches!((&entry.link, &old.link), (Some(a), Some(b)) if a.is_same_page(b));
    let same_guid = matches!(
        (&entry.guid, &old.guid),
        // One GUID for several articles is decided elsewhere.
        (Some(a), Some(b)) if a.is_same(b) && a.raw != b.raw
    );
    if same_guid && (same_page || pair.is_not_contradicted(entry, old)) {
        return found(Reason::GuidForm, true);
    }
    let named = guid_is_link(entry, old) || guid_is_link(old, entry);
    match (&entry.guid, &old.guid) {
        (None, None) if same_page && pair.may_be_edited() => {
            return found(Reason::LinkForm, pair.is_certain());
        }
        (Some(_), None) | (None, Some(_)) if (same_page || named) && pair.may_be_edited() => {
            return found(Reason::GuidAddedOrDropped, pair.is_certain());
        }
        (Some(_), Some(_)) if same_page && pair.only_guid_is_new() => {
            return found(Reason::NewGuid, pair.is_certain());
        }
        _ => {}
    }
    let moved = hostless(entry).any(|text| hostless(old).any(|other| text == other));
    if moved && pair.may_have_moved() {
        return found(Reason::Moved, pair.is_certain());
    }
    if pair.is_same_title() && pair.same_date && pair.text && pair.same_media {
        return found(Reason::Renamed, true);
    }
    let platform = pair.is_certain() || moved && pair.may_be_edited() || pair.may_be_republished();
    if platform { found(Reason::Platform, pair.is_certain()) } else { None }
}

fn hostless(features: &Features) -> impl Iterator<Item = &String> {
    let guid = features.guid.iter().filter_map(|guid| guid.hostless.as_ref());
    guid.chain(features.link.iter().filter_map(|link| link.hostless.as_ref()))
}

/// Whether the GUID of one is the link of the other.
fn guid_is_link(one: &Features, other: &Features) -> bool {
    let (Some(guid), Some(link)) = (&one.guid, &other.link) else { return false };
    guid.forms.iter().any(|form| link.keys.contains(form))
}

/// What an entry and an article have in common beside their names.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one observation, and none excludes another"
)]
struct Pair {
    title: TitleLikeness,
    is_distinctive: bool,
    /// The same time of day on the same day.
    same_date: bool,
    /// At most two days lie between the dates, or one is unknown.
    near_date: bool,
    undated: bool,
    /// Nearly the same text, and not only a few words of it.
    text: bool,
    /// The same words, though few, or no text at all.
    same_words: bool,
    /// The same audio or video, or one of them has none.
    same_media: bool,
    /// The link has a number or words that only one article has.
    is_article_like: bool,
    /// The links lead to different places of one page.
    anchors_differ: bool,
}

impl Pair {
    fn of(entry: &Features, old: &Features) -> Self {
        const TWO_DAYS: i64 = 2 * 86_400;
        let overlap = entry.sketch.overlap(&old.sketch);
        let has_time = |at: Timestamp| at.timestamp() % 86_400 != 0;
        let gap = entry.published.zip(old.published).map(|(a, b)| (a - b).num_seconds().abs());
        let anchor = |features: &Features| {
            let url = features.url.as_deref().unwrap_or_default();
            url.split_once('#').map(|(_, anchor)| anchor.to_owned())
        };
        let anchors = anchor(entry).zip(anchor(old));
        Self {
            title: entry.title.likeness(&old.title),
            is_distinctive: entry.title.is_distinctive(),
            same_date: gap == Some(0) && entry.published.is_some_and(has_time),
            near_date: gap.is_none_or(|gap| gap <= TWO_DAYS),
            undated: entry.published.is_none() && old.published.is_none(),
            text: overlap.is_near_text() && !entry.sketch.is_short() && !old.sketch.is_short(),
            same_words: entry.sketch == old.sketch,
            same_media: entry.media.as_ref().zip(old.media.as_ref()).is_none_or(|(a, b)| a == b),
            is_article_like: entry.link.as_ref().is_some_and(CanonicalUrl::is_article_like),
            anchors_differ: anchors.is_some_and(|(a, b)| a != b),
        }
    }

    fn is_same_title(&self) -> bool {
        self.title == TitleLikeness::Same
    }

    fn is_similar_title(&self) -> bool {
        matches!(self.title, TitleLikeness::Same | TitleLikeness::Similar)
    }

    /// Whether nothing but the names changed: the same title, and the same date or text.
    fn is_certain(&self) -> bool {
        match self.title {
            TitleLikeness::Same => {
                self.same_date || self.text && self.same_media || self.undated && self.same_words
            }
            TitleLikeness::Unknown => {
                self.same_date && (self.text || self.same_words) || self.text && self.same_media
            }
            _ => false,
        }
    }

    /// Whether an entry whose GUID is the same in another form is the article: one part of it stays, or is unknown.
    fn is_not_contradicted(&self, entry: &Features, old: &Features) -> bool {
        if self.title == TitleLikeness::Series {
            return self.same_date || self.text;
        }
        let stays = self.is_similar_title() || self.same_date || self.text;
        stays || entry.link.is_none() || old.link.is_none()
    }

    /// Whether an entry with the same link is the article, perhaps edited.
    fn may_be_edited(&self) -> bool {
        if self.anchors_differ || self.title == TitleLikeness::Series {
            return self.is_certain() || self.same_date && self.text;
        }
        self.is_similar_title() || self.same_date || self.text || self.is_article_like
    }

    /// Whether an entry with the same link, but another GUID, is the article.
    fn only_guid_is_new(&self) -> bool {
        if self.is_certain() {
            return true;
        }
        if self.anchors_differ || self.title == TitleLikeness::Series {
            return self.same_date && self.text;
        }
        self.text && self.same_media
            || self.is_similar_title() && self.same_date
            || self.is_similar_title() && self.is_distinctive && self.is_article_like
    }

    /// Whether an entry with the same path on another host is the article.
    fn may_have_moved(&self) -> bool {
        self.is_certain()
            || self.is_same_title() && (self.is_article_like || self.undated)
            || self.is_similar_title() && (self.same_date || self.text)
            || self.text && self.same_date
    }

    /// Whether an entry with another GUID and link is the article, when half of the document is so.
    fn may_be_republished(&self) -> bool {
        self.same_media
            && match self.title {
                TitleLikeness::Same => self.text || self.is_distinctive && self.near_date,
                TitleLikeness::Similar => self.text || self.same_date,
                TitleLikeness::Unknown | TitleLikeness::Different => self.text && self.near_date,
                TitleLikeness::Series => self.text && self.same_date,
            }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matching::features::Fields;
    use crate::matching::sketch::Sketch;

    const LONG: &str = "The harbour was closed on Monday after waves of nine metres had broken over the outer wall, \
        and the boats that lay behind it were taken to the old dock. Nobody was hurt, said the harbour \
        master, who had ordered the work to end an hour before. The wall was built by the grandparents of those who \
        fish there today, and parts of it have been repaired in each of the last five winters without a plan.";

    const OTHER: &str = "A library that lends tools instead of books has opened in the east of the city. Members pay a \
        small sum each year and may take home drills, ladders and sewing machines for a week. The founders say that most \
        drills are used for a quarter of an hour in their life, and that a street needs one of them and not forty. They \
        look for helpers who repair what comes back broken, and for a room with a door wide enough for a lathe.";

    fn matches(new: &[Features], candidates: &[Candidate], sizes: Sizes) -> Vec<Match> {
        let mut found = pairs(new, candidates);
        keep_platform(&mut found, sizes);
        found
    }

    /// An entry by default values of which a case changes some.
    #[derive(Clone, Copy, Debug)]
    struct Case {
        guid: Option<&'static str>,
        url: Option<&'static str>,
        title: &'static str,
        date: i64,
        text: &'static str,
        media: Option<&'static str>,
    }

    const BASE: Case = Case {
        guid: Some("https://a.example/?p=17"),
        url: Some("https://a.example/2026/harbour-closed-by-waves/"),
        title: "Harbour closed by high waves",
        date: 1_790_000_030,
        text: LONG,
        media: None,
    };

    /// The same in all but its names.
    const UNLIKE: Case =
        Case { title: "A library for tools", date: 1_790_900_000, text: OTHER, ..BASE };

    fn features(case: &Case) -> Features {
        let fields = Fields {
            guid: case.guid,
            url: case.url,
            title: Some(case.title),
            published: (0 < case.date).then(|| Timestamp::from_timestamp(case.date, 0).unwrap()),
            media: case.media,
        };
        Features::new(&fields, Sketch::of(case.text))
    }

    fn old(article: i64, case: &Case) -> Candidate {
        Candidate { article, features: features(case) }
    }

    /// A document of many entries, so that no change is one of the platform.
    const LARGE: Sizes = Sizes { entries: 50, previous: 50 };

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn an_entry_is_an_article_of_before_only_for_a_reason() {
        use Reason::{GuidAddedOrDropped, GuidForm, LinkForm, Moved, NewGuid, Renamed};
        let no_guid = Case { guid: None, ..BASE };
        let other_url = Some("https://a.example/2026/tools-for-all-of-us/");
        let random = |guid| Case { guid: Some(guid), ..BASE };
        for (name, before, after, expected) in [
            (
                "GUID scheme",
                BASE,
                Case { guid: Some("http://a.example/?p=17"), ..BASE },
                Some(GuidForm),
            ),
            (
                "GUID www",
                BASE,
                Case { guid: Some("https://www.a.example/?p=17"), ..BASE },
                Some(GuidForm),
            ),
            (
                "GUID scheme and an edit of all else",
                BASE,
                Case { guid: Some("http://a.example/?p=17"), ..UNLIKE },
                Some(GuidForm),
            ),
            (
                "GUID scheme, and another article",
                BASE,
                Case { guid: Some("http://a.example/?p=17"), url: other_url, ..UNLIKE },
                None,
            ),
            (
                "another GUID and article",
                BASE,
                Case { guid: Some("https://a.example/?p=18"), url: other_url, ..UNLIKE },
                None,
            ),
            ("one GUID for two articles", BASE, Case { url: other_url, ..UNLIKE }, None),
            (
                "link scheme",
                no_guid,
                Case { url: Some("http://a.example/2026/harbour-closed-by-waves/"), ..no_guid },
                Some(LinkForm),
            ),
            (
                "link www",
                no_guid,
                Case {
                    url: Some("https://www.a.example/2026/harbour-closed-by-waves/"),
                    ..no_guid
                },
                Some(LinkForm),
            ),
            (
                "link slash",
                no_guid,
                Case { url: Some("https://a.example/2026/harbour-closed-by-waves"), ..no_guid },
                Some(LinkForm),
            ),
            (
                "link session",
                no_guid,
                Case {
                    url: Some("https://a.example/2026/harbour-closed-by-waves/?PHPSESSID=1"),
                    ..no_guid
                },
                Some(LinkForm),
            ),
            (
                "link scheme and an edit of all else",
                no_guid,
                Case {
                    url: Some("http://a.example/2026/harbour-closed-by-waves/"),
                    guid: None,
                    ..UNLIKE
                },
                Some(LinkForm),
            ),
            (
                "a page for many articles",
                Case { url: Some("https://a.example/today"), ..no_guid },
                Case { url: Some("http://a.example/today"), guid: None, ..UNLIKE },
                None,
            ),
            (
                "anchors of one page",
                Case { url: Some("https://a.example/changes-of-this-year#1"), ..no_guid },
                Case {
                    url: Some("https://a.example/changes-of-this-year#2"),
                    guid: None,
                    ..UNLIKE
                },
                None,
            ),
            ("GUID dropped", BASE, no_guid, Some(GuidAddedOrDropped)),
            ("GUID added", no_guid, BASE, Some(GuidAddedOrDropped)),
            (
                "link dropped, which was the GUID",
                Case { guid: None, ..BASE },
                Case {
                    guid: Some("http://a.example/2026/harbour-closed-by-waves"),
                    url: None,
                    ..BASE
                },
                Some(GuidAddedOrDropped),
            ),
            ("GUID new at each fetch", random("f3a1"), random("b7c2"), Some(NewGuid)),
            (
                "the same with an edited text",
                random("f3a1"),
                Case { text: OTHER, ..random("b7c2") },
                Some(NewGuid),
            ),
            (
                "the same with another date",
                random("f3a1"),
                Case { date: 1_790_900_000, ..random("b7c2") },
                Some(NewGuid),
            ),
            (
                "the same with an edited title and another date",
                random("f3a1"),
                Case { title: "Waves close harbour", date: 1_790_900_000, ..random("b7c2") },
                Some(NewGuid),
            ),
            (
                "GUID new, and all else but the link",
                random("f3a1"),
                Case { guid: Some("b7c2"), ..UNLIKE },
                None,
            ),
            (
                "the next of a series under one link",
                Case { title: "Water levels on 12 May", ..random("f3a1") },
                Case { title: "Water levels on 13 May", date: 1_790_900_000, ..random("b7c2") },
                None,
            ),
            (
                "the next episode with the same description",
                Case { media: Some("https://a.example/1.mp3"), text: LONG, ..random("f3a1") },
                Case {
                    media: Some("https://a.example/2.mp3"),
                    title: "On tools",
                    date: 1_790_900_000,
                    ..random("b7c2")
                },
                None,
            ),
            (
                "another host",
                BASE,
                Case {
                    guid: Some("https://b.example/?p=17"),
                    url: Some("https://b.example/2026/harbour-closed-by-waves/"),
                    ..BASE
                },
                Some(Moved),
            ),
            (
                "another host and an edited title",
                BASE,
                Case {
                    guid: Some("https://b.example/?p=17"),
                    url: Some("https://b.example/2026/harbour-closed-by-waves/"),
                    title: "Harbour closed",
                    ..BASE
                },
                Some(Moved),
            ),
            (
                "another host and another article",
                BASE,
                Case {
                    guid: Some("https://b.example/?p=17"),
                    url: Some("https://b.example/"),
                    ..UNLIKE
                },
                None,
            ),
            (
                "GUID and link are new",
                BASE,
                Case { guid: Some("x"), url: Some("https://b.example/p/99"), ..BASE },
                Some(Renamed),
            ),
            (
                "GUID, link and date are new",
                BASE,
                Case {
                    guid: Some("x"),
                    url: Some("https://b.example/p/99"),
                    date: 1_790_900_000,
                    ..BASE
                },
                None,
            ),
        ] {
            let found = matches(&[features(&after)], &[old(7, &before)], LARGE);
            let reasons: Vec<Reason> = found.iter().map(|found| found.reason).collect();
            assert_eq!(reasons, expected.into_iter().collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn what_is_ambiguous_is_a_new_article() {
        let new_guid = Case { guid: Some("b7c2"), ..BASE };
        let retitled = Case { title: "Waves close the harbour", guid: Some("c9d3"), ..BASE };
        for (name, new, candidates) in [
            (
                "two candidates",
                vec![features(&new_guid)],
                vec![old(1, &retitled), old(2, &Case { title: "Harbour, closed", ..BASE })],
            ),
            (
                "two entries",
                vec![features(&Case { text: OTHER, ..new_guid }), features(&new_guid)],
                vec![old(1, &BASE)],
            ),
        ] {
            assert_eq!(matches(&new, &candidates, LARGE), [], "{name}");
        }
    }

    #[test]
    fn copies_that_were_stored_before_do_not_make_an_entry_ambiguous() {
        let stored: Vec<Candidate> = [("a", 1), ("b", 2), ("c", 3)]
            .map(|(guid, n)| old(n, &Case { guid: Some(guid), ..BASE }))
            .into();
        let new = features(&Case { guid: Some("d"), ..BASE });
        let expected = Match { entry: 0, article: 3, reason: Reason::NewGuid };
        assert_eq!(matches(std::slice::from_ref(&new), &stored, LARGE), [expected]);
        // An entry that is listed twice takes two of them.
        let again = features(&Case { guid: Some("e"), ..BASE });
        let articles: Vec<i64> =
            matches(&[again, new], &stored, LARGE).iter().map(|found| found.article).collect();
        assert_eq!(articles, [2, 3]);
    }

    #[test]
    fn a_change_of_platform_is_seen_when_half_of_a_document_changes() {
        let before = |(title, guid, url, _, _)| Case {
            title,
            guid: Some(guid),
            url: Some(url),
            text: "",
            ..BASE
        };
        let after = |(title, _, _, guid, url)| Case {
            title,
            guid: Some(guid),
            url: Some(url),
            text: LONG,
            ..BASE
        };
        let articles = [
            ("Harbour closed by waves", "1", "https://a.example/?p=1", "w", "https://b.example/w"),
            ("A library for tools", "2", "https://a.example/?p=2", "x", "https://b.example/x"),
            ("Snow in the valley again", "3", "https://a.example/?p=3", "y", "https://b.example/y"),
            (
                "The last ferry of the year",
                "4",
                "https://a.example/?p=4",
                "z",
                "https://b.example/z",
            ),
        ];
        let dated = |n: i64, case: Case| Case { date: 1_790_000_000 + n * 5_000, ..case };
        let stored: Vec<Candidate> =
            (1..).zip(articles).map(|(n, all)| old(n, &dated(n, before(all)))).collect();
        // The new program gives the same times to the minute only.
        let new: Vec<Features> = (1..)
            .zip(articles)
            .map(|(n, all)| dated(n, after(all)))
            .map(|case| features(&Case { date: case.date - 30, ..case }))
            .collect();
        let found = |new: &[Features], sizes: Sizes| {
            let found = matches(new, &stored, sizes);
            found.iter().map(|found| (found.entry, found.article)).collect::<Vec<_>>()
        };
        let same = |entries| Sizes { entries, previous: entries };
        let all = [(0, 1), (1, 2), (2, 3), (3, 4)];
        assert_eq!(found(&new, same(4)), all);
        assert_eq!(found(&new, same(8)), all);
        assert_eq!(found(&new, same(9)), []);
        assert_eq!(found(&new[..1], same(1)), []);
        let more = Sizes { entries: 40, previous: 4 };
        assert_eq!(found(&new, more), all, "the new platform lists more");
    }

    fn any_case() -> impl Strategy<Value = Case> {
        let pick = |values: &'static [&'static str]| proptest::sample::select(values);
        (
            proptest::option::of(pick(&[
                "g",
                "https://a.example/?p=17",
                "http://a.example/?p=17",
                "h",
                "urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a",
            ])),
            proptest::option::of(pick(&[
                "https://a.example/x",
                "http://a.example/x/",
                "https://b.example/harbour-closed-by-waves",
                "https://a.example/harbour-closed-by-waves",
                "https://a.example/x#1",
            ])),
            pick(&[
                "Harbour closed by waves",
                "Harbour closed",
                "Water levels on 12 May",
                "Water levels on 13 May",
                "",
            ]),
            proptest::sample::select(&[0_i64, 1_790_000_030, 1_790_000_090, 1_790_900_000][..]),
            pick(&["", LONG, OTHER, "Listen now"]),
        )
            .prop_map(|(guid, url, title, date, text)| Case {
                guid,
                url,
                title,
                date,
                text,
                media: None,
            })
    }

    proptest! {
        #[test]
        fn no_article_is_two_entries_and_the_order_changes_nothing(
            new in proptest::collection::vec(any_case(), 0..6),
            stored in proptest::collection::vec(any_case(), 0..6),
            entries in 1_usize..12,
            turn in 0_usize..6,
        ) {
            let sizes = Sizes { entries, previous: entries };
            let mut new: Vec<(usize, Features)> = new.iter().map(features).enumerate().collect();
            let mut stored: Vec<Candidate> = stored.iter().zip(1..).map(|(case, n)| old(n, case)).collect();
            let run = |new: &[(usize, Features)], stored: &[Candidate]| {
                let all: Vec<Features> = new.iter().map(|(_, features)| features.clone()).collect();
                let mut found: Vec<(Features, i64)> = matches(&all, stored, sizes)
                    .iter()
                    .map(|found| (all[found.entry].clone(), found.article))
                    .collect();
                found.sort_by_key(|(_, article)| *article);
                found
            };
            let found = run(&new, &stored);
            let articles: BTreeSet<i64> = found.iter().map(|(_, article)| *article).collect();
            prop_assert_eq!(articles.len(), found.len());
            if !new.is_empty() {
                let turn = turn % new.len();
                new.rotate_left(turn);
            }
            stored.reverse();
            prop_assert_eq!(run(&new, &stored), found);
        }
    }
}
