//! The schedule's table of cases.

use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn feed(n: u32) -> FeedUrl {
    FeedUrl::parse(&format!("https://example.org/{n}.xml")).unwrap()
}

fn every(seconds: i64) -> Policy {
    Policy { cadence: Cadence::Every(TimeDelta::seconds(seconds)), ..Policy::default() }
}

fn history(url: &FeedUrl) -> History<'_> {
    History {
        url,
        health: Health::default(),
        recent: &[],
        min_waits: &[],
        skip_hours: 0,
        skip_days: 0,
    }
}

/// crontab(5): minute hour day month weekday; 0 and 7 are Sunday; either of day and weekday suffices.
/// 2026-11-24 is a Tuesday.
#[test]
fn a_crontab_line_fires_when_cron_would() {
    for (text, zone, now, expected) in [
        ("*/15 * * * *", "UTC", "2026-11-24T10:01:00Z", "2026-11-24T10:15:00Z"),
        ("0 6 * * 0", "UTC", "2026-11-24T10:00:00Z", "2026-11-29T06:00:00Z"),
        ("0 6 * * 7", "UTC", "2026-11-24T10:00:00Z", "2026-11-29T06:00:00Z"),
        ("0 6 * * 1", "UTC", "2026-11-24T10:00:00Z", "2026-11-30T06:00:00Z"),
        ("0 6 * * Mon-Fri", "UTC", "2026-11-27T10:00:00Z", "2026-11-30T06:00:00Z"),
        ("0 6 * * 5-7", "UTC", "2026-11-24T10:00:00Z", "2026-11-27T06:00:00Z"),
        ("0 6 * * sat,sun", "UTC", "2026-11-24T10:00:00Z", "2026-11-28T06:00:00Z"),
        ("0 6 * * */2", "UTC", "2026-11-25T10:00:00Z", "2026-11-26T06:00:00Z"),
        // The 13th, and every Friday as well.
        ("0 0 13 * 5", "UTC", "2026-11-24T10:00:00Z", "2026-11-27T00:00:00Z"),
        ("0 0 13 * 5", "UTC", "2026-12-12T10:00:00Z", "2026-12-13T00:00:00Z"),
        // Local time, summer and winter.
        ("0 6 * * *", "Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-01T04:00:00Z"),
        ("0 6 * * *", "Europe/Berlin", "2026-11-24T00:00:00Z", "2026-11-24T05:00:00Z"),
        // 02:30 does not exist on 2026-03-29 in Berlin: the next day's does.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"),
        // The cron crate's own form, seconds first.
        ("30 0 6 * * Mon", "UTC", "2026-11-24T10:00:00Z", "2026-11-30T06:00:30Z"),
        ("0 0 6 1 1 * 2030", "UTC", "2026-11-24T10:00:00Z", "2030-01-01T06:00:00Z"),
        ("@daily", "UTC", "2026-11-24T10:00:00Z", "2026-11-25T00:00:00Z"),
    ] {
        let schedule = CronSchedule::parse(text, zone.parse().unwrap(), at(now)).unwrap();
        assert_eq!(schedule.next_after(at(now)), Some(at(expected)), "{text} {zone} after {now}");
    }
}

#[test]
fn what_is_no_cron_expression_says_why() {
    for (text, expected) in [
        ("", InvalidCron::Fields(0)),
        ("* * *", InvalidCron::Fields(3)),
        ("0 6 * * 8", InvalidCron::Weekday("8".into())),
        ("0 6 * * Funday", InvalidCron::Weekday("Funday".into())),
        ("0 0 6 * * 1", InvalidCron::NumericWeekday),
        ("0 0 31 2 *", InvalidCron::Never),
        ("0 0 6 1 1 * 2001", InvalidCron::Never),
    ] {
        let now = at("2026-11-24T10:00:00Z");
        assert_eq!(CronSchedule::parse(text, Tz::UTC, now), Err(expected), "{text}");
    }
    let error = CronSchedule::parse("61 * * * *", Tz::UTC, at("2026-11-24T10:00:00Z"));
    assert!(matches!(error, Err(InvalidCron::Syntax(_))), "{error:?}");
}

#[test]
fn an_interval_is_kept_from_plan_to_plan_however_late_the_poll() {
    let (url, policy) = (feed(1), every(1_800));
    let first = next_poll(&policy, history(&url), at("2026-11-24T10:00:00Z")).at.unwrap();
    for delay in [0, 1, 59, 800] {
        let next = next_poll(&policy, history(&url), first + TimeDelta::seconds(delay));
        let expected = Some(first + TimeDelta::seconds(1_800));
        assert_eq!(next, NextPoll { at: expected, because: Reason::Interval }, "delay {delay}");
    }
}

