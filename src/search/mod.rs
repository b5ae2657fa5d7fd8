//! Full-text search and the filters of queries: how words are found in a text, what a query means, and which
//! part of an article to show for it.

pub mod filter;
pub mod query;
pub mod snippet;
pub mod words;
