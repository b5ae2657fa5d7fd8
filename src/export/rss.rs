//! RSS 2.0 (<https://www.rssboard.org/rss-specification>) with `content:encoded`, `dc:creator` and
//! `atom:link`, as the RSS Best Practices Profile of the RSS Advisory Board recommends.

use std::io;

use quick_xml::escape::partial_escape;

use crate::domain::article::{Article, Person, Podcast, PodcastFile};
use crate::export::xml::{MEDIA, Xml, language, media_type};
use crate::export::{Channel, date, present, rfc822};
use crate::html::chars::without_controls;

const NAMESPACES: &[(&str, &str)] = &[
    ("version", "2.0"),
    ("xmlns:atom", "http://www.w3.org/2005/Atom"),
    ("xmlns:content", "http://purl.org/rss/1.0/modules/content/"),
    ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
    ("xmlns:itunes", "http://www.itunes.com/dtds/podcast-1.0.dtd"),
    ("xmlns:media", MEDIA),
    ("xmlns:podcast", "https://podcastindex.org/namespace/1.0"),
];

pub(super) fn write<E: From<io::Error>>(
    channel: &Channel,
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<(), E> {
    let mut xml = Xml::begin(out)?;
    xml.open("rss", NAMESPACES)?;
    xml.open("channel", &[])?;
    head(&mut xml, channel)?;
    for article in articles {
        item(&mut xml, &article?)?;
    }
    xml.close("channel")?;
    xml.close("rss")?;
    Ok(xml.finish()?)
}

/// Writes the elements of the channel. Title, link and description are required. The link of an export without an
/// address is the home page of this program.
fn head(xml: &mut Xml<'_>, channel: &Channel) -> io::Result<()> {
    let feed_url = present(channel.feed_url.as_deref());
    let home = present(channel.home_page_url.as_deref()).or(feed_url);
    xml.text("title", &channel.title)?;
    xml.text("link", home.unwrap_or(env!("CARGO_PKG_HOMEPAGE")))?;
    let description = present(channel.description.as_deref()).unwrap_or(&channel.title);
    xml.text("description", &partial_escape(description))?;
    if let Some(url) = feed_url {
        let attributes = [("href", url), ("rel", "self"), ("type", "application/rss+xml")];
        xml.empty("atom:link", &attributes)?;
    }
    if let Some(url) = present(channel.next_url.as_deref()) {
        xml.empty("atom:link", &[("href", url), ("rel", "next")])?; // RFC 5005 section 3.
    }
    if let Some(url) = present(channel.hub_url.as_deref()) {
        xml.empty("atom:link", &[("rel", "hub"), ("href", url)])?;
    }
    if let Some(built) = rfc822(channel.updated) {
        xml.text("lastBuildDate", &built)?;
    }
    xml.text("generator", "gazetted")
}

fn item(xml: &mut Xml<'_>, article: &Article) -> io::Result<()> {
    xml.open("item", &[])?;
    let title = present(article.title.as_deref());
    if let Some(title) = title {
        xml.text("title", title)?;
    }
    if let Some(url) = present(article.url.as_deref()) {
        xml.text("link", url)?;
    }
    description(xml, article)?;
    for name in article.authors.iter().filter_map(Person::display_name) {
        xml.text("dc:creator", name)?;
    }
    for tag in article.tags.iter().filter(|tag| !tag.is_empty()) {
        xml.text("category", tag)?;
    }
    enclosures(xml, article)?;
    xml.element("guid", &[("isPermaLink", "false")], &article.id.0)?;
    if let Some(published) = article.published.and_then(rfc822) {
        xml.text("pubDate", &published)?;
    }
    if let Some(modified) = article.modified.and_then(date) {
        xml.text("atom:updated", &modified)?; // RSS has no element for the date of an edit.
    }
    xml.element("source", &[("url", &article.feed.url)], &article.feed.name)?;
    if let Some(tag) = language(article) {
        xml.text("dc:language", tag)?;
    }
    if let Some(html) = present(article.content_html.as_deref()) {
        xml.text("content:encoded", html)?;
    }
    if let Some(url) = present(article.image.as_deref()) {
        xml.empty("media:thumbnail", &[("url", url)])?;
    }
    if let Some(found) = &article.podcast {
        podcast(xml, found)?;
    }
    xml.close("item")
}

/// Writes the elements of the podcast namespace, and those of iTunes that say the same to older programs.
fn podcast(xml: &mut Xml<'_>, podcast: &Podcast) -> io::Result<()> {
    if let Some(season) = podcast.season {
        let (season, name) = (season.to_string(), podcast.season_name.as_deref());
        let name: Vec<_> = name.map(|name| ("name", name)).into_iter().collect();
        xml.element("podcast:season", &name, &season)?;
        xml.text("itunes:season", &season)?;
    }
    if let Some(episode) = &podcast.episode {
        let display = podcast.episode_display.as_deref().map(|display| ("display", display));
        xml.element("podcast:episode", display.as_slice(), episode)?;
        if episode.bytes().all(|b| b.is_ascii_digit()) {
            xml.text("itunes:episode", episode)?;
        }
    }
    if let Some(kind) = &podcast.episode_type {
        xml.text("itunes:episodeType", kind)?;
    }
    if let Some(explicit) = podcast.explicit {
        xml.text("itunes:explicit", if explicit { "true" } else { "false" })?;
    }
    let file = |xml: &mut Xml<'_>, name: &str, file: &PodcastFile| {
        let parts = [
            ("url", Some(file.url.as_str())),
            ("type", file.mime_type.as_deref()),
            ("language", file.language.as_deref()),
            ("rel", file.rel.as_deref()),
        ];
        xml.empty(name, &stated(parts))
    };
    for transcript in &podcast.transcripts {
        file(xml, "podcast:transcript", transcript)?;
    }
    if let Some(chapters) = &podcast.chapters {
        file(xml, "podcast:chapters", chapters)?;
    }
    for person in &podcast.persons {
        let parts = [
            ("role", person.role.as_deref()),
            ("group", person.group.as_deref()),
            ("img", person.image.as_deref()),
            ("href", person.url.as_deref()),
        ];
        xml.element("podcast:person", &stated(parts), &person.name)?;
    }
    podcast_references(xml, podcast)
}

