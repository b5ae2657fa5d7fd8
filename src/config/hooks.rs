//! Reads the `[[exports]]` tables that deliver to a `webhook` or a `command` instead of writing a file.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;
use url::Url;

use crate::config::fault::Place;
use crate::config::reader::{Field, Reader, Table};
use crate::domain::consumer::ConsumerName;
use crate::domain::hook::{Hook, HookSubject, HookTarget, SigningKey, WebhookSpec};
use crate::domain::request::{CommandSpec, Secret};
use crate::html::web_address::is_web;

/// The default limit of one delivery, in records.
pub(super) const DEFAULT_BATCH: u64 = 100;

pub(super) const BATCH: RangeInclusive<u64> = 1..=10_000;

/// The default timeout of a webhook. A receiver that takes longer is overloaded and gets another attempt later.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// The default timeout of a command, long enough to send a mail for each record of a batch.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(5);

/// The three kinds of exports.
const TARGETS: [&str; 3] = ["path", "webhook", "command"];

/// Keys that are valid for some kinds of exports only. All other keys are valid for every kind.
const BELONGS: [(&str, &[&str]); 13] = [
    ("on", &["webhook", "command"]),
    ("format", &["path"]),
    ("title", &["path"]),
    ("home_page_url", &["path"]),
    ("self", &["path"]),
    ("consumer", &["webhook", "command"]),
    ("events", &["webhook", "command"]),
    ("sightings", &["webhook", "command"]),
    ("timeout", &["webhook", "command"]),
    ("secret", &["webhook"]),
    ("secret_file", &["webhook"]),
    ("headers", &["webhook"]),
    ("allow_private", &["webhook"]),
];

/// Headers of a delivery that gazetted sets itself.
const OURS: [&str; 5] =
    ["content-type", "content-encoding", "webhook-id", "webhook-timestamp", "webhook-signature"];

/// The consumers named so far, and the place of each.
pub(super) type Consumers = HashMap<ConsumerName, Place>;

