//! The two orders that may be given over HTTP. Both want the token, wherever the server listens.

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::oneshot;
use url::form_urlencoded;

use super::{Site, access, error_response};
use crate::domain::feed::{FeedId, FeedState};
use crate::domain::poll::Reason;
use crate::store::{FeedRow, Reader};
use crate::telemetry::events;

/// What the daemon is asked to do.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration again. The answer says why it was refused.
    Reload(oneshot::Sender<Result<(), String>>),
    /// Poll these as soon as their hosts allow, whatever the plan; with the reason of the plan they had.
    Poll(Vec<(FeedId, Reason)>, oneshot::Sender<Result<(), String>>),
}

/// As SIGHUP: the new configuration as a whole, or the old one with what is wrong with the new.
pub(super) async fn reload(State(site): State<Site>, request: Request) -> Response {
    if let Some(refusal) = refusal(&site, &request) {
        return refusal;
    }
    events::ordered("reload");
    match order(&site, Order::Reload).await {
        Ok(()) => "reloaded\n".into_response(),
        Err(why) => error_response::refusal(StatusCode::INTERNAL_SERVER_ERROR, &why),
    }
}

/// `?feed=NAME` (again for more) or `?all=true`; else whatever is due.
pub(super) async fn poll(State(site): State<Site>, request: Request) -> Response {
    if let Some(refusal) = refusal(&site, &request) {
        return refusal;
    }
    let (mut names, mut all) = (Vec::new(), false);
    for (key, value) in form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes()) {
        match (key.as_ref(), value.as_ref()) {
            ("feed", name) => names.push(name.to_owned()),
            ("all", "true" | "1" | "") => all = true,
            ("all", "false" | "0") => {}
            (key, value) => {
                let why = format!("`{key}={value}` is not understood; known: feed=NAME, all=true");
                return error_response::refusal(StatusCode::BAD_REQUEST, &why);
            }
        }
    }
    let feeds = match site.readers().read(super::REQUEST_TIMEOUT, Reader::feeds).await {
        Ok(feeds) => feeds,
        Err(error) => return error.into_response(),
    };
    if let Some(name) = names.iter().find(|name| !feeds.iter().any(|feed| feed.is_called(name))) {
        return error_response::refusal(
            StatusCode::NOT_FOUND,
            &format!("there is no feed `{name}`"),
        );
    }
    let polled = |feed: &&FeedRow| match feed.state() {
        FeedState::Disabled | FeedState::Retired => false,
        // A named feed is asked again even if it was given up.
        FeedState::Gone => names.iter().any(|name| feed.is_called(name)),
        FeedState::Ok | FeedState::New | FeedState::Failing => {
            all || names.iter().any(|name| feed.is_called(name))
        }
    };
    let wanted: Vec<(FeedId, Reason)> = feeds
        .iter()
        .filter(polled)
        .map(|feed| (feed.id, feed.because.unwrap_or(Reason::New)))
        .collect();
    let count = wanted.len();
    events::ordered("poll");
    match order(&site, |answer| Order::Poll(wanted, answer)).await {
        Ok(()) => {
            let said = json!({ "feeds": count }).to_string();
            (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], said).into_response()
        }
        Err(why) => error_response::refusal(StatusCode::INTERNAL_SERVER_ERROR, &why),
    }
}

/// Why this one may not give orders; `None`: it may.
fn refusal(site: &Site, request: &Request) -> Option<Response> {
    let access = site.access();
    if request.method() != Method::POST {
        let mut response =
            error_response::refusal(StatusCode::METHOD_NOT_ALLOWED, "orders are given by POST");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        Some(response)
    } else if !access.has_token() {
        let why = "orders over HTTP want a token, and none is configured: see [server] token_file";
        Some(error_response::refusal(StatusCode::FORBIDDEN, why))
    } else if !access.shown(request.headers()) {
        Some(access::asking_for_token())
    } else if access::is_from_elsewhere(request.headers()) {
        let why = "orders are not taken from pages of other sites";
        Some(error_response::refusal(StatusCode::FORBIDDEN, why))
    } else {
        None
    }
}

async fn order(
    site: &Site,
    order: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Order,
) -> Result<(), String> {
    let (tell, told) = oneshot::channel();
    let stopping = || "the daemon is stopping".to_owned();
    site.0.orders.send(order(tell)).await.map_err(|_| stopping())?;
    told.await.map_err(|_| stopping())?
}
