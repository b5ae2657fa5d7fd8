//! `gazetted consumers`.

use anyhow::Result;
use serde_json::{Value, json};

use super::filters::unknown;
use super::output::{count, data, json_data, relative};
use super::run::runtime;
use super::{Context, Exit, reader};
use crate::clock;
use crate::domain::consumer::{Consumer, Trouble};
use crate::domain::time::{Timestamp, rfc3339};
use crate::present::terminal::clean_line;
use crate::store::Reader;

#[derive(clap::Subcommand, Debug)]
pub(super) enum Verb {
    /// Shows each consumer, its cursor, and how many articles wait for it
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sets a consumer's cursor; without --to, to the beginning: everything is delivered again
    Reset {
        /// Its name
        name: String,
        /// A sequence number, or `now` to skip what has not been delivered
        #[arg(long, value_name = "SEQ|now", default_value = "0", value_parser = place)]
        to: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Deletes a consumer and its cursor
    Remove {
        /// Its name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Seq(i64),
    Now,
}

fn place(text: &str) -> Result<Place, String> {
    match text {
        "now" => Ok(Place::Now),
        _ => match text.parse() {
            Ok(seq) if 0 <= seq => Ok(Place::Seq(seq)),
            _ => Err("write a sequence number, or now".to_owned()),
        },
    }
}

pub(super) fn run(verb: &Verb, context: &Context) -> Result<Exit> {
    let config = context.load_without_lists()?;
    let location = &config.store.location;
    if let Verb::List { json } = verb
        && location.is_missing()
    {
        return list(&[], 0, *json, context);
    }
    let reader = reader(&config)?;
    let sequence = reader.sequence()?;
    match verb {
        Verb::List { json } => return list(&reader.consumers()?, sequence, *json, context),
        Verb::Reset { name, to, json } => {
            let seq = match to {
                Place::Seq(seq) => (*seq).min(sequence),
                Place::Now => sequence,
            };
            let store = location.open()?;
            if !runtime()?.block_on(store.reset_consumer(name.clone(), seq))? {
                return Err(no_such(&reader, name));
            }
            if *json {
                json_data(&json!({ "name": name, "seq": seq }))?;
            } else {
                context.output.note(&format!("{name} stands at {seq} of {sequence}"));
            }
        }
        Verb::Remove { name, json } => {
            let store = location.open()?;
            if !runtime()?.block_on(store.remove_consumer(name.clone()))? {
                return Err(no_such(&reader, name));
            }
            if *json {
                json_data(&json!({ "name": name, "removed": true }))?;
            } else {
                context.output.note(&format!("{name} is forgotten"));
            }
        }
    }
    Ok(Exit::Done)
}

fn no_such(reader: &Reader, name: &str) -> anyhow::Error {
    let known = reader.consumers().unwrap_or_default();
    unknown("consumer", name, known.into_iter().map(|consumer| consumer.name))
}

fn list(consumers: &[Consumer], sequence: i64, json: bool, context: &Context) -> Result<Exit> {
    if json {
        let all = consumers.iter().map(|consumer| to_json(consumer, sequence)).collect::<Vec<_>>();
        json_data(&Value::from(all))?;
        return Ok(Exit::Done);
    }
    let now = clock::now();
    let mut table = context
        .output
        .table(&["CONSUMER", "SEQ", "BEHIND", "RECORDS", "DELIVERED", "TROUBLE"], &[5]);
    for consumer in consumers {
        let moved = consumer.moved_at.map_or("never".to_owned(), |at| relative(at, now));
        let trouble = consumer.trouble.as_ref().map(|trouble| in_words(trouble, now));
        table.add_row([
            consumer.name.clone(),
            consumer.seq.to_string(),
            behind(consumer, sequence).to_string(),
            consumer.records.to_string(),
            moved,
            trouble.unwrap_or_default(),
        ]);
    }
    data(|out| writeln!(out, "{table}"))?;
    Ok(Exit::Done)
}

/// The number of sequence numbers after the cursor. Some of these changes may be excluded by filters.
fn behind(consumer: &Consumer, sequence: i64) -> i64 {
    (sequence - consumer.seq).max(0)
}

pub(super) fn to_json(consumer: &Consumer, sequence: i64) -> Value {
    let trouble = consumer.trouble.as_ref();
    json!({
        "name": consumer.name,
        "seq": consumer.seq,
        "behind": behind(consumer, sequence),
        "batches": consumer.batches,
        "records": consumer.records,
        "date_created": rfc3339(consumer.created_at),
        "date_delivered": consumer.moved_at.map(rfc3339),
        "failures": trouble.map_or(0, |trouble| trouble.failures),
        "error": trouble.map(|trouble| &trouble.error),
        "date_failed": trouble.map(|trouble| rfc3339(trouble.failed_at)),
        "date_retry": trouble.and_then(|trouble| trouble.retry_at).map(rfc3339),
    })
}

/// `3 failures, again in 5 min: 503 Service Unavailable`.
pub(super) fn in_words(trouble: &Trouble, now: Timestamp) -> String {
    let failures = count(trouble.failures.into(), "failure");
    let again = match trouble.retry_at {
        Some(at) if at <= now => "again now".to_owned(),
        Some(at) => format!("again {}", relative(at, now)),
        None => "stopped".to_owned(),
    };
    format!("{failures}, {again}: {}", clean_line(&trouble.error))
}
