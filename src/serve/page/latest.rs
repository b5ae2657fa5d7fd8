//! `GET /`, the latest articles, and `GET /search`, those that were looked for.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::HeaderMap;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Page;
use super::parts::{by_day, card, full_time};
use crate::clock;
use crate::domain::article::{Article, Position};
use crate::domain::query::{Order, Query};
use crate::domain::time::Timestamp;
use crate::search::snippet::Hits;
use crate::serve::params::Asked;
use crate::serve::{Site, error_response};
use crate::store::{Reader, StoreError};

/// Articles of a page: few enough for 50 KB.
const ARTICLES: u64 = 40;

/// Most articles of a page that asks for more.
const MOST: u64 = 200;

/// Feeds that can be chosen from a list; beyond it the page of feeds is the list.
const CHOICES: usize = 100;

const DEADLINE: Duration = Duration::from_secs(10);

/// What the page needs of the store.
struct River {
    articles: Vec<Article>,
    next: Option<Position>,
    feeds: Vec<(String, String)>,
    tags: BTreeSet<String>,
    languages: Vec<String>,
}

pub(in crate::serve) async fn river(
    State(site): State<Site>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let now = clock::now();
    let asked = match read(&uri, now) {
        Ok(asked) => asked,
        Err(why) => return error_response::refusal(StatusCode::BAD_REQUEST, &why),
    };
    match load(&site, &asked, now).await {
        Ok(river) => show(&asked, &river).answer(&site, (&uri, &headers), now),
        Err(refusal) => refusal,
    }
}

pub(in crate::serve) async fn search(
    State(site): State<Site>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let now = clock::now();
    let mut asked = match read(&uri, now) {
        Ok(asked) => asked,
        Err(why) => return error_response::refusal(StatusCode::BAD_REQUEST, &why),
    };
    let Some(words) = asked.words.clone() else {
        return ask_for_words().answer(&site, (&uri, &headers), now);
    };
    // A place in the order of time is none in that of matches.
    if asked.query.before.is_none() && !asked.by_date {
        asked.query.order = Order::Relevance;
    }
    match load(&site, &asked, now).await {
        Ok(river) => found(&asked, &words, &river).answer(&site, (&uri, &headers), now),
        Err(refusal) => refusal,
    }
}

fn read(uri: &Uri, now: Timestamp) -> Result<Asked, String> {
    let asked = Asked::read(uri, ARTICLES, now)?;
    if asked.query.limit.is_some_and(|limit| MOST < limit) {
        return Err(format!("limit: a page has {MOST} articles at most"));
    }
    Ok(asked)
}

async fn load(site: &Site, asked: &Asked, now: Timestamp) -> Result<River, Response> {
    let looked = asked.clone();
    let read = site.readers().read(DEADLINE, move |reader| match looked.unknown(reader)? {
        Some(unknown) => Ok(Err(unknown)),
        None => fetch(reader, &looked.query, now).map(Ok),
    });
    match read.await {
        Ok(Ok(river)) => Ok(river),
        Ok(Err(unknown)) => {
            Err(error_response::refusal(StatusCode::NOT_FOUND, &format!("there is {unknown}")))
        }
        Err(error) => Err(error.into_response()),
    }
}

fn fetch(reader: &Reader, query: &Query, now: Timestamp) -> Result<River, StoreError> {
    let limit = query.limit.unwrap_or(ARTICLES);
    let one_more = Query { limit: Some(limit + 1), ..query.clone() };
    let mut articles: Vec<Article> =
        reader.articles(&one_more, now, |rows| rows.collect::<Result<_, _>>())??;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = limit < articles.len() && query.order == Order::Newest;
    articles.truncate(limit);
    let next = articles.last().map(Article::position).filter(|_| more);
    let names = reader.feed_names()?;
    let tags = names.iter().flat_map(|feed| feed.tags.iter().cloned()).collect();
    let mut feeds: Vec<(String, String)> =
        names.iter().map(|feed| (feed.display_name().to_owned(), feed.url.clone())).collect();
    feeds.sort_by_key(|(name, _)| name.to_lowercase());
    Ok(River { articles, next, feeds, tags, languages: reader.feed_languages()? })
}

fn show<'a>(asked: &'a Asked, river: &River) -> Page<'a> {
    let main = html! {
        h1 { "Latest articles" }
        (filters("/", asked, river))
        @if river.articles.is_empty() {
            p .empty {
                "There is nothing here yet. Articles show up as soon as a feed that fits was polled; "
                a href="/feeds" { "the feeds" } " say when that is."
            }
        }
        (by_day(&river.articles, None))
        (older("/", asked, river))
    };
    Page {
        title: "Latest articles",
        at: if asked.kept.is_empty() { "/" } else { "" },
        words: asked.words.as_deref().unwrap_or_default(),
        filters: &asked.filters,
        main,
    }
}

