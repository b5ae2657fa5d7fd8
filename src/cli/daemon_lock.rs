//! Whether a daemon is running.

use std::path::Path;

use crate::store::{Lock, LockError, Role, is_missing};

/// The process that holds the lock of the store, such as `pid 17, run`; `None` when there is none.
pub(super) fn daemon(store: &Path) -> Option<String> {
    if is_missing(store) {
        return None; // An attempt to take the lock would create a lock file.
    }
    match Lock::take(store, Role::Once) {
        Err(LockError::Held { holder, .. }) => Some(holder),
        Ok(_)
        | Err(LockError::Forbidden(_) | LockError::Io { .. } | LockError::Delivering { .. }) => {
            None
        }
    }
}
