//! Which new entries of a document are articles that the feed had before, under another GUID or link.
//!
//! An entry is new when the store finds no article of the feed by its key. Candidates are the stored articles that share
//! one of the keys of [`Features::lookup_in_feed`](crate::matching::features::Features::lookup_in_feed). An article that
//! is still in the document under its own key is no candidate, because a publisher lists an article once.
//!
//! Each pair of entry and candidate has at most one [`Reason`]. Reasons are tried from the strongest to the weakest.
//! An entry with several candidates, or a candidate with several entries, is left alone: the entry becomes a new
//! article. Weak reasons count only if half of the document changed in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::time::Timestamp;
use crate::matching::features::Features;
use crate::matching::title::TitleLikeness;

/// A stored article that shares a key with a new entry.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The number of the article in the store; a later article has a higher one.
    pub article: i64,
    pub features: Features,
    /// Whether the article is in the document under its own key.
    pub present: bool,
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
    /// The entry has a GUID now, or none any more.
    GuidAddedOrDropped,
    /// The GUID is new, although link and title, or link and text, stay.
    NewGuid,
    /// GUID or link are the same on another host.
    Moved,
    /// GUIDs and links are new in half of the document, but title and text, or title and date, stay.
    Platform,
}

impl Reason {
    /// The name in the store. It does not change.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GuidForm => "guid_form",
            Self::LinkForm => "link_form",
            Self::GuidAddedOrDropped => "guid_added_or_dropped",
            Self::NewGuid => "new_guid",
            Self::Moved => "moved",
            Self::Platform => "platform",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GuidForm => "the GUID is the same in another form",
            Self::LinkForm => "the link is the same in another form",
            Self::GuidAddedOrDropped => "the link is the same, and the GUID was added or dropped",
            Self::NewGuid => "only the GUID is new",
            Self::Moved => "the same address on another host",
            Self::Platform => "the feed changed all GUIDs and links",
        })
    }
}

/// The reasons of which each holds for an entry by itself.
const BY_THEMSELVES: [Reason; 5] = [
    Reason::GuidForm,
    Reason::LinkForm,
    Reason::GuidAddedOrDropped,
    Reason::NewGuid,
    Reason::Moved,
];

/// The new entries that are articles of before. `entries` is the number of all entries of the document, known ones
/// included. The result is sorted, and does not depend on the order of `new` and `candidates`.
pub fn matches(new: &[Features], candidates: &[Candidate], entries: usize) -> Vec<Match> {
    let mut open = Open::new(new, candidates);
    for reason in BY_THEMSELVES {
        open.decide(reason);
    }
    let mut found = open.found.clone();
    open.decide(Reason::Platform);
    if 2 <= open.found.len() && entries <= 2 * open.found.len() {
        found = open.found;
    }
    found.sort_unstable();
    found
}

/// What is not decided yet.
struct Open<'a> {
    new: &'a [Features],
    candidates: Vec<&'a Candidate>,
    /// Pairs of places in `new` and `candidates`, by reason.
    pairs: BTreeMap<Reason, Vec<(usize, usize)>>,
    decided_new: BTreeSet<usize>,
    decided_old: BTreeSet<usize>,
    found: Vec<Match>,
}

impl<'a> Open<'a> {
    fn new(new: &'a [Features], candidates: &'a [Candidate]) -> Self {
        let candidates: Vec<&Candidate> = candidates.iter().filter(|old| !old.present).collect();
        let mut pairs: BTreeMap<Reason, Vec<(usize, usize)>> = BTreeMap::new();
        for (n, entry) in new.iter().enumerate() {
            for (o, old) in candidates.iter().enumerate() {
                if let Some(reason) = reason(entry, &old.features) {
                    pairs.entry(reason).or_default().push((n, o));
                }
            }
        }
        let decided = BTreeSet::new();
        Self {
            new,
            candidates,
            pairs,
            decided_new: decided.clone(),
            decided_old: decided,
            found: Vec::new(),
        }
    }