impl Reader<'_> {
    /// Returns which of `path`, `webhook` and `command` an export has. It is a fault if there is not exactly one, or if
    /// a key is not valid for it.
    pub(super) fn kind_of_export(&mut self, table: &Table<'_>) -> Option<&'static str> {
        let given: Vec<(&'static str, Field<'_>)> =
            TARGETS.iter().filter_map(|key| Some((*key, table.get(key)?))).collect();
        let [(kind, _)] = given.as_slice() else {
            if let [(first, first_field), .., (_, last)] = given.as_slice() {
                let other = Some((self.place(&first_field.key_span), "given here"));
                let hint = Some("keep one of path, webhook and command".to_owned());
                let message = format!("`{first}` is given as well");
                self.clash(&last.key, &last.key_span, message, hint, other);
            } else {
                let hint =
                    "write path = \"…\" for a file, webhook = \"https://…\" or command = [\"…\"]";
                self.missing(table, "path", hint);
            }
            return None;
        };
        for (key, kinds) in BELONGS {
            if !kinds.contains(kind)
                && let Some(field) = table.get(key)
            {
                let goes: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
                let hint = match key {
                    "format" => "a webhook gets JSON, a command JSON lines: remove it",
                    _ => "remove it",
                };
                let message = format!("goes with {} only", goes.join(" or "));
                if matches!(key, "secret" | "headers") {
                    self.secrets.push(field.span.clone());
                }
                self.fault(&field.key, &field.key_span, message, Some(hint.to_owned()));
            }
        }
        Some(kind)
    }

    pub(super) fn hook(&mut self, table: &Table<'_>, consumers: &mut Consumers) -> Option<Hook> {
        let to = if let Some(field) = table.get("webhook") {
            self.webhook(table, &field).map(HookTarget::Webhook)
        } else {
            let timeout = self.timeout(table, "timeout").unwrap_or(COMMAND_TIMEOUT);
            self.words(table)
                .and_then(|words| self.command(table, &words, timeout))
                .map(HookTarget::Command)
        };
        let events = self.flag(table, "events").unwrap_or(false);
        let subject = if self.is_of_health(table) {
            HookSubject::FeedHealth
        } else {
            HookSubject::Articles { events }
        };
        let consumer = self.consumer(table, consumers);
        Some(Hook { consumer: consumer?, subject, to: to? })
    }

    /// Whether an export reports the health of feeds instead of articles. Filters by article are faults then.
    fn is_of_health(&mut self, table: &Table<'_>) -> bool {
        let Some(field) = table.get("on") else { return false };
        match self.string(&field) {
            Some("feed_health") => {}
            Some("articles") | None => return false,
            Some(_) => {
                let hint = "write on = \"feed_health\", or leave it out for articles".to_owned();
                self.fault(&field.key, &field.span, "not something to tell of", Some(hint));
                return false;
            }
        }
        let of_articles = [
            "events",
            "since",
            "until",
            "seen_since",
            "language",
            "author",
            "search",
            "story",
            "with_duplicates",
            "sightings",
        ];
        for key in of_articles {
            if let Some(field) = table.get(key) {
                let message = "goes with articles, and not with on = \"feed_health\"";
                let hint = Some("remove it; feeds and tags choose the feeds".to_owned());
                self.fault(&field.key, &field.key_span, message, hint);
            }
        }
        true
    }

    fn consumer(&mut self, table: &Table<'_>, given: &mut Consumers) -> Option<ConsumerName> {
        let Some(field) = table.get("consumer") else {
            let hint = "write consumer = \"…\": the name of its cursor, which outlives a change of address";
            self.missing(table, "consumer", hint);
            return None;
        };
        let name = match ConsumerName::parse(self.string(&field)?) {
            Ok(name) => name,
            Err(error) => {
                return self.refuse(&field, error.to_string(), None);
            }
        };
        let hint = "give each a name of its own: each has its own cursor";
        self.once(given, name.clone(), &field, "another export has this consumer", hint);
        Some(name)
    }

    fn webhook(&mut self, table: &Table<'_>, field: &Field<'_>) -> Option<WebhookSpec> {
        self.secrets.push(field.span.clone()); // For many services the address is the only credential.
        let address = self.string(field).and_then(|text| self.expanded(field, text.trim()));
        let url = address.and_then(|text| match webhook_url(&text) {
            Ok(url) => Some(url),
            Err((message, hint)) => self.refuse(field, message, Some(hint.to_owned())),
        });
        let agent = "set [fetch] user_agent";
        let headers = self.headers(table, &OURS, agent);
        let key = self.signing_key(table);
        let timeout = self.timeout(table, "timeout").unwrap_or(WEBHOOK_TIMEOUT);
        let allow_private = self.flag(table, "allow_private").unwrap_or(false);
        let url = url?;
        let origin = url.origin().ascii_serialization();
        Some(WebhookSpec {
            url: Secret::new(url.into()),
            origin,
            headers,
            key,
            timeout,
            allow_private,
        })
    }

    fn signing_key(&mut self, table: &Table<'_>) -> Option<SigningKey> {
        let (field, text) = self.one_secret(table, "secret", "secret_file")?;
        match SigningKey::parse(&text) {
            Ok(key) => Some(key),
            Err(message) => {
                let hint = "`openssl rand -hex 32` makes one".to_owned();
                self.refuse(&field, message, Some(hint))
            }
        }
    }

    /// Reads the words of `command`, of which the first is the program.
    pub(super) fn words(&mut self, table: &Table<'_>) -> Option<Vec<String>> {
        let field = table.get("command")?;
        if let DeValue::String(text) = field.value {
            // The arguments may contain a secret, so the hint does not repeat them.
            let program = text.split_whitespace().next().unwrap_or("program").escape_debug();
            let hint = format!("there is no shell: write command = [\"{program}\", \"argument\"]");
            self.mistyped(&field, "a list of strings", Some(hint));
            return None;
        }
        let items = self.fields(table, "command");
        let mut words: Vec<String> = Vec::new();
        for item in &items {
            match item.value {
                DeValue::String(text) if text.contains('\0') => {
                    self.fault(&item.key, &item.span, "has a NUL character", None);
                }
                DeValue::String(text) => words.push(text.as_ref().to_owned()),
                _ => self.mistyped(item, "a string", None),
            }
        }
        if words.len() != items.len() {
            return None;
        }
        if words.first().is_none_or(|program| program.trim().is_empty()) {
            let hint = "write command = [\"program\", \"argument\"]".to_owned();
            return self.refuse(&field, "names no program", Some(hint));
        }
        Some(words)
    }

    /// Makes the command of the words that [`Reader::words`] has read.
    pub(super) fn command(
        &mut self,
        table: &Table<'_>,
        words: &[String],
        timeout: Duration,
    ) -> Option<CommandSpec> {
        let field = table.get("command")?;
        let program = self.program(words.first()?);
        if program.is_absolute() && !program.is_file() {
            let message = format!("there is no program {}", program.display());
            self.fault(&field.key, &field.span, message, None);
        }
        Some(CommandSpec {
            program,
            arguments: words.iter().skip(1).cloned().collect(),
            folder: self.base.to_owned(),
            timeout,
        })
    }

    /// A name without `/` is found in `PATH` later. A relative path starts at the configuration file's folder.
    fn program(&self, text: &str) -> PathBuf {
        if text.contains('/') { self.base.join(text) } else { Path::new(text).to_owned() }
    }
}

/// Parses the address of a webhook. The error does not repeat the address.
fn webhook_url(text: &str) -> Result<Url, (&'static str, &'static str)> {
    let hint = "an address starts with https:// or http://";
    let mut url = Url::parse(text).map_err(|_| ("not an absolute URL", hint))?;
    if !is_web(&url) {
        return Err(("webhooks go over http or https", hint));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "write headers = { Authorization = \"Basic …\" } in its place";
        return Err(("has a user name or password in it", hint));
    }
    url.set_fragment(None);
    Ok(url)
}
