//! Copies a whole store into another one, which may be in another database.
//!
//! Every row of every table is copied with its ids and sequence numbers, so that exports of both stores are the same byte for
//! byte, and consumers go on where they were. Two things differ. The full-text index is not copied, because each database has it
//! in its own form: the copy has an empty one (`indexed_seq` is 0), which the daemon fills after its start. And a text with the
//! character U+0000, which PostgreSQL cannot hold, is copied without that character.
//!
//! The rows of a table are copied in the order of its primary key, in transactions of a bounded size. Until all are there, a mark
//! in the copy says that it is unfinished, and nothing but [`run`] opens it. What a call has copied before it was interrupted, the
//! next one does not copy again, unless the store has changed meanwhile.

mod state;
mod tables;

use std::convert::identity;

use crate::domain::location::Location;
use crate::store::copy::tables::{META, Table};
use crate::store::database::{self, Connection, OptionalExtension, Value, params_from_iter};
use crate::store::error::{Context, StoreError};
use crate::store::sql::meta::{self, UnfinishedCopy};
use crate::store::{postgres, sqlite};

/// The most rows that one transaction copies.
const MOST_ROWS: usize = 5_000;

/// How many bytes of values one transaction copies at most, apart from the last row. They bound the memory of a copy.
const MOST_BYTES: usize = 8 << 20;

/// The page cache of a SQLite file that is written, in KiB. Keys that are hashes go to pages all over a table.
const CACHE: u32 = 64 << 10;

/// The values in `meta` that are texts. All others are numbers, which PostgreSQL stores in decimal digits.
const TEXTS: &[&str] = &["store_id", "address_changes"];

/// What a copy has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The feeds of the store.
    pub feeds: u64,
    /// The articles of the store.
    pub articles: u64,
    /// The rows of all tables that this call has copied.
    pub rows: u64,
    /// Whether an earlier call had begun the copy.
    pub is_continued: bool,
}

/// What was copied in one transaction.
#[derive(Clone, Copy, Debug)]
pub struct CopyStep {
    pub table: &'static str,
    /// The rows of the table that are copied so far.
    pub rows: u64,
    /// The articles of the store.
    pub articles: u64,
}

/// Copies the store at `source` into the one at `target`, which is created. The caller holds the locks of both. `report` is
/// called after each transaction.
///
/// # Errors
/// When the target has contents of its own or is an unfinished copy of another store, or one of both fails. Another call then
/// goes on.
pub(in crate::store) fn run(
    source: &Location,
    target: &Location,
    report: &mut dyn FnMut(CopyStep),
) -> Result<Copied, StoreError> {
    let from = match source {
        Location::File(path) => sqlite::open::open_for_reading(path)?,
        Location::Server(url) => postgres::open::for_reading(url)?,
    };
    let into = match target {
        Location::File(path) => {
            let into = sqlite::open::open_to_copy(path)?;
            sqlite::open::set_cache(&into, CACHE)?;
            into
        }
        Location::Server(url) => postgres::open::to_copy(url)?,
    };
    let copied = copy(&from, &into, target, report)?;
    if into.is_sqlite() {
        sqlite::open::close(into);
    } else {
        // Without statistics the first queries would have bad plans.
        into.execute_batch("ANALYZE").context("measure the tables of the copy")?;
    }
    Ok(copied)
}

fn copy(
    from: &Connection,
    into: &Connection,
    target: &Location,
    report: &mut dyn FnMut(CopyStep),
) -> Result<Copied, StoreError> {
    let action = "read the store to copy";
    let moment = from.begin_to_read().context(action)?;
    let tables = tables::common(&tables::schema(from)?, &tables::schema(into)?)?;
    let tables: Vec<Table> = tables.into_iter().filter(|table| table.name != META).collect();
    let is_continued = begin(from, into, target, &tables)?;
    let feeds = number(from, "SELECT count(*) FROM feed WHERE configured = 1").context(action)?;
    let articles = number(from, "SELECT count(*) FROM article").context(action)?;
    let mut rows = 0;
    // A power cut may undo the last transactions, but not one without those after it, so the next call sees what is missing.
    write_lazily(into, true)?;
    for table in &tables {
        let mut report = |rows| report(CopyStep { table: table.name, rows, articles });
        rows += copy_table(from, into, table, &mut report)?;
    }
    // The last transaction brings all before it to the disk.
    write_lazily(into, false)?;
    rows += finish(from, into)?;
    drop(moment);
    Ok(Copied { feeds, articles, rows, is_continued })
}

