//! `GET /feeds`: the page of feeds, with their states and a chart of the last 30 days.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::HeaderMap;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use url::form_urlencoded;

use super::Page;
use super::parts::{encoded, feed_icon, relative, web};
use crate::clock;
use crate::domain::feed::{FeedId, FeedState, is_command, is_stand_in};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::polling::reason_text::reason_text;
use crate::present::count;
use crate::serve::Site;
use crate::serve::error_response::bad_request;
use crate::serve::view::View;
use crate::store::{FeedOrder, FeedQuery, FeedRow, PollDay, Reader, StoreError};

/// The number of feeds on a page: about 50 KB of HTML.
const FEEDS: usize = 25;

/// The days of a chart.
const DAYS: i64 = 30;

const SECONDS_A_DAY: i64 = 86_400;

const DEADLINE: Duration = Duration::from_secs(10);

/// The feeds that the page shows.
#[derive(Clone, Default)]
struct Selection {
    state: Option<FeedState>,
    /// What name, address or tags contain, in lower case.
    words: String,
    order: FeedOrder,
    /// The number of the page, from 0.
    page: usize,
}

impl Selection {
    /// The address of a page of the list.
    fn address(&self, view: &View, n: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(state) = self.state {
            query.append_pair("state", state.as_str());
        }
        if !self.words.is_empty() {
            query.append_pair("q", &self.words);
        }
        if self.order != FeedOrder::default() {
            query.append_pair("sort", self.order.as_str());
        }
        query.append_pair("page", &n.to_string());
        format!("{}/feeds?{}", view.base.as_str(), query.finish())
    }
}

/// The orders of the list, as the form names them.
const ORDERS: [(FeedOrder, &str); 5] = [
    (FeedOrder::State, "failing first"),
    (FeedOrder::Name, "name"),
    (FeedOrder::Newest, "last article"),
    (FeedOrder::Articles, "number of articles"),
    (FeedOrder::NextPoll, "next poll"),
];

struct Line {
    feed: FeedRow,
    chart: Chart,
}

/// The counts of each of the last 30 days, oldest first.
#[derive(Default)]
pub(super) struct Chart {
    articles: Vec<u64>,
    polls: Vec<u64>,
    failed: Vec<u64>,
}

struct Overview {
    counts: Vec<(FeedState, u64)>,
    lines: Vec<Line>,
    pages: usize,
}

pub(in crate::serve) async fn feeds(
    State(site): State<Site>,
    Extension(view): Extension<View>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let now = clock::now();
    let selection = read(&uri).map_err(|why| bad_request(&why))?;
    let wanted = selection.clone();
    let read = site.reader_pool().read(DEADLINE, move |reader| fetch(reader, &wanted, now)).await;
    let overview = read.map_err(IntoResponse::into_response)?;
    let feeds = overview.lines.iter().map(|line| &line.feed);
    let feeds = feeds.map(|feed| (feed.url.as_str(), feed.home_page_url.as_deref()));
    let view = view.with_icons(site.reader_pool(), feeds).await?;
    let main = show(&view, &selection, &overview, now);
    let page = Page { view: &view, title: "Feeds", at: "/feeds", words: "", filters: "", main };
    Ok(page.respond(&site, (&uri, &headers), now))
}

fn read(uri: &Uri) -> Result<Selection, String> {
    let mut selection = Selection::default();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "state" if value.is_empty() => {}
            "state" => {
                let state = FeedState::ALL.into_iter().find(|state| state.as_str() == value);
                selection.state =
                    Some(state.ok_or_else(|| format!("there is no state `{value}`"))?);
            }
            "page" => {
                let page: Option<usize> =
                    value.parse().ok().filter(|page| (1..=1_000_000).contains(page));
                selection.page = page.ok_or("page: a number from 1 on is wanted")? - 1;
            }
            "q" => selection.words = value.trim().to_lowercase(),
            "sort" => {
                let order = FeedOrder::parse(&value);
                selection.order = order.ok_or_else(|| format!("there is no order `{value}`"))?;
            }
            name => return Err(format!("`{name}` is not known here; known: state, q, sort, page")),
        }
    }
    Ok(selection)
}

fn fetch(reader: &Reader, selection: &Selection, now: Timestamp) -> Result<Overview, StoreError> {
    let counts = reader.feed_counts()?.into_iter().filter(|(_, count)| 0 < *count).collect();
    let page = reader.feed_page(&FeedQuery {
        state: selection.state,
        words: selection.words.clone(),
        order: selection.order,
        skip: selection.page.saturating_mul(FEEDS),
        limit: FEEDS,
    })?;
    let pages = usize::try_from(page.total).unwrap_or(usize::MAX).div_ceil(FEEDS);
    let line = |feed: FeedRow| -> Result<Line, StoreError> {
        Ok(Line { chart: chart(reader, feed.id, now)?, feed })
    };
    let lines = page.feeds.into_iter().map(line).collect::<Result<_, _>>()?;
    Ok(Overview { counts, lines, pages })
}

