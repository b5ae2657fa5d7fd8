//! Reads `[[feed_lists]]`: long lists of feeds in CSV, JSON lines or OPML, one line for each feed.
//!
//! A list may come from elsewhere. What it says is therefore less than what a `[[feeds]]` table says: `${NAME}` is no variable
//! of the environment, an address of a file is refused, and there is no column for headers, programs, proxies or addresses
//! on the user's own network. The table says that for the whole list.
//!
//! A feed that a `[[feeds]]` table or an earlier line has already is left out with a note, because long lists overlap, and a
//! table is how a user gives one feed of a list other settings. All other faults refuse the configuration as a whole.

use std::collections::HashMap;
use std::fs::File;
use std::hash::BuildHasherDefault;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::article_page::extract::is_selector;
use crate::article_page::model::SiteRules;
use crate::config::fault::{Finding, Place, Source};
use crate::config::feeds::{Given, credentials};
use crate::config::keys::FEED_LIST;
use crate::config::list_lines::{Cell, Cells, Csv, LineFault, json};
use crate::config::reader::{Reader, Table};
use crate::config::secrets::reason;
use crate::config::sections::{Defaults, INTERVAL, KEEP, MAX_ENTRIES, TIMEOUT, cron_of};
use crate::config::{FeedConfig, FeedSettings, Keep, Note, Origin, OriginPlace};
use crate::domain::feed::{FeedSpec, FeedUrl, InvalidFeedUrl};
use crate::domain::request::{BasicAuth, RequestSpec};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::domain::units;
use crate::feed::opml::{Outline, is_cut_off, opml};
use crate::polling::schedule::{Cadence, Policy};

/// The longest line of a list, in bytes. It bounds the memory for a file that is no list.
const MAX_LINE: u64 = 64 * 1024;

/// The size limit of an OPML file, in bytes: it is read as a whole, as by `feeds import`.
const MAX_OPML: u64 = 64 * 1024 * 1024;

/// How many faults and how many notes of a list are shown. A list in the wrong format has one in each line.
const SHOWN: usize = 20;

/// The format of a list, by the end of its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Tsv,
    JsonLines,
    Opml,
}

/// One of `[[feed_lists]]`, whose file is not read yet.
#[derive(Clone, Debug)]
pub(super) struct FeedList {
    /// Absolute.
    pub(super) path: PathBuf,
    /// The path as the user wrote it.
    written: String,
    named_at: Place,
    /// The dotted path of the key `file`.
    key: String,
    format: Format,
    /// Of all feeds of the list.
    tags: Vec<String>,
    enabled: bool,
    /// `None` for what `[full_text]` says.
    full_text: Option<bool>,
    settings: FeedSettings,
}

impl Reader<'_> {
    /// Reads the tables. A table whose file is not named is left out, and its fault is noted.
    pub(super) fn feed_lists(&mut self, root: &Table<'_>, defaults: &Defaults) -> Vec<FeedList> {
        let Some(field) = root.get("feed_lists") else { return Vec::new() };
        let tables = self.tables(&field, &FEED_LIST);
        tables.iter().filter_map(|table| self.feed_list(table, defaults)).collect()
    }

    fn feed_list(&mut self, table: &Table<'_>, defaults: &Defaults) -> Option<FeedList> {
        let file = table.get("file");
        if file.is_none() {
            self.missing(table, "file", "write file = \"feeds.csv\"");
        }
        let tags = self.strings(table, "tags");
        let enabled = self.flag(table, "enabled").unwrap_or(true);
        let full_text = self.flag(table, "full_text");
        let cadence = self.cadence(table, defaults.zone);
        let settings = FeedSettings {
            policy: Policy {
                cadence: cadence.unwrap_or_else(|| defaults.policy.cadence.clone()),
                obey_cache: self.flag(table, "obey_cache").unwrap_or(true),
                ..defaults.policy
            },
            request: RequestSpec {
                user_agent: self.user_agent(table),
                proxy: self.proxy(table),
                timeout: self.timeout(table, "timeout"),
                allow_private: self.flag(table, "allow_private").unwrap_or(false),
                ..RequestSpec::default()
            },
            max_entries: self.max_entries(table).unwrap_or(defaults.max_entries),
            quiet_start: self.flag(table, "quiet_start").unwrap_or(defaults.quiet_start),
            entry_filter: defaults.entry_filter.with(self.entry_filter(table)),
            keep: self.keep(table),
            map: None,
            full_text: false,
            page_rules: self.page_rules(table),
        };
        let file = file?;
        let written = self.string(&file)?.to_owned();
        let path = self.path(&file)?;
        let ends_with = |ends: &[&str]| {
            let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
            ends.iter().any(|known| end.eq_ignore_ascii_case(known))
        };
        let format = match () {
            () if ends_with(&["csv"]) => Format::Csv,
            () if ends_with(&["tsv"]) => Format::Tsv,
            () if ends_with(&["jsonl", "ndjson"]) => Format::JsonLines,
            () if ends_with(&["opml", "xml"]) => Format::Opml,
            () => {
                let hint = "the name of a list ends with .csv, .jsonl or .opml".to_owned();
                return self.refuse(&file, "the format of this list is unknown", Some(hint));
            }
        };
        let named_at = self.place(&file.span);
        let key = file.key;
        Some(FeedList { path, written, named_at, key, format, tags, enabled, full_text, settings })
    }
}

