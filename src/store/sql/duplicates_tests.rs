//! Several feeds with the same articles: which are found to be the same, in which order, and what readers see.

use std::fmt::Write as _;
use std::sync::Arc;

use url::Url;

use crate::domain::article::{Article, ArticleId, Change, Merge};
use crate::domain::feed::{FeedId, FeedSpec, FeedUrl};
use crate::domain::poll::Remembered;
use crate::domain::query::{Order, Query, When};
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::feed::document::document;
use crate::html::to_text::html_to_text;
use crate::store::database::{self, Connection};
use crate::store::sql::reading_tests::fresh;
use crate::store::{FeedSync, Prune, PrunedFeeds, Reader, Store, Storing};

/// 2024-08-20T06:18:00Z
const START: i64 = 1_724_134_680;

pub(super) struct Home {
    folder: tempfile::TempDir,
    store: Store,
    feeds: Vec<FeedId>,
    /// The host of each feed.
    hosts: Vec<String>,
}

pub(super) fn at(minutes: i64) -> Timestamp {
    from_unix(START) + TimeDelta::minutes(minutes)
}

/// Looks for duplicates among some articles. Returns whether any were left.
async fn decide(store: &Store, limit: usize) -> bool {
    let new = store.reader().unwrap().new_articles(None, limit, html_to_text).unwrap();
    !new.is_empty() && store.match_articles(new, at(0)).await.unwrap().advanced
}

/// The host of a feed that has one of its own.
pub(super) fn host(feed: usize) -> String {
    ["one", "two", "three", "four", "five"]
        .get(feed)
        .map_or_else(|| format!("more{feed}.example"), |name| format!("{name}.example"))
}

impl Home {
    /// Feeds of different publishers. The first has the tag `a`, all others `b`.
    async fn new(feeds: usize) -> Self {
        Self::on((0..feeds).map(host).collect()).await
    }

    /// Feeds on these hosts.
    pub(super) async fn on(hosts: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("x.db")).unwrap();
        let sync = |n: usize| FeedSync {
            spec: Arc::new(FeedSpec {
                url: FeedUrl::parse(&format!("https://{}/feed{n}", hosts[n])).unwrap(),
                name: Some(format!("feed {n}")),
                tags: vec![if n == 0 { "a" } else { "b" }.to_owned()].into(),
                enabled: true,
            }),
            policy: "every 60s".into(),
            address: None,
        };
        let specs = (0..hosts.len()).map(sync).collect();
        let feeds = store.sync_feeds(specs, at(0)).await.unwrap().ids;
        Self { folder, store, feeds, hosts }
    }

    /// Stores a document of these items, the newest first.
    async fn poll(&self, feed: usize, minutes: i64, items: &[String]) {
        let host = &self.hosts[feed];
        let base = Url::parse(&format!("https://{host}/feed{feed}")).unwrap();
        let body = format!(
            "<rss><channel><title>t</title><link>https://{host}/</link>{}</channel></rss>",
            items.concat()
        );
        let read =
            document(body.as_bytes(), &base, None, &Remembered::default(), 2_000, at(minutes));
        let decision = fresh((self.feeds[feed], base.as_str()), at(minutes), read.unwrap());
        let storing =
            Storing { keep_revisions: 2, hide_future: false, full_text: false, leased_until: None };
        self.store.apply(Arc::new(decision), storing).await.unwrap();
    }

    /// Looks for all duplicates, a few articles at a time.
    async fn match_all(&self) {
        while decide(&self.store, 2).await {}
    }

    pub(super) async fn poll_and_match(&self, feed: usize, minutes: i64, items: &[String]) {
        self.poll(feed, minutes, items).await;
        decide(&self.store, 1_000).await;
    }

    fn reader(&self) -> Reader {
        self.store.reader().unwrap()
    }

    pub(super) fn articles(&self, query: &Query) -> Vec<Article> {
        let all =
            |rows: &mut dyn Iterator<Item = Result<Article, _>>| rows.map(Result::unwrap).collect();
        self.reader().articles(query, at(0), all).unwrap()
    }

    /// The articles in the order of their arrival, as `feed: title [the other feeds]`.
    #[track_caller]
    fn shown(&self, query: &Query) -> Vec<String> {
        let mut articles = self.articles(query);
        articles.sort_by_key(|article| article.first_seen);
        let line = |article: &Article| {
            let mut line =
                format!("{}: {}", article.feed.name, article.title.as_deref().unwrap_or("-"));
            if !article.also_in.is_empty() {
                write!(line, " [{}]", article.also_in.join(", ")).unwrap();
            }
            if article.duplicate_of.is_some() {
                line += " =";
            }
            line
        };
        articles.iter().map(line).collect()
    }

    fn heard(&self, after: i64) -> Vec<String> {
        let query = Query { after_seq: Some(after), ..Query::default() };
        self.heard_of(&query)
    }

    fn heard_of(&self, query: &Query) -> Vec<String> {
        let told = |change: Change| match change {
            Change::New(article) => format!("+{}", article.feed.name),
            Change::Edited(article) => format!("*{}", article.feed.name),
            Change::Removed(removal) => format!("-{}", removal.feed.name),
        };
        let changes = self
            .reader()
            .changes(query, at(0), |changes| changes.map(|change| told(change.unwrap())).collect());
        changes.unwrap()
    }

    fn merges(&self) -> Vec<Merge> {
        self.reader().merges(None).unwrap()
    }

    /// All that was decided, as rows.
    fn decisions(&self) -> Vec<(i64, i64, String)> {
        let connection = Connection::open(self.folder.path().join("x.db")).unwrap();
        let mut read = connection
            .prepare("SELECT article_id, original_id, reason FROM article_duplicate ORDER BY 1")
            .unwrap();
        let one = |r: &database::Row<'_>| Ok((r.get(0)?, r.get(1)?, r.get(2)?));
        read.query_map([], one).unwrap().collect::<Result<_, _>>().unwrap()
    }

    async fn remove_before(&self, minutes: i64, feed: usize) {
        let url = format!("https://{}/feed{feed}", self.hosts[feed]);
        let batch = Prune {
            feeds: PrunedFeeds::Only(vec![url]),
            before: at(minutes),
            after: None,
            limit: 100,
        };
        self.store.prune(batch, at(minutes)).await.unwrap();
    }
}

