//! Consumers: clients that follow the changes of articles, each with its own cursor.

use std::fmt;

use crate::domain::time::Timestamp;

/// The longest name, in bytes. The name of a lock file contains it and must fit into every file system.
const MAX_NAME: usize = 64;

/// The name of a consumer: ASCII letters and digits, `.`, `_` and `-`; the first character is a letter or digit.
/// Names are shown in tables and logs, and they are parts of file names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerName(String);

/// The error for a text that is not a [`ConsumerName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a consumer's name has 1 to 64 of the characters a-z A-Z 0-9 . _ - and starts with a letter or digit"
)]
pub struct InvalidConsumerName;

impl ConsumerName {
    /// # Errors
    /// [`InvalidConsumerName`], whose message describes valid names.
    pub fn parse(text: &str) -> Result<Self, InvalidConsumerName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if starts && text.len() <= MAX_NAME && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidConsumerName)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A consumer and the position of its cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub name: String,
    /// The cursor: everything up to this sequence number was delivered.
    pub seq: i64,
    /// Deliveries that moved the cursor.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    pub created_at: Timestamp,
    /// When the cursor was moved last by a delivery.
    pub moved_at: Option<Timestamp>,
    /// The failed deliveries since then, if there are any.
    pub trouble: Option<Trouble>,
}

/// Failed deliveries to a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Failed deliveries in a row, at least 1.
    pub failures: u32,
    /// The reason of the last failure.
    pub error: String,
    pub failed_at: Timestamp,
    /// The time of the next attempt; `None` when a user must act first.
    pub retry_at: Option<Timestamp>,
}

/// A successful delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The cursor when the batch was read.
    pub from: i64,
    pub to: i64,
    pub records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_name_is_safe_in_tables_logs_and_file_names() {
        let longest = "a".repeat(64);
        for name in ["a", "chat", "7", "my.chat_room-2", &longest] {
            assert_eq!(ConsumerName::parse(name).unwrap().as_str(), name);
        }
        let too_long = "a".repeat(65);
        for name in ["", ".", "..", "-a", "_a", "a b", "a/b", "ä", "a\n", "a\u{1b}", &too_long] {
            assert_eq!(ConsumerName::parse(name), Err(InvalidConsumerName), "{name:?}");
        }
    }
}
