//! How values are read from rows by the names of their columns, and how values that SQL has no type for
//! are stored: times, lists (as JSON text), and the public ids of articles.

use serde_json::{Value, json};

use crate::domain::article::{ArticleId, Attachment, Person, Podcast};
use crate::domain::time::{Timestamp, from_unix};
use crate::store::database::{self, Index, Row};

/// The columns of a query whose rows are read very often, as pairs of a name and an SQL expression.
///
/// `Row::get` with a name compares it with the names of all columns, for each value of each row. Here the
/// macro [`column`] computes the index of a column from its name at compile time.
pub(super) struct Columns<const N: usize>(pub(super) [(&'static str, &'static str); N]);

/// `column!(ARTICLE.title)` is the index of the column `title` of the [`Columns`] named `ARTICLE`. A
/// column that does not exist is an error of the compiler.
macro_rules! column {
    ($columns:ident . $name:ident) => {
        const { $columns.index(stringify!($name)) }
    };
}
pub(super) use column;

impl<const N: usize> Columns<N> {
    /// The index of the column `name`.
    ///
    /// # Panics
    /// When there is no such column. [`column`] runs this at compile time.
    pub(super) const fn index(&self, name: &str) -> usize {
        let mut index = 0;
        while !equal(self.0[index].0.as_bytes(), name.as_bytes()) {
            index += 1;
        }
        index
    }

    /// The list of expressions for a `SELECT`.
    pub(super) fn list(&self) -> String {
        self.0.map(|(_, expression)| expression).join(", ")
    }
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

/// A time column, stored as Unix seconds; `None` for NULL.
pub(super) fn time(row: &Row<'_>, column: impl Index) -> database::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(from_unix))
}

/// A column that counts something, which SQLite stores as a signed number.
pub(super) fn count(row: &Row<'_>, column: impl Index) -> database::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

/// Encodes a list of texts as a JSON array; `None` when the list is empty.
pub(super) fn texts(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| json!(list).to_string())
}

/// Encodes authors as a JSON array of objects; `None` when there are none.
pub(super) fn persons(list: &[Person]) -> Option<String> {
    let one = |p: &Person| json!({ "name": p.name, "url": p.url, "email": p.email });
    (!list.is_empty()).then(|| Value::from(list.iter().map(one).collect::<Vec<_>>()).to_string())
}

/// Encodes attachments as a JSON array of objects; `None` when there are none.
pub(super) fn attachments(list: &[Attachment]) -> Option<String> {
    let one = |a: &Attachment| {
        json!({
            "url": a.url, "mime_type": a.mime_type, "title": a.title,
            "size": a.size_in_bytes, "duration": a.duration_in_seconds,
        })
    };
    (!list.is_empty()).then(|| Value::from(list.iter().map(one).collect::<Vec<_>>()).to_string())
}

/// Encodes what an article says of a podcast as a JSON object.
pub(super) fn podcast(podcast: Option<&Podcast>) -> Option<String> {
    podcast.and_then(|podcast| serde_json::to_string(podcast).ok())
}

/// Decodes what the functions above have encoded. NULL is an empty list, and a value that cannot be decoded is
/// left out.
pub(super) mod decode {
    use serde_json::Value;

    use crate::domain::article::{Attachment, Person, Podcast};

    pub(in crate::store::sql) fn texts(column: Option<&str>) -> Vec<String> {
        column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub(in crate::store::sql) fn persons(column: Option<&str>) -> Vec<Person> {
        let one = |v: &Value| Person {
            name: text(v, "name"),
            url: text(v, "url"),
            email: text(v, "email"),
        };
        values(column).iter().map(one).collect()
    }

    pub(in crate::store::sql) fn attachments(column: Option<&str>) -> Vec<Attachment> {
        let one = |v: &Value| {
            Some(Attachment {
                url: text(v, "url")?,
                mime_type: text(v, "mime_type"),
                title: text(v, "title"),
                size_in_bytes: v["size"].as_u64(),
                duration_in_seconds: v["duration"].as_u64(),
            })
        };
        values(column).iter().filter_map(one).collect()
    }

    pub(in crate::store::sql) fn podcast(column: Option<&str>) -> Option<Podcast> {
        column.and_then(|text| serde_json::from_str(text).ok())
    }

    fn values(column: Option<&str>) -> Vec<Value> {
        column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    fn text(value: &Value, key: &str) -> Option<String> {
        value[key].as_str().map(str::to_owned)
    }
}

/// The row id of an article from its public id; `None` for an article of another store.
pub(super) fn row_of(store_id: &str, id: &ArticleId) -> Option<i64> {
    let (store, row) = id.0.split_once('-')?;
    i64::from_str_radix(row, 16).ok().filter(|row| store == store_id && 0 < *row)
}

/// The public id of an article: the store's own random id makes the row id unique across stores.
pub(super) fn id_of(store_id: &str, row: i64) -> ArticleId {
    ArticleId(format!("{store_id}-{row:x}"))
}
