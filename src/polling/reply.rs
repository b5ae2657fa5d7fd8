//! The meaning of a reply. Every status and every body has an outcome; nothing is an error.

use std::collections::HashSet;

use url::Url;

use crate::domain::article::ArticleKey;
use crate::domain::json_map::JsonMap;
use crate::domain::poll::{
    Failure, Message, Observed, PollJob, PollOutcome, Reason, Remembered, Reply,
    ServerInstructions, Transfer, Validators,
};
use crate::domain::time::Timestamp;
use crate::feed::autodiscovery::link_header::linked;
use crate::feed::dates::parse::date;
use crate::feed::document::{Labels, body_hash, breaks_off, document};
use crate::feed::entry_filter::EntryFilter;
use crate::feed::json_map::mapped;
use crate::feed::parse::NotAFeed;
use crate::feed::unpack::{StreamFault, UnpackError, Unpacked, unpack};
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

impl Requested {
    /// Whether there may be a document to read. The rest of a reply is decided on at once.
    pub fn has_document(&self) -> bool {
        self.reply.as_ref().is_ok_and(|reply| carries_document(reply.status))
    }
}

fn carries_document(status: u16) -> bool {
    matches!(status, 200 | 203 | 226)
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
    /// The bytes after decompression beyond which a body is not read unless it is the one of the last poll, as if reading
    /// took too long; `None` for all that `max_body` permits.
    pub longest: Option<usize>,
    /// Whether consumers are not to hear of the entries of a feed's first document.
    pub quiet_start: bool,
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
    let min_waits = freshness::freshness(&reply.headers, ended_at).into_iter().collect();
    let instructions = ServerInstructions {
        min_waits,
        host_wait: freshness::host_wait(reply.status, &reply.headers, ended_at),
        moved_to: permanent_redirect::target(job.address(), &reply.hops).cloned(),
        ..ServerInstructions::default()
    };
    let (outcome, instructions, message) = match reply.status {
        status if carries_document(status) => {
            let validators = validators_of(&reply);
            let read = || read_body(reply, job, parsing, ended_at);
            let read = parsing.time.bound(read).unwrap_or_else(|error| BodyReading {
                outcome: PollOutcome::Failed(Failure::ReadTimeout),
                message: error.to_string().into(),
            });
            let BodyReading { outcome, message } = read;
            let instructions = instructions_of_body(&outcome, instructions, validators);
            (outcome, instructions, message)
        }
        // RFC 9110 section 15.4.5: what a 304 carries replaces what is stored, the rest stays.
        304 => {
            let validators = Some(refreshed(&job.validators, &reply));
            let instructions = ServerInstructions { validators, ..instructions };
            (PollOutcome::NotModified, instructions, Message::default())
        }
        410 => {
            let detail = "the server says that the feed is gone for good (410)".to_owned();
            (PollOutcome::Gone, instructions, detail.into())
        }
        status => {
            let mut detail = say_status(status);
            if reply.headers.challenge.is_some() {
                detail.push_str(" (a bot challenge stands before it)");
            }
            let wait = freshness::retry_after(&reply.headers, ended_at);
            let min_waits = wait.map(|wait| (Reason::RetryAfter, wait)).into_iter().collect();
            // The validators may be what the server cannot read, so that the next request has none.
            let validators = matches!(status, 400 | 431).then(Validators::default);
            let instructions = ServerInstructions { validators, min_waits, ..instructions };
            (PollOutcome::Failed(Failure::Status(status)), instructions, detail.into())
        }
    };
    Observed { outcome, instructions, transfer, message }
}

/// What is said of a body that ends too early.
const CUT_BODY: &str = "the body breaks off before its announced end";

/// What is said of a document that is longer than those that are read at first.
const TOO_LONG: &str = "the document is too long to be read at first";

/// The meaning of a body.
struct BodyReading {
    outcome: PollOutcome,
    message: Message,
}

impl BodyReading {
    fn of(outcome: PollOutcome) -> Self {
        Self { outcome, message: Message::default() }
    }

    fn failed(failure: Failure, message: impl Into<Message>) -> Self {
        Self { outcome: PollOutcome::Failed(failure), message: message.into() }
    }

    /// Of a body that ends too early for a single entry.
    fn cut_off() -> Self {
        Self::failed(Failure::CutOff, CUT_BODY.to_owned())
    }
}

