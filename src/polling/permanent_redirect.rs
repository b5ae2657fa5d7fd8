//! Permanent redirects (RFC 9110 sections 15.4.2 and 15.4.9).
//!
//! A 301 or 308 is followed directly by later polls once it has led to a feed. The configured address is
//! kept. It is requested again after a day and then weekly for a month, and used again when it serves a feed.

use url::Url;

use crate::domain::poll::{Failure, Hop, Move, MovedBy, PollJob, PollOutcome};
use crate::domain::time::{TimeDelta, Timestamp};

const FIRST_RECHECK: TimeDelta = TimeDelta::days(1);
const LATER_RECHECKS: TimeDelta = TimeDelta::days(7);
const RECHECKED_FOR: TimeDelta = TimeDelta::days(30);

/// The address at the end of the leading permanent redirects from `start`. Those after a temporary one do not count.
/// `None` if they lead back to `start`, as redirects that only set a cookie do.
pub fn target<'a>(start: &Url, hops: &'a [Hop]) -> Option<&'a Url> {
    let permanent = hops.iter().take_while(|hop| matches!(hop.status, 301 | 308));
    permanent.last().map(|hop| &hop.to).filter(|to| *to != start)
}

/// The permanent redirect of a feed after a poll. `moved_to` is its [`target`] in this poll.
pub fn after(
    job: &PollJob,
    moved_to: Option<&Url>,
    outcome: &PollOutcome,
    now: Timestamp,
) -> Option<Move> {
    let found = match outcome {
        PollOutcome::Fresh(_)
        | PollOutcome::Cut(_)
        | PollOutcome::SameBody
        | PollOutcome::NotModified => true,
        PollOutcome::Gone | PollOutcome::Failed(_) => false,
    };
    let configured = job.address() == job.url.as_url();
    match (&job.moved, moved_to) {
        (None, _) if !found => None, // A redirect that leads to no feed is not kept.
        (None, to) => to.map(|to| Move {
            to: to.clone(),
            at: now,
            recheck_at: first_recheck(job, to, now),
            by: MovedBy::Redirect,
        }),
        // The configured address serves a feed again.
        (Some(_), None) if found && configured => None,
        (Some(moved), to) => {
            let to = to.filter(|_| found);
            let by = if to.is_some() { MovedBy::Redirect } else { moved.by };
            let to = to.unwrap_or(&moved.to).clone();
            let is_gone = *outcome == PollOutcome::Failed(Failure::Status(410));
            let recheck_at = match (configured, found) {
                // The configured address will not serve a feed again.
                (true, false) if is_gone => None,
                (true, _) => next_recheck(moved.at, now),
                // The new address fails, so the old one is tried at the next poll.
                (false, false) => Some(now),
                (false, true) => moved.recheck_at,
            };
            Some(Move { to, at: moved.at, recheck_at, by })
        }
    }
}

/// The time of the first recheck; `None` for a redirect from http to https on the same host, which is final.
pub(super) fn first_recheck(job: &PollJob, to: &Url, now: Timestamp) -> Option<Timestamp> {
    let from = job.url.as_url();
    let upgraded = from.scheme() == "http" && to.scheme() == "https" && from.host() == to.host();
    (!upgraded).then_some(now + FIRST_RECHECK)
}

pub(super) fn next_recheck(moved_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let at = now + LATER_RECHECKS;
    (at <= moved_at + RECHECKED_FOR).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feed::{FeedId, FeedUrl};

    const HOME: &str = "http://a.example/feed";
    const AWAY: &str = "http://b.example/feed";
    const FURTHER: &str = "http://c.example/feed";

    fn at(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn moved(to: &str, day: i64, recheck: Option<i64>) -> Move {
        Move { to: url(to), at: at(day), recheck_at: recheck.map(at), by: MovedBy::Redirect }
    }

    fn job(moved: Option<Move>) -> PollJob {
        PollJob { moved, ..PollJob::first(FeedId(1), FeedUrl::parse(HOME).unwrap(), at(0)) }
    }

    #[test]
    fn only_the_leading_permanent_hops_count() {
        let hop = |status, to: &str| Hop { status, to: url(to) };
        for (hops, expected) in [
            (vec![], None),
            (vec![hop(302, AWAY)], None),
            (vec![hop(301, AWAY)], Some(AWAY)),
            (vec![hop(308, AWAY), hop(301, FURTHER)], Some(FURTHER)),
            (vec![hop(301, AWAY), hop(302, FURTHER)], Some(AWAY)),
            (vec![hop(307, AWAY), hop(301, FURTHER)], None),
            (vec![hop(301, AWAY), hop(301, HOME)], None),
            (vec![hop(301, HOME)], None),
        ] {
            assert_eq!(target(&url(HOME), &hops).map(Url::as_str), expected, "{hops:?}");
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn a_move_is_kept_rechecked_and_undone() {
        let good = || PollOutcome::NotModified;
        let bad = || PollOutcome::Failed(Failure::NotAFeed);
        for (name, before, asked, led_to, outcome, day, expected) in [
            ("no move", None, HOME, None, good(), 0, None),
            (
                "a feed behind a 301",
                None,
                HOME,
                Some(AWAY),
                good(),
                0,
                Some(moved(AWAY, 0, Some(1))),
            ),
            ("no feed behind it", None, HOME, Some(AWAY), bad(), 0, None),
            (
                "https is for good",
                None,
                HOME,
                Some("https://a.example/feed"),
                good(),
                0,
                Some(moved("https://a.example/feed", 0, None)),
            ),
            (
                "at its new address",
                Some(moved(AWAY, 0, Some(1))),
                AWAY,
                None,
                good(),
                0,
                Some(moved(AWAY, 0, Some(1))),
            ),
            (
                "still moved",
                Some(moved(AWAY, 0, Some(1))),
                HOME,
                Some(AWAY),
                good(),
                1,
                Some(moved(AWAY, 0, Some(8))),
            ),
            (
                "still moved after a month",
                Some(moved(AWAY, 0, Some(29))),
                HOME,
                Some(AWAY),
                good(),
                29,
                Some(moved(AWAY, 0, None)),
            ),
            (
                "moved on",
                Some(moved(AWAY, 0, Some(1))),
                AWAY,
                Some(FURTHER),
                good(),
                0,
                Some(moved(FURTHER, 0, Some(1))),
            ),
            ("back again", Some(moved(AWAY, 0, Some(1))), HOME, None, good(), 1, None),
            (
                "the old address fails",
                Some(moved(AWAY, 0, Some(1))),
                HOME,
                None,
                bad(),
                1,
                Some(moved(AWAY, 0, Some(8))),
            ),
            (
                "the new address fails",
                Some(moved(AWAY, 0, Some(8))),
                AWAY,
                None,
                bad(),
                2,
                Some(moved(AWAY, 0, Some(2))),
            ),
        ] {
            let led_to = led_to.map(url);
            let job = PollJob { planned_at: at(day), ..job(before) };
            assert_eq!(job.address(), &url(asked), "{name}");
            let found = after(&job, led_to.as_ref(), &outcome, at(day));
            assert_eq!(found, expected, "{name}");
        }
    }
}
