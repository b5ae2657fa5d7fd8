//! Bytes of one feed document to [`ParsedFeed`]. This folder alone names `feed_rs`.
//!
//! The parser is quick, right on clean documents and brittle on all others, so it never sees one as it
//! came: the bytes are decoded, read tolerantly, and written anew as canonical Atom, which it always
//! takes. What Atom cannot say goes past it.

mod canonical;
mod convert;
pub mod model;
mod namespaces;
mod not_a_feed;
mod repairs;
mod root;
mod tree;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use url::Url;

use crate::feed::charset::{Decision, decode};
use crate::feed::dates::parse::date;
use crate::feed::parse::canonical::{Canonical, from_json, from_xml};
use crate::feed::parse::model::ParsedFeed;
use crate::feed::parse::repairs::{Repair, Repairs};

/// Why a document is no feed, in words for the feed's owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct NotAFeed {
    pub detail: String,
    /// The feeds that it announces, if it is a web page.
    pub offers: Vec<Url>,
}

impl NotAFeed {
    pub(in crate::feed) fn because(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), offers: Vec::new() }
    }
}

thread_local! {
    static PARSING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic on this thread, now, is caught here and becomes a [`NotAFeed`]. A panic hook asks
/// this, so that a malformed feed prints nothing.
pub fn panic_is_contained() -> bool {
    PARSING.get()
}

/// Reads a feed of any dialect: RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, JSON Feed, news sitemaps.
///
/// `base` is where the document came from, after redirects. `encoding` is what [`decode::decide`] made
/// of these very bytes (or of the document they are left from). `content_type` is only for the message.
///
/// # Errors
/// When the bytes are no feed.
pub fn parse(
    body: &[u8],
    base: &Url,
    encoding: Decision,
    content_type: Option<&str>,
) -> Result<ParsedFeed, NotAFeed> {
    contained(|| {
        let (text, bad) = decode(body, encoding.charset);
        let mut repairs = Repairs::default();
        repairs.add(Repair::Bytes, bad);
        repairs.add(Repair::Label, u32::from(encoding.mislabelled));
        let canonical = canonicalise(&text, base, content_type, &mut repairs)?;
        drop(text); // No longer needed, and as long as the document.
        let feed = parser(base).parse(canonical.atom.as_bytes()).map_err(|error| {
            NotAFeed::because(format!("this feed cannot be read (a fault of the program): {error}"))
        })?;
        let mut feed = convert::feed(feed, canonical.beside, canonical.feed);
        feed.repairs = repairs.named();
        Ok(feed)
    })
}

/// The canonical Atom of a document.
fn canonicalise(
    text: &str,
    base: &Url,
    content_type: Option<&str>,
    repairs: &mut Repairs,
) -> Result<Canonical, NotAFeed> {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
    if start.starts_with(['{', '[']) {
        return from_json(start, base, repairs).map_err(|error| not_a_feed::about_json(&error));
    }
    from_xml(text, base, repairs)
        .map_err(|rootless| not_a_feed::about_xml(text, base, content_type, &rootless))
}

/// A new one for each document: after an error an old one panics.
fn parser(base: &Url) -> feed_rs::parser::Parser {
    feed_rs::parser::Builder::new()
        .base_uri(Some(base.as_str()))
        // No invented ids: an entry without one is known by what else it says.
        .id_generator(|_, _, _| String::new())
        .timestamp_parser(date)
        .sanitize_content(false)
        .build()
}

/// Runs `work`; a panic in it becomes an error.
fn contained<T>(work: impl FnOnce() -> Result<T, NotAFeed>) -> Result<T, NotAFeed> {
    PARSING.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    PARSING.set(false);
    result.unwrap_or_else(|_| {
        Err(NotAFeed::because("the parser stumbled over this document (a fault of the parser)"))
    })
}

#[cfg(test)]
mod tests;
