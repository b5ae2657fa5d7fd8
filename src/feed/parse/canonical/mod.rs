//! A document of any dialect to Atom as RFC 4287 has it, in a form that the parser always accepts.
//!
//! Atom can say nearly all that RSS, RDF and JSON Feed say; what it cannot is carried beside it, an
//! entry a place ([`Beside`]).

mod base64;
mod item;
mod json;
mod media;
mod sitemap;
mod write;
mod xml;

use std::borrow::Cow;

use url::Url;

use crate::domain::poll::Hints;
use crate::domain::time::Timestamp;
use crate::feed::parse::model::{MediaFile, TextKind};
use crate::feed::parse::repairs::Repairs;

pub(super) use json::{NotJsonFeed, read as from_json};
pub(super) use xml::read as from_xml;

/// The document as text for the parser, and what that text cannot say.
#[derive(Debug, Default)]
pub(super) struct Canonical {
    pub(super) atom: String,
    pub(super) beside: Vec<Beside>,
    pub(super) feed: FeedFacts,
}

/// What Atom has no place for, of one entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    /// Absolute.
    pub(super) base: Option<String>,
    pub(super) language: Option<String>,
    pub(super) files: Vec<MediaFile>,
    pub(super) file_titles: Vec<Option<String>>,
    pub(super) images: Vec<String>,
    pub(super) duration_in_seconds: Option<u64>,
    /// A text to show when there is none.
    pub(super) spare: Option<(TextKind, String)>,
    pub(super) external_url: Option<String>,
    /// Whether the id may be a link, as RSS has it.
    pub(super) id_is_no_link: bool,
}

/// What Atom has no place for, of the feed.
#[derive(Clone, Debug, Default)]
pub(super) struct FeedFacts {
    pub(super) base: Option<String>,
    pub(super) language: Option<String>,
    pub(super) hints: Hints,
}

/// A feed, from whatever dialect.
#[derive(Debug, Default)]
pub(super) struct Channel<'a> {
    pub(super) title: Option<Words<'a>>,
    pub(super) description: Option<Words<'a>>,
    pub(super) links: Vec<LinkTo<'a>>,
    pub(super) authors: Vec<Somebody<'a>>,
    pub(super) language: Option<Cow<'a, str>>,
}

/// An entry, from whatever dialect.
#[derive(Debug, Default)]
pub(super) struct Item<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) title: Option<Words<'a>>,
    pub(super) content: Option<Words<'a>>,
    pub(super) summary: Option<Words<'a>>,
    pub(super) links: Vec<LinkTo<'a>>,
    pub(super) authors: Vec<Somebody<'a>>,
    pub(super) tags: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
    pub(super) published: Option<Timestamp>,
    pub(super) updated: Option<Timestamp>,
    pub(super) beside: Beside,
}

#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    pub(super) html: bool,
    pub(super) text: Cow<'a, str>,
}

impl<'a> Words<'a> {
    /// None when there is nothing in it.
    pub(super) fn some(html: bool, text: Cow<'a, str>) -> Option<Self> {
        (!text.trim_ascii().is_empty()).then_some(Self { html, text })
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct LinkTo<'a> {
    pub(super) href: Cow<'a, str>,
    pub(super) rel: Option<Cow<'a, str>>,
    pub(super) mime_type: Option<Cow<'a, str>>,
    pub(super) title: Option<Cow<'a, str>>,
    /// In bytes.
    pub(super) size: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Somebody<'a> {
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) url: Option<Cow<'a, str>>,
    pub(super) email: Option<Cow<'a, str>>,
}

/// Links, authors, tags and files of one document before its entries keep a few of each only: a tag
/// of 20 bytes takes 200 in memory.
const MOST_PARTS: usize = 100_000;

const FEW_PARTS: usize = 3;

/// A canonical document in the making.
#[derive(Default)]
pub(super) struct Writer {
    out: String,
    beside: Vec<Beside>,
    parts: usize,
}

impl Writer {
    pub(super) fn new(expected_length: usize) -> Self {
        let mut out = String::with_capacity(expected_length);
        out.push_str("<feed xmlns=\"http://www.w3.org/2005/Atom\">");
        Self { out, beside: Vec::new(), parts: 0 }
    }

    pub(super) fn item(&mut self, mut item: Item<'_>) {
        self.parts += item.links.len() + item.authors.len() + item.tags.len();
        self.parts += item.beside.files.len();
        if MOST_PARTS < self.parts {
            item.links.truncate(FEW_PARTS);
            item.authors.truncate(FEW_PARTS);
            item.tags.truncate(FEW_PARTS);
            item.beside.files.truncate(FEW_PARTS);
        }
        let beside = std::mem::take(&mut item.beside);
        write::entry(&mut self.out, &item);
        self.beside.push(beside);
    }

    pub(super) fn items(&self) -> usize {
        self.beside.len()
    }

    pub(super) fn finish(mut self, channel: &Channel<'_>, mut feed: FeedFacts) -> Canonical {
        feed.language = channel.language.as_ref().map(|language| language.trim().to_owned());
        write::channel(&mut self.out, channel);
        Canonical { atom: self.out, beside: self.beside, feed }
    }
}

/// An address that the parser cannot stumble over: absolute if it can be.
fn absolute(href: &str, base: &Url) -> Option<Url> {
    base.join(href.trim()).ok()
}

/// A whole number however it is written: `1,234`, `12.0`, `" 7 "`.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let whole = text.split('.').next().unwrap_or(text);
    let grouped = text.split([',', '.', ' ']).skip(1).all(|group| group.len() == 3);
    if grouped && text.len() <= 20 {
        let digits: String = text.chars().filter(|c| !matches!(c, ',' | '.' | ' ')).collect();
        return digits.parse().ok();
    }
    whole.parse().ok()
}

/// `12:34`, `1:02:03`, `754`, `754.5`: in seconds.
fn duration(text: &str) -> Option<u64> {
    let mut seconds = 0_u64;
    for part in text.trim().split(':') {
        let whole: u64 = part.trim().split('.').next()?.parse().ok()?;
        seconds = seconds.checked_mul(60)?.checked_add(whole)?;
    }
    // A hundred years: what is longer is no duration.
    (0 < seconds && seconds < 3_155_760_000).then_some(seconds)
}

fn count_date(repairs: &mut Repairs, found: Option<Timestamp>) -> Option<Timestamp> {
    if found.is_none() {
        repairs.add(crate::feed::parse::repairs::Repair::Date, 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_publishers_write_them() {
        for (text, expected) in [
            ("123", Some(123)),
            (" 7 ", Some(7)),
            ("1,234,567", Some(1_234_567)),
            ("12.0", Some(12)),
            ("", None),
            ("-1", None),
            ("1 MB", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_in_seconds() {
        for (text, expected) in [
            ("754", Some(754)),
            ("12:34", Some(754)),
            ("1:02:03", Some(3723)),
            ("00:00", None),
            ("99999999999999999999", None),
            ("1:x", None),
            ("754.9", Some(754)),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
