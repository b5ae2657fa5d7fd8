//! When the page of an article is requested: at once, again after a failure, and again while the article is young.

use crate::domain::time::{TimeDelta, Timestamp};

/// The waits after the first and after the second failure. There is no fourth attempt.
const WAITS: [TimeDelta; 2] = [TimeDelta::hours(1), TimeDelta::days(1)];

/// The age up to which the page of an article is requested again, because it may have been edited.
pub const YOUNG: TimeDelta = TimeDelta::days(2);

/// The age up to which articles that are stored already get their page when `full_text` is switched on.
pub const RECENT: TimeDelta = TimeDelta::days(7);

/// How long consumers do not hear of a new article because its page has not been requested.
pub const LONGEST_HOLD: TimeDelta = TimeDelta::minutes(15);

/// The shortest time between two requests for a page, whatever its feed says.
const SHORTEST: TimeDelta = TimeDelta::hours(1);

/// The wait after a request that does not count, because nobody could be reached.
pub const OUTAGE_WAIT: TimeDelta = TimeDelta::minutes(2);

/// The first pause of a host that names no time, and the longest one. Each pause is twice as long as the one before.
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(15);
const LONGEST_PAUSE: TimeDelta = TimeDelta::days(1);

/// When a page is requested again of which `attempts` requests have failed; `None` for never.
pub fn retry_at(attempts: u32, now: Timestamp) -> Option<Timestamp> {
    let wait = WAITS.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    Some(now + *wait)
}

/// When a page is requested again after a request that does not count. `tried_at` is the time of the first request.
pub fn postponed_to(
    tried_at: Option<Timestamp>,
    wait: TimeDelta,
    now: Timestamp,
) -> Option<Timestamp> {
    let until = now + wait;
    tried_at.is_none_or(|first| until - first <= YOUNG).then_some(until)
}

/// When a page that was fetched is requested again, to see whether it was edited; `None` for never.
pub fn refresh_at(first_seen: Timestamp, refresh: TimeDelta, now: Timestamp) -> Option<Timestamp> {
    let next = now + refresh;
    (next - first_seen <= YOUNG).then_some(next)
}

/// When a page is requested again because the entry of the feed has changed.
pub fn asked_again_at(fetched_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    fetched_at.map_or(now, |at| now.max(at + SHORTEST))
}

/// How long a host is left alone that asks for it and names no time. `strikes` is the number of such pauses in a row.
pub fn unnamed_pause(strikes: u32) -> TimeDelta {
    let doubled = FIRST_PAUSE.checked_mul(1 << strikes.min(10)).unwrap_or(LONGEST_PAUSE);
    doubled.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::from_unix;

    const NOW: i64 = 1_700_000_000;
    const HOUR: i64 = 3_600;

    #[test]
    fn a_page_is_tried_three_times_over_a_day() {
        let at = |attempts| retry_at(attempts, from_unix(NOW)).map(|at| at.timestamp() - NOW);
        assert_eq!([0, 1, 2, 3, 9].map(at), [None, Some(HOUR), Some(24 * HOUR), None, None]);
    }

    #[test]
    fn requests_that_do_not_count_end_after_two_days() {
        let now = from_unix(NOW);
        let wait = TimeDelta::hours(1);
        let at = |tried_at: Option<i64>| postponed_to(tried_at.map(from_unix), wait, now);
        assert_eq!(at(None), Some(now + wait));
        assert_eq!(at(Some(NOW - 47 * HOUR)), Some(now + wait));
        assert_eq!(at(Some(NOW - 48 * HOUR)), None);
    }

    #[test]
    fn young_articles_are_requested_again() {
        let now = from_unix(NOW);
        let at = |age| {
            let next = refresh_at(from_unix(NOW - age * HOUR), TimeDelta::hours(6), now);
            next.map(|at| at.timestamp() - NOW)
        };
        assert_eq!([0, 42, 43].map(at), [Some(6 * HOUR), Some(6 * HOUR), None]);
        assert_eq!(asked_again_at(None, now), now);
        assert_eq!(asked_again_at(Some(from_unix(NOW - 60)), now), from_unix(NOW - 60 + HOUR));
    }

    #[test]
    fn pauses_without_a_time_double() {
        let minutes = [0, 1, 2, 7, 99].map(|strikes| unnamed_pause(strikes).num_minutes());
        assert_eq!(minutes, [15, 30, 60, 1_440, 1_440]);
    }
}
