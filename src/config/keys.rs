//! The table of known keys, the keys of later versions, and suggestions for misspelt keys.

/// A table of the file and its keys.
pub(super) struct Section {
    pub(super) keys: &'static [&'static str],
    /// Keys of features that this version lacks. They are refused, because accepting them would promise the
    /// feature.
    pub(super) later: &'static [&'static str],
    /// Whether the table contains secrets. If so, values that are not understood are hidden.
    pub(super) secret: bool,
}

const PLAIN: Section = Section { keys: &[], later: &[], secret: false };

pub(super) const ROOT: Section = Section {
    keys: &[
        "include",
        "exclude",
        "timezone",
        "hide_future",
        "reload_on_change",
        "quiet_start",
        "store",
        "schedule",
        "fetch",
        "full_text",
        "server",
        "feeds",
        "feed_lists",
        "exports",
    ],
    ..PLAIN
};

/// A file named by `include`.
pub(super) const INCLUDED: Section = Section { keys: &["feeds", "feed_lists"], ..PLAIN };

pub(super) const STORE: Section =
    Section { keys: &["path", "url", "url_file", "keep", "keep_revisions"], ..PLAIN };

pub(super) const SCHEDULE: Section =
    Section { keys: &["every", "cron", "timezone", "min", "max"], ..PLAIN };

pub(super) const FETCH: Section = Section {
    keys: &[
        "concurrency",
        "per_host",
        "host_delay",
        "timeout",
        "connect_timeout",
        "max_body",
        "memory",
        "max_entries",
        "max_redirects",
        "read_timeout",
        "user_agent",
        "proxy",
        "ca_file",
        "allow_private",
    ],
    ..PLAIN
};

pub(super) const FULL_TEXT: Section = Section {
    keys: &[
        "all",
        "tags",
        "concurrency",
        "per_host_per_day",
        "mode",
        "refresh",
        "obey_robots",
        "sites",
    ],
    ..PLAIN
};

/// One of `[[full_text.sites]]`.
pub(super) const SITE: Section = Section { keys: &["host", "select", "remove"], ..PLAIN };

pub(super) const SERVER: Section = Section {
    keys: &[
        "listen",
        "token",
        "token_file",
        "public",
        "hub",
        "base",
        "view",
        "shortcuts",
        "favicons",
    ],
    ..PLAIN
};

pub(super) const FEED: Section = Section {
    keys: &[
        "url",
        "command",
        "private",
        "name",
        "tags",
        "every",
        "cron",
        "enabled",
        "headers",
        "basic_auth",
        "user_agent",
        "proxy",
        "timeout",
        "max_entries",
        "obey_cache",
        "quiet_start",
        "include",
        "exclude",
        "keep",
        "allow_private",
        "map",
        "full_text",
        "select",
        "remove",
    ],
    ..PLAIN
};

/// One of `[[feed_lists]]`.
pub(super) const FEED_LIST: Section = Section {
    keys: &[
        "file",
        "tags",
        "every",
        "cron",
        "enabled",
        "obey_cache",
        "quiet_start",
        "allow_private",
        "include",
        "exclude",
        "keep",
        "full_text",
        "select",
        "remove",
        "user_agent",
        "proxy",
        "timeout",
        "max_entries",
    ],
    ..PLAIN
};

/// A line of a list of feeds.
pub(super) const LIST_LINE: Section = Section {
    keys: &[
        "url",
        "name",
        "tags",
        "every",
        "cron",
        "enabled",
        "obey_cache",
        "quiet_start",
        "keep",
        "full_text",
        "select",
        "remove",
        "timeout",
        "max_entries",
    ],
    ..PLAIN
};

pub(super) const BASIC_AUTH: Section =
    Section { keys: &["user", "password", "password_file"], secret: true, ..PLAIN };

pub(super) const MAP: Section = Section {
    keys: &[
        "items", "id", "url", "title", "summary", "content", "date", "author", "image", "tags",
        "base",
    ],
    ..PLAIN
};

