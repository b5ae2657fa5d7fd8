//! Parses durations, sizes and times in the configuration and on the command line. The errors are messages for the
//! user.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone as _};

use crate::domain::query::When;
use crate::domain::time::{TimeDelta, Timestamp, Zone};

/// The units of a duration in seconds, in the order in which they are written: the largest first.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// Parses `90s`, `1h30m` or `7d`: whole numbers of weeks, days, hours, minutes and seconds, the largest unit first.
///
/// # Errors
/// When a number or a unit is missing, when a unit is unknown or out of order, and when the duration is too long.
pub fn duration(text: &str) -> Result<TimeDelta, String> {
    let text = text.trim();
    let quoted = text.escape_debug();
    if text.is_empty() {
        return Err("a duration is missing".to_owned());
    }
    if text.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!(
            "`{quoted}` has no unit: write `{quoted}s` for seconds or `{quoted}m` for minutes"
        ));
    }
    let unreadable = || {
        format!(
            "`{quoted}` is no duration: write whole numbers with w, d, h, m or s, largest first, such as 90s, 1h30m or 7d"
        )
    };
    let too_long = || format!("`{quoted}` is longer than any clock counts");
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(unreadable)?;
        let (digits, tail) = rest.split_at(end);
        let mut tail = tail.chars();
        let unit = tail.next().ok_or_else(unreadable)?;
        // The iterator only moves forwards: a unit out of order or given twice is not found.
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(unreadable)?;
        if digits.is_empty() {
            return Err(unreadable());
        }
        let number: u64 = digits.parse().map_err(|_| too_long())?;
        let part = number.checked_mul(*factor).ok_or_else(too_long)?;
        seconds = seconds.checked_add(part).ok_or_else(too_long)?;
        rest = tail.as_str();
    }
    i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).ok_or_else(too_long)
}

/// The inverse of [`duration`]. Fractions of a second are left out.
pub fn duration_text(span: TimeDelta) -> String {
    let mut seconds = u64::try_from(span.num_seconds()).unwrap_or(0);
    if seconds == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if factor <= seconds {
            text.push_str(&(seconds / factor).to_string());
            text.push(unit);
            seconds %= factor;
        }
    }
    text
}

const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Parses a size in bytes: `16MiB` (1024-based), `500kB` (1000-based, IEC 80000-13), or a number of bytes. Letter
/// case makes no difference.
///
/// # Errors
/// When the text is no size, and when the number does not fit into 64 bits.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let quoted = text.escape_debug();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let factor = if unit.is_empty() {
        Some(1)
    } else {
        SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor)
    };
    match (digits.is_empty(), factor) {
        (false, Some(factor)) => digits
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(factor))
            .ok_or_else(|| format!("`{quoted}` is larger than any file")),
        _ => Err(format!(
            "`{quoted}` is no size: write a whole number with B, kB, MB, GB, KiB, MiB or GiB, such as 16MiB"
        )),
    }
}

/// The inverse of [`size`], in the largest unit that divides the number.
pub fn size_text(bytes: u64) -> String {
    let divides = |(_, factor): &&(&str, u64)| bytes != 0 && bytes.is_multiple_of(*factor);
    let unit = SIZES.iter().filter(divides).max_by_key(|(_, factor)| *factor);
    unit.map_or_else(|| format!("{bytes}B"), |(name, factor)| format!("{}{name}", bytes / factor))
}

/// Parses a time: RFC 3339, `YYYY-MM-DD` (midnight in the time zone), or a [`duration`] before `now`.
///
/// # Errors
/// When the text is none of them, and when the time is before all dates.
pub fn when(text: &str, now: Timestamp, zone: Zone) -> Result<When, String> {
    let text = text.trim();
    let quoted = text.escape_debug();
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(When::At(moment.to_utc()));
    }
    // A date contains a dash, and a duration does not.
    if text.contains('-') {
        return NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(|day| When::At(start_of(day, zone)))
            .map_err(|_| {
                format!(
                    "`{quoted}` is no moment: write 2024-08-20 or, with its time zone, 2024-08-20T06:18:00Z"
                )
            });
    }
    let span = duration(text)?;
    match now.checked_sub_signed(span) {
        Some(_) => Ok(When::Ago(span)),
        None => Err(format!("`{quoted}` lies before all dates")),
    }
}

