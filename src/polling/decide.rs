//! The decision on one poll: everything that is stored, computed from the poll's job and the observed reply.
//!
//! A refusal (429, 503, a used-up rate limit or `Retry-After` with an error) pauses the host that sent it.
//! Without redirects this is the host of the requested address. With redirects it is the last host of the chain,
//! because that host sent the refusal and the others only redirected. The feed itself obeys `Retry-After` in any
//! case. Other feeds that are redirected to the paused host are still requested, because the target of a temporary
//! redirect is not known before the request; each of these feeds then receives the refusal itself.

use std::time::Duration;

use crate::domain::poll::{
    Decision, Failure, Health, Hints, HostWait, NextPoll, Observed, OutcomeKind, Pause,
    PollHistory, PollJob, PollOutcome, Reason, Validators, address_at,
};
use crate::domain::time::{TimeDelta, Timestamp, rounded_up};
use crate::polling::freshness;
use crate::polling::new_feed_url::{self, Whereabouts};
use crate::polling::schedule::{Cadence, History, Policy, next_poll};

/// Returns the decision on a poll that ended at `now`.
pub fn decide(job: &PollJob, observed: Observed, policy: &Policy, now: Timestamp) -> Decision {
    let observed = new_feed_url::judge(job, observed);
    let failed = matches!(observed.outcome.kind(), OutcomeKind::Failed(_));
    let health = if failed && (job.is_recheck() || job.is_trial()) {
        job.health
    } else {
        health(job.health, &observed.outcome, now)
    };
    let Whereabouts { moved, new_feed_url } = new_feed_url::after(job, &observed, now);
    let hints = observed.instructions.hints.unwrap_or(job.hints);
    let min_waits = min_waits(&observed, hints, policy);
    let pause = pause(job, &observed, now);
    let next = if observed.outcome == PollOutcome::Gone {
        NextPoll { at: None, because: Reason::Gone }
    } else {
        let history = PollHistory {
            health,
            recent: recent(job, &observed.outcome, now),
            min_waits: min_waits.clone(),
            skip_hours: hints.skip_hours,
            skip_days: hints.skip_days,
        };
        let next = next_poll(policy, History::of(&job.url, &history), now);
        if is_incomplete(&observed.outcome) { soon(next, health, now) } else { next }
    };
    let next = NextPoll { at: next.at.map(|at| not_too_early(at, next.because)), ..next };
    let answered_well = !failed && observed.outcome != PollOutcome::Gone;
    let forgiven = job.host().filter(|_| answered_well && pause.is_none() && job.strikes.is_some());
    let next_at = next.at.unwrap_or(now);
    let next_address = address_at(&job.url, moved.as_ref(), new_feed_url.as_ref(), next_at);
    let next_host = job.url.host_at(next_address);
    Decision {
        feed: job.feed,
        url: job.url.clone(),
        polled_at: now,
        observed,
        min_waits,
        health,
        next,
        moved,
        new_feed_url,
        next_host,
        pause,
        forgiven,
    }
}

/// The wait for a server that sends neither validators nor freshness, if the schedule is adaptive. It is long
/// because such a server sends the whole document with each reply.
const WITHOUT_VALIDATORS: TimeDelta = TimeDelta::hours(1);

/// The waits that the server and the feed ask for.
fn min_waits(observed: &Observed, hints: Hints, policy: &Policy) -> Vec<(Reason, TimeDelta)> {
    let cache = |reason: Reason| matches!(reason, Reason::MaxAge | Reason::Expires);
    let instructions = &observed.instructions;
    let mut min_waits: Vec<_> = instructions.min_waits.clone();
    let bare = matches!(observed.outcome.kind(), OutcomeKind::Fresh | OutcomeKind::SameBody)
        && instructions.validators.as_ref().is_some_and(Validators::is_empty)
        && !min_waits.iter().any(|(reason, _)| cache(*reason));
    if bare && policy.cadence == Cadence::Adaptive {
        min_waits.push((Reason::NoValidators, WITHOUT_VALIDATORS));
    }
    if !policy.obey_cache {
        min_waits.retain(|(reason, _)| !cache(*reason));
    }
    min_waits.extend(freshness::of_hints(hints));
    min_waits
}

