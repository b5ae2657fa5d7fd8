//! The content of `/metrics`: counters that [`events`](super::events) increases, and gauges that are read from the
//! store for each request.
//!
//! The format is Prometheus' text format 0.0.4. Names follow its conventions: base units, `_total` for
//! counters. The values of a label are few and come from this program or its operator; an address is never a label.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::domain::poll::{Applied, Observed, PollOutcome};

/// `Content-Type` of [`render`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bounds of the buckets in seconds, from a server nearby to the default timeout.
const FETCH_SECONDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The values that are read from the store for a request.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Feeds by state, as `feeds` shows it.
    pub feeds: Vec<(&'static str, u64)>,
    /// The time since the most overdue feed was due.
    pub lag: Duration,
    /// The number of hosts that are paused.
    pub paused_hosts: u64,
    pub db_bytes: u64,
    /// The last sequence number that was assigned.
    pub sequence: i64,
    pub consumers: Vec<ConsumerGauges>,
}

/// The values of a consumer.
#[derive(Clone, Debug, Default)]
pub struct ConsumerGauges {
    pub name: String,
    /// The number of sequence numbers that it is behind.
    pub behind: i64,
    /// The failed deliveries in a row.
    pub failures: u32,
    /// How long the oldest change that it has not received has waited; zero when it has received all.
    pub lag: Duration,
    /// The deliveries and records that it has received since it exists.
    pub deliveries: u64,
    pub records: u64,
}

struct Counters {
    registry: Registry,
    fetches: IntCounterVec,
    fetch_seconds: Histogram,
    fetch_bytes: IntCounterVec,
    conditional: IntCounterVec,
    articles: IntCounterVec,
    exports: IntCounterVec,
    pages: IntCounterVec,
    delivery_failures: IntCounterVec,
    store_errors: IntCounter,
    requests: IntCounterVec,
    reload_ok: Gauge,
    reload_at: Gauge,
}

/// The counters of this process.
static COUNTERS: LazyLock<Counters> = LazyLock::new(Counters::new);

impl Counters {
    fn new() -> Self {
        let registry = Registry::new();
        let vec = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name: &str, help: &str| register(&registry, Gauge::new(name, help));
        let fetches = vec("gazetted_fetches_total", "Polls that ended, by outcome.", &["outcome"]);
        let fetch_bytes = vec(
            "gazetted_fetch_bytes_total",
            "Bytes of bodies as transferred, by content coding.",
            &["encoding"],
        );
        let conditional = vec(
            "gazetted_fetch_conditional_total",
            "Replies to polls: not_modified and modified to conditional ones, else unconditional.",
            &["result"],
        );
        let articles = vec("gazetted_articles_total", "Articles stored.", &["result"]);
        let exports = vec("gazetted_exports_total", "Scheduled exports, by result.", &["result"]);
        let pages = vec("gazetted_pages_total", "Article pages requested.", &["outcome"]);
        let delivery_failures = vec(
            "gazetted_delivery_failures_total",
            "Deliveries to webhooks and commands that failed, by consumer.",
            &["consumer"],
        );
        let requests = vec(
            "gazetted_http_requests_total",
            "Requests answered, by route and status.",
            &["route", "code"],
        );
        let fetch_seconds =
            HistogramOpts::new("gazetted_fetch_duration_seconds", "How long replies took.")
                .buckets(FETCH_SECONDS.to_vec());
        let fetch_seconds = register(&registry, Histogram::with_opts(fetch_seconds));
        let store_errors =
            IntCounter::new("gazetted_store_errors_total", "Times the store failed at something.");
        let store_errors = register(&registry, store_errors);
        register_process(&registry);
        Self {
            fetches,
            fetch_seconds,
            fetch_bytes,
            conditional,
            articles,
            exports,
            pages,
            delivery_failures,
            store_errors,
            requests,
            reload_ok: gauge(
                "gazetted_config_last_reload_successful",
                "Whether the last reading of the configuration succeeded.",
            ),
            reload_at: gauge(
                "gazetted_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was read.",
            ),
            registry,
        }
    }
}

#[expect(clippy::expect_used, reason = "names and labels are constants; a test makes them all")]
fn register<M: Collector + Clone + 'static>(
    registry: &Registry,
    metric: Result<M, prometheus::Error>,
) -> M {
    let metric = metric.expect("a valid name");
    registry.register(Box::new(metric.clone())).expect("a new name");
    metric
}

