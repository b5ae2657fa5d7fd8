//! Previews: a document is fetched and parsed, and nothing is stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::domain::feed::{FeedId, FeedUrl};
use crate::domain::host::Host;
use crate::domain::json_map::JsonMap;
use crate::domain::poll::{Failure, Observed, PollJob, PollOutcome, Validators};
use crate::domain::request::{FetchSettings, RequestSpec};
use crate::feed::comparison::{Comparison, compare};
use crate::feed::unpack::unpack;
use crate::fetch::{self, FetchError, FetchRequest, Fetcher};
use crate::passes::poll::no_reply;
use crate::polling::reply::{Parsing, Requested, read};

/// Fetches documents one after the other, with the same delay between requests to a host as polling. A clone
/// shares the connections but not the delays.
#[derive(Clone)]
pub struct Previewer {
    fetcher: Arc<Fetcher>,
    max_body: u64,
    /// The time between the starts of two requests to one host.
    delay: Duration,
    delay_this_machine: bool,
    /// When the last request to each host started or will start.
    last_requests: HashMap<Host, Instant>,
}

impl Previewer {
    /// # Errors
    /// When the fetcher cannot be set up, as with an unreadable `ca_file`.
    pub fn new(settings: &FetchSettings) -> Result<Self, FetchError> {
        Ok(Self {
            fetcher: Arc::new(Fetcher::new(settings)?),
            max_body: settings.max_body,
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
        let reply = self
            .fetcher
            .fetch(FetchRequest::new(url, &job.validators, request, self.max_body))
            .await;
        let reply = reply.map_err(|error| no_reply(&error));
        let requested = Requested { reply, conditional: false, ended_at: clock::now() };
        let max_body = self.max_body;
        let observed = tokio::task::spawn_blocking(move || {
            let parsing = Parsing {
                max_body,
                max_entries: entries,
                map: map.as_ref(),
                quiet_start: false,
                filter: None,
            };
            read(requested, &job, parsing)
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
        self.wait_for_host(url).await;
        let reply = self
            .fetcher
            .fetch(FetchRequest::new(url, &Validators::default(), request, self.max_body))
            .await;
        let reply = reply.map_err(|error| fetch::advice(&error))?;
        if reply.status != 200 {
            return Err(format!("the server answered with status {}", reply.status));
        }
        let (now, limit) = (clock::now(), self.max_body);
        let comparison = tokio::task::spawn_blocking(move || {
            let headers = reply.headers;
            let unpacked = unpack(reply.body, headers.content_encoding.as_deref(), limit)
                .map_err(|error| error.to_string())?;
            Ok(compare(&unpacked.body, &reply.url, headers.content_type.as_deref(), now))
        });
        comparison.await.map_err(|error| error.to_string())?
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
