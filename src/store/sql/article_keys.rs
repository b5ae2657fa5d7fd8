//! The keys by which a feed's articles are found when the feed gives them another GUID or link.
//!
//! An article gets its keys when it is stored, and further ones when it is edited: the earlier ones still identify it.
//! Which entry is which article is decided in `matching::same_feed`.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::article::ArticleDraft;
use crate::domain::feed::FeedId;
use crate::domain::time::from_unix;
use crate::html::to_text::html_to_text;
use crate::matching::features::{Features, Fields, Key, KeyKind};
use crate::matching::fingerprint::Fingerprint;
use crate::matching::reused_name;
use crate::matching::same_feed::{self, Candidate, Match, Reason, Sizes};
use crate::matching::sketch::Sketch;
use crate::store::database::{self, Connection, OptionalExtension, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{decode, time};
use crate::store::sql::last_document::Items;
use crate::store::sql::meta;

/// A key that more articles share identifies none of them, such as the title of each picture of a day.
const MOST_SHARING: usize = 16;

/// The largest numbers of new entries and of articles that are compared for one document. They bound the time in which
/// the store writes nothing else; what is beyond them becomes a new article.
const MOST_ENTRIES: usize = 200;
const MOST_CANDIDATES: usize = 200;

/// What is known of the entry of a stored article.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) article: i64,
    pub(super) hash: i64,
}

impl Entry {
    pub(super) fn of_row(row: &Row<'_>) -> database::Result<Self> {
        Ok(Self { article: row.get("article_id")?, hash: row.get("hash")? })
    }
}

/// Finds the article of an entry by its key in `feed_entry`.
pub(super) fn by_key(tx: &Connection, feed: FeedId, key: i64) -> Result<Option<Entry>, StoreError> {
    tx.prepare_cached("SELECT article_id, hash FROM feed_entry WHERE feed_id = ?1 AND key = ?2")
        .and_then(|mut s| s.query_row([feed.0, key], Entry::of_row).optional())
        .context("look up an article")
}

/// Whether the dates of an entry and of the article that has its key leave open that they are two.
pub(super) fn may_be_another(
    tx: &Connection,
    feed: FeedId,
    draft: &ArticleDraft,
) -> Result<bool, StoreError> {
    const DATE: &str = "SELECT published_at FROM feed_entry WHERE feed_id = ?1 AND key = ?2";
    let given: Option<i64> = tx
        .prepare_cached(DATE)
        .and_then(|mut s| s.query_row([feed.0, draft.key.0.cast_signed()], |row| row.get(0)))
        .context("read the date of an entry")?;
    Ok(reused_name::may_be_another(draft.published, given.map(from_unix)))
}

/// Whether an entry is another article than the one that has its name.
pub(super) fn is_another(
    tx: &Connection,
    feed: FeedId,
    draft: &ArticleDraft,
    article: i64,
) -> Result<bool, StoreError> {
    let (old, _) = stored_features(tx, feed, article)?;
    Ok(reused_name::is_another(&features(draft), &old))
}

/// Stores the keys of an article that a feed has.
pub(super) fn put(
    tx: &Connection,
    feed: FeedId,
    article: i64,
    draft: &ArticleDraft,
) -> Result<(), StoreError> {
    put_keys(tx, feed, article, &fields(draft), draft.content_html.as_deref())
}

/// Stores the canonical address that the page of an article names, so that an entry with this address is the same article.
pub(super) fn put_page(
    tx: &Connection,
    feed: FeedId,
    article: i64,
    (url, title): (Option<&str>, Option<&str>),
) -> Result<(), StoreError> {
    let fields = Fields { url, title, ..Fields::default() };
    put_keys(tx, feed, article, &fields, None)
}

fn put_keys(
    tx: &Connection,
    feed: FeedId,
    article: i64,
    fields: &Fields<'_>,
    content: Option<&str>,
) -> Result<(), StoreError> {
    let action = "store the keys of an article";
    let mut put = tx
        .prepare_cached(
            "INSERT INTO article_key (feed_id, key, article_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )
        .context(action)?;
    for key in Key::of(fields, fingerprint(fields.title, content)) {
        put.execute(params![feed.0, key.stored(), article]).context(action)?;
    }
    Ok(())
}

fn fields(draft: &ArticleDraft) -> Fields<'_> {
    Fields {
        guid: draft.guid.as_deref(),
        url: draft.url.as_deref().or(draft.external_url.as_deref()),
        title: draft.title.as_deref(),
        published: draft.published,
        media: draft.attachments.first().map(|file| file.url.as_str()),
    }
}

