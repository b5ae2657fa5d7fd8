//! The texts that explain to users why a feed is polled at a certain time.

use crate::domain::poll::Reason;

/// The text of one reason in three lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonText {
    /// For a column of a table.
    pub word: &'static str,
    /// For a line below a time.
    pub phrase: &'static str,
    /// For a sentence that explains the next poll.
    pub clause: &'static str,
}

/// Returns the text of a reason.
pub fn reason_text(because: Reason) -> ReasonText {
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
        Reason::Resources => (
            "too few files",
            "this machine had too few open files, ports or memory",
            "this machine had too few open files, ports or memory; that poll did not count",
        ),
        Reason::Gone => ("gone", "gone for good", "the server said that it is gone"),
    };
    ReasonText { word, phrase, clause }
}
