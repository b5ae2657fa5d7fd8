//! Locks of a store in PostgreSQL: advisory locks, which the server releases when the session of their holder ends.

use crate::domain::location::ServerUrl;
use crate::store::database::{Connection, Purpose, Session};
use crate::store::error::{Context, StoreError};
use crate::store::postgres::open;

/// An advisory lock, held as long as the value lives and its session is connected.
#[derive(Debug)]
pub(in crate::store) struct Held {
    connection: Box<Connection>,
}

impl Held {
    /// Whether the lock is still held: its session may have been lost.
    pub(in crate::store) fn is_held(&self) -> bool {
        self.connection.query_row("SELECT 1", [], |_| Ok(())).is_ok()
    }
}

/// Who may have a lock beside its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Mode {
    Alone,
    /// All others with this mode.
    Together,
}

/// Takes the lock `name` if it is free; does not wait. `holder` says who holds it then. Otherwise the result is what its holder
/// has said.
pub(in crate::store) fn take(
    url: &ServerUrl,
    name: &str,
    (holder, mode): (&str, Mode),
) -> Result<Result<Held, String>, StoreError> {
    const HOLDER: &str = "
        SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.classid::bigint = hashtext('gazetted')::bigint & 4294967295
            AND l.objid::bigint = hashtext(?1)::bigint & 4294967295";
    const SIGN: &str = "SELECT set_config('application_name', ?1, false)";
    let action = "take a lock in the store";
    let session = Session::open(open::server(url)?, Purpose::Lock).context(action)?;
    let connection = Connection::Postgres(Box::new(session));
    connection.query_row(SIGN, [holder], |_| Ok(())).context(action)?;
    let take = match mode {
        Mode::Alone => "pg_try_advisory_lock",
        Mode::Together => "pg_try_advisory_lock_shared",
    };
    let take = format!("SELECT {take}(hashtext('gazetted'), hashtext(?1))");
    if connection.query_row(&take, [name], |row| row.get(0)).context(action)? {
        return Ok(Ok(Held { connection: Box::new(connection) }));
    }
    let held_by = connection.query_row(HOLDER, [name], |row| row.get(0)).ok();
    Ok(Err(held_by.unwrap_or_else(|| "another process".to_owned())))
}
