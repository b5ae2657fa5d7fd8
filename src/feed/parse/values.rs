//! Small values of every format: addresses, numbers, durations, dates.

use std::borrow::Cow;

use url::{ParseError, Url};

use crate::domain::time::Timestamp;
use crate::feed::dates::parse::date;
use crate::feed::parse::model::whole_seconds;
use crate::feed::parse::repairs::{Repair, Repairs};

/// An address as the document has it, or resolved against the `xml:base` in force. What else a relative
/// address starts from is decided when all of the document is known. `None` when it is blank.
pub(super) fn address(href: &str, base: Option<&Url>) -> Option<String> {
    let href = href.trim();
    // An address with a scheme is never relative, even where `Url::join` takes it so (`http:page`).
    let is_relative = || Url::parse(href) == Err(ParseError::RelativeUrlWithoutBase);
    let own = base.filter(|_| is_relative()).and_then(|base| base.join(href).ok());
    (!href.is_empty()).then(|| own.map_or_else(|| href.to_owned(), String::from))
}

/// Reads a whole number that may have separators or a fraction: `1,234`, `12.0`, `" 7 "`.
pub(super) fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let whole = text.split('.').next().unwrap_or(text);
    let grouped = text.split([',', '.', ' ']).skip(1).all(|group| group.len() == 3);
    if grouped && text.len() <= 20 {
        let digits: String = text.chars().filter(|c| !matches!(c, ',' | '.' | ' ')).collect();
        return digits.parse().ok();
    }
    whole.parse().ok()
}

/// Reads a duration and returns it in seconds: `12:34`, `1:02:03`, `754`, `754.5`, `1h 2m 3s`, `62 min`, `PT1H2M`.
pub(super) fn duration(text: &str) -> Option<u64> {
    let text = text.trim();
    let seconds = if text.contains(|c: char| c.is_ascii_alphabetic()) {
        in_units(&text.to_ascii_lowercase())?
    } else {
        text.split(':').try_fold(0_u64, |seconds, part| {
            let whole = part.trim().split(['.', ',']).next()?.parse().ok()?;
            seconds.checked_mul(60)?.checked_add(whole)
        })?
    };
    // More than a hundred years is not a duration.
    (0 < seconds && seconds < 3_155_760_000).then_some(seconds)
}

/// The seconds of a text such as `1h 2m 3s`, `62 minutes` or `pt1h2m`.
fn in_units(text: &str) -> Option<u64> {
    let mut rest = text.trim_start_matches("pt");
    let mut seconds = 0_u64;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return Some(seconds);
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let length = match unit {
            "h" | "hr" | "hrs" | "hour" | "hours" | "std" => 3_600,
            "m" | "min" | "mins" | "minute" | "minutes" | "minuten" => 60,
            "s" | "sec" | "secs" | "second" | "seconds" | "sek" => 1,
            // `1h02`
            "" if seconds.is_multiple_of(3_600) && 0 < seconds => 60,
            _ => return None,
        };
        let number: u64 = number.parse().ok()?;
        seconds = number.checked_mul(length)?.checked_add(seconds)?;
        rest = after.trim_start_matches('.');
    }
}

/// Reads a date, and counts one that cannot be read as a repair.
pub(super) fn counted_date(text: &str, repairs: &mut Repairs) -> Option<Timestamp> {
    let found = date(text);
    repairs.add(Repair::Date, u32::from(found.is_none()));
    found.map(whole_seconds)
}

/// The text, unless it is blank.
pub(super) fn not_blank(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_separators_and_fractions() {
        for (text, expected) in [
            ("123", Some(123)),
            (" 7 ", Some(7)),
            ("1,234,567", Some(1_234_567)),
            ("12.0", Some(12)),
            ("", None),
            ("-1", None),
            ("1 MB", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_in_seconds() {
        for (text, expected) in [
            ("754", Some(754)),
            ("12:34", Some(754)),
            ("1:02:03", Some(3723)),
            ("00:00", None),
            ("99999999999999999999", None),
            ("1:x", None),
            ("1h", Some(3600)),
            ("1h 2m 3s", Some(3723)),
            ("1h02", Some(3720)),
            ("62 min", Some(3720)),
            ("1 hour, 2 minutes", Some(3720)),
            ("PT1H2M3S", Some(3723)),
            ("754 s", Some(754)),
            ("unknown", None),
            ("1x", None),
            (":30", None),
            ("", None),
            ("754.9", Some(754)),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
