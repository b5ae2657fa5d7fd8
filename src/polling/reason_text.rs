//! Why a feed is polled when it is, in words: a reason is told the same way wherever it is told.

use crate::domain::poll::Reason;

/// One reason, as long as there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// In a column of a table.
    pub word: &'static str,
    /// Below a time.
    pub phrase: &'static str,
    /// Where it is explained.
    pub clause: &'static str,
}

/// Puts a reason into words.
pub fn told(because: Reason) -> Told {
    let (word, phrase, clause) = match because {
        Reason::New => ("new", "never polled so far", "it is new"),
        Reason::Interval => ("every", "its interval", "the configured interval (every)"),
        Reason::Cron => ("cron", "its cron schedule", "the next firing of the configured cron"),
        Reason::Adaptive => (
            "adaptive",
            "its own rhythm",
            "the feed's own rhythm: half the gap between its articles",
        ),
        Reason::ServerAsked => {
            ("server asked", "the server asked", "the server asked for it at the last poll")
        }
        Reason::MaxAge => {
            ("max-age", "the server said max-age", "the server's Cache-Control: max-age")
        }
        Reason::Expires => ("Expires", "the server said Expires", "the server's Expires"),
        Reason::RetryAfter => {
            ("Retry-After", "the server said Retry-After", "the server's Retry-After")
        }
        Reason::Ttl => ("ttl", "the feed said ttl", "the feed's own ttl"),
        Reason::UpdatePeriod => {
            ("updatePeriod", "the feed said updatePeriod", "the feed's own updatePeriod")
        }
        Reason::SkipHours => ("skipHours", "the feed said skipHours", "the feed's skipHours"),
        Reason::SkipDays => ("skipDays", "the feed said skipDays", "the feed's skipDays"),
        Reason::NoValidators => (
            "no validators",
            "the server sends no validators",
            "the server sends neither validators nor freshness",
        ),
        Reason::Backoff => (
            "backing off",
            "backing off after failures",
            "it fails: the interval doubles with each failure",
        ),
        Reason::Outage => (
            "network down",
            "our own network was down",
            "our own network was down; that poll did not count",
        ),
        Reason::Gone => ("gone", "gone for good", "the server said that it is gone"),
    };
    Told { word, phrase, clause }
}
