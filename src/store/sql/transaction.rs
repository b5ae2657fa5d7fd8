//! Transactions of the writer thread, and savepoints for the jobs in them.

use crate::store::database::{Connection, Error, Kind};
use crate::store::error::{Context, StoreError};

/// Runs `work` in a transaction and commits it, or undoes it if `work` returns false. The error is a text, because many
/// callers get it.
pub(in crate::store) fn in_transaction(
    connection: &Connection,
    work: impl FnOnce(Result<&Connection, String>) -> bool,
) -> Result<(), String> {
    let committed = match connection.begin_to_write() {
        Ok(()) => {
            if work(Ok(connection)) {
                // A commit that has failed leaves the transaction open after most errors.
                connection.commit().inspect_err(|_| drop(connection.roll_back()))
            } else {
                connection.roll_back().ok(); // After some errors SQLite has done it.
                Ok(())
            }
        }
        Err(error) => {
            work(Err(error_text(&error)));
            Err(error)
        }
    };
    committed.map_err(|error| {
        if error.kind() == Kind::DiskFull {
            make_room(connection);
        }
        error_text(&error)
    })
}

/// Checkpoints the log early, so that its space can be used again: on a full disk, writes that need no new pages
/// still succeed. It does not wait for readers.
fn make_room(connection: &Connection) {
    connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").ok(); // On a full disk this may fail.
}

/// The text of an error for the callers of a group.
fn error_text(error: &Error) -> String {
    format!("{error}{}", error.hint())
}

/// Runs one job of a group in a savepoint, so that its failure undoes only its own changes.
pub(in crate::store) fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let run = |sql: &str| {
        connection.prepare_cached(sql).and_then(|mut s| s.execute([])).context("use a savepoint")
    };
    run("SAVEPOINT job")?;
    let result = work(connection);
    if result.is_err() {
        run("ROLLBACK TO job")?;
    }
    run("RELEASE job")?;
    result
}
