//! Full-text search and the article filters: splitting texts into words, parsing searches, and choosing the part of
//! an article that is shown in the results.

pub mod filter;
mod han;
pub mod query;
pub mod snippet;
pub mod vector;
pub mod words;
