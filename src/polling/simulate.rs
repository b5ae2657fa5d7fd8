//! Simulates a month of polling in a moment: the real rules of polling, simulated servers and time.
//!
//! The model has the rate of articles of each feed, the validators and freshness of its server, and the
//! request budget of each host. It has no failures, no redirects and no bursts of articles.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use crate::domain::feed::{FeedId, FeedUrl};
use crate::domain::host::Host;
use crate::domain::poll::{
    Document, Hints, Observed, PollJob, PollOutcome, Reason, ServerInstructions, Transfer,
    Validators,
};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::polling::decide::decide;
use crate::polling::request;
use crate::polling::schedule::Policy;

/// The number of article dates in the history of a feed, as in the store.
const RECENT: usize = 20;

/// The model of a feed and its server.
#[derive(Clone, Debug)]
pub struct Modelled {
    pub url: FeedUrl,
    pub policy: Policy,
    /// Mean time between two articles.
    pub gap: TimeDelta,
    /// Whether the server sends an `ETag` and answers 304.
    pub validators: bool,
    /// The shortest waits, by the header fields of each reply.
    pub min_waits: Vec<(Reason, TimeDelta)>,
    pub hints: Hints,
}

/// The requests to one host, and the delay until its articles are found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub feeds: u64,
    pub requests: u64,
    pub conditional: u64,
    /// The number of replies with a body and no new article.
    pub wasted: u64,
    pub articles: u64,
    /// The median time from the publication of an article to the poll that finds it; `None` without articles.
    pub median_lag: Option<TimeDelta>,
}

/// The load of each host (`file` for files) over `span` from `start`, at which all feeds are new.
/// `delay` gives the distance between two requests to a host; files have none.
pub fn simulate(
    feeds: &[Modelled],
    start: Timestamp,
    span: TimeDelta,
    delay: impl Fn(&Host) -> TimeDelta,
) -> BTreeMap<String, Load> {
    let end = start + span;
    let mut fleet: Vec<Simulated<'_>> =
        feeds.iter().map(|feed| Simulated::new(feed, start)).collect();
    let mut queue: BinaryHeap<_> = (0..fleet.len()).map(|n| Reverse((start, n, false))).collect();
    let mut hosts: HashMap<Option<Host>, Budget> = HashMap::new();
    for feed in feeds {
        let host = feed.url.host();
        let delay = host.as_ref().map_or_else(TimeDelta::zero, &delay);
        hosts.entry(host).or_insert_with(|| Budget::new(start, delay)).load.feeds += 1;
    }
    while let Some(Reverse((at, n, has_slot))) = queue.pop() {
        let (Some(feed), Some(model)) = (fleet.get_mut(n), feeds.get(n)) else { continue };
        let Some(host) = hosts.get_mut(&model.url.host()) else { continue };
        if end <= at {
            continue;
        }
        if !has_slot {
            let slot = host.free_at.max(at);
            host.free_at = slot + host.delay;
            if at < slot {
                queue.push(Reverse((slot, n, true))); // The delay of its host has not passed.
                continue;
            }
        }
        if let Some(next) = feed.poll(at, host) {
            queue.push(Reverse((next, n, false)));
        }
    }
    let shown: HashSet<Host> = feeds.iter().filter_map(|feed| feed.url.shown_host()).collect();
    let mut private = 0;
    let mut name = |host: Option<Host>| match host {
        None => "file".to_owned(),
        Some(host) if shown.contains(&host) => host.to_string(),
        Some(_) => {
            private += 1; // Hosts of private feeds are counted and not named.
            format!("private {private}")
        }
    };
    hosts.into_iter().map(|(host, budget)| (name(host), budget.into_load())).collect()
}

/// The request budget of a host, and its load so far.
struct Budget {
    /// No request may start before this time.
    free_at: Timestamp,
    /// The distance between two requests.
    delay: TimeDelta,
    load: Load,
    lags: Vec<TimeDelta>,
}

impl Budget {
    fn new(start: Timestamp, delay: TimeDelta) -> Self {
        Self { free_at: start, delay, load: Load::default(), lags: Vec::new() }
    }

    fn into_load(mut self) -> Load {
        let middle = self.lags.len() / 2;
        let median = (!self.lags.is_empty()).then(|| *self.lags.select_nth_unstable(middle).1);
        Load { articles: self.lags.len() as u64, median_lag: median, ..self.load }
    }
}

/// A feed between two polls.
struct Simulated<'a> {
    model: &'a Modelled,
    job: PollJob,
    /// When its next article appears.
    next_article: Timestamp,
    articles: u64,
}

impl<'a> Simulated<'a> {
    fn new(model: &'a Modelled, start: Timestamp) -> Self {
        let mut new = Self {
            model,
            job: PollJob {
                hints: model.hints,
                ..PollJob::first(FeedId(0), model.url.clone(), start)
            },
            next_article: start,
            articles: 0,
        };
        // The first document contains articles already.
        new.job.recent = (1..=10).map(|n| start - model.gap * n).collect();
        new.next_article = start + new.gap();
        new
    }

