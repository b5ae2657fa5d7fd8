//! `GET /events`: server-sent events (HTML Living Standard, section 9.2), one for each article that is new, edited
//! or removed. The id of an event is the sequence number. A client that reconnects sends the last id, so that it
//! misses no event.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::watch;

use super::listen::end;
use super::params::Params;
use super::places::{self, Place};
use super::view::View;
use super::{Site, error_response};
use crate::clock;
use crate::domain::article::{Article, Change};
use crate::domain::query::Query;
use crate::export::Format;
use crate::export::record::Record;
use crate::passes::export::with_text;
use crate::store::{Reader, StoreError};
use crate::telemetry::events;

/// The most clients at the same time: half of the connections.
pub(super) const MAX_CLIENTS: usize = 256;

/// The number of events that are read from the store at once.
const BATCH: u64 = 50;

/// The interval of comments that keep the connection open: proxies close connections that are silent for a
/// minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The wait of a client before it reconnects.
const RETRY: Duration = Duration::from_secs(5);

/// The wait after a change, so that changes in quick succession are read together.
const DEBOUNCE: Duration = Duration::from_millis(200);

const DEADLINE: Duration = Duration::from_secs(10);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A connected client.
struct Client {
    site: Site,
    /// Its filters, and the sequence number after which to continue.
    query: Query,
    waiting: VecDeque<Event>,
    news: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    place: Place,
}

pub(super) async fn follow(
    State(site): State<Site>,
    Extension(client): Extension<places::Client>,
    Extension(view): Extension<View>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let params = Params::read(&uri, BATCH, (clock::now(), view.zone));
    let mut params = params.map_err(|why| error_response::bad_request(&why))?;
    let is_of_pages = |name: &str| matches!(name, "limit" | "sort");
    let paged = params.kept.iter().map(|(name, _)| &**name).find(|name| is_of_pages(name));
    if let Some(name) = paged.or(params.query.before.map(|_| "before")) {
        let why = format!("{name}: events have no pages; they come one by one, oldest first");
        return Err(error_response::bad_request(&why));
    }
    if params.query.sightings && params.query.with_duplicates {
        let why = "sightings: goes without with-duplicates, which has each sighting as an article";
        return Err(error_response::bad_request(why));
    }
    // The header of a reconnecting browser is newer than the parameter in the address.
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let last = last.and_then(|id| id.trim().parse().ok()).or(params.query.after_seq);
    let Some(place) = site.listeners().take(client) else {
        return Err(error_response::busy("too many clients are listening"));
    };
    let news = site.news();
    let now = params.load(site.reader_pool(), |reader, _| reader.announced_sequence()).await?;
    // A number that does not exist yet comes from another store, or from before a backup was restored. New
    // events must not wait until it is reached.
    let start = last.unwrap_or(now).min(now);
    params.query.after_seq = Some(start);
    params.query.limit = Some(BATCH);
    // An event without data calls no handler, but a client that is disconnected now reconnects at this number.
    let hello = Event::default().id(start.to_string()).retry(RETRY);
    let closing = site.closing();
    let waiting = VecDeque::from([hello]);
    let client = Client { site, query: params.query, waiting, news, closing, place };
    let events = unfold(client, |mut client| async {
        let event = client.next().await?;
        Some((Ok::<_, Infallible>(event), client))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

impl Client {
    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            self.news.mark_unchanged();
            let query = self.query.clone();
            let read =
                self.site.reader_pool().read(DEADLINE, move |reader| changes(reader, &query));
            match read.await {
                Ok(read) => self.take(read),
                Err(error) => {
                    events::request_failed(&error);
                    return None; // The client reconnects.
                }
            }
            if self.waiting.is_empty() {
                tokio::select! {
                    () = end(&mut self.closing) => return None,
                    () = self.place.revoked() => return None, // Others have none; it reconnects.
                    changed = self.news.changed() => changed.ok()?,
                }
                tokio::time::sleep(DEBOUNCE).await;
            } else if *self.closing.borrow() {
                return None;
            }
        }
    }

    fn take(&mut self, (changes, came_to): (Vec<Change>, i64)) {
        let full = u64::try_from(changes.len()).is_ok_and(|count| count == BATCH);
        // Changes that the filters excluded are not read again.
        let last = if full { changes.last().map(Change::seq) } else { Some(came_to) };
        self.query.after_seq = self.query.after_seq.max(last);
        self.waiting.extend(changes.into_iter().filter_map(event));
    }
}

/// The next changes, and the sequence number up to which they are all.
fn changes(reader: &Reader, query: &Query) -> Result<(Vec<Change>, i64), StoreError> {
    let came_to = reader.announced_sequence()?;
    let changes = reader.changes(query, clock::now(), |changes| {
        changes.collect::<Result<Vec<Change>, StoreError>>()
    })??;
    Ok((changes, came_to))
}

fn event(change: Change) -> Option<Event> {
    let seq = change.seq();
    let record = |article: Article| {
        let article = with_text(article, Format::Json);
        serde_json::to_string(&Record::of(&article)).ok()
    };
    let (kind, data) = match change {
        Change::New(article) => ("new", record(article)?),
        Change::Edited(article) => ("edited", record(article)?),
        Change::Removed(removal) => {
            ("removed", json!({ "id": removal.id.0, "seq": removal.seq }).to_string())
        }
    };
    Some(Event::default().id(seq.to_string()).event(kind).data(data))
}