/// The chart of a feed.
pub(super) fn chart(reader: &Reader, feed: FeedId, now: Timestamp) -> Result<Chart, StoreError> {
    let articles = reader.articles_by_day(feed, now - TimeDelta::days(DAYS))?;
    let polls = reader.polls_by_day(feed)?;
    Ok(Chart::of(&articles, &polls, now.timestamp().div_euclid(SECONDS_A_DAY)))
}

impl Chart {
    fn of(articles: &[(i64, u64)], polls: &[PollDay], today: i64) -> Self {
        let articles: HashMap<i64, u64> = articles.iter().copied().collect();
        let polls: HashMap<i64, &PollDay> = polls.iter().map(|day| (day.day, day)).collect();
        let mut chart = Self::default();
        for day in today - DAYS + 1..=today {
            chart.articles.push(articles.get(&day).copied().unwrap_or_default());
            chart.polls.push(polls.get(&day).map_or(0, |day| day.polls));
            chart.failed.push(polls.get(&day).map_or(0, |day| day.failed));
        }
        chart
    }

    /// Bars of articles above the line, and bars of polls below it. Failed polls have another colour.
    pub(super) fn markup(&self) -> Markup {
        let most = |counts: &[u64]| counts.iter().copied().max().unwrap_or_default();
        let (articles, polls) = (most(&self.articles), most(&self.polls));
        let sum = |counts: &[u64]| counts.iter().sum::<u64>();
        let said = format!(
            "Last {DAYS} days: {}, {}, {} of them failed",
            count(sum(&self.articles), "article"),
            count(sum(&self.polls), "poll"),
            sum(&self.failed)
        );
        html! {
            svg .chart viewBox="0 0 150 40" preserveAspectRatio="none" role="img" aria-label=(said) {
                title { (said) }
                path .b d="M0 27.5h150" {}
                path .a d=(bars(&self.articles, articles, 26, true)) {}
                path .p d=(bars(&self.polls, polls, 11, false)) {}
                path .f d=(bars(&self.failed, polls, 11, false)) {}
            }
        }
    }
}

/// The SVG path of the bars, which are 4 wide and 1 apart, upwards from y = 27 or downwards from y = 28. The largest
/// count, `most`, has the height `height`. Every count except 0 is visible.
fn bars(counts: &[u64], most: u64, height: u64, up: bool) -> String {
    let mut path = String::new();
    for (x, count) in counts.iter().enumerate().filter(|(_, count)| 0 < **count) {
        let h = (count * height).div_ceil(most.max(1)).max(1);
        let (y, h) = if up { (27, format!("-{h}")) } else { (28, h.to_string()) };
        write!(path, "M{} {y}h4v{h}h-4z", x * 5).ok(); // Writing to a string cannot fail.
    }
    path
}

/// The form that searches and sorts the list.
fn choose(view: &View, selection: &Selection) -> Markup {
    html! {
        form .filters action={ (view.base) "/feeds" } {
            @if let Some(state) = selection.state { input type="hidden" name="state" value=(state.as_str()); }
            label { "Name, address or tag" input name="q" value=(selection.words) maxlength="200"; }
            label {
                "Order"
                select name="sort" {
                    @for (order, shown) in ORDERS {
                        option value=(order.as_str()) selected[order == selection.order] { (shown) }
                    }
                }
            }
            button { "Show" }
        }
    }
}

fn show(view: &View, selection: &Selection, overview: &Overview, now: Timestamp) -> Markup {
    let page = |n: usize| selection.address(view, n);
    html! {
        h1 { "Feeds" }
        ul .chips aria-label="Feeds by state" {
            li { a href={ (view.base) "/feeds" } aria-current=[selection.state.is_none().then_some("true")] { "all" } }
            @for (state, count) in &overview.counts {
                li {
                    a href={ (view.base) "/feeds?state=" (state.as_str()) }
                        aria-current=[(selection.state == Some(*state)).then_some("true")] {
                        span .state .(state.as_str()) { (state.as_str()) } " " (count)
                    }
                }
            }
        }
        (choose(view, selection))
        @if overview.lines.is_empty() && !selection.words.is_empty() {
            p .empty { "No feed has this in its name, address or tags." }
        } @else if overview.lines.is_empty() {
            p .empty { "No feed here. Feeds are named in the configuration." }
        } @else {
            // The charts have a text for screen readers.
            p .meta .key aria-hidden="true" {
                "Of the last " (DAYS) " days: " span .a { "articles upwards" } ", "
                span .p { "polls downwards" } ", " span .f { "failed ones" }
            }
            table .feeds {
                caption .sr { "Feeds, how they are doing, and when they are polled next" }
                thead {
                    tr {
                        th scope="col" { "Feed" }
                        th scope="col" { "State" }
                        th scope="col" { "Last article" }
                        th scope="col" { "Next poll" }
                        th scope="col" { "Last 30 days" }
                    }
                }
                tbody { @for line in &overview.lines { (row(view, line, now)) } }
            }
        }
        @if 1 < overview.pages {
            nav .more aria-label="More feeds" {
                @if 0 < selection.page { a rel="prev" href=(page(selection.page)) { "← Previous" } } @else { span {} }
                span { "Page " (selection.page + 1) " of " (overview.pages) }
                @if selection.page + 1 < overview.pages {
                    a rel="next" href=(page(selection.page + 2)) { "Next →" }
                } @else { span {} }
            }
        }
    }
}

