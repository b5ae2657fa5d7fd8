//! The query parameters of a request: the filters of the command line under the same names, and the position
//! of a page.

use std::time::Duration;

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::error_response;
use super::reader_pool::ReaderPool;
use super::view::LIST_VIEW;
use crate::domain::article::Position;
use crate::domain::query::Query;
use crate::domain::time::{Timestamp, Zone};
use crate::search::filter;
use crate::store::{Reader, StoreError};

/// The most articles of one response. For more, a client follows the links to the next page.
const MAX_LIMIT: u64 = 10_000;

/// The most parameters of one request.
const MAX_PARAMETERS: usize = 64;

/// The time limit for reading the store.
const DEADLINE: Duration = Duration::from_secs(10);

/// The parameters of a request for articles.
#[derive(Clone, Debug)]
pub(super) struct Params {
    pub(super) query: Query,
    /// All parameters except `before`, in their order. Links to other pages repeat them.
    pub(super) kept: Vec<(String, String)>,
    /// These as `?…` without the view of a page; empty if there are none.
    pub(super) filters: String,
    /// The search as the user typed it.
    pub(super) words: Option<String>,
    /// `sort=newest`: search results are in the order of time and not of relevance.
    pub(super) by_date: bool,
}

impl Params {
    /// Reads the query of a URI. Parameters without a value are ignored, because browsers send the empty fields
    /// of a form. `at` is the time of the request, and the zone in which days begin.
    ///
    /// # Errors
    /// A message for the user, if a parameter is unknown or has a wrong value.
    pub(super) fn read(uri: &Uri, limit: u64, at: (Timestamp, Zone)) -> Result<Self, String> {
        Self::read_all(uri, limit, at, false)
    }

    /// As [`Params::read`], of a page, whose request may name a view. `View::choose` reads it.
    ///
    /// # Errors
    /// As those of [`Params::read`].
    pub(super) fn of_page(uri: &Uri, limit: u64, at: (Timestamp, Zone)) -> Result<Self, String> {
        Self::read_all(uri, limit, at, true)
    }

    fn read_all(
        uri: &Uri,
        limit: u64,
        at: (Timestamp, Zone),
        is_page: bool,
    ) -> Result<Self, String> {
        let mut params = Self {
            query: Query::default(),
            kept: Vec::new(),
            filters: String::new(),
            words: None,
            by_date: false,
        };
        params.query.limit = Some(limit);
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        for (count, (name, value)) in pairs.enumerate() {
            if count == MAX_PARAMETERS {
                return Err(format!("a request has {MAX_PARAMETERS} parameters at most"));
            }
            if value.is_empty() {
                continue;
            }
            match name.as_ref() {
                "before" => {
                    let place: Result<Position, _> = value.parse();
                    params.query.before = Some(place.map_err(|error| format!("before: {error}"))?);
                    continue;
                }
                "after" => {
                    let after: i64 = value.parse().ok().filter(|n| 0 <= *n).ok_or_else(|| {
                        "after: a sequence number is wanted, such as 17".to_owned()
                    })?;
                    params.query.after_seq = Some(after);
                }
                "sightings" if uri.path().ends_with("/events") => {
                    params.query.sightings =
                        filter::flag(&value).map_err(|error| format!("sightings: {error}"))?;
                }
                "sort" if value == "newest" => params.by_date = true,
                "sort" => return Err("sort: newest, or nothing".to_owned()),
                "q" | "search" => {
                    params.words = Some(value.clone().into_owned());
                    filter::set(&mut params.query, "search", &value, at)
                        .map_err(|error| format!("search: {error}"))?;
                }
                LIST_VIEW if is_page => {}
                name => filter::set(&mut params.query, name, &value, at).map_err(|error| {
                    if name == "limit" { format!("limit: {error}") } else { error }
                })?,
            }
            params.kept.push((name.into_owned(), value.into_owned()));
        }
        match params.query.limit {
            Some(1..=MAX_LIMIT) => {
                params.filters = address(&without_view(&params.kept), None);
                Ok(params)
            }
            Some(_) | None => Err(format!(
                "limit: from 1 to {MAX_LIMIT}; for more follow the links to the next page, or use \
                 `gazetted export`"
            )),
        }
    }

