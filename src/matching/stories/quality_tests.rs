//! How well stories agree with events that a person has labelled, among articles about nothing else.
//!
//! `labelled.tsv` has a line for each article: language, number of the event (0 for none), title and lead. All of it is
//! invented. The measure is B-cubed (Bagga and Baldwin, "Algorithms for scoring coreference chains", 1998): the mean over
//! the articles about events of precision and recall within the story of each.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::*;

struct Labelled {
    language: &'static str,
    event: u32,
    title: &'static str,
    lead: &'static str,
}

fn labelled() -> Vec<Labelled> {
    let line = |line: &'static str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [language, event, title, lead] = fields[..] else { panic!("{line}") };
        Labelled { language, event: event.parse().unwrap(), title, lead }
    };
    include_str!("labelled.tsv").lines().map(line).collect()
}

/// Precision, recall, F1 and the share of the other articles that are in a story with any article.
#[derive(Debug)]
struct Quality {
    precision: f64,
    recall: f64,
    f1: f64,
    others_joined: f64,
}

fn share(part: usize, of: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(of).unwrap())
}

/// The articles in a random order, within a day and a half, with their lead and language or without.
fn quality(seed: u64, with_lead: bool, with_language: bool) -> Quality {
    let mut articles = labelled();
    articles.sort_by_key(|article| xxh3_64_with_seed(article.title.as_bytes(), seed));
    let mut stories = Stories::default();
    let mut found: Vec<(u32, i64)> = Vec::new();
    for (article, number) in articles.iter().zip(1..) {
        let lead = if with_lead { article.lead } else { "" };
        let at = 1_790_000_000 + number * 450;
        let entry = Entry {
            article: number,
            at,
            seen_at: at,
            language: with_language.then_some(article.language),
            terms: &Terms::of(article.title, lead),
        };
        found.push((article.event, stories.join(&entry).story));
    }
    let mut sizes: HashMap<i64, usize> = HashMap::new();
    let mut events: HashMap<u32, usize> = HashMap::new();
    let mut both: HashMap<(u32, i64), usize> = HashMap::new();
    for (event, story) in &found {
        *sizes.entry(*story).or_default() += 1;
        *events.entry(*event).or_default() += 1;
        *both.entry((*event, *story)).or_default() += 1;
    }
    let (of_events, others): (Vec<_>, Vec<_>) = found.iter().partition(|(event, _)| *event != 0);
    let mean = |of: &dyn Fn(&(u32, i64)) -> f64| {
        of_events.iter().map(of).sum::<f64>() / share(of_events.len(), 1)
    };
    let precision = mean(&|one| share(both[one], sizes[&one.1]));
    let recall = mean(&|one| share(both[one], events[&one.0]));
    Quality {
        precision,
        recall,
        f1: 2.0 * precision * recall / (precision + recall),
        others_joined: share(
            others.iter().filter(|(_, story)| 1 < sizes[story]).count(),
            others.len(),
        ),
    }
}

#[test]
fn stories_agree_with_labelled_events_in_several_languages_in_any_order() {
    for (with_lead, with_language, least) in
        [(false, true, 0.72), (true, true, 0.86), (false, false, 0.72), (true, false, 0.86)]
    {
        for seed in 0..8 {
            let case = format!("lead {with_lead}, language {with_language}, seed {seed}");
            let found = quality(seed, with_lead, with_language);
            assert!(least <= found.f1, "{case}: {found:?}");
            assert!(0.9 <= found.precision && 0.7 <= found.recall, "{case}: {found:?}");
            assert!(found.others_joined <= 0.25, "{case}: {found:?}");
        }
    }
}