/// The index of a feed by a hash of its address or name. The text itself is compared with that of the feed.
type Known = HashMap<u64, u32, BuildHasherDefault<Xxh3Default>>;

/// Reads lists, after all `[[feeds]]` tables.
pub(super) struct ListReader<'a> {
    pub(super) defaults: &'a Defaults,
    pub(super) now: Timestamp,
    pub(super) given: &'a Given,
    /// The folder of the main file, as the user gave it.
    pub(super) folder: &'a Path,
    pub(super) sources: &'a mut Vec<Source>,
    pub(super) findings: &'a mut Vec<Finding>,
    feeds: Vec<FeedConfig>,
    urls: Known,
    names: Known,
    notes: Vec<Note>,
}

/// The list that is being read.
struct InHand<'l> {
    list: &'l FeedList,
    file: Arc<Path>,
    /// The path for messages.
    shown: String,
    faults: usize,
    /// How many lines are about a feed.
    lines: usize,
    /// How many feeds were given before.
    known: usize,
    /// The settings of the lines so far, by what the lines say of them.
    settings: HashMap<String, Arc<FeedSettings>>,
    /// The tags of the lines so far, by these tags.
    tags: HashMap<String, Arc<[String]>>,
}

impl<'a> ListReader<'a> {
    /// `feeds` are those of all tables.
    pub(super) fn new(
        (defaults, now, given): (&'a Defaults, Timestamp, &'a Given),
        folder: &'a Path,
        (sources, findings): (&'a mut Vec<Source>, &'a mut Vec<Finding>),
        feeds: Vec<FeedConfig>,
    ) -> Self {
        let (urls, names) = (Known::default(), Known::default());
        let notes = Vec::new();
        let mut reader = Self {
            defaults,
            now,
            given,
            folder,
            sources,
            findings,
            feeds: Vec::new(),
            urls,
            names,
            notes,
        };
        for feed in feeds {
            reader.add(feed);
        }
        reader
    }

    pub(super) fn finish(self) -> (Vec<FeedConfig>, Vec<Note>) {
        (self.feeds, self.notes)
    }

    /// Reads a list to its end. Its faults and notes are noted.
    pub(super) fn read(&mut self, list: &FeedList) {
        // A path with a variable may not be shown.
        let shown = if list.written.contains('$') {
            list.written.clone()
        } else {
            self.folder.join(&list.written).display().to_string()
        };
        let file = list.path.as_path().into();
        let (settings, tags) = (HashMap::new(), HashMap::new());
        let mut hand = InHand { list, file, shown, faults: 0, lines: 0, known: 0, settings, tags };
        let read = match list.format {
            Format::Csv | Format::Tsv => {
                let is_csv = matches!(hand.list.format, Format::Csv);
                let mut csv = if is_csv { Csv::default() } else { Csv::with_tabs() };
                self.lines(&mut hand, |line, faults| csv.read(line, faults))
            }
            Format::JsonLines => self.lines(&mut hand, json),
            Format::Opml => self.opml(&mut hand),
        };
        let fault = match read {
            Err(error) => Some((format!("cannot read {}: {}", hand.shown, reason(&error)), None)),
            // A program that writes the list may have failed. All feeds of the list would be retired.
            Ok(()) if hand.lines == 0 && hand.faults == 0 => {
                let hint = "if its feeds are no longer wanted, remove its [[feed_lists]] table";
                Some((format!("{} lists no feed", hand.shown), Some(hint.to_owned())))
            }
            Ok(()) => None,
        };
        if let Some((message, hint)) = fault {
            let (at, key) = (list.named_at.clone(), list.key.clone());
            self.findings.push(Finding { at, key, message, hint, other: None });
        }
        if let Some(more) = hand.faults.checked_sub(SHOWN).filter(|more| *more != 0) {
            let message = format!("and {more} more faults");
            let at = self.source_of_line(&hand, 0, String::new());
            let finding = Finding { at, key: String::new(), message, hint: None, other: None };
            self.findings.push(finding);
        }
        if let Some(more) = hand.known.checked_sub(SHOWN).filter(|more| *more != 0) {
            let message = format!("{more} more lines are left out: their feeds are given before");
            self.notes.push(Note { file: hand.shown, line: None, message });
        }
    }

