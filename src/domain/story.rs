//! Stories: the articles about one event.

use std::sync::Arc;

use crate::domain::article::{ArticleId, StoryId};
use crate::domain::feed::FeedRef;
use crate::domain::named_enum::named_enum;
use crate::domain::time::Timestamp;

named_enum! {
    /// Why an article is in its story.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Reason {
        /// It is the first article of the story.
        First = "first",
        /// It is similar to the other articles.
        Similar = "similar",
        /// It is a duplicate of one of them.
        Duplicate = "duplicate",
        /// A user has put it there.
        ByHand = "by_hand",
    }
}

/// A story of at least two articles that are no duplicates.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    pub id: StoryId,
    /// The number of independent publishers. Two feeds of one publisher count once, and duplicates do not count.
    pub sources: u64,
    /// The words that tie the articles together, those of most articles first.
    pub words: Vec<String>,
    /// The articles without duplicates, in the order of their arrival.
    pub articles: Vec<StoryArticle>,
}

/// What is shown of an article in a list of stories.
#[derive(Clone, Debug, PartialEq)]
pub struct StoryArticle {
    pub id: ArticleId,
    pub feed: Arc<FeedRef>,
    pub title: Option<String>,
    pub url: Option<String>,
    pub language: Option<String>,
    /// The effective date.
    pub at: Timestamp,
    pub reason: Reason,
    /// The similarity to the articles before it, 0 to 1.
    pub score: f64,
    /// The words of the article that tie it to the story.
    pub shared: Vec<String>,
}

impl Story {
    /// The date of the newest article.
    pub fn newest(&self) -> Timestamp {
        self.articles.iter().map(|article| article.at).max().unwrap_or_default()
    }
}
