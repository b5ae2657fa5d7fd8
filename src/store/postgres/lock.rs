//! Locks of a store in PostgreSQL: advisory locks, which the server releases when the session of their holder ends.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::domain::location::ServerUrl;
use crate::store::database::{self, Connection, Purpose, Session};
use crate::store::error::{Context, StoreError};
use crate::store::postgres::open;

/// How often a holder looks whether its session is still there. After an outage the lock is free for so long.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// The longest wait for the server at the end of a lock.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

const ACTION: &str = "take a lock in the store";

/// An advisory lock, held as long as the value lives. When its session is lost, a thread takes it again, unless somebody else
/// was quicker.
#[derive(Debug)]
pub(in crate::store) struct Held {
    /// Dropping it ends the thread.
    keeper: Option<Sender<()>>,
    released: Receiver<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.keeper.take());
        self.released.recv_timeout(RELEASE_TIMEOUT).ok();
    }
}

/// Who may have a lock beside its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Mode {
    Alone,
    /// All others with this mode.
    Together,
}

impl Mode {
    /// The functions of PostgreSQL that take and release such a lock.
    fn functions(self) -> [&'static str; 2] {
        match self {
            Self::Alone => ["pg_try_advisory_lock", "pg_advisory_unlock"],
            Self::Together => ["pg_try_advisory_lock_shared", "pg_advisory_unlock_shared"],
        }
    }
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
    let connection = connect(url)?;
    if !try_to_take(&connection, name, (holder, mode)).context(ACTION)? {
        let held_by = connection.query_row(HOLDER, [name], |row| row.get(0)).ok();
        return Ok(Err(held_by.unwrap_or_else(|| "another process".to_owned())));
    }
    let (keeper, stop) = mpsc::channel();
    let (tell, released) = mpsc::channel();
    let (url, name, holder) = (url.clone(), name.to_owned(), holder.to_owned());
    thread::Builder::new()
        .name("lock".to_owned())
        .spawn(move || {
            keep(connection, &url, &name, (&holder, mode), &stop);
            tell.send(()).ok(); // Nobody may wait for it any more.
        })
        .map_err(|source| StoreError::Thread { source })?;
    Ok(Ok(Held { keeper: Some(keeper), released }))
}

fn connect(url: &ServerUrl) -> Result<Connection, StoreError> {
    let session = Session::open(open::server(url)?, Purpose::Lock).context(ACTION)?;
    Ok(Connection::Postgres(Box::new(session)))
}

/// Takes the lock if it is free, and says whether it was.
fn try_to_take(
    connection: &Connection,
    name: &str,
    (holder, mode): (&str, Mode),
) -> database::Result<bool> {
    const SIGN: &str = "SELECT set_config('application_name', ?1, false)";
    connection.query_row(SIGN, [holder], |_| Ok(()))?;
    let [take, _] = mode.functions();
    let take = format!("SELECT {take}(hashtext('gazetted'), hashtext(?1))");
    connection.query_row(&take, [name], |row| row.get(0))
}

/// Holds the lock until `stop` ends.
fn keep(
    mut connection: Connection,
    url: &ServerUrl,
    name: &str,
    (holder, mode): (&str, Mode),
    stop: &Receiver<()>,
) {
    while stop.recv_timeout(CHECK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let is_connected = connection.query_row("SELECT 1", [], |_| Ok(())).is_ok();
        if !is_connected
            && let Ok(other) = connect(url)
            && matches!(try_to_take(&other, name, (holder, mode)), Ok(true))
        {
            connection = other;
        }
    }
    // The end of the session would release it too, a moment later.
    let [_, release] = mode.functions();
    let release = format!("SELECT {release}(hashtext('gazetted'), hashtext(?1))");
    connection.query_row(&release, [name], |_| Ok(())).ok();
}
