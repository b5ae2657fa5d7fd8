//! The attachments of an entry.

use std::collections::HashSet;

use url::Url;

use crate::domain::article::Attachment;
use crate::feed::normalise::links::is_enclosure;
use crate::feed::parse::model::ParsedEntry;
use crate::html::to_text::{Markup, plain};
use crate::html::web_address;

/// Returns enclosures, `media:content` and JSON Feed attachments, each address once.
pub fn attachments(parsed: &ParsedEntry, base: &Url) -> Vec<Attachment> {
    let title = |text: Option<&str>| text.and_then(|text| plain(text, Markup::Doubtful));
    let ParsedEntry { entry, extension } = parsed;
    // iTunes states the duration of the entry apart from its file.
    let duration = entry.media.iter().find_map(|media| media.duration).map(|d| d.as_secs());
    let linked = entry.links.iter().filter(|link| is_enclosure(link)).filter_map(|link| {
        Some(Attachment {
            url: web_address::web(&link.href, base)?,
            mime_type: link.media_type.as_deref().and_then(mime_type),
            title: title(link.title.as_deref()),
            size_in_bytes: link.length.filter(|size| 0 < *size),
            duration_in_seconds: None,
        })
    });
    let files = extension.files.iter().filter_map(|file| {
        let mime_type = file.mime_type.as_deref().and_then(mime_type);
        let plays = mime_type.as_deref().is_none_or(|mime| !mime.starts_with("image/"));
        Some(Attachment {
            url: web_address::web(&file.url, base)?,
            mime_type,
            title: title(file.title.as_deref()),
            size_in_bytes: file.size.filter(|size| 0 < *size),
            duration_in_seconds: file
                .duration_in_seconds
                .or(duration.filter(|_| plays))
                .filter(|seconds| 0 < *seconds),
        })
    });
    let mut seen = HashSet::new();
    let mut found: Vec<Attachment> =
        linked.chain(files).filter(|attachment| seen.insert(attachment.url.clone())).collect();
    // It is the duration of a linked file too, when that is the only one that plays.
    let mut playing =
        found.iter_mut().filter(|file| !is_image(file.mime_type.as_deref(), &file.url));
    if let (Some(only), None) = (playing.next(), playing.next()) {
        only.duration_in_seconds =
            only.duration_in_seconds.or(duration.filter(|seconds| 0 < *seconds));
    }
    found
}

/// Whether a file is an image, by its normalised type or, without one, by its address.
pub(super) fn is_image(mime_type: Option<&str>, url: &str) -> bool {
    if let Some(mime_type) = mime_type {
        return mime_type.starts_with("image/");
    }
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    [".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"].iter().any(|end| path.ends_with(end))
}

pub(super) fn mime_type(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let plain = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    (text.contains('/') && plain).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::feed::parse::model::{File, Link, MediaObject};

    fn base() -> Url {
        Url::parse("https://example.org/feed").unwrap()
    }

    fn file(url: &str, mime_type: Option<&str>, title: Option<&str>) -> File {
        let (url, mime_type) = (url.to_owned(), mime_type.map(Into::into));
        let title = title.map(Into::into);
        File {
            url,
            mime_type,
            title,
            size: Some(7),
            width: None,
            height: None,
            duration_in_seconds: None,
        }
    }

    #[test]
    fn each_file_is_attached_once() {
        let enclosure = Link {
            rel: Some("enclosure".into()),
            href: "/a.mp3".into(),
            media_type: Some("Audio/MPEG".into()),
            length: Some(0),
            target: None,
            href_lang: None,
            title: None,
        };
        let mut media = MediaObject::default();
        media.duration = Some(Duration::from_mins(1));
        let title = Some("Episode &amp; more");
        let mut entry = ParsedEntry::default();
        entry.entry.links = vec![enclosure];
        entry.entry.media = vec![media];
        entry.extension.files = vec![
            file("https://example.org/a.mp3", None, None),
            file("https://example.org/b.mp3", Some("audio/mpeg"), title),
            file("https://example.org/c.png", Some("image/png"), title),
            file("data:text/plain,x", None, None),
        ];
        let found = attachments(&entry, &base());
        let shown: Vec<_> = found
            .iter()
            .map(|a| {
                (
                    a.url.as_str(),
                    a.mime_type.as_deref(),
                    a.title.as_deref(),
                    a.size_in_bytes,
                    a.duration_in_seconds,
                )
            })
            .collect();
        let title = Some("Episode & more");
        assert_eq!(
            shown,
            [
                ("https://example.org/a.mp3", Some("audio/mpeg"), None, None, None),
                ("https://example.org/b.mp3", Some("audio/mpeg"), title, Some(7), Some(60)),
                ("https://example.org/c.png", Some("image/png"), title, Some(7), None),
            ]
        );
    }
}
