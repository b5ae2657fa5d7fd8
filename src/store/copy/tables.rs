//! The tables of a store as a copy takes them.

use std::collections::BTreeMap;

use crate::store::database::{self, Connection};
use crate::store::error::{Context, StoreError};

/// A table whose rows are copied.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The columns of the primary key, in its order. Rows are copied in this order.
    pub(super) key: &'static [&'static str],
    /// All columns in which values are stored. Computed ones are not among them.
    pub(super) columns: Vec<String>,
}

impl Table {
    /// All columns, separated by commas.
    pub(super) fn column_list(&self) -> String {
        self.columns.join(", ")
    }
}

/// The table of single values. It is copied last, because its values make a copy complete.
pub(super) const META: &str = "meta";

/// The tables and their primary keys. A table comes after those that it refers to.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    ("feed", &["id"]),
    ("poll_state", &["feed_id"]),
    ("last_document", &["feed_id"]),
    ("poll", &["feed_id", "slot"]),
    ("poll_day", &["feed_id", "day"]),
    ("tombstone", &["feed_id", "key"]),
    ("feed_health", &["feed_id"]),
    ("feed_health_event", &["seq"]),
    ("feed_totals", &["feed_id"]),
    ("feed_tag", &["tag", "feed_id"]),
    ("removed", &["seq"]),
    ("host", &["host"]),
    ("page_host", &["host"]),
    ("site_icon", &["site"]),
    ("consumer", &["name"]),
    ("article", &["id"]),
    ("feed_entry", &["feed_id", "key"]),
    ("article_revision", &["article_id", "revision"]),
    ("article_key", &["feed_id", "key", "article_id"]),
    ("page_key", &["key", "article_id"]),
    ("article_duplicate", &["article_id"]),
    ("refused_duplicate", &["article_id", "original_id"]),
    ("article_sketch", &["article_id"]),
    ("story_article", &["article_id"]),
    ("open_story_article", &["article_id"]),
    ("merged_story", &["story_id"]),
    ("article_page", &["article_id"]),
    ("feed_version", &["article_id"]),
    ("quiet_article", &["article_id"]),
    ("future_article", &["article_id"]),
    ("held_article", &["article_id"]),
    (META, &["key"]),
];

/// The stored columns of each table, but not those of the full-text index, which each database has in its own form, nor of what
/// only processes that share a database need.
const SQLITE_COLUMNS: &str = "
    SELECT t.name, c.name FROM sqlite_schema t, pragma_table_xinfo(t.name) c
    WHERE t.type = 'table' AND c.hidden = 0
        AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name NOT LIKE 'article\\_text%' ESCAPE '\\'
    ORDER BY t.name, c.cid";
const POSTGRES_COLUMNS: &str = "
    SELECT t.relname, c.attname FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid
    WHERE t.relnamespace = CAST(current_schema() AS regnamespace) AND t.relkind = 'r'
        AND c.attnum > 0 AND NOT c.attisdropped AND c.attgenerated = ''
        AND t.relname NOT IN ('article_text', 'schema_version', 'shard', 'worker')
    ORDER BY t.relname, c.attnum";

/// The columns of each table of a store.
pub(super) type Schema = BTreeMap<String, Vec<String>>;

