//! Media RSS, in groups or not: files, pictures, and texts about them.

use std::borrow::Cow;

use url::Url;

use crate::feed::parse::canonical::{Words, absolute, duration, number};
use crate::feed::parse::model::MediaFile;
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::tree::Element;
use crate::html::entities::Entities;

/// Pictures of one entry that are considered.
const MOST_PICTURES: usize = 20;

/// Files of one entry that are kept.
const MOST_FILES: usize = 200;

/// What an entry's media elements say together.
#[derive(Default)]
pub(super) struct Found<'a> {
    pub(super) files: Vec<MediaFile>,
    pub(super) file_titles: Vec<Option<String>>,
    pub(super) thumbnails: Vec<String>,
    pub(super) title: Option<Words<'a>>,
    pub(super) description: Option<Words<'a>>,
    pub(super) tags: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
    pub(super) credits: Vec<Cow<'a, str>>,
}

/// Reads one element of the vocabulary, and what is in it.
pub(super) fn take<'a>(
    element: Element<'a>,
    base: &Url,
    entities: &Entities,
    found: &mut Found<'a>,
) {
    let attribute = |name: &str| element.attributes.get(name, entities);
    match element.name.as_ref() {
        "group" => inside(element.children, base, entities, found),
        "content" => {
            let url = attribute("url").and_then(|url| absolute(&url, base));
            let is_picture = attribute("medium").is_some_and(|medium| medium == "image");
            let title = element
                .children
                .iter()
                .find(|child| child.ns == Ns::Media && child.name == "title");
            let title = title.map(|title| title.text.to_string());
            if let Some(url) = url
                && found.files.len() < MOST_FILES
                && found.files.iter().all(|known| known.url != url)
            {
                let mime_type = attribute("type").map(Cow::into_owned);
                let mime_type = mime_type.or_else(|| is_picture.then(|| "image/*".to_owned()));
                let size = attribute("filesize").and_then(|size| number(&size));
                let seconds = attribute("duration").and_then(|text| duration(&text));
                found.files.push(MediaFile { url, mime_type, size, duration_in_seconds: seconds });
                found.file_titles.push(title);
            }
            inside(element.children, base, entities, found);
        }
        "thumbnail" => {
            let url =
                attribute("url").or_else(|| Some(element.text).filter(|text| !text.is_empty()));
            if let Some(url) = url
                && found.thumbnails.len() < MOST_PICTURES
            {
                found.thumbnails.extend(absolute(&url, base).map(String::from));
            }
        }
        "title" => {
            let html = element.attributes.raw("type") == Some("html");
            found.title = found.title.take().or_else(|| Words::some(html, element.text));
        }
        "description" | "text" => {
            let html = element.attributes.raw("type") == Some("html") || element.markup;
            found.description =
                found.description.take().or_else(|| Words::some(html, element.text));
        }
        "category" => {
            let label = attribute("label");
            if !element.text.trim().is_empty() {
                found.tags.push((element.text, label));
            }
        }
        "keywords" => split_keywords(&element.text, &mut found.tags),
        "credit" => {
            let is_author = attribute("role").is_none_or(|role| {
                ["author", "writer", "owner", "uploader"]
                    .iter()
                    .any(|r| role.eq_ignore_ascii_case(r))
            });
            if is_author && !element.text.trim().is_empty() {
                found.credits.push(element.text);
            }
        }
        _ => {}
    }
}

fn inside<'a>(children: Vec<Element<'a>>, base: &Url, entities: &Entities, found: &mut Found<'a>) {
    for child in children {
        if child.ns == Ns::Media {
            take(child, base, entities, found);
        }
    }
}

/// `a, b, c`.
pub(super) fn split_keywords<'a>(text: &str, tags: &mut Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>) {
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        tags.push((Cow::Owned(word.to_owned()), None));
    }
}
