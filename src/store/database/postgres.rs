//! A session of PostgreSQL with the interface of the connection of SQLite.
//!
//! The texts of statements are those of SQLite: parameters are written `?1` there and `$1` here. Values are converted by the
//! type that the server gives a parameter or a column, so that a number may be stored as a text or read as a truth value.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use postgres::binary_copy::BinaryCopyInWriter;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{IsNull, Type, to_sql_checked};
use postgres::{Client, Config};
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use tokio::runtime::Builder;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{Error, Result};

/// The most statements that a session keeps prepared. The texts of searches and filters differ without end.
const MOST_STATEMENTS: usize = 256;

/// How many rows of a large result are read at once.
const PIECE: usize = 200;

/// The most idle connections for reading that are kept for the next reader.
const MOST_IDLE: usize = 8;

thread_local! {
    /// Whether this thread belongs to a runtime but may wait.
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread, which a runtime has started, may wait for a server: it runs no asynchronous tasks.
pub fn may_wait() {
    MAY_WAIT.set(true);
}

/// Runs `work`, which waits for a server. The client has a runtime of its own, which the thread of another runtime must not
/// drive; there the work is done by a thread beside it.
fn blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if MAY_WAIT.get() || tokio::runtime::Handle::try_current().is_err() {
        return work();
    }
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Purpose {
    Read,
    Write,
    /// Holds a lock as long as it lives.
    Lock,
}

/// A server, and how it is reached.
pub(in crate::store) struct Server {
    config: Config,
    tls: MakeRustlsConnect,
    /// Connections of readers that have ended.
    idle: Mutex<Vec<Link>>,
}

impl Server {
    pub(in crate::store) fn new(config: Config, tls: MakeRustlsConnect) -> Self {
        Self { config, tls, idle: Mutex::default() }
    }

    fn connect(&self, purpose: Purpose) -> Result<Link> {
        blocking(|| self.connect_here(purpose))
    }

    fn connect_here(&self, purpose: Purpose) -> Result<Link> {
        if purpose == Purpose::Read {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|link| !link.client.is_closed());
            if let Some(link) = idle.pop() {
                return Ok(link);
            }
        }
        // The client panics where it gets no files for a runtime.
        Builder::new_current_thread().enable_all().build().map_err(Error::of_system)?;
        let mut client = self.config.connect(self.tls.clone())?;
        client.batch_execute(
            "SET search_path = gazetted, public;
             SET lock_timeout = '10s';
             SET jit = off;",
        )?;
        match purpose {
            // A plan that is made without the words and the limit of a search may take a thousand times as long.
            Purpose::Read => client.batch_execute(
                "SET default_transaction_read_only = on; SET plan_cache_mode = force_custom_plan",
            )?,
            // A worker that hangs in a transaction must not keep all others from writing. A reader may be slow, as an export
            // into a pipe is.
            Purpose::Write => client.batch_execute(
                "LISTEN gazetted; SET idle_in_transaction_session_timeout = '60s'",
            )?,
            Purpose::Lock => {}
        }
        let number = LINKS.fetch_add(1, Ordering::Relaxed);
        Ok(Link { client, number, statements: HashMap::new() })
    }

    /// Closes the connections that wait for another reader: they are likely to be lost as well.
    fn forget_idle(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        blocking(|| drop(idle));
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A connection to a server, with the statements that are prepared in it.
struct Link {
    client: Client,
    /// Different from those of all other connections of this process.
    number: u64,
    statements: HashMap<Box<str>, Known>,
}

static LINKS: AtomicU64 = AtomicU64::new(0);

impl Link {
    fn prepare(&mut self, sql: &str, is_kept: bool) -> Result<Known> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let Translated { text, used } = translated(sql);
        let statement = self.client.prepare(&text)?;
        let known = Known { statement, link: self.number, used: used.into() };
        if is_kept {
            if MOST_STATEMENTS <= self.statements.len() {
                self.statements.clear();
            }
            self.statements.insert(sql.into(), known.clone());
        }
        Ok(known)
    }

    /// A statement as this connection knows it, which may have replaced the one in which it was prepared.
    fn statement(&mut self, known: &Known, sql: &str) -> Result<postgres::Statement> {
        if known.link == self.number {
            return Ok(known.statement.clone());
        }
        Ok(self.prepare(sql, true)?.statement)
    }
}

/// A connection to a server. One that was lost is replaced when the next transaction or statement begins.
pub(in crate::store) struct Session {
    server: Arc<Server>,
    purpose: Purpose,
    /// `None` once the session has ended.
    link: RefCell<Option<Link>>,
    in_transaction: Cell<bool>,
    /// How many cursors were opened, for their names.
    cursors: Cell<u64>,
    /// How often other sessions may have changed the store.
    changes: Cell<i64>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else { return };
        if self.purpose == Purpose::Read && !self.in_transaction.get() {
            let mut idle = self.server.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < MOST_IDLE {
                return idle.push(link);
            }
        }
        blocking(|| drop(link));
    }
}

