//! Connections, statements and rows of the database that holds a store.
//!
//! The rest of the store speaks to the database through this module alone, so that its statements are written once and
//! do not know which database runs them. The interface is that of rusqlite, and so are the values: parameters are
//! [`ToSql`], and columns are read as [`FromSql`].

mod error;
mod params;
mod postgres;

pub(super) use rusqlite::params;
pub(super) use rusqlite::types::{
    FromSql, FromSqlError, FromSqlResult, Null, ToSql, Value, ValueRef,
};

pub(super) use error::{Error, Kind, OptionalExtension, Result};
pub(super) use params::{Params, params_from_iter};
pub use postgres::may_wait;
pub(super) use postgres::{Purpose, Server, Session};

/// A connection. It runs one statement at a time, but a statement may begin while the rows of another are being read.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Session>),
}

impl Connection {
    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// The text for SQLite or that for PostgreSQL, where no text is right for both.
    pub(super) fn choose<T>(&self, sqlite: T, postgres: T) -> T {
        if self.is_sqlite() { sqlite } else { postgres }
    }

    /// A statement that is prepared once and kept, for texts of which there are few.
    pub(super) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        Ok(match self {
            Self::Sqlite(connection) => Statement::Cached(connection.prepare_cached(sql)?),
            Self::Postgres(session) => Statement::Postgres(session.prepare(sql, true)?),
        })
    }

    /// A statement that is used once.
    pub(super) fn prepare(&self, sql: &str) -> Result<Statement<'_>> {
        Ok(match self {
            Self::Sqlite(connection) => Statement::Once(connection.prepare(sql)?),
            Self::Postgres(session) => Statement::Postgres(session.prepare(sql, false)?),
        })
    }

    /// Runs a statement once and returns the number of rows that it has changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare(sql)?.execute(params)
    }

    /// Runs a query once and reads its first row.
    pub(super) fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.prepare(sql)?.query_row(params, read)
    }

    /// Adds rows to a table, each with a value for each of these columns. PostgreSQL takes them by COPY.
    pub(super) fn add_rows(
        &self,
        table: &str,
        columns: &[String],
        rows: &[Vec<Value>],
    ) -> Result<()> {
        let list = columns.join(", ");
        match self {
            Self::Sqlite(connection) => {
                let parameters = vec!["?"; columns.len()].join(", ");
                let insert = format!("INSERT INTO {table} ({list}) VALUES ({parameters})");
                let mut insert = connection.prepare_cached(&insert)?;
                rows.iter().try_for_each(|row| {
                    insert.execute(rusqlite::params_from_iter(row))?;
                    Ok(())
                })
            }
            Self::Postgres(session) => session.copy_in(table, &list, rows),
        }
    }

    /// Runs statements without parameters and rows.
    pub(super) fn execute_batch(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(session) => session.execute_batch(sql),
        }
    }

    /// Begins a transaction that will write. It waits for that of another process.
    pub(super) fn begin_to_write(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("BEGIN IMMEDIATE")?),
            Self::Postgres(session) => session.begin_to_write(),
        }
    }

    pub(super) fn commit(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("COMMIT")?),
            Self::Postgres(session) => session.commit(),
        }
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("ROLLBACK")?),
            Self::Postgres(session) => session.roll_back(),
        }
    }

    /// Runs `work` in a transaction that writes, and commits it. If `work` fails, its changes are undone. `failed` makes the error
    /// of a transaction that does not begin or end.
    pub(super) fn in_transaction<T, E>(
        &self,
        failed: impl Fn(Error) -> E,
        work: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.begin_to_write().map_err(&failed)?;
        let done = work().and_then(|value| self.commit().map(|()| value).map_err(&failed));
        if done.is_err() {
            self.roll_back().ok(); // After some errors the database has done it. The first error tells more.
        }
        done
    }

    /// A number that changes when another connection has changed the store. Changes of this connection leave it as it is.
    pub(super) fn changes(&self) -> Result<i64> {
        match self {
            Self::Sqlite(_) => self
                .prepare_cached("PRAGMA data_version")
                .and_then(|mut s| s.query_row([], |row| row.get(0))),
            Self::Postgres(session) => session.changes(),
        }
    }

    /// Begins a transaction that reads one state of the store until the value is dropped; `None` if a transaction has begun
    /// already.
    pub(super) fn begin_to_read(&self) -> Result<Option<Snapshot<'_>>> {
        let has_begun = match self {
            Self::Sqlite(connection) if connection.is_autocommit() => {
                connection.execute_batch("BEGIN")?;
                true
            }
            Self::Sqlite(_) => false,
            Self::Postgres(session) => session.begin_to_read()?,
        };
        Ok(has_begun.then_some(Snapshot(self)))
    }

    /// Closes the connection properly.
    pub(super) fn close(self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.close().map_err(|(_, error)| error)?),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// A handle with which another thread can end a statement of this connection.
    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter(match self {
            Self::Sqlite(connection) => Interrupts::Sqlite(connection.get_interrupt_handle()),
            Self::Postgres(session) => Interrupts::Postgres(session.interrupter()),
        })
    }
}

#[cfg(test)]
impl Connection {
    /// How many rows this connection has changed.
    pub(super) fn total_changes(&self) -> u64 {
        match self {
            Self::Sqlite(connection) => connection.total_changes(),
            Self::Postgres(_) => unreachable!("only SQLite counts them"),
        }
    }

    pub(super) fn open(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Ok(Self::Sqlite(rusqlite::Connection::open(path)?))
    }

