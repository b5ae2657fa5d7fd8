//! Floor 2: asks servers (and files) for feed documents.
//!
//! A reply of any status is a [`Reply`]; a [`FetchError`] means that no complete reply arrived. Bodies
//! are handed on as they came, still compressed: they are unpacked by
//! [`unpack`](crate::feed::unpack::unpack) on the threads that parse.
//!
//! What every request keeps to: one GET per hop and no retry, no cookies, no `Referer`, nothing
//! conditional that the server did not say itself, no proxy that was not configured (the environment's
//! are ignored, for a service must not depend on the shell it was started from).

use std::collections::HashMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use reqwest::{Certificate, Client, ClientBuilder, Proxy};
use tokio::time::timeout;
use url::Url;

use crate::domain::feed::FeedUrl;
use crate::domain::poll::{Reply, Validators};
use crate::domain::request::{FetchSettings, RequestSpec, Secret};

mod address;
mod body;
mod error;
mod file;
mod guard;
mod headers;
mod post;
mod private;
mod redirect;

pub use error::{FetchError, advice};
pub use guard::Refused;
pub use post::{PostError, Posted};
pub use redirect::RedirectFault;

use guard::Guard;
use redirect::Chain;

/// Connections are kept this long for the next request to the same server. Long enough for the feeds
/// of one host in one round, short enough that 10,000 hosts do not cost 10,000 sockets.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Idle connections kept per host: as many as `per_host` allows requests by default.
const POOL_MAX_IDLE_PER_HOST: usize = 2;

/// With fewer open files than this they are kept only for the redirects and feeds of one moment: at 200
/// polls a second, 90 s are 18,000 connections.
const FILES_FOR_IDLE: u64 = 32 * 1024;
const SHORT_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// With fewer than this none is kept.
const FILES_FOR_ANY_IDLE: u64 = 512;

/// Finds a connection whose other end has vanished before the next request would.
const TCP_KEEPALIVE: Duration = Duration::from_mins(1);

/// Of all header fields of an HTTP/2 reply, unpacked. HTTP/1 is bounded to about 400 KiB by hyper.
const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// Asks for documents. Cheap to share, and meant to be: it holds the connection pools.
pub struct Fetcher {
    settings: FetchSettings,
    extra_roots: Vec<Certificate>,
    /// Made when first needed.
    clients: Mutex<HashMap<Way, Endpoint>>,
}

/// What connections differ in, and are therefore never shared across: the proxy they go through, and
/// whether they may lead into networks that are not public.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    proxy: Option<Secret>,
    allow_private: bool,
}

/// A client, and whether it can judge certificates.
#[derive(Clone)]
struct Endpoint {
    client: Client,
    /// False on a machine without CA certificates: `http` works there, `https` cannot.
    trusts_anyone: bool,
}

impl Fetcher {
    /// Reads `ca_file` and checks the proxy; connects to nothing.
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

    /// [`Fetcher::fetch_at`] the configured address itself.
    ///
    /// # Errors
    /// When no complete reply arrived. Statuses of any kind are replies.
    pub async fn fetch(
        &self,
        url: &FeedUrl,
        validators: &Validators,
        spec: &RequestSpec,
        max_body: u64,
    ) -> Result<Reply, FetchError> {
        self.fetch_at(url, url.as_url(), validators, spec, max_body).await
    }

    /// Asks for one document, following redirects, within the feed's time-out.
    ///
    /// `at` is the address to ask, which is `url` unless the feed has moved; headers and password of the
    /// configuration are for the site of `url` only.
    ///
    /// `validators` make the request conditional at the hop that sent them, byte for byte. `max_body`
    /// bounds the body as it is transferred, before decompression.
    ///
    /// # Errors
    /// When no complete reply arrived. Statuses of any kind are replies.
    pub async fn fetch_at(
        &self,
        url: &FeedUrl,
        at: &Url,
        validators: &Validators,
        spec: &RequestSpec,
        max_body: u64,
    ) -> Result<Reply, FetchError> {
        if let Some(address) = &spec.address {
            return self.fetch_private(url, address, validators, spec, max_body).await;
        }
        self.fetch_from(url, url.as_url(), at, validators, spec, max_body).await
    }

    /// Asks for a private feed at its `address`. The reply and errors contain only `url`, which stands for it.
    async fn fetch_private(
        &self,
        url: &FeedUrl,
        address: &Secret,
        validators: &Validators,
        spec: &RequestSpec,
        max_body: u64,
    ) -> Result<Reply, FetchError> {
        let address = Url::parse(address.expose()).map_err(|_| FetchError::Setup {
            what: "the address of the private feed is no URL".to_owned(),
            source: None,
        })?;
        let own = validators.sent_by.as_ref() == Some(url.as_url());
        let sent_by = own.then(|| address.clone());
        let validators = Validators { sent_by, ..validators.clone() };
        let reply = self.fetch_from(url, &address, &address, &validators, spec, max_body).await;
        reply.map(|reply| private::conceal(reply, url)).map_err(private::conceal_error)
    }

    async fn fetch_from(
        &self,
        url: &FeedUrl,
        home: &Url,
        at: &Url,
        validators: &Validators,
        spec: &RequestSpec,
        max_body: u64,
    ) -> Result<Reply, FetchError> {
        let limit = spec.timeout.unwrap_or(self.settings.timeout);
        let started = Instant::now();
        let ask = async {
            if url.is_file() {
                file::read(url, home, validators, max_body).await
            } else {
                self.ask(url, home, at, validators, spec, max_body).await
            }
        };
        match timeout(limit, ask).await {
            Ok(reply) => reply.map(|reply| Reply { elapsed: started.elapsed(), ..reply }),
            Err(_) => Err(FetchError::Timeout { url: url.clone(), limit }),
        }
    }

