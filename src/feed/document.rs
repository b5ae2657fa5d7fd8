//! The bytes of a feed document to all that the store needs of it: cut, parse, normalise.

use std::collections::{HashMap, HashSet};

use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::article::{ArticleDraft, ArticleKey};
use crate::domain::feed::FeedMeta;
use crate::domain::poll::{
    Document, DocumentEncoding, Hints, KeyPolicy, KnownItem, Remembered, RepairCount,
};
use crate::domain::time::Timestamp;
use crate::feed::charset::{Decision, decide};
use crate::feed::item_diff::{Layout, cut, reduce};
use crate::feed::normalise::identity::{Identity, ambiguous};
use crate::feed::normalise::{Normalised, entries, identify, meta};
use crate::feed::parse::{NotAFeed, parse};

/// The hash that tells whether a body is the one of the last poll.
pub fn body_hash(body: &[u8]) -> u64 {
    xxh3_64(body)
}

/// Reads a document, and of its items only those that `remembered` does not know.
///
/// `base` is where the body came from, after redirects. `content_type` is only for the message.
///
/// # Errors
/// When the body is no feed.
pub fn document(
    body: &[u8],
    base: &Url,
    content_type: Option<&str>,
    remembered: &Remembered,
    max_entries: usize,
    now: Timestamp,
) -> Result<Document, NotAFeed> {
    let encoding = decide(body, content_type);
    // Another limit makes other drafts of the same items, and so does another encoding.
    let salt = xxh3_64(encoding.charset.name().as_bytes()) ^ max_entries as u64;
    let layout = cut(body, salt);
    let source =
        Source { body, base, encoding, content_type, layout: layout.as_ref(), max_entries, now };
    let mut policy = remembered.key_policy;
    let mut reading = source.read(&remembered.items, policy)?;
    if policy == KeyPolicy::Trusting {
        // Whether an old item and a new one are two articles is only seen with both at hand.
        if !reading.carried.is_empty()
            && (reading.is_ambiguous() || reading.repeats_a_carried_key())
        {
            reading = source.read(&[], policy)?;
        }
        if reading.is_ambiguous() {
            policy = KeyPolicy::Careful;
            reading.identify(policy);
        }
    }
    Ok(reading.into_document(body_hash(body), policy))
}

/// The hash of no slice.
const UNTOLD: u64 = 0;

/// What one call of [`document`] reads.
struct Source<'a> {
    body: &'a [u8],
    base: &'a Url,
    encoding: Decision,
    content_type: Option<&'a str>,
    layout: Option<&'a Layout>,
    max_entries: usize,
    now: Timestamp,
}

struct Reading {
    meta: FeedMeta,
    hints: Hints,
    encoding: DocumentEncoding,
    repairs: Vec<RepairCount>,
    entries: Vec<Normalised>,
    /// The slices of `entries`, if they can be told.
    slices: Vec<u64>,
    /// Items of this document that were not read again.
    carried: Vec<KnownItem>,
}

impl Source<'_> {
    fn read(&self, known: &[KnownItem], policy: KeyPolicy) -> Result<Reading, NotAFeed> {
        let Some(layout) = self.layout else {
            return self.read_all(self.body, Vec::new(), Vec::new(), policy);
        };
        let known: HashMap<u64, ArticleKey> =
            known.iter().map(|item| (item.slice, item.key)).collect();
        let reduced = reduce(self.body, layout, |slice| known.contains_key(&slice));
        let carried = reduced
            .carried
            .iter()
            .filter_map(|slice| Some(KnownItem { slice: *slice, key: *known.get(slice)? }))
            .collect();
        self.read_all(&reduced.document, reduced.kept, carried, policy)
    }

    fn read_all(
        &self,
        body: &[u8],
        slices: Vec<u64>,
        carried: Vec<KnownItem>,
        policy: KeyPolicy,
    ) -> Result<Reading, NotAFeed> {
        let feed = parse(body, self.base, self.encoding, self.content_type)?;
        let entries = entries(&feed, self.base, policy, self.max_entries, self.now);
        Ok(Reading {
            meta: meta(&feed, self.base),
            hints: feed.extension.hints,
            encoding: DocumentEncoding {
                name: self.encoding.charset.name(),
                because: self.encoding.because,
            },
            repairs: feed.extension.repairs,
            // An item that the parser dropped shifts the rest: rather read them again than mix them up.
            slices: if slices.len() == entries.len() { slices } else { Vec::new() },
            entries,
            carried,
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

    fn repeats_a_carried_key(&self) -> bool {
        let carried: HashSet<ArticleKey> = self.carried.iter().map(|item| item.key).collect();
        self.drafts().any(|draft| carried.contains(&draft.key))
    }

    fn identify(&mut self, policy: KeyPolicy) {
        for entry in &mut self.entries {
            if let Some(draft) = &mut entry.draft {
                identify(draft, policy);
                entry.key = draft.key;
            }
        }
    }

    fn into_document(self, body_hash: u64, key_policy: KeyPolicy) -> Document {
        let Self { meta, hints, encoding, repairs, entries, slices, carried } = self;
        let count = entries.len() + carried.len();
        let mut items = carried;
        // Where slices cannot be told, the keys still say what is in the document.
        let untold = std::iter::repeat_n(UNTOLD, if slices.is_empty() { entries.len() } else { 0 });
        items.extend(
            slices
                .into_iter()
                .chain(untold)
                .zip(&entries)
                .map(|(slice, entry)| KnownItem { slice, key: entry.key }),
        );
        Document {
            meta,
            drafts: once_each(entries.into_iter().filter_map(|entry| entry.draft).collect()),
            remembered: Remembered { body_hash: Some(body_hash), items, key_policy },
            entries: count,
            hints,
            encoding,
            repairs,
        }
    }
}

/// Of drafts with one key, the one changed last; among equals the first.
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
