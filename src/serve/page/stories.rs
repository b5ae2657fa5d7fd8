//! `GET /stories`: the events of a day by the number of their sources. `GET /stories/ID`: one of them with its articles.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::{HeaderMap, HeaderValue, LOCATION};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Page;
use super::parts::{by_day, feeds_of, full_time, relative, views};
use crate::clock;
use crate::domain::article::{Article, StoryId};
use crate::domain::query::Query;
use crate::domain::story::{Reason, Story, StoryArticle};
use crate::domain::time::Timestamp;
use crate::export::stories::{counts, headline, title};
use crate::present::count;
use crate::serve::stories::Period;
use crate::serve::view::View;
use crate::serve::{Site, error_response};
use crate::store::{Reader, StoreError};

const DEADLINE: Duration = Duration::from_secs(10);

/// The number of stories on the page.
const STORIES: usize = 50;

/// The most articles on the page of a story.
const ARTICLES: u64 = 200;

/// The articles that are named under a story in the list.
const NAMED: usize = 3;

/// The periods to choose from.
const PERIODS: [(&str, &str); 3] = [("24h", "a day"), ("3d", "three days"), ("7d", "a week")];

pub(in crate::serve) async fn stories(
    State(site): State<Site>,
    Extension(view): Extension<View>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let now = clock::now();
    let period = Period::read(&uri, STORIES, (now, view.zone));
    let period = period.map_err(|why| error_response::bad_request(&why))?;
    let since = period.since;
    let read = site.reader_pool().read(DEADLINE, move |reader| reader.stories(since, now)).await;
    let mut found = read.map_err(IntoResponse::into_response)?;
    let more = found.len().saturating_sub(period.limit);
    found.truncate(period.limit);
    let main = list(&view, &period, (&found, more), now);
    let page = Page { view: &view, title: "Stories", at: "/stories", words: "", filters: "", main };
    Ok(page.respond(&site, (&uri, &headers), now))
}

fn list(
    view: &View,
    period: &Period,
    (stories, more): (&[Story], usize),
    now: Timestamp,
) -> Markup {
    html! {
        h1 { "Stories" }
        p .meta {
            "Events that several articles are about: those of the most independent sources first. "
            a href={ (view.base) "/stories.atom" } { "As a feed" }
        }
        ul .chips aria-label="Period" {
            @for (value, name) in PERIODS {
                li {
                    a href={ (view.base) "/stories?since=" (value) }
                        aria-current=[(period.text == value).then_some("true")] { (name) }
                }
            }
        }
        @if stories.is_empty() {
            p .empty { "No two articles of this time are about one event." }
        }
        section .day aria-labelledby="events" {
            h2 #events .sr { "The stories" }
            @for story in stories { (entry(view, story, now)) }
        }
        @if 0 < more {
            p .meta {
                "There are " (more) " more, with fewer sources. "
                a href={ (view.base) "/stories?since=" (period.text) "&limit=500" } { "Show up to 500" }
            }
        }
    }
}

/// A story in the list.
fn entry(view: &View, story: &Story, now: Timestamp) -> Markup {
    let first = story.articles.first();
    let mut others: Vec<&StoryArticle> = story.articles.iter().skip(1).collect();
    others.sort_by_key(|article| std::cmp::Reverse(article.at));
    html! {
        article .card .story lang=[first.and_then(|article| article.language.as_deref())] {
            h3 dir="auto" { a href={ (view.base) "/stories/" (story.id) } { (headline(story)) } }
            p .meta lang="en" {
                b { (count(story.sources, "source")) } ", " (articles(story)) " · "
                (relative(view, story.newest(), now))
            }
            @if !story.words.is_empty() { (words(&story.words)) }
            ul {
                @for article in others.into_iter().take(NAMED) {
                    li dir="auto" lang=[article.language.as_deref()] { (link(view, article)) }
                }
            }
        }
    }
}

fn articles(story: &Story) -> String {
    count(u64::try_from(story.articles.len()).unwrap_or(u64::MAX), "article")
}

fn words(words: &[String]) -> Markup {
    html! {
        p .words {
            @for (n, word) in words.iter().enumerate() {
                @if 0 < n { " " }
                bdi { (word) }
            }
        }
    }
}

