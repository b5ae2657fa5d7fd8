//! The lines of a list of feeds: CSV (RFC 4180, but a record is one line) and JSON lines.
//!
//! A line is read by itself, so that memory does not grow with the list and a fault does not hide those of later lines.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use crate::config::keys::{FEED, LIST_LINE, nearest};

/// A value of a line, and its place in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) span: Range<usize>,
}

/// The values of a feed by their keys. Each tag is a value of its own.
pub(super) type Cells<'a> = Vec<(&'static str, Cell<'a>)>;

/// A fault in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineFault {
    /// The column; empty when the fault concerns the whole line.
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl LineFault {
    pub(super) fn new(key: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { key: key.to_owned(), span, message: message.into(), hint: None }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The key of a line that is called `name`.
fn key(name: &str, span: &Range<usize>) -> Result<&'static str, LineFault> {
    if let Some(key) = LIST_LINE.keys.iter().find(|key| key.eq_ignore_ascii_case(name)) {
        return Ok(key);
    }
    // A list may come from elsewhere, so it says nothing about credentials, programs and the network of its reader.
    let hint = if FEED.keys.contains(&name) {
        "write this feed as a [[feeds]] table, or look whether [[feed_lists]] has this key for the whole list"
            .to_owned()
    } else if let Some(meant) = nearest(name, LIST_LINE.keys.iter().copied()) {
        format!("did you mean `{meant}`?")
    } else {
        format!("known here: {}", LIST_LINE.keys.join(", "))
    };
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    Err(LineFault::new(&shown, span.clone(), "a list has no such column").with_hint(hint))
}

/// How the lines of a CSV file are read.
#[derive(Debug)]
pub(super) struct Csv {
    /// `None` until the first line has said which it is.
    separator: Option<char>,
    /// `None` for a column without a name, or with an unknown one.
    columns: Vec<Option<&'static str>>,
    has_begun: bool,
}

impl Default for Csv {
    fn default() -> Self {
        let columns = ["url", "name", "tags", "every"].map(Some).to_vec();
        Self { separator: None, columns, has_begun: false }
    }
}

impl Csv {
    /// Columns that are separated by tabs.
    pub(super) fn with_tabs() -> Self {
        Self { separator: Some('\t'), ..Self::default() }
    }

    /// Reads a line. `None` for an empty one, a comment and the names of the columns.
    pub(super) fn read<'a>(
        &mut self,
        line: &'a str,
        faults: &mut Vec<LineFault>,
    ) -> Option<Cells<'a>> {
        let is_blank = |c: char| c.is_whitespace() || ",;".contains(c); // Spreadsheets write the separators of empty rows.
        if line.chars().all(is_blank) || line.trim_start().starts_with('#') {
            return None;
        }
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        // Spreadsheets write semicolons where the comma is the decimal separator.
        let found = || [',', ';', '\t'].into_iter().find(|c| line.contains(*c)).unwrap_or(',');
        let separator = *self.separator.get_or_insert_with(found);
        let fields = match split(line, separator) {
            Ok(fields) => fields,
            Err(fault) => {
                faults.push(fault);
                return None;
            }
        };
        if is_first && fields.iter().any(|field| field.text.eq_ignore_ascii_case("url")) {
            self.name_columns(&fields, faults);
            return None;
        }
        if let Some(more) = fields
            .get(self.columns.len()..)
            .and_then(|more| more.iter().find(|f| !f.text.is_empty()))
        {
            let message =
                format!("is a field more than there are columns ({})", self.columns.len());
            let hint = "put a field that contains a comma in double quotes";
            faults.push(LineFault::new("", more.span.clone(), message).with_hint(hint));
            return None;
        }
        let mut cells = Cells::with_capacity(fields.len());
        for (field, column) in fields.into_iter().zip(&self.columns) {
            match column {
                Some("tags") => {
                    let tags = field.text.split([';', ',']).map(str::trim);
                    let tags = tags.filter(|tag| !tag.is_empty()).map(|tag| {
                        let text = Cow::Owned(tag.to_owned());
                        ("tags", Cell { text, span: field.span.clone() })
                    });
                    cells.extend(tags);
                }
                Some(column) if !field.text.is_empty() => cells.push((column, field)),
                Some(_) | None => {}
            }
        }
        Some(cells)
    }

    fn name_columns(&mut self, names: &[Cell<'_>], faults: &mut Vec<LineFault>) {
        self.columns.clear();
        for Cell { text, span } in names {
            let column = match key(text, span) {
                _ if text.is_empty() => None,
                Ok(key) if self.columns.contains(&Some(key)) => {
                    faults.push(LineFault::new(key, span.clone(), "this column is there twice"));
                    None
                }
                Ok(key) => Some(key),
                Err(fault) => {
                    faults.push(fault);
                    None
                }
            };
            self.columns.push(column);
        }
    }
}

