//! From the bytes of a feed document to all that the store needs of it: [`document`] finds the new items,
//! parses them and normalises them.

use std::collections::{HashMap, HashSet};

use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::article::{ArticleDraft, ArticleKey};
use crate::domain::feed::FeedMeta;
use crate::domain::poll::{
    Document, DocumentEncoding, Hints, KeyPolicy, KnownItem, Listing, Remembered, RepairCount,
};
use crate::domain::time::Timestamp;
use crate::feed::charset::{Decision, decide};
use crate::feed::item_diff::{DocumentShape, drop_known, find_items};
use crate::feed::normalise::identity::{Identity, ambiguous, tell_apart, upper_half};
use crate::feed::normalise::order::{Order, order};
use crate::feed::normalise::tags::Lists;
use crate::feed::normalise::{Normalised, entries, identify, language, meta};
use crate::feed::parse::{NotAFeed, TRUNCATED, parse};
use crate::html::web_address::web;

/// The hash of a whole body. An equal hash means that the body is the one of the last poll.
pub fn body_hash(body: &[u8]) -> u64 {
    xxh3_64(body)
}

/// What the header fields of a reply say about the document in its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels<'a> {
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Content-Language`: the language of a document that states none.
    pub content_language: Option<&'a str>,
}

impl<'a> From<Option<&'a str>> for Labels<'a> {
    fn from(content_type: Option<&'a str>) -> Self {
        Self { content_type, ..Self::default() }
    }
}

/// Reads those items of a document that are not in `remembered`.
///
/// `base` is the address of the document, after redirects.
///
/// # Errors
/// When the body is not a feed.
pub fn document<'a>(
    body: &[u8],
    base: &Url,
    labels: impl Into<Labels<'a>>,
    remembered: &Remembered,
    max_entries: usize,
    now: Timestamp,
) -> Result<Document, NotAFeed> {
    let labels: Labels<'_> = labels.into();
    let encoding = decide(body, labels.content_type);
    // With another limit or another encoding, the same bytes become other drafts.
    let salt = xxh3_64(encoding.charset.name().as_bytes()) ^ max_entries as u64;
    let shape = find_items(body, salt);
    let source = Source { body, base, encoding, labels, shape: shape.as_ref(), max_entries, now };
    let mut policy = remembered.key_policy;
    let mut reading = source.read(&remembered.items, policy)?;
    // Only with both at hand can be decided whether an old item and a new one are two articles.
    let is_doubtful = |reading: &Reading| {
        policy == KeyPolicy::Trusting && reading.is_ambiguous()
            || reading.repeats_an_unchanged_key()
            || reading.has_doubtful_tags
    };
    if !reading.unchanged.is_empty() && is_doubtful(&reading) {
        reading = source.read(&[], policy)?;
    }
    if policy == KeyPolicy::Trusting && reading.is_ambiguous() {
        policy = KeyPolicy::Careful;
        reading.identify(policy);
    }
    reading.tell_apart();
    Ok(reading.into_document(body_hash(body), policy))
}

/// Whether a document breaks off before its end, so that entries of it may be missing.
pub fn breaks_off(document: &Document) -> bool {
    document.repairs.iter().any(|repair| repair.kind == TRUNCATED)
}

/// The hash of an item whose bytes could not be found in the document. It is no item's hash.
const UNKNOWN_HASH: u64 = 0;

/// The arguments of one call of [`document`], and what follows from them.
struct Source<'a> {
    body: &'a [u8],
    base: &'a Url,
    encoding: Decision,
    labels: Labels<'a>,
    shape: Option<&'a DocumentShape>,
    max_entries: usize,
    now: Timestamp,
}

struct Reading {
    meta: FeedMeta,
    listing: Listing,
    hints: Hints,
    new_feed_url: Option<Url>,
    encoding: DocumentEncoding,
    repairs: Vec<RepairCount>,
    entries: Vec<Normalised>,
    /// Whether a category may be a list or a name, which other entries of the document decide.
    has_doubtful_tags: bool,
    /// The item hashes of `entries`; empty when they are not known.
    hashes: Vec<u64>,
    /// The items of this document that are known and were not read again.
    unchanged: Vec<KnownItem>,
}

impl Source<'_> {
    fn read(&self, known: &[KnownItem], policy: KeyPolicy) -> Result<Reading, NotAFeed> {
        let Some(shape) = self.shape else {
            return self.read_all(self.body, Vec::new(), Vec::new(), policy);
        };
        let known: HashMap<u64, ArticleKey> =
            known.iter().map(|item| (item.hash, item.key)).collect();
        let items = drop_known(self.body, shape, |hash| known.contains_key(&hash));
        let unchanged = items
            .unchanged
            .iter()
            .filter_map(|hash| Some(KnownItem { hash: *hash, key: *known.get(hash)? }))
            .collect();
        self.read_all(&items.document, items.new, unchanged, policy)
    }

    fn read_all(
        &self,
        body: &[u8],
        hashes: Vec<u64>,
        unchanged: Vec<KnownItem>,
        policy: KeyPolicy,
    ) -> Result<Reading, NotAFeed> {
        let mut feed = parse(body, self.base, self.encoding, self.labels.content_type)?;
        if feed.feed.language.as_deref().and_then(language::of_feed).is_none() {
            feed.feed.language = self.labels.content_language.and_then(language::of_http);
        }
        let entries = entries(&feed, self.base, policy, self.max_entries, self.now);
        Ok(Reading {
            has_doubtful_tags: Lists::of(&feed.entries).is_doubtful(&feed.entries),
            meta: meta(&feed, self.base),
            listing: Listing {
                dated_at: feed.feed.updated.or(feed.feed.published),
                oldest_first: order(&feed.entries, self.now) == Order::OldestFirst,
                quiet_start: false,
            },
            hints: feed.extension.hints,
            new_feed_url: feed
                .extension
                .new_feed_url
                .as_deref()
                .and_then(|url| Url::parse(&web(url, self.base)?).ok()),
            encoding: DocumentEncoding {
                name: self.encoding.charset.name(),
                because: self.encoding.because,
            },
            repairs: feed.extension.repairs,
            // If the parser found another number of items, nobody knows which hash belongs to which entry.
            // The items are then read again next time.
            hashes: if hashes.len() == entries.len() { hashes } else { Vec::new() },
            entries,
            unchanged,
        })
    }
}

impl Reading {
    fn drafts(&self) -> impl Iterator<Item = &ArticleDraft> {
        self.entries.iter().filter_map(|entry| entry.draft.as_ref())
    }

    fn is_ambiguous(&self) -> bool {
        ambiguous(self.drafts().map(Identity::of))
    }

    fn repeats_an_unchanged_key(&self) -> bool {
        let unchanged: HashSet<u64> =
            self.unchanged.iter().map(|item| upper_half(item.key)).collect();
        self.drafts().any(|draft| unchanged.contains(&upper_half(draft.key)))
    }

    fn identify(&mut self, policy: KeyPolicy) {
        for entry in &mut self.entries {
            if let Some(draft) = &mut entry.draft {
                identify(draft, policy);
                entry.key = draft.key;
            }
        }
    }

    fn tell_apart(&mut self) {
        let mut drafts: Vec<&mut ArticleDraft> =
            self.entries.iter_mut().filter_map(|entry| entry.draft.as_mut()).collect();
        tell_apart(&mut drafts);
        for entry in &mut self.entries {
            entry.key = entry.draft.as_ref().map_or(entry.key, |draft| draft.key);
        }
    }

    fn into_document(self, body_hash: u64, key_policy: KeyPolicy) -> Document {
        let Self {
            meta,
            listing,
            hints,
            new_feed_url,
            encoding,
            repairs,
            entries,
            has_doubtful_tags: _,
            hashes,
            unchanged,
        } = self;
        let count = entries.len() + unchanged.len();
        let mut items = unchanged;
        // Without hashes, the keys still say what is in the document.
        let hashes = hashes.into_iter().chain(std::iter::repeat(UNKNOWN_HASH));
        items.extend(hashes.zip(&entries).map(|(hash, entry)| KnownItem { hash, key: entry.key }));
        let embedding = entries.iter().filter(|entry| entry.links_to_embeds);
        Document {
            meta,
            links_to_embeds: embedding.map(|entry| entry.key).collect(),
            drafts: once_each(entries.into_iter().filter_map(|entry| entry.draft).collect()),
            remembered: Remembered { body_hash: Some(body_hash), items, key_policy },
            entries: count,
            listing,
            hints,
            new_feed_url,
            encoding,
            repairs,
        }
    }
}

/// Keeps one draft for each key: the one that was changed last, or the first of those with equal dates.
fn once_each(drafts: Vec<ArticleDraft>) -> Vec<ArticleDraft> {
    let changed = |draft: &ArticleDraft| draft.modified.or(draft.published);
    let mut places: HashMap<ArticleKey, usize> = HashMap::with_capacity(drafts.len());
    let mut kept: Vec<ArticleDraft> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let known = places.get(&draft.key).and_then(|place| kept.get_mut(*place));
        if let Some(known) = known {
            if changed(known) < changed(&draft) {
                *known = draft;
            }
        } else {
            places.insert(draft.key, kept.len());
            kept.push(draft);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