/// The text counts only for an entry without title, because the title finds the same articles at a lower cost.
fn fingerprint(title: Option<&str>, content: Option<&str>) -> Fingerprint {
    let text = content.filter(|_| title.is_none()).map(html_to_text);
    Fingerprint::of(title, text.as_deref())
}

/// A new entry that is an article of before.
pub(super) struct Found {
    /// The place of the entry among `new`.
    pub(super) entry: usize,
    /// `None` for an article that was removed.
    pub(super) old: Option<Old>,
}

/// The article of an entry under its former key.
#[derive(Clone, Debug)]
pub(super) struct Old {
    pub(super) key: i64,
    pub(super) entry: Entry,
    pub(super) url: Option<String>,
}

/// Finds the articles of entries that no article of the feed has the key of. `present` has the keys of all entries of the
/// document. All entries of a feed that has another address now are compared, in several rounds, and so are those of a large
/// document of which half of the first ones are found. When half of the document
/// is found, the other entries are compared with all articles of the last document, because an article whose title was
/// changed together with its names shares no key with its entry.
pub(super) fn find(
    tx: &Connection,
    feed: FeedId,
    new: &[&ArticleDraft],
    present: &BTreeSet<i64>,
    previous: &Items,
) -> Result<Vec<Found>, StoreError> {
    let mut order: Vec<usize> = (0..new.len()).collect();
    let by_title = |n: &usize| new.get(*n).and_then(|draft| draft.title.as_deref());
    let mut rounds = Rounds { present: present.clone(), ..Rounds::default() };
    // Entries with one title are compared in one round, because they may be mistaken for each other.
    let mut rest = if previous.are_forgotten() {
        order
    } else {
        let rest = order.split_off(order.len().min(MOST_ENTRIES));
        rounds.compare(tx, feed, new, &order)?;
        // If half of them were found under other names, the others are likely to be.
        if rounds.pairs.len() < order.len().div_ceil(2) { Vec::new() } else { rest }
    };
    rest.sort_by_key(by_title);
    for places in rest.chunks(ENTRIES_OF_A_ROUND) {
        rounds.compare(tx, feed, new, places)?;
    }
    let sizes = Sizes { entries: present.len(), previous: previous.0.len() };
    if same_feed::is_change_of_platform(&rounds.pairs, sizes) {
        rounds.compare_with_previous(tx, feed, new, previous)?;
    }
    let Rounds { mut pairs, articles, removed, .. } = rounds;
    same_feed::keep_platform(&mut pairs, sizes);
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    for entry in removed {
        found.insert(entry, Found { entry, old: None });
    }
    for Match { entry, article, .. } in pairs {
        found.insert(entry, Found { entry, old: articles.get(&article).cloned() });
    }
    Ok(found.into_values().collect())
}

/// Few enough that the articles which share a key with them are seldom more than [`MOST_CANDIDATES`].
const ENTRIES_OF_A_ROUND: usize = 50;

/// What was found by comparing the entries of a document in several rounds.
#[derive(Default)]
struct Rounds {
    /// The keys of the entries that are known: those in the document, and those found in earlier rounds.
    present: BTreeSet<i64>,
    /// The entries are places in the document.
    pairs: Vec<Match>,
    articles: BTreeMap<i64, Old>,
    /// The entries that are removed articles.
    removed: Vec<usize>,
}

impl Rounds {
    /// Compares the entries at these places with the articles that share a key with one of them.
    fn compare(
        &mut self,
        tx: &Connection,
        feed: FeedId,
        new: &[&ArticleDraft],
        places: &[usize],
    ) -> Result<(), StoreError> {
        let drafts = places.iter().filter_map(|n| new.get(*n));
        let keys: Vec<Vec<Key>> = drafts.map(|draft| keys(draft)).collect();
        let mut candidates = Vec::new();
        let (mut removed, mut common) = (Vec::new(), BTreeSet::new());
        for (article, shared) in articles(tx, feed, keys.iter().flatten())? {
            match entry_of(tx, feed, article)? {
                Some((key, _)) if self.present.contains(&key) => common.extend(shared),
                Some((key, hash)) => {
                    candidates.extend(self.candidate(tx, feed, key, Entry { article, hash })?);
                }
                None => removed.push(shared),
            }
        }
        let is_common = |key: &Key| key.kind == KeyKind::Name && common.contains(&key.stored());
        let named_alike = places.iter().zip(&keys).filter(|(_, keys)| keys.iter().any(is_common));
        let named_alike = named_alike.map(|(entry, _)| *entry).collect();
        self.pair(new, places, &candidates, &named_alike);
        let is_removed = |keys: &[Key]| removed.iter().any(|shared| identify(keys, shared));
        let gone = places.iter().zip(&keys).filter(|(_, keys)| is_removed(keys));
        self.removed.extend(gone.map(|(entry, _)| *entry));
        Ok(())
    }

