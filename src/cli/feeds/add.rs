//! `gazetted feeds add`.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use url::Url;

use super::super::address::file_url;
use super::super::output::{count, data, json_data, relative};
use super::super::{Context, Exit, run::runtime};
use super::change::{apply, line, note_reload};
use crate::clock;
use crate::config::edit::{Edit, NewFeed, without_variables};
use crate::config::{Config, DEFAULT_MAX_ENTRIES};
use crate::domain::address_origin::AddressOrigin;
use crate::domain::feed::FeedUrl;
use crate::domain::request::RequestSpec;
use crate::domain::time::{Timestamp, rfc3339};
use crate::feed::autodiscovery::guesses::address;
use crate::passes::discover::{Found, FoundBy, NoFeed, discover};
use crate::passes::preview::Previewer;
use crate::present::terminal::clean_line;
use crate::search::filter::without_user_info;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Feeds, or pages that have one
    #[arg(value_name = "URL", required = true)]
    urls: Vec<String>,
    /// Give the feed this tag; may be repeated
    #[arg(long = "tag", short, value_name = "TAG")]
    tags: Vec<String>,
    /// Call the feed so instead of by its own title
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The feed is on this machine or in your network: go there, and let polling go there
    #[arg(long)]
    allow_private: bool,
    /// Write the addresses as they are, without asking for them
    #[arg(long)]
    untried: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The feed at `url`, which was found at or behind `page` and is called `title`.
    fn feed(&self, url: FeedUrl, page: &Url, title: Option<String>) -> NewFeed {
        let (name, tags) = (self.name.clone().or(title), self.tags.clone());
        let origin = AddressOrigin::Document(page);
        let allow_private = origin.may_be_private(url.as_url(), self.allow_private);
        NewFeed { name, tags, allow_private, ..NewFeed::new(url) }
    }
}

/// The result for one address.
enum Outcome {
    /// Whether the feed's title has become its name in the configuration.
    Added(Found, bool),
    Untried(FeedUrl),
    /// The address under which the feed is configured already.
    Known(FeedUrl),
    Nothing(NoFeed),
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    if args.name.is_some() && 1 < args.urls.len() {
        bail!("--name is for one feed; add them one by one, or name them in the configuration");
    }
    if args.allow_private && 1 < args.urls.len() {
        bail!("--allow-private is for one address; add each address on your network by itself");
    }
    let config = context.load()?;
    let pages = args.urls.iter().map(|text| parse(text)).collect::<Result<Vec<_>>>()?;
    let (outcomes, feeds) = find(args, &config, pages)?;
    if !feeds.is_empty() {
        let mut edit = Edit::default();
        edit.add(&config.path, &feeds)?;
        apply(&edit, &config, context)?;
    }
    let now = clock::now();
    if args.json {
        json_data(&outcomes.iter().map(|(given, outcome)| outcome.json(given)).collect())?;
    } else {
        data(|out| {
            outcomes.iter().try_for_each(|(_, outcome)| match outcome {
                Outcome::Nothing(_) => Ok(()),
                _ => outcome.lines(now).iter().try_for_each(|(sign, text)| line(out, sign, text)),
            })
        })?;
    }
    note_failures(&outcomes, context);
    if !feeds.is_empty() {
        note_reload(context);
    }
    let failed = outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Nothing(_)));
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// The addresses as they were given, with the result for each.
type Outcomes = Vec<(String, Outcome)>;

/// Finds the feed behind each address. Returns what was found, and the feeds to write.
fn find(args: &Args, config: &Config, pages: Vec<(Url, bool)>) -> Result<(Outcomes, Vec<NewFeed>)> {
    let request = RequestSpec { allow_private: args.allow_private, ..RequestSpec::default() };
    let mut previewer = Previewer::new(&config.fetch)?;
    let mut outcomes = Outcomes::new();
    let mut feeds: Vec<NewFeed> = Vec::new();
    let runtime = runtime()?;
    for (text, (page, any_scheme)) in args.urls.iter().zip(pages) {
        let given = page.clone();
        let found = if args.untried {
            let url = FeedUrl::from_url(page)?;
            Ok((url.clone(), Outcome::Untried(url)))
        } else if let Some(known) = known(config, &feeds, &page) {
            Ok((known.clone(), Outcome::Known(known)))
        } else {
            let found = discover(&mut previewer, page, any_scheme, &request, DEFAULT_MAX_ENTRIES);
            runtime.block_on(found).map(|mut found| {
                if *found.url.as_url() != given {
                    found.url = without_variables(found.url);
                }
                (found.url.clone(), Outcome::Added(found, true))
            })
        };
        let outcome = match found {
            Err(nothing) => Outcome::Nothing(nothing),
            Ok((url, mut outcome)) => {
                let twin = known(config, &feeds, url.as_url());
                if twin.is_none() {
                    let title = outcome.free_title(config, &feeds);
                    if let Outcome::Added(_, named) = &mut outcome {
                        *named = title.is_some() || args.name.is_some();
                    }
                    feeds.push(args.feed(url, &given, title));
                }
                twin.map_or(outcome, Outcome::Known)
            }
        };
        outcomes.push((text.clone(), outcome));
    }
    Ok((outcomes, feeds))
}

