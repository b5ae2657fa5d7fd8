//! What can be opened at a location: the store, its readers and its locks. Each method chooses by the kind of the
//! location, and nobody outside of `store` has to know the kind.

use crate::domain::consumer::ConsumerName;
use crate::domain::location::Location;
use crate::store::Store;
use crate::store::copy::{self, Copied, CopyStep};
use crate::store::error::StoreError;
use crate::store::lock::{ConsumerLock, Lock, LockError, Role};
use crate::store::postgres;
use crate::store::sql::maintenance;
use crate::store::sql::reader::Reader;
use crate::store::sqlite::file;

impl Location {
    /// Opens the store and starts its writer. A store that does not exist is created (a file has the mode 0600); an
    /// older one is migrated.
    ///
    /// # Errors
    /// When the store cannot be opened, belongs to another program, or is of a newer version.
    pub fn open(&self) -> Result<Store, StoreError> {
        match self {
            Self::File(path) => Store::open(path),
            Self::Server(url) => Store::open_in(url),
        }
    }

    /// Opens a connection that only reads. An older store is migrated.
    ///
    /// # Errors
    /// When the store does not exist, may not be read by this user, or is not a store of this or an older version.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        match self {
            Self::File(path) => Reader::open(path),
            Self::Server(url) => Reader::open_in(url),
        }
    }

    /// Takes the lock of the store if it is free; does not wait.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub fn lock(&self, role: Role) -> Result<Lock, LockError> {
        match self {
            Self::File(path) => Lock::take(path, role),
            Self::Server(url) => Lock::take_in(url, role),
        }
    }

    /// Takes the lock of a consumer if it is free; does not wait.
    ///
    /// # Errors
    /// [`LockError::Delivering`] when another process has it.
    pub fn consumer_lock(&self, consumer: &ConsumerName) -> Result<ConsumerLock, LockError> {
        match self {
            Self::File(path) => ConsumerLock::take(path, consumer),
            Self::Server(url) => ConsumerLock::take_in(url, consumer),
        }
    }

    /// The process that holds the lock of the store, such as `pid 17, run`; `None` when there is none, and when that
    /// cannot be found out.
    pub fn holder(&self) -> Option<String> {
        if self.is_missing() {
            return None; // An attempt to take the lock would create a lock file.
        }
        match self.lock(Role::Once) {
            Err(LockError::Held { holder, .. }) => Some(holder),
            Ok(_)
            | Err(LockError::Forbidden(_) | LockError::Io { .. } | LockError::Delivering { .. }) => {
                None
            }
        }
    }

    /// Whether there is certainly no store. Without the permission to look there may be one.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::File(path) => file::is_missing(path),
            Self::Server(url) => postgres::open::is_missing(url),
        }
    }

    /// For SQLite a file that this user may not read is one of many that cannot be opened.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] when this user may not read the store.
    pub fn refuse_forbidden(&self) -> Result<(), StoreError> {
        match self {
            Self::File(path) => file::refuse_forbidden(path),
            Self::Server(_) => Ok(()),
        }
    }

    /// Copies the whole store into the one at `target`, which is created, and goes on with a copy that was interrupted. The
    /// caller holds the locks of both. `report` is called after each step, of which each is a transaction.
    ///
    /// # Errors
    /// When the target has contents of its own or is an unfinished copy of another store, or one of both fails.
    pub fn copy_to(
        &self,
        target: &Self,
        report: &mut dyn FnMut(CopyStep),
    ) -> Result<Copied, StoreError> {
        copy::run(self, target, report)
    }

    /// Returns the space of removed articles to the file system. Other processes can read meanwhile, but not
    /// write.
    ///
    /// # Errors
    /// When another process writes for too long, or the disk has no space for a copy.
    pub fn vacuum(&self) -> Result<(), StoreError> {
        match self {
            Self::File(path) => maintenance::vacuum(path),
            Self::Server(url) => maintenance::vacuum_in(url),
        }
    }
}

impl Reader {
    /// Where the store is, for another connection to it.
    pub fn location(&self) -> Location {
        self.location.clone()
    }
}