impl Session {
    pub(in crate::store) fn open(server: Arc<Server>, purpose: Purpose) -> Result<Self> {
        let link = RefCell::new(Some(server.connect(purpose)?));
        let (in_transaction, cursors, changes) = Default::default();
        Ok(Self { server, purpose, link, in_transaction, cursors, changes })
    }

    /// Passes the connection to `work`. If it is lost and no transaction is open, it is replaced, and `work` begins again: it
    /// may only read, or begin a transaction.
    fn with<T: Send>(&self, mut work: impl FnMut(&mut Link) -> Result<T> + Send) -> Result<T> {
        let mut place = self.link.borrow_mut();
        let mut reason = Error::LOST;
        if let Some(link) = place.as_mut() {
            match blocking(|| work(link)) {
                Err(error) if error.is_loss() => reason = error,
                done => return done,
            }
        }
        if let Some(lost) = place.take() {
            blocking(|| drop(lost));
            self.server.forget_idle();
        }
        // What a lock kept out may have come in.
        if self.in_transaction.get() || self.purpose == Purpose::Lock {
            return Err(reason);
        }
        let link = place.insert(self.server.connect(self.purpose)?);
        self.changes.update(|n| n + 1);
        blocking(|| work(link))
    }

    pub(super) fn prepare(&self, sql: &str, is_kept: bool) -> Result<Prepared<'_>> {
        let known = self.with(|link| link.prepare(sql, is_kept))?;
        Ok(Prepared { session: self, known, sql: sql.into() })
    }

    pub(super) fn execute_batch(&self, sql: &str) -> Result<()> {
        self.with(|link| Ok(link.client.batch_execute(sql)?))
    }

    /// Adds rows to a table by COPY, with a value for each column in the list.
    pub(super) fn copy_in(&self, table: &str, columns: &str, rows: &[Vec<Value>]) -> Result<()> {
        let copy = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
        let known = self.prepare(&format!("SELECT {columns} FROM {table}"), true)?.known;
        let types = known.statement.columns().iter().map(|column| column.type_().clone());
        let types: Vec<Type> = types.collect();
        self.with(|link| {
            let mut out = BinaryCopyInWriter::new(link.client.copy_in(&copy)?, &types);
            for row in rows {
                let values: Vec<Bound<'_>> =
                    row.iter().map(|value| Ok(Bound(value.to_sql()?))).collect::<Result<_>>()?;
                out.write_raw(values)?;
            }
            out.finish()?;
            Ok(())
        })
    }

    /// Begins a transaction in which no other process writes, as in SQLite: so sequence numbers become visible in their
    /// order, and what a transaction has read stays true until it commits.
    pub(super) fn begin_to_write(&self) -> Result<()> {
        let begun = self.execute_batch(
            "BEGIN; SELECT pg_advisory_xact_lock(hashtext('gazetted'), hashtext('write'))",
        );
        self.in_transaction.set(true);
        begun.inspect_err(|_| drop(self.end("ROLLBACK")))
    }

    /// Begins a transaction that sees one state of the store; returns `false` if one has begun already.
    pub(super) fn begin_to_read(&self) -> Result<bool> {
        if self.in_transaction.get() {
            return Ok(false);
        }
        self.execute_batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        self.in_transaction.set(true);
        Ok(true)
    }

    /// Commits a transaction, and tells other processes of it if it has changed something.
    pub(super) fn commit(&self) -> Result<()> {
        self.end(
            "SELECT pg_notify('gazetted', '') WHERE pg_current_xact_id_if_assigned() IS NOT NULL;
             COMMIT",
        )
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        self.end("ROLLBACK")
    }

    fn end(&self, how: &str) -> Result<()> {
        let ended = self.execute_batch(how);
        self.in_transaction.set(false);
        ended
    }

    /// A number that changes when another session has changed the store.
    pub(super) fn changes(&self) -> Result<i64> {
        let found = self.with(|link| {
            let own =
                link.client.query_one("SELECT pg_backend_pid()", &[])?.try_get::<_, i32>(0)?;
            let mut notifications = link.client.notifications();
            let others = notifications.iter().filter(|told| Ok(told.process_id() != own));
            Ok(others.count()?)
        })?;
        self.changes.update(|n| n + i64::from(found != 0));
        Ok(self.changes.get())
    }

    pub(super) fn interrupter(&self) -> Interrupter {
        let token = self.link.borrow().as_ref().map(|link| link.client.cancel_token());
        Interrupter { token, tls: self.server.tls.clone() }
    }
}

