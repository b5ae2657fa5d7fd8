//! Which articles are wanted: the filters that exports, pages and searches share.

use crate::domain::time::{TimeDelta, Timestamp};

/// A moment, or a span back from the moment the query runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    At(Timestamp),
    Ago(TimeDelta),
}

impl When {
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.checked_sub_signed(span).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

/// Articles wanted, newest first. Empty lists and absent bounds ask for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub limit: Option<u64>,
    /// Effective date at or after.
    pub since: Option<When>,
    /// Effective date before.
    pub until: Option<When>,
    /// Names, URLs or ids of feeds; any of them.
    pub feeds: Vec<String>,
    /// Tags of feeds; any of them.
    pub tags: Vec<String>,
}
