//! Feed documents: from the bytes that a server sent to the articles that the store keeps.
//!
//! The order of the work is [`unpack`] (content encodings), [`charset`] (character encodings), [`item_diff`]
//! (which items are new since the last document), [`parse`] (one reader for each format) and [`normalise`]
//! (one rule in each file). [`document`] calls them. [`comparison`] compares our readers with feed-rs' own parser.
//! Pure functions: nothing here performs I/O.

pub mod autodiscovery;
pub mod charset;
pub mod comparison;
pub mod dates;
pub mod document;
pub mod entry_filter;
pub mod function_words;
pub mod hints;
pub mod item_diff;
pub mod json_map;
pub mod newsboat;
pub mod normalise;
pub mod opml;
pub mod page_map;
pub mod parse;
pub mod unpack;
