//! The workers that share a store in PostgreSQL, and the shards of hosts that they lease.
//!
//! All of this happens in transactions in which no other process writes, and by the clock of the server. A worker renews its
//! leases in each heartbeat. It takes shards that nobody has leased up to its part of all, and is told which ones are more than
//! its part. One more lease, that of [`LEADER`], makes a worker the leader, which indexes, exports and delivers for all.

use std::collections::HashSet;

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::shard::{SHARDS, Shard, ShardSet};
use crate::domain::time::Timestamp;
use crate::store::database::{self, Connection, Row, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::claims;
use crate::store::sql::meta;

/// How long a lease lasts without a heartbeat, in seconds.
pub const LEASE: f64 = 30.0;

/// The number of the lease behind those of the shards.
const LEADER: i64 = 256;
const _: () = assert!(LEADER.unsigned_abs() == SHARDS as u64, "it is behind those of the shards");

/// A worker as it introduces itself.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Unique among all processes of all machines.
    pub id: String,
    /// For users, such as the name of the machine.
    pub name: String,
    pub version: &'static str,
    /// The fingerprint of its list of feeds.
    pub feeds_hash: i64,
    /// How long a request of it may take, in seconds.
    pub longest_request: f64,
    /// The delay between two requests to a host, in seconds.
    pub host_delay: f64,
}

/// What a worker learns from a heartbeat.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    /// The time of the server, in seconds since 1970.
    pub now: f64,
    /// The shards that are leased, each with the time from which on requests are allowed.
    pub shards: Vec<(Shard, f64)>,
    /// Those of them that are to be handed back.
    pub surplus: Vec<Shard>,
    /// Whether this worker is the leader.
    pub is_leader: bool,
    /// Whether the stored list of feeds is that of this worker. Otherwise it gets no shards.
    pub has_stored_list: bool,
}

/// A worker, for `status`.
#[derive(Clone, Debug)]
pub struct KnownWorker {
    pub name: String,
    pub version: String,
    /// Seconds since its last heartbeat.
    pub silent_for: f64,
    /// How many shards it has leased.
    pub shards: u64,
    pub is_leader: bool,
    /// Whether its list of feeds is the stored one. Otherwise it polls nothing.
    pub has_stored_list: bool,
}

const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)";

const STORED_LIST: &str = "(SELECT CAST(value AS bigint) FROM meta WHERE key = 'feeds_hash')";

fn time(connection: &Connection) -> Result<f64, StoreError> {
    connection
        .query_row(&format!("SELECT {NOW}"), [], |row| row.get(0))
        .context("read the clock of the server")
}

/// Renews the leases of a worker, and gives it its part of the shards that nobody has.
pub(in crate::store) fn heartbeat(
    tx: &Connection,
    worker: &Worker,
) -> Result<Heartbeat, StoreError> {
    const INTRODUCE: &str = "
        INSERT INTO worker (id, name, version, feeds_hash, seen_at) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET feeds_hash = excluded.feeds_hash, seen_at = excluded.seen_at";
    const FORGET: &str = "DELETE FROM worker WHERE seen_at + 86400 < ?1";
    const RENEW: &str = "
        UPDATE shard SET leased_until = ?2 WHERE owner = ?1 RETURNING number, quiet_until";
    let action = "renew the leases of a worker";
    let now = time(tx)?;
    let about = params![worker.id, worker.name, worker.version, worker.feeds_hash, now];
    tx.prepare_cached(INTRODUCE).and_then(|mut s| s.execute(about)).context(action)?;
    tx.prepare_cached(FORGET).and_then(|mut s| s.execute([now])).context(action)?;
    let has_stored_list = meta::feeds_hash(tx)? == Some(worker.feeds_hash);
    let mut held: Vec<(i64, f64)> = tx
        .prepare_cached(RENEW)
        .and_then(|mut s| s.query_map(params![worker.id, now + LEASE], lease)?.collect())
        .context(action)?;
    let part = if has_stored_list { SHARDS.div_ceil(workers(tx, now)?.max(1)) } else { 0 };
    let number = held.iter().filter(|(number, _)| shard_of(*number).is_some()).count();
    if has_stored_list {
        held.extend(take(tx, worker, now, part.saturating_sub(number))?);
    }
    held.sort_by_key(|(number, _)| *number);
    let shards = held.iter().filter_map(|(number, from)| Some((shard_of(*number)?, *from)));
    let shards: Vec<(Shard, f64)> = shards.collect();
    let surplus = shards.iter().skip(part).map(|(shard, _)| *shard).collect();
    let is_leader = held.iter().any(|(number, _)| *number == LEADER);
    Ok(Heartbeat { now, shards, surplus, is_leader, has_stored_list })
}