/// Ends the statement that a session runs. It needs a connection of its own, which is opened beside the caller.
#[derive(Clone)]
pub(super) struct Interrupter {
    token: Option<postgres::CancelToken>,
    tls: MakeRustlsConnect,
}

impl Interrupter {
    pub(super) fn interrupt(&self) {
        let Self { token, tls } = self.clone();
        let Some(token) = token else { return };
        let cancel = move || token.cancel_query(tls).ok();
        thread::Builder::new().name("cancel".to_owned()).spawn(cancel).ok();
    }
}

/// A statement in the words of PostgreSQL.
struct Translated {
    text: String,
    /// The values of its parameters, by their places among those that are passed. A statement need not use all of these.
    used: Vec<usize>,
}

/// Gives a statement PostgreSQL's parameters: `?` with or without a number becomes `$` with one.
fn translated(sql: &str) -> Translated {
    let mut text = String::with_capacity(sql.len() + 8);
    let (mut is_quoted, mut count, mut used) = (false, 0, Vec::new());
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        is_quoted ^= c == '\'';
        if c != '?' || is_quoted {
            text.push(c);
            continue;
        }
        let mut number = 0;
        while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
            number = 10 * number + digit as usize;
            rest.next();
        }
        count += 1;
        let place = if number == 0 { count } else { number } - 1;
        let known = used.iter().position(|known| *known == place);
        let number = known.unwrap_or_else(|| {
            used.push(place);
            used.len() - 1
        });
        write!(text, "${}", number + 1).ok();
    }
    Translated { text, used }
}

/// A statement that is prepared in a session.
#[derive(Clone)]
struct Known {
    statement: postgres::Statement,
    /// The number of the connection in which it is prepared.
    link: u64,
    used: Arc<[usize]>,
}

pub(in crate::store) struct Prepared<'c> {
    session: &'c Session,
    known: Known,
    sql: Box<str>,
}

impl<'c> Prepared<'c> {
    pub(super) fn execute(&self, values: &[&dyn ToSql]) -> Result<usize> {
        let values = bound(values, &self.known.used)?;
        let (known, sql) = (&self.known, &self.sql);
        self.session.with(|link| {
            let statement = link.statement(known, sql)?;
            let mut rows = link.client.query_raw(&statement, &values)?;
            while rows.next()?.is_some() {}
            Ok(usize::try_from(rows.rows_affected().unwrap_or_default()).unwrap_or(usize::MAX))
        })
    }

