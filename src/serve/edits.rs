//! `GET /changes.atom`: edited articles with the words that changed. The filters are those of the exports; `since` and
//! `until` are about the time of the edit.

use std::io;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use tokio::runtime::Handle;

use super::compression::Streamed;
use super::conditional::{Version, hash};
use super::params::Params;
use super::places::{Client, Place};
use super::reader_pool::ReadError;
use super::view::{View, origin};
use super::{Site, error_response, stream};
use crate::clock;
use crate::domain::article::EditKey;
use crate::domain::query::Query;
use crate::domain::time::{Timestamp, from_unix};
use crate::export::edits::write_atom;
use crate::export::{Channel, Format, TableStyle};
use crate::passes::export::ExportError;
use crate::store::{Reader, StoreError};

/// The most edits of a response when the request names no limit.
const DEFAULT_LIMIT: u64 = 50;

pub(super) async fn edits(
    State(site): State<Site>,
    Extension(client): Extension<Client>,
    Extension(view): Extension<View>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let now = clock::now();
    let params = Params::read(&uri, DEFAULT_LIMIT, (now, view.zone)).and_then(|params| {
        let has_place = params.query.before.is_some() || params.query.after_seq.is_some();
        if has_place || params.by_date {
            return Err("`before`, `after` and `sort` are not for edits".to_owned());
        }
        Ok(params)
    });
    let params = params.map_err(|why| error_response::bad_request(&why))?;
    let read = move |reader: &Reader, query: &Query| -> Result<_, StoreError> {
        Ok((reader.edit_keys(query, now)?, reader.feeds_version()?))
    };
    let (keys, feeds) = params.load(site.reader_pool(), read).await?;
    let this = format!("{}{}{uri}", origin(&headers).unwrap_or_default(), view.base.as_str());
    let version = Version::of(hash(&[this.as_bytes(), &outline(&keys), &feeds.to_le_bytes()]));
    let version = site.changes().date(hash(&[this.as_bytes()]), version, now);
    if version.is_known(&headers) {
        return Ok(version.not_modified());
    }
    let channel = channel(&params, this, &view, keys.first(), now);
    let mut response = if method == Method::HEAD {
        Response::new(Body::from_stream(stream::nothing()))
    } else {
        let place = site.downloads().take(client).ok_or_else(error_response::too_many_downloads)?;
        let body = body(&site, place, keys, channel).await;
        Response::new(body.map_err(IntoResponse::into_response)?)
    };
    response.extensions_mut().insert(Streamed);
    version.stamp(response.headers_mut());
    let kind = HeaderValue::from_static(Format::Atom.media_type());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// What decides the content of the response, besides its address and the list of feeds.
fn outline(keys: &[EditKey]) -> Vec<u8> {
    let mut bytes = env!("CARGO_PKG_VERSION").as_bytes().to_vec();
    for key in keys {
        bytes.extend(key.at.to_le_bytes());
        bytes.extend(key.revision.to_le_bytes());
        bytes.extend(key.article.0.bytes());
    }
    bytes
}

fn channel(
    params: &Params,
    this: String,
    view: &View,
    newest: Option<&EditKey>,
    now: Timestamp,
) -> Channel {
    let names = params.query.feeds.iter().chain(&params.query.tags);
    let names: Vec<&str> = names.map(String::as_str).collect();
    let of = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
    Channel {
        title: format!("gazetted: edited articles{of}"),
        home_page_url: None,
        feed_url: Some(this),
        next_url: None,
        hub_url: None,
        description: None,
        updated: from_unix(newest.map_or(0, |key| key.at)),
        table: TableStyle { width: None, color: false, zone: view.zone, now },
        feeds: Vec::new(),
    }
}

/// Reads edit by edit. In between, no connection to the store is in use.
async fn body(
    site: &Site,
    place: Place,
    keys: Vec<EditKey>,
    channel: Channel,
) -> Result<Body, ReadError> {
    let (reader_pool, runtime) = (site.reader_pool().clone(), Handle::current());
    let write = move |out: &mut dyn io::Write| {
        let mut edits = keys.iter().filter_map(|key| {
            let read = reader_pool.read_here(&runtime, |reader| reader.edit(key));
            read.map_err(ExportError::from).transpose()
        });
        write_atom(&channel, &mut edits, out)?;
        Ok(())
    };
    stream::body(place, write).await
}
