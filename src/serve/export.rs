//! `GET /export.FORMAT`: the document that `gazetted export` writes, with validators for conditional requests.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, LINK};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::runtime::Handle;

use super::compression::Streamed;
use super::conditional::{Version, hash};
use super::params::{Params, origin};
use super::places::{Client, Place};
use super::reader_pool::{ReadError, Readers};
use super::stream;
use super::{Site, error_response};
use crate::clock;
use crate::domain::article::{Article, ArticleId, Position};
use crate::domain::query::Query;
use crate::domain::time::Timestamp;
use crate::export::{self, Channel, Format, TableStyle};
use crate::passes::export::{ExportError, feeds, updated, with_text};
use crate::present::export_title;
use crate::store::{Reader, StoreError};

/// The most articles of a response when the request names no limit: more than a client misses between two
/// requests.
const DEFAULT_LIMIT: u64 = 100;

/// The time limit for reading the [`Outline`]. Writing the export takes as long as the client does.
const DEADLINE: Duration = Duration::from_secs(10);

/// The number of articles that are read at once.
const PAGE: usize = 50;

/// What is known about an export before it is written.
struct Outline {
    version: u64,
    /// The position at which the next page begins.
    next: Option<Position>,
    updated: Timestamp,
}

/// The addresses that an export names.
struct Addresses {
    this: String,
    next: Option<String>,
    home_page: String,
    hub: Option<String>,
}

pub(super) async fn export(
    State(site): State<Site>,
    Extension(client): Extension<Client>,
    Path(name): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(format) = Format::parse(&name) else {
        let why = format!("there is no format `{name}`; there are {}", Format::NAMES.join(", "));
        return error_response::refusal(StatusCode::NOT_FOUND, &why);
    };
    let now = clock::now();
    let params = match Params::read(&uri, DEFAULT_LIMIT, now) {
        Ok(params) => params,
        Err(why) => return error_response::refusal(StatusCode::BAD_REQUEST, &why),
    };
    let outline = match read_outline(&site, &params, now).await {
        Ok(outline) => outline,
        Err(response) => return response,
    };
    let origin = origin(&headers).unwrap_or_default();
    let addresses = Addresses {
        this: format!("{origin}{uri}"),
        next: outline.next.map(|next| format!("{origin}{}{}", uri.path(), params.link(Some(next)))),
        home_page: format!("{origin}/{}", params.link(None)),
        hub: site.access().hub().map(str::to_owned),
    };
    let (this, hub) = (addresses.this.as_bytes(), addresses.hub.as_deref().unwrap_or_default());
    let version = Version::of(hash(&[this, hub.as_bytes(), &outline.version.to_le_bytes()]));
    let version = site.changes().date(hash(&[this]), version, now);
    if version.is_known(&headers) {
        return own_policy(format, version.not_modified());
    }
    let mut response = if method == Method::HEAD {
        // Of unknown length, as the body of a GET is: 0 would be a false answer (RFC 9110 section 8.6).
        Response::new(Body::from_stream(stream::nothing()))
    } else {
        let Some(place) = site.downloads().take(client) else {
            return error_response::busy("too many exports are being sent; try again in a moment");
        };
        let times = (outline.updated, now);
        match body(&site, place, format, params.query, &addresses, times).await {
            Ok(body) => Response::new(body),
            Err(error) => return error.into_response(),
        }
    };
    response.extensions_mut().insert(Streamed);
    version.stamp(response.headers_mut());
    let kind = HeaderValue::from_static(format.media_type());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    add_links(&addresses, response.headers_mut());
    own_policy(format, response)
}

async fn read_outline(site: &Site, params: &Params, now: Timestamp) -> Result<Outline, Response> {
    let params = params.clone();
    let read = site.readers().read(DEADLINE, move |reader| match params.unknown(reader)? {
        Some(unknown) => Ok(Err(unknown)),
        None => outline(reader, &params.query, now).map(Ok),
    });
    match read.await {
        Ok(Ok(outline)) => Ok(outline),
        Ok(Err(unknown)) => {
            Err(error_response::refusal(StatusCode::NOT_FOUND, &format!("there is {unknown}")))
        }
        Err(error) => Err(error.into_response()),
    }
}

