//! The work on one document: finding its new items, parsing and normalising them, storing them.
//!
//! `cargo bench --bench pipeline`. Compare only runs on one machine; absolute times depend on it.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gazetted::domain::feed::FeedId;
use gazetted::domain::feed::{FeedSpec, FeedUrl};
use gazetted::domain::poll::{
    Decision, Document, Health, NextPoll, Observed, PollOutcome, Reason, Remembered,
    ServerInstructions, Transfer, Validators,
};
use gazetted::domain::time::Timestamp;
use gazetted::feed::document::document;
use gazetted::store::{FeedSync, Location, Storing};

const STORING: Storing =
    Storing { keep_revisions: 20, hide_future: false, full_text: false, leased_until: None };
use url::Url;

const ENTRIES: usize = 50;

fn now() -> Timestamp {
    Timestamp::from_timestamp(1_790_000_000, 0).expect("a moment in range")
}

/// An RSS document like that of a news site. Each item has a few paragraphs of escaped HTML.
fn rss(first: usize) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = String::from(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Bench</title>\
         <link>https://example.org/</link><description>A feed</description>",
    );
    for n in first..first + ENTRIES {
        let paragraph = "&lt;p&gt;The harbour was quiet &lt;a href=\"/more\"&gt;that morning&lt;/a&gt;, \
                         and the boats lay &lt;em&gt;still&lt;/em&gt; as they had the day before.&lt;/p&gt;";
        write!(
            text,
            "<item><title>Story {n}</title><link>https://example.org/{n}</link><guid>g{n}</guid>\
             <pubDate>Tue, 24 Nov 2026 10:00:00 GMT</pubDate><description>{}</description></item>",
            paragraph.repeat(12)
        )
        .expect("a string takes text");
    }
    text.push_str("</channel></rss>");
    text.into_bytes()
}

fn read(body: &[u8], remembered: &Remembered) -> Document {
    let base = Url::parse("https://example.org/feed").expect("a URL");
    document(body, &base, Some("application/rss+xml"), remembered, 2_000, now()).expect("a feed")
}

fn reading(c: &mut Criterion) {
    let body = rss(0);
    let known = read(&body, &Remembered::default()).remembered;
    let churned = rss(1);
    let mut group = c.benchmark_group("read a document of 50 entries");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("all new", |b| {
        b.iter(|| read(black_box(&body), &Remembered::default()));
    });
    group.bench_function("one new", |b| b.iter(|| read(black_box(&churned), &known)));
    group.finish();
}

fn feed_url() -> FeedUrl {
    FeedUrl::parse("https://example.org/feed").expect("a URL")
}

fn decision(feed: FeedId, document: Document) -> Arc<Decision> {
    Arc::new(Decision {
        feed,
        url: feed_url(),
        polled_at: now(),
        observed: Observed {
            instructions: ServerInstructions {
                validators: Some(Validators::default()),
                ..ServerInstructions::default()
            },
            transfer: Transfer { status: Some(200), ..Transfer::default() },
            ..Observed::of(PollOutcome::Fresh(Box::new(document)))
        },
        min_waits: Vec::new(),
        health: Health::default(),
        next: NextPoll { at: Some(now()), because: Reason::Interval },
        moved: None,
        new_feed_url: None,
        next_host: None,
        pause: None,
        forgiven: None,
    })
}

fn storing(c: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let document = read(&rss(0), &Remembered::default());
    let mut group = c.benchmark_group("store a document of 50 entries");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    let fresh = || {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Location::file(folder.path().join("bench.db")).open().expect("a store");
        let url = feed_url();
        let spec = FeedSpec { url, name: None, tags: Vec::new().into(), enabled: true };
        let feeds = vec![FeedSync { spec: spec.into(), policy: "every 60s".into(), address: None }];
        let synced = runtime.block_on(store.sync_feeds(feeds, now())).expect("a feed list");
        (folder, store, synced.ids[0])
    };
    group.bench_function("all new", |b| {
        b.iter_batched(
            fresh,
            |(folder, store, feed)| {
                let applied = store.apply(decision(feed, document.clone()), STORING);
                runtime.block_on(applied).expect("stored");
                (folder, store)
            },
            BatchSize::PerIteration,
        );
    });
    let (_folder, store, feed) = fresh();
    group.bench_function("all known", |b| {
        b.iter(|| {
            let applied = store.apply(decision(feed, document.clone()), STORING);
            runtime.block_on(applied).expect("stored")
        });
    });
    group.finish();
}

criterion_group!(benches, reading, storing);
criterion_main!(benches);
