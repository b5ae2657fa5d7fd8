//! Whether an entry that changed was edited, and which dates its article has then.
//!
//! An edit changes title, text, link, date, an attachment, an author or a tag. All else is noise or detail: it is
//! stored, but nobody hears of it. See [`noise`](super::noise).

use std::collections::BTreeSet;

use crate::domain::article::{ArticleDraft, Attachment};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::feed::normalise::noise::{file_identity, is_same_html, is_same_text};
use crate::html::to_text::has_same_text;

/// The dates of an entry as its feed gave them at one poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenDates {
    pub published: Option<Timestamp>,
    pub modified: Option<Timestamp>,
}

impl GivenDates {
    pub fn of(draft: &ArticleDraft) -> Self {
        Self { published: draft.published, modified: draft.modified }
    }
}

/// An article as it is stored.
#[derive(Clone, Debug)]
pub struct Before {
    /// Its `published` and `modified` are the dates that are shown.
    pub article: ArticleDraft,
    pub first_seen: Timestamp,
    /// What the feed said last.
    pub given: GivenDates,
}

/// What a changed entry means for its article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revised {
    /// Whether consumers are told, and the earlier version is kept.
    pub is_edit: bool,
    pub published: Option<Timestamp>,
    pub modified: Option<Timestamp>,
}

/// Some feeds give the time of the request as the date of each entry. Such a date is this near to the request.
const NEAR: TimeDelta = TimeDelta::minutes(10);

/// Compares an article with its entry in a new document.
pub fn revise(before: &Before, draft: &ArticleDraft, now: Timestamp) -> Revised {
    let old = &before.article;
    let corrected = corrected(before, draft, now);
    let published = corrected.or(old.published);
    let is_other = |at: &Timestamp| Some(*at) != published;
    let modified = draft.modified.filter(|at| before.given.modified != Some(*at));
    let republished = draft.published.filter(|at| before.given.published != Some(*at));
    let another_date = modified.or(republished).filter(is_other);
    let is_near = |a: Timestamp, b: Timestamp| (a - b).abs() <= NEAR;
    let follows_clock = old.published.is_some_and(|at| is_near(at, before.first_seen))
        && another_date.is_some_and(|at| is_near(at, now));
    let is_visible = !is_same(old, draft);
    let is_edit = is_visible || corrected.is_some() || another_date.is_some() && !follows_clock;
    let modified = if is_edit { another_date.or(Some(now)) } else { another_date.or(old.modified) };
    Revised { is_edit, published, modified }
}

/// The date of publication that replaces the first one: when that was missing or ahead of its time. A date ahead of
/// its time is corrected by an earlier one, or by any other as long as it has not come.
fn corrected(before: &Before, draft: &ArticleDraft, now: Timestamp) -> Option<Timestamp> {
    let new = draft.published?;
    match before.article.published {
        None => Some(new),
        Some(first) if before.first_seen < first && (new < first || now < first) => {
            Some(new).filter(|new| *new != first)
        }
        Some(_) => None,
    }
}

/// Whether a reader sees no difference.
fn is_same(a: &ArticleDraft, b: &ArticleDraft) -> bool {
    a.url == b.url
        && a.external_url == b.external_url
        && is_same_text(a.title.as_deref(), b.title.as_deref())
        && is_same_text(own_summary(a), own_summary(b))
        && is_same_html(a.content_html.as_deref(), b.content_html.as_deref())
        && file(a.image.as_deref()) == file(b.image.as_deref())
        && files(&a.attachments) == files(&b.attachments)
        && tags(&a.tags) == tags(&b.tags)
        && is_same_people(a, b)
}

/// The summary, unless it only repeats the content, which is compared by itself.
fn own_summary(draft: &ArticleDraft) -> Option<&str> {
    let html = draft.content_html.as_deref().unwrap_or_default();
    draft.summary.as_deref().filter(|summary| !has_same_text(html, summary))
}

/// A list and the single tag that it was read as before, or the other way round, are the same.
fn tags(tags: &[String]) -> BTreeSet<String> {
    let parts = tags.iter().flat_map(|tag| tag.split(','));
    parts.map(|part| part.trim().to_lowercase()).collect()
}

fn is_same_people(a: &ArticleDraft, b: &ArticleDraft) -> bool {
    let names = |draft: &ArticleDraft| -> BTreeSet<String> {
        draft.authors.iter().filter_map(|p| p.display_name().map(str::to_owned)).collect()
    };
    names(a) == names(b)
}

fn file(address: Option<&str>) -> Option<String> {
    address.map(file_identity)
}

