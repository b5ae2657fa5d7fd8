//! Parts that several pages use.

use std::borrow::Cow;

use chrono::Datelike;
use maud::{Markup, html};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::config::ListView;
use crate::domain::article::Article;
use crate::domain::feed::FeedRef;
use crate::domain::time::{Timestamp, rfc3339};
use crate::html::chars::excerpt;
use crate::html::to_text::html_to_text;
use crate::html::web_address::is_web;
use crate::present::{day, headline, relative_in_words};
use crate::search::snippet::{Hits, Part};
use crate::serve::view::View;

/// The most characters of a standfirst in a list.
const STANDFIRST: usize = 220;

/// A `<time>` element with hour and minute.
pub(super) fn clock_time(view: &View, at: Timestamp) -> Markup {
    html! { time datetime=(rfc3339(at)) { (at.with_timezone(&view.zone).format("%H:%M")) } }
}

/// A `<time>` element with a short date; the exact time shows on hover.
fn date(view: &View, at: Timestamp) -> Markup {
    let local = at.with_timezone(&view.zone);
    html! {
        time lang="en" datetime=(rfc3339(at)) title=(local.format("%Y-%m-%d %H:%M %Z")) {
            (local.format("%-d %b %Y"))
        }
    }
}

/// A `<time>` element with date, hour and minute.
pub(super) fn full_time(view: &View, at: Timestamp) -> Markup {
    let local = at.with_timezone(&view.zone);
    html! { time lang="en" datetime=(rfc3339(at)) { (local.format("%-d %B %Y, %H:%M")) } }
}

/// A `<time>` element with the relative time; the exact time shows on hover.
pub(super) fn relative(view: &View, at: Timestamp, now: Timestamp) -> Markup {
    let text = relative_in_words(at, now);
    let local = at.with_timezone(&view.zone);
    html! { time datetime=(rfc3339(at)) title=(local.format("%Y-%m-%d %H:%M %Z")) { (text) } }
}

/// The address, if it is an http or https URL.
pub(super) fn web(address: Option<&str>) -> Option<&str> {
    address.filter(|address| Url::parse(address).is_ok_and(|url| is_web(&url)))
}

/// A link to the latest articles of a feed. The name has its own text direction.
pub(super) fn feed_link(view: &View, feed: &FeedRef) -> Markup {
    let address = view.list_at(&format!("/?feed={}", encoded(&feed.url)));
    html! {
        a href={ (view.base) (address) } dir="auto" {
            (feed_icon(view, &feed.url, feed.home_page_url.as_deref())) (feed.name)
        }
    }
}

/// The feeds of articles, for [`View::with_icons`].
pub(super) fn feeds_of(articles: &[Article]) -> impl Iterator<Item = (&str, Option<&str>)> {
    articles.iter().map(|article| icon_key(&article.feed))
}

/// A feed, for [`View::with_icons`].
pub(super) fn icon_key(feed: &FeedRef) -> (&str, Option<&str>) {
    (&feed.url, feed.home_page_url.as_deref())
}

/// The icon of the site of a feed; nothing if it has none.
pub(super) fn feed_icon(view: &View, url: &str, home_page_url: Option<&str>) -> Markup {
    html! {
        @if let Some(address) = view.icon(url, home_page_url) {
            img .icon src=(address) alt="" width="16" height="16" loading="lazy" decoding="async";
        }
    }
}

pub(super) fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// The heading of an article.
pub(super) fn heading(article: &Article) -> Cow<'_, str> {
    headline(article).unwrap_or(Cow::Borrowed("Untitled"))
}

/// The beginning of the summary or of the content.
pub(super) fn standfirst(article: &Article, characters: usize) -> Option<String> {
    let content = || article.content_html.as_deref().map(html_to_text);
    let text = article.summary.clone().or_else(content)?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| excerpt(&text, characters).into_owned())
}

/// An article in a list, with the search hits marked, and `more` below its text.
pub(super) fn entry(
    view: &View,
    article: &Article,
    hits: Option<&Hits>,
    when: When,
    more: Option<Markup>,
) -> Markup {
    match view.list() {
        ListView::Compact => line(view, article, hits, when, more),
        ListView::List | ListView::Cards => card(view, article, hits, when, more),
    }
}

/// The time of an article in a list.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// The list has a heading for each day.
    TimeOfDay,
    Date,
}

/// An article in one line.
fn line(
    view: &View,
    article: &Article,
    hits: Option<&Hits>,
    when: When,
    more: Option<Markup>,
) -> Markup {
    let at = article.effective_date();
    html! {
        article .line data-original=[original(view, article)] lang=[article.language.as_deref()] {
            @match when {
                When::TimeOfDay => { (clock_time(view, at)) },
                When::Date => { (date(view, at)) },
            }
            " " (feed_link(view, &article.feed)) " "
            h3 dir="auto" { a href={ (view.base) "/articles/" (article.id) } { (title(article, hits)) } }
            @if let Some(more) = more { " " (more) }
        }
    }
}

