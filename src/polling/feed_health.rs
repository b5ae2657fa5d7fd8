//! When a feed counts as dead, as silent, and as recovered.
//!
//! A feed has failed for long when its weighted failures have reached [`MANY_FAILURES`]. As each failure doubles the
//! interval, this depends on how often the feed is polled, and on what kind of failure it is: three answers 404, six of
//! 503 or twelve refused connections in a row. A failure of our own network does not count.
//!
//! Silence is judged by the feed's own rhythm. See [`patience`].

use crate::domain::feed_health::{FeedObservation, HealthChange, HealthEvent, ReportedHealth};
use crate::domain::time::{TimeDelta, Timestamp};

/// The weighted failures after which a feed counts as failing.
pub const MANY_FAILURES: f64 = 3.0;

/// Fewer gaps between articles are no rhythm.
const FEWEST_GAPS: usize = 4;

/// From this number of gaps on, the longest is taken for an exception, such as a summer break.
const MANY_GAPS: usize = 20;

/// No feed is silent before this: most people sleep.
pub const SHORTEST_SILENCE: TimeDelta = TimeDelta::days(1);

/// Articles of the same hour are one event of the rhythm. Otherwise a feed that brings its articles in batches would
/// be silent between these.
const BATCH: i64 = 3600;

/// How long after its newest article a feed is silent: three times the mean gap between its articles, or twice the
/// longest, whichever is more. `None` when the dates have no rhythm. `dates` are newest first.
pub fn patience(dates: &[Timestamp]) -> Option<TimeDelta> {
    let mut hours: Vec<i64> = dates.iter().map(|date| date.timestamp().div_euclid(BATCH)).collect();
    hours.dedup();
    let mut gaps: Vec<i64> =
        hours.windows(2).filter_map(|pair| Some(pair.first()? - pair.last()?)).collect();
    if gaps.len() < FEWEST_GAPS {
        return None;
    }
    gaps.sort_unstable();
    if MANY_GAPS <= gaps.len() {
        gaps.pop();
    }
    let count = i64::try_from(gaps.len()).ok()?;
    let (mean, longest) = (gaps.iter().sum::<i64>() / count, *gaps.last()?);
    let patience = (3 * mean).max(2 * longest).checked_mul(BATCH)?;
    Some(TimeDelta::try_seconds(patience)?.max(SHORTEST_SILENCE))
}

/// What has changed since a feed's health was reported last. `patience` is that of its articles.
pub fn changes(
    seen: &FeedObservation,
    patience: Option<TimeDelta>,
    now: Timestamp,
) -> (ReportedHealth, Vec<HealthChange>) {
    let mut reported = seen.reported;
    let mut changes = Vec::new();
    let mut report = |event, was, since| changes.push(change(seen, (event, was), since, now));
    let trouble = if seen.gone {
        Some(HealthEvent::Gone)
    } else if MANY_FAILURES <= seen.failures {
        Some(HealthEvent::Failing)
    } else if 0.0 < seen.failures
        || seen.succeeded_at.is_none()
        || seen.succeeded_at != seen.polled_at
    {
        reported.trouble // Too few failures to decide, and no success either.
    } else {
        None
    };
    match (reported.trouble, trouble) {
        (before, Some(now)) if before != Some(now) => report(now, None, seen.failing_since),
        (Some(before), None) => report(HealthEvent::Recovered, Some(before), None),
        (Some(_) | None, Some(_) | None) => {}
    }
    reported.trouble = trouble;
    // A feed that cannot be read brings nothing, which is reported already.
    if trouble.is_none() && seen.succeeded_at.is_some() {
        let silent = match (seen.newest_at, patience) {
            (Some(newest), _) if now - newest <= SHORTEST_SILENCE => false,
            (Some(newest), Some(patience)) => patience < now - newest,
            // Its articles were removed since, so that its rhythm is not known any more.
            (Some(_) | None, Some(_) | None) => reported.silent,
        };
        match (reported.silent, silent) {
            (false, true) => report(HealthEvent::Silent, None, seen.newest_at),
            (true, false) => report(HealthEvent::Recovered, Some(HealthEvent::Silent), None),
            (true, true) | (false, false) => {}
        }
        reported.silent = silent;
    }
    (reported, changes)
}

