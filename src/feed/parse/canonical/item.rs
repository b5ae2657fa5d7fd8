//! One item or entry of RSS, RDF or Atom.

use std::borrow::Cow;

use url::Url;

use crate::domain::time::Timestamp;
use crate::feed::dates::parse::date;
use crate::feed::parse::canonical::{
    Item, LinkTo, Somebody, Words, absolute, base64, count_date, duration, media, number,
};
use crate::feed::parse::model::{MediaFile, TextKind};
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::repairs::Repairs;
use crate::feed::parse::tree::Element;
use crate::html::entities::Entities;

/// What an item says in more than one place; the places by rank.
#[derive(Default)]
struct Rivals<'a> {
    published: Vec<(u8, Cow<'a, str>)>,
    updated: Vec<(u8, Cow<'a, str>)>,
    /// `content:encoded` and Atom's `content` before XHTML bodies.
    content: Option<(u8, Words<'a>)>,
    summary: Option<(u8, Words<'a>)>,
    title: Option<(u8, Words<'a>)>,
    /// Authors of this rank are only named if none of a lower one is.
    authors: Vec<(u8, Somebody<'a>)>,
    identifier: Option<Cow<'a, str>>,
    itunes_image: Option<String>,
    other_images: Vec<String>,
    media: media::Found<'a>,
}

/// The item in our terms. `document` is where the document came from.
pub(super) fn item<'a>(
    element: Element<'a>,
    document: &Url,
    entities: &Entities,
    repairs: &mut Repairs,
) -> Item<'a> {
    let mut item = Item::default();
    let mut rivals = Rivals::default();
    item.beside.base = element.base.as_ref().map(ToString::to_string);
    item.beside.language = element.language.as_ref().map(ToString::to_string);
    let about = element.attributes.get("rdf:about", entities);
    // The Channel Definition Format of 1997 has an item's link and date as attributes.
    let href = element.attributes.get("href", entities);
    let last_modified = element.attributes.get("lastmod", entities);
    rivals.updated.extend(last_modified.map(|date| (2, date)));
    let mut spoken: Option<(u8, String)> = None;
    for child in element.children {
        let base = child.base.clone();
        let base = base.as_deref().unwrap_or(document);
        if let Some(language) = &child.language
            && let Some(rank) = language_rank(child.ns, &child.name)
            && spoken.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            spoken = Some((rank, language.to_string()));
        }
        one(child, base, entities, &mut item, &mut rivals);
    }
    if let Some((rank, language)) = spoken
        && (rank == 0 || item.beside.language.is_none())
    {
        item.beside.language = Some(language);
    }
    if let Some(href) = href.filter(|_| item.links.is_empty()) {
        item.links.push(LinkTo { href, ..LinkTo::default() });
    }
    item.id = item.id.or(about).or(rivals.identifier.take());
    settle(item, rivals, repairs)
}

fn one<'a>(
    mut child: Element<'a>,
    base: &Url,
    entities: &Entities,
    item: &mut Item<'a>,
    rivals: &mut Rivals<'a>,
) {
    if let Some(rank) = published_rank(child.ns, &child.name) {
        rivals.published.push((rank, child.text));
    } else if let Some(rank) = updated_rank(child.ns, &child.name) {
        rivals.updated.push((rank, child.text));
    } else if child.ns == Ns::Media {
        media::take(child, base, entities, &mut rivals.media);
    } else {
        let name = std::mem::take(&mut child.name);
        if child.ns == Ns::Core {
            core(&name, child, base, entities, item, rivals);
        } else {
            extension(&name, child, base, entities, item, rivals);
        }
    }
}

fn published_rank(ns: Ns, name: &str) -> Option<u8> {
    match (ns, name) {
        (Ns::Core, "pubdate" | "published") => Some(0),
        (Ns::Core, "issued") => Some(1),
        (Ns::Dc, "date") => Some(2),
        (Ns::DcTerms, "issued" | "available" | "date") => Some(3),
        (Ns::Core | Ns::DcTerms, "created") => Some(4),
        (Ns::Core, "date" | "pubdatetime") => Some(5),
        _ => None,
    }
}

/// Whose `xml:lang` is the entry's: the content's above all.
fn language_rank(ns: Ns, name: &str) -> Option<u8> {
    match (ns, name) {
        (Ns::Core, "content" | "body" | "fullitem") | (Ns::Content, "encoded") | (Ns::Xhtml, _) => {
            Some(0)
        }
        (Ns::Core, "description" | "summary") => Some(1),
        (Ns::Core, "title") => Some(2),
        _ => None,
    }
}

fn updated_rank(ns: Ns, name: &str) -> Option<u8> {
    match (ns, name) {
        (Ns::Core, "updated") => Some(0),
        (Ns::Core | Ns::DcTerms, "modified") | (Ns::Core, "lastbuilddate") => Some(1),
        _ => None,
    }
}

/// What RSS and Atom themselves have.
fn core<'a>(
    name: &str,
    mut child: Element<'a>,
    base: &Url,
    entities: &Entities,
    item: &mut Item<'a>,
    rivals: &mut Rivals<'a>,
) {
    match name {
        "title" => prefer(&mut rivals.title, 0, words(child, false, entities)),
        "link" => {
            // The BBC's Atom has its pictures inside of links.
            for inner in std::mem::take(&mut child.children) {
                if inner.ns == Ns::Media {
                    media::take(inner, base, entities, &mut rivals.media);
                }
            }
            item.links.extend(link(&child, base, entities));
        }
        "guid" => {
            let is_link = child.attributes.raw("ispermalink");
            let denied = is_link.is_some_and(|said| said.eq_ignore_ascii_case("false"));
            item.beside.id_is_no_link = denied;
            item.id = filled(child.text).or(item.id.take());
        }
        "id" => item.id = item.id.take().or_else(|| filled(child.text)),
        "description" => described(0, words(child, true, entities), rivals),
        "summary" => described(1, words(child, false, entities), rivals),
        "body" | "fullitem" => prefer(&mut rivals.content, 1, words(child, true, entities)),
        "abstract" => prefer(&mut rivals.summary, 2, words(child, true, entities)),
        "content" => content(child, base, entities, item, rivals),
        "author" | "managingeditor" => {
            rivals.authors.extend(somebody(child).map(|author| (0, author)));
        }
        "source" => {
            // Atom: an entry taken over from another feed belongs to that feed's author.
            for child in child.children.into_iter().filter(|child| child.name == "author") {
                rivals.authors.extend(somebody(child).map(|author| (2, author)));
            }
        }
        "category" => {
            let term = child.attributes.get("term", entities);
            let label = child.attributes.get("label", entities);
            if let Some(term) = term.or_else(|| filled(child.text)).or_else(|| label.clone()) {
                item.tags.push((term, label));
            }
        }
        "keywords" | "tags" => media::split_keywords(&child.text, &mut item.tags),
        "enclosure" => {
            let attribute = |name: &str| child.attributes.get(name, entities);
            let mime_type = attribute("type").map(Cow::into_owned);
            let size = attribute("length").and_then(|size| number(&size));
            let url = attribute("url").or_else(|| attribute("href"));
            if let Some(url) = url.and_then(|url| absolute(&url, base)) {
                add_file(item, MediaFile { url, mime_type, size, duration_in_seconds: None }, None);
            }
        }
        "image" => {
            let url = child.child("url").and_then(|url| filled(url.text.clone()));
            let url = url.or_else(|| child.attributes.get("href", entities));
            let url = url.or_else(|| filled(child.text));
            rivals.other_images.extend(url.and_then(|url| absolute(&url, base)).map(String::from));
        }
        "language" => item.beside.language = filled(child.text).map(Cow::into_owned),
        _ => {}
    }
}