    pub(super) fn query(&self, values: &[&dyn ToSql]) -> Result<Rows<'c>> {
        let values = bound(values, &self.known.used)?;
        let (known, sql) = (&self.known, &self.sql);
        let rows: Vec<_> = self.session.with(|link| {
            let statement = link.statement(known, sql)?;
            Ok(link.client.query_raw(&statement, &values)?.collect()?)
        })?;
        Ok(Rows { session: self.session, read: rows.into_iter(), current: None, cursor: None })
    }

    /// Reads the rows piece by piece, so that they need not be in memory together. Outside of a transaction they are.
    pub(super) fn query_in_pieces(&self, values: &[&dyn ToSql]) -> Result<Rows<'c>> {
        let session = self.session;
        if !session.in_transaction.get() {
            return self.query(values);
        }
        session.cursors.update(|n| n + 1);
        let cursor = format!("c{}", session.cursors.get());
        let Translated { text, .. } = translated(&self.sql);
        let declare = format!("DECLARE {cursor} NO SCROLL CURSOR FOR {text}");
        let values = bound(values, &self.known.used)?;
        session.with(|link| Ok(link.client.query_raw(&declare, &values)?.count()?))?;
        let read = Vec::new().into_iter();
        Ok(Rows { session, read, current: None, cursor: Some(cursor) })
    }
}

pub(in crate::store) struct Rows<'c> {
    session: &'c Session,
    read: std::vec::IntoIter<postgres::Row>,
    current: Option<postgres::Row>,
    /// Where the next rows come from.
    cursor: Option<String>,
}

impl Rows<'_> {
    pub(super) fn next(&mut self) -> Result<Option<&postgres::Row>> {
        self.current = self.read.next();
        if self.current.is_none()
            && let Some(cursor) = &self.cursor
        {
            let fetch = format!("FETCH {PIECE} FROM {cursor}");
            let rows = self.session.with(|link| Ok(link.client.query(&fetch, &[])?))?;
            if rows.len() < PIECE {
                self.close();
            }
            self.read = rows.into_iter();
            self.current = self.read.next();
        }
        Ok(self.current.as_ref())
    }

    fn close(&mut self) {
        if let Some(cursor) = self.cursor.take()
            && self.session.in_transaction.get()
        {
            // After an error the transaction is over, and the cursor with it.
            self.session.execute_batch(&format!("CLOSE {cursor}")).ok();
        }
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

/// A value for a parameter.
#[derive(Debug)]
struct Bound<'v>(ToSqlOutput<'v>);

/// The values at these places.
fn bound<'v>(values: &'v [&dyn ToSql], places: &[usize]) -> Result<Vec<Bound<'v>>> {
    let value = |place: &usize| -> Result<Bound<'v>> {
        let missing = || rusqlite::Error::InvalidParameterCount(values.len(), *place + 1);
        Ok(Bound(values.get(*place).ok_or_else(missing)?.to_sql()?))
    };
    places.iter().map(value).collect()
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