    /// Reads a file line by line.
    fn lines(
        &mut self,
        hand: &mut InHand<'_>,
        mut cells_of: impl for<'t> FnMut(&'t str, &mut Vec<LineFault>) -> Option<Cells<'t>>,
    ) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(1 << 16, open(&hand.list.path)?);
        let (mut bytes, mut number) = (Vec::new(), 0_u32);
        let mut faults = Vec::new();
        loop {
            bytes.clear();
            if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
                return Ok(());
            }
            number = number.saturating_add(1);
            if MAX_LINE <= bytes.len() as u64 && bytes.last() != Some(&b'\n') {
                reader.skip_until(b'\n')?;
                let message = format!("the line is longer than {MAX_LINE} bytes");
                self.note_faults(hand, number, "", vec![LineFault::new("", 0..0, message)]);
                continue;
            }
            if number == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
                bytes.drain(..3);
            }
            let Ok(line) = std::str::from_utf8(&bytes) else {
                let fault = LineFault::new("", 0..0, "the line is not UTF-8 text");
                let fault = fault.with_hint("save the file as UTF-8");
                self.note_faults(hand, number, "", vec![fault]);
                continue;
            };
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(cells) = cells_of(line, &mut faults) {
                self.line(hand, number, &cells, &mut faults);
            }
            if !faults.is_empty() {
                let mut faults = std::mem::take(&mut faults);
                // An escape may hide from the redaction where credentials end.
                let is_shown = hand.list.format != Format::JsonLines || !line.contains(r"\u");
                if !is_shown {
                    for fault in &mut faults {
                        fault.span = 0..0;
                    }
                }
                self.note_faults(hand, number, if is_shown { line } else { "" }, faults);
            }
        }
    }

    /// Reads an OPML file as a whole.
    fn opml(&mut self, hand: &mut InHand<'_>) -> io::Result<()> {
        let mut body = Vec::new();
        open(&hand.list.path)?.take(MAX_OPML + 1).read_to_end(&mut body)?;
        if MAX_OPML < body.len() as u64 {
            let message = "it is larger than 64 MiB; write so many feeds as CSV or JSON lines";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let outlines = opml(&body).map_err(io::Error::other)?;
        if is_cut_off(&body) {
            // The feeds that are missing would be retired.
            let message = "it breaks off before </opml>; was it transferred completely?";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        drop(body);
        for outline in outlines {
            let number = u32::try_from(outline.line).unwrap_or(u32::MAX);
            let mut faults = Vec::new();
            let cells = cells_of_outline(&outline, &mut faults);
            if faults.is_empty() {
                self.line(hand, number, &cells, &mut faults);
            }
            if !faults.is_empty() {
                self.note_faults(hand, number, "", faults);
            }
        }
        Ok(())
    }

    /// Takes up the feed of a line.
    fn line(
        &mut self,
        hand: &mut InHand<'_>,
        number: u32,
        cells: &Cells<'_>,
        faults: &mut Vec<LineFault>,
    ) {
        hand.lines += 1;
        let get = |wanted: &str| cells.iter().find(|(key, _)| *key == wanted).map(|(_, cell)| cell);
        let Some(address) = get("url") else {
            let hint = "each line names the address of a feed; in OPML it is the attribute xmlUrl";
            faults.push(LineFault::new("url", 0..0, "is missing").with_hint(hint));
            return;
        };
        let address = address_of(address, faults);
        let name = get("name").and_then(|cell| label("name", cell, faults));
        let tags = tags(hand, cells, faults);
        let enabled = get("enabled").and_then(|cell| flag("enabled", cell, faults));
        let settings = self.settings(hand, cells, &tags, faults);
        let (Some((url, auth)), Some(settings), true) = (address, settings, faults.is_empty())
        else {
            return;
        };
        if self.given.has(&url) || self.find(&url).is_some() {
            self.note_known(hand, number, &url);
            return;
        }
        let settings = match auth {
            Some(auth) => {
                let mut own = FeedSettings::clone(&settings);
                own.request.basic_auth = Some(auth);
                Arc::new(own)
            }
            None => settings,
        };
        // Names tell feeds apart. A feed without a name is shown by its title.
        let name = name.filter(|name| !is_address(name) && !self.is_name_given(name));
        let enabled = enabled.unwrap_or(hand.list.enabled);
        let spec = Arc::new(FeedSpec { url, name: name.map(str::to_owned), tags, enabled });
        let origin = Origin { file: Arc::clone(&hand.file), place: OriginPlace::Line(number) };
        self.add(FeedConfig { spec, settings, origin });
    }

    fn add(&mut self, feed: FeedConfig) {
        let Ok(place) = u32::try_from(self.feeds.len()) else { return };
        self.urls.entry(xxh3_64(feed.spec.url.as_str().as_bytes())).or_insert(place);
        if let Some(name) = &feed.spec.name {
            self.names.entry(xxh3_64(name.as_bytes())).or_insert(place);
        }
        self.feeds.push(feed);
    }

    /// The feed with this address, if it was given before.
    fn find(&self, url: &FeedUrl) -> Option<&FeedConfig> {
        let place = *self.urls.get(&xxh3_64(url.as_str().as_bytes()))?;
        self.feeds.get(usize::try_from(place).ok()?).filter(|feed| feed.spec.url == *url)
    }

    fn is_name_given(&self, name: &str) -> bool {
        let place = self.names.get(&xxh3_64(name.as_bytes())).copied();
        let feed = place.and_then(|place| self.feeds.get(usize::try_from(place).ok()?));
        feed.is_some_and(|feed| feed.spec.name.as_deref() == Some(name))
    }

    fn note_known(&mut self, hand: &mut InHand<'_>, number: u32, url: &FeedUrl) {
        hand.known += 1;
        if SHOWN < hand.known {
            return;
        }
        let place = self.find(url).map(|first| match first.origin.place {
            OriginPlace::Line(line) if first.origin.file == hand.file => format!("line {line}"),
            OriginPlace::Line(line) => {
                let name = first.origin.file.file_name().unwrap_or_default();
                format!("line {line} of {}", name.display())
            }
            OriginPlace::Table(_) => "a [[feeds]] table".to_owned(),
        });
        let place = place.unwrap_or_else(|| "a [[feeds]] table".to_owned());
        let message = format!("is left out: the feed is that of {place}");
        self.notes.push(Note { file: hand.shown.clone(), line: Some(number), message });
    }

    /// The settings of a line, which it shares with the lines that say the same.
    fn settings(
        &self,
        hand: &mut InHand<'_>,
        cells: &Cells<'_>,
        tags: &[String],
        faults: &mut Vec<LineFault>,
    ) -> Option<Arc<FeedSettings>> {
        let own: Vec<&(&str, Cell<'_>)> = cells
            .iter()
            .filter(|(key, _)| !matches!(*key, "url" | "name" | "tags" | "enabled"))
            .collect();
        let full_text =
            hand.list.full_text.unwrap_or_else(|| self.defaults.full_text.is_meant(tags));
        let mut known = String::from(if full_text { "full_text" } else { "" });
        for (key, cell) in &own {
            known.extend(["\n", key, "=", &cell.text]);
        }
        if let Some(settings) = hand.settings.get(&known) {
            return Some(Arc::clone(settings));
        }
        let before = faults.len();
        let mut settings = FeedSettings { full_text, ..hand.list.settings.clone() };
        for (key, cell) in own {
            self.set(&mut settings, key, cell, faults);
        }
        if 1 < cells.iter().filter(|(key, _)| matches!(*key, "every" | "cron")).count() {
            faults.push(LineFault::new("every", 0..0, "`every` and `cron` are given both"));
        }
        if before < faults.len() {
            return None;
        }
        let settings = Arc::new(settings);
        hand.settings.insert(known, Arc::clone(&settings));
        Some(settings)
    }

    fn set(
        &self,
        settings: &mut FeedSettings,
        key: &str,
        cell: &Cell<'_>,
        faults: &mut Vec<LineFault>,
    ) {
        let mut flag = |to: &mut bool| *to = flag(key, cell, faults).unwrap_or(*to);
        match key {
            "full_text" => flag(&mut settings.full_text),
            "obey_cache" => flag(&mut settings.policy.obey_cache),
            "quiet_start" => flag(&mut settings.quiet_start),
            "every" => {
                let every = within(key, cell, &INTERVAL, faults);
                settings.policy.cadence = every.map_or(Cadence::Adaptive, Cadence::Every);
            }
            "cron" => match cron_of(&cell.text, self.defaults.zone, self.now) {
                Ok(cron) => settings.policy.cadence = Cadence::Cron(cron),
                Err((message, hint)) => {
                    faults.push(LineFault::new(key, cell.span.clone(), message).with_hint(hint));
                }
            },
            "keep" if cell.text == "forever" => settings.keep = Some(Keep::Forever),
            "keep" => {
                let keep = within(key, cell, &KEEP, faults);
                settings.keep = keep.map(Keep::For);
            }
            "timeout" => {
                let timeout = within(key, cell, &TIMEOUT, faults);
                settings.request.timeout = timeout.and_then(|timeout| timeout.to_std().ok());
            }
            "max_entries" => {
                let number = cell.text.parse().ok().filter(|number| MAX_ENTRIES.contains(number));
                if let Some(number) = number.and_then(|number| usize::try_from(number).ok()) {
                    settings.max_entries = number;
                } else {
                    let (least, most) = (MAX_ENTRIES.start(), MAX_ENTRIES.end());
                    let message = format!("must be from {least} to {most}");
                    faults.push(LineFault::new(key, cell.span.clone(), message));
                }
            }
            "select" | "remove" if !is_selector(&cell.text) => {
                let hint = "write it as in a style sheet, such as \"article .body\"";
                let fault = LineFault::new(key, cell.span.clone(), "is no CSS selector");
                faults.push(fault.with_hint(hint));
            }
            "select" => settings.page_rules.select = Some(cell.text.to_string()),
            "remove" => {
                let SiteRules { remove, .. } = &mut settings.page_rules;
                remove.push(cell.text.to_string());
            }
            _ => {}
        }
    }

    /// Notes the faults of a line, of which an excerpt is shown.
    fn note_faults(
        &mut self,
        hand: &mut InHand<'_>,
        number: u32,
        line: &str,
        faults: Vec<LineFault>,
    ) {
        let shown = SHOWN.saturating_sub(hand.faults).min(faults.len());
        hand.faults += faults.len();
        if shown == 0 {
            return;
        }
        let at = self.source_of_line(hand, number.saturating_sub(1), line.to_owned());
        for LineFault { key, span, message, hint } in faults.into_iter().take(shown) {
            let at = Place { span, ..at.clone() };
            self.findings.push(Finding { at, key, message, hint, other: None });
        }
    }

    /// The place at the start of a line.
    fn source_of_line(&mut self, hand: &InHand<'_>, number: u32, text: String) -> Place {
        let file = self.sources.len();
        let line_of_list = Some(usize::try_from(number).unwrap_or(usize::MAX));
        let path = hand.shown.clone();
        self.sources.push(Source { path, text, line_of_list, ..Source::default() });
        Place { file, span: 0..0 }
    }
}

/// Opens a file that the configuration names; see [`read_regular`](crate::config::secrets::read_regular).
fn open(path: &Path) -> io::Result<File> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() {
        return File::open(path);
    }
    Err(io::Error::other(if metadata.is_dir() {
        "it is a folder"
    } else {
        "it is not a regular file"
    }))
}

/// What an outline says of a feed. What gazetted cannot read is a fault, as it is for `feeds import`.
fn cells_of_outline<'o>(outline: &'o Outline, faults: &mut Vec<LineFault>) -> Cells<'o> {
    let cell = |text: &'o str| Cell { text: text.into(), span: 0..0 };
    let settings = &outline.settings;
    if settings.is_scraped {
        let message =
            "the outline is no feed, but a document that is read by XPath or dot notation";
        let hint = "remove it here, and add it as a [[feeds]] table with a map (docs/feeds.md)";
        faults.push(LineFault::new("", 0..0, message).with_hint(hint));
    }
    let mut cells = Cells::new();
    cells.extend(outline.url.as_deref().map(|url| ("url", cell(url))));
    cells.extend(outline.name.as_deref().map(|name| ("name", cell(name))));
    cells.extend(outline.tags.iter().map(|tag| ("tags", cell(tag))));
    cells.extend(settings.is_disabled.then(|| ("enabled", cell("false"))));
    cells.extend(settings.full_text.then(|| ("full_text", cell("true"))));
    cells.extend(settings.select.as_deref().map(|select| ("select", cell(select))));
    cells.extend(settings.remove.as_deref().map(|remove| ("remove", cell(remove))));
    cells
}