pub(super) const EXPORT: Section = Section {
    keys: &[
        "path",
        "webhook",
        "command",
        "format",
        "consumer",
        "events",
        "sightings",
        "on",
        "secret",
        "secret_file",
        "headers",
        "timeout",
        "allow_private",
        "every",
        "cron",
        "on_change",
        "limit",
        "feeds",
        "tags",
        "since",
        "until",
        "seen_since",
        "language",
        "author",
        "search",
        "story",
        "with_duplicates",
        "title",
        "home_page_url",
        "self",
    ],
    later: &["full"],
    ..PLAIN
};

pub(super) const NOT_YET: &str = "not available in this version";

/// The known word that `text` probably means: the nearest one, if it differs by at most three edits.
pub(super) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', ' '], "_");
    let text = plain(text);
    known
        .into_iter()
        .map(|word| (strsim::osa_distance(&text, &plain(word)), word))
        .filter(|(distance, word)| *distance <= (word.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The keys of `[[exports]]` whose values may be shown. An address, a header or a secret may not.
const HARMLESS_OF_EXPORTS: [&str; 25] = [
    "path",
    "format",
    "consumer",
    "events",
    "sightings",
    "on",
    "timeout",
    "allow_private",
    "every",
    "cron",
    "on_change",
    "limit",
    "feeds",
    "tags",
    "since",
    "until",
    "seen_since",
    "language",
    "author",
    "search",
    "story",
    "with_duplicates",
    "title",
    "home_page_url",
    "self",
];

/// The keys of a table whose values may be shown in an excerpt. `table` is its dotted path without the places in
/// lists. Every other value may be a secret, or the misspelt key of one.
pub(super) fn harmless(table: &str) -> &'static [&'static str] {
    match table {
        "" => ROOT.keys,
        "store" => STORE.keys,
        "schedule" => SCHEDULE.keys,
        "fetch" => FETCH.keys,
        "full_text" => FULL_TEXT.keys,
        "full_text.sites" => SITE.keys,
        "server" => &["listen", "public", "hub", "base", "view", "shortcuts", "favicons"],
        "feeds" => &[
            "url",
            "name",
            "tags",
            "every",
            "cron",
            "enabled",
            "user_agent",
            "proxy",
            "timeout",
            "max_entries",
            "obey_cache",
            "quiet_start",
            "include",
            "exclude",
            "keep",
            "allow_private",
            "private",
            "full_text",
            "select",
            "remove",
        ],
        "feeds.map" => MAP.keys,
        "feed_lists" => FEED_LIST.keys,
        "exports" => &HARMLESS_OF_EXPORTS,
        _ => &[],
    }
}

/// All tables.
const SECTIONS: [&Section; 13] = [
    &ROOT,
    &INCLUDED,
    &STORE,
    &SCHEDULE,
    &FETCH,
    &FULL_TEXT,
    &SITE,
    &SERVER,
    &FEED,
    &FEED_LIST,
    &BASIC_AUTH,
    &MAP,
    &EXPORT,
];

/// Whether `word` is a key of any table.
pub(super) fn is_known(word: &str) -> bool {
    SECTIONS.iter().any(|section| section.keys.contains(&word))
}

/// Whether a key of this name, known or not, probably contains a secret.
pub(super) fn sounds_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["pass", "secret", "token", "auth", "cookie", "key", "header", "prox", "cred", "pwd", "hook"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_the_key_that_was_meant() {
        for (text, meant) in [
            ("timout", Some("timeout")),
            ("max-body", Some("max_body")),
            ("MaxBody", Some("max_body")),
            ("conncurrency", Some("concurrency")),
            ("ca-file", Some("ca_file")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, FETCH.keys.iter().copied()), meant, "{text}");
        }
    }

    #[test]
    fn no_key_is_both_known_and_of_a_later_version() {
        for section in SECTIONS {
            assert!(section.later.iter().all(|key| !section.keys.contains(key)));
        }
    }
}
