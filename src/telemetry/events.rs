//! The log events: one function for each, so that wording, level and fields are in one place.
//!
//! A message can be understood without its fields; values to search for are in fields. A field has the same name
//! in all events, and its unit is in its name:
//!
//! | field | |
//! |---|---|
//! | `feed.id`, `feed.name`, `feed.url` | the id, the name and the address of the feed, as `gazetted feeds` shows them |
//! | `page.url` | the address of the page of an article |
//! | `http.status` | the status of the last reply; absent when there was none |
//! | `outcome` | `fresh`, `same_body`, `not_modified`, `gone`, or the kind of failure (`dns`, `timeout`, …); of a page `fetched`, `not_modified`, `failed`, `postponed`, `paywall`, `blocked` or `robots` |
//! | `detail` | the message of the server or a parser; foreign text, shortened and escaped |
//! | `error` | a chain of causes, outermost first |
//! | `bytes` | the size of a body as transferred, or of a written file |
//! | `elapsed_ms` | the duration |
//! | `added`, `edited` | numbers of articles |
//! | `failures` | the weighted number since the last success |
//! | `next_at`, `next_because` | the next poll, RFC 3339, and the rule that set it; absent when there is none |
//! | `path`, `format`, `articles` | the file, format and number of articles of an export |
//! | `feeds`, `exports` | the numbers in the configuration |
//! | `consumer`, `receiver` | the consumer of a delivery, and the host or program that it goes to |
//! | `records`, `from`, `up_to` | the number of records in a delivery, and its range of sequence numbers |
//! | `retry_at` | when a failed delivery is tried again, RFC 3339; absent when it is not tried again by itself |
//! | `address` | the address that the server listens on |
//! | `route` | the pattern that matched a request, such as `/articles/{id}` |
//!
//! What fails again and again is a warning or an error once for each change of state, and then at `debug`: polls of a
//! feed, deliveries to a consumer, exports to a file, and operations of the store. An event without `feed.`, such as
//! `works again`, says when that is over.
//!
//! These are never logged: configured header values, passwords and tokens (their types cannot be printed), the
//! password of a proxy, the path of a webhook's address, the arguments of a command, user names and passwords of
//! URLs (a [`FeedUrl`] has none), bodies, articles. The query of a feed's URL *is* logged, because it is part of the
//! feed's name; a token belongs in a header.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tracing::{debug, error, info, warn};
use url::Url;

use crate::domain::consumer::Delivered;

use crate::domain::feed::{FeedId, FeedUrl};
use crate::domain::hook::HookTarget;
use crate::domain::location::Location;
use crate::domain::poll::{Applied, Decision, Failure, NextPoll, PollOutcome};
use crate::domain::time::{Timestamp, rfc3339};
use crate::html::chars::is_control;
use crate::telemetry::metrics;
use crate::telemetry::states::{self, Subject};

/// Logs at this level if `$is_news`, else at `debug`.
macro_rules! once {
    ($level:ident, $is_news:expr, $($fields:tt)*) => {
        if $is_news { $level!($($fields)*) } else { debug!($($fields)*) }
    };
}

/// The daemon has started: the configuration is read and the store is open.
pub fn daemon_started(
    config: &Path,
    store: &Location,
    feeds: usize,
    exports: usize,
    now: Timestamp,
) {
    metrics::reloaded(true, seconds(now));
    info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %clean(&config.display()),
        store = %clean(store),
        feeds,
        exports,
        "started"
    );
}

/// The daemon received the signal to stop. The `in_flight` polls have the grace period to finish.
pub fn daemon_stopping(because: &str, in_flight: usize) {
    info!(because, in_flight, "stopping");
}

/// The last event of a daemon that stopped cleanly. Nothing of the `abandoned` polls was stored; they are repeated
/// after the next start.
pub fn daemon_stopped(abandoned: usize) {
    info!(abandoned, "stopped");
}

/// Old articles were removed.
pub fn pruned(articles: u64) {
    info!(articles, "pruned");
}

