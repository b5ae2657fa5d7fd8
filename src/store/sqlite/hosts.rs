//! Pauses of hosts that refuse requests.

use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::host::Host;
use crate::domain::poll::Decision;
use crate::domain::time::{Timestamp, from_unix};
use crate::store::error::{Context, StoreError};

/// The pause of a host.
#[derive(Clone, Debug)]
pub struct PausedHost {
    pub until: Timestamp,
    /// The number of pauses in a row for which the host named no duration.
    pub strikes: u32,
    /// The HTTP status that caused the pause.
    pub status: u16,
}

const PAUSE: &str = "
    INSERT INTO host (host, paused_until, strikes, status) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (host) DO UPDATE SET
        paused_until = max(paused_until, ?2), strikes = max(strikes, ?3), status = ?4";

const FORGIVE: &str = "DELETE FROM host WHERE host = ?1 AND paused_until <= ?2";

/// Stores the pause that a poll has caused. A successful reply after the end of a pause removes the record of
/// the host.
pub(super) fn settle(tx: &Connection, d: &Decision) -> Result<(), StoreError> {
    if let Some(pause) = &d.pause {
        let row =
            params![pause.host.as_str(), pause.until.timestamp(), pause.strikes, pause.status];
        return tx
            .prepare_cached(PAUSE)
            .and_then(|mut s| s.execute(row))
            .map(|_| ())
            .context("pause a host");
    }
    let Some(host) = &d.forgiven else { return Ok(()) };
    tx.prepare_cached(FORGIVE)
        .and_then(|mut s| s.execute(params![host.as_str(), d.polled_at.timestamp()]))
        .map(|_| ())
        .context("end a host's pauses")
}

/// The current pause of a host, if there is one.
pub(super) fn paused(
    connection: &Connection,
    host: &Host,
    now: Timestamp,
) -> Result<Option<PausedHost>, StoreError> {
    const PAUSED: &str =
        "SELECT paused_until, strikes, status FROM host WHERE host = ?1 AND ?2 < paused_until";
    connection
        .prepare_cached(PAUSED)
        .and_then(|mut s| {
            s.query_row(params![host.as_str(), now.timestamp()], |r| {
                let until = from_unix(r.get("paused_until")?);
                Ok(PausedHost { until, strikes: r.get("strikes")?, status: r.get("status")? })
            })
            .optional()
        })
        .context("look up a host")
}

pub(super) fn count_paused(connection: &Connection, now: Timestamp) -> Result<u64, StoreError> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM host WHERE paused_until > ?1")
        .and_then(|mut s| s.query_row([now.timestamp()], |row| row.get(0)))
        .context("count paused hosts")?;
    Ok(count.cast_unsigned())
}
