//! The feed server. Bodies are generated and compressed beforehand, so that a response costs little.
//!
//! It runs on a thread of this process, whose CPU time is not counted.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::Mode;
use crate::corpus::Corpus;

/// The number of hosts that serve the feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Hosts {
    /// A loopback address for each feed, because most real feeds are on different hosts. Linux only
    Each,
    /// All feeds are on 127.0.0.1
    One,
}

/// A running server. It ends with the process.
pub(crate) struct Server {
    site: Arc<Site>,
    address: SocketAddr,
    hosts: Hosts,
}

struct Site {
    corpus: Arc<Corpus>,
    latencies: Vec<Duration>,
    mode: AtomicU8,
    whole: AtomicUsize,
    not_modified: AtomicUsize,
    refused: AtomicUsize,
}

/// The numbers of responses since the mode was last set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replies {
    pub whole: usize,
    pub not_modified: usize,
    /// Requests with a wrong address, or from a client that does not accept gzip.
    pub refused: usize,
}

impl Server {
    /// `latency` is the mean time before a response. Those of the feeds are spread evenly from none to twice as long.
    pub(crate) fn start(
        corpus: Arc<Corpus>,
        hosts: Hosts,
        latency: Duration,
    ) -> anyhow::Result<Self> {
        let latencies = spread(latency, corpus.feeds.len());
        let site = Arc::new(Site {
            corpus,
            latencies,
            mode: AtomicU8::new(0),
            whole: AtomicUsize::new(0),
            not_modified: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        // Only the wildcard address receives connections to all of 127.0.0.0/8. `answer` rejects clients from elsewhere.
        let ip = match hosts {
            Hosts::Each => Ipv4Addr::UNSPECIFIED,
            Hosts::One => Ipv4Addr::LOCALHOST,
        };
        let listener = std::net::TcpListener::bind(SocketAddrV4::new(ip, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let app = Router::new().route("/f/{feed}", get(answer)).with_state(Arc::clone(&site));
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let listener = {
            let _guard = runtime.enter();
            TcpListener::from_std(listener).context("listen on loopback")?
        };
        thread::Builder::new().name("server".into()).spawn(move || {
            let listener = listener.tap_io(|stream| {
                // Otherwise a response in two segments may wait for an acknowledgement.
                drop(stream.set_nodelay(true));
            });
            runtime.block_on(async { axum::serve(listener, app).await })
        })?;
        Ok(Self { site, address, hosts })
    }

    /// Sets what the server responds with from now on, and resets the counters.
    pub(crate) fn set(&self, mode: Mode) {
        let site = &self.site;
        site.mode.store(mode as u8, Ordering::SeqCst);
        for count in [&site.whole, &site.not_modified, &site.refused] {
            count.store(0, Ordering::SeqCst);
        }
    }

    /// The latencies of all feeds together.
    pub(crate) fn sum_of_latencies(&self) -> Duration {
        self.site.latencies.iter().sum()
    }

    pub(crate) fn replies(&self) -> Replies {
        let site = &self.site;
        Replies {
            whole: site.whole.load(Ordering::SeqCst),
            not_modified: site.not_modified.load(Ordering::SeqCst),
            refused: site.refused.load(Ordering::SeqCst),
        }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        let port = self.address.port();
        let host = |index: usize| match self.hosts {
            Hosts::One => Ipv4Addr::LOCALHOST,
            Hosts::Each => {
                let low = u32::try_from(index + 2).unwrap_or(0) & 0x00ff_ffff;
                Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() & 0xff00_0000 | low)
            }
        };
        let feeds = 0..self.site.corpus.feeds.len();
        feeds.map(|index| format!("http://{}:{port}/f/{index:05}", host(index))).collect()
    }
}

/// The latency of each feed. Neighbours in the list have different ones.
fn spread(mean: Duration, feeds: usize) -> Vec<Duration> {
    let step = (2 * mean).checked_div(u32::try_from(feeds).unwrap_or(u32::MAX)).unwrap_or_default();
    // A prime, so that each feed has a place of its own.
    let places = (0..feeds).map(|index| index * 7_919 % feeds);
    places.map(|place| step * u32::try_from(place).unwrap_or(u32::MAX)).collect()
}

async fn answer(
    State(site): State<Arc<Site>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(index): Path<usize>,
    headers: HeaderMap,
) -> Response<Body> {
    let names = |name, value: &str| {
        headers
            .get(name)
            .and_then(|text| text.to_str().ok())
            .is_some_and(|text| text.contains(value))
    };
    let feed = site.corpus.feeds.get(index);
    let Some(feed) =
        feed.filter(|_| peer.ip().is_loopback() && names(header::ACCEPT_ENCODING, "gzip"))
    else {
        site.refused.fetch_add(1, Ordering::SeqCst);
        return reply(Response::builder().status(StatusCode::NOT_ACCEPTABLE), Body::empty());
    };
    if let Some(latency) = site.latencies.get(index).filter(|latency| !latency.is_zero()) {
        tokio::time::sleep(*latency).await;
    }
    let mode = site.mode.load(Ordering::SeqCst);
    let document = if mode == Mode::Churn as u8 { &feed.churned } else { &feed.first };
    let mut head = Response::builder();
    if mode != Mode::SameBody as u8 {
        head = head
            .header(header::ETAG, &document.etag)
            .header(header::LAST_MODIFIED, &document.last_modified);
        if names(header::IF_NONE_MATCH, &document.etag) {
            site.not_modified.fetch_add(1, Ordering::SeqCst);
            return reply(head.status(StatusCode::NOT_MODIFIED), Body::empty());
        }
    }
    site.whole.fetch_add(1, Ordering::SeqCst);
    let head = head
        .header(header::CONTENT_TYPE, document.content_type)
        .header(header::CONTENT_ENCODING, "gzip");
    reply(head, Body::from(document.gzip.clone()))
}

fn reply(head: axum::http::response::Builder, body: Body) -> Response<Body> {
    head.body(body).unwrap_or_default()
}
