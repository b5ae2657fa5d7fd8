//! Floor 1: the verbs. Pure functions from values to values; the cases that pin them stand below them.
//!
//! Nothing here reads a clock, a file, a socket or the environment, and nothing here fails: bad input
//! becomes a value that says so.

pub mod ask;
pub mod decide;
pub mod discover;
pub mod document;
pub mod freshness;
pub mod hints;
pub mod hook;
pub mod markdown;
pub mod moves;
pub mod normalise;
pub mod parse;
pub mod read;
pub mod reason;
pub mod schedule;
pub mod search;
pub mod sieve;
pub mod simulate;
pub mod slices;
pub mod snippet;
pub mod text;
pub mod unpack;
pub mod words;
