//! Requests feed documents from servers, reads those in files, and posts to webhooks.
//!
//! A reply of any status is a [`Reply`]; a [`FetchError`] means that no complete reply arrived. Bodies
//! stay compressed as received: [`unpack`](crate::feed::unpack::unpack) decompresses them on the threads of
//! the parse pool.
//!
//! Each hop is one GET without retries and `Referer`. Cookies are kept for one chain of redirects only. Only validators
//! that the server has sent make a request conditional. Only a configured proxy is used; the environment variables for proxies are ignored,
//! because a service must not depend on the shell that started it.

use std::collections::HashMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use reqwest::header::{COOKIE, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Proxy};
use tokio::time::timeout;
use url::Url;

use crate::domain::feed::FeedUrl;
use crate::domain::poll::{Reply, Validators};
use crate::domain::request::{FetchSettings, ProxyChoice, Secret};

mod address;
mod body;
mod cookies;
mod error;
mod file;
mod guard;
mod headers;
mod post;
mod private;
mod redirect;
mod request;

pub use error::{FetchError, advice, page_advice};
pub use guard::Refused;
pub use post::{PostError, Posted};
pub use redirect::RedirectFault;
pub use request::{FetchRequest, Wanted};

use guard::Guard;
use redirect::Chain;

/// The time for which an idle connection is kept. It is long enough for the feeds of one host in one round,
/// and short enough that 10,000 hosts do not need 10,000 sockets.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// The number of idle connections kept per host, which is the default of `per_host`.
const POOL_MAX_IDLE_PER_HOST: usize = 2;

/// If the process may open fewer files than this, idle connections are kept for [`SHORT_IDLE_TIMEOUT`] only:
/// 200 polls per second would leave 18,000 connections in 90 s.
const FILES_FOR_IDLE: u64 = 32 * 1024;
const SHORT_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// If the process may open fewer files than this, no idle connection is kept.
const FILES_FOR_ANY_IDLE: u64 = 512;

/// The interval of TCP keep-alive probes, which detect dead connections before the next request uses them.
const TCP_KEEPALIVE: Duration = Duration::from_mins(1);

/// The maximum size of all header fields of an HTTP/2 reply after decompression. hyper limits those of
/// HTTP/1 to about 400 KiB.
const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// The HTTP client. It holds the connection pools, so it should be shared.
pub struct Fetcher {
    settings: FetchSettings,
    extra_roots: Vec<Certificate>,
    /// Created at the first request through each route.
    clients: Mutex<HashMap<Route, RouteClient>>,
}

/// The proxy of a connection, and whether the connection may lead to an address that is not public.
/// Connections of different routes are never shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Route {
    proxy: Option<Secret>,
    allow_private: bool,
}

/// The client of one route.
#[derive(Clone)]
struct RouteClient {
    client: Client,
    /// Whether there are CA certificates. Without them `http` works and `https` does not.
    has_ca_certificates: bool,
}

impl Fetcher {
    /// Reads `ca_file` and checks the proxy address. Makes no connection.
    ///
    /// # Errors
    /// [`FetchError::Setup`] for a `ca_file` that cannot be read or holds no certificate, and for an
    /// unusable proxy.
    pub fn new(settings: &FetchSettings) -> Result<Self, FetchError> {
        let extra_roots = match &settings.ca_file {
            None => Vec::new(),
            Some(path) => {
                let pem = fs::read(path).map_err(|error| {
                    FetchError::setup(format!("could not read ca_file {}", path.display()), error)
                })?;
                let found = Certificate::from_pem_bundle(&pem).map_err(|error| {
                    let what = format!("ca_file {} is no PEM file", path.display());
                    FetchError::setup(what, error.without_url())
                })?;
                if found.is_empty() {
                    let what = format!("ca_file {} holds no PEM certificate", path.display());
                    return Err(FetchError::Setup { what, source: None });
                }
                found
            }
        };
        if let Some(address) = &settings.proxy {
            proxy(address)?;
        }
        let settings = settings.clone();
        Ok(Self { settings, extra_roots, clients: Mutex::default() })
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
        match timeout(limit, reply).await {
            Ok(reply) => reply.map(|reply| Reply { elapsed: started.elapsed(), ..reply }),
            Err(_) => Err(FetchError::Timeout { url: request.url.clone(), limit }),
        }
    }

