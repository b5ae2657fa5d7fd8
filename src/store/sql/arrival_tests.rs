//! What polls of real documents leave in the store: articles, edits, and what consumers hear.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use url::Url;

use crate::domain::article::{Article, Change};
use crate::domain::feed::{FeedId, FeedSpec, FeedUrl};
use crate::domain::poll::{Applied, Remembered};
use crate::domain::query::Query;
use crate::domain::time::{TimeDelta, Timestamp, from_unix, rfc3339};
use crate::feed::document::document;
use crate::html::to_text::html_to_text;
use crate::store::sql::reading_tests::fresh;
use crate::store::{FeedSync, Reader, Store, Storing};

/// 2024-08-20T06:18:00Z
const START: i64 = 1_724_134_680;

pub(super) struct Home {
    _folder: tempfile::TempDir,
    pub(super) store: Store,
    feed: FeedId,
    remembered: RefCell<Remembered>,
    hours: Cell<i64>,
    quiet_start: bool,
    last_modified: Option<Timestamp>,
}

impl Home {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("x.db")).unwrap();
        let sync = FeedSync {
            spec: Arc::new(FeedSpec {
                url: FeedUrl::parse("https://example.org/feed").unwrap(),
                name: None,
                tags: Vec::new().into(),
                enabled: true,
            }),
            address: None,
            policy: "adaptive 900s..86400s".into(),
        };
        let feed = store.sync_feeds(vec![sync], from_unix(START)).await.unwrap().ids[0];
        Self {
            _folder: folder,
            store,
            feed,
            remembered: RefCell::default(),
            hours: Cell::new(0),
            quiet_start: false,
            last_modified: None,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        from_unix(START) + TimeDelta::hours(self.hours.get())
    }

    /// Polls a document of these items, an hour after the last one.
    pub(super) async fn poll(&self, items: &[String]) -> (u32, u32) {
        self.poll_document(&format!(
            "<rss><channel><title>t</title>{}</channel></rss>",
            items.concat()
        ))
        .await
    }

    async fn poll_document(&self, body: &str) -> (u32, u32) {
        self.hours.set(self.hours.get() + 1);
        let base = Url::parse("https://example.org/feed").unwrap();
        let remembered = self.remembered.borrow().clone();
        let mut document =
            document(body.as_bytes(), &base, None, &remembered, 2_000, self.now()).unwrap();
        document.listing.quiet_start = self.quiet_start;
        document.listing.dated_at = document.listing.dated_at.or(self.last_modified);
        *self.remembered.borrow_mut() = document.remembered.clone();
        let decision = fresh((self.feed, "https://example.org/feed"), self.now(), document);
        let storing = Storing {
            keep_revisions: 20,
            hide_future: false,
            full_text: false,
            leased_until: None,
        };
        let Applied { added, edited } =
            self.store.apply(Arc::new(decision), storing).await.unwrap();
        let new = self.reader().new_articles(None, 1_000, html_to_text).unwrap();
        self.store.match_articles(new, self.now()).await.unwrap();
        (added, edited)
    }

    fn reader(&self) -> Reader {
        self.store.reader().unwrap()
    }

    /// Newest first.
    pub(super) fn articles(&self) -> Vec<Article> {
        let all =
            |rows: &mut dyn Iterator<Item = Result<Article, _>>| rows.map(Result::unwrap).collect();
        self.reader().articles(&Query::default(), self.now(), all).unwrap()
    }

    fn titles(&self) -> Vec<String> {
        self.articles().into_iter().map(|article| article.title.unwrap_or_default()).collect()
    }

    pub(super) fn heard(&self) -> Vec<String> {
        let told = |change: Change| match change {
            Change::New(article) => format!("+{}", article.title.unwrap_or_default()),
            Change::Edited(article) => format!("*{}", article.title.unwrap_or_default()),
            Change::Removed(_) => "-".to_owned(),
        };
        let changes = self.reader().changes(&Query::default(), self.now(), |changes| {
            changes.map(|change| told(change.unwrap())).collect()
        });
        changes.unwrap()
    }
}

/// An item. Empty parts are left out.
pub(super) fn item(guid: &str, link: &str, title: &str, date: &str, more: &str) -> String {
    let part = |name: &str, text: &str| {
        if text.is_empty() { String::new() } else { format!("<{name}>{text}</{name}>") }
    };
    format!(
        "<item>{}{}{}{}{more}</item>",
        part("guid", guid),
        part("link", link),
        part("title", title),
        part("pubDate", date)
    )
}

const YESTERDAY: &str = "2024-08-19T10:30:00Z";
const EARLIER: &str = "2024-08-18T10:30:00Z";