/// Says whether a commit may return before it is on the disk.
fn write_lazily(into: &Connection, is_lazy: bool) -> Result<(), StoreError> {
    let set = if is_lazy {
        into.choose("PRAGMA synchronous = NORMAL", "SET synchronous_commit = off")
    } else {
        into.choose("PRAGMA synchronous = FULL", "RESET synchronous_commit")
    };
    into.execute_batch(set).context("set how the copy is written")
}

/// Marks the target as an unfinished copy, and empties one of an earlier state of the store. Returns whether rows that are
/// there stay.
fn begin(
    from: &Connection,
    into: &Connection,
    target: &Location,
    tables: &[Table],
) -> Result<bool, StoreError> {
    let mark = UnfinishedCopy { store_id: meta::store_id(from)?, state: state::of(from)? };
    match meta::unfinished_copy(into)? {
        Some(found) if found == mark => return Ok(true),
        Some(found) if found.store_id != mark.store_id => {
            return Err(StoreError::OtherCopy { store: target.clone() });
        }
        Some(_) => {}
        None => refuse_used(into, target)?,
    }
    let action = "begin the copy";
    let failed = |source| StoreError::Sql { action, source };
    into.in_transaction(failed, || {
        empty(into, tables).context(action)?;
        meta::set_unfinished_copy(into, &mark)
    })?;
    Ok(false)
}

/// Refuses a store that somebody has used.
fn refuse_used(into: &Connection, target: &Location) -> Result<(), StoreError> {
    let [feeds, articles, consumers] = ["feed", "article", "consumer"].map(|table| {
        number(into, &format!("SELECT count(*) FROM {table}"))
            .context("look into the target of the copy")
    });
    match (feeds?, articles?, consumers?) {
        (0, 0, 0) => Ok(()),
        (feeds, articles, _) => Err(StoreError::Used { store: target.clone(), feeds, articles }),
    }
}