/// Writes what an episode refers to: parts of it, a place, other formats, and posts.
fn podcast_references(xml: &mut Xml<'_>, podcast: &Podcast) -> io::Result<()> {
    for part in &podcast.soundbites {
        let times = [("startTime", part.start_time.as_str()), ("duration", &part.duration)];
        xml.element("podcast:soundbite", &times, part.title.as_deref().unwrap_or_default())?;
    }
    if let Some(place) = &podcast.location {
        let parts = [("geo", place.geo.as_deref()), ("osm", place.osm.as_deref())];
        xml.element("podcast:location", &stated(parts), &place.name)?;
    }
    for other in &podcast.alternate_enclosures {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let (length, height) = (number(other.size_in_bytes), number(other.height));
        let bitrate = number(other.bitrate);
        let parts = [
            ("type", other.mime_type.as_deref()),
            ("length", length.as_deref()),
            ("bitrate", bitrate.as_deref()),
            ("height", height.as_deref()),
            ("lang", other.language.as_deref()),
            ("title", other.title.as_deref()),
        ];
        xml.open("podcast:alternateEnclosure", &stated(parts))?;
        xml.empty("podcast:source", &[("uri", &other.url)])?;
        xml.close("podcast:alternateEnclosure")?;
    }
    for post in &podcast.social_interact {
        let parts = [
            ("protocol", post.protocol.as_deref()),
            ("uri", Some(post.url.as_str())),
            ("accountId", post.account.as_deref()),
        ];
        xml.empty("podcast:socialInteract", &stated(parts))?;
    }
    Ok(())
}

/// The attributes that have a value.
fn stated<'a, const N: usize>(
    attributes: [(&'static str, Option<&'a str>); N],
) -> Vec<(&'static str, &'a str)> {
    attributes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Writes the description. A description contains HTML, so plain text is escaped twice: as HTML and as XML. An item
/// must have a title or a description.
fn description(xml: &mut Xml<'_>, article: &Article) -> io::Result<()> {
    let summary = present(article.summary.as_deref());
    let html = present(article.content_html.as_deref());
    let text = summary
        .or_else(|| html.is_none().then(|| present(article.content_text.as_deref())).flatten());
    match (text, html, present(article.title.as_deref())) {
        (Some(text), _, _) => xml.text("description", &partial_escape(text)),
        (None, _, Some(_)) => Ok(()),
        (None, Some(html), None) => xml.text("description", html),
        (None, None, None) => {
            xml.text("description", &partial_escape(article.url.as_deref().unwrap_or_default()))
        }
    }
}

/// Writes the attachments: the first one as enclosure, because RSS allows only one, and as `media:content` the others and
/// what an enclosure cannot say. All three attributes of an enclosure are required; `0` is the usual length when it is
/// unknown.
fn enclosures(xml: &mut Xml<'_>, article: &Article) -> io::Result<()> {
    let mut attachments = article.attachments.iter().filter(|file| !file.url.is_empty());
    let Some(first) = attachments.next() else { return Ok(()) };
    let length = first.size_in_bytes.unwrap_or(0).to_string();
    let kind = media_type(first.mime_type.as_deref()).unwrap_or("application/octet-stream");
    xml.empty("enclosure", &[("url", &first.url), ("length", &length), ("type", kind)])?;
    if let Some(duration) = first.duration_in_seconds {
        xml.text("itunes:duration", &duration.to_string())?;
    }
    for file in std::iter::once(first).filter(|first| first.title.is_some()).chain(attachments) {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let (size, duration) = (number(file.size_in_bytes), number(file.duration_in_seconds));
        let parts = [
            ("url", Some(file.url.as_str())),
            ("fileSize", size.as_deref()),
            ("type", media_type(file.mime_type.as_deref())),
            ("duration", duration.as_deref()),
        ];
        // feed-rs refuses a document with a title that is blank.
        let is_shown = |title: &&str| !without_controls(title).trim().is_empty();
        match file.title.as_deref().filter(is_shown) {
            None => xml.empty("media:content", &stated(parts))?,
            Some(title) => {
                xml.open("media:content", &stated(parts))?;
                xml.text("media:title", title)?;
                xml.close("media:content")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::from_unix;

    #[test]
    fn dates_are_those_of_rfc_822_with_a_long_year() {
        for (seconds, text) in [
            (0, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (1_029_824_280, Some("Tue, 20 Aug 2002 06:18:00 GMT")),
            (253_402_300_800, None), // The year 10000.
        ] {
            assert_eq!(rfc822(from_unix(seconds)).as_deref(), text, "{seconds}");
        }
    }
}
