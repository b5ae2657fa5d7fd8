//! Changes of the health of a feed that a person wants to hear of: it fails for long, is gone, falls silent, recovers.

use crate::domain::feed::FeedId;
use crate::domain::named_enum::named_enum;
use crate::domain::time::Timestamp;

named_enum! {
    /// What is reported about a feed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum HealthEvent {
        /// Its polls have failed for long.
        Failing = "failing",
        /// Its server says that it is gone for good (410).
        Gone = "gone",
        /// It is read without fault, and brings nothing for much longer than it usually does.
        Silent = "silent",
        /// It is read again, or it has brought something.
        Recovered = "recovered",
    }
}

/// The health of a feed as it was reported last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportedHealth {
    /// [`HealthEvent::Failing`] or [`HealthEvent::Gone`].
    pub trouble: Option<HealthEvent>,
    pub silent: bool,
}

/// What the store knows about a feed that is polled.
#[derive(Clone, Debug)]
pub struct FeedObservation {
    pub feed: FeedId,
    /// The weighted number of failures since the last success.
    pub failures: f64,
    pub failing_since: Option<Timestamp>,
    /// Polling has ended (410).
    pub gone: bool,
    pub polled_at: Option<Timestamp>,
    pub succeeded_at: Option<Timestamp>,
    /// The outcome of the last poll, as it is stored.
    pub outcome: Option<String>,
    pub status: Option<u16>,
    pub detail: Option<String>,
    /// The effective date of the newest article.
    pub newest_at: Option<Timestamp>,
    pub reported: ReportedHealth,
}

/// A change that is reported.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthChange {
    pub feed: FeedId,
    pub at: Timestamp,
    pub event: HealthEvent,
    /// Of a recovery: what it ends.
    pub was: Option<HealthEvent>,
    /// Since when it fails, or the date of the newest article before the silence.
    pub since: Option<Timestamp>,
    pub outcome: Option<String>,
    pub status: Option<u16>,
    pub detail: Option<String>,
    pub succeeded_at: Option<Timestamp>,
    pub newest_at: Option<Timestamp>,
}
