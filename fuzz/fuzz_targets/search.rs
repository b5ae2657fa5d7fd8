//! A search of any text, and a text that it is looked for in. The search is refused or becomes an expression that is
//! valid for the index, and marking the hits changes no text.
#![no_main]

use gazetted::search::query::{Language, expression, parse};
use gazetted::search::snippet::{Hits, Part};
use libfuzzer_sys::fuzz_target;

/// The characters of a snippet.
const SNIPPET: usize = 200;

fuzz_target!(|input: (&str, &str)| {
    let (search, text) = input;
    // Otherwise most inputs would be refused for their length.
    let end = search.char_indices().nth(1_000).map_or(search.len(), |(at, _)| at);
    let search = match parse(&search[..end]) {
        Ok(search) => search,
        Err(reason) => return assert!(!reason.is_empty()),
    };
    let expression = expression(&search, Language::Fts5).expect("a word is wanted");
    let outside: String = expression.split('"').step_by(2).collect();
    let rest = outside.replace("AND", "").replace("NOT", "").replace("OR", "");
    assert!(rest.chars().all(|c| matches!(c, ' ' | '*' | '(' | ')')), "{expression}");

    let hits = Hits::of(&search);
    let joined = |parts: Vec<Part>| parts.into_iter().map(|part| part.text).collect::<String>();
    assert_eq!(joined(hits.mark(text)), text);
    let (snippet, _) = hits.snippet(text, SNIPPET);
    let shown = joined(snippet);
    assert!(shown.chars().count() <= SNIPPET + 2, "{shown:?}");
});
