//! Requests feed documents from servers, reads those in files, and posts to webhooks.
//!
//! A reply of any status is a [`Reply`]; a [`FetchError`] means that no complete reply arrived. Bodies
//! stay compressed as received: [`unpack`](crate::feed::unpack::unpack) decompresses them on the threads of
//! the parse pool.
//!
//! Each hop is one GET without `Referer`. It is sent again only when the server closed a kept connection (`kept_connection`).
//! Cookies are kept for one chain of redirects only. Only validators that the server has sent make a request conditional. Only a
//! configured proxy is used; the environment variables for proxies are ignored, because a service must not depend on the shell
//! that started it.

use std::pin::pin;
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder};
use tokio::time::timeout_at;
use url::Url;

use crate::domain::feed::FeedUrl;
use crate::domain::poll::{Reply, Validators};
use crate::domain::request::{FetchSettings, ProxyChoice, Secret};

mod address;
mod body;
mod clients;
mod cookies;
mod error;
mod file;
mod guard;
mod headers;
mod kept_connection;
mod memory;
mod names;
mod post;
mod private;
mod redirect;
mod request;
mod resources;
mod tls;

pub use clients::KEPT_FOR;
pub use error::{FetchError, advice, page_advice};
pub use guard::Refused;
pub use memory::{MemoryBudget, MemoryShare};
pub use post::{PostError, Posted};
pub use redirect::RedirectFault;
pub use request::{FetchRequest, Wanted};
pub use resources::{is_exhausted, limit_of_open_files};

use clients::{Clients, Route, proxy};
use redirect::Chain;

/// The HTTP client. It holds the connections, so it should be shared.
pub struct Fetcher {
    settings: FetchSettings,
    clients: Clients,
}

impl Fetcher {
    /// Reads `ca_file` and checks the proxy address. Makes no connection.
    ///
    /// # Errors
    /// [`FetchError::Setup`] for a `ca_file` that cannot be read or holds no certificate, and for an
    /// unusable proxy.
    pub fn new(settings: &FetchSettings) -> Result<Self, FetchError> {
        if let Some(address) = &settings.proxy {
            proxy(address)?;
        }
        Ok(Self { settings: settings.clone(), clients: Clients::new(settings)? })
    }

