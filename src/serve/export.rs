//! `GET /export.FORMAT`: the document that `gazetted export` writes, with validators for conditional requests.

use std::io;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, LINK};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::compression::Streamed;
use super::conditional::{Version, hash};
use super::params::{Params, origin};
use super::reader_pool::ReadError;
use super::stream;
use super::{Site, error_response};
use crate::clock;
use crate::domain::article::Position;
use crate::domain::query::Query;
use crate::domain::time::Timestamp;
use crate::export::{Channel, Format, TableStyle};
use crate::passes::export::{feeds, updated, write_format};
use crate::present::export_title;
use crate::store::{Reader, StoreError};

/// The most articles of a response when the request names no limit: more than a client misses between two
/// requests.
const DEFAULT_LIMIT: u64 = 100;

/// What is known about an export before it is written.
struct Outline {
    version: u64,
    /// The position at which the next page begins.
    next: Option<Position>,
    updated: Timestamp,
}

pub(super) async fn export(
    State(site): State<Site>,
    Path(name): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let Some(format) = Format::parse(&name) else {
        let why = format!("there is no format `{name}`; there are {}", Format::NAMES.join(", "));
        return Err(error_response::refusal(StatusCode::NOT_FOUND, &why));
    };
    let now = clock::now();
    let params = Params::read(&uri, DEFAULT_LIMIT, now);
    let params = params.map_err(|why| error_response::bad_request(&why))?;
    let outline = move |reader: &Reader, query: &Query| outline(reader, query, now);
    let outline = params.load(site.readers(), outline).await?;
    let origin = origin(&headers).unwrap_or_default();
    let this = format!("{origin}{uri}");
    let next =
        outline.next.map(|next| format!("{origin}{}{}", uri.path(), params.link(Some(next))));
    let channel = Channel {
        title: export_title(params.query.feeds.iter().chain(&params.query.tags)),
        home_page_url: Some(format!("{origin}/{}", params.link(None))),
        feed_url: Some(this.clone()),
        next_url: next,
        hub_url: site.access().hub().map(str::to_owned),
        description: None,
        updated: outline.updated,
        table: TableStyle { width: None, color: false, now },
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
        let body = body(&site, format, params.query, channel).await;
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
    format: Format,
    query: Query,
    channel: Channel,
) -> Result<Body, ReadError> {
    let write = move |reader: &Reader, out: &mut dyn io::Write| {
        let feeds = if format == Format::Opml { feeds(reader, &query)? } else { Vec::new() };
        let channel = Channel { feeds, ..channel };
        write_format(reader, &query, format, &channel, out)?;
        Ok(())
    };
    stream::body(site.readers(), write).await
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
