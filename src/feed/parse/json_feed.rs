//! JSON Feed (jsonfeed.org/version/1.1), and JSON that comes close to it.
//!
//! A value may be of another type than the format says. A number is read as a text, a single value as a
//! list of one, and a value that makes no sense as absent.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::feed::parse::cut_json::complete_elements;
use crate::feed::parse::entry_list::EntryList;
use crate::feed::parse::json_repair::read_damaged;
use crate::feed::parse::media;
use crate::feed::parse::model::{
    Entry, EntryExtension, FeedExtension, FeedType, File, Link, MediaObject, ParsedEntry,
    ParsedFeed, Person, RawText, TextKind, category, empty_feed, link, person, thumbnail,
};
use crate::feed::parse::repairs::{Repair, Repairs};
use crate::feed::parse::tree::MAX_ITEMS;
use crate::feed::parse::values::{address, counted_date};

/// Why a JSON document is no feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotJsonFeed {
    /// Not JSON: the message of the JSON parser.
    Malformed(String),
    /// JSON, with neither a version of the format nor a list of items.
    Other,
}

/// How deep the items of a JSON Feed lie: in a list in the object of the feed.
const ITEMS_DEPTH: usize = 2;

/// Reads a JSON Feed.
///
/// # Errors
/// When the text is not JSON, or no JSON Feed.
pub(super) fn read(source: &str, repairs: &mut Repairs) -> Result<ParsedFeed, NotJsonFeed> {
    if source.starts_with('[') {
        return Err(NotJsonFeed::Other);
    }
    let mut documents = serde_json::Deserializer::from_str(source).into_iter::<JsonFeed>();
    let json = match documents.next() {
        Some(Ok(json)) => {
            let rest = source.get(documents.byte_offset()..).unwrap_or_default();
            repairs.add(Repair::Junk, u32::from(!rest.trim().is_empty()));
            json
        }
        Some(Err(error)) if error.is_eof() => {
            let Some(part) = complete_elements(source, ITEMS_DEPTH) else {
                return Err(NotJsonFeed::Malformed(error.to_string()));
            };
            repairs.add(Repair::Truncated, 1);
            return read(&part, repairs);
        }
        Some(Err(error)) => {
            let malformed = || NotJsonFeed::Malformed(error.to_string());
            let repaired = read_damaged(source, ITEMS_DEPTH).ok_or_else(malformed)?;
            repairs.add(Repair::Bytes, repaired.surrogates);
            repairs.add(Repair::Json, u32::from(repaired.surrogates == 0));
            repairs.add(Repair::Truncated, u32::from(repaired.cut));
            JsonFeed::deserialize(repaired.value).map_err(|_| malformed())?
        }
        None => return Err(NotJsonFeed::Other),
    };
    let version = json.version.0;
    let is_feed = version.as_deref().is_some_and(|version| version.contains("jsonfeed.org"));
    if !is_feed && !json.items.is_list {
        return Err(NotJsonFeed::Other);
    }
    let mut entries = EntryList::default();
    for item in json.items.list.into_iter().filter_map(|item| item.0) {
        entries.push(read_item(item, repairs));
    }
    let mut feed = empty_feed(FeedType::JSON);
    feed.title = text(TextKind::Plain, json.title).map(RawText::into_text);
    feed.description = text(TextKind::Plain, json.description).map(RawText::into_text);
    feed.authors = people(json.authors, json.author);
    feed.language = json.language.0.map(|language| language.trim().to_owned());
    for (rel, url) in [("alternate", json.home_page_url), ("self", json.feed_url)] {
        feed.links.extend(url.not_blank().map(|url| linked(rel, &url)));
    }
    let extension = FeedExtension::default();
    Ok(ParsedFeed { feed, extension, entries: entries.into_entries() })
}

fn read_item(item: JsonItem, repairs: &mut Repairs) -> ParsedEntry {
    let content = text(TextKind::Html, item.content_html)
        .or_else(|| text(TextKind::Plain, item.content_text));
    let mut date = |text: Loose| counted_date(&text.not_blank()?, repairs);
    let url = item.url.not_blank().map(|url| linked("alternate", &url));
    let images = [item.image, item.banner_image].into_iter().filter_map(|image| image.0);
    let mut media = MediaObject::default();
    media.thumbnails = images
        .filter_map(|url| address(&url, None))
        .map(|url| thumbnail(url, (None, None)))
        .collect();
    let tags = item.tags.list.into_iter().filter_map(|tag| tag.0);
    ParsedEntry {
        entry: Entry {
            id: item.id.0.map(|id| id.trim().to_owned()).unwrap_or_default(),
            title: text(TextKind::Plain, item.title).map(RawText::into_text),
            updated: date(item.date_modified),
            authors: people(item.authors, item.author),
            content: content.map(RawText::into_content),
            links: url.into_iter().collect(),
            summary: text(TextKind::Plain, item.summary).map(RawText::into_text),
            categories: tags.map(|tag| category(&tag, None)).collect(),
            published: date(item.date_published),
            media: media::as_list(media),
            language: item.language.not_blank(),
            ..Entry::default()
        },
        extension: EntryExtension {
            external_url: item.external_url.0,
            files: item
                .attachments
                .list
                .into_iter()
                .filter_map(|attachment| file(attachment.0?))
                .collect(),
            ..EntryExtension::default()
        },
    }
}