#[tokio::test]
async fn the_dates_of_an_article_follow_its_edits() {
    for (name, first, second, revision, published, modified) in [
        // The dates are those of the item; the poll of the edit was at 08:18.
        ("title", ("a", EARLIER), ("b", EARLIER), 1, EARLIER, "2024-08-20T08:18:00Z"),
        ("title and date", ("a", EARLIER), ("b", YESTERDAY), 1, EARLIER, YESTERDAY),
        ("date", ("a", EARLIER), ("a", YESTERDAY), 1, EARLIER, YESTERDAY),
        ("missing date", ("a", ""), ("a", YESTERDAY), 1, YESTERDAY, "2024-08-20T08:18:00Z"),
        ("unreadable date", ("a", "soon"), ("a", YESTERDAY), 1, YESTERDAY, "2024-08-20T08:18:00Z"),
        (
            "date ahead",
            ("a", "2042-08-19T00:00:00Z"),
            ("a", YESTERDAY),
            1,
            YESTERDAY,
            "2024-08-20T08:18:00Z",
        ),
        ("date that goes", ("a", EARLIER), ("a", ""), 0, EARLIER, ""),
    ] {
        let home = Home::new().await;
        let one = |(title, date): (&str, &str)| [item("g", "https://e.example/1", title, date, "")];
        home.poll(&one(first)).await;
        home.poll(&one(second)).await;
        // The same once more, with something else beside it, changes nothing.
        let [same] = one(second);
        home.poll(&[item("h", "/h", "h", EARLIER, ""), same]).await;
        let articles = home.articles();
        let article = articles.iter().find(|a| a.guid.as_deref() == Some("g")).unwrap();
        let shown = |at: Option<Timestamp>| at.map(rfc3339).unwrap_or_default();
        assert_eq!(article.revision, revision, "{name}");
        assert_eq!(shown(article.published), published, "{name}");
        assert_eq!(shown(article.modified), modified, "{name}");
        assert_eq!(shown(Some(article.effective_date())), published, "{name}: its place");
    }
}

#[tokio::test]
async fn noise_is_stored_and_nobody_hears_of_it() {
    let home = Home::new().await;
    let one = |file: &str, length: u32, tags: &str, text: &str| {
        let more = format!(
            "{tags}<description>{text}</description><enclosure url='{file}' type='audio/mpeg' length='{length}'/>"
        );
        [item("g", "https://e.example/1", "a", EARLIER, &more)]
    };
    let (ab, ba) = (
        "<category>a</category><category>b</category>",
        "<category>b</category><category>a</category>",
    );
    home.poll(&one("https://c.example/a.mp3?sig=1", 0, ab, "x y")).await;
    let seq = home.articles()[0].seq;
    for items in [
        one("https://c.example/a.mp3?sig=2", 0, ab, "x y"),
        one("https://c.example/a.mp3?sig=2", 7, ab, "x y"),
        one("https://c.example/a.mp3?sig=2", 7, ba, "x y"),
        one("https://c.example/a.mp3?sig=2", 7, ba, "x  y"),
    ] {
        assert_eq!(home.poll(&items).await, (0, 0));
    }
    let article = &home.articles()[0];
    assert_eq!((article.seq, article.revision, article.modified), (seq, 0, None));
    assert_eq!(article.attachments[0].url, "https://c.example/a.mp3?sig=2");
    assert_eq!(article.attachments[0].size_in_bytes, Some(7));
    assert_eq!(article.tags, ["b", "a"]);
    assert_eq!(home.reader().versions(&article.id).unwrap().len(), 0);
    assert_eq!(home.poll(&one("https://c.example/b.mp3?sig=2", 7, ba, "x  y")).await, (0, 1));
    assert_eq!(home.poll(&one("https://c.example/b.mp3?sig=2", 7, ba, "z")).await, (0, 1));
    assert_eq!(home.articles()[0].revision, 2);
}

/// An item of a feed that gives all items one GUID and one link.
fn sharing(title: &str, date: &str, text: &str) -> String {
    let text = format!("<description>{text}</description>");
    item("g", "https://e.example/", title, date, &text)
}

#[tokio::test]
async fn entries_that_share_guid_and_link_stay_what_they_are() {
    let (a, b, c) =
        (sharing("a", EARLIER, "1"), sharing("b", YESTERDAY, "2"), sharing("c", YESTERDAY, "3"));
    let home = Home::new().await;
    assert_eq!(home.poll(std::slice::from_ref(&a)).await, (1, 0));
    assert_eq!(home.poll(&[b.clone(), a.clone()]).await, (1, 0), "one comes");
    assert_eq!(home.poll(&[a.clone(), b.clone()]).await, (0, 0), "another order");
    assert_eq!(home.poll(&[c.clone(), b.clone(), a.clone()]).await, (1, 0), "one more");
    let edited = sharing("b, edited", YESTERDAY, "2");
    assert_eq!(home.poll(&[c.clone(), edited.clone(), a.clone()]).await, (0, 1), "one is edited");
    assert_eq!(home.poll(&[c.clone(), edited.clone()]).await, (0, 0), "one goes");
    assert_eq!(home.poll(&[c.clone(), edited, a]).await, (0, 0), "and comes again");
    assert_eq!(home.poll(&[sharing("d", YESTERDAY, "2")]).await, (0, 1), "one is left, and edited");
    assert_eq!(home.titles(), ["d", "c", "a"]);
}

