//! What several pages show.

use std::borrow::Cow;

use chrono::Datelike;
use maud::{Markup, html};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::domain::article::Article;
use crate::domain::feed::FeedRef;
use crate::domain::time::{Timestamp, rfc3339};
use crate::html::chars::excerpt;
use crate::html::to_text::html_to_text;
use crate::html::web_address::is_web;
use crate::present::{day, headline, relative_in_words};
use crate::search::snippet::{Hits, Part};

/// Characters of a standfirst in a list.
const STANDFIRST: usize = 220;

/// `<time>`, shown as the clock has it.
pub(super) fn clock_time(at: Timestamp) -> Markup {
    html! { time datetime=(rfc3339(at)) { (at.format("%H:%M")) } }
}

/// `<time>` with its day.
pub(super) fn full_time(at: Timestamp) -> Markup {
    html! { time lang="en" datetime=(rfc3339(at)) { (at.format("%-d %B %Y, %H:%M")) } }
}

/// `<time>` relative to now; the exact time shows on hover.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> Markup {
    let text = relative_in_words(at, now);
    html! { time datetime=(rfc3339(at)) title=(at.format("%Y-%m-%d %H:%M UTC")) { (text) } }
}

/// The address, if a browser may be sent there.
pub(super) fn web(address: Option<&str>) -> Option<&str> {
    address.filter(|address| Url::parse(address).is_ok_and(|url| is_web(&url)))
}

/// The river of one feed, whose name may run the other way than what stands around it.
pub(super) fn feed_link(feed: &FeedRef) -> Markup {
    html! { a href={ "/?feed=" (encoded(&feed.url)) } dir="auto" { (feed.name) } }
}

pub(super) fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// The heading of an article.
pub(super) fn heading(article: &Article) -> Cow<'_, str> {
    headline(article).unwrap_or(Cow::Borrowed("Untitled"))
}

/// The first words of summary or content.
pub(super) fn standfirst(article: &Article, characters: usize) -> Option<String> {
    let content = || article.content_html.as_deref().map(html_to_text);
    let text = article.summary.clone().or_else(content)?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| excerpt(&text, characters).into_owned())
}

/// An article in a list; what a search hit in it is marked.
pub(super) fn card(
    article: &Article,
    hits: Option<&Hits>,
    when: fn(Timestamp) -> Markup,
) -> Markup {
    let title = heading(article);
    let stand = match hits {
        Some(hits) => found(article, hits),
        // A title that was made of the first words is not followed by them again.
        None => standfirst(article, STANDFIRST)
            .filter(|stand| article.title.is_some() && *stand != *title)
            .map(|stand| html! { (stand) }),
    };
    let title = hits.map_or_else(|| html! { (title) }, |hits| marked(&hits.mark(&title)));
    let image = web(article.image.as_deref());
    let address = format!("/articles/{}", article.id);
    html! {
        article .card .pic[image.is_some()] lang=[article.language.as_deref()] {
            h3 dir="auto" { a href=(address) { (title) } }
            p .meta {
                (feed_link(&article.feed)) " · " (when(article.effective_date()))
            }
            @if let Some(stand) = stand { p .stand dir="auto" { (stand) } }
            @if let Some(image) = image {
                img src=(image) alt="" width="136" height="91" loading="lazy" decoding="async"
                    referrerpolicy="no-referrer";
            }
        }
    }
}

/// The place in summary or content that was hit.
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

/// Articles under the headings of their days. They come in order, newest first.
pub(super) fn by_day(articles: &[Article], hits: Option<&Hits>) -> Markup {
    let date = |article: &Article| article.effective_date().date_naive().num_days_from_ce();
    html! {
        @for group in articles.chunk_by(|a, b| date(a) == date(b)) {
            @if let Some(first) = group.first() {
                @let id = format!("d{}", first.effective_date().format("%Y%m%d"));
                section .day aria-labelledby=(id) {
                    h2 #(id) { (day(first.effective_date())) }
                    @for article in group { (card(article, hits, clock_time)) }
                }
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
