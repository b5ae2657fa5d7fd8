//! Atom 1.0 (RFC 4287).

use std::borrow::Cow;
use std::io;

use url::form_urlencoded::byte_serialize;

use crate::domain::article::{Article, Person, effective_date};
use crate::domain::feed::{FeedRef, is_stand_in};
use crate::domain::time::{Timestamp, rfc3339};
use crate::export::xml::{MEDIA, Xml, language, media_type};
use crate::export::{Channel, date, has_four_digits, present};

pub(super) fn write<E: From<io::Error>>(
    channel: &Channel,
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<(), E> {
    let mut xml = Xml::begin(out)?;
    xml.open("feed", &[("xmlns", "http://www.w3.org/2005/Atom"), ("xmlns:media", MEDIA)])?;
    head(&mut xml, channel)?;
    for article in articles {
        entry(&mut xml, &article?)?;
    }
    xml.close("feed")?;
    Ok(xml.finish()?)
}

pub(super) fn head(xml: &mut Xml<'_>, channel: &Channel) -> io::Result<()> {
    xml.text("id", &feed_id(channel))?;
    xml.element("title", &[("type", "text")], &channel.title)?;
    if let Some(description) = present(channel.description.as_deref()) {
        xml.element("subtitle", &[("type", "text")], description)?;
    }
    xml.text("updated", &date(channel.updated).unwrap_or_else(|| rfc3339(Timestamp::UNIX_EPOCH)))?;
    if let Some(url) = present(channel.feed_url.as_deref()) {
        xml.empty("link", &[("rel", "self"), ("type", "application/atom+xml"), ("href", url)])?;
    }
    if let Some(url) = present(channel.home_page_url.as_deref()) {
        xml.empty("link", &[("rel", "alternate"), ("href", url)])?;
    }
    if let Some(url) = present(channel.next_url.as_deref()) {
        xml.empty("link", &[("rel", "next"), ("href", url)])?;
    }
    if let Some(url) = present(channel.hub_url.as_deref()) {
        xml.empty("link", &[("rel", "hub"), ("href", url)])?;
    }
    // The author is required unless every entry has one (section 4.1.1). The entries are not known yet.
    xml.open("author", &[])?;
    xml.text("name", name_or(&channel.title, "gazetted"))?;
    xml.close("author")?;
    xml.text("generator", "gazetted")
}

fn entry(xml: &mut Xml<'_>, article: &Article) -> io::Result<()> {
    match language(article) {
        Some(tag) => xml.open("entry", &[("xml:lang", tag)])?,
        None => xml.open("entry", &[])?,
    }
    xml.text("id", &urn("", &article.id.0))?;
    xml.element("title", &[("type", "text")], article.title.as_deref().unwrap_or_default())?;
    xml.text("updated", &updated(article))?;
    if let Some(published) = article.published.and_then(date) {
        xml.text("published", &published)?;
    }
    links(xml, article)?;
    for person in &article.authors {
        author(xml, person)?;
    }
    for tag in article.tags.iter().filter(|tag| !tag.is_empty()) {
        xml.empty("category", &[("term", tag)])?;
    }
    source(xml, &article.feed, article.authors.is_empty())?;
    if let Some(summary) = present(article.summary.as_deref()) {
        xml.element("summary", &[("type", "text")], summary)?;
    }
    content(xml, article)?;
    if let Some(url) = present(article.image.as_deref()) {
        xml.empty("media:thumbnail", &[("url", url)])?;
    }
    xml.close("entry")
}

fn links(xml: &mut Xml<'_>, article: &Article) -> io::Result<()> {
    if let Some(url) = present(article.url.as_deref()) {
        xml.empty("link", &[("rel", "alternate"), ("href", url)])?;
    }
    if let Some(url) = present(article.external_url.as_deref()) {
        xml.empty("link", &[("rel", "related"), ("href", url)])?;
    }
    for attachment in &article.attachments {
        let length = attachment.size_in_bytes.map(|bytes| bytes.to_string());
        let mut attributes = vec![("rel", "enclosure"), ("href", attachment.url.as_str())];
        attributes.extend(media_type(attachment.mime_type.as_deref()).map(|kind| ("type", kind)));
        attributes.extend(length.as_deref().map(|length| ("length", length)));
        attributes.extend(present(attachment.title.as_deref()).map(|title| ("title", title)));
        xml.empty("link", &attributes)?;
    }
    Ok(())
}

/// Writes a Person construct (section 3.2). A name is required, and the schema restricts the email address.
pub(super) fn author(xml: &mut Xml<'_>, person: &Person) -> io::Result<()> {
    let Some(name) = person.display_name() else { return Ok(()) };
    xml.open("author", &[])?;
    xml.text("name", name)?;
    if let Some(url) = present(person.url.as_deref()) {
        xml.text("uri", url)?;
    }
    if let Some(email) = person.email.as_deref().filter(|email| is_address(email)) {
        xml.text("email", email)?;
    }
    xml.close("author")
}

/// Writes the feed of the entry as `atom:source` (section 4.2.11). If the entry has no author, the source has one;
/// otherwise the author of the whole export would apply to the entry (section 4.2.1).
pub(super) fn source(xml: &mut Xml<'_>, feed: &FeedRef, is_author: bool) -> io::Result<()> {
    xml.open("source", &[])?;
    xml.text("id", &feed.url)?;
    xml.element("title", &[("type", "text")], feed.title.as_deref().unwrap_or(&feed.name))?;
    if !is_stand_in(&feed.url) {
        xml.empty("link", &[("rel", "self"), ("href", &feed.url)])?;
    }
    if let Some(url) = present(feed.home_page_url.as_deref()) {
        xml.empty("link", &[("rel", "alternate"), ("href", url)])?;
    }
    if is_author {
        xml.open("author", &[])?;
        xml.text("name", name_or(&feed.name, &feed.url))?;
        xml.close("author")?;
    }
    xml.close("source")
}

/// Writes the content. An entry without a link must have content, so the summary is used if need be (section
/// 4.1.2).
fn content(xml: &mut Xml<'_>, article: &Article) -> io::Result<()> {
    if let Some(html) = present(article.content_html.as_deref()) {
        return xml.element("content", &[("type", "html")], html);
    }
    let text = present(article.content_text.as_deref());
    let has_link = present(article.url.as_deref()).is_some();
    match text.or_else(|| (!has_link).then(|| article.summary.as_deref().unwrap_or_default())) {
        Some(text) => xml.element("content", &[("type", "text")], text),
        None => Ok(()),
    }
}

/// The time of the last change, which is never earlier than the publication.
fn updated(article: &Article) -> String {
    let known = |at: Option<Timestamp>| at.filter(|at| has_four_digits(*at));
    // A date far ahead would hide each edit until it has come.
    let ordering = |at: &Timestamp| effective_date(Some(*at), article.first_seen) == *at;
    let published = known(article.published.filter(ordering));
    let modified = known(article.modified);
    let at = modified.max(published).or(known(Some(article.first_seen)));
    rfc3339(at.unwrap_or(Timestamp::UNIX_EPOCH))
}

/// The identifier of the export: its address, else a URN that is made from its title.
fn feed_id(channel: &Channel) -> Cow<'_, str> {
    [&channel.feed_url, &channel.home_page_url]
        .into_iter()
        .find_map(|url| present(url.as_deref()))
        .map_or_else(|| Cow::Owned(urn("feed:", &channel.title)), Cow::Borrowed)
}

/// A URN `urn:gazetted:…`. Characters that a URN cannot contain are percent-encoded (RFC 8141 section 2).
pub(super) fn urn(kind: &str, name: &str) -> String {
    let escaped: String = byte_serialize(name.as_bytes()).collect();
    format!("urn:gazetted:{kind}{escaped}")
}

fn name_or<'a>(name: &'a str, otherwise: &'a str) -> &'a str {
    if name.trim().is_empty() { otherwise } else { name }
}

/// Whether the text is an email address for the schema of RFC 4287: `.+@.+`.
fn is_address(email: &str) -> bool {
    email.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
}