fn file(attachment: Attachment) -> Option<File> {
    let whole = |number: Loose| number.0?.split('.').next()?.trim().parse().ok();
    Some(File {
        url: address(&attachment.url.0?, None)?,
        mime_type: attachment.mime_type.0,
        title: attachment.title.0,
        size: whole(attachment.size_in_bytes),
        width: None,
        height: None,
        duration_in_seconds: whole(attachment.duration_in_seconds),
    })
}

fn text(kind: TextKind, text: Loose) -> Option<RawText<'static>> {
    RawText::new(kind, Cow::Owned(text.0?))
}

fn linked(rel: &str, url: &str) -> Link {
    Link { rel: Some(rel.to_owned()), ..link(url.trim().to_owned()) }
}

/// Version 1.1 has a list of authors, version 1 has one author.
fn people(list: Many<Author>, one: Many<Author>) -> Vec<Person> {
    let authors = if list.list.is_empty() { one.list } else { list.list };
    let people = authors.into_iter().filter_map(|author| {
        let (name, url) = (author.name.not_blank(), author.url.not_blank());
        (name.is_some() || url.is_some()).then(|| person(name.as_deref(), url.as_deref(), None))
    });
    people.collect()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonFeed {
    version: Loose,
    title: Loose,
    description: Loose,
    home_page_url: Loose,
    feed_url: Loose,
    language: Loose,
    author: Many<Author>,
    authors: Many<Author>,
    items: Many<Maybe<JsonItem>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonItem {
    id: Loose,
    url: Loose,
    external_url: Loose,
    title: Loose,
    content_html: Loose,
    content_text: Loose,
    summary: Loose,
    image: Loose,
    banner_image: Loose,
    date_published: Loose,
    date_modified: Loose,
    language: Loose,
    author: Many<Author>,
    authors: Many<Author>,
    tags: Many<Loose>,
    attachments: Many<Maybe<Attachment>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attachment {
    url: Loose,
    mime_type: Loose,
    title: Loose,
    size_in_bytes: Loose,
    duration_in_seconds: Loose,
}

#[derive(Default)]
struct Author {
    name: Loose,
    url: Loose,
}

/// A text, or a number as text. Any other value is absent.
#[derive(Default)]
struct Loose(Option<String>);

impl Loose {
    fn not_blank(self) -> Option<String> {
        self.0.filter(|text| !text.trim().is_empty())
    }
}

/// An object, or nothing.
struct Maybe<T>(Option<T>);

/// A list, or the single value that the document has in its place.
struct Many<T> {
    list: Vec<T>,
    is_list: bool,
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self { list: Vec::new(), is_list: false }
    }
}

/// A type that can be made from any JSON value.
trait FromAny: Sized {
    /// The most values of a list that are kept.
    const MAX: usize = 64;

    fn from_scalar(text: Option<String>) -> Self;

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;

    fn from_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::from_scalar(None))
    }
}

impl FromAny for Loose {
    fn from_scalar(text: Option<String>) -> Self {
        Self(text)
    }

    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self(None))
    }
}

impl<T: for<'de> Deserialize<'de>> FromAny for Maybe<T> {
    const MAX: usize = MAX_ITEMS;

    fn from_scalar(_text: Option<String>) -> Self {
        Self(None)
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|value| Self(Some(value)))
    }
}

impl FromAny for Author {
    fn from_scalar(text: Option<String>) -> Self {
        Self { name: Loose(text), url: Loose(None) }
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Fields {
            name: Loose,
            url: Loose,
        }
        let Fields { name, url } = Fields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Self { name, url })
    }
}

impl<T: FromAny + for<'de> Deserialize<'de>> FromAny for Many<T> {
    fn from_scalar(text: Option<String>) -> Self {
        match text {
            Some(text) => Self { list: vec![T::from_scalar(Some(text))], is_list: false },
            None => Self::default(),
        }
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Ok(Self { list: vec![T::from_map(map)?], is_list: false })
    }

    fn from_list<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut list = Vec::new();
        while list.len() < T::MAX {
            match seq.next_element()? {
                Some(element) => list.push(element),
                None => return Ok(Self { list, is_list: true }),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self { list, is_list: true })
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: FromAny> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::from_scalar(Some(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<T, E> {
        Ok(T::from_scalar(Some(text)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::from_scalar(Some(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::from_scalar(Some(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::from_scalar(Some(number.to_string())))
    }

    fn visit_bool<E>(self, _truth: bool) -> Result<T, E> {
        Ok(T::from_scalar(None))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::from_scalar(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::from_list(list)
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Author {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de, T: for<'x> Deserialize<'x>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de, T: FromAny + for<'x> Deserialize<'x>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}
