//! What polling stores, and what it does not.

mod choice;
mod days;
mod failures;
mod identity;
mod limits;
mod politeness;
mod sieve;
mod story;
