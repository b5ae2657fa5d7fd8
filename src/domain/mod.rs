//! The domain: plain types with their invariants. They perform no I/O, read no clock and are not serialised.
//!
//! What arrives from outside becomes one of these at the edge and is not checked again further in.

pub mod address_origin;
pub mod article;
pub mod consumer;
pub mod feed;
pub mod feed_health;
pub mod hook;
pub mod host;
pub mod icon;
pub mod json_map;
pub mod location;
pub(crate) mod named_enum;
pub mod poll;
pub mod query;
pub mod request;
pub mod scrub;
pub mod shard;
pub mod story;
pub mod time;
pub mod units;