/// Rounds a time up to whole seconds if a server or feed asked for it, because the store keeps whole seconds and the
/// poll must not be earlier. The times of the schedule are whole seconds already.
fn not_too_early(at: Timestamp, because: Reason) -> Timestamp {
    match because {
        Reason::Interval | Reason::Cron | Reason::Adaptive => at,
        _ => rounded_up(at),
    }
}

/// The first pause of a host that refuses and names no time. Each further pause is twice as long as the one before.
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(10);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(6);

/// The pause of the host that refused. The strikes of the job belong to the host of the requested address. A host
/// that was reached by a redirect starts without strikes.
fn pause(job: &PollJob, observed: &Observed, now: Timestamp) -> Option<Pause> {
    let status = observed.transfer.status?;
    let asked = job.host();
    let host = observed.transfer.answered_by.clone().or_else(|| asked.clone())?;
    let strikes = job.strikes.filter(|_| asked.as_ref() == Some(&host)).unwrap_or_default();
    let (wait, strikes) = match observed.instructions.host_wait? {
        HostWait::Named(wait) => (wait, strikes),
        HostWait::Unnamed => {
            let doubled = FIRST_PAUSE * 2_i32.pow(strikes.min(10));
            (doubled.min(LONGEST_PAUSE), strikes + 1)
        }
    };
    Some(Pause { host, until: rounded_up(now + wait), strikes, status })
}

/// The health after a poll. A success resets it, and a failure adds its weight.
fn health(before: Health, outcome: &PollOutcome, now: Timestamp) -> Health {
    match outcome.kind() {
        OutcomeKind::Fresh | OutcomeKind::SameBody | OutcomeKind::NotModified => Health::default(),
        OutcomeKind::Gone | OutcomeKind::Failed(Failure::Resources) => before,
        OutcomeKind::Failed(failure) => Health {
            failures: before.failures + weight(failure),
            failing_since: before.failing_since.or(Some(now)),
        },
    }
}

/// Whether the poll returned only a part of a document, so that the missing entries should be requested soon.
fn is_incomplete(outcome: &PollOutcome) -> bool {
    matches!(outcome.kind(), OutcomeKind::Failed(Failure::CutOff | Failure::Body))
}

/// The wait after the first incomplete document. It doubles with each one that follows.
const FIRST_RETRY: Duration = Duration::from_mins(5);

/// The next poll after an incomplete document. The wait doubles with each one, and never ends later than `next`.
fn soon(next: NextPoll, health: Health, now: Timestamp) -> NextPoll {
    let earlier = health.failures / weight(Failure::CutOff) - 1.0;
    let doubled = FIRST_RETRY.mul_f64(2_f64.powf(earlier).min(1_000.0));
    let doubled = TimeDelta::from_std(doubled).unwrap_or(TimeDelta::hours(24));
    let retry = now + doubled;
    match next.at {
        Some(at) if retry < at => NextPoll { at: Some(retry), because: Reason::Backoff },
        _ => next,
    }
}

/// The weight of a failure. Failures of the feed itself weigh most, those of its server less, and those of the
/// network least.
fn weight(failure: Failure) -> f64 {
    match failure {
        Failure::Status(429 | 500..)
        | Failure::Timeout
        | Failure::Tls
        | Failure::Body
        | Failure::CutOff => 0.5,
        Failure::Offline | Failure::Dns | Failure::Connect => 0.25,
        Failure::Resources => 0.0, // A fault of this machine.
        Failure::Status(_)
        | Failure::Redirect
        | Failure::Private
        | Failure::TooLarge
        | Failure::ReadTimeout
        | Failure::NotAFeed
        | Failure::File
        | Failure::Request
        | Failure::Internal => 1.0,
    }
}

