//! Requests on kept connections.
//!
//! A server may close an idle connection at the moment at which a request is sent on it. That request gets no reply, although
//! nothing is wrong with the server, so it is sent again, as browsers and curl do (RFC 9112, section 9.3.1). A request for which
//! a connection was opened is never sent again, because closing a new connection is how a server refuses.

use std::cell::Cell;
use std::io::{self, ErrorKind};

use reqwest::{RequestBuilder, Response};
use tower::util::MapRequestLayer;

use crate::fetch::error::causes;

/// How many times a request is sent at most. The next kept connection to that host may have been closed as well.
const MOST_ATTEMPTS: usize = 4;

tokio::task_local! {
    /// Whether a connection was opened for the request of this task.
    static OPENED: Cell<bool>;
}

/// A layer of the connector. It notes for the request of the current task that a connection is opened.
pub(super) fn connector_layer<T>() -> MapRequestLayer<fn(T) -> T> {
    MapRequestLayer::new(|target| {
        // It fails outside of a request: when the request got a kept connection meanwhile, the new one is opened by another task.
        OPENED.try_with(|opened| opened.set(true)).ok();
        target
    })
}

/// Sends the request that `build` makes, and sends it again when the server closed a kept connection without a reply.
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

/// Whether the connection ended before the header fields of a reply were complete.
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
