//! What each generated feed is like, before a word of it is written.
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
    pub seed: u64,
    /// The number of entries in its document.
    pub entries: usize,
    /// The size of its document, roughly.
    pub bytes: usize,
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
pub(crate) fn plan(seed: u64, feeds: usize) -> Vec<Plan> {
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

/// The date of the newest entries: fixed, and long past on any machine that runs this.
pub(crate) fn newest() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_150)
}