/// The fields of a line without the white space around them.
fn split(line: &str, separator: char) -> Result<Vec<Cell<'_>>, LineFault> {
    let mut fields = Vec::new();
    let mut start = 0;
    loop {
        let rest = line.get(start..).unwrap_or_default();
        let blank = rest.find(|c: char| c == separator || !c.is_whitespace()).unwrap_or(rest.len());
        let begin = start + blank;
        let (field, end) = if rest.get(blank..).is_some_and(|rest| rest.starts_with('"')) {
            quoted(line, begin, separator)?
        } else {
            let end = line.get(begin..).and_then(|rest| rest.find(separator));
            let end = end.map_or(line.len(), |length| begin + length);
            let text = line.get(begin..end).unwrap_or_default().trim_end();
            (Cell { text: text.into(), span: begin..begin + text.len() }, end)
        };
        fields.push(field);
        if line.len() <= end {
            return Ok(fields);
        }
        start = end + separator.len_utf8();
    }
}

/// The field whose quotation mark is at `begin`, and where the separator after it is.
fn quoted(line: &str, begin: usize, separator: char) -> Result<(Cell<'_>, usize), LineFault> {
    let mut at = begin + 1;
    let close = loop {
        let found = line.get(at..).and_then(|rest| rest.find('"')).map(|length| at + length);
        let Some(mark) = found else {
            let message = "the closing quotation mark is missing on this line";
            let hint =
                "a feed has one line; a quotation mark within quotation marks is written twice";
            return Err(LineFault::new("", begin..line.len(), message).with_hint(hint));
        };
        if !line.get(mark + 1..).is_some_and(|rest| rest.starts_with('"')) {
            break mark;
        }
        at = mark + 2;
    };
    let after = line.get(close + 1..).unwrap_or_default();
    let end = after.find(separator).unwrap_or(after.len());
    if after.get(..end).is_some_and(|text| !text.trim().is_empty()) {
        let span = close + 1..close + 1 + end;
        let message = "there is text between a closing quotation mark and the next field";
        return Err(LineFault::new("", span, message)
            .with_hint("a quotation mark within quotation marks is written twice"));
    }
    let text = line.get(begin + 1..close).unwrap_or_default().trim();
    let text = if text.contains('"') { text.replace("\"\"", "\"").into() } else { text.into() };
    Ok((Cell { text, span: begin..close + 1 }, close + 1 + end))
}

