//! The polling hints in a feed document: `<ttl>`, `skipHours` and `skipDays` (RSS 2.0), `updatePeriod` and
//! `updateFrequency` (RSS 1.0 syndication module).
//!
//! The functions turn the texts of these elements into the fields of [`Hints`](crate::domain::poll::Hints).
//! A text that cannot be read is no hint.

use crate::domain::time::TimeDelta;

const ALL_HOURS: u32 = (1 << 24) - 1;
const ALL_DAYS: u8 = (1 << 7) - 1;

/// Reads a number of minutes.
pub fn ttl(text: &str) -> Option<TimeDelta> {
    let minutes: u32 = text.trim().parse().ok()?;
    (0 < minutes).then(|| TimeDelta::minutes(minutes.into()))
}

/// Divides the period by the frequency. Frequencies of 0, below 0 and with a fraction are seen in the wild
/// and are no hint. Misspelt periods are seen too.
pub fn update_period(period: Option<&str>, frequency: Option<&str>) -> Option<TimeDelta> {
    let period = match period?.trim().to_ascii_lowercase().as_str() {
        "hourly" => TimeDelta::hours(1),
        "daily" | "dayly" => TimeDelta::days(1),
        "weekly" => TimeDelta::days(7),
        "monthly" => TimeDelta::days(30),
        "yearly" => TimeDelta::days(365),
        _ => return None,
    };
    let frequency: i32 = match frequency {
        Some(text) => text.trim().parse().ok().filter(|n| 0 < *n)?,
        None => 1,
    };
    let wait = period / frequency;
    (TimeDelta::zero() < wait).then_some(wait)
}

/// Returns the hours to skip as bits, GMT: 0 to 23, and 24 for midnight, as some feeds write it. A feed that
/// skips all hours could never be read. That is a mistake and no hint.
pub fn skip_hours<'a>(hours: impl Iterator<Item = &'a str>) -> u32 {
    let hours = hours.filter_map(|text| text.trim().parse::<u32>().ok());
    let mask = hours.filter(|hour| *hour <= 24).fold(0, |mask, hour| mask | 1 << (hour % 24));
    if mask == ALL_HOURS { 0 } else { mask }
}

/// Returns the days to skip as bits, Sunday first. The names are English, in full or only the first three
/// letters.
pub fn skip_days<'a>(days: impl Iterator<Item = &'a str>) -> u8 {
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let day = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        DAYS.iter().position(|day| text.starts_with(day))
    };
    let mask = days.filter_map(day).fold(0, |mask, day| mask | 1 << day);
    if mask == ALL_DAYS { 0 } else { mask }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_whole_minutes() {
        for (text, expected) in [
            ("60", Some(60)),
            (" 60 ", Some(60)),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(ttl(text), expected.map(TimeDelta::minutes), "{text}");
        }
    }

    #[test]
    fn an_update_period_is_divided_by_its_frequency() {
        for (period, frequency, minutes) in [
            (Some("hourly"), None, Some(60)),
            (Some("hourly"), Some("2"), Some(30)),
            (Some(" Daily "), Some("1"), Some(1_440)),
            (Some("dayly"), None, Some(1_440)),  // Seen.
            (Some("hourly"), Some("0.1"), None), // Seen.
            (Some("hourly"), Some("0"), None),
            (Some("hourly"), Some("-1"), None),
            (Some("always"), None, None), // Seen.
            (None, Some("2"), None),
        ] {
            let expected = minutes.map(TimeDelta::minutes);
            assert_eq!(update_period(period, frequency), expected, "{period:?} {frequency:?}");
        }
    }

    #[test]
    fn hours_and_days_to_skip_are_bits() {
        assert_eq!(skip_hours(["0", " 3 ", "24", "99", "x"].into_iter()), 0b1001);
        assert_eq!(skip_days(["Saturday", " sun ", "Funday"].into_iter()), 0b100_0001);
    }

    #[test]
    fn a_feed_that_skips_every_hour_or_day_gives_no_hint() {
        let hours: Vec<String> = (0..24).map(|hour: u32| hour.to_string()).collect();
        assert_eq!(skip_hours(hours.iter().map(String::as_str)), 0);
        assert_eq!(skip_days(["mon", "tue", "wed", "thu", "fri", "sat", "sun"].into_iter()), 0);
    }
}