/// The metrics of the process, with the names that all Prometheus clients use.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "the library reads /proc"))]
fn register_process(registry: &Registry) {
    #[cfg(target_os = "linux")]
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self())).ok(); // No other metric has these names, which a test checks.
}

pub(super) fn poll_ended(observed: &Observed, applied: Applied) {
    let counters = &*COUNTERS;
    counters.fetches.with_label_values(&[observed.outcome.as_str()]).inc();
    counters.articles.with_label_values(&["new"]).inc_by(applied.added.into());
    counters.articles.with_label_values(&["edited"]).inc_by(applied.edited.into());
    let transfer = &observed.transfer;
    if transfer.status.is_none() {
        return; // No reply to measure.
    }
    counters.fetch_seconds.observe(transfer.elapsed.as_secs_f64());
    counters.fetch_bytes.with_label_values(&[transfer.encoding]).inc_by(transfer.bytes);
    let result = match (transfer.conditional, &observed.outcome) {
        (false, _) => "unconditional",
        (true, PollOutcome::NotModified) => "not_modified",
        (true, _) => "modified",
    };
    counters.conditional.with_label_values(&[result]).inc();
}

pub(super) fn export_ended(result: &str) {
    COUNTERS.exports.with_label_values(&[result]).inc();
}

pub(super) fn page_ended(outcome: &str) {
    COUNTERS.pages.with_label_values(&[outcome]).inc();
}

pub(super) fn delivery_failed(consumer: &str) {
    COUNTERS.delivery_failures.with_label_values(&[consumer]).inc();
}

pub(super) fn store_failed() {
    COUNTERS.store_errors.inc();
}

/// Records whether the configuration was read. `at` is the time in Unix seconds.
pub(super) fn reloaded(success: bool, at: f64) {
    COUNTERS.reload_ok.set(f64::from(u8::from(success)));
    if success {
        COUNTERS.reload_at.set(at);
    }
}

pub(super) fn request_answered(route: &str, status: u16) {
    COUNTERS.requests.with_label_values(&[route, &status.to_string()]).inc();
}

/// Formats all metrics in the text format.
///
/// # Errors
/// When the encoder refuses a metric, which no known input causes.
pub fn render(gauges: &Gauges) -> Result<String, prometheus::Error> {
    let momentary = Registry::new();
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let one = |name: &str, help: &str, value: u64| -> Result<(), prometheus::Error> {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value as f64);
        momentary.register(Box::new(gauge))
    };
    one("gazetted_db_size_bytes", "Size of the store.", gauges.db_bytes)?;
    one("gazetted_host_throttled", "Hosts that are left alone for now.", gauges.paused_hosts)?;
    one(
        "gazetted_store_sequence",
        "The last sequence number given out.",
        gauges.sequence.unsigned_abs(),
    )?;
    let lag = Gauge::new(
        "gazetted_schedule_lag_seconds",
        "How long the longest overdue feed has been waiting.",
    )?;
    lag.set(gauges.lag.as_secs_f64());
    momentary.register(Box::new(lag))?;
    let feeds = IntGaugeVec::new(Opts::new("gazetted_feeds", "Feeds, by state."), &["state"])?;
    for (state, count) in &gauges.feeds {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        feeds.with_label_values(&[state]).set(count);
    }
    momentary.register(Box::new(feeds))?;
    consumers(&momentary, &gauges.consumers)?;
    let info = IntGaugeVec::new(Opts::new("gazetted_build_info", "Always 1."), &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    momentary.register(Box::new(info))?;
    let mut families = COUNTERS.registry.gather();
    families.extend(momentary.gather());
    families.sort_by(|a, b| a.name().cmp(b.name()));
    TextEncoder::new().encode_to_string(&families)
}

