//! Reads the changes after a cursor in batches, oldest first. The caller advances the cursor after the delivery.
//!
//! Each change is delivered at least once: if the process dies between the delivery and the advance of the cursor,
//! the batch is delivered again. `store/sqlite/consumers.rs` explains why no change is skipped.

use std::io;

use crate::domain::article::Change;
use crate::domain::consumer::Delivered;
use crate::domain::query::{Order, Query};
use crate::domain::time::Timestamp;
use crate::export::{Format, Shape, TableStyle, events};
use crate::passes::export::{ExportError, Written, with_text, write};
use crate::store::{Reader, StoreError};

/// The kind of records that a consumer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// New and edited articles in their current state.
    Articles,
    /// Events, which include removals. They are written as `json` or `jsonl`.
    Events,
}

/// Writes the changes after the sequence number `from`, oldest first, at most as many as the limit of the query.
/// Returns the position of the cursor after this delivery, which is also past the changes that the query excludes.
///
/// # Errors
/// Those of [`write()`].
pub fn write_after(
    reader: &Reader,
    query: &Query,
    from: i64,
    (kind, shape): (RecordKind, &Shape),
    style: TableStyle,
    out: &mut dyn io::Write,
) -> Result<Delivered, ExportError> {
    // The sequence number is read first. Later changes have higher numbers and belong to the next delivery.
    let up_to = reader.sequence_for(query)?;
    let query = Query {
        after_seq: Some(from),
        up_to_seq: Some(up_to),
        order: Order::Sequence,
        ..query.clone()
    };
    let written = match kind {
        RecordKind::Articles => write(reader, &query, shape, style, out)?,
        RecordKind::Events => write_events(reader, &query, shape, style, out)?,
    };
    let is_cut = query.limit.is_some_and(|limit| limit <= written.records);
    // The cursor can be past the end of a store that was restored from a backup.
    let to = if is_cut { written.last_seq.unwrap_or(from) } else { up_to.max(from) };
    Ok(Delivered { from, to, records: written.records })
}

/// The records of one delivery as JSON.
#[derive(Debug)]
pub struct Batch {
    pub records: Vec<Vec<u8>>,
    pub delivered: Delivered,
}

/// The most bytes of records in a batch. A single record may be larger.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Reads the records that [`write_after`] would write, up to the limit of the query and a limit in bytes.
///
/// # Errors
/// When the store cannot be read.
pub fn read_batch(
    reader: &Reader,
    query: &Query,
    from: i64,
    kind: RecordKind,
    now: Timestamp,
) -> Result<Batch, StoreError> {
    let up_to = reader.sequence_for(query)?;
    let limit = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let query = Query {
        limit: None, // The limit counts records, and not every change becomes a record.
        after_seq: Some(from),
        up_to_seq: Some(up_to),
        order: Order::Sequence,
        ..query.clone()
    };
    let (mut records, mut bytes, mut to) = (Vec::new(), 0, up_to.max(from));
    reader.changes(&query, now, |changes| -> Result<(), StoreError> {
        let mut last = from;
        for change in changes {
            let change = texted(change?);
            let Some(record) = events::record(&change, kind == RecordKind::Events) else {
                continue;
            };
            bytes += record.len();
            if limit <= records.len() || (!records.is_empty() && MAX_BATCH_BYTES < bytes) {
                to = last;
                break;
            }
            last = change.seq();
            records.push(record);
        }
        Ok(())
    })??;
    let delivered = Delivered { from, to, records: records.len() as u64 };
    Ok(Batch { records, delivered })
}

fn texted(change: Change) -> Change {
    match change {
        Change::New(article) => Change::New(with_text(article, Format::Json)),
        Change::Edited(article) => Change::Edited(with_text(article, Format::Json)),
        Change::Removed(removal) => Change::Removed(removal),
    }
}

fn write_events(
    reader: &Reader,
    query: &Query,
    shape: &Shape,
    style: TableStyle,
    out: &mut dyn io::Write,
) -> Result<Written, ExportError> {
    let lines = *shape != Shape::Format(Format::Json);
    let mut last_seq = None;
    let records = reader.changes(query, style.now, |rows| {
        let changes = rows.map(|row| {
            let change = texted(row?);
            last_seq = Some(change.seq());
            Ok::<_, ExportError>(change)
        });
        events::write(lines, changes, out)
    })??;
    Ok(Written { records, last_seq })
}