    /// The requests of one chain, from the configured address to the reply that is no redirect.
    async fn ask(
        &self,
        url: &FeedUrl,
        home: &Url,
        at: &Url,
        validators: &Validators,
        spec: &RequestSpec,
        max_body: u64,
    ) -> Result<Reply, FetchError> {
        let through = spec.proxy.as_ref().or(self.settings.proxy.as_ref());
        let proxy_host = through.map(proxy).transpose()?.and_then(|(_, host)| host);
        let ours = headers::ours(&self.settings, spec)?;
        let configured = headers::configured(&spec.headers)?;
        let mut chain = Chain::new(home.clone(), at.clone(), self.settings.max_redirects);
        loop {
            let own = chain.at().host() == url.as_url().host();
            let refused =
                |source| FetchError::Private { url: url.clone(), source: Box::new(source), own };
            let allow_private = self.settings.allow_private || (spec.allow_private && own);
            if !allow_private {
                guard::before(chain.at(), proxy_host.as_deref()).map_err(refused)?;
            }
            let endpoint = self.endpoint(Way { proxy: through.cloned(), allow_private })?;
            if chain.at().scheme() == "https" && !endpoint.trusts_anyone {
                return Err(FetchError::NoTrustAnchors { url: url.clone() });
            }
            let conditional = headers::conditional(validators, chain.at());
            let mut request =
                endpoint.client.get(chain.at().clone()).headers(ours.clone()).headers(conditional);
            if chain.is_at_home() {
                if let Some(auth) = &spec.basic_auth {
                    let password = auth.password.as_ref().map(Secret::expose);
                    request = request.basic_auth(&auth.user, password);
                }
                request = request.headers(configured.clone()); // Last: replaces ours by name.
            }
            let response = request.send().await.map_err(|error| match error::refused(&error) {
                Some(source) => refused(source),
                None => FetchError::send(url, error),
            })?;
            match chain.next(response.status().as_u16(), response.headers()) {
                None => return reply(url, response, chain, max_body).await,
                Some(Err(fault)) => {
                    return Err(FetchError::Redirect { url: url.clone(), source: fault });
                }
                Some(Ok(())) => {
                    // A connection can only be used again when the old reply has been read.
                    drop(body::first_part(response).await);
                }
            }
        }
    }

    fn endpoint(&self, way: Way) -> Result<Endpoint, FetchError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = clients.get(&way) {
            return Ok(endpoint.clone());
        }
        let endpoint = self.make_endpoint(&way)?;
        clients.insert(way, endpoint.clone());
        Ok(endpoint)
    }

    fn make_endpoint(&self, way: &Way) -> Result<Endpoint, FetchError> {
        let (proxy, proxy_host) = way.proxy.as_ref().map(proxy).transpose()?.unzip();
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
                // Feeds are served by software of all ages; a crooked header field is no reason to
                // leave one unread.
                .http1_ignore_invalid_headers_in_responses(true)
                .http1_allow_spaces_after_header_name_in_responses(true)
                .http1_allow_obsolete_multiline_headers_in_responses(true);
            let builder = match &proxy {
                Some(proxy) => builder.proxy(proxy.clone()),
                None => builder,
            };
            if way.allow_private {
                builder
            } else {
                builder.dns_resolver(Guard::new(proxy_host.clone()))
            }
        };
        let build = |builder: ClientBuilder| builder.build().map_err(reqwest::Error::without_url);
        let trusting = build(builder().tls_certs_merge(self.extra_roots.clone()));
        match trusting {
            Ok(client) => Ok(Endpoint { client, trusts_anyone: true }),
            // A bare container has no CA certificates, which must not stop plain http.
            Err(error) => match build(builder().tls_certs_only([])) {
                Ok(client) => Ok(Endpoint { client, trusts_anyone: false }),
                Err(_) => Err(FetchError::setup("could not set up the HTTP client", error)),
            },
        }
    }
}

async fn reply(
    url: &FeedUrl,
    response: reqwest::Response,
    chain: Chain,
    max_body: u64,
) -> Result<Reply, FetchError> {
    let status = response.status().as_u16();
    let headers = headers::of_reply(response.headers());
    let (body, cut) = match status {
        200 | 203 | 226 => body::whole(url, response, max_body).await?,
        _ => (body::first_part(response).await, false), // For a person to read; no rule depends on it.
    };
    let (at, hops) = chain.into_parts();
    Ok(Reply { status, url: at, hops, headers, body, cut, elapsed: Duration::ZERO })
}

/// A proxy for everything, and the name of its host. The address may hold a password, so no error
/// repeats it.
fn proxy(address: &Secret) -> Result<(Proxy, Option<String>), FetchError> {
    let fault = |what: &str| FetchError::Setup { what: what.to_owned(), source: None };
    let url = Url::parse(address.expose()).map_err(|_| fault("the proxy is no absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(fault("a proxy is reached over http, https, socks5 or socks5h"));
    }
    // Of a SOCKS proxy `url` does not tell a name from an address; taken for a name, it does no harm.
    let host = url.host_str().map(str::to_owned);
    let proxy = Proxy::all(url).map_err(|_| fault("the proxy's address cannot be used"))?;
    Ok((proxy, host))
}
