//! Transactions of the writer thread, and savepoints for the jobs in them.

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::store::error::{Context, StoreError, damage};

/// Runs `work` in one immediate transaction and commits. The error is a text, as it goes to many.
pub(in crate::store) fn in_transaction(
    connection: &mut Connection,
    work: impl FnOnce(Result<&Connection, String>),
) -> Result<(), String> {
    let committed = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => {
            work(Ok(&transaction));
            transaction.commit()
        }
        Err(error) => {
            work(Err(told(&error)));
            Err(error)
        }
    };
    committed.map_err(|error| {
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            make_room(connection);
        }
        told(&error)
    })
}

/// Folds the log in before its time: what it takes up can be written anew, so that a full disk is not the
/// end of writing that needs no more pages than there are. Waits for nobody.
fn make_room(connection: &Connection) {
    connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").ok(); // On a full disk it may well fail.
}

/// As the many callers of a group hear of it.
fn told(error: &rusqlite::Error) -> String {
    format!("{error}{}", damage(error))
}

/// Runs one job of a group so that its failure undoes nothing but itself.
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
