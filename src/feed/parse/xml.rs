//! The documents in XML: RSS of every version, RDF, Atom of every version, news sitemaps.

use std::borrow::Cow;

use url::Url;

use crate::feed::dates::parse::date;
use crate::feed::hints;
use crate::feed::parse::entry_list::EntryList;
use crate::feed::parse::item::{self, link, person, prefer, text};
use crate::feed::parse::model::{
    Feed, FeedExtension, FeedType, Link, ParsedFeed, Person, RawText, TextKind, empty_feed,
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
    let mut candidates = Candidates::default();
    let (inner, outer): (Vec<_>, Vec<_>) = element
        .children
        .into_iter()
        .partition(|child| child.ns == Ns::Core && child.name == "channel");
    for mut child in inner.into_iter().flat_map(|channel| channel.children).chain(outer) {
        let base = child.base.clone();
        let context = Context { entities: &entities, base: base.as_deref() };
        let name = std::mem::take(&mut child.name);
        let Some(child) = candidates.read(&name, child, context) else { continue };
        match (child.ns, name.as_ref()) {
            (Ns::Core, "link") => feed.links.extend(link(&child, context)),
            (Ns::Core, "author" | "managingeditor")
            | (Ns::Dc, "creator")
            | (Ns::Itunes, "author") => feed.authors.extend(person(child)),
            (Ns::Core | Ns::Dc | Ns::DcTerms, "language") => {
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
    extension.new_feed_url = candidates.new_feed_url;
    feed.title = candidates.title.map(|(_, text)| text.into_text());
    feed.description = candidates.description.map(|(_, text)| text.into_text());
    if feed.links.iter().all(|link| link.rel.is_some()) {
        feed.links.extend(candidates.image_link);
    }
    if feed.authors.is_empty() {
        feed.authors.extend(candidates.owner);
    }
    feed.language = language.map(|language| language.trim().to_owned());
    (feed, extension)
}

/// Values that a channel may state in several places. Each text carries the rank of its place.
#[derive(Default)]
struct Candidates<'a> {
    title: Option<(u8, RawText<'a>)>,
    description: Option<(u8, RawText<'a>)>,
    /// The site, where the channel itself does not name it.
    image_link: Option<Link>,
    owner: Option<Person>,
    new_feed_url: Option<String>,
}

impl<'a> Candidates<'a> {
    /// Returns the element when it is none of these.
    fn read(
        &mut self,
        name: &str,
        child: Element<'a>,
        context: Context<'_>,
    ) -> Option<Element<'a>> {
        if let Some(rank) = title_rank(child.ns, name) {
            prefer(&mut self.title, rank, text(child, TextKind::Plain, context));
        } else if let Some(rank) = description_rank(child.ns, name) {
            let kind = if name == "description" { TextKind::Unstated } else { TextKind::Plain };
            prefer(&mut self.description, rank, text(child, kind, context));
        } else if child.ns == Ns::Core && name == "image" {
            let page = child.child("link").and_then(|page| link(page, context));
            self.image_link = self.image_link.take().or(page);
        } else if child.ns == Ns::Itunes && name == "owner" {
            self.owner = person(child);
        } else if child.ns == Ns::Itunes && name == "new-feed-url" {
            self.new_feed_url = not_blank(child.text).map(Cow::into_owned);
        } else {
            return Some(child);
        }
        None
    }
}

/// Which element is the title of a feed. The lowest rank counts.
fn title_rank(ns: Ns, name: &str) -> Option<u8> {
    match (ns, name) {
        (Ns::Core, "title") => Some(0),
        (Ns::Dc | Ns::DcTerms, "title") => Some(1),
        (Ns::Itunes, "title") => Some(2),
        (Ns::Media, "title") => Some(3),
        _ => None,
    }
}

/// Which element is the description of a feed. The lowest rank counts.
fn description_rank(ns: Ns, name: &str) -> Option<u8> {
    match (ns, name) {
        (Ns::Core, "description" | "subtitle" | "tagline") => Some(0),
        (Ns::Dc | Ns::DcTerms, "description" | "abstract") => Some(1),
        (Ns::Itunes, "summary") => Some(2),
        (Ns::Itunes, "subtitle") => Some(3),
        (Ns::Media, "description") => Some(4),
        _ => None,
    }
}

/// The texts of the children with this name.
fn child_texts<'a>(parent: &'a Element<'_>, name: &'a str) -> impl Iterator<Item = &'a str> {
    parent.children.iter().filter(move |child| child.name == name).map(|child| child.text.as_ref())
}
