//! Queries, changes and removals on real files.

use std::sync::Arc;

use crate::domain::article::{ArticleDraft, ArticleKey, Change, ContentHash, Person, Position};
use crate::domain::feed::{FeedId, FeedMeta, FeedSpec, FeedState, FeedUrl};
use crate::domain::poll::{
    Decision, Document, DocumentEncoding, Health, Hints, KeyPolicy, KnownItem, Listing, NextPoll,
    Observed, PollOutcome, Reason, Remembered,
};
use crate::domain::query::{Order, Query, When};
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::html::sanitise::SanitisedHtml;
use crate::search::query;
use crate::store::database::{self, params_from_iter};
use crate::store::sql::{maintenance, select};
use crate::store::sqlite::open::open_for_reading;
use crate::store::{FeedOrder, FeedQuery, FeedSync, Prune, PrunedFeeds, Reader, Store, Storing};

const NOW: i64 = 1_790_000_000;

/// The decision of a poll that read this document.
pub(super) fn fresh(
    (feed, url): (FeedId, &str),
    polled_at: Timestamp,
    document: Document,
) -> Decision {
    Decision {
        feed,
        url: FeedUrl::parse(url).unwrap(),
        polled_at,
        observed: Observed::of(PollOutcome::Fresh(Box::new(document))),
        min_waits: Vec::new(),
        health: Health::default(),
        next: NextPoll { at: None, because: Reason::Interval },
        moved: None,
        new_feed_url: None,
        next_host: None,
        pause: None,
        forgiven: None,
    }
}

struct Home {
    _folder: tempfile::TempDir,
    store: Store,
    feeds: Vec<FeedId>,
}

impl Home {
    /// Three feeds; the first two are tagged `a`.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("x.db")).unwrap();
        let sync = |n: u32| FeedSync {
            spec: Arc::new(FeedSpec {
                url: FeedUrl::parse(&format!("https://example.org/{n}")).unwrap(),
                name: Some(format!("feed {n}")),
                tags: if n < 2 { vec!["a".to_owned()] } else { Vec::new() }.into(),
                enabled: true,
            }),
            policy: "every 60s".into(),
            address: None,
        };
        let feeds = store.sync_feeds((0..3).map(sync).collect(), at(0)).await.unwrap().ids;
        Self { _folder: folder, store, feeds }
    }

    /// Stores a document of these entries, in this order, at a minute of its own.
    async fn poll(&self, feed: usize, minute: i64, drafts: Vec<ArticleDraft>) {
        let items = drafts.iter().map(|d| KnownItem { hash: d.hash.0, key: d.key });
        let document = Document {
            meta: FeedMeta::default(),
            remembered: Remembered {
                body_hash: None,
                items: items.collect(),
                key_policy: KeyPolicy::Trusting,
            },
            entries: drafts.len(),
            listing: Listing::default(),
            drafts,
            hints: Hints::default(),
            new_feed_url: None,
            encoding: DocumentEncoding { name: "UTF-8", because: "test" },
            repairs: Vec::new(),
            links_to_embeds: Vec::new(),
        };
        let decision =
            fresh((self.feeds[feed], &format!("https://example.org/{feed}")), at(minute), document);
        let storing =
            Storing { keep_revisions: 2, hide_future: false, full_text: false, leased_until: None };
        self.store.apply(Arc::new(decision), storing).await.unwrap();
        let new = self.reader().new_articles(None, 1_000, str::to_owned).unwrap();
        self.store.match_articles(new, at(minute)).await.unwrap();
    }

    fn reader(&self) -> Reader {
        self.store.reader().unwrap()
    }

    async fn index(&self) {
        while self.store.index_text(10, str::to_owned).await.unwrap() != 0 {}
    }

    #[track_caller]
    fn titles(&self, query: &Query) -> Vec<String> {
        let titles = self
            .reader()
            .articles(query, at(100), |rows| rows.map(|row| row.unwrap().title.unwrap()).collect());
        titles.unwrap()
    }

    /// What happened, as a letter, a title or an id.
    #[track_caller]
    fn changes(&self, query: &Query) -> Vec<String> {
        let told = |change: Change| match change {
            Change::New(article) => format!("+{}", article.title.unwrap()),
            Change::Edited(article) => format!("*{}", article.title.unwrap()),
            Change::Removed(removal) => format!("-{}", removal.feed.name),
        };
        let changes = self.reader().changes(query, at(100), |changes| {
            changes.map(|change| told(change.unwrap())).collect()
        });
        changes.unwrap()
    }
}

