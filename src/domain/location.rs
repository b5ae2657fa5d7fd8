//! Where a store is.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use url::Url;

/// Where a store is. The module `store` opens what is there. `Display` is the name that users know it by. A clone
/// refers to the same data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file. Its log and the lock files are beside it.
    File(Arc<Path>),
    /// A database of PostgreSQL.
    Server(ServerUrl),
}

impl Location {
    /// The location of a SQLite file, which need not exist.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::File(path.as_ref().into())
    }

    /// The file of the store if it is one file of this machine. Only what concerns such a file may need it, such as the
    /// free space around it; all others call the methods that the module `store` adds.
    pub fn local_file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => url.fmt(f),
        }
    }
}

/// The URL of a database of PostgreSQL, such as `postgres://user:password@host/database`. `Display` and `Debug` show no
/// password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    url: Arc<str>,
    shown: Arc<str>,
}

impl ServerUrl {
    /// Checks the form of a URL, as libpq defines it (PostgreSQL, "Connection URIs").
    ///
    /// # Errors
    /// What is wrong with it. The text repeats no part of the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Ok(mut url) = Url::parse(text) else { return Err("not a URL".to_owned()) };
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err("not a URL of PostgreSQL".to_owned());
        }
        if url.password().is_some() {
            url.set_password(Some("***")).ok();
        }
        let parameters: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "password")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.set_query(None);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        Ok(Self { url: text.into(), shown: url.as_str().into() })
    }

    /// The URL with its password.
    pub fn expose(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (given, shown) in [
            (
                "postgres://ann:secret@db.example:5433/news",
                "postgres://ann:***@db.example:5433/news",
            ),
            (
                "postgresql:///news?host=/run/postgresql",
                "postgresql:///news?host=%2Frun%2Fpostgresql",
            ),
            ("postgres://db/news?password=secret&user=ann", "postgres://db/news?user=ann"),
        ] {
            let url = ServerUrl::parse(given).unwrap();
            assert_eq!((url.to_string().as_str(), url.expose()), (shown, given));
            assert_eq!(format!("{url:?}"), format!("{shown:?}"));
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for wrong in ["mysql://db/news", "db.example/news", "", "host=db dbname=news"] {
            ServerUrl::parse(wrong).unwrap_err();
        }
    }
}
