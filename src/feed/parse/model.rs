//! The parsed form of a feed: what [`parse`](super::parse) returns and [`normalise`] reads.
//!
//! The types are those of `feed_rs::model`, filled by our own readers. Texts are trimmed, and mojibake in
//! them is fixed; apart from that nothing is cleaned: a text may be empty, an address relative, a date
//! absurd. Only an `xml:base` is applied to addresses. `text/html` marks a text as HTML; `text/plain` marks a text that is plain, of another type such
//! as Markdown, or of an unknown type, so it may hold HTML all the same; `text/*` marks a text that is usually
//! HTML but may be plain, such as a description of RSS.
//!
//! What the model cannot hold without loss is in [`EntryExtension`] and [`FeedExtension`], which are stored
//! with their entry and their feed:
//! - Files are not in `MediaObject::content`. A `MediaContent` has no title, and its media type must be
//!   well-formed: `audio/mpeg,` would be lost, and parsing it costs more than reading the rest of the
//!   file's element.
//! - `external_url` of JSON Feed is no `Link`: its relation would be `alternate`, as that of `url` is.
//! - `isPermaLink` has no field, nor have `skipHours`, `skipDays` and the syndication module.
//! - `Feed::entries` stays empty. [`ParsedFeed::entries`] holds each entry together with its extension.
//!
//! [`normalise`]: crate::feed::normalise

use std::borrow::Cow;
use std::sync::LazyLock;

pub use feed_rs::model::{
    Category, Content, Entry, Feed, FeedType, Image, Link, MediaObject, MediaThumbnail, Person,
    Text,
};
use mediatype::{MediaTypeBuf, names};

use crate::domain::article::Podcast;
use crate::domain::poll::{Hints, RepairCount};
use crate::domain::time::{Timestamp, from_unix};
use crate::feed::charset::fix_mojibake;

/// A feed document.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedFeed {
    /// What the feed states about itself; its `entries` are empty.
    pub feed: Feed,
    pub extension: FeedExtension,
    /// In document order.
    pub entries: Vec<ParsedEntry>,
}

/// What `feed_rs::model::Feed` cannot hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedExtension {
    pub hints: Hints,
    /// `itunes:new-feed-url`, as in the document.
    pub new_feed_url: Option<String>,
    /// `xml:base` of the root element, absolute. It is already applied to the addresses of elements.
    pub base: Option<String>,
    /// The repairs that the document needed, by kind.
    pub repairs: Vec<RepairCount>,
}

/// An entry (Atom) or item (RSS, JSON Feed). `entry.id` is empty when the document gives none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedEntry {
    pub entry: Entry,
    pub extension: EntryExtension,
}

/// What `feed_rs::model::Entry` cannot hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryExtension {
    /// RSS: the value of `isPermaLink`.
    pub guid_is_link: Option<bool>,
    /// `feedburner:origLink`: the page that a link of `FeedBurner` leads to.
    pub original_link: Option<String>,
    /// JSON Feed: the page that an entry is about, beside its `url`.
    pub external_url: Option<String>,
    /// Episode, transcripts, chapters and persons of a podcast. Addresses are as in `files`.
    pub podcast: Podcast,
    /// RSS enclosures, `media:content` and JSON Feed attachments.
    pub files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub url: String,
    pub mime_type: Option<String>,
    pub title: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
    /// In pixels.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_in_seconds: Option<u64>,
}

static HTML: LazyLock<MediaTypeBuf> = LazyLock::new(|| MediaTypeBuf::new(names::TEXT, names::HTML));
static PLAIN: LazyLock<MediaTypeBuf> =
    LazyLock::new(|| MediaTypeBuf::new(names::TEXT, names::PLAIN));

static UNSTATED: LazyLock<MediaTypeBuf> =
    LazyLock::new(|| MediaTypeBuf::new(names::TEXT, names::_STAR));

/// What a text is declared to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// HTML, by the document or by its format.
    Html,
    /// Usually HTML, but the document does not say so: the descriptions of RSS.
    Unstated,
    /// Plain text, or of a type that nobody knows.
    Plain,
}

