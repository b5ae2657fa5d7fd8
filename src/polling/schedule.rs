//! The time of the next poll of a feed, and the reason for it.
//!
//! Users write cron expressions as in crontab(5): five fields, Sunday is 0 or 7, and either day of month or
//! day of week must match. The crate `cron` has six or seven fields, seconds first, Sunday is 1, and both
//! must match. [`CronSchedule::parse`] translates the former into the latter.

use std::str::FromStr;

use chrono::{Datelike, Timelike};
use chrono_tz::Tz;

use crate::domain::feed::FeedUrl;
use crate::domain::poll::{Health, NextPoll, PollHistory, Reason};
use crate::domain::time::{TimeDelta, Timestamp};

/// How often a feed is polled when no other rule delays the poll.
#[derive(Clone, Debug, PartialEq)]
pub enum Cadence {
    Every(TimeDelta),
    Cron(CronSchedule),
    /// Computed from the dates of the latest articles.
    Adaptive,
}

/// What the configuration says about a feed's schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub cadence: Cadence,
    /// Bounds of the adaptive interval.
    pub min: TimeDelta,
    pub max: TimeDelta,
    /// Whether `max-age` and `Expires` are obeyed.
    pub obey_cache: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            cadence: Cadence::Adaptive,
            min: TimeDelta::minutes(15),
            max: TimeDelta::hours(24),
            obey_cache: true,
        }
    }
}

impl Policy {
    /// Whether a stored description (see [`Policy::describe`]) is that of an adaptive policy.
    pub fn is_adaptive(described: &str) -> bool {
        described.starts_with(ADAPTIVE)
    }

    /// A text that is equal for equal schedules only. It is stored to detect changes of the schedule.
    pub fn describe(&self) -> String {
        match &self.cadence {
            Cadence::Every(interval) => format!("every {}s", interval.num_seconds()),
            Cadence::Cron(cron) => format!("cron {} {}", cron.as_str(), cron.zone()),
            Cadence::Adaptive => {
                format!("{ADAPTIVE} {}s..{}s", self.min.num_seconds(), self.max.num_seconds())
            }
        }
    }
}

/// The first word of the description of an adaptive policy.
const ADAPTIVE: &str = "adaptive";

/// The longest back-off; it is [`LONGEST_BACKOFF_DEAD`] after failures for [`LONG_FAILING`].
const LONGEST_BACKOFF: TimeDelta = TimeDelta::hours(24);
const LONG_FAILING: TimeDelta = TimeDelta::days(30);
const LONGEST_BACKOFF_DEAD: TimeDelta = TimeDelta::days(7);

/// What the next poll is computed from, besides the policy.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// The address, whose hash spreads feeds of the same interval over that interval; see `on_grid`.
    pub url: &'a FeedUrl,
    pub health: Health,
    /// Dates of the latest articles, newest first.
    pub recent: &'a [Timestamp],
    /// The waits that server and feed ask for, as far as they are obeyed; see `polling::freshness`.
    pub min_waits: &'a [(Reason, TimeDelta)],
    /// Hours and days (GMT) without polls; see [`Hints`](crate::domain::poll::Hints).
    pub skip_hours: u32,
    pub skip_days: u8,
}

impl<'a> History<'a> {
    pub fn of(url: &'a FeedUrl, stored: &'a PollHistory) -> Self {
        let PollHistory { health, recent, min_waits, skip_hours, skip_days } = stored;
        Self {
            url,
            health: *health,
            recent,
            min_waits,
            skip_hours: *skip_hours,
            skip_days: *skip_days,
        }
    }
}

/// The earliest time of the next poll according to one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub at: Timestamp,
    pub because: Reason,
}

/// The time of the next poll after a poll at `now`, and its reason: the latest of the [`candidates`], later by the
/// `delay` of the feed if a server asked for it, and moved out of the hours and days to skip.
pub fn next_poll(policy: &Policy, history: History<'_>, now: Timestamp) -> NextPoll {
    // The back-off of a failing feed replaces the time of the policy.
    let mut next = backoff(policy, history, now).unwrap_or_else(|| proposed(policy, history, now));
    for candidate in candidates(policy, history, now) {
        // Of equal times the first wins: it is that of the policy, which the user knows.
        if next.at < candidate.at {
            next = candidate;
        }
    }
    if is_asked_for(next.because) {
        next.at += delay(history.url, next.at - now);
    }
    let Candidate { at, because } = out_of_skipped(next, history);
    NextPoll { at: Some(at), because }
}

