//! Incomplete files of processes that were killed while they wrote an export or a copy of a store.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::{folder_of, resolve};

/// The first bytes of each file of SQLite.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// A temporary file is fresh for this time after it was written.
const FRESH: Duration = Duration::from_mins(1);

/// Removes the temporary files that killed processes have left beside `path`, and returns their paths. A live
/// writer holds the lock of its file.
pub fn sweep_temporary(path: &Path) -> Vec<PathBuf> {
    let Ok(target) = resolve(path) else { return Vec::new() };
    let Some(name) = target.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let is_dead = |path: &Path| {
        let rest = path.file_name()?.to_str()?.strip_prefix('.')?.strip_prefix(name)?;
        let (pid, number) = rest.strip_prefix('.')?.strip_suffix(".tmp")?.split_once('.')?;
        number.parse::<u64>().ok()?;
        let file = File::open(path).ok()?;
        let is_fresh =
            file.metadata().ok()?.modified().ok()?.elapsed().is_ok_and(|age| age < FRESH);
        file.try_lock().ok()?;
        // A file is not locked yet at the moment of its creation.
        Some(!(is_fresh && is_alive(pid.parse().ok()?)))
    };
    let Ok(entries) = fs::read_dir(folder_of(&target)) else { return Vec::new() };
    let mut dead: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    dead.retain(|path| is_dead(path) == Some(true) && fs::remove_file(path).is_ok());
    dead
}

/// Removes the incomplete copies in the folder of the store that no live process writes: those of migrations
/// (`STORE.schema-N.part`) and of `db backup` (`COPY.PID.part`). The caller has opened the store for writing, so
/// no migration can be in progress. Returns the paths of the removed files.
pub fn sweep_copies(store: &Path) -> Vec<PathBuf> {
    let prefix = format!("{}.schema-", store.file_name().unwrap_or_default().to_string_lossy());
    let is_dead = |path: &Path| {
        let name = path.file_name()?.to_str()?.strip_suffix(".part")?;
        let number = match name.strip_prefix(&prefix) {
            Some(version) => return version.parse::<u32>().ok().map(|_| true),
            None => name.rsplit_once('.')?.1,
        };
        Some(!is_alive(number.parse().ok()?) && is_copy(path))
    };
    let Ok(entries) = fs::read_dir(folder_of(store)) else { return Vec::new() };
    let mut dead: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    dead.retain(|path| is_dead(path) == Some(true) && fs::remove_file(path).is_ok());
    dead
}

/// Whether another process has this number. A file with our own number is of a process before us.
fn is_alive(pid: i32) -> bool {
    let is_ours = u32::try_from(pid) == Ok(std::process::id());
    0 < pid && !is_ours && kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Whether the file is the beginning of a database. Other programs write files with such names too.
fn is_copy(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
    read.is_ok() && MAGIC.starts_with(&start)
}
