//! `GET /articles/ID`: the page of one article.

use std::borrow::Cow;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::HeaderMap;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{Markup, PreEscaped, html};

use super::Page;
use super::parts::{encoded, feed_link, full_time, heading, icon_key, web};
use crate::clock;
use crate::domain::article::{Article, ArticleId, Attachment, DateSource, Sighting, Version};
use crate::domain::query::Query;
use crate::html::sanitise::SanitisedHtml;
use crate::html::to_text::{has_same_text, html_to_text};
use crate::present::{count, reading_minutes, text_source};
use crate::serve::view::View;
use crate::serve::{Site, error_response};
use crate::store::{Reader, StoreError};

const DEADLINE: Duration = Duration::from_secs(10);

/// The most earlier versions that are shown.
const VERSIONS: usize = 20;

/// The most articles among which the neighbours of an article are looked for.
const NEIGHBOURS: u64 = 2_000;

struct Reading {
    article: Article,
    /// The articles before and after it in the list of the latest.
    newer: Option<ArticleId>,
    older: Option<ArticleId>,
    sightings: Vec<Sighting>,
    versions: Vec<Version>,
}

pub(in crate::serve) async fn article(
    State(site): State<Site>,
    Extension(view): Extension<View>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let wanted = ArticleId(id);
    let read = site.reader_pool().read(DEADLINE, move |reader| fetch(reader, &wanted)).await;
    let Some(reading) = read.map_err(IntoResponse::into_response)? else {
        let why = "there is no such article; it may have been removed, or be of another store";
        return Err(error_response::with_status(StatusCode::NOT_FOUND, why));
    };
    let sightings = reading.sightings.iter().map(|sighting| icon_key(&sighting.feed));
    let feeds = sightings.chain([icon_key(&reading.article.feed)]);
    let view = view.with_icons(site.reader_pool(), feeds).await?;
    let title = heading(&reading.article);
    let main = show(&view, &reading, &title);
    let page = Page { view: &view, title: &title, at: "", words: "", filters: "", main };
    Ok(page.respond(&site, (&uri, &headers), clock::now()))
}

fn fetch(reader: &Reader, id: &ArticleId) -> Result<Option<Reading>, StoreError> {
    let Some(article) = reader.article(id)? else { return Ok(None) };
    if reader.is_hidden(id, clock::now())? {
        return Ok(None);
    }
    let (sightings, versions) = (reader.sightings(id)?, reader.versions(id)?);
    let (newer, older) = neighbours(reader, id)?;
    Ok(Some(Reading { article, newer, older, sightings, versions }))
}

/// The articles before and after it among the latest ones; none for an article that is older, or a duplicate.
fn neighbours(
    reader: &Reader,
    id: &ArticleId,
) -> Result<(Option<ArticleId>, Option<ArticleId>), StoreError> {
    let latest = Query { limit: Some(NEIGHBOURS), ..Query::default() };
    let ids = reader.ids(&latest, clock::now())?;
    let Some(place) = ids.iter().position(|other| other == id) else { return Ok((None, None)) };
    let at = |place: Option<usize>| place.and_then(|place| ids.get(place)).cloned();
    Ok((at(place.checked_sub(1)), at(Some(place + 1))))
}

fn show(view: &View, reading: &Reading, title: &str) -> Markup {
    let Reading { article, newer, older, sightings, versions } = reading;
    let content = article.content_html.as_ref();
    // In many feeds the summary is the beginning of the content.
    let repeated = |summary: &&str| {
        !content.is_some_and(|html| {
            has_same_text(html, summary) || begins_with(&html_to_text(html), summary)
        })
    };
    let stand = article.summary.as_deref().filter(repeated);
    let image = web(article.image.as_deref())
        .filter(|image| !content.is_some_and(|html| shows(html, image)));
    html! {
        article .article lang=[article.language.as_deref()] {
            p .kicker { (feed_link(view, &article.feed)) }
            h1 dir="auto" { (title) }
            @if let Some(stand) = stand { p .stand dir="auto" { (stand) } }
            div lang="en" { (byline(view, article)) }
            @if let Some(image) = image {
                img .lead src=(image) alt="" decoding="async" referrerpolicy="no-referrer";
            }
            @if let Some(html) = content {
                // The HTML was sanitised before it was stored.
                div .text dir="auto" { (below_title(html)) }
            }
            div lang="en" {
                (original(article))
                @if let Some(full_text) = &article.full_text {
                    p .meta { "Text " (text_source(full_text)) "." }
                }
                (attachments(article))
                (also(view, article, sightings))
                (earlier(view, versions))
            }
        }
        nav .more aria-label="Other articles" {
            @if let Some(id) = newer {
                a rel="prev" href={ (view.base) "/articles/" (id) } { "← Newer" }
            } @else { span {} }
            a href={ (view.base) "/" } { "Latest articles" }
            @if let Some(id) = older {
                a rel="next" href={ (view.base) "/articles/" (id) } { "Older →" }
            } @else { span {} }
        }
    }
}

/// Turns `h1` into `h2`, because only the title of the page is an `h1`. In sanitised HTML, a `<` in text is escaped.
fn below_title(html: &SanitisedHtml) -> PreEscaped<Cow<'_, str>> {
    PreEscaped(if html.contains("<h1") {
        html.replace("<h1", "<h2").replace("</h1>", "</h2>").into()
    } else {
        html.as_str().into()
    })
}

fn begins_with(text: &str, summary: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    let summary = plain(summary);
    plain(text).starts_with(summary.trim_end_matches(['…', '.', '[', ']']))
}

