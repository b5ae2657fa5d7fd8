//! The types of one poll: the claimed job, the reply, what was observed, and the decision that one transaction writes.

use std::time::Duration;

use url::Url;

use crate::domain::article::{ArticleDraft, ArticleKey};
use crate::domain::feed::{FeedId, FeedMeta, FeedUrl};
use crate::domain::host::Host;
use crate::domain::named_enum::named_enum;
use crate::domain::shard::Shard;
use crate::domain::time::{TimeDelta, Timestamp};

/// The validators of a conditional GET (RFC 9110 section 13.1), byte for byte as the server sent them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub etag: Option<Vec<u8>>,
    pub last_modified: Option<Vec<u8>>,
    /// The address that sent them. They are sent to no other address (RFC 9110 section 8.8).
    pub sent_by: Option<Url>,
}

impl Validators {
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// One item of the last document: the hash of its bytes, and the article they became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownItem {
    pub hash: u64,
    pub key: ArticleKey,
}

/// Whether the identifiers of a feed are unique. A feed that became `Careful` never becomes `Trusting` again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPolicy {
    /// A GUID, or a link where there is no GUID, identifies one article.
    #[default]
    Trusting,
    /// A document used one GUID for several links, or one link for several titles, so the key is made of both.
    Careful,
}

/// What the store keeps of a feed's last document, so that only the new items of the next document are parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Hash of the decompressed body.
    pub body_hash: Option<u64>,
    pub items: Vec<KnownItem>,
    pub key_policy: KeyPolicy,
}

/// The hints of a document about polling. The default has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// RSS `<ttl>`.
    pub ttl: Option<TimeDelta>,
    /// RSS 1.0 syndication module: `updatePeriod` divided by `updateFrequency`.
    pub update_period: Option<TimeDelta>,
    /// RSS `skipHours` in GMT: bit 0 is the hour after midnight. At least one hour is not skipped.
    pub skip_hours: u32,
    /// RSS `skipDays` in GMT: bit 0 is Sunday. At least one day is not skipped.
    pub skip_days: u8,
}

/// A permanent redirect (301, 308) of a feed, or what counts as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub to: Url,
    pub at: Timestamp,
    /// When the configured address is requested again; `None` when the redirect is final.
    pub recheck_at: Option<Timestamp>,
    pub by: MovedBy,
}

/// What led from the configured address of a feed to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MovedBy {
    /// A permanent redirect of the server.
    #[default]
    Redirect,
    /// `itunes:new-feed-url` in the document.
    NewFeedUrl,
}

impl MovedBy {
    /// As stored and as shown in JSON; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::NewFeedUrl => "new_feed_url",
        }
    }

    /// The inverse of [`MovedBy::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Redirect, Self::NewFeedUrl].into_iter().find(|by| by.as_str() == text)
    }
}

/// The address in `itunes:new-feed-url`, which counts as a permanent redirect once it has served the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFeedUrl {
    pub to: Url,
    /// When the document named it first.
    pub named_at: Timestamp,
    /// When it is tried; `None` when it is not tried any more.
    pub try_at: Option<Timestamp>,
}

/// The address that a poll at `planned_at` requests: a new address that is to be tried by then, else the target of the
/// permanent redirect, or the configured address when its recheck is due by then.
///
/// The address depends on the planned time and not on the time of the request, so that the claim charges the
/// request budget of the same host that receives the request.
pub fn address_at<'a>(
    configured: &'a FeedUrl,
    moved: Option<&'a Move>,
    new_feed_url: Option<&'a NewFeedUrl>,
    planned_at: Timestamp,
) -> &'a Url {
    if let Some(new) = new_feed_url
        && new.try_at.is_some_and(|at| at <= planned_at)
    {
        return &new.to;
    }
    match moved {
        Some(moved) if moved.recheck_at.is_none_or(|at| planned_at < at) => &moved.to,
        Some(_) | None => configured.as_url(),
    }
}

/// The health of a feed: its failures since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Health {
    /// Failures since the last success, each counted by its weight (hard 1, soft 0.5, temporary 0.25).
    pub failures: f64,
    /// When the first of these failures happened.
    pub failing_since: Option<Timestamp>,
}

