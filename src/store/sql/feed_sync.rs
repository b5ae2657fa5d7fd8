//! Makes the stored list of feeds equal to the configured one.
//!
//! A reader compares both lists in one pass, and only feeds that differ are written. Many differences are written in
//! several transactions, so that polls need not wait for all of them. Each transaction replaces the fingerprint that the
//! comparison (or the transaction before) has left, so that another process that writes its list meanwhile is noticed. Until
//! the last one the fingerprint is that of no list: a process that is killed leaves work to the next synchronisation.

use std::collections::{HashMap, HashSet};
use std::hash::Hasher;
use std::sync::Arc;

use serde_json::json;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::request::Secret;
use crate::domain::time::Timestamp;
use crate::store::database::{self, Connection, Row};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::{Columns, column};
use crate::store::sql::feeds::{Change, FeedSync, add_new, address_hash, adopt, sync_one};
use crate::store::sql::meta;
use crate::store::sqlite::open::{self, CACHE};

/// A step of more feeds changes more pages of the indexes than the cache of a connection holds.
const LARGE_STEP: usize = 50_000;

/// The cache during such a step, in KiB.
const LARGE_CACHE: u32 = 128 << 10;

/// The result of a synchronisation with the configuration.
#[derive(Clone, Debug, Default)]
pub struct Synced {
    /// The ids of the given feeds, in their order.
    pub ids: Vec<FeedId>,
    pub added: usize,
    pub retired: usize,
    /// Feeds that were polled before under another schedule, so that their next poll must be computed again.
    pub stale: Vec<FeedId>,
    /// The fingerprint of the list.
    pub list: i64,
}

/// The differences between the configured and the stored list.
#[derive(Debug)]
pub(in crate::store) struct Comparison {
    /// The fingerprint of the list that was stored last.
    stored: Option<i64>,
    pub(in crate::store) configured: i64,
    /// The ids of the configured feeds, as far as they are known.
    ids: Vec<Option<FeedId>>,
    /// The places of the feeds that are new or differ.
    changed: Vec<Changed>,
    /// The stored feeds that are in force and not among the unchanged ones.
    left: Vec<FeedId>,
    /// Whether the store has no feed.
    pub(in crate::store) is_first: bool,
    /// Whether planned changes of addresses may have to be carried out before.
    pub(in crate::store) has_address_changes: bool,
}

#[derive(Clone, Copy, Debug)]
struct Changed {
    place: u32,
    /// No stored feed can be this one.
    is_new: bool,
}

/// One transaction of a synchronisation.
#[derive(Debug)]
pub(in crate::store) struct Step {
    changed: Vec<Changed>,
    retired: Vec<FeedId>,
    /// The fingerprint in the store before and after.
    before: Option<i64>,
    after: i64,
}

/// What a step has done. `None` when another process has written its list meanwhile.
pub(in crate::store) type Done = Option<Written>;

#[derive(Debug, Default)]
pub(in crate::store) struct Written {
    ids: Vec<(u32, FeedId)>,
    added: usize,
    retired: usize,
    stale: Vec<FeedId>,
}

/// What is read of each stored feed.
const STORED: Columns<11> = Columns([
    ("id", "f.id"),
    ("url", "f.url"),
    ("name", "f.name"),
    ("tags", "f.tags"),
    ("configured", "f.configured"),
    ("enabled", "f.enabled"),
    ("address_hash", "f.address_hash"),
    ("active", "p.active"),
    ("policy", "p.policy"),
    ("host", "p.host"),
    ("keeps_host", "p.moved_to IS NOT NULL OR p.try_at IS NOT NULL"),
]);

