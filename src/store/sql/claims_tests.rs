//! Which feeds a claim takes, and that its work does not grow with the feeds that it does not take.

use std::collections::HashMap;

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::poll::{Health, NextPoll, Reason};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::store::database::{self, Connection, params};
use crate::store::sql::claim_queue::{ClaimQueue, FreeSlots};
use crate::store::sql::claims::{
    Claim, Claimed, DUE, DUE_TOGETHER, NEXT, claim, correct_for_clock, release, release_all,
};
use crate::store::sql::{feed_sync, feeds, polls};
use crate::store::sqlite::migrate;

const LEASE: TimeDelta = TimeDelta::minutes(10);

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

/// A store with feeds: number, host and time of the next poll.
fn store(feeds: impl IntoIterator<Item = (i64, &'static str, i64)>) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    migrate::to_latest(&connection, std::path::Path::new("x.db")).unwrap();
    for (id, host, next_poll_at) in feeds {
        let url = format!("https://{host}/{id}");
        connection
            .execute(
                "INSERT INTO feed (id, url, tags, configured, enabled, added_at)
                 VALUES (?1, ?2, '[]', 1, 1, 0)",
                params![id, url],
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO poll_state (feed_id, active, policy, because, next_poll_at, host)
                 VALUES (?1, 1, 'every 60s', 'new', ?2, ?3)",
                params![id, next_poll_at, host],
            )
            .unwrap();
    }
    connection
}

fn slots(busy: &[(&str, usize)]) -> FreeSlots {
    let busy = busy.iter().map(|(host, slots)| (Host::stored((*host).to_owned()), *slots));
    FreeSlots { idle: 1, busy: busy.collect::<HashMap<_, _>>(), ..FreeSlots::default() }
}

fn request(queue: &ClaimQueue, now: i64, busy: &[(&str, usize)]) -> Claim {
    Claim {
        now: at(now),
        limit: 100,
        lease: LEASE,
        queue: queue.clone(),
        free_slots: slots(busy),
        paused_too: false,
    }
}

fn ids(claimed: &Claimed) -> Vec<i64> {
    claimed.jobs.iter().map(|job| job.feed.0).collect()
}

/// How many steps the virtual machine of SQLite has made for a statement.
fn steps(connection: &Connection, sql: &str) -> i32 {
    connection.prepare_cached(sql).unwrap().steps()
}

#[test]
fn claims_search_an_index_and_sort_nothing() {
    let connection = store([(1, "a.example", 1)]);
    for is_analysed in [false, true] {
        if is_analysed {
            connection.execute_batch("ANALYZE").unwrap();
        }
        for sql in [DUE, DUE_TOGETHER, NEXT] {
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap()
                .query_map(params_of(sql), |row| row.get("detail"))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let is_search = |line: &String| {
                line.starts_with("SEARCH poll_state USING")
                    && line.contains("INDEX poll_state_claimable (")
            };
            assert!(plan.len() == 1 && plan.iter().all(is_search), "{sql}: {plan:?}");
        }
    }
}

/// Values for all parameters of a statement.
fn params_of(sql: &str) -> impl database::Params {
    let highest = (1..=9).filter(|n| sql.contains(&format!("?{n}"))).max().unwrap_or_default();
    database::params_from_iter(vec![1; highest])
}

#[test]
fn a_host_without_free_slots_holds_up_no_other_and_its_feeds_are_read_once() {
    let big = (1..=3_000).map(|id| (id, "big.example", id));
    let connection = store(big.chain([(5_000, "small.example", 4_000)]));
    let queue = ClaimQueue::of_due();
    let first = claim(&connection, request(&queue, 5_000, &[])).unwrap();
    assert_eq!(ids(&first), [1, 5_000], "the longest overdue of each host");
    assert!(first.has_more && !first.has_unread);
    assert_eq!(first.next_to_come, Some(at(5_000) + LEASE));
    assert!(3_000 < steps(&connection, DUE) + steps(&connection, DUE_TOGETHER));
    for (busy, expected) in [(0, vec![]), (2, vec![2, 3]), (0, vec![])] {
        let next = claim(&connection, request(&queue, 5_001, &[("big.example", busy)])).unwrap();
        assert_eq!(ids(&next), expected);
        assert!(next.has_more);
        let steps = steps(&connection, DUE) + steps(&connection, DUE_TOGETHER);
        assert!(steps < 100, "{steps}");
    }
}

#[test]
fn a_claim_reads_a_limited_number_of_feeds_and_the_next_one_goes_on() {
    let big = (1..=20_000).map(|id| (id, "big.example", id));
    let connection = store(big.chain([(30_000, "small.example", 30_000)]));
    let queue = ClaimQueue::of_due();
    let mut found = Vec::new();
    for _ in 0..3 {
        let claimed = claim(&connection, request(&queue, 40_000, &[("big.example", 0)])).unwrap();
        found.push((ids(&claimed), claimed.has_unread));
    }
    assert_eq!(found, [(vec![], true), (vec![], true), (vec![30_000], false)]);
}

#[test]
fn feeds_that_are_due_at_one_time_are_read_once() {
    let connection = store((1..=5_000).map(|id| (id, "big.example", 7)));
    let queue = ClaimQueue::of_due();
    claim(&connection, request(&queue, 100, &[])).unwrap();
    let steps = steps(&connection, DUE) + steps(&connection, DUE_TOGETHER);
    assert_eq!(queue.len(), 4_999);
    assert!(steps < 40 * 5_000, "{steps}");
}

#[test]
fn the_feeds_of_a_paused_host_are_set_aside_until_the_pause_ends() {
    let connection = store([
        (1, "a.example", 10),
        (2, "a.example", 5),
        (3, "b.example", 20),
        (4, "b.example", 2_000_000),
    ]);
    let pause =
        "INSERT INTO host (host, paused_until, strikes, status) VALUES ('a.example', 160, 1, 429)";
    connection.execute_batch(pause).unwrap();
    let queue = ClaimQueue::of_due();
    let claimed = claim(&connection, request(&queue, 100, &[])).unwrap();
    assert_eq!((ids(&claimed), claimed.has_more), (vec![3], false));
    assert_eq!(claimed.next_to_come, Some(at(160)));
    assert_eq!(ids(&claim(&connection, request(&queue, 159, &[])).unwrap()), [0; 0]);
    let claimed = claim(&connection, request(&queue, 160, &[])).unwrap();
    assert_eq!((ids(&claimed), claimed.has_more), (vec![2], true), "the longest overdue");
    let forced = Claim { paused_too: true, ..request(&ClaimQueue::of_due(), 100, &[]) };
    assert_eq!(ids(&claim(&connection, forced).unwrap()), [1]);
    // A pause of more than seven days was set while the clock was ahead.
    let connection = store([(1, "a.example", 10)]);
    connection.execute_batch(&pause.replace("160", "900000")).unwrap();
    assert_eq!(ids(&claim(&connection, request(&ClaimQueue::of_due(), 100, &[])).unwrap()), [1]);
}

#[test]
fn every_change_of_a_plan_changes_when_its_feed_is_claimed() {
    let connection = store([(1, "a.example", 50)]);
    let feed = FeedId(1);
    let claimable = || -> Option<i64> {
        connection.query_row("SELECT claimable_at FROM poll_state", [], |row| row.get(0)).unwrap()
    };
    let next = |at: Option<Timestamp>| NextPoll { at, because: Reason::Interval };
    assert_eq!(claimable(), Some(50));
    let queue = ClaimQueue::of_due();
    assert_eq!(ids(&claim(&connection, request(&queue, 100, &[])).unwrap()), [1]);
    assert_eq!(claimable(), Some(700), "leased");
    assert_eq!(ids(&claim(&connection, request(&queue, 699, &[])).unwrap()), [0; 0]);
    assert_eq!(ids(&claim(&connection, request(&queue, 700, &[])).unwrap()), [1]);
    release(&connection, &[feed]).unwrap();
    assert_eq!(claimable(), Some(50), "released");
    feeds::replan(&connection, &[(feed, next(Some(at(80))))]).unwrap();
    assert_eq!(claimable(), Some(80), "planned anew");
    claim(&connection, request(&ClaimQueue::of_due(), 100, &[])).unwrap();
    release_all(&connection).unwrap();
    assert_eq!(claimable(), Some(80), "all were released");
    polls::revert(&connection, &[(feed, Health::default())], next(Some(at(120)))).unwrap();
    assert_eq!(claimable(), Some(120), "reverted");
    feeds::replan(&connection, &[(feed, next(None))]).unwrap();
    assert_eq!(claimable(), None, "polling has ended");
    feeds::reset(&connection, &[feed], false, at(130)).unwrap();
    assert_eq!(claimable(), Some(130), "reset");
    let (nothing, _) = feed_sync::compare(&connection, &[]).unwrap().next_step(10);
    assert!(feed_sync::write(&connection, &[], &nothing, at(140)).unwrap().is_some());
    assert_eq!(claimable(), None, "no longer configured");
    let check: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn plans_of_a_clock_that_was_ahead_are_due_and_their_leases_end() {
    let day = 86_400;
    let connection = store([
        (1, "a.example", 2 * day),
        (2, "b.example", 2 * day),
        (3, "c.example", day + 60),
        (4, "d.example", 2 * day),
    ]);
    connection
        .execute_batch(&format!(
            "UPDATE poll_state SET polled_at = {day} + 100 WHERE feed_id IN (1, 4);
             UPDATE poll_state SET polled_at = 50, leased_until = 3 * {day} WHERE feed_id = 3;
             UPDATE poll_state SET next_poll_at = NULL WHERE feed_id = 4"
        ))
        .unwrap();
    correct_for_clock(&connection, at(day), LEASE).unwrap();
    let queue = ClaimQueue::of_due();
    let claimed = claim(&connection, request(&queue, day, &[])).unwrap();
    assert_eq!(ids(&claimed), [1], "polled in the future, and not one that is gone");
    assert_eq!(claimed.next_to_come, Some(at(day) + LEASE), "the lease of the third");
    let later = claim(&connection, request(&queue, day + 600, &[])).unwrap();
    assert_eq!(ids(&later), [1, 3], "leases last no longer than new ones");
}

#[test]
fn named_feeds_are_claimed_due_or_not_and_each_once() {
    let connection = store([
        (1, "a.example", 900),
        (2, "a.example", 800),
        (3, "b.example", 900),
        (4, "c.example", 5),
    ]);
    connection.execute_batch("UPDATE poll_state SET leased_until = 500 WHERE feed_id = 3").unwrap();
    let queue = ClaimQueue::of_named((1..=3).map(FeedId).collect());
    assert_eq!(queue.len(), 3);
    let first = claim(&connection, request(&queue, 100, &[])).unwrap();
    assert_eq!((ids(&first), first.has_more), (vec![2], true), "the longest overdue of its host");
    assert_eq!(queue.len(), 2);
    let second = claim(&connection, request(&queue, 100, &[])).unwrap();
    assert_eq!((ids(&second), second.has_more), (vec![1], false));
    assert_eq!(queue.len(), 1, "another process polls the third");
    assert_eq!(ids(&claim(&connection, request(&queue, 100, &[])).unwrap()), [0; 0]);
}

#[test]
fn a_named_feed_waits_for_the_host_that_is_requested_now() {
    let connection = store([(1, "new.example", 900)]);
    // The next poll asks the configured address again; one before it requests the address that the feed has moved to.
    connection
        .execute_batch(
            "UPDATE feed SET url = 'https://old.example/1';
             UPDATE poll_state SET host = 'old.example', moved_to = 'https://new.example/1', moved_at = 1,
                recheck_at = 900",
        )
        .unwrap();
    let busy = [("new.example", 0)];
    let queue = ClaimQueue::of_named(vec![FeedId(1)]);
    assert_eq!(ids(&claim(&connection, request(&queue, 100, &busy)).unwrap()), [0; 0]);
    let claimed = claim(&connection, request(&queue, 100, &[("old.example", 0)])).unwrap();
    let host = claimed.jobs[0].host().unwrap();
    assert_eq!(host.as_str(), "new.example");
}
