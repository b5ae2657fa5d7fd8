//! When an entry was published and when it was changed.

mod names;
pub mod parse;

use chrono::Datelike;

use crate::domain::time::{TimeDelta, Timestamp};

/// A date further ahead than this is a sentinel such as 9999-12-31.
const FAR_AHEAD: TimeDelta = TimeDelta::days(36_525);

/// Returns the dates of publication and modification. An entry without date of publication was published
/// when it was updated, because Atom requires only `updated`. An update at the time of publication is no
/// modification.
///
/// Programs write "no date" as a date before 1970 or as its first moment. A date a little ahead of `now` is
/// kept: the store orders such articles by first sighting.
pub fn published_and_modified(
    published: Option<Timestamp>,
    updated: Option<Timestamp>,
    now: Timestamp,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let credible = |at: &Timestamp| {
        1970 <= at.year()
            && *at != Timestamp::UNIX_EPOCH
            && at.signed_duration_since(now) < FAR_AHEAD
    };
    let published = published.filter(credible);
    let updated = updated.filter(credible);
    match (published, updated) {
        (Some(published), updated) => (Some(published), updated.filter(|at| *at != published)),
        (None, updated) => (updated, updated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        (!text.is_empty()).then(|| text.parse().unwrap())
    }

    #[test]
    fn incredible_dates_are_missing_ones() {
        let now = at("2024-08-20T06:18:00Z").unwrap();
        let (a, b) = ("2024-08-19T00:00:00Z", "2024-08-20T00:00:00Z");
        for (published, updated, expected) in [
            (a, b, (a, b)),
            (a, "", (a, "")),
            (a, a, (a, "")),
            ("", b, (b, b)),
            ("", "", ("", "")),
            ("0001-01-01T00:00:00Z", b, (b, b)),
            ("1970-01-01T00:00:00Z", "", ("", "")),
            ("1970-01-01T00:00:01Z", "", ("1970-01-01T00:00:01Z", "")),
            ("9999-12-31T00:00:00Z", a, (a, a)),
            ("2026-01-01T00:00:00Z", "", ("2026-01-01T00:00:00Z", "")),
        ] {
            let found = published_and_modified(at(published), at(updated), now);
            assert_eq!(found, (at(expected.0), at(expected.1)), "{published} {updated}");
        }
    }
}
