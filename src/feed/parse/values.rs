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

/// Reads a duration and returns it in seconds: `12:34`, `1:02:03`, `754`, `754.5`.
pub(super) fn duration(text: &str) -> Option<u64> {
    let mut seconds = 0_u64;
    for part in text.trim().split(':') {
        let whole: u64 = part.trim().split('.').next()?.parse().ok()?;
        seconds = seconds.checked_mul(60)?.checked_add(whole)?;
    }
    // More than a hundred years is not a duration.
    (0 < seconds && seconds < 3_155_760_000).then_some(seconds)
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
            ("754.9", Some(754)),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
