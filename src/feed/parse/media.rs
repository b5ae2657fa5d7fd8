//! Media RSS (rssboard.org/media-rss): files, thumbnails, and texts about them, inside groups or not.

use std::borrow::Cow;

use url::Url;

use crate::feed::parse::entry_list::MAX_PARTS;
use crate::feed::parse::model::{
    Category, File, MediaObject, MediaThumbnail, Person, RawText, TextKind, category, person,
    thumbnail,
};
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::tree::{Context, Element};
use crate::feed::parse::values::{address, duration, number};
use crate::html::sanitise::has_image_extension;
use crate::html::tokenizer::Attributes;

/// The most thumbnails of one entry that are kept.
const MAX_THUMBNAILS: usize = 20;

/// The most files of one entry that are kept.
const MAX_FILES: usize = 200;

/// The contents of all media elements of one entry.
#[derive(Default)]
pub(super) struct Media<'a> {
    pub(super) files: Vec<File>,
    /// Thumbnails, the description, and the duration of the entry's file.
    pub(super) object: MediaObject,
    pub(super) title: Option<RawText<'a>>,
    pub(super) categories: Vec<Category>,
    pub(super) credits: Vec<Person>,
}

impl<'a> Media<'a> {
    /// Reads one element of the vocabulary and its children.
    pub(super) fn read(&mut self, element: Element<'a>, context: Context<'_>) {
        let attribute = |name: &str| element.attributes.get(name, context.entities);
        match element.name.as_ref() {
            "group" => {
                let mut contents =
                    element.children.iter().filter(|part| part.name == "content").peekable();
                let of_pictures =
                    contents.peek().is_some() && contents.all(|part| is_picture(part, context));
                self.read_parts(element.children, of_pictures, context);
            }
            "content" => {
                self.read_file(&element, context);
                let is_picture = is_picture(&element, context);
                self.read_parts(element.children, is_picture, context);
            }
            "thumbnail" => {
                let url =
                    attribute("url").or_else(|| Some(element.text).filter(|text| !text.is_empty()));
                if let Some(url) = url
                    && self.object.thumbnails.len() < MAX_THUMBNAILS
                {
                    let sides = sides(element.attributes);
                    let url = address(&url, context.base);
                    self.object.thumbnails.extend(url.map(|url| thumbnail(url, sides)));
                }
            }
            "title" => {
                let kind = kind(&element);
                self.title = self.title.take().or_else(|| RawText::new(kind, element.text));
            }
            "description" | "text" => {
                let kind = kind(&element);
                let text = || RawText::new(kind, element.text);
                let description = self.object.description.take();
                self.object.description =
                    description.or_else(|| text().map(RawText::into_untrimmed_text));
            }
            "category" if !element.text.trim().is_empty() => {
                self.categories.push(category(&element.text, attribute("label").as_deref()));
            }
            "keywords" => push_keywords(&element.text, &mut self.categories),
            "credit" if !element.text.trim().is_empty() && names_an_author(attribute("role")) => {
                self.credits.push(person(Some(&element.text), None, None));
            }
            _ => {}
        }
    }

    /// Reads the children of a file or of a group. Who made a picture did not write the article.
    fn read_parts(&mut self, parts: Vec<Element<'a>>, of_picture: bool, context: Context<'_>) {
        let is_kept = |part: &Element<'_>| !(of_picture && part.name == "credit");
        self.read_children(parts.into_iter().filter(is_kept).collect(), context);
    }

    fn read_children(&mut self, children: Vec<Element<'a>>, context: Context<'_>) {
        for child in children.into_iter().filter(|child| child.ns == Ns::Media) {
            self.read(child, context);
        }
    }

    fn read_file(&mut self, element: &Element<'a>, context: Context<'_>) {
        let attribute = |name: &str| element.attributes.get(name, context.entities);
        let Some(url) = attribute("url").and_then(|url| address(&url, context.base)) else {
            return;
        };
        if MAX_FILES <= self.files.len() {
            return;
        }
        let is_image = attribute("medium").is_some_and(|medium| medium == "image");
        let title =
            element.children.iter().find(|child| child.ns == Ns::Media && child.name == "title");
        self.files.push(File {
            url,
            mime_type: attribute("type")
                .map(Cow::into_owned)
                .or_else(|| is_image.then(|| "image/*".to_owned())),
            title: title.map(|title| title.text.to_string()),
            size: attribute("filesize").and_then(|size| number(&size)),
            width: sides(element.attributes).0,
            height: sides(element.attributes).1,
            duration_in_seconds: attribute("duration").and_then(|text| duration(&text)),
        });
    }
}

/// Whether `media:content` is an image: by its medium, its type, else its address.
fn is_picture(element: &Element<'_>, context: Context<'_>) -> bool {
    let attribute = |name: &str| element.attributes.get(name, context.entities);
    match (attribute("medium"), attribute("type")) {
        (Some(medium), _) if !medium.trim().is_empty() => medium.eq_ignore_ascii_case("image"),
        (_, Some(kind)) if kind.contains('/') => kind.to_ascii_lowercase().starts_with("image/"),
        _ => attribute("url").is_some_and(|url| has_image_extension(&url)),
    }
}

/// Width and height in pixels.
fn sides(attributes: Attributes<'_>) -> (Option<u32>, Option<u32>) {
    let side = |name: &str| {
        let text = attributes.raw(name)?.trim().trim_end_matches("px");
        u32::try_from(number(text)?).ok()
    };
    (side("width"), side("height"))
}

fn kind(element: &Element<'_>) -> TextKind {
    let is_html = element.attributes.raw("type") == Some("html") || element.markup;
    if is_html { TextKind::Html } else { TextKind::Plain }
}

/// Whether `media:credit` with this role names an author of the entry. Without a role it usually names the
/// photographer or the agency.
fn names_an_author(role: Option<Cow<'_, str>>) -> bool {
    role.is_some_and(|role| {
        ["author", "writer", "owner", "uploader"]
            .iter()
            .any(|known| role.eq_ignore_ascii_case(known))
    })
}

/// Splits a list of keywords at its commas.
pub(super) fn push_keywords(text: &str, categories: &mut Vec<Category>) {
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        if MAX_PARTS < categories.len() {
            break; // An entry with this many keeps the first few only.
        }
        categories.push(category(word, None));
    }
}

/// The object as an entry holds it, if there is anything in it.
pub(super) fn as_list(object: MediaObject) -> Vec<MediaObject> {
    let is_empty =
        object.thumbnails.is_empty() && object.description.is_none() && object.duration.is_none();
    if is_empty { Vec::new() } else { vec![object] }
}

/// An image that the entry names in another vocabulary.
pub(super) fn image(url: Option<Cow<'_, str>>, base: Option<&Url>) -> Option<MediaThumbnail> {
    url.and_then(|url| address(&url, base)).map(|url| thumbnail(url, (None, None)))
}
