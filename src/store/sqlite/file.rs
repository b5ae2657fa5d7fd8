//! The store's file: created for its owner alone, and copied.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use crate::store::database::Connection;
use crate::store::error::{Context, StoreError};

/// Whether there is certainly no store. Without the permission to look into its folder there may be one.
pub(in crate::store) fn is_missing(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

/// For SQLite a file that this user may not read is one of many that cannot be opened.
///
/// # Errors
/// [`StoreError::Forbidden`] when this user may not read the store.
pub(in crate::store) fn refuse_forbidden(path: &Path) -> Result<(), StoreError> {
    match access(path, AccessFlags::R_OK) {
        Err(Errno::EACCES) => Err(StoreError::Forbidden { path: path.to_owned() }),
        _ => Ok(()),
    }
}

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

/// The files that this process has open for writing.
static WRITTEN: Mutex<Vec<Weak<Identity>>> = Mutex::new(Vec::new());

/// Fails when this process has a file open for writing to which `path` led before. SQLite's log and its index would be
/// those of that file. To open and close them for another one would end this process' locks on them (POSIX drops all locks of a
/// process when it closes any descriptor of the file), and another process could truncate the index under us.
pub(in crate::store) fn refuse_replaced(path: &Path) -> Result<(), StoreError> {
    let written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut open = written.iter().filter_map(Weak::upgrade).filter(|file| file.path == path);
    if open.all(|file| file.is_in_place()) {
        Ok(())
    } else {
        Err(StoreError::Commit { reason: LOST.to_owned() })
    }
}

/// Why nothing is written into a file that nobody else can open.
pub(in crate::store) const LOST: &str =
    "its file was deleted or replaced while it was open: put it back, or start again";

impl Identity {
    /// Of a file that this process opens for writing.
    pub(in crate::store) fn of(path: &Path) -> io::Result<Arc<Self>> {
        let metadata = fs::metadata(path)?;
        let file = (metadata.dev(), metadata.ino());
        let identity = Arc::new(Self { path: path.to_owned(), file });
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|file| file.strong_count() != 0);
        written.push(Arc::downgrade(&identity));
        Ok(identity)
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

/// Size and time of the last modification of SQLite's write-ahead log, to which every write goes first. Two writes within a few
/// milliseconds may leave the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl LogStamp {
    /// Of the store at `path`; the default if there is no log.
    pub(in crate::store) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        fs::metadata(log).map_or_else(
            |_| Self::default(),
            |log| Self {
                inode: log.ino(),
                size: log.size(),
                modified: (log.mtime(), log.mtime_nsec()),
            },
        )
    }
}

/// Writes a consistent, compact copy while other processes read and write. `target` must not exist.
pub(in crate::store) fn copy(connection: &Connection, target: &Path) -> Result<(), StoreError> {
    create_private(target)?; // SQLite fills an empty file; a new one would be readable by all.
    let action = "copy the store";
    // To SQLite the copy is a write, although not to this store.
    connection.execute_batch("PRAGMA query_only = OFF").context(action)?;
    let copied = connection.execute("VACUUM INTO ?1", [target.to_string_lossy()]).context(action);
    connection.execute_batch("PRAGMA query_only = ON").context(action)?;
    copied.map(|_| ())
}
