//! One daemon a store: an advisory lock on a file beside it, which the kernel drops with its holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What the holder of a lock is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `run`: holds it until it ends.
    Daemon,
    /// `poll`: holds it for one round.
    Once,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Daemon => "run",
            Self::Once => "poll",
        }
    }
}

/// Held as long as the value lives. Who holds it may end leases that a dead process left.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{store} is in use by another gazetted: {holder}")]
    Held { store: PathBuf, holder: String, daemon: bool },
    #[error("could not lock {path}")]
    Io { path: PathBuf, source: std::io::Error },
}

impl Lock {
    /// Does not wait.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub fn take(store: &Path, role: Role) -> Result<Self, LockError> {
        let mut path = store.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let io = |source| LockError::Io { path: path.clone(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(io(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io)?;
                let holder = holder.trim().to_owned();
                let daemon = holder.ends_with(Role::Daemon.as_str());
                return Err(LockError::Held { store: store.to_owned(), holder, daemon });
            }
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "pid {}, {}", std::process::id(), role.as_str()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_to_come_is_told_who_was_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("x.db");
        let first = Lock::take(&store, Role::Daemon).unwrap();
        let error = Lock::take(&store, Role::Once).unwrap_err();
        let expected = format!("pid {}, run", std::process::id());
        assert!(
            matches!(&error, LockError::Held { holder, daemon: true, .. } if *holder == expected),
            "{error}"
        );
        drop(first);
        Lock::take(&store, Role::Once).unwrap();
    }
}
