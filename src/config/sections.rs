//! Reads `[store]`, `[schedule]` and `[fetch]`, and the keys that several tables share.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use toml::de::DeValue;

use crate::config::full_text::FullTextOf;
use crate::config::keys::{FETCH, SCHEDULE, STORE, nearest};
use crate::config::reader::{Reader, Table};
use crate::config::{
    DEFAULT_KEEP_REVISIONS, DEFAULT_MAX_ENTRIES, DEFAULT_STORE, Keep, StoreConfig,
};
use crate::domain::location::{Location, ServerUrl};
use crate::domain::request::{FetchSettings, ProxyChoice};
use crate::domain::time::{TimeDelta, Timestamp, Zone};
use crate::domain::units::duration_text;
use crate::feed::entry_filter::EntryFilter;
use crate::polling::schedule::{Cadence, CronSchedule, Policy};

/// Limits of an interval between polls or exports. All schedules have a resolution of one second.
pub(super) const INTERVAL: RangeInclusive<TimeDelta> = TimeDelta::seconds(1)..=TimeDelta::days(366);
/// Limits of `keep`. Less than a day is almost certainly a mistake.
pub(super) const KEEP: RangeInclusive<TimeDelta> = TimeDelta::days(1)..=TimeDelta::days(36_600);
/// Limits of `host_delay`.
const HOST_DELAY: RangeInclusive<TimeDelta> = TimeDelta::zero()..=TimeDelta::hours(1);
/// Limits of a timeout.
pub(super) const TIMEOUT: RangeInclusive<TimeDelta> = TimeDelta::seconds(1)..=TimeDelta::hours(1);
/// Limits of `max_body`, in bytes. No feed is smaller than the lower limit; the upper limit protects the memory.
const BODY: RangeInclusive<u64> = 1024..=1 << 30;
/// Limits of `memory`, in bytes.
const MEMORY: RangeInclusive<u64> = 1024 * 1024..=1 << 40;
pub(super) const MAX_ENTRIES: RangeInclusive<u64> = 1..=1_000_000;

/// The values of `[schedule]` and `[fetch]` for feeds that do not set their own.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) policy: Policy,
    pub(super) zone: Zone,
    /// The zone of what is shown, and in which days begin.
    pub(super) shown_zone: Zone,
    pub(super) max_entries: usize,
    pub(super) timeout: Duration,
    /// Of the top level, as the rules for all feeds.
    pub(super) quiet_start: bool,
    /// Of the top level: the rules for all feeds.
    pub(super) entry_filter: EntryFilter,
    /// Of `[full_text]`.
    pub(super) full_text: FullTextOf,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            zone: Zone::UTC,
            shown_zone: Zone::UTC,
            max_entries: DEFAULT_MAX_ENTRIES,
            timeout: FetchSettings::default().timeout,
            quiet_start: false,
            entry_filter: EntryFilter::default(),
            full_text: FullTextOf::default(),
        }
    }
}