/// The number that a query gives.
fn number(connection: &Connection, query: &str) -> database::Result<u64> {
    Ok(connection.query_row(query, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

/// Removes the rows of these tables.
fn empty(into: &Connection, tables: &[Table]) -> database::Result<()> {
    let names = tables.iter().map(|table| table.name);
    if into.is_sqlite() {
        // Those that refer to others first. The triggers then find no totals and tags to change.
        let mut later = ["feed_totals", "feed_tag"].into_iter().chain(names.rev());
        later.try_for_each(|name| into.execute_batch(&format!("DELETE FROM {name}")))
    } else {
        into.execute_batch(&format!("TRUNCATE {}", names.collect::<Vec<_>>().join(", ")))
    }
}

/// Copies the rows of a table that the target does not have yet, and returns how many these were.
fn copy_table(
    from: &Connection,
    into: &Connection,
    table: &Table,
    report: &mut dyn FnMut(u64),
) -> Result<u64, StoreError> {
    let action = "read the rows of a table";
    let look = "see how far the copy has come";
    let last = last_key(into, table).context(look)?;
    let there = match last {
        Some(_) => number(into, &format!("SELECT count(*) FROM {}", table.name)).context(look)?,
        None => 0,
    };
    let mut statement = from.prepare(&rows_after(table, last.as_deref())).context(action)?;
    let mut rows =
        statement.query_in_pieces(params_from_iter(last.unwrap_or_default())).context(action)?;
    let (mut piece, mut bytes, mut count) = (Vec::new(), 0, there);
    loop {
        let row = rows.next().context(action)?;
        let is_last = row.is_none();
        if let Some(row) = row {
            let values = (0..table.columns.len()).map(|column| row.get(column));
            let values: Vec<Value> = values.collect::<database::Result<_>>().context(action)?;
            bytes += values.iter().map(size).sum::<usize>();
            piece.push(values);
        }
        if piece.len() == MOST_ROWS || MOST_BYTES <= bytes || (is_last && !piece.is_empty()) {
            let action = "write the rows of a table";
            into.in_transaction(identity, || into.add_rows(table.name, &table.columns, &piece))
                .context(action)?;
            count += piece.len() as u64;
            report(count);
            piece.clear();
            bytes = 0;
        }
        if is_last {
            return Ok(count - there);
        }
    }
}

/// A query for the rows whose keys are greater than the one in the parameters, or for all.
fn rows_after(table: &Table, last: Option<&[Value]>) -> String {
    let (columns, key) = (table.column_list(), table.key.join(", "));
    let condition = last.map_or_else(String::new, |last| {
        let parameters: Vec<String> = (1..=last.len()).map(|n| format!("?{n}")).collect();
        format!("WHERE ({key}) > ({})", parameters.join(", "))
    });
    format!("SELECT {columns} FROM {} {condition} ORDER BY {key}", table.name)
}

/// The greatest key of a table; `None` if the table is empty.
fn last_key(connection: &Connection, table: &Table) -> database::Result<Option<Vec<Value>>> {
    let order: Vec<String> = table.key.iter().map(|column| format!("{column} DESC")).collect();
    let (key, order) = (table.key.join(", "), order.join(", "));
    let last = format!("SELECT {key} FROM {} ORDER BY {order} LIMIT 1", table.name);
    let read = |row: &database::Row<'_>| {
        (0..table.key.len()).map(|column| row.get(column)).collect::<database::Result<_>>()
    };
    connection.query_row(&last, [], read).optional()
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    const FIXED: usize = size_of::<Value>();
    match value {
        Value::Null | Value::Integer(_) | Value::Real(_) => FIXED,
        Value::Text(text) => FIXED + text.len(),
        Value::Blob(bytes) => FIXED + bytes.len(),
    }
}

/// Copies the single values, which removes the mark of an unfinished copy. Returns how many these were.
fn finish(from: &Connection, into: &Connection) -> Result<u64, StoreError> {
    // New feeds get the numbers after those that are there.
    const GO_ON: &str = "
        SELECT setval(pg_get_serial_sequence('feed', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM feed";
    let action = "finish the copy";
    let values = single_values(from, into.is_sqlite()).context(action)?;
    into.in_transaction(identity, || {
        into.execute("DELETE FROM meta", [])?;
        let columns = ["key".to_owned(), "value".to_owned()];
        into.add_rows(META, &columns, &values)?;
        if !into.is_sqlite() {
            into.query_row(GO_ON, [], |_| Ok(()))?;
        }
        Ok(())
    })
    .context(action)?;
    Ok(values.len() as u64)
}

/// The rows of `meta` as the copy has them, whose text index is empty.
fn single_values(from: &Connection, is_for_sqlite: bool) -> database::Result<Vec<Vec<Value>>> {
    let mut statement = from.prepare("SELECT key, value FROM meta ORDER BY key")?;
    let rows = statement.query_map([], |row| {
        let (key, value): (String, Value) = (row.get(0)?, row.get(1)?);
        let value = match value {
            _ if key == "indexed_seq" => Value::Integer(0),
            Value::Text(text) if is_for_sqlite && !TEXTS.contains(&key.as_str()) => {
                text.parse().map_or(Value::Text(text), Value::Integer)
            }
            other => other,
        };
        Ok(vec![Value::Text(key), value])
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::store::sqlite::open::{open_for_reading, open_for_writing};

    const ROWS: u8 = 3;

    struct Stores {
        _folder: tempfile::TempDir,
        source: PathBuf,
        target: PathBuf,
    }

    /// A store with a few rows in every table, and the path of another one.
    fn stores() -> Stores {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let connection = open_for_writing(&source).unwrap();
        let schema = tables::schema(&connection).unwrap();
        let all = tables::common(&schema, &schema).unwrap();
        for table in all.iter().filter(|table| table.name != META) {
            let rows: Vec<_> = (1..=ROWS).map(|n| row(&connection, table, n)).collect();
            connection.add_rows(table.name, &table.columns, &rows).unwrap();
        }
        Stores { _folder: folder, source, target }
    }

    /// A row whose numbers are all `n`, so that it refers to others with this number.
    fn row(connection: &Connection, table: &Table, n: u8) -> Vec<Value> {
        const KIND: &str = "SELECT type FROM pragma_table_info(?1) WHERE name = ?2";
        let value = |column: &String| {
            let values = [table.name, column.as_str()];
            let kind: String = connection.query_row(KIND, values, |row| row.get(0)).unwrap();
            match kind.as_str() {
                "INTEGER" => Value::Integer(n.into()),
                "REAL" => Value::Real(f64::from(n) / 7.0),
                "BLOB" => Value::Blob(vec![0, 255, n]),
                _ if column == "tags" => Value::Text(format!("[\"{n}\"]")),
                _ => Value::Text(format!("\u{fc} {column} {n}")),
            }
        };
        table.columns.iter().map(value).collect()
    }

    /// All rows of a store but the place of the text index.
    fn rows(path: &Path) -> Vec<(String, Vec<Vec<Value>>)> {
        let connection = open_for_reading(path).unwrap();
        let schema = tables::schema(&connection).unwrap();
        let all = tables::common(&schema, &schema).unwrap();
        let read = |table: &Table| {
            let mut all = connection.prepare(&rows_after(table, None)).unwrap();
            let all = all.query_map([], |row| {
                (0..table.columns.len()).map(|column| row.get(column)).collect()
            });
            let mut all: Vec<Vec<Value>> = all.unwrap().map(Result::unwrap).collect();
            all.retain(|row| !row.contains(&Value::Text("indexed_seq".to_owned())));
            (table.name.to_owned(), all)
        };
        all.iter().map(read).collect()
    }

    fn run_between(source: &Path, target: &Path) -> Result<Copied, StoreError> {
        run(&Location::file(source), &Location::file(target), &mut |_| ())
    }

    /// Copies as many tables as a call did before it was interrupted.
    fn interrupted(stores: &Stores, tables: usize) {
        let from = open_for_reading(&stores.source).unwrap();
        let into = sqlite::open::open_to_copy(&stores.target).unwrap();
        let schema = tables::schema(&from).unwrap();
        let all = tables::common(&schema, &schema).unwrap();
        let (_, all) = all.split_last().unwrap();
        begin(&from, &into, &Location::file(&stores.target), all).unwrap();
        for table in &all[..tables] {
            copy_table(&from, &into, table, &mut |_| ()).unwrap();
        }
    }

    #[test]
    fn every_row_of_every_table_is_copied() {
        let stores = stores();
        open_for_writing(&stores.source)
            .unwrap()
            .execute_batch("UPDATE meta SET value = 7 WHERE key = 'indexed_seq'")
            .unwrap();
        let mut steps = Vec::new();
        let (source, target) = (Location::file(&stores.source), Location::file(&stores.target));
        let copied = run(&source, &target, &mut |step| steps.push(step.table)).unwrap();
        assert_eq!(rows(&stores.source), rows(&stores.target));
        assert_eq!(steps.len() + 1, tables::KEYS.len());
        assert_eq!((copied.articles, copied.is_continued), (u64::from(ROWS), false));
        let copy = open_for_reading(&stores.target).unwrap();
        let indexed = "SELECT value FROM meta WHERE key = 'indexed_seq'";
        assert_eq!(copy.query_row(indexed, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }

    #[test]
    fn an_interrupted_copy_is_opened_by_nobody_and_goes_on() {
        let stores = stores();
        interrupted(&stores, 16);
        for opened in [open_for_reading(&stores.target), open_for_writing(&stores.target)] {
            let error = opened.unwrap_err();
            assert!(matches!(error, StoreError::Unfinished { .. }), "{error}");
        }
        // A table of which a part is there.
        let into = sqlite::open::open_to_copy(&stores.target).unwrap();
        into.execute("DELETE FROM feed_tag WHERE feed_id = 3", []).unwrap();
        drop(into);
        let copied = run_between(&stores.source, &stores.target).unwrap();
        assert!(copied.is_continued);
        let all = (tables::KEYS.len() - 1 - 16) * usize::from(ROWS) + 1;
        let single = rows(&stores.source).pop().unwrap().1.len() + 1;
        assert_eq!(copied.rows, (all + single) as u64);
        assert_eq!(rows(&stores.source), rows(&stores.target));
    }

    #[test]
    fn a_copy_begins_anew_when_the_store_has_changed_meanwhile() {
        let stores = stores();
        interrupted(&stores, 20);
        let source = open_for_writing(&stores.source).unwrap();
        source
            .execute_batch(
                "UPDATE feed SET title = 'changed' WHERE id = 1;
                 UPDATE poll_state SET polled_at = 99 WHERE feed_id = 1;",
            )
            .unwrap();
        drop(source);
        assert!(!run_between(&stores.source, &stores.target).unwrap().is_continued);
        assert_eq!(rows(&stores.source), rows(&stores.target));
    }

    #[test]
    fn a_store_in_use_and_the_copy_of_another_store_are_no_targets() {
        let (one, other) = (stores(), stores());
        let error = run_between(&one.source, &other.source).unwrap_err();
        assert!(matches!(error, StoreError::Used { feeds: 3, articles: 3, .. }), "{error}");
        run_between(&one.source, &one.target).unwrap();
        let error = run_between(&one.source, &one.target).unwrap_err();
        assert!(matches!(error, StoreError::Used { .. }), "{error}");
        interrupted(&other, 3);
        let error = run_between(&one.source, &other.target).unwrap_err();
        assert!(matches!(error, StoreError::OtherCopy { .. }), "{error}");
        run_between(&other.source, &other.target).unwrap();
    }

    #[test]
    fn numbers_that_were_texts_in_postgresql_are_numbers_again() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_for_writing(&folder.path().join("a.db")).unwrap();
        connection
            .execute_batch(
                "UPDATE meta SET value = '1234567890' WHERE key = 'store_id';
                 UPDATE meta SET value = '17' WHERE key = 'seq';",
            )
            .unwrap();
        let values = single_values(&connection, true).unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        assert!(values.contains(&vec![text("seq"), Value::Integer(17)]));
        assert!(values.contains(&vec![text("store_id"), text("1234567890")]));
        let values = single_values(&connection, false).unwrap();
        assert!(values.contains(&vec![text("seq"), text("17")]));
    }
}
