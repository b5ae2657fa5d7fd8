//! The table `meta`: single values that describe the store as a whole.

use crate::domain::location::Location;
use crate::search::words;
use crate::store::database::{self, Connection, OptionalExtension};
use crate::store::error::{Context, StoreError};

/// The random id of this store, which makes the public ids of articles unique across stores.
pub(in crate::store) fn store_id(connection: &Connection) -> Result<String, StoreError> {
    connection
        .query_row("SELECT value FROM meta WHERE key = 'store_id'", [], |row| row.get(0))
        .context("read the store's id")
}

/// The last sequence number that was given out. A writer reads it within its transaction, because another
/// process may have written since the last one.
pub(super) fn sequence(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .prepare_cached("SELECT CAST(value AS bigint) AS value FROM meta WHERE key = 'seq'")
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .context("read the sequence")
}

/// Stores the last sequence number that was given out, if any was given out since `before`.
pub(super) fn advance_sequence(tx: &Connection, before: i64, seq: i64) -> Result<(), StoreError> {
    if seq != before {
        tx.prepare_cached("UPDATE meta SET value = CAST(?1 AS bigint) WHERE key = 'seq'")
            .and_then(|mut s| s.execute([seq]))
            .context("advance the sequence")?;
    }
    Ok(())
}

/// The mark of a store into which another one is being copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct UnfinishedCopy {
    /// The id of the store that is copied.
    pub(in crate::store) store_id: String,
    /// A text for the state of that store when the copy was begun.
    pub(in crate::store) state: String,
}

/// The mark of an unfinished copy; `None` for all other stores.
pub(in crate::store) fn unfinished_copy(
    connection: &Connection,
) -> Result<Option<UnfinishedCopy>, StoreError> {
    let mark: Option<String> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'unfinished_copy'")
        .and_then(|mut s| s.query_row([], |row| row.get(0)).optional())
        .context("see whether the store is a finished copy")?;
    Ok(mark.map(|mark| {
        let (store_id, state) = mark.split_once(' ').unwrap_or((&mark, ""));
        UnfinishedCopy { store_id: store_id.to_owned(), state: state.to_owned() }
    }))
}

/// Marks the store as an unfinished copy.
pub(in crate::store) fn set_unfinished_copy(
    tx: &Connection,
    mark: &UnfinishedCopy,
) -> Result<(), StoreError> {
    let UnfinishedCopy { store_id, state } = mark;
    tx.execute("INSERT INTO meta (key, value) VALUES ('unfinished_copy', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [format!("{store_id} {state}")])
        .map(|_| ())
        .context("mark the copy as unfinished")
}

/// Refuses a store into which another one is being copied.
///
/// # Errors
/// [`StoreError::Unfinished`] for such a store.
pub(in crate::store) fn refuse_unfinished(
    connection: &Connection,
    store: impl FnOnce() -> Location,
) -> Result<(), StoreError> {
    match unfinished_copy(connection)? {
        Some(_) => Err(StoreError::Unfinished { store: store() }),
        None => Ok(()),
    }
}

/// The fingerprint of the feed list that was synchronised last; `None` before the first time.
pub(super) fn feeds_hash(connection: &Connection) -> Result<Option<i64>, StoreError> {
    connection
        .query_row(
            "SELECT CAST(value AS bigint) AS value FROM meta WHERE key = 'feeds_hash'",
            [],
            |row| row.get(0),
        )
        .optional()
        .context("read the hash of the feed list")
}

/// Stores the fingerprint of the feed list.
pub(super) fn set_feeds_hash(tx: &Connection, hash: i64) -> Result<(), StoreError> {
    tx.execute("INSERT INTO meta (key, value) VALUES ('feeds_hash', CAST(?1 AS bigint)) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [hash])
        .map(|_| ())
        .context("store the hash of the feed list")
}

/// Has the next synchronisation of the feed list compare everything.
pub(super) fn forget_feeds_hash(tx: &Connection) -> Result<(), StoreError> {
    tx.execute("DELETE FROM meta WHERE key = 'feeds_hash'", [])
        .map(|_| ())
        .context("forget the hash of the feed list")
}

/// The planned changes of addresses of feeds: the old and the new address of each.
pub(super) fn address_changes(tx: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let changes: Option<String> = tx
        .prepare_cached("SELECT value FROM meta WHERE key = 'address_changes'")
        .and_then(|mut s| s.query_row([], |row| row.get(0)).optional())
        .context("read the planned changes of addresses")?;
    Ok(changes.and_then(|changes| serde_json::from_str(&changes).ok()).unwrap_or_default())
}

/// Stores the planned changes of addresses.
pub(super) fn set_address_changes(
    tx: &Connection,
    changes: &[(String, String)],
) -> Result<(), StoreError> {
    let action = "plan a change of address";
    if changes.is_empty() {
        tx.execute("DELETE FROM meta WHERE key = 'address_changes'", []).context(action)?;
    } else {
        let changes = serde_json::json!(changes).to_string();
        tx.execute("INSERT INTO meta (key, value) VALUES ('address_changes', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [changes])
            .context(action)?;
    }
    Ok(())
}

/// Stores the sequence number of the last article that the full-text index has taken up.
pub(super) fn set_indexed_seq(tx: &Connection, seq: i64) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE meta SET value = CAST(?1 AS bigint) WHERE key = 'indexed_seq'")
        .and_then(|mut s| s.execute([seq]))
        .map(|_| ())
        .context("bring the text index up to date")
}

/// The sequence number up to which it is known which articles are duplicates.
pub(super) fn matched_seq(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .prepare_cached("SELECT CAST(value AS bigint) AS value FROM meta WHERE key = 'matched_seq'")
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .context("read how far duplicates are known")
}

/// Stores up to which sequence number duplicates are known.
pub(super) fn set_matched_seq(tx: &Connection, seq: i64) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE meta SET value = CAST(?1 AS bigint) WHERE key = 'matched_seq'")
        .and_then(|mut s| s.execute([seq]))
        .map(|_| ())
        .context("store how far duplicates are known")
}

/// How often a user has split a story.
pub(super) fn story_changes(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "SELECT CAST(value AS bigint) AS value FROM meta WHERE key = 'story_changes'",
        )
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .context("look for changes of stories")
}

