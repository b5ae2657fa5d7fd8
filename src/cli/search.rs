//! `gazetted search`.

use std::io::{self, Write};

use anstyle::Style;
use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::filters::{Filters, indexed};
use super::output::{DIM, Output, YELLOW, count, data, json_data, short_date, short_id, width};
use super::{Context, Exit, reader};
use crate::clock;
use crate::domain::article::Article;
use crate::domain::query::Order;
use crate::domain::time::{Timestamp, Zone};
use crate::export::record::Record;
use crate::html::to_text::html_to_text;
use crate::present::terminal::{clean_line, fit};
use crate::search::query;
use crate::search::snippet::{Hits, Part};

/// The length of a snippet in characters, in JSON and if the width of the terminal is unknown.
const SNIPPET: usize = 160;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What to look for: words that must all be there, "phrases", prefix* and -excluded ones; in
    /// quotes, so that the shell leaves them alone
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    #[command(flatten)]
    filters: Filters,
    /// At most so many articles
    #[arg(long, short = 'n', value_name = "N", default_value = "20")]
    limit: u64,
    /// By date, not by how well they match
    #[arg(long)]
    newest: bool,
    /// Print JSON: the records of the articles, each with a snippet
    #[arg(long)]
    json: bool,
}

/// An article with the hits in its title and text.
struct Found {
    article: Article,
    title: Vec<Part>,
    snippet: Vec<Part>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let search = match query::parse(&args.words.join(" ")) {
        Ok(search) => search,
        Err(fault) => bail!(fault),
    };
    let config = context.load_without_lists()?;
    let reader = reader(&config)?;
    let mut query = args.filters.query(&reader, &config, context)?;
    let hits = Hits::of(&search);
    query.search = Some(search);
    query.limit = Some(args.limit).filter(|n| *n != 0);
    query.order = if args.newest { Order::Newest } else { Order::Relevance };
    if let Err(error) = indexed(&reader, &config, context) {
        // For example because the disk is full. What is indexed is found nevertheless.
        let left = count(reader.unindexed()?, "article");
        let note = "the search does not find what could not be indexed";
        context.output.error(&format!("{error:#}\n{note}: {left}"));
    }
    let now = clock::now();
    let length = width().map_or(SNIPPET, |width| usize::from(width).saturating_sub(6).max(20));
    let found = reader.articles(&query, now, |rows| -> Result<Vec<Found>> {
        rows.map(|row| Ok(found(row?, &hits, if args.json { SNIPPET } else { length }))).collect()
    })??;
    if args.json {
        json_data(&found.iter().map(as_json).collect::<Result<Value>>()?)?;
    } else if found.is_empty() {
        context.output.note("nothing found");
    } else {
        print(&found, now, config.zone, &context.output)?;
    }
    Ok(Exit::Done)
}

fn found(mut article: Article, hits: &Hits, length: usize) -> Found {
    let text = article.content_html.as_deref().map(html_to_text);
    let title = hits.mark(&clean_line(article.title.as_deref().unwrap_or_default()));
    let summary = article.summary.as_deref().unwrap_or_default();
    let (mut snippet, hit) = hits.snippet(&clean_line(summary), length);
    if !hit && let Some(text) = &text {
        let (of_text, hit) = hits.snippet(&clean_line(text), length);
        if hit || summary.is_empty() {
            snippet = of_text;
        }
    }
    article.content_text = text.filter(|text| !text.is_empty());
    Found { article, title, snippet }
}

fn as_json(found: &Found) -> Result<Value> {
    let mut value = serde_json::to_value(Record::of(&found.article))?;
    if let Some(fields) = value.as_object_mut() {
        let parts = found.snippet.iter().map(|part| json!({ "text": part.text, "hit": part.hit }));
        fields.insert("snippet".to_owned(), parts.collect());
    }
    Ok(value)
}

/// Prints a line for each article, as `export` does, with the id for `show`, and the snippet below it.
fn print(list: &[Found], now: Timestamp, zone: Zone, output: &Output) -> io::Result<()> {
    const DATE: usize = 12;
    const MOST_FEED: usize = 24;
    let ids: Vec<&str> = list.iter().map(|found| short_id(&found.article.id)).collect();
    let id_width = ids.iter().map(|id| id.len()).max().unwrap_or(0).max(2);
    let total = width().map_or(usize::MAX, usize::from);
    data(|out| {
        let head = format!("{:id_width$}  {:DATE$}  {:MOST_FEED$}  TITLE", "ID", "DATE", "FEED");
        writeln!(out, "{}", output.styled(Style::new().bold(), fit(&head, total).trim_end()))?;
        for (found, id) in list.iter().zip(ids) {
            let article = &found.article;
            let date = short_date(article.effective_date(), now, zone);
            let feed = clean_line(&article.feed.name);
            let feed = fit(&feed, MOST_FEED);
            let pad = MOST_FEED.saturating_sub(unicode_width::UnicodeWidthStr::width(&*feed));
            let lead = format!("{id:id_width$}  {date:DATE$}  {feed}{:pad$}  ", "");
            write!(out, "{}", output.styled(DIM, &lead))?;
            let taken = id_width + DATE + MOST_FEED + 6;
            let room = total.saturating_sub(taken).max(20);
            if found.title.is_empty() {
                writeln!(out, "(no title)")?;
            } else {
                line(&found.title, room, output, out)?;
            }
            if !found.snippet.is_empty() {
                write!(out, "    ")?;
                line(&found.snippet, total.saturating_sub(4).max(20), output, out)?;
            }
        }
        Ok(())
    })
}

/// Prints the parts on one line, with the hits marked, cut to a number of columns.
fn line(parts: &[Part], columns: usize, output: &Output, out: &mut dyn Write) -> io::Result<()> {
    let mut room = columns;
    for part in parts {
        let text = fit(&part.text, room);
        room = room.saturating_sub(unicode_width::UnicodeWidthStr::width(&*text));
        let style = if part.hit { YELLOW.bold() } else { Style::new() };
        write!(out, "{}", output.styled(style, &text))?;
        if room == 0 {
            break;
        }
    }
    writeln!(out)
}
