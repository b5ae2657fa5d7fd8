//! `gazetted changes`: edited articles with a word diff.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::Style;
use anyhow::{Result, anyhow};
use serde_json::Value;

use super::filters::{Filters, checked, indexed};
use super::output::short_id;
use super::output::{DIM, GREEN, Output, RED, data, json_data, short_date};
use super::{Context, Exit, reader};
use crate::clock;
use crate::domain::article::Edit;
use crate::domain::time::{Timestamp, Zone};
use crate::export::edits::{FieldDiff, differences, record};
use crate::export::word_diff::{Kind, Part};
use crate::present::terminal::clean_line;
use crate::search::filter;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Of these filters, --since and --until are about the time of the edit
    #[command(flatten)]
    filters: Filters,
    /// Only with these words in title or text as they are now, as for `gazetted search`
    #[arg(long, value_name = "WORDS", value_parser = |text: &str| checked("search", text))]
    search: Option<String>,
    /// At most so many edits; 0 means all
    #[arg(long, short = 'n', value_name = "N", default_value = "20")]
    limit: u64,
    /// Print JSON: for each edit the article in short and the parts of title and text that changed
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load_without_lists()?;
    let reader = reader(&config)?;
    let mut query = args.filters.query(&reader, &config, context)?;
    query.limit = Some(args.limit).filter(|n| *n != 0);
    if let Some(words) = &args.search {
        filter::set(&mut query, "search", words, (clock::now(), config.zone))
            .map_err(|fault| anyhow!(fault))?;
        indexed(&reader, &config, context)?;
    }
    let now = clock::now();
    let keys = reader.edit_keys(&query, now)?;
    let edits = keys.iter().filter_map(|key| reader.edit(key).transpose());
    if args.json {
        let records = edits.map(|edit| Ok(record(&edit?))).collect::<Result<Value>>()?;
        json_data(&records)?;
        return Ok(Exit::Done);
    }
    if keys.is_empty() {
        context.output.note("no article was edited, as far as earlier versions are kept");
        return Ok(Exit::Done);
    }
    let mut failed = None;
    data(|out| {
        for edit in edits {
            match edit {
                Ok(edit) => print(&edit, (now, config.zone), &context.output, out)?,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        Ok(())
    })?;
    failed.map_or(Ok(Exit::Done), |error| Err(error.into()))
}

fn print(
    edit: &Edit,
    (now, zone): (Timestamp, Zone),
    output: &Output,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (date, feed) = (short_date(edit.at, now, zone), clean_line(&edit.article.feed.name));
    let head = format!("{}  {date}  {feed}", short_id(&edit.article.id));
    writeln!(out, "{}", output.styled(DIM, &head))?;
    let fields = differences(edit);
    if !fields.iter().any(|field| field.name == "title") {
        let title = edit.after.title.as_deref().map_or("(no title)".into(), clean_line);
        writeln!(out, "  {}", output.styled(Style::new().bold(), &title))?;
    }
    for FieldDiff { parts, .. } in &fields {
        let line: String = parts.iter().map(|part| marked(part, output)).collect();
        writeln!(out, "  {}", line.trim())?;
    }
    if fields.is_empty() {
        writeln!(out, "  links, images, tags or the like")?;
    }
    writeln!(out)
}

/// A part in colour, or between the marks of `git diff --word-diff`.
pub(super) fn marked(part: &Part, output: &Output) -> String {
    let text = one_line(&part.text);
    match (part.kind, output.stdout_color()) {
        (Kind::Same, _) => text.into_owned(),
        (Kind::Deleted, true) => output.styled(RED.strikethrough(), &text),
        (Kind::Inserted, true) => output.styled(GREEN, &text),
        (Kind::Deleted, false) => format!("[-{text}-]"),
        (Kind::Inserted, false) => format!("{{+{text}+}}"),
    }
}

/// As [`clean_line`], but a space at either end stays.
fn one_line(text: &str) -> Cow<'_, str> {
    let line = clean_line(text);
    let lead = if text.starts_with(char::is_whitespace) { " " } else { "" };
    let trail = if text.ends_with(char::is_whitespace) && !line.is_empty() { " " } else { "" };
    if lead.is_empty() && trail.is_empty() { line } else { format!("{lead}{line}{trail}").into() }
}