/// Compares the lists. It is one pass over the stored feeds.
pub(super) fn compare(
    connection: &Connection,
    feeds: &[FeedSync],
) -> Result<Comparison, StoreError> {
    let mut comparison = Comparison {
        stored: meta::feeds_hash(connection)?,
        configured: fingerprint(feeds),
        ids: vec![None; feeds.len()],
        changed: Vec::new(),
        left: Vec::new(),
        is_first: true,
        has_address_changes: !meta::address_changes(connection)?.is_empty(),
    };
    let is_known_list = comparison.stored == Some(comparison.configured);
    let store_id = meta::store_id(connection)?;
    let action = "compare the list of feeds";
    let list = format!(
        "SELECT {} FROM feed f JOIN poll_state p ON p.feed_id = f.id ORDER BY f.id",
        STORED.list()
    );
    let mut places = Places::of(feeds);
    let mut texts = TagTexts::default();
    let (mut known, mut has_private) = (vec![false; feeds.len()], false);
    let mut statement = connection.prepare(&list).context(action)?;
    let mut rows = statement.query([]).context(action)?;
    while let Some(row) = rows.next().context(action)? {
        comparison.is_first = false;
        let id = FeedId(row.get(column!(STORED.id)).context(action)?);
        let url = row.get_ref(column!(STORED.url)).context(action)?;
        let url = url.as_str().map_err(database::Error::from).context(action)?;
        has_private |=
            row.get_ref(column!(STORED.address_hash)).context(action)? != database::ValueRef::Null;
        let found = places.find(url).and_then(|place| Some((place, feeds.get(place)?)));
        if let Some((place, feed)) = found {
            if let Some(known) = known.get_mut(place) {
                *known = true;
            }
            let tags = texts.of(&feed.spec.tags);
            // The host of a feed that is gone is forgotten, which is no difference between the lists.
            let has_host = is_known_list || has_host(&row, feed).context(action)?;
            if has_host && is_same(&row, feed, &store_id, tags).context(action)? {
                if let Some(stored) = comparison.ids.get_mut(place) {
                    *stored = Some(id);
                }
                continue;
            }
        }
        let configured: bool = row.get(column!(STORED.configured)).context(action)?;
        if configured || row.get(column!(STORED.active)).context(action)? {
            comparison.left.push(id);
        }
    }
    for (place, ((id, feed), is_known)) in comparison.ids.iter().zip(feeds).zip(known).enumerate() {
        if id.is_none() {
            // A private feed may be stored under its address, and any other under that of a private feed.
            let is_new = !is_known && !has_private && feed.address.is_none();
            let Ok(place) = u32::try_from(place) else { continue };
            comparison.changed.push(Changed { place, is_new });
        }
    }
    Ok(comparison)
}

/// Whether the plan of a stored feed has the host of its address, or keeps that of another one.
fn has_host(row: &Row<'_>, feed: &FeedSync) -> database::Result<bool> {
    let stored = row.get_ref(column!(STORED.host))?.as_str_or_null()?;
    Ok(stored == feed.spec.url.host().as_ref().map(Host::as_str)
        || row.get(column!(STORED.keeps_host))?)
}

/// Whether a stored feed is as it is configured, but for its host.
fn is_same(row: &Row<'_>, feed: &FeedSync, store_id: &str, tags: &str) -> database::Result<bool> {
    let FeedSync { spec, policy, address } = feed;
    let text = |index: usize| Ok::<_, database::Error>(row.get_ref(index)?.as_str_or_null()?);
    let wanted = address.as_ref().map(|address| address_hash(store_id, address.expose()));
    let stored = row.get_ref(column!(STORED.address_hash))?.as_blob_or_null()?;
    Ok(stored == wanted.as_deref()
        && text(column!(STORED.name))? == spec.name.as_deref()
        && text(column!(STORED.tags))? == Some(tags)
        && text(column!(STORED.policy))? == Some(policy)
        && row.get::<_, bool>(column!(STORED.configured))?
        && row.get::<_, bool>(column!(STORED.enabled))? == spec.enabled
        && row.get::<_, bool>(column!(STORED.active))? == spec.enabled)
}

/// Finds the places of configured feeds by their addresses. Stored feeds mostly have the order of the configuration, so
/// that the index is seldom needed.
struct Places<'f> {
    feeds: &'f [FeedSync],
    next: usize,
    index: Option<HashMap<u64, u32>>,
}

impl<'f> Places<'f> {
    fn of(feeds: &'f [FeedSync]) -> Self {
        Self { feeds, next: 0, index: None }
    }

    fn find(&mut self, url: &str) -> Option<usize> {
        let feeds = self.feeds;
        let is_at = |place: usize| feeds.get(place).is_some_and(|f| f.spec.url.as_str() == url);
        let place = if is_at(self.next) {
            self.next
        } else {
            let hash = |url: &str| xxh3_64(url.as_bytes());
            let urls = feeds.iter().map(|feed| hash(feed.spec.url.as_str()));
            let index = self.index.get_or_insert_with(|| urls.zip(0..).collect());
            let place = usize::try_from(*index.get(&hash(url))?).ok()?;
            // Another address with this hash is a feed that differs, which is looked up again when it is written.
            is_at(place).then_some(place)?
        };
        self.next = place + 1;
        Some(place)
    }
}

/// The tags of the last feed as they are stored. Neighbours often share their tags.
#[derive(Default)]
struct TagTexts(Option<(Arc<[String]>, String)>);

