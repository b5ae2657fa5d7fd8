//! A feed as its document has it, whatever the dialect: what the parser yields and `normalise` reads.
//!
//! Nothing here is cleaned: texts may be empty, addresses relative, dates absurd.

use url::Url;

use crate::domain::poll::Hints;
use crate::domain::time::Timestamp;

/// A feed document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedFeed {
    pub title: Option<Text>,
    pub description: Option<Text>,
    pub links: Vec<Link>,
    pub authors: Vec<Author>,
    pub language: Option<String>,
    /// RSS: minutes that the publisher wants to be left alone.
    pub hints: Hints,
    /// `xml:base` of the root element, absolute.
    pub base: Option<String>,
    /// What was mended in the document, by kind, and how often.
    pub repairs: Vec<(&'static str, u32)>,
    /// In document order.
    pub entries: Vec<ParsedEntry>,
}

/// An item or entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedEntry {
    pub guid: Option<String>,
    /// RSS: whether `isPermaLink` is `false`.
    pub guid_is_no_link: bool,
    pub title: Option<Text>,
    pub content: Option<Text>,
    /// RSS `description`, Atom and JSON Feed `summary`.
    pub summary: Option<Text>,
    pub links: Vec<Link>,
    pub authors: Vec<Author>,
    pub tags: Vec<Tag>,
    pub published: Option<Timestamp>,
    pub updated: Option<Timestamp>,
    pub language: Option<String>,
    /// What relative addresses in its HTML start from, if the entry says so.
    pub base: Option<String>,
    pub media: Vec<Media>,
}

/// A text and how to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub kind: TextKind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Said to be plain, or some other text such as Markdown, or not said; may well be HTML.
    Plain,
    Html,
}

/// What a link leads to, as far as the document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRole {
    /// The page itself: Atom's `alternate`, RSS's only `link`, JSON Feed's `url`.
    Page,
    /// The page that an entry is about: JSON Feed's `external_url` beside a `url`.
    External,
    /// Atom's `enclosure`, JSON Feed's attachments.
    Enclosure,
    /// The feed itself, comments, and all else.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub role: LinkRole,
    pub url: String,
    pub mime_type: Option<String>,
    pub title: Option<String>,
    pub size: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    pub name: Option<String>,
    pub url: Option<String>,
    pub email: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub term: String,
    /// Meant for people; Atom only.
    pub label: Option<String>,
}

/// Files that belong together: RSS enclosures, a `media:group`, what iTunes says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Media {
    pub description: Option<Text>,
    pub files: Vec<MediaFile>,
    /// Of each file.
    pub file_titles: Vec<Option<String>>,
    /// Addresses of images.
    pub thumbnails: Vec<String>,
    pub duration_in_seconds: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFile {
    pub url: Url,
    pub mime_type: Option<String>,
    pub size: Option<u64>,
    pub duration_in_seconds: Option<u64>,
}