pub(super) fn schema(connection: &Connection) -> Result<Schema, StoreError> {
    let read = || -> database::Result<Schema> {
        let mut statement =
            connection.prepare(connection.choose(SQLITE_COLUMNS, POSTGRES_COLUMNS))?;
        let mut rows = statement.query([])?;
        let mut schema = Schema::new();
        while let Some(row) = rows.next()? {
            schema.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
        Ok(schema)
    };
    read().context("read which tables the store has")
}

/// The tables that two stores have, which must be those of [`KEYS`] with the same columns. The columns may be in another order.
///
/// # Errors
/// [`StoreError::OtherTables`] when they differ.
pub(super) fn common(one: &Schema, other: &Schema) -> Result<Vec<Table>, StoreError> {
    let difference = |name: &str| StoreError::OtherTables { table: name.to_owned() };
    let mut tables = Vec::with_capacity(KEYS.len());
    for (name, key) in KEYS {
        let (Some(columns), Some(others)) = (one.get(*name), other.get(*name)) else {
            return Err(difference(name));
        };
        let is_same = columns.len() == others.len()
            && columns.iter().all(|column| others.contains(column))
            && key.iter().all(|column| columns.iter().any(|known| known == column));
        if !is_same {
            return Err(difference(name));
        }
        tables.push(Table { name, key, columns: columns.clone() });
    }
    let is_known = |name: &&String| KEYS.iter().any(|(known, _)| known == name);
    match one.keys().chain(other.keys()).find(|name| !is_known(name)) {
        Some(unknown) => Err(difference(unknown)),
        None => Ok(tables),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::store::sqlite::open::open_for_writing;

    fn sqlite() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_for_writing(&folder.path().join("x.db")).unwrap();
        (folder, connection)
    }

    /// What the migrations of PostgreSQL make, by their text: a line begins a table or adds a column to one.
    fn postgres() -> Schema {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
        let mut files: Vec<_> =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let mut schema = Schema::new();
        let mut table: Option<String> = None;
        for file in files {
            let text = fs::read_to_string(file).unwrap();
            for line in text.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                match (words.as_slice(), &table) {
                    (["CREATE", "TABLE", name, "("], _) => table = Some((*name).to_owned()),
                    (["ALTER", "TABLE", name, "ADD", "COLUMN", column, ..], _) => {
                        schema.entry((*name).to_owned()).or_default().push((*column).to_owned());
                    }
                    (["--" | "PRIMARY" | "(CASE", ..], _) => {}
                    ([end, ..], Some(_)) if end.starts_with(')') => table = None,
                    ([column, ..], Some(name)) if *column != "claimable_at" => {
                        schema.entry(name.clone()).or_default().push((*column).to_owned());
                    }
                    _ => {}
                }
            }
        }
        for only_here in ["article_text", "shard", "worker"] {
            schema.remove(only_here).unwrap();
        }
        schema
    }

    /// Fails when a migration adds a table or a column for one database alone, or a table that a copy does not take.
    #[test]
    fn both_databases_have_the_same_tables_and_columns() {
        let (_folder, connection) = sqlite();
        let sorted = |schema: Schema| -> Schema {
            let sorted = |(name, mut columns): (String, Vec<String>)| {
                columns.sort();
                (name, columns)
            };
            schema.into_iter().map(sorted).collect()
        };
        let sqlite = schema(&connection).unwrap();
        assert_eq!(sorted(sqlite.clone()), sorted(postgres()));
        assert_eq!(common(&sqlite, &postgres()).unwrap().len(), sqlite.len());
    }

    #[test]
    fn each_key_is_the_primary_key_of_its_table() {
        const KEY: &str = "SELECT name FROM pragma_table_info(?1) WHERE pk <> 0 ORDER BY pk";
        let (_folder, connection) = sqlite();
        for (name, key) in KEYS {
            let mut columns = connection.prepare(KEY).unwrap();
            let columns = columns.query_map([name], |row| row.get::<_, String>(0)).unwrap();
            assert_eq!(columns.collect::<database::Result<Vec<_>>>().unwrap(), *key, "{name}");
        }
    }

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        const PARENTS: &str = "SELECT \"table\" FROM pragma_foreign_key_list(?1)";
        let (_folder, connection) = sqlite();
        let place = |table: &str| KEYS.iter().position(|(name, _)| *name == table).unwrap();
        let mut references = 0;
        for (name, _) in KEYS {
            let mut parents = connection.prepare(PARENTS).unwrap();
            let parents = parents.query_map([name], |row| row.get::<_, String>(0)).unwrap();
            for parent in parents {
                let parent = parent.unwrap();
                assert!(place(&parent) < place(name), "{name} refers to {parent}");
                references += 1;
            }
        }
        assert!(20 < references, "only {references}");
    }

    #[test]
    fn stores_with_other_tables_or_columns_are_refused() {
        let (_folder, connection) = sqlite();
        let whole = schema(&connection).unwrap();
        let refused = |change: &dyn Fn(&mut Schema)| {
            let mut changed = whole.clone();
            change(&mut changed);
            let one = common(&whole, &changed).unwrap_err().to_string();
            assert_eq!(one, common(&changed, &whole).unwrap_err().to_string());
            one
        };
        assert!(refused(&|schema| drop(schema.remove("host"))).contains("host"));
        let column = refused(&|schema| schema.get_mut("poll").unwrap().push("x".to_owned()));
        assert!(column.contains("poll"), "{column}");
        let table = refused(&|schema| drop(schema.insert("x_y".to_owned(), Vec::new())));
        assert!(table.contains("x_y"), "{table}");
    }
}
