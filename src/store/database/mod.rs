//! Connections, statements and rows of the database that holds a store.
//!
//! The rest of the store speaks to the database through this module alone, so that its statements are written once and
//! do not know which database runs them. The interface is that of rusqlite, and so are the values: parameters are
//! [`ToSql`], and columns are read as [`FromSql`].

mod error;
mod params;

use std::ops::DerefMut;

pub(super) use rusqlite::params;
pub(super) use rusqlite::types::{
    FromSql, FromSqlError, FromSqlResult, Null, ToSql, Value, ValueRef,
};

pub(super) use error::{Error, Kind, OptionalExtension, Result};
pub(super) use params::{Params, params_from_iter};

/// A connection. It runs one statement at a time, but a statement may begin while the rows of another are being read.
#[derive(Debug)]
pub(super) struct Connection(rusqlite::Connection);

impl Connection {
    pub(super) fn of_sqlite(connection: rusqlite::Connection) -> Self {
        Self(connection)
    }

    /// The connection of SQLite, for what only SQLite has.
    pub(super) fn sqlite(&self) -> &rusqlite::Connection {
        &self.0
    }

    pub(super) fn into_sqlite(self) -> rusqlite::Connection {
        self.0
    }

    /// A statement that is prepared once and kept, for texts of which there are few.
    pub(super) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        Ok(Statement(Prepared::Cached(self.0.prepare_cached(sql)?)))
    }

    /// A statement that is used once.
    pub(super) fn prepare(&self, sql: &str) -> Result<Statement<'_>> {
        Ok(Statement(Prepared::Once(self.0.prepare(sql)?)))
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

    /// Runs statements without parameters and rows.
    pub(super) fn execute_batch(&self, sql: &str) -> Result<()> {
        Ok(self.0.execute_batch(sql)?)
    }

    /// Begins a transaction that will write. It waits for that of another process.
    pub(super) fn begin_to_write(&self) -> Result<()> {
        self.execute_batch("BEGIN IMMEDIATE")
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.execute_batch("COMMIT")
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        self.execute_batch("ROLLBACK")
    }

    /// Begins a transaction that reads one state of the store until the value is dropped; `None` if a transaction has begun
    /// already.
    pub(super) fn begin_to_read(&self) -> Result<Option<Moment<'_>>> {
        if !self.0.is_autocommit() {
            return Ok(None);
        }
        self.execute_batch("BEGIN")?;
        Ok(Some(Moment(self)))
    }

    /// A handle with which another thread can end a statement of this connection.
    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter(self.0.get_interrupt_handle())
    }
}

#[cfg(test)]
impl Connection {
    pub(super) fn open(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Ok(Self(rusqlite::Connection::open(path)?))
    }

    pub(super) fn open_in_memory() -> Result<Self> {
        Ok(Self(rusqlite::Connection::open_in_memory()?))
    }
}

/// A transaction that reads one state of the store.
#[derive(Debug)]
pub(super) struct Moment<'c>(&'c Connection);

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        // An interrupted statement may have ended the transaction already.
        self.0.roll_back().ok();
    }
}

/// Ends the current call of a [`Reader`](super::Reader) with an error. Later calls are not affected.
pub struct Interrupter(rusqlite::InterruptHandle);

impl Interrupter {
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// A prepared statement.
pub(super) struct Statement<'c>(Prepared<'c>);

enum Prepared<'c> {
    Cached(rusqlite::CachedStatement<'c>),
    Once(rusqlite::Statement<'c>),
}

impl<'c> Statement<'c> {
    /// The statement of SQLite, for what only SQLite has.
    pub(super) fn sqlite(&mut self) -> &mut rusqlite::Statement<'c> {
        match &mut self.0 {
            Prepared::Cached(statement) => statement.deref_mut(),
            Prepared::Once(statement) => statement,
        }
    }

    /// Runs the statement and returns the number of rows that it has changed.
    pub(super) fn execute(&mut self, params: impl Params) -> Result<usize> {
        params.pass(|values| Ok(self.sqlite().execute(values)?))
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

    pub(super) fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        params.pass(|values| Ok(Rows(self.sqlite().query(values)?)))
    }
}

/// The rows of a query that are left to read.
pub(super) struct Rows<'s>(rusqlite::Rows<'s>);

impl Rows<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>> {
        Ok(self.0.next()?.map(Row))
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
pub(super) struct Row<'r>(&'r rusqlite::Row<'r>);

impl<'r> Row<'r> {
    /// The value of a column, by its index or its name.
    ///
    /// # Errors
    /// When there is no such column, or its value is none of a `T`.
    pub(super) fn get<I: Index, T: FromSql>(&self, column: I) -> Result<T> {
        Ok(self.0.get(column)?)
    }

    /// The value of a column, without a copy.
    pub(super) fn get_ref<I: Index>(&self, column: I) -> Result<ValueRef<'r>> {
        Ok(self.0.get_ref(column)?)
    }
}

/// What names a column of a row: its index or its name.
pub(super) trait Index: rusqlite::RowIndex + Copy {}

impl Index for usize {}

impl Index for &str {}
