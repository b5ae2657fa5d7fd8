//! The HTTP clients, each of which is a pool of connections.
//!
//! An idle connection costs both sides memory and a file, so it is kept only for a request that is expected soon: by a client
//! for that host alone, which is dropped with its connections when no further request is expected. All other requests share
//! a client whose connections stay just long enough for the next hop of a redirect.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, Proxy};
use url::Url;

use crate::domain::host::Host;
use crate::domain::request::{FetchSettings, Secret};
use crate::fetch::error::FetchError;
use crate::fetch::guard::Guard;
use crate::fetch::kept_connection;
use crate::fetch::names::Names;
use crate::fetch::tls::{Tls, trusting_nobody};

/// The time for which an idle connection is kept for a request that is expected: most servers close it about then.
pub const KEPT_FOR: Duration = Duration::from_secs(90);

/// The time for which an idle connection is kept when no further request is expected. A redirect is followed within it; over
/// HTTP/2, where it counts from the start of the request, most are.
const HOP: Duration = Duration::from_millis(100);

/// The interval of TCP keep-alive probes, which detect dead connections before the next request uses them.
const TCP_KEEPALIVE: Duration = Duration::from_mins(1);

/// The maximum size of all header fields of an HTTP/2 reply after decompression. hyper limits those of
/// HTTP/1 to about 400 KiB.
const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// The kind of a connection. Connections of different routes are never shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Route {
    proxy: Option<Secret>,
    /// Whether the connection may lead to an address that is not public.
    allow_private: bool,
    /// Whether certificates are needed: for `https`, to the server or to the proxy.
    tls: bool,
}

impl Route {
    pub(super) fn new(at: &Url, proxy: Option<&Secret>, allow_private: bool) -> Self {
        let is_secure_proxy = proxy.is_some_and(|proxy| proxy.expose().starts_with("https:"));
        let tls = at.scheme() == "https" || is_secure_proxy;
        Self { proxy: proxy.cloned(), allow_private, tls }
    }
}

/// The clients of one configuration.
pub(super) struct Clients {
    connect_timeout: Duration,
    /// The idle connections of a host that are kept.
    per_host: usize,
    /// The most hosts whose connections are kept. With 0 no connection is kept at all.
    most_kept: usize,
    tls: Tls,
    names: Names,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    /// Created at the first request through each route.
    shared: HashMap<Route, Client>,
    /// Of the hosts to which another request is expected.
    kept: HashMap<(Route, Host), Kept>,
}

struct Kept {
    client: Client,
    used_at: Instant,
}

impl Clients {
    pub(super) fn new(settings: &FetchSettings) -> Result<Self, FetchError> {
        Ok(Self {
            connect_timeout: settings.connect_timeout,
            per_host: settings.per_host,
            most_kept: settings.kept_hosts,
            tls: Tls::new(settings.ca_file.as_deref())?,
            names: Names::default(),
            pools: Mutex::default(),
        })
    }

    pub(super) fn has_same_roots(&self, other: &Self) -> bool {
        self.tls.has_same_roots(&other.tls)
    }

    /// The client for a request to `url`; `None` when it needs certificates and there are none. `more_follow` is whether another
    /// request to the host is expected within [`KEPT_FOR`].
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub(super) fn client(
        &self,
        route: Route,
        url: &Url,
        more_follow: bool,
    ) -> Result<Option<Client>, FetchError> {
        let now = Instant::now();
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(host) = Host::of(url) else { return self.shared(&mut pools, route) };
        let key = (route, host);
        if !more_follow {
            return match pools.kept.remove(&key) {
                // The last request ends the connections that were kept for it.
                Some(kept) => Ok(Some(kept.client)),
                None => self.shared(&mut pools, key.0),
            };
        }
        if let Some(kept) = pools.kept.get_mut(&key) {
            kept.used_at = now;
            return Ok(Some(kept.client.clone()));
        }
        if !self.has_room(&mut pools, now) {
            return self.shared(&mut pools, key.0);
        }
        let client = self.new_client(&key.0, (self.per_host, KEPT_FOR))?;
        if let Some(client) = &client {
            pools.kept.insert(key, Kept { client: client.clone(), used_at: now });
        }
        Ok(client)
    }

