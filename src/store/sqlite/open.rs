//! Opens a store for writing or for reading, and closes it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;

use crate::domain::location::Location;
use crate::feed::item_diff::RULES_VERSION;
use crate::search::words;
use crate::store::database::{self, Connection};
use crate::store::error::{Context, StoreError};
use crate::store::sql::meta;
use crate::store::sqlite::file::create_private;
use crate::store::sqlite::migrate;

/// "gztd": tells our file from another program's (SQLite's `application_id`).
const APPLICATION_ID: i32 = 0x677A_7464;

/// The page cache of a connection that writes, in KiB. Four times as much gained nothing.
pub(in crate::store) const CACHE: u32 = 16 << 10;

/// How long a write waits for another process that writes, such as `poll` beside the daemon.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a store for reading and writing. It is created or migrated if necessary.
pub(in crate::store) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_to_copy(path)?;
    let open = |source| not_open(path, source);
    meta::refuse_unfinished(&connection, || Location::file(path))?;
    meta::index_by_rules(&connection).map_err(open)?;
    meta::read_by_rules(&connection, RULES_VERSION).map_err(open)?;
    Ok(connection)
}

/// As [`open_for_writing`], for a store that may be an unfinished copy. Its contents stay as they are.
pub(in crate::store) fn open_to_copy(path: &Path) -> Result<Connection, StoreError> {
    create_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags).map_err(|source| not_open(path, source.into()))?;
    connection.set_prepared_statement_cache_capacity(64);
    let connection = Connection::Sqlite(connection);
    // A change of the journal mode does not wait for other processes that open a new file at the same time.
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match set_up(&connection, path) {
            Err(error) if error.is_busy() && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other.map(|()| connection),
        }
    }
}

/// Sets the size of the page cache, in KiB.
pub(in crate::store) fn set_cache(connection: &Connection, kib: u32) -> Result<(), StoreError> {
    connection
        .execute_batch(&format!("PRAGMA cache_size = -{kib}"))
        .context("set the cache of the store")
}

fn not_open(path: &Path, source: database::Error) -> StoreError {
    StoreError::Open { store: Location::file(path), source }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    keep_plans(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let open = |source| not_open(path, source);
    refuse_foreign(connection, path)?;
    // 8 KiB pages: fewer overflow chains for article bodies than 4 KiB, at the same size. It has an
    // effect before the first table only. FULL: what a poll reported survives a power cut too, and in
    // groups it costs no CPU.
    connection
        .execute_batch(
            "PRAGMA page_size = 8192;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA journal_size_limit = 67108864;",
        )
        .map_err(open)?;
    set_cache(connection, CACHE)?;
    migrate::to_latest(connection, path)?;
    if application_id(connection).map_err(open)? != APPLICATION_ID {
        connection
            .execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))
            .map_err(open)?;
    }
    Ok(())
}

/// Makes the plan of a query independent of the values that are bound to it. Otherwise SQLite plans a cached query
/// anew whenever a value changes, which was a fifth of the work of a poll that finds nothing new.
fn keep_plans(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

fn application_id(connection: &Connection) -> database::Result<i32> {
    connection.query_row("PRAGMA application_id", [], |row| row.get(0))
}

/// Opens an existing store for reading only.
pub(in crate::store) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let open = |source| not_open(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags).map_err(|source| open(source.into()))?;
    add_functions(&connection).map_err(|source| open(source.into()))?;
    let connection = Connection::Sqlite(connection);
    refuse_foreign(&connection, path)?;
    if !migrate::is_latest(&connection, path)? {
        // The file is older than the program. Opening it for writing migrates it.
        drop(open_for_writing(path)?);
    }
    meta::refuse_unfinished(&connection, || Location::file(path))?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")
        .map_err(open)?;
    Ok(connection)
}

/// Adds the functions of SQL that queries use beside those of SQLite.
fn add_functions(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    // SQLite's own `lower` knows ASCII alone.
    connection.create_scalar_function("lower_case", 1, flags, |call| {
        Ok(call.get_raw(0).as_str_or_null()?.map(str::to_lowercase))
    })?;
    // Names are compared as the text index compares words.
    connection.create_scalar_function("name_forms", 1, flags, |call| {
        let name = call.get_raw(0).as_str_or_null()?;
        Ok(name.map(|name| words::name_forms(name).join("\n")))
    })
}

fn refuse_foreign(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let open = |source| not_open(path, source);
    let id = application_id(connection).map_err(open)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(open)?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) {
        return Ok(());
    }
    // A crash between the first migration and the setting of the id leaves our tables without it.
    let ours =
        connection.prepare("SELECT seq, feed_id, order_at, first_seen_at FROM article").is_ok();
    if id == 0 && ours { Ok(()) } else { Err(StoreError::Foreign { path: path.to_owned() }) }
}

/// Updates the statistics of the query planner and closes the file; SQLite then checkpoints the log.
pub(in crate::store) fn close(connection: Connection) {
    connection.execute_batch("PRAGMA analysis_limit = 400; PRAGMA optimize;").ok();
    connection.close().ok();
}
