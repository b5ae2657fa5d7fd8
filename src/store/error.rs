//! What can go wrong with the store.

use std::path::PathBuf;

/// `Display` never prints the source: whoever reports the error prints the chain.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("could not open the store {path}{}", damage(source))]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("could not create the store {path}")]
    Create { path: PathBuf, source: std::io::Error },
    #[error(
        "{path} is no gazetted store: it is another program's database; name another file in [store] path"
    )]
    Foreign { path: PathBuf },
    #[error(
        "the store {path} was written by a newer gazetted (schema {found}, this program knows {known}); install that version or restore a backup"
    )]
    Newer { path: PathBuf, found: usize, known: usize },
    #[error("could not bring the store {path} to this version's schema")]
    Migrate { path: PathBuf, source: rusqlite::Error },
    #[error(
        "the store {path} is of an older version and was left as it is, for it could not be copied to {copy} first"
    )]
    KeepOld { path: PathBuf, copy: PathBuf, source: std::io::Error },
    #[error("could not {doing}{}", damage(source))]
    Sql { doing: &'static str, source: rusqlite::Error },
    #[error("could not commit to the store: {reason}")]
    Commit { reason: String },
    #[error("the store has stopped: an earlier error ended its writer")]
    Stopped,
}

impl StoreError {
    /// Whether another process is in the way, so that it may be tried again.
    pub(super) fn is_busy(&self) -> bool {
        let source = match self {
            Self::Open { source, .. } | Self::Sql { source, .. } | Self::Migrate { source, .. } => {
                source
            }
            Self::KeepOld { .. }
            | Self::Create { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Commit { .. }
            | Self::Stopped => return false,
        };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
    }
}

/// What to do about a file that SQLite cannot make sense of.
pub(super) fn damage(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            " (the file is damaged: keep it, look at it with `gazetted db check`, restore a backup)"
        }
        _ => "",
    }
}

/// Says what was being done, where SQLite only says what went wrong.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sql { doing, source })
    }
}
