//! Looking at a document without storing anything of it.

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
use crate::fetch::{self, FetchError, Fetcher};
use crate::passes::poll::no_reply;
use crate::polling::reply::{Limits, read};

/// Asks for documents one after the other, as sparing of their hosts as polling is. A clone shares the
/// connections and minds hosts of its own.
#[derive(Clone)]
pub struct Looker {
    fetcher: Arc<Fetcher>,
    max_body: u64,
    /// Between the starts of two requests to one host.
    delay: Duration,
    spare_this_machine: bool,
    asked: HashMap<Host, Instant>,
}

impl Looker {
    /// # Errors
    /// When the fetcher cannot be set up, as with an unreadable `ca_file`.
    pub fn new(settings: &FetchSettings) -> Result<Self, FetchError> {
        Ok(Self {
            fetcher: Arc::new(Fetcher::new(settings)?),
            max_body: settings.max_body,
            delay: settings.host_delay,
            spare_this_machine: !settings.exempt_this_machine,
            asked: HashMap::new(),
        })
    }

    /// What a first poll of the feed would see. Waits for its turn at the host.
    pub async fn look(
        &mut self,
        url: &FeedUrl,
        request: &RequestSpec,
        entries: usize,
        map: Option<JsonMap>,
    ) -> Observed {
        self.wait_for_host(url).await;
        let job = PollJob::first(FeedId(0), url.clone(), clock::now());
        let body = self.max_body;
        let reply = self.fetcher.fetch(url, &job.validators, request, self.max_body).await;
        let reply = reply.map_err(|error| no_reply(&error));
        let now = clock::now();
        let seen = tokio::task::spawn_blocking(move || {
            read(reply, &job, Limits { body, entries, map: map.as_ref() }, now)
        })
        .await;
        seen.unwrap_or_else(|died| Observed {
            detail: format!("reading it failed (a fault of the program): {died}"),
            ..Observed::of(PollOutcome::Failed(Failure::Internal))
        })
    }

    /// Fetches a document and reads it with our readers and with feed-rs alone.
    ///
    /// # Errors
    /// When there is no document, in words.
    pub async fn compare(
        &mut self,
        url: &FeedUrl,
        request: &RequestSpec,
    ) -> Result<Comparison, String> {
        self.wait_for_host(url).await;
        let reply = self.fetcher.fetch(url, &Validators::default(), request, self.max_body).await;
        let reply = reply.map_err(|error| fetch::advice(&error))?;
        if reply.status != 200 {
            return Err(format!("the server answered with status {}", reply.status));
        }
        let (now, limit) = (clock::now(), self.max_body);
        let comparison = tokio::task::spawn_blocking(move || {
            let headers = reply.headers;
            let body = unpack(reply.body, headers.content_encoding.as_deref(), limit)
                .map_err(|error| error.to_string())?;
            Ok(compare(&body, &reply.url, headers.content_type.as_deref(), now))
        });
        comparison.await.map_err(|error| error.to_string())?
    }

    /// Waits until the delay since the last request to the same host has passed.
    async fn wait_for_host(&mut self, url: &FeedUrl) {
        if let Some(host) = url.host()
            && (self.spare_this_machine || !host.is_this_machine())
        {
            let now = Instant::now();
            let turn = self.asked.get(&host).map_or(now, |last| now.max(*last + self.delay));
            self.asked.insert(host, turn);
            tokio::time::sleep(turn - now).await;
        }
    }
}
