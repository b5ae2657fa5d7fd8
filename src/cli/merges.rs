//! `gazetted merges`: which articles of different feeds were found to be the same, and how to take that back.

use std::collections::BTreeSet;
use std::io;

use anyhow::{Context as _, Result, bail};
use comfy_table::Row;
use serde_json::{Value, json};

use super::output::{Output, data, json_data, short_date, short_id, without_nulls};
use super::run::runtime;
use super::{Context, Exit};
use crate::clock;
use crate::domain::article::{Merge, MergedArticle};
use crate::domain::time::{Timestamp, Zone, rfc3339};
use crate::export::record::FeedRecord;
use crate::present::terminal::clean_line;
use crate::store::{Location, Reader};

#[derive(clap::Subcommand, Debug)]
pub(super) enum Verb {
    /// Lists the articles that another feed had before, the latest first, each with the reason
    List {
        /// At most so many; 0 for all
        #[arg(long, short = 'n', value_name = "N", default_value = "50")]
        limit: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Makes a duplicate an article of its own again, for good
    Undo {
        /// The id of the duplicate, or what stands behind its dash, as `merges list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(super) fn run(verb: &Verb, context: &Context) -> Result<Exit> {
    let config = context.load_without_lists()?;
    let location = &config.store.location;
    let reader =
        location.reader().context("there are no articles yet; `gazetted poll` collects them")?;
    match verb {
        Verb::List { limit, json } => {
            let merges = reader.merges(Some(*limit).filter(|n| *n != 0))?;
            if *json {
                json_data(&merges.iter().map(as_json).collect())?;
            } else {
                print(&merges, clock::now(), config.zone, &context.output)?;
            }
        }
        Verb::Undo { id } => undo(&reader, location, id, context)?,
    }
    Ok(Exit::Done)
}

fn as_json(merge: &Merge) -> Value {
    let article = |article: &MergedArticle| {
        without_nulls(json!({
            "id": article.id.0, "feed": FeedRecord::of(&article.feed), "title": article.title,
        }))
    };
    json!({
        "duplicate": article(&merge.duplicate),
        "original": article(&merge.original),
        "reason": merge.reason,
        "score": merge.score,
        "date_decided": rfc3339(merge.decided_at),
    })
}

fn print(merges: &[Merge], now: Timestamp, zone: Zone, output: &Output) -> io::Result<()> {
    if merges.is_empty() {
        output.note("no article was found in two feeds");
        return Ok(());
    }
    // Two lines for each, so that both titles fit on a terminal.
    let header = ["ID", "DATE", "REASON", "SCORE", "ARTICLE"];
    let mut table = output.table(&header, &[4]);
    let shown = |article: &MergedArticle| {
        let title = article.title.as_deref().unwrap_or("(no title)");
        clean_line(&format!("{}: {title}", article.feed.name)).into_owned()
    };
    for Merge { duplicate, original, reason, score, decided_at } in merges {
        for cells in [
            [
                short_id(&duplicate.id).to_owned(),
                short_date(*decided_at, now, zone),
                reason.replace('_', " "),
                format!("{score:.2}"),
                shown(duplicate),
            ],
            ["", "", "", "", &format!("is {}", shown(original))].map(str::to_owned),
        ] {
            let mut row = Row::from(cells);
            row.max_height(1);
            table.add_row(row);
        }
    }
    data(|out| writeln!(out, "{}", table.trim_fmt()))
}

fn undo(reader: &Reader, location: &Location, text: &str, context: &Context) -> Result<()> {
    let id = reader.id(text);
    let Some(article) = reader.article(&id)? else {
        bail!("there is no article `{}`; `gazetted merges list` shows ids", text.escape_debug());
    };
    let store = location.open()?;
    if !runtime()?.block_on(store.undo_merge(id.clone()))? {
        let same: BTreeSet<String> = reader
            .sightings(&id)?
            .into_iter()
            .map(|sighting| sighting.article)
            .filter(|other| *other != id)
            .map(|other| short_id(&other).to_owned())
            .collect();
        if same.is_empty() {
            bail!("`{}` is no duplicate; `gazetted merges list` lists them", text.escape_debug());
        }
        let same = same.into_iter().collect::<Vec<_>>().join(", ");
        bail!(
            "`{}` is an original, not a duplicate; its duplicates are {same}",
            text.escape_debug()
        );
    }
    let title = article.title.unwrap_or_else(|| id.0.clone());
    context.output.note(&format!("`{}` is an article of its own again", clean_line(&title)));
    Ok(())
}
