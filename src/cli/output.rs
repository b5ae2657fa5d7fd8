//! Standard output, which is for data, and standard error, which is for everything else.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_width::UnicodeWidthStr as _;

use crate::html::chars::is_control;
use crate::present::terminal::{clean_line, wrapped};
pub(super) use crate::present::{count, relative, short_date, short_id, span};

/// The two output streams, and whether they show colours.
#[derive(Clone, Debug)]
pub(super) struct Output {
    stdout_color: bool,
    stderr_color: bool,
    /// The visible progress bar, which is hidden while a log line is written.
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();

impl Output {
    pub(super) fn new(choice: ColorChoice) -> Self {
        let colored = |auto: ColorChoice| match choice {
            ColorChoice::Auto => auto != ColorChoice::Never,
            ColorChoice::Always | ColorChoice::AlwaysAnsi => true,
            ColorChoice::Never => false,
        };
        Self {
            stdout_color: colored(AutoStream::choice(&io::stdout())),
            stderr_color: colored(AutoStream::choice(&io::stderr())),
            bar: Arc::default(),
        }
    }

    pub(super) fn stdout_color(&self) -> bool {
        self.stdout_color
    }

    pub(super) fn stderr_color(&self) -> bool {
        self.stderr_color
    }

    /// Writes a message for the user to standard error. On a terminal a long line is wrapped between words.
    pub(super) fn note(&self, text: &str) {
        let columns = width().filter(|_| io::stderr().is_terminal());
        let folded = columns.map(|columns| folded(text, columns.into()));
        let text = folded.as_deref().unwrap_or(text);
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let write = || {
            let mut stderr = io::stderr().lock();
            // If this fails, there is no other place for the message.
            writeln!(stderr, "{text}").ok();
        };
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(super) fn error(&self, text: &str) {
        self.note(&format!("{} {text}", self.styled_err(RED, "error:")));
    }

    pub(super) fn styled(&self, style: Style, text: &str) -> String {
        styled(self.stdout_color, style, text)
    }

    pub(super) fn styled_err(&self, style: Style, text: &str) -> String {
        styled(self.stderr_color, style, text)
    }

    /// Creates a table. On a terminal it has the width of the terminal: the columns in `flexible` become narrower, and
    /// the others keep their width. In a pipe the width is not limited.
    pub(super) fn table(&self, header: &[&str], flexible: &[usize]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(header.iter().map(|name| cell(name, None)));
        match width() {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
                let fixed =
                    |i: usize| (!flexible.contains(&i)).then_some(ColumnConstraint::ContentWidth);
                for (i, column) in table.column_iter_mut().enumerate() {
                    if let Some(constraint) = fixed(i) {
                        column.set_constraint(constraint);
                    }
                }
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if self.stdout_color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    /// Shows a progress bar if standard error is a terminal. It counts `what`, such as feeds, and disappears when the returned
    /// value is dropped.
    pub(super) fn progress(&self, total: u64, what: &str, shown: bool) -> Progress<'_> {
        let target = if shown && io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = format!("{{bar:30}} {{pos}}/{{len}} {what}  {{elapsed}}  {{wide_msg}}");
        if let Ok(style) = ProgressStyle::with_template(&style) {
            bar.set_style(style);
        }
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Progress { output: self, bar }
    }

    /// The writer of the log: standard error, with the progress bar hidden meanwhile.
    pub(super) fn log_writer(&self) -> impl Fn() -> LogLine + Send + Sync + 'static {
        let output = self.clone();
        move || LogLine { output: output.clone(), text: Vec::new() }
    }
}

pub(super) struct Progress<'a> {
    output: &'a Output,
    bar: ProgressBar,
}

impl Progress<'_> {
    pub(super) fn step(&self, message: &str) {
        self.bar.set_message(clean_line(message).into_owned());
        self.bar.inc(1);
    }

    /// Shows that `done` of `total` are done, and a message.
    pub(super) fn set(&self, done: u64, total: u64, message: String) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(message);
    }

    pub(super) fn lengthen(&self, by: u64) {
        self.bar.inc_length(by);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        *self.output.bar.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// One line of the log. It is written when it is dropped.
pub(super) struct LogLine {
    output: Output,
    text: Vec<u8>,
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.output.note(String::from_utf8_lossy(&self.text).trim_end_matches('\n'));
        }
    }
}

fn styled(color: bool, style: Style, text: &str) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// The width of the terminal in columns; `None` if standard output is a file or a pipe.
pub(super) fn width() -> Option<u16> {
    Table::new().width().filter(|width| 0 < *width && io::stdout().is_terminal())
}

/// A text whose first line begins after `indent` columns, wrapped for the terminal. Further lines are indented to there. In a pipe
/// it stays one line.
pub(super) fn hanging(text: &str, indent: usize) -> String {
    match width() {
        Some(width) => {
            let columns = usize::from(width).saturating_sub(indent).max(LEAST_COLUMNS);
            wrapped(text, columns).join(&format!("\n{:indent$}", ""))
        }
        None => clean_line(text).into_owned(),
    }
}

/// The narrowest column of a wrapped text.
const LEAST_COLUMNS: usize = 20;

/// Wraps a line with colours between words; further lines are indented. A text of several lines is a drawing, such as the faults
/// of a configuration, and stays.
fn folded(text: &str, columns: usize) -> String {
    if text.contains('\n') {
        return text.to_owned();
    }
    let (mut folded, mut used) = (String::with_capacity(text.len()), 0);
    for word in text.split(' ') {
        let wide = clean_line(word).width();
        if used != 0 {
            let is_full = columns < used + 1 + wide;
            folded.push_str(if is_full { "\n  " } else { " " });
            used = if is_full { 2 } else { used + 1 };
        }
        folded.push_str(word);
        used += wide;
    }
    folded
}

/// A table cell with one clean line of text. Without a colour it is dimmed, as in headers.
pub(super) fn cell(text: &str, color: Option<Color>) -> Cell {
    let cell = Cell::new(clean_line(text));
    match color {
        Some(color) => cell.fg(color),
        None => cell.add_attribute(Attribute::Dim),
    }
}

/// Writes data to standard output. It is no error if the reader closes the pipe.
pub(super) fn data(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Removes the fields of an object that are null. An absent field means unknown.
pub(super) fn without_nulls(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

/// Writes a value as indented JSON. All characters that could control a terminal are escaped.
pub(super) fn json_data(value: &serde_json::Value) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    let is_escaped = |c: char| c != '\n' && is_control(c);
    if text.contains(is_escaped) {
        // These characters occur only in strings.
        let escaped =
            |c: char| if is_escaped(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() };
        text = text.chars().map(escaped).collect();
    }
    data(|out| writeln!(out, "{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_wrapped_between_words_and_no_word_is_broken() {
        for (text, expected) in [
            ("", ""),
            ("a b c", "a b c"),
            ("one two three", "one two\n  three"),
            ("anextraordinarilylongword and so on", "anextraordinarilylongword\n  and so\n  on"),
            ("\u{1b}[31merror:\u{1b}[0m no", "\u{1b}[31merror:\u{1b}[0m no"),
            ("世界新闻 ab", "世界新闻\n  ab"),
            ("  a drawing\n  ^^^^^^^^^", "  a drawing\n  ^^^^^^^^^"),
        ] {
            assert_eq!(folded(text, 9), expected);
        }
    }
}