    fn decide(&mut self, reason: Reason) {
        let mut pairs = self.pairs.remove(&reason).unwrap_or_default();
        pairs.retain(|(n, o)| !self.decided_new.contains(n) && !self.decided_old.contains(o));
        let alone = |(n, o): &(usize, usize)| {
            pairs.iter().filter(|(other, _)| other == n).count() == 1
                && pairs.iter().filter(|(_, other)| other == o).count() == 1
        };
        for pair in pairs.iter().filter(|pair| alone(pair)) {
            if let Some(old) = self.candidates.get(pair.1) {
                self.found.push(Match { entry: pair.0, article: old.article, reason });
            }
        }
        self.decided_new.extend(pairs.iter().map(|(n, _)| n));
        self.decided_old.extend(pairs.iter().map(|(_, o)| o));
        debug_assert!(self.found.len() <= self.new.len(), "an entry is one article");
    }
}

/// The reason for which an entry may be an article, if the two are not told apart by anything.
pub fn reason(entry: &Features, old: &Features) -> Option<Reason> {
    let pair = Pair::of(entry, old);
    let guid_form = matches!((&entry.guid, &old.guid), (Some(a), Some(b)) if a.is_same(b));
    let link_form = matches!((&entry.link, &old.link), (Some(a), Some(b)) if a.is_same_page(b));
    let (guid, old_guid) = (entry.guid.is_some(), old.guid.is_some());
    if guid_form && !pair.contradicts() {
        return Some(Reason::GuidForm);
    }
    if link_form && !guid && !old_guid && pair.agrees() {
        return Some(Reason::LinkForm);
    }
    let named = guid_is_link(entry, old) || guid_is_link(old, entry);
    if (link_form || named) && guid != old_guid && pair.agrees() {
        return Some(Reason::GuidAddedOrDropped);
    }
    if link_form && guid && old_guid && (pair.same_title() && pair.same_date || pair.near_text) {
        return Some(Reason::NewGuid);
    }
    let moved = hostless(entry).any(|text| hostless(old).any(|other| text == other));
    if moved && (pair.same_title() && (pair.same_date || pair.near_text)) {
        return Some(Reason::Moved);
    }
    let platform = pair.same_title() && (pair.near_text || pair.same_date);
    platform.then_some(Reason::Platform)
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
struct Pair {
    title: TitleLikeness,
    /// To the second, and not only the day; or both have none.
    same_date: bool,
    both_dated: bool,
    near_text: bool,
    both_texts: bool,
}

impl Pair {
    fn of(entry: &Features, old: &Features) -> Self {
        let overlap = entry.sketch.overlap(&old.sketch);
        let short = entry.sketch.is_short() || old.sketch.is_short();
        let has_time = |at: Timestamp| at.timestamp() % 86_400 != 0;
        Self {
            title: entry.title.likeness(&old.title),
            same_date: entry.published == old.published && entry.published.is_some_and(has_time),
            both_dated: entry.published.is_some() && old.published.is_some(),
            near_text: overlap.is_near() && !short
                || overlap.shared == overlap.union && 0 < overlap.union,
            both_texts: !entry.sketch.is_empty() && !old.sketch.is_empty(),
        }
    }

    fn same_title(&self) -> bool {
        self.title == TitleLikeness::Same
    }

    fn similar_title(&self) -> bool {
        matches!(self.title, TitleLikeness::Same | TitleLikeness::Similar)
    }

    /// Whether one of title, date and text stays.
    fn agrees(&self) -> bool {
        self.similar_title() || self.same_date || self.near_text
    }

    /// Whether title, date and text are all known and all different.
    fn contradicts(&self) -> bool {
        let different_title =
            matches!(self.title, TitleLikeness::Series | TitleLikeness::Different);
        different_title && (self.both_dated || self.both_texts) && !self.agrees()
    }
}
