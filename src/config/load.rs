//! Loads a [`Config`] from its files, or returns all faults of them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use toml::de::DeTable;

use crate::config::exports::{Taken, plain};
use crate::config::fault::{Finding, Place, Source};
use crate::config::feed_lists::{FeedList, ListReader};
use crate::config::feeds::Given;
use crate::config::keys::{INCLUDED, ROOT};
use crate::config::lines::Lines;
use crate::config::reader::{Reader, Table};
use crate::config::secrets::{read_regular, reason};
use crate::config::sections::{Defaults, machine_zone};
use crate::config::syntax::repair;
use crate::config::{
    Config, ConfigErrors, ExportConfig, FeedConfig, FullTextConfig, ServerConfig, StoreConfig,
};
use crate::domain::request::FetchSettings;
use crate::domain::time::{Timestamp, Zone};
use crate::feed::entry_filter::Rule;

/// Reads the configuration at `path`, with the files it includes, and checks all of it.
///
/// Environment variables come from `environment`. A cron expression must fire after `now`.
///
/// # Errors
/// All faults of all files.
pub fn load(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Result<Config, ConfigErrors> {
    load_with(path, environment, now, &HashMap::new(), Lists::Read)
}

/// Loads like [`load`], but reads no list of feeds (`[[feed_lists]]`). It is for commands that need none of the feeds: a list may
/// be long.
///
/// # Errors
/// As [`load`].
pub fn load_without_lists(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Result<Config, ConfigErrors> {
    load_with(path, environment, now, &HashMap::new(), Lists::LeaveOut)
}

/// Whether the files of `[[feed_lists]]` are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    Read,
    LeaveOut,
}

/// Loads like [`load`], but uses `texts` instead of the content of some files.
pub(super) fn load_with(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
    texts: &HashMap<PathBuf, String>,
    lists: Lists,
) -> Result<Config, ConfigErrors> {
    // This fails only without a current folder; then only an absolute path is usable, and it stays as it is.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let base = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    let mut files =
        Files { base: &base, environment, now, texts, sources: Vec::new(), findings: Vec::new() };
    let mut given = Given::default();
    let main = files.read(&absolute, path, None, |reader, tree| {
        let root = reader.root(tree, &ROOT);
        reader.main(&root, &absolute, &mut given)
    });
    let Some(mut main) = main else {
        return Err(ConfigErrors::new(&files.sources, files.findings));
    };
    let Included { mut feeds, lists: mut named } = files.included(&main, path, &mut given);
    main.feeds.append(&mut feeds);
    main.lists.append(&mut named);
    let mut notes = Vec::new();
    if lists == Lists::Read && !main.lists.is_empty() {
        let known = (&main.defaults, now, &given);
        let faults = (&mut files.sources, &mut files.findings);
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut reader = ListReader::new(known, folder, faults, std::mem::take(&mut main.feeds));
        main.lists.iter().for_each(|list| reader.read(list));
        (main.feeds, notes) = reader.finish();
    }
    if !files.findings.is_empty() {
        return Err(ConfigErrors::new(&files.sources, files.findings));
    }
    let watched = main.reload_on_change.then(|| {
        let included = main.includes.into_iter().map(|(file, _)| file);
        let lists = main.lists.into_iter().map(|list| list.path);
        std::iter::once(absolute.clone()).chain(included).chain(lists).collect()
    });
    Ok(Config {
        watched,
        path: absolute,
        store: main.store,
        fetch: main.fetch,
        full_text: main.full_text,
        server: main.server,
        entry_filter: main.defaults.entry_filter,
        zone: main.zone,
        hide_future: main.hide_future,
        feeds: main.feeds.into(),
        notes,
        exports: main.exports,
    })
}

/// What the included files name.
#[derive(Default)]
struct Included {
    feeds: Vec<FeedConfig>,
    lists: Vec<FeedList>,
}

/// The content of the main file, as far as it could be read.
struct Main {
    store: StoreConfig,
    defaults: Defaults,
    zone: Zone,
    hide_future: bool,
    reload_on_change: bool,
    fetch: FetchSettings,
    full_text: FullTextConfig,
    server: Option<ServerConfig>,
    feeds: Vec<FeedConfig>,
    lists: Vec<FeedList>,
    /// The included files, and the place where each was named.
    includes: Vec<(PathBuf, Place)>,
    exports: Vec<ExportConfig>,
}

/// The files read so far, and their faults.
struct Files<'a> {
    base: &'a Path,
    environment: &'a dyn Fn(&str) -> Option<String>,
    now: Timestamp,
    /// Texts to use instead of the files with these absolute paths.
    texts: &'a HashMap<PathBuf, String>,
    sources: Vec<Source>,
    findings: Vec<Finding>,
}