/// A changed configuration was applied.
pub fn config_reloaded(config: &Path, feeds: usize, exports: usize, now: Timestamp) {
    metrics::reloaded(true, seconds(now));
    info!(config = %clean(&config.display()), feeds, exports, "configuration reloaded");
}

/// A changed configuration has faults; the previous one stays in force.
pub fn config_rejected(config: &Path, reason: &dyn fmt::Display) {
    metrics::reloaded(false, 0.0);
    error!(
        config = %clean(&config.display()),
        error = %clean(reason),
        "the new configuration has faults, the old one stays in force; see `gazetted check`"
    );
}

/// A poll ended, and its decision is stored. Logs one of `polled`, `feed_gone` and `poll_failed`, and when a feed works again.
pub fn poll_ended(name: &str, url: &FeedUrl, decision: &Decision, applied: Applied) {
    metrics::poll_ended(&decision.observed, applied);
    states::store_works();
    if decision.observed.transfer.status.is_some() {
        states::works(&Subject::Resources);
    }
    let feed = &Feed { id: decision.feed.0, name: clean(&name), url };
    match &decision.observed.outcome {
        PollOutcome::Fresh(_) => polled(feed, decision, applied, "fresh"),
        PollOutcome::Cut(_) => poll_failed(feed, decision, Failure::CutOff),
        PollOutcome::SameBody => polled(feed, decision, applied, "same_body"),
        PollOutcome::NotModified => polled(feed, decision, applied, "not_modified"),
        PollOutcome::Gone => feed_gone(feed, decision),
        PollOutcome::Failed(failure) => poll_failed(feed, decision, *failure),
    }
}

/// The fields of a feed.
struct Feed<'a> {
    id: i64,
    name: String,
    url: &'a FeedUrl,
}

/// A poll succeeded. It is logged at `info` if it found something new, else at `debug`.
fn polled(feed: &Feed<'_>, decision: &Decision, applied: Applied, outcome: &str) {
    let Feed { id, name, url } = feed;
    let Decision { observed, next, .. } = decision;
    let Applied { added, edited } = applied;
    let (next_at, next_because) = plan(*next);
    let elapsed_ms = millis(observed.transfer.elapsed);
    let (http_status, bytes) = (observed.transfer.status, observed.transfer.bytes);
    if states::works(&Subject::Feed(*id)) {
        info!(feed.id = id, feed.name = %name, feed.url = %url, "the feed works again");
    }
    if added == 0 && edited == 0 {
        debug!(
            feed.id = id, feed.name = %name, feed.url = %url, outcome, http.status = http_status, bytes,
            elapsed_ms, next_at, next_because, "polled, nothing new"
        );
    } else {
        info!(
            feed.id = id, feed.name = %name, feed.url = %url, outcome, http.status = http_status, bytes,
            elapsed_ms, added, edited, next_at, next_because, "polled"
        );
    }
}

/// A poll returned no document. It is a warning unless the poll before failed in the same way.
fn poll_failed(feed: &Feed<'_>, decision: &Decision, failure: Failure) {
    let Feed { id, name, url } = feed;
    let Decision { observed, health, next, .. } = decision;
    let (next_at, next_because) = plan(*next);
    let status = observed.transfer.status;
    let state = format!("{} {}", failure.as_str(), status.unwrap_or_default());
    let is_news = states::fails(Subject::Feed(*id), &state);
    once!(
        warn, is_news,
        feed.id = id, feed.name = %name, feed.url = %url, outcome = failure.as_str(), http.status = status,
        detail = %clean(&observed.message.detail), bytes = observed.transfer.bytes,
        elapsed_ms = millis(observed.transfer.elapsed), failures = health.failures, next_at, next_because,
        "poll failed"
    );
}

/// The server says that the feed no longer exists (410).
fn feed_gone(feed: &Feed<'_>, decision: &Decision) {
    let Feed { id, name, url } = feed;
    states::works(&Subject::Feed(*id)); // It is not polled any more.
    warn!(
        feed.id = id, feed.name = %name, feed.url = %url, http.status = decision.observed.transfer.status,
        "the feed is gone for good and is not polled any more; its articles stay"
    );
}

