//! The bytes of one feed document to a [`ParsedFeed`].
//!
//! `xml` and `json_feed` read every format and tolerate damage: the text is decoded, its elements are
//! balanced and bounded in depth and number (`tree`), and each item fills the types of `feed_rs::model`.
//! [`model`] says what these types cannot hold and where it is instead. feed-rs' own parser reads no
//! document here; it is the [`reference`](mod@reference) that our readers are compared with. This folder alone names
//! `feed_rs`.

pub(in crate::feed) mod cut_json;
mod entry_list;
mod item;
mod json_feed;
pub(in crate::feed) mod json_repair;
mod media;
pub mod model;
mod namespaces;
mod not_a_feed;
mod podcast;
pub mod reference;
mod repairs;
mod root;
mod sitemap;
mod tree;
mod values;
mod xml;

use url::Url;

use crate::feed::charset::{Decision, decode};
use crate::feed::parse::model::ParsedFeed;
pub(in crate::feed) use crate::feed::parse::repairs::TRUNCATED;
use crate::feed::parse::repairs::{Repair, Repairs};
pub(in crate::feed) use crate::feed::parse::tree::MAX_ITEMS;

/// Why a document is no feed, in words for the feed's owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct NotAFeed {
    pub detail: String,
    /// Feed links found in the document, if it is an HTML page.
    pub offers: Vec<Url>,
    /// If it is an HTML page: the usual places of feeds in the system that made it.
    pub places: &'static [&'static str],
}

impl NotAFeed {
    pub(in crate::feed) fn because(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), offers: Vec::new(), places: &[] }
    }
}

/// Reads a feed of any format: RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, JSON Feed, news sitemaps.
///
/// `base` is the address of the document, after redirects. `encoding` is what [`decide`] returned for these
/// bytes, or for the document that they are a part of. `content_type` is only used in messages.
///
/// # Errors
/// When the document is not a feed.
///
/// [`decide`]: crate::feed::charset::decide
pub fn parse(
    body: &[u8],
    base: &Url,
    encoding: Decision,
    content_type: Option<&str>,
) -> Result<ParsedFeed, NotAFeed> {
    let (text, bad) = decode(body, encoding.charset);
    let mut repairs = Repairs::default();
    repairs.add(Repair::Bytes, bad);
    repairs.add(Repair::Label, u32::from(encoding.mislabelled));
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
    let mut feed = if start.starts_with(['{', '[']) {
        json_feed::read(start, &mut repairs).map_err(|error| not_a_feed::about_json(&error))?
    } else {
        xml::read(&text, base, &mut repairs)
            .map_err(|rootless| not_a_feed::about_xml(&text, base, content_type, &rootless))?
    };
    feed.extension.repairs = repairs.counts();
    Ok(feed)
}

#[cfg(test)]
mod tests;
