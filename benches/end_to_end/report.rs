//! Writes the samples as one table.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::corpus::{Corpus, Document};
use crate::measure::Cost;
use crate::{Mode, Subject};

/// One measurement of one subject in one mode.
pub(crate) struct Sample {
    pub mode: Mode,
    pub subject: Subject,
    pub cost: Cost,
    /// The size of the store and its journal afterwards, in bytes; `None` for a subject without a store.
    pub store_bytes: Option<u64>,
}

/// Sums over all feeds in one state.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Volume {
    pub entries: usize,
    pub plain_bytes: usize,
    pub gzip_bytes: usize,
}

impl Volume {
    /// The bodies that the server sends in a mode.
    pub(crate) fn sent(corpus: &Corpus, mode: Mode) -> Self {
        let first = corpus.feeds.iter().map(|feed| &feed.first);
        let churned = corpus.feeds.iter().map(|feed| &feed.churned);
        match mode {
            Mode::Cold | Mode::SameBody => Self::of(first),
            Mode::NotModified => Self::default(),
            Mode::Churn => Self::of(churned),
        }
    }

    fn of<'a>(documents: impl Iterator<Item = &'a Document>) -> Self {
        documents.fold(Self::default(), |sum, document| Self {
            entries: sum.entries + document.entries,
            plain_bytes: sum.plain_bytes + document.plain_bytes,
            gzip_bytes: sum.gzip_bytes + document.gzip.len(),
        })
    }
}

/// The properties of the feeds, so that a reader needs only the table.
pub(crate) fn describe(corpus: &Corpus, seed: u64) -> io::Result<()> {
    let first = Volume::sent(corpus, Mode::Cold);
    let mut sizes: Vec<_> = corpus.feeds.iter().map(|feed| feed.first.plain_bytes).collect();
    sizes.sort_unstable();
    let quantile = |percent: usize| sizes.get(sizes.len() * percent / 100).copied().unwrap_or(0);
    let added: usize = corpus.feeds.iter().map(|feed| feed.added).sum();
    let edited: usize = corpus.feeds.iter().map(|feed| feed.edited).sum();
    writeln!(
        io::stdout(),
        "{} feeds (seed {seed}): {} entries, {:.1} MB, {:.1} MB compressed; a document: median {} KB, \
         90th percentile {} KB, mean {} KB\nchurn: {added} new entries, {edited} edited",
        corpus.feeds.len(),
        first.entries,
        float(first.plain_bytes) / 1e6,
        float(first.gzip_bytes) / 1e6,
        quantile(50) / 1000,
        quantile(90) / 1000,
        first.plain_bytes / corpus.feeds.len().max(1) / 1000,
    )
}

const HEAD: [&str; 10] = [
    "mode",
    "subject",
    "CPU s",
    "of bare insert",
    "ms/feed",
    "wall s",
    "peak MiB",
    "entries/s",
    "MB/s",
    "store MiB",
];

/// One row for each mode and subject. Values are medians, rates refer to wall-clock time, and CPU time is also
/// given as a multiple of that of the baseline `insert`.
pub(crate) fn table(samples: &[Sample], corpus: &Corpus) -> io::Result<()> {
    let mut rows = vec![HEAD.map(str::to_owned)];
    for mode in Mode::ALL {
        let cpu_of = |subject| median(samples, mode, subject, |sample| seconds(sample.cost.cpu));
        for subject in Subject::ALL {
            let of = |value: fn(&Sample) -> f64| median(samples, mode, subject, value);
            let Some(cpu) = of(|sample| seconds(sample.cost.cpu)) else { continue };
            let wall = of(|sample| seconds(sample.cost.wall)).unwrap_or_default();
            let peak = of(|sample| mib(sample.cost.peak_rss_bytes)).unwrap_or_default();
            let store =
                of(|sample| mib(sample.store_bytes.unwrap_or(0))).filter(|&size| 0.0 < size);
            let ratio = cpu_of(Subject::Insert).map(|insert| cpu / insert);
            let sent = Volume::sent(corpus, mode);
            let rate = |amount: f64| (0.0 < amount).then(|| amount / wall);
            rows.push([
                mode.name().to_owned(),
                subject.name().to_owned(),
                format!("{cpu:.3}"),
                shown(ratio, 2),
                format!("{:.3}", cpu * 1e3 / float(corpus.feeds.len())),
                format!("{wall:.2}"),
                format!("{peak:.1}"),
                shown(rate(float(sent.entries)), 0),
                shown(rate(float(sent.plain_bytes) / 1e6), 1),
                shown(store, 1),
            ]);
        }
    }
    let mut out = io::stdout().lock();
    let mut above = String::new();
    for row in &rows {
        if !above.is_empty() && above != row[0] {
            writeln!(out)?;
        }
        for (nth, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[nth].len()).max().unwrap_or(0);
            match nth {
                0 | 1 => write!(out, "{cell:<width$}  ")?,
                _ => write!(out, "{cell:>width$}  ")?,
            }
        }
        writeln!(out)?;
        above.clone_from(&row[0]);
    }
    Ok(())
}

/// How the wall-clock time of gazetted compares with the least that is possible when its requests wait for servers: `waiting`,
/// the sum of all latencies by the number of requests in flight, and the CPU time after it.
pub(crate) fn waiting(samples: &[Sample], waiting: Duration) -> io::Result<()> {
    let waiting = seconds(waiting);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\nlatencies by requests in flight: {waiting:.2} s; wall s of gazetted as a multiple of that and CPU s:"
    )?;
    for mode in Mode::ALL {
        let of = |value: fn(&Sample) -> f64| median(samples, mode, Subject::Gazetted, value);
        let wall = of(|sample| seconds(sample.cost.wall));
        let cpu = of(|sample| seconds(sample.cost.cpu));
        let multiple = wall.zip(cpu).map(|(wall, cpu)| wall / (waiting + cpu));
        if multiple.is_some() {
            writeln!(out, "{:<14}{}", mode.name(), shown(multiple, 2))?;
        }
    }
    Ok(())
}

fn median(
    samples: &[Sample],
    mode: Mode,
    subject: Subject,
    value: impl Fn(&Sample) -> f64,
) -> Option<f64> {
    let ours = samples.iter().filter(|sample| (sample.mode, sample.subject) == (mode, subject));
    let mut values: Vec<_> = ours.map(value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values.get(middle).copied();
    }
    Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, *values.get(middle)?))
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files and processes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "counts and sizes of one benchmark")]
fn float(count: usize) -> f64 {
    count as f64
}