fn change(
    seen: &FeedObservation,
    (event, was): (HealthEvent, Option<HealthEvent>),
    since: Option<Timestamp>,
    now: Timestamp,
) -> HealthChange {
    HealthChange {
        feed: seen.feed,
        at: now,
        event,
        was,
        since,
        outcome: seen.outcome.clone(),
        status: seen.status,
        detail: seen.detail.clone(),
        succeeded_at: seen.succeeded_at,
        newest_at: seen.newest_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feed::FeedId;
    use crate::domain::time::from_unix;

    fn now() -> Timestamp {
        from_unix(1_800_000_000)
    }

    /// Dates that lie so many hours before now.
    fn hours(ago: impl IntoIterator<Item = i64>) -> Vec<Timestamp> {
        ago.into_iter().map(|hours| now() - TimeDelta::hours(hours)).collect()
    }

    #[test]
    fn patience_follows_the_rhythm_of_the_feed() {
        let days = |n: i64| (0..n).map(|day| day * 24);
        let weekdays = (0..21).filter(|day| day % 7 < 5).map(|day| day * 24);
        let break_of_a_month = (0..30).map(|n| if n < 25 { n * 24 } else { n * 24 + 720 });
        let batches = (0..6).flat_map(|day| std::iter::repeat_n(day * 24, 20));
        for (name, dates, expected) in [
            ("each hour", hours(0..30), Some(24)),
            ("each day", hours(days(10)), Some(3 * 24)),
            ("each day, few", hours(days(5)), Some(3 * 24)),
            ("too few", hours(days(4)), None),
            ("on weekdays", hours(weekdays), Some(6 * 24)),
            ("each week", hours((0..10).map(|week| week * 168)), Some(3 * 168)),
            ("each year", hours((0..6).map(|year| year * 8760)), Some(3 * 8760)),
            ("a long break once", hours(break_of_a_month), Some(3 * 24)),
            ("batches", hours(batches), Some(3 * 24)),
            ("an archive that came at once", hours([0; 50]), None),
            ("nothing", Vec::new(), None),
        ] {
            assert_eq!(patience(&dates), expected.map(TimeDelta::hours), "{name}");
        }
    }

    fn observation(
        failures: f64,
        newest_hours_ago: i64,
        reported: ReportedHealth,
    ) -> FeedObservation {
        let polled_at = Some(now());
        FeedObservation {
            feed: FeedId(1),
            failures,
            failing_since: (0.0 < failures).then_some(from_unix(5)),
            gone: false,
            polled_at,
            succeeded_at: if failures == 0.0 { polled_at } else { Some(from_unix(4)) },
            outcome: None,
            status: None,
            detail: None,
            newest_at: Some(now() - TimeDelta::hours(newest_hours_ago)),
            reported,
        }
    }

    #[test]
    fn each_change_is_told_once() {
        let ok = ReportedHealth::default();
        let failing = ReportedHealth { trouble: Some(HealthEvent::Failing), silent: false };
        let gone = ReportedHealth { trouble: Some(HealthEvent::Gone), silent: false };
        let silent = ReportedHealth { trouble: None, silent: true };
        let both = ReportedHealth { silent: true, ..failing };
        let is_gone = |reported| FeedObservation { gone: true, ..observation(1.0, 1, reported) };
        let never =
            FeedObservation { succeeded_at: None, polled_at: None, ..observation(0.0, 999, ok) };
        for (name, seen, expected, after) in [
            ("well", observation(0.0, 1, ok), &[][..], ok),
            ("a few failures", observation(2.5, 1, ok), &[], ok),
            ("many failures", observation(3.0, 1, ok), &["failing"], failing),
            ("more of them", observation(9.0, 1, failing), &[], failing),
            ("reset by hand, not polled", observation(1.0, 1, failing), &[], failing),
            ("well again", observation(0.0, 1, failing), &["recovered"], ok),
            ("gone", is_gone(ok), &["gone"], gone),
            ("still gone", is_gone(gone), &[], gone),
            ("failing, then gone", is_gone(failing), &["gone"], gone),
            ("silent", observation(0.0, 73, ok), &["silent"], silent),
            ("still silent", observation(0.0, 99, silent), &[], silent),
            ("not yet silent", observation(0.0, 71, ok), &[], ok),
            ("an article again", observation(0.0, 1, silent), &["recovered"], ok),
            ("silent and failing", observation(3.0, 99, silent), &["failing"], both),
            ("well and still silent", observation(0.0, 99, both), &["recovered"], silent),
            ("never read", never, &[], ok),
        ] {
            let (reported, changes) = changes(&seen, Some(TimeDelta::hours(72)), now());
            let events: Vec<&str> = changes.iter().map(|change| change.event.as_str()).collect();
            assert_eq!((events.as_slice(), reported), (expected, after), "{name}");
        }
        for reported in [ok, silent] {
            let (after, reported_changes) = changes(&observation(0.0, 99, reported), None, now());
            assert_eq!(
                (after, reported_changes.len()),
                (reported, 0),
                "without a rhythm nothing changes"
            );
        }
    }
}
