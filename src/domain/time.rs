//! Moments and spans of time, always UTC, stored as whole Unix seconds, and the time zones in which they are shown.

pub use chrono::TimeDelta;
/// A time zone of the tz database. The default is UTC.
pub use chrono_tz::Tz as Zone;

/// A moment in UTC. Read from the clock in the shell only; everything below gets it as `now`.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// A moment from Unix seconds; a value that chrono cannot represent becomes the epoch.
pub fn from_unix(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The first whole second that is not before `at`.
pub fn rounded_up(at: Timestamp) -> Timestamp {
    let begun = i64::from(0 < at.timestamp_subsec_nanos());
    from_unix(at.timestamp().saturating_add(begun))
}

/// RFC 3339 in UTC with whole seconds and a `Z`: the one spelling of moments that leave the program.
pub fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
