//! The key that identifies an entry within its feed.
//!
//! Most feeds give each entry a GUID, or at least a link of its own, and edit everything else. Therefore
//! only the GUID, else the link, goes into the key. A few feeds use one GUID or one link for all entries. As
//! soon as one document shows that, the feed's policy is careful for ever: then both count, and each draft
//! also has the key under which the trusting policy would have stored it.
//!
//! Entries of one document may share even that. They are different articles if they differ in title, or in date and
//! text; then [`tell_apart`] gives them keys of their own, of which the upper half is that of the shared key. Whether
//! an entry of a later document is one of them is decided by what is stored of them; see [`Likeness`].

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3;

use crate::domain::article::{ArticleDraft, ArticleKey};
use crate::domain::poll::KeyPolicy;
use crate::domain::time::{Timestamp, rfc3339};
use crate::html::to_text::html_to_text;

/// The values that may identify an entry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity<'a> {
    pub guid: Option<&'a str>,
    pub url: Option<&'a str>,
    pub title: Option<&'a str>,
    pub published: Option<Timestamp>,
    pub content_html: Option<&'a str>,
}

impl<'a> Identity<'a> {
    pub fn of(draft: &'a ArticleDraft) -> Self {
        Self {
            guid: draft.guid.as_deref(),
            url: draft.url.as_deref(),
            title: draft.title.as_deref(),
            published: draft.published,
            content_html: draft.content_html.as_deref(),
        }
    }

    /// The key by a policy, and the key by the trusting policy if that is another.
    pub fn keys(&self, policy: KeyPolicy) -> (ArticleKey, Option<ArticleKey>) {
        let trusting = self.trusting();
        match policy {
            KeyPolicy::Trusting => (trusting, None),
            KeyPolicy::Careful => {
                let careful = self.careful();
                (careful, Some(trusting).filter(|trusting| *trusting != careful))
            }
        }
    }

    fn trusting(&self) -> ArticleKey {
        match (self.guid, self.url) {
            (Some(guid), _) => hashed(&["g", guid]),
            (None, Some(url)) => hashed(&["l", url]),
            (None, None) => self.by_content(),
        }
    }

    fn careful(&self) -> ArticleKey {
        let title = self.title.unwrap_or_default();
        match (self.guid, self.url) {
            (Some(guid), Some(url)) => hashed(&["gl", guid, url]),
            (Some(guid), None) => hashed(&["gt", guid, title]),
            (None, Some(url)) => hashed(&["ltd", url, title, &self.date()]),
            (None, None) => self.by_content(),
        }
    }

    /// The key when there is neither GUID nor link: of values that do not change from poll to poll.
    fn by_content(&self) -> ArticleKey {
        let title = self.title.unwrap_or_default();
        if self.published.is_some() {
            return hashed(&["d", &self.date(), title]);
        }
        let text: String =
            html_to_text(self.content_html.unwrap_or_default()).chars().take(200).collect();
        hashed(&["t", title, &text])
    }

    /// What tells apart entries with one title: the date and the text. Entries are one article if they have one of
    /// these in common. Without a date, entries with one title are one article.
    fn marks(&self) -> Vec<String> {
        let mut marks = Vec::with_capacity(2);
        if self.published.is_some() || self.title.is_some() {
            marks.push(format!("d{}", self.date()));
        }
        if let Some(text) =
            self.content_html.filter(|_| self.published.is_some() || self.title.is_none())
        {
            marks.push(format!("t{:x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes())));
        }
        if marks.is_empty() {
            marks.push(String::new());
        }
        marks
    }

    fn date(&self) -> String {
        self.published.map(rfc3339).unwrap_or_default()
    }
}

/// Whether one GUID is used for several links (or titles, if there are no links), or one link without GUID
/// for several titles.
pub fn ambiguous<'a>(entries: impl Iterator<Item = Identity<'a>>) -> bool {
    let mut names: HashMap<(bool, &str), &str> = HashMap::new();
    for entry in entries {
        let (name, meaning) = match (entry.guid, entry.url) {
            (Some(guid), url) => ((true, guid), url.or(entry.title)),
            (None, Some(url)) => ((false, url), entry.title),
            (None, None) => continue,
        };
        let Some(meaning) = meaning else { continue };
        if *names.entry(name).or_insert(meaning) != meaning {
            return true;
        }
    }
    false
}

/// Gives entries with one key keys of their own if they are different articles: if they differ in title, or in date
/// and text. Entries that differ less are one article, listed twice.
pub fn tell_apart(drafts: &mut [&mut ArticleDraft]) {
    let mut sharing: HashMap<ArticleKey, Vec<usize>> = HashMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        sharing.entry(draft.key).or_default().push(n);
    }
    for places in sharing.into_values().filter(|places| 1 < places.len()) {
        let group: Vec<Identity<'_>> =
            places.iter().filter_map(|n| Some(Identity::of(drafts.get(*n)?))).collect();
        let keys = keys_within(&group);
        for (place, key) in places.into_iter().zip(keys) {
            if let (Some(draft), Some(key)) = (drafts.get_mut(place), key) {
                draft.key = ArticleKey(upper_half(draft.key) | key & LOWER_HALF);
            }
        }
    }
}