impl postgres::types::ToSql for Bound<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut postgres::types::private::BytesMut,
    ) -> std::result::Result<IsNull, Fault> {
        let value = match &self.0 {
            ToSqlOutput::Borrowed(value) => *value,
            ToSqlOutput::Owned(value) => ValueRef::from(value),
            _ => return Err("a value that only SQLite has".into()),
        };
        match value {
            ValueRef::Null => Ok(IsNull::Yes),
            ValueRef::Integer(number) => encode_integer(number, kind, out),
            ValueRef::Real(number) => number.to_sql_checked(&Type::FLOAT8, out),
            ValueRef::Text(text) => {
                // PostgreSQL's texts hold no U+0000.
                out.extend(text.iter().copied().filter(|byte| *byte != 0));
                Ok(IsNull::No)
            }
            ValueRef::Blob(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn encode_integer(
    number: i64,
    kind: &Type,
    out: &mut postgres::types::private::BytesMut,
) -> std::result::Result<IsNull, Fault> {
    use postgres::types::ToSql;
    match *kind {
        Type::INT8 => ToSql::to_sql(&number, kind, out),
        Type::INT4 => ToSql::to_sql(&i32::try_from(number)?, kind, out),
        Type::INT2 => ToSql::to_sql(&i16::try_from(number)?, kind, out),
        Type::BOOL => ToSql::to_sql(&(number != 0), kind, out),
        #[expect(clippy::cast_precision_loss, reason = "as SQLite converts it")]
        Type::FLOAT8 => ToSql::to_sql(&(number as f64), kind, out),
        Type::TEXT => ToSql::to_sql(&number.to_string(), kind, out),
        _ => Err(format!("a number for a parameter of the type {kind}").into()),
    }
}

/// The value of a column.
pub(super) fn value(row: &postgres::Row, index: usize) -> Result<ValueRef<'_>> {
    Ok(row.try_get::<_, Column<'_>>(index)?.0)
}

/// The index of a column by its name.
pub(super) fn index_of(row: &postgres::Row, name: &str) -> Result<usize> {
    let index = row.columns().iter().position(|column| column.name().eq_ignore_ascii_case(name));
    index.ok_or_else(|| rusqlite::Error::InvalidColumnName(name.to_owned()).into())
}

struct Column<'r>(ValueRef<'r>);

impl<'r> postgres::types::FromSql<'r> for Column<'r> {
    fn from_sql(kind: &Type, raw: &'r [u8]) -> std::result::Result<Self, Fault> {
        let value = match *kind {
            Type::INT8 => ValueRef::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => ValueRef::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT2 => ValueRef::Integer(i16::from_sql(kind, raw)?.into()),
            Type::BOOL => ValueRef::Integer(bool::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => ValueRef::Real(f64::from_sql(kind, raw)?),
            Type::FLOAT4 => ValueRef::Real(f32::from_sql(kind, raw)?.into()),
            Type::NUMERIC => ValueRef::Integer(decode_numeric(raw)?),
            Type::BYTEA => ValueRef::Blob(raw),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => ValueRef::Text(raw),
            _ => return Err(format!("a column of the type {kind}").into()),
        };
        Ok(Self(value))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Fault> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A whole number of the type `numeric`, which is that of sums of numbers: the count of its digits to the base of 10,000, the
/// power of the first, the sign, the decimal places, and the digits.
fn decode_numeric(raw: &[u8]) -> std::result::Result<i64, Fault> {
    let mut halves = raw.as_chunks::<2>().0.iter().map(|half| i16::from_be_bytes(*half));
    let mut next = || halves.next().ok_or("a number that is cut off");
    let (count, power, sign, _) = (next()?, next()?, next()?, next()?);
    let mut number = 0_i64;
    for place in 0..=power {
        let digit = if place < count { next()? } else { 0 };
        let larger = number.checked_mul(10_000).and_then(|n| n.checked_add(digit.into()));
        number = larger.ok_or("a sum that is too large")?;
    }
    Ok(if sign == 0 { number } else { -number })
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        Self::of_postgres(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_in_the_order_of_their_appearance() {
        for (sql, text, used) in [
            ("SELECT ?2, ?1, ?2", "SELECT $1, $2, $1", vec![1, 0]),
            ("VALUES (?, ?)", "VALUES ($1, $2)", vec![0, 1]),
            ("SELECT '?1 it''s ?', ?12", "SELECT '?1 it''s ?', $1", vec![11]),
            ("SELECT 1", "SELECT 1", vec![]),
        ] {
            let translated = translated(sql);
            assert_eq!((translated.text.as_str(), translated.used), (text, used), "{sql}");
        }
    }

    #[test]
    fn a_statement_gets_the_values_that_it_uses() {
        let values: [&dyn ToSql; 3] = [&1, &"two", &3];
        let shown = |places: &[usize]| bound(&values, places).map(|bound| format!("{bound:?}"));
        assert_eq!(shown(&[2]).unwrap(), "[Bound(Owned(Integer(3)))]");
        assert!(shown(&[3]).unwrap_err().to_string().contains('3'));
    }

    /// As the server sends it: the count of digits, the power of the first, the sign, the decimal places, the digits.
    #[test]
    fn sums_are_whole_numbers() {
        let raw = |halves: &[i16]| -> Vec<u8> {
            halves.iter().flat_map(|half| half.to_be_bytes()).collect()
        };
        for (halves, number) in [
            (&[0, 0, 0, 0][..], 0),
            (&[1, 0, 0, 0, 42], 42),
            (&[2, 1, 0, 0, 1, 5], 10_005),
            (&[1, 2, 0, 0, 3], 300_000_000),
            (&[1, 0, 0x4000, 0, 7], -7),
        ] {
            assert_eq!(decode_numeric(&raw(halves)).unwrap(), number);
        }
        assert!(decode_numeric(&raw(&[2, 1, 0, 0, 1])).is_err(), "it is cut off");
        assert!(decode_numeric(&raw(&[1, 9, 0, 0, 1])).is_err(), "it is too large");
    }
}
