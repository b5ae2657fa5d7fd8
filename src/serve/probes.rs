//! `GET /healthz`, `/readyz` and `/metrics`, for monitoring.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::reader_pool::ReadError;
use super::{Site, error_response};
use crate::clock;
use crate::domain::time::Timestamp;
use crate::store::{Reader, StoreError};
use crate::telemetry::metrics::{self, ConsumerGauges, Gauges};

/// The time limit of a probe.
const PROBE: Duration = Duration::from_secs(3);

/// The process runs and the store can be read. Failing feeds are no reason to restart the process.
pub(super) async fn health(State(site): State<Site>) -> Response {
    match site.reader_pool().probe(PROBE, Reader::sequence).await {
        Ok(_) => "ok\n".into_response(),
        // A busy server is healthy.
        Err(ReadError::Busy) => "busy\n".into_response(),
        Err(error) => error.into_response(),
    }
}

/// Whether the store has the feeds of the configuration, and its file is where it was.
pub(super) async fn ready(State(site): State<Site>) -> Response {
    if !site.has_store() {
        return error_response::busy("the store's file was deleted or replaced");
    }
    if site.is_ready() { "ready\n".into_response() } else { error_response::busy("starting") }
}

pub(super) async fn metrics(State(site): State<Site>) -> Response {
    let now = clock::now();
    let gauges = match site.reader_pool().probe(PROBE, move |reader| gauges(reader, now)).await {
        Ok(gauges) => gauges,
        Err(error) => return error.into_response(),
    };
    match metrics::render(&gauges) {
        Ok(text) => ([(CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response(),
        Err(error) => {
            crate::telemetry::events::request_failed(&error);
            error_response::with_status(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics could not be written",
            )
        }
    }
}

fn gauges(reader: &Reader, now: Timestamp) -> Result<Gauges, StoreError> {
    let feeds = reader.feed_counts()?.into_iter().map(|(state, count)| (state.as_str(), count));
    let oldest = reader.first_due()?.unwrap_or(now);
    let sequence = reader.sequence()?;
    let consumers = reader.consumers()?.into_iter().map(|consumer| {
        let waiting_since = reader.waiting_since(&consumer)?;
        Ok(ConsumerGauges {
            behind: (sequence - consumer.seq).max(0),
            failures: consumer.trouble.map_or(0, |trouble| trouble.failures),
            lag: waiting_since.and_then(|at| (now - at).to_std().ok()).unwrap_or_default(),
            deliveries: consumer.batches,
            records: consumer.records,
            name: consumer.name,
        })
    });
    Ok(Gauges {
        consumers: consumers.collect::<Result<_, StoreError>>()?,
        feeds: feeds.collect(),
        lag: (now - oldest).to_std().unwrap_or_default(),
        paused_hosts: reader.paused_hosts(now)?,
        db_bytes: reader.size()?,
        sequence,
    })
}
