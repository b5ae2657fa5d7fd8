//! The properties of each generated feed, chosen before its text is generated.
//!
//! Sizes and shapes follow a survey of live feeds: a document has a median of 32 KB and a 90th
//! percentile of 215 KB (log-normal, mean about 100 KB), 10 to 100 entries, and compresses about four
//! to one.

use chrono::{DateTime, TimeDelta, Utc};

use crate::text::{LANGUAGES, Language, Rng};

/// Bytes of a document: median, and the spread of its logarithm that puts the 90th percentile at 215 KB.
const MEDIAN_BYTES: f64 = 32_000.0;
const SIGMA: f64 = 1.486;
const LARGEST_BYTES: f64 = 2_800_000.0;
const SMALLEST_BYTES: f64 = 2_500.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Rss,
    Atom,
    Rdf,
    Json,
}

/// The properties of a feed, chosen before its text is generated.
pub(crate) struct Plan {
    pub index: usize,
    pub format: Format,
    pub language: &'static Language,
    /// The address of its site, without a slash at the end.
    pub site: String,
    pub has_guids: bool,
    pub has_dates: bool,
    /// Whether it is in ISO 8859-1, which its XML declaration says.
    pub latin_1: bool,
    pub seed: u64,
    /// The number of entries in its document.
    pub entries: usize,
    /// The approximate size of its document, in bytes.
    pub bytes: usize,
}

/// One entry, independent of the format.
pub(crate) struct Entry {
    pub title: Option<String>,
    pub html: String,
    /// The beginning of the text, in a feed with summaries and content.
    pub summary: Option<String>,
    pub link: String,
    pub guid: String,
    pub date: Option<DateTime<Utc>>,
    pub author: String,
    pub category: String,
    /// Selects one of the ways to mark up the same content.
    pub variant: usize,
}

/// Formats, languages and sizes have exact shares and are assigned in random order, so that 100 feeds have the
/// same distribution as 10,000. Documents are `shrink` times as small as usual.
pub(crate) fn plan(seed: u64, feeds: usize, shrink: usize) -> Vec<Plan> {
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
            let bytes = body_bytes(size, feeds) / shrink;
            // Ten entries are the usual default. A short document cannot contain a hundred.
            let spread = 10 * (rng.below(10) + 1) * (rng.below(10) + 1) / 10;
            let entries = spread.clamp(10, 100) / shrink;
            let entries = entries.min(bytes / 600).max((10 / shrink).max(2));
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

/// The date of the newest entries. It is fixed, and in the past on any machine.
pub(crate) fn newest() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_150)
}