    /// Reads the store, unless the request names a story, a feed or a tag that the store does not have.
    ///
    /// # Errors
    /// The error response.
    pub(super) async fn load<T: Send + 'static>(
        &self,
        reader_pool: &ReaderPool,
        work: impl FnOnce(&Reader, &Query) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Response> {
        let params = self.clone();
        let is_search = params.query.search.is_some();
        let work = move |reader: &Reader| match params.unknown(reader)? {
            Some(unknown) => Ok(Err(format!("there is {unknown}"))),
            None => work(reader, &params.query).map(Ok),
        };
        let read = if is_search {
            reader_pool.search(DEADLINE, work).await
        } else {
            reader_pool.read(DEADLINE, work).await
        };
        read.map_err(IntoResponse::into_response)?
            .map_err(|why| error_response::with_status(StatusCode::NOT_FOUND, &why))
    }

    /// The first story, feed or tag that the request names and the store does not have. This is an error of the
    /// request, not an empty result.
    fn unknown(&self, reader: &Reader) -> Result<Option<String>, StoreError> {
        for story in &self.query.stories {
            if reader.story_id(story)?.is_none() {
                return Ok(Some(format!("no story `{story}`")));
            }
        }
        for feed in &self.query.feeds {
            if reader.feeds_called(feed)?.is_empty() {
                return Ok(Some(format!("no feed `{feed}`")));
            }
        }
        for tag in &self.query.tags {
            if !reader.has_tag(tag)? {
                return Ok(Some(format!("no tag `{tag}`")));
            }
        }
        Ok(None)
    }

    /// The same filters as `?…`, for the articles before a position.
    pub(super) fn link(&self, before: Option<Position>) -> String {
        address(&self.kept, before)
    }

    /// The same filters and the same position as `?…`, without the view of the page.
    pub(super) fn without_view(&self) -> String {
        address(&without_view(&self.kept), self.query.before)
    }

    /// All filters except one, as `?…`.
    pub(super) fn without(&self, one: &(String, String)) -> String {
        let rest: Vec<_> = self.kept.iter().filter(|pair| *pair != one).cloned().collect();
        address(&rest, None)
    }
}

fn without_view(pairs: &[(String, String)]) -> Vec<(String, String)> {
    pairs.iter().filter(|(name, _)| name != LIST_VIEW).cloned().collect()
}

fn address(pairs: &[(String, String)], before: Option<Position>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    if let Some(position) = before {
        query.append_pair("before", &position.to_string());
    }
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<Params, String> {
        Params::read(&uri.parse().unwrap(), 100, (Timestamp::UNIX_EPOCH, Zone::UTC))
    }

    #[test]
    fn parameters_are_the_filters_of_the_command_line() {
        let params = read("/?tag=sea&tag=a%26b&limit=7&before=5.3&q=storm+surge&feed=").unwrap();
        assert_eq!(params.query.tags, ["sea", "a&b"]);
        assert_eq!(params.query.limit, Some(7));
        assert_eq!(params.query.before, Some(Position { order_at: 5, seq: 3 }));
        assert!(params.query.feeds.is_empty() && params.query.search.is_some());
        assert_eq!(params.link(None), "?tag=sea&tag=a%26b&limit=7&q=storm+surge");
        let next = Position { order_at: -1, seq: 2 };
        assert!(params.link(Some(next)).ends_with("&before=-1.2"));
        assert_eq!(read("/").unwrap().link(None), "");
        assert_eq!(read("/").unwrap().query.limit, Some(100));
    }

    #[test]
    fn links_of_a_page_keep_its_view_and_exports_know_none() {
        let uri = "/?view=compact&tag=sea&before=5.3&view=".parse().unwrap();
        let params = Params::of_page(&uri, 100, (Timestamp::UNIX_EPOCH, Zone::UTC)).unwrap();
        assert_eq!(params.link(None), "?view=compact&tag=sea");
        assert_eq!(params.without(&("tag".to_owned(), "sea".to_owned())), "?view=compact");
        assert_eq!(params.without_view(), "?tag=sea&before=5.3");
        assert_eq!(params.filters, "?tag=sea");
        assert!(read("/?view=compact").unwrap_err().contains("the filters are"));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_reason() {
        for (uri, reason) in [
            ("/?limit=0", "from 1 to 10000"),
            ("/?limit=10001", "gazetted export"),
            ("/?limit=many", "no number of articles"),
            ("/?before=x", "not a place"),
            ("/?after=-1", "a sequence number"),
            ("/?colour=red", "the filters are"),
            ("/?since=yesterday", "is no duration"),
        ] {
            let error = read(uri).unwrap_err();
            assert!(error.contains(reason), "{uri}: {error}");
        }
        assert!(read(&format!("/?{}", "tag=a&".repeat(65))).unwrap_err().contains("64"));
    }
}