fn at(minute: i64) -> Timestamp {
    from_unix(NOW) + TimeDelta::minutes(minute)
}

/// An entry that `n` is the key of, and the minute it was published at.
fn draft(n: u64, title: &str) -> ArticleDraft {
    ArticleDraft {
        key: ArticleKey(n),
        former_key: None,
        hash: ContentHash(xxhash_rust::xxh3::xxh3_64(title.as_bytes())),
        guid: Some(n.to_string()),
        url: None,
        external_url: None,
        title: Some(title.to_owned()),
        summary: None,
        content_html: Some(SanitisedHtml::from_store(format!("text of {title}"))),
        image: None,
        authors: Vec::new(),
        tags: Vec::new(),
        language: None,
        published: Some(at(i64::try_from(n).unwrap())),
        modified: None,
        attachments: Vec::new(),
        podcast: None,
    }
}

fn by(name: &str) -> Vec<Person> {
    vec![Person { name: Some(name.to_owned()), ..Person::default() }]
}

fn looking_for(text: &str) -> Query {
    Query { search: Some(query::parse(text).unwrap()), ..Query::default() }
}

#[tokio::test]
async fn filters_choose_and_combine() {
    let home = Home::new().await;
    let (de, at_de, zh) = (Some("de".to_owned()), Some("de-AT".to_owned()), Some("zh".to_owned()));
    home.poll(0, 50, vec![ArticleDraft { language: de, ..draft(1, "one") }]).await;
    home.poll(1, 51, vec![ArticleDraft { authors: by("José Öz"), ..draft(2, "two") }]).await;
    home.poll(2, 52, vec![ArticleDraft { language: at_de, ..draft(3, "three") }]).await;
    home.poll(
        0,
        53,
        vec![ArticleDraft { language: zh, authors: by("王小明"), ..draft(4, "four") }],
    )
    .await;
    let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    for (what, query, expected) in [
        ("all", Query::default(), "four three two one"),
        ("limit", Query { limit: Some(2), ..Query::default() }, "four three"),
        ("a feed", Query { feeds: texts(&["feed 0"]), ..Query::default() }, "four one"),
        ("a tag", Query { tags: texts(&["a"]), ..Query::default() }, "four two one"),
        (
            "a tag, limited",
            Query { tags: texts(&["a"]), limit: Some(2), ..Query::default() },
            "four two",
        ),
        (
            "a tag, by sequence",
            Query { tags: texts(&["a"]), order: Order::Sequence, ..Query::default() },
            "one two four",
        ),
        ("no feed at all", Query { tags: texts(&["b"]), ..Query::default() }, ""),
        ("a language", Query { languages: texts(&["de"]), ..Query::default() }, "three one"),
        ("its region", Query { languages: texts(&["de-AT"]), ..Query::default() }, "three"),
        ("two", Query { languages: texts(&["zh", "de-AT"]), ..Query::default() }, "four three"),
        ("not a part of one", Query { languages: texts(&["d"]), ..Query::default() }, ""),
        ("an author", Query { authors: texts(&["jose o"]), ..Query::default() }, "two"),
        ("with umlauts", Query { authors: texts(&["jose oez"]), ..Query::default() }, "two"),
        ("in Chinese", Query { authors: texts(&["小明"]), ..Query::default() }, "four"),
        (
            "since, until",
            Query {
                since: Some(When::At(at(2))),
                until: Some(When::At(at(4))),
                ..Query::default()
            },
            "three two",
        ),
        (
            "in a tag, since",
            Query { tags: texts(&["a"]), since: Some(When::At(at(2))), ..Query::default() },
            "four two",
        ),
        (
            "after",
            Query { after_seq: Some(2), order: Order::Sequence, ..Query::default() },
            "three four",
        ),
    ] {
        assert_eq!(home.titles(&query).join(" "), expected, "{what}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let home = Home::new().await;
    // All of one minute: the sequence number decides.
    let same = |n: u64| ArticleDraft { published: Some(at(1)), ..draft(n, &n.to_string()) };
    home.poll(0, 50, (0..5).map(same).collect()).await;
    home.poll(1, 51, (5..8).map(|n| draft(n, &n.to_string())).collect()).await;
    for feeds in [Vec::new(), vec!["feed 0".to_owned(), "feed 1".to_owned()]] {
        let all = Query { feeds: feeds.clone(), ..Query::default() };
        let (mut found, mut before): (Vec<String>, Option<Position>) = (Vec::new(), None);
        loop {
            let query = Query { limit: Some(3), before, feeds: feeds.clone(), ..Query::default() };
            let page: Vec<_> = home
                .reader()
                .articles(&query, at(100), |rows| rows.map(Result::unwrap).collect())
                .unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.position().to_string().parse().unwrap());
            found.extend(page.into_iter().map(|article| article.title.unwrap()));
        }
        assert_eq!(found, home.titles(&all), "{feeds:?}");
        assert_eq!(found.len(), 8);
    }
}

#[tokio::test]
async fn words_are_found_in_every_script() {
    let home = Home::new().await;
    let texts = [
        "Élection en France",
        "北京大学发布新手机",
        "東京タワーの夜景",
        "대통령이 서울에서 말했다",
        "ข่าววันนี้จากกรุงเทพ",
        "The quick brown fox",
    ];
    let drafts = texts.iter().zip(1..).map(|(text, n)| draft(n, text));
    home.poll(0, 50, drafts.collect()).await;
    home.index().await;
    for (words, found) in [
        ("election", 0),
        ("FRANCE élection", 0),
        ("大学", 1),
        ("手机", 1),
        ("机", 1),
        ("北京大学", 1),
        ("タワー", 2),
        ("夜", 2),
        ("대통령", 3),
        ("서울", 3),
        ("ข่าว", 4),
        ("กรุงเทพ", 4),
        ("qui*", 5),
        ("\"brown fox\"", 5),
        ("\"text of the\" -dog", 5),
    ] {
        assert_eq!(home.titles(&looking_for(words)), [texts[found]], "{words}");
    }
    for words in ["学大", "\"fox brown\"", "quick -fox", "qui", "election fox"] {
        assert_eq!(home.titles(&looking_for(words)), [""; 0], "{words}");
    }
    let both = Query { limit: Some(1), feeds: vec!["feed 0".to_owned()], ..looking_for("text") };
    assert_eq!(home.titles(&both), [texts[5]], "with other filters, newest first");
}

#[tokio::test]
async fn an_edit_keeps_the_earlier_versions_up_to_a_number() {
    let home = Home::new().await;
    for (minute, title) in [(50, "first"), (51, "second"), (52, "third"), (53, "fourth")] {
        home.poll(0, minute, vec![draft(1, title)]).await;
    }
    let reader = home.reader();
    let article =
        reader.articles(&Query::default(), at(100), |rows| rows.next().unwrap().unwrap()).unwrap();
    assert_eq!((article.revision, article.title.as_deref()), (3, Some("fourth")));
    assert_eq!(reader.article(&article.id).unwrap().as_ref(), Some(&article));
    let versions = reader.versions(&article.id).unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|v| (v.revision, v.title.as_deref(), v.seen_at, v.replaced_at))
        .collect();
    assert_eq!(
        told,
        [(2, Some("third"), Some(at(52)), at(53)), (1, Some("second"), Some(at(51)), at(52)),],
        "the home keeps two"
    );
    let seen = reader.sightings(&article.id).unwrap();
    assert_eq!((seen.len(), seen[0].feed.name.as_str(), seen[0].key), (1, "feed 0", ArticleKey(1)));
    for other in ["", "x", "x-1", &format!("{}0", article.id)] {
        let id = crate::domain::article::ArticleId(other.to_owned());
        assert_eq!(reader.article(&id).unwrap(), None, "{other}");
    }
}

