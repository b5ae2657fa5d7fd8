//! Which entries are one article. Everything here is a pure decision about values that the caller has read from a document
//! or from the store.
//!
//! - [`canonical_url`] and [`guid`]: the forms of an address and of a GUID that are compared.
//! - [`fingerprint`] and [`sketch`]: what a text is compared by.
//! - [`features`]: all of that for one entry, and the keys under which the store finds it again.
//! - [`across_feeds`]: whether an article is one that another feed had before.
//! - [`window`]: the articles of the last days, by the keys under which articles of other feeds find them.
//! - [`same_feed`]: which new entries of a document are articles that the feed had before.
//! - [`reused_name`]: whether an entry with the name of an article is another article.
//! - [`series`]: whether an article is one of a series that is written by one template.
//! - [`stories`]: which articles are about one event.
//! - [`own_page`]: whether the link of an article leads to a page of its own.
//! - [`likely_address`]: which feed is likely to have another address now.
//!
//! All decisions follow one principle: to miss a duplicate is better than to lose an article.

pub mod across_feeds;
pub mod canonical_url;
pub mod features;
pub mod fingerprint;
pub mod guid;
pub mod likely_address;
pub mod own_page;
pub mod reused_name;
pub mod same_feed;
pub mod series;
pub mod sketch;
pub mod stories;
pub mod title;
pub mod window;
pub mod words;
