//! From a reply to what it means: status by status, and never an error.

use std::collections::HashSet;

use crate::domain::article::ArticleKey;
use crate::domain::json_map::JsonMap;
use crate::domain::poll::{
    Failure, Observed, PollJob, PollOutcome, Reason, Remembered, Reply, Validators,
};
use crate::domain::time::Timestamp;
use crate::feed::document::{body_hash, document};
use crate::feed::json_map::mapped;
use crate::feed::unpack::{UnpackError, unpack};
use crate::polling::{freshness, permanent_redirect};

/// How much of a document is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// Bytes after decompression.
    pub body: u64,
    /// Entries of one document; the newest are kept.
    pub entries: usize,
    /// Makes a feed of JSON that is none.
    pub map: Option<&'a JsonMap>,
}

/// No reply at all: of which kind, and in words for a person.
#[derive(Clone, Debug)]
pub struct NoReply {
    pub failure: Failure,
    pub detail: String,
}

/// What came of asking for a feed.
pub fn read(
    reply: Result<Reply, NoReply>,
    job: &PollJob,
    limits: Limits<'_>,
    now: Timestamp,
) -> Observed {
    let reply = match reply {
        Ok(reply) => reply,
        Err(NoReply { failure, detail }) => {
            return Observed { detail, ..Observed::of(PollOutcome::Failed(failure)) };
        }
    };
    let mut observed = Observed {
        asks: freshness::freshness(&reply.headers, now).into_iter().collect(),
        answered_by: reply.host(),
        host_wait: freshness::host_wait(reply.status, &reply.headers, now),
        moved_to: permanent_redirect::target(&reply.hops).cloned(),
        status: Some(reply.status),
        bytes: u64::try_from(reply.body.len()).unwrap_or(u64::MAX),
        encoding: coding(reply.headers.content_encoding.as_deref()),
        elapsed: reply.elapsed,
        ..Observed::of(PollOutcome::NotModified)
    };
    match reply.status {
        200 | 203 | 226 => read_body(reply, job, limits, now, &mut observed),
        // RFC 9110 section 15.4.5: what a 304 carries replaces what is stored, the rest stays.
        304 => observed.validators = Some(refreshed(&job.validators, &reply)),
        410 => {
            observed.outcome = PollOutcome::Gone;
            "the server says that the feed is gone for good (410)".clone_into(&mut observed.detail);
        }
        status => {
            observed.outcome = PollOutcome::Failed(Failure::Status(status));
            observed.detail = say_status(status);
            if matches!(status, 400 | 431) {
                // Perhaps the validators are what the server cannot read: the next request has none.
                observed.validators = Some(Validators::default());
            }
            let wait = freshness::retry_after(&reply.headers, now);
            observed.asks = wait.map(|wait| (Reason::RetryAfter, wait)).into_iter().collect();
            if reply.headers.challenge.is_some() {
                observed.detail.push_str(" (a bot challenge stands before it)");
            }
        }
    }
    observed
}

