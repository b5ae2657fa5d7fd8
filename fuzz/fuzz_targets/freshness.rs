//! What a server's header fields and a feed's own hints ask for: never a panic, always a wait that is
//! longer than nothing and within what is believed.
#![no_main]

use gazetted::domain::poll::{Hints, HostWait, ReplyHeaders};
use gazetted::domain::time::{TimeDelta, Timestamp};
use gazetted::feed::hints;
use gazetted::polling::freshness;
use libfuzzer_sys::fuzz_target;

const WEEK: TimeDelta = TimeDelta::days(7);
const DAY: TimeDelta = TimeDelta::days(1);

fuzz_target!(|input: (u16, u32, &str)| {
    let (status, seconds, text) = input;
    let now: Timestamp =
        (std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.into())).into();
    let mut lines = text.lines();
    let mut next = || lines.next().filter(|line| !line.is_empty()).map(ToOwned::to_owned);
    let headers = ReplyHeaders {
        cache_control: next(),
        expires: next(),
        age: next(),
        date: next(),
        retry_after: next(),
        rate_remaining: next(),
        rate_reset: next(),
        ..ReplyHeaders::default()
    };
    let within = |wait: TimeDelta, most: TimeDelta| {
        assert!(TimeDelta::zero() < wait && wait <= most, "{wait} {headers:?}");
    };
    if let Some((_, wait)) = freshness::freshness(&headers, now) {
        within(wait, DAY);
    }
    if let Some(wait) = freshness::retry_after(&headers, now) {
        within(wait, WEEK);
    }
    if let Some(HostWait::Named(wait)) = freshness::host_wait(status, &headers, now) {
        within(wait, WEEK);
    }
    let rest: Vec<&str> = text.lines().skip(7).collect();
    let hints = Hints {
        ttl: rest.first().and_then(|text| hints::ttl(text)),
        update_period: hints::update_period(rest.get(1).copied(), rest.get(2).copied()),
        skip_hours: hints::skip_hours(rest.iter().copied()),
        skip_days: hints::skip_days(rest.iter().copied()),
    };
    assert!(hints.skip_hours < (1 << 24) - 1 && hints.skip_days < (1 << 7) - 1);
    for (_, wait) in freshness::of_hints(hints) {
        within(wait, DAY);
    }
});
