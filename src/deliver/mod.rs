//! Floor 2: where an export goes. A file is there as a whole or not at all; a closed pipe is success; a
//! program's exit code is its answer.

pub mod command;
pub mod signature;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Large enough that a system call is rare beside the work of formatting.
const BUFFER_BYTES: usize = 64 * 1024;

/// As many links in a row as Linux follows (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// Why an export did not arrive. A regular file is then as it was before, but for
/// [`DeliverError::Sync`] of its folder: then it is new, and may be old again after a power cut.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    #[error("{path} is a folder; give the name of a file in it")]
    IsFolder { path: PathBuf },
    #[error("could not find where {path} leads")]
    Resolve { path: PathBuf, source: io::Error },
    #[error("could not create the folder {path}")]
    Folder { path: PathBuf, source: io::Error },
    #[error("could not create {path}")]
    Create { path: PathBuf, source: io::Error },
    /// The writer or the disk failed.
    #[error("could not write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("could not bring {path} to the disk")]
    Sync { path: PathBuf, source: io::Error },
    #[error("could not rename {from} to {path}")]
    Rename { from: PathBuf, path: PathBuf, source: io::Error },
    #[error("could not write to standard output")]
    Stdout { source: io::Error },
    /// What was to be written could not be made; nothing is wrong with the output.
    #[error(transparent)]
    Content { source: io::Error },
}

/// Writes a file and gives what `write` gives, the number of articles.
///
/// A reader of `path` sees the old file or the new one, never a part: the text goes to a temporary
/// file beside it, `.NAME.PID.N.tmp`, is brought to the disk and renamed; then the folder is brought
/// to the disk. A missing folder is created. A link stays and its target is replaced; permissions of
/// a replaced file stay. What is no regular file (a pipe, `/dev/stdout`) is written to directly.
///
/// `write` returns `Err` when it did not get all it had to write, also if that was no fault of the
/// output: only then the old file stays.
///
/// # Errors
/// Every variant names the path. The temporary file is gone by then.
pub fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<u64>,
) -> Result<u64, DeliverError> {
    let target = resolve(path)?;
    let existing = match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(is_folder(path)),
        Ok(metadata) if !metadata.is_file() => return write_through(&target, write),
        Ok(metadata) => Some(metadata.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(DeliverError::Resolve { path: path.to_owned(), source }),
    };
    let folder = folder_of(&target);
    fs::create_dir_all(folder)
        .map_err(|source| DeliverError::Folder { path: folder.to_owned(), source })?;
    let (mut temporary, file) = Temporary::create(&target, existing.is_some())?;
    let count = write_all(&file, write)
        .map_err(|source| DeliverError::Write { path: target.clone(), source })?;
    let sync_failed = |source| DeliverError::Sync { path: target.clone(), source };
    if let Some(permissions) = existing {
        file.set_permissions(permissions).map_err(sync_failed)?;
    }
    file.sync_all().map_err(sync_failed)?;
    drop(file); // Some systems rename no open file.
    temporary.rename(&target)?;
    sync_folder(folder).map_err(|source| DeliverError::Sync { path: folder.to_owned(), source })?;
    Ok(count)
}

/// As [`to_file`], but makes and replaces no file when `write` gives 0.
///
/// # Errors
/// As [`to_file`].
pub fn to_file_unless_empty(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<u64>,
) -> Result<u64, DeliverError> {
    let mut empty = false;
    let written = to_file(path, |out| {
        let count = write(out)?;
        empty = count == 0;
        if empty { Err(io::Error::other("there is nothing to write")) } else { Ok(count) }
    });
    if empty { Ok(0) } else { written }
}