/// The address that a keyboard shortcut opens.
fn original<'a>(view: &View, article: &'a Article) -> Option<&'a str> {
    web(article.url.as_deref()).filter(|_| view.shortcuts)
}

/// The heading with the search hits marked.
fn title(article: &Article, hits: Option<&Hits>) -> Markup {
    let title = heading(article);
    hits.map_or_else(|| html! { (title) }, |hits| marked(&hits.mark(&title)))
}

fn card(
    view: &View,
    article: &Article,
    hits: Option<&Hits>,
    when: When,
    more: Option<Markup>,
) -> Markup {
    let heading = heading(article);
    let at = article.effective_date();
    let stand = match hits {
        Some(hits) => found(article, hits),
        // A title that was made from the beginning of the text is not followed by the same text.
        None => standfirst(article, STANDFIRST)
            .filter(|stand| article.title.is_some() && *stand != *heading)
            .map(|stand| html! { (stand) }),
    };
    let image = web(article.image.as_deref());
    let address = format!("/articles/{}", article.id);
    html! {
        article .card .pic[image.is_some()] data-original=[original(view, article)] lang=[article.language.as_deref()] {
            h3 dir="auto" { a href={ (view.base) (address) } { (title(article, hits)) } }
            p .meta {
                (feed_link(view, &article.feed)) " · "
                @match when {
                    When::TimeOfDay => { (clock_time(view, at)) },
                    When::Date => { (full_time(view, at)) },
                }
                (also_in(&article.also_in))
            }
            @if let Some(stand) = stand { p .stand dir="auto" { (stand) } }
            @if let Some(more) = more { (more) }
            @if let Some(image) = image {
                img src=(image) alt="" width="136" height="91" loading="lazy" decoding="async"
                    referrerpolicy="no-referrer";
            }
        }
    }
}

/// The other feeds that have the article. Of many, only the first are named.
fn also_in(names: &[String]) -> Markup {
    const NAMED: usize = 3;
    html! {
        @for (n, name) in names.iter().take(NAMED).enumerate() {
            @if n == 0 { " · also in " } @else { ", " }
            bdi { (name) }
        }
        @if NAMED < names.len() { " and " (names.len() - NAMED) " more" }
    }
}

/// The part of the summary or of the content that the search found.
fn found(article: &Article, hits: &Hits) -> Option<Markup> {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut parts, hit) =
        hits.snippet(&line(article.summary.as_deref().unwrap_or("")), STANDFIRST);
    if !hit && let Some(html) = &article.content_html {
        let (of_content, hit) = hits.snippet(&line(&html_to_text(html)), STANDFIRST);
        if hit || article.summary.is_none() {
            parts = of_content;
        }
    }
    (!parts.is_empty()).then(|| marked(&parts))
}

fn marked(parts: &[Part]) -> Markup {
    html! {
        @for part in parts {
            @if part.hit { mark { (part.text) } } @else { (part.text) }
        }
    }
}

/// Articles grouped by day, each with what `more` says of it. Expects them in order, newest first.
pub(super) fn by_day(
    view: &View,
    articles: &[Article],
    hits: Option<&Hits>,
    more: impl Fn(&Article) -> Option<Markup>,
) -> Markup {
    let local = |article: &Article| article.effective_date().with_timezone(&view.zone);
    let date = |article: &Article| local(article).date_naive().num_days_from_ce();
    html! {
        @for group in articles.chunk_by(|a, b| date(a) == date(b)) {
            @if let Some(first) = group.first() {
                @let id = format!("d{}", local(first).format("%Y%m%d"));
                section class=(section_class(view)) aria-labelledby=(id) {
                    h2 #(id) { (day(first.effective_date(), view.zone)) }
                    @for article in group { (entry(view, article, hits, When::TimeOfDay, more(article))) }
                }
            }
        }
    }
}

/// The class of a section with articles.
pub(super) fn section_class(view: &View) -> &'static str {
    match view.list() {
        ListView::List | ListView::Compact => "day",
        ListView::Cards => "day cards",
    }
}

/// Links that show the list in another view. `address` is the address of the list without a view.
pub(super) fn views(view: &View, address: &str) -> Markup {
    const NAMES: [(ListView, &str); ListView::ALL.len()] =
        [(ListView::List, "List"), (ListView::Compact, "Compact"), (ListView::Cards, "Cards")];
    html! {
        nav .views aria-label="View" {
            @for (list, name) in NAMES {
                a href={ (view.base) (view.list_in(list, address)) }
                    aria-current=[(list == view.list()).then_some("true")] { (name) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_linked() {
        for (address, linked) in [
            ("https://a.example/", true),
            ("http://a.example/", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("/relative", false),
            ("", false),
        ] {
            assert_eq!(web(Some(address)).is_some(), linked, "{address}");
        }
        assert_eq!(web(None), None);
    }
}
