//! What a copy remembers of the store that it was begun from.

use xxhash_rust::xxh3::Xxh3;

use crate::store::copy::tables::META;
use crate::store::database::{self, Connection, Row, ValueRef};
use crate::store::error::{Context, StoreError};

/// Tables of which one changes with every change of a store: each poll writes `poll_state`, each request for an icon or a page
/// its host, each delivery its consumer, and everything else takes a sequence number or a count in `meta`.
const TELLING: &[(&str, &str)] = &[
    (META, "key"),
    ("poll_state", "feed_id"),
    ("consumer", "name"),
    ("host", "host"),
    ("page_host", "host"),
    ("site_icon", "site"),
];

/// A text that differs after any change of the store, so that a copy is not continued from another state than it was begun
/// from. It is called in a transaction.
pub(super) fn of(connection: &Connection) -> Result<String, StoreError> {
    let mut hash = Xxh3::new();
    for (table, key) in TELLING {
        add(connection, &mut hash, table, key).context("read the state of the store")?;
    }
    Ok(format!("{:032x}", hash.digest128()))
}

fn add(connection: &Connection, hash: &mut Xxh3, table: &str, key: &str) -> database::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {key}"))?;
    let mut rows = statement.query_in_pieces([])?;
    while let Some(row) = rows.next()? {
        add_row(hash, &row)?;
    }
    hash.update(b"end");
    Ok(())
}

fn add_row(hash: &mut Xxh3, row: &Row<'_>) -> database::Result<()> {
    for column in 0..row.column_count() {
        let value = row.get_ref(column)?;
        hash.update(&[value.data_type() as u8]);
        match value {
            ValueRef::Null => {}
            ValueRef::Integer(number) => hash.update(&number.to_le_bytes()),
            ValueRef::Real(number) => hash.update(&number.to_le_bytes()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                hash.update(&bytes.len().to_le_bytes());
                hash.update(bytes);
            }
        }
    }
    Ok(())
}