/// A row of `shard`: its number, and the time from which on requests are allowed.
fn lease(r: &Row<'_>) -> database::Result<(i64, f64)> {
    Ok((r.get("number")?, r.get("quiet_until")?))
}

/// The shard with this number; `None` for the lease behind those of the shards.
fn shard_of(number: i64) -> Option<Shard> {
    u8::try_from(number).ok().map(Shard)
}

/// An id that no other process has.
pub(in crate::store) fn new_id(tx: &Connection) -> Result<String, StoreError> {
    tx.query_row("SELECT CAST(gen_random_uuid() AS text)", [], |row| row.get(0))
        .context("make the id of a worker")
}

/// How many workers share the shards.
fn workers(tx: &Connection, now: f64) -> Result<usize, StoreError> {
    let count: i64 = tx
        .prepare_cached(&format!(
            "SELECT count(*) FROM worker WHERE ?1 < seen_at AND feeds_hash = {STORED_LIST}"
        ))
        .and_then(|mut s| s.query_row([now - LEASE], |row| row.get(0)))
        .context("count the workers")?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Leases up to so many shards that nobody has, and the lease of the leader. Returns them with the times from which on
/// requests are allowed: the last worker, if it has died, may have sent one just before its lease ended.
fn take(
    tx: &Connection,
    worker: &Worker,
    now: f64,
    most: usize,
) -> Result<Vec<(i64, f64)>, StoreError> {
    const FREE: &str = "
        SELECT number, owner IS NOT NULL AS is_of_dead FROM shard
        WHERE owner IS NULL OR leased_until < ?1 ORDER BY number";
    const TAKE: &str = "
        UPDATE shard SET owner = ?2, leased_until = ?3, epoch = epoch + 1,
            quiet_until = CASE WHEN owner IS NULL THEN quiet_until ELSE leased_until + ?4 END
        WHERE number = ?1 RETURNING number, quiet_until";
    let action = "lease shards";
    let one = |r: &Row<'_>| Ok((r.get("number")?, r.get("is_of_dead")?));
    let free: Vec<(i64, bool)> = tx
        .prepare_cached(FREE)
        .and_then(|mut s| s.query_map([now], one)?.collect())
        .context(action)?;
    let (mut taken, mut dead) = (Vec::new(), ShardSet::default());
    for (number, is_of_dead) in free {
        let shard = shard_of(number);
        if shard.is_some() && most <= taken.len() {
            continue;
        }
        let values = params![number, worker.id, now + LEASE, worker.longest_request];
        taken.push(
            tx.prepare_cached(TAKE).and_then(|mut s| s.query_row(values, lease)).context(action)?,
        );
        shard.into_iter().filter(|_| is_of_dead).for_each(|shard| dead.insert(shard));
    }
    if dead != ShardSet::default() {
        release_feeds(tx, &dead, now)?;
    }
    Ok(taken)
}

/// Ends the leases of the feeds of these shards, whose worker has died. Should it live after all, what it has polled is not
/// stored.
fn release_feeds(tx: &Connection, shards: &ShardSet, now: f64) -> Result<(), StoreError> {
    const LEASED: &str = "SELECT feed_id, host FROM poll_state WHERE ?1 < leased_until";
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
    release_some(tx, (LEASED, now as i64), |_, shard| shards.contains(shard))
}

/// Ends the leases that a claim of this worker may have made although it seemed to fail, because the answer of the server was
/// lost: those that end at `lease`, of feeds in its shards, and not in flight.
pub(in crate::store) fn release_unanswered(
    tx: &Connection,
    lease: Timestamp,
    shards: &ShardSet,
    in_flight: &HashSet<FeedId>,
) -> Result<(), StoreError> {
    const LEASED: &str = "SELECT feed_id, host FROM poll_state WHERE leased_until = ?1";
    release_some(tx, (LEASED, lease.timestamp()), |feed, shard| {
        shards.contains(shard) && !in_flight.contains(&feed)
    })
}

/// Ends the leases of those feeds of a query that `is_wanted` chooses by the feed and its shard.
fn release_some(
    tx: &Connection,
    (leased, time): (&str, i64),
    is_wanted: impl Fn(FeedId, Shard) -> bool,
) -> Result<(), StoreError> {
    let one = |r: &Row<'_>| {
        let feed = FeedId(r.get("feed_id")?);
        let host = r.get::<_, Option<String>>("host")?.map(Host::stored);
        Ok((feed, Shard::of(host.as_ref(), feed)))
    };
    let leased: Vec<(FeedId, Shard)> = tx
        .prepare_cached(leased)
        .and_then(|mut s| s.query_map([time], one)?.collect())
        .context("look for feeds whose leases have to end")?;
    let wanted = leased.into_iter().filter(|(feed, shard)| is_wanted(*feed, *shard));
    claims::release(tx, &wanted.map(|(feed, _)| feed).collect::<Vec<_>>())
}

