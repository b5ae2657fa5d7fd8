//! Reads stories: their articles, their sources and the words that tie them together.

use std::collections::HashSet;

use crate::domain::story::{Reason, Story, StoryArticle};
use crate::domain::time::{Timestamp, from_unix};
use crate::matching::stories::EXPLAINED;
use crate::store::database::{self, Connection, Row};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{self, decode};
use crate::store::sql::duplicates::Publishers;
use crate::store::sql::feed_lookup::FeedRefs;
use crate::store::sql::{future, stories};

/// The characters by which words are compared.
const BEGINNING: usize = 6;

/// What is the same for all stories of a call.
pub(super) struct StoryReader<'c> {
    connection: &'c Connection,
    store_id: &'c str,
    feeds: FeedRefs<'c>,
    /// The condition that an article is not hidden.
    shown: String,
    publishers: Publishers,
}

impl<'c> StoryReader<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        store_id: &'c str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let hidden = future::condition(connection, "a", false, now)?;
        let shown = hidden.map(|condition| format!(" AND {condition}")).unwrap_or_default();
        let (feeds, publishers) = (FeedRefs::new(connection), Publishers::default());
        Ok(Self { connection, store_id, feeds, shown, publishers })
    }

    /// The stories of at least two articles with an article of this date or later: those of most sources first, then those
    /// with the newest article.
    pub(super) fn since(&mut self, since: Timestamp) -> Result<Vec<Story>, StoreError> {
        let action = "list stories";
        let sql = format!(
            "SELECT DISTINCT m.story_id FROM article a CROSS JOIN story_article m
             WHERE m.article_id = a.id AND ?1 <= a.order_at{}
                AND NOT EXISTS (SELECT 1 FROM article_duplicate d WHERE d.article_id = a.id)
                AND EXISTS (SELECT 1 FROM story_article o
                    WHERE o.story_id = m.story_id AND o.article_id <> m.article_id)",
            self.shown
        );
        let mut read = self.connection.prepare_cached(&sql).context(action)?;
        let numbers: Vec<i64> = read
            .query_map([since.timestamp()], |row| row.get(0))
            .and_then(Iterator::collect)
            .context(action)?;
        let mut found = Vec::new();
        for number in numbers {
            let story = self.story(number)?;
            found.push((number, story));
        }
        found.retain(|(_, story)| 1 < story.articles.len());
        found.sort_by_cached_key(|(number, story)| {
            (std::cmp::Reverse((story.sources, story.newest())), *number)
        });
        Ok(found.into_iter().map(|(_, story)| story).collect())
    }

    /// A story by its number. It may have no articles or only one.
    pub(super) fn story(&mut self, number: i64) -> Result<Story, StoreError> {
        let action = "read a story";
        let sql = format!(
            "SELECT a.id, a.feed_id, coalesce(a.title, substr(a.summary, 1, 200)) AS title, a.url, a.language, a.order_at,
                m.reason, m.score, m.shared
             FROM story_article m CROSS JOIN article a
             WHERE a.id = m.article_id AND m.story_id = ?1{}
                AND NOT EXISTS (SELECT 1 FROM article_duplicate d WHERE d.article_id = m.article_id)
             ORDER BY m.article_id",
            self.shown
        );
        let one = |row: &Row<'_>| -> database::Result<(i64, StoryArticle)> {
            let feed: i64 = row.get("feed_id")?;
            let reason: String = row.get("reason")?;
            let article = StoryArticle {
                id: columns::id_of(self.store_id, row.get("id")?),
                feed: self.feeds.of(feed)?,
                title: row.get("title")?,
                url: row.get("url")?,
                language: row.get("language")?,
                at: from_unix(row.get("order_at")?),
                reason: Reason::parse(&reason).unwrap_or(Reason::Similar),
                score: row.get("score")?,
                shared: decode::texts(row.get_ref("shared")?.as_str_or_null()?),
            };
            Ok((feed, article))
        };
        let mut read = self.connection.prepare_cached(&sql).context(action)?;
        let articles: Vec<(i64, StoryArticle)> =
            read.query_map([number], one).and_then(Iterator::collect).context(action)?;
        let mut sources = HashSet::new();
        for (feed, _) in &articles {
            // A feed whose publisher is unknown is one of its own.
            let publisher = self.publishers.of(self.connection, *feed)?;
            sources.insert(publisher.ok_or(*feed));
        }
        let articles: Vec<StoryArticle> =
            articles.into_iter().map(|(_, article)| article).collect();
        Ok(Story {
            id: stories::id_of(self.store_id, number),
            sources: u64::try_from(sources.len()).unwrap_or(u64::MAX),
            words: words(&articles),
            articles,
        })
    }
}

/// The words that tie most articles together. Of words with one beginning, such as a singular and its plural, only the first.
fn words(articles: &[StoryArticle]) -> Vec<String> {
    let mut counted: Vec<(String, &str, usize)> = Vec::new();
    for word in articles.iter().flat_map(|article| &article.shared) {
        let folded: String = word.to_lowercase().chars().take(BEGINNING).collect();
        match counted.iter_mut().find(|(known, _, _)| *known == folded) {
            Some((_, _, count)) => *count += 1,
            None => counted.push((folded, word, 1)),
        }
    }
    counted.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    counted.into_iter().take(EXPLAINED).map(|(_, word, _)| word.to_owned()).collect()
}
