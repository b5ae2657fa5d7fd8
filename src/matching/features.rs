//! What is compared of an entry of a document, or of a stored article, and the keys by which the store finds articles
//! that may be the same.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::domain::time::Timestamp;
use crate::feed::normalise::noise::file_identity;
use crate::matching::canonical_url::CanonicalUrl;
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

/// A key by which an article is found. Two articles with a common key may be one; nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub kind: KeyKind,
    pub hash: u64,
}

/// What a key is made of. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum KeyKind {
    /// A form of a GUID, or a key of the canonical link. They are of one kind, because a publisher may give one as the
    /// other.
    Name = 1,
    /// A link or a GUID without its host.
    Hostless = 2,
    /// Title and text.
    Content = 3,
    /// The title alone.
    Title = 4,
    /// A key of the canonical link, for articles of other feeds.
    Page = 5,
    /// One of the smallest hashes of the sketch, for articles of other feeds.
    Passage = 6,
}

impl Key {
    fn new(kind: KeyKind, text: &str) -> Self {
        Self { kind, hash: xxh3_64(text.as_bytes()) }
    }

    /// Whether the key is that of a page.
    pub fn is_page(self) -> bool {
        self.kind == KeyKind::Page
    }

    /// One number for kind and hash, for an index.
    pub fn stored(self) -> i64 {
        xxh3_64_with_seed(&self.hash.to_le_bytes(), self.kind as u64).cast_signed()
    }
}

impl Features {
    /// `sketch` is that of the plain text of the content, else of the summary; see [`Sketch::of`].
    pub fn new(fields: &Fields<'_>, sketch: Sketch) -> Self {
        let (guid, link) = names(fields);
        Self {
            guid,
            url: fields.url.map(str::to_owned),
            link,
            title: Title::of(fields.title),
            published: fields.published,
            media: fields.media.map(file_identity),
            sketch,
        }
    }

    /// Adds the canonical address that the page of the article names.
    #[must_use]
    pub fn with_page(mut self, url: &str) -> Self {
        let Some(page) = CanonicalUrl::of(url) else { return self };
        match &mut self.link {
            Some(link) => link.keys.extend(page.keys),
            None => self.link = Some(page),
        }
        self
    }

    /// The keys of the pages of the article, as [`Key::stored`].
    pub fn stored_page_keys(&self) -> Vec<i64> {
        self.page_keys().map(Key::stored).collect()
    }

    /// The keys under which articles of other feeds find an article: its pages and a few of its passages.
    pub fn keys_across_feeds(&self) -> Vec<Key> {
        self.page_keys().chain(passages(self.sketch.index_keys())).collect()
    }

    /// The keys by which an article looks for articles of other feeds: its pages and all sampled passages.
    pub fn lookup_across_feeds(&self) -> Vec<Key> {
        self.page_keys().chain(passages(self.sketch.lookup_keys())).collect()
    }

    fn page_keys(&self) -> impl Iterator<Item = Key> {
        let pages = self.link.iter().flat_map(|link| &link.keys);
        pages.map(|text| Key::new(KeyKind::Page, text))
    }
}

fn passages(hashes: &[u32]) -> impl Iterator<Item = Key> {
    hashes.iter().map(|hash| Key { kind: KeyKind::Passage, hash: u64::from(*hash) })
}

/// Keys as they are stored: nine bytes each, the kind and the hash, the most significant byte first. Only those of pages
/// and passages are read back.
pub fn keys_to_bytes(keys: &[Key]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 * keys.len());
    for key in keys {
        bytes.push(key.kind as u8);
        bytes.extend(key.hash.to_be_bytes());
    }
    bytes
}

/// Reads what [`keys_to_bytes`] wrote. Other bytes are no keys.
pub fn keys_from_bytes(bytes: &[u8]) -> Vec<Key> {
    let one = |[kind, hash @ ..]: &[u8; 9]| {
        let kinds = [KeyKind::Page, KeyKind::Passage];
        let kind = kinds.into_iter().find(|known| *known as u8 == *kind)?;
        Some(Key { kind, hash: u64::from_be_bytes(*hash) })
    };
    bytes.as_chunks::<9>().0.iter().filter_map(one).collect()
}

/// GUID and link.
fn names(fields: &Fields<'_>) -> (Option<Guid>, Option<CanonicalUrl>) {
    let link = fields.url.and_then(CanonicalUrl::of);
    let guid = match (fields.guid, fields.url, &link) {
        (Some(guid), Some(url), Some(link)) => Guid::beside(guid, url, link),
        (guid, ..) => guid.and_then(Guid::of),
    };
    (guid, link)
}

impl Key {
    /// The keys by which an article is found again by entries of its own feed. `fingerprint` is that of title and text.
    pub fn of(fields: &Fields<'_>, fingerprint: Fingerprint) -> Vec<Self> {
        let (guid, link) = names(fields);
        let (guid, link) = (guid.as_ref(), link.as_ref());
        let names = guid.into_iter().flat_map(|guid| &guid.forms);
        let names = names.chain(link.into_iter().flat_map(|link| &link.keys));
        let hostless = guid.and_then(|guid| guid.hostless.as_ref());
        let hostless = hostless.into_iter().chain(link.and_then(|link| link.hostless.as_ref()));
        let mut keys: Vec<Self> = names.map(|text| Self::new(KeyKind::Name, text)).collect();
        keys.extend(hostless.map(|text| Self::new(KeyKind::Hostless, text)));
        keys.extend(fingerprint.content.map(|hash| Self { kind: KeyKind::Content, hash }));
        keys.extend(fingerprint.title.map(|hash| Self { kind: KeyKind::Title, hash }));
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::sketch::SIZE;

    #[test]
    fn keys_for_other_feeds_are_pages_and_passages() {
        let fields = Fields {
            guid: Some("1"),
            url: Some("https://m.a.example/some-news"),
            ..Fields::default()
        };
        let text = (0..500).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let features = Features::new(&fields, Sketch::of(&text));
        let kinds = |keys: &[Key], kind| keys.iter().filter(|key| key.kind == kind).count();
        let stored = features.keys_across_feeds();
        assert_eq!((kinds(&stored, KeyKind::Page), kinds(&stored, KeyKind::Passage)), (2, 8));
        assert_eq!(kinds(&features.lookup_across_feeds(), KeyKind::Passage), SIZE);
        let bytes = keys_to_bytes(&stored);
        assert_eq!(keys_from_bytes(&bytes), stored);
        assert_eq!(keys_from_bytes(&[9; 20]), []);
    }
}
