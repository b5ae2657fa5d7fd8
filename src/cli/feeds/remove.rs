//! `gazetted feeds remove` and `gazetted feeds reset`.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::super::address::feed_text;
use super::super::filters::unknown;
use super::super::output::{count, data, json_data, without_nulls};
use super::super::{Context, Exit, run::runtime};
use super::change::{apply, line, note_reload};
use super::{ListedFeed, State, rows};
use crate::clock;
use crate::config::Config;
use crate::config::edit::Edit;
use crate::passes::sync::sync;

#[derive(clap::Args, Debug)]
pub(super) struct Remove {
    /// Names, URLs or ids
    #[arg(value_name = "FEED", required = true)]
    feeds: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
pub(super) struct Reset {
    /// Names, URLs or ids
    #[arg(value_name = "FEED", required = true)]
    feeds: Vec<String>,
    /// Also end the pause that the feed's host asked for
    #[arg(long)]
    host: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn remove(args: &Remove, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let named = named(&config, &args.feeds)?;
    let feeds: Vec<_> = config
        .feeds
        .iter()
        .filter(|feed| named.iter().any(|listed| listed.url == feed.spec.url.as_str()))
        .collect();
    let mut edit = Edit::default();
    edit.remove(&feeds)?;
    apply(&edit, &config, context)?;
    // A table may have stood before a line of a list with the same address.
    let after = context.load()?;
    let still_at = |listed: &ListedFeed| {
        let feed = after.feeds.iter().find(|feed| feed.spec.url.as_str() == listed.url)?;
        Some(feed.origin.to_string())
    };
    let articles = |feed: &ListedFeed| feed.row.as_ref().map_or(0, |row| row.articles);
    if args.json {
        let removed = named.iter().map(|feed| {
            let (name, url, kept) = (&feed.name, &feed.url, articles(feed));
            let removed = json!({ "name": name, "url": url, "articles_kept": kept, "still_at": still_at(feed) });
            without_nulls(removed)
        });
        json_data(&removed.collect::<Vec<Value>>().into())?;
    } else {
        data(|out| {
            named.iter().try_for_each(|feed| {
                let kept = match articles(feed) {
                    0 => "it has no articles".to_owned(),
                    n => format!("its {} stay in the store", count(n, "article")),
                };
                line(out, "-", &format!("{}: {}; {kept}", feed.name, feed.url))?;
                let Some(place) = still_at(feed) else { return Ok(()) };
                line(out, "!", &format!("{place} has it as well, so that it is still polled"))
            })
        })?;
    }
    note_reload(context);
    Ok(Exit::Done)
}

pub(super) fn reset(args: &Reset, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let named = named(&config, &args.feeds)?;
    let now = clock::now();
    runtime()?.block_on(async {
        let store = config.store.location.open()?;
        let synced = sync(&store, &config, now).await?;
        let is_named = |url: &str| named.iter().any(|feed| feed.url == url);
        let ids = synced.feeds.iter().filter(|(_, feed)| is_named(feed.spec.url.as_str()));
        let ids = ids.map(|(id, _)| id).collect();
        store.reset(ids, args.host, now).await?;
        anyhow::Ok(())
    })?;
    if args.json {
        let reset = named.iter().map(|feed| json!({ "name": feed.name, "url": feed.url }));
        json_data(&reset.collect::<Vec<Value>>().into())?;
    } else {
        data(|out| {
            named.iter().try_for_each(|feed| {
                let text = format!("{}: forgotten what the server said, due now", feed.name);
                line(out, "*", &text)
            })
        })?;
    }
    Ok(Exit::Done)
}

/// The configured feeds that the arguments name, in the order of the configuration, each once.
fn named(config: &Config, wanted: &[String]) -> Result<Vec<ListedFeed>> {
    let all = rows(config)?;
    let wanted =
        wanted.iter().map(|text| feed_text(text, config)).collect::<Result<Vec<String>>>()?;
    for text in &wanted {
        let mut called = all.iter().filter(|feed| feed.is_called(text)).peekable();
        if called.peek().is_none() {
            return Err(unknown("feed", text, all.iter().map(|feed| feed.name.clone())));
        }
        let configured: Vec<_> = called.filter(|feed| feed.state != State::Retired).collect();
        match configured.len() {
            0 => bail!("`{text}` has left the configuration already; its articles are kept"),
            1 => {}
            n => bail!("`{text}` is what {n} feeds are called; name them by URL or id"),
        }
    }
    let is_wanted = |feed: &ListedFeed| wanted.iter().any(|text| feed.is_called(text));
    Ok(all.into_iter().filter(|feed| feed.state != State::Retired && is_wanted(feed)).collect())
}
