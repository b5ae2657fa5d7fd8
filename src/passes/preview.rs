//! Previews: a document is fetched and parsed, and nothing is stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use crate::clock;
use crate::domain::feed::{FeedId, FeedUrl};
use crate::domain::host::Host;
use crate::domain::json_map::JsonMap;
use crate::domain::poll::{Failure, Observed, PollJob, PollOutcome, Reply, Validators};
use crate::domain::request::{FetchSettings, RequestSpec};
use crate::feed::comparison::{Comparison, compare};
use crate::feed::unpack::unpack;
use crate::fetch::{FetchError, FetchRequest, Fetcher};
use crate::passes::poll::conceal;
use crate::passes::source::obtain;
use crate::polling::reply::{Parsing, Requested, read};
use crate::reading_time::ReadingTime;

/// Fetches documents one after the other, with the same delay between requests to a host as polling. A clone
/// shares the connections but not the delays.
#[derive(Clone)]
pub struct Previewer {
    fetcher: Arc<Fetcher>,
    max_body: u64,
    time: ReadingTime,
    /// The time between the starts of two requests to one host.
    delay: Duration,
    delay_this_machine: bool,
    /// When the last request to each host started or will start.
    last_requests: HashMap<Host, Instant>,
}

/// A web page that was fetched, and its address after redirects.
#[derive(Clone, Debug)]
pub struct FetchedPage {
    pub body: Vec<u8>,
    pub content_type: Option<String>,
    /// The values of `X-Robots-Tag`, and that of `TDM-Reservation`, by which the publisher reserves the text.
    pub robots_tags: Vec<String>,
    pub tdm_reservation: Option<String>,
    pub address: Url,
}

impl Previewer {
    /// # Errors
    /// When the fetcher cannot be set up, as with an unreadable `ca_file`.
    pub fn new(settings: &FetchSettings) -> Result<Self, FetchError> {
        Ok(Self {
            fetcher: Arc::new(Fetcher::new(settings)?),
            max_body: settings.max_body,
            time: ReadingTime { limit: settings.read_timeout, clock: clock::work_of_this_thread },
            delay: settings.host_delay,
            delay_this_machine: !settings.exempt_this_machine,
            last_requests: HashMap::new(),
        })
    }

    /// Returns what a first poll of the feed would observe. Waits for the delay of its host first.
    pub async fn preview(
        &mut self,
        url: &FeedUrl,
        request: &RequestSpec,
        entries: usize,
        map: Option<JsonMap>,
    ) -> Observed {
        self.wait_for_host(url).await;
        let job = PollJob::first(FeedId(0), url.clone(), clock::now());
        let request_of = FetchRequest::new(url, &job.validators, request, self.max_body);
        let request_of = FetchRequest { more_follow: true, ..request_of }; // Discovery tries several addresses.
        let reply = obtain(&self.fetcher, request_of).await;
        let requested = Requested { reply, conditional: false, ended_at: clock::now() };
        let (max_body, time, request) = (self.max_body, self.time, request.clone());
        let observed = tokio::task::spawn_blocking(move || {
            let parsing = Parsing {
                max_body,
                max_entries: entries,
                time,
                longest: None,
                map: map.as_ref(),
                quiet_start: false,
                filter: None,
            };
            let mut observed = read(requested, &job, parsing);
            conceal(&mut observed, &request);
            observed
        })
        .await;
        observed.unwrap_or_else(|error| Observed {
            message: format!("reading it failed (a fault of the program): {error}").into(),
            ..Observed::of(PollOutcome::Failed(Failure::Internal))
        })
    }

    /// Fetches a document and parses it twice: with our parsers, and with feed-rs alone.
    ///
    /// # Errors
    /// When no document could be fetched. The error is a text for the user.
    pub async fn compare(
        &mut self,
        url: &FeedUrl,
        request: &RequestSpec,
    ) -> Result<Comparison, String> {
        let reply = self.reply(url, request).await?;
        let (now, limit, time) = (clock::now(), self.max_body, self.time);
        let read = move || {
            let (base, headers) = (reply.base().clone(), reply.headers);
            let unpacked = unpack(reply.body, headers.content_encoding.as_deref(), limit)
                .map_err(|error| error.to_string())?;
            Ok(compare(&unpacked.body, &base, headers.content_type.as_deref(), now))
        };
        let comparison = tokio::task::spawn_blocking(move || {
            time.bound(read).unwrap_or_else(|error| Err(error.to_string()))
        });
        comparison.await.map_err(|error| error.to_string())?
    }

    /// Fetches a web page.
    ///
    /// # Errors
    /// When no page could be fetched. The error is a text for the user.
    pub async fn page(
        &mut self,
        url: &FeedUrl,
        request: &RequestSpec,
    ) -> Result<FetchedPage, String> {
        let reply = self.reply(url, request).await?;
        let (address, headers, limit) = (reply.base().clone(), reply.headers, self.max_body);
        let unpacking = tokio::task::spawn_blocking(move || {
            unpack(reply.body, headers.content_encoding.as_deref(), limit)
                .map(|unpacked| FetchedPage {
                    body: unpacked.body,
                    content_type: headers.content_type,
                    robots_tags: headers.robots_tags,
                    tdm_reservation: headers.tdm_reservation,
                    address,
                })
                .map_err(|error| error.to_string())
        });
        unpacking.await.map_err(|error| error.to_string())?
    }

    /// Requests a document, whatever is stored of it. Any status but 200 is an error, as a text for the user.
    async fn reply(&mut self, url: &FeedUrl, request: &RequestSpec) -> Result<Reply, String> {
        self.wait_for_host(url).await;
        let validators = Validators::default();
        let request = FetchRequest::new(url, &validators, request, self.max_body);
        let request = FetchRequest { more_follow: true, ..request };
        let reply = obtain(&self.fetcher, request).await.map_err(|no_reply| no_reply.detail)?;
        if reply.status != 200 {
            return Err(format!("the server answered with status {}", reply.status));
        }
        Ok(reply)
    }

    /// Waits until the delay since the last request to the same host has passed.
    async fn wait_for_host(&mut self, url: &FeedUrl) {
        if let Some(host) = url.host()
            && (self.delay_this_machine || !host.is_this_machine())
        {
            let now = Instant::now();
            let start =
                self.last_requests.get(&host).map_or(now, |last| now.max(*last + self.delay));
            self.last_requests.insert(host, start);
            tokio::time::sleep(start - now).await;
        }
    }
}