/// Atom's `content`: in place, or only its address.
fn content<'a>(
    child: Element<'a>,
    base: &Url,
    entities: &Entities,
    item: &mut Item<'a>,
    rivals: &mut Rivals<'a>,
) {
    if let Some(source) = child.attributes.get("src", entities) {
        let mime_type = child.attributes.get("type", entities);
        let rel = Some(Cow::Borrowed("related"));
        let href = resolved(source, &child, base);
        item.links.push(LinkTo { href, rel, mime_type, ..LinkTo::default() });
        if child.text.trim().is_empty() {
            return; // As it must be (RFC 4287, 4.1.3.2); what is there all the same is read.
        }
    }
    if let Some(base) = &child.base {
        item.beside.base = Some(base.to_string());
    }
    prefer(&mut rivals.content, 0, words(child, false, entities));
}

/// What other vocabularies add.
fn extension<'a>(
    name: &str,
    child: Element<'a>,
    base: &Url,
    entities: &Entities,
    item: &mut Item<'a>,
    rivals: &mut Rivals<'a>,
) {
    match (child.ns, name) {
        (Ns::Content, "encoded") => prefer(&mut rivals.content, 0, words(child, true, entities)),
        (Ns::Xhtml, "body" | "div") => {
            prefer(&mut rivals.content, 1, Words::some(true, child.text));
        }
        (Ns::Dc | Ns::DcTerms | Ns::Itunes, "title") => {
            prefer(&mut rivals.title, 2, words(child, false, entities));
        }
        (Ns::Dc | Ns::DcTerms, "description" | "abstract") => {
            prefer(&mut rivals.summary, 2, words(child, true, entities));
        }
        (Ns::Itunes, "summary") => prefer(&mut rivals.summary, 3, words(child, false, entities)),
        (Ns::Itunes, "subtitle") => prefer(&mut rivals.summary, 4, words(child, false, entities)),
        (Ns::Dc, "identifier") => rivals.identifier = filled(child.text),
        (Ns::Dc, "creator" | "author") | (Ns::Itunes, "author") => {
            rivals.authors.extend(somebody(child).map(|author| (0, author)));
        }
        (Ns::Dc | Ns::DcTerms, "subject") => {
            item.tags.extend(filled(child.text).map(|term| (term, None)));
        }
        (Ns::Itunes, "keywords") => media::split_keywords(&child.text, &mut item.tags),
        (Ns::Itunes, "image") => {
            let url = child.attributes.get("href", entities);
            let url = url.or_else(|| child.attributes.get("url", entities));
            let url = url.or_else(|| filled(child.text));
            rivals.itunes_image = url.and_then(|url| absolute(&url, base)).map(String::from);
        }
        (Ns::Itunes, "category") => {
            let mut nested = vec![child];
            while let Some(category) = nested.pop() {
                let term = category.attributes.get("text", entities);
                item.tags.extend(term.map(|term| (term, None)));
                nested.extend(category.children.into_iter().filter(|c| c.ns == Ns::Itunes));
            }
        }
        (Ns::Itunes, "link") => {
            let is_image = child.attributes.raw("rel").is_some_and(|rel| rel == "image");
            let url = child.attributes.get("href", entities).filter(|_| is_image);
            rivals.other_images.extend(url.and_then(|url| absolute(&url, base)).map(String::from));
        }
        (Ns::Itunes, "duration") => item.beside.duration_in_seconds = duration(&child.text),
        (Ns::Dc, "language") => item.beside.language = filled(child.text).map(Cow::into_owned),
        _ => {}
    }
}

