//! What a request for a feed contains.

use crate::domain::poll::{PollJob, Validators};
use crate::domain::time::{TimeDelta, Timestamp};

/// Some servers answer 304 for ever (a `Last-Modified` of 2038 has been seen). So a feed that has sent no
/// body for this long is asked once without validators.
const LONGEST_WITHOUT_BODY: TimeDelta = TimeDelta::days(8);

/// The validators of the next request: the stored ones, or none when the last body is too old.
pub fn validators(job: &PollJob, now: Timestamp) -> Validators {
    let stale = job.full_at.is_none_or(|at| LONGEST_WITHOUT_BODY <= now - at);
    if stale && !job.url.is_file() { Validators::default() } else { job.validators.clone() }
}