    /// Compares the entries that are not found yet with the articles of the last document.
    fn compare_with_previous(
        &mut self,
        tx: &Connection,
        feed: FeedId,
        new: &[&ArticleDraft],
        previous: &Items,
    ) -> Result<(), StoreError> {
        let found: BTreeSet<usize> = self.pairs.iter().map(|pair| pair.entry).collect();
        let is_left = |n: &usize| !found.contains(n) && !self.removed.contains(n);
        let places: Vec<usize> = (0..new.len()).filter(is_left).take(MOST_ENTRIES).collect();
        if places.is_empty() {
            return Ok(());
        }
        let mut candidates = Vec::new();
        for key in previous.keys().take(MOST_CANDIDATES) {
            if let Some(entry) = by_key(tx, feed, key)? {
                candidates.extend(self.candidate(tx, feed, key, entry)?);
            }
        }
        self.pair(new, &places, &candidates, &BTreeSet::new());
        Ok(())
    }

    /// Reads what is compared of an article, unless its entry is known.
    fn candidate(
        &mut self,
        tx: &Connection,
        feed: FeedId,
        key: i64,
        entry: Entry,
    ) -> Result<Option<Candidate>, StoreError> {
        if self.present.contains(&key) {
            return Ok(None);
        }
        let article = entry.article;
        let (features, url) = stored_features(tx, feed, article)?;
        self.articles.insert(article, Old { key, entry, url });
        Ok(Some(Candidate { article, features }))
    }

    /// `named_alike` are the entries of which another one in the document has the GUID or link. Their link alone shows nothing.
    fn pair(
        &mut self,
        new: &[&ArticleDraft],
        places: &[usize],
        candidates: &[Candidate],
        named_alike: &BTreeSet<usize>,
    ) {
        if candidates.is_empty() {
            return;
        }
        let drafts = places.iter().filter_map(|n| new.get(*n));
        let features: Vec<Features> = drafts.map(|draft| features(draft)).collect();
        for found in same_feed::pairs(&features, candidates) {
            let Some(entry) = places.get(found.entry) else { continue };
            let by_link = matches!(found.reason, Reason::LinkForm | Reason::GuidAddedOrDropped);
            if by_link && named_alike.contains(entry) {
                continue;
            }
            self.present.extend(self.articles.get(&found.article).map(|old| old.key));
            self.pairs.push(Match { entry: *entry, ..found });
        }
    }
}

/// Whether an entry is a removed article, of which only the keys are known: if the title is the same, and a form of the
/// GUID, the link, or one of them on another host.
fn identify(keys: &[Key], shared: &BTreeSet<i64>) -> bool {
    let has = |title: bool| {
        keys.iter()
            .any(|key| (key.kind == KeyKind::Title) == title && shared.contains(&key.stored()))
    };
    has(true) && has(false)
}

/// The articles of a feed that have one of the keys, each with those keys.
fn articles<'k>(
    tx: &Connection,
    feed: FeedId,
    keys: impl Iterator<Item = &'k Key>,
) -> Result<BTreeMap<i64, BTreeSet<i64>>, StoreError> {
    const SHARING: &str =
        "SELECT article_id FROM article_key WHERE feed_id = ?1 AND key = ?2 LIMIT ?3";
    let action = "look up articles by their keys";
    let mut found: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    let mut look_up = tx.prepare_cached(SHARING).context(action)?;
    let limit = i64::try_from(MOST_SHARING + 1).unwrap_or(i64::MAX);
    for key in keys.map(|key| key.stored()) {
        let sharing: Vec<i64> = look_up
            .query_map([feed.0, key, limit], |row| row.get("article_id"))
            .and_then(Iterator::collect)
            .context(action)?;
        if sharing.len() <= MOST_SHARING {
            for article in sharing {
                found.entry(article).or_default().insert(key);
            }
        }
        if MOST_CANDIDATES <= found.len() {
            break;
        }
    }
    Ok(found)
}