const LOWER_HALF: u64 = 0xffff_ffff;

/// The half of a key that entries of one document share when [`tell_apart`] has changed the other.
pub fn upper_half(key: ArticleKey) -> u64 {
    key.0 & !LOWER_HALF
}

/// What distinguishes each entry of a group; `None` for all if they are one article.
fn keys_within(group: &[Identity<'_>]) -> Vec<Option<u64>> {
    // Each entry belongs to the article of the first entry with its title and date, or its title and text.
    let mut articles: HashMap<(&str, String), usize> = HashMap::new();
    let mut titles: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut firsts: Vec<usize> = Vec::with_capacity(group.len());
    for (n, entry) in group.iter().enumerate() {
        let title = entry.title.unwrap_or_default();
        let marks = entry.marks();
        let known = marks.iter().find_map(|mark| articles.get(&(title, mark.clone())).copied());
        let first = known.unwrap_or(n);
        for mark in marks {
            articles.entry((title, mark)).or_insert(first);
        }
        if first == n {
            titles.entry(title).or_default().push(n);
        }
        firsts.push(first);
    }
    if titles.values().map(Vec::len).sum::<usize>() == 1 {
        return vec![None; group.len()];
    }
    let own = |n: &usize| {
        let entry = group.get(*n)?;
        let title = entry.title.unwrap_or_default();
        // A title is enough if no other article has it.
        let unique = titles.get(title).is_none_or(|sharing| sharing.len() == 1);
        let mark = if unique { String::new() } else { entry.marks().swap_remove(0) };
        Some(hashed(&["s", title, &mark]).0)
    };
    firsts.iter().map(own).collect()
}

/// A text of so many bytes, markup included, is not in several entries.
const LONG: usize = 200;

/// How much an entry of a new document is like an article whose entry is gone from the document, from the strongest
/// likeness to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// The same GUID, link and title, and not both another date and another text. Or only the GUID is new: link, title
    /// and date are the same.
    Same,
    /// The same GUID, link and text under another title. A short text may stand in all entries ("Listen now"), so it
    /// needs the same time as well.
    Retitled,
    /// The same GUID, link and time under another title. A day alone is no time: several articles may have it.
    Rewritten,
    /// The same GUID and link and nothing else. It is the same article if no other entry has them.
    Named,
}

impl Likeness {
    /// `None` when the two are different articles.
    pub fn between(old: &Identity<'_>, new: &Identity<'_>) -> Option<Self> {
        let same_date = old.published == new.published;
        let same_title = old.title == new.title;
        if old.url != new.url {
            return None;
        }
        if old.guid != new.guid || old.guid.is_none() {
            // A feed begins or ceases to give GUIDs, or gives others.
            let complete = new.url.is_some() && new.title.is_some();
            return (complete && old.guid != new.guid && same_title && same_date)
                .then_some(Self::Same);
        }
        let same_text = old.content_html == new.content_html && new.content_html.is_some();
        let has_time = |at: Timestamp| at.timestamp() % 86_400 != 0;
        let same_time = same_date && new.published.is_some_and(has_time);
        let is_long = new.content_html.is_some_and(|text| LONG <= text.len());
        Some(if same_title && (same_date || same_text) {
            Self::Same
        } else if same_title {
            Self::Named
        } else if same_text && (same_time || is_long) {
            Self::Retitled
        } else if same_time {
            Self::Rewritten
        } else {
            Self::Named
        })
    }
}

