//! The versions of the schema in PostgreSQL: numbered steps of SQL, which are not those of SQLite. The table `schema_version`
//! says how many a store has taken. Steps only go forwards, and a step that was released is never edited.

use std::fmt::Write as _;

use crate::domain::location::{Location, ServerUrl};
use crate::store::database::{self, Connection};
use crate::store::error::{Context, StoreError};

/// All steps in their order.
const STEPS: &[&str] = &[include_str!("../../../migrations/postgres/0001_initial.sql")];

/// Takes all steps that the store has not taken yet, in one transaction: all of them or none. Of several processes that start
/// together one takes them, and the others wait.
///
/// # Errors
/// When the store is of a newer version, or cannot be written.
pub(super) fn to_latest(connection: &Connection, url: &ServerUrl) -> Result<(), StoreError> {
    if is_latest(connection, url)? {
        return Ok(());
    }
    let failed = |source| StoreError::Migrate { store: Location::Server(url.clone()), source };
    connection.in_transaction(failed, || take_steps(connection, url))
}

fn take_steps(connection: &Connection, url: &ServerUrl) -> Result<(), StoreError> {
    if is_latest(connection, url)? {
        return Ok(());
    }
    let taken = version(connection).context("read the schema version")?;
    let mut steps = String::new();
    if taken.is_none() {
        steps.push_str("CREATE SCHEMA IF NOT EXISTS gazetted;");
        steps.push_str("CREATE TABLE gazetted.schema_version (version bigint NOT NULL);");
        steps.push_str("INSERT INTO gazetted.schema_version VALUES (0);");
    }
    STEPS.iter().skip(taken.unwrap_or_default()).for_each(|step| steps.push_str(step));
    write!(steps, "UPDATE gazetted.schema_version SET version = {};", STEPS.len()).ok();
    let failed = |source| StoreError::Migrate { store: Location::Server(url.clone()), source };
    connection.execute_batch(&steps).map_err(failed)
}

/// Whether the store is of this program's version.
///
/// # Errors
/// [`StoreError::Newer`] when the store is of a newer version.
pub(super) fn is_latest(connection: &Connection, url: &ServerUrl) -> Result<bool, StoreError> {
    let found = version(connection).context("read the schema version")?.unwrap_or_default();
    if STEPS.len() < found {
        let store = Location::Server(url.clone());
        return Err(StoreError::Newer { store, found, known: STEPS.len() });
    }
    Ok(found == STEPS.len())
}

/// How many steps the store has taken; `None` if there is no store.
pub(in crate::store) fn version(connection: &Connection) -> database::Result<Option<usize>> {
    const IS_THERE: &str = "SELECT to_regclass('gazetted.schema_version') IS NOT NULL";
    const VERSION: &str = "SELECT version FROM gazetted.schema_version";
    if !connection.query_row(IS_THERE, [], |row| row.get::<_, bool>(0))? {
        return Ok(None);
    }
    let version: i64 = connection.query_row(VERSION, [], |row| row.get(0))?;
    Ok(Some(usize::try_from(version).unwrap_or(usize::MAX)))
}