fn row(view: &View, line: &Line, now: Timestamp) -> Markup {
    let feed = &line.feed;
    let state = feed.state();
    let detail =
        feed.detail.as_deref().filter(|_| matches!(state, FeedState::Failing | FeedState::Gone));
    html! {
        tr {
            td {
                a .name href={ (view.base) "/feeds/" (feed.id) } dir="auto" {
                    (feed_icon(view, &feed.url, feed.home_page_url.as_deref())) (feed.display_name())
                }
                small {
                    @if let Some(home) = web(feed.home_page_url.as_deref()) {
                        a href=(home) rel="noopener noreferrer" { (host(home)) }
                    } @else if is_command(&feed.url) { "program" } @else if is_stand_in(&feed.url) { "private" } @else { (host(&feed.url)) }
                    @for tag in &feed.tags { " · " a href={ (view.base) "/?tag=" (encoded(tag)) } dir="auto" { (tag) } }
                }
            }
            td {
                span .state .(state.as_str()) { (state.as_str()) }
                @if let Some(detail) = detail { small { (crate::html::chars::excerpt(detail, 160)) } }
                @if let Some(since) = feed.failing_since.filter(|_| state == FeedState::Failing) {
                    small { "since " (relative(view, since, now)) }
                }
            }
            td .num data-label="Last article" {
                @if let Some(at) = feed.newest_at { (relative(view, at, now)) } @else { "none" }
                small { (feed.articles) " in all" }
            }
            td .num data-label="Next poll" { (next(view, feed, now)) }
            td { (line.chart.markup()) }
        }
    }
}

pub(super) fn next(view: &View, feed: &FeedRow, now: Timestamp) -> Markup {
    let polled = html! {
        @if let Some(at) = feed.polled_at { small { "polled " (relative(view, at, now)) } }
    };
    match (feed.state(), feed.next_poll_at) {
        (FeedState::Disabled | FeedState::Retired | FeedState::Gone, _) => {
            html! { "never" (polled) }
        }
        (_, Some(at)) if now < at => html! {
            (relative(view, at, now))
            @if let Some(because) = feed.because { small { (reason_text(because).phrase) } }
            (polled)
        },
        (_, _) => html! { "due now" (polled) },
    }
}

pub(super) fn host(address: &str) -> String {
    let url = url::Url::parse(address).ok();
    url.as_ref().and_then(|url| url.host_str()).unwrap_or(address).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_shows_every_day_that_was_not_empty() {
        let polls =
            [PollDay { day: 99, polls: 24, failed: 2 }, PollDay { day: 100, polls: 1, failed: 0 }];
        let chart = Chart::of(&[(71, 1), (100, 26), (5, 9)], &polls, 100);
        assert_eq!((chart.articles.len(), chart.articles[0], chart.articles[29]), (30, 1, 26));
        assert_eq!((chart.polls[28], chart.failed[28], chart.polls[29]), (24, 2, 1));
        let shown = chart.markup().into_string();
        assert!(shown.contains("27 articles, 25 polls, 2 of them failed"), "{shown}");
        assert!(shown.contains("d=\"M0 27h4v-1h-4zM145 27h4v-26h-4z\""), "{shown}");
        assert!(shown.contains("d=\"M140 28h4v11h-4zM145 28h4v1h-4z\""), "{shown}");
        assert!(shown.contains("d=\"M140 28h4v1h-4z\""), "{shown}");
    }

    #[test]
    fn parameters_are_checked() {
        for (uri, fine) in [
            ("/feeds", true),
            ("/feeds?state=&page=1", true),
            ("/feeds?state=failing", true),
            ("/feeds?state=ill", false),
            ("/feeds?page=0", false),
            ("/feeds?page=99999999999999999999", false),
            ("/feeds?q=sea&sort=name&page=2", true),
            ("/feeds?sort=colour", false),
            ("/feeds?x=y", false),
        ] {
            assert_eq!(read(&uri.parse().unwrap()).is_ok(), fine, "{uri}");
        }
    }
}