    /// Forgets the addresses of the host if there was no connection to them.
    pub(super) fn connection_failed(&self, url: &Url, error: &reqwest::Error) {
        if error.is_connect()
            && let Some(name) = url.domain()
        {
            self.names.forget(name);
        }
    }

    /// Whether the connections of one more host may be kept. Those that were not used for too long are closed already.
    fn has_room(&self, pools: &mut Pools, now: Instant) -> bool {
        if self.most_kept <= pools.kept.len() {
            let is_open = |kept: &Kept| now.saturating_duration_since(kept.used_at) < KEPT_FOR;
            pools.kept.retain(|_, kept| is_open(kept));
        }
        pools.kept.len() < self.most_kept
    }

    fn shared(&self, pools: &mut Pools, route: Route) -> Result<Option<Client>, FetchError> {
        if let Some(client) = pools.shared.get(&route) {
            return Ok(Some(client.clone()));
        }
        let idle = usize::from(0 < self.most_kept);
        let client = self.new_client(&route, (idle, HOP))?;
        if let Some(client) = &client {
            pools.shared.insert(route, client.clone());
        }
        Ok(client)
    }

    /// A new client. `idle` is the number of idle connections that are kept for each host, and for how long.
    fn new_client(
        &self,
        route: &Route,
        idle: (usize, Duration),
    ) -> Result<Option<Client>, FetchError> {
        let tls = if route.tls {
            let Some(tls) = self.tls.trusting() else { return Ok(None) };
            tls.clone()
        } else {
            trusting_nobody()?
        };
        let (proxy, proxy_host) = route.proxy.as_ref().map(proxy).transpose()?.unzip();
        let (connections, time) = idle;
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(time)
            .pool_max_idle_per_host(connections)
            .tcp_keepalive(TCP_KEEPALIVE)
            .tls_backend_preconfigured(tls)
            .connector_layer(kept_connection::connector_layer())
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            // Feeds come from old software too: a malformed header field is ignored.
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true);
        let builder = match proxy {
            Some(proxy) => builder.proxy(proxy),
            None => builder,
        };
        let builder = if route.allow_private {
            builder.dns_resolver(self.names.clone())
        } else {
            builder.dns_resolver(Guard::new(proxy_host.flatten(), self.names.clone()))
        };
        let client = builder.build().map_err(reqwest::Error::without_url);
        client
            .map(Some)
            .map_err(|error| FetchError::setup("could not set up the HTTP client", error))
    }
}

/// Returns the proxy for all requests and the name of its host. The address may contain a password, so no
/// error repeats it.
pub(super) fn proxy(address: &Secret) -> Result<(Proxy, Option<String>), FetchError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_so_many_hosts_are_kept_until_their_last_request() {
        let settings = FetchSettings { kept_hosts: 2, ..FetchSettings::default() };
        let clients = Clients::new(&settings).unwrap();
        let kept = |name: &str, more_follow| {
            let url = Url::parse(&format!("http://{name}.example/")).unwrap();
            let route = Route::new(&url, None, false);
            assert!(clients.client(route, &url, more_follow).unwrap().is_some());
            let pools = clients.pools.lock().unwrap();
            let mut hosts: Vec<_> = pools.kept.keys().map(|(_, host)| host.to_string()).collect();
            hosts.sort();
            hosts.join(" ")
        };
        assert_eq!(kept("a", false), "");
        assert_eq!(kept("a", true), "a.example");
        assert_eq!(kept("b", true), "a.example b.example");
        assert_eq!(kept("c", true), "a.example b.example", "as many as are allowed");
        assert_eq!(kept("a", true), "a.example b.example");
        assert_eq!(kept("a", false), "b.example", "the last request");
        assert_eq!(kept("c", true), "b.example c.example");
        let ages = |pools: &mut Pools| {
            pools.kept.values_mut().for_each(|kept| kept.used_at -= KEPT_FOR);
        };
        ages(&mut clients.pools.lock().unwrap());
        assert_eq!(kept("d", true), "d.example", "the others were closed by then");
    }
}
