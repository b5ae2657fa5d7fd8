//! Stories with their articles, as JSON and as Atom.

use std::io;

use serde_json::{Value, json};

use crate::domain::story::{Story, StoryArticle};
use crate::export::record::FeedRecord;
use crate::export::xml::{Xml, valid_language};
use crate::export::{Channel, atom, date, present};
use crate::html::escape::{push_attribute, push_text};
use crate::present::{count, line};

/// The name of an article in a story.
pub fn title(article: &StoryArticle) -> String {
    let title = article.title.as_deref().and_then(line);
    title.map_or_else(|| "(no title)".to_owned(), std::borrow::Cow::into_owned)
}

/// The name of a story: the title of its first article.
pub fn headline(story: &Story) -> String {
    story.articles.first().map(title).unwrap_or_default()
}

/// The record of a story: `id` and `size` as in the record of an article, and all that is known besides.
pub fn record(story: &Story) -> Value {
    let mut record = json!({
        "id": story.id.0,
        "size": story.articles.len(),
        "sources": story.sources,
        "words": story.words,
        "title": headline(story),
        "articles": story.articles.iter().map(article_record).collect::<Value>(),
    });
    if let (Some(record), Some(newest)) = (record.as_object_mut(), date(story.newest())) {
        record.insert("date_newest".to_owned(), newest.into());
    }
    record
}

/// The articles of a story in short, each with the reason why it is there.
fn article_record(article: &StoryArticle) -> Value {
    let mut record = json!({
        "id": article.id.0,
        "feed": FeedRecord::of(&article.feed),
        "reason": article.reason.as_str(),
        "score": article.score,
        "words": article.shared,
    });
    let texts = [
        ("url", present(article.url.as_deref()).map(str::to_owned)),
        ("title", present(article.title.as_deref()).map(str::to_owned)),
        ("language", present(article.language.as_deref()).map(str::to_owned)),
        ("date", date(article.at)),
    ];
    if let Some(record) = record.as_object_mut() {
        let known =
            texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into())));
        record.extend(known);
    }
    record
}

/// What a story has: `4 sources, 6 articles`.
pub fn counts(story: &Story) -> String {
    let articles = u64::try_from(story.articles.len()).unwrap_or(u64::MAX);
    format!("{}, {}", count(story.sources, "source"), count(articles, "article"))
}

/// Writes stories as an Atom feed. Each story is an entry with links to its articles, and it is updated when one joins.
/// `address` gives the address of the page of a story.
///
/// # Errors
/// Those of `out`.
pub fn write_atom(
    channel: &Channel,
    stories: &[Story],
    address: impl Fn(&Story) -> String,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut xml = Xml::begin(out)?;
    xml.open("feed", &[("xmlns", "http://www.w3.org/2005/Atom")])?;
    atom::head(&mut xml, channel)?;
    for story in stories {
        let first = story.articles.first();
        match valid_language(first.and_then(|article| article.language.as_deref())) {
            Some(tag) => xml.open("entry", &[("xml:lang", tag)])?,
            None => xml.open("entry", &[])?,
        }
        xml.text("id", &atom::urn("story:", &story.id.0))?;
        xml.element("title", &[("type", "text")], &headline(story))?;
        xml.text("updated", &date(story.newest()).unwrap_or_default())?;
        xml.empty("link", &[("rel", "alternate"), ("href", &address(story))])?;
        xml.element("content", &[("type", "html")], &html(story))?;
        xml.close("entry")?;
    }
    xml.close("feed")?;
    xml.finish()
}

/// The articles of a story as HTML, the newest first.
fn html(story: &Story) -> String {
    let mut out = format!("<p>{}", counts(story));
    if !story.words.is_empty() {
        out.push_str(": ");
        push_text(&mut out, &story.words.join(", "));
    }
    out.push_str("</p><ul>");
    for article in story.articles.iter().rev() {
        out.push_str("<li>");
        if let Some(url) = present(article.url.as_deref()) {
            out.push_str("<a href=\"");
            push_attribute(&mut out, url);
            out.push_str("\">");
            push_text(&mut out, &title(article));
            out.push_str("</a>");
        } else {
            push_text(&mut out, &title(article));
        }
        out.push_str(" (");
        push_text(&mut out, &article.feed.name);
        out.push_str(")</li>");
    }
    out.push_str("</ul>");
    out
}
