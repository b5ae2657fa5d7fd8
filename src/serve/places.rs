//! Places that clients share: for connections, for exports that are being sent, and for event streams.
//!
//! As long as a place is free, each client may take it. When all are taken, a client that holds fewer places
//! than its share takes one from the client that holds the most; otherwise the place that has been idle for
//! longest is taken away, first from the same client. So no client keeps others out, and one client alone may
//! use all places.
//!
//! A client is an IP address, because nothing else about a client is certain. `X-Forwarded-For` is ignored,
//! because everybody can write it: behind a proxy all clients are one.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The address that counts as one client: an IPv4 address, or the /64 network of an IPv6 address, of which
/// one machine usually has all addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client(IpAddr);

impl Client {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        })
    }
}

/// A number of places.
pub(super) struct Places {
    limit: usize,
    /// A place that has been idle for this time may be taken away from a client that holds its share.
    patience: Duration,
    holders: Mutex<Vec<Arc<Holder>>>,
}

/// Who holds a place, and since when nothing has happened there.
struct Holder {
    client: Client,
    revoked: Notify,
    activity: Mutex<Activity>,
}

#[derive(Clone, Copy)]
struct Activity {
    is_busy: bool,
    last: Instant,
}

impl Holder {
    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the place waits for its client; `None` while the client waits for us.
    fn idle_since(&self) -> Option<Instant> {
        let activity = self.activity();
        (!activity.is_busy).then_some(activity.last)
    }
}

/// A place that is free again when the value is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    holder: Arc<Holder>,
}

impl Place {
    /// Waits until the place is given to another client. The holder must stop then.
    pub(super) async fn revoked(&self) {
        self.holder.revoked.notified().await;
    }

    /// The client has read or written something.
    pub(super) fn moved(&self) {
        self.holder.activity().last = Instant::now();
    }

    /// While it is busy, the place does not count as idle: the client waits for us.
    pub(super) fn set_busy(&self, is_busy: bool) {
        *self.holder.activity() = Activity { is_busy, last: Instant::now() };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.holders().retain(|other| !Arc::ptr_eq(other, &self.holder));
    }
}

impl Places {
    pub(super) fn new(limit: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self { limit, patience, holders: Mutex::default() })
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Arc<Holder>>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, if necessary from another holder. Returns `None` when all places are in use and the
    /// client holds its share.
    pub(super) fn take(self: &Arc<Self>, client: Client) -> Option<Place> {
        let mut holders = self.holders();
        if self.limit <= holders.len() {
            let victim = victim(&holders, client, self.patience)?;
            holders.swap_remove(victim).revoked.notify_one();
        }
        let activity = Activity { is_busy: false, last: Instant::now() };
        let holder = Holder { client, revoked: Notify::new(), activity: Mutex::new(activity) };
        let holder = Arc::new(holder);
        holders.push(Arc::clone(&holder));
        drop(holders);
        Some(Place { places: Arc::clone(self), holder })
    }
}

/// The index of the holder that has to make room for `client`.
fn victim(holders: &[Arc<Holder>], client: Client, patience: Duration) -> Option<usize> {
    let count = |client: Client| holders.iter().filter(|other| other.client == client).count();
    let own = count(client);
    let idle = |wanted: &dyn Fn(&Holder) -> bool| {
        let idle = holders.iter().enumerate().filter(|(_, holder)| wanted(holder));
        let idle = idle.filter_map(|(n, holder)| Some((holder.idle_since()?, n)));
        idle.filter(|(since, _)| patience <= since.elapsed()).min().map(|(_, n)| n)
    };
    let mut clients: Vec<Client> = Vec::new();
    for holder in holders {
        if !clients.contains(&holder.client) {
            clients.push(holder.client);
        }
    }
    let (most, largest) = clients.iter().map(|&other| (count(other), other)).max_by_key(|x| x.0)?;
    if own + 1 < most {
        // The oldest place, if all of them are busy.
        let of_largest = |holder: &Holder| holder.client == largest;
        return idle(&of_largest).or_else(|| holders.iter().position(|holder| of_largest(holder)));
    }
    idle(&|holder| holder.client == client).or_else(|| idle(&|_| true))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn client(text: &str) -> Client {
        Client::of(text.parse().unwrap())
    }

    fn is_revoked(place: &Place) -> bool {
        place.revoked().now_or_never().is_some()
    }

    #[test]
    fn addresses_of_one_machine_are_one_client() {
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[tokio::test]
    async fn a_client_with_all_places_gives_up_its_share_and_no_more() {
        let places = Places::new(4, Duration::from_mins(1));
        let (a, b) = (client("192.0.2.1"), client("192.0.2.2"));
        let first: Vec<Place> = (0..4).map(|_| places.take(a).unwrap()).collect();
        for place in &first {
            place.set_busy(true);
        }
        assert!(places.take(a).is_none());
        let second: Vec<Place> = (0..2).map(|_| places.take(b).unwrap()).collect();
        assert!(places.take(b).is_none() && places.take(a).is_none());
        assert_eq!(first.iter().filter(|place| is_revoked(place)).count(), 2);
        assert!(!second.iter().any(is_revoked));
        drop(first);
        assert!(places.take(b).is_some());
    }

    #[tokio::test]
    async fn the_place_that_is_idle_for_longest_is_replaced() {
        let places = Places::new(3, Duration::from_millis(100));
        let a = client("192.0.2.1");
        let held: Vec<Place> = (0..3).map(|_| places.take(a).unwrap()).collect();
        held[0].set_busy(true);
        assert!(places.take(a).is_none(), "none is idle for long enough");
        tokio::time::sleep(Duration::from_millis(60)).await;
        held[1].moved();
        tokio::time::sleep(Duration::from_millis(60)).await;
        let _new = places.take(a).unwrap();
        assert_eq!(held.iter().map(is_revoked).collect::<Vec<_>>(), [false, false, true]);
    }
}
