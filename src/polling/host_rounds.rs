//! How often the feeds of one host can be polled at all.
//!
//! Requests to one host have a delay between them, so that a host with very many feeds limits how often each of them is
//! polled, whatever its schedule says.

use std::collections::HashMap;

use crate::domain::feed::FeedUrl;
use crate::domain::host::Host;
use crate::domain::time::TimeDelta;
use crate::polling::schedule::{Cadence, Policy};

/// A host with more feeds than can be polled as often as they are configured to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongRound {
    /// `None` for the host of private feeds, which is not shown.
    pub host: Option<Host>,
    pub feeds: u32,
    /// The time in which each of these feeds can be polled once.
    pub round: TimeDelta,
    /// The shortest interval that one of them is configured to have; for an adaptive one that is `min`.
    pub wanted: TimeDelta,
}

/// The hosts with a [`LongRound`], the longest first. `delay` is the time between two requests to one host. Feeds with a `cron`
/// line count as feeds, and want no interval.
pub fn long_rounds<'f>(
    feeds: impl Iterator<Item = (&'f FeedUrl, &'f Policy)>,
    delay: TimeDelta,
    is_exempt: impl Fn(&Host) -> bool,
) -> Vec<LongRound> {
    let mut hosts: HashMap<Host, (bool, u32, Option<TimeDelta>)> = HashMap::new();
    for (url, policy) in feeds {
        let Some(host) = url.host().filter(|host| !is_exempt(host)) else { continue };
        let wanted = match policy.cadence {
            Cadence::Every(interval) => Some(interval),
            Cadence::Adaptive => Some(policy.min),
            Cadence::Cron(_) => None,
        };
        let (is_shown, count, shortest) = hosts.entry(host).or_default();
        *is_shown |= url.shown_host().is_some();
        *count += 1;
        *shortest = wanted.into_iter().chain(*shortest).min();
    }
    let mut long: Vec<LongRound> = hosts
        .into_iter()
        .filter_map(|(host, (is_shown, feeds, wanted))| {
            let round = delay * i32::try_from(feeds).unwrap_or(i32::MAX);
            let wanted = wanted.filter(|wanted| *wanted < round)?;
            Some(LongRound { host: is_shown.then_some(host), feeds, round, wanted })
        })
        .collect();
    let host = |long: &LongRound| long.host.as_ref().map(|host| host.as_str().to_owned());
    long.sort_by(|a, b| b.round.cmp(&a.round).then_with(|| host(a).cmp(&host(b))));
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_more_feeds_than_its_delay_permits_has_a_long_round() {
        let every = |minutes| Policy {
            cadence: Cadence::Every(TimeDelta::minutes(minutes)),
            ..Policy::default()
        };
        let (hourly, often, adaptive) = (every(60), every(10), Policy::default());
        let feed = |host: &str, n: u32| FeedUrl::parse(&format!("https://{host}/{n}")).unwrap();
        let mut feeds: Vec<(FeedUrl, &Policy)> = Vec::new();
        feeds.extend((0..3_600).map(|n| (feed("full.example", n), &hourly)));
        feeds.extend((0..3_601).map(|n| (feed("over.example", n), &hourly)));
        feeds.extend((0..14_000).map(|n| (feed("large.example", n), &adaptive)));
        feeds.extend(
            (0..700).map(|n| (feed("mixed.example", n), if n == 5 { &often } else { &hourly })),
        );
        feeds
            .extend((0..900).map(|n| (feed("hidden.example", n).stand_in(&n.to_string()), &often)));
        feeds.extend((0..9_000).map(|n| (feed("exempt.example", n), &hourly)));
        let found = long_rounds(
            feeds.iter().map(|(url, policy)| (url, *policy)),
            TimeDelta::seconds(1),
            |host| host.as_str() == "exempt.example",
        );
        let shown = found.iter().map(|long| {
            let host = long.host.as_ref().map_or("-", Host::as_str);
            format!(
                "{host} {} {} {}",
                long.feeds,
                long.round.num_seconds(),
                long.wanted.num_seconds()
            )
        });
        let expected = [
            "large.example 14000 14000 900",
            "over.example 3601 3601 3600",
            "- 900 900 600",
            "mixed.example 700 700 600",
        ];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
        let none = long_rounds(
            feeds.iter().map(|(url, policy)| (url, *policy)),
            TimeDelta::zero(),
            |_| false,
        );
        assert_eq!(none, []);
    }
}
