//! Changes of articles as JSON. A record of a new or edited article has the additional key `event` with the value
//! `new` or `edited`. A record of a removed article has only the keys that are still known.

use std::io;

use serde::Serialize;

use crate::domain::article::Change;
use crate::export::date;
use crate::export::json::{to_writer, write_array, write_article, write_lines};
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
    let mut count = 0;
    let changes = &mut changes.inspect(|_| count += 1);
    if lines {
        write_lines(changes, out, write_one)?;
    } else {
        write_array(changes, out, write_one)?;
    }
    Ok(count)
}

/// One record, with the key `event` if `event` is true. Without it there is no record of a removed article.
pub fn record(change: &Change, event: bool) -> Option<Vec<u8>> {
    let mut record = Vec::new();
    let written = match change {
        _ if event => write_one(change, &mut record),
        Change::New(article) | Change::Edited(article) => write_article(article, &mut record),
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
