//! Reads a TOML tree key by key. Values of the wrong type or out of range are noted as faults, and reading goes on.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::fault::{Finding, Place};
use crate::config::keys::{NOT_YET, Section, nearest, sounds_secret};
use crate::config::lines::Lines;
use crate::config::syntax::UNREADABLE;
use crate::domain::time::{TimeDelta, Timestamp};
use crate::domain::units;

/// The reader of one file, with everything that it needs from outside.
pub(super) struct Reader<'a> {
    /// Index among the files read.
    pub(super) file: usize,
    /// Absolute path of the file.
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
    pub(super) lines: &'a Lines,
    /// The folder where relative paths start.
    pub(super) base: &'a Path,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    pub(super) now: Timestamp,
    pub(super) findings: Vec<Finding>,
    pub(super) secrets: Vec<Range<usize>>,
    /// Where the syntax errors begin, in ascending order.
    pub(super) broken: &'a [usize],
}

/// A table whose unknown keys were noted as faults.
pub(super) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// The header, or the whole inline table.
    pub(super) span: Range<usize>,
    pub(super) path: String,
    section: &'static Section,
}

/// A key and its value.
#[derive(Clone)]
pub(super) struct Field<'t> {
    /// Dotted path.
    pub(super) key: String,
    /// The last part of the key, as written; empty for an item of a list.
    pub(super) name: &'t str,
    pub(super) key_span: Range<usize>,
    pub(super) span: Range<usize>,
    pub(super) value: &'t DeValue<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn get(&self, key: &str) -> Option<Field<'t>> {
        debug_assert!(self.section.keys.contains(&key), "`{key}` is in no table of keys");
        self.entries
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(name, value)| field(&self.path, name, value))
    }

    /// The dotted path of a key of this table, which need not exist.
    pub(super) fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

impl<'t> Field<'t> {
    /// An item of the list in this field.
    pub(super) fn item(&self, index: usize, item: &'t Spanned<DeValue<'t>>) -> Self {
        Self {
            key: format!("{}[{index}]", self.key),
            name: "",
            key_span: item.span(),
            span: item.span(),
            value: item.get_ref(),
        }
    }

    /// The entries of the table in this field, whose keys the user chooses.
    pub(super) fn entries(&self) -> Option<Vec<Self>> {
        match self.value {
            DeValue::Table(entries) => {
                Some(entries.iter().map(|(name, value)| field(&self.key, name, value)).collect())
            }
            _ => None,
        }
    }
}

fn field<'t>(
    path: &str,
    name: &'t Spanned<std::borrow::Cow<'t, str>>,
    value: &'t Spanned<DeValue<'t>>,
) -> Field<'t> {
    Field {
        key: join(path, name.get_ref()),
        name: name.get_ref(),
        key_span: name.span(),
        span: value.span(),
        value: value.get_ref(),
    }
}

fn join(path: &str, key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let key = if !key.is_empty() && key.chars().all(bare) {
        Cow::Borrowed(key)
    } else {
        Cow::Owned(format!("\"{}\"", key.escape_debug()))
    };
    if path.is_empty() { key.into_owned() } else { [path, ".", &key].concat() }
}

