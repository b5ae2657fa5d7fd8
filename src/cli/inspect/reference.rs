//! `gazetted inspect --reference`: shows what the feed-rs library alone reads from a document, and the differences to
//! our parsers.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use crate::cli::output::{DIM, GREEN, Output, YELLOW, count, data, json_data};
use crate::domain::article::ArticleDraft;
use crate::domain::time::rfc3339;
use crate::feed::comparison::{Comparison, Difference};
use crate::present::terminal::clean_line;

/// The most differences of one kind that are printed; `--json` contains all of them.
const SHOWN: usize = 3;

pub(super) fn print(comparison: &Comparison, as_json: bool, output: &Output) -> io::Result<()> {
    if as_json { json_data(&value(comparison)) } else { data(|out| list(comparison, output, out)) }
}

fn value(comparison: &Comparison) -> Value {
    let Comparison { reference, ours, differences } = comparison;
    let differences: Vec<Value> = differences
        .iter()
        .map(|difference| {
            json!({
                "entry": difference.entry, "field": difference.field,
                "feed_rs": difference.reference, "gazetted": difference.ours,
                "reason": reason(difference),
            })
        })
        .collect();
    let articles = reference.as_deref().unwrap_or_default().iter().map(|draft| {
        json!({
            "guid": draft.guid, "url": draft.url, "title": draft.title,
            "date_published": draft.published.map(rfc3339),
        })
    });
    json!({
        "feed_rs": {
            "error": reference.as_ref().err(),
            "entries": reference.as_ref().map(Vec::len).ok(),
            "articles": articles.collect::<Vec<_>>(),
        },
        "gazetted": {
            "error": ours.as_ref().err().map(ToString::to_string),
            "entries": ours.as_ref().map(Vec::len).ok(),
        },
        "differences": differences,
    })
}

fn list(comparison: &Comparison, output: &Output, out: &mut dyn io::Write) -> io::Result<()> {
    let Comparison { reference, ours, differences } = comparison;
    let entries = |drafts: &[ArticleDraft]| match drafts.len() {
        1 => "1 entry".to_owned(),
        n => format!("{n} entries"),
    };
    let reference_line = reference.as_deref().map_or_else(Clone::clone, entries);
    let our_line = ours.as_deref().map_or_else(ToString::to_string, entries);
    writeln!(out, "{:<10} {}", "feed-rs", clean_line(&reference_line))?;
    writeln!(out, "{:<10} {}", "gazetted", clean_line(&our_line))?;
    if let (Ok(theirs), Ok(ours)) = (reference, ours)
        && theirs.len() < ours.len()
    {
        let lost = count((ours.len() - theirs.len()) as u64, "item");
        writeln!(out, "{:<10} {lost} that feed-rs does not find", "")?;
    }
    for (n, draft) in reference.as_deref().unwrap_or_default().iter().enumerate() {
        let title = draft.title.as_deref().unwrap_or("(no title)");
        writeln!(out, "\n{}. {}", n + 1, output.styled(GREEN, &clean_line(title)))?;
        let date = draft.published.map(rfc3339);
        for (name, text) in [("guid", &draft.guid), ("url", &draft.url), ("published", &date)] {
            if let Some(text) = text {
                let name = output.styled(DIM, &format!("{name:<11}"));
                writeln!(out, "   {name} {}", clean_line(text))?;
            }
        }
    }
    let mut kinds: BTreeMap<(&str, &str), Vec<&Difference>> = BTreeMap::new();
    for difference in differences {
        kinds.entry((difference.field, reason(difference))).or_default().push(difference);
    }
    for ((field, reason), found) in kinds {
        let times = count(found.len() as u64, "time");
        writeln!(out, "\n{} {times}: {reason}", output.styled(YELLOW, field))?;
        for difference in found.iter().take(SHOWN) {
            let shown = |text: &str| match text {
                "" => "nothing".to_owned(),
                text => clean_line(text).into_owned(),
            };
            writeln!(out, "   entry {}", difference.entry)?;
            writeln!(out, "      feed-rs    {}", shown(&difference.reference))?;
            writeln!(out, "      gazetted   {}", shown(&difference.ours))?;
        }
        if SHOWN < found.len() {
            writeln!(out, "   and {} more", found.len() - SHOWN)?;
        }
    }
    writeln!(out, "\n{}", count(differences.len() as u64, "difference"))
}

fn reason(difference: &Difference) -> &'static str {
    difference.reason.map_or("for no known reason", |reason| reason.as_str())
}