impl From<&MediaTypeBuf> for TextKind {
    fn from(content_type: &MediaTypeBuf) -> Self {
        match content_type.as_str() {
            "text/html" => Self::Html,
            "text/*" => Self::Unstated,
            _ => Self::Plain,
        }
    }
}

/// A text of either model type, as `normalise` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedText<'a> {
    pub kind: TextKind,
    pub text: &'a str,
}

impl<'a> From<&'a Text> for MarkedText<'a> {
    fn from(text: &'a Text) -> Self {
        Self { kind: (&text.content_type).into(), text: &text.content }
    }
}

impl<'a> From<&'a Content> for MarkedText<'a> {
    fn from(content: &'a Content) -> Self {
        let text = content.body.as_deref().unwrap_or_default();
        Self { kind: (&content.content_type).into(), text }
    }
}

/// A text of the document before it is decided whether it is kept.
#[derive(Clone, Debug)]
pub(super) struct RawText<'a> {
    pub(super) kind: TextKind,
    pub(super) text: Cow<'a, str>,
}

impl<'a> RawText<'a> {
    /// `None` when the text is blank.
    pub(super) fn new(kind: TextKind, text: Cow<'a, str>) -> Option<Self> {
        (!text.trim_ascii().is_empty()).then_some(Self { kind, text })
    }

    pub(super) fn into_text(self) -> Text {
        text(self.kind, trimmed(self.text))
    }

    /// White space around the text is kept.
    pub(super) fn into_untrimmed_text(self) -> Text {
        text(self.kind, self.text.into_owned())
    }

    pub(super) fn into_content(self) -> Content {
        let Text { content_type, content, .. } = self.into_text();
        Content { body: Some(content), content_type, length: None, src: None }
    }
}

fn text(kind: TextKind, text: String) -> Text {
    let content_type = match kind {
        TextKind::Html => &HTML,
        TextKind::Unstated => &UNSTATED,
        TextKind::Plain => &PLAIN,
    };
    Text { content_type: (*content_type).clone(), src: None, content: fix_mojibake(text) }
}

fn trimmed(text: Cow<'_, str>) -> String {
    match text {
        Cow::Owned(text) if text.trim().len() == text.len() => text,
        text => text.trim().to_owned(),
    }
}

/// A feed of which nothing is known yet.
pub(super) fn empty_feed(feed_type: FeedType) -> Feed {
    Feed {
        feed_type,
        id: String::new(),
        title: None,
        updated: None,
        authors: Vec::new(),
        description: None,
        links: Vec::new(),
        categories: Vec::new(),
        contributors: Vec::new(),
        generator: None,
        icon: None,
        language: None,
        logo: None,
        published: None,
        rating: None,
        rights: None,
        ttl: None,
        people: Vec::new(),
        entries: Vec::new(),
    }
}

/// A link to `href`.
pub(super) fn link(href: String) -> Link {
    Link {
        href,
        target: None,
        rel: None,
        media_type: None,
        href_lang: None,
        title: None,
        length: None,
    }
}

/// Each argument is a text that is not blank.
pub(super) fn person(name: Option<&str>, uri: Option<&str>, email: Option<&str>) -> Person {
    let owned = |text: Option<&str>| text.map(|text| text.trim().to_owned());
    let (name, uri, email) = (owned(name), owned(uri), owned(email));
    let name = name.filter(|name| Some(name) != uri.as_ref()).map(fix_mojibake);
    Person { name, uri, email, role: None }
}

/// `label` is meant for people (Atom only).
pub(super) fn category(term: &str, label: Option<&str>) -> Category {
    let fixed = |text: &str| fix_mojibake(text.trim().to_owned());
    Category { term: fixed(term), scheme: None, label: label.map(fixed), subcategories: Vec::new() }
}

/// An image, with its width and height in pixels.
pub(super) fn thumbnail(
    uri: String,
    (width, height): (Option<u32>, Option<u32>),
) -> MediaThumbnail {
    let image = Image { uri, title: None, link: None, width, height, description: None };
    MediaThumbnail { image, time: None }
}

/// Fractions of a second are cut off: the store keeps whole seconds.
pub(super) fn whole_seconds(at: Timestamp) -> Timestamp {
    from_unix(at.timestamp())
}
