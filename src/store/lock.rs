//! One daemon a store, and one delivery at a time to a consumer: advisory locks on files beside the store,
//! which the kernel drops with their holders.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::domain::consumer::ConsumerName;

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
    #[error("another run is delivering to consumer {consumer}: {holder}")]
    Delivering { consumer: ConsumerName, holder: String },
    #[error("could not lock {path}")]
    Io { path: PathBuf, source: std::io::Error },
}

impl Lock {
    /// Does not wait.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub fn take(store: &Path, role: Role) -> Result<Self, LockError> {
        let path = beside(store, ".lock");
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file = open(&path).map_err(io)?;
        if let Some(holder) = holder(&mut file).map_err(io)? {
            let daemon = holder.ends_with(Role::Daemon.as_str());
            return Err(LockError::Held { store: store.to_owned(), holder, daemon });
        }
        sign(&mut file, role.as_str()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// The right to deliver to a consumer: two who read from one cursor would both deliver what comes after it.
/// Held as long as the value lives; its file goes with it.
#[derive(Debug)]
pub struct ConsumerLock {
    file: File,
    path: PathBuf,
}

impl ConsumerLock {
    /// Does not wait.
    ///
    /// # Errors
    /// [`LockError::Delivering`] when somebody else has it.
    pub fn take(store: &Path, consumer: &ConsumerName) -> Result<Self, LockError> {
        let path = beside(store, &format!(".{consumer}.consumer"));
        let io = |source| LockError::Io { path: path.clone(), source };
        loop {
            let mut file = open(&path).map_err(io)?;
            if let Some(holder) = holder(&mut file).map_err(io)? {
                return Err(LockError::Delivering { consumer: consumer.clone(), holder });
            }
            // The last holder may have removed the file between our opening and locking it.
            if is_at(&file, &path).map_err(io)? {
                sign(&mut file, "delivering").map_err(io)?;
                return Ok(Self { file, path });
            }
        }
    }
}

impl Drop for ConsumerLock {
    fn drop(&mut self) {
        // Whoever waits for nothing finds no file and makes a new one; a file that stays does no harm.
        if is_at(&self.file, &self.path).unwrap_or(false) {
            std::fs::remove_file(&self.path).ok();
        }
    }
}

fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Locks the file; or, if somebody else has, what that one wrote into it.
fn holder(file: &mut File) -> std::io::Result<Option<String>> {
    match file.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            Ok(Some(holder.trim().to_owned()))
        }
    }
}

fn sign(file: &mut File, doing: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "pid {}, {doing}", std::process::id())
}

/// Whether `path` still leads to this file.
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let own = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((own.dev(), own.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
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

    #[test]
    fn one_delivers_to_a_consumer_at_a_time_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("x.db");
        let (a, b) = (ConsumerName::parse("a").unwrap(), ConsumerName::parse("b").unwrap());
        let first = ConsumerLock::take(&store, &a).unwrap();
        let error = ConsumerLock::take(&store, &a).unwrap_err();
        let expected = format!(
            "another run is delivering to consumer a: pid {}, delivering",
            std::process::id()
        );
        assert_eq!(error.to_string(), expected);
        let other = ConsumerLock::take(&store, &b).unwrap();
        drop(first);
        let again = ConsumerLock::take(&store, &a).unwrap();
        drop((again, other));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Whoever locks a file that its holder has just removed would be alone with it.
    #[test]
    fn many_that_take_turns_are_never_two_at_once() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("x.db");
        let name = ConsumerName::parse("a").unwrap();
        let (inside, turns) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while turns.load(Ordering::SeqCst) < 400 {
                        let Ok(lock) = ConsumerLock::take(&store, &name) else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                        turns.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
