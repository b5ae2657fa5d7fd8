//! The resources that the daemon uses, and the times of its requests.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::server::Site;

/// The largest growth of the median, from the minutes after the warm-up to the last ones, that is no leak.
const FLAT: f64 = 1.10;
/// A poll is late when it comes this much later than planned, and when it is stored this much later than it was requested.
const LATE: Duration = Duration::from_secs(1);

/// The resources of a process at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    since_start: Duration,
    rss_kib: u64,
    descriptors: u64,
    threads: u64,
}

impl Footprint {
    pub(crate) fn of(process: u32, since_start: Duration) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let value = |name: &str| {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
            line.split_whitespace().next().context("no value")?.parse().context("no number")
        };
        let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count().try_into()?;
        let (rss_kib, threads) = (value("VmRSS:")?, value("Threads:")?);
        Ok(Self { since_start, rss_kib, descriptors, threads })
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.since_start.as_secs_f64() / 60.0;
        let rss = mib(self.rss_kib);
        write!(out, "{minutes:5.1} min: {rss:6.1} MiB, {} open files", self.descriptors)?;
        write!(out, ", {} threads", self.threads)
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// One line for every fifth minute: minimum, median, maximum.
pub(crate) fn table(out: &mut impl Write, footprints: &[Footprint]) -> io::Result<()> {
    writeln!(out, "minutes   RSS in MiB (least, median, most)   open files")?;
    for (number, slice) in footprints.chunks(60).enumerate() {
        let rss = sorted(slice, |seen| seen.rss_kib);
        let open = sorted(slice, |seen| seen.descriptors);
        let [least, middle, most] = [rss[0], rss[rss.len() / 2], rss[rss.len() - 1]].map(mib);
        let (few, some, many) = (open[0], open[open.len() / 2], open[open.len() - 1]);
        let from = number * 5;
        writeln!(
            out,
            "{from:3}-{:<3}   {least:6.1} {middle:6.1} {most:6.1}   {few:4} {some:4} {many:4}",
            from + 5
        )?;
    }
    Ok(())
}

fn sorted(slice: &[Footprint], value: impl Fn(&Footprint) -> u64) -> Vec<u64> {
    let mut values: Vec<u64> = slice.iter().map(value).collect();
    values.sort_unstable();
    values
}

/// Compares the first five minutes after the warm-up with the last five.
pub(crate) fn growth(footprints: &[Footprint], warm_up: Duration) -> Vec<String> {
    let warm: Vec<_> =
        footprints.iter().filter(|seen| seen.since_start > warm_up).copied().collect();
    let (first, last) = (&warm[..warm.len().min(60)], &warm[warm.len().saturating_sub(60)..]);
    let mut faults = Vec::new();
    let mut compare = |what: &str, value: fn(&Footprint) -> u64| {
        let median = |slice: &[Footprint]| {
            let values = sorted(slice, value);
            values.get(values.len() / 2).copied().unwrap_or(0)
        };
        let (before, after) = (median(first), median(last));
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        if after as f64 > before as f64 * FLAT {
            faults.push(format!("{what} grew from {before} to {after}"));
        }
    };
    compare("RSS in KiB", |seen| seen.rss_kib);
    compare("the number of open files", |seen| seen.descriptors);
    faults
}

/// The delays of each poll of a good feed.
pub(crate) struct Lateness {
    /// From the plan to the request.
    lags: Vec<Duration>,
    /// From the request to the report of the poll, which comes when the poll is stored.
    waits: Vec<Duration>,
    early: usize,
    silent: usize,
}

/// A log event of the daemon for one poll that has ended.
#[derive(Deserialize)]
struct Polled {
    timestamp: DateTime<Utc>,
    #[serde(rename = "feed.url")]
    url: String,
    next_at: DateTime<Utc>,
}

/// Compares the plans in the log with the requests. Malicious feeds are left out, because their servers may ask for a
/// longer wait than was planned.
pub(crate) fn lateness(log: &str, site: &Site) -> anyhow::Result<Lateness> {
    let mut plans: HashMap<usize, Vec<(SystemTime, SystemTime)>> = HashMap::new();
    for polled in log.lines().filter_map(|line| serde_json::from_str::<Polled>(line).ok()) {
        let feed = polled.url.rsplit('/').next().unwrap_or_default().parse()?;
        if !site.is_malicious(feed) {
            plans.entry(feed).or_default().push((polled.timestamp.into(), polled.next_at.into()));
        }
    }
    let (mut lags, mut waits, mut early) = (Vec::new(), Vec::new(), 0);
    for (feed, plans) in &plans {
        // The last plan has no request.
        let asked = site.asked(*feed);
        for (said, plan) in plans {
            let after = asked.partition_point(|asked| asked <= said);
            let before = after.checked_sub(1).and_then(|before| asked.get(before));
            waits.extend(before.and_then(|before| said.duration_since(*before).ok()));
            let Some(asked) = asked.get(after) else { continue };
            match asked.duration_since(*plan) {
                Ok(lag) => lags.push(lag),
                Err(_) => early += 1,
            }
        }
    }
    lags.sort_unstable();
    waits.sort_unstable();
    Ok(Lateness { lags, waits, early, silent: site.good().saturating_sub(plans.len()) })
}

impl Lateness {
    pub(crate) fn faults(&self, good: usize) -> Vec<String> {
        let [late, kept] =
            [&self.lags, &self.waits].map(|all| all.iter().filter(|lag| **lag > LATE).count());
        let fault = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
        [
            fault(self.early, "polls of good feeds came before their time"),
            fault(late, "polls of good feeds came more than a second late"),
            fault(kept, "polls of good feeds were stored more than a second after the request"),
            fault(self.silent, &format!("of {good} good feeds were never polled")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, early) = (self.lags.len(), self.early);
        writeln!(out, "good feeds: {count} polls, {early} of them before their time")?;
        let spread = |all: &[Duration]| {
            let at = |of_thousand: usize| {
                let index = all.len().saturating_sub(1) * of_thousand / 1000;
                all.get(index).copied().unwrap_or_default().as_millis()
            };
            format!("{} ms (median), {} ms (99 of 100), {} ms (all)", at(500), at(990), at(1000))
        };
        writeln!(out, "from plan to request: {}", spread(&self.lags))?;
        write!(out, "from request to store: {}", spread(&self.waits))
    }
}
