//! Articles: as a poll found them ([`ArticleDraft`]) and as the store hands them out ([`Article`]).

use std::fmt;
use std::sync::Arc;

use crate::domain::feed::FeedRef;
use crate::domain::query::Position;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::html::sanitise::SanitisedHtml;

/// What an article is known by within its feed: a hash of its GUID, else its link, else of what does
/// not change. Two entries of one feed with equal keys are one article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArticleKey(pub u64);

/// A hash of everything a reader would notice. An entry whose hash is the stored one is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentHash(pub u64);

/// The name of an article that leaves the program: stable for ever, unique across stores, opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArticleId(pub String);

impl fmt::Display for ArticleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An author. At least one of the three is present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Person {
    pub name: Option<String>,
    pub url: Option<String>,
    pub email: Option<String>,
}

/// A file that belongs to an article: an enclosure (RSS, Atom), `media:content`, a JSON Feed attachment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attachment {
    pub url: String,
    pub mime_type: Option<String>,
    pub title: Option<String>,
    pub size_in_bytes: Option<u64>,
    pub duration_in_seconds: Option<u64>,
}

/// One entry of a feed document, normalised. Absent means unknown; no text in it is ever empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArticleDraft {
    pub key: ArticleKey,
    /// The key that an earlier, more trusting rule gave this entry; see `feed::normalise::identity`.
    pub former_key: Option<ArticleKey>,
    pub hash: ContentHash,
    /// As the feed gave it, white space trimmed.
    pub guid: Option<String>,
    /// Absolute, `http` or `https`.
    pub url: Option<String>,
    pub external_url: Option<String>,
    /// Plain text.
    pub title: Option<String>,
    /// Plain text.
    pub summary: Option<String>,
    /// Sanitised, links absolute.
    pub content_html: Option<SanitisedHtml>,
    pub image: Option<String>,
    pub authors: Vec<Person>,
    pub tags: Vec<String>,
    /// BCP 47.
    pub language: Option<String>,
    pub published: Option<Timestamp>,
    pub modified: Option<Timestamp>,
    pub attachments: Vec<Attachment>,
}

/// Where `date_published` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateSource {
    /// The feed gave a readable date.
    Feed,
    /// It gave none: the article is ordered by its first sighting.
    FirstSeen,
}

impl DateSource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::FirstSeen => "first_seen",
        }
    }
}

/// A stored article, as exports see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Article {
    pub id: ArticleId,
    /// Grows with every insert and every edit in the store.
    pub seq: i64,
    pub feed: Arc<FeedRef>,
    pub guid: Option<String>,
    pub url: Option<String>,
    pub external_url: Option<String>,
    pub title: Option<String>,
    pub summary: Option<String>,
    pub content_html: Option<SanitisedHtml>,
    /// `content_html` as plain text; derived when read, and only for formats that show it.
    pub content_text: Option<String>,
    pub image: Option<String>,
    pub authors: Vec<Person>,
    pub tags: Vec<String>,
    pub language: Option<String>,
    pub published: Option<Timestamp>,
    pub modified: Option<Timestamp>,
    pub first_seen: Timestamp,
    pub date_source: DateSource,
    pub attachments: Vec<Attachment>,
    /// 0 as first seen, then one more for each edit.
    pub revision: u32,
}

impl Article {
    /// What it is ordered by; see [`effective_date`].
    pub fn effective_date(&self) -> Timestamp {
        effective_date(self.published, self.first_seen)
    }

    /// Its place among all, newest first.
    pub fn position(&self) -> Position {
        Position { order_at: self.effective_date().timestamp(), seq: self.seq }
    }
}

/// What an article is ordered by: its date, unless that is missing or more than a day ahead of its
/// first sighting (a date in the future would pin it to the top).
pub fn effective_date(published: Option<Timestamp>, first_seen: Timestamp) -> Timestamp {
    published.filter(|at| *at - first_seen <= TimeDelta::days(1)).unwrap_or(first_seen)
}

/// An article as it was before an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// 0 as first seen, then one more for each edit.
    pub revision: u32,
    /// When a poll first saw this version; `None` when that was before versions were kept.
    pub seen_at: Option<Timestamp>,
    /// When a poll saw the next one.
    pub replaced_at: Timestamp,
    pub title: Option<String>,
    pub url: Option<String>,
    pub summary: Option<String>,
    pub content_html: Option<SanitisedHtml>,
}

/// A feed that an article was seen in, and what it is known by there.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    pub feed: Arc<FeedRef>,
    pub key: ArticleKey,
}

/// An article that was there once: pruned, or removed for another reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    pub id: ArticleId,
    /// From the same counter as those of articles.
    pub seq: i64,
    pub feed: Arc<FeedRef>,
    pub removed_at: Timestamp,
}

/// What happened to an article after a sequence number.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It was not there before; it may have been edited since.
    New(Article),
    /// It was there, and reads differently now.
    Edited(Article),
    Removed(Removal),
}

impl Change {
    /// Where it stands in the order of changes: whoever has seen this one goes on after it.
    pub fn seq(&self) -> i64 {
        match self {
            Self::New(article) | Self::Edited(article) => article.seq,
            Self::Removed(removal) => removal.seq,
        }
    }
}
