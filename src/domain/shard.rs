//! The shards of hosts, of which each is polled by one worker at a time.

use xxhash_rust::xxh3::xxh3_64;

use crate::domain::feed::FeedId;
use crate::domain::host::Host;

/// The number of shards.
pub const SHARDS: usize = 256;

/// A part of all hosts. All workers compute the same shard of a host, so that one worker alone sends requests to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u8);

impl Shard {
    /// The shard of a feed: that of the host that its next poll requests. A feed without one, which is a file, has a shard of its
    /// own.
    pub fn of(host: Option<&Host>, feed: FeedId) -> Self {
        host.map_or_else(|| Self(feed.0.to_le_bytes()[0]), Self::of_host)
    }

    pub fn of_host(host: &Host) -> Self {
        Self(xxh3_64(host.as_str().as_bytes()).to_le_bytes()[0])
    }

    /// The shard as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardSet([bool; SHARDS]);

impl Default for ShardSet {
    fn default() -> Self {
        Self([false; SHARDS])
    }
}

impl ShardSet {
    pub fn contains(&self, shard: Shard) -> bool {
        self.0.get(shard.index()).is_some_and(|is_in| *is_in)
    }

    pub fn insert(&mut self, shard: Shard) {
        if let Some(is_in) = self.0.get_mut(shard.index()) {
            *is_in = true;
        }
    }
}

impl FromIterator<Shard> for ShardSet {
    fn from_iter<I: IntoIterator<Item = Shard>>(shards: I) -> Self {
        let mut set = Self::default();
        shards.into_iter().for_each(|shard| set.insert(shard));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change would let two versions of the program poll one host.
    #[test]
    fn the_shard_of_a_host_never_changes() {
        let of = |name: &str| Shard::of_host(&Host::stored(name.to_owned()));
        assert_eq!([of("a.example"), of("b.example")], [of("a.example"), of("b.example")]);
        assert_eq!(Shard::of(None, FeedId(258)), Shard(2));
        let set: ShardSet = [Shard(0), Shard(255)].into_iter().collect();
        assert!(set.contains(Shard(255)) && !set.contains(Shard(254)));
    }
}