type Address = (FeedUrl, Option<BasicAuth>);

const OF_ADDRESS: &str = "a feed's address starts with https:// or http://";

/// The address in a cell. No message repeats it.
fn address_of(cell: &Cell<'_>, faults: &mut Vec<LineFault>) -> Option<Address> {
    let text = cell.text.as_ref();
    let https;
    let text = match text.get(..5) {
        // Browsers and OPML files have `feed://host/path` and `feed:https://host/path`.
        Some(scheme) if scheme.eq_ignore_ascii_case("feed:") => {
            let rest = text.get(5..).unwrap_or_default();
            https = if rest.starts_with("//") { format!("https:{rest}") } else { rest.to_owned() };
            https.as_str()
        }
        _ => text,
    };
    let mut refuse = |message: &str, hint: &str| {
        faults.push(LineFault::new("url", cell.span.clone(), message).with_hint(hint));
        None
    };
    // `Url::parse` would leave some of them out.
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let hint = "is it another column? The first line says how columns are separated";
        return refuse("a space or a control character is in the address", hint);
    }
    let mut url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return refuse(&format!("not a URL: {error}"), OF_ADDRESS),
    };
    if url.scheme() == "file" {
        let hint = "a list may come from elsewhere; write a feed in a file as a [[feeds]] table";
        return refuse("a list cannot name files", hint);
    }
    let auth = match credentials(&mut url) {
        Ok(auth) => auth,
        Err(message) => return refuse(message, OF_ADDRESS),
    };
    match FeedUrl::from_url(url) {
        Ok(url) => Some((url, auth)),
        // What stands before the colon may be a user name.
        Err(InvalidFeedUrl::Scheme(_)) => {
            refuse("feeds are fetched over http or https", OF_ADDRESS)
        }
        Err(error) => refuse(&error.to_string(), OF_ADDRESS),
    }
}

