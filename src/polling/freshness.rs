//! How long a server asks to be left alone.
//!
//! RFC 9111 section 4.2 for replies, RFC 9110 section 10.2.3 for `Retry-After`. A field that cannot be
//! read asks for nothing. Clocks differ: moments are taken relative to the reply's own `Date`.

use crate::domain::poll::{Hints, HostWait, Reason, ReplyHeaders};
use crate::domain::time::{TimeDelta, Timestamp};

/// The maximum freshness that is obeyed: a live news feed has sent a `max-age` of 16 years.
const LONGEST_FRESHNESS: TimeDelta = TimeDelta::hours(24);

/// The maximum `Retry-After` that is obeyed.
const LONGEST_RETRY_AFTER: TimeDelta = TimeDelta::days(7);

/// The time for which the reply stays fresh, its `Age` taken off. `None` asks for nothing.
///
/// `max-age` replaces `Expires` (RFC 9111 section 5.3); `no-cache` and `no-store` leave no freshness.
pub fn freshness(headers: &ReplyHeaders, now: Timestamp) -> Option<(Reason, TimeDelta)> {
    let directives = headers.cache_control.as_deref().unwrap_or_default();
    let mut max_age = None;
    for directive in directives.split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-cache" | "no-store" => return None,
            "max-age" if max_age.is_none() => max_age = Some(seconds(value.trim_matches(quoted))),
            _ => {}
        }
    }
    let (reason, lifetime) = match max_age {
        Some(lifetime) => (Reason::MaxAge, lifetime?),
        None => (Reason::Expires, date(headers.expires.as_deref()?)? - date_of(headers, now)),
    };
    let age = headers.age.as_deref().and_then(seconds).unwrap_or_default();
    Some((reason, positive((lifetime - age).min(LONGEST_FRESHNESS))?))
}

/// The value of `Retry-After`: whole seconds, or a date.
pub fn retry_after(headers: &ReplyHeaders, now: Timestamp) -> Option<TimeDelta> {
    let value = headers.retry_after.as_deref()?;
    let wait = match seconds(value) {
        Some(wait) => wait,
        None => date(value)? - date_of(headers, now),
    };
    positive(wait.min(LONGEST_RETRY_AFTER))
}

/// How long no feed of the host may be polled: because of a `Retry-After` with an error status, a used-up
/// rate limit, or a 429 or 503 without a time.
pub fn host_wait(status: u16, headers: &ReplyHeaders, now: Timestamp) -> Option<HostWait> {
    let refused = 400 <= status;
    if let Some(wait) = retry_after(headers, now).filter(|_| refused) {
        return Some(HostWait::Named(wait));
    }
    let used_up = headers.rate_remaining.as_deref().is_some_and(|left| left.trim() == "0");
    if (used_up || status == 429)
        && let Some(wait) = rate_reset(headers, now)
    {
        return Some(HostWait::Named(wait));
    }
    matches!(status, 429 | 503).then_some(HostWait::Unnamed)
}

/// The time until the rate limit ends. Hosts send seconds or a Unix time.
fn rate_reset(headers: &ReplyHeaders, now: Timestamp) -> Option<TimeDelta> {
    const UNIX_TIMES_FROM: i64 = 700_000_000; // Smaller values are seconds: 22 years at most.
    let whole = headers.rate_reset.as_deref()?.trim().split('.').next()?;
    let value: i64 = whole.parse().ok()?;
    let wait = if value < UNIX_TIMES_FROM { value } else { value - now.timestamp() };
    positive(TimeDelta::try_seconds(wait)?.min(LONGEST_RETRY_AFTER))
}

/// The waits that a document asks for, up to the maximum that is obeyed.
pub fn of_hints(hints: Hints) -> impl Iterator<Item = (Reason, TimeDelta)> {
    [(Reason::Ttl, hints.ttl), (Reason::UpdatePeriod, hints.update_period)]
        .into_iter()
        .filter_map(|(reason, wait)| Some((reason, positive(wait?.min(LONGEST_FRESHNESS))?)))
}

fn positive(wait: TimeDelta) -> Option<TimeDelta> {
    (TimeDelta::zero() < wait).then_some(wait)
}

fn quoted(c: char) -> bool {
    c == '"' || c.is_whitespace()
}

/// A number of seconds. One that is too large is a very long time (RFC 9111 section 1.2.2).
fn seconds(text: &str) -> Option<TimeDelta> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| TimeDelta::seconds(text.parse::<u32>().unwrap_or(u32::MAX).into()))
}

fn date(text: &str) -> Option<Timestamp> {
    httpdate::parse_http_date(text.trim()).ok().map(Timestamp::from)
}

