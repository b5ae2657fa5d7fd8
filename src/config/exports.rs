//! Reads the `[[exports]]` tables that write files, and the filters of all exports.

use std::collections::HashMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use toml::de::DeValue;

use crate::config::fault::Place;
use crate::config::hooks::{BATCH, Consumers, DEFAULT_BATCH};
use crate::config::keys::{EXPORT, nearest};
use crate::config::reader::{Field, Reader, Table};
use crate::config::secrets::{read_regular, reason};
use crate::config::sections::Defaults;
use crate::config::{DEFAULT_LIMIT, ExportConfig, ExportHeading, FileTarget, Target, Trigger};
use crate::domain::query::{Query, When};
use crate::domain::time::Zone;
use crate::domain::units;
use crate::export::{Format, Shape, Template};
use crate::search::filter;

/// Files that no export may overwrite, and the place where each was named.
pub(super) type Taken = HashMap<PathBuf, Option<Place>>;

/// A path without `.` and `..`. Symbolic links are not resolved, and the file need not exist.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                plain.push(component);
            }
        }
    }
    plain
}

impl Reader<'_> {
    pub(super) fn exports(
        &mut self,
        root: &Table<'_>,
        defaults: &Defaults,
        taken: &mut Taken,
    ) -> Vec<ExportConfig> {
        let Some(field) = root.get("exports") else { return Vec::new() };
        let tables = self.tables(&field, &EXPORT);
        let mut consumers = Consumers::new();
        let export = |table| self.export(table, defaults, taken, &mut consumers);
        tables.iter().filter_map(export).collect()
    }

    fn export(
        &mut self,
        table: &Table<'_>,
        defaults: &Defaults,
        taken: &mut Taken,
        consumers: &mut Consumers,
    ) -> Option<ExportConfig> {
        let kind = self.kind_of_export(table);
        let file = kind == Some("path");
        let target = match kind {
            None => None,
            Some("path") => {
                let (path, shape) = (self.target(table, taken), self.shape(table));
                let heading = self.heading(table);
                path.zip(shape)
                    .map(|(path, shape)| Target::File(FileTarget { path, shape, heading }))
            }
            Some(_) => self.hook(table, consumers).map(Target::Hook),
        };
        let trigger = self.trigger(table, defaults);
        let query = self.query(table, file, defaults.shown_zone);
        Some(ExportConfig { target: target?, trigger: trigger?, query })
    }

    fn heading(&mut self, table: &Table<'_>) -> ExportHeading {
        let title = table.get("title").and_then(|field| self.label(&field).map(str::to_owned));
        let page = "write the address of a page, such as \"https://example.org/news/\"";
        let file = "write the address at which the file is published, such as \"https://example.org/news.atom\"";
        ExportHeading {
            title,
            home_page_url: self.web_address(table, "home_page_url", page),
            feed_url: self.web_address(table, "self", file),
        }
    }

    fn target(&mut self, table: &Table<'_>, taken: &mut Taken) -> Option<PathBuf> {
        let field = table.get("path")?;
        let path = self.path(&field)?;
        let is_folder = matches!(field.value, DeValue::String(text) if text.ends_with('/'));
        if is_folder || path.is_dir() {
            let hint = "name a file in it".to_owned();
            return self.refuse(&field, "is a folder", Some(hint));
        }
        let here = self.place(&field.span);
        match taken.get(&plain(&path)) {
            Some(Some(first)) => {
                let other = Some((first.clone(), "first given here"));
                let hint = Some("give each export a file of its own".to_owned());
                let message = "another export is written to this file";
                self.clash(&field.key, &field.span, message, hint, other);
            }
            Some(None) => {
                let hint = Some("choose another file".to_owned());
                let message = "the export would overwrite the store or the configuration";
                self.fault(&field.key, &field.span, message, hint);
            }
            None => {
                taken.insert(plain(&path), Some(here));
            }
        }
        Some(path)
    }

    fn shape(&mut self, table: &Table<'_>) -> Option<Shape> {
        let names = || Format::NAMES.iter().copied();
        let known = || {
            let names = names().collect::<Vec<_>>().join(", ");
            format!("known formats: {names}, template=FILE")
        };
        let Some(field) = table.get("format") else {
            self.missing(table, "format", &known());
            return None;
        };
        let text = self.string(&field)?;
        if let Some(file) = text.strip_prefix("template=") {
            return self.template(&field, file).map(Shape::Template);
        }
        if let Some(format) = Format::parse(text) {
            return Some(Shape::Format(format));
        }
        let hint = match nearest(text, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => known(),
        };
        self.refuse(&field, "unknown format", Some(hint))
    }

    /// Reads a template together with the configuration, so that a fault in it is reported before it is needed.
    fn template(&mut self, field: &Field<'_>, file: &str) -> Option<Template> {
        if file.trim().is_empty() {
            let hint = "name its file: template=page.html.j2".to_owned();
            return self.refuse(field, "names no template", Some(hint));
        }
        let path = self.base.join(file);
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let read = read_regular(&path).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
        });
        let source = match read {
            Ok(source) => source,
            Err(error) => {
                let message = format!("cannot read {}: {}", path.display(), reason(&error));
                return self.refuse(field, message, None);
            }
        };
        match Template::parse(&name, &source) {
            Ok(template) => Some(template),
            Err(fault) => {
                let hint = "the language is that of Jinja 2; docs/templates.md".to_owned();
                self.refuse(field, fault.to_string(), Some(hint))
            }
        }
    }

    fn trigger(&mut self, table: &Table<'_>, defaults: &Defaults) -> Option<Trigger> {
        let cadence = self.cadence(table, defaults.zone);
        let on_change = self.flag(table, "on_change");
        let field = table.get("on_change");
        let other = table.get("every").or_else(|| table.get("cron"));
        match (&field, other) {
            (Some(field), Some(other)) => {
                let other = Some((self.place(&other.key_span), "given here"));
                let hint = Some("keep one of every, cron and on_change".to_owned());
                let message = "a time is given as well";
                self.clash(&field.key, &field.key_span, message, hint, other);
            }
            (Some(field), None) if on_change == Some(false) => {
                let hint = "give every or cron in its place, or write true".to_owned();
                let message = "this export would never be written";
                self.fault(&field.key, &field.span, message, Some(hint));
            }
            // A change of health is reported when it happens.
            (None, None) if table.get("on").is_some() => return Some(Trigger::OnChange),
            (None, None) => {
                self.missing(table, "every", "give one of every, cron and on_change = true");
            }
            (Some(_) | None, None | Some(_)) => {}
        }
        match on_change {
            Some(true) => Some(Trigger::OnChange),
            Some(false) | None => cadence.map(Trigger::Cadence),
        }
    }

    fn query(&mut self, table: &Table<'_>, file: bool, zone: Zone) -> Query {
        let (limits, default) =
            if file { (1..=1_000_000_000, DEFAULT_LIMIT) } else { (BATCH, DEFAULT_BATCH) };
        let limit = self.number(table, "limit", limits).unwrap_or(default);
        let since = self.moment(table, "since", zone);
        let until = self.moment(table, "until", zone);
        if let (Some(since), Some(until)) = (since, until)
            && until.resolve(self.now) <= since.resolve(self.now)
            && let (Some(field), Some(other)) = (table.get("until"), table.get("since"))
        {
            let other = Some((self.place(&other.span), "not before this"));
            let message = "no article lies between `since` and `until`";
            self.clash(&field.key, &field.span, message, None, other);
        }
        let mut query = Query {
            limit: Some(limit),
            since,
            until,
            seen_since: self.moment(table, "seen_since", zone),
            feeds: self.strings(table, "feeds"),
            tags: self.strings(table, "tags"),
            with_duplicates: self.flag(table, "with_duplicates").unwrap_or(false),
            sightings: self.flag(table, "sightings").unwrap_or(false),
            ..Query::default()
        };
        if query.with_duplicates
            && query.sightings
            && let Some(field) = table.get("sightings")
        {
            let message = "goes without `with_duplicates`";
            let hint = "each sighting is an article of its own there; remove one of the two";
            self.fault(&field.key, &field.key_span, message, Some(hint.to_owned()));
        }
        for key in ["language", "author", "search", "story"] {
            self.filter(&mut query, table, key);
        }
        query
    }

    /// Reads a filter. It has the form that it has on the command line, or is a list where it may be given more
    /// than once.
    fn filter(&mut self, query: &mut Query, table: &Table<'_>, key: &str) {
        let Some(field) = table.get(key) else { return };
        let items = match field.value {
            DeValue::Array(_) if key != "search" => self.fields(table, key),
            _ => vec![field],
        };
        for item in items {
            if let Some(text) = self.label(&item)
                && let Err(message) = filter::set(query, key, text, (self.now, Zone::UTC))
            {
                self.fault(&item.key, &item.span, message, None);
            }
        }
    }

    fn moment(&mut self, table: &Table<'_>, key: &str, zone: Zone) -> Option<When> {
        let field = table.get(key)?;
        let moment = match field.value {
            DeValue::String(text) => units::when(text, self.now, zone),
            DeValue::Datetime(date) => units::when(&date.to_string(), self.now, zone),
            _ => {
                let hint = "write it like \"7d\" or \"2024-08-20\"".to_owned();
                self.mistyped(&field, "a moment", Some(hint));
                return None;
            }
        };
        match moment {
            Ok(moment) => Some(moment),
            Err(message) => self.refuse(&field, message, None),
        }
    }
}