fn all() -> PrunedFeeds {
    PrunedFeeds::AllBut(Vec::new())
}

#[tokio::test]
async fn changes_come_in_their_order_with_removals_among_them() {
    let home = Home::new().await;
    home.poll(0, 50, vec![draft(2, "b"), draft(1, "a")]).await; // 1 a, 2 b
    home.poll(1, 51, vec![draft(1, "c")]).await; // 3 c
    home.poll(0, 52, vec![draft(2, "b edited")]).await; // 4; a is no longer in its feed
    let stretch = Prune { feeds: all(), before: at(2), after: None, limit: 10 };
    assert_eq!(home.reader().rehearse_prune(&stretch).unwrap().articles, 1);
    assert_eq!(home.store.prune(stretch, at(53)).await.unwrap().articles, 1); // 5: a is gone
    home.poll(2, 54, vec![draft(9, "d")]).await; // 6 d
    let after = |seq: i64| Query { after_seq: Some(seq), ..Query::default() };
    assert_eq!(home.changes(&Query::default()), ["+c", "+b edited", "-feed 0", "+d"]);
    assert_eq!(home.changes(&after(2)), ["+c", "*b edited", "-feed 0", "+d"]);
    assert_eq!(home.changes(&after(4)), ["-feed 0", "+d"]);
    assert_eq!(home.changes(&after(5)), ["+d"]);
    assert_eq!(home.changes(&after(6)), [""; 0]);
    assert_eq!(home.changes(&Query { limit: Some(2), ..after(2) }), ["+c", "*b edited"]);
    let feed = Query { feeds: vec!["feed 1".to_owned()], ..after(0) };
    assert_eq!(home.changes(&feed), ["+c"]);
}

