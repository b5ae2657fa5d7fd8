//! From the parser's model, and what went past the parser, to ours: field by field, no decisions.

use feed_rs::model;

use crate::domain::time::{Timestamp, from_unix};
use crate::feed::charset::healed;
use crate::feed::parse::canonical::{Beside, FeedFacts};
use crate::feed::parse::model::{
    Author, Link, LinkRole, Media, ParsedEntry, ParsedFeed, Tag, Text, TextKind,
};

pub(super) fn feed(feed: model::Feed, beside: Vec<Beside>, facts: FeedFacts) -> ParsedFeed {
    // The parser makes one entry of each, in order.
    let beside = beside.into_iter().chain(std::iter::repeat_with(Beside::default));
    ParsedFeed {
        title: feed.title.map(text),
        description: feed.description.map(text),
        links: feed.links.into_iter().map(link).collect(),
        authors: feed.authors.into_iter().map(author).collect(),
        language: facts.language,
        hints: facts.hints,
        base: facts.base,
        repairs: Vec::new(),
        entries: feed.entries.into_iter().zip(beside).map(|(e, b)| entry(e, b)).collect(),
    }
}

fn entry(entry: model::Entry, beside: Beside) -> ParsedEntry {
    let kind_of = |content: &model::Content| kind(content.content_type.as_str());
    let content = entry.content.and_then(|content| {
        let kind = kind_of(&content);
        content.body.map(|text| Text { kind, text: healed(text.trim().to_owned()) })
    });
    let mut links: Vec<Link> = entry.links.into_iter().map(link).collect();
    links.extend(beside.external_url.map(|url| Link {
        role: LinkRole::External,
        url,
        mime_type: None,
        title: None,
        size: None,
    }));
    let media = Media {
        file_titles: beside.file_titles,
        description: beside.spare.map(|(kind, text)| Text { kind, text: healed(text) }),
        files: beside.files,
        thumbnails: beside.images,
        duration_in_seconds: beside.duration_in_seconds,
    };
    ParsedEntry {
        guid: Some(entry.id),
        guid_is_no_link: beside.id_is_no_link,
        title: entry.title.map(text),
        content,
        summary: entry.summary.map(text),
        links,
        authors: entry.authors.into_iter().map(author).collect(),
        tags: entry.categories.into_iter().map(tag).collect(),
        published: entry.published.map(moment),
        updated: entry.updated.map(moment),
        language: beside.language,
        base: beside.base,
        media: if media == Media::default() { Vec::new() } else { vec![media] },
    }
}

/// The parser's moments carry fractions of a second; ours are whole seconds.
fn moment(at: Timestamp) -> Timestamp {
    from_unix(at.timestamp())
}

fn kind(mime_type: &str) -> TextKind {
    match mime_type {
        "text/html" => TextKind::Html,
        _ => TextKind::Plain,
    }
}

fn text(text: model::Text) -> Text {
    Text { kind: kind(text.content_type.as_str()), text: healed(text.content) }
}

fn link(link: model::Link) -> Link {
    let role = match link.rel.as_deref() {
        None | Some("alternate") => LinkRole::Page,
        Some("enclosure") => LinkRole::Enclosure,
        Some(_) => LinkRole::Other,
    };
    Link { role, url: link.href, mime_type: link.media_type, title: link.title, size: link.length }
}

fn author(person: model::Person) -> Author {
    let name = Some(person.name).filter(|name| *name != person.uri).flatten();
    Author { name: name.map(healed), url: person.uri, email: person.email }
}

fn tag(category: model::Category) -> Tag {
    Tag { term: healed(category.term), label: category.label.map(healed) }
}