/// Of what is said more than once, what counts.
fn settle<'a>(mut item: Item<'a>, rivals: Rivals<'a>, repairs: &mut Repairs) -> Item<'a> {
    let Rivals { published, updated, content, summary, title, mut authors, media, .. } = rivals;
    item.published = first_date(published, repairs);
    item.updated = first_date(updated, repairs);
    item.content = content.map(|(_, words)| words);
    item.summary = summary.map(|(_, words)| words);
    item.title = title.map(|(_, words)| words).or(media.title);
    authors.extend(
        media
            .credits
            .into_iter()
            .map(|name| (3, Somebody { name: Some(name), ..Somebody::default() })),
    );
    let rank = authors.iter().map(|(rank, _)| *rank).min();
    item.authors = authors.into_iter().filter(|(r, _)| Some(*r) == rank).map(|(_, a)| a).collect();
    item.tags.extend(media.tags);
    item.beside.spare = media.description.map(|words| {
        (if words.html { TextKind::Html } else { TextKind::Plain }, words.text.into_owned())
    });
    for (file, title) in media.files.into_iter().zip(media.file_titles) {
        add_file(&mut item, file, title);
    }
    item.beside.images = media.thumbnails;
    item.beside.images.extend(rivals.itunes_image);
    item.beside.images.extend(rivals.other_images);
    item
}

fn add_file(item: &mut Item<'_>, file: MediaFile, title: Option<String>) {
    let beside = &mut item.beside;
    if beside.files.iter().all(|known| known.url != file.url) {
        beside.files.push(file);
        beside.file_titles.push(title);
    }
}

/// Description and summary of one item: the longer is its text, the other what stands above it.
fn described<'a>(rank: u8, found: Option<Words<'a>>, rivals: &mut Rivals<'a>) {
    let Some(found) = found else { return };
    match rivals.summary.take() {
        Some((known, other)) if known <= 1 && known != rank && known_differs(&other, &found) => {
            let (short, long) =
                if other.text.len() < found.text.len() { (other, found) } else { (found, other) };
            prefer(&mut rivals.content, 2, Some(long));
            rivals.summary = Some((0, short));
        }
        known => {
            rivals.summary = known;
            prefer(&mut rivals.summary, rank, Some(found));
        }
    }
}

fn known_differs(known: &Words<'_>, found: &Words<'_>) -> bool {
    known.text.trim() != found.text.trim()
}

/// The last that can be read of the best rank that has one.
fn first_date(mut rivals: Vec<(u8, Cow<'_, str>)>, repairs: &mut Repairs) -> Option<Timestamp> {
    rivals.retain(|(_, text)| !text.trim().is_empty());
    if rivals.is_empty() {
        return None;
    }
    rivals.reverse(); // Of twins the last counts, as with most readers.
    rivals.sort_by_key(|(rank, _)| *rank);
    count_date(repairs, rivals.iter().find_map(|(_, text)| date(text)))
}

fn prefer<'a>(slot: &mut Option<(u8, Words<'a>)>, rank: u8, words: Option<Words<'a>>) {
    let Some(words) = words else { return };
    if slot.as_ref().is_none_or(|(known, _)| rank < *known) {
        *slot = Some((rank, words));
    }
}