#[tokio::test]
async fn only_what_is_old_and_gone_from_its_feed_is_pruned_and_never_comes_back() {
    let home = Home::new().await;
    home.poll(0, 50, (1..=9).map(|n| draft(n, &n.to_string())).collect()).await;
    home.index().await;
    // 1 to 6 left the document; 1 to 7 are old.
    home.poll(0, 51, (7..=9).map(|n| draft(n, &n.to_string())).collect()).await;
    let (mut after, mut removed, mut rounds) = (None, 0, 0);
    loop {
        let stretch = Prune { feeds: all(), before: at(8), after, limit: 3 };
        let pruned = home.store.prune(stretch, at(52)).await.unwrap();
        removed += pruned.articles;
        rounds += 1;
        after = pruned.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((removed, rounds), (6, 3));
    assert_eq!(home.titles(&Query::default()), ["9", "8", "7"]);
    assert_eq!(home.titles(&looking_for("text")), ["9", "8", "7"], "the index forgets as well");
    home.poll(0, 53, (1..=10).map(|n| draft(n, &n.to_string())).collect()).await;
    assert_eq!(home.titles(&Query::default()), ["10", "9", "8", "7"]);
    assert_eq!(home.reader().check().unwrap().faults, [""; 0]);
}

#[tokio::test]
async fn days_are_counted() {
    let home = Home::new().await;
    let day = 24 * 60;
    let published = |n: u64, minute: i64| ArticleDraft {
        published: Some(at(minute)),
        ..draft(n, &n.to_string())
    };
    home.poll(0, 0, vec![published(1, -day), published(2, 0), published(3, -60 * day)]).await;
    home.poll(0, 10, Vec::new()).await;
    home.poll(0, day, Vec::new()).await;
    home.poll(0, 40 * day, Vec::new()).await;
    let today = NOW / 86_400;
    let reader = home.reader();
    let articles = reader.articles_by_day(home.feeds[0], at(-30 * day)).unwrap();
    assert_eq!(articles, [(today - 1, 1), (today, 1)]);
    let polls = reader.polls_by_day(home.feeds[0]).unwrap();
    assert_eq!(polls.len(), 1, "only some 30 days are kept: {polls:?}");
    assert_eq!((polls[0].day, polls[0].polls, polls[0].failed), (today + 40, 1, 0));
}

/// Issue 6: the latest articles are read off an index.
#[tokio::test]
async fn the_latest_are_read_in_order_from_an_index() {
    let home = Home::new().await;
    home.poll(0, 50, (1..=50).map(|n| draft(n, &n.to_string())).collect()).await;
    let connection = open_for_reading(home.store.path()).unwrap();
    let tag = || Query { tags: vec!["a".to_owned()], ..Query::default() };
    let position = Position { order_at: NOW, seq: 9 };
    let feed = || Query { feeds: vec!["feed 0".to_owned()], ..Query::default() };
    let seq = Query { after_seq: Some(5), order: Order::Sequence, ..Query::default() };
    for (what, query, index) in [
        ("latest", Query::default(), "INDEX article_latest"),
        ("page", Query { before: Some(position), ..Query::default() }, "INDEX article_latest"),
        ("one feed", feed(), "INDEX article_latest_of_feed (feed_id=?"),
        ("its page", Query { before: Some(position), ..feed() }, "INDEX article_latest_of_feed"),
        ("since", Query { since: Some(When::At(at(1))), ..feed() }, "article_latest_of_feed"),
        ("one tag", tag(), "INDEX article_latest_of_feed (feed_id=?"),
        ("its page", Query { before: Some(position), ..tag() }, "article_latest_of_feed"),
        ("changes", seq, "INDEX article_seq (seq>?"),
    ] {
        let query = Query { limit: Some(100), ..query };
        let (sql, values) = select::select(&connection, "a.title", "x", &query, at(0)).unwrap();
        let plan: Vec<String> = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap()
            .query_map(params_from_iter(values), |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(plan.iter().any(|line| line.contains(index)), "{what}: {plan:#?}");
        let reads_all = |line: &String| {
            let whole = line.starts_with("SCAN a")
                && !line.contains("USING INDEX")
                && !line.contains("USING COVERING INDEX");
            whole || line.contains("TEMP B-TREE")
        };
        assert!(!plan.iter().any(reads_all), "{what}: {plan:#?}");
    }
}

/// The totals of a feed by counting, and as they are kept.
fn totals(home: &Home) -> [Vec<(i64, u64, Option<i64>)>; 2] {
    let connection = open_for_reading(home.store.path()).unwrap();
    let read = |sql: &str| {
        let one =
            |r: &database::Row<'_>| Ok((r.get(0)?, r.get::<_, i64>(1)?.cast_unsigned(), r.get(2)?));
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], one).unwrap().map(Result::unwrap).collect()
    };
    [
        read(
            "SELECT feed_id, count(*), max(order_at) FROM article GROUP BY feed_id ORDER BY feed_id",
        ),
        read(
            "SELECT feed_id, articles, newest_at FROM feed_totals WHERE 0 < articles ORDER BY feed_id",
        ),
    ]
}