/// The time of each rule, that of the policy first. Failures and the server can only delay a poll.
pub fn candidates(policy: &Policy, history: History<'_>, now: Timestamp) -> Vec<Candidate> {
    let asked = history.min_waits.iter().map(|(because, wait)| (now + *wait, *because));
    std::iter::once(proposed(policy, history, now))
        .chain(backoff(policy, history, now))
        .chain(asked.map(|(at, because)| Candidate { at, because }))
        .collect()
}

/// Whether a reason is a wait that a server or feed asks for, and not the schedule or the back-off, which spread feeds
/// themselves.
fn is_asked_for(because: Reason) -> bool {
    !matches!(because, Reason::Interval | Reason::Cron | Reason::Adaptive | Reason::Backoff)
}

/// Moves a time to the next hour that is not skipped, by one day at most. Feeds that skip the same hours are spread over the
/// beginning of the next one.
fn out_of_skipped(next: Candidate, history: History<'_>) -> Candidate {
    let day_bit = |at: Timestamp| 1_u8 << at.weekday().num_days_from_sunday();
    let mut moved = next;
    for _ in 0..=24 {
        let because = if history.skip_hours & (1 << moved.at.hour()) != 0 {
            Reason::SkipHours
        } else if history.skip_days & day_bit(moved.at) != 0 {
            Reason::SkipDays
        } else if moved == next {
            return next;
        } else {
            moved.at += delay(history.url, TimeDelta::hours(1));
            break;
        };
        let into_the_hour = moved.at.timestamp().rem_euclid(3_600);
        moved = Candidate { at: moved.at + TimeDelta::seconds(3_600 - into_the_hour), because };
    }
    let end = next.at + TimeDelta::days(1);
    Candidate { at: moved.at.min(end), ..moved }
}

/// The next poll of a feed whose policy has changed since its last poll at `polled_at`. It is not before `now`.
pub fn replanned(
    policy: &Policy,
    history: History<'_>,
    polled_at: Timestamp,
    now: Timestamp,
) -> NextPoll {
    let next = next_poll(policy, history, polled_at);
    NextPoll { at: next.at.map(|at| at.max(now)), ..next }
}

/// The time of the policy alone.
fn proposed(policy: &Policy, history: History<'_>, now: Timestamp) -> Candidate {
    let (at, because) = match &policy.cadence {
        Cadence::Every(interval) => (on_grid(history.url, *interval, now), Reason::Interval),
        // An expression that never fires again is replaced by the longest interval.
        Cadence::Cron(cron) => (cron.next_after(now).unwrap_or(now + policy.max), Reason::Cron),
        Cadence::Adaptive => {
            let interval = adaptive_interval(policy, history.recent, now);
            (spread(history.url, interval, policy, now), Reason::Adaptive)
        }
    };
    Candidate { at, because }
}

/// The time on the grid of the feed that is nearest to `now` plus the interval. The grid has all times with
/// the same remainder modulo the interval; the remainder is a hash of the feed's address.
///
/// Feeds of the same interval are thus spread evenly over it. A delay of less than half an interval, such as
/// a restart, does not delay the next poll.
fn on_grid(url: &FeedUrl, interval: TimeDelta, now: Timestamp) -> Timestamp {
    let interval = interval.num_seconds().max(1);
    let phase = phase(url, interval);
    let base = now.timestamp() + interval;
    let behind = (base - phase).rem_euclid(interval);
    let nearest = if 2 * behind <= interval { base - behind } else { base - behind + interval };
    crate::domain::time::from_unix(nearest)
}

/// Adds up to a tenth of `interval`, by the hash of the address, within the bounds of the policy, so that
/// feeds that were added together are not polled together for ever.
fn spread(url: &FeedUrl, interval: TimeDelta, policy: &Policy, now: Timestamp) -> Timestamp {
    let seconds = interval.num_seconds();
    let extra = TimeDelta::seconds(phase(url, seconds / 10 + 1));
    now + (interval + extra).clamp(policy.min, policy.max.max(policy.min))
}

