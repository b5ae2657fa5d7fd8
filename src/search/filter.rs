//! Parses the article filters of the command line, of `[[exports]]` and of HTTP requests.

use std::borrow::Cow;

use url::Url;

use crate::domain::article::StoryId;
use crate::domain::query::Query;
use crate::domain::time::{Timestamp, Zone};
use crate::domain::units;
use crate::feed::normalise::language::language;
use crate::search::{query, words};

/// The filters, by the names of the command line options and of the HTTP parameters. `feed`, `tag`, `language`,
/// `author` and `story` may be given more than once; an article needs to match one value of each.
pub const NAMES: [&str; 11] = [
    "feed",
    "tag",
    "since",
    "until",
    "seen-since",
    "language",
    "author",
    "search",
    "story",
    "with-duplicates",
    "limit",
];

/// Adds a filter to a query. Days start at midnight in the time zone.
///
/// # Errors
/// A message for the user when the name is unknown or the text is invalid.
pub fn set(
    query: &mut Query,
    name: &str,
    text: &str,
    (now, zone): (Timestamp, Zone),
) -> Result<(), String> {
    match name {
        "feed" => query.feeds.push(without_user_info(text).into_owned()),
        "tag" => query.tags.push(text.to_owned()),
        "since" => query.since = Some(units::when(text, now, zone)?),
        "until" => query.until = Some(units::when(text, now, zone)?),
        "seen-since" | "seen_since" => query.seen_since = Some(units::when(text, now, zone)?),
        "language" => query.languages.push(language(text).ok_or_else(|| {
            format!("`{}` is no language: write it like de or de-AT", text.escape_debug())
        })?),
        "author" => {
            let author = text.trim();
            if words::indexable(author).is_empty() {
                return Err("an author's name has letters".to_owned());
            }
            query.authors.push(author.to_owned());
        }
        "search" => query.search = Some(query::parse(text)?),
        "story" => {
            let number = text.trim().rsplit('-').next().unwrap_or_default();
            if i64::from_str_radix(number, 16).is_err() {
                return Err(format!(
                    "`{}` is no id of a story, such as 4a7; `gazetted stories` shows ids",
                    text.escape_debug()
                ));
            }
            query.stories.push(StoryId(text.trim().to_owned()));
        }
        "with-duplicates" | "with_duplicates" => {
            query.with_duplicates = flag(text)?;
        }
        "limit" => {
            let limit: u64 = text
                .trim()
                .parse()
                .map_err(|_| format!("`{}` is no number of articles", text.escape_debug()))?;
            query.limit = Some(limit).filter(|n| *n != 0); // 0 means all articles.
        }
        _ => {
            return Err(format!(
                "`{}` is no filter; the filters are {}",
                name.escape_debug(),
                NAMES.join(", ")
            ));
        }
    }
    Ok(())
}

/// A text that means true or false.
///
/// # Errors
/// A message for the user when the text is neither.
pub fn flag(text: &str) -> Result<bool, String> {
    match text.trim() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        other => Err(format!("`{}` is neither true nor false", other.escape_debug())),
    }
}

/// The text of a user that names a feed, without user name and password if it is a URL. Feeds are stored without
/// them, and no message may contain them.
pub fn without_user_info(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let end = match Url::parse(text) {
        Ok(_) => rest.find(['/', '?', '#']).unwrap_or(rest.len()),
        Err(_) => rest.len(), // The password in an invalid URL may contain any character.
    };
    match rest.get(..end).and_then(|part| part.rfind('@')).and_then(|at| rest.get(at + 1..)) {
        Some(rest) => format!("{scheme}://{rest}").into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::query::{Search, Term, When};
    use crate::domain::time::TimeDelta;

    #[test]
    fn user_name_and_password_are_taken_off() {
        for (text, expected) in [
            ("https://me:secret@example.org/f", "https://example.org/f"),
            ("https://token@example.org/f", "https://example.org/f"),
            ("https://me:se/cr@et@example.org/f", "https://example.org/f"),
            ("https://me:secret@", "https://"),
            ("https://social.example:8080/@me", "https://social.example:8080/@me"),
            ("https://example.org/f?a=b@c", "https://example.org/f?a=b@c"),
            ("a name @ home", "a name @ home"),
        ] {
            assert_eq!(without_user_info(text), expected);
        }
    }

    #[test]
    fn texts_become_filters() {
        let now = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
        let mut query = Query::default();
        for (name, text) in [
            ("feed", "https://me:secret@example.org/f"),
            ("feed", "Other"),
            ("tag", "world"),
            ("since", "24h"),
            ("until", "2024-08-20"),
            ("seen-since", "1h"),
            ("language", "DE_at"),
            ("author", " Ann "),
            ("search", "\"a b\" -c"),
            ("story", " 0af3-4A7 "),
            ("story", "12"),
            ("with-duplicates", "1"),
            ("limit", "7"),
        ] {
            assert_eq!(set(&mut query, name, text, (now, Zone::UTC)), Ok(()), "{name}");
        }
        let term = |text: &str| Term { text: text.to_owned(), prefix: false };
        let expected = Query {
            limit: Some(7),
            since: Some(When::Ago(TimeDelta::hours(24))),
            until: Some(When::At("2024-08-20T00:00:00Z".parse().unwrap())),
            seen_since: Some(When::Ago(TimeDelta::hours(1))),
            feeds: vec!["https://example.org/f".to_owned(), "Other".to_owned()],
            tags: vec!["world".to_owned()],
            languages: vec!["de-AT".to_owned()],
            authors: vec!["Ann".to_owned()],
            search: Some(Search { wanted: vec![term("a b")], unwanted: vec![term("c")] }),
            stories: vec![StoryId("0af3-4A7".to_owned()), StoryId("12".to_owned())],
            with_duplicates: true,
            ..Query::default()
        };
        assert_eq!(query, expected);
        set(&mut query, "limit", "0", (now, Zone::UTC)).unwrap();
        assert_eq!(query.limit, None, "all");
    }

    #[test]
    fn what_is_no_filter_is_refused_with_a_reason() {
        for (name, text, reason) in [
            ("feeds", "x", "the filters are feed, tag, since"),
            ("since", "yesterday", "is no duration"),
            ("language", "English", "de-AT"),
            ("author", " - ", "has letters"),
            ("story", "storm", "is no id of a story"),
            ("search", "-x", "not wanted"),
            ("with-duplicates", "perhaps", "neither true nor false"),
            ("limit", "-1", "no number of articles"),
            ("limit", "\u{1b}", "\\u{1b}"),
        ] {
            let error = set(&mut Query::default(), name, text, (Timestamp::UNIX_EPOCH, Zone::UTC))
                .unwrap_err();
            assert!(error.contains(reason), "{name}={text}: {error}");
        }
    }
}
