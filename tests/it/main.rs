//! The program as its users meet it: the binary itself, servers on loopback, stores on disk.
//!
//! Nothing here reaches into the library. What a test needs to know it asks the program, the server
//! that was asked, or the database.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod cli;
mod consumers;
mod content;
mod crash_recovery;
mod daemon;
mod machine_failures;
mod malicious_servers;
mod poll;
mod regression;
mod serve;
mod support;
