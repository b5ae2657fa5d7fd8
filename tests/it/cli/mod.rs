//! The commands: what they print, write and refuse.

mod address_change;
mod changes;
mod config;
mod copy;
mod exports;
mod extract;
mod feed_lists;
mod feeds;
mod filters;
mod inspect;
mod json;
mod reading;
mod retention;
mod secrets;
mod store;
mod surface;
mod timezone;
