//! Following what happens: a batch of changes after a cursor, oldest first, and the cursor moved once the
//! batch has arrived.
//!
//! At least once: whoever dies between delivery and cursor repeats that batch, and nothing is skipped. Why
//! a cursor can be trusted is told in `store/sqlite/consumers.rs`.

use std::io;

use crate::domain::article::Change;
use crate::domain::consumer::Delivered;
use crate::domain::query::{Order, Query};
use crate::domain::time::Timestamp;
use crate::export::{Format, Shape, TableStyle, events};
use crate::passes::export::{ExportError, Written, with_text, write};
use crate::store::{Reader, StoreError};

/// What a follower wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Articles that are new or edited, as they are now.
    Articles,
    /// Records of what happened, removals included. As `json` or `jsonl`.
    Events,
}

/// Writes what happened after `from`, oldest first; of a query with a limit, that many at most. Answers
/// how far whoever gets it has come with that: also past what the query leaves out.
///
/// # Errors
/// As [`write`](crate::passes::export::write).
pub fn write_after(
    reader: &Reader,
    query: &Query,
    from: i64,
    (kind, shape): (RecordKind, &Shape),
    style: TableStyle,
    out: &mut dyn io::Write,
) -> Result<Delivered, ExportError> {
    // Read first: what is written from here on has a higher number, and its turn is next time.
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

/// Records read for one delivery, as JSON.
#[derive(Debug)]
pub struct Batch {
    pub records: Vec<Vec<u8>>,
    pub delivered: Delivered,
}

/// Bytes of records that are held at once, but for the last of them.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Reads what [`write_after`] would write, as far as one delivery takes it: the query's limit, and a bound
/// in bytes.
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
        limit: None, // Of records that are wanted, which removals may not be.
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
