//! Reads the `[[feeds]]` tables: addresses, headers, credentials, entry filters.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use toml::de::DeValue;
use url::{ParseError, Url};

use crate::config::fault::Place;
use crate::config::keys::{BASIC_AUTH, FEED};
use crate::config::reader::{Field, Reader, Table};
use crate::config::sections::Defaults;
use crate::config::{FeedConfig, FeedSettings, Origin, OriginPlace};
use crate::domain::feed::{FeedSpec, FeedUrl, InvalidFeedUrl};
use crate::domain::request::{BasicAuth, RequestSpec, Secret};
use crate::feed::entry_filter::{EntryFilter, Rule};
use crate::polling::schedule::Policy;

/// Headers that gazetted sets itself. Another value would break conditional requests, compression or the
/// connection.
const OURS: [&str; 12] = [
    "accept-encoding",
    "a-im",
    "connection",
    "content-length",
    "host",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Keys of a request. A program that prints a feed has no use for them.
const OF_REQUESTS: [&str; 6] =
    ["private", "headers", "basic_auth", "user_agent", "proxy", "allow_private"];

/// What the files read so far have given.
#[derive(Default)]
pub(super) struct Given {
    /// Each may occur once.
    urls: HashMap<FeedUrl, Place>,
    /// Each may occur once.
    names: HashMap<String, Place>,
    settings: LastSettings,
}

impl Given {
    /// Whether a table names this address, be it private or not.
    pub(super) fn has(&self, url: &FeedUrl) -> bool {
        self.urls.contains_key(url)
    }
}

/// The settings of the feeds before, so that feeds that are configured alike share one value.
#[derive(Default)]
struct LastSettings(VecDeque<Arc<FeedSettings>>);

impl LastSettings {
    /// How many settings are compared with those of the next feed. A configuration has few different settings, and those
    /// that are its own (a password) are not worth a search.
    const COMPARED: usize = 16;

    fn shared(&mut self, settings: FeedSettings) -> Arc<FeedSettings> {
        if let Some(known) = self.0.iter().find(|known| ***known == settings) {
            return Arc::clone(known);
        }
        let settings = Arc::new(settings);
        self.0.truncate(Self::COMPARED - 1);
        self.0.push_front(Arc::clone(&settings));
        settings
    }
}

/// A feed's address, and the credentials that were in it.
struct Address {
    url: FeedUrl,
    auth: Option<BasicAuth>,
    /// Whether a variable of the environment is a part of it.
    has_variable: bool,
}

impl Reader<'_> {
    /// Reads all feeds of a file. A feed without a valid address is left out, and its faults are noted.
    pub(super) fn feeds(
        &mut self,
        root: &Table<'_>,
        defaults: &Defaults,
        given: &mut Given,
    ) -> Vec<FeedConfig> {
        let Some(field) = root.get("feeds") else { return Vec::new() };
        let tables = self.tables(&field, &FEED);
        let file: Arc<Path> = self.path.into();
        let feed = |(index, table): (usize, &Table<'_>)| {
            let (spec, settings) = self.feed(table, defaults, given)?;
            let settings = given.settings.shared(settings);
            let place = OriginPlace::Table(u32::try_from(index).ok()?);
            let origin = Origin { file: Arc::clone(&file), place };
            Some(FeedConfig { spec: Arc::new(spec), settings, origin })
        };
        tables.iter().enumerate().filter_map(feed).collect()
    }

    /// Returns `None` only if the address is missing or invalid. The other keys are read in any case, to
    /// find their faults.
    fn feed(
        &mut self,
        table: &Table<'_>,
        defaults: &Defaults,
        given: &mut Given,
    ) -> Option<(FeedSpec, FeedSettings)> {
        let words = self.program_of_feed(table);
        let address = self.address_of(table, words.as_deref());
        self.only_feed(table, address.as_ref(), given);
        let name = self.name(table, given);
        let private = self.private(table, address.as_ref());
        let mut tags = self.strings(table, "tags");
        let mut seen = HashSet::new();
        tags.retain(|tag| seen.insert(tag.clone()));
        let enabled = self.flag(table, "enabled").unwrap_or(true);
        let policy = Policy {
            cadence: self
                .cadence(table, defaults.zone)
                .unwrap_or_else(|| defaults.policy.cadence.clone()),
            obey_cache: self.flag(table, "obey_cache").unwrap_or(true),
            ..defaults.policy
        };
        let max_entries = self.max_entries(table).unwrap_or(defaults.max_entries);
        let quiet_start = self.flag(table, "quiet_start").unwrap_or(defaults.quiet_start);
        let map = self.map(table);
        let entry_filter = defaults.entry_filter.with(self.entry_filter(table));
        let keep = self.keep(table);
        let full_text = self.full_text_of(table, &defaults.full_text, &tags);
        let page_rules = self.page_rules(table);
        let mut request = RequestSpec {
            address: None,
            command: None,
            headers: self.headers(table, &[], "use the key user_agent"),
            basic_auth: self.basic_auth(table),
            user_agent: self.user_agent(table),
            proxy: self.proxy(table),
            timeout: self.timeout(table, "timeout"),
            allow_private: self.flag(table, "allow_private").unwrap_or(false),
        };
        if let Some(words) = &words {
            let timeout = request.timeout.unwrap_or(defaults.timeout);
            request.command = self.command(table, words, timeout);
        }
        let Address { mut url, auth, .. } = address?;
        self.only_user(table, auth.is_some());
        request.basic_auth = request.basic_auth.or(auth);
        if private {
            request.address = Some(Secret::new(url.to_string()));
            url = url.stand_in(name.as_deref()?);
        }
        let spec = FeedSpec { url, name, tags: tags.into(), enabled };
        let settings = FeedSettings {
            policy,
            request,
            max_entries,
            quiet_start,
            entry_filter,
            keep,
            map,
            full_text,
            page_rules,
        };
        Some((spec, settings))
    }

    /// The address of a feed: that of `url`, or the one that stands for a program.
    fn address_of(&mut self, table: &Table<'_>, words: Option<&[String]>) -> Option<Address> {
        if let Some(words) = words {
            let url = FeedUrl::of_command(words).ok()?;
            return Some(Address { url, auth: None, has_variable: false });
        }
        // No message repeats a private address, which may be faulty.
        let quotable = table.get("private").is_none();
        self.address(&table.get("url")?, quotable)
    }

    /// Reads the program that prints the feed. It is a fault if there is neither a program nor an address, or both, or
    /// if there are keys that only a request has.
    fn program_of_feed(&mut self, table: &Table<'_>) -> Option<Vec<String>> {
        let Some(field) = table.get("command") else {
            if table.get("url").is_none() {
                self.missing(table, "url", "write url = \"https://…\", the address of the feed");
            }
            return None;
        };
        if let Some(url) = table.get("url") {
            let other = Some((self.place(&url.key_span), "given here"));
            let hint = Some("keep one of url and command".to_owned());
            self.clash(&field.key, &field.key_span, "`url` is given as well", hint, other);
            return None;
        }
        for key in OF_REQUESTS {
            if let Some(field) = table.get(key) {
                let hint = Some("remove it: a program makes its requests itself".to_owned());
                self.fault(&field.key, &field.key_span, "goes with `url` only", hint);
            }
        }
        self.words(table)
    }

    /// Refuses a feed that was given before.
    fn only_feed(&mut self, table: &Table<'_>, address: Option<&Address>, given: &mut Given) {
        let field = table.get("url").or_else(|| table.get("command"));
        if let (Some(address), Some(field)) = (address, field) {
            let message = "this feed is given twice";
            self.once(&mut given.urls, address.url.clone(), &field, message, "remove one of them");
        }
    }

    /// Refuses `basic_auth` beside a user in the URL.
    fn only_user(&mut self, table: &Table<'_>, in_url: bool) {
        let field = table.get("basic_auth").filter(|_| in_url);
        if let (Some(field), Some(address)) = (field, table.get("url")) {
            let other = Some((self.place(&address.span), "and here"));
            let hint = Some("keep one of the two".to_owned());
            let message = "the user is given in the URL as well";
            self.clash(&field.key, &field.key_span, message, hint, other);
        }
    }

    /// Whether the address of a feed is shown nowhere: it says so, or a variable is a part of its address. Such a feed
    /// needs a name, because nothing else of it is shown.
    fn private(&mut self, table: &Table<'_>, address: Option<&Address>) -> bool {
        let private = self.flag(table, "private");
        let has_variable = address.is_some_and(|address| address.has_variable);
        let private = private.unwrap_or(false) || has_variable;
        if private && table.get("name").is_none() {
            self.missing(table, "name", "the address of a private feed is never shown: name it");
        }
        private
    }

    /// Reads the rules of a feed, or those of the top level, which hold for all feeds. There, `include` contains names
    /// of files as well.
    pub(super) fn entry_filter(&mut self, table: &Table<'_>) -> EntryFilter {
        EntryFilter { include: self.rules(table, "include"), exclude: self.rules(table, "exclude") }
    }

    /// Reads the rules of `include` or `exclude`. Invalid rules are left out.
    fn rules(&mut self, table: &Table<'_>, key: &str) -> Vec<Rule> {
        let among_files = table.path.is_empty() && key == "include";
        let is_list = matches!(table.get(key).map(|field| field.value), Some(DeValue::Array(_)));
        if among_files && !is_list {
            return Vec::new(); // The fault is noted where the files are read.
        }
        let items = self.fields(table, key);
        let mut rules = Vec::new();
        for item in items {
            if among_files
                && !matches!(item.value, DeValue::String(text) if Rule::names_a_field(text))
            {
                continue;
            }
            let Some(text) = self.label(&item) else { continue };
            match Rule::parse(text) {
                Ok(rule) => rules.push(rule),
                Err((message, hint)) => self.fault(&item.key, &item.span, message, Some(hint)),
            }
        }
        rules
    }

    fn name(&mut self, table: &Table<'_>, given: &mut Given) -> Option<String> {
        let field = table.get("name")?;
        let name = self.label(&field)?.to_owned();
        let message = "another feed has this name";
        let hint = "names tell feeds apart: give each its own";
        self.once(&mut given.names, name.clone(), &field, message, hint);
        Some(name)
    }

    /// Notes a fault if `key` was given before; otherwise remembers where it was given.
    pub(super) fn once<K: std::hash::Hash + Eq>(
        &mut self,
        given: &mut HashMap<K, Place>,
        key: K,
        field: &Field<'_>,
        message: &str,
        hint: &str,
    ) {
        let here = self.place(&field.span);
        if let Some(first) = given.get(&key) {
            let other = Some((first.clone(), "first given here"));
            self.clash(&field.key, &field.span, message, Some(hint.to_owned()), other);
        } else {
            given.insert(key, here);
        }
    }

    /// Reads the address of a feed. `quotable` is whether a message may repeat a part of it.
    fn address(&mut self, field: &Field<'_>, quotable: bool) -> Option<Address> {
        let written = self.string(field)?.trim();
        self.hide_password(field, written);
        // The password is expanded when it has been split off: it may hold any character.
        let (login, rest) = written.split_at(user_info_end(written));
        let has_variable = rest.contains("${");
        let rest = if has_variable { Cow::Owned(self.expanded(field, rest)?) } else { rest.into() };
        let text = [login, &rest].concat();
        let text = text.as_str();
        let quotable = quotable && !has_variable && !text.contains(['@', '?']);
        let parsed = match text.get(..5) {
            Some(scheme) if scheme.eq_ignore_ascii_case("file:") => self.file_url(text),
            _ => Url::parse(text),
        };
        let mut url = match parsed {
            Ok(url) => url,
            Err(error) => {
                let (message, hint) = self.no_url(text, error, quotable);
                return self.refuse(field, message, hint);
            }
        };
        if url.scheme() == "file" && url.host().is_some() {
            let hint = "write file:name.xml for a file beside the configuration, or file:///folder/name.xml";
            let message = "a file URL names no host";
            return self.refuse(field, message, Some(hint.to_owned()));
        }
        let auth = self.split_off(&mut url, field).ok()?;
        match FeedUrl::from_url(url) {
            Ok(url) => Some(Address { url, auth, has_variable }),
            Err(error) => {
                let hint = match &error {
                    InvalidFeedUrl::Scheme(scheme) if scheme == "feed" => {
                        "write https: in place of feed:".to_owned()
                    }
                    InvalidFeedUrl::Syntax(_)
                    | InvalidFeedUrl::Scheme(_)
                    | InvalidFeedUrl::NoHost
                    | InvalidFeedUrl::Credentials => {
                        "a feed's address starts with https://, http:// or file:".to_owned()
                    }
                };
                // The text before the colon may be a user name.
                let message = match &error {
                    InvalidFeedUrl::Scheme(_) if !quotable => {
                        "feeds are fetched over http, https or file".to_owned()
                    }
                    InvalidFeedUrl::Syntax(_)
                    | InvalidFeedUrl::Scheme(_)
                    | InvalidFeedUrl::NoHost
                    | InvalidFeedUrl::Credentials => error.to_string(),
                };
                self.refuse(field, message, Some(hint))
            }
        }
    }

    /// Parses a `file:` URL. `file:name.xml` is relative to the configuration file's folder, `file:/…` is
    /// absolute.
    fn file_url(&self, text: &str) -> Result<Url, ParseError> {
        let rest = text.get(5..).unwrap_or_default();
        if rest.starts_with('/') {
            return Url::parse(text);
        }
        let base = Url::from_directory_path(self.base)
            .map_err(|()| ParseError::RelativeUrlWithCannotBeABaseBase)?;
        // The prefix `./` prevents that a part of the name is read as a scheme.
        base.join(&format!("./{rest}"))
    }

    fn no_url(&self, text: &str, error: ParseError, quotable: bool) -> (String, Option<String>) {
        if error != ParseError::RelativeUrlWithoutBase {
            return (format!("not a URL: {error}"), None);
        }
        let message = "not an absolute URL".to_owned();
        let (shown, first) = match text.split_once('/') {
            _ if !quotable => ("…", text),
            Some((first, _)) => (text, first),
            None => (text, text),
        };
        let is_name = |end: &str| first.to_ascii_lowercase().ends_with(end);
        let path = text.starts_with(['/', '.', '~'])
            || self.base.join(text).exists()
            || !first.contains('.')
            || [".xml", ".rss", ".atom", ".json", ".rdf"].into_iter().any(is_name);
        let shown = shown.trim_start_matches("./").escape_debug().to_string();
        let hint = if path && shown.starts_with('/') {
            format!("for a file write \"file://{shown}\"")
        } else if path {
            format!("for a file write \"file:{shown}\"")
        } else {
            format!("write \"https://{shown}\"")
        };
        (message, Some(hint))
    }

    /// Removes user name and password from an address and returns them. Returns `Err` if they are invalid;
    /// the fault is noted.
    fn split_off(&mut self, url: &mut Url, field: &Field<'_>) -> Result<Option<BasicAuth>, ()> {
        let auth = credentials(url)
            .map_err(|message| self.fault(&field.key, &field.span, message, None))?;
        let Some(BasicAuth { user, password }) = auth else { return Ok(None) };
        let password = match password {
            Some(text) => Some(Secret::new(self.expanded(field, text.expose()).ok_or(())?)),
            None => None,
        };
        Ok(Some(BasicAuth { user, password }))
    }

    /// Reads `headers`. The names in `ours` are refused besides [`OURS`]. `agent` is the hint that says where
    /// the user agent is set.
    pub(super) fn headers(
        &mut self,
        table: &Table<'_>,
        ours: &[&str],
        agent: &str,
    ) -> Vec<(String, Secret)> {
        let Some(field) = table.get("headers") else { return Vec::new() };
        let Some(entries) = field.entries() else {
            self.secrets.push(field.span.clone());
            let hint = "write headers = { Name = \"value\" }".to_owned();
            self.mistyped(&field, "a table", Some(hint));
            return Vec::new();
        };
        let mut headers: Vec<(String, Secret)> = Vec::new();
        for field in entries {
            let value = self.secret(&field);
            let name = field.name;
            let lower = name.to_ascii_lowercase();
            let known = headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            let (message, hint) = if HeaderName::from_bytes(name.as_bytes()).is_err() {
                ("not the name of a header", "letters, digits and dashes, such as X-Api-Key")
            } else if lower == "user-agent" {
                ("is not set here", agent)
            } else if OURS.contains(&lower.as_str()) || ours.contains(&lower.as_str()) {
                ("gazetted sets this header itself", "remove it")
            } else if known {
                ("this header is given twice", "letter case makes no difference")
            } else if let Some(value) = value {
                if HeaderValue::from_str(&value).is_ok() {
                    headers.push((name.to_owned(), Secret::new(value)));
                } else {
                    let message = "has characters that a header may not have";
                    self.fault(&field.key, &field.span, message, None);
                }
                continue;
            } else {
                continue;
            };
            self.fault(&field.key, &field.key_span, message, Some(hint.to_owned()));
        }
        headers
    }

    fn basic_auth(&mut self, feed: &Table<'_>) -> Option<BasicAuth> {
        let field = feed.get("basic_auth")?;
        let table = self.table(&field, &BASIC_AUTH)?;
        let user = table.get("user");
        if user.is_none() {
            self.missing(&table, "user", "write user = \"…\"");
        }
        let user = user.and_then(|field| {
            let user = self.label(&field)?;
            if user.contains(':') {
                let message = "a user name has no colon (RFC 7617)";
                return self.refuse(&field, message, None);
            }
            Some(user.to_owned())
        });
        if table.get("password").or_else(|| table.get("password_file")).is_none() {
            self.missing(&table, "password", "give either password or password_file");
        }
        let password = self.one_secret(&table, "password", "password_file");
        let headers = feed.get("headers").and_then(|headers| headers.entries()).unwrap_or_default();
        let authorization =
            headers.iter().find(|header| header.name.eq_ignore_ascii_case("authorization"));
        if let Some(header) = authorization {
            let other = Some((self.place(&header.key_span), "given here"));
            let message = "there is an Authorization header as well";
            let hint = Some("keep one of the two".to_owned());
            self.clash(&field.key, &field.key_span, message, hint, other);
        }
        let (_, password) = password?;
        Some(BasicAuth { user: user?, password: Some(Secret::new(password)) })
    }
}

/// Removes user name and password from an address and returns them. The error is a message.
pub(super) fn credentials(url: &mut Url) -> Result<Option<BasicAuth>, &'static str> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text| percent_decode_str(text).decode_utf8().map(Cow::into_owned);
    let user = decoded(url.username());
    let password = url.password().map(decoded).transpose();
    let (Ok(user), Ok(password)) = (user, password) else {
        return Err("user name and password are not UTF-8 when percent-decoded");
    };
    // Both fail only for URLs without a host, and a feed's URL has one.
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return Err("the URL names no host");
    }
    Ok(Some(BasicAuth { user, password: password.map(Secret::new) }))
}

/// Where the user name and password at the start of a URL end; 0 without them.
pub(super) fn user_info_end(text: &str) -> usize {
    let start = text.find("://").map_or(0, |separator| separator + 3);
    let rest = text.get(start..).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rfind('@').map_or(0, |at| start + at + 1)
}
