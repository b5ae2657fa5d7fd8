//! Stores in PostgreSQL: where `GAZETTED_TEST_POSTGRES` is the URL of a database whose user may create databases, the
//! store of each home is in a database of its own instead of a file.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use postgres::{Client, NoTls};
use url::Url;

use super::skip;

/// The URL that the tests were given.
#[expect(clippy::disallowed_methods, reason = "the variable is for tests, not for the program")]
pub(crate) fn server() -> Option<Url> {
    std::env::var("GAZETTED_TEST_POSTGRES").ok().map(|url| url.parse().unwrap())
}

/// Whether the tests have a server. If not, reports that the test that calls this is skipped.
pub(crate) fn is_given() -> bool {
    let is_given = server().is_some();
    if !is_given {
        skip("PostgreSQL (GAZETTED_TEST_POSTGRES)");
    }
    is_given
}

/// Whether the store of a home is a file. If not, reports that the test that calls this is skipped: what it is about, only a
/// file has.
pub(crate) fn store_is_file() -> bool {
    let is_file = server().is_none();
    if !is_file {
        skip("store in a file (unset GAZETTED_TEST_POSTGRES)");
    }
    is_file
}

/// The databases of a home. They are removed with the value.
#[derive(Default)]
pub(crate) struct Databases {
    /// The stores are files all the same.
    is_none: bool,
    /// The URL of each database, by the path of the store that it replaces.
    urls: Mutex<BTreeMap<String, Url>>,
}

impl Databases {
    /// Stores in files.
    pub(crate) fn none() -> Self {
        Self { is_none: true, urls: Mutex::default() }
    }

    /// The URL of the database in place of the file `path`; `None` if the stores of the tests are files.
    pub(crate) fn url(&self, path: &str) -> Option<String> {
        let server = server().filter(|_| !self.is_none)?;
        let mut urls = self.urls.lock().unwrap();
        let url = urls.entry(path.to_owned()).or_insert_with(|| created(&server));
        Some(url.to_string())
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let Some(server) = server() else { return };
        for url in self.urls.get_mut().unwrap().values() {
            let name = url.path().trim_start_matches('/');
            // The server may be away, at the end of a test that has failed.
            attempt(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).ok();
        }
    }
}

/// Creates an empty database and returns its URL.
fn created(server: &Url) -> Url {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("gazetted_test_{}_{count}", std::process::id());
    attempt(server, &format!("DROP DATABASE IF EXISTS {name}")).unwrap();
    attempt(server, &format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
    let mut url = server.clone();
    url.set_path(&name);
    // As the program shows it.
    let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    url.query_pairs_mut().clear().extend_pairs(parameters);
    url
}

/// The values of a row, as texts.
pub(crate) type TextRow = Vec<Option<String>>;

/// Runs statements in the store of a database, and returns the rows of all.
pub(crate) fn run(url: &str, sql: &str) -> Result<Vec<TextRow>, postgres::Error> {
    attempt(&url.parse().unwrap(), &format!("SET search_path = gazetted, public; {sql}"))
}

/// Runs statements outside of the runtime of a test, which may have one.
fn attempt(url: &Url, sql: &str) -> Result<Vec<TextRow>, postgres::Error> {
    let work = || {
        let mut client = Client::connect(url.as_str(), NoTls)?;
        let mut rows = Vec::new();
        for message in client.simple_query(sql)? {
            if let postgres::SimpleQueryMessage::Row(row) = message {
                rows.push((0..row.len()).map(|n| row.get(n).map(str::to_owned)).collect());
            }
        }
        Ok(rows)
    };
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}
