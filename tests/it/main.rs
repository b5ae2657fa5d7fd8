//! Tests of the program as its users run it: the binary, servers on loopback, stores on disk.
//!
//! Nothing here imports the library (`tests/tidy.rs` checks it). A test learns what it needs from the program's
//! output, from the requests that its server received, or from the database.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod cli;
mod consumers;
mod content;
mod crash_recovery;
mod daemon;
mod databases;
mod docs;
mod duplicates;
mod full_text;
mod machine_failures;
mod malicious_servers;
mod poll;
mod regression;
mod serve;
mod stories;
mod support;
