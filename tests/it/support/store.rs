//! What tests read from and write to the store past the program. Only this file knows the tables.

use super::program::Home;

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
        self.sql().execute("UPDATE poll_state SET detail = ?1", [text]).unwrap();
    }

    /// Makes all feeds healthy, as if they had sent a document an hour ago.
    pub(crate) fn make_healthy(&self) {
        self.execute(
            "UPDATE poll_state SET failures = 0, failing_since = NULL,
                succeeded_at = unixepoch() - 3600, full_at = unixepoch() - 3600",
        );
    }

    /// The weighted number of failures in a row of each feed.
    pub(crate) fn failures(&self) -> Vec<f64> {
        let store = self.sql();
        let mut rows = store.prepare("SELECT failures FROM poll_state ORDER BY feed_id").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// How many feeds are leased to a poll.
    pub(crate) fn leases(&self) -> i64 {
        self.number("SELECT count(*) FROM poll_state WHERE leased_until <> 0")
    }

    /// Seconds from the last poll of the first feed to its next.
    pub(crate) fn wait_for_next_poll(&self) -> i64 {
        self.number("SELECT next_poll_at - polled_at FROM poll_state ORDER BY feed_id")
    }

    /// The URL, `ETag` and `Last-Modified` of each feed.
    pub(crate) fn validators(&self) -> Vec<(String, [Option<Vec<u8>>; 2])> {
        let store = self.sql();
        let mut rows = store
            .prepare(
                "SELECT f.url, p.etag, p.last_modified
                 FROM feed f JOIN poll_state p ON p.feed_id = f.id ORDER BY f.url",
            )
            .unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?]))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn execute(&self, sql: &str) {
        self.sql().execute_batch(sql).unwrap();
    }

    fn number(&self, sql: &str) -> i64 {
        self.sql().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}