/// Whether the content contains the image, perhaps in another size. The name of its file is compared.
fn shows(html: &str, image: &str) -> bool {
    let path = image.split(['?', '#']).next().unwrap_or(image);
    let name = path.rsplit('/').next().unwrap_or(path);
    html.contains(image) || (8 <= name.len() && html.contains(name))
}

fn byline(view: &View, article: &Article) -> Markup {
    let names: Vec<&str> = article
        .authors
        .iter()
        .filter_map(|author| author.name.as_deref().or(author.email.as_deref()))
        .collect();
    html! {
        p .byline {
            @if !names.is_empty() {
                "By "
                @for (n, name) in names.iter().enumerate() {
                    @if 0 < n { ", " }
                    b dir="auto" { (name) }
                }
                " · "
            }
            @match (article.published, article.date_source) {
                (Some(at), DateSource::Feed | DateSource::Page) => { (full_time(view, at)) },
                _ => { "first seen " (full_time(view, article.first_seen)) },
            }
            @if let Some(at) = article.modified.filter(|at| article.published.is_none_or(|p| p < *at)) {
                " · updated " (full_time(view, at))
            }
            @if let Some(minutes) = reading_minutes(article) {
                " · " (minutes) " min read"
            }
            @if 0 < article.revision {
                " · " a href="#versions" {
                    "edited " (count(article.revision.into(), "time"))
                }
            }
        }
    }
}

/// Links to the original article and to the page that it is about.
fn original(article: &Article) -> Markup {
    let link = |address: &str, words: &str| {
        let host = url::Url::parse(address).ok();
        let host = host.as_ref().and_then(|url| url.host_str()).unwrap_or(address).to_owned();
        html! { a .go href=(address) rel="noopener noreferrer" { (words) " " (host) } " " }
    };
    let (own, other) = (web(article.url.as_deref()), web(article.external_url.as_deref()));
    html! {
        p {
            @if let Some(address) = own { (link(address, "Read at")) }
            @if let Some(address) = other.filter(|other| Some(*other) != own) {
                (link(address, "It is about"))
            }
        }
    }
}

fn attachments(article: &Article) -> Markup {
    // The image of the article is already shown above.
    let shown = |attachment: &&Attachment| Some(&attachment.url) != article.image.as_ref();
    let attachments: Vec<&Attachment> = article.attachments.iter().filter(shown).collect();
    let is = |attachment: &Attachment, kind: &str| {
        attachment.mime_type.as_deref().is_some_and(|mime| mime.starts_with(kind))
    };
    html! {
        @if !attachments.is_empty() {
            section aria-labelledby="files" {
                h2 #files { "Attachments" }
                ul {
                    @for attachment in attachments {
                        @if let Some(address) = web(Some(&attachment.url)) {
                            li {
                                a href=(address) rel="noopener noreferrer" dir="auto" {
                                    (attachment.title.as_deref().unwrap_or_else(|| file_name(address)))
                                }
                                " " span .meta { (described(attachment)) }
                                @if is(attachment, "audio/") {
                                    audio controls preload="none" src=(address) {}
                                } @else if is(attachment, "video/") {
                                    video controls preload="none" src=(address) {}
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn file_name(address: &str) -> &str {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(address)
}

fn described(attachment: &Attachment) -> String {
    let size = attachment.size_in_bytes.filter(|bytes| 0 < *bytes).map(|bytes| match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{} MB", bytes / 1_000_000),
    });
    let duration = attachment.duration_in_seconds.filter(|seconds| 0 < *seconds);
    let duration = duration.map(|seconds| format!("{} min", seconds.div_ceil(60)));
    let parts = [attachment.mime_type.clone(), size, duration];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The feeds that contained the article, its tags and its language.
fn also(view: &View, article: &Article, sightings: &[Sighting]) -> Markup {
    html! {
        section aria-labelledby="where" {
            h2 #where { "Where it was seen" }
            ul {
                @for sighting in sightings {
                    li {
                        (feed_link(view, &sighting.feed))
                        @if sighting.article != article.id {
                            ": " a href={ (view.base) "/articles/" (sighting.article) } {
                                @if article.duplicate_of.as_ref() == Some(&sighting.article) {
                                    "the article as it came first"
                                } @else {
                                    "the same article"
                                }
                            }
                        }
                    }
                }
                @if let Some(story) = article.story.as_ref().filter(|story| 1 < story.size) {
                    li {
                        a href={ (view.base) "/stories/" (story.id) } {
                            (count(story.size, "article")) " about this event"
                        }
                    }
                }
                li { "first seen " (full_time(view, article.first_seen)) }
                @if !article.tags.is_empty() {
                    li {
                        "filed under "
                        @for (n, tag) in article.tags.iter().enumerate() {
                            @if 0 < n { ", " }
                            bdi { (tag) }
                        }
                    }
                }
                @if let Some(language) = &article.language {
                    li { "language: " a href={ (view.base) "/?language=" (encoded(language)) } { (language) } }
                }
            }
        }
    }
}

fn earlier(view: &View, versions: &[Version]) -> Markup {
    html! {
        @if !versions.is_empty() {
            section aria-labelledby="versions" {
                h2 #versions { "Earlier versions" }
                @for version in versions.iter().take(VERSIONS) {
                    details {
                        summary {
                            "Until " (full_time(view, version.replaced_at))
                            @if let Some(title) = &version.title { ": " bdi { (title) } }
                        }
                        div .text dir="auto" {
                            @if let Some(html) = &version.content_html {
                                (below_title(html))
                            } @else if let Some(summary) = &version.summary {
                                p { (summary) }
                            } @else {
                                p { "Without text." }
                            }
                        }
                    }
                }
            }
        }
    }
}