/// Whether an entry without GUID is an article under another link: because the link is resolved otherwise, as after a
/// change of its base, or because the site has moved. Title and date are the same, and the link ends as before, or the
/// text is the same.
pub fn is_relinked(old: &Identity<'_>, new: &Identity<'_>) -> bool {
    let (Some(before), Some(now)) = (old.url, new.url) else { return false };
    let is_long = new.content_html.is_some_and(|text| LONG <= text.len());
    let same_text = is_long && old.content_html == new.content_html;
    old.guid.is_none()
        && new.guid.is_none()
        && new.title.is_some()
        && old.title == new.title
        && old.published == new.published
        && (same_text || end_of_link(before).is_some_and(|end| end_of_link(now) == Some(end)))
}

/// The last part of a link's path that is not empty, with the query. Nothing for a site.
fn end_of_link(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let path = path.split('#').next().unwrap_or(path);
    let (folders, query) =
        path.split_once('?').map_or((path, 0), |(folders, query)| (folders, query.len() + 1));
    let last = folders.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let start = folders.trim_end_matches('/').len() - last.len();
    path.get(start..).filter(|_| !last.is_empty() || 0 < query)
}

fn hashed(parts: &[&str]) -> ArticleKey {
    let mut hasher = Xxh3::new();
    for (n, part) in parts.iter().enumerate() {
        if 0 < n {
            hasher.update(&[0]);
        }
        hasher.update(part.as_bytes());
    }
    ArticleKey(hasher.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Identity<'static> = Identity {
        guid: Some("g"),
        url: Some("https://example.org/1"),
        title: Some("t"),
        published: Some(Timestamp::UNIX_EPOCH),
        content_html: Some("<p>text</p>"),
    };

    #[test]
    fn a_link_that_is_resolved_otherwise_is_that_of_the_same_article() {
        let old = Identity {
            guid: None,
            url: Some("https://example.org/feeds/2026/fog.html?p=1"),
            title: Some("Fog"),
            content_html: Some("<p>short</p>"),
            ..ENTRY
        };
        let with = |url| Identity { url: Some(url), ..old };
        for (name, new, expected) in [
            ("another base", with("https://example.org/2026/fog.html?p=1"), true),
            ("another scheme", with("http://example.org/feeds/2026/fog.html?p=1"), true),
            ("another host", with("https://www.example.net/2026/fog.html?p=1"), true),
            ("a slash", with("https://example.org/2026/fog.html/?p=1"), false),
            ("another query", with("https://example.org/2026/fog.html?p=2"), false),
            ("another page", with("https://example.org/2026/fog-2.html"), false),
            ("the site", with("https://example.org/"), false),
            (
                "a GUID",
                Identity { guid: Some("g"), ..with("https://example.org/fog.html?p=1") },
                false,
            ),
            (
                "another title",
                Identity { title: Some("Mist"), ..with("https://example.org/fog.html?p=1") },
                false,
            ),
            (
                "no title",
                Identity { title: None, ..with("https://example.org/fog.html?p=1") },
                false,
            ),
            (
                "another date",
                Identity { published: None, ..with("https://example.org/fog.html?p=1") },
                false,
            ),
        ] {
            assert_eq!(is_relinked(&old, &new), expected, "{name}");
        }
        assert!(!is_relinked(&with("https://a.example/"), &with("https://b.example/")));
        let long = "<p>A text that no other entry has.</p>".repeat(9);
        let of = |url| Identity { content_html: Some(&long), ..with(url) };
        assert!(is_relinked(&of("https://a.example/1"), &of("https://a.example/fog")));
    }

    #[test]
    fn a_key_changes_with_what_it_is_made_of_and_with_nothing_else() {
        use KeyPolicy::{Careful, Trusting};
        let no_guid = Identity { guid: None, ..ENTRY };
        let no_link = Identity { url: None, ..no_guid };
        let no_date = Identity { published: None, ..no_link };
        let guid_only = Identity { url: None, ..ENTRY };
        for (name, policy, base, same) in [
            // In turn: other GUID, link, title, date, text.
            ("guid", Trusting, ENTRY, [false, true, true, true, true]),
            ("link", Trusting, no_guid, [false, false, true, true, true]),
            ("title and date", Trusting, no_link, [false, false, false, false, true]),
            ("title and text", Trusting, no_date, [false, false, false, false, false]),
            ("guid and link", Careful, ENTRY, [false, false, true, true, true]),
            ("guid and title", Careful, guid_only, [false, false, false, true, true]),
            ("link, title and date", Careful, no_guid, [false, false, false, false, true]),
        ] {
            let others = [
                Identity { guid: Some("other"), ..base },
                Identity { url: Some("https://example.org/2"), ..base },
                Identity { title: Some("other"), ..base },
                Identity { published: Some(Timestamp::MIN_UTC), ..base },
                Identity { content_html: Some("<p>other</p>"), ..base },
            ];
            let key = base.keys(policy).0;
            assert_eq!(others.map(|other| other.keys(policy).0 == key), same, "{name}");
        }
    }

    #[test]
    fn a_careful_key_comes_with_the_trusting_one() {
        let trusting = ENTRY.keys(KeyPolicy::Trusting);
        let careful = ENTRY.keys(KeyPolicy::Careful);
        assert_eq!(trusting.1, None);
        assert_eq!(careful.1, Some(trusting.0));
        assert_ne!(careful.0, trusting.0);
    }

    #[test]
    fn likeness_tells_an_edit_from_another_article() {
        use Likeness::{Named, Retitled, Rewritten, Same};
        let time = Some("2024-08-19T10:30:00Z".parse().unwrap());
        let day = Some("2024-08-19T00:00:00Z".parse().unwrap());
        let old = Identity { published: time, ..ENTRY };
        let text = Some("<p>other</p>");
        let title = Some("other");
        let long = "<p>word</p>".repeat(20);
        for (name, before, after, expected) in [
            ("nothing", old, old, Some(Same)),
            ("text", old, Identity { content_html: text, ..old }, Some(Same)),
            ("date", old, Identity { published: day, ..old }, Some(Same)),
            (
                "date and text",
                old,
                Identity { published: day, content_html: text, ..old },
                Some(Named),
            ),
            ("title", old, Identity { title, ..old }, Some(Retitled)),
            ("title and date", old, Identity { title, published: day, ..old }, Some(Named)),
            (
                "title and date of a long text",
                Identity { content_html: Some(&long), ..old },
                Identity { content_html: Some(&long), title, published: day, ..old },
                Some(Retitled),
            ),
            ("title and text", old, Identity { title, content_html: text, ..old }, Some(Rewritten)),
            (
                "title and text of one day",
                Identity { published: day, ..old },
                Identity { title, content_html: text, published: day, ..old },
                Some(Named),
            ),
            ("link", old, Identity { url: Some("/2"), ..old }, None),
            ("guid", old, Identity { guid: Some("h"), ..old }, Some(Same)),
            (
                "guid and text",
                old,
                Identity { guid: Some("h"), content_html: text, ..old },
                Some(Same),
            ),
            ("guid and title", old, Identity { guid: Some("h"), title, ..old }, None),
            ("guid and date", old, Identity { guid: Some("h"), published: day, ..old }, None),
            ("guid comes", Identity { guid: None, ..old }, old, Some(Same)),
            ("guid goes", old, Identity { guid: None, ..old }, Some(Same)),
        ] {
            assert_eq!(Likeness::between(&before, &after), expected, "{name}");
        }
    }

    #[test]
    fn a_name_for_several_entries_is_ambiguous() {
        let no_guid = Identity { guid: None, ..ENTRY };
        let guid_only = Identity { url: None, ..ENTRY };
        for (name, first, second, expected) in [
            ("the same twice", ENTRY, ENTRY, false),
            ("another guid", ENTRY, Identity { guid: Some("h"), ..ENTRY }, false),
            ("an edited title", ENTRY, Identity { title: Some("u"), ..ENTRY }, false),
            (
                "guid for two links",
                ENTRY,
                Identity { url: Some("https://example.org/2"), ..ENTRY },
                true,
            ),
            ("guid for two titles", guid_only, Identity { title: Some("u"), ..guid_only }, true),
            ("link for two titles", no_guid, Identity { title: Some("u"), ..no_guid }, true),
            (
                "a guid like a link",
                Identity { guid: no_guid.url, ..ENTRY },
                Identity { title: Some("u"), ..no_guid },
                false,
            ),
        ] {
            assert_eq!(ambiguous([first, second].into_iter()), expected, "{name}");
        }
    }
}
