//! The attachments of an entry, and its image.

use std::collections::HashSet;

use url::Url;

use crate::domain::article::Attachment;
use crate::feed::normalise::links::is_enclosure;
use crate::feed::parse::model::ParsedEntry;
use crate::html::entities::{Context, decode};
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
    let mut playing = found.iter_mut().filter(|attachment| !is_image(attachment));
    if let (Some(only), None) = (playing.next(), playing.next()) {
        only.duration_in_seconds =
            only.duration_in_seconds.or(duration.filter(|seconds| 0 < *seconds));
    }
    found
}

/// Returns the first thumbnail, else an attached image, else the first image of the sanitised content.
pub fn image(
    parsed: &ParsedEntry,
    attachments: &[Attachment],
    content_html: Option<&str>,
    base: &Url,
) -> Option<String> {
    let thumbnail = || {
        let mut thumbnails = parsed.entry.media.iter().flat_map(|media| &media.thumbnails);
        thumbnails.find_map(|thumbnail| web_address::web(&thumbnail.image.uri, base))
    };
    let attached = || attachments.iter().find(|file| is_image(file)).map(|file| file.url.clone());
    thumbnail().or_else(attached).or_else(|| first_image(content_html?))
}

fn is_image(file: &Attachment) -> bool {
    if let Some(mime) = &file.mime_type {
        return mime.starts_with("image/");
    }
    let path = file.url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    [".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"].iter().any(|end| path.ends_with(end))
}

fn first_image(html: &str) -> Option<String> {
    let (_, tag) = html.split_once("<img ")?;
    let (tag, _) = tag.split_once('>')?;
    let value = match tag.strip_prefix("src=\"") {
        Some(value) => value,
        None => tag.split_once(" src=\"")?.1,
    };
    let (source, _) = value.split_once('"')?;
    let url = Url::parse(&decode(source, Context::Attribute)).ok()?;
    web_address::is_web(&url).then(|| url.into())
}

fn mime_type(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let plain = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    (text.contains('/') && plain).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::feed::parse::model::{File, Image, Link, MediaObject, MediaThumbnail};

    fn base() -> Url {
        Url::parse("https://example.org/feed").unwrap()
    }

    fn file(url: &str, mime_type: Option<&str>, title: Option<&str>) -> File {
        let (url, mime_type) = (url.to_owned(), mime_type.map(Into::into));
        let title = title.map(Into::into);
        File { url, mime_type, title, size: Some(7), duration_in_seconds: None }
    }

    fn thumbnail_at(uri: &str) -> MediaThumbnail {
        let uri = uri.to_owned();
        let image =
            Image { uri, title: None, link: None, width: None, height: None, description: None };
        MediaThumbnail { image, time: None }
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

    #[test]
    fn a_picture_is_the_thumbnail_else_an_attached_image_else_the_first_in_the_text() {
        let html = Some("<p><img alt=\"x\" src=\"https://i.example/?a=1&amp;b=2\"></p>");
        for (thumbnail, attached, html, expected) in [
            (
                Some("/t.png"),
                Some("https://a.example/a.png"),
                html,
                Some("https://example.org/t.png"),
            ),
            (
                Some("data:x"),
                Some("https://a.example/a.PNG?x"),
                html,
                Some("https://a.example/a.PNG?x"),
            ),
            (None, Some("https://a.example/a.mp3"), html, Some("https://i.example/?a=1&b=2")),
            (None, None, Some("<img src=\"https://i.example/x\">"), Some("https://i.example/x")),
            (None, None, Some("<p>x</p>"), None),
            (None, None, None, None),
        ] {
            let mut media = MediaObject::default();
            media.thumbnails = thumbnail.map(thumbnail_at).into_iter().collect();
            let mut entry = ParsedEntry::default();
            entry.entry.media = vec![media];
            entry.extension.files = attached.map(|url| file(url, None, None)).into_iter().collect();
            let found = image(&entry, &attachments(&entry, &base()), html, &base());
            assert_eq!(found.as_deref(), expected, "{thumbnail:?} {attached:?}");
        }
    }
}
