//! The faults of a configuration, and how they are shown to a person.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use toml::de::DeTable;

use crate::config::lines::Lines;
use crate::config::redact::{Parts, redact, redact_line};
use crate::config::syntax::repair;

/// Places that are as many lines apart are shown in one excerpt.
const NEAR: usize = 10;

/// The most bytes of an excerpt. Of a fault on a longer line only the place is shown.
const LONGEST_EXCERPT: usize = 1_500;

/// A span in one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Index among the files read.
    pub(super) file: usize,
    /// Bytes.
    pub(super) span: Range<usize>,
}

/// A fault as the reader notes it.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// The place of the fault; the start of a file that cannot be read.
    pub(super) at: Place,
    /// Dotted path of the key; empty when the fault is the file's.
    pub(super) key: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Another place that this one contradicts, and its label.
    pub(super) other: Option<(Place, &'static str)>,
}

/// A file as it was read.
#[derive(Default)]
pub(super) struct Source {
    /// The path as the user gave it, or as a pattern of the user found it.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) secrets: Vec<Range<usize>>,
    /// The spans of syntax errors.
    pub(super) broken: Vec<Range<usize>>,
    /// The number of the line, from 0, if the text is only this line of a list of feeds.
    pub(super) line_of_list: Option<usize>,
}

/// One fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Path of the file as it was given.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Dotted path, such as `feeds[2].url`; absent when the fault concerns the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A file as it is shown: its text is redacted.
#[derive(Clone)]
struct Shown {
    path: String,
    text: String,
    lines: Lines,
    /// The number of the first line of `text`, from 0.
    first_line: usize,
}

/// A place to underline in an excerpt.
struct Mark<'a> {
    place: &'a Place,
    kind: AnnotationKind,
    /// `None` for the place of the fault itself.
    label: Option<&'static str>,
}

/// All faults of all files of a configuration, at least one. It contains asterisks in the place of secrets.
#[derive(Clone)]
pub struct ConfigErrors {
    files: Vec<Shown>,
    findings: Vec<Finding>,
    faults: Vec<Fault>,
}

