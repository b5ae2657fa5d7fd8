//! feed-rs' own parser. It reads no document for gazetted; our readers are compared with it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::feed::parse::model::{FeedExtension, ParsedEntry, ParsedFeed, whole_seconds};

/// Reads a document with feed-rs alone, in the form that [`parse`](super::parse) returns. Relative addresses
/// stay so.
///
/// # Errors
/// When feed-rs refuses the document or panics, in words. A panic is also reported by the panic hook.
pub fn parse_with_feed_rs(body: &[u8]) -> Result<ParsedFeed, String> {
    let parser = feed_rs::parser::Builder::new()
        // An entry without an id keeps none, as with our readers.
        .id_generator(|_, _, _| String::new())
        .sanitize_content(false)
        .build();
    let mut feed = catch_unwind(AssertUnwindSafe(|| parser.parse(body)))
        .map_err(|_| "feed-rs panics".to_owned())?
        .map_err(|error| error.to_string())?;
    let entries = std::mem::take(&mut feed.entries).into_iter().map(|mut entry| {
        entry.published = entry.published.map(whole_seconds);
        entry.updated = entry.updated.map(whole_seconds);
        ParsedEntry { entry, ..ParsedEntry::default() }
    });
    let entries = entries.collect();
    Ok(ParsedFeed { feed, extension: FeedExtension::default(), entries })
}
