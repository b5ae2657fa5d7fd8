//! The faults of a configuration, and how they are shown to a person.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::config::redact::{Parts, line_at, redact};

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
    pub(super) parts: Parts,
    pub(super) secrets: Vec<Range<usize>>,
    /// The spans of syntax errors.
    pub(super) broken: Vec<Range<usize>>,
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

/// All faults of all files of a configuration, at least one. It contains asterisks in the place of secrets.
#[derive(Clone)]
pub struct ConfigErrors {
    /// Path and redacted text of each file.
    files: Vec<(String, String)>,
    findings: Vec<Finding>,
    faults: Vec<Fault>,
}

impl ConfigErrors {
    pub(super) fn new(sources: &[Source], mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| (finding.at.file, finding.at.span.start));
        findings.dedup_by(|a, b| a.at == b.at && a.message == b.message);
        let locate = |finding: &Finding| {
            let source = sources.get(finding.at.file);
            let before = source.and_then(|source| source.text.get(..finding.at.span.start));
            let before = before.unwrap_or_default();
            Fault {
                file: source.map(|source| source.path.clone()).unwrap_or_default(),
                line: 1 + before.matches('\n').count(),
                column: 1 + before.chars().rev().take_while(|c| *c != '\n').count(),
                key: Some(finding.key.clone()).filter(|key| !key.is_empty()),
                message: finding.message.clone(),
                hint: finding.hint.clone(),
            }
        };
        let faults = findings.iter().map(locate).collect();
        let redacted = |source: &Source| {
            (
                source.path.clone(),
                redact(&source.text, &source.parts, &source.secrets, &source.broken),
            )
        };
        Self { files: sources.iter().map(redacted).collect(), findings, faults }
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
        for finding in &self.findings {
            text.push_str(&renderer.render(&[self.report(finding)]));
            text.push_str("\n\n");
        }
        text.push_str(&self.summary());
        text
    }

    fn report<'a>(&'a self, finding: &'a Finding) -> Group<'a> {
        let title = if finding.key.is_empty() {
            finding.message.clone()
        } else {
            format!("{}: {}", finding.key, finding.message)
        };
        let mut group = Group::with_title(Level::ERROR.primary_title(title));
        let (path, text) = self.file(finding.at.file);
        if text.is_empty() {
            group = group.element(Origin::path(path));
        } else {
            let here = AnnotationKind::Primary.span(visible(text, &finding.at.span));
            let mut snippet = Snippet::source(text).path(path).annotation(here);
            if let Some((other, label)) = &finding.other {
                let (other_path, other_text) = self.file(other.file);
                let there =
                    AnnotationKind::Context.span(visible(other_text, &other.span)).label(*label);
                if other.file == finding.at.file {
                    snippet = snippet.annotation(there);
                    group = group.element(snippet);
                } else {
                    let elsewhere = Snippet::source(other_text).path(other_path).annotation(there);
                    group = group.element(snippet).element(elsewhere);
                }
            } else {
                group = group.element(snippet);
            }
        }
        match &finding.hint {
            Some(hint) => group.element(Level::HELP.message(hint.as_str())),
            None => group,
        }
    }

    fn file(&self, index: usize) -> (&str, &str) {
        self.files.get(index).map_or(("", ""), |(path, text)| (path.as_str(), text.as_str()))
    }

    /// `10 faults in 2 files`.
    fn summary(&self) -> String {
        let mut files: Vec<usize> = self.findings.iter().map(|finding| finding.at.file).collect();
        files.dedup();
        let count = |number: usize, what: &str| {
            format!("{number} {what}{}", if number == 1 { "" } else { "s" })
        };
        format!("{} in {}", count(self.findings.len(), "fault"), count(files.len(), "file"))
    }
}

/// The part of a span on its first line. Showing a value of many lines would hide the message.
fn visible(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let end = span.end.min(line_at(text, start).end).max(start);
    start..text.ceil_char_boundary(end)
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
