//! The host of a feed's address: the unit that request budgets, pauses and `explain` speak of.

use std::fmt;

use url::Url;

/// The host name or IP address in an `http` or `https` address, in lower case; an IPv6 address is in
/// brackets. The port is not part of it: all servers of one machine share its request budget.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(String);

impl Host {
    /// The host that a request to `url` asks; `None` for a file.
    pub fn of(url: &Url) -> Option<Self> {
        let is_http = matches!(url.scheme(), "http" | "https");
        // The parser of `url` has written the host in lower case.
        url.host_str().filter(|_| is_http).map(|host| Self(host.to_owned()))
    }

    /// A host that [`Host::as_str`] gave to the store.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the machine that the program runs on: `localhost` or a loopback address.
    pub fn is_this_machine(&self) -> bool {
        match url::Host::parse(&self.0) {
            Ok(url::Host::Domain(name)) => name == "localhost",
            Ok(url::Host::Ipv4(address)) => address.is_loopback(),
            Ok(url::Host::Ipv6(address)) => address.is_loopback(),
            Err(_) => false,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_name_in_lower_case_without_the_port() {
        for (url, expected, this_machine) in [
            ("https://Example.ORG/feed", Some("example.org"), false),
            ("http://example.org:8080/", Some("example.org"), false),
            ("http://localhost:80/", Some("localhost"), true),
            ("http://127.0.0.7/", Some("127.0.0.7"), true),
            ("http://[::1]:81/", Some("[::1]"), true),
            ("http://10.0.0.1/", Some("10.0.0.1"), false),
            ("file:///feed.xml", None, false),
            ("file://server/feed.xml", None, false),
        ] {
            let host = Host::of(&Url::parse(url).unwrap());
            assert_eq!(host.as_ref().map(Host::as_str), expected, "{url}");
            assert_eq!(host.is_some_and(|host| host.is_this_machine()), this_machine, "{url}");
        }
    }
}
