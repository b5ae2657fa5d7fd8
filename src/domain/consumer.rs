//! Those who follow what happens, each with a cursor of its own.

use std::fmt;

use crate::domain::time::Timestamp;

/// The longest name. With what goes around it, the name of a lock's file still fits everywhere.
const MAX_NAME: usize = 64;

/// What a consumer is called: letters and digits of ASCII, `.`, `_` and `-`, and neither of the last two nor
/// a dot at the start. It is shown in tables and logs, and part of a file's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerName(String);

/// The text is no [`ConsumerName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a consumer's name has 1 to 64 of the characters a-z A-Z 0-9 . _ - and starts with a letter or digit"
)]
pub struct InvalidConsumerName;

impl ConsumerName {
    /// # Errors
    /// [`InvalidConsumerName`], whose text says what a name may have.
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

/// How far a consumer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub name: String,
    /// A sequence number: everything up to it was delivered.
    pub seq: i64,
    /// Deliveries that moved the cursor.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    pub created_at: Timestamp,
    /// When the cursor was moved last by a delivery.
    pub moved_at: Option<Timestamp>,
    /// What went wrong since then, if anything did.
    pub trouble: Option<Trouble>,
}

/// Why a consumer is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Failed deliveries in a row, at least 1.
    pub failures: u32,
    /// The last one's reason.
    pub error: String,
    pub failed_at: Timestamp,
    /// `None`: not before somebody has seen to it.
    pub retry_at: Option<Timestamp>,
}

/// A delivery that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Where the cursor stood when the batch was read.
    pub from: i64,
    pub to: i64,
    pub records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_a_table_a_log_and_a_file() {
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
