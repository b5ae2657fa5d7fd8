//! Edits the list of feeds in the configuration files. Comments, order and line ends stay.
//!
//! Nothing is written here. An [`Edit`] contains the new texts, and [`Edit::check`] checks them before the caller
//! writes them, so that an invalid configuration is never written.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{
    Array, ArrayOfTables, Decor, DocumentMut, InlineTable, Item, Table, TableLike, Value,
};

use crate::config::feeds::user_info_end;
use crate::config::load::{Lists, load_with};
use crate::config::{Config, ConfigErrors, FeedConfig, Origin, OriginPlace};
use crate::domain::feed::FeedUrl;
use crate::domain::time::Timestamp;

/// A feed to add to the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFeed {
    pub url: FeedUrl,
    pub name: Option<String>,
    pub tags: Vec<String>,
    pub allow_private: bool,
    pub is_disabled: bool,
    pub full_text: bool,
    /// CSS selectors.
    pub select: Option<String>,
    pub remove: Option<String>,
}

impl NewFeed {
    /// A feed with nothing but an address.
    pub fn new(url: FeedUrl) -> Self {
        Self {
            url,
            name: None,
            tags: Vec::new(),
            allow_private: false,
            is_disabled: false,
            full_text: false,
            select: None,
            remove: None,
        }
    }
}

/// An address from a document of somebody else, as it may be written into the configuration: there `${NAME}` is a variable
/// of the environment, whose value would be sent to the server of that address. Servers read `%7B` as `{`.
pub fn without_variables(url: FeedUrl) -> FeedUrl {
    if !url.as_str().contains("${") {
        return url;
    }
    FeedUrl::parse(&url.as_str().replace("${", "$%7B")).unwrap_or(url)
}

/// The reason why a configuration file cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("could not read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not TOML")]
    Syntax { path: PathBuf, source: toml_edit::TomlError },
    /// The feed is in a list (`[[feed_lists]]`).
    #[error(
        "{path}:{line} is this feed, and a list is not edited here: change that line; or write a [[feeds]] table \
         with its url, which takes the place of the line (enabled = false stops polling)"
    )]
    InList { path: PathBuf, line: u32 },
    /// The file has changed since the configuration was read.
    #[error("{path} has just been changed by somebody else; try again")]
    Changed { path: PathBuf },
}

/// Configuration files that are edited in memory.
#[derive(Debug, Default)]
pub struct Edit {
    files: BTreeMap<PathBuf, File>,
}

#[derive(Debug)]
struct File {
    before: String,
    document: DocumentMut,
}

impl Edit {
    fn file(&mut self, path: &Path) -> Result<&mut DocumentMut, EditError> {
        if !self.files.contains_key(path) {
            let before = std::fs::read_to_string(path)
                .map_err(|source| EditError::Read { path: path.to_owned(), source })?;
            let document = before
                .parse()
                .map_err(|source| EditError::Syntax { path: path.to_owned(), source })?;
            self.files.insert(path.to_owned(), File { before, document });
        }
        let file = self.files.get_mut(path).map(|file| &mut file.document);
        file.ok_or_else(|| EditError::Changed { path: path.to_owned() })
    }