#[test]
fn feeds_of_one_interval_are_spread_over_it() {
    let now = at("2026-11-24T10:00:00Z");
    let mut buckets = [0_u32; 6];
    for n in 0..600 {
        let next = next_poll(&every(600), history(&feed(n)), now).at.unwrap();
        let second = next.timestamp().rem_euclid(600);
        buckets[usize::try_from(second / 100).unwrap()] += 1;
        let wait = (next - now).num_seconds();
        assert!((300..=900).contains(&wait), "half to one and a half intervals: {wait}");
    }
    assert!(buckets.iter().all(|n| (60..=140).contains(n)), "{buckets:?}");
}

/// `expected` is the shortest wait. The longest is a tenth more, and an hour more at most.
#[test]
fn feeds_that_were_polled_together_are_spread_and_none_comes_early() {
    let now = at("2026-11-24T10:00:00Z");
    let failing = Health { failures: 1.0, failing_since: Some(now) };
    let healthy = Health::default();
    for (reason, asked, health, expected, tenth) in [
        (Reason::UpdatePeriod, HOUR, healthy, HOUR, 360),
        (Reason::MaxAge, 2 * HOUR, healthy, 2 * HOUR, 720),
        (Reason::RetryAfter, 24 * HOUR, healthy, 24 * HOUR, HOUR),
        (Reason::Ttl, 60, failing, 1_200, 120),
    ] {
        let mut tenths = [0_u32; 6];
        for n in 0..600 {
            let min_waits = [(reason, TimeDelta::seconds(asked))];
            let url = feed(n);
            let history = History { min_waits: &min_waits, health, ..history(&url) };
            let wait = (next_poll(&every(600), history, now).at.unwrap() - now).num_seconds();
            assert!((expected..=expected + tenth).contains(&wait), "{reason:?}: {wait}");
            tenths[usize::try_from((wait - expected) * 6 / (tenth + 1)).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|n| (60..=140).contains(n)), "{reason:?}: {tenths:?}");
    }
}

#[test]
fn the_server_can_only_lengthen_the_wait() {
    let url = feed(1);
    let now = at("2026-11-24T10:00:00Z");
    let plain = next_poll(&every(HOUR), history(&url), now);
    for (seconds, expected) in [
        (60, plain), // It cannot make us hurry.
        (
            5 * HOUR,
            NextPoll {
                at: Some(now + TimeDelta::hours(5) + delay(&url, TimeDelta::hours(5))),
                because: Reason::MaxAge,
            },
        ),
    ] {
        let min_waits =
            [(Reason::Ttl, TimeDelta::zero()), (Reason::MaxAge, TimeDelta::seconds(seconds))];
        let next = next_poll(&every(HOUR), History { min_waits: &min_waits, ..history(&url) }, now);
        assert_eq!(next, expected, "{seconds:?}");
    }
}

/// A feed's place on its grid is up to one and a half intervals away, which is more than the back-off
/// after a soft failure (1.4): the wait and its reason must not depend on the feed's hash.
#[test]
fn a_failing_feed_waits_by_its_back_off_wherever_its_grid_is() {
    let now = at("2026-11-24T10:00:00Z");
    for n in 0..200 {
        let url = feed(n);
        let health = Health { failures: 0.5, failing_since: Some(now) };
        let failing = next_poll(&every(HOUR), History { health, ..history(&url) }, now);
        let healthy = next_poll(&every(HOUR), history(&url), now);
        assert_eq!(failing.because, Reason::Backoff, "{url}");
        assert!(now + TimeDelta::seconds(5_091) <= failing.at.unwrap(), "{url}: {failing:?}");
        assert!(healthy.at <= failing.at, "{url}");
    }
}

#[test]
fn failures_double_the_wait_up_to_a_day_and_a_week_after_a_month() {
    let url = feed(1);
    let now = at("2026-11-24T10:00:00Z");
    for (failures, failing_days, hours) in [
        (1.0, 0, 2.0),
        (2.0, 0, 4.0),
        (0.5, 0, 1.414),
        (10.0, 1, 24.0),
        (10.0, 29, 24.0),
        (10.0, 30, 168.0),
        (500.0, 400, 168.0), // Never abandoned.
    ] {
        let failing_since = Some(now - TimeDelta::days(failing_days));
        let health = Health { failures, failing_since };
        let next = next_poll(&every(HOUR), History { health, ..history(&url) }, now);
        let wait = (next.at.unwrap() - now).as_seconds_f64() / 3_600.0;
        // The grid may hold a first failure back by up to half an interval.
        assert!((wait - hours).abs() <= 0.5, "failures={failures}: {wait} hours");
    }
}

