//! The specification's section on polling ("When it polls"), a row a rule: where it comes from, and a
//! case that comes out otherwise as soon as the rule is broken.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod table;

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use gazetted::domain::feed::{FeedId, FeedUrl};
use gazetted::domain::poll::{
    Decision, Failure, Health, Hop, Move, MovedBy, PollJob, PollOutcome, Reply, ReplyHeaders,
    Validators,
};
use gazetted::domain::time::{TimeDelta, Timestamp};
use gazetted::feed::document::body_hash;
use gazetted::polling::decide::decide;
use gazetted::polling::reply::{NoReply, Parsing, Requested, read};
use gazetted::polling::request;
use gazetted::polling::schedule::{Cadence, CronSchedule, Policy};
use gazetted::reading_time::ReadingTime;
use url::Url;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const HOME: &str = "http://a.example/feed";
const AWAY: &str = "http://b.example/feed";

/// A Wednesday, on the full hour.
fn now() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now() + TimeDelta::seconds(seconds)
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn rss(channel: &str) -> Vec<u8> {
    format!(
        "<rss version=\"2.0\" xmlns:sy=\"http://purl.org/rss/1.0/modules/syndication/\"><channel>\
         <title>News</title>{channel}<item><guid>1</guid><title>One</title></item></channel></rss>"
    )
    .into_bytes()
}

/// A healthy feed that is polled every hour and has sent a tag.
fn job() -> PollJob {
    let etag = Some(b"\"1\"".to_vec());
    PollJob {
        validators: Validators { etag, last_modified: None, sent_by: Some(url(HOME)) },
        full_at: Some(now()),
        ..PollJob::first(FeedId(1), FeedUrl::parse(HOME).unwrap(), now())
    }
}

fn failing(failures: f64, days: i64) -> PollJob {
    let failing_since = Some(after(-days * DAY));
    PollJob { health: Health { failures, failing_since }, ..job() }
}

fn hourly() -> Policy {
    Policy { cadence: Cadence::Every(TimeDelta::hours(1)), ..Policy::default() }
}

fn cron(text: &str) -> Policy {
    let schedule = CronSchedule::parse(text, chrono_tz::UTC, now()).unwrap();
    Policy { cadence: Cadence::Cron(schedule), ..Policy::default() }
}

fn adaptive() -> Policy {
    Policy::default()
}

/// What the server answers; fields by their names in HTTP.
fn reply(status: u16, fields: &[(&str, &str)], body: Vec<u8>) -> Reply {
    let mut headers = ReplyHeaders::default();
    for (name, value) in fields {
        let text = Some((*value).to_owned());
        match *name {
            "ETag" => headers.etag = Some(value.as_bytes().to_vec()),
            "Last-Modified" => headers.last_modified = Some(value.as_bytes().to_vec()),
            "Cache-Control" => headers.cache_control = text,
            "Expires" => headers.expires = text,
            "Content-Encoding" => headers.content_encoding = text,
            "Content-Language" => headers.content_language = text,
            "Age" => headers.age = text,
            "Date" => headers.date = text,
            "Retry-After" => headers.retry_after = text,
            "X-RateLimit-Reset" => headers.rate_reset = text,
            "X-RateLimit-Remaining" => headers.rate_remaining = text,
            other => panic!("no such field: {other}"),
        }
    }
    Reply {
        hidden_origin: None,
        status,
        url: url(HOME),
        hops: Vec::new(),
        headers,
        body,
        cut: false,
        elapsed: Duration::ZERO,
    }
}

fn poll(job: &PollJob, policy: &Policy, reply: Result<Reply, NoReply>) -> Decision {
    poll_as(PARSING, job, policy, reply)
}

fn poll_within(
    time: ReadingTime,
    job: &PollJob,
    policy: &Policy,
    reply: Result<Reply, NoReply>,
) -> Decision {
    poll_as(Parsing { time, ..PARSING }, job, policy, reply)
}

const PARSING: Parsing<'_> = Parsing {
    max_body: 1 << 20,
    max_entries: 100,
    time: ReadingTime { limit: Duration::from_secs(1), clock: || Duration::ZERO },
    longest: None,
    map: None,
    quiet_start: false,
    filter: None,
};

fn poll_as(
    parsing: Parsing<'_>,
    job: &PollJob,
    policy: &Policy,
    reply: Result<Reply, NoReply>,
) -> Decision {
    let requested = Requested { reply, conditional: true, ended_at: now() };
    let observed = read(requested, job, parsing);
    decide(job, observed, policy, now())
}

