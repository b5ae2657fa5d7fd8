//! The schema's versions, kept by `rusqlite_migration` in SQLite's `user_version`. Forwards only; before a
//! step that rewrites what is stored, the file is copied.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rusqlite_migration::{Error, M, MigrationDefinitionError, Migrations};

use crate::store::error::{Doing, StoreError};
use crate::store::sqlite::maintenance;

/// Append only: a file that was released is never edited.
const STEPS: &[M<'_>] = &[
    M::up(include_str!("../../../migrations/sqlite/0001_initial.sql")),
    M::up(include_str!("../../../migrations/sqlite/0002_politeness.sql")),
    M::up(include_str!("../../../migrations/sqlite/0003_reading.sql")),
    M::up(include_str!("../../../migrations/sqlite/0004_consumers.sql")),
    M::up(include_str!("../../../migrations/sqlite/0005_edited.sql")),
    M::up(include_str!("../../../migrations/sqlite/0006_offers.sql")),
];

/// The versions whose steps rewrite or throw away rows, rather than only adding room for more.
const REWRITING: &[usize] = &[3];

/// Hears of the copy that was made: the store itself writes no log.
static HEARS: OnceLock<fn(&Path)> = OnceLock::new();

pub(in crate::store) fn tell_copies(hears: fn(&Path)) {
    HEARS.set(hears).ok(); // Whoever came first still hears.
}

pub(super) fn to_latest(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let migrations = Migrations::from_slice(STEPS);
    loop {
        keep_old(connection, path)?;
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

/// Copies the file to one beside it, named after the version, when the steps to come rewrite what is in it.
fn keep_old(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let is_rewritten = |found: usize| found != 0 && REWRITING.iter().any(|step| found < *step);
    if !is_rewritten(version(connection)?) {
        return Ok(());
    }
    // Nobody else writes meanwhile, so that the copy is of the version it is named after.
    let doing = "lock the store";
    let quiet =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).doing(doing)?;
    let found = version(&quiet)?;
    if is_rewritten(found) {
        let copy = beside(path, &format!(".schema-{found}"));
        copied_to(path, &copy).map_err(|source| StoreError::KeepOld {
            path: path.to_owned(),
            copy: copy.clone(),
            source,
        })?;
        if let Some(hears) = HEARS.get() {
            hears(&copy);
        }
    }
    quiet.commit().doing(doing)
}

/// Whole or not there; in the place of one that an earlier, unfinished try has left.
fn copied_to(path: &Path, copy: &Path) -> io::Result<()> {
    let part = beside(copy, ".part");
    let copied = remove_if_there(&part).and_then(|()| {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = Connection::open_with_flags(path, flags).map_err(io::Error::other)?;
        maintenance::copy(&source, &part).map_err(io::Error::other)?;
        File::open(&part)?.sync_all()?;
        fs::rename(&part, copy)
    });
    if copied.is_err() {
        fs::remove_file(&part).ok(); // What there is of it is of no use.
    }
    copied
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
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

    /// Whoever adds a step that needs a copy is reminded here.
    #[test]
    fn steps_that_rewrite_rows_are_marked() {
        for (n, name) in steps().into_iter().enumerate() {
            let sql = fs::read_to_string(name).unwrap().to_ascii_uppercase();
            let words =
                ["UPDATE ", "DELETE FROM ", "DROP TABLE ", "DROP COLUMN ", "INSERT OR REPLACE "];
            let rewrites = n != 0 && words.iter().any(|word| sql.contains(word));
            assert_eq!(REWRITING.contains(&(n + 1)), rewrites, "{}", n + 1);
        }
    }

    fn steps() -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), STEPS.len());
        files
    }

    #[test]
    fn a_newer_file_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = to_latest(&mut connection, Path::new("x.db")).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }
}