/// A request for the page of an article ended.
pub fn page_ended(url: &Url, outcome: &'static str, detail: &str) {
    metrics::page_ended(outcome);
    debug!(page.url = %url, outcome, detail = %clean(&detail), "page requested");
}

/// A search for the icon of a site ended.
pub fn icon_requested(site: &str, outcome: &'static str) {
    debug!(%site, outcome, "icon requested");
}

/// A scheduled export was written.
pub fn export_written(path: &Path, format: &str, articles: u64, bytes: u64, elapsed: Duration) {
    metrics::export_ended("written");
    states::works(&Subject::Export(path.display().to_string()));
    info!(
        path = %clean(&path.display()), format, articles, bytes, elapsed_ms = millis(elapsed),
        "export written"
    );
}

/// A scheduled export could not be written. An earlier file stays unchanged.
pub fn export_failed(path: &Path, error: &(dyn Error + 'static)) {
    metrics::export_ended("failed");
    let error = clean(&Chain(error));
    let is_news = states::fails(Subject::Export(path.display().to_string()), &error);
    once!(error, is_news, path = %clean(&path.display()), error = %error, "export failed");
}

/// The exports and hooks of the configuration could not be started.
pub fn exports_not_started(error: &(dyn Error + 'static)) {
    error!(error = %clean(&Chain(error)), "exports and hooks could not be started; a reload tries again");
}

/// A webhook or command accepted a batch.
pub fn delivered(consumer: &str, to: &HookTarget, batch: &Delivered, elapsed: Duration) {
    metrics::export_ended("delivered");
    states::works(&Subject::Consumer(consumer.to_owned()));
    let Delivered { from, to: up_to, records } = *batch;
    info!(
        consumer, receiver = %clean(to), records, from, up_to, elapsed_ms = millis(elapsed),
        "delivered"
    );
}

/// A webhook or command did not accept a batch. It is tried again at `retry_at`, or after an operator's action.
pub fn delivery_failed(
    consumer: &str,
    to: &HookTarget,
    reason: &str,
    failures: u32,
    retry_at: Option<Timestamp>,
) {
    metrics::export_ended("failed");
    metrics::delivery_failed(consumer);
    let retry_at = retry_at.map(rfc3339);
    let state = if retry_at.is_some() { "failing" } else { "stopped" };
    let is_news = states::fails(Subject::Consumer(consumer.to_owned()), state);
    once!(
        warn, is_news,
        consumer, receiver = %clean(to), error = %clean(&reason), failures, retry_at,
        "delivery failed"
    );
}

/// The store failed. `doing` completes "could not …".
pub fn store_error(doing: &str, error: &(dyn Error + 'static)) {
    metrics::store_failed();
    let error = clean(&Chain(error));
    let is_news = states::fails(Subject::Store(doing.to_owned()), &error);
    once!(error, is_news, error = %error, "the store could not {doing}");
}

/// The path of the store no longer leads to the open file. Nothing is polled or stored until it does again.
pub fn store_lost(store: &Location) {
    metrics::store_failed();
    let is_news = states::fails(Subject::StoreFile, "lost");
    once!(
        error, is_news,
        store = %clean(store),
        "the store's file was deleted or replaced: nothing is polled or stored any more; put the file back, or \
         restart to begin with what is there"
    );
}

/// The path of the store leads to the open file. Logged only after [`store_lost`].
pub fn store_in_place(store: &Location) {
    if states::works(&Subject::StoreFile) {
        info!(store = %clean(store), "the store's file is back; polling goes on");
    }
}

/// An incomplete file of a process that was killed was removed.
pub fn leftover_removed(path: &Path) {
    info!(path = %clean(&path.display()), "removed what a killed process had left");
}

/// After the signal to stop, the process ended although a call of the system had not returned.
pub fn ended_without_waiting() {
    warn!("ended without waiting for what did not end in time");
}

/// The store has an older schema, and it was copied to this file before its migration.
pub fn store_kept(copy: &Path) {
    info!(path = %clean(&copy.display()), "the store is of an older version; it was copied first");
}

/// The store did not answer in time, so systemd's watchdog is not fed.
pub fn watchdog_withheld(waited: Duration) {
    error!(elapsed_ms = millis(waited), "the store does not answer; the watchdog is not fed");
}

/// Another process has locked the store for a short time.
pub fn waiting_for_lock(store: &Location, holder: &str) {
    info!(store = %clean(store), holder = %clean(&holder), "waiting for the store");
}

/// A panic, which is a bug of this program, and its place.
pub fn panicked(panic: &dyn fmt::Display) {
    error!(panic = %clean(panic), "a bug: please report this");
}

/// A task of this program ended unexpectedly. Its work is repeated.
pub fn task_died(task: &str, error: &(dyn Error + 'static)) {
    error!(task, error = %clean(&Chain(error)), "a task died; please report this");
}

/// The clock jumped (sleep, an operator, time synchronisation), and schedules were checked again.
pub fn clock_jumped(seconds: i64) {
    warn!(seconds, "the clock jumped; what is due is worked out again");
}

/// The clock of this machine differs from that of the server of the store, which is followed.
pub fn clock_differs(ahead: f64, tolerated: f64) {
    let differs = tolerated < ahead.abs();
    let is_news = differs && states::fails(Subject::Clock, "differs");
    if !differs {
        states::works(&Subject::Clock);
    }
    if is_news {
        warn!(
            seconds = ahead.round(),
            "the clock of this machine is not that of the store's server, which is followed: set it"
        );
    }
}

/// The list of feeds of this worker is not the one that was stored last, so that it polls nothing; or it is again.
pub fn other_list(is_other: bool) {
    if is_other {
        if states::fails(Subject::FeedList, "other") {
            warn!(
                "another worker has stored another list of feeds: this one polls nothing until it has the same list; \
                 give all workers the same configuration and reload them"
            );
        }
    } else if states::works(&Subject::FeedList) {
        info!("the stored list of feeds is that of this worker again; polling goes on");
    }
}

/// The store did not answer in time when the leases of this worker were to be renewed.
pub fn heartbeat_late(after: Duration) {
    metrics::store_failed();
    if states::fails(Subject::Store("heartbeat".to_owned()), "late") {
        warn!(
            seconds = after.as_secs(),
            "the store does not answer; polling stops when the leases of this worker end"
        );
    }
}

/// The result of a poll was not stored, because another worker has polled the feed meanwhile.
pub fn lease_lost(feed: FeedId) {
    info!(
        feed = feed.0,
        "another worker has taken over the feed; the result of this poll is dropped"
    );
}

/// This worker is the leader from now on, or not any more.
pub fn leadership_changed(is_leader: bool) {
    if is_leader {
        info!("this worker exports, delivers and indexes for all workers now");
    } else {
        info!("another worker exports, delivers and indexes for all workers now");
    }
}

/// So many hosts failed at once that the fault is on our side. Failures do not count until a host answers.
pub fn network_down(hosts: usize) {
    warn!(
        hosts,
        "most hosts cannot be reached: our own network is down, no feed is charged for it"
    );
}

/// A host answered again; feeds that are due are polled.
pub fn network_back() {
    info!("the network is back");
}

/// A request could not be made, because this machine has no open files, ports or memory left. `detail` says what, and what to
/// do.
pub fn resources_exhausted(detail: &str, limit_of_open_files: Option<u64>) {
    let is_news = states::fails(Subject::Resources, "exhausted");
    let detail = clean(&detail);
    once!(warn, is_news, limit_of_open_files, %detail, "this machine has too few resources for a request, no feed is charged for it");
}

/// The HTTP server accepts requests. With port 0 in the configuration, this event names the port.
pub fn server_listening(address: SocketAddr) {
    info!(%address, "listening");
}

/// The HTTP server no longer accepts requests.
pub fn server_stopped(address: SocketAddr) {
    info!(%address, "no longer listening");
}

/// No connection could be accepted, usually for want of file descriptors. The server tries again.
pub fn accept_failed(error: &(dyn Error + 'static)) {
    warn!(error = %clean(&Chain(error)), "could not accept a connection");
}

/// A request was answered. `route` is the pattern that matched it, not its path.
pub fn request_answered(route: &str, status: u16, elapsed: Duration) {
    metrics::request_answered(route, status);
    debug!(route, http.status = status, elapsed_ms = millis(elapsed), "request answered");
}

/// A request failed for a reason on our side; the client received a 5xx status.
pub fn request_failed(error: &(dyn Error + 'static)) {
    error!(error = %clean(&Chain(error)), "a request failed");
}

/// A command with the token arrived over HTTP.
pub fn ordered(order: &str) {
    info!(order, "ordered over HTTP");
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn seconds(at: Timestamp) -> f64 {
    at.timestamp() as f64
}

fn plan(next: NextPoll) -> (Option<String>, &'static str) {
    (next.at.map(rfc3339), next.because.as_str())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Formats an error with its causes: `a: b: c`.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The largest number of characters of foreign text in a field.
const MAX_TEXT: usize = 500;

/// Foreign text in a form for one line of a log. Characters that move the cursor, start a new line or change the
/// direction of reading are escaped, and long text is shortened.
fn clean(text: &dyn fmt::Display) -> String {
    let text = text.to_string();
    let mut shown = String::with_capacity(text.len().min(MAX_TEXT));
    for (count, c) in text.chars().enumerate() {
        if count == MAX_TEXT {
            shown.push('…');
            break;
        }
        match c {
            '\n' => shown.push(' '),
            c if c.is_control() => shown.extend(c.escape_default()),
            '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' => shown.extend(c.escape_unicode()),
            c if is_control(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feed::FeedId;
    use crate::domain::poll::{Health, Observed, Reason, Transfer};
    use crate::domain::time::from_unix;
    use crate::telemetry::tests::logged;
    use crate::telemetry::{LogFormat, LogSettings};

    /// Tests that log failures use other feeds, because the state of a feed outlasts a test.
    fn decision_of(feed: i64, outcome: PollOutcome, detail: &str) -> Decision {
        Decision { feed: FeedId(feed), ..decision(outcome, detail) }
    }

    fn decision(outcome: PollOutcome, detail: &str) -> Decision {
        let status = if matches!(outcome, PollOutcome::Failed(_)) { None } else { Some(200) };
        Decision {
            feed: FeedId(7),
            url: url(),
            polled_at: from_unix(0),
            observed: Observed {
                message: detail.to_owned().into(),
                transfer: Transfer {
                    status,
                    bytes: 1234,
                    elapsed: Duration::from_millis(56),
                    ..Transfer::default()
                },
                ..Observed::of(outcome)
            },
            min_waits: Vec::new(),
            health: Health { failures: 0.5, failing_since: None },
            next: NextPoll { at: Some(from_unix(86_400)), because: Reason::Interval },
            moved: None,
            new_feed_url: None,
            next_host: None,
            pause: None,
            forgiven: None,
        }
    }

    fn url() -> FeedUrl {
        FeedUrl::parse("https://example.org/feed?page=1").unwrap()
    }

    /// The event under journald, which has no time, so that tests can compare the whole line.
    fn text(verbosity: i8, log: impl FnOnce()) -> String {
        let journald = LogSettings { verbosity, under_journald: true, ..LogSettings::default() };
        logged(&journald, log)
    }

    #[test]
    fn a_poll_is_one_line_with_its_fields() {
        let fresh = decision(PollOutcome::Fresh(Box::default()), "");
        let news = Applied { added: 2, edited: 1 };
        assert_eq!(
            text(0, || poll_ended("News", &url(), &fresh, news)),
            "<6> INFO polled feed.id=7 feed.name=News feed.url=https://example.org/feed?page=1 outcome=\"fresh\" \
             http.status=200 bytes=1234 elapsed_ms=56 added=2 edited=1 \
             next_at=\"1970-01-02T00:00:00Z\" next_because=\"interval\"\n"
        );
        let quiet = decision(PollOutcome::NotModified, "");
        assert_eq!(text(0, || poll_ended("News", &url(), &quiet, Applied::default())), "");
        let shown = text(1, || poll_ended("News", &url(), &quiet, Applied::default()));
        assert!(shown.starts_with("<7>DEBUG polled, nothing new feed.id=7"), "{shown}");
    }

    #[test]
    fn a_failure_is_a_warning_and_cannot_forge_another_line() {
        let failed = PollOutcome::Failed(Failure::Timeout);
        let failed = decision_of(8, failed, "odd\n<3>ERROR forged\u{1b}[2J\u{202e}");
        let shown = text(0, || poll_ended("News", &url(), &failed, Applied::default()));
        assert_eq!(
            shown,
            "<4> WARN poll failed feed.id=8 feed.name=News feed.url=https://example.org/feed?page=1 \
             outcome=\"timeout\" detail=odd <3>ERROR forged\\u{1b}[2J\\u{202e} bytes=1234 \
             elapsed_ms=56 failures=0.5 next_at=\"1970-01-02T00:00:00Z\" next_because=\"interval\"\n"
        );
    }

    #[test]
    fn json_keeps_numbers_and_leaves_out_what_is_unknown() {
        let mut gone = decision_of(9, PollOutcome::Failed(Failure::Dns), "no such host");
        gone.next.at = None;
        let settings = LogSettings { format: LogFormat::Json, ..LogSettings::default() };
        let line = logged(&settings, || poll_ended("News", &url(), &gone, Applied::default()));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["feed.id"], 9);
        assert_eq!(value["feed.name"], "News");
        assert_eq!(value["bytes"], 1234);
        assert_eq!(value["outcome"], "dns");
        assert_eq!(value.get("http.status"), None);
        assert_eq!(value.get("next_at"), None);
    }

    #[test]
    fn every_outcome_has_its_line() {
        for (feed, (outcome, expected)) in (10..).zip([
            (PollOutcome::Fresh(Box::default()), "polled"),
            (PollOutcome::SameBody, "polled, nothing new"),
            (PollOutcome::Gone, "gone for good"),
            (PollOutcome::Failed(Failure::Status(404)), "outcome=\"http_status\""),
        ]) {
            let decision = decision_of(feed, outcome, "");
            let shown = text(1, || poll_ended("News", &url(), &decision, Applied::default()));
            assert_eq!(shown.lines().count(), 1, "{shown}");
            assert!(shown.contains(expected), "{shown}");
        }
    }

    #[test]
    fn what_fails_again_in_the_same_way_is_no_warning_and_its_end_is_logged() {
        let of = |outcome| decision_of(20, outcome, "");
        let failed = |status| of(PollOutcome::Failed(Failure::Status(status)));
        let log = |decision: Decision| {
            text(0, || poll_ended("News", &url(), &decision, Applied::default()))
        };
        assert!(log(failed(500)).starts_with("<4> WARN poll failed"));
        assert_eq!(log(failed(500)), "");
        assert!(log(of(PollOutcome::Failed(Failure::Dns))).starts_with("<4> WARN poll failed"));
        let again = log(of(PollOutcome::NotModified));
        assert!(again.starts_with("<6> INFO the feed works again feed.id=20"), "{again}");
        assert_eq!(log(of(PollOutcome::NotModified)), "");
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let cause = std::io::Error::from_raw_os_error(28);
        let error = anyhow::Error::from(cause).context("could not write a page");
        let shown = text(0, || store_error("apply a poll", error.as_ref()));
        assert!(
            shown.starts_with(
                "<3>ERROR the store could not apply a poll error=could not write a page: No space"
            ),
            "{shown}"
        );
    }

    #[test]
    fn long_foreign_text_is_cut() {
        assert_eq!(clean(&"x".repeat(2 * MAX_TEXT)).chars().count(), MAX_TEXT + 1);
    }
}
