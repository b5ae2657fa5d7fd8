//! Floor 2: the only reading of the clock. Everything below gets the moment as `now`.

use std::time::SystemTime;

use chrono::SubsecRound;

use crate::domain::time::Timestamp;

/// The moment, as it is stored: whole seconds, cut off rather than rounded, so never in the future.
pub fn now() -> Timestamp {
    now_precise().trunc_subsecs(0)
}

/// The moment with its fraction of a second, for timers: what is due at a whole second is asked for
/// then, not up to a second late.
///
/// It can jump (time synchronisation, an operator, a resumed laptop). Spans are measured with
/// [`std::time::Instant`], which cannot, but which stands still while the machine sleeps: comparing the
/// two tells a jump.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now_precise() -> Timestamp {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_has_no_fraction_and_is_not_in_the_future() {
        let cut = now();
        let precise = now_precise();
        assert_eq!(cut.timestamp_subsec_nanos(), 0);
        assert!(cut <= precise, "{cut} {precise}");
    }
}
