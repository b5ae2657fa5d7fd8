//! Reads `[full_text]`, and the keys of a feed that say how its article pages are read.

use std::ops::RangeInclusive;

use url::Host;

use crate::article_page::extract::is_selector;
use crate::article_page::model::{Mode, SiteRules};
use crate::config::keys::{FULL_TEXT, SITE};
use crate::config::reader::{Field, Reader, Table};
use crate::config::{FullTextConfig, SitePages};
use crate::domain::time::TimeDelta;

/// Limits of `refresh`. Pages that are requested more often would be a burden for their servers.
const REFRESH: RangeInclusive<TimeDelta> = TimeDelta::minutes(10)..=TimeDelta::days(366);

/// Which feeds have `full_text` that do not say it themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct FullTextOf {
    all: bool,
    tags: Vec<String>,
}

impl FullTextOf {
    /// Whether the pages of a feed with these tags are fetched.
    pub(super) fn is_meant(&self, tags: &[String]) -> bool {
        self.all || self.tags.iter().any(|tag| tags.contains(tag))
    }
}

impl Reader<'_> {
    pub(super) fn full_text(&mut self, root: &Table<'_>, of: &mut FullTextOf) -> FullTextConfig {
        let mut config = FullTextConfig::default();
        let Some(field) = root.get("full_text") else { return config };
        let Some(table) = self.table(&field, &FULL_TEXT) else { return config };
        of.all = self.flag(&table, "all").unwrap_or(false);
        of.tags = self.strings(&table, "tags");
        if let Some(number) = self.count(&table, "concurrency", 1..=1_000) {
            config.concurrency = number;
        }
        if let Some(number) = self.number(&table, "per_host_per_day", 1..=1_000_000) {
            config.per_host_per_day = number;
        }
        if let Some(refresh) = self.duration(&table, "refresh", &REFRESH) {
            config.refresh = refresh;
        }
        if let Some(mode) = table.get("mode").and_then(|field| self.mode(&field)) {
            config.mode = mode;
        }
        config.obey_robots = self.flag(&table, "obey_robots").unwrap_or(config.obey_robots);
        config.sites = self.sites(&table);
        config
    }

    /// Whether the pages of a feed with these tags are fetched.
    pub(super) fn full_text_of(
        &mut self,
        feed: &Table<'_>,
        of: &FullTextOf,
        tags: &[String],
    ) -> bool {
        self.flag(feed, "full_text").unwrap_or_else(|| of.is_meant(tags))
    }

    fn mode(&mut self, field: &Field<'_>) -> Option<Mode> {
        match self.string(field)? {
            "best" => Some(Mode::Best),
            "fast" => Some(Mode::Fast),
            _ => self.refuse(field, "is neither \"best\" nor \"fast\"", None),
        }
    }

    /// Reads the rules of sites. A site without a valid host is left out, and its faults are noted.
    fn sites(&mut self, table: &Table<'_>) -> Vec<SitePages> {
        let Some(field) = table.get("sites") else { return Vec::new() };
        let mut given = std::collections::HashMap::new();
        let mut sites = Vec::new();
        for site in self.tables(&field, &SITE) {
            let rules = self.page_rules(&site);
            let Some(field) = site.get("host") else {
                self.missing(&site, "host", "write host = \"example.org\", the host of the pages");
                continue;
            };
            if rules == SiteRules::default() && site.get("select").or(site.get("remove")).is_none()
            {
                self.missing(&site, "select", "give select, remove or both");
            }
            let Some(host) = self.host(&field) else { continue };
            let message = "there is another table for this host";
            self.once(&mut given, host.clone(), &field, message, "put both into one table");
            sites.push(SitePages { host, rules });
        }
        sites
    }

    fn host(&mut self, field: &Field<'_>) -> Option<String> {
        let text = self.label(field)?;
        if text.starts_with(['*', '.']) {
            let hint = "write the name alone; hosts below it are meant as well".to_owned();
            return self.refuse(field, "is no host name", Some(hint));
        }
        let Ok(host) = Host::parse(text) else {
            let hint = "write the name alone, such as \"example.org\"".to_owned();
            return self.refuse(field, "is no host name", Some(hint));
        };
        Some(host.to_string())
    }

    /// Reads `select` and `remove`.
    pub(super) fn page_rules(&mut self, table: &Table<'_>) -> SiteRules {
        let select = table.get("select").and_then(|field| self.selector(&field));
        let remove = self.fields(table, "remove");
        let remove = remove.iter().filter_map(|field| self.selector(field)).collect();
        SiteRules { select, remove }
    }

    fn selector(&mut self, field: &Field<'_>) -> Option<String> {
        let text = self.label(field)?;
        if !is_selector(text) {
            let hint = "write it as in a style sheet, such as \"article .body\"".to_owned();
            return self.refuse(field, "is no CSS selector", Some(hint));
        }
        Some(text.to_owned())
    }
}
