//! The documents in XML: RSS of every version, RDF, Atom of every version, news sitemaps.

use url::Url;

use crate::feed::dates::parse::date;
use crate::feed::hints;
use crate::feed::parse::entry_list::EntryList;
use crate::feed::parse::item::{self, link, person, text};
use crate::feed::parse::model::{
    Feed, FeedExtension, FeedType, ParsedFeed, RawText, Text, TextKind, empty_feed,
};
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::repairs::Repairs;
use crate::feed::parse::root::{Root, Rootless};
use crate::feed::parse::sitemap;
use crate::feed::parse::tree::{self, Context, Element, Outline};
use crate::feed::parse::values::not_blank;

/// Reads a document in XML. `document` is its address, after redirects.
///
/// # Errors
/// When no element of it is the root of a feed, or when it is a sitemap without news.
pub(super) fn read<'a>(
    source: &'a str,
    document: &Url,
    repairs: &mut Repairs,
) -> Result<ParsedFeed, Rootless<'a>> {
    let mut entries = EntryList::default();
    let mut publication = None;
    let outline =
        tree::read(source, document, repairs, &mut |element, entities, root, repairs| {
            if root == Root::Sitemap {
                if let Some(news) = sitemap::read(element, repairs) {
                    publication = publication.take().or(news.publication);
                    entries.push(news.entry);
                }
            } else {
                let context = Context { entities, base: None };
                entries.push(item::read(element, context, repairs));
            }
        })?;
    let (feed, extension) = if outline.root == Root::Sitemap {
        if entries.is_empty() {
            return Err(Rootless::Other("urlset"));
        }
        // feed-rs has no type for a sitemap.
        let mut feed = empty_feed(FeedType::RSS2);
        let title = publication.and_then(|name| RawText::new(TextKind::Plain, name));
        feed.title = title.map(RawText::into_text);
        (feed, FeedExtension::default())
    } else {
        read_channel(outline)
    };
    Ok(ParsedFeed { feed, extension, entries: entries.into_entries() })
}

/// What the document states about the feed itself: the children of the root and of `channel`.
fn read_channel(outline: Outline<'_>) -> (Feed, FeedExtension) {
    let Outline { root, element, entities } = outline;
    let mut feed = empty_feed(match root {
        Root::Atom => FeedType::Atom,
        Root::Rss if element.name == "rdf" => FeedType::RSS1,
        Root::Rss | Root::Sitemap => FeedType::RSS2,
    });
    let mut extension = FeedExtension {
        base: element.base.as_ref().map(ToString::to_string),
        ..FeedExtension::default()
    };
    let mut language = element.language;
    let (mut period, mut frequency) = (None, None);
    let (inner, outer): (Vec<_>, Vec<_>) = element
        .children
        .into_iter()
        .partition(|child| child.ns == Ns::Core && child.name == "channel");
    let inner = inner.into_iter().flat_map(|channel| channel.children);
    for mut child in inner.chain(outer) {
        let base = child.base.clone();
        let context = Context { entities: &entities, base: base.as_deref() };
        let name = std::mem::take(&mut child.name);
        match (child.ns, name.as_ref()) {
            (Ns::Core | Ns::Dc | Ns::Itunes, "title") => {
                set_if_none(&mut feed.title, || text(child, TextKind::Plain, context));
            }
            (Ns::Core, "description" | "subtitle" | "tagline")
            | (Ns::Dc, "description")
            | (Ns::Itunes, "summary") => {
                let kind = if name == "description" { TextKind::Unstated } else { TextKind::Plain };
                set_if_none(&mut feed.description, || text(child, kind, context));
            }
            (Ns::Core, "link") => feed.links.extend(link(&child, context)),
            (Ns::Core, "author" | "managingeditor")
            | (Ns::Dc, "creator")
            | (Ns::Itunes, "author") => feed.authors.extend(person(child)),
            (Ns::Core | Ns::Dc, "language") => {
                language = not_blank(child.text).or(language.take());
            }
            (Ns::Core, "lastbuilddate" | "updated" | "modified") => {
                feed.updated = date(&child.text).or(feed.updated);
            }
            (Ns::Core, "pubdate" | "published") | (Ns::Dc, "date") => {
                feed.published = date(&child.text).or(feed.published);
            }
            (Ns::Core, "ttl") => extension.hints.ttl = hints::ttl(&child.text),
            (Ns::Core, "skiphours") => {
                extension.hints.skip_hours = hints::skip_hours(child_texts(&child, "hour"));
            }
            (Ns::Core, "skipdays") => {
                extension.hints.skip_days = hints::skip_days(child_texts(&child, "day"));
            }
            (Ns::Syndication, "updateperiod") => period = Some(child.text),
            (Ns::Syndication, "updatefrequency") => frequency = Some(child.text),
            _ => {}
        }
    }
    extension.hints.update_period = hints::update_period(period.as_deref(), frequency.as_deref());
    feed.language = language.map(|language| language.trim().to_owned());
    (feed, extension)
}

fn set_if_none<'a>(slot: &mut Option<Text>, text: impl FnOnce() -> Option<RawText<'a>>) {
    if slot.is_none() {
        *slot = text().map(RawText::into_text);
    }
}

/// The texts of the children with this name.
fn child_texts<'a>(parent: &'a Element<'_>, name: &'a str) -> impl Iterator<Item = &'a str> {
    parent.children.iter().filter(move |child| child.name == name).map(|child| child.text.as_ref())
}
