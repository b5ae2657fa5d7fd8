//! Floor 3: passes. Each claims due work from the store, does its I/O, lets a pure function decide, and
//! applies the decision in one transaction. Safe to repeat, safe to kill.

pub mod changes;
pub mod check_online;
pub mod discover;
pub mod export;
pub mod hooks;
pub mod host_budget;
pub mod index;
pub mod parse_pool;
pub mod poll;
pub mod preview;
pub mod retain;
pub mod sync;