/// The input for the time of a feed's next poll, besides its configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PollHistory {
    pub health: Health,
    /// Dates of the feed's latest articles, newest first.
    pub recent: Vec<Timestamp>,
    /// The shortest waits, by the header fields and hints of the last poll.
    pub min_waits: Vec<(Reason, TimeDelta)>,
    /// The hours and days (GMT) without polls; see [`Hints`].
    pub skip_hours: u32,
    pub skip_days: u8,
}

/// A claimed feed, with everything that its poll needs.
#[derive(Clone, Debug)]
pub struct PollJob {
    pub feed: FeedId,
    pub url: FeedUrl,
    pub validators: Validators,
    pub remembered: Remembered,
    pub health: Health,
    /// The planned time of this poll, or the time of the claim if a user requested an earlier poll. For a feed
    /// whose polling has ended, the time of its last poll.
    pub planned_at: Timestamp,
    /// Dates of the feed's latest articles, newest first, for the adaptive interval and for the trial of a new address;
    /// empty otherwise.
    pub recent: Vec<Timestamp>,
    /// The last time at which the server sent a body, whether it was changed or not.
    pub full_at: Option<Timestamp>,
    /// Hints (ttl, skipHours, skipDays) from the last document that was parsed.
    pub hints: Hints,
    pub moved: Option<Move>,
    pub new_feed_url: Option<NewFeedUrl>,
    /// Title and home page of the feed, by which it is recognised at a new address; empty when there is none.
    pub known_as: FeedMeta,
    /// How many times in a row the host of the requested address refused and named no time. `None` for a host
    /// that was never paused, or that has answered without a refusal since.
    pub strikes: Option<u32>,
    /// The shard of the host that the claim has counted the poll for.
    pub shard: Shard,
    /// When no other process is kept from polling the feed any more; `None` if it was not claimed.
    pub leased_until: Option<Timestamp>,
}

impl PollJob {
    /// The job of the first poll of a feed, when nothing is known about it.
    pub fn first(feed: FeedId, url: FeedUrl, now: Timestamp) -> Self {
        let shard = Shard::of(url.host().as_ref(), feed);
        Self {
            feed,
            url,
            validators: Validators::default(),
            remembered: Remembered::default(),
            health: Health::default(),
            planned_at: now,
            recent: Vec::new(),
            full_at: None,
            hints: Hints::default(),
            moved: None,
            new_feed_url: None,
            known_as: FeedMeta::default(),
            strikes: None,
            shard,
            leased_until: None,
        }
    }

    /// The address that this poll requests first. Redirects may lead to other addresses.
    pub fn address(&self) -> &Url {
        address_at(&self.url, self.moved.as_ref(), self.new_feed_url.as_ref(), self.planned_at)
    }

    /// The address that later polls request while a new address is only tried.
    pub fn settled_address(&self) -> &Url {
        address_at(&self.url, self.moved.as_ref(), None, self.planned_at)
    }

    /// Whether this poll only tries a new address of the feed. A failure of such a poll does not change the feed's health.
    pub fn is_trial(&self) -> bool {
        self.new_feed_url
            .as_ref()
            .is_some_and(|new| new.try_at.is_some_and(|at| at <= self.planned_at))
    }

    /// The host of the first request; `None` for a file.
    pub fn host(&self) -> Option<Host> {
        self.url.host_at(self.address())
    }

    /// Whether this poll only rechecks the configured address of a permanently redirected feed. A failure of such a
    /// poll does not change the feed's health.
    pub fn is_recheck(&self) -> bool {
        self.moved.is_some() && !self.is_trial() && self.address() == self.url.as_url()
    }
}