/// Spec 4: hard 1, soft 0.5, temporary 0.25.
#[test]
fn each_failure_has_its_weight() {
    let no_reply = |failure| Err(NoReply { failure, detail: String::new() });
    let page = b"<!doctype html><title>Log in</title>".to_vec();
    for (name, came, weight) in [
        ("404", Ok(reply(404, &[], Vec::new())), 1.0),
        ("403", Ok(reply(403, &[], Vec::new())), 1.0),
        ("not a feed", Ok(reply(200, &[], page)), 1.0),
        ("500", Ok(reply(500, &[], Vec::new())), 0.5),
        ("429", Ok(reply(429, &[], Vec::new())), 0.5),
        ("timeout", no_reply(Failure::Timeout), 0.5),
        ("TLS", no_reply(Failure::Tls), 0.5),
        ("DNS", no_reply(Failure::Dns), 0.25),
        ("refused, reset", no_reply(Failure::Connect), 0.25),
    ] {
        let decision = poll(&job(), &hourly(), came);
        assert!((decision.health.failures - weight).abs() < 1e-9, "{name}: {:?}", decision.health);
    }
}

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

/// A clock that advances by a second whenever it is read.
fn ticking() -> Duration {
    Duration::from_secs(TICKS.replace(TICKS.get() + 1))
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, body).unwrap();
    encoder.finish().unwrap()
}

/// Spec 2, `read_timeout`. The work is given up, wherever it is: hardly more is done after the time is over.
#[test]
fn a_document_that_takes_too_long_is_a_failure_of_that_name() {
    const LIMIT: u64 = 5;
    let of = |inside: &str| {
        rss(&format!("<item><description><![CDATA[{inside}]]></description></item>"))
    };
    let json = |n: usize| {
        let item = "{\"id\":\"1\",\"content_html\":\"<p>x\"}";
        format!("{{\"version\":\"\",\"items\":[{}]}}", vec![item; n].join(",")).into_bytes()
    };
    for (name, body) in [
        ("items", rss(&"<item><title>a</title></item>".repeat(2_000))),
        ("elements", rss(&"<x/>".repeat(20_000))),
        ("elements of a text", of(&"<p>x".repeat(20_000))),
        ("tables in tables", of(&"<table><tr><td>".repeat(4_000))),
        ("emphasis across paragraphs", of(&"<b><p>x</b>".repeat(4_000))),
        ("a bracket and nothing more", of(&"<".repeat(100_000))),
        ("entries of JSON", json(2_000)),
        ("a page", format!("<html><head>{}", "<link rel=x>".repeat(20_000)).into_bytes()),
        ("a packed body", packed(&vec![b'x'; 1 << 20])),
    ] {
        let coding = (name == "a packed body").then(|| "gzip".to_owned());
        let mut came = reply(200, &[("ETag", "\"2\""), ("Cache-Control", "max-age=9")], body);
        came.headers.content_encoding = coding;
        let before = TICKS.get();
        let time = ReadingTime { limit: Duration::from_secs(LIMIT), clock: ticking };
        let decision = poll_within(time, &job(), &hourly(), Ok(came));
        let observed = decision.observed;
        assert!(
            matches!(observed.outcome, PollOutcome::Failed(Failure::ReadTimeout)),
            "{name}: {}",
            observed.outcome.kind().as_str()
        );
        assert!(observed.message.detail.contains("read_timeout"), "{name}");
        assert_eq!(observed.instructions.validators, None, "{name}");
        assert!((decision.health.failures - 1.0).abs() < 1e-9, "{name}");
        let read = TICKS.get() - before;
        assert!(read <= LIMIT + 12, "{name}: the clock was read {read} times");
    }
}

#[test]
fn a_document_that_is_longer_than_usual_is_left_for_later_unless_it_is_known() {
    let body = rss(&"<item><title>a</title></item>".repeat(100));
    let known = |body: &[u8]| {
        let mut job = job();
        job.remembered.body_hash = Some(body_hash(body));
        job
    };
    for (name, longest, job, expected) in [
        ("as long as usual", body.len(), job(), "fresh"),
        ("longer", body.len() - 1, job(), "read_timeout"),
        ("longer and the same as before", 9, known(&body), "same_body"),
    ] {
        for (form, body) in [("", body.clone()), (", packed", packed(&body))] {
            let decision = poll_as(
                Parsing { longest: Some(longest), ..PARSING },
                &job,
                &hourly(),
                Ok(reply(200, &[], body)),
            );
            let outcome = decision.observed.outcome;
            assert_eq!(outcome.kind().as_str(), expected, "{name}{form}");
        }
    }
}

