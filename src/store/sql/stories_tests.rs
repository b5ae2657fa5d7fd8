//! Stories in the store: how articles join them, what a restart changes, and what users decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use crate::domain::article::{ArticleId, StoryId};
use crate::domain::feed::{FeedId, FeedSpec, FeedUrl};
use crate::domain::poll::Remembered;
use crate::domain::query::Query;
use crate::domain::story::Story;
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::feed::document::document;
use crate::html::to_text::words_of;
use crate::store::database::{self, Connection};
use crate::store::sql::reading_tests::fresh;
use crate::store::{FeedSync, Prune, PrunedFeeds, Reader, Store, Storing};

/// 2024-08-20T06:18:00Z
const START: i64 = 1_724_134_680;

fn at(minutes: i64) -> Timestamp {
    from_unix(START) + TimeDelta::minutes(minutes)
}

/// The harbour (0, 3, 6, 8) and the library (1, 4, 7), in noise. Each is followed by its text.
const ARTICLES: [(&str, &str); 10] = [
    ("Harbour of Bremen closed after nine metre waves", "Ships wait in the Weser."),
    ("A library that lends tools opens in Leipzig", "Members borrow drills and ladders."),
    ("How to bake bread without a scale", "Flour, water and patience are all that it takes."),
    ("Waves close the harbour of Bremen, boats taken upriver", "Pilots on the Weser help."),
    ("Leipzig gets its first library for tools", "Drills may be kept for a week."),
    ("The best pencils for left-handed people", "Soft lead smears least."),
    ("Bremen harbour stays closed as waves break over wall", "The Weser carries driftwood."),
    ("Tool library in Leipzig looks for helpers", "Ladders need repair, drills too."),
    ("After the waves: harbour in Bremen opens again", "The first ships leave the Weser."),
    ("An old bridge is measured by drones", "Cracks are found by photographs."),
];

struct Home {
    folder: tempfile::TempDir,
    store: Store,
    feeds: Vec<FeedId>,
}

/// Two hosts of each publisher: feeds 0 and 1 belong to one, 2 and 3 to another, and so on.
fn host(feed: usize) -> String {
    let owner = ["one", "two", "three", "four"][feed / 2];
    format!("{}.{owner}.example", if feed.is_multiple_of(2) { "www" } else { "news" })
}

