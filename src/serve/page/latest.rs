//! `GET /`, the page of the latest articles, and `GET /search`, the page of search results.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::Page;
use super::parts::{When, by_day, entry, feeds_of, section_class, views};
use super::stories::more;
use crate::clock;
use crate::domain::article::{Article, Position, StoryId};
use crate::domain::query::{Order, Query};
use crate::domain::story::Story;
use crate::domain::time::Timestamp;
use crate::search::snippet::Hits;
use crate::serve::Site;
use crate::serve::error_response::bad_request;
use crate::serve::params::Params;
use crate::serve::view::View;
use crate::store::{Reader, StoreError};

/// The number of articles on a page: about 50 KB of HTML.
const ARTICLES: u64 = 40;

/// The most articles on a page that a request may ask for.
const MOST: u64 = 200;

/// The most feeds in the list of the filter form; with more feeds it links to the page of feeds.
const CHOICES: usize = 100;

/// What the page shows.
struct Latest {
    articles: Vec<Article>,
    /// The stories of the articles, if there is one article of each.
    stories: HashMap<StoryId, Story>,
    next: Option<Position>,
    /// The names and URLs of all feeds, unless they are many.
    feeds: Vec<(String, String)>,
    has_many_feeds: bool,
    /// The names of the feeds that the request names by their URLs.
    chosen_feeds: HashMap<String, String>,
    tags: Vec<String>,
    languages: Vec<String>,
}

pub(in crate::serve) async fn latest(
    State(site): State<Site>,
    Extension(mut view): Extension<View>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let now = clock::now();
    let mut params = read(&uri, &mut view, now).map_err(|why| bad_request(&why))?;
    // A search and the page of one story show all that they find.
    params.query.one_of_each_story =
        params.query.search.is_none() && params.query.stories.is_empty();
    let latest = load(&site, &params, now).await?;
    let view = view.with_icons(site.reader_pool(), feeds_of(&latest.articles)).await?;
    Ok(show(&view, &params, &latest).respond(&site, (&uri, &headers), now))
}

pub(in crate::serve) async fn search(
    State(site): State<Site>,
    Extension(mut view): Extension<View>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let now = clock::now();
    let mut params = read(&uri, &mut view, now).map_err(|why| bad_request(&why))?;
    let Some(words) = params.words.clone() else {
        return Ok(ask_for_words(&view).respond(&site, (&uri, &headers), now));
    };
    // A position in the order of time does not exist in the order of relevance.
    if params.query.before.is_none() && !params.by_date {
        params.query.order = Order::Relevance;
    }
    let latest = load(&site, &params, now).await?;
    let view = view.with_icons(site.reader_pool(), feeds_of(&latest.articles)).await?;
    Ok(found(&view, &params, &words, &latest).respond(&site, (&uri, &headers), now))
}

fn read(uri: &Uri, view: &mut View, now: Timestamp) -> Result<Params, String> {
    view.choose(uri)?;
    let params = Params::of_page(uri, ARTICLES, (now, view.zone))?;
    if params.query.limit.is_some_and(|limit| MOST < limit) {
        return Err(format!("limit: a page has {MOST} articles at most"));
    }
    Ok(params)
}

async fn load(site: &Site, params: &Params, now: Timestamp) -> Result<Latest, Response> {
    params.load(site.reader_pool(), move |reader, query| fetch(reader, query, now)).await
}

fn fetch(reader: &Reader, query: &Query, now: Timestamp) -> Result<Latest, StoreError> {
    let limit = query.limit.unwrap_or(ARTICLES);
    let one_more = Query { limit: Some(limit + 1), ..query.clone() };
    let mut articles: Vec<Article> =
        reader.articles(&one_more, now, |rows| rows.collect::<Result<_, _>>())??;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = limit < articles.len() && query.order == Order::Newest;
    articles.truncate(limit);
    let next = articles.last().map(Article::position).filter(|_| more);
    let mut stories = HashMap::new();
    if query.one_of_each_story {
        for id in articles.iter().filter_map(|article| Some(&article.story.as_ref()?.id)) {
            stories.extend(reader.story(id, now)?.map(|story| (id.clone(), story)));
        }
    }
    let choices = reader.few_feed_names(CHOICES)?;
    let has_many_feeds = choices.is_none();
    let mut feeds: Vec<(String, String)> = choices
        .unwrap_or_default()
        .iter()
        .map(|feed| (feed.display_name().to_owned(), feed.url.clone()))
        .collect();
    feeds.sort_by_key(|(name, _)| name.to_lowercase());
    let (tags, languages) = (reader.feed_tags()?, reader.feed_languages()?);
    let chosen_feeds = names(reader, &query.feeds)?;
    Ok(Latest { articles, stories, next, feeds, has_many_feeds, chosen_feeds, tags, languages })
}

/// The names of feeds, by the URLs with which a request names them.
fn names(reader: &Reader, urls: &[String]) -> Result<HashMap<String, String>, StoreError> {
    let mut names = HashMap::new();
    for url in urls {
        for id in reader.feeds_called(url)? {
            let feed = reader.feed(id)?.filter(|feed| feed.url == *url);
            names.extend(feed.map(|feed| (url.clone(), feed.display_name().to_owned())));
        }
    }
    Ok(names)
}

