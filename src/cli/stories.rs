//! `gazetted stories`: the events that several articles are about, and how to split and merge them.

use std::io;

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use super::filters::{matched, no_story};
use super::output::{Output, data, json_data, short_date};
use super::run::runtime;
use super::{Context, Exit, reader};
use crate::clock;
use crate::domain::article::{ArticleId, StoryId};
use crate::domain::story::Story;
use crate::domain::time::{Timestamp, Zone};
use crate::domain::units;
use crate::export::stories::{headline, record};
use crate::present::terminal::clean_line;
use crate::store::{Reader, Store};

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only stories with an article of this time: a span such as 24h or 7d, a date, or an RFC 3339 time
    #[arg(long, value_name = "WHEN", default_value = "24h", value_parser = |text: &str| {
        units::when(text, clock::now(), Zone::UTC).map(|_| text.to_owned())
    })]
    since: String,
    /// At most so many stories; 0 means all
    #[arg(long, short = 'n', value_name = "N", default_value = "50")]
    limit: usize,
    /// Print JSON: each story with its articles
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Moves articles out of their story to one of their own, for good
    Split {
        /// The ids of articles, or what stands behind their dashes
        #[arg(required = true, value_name = "ARTICLE")]
        articles: Vec<String>,
    },
    /// Makes two stories one, for good; it keeps the id of the first
    Merge {
        /// The story whose id stays, as `stories` shows it
        #[arg(value_name = "STORY")]
        into: String,
        /// The story whose articles join the other
        #[arg(value_name = "STORY")]
        from: String,
    },
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load_without_lists()?;
    let reader = reader(&config)?;
    matched(&reader, &config)?;
    match &args.verb {
        None => list(args, &reader, config.zone, context)?,
        Some(Verb::Split { articles }) => {
            let store = config.store.location.open()?;
            split(&reader, &store, articles, context)?;
        }
        Some(Verb::Merge { into, from }) => {
            let store = config.store.location.open()?;
            merge(&reader, &store, (into, from), context)?;
        }
    }
    Ok(Exit::Done)
}

fn list(args: &Args, reader: &Reader, zone: Zone, context: &Context) -> Result<()> {
    let now = clock::now();
    let since = units::when(&args.since, now, zone).map_err(|fault| anyhow!(fault))?;
    let mut stories = reader.stories(since.resolve(now), now)?;
    if args.limit != 0 {
        stories.truncate(args.limit);
    }
    if args.json {
        json_data(&stories.iter().map(record).collect::<Value>())?;
    } else if stories.is_empty() {
        context.output.note("no two articles of this time are about one event");
    } else {
        print(&stories, (now, zone), &context.output)?;
    }
    Ok(())
}

fn print(stories: &[Story], (now, zone): (Timestamp, Zone), output: &Output) -> io::Result<()> {
    let header = ["ID", "SOURCES", "ARTICLES", "NEWEST", "FIRST TITLE", "WORDS"];
    let mut table = output.table(&header, &[4, 5]);
    for story in stories {
        table.add_row([
            short(&story.id).to_owned(),
            story.sources.to_string(),
            story.articles.len().to_string(),
            short_date(story.newest(), now, zone),
            clean_line(&headline(story)).into_owned(),
            clean_line(&story.words.join(", ")).into_owned(),
        ]);
    }
    data(|out| writeln!(out, "{table}"))
}

/// The part of the id behind the dash.
pub(super) fn short(id: &StoryId) -> &str {
    id.0.rsplit('-').next().unwrap_or(&id.0)
}

fn split(reader: &Reader, store: &Store, articles: &[String], context: &Context) -> Result<()> {
    let mut ids: Vec<ArticleId> = Vec::new();
    let mut of: Option<StoryId> = None;
    for text in articles {
        let id = reader.id(text);
        let Some(article) = reader.article(&id)? else {
            bail!("there is no article `{}`; `gazetted search` shows ids", text.escape_debug());
        };
        let Some(found) = article.story.filter(|story| 1 < story.size) else {
            bail!("`{}` is in no story with other articles", text.escape_debug());
        };
        if of.as_ref().is_some_and(|of| *of != found.id) {
            bail!("`{}` is in another story than the article before it", text.escape_debug());
        }
        of = Some(found.id);
        ids.push(id);
    }
    let id = runtime()?.block_on(store.split_story(ids))?;
    let moved = if articles.len() == 1 { "the article is" } else { "the articles are" };
    context.output.note(&format!("{moved} in story {} now", short(&id)));
    Ok(())
}

fn merge(
    reader: &Reader,
    store: &Store,
    (into, from): (&str, &str),
    context: &Context,
) -> Result<()> {
    let id_of = |text: &str| -> Result<StoryId> {
        reader.story_id(&StoryId(text.to_owned()))?.ok_or_else(|| no_story(text))
    };
    let (into, from) = (id_of(into)?, id_of(from)?);
    if !runtime()?.block_on(store.merge_stories(into.clone(), from))? {
        bail!("both are story {} already", short(&into));
    }
    context.output.note(&format!("all their articles are in story {} now", short(&into)));
    Ok(())
}
