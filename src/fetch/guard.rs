//! The address guard: prevents connections to addresses that are not public.
//!
//! An IP address in the URL is checked directly. The addresses of a name are checked here for each connection, whether they
//! were resolved just now or are remembered, and the connector gets only the public ones. No second look-up can return other
//! addresses (DNS rebinding).

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::fetch::address::{not_public, resolved_not_public};
use crate::fetch::names::Names;

/// The reason why no request is sent to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    host: String,
    /// The address and its kind; `None` for the host name of the proxy, to which no feed may lead.
    address: Option<(IpAddr, &'static str)>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address } = self;
        match address {
            Some((_, kind)) if host.is_empty() => {
                write!(f, "its address is not public but {kind}")
            }
            Some((address, kind)) if address.to_string() == *host => {
                write!(f, "the address {address} is not public but {kind}")
            }
            Some((address, kind)) => {
                write!(f, "{host} is at {address}, which is not public but {kind}")
            }
            None if host.is_empty() => f.write_str("its host is the proxy itself"),
            None => write!(f, "{host} is the proxy itself"),
        }
    }
}

impl Error for Refused {}

impl Refused {
    /// The refusal of a private feed, whose host and address are not shown.
    pub(super) fn concealed(self) -> Self {
        Self { host: String::new(), ..self }
    }
}

/// Checks an address before name resolution: an IP address must be public, and a name must not be that of
/// the proxy, because the resolver does not check the addresses of the proxy.
///
/// # Errors
/// When the address is not public.
pub(super) fn before(at: &Url, proxy: Option<&str>) -> Result<(), Refused> {
    let address: IpAddr = match at.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(host)) if proxy.is_some_and(|proxy| is_same_name(proxy, host)) => {
            return Err(Refused { host: host.to_owned(), address: None });
        }
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    match not_public(address) {
        None => Ok(()),
        Some(kind) => Err(Refused { host: address.to_string(), address: Some((address, kind)) }),
    }
}

fn is_same_name(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// Resolves names to their public addresses.
pub(super) struct Guard {
    /// The host name of the proxy. Its addresses need not be public, because the user has configured it.
    proxy: Option<String>,
    /// [`Names`], except in tests.
    lookup: Arc<dyn Resolve>,
}

impl Guard {
    /// `proxy` is the host name of the proxy.
    pub(super) fn new(proxy: Option<String>, names: Names) -> Self {
        Self { proxy, lookup: Arc::new(names) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let exempt = self.proxy.as_ref().is_some_and(|proxy| is_same_name(proxy, &host));
        let found = self.lookup.resolve(name);
        Box::pin(async move {
            let found = found.await?;
            if exempt { Ok(found) } else { Ok(public(&host, found)?) }
        })
    }
}

/// Keeps the public addresses of a name.
///
/// # Errors
/// When there are addresses and none of them is public.
fn public(host: &str, found: Addrs) -> Result<Addrs, Refused> {
    let mut refused = None;
    let kept: Vec<SocketAddr> = found
        .filter(|address| match resolved_not_public(address.ip()) {
            None => true,
            Some(kind) => {
                refused.get_or_insert((address.ip(), kind));
                false
            }
        })
        .collect();
    match refused {
        Some(first) if kept.is_empty() => {
            Err(Refused { host: host.to_owned(), address: Some(first) })
        }
        _ => Ok(Box::new(kept.into_iter())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A resolver that returns prepared answers one after the other, as a name server may do.
    struct Scripted {
        answers: Vec<Vec<IpAddr>>,
        asked: Arc<AtomicUsize>,
    }

    impl Resolve for Scripted {
        fn resolve(&self, _: Name) -> Resolving {
            let n = self.asked.fetch_add(1, Ordering::SeqCst);
            let answer = self.answers[n.min(self.answers.len() - 1)].clone();
            let answer = answer.into_iter().map(|address| SocketAddr::new(address, 0));
            Box::pin(async move { Ok(Box::new(answer) as Addrs) })
        }
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    async fn resolve(proxy: Option<&str>, answer: &[&str]) -> Result<Vec<IpAddr>, String> {
        let lookup = Arc::new(Scripted { answers: vec![addresses(answer)], asked: Arc::default() });
        let guard = Guard { proxy: proxy.map(str::to_owned), lookup };
        match guard.resolve("news.example".parse().unwrap()).await {
            Ok(found) => Ok(found.map(|address| address.ip()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn only_the_public_addresses_of_a_name_are_handed_on() {
        let mixed = &["10.0.0.7", "93.184.215.14", "::1", "2606:4700::1111", "64:ff9b::127.0.0.1"];
        let public = addresses(&["93.184.215.14", "2606:4700::1111"]);
        assert_eq!(resolve(None, mixed).await, Ok(public));
        let refused = "news.example is at 10.0.0.7, which is not public but private";
        assert_eq!(resolve(None, &["10.0.0.7", "::1"]).await, Err(refused.to_owned()));
        assert_eq!(resolve(None, &[]).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn the_proxy_may_be_anywhere() {
        let inside = &["10.0.0.7"];
        assert_eq!(resolve(Some("NEWS.example."), inside).await, Ok(addresses(inside)));
        assert!(resolve(Some("other.example"), inside).await.is_err());
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_is_not_followed_inside() {
        let answers = vec![addresses(&["192.0.2.1"]), addresses(&["127.0.0.1"])];
        let asked = Arc::<AtomicUsize>::default();
        let lookup = Arc::new(Scripted { answers, asked: Arc::clone(&asked) });
        let guard = Guard { proxy: None, lookup };
        let client = reqwest::Client::builder().no_proxy().dns_resolver(guard).build().unwrap();
        for n in 1..=2 {
            assert!(client.get("http://rebind.example:9/").send().await.is_err());
            assert_eq!(asked.load(Ordering::SeqCst), n, "one look-up for each connection");
        }
    }

    #[test]
    fn an_address_in_the_url_is_judged_before_anything_is_sent() {
        for (url, refused) in [
            ("http://127.0.0.1/", Some("the address 127.0.0.1 is not public but loopback")),
            ("http://2130706433:8080/x", Some("the address 127.0.0.1 is not public but loopback")),
            (
                "https://[::ffff:8.8.8.8]/",
                Some("the address ::ffff:8.8.8.8 is not public but an IPv4-mapped form"),
            ),
            ("http://proxy.example/", Some("proxy.example is the proxy itself")),
            ("http://news.example/", None),
            ("http://93.184.215.14/", None),
            ("http://[2606:4700::1111]/", None),
        ] {
            let judged = before(&Url::parse(url).unwrap(), Some("proxy.example."));
            assert_eq!(judged.err().map(|error| error.to_string()).as_deref(), refused, "{url}");
        }
    }
}