/// The name of a value's type, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl Reader<'_> {
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place { file: self.file, span: span.clone() }
    }

    /// Notes a fault, unless there is a syntax error on the same line, where the tree is only a guess.
    pub(super) fn fault(
        &mut self,
        key: &str,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.clash(key, span, message, hint, None);
    }

    /// Notes a fault in the value of a field. Returns `None`, which the caller returns instead of the value.
    pub(super) fn refuse<T>(
        &mut self,
        field: &Field<'_>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Option<T> {
        self.fault(&field.key, &field.span, message, hint);
        None
    }

    /// Notes a fault like [`Reader::fault`], with another place that contradicts this one.
    pub(super) fn clash(
        &mut self,
        key: &str,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
        other: Option<(Place, &'static str)>,
    ) {
        if !self.doubtful(span) {
            self.findings.push(Finding {
                at: self.place(span),
                key: key.to_owned(),
                message: message.into(),
                hint,
                other,
            });
        }
    }

    fn doubtful(&self, span: &Range<usize>) -> bool {
        let line = self.lines.at(span.start);
        self.is_broken(&(line.start..span.end.max(line.end)))
    }

    /// Whether a syntax error begins in a span or at its end.
    fn is_broken(&self, span: &Range<usize>) -> bool {
        let next = self.broken.partition_point(|error| *error < span.start);
        self.broken.get(next).is_some_and(|error| *error <= span.end)
    }

    /// Notes that a required key is missing, unless a syntax error in the table may have hidden it.
    pub(super) fn missing(&mut self, table: &Table<'_>, key: &str, hint: &str) {
        let end = self.lines.header_after(table.span.end).saturating_sub(1);
        if !self.is_broken(&(table.span.start..end)) {
            self.fault(&table.key(key), &table.span, "is missing", Some(hint.to_owned()));
        }
    }

    /// Opens the table of the whole file.
    pub(super) fn root<'t>(
        &mut self,
        entries: &'t DeTable<'t>,
        section: &'static Section,
    ) -> Table<'t> {
        self.open(entries, 0..0, String::new(), section)
    }

    /// Opens a field that contains a table of known keys.
    pub(super) fn table<'t>(
        &mut self,
        field: &Field<'t>,
        section: &'static Section,
    ) -> Option<Table<'t>> {
        let DeValue::Table(entries) = field.value else {
            if section.secret {
                self.secrets.push(field.span.clone());
            }
            let hint = format!("known keys: {}", section.keys.join(", "));
            self.mistyped(field, "a table", Some(hint));
            return None;
        };
        Some(self.open(entries, field.span.clone(), field.key.clone(), section))
    }

    /// Opens a field that contains a list of such tables: `[[feeds]]`.
    pub(super) fn tables<'t>(
        &mut self,
        field: &Field<'t>,
        section: &'static Section,
    ) -> Vec<Table<'t>> {
        let header = format!("write the header as [[{}]], once for each", field.key);
        let DeValue::Array(items) = field.value else {
            self.hide_secrets(field);
            self.mistyped(field, "a list of tables", Some(header));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let item = field.item(index, item);
            match item.value {
                DeValue::Table(_) => tables.extend(self.table(&item, section)),
                _ => self.mistyped(&item, "a table", Some(header.clone())),
            }
        }
        tables
    }

    fn open<'t>(
        &mut self,
        entries: &'t DeTable<'t>,
        span: Range<usize>,
        path: String,
        section: &'static Section,
    ) -> Table<'t> {
        let table = Table { entries, span, path, section };
        for (name, value) in entries {
            let name_text = name.get_ref().as_ref();
            if section.keys.contains(&name_text) || name_text == UNREADABLE {
                continue;
            }
            let field = field(&table.path, name, value);
            if section.secret || sounds_secret(name_text) {
                self.secrets.push(field.span.clone());
            }
            self.hide_secrets(&field);
            let hint = if section.later.contains(&name_text) {
                NOT_YET.to_owned()
            } else if let Some(meant) = nearest(name_text, section.keys.iter().copied()) {
                format!("did you mean `{meant}`?")
            } else {
                format!("known here: {}", section.keys.join(", "))
            };
            self.fault(&field.key, &field.key_span, "unknown key", Some(hint));
        }
        table
    }

    /// Hides everything in a value that sounds like a secret. It is for values that are not read.
    fn hide_secrets(&mut self, field: &Field<'_>) {
        let mut rest: Vec<&DeValue<'_>> = vec![field.value];
        while let Some(value) = rest.pop() {
            match value {
                DeValue::Array(items) => rest.extend(items.iter().map(Spanned::get_ref)),
                DeValue::Table(entries) => {
                    for (name, value) in entries {
                        if sounds_secret(name.get_ref()) {
                            self.secrets.push(value.span());
                        }
                        rest.push(value.get_ref());
                    }
                }
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_) => {}
            }
        }
    }

    pub(super) fn mistyped(&mut self, field: &Field<'_>, expected: &str, hint: Option<String>) {
        let message = format!("expected {expected}, found {}", kind(field.value));
        self.fault(&field.key, &field.span, message, hint);
    }

    /// Reads a string that is not empty.
    pub(super) fn string<'t>(&mut self, field: &Field<'t>) -> Option<&'t str> {
        match field.value {
            DeValue::String(text) if text.trim().is_empty() => self.refuse(field, "is empty", None),
            DeValue::String(text) => (!self.doubtful(&field.span)).then_some(text.as_ref()),
            _ => {
                self.mistyped(field, "a string", None);
                None
            }
        }
    }

    /// Reads a string without control characters and without white space around it.
    pub(super) fn label<'t>(&mut self, field: &Field<'t>) -> Option<&'t str> {
        let text = self.string(field)?;
        if text.chars().any(char::is_control) || text.trim() != text {
            let message = "has control characters, or white space around it";
            return self.refuse(field, message, None);
        }
        Some(text)
    }

    /// Reads the items of a list.
    pub(super) fn fields<'t>(&mut self, table: &Table<'t>, key: &str) -> Vec<Field<'t>> {
        let Some(field) = table.get(key) else { return Vec::new() };
        let DeValue::Array(items) = field.value else {
            let hint = Some(format!("write {key} = [\"…\"]"));
            self.mistyped(&field, "a list of strings", hint);
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, item)| field.item(index, item)).collect()
    }

    /// Reads a list of strings. Invalid items are left out.
    pub(super) fn strings(&mut self, table: &Table<'_>, key: &str) -> Vec<String> {
        let items = self.fields(table, key);
        items.iter().filter_map(|item| self.label(item)).map(str::to_owned).collect()
    }

    pub(super) fn flag(&mut self, table: &Table<'_>, key: &str) -> Option<bool> {
        let field = table.get(key)?;
        match field.value {
            DeValue::Boolean(value) => (!self.doubtful(&field.span)).then_some(*value),
            DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
                let hint = format!("write {text} without quotes");
                self.mistyped(&field, "true or false", Some(hint));
                None
            }
            _ => {
                self.mistyped(&field, "true or false", None);
                None
            }
        }
    }

    /// Reads an integer within limits.
    pub(super) fn number(
        &mut self,
        table: &Table<'_>,
        key: &str,
        limits: RangeInclusive<u64>,
    ) -> Option<u64> {
        let field = table.get(key)?;
        let DeValue::Integer(integer) = field.value else {
            let hint = match field.value {
                DeValue::String(text) if text.parse::<u64>().is_ok() => {
                    Some(format!("write {text} without quotes"))
                }
                _ => None,
            };
            self.mistyped(&field, "an integer", hint);
            return None;
        };
        // A number that does not fit into 128 bits is out of range like any other.
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.and_then(|number| u64::try_from(number).ok());
        let number = number.filter(|number| limits.contains(number));
        if number.is_none() {
            let message = format!("must be from {} to {}", limits.start(), limits.end());
            self.fault(&field.key, &field.span, message, None);
        }
        number
    }

    /// Reads a duration such as `"1h30m"`, within limits.
    pub(super) fn duration(
        &mut self,
        table: &Table<'_>,
        key: &str,
        limits: &RangeInclusive<TimeDelta>,
    ) -> Option<TimeDelta> {
        let field = table.get(key)?;
        let DeValue::String(text) = field.value else {
            let hint = match field.value {
                DeValue::Integer(number) => {
                    format!("write \"{number}s\" for seconds or \"{number}m\" for minutes")
                }
                _ => "write it like \"90s\", \"1h30m\" or \"7d\"".to_owned(),
            };
            self.mistyped(&field, "a duration", Some(hint));
            return None;
        };
        self.within(&field, units::duration(text), limits, units::duration_text)
    }

    /// Reads a size, `"16MiB"` or a number of bytes, within limits.
    pub(super) fn size(
        &mut self,
        table: &Table<'_>,
        key: &str,
        limits: RangeInclusive<u64>,
    ) -> Option<u64> {
        let field = table.get(key)?;
        let bytes = match field.value {
            DeValue::String(text) => units::size(text),
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| "is no number of bytes".to_owned()),
            _ => {
                let hint = "write it like \"16MiB\" or \"500kB\"".to_owned();
                self.mistyped(&field, "a size", Some(hint));
                return None;
            }
        };
        self.within(&field, bytes, &limits, units::size_text)
    }

    /// The value if it is within the limits. Otherwise a fault is noted.
    fn within<T: Copy + PartialOrd>(
        &mut self,
        field: &Field<'_>,
        value: Result<T, String>,
        limits: &RangeInclusive<T>,
        text: fn(T) -> String,
    ) -> Option<T> {
        let message = match value {
            Ok(value) if limits.contains(&value) => return Some(value),
            Ok(_) => {
                format!("must be from {} to {}", text(*limits.start()), text(*limits.end()))
            }
            Err(message) => message,
        };
        self.refuse(field, message, None)
    }
}
