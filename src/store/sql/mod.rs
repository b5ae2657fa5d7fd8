//! The statements of the store: one file for each table or task. They run on SQLite and on PostgreSQL.

pub(super) mod address_changes;
pub(super) mod article_keys;
pub(super) mod claim_queue;
pub(super) mod claims;
pub(super) mod consumers;
pub(super) mod duplicates;
pub(super) mod feed_health;
pub(super) mod feed_lookup;
pub(super) mod feed_page;
pub(super) mod feed_sync;
pub(super) mod feeds;
pub(super) mod future;
pub(super) mod held;
pub(super) mod history;
pub(super) mod hosts;
pub(super) mod icons;
pub(super) mod maintenance;
pub(super) mod meta;
pub(super) mod own_page;
pub(super) mod page_queue;
pub(super) mod pages;
pub(super) mod polls;
pub(super) mod prune;
pub(super) mod reader;
mod recent_hits;
pub(super) mod stories;
pub(super) mod story_changes;
pub(super) mod text_index;
pub(super) mod transaction;
pub(super) mod workers;

#[cfg(test)]
mod arrival_tests;
mod articles;
mod changes;
#[cfg(test)]
mod claims_tests;
mod columns;
mod conditions;
#[cfg(test)]
mod duplicates_tests;
mod edits;
mod last_document;
mod matching;
#[cfg(test)]
mod other_keys_tests;
#[cfg(test)]
mod reading_tests;
mod revisions;
mod select;
mod sightings;
#[cfg(test)]
mod stories_tests;
mod story_list;
#[cfg(test)]
mod year_tests;
