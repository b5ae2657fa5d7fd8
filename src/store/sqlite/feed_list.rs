//! What is known of the list of feeds as a whole.

use rusqlite::{Connection, OptionalExtension};

use crate::store::error::{Doing, StoreError};

/// The fingerprint of the last list that was synced; 0 before the first.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .query_row("SELECT value FROM meta WHERE key = 'feeds_hash'", [], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
        .doing("read the hash of the feed list")
}

/// Primary languages of configured feeds (BCP 47), sorted.
pub(super) fn languages(connection: &Connection) -> Result<Vec<String>, StoreError> {
    const LANGUAGES: &str = "
        SELECT DISTINCT substr(language || '-', 1, instr(language || '-', '-') - 1) AS primary_language
        FROM feed WHERE configured = 1 AND language IS NOT NULL ORDER BY primary_language";
    connection
        .prepare_cached(LANGUAGES)
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
        .doing("list the languages of feeds")
}
