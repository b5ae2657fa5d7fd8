//! Articles: as a poll reads them from a document ([`ArticleDraft`]) and as the store returns them ([`Article`]).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::feed::FeedRef;
use crate::domain::named_enum::named_enum;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::html::sanitise::SanitisedHtml;

/// The identity of an article within its feed: a hash of its GUID, else of its link, else of content that does
/// not change. Two entries of one feed with equal keys are one article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArticleKey(pub u64);

/// A hash of all that is stored of an entry. An entry whose hash equals the stored one is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentHash(pub u64);

/// The public id of an article: it never changes, is unique across stores, and has no meaning to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArticleId(pub String);

impl fmt::Display for ArticleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The public id of a story. It is unique across stores, and stays when articles join.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoryId(pub String);

impl fmt::Display for StoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The story of an article in its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryRef {
    pub id: StoryId,
    /// The number of its articles without duplicates. It is 1 if all others are duplicates of one.
    pub size: u64,
}

/// An author. At least one of the three fields is present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Person {
    pub name: Option<String>,
    pub url: Option<String>,
    pub email: Option<String>,
}

impl Person {
    /// The name for output with a single text for a person: the name, else the email address, else the URL.
    pub fn display_name(&self) -> Option<&str> {
        let texts = [&self.name, &self.email, &self.url].into_iter().flatten();
        texts.map(String::as_str).find(|text| !text.is_empty())
    }
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

/// What programs for podcasts ask for (podcastindex.org/namespace/1.0, and the episode elements of iTunes). This is
/// the form in the record and in the store. Addresses are absolute, `http` or `https`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Podcast {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub season: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub season_name: Option<String>,
    /// A number, which may have a fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode: Option<String>,
    /// What is shown in place of the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode_display: Option<String>,
    /// `full`, `trailer` or `bonus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explicit: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transcripts: Vec<PodcastFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chapters: Option<PodcastFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub persons: Vec<PodcastPerson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub soundbites: Vec<PodcastSoundbite>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<PodcastLocation>,
    /// The same episode in other formats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternate_enclosures: Vec<PodcastEnclosure>,
    /// Where listeners talk about the episode.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub social_interact: Vec<PodcastSocial>,
}

/// A part of an episode that represents it. Both numbers are seconds, which may have a fraction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodcastSoundbite {
    pub start_time: String,
    pub duration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// The place that an episode is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodcastLocation {
    pub name: String,
    /// A `geo:` address (RFC 5870).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geo: Option<String>,
    /// The identifier of OpenStreetMap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub osm: Option<String>,
}

/// An episode in another format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodcastEnclosure {
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_in_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// In bits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
}

/// A post about an episode at a social network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodcastSocial {
    pub url: String,
    /// Such as `activitypub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A transcript, or the chapters of an episode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodcastFile {
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// `captions` for a transcript with times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rel: Option<String>,
}

/// Somebody who is heard in an episode or made it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodcastPerson {
    pub name: String,
    /// `host` when the feed states none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One normalised entry of a feed document. `None` means unknown; no text is ever empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArticleDraft {
    pub key: ArticleKey,
    /// The key of this entry under an earlier, less careful rule; see `feed::normalise::identity`.
    pub former_key: Option<ArticleKey>,
    pub hash: ContentHash,
    /// The GUID as in the feed, without surrounding white space.
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
    pub podcast: Option<Podcast>,
}

/// Where `date_published` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateSource {
    /// The feed gave a readable date.
    Feed,
    /// The feed gave no date, or one that cannot be right, and the page of the article has one.
    Page,
    /// There is no date: the article is ordered by the time when it was first seen.
    FirstSeen,
}

impl DateSource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Page => "page",
            Self::FirstSeen => "first_seen",
        }
    }
}

named_enum! {
    /// What came of the page of an article.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum FullTextState {
        /// It has not been fetched yet.
        Pending = "pending",
        /// The text is that of the page.
        Page = "page",
        /// The text is that of the feed, because it is the longer one.
        Feed = "feed",
        /// The page could not be fetched, or has no article.
        Failed = "failed",
        /// The page shows only a part of the article to those who have not paid. The longer text is shown.
        Paywall = "paywall",
        /// The site asked for a proof that the reader is a person.
        Blocked = "blocked",
        /// The publisher does not want programs to fetch or keep the page.
        Robots = "robots",
    }
}

/// What came of the page of an article, for its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullText {
    pub state: FullTextState,
    /// Words of the text that is shown; `None` while that is what the feed gave without a look at the page.
    pub words: Option<u64>,
    /// What found the text in the page.
    pub engine: Option<String>,
    /// Why the page has not given the text.
    pub reason: Option<String>,
}

