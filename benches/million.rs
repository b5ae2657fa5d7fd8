//! Fills a store with many articles through the program's own code, to read from it afterwards.
//!
//! `cargo bench --bench million -- FILE` writes a new store of 1,000,000 articles of 1,000 feeds, a tenth of them
//! tagged `world`, with its text index, and prints how long that took. docs/benchmarks.md says how to read from
//! the store with the program. Without a file it does nothing, so that `cargo bench` continues.
#![expect(clippy::print_stdout, reason = "the report is what it is for")]

use gazetted::html::sanitise::SanitisedHtml;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use gazetted::domain::article::{ArticleDraft, ArticleKey, ContentHash, Person};
use gazetted::domain::feed::{FeedId, FeedMeta, FeedSpec, FeedUrl};
use gazetted::domain::poll::{
    Decision, Document, Health, NextPoll, Observed, PollOutcome, Reason, Remembered,
};
use gazetted::domain::time::{TimeDelta, Timestamp};
use gazetted::passes::index;
use gazetted::store::{FeedSync, Store, Storing};

const STORING: Storing = Storing { keep_revisions: 20, hide_future: false, full_text: false };

const FEEDS: u64 = 1_000;
/// The number of articles in one poll.
const DOCUMENT: u64 = 50;
/// The number of words in an article. This makes about 2 KB of HTML, as in most feeds.
const WORDS: u64 = 260;

#[derive(Parser)]
struct Args {
    /// The store to make
    file: Option<PathBuf>,
    #[arg(long, default_value_t = 1_000_000)]
    articles: u64,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let Some(file) = &args.file else { return };
    assert!(!file.exists(), "{} exists; name a new file", file.display());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(fill(file, args.articles));
}

async fn fill(file: &Path, articles: u64) {
    let store = Store::open(file).expect("a store");
    let specs = (0..FEEDS).map(spec).collect();
    let ids = store.sync_feeds(specs, start()).await.expect("a feed list").ids;
    let began = Instant::now();
    for document in 0..articles / DOCUMENT {
        let feed = usize::try_from(document % FEEDS).expect("a small number");
        let now =
            start() + TimeDelta::seconds(i64::try_from(document).expect("a small number") * 60);
        let applied = store.apply(decision(ids[feed], document, now), STORING);
        applied.await.expect("stored");
    }
    println!("{articles} articles in {FEEDS} feeds stored in {:.1?}", began.elapsed());
    let began = Instant::now();
    index::catch_up(&store).await.expect("indexed");
    println!("indexed in {:.1?}", began.elapsed());
}

fn start() -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000, 0).expect("a moment in range")
}

/// A tenth of the feeds is tagged `world`.
fn spec(n: u64) -> FeedSync {
    let url = feed_url(n);
    let tags = if n.is_multiple_of(10) { vec!["world".to_owned()] } else { Vec::new() };
    let spec = FeedSpec { url, name: Some(format!("Feed {n}")), tags: tags.into(), enabled: true };
    FeedSync { spec: spec.into(), policy: "every 60s".into(), address: None }
}

fn feed_url(n: u64) -> FeedUrl {
    FeedUrl::parse(&format!("https://feed-{n}.example/rss")).expect("a URL")
}

fn decision(feed: FeedId, document: u64, now: Timestamp) -> Arc<Decision> {
    let number = document % FEEDS;
    let drafts = (0..DOCUMENT).map(|n| draft(document * DOCUMENT + n, now));
    let document = Document {
        meta: FeedMeta::default(),
        remembered: Remembered::default(),
        drafts: drafts.collect(),
        ..Document::default()
    };
    Arc::new(Decision {
        feed,
        url: feed_url(number),
        polled_at: now,
        observed: Observed::of(PollOutcome::Fresh(Box::new(document))),
        min_waits: Vec::new(),
        health: Health::default(),
        next: NextPoll { at: Some(now), because: Reason::Interval },
        moved: None,
        new_feed_url: None,
        next_host: None,
        pause: None,
        forgiven: None,
    })
}

/// `SplitMix64` (Steele, Lea and Flood, 2014), so that every run makes the same articles.
fn mixed(mut n: u64) -> u64 {
    n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A made-up word. The frequencies of the words are distributed about as in a language (Zipf's law), because the
/// index is the square of a uniform number.
fn word(seed: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu",
        "va",
    ];
    let uniform = mixed(seed) % 1_000;
    let mut n = uniform * uniform * uniform / 20_000; // 0 to 50,000, the small ones far more often
    let mut word = String::new();
    loop {
        word.push_str(SYLLABLES[usize::try_from(n % 16).expect("a small number")]);
        n /= 16;
        if n == 0 {
            return word;
        }
    }
}

fn draft(n: u64, now: Timestamp) -> ArticleDraft {
    let words = |first: u64, count: u64| -> String {
        (first..first + count).map(|i| word((n << 20) + i)).collect::<Vec<_>>().join(" ")
    };
    let paragraph = |i: u64| {
        let text = words(100 + i * 50, WORDS / 5);
        format!(
            "<p>{text} <a href=\"https://site.example/{n}/{i}\" rel=\"noopener noreferrer\">more</a></p>"
        )
    };
    ArticleDraft {
        key: ArticleKey(mixed(n)),
        former_key: None,
        hash: ContentHash(mixed(n + 1)),
        guid: Some(format!("https://site.example/{n}")),
        url: Some(format!("https://site.example/{n}")),
        external_url: None,
        title: Some(words(0, 8)),
        summary: Some(words(20, 30)),
        content_html: Some(SanitisedHtml::from_store((0..5).map(paragraph).collect())),
        image: None,
        authors: vec![Person { name: Some(words(60, 2)), ..Person::default() }],
        tags: vec![word((n << 20) + 70)],
        language: Some(if n.is_multiple_of(3) { "de" } else { "en-GB" }.to_owned()),
        published: Some(now - TimeDelta::minutes(i64::try_from(mixed(n) % 600).expect("small"))),
        modified: None,
        attachments: Vec::new(),
        podcast: None,
    }
}