fn item(feed: usize, n: usize, minutes: i64) -> String {
    let (title, text) = ARTICLES[n];
    let (host, date) = (host(feed), at(minutes).to_rfc2822());
    format!(
        "<item><guid>{n}</guid><link>https://{host}/some-article-{n}</link><title>{title}</title>\
         <pubDate>{date}</pubDate><description>{text}</description></item>"
    )
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("x.db")).unwrap();
        let sync = |n: usize| FeedSync {
            spec: Arc::new(FeedSpec {
                url: FeedUrl::parse(&format!("https://{}/feed", host(n))).unwrap(),
                name: Some(format!("f{n}")),
                tags: Vec::new().into(),
                enabled: true,
            }),
            policy: "every 60s".into(),
            address: None,
        };
        let feeds = store.sync_feeds((0..8).map(sync).collect(), at(0)).await.unwrap().ids;
        Self { folder, store, feeds }
    }

    async fn poll(&self, feed: usize, minutes: i64, items: &[String]) {
        let base = Url::parse(&format!("https://{}/feed", host(feed))).unwrap();
        let body = format!(
            "<rss><channel><title>t</title><language>en</language><link>https://{}/</link>{}</channel></rss>",
            host(feed),
            items.concat()
        );
        let read =
            document(body.as_bytes(), &base, None, &Remembered::default(), 2_000, at(minutes));
        let decision = fresh((self.feeds[feed], base.as_str()), at(minutes), read.unwrap());
        let storing =
            Storing { keep_revisions: 2, hide_future: false, full_text: false, leased_until: None };
        self.store.apply(Arc::new(decision), storing).await.unwrap();
    }

    /// Stores all articles, one after the other, in feeds 0 to 7 in turn.
    async fn all(&self) {
        for n in 0..ARTICLES.len() {
            let minutes = i64::try_from(n).unwrap();
            self.poll(n % 8, minutes, &[item(n % 8, n, minutes)]).await;
        }
    }

    /// One batch. Returns whether anything was left.
    async fn advance(&self, limit: usize) -> bool {
        let new = self.reader().new_articles(None, limit, words_of).unwrap();
        !new.is_empty() && self.store.match_articles(new, at(0)).await.unwrap().advanced
    }

    async fn join_all(&self) {
        while self.advance(3).await {}
    }

    fn reader(&self) -> Reader {
        self.store.reader().unwrap()
    }

    /// The numbers in [`ARTICLES`] of the articles of each story of at least two, by the order of their arrival.
    fn stories(&self) -> Vec<Vec<usize>> {
        let mut stories: Vec<Vec<usize>> = self.listed().iter().map(Self::numbers).collect();
        stories.sort();
        stories
    }

    fn numbers(story: &Story) -> Vec<usize> {
        let place = |title: &str| ARTICLES.iter().position(|(known, _)| *known == title).unwrap();
        story.articles.iter().map(|article| place(article.title.as_deref().unwrap())).collect()
    }

    fn listed(&self) -> Vec<Story> {
        self.reader().stories(at(-1), at(0)).unwrap()
    }

    /// The numbers of the articles of a feed, the newest first.
    fn numbers_of(&self, feed: usize) -> Vec<usize> {
        let query = Query { feeds: vec![format!("f{feed}")], ..Query::default() };
        let titles = self.reader().articles(&query, at(0), |rows| {
            rows.map(|row| row.unwrap().title.unwrap()).collect::<Vec<_>>()
        });
        let place = |title: &String| ARTICLES.iter().position(|(known, _)| known == title).unwrap();
        titles.unwrap().iter().map(place).collect()
    }

    /// The id of the article with this number; `None` if it was not stored.
    fn id(&self, n: usize) -> Option<ArticleId> {
        let query = Query { with_duplicates: true, ..Query::default() };
        self.reader()
            .articles(&query, at(0), |rows| {
                rows.map(Result::unwrap)
                    .find(|article| article.title.as_deref() == Some(ARTICLES[n].0))
                    .map(|article| article.id)
            })
            .unwrap()
    }

    /// The id of the article with this number in [`ARTICLES`], and that of its story.
    fn ids(&self, n: usize) -> (ArticleId, Option<StoryId>) {
        let query = Query { with_duplicates: true, ..Query::default() };
        let mut articles = self
            .reader()
            .articles(&query, at(0), |rows| rows.collect::<Result<Vec<_>, _>>())
            .unwrap()
            .unwrap();
        articles.retain(|article| article.title.as_deref() == Some(ARTICLES[n].0));
        let article = articles.pop().unwrap();
        (article.id, article.story.map(|story| story.id))
    }

    /// All that was decided and what later articles are compared with, as rows.
    fn rows(&self) -> Vec<String> {
        let connection = Connection::open(self.folder.path().join("x.db")).unwrap();
        let mut rows = Vec::new();
        for sql in [
            "SELECT article_id, story_id, reason, score, coalesce(shared, '') FROM story_article ORDER BY 1",
            "SELECT article_id, story_id, language, at || ' ' || seen_at, hex(terms)
             FROM open_story_article ORDER BY 1",
        ] {
            let mut read = connection.prepare(sql).unwrap();
            let one = |r: &database::Row<'_>| {
                Ok(format!(
                    "{} {} {} {:?} {}",
                    r.get::<_, i64>(0)?,
                    r.get::<_, i64>(1)?,
                    r.get::<_, String>(2)?,
                    r.get::<_, database::Value>(3)?,
                    r.get::<_, String>(4)?
                ))
            };
            rows.extend(read.query_map([], one).unwrap().map(Result::unwrap));
        }
        rows
    }
}

#[tokio::test]
async fn articles_about_one_event_are_a_story_with_its_sources_and_words() {
    let home = Home::new().await;
    home.all().await;
    home.join_all().await;
    assert_eq!(home.stories(), [vec![0, 3, 6, 8], vec![1, 4, 7]]);
    // Feeds 0, 3, 6 and 0 again; feeds 1, 4 and 7. The library has the older news, but as many sources.
    let listed = home.listed();
    assert_eq!(listed.iter().map(|story| story.sources).collect::<Vec<_>>(), [3, 3]);
    assert_eq!(Home::numbers(&listed[0]), [0, 3, 6, 8], "the newest development is first");
    assert!(listed[0].words.contains(&"Bremen".to_owned()), "{:?}", listed[0].words);
    assert!((2..=5).contains(&listed[0].words.len()));
    let (_, story) = home.ids(6);
    assert_eq!(story.as_ref(), Some(&listed[0].id));
    assert_eq!(home.ids(2).1, None, "an article that is alone has no story");
    let query = Query { stories: vec![listed[1].id.clone()], ..Query::default() };
    let found = home.reader().ids(&query, at(0)).unwrap();
    assert_eq!(found, [7, 4, 1].map(|n| home.ids(n).0));
}

