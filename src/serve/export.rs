//! `GET /export.FORMAT`: the document that `gazetted export` writes, with validators for conditional requests.

use std::collections::{HashMap, VecDeque};
use std::io;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, LINK};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::runtime::Handle;

use super::compression::Streamed;
use super::conditional::{Version, hash};
use super::params::Params;
use super::places::{Client, Place};
use super::reader_pool::{ReadError, ReaderPool};
use super::stream;
use super::view::{View, origin};
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

/// The number of articles that are read at once.
const PAGE: usize = 50;

/// What is known about an export before it is written.
struct Outline {
    version: u64,
    /// The position at which the next page begins.
    next: Option<Position>,
    updated: Timestamp,
}

pub(super) async fn export(
    State(site): State<Site>,
    Extension(client): Extension<Client>,
    Extension(view): Extension<View>,
    Path(name): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let Some(format) = Format::parse(&name) else {
        let why = format!("there is no format `{name}`; there are {}", Format::NAMES.join(", "));
        return Err(error_response::with_status(StatusCode::NOT_FOUND, &why));
    };
    let now = clock::now();
    let params = Params::read(&uri, DEFAULT_LIMIT, (now, view.zone));
    let params = params.map_err(|why| error_response::bad_request(&why))?;
    let outline = move |reader: &Reader, query: &Query| outline(reader, query, now);
    let outline = params.load(site.reader_pool(), outline).await?;
    let origin = origin(&headers).unwrap_or_default() + view.base.as_str();
    let this = format!("{origin}{uri}");
    let next =
        outline.next.map(|next| format!("{origin}{}{}", uri.path(), params.link(Some(next))));
    let channel = Channel {
        title: export_title(&params.query),
        home_page_url: Some(format!("{origin}/{}", params.link(None))),
        feed_url: Some(this.clone()),
        next_url: next,
        hub_url: site.access().hub().map(str::to_owned),
        description: None,
        updated: outline.updated,
        table: TableStyle { width: None, color: false, zone: view.zone, now },
        feeds: Vec::new(),
    };
    let (this, hub) = (this.as_bytes(), channel.hub_url.as_deref().unwrap_or_default());
    let version = Version::of(hash(&[this, hub.as_bytes(), &outline.version.to_le_bytes()]));
    let version = site.changes().date(hash(&[this]), version, now);
    if version.is_known(&headers) {
        return Ok(own_policy(format, version.not_modified()));
    }
    let links = links(&channel);
    let mut response = if method == Method::HEAD {
        // The length is unknown, as it is for a GET; 0 would be wrong (RFC 9110 section 8.6).
        Response::new(Body::from_stream(stream::nothing()))
    } else {
        let place = site.downloads().take(client).ok_or_else(error_response::too_many_downloads)?;
        let body = body(&site, place, format, params.query, channel, now).await;
        Response::new(body.map_err(IntoResponse::into_response)?)
    };
    response.extensions_mut().insert(Streamed);
    version.stamp(response.headers_mut());
    let kind = HeaderValue::from_static(format.media_type());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    for link in links {
        response.headers_mut().append(LINK, link);
    }
    Ok(own_policy(format, response))
}

async fn body(
    site: &Site,
    place: Place,
    format: Format,
    query: Query,
    channel: Channel,
    now: Timestamp,
) -> Result<Body, ReadError> {
    let (reader_pool, runtime) = (site.reader_pool().clone(), Handle::current());
    let write = move |out: &mut dyn io::Write| {
        let (ids, feeds) = reader_pool.read_here(&runtime, |reader| -> Result<_, StoreError> {
            if format == Format::Opml {
                return Ok((Vec::new(), feeds(reader, &query)?));
            }
            Ok((reader.ids(&query, now)?, Vec::new()))
        })?;
        let channel = Channel { feeds, ..channel };
        let with_duplicates = query.with_duplicates;
        let articles = Pages {
            reader_pool,
            runtime,
            ids: ids.into_iter(),
            with_duplicates,
            page: VecDeque::new(),
        };
        let articles = articles.map(|article| Ok::<_, ExportError>(with_text(article?, format)));
        export::write(format, &channel, articles, out)?;
        Ok(())
    };
    stream::body(place, write).await
}

/// Articles that are read page by page. In between, no connection to the store is in use, so that a slow client
/// holds up no one.
struct Pages {
    reader_pool: ReaderPool,
    runtime: Handle,
    /// The ids of the articles that are not read yet.
    ids: std::vec::IntoIter<ArticleId>,
    with_duplicates: bool,
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
            let query = Query { ids, with_duplicates: self.with_duplicates, ..Query::default() };
            match self.reader_pool.read_here(&self.runtime, |reader| page(reader, &query)) {
                Ok(page) => self.page = page,
                Err(error) => return Some(Err(error)),
            }
        }
        self.page.pop_front().map(Ok)
    }
}

/// The articles with the ids of the query, in this order. Articles that were removed meanwhile are left out.
fn page(reader: &Reader, query: &Query) -> Result<VecDeque<Article>, StoreError> {
    let mut articles: HashMap<ArticleId, Article> =
        reader.articles(query, Timestamp::UNIX_EPOCH, |rows| {
            rows.map(|row| row.map(|article| (article.id.clone(), article)))
                .collect::<Result<_, StoreError>>()
        })??;
    Ok(query.ids.iter().filter_map(|id| articles.remove(id)).collect())
}

/// The `Link` fields (RFC 8288) for formats that cannot contain links, and for `WebSub`, which reads the header first.
fn links(channel: &Channel) -> Vec<HeaderValue> {
    let Channel { feed_url: this, next_url: next, hub_url: hub, .. } = channel;
    let links = [("next", next), ("hub", hub), ("self", if hub.is_some() { this } else { &None })];
    let link = |(name, url): (&str, &Option<String>)| {
        format!("<{}>; rel=\"{name}\"", url.as_deref()?).parse().ok()
    };
    links.into_iter().filter_map(link).collect()
}

/// Allows the style sheet inside an exported page, which makes the page complete when it is saved. A 304 needs
/// the same header, because a browser replaces its stored headers by those of the 304 (RFC 9111 section 3.2).
fn own_policy(format: Format, mut response: Response) -> Response {
    if format == Format::Html {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, super::policy("'unsafe-inline'", ""));
    }
    response
}

/// Reads indexes only: the sequence numbers identify the articles and their edits.
fn outline(reader: &Reader, query: &Query, now: Timestamp) -> Result<Outline, StoreError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let one_more = Query { limit: Some(limit + 1), ..query.clone() };
    let mut positions = reader.positions(&one_more, now)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = limit < positions.len();
    positions.truncate(limit);
    let mut bytes: Vec<u8> = positions
        .iter()
        .flat_map(|(position, others)| {
            let others = others.iter().flat_map(|n| n.to_le_bytes());
            position.seq.to_le_bytes().into_iter().chain(others)
        })
        .collect();
    bytes.push(u8::from(more));
    let version = hash(&[&bytes, &reader.feeds_version()?.to_le_bytes(), VERSION.as_bytes()]);
    let updated = updated(reader, query, now)?;
    Ok(Outline {
        version,
        next: positions.last().map(|(position, _)| *position).filter(|_| more),
        updated,
    })
}

/// A part of the version, because another release may write the same articles differently.
const VERSION: &str = env!("CARGO_PKG_VERSION");
