//! Google News sitemaps (developers.google.com, "Create a News sitemap"): many news sites have one and
//! no feed.

use std::borrow::Cow;

use url::Url;

use crate::feed::dates::parse::date;
use crate::feed::parse::canonical::item::filled;
use crate::feed::parse::canonical::{Channel, Item, LinkTo, Words, absolute, count_date, media};
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::repairs::Repairs;
use crate::feed::parse::tree::Element;
use crate::html::entities::Entities;

/// An address of the sitemap that is news.
pub(super) struct News<'a> {
    pub(super) item: Item<'a>,
    /// The publication's name.
    pub(super) publication: Option<Cow<'a, str>>,
}

/// None for an address that is not said to be news.
pub(super) fn item<'a>(
    element: Element<'a>,
    base: &Url,
    _entities: &Entities,
    repairs: &mut Repairs,
) -> Option<News<'a>> {
    let mut item = Item::default();
    let (mut publication, mut is_news) = (None, false);
    let mut modified = None;
    for child in element.children {
        match (child.ns, child.name.as_ref()) {
            (Ns::Core, "loc") => {
                let href = filled(child.text)?;
                item.links.push(LinkTo { href, ..LinkTo::default() });
            }
            (Ns::Core, "lastmod") => modified = date(&child.text),
            (Ns::News, "news") => {
                is_news = true;
                publication = news(child, &mut item, repairs);
            }
            (Ns::Image, "image") => {
                let urls = child.children.into_iter().filter(|part| part.name == "loc");
                let urls = urls.filter_map(|part| absolute(&part.text, base));
                item.beside.images.extend(urls.map(String::from));
            }
            _ => {}
        }
    }
    item.updated = modified;
    (is_news && !item.links.is_empty()).then_some(News { item, publication })
}

fn news<'a>(
    element: Element<'a>,
    item: &mut Item<'a>,
    repairs: &mut Repairs,
) -> Option<Cow<'a, str>> {
    let mut publication = None;
    for part in element.children {
        match part.name.as_ref() {
            "publication" => {
                for part in part.children {
                    match part.name.as_ref() {
                        "name" => publication = filled(part.text),
                        "language" => item.beside.language = filled(part.text).map(Cow::into_owned),
                        _ => {}
                    }
                }
            }
            "publication_date" => item.published = count_date(repairs, date(&part.text)),
            "title" => item.title = Words::some(false, part.text),
            "keywords" => media::split_keywords(&part.text, &mut item.tags),
            _ => {}
        }
    }
    publication
}

/// What the sitemap says of itself: the name of the publication.
pub(super) fn channel(publication: Option<Cow<'_, str>>) -> Channel<'_> {
    let title = publication.and_then(|name| Words::some(false, name));
    Channel { title, ..Channel::default() }
}