    pub(super) fn open_in_memory() -> Result<Self> {
        Ok(Self::Sqlite(rusqlite::Connection::open_in_memory()?))
    }
}

/// A transaction that reads one state of the store.
#[derive(Debug)]
pub(super) struct Snapshot<'c>(&'c Connection);

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // An interrupted statement may have ended the transaction already.
        self.0.roll_back().ok();
    }
}

/// Ends the current call of a [`Reader`](super::Reader) with an error. Later calls are not affected.
pub struct Interrupter(Interrupts);

enum Interrupts {
    Sqlite(rusqlite::InterruptHandle),
    Postgres(postgres::Interrupter),
}

impl Interrupter {
    pub fn interrupt(&self) {
        match &self.0 {
            Interrupts::Sqlite(handle) => handle.interrupt(),
            Interrupts::Postgres(handle) => handle.interrupt(),
        }
    }
}

/// A prepared statement.
pub(super) enum Statement<'c> {
    Cached(rusqlite::CachedStatement<'c>),
    Once(rusqlite::Statement<'c>),
    Postgres(postgres::Prepared<'c>),
}

impl Statement<'_> {
    /// Runs the statement and returns the number of rows that it has changed.
    pub(super) fn execute(&mut self, params: impl Params) -> Result<usize> {
        params.pass(|values| match self {
            Self::Cached(statement) => Ok(statement.execute(values)?),
            Self::Once(statement) => Ok(statement.execute(values)?),
            Self::Postgres(statement) => statement.execute(values),
        })
    }

    /// Runs the query and reads its first row.
    ///
    /// # Errors
    /// When there is no row; see [`OptionalExtension`].
    pub(super) fn query_row<T>(
        &mut self,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        read(&self.query(params)?.next()?.ok_or(Error::NO_ROW)?)
    }

    /// Runs the query and reads its rows one by one.
    pub(super) fn query_map<T, F: FnMut(&Row<'_>) -> Result<T>>(
        &mut self,
        params: impl Params,
        read: F,
    ) -> Result<MappedRows<'_, F>> {
        Ok(MappedRows { rows: self.query(params)?, read })
    }

    /// Runs the query. PostgreSQL sends all rows at once.
    pub(super) fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        params.pass(|values| {
            Ok(match self {
                Self::Cached(statement) => Rows::Sqlite(statement.query(values)?),
                Self::Once(statement) => Rows::Sqlite(statement.query(values)?),
                Self::Postgres(statement) => Rows::Postgres(statement.query(values)?),
            })
        })
    }

    /// Runs a query whose rows may not fit into memory together. It must be in a transaction, else PostgreSQL sends all at
    /// once.
    pub(super) fn query_in_pieces(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match self {
            Self::Cached(_) | Self::Once(_) => self.query(params),
            Self::Postgres(statement) => {
                params.pass(|values| Ok(Rows::Postgres(statement.query_in_pieces(values)?)))
            }
        }
    }
}

#[cfg(test)]
impl Statement<'_> {
    /// How many steps the virtual machine of SQLite has made for this statement since the last call.
    pub(super) fn steps(&mut self) -> i32 {
        let status = rusqlite::StatementStatus::VmStep;
        match self {
            Self::Cached(statement) => statement.reset_status(status),
            Self::Once(statement) => statement.reset_status(status),
            Self::Postgres(_) => unreachable!("only SQLite counts them"),
        }
    }
}

/// The rows of a query that are left to read.
pub(super) enum Rows<'s> {
    Sqlite(rusqlite::Rows<'s>),
    Postgres(postgres::Rows<'s>),
}

impl Rows<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>> {
        Ok(match self {
            Self::Sqlite(rows) => rows.next()?.map(Row::Sqlite),
            Self::Postgres(rows) => rows.next()?.map(Row::Postgres),
        })
    }
}

/// The rows of a query, each read by a function.
pub(super) struct MappedRows<'s, F> {
    rows: Rows<'s>,
    read: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T>> Iterator for MappedRows<'_, F> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next().transpose()?;
        Some(row.and_then(|row| (self.read)(&row)))
    }
}

/// A row of a query.
#[derive(Clone, Copy)]
pub(super) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r ::postgres::Row),
}

impl<'r> Row<'r> {
    /// The value of a column, by its index or its name.
    ///
    /// # Errors
    /// When there is no such column, or its value is none of a `T`.
    pub(super) fn get<I: Index, T: FromSql>(&self, column: I) -> Result<T> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => {
                Ok(T::column_result(postgres::value(row, column.index_in(row)?)?)?)
            }
        }
    }

    /// The number of columns.
    pub(super) fn column_count(&self) -> usize {
        match self {
            Self::Sqlite(row) => row.as_ref().column_count(),
            Self::Postgres(row) => row.len(),
        }
    }

    /// The value of a column, without a copy.
    pub(super) fn get_ref<I: Index>(&self, column: I) -> Result<ValueRef<'r>> {
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(column)?),
            Self::Postgres(row) => postgres::value(row, column.index_in(row)?),
        }
    }
}

/// What names a column of a row: its index or its name.
pub(super) trait Index: rusqlite::RowIndex + Copy {
    fn index_in(self, row: &::postgres::Row) -> Result<usize>;
}

impl Index for usize {
    fn index_in(self, _: &::postgres::Row) -> Result<usize> {
        Ok(self)
    }
}

impl Index for &str {
    fn index_in(self, row: &::postgres::Row) -> Result<usize> {
        postgres::index_of(row, self)
    }
}
