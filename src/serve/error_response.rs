//! Error responses that several routes send.

use axum::Extension;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::reader_pool::ReadError;
use crate::telemetry::events;

/// The reason of an error response, from which [`error_page`](super::page::error_page) makes a page.
#[derive(Clone, Debug)]
pub(super) struct ErrorReason(pub(super) String);

/// An error response with its reason as one line of text.
pub(super) fn with_status(status: StatusCode, why: &str) -> Response {
    (status, Extension(ErrorReason(why.to_owned())), format!("{why}\n")).into_response()
}

/// 400 for a request with wrong parameters.
pub(super) fn bad_request(why: &str) -> Response {
    with_status(StatusCode::BAD_REQUEST, why)
}

/// The response when all places for downloads are in use.
pub(super) fn too_many_downloads() -> Response {
    busy("too many exports are being sent; try again in a moment")
}

/// 503 with `Retry-After`.
pub(super) fn busy(why: &str) -> Response {
    let mut response = with_status(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

pub(super) async fn not_found(uri: Uri) -> Response {
    with_status(StatusCode::NOT_FOUND, &format!("there is nothing at {}", uri.path()))
}

pub(super) async fn wrong_method(method: Method) -> Response {
    let why = format!("{method} does nothing here: this server only reads");
    let mut response = with_status(StatusCode::METHOD_NOT_ALLOWED, &why);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// A failure of the server. The details go to the log only.
impl IntoResponse for ReadError {
    fn into_response(self) -> Response {
        match self {
            Self::Busy => busy("too many requests at once; try again in a moment"),
            Self::TimedOut => busy("this took too long; ask for less"),
            Self::Store(error) => {
                events::request_failed(&error);
                with_status(StatusCode::INTERNAL_SERVER_ERROR, "the store could not be read")
            }
            Self::Died(error) => {
                events::task_died("request", &error);
                with_status(StatusCode::INTERNAL_SERVER_ERROR, "a bug: it is in the log")
            }
        }
    }
}
