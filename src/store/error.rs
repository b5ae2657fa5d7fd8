//! The errors of the store.

use std::path::PathBuf;

use crate::domain::location::{Location, ServerUrl};
use crate::store::database::{self, Kind};

/// `Display` does not print the source. A caller that reports the error prints the whole chain.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("could not open the store {store}{}", source.hint())]
    Open { store: Location, source: database::Error },
    #[error(
        "this user may not read the store {path}: run the command as the user of the daemon, or as root (sudo)"
    )]
    Forbidden { path: PathBuf },
    #[error(
        "there is no store in {store}: the first command that writes makes it, such as `gazetted poll`"
    )]
    Missing { store: ServerUrl },
    #[error("the store {store} is no file: copy it by pg_dump, or to a file by `gazetted db copy`")]
    NoFile { store: ServerUrl },
    #[error(
        "the store {store} is a copy that was not finished: run the same `gazetted db copy` again to go on, or remove it"
    )]
    Unfinished { store: Location },
    #[error(
        "{store} is a store already (feeds: {feeds}, articles: {articles}): name a new file or an empty database"
    )]
    Used { store: Location, feeds: u64, articles: u64 },
    #[error(
        "{store} holds the unfinished copy of another store: remove it, or name a new file or an empty database"
    )]
    OtherCopy { store: Location },
    #[error("the table {table} is not the same in both stores")]
    OtherTables { table: String },
    #[error("could not set up TLS for the store {store}")]
    Tls { store: ServerUrl, source: rustls::Error },
    #[error("could not start the writer of the store")]
    Thread { source: std::io::Error },
    #[error("could not create the store {path}")]
    Create { path: PathBuf, source: std::io::Error },
    #[error(
        "{path} is no gazetted store: it is another program's database; name another file in [store] path"
    )]
    Foreign { path: PathBuf },
    #[error(
        "the store {store} was written by a newer gazetted (schema {found}, this program knows {known}); install that version or restore a backup"
    )]
    Newer { store: Location, found: usize, known: usize },
    #[error("could not bring the store {store} to this version's schema")]
    Migrate { store: Location, source: database::Error },
    #[error(
        "the store {path} is of an older version and was left as it is, for it could not be copied to {copy} first"
    )]
    KeepOld { path: PathBuf, copy: PathBuf, source: std::io::Error },
    #[error("could not {action}{}", source.hint())]
    Sql { action: &'static str, source: database::Error },
    #[error("could not commit to the store: {reason}")]
    Commit { reason: String },
    #[error(
        "other processes keep storing other lists of feeds; use one configuration for one store"
    )]
    OtherList,
    #[error("another worker has the feed by now")]
    LeaseLost,
    /// The writer thread has ended by a panic.
    #[error("the store has stopped: an earlier error ended its writer")]
    Stopped,
    /// A task that read the store has ended by a panic.
    #[error("a task that was reading the store has ended early")]
    ReaderStopped,
}

impl StoreError {
    /// Whether another process holds the lock, so that a later attempt may succeed.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Sql { source, .. } | Self::Migrate { source, .. } => {
                source.kind() == Kind::Busy
            }
            Self::KeepOld { .. }
            | Self::Forbidden { .. }
            | Self::Create { .. }
            | Self::Thread { .. }
            | Self::Missing { .. }
            | Self::NoFile { .. }
            | Self::Unfinished { .. }
            | Self::Used { .. }
            | Self::OtherCopy { .. }
            | Self::OtherTables { .. }
            | Self::Tls { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Commit { .. }
            | Self::OtherList
            | Self::LeaseLost
            | Self::Stopped
            | Self::ReaderStopped => false,
        }
    }
}

/// Adds what the store was about to do to an error of the database, which only says what went wrong.
pub(super) trait Context<T> {
    fn context(self, action: &'static str) -> Result<T, StoreError>;
}

impl<T, E: Into<database::Error>> Context<T> for Result<T, E> {
    fn context(self, action: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sql { action, source: source.into() })
    }
}
