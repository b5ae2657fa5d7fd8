//! Fills a store with many articles through the program's own code, reads from it with the program, and prints what each
//! read costs beside what it should cost.
//!
//! `cargo bench --bench million -- FILE` writes a new store of 1,000,000 articles of 1,000 feeds, a tenth of them
//! tagged `world`, with its text index. If the file exists, the articles in it are read, so that two versions of the program
//! can be compared; the version of the schema is raised, and the feeds in it are disabled. `--feeds` and
//! `--articles` change the size. Without a file it does nothing, so that `cargo bench` continues.
#![expect(clippy::print_stdout, reason = "the report is what it is for")]

#[path = "end_to_end/measure.rs"]
mod measure;
#[path = "million/reading.rs"]
mod reading;

use gazetted::html::sanitise::SanitisedHtml;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::{Parser, Subcommand};
use gazetted::domain::article::{ArticleDraft, ArticleKey, ContentHash, Person};
use gazetted::domain::feed::{FeedId, FeedMeta, FeedSpec, FeedUrl};
use gazetted::domain::poll::{
    Decision, Document, Health, NextPoll, Observed, PollOutcome, Reason, Remembered,
};
use gazetted::domain::time::{TimeDelta, Timestamp};
use gazetted::passes::index;
use gazetted::store::{FeedSync, Location, Storing};

const STORING: Storing =
    Storing { keep_revisions: 20, hide_future: false, full_text: false, leased_until: None };

/// The most articles in one poll.
const DOCUMENT: u64 = 50;
/// The number of words in an article. This makes about 2 KB of HTML, as in most feeds.
const WORDS: u64 = 260;

#[derive(Parser)]
struct Args {
    /// The store, which is made if it does not exist
    file: Option<PathBuf>,
    #[arg(long, default_value_t = 1_000_000)]
    articles: u64,
    #[arg(long, default_value_t = 1_000)]
    feeds: u64,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    inner: Option<Inner>,
}

/// The inner process that measures one command ([`measure`]).
#[derive(Subcommand)]
enum Inner {
    #[command(hide = true)]
    Measured {
        #[arg(long)]
        open_files: u64,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

/// The size of a store.
#[derive(Clone, Copy)]
struct Size {
    articles: u64,
    feeds: u64,
    /// The number of articles in one poll.
    document: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Inner::Measured { open_files, command }) = args.inner {
        println!("{}", serde_json::to_string(&measure::measured(&command, open_files)?)?);
        return Ok(());
    }
    let Some(file) = &args.file else { return Ok(()) };
    if !file.exists() {
        let document = (args.articles / args.feeds.max(1)).clamp(1, DOCUMENT);
        let size = Size { articles: args.articles, feeds: args.feeds.max(1), document };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(fill(file, size));
    }
    reading::report(file)
}

async fn fill(file: &Path, size: Size) {
    let Size { articles, feeds, document: in_document } = size;
    let store = Location::file(file).open().expect("a store");
    let specs = (0..feeds).map(spec).collect();
    let ids = store.sync_feeds(specs, start()).await.expect("a feed list").ids;
    let began = Instant::now();
    for document in 0..articles / in_document {
        let feed = usize::try_from(document % feeds).expect("a small number");
        let now =
            start() + TimeDelta::seconds(i64::try_from(document).expect("a small number") * 60);
        let applied = store.apply(decision(ids[feed], document, size, now), STORING);
        applied.await.expect("stored");
    }
    println!("{articles} articles in {feeds} feeds stored in {:.1?}", began.elapsed());
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

fn decision(feed: FeedId, document: u64, size: Size, now: Timestamp) -> Arc<Decision> {
    let number = document % size.feeds;
    let drafts = (0..size.document).map(|n| draft(document * size.document + n, now));
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

/// The title of an article. One of 500 has [`reading::RARE`] in it: even the rarest of the made-up words is in a quarter of the
/// articles.
fn title(n: u64, words: String) -> String {
    if n.is_multiple_of(500) { format!("{words} {}", reading::RARE) } else { words }
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
        title: Some(title(n, words(0, 8))),
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