impl TagTexts {
    fn of(&mut self, tags: &Arc<[String]>) -> &str {
        let is_last = self.0.as_ref().is_some_and(|(last, _)| Arc::ptr_eq(last, tags));
        if !is_last {
            self.0 = None;
        }
        let (_, text) =
            self.0.get_or_insert_with(|| (Arc::clone(tags), json!(tags[..]).to_string()));
        text
    }
}

impl Comparison {
    /// Whether nothing has to be written.
    pub(in crate::store) fn is_equal(&self) -> bool {
        self.stored == Some(self.configured) && self.changed.is_empty() && self.left.is_empty()
    }

    /// The next transaction, which writes `most` feeds at most, and takes them out of the comparison. The second value is
    /// whether it is the last.
    pub(in crate::store) fn next_step(&mut self, most: usize) -> (Step, bool) {
        let changed: Vec<Changed> = self.changed.drain(..self.changed.len().min(most)).collect();
        // A feed that a changed one has become is not retired, so all changes come first.
        let retired = if self.changed.is_empty() && (changed.len() < most || self.left.is_empty()) {
            let ids: HashSet<FeedId> = self.ids.iter().copied().flatten().collect();
            self.left.retain(|id| !ids.contains(id));
            let room = most - changed.len();
            self.left.drain(..self.left.len().min(room)).collect()
        } else {
            Vec::new()
        };
        let is_last = self.changed.is_empty() && self.left.is_empty();
        // In between, the fingerprint of no list.
        let rest = (self.changed.len() + self.left.len()) as u64;
        let between = xxh3_64(format!("{} {rest}", self.configured).as_bytes()).cast_signed();
        let after = if is_last { self.configured } else { between };
        let before = self.stored.replace(after);
        (Step { changed, retired, before, after }, is_last)
    }

    /// Takes account of a transaction.
    pub(in crate::store) fn add(&mut self, written: Written, synced: &mut Synced) {
        for (place, id) in written.ids {
            if let Some(known) = usize::try_from(place).ok().and_then(|at| self.ids.get_mut(at)) {
                *known = Some(id);
            }
        }
        synced.added += written.added;
        synced.retired += written.retired;
        synced.stale.extend(written.stale);
    }

    /// The ids of all feeds, if all are known.
    pub(in crate::store) fn into_ids(self) -> Option<Vec<FeedId>> {
        self.ids.into_iter().collect()
    }
}

/// Writes one step.
pub(in crate::store) fn write(
    tx: &Connection,
    feeds: &[FeedSync],
    step: &Step,
    now: Timestamp,
) -> Result<Done, StoreError> {
    if step.changed.len() <= LARGE_STEP || !tx.is_sqlite() {
        return write_feeds(tx, feeds, step, now);
    }
    open::set_cache(tx, LARGE_CACHE)?;
    let written = write_feeds(tx, feeds, step, now);
    open::set_cache(tx, CACHE)?;
    written
}

fn write_feeds(
    tx: &Connection,
    feeds: &[FeedSync],
    step: &Step,
    now: Timestamp,
) -> Result<Done, StoreError> {
    if meta::feeds_hash(tx)? != step.before {
        return Ok(None);
    }
    let store_id = meta::store_id(tx)?;
    let mut written = Written::default();
    for Changed { place, is_new } in &step.changed {
        let feed = usize::try_from(*place).ok().and_then(|place| feeds.get(place));
        let Some(feed) = feed else { continue };
        let (id, change) = if *is_new {
            (add_new(tx, feed, now)?, Change::Added)
        } else {
            let hash = adopt(tx, &store_id, feed)?;
            sync_one(tx, feed, hash.as_deref(), now)?
        };
        written.ids.push((*place, id));
        match change {
            Change::Added => written.added += 1,
            Change::Same => {}
            Change::Stale => written.stale.push(id),
        }
    }
    let now_given: HashSet<FeedId> = written.ids.iter().map(|(_, id)| *id).collect();
    for id in step.retired.iter().filter(|id| !now_given.contains(id)) {
        written.retired += retire(tx, *id)?;
    }
    meta::set_feeds_hash(tx, step.after)?;
    Ok(Some(written))
}

/// Ends the polling of a feed that has left the configuration. Returns 0 when it was not polled before either.
fn retire(tx: &Connection, feed: FeedId) -> Result<usize, StoreError> {
    const FEED: &str = "UPDATE feed SET configured = 0 WHERE id = ?1";
    const PLAN: &str = "UPDATE poll_state SET active = 0 WHERE active = 1 AND feed_id = ?1";
    let action = "retire feeds";
    tx.prepare_cached(FEED).and_then(|mut s| s.execute([feed.0])).context(action)?;
    tx.prepare_cached(PLAN).and_then(|mut s| s.execute([feed.0])).context(action)
}

