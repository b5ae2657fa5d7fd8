//! Advisory locks on files beside the store: one daemon for each store, and one delivery at a time to a
//! consumer. The kernel releases a lock when its process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::domain::consumer::ConsumerName;
use crate::domain::location::{Location, ServerUrl};
use crate::domain::named_enum::named_enum;
use crate::store::error::StoreError;
use crate::store::postgres;
use crate::store::postgres::lock::Mode;
use crate::store::sqlite::file::refuse_forbidden;

named_enum! {
    /// What the process that holds the lock of a store does. Its name is written into the lock file.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Role {
        /// `run`: holds the lock until it ends.
        Daemon = "run",
        /// `poll`: holds the lock for one round of polls.
        Once = "poll",
    }
}

impl Role {
    /// The role in the text of a lock file, such as `pid 17, run`.
    fn of_holder(text: &str) -> Option<Self> {
        let (_, name) = text.rsplit_once(", ")?;
        Self::parse(name)
    }
}

/// The lock of a store, held as long as the value lives. Its holder may end the leases that a dead process has
/// left.
#[derive(Debug)]
pub struct Lock {
    _held: Held,
}

/// What is locked.
#[derive(Debug)]
enum Held {
    File { _file: File },
    Server { _lock: postgres::lock::Held },
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{store} is in use by another gazetted: {holder}")]
    Held {
        store: Location,
        /// The text of the lock file, such as `pid 17, run`.
        holder: String,
        /// `None` as long as the holder has not written the file yet.
        role: Option<Role>,
    },
    #[error("another run is delivering to consumer {consumer}: {holder}")]
    Delivering { consumer: ConsumerName, holder: String },
    #[error(transparent)]
    Forbidden(#[from] StoreError),
    #[error("could not lock {path}")]
    Io { path: PathBuf, source: std::io::Error },
}

impl Lock {
    /// Takes the lock if it is free; does not wait.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub(super) fn take(store: &Path, role: Role) -> Result<Self, LockError> {
        refuse_forbidden(store)?;
        let path = beside(store, ".lock");
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file = open(&path).map_err(io)?;
        if let Some(holder) = holder(&mut file).map_err(io)? {
            let role = Role::of_holder(&holder);
            return Err(LockError::Held { store: Location::file(store), holder, role });
        }
        sign(&mut file, role.as_str()).map_err(io)?;
        Ok(Self { _held: Held::File { _file: file } })
    }

    /// As [`Lock::take`], for a store in PostgreSQL.
    pub(super) fn take_in(url: &ServerUrl, role: Role) -> Result<Self, LockError> {
        // Several daemons share a store there.
        let mode = match role {
            Role::Daemon => Mode::Together,
            Role::Once => Mode::Alone,
        };
        match postgres::lock::take(url, "run", (&signature(role.as_str()), mode))? {
            Ok(held) => Ok(Self { _held: Held::Server { _lock: held } }),
            Err(holder) => {
                let role = Role::of_holder(&holder);
                Err(LockError::Held { store: Location::Server(url.clone()), holder, role })
            }
        }
    }
}

/// The lock of a consumer, held as long as the value lives. Without it, two processes could read from one
/// cursor and deliver the same articles. The lock file is removed with the value.
#[derive(Debug)]
pub struct ConsumerLock(HeldConsumer);

#[derive(Debug)]
enum HeldConsumer {
    File { file: File, path: PathBuf },
    Server { _lock: postgres::lock::Held },
}

impl ConsumerLock {
    /// Takes the lock if it is free; does not wait.
    ///
    /// # Errors
    /// [`LockError::Delivering`] when another process has it.
    pub(super) fn take(store: &Path, consumer: &ConsumerName) -> Result<Self, LockError> {
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
                return Ok(Self(HeldConsumer::File { file, path }));
            }
        }
    }

    /// As [`ConsumerLock::take`], for a store in PostgreSQL.
    pub(super) fn take_in(url: &ServerUrl, consumer: &ConsumerName) -> Result<Self, LockError> {
        match postgres::lock::take(
            url,
            &format!("consumer {consumer}"),
            (&signature("delivering"), Mode::Alone),
        )? {
            Ok(held) => Ok(Self(HeldConsumer::Server { _lock: held })),
            Err(holder) => Err(LockError::Delivering { consumer: consumer.clone(), holder }),
        }
    }
}

impl Drop for ConsumerLock {
    fn drop(&mut self) {
        // The next process creates a new file. A file that cannot be removed does no harm.
        if let HeldConsumer::File { file, path } = &self.0
            && is_at(file, path).unwrap_or(false)
        {
            std::fs::remove_file(path).ok();
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

/// Locks the file and returns `None`; or returns what the process that holds the lock has written into it.
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

/// Writes the process id and the role into the lock file.
fn sign(file: &mut File, role: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", signature(role))
}

/// Who holds a lock, and for what.
fn signature(role: &str) -> String {
    format!("pid {}, {role}", std::process::id())
}

/// Whether `path` is still the path of this open file.
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
    fn a_second_process_learns_which_process_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("x.db");
        let first = Lock::take(&store, Role::Daemon).unwrap();
        let error = Lock::take(&store, Role::Once).unwrap_err();
        let expected = format!("pid {}, run", std::process::id());
        assert!(
            matches!(&error, LockError::Held { holder, role: Some(Role::Daemon), .. } if *holder == expected),
            "{error}"
        );
        drop(first);
        Lock::take(&store, Role::Once).unwrap();
    }

    #[test]
    fn a_consumer_has_one_lock_at_a_time_and_no_lock_file_is_left() {
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

    /// A process that locks a file which its holder has just removed must not believe that it has the lock.
    #[test]
    fn a_lock_that_many_threads_take_in_turn_is_never_held_twice() {
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
