//! The store's file: created for its owner alone, and copied.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::error::{Context, StoreError};

/// Creates an empty file that only its owner may read, because articles may come from password-protected feeds.
/// SQLite gives its side files the same mode.
pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    let create = |source| StoreError::Create { path: path.to_owned(), source };
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(create)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(create(error)),
        _ => Ok(()),
    }
}

/// The file at a path at one time. A file that is deleted or replaced while it is open can still be written, but
/// nobody else can open it any more.
#[derive(Debug)]
pub struct Identity {
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
}

impl Identity {
    pub(in crate::store) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), file: (metadata.dev(), metadata.ino()) })
    }

    /// Whether the path still leads to the file. An error other than that of a missing file is no proof that it
    /// does not.
    pub fn is_in_place(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(metadata) => (metadata.dev(), metadata.ino()) == self.file,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

/// Writes a consistent, compact copy while other processes read and write. `target` must not exist.
pub(super) fn copy(connection: &Connection, target: &Path) -> Result<(), StoreError> {
    create_private(target)?; // SQLite fills an empty file; a new one would be readable by all.
    let action = "copy the store";
    // To SQLite the copy is a write, although not to this store.
    connection.execute_batch("PRAGMA query_only = OFF").context(action)?;
    let copied = connection.execute("VACUUM INTO ?1", [target.to_string_lossy()]).context(action);
    connection.execute_batch("PRAGMA query_only = ON").context(action)?;
    copied.map(|_| ())
}
