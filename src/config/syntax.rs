//! Parses TOML text to a tree, past every syntax error.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use toml::de::DeTable;

use crate::config::lines::Lines;

/// The name of a table whose header cannot be read, so that its keys do not become keys of another table.
pub(super) const UNREADABLE: &str = "_";

/// How often a text is parsed at most. Each round repairs all lines that stopped the parser, so two rounds are usual. A
/// text that needs more rounds shows its other errors after the user has corrected the first ones.
const ROUNDS: usize = 20;

/// A syntax error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

/// Replaces the lines that stop the parser, so that all bytes keep their place. Returns the new text and all
/// errors of the original text.
///
/// The parser recovers from most errors, but not from a line without `=` or a header without `]`:
/// after these it drops the following lines or misreads them.
pub(super) fn repair(text: &str) -> (Cow<'_, str>, Vec<SyntaxError>) {
    let mut repaired = Cow::Borrowed(text);
    let lines = Lines::of(text);
    let mut errors: Vec<SyntaxError> = Vec::new();
    // Each round repairs at least one line, or is the last.
    for _ in 0..ROUNDS {
        let (_, found) = DeTable::parse_recoverable(&repaired);
        let mut stopping = Vec::new();
        let mut known: HashSet<(Range<usize>, String)> =
            errors.iter().map(|seen| (seen.span.clone(), seen.message.clone())).collect();
        for error in found {
            let span = error.span().unwrap_or(0..0);
            if stops(error.message()) {
                stopping.push(lines.at(span.start));
            }
            if known.insert((span.clone(), error.message().to_owned())) {
                let hint = hint(error.message());
                errors.push(SyntaxError { span, message: error.message().to_owned(), hint });
            }
        }
        stopping.dedup(); // A line may stop the parser many times.
        if stopping.is_empty() {
            break;
        }
        // The messages of a stopped parser about later lines are unreliable; the next round repeats true ones.
        let first_stop = stopping.iter().map(|line| line.end).min().unwrap_or(0);
        errors.retain(|error| error.span.start <= first_stop || stops(&error.message));
        let mut bytes = repaired.into_owned();
        for line in stopping {
            let Some(content) = bytes.get(line.clone()) else { continue };
            let width = content.len();
            let header = format!("[[{UNREADABLE}]]");
            let filler = if content.trim_start().starts_with('[') && header.len() <= width {
                format!("{header:width$}")
            } else {
                " ".repeat(width)
            };
            bytes.replace_range(line, &filler);
        }
        repaired = Cow::Owned(bytes);
    }
    (repaired, errors)
}

fn stops(message: &str) -> bool {
    ["key with no value", "unquoted keys cannot be empty", "unclosed table", "unclosed array table"]
        .iter()
        .any(|start| message.starts_with(start))
}

fn hint(message: &str) -> Option<&'static str> {
    [
        ("key with no value", "a line is `key = value`, a table header `[table]` or `[[table]]`"),
        ("string values must be quoted", "put the text in double quotes"),
        ("duplicate key", "a table has each key once, and each [table] is written once"),
        ("unclosed inline table", "an inline table ends with `}`"),
        ("unclosed array table", "the header ends with `]]`"),
        ("unclosed table", "the header ends with `]`"),
        ("invalid basic string", "the text ends with a double quote on the same line"),
        ("invalid literal string", "the text ends with a single quote on the same line"),
        ("invalid boolean", "write true or false"),
    ]
    .iter()
    .find(|(start, _)| message.starts_with(start))
    .map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_line_is_found_and_the_rest_is_read() {
        let text = "\
a b = 1
x = 1
foo
[[feeds]
url = 'u'
[t]
y =
z = 2
= 5
w = open
v = \"left
[t]
";
        let (repaired, errors) = repair(text);
        let line_of = |error: &SyntaxError| {
            1 + text.bytes().take(error.span.start).filter(|b| *b == b'\n').count()
        };
        let lines: Vec<usize> = errors.iter().map(line_of).collect();
        let mut sorted = lines;
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 3, 4, 7, 9, 10, 11, 12], "{errors:#?}");
        assert_eq!(repaired.len(), text.len());
        let (tree, _) = DeTable::parse_recoverable(&repaired);
        let table = |key: &str| tree.get_ref().get(key).unwrap().get_ref();
        assert!(table("x").is_integer());
        assert!(table("t").get("z").is_some());
        assert!(table(UNREADABLE).get(0).unwrap().get_ref().get("url").is_some());
    }

    #[test]
    fn good_text_is_left_alone() {
        let text = "a = 1\n[[b]]\nc = { d = 'e' }\n";
        assert_eq!(repair(text), (Cow::Borrowed(text), Vec::new()));
    }
}