/// Decompresses, maps and parses a body.
fn read_body(reply: Reply, job: &PollJob, parsing: Parsing<'_>, now: Timestamp) -> BodyReading {
    let delta = reply.status == 226;
    let encoding = reply.headers.content_encoding.as_deref();
    let Unpacked { body, fault } = match unpack(reply.body, encoding, parsing.max_body) {
        Ok(unpacked) => unpacked,
        Err(error @ UnpackError::TooLarge(_)) => {
            return BodyReading::failed(Failure::TooLarge, error.to_string());
        }
        Err(_) if reply.cut => return BodyReading::cut_off(),
        Err(error) => return BodyReading::failed(Failure::Body, error.to_string()),
    };
    // A compressed stream that lacks no more than its trailer may hold a whole document.
    let cut = reply.cut || matches!(fault, Some(StreamFault::Damaged(_)));
    let torn = cut || fault.is_some();
    let base = reply.hidden_origin.as_ref().unwrap_or(&reply.url);
    let content_type = reply.headers.content_type.as_deref();
    let (body, content_type, cut) = match parsing.map.map(|map| mapped(&body, content_type, map)) {
        None => (body, content_type, cut),
        Some(Ok((feed, short))) => (feed, None, cut || short),
        Some(Err(_)) if torn => return BodyReading::cut_off(),
        Some(Err(error)) => return BodyReading::failed(Failure::NotAFeed, error.detail),
    };
    // At a new address, all entries show whether it is the same feed.
    let all_unknown;
    let known = if job.is_trial() {
        let key_policy = job.remembered.key_policy;
        all_unknown = Remembered { key_policy, ..Remembered::default() };
        &all_unknown
    } else {
        &job.remembered
    };
    if !cut && known.body_hash == Some(body_hash(&body)) {
        return BodyReading::of(PollOutcome::SameBody);
    }
    if parsing.longest.is_some_and(|longest| longest < body.len()) {
        return BodyReading::failed(Failure::ReadTimeout, TOO_LONG.to_owned());
    }
    let content_language = reply.headers.content_language.as_deref();
    let labels = Labels { content_type, content_language };
    let last_modified = reply.headers.last_modified.as_deref();
    let last_modified = last_modified.and_then(|field| date(std::str::from_utf8(field).ok()?));
    match document(&body, base, labels, known, parsing.max_entries, now) {
        Ok(mut document) => {
            document.listing.quiet_start = parsing.quiet_start;
            document.listing.dated_at = document.listing.dated_at.or(last_modified);
            let cut = cut || breaks_off(&document);
            if delta || cut {
                also_remember(&mut document.remembered, known);
            }
            let filtered = parsing.filter.and_then(|filter| filter.apply(&mut document));
            if cut {
                let detail = format!("the document breaks off after {} entries", document.entries);
                let outcome = PollOutcome::Cut(Box::new(document));
                return BodyReading { outcome, message: detail.into() };
            }
            let message = filtered.unwrap_or_default().into();
            BodyReading { outcome: PollOutcome::Fresh(Box::new(document)), message }
        }
        Err(_) if torn => BodyReading::cut_off(),
        Err(error) => {
            BodyReading::failed(Failure::NotAFeed, no_feed(error, reply.headers.link, &reply.url))
        }
    }
}

/// The message about a body that is no feed. `link` is the reply's `Link` field, whose feed links come first.
fn no_feed(error: NotAFeed, link: Option<String>, base: &Url) -> Message {
    let linked = link.map(|field| linked(&field, base)).unwrap_or_default();
    let mut detail = error.detail;
    if error.offers.is_empty() && !linked.is_empty() {
        let named: Vec<&str> = linked.iter().map(Url::as_str).collect();
        detail = format!("{detail}; its Link header announces {}", named.join(" and "));
    }
    let mut offers = linked;
    for offer in error.offers {
        if !offers.contains(&offer) {
            offers.push(offer);
        }
    }
    Message { detail, offers, places: error.places }
}

/// The instructions of a reply with a body. `instructions` are those of its other header fields.
fn instructions_of_body(
    outcome: &PollOutcome,
    instructions: ServerInstructions,
    validators: Validators,
) -> ServerInstructions {
    match outcome {
        PollOutcome::Fresh(document) => {
            let (validators, hints) = (Some(validators), Some(document.hints));
            ServerInstructions { validators, hints, ..instructions }
        }
        PollOutcome::SameBody => {
            ServerInstructions { validators: Some(validators), ..instructions }
        }
        // With validators, a 304 would hide the missing entries.
        PollOutcome::Cut(_) | PollOutcome::Failed(Failure::CutOff) => {
            let validators = Some(Validators::default());
            ServerInstructions { validators, min_waits: Vec::new(), ..instructions }
        }
        // The freshness of a body that is not a feed says nothing about the feed.
        PollOutcome::NotModified | PollOutcome::Gone | PollOutcome::Failed(_) => {
            ServerInstructions { min_waits: Vec::new(), ..instructions }
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

/// The validators of a reply.
fn validators_of(reply: &Reply) -> Validators {
    let headers = &reply.headers;
    Validators {
        etag: of_sensible_length(headers.etag.clone(), LONGEST_ETAG),
        last_modified: of_sensible_length(headers.last_modified.clone(), LONGEST_LAST_MODIFIED),
        sent_by: Some(reply.url.clone()),
    }
}

/// The validators of a 304, and the stored ones where it has none.
fn refreshed(stored: &Validators, reply: &Reply) -> Validators {
    let Validators { etag, last_modified, sent_by } = validators_of(reply);
    Validators {
        etag: etag.or_else(|| stored.etag.clone()),
        last_modified: last_modified.or_else(|| stored.last_modified.clone()),
        sent_by,
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
