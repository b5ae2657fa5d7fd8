//! `GET /feeds/ID`: the page of one feed, with its articles and its polls.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::HeaderMap;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Page;
use super::feeds::{Chart, chart, host, next};
use super::parts::{by_day, encoded, feed_icon, feeds_of, full_time, relative, views, web};
use crate::clock;
use crate::domain::article::Article;
use crate::domain::feed::{FeedId, FeedState, is_command, is_stand_in};
use crate::domain::poll::{OutcomeKind, Reason};
use crate::domain::query::Query;
use crate::domain::time::Timestamp;
use crate::html::chars::excerpt;
use crate::serve::view::View;
use crate::serve::{Site, error_response};
use crate::store::{FeedRow, PastPoll, Reader, StoreError};

const DEADLINE: Duration = Duration::from_secs(10);

/// The articles and polls on the page.
const ARTICLES: u64 = 20;
const POLLS: usize = 50;

/// What the page shows.
struct Found {
    feed: FeedRow,
    chart: Chart,
    articles: Vec<Article>,
    polls: Vec<PastPoll>,
}

pub(in crate::serve) async fn feed(
    State(site): State<Site>,
    Extension(mut view): Extension<View>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let now = clock::now();
    view.choose(&uri).map_err(|why| error_response::bad_request(&why))?;
    let id = id.parse().ok().map(FeedId);
    let read = site.reader_pool().read(DEADLINE, move |reader| fetch(reader, id, now)).await;
    let Some(found) = read.map_err(IntoResponse::into_response)? else {
        let why = "there is no such feed; the page of feeds lists them";
        return Err(error_response::with_status(StatusCode::NOT_FOUND, why));
    };
    let own = (found.feed.url.as_str(), found.feed.home_page_url.as_deref());
    let feeds = feeds_of(&found.articles).chain([own]);
    let view = view.with_icons(site.reader_pool(), feeds).await?;
    let filters = format!("?feed={}", encoded(&found.feed.url));
    let title = found.feed.display_name();
    let main = show(&view, &found, now);
    let page = Page { view: &view, title, at: "/feeds", words: "", filters: &filters, main };
    Ok(page.respond(&site, (&uri, &headers), now))
}

fn fetch(reader: &Reader, id: Option<FeedId>, now: Timestamp) -> Result<Option<Found>, StoreError> {
    let Some(feed) = id.map(|id| reader.feed(id)).transpose()?.flatten() else { return Ok(None) };
    let query = Query { limit: Some(ARTICLES), feeds: vec![feed.url.clone()], ..Query::default() };
    let articles = reader.articles(&query, now, |rows| rows.collect::<Result<_, _>>())??;
    let polls = reader.polls(feed.id, POLLS)?;
    let chart = chart(reader, feed.id, now)?;
    Ok(Some(Found { feed, chart, articles, polls }))
}

fn show(view: &View, found: &Found, now: Timestamp) -> Markup {
    let Found { feed, chart, articles, polls } = found;
    let state = feed.state();
    html! {
        p .meta { a href={ (view.base) "/feeds" } { "← Feeds" } }
        h1 dir="auto" { (feed_icon(view, &feed.url, feed.home_page_url.as_deref())) (feed.display_name()) }
        p {
            span .state .(state.as_str()) { (state.as_str()) }
            @if let Some(since) = feed.failing_since.filter(|_| state == FeedState::Failing) {
                " since " (relative(view, since, now))
            }
            @if let Some(home) = web(feed.home_page_url.as_deref()) {
                " · " a href=(home) rel="noopener noreferrer" { (host(home)) }
            }
            @if is_command(&feed.url) { " · program" }
            @else if is_stand_in(&feed.url) { " · private" }
            @else { " · " bdi { (feed.url) } }
        }
        @if let Some(detail) = feed.detail.as_deref().filter(|_| state == FeedState::Failing) {
            p .meta dir="auto" { (detail) }
        }
        p .meta .next { "Next poll: " (next(view, feed, now)) }
        (chart.markup())
        @if !articles.is_empty() { div .bar { (views(view, &format!("/feeds/{}", feed.id))) } }
        (by_day(view, articles, None, |_| None))
        @if !articles.is_empty() {
            @let all = format!("/?feed={}", encoded(&feed.url));
            p { a href={ (view.base) (view.list_at(&all)) } { "All articles of this feed" } }
        }
        (log(view, polls))
    }
}

/// The latest polls, newest first.
fn log(view: &View, polls: &[PastPoll]) -> Markup {
    html! {
        h2 { "Latest polls" }
        @if polls.is_empty() {
            p .empty { "It was not polled yet." }
        } @else {
            div .scroll tabindex="0" role="region" aria-label="Latest polls" {
                table .log {
                    thead {
                        tr {
                            @for name in ["Polled", "Outcome", "Status", "New", "Edited", "Bytes", "Time", "Next because"] {
                                th scope="col" { (name) }
                            }
                        }
                    }
                    tbody { @for poll in polls { (row(view, poll)) } }
                }
            }
        }
    }
}

fn row(view: &View, poll: &PastPoll) -> Markup {
    let failed = poll.outcome.is_some_and(OutcomeKind::is_failure);
    html! {
        tr {
            td { (full_time(view, poll.polled_at)) }
            td .failing[failed] {
                (poll.outcome.map_or("unknown", OutcomeKind::as_str))
                @if let Some(detail) = poll.detail.as_deref().filter(|_| failed) {
                    small dir="auto" { (excerpt(detail, 160)) }
                }
            }
            td .num { @if let Some(status) = poll.status { (status) } }
            td .num { (poll.added) }
            td .num { (poll.edited) }
            td .num { (poll.bytes) }
            td .num { (poll.elapsed_ms) " ms" }
            td { (poll.because.map_or("", Reason::as_str)) }
        }
    }
}