/// Reports on stderr which addresses have no feed, and why.
fn note_failures(outcomes: &[(String, Outcome)], context: &Context) {
    for (_, outcome) in outcomes {
        if let Outcome::Nothing(nothing) = outcome {
            let mut nothing = nothing.clone();
            if nothing.private {
                nothing.detail.push_str("; with --allow-private it is added so");
            }
            context.output.note(&clean_line(&nothing.to_string()));
        }
    }
}

/// Parses an address or the path of a file. An address with a password is refused: the password would be
/// written into the configuration, and other users of this machine can see it in the list of processes.
fn parse(text: &str) -> Result<(Url, bool)> {
    if let Some(file) = file_url(text)? {
        return Ok((file, false));
    }
    let shown = without_user_info(text);
    let (url, any_scheme) =
        address(text).with_context(|| format!("{shown} is neither a URL nor a file here"))?;
    if !url.username().is_empty() || url.password().is_some() {
        bail!(
            "{}: a user name or password does not belong in the address; add it without, and write \
             basic_auth = {{ user = \"…\", password_file = \"…\" }} into the feed's table (with \
             --untried, if the server wants it at once)",
            without_user_info(url.as_str())
        );
    }
    FeedUrl::from_url(url.clone()).with_context(|| format!("{shown} is no feed's address"))?;
    Ok((url, any_scheme))
}

/// The address under which a feed is configured already. Addresses are compared without scheme, trailing
/// slash and fragment.
fn known(config: &Config, more: &[NewFeed], url: &Url) -> Option<FeedUrl> {
    let wanted = without_scheme(url);
    let all =
        config.feeds.iter().map(|feed| &feed.spec.url).chain(more.iter().map(|feed| &feed.url));
    all.into_iter().find(|feed| without_scheme(feed.as_url()) == wanted).cloned()
}

/// What two addresses of one feed have in common: neither `http` or `https` nor a slash at the end parts them.
pub(super) fn without_scheme(url: &Url) -> String {
    let text = url.as_str().split('#').next().unwrap_or_default();
    let text = text.strip_prefix("https:").or_else(|| text.strip_prefix("http:")).unwrap_or(text);
    text.trim_end_matches('/').to_owned()
}

impl Outcome {
    /// The title of the feed as a name for the configuration, so that all commands know the feed by the title that was
    /// printed, also before its first poll. `None` if another feed has this name, or if the title is too long for a name.
    fn free_title(&self, config: &Config, more: &[NewFeed]) -> Option<String> {
        /// Characters of a name that is still easy to type and to read in a table.
        const LONGEST: usize = 100;
        let Self::Added(found, _) = self else { return None };
        let title = clean_line(found.title.as_deref()?).into_owned();
        let configured = config.feeds.iter().map(|feed| feed.spec.name.as_ref());
        let mut names = configured.chain(more.iter().map(|feed| feed.name.as_ref()));
        let is_free = !names.any(|name| name == Some(&title));
        (is_free && !title.is_empty() && title.chars().count() <= LONGEST).then_some(title)
    }

    /// The lines to print, each as its sign and its text.
    fn lines(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        match self {
            Self::Added(found, named) => {
                let title = found.title.as_deref().unwrap_or("(no title)");
                let newest = found
                    .newest
                    .map_or("no date".to_owned(), |at| format!("newest {}", relative(at, now)));
                let how = match found.found_by {
                    FoundBy::Given => "",
                    FoundBy::HtmlLink => "; the page announces it",
                    FoundBy::KnownSite => "; where this site has its feeds",
                    FoundBy::Guess => "; found where feeds commonly are",
                };
                let entries = count(found.entries as u64, "entry");
                let entries = entries.replace("entrys", "entries");
                let mut lines = vec![
                    ("+", format!("{title}: {}", found.url)),
                    (" ", format!(" {entries}, {newest}{how}")),
                ];
                if !named && found.title.is_some() {
                    let why = " another feed has this name, or it is long: call the feed by its URL, or give it a name";
                    lines.push((" ", why.to_owned()));
                }
                let also =
                    found.also.iter().map(|url| (" ", format!(" the page also announces {url}")));
                lines.extend(also);
                lines
            }
            Self::Untried(url) => vec![("+", format!("{url} (untried)"))],
            Self::Known(url) => vec![("=", format!("{url} is in the configuration already"))],
            Self::Nothing(nothing) => vec![("!", nothing.to_string())],
        }
    }

    fn json(&self, given: &str) -> Value {
        let given = without_user_info(given);
        match self {
            Self::Added(found, _) => json!({
                "given": given, "result": "added", "url": found.url.as_str(), "title": found.title,
                "entries": found.entries, "newest": found.newest.map(rfc3339),
                "found": found.found_by.as_str(),
                "also": found.also.iter().map(Url::as_str).collect::<Vec<_>>(),
            }),
            Self::Untried(url) => {
                json!({ "given": given, "result": "added", "url": url.as_str(), "found": "untried" })
            }
            Self::Known(url) => json!({ "given": given, "result": "known", "url": url.as_str() }),
            Self::Nothing(nothing) => {
                json!({ "given": given, "result": "no_feed", "detail": nothing.detail })
            }
        }
    }
}
