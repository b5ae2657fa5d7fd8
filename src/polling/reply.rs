//! The meaning of a reply. Every status and every body has an outcome; nothing is an error.

use std::collections::HashSet;

use crate::domain::article::ArticleKey;
use crate::domain::json_map::JsonMap;
use crate::domain::poll::{
    Failure, Message, Observed, PollJob, PollOutcome, Reason, Remembered, Reply, ServerWishes,
    Transfer, Validators,
};
use crate::domain::time::Timestamp;
use crate::feed::document::{body_hash, document};
use crate::feed::entry_filter::EntryFilter;
use crate::feed::json_map::mapped;
use crate::feed::unpack::{UnpackError, unpack};
use crate::polling::{freshness, permanent_redirect};
use crate::reading_time::ReadingTime;

/// A request that has ended.
#[derive(Clone, Debug)]
pub struct Requested {
    pub reply: Result<Reply, NoReply>,
    /// Whether the request had validators.
    pub conditional: bool,
    pub ended_at: Timestamp,
}

/// How a document is parsed.
#[derive(Clone, Copy, Debug)]
pub struct Parsing<'a> {
    /// The maximum size of the body in bytes after decompression.
    pub max_body: u64,
    /// The maximum number of entries of one document; the newest are kept.
    pub max_entries: usize,
    /// Converts JSON that is not JSON Feed into a feed.
    pub map: Option<&'a JsonMap>,
    /// How long unpacking and reading may take.
    pub time: ReadingTime,
    /// Leaves out entries; `None` keeps all.
    pub filter: Option<&'a EntryFilter>,
}

/// The failure of a request that got no reply, and a text for the user.
#[derive(Clone, Debug)]
pub struct NoReply {
    pub failure: Failure,
    pub detail: String,
}

/// Interprets the end of a request for a feed.
pub fn read(requested: Requested, job: &PollJob, parsing: Parsing<'_>) -> Observed {
    let Requested { reply, conditional, ended_at } = requested;
    let reply = match reply {
        Ok(reply) => reply,
        Err(NoReply { failure, detail }) => {
            return Observed {
                transfer: Transfer { conditional, ..Transfer::default() },
                message: detail.into(),
                ..Observed::of(PollOutcome::Failed(failure))
            };
        }
    };
    let transfer = Transfer {
        conditional,
        status: Some(reply.status),
        answered_by: reply.host(),
        bytes: u64::try_from(reply.body.len()).unwrap_or(u64::MAX),
        encoding: coding(reply.headers.content_encoding.as_deref()),
        elapsed: reply.elapsed,
    };
    let asks = freshness::freshness(&reply.headers, ended_at).into_iter().collect();
    let wishes = ServerWishes {
        asks,
        host_wait: freshness::host_wait(reply.status, &reply.headers, ended_at),
        moved_to: permanent_redirect::target(&reply.hops).cloned(),
        ..ServerWishes::default()
    };
    let (outcome, wishes, message) = match reply.status {
        200 | 203 | 226 => {
            let asks_nothing = ServerWishes { asks: Vec::new(), ..wishes.clone() };
            let read = || read_body(reply, job, parsing, ended_at, wishes);
            parsing.time.bound(read).unwrap_or_else(|error| {
                let outcome = PollOutcome::Failed(Failure::ReadTimeout);
                (outcome, asks_nothing, error.to_string().into())
            })
        }
        // RFC 9110 section 15.4.5: what a 304 carries replaces what is stored, the rest stays.
        304 => {
            let validators = Some(refreshed(&job.validators, &reply));
            let wishes = ServerWishes { validators, ..wishes };
            (PollOutcome::NotModified, wishes, Message::default())
        }
        410 => {
            let detail = "the server says that the feed is gone for good (410)".to_owned();
            (PollOutcome::Gone, wishes, detail.into())
        }
        status => {
            let mut detail = say_status(status);
            if reply.headers.challenge.is_some() {
                detail.push_str(" (a bot challenge stands before it)");
            }
            let wait = freshness::retry_after(&reply.headers, ended_at);
            let asks = wait.map(|wait| (Reason::RetryAfter, wait)).into_iter().collect();
            // The validators may be what the server cannot read, so that the next request has none.
            let validators = matches!(status, 400 | 431).then(Validators::default);
            let wishes = ServerWishes { validators, asks, ..wishes };
            (PollOutcome::Failed(Failure::Status(status)), wishes, detail.into())
        }
    };
    Observed { outcome, wishes, transfer, message }
}

/// What is said of a body that ends too early.
const CUT_BODY: &str = "the body breaks off before its announced end";

fn read_body(
    reply: Reply,
    job: &PollJob,
    parsing: Parsing<'_>,
    now: Timestamp,
    wishes: ServerWishes,
) -> (PollOutcome, ServerWishes, Message) {
    let delta = reply.status == 226;
    let validators = Validators {
        etag: of_sensible_length(reply.headers.etag, LONGEST_ETAG),
        last_modified: of_sensible_length(reply.headers.last_modified, LONGEST_LAST_MODIFIED),
        sent_by: Some(reply.url.clone()),
    };
    // The freshness of a body that is not a feed says nothing about the feed.
    let without_asks = ServerWishes { asks: Vec::new(), ..wishes.clone() };
    let fail = |failure: Failure, message: Message| {
        (PollOutcome::Failed(failure), without_asks.clone(), message)
    };
    // With validators, a 304 would hide the missing entries.
    let without_validators =
        ServerWishes { validators: Some(Validators::default()), ..without_asks.clone() };
    let cut_off = || {
        let outcome = PollOutcome::Failed(Failure::CutOff);
        (outcome, without_validators.clone(), CUT_BODY.to_owned().into())
    };
    let encoding = reply.headers.content_encoding.as_deref();
    let body = match unpack(reply.body, encoding, parsing.max_body) {
        Ok(body) => body,
        Err(error @ UnpackError::TooLarge(_)) => {
            return fail(Failure::TooLarge, error.to_string().into());
        }
        Err(_) if reply.cut => return cut_off(),
        Err(error) => return fail(Failure::Body, error.to_string().into()),
    };
    let content_type = reply.headers.content_type.as_deref();
    let (body, content_type, cut) = match parsing.map.map(|map| mapped(&body, content_type, map)) {
        None => (body, content_type, reply.cut),
        Some(Ok((feed, cut))) => (feed, None, cut || reply.cut),
        Some(Err(_)) if reply.cut => return cut_off(),
        Some(Err(error)) => return fail(Failure::NotAFeed, error.detail.into()),
    };
    if !cut && job.remembered.body_hash == Some(body_hash(&body)) {
        let wishes = ServerWishes { validators: Some(validators), ..wishes };
        return (PollOutcome::SameBody, wishes, Message::default());
    }
    match document(&body, &reply.url, content_type, &job.remembered, parsing.max_entries, now) {
        Ok(mut document) => {
            document.cut |= cut;
            if delta || document.cut {
                also_remember(&mut document.remembered, &job.remembered);
            }
            let filtered = parsing.filter.and_then(|filter| filter.apply(&mut document));
            let (wishes, detail) = if document.cut {
                let entries = document.entries;
                (
                    without_validators,
                    Some(format!("the document breaks off after {entries} entries")),
                )
            } else {
                let (validators, hints) = (Some(validators), Some(document.hints));
                (ServerWishes { validators, hints, ..wishes }, filtered)
            };
            (PollOutcome::Fresh(Box::new(document)), wishes, detail.unwrap_or_default().into())
        }
        Err(_) if cut => cut_off(),
        Err(error) => {
            fail(Failure::NotAFeed, Message { detail: error.detail, offers: error.offers })
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