impl Files<'_> {
    /// Reads the included files. `path` is that of the main file as the user gave it.
    fn included(&mut self, main: &Main, path: &Path, given: &mut Given) -> Included {
        let mut included = Included::default();
        for (file, named_at) in &main.includes {
            let shown = match (path.parent(), file.strip_prefix(self.base)) {
                (Some(folder), Ok(rest)) => folder.join(rest),
                _ => file.clone(),
            };
            let read = self.read(file, &shown, Some(named_at), |reader, tree| {
                let root = reader.root(tree, &INCLUDED);
                let feeds = reader.feeds(&root, &main.defaults, given);
                (feeds, reader.feed_lists(&root, &main.defaults))
            });
            let (feeds, lists) = read.unwrap_or_default();
            included.feeds.extend(feeds);
            included.lists.extend(lists);
        }
        included
    }

    /// Reads one file and calls `walk` with its tree. Returns `None` if the file cannot be read; the fault is then
    /// at `named_at`, or else at the file itself.
    fn read<T>(
        &mut self,
        path: &Path,
        shown: &Path,
        named_at: Option<&Place>,
        walk: impl FnOnce(&mut Reader<'_>, &DeTable<'_>) -> T,
    ) -> Option<T> {
        let file = self.sources.len();
        let shown = shown.display().to_string();
        let stand_in = self.texts.get(path).map(|text| text.clone().into_bytes());
        let bytes = match stand_in.map_or_else(|| read_regular(path), Ok) {
            Ok(bytes) => bytes,
            Err(error) => {
                let (at, key) = if let Some(place) = named_at {
                    (place.clone(), "include".to_owned())
                } else {
                    self.sources.push(Source { path: shown.clone(), ..Source::default() });
                    (Place { file, span: 0..0 }, String::new())
                };
                let message = format!("cannot read {shown}: {}", reason(&error));
                let hint = named_at
                    .is_none()
                    .then(|| "`gazetted init` writes a configuration to start with".to_owned());
                self.findings.push(Finding { at, key, message, hint, other: None });
                return None;
            }
        };
        let mut findings = Vec::new();
        let mut fault = |span: Range<usize>, message: String, hint: Option<String>| {
            let at = Place { file, span };
            findings.push(Finding { at, key: String::new(), message, hint, other: None });
        };
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            let at = error.utf8_error().valid_up_to();
            let hint = "save the file as UTF-8".to_owned();
            fault(at..at, "not UTF-8 text from here on".to_owned(), Some(hint));
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        let (mut tree, errors) = DeTable::parse_recoverable(&text);
        // Most files have no syntax error, and are parsed once.
        let (repaired, errors) = if errors.is_empty() { Default::default() } else { repair(&text) };
        if !errors.is_empty() {
            tree = DeTable::parse_recoverable(&repaired).0;
        }
        let mut broken: Vec<Range<usize>> = Vec::new();
        for error in errors {
            broken.push(error.span.clone());
            fault(error.span, error.message, error.hint.map(str::to_owned));
        }
        let breaks = sorted_starts(&broken);
        let lines = Lines::of(&text);
        let mut reader = Reader {
            file,
            path,
            text: &text,
            lines: &lines,
            base: self.base,
            environment: self.environment,
            now: self.now,
            findings,
            secrets: Vec::new(),
            broken: &breaks,
        };
        let result = walk(&mut reader, tree.get_ref());
        let Reader { findings, secrets, .. } = reader;
        self.findings.extend(findings);
        self.sources.push(Source { path: shown, text, secrets, broken, line_of_list: None });
        Some(result)
    }
}

