//! `POST /-/reload` and `POST /-/poll`: the commands to the daemon. Both require the token, whatever address
//! the server listens on.

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::oneshot;
use url::form_urlencoded;

use super::{Site, access, error_response};
use crate::config::ConfigErrors;
use crate::domain::feed::{FeedId, FeedState};
use crate::domain::poll::Reason;
use crate::store::{FeedRow, Reader};
use crate::telemetry::events;

/// A command to the daemon, with the channel for its reply.
#[derive(Debug)]
pub enum Command {
    /// Reads the configuration again. The error says why it was rejected.
    Reload(oneshot::Sender<Result<(), ReloadError>>),
    /// Polls these feeds as soon as their hosts allow it, whatever their schedule. The reason is that of the
    /// schedule they had.
    Poll(Vec<(FeedId, Reason)>, oneshot::Sender<Result<(), String>>),
}

/// The reason why a configuration does not take the place of the old one.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Faults(#[from] ConfigErrors),
    /// The configuration is valid, but a change in it takes a restart.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
}

impl ReloadError {
    /// One line for a log. The response and `gazetted check` have all faults.
    pub fn brief(&self) -> String {
        match self {
            Self::Faults(errors) => errors.brief(),
            Self::Refused(why) | Self::Failed(why) => why.clone(),
        }
    }

    /// 422 with the faults, as JSON for a client that accepts it.
    fn into_response(self, headers: &HeaderMap) -> Response {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        let wants_json = accept.is_some_and(|types| types.contains("application/json"));
        let status = match &self {
            Self::Faults(errors) if wants_json => {
                let body = json!({ "faults": errors.faults() }).to_string();
                let content_type = [(CONTENT_TYPE, "application/json")];
                return (StatusCode::UNPROCESSABLE_ENTITY, content_type, body).into_response();
            }
            Self::Faults(_) | Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        error_response::with_status(status, &self.to_string())
    }
}

/// Reloads the configuration as SIGHUP does. The response names the faults of a configuration that was
/// rejected.
pub(super) async fn reload(State(site): State<Site>, request: Request) -> Response {
    if let Some(response) = not_allowed(&site, &request) {
        return response;
    }
    events::ordered("reload");
    match send(&site, Command::Reload).await {
        Ok(Ok(())) => "reloaded\n".into_response(),
        Ok(Err(error)) => error.into_response(request.headers()),
        Err(why) => error_response::with_status(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

/// Polls the feeds of `?feed=NAME` (which may be repeated) or all of them (`?all=true`).
pub(super) async fn poll(State(site): State<Site>, request: Request) -> Response {
    if let Some(response) = not_allowed(&site, &request) {
        return response;
    }
    let (mut names, mut all) = (Vec::new(), false);
    for (key, value) in form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes()) {
        match (key.as_ref(), value.as_ref()) {
            ("feed", name) => names.push(name.to_owned()),
            ("all", "true" | "1" | "") => all = true,
            ("all", "false" | "0") => {}
            (key, value) => {
                let why = format!("`{key}={value}` is not understood; known: feed=NAME, all=true");
                return error_response::with_status(StatusCode::BAD_REQUEST, &why);
            }
        }
    }
    let feeds = match site.reader_pool().read(super::REQUEST_TIMEOUT, Reader::feeds).await {
        Ok(feeds) => feeds,
        Err(error) => return error.into_response(),
    };
    if let Some(name) = names.iter().find(|name| !feeds.iter().any(|feed| feed.is_called(name))) {
        return error_response::with_status(
            StatusCode::NOT_FOUND,
            &format!("there is no feed `{name}`"),
        );
    }
    let polled = |feed: &&FeedRow| match feed.state() {
        FeedState::Disabled | FeedState::Retired => false,
        // A feed that is named is requested even if its server said 410 Gone.
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
    match send(&site, |reply| Command::Poll(wanted, reply)).await {
        Ok(Ok(())) => {
            let body = json!({ "feeds": count }).to_string();
            (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], body).into_response()
        }
        Ok(Err(why)) => error_response::with_status(StatusCode::INTERNAL_SERVER_ERROR, &why),
        Err(why) => error_response::with_status(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

/// The error response if the request may not give commands.
fn not_allowed(site: &Site, request: &Request) -> Option<Response> {
    let access = site.access();
    if request.method() != Method::POST {
        let mut response = error_response::with_status(
            StatusCode::METHOD_NOT_ALLOWED,
            "commands are sent by POST",
        );
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        Some(response)
    } else if !access.has_token() {
        let why =
            "commands over HTTP need a token, and none is configured: see [server] token_file";
        Some(error_response::with_status(StatusCode::FORBIDDEN, why))
    } else if !access.has_valid_token(request.headers()) {
        Some(access::token_required())
    } else if access::is_from_elsewhere(request.headers()) {
        let why = "commands are not accepted from pages of other sites";
        Some(error_response::with_status(StatusCode::FORBIDDEN, why))
    } else {
        None
    }
}

/// Sends a command and waits for the reply. The error says that there is none.
async fn send<E>(
    site: &Site,
    command: impl FnOnce(oneshot::Sender<Result<(), E>>) -> Command,
) -> Result<Result<(), E>, &'static str> {
    const STOPPING: &str = "the daemon is stopping";
    let (sender, reply) = oneshot::channel();
    site.0.commands.send(command(sender)).await.map_err(|_| STOPPING)?;
    reply.await.map_err(|_| STOPPING)
}
