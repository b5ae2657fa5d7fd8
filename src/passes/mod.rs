//! Floor 3: passes. Each claims due work from the store, does its I/O, lets a pure function decide, and
//! applies the decision in one transaction. Safe to repeat, safe to kill.

mod crew;
pub mod discover;
pub mod export;
pub mod follow;
pub mod hooks;
pub mod hosts;
pub mod index;
pub mod look;
pub mod network;
pub mod poll;
pub mod retain;
pub mod survey;
pub mod sync;