/// A number below `modulus` that depends on the address only.
fn phase(url: &FeedUrl, modulus: i64) -> i64 {
    i64::try_from(hash(url) % modulus.max(1).unsigned_abs()).unwrap_or_default()
}

fn hash(url: &FeedUrl) -> u64 {
    xxhash_rust::xxh3::xxh3_64(url.as_str().as_bytes())
}

/// The longest [`delay`].
const LONGEST_DELAY: TimeDelta = TimeDelta::hours(1);

/// How much later than after `wait` a feed is polled, so that feeds that were polled together, and whose servers ask for the
/// same wait, are not polled together again: a part of a tenth of the wait, by the hash of the address. A longer wait
/// gives no shorter delay.
fn delay(url: &FeedUrl, wait: TimeDelta) -> TimeDelta {
    let most = (wait / 10).min(LONGEST_DELAY).num_seconds().max(0).cast_unsigned();
    // The upper half of the hash, as a fraction of 2^32.
    let part = most.saturating_mul(hash(url) >> 32) >> 32;
    TimeDelta::seconds(part.cast_signed())
}

/// Half the expected gap between two articles, within the bounds of the policy.
///
/// The expected gap is the mean over the latest articles, or half the time since the newest article if that
/// is longer, so that a feed without new articles is polled less and less. Dates after `now` count as `now`.
/// With fewer than two articles the interval is at least the geometric mean of the bounds.
fn adaptive_interval(policy: &Policy, recent: &[Timestamp], now: Timestamp) -> TimeDelta {
    let (min, max) = (policy.min, policy.max.max(policy.min));
    let (Some(newest), Some(oldest)) = (recent.first(), recent.last()) else {
        return middle(min, max);
    };
    let gaps = i32::try_from(recent.len()).unwrap_or(i32::MAX) - 1;
    let silence = now - (*newest).min(now);
    if gaps == 0 {
        return (silence / 2).clamp(middle(min, max), max);
    }
    let mean = ((*newest).min(now) - (*oldest).min(now)) / gaps;
    (mean.max(silence / 2) / 2).clamp(min, max)
}

fn middle(min: TimeDelta, max: TimeDelta) -> TimeDelta {
    let product = min.num_seconds().unsigned_abs().saturating_mul(max.num_seconds().unsigned_abs());
    TimeDelta::seconds(product.isqrt().cast_signed())
}

/// The interval times 2^failures, with a maximum, and not before the time of the policy; `None` without
/// failures.
fn backoff(policy: &Policy, history: History<'_>, now: Timestamp) -> Option<Candidate> {
    let Health { failures, failing_since } = history.health;
    if failures <= 0.0 {
        return None;
    }
    let interval = match &policy.cadence {
        Cadence::Every(interval) => *interval,
        // The time between the next two firings is taken as the interval.
        Cadence::Cron(cron) => cron
            .next_after(now)
            .and_then(|first| Some(cron.next_after(first)? - first))
            .unwrap_or(policy.max),
        Cadence::Adaptive => adaptive_interval(policy, history.recent, now),
    };
    let dead = failing_since.is_some_and(|since| LONG_FAILING <= now - since);
    let cap = if dead { LONGEST_BACKOFF_DEAD } else { LONGEST_BACKOFF };
    #[expect(clippy::cast_precision_loss, reason = "an interval in seconds is far below 2^52")]
    let seconds = interval.num_seconds() as f64 * failures.min(64.0).exp2();
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the cap before the cast")]
    let wait = TimeDelta::seconds(seconds.min(cap.as_seconds_f64()) as i64);
    let wait = wait.max(interval.min(cap));
    let wait = (wait + delay(history.url, wait)).min(wait.max(cap));
    let at = (now + wait).max(proposed(policy, history, now).at);
    Some(Candidate { at, because: Reason::Backoff })
}

/// A cron expression in a time zone that fires at least once after it was parsed.
#[derive(Clone, Debug)]
pub struct CronSchedule {
    text: String,
    zone: Tz,
    /// One expression, or two whose earlier firing counts (for day of month *or* day of week in crontab).
    parts: Vec<cron::Schedule>,
}

