//! Google News sitemaps (developers.google.com, "Create a News sitemap"). Many news sites publish one and
//! no feed.

use std::borrow::Cow;

use crate::feed::dates::parse::date;
use crate::feed::parse::media::{self, push_keywords};
use crate::feed::parse::model::{
    MediaObject, ParsedEntry, RawText, TextKind, link, thumbnail, whole_seconds,
};
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::repairs::Repairs;
use crate::feed::parse::tree::Element;
use crate::feed::parse::values::{address, counted_date, not_blank};

/// A page of the sitemap that is news.
pub(super) struct News<'a> {
    pub(super) entry: ParsedEntry,
    /// The name of the publication.
    pub(super) publication: Option<Cow<'a, str>>,
}

/// Reads a `url` element. `None` when it has no `news:news` or no address.
pub(super) fn read<'a>(element: Element<'a>, repairs: &mut Repairs) -> Option<News<'a>> {
    let mut parsed = ParsedEntry::default();
    let mut media = MediaObject::default();
    let (mut publication, mut is_news) = (None, false);
    for child in element.children {
        match (child.ns, child.name.as_ref()) {
            (Ns::Core, "loc") => {
                parsed.entry.links.push(link(address(&child.text, None)?));
            }
            (Ns::Core, "lastmod") => parsed.entry.updated = date(&child.text).map(whole_seconds),
            (Ns::News, "news") => {
                is_news = true;
                publication = read_news(child, &mut parsed, repairs);
            }
            (Ns::Image, "image") => {
                let urls = child.children.into_iter().filter(|part| part.name == "loc");
                let urls = urls.filter_map(|part| address(&part.text, None));
                media.thumbnails.extend(urls.map(|url| thumbnail(url, (None, None))));
            }
            _ => {}
        }
    }
    parsed.entry.media = media::as_list(media);
    (is_news && !parsed.entry.links.is_empty()).then_some(News { entry: parsed, publication })
}

/// Reads a `news:news` element and returns the name of the publication.
fn read_news<'a>(
    element: Element<'a>,
    parsed: &mut ParsedEntry,
    repairs: &mut Repairs,
) -> Option<Cow<'a, str>> {
    let mut publication = None;
    let entry = &mut parsed.entry;
    for part in element.children {
        match part.name.as_ref() {
            "publication" => {
                for part in part.children {
                    match part.name.as_ref() {
                        "name" => publication = not_blank(part.text),
                        "language" => entry.language = not_blank(part.text).map(Cow::into_owned),
                        _ => {}
                    }
                }
            }
            "publication_date" => entry.published = counted_date(&part.text, repairs),
            "title" => {
                entry.title = RawText::new(TextKind::Plain, part.text).map(RawText::into_text);
            }
            "keywords" => push_keywords(&part.text, &mut entry.categories),
            _ => {}
        }
    }
    publication
}
