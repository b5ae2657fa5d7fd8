//! Which articles are wanted: the filters that exports, pages and searches share.

use crate::domain::article::{ArticleId, Position};
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

/// Articles wanted. Empty lists and absent bounds ask for everything.
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
    /// BCP 47; any of them. `de` is also `de-AT`: basic filtering, RFC 4647 section 3.3.1.
    pub languages: Vec<String>,
    /// Parts of authors' names; any of them. Letter case and diacritics make no difference.
    pub authors: Vec<String>,
    /// Words in title or text.
    pub search: Option<Search>,
    /// These articles; any of them. Empty: all.
    pub ids: Vec<ArticleId>,
    /// Only what is new or edited since this sequence number.
    pub after_seq: Option<i64>,
    /// Only what has not been edited after this sequence number.
    pub up_to_seq: Option<i64>,
    /// Only what comes after this place in the order [`Order::Newest`]: the next page.
    pub before: Option<Position>,
    pub order: Order,
}

/// In which order articles come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By effective date, then sequence number, newest first.
    #[default]
    Newest,
    /// By sequence number, oldest change first: for those who follow what happens.
    Sequence,
    /// The best hits of the search first, among its newest ones; without a search as `Newest`.
    Relevance,
}

/// What to look for in titles and texts: all of `wanted`, none of `unwanted`. `search::query` reads it
/// from what a user typed; `wanted` is never empty there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    pub wanted: Vec<Term>,
    pub unwanted: Vec<Term>,
}

/// A word or a phrase, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub text: String,
    /// Whether the last word may go on.
    pub prefix: bool,
}
