//! What tests read from and write to the store past the program. Only this file knows the tables.

use rusqlite::types::ValueRef;

use super::now;
use super::postgres::{self, TextRow};
use super::program::{Home, STORE};

impl Home {
    /// Makes all times of the polls so many seconds older: to the program, as much time has passed.
    pub(crate) fn age_polls(&self, seconds: i64) {
        self.execute(&format!(
            "UPDATE poll_state SET next_poll_at = next_poll_at - {seconds},
                not_before = not_before - {seconds}, polled_at = polled_at - {seconds},
                succeeded_at = succeeded_at - {seconds}, full_at = full_at - {seconds},
                failing_since = failing_since - {seconds}, moved_at = moved_at - {seconds},
                recheck_at = recheck_at - {seconds}, named_at = named_at - {seconds},
                try_at = try_at - {seconds};
             UPDATE host SET paused_until = paused_until - {seconds};"
        ));
    }

    /// Makes the last and next polls and the redirects so many seconds older; pauses of hosts stay.
    pub(crate) fn age_plans(&self, seconds: i64) {
        self.execute(&format!(
            "UPDATE poll_state SET next_poll_at = next_poll_at - {seconds},
                polled_at = polled_at - {seconds}, moved_at = moved_at - {seconds},
                recheck_at = recheck_at - {seconds}"
        ));
    }

    /// Makes all times of the polls and of the articles so many seconds older; a negative number makes them newer.
    pub(crate) fn age_everything(&self, seconds: i64) {
        self.age_polls(seconds);
        self.execute(&format!(
            "UPDATE article SET order_at = order_at - {seconds},
                first_seen_at = first_seen_at - {seconds};"
        ));
    }

    /// Makes all times of article pages, and those of the polls, so many seconds older.
    pub(crate) fn age_pages(&self, seconds: i64) {
        self.age_polls(seconds);
        self.execute(&format!(
            "UPDATE article_page SET next_at = next_at - {seconds}, tried_at = tried_at - {seconds},
                fetched_at = fetched_at - {seconds}, leased_until = leased_until - {seconds};
             UPDATE page_host SET paused_until = paused_until - {seconds};"
        ));
    }

    /// Makes the last reply with a body so many seconds older.
    pub(crate) fn age_last_body(&self, seconds: i64) {
        self.execute(&format!("UPDATE poll_state SET full_at = full_at - {seconds}"));
    }

    /// Lets the next recheck of the configured addresses come so many seconds earlier.
    pub(crate) fn advance_rechecks(&self, seconds: i64) {
        self.execute(&format!("UPDATE poll_state SET recheck_at = recheck_at - {seconds}"));
    }

    /// Makes a feed due.
    pub(crate) fn make_due(&self, feed: i64) {
        self.execute(&format!("UPDATE poll_state SET next_poll_at = 1 WHERE feed_id = {feed}"));
    }

    /// Replaces the message of each feed's last poll.
    pub(crate) fn reword_details(&self, text: &str) {
        self.execute(&format!("UPDATE poll_state SET detail = {}", quoted(text)));
    }

    /// Makes all feeds healthy, as if they had sent a document an hour ago.
    pub(crate) fn make_healthy(&self) {
        let hour_ago = now().timestamp() - 3600;
        self.execute(&format!(
            "UPDATE poll_state SET failures = 0, failing_since = NULL,
                succeeded_at = {hour_ago}, full_at = {hour_ago}",
        ));
    }

    /// The weighted number of failures in a row of each feed.
    pub(crate) fn failures(&self) -> Vec<f64> {
        let rows = self.rows("SELECT failures FROM poll_state ORDER BY feed_id");
        rows.into_iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect()
    }

    /// How many feeds are leased to a poll.
    pub(crate) fn leases(&self) -> i64 {
        self.number("SELECT count(*) FROM poll_state WHERE leased_until <> 0")
    }

    /// Seconds from the last poll of the first feed to its next.
    pub(crate) fn wait_for_next_poll(&self) -> i64 {
        self.number("SELECT next_poll_at - polled_at FROM poll_state ORDER BY feed_id")
    }

    /// The URL, `ETag` and `Last-Modified` of each feed, the latter in a form that only serves for comparisons.
    pub(crate) fn validators(&self) -> Vec<TextRow> {
        self.rows(
            "SELECT f.url, p.etag, p.last_modified
             FROM feed f JOIN poll_state p ON p.feed_id = f.id ORDER BY f.url",
        )
    }

    /// Whether there is a store that can be read.
    pub(crate) fn has_store(&self) -> bool {
        match self.store_url(STORE) {
            None => self.store().exists(),
            Some(url) => postgres::run(&url, "SELECT 1 FROM meta").is_ok(),
        }
    }

    /// What the program calls the store.
    pub(crate) fn store_name(&self) -> String {
        self.store_url(STORE).unwrap_or_else(|| self.store().display().to_string())
    }

    /// Keeps all others from writing until the value is dropped.
    pub(crate) fn keep_from_writing(&self) -> WritesKeptOut {
        let Some(url) = self.store_url(STORE) else {
            let connection = self.sql();
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            return WritesKeptOut::File { _connection: connection };
        };
        let mut client = ::postgres::Client::connect(&url, ::postgres::NoTls).unwrap();
        client
            .batch_execute("SELECT pg_advisory_lock(hashtext('gazetted'), hashtext('write'))")
            .unwrap();
        WritesKeptOut::Server { _client: Box::new(client) }
    }

    /// Runs statements in the store.
    #[track_caller]
    pub(crate) fn execute(&self, sql: &str) {
        match self.store_url(STORE) {
            None => self.sql().execute_batch(sql).unwrap(),
            Some(url) => drop(postgres::run(&url, sql).unwrap()),
        }
    }

    /// The first value of the first row of a query.
    #[track_caller]
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.rows(sql)[0][0].as_ref().unwrap().parse().unwrap()
    }

    /// The rows of a query, with all values as texts.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Vec<TextRow> {
        if let Some(url) = self.store_url(STORE) {
            return postgres::run(&url, sql).unwrap();
        }
        let store = self.sql();
        let mut query = store.prepare(sql).unwrap();
        let columns = query.column_count();
        let rows = query.query_map([], |row| {
            (0..columns).map(|n| Ok(text(row.get_ref(n)?))).collect::<Result<TextRow, _>>()
        });
        rows.unwrap().map(Result::unwrap).collect()
    }
}

/// A transaction that keeps others from writing.
pub(crate) enum WritesKeptOut {
    File { _connection: rusqlite::Connection },
    Server { _client: Box<::postgres::Client> },
}

/// A value of SQLite as a text.
fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

/// A text in a statement.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
