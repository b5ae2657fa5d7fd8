//! Feeds whose address changes in the configuration, and that stay the same feeds (`gazetted feeds move`).
//!
//! The configuration file and the store cannot be changed in one step. The change is therefore
//! planned in the store first. The next synchronisation with a configuration that has the new address and not the old one
//! carries it out. A process that is killed between the steps leaves a plan that the next one carries out, or that has no
//! effect.

use crate::domain::feed::FeedId;
use crate::domain::time::Timestamp;
use crate::store::database::{Connection, OptionalExtension, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::columns::count;
use crate::store::sql::feeds::{self, FeedSync};
use crate::store::sql::meta;

/// Whether a feed can get another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedChange {
    /// The next synchronisation carries it out.
    Planned,
    /// No feed is stored under the old address, so that there is nothing to move.
    NotStored,
    /// The feed that is stored under the new address has, or had, so many articles of its own.
    HasArticles(u64),
    /// The feed that is stored under the new address is being polled.
    IsPolled,
}

/// Plans the change of the address of a feed from `old` to `new`, if it is possible. A plan replaces those of the same addresses.
pub(in crate::store) fn plan(
    tx: &Connection,
    (old, new): (&str, &str),
    now: Timestamp,
) -> Result<PlannedChange, StoreError> {
    if feed_at(tx, old)?.is_none() {
        return Ok(PlannedChange::NotStored);
    }
    if let Some(other) = feed_at(tx, new)? {
        match articles(tx, other)? {
            0 if is_leased(tx, other, now)? => return Ok(PlannedChange::IsPolled),
            0 => {}
            articles => return Ok(PlannedChange::HasArticles(articles)),
        }
    }
    let mut changes = meta::address_changes(tx)?;
    changes.retain(|(from, to)| from != old && to != new);
    changes.push((old.to_owned(), new.to_owned()));
    meta::set_address_changes(tx, &changes)?;
    Ok(PlannedChange::Planned)
}

/// Removes the plan of a change.
pub(in crate::store) fn cancel(
    tx: &Connection,
    (old, new): (&str, &str),
) -> Result<(), StoreError> {
    let mut changes = meta::address_changes(tx)?;
    changes.retain(|(from, to)| (from.as_str(), to.as_str()) != (old, new));
    meta::set_address_changes(tx, &changes)
}

/// Carries out the planned changes whose new address is configured, and whose old address is not.
pub(in crate::store) fn carry_out(
    tx: &Connection,
    configured: &[FeedSync],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut changes = meta::address_changes(tx)?;
    if changes.is_empty() {
        return Ok(());
    }
    let is_configured = |url: &str| configured.iter().any(|feed| feed.spec.url.as_str() == url);
    let (due, later) =
        changes.drain(..).partition(|(old, new)| is_configured(new) && !is_configured(old));
    let due: Vec<(String, String)> = due;
    for (old, new) in &due {
        carry_out_one(tx, (old, new), now)?;
    }
    if !due.is_empty() {
        meta::forget_feeds_hash(tx)?;
    }
    meta::set_address_changes(tx, &later)
}

