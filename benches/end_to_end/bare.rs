//! The baseline: what the network, the parser and `SQLite` cost without gazetted.
//!
//! One thread serves the sockets, two unpack and parse, and one writes. There is no sanitising, no text index, no
//! schedule and no limit, so this is not an aggregator. The difference to it is what gazetted adds.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io, thread};

use anyhow::{Context as _, anyhow, ensure};
use feed_rs::parser;
use flate2::read::GzDecoder;
use reqwest::{Client, StatusCode, header};
use rusqlite::{Connection, params};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use xxhash_rust::xxh3::xxh3_64;

/// How much of the work is done. Each variant includes the work of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, clap::ValueEnum)]
pub(crate) enum Depth {
    /// Bodies are received and dropped, still compressed.
    Fetch,
    /// Bodies are decompressed and hashed. When the hash is new, feed-rs parses them.
    Parse,
    /// Entries are written to `SQLite` in bulk, with the poll state of the feeds.
    Insert,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Task {
    #[arg(long, value_enum)]
    pub depth: Depth,
    /// A file with one line for each feed: URL, `ETag` to send and hash of the known body, separated by tabs
    #[arg(long)]
    pub list: PathBuf,
    /// The database for `insert`, which reads `ETag` and hash from it
    #[arg(long)]
    pub store: PathBuf,
    #[arg(long, default_value_t = 64)]
    pub concurrency: usize,
    /// Keep connections open, because the feeds share a host
    #[arg(long)]
    pub one_host: bool,
}

const PARSERS: usize = 2;
const ENTRIES_A_COMMIT: usize = 2_000;

/// A feed to poll, with its validator and the hash of its last body.
#[derive(Clone, Debug)]
struct Target {
    url: String,
    etag: Option<String>,
    hash: Option<u64>,
}

struct Reply {
    feed: usize,
    etag: Option<String>,
    /// None: 304.
    body: Option<Vec<u8>>,
}

struct Parsed {
    feed: usize,
    etag: Option<String>,
    /// None: 304.
    hash: Option<u64>,
    entries: Vec<Row>,
}

struct Row {
    guid: String,
    hash: i64,
    title: Option<String>,
    url: Option<String>,
    date: Option<i64>,
    html: Option<String>,
}

pub(crate) fn run(task: &Task) -> anyhow::Result<()> {
    let mut targets = read_list(task)?;
    let writer = match task.depth {
        Depth::Insert => Some(open(task, &mut targets)?),
        Depth::Fetch | Depth::Parse => None,
    };
    let targets = Arc::new(targets);
    let (replies, to_parse) = mpsc::channel::<Reply>(16);
    let (parsed, to_write) = std::sync::mpsc::sync_channel::<Parsed>(16);
    let to_parse = Mutex::new(to_parse);
    thread::scope(|scope| {
        let parsers: Vec<_> = (0..PARSERS)
            .map(|_| {
                let (parsed, to_parse, targets) = (parsed.clone(), &to_parse, &targets);
                scope.spawn(move || -> anyhow::Result<()> {
                    while let Some(reply) = next(to_parse) {
                        let known = targets.get(reply.feed).and_then(|target| target.hash);
                        if parsed.send(parse(reply, known)?).is_err() {
                            break; // The writer failed, and says why.
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        drop(parsed);
        let writing = scope.spawn(move || {
            let feeds = to_write.into_iter();
            if let Some(store) = writer {
                write(store, feeds)
            } else {
                let _: () = feeds.for_each(drop);
                Ok(())
            }
        });
        fetch_all(task, &targets, replies)?;
        for parser in parsers {
            parser.join().map_err(|_| anyhow!("a parser panicked"))??;
        }
        writing.join().map_err(|_| anyhow!("the writer panicked"))?
    })
}

fn next(queue: &Mutex<mpsc::Receiver<Reply>>) -> Option<Reply> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

fn read_list(task: &Task) -> anyhow::Result<Vec<Target>> {
    let list = fs::read_to_string(&task.list)?;
    let target = |line: &str| {
        let mut fields = line.split('\t');
        let mut field = || fields.next().filter(|text| !text.is_empty()).map(str::to_owned);
        let (url, etag, hash) = (field().context("a line without URL")?, field(), field());
        let hash = hash.map(|text| u64::from_str_radix(&text, 16)).transpose()?;
        anyhow::Ok(Target { url, etag, hash })
    };
    list.lines().map(target).collect()
}

fn fetch_all(
    task: &Task,
    targets: &Arc<Vec<Target>>,
    replies: mpsc::Sender<Reply>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let idle = if task.one_host { task.concurrency } else { 0 };
    let client = Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(idle)
        .build()?;
    let turn = Arc::new(AtomicUsize::new(0));
    let depth = task.depth;
    runtime.block_on(async {
        let mut workers = JoinSet::new();
        for _ in 0..task.concurrency {
            let (client, replies) = (client.clone(), replies.clone());
            let (turn, targets) = (Arc::clone(&turn), Arc::clone(targets));
            workers.spawn(async move {
                loop {
                    let feed = turn.fetch_add(1, Ordering::Relaxed);
                    let Some(target) = targets.get(feed) else { return anyhow::Ok(()) };
                    let reply = fetch(&client, depth, feed, target).await;
                    let reply = reply.with_context(|| format!("fetch {}", target.url))?;
                    if Depth::Fetch < depth && replies.send(reply).await.is_err() {
                        return Ok(()); // The parsers failed, and say why.
                    }
                }
            });
        }
        drop(replies);
        while let Some(worker) = workers.join_next().await {
            worker??;
        }
        Ok(())
    })
}

async fn fetch(
    client: &Client,
    depth: Depth,
    feed: usize,
    target: &Target,
) -> anyhow::Result<Reply> {
    let mut request = client.get(&target.url).header(header::ACCEPT_ENCODING, "gzip");
    if let Some(etag) = &target.etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    let mut response = request.send().await?;
    let etag = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
    let etag = etag.map(str::to_owned);
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok(Reply { feed, etag, body: None });
    }
    ensure!(response.status() == StatusCode::OK, "status {}", response.status());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if Depth::Fetch < depth {
            body.extend_from_slice(&chunk);
        }
    }
    Ok(Reply { feed, etag, body: Some(body) })
}

fn parse(reply: Reply, known: Option<u64>) -> anyhow::Result<Parsed> {
    let Reply { feed, etag, body } = reply;
    let Some(gzip) = body else {
        return Ok(Parsed { feed, etag, hash: None, entries: Vec::new() });
    };
    let mut body = Vec::with_capacity(gzip.len() * 5);
    io::copy(&mut GzDecoder::new(gzip.as_slice()), &mut body)?;
    let hash = xxh3_64(&body);
    if known == Some(hash) {
        return Ok(Parsed { feed, etag, hash: Some(hash), entries: Vec::new() });
    }
    // The default id is a hash of the title too, so that an edited entry would become a second one.
    let link = |links: &[feed_rs::model::Link]| links.first().map(|link| link.href.clone());
    let parser = parser::Builder::new()
        .id_generator(move |links, _, _| link(links).unwrap_or_default())
        .build();
    let document = parser.parse(body.as_slice()).with_context(|| format!("parse feed {feed}"))?;
    let entries = document.entries.into_iter().map(row).collect();
    Ok(Parsed { feed, etag, hash: Some(hash), entries })
}

fn row(entry: feed_rs::model::Entry) -> Row {
    let html = entry.content.and_then(|content| content.body);
    let html = html.or_else(|| entry.summary.map(|summary| summary.content));
    let title = entry.title.map(|title| title.content);
    let url = entry.links.into_iter().next().map(|link| link.href);
    let date = entry.published.or(entry.updated).map(|date| date.timestamp());
    let parts = [title.as_deref(), url.as_deref(), html.as_deref()].map(Option::unwrap_or_default);
    let hash = i64::from_ne_bytes(xxh3_64(parts.join("\0").as_bytes()).to_ne_bytes());
    Row { guid: entry.id, hash, title, url, date, html }
}

/// Opens the database, and copies the known validators and hashes into `targets`.
fn open(task: &Task, targets: &mut [Target]) -> anyhow::Result<Connection> {
    let store = Connection::open(&task.store)?;
    store.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA cache_size = -16384;
         CREATE TABLE IF NOT EXISTS feed (
             id INTEGER PRIMARY KEY, etag TEXT, hash INTEGER, polls INTEGER NOT NULL
         ) STRICT;
         CREATE TABLE IF NOT EXISTS article (
             id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, feed INTEGER NOT NULL, guid TEXT NOT NULL,
             hash INTEGER NOT NULL, revision INTEGER NOT NULL DEFAULT 0,
             title TEXT, url TEXT, date INTEGER, html TEXT
         ) STRICT;
         CREATE UNIQUE INDEX IF NOT EXISTS article_guid ON article (feed, guid);
         CREATE INDEX IF NOT EXISTS article_date ON article (date);
         CREATE INDEX IF NOT EXISTS article_seq ON article (seq);",
    )?;
    let mut known = store.prepare("SELECT id, etag, hash FROM feed")?;
    let mut rows = known.query([])?;
    while let Some(row) = rows.next()? {
        let feed = usize::try_from(row.get::<_, i64>(0)?)?;
        if let Some(target) = targets.get_mut(feed) {
            target.etag = row.get(1)?;
            target.hash = row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned);
        }
    }
    drop(rows);
    drop(known);
    Ok(store)
}

fn write(mut store: Connection, feeds: impl Iterator<Item = Parsed>) -> anyhow::Result<()> {
    let mut feeds = feeds.peekable();
    let mut seq: i64 =
        store.query_row("SELECT coalesce(max(seq), 0) FROM article", [], |row| row.get(0))?;
    while feeds.peek().is_some() {
        let transaction = store.transaction()?;
        let mut entries = 0;
        {
            let mut upsert = transaction.prepare_cached(
                "INSERT INTO article (seq, feed, guid, hash, title, url, date, html)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (feed, guid) DO UPDATE SET
                     seq = excluded.seq, hash = excluded.hash, title = excluded.title,
                     url = excluded.url, html = excluded.html, revision = revision + 1
                 WHERE hash <> excluded.hash",
            )?;
            let mut polled = transaction.prepare_cached(
                "INSERT INTO feed (id, etag, hash, polls) VALUES (?1, ?2, ?3, 1)
                 ON CONFLICT (id) DO UPDATE SET
                     etag = excluded.etag, hash = coalesce(excluded.hash, hash), polls = polls + 1",
            )?;
            while entries < ENTRIES_A_COMMIT
                && let Some(feed) = feeds.next()
            {
                let id = i64::try_from(feed.feed)?;
                for row in &feed.entries {
                    seq += 1;
                    let Row { guid, hash, title, url, date, html } = row;
                    upsert.execute(params![seq, id, guid, hash, title, url, date, html])?;
                }
                entries += feed.entries.len();
                polled.execute(params![id, feed.etag, feed.hash.map(u64::cast_signed)])?;
            }
        }
        transaction.commit()?;
    }
    store.close().map_err(|(_, error)| error.into())
}
