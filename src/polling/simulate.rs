//! A fleet's month in a moment: the real planner against modelled servers, with a clock of its own.
//!
//! What is modelled: how often each feed brings an article, whether its server sends validators and a
//! freshness, and the budget of each host. What is not: failures, redirects, articles that come in bursts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use crate::domain::feed::{FeedId, FeedUrl};
use crate::domain::host::Host;
use crate::domain::poll::{
    Document, Hints, Observed, PollJob, PollOutcome, Reason, ServerWishes, Transfer, Validators,
};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::polling::decide::decide;
use crate::polling::request;
use crate::polling::schedule::Policy;

/// Dates that the planner sees of a feed, as the store hands them out.
const RECENT: usize = 20;

/// A feed and the server before it.
#[derive(Clone, Debug)]
pub struct Modelled {
    pub url: FeedUrl,
    pub policy: Policy,
    /// Mean time between two articles.
    pub gap: TimeDelta,
    /// Whether the server sends an `ETag` and answers 304.
    pub validators: bool,
    /// What server and feed ask for with each answer.
    pub asks: Vec<(Reason, TimeDelta)>,
    pub hints: Hints,
}

/// What one host would see, and how late its articles would be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub feeds: u64,
    pub requests: u64,
    pub conditional: u64,
    /// Answers with a body that brought nothing new.
    pub wasted: u64,
    pub articles: u64,
    /// From an article's appearance to the poll that found it; `None` without articles.
    pub median_lag: Option<TimeDelta>,
}

/// The load of each host (`file` for files) over `span` from `start`, at which all feeds are new.
/// `delay` is the distance between two requests to one host.
pub fn simulate(
    feeds: &[Modelled],
    start: Timestamp,
    span: TimeDelta,
    delay: TimeDelta,
) -> BTreeMap<String, Load> {
    let end = start + span;
    let mut fleet: Vec<Simulated<'_>> =
        feeds.iter().map(|feed| Simulated::new(feed, start)).collect();
    let mut turns: BinaryHeap<_> = (0..fleet.len()).map(|n| Reverse((start, n, false))).collect();
    let mut hosts: HashMap<Option<Host>, Budget> = HashMap::new();
    for feed in feeds {
        hosts.entry(feed.url.host()).or_insert_with(|| Budget::new(start)).load.feeds += 1;
    }
    while let Some(Reverse((at, n, has_place))) = turns.pop() {
        let (Some(feed), Some(model)) = (fleet.get_mut(n), feeds.get(n)) else { continue };
        let Some(host) = hosts.get_mut(&model.url.host()) else { continue };
        if end <= at {
            continue;
        }
        if !has_place {
            let place = host.free_at.max(at);
            host.free_at = place + delay;
            if at < place {
                turns.push(Reverse((place, n, true))); // Its host is being asked.
                continue;
            }
        }
        if let Some(next) = feed.poll(at, host) {
            turns.push(Reverse((next, n, false)));
        }
    }
    let name = |host: Option<Host>| host.map_or("file".to_owned(), |host| host.to_string());
    hosts.into_iter().map(|(host, budget)| (name(host), budget.into_load())).collect()
}

/// One host's request budget and what it has seen.
struct Budget {
    /// No request before.
    free_at: Timestamp,
    load: Load,
    lags: Vec<TimeDelta>,
}

impl Budget {
    fn new(start: Timestamp) -> Self {
        Self { free_at: start, load: Load::default(), lags: Vec::new() }
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
        // A document holds some articles already.
        new.job.recent = (1..=10).map(|n| start - model.gap * n).collect();
        new.next_article = start + new.gap();
        new
    }

    /// Half to one and a half times the mean, by the feed's own hash: no two are alike, no run differs.
    fn gap(&self) -> TimeDelta {
        let seed =
            xxhash_rust::xxh3::xxh3_64_with_seed(self.model.url.as_str().as_bytes(), self.articles);
        let thousandths = 500 + i64::try_from(seed % 1_001).unwrap_or(500);
        let milliseconds = self.model.gap.num_seconds().saturating_mul(thousandths);
        TimeDelta::milliseconds(milliseconds).max(TimeDelta::seconds(1))
    }

    /// One poll; when the planner wants the next.
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
            wishes: ServerWishes {
                validators: Some(validators.clone()),
                asks: self.model.asks.clone(),
                ..ServerWishes::default()
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
            asks: Vec::new(),
            hints: Hints::default(),
        }
    }

    fn day(feeds: &[Modelled], delay: i64) -> BTreeMap<String, Load> {
        simulate(feeds, start(), TimeDelta::days(1), TimeDelta::seconds(delay))
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
        let asks = vec![(Reason::MaxAge, TimeDelta::hours(4))];
        let patient = Modelled { asks, ..feed("https://a.example/f", 30, 60) };
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
}