#[tokio::test]
async fn the_totals_of_feeds_follow_every_kind_of_write() {
    let home = Home::new().await;
    let same = |what: &str, numbers: &[u64]| {
        let [counted, kept] = totals(&home);
        assert_eq!(kept, counted, "{what}");
        let kept: Vec<u64> = kept.iter().map(|(_, articles, _)| *articles).collect();
        assert_eq!(kept, numbers, "{what}");
        assert_eq!(home.reader().check().unwrap().faults, [""; 0], "{what}");
    };
    let link = || Some("https://example.org/article".to_owned());
    home.poll(0, 50, (1..=5).map(|n| draft(n, &n.to_string())).collect()).await;
    home.poll(1, 51, vec![draft(6, "6"), ArticleDraft { url: link(), ..draft(7, "seven") }]).await;
    same("new articles", &[5, 2]);
    home.poll(0, 52, vec![draft(3, "edited")]).await;
    let writer = database::Connection::open(home.store.path()).unwrap();
    for (id, minute) in [(2, 40), (2, 1), (7, 0)] {
        let sql = "UPDATE article SET order_at = ?2 WHERE id = ?1";
        writer.execute(sql, (id, at(minute).timestamp())).unwrap();
    }
    same("edits", &[5, 2]);
    home.poll(2, 53, vec![ArticleDraft { url: link(), ..draft(8, "seven") }]).await;
    same("a duplicate", &[5, 2, 1]);
    let duplicate = home.reader().merges(None).unwrap().remove(0).duplicate.id;
    assert!(home.store.undo_merge(duplicate).await.unwrap());
    same("an undone merge", &[5, 2, 1]);
    let stretch = Prune { feeds: all(), before: at(6), after: None, limit: 100 };
    assert_eq!(home.store.prune(stretch, at(54)).await.unwrap().articles, 4);
    same("removed articles", &[1, 2, 1]);
    assert_eq!(home.reader().stats().unwrap().articles, 4);
    home.poll(0, 55, vec![draft(1, "1"), draft(9, "9")]).await;
    same("a removed article that is seen again", &[2, 2, 1]);
}