fn carry_out_one(
    tx: &Connection,
    (old, new): (&str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    const CHANGE: &str = "UPDATE feed SET url = ?2, address_hash = NULL WHERE id = ?1";
    let Some(feed) = feed_at(tx, old)? else { return Ok(()) };
    if let Some(other) = feed_at(tx, new)? {
        if articles(tx, other)? != 0 {
            return Ok(()); // It was polled after the change was planned.
        }
        delete(tx, other)?;
    }
    tx.execute(CHANGE, params![feed.0, new]).context("change the address of a feed")?;
    feeds::reset(tx, &[feed], false, now)?;
    feeds::forget_readings(tx, feed)
}

/// Has the document of a feed read anew if the feed has another address than the one under which it was polled, and
/// returns whether it has.
pub(super) fn forget_if_changed(
    tx: &Connection,
    feed: FeedId,
    polled: &str,
) -> Result<bool, StoreError> {
    let url: Option<String> = tx
        .prepare_cached("SELECT url FROM feed WHERE id = ?1")
        .and_then(|mut s| s.query_row([feed.0], |row| row.get("url")).optional())
        .context("look up the address of a feed")?;
    let has_changed = url.is_some_and(|url| url != polled);
    if has_changed {
        feeds::forget_readings(tx, feed)?;
    }
    Ok(has_changed)
}

fn feed_at(tx: &Connection, url: &str) -> Result<Option<FeedId>, StoreError> {
    tx.prepare_cached("SELECT id FROM feed WHERE url = ?1")
        .and_then(|mut s| s.query_row([url], |row| row.get("id").map(FeedId)).optional())
        .context("look for a feed")
}

/// The number of articles that a feed has or had.
fn articles(tx: &Connection, feed: FeedId) -> Result<u64, StoreError> {
    const ARTICLES: &str = "
        SELECT coalesce((SELECT articles FROM feed_totals WHERE feed_id = ?1), 0)
            + (SELECT count(*) FROM removed WHERE feed_id = ?1)
            + (SELECT count(*) FROM tombstone WHERE feed_id = ?1) AS articles";
    tx.prepare_cached(ARTICLES)
        .and_then(|mut s| s.query_row([feed.0], |row| count(row, "articles")))
        .context("count the articles of a feed")
}

fn is_leased(tx: &Connection, feed: FeedId, now: Timestamp) -> Result<bool, StoreError> {
    tx.prepare_cached("SELECT ?2 < leased_until AS is_leased FROM poll_state WHERE feed_id = ?1")
        .and_then(|mut s| {
            s.query_row([feed.0, now.timestamp()], |row| row.get("is_leased")).optional()
        })
        .map(Option::unwrap_or_default)
        .context("look whether a feed is polled")
}

/// Deletes a feed that never had an article.
fn delete(tx: &Connection, feed: FeedId) -> Result<(), StoreError> {
    const TABLES: [&str; 8] = [
        "poll_state",
        "last_document",
        "feed_entry",
        "article_key",
        "poll",
        "poll_day",
        "feed_health",
        "feed_health_event",
    ];
    let action = "delete an empty feed";
    for table in TABLES {
        tx.execute(&format!("DELETE FROM {table} WHERE feed_id = ?1"), [feed.0]).context(action)?;
    }
    tx.execute("DELETE FROM feed WHERE id = ?1", [feed.0]).map(|_| ()).context(action)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::feed::{FeedSpec, FeedUrl};
    use crate::store::Store;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    async fn sync(store: &Store, urls: &[&str]) -> Vec<FeedId> {
        let feed = |url: &&str| FeedSync {
            spec: Arc::new(FeedSpec {
                url: FeedUrl::parse(url).unwrap(),
                name: None,
                tags: Vec::new().into(),
                enabled: true,
            }),
            policy: "every 60s".into(),
            address: None,
        };
        store.sync_feeds(urls.iter().map(feed).collect(), NOW).await.unwrap().ids
    }

    #[tokio::test]
    async fn the_next_synchronisation_with_the_changed_configuration_carries_the_plan_out() {
        const OLD: &str = "https://a.example/old";
        const NEW: &str = "https://a.example/new";
        const OTHER: &str = "https://a.example/other";
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("x.db")).unwrap();
        let plan = |from: &str, to: &str| store.plan_address_change((from.into(), to.into()), NOW);
        let id = sync(&store, &[OLD]).await[0];
        assert_eq!(plan(OTHER, NEW).await.unwrap(), PlannedChange::NotStored);
        assert_eq!(plan(OLD, NEW).await.unwrap(), PlannedChange::Planned);
        // The process is killed before it has written the file: nothing has changed.
        assert_eq!(sync(&store, &[OLD]).await, [id]);
        // The file was written, and the process was killed.
        assert_eq!(sync(&store, &[NEW, OTHER]).await[0], id);
        // The plan is carried out once.
        assert_ne!(sync(&store, &[OLD, OTHER]).await[0], id);
        assert_eq!(sync(&store, &[OTHER, NEW]).await[1], id);
        // A plan that is cancelled has no effect.
        assert_eq!(plan(OTHER, "https://b.example/").await.unwrap(), PlannedChange::Planned);
        store.cancel_address_change((OTHER.into(), "https://b.example/".into())).await.unwrap();
        assert_ne!(sync(&store, &["https://b.example/"]).await, sync(&store, &[OTHER]).await);
    }
}