    /// Adds feeds at the end of the list in the main file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn add(&mut self, main: &Path, feeds: &[NewFeed]) -> Result<(), EditError> {
        let document = self.file(main)?;
        let inline = document.get("feeds").is_some_and(Item::is_value);
        if inline {
            if let Some(list) = document.get_mut("feeds").and_then(Item::as_array_mut) {
                for feed in feeds {
                    push_inline(list, feed);
                }
            }
            return Ok(());
        }
        let first = !document.contains_key("feeds");
        // The comments of a file without tables stay above what is added.
        let comments = if first { document.trailing().as_str().map(str::to_owned) } else { None };
        if first {
            document.insert("feeds", Item::ArrayOfTables(ArrayOfTables::new()));
            document.set_trailing("");
        }
        let empty = document.as_table().len() == 1 && first;
        let keys = last_of_feeds(document).map(|place| take_commented_keys(document, place));
        let Some(list) = document.get_mut("feeds").and_then(Item::as_array_of_tables_mut) else {
            return Ok(()); // `check` says what `feeds` is instead.
        };
        for (i, feed) in feeds.iter().enumerate() {
            let mut table = Table::new();
            for (key, item) in fields(feed) {
                table.insert(key, Item::Value(item));
            }
            let before = comments.as_ref().or(keys.as_ref()).filter(|_| i == 0);
            let mut above = before.cloned().unwrap_or_default();
            if !above.is_empty() && !above.ends_with('\n') {
                above.push('\n');
            }
            if !(i == 0 && empty && above.is_empty()) {
                above.push('\n');
            }
            table.decor_mut().set_prefix(above);
            list.push(table);
        }
        Ok(())
    }

    /// Removes feeds, each from the file that contains it. Comments directly above a feed are removed too; those
    /// separated by an empty line stay.
    ///
    /// # Errors
    /// When a file cannot be read, or when the feed is no longer in its place.
    pub fn remove(&mut self, feeds: &[&FeedConfig]) -> Result<(), EditError> {
        let mut by_file: HashMap<&Path, Vec<usize>> = HashMap::new();
        for feed in feeds {
            by_file.entry(&feed.origin.file).or_default().push(table_of(feed)?);
        }
        for (path, mut places) in by_file {
            places.sort_unstable();
            let document = self.file(path)?;
            for place in places.into_iter().rev() {
                if !remove(document, place) {
                    return Err(EditError::Changed { path: path.to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Gives a feed another address. A user name and a password in the old address stay, if the new one is requested from
    /// a server too.
    ///
    /// # Errors
    /// When a file cannot be read, or when the feed is no longer in its place.
    pub fn readdress(&mut self, feed: &FeedConfig, url: &str) -> Result<(), EditError> {
        let path = &feed.origin.file;
        let changed = || EditError::Changed { path: path.to_path_buf() };
        let place = table_of(feed)?;
        let feeds = self.file(path)?.get_mut("feeds");
        let table: Option<&mut dyn TableLike> = match feeds {
            Some(Item::ArrayOfTables(list)) => list.get_mut(place).map(|table| table as _),
            Some(Item::Value(Value::Array(list))) => {
                list.get_mut(place).and_then(Value::as_inline_table_mut).map(|table| table as _)
            }
            _ => None,
        };
        let value = table.and_then(|table| table.get_mut("url")).and_then(Item::as_value_mut);
        let value = value.ok_or_else(changed)?;
        let old = value.as_str().ok_or_else(changed)?.trim();
        let start = old.find("://").map_or(0, |separator| separator + 3);
        let login = old.get(start..user_info_end(old)).unwrap_or_default();
        let new = match url.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => format!("{scheme}://{login}{rest}"),
            _ => url.to_owned(),
        };
        let decor = value.decor().clone();
        *value = Value::from(new);
        *value.decor_mut() = decor;
        Ok(())
    }

    /// Replaces the address of a feed in the `feeds` of all exports, which only the main file has.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn readdress_exports(
        &mut self,
        main: &Path,
        old: &FeedUrl,
        new: &str,
    ) -> Result<(), EditError> {
        let tables: Vec<&mut dyn TableLike> = match self.file(main)?.get_mut("exports") {
            Some(Item::ArrayOfTables(list)) => list.iter_mut().map(|table| table as _).collect(),
            Some(Item::Value(Value::Array(list))) => {
                let tables = list.iter_mut().filter_map(Value::as_inline_table_mut);
                tables.map(|table| table as _).collect()
            }
            _ => Vec::new(),
        };
        for table in tables {
            let feeds = table.get_mut("feeds").and_then(Item::as_array_mut);
            for value in feeds.into_iter().flat_map(Array::iter_mut) {
                let is_old = |text: &str| FeedUrl::parse(text).is_ok_and(|url| url == *old);
                if value.as_str().is_some_and(is_old) {
                    let decor = value.decor().clone();
                    *value = Value::from(new);
                    *value.decor_mut() = decor;
                }
            }
        }
        Ok(())
    }

    /// The files that changed: path, text before, text to write.
    pub fn changes(&self) -> Vec<(&Path, &str, String)> {
        let texts = self
            .files
            .iter()
            .map(|(path, file)| (path.as_path(), file.before.as_str(), file.text()));
        texts.filter(|(_, before, after)| before != after).collect()
    }

    /// Reads the configuration that the edited files would give.
    ///
    /// # Errors
    /// All faults of that configuration.
    pub fn check(
        &self,
        main: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        now: Timestamp,
    ) -> Result<Config, ConfigErrors> {
        let texts: HashMap<PathBuf, String> =
            self.changes().into_iter().map(|(path, _, after)| (path.to_owned(), after)).collect();
        load_with(main, environment, now, &texts, Lists::Read)
    }
}

/// The position of the table of a feed in its file.
fn table_of(feed: &FeedConfig) -> Result<usize, EditError> {
    let Origin { file, place } = &feed.origin;
    match place {
        OriginPlace::Table(index) => {
            usize::try_from(*index).map_err(|_| EditError::Changed { path: file.to_path_buf() })
        }
        OriginPlace::Line(line) => Err(EditError::InList { path: file.to_path_buf(), line: *line }),
    }
}

impl File {
    /// The text with the line ends and the byte-order mark of the original file.
    fn text(&self) -> String {
        let text = self.document.to_string();
        let blank = |text: &str| text.starts_with(['\r', '\n']);
        // When the first table is removed, the empty line after it remains.
        let trimmed =
            if blank(&self.before) { &text } else { text.trim_start_matches(['\r', '\n']) };
        let mut text = trimmed.to_owned();
        if self.before.contains("\r\n") {
            text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        }
        if self.before.starts_with('\u{feff}') && !text.starts_with('\u{feff}') {
            text.insert(0, '\u{feff}');
        }
        text
    }
}

/// The keys and values of a feed, in the order in which they are written.
fn fields(feed: &NewFeed) -> Vec<(&'static str, Value)> {
    let mut fields = vec![("url", Value::from(feed.url.as_str()))];
    fields.extend(feed.name.as_deref().map(|name| ("name", Value::from(name))));
    if !feed.tags.is_empty() {
        fields.push(("tags", feed.tags.iter().map(String::as_str).collect::<Array>().into()));
    }
    if feed.is_disabled {
        fields.push(("enabled", Value::from(false)));
    }
    if feed.allow_private {
        fields.push(("allow_private", Value::from(true)));
    }
    if feed.full_text {
        fields.push(("full_text", Value::from(true)));
    }
    fields.extend(feed.select.as_deref().map(|select| ("select", Value::from(select))));
    if let Some(remove) = &feed.remove {
        fields.push(("remove", [remove.as_str()].into_iter().collect::<Array>().into()));
    }
    fields
}

/// Adds a feed to `feeds = [{ … }]`, on its own line if the list has one line for each feed.
fn push_inline(list: &mut Array, feed: &NewFeed) {
    let mut table = InlineTable::new();
    for (key, item) in fields(feed) {
        table.insert(key, item);
    }
    let above = list.iter().last().and_then(|item| item.decor().prefix()?.as_str());
    let prefix = above.filter(|prefix| prefix.contains('\n')).map(|prefix| {
        let indent = prefix.rsplit('\n').next().unwrap_or_default();
        format!("\n{indent}")
    });
    let mut item = Value::InlineTable(table);
    if let Some(prefix) = prefix {
        *item.decor_mut() = Decor::new(prefix, "");
        list.push_formatted(item);
    } else {
        list.push(item);
    }
}

/// Removes the feed at this place. Returns whether there was one.
fn remove(document: &mut DocumentMut, place: usize) -> bool {
    match document.get_mut("feeds") {
        Some(Item::ArrayOfTables(list)) if place < list.len() => {
            let removed = list.remove(place);
            let (own, end) = (removed.position(), last_position(&removed));
            if list.is_empty() {
                document.remove("feeds");
            }
            if let Some(end) = end {
                take_commented_keys(document, end);
            }
            let kept = removed.decor().prefix().and_then(|text| text.as_str()).map(others);
            if let Some(kept) = kept.filter(|kept| !kept.trim().is_empty()) {
                give(document, own, &kept);
            }
            true
        }
        Some(Item::Value(Value::Array(list))) if place < list.len() => {
            list.remove(place);
            true
        }
        _ => false,
    }
}

/// The lines above a table that are separated from it by an empty line, such as a heading.
fn others(above: &str) -> String {
    let normal = above.replace("\r\n", "\n");
    match normal.rfind("\n\n") {
        Some(end) => normal.get(..end + 2).unwrap_or_default().to_owned(),
        None => String::new(),
    }
}

/// Removes the commented keys (`#name = "…"`) directly below the table at a place in the document, and returns them: they
/// belong to that table. In the document they are a part of what follows.
fn take_commented_keys(document: &mut DocumentMut, place: isize) -> String {
    let mut taken = String::new();
    edit_text_after(document, Some(place), |text| {
        let (keys, rest) = text.split_at(end_of_commented_keys(text));
        keys.clone_into(&mut taken);
        rest.to_owned()
    });
    taken
}

/// The end of the last commented key before the first empty line.
fn end_of_commented_keys(text: &str) -> usize {
    let is_key = |line: &str| {
        let key = line.trim_start().strip_prefix('#')?.split_once('=')?.0.trim();
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-.\"".contains(c);
        (!key.is_empty() && key.chars().all(is_bare)).then_some(())
    };
    let mut end = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n').take_while(|line| !line.trim().is_empty()) {
        at += line.len();
        if is_key(line).is_some() {
            end = at;
        }
    }
    end
}

/// The place of the last table of the list of feeds, with the tables in it.
fn last_of_feeds(document: &DocumentMut) -> Option<isize> {
    last_position(document.get("feeds")?.as_array_of_tables()?.iter().last()?)
}

/// The place of a table, or of the last table in it.
fn last_position(table: &Table) -> Option<isize> {
    let inner = table.iter().flat_map(|(_, item)| match item {
        Item::Table(table) => vec![table],
        Item::ArrayOfTables(list) => list.iter().collect(),
        Item::Value(_) | Item::None => Vec::new(),
    });
    inner.filter_map(last_position).chain(table.position()).max()
}

/// Inserts comments above the item that follows a place in the document.
fn give(document: &mut DocumentMut, place: Option<isize>, comments: &str) {
    edit_text_after(document, place, |own| format!("{comments}{}", own.trim_start_matches('\n')));
}

/// Changes the text between the table at a place in the document and the next table, or the end. Without a place it is the
/// text at the end.
fn edit_text_after(
    document: &mut DocumentMut,
    place: Option<isize>,
    edit: impl FnOnce(&str) -> String,
) {
    fn next<'t>(table: &'t mut Table, after: isize, found: &mut Vec<(isize, &'t mut Table)>) {
        for (_, item) in table.iter_mut() {
            match item {
                Item::Table(table) => consider(table, after, found),
                Item::ArrayOfTables(list) => {
                    list.iter_mut().for_each(|table| consider(table, after, found));
                }
                Item::Value(_) | Item::None => {}
            }
        }
    }
    fn consider<'t>(table: &'t mut Table, after: isize, found: &mut Vec<(isize, &'t mut Table)>) {
        match table.position() {
            Some(place) if after < place => found.push((place, table)),
            Some(_) | None => next(table, after, found),
        }
    }
    let mut tables = Vec::new();
    next(document.as_table_mut(), place.unwrap_or(isize::MAX), &mut tables);
    tables.sort_by_key(|(place, _)| *place);
    if let Some((_, table)) = tables.into_iter().next() {
        let own = table.decor().prefix().and_then(|text| text.as_str()).unwrap_or_default();
        let text = edit(own);
        table.decor_mut().set_prefix(text);
        return;
    }
    let own = document.trailing().as_str().unwrap_or_default().to_owned();
    document.set_trailing(edit(&own));
}

#[cfg(test)]
mod tests;