impl Reader<'_> {
    pub(super) fn store(&mut self, root: &Table<'_>) -> StoreConfig {
        let mut store = StoreConfig {
            location: Location::file(self.base.join(DEFAULT_STORE)),
            keep_revisions: DEFAULT_KEEP_REVISIONS,
            keep: None,
        };
        let Some(field) = root.get("store") else { return store };
        let Some(table) = self.table(&field, &STORE) else { return store };
        if let Some(location) = self.location(&table) {
            store.location = location;
        }
        let keep = self.number(&table, "keep_revisions", 0..=10_000);
        if let Some(keep) = keep.and_then(|n| u32::try_from(n).ok()) {
            store.keep_revisions = keep;
        }
        store.keep = match self.keep(&table) {
            Some(Keep::For(age)) => Some(age),
            Some(Keep::Forever) | None => None,
        };
        store
    }

    /// Reads where the store is: `path`, `url` or `url_file`.
    fn location(&mut self, table: &Table<'_>) -> Option<Location> {
        let path = self.path_at(table, "path");
        let Some((field, url)) = self.one_secret(table, "url", "url_file") else {
            return path.map(Location::file);
        };
        if let Some(other) = table.get("path") {
            let other = Some((self.place(&other.key_span), "given here"));
            let hint = Some("keep the file or the server".to_owned());
            self.clash(&field.key, &field.key_span, "`path` is given as well", hint, other);
            return None;
        }
        match ServerUrl::parse(url.trim()) {
            Ok(url) => Some(Location::Server(url)),
            Err(fault) => {
                let hint = "such as postgres://user@host/database, or postgres:///database?host=/run/postgresql";
                self.refuse(&field, fault, Some(hint.to_owned()))
            }
        }
    }

    /// Reads how long articles are kept.
    pub(super) fn keep(&mut self, table: &Table<'_>) -> Option<Keep> {
        let field = table.get("keep")?;
        if matches!(field.value, DeValue::String(text) if text == "forever") {
            return Some(Keep::Forever);
        }
        self.duration(table, "keep", &KEEP).map(Keep::For)
    }

    pub(super) fn schedule(&mut self, root: &Table<'_>, defaults: &mut Defaults) {
        let Some(field) = root.get("schedule") else { return };
        let Some(table) = self.table(&field, &SCHEDULE) else { return };
        defaults.zone = self.zone(&table).unwrap_or(defaults.zone);
        let policy = &mut defaults.policy;
        policy.cadence = self.cadence(&table, defaults.zone).unwrap_or(Cadence::Adaptive);
        let min = self.duration(&table, "min", &INTERVAL);
        let max = self.duration(&table, "max", &INTERVAL);
        policy.min = min.unwrap_or(policy.min);
        policy.max = max.unwrap_or(policy.max);
        // An invalid bound has a fault of its own; the other bound is not compared with it.
        let understood =
            |key: &str, bound: Option<TimeDelta>| table.get(key).is_none_or(|_| bound.is_some());
        if policy.max < policy.min && understood("min", min) && understood("max", max) {
            let [given, other] = if min.is_some() { ["min", "max"] } else { ["max", "min"] };
            if let Some(field) = table.get(given) {
                let other =
                    table.get(other).map(|other| (self.place(&other.span), "not less than this"));
                let hint = format!(
                    "without the keys, min is {} and max is {}",
                    duration_text(Policy::default().min),
                    duration_text(Policy::default().max),
                );
                let message = "`min` is longer than `max`";
                self.clash(&field.key, &field.span, message, Some(hint), other);
            }
        }
    }

    /// Reads `timezone`.
    pub(super) fn zone(&mut self, table: &Table<'_>) -> Option<Zone> {
        let field = table.get("timezone")?;
        let name = self.string(&field)?;
        let zone = name.parse().ok();
        if zone.is_none() {
            let meant = nearest(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()))
                .or_else(|| by_city(name));
            let hint = meant.map_or_else(
                || "zones are named like Europe/Berlin or UTC".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.fault(&field.key, &field.span, "no such time zone", Some(hint));
        }
        zone
    }

    /// Reads `every` or `cron`. A table may have one of them.
    pub(super) fn cadence(&mut self, table: &Table<'_>, zone: Zone) -> Option<Cadence> {
        let every = self.duration(table, "every", &INTERVAL).map(Cadence::Every);
        let cron = self.cron(table, zone).map(Cadence::Cron);
        if let (Some(first), Some(second)) = (table.get("every"), table.get("cron")) {
            let other = Some((self.place(&first.span), "given here"));
            let hint = Some("keep one of the two".to_owned());
            self.clash(&second.key, &second.key_span, "`every` is given as well", hint, other);
        }
        every.or(cron)
    }

    fn cron(&mut self, table: &Table<'_>, zone: Zone) -> Option<CronSchedule> {
        let field = table.get("cron")?;
        let text = self.string(&field)?;
        match cron_of(text, zone, self.now) {
            Ok(schedule) => Some(schedule),
            Err((message, hint)) => self.refuse(&field, message, Some(hint.to_owned())),
        }
    }

    pub(super) fn fetch(&mut self, root: &Table<'_>, defaults: &mut Defaults) -> FetchSettings {
        let mut settings = FetchSettings::default();
        let Some(field) = root.get("fetch") else { return settings };
        let Some(table) = self.table(&field, &FETCH) else { return settings };
        if let Some(number) = self.count(&table, "concurrency", 1..=10_000) {
            settings.concurrency = number;
        }
        if let Some(number) = self.count(&table, "per_host", 1..=1_000) {
            settings.per_host = number;
            settings.exempt_this_machine = false;
        }
        if let Some(delay) = self.duration(&table, "host_delay", &HOST_DELAY) {
            settings.host_delay = delay.to_std().unwrap_or_default();
            settings.exempt_this_machine = false;
        }
        if let Some(number) = self.count(&table, "max_redirects", 0..=20) {
            settings.max_redirects = number;
        }
        if let Some(number) = self.max_entries(&table) {
            defaults.max_entries = number;
        }
        if let Some(timeout) = self.timeout(&table, "timeout") {
            settings.timeout = timeout;
            defaults.timeout = timeout;
        }
        if let Some(timeout) = self.timeout(&table, "connect_timeout") {
            settings.connect_timeout = timeout;
        }
        if let Some(timeout) = self.timeout(&table, "read_timeout") {
            settings.read_timeout = timeout;
        }
        if let Some(bytes) = self.size(&table, "max_body", BODY) {
            settings.max_body = bytes;
        }
        if let Some(bytes) = self.size(&table, "memory", MEMORY) {
            settings.memory = Some(bytes);
        }
        if let Some(text) = self.user_agent(&table) {
            settings.user_agent = text;
        }
        if let Some(allowed) = self.flag(&table, "allow_private") {
            settings.allow_private = allowed;
        }
        settings.proxy = match self.proxy(&table) {
            Some(ProxyChoice::Via(address)) => Some(address),
            Some(ProxyChoice::Direct) | None => None,
        };
        settings.ca_file = table.get("ca_file").and_then(|field| self.certificates(&field));
        settings
    }

    pub(super) fn path_at(&mut self, table: &Table<'_>, key: &str) -> Option<PathBuf> {
        self.path(&table.get(key)?)
    }

    pub(super) fn max_entries(&mut self, table: &Table<'_>) -> Option<usize> {
        self.count(table, "max_entries", MAX_ENTRIES)
    }

    pub(super) fn count(
        &mut self,
        table: &Table<'_>,
        key: &str,
        limits: RangeInclusive<u64>,
    ) -> Option<usize> {
        self.number(table, key, limits).and_then(|number| usize::try_from(number).ok())
    }

    pub(super) fn timeout(&mut self, table: &Table<'_>, key: &str) -> Option<Duration> {
        self.duration(table, key, &TIMEOUT).and_then(|span| span.to_std().ok())
    }

    pub(super) fn user_agent(&mut self, table: &Table<'_>) -> Option<String> {
        let field = table.get("user_agent")?;
        let text = self.label(&field)?;
        if HeaderValue::from_str(text).is_err() {
            let message = "has characters that a header may not have";
            return self.refuse(&field, message, None);
        }
        Some(text.to_owned())
    }
}

