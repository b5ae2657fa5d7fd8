//! A change of a feed's health as JSON.

use serde::Serialize;

use crate::domain::feed::FeedRef;
use crate::domain::feed_health::{HealthChange, HealthEvent};
use crate::domain::time::Timestamp;
use crate::export::date;
use crate::export::record::FeedRecord;

/// Keys are absent when their value is not known.
#[derive(Serialize)]
struct HealthRecord<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<&'static str>,
    seq: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    feed: FeedRecord<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_article: Option<String>,
}

/// The record of one change.
pub fn record(seq: i64, change: &HealthChange, feed: &FeedRef) -> Vec<u8> {
    let at = |at: Option<Timestamp>| at.and_then(date);
    let record = HealthRecord {
        event: change.event.as_str(),
        was: change.was.map(HealthEvent::as_str),
        seq,
        date: date(change.at),
        feed: FeedRecord::of(feed),
        since: at(change.since),
        outcome: change.outcome.as_deref(),
        status: change.status,
        detail: change.detail.as_deref(),
        last_success: at(change.succeeded_at),
        last_article: at(change.newest_at),
    };
    serde_json::to_vec(&record).unwrap_or_default() // Writing to memory cannot fail.
}