/// RFC 9110 sections 8.8 and 13.1: byte for byte, of the last answer, or none.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn each_answer_leaves_the_validators_that_it_should() {
    let stored = job().validators;
    let tag = |text: &str| Validators { etag: Some(text.into()), ..stored.clone() };
    let none = Validators { etag: None, ..stored.clone() };
    let page = b"<!doctype html><title>Log in</title>".to_vec();
    for (rule, came, expected) in [
        (
            "a new body brings new ones",
            reply(200, &[("ETag", "W/\"2\"")], rss("")),
            Some(tag("W/\"2\"")),
        ),
        ("bytes, not syntax", reply(200, &[("ETag", "unquoted")], rss("")), Some(tag("unquoted"))),
        ("dropped when the server drops them", reply(200, &[], rss("")), Some(none.clone())),
        (
            "a 304 refreshes what it carries",
            reply(304, &[("ETag", "\"2\"")], Vec::new()),
            Some(tag("\"2\"")),
        ),
        ("and leaves what it does not", reply(304, &[], Vec::new()), Some(stored.clone())),
        (
            "those of a body that is no feed are not kept",
            reply(200, &[("ETag", "\"page\"")], page),
            None,
        ),
        (
            "nor those of a document that breaks off",
            reply(200, &[("ETag", "\"cut\"")], b"<rss><channel><item><title>a".to_vec()),
            Some(Validators::default()),
        ),
        (
            "nor those of a body that is shorter than announced",
            Reply { cut: true, ..reply(200, &[("ETag", "\"cut\"")], rss("")) },
            Some(Validators::default()),
        ),
        (
            "one of 60 KB is not kept",
            reply(
                200,
                &[("ETag", &"x".repeat(60_000)), ("Last-Modified", &"x".repeat(257))],
                rss(""),
            ),
            Some(Validators { last_modified: None, ..none.clone() }),
        ),
        (
            "a request that is too long is made without them",
            reply(431, &[], Vec::new()),
            Some(Validators::default()),
        ),
        (
            "and one that is not understood",
            reply(400, &[], Vec::new()),
            Some(Validators::default()),
        ),
        ("those of an error neither", reply(404, &[("ETag", "\"404\"")], Vec::new()), None),
    ] {
        assert_eq!(
            poll(&job(), &hourly(), Ok(came)).observed.instructions.validators,
            expected,
            "{rule}"
        );
    }
    let eight_days = PollJob { full_at: Some(after(-8 * DAY)), ..job() };
    assert!(
        request::validators(&eight_days, now()).is_empty(),
        "one request in full in eight days"
    );
    let seven_days = PollJob { full_at: Some(after(-7 * DAY)), ..job() };
    assert_eq!(request::validators(&seven_days, now()), stored);
}

#[test]
fn a_cut_document_gives_its_complete_entries_and_forgets_none() {
    let item = |n: u8| format!("<item><guid>{n}</guid><title>{n}</title></item>");
    let whole = format!("<rss><channel>{}{}</channel></rss>", item(1), item(2));
    let json = r#"{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1","title":"1"},{"id":"2","#;
    let Decision { observed, .. } = poll(&job(), &hourly(), Ok(reply(200, &[], whole.into())));
    let PollOutcome::Fresh(before) = observed.outcome else { panic!("{observed:?}") };
    for (name, body) in [
        ("RSS", format!("<rss><channel>{}<item><guid>http", item(1))),
        ("the root alone", format!("<rss><channel>{}</channel>", item(1))),
        ("JSON Feed", json.to_owned()),
    ] {
        let job = PollJob { remembered: before.remembered.clone(), ..job() };
        let decision = poll(&job, &hourly(), Ok(reply(200, &[], body.into())));
        assert_eq!(decision.observed.outcome.as_str(), "cut_off", "{name}");
        let PollOutcome::Cut(document) = decision.observed.outcome else { panic!("{name}") };
        assert_eq!(document.entries, 1, "{name}");
        assert_eq!(document.remembered.body_hash, None, "{name}");
        let kept = |item| document.remembered.items.contains(item);
        assert!(before.remembered.items.iter().all(kept), "{name}");
        assert!(decision.next.at.unwrap() <= now() + TimeDelta::minutes(5), "{name}");
    }
}

