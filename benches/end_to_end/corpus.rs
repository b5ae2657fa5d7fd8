//! The feeds, made and compressed before any clock runs.
//!
//! Sizes and shapes follow a survey of live feeds: a document has a median of 32 KB and a 90th
//! percentile of 215 KB (log-normal, mean about 100 KB), 10 to 100 entries, and compresses about four
//! to one.

use std::io::Write as _;

use anyhow::Context as _;
use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::xxh3_64;

use crate::formats;
use crate::text::{LANGUAGES, Language, Rng, Writer};

/// Of a feed's entries, what a churn adds and what it edits; at least one of each is added.
const NEW_PERCENT: usize = 5;
const EDITED_PERCENT: usize = 3;

/// Bytes of a document: median, and the spread of its logarithm that puts the 90th percentile at 215 KB.
const MEDIAN_BYTES: f64 = 32_000.0;
const SIGMA: f64 = 1.486;
const LARGEST_BYTES: f64 = 2_800_000.0;
const SMALLEST_BYTES: f64 = 2_500.0;

/// All feeds in both states: as first polled, and after the churn.
pub(crate) struct Corpus {
    pub feeds: Vec<Feed>,
}

pub(crate) struct Feed {
    pub first: Document,
    pub churned: Document,
    /// Entries of the churned document that the first one lacks.
    pub added: usize,
    /// Entries of both, with another title or text in the churned one.
    pub edited: usize,
}

/// A body as it goes over the wire.
pub(crate) struct Document {
    pub gzip: Bytes,
    pub plain_bytes: usize,
    /// Of the plain body.
    pub hash: u64,
    pub entries: usize,
    pub etag: String,
    pub last_modified: String,
    pub content_type: &'static str,
}

/// The same seed and count make the same feeds, byte for byte.
pub(crate) fn generate(seed: u64, feeds: usize) -> anyhow::Result<Corpus> {
    let plans = plan(seed, feeds);
    // Two halves at a time: there is much to compress.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Rss,
    Atom,
    Rdf,
    Json,
}

/// What a feed is like, before a word of it is written.
pub(crate) struct Plan {
    pub index: usize,
    pub format: Format,
    pub language: &'static Language,
    /// Its site, without a slash at the end.
    pub site: String,
    pub has_guids: bool,
    pub has_dates: bool,
    /// Written in ISO 8859-1, as its XML declaration says.
    pub latin_1: bool,
    seed: u64,
    entries: usize,
    bytes: usize,
}

/// One entry, in no format yet.
pub(crate) struct Entry {
    pub title: Option<String>,
    pub html: String,
    /// The beginning of the text, for a feed that has both.
    pub summary: Option<String>,
    pub link: String,
    pub guid: String,
    pub date: Option<DateTime<Utc>>,
    pub author: String,
    pub category: String,
    /// Decides between the ways to mark up the same thing.
    pub variant: usize,
}

/// Formats, languages and sizes come in exact shares, dealt out in random order, so that 100 feeds
/// are like 10,000.
fn plan(seed: u64, feeds: usize) -> Vec<Plan> {
    let mut rng = Rng::of(seed, &[]);
    let mut deal = || {
        let mut places: Vec<usize> = (0..feeds).collect();
        rng.shuffle(&mut places);
        places
    };
    let (formats, languages, sizes) = (deal(), deal(), deal());
    let dealt = formats.into_iter().zip(languages).zip(sizes).enumerate();
    dealt
        .map(|(index, ((format, language), size))| {
            let mut rng = Rng::of(seed, &[index]);
            let format = match format * 100 / feeds {
                0..60 => Format::Rss,
                60..90 => Format::Atom,
                90..94 => Format::Rdf,
                _ => Format::Json,
            };
            let language = language_at(language * 100 / feeds);
            let bytes = body_bytes(size, feeds);
            // Ten entries are the usual default; a short document holds no hundred.
            let spread = 10 * (rng.below(10) + 1) * (rng.below(10) + 1) / 10;
            let entries = spread.clamp(10, 100).min((bytes / 600).max(10));
            Plan {
                index,
                format,
                language,
                site: format!("https://site-{index:05}.example"),
                has_guids: format != Format::Rss || !rng.percent(8),
                has_dates: format == Format::Atom || !rng.percent(6),
                latin_1: language.latin_1 && format != Format::Json && rng.percent(8),
                seed,
                entries,
                bytes,
            }
        })
        .collect()
}

fn language_at(percent: usize) -> &'static Language {
    let mut left = percent;
    for language in LANGUAGES {
        if left < language.share {
            return language;
        }
        left -= language.share;
    }
    &LANGUAGES[0]
}

/// The size of the document at `place` of `count` from the smallest: a quantile of the log-normal
/// distribution, whose normal part is approximated as in Abramowitz and Stegun, 26.2.23.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of feeds and sizes of documents are small and positive"
)]
fn body_bytes(place: usize, count: usize) -> usize {
    let p = (place as f64 + 0.5) / count as f64;
    let t = (-2.0 * p.min(1.0 - p).ln()).sqrt();
    let above = t
        - (2.515_517 + 0.802_853 * t + 0.010_328 * t * t)
            / (1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t);
    let z = if p < 0.5 { -above } else { above };
    (MEDIAN_BYTES * (SIGMA * z).exp()).clamp(SMALLEST_BYTES, LARGEST_BYTES) as usize
}

fn feed(plan: &Plan) -> anyhow::Result<Feed> {
    let added = (plan.entries * NEW_PERCENT).div_ceil(100);
    let edits =
        |serial: usize| Rng::of(plan.seed, &[plan.index, serial, 1]).percent(EDITED_PERCENT);
    let kept = added..plan.entries;
    let edited = kept.clone().filter(|serial| edits(*serial)).count();
    // Newest first; a feed shows as many entries as before, so the oldest leave it.
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

/// The entry with this number, counted from a feed's oldest. The same at every call, so an entry that
/// is not edited keeps its bytes.
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
    // What stands around the text takes some 420 bytes and a twelfth; one entry in twenty is a title only.
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

/// The date of the newest entries: fixed, and long past on any machine that runs this.
pub(crate) fn newest() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_150)
}
