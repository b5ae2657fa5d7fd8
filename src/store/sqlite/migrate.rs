//! The versions of the schema: numbered steps of SQL. SQLite's `user_version` says how many a file has taken.
//!
//! Steps only go forwards. A step that was released is never edited. Before a step that rewrites rows, the
//! file is copied to one beside it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::OpenFlags;

use crate::domain::location::Location;
use crate::store::database::Connection;
use crate::store::error::{Context, StoreError};
use crate::store::sqlite::file;

/// All steps in their order. The version of a file is the number of steps that it has taken.
const STEPS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../../migrations/sqlite/0002_politeness.sql"),
    include_str!("../../../migrations/sqlite/0003_reading.sql"),
    include_str!("../../../migrations/sqlite/0004_consumers.sql"),
    include_str!("../../../migrations/sqlite/0005_edited.sql"),
    include_str!("../../../migrations/sqlite/0006_offers.sql"),
    include_str!("../../../migrations/sqlite/0007_table_names.sql"),
    include_str!("../../../migrations/sqlite/0008_given_dates.sql"),
    include_str!("../../../migrations/sqlite/0009_private_feeds_and_health.sql"),
    include_str!("../../../migrations/sqlite/0010_podcasts.sql"),
    include_str!("../../../migrations/sqlite/0011_dates_of_a_feed.sql"),
    include_str!("../../../migrations/sqlite/0012_new_feed_url.sql"),
    include_str!("../../../migrations/sqlite/0013_article_keys.sql"),
    include_str!("../../../migrations/sqlite/0014_edits.sql"),
    include_str!("../../../migrations/sqlite/0015_duplicates.sql"),
    include_str!("../../../migrations/sqlite/0016_stories.sql"),
    include_str!("../../../migrations/sqlite/0017_article_pages.sql"),
    include_str!("../../../migrations/sqlite/0018_site_icons.sql"),
    include_str!("../../../migrations/sqlite/0019_sightings.sql"),
    include_str!("../../../migrations/sqlite/0020_claimable.sql"),
    include_str!("../../../migrations/sqlite/0021_feed_totals.sql"),
    include_str!("../../../migrations/sqlite/0022_tags_of_new_feeds.sql"),
];

/// The numbers of the steps that change or delete rows. All others only add tables, columns and indexes.
const REWRITING: &[usize] = &[3];

/// Is told the path of each copy, because the store itself writes no log.
static ON_COPY: OnceLock<fn(&Path)> = OnceLock::new();

/// Sets the function that is called with the path of each copy. Only the first call has an effect.
pub(in crate::store) fn on_copy(report: fn(&Path)) {
    ON_COPY.set(report).ok();
}

/// Takes all steps that the file has not taken yet, in one transaction: all of them or none.
///
/// # Errors
/// When the file is of a newer version, cannot be copied, or cannot be written.
pub(in crate::store) fn to_latest(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if is_latest(connection, path)? {
        return Ok(());
    }
    let failed = |source| StoreError::Migrate { store: Location::file(path), source };
    connection.in_transaction(failed, || take_steps(connection, path))
}

fn take_steps(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Migrate { store: Location::file(path), source };
    // Another process that started at the same moment may have taken steps before the lock was ours.
    if is_latest(connection, path)? {
        return Ok(());
    }
    let taken = version(connection)?;
    if taken != 0 && REWRITING.iter().any(|step| taken < *step) {
        keep_copy(path, taken)?;
    }
    for step in STEPS.iter().skip(taken) {
        connection.execute_batch(step).map_err(failed)?;
    }
    connection.execute_batch(&format!("PRAGMA user_version = {}", STEPS.len())).map_err(failed)
}

/// Copies the file to one beside it that is named after its version. The caller holds the write lock, so
/// that the file stays of this version meanwhile.
fn keep_copy(path: &Path, version: usize) -> Result<(), StoreError> {
    let copy = beside(path, &format!(".schema-{version}"));
    copied_to(path, &copy).map_err(|source| StoreError::KeepOld {
        path: path.to_owned(),
        copy: copy.clone(),
        source,
    })?;
    if let Some(report) = ON_COPY.get() {
        report(&copy);
    }
    Ok(())
}

/// Writes the copy under another name first, so that no incomplete file ever has the name of the copy. The
/// incomplete file of an earlier attempt is replaced.
fn copied_to(path: &Path, copy: &Path) -> io::Result<()> {
    let part = beside(copy, ".part");
    let copied = remove_if_there(&part).and_then(|()| {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source =
            rusqlite::Connection::open_with_flags(path, flags).map_err(io::Error::other)?;
        file::copy(&Connection::Sqlite(source), &part).map_err(io::Error::other)?;
        File::open(&part)?.sync_all()?;
        fs::rename(&part, copy)
    });
    if copied.is_err() {
        fs::remove_file(&part).ok(); // An incomplete copy is of no use.
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

/// Whether the file is of this program's version.
///
/// # Errors
/// [`StoreError::Newer`] when the file is of a newer version.
pub(super) fn is_latest(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let found = version(connection)?;
    if STEPS.len() < found { Err(newer(path, found)) } else { Ok(found == STEPS.len()) }
}

fn version(connection: &Connection) -> Result<usize, StoreError> {
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .context("read the schema version")?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn newer(path: &Path, found: usize) -> StoreError {
    StoreError::Newer { store: Location::file(path), found, known: STEPS.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_are_valid_sql_and_are_taken_once() {
        let connection = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            to_latest(&connection, Path::new("x.db")).unwrap();
            assert_eq!(version(&connection).unwrap(), STEPS.len());
        }
    }

    #[test]
    fn every_file_in_the_folder_is_a_step() {
        let texts: Vec<String> =
            files().into_iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert_eq!(texts, STEPS);
    }

    /// Fails when a step is added that needs a copy but is not in the list.
    #[test]
    fn steps_that_rewrite_rows_are_marked() {
        for (n, sql) in (1..).zip(STEPS) {
            // What a trigger will do is no part of the step.
            let triggers = sql.split("CREATE TRIGGER");
            let rest =
                triggers.map(|part| part.split_once("\nEND;").map_or(part, |(_, after)| after));
            let sql = rest.collect::<String>().to_ascii_uppercase();
            let words =
                ["UPDATE ", "DELETE FROM ", "DROP TABLE ", "DROP COLUMN ", "INSERT OR REPLACE "];
            let rewrites = n != 1 && words.iter().any(|word| sql.contains(word));
            assert_eq!(REWRITING.contains(&n), rewrites, "{n}");
        }
    }

    fn files() -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn a_newer_file_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
        let error = to_latest(&connection, Path::new("x.db")).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(&format!("{}; PRAGMA user_version = 1;", STEPS[0])).unwrap();
        // In the way of step 4.
        connection.execute_batch("CREATE TABLE consumer (name TEXT)").unwrap();
        let error = to_latest(&connection, &path).unwrap_err();
        assert!(matches!(error, StoreError::Migrate { .. }), "{error}");
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(connection.prepare("SELECT * FROM article_revision").is_err());
    }
}