fn fingerprint(feeds: &[FeedSync]) -> i64 {
    let mut hash = Xxh3::new();
    hash.write_u8(2); // The version of what is written: 2 added the host.
    for FeedSync { spec, policy, address } in feeds {
        // The lengths separate neighbouring fields.
        let mut field = |text: &str| {
            hash.write_usize(text.len());
            hash.write(text.as_bytes());
        };
        field(spec.url.as_str());
        field(spec.name.as_deref().unwrap_or_default());
        field(&spec.tags.join("\0"));
        field(if spec.enabled { "enabled" } else { "disabled" });
        field(policy);
        field(address.as_ref().map_or("", Secret::expose));
    }
    hash.finish().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feed::{FeedSpec, FeedUrl};
    use crate::store::Store;
    use crate::store::sql::feeds;
    use crate::store::sqlite::open::open_for_writing;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn feed(n: u32) -> FeedSync {
        let spec = FeedSpec {
            url: FeedUrl::parse(&format!("https://{}.example/{n}", n % 7)).unwrap(),
            name: Some(format!("Feed {n}")),
            tags: ["news".to_owned()].into(),
            enabled: true,
        };
        FeedSync { spec: spec.into(), policy: "every 60s".into(), address: None }
    }

    fn renamed(feed: &FeedSync) -> FeedSync {
        let spec = FeedSpec { name: Some("Another".to_owned()), ..FeedSpec::clone(&feed.spec) };
        FeedSync { spec: spec.into(), ..feed.clone() }
    }

    /// A connection to a store with these feeds.
    async fn stored(feeds: &[FeedSync]) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        Store::open(&path).unwrap().sync_feeds(feeds.to_vec(), NOW).await.unwrap();
        let connection = open_for_writing(&path).unwrap();
        (folder, connection)
    }

    /// Writes all steps of at most `most` feeds, and returns how many there were and what they did.
    fn sync(connection: &Connection, feeds: &[FeedSync], most: usize) -> (usize, Synced) {
        let mut comparison = compare(connection, feeds).unwrap();
        let (mut synced, mut steps, mut is_done) = (Synced::default(), 0, comparison.is_equal());
        while !is_done {
            let (step, is_last) = comparison.next_step(most);
            let written = write(connection, feeds, &step, NOW).unwrap();
            comparison.add(written.expect("nobody else writes"), &mut synced);
            (steps, is_done) = (steps + 1, is_last);
        }
        synced.ids = comparison.into_ids().unwrap();
        (steps, synced)
    }

    #[tokio::test]
    async fn the_tags_of_feeds_are_stored_however_a_feed_comes() {
        let tagged = |n: u32, tags: &[&str]| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let spec = FeedSpec { tags: tags.into(), ..FeedSpec::clone(&feed(n).spec) };
            FeedSync { spec: spec.into(), ..feed(n) }
        };
        let mut feeds = vec![tagged(1, &["a", "b"]), tagged(2, &[])];
        let (_folder, connection) = stored(&feeds).await;
        let tags = || -> Vec<(i64, String)> {
            let sql = "SELECT feed_id, tag FROM feed_tag ORDER BY feed_id, tag";
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.map(Result::unwrap).collect()
        };
        let expected = |list: &[(i64, &str)]| -> Vec<(i64, String)> {
            list.iter().map(|(id, tag)| (*id, (*tag).to_owned())).collect()
        };
        assert_eq!(tags(), expected(&[(1, "a"), (1, "b")]));
        // A private feed is looked for under its address, and so is any other beside it.
        let mut private = tagged(3, &["c"]);
        private.address = Some(Secret::new("https://example.org/?token=1".to_owned()));
        feeds = vec![tagged(1, &["b", "d"]), private, tagged(4, &["a"])];
        sync(&connection, &feeds, 10);
        feeds.push(tagged(5, &["e"]));
        sync(&connection, &feeds, 10);
        let all = [(1, "b"), (1, "d"), (3, "c"), (4, "a"), (5, "e")];
        assert_eq!(tags(), expected(&all));
    }

    #[tokio::test]
    async fn the_plans_of_hosts_with_several_feeds_are_read() {
        let feeds: Vec<_> = (0..9).map(feed).collect();
        let (_folder, connection) = stored(&feeds).await;
        connection
            .execute("UPDATE poll_state SET next_poll_at = feed_id, active = feed_id <> 9", [])
            .unwrap();
        let plans = feeds::plans_of_shared_hosts(&connection).unwrap();
        let plans =
            plans.into_iter().map(|(id, host, at)| (id.0, host.to_string(), at.timestamp()));
        let host = || "0.example".to_owned();
        assert_eq!(plans.collect::<Vec<_>>(), [(1, host(), 1), (8, host(), 8)]);
    }

    #[tokio::test]
    async fn feeds_that_are_unchanged_are_not_written() {
        let mut feeds: Vec<FeedSync> = (0..200).map(feed).collect();
        let (_folder, connection) = stored(&feeds).await;
        let before = connection.total_changes();
        let (steps, synced) = sync(&connection, &feeds, 1_000);
        assert_eq!((steps, synced.ids.len(), connection.total_changes()), (0, 200, before));
        feeds[17] = renamed(&feeds[17]);
        feeds.rotate_left(50);
        feeds.push(feed(1_000));
        let retired = feeds.remove(3);
        let (_, synced) = sync(&connection, &feeds, 1_000);
        assert_eq!((synced.added, synced.retired), (1, 1));
        // Two rows of each of the three feeds, one for each tag of the new one, and the fingerprint.
        let tags = feeds.last().map_or(0, |feed| feed.spec.tags.len());
        let written = connection.total_changes() - before;
        assert!(written <= 7 + u64::try_from(tags).unwrap(), "{written}");
        let url = |id: FeedId| -> String {
            let sql = "SELECT url FROM feed WHERE id = ?1 AND configured = 1";
            connection.query_row(sql, [id.0], |row| row.get(0)).unwrap()
        };
        let urls: Vec<String> = synced.ids.iter().map(|id| url(*id)).collect();
        assert!(urls.iter().map(String::as_str).eq(feeds.iter().map(|f| f.spec.url.as_str())));
        assert!(!urls.contains(&retired.spec.url.to_string()));
    }

    #[tokio::test]
    async fn a_long_list_is_written_in_steps_with_the_same_result() {
        let old: Vec<FeedSync> = (0..60).map(feed).collect();
        let new: Vec<FeedSync> =
            (40..95).map(|n| if n < 50 { renamed(&feed(n)) } else { feed(n) }).collect();
        let dump = |connection: &Connection| -> Vec<(String, Option<String>, bool, bool)> {
            let sql = "SELECT f.url, f.name, f.configured, p.active FROM feed f
                JOIN poll_state p ON p.feed_id = f.id ORDER BY f.id";
            let mut statement = connection.prepare(sql).unwrap();
            let row = |r: &Row<'_>| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?));
            statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let (_one, at_once) = stored(&old).await;
        let (steps, expected) = sync(&at_once, &new, 1_000);
        assert_eq!((steps, expected.added, expected.retired), (1, 35, 40));
        let (_two, in_steps) = stored(&old).await;
        let (steps, found) = sync(&in_steps, &new, 10);
        assert!(8 < steps, "{steps}");
        assert_eq!((found.ids, found.added, found.retired), (expected.ids, 35, 40));
        assert_eq!(dump(&in_steps), dump(&at_once));
    }

    #[tokio::test]
    async fn a_process_that_ends_between_two_steps_leaves_the_rest_to_the_next() {
        let old: Vec<FeedSync> = (0..30).map(feed).collect();
        let new: Vec<FeedSync> = (20..50).map(feed).collect();
        let (_folder, connection) = stored(&old).await;
        let mut comparison = compare(&connection, &new).unwrap();
        let (step, is_last) = comparison.next_step(5);
        assert!(!is_last);
        write(&connection, &new, &step, NOW).unwrap().unwrap();
        let (_, synced) = sync(&connection, &new, 1_000);
        assert_eq!((synced.ids.len(), synced.added, synced.retired), (30, 15, 20));
        let (steps, _) = sync(&connection, &old, 1_000);
        assert_eq!(steps, 1, "the list before is another one again");
    }

    #[tokio::test]
    async fn a_step_writes_nothing_after_another_process_has_stored_its_list() {
        let feeds: Vec<FeedSync> = (0..20).map(feed).collect();
        let (_folder, connection) = stored(&feeds).await;
        let mine: Vec<FeedSync> = (10..30).map(feed).collect();
        let mut comparison = compare(&connection, &mine).unwrap();
        let (first, _) = comparison.next_step(4);
        write(&connection, &mine, &first, NOW).unwrap().unwrap();
        sync(&connection, &feeds[..5], 1_000);
        let before = connection.total_changes();
        let (second, _) = comparison.next_step(4);
        assert!(write(&connection, &mine, &second, NOW).unwrap().is_none());
        assert_eq!(connection.total_changes(), before);
    }
}
