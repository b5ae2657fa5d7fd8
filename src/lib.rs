//! gazetted: a feed aggregator daemon.
//!
//! The program is a row of *passes*. A pass claims due work from the store, does its I/O, lets a pure
//! function decide, and applies that decision in one transaction. Polling is the first pass:
//!
//! [`config`] → `store.sync_feeds` → `store.claim` → [`fetch`] → [`polling::reply`] → [`polling::decide`] →
//! `store.apply` → [`export`] → [`deliver`].
//!
//! Modules are on floors and import from lower floors only; `tests/tidy.rs` checks it. ARCHITECTURE.md is the map.

pub mod reading_time;

pub mod domain;

pub mod article_page;
pub mod export;
pub mod feed;
pub mod html;
pub mod matching;
pub mod polling;
pub mod present;
pub mod search;

pub mod clock;
pub mod config;
pub mod deliver;
pub mod fetch;
pub mod store;
pub mod telemetry;

pub mod passes;
pub mod serve;

pub mod cli;
pub mod daemon;

#[cfg(test)]
mod test_support;
