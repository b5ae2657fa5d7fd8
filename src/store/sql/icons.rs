//! The icons of web sites, and when they are requested.

use std::collections::{HashMap, HashSet};

use url::Url;
use xxhash_rust::xxh3::xxh3_128;

use crate::domain::feed::FeedId;
use crate::domain::host::Host;
use crate::domain::icon::{Icon, IconKind};
use crate::domain::poll::Validators;
use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{Connection, Null, OptionalExtension, params};
use crate::store::error::{Context, StoreError};
use crate::store::sql::hosts;

/// What the store knows of the icon of a site.
#[derive(Clone, Debug)]
pub struct KnownIcon {
    /// The time of the next request.
    pub next_at: Timestamp,
    /// The number of requests in a row that gave no icon.
    pub failures: u32,
    /// Those of the last icon; `sent_by` is its address.
    pub validators: Validators,
}

/// What came of the request for the icon of a site.
#[derive(Clone, Debug)]
pub struct IconDone {
    pub site: String,
    pub next_at: Timestamp,
    pub outcome: IconOutcome,
}

#[derive(Clone, Debug)]
pub enum IconOutcome {
    Found(Icon, Validators),
    NotModified,
    /// An icon that was found before stays.
    Failed,
    /// The request does not count.
    Postponed,
}

/// The icons of all sites.
pub(super) fn known(connection: &Connection) -> Result<HashMap<String, KnownIcon>, StoreError> {
    const KNOWN: &str = "SELECT site, next_at, failures, url, etag, last_modified FROM site_icon";
    connection
        .prepare_cached(KNOWN)
        .and_then(|mut s| {
            s.query_map([], |r| {
                let url: Option<String> = r.get("url")?;
                let validators = Validators {
                    etag: r.get("etag")?,
                    last_modified: r.get("last_modified")?,
                    sent_by: url.and_then(|url| Url::parse(&url).ok()),
                };
                let (next_at, failures) = (from_unix(r.get("next_at")?), r.get("failures")?);
                Ok((r.get("site")?, KnownIcon { next_at, failures, validators }))
            })?
            .collect()
        })
        .context("read what is known of icons")
}

/// The addresses and the home pages of all feeds.
pub(super) fn homes(
    connection: &Connection,
) -> Result<Vec<(FeedId, String, Option<String>)>, StoreError> {
    connection
        .prepare_cached("SELECT id, url, home_page_url FROM feed ORDER BY id")
        .and_then(|mut s| {
            s.query_map([], |r| Ok((FeedId(r.get(0)?), r.get(1)?, r.get(2)?)))?.collect()
        })
        .context("read the home pages of feeds")
}

/// Whether a request for an icon would come before a poll of the host that is due until `soon`, or during a pause of the
/// host for polls or for article pages.
pub(super) fn is_host_busy(
    connection: &Connection,
    host: &Host,
    now: Timestamp,
    soon: Timestamp,
) -> Result<bool, StoreError> {
    const DUE: &str = "
        SELECT EXISTS (SELECT 1 FROM poll_state WHERE host = ?1 AND active = 1 AND next_poll_at <= ?2)
        OR EXISTS (SELECT 1 FROM page_host WHERE host = ?1 AND ?3 < paused_until AND paused_until - 604860 <= ?3)";
    if hosts::paused(connection, host, now)?.is_some() {
        return Ok(true);
    }
    connection
        .prepare_cached(DUE)
        .and_then(|mut s| {
            s.query_row(params![host.as_str(), soon.timestamp(), now.timestamp()], |row| row.get(0))
        })
        .context("look for polls that are due")
}

/// The name of the icon of each of these sites that has one.
pub(super) fn names(
    connection: &Connection,
    sites: HashSet<String>,
) -> Result<HashMap<String, String>, StoreError> {
    let action = "read the names of icons";
    let mut name =
        connection.prepare_cached("SELECT hash FROM site_icon WHERE site = ?1").context(action)?;
    let mut names = HashMap::new();
    for site in sites {
        let found: Option<Option<String>> =
            name.query_row([&site], |row| row.get(0)).optional().context(action)?;
        names.extend(found.flatten().map(|name| (site, name)));
    }
    Ok(names)
}

/// The icon of this name.
pub(super) fn find(connection: &Connection, name: &str) -> Result<Option<Icon>, StoreError> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached("SELECT bytes FROM site_icon WHERE hash = ?1 LIMIT 1")
        .and_then(|mut s| s.query_row([name], |row| row.get(0)).optional())
        .context("read an icon")?;
    Ok(bytes.and_then(Icon::new))
}