/// The header fields of a reply that rules read. Texts are as sent, without white space at both ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyHeaders {
    pub etag: Option<Vec<u8>>,
    pub last_modified: Option<Vec<u8>>,
    pub content_type: Option<String>,
    /// All `Content-Language` fields joined with `, ` (RFC 9110 section 8.5).
    pub content_language: Option<String>,
    /// All `Content-Encoding` fields joined with `, ` (RFC 9110 section 8.4).
    pub content_encoding: Option<String>,
    /// All `Link` fields joined with `, ` (RFC 8288).
    pub link: Option<String>,
    /// All `Cache-Control` fields joined with `, `.
    pub cache_control: Option<String>,
    pub expires: Option<String>,
    pub age: Option<String>,
    pub date: Option<String>,
    pub retry_after: Option<String>,
    /// `X-RateLimit-Remaining`, or `r` of `RateLimit`: requests left before the host refuses.
    pub rate_remaining: Option<String>,
    /// `X-RateLimit-Reset`, or `t` of `RateLimit`: seconds until there are more, or a Unix time.
    pub rate_reset: Option<String>,
    /// `cf-mitigated`: the server sent a bot challenge instead of the page.
    pub challenge: Option<String>,
    /// The values of all `X-Robots-Tag` fields.
    pub robots_tags: Vec<String>,
    /// `TDM-Reservation` of the TDM Reservation Protocol.
    pub tdm_reservation: Option<String>,
}

/// A step of a redirect chain: the status of the reply, and the address that it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub status: u16,
    pub to: Url,
}

/// A complete reply, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Where the body came from, after redirects.
    pub url: Url,
    /// Of a private feed, whose `url` only stands for its address: the scheme, host and port that answered.
    pub hidden_origin: Option<Url>,
    pub hops: Vec<Hop>,
    pub headers: ReplyHeaders,
    /// As received, still compressed. It is no larger than the limit of the request.
    pub body: Vec<u8>,
    /// Whether the connection ended before the announced end of the body.
    pub cut: bool,
    /// From the first connection to the last byte.
    pub elapsed: Duration,
}

impl Reply {
    /// The host that sent this reply, which is the last one of the redirects; `None` for a file.
    pub fn host(&self) -> Option<Host> {
        Host::of(self.base())
    }

    /// Where relative addresses in the body start. For a private feed this is the root of its server, so that no
    /// article contains the address.
    pub fn base(&self) -> &Url {
        self.hidden_origin.as_ref().unwrap_or(&self.url)
    }
}

named_enum! {
    /// Why a poll returned no document. Each fault of a publisher's server is one of these.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Failure {
        /// This machine has no network: no name server answers, or no route leads to the server.
        Offline = "offline",
        /// This machine has no open files, ports or memory left for the request.
        Resources = "resources",
        /// The name does not resolve.
        Dns = "dns",
        /// No connection: refused, reset, unreachable.
        Connect = "connect",
        /// Certificate or handshake.
        Tls = "tls",
        Timeout = "timeout",
        /// A status without a feed.
        Status(u16) = "http_status",
        /// Too many redirects, or a redirect that must not be followed.
        Redirect = "redirect",
        /// The address is not public, and the configuration does not allow that.
        Private = "private_address",
        /// The `Content-Encoding` does not describe the body.
        Body = "body",
        /// A body or document that breaks off. Its complete entries are stored all the same.
        CutOff = "cut_off",
        /// Larger than `max_body`.
        TooLarge = "too_large",
        /// Reading the document took more than `read_timeout`.
        ReadTimeout = "read_timeout",
        /// The body is no feed.
        NotAFeed = "not_a_feed",
        /// A file that cannot be read, or a program that fails.
        File = "file",
        /// The request could not be built.
        Request = "request",
        /// The parser panicked: a fault of this program.
        Internal = "internal",
    }
}

named_enum! {
    /// The outcome of a poll as the store keeps it, without the document.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum OutcomeKind {
        Fresh = "fresh",
        SameBody = "same_body",
        NotModified = "not_modified",
        Gone = "gone",
    }
    or Failed(Failure)
}

impl OutcomeKind {
    /// The inverse of [`OutcomeKind::as_str`]. `status` is the status of the reply, if there was one. `None`
    /// for a text that this version does not write.
    pub fn with_status(name: &str, status: Option<u16>) -> Option<Self> {
        Self::parse(name).map(|kind| match (kind, status) {
            (Self::Failed(Failure::Status(_)), Some(status)) => {
                Self::Failed(Failure::Status(status))
            }
            (kind, _) => kind,
        })
    }

    /// Whether the poll failed because of the feed or its server.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed(_) | Self::Gone)
    }
}