#[tokio::test]
async fn entries_that_share_all_but_date_and_text_stay_what_they_are() {
    let home = Home::new().await;
    let (a, b) = (sharing("", EARLIER, "1"), sharing("", YESTERDAY, "2"));
    assert_eq!(home.poll(&[b.clone(), a.clone()]).await, (2, 0));
    assert_eq!(home.poll(&[a.clone(), b.clone()]).await, (0, 0), "another order");
    let c = sharing("", "2024-08-20T00:00:00Z", "3");
    assert_eq!(home.poll(&[c, b, a]).await, (1, 0), "one comes");
    let rewritten = sharing("", YESTERDAY, "2, rewritten");
    assert_eq!(home.poll(&[rewritten, sharing("", EARLIER, "1")]).await, (0, 1), "an edit");
    assert_eq!(home.articles().len(), 3);
}

#[tokio::test]
async fn a_guid_that_is_new_at_each_fetch_makes_no_new_article() {
    for date in [EARLIER, ""] {
        let home = Home::new().await;
        let one = |guid: &str, title: &str| {
            item(guid, &format!("https://e.example/{title}"), title, date, "")
        };
        assert_eq!(home.poll(&[one("1", "a"), one("2", "b")]).await, (2, 0));
        for (first, second) in [("3", "4"), ("5", "6")] {
            assert_eq!(home.poll(&[one(first, "a"), one(second, "b")]).await, (0, 0), "{date}");
        }
        assert_eq!(home.poll(&[one("7", "c"), one("8", "a"), one("9", "b")]).await, (1, 0));
        // Two entries at a time are two articles, even if only the GUID differs.
        assert_eq!(home.poll(&[one("8", "a"), one("10", "a")]).await, (1, 0));
    }
}

#[tokio::test]
async fn an_archive_without_dates_stands_below_the_news() {
    let undated = |n: u32| item(&n.to_string(), &format!("/{n}"), &n.to_string(), "", "");
    let items: Vec<String> = [3, 2, 1].map(undated).into();
    let built = "<lastBuildDate>Mon, 19 Aug 2024 10:00:00 GMT</lastBuildDate>";
    let ahead = "<lastBuildDate>Mon, 19 Aug 2041 10:00:00 GMT</lastBuildDate>";
    let first = "2024-08-20T07:18:00Z";
    let modified = "2024-08-01T00:00:00Z";
    for (name, head, last_modified, expected) in [
        ("its own date", built, None, "2024-08-19T10:00:00Z"),
        ("its own date before Last-Modified", built, Some(modified), "2024-08-19T10:00:00Z"),
        ("Last-Modified", "", Some(modified), modified),
        ("a date to come", ahead, None, first),
        ("no date", "", None, first),
    ] {
        let mut home = Home::new().await;
        home.last_modified = last_modified.map(|text| text.parse().unwrap());
        let document = |items: &[String]| {
            format!("<rss><channel><title>t</title>{head}{}</channel></rss>", items.concat())
        };
        home.poll_document(&document(&items)).await;
        assert_eq!(home.titles(), ["3", "2", "1"], "{name}");
        for article in home.articles() {
            assert_eq!(rfc3339(article.effective_date()), expected, "{name}");
            assert_eq!(article.published, None, "{name}");
        }
        // What comes later is ordered by first sighting.
        home.poll_document(&document(&[vec![undated(4)], items.clone()].concat())).await;
        assert_eq!(home.titles(), ["4", "3", "2", "1"], "{name}");
        assert_eq!(rfc3339(home.articles()[0].effective_date()), "2024-08-20T08:18:00Z", "{name}");
        // Neither batch is a rhythm.
        let recent = home.reader().facts(home.feed).unwrap().unwrap().history.recent;
        assert_eq!(recent.len(), 2, "{name}: {recent:?}");
    }
    // A document that lists the oldest entry first.
    let home = Home::new().await;
    home.poll(&[1, 2, 3].map(undated)).await;
    assert_eq!(home.titles(), ["3", "2", "1"]);
}

#[tokio::test]
async fn after_a_quiet_start_consumers_hear_what_comes_later() {
    let mut home = Home::new().await;
    home.quiet_start = true;
    let one = |n: u32, title: &str| item(&n.to_string(), &format!("/{n}"), title, EARLIER, "");
    assert_eq!(home.poll(&[one(1, "a"), one(2, "b")]).await, (2, 0));
    assert_eq!(home.titles().len(), 2, "they are there");
    assert_eq!(home.heard(), Vec::<String>::new());
    home.poll(&[one(3, "c"), one(1, "a"), one(2, "b, edited")]).await;
    let mut heard = home.heard();
    heard.sort();
    assert_eq!(heard, ["+b, edited", "+c"]);
}