/// Stores what came of a request.
pub(in crate::store) fn apply(tx: &Connection, done: &IconDone) -> Result<(), StoreError> {
    const PUT: &str = "
        INSERT INTO site_icon (site, next_at, url, etag, last_modified, hash, mime_type, bytes)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (site) DO UPDATE SET next_at = ?2, failures = 0, url = ?3, etag = ?4,
            last_modified = ?5, hash = ?6, mime_type = ?7, bytes = ?8";
    const PLAN: &str = "
        INSERT INTO site_icon (site, next_at, failures) VALUES (?1, ?2, coalesce(CAST(?3 AS bigint), 0))
        ON CONFLICT (site) DO UPDATE SET next_at = ?2,
            failures = CASE WHEN ?3 IS NULL THEN site_icon.failures WHEN ?3 = 0 THEN 0 ELSE site_icon.failures + 1 END";
    let at = done.next_at.timestamp();
    let failures: Option<u32> = match &done.outcome {
        IconOutcome::Found(icon, validators) => {
            let name = format!("{:032x}", xxh3_128(icon.bytes()));
            let url = validators.sent_by.as_ref().map(Url::as_str);
            let (etag, date) = (&validators.etag, &validators.last_modified);
            let kind: &'static str = IconKind::as_str(icon.kind());
            return tx
                .prepare_cached(PUT)
                .and_then(|mut s| {
                    s.execute(params![done.site, at, url, etag, date, name, kind, icon.bytes()])
                })
                .map(|_| ())
                .context("store an icon");
        }
        IconOutcome::NotModified => Some(0),
        IconOutcome::Failed => Some(1),
        IconOutcome::Postponed => None,
    };
    tx.prepare_cached(PLAN)
        .and_then(|mut s| match failures {
            Some(failures) => s.execute(params![done.site, at, failures]),
            None => s.execute(params![done.site, at, Null]),
        })
        .map(|_| ())
        .context("plan the request for an icon")
}

/// Removes the icons of all sites but these.
pub(in crate::store) fn retain(tx: &Connection, sites: &HashSet<String>) -> Result<(), StoreError> {
    let action = "remove icons";
    for site in known(tx)?.into_keys().filter(|site| !sites.contains(site)) {
        tx.prepare_cached("DELETE FROM site_icon WHERE site = ?1")
            .and_then(|mut s| s.execute([site]))
            .context(action)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::migrate;

    fn store() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("icons.db");
        let connection = Connection::open(&path).unwrap();
        migrate::to_latest(&connection, &path).unwrap();
        (folder, connection)
    }

    #[test]
    fn a_host_with_a_pause_or_a_poll_that_is_due_is_busy() {
        let (_folder, connection) = store();
        connection
            .execute_batch(
                "INSERT INTO feed (id, url, tags, configured, enabled, added_at) VALUES
                    (1, 'https://due.example/f', '[]', 1, 1, 0), (2, 'https://later.example/f', '[]', 1, 1, 0),
                    (3, 'https://off.example/f', '[]', 1, 0, 0);
                INSERT INTO poll_state (feed_id, active, policy, because, next_poll_at, host) VALUES
                    (1, 1, '', 'new', 1010, 'due.example'), (2, 1, '', 'new', 1011, 'later.example'),
                    (3, 0, '', 'new', 1, 'off.example');
                INSERT INTO host (host, paused_until, strikes, status) VALUES
                    ('paused.example', 1001, 1, 429), ('free.example', 1000, 1, 429);
                INSERT INTO page_host (host, day, requests, paused_until, strikes) VALUES
                    ('pages.example', 0, 1, 2000, 1), ('read.example', 0, 1, 0, 0);",
            )
            .unwrap();
        for (name, busy) in [
            ("due", true),
            ("later", false),
            ("off", false),
            ("paused", true),
            ("free", false),
            ("pages", true),
            ("read", false),
            ("unknown", false),
        ] {
            let url = Url::parse(&format!("https://{name}.example/")).unwrap();
            let host = Host::of(&url).unwrap();
            let found = is_host_busy(&connection, &host, from_unix(1000), from_unix(1010));
            assert_eq!(found.unwrap(), busy, "{name}");
        }
    }

    #[test]
    fn an_icon_stays_while_its_site_fails_and_goes_with_its_site() {
        let (_folder, connection) = store();
        let icon = Icon::new(b"GIF89a-1".to_vec()).unwrap();
        let validators = Validators {
            etag: Some(b"\"1\"".to_vec()),
            last_modified: None,
            sent_by: Some(Url::parse("https://a.example/i.gif").unwrap()),
        };
        let done = |site: &str, at: i64, outcome| {
            let site = format!("https://{site}.example");
            apply(&connection, &IconDone { site, next_at: from_unix(at), outcome }).unwrap();
        };
        let state = |site: &str| {
            let known = known(&connection).unwrap();
            known[&format!("https://{site}.example")].clone()
        };
        done("b", 5, IconOutcome::Postponed);
        assert_eq!((state("b").next_at, state("b").failures), (from_unix(5), 0));
        done("b", 6, IconOutcome::Failed);
        done("b", 7, IconOutcome::Failed);
        done("b", 8, IconOutcome::Postponed);
        assert_eq!((state("b").next_at, state("b").failures), (from_unix(8), 2));
        let site = || HashSet::from(["https://a.example".to_owned()]);
        assert!(names(&connection, site()).unwrap().is_empty());
        done("a", 1, IconOutcome::Found(icon.clone(), validators.clone()));
        done("a", 2, IconOutcome::Failed);
        assert_eq!((state("a").failures, state("a").validators), (1, validators));
        done("a", 3, IconOutcome::NotModified);
        assert_eq!((state("a").next_at, state("a").failures), (from_unix(3), 0));
        let name = names(&connection, site()).unwrap().remove("https://a.example").unwrap();
        assert_eq!(find(&connection, &name).unwrap(), Some(icon));
        assert_eq!(find(&connection, "0").unwrap(), None);
        let other = Icon::new(b"GIF89a-2".to_vec()).unwrap();
        done("a", 4, IconOutcome::Found(other, Validators::default()));
        assert_eq!(find(&connection, &name).unwrap(), None, "another image has another name");
        retain(&connection, &HashSet::from(["https://b.example".to_owned()])).unwrap();
        assert_eq!(known(&connection).unwrap().len(), 1);
    }
}