/// Whether a name or a tag is an address. OPML files name a feed without a title by its address, which may have a password
/// in it, and a feed that is called like the address of another one would be taken for that.
fn is_address(text: &str) -> bool {
    text.contains("://")
}

/// A text without control characters.
fn label<'c>(key: &str, cell: &'c Cell<'_>, faults: &mut Vec<LineFault>) -> Option<&'c str> {
    if cell.text.chars().any(char::is_control) {
        faults.push(LineFault::new(key, cell.span.clone(), "has control characters"));
        return None;
    }
    Some(&cell.text)
}

fn flag(key: &str, cell: &Cell<'_>, faults: &mut Vec<LineFault>) -> Option<bool> {
    match cell.text.as_ref() {
        text if text.eq_ignore_ascii_case("true") => Some(true), // Spreadsheets write TRUE.
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => {
            faults.push(LineFault::new(key, cell.span.clone(), "expected true or false"));
            None
        }
    }
}

/// A duration within limits.
fn within(
    key: &str,
    cell: &Cell<'_>,
    limits: &std::ops::RangeInclusive<TimeDelta>,
    faults: &mut Vec<LineFault>,
) -> Option<TimeDelta> {
    let message = match units::duration(&cell.text) {
        Ok(duration) if limits.contains(&duration) => return Some(duration),
        Ok(_) => {
            let [least, most] = [limits.start(), limits.end()].map(|at| units::duration_text(*at));
            format!("must be from {least} to {most}")
        }
        // The message of the parser repeats the text, which is an address if the columns are in another order.
        Err(_) => "is no duration".to_owned(),
    };
    let hint = "a duration is written like 90s, 1h30m or 7d";
    faults.push(LineFault::new(key, cell.span.clone(), message).with_hint(hint));
    None
}

