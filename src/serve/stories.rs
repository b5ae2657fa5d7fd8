//! `GET /stories.atom`: the stories of a period as a feed. An entry is updated when an article joins its story.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::conditional::{Version, hash};
use super::view::{View, origin};
use super::{Site, error_response};
use crate::clock;
use crate::domain::story::Story;
use crate::domain::time::{Timestamp, Zone, from_unix};
use crate::domain::units;
use crate::export::stories::write_atom;
use crate::export::{Channel, Format, TableStyle};

const DEADLINE: Duration = Duration::from_secs(10);

/// The number of stories when the request names no limit.
const DEFAULT_LIMIT: usize = 50;

/// The most stories of a response.
const MOST: usize = 500;

/// The period when the request names none.
const DAY: &str = "24h";

/// The parameters of a request for stories.
pub(super) struct Period {
    /// As the request has it.
    pub(super) text: String,
    pub(super) since: Timestamp,
    pub(super) limit: usize,
}

impl Period {
    /// Reads the query of a URI. Parameters without a value are ignored.
    ///
    /// # Errors
    /// A message for the user, if a parameter is unknown or has a wrong value.
    pub(super) fn read(
        uri: &Uri,
        limit: usize,
        (now, zone): (Timestamp, Zone),
    ) -> Result<Self, String> {
        let mut period = Self { text: DAY.to_owned(), since: now, limit };
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                _ if value.is_empty() => {}
                "since" => period.text = value.into_owned(),
                "limit" => {
                    let limit = value.parse().ok().filter(|n| (1..=MOST).contains(n));
                    period.limit = limit.ok_or_else(|| format!("limit: from 1 to {MOST}"))?;
                }
                name => return Err(format!("`{name}` is not known here; known: since, limit")),
            }
        }
        period.since = units::when(&period.text, now, zone)?.resolve(now);
        Ok(period)
    }
}

pub(super) async fn stories(
    State(site): State<Site>,
    Extension(view): Extension<View>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let now = clock::now();
    let period = Period::read(&uri, DEFAULT_LIMIT, (now, view.zone));
    let Period { since, limit, .. } = period.map_err(|why| error_response::bad_request(&why))?;
    let read = site.reader_pool().read(DEADLINE, move |reader| reader.stories(since, now)).await;
    let mut stories = read.map_err(IntoResponse::into_response)?;
    stories.truncate(limit);
    // Readers of a feed expect the newest first.
    stories.sort_by_key(|story| std::cmp::Reverse(story.newest()));
    let origin = origin(&headers).unwrap_or_default() + view.base.as_str();
    let this = format!("{origin}{uri}");
    let channel = Channel {
        title: "gazetted: stories".to_owned(),
        home_page_url: Some(format!("{origin}/stories")),
        feed_url: Some(this.clone()),
        next_url: None,
        hub_url: None,
        description: None,
        updated: stories.first().map_or(from_unix(0), Story::newest),
        table: TableStyle { width: None, color: false, zone: view.zone, now },
        feeds: Vec::new(),
    };
    let address = |story: &Story| format!("{origin}/stories/{}", story.id);
    let mut body = Vec::new();
    if let Err(error) = write_atom(&channel, &stories, address, &mut body) {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return Err(error_response::with_status(status, &error.to_string()));
    }
    let version = Version::of(hash(&[this.as_bytes(), &body]));
    let version = site.changes().date(hash(&[this.as_bytes()]), version, now);
    if version.is_known(&headers) {
        return Ok(version.not_modified());
    }
    let mut response = ([(CONTENT_TYPE, Format::Atom.media_type())], body).into_response();
    version.stamp(response.headers_mut());
    Ok(response)
}
