//! Requests on kept connections.
//!
//! A server may close an idle connection in the moment in which a request is sent on it. That request gets no answer, though
//! the server is well, so it is sent again, as browsers and curl do it (RFC 9112, section 9.3.1). A request for which a
//! connection was opened is never sent again: its server has closed a connection that it knew to be for a request.

use std::cell::Cell;
use std::io::{self, ErrorKind};

use reqwest::{RequestBuilder, Response};
use tower::util::MapRequestLayer;

use crate::fetch::error::causes;

/// How often a request is sent on kept connections at most. Others to that host may have been closed as well.
const MOST_ATTEMPTS: usize = 4;

tokio::task_local! {
    /// Whether a connection was opened for the request of this task.
    static OPENED: Cell<bool>;
}

/// A layer of the connector that remembers that a connection was opened.
pub(super) fn noticing<T>() -> MapRequestLayer<fn(T) -> T> {
    MapRequestLayer::new(|target| {
        // A connection for which nobody waits any longer is opened on a task of its own.
        OPENED.try_with(|opened| opened.set(true)).ok();
        target
    })
}

/// Sends the request, and again when it was sent on a kept connection which the server closed without an answer.
///
/// # Errors
/// Those of the last attempt.
pub(super) async fn send(build: impl Fn() -> RequestBuilder) -> Result<Response, reqwest::Error> {
    let mut attempts = 1;
    loop {
        let request = build();
        let attempt = async { (request.send().await, OPENED.with(Cell::get)) };
        match OPENED.scope(Cell::new(false), attempt).await {
            (Err(error), false) if attempts < MOST_ATTEMPTS && is_closed(&error) => attempts += 1,
            (result, _) => return result,
        }
    }
}

/// Whether the connection ended before the first byte of an answer.
fn is_closed(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        let is_incomplete =
            cause.downcast_ref().is_some_and(|error: &hyper::Error| error.is_incomplete_message());
        is_incomplete || cause.downcast_ref().is_some_and(is_broken)
    })
}

fn is_broken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
    )
}