/// The `Date` of the reply, else the current time.
fn date_of(headers: &ReplyHeaders, now: Timestamp) -> Timestamp {
    headers.date.as_deref().and_then(date).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(fields: &[(&str, &str)]) -> ReplyHeaders {
        let mut headers = ReplyHeaders::default();
        for (name, value) in fields {
            let value = Some((*value).to_owned());
            match *name {
                "cache-control" => headers.cache_control = value,
                "expires" => headers.expires = value,
                "age" => headers.age = value,
                "date" => headers.date = value,
                "retry-after" => headers.retry_after = value,
                "remaining" => headers.rate_remaining = value,
                "reset" => headers.rate_reset = value,
                other => panic!("no such field: {other}"),
            }
        }
        headers
    }

    fn now() -> Timestamp {
        "1994-11-06T08:49:37Z".parse().unwrap()
    }

    const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    const AN_HOUR_LATER: &str = "Sun, 06 Nov 1994 09:49:37 GMT";

    #[test]
    fn a_reply_is_fresh_as_rfc_9111_has_it() {
        for (fields, expected) in [
            (vec![], None),
            (vec![("cache-control", "max-age=600")], Some(600)),
            (vec![("cache-control", "public, Max-Age=\"600\" ")], Some(600)),
            (vec![("cache-control", "max-age=600"), ("age", "500")], Some(100)),
            (vec![("cache-control", "max-age=600"), ("age", "700")], None),
            (vec![("cache-control", "max-age=0")], None),
            (vec![("cache-control", "max-age=-5")], None),
            (vec![("cache-control", "max-age=soon")], None),
            (vec![("cache-control", "no-cache, max-age=600")], None),
            (vec![("cache-control", "max-age=600, no-store")], None),
            // For shared caches, which we are not.
            (vec![("cache-control", "s-maxage=600")], None),
            (vec![("expires", AN_HOUR_LATER)], Some(3_600)),
            (vec![("expires", "0")], None),
            // Section 5.3: max-age wins, even when it is the shorter.
            (vec![("cache-control", "max-age=60"), ("expires", AN_HOUR_LATER)], Some(60)),
            (vec![("cache-control", "max-age=0"), ("expires", AN_HOUR_LATER)], None),
            // The server's clock is a day fast: its dates agree with each other.
            (
                vec![
                    ("date", "Mon, 07 Nov 1994 08:49:37 GMT"),
                    ("expires", "Mon, 07 Nov 1994 08:59:37 GMT"),
                ],
                Some(600),
            ),
            (vec![("cache-control", "max-age=504576000")], Some(86_400)),
            (vec![("cache-control", "max-age=99999999999999999999")], Some(86_400)),
            (vec![DATE, ("expires", "Fri, 01 Jan 2038 00:00:00 GMT")], Some(86_400)),
        ] {
            let got = freshness(&reply(&fields), now()).map(|(_, wait)| wait.num_seconds());
            assert_eq!(got, expected, "{fields:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_believed_for_a_week() {
        for (fields, expected) in [
            (vec![], None),
            (vec![("retry-after", "120")], Some(120)),
            (vec![("retry-after", " 120 ")], Some(120)),
            (vec![("retry-after", "0")], None),
            (vec![("retry-after", "1.5")], None),
            (vec![("retry-after", "later")], None),
            (vec![("retry-after", AN_HOUR_LATER)], Some(3_600)),
            (vec![("retry-after", "Sun, 06 Nov 1994 07:49:37 GMT")], None),
            (vec![("retry-after", "31536000")], Some(604_800)),
            // 88 hours have been seen; a week is the end of it.
            (vec![("retry-after", "316800")], Some(316_800)),
        ] {
            let got = retry_after(&reply(&fields), now()).map(|wait| wait.num_seconds());
            assert_eq!(got, expected, "{fields:?}");
        }
    }

    /// RFC 6585 section 4 for 429; `x-ratelimit-*` as Reddit sends it.
    #[test]
    fn a_host_is_left_alone_as_long_as_it_says() {
        let named = |seconds| Some(HostWait::Named(TimeDelta::seconds(seconds)));
        for (status, fields, expected) in [
            (200, vec![], None),
            (404, vec![], None),
            (404, vec![("retry-after", "60")], named(60)),
            (200, vec![("retry-after", "60")], None),
            (429, vec![("retry-after", "60")], named(60)),
            (503, vec![("retry-after", "60")], named(60)),
            (429, vec![], Some(HostWait::Unnamed)),
            (503, vec![], Some(HostWait::Unnamed)),
            (500, vec![], None),
            (429, vec![("reset", "42")], named(42)),
            (429, vec![("reset", "42.0")], named(42)),
            (429, vec![("reset", "784111837")], named(60)),
            (200, vec![("remaining", "0"), ("reset", "30")], named(30)),
            (200, vec![("remaining", "7"), ("reset", "30")], None),
            (429, vec![("reset", "soon")], Some(HostWait::Unnamed)),
        ] {
            assert_eq!(host_wait(status, &reply(&fields), now()), expected, "{status} {fields:?}");
        }
    }

    proptest! {
        /// Never sooner than now, never later than what is believed, whatever the fields hold.
        #[test]
        fn no_reply_asks_for_more_than_is_believed(
            status in 100_u16..600,
            values in prop::array::uniform7(
                "(max-age=|no-cache|, |-|\"|[0-9]{1,25}|Sun, 06 Nov 1994 08:49:37 GMT|Fri, 31 Dec 9999 23:59:59 GMT|.){0,4}"
            ),
        ) {
            let [cache_control, expires, age, date, retry_after, rate_remaining, rate_reset] = values.map(Some);
            let fields = ReplyHeaders {
                cache_control, expires, age, date, retry_after, rate_remaining, rate_reset,
                ..ReplyHeaders::default()
            };
            let zero = TimeDelta::zero();
            if let Some((_, wait)) = freshness(&fields, now()) {
                prop_assert!(zero < wait && wait <= LONGEST_FRESHNESS, "{wait}");
            }
            if let Some(HostWait::Named(wait)) = host_wait(status, &fields, now()) {
                prop_assert!(zero < wait && wait <= LONGEST_RETRY_AFTER, "{wait}");
            }
        }
    }
}