/// Reads a line that is a JSON object. `None` for an empty line, and for one that cannot be read.
pub(super) fn json<'a>(line: &'a str, faults: &mut Vec<LineFault>) -> Option<Cells<'a>> {
    if line.trim().is_empty() || line.starts_with('#') {
        return None;
    }
    let hint =
        "a line is an object such as {\"url\": \"https://example.org/feed\", \"tags\": [\"news\"]}";
    let entries = match serde_json::from_str(line) {
        Ok(Value::Object(entries)) => entries,
        Ok(_) => {
            let message = "the line is no JSON object";
            faults.push(LineFault::new("", 0..line.len(), message).with_hint(hint));
            return None;
        }
        Err(error) => {
            let at = line.floor_char_boundary(error.column().saturating_sub(1));
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            let message = format!("the line is no JSON: {message}");
            faults.push(LineFault::new("", at..line.len(), message).with_hint(hint));
            return None;
        }
    };
    let mut cells = Cells::with_capacity(entries.len());
    for (name, value) in entries {
        let written = format!("\"{name}\"");
        let start = line.find(&written).unwrap_or(0);
        let span = start..(start + written.len()).min(line.len());
        let key = match key(&name, &span) {
            Ok(key) => key,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let values = match value {
            Value::Array(items) if key == "tags" => items,
            other => vec![other],
        };
        for value in values {
            let text = match value {
                Value::String(text) => text,
                Value::Bool(value) if key != "tags" => value.to_string(),
                Value::Number(number) if key != "tags" => number.to_string(),
                Value::Null => continue,
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    let expected = if key == "tags" { "a list of strings" } else { "a string" };
                    faults.push(LineFault::new(key, span.clone(), format!("expected {expected}")));
                    continue;
                }
            };
            let text = text.trim().to_owned();
            if !text.is_empty() {
                cells.push((key, Cell { text: text.into(), span: span.clone() }));
            }
        }
    }
    Some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cells: Option<Cells<'_>>, faults: &[LineFault]) -> String {
        let cells = cells.unwrap_or_default();
        let cells = cells.iter().map(|(key, cell)| format!("{key}={}", cell.text));
        let faults = faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message));
        cells.chain(faults).collect::<Vec<_>>().join(" | ")
    }

    fn csv(text: &str) -> Vec<String> {
        let mut csv = Csv::default();
        let line = |line| {
            let mut faults = Vec::new();
            let cells = csv.read(line, &mut faults);
            shown(cells, &faults)
        };
        text.lines().map(line).filter(|line| !line.is_empty()).collect()
    }

    #[test]
    fn csv_is_read_as_people_and_spreadsheets_write_it() {
        for (name, text, expected) in [
            (
                "no names of columns",
                "http://a/, A ,x;y,10m\nhttp://b/",
                vec!["url=http://a/ | name=A | tags=x | tags=y | every=10m", "url=http://b/"],
            ),
            (
                "names of columns",
                "# mine\n\nName,URL\nA,http://a/\n,http://b/\n",
                vec!["name=A | url=http://a/", "url=http://b/"],
            ),
            (
                "quoted",
                "http://a/,\"A, \"\"the\"\" B\" ,\"x,y\"",
                vec!["url=http://a/ | name=A, \"the\" B | tags=x | tags=y"],
            ),
            ("semicolons", "url;tags\nhttp://a/;x,y", vec!["url=http://a/ | tags=x | tags=y"]),
            ("tabs", "http://a/\t\tx", vec!["url=http://a/ | tags=x"]),
            ("a separator at the end", "http://a/,,,,", vec!["url=http://a/"]),
            ("a column without a name", "url,,name\nhttp://a/,z,A", vec!["url=http://a/ | name=A"]),
        ] {
            assert_eq!(csv(text), expected, "{name}");
        }
    }

    #[test]
    fn each_fault_of_csv_is_that_of_its_line() {
        let open = ": the closing quotation mark is missing on this line";
        let after = ": there is text between a closing quotation mark and the next field";
        for (name, text, expected) in [
            ("an open quotation mark", "http://a/,\"A\nhttp://b/", vec![open, "url=http://b/"]),
            ("text after it", "\"http://a/\"x,A", vec![after]),
            (
                "too many fields",
                "http://a/,A,x,10m,z",
                vec![": is a field more than there are columns (4)"],
            ),
            (
                "unknown columns",
                "url,evry,headers\nhttp://a/,10m,X: y",
                vec![
                    "evry: a list has no such column | headers: a list has no such column",
                    "url=http://a/",
                ],
            ),
            (
                "a column twice",
                "url,url\nhttp://a/,x",
                vec!["url: this column is there twice", "url=http://a/"],
            ),
        ] {
            assert_eq!(csv(text), expected, "{name}");
        }
    }

    #[test]
    fn json_lines_are_objects_of_texts() {
        for (line, expected) in [
            ("", ""),
            (
                r#"{"url":"http://a/","tags":["x;y","z"],"enabled":false,"name":null}"#,
                "enabled=false | tags=x;y | tags=z | url=http://a/",
            ),
            (r#"{"url":["http://a/"]}"#, "url: expected a string"),
            (r#"{"tags":[1]}"#, "tags: expected a list of strings"),
            (
                r#"{"url":"http://a/","header":1}"#,
                "url=http://a/ | header: a list has no such column",
            ),
            (r#""http://me:s3cret@a/""#, ": the line is no JSON object"),
            (r#"{"url":"http://a/""#, ": the line is no JSON: EOF while parsing an object"),
        ] {
            let mut faults = Vec::new();
            let cells = json(line, &mut faults);
            assert_eq!(shown(cells, &faults), expected, "{line}");
        }
    }
}