impl ConfigErrors {
    pub(super) fn new(sources: &[Source], mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| (finding.at.file, finding.at.span.start));
        findings.dedup_by(|a, b| a.at == b.at && a.message == b.message);
        let files: Vec<Shown> = sources.iter().map(Shown::of).collect();
        let mut columns = Columns::default();
        let mut locate = |finding: &Finding| {
            let Place { file, span } = &finding.at;
            let shown = files.get(*file);
            Fault {
                file: shown.map(|shown| shown.path.clone()).unwrap_or_default(),
                line: 1 + shown
                    .map_or(0, |shown| shown.first_line + shown.lines.number(span.start)),
                column: 1 + sources.get(*file).zip(shown).map_or(0, |(source, shown)| {
                    columns.of(*file, &source.text, shown.lines.at(span.start).start, span.start)
                }),
                key: Some(finding.key.clone()).filter(|key| !key.is_empty()),
                message: finding.message.clone(),
                hint: finding.hint.clone(),
            }
        };
        let faults = findings.iter().map(&mut locate).collect();
        Self { files, findings, faults }
    }

    /// The faults in the order of the files, and within a file from top to bottom.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// A report for a person: each fault with its place, the underlined source text and the hint, then the number
    /// of faults.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for (finding, fault) in self.findings.iter().zip(&self.faults) {
            text.push_str(&renderer.render(&[self.report(finding, fault)]));
            text.push_str("\n\n");
        }
        text.push_str(&self.summary());
        text
    }

    fn report<'a>(&'a self, finding: &'a Finding, fault: &Fault) -> Group<'a> {
        let title = if finding.key.is_empty() {
            finding.message.clone()
        } else {
            format!("{}: {}", finding.key, finding.message)
        };
        let mut group = Group::with_title(Level::ERROR.primary_title(title));
        let here = Mark { place: &finding.at, kind: AnnotationKind::Primary, label: None };
        let there = finding.other.as_ref().map(|(place, label)| Mark {
            place,
            kind: AnnotationKind::Context,
            label: Some(*label),
        });
        let excerpts = match there {
            Some(there) if self.are_near(here.place, there.place) => vec![vec![here, there]],
            Some(there) => vec![vec![here], vec![there]],
            None => vec![vec![here]],
        };
        for marks in excerpts {
            let first = marks.iter().any(|mark| mark.label.is_none());
            group = match self.snippet(&marks) {
                Some(snippet) => group.element(snippet),
                None if first => group.element(origin(fault)),
                None => group,
            };
        }
        match &finding.hint {
            Some(hint) => group.element(Level::HELP.message(hint.as_str())),
            None => group,
        }
    }

    /// Whether two places are shown in one excerpt.
    fn are_near(&self, a: &Place, b: &Place) -> bool {
        let line = |place: &Place| {
            self.files.get(place.file).map_or(0, |shown| shown.lines.number(place.span.start))
        };
        a.file == b.file && line(a).abs_diff(line(b)) <= NEAR
    }

    /// The lines of these places in one file. `None` if there is nothing to show, or more than a person reads.
    fn snippet<'a>(&'a self, marks: &[Mark<'a>]) -> Option<Snippet<'a, Annotation<'a>>> {
        let shown = self.files.get(marks.first()?.place.file)?;
        let line = |mark: &Mark<'_>| shown.lines.number(mark.place.span.start);
        let (first, last) = (marks.iter().map(line).min()?, marks.iter().map(line).max()?);
        // The empty line at the end of a file is shown below the one before it.
        let last_is_empty = shown.lines.range(last).start == shown.text.len();
        let first = if last_is_empty { first.saturating_sub(1) } else { first };
        let range = shown.lines.range(first).start..shown.lines.range(last + 1).start;
        let text = shown.text.get(range.clone())?;
        if text.is_empty() || LONGEST_EXCERPT < text.len() {
            return None;
        }
        let annotations = marks.iter().map(|mark| {
            let span = shown.visible(&mark.place.span);
            let span = span.start - range.start..span.end - range.start;
            mark.kind.span(span).label(mark.label)
        });
        let snippet = Snippet::source(text)
            .path(shown.path.as_str())
            .line_start(shown.first_line + first + 1);
        Some(snippet.annotations(annotations))
    }

    /// `10 faults in 2 files`.
    /// The first fault in one line, for a log, and how many there are in all.
    pub fn brief(&self) -> String {
        let first = self.faults.first().map(|fault| {
            let Fault { file, line, column, key, message, .. } = fault;
            let key = key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
            format!("{file}:{line}:{column}: {key}{message}")
        });
        format!("{} ({})", first.unwrap_or_default(), self.summary())
    }

    fn summary(&self) -> String {
        let mut files: Vec<&str> = self.faults.iter().map(|fault| fault.file.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        let count = |number: usize, what: &str| {
            format!("{number} {what}{}", if number == 1 { "" } else { "s" })
        };
        format!("{} in {}", count(self.findings.len(), "fault"), count(files.len(), "file"))
    }
}

/// The place of a fault whose line is not shown.
fn origin(fault: &Fault) -> Origin<'static> {
    Origin::path(fault.file.clone()).line(fault.line).char_column(fault.column)
}

impl Shown {
    fn of(source: &Source) -> Self {
        let lines = Lines::of(&source.text);
        let Source { path, text, secrets, broken, line_of_list } = source;
        let (first_line, text) = if let Some(number) = line_of_list {
            (*number, redact_line(text))
        } else {
            // A file of a valid configuration is not shown, so its keys and values are looked for only here.
            let (repaired, _) = repair(text);
            let parts = Parts::of(DeTable::parse_recoverable(&repaired).0.get_ref());
            (0, redact(text, &parts, secrets, broken, &lines))
        };
        Self { path: path.clone(), text, lines, first_line }
    }

    /// The part of a span on its first line. Showing a value of many lines would hide the message.
    fn visible(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        let end = span.end.min(self.lines.at(start).end).max(start);
        start..self.text.ceil_char_boundary(end)
    }
}

/// Counts the characters before each fault of a line. The faults come in their order.
#[derive(Default)]
struct Columns {
    file: usize,
    line: usize,
    /// The byte up to which the characters of the line are counted, and how many these are.
    counted: (usize, usize),
}

impl Columns {
    /// The column, from 0, of byte `at` in a file. `line` is where its line begins.
    fn of(&mut self, file: usize, text: &str, line: usize, at: usize) -> usize {
        if (self.file, self.line) != (file, line) || at < self.counted.0 {
            *self = Self { file, line, counted: (line, 0) };
        }
        let (from, before) = self.counted;
        let column = before + text.get(from..at).map_or(0, |text| text.chars().count());
        self.counted = (at, column);
        column
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigErrors {}