pub(super) fn filled(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!text.trim().is_empty()).then_some(text)
}

/// A text element by what its `type` and `mode` say; `html` when neither says anything.
pub(super) fn words<'a>(
    element: Element<'a>,
    html: bool,
    entities: &Entities,
) -> Option<Words<'a>> {
    let said = element.attributes.get("type", entities);
    let said = said.as_deref().map(|said| said.split(';').next().unwrap_or(said).trim());
    let said = said.map(str::to_ascii_lowercase);
    let coded = element.attributes.raw("mode") == Some("base64");
    let kind = match said.as_deref() {
        None => Some(html),
        Some(other) if other.contains("html") || other.ends_with("xml") => Some(true),
        Some(other) if ["text", "plain"].contains(&other) || other.starts_with("text/") => {
            Some(element.markup)
        }
        Some(other) => Some(html).filter(|_| !other.contains('/')),
    };
    match kind {
        Some(html) if !coded => {
            let text = if element.markup { without_div(element.text) } else { element.text };
            Words::some(html || element.markup, text)
        }
        // Another type, without markup, is base64 (RFC 4287, 4.1.3.3).
        kind => {
            let text = base64::text(&element.text)?;
            Words::some(kind.unwrap_or(true), Cow::Owned(text))
        }
    }
}

/// XHTML content stands in one `div` that is no part of it (RFC 4287, 3.1.1.3).
fn without_div(text: Cow<'_, str>) -> Cow<'_, str> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("<div").and_then(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let plain = attributes.is_empty() || attributes.starts_with(' ');
        let inner = rest.strip_suffix("</div>").filter(|_| plain)?;
        // `<div>a</div><div>b</div>` stays.
        let (mut depth, mut at) = (0_i32, 0);
        while let Some(found) = inner.get(at..).and_then(|rest| rest.find("div")) {
            let before = inner.get(..at + found).unwrap_or_default();
            if before.ends_with("</") {
                depth -= 1;
            } else if before.ends_with('<') {
                depth += 1;
            }
            if depth < 0 {
                return None;
            }
            at += found + 3;
        }
        Some(inner)
    });
    match inner {
        Some(inner) => Cow::Owned(inner.to_owned()),
        None => text,
    }
}

/// Atom's by its `href`, RSS's by its text.
pub(super) fn link<'a>(
    element: &Element<'a>,
    base: &Url,
    entities: &Entities,
) -> Option<LinkTo<'a>> {
    let attribute = |name: &str| element.attributes.get(name, entities);
    let href = attribute("href").or_else(|| filled(element.text.clone()));
    let href = href.or_else(|| attribute("rdf:resource"))?;
    let rel = attribute("rel").map(|rel| {
        // The registered names may be written as addresses (RFC 4287, 4.2.7.2).
        let rel = rel.trim_start_matches("http://www.iana.org/assignments/relation/");
        Cow::Owned(rel.to_ascii_lowercase())
    });
    let (mime_type, title) = (attribute("type"), attribute("title"));
    // Escaped once too often: no address means a parameter `amp;b`.
    let href = if href.contains("&amp;") { Cow::Owned(href.replace("&amp;", "&")) } else { href };
    let size = attribute("length").and_then(|size| number(&size));
    Some(LinkTo { href: resolved(href, element, base), rel, mime_type, title, size })
}

/// Resolved when the document has bases of its own; otherwise that is left to whoever reads it.
fn resolved<'a>(href: Cow<'a, str>, element: &Element<'a>, base: &Url) -> Cow<'a, str> {
    if element.base.is_none() {
        return href;
    }
    absolute(&href, base).map_or(href, |url| Cow::Owned(url.into()))
}

/// Atom's and iTunes's by its parts, RSS's by its text.
pub(super) fn somebody(element: Element<'_>) -> Option<Somebody<'_>> {
    let mut author = Somebody::default();
    for part in element.children {
        let slot = match part.name.as_ref() {
            "name" => &mut author.name,
            "uri" | "url" | "homepage" => &mut author.url,
            "email" => &mut author.email,
            _ => continue,
        };
        *slot = slot.take().or_else(|| filled(part.text));
    }
    if author.name.is_none() && author.email.is_none() && author.url.is_none() {
        author.name = filled(element.text);
    }
    (author.name.is_some() || author.email.is_some() || author.url.is_some()).then_some(author)
}