/// Words that another number has none of in this order.
pub(super) fn prose(seed: usize, words: usize) -> String {
    const SYLLABLES: [&str; 12] =
        ["ba", "de", "fi", "go", "ha", "ke", "li", "mo", "nu", "pa", "re", "si"];
    let word = |n: usize| {
        let mut left = xxhash_rust::xxh3::xxh3_64(&(seed * 10_007 + n).to_le_bytes());
        let mut word = String::new();
        for _ in 0..3 {
            word += SYLLABLES[usize::try_from(left % 12).unwrap()];
            left /= 12;
        }
        word
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

/// An item of a feed on its own site. `story` decides title and text.
fn item(feed: usize, story: usize, minutes: i64) -> String {
    let text = format!("<p>{}</p>", prose(story, 80));
    item_with(feed, story, minutes, &title(story), &text)
}

fn title(story: usize) -> String {
    format!("The {} closes", prose(story + 1_000, 4))
}

fn item_with(feed: usize, story: usize, minutes: i64, title: &str, html: &str) -> String {
    let (host, date) = (host(feed), at(minutes).to_rfc2822());
    format!(
        "<item><guid>{story}</guid><link>https://{host}/2024/some-story-{story}</link><title>{title}</title>\
         <pubDate>{date}</pubDate><description><![CDATA[{html}]]></description></item>"
    )
}

#[tokio::test]
async fn an_article_of_several_feeds_is_shown_once_with_their_names() {
    let home = Home::new(3).await;
    home.poll_and_match(0, 1, &[item(0, 1, 0)]).await;
    home.poll_and_match(1, 2, &[item(1, 1, 1), item(1, 2, 0)]).await;
    home.poll_and_match(2, 3, &[item(2, 1, 2)]).await;
    let (one, two) = (title(1), title(2));
    let all = Query::default();
    assert_eq!(
        home.shown(&all),
        [format!("feed 0: {one} [feed 1, feed 2]"), format!("feed 1: {two}")]
    );
    let with_duplicates = Query { with_duplicates: true, ..Query::default() };
    assert_eq!(
        home.shown(&with_duplicates),
        [
            format!("feed 0: {one} [feed 1, feed 2]"),
            format!("feed 1: {one} ="),
            format!("feed 1: {two}"),
            format!("feed 2: {one} ="),
        ]
    );
    let original = home.articles(&all).into_iter().find(|a| !a.also_in.is_empty()).unwrap().id;
    for article in home.articles(&with_duplicates) {
        let sightings = home.reader().sightings(&article.id).unwrap();
        let is_same = article.id == original || article.duplicate_of.as_ref() == Some(&original);
        assert_eq!(sightings.len(), if is_same { 3 } else { 1 });
        let alone = home.reader().article(&article.id).unwrap().unwrap();
        assert_eq!(alone.also_in.len(), if is_same { 2 } else { 0 });
    }
    assert_eq!(home.heard(0).len(), 2, "no duplicate is announced");
    assert_eq!(home.merges().len(), 2);
    assert!(home.merges().iter().all(|merge| merge.original.id == original));
}

/// A reader of one feed wants its article, although another feed had it first.
#[tokio::test]
async fn a_batch_that_was_read_ahead_is_decided_only_behind_the_one_before_it() {
    let home = Home::new(2).await;
    for (feed, stories) in [(0, [1, 2, 3]), (1, [2, 3, 4])] {
        home.poll(feed, 1, &stories.map(|story| item(feed, story, 0))).await;
    }
    let reader = home.reader();
    let read = |after: Option<i64>| reader.new_articles(after, 2, html_to_text).unwrap();
    let first = read(None);
    let second = read(Some(first.up_to()));
    let third = read(Some(second.up_to()));
    let (up_to_first, up_to_second, last) = (first.up_to(), second.up_to(), third.up_to());
    assert!(up_to_first < up_to_second && up_to_second < last);
    let early = home.store.match_articles(read(Some(up_to_first)), at(0)).await.unwrap();
    assert_eq!(
        (early.up_to, early.has_more),
        (0, true),
        "nothing is decided before the first batch"
    );
    let decided = home.store.match_articles(first, at(0)).await.unwrap();
    assert_eq!(decided.up_to, up_to_first);
    let decided = home.store.match_articles(second, at(0)).await.unwrap();
    assert_eq!(decided.up_to, up_to_second);
    home.match_all().await; // As another process does.
    let late = home.store.match_articles(third, at(0)).await.unwrap();
    assert_eq!((late.up_to, late.has_more), (last, true), "it is known how far the other has come");
    assert_eq!(home.merges().len(), 2, "each duplicate is found once");
}

#[tokio::test]
async fn an_edit_is_listed_once_also_if_a_duplicate_was_edited_too() {
    let home = Home::new(2).await;
    for (feed, minutes) in [(0, 1), (1, 2)] {
        home.poll_and_match(feed, minutes, &[item(feed, 1, 0)]).await;
    }
    for (feed, minutes) in [(0, 61), (1, 62)] {
        let text = format!("<p>{} Everybody was saved.</p>", prose(1, 80));
        let edited = item_with(feed, 1, 0, &format!("{} for good", title(1)), &text);
        home.poll_and_match(feed, minutes, &[edited]).await;
    }
    let edits = |query: &Query| {
        let reader = home.reader();
        let keys = reader.edit_keys(query, at(100)).unwrap();
        let edited =
            keys.iter().map(|key| reader.edit(key).unwrap().unwrap().article.feed.name.clone());
        edited.collect::<Vec<_>>()
    };
    assert_eq!(edits(&Query::default()), ["feed 0"]);
    assert_eq!(edits(&Query { feeds: vec!["feed 1".to_owned()], ..Query::default() }), ["feed 1"]);
    let all = Query { with_duplicates: true, ..Query::default() };
    assert_eq!(edits(&all), ["feed 1", "feed 0"]);
}

#[tokio::test]
async fn an_original_that_the_filters_leave_out_does_not_stand_for_its_duplicate() {
    let home = Home::new(3).await;
    for feed in 0..3 {
        home.poll_and_match(feed, 10 + i64::try_from(feed).unwrap(), &[item(feed, 1, 5)]).await;
    }
    let feeds = |names: &[&str]| Query {
        feeds: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Query::default()
    };
    for (name, query, expected) in [
        ("all", Query::default(), &["feed 0"][..]),
        ("the feed of the original", feeds(&["feed 0"]), &["feed 0"]),
        ("another feed", feeds(&["feed 1"]), &["feed 1"]),
        ("two other feeds", feeds(&["feed 1", "feed 2"]), &["feed 1"]),
        ("original and duplicate", feeds(&["feed 0", "feed 2"]), &["feed 0"]),
        ("tag", Query { tags: vec!["b".to_owned()], ..Query::default() }, &["feed 1"]),
        (
            "arrived after the original",
            Query { seen_since: Some(When::At(at(11))), ..Query::default() },
            &[],
        ),
        (
            "all duplicates",
            Query { with_duplicates: true, ..feeds(&["feed 1", "feed 2"]) },
            &["feed 1", "feed 2"],
        ),
    ] {
        let found: Vec<String> = home
            .shown(&query)
            .iter()
            .map(|line| line.split(':').next().unwrap().to_owned())
            .collect();
        assert_eq!(found, expected, "{name}");
        let heard = home.heard_of(&Query { after_seq: Some(0), ..query.clone() });
        let expected: Vec<String> = expected.iter().map(|feed| format!("+{feed}")).collect();
        assert_eq!(heard, expected, "{name}, as a consumer");
    }
}

#[tokio::test]
async fn a_search_finds_a_duplicate_that_has_words_the_original_lacks() {
    let home = Home::new(2).await;
    home.poll_and_match(0, 1, &[item(0, 1, 0)]).await;
    let text = format!("<p>{} Said our reporter Zylberstein.</p>", prose(1, 80));
    home.poll_and_match(1, 2, &[item_with(1, 1, 0, &title(1), &text)]).await;
    assert_eq!(home.merges().len(), 1);
    while home.store.index_text(10, html_to_text).await.unwrap() != 0 {}
    for (words, feed) in [("zylberstein", "feed 1"), ("closes", "feed 0")] {
        let search = Some(crate::search::query::parse(words).unwrap());
        let found = home.articles(&Query { search, ..Query::default() });
        let feeds: Vec<&str> = found.iter().map(|article| &*article.feed.name).collect();
        assert_eq!(feeds, [feed], "{words}");
    }
}

/// Consumers read in the order of sequence numbers. What is not decided yet is not announced.
#[tokio::test]
async fn nobody_hears_of_an_article_before_it_is_decided_of() {
    let home = Home::new(2).await;
    home.poll(0, 1, &[item(0, 1, 1), item(0, 2, 0)]).await;
    assert_eq!(home.heard(0), [""; 0]);
    assert!(home.reader().is_unmatched().unwrap());
    assert!(decide(&home.store, 1).await);
    assert_eq!(home.heard(0), ["+feed 0"]);
    home.poll(1, 2, &[item(1, 1, 1), item(1, 3, 0)]).await;
    // The article that was not compared yet is edited meanwhile.
    let edited = item_with(0, 1, 1, "Another headline for all", &prose(1, 80));
    home.poll(0, 3, &[edited, item(0, 2, 0)]).await;
    assert_eq!(home.heard(0), ["+feed 0"]);
    home.match_all().await;
    assert_eq!(home.heard(0), ["+feed 0", "+feed 1", "+feed 0"]);
    assert_eq!(home.merges().len(), 1);
    assert!(!home.reader().is_unmatched().unwrap());
    home.poll(0, 4, &[item_with(0, 1, 1, "A headline for a last time", &prose(1, 80))]).await;
    home.match_all().await;
    assert_eq!(home.heard(5), ["*feed 0"], "an edit of the original");
    let seq = home.reader().sequence().unwrap();
    home.poll(1, 5, &[item_with(1, 1, 0, "An edited duplicate of it", &prose(1, 80))]).await;
    home.match_all().await;
    assert_eq!(home.heard(seq), [""; 0], "an edit of the duplicate");
}

#[tokio::test]
async fn an_undone_merge_stays_undone_and_consumers_hear_of_the_article() {
    let home = Home::new(3).await;
    home.poll_and_match(0, 1, &[item(0, 1, 0)]).await;
    home.poll_and_match(1, 2, &[item(1, 1, 0)]).await;
    let seq = home.reader().sequence().unwrap();
    let merge = home.merges().remove(0);
    assert!(home.store.undo_merge(merge.duplicate.id.clone()).await.unwrap());
    assert!(!home.store.undo_merge(merge.duplicate.id.clone()).await.unwrap(), "once");
    assert!(!home.store.undo_merge(ArticleId("x-1".to_owned())).await.unwrap());
    home.match_all().await;
    assert_eq!(home.heard(seq), ["+feed 1"]);
    let query = Query { with_duplicates: true, ..Query::default() };
    let expected = [format!("feed 0: {}", title(1)), format!("feed 1: {}", title(1))];
    for minutes in 3..6 {
        let edited = item_with(1, 1, 0, &title(1), &prose(1, 79));
        home.poll_and_match(1, minutes, &[if minutes == 4 { edited } else { item(1, 1, 0) }]).await;
        home.poll_and_match(0, minutes, &[item(0, 1, 0)]).await;
        assert_eq!(home.shown(&query), expected);
    }
    // A later article of a third feed is a duplicate of the earliest one.
    home.poll_and_match(2, 7, &[item(2, 1, 0)]).await;
    let merges = home.merges();
    assert_eq!(merges.len(), 1);
    assert_eq!(merges[0].original.id, merge.original.id);
}

#[tokio::test]
async fn consumers_that_ask_for_it_hear_of_each_sighting_as_an_edit() {
    let home = Home::new(4).await;
    home.poll_and_match(0, 1, &[item(0, 1, 0), item(0, 2, 0)]).await;
    let from = |after| Query { sightings: true, after_seq: Some(after), ..Query::default() };
    let seq = || home.reader().announced_sequence().unwrap();
    let first = seq();
    home.poll_and_match(1, 2, &[item(1, 1, 0)]).await;
    assert_eq!((home.heard(first), home.heard_of(&from(first))), (vec![], vec!["*feed 0".into()]));
    let articles = home.articles(&Query { order: Order::Sequence, ..from(first) });
    let [article] = &articles[..] else { panic!("{articles:?}") };
    assert_eq!((article.seq, &article.also_in[..]), (first + 1, &["feed 1".to_owned()][..]));
    assert_eq!(home.heard_of(&from(first + 1)), [""; 0], "once");
    let second = seq();
    for feed in 2..4 {
        home.poll_and_match(feed, 3, &[item(feed, 1, 0), item(feed, 10 + feed, 0)]).await;
    }
    // Two sightings of one article are one change, and what is new has all sightings.
    assert_eq!(home.heard_of(&from(second)), ["+feed 2", "*feed 0", "+feed 3"]);
    assert_eq!(home.heard_of(&from(0)), ["+feed 0", "+feed 0", "+feed 2", "+feed 3"]);
    let cut = Query { limit: Some(2), ..from(second) };
    assert_eq!(home.heard_of(&cut), ["+feed 2", "*feed 0"]);
    // Without the feed of the original, the first of the others stands for it.
    let feeds = vec!["feed 1".to_owned(), "feed 2".to_owned()];
    assert_eq!(home.heard_of(&Query { feeds, ..from(second) }), ["+feed 2", "*feed 1"]);
    let third = seq();
    let merge = home.merges().pop().unwrap();
    assert!(home.store.undo_merge(merge.duplicate.id).await.unwrap());
    home.match_all().await;
    assert_eq!(home.heard_of(&from(third)), ["*feed 0", "+feed 1"]);
    assert_eq!(home.heard(third), ["+feed 1"]);
    let also: Vec<_> = home.articles(&Query { order: Order::Sequence, ..from(third) });
    assert_eq!(also[0].also_in, ["feed 2", "feed 3"]);
    // An edit of the original is a change of its own, which has all sightings.
    let fourth = seq();
    home.poll_and_match(0, 5, &[item_with(0, 1, 0, "Another headline for all", &prose(1, 80))])
        .await;
    assert_eq!(home.heard_of(&from(fourth)), ["*feed 0"]);
}

#[tokio::test]
async fn when_the_original_is_removed_its_earliest_duplicate_takes_its_place() {
    let home = Home::new(4).await;
    for feed in 0..4 {
        home.poll_and_match(feed, 10, &[item(feed, 1, 5)]).await;
    }
    home.poll_and_match(0, 20, &[item(0, 2, 15)]).await; // The first article leaves its feed.
    home.remove_before(10, 0).await;
    home.match_all().await;
    let (one, two) = (title(1), title(2));
    let expected = [format!("feed 1: {one} [feed 2, feed 3]"), format!("feed 0: {two}")];
    assert_eq!(home.shown(&Query::default()), expected);
    // A duplicate that is removed leaves the others as they were.
    home.poll_and_match(2, 20, &[item(2, 2, 15)]).await;
    home.remove_before(10, 2).await;
    let expected = [format!("feed 1: {one} [feed 3]"), format!("feed 0: {two} [feed 2]")];
    assert_eq!(home.shown(&Query::default()), expected);
    assert!(home.reader().check().unwrap().faults.is_empty());
}

/// The same decisions, however often the memory of the pass is lost, and whatever the size of a batch is.
#[tokio::test]
async fn the_result_does_not_depend_on_batches_restarts_or_another_process() {
    let stories = |feed: usize| {
        let own = |story: usize| story % 5 != feed;
        let items = (0..30).filter(|story| own(*story)).map(|story| {
            let framing = if feed.is_multiple_of(2) { "(agency) " } else { "" };
            let text = format!("<p>{framing}{}</p>", prose(story, 60 + feed));
            item_with(feed, story, 0, &title(story), &text)
        });
        items.collect::<Vec<String>>()
    };
    let home = Home::new(5).await;
    for feed in 0..5 {
        home.poll(feed, 10, &stories(feed)).await;
    }
    assert!(decide(&home.store, 1_000).await);
    let expected = home.decisions();
    assert_eq!(expected.len(), 30 * 4 - 30);
    for (name, batch, restarts) in [("batches", 7, 0), ("restarts", 7, 1), ("one each", 1, 5)] {
        let home = Home::new(5).await;
        let path = home.folder.path().join("x.db");
        for feed in 0..5 {
            home.poll(feed, 10, &stories(feed)).await;
        }
        let mut other = Store::open(&path).unwrap();
        let mut calls = 0;
        loop {
            calls += 1;
            // Two processes take turns.
            let store = if calls % 3 == 0 { &home.store } else { &other };
            if !decide(store, batch).await {
                break;
            }
            if restarts != 0 && calls % restarts == 0 {
                other = Store::open(&path).unwrap();
            }
        }
        assert_eq!(home.decisions(), expected, "{name}");
    }
}

/// A feed that has two articles does not lose one, even if another feed's article is the same as both.
#[tokio::test]
async fn a_feed_has_each_article_of_its_own() {
    let home = Home::new(2).await;
    home.poll_and_match(0, 1, &[item(0, 1, 0)]).await;
    let again = item(1, 2, 0).replace(&prose(2, 80), &prose(1, 80)).replace(&title(2), &title(1));
    home.poll_and_match(1, 2, &[item(1, 1, 0), again]).await;
    assert_eq!(home.merges().len(), 1);
    let of_second = Query { feeds: vec!["feed 1".to_owned()], ..Query::default() };
    assert_eq!(home.articles(&of_second).len(), 2);
}

#[tokio::test]
async fn articles_that_are_old_are_compared_no_more_and_leave_the_table() {
    let home = Home::new(2).await;
    home.poll_and_match(0, 1, &[item(0, 1, 0)]).await;
    let sketches = || {
        let connection = Connection::open(home.folder.path().join("x.db")).unwrap();
        let count = "SELECT count(*) FROM article_sketch";
        connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(sketches(), 1);
    let eight_days = 8 * 24 * 60;
    home.poll_and_match(1, eight_days, &[item(1, 1, 0)]).await;
    assert_eq!((home.merges().len(), sketches()), (0, 1));
}

/// An upgrade compares no articles of before, and announces nothing.
#[tokio::test]
async fn articles_of_before_are_not_compared() {
    let home = Home::new(2).await;
    home.poll(0, 1, &[item(0, 1, 0)]).await;
    home.poll(1, 2, &[item(1, 1, 0)]).await;
    let step = include_str!("../../../migrations/sqlite/0015_duplicates.sql");
    let (_, insert) = step.split_once("INSERT INTO meta").unwrap();
    let connection = Connection::open(home.folder.path().join("x.db")).unwrap();
    let upgrade = format!("DELETE FROM meta WHERE key = 'matched_seq'; INSERT INTO meta {insert}");
    connection.execute_batch(&upgrade).unwrap();
    home.match_all().await;
    assert_eq!((home.merges().len(), home.heard(0).len()), (0, 2));
}