#[test]
fn the_adaptive_interval_follows_the_feed() {
    let now = at("2026-11-24T10:00:00Z");
    let dates = |hours: &[i64]| -> Vec<Timestamp> {
        hours.iter().map(|h| now - TimeDelta::hours(*h)).collect()
    };
    let minutes = |m: i64| TimeDelta::minutes(m);
    for (name, recent, expected) in [
        ("an empty feed: the middle of the bounds", dates(&[]), minutes(147)),
        ("two a day", dates(&[0, 12, 24, 36]), minutes(360)),
        ("one article, fresh", dates(&[1]), minutes(147)),
        ("one article, a year ago", dates(&[8_760]), minutes(24 * 60)),
        ("a burst of equal dates", dates(&[0, 0, 0, 0]), minutes(15)),
        ("a burst a month ago", dates(&[720, 720, 720]), minutes(24 * 60)),
        ("dates in the future count as now", dates(&[-500, -400, 0]), minutes(15)),
        ("hourly, silent for two days", dates(&[48, 49, 50]), minutes(12 * 60)),
    ] {
        let got = adaptive_interval(&Policy::default(), &recent, now);
        assert!((got - expected).abs() < minutes(1), "{name}: {got}, expected {expected}");
    }
}

/// RSS 2.0: `skipHours` and `skipDays` are GMT. 2026-11-24 is a Tuesday.
#[test]
fn skipped_hours_and_days_are_waited_out_for_at_most_a_day() {
    let url = feed(1);
    let hours = |list: &[u32]| list.iter().fold(0, |mask, hour| mask | 1_u32 << hour);
    for (at_hour, skip_hours, skip_days, expected, because) in [
        (10, 0, 0, "2026-11-24T10:20:00Z", Reason::MaxAge),
        (10, hours(&[11]), 0, "2026-11-24T10:20:00Z", Reason::MaxAge),
        (10, hours(&[10]), 0, "2026-11-24T11:00:00Z", Reason::SkipHours),
        (10, hours(&[10, 11, 12]), 0, "2026-11-24T13:00:00Z", Reason::SkipHours),
        (23, hours(&[23, 0]), 0, "2026-11-25T01:00:00Z", Reason::SkipHours),
        (10, 0, 0b100, "2026-11-25T00:00:00Z", Reason::SkipDays),
        // Two days in a row: believed for one.
        (10, 0, 0b1100, "2026-11-25T10:20:00Z", Reason::SkipDays),
    ] {
        let now = at(&format!("2026-11-24T{:02}:20:00Z", at_hour - 1));
        let min_waits = [(Reason::MaxAge, TimeDelta::hours(1))];
        let history = History { min_waits: &min_waits, skip_hours, skip_days, ..history(&url) };
        let next = next_poll(&every(60), history, now);
        assert_eq!(next.because, because, "{skip_hours:b} {skip_days:b}");
        // One delay of the wait, and one in the hour after those that are skipped.
        let late = next.at.unwrap() - at(expected);
        assert!((TimeDelta::zero()..=TimeDelta::minutes(6)).contains(&late), "{next:?}");
    }
}

proptest! {
    /// Whatever has happened, a feed is neither polled at once again nor given up, and what a server asks for
    /// makes it later only.
    #[test]
    fn the_next_poll_comes_and_no_sooner_for_what_a_server_says(
        now in 0_i64..4_000_000_000,
        interval in prop::option::of(1_i64..1_000_000),
        failures in 0.0_f64..1e6,
        failing in prop::option::of(0_i64..100_000_000),
        ages in prop::collection::vec(-1_000_000_i64..100_000_000, 0..20),
        wait in 0_i64..604_800,
        skip_hours in 0_u32..(1 << 24),
        skip_days in 0_u8..(1 << 7),
    ) {
        let now = Timestamp::from_timestamp(now, 0).unwrap();
        let before = |seconds: i64| now - TimeDelta::seconds(seconds);
        let policy = interval.map_or_else(Policy::default, every);
        let recent: Vec<Timestamp> = ages.into_iter().map(before).collect();
        let min_waits = [(Reason::RetryAfter, TimeDelta::seconds(wait))];
        let url = feed(1);
        let health = Health { failures, failing_since: failing.map(before) };
        let plain = History { health, recent: &recent, ..history(&url) };
        let asked = History { min_waits: &min_waits, skip_hours, skip_days, ..plain };
        let [plain, asked] = [plain, asked].map(|history| next_poll(&policy, history, now).at.unwrap());
        prop_assert!(now < plain, "{now} {plain}");
        prop_assert!(plain <= asked && now + min_waits[0].1 <= asked, "{plain} {asked}");
        let longest = TimeDelta::seconds(interval.unwrap_or_default()).max(TimeDelta::days(7));
        prop_assert!(asked <= now + longest * 2 + TimeDelta::days(1), "{now} {asked}");
    }
}
