//! Finds the stored article of an entry that has another key than at the last poll.
//!
//! Candidates are the articles whose entries are gone from the document, and those that share GUID and link with the
//! entry. How much the two must be alike is decided in `feed::normalise::identity`.

use std::collections::{BTreeSet, HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use crate::domain::article::{ArticleDraft, ArticleKey};
use crate::domain::feed::FeedId;
use crate::domain::poll::Document;
use crate::domain::time::Timestamp;
use crate::feed::normalise::identity::{Identity, Likeness, is_relinked, upper_half};
use crate::store::database::{self, Connection, OptionalExtension, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::article_keys::Entry;
use crate::store::sql::columns::time;
use crate::store::sql::{article_keys, changes, last_document, meta};

/// The number of candidates with one link that are compared with an entry, so that the work grows with the document
/// and not with its square.
const COMPARED: usize = 64;

struct Candidate {
    key: i64,
    entry: Entry,
    guid: Option<String>,
    url: Option<String>,
    title: Option<String>,
    published: Option<Timestamp>,
    content_html: Option<String>,
}

impl Candidate {
    fn identity(&self) -> Identity<'_> {
        Identity {
            guid: self.guid.as_deref(),
            url: self.url.as_deref(),
            title: self.title.as_deref(),
            published: self.published,
            content_html: self.content_html.as_deref(),
        }
    }
}

/// Removes from `found` the articles that entries have the key of, but nothing else. Such an article gets another key of the
/// same family, so that it is found again if its entry comes back.
pub(super) fn part(
    tx: &Connection,
    feed: FeedId,
    drafts: &[ArticleDraft],
    found: &mut [Option<Entry>],
) -> Result<(), StoreError> {
    for (draft, slot) in drafts.iter().zip(found) {
        let is_edit = |entry: &Entry| {
            ![draft.hash.0.cast_signed(), meta::READ_BY_OTHER_RULES].contains(&entry.hash)
        };
        let Some(entry) = slot.filter(is_edit) else { continue };
        if article_keys::may_be_another(tx, feed, draft)?
            && article_keys::is_another(tx, feed, draft, entry.article)?
        {
            let own = xxh3_64(&entry.article.to_le_bytes()) & !upper_half(ArticleKey(u64::MAX));
            let key = draft.key.0.cast_signed();
            rekey(tx, feed, key, ArticleKey(upper_half(draft.key) | own))?;
            *slot = None;
        }
    }
    Ok(())
}

/// Completes `found`, which has what was found for each draft of the document by its key. An entry that is found here
/// gets the key of its draft.
pub(super) fn complete(
    tx: &Connection,
    feed: FeedId,
    document: &Document,
    found: &mut [Option<Entry>],
) -> Result<(), StoreError> {
    let missing = |found: &[Option<Entry>]| {
        let drafts = document.drafts.iter().enumerate();
        drafts.filter(|(n, _)| found.get(*n).is_some_and(Option::is_none)).collect::<Vec<_>>()
    };
    let new = missing(found);
    if new.is_empty() {
        return Ok(());
    }
    let present: HashSet<i64> = document
        .remembered
        .items
        .iter()
        .map(|item| item.key)
        .chain(document.drafts.iter().map(|draft| draft.key))
        .map(|key| key.0.cast_signed())
        .collect();
    let mut candidates = candidates(tx, feed, &new, &present)?;
    let mut named: HashMap<u64, usize> = HashMap::new();
    for key in &present {
        *named.entry(upper_half(ArticleKey(key.cast_unsigned()))).or_default() += 1;
    }
    for wanted in [Likeness::Same, Likeness::Retitled, Likeness::Rewritten, Likeness::Named] {
        for (n, draft) in missing(found) {
            let is_alone = named.get(&upper_half(draft.key)) == Some(&1);
            let Some(group) =
                candidates.get_mut(&draft.url).filter(|_| wanted != Likeness::Named || is_alone)
            else {
                continue;
            };
            let identity = Identity::of(draft);
            let like = |old: &Candidate| {
                let family = upper_half(ArticleKey(old.key.cast_unsigned()));
                Likeness::between(&old.identity(), &identity) == Some(wanted)
                    && (wanted != Likeness::Named || family == upper_half(draft.key))
            };
            let Some(place) = group.iter().take(COMPARED).position(like) else { continue };
            if wanted == Likeness::Named
                && let Some(old) = group.get(place)
                && article_keys::is_another(tx, feed, draft, old.entry.article)?
            {
                continue;
            }
            let old = group.remove(place);
            rekey(tx, feed, old.key, draft.key)?;
            if let Some(slot) = found.get_mut(n) {
                *slot = Some(old.entry);
            }
        }
    }
    let new = missing(found);
    relinked(tx, feed, &new, candidates.into_values().flatten().collect(), found)?;
    let new = missing(found);
    let present: BTreeSet<i64> = present.into_iter().collect();
    by_other_keys(tx, feed, &new, &present, found)
}

/// Completes `found` with the articles whose GUID or link has changed. Nobody hears of a link that has changed: a site
/// that moves changes the links of all its articles.
fn by_other_keys(
    tx: &Connection,
    feed: FeedId,
    new: &[(usize, &ArticleDraft)],
    present: &BTreeSet<i64>,
    found: &mut [Option<Entry>],
) -> Result<(), StoreError> {
    let drafts: Vec<&ArticleDraft> = new.iter().map(|(_, draft)| *draft).collect();
    let items = last_document::items(tx, feed)?.unwrap_or_default();
    for article_keys::Found { entry, old } in
        article_keys::find(tx, feed, &drafts, present, &items)?
    {
        let Some((n, draft)) = new.get(entry) else { continue };
        let Some(old) = old else {
            changes::bury(tx, feed, draft.key)?;
            continue;
        };
        rekey(tx, feed, old.key, draft.key)?;
        let is_moved = old.url.as_ref() != draft.url.as_ref().or(draft.external_url.as_ref());
        let hash = if is_moved { meta::READ_BY_OTHER_RULES } else { old.entry.hash };
        if let Some(slot) = found.get_mut(*n) {
            *slot = Some(Entry { hash, ..old.entry });
        }
    }
    Ok(())
}

/// Finds the articles of entries without GUID whose link is another one now, because it is resolved otherwise.
fn relinked(
    tx: &Connection,
    feed: FeedId,
    new: &[(usize, &ArticleDraft)],
    candidates: Vec<Candidate>,
    found: &mut [Option<Entry>],
) -> Result<(), StoreError> {
    let mut titled: HashMap<Option<String>, Vec<Candidate>> = HashMap::new();
    for candidate in candidates.into_iter().filter(|candidate| candidate.guid.is_none()) {
        titled.entry(candidate.title.clone()).or_default().push(candidate);
    }
    for (n, draft) in new.iter().filter(|(_, draft)| draft.guid.is_none()) {
        let Some(group) = titled.get_mut(&draft.title) else { continue };
        let identity = Identity::of(draft);
        let is_same = |old: &Candidate| is_relinked(&old.identity(), &identity);
        if let Some(place) = group.iter().take(COMPARED).position(is_same) {
            let old = group.remove(place);
            rekey(tx, feed, old.key, draft.key)?;
            if let Some(slot) = found.get_mut(*n) {
                *slot = Some(old.entry);
            }
        }
    }
    Ok(())
}

/// The articles that may be those of new entries, by their links, newest first.
fn candidates(
    tx: &Connection,
    feed: FeedId,
    new: &[(usize, &ArticleDraft)],
    present: &HashSet<i64>,
) -> Result<HashMap<Option<String>, Vec<Candidate>>, StoreError> {
    const SHARING: &str = "SELECT key FROM feed_entry WHERE feed_id = ?1 AND key BETWEEN ?2 AND ?3";
    let action = "look for the articles of entries with new keys";
    let last = last_document::items(tx, feed)?;
    let mut keys: HashSet<i64> = last.unwrap_or_default().keys().collect();
    let mut sharing = tx.prepare_cached(SHARING).context(action)?;
    for (_, draft) in new.iter().filter(|(_, draft)| draft.guid.is_some()) {
        let first = upper_half(draft.key);
        let last = first | !upper_half(ArticleKey(u64::MAX));
        let values = params![feed.0, first.cast_signed(), last.cast_signed()];
        let rows = sharing.query_map(values, |row| row.get::<_, i64>("key")).context(action)?;
        for key in rows {
            keys.insert(key.context(action)?);
        }
    }
    let links: HashSet<Option<&str>> = new.iter().map(|(_, draft)| draft.url.as_deref()).collect();
    let unnamed = new.iter().filter(|(_, draft)| draft.guid.is_none());
    let titles: HashSet<&str> = unnamed.filter_map(|(_, draft)| draft.title.as_deref()).collect();
    let mut found: HashMap<Option<String>, Vec<Candidate>> = HashMap::new();
    for key in keys.difference(present) {
        if let Some(candidate) = candidate(tx, feed, *key, &links, &titles)? {
            found.entry(candidate.url.clone()).or_default().push(candidate);
        }
    }
    for group in found.values_mut() {
        group.sort_by_key(|candidate| std::cmp::Reverse(candidate.entry.article));
    }
    Ok(found)
}

/// Reads a candidate; `None` when it is gone or has none of the links. One without GUID may have one of the titles
/// instead.
fn candidate(
    tx: &Connection,
    feed: FeedId,
    key: i64,
    links: &HashSet<Option<&str>>,
    titles: &HashSet<&str>,
) -> Result<Option<Candidate>, StoreError> {
    const ONE: &str = "
        SELECT e.article_id, e.hash, a.guid, a.url, a.title,
            coalesce(e.published_at, a.published_at) AS published_at, a.content_html
        FROM feed_entry e JOIN article a ON a.id = e.article_id
        WHERE e.feed_id = ?1 AND e.key = ?2";
    let one = |r: &Row<'_>| -> database::Result<Option<Candidate>> {
        let url: Option<String> = r.get("url")?;
        let (guid, title): (Option<String>, Option<String>) = (r.get("guid")?, r.get("title")?);
        let is_titled = || title.as_deref().is_some_and(|title| titles.contains(title));
        let is_candidate = links.contains(&url.as_deref()) || guid.is_none() && is_titled();
        if !is_candidate {
            return Ok(None);
        }
        Ok(Some(Candidate {
            key,
            entry: Entry { article: r.get("article_id")?, hash: r.get("hash")? },
            guid,
            url,
            title,
            published: time(r, "published_at")?,
            content_html: r.get("content_html")?,
        }))
    };
    tx.prepare_cached(ONE)
        .and_then(|mut s| s.query_row(params![feed.0, key], one).optional())
        .map(Option::flatten)
        .context("read what an entry may have been")
}

/// Replaces the key of an entry.
pub(super) fn rekey(
    tx: &Connection,
    feed: FeedId,
    old: i64,
    new: ArticleKey,
) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE feed_entry SET key = ?3 WHERE feed_id = ?1 AND key = ?2")
        .and_then(|mut s| s.execute(params![feed.0, old, new.0.cast_signed()]))
        .map(|_| ())
        .context("give an article its new key")
}
