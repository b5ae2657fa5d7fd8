//! Posts to webhooks, with the same address guard, proxy and certificates as for feeds. No redirect is
//! followed: the user allowed the body to go to the configured address only.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use tokio::time::timeout;
use url::Url;

use super::{Fetcher, Route, body, proxy};
use crate::domain::hook::WebhookSpec;
use crate::domain::poll::ReplyHeaders;
use crate::domain::scrub::Sent;
use crate::fetch::error::{self, FetchError};
use crate::fetch::guard::{self, Refused};
use crate::fetch::headers;

/// The maximum number of characters that are kept of an error text from the receiver.
const MAX_SAID: usize = 200;

/// The reply of the receiver.
#[derive(Clone, Debug)]
pub struct Posted {
    pub status: u16,
    pub headers: ReplyHeaders,
    /// The status and the first line of the error text. The text comes from the receiver and is not trusted.
    pub said: String,
}

/// The reason why there was no reply. It names the host but no other part of the address, which may be
/// secret.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error(transparent)]
    Setup(#[from] FetchError),
    #[error(
        "{0} (if it is meant, write allow_private = true for this export, or in [fetch] for all)"
    )]
    Private(Box<Refused>),
    #[error("no answer from {host}: {reason}")]
    Send { host: String, reason: String },
    #[error("{host} did not answer within {limit:?}")]
    Timeout { host: String, limit: Duration },
    #[error("no certificate of {host} can be checked: this machine has no CA certificates")]
    NoTrustAnchors { host: String },
}

impl Fetcher {
    /// Posts JSON with the given header fields in addition to the configured ones.
    ///
    /// # Errors
    /// When no reply arrived within the webhook's time-out. A reply with any status is no error. The body of
    /// a successful reply is not read.
    pub async fn post(
        &self,
        webhook: &WebhookSpec,
        fields: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Posted, PostError> {
        match timeout(webhook.timeout, self.post_once(webhook, fields, body)).await {
            Ok(posted) => posted,
            Err(_) => {
                Err(PostError::Timeout { host: webhook.origin.clone(), limit: webhook.timeout })
            }
        }
    }

    async fn post_once(
        &self,
        webhook: &WebhookSpec,
        fields: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Posted, PostError> {
        let host = &webhook.origin;
        let unusable = || FetchError::Setup { what: format!("{host} is no URL"), source: None };
        let url = Url::parse(webhook.url.expose()).map_err(|_| unusable())?;
        let proxy_address = self.settings.proxy.as_ref();
        let proxy_host = proxy_address.map(proxy).transpose()?.and_then(|(_, host)| host);
        let allow_private = self.settings.allow_private || webhook.allow_private;
        if !allow_private {
            guard::before(&url, proxy_host.as_deref())
                .map_err(|refused| PostError::Private(Box::new(refused)))?;
        }
        let route = Route::new(&url, proxy_address, allow_private);
        // The next batch often follows at once.
        let Some(client) = self.clients.client(route, &url, true)? else {
            return Err(PostError::NoTrustAnchors { host: host.clone() });
        };
        let mut all = HeaderMap::new();
        all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let value = |text: &str| {
            HeaderValue::from_str(text)
                .map_err(|error| FetchError::setup("a header of the webhook is none", error))
        };
        all.insert(USER_AGENT, value(&self.settings.user_agent)?);
        all.extend(headers::configured(&webhook.headers)?);
        for (name, text) in fields {
            all.insert(HeaderName::from_static(name), value(text)?);
        }
        let sent = client.post(url).headers(all).body(body).send().await;
        let response = sent.map_err(|error| match error::refused(&error) {
            Some(refused) => PostError::Private(Box::new(refused)),
            None => PostError::Send {
                host: host.clone(),
                reason: error::last_cause(&error.without_url()),
            },
        })?;
        let status = response.status();
        let headers = headers::of_reply(response.headers());
        let mut said = status.to_string();
        if !status.is_success() {
            let text = body::first_part(response).await;
            let text = String::from_utf8_lossy(&text);
            if let Some(first) = text.lines().map(str::trim).find(|line| !line.is_empty()) {
                let line: String = first.chars().filter(|c| !c.is_control()).collect();
                let line = Sent::to_webhook(webhook).removed_from(&line);
                said.extend(": ".chars().chain(line.chars().take(MAX_SAID)));
            }
        } // The status alone tells success, so that a body that never ends does no harm.
        Ok(Posted { status: status.as_u16(), headers, said })
    }
}
