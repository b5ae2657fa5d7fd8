//! `GET /export.FORMAT`: what `gazetted export` writes, for those who poll.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, LINK};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::compression::Streamed;
use super::conditional::{Version, hash};
use super::params::{Asked, origin};
use super::stream::{self, Broken};
use super::{Site, error_response};
use crate::clock;
use crate::domain::query::{Position, Query};
use crate::domain::time::Timestamp;
use crate::export::{Channel, Format, TableStyle};
use crate::passes::export::{feeds, updated, write_format};
use crate::present::export_title;
use crate::store::{Reader, StoreError};

/// Articles of a request that names no limit: more than a poller misses between two polls.
const DEFAULT_LIMIT: u64 = 100;

/// For finding out whether there is anything new; the writing itself takes as long as the client.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is known of an export before it is written.
struct Outline {
    version: u64,
    /// Where the next page begins.
    next: Option<Position>,
    updated: Timestamp,
}

pub(super) async fn export(
    State(site): State<Site>,
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
    let asked = match Asked::read(&uri, DEFAULT_LIMIT, now) {
        Ok(asked) => asked,
        Err(why) => return error_response::refusal(StatusCode::BAD_REQUEST, &why),
    };
    let looked = asked.clone();
    let outline = site.readers().read(DEADLINE, move |reader| match looked.unknown(reader)? {
        Some(unknown) => Ok(Err(unknown)),
        None => outline(reader, &looked.query, now).map(Ok),
    });
    let outline = match outline.await {
        Ok(Ok(outline)) => outline,
        Ok(Err(unknown)) => {
            return error_response::refusal(StatusCode::NOT_FOUND, &format!("there is {unknown}"));
        }
        Err(error) => return error.into_response(),
    };
    let origin = origin(&headers).unwrap_or_default();
    let address = format!("{origin}{uri}");
    let access = site.access();
    let hub = access.hub();
    let said = [address.as_bytes(), hub.unwrap_or_default().as_bytes()];
    let version = Version::of(hash(&[said[0], said[1], &outline.version.to_le_bytes()]));
    let version = site.changes().date(hash(&[address.as_bytes()]), version, now);
    if version.is_known(&headers) {
        return own_policy(format, version.not_modified());
    }
    let next = outline.next.map(|next| format!("{origin}{}{}", uri.path(), asked.link(Some(next))));
    let mut response = if method == Method::HEAD {
        // Of unknown length, as the body of a GET is: 0 would be a false answer (RFC 9110 section 8.6).
        Response::new(Body::from_stream(stream::nothing()))
    } else {
        let style = TableStyle { width: None, color: false, now };
        let channel = Channel {
            title: export_title(asked.query.feeds.iter().chain(&asked.query.tags)),
            home_page_url: Some(format!("{origin}/{}", asked.link(None))),
            feed_url: Some(address.clone()),
            next_url: next.clone(),
            hub_url: hub.map(str::to_owned),
            description: None,
            updated: outline.updated,
            table: style,
            feeds: Vec::new(),
        };
        let query = asked.query;
        let written = stream::body(site.readers(), move |reader, out| {
            let feeds = if format == Format::Opml { feeds(reader, &query)? } else { Vec::new() };
            let channel = Channel { feeds, ..channel };
            write_format(reader, &query, format, &channel, out).map(|_| ()).map_err(Broken::from)
        });
        match written.await {
            Ok(body) => {
                let mut response = Response::new(body);
                response.extensions_mut().insert(Streamed);
                response
            }
            Err(error) => return error.into_response(),
        }
    };
    version.stamp(response.headers_mut());
    let kind = HeaderValue::from_static(format.media_type());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    // For formats that cannot say it themselves (RFC 8288), and for WebSub, which looks here first.
    let links = [("next", next.as_deref()), ("hub", hub), ("self", hub.and(Some(&*address)))];
    for (relation, url) in links.into_iter().filter_map(|(name, url)| Some((name, url?))) {
        if let Ok(link) = format!("<{url}>; rel=\"{relation}\"").parse() {
            response.headers_mut().append(LINK, link);
        }
    }
    own_policy(format, response)
}

/// A page that is an export carries its style within, so that it is whole when it is saved. A 304 says so
/// as well: a browser puts its headers in the place of those that it has (RFC 9111 section 3.2).
fn own_policy(format: Format, mut response: Response) -> Response {
    if format == Format::Html {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, super::policy("'unsafe-inline'"));
    }
    response
}

/// Reads an index only: the sequence numbers of the articles tell them and their edits apart.
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

/// Another version of the program may write the same articles otherwise.
const VERSION: &str = env!("CARGO_PKG_VERSION");
