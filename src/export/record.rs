//! The record of an article: the same JSON object in all JSON exports, in events and in HTTP responses.

use crate::html::sanitise::SanitisedHtml;
use serde::Serialize;

use crate::domain::article::{Article, Attachment, FullText, Person, Podcast, StoryRef};
use crate::domain::feed::FeedRef;
use crate::export::{date, present};

/// An article as JSON. An unknown value has no key: no value is null, and no text or list is empty.
///
/// The keys are those of a JSON Feed 1.1 item and some more: `seq`, `feed`, `guid`, `content_text` together with
/// `content_html`, `date_first_seen`, `date_source`, `revision`, `duplicate_of`, `story`, `also_in`, `full_text`, and the `email` of
/// an author.
#[derive(Clone, Debug, Serialize)]
pub struct Record<'a> {
    pub id: &'a str,
    pub seq: i64,
    pub feed: FeedRecord<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_html: Option<&'a SanitisedHtml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<AuthorRecord<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
    /// All dates are in RFC 3339, UTC, with whole seconds. A date after the year 9999 has no key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_published: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_first_seen: Option<String>,
    pub date_source: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachmentRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub podcast: Option<&'a Podcast>,
    pub revision: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story: Option<StoryRecord<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub also_in: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_text: Option<FullTextRecord<'a>>,
}

/// What came of the page of an article, if its feed has `full_text`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FullTextRecord<'a> {
    /// `pending`, `page`, `feed`, `failed`, `paywall`, `blocked` or `robots`.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<&'a str>,
    /// Why the page has not given the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

/// The story of an article. An article that is alone has none.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StoryRecord<'a> {
    pub id: &'a str,
    /// The number of articles, without duplicates: 1 if all others are duplicates of one.
    pub size: u64,
}

/// The feed that an article came from.
#[derive(Clone, Debug, Serialize)]
pub struct FeedRecord<'a> {
    pub name: &'a str,
    pub url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_page_url: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub tags: &'a [String],
}

#[derive(Clone, Debug, Serialize)]
pub struct AuthorRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AttachmentRecord<'a> {
    pub url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_in_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_in_seconds: Option<u64>,
}

/// The keys of a [`Record`], for formats that contain all of them in any case.
pub const KEYS: [&str; 25] = [
    "id",
    "seq",
    "feed",
    "guid",
    "url",
    "external_url",
    "title",
    "summary",
    "content_html",
    "content_text",
    "image",
    "authors",
    "tags",
    "language",
    "date_published",
    "date_modified",
    "date_first_seen",
    "date_source",
    "attachments",
    "podcast",
    "revision",
    "duplicate_of",
    "story",
    "also_in",
    "full_text",
];

/// The keys of a [`FeedRecord`].
pub const FEED_KEYS: [&str; 5] = ["name", "url", "title", "home_page_url", "tags"];

impl<'a> Record<'a> {
    pub fn of(article: &'a Article) -> Self {
        Self {
            id: &article.id.0,
            seq: article.seq,
            feed: FeedRecord::of(&article.feed),
            guid: present(article.guid.as_deref()),
            url: present(article.url.as_deref()),
            external_url: present(article.external_url.as_deref()),
            title: present(article.title.as_deref()),
            summary: present(article.summary.as_deref()),
            content_html: article.content_html.as_ref().filter(|html| !html.is_empty()),
            content_text: present(article.content_text.as_deref()),
            image: present(article.image.as_deref()),
            authors: article.authors.iter().map(AuthorRecord::of).collect(),
            tags: &article.tags,
            language: present(article.language.as_deref()),
            date_published: article.published.and_then(date),
            date_modified: article.modified.and_then(date),
            date_first_seen: date(article.first_seen),
            date_source: article.date_source.as_str(),
            attachments: article.attachments.iter().map(AttachmentRecord::of).collect(),
            podcast: article.podcast.as_ref(),
            revision: article.revision,
            duplicate_of: article.duplicate_of.as_ref().map(|id| &*id.0),
            story: article.story.as_ref().map(StoryRecord::of),
            also_in: &article.also_in,
            full_text: article.full_text.as_ref().map(FullTextRecord::of),
        }
    }
}