    /// Whether another fetcher does the same: then it need not replace this one and its connections.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.settings == other.settings && self.clients.has_same_roots(&other.clients)
    }

    /// Requests one document and follows redirects, within the time-out of the feed.
    ///
    /// # Errors
    /// When no complete reply arrived. Statuses of any kind are replies.
    pub async fn fetch(&self, request: FetchRequest<'_>) -> Result<Reply, FetchError> {
        let Some(address) = &request.spec.address else {
            return self.fetch_from(request.url.as_url(), request).await;
        };
        // The reply and errors of a private feed contain only `url`, which stands for its address.
        let url = request.url;
        let address = Url::parse(address.expose()).map_err(|_| FetchError::Setup {
            what: "the address of the private feed is no URL".to_owned(),
            source: None,
        })?;
        let own = request.validators.sent_by.as_ref() == Some(url.as_url());
        let sent_by = own.then(|| address.clone());
        let validators = Validators { sent_by, ..request.validators.clone() };
        let request = FetchRequest { at: &address, validators: &validators, ..request };
        let reply = self.fetch_from(&address, request).await;
        reply.map(|reply| private::conceal(reply, url)).map_err(private::conceal_error)
    }

    /// As [`Fetcher::fetch`]. `home` is the configured address, which may be private.
    async fn fetch_from(&self, home: &Url, request: FetchRequest<'_>) -> Result<Reply, FetchError> {
        let limit = request.spec.timeout.unwrap_or(self.settings.timeout);
        let started = Instant::now();
        let reply = async {
            if request.url.is_file() {
                file::read(home, request).await
            } else {
                self.follow(home, request).await
            }
        };
        let mut reply = pin!(reply);
        // The time for which the body has waited for memory is none of the server's.
        let waited = || request.memory.map_or(Duration::ZERO, MemoryShare::waited);
        loop {
            let before = waited();
            match timeout_at((started + limit + before).into(), &mut reply).await {
                Ok(reply) => {
                    let elapsed = started.elapsed().saturating_sub(waited());
                    return reply.map(|reply| Reply { elapsed, ..reply });
                }
                Err(_) if before < waited() => {}
                Err(_) => return Err(FetchError::Timeout { url: request.url.clone(), limit }),
            }
        }
    }

    /// Follows a chain of redirects to the reply that is not a redirect.
    async fn follow(&self, home: &Url, request: FetchRequest<'_>) -> Result<Reply, FetchError> {
        let FetchRequest { url, at, spec, max_body, wanted, more_follow, memory, .. } = request;
        let proxy_address = match &spec.proxy {
            Some(ProxyChoice::Direct) => None,
            Some(ProxyChoice::Via(address)) => Some(address),
            None => self.settings.proxy.as_ref(),
        };
        let proxy_host = proxy_address.map(proxy).transpose()?.and_then(|(_, host)| host);
        let common = headers::common(&self.settings, spec, wanted)?;
        let configured = headers::configured(&spec.headers)?;
        let mut chain = Chain::new(home.clone(), at.clone(), self.settings.max_redirects);
        let mut hop: Option<Hop> = None;
        loop {
            let own = chain.at().host() == home.host();
            let refused =
                |source| FetchError::Private { url: url.clone(), source: Box::new(source), own };
            let allow_private = self.settings.allow_private || (spec.allow_private && own);
            if !allow_private {
                guard::before(chain.at(), proxy_host.as_deref()).map_err(refused)?;
            }
            let route = Route::new(chain.at(), proxy_address, allow_private);
            let more_follow = more_follow && chain.at().host() == at.host();
            let last = hop.take().filter(|last| last.leads_to(&route, chain.at()));
            let this = match last {
                Some(last) => last,
                None => self.hop(url, chain.at(), route, more_follow)?,
            };
            let build = || {
                let builder = this.client.get(chain.at().clone()).headers(common.clone());
                with_headers(builder, &chain, &request, &configured)
            };
            let response = kept_connection::send(build).await.map_err(|error| {
                self.clients.connection_failed(chain.at(), &error);
                match error::refused(&error) {
                    Some(source) => refused(source),
                    None => FetchError::send(url, error),
                }
            })?;
            hop = Some(this);
            match chain.next(response.status().as_u16(), response.headers()) {
                None => return reply(url, response, chain, (max_body, wanted, memory)).await,
                Some(Err(fault)) => {
                    return Err(FetchError::Redirect { url: url.clone(), source: Box::new(fault) });
                }
                Some(Ok(())) => {
                    // A connection can be reused only after its last reply was read.
                    drop(body::first_part(response).await);
                }
            }
        }
    }

    /// The client for a request to `at`.
    fn hop(
        &self,
        url: &FeedUrl,
        at: &Url,
        route: Route,
        more_follow: bool,
    ) -> Result<Hop, FetchError> {
        let client = self.clients.client(route.clone(), at, more_follow)?;
        let client = client.ok_or_else(|| FetchError::NoTrustAnchors { url: url.clone() })?;
        Ok(Hop { route, at: at.clone(), client })
    }
}

/// The request to the end of the chain, with its validators, cookies, and what is configured for the feed.
fn with_headers(
    builder: RequestBuilder,
    chain: &Chain,
    request: &FetchRequest<'_>,
    configured: &HeaderMap,
) -> RequestBuilder {
    let conditional = headers::conditional(request.validators, chain.at(), request.wanted);
    let mut builder = builder.headers(conditional);
    let mut cookies: Vec<HeaderValue> = chain.cookies().into_iter().collect();
    if chain.is_at_origin() {
        if let Some(auth) = &request.spec.basic_auth {
            let password = auth.password.as_ref().map(Secret::expose);
            builder = builder.basic_auth(&auth.user, password);
        }
        cookies.extend(configured.get(COOKIE).cloned());
        builder = builder.headers(configured.clone()); // They replace common ones of the same name.
    }
    builder.headers(headers::cookie(&cookies))
}

/// One request of a chain of redirects. The next one uses its connection if it can.
struct Hop {
    route: Route,
    at: Url,
    client: Client,
}

impl Hop {
    fn leads_to(&self, route: &Route, next: &Url) -> bool {
        self.route == *route && self.at.host() == next.host()
    }
}

async fn reply(
    url: &FeedUrl,
    response: reqwest::Response,
    chain: Chain,
    (max_body, wanted, memory): (u64, Wanted, Option<&MemoryShare>),
) -> Result<Reply, FetchError> {
    let status = response.status().as_u16();
    let headers = headers::of_reply(response.headers());
    let (body, cut) = match status {
        200 | 203 | 226 if wanted == Wanted::Beginning => {
            (body::beginning(url, response, max_body).await?, false)
        }
        200 | 203 | 226 => body::whole(url, response, max_body, memory).await?,
        _ => (body::first_part(response).await, false), // Only shown to users; no rule depends on it.
    };
    let (at, hops) = chain.into_parts();
    let elapsed = Duration::ZERO;
    Ok(Reply { status, url: at, hidden_origin: None, hops, headers, body, cut, elapsed })
}