fn found<'a>(asked: &'a Asked, words: &'a str, river: &River) -> Page<'a> {
    let query = &asked.query;
    let hits = query.search.as_ref().map(Hits::of);
    let hits = hits.as_ref();
    let best = asked.without(&("sort".to_owned(), "newest".to_owned()));
    let main = html! {
        h1 { "Articles with “" bdi { (words) } "”" }
        (filters("/search", asked, river))
        @if river.articles.is_empty() {
            p .empty { "Nothing was found. All of the words must be there; " code { "word*" } " finds what begins with it." }
        } @else if query.order == Order::Relevance {
            p .meta { "The best matches first; " a href={ "/search" (asked.link(None)) "&sort=newest" } { "newest first" } "." }
            section .day aria-labelledby="best" {
                h2 #best .sr { "Best matches" }
                @for article in &river.articles { (card(article, hits, full_time)) }
            }
        } @else {
            p .meta { "The newest first; " a href={ "/search" (best) } { "best matches first" } "." }
            (by_day(&river.articles, hits))
        }
        (older("/search", asked, river))
    };
    Page { title: words, at: "/search", words, filters: &asked.filters, main }
}

fn ask_for_words() -> Page<'static> {
    let main = html! {
        h1 { "Search" }
        p {
            "Type words in the field above: all of them must be there. "
            code { "\"two words\"" } " finds a phrase, " code { "gover*" } " what begins with it, "
            code { "-sport" } " leaves out."
        }
    };
    Page { title: "Search", at: "/search", words: "", filters: "", main }
}

/// The filters in force, and a form that sets them.
fn filters(path: &str, asked: &Asked, river: &River) -> Markup {
    let query = &asked.query;
    let of = |name: &'static str| asked.kept.iter().filter(move |(other, _)| other == name);
    let lists = [
        ("tag", !river.tags.is_empty()),
        ("feed", (2..=CHOICES).contains(&river.feeds.len())),
        ("language", !river.languages.is_empty()),
    ];
    let listed = |name: &str| lists.contains(&(name, true));
    let many = CHOICES < river.feeds.len();
    html! {
        form .filters action=(path) {
            // What no list sets stays as it is.
            @for (name, value) in asked.kept.iter().filter(|(name, _)| !listed(name)) {
                input type="hidden" name=(name) value=(value);
            }
            @if listed("tag") {
                (choice("Tag", "tag", &query.tags, river.tags.iter().map(|tag| (&**tag, &**tag))))
            }
            @if listed("feed") {
                (choice("Feed", "feed", &query.feeds, river.feeds.iter().map(|(name, url)| (&**url, &**name))))
            }
            @if listed("language") {
                (choice("Language", "language", &query.languages, river.languages.iter().map(|code| (&**code, &**code))))
            }
            @if lists.iter().any(|(_, listed)| *listed) { button { "Show" } }
            @if many { p { a href="/feeds" { "Choose a feed" } } }
        }
        @if asked.kept.iter().any(|(name, _)| !matches!(name.as_str(), "q" | "search" | "limit" | "sort")) {
            ul .chips aria-label="Filters in force" {
                @for name in ["tag", "feed", "language", "author", "since", "until"] {
                    @for pair in of(name) {
                        li {
                            a href={ (path) (asked.without(pair)) } {
                                (pair.0) ": " bdi { (label(pair, river)) } " " span aria-hidden="true" { "×" }
                                span .sr { " (remove)" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A list to choose one of; each entry is a value and what is shown of it. Either may have been asked
/// for. What was asked for beyond the list, such as a language with its region, is shown in it, too.
fn choice<'a>(
    label: &str,
    name: &str,
    chosen: &'a [String],
    entries: impl Iterator<Item = (&'a str, &'a str)>,
) -> Markup {
    let mut entries: Vec<_> = entries.collect();
    let known =
        |chosen: &&String| entries.iter().any(|(value, shown)| chosen == value || chosen == shown);
    let beyond: Vec<_> = chosen.iter().filter(|chosen| !known(chosen)).collect();
    entries.extend(beyond.into_iter().map(|chosen| (&**chosen, &**chosen)));
    html! {
        label {
            (label)
            select name=(name) {
                option value="" { "all" }
                @for (value, shown) in entries {
                    option value=[(value != shown).then_some(value)]
                        selected[chosen.iter().any(|chosen| chosen == value || chosen == shown)] {
                        (shown)
                    }
                }
            }
        }
    }
}

/// A feed is shown by its name, though it is asked for by its address.
fn label<'a>(pair: &'a (String, String), river: &'a River) -> &'a str {
    let (name, value) = pair;
    let feed = || river.feeds.iter().find(|(_, url)| url == value).map(|(name, _)| name.as_str());
    if name == "feed" { feed().unwrap_or(value) } else { value }
}

fn older(path: &str, asked: &Asked, river: &River) -> Markup {
    html! {
        @if asked.query.before.is_some() || river.next.is_some() {
            nav .more aria-label="More articles" {
                @if asked.query.before.is_some() {
                    a href={ (path) (asked.link(None)) } { "↑ Newest" }
                } @else { span {} }
                @if let Some(next) = river.next {
                    a rel="next" href={ (path) (asked.link(Some(next))) } { "Older →" }
                }
            }
        }
    }
}
