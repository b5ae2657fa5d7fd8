//! Compression of responses with gzip or zstd. [`CompressionLayer`] chooses the coding and compresses while
//! the body is polled; this layer around it polls the body on a blocking thread, so that the threads of the
//! runtime never compress.
//!
//! Brotli is missing on purpose: its encoder adds 1.4 MB to the program, and every client that accepts it
//! accepts gzip too.
//!
//! [`CompressionLayer`]: tower_http::compression::CompressionLayer

use std::convert::Infallible;
use std::future::ready;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream::once;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::error_response::with_status;
use super::stream;
use crate::telemetry::events;

/// The streamed bodies that are compressed at the same time.
static TURNS: Semaphore = Semaphore::const_new(2);

/// Marks a response whose body is written while it is sent. All others are in memory already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streamed;

/// Polls the body of a compressed response on a blocking thread.
pub(super) async fn off_runtime(request: Request, next: Next) -> Response {
    let has_body = request.method() != Method::HEAD;
    let response = next.run(request).await;
    if !has_body || !response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    let (parts, body) = response.into_parts();
    if parts.extensions.get::<Streamed>().is_some() {
        return Response::from_parts(parts, streamed(body));
    }
    let runtime = Handle::current();
    // A slow client must not occupy the thread, so the body is compressed completely before it is sent.
    match spawn_blocking(move || runtime.block_on(to_bytes(body, usize::MAX))).await {
        // Of unknown length, because a response to HEAD does not know it either (RFC 9110 section 9.3.2).
        Ok(Ok(bytes)) => {
            let chunk = once(ready(Ok::<_, Infallible>(bytes)));
            Response::from_parts(parts, Body::from_stream(chunk))
        }
        Ok(Err(error)) => {
            events::request_failed(&error);
            with_status(StatusCode::INTERNAL_SERVER_ERROR, "the response could not be compressed")
        }
        Err(error) => {
            events::task_died("compression", &error);
            with_status(StatusCode::INTERNAL_SERVER_ERROR, "a bug: it is in the log")
        }
    }
}

/// The number of these threads is bounded by [`stream::MAX_DOWNLOADS`], as all streamed bodies are.
fn streamed(body: Body) -> Body {
    let (sender, compressed) = stream::channel();
    spawn_blocking(move || {
        Handle::current().block_on(async {
            let mut chunks = body.into_data_stream();
            loop {
                let turn = TURNS.acquire().await;
                let Some(chunk) = chunks.next().await else { break };
                drop(turn);
                if sender.send(chunk).await.is_err() {
                    return; // The client is gone, or stopped reading.
                }
            }
            sender.complete();
        });
    });
    compressed
}
