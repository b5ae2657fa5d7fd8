//! The article filters, which all commands for articles have.

use anyhow::{Result, anyhow};

use super::Context;
use super::address::feed_text;
use super::output::count;
use super::run::runtime;
use crate::clock;
use crate::config::Config;
use crate::domain::feed::FeedSpec;
use crate::domain::query::Query;
use crate::domain::time::Zone;
use crate::passes::{duplicates, index};
use crate::search::filter;
use crate::store::Reader;

#[derive(clap::Args, Debug)]
pub(super) struct Filters {
    /// Only of this feed: its name, URL or id; may be given more than once
    #[arg(long, value_name = "FEED")]
    feed: Vec<String>,
    /// Only of feeds with this tag; may be given more than once
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Not older: a span such as 24h or 7d, a date (midnight in `timezone`), or an RFC 3339 time
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| checked("since", text))]
    since: Option<String>,
    /// Older than this
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| checked("until", text))]
    until: Option<String>,
    /// Only what arrived since then, whatever its date: for a digest, which must not miss what a feed brought late
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| checked("seen-since", text))]
    seen_since: Option<String>,
    /// Only in this language, such as de (also de-AT) or pt-BR; may be given more than once
    #[arg(long, value_name = "LANGUAGE", value_parser = |text: &str| checked("language", text))]
    language: Vec<String>,
    /// Only with an author whose name has this in it; may be given more than once
    #[arg(long, value_name = "NAME", value_parser = |text: &str| checked("author", text))]
    author: Vec<String>,
    /// Only of this story: its id, as `stories` shows it; may be given more than once
    #[arg(long, value_name = "STORY", value_parser = |text: &str| checked("story", text))]
    story: Vec<String>,
    /// Also articles that another feed had before; otherwise each article is there once, and `also_in` names the others
    #[arg(long)]
    with_duplicates: bool,
}

/// The unchanged text, if it is valid for the filter, which it is in each time zone or in none.
pub(super) fn checked(name: &str, text: &str) -> Result<String, String> {
    filter::set(&mut Query::default(), name, text, (clock::now(), Zone::UTC))
        .map(|()| text.to_owned())
}

impl Filters {
    /// The query for these filters. It is an error if a feed or a tag is unknown.
    /// `config` needs no list of feeds.
    pub(super) fn query(
        &self,
        reader: &Reader,
        config: &Config,
        context: &Context,
    ) -> Result<Query> {
        let mut query = Query::default();
        let feeds = self.feed.iter().map(|text| feed_text(text, config));
        let feeds = feeds.collect::<Result<Vec<String>>>()?;
        let given = [
            ("feed", feeds.as_slice()),
            ("tag", &self.tag),
            ("since", self.since.as_slice()),
            ("until", self.until.as_slice()),
            ("seen-since", self.seen_since.as_slice()),
            ("language", &self.language),
            ("author", &self.author),
            ("story", &self.story),
        ];
        for (name, texts) in given {
            for text in texts {
                filter::set(&mut query, name, text, (clock::now(), config.zone))
                    .map_err(|fault| anyhow!(fault))?;
            }
        }
        query.with_duplicates = self.with_duplicates;
        known(reader, &query, context)?;
        Ok(query)
    }
}

/// Looks for duplicates among the articles of the last poll, so that a consumer hears of all others.
pub(super) fn matched(reader: &Reader, config: &Config) -> Result<()> {
    if !reader.is_unmatched()? {
        return Ok(());
    }
    let store = config.store.location.open()?;
    Ok(runtime()?.block_on(duplicates::catch_up(&store))?)
}

/// Updates the full-text index, so that a search finds the articles of the last poll.
pub(super) fn indexed(reader: &Reader, config: &Config, context: &Context) -> Result<()> {
    /// The number of articles that are indexed without a noticeable delay.
    const FEW: u64 = 10_000;
    let behind = reader.unindexed()?;
    if behind == 0 {
        return Ok(());
    }
    if FEW < behind && !context.quiet {
        context.output.note(&format!("indexing {} first", count(behind, "article")));
    }
    let store = config.store.location.open()?;
    Ok(runtime()?.block_on(index::catch_up(&store))?)
}

/// Returns an error if a filter names an unknown feed or tag, which is most likely a mistake of the user. A feed that is
/// configured and was never polled is known; it has no articles.
fn known(reader: &Reader, query: &Query, context: &Context) -> Result<()> {
    // Most feeds and tags are stored, so that the lists of feeds need not be read.
    let is_configured = |is_meant: &dyn Fn(&FeedSpec) -> bool| -> Result<bool> {
        Ok(context.load()?.feeds.iter().any(|feed| is_meant(&feed.spec)))
    };
    for name in &query.feeds {
        let is_called =
            |feed: &FeedSpec| feed.name.as_ref() == Some(name) || feed.url.as_str() == name;
        if reader.feeds_called(name)?.is_empty() && !is_configured(&is_called)? {
            let feeds = reader.feed_names()?;
            let names = feeds.iter().map(|feed| feed.display_name().to_owned());
            return Err(unknown("feed", name, names));
        }
    }
    for story in &query.stories {
        if reader.story_id(story)?.is_none() {
            return Err(no_story(&story.0));
        }
    }
    for tag in &query.tags {
        if !reader.has_tag(tag)? && !is_configured(&|feed| feed.tags.contains(tag))? {
            return Err(unknown("tag", tag, reader.feed_tags()?.into_iter()));
        }
    }
    Ok(())
}

/// The error for an unknown story.
pub(super) fn no_story(text: &str) -> anyhow::Error {
    anyhow!("there is no story `{}`; `gazetted stories` shows ids", text.escape_debug())
}

/// The error for an unknown name. It suggests the most similar known name.
pub(super) fn unknown(
    what: &str,
    name: &str,
    known: impl Iterator<Item = String>,
) -> anyhow::Error {
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let nearest = known.min_by_key(|other| distance(other));
    if let Some(nearest) = nearest.filter(|o| distance(o) <= 1 + name.chars().count() / 3) {
        return anyhow!("there is no {what} `{name}`; did you mean `{nearest}`?");
    }
    let list = if what == "consumer" { "consumers list" } else { "feeds" };
    anyhow!("there is no {what} `{name}`; `gazetted {list}` lists them")
}
