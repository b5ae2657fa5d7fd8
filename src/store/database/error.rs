//! The errors of the database.

use std::fmt;

use postgres::error::{Severity, SqlState};
use rusqlite::ErrorCode;
use rusqlite::types::FromSqlError;

pub(in crate::store) type Result<T> = std::result::Result<T, Error>;

/// An error of the database. What the store does about it depends on [`Error::kind`] alone.
#[derive(Debug)]
pub struct Error(Source);

#[derive(Debug)]
enum Source {
    NoRow,
    /// The connection to the server was lost.
    Lost,
    System(std::io::Error),
    Sqlite(rusqlite::Error),
    Postgres(postgres::Error),
}

/// What an error means for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// Another process holds the lock, so that a later attempt may succeed.
    Busy,
    /// The file is damaged.
    Damaged,
    DiskFull,
    /// A query that must have a row has none.
    NoRow,
    Other,
}

impl Error {
    pub(in crate::store) const NO_ROW: Self = Self(Source::NoRow);

    pub(super) const LOST: Self = Self(Source::Lost);

    pub(super) fn of_system(error: std::io::Error) -> Self {
        Self(Source::System(error))
    }

    pub(super) fn of_postgres(error: postgres::Error) -> Self {
        Self(Source::Postgres(error))
    }

    /// Whether the connection to the server is lost.
    pub(super) fn is_loss(&self) -> bool {
        match &self.0 {
            Source::Lost => true,
            Source::NoRow | Source::System(_) | Source::Sqlite(_) => false,
            Source::Postgres(error) => {
                if let Some(reason) = error.as_db_error() {
                    // An error of this severity ends the session.
                    return matches!(
                        reason.parsed_severity(),
                        Some(Severity::Fatal | Severity::Panic)
                    );
                }
                let source = std::error::Error::source(error);
                error.is_closed()
                    || source.is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
            }
        }
    }

    pub(in crate::store) fn kind(&self) -> Kind {
        match &self.0 {
            Source::NoRow | Source::Sqlite(rusqlite::Error::QueryReturnedNoRows) => Kind::NoRow,
            Source::Lost | Source::System(_) => Kind::Other,
            Source::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy) => Kind::Busy,
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Kind::Damaged,
                Some(ErrorCode::DiskFull) => Kind::DiskFull,
                _ => Kind::Other,
            },
            Source::Postgres(error) => match error.code() {
                Some(
                    &SqlState::LOCK_NOT_AVAILABLE
                    | &SqlState::T_R_DEADLOCK_DETECTED
                    | &SqlState::T_R_SERIALIZATION_FAILURE,
                ) => Kind::Busy,
                Some(&SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => Kind::Damaged,
                Some(&SqlState::DISK_FULL) => Kind::DiskFull,
                _ => Kind::Other,
            },
        }
    }

    /// A hint for the user when the file is damaged; empty for all other errors.
    pub(in crate::store) fn hint(&self) -> &'static str {
        match self.kind() {
            Kind::Damaged => {
                " (the file is damaged: keep it, look at it with `gazetted db check`, restore a backup)"
            }
            Kind::Busy | Kind::DiskFull | Kind::NoRow | Kind::Other => "",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::NoRow => rusqlite::Error::QueryReturnedNoRows.fmt(f),
            Source::Lost => f.write_str("the connection to the server is lost"),
            Source::System(error) => error.fmt(f),
            Source::Sqlite(error) => error.fmt(f),
            // Its own text says only which step has failed.
            Source::Postgres(error) => match error.as_db_error() {
                Some(reason) => reason.fmt(f),
                None => error.fmt(f),
            },
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Source::NoRow | Source::Lost => None,
            Source::System(error) => error.source(),
            Source::Sqlite(error) => error.source(),
            Source::Postgres(error) if error.as_db_error().is_some() => None,
            Source::Postgres(error) => error.source(),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self(Source::Sqlite(error))
    }
}

impl From<FromSqlError> for Error {
    fn from(error: FromSqlError) -> Self {
        rusqlite::Error::from(error).into()
    }
}

/// Makes the missing row of a query `None` instead of an error.
pub(in crate::store) trait OptionalExtension<T> {
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == Kind::NoRow => Ok(None),
            Err(error) => Err(error),
        }
    }
}