/// A gzip stream is cut or damaged in the way that the name of each case says.
#[test]
fn a_compressed_body_that_breaks_off_gives_its_complete_entries() {
    let mut channel = String::new();
    for n in 0..2_000_u32 {
        let noise = n.wrapping_mul(2_654_435_761);
        write!(channel, "<item><guid>n{n}</guid><title>{noise}</title></item>").unwrap();
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&rss(&channel)).unwrap();
    let whole = gzip.finish().unwrap();
    let first = |bytes: usize| whole.iter().copied().take(bytes).collect::<Vec<u8>>();
    let mut damaged = whole.clone();
    damaged[whole.len() * 3 / 4..].fill(0xff);
    let mut checksum = whole.clone();
    checksum[whole.len() - 6] ^= 0xff;
    for (name, body, announced, outcome) in [
        ("whole", whole.clone(), "gzip", "fresh"),
        ("without a label", whole.clone(), "", "fresh"),
        ("under a wrong label", whole.clone(), "br", "fresh"),
        ("without its trailer", first(whole.len() - 8), "gzip", "fresh"),
        ("cut in the middle", first(whole.len() / 2), "gzip", "cut_off"),
        ("cut and without a label", first(whole.len() / 2), "", "cut_off"),
        ("damaged", damaged, "gzip", "cut_off"),
        ("whole with a wrong checksum", checksum, "gzip", "body"),
        ("cut before the first entry", first(20), "gzip", "body"),
    ] {
        let came = reply(200, &[("ETag", "\"2\""), ("Content-Encoding", announced)], body);
        let observed = poll(&job(), &hourly(), Ok(came)).observed;
        assert_eq!(observed.outcome.as_str(), outcome, "{name}: {:?}", observed.message);
        let entries = observed.outcome.document().map_or(0, |document| document.entries);
        let expected = match outcome {
            "fresh" => 2_001..=2_001,
            "cut_off" => 500..=1_900,
            _ => 0..=0,
        };
        assert!(expected.contains(&entries), "{name}: {entries}");
        let kept = observed.instructions.validators.is_some_and(|kept| !kept.is_empty());
        assert_eq!(kept, outcome == "fresh", "{name}");
    }
}

