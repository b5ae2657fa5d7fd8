//! `gazetted feeds move`: another address, the same feed.

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use url::Url;

use super::super::address::{feed_text, file_url};
use super::super::filters::unknown;
use super::super::output::{count, data, json_data};
use super::super::{Context, Exit, run::runtime};
use super::change::{apply, line, note_reload};
use super::{ListedFeed, State, rows};
use crate::clock;
use crate::config::edit::Edit;
use crate::config::{Config, FeedConfig};
use crate::domain::feed::{FeedId, FeedUrl, is_command};
use crate::feed::autodiscovery::guesses::address;
use crate::passes::sync::sync;
use crate::present::terminal::clean_line;
use crate::search::filter::without_user_info;
use crate::store::PlannedChange;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The name, URL or id of the feed; also of one that has left the configuration
    #[arg(value_name = "OLD")]
    old: String,
    /// Its new address; of a feed that has left the configuration, the feed that has taken its place there
    #[arg(value_name = "NEW")]
    new: String,
    /// Say what would be done and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A change of address that can be made.
struct AddressChange {
    old: ListedFeed,
    new: FeedUrl,
    /// The configuration after it, and the change of its files.
    config: Config,
    edit: Edit,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let new = new_address(&args.new)?;
    let all = rows(&config)?;
    let old = old_feed(&all, &feed_text(&args.old, &config)?, &new)?;
    let wanted = match old.state {
        State::Retired => replaced(config, old, &all, &args.new, &new)?,
        _ => edited(&config, old, &all, &new, context)?,
    };
    let articles =
        all.iter().find(|feed| feed.url == wanted.new.as_str() && feed.url != wanted.old.url);
    refuse_articles(
        &wanted,
        articles.and_then(|feed| feed.row.as_ref()).map_or(0, |row| row.articles),
    )?;
    if !args.dry_run {
        runtime()?.block_on(make(&wanted, context))?;
    }
    report(args, &wanted, context)?;
    Ok(Exit::Done)
}

/// The new address as it is written into the configuration.
fn new_address(text: &str) -> Result<String> {
    if let Some(file) = file_url(text)? {
        return Ok(file.into());
    }
    if text.contains("${") || text.starts_with("file:") {
        return Ok(text.trim().to_owned()); // Only the configuration's reader knows what they stand for.
    }
    let shown = without_user_info(text);
    let (url, _) =
        address(text).with_context(|| format!("{shown} is neither a URL nor a file here"))?;
    let shown = without_user_info(url.as_str()).into_owned();
    if !url.username().is_empty() || url.password().is_some() {
        bail!(
            "{shown}: a user name or password does not belong in the address; give it without, those of \
             the feed stay"
        );
    }
    let url = FeedUrl::from_url(url).with_context(|| format!("{shown} is no feed's address"))?;
    Ok(url.to_string())
}

/// The feed that `text` names. A configured one comes before one that has left the configuration.
fn old_feed(all: &[ListedFeed], text: &str, new: &str) -> Result<ListedFeed> {
    let called: Vec<&ListedFeed> = all.iter().filter(|feed| feed.is_called(text)).collect();
    if called.is_empty() {
        return Err(unknown("feed", text, all.iter().map(|feed| feed.name.clone())));
    }
    let called: Vec<&ListedFeed> = called.into_iter().filter(|feed| feed.url != new).collect();
    let configured = called.iter().filter(|feed| feed.state != State::Retired);
    let configured: Vec<&ListedFeed> = configured.copied().collect();
    let found = if configured.is_empty() { called } else { configured };
    match found.as_slice() {
        [] => bail!("{new} is the address of `{text}` already"),
        [feed] => Ok((*feed).clone()),
        several => {
            bail!("`{text}` is what {} feeds are called; name it by URL or id", several.len())
        }
    }
}

/// The change of address of a configured feed: its address is changed in the configuration.
fn edited(
    config: &Config,
    old: ListedFeed,
    all: &[ListedFeed],
    new: &str,
    context: &Context,
) -> Result<AddressChange> {
    if is_command(&old.url) {
        bail!(
            "`{}` is a program and has no address: change its `command` in the configuration",
            old.name
        );
    }
    if let Some(other) = all.iter().find(|feed| feed.url == new && feed.state != State::Retired) {
        bail!(
            "{new} is configured already, as `{}`; remove one of the two (gazetted feeds remove), then move the other",
            other.name
        );
    }
    let feed = configured(config, &old.url).context("the feed is not configured")?;
    let mut edit = Edit::default();
    edit.readdress(feed, new)?;
    if feed.settings.request.address.is_none() {
        edit.readdress_exports(&config.path, &feed.spec.url, new)?;
    }
    let after = edit
        .check(&config.path, &context.environment, clock::now())
        .context("the configuration would have faults, so nothing was written")?;
    let is_another =
        |other: &&FeedConfig| other.spec.url.as_str() == old.url && other.origin != feed.origin;
    if let Some(other) = after.feeds.iter().find(is_another) {
        bail!(
            "{} has this feed as well, so nothing was written: remove that line, then move the feed",
            other.origin
        );
    }
    let moved = after.feeds.iter().find(|other| other.origin == feed.origin);
    let new = moved.context("the feed is no longer in its place")?.spec.url.clone();
    Ok(AddressChange { old, new, config: after, edit })
}

