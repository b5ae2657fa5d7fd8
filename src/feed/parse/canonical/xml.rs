//! RSS of every version, RDF, Atom of every version, news sitemaps.

use url::Url;

use crate::feed::hints;
use crate::feed::parse::canonical::item::{filled, item, link, somebody, words};
use crate::feed::parse::canonical::{
    Canonical, Channel, FeedFacts, Words, Writer, absolute, sitemap,
};
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::repairs::Repairs;
use crate::feed::parse::root::{Root, Rootless};
use crate::feed::parse::tree::{self, Element};
use crate::html::entities::Entities;

/// The canonical form of an XML document.
pub(in crate::feed::parse) fn read<'a>(
    text: &'a str,
    base: &Url,
    repairs: &mut Repairs,
) -> Result<Canonical, Rootless<'a>> {
    let mut writer = Writer::new(text.len() + text.len() / 16 + 256);
    let mut publication = None;
    let outline = tree::read(text, base, repairs, &mut |element, entities, root, repairs| {
        if root == Root::Sitemap {
            if let Some(news) = sitemap::item(element, base, entities, repairs) {
                publication = publication.take().or(news.publication);
                writer.item(news.item);
            }
        } else {
            writer.item(item(element, base, entities, repairs));
        }
    })?;
    if outline.root == Root::Sitemap {
        if writer.items() == 0 {
            return Err(Rootless::Other("urlset"));
        }
        return Ok(writer.finish(&sitemap::channel(publication), FeedFacts::default()));
    }
    let facts = FeedFacts {
        base: outline.element.base.as_ref().map(ToString::to_string),
        ..FeedFacts::default()
    };
    let (channel, facts) = channel(outline.element, base, &outline.entities, facts);
    Ok(writer.finish(&channel, facts))
}

fn channel<'a>(
    root: Element<'a>,
    document: &Url,
    entities: &Entities,
    mut facts: FeedFacts,
) -> (Channel<'a>, FeedFacts) {
    let mut channel = Channel { language: root.language.clone(), ..Channel::default() };
    let (mut period, mut frequency) = (None, None);
    let (inner, outer): (Vec<_>, Vec<_>) = root
        .children
        .into_iter()
        .partition(|child| child.ns == Ns::Core && child.name == "channel");
    let inner = inner.into_iter().flat_map(|channel| channel.children);
    for mut child in inner.chain(outer) {
        let base = child.base.clone();
        let base = base.as_deref().unwrap_or(document);
        let name = std::mem::take(&mut child.name);
        match (child.ns, name.as_ref()) {
            (Ns::Core, "title") => fill(&mut channel.title, || words(child, false, entities)),
            (Ns::Dc | Ns::Itunes, "title") => {
                fill(&mut channel.title, || words(child, false, entities));
            }
            (Ns::Core, "description" | "subtitle" | "tagline")
            | (Ns::Dc, "description")
            | (Ns::Itunes, "summary") => {
                let html = name == "description";
                fill(&mut channel.description, || words(child, html, entities));
            }
            (Ns::Core, "link") => channel.links.extend(link(&child, base, entities)),
            (Ns::Core, "author" | "managingeditor")
            | (Ns::Dc, "creator")
            | (Ns::Itunes, "author") => {
                channel.authors.extend(somebody(child));
            }
            (Ns::Core | Ns::Dc, "language") => {
                channel.language = filled(child.text).or(channel.language.take());
            }
            (Ns::Core, "ttl") => facts.hints.ttl = hints::ttl(&child.text),
            (Ns::Core, "skiphours") => {
                facts.hints.skip_hours = hints::skip_hours(texts(&child, "hour"));
            }
            (Ns::Core, "skipdays") => {
                facts.hints.skip_days = hints::skip_days(texts(&child, "day"));
            }
            (Ns::Syndication, "updateperiod") => period = Some(child.text),
            (Ns::Syndication, "updatefrequency") => frequency = Some(child.text),
            _ => {}
        }
    }
    facts.hints.update_period = hints::update_period(period.as_deref(), frequency.as_deref());
    if let Some(base) = &facts.base {
        facts.base = absolute(base, document).map(String::from);
    }
    (channel, facts)
}

fn fill<'a>(slot: &mut Option<Words<'a>>, words: impl FnOnce() -> Option<Words<'a>>) {
    if slot.is_none() {
        *slot = words();
    }
}

/// The texts of the children of one name.
fn texts<'a>(parent: &'a Element<'_>, name: &'a str) -> impl Iterator<Item = &'a str> {
    parent.children.iter().filter(move |child| child.name == name).map(|child| child.text.as_ref())
}