/// RFC 9110 section 8.5.
#[test]
fn the_language_of_the_reply_is_that_of_a_document_that_states_none() {
    let json = |language| {
        format!(
            r#"{{"version":"https://jsonfeed.org/version/1.1"{language},"items":[{{"id":"1","title":"1"}}]}}"#
        )
    };
    for (name, field, body, expected) in [
        ("RSS without a language", "de-at", rss(""), Some("de-AT")),
        ("RSS with one", "de", rss("<language>fr</language>"), Some("fr")),
        ("RSS with an empty one", "de", rss("<language/>"), Some("de")),
        ("RSS with one that cannot be read", "de", rss("<language>?</language>"), Some("de")),
        ("JSON Feed without one", "pt_br", json("").into_bytes(), Some("pt-BR")),
        ("JSON Feed with one", "de", json(r#","language":"en""#).into_bytes(), Some("en")),
        ("several languages", "de, en", rss(""), None),
        ("no language", "none at all", rss(""), None),
    ] {
        let came = reply(200, &[("Content-Language", field)], body);
        let observed = poll(&job(), &hourly(), Ok(came)).observed;
        let document = observed.outcome.document().unwrap();
        assert_eq!(document.meta.language.as_deref(), expected, "{name}");
        assert_eq!(document.drafts[0].language.as_deref(), expected, "{name}");
    }
}

/// RFC 9110 sections 15.4.2 to 15.4.9; spec 4.
#[test]
fn a_move_is_believed_when_it_is_permanent_and_leads_to_a_feed() {
    let hop = |status, to: &str| Hop { status, to: url(to) };
    let moved = |to: &str, recheck_at| {
        Some(Move { to: url(to), at: now(), recheck_at, by: MovedBy::Redirect })
    };
    let https = "https://a.example/feed";
    for (rule, hops, body, expected) in [
        ("301", vec![hop(301, AWAY)], rss(""), moved(AWAY, Some(after(DAY)))),
        ("308", vec![hop(308, AWAY)], rss(""), moved(AWAY, Some(after(DAY)))),
        ("302", vec![hop(302, AWAY)], rss(""), None),
        ("303", vec![hop(303, AWAY)], rss(""), None),
        ("307", vec![hop(307, AWAY)], rss(""), None),
        (
            "the leading permanent part",
            vec![hop(301, AWAY), hop(302, https)],
            rss(""),
            moved(AWAY, Some(after(DAY))),
        ),
        ("to https on one host for good", vec![hop(301, https)], rss(""), moved(https, None)),
        ("to no feed", vec![hop(301, AWAY)], b"<html>Parked".to_vec(), None),
    ] {
        let came = Reply { hops, ..reply(200, &[], body) };
        assert_eq!(poll(&job(), &hourly(), Ok(came)).moved, expected, "{rule}");
    }
    let away = |recheck| PollJob { moved: moved(AWAY, Some(after(recheck))), ..job() };
    assert_eq!(away(60).address().as_str(), AWAY, "straight to the target");
    assert_eq!(away(-60).address().as_str(), HOME, "the configured one again");
    assert!(away(-60).is_recheck() && !away(60).is_recheck());
    let back = poll(&away(-60), &hourly(), Ok(reply(200, &[], rss(""))));
    assert_eq!(back.moved, None, "it serves a feed, so it takes over");
}

/// Spec 4, RFC 6585 section 4: a refusal counts for the whole host.
#[test]
fn a_refusal_pauses_the_host() {
    for (rule, status, fields, strikes, wait) in [
        ("Retry-After", 429, vec![("Retry-After", "600")], 0, Some(600)),
        ("Retry-After with any error", 404, vec![("Retry-After", "600")], 0, Some(600)),
        ("rate limit headers", 429, vec![("X-RateLimit-Reset", "90")], 0, Some(90)),
        (
            "a rate limit used up",
            304,
            vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "90")],
            0,
            Some(90),
        ),
        ("no time given: ten minutes", 503, vec![], 0, Some(600)),
        ("then twice that", 429, vec![], 1, Some(1_200)),
        ("up to six hours", 429, vec![], 9, Some(6 * HOUR)),
        ("other errors are the feed's own", 500, vec![], 0, None),
    ] {
        let job = PollJob { strikes: Some(strikes), ..job() };
        let pause = poll(&job, &hourly(), Ok(reply(status, &fields, Vec::new()))).pause;
        let found = pause.map(|pause| (pause.until - now()).num_seconds());
        assert_eq!(found, wait, "{rule}");
    }
    let forgiven = PollJob { strikes: Some(3), ..job() };
    assert!(poll(&forgiven, &hourly(), Ok(reply(304, &[], Vec::new()))).forgiven.is_some());
}

/// Spec 4: a byte-identical body is not parsed, and of a changed one only items whose bytes are new.
#[test]
fn what_is_known_is_not_read_again() {
    let items = |numbers: std::ops::RangeInclusive<u32>| {
        let mut channel = String::new();
        for n in numbers {
            write!(channel, "<item><guid>n{n}</guid><title>T{n}</title></item>").unwrap();
        }
        rss(&channel)
    };
    let drafts = |decision: &Decision| match &decision.observed.outcome {
        PollOutcome::Fresh(document) => Some((document.drafts.len(), document.entries)),
        _ => None,
    };
    let first = poll(&job(), &hourly(), Ok(reply(200, &[], items(1..=3))));
    assert_eq!(drafts(&first), Some((4, 4)));
    let PollOutcome::Fresh(document) = first.observed.outcome else { panic!("{first:?}") };
    let known = PollJob { remembered: document.remembered, ..job() };
    let same = poll(&known, &hourly(), Ok(reply(200, &[], items(1..=3))));
    assert_eq!(same.observed.outcome, PollOutcome::SameBody);
    let more = poll(&known, &hourly(), Ok(reply(200, &[], items(1..=4))));
    assert_eq!(drafts(&more), Some((1, 5)));
    // RFC 3229 section 10.5.3: what a delta leaves out is not gone.
    let delta = poll(&known, &hourly(), Ok(reply(226, &[], items(5..=5))));
    let PollOutcome::Fresh(document) = delta.observed.outcome else { panic!("{delta:?}") };
    assert_eq!(document.remembered.items.len(), 5);
}
