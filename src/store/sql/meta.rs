//! The table `meta`: single values that describe the store as a whole.

use std::convert::identity;

use crate::domain::location::Location;
use crate::search::words;
use crate::store::database::{self, Connection, FromSql, OptionalExtension, ToSql, params};
use crate::store::error::{Context, StoreError};

/// The number of a key.
///
/// # Errors
/// When there is none; see [`OptionalExtension`].
fn number<T: FromSql>(connection: &Connection, key: &str) -> database::Result<T> {
    connection
        .prepare_cached("SELECT CAST(value AS bigint) FROM meta WHERE key = ?1")
        .and_then(|mut s| s.query_row([key], |row| row.get(0)))
}

/// The text of a key.
///
/// # Errors
/// When there is none; see [`OptionalExtension`].
fn text(connection: &Connection, key: &str) -> database::Result<String> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut s| s.query_row([key], |row| row.get(0)))
}

/// Changes the value of a key that has one.
fn change(tx: &Connection, key: &str, value: impl ToSql) -> database::Result<()> {
    tx.prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")
        .and_then(|mut s| s.execute(params![key, value]))
        .map(|_| ())
}

/// Stores the value of a key, which may have none.
fn put(tx: &Connection, key: &str, value: impl ToSql) -> database::Result<()> {
    const PUT: &str = "
        INSERT INTO meta (key, value) VALUES (?1, ?2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.execute(PUT, params![key, value]).map(|_| ())
}

fn remove(tx: &Connection, key: &str) -> database::Result<()> {
    tx.execute("DELETE FROM meta WHERE key = ?1", [key]).map(|_| ())
}

/// The random id of this store, which makes the public ids of articles unique across stores.
pub(in crate::store) fn store_id(connection: &Connection) -> Result<String, StoreError> {
    text(connection, "store_id").context("read the store's id")
}

/// The last sequence number that was given out. A writer reads it within its transaction, because another
/// process may have written since the last one.
pub(super) fn sequence(connection: &Connection) -> Result<i64, StoreError> {
    number(connection, "seq").context("read the sequence")
}

/// Stores the last sequence number that was given out, if any was given out since `before`.
pub(super) fn advance_sequence(tx: &Connection, before: i64, seq: i64) -> Result<(), StoreError> {
    if seq == before { Ok(()) } else { change(tx, "seq", seq).context("advance the sequence") }
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
    let mark = text(connection, "unfinished_copy")
        .optional()
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
    put(tx, "unfinished_copy", format!("{store_id} {state}")).context("mark the copy as unfinished")
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
    number(connection, "feeds_hash").optional().context("read the hash of the feed list")
}

/// Stores the fingerprint of the feed list.
pub(super) fn set_feeds_hash(tx: &Connection, hash: i64) -> Result<(), StoreError> {
    put(tx, "feeds_hash", hash).context("store the hash of the feed list")
}

/// Has the next synchronisation of the feed list compare everything.
pub(super) fn forget_feeds_hash(tx: &Connection) -> Result<(), StoreError> {
    remove(tx, "feeds_hash").context("forget the hash of the feed list")
}

/// The planned changes of addresses of feeds: the old and the new address of each.
pub(super) fn address_changes(tx: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let changes =
        text(tx, "address_changes").optional().context("read the planned changes of addresses")?;
    Ok(changes.and_then(|changes| serde_json::from_str(&changes).ok()).unwrap_or_default())
}

/// Stores the planned changes of addresses.
pub(super) fn set_address_changes(
    tx: &Connection,
    changes: &[(String, String)],
) -> Result<(), StoreError> {
    let done = if changes.is_empty() {
        remove(tx, "address_changes")
    } else {
        put(tx, "address_changes", serde_json::json!(changes).to_string())
    };
    done.context("plan a change of address")
}

/// Stores the sequence number of the last article that the full-text index has taken up.
pub(super) fn set_indexed_seq(tx: &Connection, seq: i64) -> Result<(), StoreError> {
    change(tx, "indexed_seq", seq).context("bring the text index up to date")
}

/// The sequence number up to which it is known which articles are duplicates.
pub(super) fn matched_seq(connection: &Connection) -> Result<i64, StoreError> {
    number(connection, "matched_seq").context("read how far duplicates are known")
}

/// Stores up to which sequence number duplicates are known.
pub(super) fn set_matched_seq(tx: &Connection, seq: i64) -> Result<(), StoreError> {
    change(tx, "matched_seq", seq).context("store how far duplicates are known")
}

/// How often a user has split a story.
pub(super) fn story_changes(connection: &Connection) -> Result<i64, StoreError> {
    number(connection, "story_changes").context("look for changes of stories")
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
    let id = number(tx, "unkeyed_id").optional().context("look for articles without keys")?;
    Ok(id.filter(|id| *id != 0))
}

/// Stores the id up to which articles have no keys yet.
pub(super) fn set_unkeyed_id(tx: &Connection, id: Option<i64>) -> Result<(), StoreError> {
    change(tx, "unkeyed_id", id.unwrap_or(0)).context("give articles their keys")
}

/// The sequence number up to which the full-text index holds all articles. It is 0 if they were indexed by other rules than
/// those of this program.
pub(super) fn indexed_seq(connection: &Connection) -> Result<i64, StoreError> {
    let action = "look at the text index";
    let rules: Option<i64> = number(connection, "index_rules").optional().context(action)?;
    let indexed = number(connection, "indexed_seq").optional().context(action)?;
    Ok(indexed.filter(|_| rules == Some(words::RULES)).unwrap_or_default())
}

/// Has everything indexed anew, and given its keys anew, if it was indexed by other rules than those of this program.
pub(in crate::store) fn index_by_rules(connection: &Connection) -> database::Result<()> {
    const UNKEYED: &str = "
        UPDATE meta SET value = (SELECT coalesce(max(id), 0) FROM article) WHERE key = 'unkeyed_id'";
    if number(connection, "index_rules").optional()? == Some(words::RULES) {
        return Ok(());
    }
    connection.in_transaction(identity, || {
        put(connection, "index_rules", words::RULES)?;
        // Each article that is put into the index replaces its old row.
        change(connection, "indexed_seq", 0)?;
        connection.execute_batch(UNKEYED)
    })
}

/// The hash of an entry that was read by other rules than those of this program, so that its next reading may differ
/// though its feed has changed nothing.
pub(super) const READ_BY_OTHER_RULES: i64 = 0;

/// Marks all entries with [`READ_BY_OTHER_RULES`] if they were read by other rules than these.
pub(in crate::store) fn read_by_rules(connection: &Connection, rules: u32) -> database::Result<()> {
    if number(connection, "reading_rules").optional()? == Some(rules) {
        return Ok(());
    }
    connection.in_transaction(identity, || {
        put(connection, "reading_rules", rules)?;
        connection.execute("UPDATE feed_entry SET hash = ?1", [READ_BY_OTHER_RULES]).map(|_| ())
    })
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