/// Counts a split.
pub(super) fn count_story_change(tx: &Connection) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE meta SET value = CAST(value AS bigint) + 1 WHERE key = 'story_changes'",
    )
    .and_then(|mut s| s.execute([]))
    .map(|_| ())
    .context("count a change of stories")
}

/// The id up to which articles have no keys yet; `None` when all have them.
pub(super) fn unkeyed_id(tx: &Connection) -> Result<Option<i64>, StoreError> {
    tx.prepare_cached("SELECT CAST(value AS bigint) AS value FROM meta WHERE key = 'unkeyed_id' AND CAST(value AS text) <> '0'")
        .and_then(|mut s| s.query_row([], |row| row.get(0)).optional())
        .context("look for articles without keys")
}

/// Stores the id up to which articles have no keys yet.
pub(super) fn set_unkeyed_id(tx: &Connection, id: Option<i64>) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE meta SET value = CAST(?1 AS bigint) WHERE key = 'unkeyed_id'")
        .and_then(|mut s| s.execute([id.unwrap_or(0)]))
        .map(|_| ())
        .context("give articles their keys")
}

/// The sequence number up to which the full-text index holds all articles. It is 0 if they were indexed by other rules than
/// those of this program.
pub(super) fn indexed_seq(connection: &Connection) -> Result<i64, StoreError> {
    const INDEXED: &str = "
        SELECT CAST(i.value AS bigint) AS value FROM meta i, meta r
        WHERE i.key = 'indexed_seq' AND r.key = 'index_rules' AND CAST(r.value AS text) = CAST(CAST(?1 AS bigint) AS text)";
    connection
        .prepare_cached(INDEXED)
        .and_then(|mut s| s.query_row([words::RULES], |row| row.get(0)).optional())
        .map(Option::unwrap_or_default)
        .context("look at the text index")
}

/// Has everything indexed anew, and given its keys anew, if it was indexed by other rules than those of this program.
pub(in crate::store) fn index_by_rules(connection: &Connection) -> database::Result<()> {
    const KNOWN: &str = "SELECT CAST(value AS bigint) AS value FROM meta WHERE key = 'index_rules'";
    let known: Option<i64> = connection.query_row(KNOWN, [], |row| row.get(0)).optional()?;
    let rules = words::RULES;
    if known != Some(rules) {
        // Each article that is put into the index replaces its old row.
        write_rules(
            connection,
            &format!(
                "INSERT INTO meta (key, value) VALUES ('index_rules', {rules})
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value;
                 UPDATE meta SET value = 0 WHERE key = 'indexed_seq';
                 UPDATE meta SET value = (SELECT coalesce(max(id), 0) FROM article) WHERE key = 'unkeyed_id';"
            ),
        )?;
    }
    Ok(())
}

/// The hash of an entry that was read by other rules than those of this program, so that its next reading may differ
/// though its feed has changed nothing.
pub(super) const READ_BY_OTHER_RULES: i64 = 0;

/// Marks all entries with [`READ_BY_OTHER_RULES`] if they were read by other rules than these.
pub(in crate::store) fn read_by_rules(connection: &Connection, rules: u32) -> database::Result<()> {
    const KNOWN: &str =
        "SELECT CAST(value AS bigint) AS value FROM meta WHERE key = 'reading_rules'";
    let known: Option<u32> = connection.query_row(KNOWN, [], |row| row.get(0)).optional()?;
    if known != Some(rules) {
        write_rules(
            connection,
            &format!(
                "INSERT INTO meta (key, value) VALUES ('reading_rules', {rules})
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value;
                 UPDATE feed_entry SET hash = {READ_BY_OTHER_RULES};"
            ),
        )?;
    }
    Ok(())
}

/// Runs statements in one transaction.
fn write_rules(connection: &Connection, statements: &str) -> database::Result<()> {
    connection.begin_to_write()?;
    match connection.execute_batch(statements) {
        Ok(()) => connection.commit(),
        Err(error) => {
            connection.roll_back().ok(); // The first error tells more.
            Err(error)
        }
    }
}

/// A number that changes when another connection has changed the file. Changes of this connection leave it as it is.
pub(in crate::store) fn data_version(connection: &Connection) -> Result<i64, StoreError> {
    connection.changes().context("see whether another process has changed the store")
}

/// Writes a value that changes nothing, as proof that the disk takes writes.
pub(in crate::store) fn ping(tx: &Connection) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE meta SET value = value WHERE key = 'seq'")
        .and_then(|mut s| s.execute([]))
        .map(|_| ())
        .context("write to the store")
}
