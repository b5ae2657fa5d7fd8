//! The rules of polling: what to request, what a reply means, and when to poll again.
//!
//! Pure functions from values to values. The current time is always an argument.

pub mod decide;
pub mod feed_health;
pub mod freshness;
pub mod host_rounds;
pub mod new_feed_url;
pub mod outage;
pub mod pages;
pub mod permanent_redirect;
pub mod reason_text;
pub mod reply;
pub mod request;
pub mod schedule;
pub mod simulate;
