//! What polling stores, and what it does not.

mod choice;
mod command;
mod connections;
mod days;
mod entry_filter;
mod failures;
mod future;
mod hosts;
mod identity;
mod limits;
mod new_feed_url;
mod over_time;
mod podcast;
mod politeness;
mod private;
