//! Queries for articles: the filters that exports, pages and searches share.

use crate::domain::article::{ArticleId, Position, StoryId};
use crate::domain::time::{TimeDelta, Timestamp};

/// A time, or a duration before the time of the query.
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

/// A query for articles. An empty list or an absent bound restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub limit: Option<u64>,
    /// The effective date is at or after this.
    pub since: Option<When>,
    /// The effective date is before this.
    pub until: Option<When>,
    /// It arrived at or after this, whatever its date is.
    pub seen_since: Option<When>,
    /// Names, URLs or ids of feeds; an article is of at least one of them.
    pub feeds: Vec<String>,
    /// Tags of feeds; the feed of an article has at least one of them.
    pub tags: Vec<String>,
    /// Languages (BCP 47), of which an article has one. `de` includes `de-AT`: basic filtering, RFC 4647
    /// section 3.3.1.
    pub languages: Vec<String>,
    /// Parts of authors' names, of which an article has at least one. Letter case and diacritics are ignored.
    pub authors: Vec<String>,
    /// Words in title or text.
    pub search: Option<Search>,
    /// Ids of stories, or what stands behind their dashes; an article is in one of them.
    pub stories: Vec<StoryId>,
    /// Also articles that another feed had before.
    pub with_duplicates: bool,
    /// Of changes, also that another feed brought a known article, as an edit of it.
    pub sightings: bool,
    /// Of each story only the article that arrived first, among those that all other filters but `before` choose; all, if
    /// they are of one feed.
    pub one_of_each_story: bool,
    /// The ids of articles that were chosen before: nothing that is hidden by default is left out.
    pub ids: Vec<ArticleId>,
    /// The ids of articles among which the other filters choose.
    pub among: Vec<ArticleId>,
    /// Only articles that are new or edited after this sequence number.
    pub after_seq: Option<i64>,
    /// Only articles that were not edited after this sequence number.
    pub up_to_seq: Option<i64>,
    /// Only articles after this place in the order [`Order::Newest`]: the next page.
    pub before: Option<Position>,
    pub order: Order,
}

/// The order of articles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By effective date, then sequence number, newest first.
    #[default]
    Newest,
    /// By sequence number, oldest change first: for consumers.
    Sequence,
    /// The best of the newest hits of the search first; without a search as `Newest`.
    Relevance,
}

/// A full-text search in titles and texts: all of `wanted` and none of `unwanted` occur. `search::query` parses
/// it from the text of a user; `wanted` is never empty then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    pub wanted: Vec<Term>,
    pub unwanted: Vec<Term>,
}

/// A word or a phrase, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub text: String,
    /// Whether the last word is a prefix.
    pub prefix: bool,
}