/// The outcome of a request for a feed.
#[derive(Clone, Debug, PartialEq)]
pub enum PollOutcome {
    /// A document whose bytes differ from those of the last one.
    Fresh(Box<Document>),
    /// A document that breaks off before its end. Its complete entries are stored, and the poll counts as a failure.
    Cut(Box<Document>),
    /// 200 with the same bytes as the last document.
    SameBody,
    /// 304.
    NotModified,
    /// 410: polling stops, articles stay.
    Gone,
    Failed(Failure),
}

impl PollOutcome {
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Fresh(_) => OutcomeKind::Fresh,
            Self::Cut(_) => OutcomeKind::Failed(Failure::CutOff),
            Self::SameBody => OutcomeKind::SameBody,
            Self::NotModified => OutcomeKind::NotModified,
            Self::Gone => OutcomeKind::Gone,
            Self::Failed(failure) => OutcomeKind::Failed(*failure),
        }
    }

    /// The document; `None` when the poll returned none.
    pub fn document(&self) -> Option<&Document> {
        if let Self::Fresh(document) | Self::Cut(document) = self { Some(document) } else { None }
    }

    /// As [`PollOutcome::document`], to change it.
    pub fn document_mut(&mut self) -> Option<&mut Document> {
        if let Self::Fresh(document) | Self::Cut(document) = self { Some(document) } else { None }
    }

    /// As [`OutcomeKind::as_str`].
    pub fn as_str(&self) -> &'static str {
        self.kind().as_str()
    }
}

/// How a document lists its entries, which matters for those without a date and for the first document of a feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The date of the document: its own, else `Last-Modified`.
    pub dated_at: Option<Timestamp>,
    pub oldest_first: bool,
    /// Whether consumers are not to hear of the entries of a feed's first document.
    pub quiet_start: bool,
}

/// A feed document, normalised.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    pub meta: FeedMeta,
    /// Only entries whose bytes are new since the last document.
    pub drafts: Vec<ArticleDraft>,
    /// All items of the document, including the items of `drafts`.
    pub remembered: Remembered,
    /// The number of entries in the document, including known ones.
    pub entries: usize,
    pub listing: Listing,
    pub hints: Hints,
    /// `itunes:new-feed-url` of the channel.
    pub new_feed_url: Option<Url>,
    pub encoding: DocumentEncoding,
    /// The repairs that the document needed, by kind.
    pub repairs: Vec<RepairCount>,
    /// The drafts whose content links to a frame or player that is not shown.
    pub links_to_embeds: Vec<ArticleKey>,
}

/// The character encoding that a document was decoded with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentEncoding {
    pub name: &'static str,
    /// The reason for the choice, as a text for users.
    pub because: &'static str,
}

/// How often a document needed one kind of repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepairCount {
    pub kind: &'static str,
    pub count: u32,
}

/// What a poll observed. The decision follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub outcome: PollOutcome,
    pub instructions: ServerInstructions,
    pub transfer: Transfer,
    pub message: Message,
}

impl Observed {
    /// An outcome without any further observation.
    pub fn of(outcome: PollOutcome) -> Self {
        Self {
            outcome,
            instructions: ServerInstructions::default(),
            transfer: Transfer::default(),
            message: Message::default(),
        }
    }
}

/// What the header fields and the document of a reply say about later polls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerInstructions {
    /// The validators for the next request; `None` keeps the stored ones.
    pub validators: Option<Validators>,
    /// The shortest waits, by the header fields of the reply, up to the longest wait that is believed.
    pub min_waits: Vec<(Reason, TimeDelta)>,
    /// Hints from the document; `None` when none was parsed.
    pub hints: Option<Hints>,
    /// The wait that the host of the reply demands, which applies to all feeds of the host.
    pub host_wait: Option<HostWait>,
    /// The address at the end of the leading permanent redirects; `None` without such redirects.
    pub moved_to: Option<Url>,
}

/// The facts about one request and its reply, for the history and the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Whether the request was conditional.
    pub conditional: bool,
    /// `None` when there was no reply.
    pub status: Option<u16>,
    /// The host that sent the reply, which is the last one of the redirects; `None` without a reply.
    pub answered_by: Option<Host>,
    /// The size of the body as received.
    pub bytes: u64,
    /// `Content-Encoding` of the body as received: `identity`, `gzip`, `br`, `zstd`, `deflate` or `other`;
    /// empty when there was no reply.
    pub encoding: &'static str,
    pub elapsed: Duration,
}

