//! Pauses of hosts that refuse requests.

use crate::domain::host::Host;
use crate::domain::poll::Decision;
use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::store::database::{Connection, OptionalExtension, params};
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
        paused_until = CASE WHEN host.paused_until BETWEEN ?2 AND ?5 THEN host.paused_until ELSE ?2 END,
        strikes = CASE WHEN host.strikes < excluded.strikes THEN excluded.strikes ELSE host.strikes END,
        status = excluded.status";

const FORGIVE: &str =
    "DELETE FROM host WHERE host = ?1 AND NOT (?2 < paused_until AND paused_until <= ?3)";

/// The latest end of a pause, as seen from `now`. A pause lasts seven days at most; one that ends later was set while
/// the clock was ahead, and does not count. A minute is added for a clock that was set back a little.
fn latest_end(now: Timestamp) -> i64 {
    (now + TimeDelta::days(7) + TimeDelta::minutes(1)).timestamp()
}

/// The end of a stored pause that has not ended yet.
pub(super) fn pause_end(paused_until: Option<i64>, now: Timestamp) -> Option<Timestamp> {
    let current = now.timestamp() + 1..=latest_end(now);
    paused_until.filter(|until| current.contains(until)).map(from_unix)
}

/// Stores the pause that a poll has caused. A successful reply after the end of a pause removes the record of
/// the host.
pub(super) fn settle(tx: &Connection, d: &Decision) -> Result<(), StoreError> {
    if let Some(pause) = &d.pause {
        let (until, latest) = (pause.until.timestamp(), latest_end(d.polled_at));
        let row = params![pause.host.as_str(), until, pause.strikes, pause.status, latest];
        return tx
            .prepare_cached(PAUSE)
            .and_then(|mut s| s.execute(row))
            .map(|_| ())
            .context("pause a host");
    }
    let Some(host) = &d.forgiven else { return Ok(()) };
    tx.prepare_cached(FORGIVE)
        .and_then(|mut s| {
            s.execute(params![host.as_str(), d.polled_at.timestamp(), latest_end(d.polled_at)])
        })
        .map(|_| ())
        .context("end a host's pauses")
}

/// The current pause of a host, if there is one.
pub(super) fn paused(
    connection: &Connection,
    host: &Host,
    now: Timestamp,
) -> Result<Option<PausedHost>, StoreError> {
    const PAUSED: &str = "
        SELECT paused_until, strikes, status FROM host
        WHERE host = ?1 AND ?2 < paused_until AND paused_until <= ?3";
    connection
        .prepare_cached(PAUSED)
        .and_then(|mut s| {
            s.query_row(params![host.as_str(), now.timestamp(), latest_end(now)], |r| {
                let until = from_unix(r.get("paused_until")?);
                Ok(PausedHost { until, strikes: r.get("strikes")?, status: r.get("status")? })
            })
            .optional()
        })
        .context("look up a host")
}

pub(super) fn count_paused(connection: &Connection, now: Timestamp) -> Result<u64, StoreError> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM host WHERE ?1 < paused_until AND paused_until <= ?2")
        .and_then(|mut s| s.query_row([now.timestamp(), latest_end(now)], |row| row.get(0)))
        .context("count paused hosts")?;
    Ok(count.cast_unsigned())
}