fn files(attachments: &[Attachment]) -> BTreeSet<String> {
    attachments.iter().map(|attachment| file_identity(&attachment.url)).collect()
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::{ArticleKey, ContentHash};
    use crate::domain::time::from_unix;

    const SEEN: i64 = 1_700_000_000;
    const NOW: i64 = SEEN + 100 * HOUR;
    const HOUR: i64 = 3_600;

    fn draft(title: &str, published: Option<i64>, modified: Option<i64>) -> ArticleDraft {
        ArticleDraft {
            key: ArticleKey(1),
            former_key: None,
            hash: ContentHash(1),
            guid: None,
            url: Some("https://example.org/1".to_owned()),
            external_url: None,
            title: Some(title.to_owned()),
            summary: None,
            content_html: None,
            image: None,
            authors: Vec::new(),
            tags: vec!["a".to_owned(), "b".to_owned()],
            language: None,
            published: published.map(from_unix),
            modified: modified.map(from_unix),
            attachments: Vec::new(),
            podcast: None,
        }
    }

    #[test]
    fn dates_follow_the_specification() {
        let (early, late, later) = (Some(SEEN - HOUR), Some(SEEN + HOUR), Some(NOW - HOUR));
        let (ahead, far) = (Some(NOW + HOUR), Some(NOW + 9_999 * HOUR));
        for (name, before, after, expected) in [
            ("nothing", ("a", early, None), ("a", early, None), (false, early, None)),
            ("a title, no date", ("a", early, None), ("b", early, None), (true, early, Some(NOW))),
            ("a title and a date", ("a", early, None), ("b", early, later), (true, early, later)),
            ("another publication", ("a", early, None), ("a", later, None), (true, early, later)),
            ("a date of change", ("a", early, None), ("a", early, later), (true, early, later)),
            (
                "an old date of change",
                ("a", early, late),
                ("b", early, late),
                (true, early, Some(NOW)),
            ),
            ("a date that goes", ("a", early, late), ("a", None, None), (false, early, late)),
            ("was missing", ("a", None, None), ("a", early, None), (true, early, Some(NOW))),
            ("was far ahead", ("a", far, None), ("a", early, None), (true, early, Some(NOW))),
            (
                "was ahead, later than seen",
                ("a", far, None),
                ("a", later, None),
                (true, later, Some(NOW)),
            ),
            ("postponed", ("a", ahead, None), ("a", far, None), (true, far, Some(NOW))),
            ("was ahead and has come", ("a", late, None), ("a", later, None), (true, late, later)),
            // The feed dates each entry by the clock.
            (
                "clock",
                ("a", Some(SEEN), None),
                ("a", Some(NOW), None),
                (false, Some(SEEN), Some(NOW)),
            ),
            (
                "clock and title",
                ("a", Some(SEEN), None),
                ("b", Some(NOW), None),
                (true, Some(SEEN), Some(NOW)),
            ),
        ] {
            let article = draft(before.0, before.1, before.2);
            let given = GivenDates::of(&article);
            let before = Before { article, first_seen: from_unix(SEEN), given };
            let found = revise(&before, &draft(after.0, after.1, after.2), from_unix(NOW));
            let (is_edit, published, modified) = expected;
            let (published, modified) = (published.map(from_unix), modified.map(from_unix));
            assert_eq!(found, Revised { is_edit, published, modified }, "{name}");
        }
    }

    #[test]
    fn a_moment_of_ours_is_no_date_of_the_feed() {
        // The edit was dated by us; the feed goes on to give the date it always gave.
        let mut article = draft("b", Some(SEEN - HOUR), Some(SEEN + 7));
        article.modified = Some(from_unix(SEEN + 7));
        let given =
            GivenDates { published: article.published, modified: Some(from_unix(SEEN - 1)) };
        let before = Before { article, first_seen: from_unix(SEEN), given };
        let mut after = draft("b", Some(SEEN - HOUR), Some(SEEN - 1));
        after.language = Some("de".to_owned());
        let found = revise(&before, &after, from_unix(NOW));
        assert_eq!((found.is_edit, found.modified), (false, Some(from_unix(SEEN + 7))));
    }

    #[test]
    fn noise_and_details_are_no_edit() {
        let file = |url: &str, size: Option<u64>| Attachment {
            url: url.to_owned(),
            mime_type: None,
            title: None,
            size_in_bytes: size,
            duration_in_seconds: size,
        };
        let date = Some(SEEN - HOUR);
        let old = ArticleDraft {
            attachments: vec![
                file("https://c.example/a.mp3?sig=1", None),
                file("https://c.example/b.mp3", None),
            ],
            image: Some("https://img1.c.example/a.jpg?v=1".to_owned()),
            ..draft("a", date, None)
        };
        let edited = |change: &dyn Fn(&mut ArticleDraft)| {
            let mut new = old.clone();
            change(&mut new);
            let given = GivenDates::of(&old);
            let before = Before { article: old.clone(), first_seen: from_unix(SEEN), given };
            revise(&before, &new, from_unix(NOW)).is_edit
        };
        assert!(!edited(&|new| new.tags.reverse()));
        assert!(!edited(&|new| new.attachments.reverse()));
        assert!(
            !edited(&|new| new.attachments[0] = file("https://c.example/a.mp3?sig=2", Some(9)))
        );
        assert!(!edited(&|new| new.image = Some("https://img2.c.example/a.jpg?v=2".to_owned())));
        assert!(!edited(&|new| new.language = Some("en".to_owned())));
        assert!(!edited(&|new| new.tags = vec!["a, b".to_owned()]));
        assert!(edited(&|new| new.tags.push("c".to_owned())));
        assert!(edited(&|new| new.attachments[0] = file("https://c.example/z.mp3?sig=1", None)));
        assert!(edited(&|new| new.image = Some("https://img1.c.example/z.jpg".to_owned())));
        assert!(edited(&|new| new.url = Some("https://example.org/2".to_owned())));
        assert!(edited(&|new| new.summary = Some("more".to_owned())));
        assert!(!edited(&|new| new.tags = vec!["B".to_owned(), "a".to_owned()]));
    }
}
