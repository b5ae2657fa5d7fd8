//! Which parts of an article are shown as its feed gives them, and which as its page has them.
//!
//! What the feed says comes first, because its publisher wrote it for readers like ours. The page fills gaps, and its
//! text is shown if it is the longer one.

use crate::article_page::model::ArticlePage;
use crate::domain::article::Person;
use crate::domain::named_enum::named_enum;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::feed::normalise::furniture::normal;
use crate::html::chars::collapse;
use crate::html::sanitise::SanitisedHtml;
use crate::html::to_text::html_to_text;

/// The parts of an article that its page may give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Plain text.
    pub summary: Option<String>,
    pub content_html: Option<SanitisedHtml>,
    pub image: Option<String>,
    pub authors: Vec<Person>,
    pub language: Option<String>,
    pub published: Option<Timestamp>,
}

named_enum! {
    /// A part in [`Parts`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Part {
        Summary = "summary",
        Content = "content",
        Image = "image",
        Authors = "authors",
        Language = "language",
        Date = "date",
    }
}

/// The parts that are shown, and which of them are from the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub parts: Parts,
    pub from_page: Vec<Part>,
}

/// A year before the first feeds. An earlier date is that of a clock that was not set.
const FIRST_YEAR: &str = "1990-01-01T00:00:00Z";

/// Whether a date of publication can be right. A date more than a day ahead of the first sighting cannot.
pub fn is_plausible(published: Timestamp, first_seen: Timestamp) -> bool {
    let first: Timestamp = FIRST_YEAR.parse().unwrap_or_default();
    first <= published && published - first_seen <= TimeDelta::days(1)
}

/// Merges what the feed says with what the page says.
pub fn merge(feed: &Parts, page: &ArticlePage, first_seen: Timestamp) -> Merged {
    let mut merged = Merged { parts: feed.clone(), from_page: Vec::new() };
    let text = |html: &Option<SanitisedHtml>| {
        html.as_deref().map(|html| collapse(&html_to_text(html))).unwrap_or_default()
    };
    let (of_feed, of_page) = (text(&feed.content_html), text(&page.html));
    let feed_text = [of_feed.as_str(), feed.summary.as_deref().unwrap_or_default()];
    let longest = feed_text.into_iter().map(length).max().unwrap_or_default();
    if longest < length(&of_page) {
        merged.parts.content_html.clone_from(&page.html);
        merged.from_page.push(Part::Content);
    }
    let is_long = merged.from_page.contains(&Part::Content);
    if let Some(summary) = summary(feed, page, &of_feed, &of_page, is_long) {
        merged.parts.summary = Some(summary);
        merged.from_page.push(Part::Summary);
    }
    if let Some(image) = page.image.as_ref().filter(|_| feed.image.is_none()) {
        merged.parts.image = Some(image.url.clone());
        merged.from_page.push(Part::Image);
    }
    if feed.authors.is_empty() && !page.authors.is_empty() {
        let person = |name: &String| Person { name: Some(name.clone()), ..Person::default() };
        merged.parts.authors = page.authors.iter().map(person).collect();
        merged.from_page.push(Part::Authors);
    }
    if let Some(language) = page.language.as_ref().filter(|_| feed.language.is_none()) {
        merged.parts.language = Some(language.clone());
        merged.from_page.push(Part::Language);
    }
    let is_dated = feed.published.is_some_and(|at| is_plausible(at, first_seen));
    let dated = page.published.map(|date| date.at).filter(|at| is_plausible(*at, first_seen));
    if let Some(at) = dated.filter(|_| !is_dated) {
        merged.parts.published = Some(at);
        merged.from_page.push(Part::Date);
    }
    merged
}

