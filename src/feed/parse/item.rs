//! One item or entry of RSS, RDF or Atom.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use crate::domain::time::Timestamp;
use crate::feed::dates::parse::date;
use crate::feed::parse::media::{self, Media, push_keywords};
use crate::feed::parse::model::{
    self, File, Link, MediaThumbnail, ParsedEntry, Person, RawText, TextKind, category,
    whole_seconds,
};
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::podcast;
use crate::feed::parse::repairs::{Repair, Repairs};
use crate::feed::parse::tree::{Context, Element};
use crate::feed::parse::values::{address, duration, not_blank, number};
use crate::html::recognise::begins_with_html;
use crate::html::web_address::has_web_scheme;

/// Values that an item may state in several places. Each carries the rank of its place; the lowest rank
/// counts.
#[derive(Default)]
struct Candidates<'a> {
    published: Vec<(u8, Cow<'a, str>)>,
    updated: Vec<(u8, Cow<'a, str>)>,
    /// `content:encoded` and Atom's `content` rank before XHTML bodies.
    content: Option<(u8, RawText<'a>)>,
    summary: Option<(u8, RawText<'a>)>,
    title: Option<(u8, RawText<'a>)>,
    authors: Vec<(u8, Person)>,
    /// `dc:identifier`.
    identifier: Option<Cow<'a, str>>,
    itunes_image: Option<MediaThumbnail>,
    other_images: Vec<MediaThumbnail>,
    media: Media<'a>,
}

/// An item that is being read.
#[derive(Default)]
struct Item<'a> {
    parsed: ParsedEntry,
    id: Option<Cow<'a, str>>,
    candidates: Candidates<'a>,
}

/// Reads an item.
pub(super) fn read(
    element: Element<'_>,
    context: Context<'_>,
    repairs: &mut Repairs,
) -> ParsedEntry {
    let mut item = Item::default();
    let entry = &mut item.parsed.entry;
    entry.base = element.base.as_ref().map(ToString::to_string);
    entry.language = element.language.as_ref().map(ToString::to_string);
    let about = element.attributes.get("rdf:about", context.entities);
    // The Channel Definition Format of 1997 has an item's link and date as attributes.
    let href = element.attributes.get("href", context.entities);
    let last_modified = element.attributes.get("lastmod", context.entities);
    item.candidates.updated.extend(last_modified.map(|date| (2, date)));
    let mut child_language: Option<(u8, String)> = None;
    for child in element.children {
        let base = child.base.clone();
        let context = Context { base: base.as_deref(), ..context };
        if let Some(language) = &child.language
            && let Some(rank) = language_rank(child.ns, &child.name)
            && child_language.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            child_language = Some((rank, language.to_string()));
        }
        item.read_child(child, context);
    }
    let entry = &mut item.parsed.entry;
    if let Some((rank, language)) = child_language
        && (rank == 0 || entry.language.is_none())
    {
        entry.language = Some(language);
    }
    if let Some(href) = href.filter(|_| entry.links.is_empty()) {
        entry.links.extend(address(&href, element.base.as_deref()).map(model::link));
    }
    item.id = item.id.or(about).or(item.candidates.identifier.take());
    item.finish(repairs)
}

impl<'a> Item<'a> {
    fn read_child(&mut self, mut child: Element<'a>, context: Context<'_>) {
        if let Some(rank) = published_rank(child.ns, &child.name) {
            self.candidates.published.push((rank, child.text));
        } else if let Some(rank) = updated_rank(child.ns, &child.name) {
            self.candidates.updated.push((rank, child.text));
        } else if child.ns == Ns::Media {
            self.candidates.media.read(child, context);
        } else {
            let name = std::mem::take(&mut child.name);
            match (child.ns, name.as_ref()) {
                (Ns::Core, name) if is_text_or_person(name) => {
                    self.read_text_or_person(name, child, context);
                }
                (Ns::Core, name) => self.read_core(name, child, context),
                (_, name) => self.read_extension(name, child, context),
            }
        }
    }

    /// Reads a text or a person of RSS or Atom.
    fn read_text_or_person(&mut self, name: &str, child: Element<'a>, context: Context<'_>) {
        let candidates = &mut self.candidates;
        match name {
            "title" => prefer(&mut candidates.title, 0, text(child, TextKind::Plain, context)),
            "description" => {
                candidates.add_description(0, text(child, TextKind::Unstated, context));
            }
            "summary" => candidates.add_description(1, text(child, TextKind::Plain, context)),
            "body" | "fullitem" => {
                prefer(&mut candidates.content, 1, text(child, TextKind::Unstated, context));
            }
            "abstract" => {
                prefer(&mut candidates.summary, 2, text(child, TextKind::Unstated, context));
            }
            "content" => self.read_content(child, context),
            "author" | "managingeditor" => {
                candidates.authors.extend(person(child).map(|author| (0, author)));
            }
            "source" => {
                // Atom: an entry taken over from another feed belongs to that feed's author.
                for child in child.children.into_iter().filter(|child| child.name == "author") {
                    candidates.authors.extend(person(child).map(|author| (2, author)));
                }
            }
            _ => {}
        }
    }

    /// Reads any other element of RSS or Atom.
    fn read_core(&mut self, name: &str, mut child: Element<'a>, context: Context<'_>) {
        let entry = &mut self.parsed.entry;
        match name {
            "link" => {
                // The Atom feeds of the BBC have their images inside links.
                for inner in std::mem::take(&mut child.children) {
                    if inner.ns == Ns::Media {
                        self.candidates.media.read(inner, context);
                    }
                }
                entry.links.extend(link(&child, context));
            }
            "guid" => {
                let is_link = child.attributes.raw("ispermalink");
                let is_link = is_link.map(|value| value.trim().to_ascii_lowercase());
                self.parsed.extension.guid_is_link = match is_link.as_deref() {
                    Some("true" | "1" | "yes") => Some(true),
                    Some("false" | "0" | "no") => Some(false),
                    _ => None,
                };
                self.id = not_blank(child.text).or(self.id.take());
            }
            "id" => self.id = self.id.take().or_else(|| not_blank(child.text)),
            // Blogger and YouTube say with this scheme what kind of document an entry is.
            "category" if child.attributes.raw("scheme").is_some_and(|s| s.ends_with("#kind")) => {}
            "category" => {
                let term = child.attributes.get("term", context.entities);
                let label = child.attributes.get("label", context.entities);
                let term = term.or_else(|| not_blank(child.text)).or_else(|| label.clone());
                entry.categories.extend(term.map(|term| category(&term, label.as_deref())));
            }
            "keywords" | "tags" => push_keywords(&child.text, &mut entry.categories),
            "enclosure" => self.read_enclosure(&child, context),
            "image" => {
                let url = child.child("url").and_then(|url| not_blank(url.text.clone()));
                let url = url.or_else(|| child.attributes.get("href", context.entities));
                let url = url.or_else(|| not_blank(child.text));
                self.candidates.other_images.extend(media::image(url, context.base));
            }
            "language" => entry.language = not_blank(child.text).map(Cow::into_owned),
            _ => {}
        }
    }

    /// Reads Atom's `content`: the text itself, or only its address.
    fn read_content(&mut self, child: Element<'a>, context: Context<'_>) {
        let source = child.attributes.get("src", context.entities);
        if let Some(address) = source.and_then(|source| address(&source, context.base)) {
            let media_type = child.attributes.get("type", context.entities);
            self.parsed.entry.links.push(Link {
                rel: Some("related".to_owned()),
                media_type: media_type.map(Cow::into_owned),
                ..model::link(address)
            });
            if child.text.trim().is_empty() {
                return; // It must be empty (RFC 4287, 4.1.3.2); a text is read all the same.
            }
        }
        if let Some(base) = &child.base {
            self.parsed.entry.base = Some(base.to_string());
        }
        let is_html = child.attributes.raw("type").is_some_and(|kind| kind.contains("html"));
        if child.markup && !is_html && !begins_with_html(&child.text) {
            return; // Data in another vocabulary, such as GeoRSS.
        }
        prefer(&mut self.candidates.content, 0, text(child, TextKind::Plain, context));
    }

    fn read_enclosure(&mut self, child: &Element<'a>, context: Context<'_>) {
        let attribute = |name: &str| child.attributes.get(name, context.entities);
        let url = attribute("url").or_else(|| attribute("href"));
        let url = url
            .filter(|url| !url.trim().is_empty())
            .or_else(|| Some(child.text.clone()).filter(|text| has_web_scheme(text.trim_start())));
        if let Some(url) = url.and_then(|url| address(&url, context.base)) {
            self.add_file(File {
                url,
                mime_type: attribute("type").map(Cow::into_owned),
                title: None,
                size: attribute("length").and_then(|size| number(&size)),
                width: None,
                height: None,
                duration_in_seconds: None,
            });
        }
    }

    /// Reads an element of another vocabulary.
    fn read_extension(&mut self, name: &str, child: Element<'a>, context: Context<'_>) {
        let candidates = &mut self.candidates;
        match (child.ns, name) {
            (Ns::Content, "encoded") => {
                prefer(&mut candidates.content, 0, text(child, TextKind::Unstated, context));
            }
            (Ns::Xhtml, "body" | "div") => {
                prefer(&mut candidates.content, 1, RawText::new(TextKind::Html, child.text));
            }
            (Ns::Dc | Ns::DcTerms | Ns::Itunes, "title") => {
                prefer(&mut candidates.title, 2, text(child, TextKind::Plain, context));
            }
            (Ns::Dc | Ns::DcTerms, "description" | "abstract") => {
                prefer(&mut candidates.summary, 2, text(child, TextKind::Unstated, context));
            }
            (Ns::Itunes, "summary") => {
                prefer(&mut candidates.summary, 3, text(child, TextKind::Plain, context));
            }
            (Ns::Itunes, "subtitle") => {
                prefer(&mut candidates.summary, 4, text(child, TextKind::Plain, context));
            }
            (Ns::FeedBurner, "origlink") => {
                self.parsed.extension.original_link = address(&child.text, context.base);
            }
            (Ns::Dc, "identifier") => candidates.identifier = not_blank(child.text),
            (Ns::Dc, "creator" | "author") | (Ns::Itunes, "author") => {
                candidates.authors.extend(person(child).map(|author| (0, author)));
            }
            (Ns::Dc | Ns::DcTerms, "subject") => {
                let term = not_blank(child.text);
                self.parsed.entry.categories.extend(term.map(|term| category(&term, None)));
            }
            (Ns::Dc, "language") => {
                self.parsed.entry.language = not_blank(child.text).map(Cow::into_owned);
            }
            (Ns::Itunes, name) => self.read_itunes(name, child, context),
            (Ns::Podcast, name) => {
                podcast::read(&mut self.parsed.extension.podcast, name, &child, context);
            }
            _ => {}
        }
    }

    fn read_itunes(&mut self, name: &str, child: Element<'a>, context: Context<'_>) {
        let attribute = |name: &str| child.attributes.get(name, context.entities);
        let categories = &mut self.parsed.entry.categories;
        match name {
            "keywords" => push_keywords(&child.text, categories),
            "image" => {
                let url = attribute("href").or_else(|| attribute("url"));
                let url = url.or_else(|| not_blank(child.text));
                self.candidates.itunes_image = media::image(url, context.base);
            }
            "category" => {
                let mut nested = vec![child];
                while let Some(child) = nested.pop() {
                    let term = child.attributes.get("text", context.entities);
                    categories.extend(term.map(|term| category(&term, None)));
                    nested.extend(child.children.into_iter().filter(|c| c.ns == Ns::Itunes));
                }
            }
            "link" => {
                let is_image = child.attributes.raw("rel").is_some_and(|rel| rel == "image");
                let url = attribute("href").filter(|_| is_image);
                self.candidates.other_images.extend(media::image(url, context.base));
            }
            "duration" => {
                let duration = duration(&child.text).map(Duration::from_secs);
                self.candidates.media.object.duration = duration;
            }
            "season" | "episode" | "episodetype" | "explicit" => {
                podcast::read_itunes(&mut self.parsed.extension.podcast, name, &child.text);
            }
            _ => {}
        }
    }

    fn add_file(&mut self, file: File) {
        self.parsed.extension.files.push(file);
    }

    /// Chooses among the candidates.
    fn finish(mut self, repairs: &mut Repairs) -> ParsedEntry {
        let candidates = std::mem::take(&mut self.candidates);
        let Media { files, mut object, title, categories, credits } = candidates.media;
        for file in files {
            self.add_file(file);
        }
        object.thumbnails.extend(candidates.itunes_image);
        object.thumbnails.extend(candidates.other_images);
        let entry = &mut self.parsed.entry;
        entry.id = self.id.map(|id| id.trim().to_owned()).unwrap_or_default();
        entry.published = best_date(candidates.published, repairs);
        entry.updated = best_date(candidates.updated, repairs);
        entry.content = candidates.content.map(|(_, text)| text.into_content());
        entry.summary = candidates.summary.map(|(_, text)| text.into_text());
        let title = candidates.title.map(|(_, text)| text).or(title);
        entry.title = title.map(RawText::into_text);
        let mut authors = candidates.authors;
        authors.extend(credits.into_iter().map(|credit| (3, credit)));
        let best = authors.iter().map(|(rank, _)| *rank).min();
        let authors = authors.into_iter().filter(|(rank, _)| Some(*rank) == best);
        entry.authors = authors.map(|(_, author)| author).collect();
        entry.categories.extend(categories);
        entry.media = media::as_list(object);
        self.parsed
    }
}

impl<'a> Candidates<'a> {
    /// Adds a description or summary. If an item has both, the longer one is its content and the other
    /// one its summary.
    fn add_description(&mut self, rank: u8, found: Option<RawText<'a>>) {
        let Some(found) = found else { return };
        match self.summary.take() {
            Some((known_rank, known))
                if known_rank <= 1
                    && known_rank != rank
                    && known.text.trim() != found.text.trim() =>
            {
                let (short, long) = if known.text.len() < found.text.len() {
                    (known, found)
                } else {
                    (found, known)
                };
                prefer(&mut self.content, 2, Some(long));
                self.summary = Some((0, short));
            }
            known => {
                self.summary = known;
                prefer(&mut self.summary, rank, Some(found));
            }
        }
    }
}

fn is_text_or_person(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "title",
        "description",
        "summary",
        "body",
        "fullitem",
        "abstract",
        "content",
        "author",
        "managingeditor",
        "source",
    ];
    NAMES.contains(&name)
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

/// Which element's `xml:lang` is the language of the entry: above all that of the content.
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

/// The last readable date of the best rank that has one.
fn best_date(mut found: Vec<(u8, Cow<'_, str>)>, repairs: &mut Repairs) -> Option<Timestamp> {
    found.retain(|(_, text)| !text.trim().is_empty());
    if found.is_empty() {
        return None;
    }
    found.reverse(); // Of two equal elements the last one counts, as in most feed readers.
    found.sort_by_key(|(rank, _)| *rank);
    let best = found.iter().find_map(|(_, text)| date(text));
    repairs.add(Repair::Date, u32::from(best.is_none()));
    best.map(whole_seconds)
}

pub(super) fn prefer<'a>(
    slot: &mut Option<(u8, RawText<'a>)>,
    rank: u8,
    text: Option<RawText<'a>>,
) {
    let Some(text) = text else { return };
    if slot.as_ref().is_none_or(|(known, _)| rank < *known) {
        *slot = Some((rank, text));
    }
}

/// Reads a text by its `type` and `mode`. `unstated` is its kind when it has neither.
pub(super) fn text<'a>(
    element: Element<'a>,
    unstated: TextKind,
    context: Context<'_>,
) -> Option<RawText<'a>> {
    let stated = element.attributes.get("type", context.entities);
    let stated = stated.as_deref().map(|kind| kind.split(';').next().unwrap_or(kind).trim());
    let stated = stated.map(str::to_ascii_lowercase);
    let is_base64 = element.attributes.raw("mode") == Some("base64");
    let kind = match stated.as_deref() {
        None => Some(unstated),
        Some(other) if other.contains("html") => Some(TextKind::Html),
        // Of other XML only what is HTML all the same is a text (RFC 4287, 4.1.3.3).
        Some(other) if other.ends_with("xml") => {
            Some(TextKind::Html).filter(|_| begins_with_html(&element.text))
        }
        Some(other) if ["text", "plain"].contains(&other) || other.starts_with("text/") => {
            Some(TextKind::Plain)
        }
        Some(other) => Some(unstated).filter(|_| !other.contains('/')),
    };
    match kind {
        Some(kind) if !is_base64 => {
            let kind = if element.markup { TextKind::Html } else { kind };
            let text = if element.markup { without_div(element.text) } else { element.text };
            RawText::new(kind, text)
        }
        None if element.markup || stated.is_some_and(|kind| kind.ends_with("xml")) => None,
        // Another media type that is not markup is in base64 (RFC 4287, 4.1.3.3).
        kind => {
            let text = decode_base64(&element.text)?;
            RawText::new(kind.unwrap_or(TextKind::Html), Cow::Owned(text))
        }
    }
}

/// Decodes base64 in either alphabet (RFC 4648, 4 and 5). White space and padding are skipped. `None`
/// when the result is not text.
fn decode_base64(encoded: &str) -> Option<String> {
    const TOLERANT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
    );
    let mut digits: Vec<u8> = Vec::with_capacity(encoded.len());
    digits.extend(encoded.bytes().filter(|byte| *byte != b'=' && !byte.is_ascii_whitespace()).map(
        |byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte,
        },
    ));
    if digits.len() % 4 == 1 {
        // Six bits more than the last byte are ignored.
        let last = digits.pop()?;
        (last.is_ascii_alphanumeric() || b"+/".contains(&last)).then_some(())?;
    }
    let text = String::from_utf8(TOLERANT.decode(digits).ok()?).ok()?;
    (!text.is_empty()).then_some(text)
}

