//! Which articles are wanted: the filters that exports, pages and searches share.

use std::fmt;
use std::str::FromStr;

use crate::domain::article::ArticleId;
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

/// A place in the order [`Order::Newest`]: an article's effective date and sequence number.
///
/// Its text, such as `1724134680.17`, may travel in a link to the next page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Unix seconds.
    pub order_at: i64,
    pub seq: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.order_at, self.seq)
    }
}

/// The text is no [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the list of articles")]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (order_at, seq) = text.split_once('.').ok_or(InvalidPosition)?;
        let number = |text: &str| text.parse().map_err(|_| InvalidPosition);
        Ok(Self { order_at: number(order_at)?, seq: number(seq)? })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        for (order_at, seq) in [(1_724_134_680, 17), (-5, 1), (i64::MIN, i64::MAX)] {
            let position = Position { order_at, seq };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for text in ["", "1", "1.", ".1", "a.b", "1.2.3", "99999999999999999999.1"] {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text}");
        }
    }
}