#[tokio::test]
async fn a_check_finds_totals_that_are_wrong() {
    let home = Home::new().await;
    home.poll(0, 50, vec![draft(1, "1")]).await;
    let connection = database::Connection::open(home.store.path()).unwrap();
    for (damage, repair) in [
        ("UPDATE feed_totals SET articles = 2", "UPDATE feed_totals SET articles = 1"),
        (
            "UPDATE feed_totals SET newest_at = NULL",
            "UPDATE feed_totals SET newest_at = (SELECT order_at FROM article)",
        ),
        ("DELETE FROM feed_tag WHERE feed_id = 1", "INSERT INTO feed_tag VALUES ('a', 1)"),
        ("INSERT INTO feed_tag VALUES ('b', 1)", "DELETE FROM feed_tag WHERE tag = 'b'"),
    ] {
        connection.execute(damage, []).unwrap();
        assert_eq!(home.reader().check().unwrap().faults.len(), 1, "{damage}");
        connection.execute(repair, []).unwrap();
        assert_eq!(home.reader().check().unwrap().faults, [""; 0], "{repair}");
    }
}

#[tokio::test]
async fn a_page_of_feeds_is_chosen_and_ordered_by_the_store() {
    let home = Home::new().await;
    home.poll(0, 50, (1..=3).map(|n| draft(n, &n.to_string())).collect()).await;
    home.poll(2, 51, vec![draft(9, "9")]).await;
    let connection = database::Connection::open(home.store.path()).unwrap();
    connection
        .execute("UPDATE feed SET name = 'ÉTÉ', tags = '[\"Über\"]' WHERE id = 2", [])
        .unwrap();
    connection
        .execute("UPDATE poll_state SET failures = 1, next_poll_at = 5 WHERE feed_id = 3", [])
        .unwrap();
    connection.execute("UPDATE poll_state SET next_poll_at = 9 WHERE feed_id = 2", []).unwrap();
    let reader = home.reader();
    let page = |query: &FeedQuery| {
        let page = reader.feed_page(&FeedQuery { limit: 2, ..query.clone() }).unwrap();
        let ids: Vec<i64> = page.feeds.iter().map(|feed| feed.id.0).collect();
        (ids, page.total)
    };
    let by = |order| FeedQuery { order, ..FeedQuery::default() };
    let words = |words: &str| FeedQuery { words: words.to_owned(), ..FeedQuery::default() };
    for (query, ids, total) in [
        (by(FeedOrder::State), &[3, 1][..], 3),
        (by(FeedOrder::Name), &[1, 3], 3),
        (by(FeedOrder::Newest), &[3, 1], 3),
        (by(FeedOrder::Articles), &[1, 3], 3),
        (by(FeedOrder::NextPoll), &[3, 2], 3),
        (FeedQuery { skip: 2, ..by(FeedOrder::State) }, &[2], 3),
        (FeedQuery { state: Some(FeedState::Failing), ..FeedQuery::default() }, &[3], 1),
        (FeedQuery { state: Some(FeedState::Retired), ..FeedQuery::default() }, &[], 0),
        (words("été"), &[2], 1),
        (words("über"), &[2], 1),
        (words("example.org/2"), &[3], 1),
        (words("nothing"), &[], 0),
    ] {
        assert_eq!(page(&query), (ids.to_vec(), total), "{query:?}");
    }
}