/// The time zone of this machine: that of `TZ`, else that of the system, else UTC.
pub(super) fn machine_zone(environment: &dyn Fn(&str) -> Option<String>) -> Zone {
    let zone = |name: String| {
        // `TZ` may have a colon before the name, and name a file.
        let name = name.trim_start_matches(':');
        name.rsplit_once("zoneinfo/").map_or(name, |(_, name)| name).parse().ok()
    };
    let of_system = || iana_time_zone::get_timezone().ok().and_then(zone);
    environment("TZ").and_then(zone).or_else(of_system).unwrap_or_default()
}

/// Reads a cron expression. The error is the message and the hint.
pub(super) fn cron_of(
    text: &str,
    zone: Zone,
    now: Timestamp,
) -> Result<CronSchedule, (String, &'static str)> {
    CronSchedule::parse(text, zone, now).map_err(|error| {
        let hint = "five fields as in a crontab: minute hour day month weekday, such as \"*/15 6-22 * * Mon-Fri\"";
        // The parser's message underlines the place; its last line names the fault.
        let message = error.to_string();
        let message = match message.trim().rsplit_once('\n') {
            Some((_, last)) => format!("not a cron expression: {}", last.trim()),
            None => message,
        };
        (message, hint)
    })
}

/// Finds the time zone of a city: `Europe/Berlin` for `Berlin`.
fn by_city(name: &str) -> Option<&'static str> {
    let city = |zone: &&'static str| {
        zone.rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(&name.replace(' ', "_")))
    };
    chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).find(city)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_of_the_machine_is_that_of_its_environment_first() {
        for (name, expected) in [
            ("Europe/Berlin", "Europe/Berlin"),
            (":Asia/Tokyo", "Asia/Tokyo"),
            (":/usr/share/zoneinfo/America/New_York", "America/New_York"),
            ("UTC", "UTC"),
        ] {
            let environment = |variable: &str| (variable == "TZ").then(|| name.to_owned());
            assert_eq!(machine_zone(&environment).name(), expected);
        }
        let of_system = machine_zone(&|_| None);
        for name in ["", "CET-1CEST", "no such zone"] {
            let environment = |variable: &str| (variable == "TZ").then(|| name.to_owned());
            assert_eq!(machine_zone(&environment), of_system, "{name}");
        }
    }
}
