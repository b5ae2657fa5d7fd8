//! `gazetted simulate`.

use std::collections::HashMap;

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, Row};
use serde_json::{Value, json};

use super::output::{Output, count, data, json_data, span, without_nulls};
use super::{Context, Exit};
use crate::clock;
use crate::config::Config;
use crate::domain::host::Host;
use crate::domain::poll::Hints;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::domain::units::duration_text;
use crate::polling::host_rounds::{LongRound, long_rounds};
use crate::polling::simulate::{Load, Modelled, simulate};
use crate::store::{Facts, FeedRow};

/// The time between two articles that is assumed for a feed that was never polled.
const UNKNOWN_GAP: TimeDelta = TimeDelta::hours(6);

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// For so many days
    #[arg(long, default_value = "30", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Makes no request. A feed is modelled by the facts in the store, or by defaults when it was never polled.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let now = clock::now();
    let (feeds, known) = models(&config, now)?;
    let delay = TimeDelta::from_std(config.fetch.host_delay).unwrap_or_default();
    let delay = |host: &Host| if is_exempt(&config, host) { TimeDelta::zero() } else { delay };
    let days = TimeDelta::days(args.days.into());
    let mut loads: Vec<(String, Load)> = simulate(&feeds, now, days, delay).into_iter().collect();
    loads.sort_by(|a, b| b.1.requests.cmp(&a.1.requests).then_with(|| a.0.cmp(&b.0)));
    if args.json {
        let hosts: Vec<Value> = loads.iter().map(|(host, load)| as_json(host, load)).collect();
        json_data(&json!({
            "days": args.days, "feeds": feeds.len(), "known": known, "hosts": hosts,
            "host_limits": host_limits(&config).iter().map(limit_as_json).collect::<Vec<Value>>(),
        }))?;
        return Ok(Exit::Done);
    }
    print(&loads, args.days, &context.output)?;
    note_host_limits(&config, context);
    if known < feeds.len() && !context.quiet {
        let unknown = count((feeds.len() - known) as u64, "feed");
        context.output.note(&format!(
            "{unknown} not polled yet: taken for an article every {} and a server with validators",
            span(UNKNOWN_GAP)
        ));
    }
    Ok(Exit::Done)
}

/// The hosts whose feeds cannot be polled as often as they are configured to be.
pub(super) fn host_limits(config: &Config) -> Vec<LongRound> {
    let enabled = config.feeds.iter().filter(|feed| feed.spec.enabled);
    let feeds = enabled.map(|feed| (&feed.spec.url, &feed.settings.policy));
    let delay = TimeDelta::from_std(config.fetch.host_delay).unwrap_or_default();
    long_rounds(feeds, delay, |host| is_exempt(config, host))
}

/// Whether the limits of hosts do not apply to a host.
fn is_exempt(config: &Config, host: &Host) -> bool {
    config.fetch.exempt_this_machine && host.is_this_machine()
}

/// Prints a note for each of [`host_limits`].
pub(super) fn note_host_limits(config: &Config, context: &Context) {
    /// The most hosts that are named.
    const NAMED: usize = 10;
    if context.quiet {
        return;
    }
    let limits = host_limits(config);
    for LongRound { host, feeds, round, wanted } in limits.iter().take(NAMED) {
        let host = host.as_ref().map_or("a host of private feeds", Host::as_str);
        context.output.note(&format!(
            "{host}: its {feeds} feeds cannot be polled more often than every {}, though {} is configured; set a longer \
             `every` (or `min` in [schedule]) for them, or a shorter `host_delay` in [fetch] if the server allows it",
            duration_text(*round),
            duration_text(*wanted),
        ));
    }
    if let Some(more) = limits.len().checked_sub(NAMED).filter(|more| *more != 0) {
        context.output.note(&format!("and {}", count(more as u64, "more host")));
    }
}

pub(super) fn limit_as_json(limit: &LongRound) -> Value {
    without_nulls(json!({
        "host": limit.host.as_ref().map(Host::as_str), "feeds": limit.feeds,
        "round_seconds": limit.round.num_seconds(), "configured_seconds": limit.wanted.num_seconds(),
    }))
}

/// The models of the enabled feeds, and how many of them come from the store.
fn models(config: &Config, now: Timestamp) -> Result<(Vec<Modelled>, usize)> {
    let location = &config.store.location;
    let reader = (!location.is_missing()).then(|| location.reader()).transpose()?;
    let rows: HashMap<String, FeedRow> = match &reader {
        Some(reader) => reader.feeds()?.into_iter().map(|row| (row.url.clone(), row)).collect(),
        None => HashMap::new(),
    };
    let (mut models, mut known) = (Vec::new(), 0);
    for feed in config.feeds.iter().filter(|feed| feed.spec.enabled) {
        let polled = rows.get(feed.spec.url.as_str()).filter(|row| row.succeeded_at.is_some());
        let facts = match (&reader, polled) {
            (Some(reader), Some(row)) => reader.facts(row.id)?,
            _ => None,
        };
        known += usize::from(facts.is_some());
        let hints = facts.as_ref().map(|f| Hints {
            skip_hours: f.history.skip_hours,
            skip_days: f.history.skip_days,
            ..Hints::default() // The waits are among what it asked for.
        });
        models.push(Modelled {
            url: feed.spec.url.clone(),
            policy: feed.settings.policy.clone(),
            gap: facts.as_ref().map_or(UNKNOWN_GAP, |facts| gap(facts, now)),
            validators: facts.as_ref().is_none_or(|facts| !facts.validators.is_empty()),
            min_waits: facts.map(|facts| facts.history.min_waits).unwrap_or_default(),
            hints: hints.unwrap_or_default(),
        });
    }
    Ok((models, known))
}

/// The mean over the latest articles and the silence since. A single date, which may be that of a whole first document,
/// shows no rhythm.
fn gap(facts: &Facts, now: Timestamp) -> TimeDelta {
    match facts.history.recent.as_slice() {
        [] => TimeDelta::days(365),
        [only] => (now - *only).max(UNKNOWN_GAP),
        [.., oldest] => {
            let articles = i32::try_from(facts.history.recent.len()).unwrap_or(i32::MAX);
            ((now - *oldest) / articles).max(TimeDelta::minutes(1))
        }
    }
}

fn print(loads: &[(String, Load)], days: u16, output: &Output) -> std::io::Result<()> {
    const HEADER: [&str; 8] =
        ["HOST", "FEEDS", "REQUESTS", "A DAY", "CONDITIONAL", "IN VAIN", "ARTICLES", "MEDIAN LAG"];
    let mut table = output.table(&HEADER, &[0]);
    for (host, load) in loads {
        let number = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let share = (100 * load.conditional).checked_div(load.requests).unwrap_or_default();
        let mut cells = Row::from(vec![
            Cell::new(host),
            number(load.feeds.to_string()),
            number(load.requests.to_string()),
            number((load.requests / u64::from(days)).to_string()),
            number(format!("{share} %")),
            number(load.wasted.to_string()),
            number(load.articles.to_string()),
            number(load.median_lag.map_or("-".to_owned(), span)),
        ]);
        cells.max_height(1);
        table.add_row(cells);
    }
    data(|out| writeln!(out, "{}", table.trim_fmt()))
}

fn as_json(host: &str, load: &Load) -> Value {
    without_nulls(json!({
        "host": host, "feeds": load.feeds, "requests": load.requests,
        "conditional": load.conditional, "in_vain": load.wasted, "articles": load.articles,
        "median_lag_seconds": load.median_lag.map(|lag| lag.num_seconds()),
    }))
}
