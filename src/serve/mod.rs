//! The HTTP server. It serves what is in the store and only reads it; two commands, which require the token,
//! go to the daemon.
//!
//! A request passes `listen` (number of connections and their time limits), then the layers of `router`: the
//! headers of every response, compression, the time limit and `access`. The store is read on a blocking thread
//! with a connection of the `reader_pool` and a deadline.

mod access;
mod compression;
mod conditional;
mod control;
mod edits;
mod error_response;
mod event_stream;
mod export;
mod listen;
mod page;
mod params;
mod places;
mod probes;
mod reader_pool;
mod stories;
mod stream;
mod view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tower_http::compression::CompressionLayer;

use crate::config::ServerConfig;
use crate::html::sanitise::VIDEO_HOSTS;
use crate::store::{Identity, Store};
use crate::telemetry::events;

use access::Access;
use conditional::Changes;
pub use control::{Command, ReloadError};
pub use listen::{BindError, bind};
use places::Places;
use reader_pool::ReaderPool;

/// The time limit for a response to begin. Pages take milliseconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The most bytes of a request body. No route reads one.
const MAX_BODY: usize = 4096;

/// The channels between server and daemon.
pub struct Daemon {
    /// Receives the commands.
    pub commands: mpsc::Sender<Command>,
    /// Changes whenever a poll stored something.
    pub news: watch::Receiver<u64>,
    /// Becomes true when the listener has to end.
    pub closing: watch::Receiver<bool>,
}

/// What all requests share. A clone refers to the same data.
#[derive(Clone)]
pub struct Site(Arc<Shared>);

struct Shared {
    access: watch::Sender<Access>,
    reader_pool: ReaderPool,
    /// The store's file when it was opened.
    /// The file of the store, if it is one.
    store: Option<Arc<Identity>>,
    /// The times of the last changes of exports and pages.
    changes: Changes,
    commands: mpsc::Sender<Command>,
    /// Changes whenever a poll stored something.
    news: watch::Receiver<u64>,
    /// Becomes true when the listener has to end.
    closing: watch::Receiver<bool>,
    /// Limits the clients of the event stream.
    listeners: Arc<Places>,
    /// Limits the exports that are being sent.
    downloads: Arc<Places>,
    /// Whether the store's list of feeds is the configuration's.
    ready: AtomicBool,
}

impl Site {
    pub fn new(config: &ServerConfig, store: &Store, daemon: Daemon) -> Self {
        let Daemon { commands, news, closing } = daemon;
        Self(Arc::new(Shared {
            access: watch::Sender::new(Access::of(config)),
            reader_pool: ReaderPool::new(store.location().clone()),
            store: store.identity(),
            changes: Changes::default(),
            commands,
            news,
            closing,
            listeners: Places::new(event_stream::MAX_CLIENTS, Duration::MAX),
            downloads: Places::new(stream::MAX_DOWNLOADS, stream::PATIENCE),
            ready: AtomicBool::new(false),
        }))
    }

    /// Applies the settings that can change while connections stay open: the token, `public` and the hub.
    pub fn reconfigure(&self, config: &ServerConfig) {
        self.0.access.send_replace(Access::of(config));
    }

    /// Makes `/readyz` respond with 200.
    pub fn set_ready(&self) {
        self.0.ready.store(true, Ordering::Relaxed);
    }

    fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Relaxed)
    }

    /// Whether the store's file is still at its path.
    fn has_store(&self) -> bool {
        self.0.store.as_ref().is_none_or(|file| file.is_in_place())
    }

    fn reader_pool(&self) -> &ReaderPool {
        &self.0.reader_pool
    }

    fn changes(&self) -> &Changes {
        &self.0.changes
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.0.news.clone()
    }

    fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.clone()
    }

    fn listeners(&self) -> &Arc<Places> {
        &self.0.listeners
    }

    fn downloads(&self) -> &Arc<Places> {
        &self.0.downloads
    }

    fn access(&self) -> Access {
        self.0.access.borrow().clone()
    }
}

/// Serves until `closing` is true, then waits for the requests in progress. The caller limits that wait.
pub async fn run(listener: TcpListener, site: Site) {
    let closing = site.closing();
    listen::serve(listener, site.clone(), router(site), closing).await;
}

fn router(site: Site) -> Router {
    // The outermost layer is the last, so that the log shows what the client gets.
    Router::new()
        .route("/", get(page::latest))
        .route("/search", get(page::search))
        .route("/feeds", get(page::feeds))
        .route("/feeds/{id}", get(page::feed))
        .route("/articles/{id}", get(page::article))
        .route("/stories", get(page::stories))
        .route("/stories/{id}", get(page::story))
        .route("/stories.atom", get(stories::stories))
        .route("/style.css", get(page::style))
        .route("/shortcuts.js", get(page::shortcuts))
        .route("/icon.svg", get(page::icon))
        .route("/icons/{name}", get(page::site_icon))
        .route("/favicon.ico", get(page::icon)) // Asked for by browsers that show an export.
        .route("/healthz", get(probes::health))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(probes::metrics))
        .route("/export.{format}", get(export::export))
        .route("/changes.atom", get(edits::edits))
        .route("/events", get(event_stream::follow))
        .route("/-/reload", any(control::reload))
        .route("/-/poll", any(control::poll))
        .fallback(error_response::not_found)
        .method_not_allowed_fallback(error_response::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(site.clone(), access::guard))
        .layer(from_fn(access::require_host))
        .layer(from_fn(limit_time))
        .layer(from_fn(page::error_page))
        .layer(CompressionLayer::new())
        .layer(from_fn(compression::off_runtime))
        .layer(from_fn(finish))
        .with_state(site)
}

async fn limit_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => error_response::busy("this took too long; ask for less, or try again later"),
    }
}

/// The Content Security Policy: no framing by other sites, and no scripts except those that `more` allows. Images and
/// media of articles may come from anywhere, frames only from the video hosts that the sanitiser allows.
fn policy(style: &str, more: &str) -> HeaderValue {
    let videos = VIDEO_HOSTS.map(|host| format!("https://{host}")).join(" ");
    let policy = format!(
        "default-src 'none'; img-src http: https:; media-src http: https:; style-src {style}; \
         frame-src {videos}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'{more}"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy("'self'", ""));

/// The policy of a page with keyboard shortcuts.
static POLICY_WITH_SCRIPT: LazyLock<HeaderValue> =
    LazyLock::new(|| policy("'self'", "; script-src 'self'"));

const SECURITY: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    // Pages of other sites may not embed responses. Feed readers are no pages, and ignore this.
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers that every response has, and logs the request.
async fn finish(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| POLICY.clone());
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    events::request_answered(route, response.status().as_u16(), began.elapsed());
    response
}
