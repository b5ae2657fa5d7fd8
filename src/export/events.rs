//! Changes of articles as JSON. A record of a new or edited article has the additional key `event` with the value
//! `new` or `edited`. A record of a removed article has only the keys that are still known.

use std::io;

use serde::Serialize;

use crate::domain::article::Change;
use crate::export::date;
use crate::export::json::to_writer;
use crate::export::record::{FeedRecord, Record};

#[derive(Serialize)]
struct Event<'a> {
    event: &'static str,
    #[serde(flatten)]
    record: Record<'a>,
}

#[derive(Serialize)]
struct Gone<'a> {
    event: &'static str,
    id: &'a str,
    seq: i64,
    feed: FeedRecord<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_removed: Option<String>,
}

/// Writes one event on each line, as NDJSON (`lines`) or as a JSON array. Returns the number of events.
///
/// # Errors
/// The first error of `changes` or of `out`, unchanged.
pub fn write<E: From<io::Error>>(
    lines: bool,
    changes: impl Iterator<Item = Result<Change, E>>,
    out: &mut dyn io::Write,
) -> Result<u64, E> {
    if !lines {
        out.write_all(b"[")?;
    }
    let mut count = 0;
    for change in changes {
        let change = change?;
        match (lines, count) {
            (true, _) => {}
            (false, 0) => out.write_all(b"\n")?,
            (false, _) => out.write_all(b",\n")?,
        }
        write_one(&change, out)?;
        if lines {
            out.write_all(b"\n")?;
        }
        count += 1;
    }
    if !lines {
        out.write_all(if count == 0 { b"]\n" } else { b"\n]\n" })?;
    }
    Ok(count)
}

/// One record, with the key `event` if `event` is true. Without it there is no record of a removed article.
pub fn record(change: &Change, event: bool) -> Option<Vec<u8>> {
    let mut record = Vec::new();
    let written = match change {
        _ if event => write_one(change, &mut record),
        Change::New(article) | Change::Edited(article) => {
            to_writer(&mut record, &Record::of(article))
        }
        Change::Removed(_) => return None,
    };
    written.ok().map(|()| record) // Writing to memory cannot fail.
}

fn write_one(change: &Change, out: &mut dyn io::Write) -> io::Result<()> {
    match change {
        Change::New(article) => {
            to_writer(out, &Event { event: "new", record: Record::of(article) })
        }
        Change::Edited(article) => {
            to_writer(out, &Event { event: "edited", record: Record::of(article) })
        }
        Change::Removed(removal) => to_writer(
            out,
            &Gone {
                event: "removed",
                id: &removal.id.0,
                seq: removal.seq,
                feed: FeedRecord::of(&removal.feed),
                date_removed: date(removal.removed_at),
            },
        ),
    }
}