impl PartialEq for CronSchedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.zone == other.zone
    }
}

/// Why a text is no cron expression. `Display` is a text for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    #[error(
        "a cron expression has 5 fields (minute hour day month weekday), or 6 or 7 with seconds first; this has {0}"
    )]
    Fields(usize),
    #[error("`{0}` is no weekday: use Sun to Sat, or 0 to 7 (0 and 7 are Sunday)")]
    Weekday(String),
    #[error(
        "with seconds first, weekdays are written as names (Mon-Fri): numbers mean other days there than in a crontab"
    )]
    NumericWeekday,
    #[error("not a cron expression: {0}")]
    Syntax(String),
    #[error("this never fires")]
    Never,
}

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl CronSchedule {
    /// Parses five fields as in crontab(5), or six or seven fields with seconds first and an optional year last.
    ///
    /// # Errors
    /// When the text is not such an expression, or never fires after `now`.
    pub fn parse(text: &str, zone: Tz, now: Timestamp) -> Result<Self, InvalidCron> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let expressions = match fields.as_slice() {
            [minute, hour, day, month, weekday] => {
                let weekday = crontab_weekdays(weekday)?;
                let restricted = |field: &str| !field.starts_with(['*', '?']);
                let line =
                    |day: &str, weekday: &str| format!("0 {minute} {hour} {day} {month} {weekday}");
                if restricted(day) && restricted(&weekday) {
                    vec![line(day, "*"), line("*", &weekday)]
                } else {
                    vec![line(day, &weekday)]
                }
            }
            [_, _, _, _, _, weekday] | [_, _, _, _, _, weekday, _] => {
                // The step after a slash is a number in both syntaxes.
                let days = weekday.split(',').filter_map(|part| part.split('/').next());
                if days.flat_map(str::chars).any(|c| c.is_ascii_digit()) {
                    return Err(InvalidCron::NumericWeekday);
                }
                vec![text.to_owned()]
            }
            [shorthand] if shorthand.starts_with('@') => vec![text.to_owned()],
            other => return Err(InvalidCron::Fields(other.len())),
        };
        let parts = expressions
            .iter()
            .map(|line| cron::Schedule::from_str(line))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| InvalidCron::Syntax(error.to_string()))?;
        let schedule = Self { text: fields.join(" "), zone, parts };
        schedule.next_after(now).map(|_| ()).ok_or(InvalidCron::Never)?;
        Ok(schedule)
    }

    /// The first firing after `now`. A local time that a change to summer time skips does not fire.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let local = now.with_timezone(&self.zone);
        self.parts.iter().filter_map(|part| part.after(&local).next()).map(|at| at.to_utc()).min()
    }

    /// The expression as written, with single blanks.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn zone(&self) -> Tz {
        self.zone
    }
}

/// A crontab weekday field as a list of names: `1-5` and `mon-fri` are `MON,TUE,WED,THU,FRI`, `5-7`
/// is `FRI,SAT,SUN`, `*/2` is `SUN,TUE,THU,SAT`, `*` stays.
fn crontab_weekdays(field: &str) -> Result<String, InvalidCron> {
    if field == "*" || field == "?" {
        return Ok("*".to_owned());
    }
    let bad = || InvalidCron::Weekday(field.to_owned());
    let day = |text: &str| -> Result<usize, InvalidCron> {
        let named = WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(text));
        named.or_else(|| text.parse().ok().filter(|n| *n <= 7)).ok_or_else(bad)
    };
    let mut days = [false; 7];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|n| 0 < *n).ok_or_else(bad)?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None if range == "*" => (0, 6),
            None if part.contains('/') => (day(range)?, 6),
            None => (day(range)?, day(range)?),
        };
        // A range such as `fri-mon` continues after the end of the week.
        let last = if last < first { last + 7 } else { last };
        for n in (first..=last).step_by(step) {
            days[n % 7] = true;
        }
    }
    let names: Vec<&str> =
        WEEKDAYS.iter().zip(days).filter_map(|(name, on)| on.then_some(*name)).collect();
    Ok(names.join(","))
}

#[cfg(test)]
mod tests;