    /// Follows a chain of redirects to the reply that is not a redirect.
    async fn follow(&self, home: &Url, request: FetchRequest<'_>) -> Result<Reply, FetchError> {
        let FetchRequest { url, at, validators, spec, max_body, wanted } = request;
        let proxy_address = match &spec.proxy {
            Some(ProxyChoice::Direct) => None,
            Some(ProxyChoice::Via(address)) => Some(address),
            None => self.settings.proxy.as_ref(),
        };
        let proxy_host = proxy_address.map(proxy).transpose()?.and_then(|(_, host)| host);
        let common = headers::common(&self.settings, spec, wanted)?;
        let configured = headers::configured(&spec.headers)?;
        let mut chain = Chain::new(home.clone(), at.clone(), self.settings.max_redirects);
        loop {
            let own = chain.at().host() == home.host();
            let refused =
                |source| FetchError::Private { url: url.clone(), source: Box::new(source), own };
            let allow_private = self.settings.allow_private || (spec.allow_private && own);
            if !allow_private {
                guard::before(chain.at(), proxy_host.as_deref()).map_err(refused)?;
            }
            let route =
                self.route_client(Route { proxy: proxy_address.cloned(), allow_private })?;
            if chain.at().scheme() == "https" && !route.has_ca_certificates {
                return Err(FetchError::NoTrustAnchors { url: url.clone() });
            }
            let conditional = headers::conditional(validators, chain.at(), wanted);
            let mut request =
                route.client.get(chain.at().clone()).headers(common.clone()).headers(conditional);
            let mut cookies: Vec<HeaderValue> = chain.cookies().into_iter().collect();
            if chain.is_at_origin() {
                if let Some(auth) = &spec.basic_auth {
                    let password = auth.password.as_ref().map(Secret::expose);
                    request = request.basic_auth(&auth.user, password);
                }
                cookies.extend(configured.get(COOKIE).cloned());
                request = request.headers(configured.clone()); // They replace common ones of the same name.
            }
            request = request.headers(headers::cookie(&cookies));
            let response = request.send().await.map_err(|error| match error::refused(&error) {
                Some(source) => refused(source),
                None => FetchError::send(url, error),
            })?;
            match chain.next(response.status().as_u16(), response.headers()) {
                None => return reply(url, response, chain, (max_body, wanted)).await,
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

    fn route_client(&self, route: Route) -> Result<RouteClient, FetchError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&route) {
            return Ok(client.clone());
        }
        let client = self.new_client(&route)?;
        clients.insert(route, client.clone());
        Ok(client)
    }

    fn new_client(&self, route: &Route) -> Result<RouteClient, FetchError> {
        let (proxy, proxy_host) = route.proxy.as_ref().map(proxy).transpose()?.unzip();
        let proxy_host = proxy_host.flatten();
        let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
        let idle = if files < FILES_FOR_ANY_IDLE { 0 } else { POOL_MAX_IDLE_PER_HOST };
        let idle_timeout =
            if files < FILES_FOR_IDLE { SHORT_IDLE_TIMEOUT } else { POOL_IDLE_TIMEOUT };
        let builder = || {
            let builder = Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .connect_timeout(self.settings.connect_timeout)
                .pool_idle_timeout(idle_timeout)
                .pool_max_idle_per_host(idle)
                .tcp_keepalive(TCP_KEEPALIVE)
                .http2_max_header_list_size(MAX_HEADER_BYTES)
                // Feeds come from old software too: a malformed header field is ignored.
                .http1_ignore_invalid_headers_in_responses(true)
                .http1_allow_spaces_after_header_name_in_responses(true)
                .http1_allow_obsolete_multiline_headers_in_responses(true);
            let builder = match &proxy {
                Some(proxy) => builder.proxy(proxy.clone()),
                None => builder,
            };
            if route.allow_private {
                builder
            } else {
                builder.dns_resolver(Guard::new(proxy_host.clone()))
            }
        };
        let build = |builder: ClientBuilder| builder.build().map_err(reqwest::Error::without_url);
        let trusting = build(builder().tls_certs_merge(self.extra_roots.clone()));
        match trusting {
            Ok(client) => Ok(RouteClient { client, has_ca_certificates: true }),
            // A minimal container has no CA certificates. Plain http must work there.
            Err(error) => match build(builder().tls_certs_only([])) {
                Ok(client) => Ok(RouteClient { client, has_ca_certificates: false }),
                Err(_) => Err(FetchError::setup("could not set up the HTTP client", error)),
            },
        }
    }
}

async fn reply(
    url: &FeedUrl,
    response: reqwest::Response,
    chain: Chain,
    (max_body, wanted): (u64, Wanted),
) -> Result<Reply, FetchError> {
    let status = response.status().as_u16();
    let headers = headers::of_reply(response.headers());
    let (body, cut) = match status {
        200 | 203 | 226 if wanted == Wanted::Beginning => {
            (body::beginning(url, response, max_body).await?, false)
        }
        200 | 203 | 226 => body::whole(url, response, max_body).await?,
        _ => (body::first_part(response).await, false), // Only shown to users; no rule depends on it.
    };
    let (at, hops) = chain.into_parts();
    let elapsed = Duration::ZERO;
    Ok(Reply { status, url: at, hidden_origin: None, hops, headers, body, cut, elapsed })
}

/// Returns the proxy for all requests and the name of its host. The address may contain a password, so no
/// error repeats it.
fn proxy(address: &Secret) -> Result<(Proxy, Option<String>), FetchError> {
    let fault = |what: &str| FetchError::Setup { what: what.to_owned(), source: None };
    let url = Url::parse(address.expose()).map_err(|_| fault("the proxy is no absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(fault("a proxy is reached over http, https, socks5 or socks5h"));
    }
    // `url` parses the host of a SOCKS address as a name even if it is an IP address, which does no harm.
    let host = url.host_str().map(str::to_owned);
    let proxy = Proxy::all(url).map_err(|_| fault("the proxy's address cannot be used"))?;
    Ok((proxy, host))
}