/// Hands shards back in which nothing is in flight.
pub(in crate::store) fn hand_back(
    tx: &Connection,
    worker: &Worker,
    shards: &[Shard],
) -> Result<(), StoreError> {
    const HAND_BACK: &str = "
        UPDATE shard SET owner = NULL, leased_until = 0, quiet_until = ?3
        WHERE number = ?1 AND owner = ?2";
    let quiet_until = time(tx)? + worker.host_delay;
    for shard in shards {
        tx.prepare_cached(HAND_BACK)
            .and_then(|mut s| s.execute(params![shard.0, worker.id, quiet_until]))
            .context("hand a shard back")?;
    }
    Ok(())
}

/// Hands everything back that a worker has. Nothing of it is in flight any more.
pub(in crate::store) fn leave(tx: &Connection, worker: &Worker) -> Result<(), StoreError> {
    const HAND_BACK: &str = "
        UPDATE shard SET owner = NULL, leased_until = 0, quiet_until = ?2 WHERE owner = ?1";
    let action = "hand back what a worker has";
    let quiet_until = time(tx)? + worker.host_delay;
    tx.prepare_cached(HAND_BACK)
        .and_then(|mut s| s.execute(params![worker.id, quiet_until]))
        .context(action)?;
    tx.prepare_cached("DELETE FROM worker WHERE id = ?1")
        .and_then(|mut s| s.execute([&worker.id]))
        .map(|_| ())
        .context(action)
}

/// The workers that were there in the last day, in the order of their names.
pub(super) fn list(connection: &Connection) -> Result<Vec<KnownWorker>, StoreError> {
    let sql = format!(
        "SELECT w.name, w.version, {NOW} - w.seen_at AS silent_for,
            (SELECT count(*) FROM shard s WHERE s.owner = w.id AND s.number <> {LEADER}) AS shards,
            EXISTS (SELECT 1 FROM shard s WHERE s.owner = w.id AND s.number = {LEADER}) AS is_leader,
            w.feeds_hash = coalesce({STORED_LIST}, w.feeds_hash) AS has_stored_list
         FROM worker w ORDER BY w.name, w.id"
    );
    let one = |r: &Row<'_>| {
        Ok(KnownWorker {
            name: r.get("name")?,
            version: r.get("version")?,
            silent_for: r.get("silent_for")?,
            shards: r.get::<_, i64>("shards")?.cast_unsigned(),
            is_leader: r.get("is_leader")?,
            has_stored_list: r.get("has_stored_list")?,
        })
    };
    connection
        .prepare_cached(&sql)
        .and_then(|mut s| s.query_map([], one)?.collect())
        .context("list the workers")
}
