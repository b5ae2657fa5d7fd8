//! Resolves names with the resolver of the operating system, and remembers their addresses for a minute.
//!
//! `getaddrinfo` does not say how long an address is valid, so the time is fixed, as in curl and in browsers. It serves the
//! requests that follow each other: redirects, connections to one host at the same time, a page after its `robots.txt`. The reasons
//! for not reading the DNS ourselves are in docs/decisions/0034.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::fetch::resources::is_exhausted;

/// How long addresses are remembered: the default of curl (`CURLOPT_DNS_CACHE_TIMEOUT`) and Firefox.
const REMEMBERED: Duration = Duration::from_mins(1);

/// The most names that are remembered, some 200 KB.
const MOST_NAMES: usize = 1024;

/// The resolver, and the names that it has resolved of late. A clone shares them.
#[derive(Clone, Default)]
pub(super) struct Names(Arc<Mutex<HashMap<String, Known>>>);

struct Known {
    at: Instant,
    addresses: Vec<SocketAddr>,
}

impl Names {
    /// Forgets a name, because there was no connection to its addresses.
    pub(super) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn find(&self, name: &str, now: Instant) -> Option<Vec<SocketAddr>> {
        let names = self.lock();
        let known = names.get(name)?;
        let is_recent = now.saturating_duration_since(known.at) < REMEMBERED;
        is_recent.then(|| known.addresses.clone())
    }

    fn remember(&self, name: String, addresses: Vec<SocketAddr>, at: Instant) {
        let mut names = self.lock();
        if MOST_NAMES <= names.len() {
            names.retain(|_, known| at.saturating_duration_since(known.at) < REMEMBERED);
        }
        if names.len() < MOST_NAMES {
            names.insert(name, Known { at, addresses });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason why a look-up failed. `getaddrinfo` calls it an unknown name or no network when it cannot open a file or a socket.
fn because_of_files(error: io::Error) -> io::Error {
    match File::open("/dev/null") {
        Err(reason) if is_exhausted(&reason) => reason,
        _ => error,
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let name = name.as_str();
            let addresses = if let Some(addresses) = names.find(name, Instant::now()) {
                addresses
            } else {
                // The connector replaces port 0 by the port of the URL.
                let found = tokio::net::lookup_host((name, 0)).await;
                let found: Vec<_> = found.map_err(because_of_files)?.collect();
                names.remember(name.to_owned(), found.clone(), Instant::now());
                found
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_remembered_for_a_minute_and_until_they_fail() {
        let (names, now) = (Names::default(), Instant::now());
        let addresses = vec!["192.0.2.1:0".parse().unwrap(), "192.0.2.2:0".parse().unwrap()];
        assert_eq!(names.find("a.example", now), None);
        names.remember("a.example".to_owned(), addresses.clone(), now);
        let seconds = |n| now + Duration::from_secs(n);
        assert_eq!(names.find("a.example", seconds(59)), Some(addresses.clone()));
        assert_eq!(names.find("a.example", seconds(60)), None);
        assert_eq!(names.find("b.example", now), None);
        names.remember("b.example".to_owned(), addresses.clone(), now);
        names.forget("a.example");
        assert_eq!(names.find("a.example", now), None);
        assert_eq!(names.find("b.example", now), Some(addresses));
    }

    #[test]
    fn the_number_of_remembered_names_is_bounded() {
        let (names, now) = (Names::default(), Instant::now());
        for n in 0..2 * MOST_NAMES {
            names.remember(format!("{n}.example"), Vec::new(), now);
        }
        assert_eq!(names.lock().len(), MOST_NAMES);
        names.remember("new.example".to_owned(), Vec::new(), now + REMEMBERED);
        assert_eq!(names.lock().len(), 1, "those that are too old make room");
    }

    #[tokio::test]
    async fn a_name_is_resolved_and_then_known() {
        let names = Names::default();
        let mut found = names.resolve("localhost".parse().unwrap()).await.unwrap();
        assert!(found.all(|address| address.ip().is_loopback()));
        let other = "192.0.2.9:0".parse().unwrap();
        names.remember("localhost".to_owned(), vec![other], Instant::now());
        let found = names.resolve("localhost".parse().unwrap()).await.unwrap();
        assert_eq!(found.collect::<Vec<_>>(), [other]);
    }
}