/// A stored article.
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
    /// `content_html` as plain text. It is derived when the article is read, for formats that need it.
    pub content_text: Option<String>,
    pub image: Option<String>,
    pub authors: Vec<Person>,
    pub tags: Vec<String>,
    pub language: Option<String>,
    pub published: Option<Timestamp>,
    pub modified: Option<Timestamp>,
    pub first_seen: Timestamp,
    /// Orders the article; see [`effective_date`]. In a feed's first document, an entry without date has the date of
    /// the document.
    pub order_at: Timestamp,
    pub date_source: DateSource,
    pub attachments: Vec<Attachment>,
    pub podcast: Option<Podcast>,
    /// 0 when the article is first seen; each edit adds 1.
    pub revision: u32,
    /// The article that another feed had before, if this one is the same.
    pub duplicate_of: Option<ArticleId>,
    /// The story of the article, unless it is the only one about its event.
    pub story: Option<StoryRef>,
    /// The names of the other feeds that have the article, in the order in which they brought it. A duplicate that is
    /// read beside its original has none.
    pub also_in: Vec<String>,
    /// `None` for an article whose page is not fetched.
    pub full_text: Option<FullText>,
}

impl Article {
    /// The date that orders articles.
    pub fn effective_date(&self) -> Timestamp {
        self.order_at
    }

    /// The place of this article among all, newest first.
    pub fn position(&self) -> Position {
        Position { order_at: self.effective_date().timestamp(), seq: self.seq }
    }
}

/// The place of an article in a list that is sorted by effective date, then by sequence number, newest first.
///
/// Its text form is `1724134680.17`; a link to the next page carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Unix seconds.
    pub order_at: i64,
    pub seq: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.order_at, self.seq)
    }
}

/// The error for a text that is not a [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the list of articles")]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (order_at, seq) = text.split_once('.').ok_or(InvalidPosition)?;
        let number = |text: &str| text.parse().map_err(|_| InvalidPosition);
        Ok(Self { order_at: number(order_at)?, seq: number(seq)? })
    }
}

/// The date that orders articles: the publication date, unless it is missing or more than a day later than the
/// time when the article was first seen (a date in the future would keep the article at the top).
pub fn effective_date(published: Option<Timestamp>, first_seen: Timestamp) -> Timestamp {
    published.filter(|at| *at - first_seen <= TimeDelta::days(1)).unwrap_or(first_seen)
}

/// An earlier version of an edited article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// 0 when the article is first seen; each edit adds 1.
    pub revision: u32,
    /// When a poll first saw this version; `None` when that was before the store kept versions.
    pub seen_at: Option<Timestamp>,
    /// When a poll saw the next version.
    pub replaced_at: Timestamp,
    pub title: Option<String>,
    pub url: Option<String>,
    pub summary: Option<String>,
    pub content_html: Option<SanitisedHtml>,
}

/// An edit of an article, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditKey {
    /// Unix seconds.
    pub at: i64,
    pub article: ArticleId,
    /// The revision that the edit replaced.
    pub revision: u32,
}

/// What an article said before or after an edit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    pub title: Option<String>,
    pub summary: Option<String>,
    pub content_html: Option<SanitisedHtml>,
}

/// An edit of an article.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// As it is now; it may have been edited again.
    pub article: Article,
    /// When a poll saw the edit.
    pub at: Timestamp,
    /// The number of the edit: 1 is the first.
    pub revision: u32,
    pub before: Wording,
    pub after: Wording,
}

/// A feed that an article was seen in, and the key of the article there.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The article itself, or one that is the same.
    pub article: ArticleId,
    pub feed: Arc<FeedRef>,
    pub key: ArticleKey,
}

/// Two articles of different feeds that were found to be the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    pub duplicate: MergedArticle,
    pub original: MergedArticle,
    pub reason: String,
    /// How much of the texts is the same, 0 to 1.
    pub score: f64,
    pub decided_at: Timestamp,
}

/// What is shown of an article in a [`Merge`].
#[derive(Clone, Debug, PartialEq)]
pub struct MergedArticle {
    pub id: ArticleId,
    pub feed: Arc<FeedRef>,
    pub title: Option<String>,
}

/// An article that was removed from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    pub id: ArticleId,
    /// Taken from the same counter as the sequence numbers of articles.
    pub seq: i64,
    pub feed: Arc<FeedRef>,
    pub removed_at: Timestamp,
}

/// A change of an article after a given sequence number.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The article was new; it may have been edited since.
    New(Article),
    /// The article existed and has other content now.
    Edited(Article),
    Removed(Removal),
}

impl Change {
    /// The position in the order of changes. A consumer that has seen this change continues after it.
    pub fn seq(&self) -> i64 {
        match self {
            Self::New(article) | Self::Edited(article) => article.seq,
            Self::Removed(removal) => removal.seq,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        for (order_at, seq) in [(1_724_134_680, 17), (-5, 1), (i64::MIN, i64::MAX)] {
            let position = Position { order_at, seq };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for text in ["", "1", "1.", ".1", "a.b", "1.2.3", "99999999999999999999.1"] {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text}");
        }
    }
}