/// The first moment of a day in a time zone. Where clocks are put forward at midnight, the day starts an hour later.
fn start_of(day: NaiveDate, zone: Zone) -> Timestamp {
    let midnight = day.and_time(NaiveTime::MIN);
    let local = |hours| zone.from_local_datetime(&(midnight + TimeDelta::hours(hours))).earliest();
    local(0).or_else(|| local(1)).map_or_else(|| midnight.and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_alike() {
        for (text, seconds, written) in [
            ("90s", 90, "1m30s"),
            ("1h30m", 5400, "1h30m"),
            ("7d", 604_800, "1w"),
            ("2w1d", 1_296_000, "2w1d"),
            (" 15m ", 900, "15m"),
            ("0s", 0, "0s"),
            ("1w1d1h1m1s", 694_861, "1w1d1h1m1s"),
        ] {
            let span = duration(text).unwrap();
            assert_eq!(span, TimeDelta::seconds(seconds), "{text}");
            assert_eq!(duration_text(span), written, "{text}");
            assert_eq!(duration(written), Ok(span), "{written}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "missing"),
            ("90", "`90m` for minutes"),
            ("30 s", "is no duration"),
            ("h", "is no duration"),
            ("1.5h", "is no duration"),
            ("-5m", "is no duration"),
            ("30m1h", "largest first"),
            ("1h1h", "largest first"),
            ("100ms", "is no duration"),
            ("5min", "is no duration"),
            ("1h30", "is no duration"),
            ("99999999999999999999d", "longer than any clock"),
            ("99999999999999d", "longer than any clock"),
            ("\u{1b}[2J", "\\u{1b}"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn sizes_are_read_and_written_alike() {
        for (text, bytes, written) in [
            ("16MiB", 16_777_216, "16MiB"),
            ("500kB", 500_000, "500kB"),
            ("1GB", 1_000_000_000, "1GB"),
            ("1 gib", 1_073_741_824, "1GiB"),
            ("1024", 1024, "1KiB"),
            ("7B", 7, "7B"),
            ("0", 0, "0B"),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
            assert_eq!(size_text(bytes), written, "{text}");
            assert_eq!(size(written), Ok(bytes), "{written}");
        }
        for text in ["", "MiB", "16M", "1.5MiB", "-1", "16 MiB s", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_dates_or_spans_back() {
        let now = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
        let at = |text: &str| When::At(text.parse::<Timestamp>().unwrap());
        for (text, expected) in [
            ("2024-08-20T06:18:00Z", at("2024-08-20T06:18:00Z")),
            ("2024-08-20T06:18:00+02:00", at("2024-08-20T04:18:00Z")),
            ("2024-08-20 06:18:00Z", at("2024-08-20T06:18:00Z")),
            ("2024-08-20", at("2024-08-20T00:00:00Z")),
            ("24h", When::Ago(TimeDelta::hours(24))),
            ("7d", When::Ago(TimeDelta::days(7))),
        ] {
            assert_eq!(when(text, now, Zone::UTC), Ok(expected), "{text}");
        }
        for (zone, day, start) in [
            (Zone::Europe__Berlin, "2024-08-20", "2024-08-19T22:00:00Z"),
            (Zone::Asia__Kolkata, "2024-08-20", "2024-08-19T18:30:00Z"),
            // Clocks go from 0:00 to 1:00 here, and from 1:00 to 0:00 there.
            (Zone::America__Santiago, "2024-09-08", "2024-09-08T04:00:00Z"),
            (Zone::America__Havana, "2024-11-03", "2024-11-03T04:00:00Z"),
        ] {
            assert_eq!(when(day, now, zone), Ok(at(start)), "{zone}");
            let exact = "2024-08-20T06:18:00Z";
            assert_eq!(when(exact, now, zone), Ok(at(exact)));
        }
        for (text, reason) in [
            ("2024-08-20T06:18:00", "with its time zone"),
            ("2024-02-30", "is no moment"),
            ("20.08.2024", "is no duration"),
            ("yesterday", "is no duration"),
            ("3", "has no unit"),
            ("9999999999d", "before all dates"),
        ] {
            let error = when(text, now, Zone::UTC).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