/// The dates of the latest articles, including those of this poll, newest first. Entries without a date, and those that
/// give the time of the request as their date, count as one, because this poll has found them all at once.
fn recent(job: &PollJob, outcome: &PollOutcome, now: Timestamp) -> Vec<Timestamp> {
    let mut dates = job.recent.clone();
    if let Some(document) = outcome.document() {
        let is_earlier = |at: &Timestamp| *at < now - TimeDelta::seconds(60);
        let published = document.drafts.iter().map(|draft| draft.published.filter(is_earlier));
        let found_now = published.clone().any(|at| at.is_none()).then_some(now);
        dates.extend(published.flatten().chain(found_now));
        dates.sort_unstable_by(|a, b| b.cmp(a));
        dates.truncate(20);
    }
    dates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feed::{FeedId, FeedUrl};
    use crate::domain::host::Host;
    use crate::domain::poll::{Move, MovedBy, ServerInstructions, Transfer};

    fn now() -> Timestamp {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn job(failures: f64) -> PollJob {
        let url = FeedUrl::parse("https://example.org/feed").unwrap();
        let health = Health { failures, failing_since: None };
        PollJob { health, ..PollJob::first(FeedId(1), url, now()) }
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
            (PollOutcome::Failed(Failure::Resources), 1.0, 1.0),
        ] {
            let name = outcome.as_str();
            let decision = decide(&job(before), Observed::of(outcome), &Policy::default(), now());
            assert!((decision.health.failures - after).abs() < f64::EPSILON, "{name}");
        }
    }

    #[test]
    fn a_cut_document_is_asked_for_soon_and_then_ever_later() {
        let policy = Policy { cadence: Cadence::Every(TimeDelta::hours(6)), ..Policy::default() };
        for (before, minutes) in [(0.0, 5), (0.5, 10), (1.0, 20), (2.0, 80)] {
            let seen = Observed::of(PollOutcome::Cut(Box::default()));
            let decision = decide(&job(before), seen, &policy, now());
            assert!((decision.health.failures - before - 0.5).abs() < f64::EPSILON);
            let at = Some(now() + TimeDelta::minutes(minutes));
            assert_eq!(decision.next, NextPoll { at, because: Reason::Backoff });
        }
        let seen = Observed::of(PollOutcome::Cut(Box::default()));
        let long = decide(&job(9.5), seen, &policy, now()).next.at.unwrap();
        assert_eq!(long - now(), TimeDelta::hours(24));
    }

    #[test]
    fn a_wait_that_a_server_asks_for_is_never_shortened() {
        let polled_at = now() + TimeDelta::milliseconds(800);
        let seen = Observed {
            transfer: Transfer { status: Some(429), ..Transfer::default() },
            instructions: ServerInstructions {
                min_waits: vec![(Reason::RetryAfter, TimeDelta::seconds(2))],
                host_wait: Some(HostWait::Named(TimeDelta::seconds(2))),
                ..ServerInstructions::default()
            },
            ..Observed::of(PollOutcome::NotModified)
        };
        let policy = Policy { cadence: Cadence::Every(TimeDelta::seconds(1)), ..Policy::default() };
        let decision = decide(&job(0.0), seen, &policy, polled_at);
        let expected = now() + TimeDelta::seconds(3);
        assert_eq!(decision.pause.map(|pause| pause.until), Some(expected));
        assert_eq!(decision.next.at, Some(expected));
    }

    #[test]
    fn a_feed_that_is_gone_is_not_planned_again() {
        let decision =
            decide(&job(0.0), Observed::of(PollOutcome::Gone), &Policy::default(), now());
        assert_eq!(decision.next, NextPoll { at: None, because: Reason::Gone });
    }

    #[test]
    fn a_wait_of_the_server_outlasts_the_interval() {
        let policy =
            Policy { cadence: Cadence::Every(TimeDelta::minutes(10)), ..Policy::default() };
        let min_waits = vec![(Reason::MaxAge, TimeDelta::hours(3))];
        let instructions = ServerInstructions { min_waits, ..ServerInstructions::default() };
        let seen = Observed { instructions, ..Observed::of(PollOutcome::NotModified) };
        let next = decide(&job(0.0), seen, &policy, now()).next;
        assert!(is_asked(next, Reason::MaxAge, TimeDelta::hours(3)), "{next:?}");
    }

    #[test]
    fn max_age_is_not_obeyed_where_it_is_known_to_be_wrong() {
        let policy = Policy {
            cadence: Cadence::Every(TimeDelta::minutes(10)),
            obey_cache: false,
            ..Policy::default()
        };
        let min_waits =
            vec![(Reason::MaxAge, TimeDelta::hours(3)), (Reason::RetryAfter, TimeDelta::hours(2))];
        let instructions = ServerInstructions { min_waits, ..ServerInstructions::default() };
        let seen = Observed { instructions, ..Observed::of(PollOutcome::NotModified) };
        let next = decide(&job(0.0), seen, &policy, now()).next;
        assert!(is_asked(next, Reason::RetryAfter, TimeDelta::hours(2)), "{next:?}");
    }

    /// Whether a poll is planned because of this wait: not earlier, and later by a tenth at most.
    fn is_asked(next: NextPoll, because: Reason, wait: TimeDelta) -> bool {
        let waits = next.at.unwrap() - now();
        next.because == because && wait <= waits && waits <= wait + wait / 10
    }

    #[test]
    fn a_host_that_names_no_time_is_left_alone_ever_longer() {
        for (strikes, wait, minutes, after) in [
            (0, HostWait::Unnamed, 10, 1),
            (1, HostWait::Unnamed, 20, 2),
            (5, HostWait::Unnamed, 320, 6),
            (6, HostWait::Unnamed, 360, 7),
            (4_000_000_000, HostWait::Unnamed, 360, 4_000_000_001),
            (3, HostWait::Named(TimeDelta::minutes(7)), 7, 3),
        ] {
            let seen = Observed {
                transfer: Transfer { status: Some(429), ..Transfer::default() },
                instructions: ServerInstructions {
                    host_wait: Some(wait),
                    ..ServerInstructions::default()
                },
                ..Observed::of(PollOutcome::Failed(Failure::Status(429)))
            };
            let job = PollJob { strikes: Some(strikes), ..job(0.0) };
            let (host, pause) = (job.host().unwrap(), pause(&job, &seen, now()).unwrap());
            let until = now() + TimeDelta::minutes(minutes);
            assert_eq!(
                pause,
                Pause { host, until, strikes: after, status: 429 },
                "after {strikes}"
            );
        }
    }

    #[test]
    fn the_host_that_refused_is_the_one_to_be_left_alone() {
        let elsewhere = Host::of(&"https://b.example/feed".parse().unwrap());
        let asked = job(0.0).host();
        for (answered_by, strikes, paused, after) in [
            (None, 4, &asked, 5),
            (asked.clone(), 4, &asked, 5),
            (elsewhere.clone(), 4, &elsewhere, 1), // The strikes were not its own.
        ] {
            let host_wait = Some(HostWait::Unnamed);
            let seen = Observed {
                transfer: Transfer { status: Some(429), answered_by, ..Transfer::default() },
                instructions: ServerInstructions { host_wait, ..ServerInstructions::default() },
                ..Observed::of(PollOutcome::Failed(Failure::Status(429)))
            };
            let job = PollJob { strikes: Some(strikes), ..job(0.0) };
            let pause = decide(&job, seen, &Policy::default(), now()).pause.unwrap();
            assert_eq!((Some(&pause.host), pause.strikes), (paused.as_ref(), after));
        }
    }

    #[test]
    fn the_next_host_is_that_of_the_address_the_next_poll_requests() {
        let policy = Policy { cadence: Cadence::Every(TimeDelta::hours(6)), ..Policy::default() };
        let target = "https://b.example/feed";
        for (recheck_in, expected) in [(3, "example.org"), (24, "b.example")] {
            let recheck_at = Some(now() + TimeDelta::hours(recheck_in));
            let moved = Some(Move {
                to: target.parse().unwrap(),
                at: now(),
                recheck_at,
                by: MovedBy::Redirect,
            });
            let job = PollJob { moved, ..job(0.0) };
            let seen = Observed::of(PollOutcome::NotModified);
            let next = decide(&job, seen, &policy, now()).next_host.unwrap();
            assert_eq!(next.as_str(), expected, "recheck in {recheck_in} hours");
        }
    }
}