/// As [`to_stdout`], for those who count on delivery: if standard output is a file, all of it is on the
/// disk when this returns.
///
/// # Errors
/// As [`to_stdout`].
pub fn to_stdout_for_good(
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<u64>,
) -> Result<Option<u64>, DeliverError> {
    let written = to_stdout(write)?;
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let is_file = |file: &File| file.metadata().is_ok_and(|metadata| metadata.is_file());
    if let Some(file) = stdout.ok().filter(is_file) {
        file.sync_all().map_err(|source| DeliverError::Stdout { source })?;
    }
    Ok(written)
}

/// Writes to standard output. `None` when the reader went away before the end, as `head` does: that
/// is success, but whoever counts on delivery must not count this.
///
/// # Errors
/// [`DeliverError::Content`] for an [`io::ErrorKind::InvalidInput`] of `write` that says why, else
/// [`DeliverError::Stdout`].
pub fn to_stdout(
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<u64>,
) -> Result<Option<u64>, DeliverError> {
    unless_closed(write_all(io::stdout().lock(), write))
}

fn unless_closed(written: io::Result<u64>) -> Result<Option<u64>, DeliverError> {
    match written {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        Err(source)
            if source.kind() == io::ErrorKind::InvalidInput && source.get_ref().is_some() =>
        {
            Err(DeliverError::Content { source })
        }
        Err(source) => Err(DeliverError::Stdout { source }),
    }
}

fn write_all(
    out: impl io::Write,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<u64>,
) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let count = write(&mut out)?;
    out.flush()?;
    Ok(count)
}

fn write_through(
    target: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<u64>,
) -> Result<u64, DeliverError> {
    let file = OpenOptions::new()
        .write(true)
        .open(target)
        .map_err(|source| DeliverError::Create { path: target.to_owned(), source })?;
    write_all(file, write).map_err(|source| DeliverError::Write { path: target.to_owned(), source })
}

/// The path with links followed, as far as something is there. Unlike [`fs::canonicalize`] it takes
/// a link to a file that does not exist yet.
fn resolve(path: &Path) -> Result<PathBuf, DeliverError> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(is_folder(path));
    }
    let mut target = path.to_owned();
    // The links in /dev and /proc that stand for an open pipe lead to no path.
    if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Ok(target);
    }
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = fs::read_link(&target)
                    .map_err(|source| DeliverError::Resolve { path: path.to_owned(), source })?;
                target = folder_of(&target).join(link);
            }
            // Whatever else is wrong with it, the next step says.
            _ => return Ok(target),
        }
    }
    let source = io::Error::other(format!("more than {MAX_LINKS} symbolic links in a row"));
    Err(DeliverError::Resolve { path: path.to_owned(), source })
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn is_folder(path: &Path) -> DeliverError {
    DeliverError::IsFolder { path: path.to_owned() }
}

/// A rename is on the disk once its folder is (`fsync(2)`). Only Unix can do that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A file that is removed unless it was renamed.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    /// A name that no other writer of this process has; so a file that bears it was left behind by
    /// an earlier process of the same number, as in a container, where that is always 1.
    fn create(target: &Path, private: bool) -> Result<(Self, File), DeliverError> {
        static WRITERS: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().ok_or_else(|| is_folder(target))?;
        let number = WRITERS.fetch_add(1, Ordering::Relaxed);
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.{number}.tmp", std::process::id()));
        let path = folder_of(target).join(hidden);
        let created = match create_new(&path, private) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&path).and_then(|()| create_new(&path, private))
            }
            created => created,
        };
        match created {
            Ok(file) => Ok((Self { path, kept: false }, file)),
            Err(source) => Err(DeliverError::Create { path, source }),
        }
    }

    fn rename(&mut self, target: &Path) -> Result<(), DeliverError> {
        fs::rename(&self.path, target).map_err(|source| DeliverError::Rename {
            from: self.path.clone(),
            path: target.to_owned(),
            source,
        })?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // Already on the way out with an error that says more than this one would.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Follows no link that someone else put there. `private` while it stands in for a file whose
/// permissions are not yet known to allow more.
fn create_new(path: &Path, private: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    options.open(path)
}

#[cfg(test)]
mod tests;
