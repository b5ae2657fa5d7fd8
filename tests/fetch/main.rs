//! The fetcher against real sockets on loopback, and real files.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

mod connections;
mod files;
mod guard;
mod redirects;
mod replies;
mod requests;
mod support;
