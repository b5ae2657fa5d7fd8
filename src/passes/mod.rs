//! The passes. Each pass claims due work from the store, performs its I/O, lets a pure function decide, and applies
//! the decision in one transaction. A pass may be repeated or killed at any time without loss.

pub mod changes;
pub mod check_online;
pub mod discover;
pub mod doctor;
pub mod duplicates;
pub mod export;
pub mod extraction;
pub mod feed_health;
pub mod full_text;
pub mod future;
pub mod hooks;
pub mod host_budget;
pub mod icons;
pub mod index;
mod next_polls;
mod no_contact;
mod other_page;
mod own_address;
pub mod parse_pool;
pub mod poll;
pub mod preview;
pub mod retain;
mod robots_cache;
mod slow_feeds;
mod source;
pub mod sync;