/// The key and the hash of an article's entry in its feed; `None` for an article that was removed.
fn entry_of(tx: &Connection, feed: FeedId, article: i64) -> Result<Option<(i64, i64)>, StoreError> {
    tx.prepare_cached("SELECT key, hash FROM feed_entry WHERE article_id = ?2 AND feed_id = ?1 ORDER BY key LIMIT 1")
        .and_then(|mut s| {
            let one = |r: &Row<'_>| Ok((r.get("key")?, r.get("hash")?));
            s.query_row([feed.0, article], one).optional()
        })
        .context("look up the entry of an article")
}

/// What is compared of a stored article, as its feed gave it, and its link.
fn stored_features(
    tx: &Connection,
    feed: FeedId,
    article: i64,
) -> Result<(Features, Option<String>), StoreError> {
    const ONE: &str = "
        SELECT a.guid, coalesce(a.url, a.external_url) AS url, a.title,
            coalesce(e.published_at, a.published_at) AS published_at, a.attachments,
            CASE WHEN v.article_id IS NULL THEN a.content_html ELSE v.content_html END AS content_html,
            CASE WHEN v.article_id IS NULL THEN a.summary ELSE v.summary END AS summary
        FROM article a JOIN feed_entry e ON e.article_id = a.id AND e.feed_id = ?1
            LEFT JOIN feed_version v ON v.article_id = a.id
        WHERE a.id = ?2 ORDER BY e.key LIMIT 1";
    let one = |r: &Row<'_>| -> database::Result<(Features, Option<String>)> {
        let text = |column| r.get::<_, Option<String>>(column);
        let (guid, url, title) = (text("guid")?, text("url")?, text("title")?);
        let attachments = decode::attachments(text("attachments")?.as_deref());
        let content = text("content_html")?.as_deref().map(html_to_text).or(text("summary")?);
        let fields = Fields {
            guid: guid.as_deref(),
            url: url.as_deref(),
            title: title.as_deref(),
            published: time(r, "published_at")?,
            media: attachments.first().map(|file| file.url.as_str()),
        };
        Ok((Features::new(&fields, Sketch::of(&content.unwrap_or_default())), url))
    };
    tx.prepare_cached(ONE)
        .and_then(|mut s| s.query_row([feed.0, article], one))
        .context("read what an entry may have been")
}

fn keys(draft: &ArticleDraft) -> Vec<Key> {
    let mark = fingerprint(draft.title.as_deref(), draft.content_html.as_deref());
    Key::of(&fields(draft), mark)
}

fn features(draft: &ArticleDraft) -> Features {
    let text = draft.content_html.as_deref().map(html_to_text).or_else(|| draft.summary.clone());
    Features::new(&fields(draft), Sketch::of(&text.unwrap_or_default()))
}

/// Gives keys to the next `limit` articles that were stored before there were keys, and returns how many got them.
pub(in crate::store) fn advance(tx: &Connection, limit: usize) -> Result<usize, StoreError> {
    const BEHIND: &str = "
        SELECT id, feed_id, guid, coalesce(url, external_url) AS url, title, content_html
        FROM article WHERE id <= ?1 ORDER BY id DESC LIMIT ?2";
    let action = "give articles their keys";
    let Some(last) = meta::unkeyed_id(tx)? else { return Ok(0) };
    let mut behind = tx.prepare_cached(BEHIND).context(action)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = behind.query([last, limit]).context(action)?;
    let (mut count, mut next) = (0, 0_i64);
    while let Some(row) = rows.next().context(action)? {
        let text = |column: &str| row.get::<_, Option<String>>(column).context(action);
        let (guid, url, title) = (text("guid")?, text("url")?, text("title")?);
        let id: i64 = row.get("id").context(action)?;
        let feed = FeedId(row.get("feed_id").context(action)?);
        let fields = Fields {
            guid: guid.as_deref(),
            url: url.as_deref(),
            title: title.as_deref(),
            ..Fields::default()
        };
        put_keys(tx, feed, id, &fields, text("content_html")?.as_deref())?;
        (count, next) = (count + 1, id - 1);
    }
    meta::set_unkeyed_id(tx, Some(next).filter(|next| 0 < *next))?;
    Ok(count)
}