    /// Half to one and a half times the mean gap. It depends on a hash of the address and not on chance, so that
    /// each run gives the same result.
    fn gap(&self) -> TimeDelta {
        let seed =
            xxhash_rust::xxh3::xxh3_64_with_seed(self.model.url.as_str().as_bytes(), self.articles);
        let thousandths = 500 + i64::try_from(seed % 1_001).unwrap_or(500);
        let milliseconds = self.model.gap.num_seconds().saturating_mul(thousandths);
        TimeDelta::milliseconds(milliseconds).max(TimeDelta::seconds(1))
    }

    /// Polls once and returns the time of the next poll.
    fn poll(&mut self, at: Timestamp, host: &mut Budget) -> Option<Timestamp> {
        let conditional = !request::validators(&self.job, at).is_empty();
        let mut news = 0_u64;
        while self.next_article <= at {
            host.lags.push(at - self.next_article);
            self.job.recent.insert(0, self.next_article);
            self.articles += 1;
            news += 1;
            self.next_article += self.gap();
        }
        self.job.recent.truncate(RECENT);
        let outcome = match (news, conditional) {
            (0, true) => PollOutcome::NotModified,
            (0, false) => PollOutcome::SameBody,
            _ => PollOutcome::Fresh(Box::<Document>::default()),
        };
        host.load.requests += 1;
        host.load.conditional += u64::from(conditional);
        host.load.wasted += u64::from(outcome == PollOutcome::SameBody);
        if outcome != PollOutcome::NotModified {
            self.job.full_at = Some(at);
        }
        let validators = self.validators();
        let observed = Observed {
            instructions: ServerInstructions {
                validators: Some(validators.clone()),
                min_waits: self.model.min_waits.clone(),
                ..ServerInstructions::default()
            },
            transfer: Transfer { status: Some(200), ..Transfer::default() },
            ..Observed::of(outcome)
        };
        self.job.validators = validators;
        decide(&self.job, observed, &self.model.policy, at).next.at
    }

    fn validators(&self) -> Validators {
        let etag = self.model.validators.then(|| self.articles.to_string().into_bytes());
        Validators { etag, last_modified: None, sent_by: Some(self.model.url.as_url().clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polling::schedule::Cadence;

    fn start() -> Timestamp {
        "2026-11-24T00:00:00Z".parse().unwrap()
    }

    fn feed(url: &str, every: i64, gap: i64) -> Modelled {
        Modelled {
            url: FeedUrl::parse(url).unwrap(),
            policy: Policy {
                cadence: Cadence::Every(TimeDelta::minutes(every)),
                ..Policy::default()
            },
            gap: TimeDelta::minutes(gap),
            validators: true,
            min_waits: Vec::new(),
            hints: Hints::default(),
        }
    }

    fn day(feeds: &[Modelled], delay: i64) -> BTreeMap<String, Load> {
        let delay =
            |host: &Host| TimeDelta::seconds(if host.is_this_machine() { 0 } else { delay });
        simulate(feeds, start(), TimeDelta::days(1), delay)
    }

    #[test]
    fn a_feed_is_asked_once_an_interval_and_its_articles_wait_half_of_it() {
        let load = day(&[feed("https://a.example/f", 30, 60)], 1).remove("a.example").unwrap();
        assert!((47..=50).contains(&load.requests), "{load:?}");
        assert_eq!(load.conditional, load.requests - 1, "all but the first");
        let lag = load.median_lag.unwrap().num_minutes();
        assert!((8..=22).contains(&lag), "{load:?}");
    }

    #[test]
    fn a_server_that_asks_for_rest_gets_it() {
        let min_waits = vec![(Reason::MaxAge, TimeDelta::hours(4))];
        let patient = Modelled { min_waits, ..feed("https://a.example/f", 30, 60) };
        assert_eq!(day(&[patient], 1)["a.example"].requests, 6);
    }

    #[test]
    fn without_validators_each_answer_is_a_whole_document() {
        let bare = Modelled { validators: false, ..feed("https://a.example/f", 60, 600) };
        let load = day(&[bare], 1).remove("a.example").unwrap();
        assert_eq!(load.conditional, 0);
        assert!(20 <= load.wasted, "{load:?}");
    }

    #[test]
    fn a_host_of_many_feeds_is_asked_one_after_the_other() {
        let feeds: Vec<_> =
            (0..100).map(|n| feed(&format!("https://a.example/{n}"), 10, 600)).collect();
        // A minute apart, a day has room for 1,440 requests, not for 14,400.
        let load = day(&feeds, 60).remove("a.example").unwrap();
        assert!((1_430..=1_440).contains(&load.requests), "{load:?}");
    }

    #[test]
    fn files_and_hosts_without_a_delay_do_not_wait() {
        for (name, base) in [("127.0.0.1", "http://127.0.0.1/"), ("file", "file:///feeds/")] {
            let feeds: Vec<_> = (0..100).map(|n| feed(&format!("{base}{n}"), 10, 600)).collect();
            let load = day(&feeds, 60).remove(name).unwrap();
            assert!((14_000..=14_600).contains(&load.requests), "{name}: {load:?}");
        }
    }
}