/// The number of characters that are not white space. Words would not compare texts in scripts without spaces.
fn length(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// The summary, if it is not the one of the feed: where the feed has none, or only the beginning of the text. A teaser
/// that the feed has in place of the text is its summary when the text of the page is shown.
fn summary(
    feed: &Parts,
    page: &ArticlePage,
    of_feed: &str,
    of_page: &str,
    is_long: bool,
) -> Option<String> {
    let is_own = |text: &str| !text.is_empty() && !begins_with(of_page, text);
    let given = feed.summary.as_deref().filter(|text| is_own(text) && !begins_with(of_feed, text));
    if given.is_some() {
        return None;
    }
    let teaser = || Some(of_feed.to_owned()).filter(|text| is_long && is_own(text));
    let standfirst = page.standfirst.clone().filter(|text| !begins_with(of_page, text));
    standfirst.or_else(teaser)
}

/// Whether `text` begins with `beginning`, which may end with an ellipsis.
fn begins_with(text: &str, beginning: &str) -> bool {
    let beginning = normal(beginning);
    !beginning.is_empty() && normal(text).starts_with(&beginning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article_page::model::MainImage;
    use crate::feed::dates::parse::written_date;

    const SEEN: &str = "2024-08-21T08:00:00Z";
    const TEASER: &str = "The ferry sails again.";
    const LONG: &str = "<p>After nine years the ferry to the island sails again, every morning and \
                        every evening.</p>";

    fn html(text: &str) -> SanitisedHtml {
        SanitisedHtml::from_store(text.to_owned())
    }

    fn page() -> ArticlePage {
        ArticlePage {
            standfirst: Some("The island is reached from the harbour once more.".to_owned()),
            authors: vec!["Maria Lind".to_owned()],
            published: written_date("2024-08-20T06:18:00Z"),
            language: Some("en".to_owned()),
            image: Some(MainImage { url: "https://a.example/1.jpg".to_owned(), caption: None }),
            html: Some(html(LONG)),
            ..ArticlePage::default()
        }
    }

    fn merged(feed: &Parts) -> Merged {
        merge(feed, &page(), SEEN.parse().unwrap())
    }

    #[test]
    fn a_page_fills_all_gaps_of_a_teaser() {
        let merged = merged(&Parts { content_html: Some(html(TEASER)), ..Parts::default() });
        assert_eq!(merged.from_page.len(), Part::ALL.len());
        assert_eq!(merged.parts.content_html, Some(html(LONG)));
        assert_eq!(merged.parts.summary, page().standfirst);
        assert_eq!(merged.parts.published, Some("2024-08-20T06:18:00Z".parse().unwrap()));
    }

    #[test]
    fn what_the_feed_gives_stays() {
        let given = Parts {
            summary: Some("A summary of its own.".to_owned()),
            content_html: Some(html(&LONG.repeat(2))),
            image: Some("https://a.example/feed.jpg".to_owned()),
            authors: vec![Person { name: Some("Jon Berg".to_owned()), ..Person::default() }],
            language: Some("sv".to_owned()),
            published: Some("2024-08-20T00:00:00Z".parse().unwrap()),
        };
        assert_eq!(merged(&given), Merged { parts: given, from_page: Vec::new() });
    }

    #[test]
    fn a_date_that_cannot_be_right_gives_way_to_that_of_the_page() {
        for (given, is_kept) in [
            ("1970-01-01T00:00:01Z", false),
            ("2025-08-20T00:00:00Z", false),
            ("2024-08-22T00:00:00Z", true),
            ("1995-08-20T00:00:00Z", true),
        ] {
            let feed = Parts { published: Some(given.parse().unwrap()), ..Parts::default() };
            assert_eq!(!merged(&feed).from_page.contains(&Part::Date), is_kept, "{given}");
        }
        let mut absurd = page();
        absurd.published = written_date("2031-01-01");
        let merged = merge(&Parts::default(), &absurd, SEEN.parse().unwrap());
        assert_eq!(merged.parts.published, None);
    }

    #[test]
    fn the_beginning_of_the_text_is_no_summary() {
        let of = |summary: &str, standfirst: Option<&str>| {
            let page = ArticlePage { standfirst: standfirst.map(str::to_owned), ..page() };
            let feed = Parts { summary: Some(summary.to_owned()), ..Parts::default() };
            merge(&feed, &page, SEEN.parse().unwrap()).parts.summary.unwrap()
        };
        let (beginning, standfirst) = ("After nine years the ferry …", "To the island again.");
        assert_eq!(of(beginning, Some(standfirst)), standfirst);
        assert_eq!(of(beginning, None), beginning);
        assert_eq!(of("A summary of its own.", Some(standfirst)), "A summary of its own.");
        let teaser = Parts { content_html: Some(html(TEASER)), ..Parts::default() };
        let plain = ArticlePage { standfirst: None, ..page() };
        let merged = merge(&teaser, &plain, SEEN.parse().unwrap());
        assert_eq!(merged.parts.summary.as_deref(), Some(TEASER), "the teaser of the feed");
    }

    #[test]
    fn texts_without_spaces_are_compared_by_their_characters() {
        let long = "<p>九年ぶりに島へのフェリーが毎朝毎晩運航を再開した。住民は喜んでいる。</p>";
        let page = ArticlePage { html: Some(html(long)), ..ArticlePage::default() };
        let feed = Parts {
            content_html: Some(html("<p>島への フェリー 再開</p>")),
            ..Parts::default()
        };
        let merged = merge(&feed, &page, SEEN.parse().unwrap());
        assert_eq!(merged.parts.content_html, Some(html(long)));
    }
}