/// The rule for the state of a feed is in SQL too, so that feeds are counted without being read.
#[tokio::test]
async fn feeds_are_counted_as_each_of_them_says() {
    let home = Home::new().await;
    let connection = database::Connection::open(home.store.path()).unwrap();
    let reader = home.reader();
    let sets = |values: [&str; 5]| {
        let [configured, enabled, because, failures, succeeded] = values;
        connection
            .execute(&format!("UPDATE feed SET configured = {configured}, enabled = {enabled}"), [])
            .unwrap();
        connection.execute(&format!("UPDATE poll_state SET because = '{because}', failures = {failures}, succeeded_at = {succeeded}"), []).unwrap();
    };
    for bits in 0..32_usize {
        let one = |bit: usize, values: [&'static str; 2]| values[bits >> bit & 1];
        sets([
            one(0, ["0", "1"]),
            one(1, ["0", "1"]),
            one(2, ["gone", "interval"]),
            one(3, ["0.0", "0.5"]),
            one(4, ["NULL", "7"]),
        ]);
        let state = reader.feeds().unwrap()[0].state();
        let counts = reader.feed_counts().unwrap();
        for (counted, number) in counts {
            assert_eq!(number, if counted == state { 3 } else { 0 }, "{bits:b} {counted:?}");
        }
        let plans = reader.feed_plans().unwrap();
        assert_eq!(plans[0].polling_state, reader.feeds().unwrap()[0].polling_state(), "{bits:b}");
    }
}

#[tokio::test]
async fn the_edited_are_counted_in_an_index_of_them() {
    let home = Home::new().await;
    home.poll(0, 50, (1..=9).map(|n| draft(n, &n.to_string())).collect()).await;
    let count = || home.reader().stats().unwrap().edited;
    assert_eq!(count(), 0);
    home.poll(0, 51, vec![draft(3, "other"), draft(5, "news")]).await;
    assert_eq!(count(), 2);
    let connection = open_for_reading(home.store.path()).unwrap();
    let sql = format!("EXPLAIN QUERY PLAN {}", maintenance::EDITED);
    let plan: String = connection.query_row(&sql, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("INDEX article_edited"), "{plan}");
}

/// The text index follows the polls: what it does not hold yet must not count as searched.
#[tokio::test]
async fn a_follower_who_searches_does_not_run_ahead_of_the_index() {
    let home = Home::new().await;
    home.poll(0, 50, vec![draft(1, "one")]).await;
    let trusted = |query: &Query| home.reader().sequence_for(query).unwrap();
    assert_eq!((trusted(&Query::default()), trusted(&looking_for("one"))), (1, 0));
    home.index().await;
    assert_eq!(trusted(&looking_for("one")), 1);
    home.poll(0, 51, vec![draft(1, "one more"), draft(2, "two")]).await;
    assert_eq!(trusted(&looking_for("one")), 1);
    // The row of the edited article is in the index as it was.
    let behind = Query { up_to_seq: Some(1), order: Order::Sequence, ..looking_for("one") };
    assert_eq!(home.titles(&behind), [""; 0]);
    home.index().await;
    assert_eq!(trusted(&looking_for("one")), 3);
    assert_eq!(home.changes(&Query { up_to_seq: Some(2), ..Query::default() }), ["+two"]);
}