fn sorted_starts(spans: &[Range<usize>]) -> Vec<usize> {
    let mut starts: Vec<usize> = spans.iter().map(|span| span.start).collect();
    starts.sort_unstable();
    starts
}

impl Reader<'_> {
    /// Reads the main file.
    fn main(&mut self, root: &Table<'_>, main: &Path, given: &mut Given) -> Main {
        let zone = self.zone(root).unwrap_or_else(|| machine_zone(self.environment));
        let mut defaults = Defaults { zone, shown_zone: zone, ..Defaults::default() };
        self.schedule(root, &mut defaults);
        defaults.entry_filter = self.entry_filter(root);
        defaults.quiet_start = self.flag(root, "quiet_start").unwrap_or_default();
        let fetch = self.fetch(root, &mut defaults);
        let full_text = self.full_text(root, &mut defaults.full_text);
        let server = self.server(root, zone);
        let feeds = self.feeds(root, &defaults, given);
        let lists = self.feed_lists(root, &defaults);
        let includes = self.includes(root, main);
        let store = self.store(root);
        let hide_future = self.flag(root, "hide_future").unwrap_or(false);
        let reload_on_change = self.flag(root, "reload_on_change").unwrap_or(false);
        let mut taken = Taken::new();
        if let Some(file) = store.location.local_file() {
            for ending in ["", "-wal", "-shm"] {
                let mut name = plain(file).into_os_string();
                name.push(ending);
                taken.insert(name.into(), None);
            }
        }
        let more = includes.iter().map(|(path, _)| path.as_path());
        let listed = lists.iter().map(|list| list.path.as_path());
        for file in more.chain(listed).chain([main]) {
            taken.insert(plain(file), None);
        }
        let exports = self.exports(root, &defaults, &mut taken);
        Main {
            store,
            defaults,
            zone,
            hide_future,
            reload_on_change,
            fetch,
            full_text,
            server,
            feeds,
            lists,
            includes,
            exports,
        }
    }

    /// The files that match the patterns of `include`, each once and without the main file. The rules in `include` are
    /// left out.
    fn includes(&mut self, root: &Table<'_>, main: &Path) -> Vec<(PathBuf, Place)> {
        let mut files: Vec<(PathBuf, Place)> = Vec::new();
        for item in self.fields(root, "include") {
            let Some(pattern) = self.label(&item) else { continue };
            if Rule::names_a_field(pattern) {
                continue; // A rule for the entries of all feeds.
            }
            let wild = pattern.contains(['*', '?', '[']);
            if !wild {
                files.push((self.base.join(pattern), self.place(&item.span)));
                continue;
            }
            let folder = Pattern::escape(&self.base.to_string_lossy());
            let full = if Path::new(pattern).is_absolute() {
                pattern.to_owned()
            } else {
                format!("{folder}/{pattern}")
            };
            let options = MatchOptions {
                require_literal_separator: true,
                require_literal_leading_dot: true,
                case_sensitive: true,
            };
            match glob::glob_with(&full, options) {
                Ok(paths) => {
                    for path in paths {
                        match path {
                            Ok(path) if path.is_dir() => {}
                            Ok(path) => files.push((path, self.place(&item.span))),
                            Err(error) => {
                                let folder = error.path().display();
                                let message =
                                    format!("cannot read {folder}: {}", reason(error.error()));
                                self.fault(&item.key, &item.span, message, None);
                            }
                        }
                    }
                }
                Err(error) => {
                    let message = format!("not a pattern of file names: {}", error.msg);
                    self.fault(&item.key, &item.span, message, None);
                }
            }
        }
        let mut seen = HashSet::from([plain(main)]);
        files.retain(|(path, _)| seen.insert(plain(path)));
        files
    }
}