/// The tags of a list and of a line, which the line shares with the lines that have the same.
fn tags(hand: &mut InHand<'_>, cells: &Cells<'_>, faults: &mut Vec<LineFault>) -> Arc<[String]> {
    let mut own: Vec<&str> = Vec::new();
    for (_, cell) in cells.iter().filter(|(key, _)| *key == "tags") {
        own.extend(label("tags", cell, faults).filter(|tag| !is_address(tag)));
    }
    let known = own.join("\n");
    if let Some(tags) = hand.tags.get(&known) {
        return Arc::clone(tags);
    }
    let mut all = hand.list.tags.clone();
    for tag in own {
        if !all.iter().any(|known| known == tag) {
            all.push(tag.to_owned());
        }
    }
    let tags: Arc<[String]> = all.into();
    hand.tags.insert(known, Arc::clone(&tags));
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigErrors, load, load_without_lists};
    use crate::domain::request::Secret;

    const MAIN: &str = "[[feed_lists]]\nfile = 'list.csv'\n";

    /// Loads a configuration beside these files.
    fn load_with(main: &str, files: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let path = folder.path().join("gazetted.toml");
        std::fs::write(&path, main).unwrap();
        let environment = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        load(&path, &environment, Timestamp::UNIX_EPOCH)
    }

    fn load_list(text: &str) -> Result<Config, ConfigErrors> {
        load_with(MAIN, &[("list.csv", text)])
    }

    fn urls(config: &Config) -> Vec<&str> {
        config.feeds.iter().map(|feed| feed.spec.url.as_str()).collect()
    }

    fn faults(loaded: Result<Config, ConfigErrors>) -> Vec<String> {
        let errors = loaded.unwrap_err();
        let line = |fault: &crate::config::Fault| {
            let file = fault.file.rsplit('/').next().unwrap_or_default();
            let key = fault.key.as_deref().unwrap_or_default();
            format!("{file}:{}:{} {key}: {}", fault.line, fault.column, fault.message)
        };
        errors.faults().iter().map(line).collect()
    }

    #[test]
    fn a_line_says_what_the_table_does_not() {
        let main = "[schedule]\nevery = '1d'\n[full_text]\ntags = ['long']\n\
            [[feed_lists]]\nfile = 'list.csv'\ntags = ['all']\nevery = '2h'\nmax_entries = 7\n";
        let list = "url,name,tags,every,enabled,keep,cron\r\nhttps://a/,A,x;all,,,,\r\n\
            https://b/,,,10m,false,90d,\r\nhttps://c/,,long,,,,0 7 * * *\r\nhttps://d/,,,,,,\r\n";
        let config = load_with(main, &[("list.csv", list)]).unwrap();
        let [a, b, c, d] = config.feeds.as_ref() else { panic!("{config:?}") };
        let every = |feed: &FeedConfig| feed.settings.policy.describe();
        assert_eq!([every(a), every(b), every(d)], ["every 7200s", "every 600s", "every 7200s"]);
        assert!(every(c).starts_with("cron 0 7"), "{}", every(c));
        assert_eq!(
            (a.spec.name.as_deref(), a.spec.tags.as_ref()),
            (Some("A"), &["all".to_owned(), "x".to_owned()][..])
        );
        assert_eq!(
            (b.spec.enabled, b.settings.keep),
            (false, Some(Keep::For(TimeDelta::days(90))))
        );
        assert!(c.settings.full_text && !a.settings.full_text);
        assert!(config.feeds.iter().all(|feed| feed.settings.max_entries == 7));
        assert_eq!(b.origin.place, OriginPlace::Line(3));
        assert!(Arc::ptr_eq(&a.settings, &d.settings), "lines that say the same share it");
    }

    #[test]
    fn json_lines_and_opml_are_lists_too() {
        let main = "[[feed_lists]]\nfile = 'list.jsonl'\n[[feed_lists]]\nfile = 'list.opml'\n";
        let json = "{\"url\":\"https://a/\",\"tags\":[\"x;y\"],\"full_text\":true}\n\n";
        let outlines = "<opml><body><outline text='F'>\n\
            <outline text='B' xmlUrl='feed:https://b/' category='z' frss:ttl='-1'/></outline></body></opml>";
        let files = [("list.jsonl", json), ("list.opml", outlines)];
        let config = load_with(main, &files).unwrap();
        assert_eq!(urls(&config), ["https://a/", "https://b/"]);
        let [a, b] = config.feeds.as_ref() else { panic!("{config:?}") };
        assert_eq!((a.spec.tags.as_ref(), a.settings.full_text), (&["x;y".to_owned()][..], true));
        assert_eq!(b.spec.tags.as_ref(), ["F", "z"]);
        assert_eq!((b.spec.name.as_deref(), b.spec.enabled), (Some("B"), false));
        assert_eq!(b.origin.place, OriginPlace::Line(2));
    }

    #[test]
    fn each_fault_names_file_line_and_column_and_shows_no_credentials() {
        let list = "\u{feff}url,name,tags,every\nhttps://a/,A,,10\nb.example/feed\n,no address\n\
            file:///etc/passwd\n\"https://c/\nhttps://me:s3cret@/\nhttps://d/,D,x,https://me:s3cret@e/\n\
            ftp://me:s3cret@f/\nhttps://g/,,,,,too many\n";
        let loaded = load_list(list);
        let shown = loaded.as_ref().unwrap_err().render(false);
        assert!(!shown.contains("s3cret") && !shown.contains("me:"), "{shown}");
        assert!(shown.contains("2 | https://a/,A,,10"), "{shown}");
        assert_eq!(
            faults(loaded),
            [
                "list.csv:2:15 every: is no duration",
                "list.csv:3:1 url: not a URL: relative URL without a base",
                "list.csv:4:1 url: is missing",
                "list.csv:5:1 url: a list cannot name files",
                "list.csv:6:1 : the closing quotation mark is missing on this line",
                "list.csv:7:1 url: not a URL: empty host",
                "list.csv:8:16 every: is no duration",
                "list.csv:9:1 url: feeds are fetched over http or https",
                "list.csv:10:16 : is a field more than there are columns (4)",
            ]
        );
    }

    #[test]
    fn a_name_or_tag_that_is_an_address_is_not_used() {
        let own = "http://me:s3cret@a.example/f";
        let config = load_list(&format!(
            "{own},{own},x;{own}\nhttp://b.example/f,http://c.example/f\nhttp://c.example/f,C\n"
        ))
        .unwrap();
        let names: Vec<_> = config.feeds.iter().map(|feed| feed.spec.name.as_deref()).collect();
        assert_eq!(names, [None, None, Some("C")]);
        assert_eq!(config.feeds[0].spec.tags.as_ref(), ["x"]);
        let outline = format!("<opml><outline text='{own}' xmlUrl='{own}'/></opml>");
        let main = "[[feed_lists]]\nfile = 'list.opml'\n";
        let config = load_with(main, &[("list.opml", &outline)]).unwrap();
        assert_eq!(config.feeds[0].spec.name, None);
    }

    #[test]
    fn columns_that_are_separated_in_another_way_are_no_part_of_an_address() {
        let tabs = "https://a.example/f\tA, B\nhttps://b.example/f\tB\n";
        let main = "[[feed_lists]]\nfile = 'list.tsv'\n";
        let config = load_with(main, &[("list.tsv", tabs)]).unwrap();
        assert_eq!(urls(&config), ["https://a.example/f", "https://b.example/f"]);
        assert_eq!(config.feeds[0].spec.name.as_deref(), Some("A, B"));
        let message = "url: a space or a control character is in the address";
        assert_eq!(
            faults(load_list(tabs)),
            [format!("list.csv:1:1 {message}"), format!("list.csv:2:1 {message}")]
        );
        let nul = "https://a.example/f\0g\n";
        assert_eq!(faults(load_list(nul)), [format!("list.csv:1:1 {message}")]);
    }

    #[test]
    fn an_escape_of_json_does_not_hide_credentials_from_the_redaction() {
        let json = r#"{"url":"https://me:s3cret\u0040a.example/f","every":"soon"}"#;
        let main = "[[feed_lists]]\nfile = 'list.jsonl'\n";
        let shown = load_with(main, &[("list.jsonl", json)]).unwrap_err().render(false);
        assert!(shown.contains("is no duration") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn an_opml_list_that_breaks_off_is_refused() {
        let outline = "<outline xmlUrl='https://a/'/>";
        let main = "[[feed_lists]]\nfile = 'list.opml'\n";
        let found = faults(load_with(main, &[("list.opml", &format!("<opml><body>{outline}"))]));
        assert!(found[0].contains("it breaks off before </opml>"), "{found:?}");
        for whole in [format!("<opml><body>{outline}</body></opml>\n<!-- -->"), outline.to_owned()]
        {
            assert_eq!(urls(&load_with(main, &[("list.opml", &whole)]).unwrap()), ["https://a/"]);
        }
    }

    #[test]
    fn a_list_without_a_feed_is_refused() {
        for (file, text) in [
            ("list.csv", ""),
            ("list.csv", "url,name,tags\n\n# https://a/\n"),
            ("list.jsonl", "\n"),
            ("list.opml", "<opml><body><outline text='Folder'/></body></opml>"),
        ] {
            let main = format!("[[feed_lists]]\nfile = '{file}'\n");
            let found = faults(load_with(&main, &[(file, text)]));
            let expected = format!("{file} lists no feed");
            assert!(found.len() == 1 && found[0].ends_with(&expected), "{text}: {found:?}");
        }
        let main = format!("{MAIN}[[feeds]]\nurl = 'https://a/'\n");
        let known = load_with(&main, &[("list.csv", "https://a/\n")]).unwrap();
        assert_eq!(urls(&known), ["https://a/"]);
    }

    #[test]
    fn a_list_in_the_wrong_format_has_twenty_faults_and_their_number() {
        let found = faults(load_list(&"no address\n".repeat(100)));
        assert_eq!(found.len(), 21);
        assert_eq!(found[20], "list.csv:1:1 : and 80 more faults");
        let found = faults(load_list(&"x".repeat(200_000)));
        assert_eq!(found, ["list.csv:1:1 : the line is longer than 65536 bytes"]);
        let found = faults(load_with("[[feed_lists]]\nfile = 'list.txt'\n[[feed_lists]]\n", &[]));
        assert_eq!(found.len(), 2, "{found:?}");
        let found = faults(load_with(MAIN, &[]));
        assert!(found[0].ends_with("there is no such file"), "{found:?}");
    }

    #[test]
    fn a_column_of_credentials_or_the_network_is_refused() {
        for column in ["headers", "allow_private", "proxy", "basic_auth", "command", "private"] {
            let found = faults(load_list(&format!("url,{column}\nhttps://a/,x\n")));
            assert_eq!(found, [format!("list.csv:1:5 {column}: a list has no such column")]);
        }
    }

    #[test]
    fn a_variable_in_a_list_stays_as_it_is() {
        let config =
            load_list("https://a/?key=${TOKEN},${TOKEN}\nhttps://me:${TOKEN}@b/\n").unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
        let [a, b] = config.feeds.as_ref() else { panic!("{config:?}") };
        assert_eq!(a.spec.url.as_str(), "https://a/?key=${TOKEN}");
        assert_eq!(b.spec.url.as_str(), "https://b/");
        let auth = b.settings.request.basic_auth.as_ref().unwrap();
        assert_eq!(auth.password.as_ref().map(Secret::expose), Some("${TOKEN}"));
        assert_eq!(a.settings.request.basic_auth, None, "the password is that of one feed");
    }

    #[test]
    fn a_feed_that_is_given_before_is_left_out_with_a_note() {
        let main = "[[feed_lists]]\nfile = 'list.csv'\n[[feed_lists]]\nfile = 'more.csv'\n\
            [[feeds]]\nurl = 'https://a/'\nname = 'A'\nevery = '5m'\n\
            [[feeds]]\nurl = 'https://hidden/?key=1'\nname = 'H'\nprivate = true\n";
        let list = "https://a/,Other\nhttps://b/,A\nhttps://b/#x\nhttps://hidden/?key=1\n";
        let more = "https://b/\nhttps://c/\n".to_owned() + &"https://c/\n".repeat(30);
        let config = load_with(main, &[("list.csv", list), ("more.csv", &more)]).unwrap();
        let [a, hidden, b, c] = config.feeds.as_ref() else { panic!("{:?}", urls(&config)) };
        assert_eq!(a.settings.policy.describe(), "every 300s");
        assert!(!hidden.spec.url.as_str().contains("key"), "{}", hidden.spec.url);
        assert_eq!((b.spec.name.as_ref(), c.spec.url.as_str()), (None, "https://c/"));
        let file = |note: &Note| note.file.rsplit('/').next().unwrap_or_default().to_owned();
        let notes = config.notes.iter().map(|note| Note { file: file(note), ..note.clone() });
        let notes: Vec<String> = notes.map(|note| note.to_string()).collect();
        assert_eq!(notes.len(), 3 + 20 + 1, "{notes:#?}");
        assert_eq!(notes[0], "list.csv:1: is left out: the feed is that of a [[feeds]] table");
        assert_eq!(notes[1], "list.csv:3: is left out: the feed is that of line 2");
        assert_eq!(notes[2], "list.csv:4: is left out: the feed is that of a [[feeds]] table");
        assert_eq!(notes[3], "more.csv:1: is left out: the feed is that of line 2 of list.csv");
        assert_eq!(notes[23], "more.csv: 11 more lines are left out: their feeds are given before");
    }

    #[test]
    fn an_included_file_may_name_lists_and_all_files_are_watched() {
        let main = "include = ['more.toml']\nreload_on_change = true\n";
        let files = [("more.toml", MAIN), ("list.csv", "https://a/\n")];
        let config = load_with(main, &files).unwrap();
        assert_eq!(urls(&config), ["https://a/"]);
        let watched = config.watched.unwrap();
        let names: Vec<_> = watched.iter().filter_map(|file| file.file_name()?.to_str()).collect();
        assert_eq!(names, ["gazetted.toml", "more.toml", "list.csv"]);
    }

    #[test]
    fn an_export_does_not_replace_a_list() {
        let main = format!("{MAIN}[[exports]]\npath = 'list.csv'\nformat = 'csv'\nevery = '1h'\n");
        let found = faults(load_with(&main, &[("list.csv", "https://a/\n")]));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_command_that_needs_no_feed_reads_no_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gazetted.toml");
        std::fs::write(&path, format!("{MAIN}[[feeds]]\nurl = 'https://a/'\n")).unwrap();
        let config = load_without_lists(&path, &|_| None, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(urls(&config), ["https://a/"], "the list is not even there");
    }
}