#[tokio::test]
async fn two_feeds_of_one_publisher_are_one_source() {
    let home = Home::new().await;
    home.poll(0, 0, &[item(0, 0, 0)]).await;
    home.poll(1, 1, &[item(1, 3, 1)]).await;
    home.poll(2, 2, &[item(2, 1, 2)]).await;
    home.poll(4, 3, &[item(4, 4, 3)]).await;
    home.poll(1, 4, &[item(1, 3, 1), item(1, 6, 4)]).await;
    home.join_all().await;
    let listed: Vec<(u64, usize)> =
        home.listed().iter().map(|story| (story.sources, story.articles.len())).collect();
    assert_eq!(listed, [(2, 2), (1, 3)], "sources decide the order, not articles");
}

#[tokio::test]
async fn one_article_of_each_story_is_the_first_unless_all_are_of_one_feed() {
    let home = Home::new().await;
    for (minutes, (feed, n)) in (0..).zip([(0, 0), (2, 3), (0, 6), (4, 1), (4, 4), (6, 2)]) {
        let known = home.numbers_of(feed);
        let items: Vec<String> =
            [n].into_iter().chain(known).map(|n| item(feed, n, minutes)).collect();
        home.poll(feed, minutes, &items).await;
    }
    home.join_all().await;
    let shown = |query: Query| {
        let query = Query { one_of_each_story: true, ..query };
        let ids = home.reader().ids(&query, at(0)).unwrap();
        let mut numbers: Vec<usize> = (0..ARTICLES.len())
            .filter(|n| home.id(*n).is_some_and(|id| ids.contains(&id)))
            .collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(shown(Query::default()), [0, 1, 2, 4], "the library is a series of one feed");
    let of = |feeds: &[usize]| Query {
        feeds: feeds.iter().map(|feed| format!("f{feed}")).collect(),
        ..Query::default()
    };
    assert_eq!(shown(of(&[2])), [3], "the first is of another feed");
    assert_eq!(shown(of(&[0])), [0, 6]);
    assert_eq!(shown(of(&[0, 2])), [0]);
}

#[tokio::test]
async fn a_duplicate_is_in_the_story_of_its_original_and_counts_nowhere() {
    let home = Home::new().await;
    let agency = (0..60).map(|n| format!("passage{n}")).collect::<Vec<_>>().join(" ");
    let printed = |feed: usize| item(feed, 3, 1).replace("help.", &agency);
    home.poll(0, 0, &[item(0, 0, 0)]).await;
    home.poll(2, 1, &[printed(2)]).await;
    home.poll(4, 2, &[printed(4)]).await;
    home.poll(6, 3, &[printed(6)]).await;
    home.join_all().await;
    assert_eq!(home.reader().merges(None).unwrap().len(), 2);
    let story = home.listed().pop().unwrap();
    assert_eq!((story.sources, story.articles.len()), (2, 2));
    let merges = home.reader().merges(None).unwrap();
    let article = home.reader().article(&merges[0].duplicate.id).unwrap().unwrap();
    assert_eq!(article.story.map(|of| (of.id, of.size)), Some((story.id.clone(), 2)));
    // The story of an article and its duplicates alone is no event for readers, but programs see that they belong together.
    let alone = home.ids(0);
    home.store.split_story(vec![alone.0]).await.unwrap();
    assert_eq!(home.listed(), []);
    let original = home.reader().article(&merges[0].original.id).unwrap().unwrap();
    assert_eq!(original.story.map(|of| (of.id, of.size)), Some((story.id.clone(), 1)));
    let apart = home.reader().article(&home.ids(0).0).unwrap().unwrap();
    assert_eq!(apart.story, None);
    // An article of its own again, it is another source of the story.
    assert!(home.store.undo_merge(merges[0].duplicate.id.clone()).await.unwrap());
    let story = home.listed().pop().unwrap();
    assert_eq!((story.sources, story.articles.len()), (2, 2));
}

#[tokio::test]
async fn a_restart_in_any_place_and_two_processes_in_turns_change_nothing() {
    let whole = Home::new().await;
    whole.all().await;
    whole.join_all().await;
    for limit in 1..5 {
        let home = Home::new().await;
        home.all().await;
        // Each batch in a process of its own.
        while {
            let another = Home { store: Store::open(home.store.path()).unwrap(), ..empty(&home) };
            another.advance(limit).await
        } {}
        assert_eq!(home.rows(), whole.rows(), "{limit}");
        // Two processes that both stay.
        let home = Home::new().await;
        home.all().await;
        let other = Home { store: Store::open(home.store.path()).unwrap(), ..empty(&home) };
        while home.advance(limit).await && other.advance(1).await {}
        assert_eq!(home.rows(), whole.rows(), "in turns, {limit}");
    }
}

fn empty(of: &Home) -> Home {
    Home { folder: tempfile::tempdir().unwrap(), store: of.store.clone(), feeds: of.feeds.clone() }
}

#[tokio::test]
async fn a_batch_that_another_process_has_decided_is_not_decided_twice() {
    let home = Home::new().await;
    home.all().await;
    let both = [home.reader(), home.reader()]
        .map(|reader| reader.new_articles(None, 4, words_of).unwrap());
    for new in both {
        home.store.match_articles(new, at(0)).await.unwrap();
    }
    home.join_all().await;
    assert_eq!(home.stories(), [vec![0, 3, 6, 8], vec![1, 4, 7]]);
    assert_eq!(home.rows().len(), 2 * ARTICLES.len());
}

#[tokio::test]
async fn what_a_user_splits_stays_apart_from_later_articles_and_what_a_user_merges_together() {
    let home = Home::new().await;
    for n in [0, 1, 2, 3, 4] {
        home.poll(n % 8, 0, &[item(n % 8, n, 0)]).await;
    }
    home.join_all().await;
    let (article, story) = home.ids(3);
    let apart = home.store.split_story(vec![article.clone()]).await.unwrap();
    assert_eq!(home.stories(), [[1, 4]]);
    assert_eq!(home.ids(3).1, None, "it is alone");
    assert_eq!(home.reader().story(&apart, at(0)).unwrap().unwrap().articles.len(), 1);
    home.poll(6, 1, &[item(6, 6, 1)]).await;
    home.join_all().await;
    assert_eq!(home.stories().len(), 2, "a later article joins one of both");
    // Merged again, under the id of the first that is named.
    let story = story.unwrap();
    assert!(home.store.merge_stories(story.clone(), apart.clone()).await.unwrap());
    assert_eq!(home.stories(), [vec![0, 3, 6], vec![1, 4]]);
    assert_eq!(
        home.reader().story_id(&apart).unwrap(),
        Some(story.clone()),
        "the old id leads there"
    );
    assert!(!home.store.merge_stories(story.clone(), apart.clone()).await.unwrap());
    // Two stories that nobody else takes for one.
    let library = home.ids(1).1.unwrap();
    assert!(home.store.merge_stories(library.clone(), story.clone()).await.unwrap());
    home.poll(0, 2, &[item(0, 8, 2), item(0, 7, 2)]).await;
    home.join_all().await;
    assert_eq!(home.stories(), [[0, 1, 3, 4, 6, 7, 8]]);
    for old in [&story, &apart, &library] {
        assert_eq!(home.reader().story_id(old).unwrap(), Some(library.clone()));
    }
    let unknown = StoryId("ffff".to_owned());
    assert!(!home.store.merge_stories(library, unknown.clone()).await.unwrap());
    assert_eq!(home.reader().story_id(&unknown).unwrap(), None);
    assert_eq!(home.reader().check().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_story_survives_the_removal_of_its_first_article() {
    let home = Home::new().await;
    home.poll(0, 0, &[item(0, 0, 0)]).await;
    home.poll(2, 1, &[item(2, 3, 1)]).await;
    home.poll(4, 1, &[item(4, 6, 1)]).await;
    home.join_all().await;
    let before = home.ids(3).1;
    home.poll(0, 2, &[item(0, 2, 2)]).await;
    let batch = Prune {
        feeds: PrunedFeeds::Only(vec![format!("https://{}/feed", host(0))]),
        before: at(1),
        after: None,
        limit: 100,
    };
    assert_eq!(home.store.prune(batch, at(2)).await.unwrap().articles, 1);
    assert_eq!(home.stories(), [[3, 6]]);
    home.poll(6, 3, &[item(6, 8, 3)]).await;
    home.join_all().await;
    assert_eq!(home.stories(), [[3, 6, 8]]);
    assert_eq!(home.ids(8).1, before);
    assert_eq!(home.reader().check().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn closed_stories_leave_what_later_articles_are_compared_with() {
    let home = Home::new().await;
    home.all().await;
    home.join_all().await;
    let week = 7 * 24 * 60;
    home.poll(0, week, &[item(0, 0, week).replace("<guid>0", "<guid>new")]).await;
    home.join_all().await;
    let mut open: BTreeMap<bool, usize> = BTreeMap::new();
    for row in home.rows() {
        *open.entry(row.starts_with("11 ")).or_default() += 1;
    }
    assert_eq!(open.get(&false), Some(&ARTICLES.len()), "only the decisions are left");
    assert_eq!(home.stories(), [vec![0, 3, 6, 8], vec![1, 4, 7]]);
}