/// XHTML content is in one `div` that is not part of it (RFC 4287, 3.1.1.3).
fn without_div(text: Cow<'_, str>) -> Cow<'_, str> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("<div").and_then(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let plain = attributes.is_empty() || attributes.starts_with(' ');
        let inner = rest.strip_suffix("</div>").filter(|_| plain)?;
        // `<div>a</div><div>b</div>` is kept.
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

/// Reads a link: Atom has its address in `href`, RSS in its text.
pub(super) fn link(element: &Element<'_>, context: Context<'_>) -> Option<Link> {
    let attribute = |name: &str| element.attributes.get(name, context.entities);
    let href = attribute("href").or_else(|| not_blank(element.text.clone()));
    let href = href.or_else(|| attribute("rdf:resource"))?;
    let rel = attribute("rel").map(|rel| {
        // The registered names may be written as addresses (RFC 4287, 4.2.7.2).
        rel.trim_start_matches("http://www.iana.org/assignments/relation/").to_ascii_lowercase()
    });
    Some(Link {
        rel,
        media_type: attribute("type").map(Cow::into_owned),
        title: attribute("title").map(Cow::into_owned),
        length: attribute("length").and_then(|size| number(&size)),
        ..model::link(address(&href, context.base)?)
    })
}

/// Reads a person: Atom and iTunes have child elements, RSS has a text.
pub(super) fn person(element: Element<'_>) -> Option<Person> {
    let (mut name, mut uri, mut email) = (None, None, None);
    for part in element.children {
        let slot = match part.name.as_ref() {
            "name" => &mut name,
            "uri" | "url" | "homepage" => &mut uri,
            "email" => &mut email,
            _ => continue,
        };
        *slot = slot.take().or_else(|| not_blank(part.text));
    }
    if name.is_none() && email.is_none() && uri.is_none() {
        name = Some(not_blank(element.text)?);
    }
    Some(model::person(name.as_deref(), uri.as_deref(), email.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::decode_base64;

    #[test]
    fn base64_is_decoded_when_it_is_text() {
        for (encoded, expected) in [
            ("PHA+aGVsbG88L3A+", Some("<p>hello</p>")),
            (" PHA+\naGVsbG8= ", Some("<p>hello")),
            ("PHA-aGVsbG8", Some("<p>hello")),
            ("PHA+a", Some("<p>")),
            ("PHA=+aGVsbG9=", Some("<p>hello")),
            ("PHA+!", None),
            ("/////w==", None),
            ("no base64!", None),
            ("", None),
        ] {
            assert_eq!(decode_base64(encoded).as_deref(), expected, "{encoded}");
        }
    }
}