/// Adds the metrics of the consumers. Their totals are counters that the store keeps, so that they outlast a restart.
fn consumers(registry: &Registry, consumers: &[ConsumerGauges]) -> Result<(), prometheus::Error> {
    let label = &["consumer"];
    let gauge = |name, help| -> Result<GaugeVec, prometheus::Error> {
        let gauge = GaugeVec::new(Opts::new(name, help), label)?;
        registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    };
    let total = |name, help| -> Result<IntCounterVec, prometheus::Error> {
        let counter = IntCounterVec::new(Opts::new(name, help), label)?;
        registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    };
    let behind = gauge("gazetted_consumer_behind", "Changes that a consumer has not come past.")?;
    let failures =
        gauge("gazetted_consumer_failures", "Failed deliveries to a consumer, in a row.")?;
    let lag = gauge(
        "gazetted_consumer_lag_seconds",
        "How long the oldest change that a consumer has not come past has waited.",
    )?;
    let deliveries = total("gazetted_consumer_deliveries_total", "Deliveries to a consumer.")?;
    let records = total("gazetted_consumer_records_total", "Records in these deliveries.")?;
    for consumer in consumers {
        let label = &[consumer.name.as_str()];
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        behind.with_label_values(label).set(consumer.behind as f64);
        failures.with_label_values(label).set(consumer.failures.into());
        lag.with_label_values(label).set(consumer.lag.as_secs_f64());
        deliveries.with_label_values(label).inc_by(consumer.deliveries);
        records.with_label_values(label).inc_by(consumer.records);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::domain::poll::{Failure, Transfer};

    /// The name, the labels as written, and the value of a sample.
    fn sample(line: &str) -> (&str, &str, f64) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
            None => (series, ""),
        };
        (name, labels, value.parse().unwrap())
    }

    /// Checks the rules of the text format 0.0.4: HELP and TYPE of a family come first and once, its samples are
    /// together, no series occurs twice, and the buckets grow up to `+Inf`, which equals the count.
    #[test]
    #[expect(clippy::too_many_lines, reason = "one check of one text")]
    fn the_text_is_a_valid_exposition() {
        for outcome in [PollOutcome::NotModified, PollOutcome::Failed(Failure::Dns)] {
            let transfer =
                Transfer { status: Some(304), encoding: "identity", ..Transfer::default() };
            let observed = Observed { transfer, ..Observed::of(outcome) };
            poll_ended(&observed, Applied { added: 1, edited: 2 });
        }
        export_ended("written");
        page_ended("fetched");
        store_failed();
        reloaded(true, 5.0);
        request_answered("/feeds", 200);
        let gauges = Gauges {
            feeds: vec![("ok", 3), ("failing", 1)],
            consumers: vec![ConsumerGauges {
                name: "chat".to_owned(),
                behind: 7,
                failures: 2,
                records: 30,
                ..ConsumerGauges::default()
            }],
            ..Gauges::default()
        };
        let text = render(&gauges).unwrap();
        assert!(text.ends_with('\n'));
        let mut types: HashMap<&str, &str> = HashMap::new();
        let mut helped = HashSet::new();
        let mut series = HashSet::new();
        let mut current = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(helped.insert(name) && !help.is_empty(), "{line}");
                current = name;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(name, current);
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(types.insert(name, kind).is_none(), "{line}");
            } else {
                let (name, labels, value) = sample(line);
                let family = match types.get(current) {
                    Some(&"histogram") => ["_bucket", "_sum", "_count"]
                        .iter()
                        .find_map(|ending| name.strip_suffix(ending))
                        .unwrap(),
                    _ => name,
                };
                assert_eq!(family, current, "{line}");
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
                assert!(series.insert((name, labels)) && 0.0 <= value, "{line}");
            }
        }
        for name in [
            "gazetted_fetches_total",
            "gazetted_fetch_duration_seconds",
            "gazetted_fetch_bytes_total",
            "gazetted_fetch_conditional_total",
            "gazetted_schedule_lag_seconds",
            "gazetted_host_throttled",
            "gazetted_articles_total",
            "gazetted_pages_total",
            "gazetted_feeds",
            "gazetted_db_size_bytes",
            "gazetted_build_info",
            "gazetted_config_last_reload_successful",
        ] {
            assert!(types.contains_key(name), "{name} is missing in\n{text}");
        }
        let buckets: Vec<f64> = text
            .lines()
            .filter(|line| line.starts_with("gazetted_fetch_duration_seconds_bucket"))
            .map(|line| sample(line).2)
            .collect();
        assert!(buckets.is_sorted() && buckets.len() == FETCH_SECONDS.len() + 1, "{buckets:?}");
        let count = text.lines().find(|l| l.starts_with("gazetted_fetch_duration_seconds_count"));
        assert_eq!(Some(&sample(count.unwrap()).2), buckets.last());
        assert!(text.contains("gazetted_consumer_behind{consumer=\"chat\"} 7\n"), "{text}");
        assert!(text.contains("gazetted_consumer_records_total{consumer=\"chat\"} 30\n"), "{text}");
        assert!(text.contains("gazetted_feeds{state=\"failing\"} 1\n"), "{text}");
    }
}
