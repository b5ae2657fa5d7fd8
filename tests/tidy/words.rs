//! The glossary of docs/style.md, applied: retired words and retired file names do not come back.
//!
//! The glossary is the list. Its last column names the retired words, and those in code style are checked.

use std::collections::BTreeSet;
use std::fs;

use crate::{files, report, root, shown};

/// Folders whose Rust files are read for words, and whose files and folders are read for names.
const FOLDERS: &[&str] = &["src", "tests", "benches", "fuzz/fuzz_targets"];

#[test]
fn retired_words_do_not_come_back() {
    let retired = retired("## Glossary", "## Retired file names");
    assert!(15 < retired.len(), "only {retired:?}");
    let padded: Vec<_> = retired.iter().map(|word| (word, format!(" {word} "))).collect();
    let rust = paths().into_iter().filter(|path| path.strip_suffix(".rs").is_some());
    let found = rust.flat_map(|path| {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let lines = text.lines().enumerate();
        let found = lines.flat_map(|(number, line)| {
            let words = words(line);
            let found = padded.iter().filter(move |(_, padded)| words.contains(padded));
            let place = format!("{path}:{}", number + 1);
            found.map(move |(word, _)| ((*word).clone(), format!("{place}: {}", line.trim())))
        });
        found.collect::<Vec<_>>()
    });

    report(found.map(|(word, place)| format!("`{word}` is retired, see docs/style.md: {place}")));
}

#[test]
fn retired_file_names_do_not_come_back() {
    let retired = retired("## Retired file names", "\n\n\n");
    assert!(15 < retired.len(), "only {retired:?}");
    report(paths().into_iter().flat_map(|path| {
        let names: Vec<_> = path.trim_end_matches(".rs").split('/').collect();
        let found = retired.iter().filter(|name| names.contains(&name.as_str()));
        let found = found.map(|name| format!("`{name}` is a retired name: {path}"));
        found.collect::<Vec<_>>()
    }));
}

/// The code spans in the last column of the tables between two marks of docs/style.md.
fn retired(from: &str, to: &str) -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/style.md")).unwrap();
    let section = page.split_once(from).unwrap().1;
    let section = section.split_once(to).map_or(section, |(section, _)| section);
    let rows = section.lines().filter_map(|line| line.strip_suffix('|'));
    let last_columns = rows.filter_map(|row| row.rsplit_once('|').map(|(_, column)| column));
    last_columns
        .flat_map(|column| column.split('`').skip(1).step_by(2).map(str::to_owned))
        .collect()
}

fn paths() -> Vec<String> {
    let files = FOLDERS.iter().flat_map(|folder| files(&root().join(folder)));
    files.map(|path| shown(&path, root())).collect()
}

/// The words of a line in lower case, with one blank before and after each. `ParsePool` and `parse_pool` are
/// two words.
fn words(line: &str) -> String {
    let mut words = String::from(" ");
    for c in line.chars() {
        if c.is_uppercase() || !c.is_alphanumeric() {
            words.push(' ');
        }
        if c.is_alphanumeric() {
            words.extend(c.to_lowercase());
        }
    }
    words.push(' ');
    words.split_whitespace().fold(String::from(" "), |text, word| text + word + " ")
}

#[test]
fn words_are_found_in_identifiers_and_in_comments() {
    for (line, expected) in [
        ("struct ParsePool; // The pool.", " struct parse pool the pool "),
        ("let parse_pool = f(\"x\");", " let parse pool f x "),
        ("", " "),
    ] {
        assert_eq!(words(line), expected, "{line}");
    }
}