async fn body(
    site: &Site,
    place: Place,
    format: Format,
    query: Query,
    addresses: &Addresses,
    (updated, now): (Timestamp, Timestamp),
) -> Result<Body, ReadError> {
    let channel = Channel {
        title: export_title(query.feeds.iter().chain(&query.tags)),
        home_page_url: Some(addresses.home_page.clone()),
        feed_url: Some(addresses.this.clone()),
        next_url: addresses.next.clone(),
        hub_url: addresses.hub.clone(),
        description: None,
        updated,
        table: TableStyle { width: None, color: false, now },
        feeds: Vec::new(),
    };
    let (readers, runtime) = (site.readers().clone(), Handle::current());
    let write = move |out: &mut dyn io::Write| {
        let (ids, feeds) = readers.read_here(&runtime, |reader| -> Result<_, StoreError> {
            if format == Format::Opml {
                return Ok((Vec::new(), feeds(reader, &query)?));
            }
            Ok((reader.ids(&query, now)?, Vec::new()))
        })?;
        let channel = Channel { feeds, ..channel };
        let articles = Pages { readers, runtime, ids: ids.into_iter(), page: VecDeque::new() };
        let articles = articles.map(|article| Ok::<_, ExportError>(with_text(article?, format)));
        export::write(format, &channel, articles, out)?;
        Ok(())
    };
    stream::body(place, write).await
}

/// Articles that are read page by page. In between, no connection to the store is in use, so that a slow client
/// holds up no one.
struct Pages {
    readers: Readers,
    runtime: Handle,
    /// The ids of the articles that are not read yet.
    ids: std::vec::IntoIter<ArticleId>,
    page: VecDeque<Article>,
}

impl Iterator for Pages {
    type Item = Result<Article, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.page.is_empty() {
            let ids: Vec<ArticleId> = self.ids.by_ref().take(PAGE).collect();
            if ids.is_empty() {
                return None;
            }
            match self.readers.read_here(&self.runtime, |reader| page(reader, &ids)) {
                Ok(page) => self.page = page,
                Err(error) => return Some(Err(error)),
            }
        }
        self.page.pop_front().map(Ok)
    }
}

/// The articles with these ids, in this order. Articles that were removed meanwhile are left out.
fn page(reader: &Reader, ids: &[ArticleId]) -> Result<VecDeque<Article>, StoreError> {
    let query = Query { ids: ids.to_vec(), ..Query::default() };
    let mut articles: HashMap<ArticleId, Article> =
        reader.articles(&query, Timestamp::UNIX_EPOCH, |rows| {
            rows.map(|row| row.map(|article| (article.id.clone(), article)))
                .collect::<Result<_, StoreError>>()
        })??;
    Ok(ids.iter().filter_map(|id| articles.remove(id)).collect())
}

/// Adds `Link` fields (RFC 8288) for formats that cannot contain links, and for `WebSub`, which reads the
/// header first.
fn add_links(addresses: &Addresses, headers: &mut HeaderMap) {
    let Addresses { this, next, hub, .. } = addresses;
    let links =
        [("next", next.as_ref()), ("hub", hub.as_ref()), ("self", hub.as_ref().and(Some(this)))];
    for (relation, url) in links.into_iter().filter_map(|(name, url)| Some((name, url?))) {
        if let Ok(link) = format!("<{url}>; rel=\"{relation}\"").parse() {
            headers.append(LINK, link);
        }
    }
}

/// Allows the style sheet inside an exported page, which makes the page complete when it is saved. A 304 needs
/// the same header, because a browser replaces its stored headers by those of the 304 (RFC 9111 section 3.2).
fn own_policy(format: Format, mut response: Response) -> Response {
    if format == Format::Html {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, super::policy("'unsafe-inline'"));
    }
    response
}

/// Reads an index only: the sequence numbers identify the articles and their edits.
fn outline(reader: &Reader, query: &Query, now: Timestamp) -> Result<Outline, StoreError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let one_more = Query { limit: Some(limit + 1), ..query.clone() };
    let mut positions = reader.positions(&one_more, now)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = limit < positions.len();
    positions.truncate(limit);
    let mut bytes: Vec<u8> =
        positions.iter().flat_map(|position| position.seq.to_le_bytes()).collect();
    bytes.push(u8::from(more));
    let version = hash(&[&bytes, &reader.feeds_version()?.to_le_bytes(), VERSION.as_bytes()]);
    let updated = updated(reader, query, now)?;
    Ok(Outline { version, next: positions.last().copied().filter(|_| more), updated })
}

/// A part of the version, because another release may write the same articles differently.
const VERSION: &str = env!("CARGO_PKG_VERSION");