/// The message about a poll that is shown to the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// What went wrong, or how many entries were left out; may be empty.
    pub detail: String,
    /// Feed links found in the HTML page that the server returned instead of a feed.
    pub offers: Vec<Url>,
    /// The usual places of feeds in the system that made this page.
    pub places: &'static [&'static str],
}

impl From<String> for Message {
    fn from(detail: String) -> Self {
        Self { detail, offers: Vec::new(), places: &[] }
    }
}

/// The wait that a host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostWait {
    /// The host names the time.
    Named(TimeDelta),
    /// The host answered 429 or 503 and named no time.
    Unnamed,
}

/// A pause of all feeds of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub host: Host,
    pub until: Timestamp,
    pub strikes: u32,
    /// The status of the reply that caused the pause.
    pub status: u16,
}

named_enum! {
    /// The rule that set the time of the next poll.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Reason {
        /// The feed was never polled.
        New = "new",
        /// The configured `every`.
        Interval = "interval",
        /// The next firing of `cron`.
        Cron = "cron",
        /// Half the gap expected from the feed's own history.
        Adaptive = "adaptive",
        /// The wait that the server asked for at the last poll, in any header field.
        ServerAsked = "server_asked",
        /// `Cache-Control: max-age`.
        MaxAge = "max_age",
        /// `Expires`.
        Expires = "expires",
        /// `Retry-After`.
        RetryAfter = "retry_after",
        /// RSS `<ttl>`.
        Ttl = "ttl",
        /// `sy:updatePeriod` and `sy:updateFrequency`.
        UpdatePeriod = "update_period",
        /// RSS `skipHours`.
        SkipHours = "skip_hours",
        /// RSS `skipDays`.
        SkipDays = "skip_days",
        /// The server sends neither validators nor freshness, so that each reply is the whole document.
        NoValidators = "no_validators",
        /// The wait after failures, which grows with their number.
        Backoff = "backoff",
        /// Our own network was down, so that the poll did not count.
        Outage = "outage",
        /// The last poll did not count, because this machine had too few resources for it.
        Resources = "resources",
        /// The server answered 410 (Gone), so that polling has ended.
        Gone = "gone",
    }
}

/// The time of the next poll, and the rule that set it. `at` is `None` when polling has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextPoll {
    pub at: Option<Timestamp>,
    pub because: Reason,
}

/// Everything that one poll writes, in one transaction.
#[derive(Clone, Debug)]
pub struct Decision {
    pub feed: FeedId,
    /// The configured address of the feed when it was claimed. It may have got another one meanwhile.
    pub url: FeedUrl,
    pub polled_at: Timestamp,
    pub observed: Observed,
    /// The shortest waits, by header fields and hints, as far as the policy obeys them; stored for `explain`.
    pub min_waits: Vec<(Reason, TimeDelta)>,
    pub health: Health,
    pub next: NextPoll,
    /// The permanent redirect after this poll; `None` when the feed is at its configured address.
    pub moved: Option<Move>,
    /// The new address that the feed's document names, while the feed has not moved there.
    pub new_feed_url: Option<NewFeedUrl>,
    /// The host of the next poll's request; `None` for a file.
    pub next_host: Option<Host>,
    /// The pause of a host, if this poll caused one.
    pub pause: Option<Pause>,
    /// The host whose record of pauses is deleted, because it has answered without a refusal.
    pub forgiven: Option<Host>,
}

/// The number of articles that a decision added and edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub added: u32,
    pub edited: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_read_back_from_the_store() {
        let failures = Failure::ALL.into_iter().map(OutcomeKind::Failed);
        for kind in OutcomeKind::ALL.into_iter().chain(failures) {
            assert_eq!(OutcomeKind::with_status(kind.as_str(), None), Some(kind));
        }
        let status = OutcomeKind::Failed(Failure::Status(503));
        assert_eq!(OutcomeKind::with_status(status.as_str(), Some(503)), Some(status));
        assert_eq!(OutcomeKind::with_status("of a later version", None), None);
    }
}