/// The change of address of a feed that has left the configuration, to the configured feed that has taken its place.
fn replaced(
    config: Config,
    old: ListedFeed,
    all: &[ListedFeed],
    text: &str,
    new: &str,
) -> Result<AddressChange> {
    let text = without_user_info(text);
    let listed = all
        .iter()
        .filter(|feed| feed.state != State::Retired)
        .find(|feed| feed.url == new || feed.is_called(&text));
    let Some(feed) = listed.and_then(|listed| configured(&config, &listed.url)) else {
        bail!(
            "`{}` has left the configuration, and {new} is not in it: add it (gazetted feeds add), then \
             move the feed before the new one is polled",
            old.name
        );
    };
    Ok(AddressChange { new: feed.spec.url.clone(), old, config, edit: Edit::default() })
}

fn configured<'c>(config: &'c Config, url: &str) -> Option<&'c FeedConfig> {
    config.feeds.iter().find(|feed| feed.spec.url.as_str() == url)
}

fn refuse_articles(wanted: &AddressChange, articles: u64) -> Result<()> {
    if articles != 0 {
        bail!(
            "{} is stored as a feed of its own, with {}, and two feeds cannot become one",
            wanted.new,
            count(articles, "article")
        );
    }
    Ok(())
}

/// Plans the change in the store, writes the configuration, and carries it out. A failure in between leaves a plan,
/// which the next synchronisation carries out if the configuration was written.
async fn make(wanted: &AddressChange, context: &Context) -> Result<()> {
    let addresses = (wanted.old.url.clone(), wanted.new.to_string());
    let Some(id) = wanted.old.row.as_ref().map(|row| row.id) else {
        return apply(&wanted.edit, &wanted.config, context);
    };
    let (store, now) = (wanted.config.store.location.open()?, clock::now());
    let is_private = addresses.0 == addresses.1;
    if !is_private {
        match store.plan_address_change(addresses.clone(), now).await? {
            PlannedChange::Planned | PlannedChange::NotStored => {}
            PlannedChange::HasArticles(articles) => return refuse_articles(wanted, articles),
            PlannedChange::IsPolled => bail!("{} is being polled; try again", wanted.new),
        }
    }
    if let Err(error) = apply(&wanted.edit, &wanted.config, context) {
        store.cancel_address_change(addresses).await?;
        return Err(error);
    }
    let synced = sync(&store, &wanted.config, now).await?;
    if is_private {
        store.reset(vec![id], false, now).await?;
    }
    let is_moved =
        |id: FeedId| synced.feeds.get(id).is_some_and(|feed| feed.spec.url == wanted.new);
    if !is_moved(id) {
        bail!("{} has been polled in the meantime, and has articles of its own", wanted.new);
    }
    Ok(())
}

fn report(args: &Args, wanted: &AddressChange, context: &Context) -> Result<()> {
    let AddressChange { old, new, .. } = wanted;
    let articles = old.row.as_ref().map_or(0, |row| row.articles);
    if args.json {
        json_data(&json!({
            "name": old.name, "old_url": old.url, "url": new.as_str(), "articles_kept": articles,
            "dry_run": args.dry_run,
        }))?;
    } else {
        let verb = if args.dry_run { "would be" } else { "is" };
        let kept = match articles {
            0 => "it has no articles yet".to_owned(),
            articles => format!("its {} stay with it", count(articles, "article")),
        };
        data(|out| line(out, "*", &format!("{}: {new} {verb} its address; {kept}", old.name)))?;
    }
    if !args.dry_run && !context.quiet {
        note_credentials(wanted, context);
        note_reload(context);
    }
    Ok(())
}

/// Says that another host gets the credentials of the feed from now on.
fn note_credentials(wanted: &AddressChange, context: &Context) {
    let before = Url::parse(&wanted.old.url).ok();
    let is_other = before.is_some_and(|url| url.host_str() != wanted.new.as_url().host_str());
    let feed = configured(&wanted.config, wanted.new.as_str());
    let has_secrets = feed.is_some_and(|feed| {
        !feed.settings.request.headers.is_empty() || feed.settings.request.basic_auth.is_some()
    });
    if is_other && has_secrets {
        let host = wanted.new.as_url().host_str().unwrap_or_default();
        context.output.note(&clean_line(&format!(
            "the headers and the password of this feed are sent to {host} from now on"
        )));
    }
}