fn show<'a>(view: &'a View, params: &'a Params, latest: &Latest) -> Page<'a> {
    let main = html! {
        h1 { "Latest articles" }
        (filters(view, "/", params, latest))
        @if latest.articles.is_empty() {
            p .empty {
                "There is nothing here yet. Articles show up as soon as a feed that fits was polled; "
                a href={ (view.base) "/feeds" } { "the feeds" } " say when that is."
            }
        }
        (by_day(view, &latest.articles, None, |article| {
            Some(more(view, latest.stories.get(&article.story.as_ref()?.id)?))
        }))
        (older(view, "/", params, latest))
    };
    Page {
        view,
        title: "Latest articles",
        at: if params.filters.is_empty() { "/" } else { "" },
        words: params.words.as_deref().unwrap_or_default(),
        filters: &params.filters,
        main,
    }
}

fn found<'a>(view: &'a View, params: &'a Params, words: &'a str, latest: &Latest) -> Page<'a> {
    let query = &params.query;
    let hits = query.search.as_ref().map(Hits::of);
    let hits = hits.as_ref();
    let best = params.without(&("sort".to_owned(), "newest".to_owned()));
    let main = html! {
        h1 { "Articles with “" bdi { (words) } "”" }
        (filters(view, "/search", params, latest))
        @if latest.articles.is_empty() {
            p .empty { "Nothing was found. All of the words must be there; " code { "word*" } " finds what begins with it." }
        } @else if query.order == Order::Relevance {
            p .meta { "The best matches first; " a href={ (view.base) "/search" (params.link(None)) "&sort=newest" } { "newest first" } "." }
            section class={ (section_class(view)) " dated" } aria-labelledby="best" {
                h2 #best .sr { "Best matches" }
                @for article in &latest.articles { (entry(view, article, hits, When::Date, None)) }
            }
        } @else {
            p .meta { "The newest first; " a href={ (view.base) "/search" (best) } { "best matches first" } "." }
            (by_day(view, &latest.articles, hits, |_| None))
        }
        (older(view, "/search", params, latest))
    };
    Page { view, title: words, at: "/search", words, filters: &params.filters, main }
}

fn ask_for_words(view: &View) -> Page<'_> {
    let main = html! {
        h1 { "Search" }
        p {
            "Type words in the field above: all of them must be there. "
            code { "\"two words\"" } " finds a phrase, " code { "gover*" } " what begins with it, "
            code { "-sport" } " leaves out."
        }
    };
    Page { view, title: "Search", at: "/search", words: "", filters: "", main }
}

/// The active filters, and a form that sets them.
fn filters(view: &View, path: &str, params: &Params, latest: &Latest) -> Markup {
    let query = &params.query;
    let of = |name: &'static str| params.kept.iter().filter(move |(other, _)| other == name);
    let lists = [
        ("tag", !latest.tags.is_empty()),
        ("feed", 2 <= latest.feeds.len()),
        ("language", !latest.languages.is_empty()),
    ];
    let listed = |name: &str| lists.contains(&(name, true));
    let many = latest.has_many_feeds;
    let form = html! {
        form .filters action={ (view.base) (path) } {
            // Filters without a list are kept.
            @for (name, value) in params.kept.iter().filter(|(name, _)| !listed(name)) {
                input type="hidden" name=(name) value=(value);
            }
            @if listed("tag") {
                (choice("Tag", "tag", &query.tags, latest.tags.iter().map(|tag| (&**tag, &**tag))))
            }
            @if listed("feed") {
                (choice("Feed", "feed", &query.feeds, latest.feeds.iter().map(|(name, url)| (&**url, &**name))))
            }
            @if listed("language") {
                (choice("Language", "language", &query.languages, latest.languages.iter().map(|code| (&**code, &**code))))
            }
            @if lists.iter().any(|(_, listed)| *listed) { button { "Show" } }
            @if many { p { a href={ (view.base) "/feeds" } { "Choose a feed" } } }
        }
    };
    html! {
        // Folded away, so that a small screen shows articles first. The filters in force are below it.
        div .bar {
            @if many || lists.iter().any(|(_, listed)| *listed) {
                details .fold { summary { "Filter" } (form) }
            }
            (views(view, &format!("{path}{}", params.without_view())))
        }
        @if params.kept.iter().any(|(name, _)| !matches!(name.as_str(), "q" | "search" | "limit" | "sort" | "view")) {
            ul .chips aria-label="Filters in force" {
                @for name in ["tag", "feed", "language", "author", "story", "since", "until", "seen-since", "seen_since"] {
                    @for pair in of(name) {
                        li {
                            a href={ (view.base) (path) (params.without(pair)) } {
                                (pair.0) ": " bdi { (label(pair, latest)) } " " span aria-hidden="true" { "×" }
                                span .sr { " (remove)" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A list to choose from; each entry is a value and its label. The request may name either of them. What it
/// names beyond the list, such as a language with its region, is added to the list.
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

/// The label of a filter: a feed is shown by its name, though the request names its address.
fn label<'a>(pair: &'a (String, String), latest: &'a Latest) -> &'a str {
    let (name, value) = pair;
    if name == "feed" { latest.chosen_feeds.get(value).unwrap_or(value) } else { value }
}

fn older(view: &View, path: &str, params: &Params, latest: &Latest) -> Markup {
    html! {
        @if params.query.before.is_some() || latest.next.is_some() {
            nav .more aria-label="More articles" {
                @if params.query.before.is_some() {
                    a href={ (view.base) (path) (params.link(None)) } { "↑ Newest" }
                } @else { span {} }
                @if let Some(next) = latest.next {
                    a rel="next" href={ (view.base) (path) (params.link(Some(next))) } { "Older →" }
                }
            }
        }
    }
}
