//! What one poll changes: its job and what was observed in, all that is written out.

use url::Url;

use crate::domain::poll::{
    Decision, Failure, Health, Hints, HostWait, NextPoll, Observed, Pause, PollJob, PollOutcome,
    Reason, Validators,
};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::polling::schedule::{Cadence, History, Policy, next_poll};
use crate::polling::{freshness, permanent_redirect};

/// The decision on a poll that ended at `now`.
///
/// `asked` is the address that the request went to first.
pub fn decide(
    job: &PollJob,
    asked: &Url,
    observed: Observed,
    policy: &Policy,
    now: Timestamp,
) -> Decision {
    let failed = matches!(observed.outcome, PollOutcome::Failed(_));
    let health = if failed && permanent_redirect::is_recheck(job, asked) {
        job.health
    } else {
        health(job.health, &observed.outcome, now)
    };
    let moved =
        permanent_redirect::after(job, asked, observed.moved_to.as_ref(), &observed.outcome, now);
    let host = match &moved {
        Some(moved) => moved.to.host_str().map(str::to_owned),
        None => job.url.host().map(str::to_owned),
    };
    let recent = recent(job, &observed.outcome, now);
    let hints = observed.hints.unwrap_or(job.hints);
    let asks = asks(&observed, hints, policy);
    let pause = pause(&observed, job.strikes.unwrap_or_default(), now);
    let next = if observed.outcome == PollOutcome::Gone {
        NextPoll { at: None, because: Reason::Gone }
    } else {
        let history = History {
            url: &job.url,
            health,
            recent: &recent,
            asks: &asks,
            skip_hours: hints.skip_hours,
            skip_days: hints.skip_days,
        };
        next_poll(policy, history, now)
    };
    let answered_well = !failed && observed.outcome != PollOutcome::Gone;
    let forgive_host = answered_well && pause.is_none() && job.strikes.is_some();
    let observed = Observed { asks, ..observed };
    Decision {
        feed: job.feed,
        polled_at: now,
        observed,
        health,
        next,
        moved,
        host,
        pause,
        forgive_host,
    }
}

/// How long a server that sends neither validators nor freshness is left alone, if the feed's own
/// rhythm decides: each request for it costs the whole document.
const WITHOUT_VALIDATORS: TimeDelta = TimeDelta::hours(1);

/// All that server and feed ask for together.
fn asks(observed: &Observed, hints: Hints, policy: &Policy) -> Vec<(Reason, TimeDelta)> {
    let cache = |reason: Reason| matches!(reason, Reason::MaxAge | Reason::Expires);
    let mut asks: Vec<_> = observed.asks.clone();
    let bare = observed.validators.as_ref().is_some_and(Validators::is_empty)
        && !asks.iter().any(|(reason, _)| cache(*reason));
    if bare && policy.cadence == Cadence::Adaptive {
        asks.push((Reason::NoValidators, WITHOUT_VALIDATORS));
    }
    if !policy.obey_cache {
        asks.retain(|(reason, _)| !cache(*reason));
    }
    asks.extend(freshness::of_hints(hints));
    asks
}

/// A host that refuses without naming a time is left alone for this long, then twice that, and so on.
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(10);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(6);

fn pause(observed: &Observed, strikes: u32, now: Timestamp) -> Option<Pause> {
    let status = observed.status?;
    let (wait, strikes) = match observed.host_wait? {
        HostWait::Told(wait) => (wait, strikes),
        HostWait::Untold => {
            let doubled = FIRST_PAUSE * 2_i32.pow(strikes.min(10));
            (doubled.min(LONGEST_PAUSE), strikes + 1)
        }
    };
    Some(Pause { until: now + wait, strikes, status })
}

/// Any complete, sensible answer ends a row of failures; a failure adds its weight to it.
fn health(before: Health, outcome: &PollOutcome, now: Timestamp) -> Health {
    match outcome {
        PollOutcome::Fresh(_) | PollOutcome::SameBody | PollOutcome::NotModified => {
            Health::default()
        }
        PollOutcome::Gone => before,
        PollOutcome::Failed(failure) => Health {
            failures: before.failures + weight(*failure),
            failing_since: before.failing_since.or(Some(now)),
        },
    }
}

/// How much a failure says about the feed itself: hard ones are its own, soft ones its server's,
/// temporary ones mostly the network's.
fn weight(failure: Failure) -> f64 {
    match failure {
        Failure::Status(429 | 500..) | Failure::Timeout | Failure::Tls | Failure::Body => 0.5,
        Failure::Dns | Failure::Connect => 0.25,
        Failure::Status(_)
        | Failure::Redirect
        | Failure::Private
        | Failure::TooLarge
        | Failure::NotAFeed
        | Failure::File
        | Failure::Request => 1.0,
    }
}