impl<'a> FullTextRecord<'a> {
    fn of(full_text: &'a FullText) -> Self {
        Self {
            state: full_text.state.as_str(),
            word_count: full_text.words,
            engine: full_text.engine.as_deref(),
            reason: full_text.reason.as_deref(),
        }
    }
}

impl<'a> StoryRecord<'a> {
    fn of(story: &'a StoryRef) -> Self {
        Self { id: &story.id.0, size: story.size }
    }
}

impl<'a> FeedRecord<'a> {
    pub fn of(feed: &'a FeedRef) -> Self {
        Self {
            name: &feed.name,
            url: &feed.url,
            title: present(feed.title.as_deref()),
            home_page_url: present(feed.home_page_url.as_deref()),
            tags: &feed.tags,
        }
    }
}

impl<'a> AuthorRecord<'a> {
    fn of(person: &'a Person) -> Self {
        Self {
            name: present(person.name.as_deref()),
            url: present(person.url.as_deref()),
            email: present(person.email.as_deref()),
        }
    }
}

impl<'a> AttachmentRecord<'a> {
    fn of(attachment: &'a Attachment) -> Self {
        Self {
            url: &attachment.url,
            mime_type: present(attachment.mime_type.as_deref()),
            title: present(attachment.title.as_deref()),
            size_in_bytes: attachment.size_in_bytes,
            duration_in_seconds: attachment.duration_in_seconds,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::article::StoryId;
    use crate::domain::article::{ArticleId, DateSource, FullTextState};
    use crate::domain::time::Timestamp;

    /// An article with everything.
    pub(in crate::export) fn full() -> Article {
        let text = || Some("x".to_owned());
        let tags = vec!["x".to_owned()];
        let feed = FeedRef {
            name: "x".to_owned(),
            url: "x".to_owned(),
            title: text(),
            home_page_url: text(),
            tags: tags.clone(),
        };
        let attachment = Attachment {
            url: "x".to_owned(),
            mime_type: text(),
            title: text(),
            size_in_bytes: Some(1),
            duration_in_seconds: Some(1),
        };
        Article {
            id: ArticleId("x".to_owned()),
            seq: 1,
            feed: Arc::new(feed),
            guid: text(),
            url: text(),
            external_url: text(),
            title: text(),
            summary: text(),
            content_html: text().map(SanitisedHtml::from_store),
            content_text: text(),
            image: text(),
            authors: vec![Person { name: text(), ..Person::default() }],
            tags,
            language: text(),
            published: Some(Timestamp::UNIX_EPOCH),
            modified: Some(Timestamp::UNIX_EPOCH),
            first_seen: Timestamp::UNIX_EPOCH,
            order_at: Timestamp::UNIX_EPOCH,
            date_source: DateSource::Feed,
            attachments: vec![attachment],
            podcast: Some(Podcast { season: Some(1), ..Podcast::default() }),
            revision: 0,
            duplicate_of: Some(ArticleId("x".to_owned())),
            story: Some(StoryRef { id: StoryId("x".to_owned()), size: 2 }),
            also_in: vec!["x".to_owned()],
            full_text: Some(FullText {
                state: FullTextState::Page,
                words: Some(1),
                engine: text(),
                reason: text(),
            }),
        }
    }

    /// A key that is added to the record and not to the list would be missing in templates.
    #[test]
    fn a_record_with_everything_has_the_keys_of_the_list() {
        let article = full();
        let record = serde_json::to_value(Record::of(&article)).unwrap();
        let sorted = |keys: &[&str]| {
            let mut keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
            keys.sort();
            keys
        };
        let found = |value: &serde_json::Value| {
            let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
            sorted(&keys)
        };
        assert_eq!(found(&record), sorted(&KEYS));
        assert_eq!(found(&record["feed"]), sorted(&FEED_KEYS));
    }
}