fn link(view: &View, article: &StoryArticle) -> Markup {
    html! {
        a href={ (view.base) "/articles/" (article.id) } { (title(article)) }
        " " span .meta { bdi { (article.feed.name) } }
    }
}

/// What the page of a story shows.
struct Reading {
    story: Story,
    articles: Vec<Article>,
}

pub(in crate::serve) async fn story(
    State(site): State<Site>,
    Extension(mut view): Extension<View>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let (now, wanted) = (clock::now(), StoryId(id));
    view.choose(&uri).map_err(|why| error_response::bad_request(&why))?;
    let id = wanted.clone();
    let read = site.reader_pool().read(DEADLINE, move |reader| fetch(reader, &id, now)).await;
    let Some(Reading { story, articles }) = read.map_err(IntoResponse::into_response)? else {
        let why =
            "there is no such story; its articles may have been removed, or be of another store";
        return Err(error_response::with_status(StatusCode::NOT_FOUND, why));
    };
    if story.id != wanted {
        // It was merged into another one, or the address has the short form of the id.
        let address = view.list_at(&format!("{}/stories/{}", view.base.as_str(), story.id));
        let address =
            HeaderValue::try_from(address).unwrap_or(HeaderValue::from_static("/stories"));
        return Ok((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, address)]).into_response());
    }
    let view = view.with_icons(site.reader_pool(), feeds_of(&articles)).await?;
    let name = headline(&story);
    let filters = format!("?story={}", story.id);
    let main = show(&view, &story, &articles);
    let page = Page { view: &view, title: &name, at: "", words: "", filters: &filters, main };
    Ok(page.respond(&site, (&uri, &headers), now))
}

fn fetch(reader: &Reader, id: &StoryId, now: Timestamp) -> Result<Option<Reading>, StoreError> {
    let Some(story) = reader.story(id, now)? else { return Ok(None) };
    if story.articles.is_empty() {
        return Ok(None);
    }
    let query =
        Query { stories: vec![story.id.clone()], limit: Some(ARTICLES), ..Query::default() };
    let articles = reader.articles(&query, now, |rows| rows.collect::<Result<_, _>>())??;
    Ok(Some(Reading { story, articles }))
}

fn show(view: &View, story: &Story, articles: &[Article]) -> Markup {
    let oldest = story.articles.iter().map(|article| article.at).min().unwrap_or_default();
    html! {
        h1 dir="auto" { (headline(story)) }
        p .meta {
            (counts(story)) ", " (full_time(view, oldest))
            @if oldest != story.newest() { " to " (full_time(view, story.newest())) }
        }
        @if !story.words.is_empty() { (words(&story.words)) }
        div .bar { (views(view, &format!("/stories/{}", story.id))) }
        (by_day(view, articles, None, |_| None))
        @if 1 < story.articles.len() {
            section .why aria-labelledby="why" {
                h2 #why { "Why these articles are one story" }
                ol {
                    @for article in &story.articles {
                        li {
                            bdi lang=[article.language.as_deref()] { (link(view, article)) }
                            br;
                            span .meta { (reason(article)) }
                        }
                    }
                }
            }
        }
    }
}

fn reason(article: &StoryArticle) -> String {
    match article.reason {
        Reason::First => "the first article".to_owned(),
        Reason::ByHand => "put here by hand".to_owned(),
        Reason::Duplicate => "was found to be the same as an article of the story".to_owned(),
        Reason::Similar => {
            format!("similarity {:.2}: {}", article.score, article.shared.join(", "))
        }
    }
}

/// The link from an article to the other sources of its story; nothing if it has none.
pub(super) fn more(view: &View, story: &Story) -> Markup {
    let sources = story.sources.saturating_sub(1);
    let others = u64::try_from(story.articles.len()).unwrap_or(u64::MAX).saturating_sub(1);
    let text = match (sources, others) {
        (_, 0) => return html! {},
        (0, others) => count(others, "more article"),
        (sources, _) => count(sources, "more source"),
    };
    let address = view.list_at(&format!("/stories/{}", story.id));
    html! { p .meta .others { a href={ (view.base) (address) } { (text) } } }
}
