//! JSON Feed (jsonfeed.org/version/1.1), and what comes close to it.
//!
//! Any value may be of another type than the format says: numbers are texts, one thing is a list of one,
//! what makes no sense is not there.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use url::Url;

use crate::feed::dates::parse::date;
use crate::feed::parse::canonical::{
    Canonical, Channel, FeedFacts, Item, LinkTo, Somebody, Words, Writer, absolute, count_date,
};
use crate::feed::parse::model::MediaFile;
use crate::feed::parse::repairs::{Repair, Repairs};
use crate::feed::parse::tree::MAX_ITEMS;

/// Why a JSON document is no feed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::feed::parse) enum NotJsonFeed {
    /// Not JSON: the message of the JSON parser.
    Malformed(String),
    /// JSON, with neither a version of the format nor a list of items.
    Other,
}

/// The text with U+FFFD for each escaped half of a UTF-16 pair that stands alone, and how many there were:
/// what a program writes that cuts a text in the middle of an emoji.
fn without_halves(text: &str) -> (String, u32) {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut halves) = (text, 0);
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = match unit(escape) {
            Some(0xD800..0xDC00)
                if matches!(escape.get(6..).and_then(unit), Some(0xDC00..0xE000)) =>
            {
                12
            }
            Some(0xD800..0xE000) => {
                halves += 1;
                out.push('\u{FFFD}');
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            // An escaped backslash begins no other escape.
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (whole, after) = escape.split_at(length);
        out.push_str(whole);
        rest = after;
    }
    out.push_str(rest);
    (out, halves)
}

/// The canonical form of a JSON Feed.
pub(in crate::feed::parse) fn read(
    text: &str,
    base: &Url,
    repairs: &mut Repairs,
) -> Result<Canonical, NotJsonFeed> {
    if text.starts_with('[') {
        return Err(NotJsonFeed::Other);
    }
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Feed>();
    let feed = match documents.next() {
        Some(Ok(feed)) => feed,
        Some(Err(error)) => {
            let (text, halves) = without_halves(text);
            if halves == 0 {
                return Err(NotJsonFeed::Malformed(error.to_string()));
            }
            repairs.add(Repair::Bytes, halves);
            return read(&text, base, repairs);
        }
        None => return Err(NotJsonFeed::Other),
    };
    let rest = text.get(documents.byte_offset()..).unwrap_or_default();
    repairs.add(Repair::Junk, u32::from(!rest.trim().is_empty()));
    let version = feed.version.text();
    let is_feed = version.as_deref().is_some_and(|version| version.contains("jsonfeed.org"));
    if !is_feed && !feed.items.is_list {
        return Err(NotJsonFeed::Other);
    }
    let mut writer = Writer::new(text.len() + 256);
    for entry in feed.items.list.into_iter().filter_map(|entry| entry.0) {
        writer.item(item(entry, base, repairs));
    }
    let mut channel = Channel {
        title: words(false, feed.title),
        description: words(false, feed.description),
        authors: people(feed.authors, feed.author),
        language: feed.language.text().map(Cow::Owned),
        ..Channel::default()
    };
    let links = [("alternate", feed.home_page_url), ("self", feed.own_url)];
    channel.links.extend(links.into_iter().filter_map(|(rel, url)| link(rel, url.text()?)));
    Ok(writer.finish(&channel, FeedFacts::default()))
}

fn item(entry: Entry, base: &Url, repairs: &mut Repairs) -> Item<'static> {
    let mut item = Item {
        id: entry.id.text().map(Cow::Owned),
        title: words(false, entry.title),
        content: words(true, entry.content_html).or_else(|| words(false, entry.content_text)),
        summary: words(false, entry.summary),
        authors: people(entry.authors, entry.author),
        ..Item::default()
    };
    let url = entry.url.text();
    let external = entry.external_url.text();
    item.links.extend(url.and_then(|url| link("alternate", url)));
    item.beside.external_url = external;
    item.tags = entry
        .tags
        .list
        .into_iter()
        .filter_map(Loose::text)
        .map(|tag| (Cow::Owned(tag), None))
        .collect();
    let mut moment = |text: Loose| {
        let text = text.text().filter(|text| !text.trim().is_empty())?;
        count_date(repairs, date(&text))
    };
    item.published = moment(entry.date_published);
    item.updated = moment(entry.date_modified);
    item.beside.language = entry.language.text().filter(|language| !language.trim().is_empty());
    let images = [entry.image, entry.banner_image].into_iter().filter_map(Loose::text);
    item.beside.images = images.filter_map(|url| absolute(&url, base)).map(String::from).collect();
    for file in entry.attachments.list.into_iter().filter_map(|file| file.0) {
        let Some(url) = file.url.text().and_then(|url| absolute(&url, base)) else { continue };
        let whole = |loose: Loose| loose.text()?.split('.').next()?.trim().parse::<u64>().ok();
        item.beside.files.push(MediaFile {
            url,
            mime_type: file.mime_type.text(),
            size: whole(file.size_in_bytes),
            duration_in_seconds: whole(file.duration_in_seconds),
        });
        item.beside.file_titles.push(file.title.text());
    }
    item
}

fn words(html: bool, text: Loose) -> Option<Words<'static>> {
    Words::some(html, Cow::Owned(text.text()?))
}

fn link(rel: &'static str, url: String) -> Option<LinkTo<'static>> {
    let filled = !url.trim().is_empty();
    filled.then(|| LinkTo {
        href: Cow::Owned(url),
        rel: Some(Cow::Borrowed(rel)),
        ..LinkTo::default()
    })
}

/// Version 1.1 has a list, version 1 has one.
fn people(list: Many<Named>, one: Many<Named>) -> Vec<Somebody<'static>> {
    let people = if list.list.is_empty() { one.list } else { list.list };
    let text = |loose: Loose| loose.text().filter(|text| !text.trim().is_empty()).map(Cow::Owned);
    let person =
        |person: Named| Somebody { name: text(person.name), url: text(person.url), email: None };
    people
        .into_iter()
        .map(person)
        .filter(|person| person.name.is_some() || person.url.is_some())
        .collect()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Feed {
    version: Loose,
    title: Loose,
    description: Loose,
    home_page_url: Loose,
    #[serde(rename = "feed_url")]
    own_url: Loose,
    language: Loose,
    author: Many<Named>,
    authors: Many<Named>,
    items: Many<Maybe<Entry>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
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
    author: Many<Named>,
    authors: Many<Named>,
    tags: Many<Loose>,
    attachments: Many<Maybe<File>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    url: Loose,
    mime_type: Loose,
    title: Loose,
    size_in_bytes: Loose,
    duration_in_seconds: Loose,
}

#[derive(Default)]
struct Named {
    name: Loose,
    url: Loose,
}

/// A text, a number or a truth value, as text; all else is nothing.
#[derive(Default)]
struct Loose(Option<String>);

impl Loose {
    fn text(self) -> Option<String> {
        self.0
    }
}

/// An object, or nothing.
struct Maybe<T>(Option<T>);

/// A list, or what stands in place of one.
struct Many<T> {
    list: Vec<T>,
    is_list: bool,
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self { list: Vec::new(), is_list: false }
    }
}

/// What can be made of whatever is there.
trait FromAny: Sized {
    /// How many of them a list may hold.
    const MOST: usize = 64;

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
    const MOST: usize = MAX_ITEMS;

    fn from_scalar(_text: Option<String>) -> Self {
        Self(None)
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|value| Self(Some(value)))
    }
}

impl FromAny for Named {
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
        while list.len() < T::MOST {
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

impl<'de> Deserialize<'de> for Named {
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
