//! JSON Feed 1.1 (<https://www.jsonfeed.org/version/1.1/>).
//!
//! The items are [`Record`]s. JSON Feed requires that the names of extensions begin with `_`. Ours do not, because a
//! record has the same keys in every format, and feed readers ignore unknown keys.

use std::io;

use serde::Serialize;

use crate::domain::article::Article;
use crate::export::json::{to_writer, write_elements};
use crate::export::record::Record;
use crate::export::{Channel, present};

/// The media type of an attachment of unknown type (RFC 2046 section 4.5.1). JSON Feed requires a type.
const UNKNOWN_TYPE: &str = "application/octet-stream";

pub(super) fn write<E: From<io::Error>>(
    channel: &Channel,
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<(), E> {
    let mut head = Vec::new();
    to_writer(&mut head, &Head::of(channel))?;
    head.pop(); // Removes the closing brace: the member `items` follows.
    out.write_all(&head)?;
    out.write_all(b",\"items\":[")?;
    write_elements(articles, out, |article, out| to_writer(out, &item(article)))?;
    Ok(out.write_all(b"]}\n")?)
}

/// The members of the top level that come before `items`.
#[derive(Serialize)]
struct Head<'a> {
    version: &'static str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    home_page_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feed_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<Hub<'a>>,
}

#[derive(Serialize)]
struct Hub<'a> {
    r#type: &'static str,
    url: &'a str,
}

impl<'a> Head<'a> {
    fn of(channel: &'a Channel) -> Self {
        let hub = present(channel.hub_url.as_deref());
        Self {
            version: "https://jsonfeed.org/version/1.1",
            title: &channel.title,
            home_page_url: present(channel.home_page_url.as_deref()),
            feed_url: present(channel.feed_url.as_deref()),
            next_url: present(channel.next_url.as_deref()),
            description: present(channel.description.as_deref()),
            hubs: hub.map(|url| Hub { r#type: "WebSub", url }).into_iter().collect(),
        }
    }
}

/// The record with what JSON Feed requires: `content_html` or `content_text`, the name or URL of each author, and
/// the type of each attachment.
fn item(article: &Article) -> Record<'_> {
    let mut item = Record::of(article);
    if item.content_html.is_none() && item.content_text.is_none() {
        item.content_text = Some(item.summary.or(item.title).unwrap_or_default());
    }
    for author in item.authors.iter_mut().filter(|author| author.url.is_none()) {
        author.name = author.name.or(author.email);
    }
    for attachment in &mut item.attachments {
        attachment.mime_type.get_or_insert(UNKNOWN_TYPE);
    }
    item
}
