//! What is compared of an entry of a document, or of a stored article, and the keys by which the store finds articles
//! that may be the same.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::domain::time::Timestamp;
use crate::feed::normalise::noise::file_identity;
use crate::matching::canonical_url::{CanonicalUrl, Exceptions};
use crate::matching::fingerprint::Fingerprint;
use crate::matching::guid::Guid;
use crate::matching::sketch::Sketch;
use crate::matching::title::Title;

/// The fields of an entry or an article from which [`Features`] are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    pub guid: Option<&'a str>,
    pub url: Option<&'a str>,
    /// Plain text.
    pub title: Option<&'a str>,
    pub published: Option<Timestamp>,
    /// The address of the first audio or video file.
    pub media: Option<&'a str>,
}

/// What is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    pub guid: Option<Guid>,
    /// The address as it was given, and its canonical form.
    pub url: Option<String>,
    pub link: Option<CanonicalUrl>,
    pub title: Title,
    pub published: Option<Timestamp>,
    /// What identifies the first audio or video file.
    pub media: Option<String>,
    /// Of the plain text of the content, else of the summary.
    pub sketch: Sketch,
}

/// A key under which the store finds an article. Two articles with a common key may be one; nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub kind: KeyKind,
    pub hash: u64,
}

/// What a key is made of. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum KeyKind {
    /// A form of a GUID. For articles of one feed only.
    Guid = 1,
    /// A key of the canonical link.
    Address = 2,
    /// A link or a GUID without its host. For articles of one feed only.
    Hostless = 3,
    /// Title and text. For articles of one feed only.
    Content = 4,
    /// The title alone. For articles of one feed only.
    Title = 5,
}

impl Key {
    fn new(kind: KeyKind, text: &str) -> Self {
        Self { kind, hash: xxh3_64(text.as_bytes()) }
    }

    /// One number for kind and hash, for an index.
    pub fn stored(self) -> i64 {
        xxh3_64_with_seed(&self.hash.to_le_bytes(), self.kind as u64).cast_signed()
    }
}

impl Features {
    /// `sketch` is that of the plain text of the content, else of the summary; see [`Sketch::of`].
    pub fn new(fields: &Fields<'_>, sketch: Sketch, exceptions: &Exceptions) -> Self {
        Self {
            guid: fields.guid.and_then(|guid| Guid::of(guid, exceptions)),
            url: fields.url.map(str::to_owned),
            link: fields.url.and_then(|url| CanonicalUrl::of(url, exceptions)),
            title: Title::of(fields.title),
            published: fields.published,
            media: fields.media.map(file_identity),
            sketch,
        }
    }

    /// The keys under which a stored article is found again by entries of its own feed. `fingerprint` is that of title
    /// and text.
    pub fn keys_in_feed(&self, fingerprint: Fingerprint) -> Vec<Key> {
        let guids = self.guid_forms().map(|form| Key::new(KeyKind::Guid, form));
        self.in_feed(guids.chain(self.page_keys()).collect(), fingerprint)
    }

    /// The keys by which an entry looks for the article that it was before in its own feed. A GUID that is an address
    /// is also looked for among links, and a link among GUIDs, because a publisher may drop or add either.
    pub fn lookup_in_feed(&self, fingerprint: Fingerprint) -> Vec<Key> {
        let texts = self.guid_forms().chain(self.link.iter().flat_map(|link| &link.keys));
        let both =
            |text: &String| [Key::new(KeyKind::Guid, text), Key::new(KeyKind::Address, text)];
        self.in_feed(texts.flat_map(both).collect(), fingerprint)
    }

    fn in_feed(&self, mut keys: Vec<Key>, fingerprint: Fingerprint) -> Vec<Key> {
        let guid = self.guid.iter().filter_map(|guid| guid.hostless.as_ref());
        let link = self.link.iter().filter_map(|link| link.hostless.as_ref());
        keys.extend(guid.chain(link).map(|text| Key::new(KeyKind::Hostless, text)));
        keys.extend(fingerprint.content.map(|hash| Key { kind: KeyKind::Content, hash }));
        keys.extend(fingerprint.title.map(|hash| Key { kind: KeyKind::Title, hash }));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn guid_forms(&self) -> impl Iterator<Item = &String> {
        self.guid.iter().flat_map(|guid| &guid.forms)
    }

    fn page_keys(&self) -> impl Iterator<Item = Key> {
        let pages = self.link.iter().flat_map(|link| &link.keys);
        pages.map(|text| Key::new(KeyKind::Address, text))
    }
}
