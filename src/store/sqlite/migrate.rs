//! The schema's versions, kept by `rusqlite_migration` in SQLite's `user_version`. Forwards only.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use rusqlite_migration::{Error, M, MigrationDefinitionError, Migrations};

use crate::store::error::{Doing, StoreError};

/// Append only: a file that was released is never edited.
const STEPS: &[M<'_>] = &[
    M::up(include_str!("../../../migrations/sqlite/0001_initial.sql")),
    M::up(include_str!("../../../migrations/sqlite/0002_politeness.sql")),
    M::up(include_str!("../../../migrations/sqlite/0003_reading.sql")),
    M::up(include_str!("../../../migrations/sqlite/0004_consumers.sql")),
];

pub(super) fn to_latest(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let migrations = Migrations::from_slice(STEPS);
    loop {
        let before = version(connection)?;
        match migrations.to_latest(connection) {
            Ok(()) => return Ok(()),
            Err(Error::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead)) => {
                return Err(newer(path, version(connection)?));
            }
            // The version is read before the write lock is taken: another process that started at
            // the same moment may have taken the step in between. Then there is one less to take.
            Err(_) if before < version_when_quiet(connection)? => {}
            Err(source) => return Err(StoreError::Migrate { path: path.to_owned(), source }),
        }
    }
}

/// The version once nobody else is writing.
fn version_when_quiet(connection: &mut Connection) -> Result<usize, StoreError> {
    let doing = "read the schema version";
    let quiet =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).doing(doing)?;
    let found = version(&quiet)?;
    quiet.commit().doing(doing)?;
    Ok(found)
}

/// For readers, who do not migrate: whether the file is of this version; a newer one is refused.
pub(super) fn is_latest(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let found = version(connection)?;
    if STEPS.len() < found { Err(newer(path, found)) } else { Ok(found == STEPS.len()) }
}

fn version(connection: &Connection) -> Result<usize, StoreError> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing("read the schema version")?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn newer(path: &Path, found: usize) -> StoreError {
    StoreError::Newer { path: path.to_owned(), found, known: STEPS.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_valid_sql() {
        Migrations::from_slice(STEPS).validate().unwrap();
    }

    #[test]
    fn a_newer_file_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = to_latest(&mut connection, Path::new("x.db")).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }
}