/// Dates of the latest articles with those of this poll, newest first.
fn recent(job: &PollJob, outcome: &PollOutcome, now: Timestamp) -> Vec<Timestamp> {
    let mut dates = job.recent.clone();
    if let PollOutcome::Fresh(document) = outcome {
        dates.extend(document.drafts.iter().map(|draft| draft.published.unwrap_or(now).min(now)));
        dates.sort_unstable_by(|a, b| b.cmp(a));
        dates.truncate(20);
    }
    dates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feed::{FeedId, FeedUrl};
    use crate::domain::poll::Remembered;

    fn now() -> Timestamp {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn job(failures: f64) -> PollJob {
        PollJob {
            feed: FeedId(1),
            url: FeedUrl::parse("https://example.org/feed").unwrap(),
            validators: Validators::default(),
            remembered: Remembered::default(),
            health: Health { failures, failing_since: None },
            planned_at: now(),
            recent: Vec::new(),
            full_at: None,
            hints: Hints::default(),
            moved: None,
            strikes: None,
        }
    }

    fn home() -> Url {
        job(0.0).url.as_url().clone()
    }

    #[test]
    fn each_outcome_leaves_its_mark_on_the_health() {
        for (outcome, before, after) in [
            (PollOutcome::NotModified, 3.0, 0.0),
            (PollOutcome::SameBody, 3.0, 0.0),
            (PollOutcome::Fresh(Box::default()), 3.0, 0.0),
            (PollOutcome::Gone, 1.0, 1.0),
            (PollOutcome::Failed(Failure::Status(404)), 0.0, 1.0),
            (PollOutcome::Failed(Failure::Status(403)), 1.0, 2.0),
            (PollOutcome::Failed(Failure::NotAFeed), 1.0, 2.0),
            (PollOutcome::Failed(Failure::Status(429)), 1.0, 1.5),
            (PollOutcome::Failed(Failure::Status(503)), 1.0, 1.5),
            (PollOutcome::Failed(Failure::Timeout), 1.0, 1.5),
            (PollOutcome::Failed(Failure::Tls), 1.0, 1.5),
            (PollOutcome::Failed(Failure::Dns), 1.0, 1.25),
            (PollOutcome::Failed(Failure::Connect), 1.0, 1.25),
        ] {
            let name = outcome.as_str();
            let decision =
                decide(&job(before), &home(), Observed::of(outcome), &Policy::default(), now());
            assert!((decision.health.failures - after).abs() < f64::EPSILON, "{name}");
        }
    }

    #[test]
    fn a_feed_that_is_gone_is_not_planned_again() {
        let decision =
            decide(&job(0.0), &home(), Observed::of(PollOutcome::Gone), &Policy::default(), now());
        assert_eq!(decision.next, NextPoll { at: None, because: Reason::Gone });
    }

    #[test]
    fn the_servers_wish_outlasts_the_interval() {
        let policy =
            Policy { cadence: Cadence::Every(TimeDelta::minutes(10)), ..Policy::default() };
        let asks = vec![(Reason::MaxAge, TimeDelta::hours(3))];
        let seen = Observed { asks, ..Observed::of(PollOutcome::NotModified) };
        let decision = decide(&job(0.0), &home(), seen, &policy, now());
        let expected = NextPoll { at: Some(now() + TimeDelta::hours(3)), because: Reason::MaxAge };
        assert_eq!(decision.next, expected);
    }

    #[test]
    fn max_age_is_not_obeyed_where_it_is_known_to_be_wrong() {
        let policy = Policy {
            cadence: Cadence::Every(TimeDelta::minutes(10)),
            obey_cache: false,
            ..Policy::default()
        };
        let asks =
            vec![(Reason::MaxAge, TimeDelta::hours(3)), (Reason::RetryAfter, TimeDelta::hours(2))];
        let seen = Observed { asks, ..Observed::of(PollOutcome::NotModified) };
        let next = decide(&job(0.0), &home(), seen, &policy, now()).next;
        let expected = now() + TimeDelta::hours(2);
        assert_eq!(next, NextPoll { at: Some(expected), because: Reason::RetryAfter });
    }

    #[test]
    fn a_host_that_names_no_time_is_left_alone_ever_longer() {
        for (strikes, wait, minutes, after) in [
            (0, HostWait::Untold, 10, 1),
            (1, HostWait::Untold, 20, 2),
            (5, HostWait::Untold, 320, 6),
            (6, HostWait::Untold, 360, 7),
            (4_000_000_000, HostWait::Untold, 360, 4_000_000_001),
            (3, HostWait::Told(TimeDelta::minutes(7)), 7, 3),
        ] {
            let seen = Observed {
                status: Some(429),
                host_wait: Some(wait),
                ..Observed::of(PollOutcome::Failed(Failure::Status(429)))
            };
            let pause = pause(&seen, strikes, now()).unwrap();
            let until = now() + TimeDelta::minutes(minutes);
            assert_eq!(pause, Pause { until, strikes: after, status: 429 }, "after {strikes}");
        }
    }
}