fn read_body(
    reply: Reply,
    job: &PollJob,
    limits: Limits<'_>,
    now: Timestamp,
    observed: &mut Observed,
) {
    let delta = reply.status == 226;
    let validators = Validators {
        etag: of_sensible_length(reply.headers.etag, LONGEST_ETAG),
        last_modified: of_sensible_length(reply.headers.last_modified, LONGEST_LAST_MODIFIED),
        sent_by: Some(reply.url.clone()),
    };
    let mut fail = |failure: Failure, detail: String| {
        observed.outcome = PollOutcome::Failed(failure);
        observed.detail = detail;
        observed.asks.clear(); // How long rubbish stays fresh says nothing of the feed.
    };
    let cut_off = "the body breaks off before its announced end";
    let body = match unpack(reply.body, reply.headers.content_encoding.as_deref(), limits.body) {
        Ok(body) => body,
        Err(error @ UnpackError::TooLarge(_)) => {
            return fail(Failure::TooLarge, error.to_string());
        }
        Err(_) if reply.cut => return fail(Failure::CutOff, cut_off.to_owned()),
        Err(error) => return fail(Failure::Body, error.to_string()),
    };
    let content_type = reply.headers.content_type.as_deref();
    let (body, content_type, cut) = match limits.map.map(|map| mapped(&body, content_type, map)) {
        None => (body, content_type, reply.cut),
        Some(Ok((feed, cut))) => (feed, None, cut || reply.cut),
        Some(Err(_)) if reply.cut => return fail(Failure::CutOff, cut_off.to_owned()),
        Some(Err(error)) => return fail(Failure::NotAFeed, error.detail),
    };
    if !cut && job.remembered.body_hash == Some(body_hash(&body)) {
        observed.outcome = PollOutcome::SameBody;
        observed.validators = Some(validators);
        return;
    }
    let read = document(&body, &reply.url, content_type, &job.remembered, limits.entries, now);
    match read {
        Ok(mut document) => {
            document.cut |= cut;
            if delta || document.cut {
                also_remember(&mut document.remembered, &job.remembered);
            }
            if document.cut {
                let entries = document.entries;
                fail(Failure::CutOff, format!("the document breaks off after {entries} entries"));
                // A 304 would hide what is missing now.
                observed.validators = Some(Validators::default());
            } else {
                observed.hints = Some(document.hints);
                observed.validators = Some(validators);
            }
            observed.outcome = PollOutcome::Fresh(Box::new(document));
        }
        Err(_) if cut => fail(Failure::CutOff, cut_off.to_owned()),
        Err(error) => {
            fail(Failure::NotAFeed, error.detail);
            observed.offers = error.offers;
        }
    }
}

/// What a `Content-Encoding` is counted under (RFC 9110 section 8.4.1).
fn coding(field: Option<&str>) -> &'static str {
    match field.map(|field| field.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "identity") => "identity",
        Some("gzip" | "x-gzip") => "gzip",
        Some("br") => "br",
        Some("zstd") => "zstd",
        Some("deflate") => "deflate",
        Some(_) => "other",
    }
}

/// The longest validators that are kept, in bytes. A longer one would come back in each request, and many servers
/// refuse header fields of more than 8 KiB.
const LONGEST_ETAG: usize = 4 * 1024;
const LONGEST_LAST_MODIFIED: usize = 256;

fn of_sensible_length(value: Option<Vec<u8>>, longest: usize) -> Option<Vec<u8>> {
    value.filter(|value| value.len() <= longest)
}

/// A 304's own validators over the stored ones.
fn refreshed(stored: &Validators, reply: &Reply) -> Validators {
    let headers = &reply.headers;
    let etag = of_sensible_length(headers.etag.clone(), LONGEST_ETAG);
    let date = of_sensible_length(headers.last_modified.clone(), LONGEST_LAST_MODIFIED);
    Validators {
        etag: etag.or_else(|| stored.etag.clone()),
        last_modified: date.or_else(|| stored.last_modified.clone()),
        sent_by: Some(reply.url.clone()),
    }
}

/// What a 226 leaves out is not gone, because it carries only what is new (RFC 3229 section 10.5.3). The same holds
/// for what a cut document lacks.
fn also_remember(now: &mut Remembered, before: &Remembered) {
    let known: HashSet<(u64, ArticleKey)> =
        now.items.iter().map(|item| (item.hash, item.key)).collect();
    now.items.extend(before.items.iter().filter(|item| !known.contains(&(item.hash, item.key))));
    now.body_hash = None; // Not of a whole document.
}

fn say_status(status: u16) -> String {
    let meaning = match status {
        204 => "no content",
        400 => "bad request",
        401 => "the server wants a password: see basic_auth or headers of the feed",
        403 => "the server refuses to serve this feed to us",
        404 => "there is no such feed on the server",
        429 => "too many requests",
        500 => "the server failed",
        502..=504 => "the server is not available",
        300..=399 => "a redirect that leads nowhere",
        _ => return format!("the server answered {status}"),
    };
    format!("the server answered {status}: {meaning}")
}
