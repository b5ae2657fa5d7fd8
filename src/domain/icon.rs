//! The icon of a web site (favicon), and the site that a feed belongs to.

use url::Url;

use crate::domain::feed::is_stand_in;
use crate::domain::named_enum::named_enum;

/// The most bytes of an icon. Common ones have 1 to 15 KiB.
pub const MOST_BYTES: usize = 64 * 1024;

named_enum! {
    /// The format of an icon, named by its media type. SVG is left out, because a document in SVG may contain a script.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum IconKind {
        Png = "image/png",
        Gif = "image/gif",
        Jpeg = "image/jpeg",
        Webp = "image/webp",
        Ico = "image/x-icon",
    }
}

impl IconKind {
    /// The format by the first bytes (WHATWG MIME Sniffing, section 6.1). What a server says does not count.
    fn of(bytes: &[u8]) -> Option<Self> {
        let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..14) == Some(b"WEBPVP");
        let signatures: [(&[u8], Self); 5] = [
            (b"\x89PNG\r\n\x1a\n", Self::Png),
            (b"GIF87a", Self::Gif),
            (b"GIF89a", Self::Gif),
            (b"\xff\xd8\xff", Self::Jpeg),
            (b"\x00\x00\x01\x00", Self::Ico),
        ];
        let found = signatures.into_iter().find(|(signature, _)| bytes.starts_with(signature));
        found.map(|(_, kind)| kind).or_else(|| is_webp.then_some(Self::Webp))
    }
}

/// A small image of a known format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon {
    kind: IconKind,
    bytes: Vec<u8>,
}

impl Icon {
    /// `None` for bytes that are too many, or no image of a known format.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let kind = IconKind::of(&bytes).filter(|_| bytes.len() <= MOST_BYTES)?;
        Some(Self { kind, bytes })
    }

    pub fn kind(&self) -> IconKind {
        self.kind
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The address of the site that a feed belongs to: its home page, else its own address. `None` for a private feed, and for
/// one that is on no web server.
pub fn home_of(url: &str, home_page_url: Option<&str>) -> Option<Url> {
    let web = |address: &str| {
        let address = Url::parse(address).ok()?;
        matches!(address.scheme(), "http" | "https").then_some(address)
    };
    // A program may name the home page of what it prints, but a private feed is not shown with its host.
    let is_private = is_stand_in(url);
    home_page_url.and_then(web).or_else(|| web(url)).filter(|_| !is_private)
}

/// The name of the site of an address: its origin.
pub fn site_of(home: &Url) -> String {
    home.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_is_a_small_image_of_a_known_format() {
        for (bytes, kind) in [
            (b"\x89PNG\r\n\x1a\n...".to_vec(), Some(IconKind::Png)),
            (b"GIF89a..".to_vec(), Some(IconKind::Gif)),
            (b"\xff\xd8\xff\xe0".to_vec(), Some(IconKind::Jpeg)),
            (b"RIFF\x10\0\0\0WEBPVP8L".to_vec(), Some(IconKind::Webp)),
            (b"\x00\x00\x01\x00\x01".to_vec(), Some(IconKind::Ico)),
            (b"RIFF\x10\0\0\0WAVEfmt ".to_vec(), None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>".to_vec(), None),
            (b"<!doctype html>".to_vec(), None),
            (b"\x89PNG".to_vec(), None),
            (Vec::new(), None),
            ([b"GIF89a".to_vec(), vec![0; MOST_BYTES]].concat(), None),
        ] {
            let shown = bytes.escape_ascii().to_string();
            assert_eq!(Icon::new(bytes).map(|icon| icon.kind()), kind, "{shown:.60}");
        }
    }

    #[test]
    fn a_feed_belongs_to_the_site_of_its_home_page() {
        for (url, home, site) in [
            (
                "https://feeds.example/f",
                Some("https://news.example/world"),
                Some("https://news.example"),
            ),
            ("https://news.example:8443/f", None, Some("https://news.example:8443")),
            ("https://news.example/f", Some("/relative"), Some("https://news.example")),
            ("http://news.example/f", Some("javascript:x()"), Some("http://news.example")),
            ("file:///srv/feed.xml", None, None),
            ("file:///private-feed/Paid", Some("https://paid.example/"), None),
        ] {
            let found = home_of(url, home).map(|home| site_of(&home));
            assert_eq!(found.as_deref(), site, "{url} {home:?}");
        }
    }
}
