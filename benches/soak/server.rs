//! The feed server. Good feeds have a new entry at some requests. Malicious feeds misbehave at every other request,
//! each with its own fault, so that the daemon never stops polling them.

use std::fmt::{self, Write as _};
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use gazetted::clock::now_precise;

use crate::faults::{FAULTS, send_slow};

/// The number of entries in a document: the newest ones.
const WINDOW: u32 = 20;
/// The number of requests after which a feed has a new entry.
const NEWS_EVERY: u32 = 4;

pub(crate) struct Site {
    feeds: Vec<Feed>,
    malicious: usize,
    slow: usize,
    behaving: AtomicBool,
    whole: AtomicU64,
    not_modified: AtomicU64,
    faults: AtomicU64,
}

#[derive(Default)]
struct Feed {
    requests: AtomicU32,
    /// The entries with numbers below this have been in a document.
    offered: AtomicU32,
    /// The times of the requests before [`Site::behave`].
    asked: Mutex<Vec<SystemTime>>,
}

impl Feed {
    fn asked(&self) -> MutexGuard<'_, Vec<SystemTime>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site {
    /// A site of so many feeds, `malicious` of which misbehave; `slow` of these send documents that take long to read.
    pub(crate) fn new(feeds: usize, malicious: usize, slow: usize) -> Self {
        Self {
            feeds: (0..feeds).map(|_| Feed::default()).collect(),
            malicious,
            slow,
            behaving: AtomicBool::new(false),
            whole: AtomicU64::new(0),
            not_modified: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        }
    }

    /// Malicious feeds are spread evenly among the others.
    pub(crate) fn is_malicious(&self, feed: usize) -> bool {
        self.malicious_before(feed) < self.malicious_before(feed + 1)
    }

    fn is_slow(&self, feed: usize) -> bool {
        self.is_malicious(feed) && self.malicious_before(feed) < self.slow
    }

    fn malicious_before(&self, feed: usize) -> usize {
        feed * self.malicious / self.feeds.len().max(1)
    }

    pub(crate) fn good(&self) -> usize {
        self.feeds.len() - self.malicious
    }

    /// From now on every feed responds correctly, and none has new entries.
    pub(crate) fn behave(&self) {
        self.behaving.store(true, SeqCst);
    }

    /// The number of entries that were in the documents of the feed.
    pub(crate) fn offered(&self, feed: usize) -> u32 {
        self.feeds.get(feed).map_or(0, |feed| feed.offered.load(SeqCst))
    }

    pub(crate) fn asked(&self, feed: usize) -> Vec<SystemTime> {
        self.feeds.get(feed).map(|feed| feed.asked().clone()).unwrap_or_default()
    }

    pub(crate) fn replies(&self) -> impl fmt::Display {
        let [whole, same, faults] =
            [&self.whole, &self.not_modified, &self.faults].map(|count| count.load(SeqCst));
        format!("{whole} documents, {same} times 304, {faults} faults")
    }
}

/// Listens on all addresses of 127.0.0.0/8, on a thread that ends with the process.
pub(crate) fn start(site: Arc<Site>) -> io::Result<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)))?;
    let port = listener.local_addr()?.port();
    thread::Builder::new().name("server".into()).spawn(move || {
        runtime.block_on(async {
            loop {
                let Ok((stream, peer)) = listener.accept().await else { continue };
                if peer.ip().is_loopback() {
                    let site = Arc::clone(&site);
                    // No response takes longer. The daemon times out much earlier.
                    let reply = async move { answer(&site, stream).await };
                    tokio::spawn(timeout(Duration::from_mins(1), reply));
                }
            }
        })
    })?;
    Ok(port)
}

async fn answer(site: &Site, mut stream: TcpStream) -> io::Result<()> {
    let request = request(&mut stream).await?;
    let index = request.split([' ', '/', '?']).nth(2).and_then(|feed| feed.parse::<usize>().ok());
    let Some((index, feed)) = index.and_then(|index| Some((index, site.feeds.get(index)?))) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    };
    let behaving = site.behaving.load(SeqCst);
    if !behaving {
        feed.asked().push(now_precise().into());
    }
    let count = feed.requests.fetch_add(1, SeqCst);
    if site.is_malicious(index) && count % 2 == 1 && !behaving {
        site.faults.fetch_add(1, SeqCst);
        let which = index + usize::try_from(count / 2).unwrap_or(0);
        if site.is_slow(index) {
            return send_slow(stream, which).await;
        }
        return FAULTS[which % FAULTS.len()].commit(stream).await;
    }
    let offered = match feed.offered.load(SeqCst) {
        known if behaving && known > 0 => known,
        _ => WINDOW + count / NEWS_EVERY,
    };
    feed.offered.store(offered, SeqCst);
    let etag = format!("\"{index}-{offered}\"");
    let head = if request.contains(&etag) {
        site.not_modified.fetch_add(1, SeqCst);
        format!("HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\nConnection: close\r\n\r\n")
    } else {
        site.whole.fetch_add(1, SeqCst);
        let body = document(index, offered);
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nETag: {etag}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}

async fn request(stream: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await? > 0 {}
    Ok(String::from_utf8_lossy(&request).into_owned())
}

fn document(feed: usize, offered: u32) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Feed {feed}</title>\
         <link>https://feed{feed}.example/</link><description>A soaked feed</description>"
    );
    for entry in (offered.saturating_sub(WINDOW)..offered).rev() {
        write!(
            text,
            "<item><guid isPermaLink=\"false\">{feed}-{entry}</guid><title>Article {entry} of {feed}</title>\
             <link>https://feed{feed}.example/{entry}</link><description>&lt;p&gt;The {entry}th paragraph, \
             with a &lt;a href=\"/more\"&gt;link&lt;/a&gt; and &lt;em&gt;weight&lt;/em&gt;.&lt;/p&gt;\
             </description></item>"
        )
        .unwrap_or_default();
    }
    text.push_str("</channel></rss>");
    text
}
