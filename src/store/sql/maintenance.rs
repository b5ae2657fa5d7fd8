//! Checks and measures the file, and returns unused space.

use std::path::Path;

use crate::domain::location::ServerUrl;
use crate::store::database::{self, Connection};
use crate::store::error::{Context, StoreError};
use crate::store::postgres;
use crate::store::sql::{meta, text_index};
use crate::store::sqlite::open::open_for_writing;

/// Sizes and counts, for `db stats` and `status`.
#[derive(Clone, Debug)]
pub struct Stats {
    pub feeds: u64,
    pub articles: u64,
    pub edited: u64,
    /// The last sequence number given out.
    pub seq: i64,
    /// Articles that the full-text index does not hold yet.
    pub unindexed: u64,
    pub page_bytes: u64,
    pub pages: u64,
    pub free_pages: u64,
    pub schema_version: u64,
}

/// The result of `db check`; without faults the store is sound.
#[derive(Clone, Debug)]
pub struct Check {
    pub faults: Vec<String>,
}

/// SQLite counts the entries of an index that holds only edited articles; the table may have gigabytes.
pub(super) const EDITED: &str = "SELECT count(*) FROM article WHERE revision > 0";

/// The bytes of the tables and indexes in PostgreSQL, where all are in one schema.
const SIZE: &str = "
    SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS bigint) FROM pg_class c
    WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind = 'r'";
const PAGE_SIZE: &str = "SELECT CAST(current_setting('block_size') AS bigint)";

pub(super) fn stats(connection: &Connection) -> Result<Stats, StoreError> {
    let number = |sql: &str| -> Result<u64, StoreError> {
        let n: i64 =
            connection.query_row(sql, [], |row| row.get(0)).context("measure the store")?;
        Ok(n.cast_unsigned())
    };
    let page_bytes = number(connection.choose("PRAGMA page_size", PAGE_SIZE))?;
    Ok(Stats {
        feeds: number("SELECT count(*) FROM feed WHERE configured = 1")?,
        articles: number("SELECT CAST(coalesce(sum(articles), 0) AS bigint) FROM feed_totals")?,
        edited: number(EDITED)?,
        seq: meta::sequence(connection)?,
        unindexed: text_index::behind(connection)?,
        page_bytes,
        pages: size(connection)? / page_bytes,
        free_pages: number(connection.choose("PRAGMA freelist_count", "SELECT 0"))?,
        schema_version: number(
            connection.choose("PRAGMA user_version", "SELECT version FROM schema_version"),
        )?,
    })
}

/// The size of all pages, in bytes.
pub(super) fn size(connection: &Connection) -> Result<u64, StoreError> {
    const OF_FILE: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: i64 = connection
        .query_row(connection.choose(OF_FILE, SIZE), [], |row| row.get(0))
        .context("measure the store")?;
    Ok(bytes.cast_unsigned())
}

/// What must hold between the tables: what is wrong, and a query that counts it.
const RULES: [(&str, &str); 7] = [
    (
        "duplicates of articles that are not there or are duplicates themselves",
        "SELECT count(*) FROM article_duplicate d
         WHERE NOT EXISTS (SELECT 1 FROM article o WHERE o.id = d.original_id AND o.id < d.article_id)
            OR EXISTS (SELECT 1 FROM article_duplicate e WHERE e.article_id = d.original_id)",
    ),
    (
        "sightings of articles that are not there",
        "SELECT count(*) FROM feed_entry s LEFT JOIN article a ON a.id = s.article_id
         WHERE a.id IS NULL",
    ),
    (
        "articles without a sighting",
        "SELECT count(*) FROM article a
         WHERE NOT EXISTS (SELECT 1 FROM feed_entry s
             WHERE s.feed_id = a.feed_id AND s.article_id = a.id)",
    ),
    (
        "sequence numbers beyond the counter",
        "SELECT count(*) FROM article
         WHERE seq > (SELECT CAST(value AS bigint) FROM meta WHERE key = 'seq')",
    ),
    (
        "feeds whose number of articles or newest date is not that of their articles",
        "SELECT count(*) FROM feed f
         LEFT JOIN feed_totals t ON t.feed_id = f.id
         LEFT JOIN (SELECT feed_id, count(*) AS articles, max(order_at) AS newest_at FROM article GROUP BY feed_id) c
            ON c.feed_id = f.id
         WHERE coalesce(t.articles, 0) <> coalesce(c.articles, 0) OR t.newest_at IS DISTINCT FROM c.newest_at",
    ),
    (
        "tags of feeds that a filter by tag does not know, or knows wrongly",
        "SELECT (SELECT count(*) FROM feed f, json_each(f.tags) t
            WHERE NOT EXISTS (SELECT 1 FROM feed_tag k WHERE k.tag = t.value AND k.feed_id = f.id))
         + (SELECT count(*) FROM feed_tag k WHERE NOT EXISTS (
            SELECT 1 FROM feed f, json_each(f.tags) t WHERE f.id = k.feed_id AND t.value = k.tag))",
    ),
    (
        "feeds without a plan",
        "SELECT count(*) FROM feed f WHERE NOT EXISTS (SELECT 1 FROM poll_state WHERE feed_id = f.id)",
    ),
];

/// Runs the checks of SQLite, and checks what must hold between the tables.
pub(super) fn check(connection: &Connection) -> Result<Check, StoreError> {
    let action = "check the store";
    // PostgreSQL checks its references itself, and `pg_amcheck` its files.
    let mut faults =
        if connection.is_sqlite() { check_file(connection).context(action)? } else { Vec::new() };
    for (what, sql) in RULES {
        let n: i64 = connection.query_row(sql, [], |row| row.get(0)).context(action)?;
        if n != 0 {
            faults.push(format!("{n} {what}"));
        }
    }
    Ok(Check { faults })
}

/// The checks that SQLite has for its file.
fn check_file(connection: &Connection) -> database::Result<Vec<String>> {
    let mut check = connection.prepare("PRAGMA integrity_check(20)")?;
    let lines = check.query_map([], |row| row.get(0))?.collect::<database::Result<_>>();
    let mut faults: Vec<String> = lines?;
    faults.retain(|line| line != "ok");
    let mut foreign = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = foreign.query([])?;
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        faults.push(format!("a row of {table} refers to one that is not there"));
    }
    Ok(faults)
}

/// Returns the space of removed articles to the file system, after it has packed the text index. Other processes
/// can read meanwhile, but not write. It needs as much free space as the store has.
pub(in crate::store) fn vacuum(path: &Path) -> Result<(), StoreError> {
    let connection = open_for_writing(path)?;
    connection
        .execute_batch(
            "INSERT INTO article_text (article_text) VALUES ('optimize');
             VACUUM;
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .context("vacuum the store")?;
    connection.close().context("close the store")
}

/// As [`vacuum`], for a store in PostgreSQL, whose autovacuum does the same in small steps.
pub(in crate::store) fn vacuum_in(url: &ServerUrl) -> Result<(), StoreError> {
    let connection = postgres::open::for_writing(url)?;
    connection.execute_batch("VACUUM (ANALYZE)").context("vacuum the store")
}
