//! The documents of all feeds, generated and compressed before any measurement starts.

use std::io::Write as _;

use anyhow::Context as _;
use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::xxh3_64;

use crate::formats;
use crate::plan::{Entry, Format, Plan, newest, plan};
use crate::text::{Rng, Writer};

/// The shares of a feed's entries that a churn adds and edits. At least one entry is added.
const NEW_PERCENT: usize = 5;
const EDITED_PERCENT: usize = 3;

/// All feeds in both states: at the first poll, and after the churn.
pub(crate) struct Corpus {
    pub feeds: Vec<Feed>,
}

pub(crate) struct Feed {
    pub first: Document,
    pub churned: Document,
    /// The number of entries that only the churned document has.
    pub added: usize,
    /// The number of entries in both documents whose title or text differs.
    pub edited: usize,
}

/// A compressed body.
pub(crate) struct Document {
    pub gzip: Bytes,
    pub plain_bytes: usize,
    /// The hash of the body before compression.
    pub hash: u64,
    pub entries: usize,
    pub etag: String,
    pub last_modified: String,
    pub content_type: &'static str,
}

/// Generates the feeds. The same arguments make the same bytes. Documents are `shrink` times as small as usual.
pub(crate) fn generate(seed: u64, feeds: usize, shrink: usize) -> anyhow::Result<Corpus> {
    let plans = plan(seed, feeds, shrink);
    // Two threads compress one half each, because this takes long.
    let (left, right) = plans.split_at(plans.len() / 2);
    let build = |plans: &[Plan]| plans.iter().map(feed).collect::<anyhow::Result<Vec<_>>>();
    let (left, right) = std::thread::scope(|scope| {
        let right = scope.spawn(|| build(right));
        (build(left), right.join())
    });
    let mut feeds = left?;
    feeds.extend(right.map_err(|_| anyhow::anyhow!("generating the feeds panicked"))??);
    Ok(Corpus { feeds })
}

fn feed(plan: &Plan) -> anyhow::Result<Feed> {
    let added = (plan.entries * NEW_PERCENT).div_ceil(100);
    let edits =
        |serial: usize| Rng::of(plan.seed, &[plan.index, serial, 1]).percent(EDITED_PERCENT);
    let kept = added..plan.entries;
    let edited = kept.clone().filter(|serial| edits(*serial)).count();
    // The newest entry is first. The number of entries stays the same, so the oldest ones leave the document.
    let first = (0..plan.entries).rev().map(|serial| entry(plan, serial, false));
    let churned = (added..plan.entries + added)
        .rev()
        .map(|serial| entry(plan, serial, kept.contains(&serial) && edits(serial)));
    Ok(Feed {
        first: document(plan, &first.collect::<Vec<_>>(), 0)?,
        churned: document(plan, &churned.collect::<Vec<_>>(), 1)?,
        added,
        edited,
    })
}

fn document(plan: &Plan, entries: &[Entry], state: u32) -> anyhow::Result<Document> {
    let body = formats::write_feed(plan, entries);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&body)?;
    let gzip = encoder.finish().context("compress a document")?;
    let hash = xxh3_64(&body);
    let written = newest() + TimeDelta::hours(72 * i64::from(state));
    Ok(Document {
        gzip: gzip.into(),
        plain_bytes: body.len(),
        hash,
        entries: entries.len(),
        etag: format!("\"{hash:016x}\""),
        last_modified: httpdate::fmt_http_date(written.into()),
        content_type: match plan.format {
            Format::Rss => "application/rss+xml",
            Format::Atom => "application/atom+xml",
            Format::Rdf => "application/rdf+xml",
            Format::Json => "application/feed+json",
        },
    })
}

/// The entry with this number, counted from the oldest of the feed. Every call returns the same entry, so an
/// entry that is not edited keeps its bytes.
fn entry(plan: &Plan, serial: usize, edited: bool) -> Entry {
    let rng = Rng::of(plan.seed, &[plan.index, serial, 0]);
    let mut writer = Writer::new(plan.language, rng);
    let variant = writer.rng.below(100);
    let token = writer.rng.next() >> 24;
    let link = format!("{}/{}/{token:010x}", plan.site, writer.name());
    let guid = match plan.index % 3 {
        0 => format!("urn:uuid:{token:08x}-0000-4000-8000-{serial:012x}"),
        1 => format!("{}/?p={}", plan.site, 1_000 + serial),
        _ => link.clone(),
    };
    let mut title = (plan.format == Format::Rdf || variant != 7).then(|| writer.title());
    let author = writer.name();
    let category = writer.title().split(' ').next().unwrap_or_default().to_owned();
    // The markup around the text takes about 420 bytes and a twelfth. One entry in twenty has a title only.
    let share = plan.bytes / plan.entries * writer.rng.between(30, 170) / 100;
    let least = if variant % 20 == 3 { 0 } else { 90 };
    let budget = (share * 11 / 12).saturating_sub(420).max(least);
    let mut html = if budget < 200 { writer.text(budget) } else { writer.html(budget, &plan.site) };
    let summary = (1_500 < budget && variant < 60).then(|| writer.text(160));
    if edited {
        match &mut title {
            Some(title) if serial.is_multiple_of(2) => title.push_str(" (2)"),
            _ => html.insert_str(0, "<p>[2]</p>\n"),
        }
    }
    let dated = plan.has_dates && variant != 9;
    Entry {
        title,
        html,
        summary,
        link,
        guid,
        date: dated.then(|| date(plan, serial)),
        author,
        category,
        variant,
    }
}

fn date(plan: &Plan, serial: usize) -> DateTime<Utc> {
    let minutes = 40 + plan.index * 37 % 680;
    let age = plan.entries.saturating_sub(serial) * minutes;
    let since = serial.saturating_sub(plan.entries) * minutes;
    let offset = |minutes: usize| TimeDelta::minutes(i64::try_from(minutes).unwrap_or(0));
    newest() - offset(age) + offset(since)
}
